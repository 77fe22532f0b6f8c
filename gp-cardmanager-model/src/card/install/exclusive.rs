//! What only one may hold (GPCS 6.4.1, 6.6.2): Card Reset, Final Application, a slot of implicit selection.

use gp_apdu::StatusWord;

use crate::card::Card;
use crate::card::applets::Applets;
use crate::card::platform::Platform;
use crate::card::registry::{Index, Registry, RegistryEntry};
use crate::card::storage::Storage;
use crate::card::transaction::Change;
use crate::entry::ImplicitSelection;
use crate::install::ImplicitSlots;
use crate::privileges::Privileges;

/// Implicit selection on the basic channel of all interfaces.
const ALL_INTERFACES: u8 = 0xC0;

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    /// Card Reset and Final Application have one holder each: another may get them only from the ISD (GPCS 6.6.2).
    pub(super) fn check_unique(&self, wanted: Privileges, for_entry: Option<Index>) -> Result<(), StatusWord> {
        for privilege in [Privileges::CARD_RESET, Privileges::FINAL_APPLICATION] {
            let holder = self.memory.registry.holder(privilege);
            let free = holder.is_none_or(|holder| holder == Index::ISD || Some(holder) == for_entry);
            if wanted.contains(privilege) && !free {
                return Err(StatusWord::CONDITIONS_OF_USE);
            }
        }
        Ok(())
    }

    /// A slot of interface and channel has one holder beside the ISD (GPCS 6.4.1).
    pub(super) fn check_slots(&self, wanted: ImplicitSlots, for_entry: Option<Index>) -> Result<(), StatusWord> {
        let mut others = self.memory.registry.entries().filter(|(index, _)| Some(*index) != for_entry);
        if others.any(|(index, other)| index != Index::ISD && held_slots(index, other).overlaps(wanted)) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        Ok(())
    }

    /// Adds implicit selection to an entry.
    pub(super) fn add_implicit(
        &self,
        entry: &mut RegistryEntry,
        added: ImplicitSlots,
        for_entry: Option<Index>,
    ) -> Result<(), StatusWord> {
        self.check_slots(added, for_entry)?;
        let before = entry.implicit;
        let held = before.iter().filter_map(|octet| ImplicitSlots::from_octet(octet.0));
        let all = held.fold(added, ImplicitSlots::union);
        entry.implicit = [ImplicitSelection(0); 4];
        let mut places = entry.implicit.iter_mut();
        for octet in all.octets() {
            *places.next().ok_or(StatusWord::NOT_ENOUGH_MEMORY)? = ImplicitSelection(octet);
        }
        Ok(())
    }
}

/// The slots that an entry holds: those of its `CF`, and for Card Reset without any the basic channel of all interfaces.
pub(super) fn held_slots(index: Index, entry: &RegistryEntry) -> ImplicitSlots {
    let named = entry.implicit.iter().filter_map(|octet| ImplicitSlots::from_octet(octet.0));
    let named = named.fold(ImplicitSlots::EMPTY, ImplicitSlots::union);
    let resets = index != Index::ISD && entry.privileges.contains(Privileges::CARD_RESET);
    if resets && named.is_empty() { ImplicitSlots::from_octet(ALL_INTERFACES).unwrap_or(named) } else { named }
}

/// Card Reset and Final Application leave the ISD when another entry gets them, and return to it when that gives them
/// up: what the ISD holds once `index` has the privileges `now` (GPCS 6.6.2).
pub(super) fn settle(registry: &[RegistryEntry], index: Index, now: Privileges, emit: &mut dyn FnMut(Change<'_>)) {
    let Some(isd) = registry.entry(Index::ISD).filter(|_| index != Index::ISD) else { return };
    let before = registry.entry(index).map_or(Privileges::NONE, |entry| entry.privileges);
    let mut held = isd.privileges;
    for privilege in [Privileges::CARD_RESET, Privileges::FINAL_APPLICATION] {
        match (before.contains(privilege), now.contains(privilege)) {
            (false, true) => held = held.without(privilege),
            (true, false) => held = held.with(privilege),
            _ => {}
        }
    }
    if held != isd.privileges {
        emit(Change::Privileges(Index::ISD, held));
    }
}
