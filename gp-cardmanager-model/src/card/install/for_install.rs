//! INSTALL [for install], [for make selectable] and both (GPCS 9.3.6, 9.3.7, 11.5).

use gp_apdu::StatusWord;

use super::exclusive::{held_slots, settle};
use super::{body_status, set_provider};
use crate::aid::Aid;
use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::applets::{AppHandle, Installation, Room};
use crate::card::deviations::Deviation;
use crate::card::platform::Platform;
use crate::card::registry::{Acceptance, INSTALLED, Occupant, SELECTABLE, free_slot};
use crate::card::registry::{Index, Registry, RegistryEntry};
use crate::card::rights::Management;
use crate::card::storage::Storage;
use crate::card::token::{ReceiptDue, TokenNumber, with_receipt};
use crate::card::transaction::Change;
use crate::card::{Answer, Card};
use crate::install::{ForInstall, ForMakeSelectable, Function, Parameters, Restriction, SecurityDomainParameters};
use crate::lifecycle::Kind;
use crate::privileges::Privileges;
use crate::signature::{Operation, TokenInput};

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    pub(super) fn for_install(
        &mut self,
        domain: Index,
        body: &ForInstall<'_>,
        selectable: bool,
        message: &TokenInput<'_>,
        apdu: &mut Apdu<'_>,
    ) -> Answer {
        let functions =
            if selectable { Restriction::INSTALL.union(Restriction::MAKE_SELECTABLE) } else { Restriction::INSTALL };
        let management = self.manager(domain, apdu, functions)?;
        let file = body.load_file.ok_or(StatusWord::WRONG_DATA)?;
        let registry = &*self.memory.registry;
        let (file, _) = registry
            .find(&file)
            .filter(|(_, entry)| entry.occupant == Occupant::LoadFile)
            .ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        let function = if selectable { Function::InstallAndMakeSelectable } else { Function::Install };
        let planned = self.plan(domain, management, body, function, file)?;
        self.check_token(domain, management, body.token, &message.parts(), planned.parameters.control.as_ref())?;
        let receipt =
            self.receipt_due(domain, management, TokenNumber::of(planned.parameters.control.as_ref())?, apdu)?;
        self.create(planned, |_, _| {}, receipt)?;
        let registry = &*self.memory.registry;
        let load_file = registry.entry(file).map(|entry| entry.aid).ok_or(StatusWord::UNKNOWN)?;
        self.confirm(receipt, &Operation::Install { load_file, application: body.application }, apdu)
    }

    /// Everything that an installation must satisfy, from the module on.
    pub(super) fn plan<'p>(
        &self,
        domain: Index,
        management: Management,
        body: &ForInstall<'p>,
        function: Function,
        file: Index,
    ) -> Result<Planned<'p>, StatusWord> {
        let registry = &*self.memory.registry;
        let file_entry = registry.get(file.slot()).ok_or(StatusWord::UNKNOWN)?;
        let (module, module_entry) = self.module(file, body).ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        if !self.is_free(&body.application) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        // A load file that comes in with it may go wherever it is accepted.
        let agreed = if file_entry.pending {
            self.agrees(file_entry.domain, domain, Acceptance::Incoming)
        } else {
            self.agrees_within(file_entry.domain, domain, management, Acceptance::Incoming)
        };
        if !agreed {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        if body.privileges.len() > 1 && self.deviates(Deviation::ShortPrivileges) {
            return Err(StatusWord::WRONG_DATA);
        }
        let is_domain = module_entry.privileges.contains(Privileges::SECURITY_DOMAIN);
        if is_domain && self.deviates(Deviation::DomainsShareRid) {
            let rid = |aid: &Aid| aid.as_bytes().first_chunk::<5>().copied();
            if registry.entry(Index::ISD).is_none_or(|isd| rid(&isd.aid) != rid(&body.application)) {
                return Err(StatusWord::WRONG_DATA);
            }
        }
        let kind = if is_domain { Kind::SecurityDomain } else { Kind::Application };
        let privileges = Privileges::from_field_lenient(body.privileges, kind).ok_or(StatusWord::WRONG_DATA)?;
        if privileges.check().is_err() || privileges.contains(Privileges::SECURITY_DOMAIN) != is_domain {
            return Err(StatusWord::WRONG_DATA);
        }
        let selectable = function.makes_selectable();
        // Neither is for an application that cannot be selected yet: a locked card would have nobody left to unlock it.
        let of_selectable = [Privileges::CARD_RESET, Privileges::FINAL_APPLICATION];
        if !selectable && of_selectable.into_iter().any(|privilege| privileges.contains(privilege)) {
            return Err(StatusWord::WRONG_DATA);
        }
        let parameters = Parameters::parse_for(function, body.parameters).map_err(body_status)?;
        let own = parameters.application.unwrap_or_default();
        let mut entry = RegistryEntry {
            occupant: if is_domain { Occupant::Domain } else { Occupant::Application },
            aid: body.application,
            state: if selectable { SELECTABLE } else { INSTALLED },
            privileges,
            // A new security domain belongs to who installs it, an application to its file's domain (GPCS 9.3.3).
            domain: if is_domain { domain } else { file_entry.domain },
            file: Some(file),
            module: Some(module),
            ..RegistryEntry::FREE
        };
        if is_domain {
            let parameters = SecurityDomainParameters::parse(own).map_err(body_status)?;
            let first = |policy: Option<&[u8]>| policy.and_then(<[u8]>::first).copied();
            let old = parameters.old_extradition.then_some(0xF0);
            entry.accepts = [
                first(parameters.extradition_to).or(old).unwrap_or(Acceptance::DEFAULT),
                first(parameters.extradition_from).or(old).unwrap_or(Acceptance::DEFAULT),
                parameters.deletion.unwrap_or(Acceptance::DEFAULT),
            ];
            entry.explicit = parameters.explicit_personalization;
        }
        set_provider(&mut entry, &parameters)?;
        if let Some(implicit) = parameters.implicit_selection {
            self.add_implicit(&mut entry, implicit, None)?;
        }
        self.check_unique(privileges, None)?;
        self.check_slots(held_slots(Index::OPEN, &entry), None)?;
        Ok(Planned { entry, parameters, own, load_file: file_entry.aid, module: module_entry.aid })
    }

    /// The module that is meant: the named one; without a name the one that is called as the application, else the only one.
    /// Those of a load file that is coming in count, too.
    pub(super) fn module(&self, file: Index, body: &ForInstall<'_>) -> Option<(Index, &RegistryEntry)> {
        let modules = || {
            let all = (0_u16..).map(Index).zip(self.memory.registry.iter());
            all.filter(|(_, entry)| entry.occupant == Occupant::Module && entry.file == Some(file))
        };
        let wanted = body.module.unwrap_or(body.application);
        let only = || {
            let mut all = modules();
            all.next().filter(|_| body.module.is_none() && all.next().is_none())
        };
        modules().find(|(_, entry)| entry.aid == wanted).or_else(only)
    }

    /// Makes the planned application, with what else belongs to the transaction.
    pub(super) fn create(
        &mut self,
        planned: Planned<'_>,
        besides: impl Fn(&[RegistryEntry], &mut dyn FnMut(Change<'_>)),
        receipt: Option<ReceiptDue>,
    ) -> Result<(), StatusWord> {
        let Planned { entry, parameters, own, load_file, module } = planned;
        let slot = free_slot(self.memory.registry).ok_or(StatusWord::NOT_ENOUGH_MEMORY)?;
        let app = AppHandle { index: slot, instance: entry.aid };
        let is_domain = entry.is_domain();
        if !is_domain {
            let (privileges, room) = (entry.privileges, Room::of(&parameters));
            let installation = Installation { load_file, module, privileges, parameters: own, room };
            self.applets.install(app, &installation)?;
        }
        let committed = self.commit(|memory, emit| {
            besides(memory.registry, emit);
            settle(memory.registry, slot, entry.privileges, emit);
            emit(Change::Entry(slot, &entry));
            with_receipt(receipt.as_ref(), emit);
        });
        // A card whose storage failed in the middle does not know what it will be at its next start.
        if committed.is_err() && !is_domain && !self.mute {
            self.applets.delete(app);
        }
        committed
    }

    pub(super) fn make_selectable(
        &mut self,
        domain: Index,
        body: &ForMakeSelectable<'_>,
        message: &TokenInput<'_>,
        apdu: &mut Apdu<'_>,
    ) -> Answer {
        let management = self.manager(domain, apdu, Restriction::MAKE_SELECTABLE)?;
        let registry = &*self.memory.registry;
        let (index, entry) = registry
            .find(&body.application)
            .filter(|(_, entry)| entry.is_application())
            .ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        let mut entry = *entry;
        if index == Index::ISD || entry.state != INSTALLED {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        if !self.agrees_within(entry.domain, domain, management, Acceptance::Incoming) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        let parameters = Parameters::parse_for(Function::MakeSelectable, body.parameters).map_err(body_status)?;
        let control = parameters.control;
        self.check_token(domain, management, body.token, &message.parts(), control.as_ref())?;
        let receipt = self.receipt_due(domain, management, TokenNumber::of(control.as_ref())?, apdu)?;
        // Of the privileges only Card Reset has a meaning here.
        let asked = Privileges::from_field_lenient(body.privileges, Kind::Application).unwrap_or_default();
        if asked.contains(Privileges::CARD_RESET) {
            self.check_unique(Privileges::CARD_RESET, Some(index))?;
            entry.privileges = entry.privileges.with(Privileges::CARD_RESET);
        }
        if let Some(implicit) = parameters.implicit_selection {
            self.add_implicit(&mut entry, implicit, Some(index))?;
        }
        self.check_slots(held_slots(index, &entry), Some(index))?;
        if entry.provider_length == 0 {
            set_provider(&mut entry, &parameters)?;
        }
        entry.state = SELECTABLE;
        self.commit(|memory, emit| {
            settle(memory.registry, index, entry.privileges, emit);
            emit(Change::Entry(index, &entry));
            with_receipt(receipt.as_ref(), emit);
        })?;
        let registry = &*self.memory.registry;
        let file = entry.file.and_then(|file| registry.entry(file)).map_or(entry.aid, |file| file.aid);
        self.confirm(receipt, &Operation::Install { load_file: file, application: entry.aid }, apdu)
    }
}

/// An installation that satisfies everything.
pub(super) struct Planned<'p> {
    pub(super) entry: RegistryEntry,
    pub(super) parameters: Parameters<'p>,
    /// The value of `C9`.
    own: &'p [u8],
    load_file: Aid,
    module: Aid,
}
