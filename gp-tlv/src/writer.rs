//! Data objects into the caller's buffer, with minimal lengths.
//!
//! ```text
//!  nested:   tag 00 |body ............|          one octet is kept for the length
//!            tag 2A |body ............|          enough up to 127 octets;
//!            tag 81 B0 |body ............|       above, the body moves once
//! ```

use core::fmt;

use crate::{Error, ErrorKind, MAX_DEPTH, Tag};

/// How many octets the minimal length field for a value of `len` octets has: 1 to 5.
#[must_use]
pub const fn length_len(len: usize) -> usize {
    match len {
        0..=0x7F => 1,
        0x80..=0xFF => 2,
        0x100..=0xFFFF => 3,
        0x1_0000..=0xFF_FFFF => 4,
        _ => 5,
    }
}

/// How many octets a data object with this tag and a value of `len` octets has.
#[must_use]
pub const fn encoded_len(tag: Tag, len: usize) -> usize {
    tag.encoded_len().saturating_add(length_len(len)).saturating_add(len)
}

/// A length field as it stands on the wire; its shortest form has one octet.
pub(crate) struct Length {
    octets: [u8; 5],
    len: usize,
}

impl Length {
    /// The minimal BER form; `None` above `u32::MAX`.
    pub(crate) fn ber(len: usize) -> Option<Self> {
        let (octets, len) = match u32::try_from(len).ok()?.to_be_bytes() {
            [0, 0, 0, d @ ..=0x7F] => ([d, 0, 0, 0, 0], 1),
            [0, 0, 0, d] => ([0x81, d, 0, 0, 0], 2),
            [0, 0, c, d] => ([0x82, c, d, 0, 0], 3),
            [0, b, c, d] => ([0x83, b, c, d, 0], 4),
            [a, b, c, d] => ([0x84, a, b, c, d], 5),
        };
        Some(Self { octets, len })
    }

    /// The minimal form of EMV CPS; `None` above `u16::MAX`.
    pub(crate) fn dgi(len: usize) -> Option<Self> {
        let (octets, len) = match u16::try_from(len).ok()?.to_be_bytes() {
            [0, low @ ..=0xFE] => ([low, 0, 0, 0, 0], 1),
            [high, low] => ([0xFF, high, low, 0, 0], 3),
        };
        Some(Self { octets, len })
    }

    fn octets(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

/// Appends data objects to a buffer.
///
/// A call either appends everything or fails and leaves the writer as it was; octets behind
/// [`len`](Self::len) are scratch. Lengths are always minimal.
///
/// ```
/// # use gp_tlv::{Error, Tag, Writer};
/// let mut buf = [0; 16];
/// let mut out = Writer::new(&mut buf);
/// out.nested(Tag::new(0xE3), |entry| {
///     entry.tlv(Tag::new(0x4F), &[0xA0, 0, 0, 1, 0x51])?.tlv(Tag::new(0x9F70), &[0x0F])?;
///     Ok(())
/// })?;
/// assert_eq!(out.finish(), [0xE3, 0x0B, 0x4F, 5, 0xA0, 0, 0, 1, 0x51, 0x9F, 0x70, 1, 0x0F]);
/// # Ok::<(), Error>(())
/// ```
pub struct Writer<'b> {
    buf: &'b mut [u8],
    len: usize,
    /// Position of `buf` in the outermost buffer.
    base: usize,
    /// Templates around this level.
    depth: u8,
}

impl<'b> Writer<'b> {
    /// A writer at the start of `buf`.
    #[must_use]
    pub const fn new(buf: &'b mut [u8]) -> Self {
        Self { buf, len: 0, base: 0, depth: 0 }
    }

    /// Appends one data object.
    ///
    /// # Errors
    /// [`BufferFull`](ErrorKind::BufferFull); [`LengthTooLarge`](ErrorKind::LengthTooLarge) for more than `u32::MAX`
    /// octets.
    pub fn tlv(&mut self, tag: Tag, value: &[u8]) -> Result<&mut Self, Error> {
        self.element(tag.octets(), Length::ber, value)
    }

