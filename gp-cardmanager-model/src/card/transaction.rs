//! Changes: the only way in which anything that lasts is altered, and the records that the log keeps of them.
//!
//! ```text
//!  record   kind (1) | fields, big-endian          at most 255 octets; a counter's is 6, so that it costs one program unit
//! ```
//!
//! A command checks, then logs its changes as one group, then the group is read back and applied by [`apply`], the same
//! function that builds the card from its storage after a power cut. So what runs is what was written.

#[cfg(test)]
mod tests;

use gp_scp03::SequenceCounter;

use crate::aid::Aid;
use crate::card::keys::{self, KeySlot};
use crate::card::objects::ObjectSlot;
use crate::card::platform::Memory;
use crate::card::registry::{Index, LOCK, Occupant, Registry, RegistryEntry};
use crate::delete::DeleteKeys;
use crate::entry::ImplicitSelection;
use crate::privileges::Privileges;

/// One change of one slot. Complete slots travel by reference: nothing secret is copied around.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change<'c> {
    /// The registry slot becomes this.
    Entry(Index, &'c RegistryEntry),
    /// The registry slot becomes free, those of its modules, with `true` those of its applications, and all that these kept.
    /// One record, however many go: so a full card can always delete.
    Remove(Index, bool),
    /// Another life cycle state.
    State(Index, u8),
    /// The security domain and all below it are LOCKED, or are so no longer.
    LockTree(Index, bool),
    /// Other privileges.
    Privileges(Index, Privileges),
    /// Another associated security domain.
    Domain(Index, Index),
    /// Other restrictions.
    Restrict(Index, u8),
    /// The next confirmation counter.
    Confirmation(Index, u16),
    /// Another AID.
    Rename(Index, &'c Aid),
    /// The key slot becomes this.
    Key(usize, &'c KeySlot),
    /// The key slot becomes free.
    RemoveKey(usize),
    /// The slots of all keys of this security domain that match become free.
    RemoveKeys(Index, DeleteKeys),
    /// The sequence counter in the key slot.
    Sequence(usize, SequenceCounter),
    /// The failure counter in the key slot.
    Failures(usize, u8),
    /// The object slot becomes this.
    Object(usize, &'c ObjectSlot),
    /// The object slot becomes free.
    RemoveObject(usize),
}

/// The longest record, in octets.
pub(crate) const MAX_RECORD: usize = 96;

/// Where a record is written, octet by octet; what does not fit is noticed at the end.
struct Record<'b> {
    buffer: &'b mut [u8],
    length: usize,
}

impl Record<'_> {
    fn put(mut self, octets: &[u8]) -> Self {
        for octet in octets {
            if let Some(to) = self.buffer.get_mut(self.length) {
                *to = *octet;
            }
            self.length = self.length.saturating_add(1);
        }
        self
    }

    fn index(self, index: Index) -> Self {
        self.put(&index.0.to_be_bytes())
    }

    fn slot(self, slot: usize) -> Self {
        // Memory slices are no longer than their indexes: `open` refuses more.
        self.put(&u16::try_from(slot).unwrap_or(u16::MAX).to_be_bytes())
    }

    fn optional(self, index: Option<Index>) -> Self {
        self.put(&index.map_or(u16::MAX, |index| index.0).to_be_bytes())
    }

    fn aid(self, aid: &Aid) -> Self {
        let octets = aid.as_bytes();
        self.put(&[u8::try_from(octets.len()).unwrap_or(0)]).put(octets)
    }
}

impl Change<'_> {
    /// Octets by which the change may lengthen a snapshot; 0 for one that only alters what is there, or takes away.
    pub(crate) fn growth(&self) -> u32 {
        match self {
            Self::Entry(..) | Self::Key(..) | Self::Object(..) => {
                let length = self.encode(&mut [0; MAX_RECORD]);
                // A length octet goes before each record.
                u32::try_from(length).map_or(u32::MAX, |length| length.saturating_add(1))
            }
            // From the shortest AID to the longest.
            Self::Rename(..) => 11,
            _ => 0,
        }
    }

    /// Writes the record and answers its length.
    pub(crate) fn encode(&self, buffer: &mut [u8; MAX_RECORD]) -> usize {
        let record = Record { buffer, length: 0 };
        let record = match *self {
            Self::Entry(index, entry) => record
                .put(&[0x01])
                .index(index)
                .put(&[match entry.occupant {
                    Occupant::Free => 0,
                    Occupant::Domain => 1,
                    Occupant::Application => 2,
                    Occupant::LoadFile => 3,
                    Occupant::Module => 4,
                }])
                .aid(&entry.aid)
                .put(&[entry.state])
                .put(&entry.privileges.octets())
                .index(entry.domain)
                .optional(entry.file)
                .optional(entry.module)
                .put(&entry.version)
                .put(&entry.implicit.map(|implicit| implicit.0))
                .put(&[entry.restrict])
                .put(&entry.accepts)
                .put(&[u8::from(entry.explicit), entry.provider_length])
                .put(entry.provider())
                .put(&entry.confirmation.to_be_bytes()),
            Self::Remove(index, related) => record.put(&[0x02]).index(index).put(&[u8::from(related)]),
            Self::State(index, state) => record.put(&[0x03]).index(index).put(&[state]),
            Self::Privileges(index, privileges) => record.put(&[0x04]).index(index).put(&privileges.octets()),
            Self::Domain(index, domain) => record.put(&[0x05]).index(index).index(domain),
            Self::Restrict(index, restrict) => record.put(&[0x06]).index(index).put(&[restrict]),
            Self::Confirmation(index, counter) => record.put(&[0x07]).index(index).put(&counter.to_be_bytes()),
            Self::Rename(index, aid) => record.put(&[0x08]).index(index).aid(aid),
            Self::Key(slot, key) => record
                .put(&[0x09])
                .slot(slot)
                .optional(key.owner)
                .put(&[key.version, key.id, key.component, key.part, key.kind])
                .put(&key.usage.to_be_bytes())
                .put(&[key.access])
                .put(&key.length.to_be_bytes())
                .put(&key.sequence.octets())
                .put(&[key.failures])
                .put(key.value()),
            Self::RemoveKey(slot) => record.put(&[0x0A]).slot(slot),
            Self::Sequence(slot, counter) => record.put(&[0x0B]).slot(slot).put(&counter.octets()),
            Self::Failures(slot, failures) => record.put(&[0x0C]).slot(slot).put(&[failures]),
            Self::Object(slot, object) => record
                .put(&[0x0D])
                .slot(slot)
                .optional(object.owner)
                .put(&object.tag.to_be_bytes())
                .put(&[object.part])
                .put(object.value()),
            Self::RemoveObject(slot) => record.put(&[0x0E]).slot(slot),
            Self::LockTree(top, lock) => record.put(&[0x0F]).index(top).put(&[u8::from(lock)]),
            Self::RemoveKeys(owner, DeleteKeys { id, version }) => record
                .put(&[0x10])
                .index(owner)
                .put(&[u8::from(version.is_some()), version.unwrap_or(0)])
                .put(&[u8::from(id.is_some()), id.unwrap_or(0)]),
        };
        record.length
    }
}

