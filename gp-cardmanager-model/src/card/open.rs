//! What an application may ask of the OPEN while it works on a command (GPCS 5.1, 5.3, 6.6): its own life cycle state, and by its
//! privileges those of others and of the card.
//!
//! ```text
//!  own state     SELECTABLE <-> 0F..7F, any -> LOCKED          every application; a security domain: PERSONALIZED, LOCKED
//!  others        any <-> LOCKED                                Global Lock
//!  the card      SECURED -> CARD_LOCKED                        Card Lock
//!                any -> TERMINATED                             Card Terminate
//! ```
//!
//! Each is a transaction of its own, done when the call returns, whatever the application answers afterwards: as in SET STATUS,
//! and looked up in the same tables.

use core::fmt;

use gp_apdu::StatusWord;
use gp_scp03::Key;

use crate::aid::Aid;
use crate::card::books::Books;
use crate::card::registry::{Index, Registry};
use crate::card::set_status::{lock, set_card_state, set_own_state};
use crate::card::storage::Storage;
use crate::lifecycle::CardLifeCycle;
use crate::privileges::Privileges;

/// What stands behind [`Open`], whatever the card's storage is.
pub(crate) trait Services {
    fn life_cycle(&self) -> u8;
    fn set_life_cycle(&mut self, state: u8) -> Result<(), StatusWord>;
    fn lock_application(&mut self, aid: &Aid, lock: bool) -> Result<(), StatusWord>;
    fn card_life_cycle(&self) -> CardLifeCycle;
    fn set_card_life_cycle(&mut self, state: CardLifeCycle) -> Result<(), StatusWord>;
    fn privileges(&self) -> Privileges;
    /// Key-DEK of the session that the command came in, where there is one.
    fn dek(&self) -> Option<&Key>;
}

/// The OPEN, as the application sees it that a command was given to. See [`Apdu::open`](crate::card::Apdu::open).
pub struct Open<'a>(pub(super) &'a mut (dyn Services + 'a));

impl Open<'_> {
    /// The life cycle state of the application itself, in the coding of its kind (GPCS tables 11-4, 11-5).
    #[must_use]
    pub fn life_cycle(&self) -> u8 {
        self.0.life_cycle()
    }

    /// Sets the life cycle state of the application itself: one of its own states, back to SELECTABLE, or LOCKED, from where it
    /// does not come back by itself. A locked application stays selected until that ends.
    ///
    /// # Errors
    /// `6A80` for what codes no state; `6985` where the life cycle has no such step, for the ISD, whose state is the card's, and
    /// for LOCKED where the application holds Final Application; `6581` where the storage failed. Nothing is changed then.
    pub fn set_life_cycle(&mut self, state: u8) -> Result<(), StatusWord> {
        self.0.set_life_cycle(state)
    }

    /// Locks another application or security domain, or unlocks it to the state it had: the Global Lock privilege.
    ///
    /// # Errors
    /// `6A88` where there is none with this AID; `6982` without the privilege; `6985` where it is so already, or holds Final
    /// Application; `6581` where the storage failed. Nothing is changed then.
    pub fn lock_application(&mut self, aid: &Aid, lock: bool) -> Result<(), StatusWord> {
        self.0.lock_application(aid, lock)
    }

    /// The card life cycle state.
    #[must_use]
    pub fn card_life_cycle(&self) -> CardLifeCycle {
        self.0.card_life_cycle()
    }

    /// Locks the card: the Card Lock privilege. Content changes stop at once; what is selected stays so until that ends. No
    /// application, only a security domain can unlock it.
    ///
    /// # Errors
    /// `6982` without the privilege; `6985` where the card is not SECURED; `6581` where the storage failed. Nothing is changed
    /// then.
    pub fn lock_card(&mut self) -> Result<(), StatusWord> {
        self.0.set_card_life_cycle(CardLifeCycle::CardLocked)
    }

    /// Terminates the card, for ever: the Card Terminate privilege.
    ///
    /// # Errors
    /// `6982` without the privilege; `6985` where it is terminated already; `6581` where the storage failed. Nothing is changed
    /// then.
    pub fn terminate_card(&mut self) -> Result<(), StatusWord> {
        self.0.set_card_life_cycle(CardLifeCycle::Terminated)
    }

    /// The privileges of the application.
    #[must_use]
    pub fn privileges(&self) -> Privileges {
        self.0.privileges()
    }
}

impl fmt::Debug for Open<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Open").field("life_cycle", &self.life_cycle()).finish_non_exhaustive()
    }
}

/// The card without its applications, lent to one of them.
pub(super) struct Lent<'c, 'm, S: Storage> {
    pub(super) books: Books<'c, 'm, S>,
    pub(super) app: Index,
    /// The channel whose session lends its Key-DEK.
    pub(super) session: Option<usize>,
}

impl<S: Storage> Lent<'_, '_, S> {
    /// On a TERMINATED card nothing changes any more (GPCS 9.6.4).
    fn lives(&self) -> Result<(), StatusWord> {
        match self.books.life_cycle() {
            CardLifeCycle::Terminated => Err(StatusWord::CONDITIONS_OF_USE),
            _ => Ok(()),
        }
    }
}

impl<S: Storage> Services for Lent<'_, '_, S> {
    fn life_cycle(&self) -> u8 {
        self.books.memory.registry.entry(self.app).map_or(0, |entry| entry.state)
    }

    fn set_life_cycle(&mut self, state: u8) -> Result<(), StatusWord> {
        self.lives()?;
        set_own_state(&mut self.books, self.app, state)
    }

    fn lock_application(&mut self, aid: &Aid, wanted: bool) -> Result<(), StatusWord> {
        self.lives()?;
        lock(&mut self.books, self.app, aid, wanted)
    }

    fn card_life_cycle(&self) -> CardLifeCycle {
        self.books.life_cycle()
    }

    fn set_card_life_cycle(&mut self, state: CardLifeCycle) -> Result<(), StatusWord> {
        set_card_state(&mut self.books, self.app, state)
    }

    fn privileges(&self) -> Privileges {
        self.books.memory.registry.entry(self.app).map_or(Privileges::NONE, |entry| entry.privileges)
    }

    fn dek(&self) -> Option<&Key> {
        self.books.memory.channels.get(self.session?)?.dek.as_ref()
    }
}
