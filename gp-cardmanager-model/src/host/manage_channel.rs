//! MANAGE CHANNEL, `00 70 P1 P2`: opens and closes logical channels (GPCS 11.7). Never protected.

use gp_apdu::{LogicalChannel, StatusWord, ins};
use gp_scp03::Reply;

use super::{Cover, Draft, Failure, Slot, Step, Task, accepted};
use crate::manage_channel::ManageChannel;

/// Opens a logical channel and yields its number. The host goes on with its own channel until
/// [`Host::set_channel`](super::Host::set_channel).
#[derive(Clone, Copy, Debug)]
pub struct OpenChannel(Option<LogicalChannel>);

impl OpenChannel {
    /// A channel of the card's choice.
    #[must_use]
    pub const fn any() -> Self {
        Self(None)
    }

    /// This channel, 1 to 19, which some cards allow.
    #[must_use]
    pub const fn numbered(channel: LogicalChannel) -> Self {
        Self(Some(channel))
    }
}

impl Task for OpenChannel {
    type Output<'r> = LogicalChannel;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        let body = self.0.map_or(ManageChannel::OpenAny, ManageChannel::Open);
        draft.begin(body.header());
        if let Some(le) = body.le() {
            draft.expect(le);
        }
        Ok(Cover::Plain)
    }

    fn reply(&mut self, reply: Reply<'_>, _: &mut Slot) -> Result<Step, Failure> {
        accepted(ins::MANAGE_CHANNEL, reply)?;
        Ok(Step::Done)
    }

    fn output(self, last: &[u8]) -> Result<LogicalChannel, Failure> {
        match self.0 {
            Some(channel) => Ok(channel),
            None => Ok(ManageChannel::opened(last)?),
        }
    }
}

/// Closes a logical channel, 1 to 19. The session of that channel ends, and with it the host's when it is on it.
///
/// Yields whether the channel was open: a card says with `6200` that it was closed before.
#[derive(Clone, Copy, Debug)]
pub struct CloseChannel {
    channel: LogicalChannel,
    was_open: bool,
}

impl CloseChannel {
    /// Closes this channel.
    #[must_use]
    pub const fn new(channel: LogicalChannel) -> Self {
        Self { channel, was_open: false }
    }
}

impl Task for CloseChannel {
    type Output<'r> = bool;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        let body = ManageChannel::Close(self.channel);
        draft.begin(body.header());
        Ok(if draft.channel() == self.channel { Cover::PlainClosing } else { Cover::Plain })
    }

    fn reply(&mut self, reply: Reply<'_>, slot: &mut Slot) -> Result<Step, Failure> {
        if reply.status() != StatusWord::CHANNEL_ALREADY_CLOSED {
            accepted(ins::MANAGE_CHANNEL, reply)?;
            self.was_open = true;
        }
        slot.close_on(self.channel);
        Ok(Step::Done)
    }

    fn output(self, _: &[u8]) -> Result<bool, Failure> {
        Ok(self.was_open)
    }
}
