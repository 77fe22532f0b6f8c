//! Why a command body or its answer cannot be read or written, and where.

use core::fmt;

/// What is wrong with a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The octets end inside a field.
    Truncated,
    /// Octets follow the last field.
    TrailingData,
    /// A length that this field may not have, or a length that is coded badly.
    BadLength,
    /// Not a well-formed TLV object.
    BadTlv,
    /// A field or object that must be there is not.
    Missing,
    /// A field or object that may not be here: unknown order, given twice, or not for this function.
    Unexpected,
    /// A value outside the coding of its field.
    BadValue,
    /// P1 or P2 is outside the coding of the command (the card answers `6A86`).
    Parameters,
    /// A block number that is not the one before plus one, or would be the 257th block.
    BlockNumber,
    /// The caller's buffer has no room for the result.
    BufferFull,
    /// The check value does not fit the key (the card answers `6982`).
    CheckValue,
    /// The Key-DEK could not encrypt or decrypt.
    Dek,
}

/// An [`ErrorKind`] and the octet it was found at; 8 octets, `Copy`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Octet position, counted from the start of what was being read or written
    /// (the command data field, the response data, the load file).
    pub offset: u32,
}

impl Error {
    /// An error of `kind` at octet `offset`; positions beyond 32 bits are cut to the largest.
    pub(crate) fn at(kind: ErrorKind, offset: usize) -> Self {
        Self { kind, offset: u32::try_from(offset).unwrap_or(u32::MAX) }
    }

    /// A TLV error from inside a field that starts at octet `base`.
    pub(crate) fn tlv(error: gp_tlv::Error, base: usize) -> Self {
        let kind = match error.kind {
            gp_tlv::ErrorKind::Truncated => ErrorKind::Truncated,
            gp_tlv::ErrorKind::TrailingData => ErrorKind::TrailingData,
            gp_tlv::ErrorKind::Missing => ErrorKind::Missing,
            gp_tlv::ErrorKind::Unexpected => ErrorKind::Unexpected,
            gp_tlv::ErrorKind::BufferFull => ErrorKind::BufferFull,
            _ => ErrorKind::BadTlv,
        };
        let base = u32::try_from(base).unwrap_or(u32::MAX);
        Self { kind, offset: error.offset.saturating_add(base) }
    }

    /// The same error, seen from a field that starts at octet `base`.
    pub(crate) fn shifted(self, base: usize) -> Self {
        let base = u32::try_from(base).unwrap_or(u32::MAX);
        Self { offset: self.offset.saturating_add(base), ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ErrorKind::Truncated => "the data ends inside a field",
            ErrorKind::TrailingData => "data follows the last field",
            ErrorKind::BadLength => "a length this field may not have",
            ErrorKind::BadTlv => "not a well-formed TLV object",
            ErrorKind::Missing => "a field is missing",
            ErrorKind::Unexpected => "a field that may not be here",
            ErrorKind::BadValue => "a value outside the coding of its field",
            ErrorKind::Parameters => "P1 or P2 outside the coding of the command",
            ErrorKind::BlockNumber => "not the next block number",
            ErrorKind::BufferFull => "the buffer is too small",
            ErrorKind::CheckValue => "the key check value does not fit the key",
            ErrorKind::Dek => "the Key-DEK refused its work",
        };
        write!(f, "{what} (octet {})", self.offset)
    }
}

impl core::error::Error for Error {}
