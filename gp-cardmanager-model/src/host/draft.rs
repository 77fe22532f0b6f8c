//! A command while an operation writes it: header, data and Le, before form and protection are settled.

use core::num::NonZeroU8;

use gp_apdu::{Chaining, Command, CommandBuf, Error, Form, Header, Le, LogicalChannel};
use gp_scp03::{Mode, SecurityLevel};

use super::Failure;
use crate::in_place::move_within;

/// How a [`Host`](super::Host) writes lengths, and what it does with a body that does not fit into 255 octets.
///
/// None of them is ever tried after another was refused: the card sees one form.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Lengths {
    /// Short form; a longer body is an error.
    Short,
    /// Short form. A longer body of DELETE, INSTALL and PUT KEY is cut by GlobalPlatform's rule, which is defined for
    /// these three (GPCS 11.1.5.1).
    #[default]
    Chained,
    /// Short form. Any longer body is cut by ISO's rule (b5 of the class).
    IsoChained,
    /// Short form where the body fits, else extended.
    ExtendedIfNeeded,
    /// Extended form, always.
    Extended,
}

/// What bounds a command: the session's protection, the host's settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) lengths: Lengths,
    /// The most data octets of one APDU on the wire.
    pub(super) wire: Option<NonZeroU8>,
    pub(super) channel: LogicalChannel,
    pub(super) protection: Option<(SecurityLevel, Mode)>,
    pub(super) key_version: Option<u8>,
}

impl Limits {
    fn wire(&self, form: Form) -> usize {
        let most = form.max_data();
        match (form, self.wire) {
            (Form::Short, Some(wire)) => most.min(usize::from(wire.get())),
            _ => most,
        }
    }

    /// The length on the wire of so much plain data.
    fn protected(&self, len: usize) -> usize {
        match self.protection {
            Some((level, mode)) => level.protected_command_length(mode, len).unwrap_or(usize::MAX),
            None => len,
        }
    }
}

/// A command that an operation writes: [`begin`](Self::begin) it, [`push`](Self::push) its data, and say what is
/// [expected](Self::expect).
#[derive(Debug)]
pub struct Draft<'b> {
    buf: &'b mut [u8],
    limits: Limits,
    content: Content,
}

#[derive(Clone, Copy, Debug)]
enum Content {
    Nothing,
    /// Header and data, the data at [`Draft::offset`].
    Parts {
        header: Header,
        len: usize,
        le: Expected,
        chained: bool,
    },
    /// A finished command of so many octets at the start of the buffer.
    Whole {
        len: usize,
    },
}

#[derive(Clone, Copy, Debug)]
enum Expected {
    Nothing,
    Exactly(Le),
    /// The most that the form can say.
    Any,
}

impl<'b> Draft<'b> {
    pub(super) fn new(buf: &'b mut [u8], limits: Limits) -> Self {
        Self { buf, limits, content: Content::Nothing }
    }

    /// Starts the command with its header, of class `80` or `00`: the host puts the logical channel into it.
    pub fn begin(&mut self, header: Header) -> &mut Self {
        self.content = Content::Parts { header, len: 0, le: Expected::Nothing, chained: false };
        self
    }

    /// Like [`begin`](Self::begin), for a command whose long body may be cut by GlobalPlatform's rule (P1 b8): DELETE,
    /// INSTALL and PUT KEY.
    pub fn begin_chainable(&mut self, header: Header) -> &mut Self {
        self.content = Content::Parts { header, len: 0, le: Expected::Nothing, chained: true };
        self
    }

    /// Appends data.
    ///
    /// # Errors
    /// [`Failure::Apdu`] when the buffer is full, [`Failure::State`] before [`begin`](Self::begin).
    pub fn push(&mut self, octets: &[u8]) -> Result<&mut Self, Failure> {
        self.push_with(|room| {
            let room = room.get_mut(..octets.len()).ok_or(Failure::Apdu(Error::BufferFull))?;
            room.copy_from_slice(octets);
            Ok(octets.len())
        })
    }

    /// Appends what `write` puts at the start of the room that it is given, and says the length of.
    ///
    /// # Errors
    /// Those of `write` and of [`push`](Self::push).
    pub fn push_with(&mut self, write: impl FnOnce(&mut [u8]) -> Result<usize, Failure>) -> Result<&mut Self, Failure> {
        let offset = self.offset();
        let Content::Parts { len, .. } = &mut self.content else { return Err(Failure::State) };
        let room = self.buf.get_mut(offset.saturating_add(*len)..).unwrap_or_default();
        let available = room.len();
        let written = write(room)?;
        if written > available {
            return Err(Failure::Apdu(Error::BufferFull));
        }
        *len = len.saturating_add(written);
        Ok(self)
    }

