//! A command that is built and edited where it lies.
//!
//! ```text
//!            0           4    5                       5 + n
//!  short    | CLA..P2   | Lc | data (n octets)       | room for Le | free ...
//!            0           4            7               7 + n
//!  extended | CLA..P2   | 00 hh ll   | data          | room for Le | free ...
//! ```
//!
//! The data begins at the same place whatever its length, so it can grow, shrink and be encrypted without moving. Header
//! and lengths are values beside the buffer until [`CommandBuf::finish`] writes them around the data.

use crate::command::{Frame, copy};
use crate::{Class, Command, Error, Form, Header, Le, parse};
use core::fmt;

/// A command under construction in the caller's buffer.
///
/// For a whole short command the buffer needs 261 octets.
pub struct CommandBuf<'b> {
    buf: &'b mut [u8],
    header: Header,
    data_len: usize,
    le: Option<Le>,
    form: Form,
}

impl<'b> CommandBuf<'b> {
    /// An empty command: no data, no Le.
    ///
    /// # Errors
    /// [`Error::BufferFull`] when the buffer does not even hold header, lengths and no data: under 6 octets, or 9
    /// extended.
    #[inline]
    pub fn new(buf: &'b mut [u8], header: Header, form: Form) -> Result<Self, Error> {
        if buf.len() < form.data_offset().saturating_add(form.le_len()) {
            return Err(Error::BufferFull);
        }
        Ok(Self { buf, header, data_len: 0, le: None, form })
    }

    /// The command received in the first `len` octets of `buf`, its data left where it is. The rest of `buf` is room
    /// to grow.
    ///
    /// # Errors
    /// Those of [`Command::parse`]; [`Error::BufferFull`] when `len` is more than the buffer holds.
    pub fn parse(buf: &'b mut [u8], len: usize) -> Result<Self, Error> {
        let Command { header, data, le, form } = parse::command(buf.get(..len).ok_or(Error::BufferFull)?)?;
        let data_len = data.len();
        Ok(Self { buf, header, data_len, le, form })
    }

    /// A command whose data already lies in `buf` at [`Form::data_offset`]: a chain put together again, say.
    ///
    /// # Errors
    /// [`Error::DataTooLong`] or [`Error::LeTooLarge`] when the form cannot say it, [`Error::BufferFull`] when the
    /// buffer ends before the data does.
    #[inline]
    pub fn assemble(
        buf: &'b mut [u8],
        header: Header,
        form: Form,
        data_len: usize,
        le: Option<Le>,
    ) -> Result<Self, Error> {
        if data_len > form.max_data() {
            return Err(Error::DataTooLong);
        }
        form.check_le(le)?;
        if buf.len() < form.data_offset().saturating_add(data_len) {
            return Err(Error::BufferFull);
        }
        Ok(Self { buf, header, data_len, le, form })
    }

    /// CLA INS P1 P2.
    #[must_use]
    #[inline]
    pub const fn header(&self) -> Header {
        self.header
    }

    /// Replaces the header.
    pub const fn set_header(&mut self, header: Header) {
        self.header = header;
    }

    /// Replaces the class byte.
    #[inline]
    pub const fn set_class(&mut self, cla: Class) {
        self.header.cla = cla;
    }

    /// The form, as it was chosen or read; it never changes.
    #[must_use]
    #[inline]
    pub const fn form(&self) -> Form {
        self.form
    }

    /// How much response data is asked for.
    #[must_use]
    #[inline]
    pub const fn le(&self) -> Option<Le> {
        self.le
    }

    /// Asks for response data. An Le too large for the form shows at [`finish`](Self::finish).
    #[inline]
    pub const fn expect(&mut self, le: Le) -> &mut Self {
        self.le = Some(le);
        self
    }

    /// Replaces Le, or takes it away.
    pub const fn set_le(&mut self, le: Option<Le>) {
        self.le = le;
    }

    /// The data.
    #[must_use]
    #[inline]
    pub fn data(&self) -> &[u8] {
        let start = self.form.data_offset();
        self.buf.get(start..start.saturating_add(self.data_len)).unwrap_or_default()
    }

    /// The data, to be changed in place.
    #[inline]
    pub fn data_mut(&mut self) -> &mut [u8] {
        let start = self.form.data_offset();
        self.buf.get_mut(start..start.saturating_add(self.data_len)).unwrap_or_default()
    }

    /// The length of the data in octets.
    #[must_use]
    #[inline]
    pub const fn data_len(&self) -> usize {
        self.data_len
    }

