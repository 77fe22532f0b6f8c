//! A flash memory that loses power when told to, and that panics when it is misused.
//!
//! Include it where `Storage` and `Slot` are in scope of the parent module:
//!
//! ```text
//! use gp_cardmanager_model::card::storage::{Slot, Storage};
//! #[path = "support/flash.rs"]
//! mod flash;
//! ```
//!
//! Every read, erase and program is an *operation*, counted from 0. [`Flash::cut_at`] chooses the one at which power
//! fails and what is left of it; everything fails from then on, until [`Flash::power_on`].

#![allow(dead_code, reason = "each test that includes this file uses a part of it")]

extern crate std;

use super::{Slot, Storage};
use std::{vec, vec::Vec};

/// What is left of the operation at which power fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tear {
    /// It did not begin.
    Nothing,
    /// It was done in whole; only the caller never learned.
    Everything,
    /// The first octets of the unit, or so many units of the slot, were done.
    Prefix(usize),
    /// The last octets of the unit, or so many units of the slot, were done.
    Suffix(usize),
    /// A random choice of the bits to change were changed; of an erased slot, in a random choice of its units.
    Bits(u64),
    /// The unit holds random bits; so does a random choice of the units of a slot.
    Junk(u64),
}

impl Tear {
    /// Kinds of tear worth trying at every operation for units of `unit` octets, with `seeds` random ones of each sort.
    pub(crate) fn all(unit: usize, seeds: u64) -> Vec<Self> {
        let mut tears = vec![Self::Nothing, Self::Everything];
        tears.extend((1..unit).flat_map(|octets| [Self::Prefix(octets), Self::Suffix(octets)]));
        tears.extend((0..seeds).flat_map(|seed| [Self::Bits(seed), Self::Junk(seed)]));
        tears
    }
}

/// What the driver reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// There is no power.
    Off,
    /// This operation failed, the next one may succeed.
    Glitch,
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Off => "no power",
            Self::Glitch => "the operation failed",
        })
    }
}

impl core::error::Error for Failure {}

/// One slot: its octets, and which of its units wait for an erase.
#[derive(Clone, Debug)]
struct Half {
    octets: Vec<u8>,
    programmed: Vec<bool>,
    /// A cut erase: nothing may be programmed before a whole one.
    unsettled: bool,
}

/// The flash memory.
#[derive(Clone, Debug)]
pub(crate) struct Flash<const UNIT: usize> {
    halves: [Half; 2],
    /// Reads, erases and programs since it was made.
    pub(crate) reads: u64,
    pub(crate) erases: u64,
    pub(crate) programs: u64,
    cut: Option<(u64, Tear)>,
    cut_write: Option<(u64, Tear)>,
    glitch: Option<u64>,
    off: bool,
    cut_in_read: bool,
}

impl<const UNIT: usize> Flash<UNIT> {
    /// An erased flash with two slots of `units` units.
    pub(crate) fn new(units: usize) -> Self {
        let half = Half { octets: vec![0xFF; units * UNIT], programmed: vec![false; units], unsettled: false };
        Self {
            halves: [half.clone(), half],
            reads: 0,
            erases: 0,
            programs: 0,
            cut: None,
            cut_write: None,
            glitch: None,
            off: false,
            cut_in_read: false,
        }
    }

    /// Operations up to now.
    pub(crate) fn operations(&self) -> u64 {
        self.reads + self.erases + self.programs
    }

    /// Power fails at the operation that `after` others precede from now on.
    pub(crate) fn cut_at(&mut self, after: u64, tear: Tear) {
        self.cut = Some((self.operations() + after, tear));
    }

    /// Power fails at the erase or program that `after` others precede from now on, however much is read.
    pub(crate) fn cut_at_write(&mut self, after: u64, tear: Tear) {
        self.cut_write = Some((self.erases + self.programs + after, tear));
    }

    /// The operation that `after` others precede from now on fails and changes nothing; power stays.
    pub(crate) fn glitch_at(&mut self, after: u64) {
        self.glitch = Some(self.operations() + after);
    }

    /// Power is back; no cut is planned any more.
    pub(crate) fn power_on(&mut self) {
        (self.off, self.cut, self.cut_write, self.cut_in_read) = (false, None, None, false);
    }

    /// Whether the last cut came in a read, for which all tears are the same.
    pub(crate) fn cut_in_read(&self) -> bool {
        self.cut_in_read
    }

    /// Whether power has failed.
    pub(crate) fn is_off(&self) -> bool {
        self.off
    }

    /// The octets of a slot.
    pub(crate) fn octets(&self, slot: Slot) -> &[u8] {
        &self.halves[index(slot)].octets
    }

    /// The octets of a slot, to damage them.
    pub(crate) fn octets_mut(&mut self, slot: Slot) -> &mut [u8] {
        &mut self.halves[index(slot)].octets
    }

