//! INSTALL [for extradition] (GPCS 9.4.1, 11.5): content goes from one security domain to another.

use gp_apdu::StatusWord;

use super::body_status;
use crate::aid::Aid;
use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::platform::Platform;
use crate::card::registry::{Acceptance, Occupant};
use crate::card::registry::{Index, Registry};
use crate::card::rights::{Management, serves};
use crate::card::storage::Storage;
use crate::card::token::{TokenNumber, with_receipt};
use crate::card::transaction::Change;
use crate::card::{Answer, Card};
use crate::install::{ForExtradition, Function, Parameters, Restriction};
use crate::privileges::Privileges;
use crate::signature::{Operation, TokenInput};

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    pub(super) fn extradite(
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
    pub(super) fn extradition(
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
}
