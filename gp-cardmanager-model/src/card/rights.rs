//! Who may change content, and when: the tests that every content command begins with (GPCS chapters 7 and 9), in one order.
//!
//! ```text
//!  1  a session is open                                                  6982
//!  2  the security domain is PERSONALIZED, or the ISD; not LOCKED        6985
//!  3  the card is neither CARD_LOCKED nor TERMINATED                     6985
//!  4  neither the OPEN nor the domain is restricted in this function     6985
//!  5  the domain has Authorized or Delegated Management                  6982
//! ```

use gp_apdu::StatusWord;

use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::platform::Platform;
use crate::card::registry::{Index, PERSONALIZED, Registry, RegistryEntry};
use crate::card::storage::Storage;
use crate::card::{Card, objects};
use crate::install::Restriction;
use crate::lifecycle::CardLifeCycle;
use crate::privileges::Privileges;

/// The tag under which the OPEN keeps its own restrictions.
pub(crate) const RESTRICTIONS: u16 = 0x00D9;

/// By which right a security domain manages content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Management {
    /// Authorized Management: by itself, without token.
    Authorized,
    /// Delegated Management: with a token for each operation, and a receipt where one is made.
    Delegated,
}

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    /// Tests 1 and 3: a session with this domain, on a card whose content, keys and data may change.
    pub(super) fn authenticated(&self, apdu: &Apdu<'_>) -> Result<(), StatusWord> {
        if apdu.level().is_none() {
            return Err(StatusWord::SECURITY_STATUS);
        }
        if self.is_usable() { Ok(()) } else { Err(StatusWord::CONDITIONS_OF_USE) }
    }

    /// Is the card in one of the states in which its content may change?
    pub(super) fn is_usable(&self) -> bool {
        !matches!(self.life_cycle(), CardLifeCycle::CardLocked | CardLifeCycle::Terminated)
    }

    /// Tests 1 to 5 for all functions of a command.
    pub(super) fn manager(
        &self,
        domain: Index,
        apdu: &Apdu<'_>,
        functions: Restriction,
    ) -> Result<Management, StatusWord> {
        if apdu.level().is_none() {
            return Err(StatusWord::SECURITY_STATUS);
        }
        let entry = self.memory.registry.entry(domain).ok_or(StatusWord::CONDITIONS_OF_USE)?;
        if !serves(domain, entry) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        self.authenticated(apdu)?;
        if self.is_restricted(entry, functions) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        if entry.privileges.contains(Privileges::AUTHORIZED_MANAGEMENT) {
            Ok(Management::Authorized)
        } else if entry.privileges.contains(Privileges::DELEGATED_MANAGEMENT) {
            Ok(Management::Delegated)
        } else {
            Err(StatusWord::SECURITY_STATUS)
        }
    }

    /// Is one of these functions disabled, for this domain or for ever for all?
    pub(super) fn is_restricted(&self, domain: &RegistryEntry, functions: Restriction) -> bool {
        let mut open = [0; 1];
        let open = objects::copy(self.memory.objects, Index::OPEN, RESTRICTIONS, &mut open)
            .and_then(|value| value.first().copied());
        Restriction::from_octet(domain.restrict | open.unwrap_or(0)).restricts(functions)
    }
}

/// Does a security domain give its services: PERSONALIZED or the ISD, and not LOCKED (GPCS 5.3)?
pub(crate) fn serves(index: Index, entry: &RegistryEntry) -> bool {
    entry.is_domain() && (index == Index::ISD || entry.state == PERSONALIZED)
}
