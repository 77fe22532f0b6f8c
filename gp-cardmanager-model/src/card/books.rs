//! What lasts, and the only way in which it changes: check, log, apply.

use gp_apdu::StatusWord;
use zeroize::Zeroize;

use crate::card::log::{Log, LogError, Sink};
use crate::card::platform::Memory;
use crate::card::registry::{Index, Registry};
use crate::card::storage::Storage;
use crate::card::transaction::{Change, MAX_RECORD, apply, snapshot};
use crate::lifecycle::CardLifeCycle;

/// What must stay free in a storage slot of this capacity beside the snapshot, in octets: room for one more change, so that even
/// a full card can delete; and room for counters, so that even a full card erases a slot only once in a while, whoever makes it
/// count.
pub(super) fn reserve(capacity: u32) -> u32 {
    (capacity / 16).max(128)
}

/// Says the changes of one command, one after the other, the same each time it is called.
pub(super) type Changes<'c, 'm> = dyn Fn(&Memory<'m>, &mut dyn FnMut(Change<'_>)) + 'c;

/// The memory, and the log that it can be made from again: what of a card is lent to an application that works.
pub(super) struct Books<'c, 'm, S: Storage> {
    pub(super) memory: &'c mut Memory<'m>,
    pub(super) log: &'c mut Log<S>,
    /// The storage failed in the middle of something: nothing is certain until the next start.
    pub(super) mute: &'c mut bool,
}

impl<'m, S: Storage> Books<'_, 'm, S> {
    /// The card life cycle state (GPCS 5.1).
    pub(super) fn life_cycle(&self) -> CardLifeCycle {
        life_cycle(self.memory)
    }

    /// Writes changes as one group and applies them: all or none, whatever happens to the power. `changes` may be called
    /// more than once and must say the same each time.
    pub(super) fn commit(&mut self, changes: &Changes<'_, 'm>) -> Result<(), StatusWord> {
        self.write(changes)?;
        self.take_effect()
    }

    /// The first half of [`commit`](Self::commit): the changes are certain, but the memory is still as before. Compiled
    /// once, whatever changes.
    pub(super) fn write(&mut self, changes: &Changes<'_, 'm>) -> Result<(), StatusWord> {
        let memory = &*self.memory;
        // What grows the card must leave room in a slot for the snapshot of all of it and for one more change.
        let mut grown = 0_u32;
        changes(memory, &mut |change| {
            let here = replaced(memory, &change).map_or(0, |before| before.growth());
            grown = grown.saturating_add(change.growth().saturating_sub(here));
        });
        if grown > 0 && used(memory, grown.saturating_add(reserve(self.log.capacity()))) > self.log.capacity() {
            return Err(StatusWord::NOT_ENOUGH_MEMORY);
        }
        let emit = |sink: &mut Sink<'_>| {
            changes(memory, &mut |change| {
                let mut record = [0; MAX_RECORD];
                let length = change.encode(&mut record);
                sink.record(record.get(..length).unwrap_or_default());
                record.zeroize();
            });
        };
        let mut written = self.log.append(emit);
        if matches!(written, Err(LogError::Full)) {
            written = self.log.compact(|sink| write_snapshot(memory, sink)).and_then(|()| self.log.append(emit));
        }
        match written {
            Ok(()) => Ok(()),
            Err(LogError::Full | LogError::TooLong) => Err(StatusWord::NOT_ENOUGH_MEMORY),
            Err(_) => {
                *self.mute = true;
                Err(StatusWord::MEMORY_FAILURE)
            }
        }
    }

    /// The second half: what was written is read back and applied.
    pub(super) fn take_effect(&mut self) -> Result<(), StatusWord> {
        let memory = &mut *self.memory;
        let mut readable = true;
        let read = self.log.replay_last(|record| readable &= apply(memory, record).is_ok());
        if read.is_err() || !readable {
            *self.mute = true;
            return Err(StatusWord::MEMORY_FAILURE);
        }
        Ok(())
    }
}

/// The key that another one takes the place of: what the snapshot has of it now.
fn replaced<'k>(memory: &'k Memory<'_>, change: &Change<'_>) -> Option<Change<'k>> {
    let Change::Key(at, _) = *change else { return None };
    let there = memory.keys.get(at).filter(|slot| slot.owner.is_some() && !slot.pending);
    there.map(|slot| Change::Key(at, slot))
}

/// The card life cycle state (GPCS 5.1): the ISD's.
pub(super) fn life_cycle(memory: &Memory<'_>) -> CardLifeCycle {
    let octet = memory.registry.entry(Index::ISD).map_or(0xFF, |entry| entry.state);
    CardLifeCycle::from_octet(octet).unwrap_or(CardLifeCycle::Terminated)
}

/// Octets of the snapshot of all there is, and of what else has to fit beside it.
pub(super) fn used(memory: &Memory<'_>, beside: u32) -> u32 {
    snapshot(memory).fold(beside, |used, change| used.saturating_add(change.growth()))
}

pub(super) fn write_snapshot(memory: &Memory<'_>, sink: &mut Sink<'_>) {
    for change in snapshot(memory) {
        let mut record = [0; MAX_RECORD];
        let length = change.encode(&mut record);
        sink.record(record.get(..length).unwrap_or_default());
        record.zeroize();
    }
}