/// A record that means nothing, or names a slot that this card's memory does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// Reads the fields of a record.
struct Fields<'r>(&'r [u8]);

impl<'r> Fields<'r> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Unreadable)?;
        self.0 = rest;
        Ok(*head)
    }

    fn octet(&mut self) -> Result<u8, Unreadable> {
        self.array::<1>().map(|[octet]| octet)
    }

    fn flag(&mut self) -> Result<bool, Unreadable> {
        match self.octet()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Unreadable),
        }
    }

    fn number(&mut self) -> Result<u16, Unreadable> {
        self.array().map(u16::from_be_bytes)
    }

    fn index(&mut self) -> Result<Index, Unreadable> {
        self.number().map(Index)
    }

    fn slot(&mut self) -> Result<usize, Unreadable> {
        self.number().map(usize::from)
    }

    fn optional(&mut self) -> Result<Option<Index>, Unreadable> {
        self.number().map(|number| (number != u16::MAX).then_some(Index(number)))
    }

    fn octets(&mut self, length: usize) -> Result<&'r [u8], Unreadable> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(Unreadable)?;
        self.0 = rest;
        Ok(head)
    }

    fn aid(&mut self) -> Result<Aid, Unreadable> {
        let length = usize::from(self.octet()?);
        Aid::new(self.octets(length)?).ok_or(Unreadable)
    }

    fn privileges(&mut self) -> Result<Privileges, Unreadable> {
        self.array().map(Privileges::from_octets)
    }

    fn end(&self) -> Result<(), Unreadable> {
        if self.0.is_empty() { Ok(()) } else { Err(Unreadable) }
    }
}

fn entry_fields(fields: &mut Fields<'_>) -> Result<RegistryEntry, Unreadable> {
    let mut entry = RegistryEntry {
        occupant: match fields.octet()? {
            0 => Occupant::Free,
            1 => Occupant::Domain,
            2 => Occupant::Application,
            3 => Occupant::LoadFile,
            4 => Occupant::Module,
            _ => return Err(Unreadable),
        },
        aid: fields.aid()?,
        state: fields.octet()?,
        privileges: fields.privileges()?,
        domain: fields.index()?,
        file: fields.optional()?,
        module: fields.optional()?,
        version: fields.array()?,
        implicit: fields.array()?.map(ImplicitSelection),
        restrict: fields.octet()?,
        accepts: fields.array()?,
        explicit: fields.octet()? != 0,
        provider_length: fields.octet()?,
        ..RegistryEntry::FREE
    };
    let provider = fields.octets(usize::from(entry.provider_length))?;
    entry.provider.get_mut(..provider.len()).ok_or(Unreadable)?.copy_from_slice(provider);
    entry.confirmation = fields.number()?;
    Ok(entry)
}

