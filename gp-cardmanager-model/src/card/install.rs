//! INSTALL on the card (GPCS 9.3, 9.4, 11.5): for load, install, make selectable, extradition, registry update, and the combined process.
//!
//! Each form checks in the order of its list, the first failure wins, and nothing has changed then; what it does is one transaction.

use gp_apdu::{LogicalChannel, StatusWord};

use crate::aid::Aid;
use crate::card::apdu::Apdu;
use crate::card::applets::{AppHandle, Applets, Installation, Room};
use crate::card::deviations::{Deviation, rewrite};
use crate::card::load::{Combined, Load, loaded};
use crate::card::objects::{self, ObjectSlot};
use crate::card::platform::Platform;
use crate::card::registry::{
    Acceptance, INSTALLED, Index, LOADED, Occupant, Registry, RegistryEntry, SELECTABLE, free_slot,
};
use crate::card::rights::{Management, RESTRICTIONS, serves};
use crate::card::storage::Storage;
use crate::card::token::{ReceiptDue, TokenNumber, with_receipt};
use crate::card::transaction::Change;
use crate::card::{Answer, Card};
use crate::entry::ImplicitSelection;
use crate::error::{self, ErrorKind};
use crate::install::{
    ForExtradition, ForInstall, ForLoad, ForMakeSelectable, ForRegistryUpdate, Function, ImplicitSlots, Install,
    Parameters, Restriction, SecurityDomainParameters,
};
use crate::lifecycle::Kind;
use crate::privileges::Privileges;
use crate::signature::{HashAlgorithm, Operation, TokenInput};

/// Implicit selection on the basic channel of all interfaces.
const ALL_INTERFACES: u8 = 0xC0;

