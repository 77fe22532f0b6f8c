//! An operation of the host as a value: it writes commands, digests answers, and never does I/O.

use gp_apdu::{Response, StatusWord};
use gp_scp03::Reply;

use super::{Draft, Failure, Refusal, Slot};

/// One operation: SELECT, opening a session, listing, installing...
///
/// The [`Host`](super::Host) asks for a command, has it protected and sent, and gives the answer back, until the
/// operation says that it is done:
///
/// ```text
///  command(draft)  -> how it is protected
///  reply(answer)   -> Again: command(draft) ...
///                  -> Done:  output(data of the last answer)
/// ```
///
/// An operation of your own is a few lines:
/// ```
/// use gp_apdu::{Class, Header};
/// use gp_cardmanager_model::host::{Cover, Draft, Failure, Slot, Step, Task, accepted};
/// use gp_scp03::Reply;
///
/// /// A made-up command that answers one octet.
/// struct ReadTemperature;
/// impl Task for ReadTemperature {
///     type Output<'r> = u8;
///     fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
///         draft.begin(Header::new(Class::GP, 0x54, 0x00, 0x00)).expect_any();
///         Ok(Cover::SessionOrPlain)
///     }
///     fn reply(&mut self, reply: Reply<'_>, _: &mut Slot) -> Result<Step, Failure> {
///         accepted(0x54, reply).map(|_| Step::Done)
///     }
///     fn output<'r>(self, last: &'r [u8]) -> Result<u8, Failure> {
///         last.first().copied().ok_or(Failure::WrongAnswer)
///     }
/// }
/// ```
pub trait Task {
    /// What the operation yields. It may borrow the data of the last answer.
    type Output<'r>;

    /// Writes the next command.
    ///
    /// # Errors
    /// Any [`Failure`]: nothing is sent then, and the session is as it was.
    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure>;

    /// Digests the answer. It may be a refusal, and it may be plain: a session whose level has R-MAC never lets a plain
    /// answer to a protected command through, below that nothing vouches for it.
    ///
    /// # Errors
    /// Any [`Failure`]: the operation is over. The session goes on unless the task closed it.
    fn reply(&mut self, reply: Reply<'_>, slot: &mut Slot) -> Result<Step, Failure>;

    /// The result, made once, after [`Step::Done`], from the data of the last answer.
    ///
    /// # Errors
    /// Any [`Failure`].
    fn output(self, last: &[u8]) -> Result<Self::Output<'_>, Failure>
    where
        Self: Sized;
}

/// How a command is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cover {
    /// By the open session, at its level. Without one nothing is sent.
    Session,
    /// By the open session; in the clear where none was opened. Never in the clear where one died.
    SessionOrPlain,
    /// Not at all: the runtime of the card handles it beside the session (MANAGE CHANNEL).
    Plain,
    /// Not at all, and it ends the session on the card, so that the host's end is closed before (SELECT).
    PlainClosing,
    /// A step of the handshake: sent as it is and exactly once. The session before it ends. Not even `6Cxx` has it
    /// repeated.
    Handshake,
}

/// What comes after an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The operation is done.
    Done,
    /// There is another command.
    Again,
    /// There is another command, and the last so many octets of this answer's data are to stand in front of the next
    /// answer's: the beginning of an entry that was cut.
    AgainKeeping(usize),
}

/// Who vouches for an answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Origin {
    /// Nobody: it came in the clear, or at a level without R-MAC.
    #[default]
    Plain,
    /// The card: the R-MAC held.
    Authentic,
}

impl Origin {
    /// Where this answer comes from.
    #[must_use]
    pub const fn of(reply: &Reply<'_>) -> Self {
        match reply {
            Reply::Authentic(_) => Self::Authentic,
            Reply::Plain(_) | Reply::Refused(_) => Self::Plain,
        }
    }
}

/// The answer to `instruction`, if the card carried the command out without a remark (`9000`).
///
/// # Errors
/// [`Failure::Refused`] for an error status, [`Failure::Warned`] for `62xx` and `63xx`.
pub fn accepted<'r>(instruction: u8, reply: Reply<'r>) -> Result<Response<'r>, Failure> {
    let status = reply.status();
    match reply {
        Reply::Authentic(response) | Reply::Plain(response) if status == StatusWord::OK => Ok(response),
        _ if status.is_warning() => Err(Failure::Warned(Refusal::new(instruction, status))),
        _ => Err(Failure::Refused(Refusal::new(instruction, status))),
    }
}
