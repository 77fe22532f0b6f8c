//! INSTALL [for load], and the combined process that it begins (GPCS 9.3.5, 11.5).

use gp_apdu::StatusWord;

use super::{body_status, first_two, set_provider};
use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::applets::Room;
use crate::card::load::{Combined, Load, loaded};
use crate::card::platform::Platform;
use crate::card::registry::{Index, Registry, RegistryEntry};
use crate::card::registry::{LOADED, Occupant, free_slot};
use crate::card::rights::Management;
use crate::card::storage::Storage;
use crate::card::token::{ReceiptDue, TokenNumber};
use crate::card::{Answer, Card};
use crate::install::{ForInstall, ForLoad, Function, Parameters, Restriction};
use crate::signature::{HashAlgorithm, Operation, TokenInput};
use gp_apdu::LogicalChannel;

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    pub(super) fn for_load(
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

    /// The last command of the combined process: load file, modules and application appear together.
    pub(super) fn finish_combined(
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

    pub(super) fn create_combined(
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
        // Who has verified may be LOCKED since the last block, and others may have come.
        self.check_daps(load)?;
        self.create(planned, |registry, emit| loaded(registry, file, imports.as_ref(), emit), receipt)?;
        let owner = self.memory.registry.entry(entry.domain).ok_or(StatusWord::UNKNOWN)?;
        let operation =
            Operation::Combined { load_file: entry.aid, application: body.application, security_domain: owner.aid };
        Ok((operation, receipt))
    }
}
