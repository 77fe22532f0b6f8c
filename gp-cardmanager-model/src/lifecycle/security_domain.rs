//! A security domain beside the ISD (GPCS 5.3.2, figure 5-3).

use core::fmt;

use super::{Actors, LOCK_BIT, Transition, allowed, lock_keeps_state};

/// The name of a supplementary security domain's state (GPCS table 11-5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum SecurityDomainState {
    /// Not selectable; may not own content.
    Installed,
    /// Accepts its personalisation; no content may be associated yet.
    Selectable,
    /// Full service.
    Personalized,
    /// Rejects all commands and serves nobody.
    Locked,
}

/// The arrows of figure 5-3. An arrow out of [`SecurityDomainState::Locked`] leads only to the recorded previous state.
pub const SECURITY_DOMAIN: [Transition<SecurityDomainState>; 8] = {
    use SecurityDomainState::{Installed, Locked, Personalized, Selectable};
    let unlock = Actors::DOMAIN_ABOVE.with(Actors::GLOBAL_LOCK);
    let lock = unlock.with(Actors::OPEN).with(Actors::ITSELF);
    [
        Transition::new(Installed, Selectable, Actors::INSTALLER),
        Transition::new(Selectable, Personalized, Actors::ITSELF),
        Transition::new(Installed, Locked, lock),
        Transition::new(Selectable, Locked, lock),
        Transition::new(Personalized, Locked, lock),
        Transition::new(Locked, Installed, unlock),
        Transition::new(Locked, Selectable, unlock),
        Transition::new(Locked, Personalized, unlock),
    ]
};

/// Life cycle state of a supplementary security domain (GPCS 5.3.2, table 11-5). The ISD has a [`CardLifeCycle`](super::CardLifeCycle).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecurityDomainLifeCycle(u8);

impl SecurityDomainLifeCycle {
    /// `03`, the first state.
    pub const INSTALLED: Self = Self(0x03);
    /// `07`.
    pub const SELECTABLE: Self = Self(0x07);
    /// `0F`.
    pub const PERSONALIZED: Self = Self(0x0F);

    /// The state coded by an octet, or `None` if it codes none: a security domain has no states of its own.
    ///
    /// LOCKED is `1000xx11`; of these `8B` remembers no state, and cannot be [unlocked](Self::unlock).
    #[must_use]
    pub const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            0x03 | 0x07 | 0x0F | 0x83 | 0x87 | 0x8B | 0x8F => Some(Self(octet)),
            _ => None,
        }
    }

    /// The octet that codes this state.
    #[must_use]
    pub const fn octet(self) -> u8 {
        self.0
    }

    /// The name of this state.
    #[must_use]
    pub const fn state(self) -> SecurityDomainState {
        match self.0 {
            0x03 => SecurityDomainState::Installed,
            0x07 => SecurityDomainState::Selectable,
            0x0F => SecurityDomainState::Personalized,
            _ => SecurityDomainState::Locked,
        }
    }

    /// Whether the security domain is LOCKED.
    #[must_use]
    pub const fn is_locked(self) -> bool {
        self.0 & LOCK_BIT != 0
    }

    /// LOCKED, remembering this state. `None` when it is locked already.
    #[must_use]
    pub const fn lock(self) -> Option<Self> {
        if self.is_locked() { None } else { Some(Self(self.0 | LOCK_BIT)) }
    }

    /// The state before LOCKED. `None` when it is not locked, or no valid state was recorded.
    #[must_use]
    pub const fn unlock(self) -> Option<Self> {
        if self.is_locked() { Self::from_octet(self.0 & !LOCK_BIT) } else { None }
    }

    /// Whether `by` may bring a security domain from this state to `to`: a look into [`SECURITY_DOMAIN`], plus what a
    /// state name cannot say: LOCKED keeps the other bits, and no state becomes itself.
    #[must_use]
    pub fn may_become(self, to: Self, by: Actors) -> bool {
        self.0 != to.0 && lock_keeps_state(self.0, to.0) && allowed(&SECURITY_DOMAIN, self.state(), to.state(), by)
    }
}

impl fmt::Display for SecurityDomainLifeCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state() {
            SecurityDomainState::Installed => f.write_str("INSTALLED"),
            SecurityDomainState::Selectable => f.write_str("SELECTABLE"),
            SecurityDomainState::Personalized => f.write_str("PERSONALIZED"),
            SecurityDomainState::Locked => match self.unlock() {
                Some(before) => write!(f, "LOCKED (was {before})"),
                None => f.write_str("LOCKED"),
            },
        }
    }
}

impl fmt::Debug for SecurityDomainLifeCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecurityDomainLifeCycle({:02X})", self.0)
    }
}
