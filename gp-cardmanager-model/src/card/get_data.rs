//! GET DATA on the card (GPCS 11.3): what a security domain shows, without authentication.

use gp_apdu::{LogicalChannel, StatusWord, ins};
use gp_tlv::{Tag, Writer, tags, tags::card_data, tags::data};

use crate::capability::{CardCapability, KeySizes, ScpCapability};
use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::deviations::{Deviation, Deviations, rewrite};
use crate::card::keys::{AES, KeySet, KeySlot};
use crate::card::platform::Platform;
use crate::card::put_key::default_attributes;
use crate::card::registry::{Index, Registry};
use crate::card::storage::Storage;
use crate::card::{Answer, Card, objects};
use crate::card_data::{CardRecognitionData, SecureChannelProtocol, SecureChannels, Version};
use crate::cplc::Cplc;
use crate::entry::List;
use crate::in_place::move_within;
use crate::inventory;
use crate::key_info::{Attributes, Components, KeyAccess, KeyComponent, KeyEntry, KeyInformation, KeyUsage};
use crate::privileges::Privileges;
use crate::put_key::KeyType;

/// P1 P2 of the list of applications, which is no tag.
const APPLICATIONS: u16 = 0x2F00;
/// P1 P2 of production data.
const CPLC: u16 = 0x9F7F;
/// P1 P2 of the key information template; P1 counts the blocks when it takes several answers.
const KEY_INFORMATION: u8 = 0xE0;

