//! STORE DATA on the card (GPCS 7.3.3, 11.11): data objects and keys of a security domain, or personalisation of an application.
//!
//! ```text
//!  without INSTALL [for personalization]      the domain itself takes the data
//!  after it, for a security domain            the card takes it for that one; keys are under Key-DEK of the session
//!  after it, for an application               each block goes to the application as it came
//! ```
//!
//! What a security domain takes is joined over all blocks, checked, and changed in one transaction at the last block. The
//! blocks of a longer transfer wait in the memory of command chains. That memory is one for the whole card: a transfer, a load,
//! or a session's chained command that begins, on any channel, ends a transfer that waits there, and its next block is refused
//! with `6985`. A chain without a session gets no such memory from it, nor does a transfer get it from a session's chain.

use gp_apdu::{LogicalChannel, StatusWord};
use gp_scp03::Key;
use gp_tlv::{DgiReader, Reader, Tag, Tlv};
use zeroize::Zeroize;

use crate::aid::Aid;
use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::get_data::MAX_OBJECT;
use crate::card::install::body_status;
use crate::card::objects::{ObjectSlot, PART};
use crate::card::platform::{Memory, Platform};
use crate::card::put_key::{Staged, clear, default_attributes, emit_staged, touched};
use crate::card::registry::{Index, Occupant, Registry};
use crate::card::rights::serves;
use crate::card::storage::Storage;
use crate::card::transaction::Change;
use crate::card::{Answer, Card, handle};
use crate::error;
use crate::install::Restriction;
use crate::privileges::Privileges;
use crate::put_key::KeyType;
use crate::store_data::key_dgi::{DESCRIPTIONS_DGI, KeyDescription, KeyItem, is_secret, read_keys};
use crate::store_data::{
    CARD_MADE_OBJECTS, DATA_OBJECTS_DGI, Encryption, ISSUER_SECURITY_DOMAIN_OBJECTS, SECURITY_DOMAIN_OBJECTS,
    StoreData, StoreDataFormat, Structure,
};

/// The AID of the ISD, which STORE DATA renames.
const OWN_AID: Tag = Tag::new(0x4F);

/// What cards in the field take beside the objects that they must: manager URL, key diversification data, parts of CPLC data.
const FURTHER_OBJECTS: [Tag; 4] = [Tag::new(0x5F50), Tag::new(0xCF), Tag::new(0x9F66), Tag::new(0x9F67)];

