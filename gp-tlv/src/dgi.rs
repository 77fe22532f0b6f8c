//! Data groupings of EMV Card Personalization (EMV CPS 2.2), carried by STORE DATA (GPCS 11.11).
//!
//! ```text
//!   DGI      length               value
//!  +-------+--------------------+-----------------+
//!  | 00 B9 | 00..FE             | length octets,  |
//!  |       | FF xx xx           | often BER-TLV   |
//!  +-------+--------------------+-----------------+
//! ```
//!
//! The form `FF xx xx` is accepted for short values too, and written only for 255 octets and more. A grouping may
//! be longer than one STORE DATA block; its length always tells the whole, so join the blocks first.

use core::iter::FusedIterator;

use crate::reader::octets_before;
use crate::writer::Length;
use crate::{Error, ErrorKind, Reader, Writer, parse};

/// One data grouping: its identifier and its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dgi<'a> {
    /// The data grouping identifier, two octets.
    pub tag: u16,
    /// The value, 0 to 65535 octets.
    pub value: &'a [u8],
}

/// A cursor over a sequence of data groupings, with the rules of [`Reader`]: a failure does not move it, and as an
/// iterator it yields every grouping, then at most one error, then nothing.
///
/// ```
/// # use gp_tlv::{Dgi, DgiReader, Error, ErrorKind};
/// let mut groupings = DgiReader::new(&[0x00, 0x70, 0x01, 0xAA, 0x81, 0x13, 0x10, 0xBB]);
/// assert_eq!(groupings.next(), Some(Ok(Dgi { tag: 0x0070, value: &[0xAA] })));
/// assert_eq!(groupings.next(), Some(Err(Error::new(ErrorKind::Truncated, 7))));
/// assert_eq!(groupings.next(), None);
/// ```
#[derive(Clone, Debug)]
pub struct DgiReader<'a> {
    rest: &'a [u8],
    offset: usize,
    ended: bool,
}

impl<'a> DgiReader<'a> {
    /// A reader of `input`, whose first octet is octet 0 of every position.
    #[must_use]
    pub const fn new(input: &'a [u8]) -> Self {
        Self::with_base(input, 0)
    }

    /// A reader of `input`, which begins at octet `base` of some larger message: positions count from that message.
    #[must_use]
    pub const fn with_base(input: &'a [u8], base: usize) -> Self {
        Self { rest: input, offset: base, ended: false }
    }

    /// The next data grouping, or `None` at the end.
    ///
    /// # Errors
    /// [`Truncated`](ErrorKind::Truncated).
    pub fn next_dgi(&mut self) -> Result<Option<Dgi<'a>>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (rest, dgi) = parse::next_dgi(self.rest)
            .map_err(|at| Error::new(at.1, self.offset.saturating_add(octets_before(self.rest, at.0))))?;
        self.offset = self.offset.saturating_add(octets_before(self.rest, rest));
        self.rest = rest;
        Ok(Some(dgi))
    }

    /// A reader of the data objects in `value`, the value of the grouping that was read last; given any other slice
    /// the positions in errors are wrong, nothing else.
    #[must_use]
    pub const fn inside(&self, value: &'a [u8]) -> Reader<'a> {
        Reader::with_base(value, self.offset.saturating_sub(value.len()))
    }

    /// Checks that everything has been read.
    ///
    /// # Errors
    /// [`TrailingData`](ErrorKind::TrailingData) if octets are left.
    pub fn finish(&self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(Error::new(ErrorKind::TrailingData, self.offset)) }
    }

    /// The position of the next octet, counted from the outermost message.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The octets not yet read.
    #[must_use]
    pub const fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

impl<'a> Iterator for DgiReader<'a> {
    type Item = Result<Dgi<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.next_dgi();
        self.ended = item.is_err();
        item.transpose()
    }
}

impl FusedIterator for DgiReader<'_> {}

/// Appends data groupings to a buffer. A call either appends everything or fails and leaves the writer as it was.
///
/// ```
/// # use gp_tlv::{DgiWriter, Error, Tag};
/// let mut buf = [0; 16];
/// let mut out = DgiWriter::new(&mut buf);
/// out.nested(0x00B9, |keys| {
///     keys.tlv(Tag::new(0xB9), &[])?;
///     Ok(())
/// })?;
/// out.dgi(0x8113, &[0x01, 0x02])?;
/// assert_eq!(out.finish(), [0x00, 0xB9, 0x02, 0xB9, 0x00, 0x81, 0x13, 0x02, 0x01, 0x02]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct DgiWriter<'b>(Writer<'b>);

impl<'b> DgiWriter<'b> {
    /// A writer at the start of `buf`.
    #[must_use]
    pub const fn new(buf: &'b mut [u8]) -> Self {
        Self(Writer::new(buf))
    }

    /// Appends one data grouping.
    ///
    /// # Errors
    /// [`BufferFull`](ErrorKind::BufferFull); [`LengthTooLarge`](ErrorKind::LengthTooLarge) for more than 65535
    /// octets.
    pub fn dgi(&mut self, tag: u16, value: &[u8]) -> Result<&mut Self, Error> {
        self.0.element(&tag.to_be_bytes(), Length::dgi, value)?;
        Ok(self)
    }

    /// Appends a data grouping whose value is what `write` appends to the writer it is given.
    ///
    /// # Errors
    /// Those of [`dgi`](Self::dgi) and of [`Writer::nested`].
    pub fn nested(
        &mut self,
        tag: u16,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), Error>,
    ) -> Result<&mut Self, Error> {
        self.0.back_patched(&tag.to_be_bytes(), Length::dgi, write)?;
        Ok(self)
    }

    /// How many octets have been written.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing has been written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many octets still fit.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.0.remaining()
    }

    /// The octets that were written, at the start of the caller's buffer.
    #[must_use]
    pub fn finish(self) -> &'b mut [u8] {
        self.0.finish()
    }
}
