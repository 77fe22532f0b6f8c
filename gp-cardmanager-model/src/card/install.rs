//! INSTALL on the card (GPCS 9.3, 9.4, 11.5): for load, install, make selectable, extradition, registry update, and the combined process.
//!
//! Each form checks in the order of its list, the first failure wins, and nothing has changed then; what it does is one transaction.

mod exclusive;
mod extradition;
mod for_install;
mod for_load;
mod registry_update;

use gp_apdu::{LogicalChannel, StatusWord};

use crate::aid::Aid;
use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::deviations::{Deviation, rewrite};
use crate::card::platform::Platform;
use crate::card::registry::{Acceptance, Index, Occupant, Registry, RegistryEntry};
use crate::card::rights::{Management, serves};
use crate::card::storage::Storage;
use crate::card::{Answer, Card};
use crate::error::{self, ErrorKind};
use crate::install::{Function, Install, Parameters};
use crate::signature::TokenInput;

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