    /// Appends a data object whose value is what `write` appends to the writer it is given. `write` sees only the
    /// room behind the tag and one length octet.
    ///
    /// # Errors
    /// [`BufferFull`](ErrorKind::BufferFull), also when only the longer length field does not fit;
    /// [`TooDeep`](ErrorKind::TooDeep) if [`MAX_DEPTH`] templates are open already; and what `write` answers, with
    /// positions as if the length of every open template had one octet.
    pub fn nested(
        &mut self,
        tag: Tag,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), Error>,
    ) -> Result<&mut Self, Error> {
        self.back_patched(tag.octets(), Length::ber, write)
    }

    /// Appends octets as they are: data objects encoded elsewhere, the tags of a tag list, or the plain value of a
    /// template that [`nested`](Self::nested) is writing.
    ///
    /// # Errors
    /// [`BufferFull`](ErrorKind::BufferFull).
    pub fn raw(&mut self, octets: &[u8]) -> Result<&mut Self, Error> {
        self.append([octets, &[], &[]])
    }

    /// How many octets have been written on this level.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been written on this level.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many octets still fit.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.buf.len().saturating_sub(self.len)
    }

    /// What has been written on this level so far.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.buf.get(..self.len).unwrap_or_default()
    }

    /// The octets that were written, at the start of the caller's buffer.
    #[must_use]
    pub fn finish(self) -> &'b mut [u8] {
        self.buf.get_mut(..self.len).unwrap_or_default()
    }

    /// Tag, length, value, in one piece.
    pub(crate) fn element(
        &mut self,
        tag: &[u8],
        length: fn(usize) -> Option<Length>,
        value: &[u8],
    ) -> Result<&mut Self, Error> {
        let length = length(value.len()).ok_or_else(|| self.error(ErrorKind::LengthTooLarge))?;
        self.append([tag, length.octets(), value])
    }

    /// Tag, length, value, where the length is known last.
    pub(crate) fn back_patched(
        &mut self,
        tag: &[u8],
        length: fn(usize) -> Option<Length>,
        write: impl FnOnce(&mut Writer<'_>) -> Result<(), Error>,
    ) -> Result<&mut Self, Error> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error(ErrorKind::TooDeep));
        }
        let full = self.error(ErrorKind::BufferFull);
        let header = tag.len().saturating_add(1);
        let room = self.buf.get_mut(self.len..).unwrap_or_default();
        let mut inner = Writer {
            buf: room.get_mut(header..).ok_or(full)?,
            len: 0,
            base: self.base.saturating_add(self.len).saturating_add(header),
            depth: self.depth.saturating_add(1),
        };
        write(&mut inner)?;
        let body = inner.len;

        let length = length(body).ok_or_else(|| self.error(ErrorKind::LengthTooLarge))?;
        let widened = tag.len().saturating_add(length.octets().len());
        let total = widened.saturating_add(body);
        let room = self.buf.get_mut(self.len..).and_then(|room| room.get_mut(..total)).ok_or(full)?;
        // Moved from its end, for the two places overlap; `copy_within` could panic for all the compiler knows.
        for at in (0..body).rev().take_while(|_| widened > header) {
            let octet = room.get(header.saturating_add(at)).copied().unwrap_or(0);
            room.get_mut(widened.saturating_add(at)).into_iter().for_each(|place| *place = octet);
        }
        for (octet, value) in room.iter_mut().zip(tag.iter().chain(length.octets())) {
            *octet = *value;
        }
        self.len = self.len.saturating_add(total);
        Ok(self)
    }

    fn append(&mut self, parts: [&[u8]; 3]) -> Result<&mut Self, Error> {
        let total = parts.iter().fold(0, |sum: usize, part| sum.saturating_add(part.len()));
        let room = self.buf.get_mut(self.len..).unwrap_or_default();
        let Some(mut room) = room.get_mut(..total) else {
            return Err(self.error(ErrorKind::BufferFull));
        };
        for part in parts {
            // Never `None`: the parts add up to the room.
            if let Some((head, tail)) = room.split_at_mut_checked(part.len()) {
                // One `memcpy`, and unlike `copy_from_slice` without a check that can panic.
                for (to, from) in head.iter_mut().zip(part) {
                    *to = *from;
                }
                room = tail;
            } else {
                break;
            }
        }
        self.len = self.len.saturating_add(total);
        Ok(self)
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.base.saturating_add(self.len))
    }
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("len", &self.len).field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}
