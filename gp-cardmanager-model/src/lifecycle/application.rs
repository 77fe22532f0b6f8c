//! An application (GPCS 5.3.1, figure 5-2): states, its own among them, and who leads from one to the other.

use core::fmt;

use super::{Actors, LOCK_BIT, Transition, allowed, lock_keeps_state};

/// b8, b2 and b1: all three set means LOCKED (GPCS tables 11-4 and 11-5).
const LOCKED_MASK: u8 = 0x83;

/// The name of an application's state, without the bits that are the application's own (GPCS table 11-4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum ApplicationState {
    /// Installed, not yet selectable.
    Installed,
    /// Selectable.
    Selectable,
    /// A state of the application's own: `0F`, `17`, .. `7F`.
    Specific,
    /// Not selectable until it is unlocked.
    Locked,
}

/// The arrows of figure 5-2. An arrow between [`ApplicationState::Specific`] and itself leads to **another** specific
/// state; an arrow out of [`ApplicationState::Locked`] leads only to the recorded previous state.
pub const APPLICATION: [Transition<ApplicationState>; 10] = {
    use ApplicationState::{Installed, Locked, Selectable, Specific};
    let unlock = Actors::DOMAIN_ABOVE.with(Actors::GLOBAL_LOCK);
    let lock = unlock.with(Actors::OPEN).with(Actors::ITSELF);
    [
        Transition::new(Installed, Selectable, Actors::INSTALLER),
        Transition::new(Selectable, Specific, Actors::ITSELF),
        Transition::new(Specific, Selectable, Actors::ITSELF),
        Transition::new(Specific, Specific, Actors::ITSELF),
        Transition::new(Installed, Locked, lock),
        Transition::new(Selectable, Locked, lock),
        Transition::new(Specific, Locked, lock),
        Transition::new(Locked, Installed, unlock),
        Transition::new(Locked, Selectable, unlock),
        Transition::new(Locked, Specific, unlock),
    ]
};

/// Life cycle state of an application (GPCS 5.3.1, table 11-4): one octet, told by mask.
///
/// ```
/// use gp_cardmanager_model::lifecycle::ApplicationLifeCycle;
///
/// let locked = ApplicationLifeCycle::SELECTABLE.lock().unwrap();
/// assert_eq!(locked.octet(), 0x87);
/// assert_eq!(locked.unlock(), Some(ApplicationLifeCycle::SELECTABLE));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ApplicationLifeCycle(u8);

impl ApplicationLifeCycle {
    /// `03`, the first state.
    pub const INSTALLED: Self = Self(0x03);
    /// `07`.
    pub const SELECTABLE: Self = Self(0x07);

    /// The state coded by an octet, or `None` if it codes none.
    ///
    /// Every octet with b8, b2 and b1 set is LOCKED, also where the remaining bits (`8B`) remember no state an
    /// application can have; such a one cannot be [unlocked](Self::unlock).
    #[must_use]
    pub const fn from_octet(octet: u8) -> Option<Self> {
        let specific_or_selectable = octet & 0x87 == 0x07;
        let locked = octet & LOCKED_MASK == LOCKED_MASK;
        if octet == 0x03 || specific_or_selectable || locked { Some(Self(octet)) } else { None }
    }

    /// The octet that codes this state.
    #[must_use]
    pub const fn octet(self) -> u8 {
        self.0
    }

    /// The name of this state.
    #[must_use]
    pub const fn state(self) -> ApplicationState {
        match self.0 {
            0x03 => ApplicationState::Installed,
            0x07 => ApplicationState::Selectable,
            octet if octet & LOCK_BIT != 0 => ApplicationState::Locked,
            _ => ApplicationState::Specific,
        }
    }

    /// Whether the application is LOCKED.
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

    /// Whether `by` may bring an application from this state to `to`: a look into [`APPLICATION`], plus what a state
    /// name cannot say: LOCKED keeps the other bits, and no state becomes itself.
    #[must_use]
    pub fn may_become(self, to: Self, by: Actors) -> bool {
        self.0 != to.0 && lock_keeps_state(self.0, to.0) && allowed(&APPLICATION, self.state(), to.state(), by)
    }
}

impl fmt::Display for ApplicationLifeCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state() {
            ApplicationState::Installed => f.write_str("INSTALLED"),
            ApplicationState::Selectable => f.write_str("SELECTABLE"),
            ApplicationState::Specific => write!(f, "SPECIFIC ({:02X})", self.0),
            ApplicationState::Locked => match self.unlock() {
                Some(before) => write!(f, "LOCKED (was {before})"),
                None => f.write_str("LOCKED"),
            },
        }
    }
}

impl fmt::Debug for ApplicationLifeCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApplicationLifeCycle({:02X})", self.0)
    }
}
