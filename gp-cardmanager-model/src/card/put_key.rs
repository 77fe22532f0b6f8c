//! PUT KEY on the card (GPCS 11.8, Amendment D 7.2), and what it shares with keys that STORE DATA brings.
//!
//! Keys are *staged* first: decrypted into free slots that wait as pending and are seen by nobody. When all of them are
//! there and all is checked, one transaction makes them the card's and removes what they replace.
//!
//! ```text
//!  initial keys (version FF or 00)    go when the domain has a complete key set without them
//!  sequence counter of a key set      000000 when the set is new or replaced whole, kept when a part of it is replaced
//!  security domain in SELECTABLE      becomes PERSONALIZED with its first complete key set, unless it asked to be told
//! ```

use gp_apdu::{LogicalChannel, StatusWord};
use gp_scp03::Key;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::deviations::Deviation;
use crate::card::install::body_status;
use crate::card::keys::{self, AES, KeySet, KeySlot, PART};
use crate::card::platform::{Memory, Platform};
use crate::card::registry::{Index, PERSONALIZED, Registry, SELECTABLE};
use crate::card::storage::Storage;
use crate::card::transaction::Change;
use crate::card::{Answer, Card};
use crate::key_info::Components;
use crate::put_key::{CHECK_VALUE_LEN, KeyField, KeyType, PutKey, aes_key};

/// The longest key component that this card keeps, in octets: the modulus of RSA with 4096 bits.
const MAX_COMPONENT: usize = 512;

/// Room for a decrypted component and its padding.
pub(super) type Clear = Zeroizing<[u8; MAX_COMPONENT + 16]>;

/// An empty [`Clear`].
pub(super) fn clear() -> Clear {
    Zeroizing::new([0; MAX_COMPONENT + 16])
}

