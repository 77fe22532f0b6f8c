//! Reading and writing the flat fields of command bodies: octets, LV fields, TLV objects.
//!
//! ```text
//!  short LV   LL value              LL 00..FF, one octet
//!  BER LV     LL value              00..7F | 81 xx | 82 xxxx | and 80 alone = 128 (GPCS 11.5.2.3.7)
//! ```

use crate::error::{Error, ErrorKind};
use gp_tlv::Tag;

/// A cursor over the octets of one body that knows its position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Octets<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Octets<'a> {
    /// Reads `octets` from position 0.
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self::with_base(octets, 0)
    }

    /// Reads `octets`, whose first one is octet `base` of the message.
    pub(crate) const fn with_base(octets: &'a [u8], base: usize) -> Self {
        Self { rest: octets, offset: base }
    }

    /// Position of the next octet.
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    /// What has not been read.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether all octets have been read.
    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next octet, which stays.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The octets between this cursor and `later`, a copy of it that has read on.
    pub(crate) fn up_to(&self, later: &Self) -> Self {
        let len = later.offset.saturating_sub(self.offset);
        let (head, _) = self.rest.split_at_checked(len).unwrap_or((self.rest, &[]));
        Self { rest: head, ..*self }
    }

    /// An error of `kind` at the next octet.
    pub(crate) fn fail<T>(&self, kind: ErrorKind) -> Result<T, Error> {
        Err(Error::at(kind, self.offset))
    }

    /// The next `len` octets.
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let Some((head, rest)) = self.rest.split_at_checked(len) else {
            return self.fail(ErrorKind::Truncated);
        };
        self.rest = rest;
        self.offset = self.offset.saturating_add(len);
        Ok(head)
    }

    /// The next octet.
    pub(crate) fn octet(&mut self) -> Result<u8, Error> {
        let start = self.offset;
        let head = self.take(1)?;
        head.first().copied().ok_or(Error::at(ErrorKind::Truncated, start))
    }

    /// A field with a length of one octet, 00..FF.
    pub(crate) fn short_lv(&mut self) -> Result<&'a [u8], Error> {
        let len = self.octet()?;
        self.take(len.into())
    }

    /// A BER length of one to three octets; a lone `80` is 128 here, never the indefinite form.
    pub(crate) fn length(&mut self) -> Result<usize, Error> {
        let start = self.offset;
        match self.octet()? {
            short @ 0..=0x80 => Ok(short.into()),
            0x81 => self.octet().map(usize::from),
            0x82 => {
                let high = usize::from(self.octet()?);
                let low = usize::from(self.octet()?);
                Ok(high.saturating_mul(256).saturating_add(low))
            }
            _ => Err(Error::at(ErrorKind::BadLength, start)),
        }
    }

    /// A field with a [`length`](Self::length) before it.
    pub(crate) fn lv(&mut self) -> Result<&'a [u8], Error> {
        let len = self.length()?;
        self.take(len)
    }

    /// Refuses octets that were not read.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        match self.is_empty() {
            true => Ok(()),
            false => self.fail(ErrorKind::TrailingData),
        }
    }
}

/// One TLV object and where it stands in the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<'a> {
    /// Its tag.
    pub(crate) tag: Tag,
    /// Its value.
    pub(crate) value: &'a [u8],
    /// Position of the tag.
    pub(crate) at: usize,
    /// Position of the value.
    pub(crate) inside: usize,
}

/// Calls `f` with each TLV object of `octets`, whose first octet is octet `base` of the message.
pub(crate) fn each_object<'a>(
    octets: &'a [u8],
    base: usize,
    mut f: impl FnMut(Object<'a>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut reader = gp_tlv::Reader::new(octets);
    loop {
        let at = base.saturating_add(reader.offset());
        let Some(tlv) = reader.next_tlv().map_err(|e| Error::tlv(e, base))? else {
            return Ok(());
        };
        let end = base.saturating_add(reader.offset());
        f(Object { tag: tlv.tag, value: tlv.value, at, inside: end.saturating_sub(tlv.value.len()) })?;
    }
}

/// Fills `slot`, which must be empty: an object given twice is refused.
pub(crate) fn once<T>(slot: &mut Option<T>, value: T, at: usize) -> Result<(), Error> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::at(ErrorKind::Unexpected, at)),
    }
}

/// Octets a BER length takes: 1 below 80, 2 up to FF, 3 above.
pub(crate) const fn length_len(len: usize) -> usize {
    match len {
        0..=0x7F => 1,
        0x80..=0xFF => 2,
        _ => 3,
    }
}

/// A cursor that fills the caller's buffer.
#[derive(Debug)]
pub(crate) struct Out<'b> {
    buf: &'b mut [u8],
    len: usize,
}

impl<'b> Out<'b> {
    /// Writes from the start of `buf`.
    pub(crate) fn new(buf: &'b mut [u8]) -> Self {
        Self { buf, len: 0 }
    }

    /// Octets written.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The buffer is too small at this position.
    fn full(&self) -> Error {
        Error::at(ErrorKind::BufferFull, self.len)
    }

    /// The next `len` octets of the buffer, taken as written; for a caller that fills them in place.
    pub(crate) fn reserve(&mut self, len: usize) -> Result<&mut [u8], Error> {
        let full = self.full();
        let end = self.len.checked_add(len).ok_or(full)?;
        let room = self.buf.get_mut(self.len..end).ok_or(full)?;
        self.len = end;
        Ok(room)
    }