    /// Asks for as much response data as the form can: Le 00, or 0000.
    pub fn expect_any(&mut self) -> &mut Self {
        if let Content::Parts { le, .. } = &mut self.content {
            *le = Expected::Any;
        }
        self
    }

    /// Asks for so much response data. Under R-MAC it becomes the largest Le of the form.
    pub fn expect(&mut self, wanted: Le) -> &mut Self {
        if let Content::Parts { le, .. } = &mut self.content {
            *le = Expected::Exactly(wanted);
        }
        self
    }

    /// Takes a finished command that `write` puts at the start of the buffer, and says the length of: a step of the
    /// handshake, which the secure channel writes whole.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn whole(&mut self, write: impl FnOnce(&mut [u8]) -> Result<usize, Failure>) -> Result<&mut Self, Failure> {
        let len = write(self.buf)?;
        self.content = Content::Whole { len };
        Ok(self)
    }

    /// The most data that one command can carry now, so that it leaves in one piece at the level of the session: 255,
    /// 247, 239, 223... octets in short form, more in extended form.
    #[must_use]
    pub fn max_data(&self) -> usize {
        let form = match self.limits.lengths {
            Lengths::Extended => Form::Extended,
            _ => Form::Short,
        };
        let around = form.data_offset().saturating_add(form.le_len());
        // Where a longer body may become extended, the data lies behind an extended Lc first.
        let around = around.max(self.offset().saturating_add(form.le_len()));
        let wire = self.limits.wire(form).min(self.buf.len().saturating_sub(around));
        let most = match self.limits.protection {
            Some((level, mode)) => level.max_command_data(mode, form).min(wire),
            None => wire,
        };
        // MAC and padding take at most 32 octets.
        let least = most.saturating_sub(32);
        (least..=most).rev().find(|len| self.limits.protected(*len) <= wire).unwrap_or(0)
    }

    /// The logical channel that the command goes to.
    #[must_use]
    pub const fn channel(&self) -> LogicalChannel {
        self.limits.channel
    }

    /// The level of the open session.
    #[must_use]
    pub fn level(&self) -> Option<SecurityLevel> {
        self.limits.protection.map(|(level, _)| level)
    }

    /// The key version that the session was opened with, where it is known.
    #[must_use]
    pub const fn session_key_version(&self) -> Option<u8> {
        self.limits.key_version
    }

    /// Where the data is put: behind the longest Lc that the form may turn out to have.
    const fn offset(&self) -> usize {
        match self.limits.lengths {
            Lengths::Short | Lengths::Chained | Lengths::IsoChained => Form::Short.data_offset(),
            Lengths::ExtendedIfNeeded | Lengths::Extended => Form::Extended.data_offset(),
        }
    }

    /// Settles the form and hands the command over.
    pub(super) fn finish(self, protected: bool) -> Result<CommandBuf<'b>, Failure> {
        let offset = self.offset();
        let mut limits = self.limits;
        if !protected {
            limits.protection = None;
        }
        let (header, len, le, chained) = match self.content {
            Content::Nothing => return Err(Failure::State),
            Content::Whole { len } => return Ok(CommandBuf::parse(self.buf, len)?),
            Content::Parts { header, len, le, chained } => (header, len, le, chained),
        };
        let fits = limits.protected(len) <= limits.wire(Form::Short);
        let form = match limits.lengths {
            Lengths::Extended => Form::Extended,
            _ if fits => Form::Short,
            Lengths::Chained if chained => Form::Chained(Chaining::Gp),
            Lengths::IsoChained => Form::Chained(Chaining::Iso),
            Lengths::ExtendedIfNeeded => Form::Extended,
            Lengths::Short | Lengths::Chained => return Err(Failure::Apdu(Error::DataTooLong)),
        };
        if form.data_offset() != offset {
            let end = offset.saturating_add(len);
            if self.buf.len() < end {
                return Err(Failure::Apdu(Error::BufferFull));
            }
            move_within(self.buf, offset..end, form.data_offset());
        }
        let le = match le {
            Expected::Nothing => None,
            Expected::Exactly(le) => Some(le),
            Expected::Any => Some(form.max_le()),
        };
        let mut header = header;
        if limits.channel != LogicalChannel::BASIC {
            header.cla = header.cla.with_channel(limits.channel).ok_or(gp_scp03::Error::Class)?;
        }
        Ok(CommandBuf::assemble(self.buf, header, form, len, le)?)
    }

    /// The command as far as it is written, for an operation that looks at itself.
    #[must_use]
    pub fn as_command(&self) -> Option<Command<'_>> {
        let Content::Parts { header, len, .. } = self.content else { return None };
        let offset = self.offset();
        let data = self.buf.get(offset..offset.saturating_add(len))?;
        Some(Command { header, data, le: None, form: Form::Short })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use gp_apdu::{Class, ins};

    fn limits(lengths: Lengths, protection: Option<(SecurityLevel, Mode)>) -> Limits {
        Limits { lengths, wire: None, channel: LogicalChannel::BASIC, protection, key_version: None }
    }

    /// What fits one command at most does fit, and not an octet more, whatever the buffer.
    #[test]
    fn the_room_is_what_a_command_can_carry() {
        let header = Header::new(Class::GP, ins::LOAD, 0, 0);
        let levels = SecurityLevel::ALL.into_iter().flat_map(|level| [(level, Mode::S8), (level, Mode::S16)]);
        for protection in levels.map(Some).chain([None]) {
            for lengths in [Lengths::Short, Lengths::Chained, Lengths::ExtendedIfNeeded, Lengths::Extended] {
                for size in (40..300).chain([1000, 70_000]) {
                    let mut buf = std::vec![0; size];
                    let limits = limits(lengths, protection);
                    let max = Draft::new(&mut buf, limits).max_data();
                    let wire = |len: usize| match protection {
                        Some((level, mode)) => level.protected_command_length(mode, len).unwrap(),
                        None => len,
                    };
                    let (data_offset, most) = match lengths {
                        Lengths::Extended => (7, 65_535),
                        _ => (5, 255),
                    };
                    assert!(wire(max) <= most && data_offset + wire(max) < size, "{protection:?} {lengths:?} {size}");
                    if size > 300 && lengths != Lengths::Extended {
                        assert!(wire(max + 1) > most);
                    }
                    let mut draft = Draft::new(&mut buf, limits);
                    draft.begin(header).push(&std::vec![0x55; max]).unwrap();
                    let command = draft.finish(true).unwrap();
                    assert_eq!(command.data(), std::vec![0x55; max]);
                    assert_eq!(command.form() == Form::Extended, lengths == Lengths::Extended);
                }
            }
        }
    }

    #[test]
    fn what_is_out_of_order_or_too_long_is_refused() {
        let mut buf = [0; 20];
        let mut draft = Draft::new(&mut buf, limits(Lengths::Short, None));
        assert_eq!(draft.push(&[1]).err(), Some(Failure::State));
        assert!(draft.as_command().is_none());
        draft.begin(Header::new(Class::GP, 0x10, 1, 2));
        assert_eq!(draft.push(&[0; 16]).err(), Some(Failure::Apdu(Error::BufferFull)));
        assert_eq!(draft.push_with(|room| Ok(room.len() + 1)).err(), Some(Failure::Apdu(Error::BufferFull)));
        assert_eq!(draft.push_with(|_| Err(Failure::Stopped)).err(), Some(Failure::Stopped));
        draft.push(&[1, 2]).unwrap().push(&[3]).unwrap();
        assert_eq!(draft.as_command().unwrap().data, [1, 2, 3]);
        assert_eq!(draft.finish(false).unwrap().data(), [1, 2, 3]);
        assert_eq!(Draft::new(&mut buf, limits(Lengths::Short, None)).finish(false).err(), Some(Failure::State));
    }

    #[test]
    fn the_logical_channel_goes_into_the_class() {
        for (number, class) in [(0, 0x80), (3, 0x83), (4, 0xC0), (19, 0xCF)] {
            let mut buf = [0; 20];
            let channel = LogicalChannel::new(number).unwrap();
            let mut draft = Draft::new(&mut buf, Limits { channel, ..limits(Lengths::Short, None) });
            draft.begin(Header::new(Class::GP, 0x10, 0, 0));
            assert_eq!(draft.finish(false).unwrap().header().cla.byte(), class);
            let mut draft = Draft::new(&mut buf, Limits { channel, ..limits(Lengths::Short, None) });
            draft.begin(Header::new(Class::from_byte(0xA0).unwrap(), 0x10, 0, 0));
            assert_eq!(draft.finish(false).is_ok(), number == 0);
        }
    }
}