    /// What becomes of the operation that begins: `Ok(None)` when it goes well.
    fn begin(&mut self, count: fn(&mut Self) -> &mut u64) -> Result<Option<Tear>, Failure> {
        if self.off {
            return Err(Failure::Off);
        }
        let (now, write) = (self.operations(), self.erases + self.programs);
        *count(self) += 1;
        let is_write = write != self.erases + self.programs;
        if self.glitch == Some(now) {
            self.glitch = None;
            return Err(Failure::Glitch);
        }
        let cut = self.cut.filter(|&(at, _)| at == now);
        let cut = cut.or(self.cut_write.filter(|&(at, _)| is_write && at == write));
        self.off = cut.is_some();
        Ok(cut.map(|(_, tear)| tear))
    }
}

fn index(slot: Slot) -> usize {
    match slot {
        Slot::A => 0,
        Slot::B => 1,
    }
}

impl<const UNIT: usize> Storage for Flash<UNIT> {
    type Error = Failure;
    const UNIT: usize = UNIT;

    fn slot_size(&self) -> u32 {
        self.halves[0].octets.len() as u32
    }

    fn read(&mut self, slot: Slot, at: u32, out: &mut [u8]) -> Result<(), Failure> {
        let octets = &self.halves[index(slot)].octets[at as usize..][..out.len()];
        out.copy_from_slice(octets);
        if self.begin(|flash| &mut flash.reads)?.is_some() {
            out.fill(0xA5);
            self.cut_in_read = true;
            return Err(Failure::Off);
        }
        Ok(())
    }

    fn erase(&mut self, slot: Slot) -> Result<(), Failure> {
        let tear = self.begin(|flash| &mut flash.erases)?;
        let half = &mut self.halves[index(slot)];
        let units = half.programmed.len();
        for (number, unit) in half.octets.chunks_exact_mut(UNIT).enumerate() {
            match tear {
                None | Some(Tear::Everything) => unit.fill(0xFF),
                Some(Tear::Nothing) => {}
                Some(Tear::Prefix(count)) if number < count => unit.fill(0xFF),
                Some(Tear::Suffix(count)) if number + count >= units => unit.fill(0xFF),
                Some(Tear::Prefix(_) | Tear::Suffix(_)) => {}
                Some(Tear::Bits(seed)) => {
                    let mut random = Random::new(seed, number);
                    match random.below(3) {
                        0 => {}
                        1 => unit.fill(0xFF),
                        _ => unit.iter_mut().for_each(|octet| *octet |= random.octet()),
                    }
                }
                Some(Tear::Junk(seed)) => {
                    let mut random = Random::new(seed, number);
                    match random.below(3) {
                        0 => {}
                        1 => unit.fill(0xFF),
                        _ => unit.iter_mut().for_each(|octet| *octet = random.octet()),
                    }
                }
            }
        }
        half.unsettled = tear.is_some();
        half.programmed.fill(false);
        if tear.is_some() { Err(Failure::Off) } else { Ok(()) }
    }

    fn program(&mut self, slot: Slot, at: u32, unit: &[u8]) -> Result<(), Failure> {
        let at = at as usize;
        assert_eq!(unit.len(), UNIT, "not one unit");
        assert_eq!(at % UNIT, 0, "not aligned");
        let half = &self.halves[index(slot)];
        assert!(!half.unsettled, "programmed after an erase that was cut");
        assert!(!half.programmed[at / UNIT], "programmed twice");
        assert!(half.octets[at..][..UNIT].iter().all(|&octet| octet == 0xFF), "programmed a unit that is not erased");

        let tear = self.begin(|flash| &mut flash.programs)?;
        let half = &mut self.halves[index(slot)];
        let place = &mut half.octets[at..][..UNIT];
        match tear {
            None | Some(Tear::Everything) => place.copy_from_slice(unit),
            Some(Tear::Nothing) => {}
            Some(Tear::Prefix(count)) => {
                let count = count.min(UNIT);
                place[..count].copy_from_slice(&unit[..count]);
            }
            Some(Tear::Suffix(count)) => {
                let count = count.min(UNIT);
                place[UNIT - count..].copy_from_slice(&unit[UNIT - count..]);
            }
            Some(Tear::Bits(seed)) => {
                let mut random = Random::new(seed, at);
                place.iter_mut().zip(unit).for_each(|(octet, new)| *octet = new | random.octet());
            }
            Some(Tear::Junk(seed)) => {
                let mut random = Random::new(seed, at);
                place.iter_mut().for_each(|octet| *octet = random.octet());
            }
        }
        // A unit that a cut left erased may be programmed; any other has been.
        half.programmed[at / UNIT] = tear.is_none() || place.iter().any(|&octet| octet != 0xFF);
        if tear.is_some() { Err(Failure::Off) } else { Ok(()) }
    }
}

/// A small generator of repeatable randomness (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The generator of one seed, for one place.
    pub(crate) fn new(seed: u64, place: usize) -> Self {
        let mut random = Self(seed ^ (place as u64).wrapping_mul(0xD6E8_FEB8_6659_FD93));
        random.next();
        random
    }

    /// 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A random number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// A random octet.
    pub(crate) fn octet(&mut self) -> u8 {
        self.next() as u8
    }

    /// Random octets.
    pub(crate) fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.octet()).collect()
    }
}
