//! DELETE on the card (GPCS 9.5, 11.2): an application, a load file with or without its applications, or keys.
//!
//! ```text
//!  1  the tests of every content command                             see `rights`
//!  2  the object is known                                            6A88
//!  3  it is neither the ISD nor the domain that performs             6985
//!  4  its domain performs, or Global Delete, or its domain accepts   6982
//!  5  the token                                                      6982, 6985
//!  6  it is not selected on another channel, nothing outside of      6985
//!     what is deleted belongs to it or refers to it
//! ```
//!
//! With related objects the tests hold for each of them, and what they are to each other does not count.

use gp_apdu::{LogicalChannel, StatusWord};

use crate::aid::Aid;
use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::deviations::Deviation;
use crate::card::imports;
use crate::card::install::body_status;
use crate::card::keys::KeySlot;
use crate::card::platform::Platform;
use crate::card::put_key::has_set;
use crate::card::registry::{Acceptance, Index, Occupant, Registry, RegistryEntry};
use crate::card::rights::{Management, serves};
use crate::card::storage::Storage;
use crate::card::token::{ReceiptDue, TokenNumber, with_receipt};
use crate::card::transaction::Change;
use crate::card::{Answer, Card, handle};
use crate::delete::{Delete, DeleteContent, DeleteKeys};
use crate::install::Restriction;
use crate::privileges::Privileges;
use crate::signature::{Operation, TokenInput};

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    /// DELETE: needs a session. The answer is `00`, or the confirmation of a delegated deletion.
    pub(super) fn delete(&mut self, channel: LogicalChannel, domain: Index, apdu: &mut Apdu<'_>) -> Answer {
        if apdu.level().is_none() {
            return Err(StatusWord::SECURITY_STATUS);
        }
        let header = apdu.header();
        match Delete::parse(header.p1, header.p2, apdu.data()).map_err(body_status)? {
            Delete::Content(content) => {
                let aid = content.aid;
                let due = self.delete_content(channel, domain, &content, apdu)?;
                self.confirm(due, &Operation::Delete { aid }, apdu)
            }
            Delete::Keys(keys) => {
                self.authenticated(apdu)?;
                if keys.id.is_some() && self.deviates(Deviation::NoKeyDeletionByIdentifier) {
                    return Err(StatusWord::REFERENCED_DATA_NOT_FOUND);
                }
                self.delete_keys(domain, keys)?;
                apdu.respond(&[0x00])
            }
        }
    }

    fn delete_content(
        &mut self,
        channel: LogicalChannel,
        domain: Index,
        content: &DeleteContent<'_>,
        apdu: &Apdu<'_>,
    ) -> Result<Option<ReceiptDue>, StatusWord> {
        let management = self.manager(domain, apdu, Restriction::DELETE)?;
        let doomed = self.doomed(&content.aid, content.related)?;
        if [Index::ISD, domain].into_iter().any(|kept| doomed.holds(self.memory.registry, kept)) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        if doomed.entries(self.memory.registry).any(|(_, entry)| !self.may_remove(domain, management, entry)) {
            return Err(StatusWord::SECURITY_STATUS);
        }
        let header = apdu.header();
        let message = TokenInput::of_delete(header.p1, header.p2, apdu.data()).map_err(body_status)?;
        let control = content.control;
        if !(content.token.is_empty() && self.profile.delegated_delete_without_token) {
            self.check_token(domain, management, content.token, &message.parts(), control.as_ref())?;
        }
        if self.is_held(&doomed, channel) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        let due = self.receipt_due(domain, management, TokenNumber::of(control.as_ref())?, apdu)?;
        if let Some(Change::Confirmation(holder, _)) = due.as_ref().map(ReceiptDue::change)
            && doomed.holds(self.memory.registry, holder)
        {
            // Nobody would be left to make the receipt.
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        self.books().write(&|memory, emit| {
            give_back(memory.registry, &doomed, emit);
            emit(Change::Remove(doomed.target, doomed.related));
            with_receipt(due.as_ref(), emit);
        })?;
        // It is certain now, and the registry still knows the names.
        for (index, entry) in doomed.entries(self.memory.registry) {
            if entry.occupant == Occupant::Application {
                self.applets.delete(handle(index, entry));
            }
        }
        self.books().take_effect()?;
        let registry = &*self.memory.registry;
        if let Some(load) = &mut self.load {
            load.forget(|index| registry.entry(index).is_none());
        }
        for channel in &mut *self.memory.channels {
            if channel.personalizing.is_some_and(|target| registry.entry(target).is_none()) {
                channel.end_personalization();
            }
            if channel.key_owner.is_some_and(|owner| registry.entry(owner).is_none()) {
                channel.lose_keys();
            }
        }
        Ok(due)
    }

    /// What a DELETE of this object takes away.
    fn doomed(&self, aid: &Aid, related: bool) -> Result<Doomed, StatusWord> {
        let (target, entry) = self.memory.registry.find(aid).ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        if related && entry.is_domain() && self.deviates(Deviation::NoCascade) {
            return Err(StatusWord::INCORRECT_P1_P2);
        }
        // Only a load file has related objects: hosts send the bit with applications, too.
        Ok(Doomed { target, related: related && entry.occupant == Occupant::LoadFile })
    }

    /// May the domain delete this entry: its own, by Global Delete, or with the consent of the domain it belongs to?
    fn may_remove(&self, domain: Index, management: Management, entry: &RegistryEntry) -> bool {
        let registry = &*self.memory.registry;
        if entry.domain == domain || entry.occupant == Occupant::Module {
            return true;
        }
        let managed = management == Management::Authorized || registry.reaches(domain, entry.domain);
        let privileged =
            registry.entry(domain).is_some_and(|domain| domain.privileges.contains(Privileges::GLOBAL_DELETE));
        let accepted = || {
            registry.entry(entry.domain).is_some_and(|owner| serves(entry.domain, owner))
                && registry.accepts(entry.domain, domain, Acceptance::Deletion)
        };
        managed && (privileged || accepted())
    }

    /// Is something of it selected on another channel, or does something that stays belong or refer to it?
    fn is_held(&self, doomed: &Doomed, channel: LogicalChannel) -> bool {
        let registry = &*self.memory.registry;
        let selected = (0_u8..).zip(self.memory.channels.iter()).any(|(number, other)| {
            number != channel.number()
                && other.open
                && other.selected.is_some_and(|selected| doomed.holds(registry, selected))
        });
        // What is being loaded counts as well.
        let needed = (0_u16..).map(Index).zip(registry.iter()).any(|(index, entry)| {
            entry.occupant != Occupant::Free
                && !doomed.holds(registry, index)
                && (doomed.holds(registry, entry.domain) || entry.file.is_some_and(|file| doomed.holds(registry, file)))
        });
        // No load file that stays imports it (GPCS 9.5.2), nor the one that is coming in.
        let stays = |file: Index| !doomed.holds(registry, file);
        let imported = imports::all(self.memory.objects).any(|(file, import)| stays(file) && !stays(import))
            || self.load.as_ref().is_some_and(|load| load.imports.iter().any(|import| !stays(import)));
        let referred = || {
            doomed.entries(registry).any(|(index, entry)| {
                matches!(entry.occupant, Occupant::Application | Occupant::LoadFile)
                    && !self.applets.may_delete(handle(index, entry))
            })
        };
        selected || needed || imported || referred()
    }

    /// Deletes all keys that match, but none of a set that a session stands on.
    fn delete_keys(&mut self, domain: Index, wanted: DeleteKeys) -> Result<(), StatusWord> {
        let matches = move |owner: Option<Index>, version, id| owner == Some(domain) && wanted.matches(version, id);
        let mut found = self.memory.keys.iter().filter(|slot| matches(slot.owner, slot.version, slot.id)).peekable();
        if found.peek().is_none() {
            return Err(StatusWord::REFERENCED_DATA_NOT_FOUND);
        }
        let in_use = |version: u8, id: u8| {
            self.memory.channels.iter().any(|channel| {
                channel.responder.level().is_some()
                    && channel.key_owner == Some(domain)
                    && channel.key_version == version
                    && (1..=3).contains(&id)
            })
        };
        if found.any(|slot| in_use(slot.version, slot.id)) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        // The last set stays (Amendment D 4.1.3): it need not be in use where it took the place of initial keys.
        let keys = &*self.memory.keys;
        let gone = |slot: &KeySlot| wanted.matches(slot.version, slot.id);
        // A set that is blocked does not stand in for it.
        for limit in [0, self.profile.max_failures] {
            let opens_not = |slot: &KeySlot| slot.is_blocked(limit);
            if has_set(keys, domain, true, opens_not)
                && !has_set(keys, domain, true, |slot| opens_not(slot) || gone(slot))
            {
                return Err(StatusWord::CONDITIONS_OF_USE);
            }
        }
        self.commit(|_, emit| emit(Change::RemoveKeys(domain, wanted)))?;
        // What is gone is seen.
        self.end_challenges(domain, 0);
        Ok(())
    }
}

