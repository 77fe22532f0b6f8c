//! INSTALL [for registry update] (GPCS 9.4.2, 11.5): privileges, implicit selection, another security domain; or restrictions.

use gp_apdu::StatusWord;

use super::body_status;
use super::exclusive::{held_slots, settle};
use crate::aid::Aid;
use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::objects::{self, ObjectSlot};
use crate::card::platform::Platform;
use crate::card::registry::{Acceptance, INSTALLED};
use crate::card::registry::{Index, Registry, RegistryEntry};
use crate::card::rights::{Management, RESTRICTIONS};
use crate::card::storage::Storage;
use crate::card::token::{TokenNumber, with_receipt};
use crate::card::transaction::Change;
use crate::card::{Answer, Card};
use crate::install::{ForRegistryUpdate, Function, Parameters, Restriction};
use crate::privileges::Privileges;
use crate::signature::{Operation, TokenInput};

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    pub(super) fn update_registry(
        &mut self,
        domain: Index,
        body: &ForRegistryUpdate<'_>,
        message: &TokenInput<'_>,
        apdu: &mut Apdu<'_>,
    ) -> Answer {
        let moves = body.application.is_some() && body.security_domain.is_some();
        let functions = Restriction::REGISTRY_UPDATE;
        let functions = if moves { functions.union(Restriction::EXTRADITION) } else { functions };
        let management = self.manager(domain, apdu, functions)?;
        let parameters = Parameters::parse_for(Function::RegistryUpdate, body.parameters).map_err(body_status)?;
        let control = parameters.control;
        let mut from = None;
        let update = match &body.application {
            Some(aid) if parameters.restriction.is_none() => {
                let (update, was) = self.application_update(domain, management, aid, body, &parameters)?;
                from = was;
                update
            }
            _ => self.restriction(domain, management, body, &parameters)?,
        };
        self.check_token(domain, management, body.token, &message.parts(), control.as_ref())?;
        let receipt = self.receipt_due(domain, management, TokenNumber::of(control.as_ref())?, apdu)?;
        self.commit(|memory, emit| {
            match &update {
                Update::Entry { index, entry } => {
                    settle(memory.registry, *index, entry.privileges, emit);
                    emit(Change::Entry(*index, entry));
                }
                Update::Restrict(index, restrict) => emit(Change::Restrict(*index, *restrict)),
                Update::RestrictOpen(slot, object) => emit(Change::Object(*slot, object)),
            }
            with_receipt(receipt.as_ref(), emit);
        })?;
        let operation = Operation::RegistryUpdate {
            from,
            application: body.application,
            to: body.security_domain.filter(|_| from.is_some()),
            privileges: body.privileges,
            parameters: body.parameters,
        };
        self.confirm(receipt, &operation, apdu)
    }

    /// Registry update with restrictions: functions are disabled for ever, for the security domain that is named as the
    /// application or, as on many cards, as the security domain; or without a name for all.
    pub(super) fn restriction(
        &self,
        domain: Index,
        management: Management,
        body: &ForRegistryUpdate<'_>,
        parameters: &Parameters<'_>,
    ) -> Result<Update, StatusWord> {
        let registry = &*self.memory.registry;
        let alone = body.privileges.is_empty()
            && parameters.implicit_selection.is_none()
            && (body.application.is_none() || body.security_domain.is_none());
        let restriction = parameters.restriction.filter(|_| alone).ok_or(StatusWord::WRONG_DATA)?;
        match body.application.as_ref().or(body.security_domain.as_ref()) {
            Some(aid) => {
                let (index, entry) = registry.find(aid).ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
                let agreed =
                    index == domain || self.agrees_within(entry.domain, domain, management, Acceptance::Incoming);
                if !entry.is_domain() || !registry.is_below(index, domain) || !agreed {
                    return Err(StatusWord::CONDITIONS_OF_USE);
                }
                Ok(Update::Restrict(index, entry.restrict | restriction.octet()))
            }
            None => {
                let entry = registry.entry(domain).ok_or(StatusWord::UNKNOWN)?;
                if !entry.privileges.contains(Privileges::GLOBAL_LOCK) {
                    return Err(StatusWord::SECURITY_STATUS);
                }
                let slots = &*self.memory.objects;
                let kept = slots.iter().position(|slot| slot.owner == Some(Index::OPEN) && slot.tag == RESTRICTIONS);
                let slot = kept.or_else(|| slots.iter().position(|slot| slot.owner.is_none()));
                let slot = slot.ok_or(StatusWord::NOT_ENOUGH_MEMORY)?;
                let mut before = [0; 1];
                let before = objects::copy(slots, Index::OPEN, RESTRICTIONS, &mut before)
                    .and_then(|value| value.first().copied());
                let mut object =
                    ObjectSlot { owner: Some(Index::OPEN), tag: RESTRICTIONS, length: 1, ..ObjectSlot::FREE };
                if let Some(octet) = object.octets.first_mut() {
                    *octet = before.unwrap_or(0) | restriction.octet();
                }
                Ok(Update::RestrictOpen(slot, object))
            }
        }
    }

    /// Registry update of an application: its privileges as a whole, implicit selection added, another security domain.
    pub(super) fn application_update(
        &self,
        domain: Index,
        management: Management,
        aid: &Aid,
        body: &ForRegistryUpdate<'_>,
        parameters: &Parameters<'_>,
    ) -> Result<(Update, Option<Aid>), StatusWord> {
        let registry = &*self.memory.registry;
        let (index, entry) = registry
            .find(aid)
            .filter(|(_, entry)| entry.is_application())
            .ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        let mut updated = *entry;
        if !self.agrees_within(entry.domain, domain, management, Acceptance::Incoming) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        let mut from = None;
        if let Some(to) = &body.security_domain {
            let (_, target) = self.extradition(domain, management, aid, to)?;
            from = registry.entry(entry.domain).map(|owner| owner.aid);
            updated.domain = target;
        }
        if !body.privileges.is_empty() {
            let kind = entry.kind(index).ok_or(StatusWord::UNKNOWN)?;
            let privileges = Privileges::from_field_lenient(body.privileges, kind).ok_or(StatusWord::WRONG_DATA)?;
            if privileges.check().is_err() || privileges.contains(Privileges::SECURITY_DOMAIN) != entry.is_domain() {
                return Err(StatusWord::WRONG_DATA);
            }
            // The ISD is what privileges of one holder return to: nobody else takes its, and it cannot give up those.
            let single = Privileges::CARD_RESET.with(Privileges::FINAL_APPLICATION);
            let lost = entry.privileges.without(privileges);
            if index == Index::ISD && (domain != Index::ISD || lost.without(single) != lost) {
                return Err(StatusWord::CONDITIONS_OF_USE);
            }
            let gained = privileges.without(entry.privileges);
            self.check_unique(gained, Some(index))?;
            if gained.contains(Privileges::FINAL_APPLICATION) && (entry.is_locked() || entry.state == INSTALLED) {
                // Its holder is never LOCKED (GPCS 5.3.1.4, 6.6.2), and can be selected.
                return Err(StatusWord::CONDITIONS_OF_USE);
            }
            updated.privileges = privileges;
        }
        if let Some(implicit) = parameters.implicit_selection {
            self.add_implicit(&mut updated, implicit, Some(index))?;
        }
        self.check_slots(held_slots(index, &updated), Some(index))?;
        Ok((Update::Entry { index, entry: updated }, from))
    }
}

/// What a registry update does.
pub(super) enum Update {
    Entry { index: Index, entry: RegistryEntry },
    Restrict(Index, u8),
    RestrictOpen(usize, ObjectSlot),
}