/// What a key is beside its components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Staged {
    pub(super) owner: Index,
    pub(super) version: u8,
    pub(super) id: u8,
    pub(super) usage: u16,
    pub(super) access: u8,
}

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    /// PUT KEY: needs a session, whose Key-DEK encrypts the keys. The answer is the new version and all check values.
    pub(super) fn put_key(&mut self, channel: LogicalChannel, domain: Index, apdu: &mut Apdu<'_>) -> Answer {
        self.authenticated(apdu)?;
        let header = apdu.header();
        let room = apdu.answer().len();
        let command = PutKey::parse(header.p1, header.p2, apdu.data()).map_err(body_status)?;
        let mut answer = [0; 256];
        let length = command.emit_answer(&mut answer).map_err(body_status)?.len();
        if length > room {
            return Err(StatusWord::NOT_ENOUGH_MEMORY);
        }
        if command.target.replaces.is_some() && self.deviates(Deviation::NoKeyReplacement) {
            return Err(StatusWord::INCORRECT_P1_P2);
        }
        self.check_names(domain, &command)?;
        let dek = self.session_dek(channel)?;
        let replaces = command.target.replaces;
        let staged = command.keys().try_for_each(|key| self.stage_field(domain, command.version, &key, &dek));
        staged.and_then(|()| self.finish_staging(domain, replaces)).inspect_err(|_| self.drop_staged())?;
        if self.deviates(Deviation::ZeroCheckValues) {
            let values = answer.get_mut(1..length).unwrap_or_default();
            zero_check_values(self.memory.keys, domain, &command, values);
        }
        let touched = touched(self.memory.keys, domain, replaces);
        let committed = self.commit(|memory, emit| emit_staged(memory, domain, replaces, emit));
        self.drop_staged();
        committed?;
        self.end_challenges(domain, touched);
        // A session whose set has another version now still stands on it; not so where a part of it went there.
        let whole = (1..=3).all(|id| command.keys().any(|key| key.id == id));
        for channel in self.memory.channels.iter_mut().filter(|channel| channel.key_owner == Some(domain)) {
            if whole && replaces == Some(channel.key_version) {
                channel.key_version = command.version;
            }
        }
        apdu.respond(answer.get(..length).unwrap_or_default())
    }

    /// Key-DEK of the session on this channel.
    pub(super) fn session_dek(&self, channel: LogicalChannel) -> Result<Key, StatusWord> {
        let dek = self.channel(channel).and_then(|channel| channel.dek.as_ref());
        dek.map(Key::duplicate_secret).ok_or(StatusWord::CONDITIONS_OF_USE)
    }

    /// Are the keys to be replaced there, and the new names free?
    fn check_names(&self, domain: Index, command: &PutKey<'_>) -> Result<(), StatusWord> {
        let slots = &*self.memory.keys;
        for key in command.keys() {
            let replaces = command.target.replaces;
            if replaces.is_some_and(|old| keys::find(slots, domain, old, key.id).is_none()) {
                return Err(StatusWord::REFERENCED_DATA_NOT_FOUND);
            }
            if replaces != Some(command.version) && keys::find(slots, domain, command.version, key.id).is_some() {
                return Err(StatusWord::WRONG_DATA);
            }
        }
        Ok(())
    }

    fn stage_field(&mut self, owner: Index, version: u8, key: &KeyField<'_>, dek: &Key) -> Result<(), StatusWord> {
        let kind = key.key_type().ok_or(StatusWord::WRONG_DATA)?;
        let (usage, access) = default_attributes(kind.0, version, key.id);
        let staged = Staged {
            owner,
            version,
            id: key.id,
            usage: key.usage.map_or(usage, |usage| usage.0),
            access: key.access.map_or(access, |access| access.0),
        };
        for (number, component) in (0_u8..).zip(key.components()) {
            let mut clear = clear();
            let value = if component.key_type.is_secret() {
                let mut dek = dek;
                component.decrypt(&mut dek, &mut clear[..]).map_err(body_status)?
            } else {
                component.block
            };
            if number == 0 {
                self.verify_check_value(kind, value, key.check_value)?;
            }
            self.stage(&staged, number, component.key_type.0, value)?;
        }
        Ok(())
    }

    /// Does the check value fit? AES and DES keys must have one (GPCS B.5, Amendment D 4.1.4); for other keys it counts where the
    /// platform knows it.
    pub(super) fn verify_check_value(
        &mut self,
        kind: KeyType,
        key: &[u8],
        check_value: &[u8],
    ) -> Result<(), StatusWord> {
        if matches!(kind, KeyType::AES | KeyType::DES) && check_value.len() != CHECK_VALUE_LEN {
            return Err(StatusWord::WRONG_DATA);
        }
        if kind == KeyType::AES {
            return aes_key(key, check_value, 0).map(|_| ()).map_err(body_status);
        }
        match self.platform.check_value(kind.0, key) {
            Some(known) if !check_value.is_empty() && !bool::from(known.as_slice().ct_eq(check_value)) => {
                Err(StatusWord::SECURITY_STATUS)
            }
            _ => Ok(()),
        }
    }

    /// Puts one component of a new key into free slots, where it waits.
    pub(super) fn stage(&mut self, key: &Staged, component: u8, kind: u8, value: &[u8]) -> Result<(), StatusWord> {
        // No key has two components of a type.
        let twice = self.memory.keys.iter().any(|slot| {
            let staged = slot.pending && slot.owner == Some(key.owner);
            staged && (slot.version, slot.id, slot.kind) == (key.version, key.id, kind)
        });
        if twice || usize::from(component) >= Components::MAX || value.is_empty() {
            return Err(StatusWord::WRONG_DATA);
        }
        let length = u16::try_from(value.len()).map_err(|_| StatusWord::NOT_ENOUGH_MEMORY)?;
        if value.len() > MAX_COMPONENT {
            return Err(StatusWord::NOT_ENOUGH_MEMORY);
        }
        for (part, octets) in (0_u8..).zip(value.chunks(PART)) {
            let at = keys::free(self.memory.keys).next().ok_or(StatusWord::NOT_ENOUGH_MEMORY)?;
            let slot = self.memory.keys.get_mut(at).ok_or(StatusWord::NOT_ENOUGH_MEMORY)?;
            slot.wipe();
            slot.octets.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
            slot.owner = Some(key.owner);
            slot.pending = true;
            (slot.version, slot.id, slot.component, slot.part, slot.kind) =
                (key.version, key.id, component, part, kind);
            (slot.usage, slot.access, slot.length) = (key.usage, key.access, length);
        }
        Ok(())
    }

    /// The last checks over all that is staged: a replacement keeps type and size (GPCS 11.8.2.1). Counters go over to where they
    /// belong.
    pub(super) fn finish_staging(&mut self, owner: Index, replaces: Option<u8>) -> Result<(), StatusWord> {
        let slots = &*self.memory.keys;
        let staged = || slots.iter().filter(move |slot| slot.pending && slot.owner == Some(owner));
        for first in staged().filter(|slot| slot.component == 0 && slot.part == 0) {
            let old = replaces.unwrap_or(first.version);
            let shape = |pending: bool, version: u8| {
                let of_key = move |slot: &&KeySlot| {
                    slot.owner == Some(owner)
                        && slot.pending == pending
                        && (slot.version, slot.id, slot.part) == (version, first.id, 0)
                };
                slots.iter().filter(of_key).map(|slot| (slot.component, slot.kind, slot.length))
            };
            let replaced = keys::find(slots, owner, old, first.id).is_some();
            let same = shape(false, old).count() == shape(true, first.version).count()
                && shape(true, first.version).all(|part| shape(false, old).any(|other| other == part));
            if replaced && !same {
                return Err(StatusWord::WRONG_DATA);
            }
        }
        // The last set that opens sessions with the domain is neither taken apart nor shut away (Amendment D 4.1.3), nor does
        // one that opens none shut out those of the domain above.
        let replaced = |old: &KeySlot| is_replaced(slots, owner, replaces, old);
        let serves = KeySet::find_for(slots, owner, 0, |set| set.serves(slots, false)).is_some();
        let will_hold = has_set(slots, owner, false, replaced);
        if (serves || will_hold) && !has_set(slots, owner, true, replaced) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        // Nor does one whose attempts are used up stand in for it.
        let blocked = |slot: &KeySlot| slot.is_blocked(self.profile.max_failures);
        let opens = |set: &KeySet| set.serves(slots, false) && !slots.get(set.counters()).is_some_and(blocked);
        if KeySet::find_for(slots, owner, 0, opens).is_some()
            && !has_set(slots, owner, true, |old| replaced(old) || blocked(old))
        {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        // STORE DATA may bring keys of several sets.
        for enc in 0..self.memory.keys.len() {
            let slots = &*self.memory.keys;
            let staged = |slot: &&KeySlot| slot.pending && slot.owner == Some(owner);
            let Some(version) = slots.get(enc).filter(staged).filter(|slot| is_first_aes(slot, 1)).map(|s| s.version)
            else {
                continue;
            };
            let came = |id| slots.iter().filter(staged).any(|slot| slot.version == version && is_first_aes(slot, id));
            let whole = (1..=3).all(came);
            let before = keys::find(slots, owner, replaces.unwrap_or(version), 1).filter(|_| !whole);
            let before = before.and_then(|before| slots.get(before)).map(|slot| (slot.sequence, slot.failures));
            if let Some((slot, counters)) = self.memory.keys.get_mut(enc).zip(before) {
                (slot.sequence, slot.failures) = counters;
            }
        }
        Ok(())
    }

    /// Forgets what is staged.
    pub(super) fn drop_staged(&mut self) {
        self.memory.keys.iter_mut().filter(|slot| slot.pending).for_each(KeySlot::wipe);
    }
}

