//! The medium a card keeps its state on: two slots that are erased whole and programmed in units.
//!
//! ```text
//!           slot A                           slot B
//! +------+------+-----+------+    +------+------+-----+------+
//! | unit | unit | ... | unit |    | unit | unit | ... | unit |     slot_size() octets each
//! +------+------+-----+------+    +------+------+-----+------+
//!    ^ UNIT octets: programmed once, then only erased with the whole slot
//! ```
//!
//! A port implements [`Storage`] over two flash regions (a region may be many sectors), two files or an EEPROM.
//! What the card writes there holds its keys in the clear: a medium that others can read needs a `Storage` that
//! encrypts.

use core::fmt;

/// Largest program unit a card works with, in octets.
pub const MAX_UNIT: usize = 64;

/// One of the two slots.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Slot {
    /// The first slot, where a new card begins.
    A,
    /// The second slot.
    B,
}

impl Slot {
    /// The slot that is not this one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// Two slots of memory that keeps its content without power.
///
/// # What the card relies on
///
/// * `Ok` from [`program`](Self::program) or [`erase`](Self::erase) means that it is done: every later `read` agrees.
///   A driver that caches or reorders writes breaks this.
/// * Power may fail inside any call. The unit being programmed may then hold anything; after a cut erase every unit of
///   that slot may. Other units keep their content.
/// * What a cut left behind can be read: `read` gives some octets, the same ones each time, and does not fail. Where
///   the medium has error correction, the driver answers any octets but all `FF` for a unit that it cannot correct.
/// * A unit whose programming was cut and that still reads all `FF` may be programmed.
pub trait Storage {
    /// What the driver reports when the medium fails.
    type Error;

    /// Octets programmed at once: a multiple of 8, from 16 to [`MAX_UNIT`].
    const UNIT: usize;

    /// Octets of each of the two slots, a multiple of [`UNIT`](Self::UNIT).
    fn slot_size(&self) -> u32;

    /// Reads `out.len()` octets that begin `at` octets into the slot.
    ///
    /// # Errors
    /// What the medium reports. The card then refuses to start.
    fn read(&mut self, slot: Slot, at: u32, out: &mut [u8]) -> Result<(), Self::Error>;

    /// Erases the whole slot: it reads `FF` everywhere afterwards.
    ///
    /// # Errors
    /// What the medium reports. The card writes nothing more until it is opened again.
    fn erase(&mut self, slot: Slot) -> Result<(), Self::Error>;

    /// Programs one unit: `unit` has exactly [`UNIT`](Self::UNIT) octets, `at` is a multiple of it. The card programs a
    /// unit once between two erases.
    ///
    /// # Errors
    /// What the medium reports. The card writes nothing more until it is opened again.
    fn program(&mut self, slot: Slot, at: u32, unit: &[u8]) -> Result<(), Self::Error>;
}

impl<S: Storage + ?Sized> Storage for &mut S {
    type Error = S::Error;
    const UNIT: usize = S::UNIT;

    fn slot_size(&self) -> u32 {
        (**self).slot_size()
    }
    fn read(&mut self, slot: Slot, at: u32, out: &mut [u8]) -> Result<(), Self::Error> {
        (**self).read(slot, at, out)
    }
    fn erase(&mut self, slot: Slot) -> Result<(), Self::Error> {
        (**self).erase(slot)
    }
    fn program(&mut self, slot: Slot, at: u32, unit: &[u8]) -> Result<(), Self::Error> {
        (**self).program(slot, at, unit)
    }
}

/// A [`Storage`] in memory, for simulators and tests: its content outlives the card, not the process.
///
/// The slices are used as they are, so a second card over them finds the state of the first. They need not be erased
/// for a first card. What flash could not do, it refuses.
///
/// ```
/// use gp_cardmanager_model::card::storage::{RamStorage, Slot, Storage};
///
/// let (mut a, mut b) = ([0xFF; 1024], [0xFF; 1024]);
/// let mut storage = RamStorage::new(&mut a, &mut b);
/// storage.program(Slot::A, 16, &[0x5A; 16]).unwrap();
/// storage.program(Slot::A, 16, &[0x5A; 16]).unwrap_err(); // once between two erases
/// ```
pub struct RamStorage<'m, const UNIT: usize = 16> {
    a: &'m mut [u8],
    b: &'m mut [u8],
}

impl<'m> RamStorage<'m> {
    /// Two slots with units of 16 octets. Both have the size of the shorter slice, rounded down to whole units.
    #[must_use]
    pub const fn new(a: &'m mut [u8], b: &'m mut [u8]) -> Self {
        Self::with_unit(a, b)
    }
}

impl<'m, const UNIT: usize> RamStorage<'m, UNIT> {
    /// As [`RamStorage::new`], with units of `UNIT` octets.
    #[must_use]
    pub const fn with_unit(a: &'m mut [u8], b: &'m mut [u8]) -> Self {
        Self { a, b }
    }

