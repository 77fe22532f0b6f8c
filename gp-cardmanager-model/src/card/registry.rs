//! The registry: who is on the card, to whom it belongs, and in which state it is (GPCS chapter 6).

use crate::aid::Aid;
use crate::entry::ImplicitSelection;
use crate::lifecycle::{ApplicationLifeCycle, Kind, SecurityDomainLifeCycle};
use crate::privileges::Privileges;

/// The place of an entry in the registry. It does not change while the entry exists; the issuer security domain has the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index(pub(crate) u16);

impl Index {
    /// The issuer security domain.
    pub const ISD: Self = Self(0);

    /// The OPEN, as the keeper of what belongs to no entry.
    pub(crate) const OPEN: Self = Self(0xFFFE);

    /// The number of the slot.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    pub(crate) fn slot(self) -> usize {
        usize::from(self.0)
    }
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Occupant {
    /// Nothing.
    #[default]
    Free,
    /// A security domain; the issuer's where the index is [`Index::ISD`].
    Domain,
    /// An application that is no security domain.
    Application,
    /// An executable load file.
    LoadFile,
    /// An executable module: lives and dies with its load file.
    Module,
}

/// One slot of the registry. Start with [`RegistryEntry::FREE`]; all else is the card's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistryEntry {
    pub(crate) occupant: Occupant,
    /// Being loaded or installed: seen by nobody, written nowhere, gone after a reset.
    pub(crate) pending: bool,
    pub(crate) aid: Aid,
    /// Life cycle state in the coding of its kind; for the issuer security domain that of the card.
    pub(crate) state: u8,
    pub(crate) privileges: Privileges,
    /// The security domain that it is associated with; its own index for one that is associated with itself.
    pub(crate) domain: Index,
    /// The load file of an application, a module or an installed security domain.
    pub(crate) file: Option<Index>,
    /// The module that an application was made from.
    pub(crate) module: Option<Index>,
    /// Major and minor version of a load file.
    pub(crate) version: [u8; 2],
    /// Implicit selection parameters (`CF`), 00 where there is none.
    pub(crate) implicit: [ImplicitSelection; 4],
    /// Restrictions (`D9`): functions that this security domain, or for the ISD's entry with b8 the OPEN, may not perform any more.
    pub(crate) restrict: u8,
    /// What a security domain accepts from others: extradition to it, away from it, deletion of what it owns (SD install
    /// parameters 82, 87, 83), in the bits of [`Acceptance`].
    pub(crate) accepts: [u8; 3],
    /// PERSONALIZED by an explicit command only (SD install parameter 84).
    pub(crate) explicit: bool,
    /// Application provider identifier (`5F20`), as many octets as `provider_length` says.
    pub(crate) provider: [u8; 16],
    pub(crate) provider_length: u8,
    /// The next confirmation counter of a security domain with Receipt Generation.
    pub(crate) confirmation: u16,
}

impl RegistryEntry {
    /// An empty slot.
    pub const FREE: Self = Self {
        occupant: Occupant::Free,
        pending: false,
        aid: Aid::ISSUER_SECURITY_DOMAIN,
        state: 0,
        privileges: Privileges::NONE,
        domain: Index::ISD,
        file: None,
        module: None,
        version: [0; 2],
        implicit: [ImplicitSelection(0); 4],
        restrict: 0,
        accepts: [Acceptance::DEFAULT; 3],
        explicit: false,
        provider: [0; 16],
        provider_length: 0,
        confirmation: 0,
    };

    pub(crate) const fn is_domain(&self) -> bool {
        matches!(self.occupant, Occupant::Domain)
    }

    pub(crate) const fn is_application(&self) -> bool {
        matches!(self.occupant, Occupant::Domain | Occupant::Application)
    }

    /// What kind of object this is; `None` for a free slot and for a module, which has no life cycle of its own.
    pub(crate) fn kind(&self, index: Index) -> Option<Kind> {
        match self.occupant {
            Occupant::Domain if index == Index::ISD => Some(Kind::IssuerSecurityDomain),
            Occupant::Domain => Some(Kind::SecurityDomain),
            Occupant::Application => Some(Kind::Application),
            Occupant::LoadFile => Some(Kind::LoadFile),
            Occupant::Free | Occupant::Module => None,
        }
    }

    /// LOCKED, in the coding of applications and SSDs. The card's own states are not looked at here.
    pub(crate) fn is_locked(&self) -> bool {
        match self.occupant {
            Occupant::Domain => {
                SecurityDomainLifeCycle::from_octet(self.state).is_some_and(SecurityDomainLifeCycle::is_locked)
            }
            Occupant::Application => {
                ApplicationLifeCycle::from_octet(self.state).is_some_and(ApplicationLifeCycle::is_locked)
            }
            _ => false,
        }
    }

    /// Does this entry, in slot `index`, go when `target` is deleted: that one itself, its modules, and with `related` its
    /// applications?
    pub(crate) fn goes_with(&self, index: Index, target: Index, related: bool) -> bool {
        let of_it = self.file == Some(target) && (related || self.occupant == Occupant::Module);
        !self.pending && self.occupant != Occupant::Free && (index == target || of_it)
    }

    pub(crate) fn provider(&self) -> &[u8] {
        self.provider.get(..usize::from(self.provider_length)).unwrap_or_default()
    }
}

impl Default for RegistryEntry {
    fn default() -> Self {
        Self::FREE
    }
}

