//! The card: states and who leads from one to the other (GPCS 5.1, figure 5-1).

use core::fmt;

use super::{Actors, Transition, allowed};

/// Life cycle state of the card (GPCS 5.1, table 11-6).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum CardLifeCycle {
    /// `01`: the runtime works, the ISD has an initial key.
    OpReady = 0x01,
    /// `07`: being prepared for issuance.
    Initialized = 0x07,
    /// `0F`: in the hands of the card holder.
    Secured = 0x0F,
    /// `7F`: only the holder of Final Application can be selected, no content changes.
    CardLocked = 0x7F,
    /// `FF`: the end.
    Terminated = 0xFF,
}

/// The arrows of figure 5-1.
pub const CARD: [Transition<CardLifeCycle>; 8] = {
    use CardLifeCycle::{CardLocked, Initialized, OpReady, Secured, Terminated};
    let lock = Actors::OPEN.with(Actors::CARD_LOCK_DOMAIN).with(Actors::CARD_LOCK_APPLICATION);
    let terminate = Actors::OPEN.with(Actors::CARD_TERMINATE);
    [
        Transition::new(OpReady, Initialized, Actors::CARD_STATE),
        Transition::new(Initialized, Secured, Actors::CARD_STATE),
        Transition::new(Secured, CardLocked, lock),
        Transition::new(CardLocked, Secured, Actors::CARD_LOCK_DOMAIN),
        Transition::new(OpReady, Terminated, terminate),
        Transition::new(Initialized, Terminated, terminate),
        Transition::new(Secured, Terminated, terminate),
        Transition::new(CardLocked, Terminated, terminate),
    ]
};

/// Not in figure 5-1, so not in [`CARD`]: some cards go from OP_READY to SECURED in one step.
pub const OP_READY_TO_SECURED: Transition<CardLifeCycle> =
    Transition::new(CardLifeCycle::OpReady, CardLifeCycle::Secured, Actors::CARD_STATE);

/// Not in figure 5-1, so not in [`CARD`]: GPCS 9.6.3 asks only for the Card Lock privilege, which would let a plain
/// application unlock the card.
pub const CARD_UNLOCK_BY_APPLICATION: Transition<CardLifeCycle> =
    Transition::new(CardLifeCycle::CardLocked, CardLifeCycle::Secured, Actors::CARD_LOCK_APPLICATION);

impl CardLifeCycle {
    /// The five states.
    pub const ALL: [Self; 5] = [Self::OpReady, Self::Initialized, Self::Secured, Self::CardLocked, Self::Terminated];

    /// The state coded by an octet; the other 251 octets code none.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            0x01 => Some(Self::OpReady),
            0x07 => Some(Self::Initialized),
            0x0F => Some(Self::Secured),
            0x7F => Some(Self::CardLocked),
            0xFF => Some(Self::Terminated),
            _ => None,
        }
    }

    /// The octet that codes this state.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Self::OpReady => 0x01,
            Self::Initialized => 0x07,
            Self::Secured => 0x0F,
            Self::CardLocked => 0x7F,
            Self::Terminated => 0xFF,
        }
    }

    /// Whether `by` may bring the card from this state to `to`: a look into [`CARD`].
    #[must_use]
    pub fn may_become(self, to: Self, by: Actors) -> bool {
        allowed(&CARD, self, to, by)
    }
}

impl fmt::Display for CardLifeCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpReady => "OP_READY",
            Self::Initialized => "INITIALIZED",
            Self::Secured => "SECURED",
            Self::CardLocked => "CARD_LOCKED",
            Self::Terminated => "TERMINATED",
        })
    }
}