    /// `len` octets `at` octets into the slot, if it has them.
    fn part(&mut self, slot: Slot, at: u32, len: usize) -> Result<&mut [u8], RamError> {
        let size = usize::try_from(self.slot_size()).unwrap_or(usize::MAX);
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let octets = match slot {
            Slot::A => &mut *self.a,
            Slot::B => &mut *self.b,
        };
        let slot = octets.get_mut(..size).ok_or(RamError::OutOfRange)?;
        slot.get_mut(at..).and_then(|rest| rest.get_mut(..len)).ok_or(RamError::OutOfRange)
    }
}

impl<const UNIT: usize> Storage for RamStorage<'_, UNIT> {
    type Error = RamError;
    const UNIT: usize = UNIT;

    fn slot_size(&self) -> u32 {
        let units = self.a.len().min(self.b.len()).checked_div(UNIT).unwrap_or(0);
        u32::try_from(units.saturating_mul(UNIT)).unwrap_or(0)
    }

    fn read(&mut self, slot: Slot, at: u32, out: &mut [u8]) -> Result<(), RamError> {
        out.copy_from_slice(self.part(slot, at, out.len())?);
        Ok(())
    }

    fn erase(&mut self, slot: Slot) -> Result<(), RamError> {
        let size = usize::try_from(self.slot_size()).unwrap_or(usize::MAX);
        self.part(slot, 0, size)?.fill(0xFF);
        Ok(())
    }

    fn program(&mut self, slot: Slot, at: u32, unit: &[u8]) -> Result<(), RamError> {
        let aligned = usize::try_from(at).ok().and_then(|at| at.checked_rem(UNIT)) == Some(0);
        if unit.len() != UNIT || !aligned {
            return Err(RamError::Unaligned);
        }
        let place = self.part(slot, at, UNIT)?;
        if place.iter().any(|&octet| octet != 0xFF) {
            return Err(RamError::NotErased);
        }
        place.copy_from_slice(unit);
        Ok(())
    }
}

// Sizes only: the content has the card's keys.
impl<const UNIT: usize> fmt::Debug for RamStorage<'_, UNIT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RamStorage").field("slot_size", &self.slot_size()).field("unit", &UNIT).finish()
    }
}

/// What [`RamStorage`] refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RamError {
    /// The slot ends before.
    OutOfRange,
    /// Not one whole unit at a multiple of the unit.
    Unaligned,
    /// The unit was programmed and not erased since.
    NotErased,
}

impl fmt::Display for RamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfRange => "outside the slot",
            Self::Unaligned => "not one whole unit",
            Self::NotErased => "the unit is not erased",
        })
    }
}

impl core::error::Error for RamError {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::format;

    #[test]
    fn ram_behaves_like_flash() {
        let (mut a, mut b) = ([0; 100], [0; 64]);
        let mut ram = RamStorage::<32>::with_unit(&mut a, &mut b);
        assert_eq!(ram.slot_size(), 64);
        assert_eq!(ram.program(Slot::A, 0, &[1; 32]), Err(RamError::NotErased));
        ram.erase(Slot::A).unwrap();
        assert_eq!(ram.program(Slot::A, 0, &[1; 32]), Ok(()));
        assert_eq!(ram.program(Slot::A, 0, &[1; 32]), Err(RamError::NotErased));
        assert_eq!(ram.program(Slot::A, 16, &[1; 32]), Err(RamError::Unaligned));
        assert_eq!(ram.program(Slot::A, 32, &[1; 16]), Err(RamError::Unaligned));
        assert_eq!(ram.program(Slot::A, 64, &[1; 32]), Err(RamError::OutOfRange));
        assert_eq!(ram.program(Slot::A, 0xFFFF_FFE0, &[1; 32]), Err(RamError::OutOfRange));
        let mut out = [0; 4];
        assert_eq!(ram.read(Slot::A, 30, &mut out), Ok(()));
        assert_eq!(out, [1, 1, 0xFF, 0xFF]);
        assert_eq!(ram.read(Slot::A, 61, &mut out), Err(RamError::OutOfRange));
        assert_eq!(ram.read(Slot::B, 60, &mut out), Ok(()));
        assert_eq!(out, [0; 4], "the other slot is another one");
        assert_eq!(format!("{ram:?}"), "RamStorage { slot_size: 64, unit: 32 }");
        // The octets behind the last whole unit are not the slot's.
        assert_eq!(&a[64..], &[0; 36]);
    }

    #[test]
    fn a_borrowed_storage_is_one() {
        let (mut a, mut b) = ([0xFF; 64], [0xFF; 64]);
        let mut ram = RamStorage::new(&mut a, &mut b);
        fn size<S: Storage>(storage: S) -> (u32, usize) {
            (storage.slot_size(), S::UNIT)
        }
        assert_eq!(size(&mut ram), (64, 16));
        assert_eq!(Slot::A.other(), Slot::B);
        assert_eq!(Slot::B.other(), Slot::A);
    }
}
