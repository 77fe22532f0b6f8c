//! The life cycles of card, load file, application and security domain (GPCS chapter 5, 11.1.1): codings and transitions.
//!
//! ```text
//! card                 01 OP_READY -> 07 INITIALIZED -> 0F SECURED <-> 7F CARD_LOCKED
//!                       any -> FF TERMINATED
//! load file            01 LOADED
//! application          03 INSTALLED -> 07 SELECTABLE <-> 0F..7F application specific (b3 b2 b1 = 111)
//!                       any <-> LOCKED (b8 = 1, b2 b1 = 11; the other bits remember the state to return to)
//! security domain      03 INSTALLED -> 07 SELECTABLE -> 0F PERSONALIZED, and LOCKED as above: 83, 87, 8F
//! ```
//!
//! Who may ask for which transition is data: [`CARD`], [`APPLICATION`] and [`SECURITY_DOMAIN`] are the arrows of figures
//! 5-1 to 5-3, and `may_become` looks them up. An arrow that is not in a table does not exist; asking for the state an
//! object already has is refused as well (GPCS 11.10.2.2).
//!
//! The tables begin with the first state an object has and end before its deletion: how objects come and go is the matter
//! of INSTALL, LOAD and DELETE. Rules that look at other objects (the holder of Final Application cannot be locked) are
//! not here either.

use core::fmt;
use core::ops::BitOr;

/// What kind of object a registry entry describes; it decides the coding of the life cycle state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The issuer security domain. It reports the state of the card as its own.
    IssuerSecurityDomain,
    /// A supplementary security domain (SSD).
    SecurityDomain,
    /// An application that is no security domain.
    Application,
    /// An executable load file (ELF).
    LoadFile,
}

/// Who asks for a transition: a set, since one entity may hold several rights.
///
/// ```
/// use gp_cardmanager_model::lifecycle::{Actors, CardLifeCycle};
///
/// let issuer = Actors::CARD_STATE | Actors::CARD_LOCK_DOMAIN;
/// assert!(CardLifeCycle::OpReady.may_become(CardLifeCycle::Initialized, issuer));
/// assert!(!CardLifeCycle::Initialized.may_become(CardLifeCycle::OpReady, issuer));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Actors(u16);

impl Actors {
    /// Nobody.
    pub const NONE: Self = Self(0);
    /// The OPEN, the card's own runtime.
    pub const OPEN: Self = Self(0x001);
    /// A security domain with the right to move the card towards SECURED: the ISD.
    pub const CARD_STATE: Self = Self(0x002);
    /// A security domain with the Card Lock privilege.
    pub const CARD_LOCK_DOMAIN: Self = Self(0x004);
    /// An application, no security domain, with the Card Lock privilege.
    pub const CARD_LOCK_APPLICATION: Self = Self(0x008);
    /// A security domain or application with the Card Terminate privilege.
    pub const CARD_TERMINATE: Self = Self(0x010);
    /// A security domain that installs: Authorized Management, or Delegated Management with its token.
    pub const INSTALLER: Self = Self(0x020);
    /// The application or security domain itself.
    pub const ITSELF: Self = Self(0x040);
    /// A security domain above, at any height of the hierarchy.
    pub const DOMAIN_ABOVE: Self = Self(0x080);
    /// A security domain or application with the Global Lock privilege.
    pub const GLOBAL_LOCK: Self = Self(0x100);

    const NAMES: [(Self, &'static str); 9] = [
        (Self::OPEN, "OPEN"),
        (Self::CARD_STATE, "security domain that sets the card state"),
        (Self::CARD_LOCK_DOMAIN, "security domain with Card Lock"),
        (Self::CARD_LOCK_APPLICATION, "application with Card Lock"),
        (Self::CARD_TERMINATE, "Card Terminate"),
        (Self::INSTALLER, "installing security domain"),
        (Self::ITSELF, "itself"),
        (Self::DOMAIN_ABOVE, "security domain above"),
        (Self::GLOBAL_LOCK, "Global Lock"),
    ];

    /// Everybody of both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the two sets have a member in common.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Actors {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl fmt::Display for Actors {
    /// The names, separated by commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (actor, name) in Self::NAMES {
            if self.intersects(actor) {
                write!(f, "{separator}{name}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Actors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Actors({self})")
    }
}

/// An arrow of a life cycle figure: from which state to which, and who may ask for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transition<S> {
    /// The state the object is in.
    pub from: S,
    /// The state it gets.
    pub to: S,
    /// Who may ask: one of these is enough.
    pub who: Actors,
}

impl<S: Copy + PartialEq> Transition<S> {
    const fn new(from: S, to: S, who: Actors) -> Self {
        Self { from, to, who }
    }

    /// Whether this arrow goes from `from` to `to`, and `by` may ask for it.
    pub fn allows(&self, from: S, to: S, by: Actors) -> bool {
        self.from == from && self.to == to && self.who.intersects(by)
    }
}

/// Whether an arrow of `table` goes from `from` to `to`, and `by` may ask for it.
fn allowed<S: Copy + PartialEq>(table: &[Transition<S>], from: S, to: S, by: Actors) -> bool {
    table.iter().any(|arrow| arrow.allows(from, to, by))
}

// ---- card ----------------------------------------------------------------------------------------------------------

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

// ---- load file -----------------------------------------------------------------------------------------------------

