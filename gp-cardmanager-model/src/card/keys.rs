//! The keys of all security domains, in slots of 32 octets.

use core::fmt;

use gp_scp03::{Key, KeyId, KeyLength, KeySource, SequenceCounter};
use zeroize::Zeroize;

use crate::card::registry::Index;

/// The longest part of a key component that one slot holds, in octets: an AES-256 key, say.
pub(crate) const PART: usize = 32;

/// One slot for 32 octets of a key component. Wiped when dropped, never printed.
pub struct KeySlot {
    /// The security domain that holds the key; `None`: the slot is free.
    pub(crate) owner: Option<Index>,
    /// Written by a PUT KEY or STORE DATA that is not finished: used by nobody, gone after a reset.
    pub(crate) pending: bool,
    /// Key version number.
    pub(crate) version: u8,
    /// Key identifier.
    pub(crate) id: u8,
    /// Which component of the key, from 0.
    pub(crate) component: u8,
    /// Which 32 octets of the component, from 0.
    pub(crate) part: u8,
    /// Key type of the component (GPCS table 11-16): `88` AES.
    pub(crate) kind: u8,
    /// Key usage qualifier.
    pub(crate) usage: u16,
    /// Key access.
    pub(crate) access: u8,
    /// Length of the whole component, in octets.
    pub(crate) length: u16,
    /// Sequence counter of the key set, in the slot of its Key-ENC.
    pub(crate) sequence: SequenceCounter,
    /// Authentications that were begun and not finished well since the last good one, in the slot of its Key-ENC.
    pub(crate) failures: u8,
    pub(crate) octets: [u8; PART],
}

impl KeySlot {
    /// An empty slot.
    pub const FREE: Self = Self {
        owner: None,
        pending: false,
        version: 0,
        id: 0,
        component: 0,
        part: 0,
        kind: 0,
        usage: 0,
        access: 0,
        length: 0,
        sequence: SequenceCounter::new([0; 3]),
        failures: 0,
        octets: [0; PART],
    };

    /// The octets of this part.
    pub(crate) fn value(&self) -> &[u8] {
        let before = usize::from(self.part).saturating_mul(PART);
        let here = usize::from(self.length).saturating_sub(before).min(PART);
        self.octets.get(..here).unwrap_or_default()
    }

    pub(crate) fn wipe(&mut self) {
        self.octets.zeroize();
        // What is overwritten here has been wiped.
        *self = Self::FREE;
    }

    /// Are the attempts used up, of which there are `limit` (0: endlessly many)?
    pub(crate) const fn is_blocked(&self, limit: u8) -> bool {
        limit != 0 && self.failures >= limit
    }

    /// May a security domain itself use the key, or (`application`) an application that it serves? By the access octet:
    /// `00` both, `01` and `02` one of them, others nobody (GPCS 7.5.2, 11.1.9).
    pub(crate) const fn serves(&self, application: bool) -> bool {
        matches!((self.access, application), (0x00, _) | (0x01, false) | (0x02, true))
    }

    /// The length of the AES key in it.
    pub(crate) fn key_length(&self) -> Option<KeyLength> {
        KeyLength::from_octets(usize::from(self.length))
    }

    const fn is_aes(&self) -> bool {
        self.kind == AES && self.component == 0 && self.part == 0
    }
}

impl Default for KeySlot {
    fn default() -> Self {
        Self::FREE
    }
}

impl Drop for KeySlot {
    fn drop(&mut self) {
        self.octets.zeroize();
    }
}

impl fmt::Debug for KeySlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySlot")
            .field("owner", &self.owner)
            .field("version", &self.version)
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

/// Key type AES (GPCS table 11-16).
pub(crate) const AES: u8 = 0x88;

/// The slot of a key's first component.
pub(crate) fn find(keys: &[KeySlot], owner: Index, version: u8, id: u8) -> Option<usize> {
    keys.iter().position(|slot| {
        slot.owner == Some(owner)
            && !slot.pending
            && slot.version == version
            && slot.id == id
            && slot.component == 0
            && slot.part == 0
    })
}

/// The slots in use by nobody.
pub(crate) fn free(keys: &[KeySlot]) -> impl Iterator<Item = usize> {
    keys.iter().enumerate().filter(|(_, slot)| slot.owner.is_none()).map(|(at, _)| at)
}

/// A complete SCP03 key set: three AES keys of one length with identifiers 1, 2, 3 (Amendment D 4.1.3).
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeySet {
    pub(crate) version: u8,
    slots: [usize; 3],
    length: KeyLength,
}

impl KeySet {
    /// The set with this version number; 00 is the domain's first that is complete (GPCS D.4.1.3).
    pub(crate) fn find(keys: &[KeySlot], owner: Index, version: u8) -> Option<Self> {
        Self::find_for(keys, owner, version, |_| true)
    }

    /// The same, where 00 looks only at sets that please.
    pub(crate) fn find_for(
        keys: &[KeySlot],
        owner: Index,
        version: u8,
        pleases: impl Fn(&Self) -> bool,
    ) -> Option<Self> {
        if version != 0 {
            return Self::with_version(keys, owner, version);
        }
        keys.iter()
            .filter(|slot| slot.owner == Some(owner) && !slot.pending && slot.is_aes())
            .filter_map(|slot| Self::with_version(keys, owner, slot.version))
            .find(pleases)
    }

    fn with_version(keys: &[KeySlot], owner: Index, version: u8) -> Option<Self> {
        let aes = |id| {
            let slot = find(keys, owner, version, id)?;
            let held = keys.get(slot).filter(|slot| slot.is_aes())?;
            Some((slot, held.key_length()?))
        };
        let (enc, length) = aes(1)?;
        let (mac, mac_length) = aes(2)?;
        let (dek, dek_length) = aes(3)?;
        (length == mac_length && length == dek_length).then_some(Self { version, slots: [enc, mac, dek], length })
    }

    /// The slot of Key-ENC, which keeps the counters of the set.
    pub(crate) const fn counters(&self) -> usize {
        self.slots[0]
    }

    pub(crate) fn source<'k>(&self, keys: &'k [KeySlot]) -> KeySetSource<'k> {
        KeySetSource { keys, slots: self.slots, length: self.length }
    }

    /// May it open a session with the security domain, or with an application that it serves?
    pub(crate) fn serves(&self, keys: &[KeySlot], application: bool) -> bool {
        self.slots.iter().all(|slot| keys.get(*slot).is_some_and(|slot| slot.serves(application)))
    }

    /// Key-DEK.
    pub(crate) fn dek(&self, keys: &[KeySlot]) -> Option<Key> {
        Key::new(keys.get(self.slots[2])?.value()).ok()
    }
}

/// The keys of a set, for the derivations of a session.
pub(crate) struct KeySetSource<'k> {
    keys: &'k [KeySlot],
    slots: [usize; 3],
    length: KeyLength,
}

impl KeySource for KeySetSource<'_> {
    fn cmac(&mut self, key: KeyId, parts: &[&[u8]]) -> Result<[u8; 16], gp_scp03::Error> {
        let [enc, mac, dek] = self.slots;
        let slot = match key {
            KeyId::Enc => enc,
            KeyId::Mac => mac,
            KeyId::Dek => dek,
        };
        Ok(Key::new(self.keys.get(slot).ok_or(gp_scp03::Error::KeySource)?.value())?.cmac(parts))
    }

    fn length(&self) -> KeyLength {
        self.length
    }
}
