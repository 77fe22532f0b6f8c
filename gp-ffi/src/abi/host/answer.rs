//! What comes out of an operation.

use gp_apdu::{LogicalChannel, StatusWord};
use gp_cardmanager_model::host::{Answer, KeysPut, Origin, Performed, Selected};

use super::listing::Listed;
use crate::abi::{GP_REPLY_AUTHENTIC, GP_REPLY_PLAIN, gp_slice};

/// The result of an operation.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_answer {
    /// Data of the last answer, in the response buffer of the host: good until the next operation.
    pub data: gp_slice,
    /// Its status word.
    pub status_word: u16,
    /// `GP_REPLY_AUTHENTIC` or `GP_REPLY_PLAIN`: who vouches for it. An operation of several answers has the worst.
    pub kind: u8,
    /// The logical channel that was opened, 1 to 19; 0 after any other operation.
    pub channel: u8,
    /// How many entries a listing showed.
    pub entries: u32,
}

impl gp_answer {
    fn new(data: &[u8], status: StatusWord, origin: Origin) -> Self {
        let kind = if origin == Origin::Authentic { GP_REPLY_AUTHENTIC } else { GP_REPLY_PLAIN };
        Self { data: gp_slice::of(data), status_word: status.0, kind, channel: 0, entries: 0 }
    }
}

impl From<Answer<'_>> for gp_answer {
    fn from(answer: Answer<'_>) -> Self {
        Self::new(answer.data, answer.status, answer.origin)
    }
}

impl From<Performed<'_>> for gp_answer {
    fn from(performed: Performed<'_>) -> Self {
        Self::new(performed.data, StatusWord::OK, performed.origin)
    }
}

impl From<Selected<'_>> for gp_answer {
    fn from(selected: Selected<'_>) -> Self {
        let status = if selected.card_locked { StatusWord::CARD_LOCKED } else { StatusWord::OK };
        Self::new(selected.data, status, Origin::Plain)
    }
}

impl From<KeysPut> for gp_answer {
    fn from(put: KeysPut) -> Self {
        Self::new(&[], StatusWord::OK, put.origin)
    }
}

impl From<Origin> for gp_answer {
    fn from(origin: Origin) -> Self {
        Self::new(&[], StatusWord::OK, origin)
    }
}

impl From<Listed> for gp_answer {
    fn from(listed: Listed) -> Self {
        Self { entries: listed.entries, ..Self::new(&[], StatusWord::OK, listed.origin) }
    }
}

/// A logical channel was opened.
impl From<LogicalChannel> for gp_answer {
    fn from(channel: LogicalChannel) -> Self {
        Self { channel: channel.number(), ..Self::new(&[], StatusWord::OK, Origin::Plain) }
    }
}

/// A logical channel is closed; was it open before?
impl From<bool> for gp_answer {
    fn from(was_open: bool) -> Self {
        let status = if was_open { StatusWord::OK } else { StatusWord::CHANNEL_ALREADY_CLOSED };
        Self::new(&[], status, Origin::Plain)
    }
}
