//! The place of the secure channel in a host.
//!
//! ```text
//!            Authenticate                     wrong MAC, lost answer, closed in its place
//!  Empty  ------------------>  Open  ---------------------------------->  Dead
//!    ^                           |                                          |
//!    +---------------------------+------------------------------------------+
//!              SELECT, INITIALIZE UPDATE, MANAGE CHANNEL (close), Host::reset
//! ```

use gp_apdu::LogicalChannel;
use gp_scp03::{Reply, SecureChannel};

use super::Failure;

/// Where the secure channel of a [`Host`](super::Host) is, if there is one.
///
/// A dead channel is not an empty place: commands that want the session fail until the session is ended knowingly,
/// instead of going out in the clear.
#[derive(Debug, Default)]
pub struct Slot {
    place: Place,
    /// The key version that the channel was opened with, where it is known.
    key_version: Option<u8>,
}

#[derive(Debug, Default)]
#[allow(clippy::large_enum_variant, reason = "a host has one slot, and the keys must lie somewhere")]
enum Place {
    #[default]
    Empty,
    Open(SecureChannel),
    /// One that was on this logical channel.
    Dead(LogicalChannel),
}

impl Slot {
    /// The open channel.
    #[must_use]
    pub const fn channel(&self) -> Option<&SecureChannel> {
        match &self.place {
            Place::Open(channel) => Some(channel),
            Place::Empty | Place::Dead(_) => None,
        }
    }

    /// The open channel, to set its limit of messages or its quirks.
    pub const fn channel_mut(&mut self) -> Option<&mut SecureChannel> {
        match &mut self.place {
            Place::Open(channel) => Some(channel),
            Place::Empty | Place::Dead(_) => None,
        }
    }

    /// Did a channel die here, by a wrong answer or a lost one, by its owner, or by a failed engine of its keys?
    #[must_use]
    #[inline(never)]
    pub const fn is_dead(&self) -> bool {
        match &self.place {
            Place::Empty => false,
            Place::Open(channel) => channel.is_closed(),
            Place::Dead(_) => true,
        }
    }

    /// The same for this logical channel.
    pub(super) fn is_dead_on(&self, at: LogicalChannel) -> bool {
        match &self.place {
            Place::Empty => false,
            Place::Open(channel) => channel.is_closed() && channel.channel() == at,
            Place::Dead(channel) => *channel == at,
        }
    }

    /// The key version that the session was opened with, or that PUT KEY gave its set since; `None` without a session, when its
    /// keys came from elsewhere, or when PUT KEY gave another version to a part of the set.
    #[must_use]
    pub const fn key_version(&self) -> Option<u8> {
        self.key_version
    }

    /// Puts an open channel here. One that was here before is wiped.
    pub fn install(&mut self, channel: SecureChannel) {
        self.place = Place::Open(channel);
        self.key_version = None;
    }

    /// As [`install`](Self::install), and remembers the key version that the channel was opened with.
    pub fn install_opened(&mut self, channel: SecureChannel, key_version: u8) {
        self.place = Place::Open(channel);
        self.key_version = Some(key_version);
    }

    /// The keys that the session stands on have another version now: PUT KEY replaced them.
    pub(super) fn rename_keys(&mut self, replaced: u8, key_version: u8) {
        if self.key_version == Some(replaced) {
            self.key_version = Some(key_version);
        }
    }

    /// The keys that the session stands on are of two versions now.
    pub(super) fn part_keys(&mut self, replaced: u8) {
        if self.key_version == Some(replaced) {
            self.key_version = None;
        }
    }

    /// Ends the session, if it is on this logical channel: what was opened on another one goes on.
    pub(super) fn close_on(&mut self, at: LogicalChannel) {
        let session = match &self.place {
            Place::Empty => return,
            Place::Open(channel) => channel.channel(),
            Place::Dead(channel) => *channel,
        };
        if session == at {
            self.close();
        }
    }

    /// Ends the session knowingly: its keys are wiped and the place is empty.
    pub fn close(&mut self) {
        if let Place::Open(channel) = &mut self.place {
            channel.close();
        }
        self.place = Place::Empty;
        self.key_version = None;
    }

    /// Takes the channel out, for an owner that keeps or suspends it.
    pub fn take(&mut self) -> Option<SecureChannel> {
        match core::mem::take(&mut self.place) {
            Place::Open(channel) => {
                self.key_version = None;
                Some(channel)
            }
            other => {
                self.place = other;
                None
            }
        }
    }

    /// Ends a session whose state the card alone knows now.
    pub(super) fn kill(&mut self) {
        if let Place::Open(channel) = &mut self.place {
            channel.close();
            self.place = Place::Dead(channel.channel());
            self.key_version = None;
        }
    }

    /// Opens a protected answer in place.
    pub(super) fn unwrap<'r>(&mut self, answer: &'r mut [u8]) -> Result<Reply<'r>, Failure> {
        let Place::Open(channel) = &mut self.place else { return Err(Failure::Channel(gp_scp03::Error::Closed)) };
        match channel.unwrap(answer) {
            Ok(reply) => Ok(reply),
            Err(error) => {
                self.place = Place::Dead(channel.channel());
                self.key_version = None;
                Err(error.into())
            }
        }
    }
}
