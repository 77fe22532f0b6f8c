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

mod application;
mod card;
mod load_file;
mod security_domain;

use core::fmt;
use core::ops::BitOr;

pub use application::{APPLICATION, ApplicationLifeCycle, ApplicationState};
pub use card::{CARD, CARD_UNLOCK_BY_APPLICATION, CardLifeCycle, OP_READY_TO_SECURED};
pub use load_file::LoadFileLifeCycle;
pub use security_domain::{SECURITY_DOMAIN, SecurityDomainLifeCycle, SecurityDomainState};

/// What LOCKED adds to the state of an application or security domain; the other bits are the state to return to.
const LOCK_BIT: u8 = 0x80;

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

/// Locking and unlocking change b8 and nothing else.
const fn lock_keeps_state(from: u8, to: u8) -> bool {
    (from | to) & LOCK_BIT == 0 || from ^ to == LOCK_BIT
}

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