/// What one DELETE takes away: an application; a load file and its modules; or these and their applications.
#[derive(Clone, Copy, Debug)]
struct Doomed {
    target: Index,
    related: bool,
}

impl Doomed {
    fn holds(&self, registry: &[RegistryEntry], index: Index) -> bool {
        registry.entry(index).is_some_and(|entry| entry.goes_with(index, self.target, self.related))
    }

    fn entries<'r>(&self, registry: &'r [RegistryEntry]) -> impl Iterator<Item = (Index, &'r RegistryEntry)> {
        registry.entries().filter(move |(index, _)| self.holds(registry, *index))
    }
}

/// Card Reset and Final Application return to the ISD when their holder goes (GPCS 6.6.2).
fn give_back(registry: &[RegistryEntry], doomed: &Doomed, emit: &mut dyn FnMut(Change<'_>)) {
    let Some(isd) = registry.entry(Index::ISD) else { return };
    let mut held = isd.privileges;
    for (_, entry) in doomed.entries(registry).filter(|(_, entry)| entry.is_application()) {
        for privilege in [Privileges::CARD_RESET, Privileges::FINAL_APPLICATION] {
            if entry.privileges.contains(privilege) {
                held = held.with(privilege);
            }
        }
    }
    if held != isd.privileges {
        emit(Change::Privileges(Index::ISD, held));
    }
}
