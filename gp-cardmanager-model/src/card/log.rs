//! The card's state on a medium that may lose power at any moment: a snapshot and the changes since, in one of two
//! slots.
//!
//! # The guarantee
//!
//! The log keeps *records*, 1 to 255 octets each, whose meaning is the card's business. It changes in two ways:
//!
//! * [`Log::append`] adds a *group* of records: all of them, or none.
//! * [`Log::compact`] puts a *snapshot*, the records the card gives, in the place of all the records before.
//!
//! [`Log::open`] gives back the snapshot's records and those of every group since, in order. An operation that
//! answered `Ok` is there. One that was cut, at any read, erase or program and with any part of that step done, is
//! there whole or not at all; the next `open` decides which, and later ones agree. Operations that answer
//! [`LogError::Full`], [`LogError::TooLong`] or [`LogError::Exhausted`] leave the medium untouched. No content of a
//! record is ever taken for the frame of another, whatever is cut where: nothing searches the medium.
//!
//! For a group this is certain when a torn unit holds its first octets and is erased behind them, which includes all
//! and nothing. For other torn content, and for headers, it is as good as a CRC-32: one in 4,294,967,296. A CRC is no
//! signature: whoever chooses the content of records *and* which bits a cut leaves out could make one that passes.
//! Where that matters, the storage has to authenticate its units.
//!
//! *Damage* is what no cut explains, such as a bit that flips later. The log never answers it with records that nobody
//! wrote. A damaged header has a copy; a damaged snapshot, or a damaged group with others behind it, is
//! [`LogError::Corrupt`]; behind the last group nothing is lost. What cannot be told from a cut is undone like one: a
//! damaged last group, and the groups within the length that a damaged length states.
//!
//! # Format
//!
//! ```text
//! slot    +--------+--------+------------------+-------+-------+-----+-----------+
//!         | header | header | snapshot, padded | group | group | ... | erased FF |
//!         | unit 0 | unit 1 | with FF          |       |       |     |           |
//!         +--------+--------+------------------+-------+-------+-----+-----------+
//!
//! group   +--------+----------------+--------+----------+---------------------------------+
//!         | length | records,       | FF ... | sequence | CRC-32 of generation (u32)      |
//!         | u16    | length octets  |        | u16      | and all octets in front         |
//!         +--------+----------------+--------+----------+---------------------------------+
//!          start of a unit                    6 octets, end of a unit
//! ```
//!
//! Numbers are big-endian; a length counts the records with their length octets (see `record.rs`, and `header.rs` for
//! the header). The sequence counts the groups behind one snapshot from 0. A group of at most `UNIT - 8` octets is one
//! unit, so a counter costs one program operation.
//!
//! # Why it holds
//!
//! * **A snapshot is valid when its header is**, and both copies of the header are programmed last, one after the
//!   other. Until then the other slot is the state; from then on the higher generation wins. The first copy makes the
//!   change, the second only stands by.
//! * **A group is valid when its last unit is**, which is programmed last. Where that is follows from the length at
//!   its start: nothing ever searches for the end of a group, so content that looks like one is never looked at.
//!   Programming clears bits, so the length in a cut first unit is the true one or a larger one, and what is behind it
//!   is erased. Sequence `FFFF` is not used, so an erased end is none. A last unit cut at some octet has no valid
//!   sequence, or differs from the whole one in its checksum alone.
//! * **Nothing is written behind a cut group.** What follows it could be taken for a part of it; so the next change
//!   finds the log full, and the card compacts first. That costs one erase for a cut in the middle of a write.
//!
//! # Keeping room
//!
//! A full log stays usable only if its snapshot and a group fit into a slot together: otherwise not even a deletion
//! can be recorded. The card has to see to it, with [`Log::capacity`], before it accepts more than that.

mod header;
mod medium;
mod record;
#[cfg(test)]
mod tests;

use super::storage::{MAX_UNIT, Slot, Storage};
use crate::card::crc::Crc;
use core::fmt;
use header::Header;
use medium::{Medium, Unit};
pub(crate) use record::Sink;
use record::{Frames, Writer, measure};

/// The sequence number that is not used: it reads like erased units.
const NO_SEQUENCE: u16 = 0xFFFF;
/// Largest length of a group.
const MAX_GROUP: u16 = 0xFFFE;
/// Octets of a group that are not records: length, sequence, checksum.
const GROUP_OVERHEAD: u32 = 8;
/// Octets behind the records: sequence and checksum.
const TRAILER: usize = 6;

