//! The place of the secure channel in a host.
//!
//! ```text
//!            Authenticate                     wrong MAC, lost answer
//!  Empty  ------------------>  Open  ---------------------------------->  Dead
//!    ^                           |                                          |
//!    +---------------------------+------------------------------------------+
//!              SELECT, INITIALIZE UPDATE, MANAGE CHANNEL (close), Host::reset
//! ```

use gp_scp03::{Reply, SecureChannel};

use super::Failure;

/// Where the secure channel of a [`Host`](super::Host) is, if there is one.
///
/// A dead channel is not an empty place: commands that want the session fail until the session is ended knowingly,
/// instead of going out in the clear.
#[derive(Debug, Default)]
pub struct Slot(Place);

#[derive(Debug, Default)]
#[allow(clippy::large_enum_variant, reason = "a host has one slot, and the keys must lie somewhere")]
enum Place {
    #[default]
    Empty,
    Open(SecureChannel),
    Dead,
}

impl Slot {
    /// The open channel.
    #[must_use]
    pub const fn channel(&self) -> Option<&SecureChannel> {
        match &self.0 {
            Place::Open(channel) => Some(channel),
            Place::Empty | Place::Dead => None,
        }
    }

    /// The open channel, to set its limit of messages or its quirks.
    pub const fn channel_mut(&mut self) -> Option<&mut SecureChannel> {
        match &mut self.0 {
            Place::Open(channel) => Some(channel),
            Place::Empty | Place::Dead => None,
        }
    }

    /// Did a channel die here, by a wrong answer or a lost one?
    #[must_use]
    pub const fn is_dead(&self) -> bool {
        matches!(self.0, Place::Dead)
    }

    /// Puts an open channel here. One that was here before is wiped.
    pub fn install(&mut self, channel: SecureChannel) {
        self.0 = Place::Open(channel);
    }

    /// Ends the session knowingly: its keys are wiped and the place is empty.
    pub fn close(&mut self) {
        if let Place::Open(channel) = &mut self.0 {
            channel.close();
        }
        self.0 = Place::Empty;
    }

    /// Takes the channel out, for an owner that keeps or suspends it.
    pub fn take(&mut self) -> Option<SecureChannel> {
        match core::mem::take(&mut self.0) {
            Place::Open(channel) => Some(channel),
            other => {
                self.0 = other;
                None
            }
        }
    }

    /// Ends a session whose state the card alone knows now.
    pub(super) fn kill(&mut self) {
        if let Place::Open(channel) = &mut self.0 {
            channel.close();
            self.0 = Place::Dead;
        }
    }

    /// Opens a protected answer in place.
    pub(super) fn unwrap<'r>(&mut self, answer: &'r mut [u8]) -> Result<Reply<'r>, Failure> {
        let Place::Open(channel) = &mut self.0 else { return Err(Failure::Channel(gp_scp03::Error::Closed)) };
        match channel.unwrap(answer) {
            Ok(reply) => Ok(reply),
            Err(error) => {
                self.0 = Place::Dead;
                Err(error.into())
            }
        }
    }
}