/// The status word for a body that does not read.
pub(super) fn body_status(error: error::Error) -> StatusWord {
    match error.kind {
        ErrorKind::Parameters | ErrorKind::BlockNumber => StatusWord::INCORRECT_P1_P2,
        ErrorKind::CheckValue => StatusWord::SECURITY_STATUS,
        ErrorKind::BufferFull => StatusWord::NOT_ENOUGH_MEMORY,
        _ => StatusWord::WRONG_DATA,
    }
}

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    /// INSTALL, by its function. One that is refused ends a load as well.
    pub(super) fn install(&mut self, channel: LogicalChannel, domain: Index, apdu: &mut Apdu<'_>) -> Answer {
        let answer = self.install_by_function(channel, domain, apdu);
        if answer.is_err() {
            self.abort_load(channel);
        }
        answer
    }

    fn install_by_function(&mut self, channel: LogicalChannel, domain: Index, apdu: &mut Apdu<'_>) -> Answer {
        let header = apdu.header();
        // Only the last command of the combined process goes on with a load.
        let function = Function::parse(header.p1, header.p2);
        if !matches!(function, Ok(Function::CombinedLast)) {
            self.abort_load(channel);
        }
        let function = function.map_err(body_status)?;
        if apdu.level().is_none() {
            return Err(StatusWord::SECURITY_STATUS);
        }
        let mut data = Data::of(apdu)?;
        if self.deviates(Deviation::OneOctetLengths) {
            let fields = if function.loads() { 3 } else { 4 };
            data.length = rewrite::install_lengths(&mut data.octets, data.length, fields)?;
        }
        let body = Install::parse(header.p1, header.p2, data.octets()).map_err(body_status)?;
        let message = match body {
            Install::Personalization(_) => TokenInput::new(header.p1, header.p2, &[]),
            _ => TokenInput::of_install(header.p1, header.p2, data.octets()),
        };
        let message = message.map_err(body_status)?;
        match body {
            Install::Load(body) => self.for_load(channel, domain, &body, &message, false, apdu),
            Install::CombinedFirst(body) => self.for_load(channel, domain, &body, &message, true, apdu),
            Install::Install(body) => self.for_install(domain, &body, false, &message, apdu),
            Install::InstallAndMakeSelectable(body) => self.for_install(domain, &body, true, &message, apdu),
            Install::CombinedLast(body) => self.finish_combined(channel, domain, &body, &message, apdu),
            Install::MakeSelectable(body) => self.make_selectable(domain, &body, &message, apdu),
            Install::Extradition(body) => self.extradite(domain, &body, &message, apdu),
            Install::RegistryUpdate(body) => self.update_registry(domain, &body, &message, apdu),
            Install::Personalization(aid) => self.install_for_personalization(channel, domain, &aid, apdu),
        }
    }

    /// Is the AID the name of no load file and no application, not even of one that is coming in, and none of the ISD's
    /// other names?
    fn is_free(&self, aid: &Aid) -> bool {
        let named =
            |entry: &RegistryEntry| !matches!(entry.occupant, Occupant::Free | Occupant::Module) && entry.aid == *aid;
        !self.memory.registry.iter().any(named) && !self.profile.aliases.contains(aid)
    }

    /// Does the security domain that something belongs to agree to what another one does with it? Only one that serves can.
    fn agrees(&self, owner: Index, performer: Index, what: Acceptance) -> bool {
        let registry = &*self.memory.registry;
        let asked = registry.entry(owner).is_some_and(|entry| serves(owner, entry));
        (owner == performer || asked) && registry.accepts(owner, performer, what)
    }

    /// The same for content that is on the card: a delegate touches only what is in the tree of its manager (GPCS 9.1.3).
    fn agrees_within(&self, owner: Index, performer: Index, management: Management, what: Acceptance) -> bool {
        let within = owner == performer
            || management == Management::Authorized
            || self.memory.registry.reaches(performer, owner);
        within && self.agrees(owner, performer, what)
    }

    /// A security domain that takes content from `performer`: it exists, serves, and agrees.
    fn receiving_domain(&self, aid: &Aid, performer: Index) -> Result<Index, StatusWord> {
        let registry = &*self.memory.registry;
        let (index, entry) = registry.find(aid).ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        if !serves(index, entry) || !self.agrees(index, performer, Acceptance::Incoming) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        Ok(index)
    }

    fn for_load(
        &mut self,
        channel: LogicalChannel,
        domain: Index,
        body: &ForLoad<'_>,
        message: &TokenInput<'_>,
        combined: bool,
        apdu: &mut Apdu<'_>,
    ) -> Answer {
        let functions = if combined {
            Restriction::LOAD.union(Restriction::INSTALL).union(Restriction::MAKE_SELECTABLE)
        } else {
            Restriction::LOAD
        };
        let management = self.manager(domain, apdu, functions)?;
        if self.load.is_some() {
            // One load at a time, of all channels.
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        if !self.is_free(&body.load_file) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        let target = match &body.security_domain {
            Some(aid) => self.receiving_domain(aid, domain)?,
            None => domain,
        };
        let function = if combined { Function::CombinedFirst } else { Function::Load };
        let parameters = Parameters::parse_for(function, body.parameters).map_err(body_status)?;
        match (combined, management, body.token) {
            // Its token comes with the last command.
            (true, _, []) | (false, Management::Authorized, []) => {}
            (true, ..) | (false, Management::Authorized, _) => return Err(StatusWord::CONDITIONS_OF_USE),
            (false, Management::Delegated, []) => return Err(StatusWord::SECURITY_STATUS),
            (false, Management::Delegated, _) => {}
        }
        if management == Management::Delegated && self.is_weak_for_token(domain, body.hash) {
            return Err(StatusWord::WRONG_DATA);
        }
        if !body.hash.is_empty() {
            let algorithm = HashAlgorithm::from_len(body.hash.len()).ok_or(StatusWord::WRONG_DATA)?;
            if !self.platform.hash_begin(algorithm) {
                return Err(StatusWord::WRONG_DATA);
            }
        }
        let control = parameters.control;
        let number = TokenNumber::of(control.as_ref())?;
        if !combined {
            self.check_token(domain, management, body.token, &message.parts(), control.as_ref())?;
            self.receipt_due(domain, management, number, apdu)?;
        }
        if !self.applets.has_room(&Room::of(&parameters)) {
            return Err(StatusWord::NOT_ENOUGH_MEMORY);
        }
        let file = free_slot(self.memory.registry).ok_or(StatusWord::NOT_ENOUGH_MEMORY)?;
        let mut load = Load::new(channel, domain, management, file, body.hash).ok_or(StatusWord::WRONG_DATA)?;
        load.number = number;
        if combined && management == Management::Authorized {
            // There will be no token.
            load.combined = Combined::new(&[]);
        } else if combined {
            let [head, fields, ..] = first_two(message);
            let mut joined = [0; 256];
            let length = head.len().saturating_add(fields.len());
            let room = joined.get_mut(..length).ok_or(StatusWord::NOT_ENOUGH_MEMORY)?;
            room.iter_mut().zip(head.iter().chain(fields)).for_each(|(to, from)| *to = *from);
            load.combined = Some(Combined::new(room).ok_or(StatusWord::NOT_ENOUGH_MEMORY)?);
        }
        let mut entry = RegistryEntry {
            occupant: Occupant::LoadFile,
            pending: true,
            aid: body.load_file,
            state: LOADED,
            domain: target,
            ..RegistryEntry::FREE
        };
        set_provider(&mut entry, &parameters)?;
        *self.memory.registry.get_mut(file.slot()).ok_or(StatusWord::UNKNOWN)? = entry;
        self.load = Some(load);
        // A signature of the load file is put together where a waiting STORE DATA transfer is.
        self.transfer = None;
        apdu.respond(&[0x00])
    }

    fn for_install(
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

    /// The last command of the combined process: load file, modules and application appear together.
    fn finish_combined(
        &mut self,
        channel: LogicalChannel,
        domain: Index,
        body: &ForInstall<'_>,
        message: &TokenInput<'_>,
        apdu: &mut Apdu<'_>,
    ) -> Answer {
        // The load of another channel is not this one's to end.
        let begun = self.load.take_if(|load| load.channel == channel).ok_or(StatusWord::CONDITIONS_OF_USE)?;
        let outcome = if begun.domain == domain && begun.is_complete() {
            self.create_combined(&begun, domain, body, message, apdu)
        } else {
            Err(StatusWord::CONDITIONS_OF_USE)
        };
        self.discard_pending();
        let (operation, receipt) = outcome?;
        self.confirm(receipt, &operation, apdu)
    }

    fn create_combined(
        &mut self,
        load: &Load,
        domain: Index,
        body: &ForInstall<'_>,
        message: &TokenInput<'_>,
        apdu: &Apdu<'_>,
    ) -> Result<(Operation<'static>, Option<ReceiptDue>), StatusWord> {
        let functions = Restriction::LOAD.union(Restriction::INSTALL).union(Restriction::MAKE_SELECTABLE);
        let management = self.manager(domain, apdu, functions)?;
        if management != load.management {
            return Err(StatusWord::SECURITY_STATUS);
        }
        let file = load.file;
        let entry = *self.memory.registry.get(file.slot()).ok_or(StatusWord::UNKNOWN)?;
        if body.load_file.is_some_and(|aid| aid != entry.aid) {
            return Err(StatusWord::WRONG_DATA);
        }
        let mut planned = self.plan(domain, management, body, Function::CombinedLast, file)?;
        if planned.entry.provider_length == 0 {
            // Whoever was named with the file provides the application, too.
            (planned.entry.provider, planned.entry.provider_length) = (entry.provider, entry.provider_length);
        }
        let control = planned.parameters.control;
        let first = load.combined.as_ref().map_or(&[][..], Combined::fields);
        let [head, fields, ..] = first_two(message);
        self.check_token(domain, management, body.token, &[first, head, fields], control.as_ref())?;
        let receipt = self.receipt_due(domain, management, TokenNumber::of(control.as_ref())?, apdu)?;
        let imports = self.kept_imports(load)?;
        self.create(planned, |registry, emit| loaded(registry, file, imports.as_ref(), emit), receipt)?;
        let owner = self.memory.registry.entry(entry.domain).ok_or(StatusWord::UNKNOWN)?;
        let operation =
            Operation::Combined { load_file: entry.aid, application: body.application, security_domain: owner.aid };
        Ok((operation, receipt))
    }

    /// Everything that an installation must satisfy, from the module on.
    fn plan<'p>(
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
            pending: true,
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
    fn module(&self, file: Index, body: &ForInstall<'_>) -> Option<(Index, &RegistryEntry)> {
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
    fn create(
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

    fn make_selectable(
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

    fn extradite(
        &mut self,
        domain: Index,
        body: &ForExtradition<'_>,
        message: &TokenInput<'_>,
        apdu: &mut Apdu<'_>,
    ) -> Answer {
        let management = self.manager(domain, apdu, Restriction::EXTRADITION)?;
        let (index, target) = self.extradition(domain, management, &body.object, &body.security_domain)?;
        let registry = &*self.memory.registry;
        let (from, to) = (registry.entry(index).map(|entry| entry.domain), registry.entry(target));
        let takes_daps = to.is_some_and(|to| to.privileges.contains(Privileges::DAP_VERIFICATION));
        let is_file = registry.entry(index).is_some_and(|entry| entry.occupant == Occupant::LoadFile);
        if is_file && takes_daps {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        let from = from.and_then(|from| registry.entry(from)).map(|from| from.aid).ok_or(StatusWord::UNKNOWN)?;
        let parameters = Parameters::parse_for(Function::Extradition, body.parameters).map_err(body_status)?;
        let control = parameters.control;
        self.check_token(domain, management, body.token, &message.parts(), control.as_ref())?;
        let receipt = self.receipt_due(domain, management, TokenNumber::of(control.as_ref())?, apdu)?;
        self.commit(|memory, emit| {
            emit(Change::Domain(index, target));
            // Modules go with their file.
            for (module, entry) in memory.registry.entries() {
                if entry.occupant == Occupant::Module && entry.file == Some(index) {
                    emit(Change::Domain(module, target));
                }
            }
            with_receipt(receipt.as_ref(), emit);
        })?;
        let operation = Operation::Extradition { from, object: body.object, to: body.security_domain };
        self.confirm(receipt, &operation, apdu)
    }

    /// May the object go to another security domain? Answers both places.
    fn extradition(
        &self,
        domain: Index,
        management: Management,
        object: &Aid,
        to: &Aid,
    ) -> Result<(Index, Index), StatusWord> {
        let registry = &*self.memory.registry;
        let (index, entry) = registry.find(object).ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        // By the present domain, or by another where the card's policy and the present domain agree; the ISD itself stays.
        let agreed = self.profile.extradition_by_others
            && self.agrees_within(entry.domain, domain, management, Acceptance::Outgoing);
        if index == Index::ISD || (entry.domain != domain && !agreed) || (entry.is_domain() && entry.is_locked()) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        let (target, target_entry) = registry.find(to).ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        // Where it goes to itself, it becomes a tree of its own.
        let root = target == index && self.agrees(target, domain, Acceptance::Incoming);
        let agrees = || root || self.agrees_within(target, domain, management, Acceptance::Incoming);
        if !serves(target, target_entry) || !agrees() {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        // A domain may go to itself, and become a root, but not below itself.
        if entry.is_domain() && target != index && registry.is_below(target, index) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        Ok((index, target))
    }

    fn update_registry(
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
    fn restriction(
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
    fn application_update(
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

    /// Card Reset and Final Application have one holder each: another may get them only from the ISD (GPCS 6.6.2).
    fn check_unique(&self, wanted: Privileges, for_entry: Option<Index>) -> Result<(), StatusWord> {
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
    fn check_slots(&self, wanted: ImplicitSlots, for_entry: Option<Index>) -> Result<(), StatusWord> {
        let mut others = self.memory.registry.entries().filter(|(index, _)| Some(*index) != for_entry);
        if others.any(|(index, other)| index != Index::ISD && held_slots(index, other).overlaps(wanted)) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        Ok(())
    }

    /// Adds implicit selection to an entry.
    fn add_implicit(
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
fn held_slots(index: Index, entry: &RegistryEntry) -> ImplicitSlots {
    let named = entry.implicit.iter().filter_map(|octet| ImplicitSlots::from_octet(octet.0));
    let named = named.fold(ImplicitSlots::EMPTY, ImplicitSlots::union);
    let resets = index != Index::ISD && entry.privileges.contains(Privileges::CARD_RESET);
    if resets && named.is_empty() { ImplicitSlots::from_octet(ALL_INTERFACES).unwrap_or(named) } else { named }
}

/// An installation that satisfies everything.
struct Planned<'p> {
    entry: RegistryEntry,
    parameters: Parameters<'p>,
    /// The value of `C9`.
    own: &'p [u8],
    load_file: Aid,
    module: Aid,
}

/// What a registry update does.
enum Update {
    Entry { index: Index, entry: RegistryEntry },
    Restrict(Index, u8),
    RestrictOpen(usize, ObjectSlot),
}

/// Card Reset and Final Application leave the ISD when another entry gets them, and return to it when that gives them
/// up: what the ISD holds once `index` has the privileges `now` (GPCS 6.6.2).
fn settle(registry: &[RegistryEntry], index: Index, now: Privileges, emit: &mut dyn FnMut(Change<'_>)) {
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

/// Keeps `5F20` of the control reference.
fn set_provider(entry: &mut RegistryEntry, parameters: &Parameters<'_>) -> Result<(), StatusWord> {
    let Some(provider) = parameters.control.and_then(|control| control.application_provider) else { return Ok(()) };
    entry.provider.get_mut(..provider.len()).ok_or(StatusWord::NOT_ENOUGH_MEMORY)?.copy_from_slice(provider);
    entry.provider_length = u8::try_from(provider.len()).map_err(|_| StatusWord::WRONG_DATA)?;
    Ok(())
}

/// The two parts of a message that is not combined.
fn first_two<'t>(message: &'t TokenInput<'_>) -> [&'t [u8]; 2] {
    let [_, _, head, fields] = message.parts();
    [head, fields]
}

/// The command's data, held while the answer may be written over its place.
struct Data {
    octets: [u8; Self::MAX],
    length: usize,
}

impl Data {
    /// The longest INSTALL body that this card takes, in octets.
    const MAX: usize = 512;

    fn of(apdu: &Apdu<'_>) -> Result<Self, StatusWord> {
        let mut data = Self { octets: [0; Self::MAX], length: apdu.data().len() };
        let room = data.octets.get_mut(..data.length).ok_or(StatusWord::NOT_ENOUGH_MEMORY)?;
        room.iter_mut().zip(apdu.data()).for_each(|(to, from)| *to = *from);
        Ok(data)
    }

    fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}