    /// The most data that buffer and form hold, with room left for Le.
    #[must_use]
    #[inline]
    pub fn capacity(&self) -> usize {
        let around = self.form.data_offset().saturating_add(self.form.le_len());
        self.buf.len().saturating_sub(around).min(self.form.max_data())
    }

    /// Appends octets to the data: all or none.
    ///
    /// # Errors
    /// [`Error::DataTooLong`] past what the form carries, [`Error::BufferFull`] past what the buffer holds.
    pub fn push(&mut self, octets: &[u8]) -> Result<&mut Self, Error> {
        let start = self.data_len;
        copy(self.grow(octets.len())?.get_mut(start..).unwrap_or_default(), octets);
        Ok(self)
    }

    /// Lets `write` append to the data: it gets all the room that is left and answers how many octets, from the start,
    /// it has written. When it fails nothing is appended.
    ///
    /// ```
    /// # use gp_apdu::{Class, CommandBuf, Error, Form, Header, ins};
    /// # let mut buf = [0; 261];
    /// # let mut command = CommandBuf::new(&mut buf, Header::new(Class::GP, ins::GET_STATUS, 0x80, 0x02), Form::Short)?;
    /// command.push_with(|room| {
    ///     let template = room.first_chunk_mut().ok_or(Error::BufferFull)?;
    ///     *template = [0x4F, 0x00];
    ///     Ok::<_, Error>(template.len())
    /// })?;
    /// assert_eq!(command.data(), [0x4F, 0x00]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Whatever `write` answers; [`Error::BufferFull`] when it claims to have written more than there was room for.
    pub fn push_with<E: From<Error>>(
        &mut self,
        write: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<&mut Self, E> {
        let start = self.form.data_offset();
        let room = self
            .buf
            .get_mut(start.saturating_add(self.data_len)..start.saturating_add(self.capacity()))
            .unwrap_or_default();
        let written = write(room)?;
        self.grow(written)?;
        Ok(self)
    }

    /// Makes the data longer by `len` octets of unspecified value and returns all of it, old and new.
    ///
    /// # Errors
    /// [`Error::DataTooLong`] past what the form carries, [`Error::BufferFull`] past what the buffer holds.
    #[inline]
    pub fn grow(&mut self, len: usize) -> Result<&mut [u8], Error> {
        let data_len = self.data_len.saturating_add(len);
        if data_len > self.form.max_data() {
            return Err(Error::DataTooLong);
        }
        if len != 0 && data_len > self.capacity() {
            return Err(Error::BufferFull);
        }
        self.data_len = data_len;
        Ok(self.data_mut())
    }

    /// Makes the data shorter: keeps its first `data_len` octets, or all of it when it has no more.
    #[inline]
    pub fn truncate(&mut self, data_len: usize) {
        self.data_len = self.data_len.min(data_len);
    }

    /// The command as a view.
    #[must_use]
    pub fn as_command(&self) -> Command<'_> {
        Command { header: self.header, data: self.data(), le: self.le, form: self.form }
    }

    /// Writes header, Lc and Le around the data and returns the whole command. A chained command that fits into one
    /// segment is written in short form.
    ///
    /// # Errors
    /// [`Error::LeTooLarge`] when the form cannot say it, [`Error::Chained`] for a chained command of more than 255
    /// octets, [`Error::BufferFull`] when a parsed command that filled its buffer was given an Le.
    #[inline]
    pub fn finish(self) -> Result<&'b mut [u8], Error> {
        let frame = Frame::new(self.header, self.form, self.data_len, self.le)?;
        let out = self.buf.get_mut(..frame.len).ok_or(Error::BufferFull)?;
        frame.write(out);
        Ok(out)
    }

    /// The buffer, for an exchange that cuts the command itself.
    pub(crate) fn into_buf(self) -> &'b mut [u8] {
        self.buf
    }
}