/// What a security domain may be asked to accept by another that performs a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acceptance {
    /// Content that comes to it: parameter 82.
    Incoming,
    /// Content that leaves it: parameter 87.
    Outgoing,
    /// Deletion of its content: parameter 83.
    Deletion,
}

impl Acceptance {
    /// Where nothing was said: security domains above with Authorized Management.
    pub(crate) const DEFAULT: u8 = 0x80;
    /// A security domain above with Authorized Management.
    const ABOVE: u8 = 0x80;
    /// Any security domain of the hierarchy with Authorized Management.
    const HIERARCHY: u8 = 0x40;
    /// The issuer security domain.
    const ISSUER: u8 = 0x20;
    /// Any security domain with Authorized Management.
    const ANY: u8 = 0x10;
    /// A security domain with Delegated Management below one above with Authorized Management.
    const DELEGATED: u8 = 0x08;
}

/// INSTALLED, the state in which nothing is selectable yet.
pub(crate) const INSTALLED: u8 = 0x03;
/// SELECTABLE.
pub(crate) const SELECTABLE: u8 = 0x07;
/// PERSONALIZED, of security domains.
pub(crate) const PERSONALIZED: u8 = 0x0F;
/// What LOCKED adds to the state of an application or a security domain beside the ISD (GPCS tables 11-4, 11-5).
pub(crate) const LOCK: u8 = 0x80;
/// LOADED, of load files.
pub(crate) const LOADED: u8 = 0x01;

/// Looking things up. Entries that are pending are seen by none of these.
pub(crate) trait Registry {
    fn entry(&self, index: Index) -> Option<&RegistryEntry>;
    fn entries(&self) -> impl Iterator<Item = (Index, &RegistryEntry)>;

    /// The load file, application or security domain with this AID. A module's AID is a name in its load file alone.
    fn find(&self, aid: &Aid) -> Option<(Index, &RegistryEntry)> {
        self.entries().find(|(_, entry)| entry.occupant != Occupant::Module && entry.aid == *aid)
    }

    /// Is `target` the domain itself or anywhere below it? Chains end in domains that are associated with themselves.
    fn is_below(&self, target: Index, domain: Index) -> bool {
        let mut at = target;
        // No chain is longer than the registry; a damaged one must not turn into a loop.
        for _ in self.entries() {
            if at == domain {
                return true;
            }
            match self.entry(at) {
                Some(entry) if entry.domain != at => at = entry.domain,
                _ => return false,
            }
        }
        at == domain
    }

    /// Does the security domain `owner` agree that `performer` does this to it? With itself and for the ISD always.
    fn accepts(&self, owner: Index, performer: Index, what: Acceptance) -> bool {
        let (Some(entry), Some(by)) = (self.entry(owner), self.entry(performer)) else { return false };
        let [incoming, outgoing, deletion] = entry.accepts;
        let policy = match what {
            Acceptance::Incoming => incoming,
            Acceptance::Outgoing => outgoing,
            Acceptance::Deletion => deletion,
        };
        let authorized = by.privileges.contains(Privileges::AUTHORIZED_MANAGEMENT);
        let delegated = by.privileges.contains(Privileges::DELEGATED_MANAGEMENT);
        owner == performer
            || owner == Index::ISD
            || (policy & Acceptance::ABOVE != 0 && authorized && self.is_below(owner, performer))
            || (policy & Acceptance::HIERARCHY != 0 && authorized && self.root(owner) == self.root(performer))
            || (policy & Acceptance::ANY != 0 && authorized)
            || (policy & Acceptance::ISSUER != 0 && performer == Index::ISD)
            || (policy & Acceptance::DELEGATED != 0 && delegated && self.reaches(performer, owner))
    }

    /// The security domain at the top of the hierarchy that this one is in.
    fn root(&self, domain: Index) -> Index {
        let mut at = domain;
        for _ in self.entries() {
            match self.entry(at) {
                Some(entry) if entry.domain != at => at = entry.domain,
                _ => break,
            }
        }
        at
    }

    /// Does a security domain with Authorized Management stand above both? Delegated management ends where its tree ends
    /// (GPCS 9.1.3).
    fn reaches(&self, delegate: Index, domain: Index) -> bool {
        self.entries().any(|(index, manager)| {
            manager.is_domain()
                && manager.privileges.contains(Privileges::AUTHORIZED_MANAGEMENT)
                && self.is_below(delegate, index)
                && self.is_below(domain, index)
        })
    }

    /// The entry that holds a privilege only one may hold.
    fn holder(&self, privilege: Privileges) -> Option<Index> {
        self.entries()
            .find(|(_, entry)| entry.is_application() && entry.privileges.contains(privilege))
            .map(|(index, _)| index)
    }
}

impl Registry for [RegistryEntry] {
    fn entry(&self, index: Index) -> Option<&RegistryEntry> {
        self.get(index.slot()).filter(|entry| entry.occupant != Occupant::Free && !entry.pending)
    }

    fn entries(&self) -> impl Iterator<Item = (Index, &RegistryEntry)> {
        (0_u16..).map(Index).zip(self).filter(|(_, entry)| entry.occupant != Occupant::Free && !entry.pending)
    }
}

/// The first slot that is neither occupied nor pending.
pub(crate) fn free_slot(registry: &[RegistryEntry]) -> Option<Index> {
    (0_u16..).map(Index).zip(registry).find(|(_, entry)| entry.occupant == Occupant::Free).map(|(index, _)| index)
}
