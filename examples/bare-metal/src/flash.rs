//! The card's medium: two slots of memory that behave like flash, with a fuse that cuts the power.

use gp_cardmanager_model::card::storage::{RamError, RamStorage, Slot, Storage};

/// Octets of a slot.
pub const SLOT: usize = 2048;

/// Why the medium failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlashError {
    /// The power is off.
    Off,
    /// What no flash would have done.
    Misused(RamError),
}

impl From<RamError> for FlashError {
    fn from(error: RamError) -> Self {
        Self::Misused(error)
    }
}

/// The medium. It outlives the card: a second card over it finds what the first one left.
#[derive(Debug)]
pub struct Flash {
    a: [u8; SLOT],
    b: [u8; SLOT],
    /// How many more times something is written before the power fails.
    fuse: Option<u32>,
    off: bool,
}

impl Flash {
    /// A medium that is erased.
    #[must_use]
    pub const fn new() -> Self {
        Self { a: [0xFF; SLOT], b: [0xFF; SLOT], fuse: None, off: false }
    }

    /// The power fails in the middle of a write, after so many whole ones.
    pub const fn cut_after(&mut self, writes: u32) {
        self.fuse = Some(writes);
    }

    /// The power is back. Did it fail?
    pub const fn power_on(&mut self) -> bool {
        let was_off = self.off;
        self.off = false;
        self.fuse = None;
        was_off
    }

    /// As from the factory.
    pub fn wipe(&mut self) {
        self.a.fill(0xFF);
        self.b.fill(0xFF);
        self.power_on();
    }

    const fn ram(&mut self) -> Result<RamStorage<'_>, FlashError> {
        if self.off { Err(FlashError::Off) } else { Ok(RamStorage::new(&mut self.a, &mut self.b)) }
    }

    /// Does the fuse blow now?
    const fn blows(&mut self) -> bool {
        match &mut self.fuse {
            Some(0) => {
                self.off = true;
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }
}

impl Default for Flash {
    fn default() -> Self {
        Self::new()
    }
}

impl Storage for Flash {
    type Error = FlashError;
    const UNIT: usize = 16;

    fn slot_size(&self) -> u32 {
        SLOT as u32
    }

    fn read(&mut self, slot: Slot, at: u32, out: &mut [u8]) -> Result<(), FlashError> {
        Ok(self.ram()?.read(slot, at, out)?)
    }

    fn erase(&mut self, slot: Slot) -> Result<(), FlashError> {
        if self.blows() {
            return Err(FlashError::Off);
        }
        Ok(self.ram()?.erase(slot)?)
    }

    fn program(&mut self, slot: Slot, at: u32, unit: &[u8]) -> Result<(), FlashError> {
        if !self.off && self.blows() {
            // Half of the unit has been written when the power is gone.
            let octets = match slot {
                Slot::A => &mut self.a,
                Slot::B => &mut self.b,
            };
            let half = unit.len() / 2;
            octets.iter_mut().skip(at as usize).zip(&unit[..half]).for_each(|(to, from)| *to = *from);
        }
        Ok(self.ram()?.program(slot, at, unit)?)
    }
}
