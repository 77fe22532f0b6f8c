//! Any command, as the caller writes it: for what no operation is there for.

use gp_apdu::{Command, StatusWord};
use gp_scp03::Reply;

use super::{Cover, Draft, Failure, Origin, Slot, Step, Task};

/// Sends one command, protected as [`Cover`] says, and yields whatever comes back; a refusal is an [`Answer`], too.
///
/// The form of the command does not count: lengths are written as the host is set to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Raw<'a> {
    command: Command<'a>,
    cover: Cover,
    status: StatusWord,
    origin: Origin,
}

impl<'a> Raw<'a> {
    /// This command; within the session when one is open, else in the clear.
    #[must_use]
    pub const fn new(command: Command<'a>) -> Self {
        Self::covered(command, Cover::SessionOrPlain)
    }

    /// This command, protected so.
    #[must_use]
    pub const fn covered(command: Command<'a>, cover: Cover) -> Self {
        Self { command, cover, status: StatusWord::UNKNOWN, origin: Origin::Plain }
    }
}

impl Task for Raw<'_> {
    type Output<'r> = Answer<'r>;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        draft.begin(self.command.header).push(self.command.data)?;
        if let Some(le) = self.command.le {
            draft.expect(le);
        }
        Ok(self.cover)
    }

    fn reply(&mut self, reply: Reply<'_>, _: &mut Slot) -> Result<Step, Failure> {
        self.status = reply.status();
        self.origin = Origin::of(&reply);
        Ok(Step::Done)
    }

    fn output(self, last: &[u8]) -> Result<Answer<'_>, Failure> {
        Ok(Answer { data: last, status: self.status, origin: self.origin })
    }
}

/// An answer of the card.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer<'r> {
    /// Its data.
    pub data: &'r [u8],
    /// Its status word.
    pub status: StatusWord,
    /// Who vouches for it.
    pub origin: Origin,
}