/// The longest data object that this card keeps, in octets.
pub(super) const MAX_OBJECT: usize = 255;

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    /// GET DATA: the whole object under a GlobalPlatform class, its value under an ISO class.
    pub(super) fn get_data(&mut self, channel: LogicalChannel, domain: Index, apdu: &mut Apdu<'_>) -> Answer {
        let header = apdu.header();
        let which = u16::from_be_bytes([header.p1, header.p2]);
        let odd = header.ins == ins::GET_DATA_ODD;
        if odd && (which != APPLICATIONS || header.cla.is_gp()) {
            return Err(StatusWord::INS_NOT_SUPPORTED);
        }
        if which == CPLC && header.cla.is_gp() && self.deviates(Deviation::CplcIsoClassOnly) {
            return Err(self.absent());
        }
        let value = !header.cla.is_gp() && which != APPLICATIONS;
        if value && objects::exists(self.memory.objects, domain, which) {
            // With tag and length it may be too long.
            let kept = objects::copy(self.memory.objects, domain, which, apdu.answer()).map(|value| value.len());
            return kept.ok_or(StatusWord::NOT_ENOUGH_MEMORY);
        }
        let mut writer = Writer::new(apdu.answer());
        let tag = self.write_object(channel, domain, which, &mut writer)?;
        let length = writer.len();
        let Some(tag) = tag.filter(|_| !header.cla.is_gp()) else {
            let deviations = self.profile.deviations;
            let whole = deviations.is_none() || which == APPLICATIONS;
            return Ok(if whole { length } else { rewrite::object(deviations, apdu.answer(), length) });
        };
        // Under an ISO class the value alone: drop tag and length.
        let answer = apdu.answer();
        let object = answer.get(..length).unwrap_or_default();
        let value = gp_tlv::Reader::new(object).expect(tag).map_or(length, <[u8]>::len);
        move_within(answer, length.saturating_sub(value)..length, 0);
        Ok(value)
    }

    /// The status word for what is not there.
    const fn absent(&self) -> StatusWord {
        if self.deviates(Deviation::AbsentData6985) {
            StatusWord::CONDITIONS_OF_USE
        } else if self.deviates(Deviation::AbsentData6E00) {
            StatusWord::CLA_NOT_SUPPORTED
        } else {
            StatusWord::REFERENCED_DATA_NOT_FOUND
        }
    }

    /// Writes the object that P1 P2 name and answers its tag; `None` for the list that has none.
    fn write_object(
        &self,
        channel: LogicalChannel,
        domain: Index,
        which: u16,
        w: &mut Writer<'_>,
    ) -> Result<Option<Tag>, StatusWord> {
        let not_found = self.absent();
        let entry = *self.memory.registry.entry(domain).ok_or(not_found)?;
        let isd = domain == Index::ISD;
        let profile = self.profile;
        // What STORE DATA has written goes before what the factory or the card itself says.
        let mut kept = [0; MAX_OBJECT];
        if which != APPLICATIONS
            && let Some(value) = objects::copy(self.memory.objects, domain, which, &mut kept)
        {
            let tag = Tag::from_u32(u32::from(which)).ok_or(not_found)?;
            return written(w.tlv(tag, value), tag);
        }
        match which {
            0x0042 if isd && !profile.iin.is_empty() => written(w.tlv(data::IIN, profile.iin), data::IIN),
            0x0045 if isd && !profile.cin.is_empty() => written(w.tlv(data::CIN, profile.cin), data::CIN),
            0x0066 if isd && !profile.card_data.is_empty() => {
                written(w.tlv(card_data::CARD_DATA, profile.card_data), card_data::CARD_DATA)
            }
            0x0066 => written(self.with_management_data(domain, |data| data.emit(w)), card_data::CARD_DATA),
            0x0067 if isd && !profile.capability.is_empty() => {
                written(w.tlv(data::CARD_CAPABILITY, profile.capability), data::CARD_CAPABILITY)
            }
            0x0067 if isd => written(self.write_capability(w), data::CARD_CAPABILITY),
            0x00C1 => {
                // Only this mode of SCP03 has the counter (GPCS 11.3.2.1).
                let keys = &*self.memory.keys;
                let set = KeySet::find_for(keys, domain, 0, |set| set.serves(keys, false))
                    .filter(|_| profile.implementation.has_pseudo_random_challenge());
                let slot = set.and_then(|set| self.memory.keys.get(set.counters())).ok_or(not_found)?;
                written(inventory::SequenceCounter::Scp03(slot.sequence.octets()).emit(w), data::SEQUENCE_COUNTER)
            }
            0x00C2 if entry.privileges.contains(Privileges::RECEIPT_GENERATION) => {
                written(inventory::ConfirmationCounter(entry.confirmation).emit(w), data::CONFIRMATION_COUNTER)
            }
            0x00CF => {
                written(inventory::KeyDiversificationData(&profile.diversification).emit(w), data::KEY_DIVERSIFICATION)
            }
            0x00D3 => {
                let level = self.channel(channel).and_then(|channel| channel.responder.level());
                written(
                    inventory::CurrentSecurityLevel(level.map_or(0, gp_scp03::SecurityLevel::current)).emit(w),
                    data::SECURITY_LEVEL,
                )
            }
            CPLC if isd => {
                let cplc = Cplc::parse_value(&profile.cplc.ok_or(not_found)?).map_err(|_| not_found)?;
                written(cplc.emit(w), data::CPLC)
            }
            0xFF21 => {
                let applications = self.memory.registry.entries().filter(|(_, entry)| entry.is_application()).count();
                let free = self.memory.registry.len().saturating_sub(self.memory.registry.entries().count());
                let number = |n| u32::try_from(n).unwrap_or(u32::MAX);
                let free = number(free.saturating_mul(size_of::<super::RegistryEntry>()));
                let resources = inventory::Resources {
                    applications: number(applications),
                    free_non_volatile: free,
                    free_volatile: free,
                };
                written(resources.emit(w), data::CARD_RESOURCES)
            }
            APPLICATIONS => {
                let all = entry.privileges.contains(Privileges::GLOBAL_REGISTRY);
                let mut listed = self.memory.registry.entries().filter(|(index, entry)| {
                    entry.is_application() && (all || self.memory.registry.is_below(*index, domain))
                });
                let emitted = listed.try_for_each(|(_, entry)| inventory::Applications::emit(w, entry.aid));
                emitted.map_err(|_| StatusWord::NOT_ENOUGH_MEMORY)?;
                Ok(None)
            }
            _ => match which.to_be_bytes() {
                [block, KEY_INFORMATION] => self.write_key_information(domain, block, w),
                _ => Err(not_found),
            },
        }
    }

    /// The key information template, or its `block`-th part where one answer does not hold all of it.
    fn write_key_information(&self, domain: Index, block: u8, w: &mut Writer<'_>) -> Result<Option<Tag>, StatusWord> {
        let keys = &*self.memory.keys;
        let first =
            |slot: &&KeySlot| slot.owner == Some(domain) && !slot.pending && slot.component == 0 && slot.part == 0;
        let deviations = self.profile.deviations;
        let entries = || keys.iter().filter(first).filter_map(|slot| key_entry(keys, slot, deviations));
        // Whole entries only: as many as fit beside tag and length of the template, and an empty one.
        let empty = deviations.contains(Deviation::KeyInformationEmptyEntry);
        let room = w.remaining().saturating_sub(if empty { 6 } else { 4 });
        let mut starts = [0_usize; 2];
        let mut block = block;
        let (mut at, mut used) = (0_usize, 0_usize);
        for entry in entries() {
            let length = entry_length(&entry);
            if used.saturating_add(length) > room {
                if block == 0 {
                    break;
                }
                block = block.saturating_sub(1);
                (starts[0], used) = (at, 0);
            }
            used = used.saturating_add(length);
            at = at.saturating_add(1);
        }
        starts[1] = at;
        if block != 0 {
            return Err(self.absent());
        }
        let [from, to] = starts;
        let mut part = entries().skip(from).take(to.saturating_sub(from));
        let emitted = if empty {
            let emit = |w: &mut Writer<'_>| {
                w.tlv(tags::keys::INFORMATION, &[])?;
                part.try_for_each(|entry| entry.emit(w))
            };
            w.nested(data::KEY_INFORMATION, emit).map(|_| ())
        } else {
            KeyInformation::emit(w, part)
        };
        written(emitted, data::KEY_INFORMATION)
    }

    /// Calls `write` with the recognition data that every security domain of this card shows.
    pub(super) fn with_management_data<T>(
        &self,
        domain: Index,
        write: impl FnOnce(&CardRecognitionData<'_>) -> T,
    ) -> T {
        let protocols = [SecureChannelProtocol { protocol: 0x03, i: u16::from(self.profile.implementation.octet()) }];
        let data = CardRecognitionData {
            version: Some(Version { major: 2, minor: 3, maintenance: Some(1) }),
            secure_channels: SecureChannels::of(&protocols),
            ..CardRecognitionData::default()
        };
        // What STORE DATA wrote is taken where it reads as what it should be.
        let mut kept = [0; MAX_OBJECT];
        let own = objects::copy(self.memory.objects, domain, 0x0066, &mut kept);
        let factory = (domain == Index::ISD && !self.profile.card_data.is_empty()).then_some(self.profile.card_data);
        match own.or(factory).and_then(|value| CardRecognitionData::parse_value(value).ok()) {
            Some(data) => write(&data),
            None => write(&data),
        }
    }

    fn write_capability(&self, w: &mut Writer<'_>) -> Result<(), gp_tlv::Error> {
        let options = [self.profile.implementation.octet()];
        let protocols = [ScpCapability {
            protocol: 0x03,
            options: &options,
            key_sizes: Some(KeySizes(KeySizes::AES_128.0 | KeySizes::AES_192.0 | KeySizes::AES_256.0)),
            ..ScpCapability::default()
        }];
        let capability = CardCapability { secure_channels: List::of(&protocols), ..CardCapability::default() };
        capability.emit(w)
    }
}

