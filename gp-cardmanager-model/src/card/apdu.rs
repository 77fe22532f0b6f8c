//! A command on its way through the card.

use core::fmt;
use core::ops::Range;

use gp_apdu::{Header, Le, StatusWord};
use gp_scp03::SecurityLevel;

use crate::card::open::{Open, Services};
use crate::in_place::move_within;

/// A command as the card's inner parts see it: unprotected, its data where it arrived, and the buffer of the answer.
///
/// ```text
///  buffer    | 5 or 7 octets | command data | room |        in place: the answer is written over the command
///            | answer data | SW |
/// ```
///
/// The answer's data goes to the start of [`answer`](Self::answer), and the handler says how long it is. Writing there
/// may overwrite the command's data: read what you need first.
pub struct Apdu<'a> {
    header: Header,
    le: Option<Le>,
    level: Option<SecurityLevel>,
    /// What the OPEN does for the application that has the command.
    services: Option<&'a mut (dyn Services + 'a)>,
    buffer: &'a mut [u8],
    data: Data<'a>,
    status: StatusWord,
    room: usize,
}

/// Where the command's data is.
enum Data<'a> {
    InPlace {
        start: usize,
        end: usize,
    },
    /// A reassembled chain, in memory of its own.
    Apart(&'a mut [u8]),
}

impl<'a> Apdu<'a> {
    pub(crate) fn in_place(header: Header, le: Option<Le>, buffer: &'a mut [u8], start: usize, length: usize) -> Self {
        let end = start.saturating_add(length);
        Self {
            header,
            le,
            level: None,
            services: None,
            buffer,
            data: Data::InPlace { start, end },
            status: StatusWord::OK,
            room: 0,
        }
    }

    pub(crate) fn apart(header: Header, le: Option<Le>, buffer: &'a mut [u8], data: &'a mut [u8]) -> Self {
        Self {
            header,
            le,
            level: None,
            services: None,
            buffer,
            data: Data::Apart(data),
            status: StatusWord::OK,
            room: 0,
        }
    }

    pub(crate) fn set_protection(&mut self, level: Option<SecurityLevel>, room: usize) {
        self.level = level;
        self.room = room;
    }

    /// Hands the command to an application together with what the OPEN does for it meanwhile.
    pub(crate) fn lend<R>(&mut self, services: &mut dyn Services, work: impl FnOnce(&mut Apdu<'_>) -> R) -> R {
        let data = match &mut self.data {
            Data::InPlace { start, end } => Data::InPlace { start: *start, end: *end },
            Data::Apart(data) => Data::Apart(data),
        };
        let Self { header, le, level, status, room, .. } = *self;
        let mut lent = Apdu { header, le, level, services: Some(services), buffer: self.buffer, data, status, room };
        let result = work(&mut lent);
        self.status = lent.status;
        result
    }

    /// The OPEN, for what an application may ask of it. `None` where no application has the command.
    #[must_use]
    pub fn open(&mut self) -> Option<Open<'_>> {
        let services = self.services.as_mut()?;
        Some(Open(&mut **services))
    }

    /// CLA INS P1 P2, the class without secure messaging.
    #[must_use]
    pub const fn header(&self) -> Header {
        self.header
    }

    /// How much answer the host expects, `None` where it expects none.
    #[must_use]
    pub const fn le(&self) -> Option<Le> {
        self.le
    }

    /// The security level under which the command came; `None` without a session.
    #[must_use]
    pub const fn level(&self) -> Option<SecurityLevel> {
        self.level
    }

    /// The command's data.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        match &self.data {
            Data::InPlace { start, end } => self.buffer.get(*start..*end).unwrap_or_default(),
            Data::Apart(data) => data,
        }
    }

    /// The command's data, to be changed in place: decrypted, say.
    #[must_use]
    pub fn data_mut(&mut self) -> &mut [u8] {
        match &mut self.data {
            Data::InPlace { start, end } => self.buffer.get_mut(*start..*end).unwrap_or_default(),
            Data::Apart(data) => data,
        }
    }

    /// Decrypts sensitive data in place and returns it: the service of the security domain whose session the command came
    /// in, by that session's Key-DEK (GPCS 7.3.2, Amendment D 4.1.4). `range` is the place in the command's data; its
    /// length is a multiple of 16.
    ///
    /// # Errors
    /// `6985` outside a session; `6A80` where the data ends before, or for another length. Nothing is changed then.
    pub fn decrypt_data(&mut self, range: Range<usize>) -> Result<&mut [u8], StatusWord> {
        let services = self.services.as_deref().ok_or(StatusWord::CONDITIONS_OF_USE)?;
        let dek = services.dek().ok_or(StatusWord::CONDITIONS_OF_USE)?;
        let octets = match &mut self.data {
            Data::InPlace { start, end } => self.buffer.get_mut(*start..*end).unwrap_or_default(),
            Data::Apart(data) => data,
        };
        let octets = octets.get_mut(range).ok_or(StatusWord::WRONG_DATA)?;
        dek.decrypt_sensitive(octets).map_err(|_| StatusWord::WRONG_DATA)?;
        Ok(octets)
    }

    /// The room for the answer's data, as much as the protection of the session leaves of a response.
    #[must_use]
    pub fn answer(&mut self) -> &mut [u8] {
        self.buffer.get_mut(..self.room).unwrap_or_default()
    }

    /// Octets of [`answer`](Self::answer).
    pub(crate) const fn room(&self) -> usize {
        self.room
    }

    /// Takes back what a handler that refused has left: the command's data, of the same length, and its warning.
    pub(crate) fn restore(&mut self, data: &[u8]) {
        self.data_mut().iter_mut().zip(data).for_each(|(to, from)| *to = *from);
        self.status = StatusWord::OK;
    }

    /// Writes the answer's data.
    ///
    /// # Errors
    /// `6F00` when there is no room: the handler has made more than a response holds.
    pub fn respond(&mut self, octets: &[u8]) -> Result<usize, StatusWord> {
        let room = self.answer().get_mut(..octets.len()).ok_or(StatusWord::UNKNOWN)?;
        room.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        Ok(octets.len())
    }

    /// Makes the command's data the answer's.
    ///
    /// # Errors
    /// `6F00` when there is no room.
    pub fn echo(&mut self) -> Result<usize, StatusWord> {
        let length = self.data().len();
        if length > self.room {
            return Err(StatusWord::UNKNOWN);
        }
        match &self.data {
            Data::InPlace { start, end } => move_within(self.buffer, *start..*end, 0),
            Data::Apart(data) => self.buffer.iter_mut().zip(data.iter()).for_each(|(to, from)| *to = *from),
        }
        Ok(length)
    }

    /// Answer with this warning (62xx, 63xx) instead of `9000`, if the handler succeeds. Anything else is ignored.
    pub fn warn(&mut self, status: StatusWord) {
        if status.is_warning() {
            self.status = status;
        }
    }

    pub(crate) const fn status(&self) -> StatusWord {
        self.status
    }
}

impl fmt::Debug for Apdu<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The data may be a secret that was encrypted on the wire.
        f.debug_struct("Apdu").field("header", &self.header).field("level", &self.level).finish_non_exhaustive()
    }
}
