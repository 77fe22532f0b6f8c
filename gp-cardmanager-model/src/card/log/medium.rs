//! The storage, read octet by octet and programmed unit by unit, with its operations counted.

use super::LogError;
use crate::card::storage::{MAX_UNIT, Slot, Storage};
use zeroize::Zeroizing;

/// Room for one unit; wiped when dropped, because keys pass through it.
pub(super) struct Unit {
    octets: Zeroizing<[u8; MAX_UNIT]>,
    size: usize,
}

impl Unit {
    /// A unit of the storage `S`, all `FF`.
    pub(super) fn new<S: Storage>() -> Self {
        Self { octets: Zeroizing::new([0xFF; MAX_UNIT]), size: S::UNIT }
    }

    /// Its octets.
    pub(super) fn octets(&self) -> &[u8] {
        self.octets.get(..self.size).unwrap_or(&[])
    }

    /// Its octets, to change.
    pub(super) fn octets_mut(&mut self) -> &mut [u8] {
        self.octets.get_mut(..self.size).unwrap_or(&mut [])
    }
}

/// A storage and the count of what was done to it.
pub(super) struct Medium<S> {
    pub(super) storage: S,
    pub(super) erases: u32,
    pub(super) programs: u32,
}

impl<S: Storage> Medium<S> {
    pub(super) const fn new(storage: S) -> Self {
        Self { storage, erases: 0, programs: 0 }
    }

    /// Octets of one unit.
    pub(super) fn unit() -> u32 {
        u32::try_from(S::UNIT).unwrap_or(u32::MAX)
    }

    /// Octets of as many units as hold `octets`.
    pub(super) fn whole_units(octets: u32) -> u32 {
        octets.div_ceil(Self::unit()).saturating_mul(Self::unit())
    }

    /// Octets of the whole units of a slot.
    pub(super) fn size(&self) -> u32 {
        self.storage.slot_size().checked_div(Self::unit()).unwrap_or(0).saturating_mul(Self::unit())
    }

    /// Reads one unit.
    pub(super) fn read(&mut self, slot: Slot, at: u32, unit: &mut Unit) -> Result<(), LogError<S::Error>> {
        self.storage.read(slot, at, unit.octets_mut()).map_err(LogError::Storage)
    }

    /// Reads `count` octets, whole units, and hands out each of them with its distance from `at`.
    pub(super) fn for_each(
        &mut self,
        slot: Slot,
        at: u32,
        count: u32,
        mut each: impl FnMut(u32, u8),
    ) -> Result<(), LogError<S::Error>> {
        let mut unit = Unit::new::<S>();
        let mut distance = 0_u32;
        while distance < count {
            self.read(slot, at.saturating_add(distance), &mut unit)?;
            for (position, &octet) in (distance..).zip(unit.octets()) {
                each(position, octet);
            }
            distance = distance.saturating_add(Self::unit());
        }
        Ok(())
    }

    /// Whether the slot reads `FF` from `at` to its end.
    pub(super) fn is_erased_from(&mut self, slot: Slot, at: u32) -> Result<bool, LogError<S::Error>> {
        let mut erased = true;
        self.for_each(slot, at, self.size().saturating_sub(at), |_, octet| erased &= octet == 0xFF)?;
        Ok(erased)
    }

    pub(super) fn erase(&mut self, slot: Slot) -> Result<(), LogError<S::Error>> {
        self.erases = self.erases.saturating_add(1);
        self.storage.erase(slot).map_err(LogError::Storage)
    }

    pub(super) fn program(&mut self, slot: Slot, at: u32, unit: &Unit) -> Result<(), LogError<S::Error>> {
        self.programs = self.programs.saturating_add(1);
        self.storage.program(slot, at, unit.octets()).map_err(LogError::Storage)
    }
}