    /// Writes octets.
    pub(crate) fn put(&mut self, octets: &[u8]) -> Result<&mut Self, Error> {
        self.reserve(octets.len())?.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        Ok(self)
    }

    /// Writes one octet.
    pub(crate) fn octet(&mut self, octet: u8) -> Result<&mut Self, Error> {
        self.put(&[octet])
    }

    /// Writes a BER length: always the shortest form, so 128 is `81 80`.
    pub(crate) fn length(&mut self, len: usize) -> Result<&mut Self, Error> {
        let too_long = Error::at(ErrorKind::BadLength, self.len);
        let [high, low] = u16::try_from(len).map_err(|_| too_long)?.to_be_bytes();
        match (high, low) {
            (0, 0..=0x7F) => self.octet(low),
            (0, _) => self.put(&[0x81, low]),
            _ => self.put(&[0x82, high, low]),
        }
    }

    /// Writes a field with its length in one octet.
    pub(crate) fn short_lv(&mut self, value: &[u8]) -> Result<&mut Self, Error> {
        let len = u8::try_from(value.len()).map_err(|_| Error::at(ErrorKind::BadLength, self.len))?;
        self.octet(len)?.put(value)
    }

    /// Writes a field with its BER length.
    pub(crate) fn lv(&mut self, value: &[u8]) -> Result<&mut Self, Error> {
        self.length(value.len())?.put(value)
    }

    /// Writes one TLV object with a value that is at hand.
    pub(crate) fn tlv(&mut self, tag: Tag, value: &[u8]) -> Result<&mut Self, Error> {
        let at = self.len;
        self.with_tlv(|writer| {
            writer.tlv(tag, value).map_err(|e| Error::tlv(e, at))?;
            Ok(())
        })
    }

    /// Lets `f` write TLV objects; positions in its errors are the caller's affair.
    pub(crate) fn with_tlv(
        &mut self,
        f: impl FnOnce(&mut gp_tlv::Writer<'_>) -> Result<(), Error>,
    ) -> Result<&mut Self, Error> {
        let full = self.full();
        let room = self.buf.get_mut(self.len..).ok_or(full)?;
        let mut writer = gp_tlv::Writer::new(room);
        f(&mut writer)?;
        let written = writer.finish().len();
        self.len = self.len.saturating_add(written);
        Ok(self)
    }

    /// Lets `f` write data groupings.
    pub(crate) fn with_dgi(
        &mut self,
        f: impl FnOnce(&mut gp_tlv::DgiWriter<'_>) -> Result<(), Error>,
    ) -> Result<&mut Self, Error> {
        let full = self.full();
        let room = self.buf.get_mut(self.len..).ok_or(full)?;
        let mut writer = gp_tlv::DgiWriter::new(room);
        f(&mut writer)?;
        let written = writer.finish().len();
        self.len = self.len.saturating_add(written);
        Ok(self)
    }

    /// Writes tag and length of a data grouping: one length octet below FF, `FF xx xx` from there.
    pub(crate) fn dgi_head(&mut self, tag: u16, len: usize) -> Result<&mut Self, Error> {
        let too_long = Error::at(ErrorKind::BadLength, self.len);
        self.put(&tag.to_be_bytes())?;
        match u16::try_from(len).map_err(|_| too_long)?.to_be_bytes() {
            [0, low @ 0..=0xFE] => self.octet(low),
            [high, low] => self.put(&[0xFF, high, low]),
        }
    }

    /// Wipes what has been written.
    pub(crate) fn wipe(&mut self) {
        zeroize::Zeroize::zeroize(self.buf);
        self.len = 0;
    }

    /// The octets written.
    pub(crate) fn finish(self) -> &'b mut [u8] {
        let Self { buf, len } = self;
        let len = len.min(buf.len());
        buf.split_at_mut(len).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_80_means_128() {
        let mut body = [0x11; 129];
        body[0] = 0x80;
        assert_eq!(Octets::new(&body).lv().unwrap().len(), 128);
        let mut out = [0; 131];
        let written = Out::new(&mut out).lv(&body[1..]).unwrap().len();
        assert_eq!((written, &out[..2]), (130, &[0x81, 0x80][..]));
    }

    #[test]
    fn lengths_of_every_size_return() {
        for len in (0..=300).chain([0x7FFF, 0xFFFF]) {
            let mut buf = [0; 3];
            let mut out = Out::new(&mut buf);
            out.length(len).unwrap();
            let octets = out.finish();
            assert_eq!(octets.len(), length_len(len));
            assert_eq!(Octets::new(octets).length(), Ok(len));
        }
        let error = Out::new(&mut [0; 8]).length(0x1_0000).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadLength);
        assert_eq!(Octets::new(&[0x83, 0, 0, 0]).length().unwrap_err().kind, ErrorKind::BadLength);
    }

    #[test]
    fn positions_are_those_of_the_message() {
        let mut body = Octets::with_base(&[0x02, 0xAA], 7);
        assert_eq!(body.short_lv(), Err(Error::at(ErrorKind::Truncated, 8)));
        let mut body = Octets::new(&[0x00, 0x01]);
        assert_eq!(body.lv(), Ok(&[][..]));
        assert_eq!(body.finish(), Err(Error::at(ErrorKind::TrailingData, 1)));
    }
}
