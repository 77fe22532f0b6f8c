//! SET STATUS, `80 F0 P1 P2`: the life cycle of the card, of an application, of a security domain (GPCS 11.10).

use gp_apdu::ins;
use gp_scp03::Reply;

use super::{Cover, Draft, Failure, Origin, Slot, Step, Task, accepted};
use crate::aid::Aid;
use crate::lifecycle::CardLifeCycle;
use crate::set_status::{SetStatus as Body, Target};

/// Sets a life cycle state. Yields who vouches for the answer.
#[derive(Clone, Copy, Debug)]
pub struct SetStatus {
    body: Body,
    origin: Origin,
}

impl SetStatus {
    /// This command.
    #[must_use]
    pub const fn new(body: Body) -> Self {
        Self { body, origin: Origin::Plain }
    }

    /// Locks an application or security domain.
    #[must_use]
    pub const fn lock(aid: Aid) -> Self {
        Self::new(Body { target: Target::Application(aid), state: Body::LOCK })
    }

    /// Gives a locked application or security domain the state back that it had.
    #[must_use]
    pub const fn unlock(aid: Aid) -> Self {
        Self::new(Body { target: Target::Application(aid), state: Body::UNLOCK })
    }

    /// Locks a security domain and everything below it.
    #[must_use]
    pub const fn lock_with_all_below(aid: Aid) -> Self {
        Self::new(Body { target: Target::SubTree(aid), state: Body::LOCK })
    }

    /// Unlocks a security domain and everything below it.
    #[must_use]
    pub const fn unlock_with_all_below(aid: Aid) -> Self {
        Self::new(Body { target: Target::SubTree(aid), state: Body::UNLOCK })
    }

    /// Sets the state of the card. OP_READY, INITIALIZED and SECURED follow each other and never go back; SECURED and
    /// CARD_LOCKED alternate; TERMINATED is the end of the card.
    #[must_use]
    pub const fn card(state: CardLifeCycle) -> Self {
        Self::new(Body { target: Target::Card, state: state.octet() })
    }
}

impl Task for SetStatus {
    type Output<'r> = Origin;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        let body = self.body;
        draft.begin(body.header()).push_with(|room| Ok(body.emit(room)?.len()))?;
        Ok(Cover::Session)
    }

    fn reply(&mut self, reply: Reply<'_>, _: &mut Slot) -> Result<Step, Failure> {
        self.origin = Origin::of(&reply);
        accepted(ins::SET_STATUS, reply)?;
        Ok(Step::Done)
    }

    fn output(self, _: &[u8]) -> Result<Origin, Failure> {
        Ok(self.origin)
    }
}