/// Writes check values over a block of zeros in place of those of the staged AES keys.
fn zero_check_values(slots: &[KeySlot], owner: Index, command: &PutKey<'_>, values: &mut [u8]) {
    let mut rest = values;
    for field in command.keys() {
        let Some((value, behind)) = rest.split_at_mut_checked(field.check_value.len()) else { return };
        rest = behind;
        let mut staged = slots.iter().filter(|slot| slot.pending && slot.owner == Some(owner));
        let key = staged.find(|slot| is_first_aes(slot, field.id)).and_then(|slot| Key::new(slot.value()).ok());
        let mut block = [0; 16];
        // With an ICV of zeros, CBC over one block is the cipher itself.
        if key.is_some_and(|key| key.encrypt_sensitive(&mut block).is_ok()) {
            value.iter_mut().zip(block).for_each(|(to, from)| *to = from);
        }
    }
}

/// Emits the staged keys of a security domain and all that goes with them.
pub(super) fn emit_staged(memory: &Memory<'_>, owner: Index, replaces: Option<u8>, emit: &mut dyn FnMut(Change<'_>)) {
    let slots = &*memory.keys;
    if !slots.iter().any(|slot| slot.pending && slot.owner == Some(owner)) {
        return;
    }
    let replaced = |old: &KeySlot| is_replaced(slots, owner, replaces, old);
    let complete = completes_set(slots, owner, replaced);
    // What replaces another key takes its place, so that the first set stays the first.
    let takes = |old: &KeySlot| {
        let part = |slot: &KeySlot| (slot.id, slot.component, slot.part);
        let mut staged = slots.iter().filter(|slot| slot.pending && slot.owner == Some(owner));
        staged.find(|new| part(new) == part(old) && replaces.unwrap_or(new.version) == old.version)
    };
    for (at, old) in slots.iter().enumerate().filter(|(_, slot)| slot.owner == Some(owner) && !slot.pending) {
        if let Some(new) = takes(old) {
            emit(Change::Key(at, new));
        } else if replaced(old) || (complete && matches!(old.version, 0x00 | 0xFF)) {
            emit(Change::RemoveKey(at));
        }
    }
    let is_taken = |new: &KeySlot| {
        let mut old = slots.iter().filter(|slot| slot.owner == Some(owner) && !slot.pending);
        old.any(|old| takes(old).is_some_and(|other| core::ptr::eq(other, new)))
    };
    for (at, new) in slots.iter().enumerate().filter(|(_, slot)| slot.owner == Some(owner) && slot.pending) {
        if !is_taken(new) {
            emit(Change::Key(at, new));
        }
    }
    let waits = memory
        .registry
        .entry(owner)
        .is_some_and(|entry| owner != Index::ISD && entry.state == SELECTABLE && !entry.explicit);
    if complete && waits {
        emit(Change::State(owner, PERSONALIZED));
    }
}