/// What may be written next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// No snapshot yet: a snapshot.
    Fresh,
    /// Anything.
    Clean,
    /// What a cut left is at the end: a snapshot.
    Dirty,
    /// Nothing: a write failed.
    Dead,
}

/// Why the records could not be read or written; `E` is the [`Storage`]'s own error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LogError<E> {
    /// The medium failed.
    Storage(E),
    /// It does not fit, or a snapshot has to come first. Nothing was written.
    Full,
    /// The medium holds what no power cut explains. The state is not to be trusted.
    Corrupt,
    /// A record does not have 1 to 255 octets, or the records of a group take more than 65,534 with their lengths.
    /// Nothing was written.
    TooLong,
    /// A write failed, or gave other records than it announced. The log writes nothing more until it is opened again.
    Dead,
    /// The medium was compacted 4,294,967,294 times, which is as far as it counts. Nothing was written.
    Exhausted,
}

/// A place for a group.
#[derive(Clone, Copy, Debug)]
struct Group {
    at: u32,
    end: u32,
    /// Octets of the records with their lengths.
    length: u16,
    sequence: u16,
}

/// The records on a [`Storage`], and how they change.
pub(crate) struct Log<S: Storage> {
    medium: Medium<S>,
    slot: Slot,
    /// 0 while fresh.
    generation: u32,
    /// Where the next group goes.
    end: u32,
    /// Its sequence number.
    sequence: u16,
    /// What the last `append` added.
    last: Option<Group>,
    state: State,
}

impl<S: Storage> Log<S> {
    /// Reads the medium and hands out each record of its state, in order.
    ///
    /// The answer's second half says whether the medium is fresh: without a valid slot, such as an erased one. It then
    /// gives no records, and takes none before its first snapshot.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] for damage that no cut explains, and what the storage reports. Records handed out before
    /// are then void.
    pub(crate) fn open(storage: S, mut each: impl FnMut(&[u8])) -> Result<(Self, bool), LogError<S::Error>> {
        const { assert!(S::UNIT >= 16 && S::UNIT <= MAX_UNIT && S::UNIT % 8 == 0, "an illegal program unit") };
        // The slot behind no generation is B, so that the first snapshot goes to A.
        let medium = Medium::new(storage);
        let mut log =
            Self { medium, slot: Slot::B, generation: 0, end: 0, sequence: 0, last: None, state: State::Fresh };
        let header = match (log.header(Slot::A)?, log.header(Slot::B)?) {
            (None, None) => return Ok((log, true)),
            (Some(a), Some(b)) if a.generation == b.generation => return Err(LogError::Corrupt),
            (a, b) if a.map(|a| a.generation) > b.map(|b| b.generation) => {
                log.slot = Slot::A;
                a
            }
            (_, b) => b,
        }
        .ok_or(LogError::Corrupt)?;
        log.generation = header.generation;
        log.read_snapshot(header, &mut each)?;
        while log.read_next(&mut each)? {}
        log.state = if log.medium.is_erased_from(log.slot, log.end)? { State::Clean } else { State::Dirty };
        Ok((log, false))
    }

    /// Octets for the snapshot and the groups of one slot. The records of a snapshot take their octets and one more
    /// each, rounded up to units together; so do those of a group, with 8 more.
    #[must_use]
    pub(crate) fn capacity(&self) -> u32 {
        self.medium.size().saturating_sub(Self::snapshot_start())
    }

    /// Slots erased since this log was opened.
    #[must_use]
    pub(crate) const fn erases(&self) -> u32 {
        self.medium.erases
    }

    /// Units programmed since this log was opened.
    #[must_use]
    pub(crate) const fn programs(&self) -> u32 {
        self.medium.programs
    }

