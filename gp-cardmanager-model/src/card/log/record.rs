//! Records on their way to the medium and back.
//!
//! ```text
//! +--------+---------------------+--------+-----
//! | length | record, 1..=255     | length | ...        one length octet in front of each record
//! +--------+---------------------+--------+-----
//! ```

use super::medium::{Medium, Unit};
use super::{Crc, LogError};
use crate::card::storage::{Slot, Storage};
use zeroize::Zeroizing;

/// Longest record, in octets.
const MAX_RECORD: usize = 255;

/// Takes the records of a change or of a snapshot, in order.
pub(crate) struct Sink<'a>(&'a mut dyn FnMut(&[u8]));

impl Sink<'_> {
    /// Adds a record of 1 to 255 octets. An error is kept, and ends the whole write.
    pub(crate) fn record(&mut self, record: &[u8]) {
        (self.0)(record);
    }
}

/// The first pass: octets that the records of `emit` take with their lengths, or `None` when one has an illegal length.
pub(super) fn measure(emit: &mut impl FnMut(&mut Sink<'_>)) -> Option<u32> {
    let mut octets = Some(0_u32);
    emit(&mut Sink(&mut |record| {
        let length = u8::try_from(record.len()).ok().filter(|&length| length != 0);
        octets = octets.zip(length).map(|(octets, length)| octets.saturating_add(u32::from(length)).saturating_add(1));
    }));
    octets
}

/// The second pass: octets become units, and each unit is programmed when it is full.
pub(super) struct Writer<'w, S: Storage> {
    medium: &'w mut Medium<S>,
    slot: Slot,
    at: u32,
    unit: Unit,
    filled: usize,
    crc: Crc,
    /// Octets of records still to come, by the first pass.
    left: u32,
    error: Option<LogError<S::Error>>,
}

impl<'w, S: Storage> Writer<'w, S> {
    /// Writes from `at` on, with `left` octets of records to come.
    pub(super) fn new(medium: &'w mut Medium<S>, slot: Slot, at: u32, crc: Crc, left: u32) -> Self {
        Self { medium, slot, at, unit: Unit::new::<S>(), filled: 0, crc, left, error: None }
    }

    /// One octet, into the checksum and the unit.
    fn push(&mut self, octet: u8) {
        self.crc.octet(octet);
        if let Some(place) = self.unit.octets_mut().get_mut(self.filled) {
            *place = octet;
        }
        self.filled = self.filled.saturating_add(1);
        if self.filled == S::UNIT {
            if self.error.is_none() {
                self.error = self.medium.program(self.slot, self.at, &self.unit).err();
            }
            self.at = self.at.saturating_add(Medium::<S>::unit());
            self.filled = 0;
        }
    }

    /// Octets that are no records.
    pub(super) fn octets(&mut self, octets: &[u8]) {
        octets.iter().for_each(|&octet| self.push(octet));
    }

    /// The records of `emit`.
    pub(super) fn records(&mut self, emit: &mut impl FnMut(&mut Sink<'_>)) {
        emit(&mut Sink(&mut |record| {
            let length = u8::try_from(record.len()).unwrap_or(0);
            match self.left.checked_sub(u32::from(length).saturating_add(1)) {
                Some(left) if length != 0 => {
                    self.left = left;
                    self.push(length);
                    self.octets(record);
                }
                // Not what the first pass announced.
                _ => self.error = self.error.take().or(Some(LogError::Dead)),
            }
        }));
    }

    /// `FF` until `room` octets are left in the unit; with 0, until the unit is full, and nothing if none is begun.
    pub(super) fn pad(&mut self, room: usize) {
        while self.filled.saturating_add(room).checked_rem(S::UNIT) != Some(0) {
            self.push(0xFF);
        }
    }

    /// The checksum up to here.
    pub(super) const fn crc(&self) -> Crc {
        self.crc
    }

    /// What went wrong up to here, if anything did.
    ///
    /// Called before the octets that make the write valid: what was announced is there.
    pub(super) fn check(&mut self) -> Result<(), LogError<S::Error>> {
        match self.error.take() {
            Some(error) => Err(error),
            None if self.left != 0 => Err(LogError::Dead),
            None => Ok(()),
        }
    }
}

/// The way back: octets become records again.
pub(super) struct Frames {
    record: Zeroizing<[u8; MAX_RECORD]>,
    /// Length of the record under way; 0 between records.
    length: usize,
    filled: usize,
    illegal: bool,
}

impl Frames {
    pub(super) fn new() -> Self {
        Self { record: Zeroizing::new([0; MAX_RECORD]), length: 0, filled: 0, illegal: false }
    }

    /// Takes one octet; the last one of a record hands the record out.
    pub(super) fn push(&mut self, octet: u8, each: &mut dyn FnMut(&[u8])) {
        if self.length == 0 {
            self.length = usize::from(octet);
            self.filled = 0;
            self.illegal |= octet == 0;
            return;
        }
        if let Some(place) = self.record.get_mut(self.filled) {
            *place = octet;
        }
        self.filled = self.filled.saturating_add(1);
        if self.filled == self.length {
            if let Some(record) = self.record.get(..self.length) {
                each(record);
            }
            self.length = 0;
        }
    }

    /// Whether the octets were whole records.
    pub(super) const fn is_whole(&self) -> bool {
        self.length == 0 && !self.illegal
    }
}
