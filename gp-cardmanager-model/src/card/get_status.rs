//! GET STATUS on the card (GPCS 11.4): the registry as a security domain may see it, in pages.

use gp_apdu::{LogicalChannel, StatusWord};
use gp_tlv::Writer;

use crate::aid::Aid;
use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::channel::Listing;
use crate::card::crc::Crc;
use crate::card::deviations::{Deviation, rewrite};
use crate::card::platform::Platform;
use crate::card::registry::{Index, Occupant, Registry, RegistryEntry};
use crate::card::storage::Storage;
use crate::card::{Answer, Card};
use crate::entry::{Entry, List, TagList, Wanted};
use crate::error::ErrorKind;
use crate::get_status::{self, GetStatus, Subset};
use crate::privileges::Privileges;

/// The longest tag list that is looked at, in octets.
const MAX_TAGS: usize = 64;

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    /// GET STATUS: needs a session. Entries below this security domain, or all with Global Registry; `6310` when more follow.
    pub(super) fn get_status(&mut self, channel: LogicalChannel, domain: Index, apdu: &mut Apdu<'_>) -> Answer {
        if apdu.level().is_none() {
            return Err(StatusWord::SECURITY_STATUS);
        }
        let header = apdu.header();
        let command = GetStatus::parse(header.p1, header.p2, apdu.data()).map_err(|error| match error.kind {
            ErrorKind::Parameters => StatusWord::INCORRECT_P1_P2,
            _ => StatusWord::WRONG_DATA,
        })?;
        let (subset, next, templates) = (command.subset, command.next, command.templates);
        if (templates && self.deviates(Deviation::NoStatusTemplates))
            || (subset == Subset::LoadFilesAndModules && self.deviates(Deviation::NoModuleListing))
        {
            return Err(StatusWord::INCORRECT_P1_P2);
        }
        // The answer is written over the command: keep what is still needed.
        let mut prefix = [0; Aid::MAX];
        let prefix = copied(command.aid, &mut prefix).ok_or(StatusWord::WRONG_DATA)?;
        let mut tags = [0; MAX_TAGS];
        let wanted = match command.tags.map(|tags| tags.as_bytes()) {
            Some(list) => match copied(list, &mut tags).and_then(|list| TagList::parse(list).ok()) {
                Some(list) => Wanted::Tags(list),
                None => return Err(StatusWord::WRONG_DATA),
            },
            None => Wanted::All,
        };
        let of = Crc::new().octets(&[header.p1, header.p2 & !get_status::NEXT]).octets(apdu.data()).value();
        let entry = *self.memory.registry.entry(domain).ok_or(StatusWord::CONDITIONS_OF_USE)?;
        let all = entry.privileges.contains(Privileges::GLOBAL_REGISTRY);
        let begun = self.channel_mut(channel).and_then(|channel| channel.listing.take());
        let (from, mut sent) = match (next, subset, begun) {
            (true, Subset::IssuerSecurityDomain, _) => return Err(StatusWord::INCORRECT_P1_P2),
            (true, _, Some(listing)) if listing.of == of => (listing.next, listing.sent),
            (true, ..) => return Err(StatusWord::CONDITIONS_OF_USE),
            (false, ..) => (Index::ISD, 0),
        };
        if subset == Subset::IssuerSecurityDomain && domain != Index::ISD && !all {
            return Err(StatusWord::INCORRECT_P1_P2);
        }
        let limit = self.profile.status_limit;
        let deviations = self.profile.deviations;
        let rewritten =
            deviations.contains(Deviation::PagesCutAnywhere) || deviations.contains(Deviation::DamagedEntries);
        let registry = &*self.memory.registry;
        let listed = registry.entries().filter(|(index, entry)| {
            *index >= from
                && belongs(subset, *index, entry)
                && (subset == Subset::IssuerSecurityDomain || entry.aid.matches_prefix(prefix))
                && (all || registry.is_below(*index, domain))
        });
        let room = apdu.answer();
        let room = room.len().min(limit);
        let mut writer = Writer::new(apdu.answer().get_mut(..room).unwrap_or_default());
        let mut more = None;
        for (index, entry) in listed {
            let modules = modules(registry, index);
            let shown = self.shown(index, entry);
            let write = |writer: &mut Writer<'_>| match (templates, subset) {
                (true, Subset::LoadFilesAndModules) => shown.emit_with(writer, wanted, modules.clone()),
                (true, _) => shown.emit_with(writer, wanted, core::iter::empty()),
                (false, Subset::LoadFilesAndModules) => shown.emit_legacy_with(writer, Some(modules.clone())),
                (false, _) => shown.emit_legacy(writer, false),
            };
            let cut = if rewritten {
                rewrite::entry(deviations, templates, sent, &mut writer, &write)
            } else {
                write(&mut writer).map(|()| None)
            };
            match cut {
                Ok(None) => sent = 0,
                cut => {
                    more = Some((index, cut.ok().flatten().unwrap_or(0)));
                    break;
                }
            }
        }
        let length = writer.len();
        match more {
            None if length == 0 && self.deviates(Deviation::EmptyList6A81) => {
                return Err(StatusWord::FUNCTION_NOT_SUPPORTED);
            }
            None if length == 0 => return Err(StatusWord::REFERENCED_DATA_NOT_FOUND),
            None => {}
            // One entry that fits no answer: nothing can be done but to say so.
            Some(_) if length == 0 => return Err(StatusWord::NOT_ENOUGH_MEMORY),
            Some((index, sent)) => {
                apdu.warn(StatusWord::MORE_DATA);
                if let Some(channel) = self.channel_mut(channel) {
                    channel.listing = Some(Listing { of, next: index, sent });
                }
            }
        }
        Ok(length)
    }

    /// A registry entry as it is shown.
    fn shown<'e>(&'e self, index: Index, entry: &'e RegistryEntry) -> Entry<'e> {
        let registry = &*self.memory.registry;
        let aid = |index: Index| registry.entry(index).map(|entry| entry.aid);
        let implicit = entry.implicit.iter().position(|implicit| implicit.0 == 0).unwrap_or(entry.implicit.len());
        let application = entry.is_application();
        Entry {
            aid: Some(entry.aid),
            life_cycle: Some(entry.state),
            privileges: application.then_some(entry.privileges),
            implicit_selection: List::of(entry.implicit.get(..implicit).unwrap_or_default()),
            load_file: entry.file.and_then(aid).filter(|_| application),
            load_file_version: (entry.occupant == Occupant::LoadFile).then_some(&entry.version),
            security_domain: (index != Index::ISD || application).then(|| aid(entry.domain)).flatten(),
            ..Entry::default()
        }
    }
}

fn belongs(subset: Subset, index: Index, entry: &RegistryEntry) -> bool {
    match subset {
        Subset::IssuerSecurityDomain => index == Index::ISD,
        Subset::Applications => index != Index::ISD && entry.is_application(),
        Subset::LoadFiles | Subset::LoadFilesAndModules => entry.occupant == Occupant::LoadFile,
    }
}

/// The modules of a load file in their order.
fn modules(registry: &[RegistryEntry], file: Index) -> impl Iterator<Item = Aid> + Clone {
    (0_u16..)
        .map(Index)
        .zip(registry)
        .filter(move |(_, entry)| entry.occupant == Occupant::Module && !entry.pending && entry.file == Some(file))
        .map(|(_, entry)| entry.aid)
}

fn copied<'o>(from: &[u8], to: &'o mut [u8]) -> Option<&'o [u8]> {
    let to = to.get_mut(..from.len())?;
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    Some(to)
}