/// Shows everything but the data, which may be secret.
impl fmt::Debug for CommandBuf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandBuf")
            .field("header", &self.header)
            .field("data_len", &self.data_len)
            .field("le", &self.le)
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Chaining;
    use std::format;

    const HEADER: Header = Header::new(Class::GP, 0xE2, 0x00, 0x00);

    #[test]
    fn edited_as_a_secure_channel_does() {
        let mut buf = [0; 40];
        buf[..8].copy_from_slice(&[0x80, 0xE2, 0x00, 0x00, 0x02, 0x0A, 0x0B, 0x00]);
        let mut command = CommandBuf::parse(&mut buf, 8).unwrap();
        command.set_class(HEADER.cla.secured());
        let data = command.grow(2).unwrap();
        data[2..].copy_from_slice(&[0x80, 0x00]);
        command.data_mut().reverse();
        command.push(&[0xCC; 2]).unwrap();
        assert_eq!(command.as_command().encoded_len(), 12);
        assert_eq!(command.finish().unwrap(), [0x84, 0xE2, 0, 0, 6, 0x00, 0x80, 0x0B, 0x0A, 0xCC, 0xCC, 0]);
    }

    /// A command without data has Le where Lc would be; data that is added still comes to lie behind Lc.
    #[test]
    fn data_for_a_command_without() {
        for (received, sent) in [
            (&[0x80, 0xE2, 0, 0][..], &[0x80, 0xE2, 0, 0, 1, 0xDD][..]),
            (&[0x80, 0xE2, 0, 0, 5], &[0x80, 0xE2, 0, 0, 1, 0xDD, 5]),
            (&[0x80, 0xE2, 0, 0, 0, 1, 2], &[0x80, 0xE2, 0, 0, 0, 0, 1, 0xDD, 1, 2]),
        ] {
            let mut buf = [0xEE; 16];
            buf[..received.len()].copy_from_slice(received);
            let mut command = CommandBuf::parse(&mut buf, received.len()).unwrap();
            assert_eq!(command.data(), []);
            command.push(&[0xDD]).unwrap();
            assert_eq!(command.finish().unwrap(), sent);
        }
    }

    #[test]
    fn a_full_buffer_can_be_read_but_not_added_to() {
        let mut octets = [0x80, 0xE2, 0x00, 0x00, 0x01, 0xAA];
        let mut command = CommandBuf::parse(&mut octets, 6).unwrap();
        assert_eq!((command.data(), command.capacity()), (&[0xAA][..], 0));
        assert_eq!(command.grow(1).err(), Some(Error::BufferFull));
        command.grow(0).unwrap();
        command.expect(Le::MAX_SHORT);
        assert_eq!(command.finish().err(), Some(Error::BufferFull));
        let mut header = [0x80, 0xE2, 0x00, 0x00];
        let mut command = CommandBuf::parse(&mut header, 4).unwrap();
        assert_eq!((command.data().len(), command.data_mut().len(), command.capacity()), (0, 0, 0));
        assert_eq!(command.push(&[1]).err(), Some(Error::BufferFull));
        assert_eq!(command.finish().unwrap(), [0x80, 0xE2, 0x00, 0x00]);
        assert_eq!(CommandBuf::parse(&mut [0; 4], 5).err(), Some(Error::BufferFull));
    }

    #[test]
    fn failures_append_nothing() {
        let mut buf = [0; 12];
        let mut command = CommandBuf::new(&mut buf, HEADER, Form::Short).unwrap();
        command.push(&[1, 2]).unwrap();
        assert_eq!(command.push(&[9; 5]).err(), Some(Error::BufferFull));
        assert_eq!(command.push(&[9; 256]).err(), Some(Error::DataTooLong));
        let refused = command.push_with(|room| {
            room.fill(9);
            Err(Error::Class)
        });
        assert_eq!(refused.err(), Some(Error::Class));
        assert_eq!(command.push_with(|room| Ok::<_, Error>(room.len() + 1)).err(), Some(Error::BufferFull));
        command.push_with(|room| Ok::<_, Error>(room.len())).unwrap();
        assert_eq!(command.data(), [1, 2, 9, 9, 9, 9]);
        command.truncate(9);
        assert_eq!(command.data_len(), 6);
        command.truncate(1);
        assert_eq!(command.data(), [1]);
    }

    #[test]
    fn assembled_around_data() {
        let mut buf = [0x33; 10];
        let chained = Form::Chained(Chaining::Gp);
        let command = CommandBuf::assemble(&mut buf, HEADER, chained, 5, None).unwrap();
        assert_eq!(command.finish().unwrap(), [0x80, 0xE2, 0, 0, 5, 0x33, 0x33, 0x33, 0x33, 0x33]);
        let assemble = |buf: &mut [u8], len, le| CommandBuf::assemble(buf, HEADER, chained, len, le).err();
        assert_eq!(assemble(&mut buf, 6, None), Some(Error::BufferFull));
        assert_eq!(assemble(&mut buf, 65_536, None), Some(Error::DataTooLong));
        assert_eq!(assemble(&mut buf, 5, Some(Le::MAX_EXTENDED)), Some(Error::LeTooLarge));
    }

    #[test]
    fn debug_shows_no_data() {
        let mut buf = [0; 12];
        let mut command = CommandBuf::new(&mut buf, HEADER, Form::Short).unwrap();
        command.push(&[0xAB, 0xCD]).unwrap();
        let text = format!("{command:?}");
        assert!(text.contains("data_len: 2") && !text.contains("171") && !text.contains("205"), "{text}");
    }
}
