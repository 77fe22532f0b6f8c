//! SELECT, `00 A4 04 P2`: an application or security domain by its name (GPCS 11.9).
//!
//! ```text
//!  00 A4 04 00                 00     the issuer security domain
//!  00 A4 04 00  len AID or its first octets  00     the first that matches;  P2 02: the next one
//! ```

use gp_apdu::{Class, Header, StatusWord, ins};
use gp_scp03::Reply;

use super::{Cover, Draft, Failure, Slot, Step, Task, accepted};
use crate::aid::Aid;
use crate::fci::Fci;

/// Selects an application. It is never protected, and it ends the session of the logical channel.
///
/// Yields [`Selected`]: the answer, whatever it looks like; `6283` (the card is locked) is a success, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Select<'a> {
    name: &'a [u8],
    next: bool,
    locked: bool,
}

impl<'a> Select<'a> {
    /// The issuer security domain, whatever its name: SELECT without data.
    #[must_use]
    pub const fn issuer_security_domain() -> Self {
        Self { name: &[], next: false, locked: false }
    }

    /// The application of this name.
    #[must_use]
    pub fn aid(aid: &'a Aid) -> Self {
        Self::prefix(aid.as_bytes())
    }

    /// The first application whose name begins with these octets, at most 16.
    #[must_use]
    pub const fn prefix(name: &'a [u8]) -> Self {
        Self { name, next: false, locked: false }
    }

    /// The next application that matches, after one was selected so.
    #[must_use]
    pub const fn next(self) -> Self {
        Self { next: true, ..self }
    }
}

impl Task for Select<'_> {
    type Output<'r> = Selected<'r>;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        let p2 = if self.next { 0x02 } else { 0x00 };
        draft.begin(Header::new(Class::ISO, ins::SELECT, 0x04, p2)).push(self.name)?.expect_any();
        Ok(Cover::PlainClosing)
    }

    fn reply(&mut self, reply: Reply<'_>, _: &mut Slot) -> Result<Step, Failure> {
        self.locked = reply.status() == StatusWord::CARD_LOCKED;
        if !self.locked {
            accepted(ins::SELECT, reply)?;
        }
        Ok(Step::Done)
    }

    fn output(self, last: &[u8]) -> Result<Selected<'_>, Failure> {
        Ok(Selected { data: last, card_locked: self.locked })
    }
}

/// What the card answered to SELECT. Nobody vouches for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Selected<'r> {
    /// The data of the answer, file control information as a rule.
    pub data: &'r [u8],
    /// The card answered `6283`: it is locked.
    pub card_locked: bool,
}

impl<'r> Selected<'r> {
    /// The answer, read as file control information.
    ///
    /// # Errors
    /// Those of [`Fci::parse`]. The application is selected nevertheless.
    pub fn fci(&self) -> Result<Fci<'r>, gp_tlv::Error> {
        Fci::parse(self.data)
    }
}
