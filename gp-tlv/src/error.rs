//! What went wrong and at which octet.

use core::fmt;

/// A refusal: its kind and the octet it names.
///
/// Eight octets, `Copy`. The offset counts from the first octet of the outermost message, also when the fault lies
/// several templates deep; see [`Reader::with_base`](crate::Reader::with_base).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Error {
    /// Why the octets were refused.
    pub kind: ErrorKind,
    /// Which octet, counted from the start of the outermost message; `u32::MAX` stands for anything beyond.
    pub offset: u32,
}

// Errors travel in the `Result` of every step of every layer above: keep them in one register.
const _: () = assert!(size_of::<Error>() == 8);

impl Error {
    /// An error of `kind` at octet `offset`.
    #[must_use]
    pub fn new(kind: ErrorKind, offset: usize) -> Self {
        Self { kind, offset: u32::try_from(offset).unwrap_or(u32::MAX) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at octet {}", self.kind, self.offset)
    }
}

impl core::error::Error for Error {}

/// Why octets were refused, and which octet an [`Error`] of that kind names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input ends inside a tag, a length or a value. Names the first octet of the part that does not fit: for a
    /// value its first octet, which is also where the octets run out when none is there.
    Truncated,
    /// A tag of more than three octets, or one whose second octet is `80`. Names the first octet of the tag.
    MalformedTag,
    /// The length octet `80`, which announces an end marker instead of a length. Names that octet.
    IndefiniteLength,
    /// A length of more than four octets (read), or one that has no form (written). Names the length octet when
    /// reading, the start of the element when writing.
    LengthTooLarge,
    /// More than [`MAX_DEPTH`](crate::MAX_DEPTH) templates inside each other. Names the first octet of the value that
    /// would be one too many when reading, the start of the template when writing.
    TooDeep,
    /// Octets are left where the caller expected none. Names the first of them.
    TrailingData,
    /// The input ends where an element was required. Names the end.
    Missing,
    /// An element with another tag stands where one was required. Names its first octet.
    Unexpected,
    /// The buffer has no room. Names the start of the element that does not fit.
    BufferFull,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "input ends too early",
            Self::MalformedTag => "malformed tag",
            Self::IndefiniteLength => "indefinite length",
            Self::LengthTooLarge => "length too large",
            Self::TooDeep => "templates nested too deep",
            Self::TrailingData => "unexpected data after the last element",
            Self::Missing => "required element missing",
            Self::Unexpected => "unexpected element",
            Self::BufferFull => "buffer full",
        })
    }
}