    /// Adds a group: the records that `emit` gives, all or none. Without a record, nothing happens.
    ///
    /// `emit` is called twice, first to measure, and gives the same records both times.
    ///
    /// # Errors
    /// [`LogError::Full`] when it does not fit or a snapshot has to come first: [`compact`](Self::compact) and try
    /// again. [`LogError::TooLong`], [`LogError::Dead`], and what the storage reports, after which the log is dead.
    pub(crate) fn append(&mut self, mut emit: impl FnMut(&mut Sink<'_>)) -> Result<(), LogError<S::Error>> {
        self.append_records(&mut emit)
    }

    /// Compiled once, whatever is appended: a card does so in many places.
    fn append_records(&mut self, mut emit: &mut dyn FnMut(&mut Sink<'_>)) -> Result<(), LogError<S::Error>> {
        if self.state == State::Dead {
            return Err(LogError::Dead);
        }
        let octets = measure(&mut emit).ok_or(LogError::TooLong)?;
        let length = u16::try_from(octets).ok().filter(|&length| length <= MAX_GROUP).ok_or(LogError::TooLong)?;
        self.last = None;
        if length == 0 {
            return Ok(());
        }
        let group = self.group(length).filter(|_| self.state == State::Clean).ok_or(LogError::Full)?;

        // Dead until the last unit is programmed: any way out before leaves it so.
        self.state = State::Dead;
        let crc = Crc::new().octets(&self.generation.to_be_bytes());
        let mut writer = Writer::new(&mut self.medium, self.slot, self.end, crc, octets);
        writer.octets(&length.to_be_bytes());
        writer.records(&mut emit);
        writer.pad(TRAILER);
        writer.check()?;
        writer.octets(&self.sequence.to_be_bytes());
        writer.octets(&writer.crc().value().to_be_bytes());
        writer.check()?;
        self.end = group.end;
        self.sequence = self.sequence.saturating_add(1);
        self.last = Some(group);
        self.state = State::Clean;
        Ok(())
    }

    /// Puts a snapshot, the records that `emit` gives, in the place of all records before.
    ///
    /// `emit` is called twice, first to measure, and gives the same records both times.
    ///
    /// # Errors
    /// [`LogError::Full`] when a slot is too small for it, [`LogError::TooLong`], [`LogError::Exhausted`],
    /// [`LogError::Dead`], and what the storage reports, after which the log is dead.
    pub(crate) fn compact(&mut self, mut emit: impl FnMut(&mut Sink<'_>)) -> Result<(), LogError<S::Error>> {
        if self.state == State::Dead {
            return Err(LogError::Dead);
        }
        let length = measure(&mut emit).ok_or(LogError::TooLong)?;
        let end = self.end_of_snapshot(length).ok_or(LogError::Full)?;
        let generation = self.generation.saturating_add(1);
        if generation > Header::LAST {
            return Err(LogError::Exhausted);
        }

        self.state = State::Dead;
        let slot = self.slot.other();
        self.medium.erase(slot)?;
        let mut writer = Writer::new(&mut self.medium, slot, Self::snapshot_start(), Crc::new(), length);
        writer.records(&mut emit);
        writer.pad(0);
        writer.check()?;
        let crc = writer.crc().value();
        let header = Header { generation, length, crc }.emit::<S>();
        self.medium.program(slot, 0, &header)?;
        self.medium.program(slot, Medium::<S>::unit(), &header)?;
        (self.slot, self.generation, self.end, self.sequence) = (slot, generation, end, 0);
        self.last = None;
        self.state = State::Clean;
        Ok(())
    }

    /// Reads the group that the last [`append`](Self::append) added back from the medium and hands out its records:
    /// what the card then applies is what it will find at its next start. Without a group since the medium was opened
    /// or compacted, or when the last one was empty, there is nothing.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] when the medium did not keep the group, [`LogError::Dead`], and what the storage reports.
    /// The log is dead then.
    pub(crate) fn replay_last(&mut self, mut each: impl FnMut(&[u8])) -> Result<(), LogError<S::Error>> {
        if self.state == State::Dead {
            return Err(LogError::Dead);
        }
        let Some(group) = self.last else { return Ok(()) };
        let state = core::mem::replace(&mut self.state, State::Dead);
        if !self.read_group(group, &mut each)? {
            return Err(LogError::Corrupt);
        }
        self.state = state;
        Ok(())
    }

    /// Octets in front of the snapshot: the header and its copy.
    fn snapshot_start() -> u32 {
        Medium::<S>::unit().saturating_mul(2)
    }

    /// Where a snapshot with `length` octets of records ends, if it fits.
    fn end_of_snapshot(&self, length: u32) -> Option<u32> {
        let end = Self::snapshot_start().saturating_add(Medium::<S>::whole_units(length));
        (end <= self.medium.size()).then_some(end)
    }

    /// The group with `length` octets of records that may be at the end, if it fits.
    fn group(&self, length: u16) -> Option<Group> {
        let octets = u32::from(length).saturating_add(GROUP_OVERHEAD);
        let end = self.end.saturating_add(Medium::<S>::whole_units(octets));
        let legal = (1..=MAX_GROUP).contains(&length) && self.sequence != NO_SEQUENCE;
        let group = Group { at: self.end, end, length, sequence: self.sequence };
        (legal && end <= self.medium.size()).then_some(group)
    }

    /// The header of a slot: the first valid one of its two copies.
    fn header(&mut self, slot: Slot) -> Result<Option<Header>, LogError<S::Error>> {
        if self.medium.size() < Self::snapshot_start() {
            return Ok(None);
        }
        let mut unit = Unit::new::<S>();
        for at in [0, Medium::<S>::unit()] {
            self.medium.read(slot, at, &mut unit)?;
            if let Some(header) = Header::parse::<S>(&unit) {
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// Hands out the records of the snapshot, once all of it is verified.
    fn read_snapshot(&mut self, header: Header, each: &mut dyn FnMut(&[u8])) -> Result<(), LogError<S::Error>> {
        let start = Self::snapshot_start();
        self.end = self.end_of_snapshot(header.length).ok_or(LogError::Corrupt)?;
        let count = self.end.saturating_sub(start);
        let mut crc = Crc::new();
        self.medium.for_each(self.slot, start, count, |_, octet| crc.octet(octet))?;
        if crc.value() != header.crc {
            return Err(LogError::Corrupt);
        }
        // The medium is read again: it may have changed its mind, so this is verified as well.
        let mut crc = Crc::new();
        let mut frames = Frames::new();
        self.medium.for_each(self.slot, start, count, |position, octet| {
            crc.octet(octet);
            if position < header.length {
                frames.push(octet, each);
            }
        })?;
        if crc.value() == header.crc && frames.is_whole() { Ok(()) } else { Err(LogError::Corrupt) }
    }

    /// Hands out the records of the group at the end and steps over it, if there is a whole one.
    fn read_next(&mut self, each: &mut dyn FnMut(&[u8])) -> Result<bool, LogError<S::Error>> {
        let behind_first = self.end.saturating_add(Medium::<S>::unit());
        if behind_first > self.medium.size() {
            return Ok(false);
        }
        let mut first = Unit::new::<S>();
        self.medium.read(self.slot, self.end, &mut first)?;
        if first.octets().iter().all(|&octet| octet == 0xFF) {
            return Ok(false);
        }
        let length = first.octets().first_chunk().copied().map_or(0, u16::from_be_bytes);
        let group = self.group(length);
        if let Some(group) = group
            && self.read_group(group, each)?
        {
            self.end = group.end;
            self.sequence = self.sequence.saturating_add(1);
            return Ok(true);
        }
        // A cut leaves nothing behind the group it cut, nor behind a first unit without a usable length.
        let end = group.map_or(behind_first, |group| group.end);
        if self.medium.is_erased_from(self.slot, end)? { Ok(false) } else { Err(LogError::Corrupt) }
    }

    /// Hands out the records of the group, once all of it is verified; otherwise says `false`.
    fn read_group(&mut self, group: Group, each: &mut dyn FnMut(&[u8])) -> Result<bool, LogError<S::Error>> {
        if !self.scan_group(group, |_| {})? {
            return Ok(false);
        }
        // As for the snapshot: read again, verified again.
        let mut frames = Frames::new();
        let whole = self.scan_group(group, |octet| frames.push(octet, each))?;
        if whole && frames.is_whole() { Ok(true) } else { Err(LogError::Corrupt) }
    }

    /// Reads a group, hands out the octets of its records and says whether its checksum holds.
    fn scan_group(&mut self, group: Group, mut each: impl FnMut(u8)) -> Result<bool, LogError<S::Error>> {
        let count = group.end.saturating_sub(group.at);
        let checked = count.saturating_sub(4);
        let records = 2..u32::from(group.length).saturating_add(2);
        let mut crc = Crc::new().octets(&self.generation.to_be_bytes());
        let mut trailer = 0_u64;
        self.medium.for_each(self.slot, group.at, count, |position, octet| {
            if position < checked {
                crc.octet(octet);
            }
            if records.contains(&position) {
                each(octet);
            }
            trailer = trailer << 8 | u64::from(octet);
        })?;
        // The last six octets are sequence and checksum.
        let expected = u64::from(group.sequence) << 32 | u64::from(crc.value());
        Ok(trailer & 0xFFFF_FFFF_FFFF == expected)
    }
}

// Numbers only: the records hold keys.
impl<S: Storage> fmt::Debug for Log<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("state", &self.state)
            .field("slot", &self.slot)
            .field("generation", &self.generation)
            .field("end", &self.end)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}