/// The versions of which the staged keys change a key set, one bit each.
pub(super) fn touched(slots: &[KeySlot], owner: Index, replaces: Option<u8>) -> u128 {
    let staged = slots.iter().filter(|slot| slot.pending && slot.owner == Some(owner) && (1..=3).contains(&slot.id));
    let versions = staged.flat_map(|slot| [slot.version, replaces.unwrap_or(slot.version)]);
    versions.fold(0, |bits, version| bits | bit(version))
}

/// The bit of a version. The initial keys, `FF`, have none: where they are replaced, they are gone.
pub(super) fn bit(version: u8) -> u128 {
    1_u128.checked_shl(u32::from(version)).unwrap_or(0)
}

/// Does a staged key take the place of this one?
fn is_replaced(slots: &[KeySlot], owner: Index, replaces: Option<u8>, old: &KeySlot) -> bool {
    slots.iter().any(|new| {
        new.pending && new.owner == Some(owner) && new.id == old.id && replaces.unwrap_or(new.version) == old.version
    })
}

/// Do the staged keys, with those that stay, make a key set that opens sessions with the security domain?
fn completes_set(slots: &[KeySlot], owner: Index, replaced: impl Fn(&KeySlot) -> bool) -> bool {
    let mut staged = slots.iter().filter(|slot| slot.pending && slot.owner == Some(owner));
    staged.any(|slot| (1..=3).any(|id| is_first_aes(slot, id)) && is_set(slots, owner, slot.version, true, &replaced))
}

/// Will there be any whole set, one that opens sessions with the domain if it `serves`, when what is staged is there and what is
/// `gone` is not?
pub(super) fn has_set(slots: &[KeySlot], owner: Index, serves: bool, gone: impl Fn(&KeySlot) -> bool) -> bool {
    let mut own = slots.iter().filter(|slot| slot.owner == Some(owner));
    own.any(|slot| is_set(slots, owner, slot.version, serves, &gone))
}

/// Is there a whole set of this version then?
fn is_set(slots: &[KeySlot], owner: Index, version: u8, serves: bool, gone: &impl Fn(&KeySlot) -> bool) -> bool {
    let length = |id: u8| {
        let mut own = slots.iter().filter(|slot| slot.owner == Some(owner) && slot.version == version);
        let whole = |slot: &&KeySlot| {
            is_first_aes(slot, id) && (!serves || slot.serves(false)) && (slot.pending || !gone(slot))
        };
        own.find(whole).map(|slot| slot.length)
    };
    matches!([1, 2, 3].map(length), [Some(enc), Some(mac), Some(dek)] if enc == mac && mac == dek)
}

/// The beginning of an AES key with this identifier.
fn is_first_aes(slot: &KeySlot, id: u8) -> bool {
    (slot.kind, slot.id, slot.component, slot.part) == (AES, id, 0, 0)
}

/// Usage qualifier and access of a key that came without: by what its version and identifier stand for (GPCS 7.5.2, 11.1.9).
pub(super) const fn default_attributes(kind: u8, version: u8, id: u8) -> (u16, u8) {
    match (kind, version, id) {
        (_, 0x70, _) => (0x8100, 0x01),
        (_, 0x71, _) => (0x4400, 0x01),
        (_, 0x73, _) => (0x8400, 0x01),
        (_, 0x72..=0x7F, _) => (0x0000, 0x01),
        (AES, _, 1) => (0x3800, 0x00),
        (AES, _, 2) => (0x3400, 0x00),
        (AES, _, 3) => (0xC800, 0x00),
        _ => (0x0000, 0x01),
    }
}