fn written<T>(result: Result<T, gp_tlv::Error>, tag: Tag) -> Result<Option<Tag>, StatusWord> {
    match result {
        Ok(_) => Ok(Some(tag)),
        Err(_) => Err(StatusWord::NOT_ENOUGH_MEMORY),
    }
}

/// What the card tells of the key that begins in `first`.
fn key_entry(keys: &[KeySlot], first: &KeySlot, deviations: Deviations) -> Option<KeyEntry> {
    let mut components = [KeyComponent::default(); Components::MAX];
    let mut count = 0_usize;
    let same = keys.iter().filter(|slot| {
        slot.owner == first.owner && !slot.pending && (slot.version, slot.id, slot.part) == (first.version, first.id, 0)
    });
    for slot in same {
        let place = components.get_mut(usize::from(slot.component))?;
        let as_des = slot.kind == AES && deviations.contains(Deviation::KeysShownAsDes);
        let key_type = if as_des { KeyType::DES.0 } else { slot.kind };
        *place = KeyComponent { key_type, length: shown_length(slot) };
        count = count.saturating_add(1);
    }
    // The extended form where a usage or access was given that the key's identifier does not stand for, or the length needs it.
    let attributes = default_attributes(first.kind, first.version, first.id);
    let mixed = first.id & 1 == 0 && deviations.contains(Deviation::KeyInformationMixed);
    let extended =
        mixed || (first.usage, first.access) != attributes || components.iter().any(|component| component.length > 255);
    Some(KeyEntry {
        key_identifier: first.id,
        key_version: first.version,
        components: Components::new(components.get(..count)?)?,
        attributes: extended
            .then_some(Attributes { usage: Some(KeyUsage(first.usage)), access: Some(KeyAccess(first.access)) }),
    })
}

/// The length of a component as key information tells it: that of an EC point without the `04` before it, and for a
/// parameter reference the reference itself (GPCS 11.3.3.1).
fn shown_length(slot: &KeySlot) -> u16 {
    match (KeyType(slot.kind), slot.value()) {
        (KeyType::ECC_PUBLIC, [0x04, ..]) => slot.length.saturating_sub(1),
        (KeyType::ECC_REFERENCE, [reference]) => u16::from(*reference),
        (KeyType::ECC_REFERENCE, [high, low]) => u16::from_be_bytes([*high, *low]),
        _ => slot.length,
    }
}

/// Octets of a `C0` object.
fn entry_length(entry: &KeyEntry) -> usize {
    let components = entry.components.as_slice().len();
    let body = match entry.attributes {
        None => components.saturating_mul(2),
        Some(_) => components.saturating_mul(4).saturating_add(5),
    };
    body.saturating_add(4)
}