/// A transfer whose blocks are coming in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    pub(super) channel: LogicalChannel,
    /// Whose data it is.
    owner: Index,
    format: StoreDataFormat,
    /// How much has come.
    length: usize,
}

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    /// INSTALL \[for personalization\]: STORE DATA on this channel goes to an application of this security domain (GPCS 7.3.2).
    pub(super) fn install_for_personalization(
        &mut self,
        channel: LogicalChannel,
        domain: Index,
        application: &Aid,
        apdu: &mut Apdu<'_>,
    ) -> Answer {
        self.authenticated(apdu)?;
        let entry = self.memory.registry.entry(domain).ok_or(StatusWord::CONDITIONS_OF_USE)?;
        if !serves(domain, entry)
            || self.is_restricted(entry, Restriction::PERSONALIZATION)
            || !entry.privileges.contains(Privileges::TRUSTED_PATH)
        {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        let found = self.memory.registry.find(application).filter(|(_, entry)| entry.is_application());
        let (target, _) = found.ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        if !self.is_personalizable(channel, domain, target) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        let at = self.channel_mut(channel).ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?;
        at.end_personalization();
        at.personalizing = Some(target);
        apdu.respond(&[0x00])
    }

    /// May personalisation data go to this application: associated with the domain, not LOCKED, not held back by multi-selection?
    fn is_personalizable(&self, channel: LogicalChannel, domain: Index, target: Index) -> bool {
        self.memory.registry.entry(target).is_some_and(|entry| {
            target != domain
                && entry.domain == domain
                && entry.is_application()
                && !entry.is_locked()
                && !self.is_barred(channel, target, entry)
        })
    }

    /// STORE DATA: needs a session. A refused block ends the transfer: the next one begins with block 00.
    pub(super) fn store_data(&mut self, channel: LogicalChannel, domain: Index, apdu: &mut Apdu<'_>) -> Answer {
        self.authenticated(apdu)?;
        let header = apdu.header();
        let block = StoreData::parse(header.p1, header.p2).map_err(body_status);
        let taken = block.and_then(|block| self.take_block_for(channel, domain, block, apdu));
        let last = block.is_ok_and(|block| block.last);
        if let Some(at) = self.channel_mut(channel) {
            at.store_block = if taken.is_err() || last { 0 } else { at.store_block.saturating_add(1) };
            if last {
                at.personalizing = None;
            }
        }
        taken
    }

    fn take_block_for(
        &mut self,
        channel: LogicalChannel,
        domain: Index,
        block: StoreData,
        apdu: &mut Apdu<'_>,
    ) -> Answer {
        let at = self.channel(channel).ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?;
        // There is no number after FF.
        if block.number != at.store_block || (block.number == u8::MAX && !block.last) {
            return Err(StatusWord::INCORRECT_P1_P2);
        }
        let Some(target) = at.personalizing else { return self.take_own_block(channel, domain, block, apdu) };
        if !self.is_personalizable(channel, domain, target) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        let entry = *self.memory.registry.entry(target).ok_or(StatusWord::CONDITIONS_OF_USE)?;
        if entry.occupant == Occupant::Domain {
            return self.take_own_block(channel, target, block, apdu);
        }
        match self.call(A::personalize, handle(target, &entry), Some(channel), apdu)? {
            // The host has not said that it takes an answer.
            1.. if !block.format.answer => Err(StatusWord::INCORRECT_P1_P2),
            length => Ok(length),
        }
    }

    /// A block for a security domain. One that is first and last is taken from where it arrived.
    fn take_own_block(&mut self, channel: LogicalChannel, owner: Index, block: StoreData, apdu: &Apdu<'_>) -> Answer {
        if block.number == 0 {
            if block.last {
                self.store(channel, owner, block.format, apdu.data())?;
                return Ok(0);
            }
            if self.load.is_some() {
                return Err(StatusWord::CONDITIONS_OF_USE);
            }
            self.claim_chain_memory(channel)?;
            self.transfer = Some(Transfer { channel, owner, format: block.format, length: 0 });
        }
        let begun = self.transfer.take().filter(|begun| {
            (begun.channel, begun.owner, begun.format.structure, begun.format.encryption)
                == (channel, owner, block.format.structure, block.format.encryption)
        });
        let mut transfer = begun.ok_or(StatusWord::CONDITIONS_OF_USE)?;
        let end = transfer.length.saturating_add(apdu.data().len());
        let room = self.memory.chain.get_mut(transfer.length..end).ok_or(StatusWord::NOT_ENOUGH_MEMORY)?;
        room.iter_mut().zip(apdu.data()).for_each(|(to, from)| *to = *from);
        transfer.length = end;
        if !block.last {
            self.transfer = Some(transfer);
            return Ok(0);
        }
        let memory = core::mem::take(&mut self.memory.chain);
        let stored = self.store(channel, owner, transfer.format, memory.get(..end).unwrap_or_default());
        memory.zeroize();
        self.memory.chain = memory;
        stored.map(|()| 0)
    }

    /// Checks and changes all that a transfer brought.
    fn store(
        &mut self,
        channel: LogicalChannel,
        owner: Index,
        format: StoreDataFormat,
        data: &[u8],
    ) -> Result<(), StatusWord> {
        if data.is_empty() {
            return Ok(());
        }
        let objects = Objects { structure: format.structure, data };
        if format.encryption == Encryption::Encrypted && format.structure != Structure::Dgi {
            // The objects of a security domain are not secret, and of a DGI the tag says whether its value is encrypted.
            return Err(StatusWord::WRONG_DATA);
        }
        self.check_objects(owner, objects)?;
        let staged = self.stage_keys(channel, owner, objects).and_then(|()| self.finish_staging(owner, None));
        staged.inspect_err(|_| self.drop_staged())?;
        let touched = touched(self.memory.keys, owner, None);
        let committed = self.commit(|memory, emit| {
            emit_staged(memory, owner, None, emit);
            emit_objects(memory, owner, objects, emit);
        });
        self.drop_staged();
        committed?;
        self.end_challenges(owner, touched);
        Ok(())
    }

    fn check_objects(&self, owner: Index, objects: Objects<'_>) -> Result<(), StatusWord> {
        let isd = owner == Index::ISD;
        let mut slots = 0_usize;
        objects.each(&mut |object| {
            let known = if isd {
                ISSUER_SECURITY_DOMAIN_OBJECTS.contains(&object.tag) || FURTHER_OBJECTS.contains(&object.tag)
            } else {
                SECURITY_DOMAIN_OBJECTS.contains(&object.tag) || FURTHER_OBJECTS.contains(&object.tag)
            };
            let twice = objects.count(object.tag) > 1;
            if CARD_MADE_OBJECTS.contains(&object.tag) || twice {
                return Err(StatusWord::WRONG_DATA);
            }
            if !known {
                return Err(StatusWord::REFERENCED_DATA_NOT_FOUND);
            }
            if object.tag == OWN_AID {
                return self.check_own_aid(object.value);
            }
            if object.value.len() > MAX_OBJECT {
                return Err(StatusWord::NOT_ENOUGH_MEMORY);
            }
            slots = slots.saturating_add(parts(object.value).count());
            Ok(())
        })?;
        let places = self.memory.objects.iter().filter(|slot| objects.may_use(owner, slot)).count();
        if slots > places { Err(StatusWord::NOT_ENOUGH_MEMORY) } else { Ok(()) }
    }

    /// A new AID of the ISD: the name of nothing else, not even of what is coming in.
    fn check_own_aid(&self, value: &[u8]) -> Result<(), StatusWord> {
        let aid = Aid::new(value).ok_or(StatusWord::WRONG_DATA)?;
        let others = self.memory.registry.iter().enumerate().filter(|(at, entry)| {
            *at != Index::ISD.slot() && !matches!(entry.occupant, Occupant::Free | Occupant::Module)
        });
        for (_, entry) in others {
            if entry.aid == aid {
                return Err(StatusWord::CONDITIONS_OF_USE);
            }
        }
        Ok(())
    }

    /// Stages the keys among the data groupings. Each run of them begins with `00B9`.
    fn stage_keys(&mut self, channel: LogicalChannel, owner: Index, objects: Objects<'_>) -> Result<(), StatusWord> {
        if objects.structure != Structure::Dgi {
            return Ok(());
        }
        let mut reader = DgiReader::new(objects.data);
        let mut run = None;
        loop {
            let at = reader.offset();
            match reader.next_dgi().map_err(|_| StatusWord::WRONG_DATA)? {
                Some(dgi) if is_of_keys(dgi.tag) => {
                    run.get_or_insert(at);
                }
                Some(dgi) if dgi.tag != DATA_OBJECTS_DGI => return Err(StatusWord::REFERENCED_DATA_NOT_FOUND),
                between => {
                    if let Some(begin) = run.take() {
                        let octets = objects.data.get(begin..at).unwrap_or_default();
                        self.stage_run(owner, octets, &self.session_dek(channel)?)?;
                    }
                    if between.is_none() {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn stage_run(&mut self, owner: Index, octets: &[u8], dek: &Key) -> Result<(), StatusWord> {
        let mut current: Option<(Staged, u8)> = None;
        let read = read_keys(octets, |item| {
            let (key, component) = match (item, current) {
                (KeyItem::Value(described, _), Some((key, component)))
                    if (described.version, described.id) == (key.version, key.id) =>
                {
                    (key, component)
                }
                (KeyItem::Value(described, _), _) => (self.new_key(owner, &described)?, 0),
                (_, Some(begun)) => begun,
                (_, None) => return Err(Refusal(StatusWord::WRONG_DATA)),
            };
            self.stage_item(&key, component, item, dek)?;
            current = Some((key, component.saturating_add(1)));
            Ok(())
        });
        read.map_err(|Refusal(status)| status)
    }

    /// A key of which the first component comes.
    fn new_key(&self, owner: Index, described: &KeyDescription<'_>) -> Result<Staged, StatusWord> {
        let again = self.memory.keys.iter().any(|slot| {
            slot.pending && slot.owner == Some(owner) && (slot.version, slot.id) == (described.version, described.id)
        });
        if again || !(1..=0x7F).contains(&described.version) || described.id > 0x7F {
            return Err(StatusWord::WRONG_DATA);
        }
        let (usage, _) = default_attributes(described.key_type.0, described.version, described.id);
        Ok(Staged {
            owner,
            version: described.version,
            id: described.id,
            usage: described.usage.map_or(usage, |usage| usage.0),
            access: described.access.map_or(0x00, |access| access.0),
        })
    }

    fn stage_item(&mut self, key: &Staged, component: u8, item: KeyItem<'_>, dek: &Key) -> Result<(), StatusWord> {
        match item {
            KeyItem::Value(described, dgi) => {
                let mut clear = clear();
                let value = if is_secret(dgi.tag) {
                    let mut dek = dek;
                    &*described.decrypt(dgi.value, &mut dek, &mut clear[..]).map_err(body_status)?
                } else if dgi.value.len() == usize::from(described.length) {
                    dgi.value
                } else {
                    return Err(StatusWord::WRONG_DATA);
                };
                if component == 0 {
                    self.verify_check_value(described.key_type, value, described.check_value)?;
                }
                self.stage(key, component, described.key_type.0, value)
            }
            KeyItem::CurveReference(reference) => {
                let octets = reference.to_be_bytes();
                let value = match &octets {
                    [0, low] => core::slice::from_ref(low),
                    both => both,
                };
                self.stage(key, component, KeyType::ECC_REFERENCE.0, value)
            }
            KeyItem::CurveParameter(dgi) => {
                // DGI 0030 to 0035 bring the components B2 to B7 in the same order.
                let [_, number] = dgi.tag.to_be_bytes();
                let kind = KeyType::ECC_P.0.saturating_add(number.saturating_sub(0x30));
                self.stage(key, component, kind, dgi.value)
            }
        }
    }
}

/// A refusal inside the reader of keys, whose own errors become status words, too.
struct Refusal(StatusWord);

impl From<error::Error> for Refusal {
    fn from(error: error::Error) -> Self {
        Self(body_status(error))
    }
}

impl From<StatusWord> for Refusal {
    fn from(status: StatusWord) -> Self {
        Self(status)
    }
}

/// The data objects of a transfer: the BER-TLV objects themselves, or those inside DGI `0070`.
#[derive(Clone, Copy)]
struct Objects<'d> {
    structure: Structure,
    data: &'d [u8],
}

impl<'d> Objects<'d> {
    fn each(self, f: &mut dyn FnMut(Tlv<'d>) -> Result<(), StatusWord>) -> Result<(), StatusWord> {
        let wrong = |_| StatusWord::WRONG_DATA;
        if self.structure != Structure::Dgi {
            return Reader::new(self.data).try_for_each(|object| f(object.map_err(wrong)?));
        }
        let mut reader = DgiReader::new(self.data);
        while let Some(dgi) = reader.next_dgi().map_err(wrong)? {
            if dgi.tag == DATA_OBJECTS_DGI {
                Reader::new(dgi.value).try_for_each(|object| f(object.map_err(wrong)?))?;
            }
        }
        Ok(())
    }

    fn count(self, tag: Tag) -> usize {
        let mut count = 0_usize;
        // A malformed object is found by who looks at each of them.
        let _ = self.each(&mut |object| {
            count = count.saturating_add(usize::from(object.tag == tag));
            Ok(())
        });
        count
    }

    /// Is the slot free for these objects: empty, or of an object that one of them replaces?
    fn may_use(self, owner: Index, slot: &ObjectSlot) -> bool {
        match slot.owner {
            None => true,
            Some(other) => other == owner && Tag::from_u32(slot.tag.into()).is_some_and(|tag| self.count(tag) > 0),
        }
    }
}

/// Does a DGI belong to keys: their descriptions or a value?
const fn is_of_keys(dgi: u16) -> bool {
    matches!(dgi, DESCRIPTIONS_DGI | 0x0010 | 0x0011 | 0x0030..=0x0036 | 0x8112 | 0x8113 | 0x8121..=0x8125 | 0x8137)
}

/// The parts of an object's value; one that is empty has an empty part.
fn parts(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let empty = value.is_empty().then_some(&[][..]);
    value.chunks(PART).chain(empty)
}

/// Emits the objects of a transfer that [`Card::check_objects`] found good.
fn emit_objects(memory: &Memory<'_>, owner: Index, objects: Objects<'_>, emit: &mut dyn FnMut(Change<'_>)) {
    let mut places = memory.objects.iter().enumerate().filter(|(_, slot)| objects.may_use(owner, slot));
    let emitted = objects.each(&mut |object| {
        if object.tag == OWN_AID {
            let aid = Aid::new(object.value).ok_or(StatusWord::WRONG_DATA)?;
            emit(Change::Rename(Index::ISD, &aid));
            return Ok(());
        }
        let tag = u16::try_from(object.tag.to_u32()).map_err(|_| StatusWord::WRONG_DATA)?;
        for (part, octets) in (0_u8..).zip(parts(object.value)) {
            let (at, _) = places.next().ok_or(StatusWord::NOT_ENOUGH_MEMORY)?;
            let length = u8::try_from(octets.len()).map_err(|_| StatusWord::WRONG_DATA)?;
            let mut slot = ObjectSlot { owner: Some(owner), tag, part, length, ..ObjectSlot::FREE };
            slot.octets.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
            emit(Change::Object(at, &slot));
        }
        Ok(())
    });
    // Whether everything fits was checked before.
    debug_assert!(emitted.is_ok());
    for (at, _) in places.filter(|(_, slot)| slot.owner.is_some()) {
        emit(Change::RemoveObject(at));
    }
}