/// Applies one record to the memory.
pub(crate) fn apply(memory: &mut Memory<'_>, record: &[u8]) -> Result<(), Unreadable> {
    let mut fields = Fields(record);
    let kind = fields.octet()?;
    match kind {
        0x01..=0x08 => {
            let index = fields.index()?;
            let entry = memory.registry.get_mut(index.slot()).ok_or(Unreadable)?;
            match kind {
                0x01 => *entry = entry_fields(&mut fields)?,
                0x02 => remove(memory, index, fields.flag()?),
                0x03 => entry.state = fields.octet()?,
                0x04 => entry.privileges = fields.privileges()?,
                0x05 => entry.domain = fields.index()?,
                0x06 => entry.restrict = fields.octet()?,
                0x07 => entry.confirmation = fields.number()?,
                _ => entry.aid = fields.aid()?,
            }
        }
        0x09..=0x0C => {
            let slot = fields.slot()?;
            let slot = memory.keys.get_mut(slot).ok_or(Unreadable)?;
            match kind {
                0x09 => {
                    slot.wipe();
                    slot.owner = fields.optional()?;
                    let [version, id, component, part, of_kind] = fields.array()?;
                    (slot.version, slot.id, slot.component, slot.part, slot.kind) =
                        (version, id, component, part, of_kind);
                    slot.usage = fields.number()?;
                    slot.access = fields.octet()?;
                    slot.length = fields.number()?;
                    slot.sequence = SequenceCounter::new(fields.array()?);
                    slot.failures = fields.octet()?;
                    let length = slot.value().len().min(keys::PART);
                    let octets = fields.octets(length)?;
                    slot.octets.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
                }
                0x0A => slot.wipe(),
                0x0B => slot.sequence = SequenceCounter::new(fields.array()?),
                _ => slot.failures = fields.octet()?,
            }
        }
        0x0D | 0x0E => {
            let slot = fields.slot()?;
            let slot = memory.objects.get_mut(slot).ok_or(Unreadable)?;
            *slot = ObjectSlot::FREE;
            if kind == 0x0D {
                slot.owner = fields.optional()?;
                slot.tag = fields.number()?;
                slot.part = fields.octet()?;
                let octets = fields.octets(fields.0.len())?;
                slot.length = u8::try_from(octets.len()).map_err(|_| Unreadable)?;
                slot.octets.get_mut(..octets.len()).ok_or(Unreadable)?.copy_from_slice(octets);
            }
        }
        0x0F => {
            let top = fields.index()?;
            memory.registry.get(top.slot()).ok_or(Unreadable)?;
            lock_tree(memory.registry, top, fields.flag()?);
        }
        0x10 => {
            let owner = Some(fields.index()?);
            let version = fields.flag()?.then_some(fields.octet()?);
            let id = fields.flag()?.then_some(fields.octet()?);
            let wanted = DeleteKeys { id, version };
            let doomed = |slot: &&mut KeySlot| slot.owner == owner && !slot.pending;
            let doomed = memory.keys.iter_mut().filter(doomed).filter(|slot| wanted.matches(slot.version, slot.id));
            doomed.for_each(KeySlot::wipe);
        }
        _ => return Err(Unreadable),
    }
    fields.end()
}

/// Frees what goes with `target`, and all that it kept.
fn remove(memory: &mut Memory<'_>, target: Index, related: bool) {
    for (index, entry) in (0_u16..).map(Index).zip(memory.registry.iter_mut()) {
        if entry.goes_with(index, target, related) {
            *entry = RegistryEntry::FREE;
            memory.keys.iter_mut().filter(|slot| slot.owner == Some(index)).for_each(KeySlot::wipe);
            let kept = memory.objects.iter_mut().filter(|slot| slot.owner == Some(index));
            kept.for_each(|slot| *slot = ObjectSlot::FREE);
        }
    }
}

/// Locks or unlocks a tree; who is so already stays as it is.
fn lock_tree(registry: &mut [RegistryEntry], top: Index, lock: bool) {
    for slot in 0..registry.len() {
        let Ok(index) = u16::try_from(slot).map(Index) else { return };
        let changes = registry
            .entry(index)
            .is_some_and(|entry| entry.is_application() && entry.is_locked() != lock && registry.is_below(index, top));
        if let Some(entry) = registry.get_mut(slot).filter(|_| changes) {
            entry.state ^= LOCK;
        }
    }
}

/// Everything that lasts, as changes of an empty memory: what a snapshot holds.
pub(crate) fn snapshot<'m>(memory: &'m Memory<'_>) -> impl Iterator<Item = Change<'m>> {
    let entries = (0_u16..).map(Index).zip(memory.registry.iter());
    let entries = entries.filter(|(_, entry)| entry.occupant != Occupant::Free && !entry.pending);
    let keys = memory.keys.iter().enumerate().filter(|(_, slot)| slot.owner.is_some() && !slot.pending);
    let objects = memory.objects.iter().enumerate().filter(|(_, slot)| slot.owner.is_some());
    entries
        .map(|(index, entry)| Change::Entry(index, entry))
        .chain(keys.map(|(at, slot)| Change::Key(at, slot)))
        .chain(objects.map(|(at, slot)| Change::Object(at, slot)))
}