/// Life cycle state of an executable load file (GPCS 5.2, table 11-3). Its modules live and die with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum LoadFileLifeCycle {
    /// `01`: the only state of the specification; the entry appears when the whole load has succeeded.
    Loaded,
    /// `00`: reported by cards of Open Platform 2.0.1 for a load file that is deleted but whose space is not reclaimed.
    /// A reader's tolerance.
    LogicallyDeleted,
}

impl LoadFileLifeCycle {
    /// The state coded by an octet.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            0x01 => Some(Self::Loaded),
            0x00 => Some(Self::LogicallyDeleted),
            _ => None,
        }
    }

    /// The octet that codes this state.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Self::Loaded => 0x01,
            Self::LogicallyDeleted => 0x00,
        }
    }
}

impl fmt::Display for LoadFileLifeCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loaded => "LOADED",
            Self::LogicallyDeleted => "LOGICALLY_DELETED",
        })
    }
}

// ---- application ---------------------------------------------------------------------------------------------------

const LOCK_BIT: u8 = 0x80;
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

/// Locking and unlocking change b8 and nothing else.
const fn lock_keeps_state(from: u8, to: u8) -> bool {
    (from | to) & LOCK_BIT == 0 || from ^ to == LOCK_BIT
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

// ---- security domain -----------------------------------------------------------------------------------------------

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

/// Life cycle state of a supplementary security domain (GPCS 5.3.2, table 11-5). The ISD has a [`CardLifeCycle`].
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

// ---- any ------------------------------------------------------------------------------------------------------------

/// A life cycle octet read as the kind of its object demands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum LifeCycle {
    /// Of the ISD: the state of the card.
    Card(CardLifeCycle),
    /// Of an executable load file.
    LoadFile(LoadFileLifeCycle),
    /// Of an application.
    Application(ApplicationLifeCycle),
    /// Of a supplementary security domain.
    SecurityDomain(SecurityDomainLifeCycle),
    /// An octet that codes no state of this kind of object; real cards show some.
    Unknown(u8),
}

impl LifeCycle {
    /// Reads the octet that an object of this kind reports.
    #[must_use]
    pub fn of(kind: Kind, octet: u8) -> Self {
        match kind {
            Kind::IssuerSecurityDomain => CardLifeCycle::from_octet(octet).map(Self::Card),
            Kind::LoadFile => LoadFileLifeCycle::from_octet(octet).map(Self::LoadFile),
            Kind::Application => ApplicationLifeCycle::from_octet(octet).map(Self::Application),
            Kind::SecurityDomain => SecurityDomainLifeCycle::from_octet(octet).map(Self::SecurityDomain),
        }
        .unwrap_or(Self::Unknown(octet))
    }

    /// The octet that codes this state.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Self::Card(state) => state.octet(),
            Self::LoadFile(state) => state.octet(),
            Self::Application(state) => state.octet(),
            Self::SecurityDomain(state) => state.octet(),
            Self::Unknown(octet) => octet,
        }
    }
}

impl fmt::Display for LifeCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card(state) => state.fmt(f),
            Self::LoadFile(state) => state.fmt(f),
            Self::Application(state) => state.fmt(f),
            Self::SecurityDomain(state) => state.fmt(f),
            Self::Unknown(octet) => write!(f, "unknown state {octet:02X}"),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Actors, ApplicationLifeCycle, CardLifeCycle, Kind, LifeCycle, SecurityDomainLifeCycle};
    use std::format;

    #[test]
    fn the_octet_comes_back() {
        for octet in 0..=0xFF_u8 {
            for kind in [Kind::IssuerSecurityDomain, Kind::SecurityDomain, Kind::Application, Kind::LoadFile] {
                assert_eq!(LifeCycle::of(kind, octet).octet(), octet);
            }
        }
        assert_eq!(CardLifeCycle::from_octet(0x7F), Some(CardLifeCycle::CardLocked));
        assert_eq!(CardLifeCycle::ALL.map(CardLifeCycle::octet), [0x01, 0x07, 0x0F, 0x7F, 0xFF]);
    }

    #[test]
    fn printed_in_the_words_of_the_specification() {
        let printed = |kind, octet| format!("{}", LifeCycle::of(kind, octet));
        assert_eq!(printed(Kind::IssuerSecurityDomain, 0x0F), "SECURED");
        assert_eq!(printed(Kind::Application, 0x87), "LOCKED (was SELECTABLE)");
        assert_eq!(printed(Kind::Application, 0x0F), "SPECIFIC (0F)");
        assert_eq!(printed(Kind::SecurityDomain, 0x8F), "LOCKED (was PERSONALIZED)");
        assert_eq!(printed(Kind::SecurityDomain, 0x3F), "unknown state 3F");
        assert_eq!(printed(Kind::LoadFile, 0x00), "LOGICALLY_DELETED");
        assert_eq!(format!("{}", Actors::OPEN | Actors::ITSELF), "OPEN, itself");
    }

    #[test]
    fn locked_without_a_state_to_return_to() {
        // Tolerated: the mask says LOCKED, the rest (0B) is no state.
        assert!(ApplicationLifeCycle::from_octet(0x8B).unwrap().is_locked());
        assert_eq!(ApplicationLifeCycle::from_octet(0x8B).unwrap().unlock(), None);
        assert_eq!(SecurityDomainLifeCycle::from_octet(0x8B).unwrap().unlock(), None);
    }
}
