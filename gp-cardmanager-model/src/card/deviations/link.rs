//! What deviates outside of all commands: lengths, GET RESPONSE, `6Cxx`.

use core::fmt;

use gp_apdu::{CommandBuf, Form, Header, Le, LogicalChannel, Response, StatusWord, ins};

use super::Deviation;
use crate::card::applets::Applets;
use crate::card::platform::Platform;
use crate::card::storage::Storage;
use crate::card::{Card, status, write_answer};

/// The longest answer that is held back, in octets of data and status word.
const ROOM: usize = 512;

/// Where an answer waits for GET RESPONSE. Without a deviation that needs it there is no memory here.
pub(in crate::card) struct Held<'m> {
    memory: &'m mut [u8],
    /// The channel that it is for.
    channel: LogicalChannel,
    /// What has not been handed out.
    start: usize,
    end: usize,
    /// What comes last.
    status: StatusWord,
}

impl<'m> Held<'m> {
    /// Without memory: nothing is held back.
    pub(in crate::card) fn none() -> Self {
        Self { memory: &mut [], channel: LogicalChannel::BASIC, start: 0, end: 0, status: StatusWord::OK }
    }

    /// Takes its memory from the end of `memory`; `None` where there is too little.
    pub(in crate::card) fn from_end_of(memory: &mut &'m mut [u8]) -> Option<Self> {
        let at = memory.len().checked_sub(ROOM)?;
        let (rest, memory_of_this) = core::mem::take(memory).split_at_mut_checked(at)?;
        *memory = rest;
        Some(Self { memory: memory_of_this, ..Self::none() })
    }

    pub(in crate::card) const fn forget(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    const fn left(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Takes an answer in; `false` where it is too long.
    fn keep(&mut self, channel: LogicalChannel, data: &[u8], status: StatusWord) -> bool {
        let Some(room) = self.memory.get_mut(..data.len()) else { return false };
        room.copy_from_slice(data);
        self.channel = channel;
        (self.start, self.end, self.status) = (0, data.len(), status);
        true
    }

    /// `61xx` for what is left.
    fn announcement(&self) -> StatusWord {
        StatusWord(u16::from_be_bytes([0x61, u8::try_from(self.left()).unwrap_or(0)]))
    }
}

impl fmt::Debug for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("left", &self.left()).finish_non_exhaustive()
    }
}

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    /// Does the card deviate so?
    pub(in crate::card) const fn deviates(&self, deviation: Deviation) -> bool {
        self.profile.deviations.contains(deviation)
    }

    /// Answers a command as a card with deviations does.
    #[inline(never)]
    pub(in crate::card) fn answer_deviating(&mut self, buffer: &mut [u8], length: usize) -> usize {
        let Ok(command) = CommandBuf::parse(buffer, length) else { return self.carry_out(buffer, length) };
        let (header, form, data, le) = (command.header(), command.form(), command.data_len(), command.le());
        let select = header.ins == ins::SELECT && !header.cla.is_gp();
        let refused = (form == Form::Extended && self.deviates(Deviation::NoExtendedLength))
            || (form == Form::Short && data == usize::from(u8::MAX) && self.deviates(Deviation::Lc255Refused))
            || (select && le.is_none() && self.deviates(Deviation::SelectNeedsLe));
        if refused {
            return status(buffer, StatusWord::WRONG_LENGTH);
        }
        // In both classes (GPCS table 11-1), on the channel of the command.
        let fetches = header.ins == ins::GET_RESPONSE && header.cla.channel() == self.held.channel;
        if fetches && self.held.left() > 0 {
            return self.hand_out(buffer, le);
        }
        self.held.forget();
        let answered = self.carry_out(buffer, length);
        self.hold_back(buffer, answered, header, le.filter(|_| data == 0))
    }

    /// GET RESPONSE: as much as is asked for.
    fn hand_out(&mut self, buffer: &mut [u8], le: Option<Le>) -> usize {
        let asked = le.map_or(0, |le| usize::try_from(le.get()).unwrap_or(usize::MAX));
        let room = buffer.len().saturating_sub(StatusWord::LEN);
        let part = self.held.left().min(asked).min(room);
        let start = self.held.start;
        let octets = self.held.memory.get(start..start.saturating_add(part)).unwrap_or_default();
        buffer.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        self.held.start = start.saturating_add(part);
        let sw = if self.held.left() > 0 { self.held.announcement() } else { self.held.status };
        write_answer(buffer, part, sw)
    }

    /// What becomes of an answer before it leaves. `le`: what a command without data asks for.
    fn hold_back(&mut self, buffer: &mut [u8], answered: usize, header: Header, le: Option<Le>) -> usize {
        let Ok(Response { data, status: sw }) = Response::parse(buffer.get(..answered).unwrap_or_default()) else {
            return answered;
        };
        let length = data.len();
        let channel = header.cla.channel();
        let level = self.channel(channel).and_then(|channel| channel.responder.level());
        let more = sw == StatusWord::MORE_DATA && header.ins == ins::GET_STATUS;
        if more
            && level.is_some_and(gp_scp03::SecurityLevel::has_r_mac)
            && self.deviates(Deviation::MoreDataUnprotected)
        {
            return status(buffer, sw);
        }
        if length == 0 || sw.is_error() {
            return answered;
        }
        let exact = u32::try_from(length).ok().and_then(Le::new);
        let asks = matches!(header.ins, ins::SELECT | ins::GET_DATA | ins::GET_DATA_ODD);
        if asks && le.is_some() && le != exact && self.deviates(Deviation::ExactLe) {
            // 256 octets are 6C00.
            let low = u8::try_from(length).unwrap_or(0);
            return status(buffer, StatusWord(u16::from_be_bytes([0x6C, low])));
        }
        if more && self.deviates(Deviation::MoreDataFetched) && self.held.keep(channel, data, sw) {
            return status(buffer, sw);
        }
        if self.deviates(Deviation::GetResponse) && self.held.keep(channel, data, sw) {
            let announcement = self.held.announcement();
            return status(buffer, announcement);
        }
        answered
    }
}
