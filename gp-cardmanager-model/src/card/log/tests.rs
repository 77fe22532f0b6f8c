//! The log beside a model, on a flash memory that fails.
//!
//! The model is the list of records that `open` has to give: a snapshot's, and those of each group since.

extern crate std;

use super::{Crc, GROUP_OVERHEAD, Header, Log, LogError, NO_SEQUENCE, Sink, State};
use crate::card::storage::{RamStorage, Slot, Storage};
use flash::{Failure, Flash, Random, Tear};
use std::{collections::BTreeMap, println, vec, vec::Vec};

#[path = "../../../tests/support/flash.rs"]
mod flash;

type Records = Vec<Vec<u8>>;

/// `count`, or the percentage of it that `GP_TEST_SCALE` says.
fn scaled(count: u64) -> u64 {
    let scale = std::env::var("GP_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    (count * scale / 100).max(1)
}

/// One step of a script.
#[derive(Clone, Debug)]
enum Step {
    Append(Records),
    Compact,
    Reopen,
}

/// What a card would keep of the records: the last one for each first octet; one of a single octet deletes.
fn snapshot(records: &Records) -> Records {
    let mut state = BTreeMap::new();
    for record in records {
        match record.len() {
            1 => state.remove(&record[0]),
            _ => state.insert(record[0], record.clone()),
        };
    }
    state.into_values().collect()
}

fn emit(records: &Records) -> impl Fn(&mut Sink<'_>) + Copy {
    move |sink| records.iter().for_each(|record| sink.record(record))
}

fn open<S: Storage>(storage: S) -> Result<(Log<S>, bool, Records), LogError<S::Error>> {
    let mut records = vec![];
    let (log, fresh) = Log::open(storage, |record| records.push(record.to_vec()))?;
    Ok((log, fresh, records))
}

/// The states that the medium may be in.
///
/// `now` is certain before a step; during a step, `next` is what it makes of it.
struct Model {
    now: Records,
    next: Records,
    fresh: bool,
}

impl Model {
    fn new() -> Self {
        Self { now: vec![], next: vec![], fresh: true }
    }

    /// Takes what the medium says after a cut: before or after the step, and nothing else.
    fn resolve(&mut self, found: Records, fresh: bool) {
        assert!(found == self.now || found == self.next, "neither before nor after: {found:02X?}\n{:02X?}", self.now);
        assert!(self.fresh || !fresh, "the medium forgot that it had a state");
        self.fresh = fresh;
        self.now = found;
    }

    /// Does steps until one fails; says at which, and with what.
    fn run<const UNIT: usize>(
        &mut self,
        flash: &mut Flash<UNIT>,
        steps: &[Step],
    ) -> Result<(), (usize, LogError<Failure>)> {
        let mut opened = self.open(flash).map_err(|error| (0, error))?;
        for (number, step) in steps.iter().enumerate() {
            let done = match step {
                Step::Append(records) => self.append(&mut opened, records),
                Step::Compact => self.compact(&mut opened),
                Step::Reopen => match self.open(flash) {
                    Ok(log) => {
                        opened = log;
                        continue;
                    }
                    Err(error) => return Err((number, error)),
                },
            };
            done.map_err(|error| (number, error))?;
        }
        Ok(())
    }

    fn open<'f, const UNIT: usize>(
        &mut self,
        flash: &'f mut Flash<UNIT>,
    ) -> Result<Log<&'f mut Flash<UNIT>>, LogError<Failure>> {
        self.next.clone_from(&self.now);
        let (mut log, fresh, found) = open(flash)?;
        assert_eq!((&found, fresh), (&self.now, self.fresh));
        if fresh {
            log.compact(|_| {})?;
            self.fresh = false;
        }
        Ok(log)
    }

    fn compact<S: Storage>(&mut self, log: &mut Log<S>) -> Result<(), LogError<S::Error>> {
        self.next = snapshot(&self.now);
        log.compact(emit(&self.next))?;
        self.now.clone_from(&self.next);
        Ok(())
    }

    fn append<S: Storage>(&mut self, log: &mut Log<S>, records: &Records) -> Result<(), LogError<S::Error>> {
        let mut compacted = false;
        loop {
            self.next = self.now.iter().chain(records).cloned().collect();
            match log.append(emit(records)) {
                Ok(()) => break,
                // Not even behind a snapshot: the change is refused, nothing happened.
                Err(LogError::Full) if compacted => return Ok(()),
                Err(LogError::Full) => self.compact(log)?,
                Err(error) => return Err(error),
            }
            compacted = true;
        }
        self.now.clone_from(&self.next);
        let mut again = vec![];
        log.replay_last(|record| again.push(record.to_vec()))?;
        assert_eq!(&again, records);
        Ok(())
    }
}

/// A script with groups of one, two and many units, deletions, compactions and restarts. Its state stays small.
fn script(seed: u64, steps: usize, unit: usize) -> Vec<Step> {
    let mut random = Random::new(seed, 0);
    (0..steps)
        .map(|_| match random.below(12) {
            0 => Step::Compact,
            1 => Step::Reopen,
            2..6 => Step::Append(vec![vec![0, random.octet(), random.octet()]]), // a counter
            6 => Step::Append(vec![vec![random.below(6) as u8]]),
            7 => Step::Append((0..random.below(4)).map(|key| vec![key as u8, random.octet()]).collect()),
            // The edges of the units.
            8 => {
                let length = (unit - 9 + random.below(4)).max(2);
                Step::Append(vec![random_record(&mut random, length)])
            }
            _ => {
                let length = 2 + random.below(5 * unit);
                Step::Append(vec![random_record(&mut random, length.min(255)), vec![5, 5, 5]])
            }
        })
        .collect()
}

fn random_record(random: &mut Random, length: usize) -> Vec<u8> {
    let mut record = random.octets(length);
    record[0] = random.below(6) as u8;
    record
}

/// Every operation of a script, every kind of tear: before or after, and the rest of the script goes on from there.
fn cut_everywhere<const UNIT: usize>(seeds: u64) -> u64 {
    let steps = script(7, 40, UNIT);
    let whole = {
        let mut flash = Flash::<UNIT>::new(48);
        Model::new().run(&mut flash, &steps).unwrap();
        assert!(flash.erases >= 4, "the script fills the log");
        flash.operations()
    };
    let tears = Tear::all(UNIT, seeds);
    let (mut cuts, mut before, mut after) = (0, 0, 0);
    for at in 0..whole {
        for &tear in &tears {
            let mut flash = Flash::<UNIT>::new(48);
            flash.cut_at(at, tear);
            let mut model = Model::new();
            let (stopped, error) = model.run(&mut flash, &steps).unwrap_err();
            assert_eq!(error, LogError::Storage(Failure::Off));
            cuts += 1;
            let in_read = flash.cut_in_read();
            flash.power_on();
            let (_, fresh, found) = open(&mut flash).unwrap();
            // The choice stands.
            let (_, again_fresh, again) = open(&mut flash).unwrap();
            assert_eq!((&again, again_fresh), (&found, fresh));
            if model.now != model.next {
                *(if found == model.now { &mut before } else { &mut after }) += 1;
            }
            model.resolve(found, fresh);
            model.run(&mut flash, &steps[stopped..]).unwrap();
            let (_, _, found) = open(&mut flash).unwrap();
            assert_eq!(found, model.now);
            if in_read {
                break;
            }
        }
    }
    assert!(before > 100 && after > 100, "both outcomes are seen: {before} before, {after} after");
    cuts
}

#[test]
fn power_cut_at_every_operation_with_every_tear() {
    let seeds = scaled(8);
    let cuts = [cut_everywhere::<16>(seeds), cut_everywhere::<32>(seeds), cut_everywhere::<64>(seeds)];
    println!("power was cut {cuts:?} times, with units of 16, 32 and 64 octets");
}

/// Long lives with many cuts: after each, before or after; and cuts while recovering from cuts.
fn long_life<const UNIT: usize>(seed: u64) -> (u64, u64) {
    let mut random = Random::new(seed, UNIT);
    let mut flash = Flash::<UNIT>::new(40 + random.below(60));
    let steps = script(seed, 400, UNIT);
    let mut model = Model::new();
    let (mut rest, mut cuts) = (&steps[..], 0);
    loop {
        let number = random.next();
        let tear = match random.below(6) {
            0 => Tear::Nothing,
            1 => Tear::Everything,
            2 => Tear::Prefix(random.below(UNIT)),
            3 => Tear::Suffix(random.below(UNIT)),
            4 => Tear::Bits(number),
            _ => Tear::Junk(number),
        };
        // Writes are rare among the reads of a start, so most cuts are aimed at them.
        if random.below(8) == 0 {
            flash.cut_at(number % 1500, tear);
        } else {
            flash.cut_at_write(number % 60, tear);
        }
        match model.run(&mut flash, rest) {
            Ok(()) => break,
            Err((stopped, error)) => {
                assert_eq!(error, LogError::Storage(Failure::Off));
                cuts += 1;
                rest = &rest[stopped..];
                // Power fails again, while the medium is read.
                flash.power_on();
                flash.cut_at(number % 5, tear);
                assert!(matches!(open(&mut flash), Err(LogError::Storage(Failure::Off))));
                flash.power_on();
                let (_, fresh, found) = open(&mut flash).unwrap();
                model.resolve(found, fresh);
            }
        }
    }
    flash.power_on();
    let (_, _, found) = open(&mut flash).unwrap();
    assert_eq!(found, model.now);
    (cuts, steps.len() as u64)
}

#[test]
fn long_lives_agree_with_the_model() {
    let (mut cuts, mut steps) = (0, 0);
    for seed in 0..scaled(60) {
        for (more_cuts, more_steps) in [long_life::<16>(seed), long_life::<32>(seed), long_life::<64>(seed)] {
            cuts += more_cuts;
            steps += more_steps;
        }
    }
    assert!(cuts > 0);
    println!("{steps} steps, {cuts} cuts");
}

/// A medium whose slots both are valid, the older one with groups of its own, and the states of the newer one's
/// generation in order. `lengths` are those of the groups' records.
fn grown<const UNIT: usize>(lengths: &[usize]) -> (Flash<UNIT>, Vec<Records>) {
    let mut flash = Flash::new(24);
    let mut random = Random::new(1, 0);
    let (mut log, _, _) = open(&mut flash).unwrap();
    log.compact(emit(&vec![vec![1, 1], vec![2; 40]])).unwrap();
    log.append(emit(&vec![vec![3; 9]])).unwrap();
    let mut now: Records = vec![vec![4, 4], vec![5; 30], vec![3; 9]];
    log.compact(emit(&now)).unwrap();
    let mut states = vec![now.clone()];
    for &length in lengths {
        now.push(random.octets(length));
        log.append(emit(&vec![now.last().unwrap().clone()])).unwrap();
        states.push(now.clone());
    }
    assert_eq!((log.slot, log.generation), (Slot::B, 2));
    (flash, states)
}

fn every_bit_rots<const UNIT: usize>() {
    let (flash, states) = grown::<UNIT>(&[2, UNIT, 3, 2 * UNIT, 1]);
    let newest = states.last().unwrap();
    let snapshot_end = 2 * UNIT + 45_usize.next_multiple_of(UNIT);
    let end =
        flash.octets(Slot::B).len() - flash.octets(Slot::B).iter().rev().take_while(|&&octet| octet == 0xFF).count();
    let last = end - UNIT;
    let (mut corrupt, mut older) = (0, 0);
    for slot in [Slot::A, Slot::B] {
        for bit in 0..flash.octets(slot).len() * 8 {
            let at = bit / 8;
            let mut flash = flash.clone();
            flash.octets_mut(slot)[at] ^= 1 << (bit % 8);
            let opened = open(&mut flash);
            // The older slot, the header (which has a copy) and what is behind the last group do not matter.
            if slot == Slot::A || at < 2 * UNIT || at >= end {
                let (mut log, fresh, found) = opened.unwrap();
                assert_eq!((&found, fresh), (newest, false));
                // A bit in erased units is noticed, and goes with the next compaction.
                let appended = log.append(emit(&vec![vec![9]]));
                assert_eq!(appended, if slot == Slot::B && at >= end { Err(LogError::Full) } else { Ok(()) });
                continue;
            }
            match opened {
                Err(error) => {
                    assert_eq!(error, LogError::Corrupt);
                    let mut count = 0;
                    Log::open(&mut flash, |_| count += 1).unwrap_err();
                    assert!(at >= snapshot_end || count == 0, "records of a damaged snapshot");
                    assert!(at < last, "the last group's damage is a cut");
                    corrupt += 1;
                }
                Ok((_, fresh, found)) => {
                    assert!(!fresh && at >= snapshot_end);
                    let state = states.iter().position(|state| *state == found).expect("invented records");
                    assert!(state < states.len() - 1, "damage that is not noticed");
                    // Only the last group may be lost without a word, or what a damaged length covers.
                    assert!(at >= last || found.len() > 3 || at < snapshot_end + 2);
                    older += 1;
                }
            }
        }
    }
    println!("unit {UNIT}: {corrupt} bits make the medium corrupt, {older} undo groups");
    assert!(corrupt > 10 * (older - 8 * UNIT), "undone without need");
}

#[test]
fn any_single_bit_may_rot() {
    every_bit_rots::<16>();
    every_bit_rots::<32>();
    every_bit_rots::<64>();
}

/// A medium whose reads are wrong in one bit, once.
struct Fickle {
    flash: Flash<16>,
    reads: u64,
    at: u64,
    bit: usize,
}

impl Storage for Fickle {
    type Error = Failure;
    const UNIT: usize = 16;

    fn slot_size(&self) -> u32 {
        self.flash.slot_size()
    }
    fn read(&mut self, slot: Slot, at: u32, out: &mut [u8]) -> Result<(), Failure> {
        self.flash.read(slot, at, out)?;
        if self.reads == self.at {
            out[self.bit / 8] ^= 1 << (self.bit % 8);
        }
        self.reads += 1;
        Ok(())
    }
    fn erase(&mut self, slot: Slot) -> Result<(), Failure> {
        self.flash.erase(slot)
    }
    fn program(&mut self, slot: Slot, at: u32, unit: &[u8]) -> Result<(), Failure> {
        self.flash.program(slot, at, unit)
    }
}

#[test]
fn any_single_read_may_be_wrong() {
    let (flash, states) = grown::<16>(&[2, 16, 3, 40, 1]);
    let mut whole = flash.clone();
    open(&mut whole).unwrap();
    let mut corrupt = 0;
    for at in 0..whole.operations() - flash.operations() {
        for bit in 0..128 {
            match open(Fickle { flash: flash.clone(), reads: 0, at, bit }) {
                Ok((_, fresh, found)) => assert!(!fresh && states.contains(&found), "read {at}, bit {bit}"),
                Err(error) => {
                    assert_eq!(error, LogError::Corrupt);
                    corrupt += 1;
                }
            }
        }
    }
    assert!(corrupt > 0);
}

#[test]
fn headers_of_no_generation() {
    for (generation, valid) in [(0, false), (1, true), (Header::LAST, true), (u32::MAX, false)] {
        let header = Header { generation, length: 7, crc: 8 };
        let parsed = Header::parse::<Flash<24>>(&header.emit::<Flash<24>>());
        assert_eq!(parsed, valid.then_some(header));
    }
}

#[test]
fn damage_in_the_headers() {
    let (flash, states) = grown::<16>(&[2, 3]);
    // Both copies of the newer header: it never was valid, as far as anybody can tell.
    let mut damaged = flash.clone();
    damaged.octets_mut(Slot::B)[..32].fill(0);
    let (_, fresh, found) = open(&mut damaged).unwrap();
    assert_eq!((found, fresh), (vec![vec![1, 1], vec![2; 40], vec![3; 9]], false));
    // All four.
    damaged.octets_mut(Slot::A)[..32].fill(0);
    let (_, fresh, found) = open(&mut damaged).unwrap();
    assert_eq!((found, fresh), (vec![], true));
    // The same generation twice.
    let mut damaged = flash.clone();
    let copy = damaged.octets(Slot::B).to_vec();
    damaged.octets_mut(Slot::A).copy_from_slice(&copy);
    assert_eq!(open(&mut damaged).err(), Some(LogError::Corrupt));
    // Another unit size does not read it.
    let (mut a, mut b) = (flash.octets(Slot::A).to_vec(), flash.octets(Slot::B).to_vec());
    let (_, fresh, _) = open(RamStorage::<32>::with_unit(&mut a, &mut b)).unwrap();
    assert!(fresh);
    let (_, fresh, found) = open(RamStorage::new(&mut a, &mut b)).unwrap();
    assert_eq!((&found, fresh), (states.last().unwrap(), false));
}

/// A group of one unit, as it would be valid with that sequence number.
fn forged_group<const UNIT: usize>(generation: u32, sequence: u16, record: &[u8]) -> Vec<u8> {
    let mut unit = vec![0xFF; UNIT];
    unit[..2].copy_from_slice(&(record.len() as u16 + 1).to_be_bytes());
    unit[2] = record.len() as u8;
    unit[3..][..record.len()].copy_from_slice(record);
    unit[UNIT - 6..][..2].copy_from_slice(&sequence.to_be_bytes());
    let crc = Crc::new().octets(&generation.to_be_bytes()).octets(&unit[..UNIT - 4]).value();
    unit[UNIT - 4..].copy_from_slice(&crc.to_be_bytes());
    unit
}

/// Records that look like groups and headers from every unit boundary on, cut everywhere: never taken for any.
fn hostile_records<const UNIT: usize>() -> u64 {
    let mut cuts = 0;
    // A record of 3 UNIT + some: its units 1 and 2 are forged, and the trailer of its first unit.
    let filler = UNIT - 3; // length and length octet go in front
    let hostile = |sequence: u16| -> Records {
        let mut record = vec![0xEE; filler];
        // The end of the first unit is a trailer for whatever length the attacker hopes for.
        let forged = forged_group::<UNIT>(1, sequence, &[0xBA, 0xD0]);
        record[filler - 6..].copy_from_slice(&forged[UNIT - 6..]);
        record.extend(forged_group::<UNIT>(1, sequence, &[0xBA, 0xD1]));
        if UNIT < 64 {
            record.extend(forged_group::<UNIT>(1, sequence + 1, &[0xBA, 0xD2]));
            let header = Header { generation: 9, length: 0, crc: Crc::new().value() }.emit::<Flash<UNIT>>();
            record.extend(header.octets());
        }
        assert!(record.len() <= 255);
        vec![record, vec![7, 7]]
    };
    let prepare = || {
        let mut flash = Flash::<UNIT>::new(32);
        let (mut log, _, _) = open(&mut flash).unwrap();
        log.compact(|sink| sink.record(&[1, 2, 3])).unwrap();
        log.append(|sink| sink.record(&[4, 5, 6])).unwrap();
        flash
    };
    let before: Records = vec![vec![1, 2, 3], vec![4, 5, 6]];
    let records = hostile(1);
    let after: Records = before.iter().chain(&records).cloned().collect();
    // The forgeries are good: alone, at the end of the log, each would be taken.
    let mut flash = prepare();
    flash.program(Slot::A, 4 * UNIT as u32, &forged_group::<UNIT>(1, 1, &[0xBA, 0xD1])).unwrap();
    assert_eq!(open(&mut flash).unwrap().2.last().unwrap(), &[0xBA, 0xD1]);

    // But not out of its turn, and not with records that are none.
    for sequence in [0, 2, 0x0101, NO_SEQUENCE] {
        let mut flash = prepare();
        flash.program(Slot::A, 4 * UNIT as u32, &forged_group::<UNIT>(1, sequence, &[0xBA, 0xD1])).unwrap();
        assert_eq!(open(&mut flash).unwrap().2, before);
    }
    for length in [0, 1, 3] {
        let mut flash = prepare();
        let mut unit = forged_group::<UNIT>(1, 1, &[0xBA, 0xD1]);
        unit[2] = length;
        let crc = Crc::new().octets(&[0, 0, 0, 1]).octets(&unit[..UNIT - 4]).value();
        unit[UNIT - 4..].copy_from_slice(&crc.to_be_bytes());
        flash.program(Slot::A, 4 * UNIT as u32, &unit).unwrap();
        assert_eq!(open(&mut flash).err(), Some(LogError::Corrupt));
    }

    let mut tears = Tear::all(UNIT, scaled(400));
    tears.push(Tear::Prefix(UNIT));
    let units = (2 + records.iter().map(|record| record.len() + 1).sum::<usize>() + 6).div_ceil(UNIT) as u64;
    for at in 0..units {
        for &tear in &tears {
            let mut flash = prepare();
            let mut starting = flash.clone();
            open(&mut starting).unwrap();
            let reads = starting.operations() - flash.operations();
            // Opening reads; then come the units of the group.
            flash.cut_at(reads + at, tear);
            let (mut log, _, _) = open(&mut flash).unwrap();
            assert_eq!(log.append(emit(&records)), Err(LogError::Storage(Failure::Off)));
            flash.power_on();
            let (mut log, _, found) = open(&mut flash).unwrap();
            assert!(found == before || found == after, "{tear:?} at {at}: {found:02X?}");
            // The next group is not completed by what is left.
            match log.append(|sink| sink.record(&[8])) {
                Ok(()) => {}
                Err(LogError::Full) => {
                    log.compact(emit(&found)).unwrap();
                    log.append(|sink| sink.record(&[8])).unwrap();
                }
                Err(error) => panic!("{error:?}"),
            }
            assert_eq!(open(&mut flash).unwrap().2, [found, vec![vec![8]]].concat());
            cuts += 1;
        }
    }
    cuts
}

#[test]
fn hostile_records_are_only_records() {
    let cuts = [hostile_records::<16>(), hostile_records::<32>(), hostile_records::<64>()];
    println!("{cuts:?} cuts");
}

#[test]
fn a_counter_costs_one_unit_and_hardly_an_erase() {
    let mut flash = Flash::<16>::new(256);
    let (mut log, _, _) = open(&mut flash).unwrap();
    let state: Records = (0..10).map(|key| vec![key; 60]).collect();
    log.compact(emit(&state)).unwrap();
    let (erases, programs) = (log.erases(), log.programs());
    let mut last = [0; 4];
    for count in 0..10_000_u32 {
        let [.., high, low] = count.to_be_bytes();
        let record = [0xC0, high, low];
        if let Err(error) = log.append(|sink| sink.record(&record)) {
            assert_eq!(error, LogError::Full);
            let snapshot = |sink: &mut Sink<'_>| {
                emit(&state)(sink);
                sink.record(&last[..3]);
            };
            log.compact(snapshot).unwrap();
            log.append(|sink| sink.record(&record)).unwrap();
        }
        last[..3].copy_from_slice(&record);
    }
    let (erases, programs) = (log.erases() - erases, log.programs() - programs);
    println!("10000 counters in slots of 4096 octets: {erases} erases, {programs} programs");
    // 256 units less two headers and 39 units of snapshot hold 215 counters.
    assert_eq!(erases, 10_000 / 215);
    assert_eq!(programs, 10_000 + erases * 41);
    let (mut units, mut last) = (0, vec![]);
    Log::open(&mut flash, |record| (units, last) = (units + 1, record.to_vec())).unwrap();
    assert_eq!(last, [0xC0, 0x27, 0x0F]);
}

/// Length in octets of a group's records and its units.
fn units_of<const UNIT: usize>(records: &Records) -> u32 {
    let mut flash = Flash::<UNIT>::new(64);
    let (mut log, _, _) = open(&mut flash).unwrap();
    log.compact(|_| {}).unwrap();
    let before = log.programs();
    log.append(emit(records)).unwrap();
    let units = log.programs() - before;
    assert_eq!(&open(&mut flash).unwrap().2, records);
    units
}

#[test]
fn every_length_round_the_units_edges() {
    for length in 1..=255_usize {
        let records = vec![vec![0xFF; length]];
        let octets = length as u32 + 1 + GROUP_OVERHEAD;
        assert_eq!(units_of::<16>(&records), octets.div_ceil(16));
        assert_eq!(units_of::<24>(&records), octets.div_ceil(24));
        assert_eq!(units_of::<64>(&records), octets.div_ceil(64));
        let records = vec![vec![0; length], vec![0xFF], vec![0; 255]];
        assert_eq!(units_of::<32>(&records), (octets + 258).div_ceil(32));
    }
    assert_eq!(units_of::<16>(&vec![]), 0);
}

#[test]
fn refusals_touch_nothing() {
    let mut flash = Flash::<16>::new(8);
    let (mut log, fresh, _) = open(&mut flash).unwrap();
    assert!(fresh);
    assert_eq!(log.capacity(), 96);
    assert_eq!(log.append(|sink| sink.record(&[1])), Err(LogError::Full), "a snapshot comes first");
    log.compact(|sink| sink.record(&[1])).unwrap();
    let programs = log.programs();
    // Records without octets, with too many, and too many records.
    assert_eq!(log.append(|sink| sink.record(&[])), Err(LogError::TooLong));
    assert_eq!(log.append(|sink| sink.record(&[0; 256])), Err(LogError::TooLong));
    assert_eq!(log.append(|sink| (0..256).for_each(|_| sink.record(&[0; 255]))), Err(LogError::TooLong));
    assert_eq!(log.compact(|sink| sink.record(&[])), Err(LogError::TooLong));
    assert_eq!(log.append(|sink| (0..255).for_each(|_| sink.record(&[0; 255]))), Err(LogError::Full));
    // One octet too many, and just right.
    assert_eq!(log.compact(|sink| sink.record(&[2; 96])), Err(LogError::Full));
    assert_eq!(log.append(|sink| sink.record(&[2; 72])), Err(LogError::Full));
    assert_eq!((log.erases(), log.programs()), (1, programs));
    log.append(|sink| sink.record(&[2; 71])).unwrap();
    assert_eq!(log.append(|sink| sink.record(&[3])), Err(LogError::Full));
    log.compact(|sink| sink.record(&[2; 95])).unwrap();
    assert_eq!(log.append(|sink| sink.record(&[3])), Err(LogError::Full));
    assert_eq!(open(&mut flash).unwrap().2, [vec![2; 95]]);
}

#[test]
fn the_ends_of_the_counters() {
    // The last sequence number: the medium has room, the log is full.
    let mut flash = Flash::<16>::new(70_000);
    let (mut log, _, _) = open(&mut flash).unwrap();
    log.compact(|_| {}).unwrap();
    for _ in 0..NO_SEQUENCE {
        log.append(|sink| sink.record(&[1])).unwrap();
    }
    assert_eq!(log.append(|sink| sink.record(&[1])), Err(LogError::Full));
    let mut count = 0;
    let (mut log, _) = Log::open(&mut flash, |_| count += 1).unwrap();
    assert_eq!(count, NO_SEQUENCE);
    assert_eq!(log.append(|sink| sink.record(&[1])), Err(LogError::Full));
    log.compact(|_| {}).unwrap();
    log.append(|sink| sink.record(&[1])).unwrap();

    // The last generation: groups, but no snapshot.
    log.generation = Header::LAST - 1;
    log.compact(|sink| sink.record(&[2])).unwrap();
    let (mut log, _, found) = open(&mut flash).unwrap();
    assert_eq!((log.generation, found), (Header::LAST, vec![vec![2]]));
    assert_eq!(log.compact(|_| {}), Err(LogError::Exhausted));
    log.append(|sink| sink.record(&[3])).unwrap();
}

#[test]
fn dead_after_a_failure() {
    let mut flash = Flash::<16>::new(16);
    let (mut log, _, _) = open(&mut flash).unwrap();
    log.compact(|sink| sink.record(&[1])).unwrap();
    // The operations of an append of two units, of replay_last behind it, of a compaction: whichever fails once.
    type Work = fn(&mut Log<&mut Flash<16>>) -> Result<(), LogError<Failure>>;
    let works: [(Work, u64); 3] = [
        (|log| log.append(|sink| sink.record(&[2; 20])), 2),
        (|log| log.append(|sink| sink.record(&[2; 20])).and_then(|()| log.replay_last(|_| {})), 6),
        (|log| log.compact(|sink| sink.record(&[1])), 4),
    ];
    for (work, operations) in works {
        for at in 0..operations {
            let mut flash = flash.clone();
            let mut starting = flash.clone();
            open(&mut starting).unwrap();
            flash.glitch_at(starting.operations() - flash.operations() + at);
            let (mut log, _, _) = open(&mut flash).unwrap();
            assert_eq!(work(&mut log), Err(LogError::Storage(Failure::Glitch)));
            assert_eq!(log.state, State::Dead);
            assert_eq!(log.append(|sink| sink.record(&[3])), Err(LogError::Dead));
            assert_eq!(log.compact(|_| {}), Err(LogError::Dead));
            assert_eq!(log.replay_last(|_| {}), Err(LogError::Dead));
            let (_, _, found) = open(&mut flash).unwrap();
            assert!(found == [vec![1]] || found == [vec![1], vec![2; 20]]);
        }
    }
}

#[test]
fn records_must_be_the_same_twice() {
    // Fewer, more, longer, of illegal length: the second time.
    let second: [&[&[u8]]; 5] = [&[], &[&[1, 1], &[2, 2], &[3]], &[&[1, 1], &[2, 2, 2]], &[&[], &[2, 2]], &[&[0; 256]]];
    for records in second {
        let mut flash = Flash::<16>::new(16);
        let (mut log, _, _) = open(&mut flash).unwrap();
        log.compact(|sink| sink.record(&[7])).unwrap();
        let mut calls = 0;
        let fickle = |sink: &mut Sink<'_>| {
            calls += 1;
            let first: &[&[u8]] = &[&[1, 1], &[2, 2]];
            for record in if calls == 1 { first } else { records } {
                sink.record(record);
            }
        };
        assert_eq!(log.append(fickle), Err(LogError::Dead));
        let (mut log, _, found) = open(&mut flash).unwrap();
        assert_eq!(found, [[7]]);
        let mut calls = 0;
        let fickle = |sink: &mut Sink<'_>| {
            calls += 1;
            sink.record(if calls == 1 { &[1, 1] } else { &[1] });
        };
        assert_eq!(log.compact(fickle), Err(LogError::Dead));
        assert_eq!(open(&mut flash).unwrap().2, [[7]]);
    }
}

#[test]
fn replay_last_gives_the_last_append() {
    let mut flash = Flash::<16>::new(16);
    let (mut log, _, _) = open(&mut flash).unwrap();
    let replayed = |log: &mut Log<&mut Flash<16>>| {
        let mut records = vec![];
        log.replay_last(|record| records.push(record.to_vec())).unwrap();
        records
    };
    assert!(replayed(&mut log).is_empty());
    log.compact(|sink| sink.record(&[1])).unwrap();
    assert!(replayed(&mut log).is_empty());
    log.append(|sink| [[2; 9], [3; 9]].iter().for_each(|record| sink.record(record))).unwrap();
    assert_eq!(replayed(&mut log), [[2; 9], [3; 9]]);
    assert_eq!(replayed(&mut log), [[2; 9], [3; 9]]);
    log.append(|_| {}).unwrap();
    assert!(replayed(&mut log).is_empty());
    log.append(|sink| sink.record(&[4])).unwrap();
    assert_eq!(log.append(|sink| sink.record(&[])), Err(LogError::TooLong));
    // A medium that does not keep what it was given.
    let (mut log, _, _) = open(&mut flash).unwrap();
    log.append(|sink| sink.record(&[5])).unwrap();
    let at = log.end as usize - 16;
    log.medium.storage.octets_mut(Slot::A)[at + 3] ^= 1;
    let mut count = 0;
    assert_eq!(log.replay_last(|_| count += 1), Err(LogError::Corrupt));
    assert_eq!((count, log.state), (0, State::Dead));
}

#[test]
fn slots_too_small_or_strange() {
    // A medium that has shrunk below its snapshot.
    let (flash, states) = grown::<16>(&[2]);
    let (mut a, mut b) = (flash.octets(Slot::A).to_vec(), flash.octets(Slot::B).to_vec());
    let size = 2 * 16 + 48;
    let (_, fresh, found) = open(RamStorage::new(&mut a[..size], &mut b[..size])).unwrap();
    assert_eq!((&found, fresh), (&states[0], false));
    assert_eq!(open(RamStorage::new(&mut a[..size - 16], &mut b)).err(), Some(LogError::Corrupt));
    for (a, b) in [(0, 0), (16, 16), (31, 400), (32, 32)] {
        let (mut a, mut b) = (vec![0xFF; a], vec![0xFF; b]);
        let (mut log, fresh, _) = open(RamStorage::new(&mut a, &mut b)).unwrap();
        assert!(fresh);
        assert_eq!(log.capacity(), 0);
        assert_eq!(log.compact(|sink| sink.record(&[1])), Err(LogError::Full));
    }
    // Anything but a valid slot is fresh, and formatted.
    for fill in [0x00, 0xFF, 0x55] {
        let (mut a, mut b) = (vec![fill; 200], vec![fill; 200]);
        let (mut log, fresh, _) = open(RamStorage::new(&mut a, &mut b)).unwrap();
        assert!(fresh);
        log.compact(|sink| sink.record(&[1])).unwrap();
        log.append(|sink| sink.record(&[2])).unwrap();
        let (_, fresh, found) = open(RamStorage::new(&mut a, &mut b)).unwrap();
        assert_eq!((found, fresh), (vec![vec![1], vec![2]], false));
    }
}

/// A slot as the format describes it, octet by octet.
#[test]
fn the_format() {
    let (mut a, mut b) = ([0xFF; 128], [0xFF; 128]);
    let (mut log, _, _) = open(RamStorage::new(&mut a, &mut b)).unwrap();
    log.compact(|sink| sink.record(b"abc")).unwrap();
    log.append(|sink| sink.record(b"d")).unwrap();
    log.append(|sink| sink.record(b"efghijklmno")).unwrap();
    let snapshot = *b"\x03abc\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
    assert_eq!(a[..8], [0, 0, 0, 1, 0, 0, 0, 4]);
    assert_eq!(a[8..12], Crc::new().octets(&snapshot).value().to_be_bytes());
    let name = Crc::new().octets(b"GlobalPlatform card log 2").octets(&[16]);
    assert_eq!(a[12..16], name.octets(&a[..12]).value().to_be_bytes());
    assert_eq!(a[..16], a[16..32]);
    assert_eq!(a[32..48], snapshot);
    assert_eq!(a[48..60], *b"\x00\x02\x01d\xFF\xFF\xFF\xFF\xFF\xFF\x00\x00");
    let generation = Crc::new().octets(&[0, 0, 0, 1]);
    assert_eq!(a[60..64], generation.octets(&a[48..60]).value().to_be_bytes());
    assert_eq!(a[64..78], *b"\x00\x0C\x0Befghijklmno");
    assert_eq!(a[78..90], [0xFF; 12]);
    assert_eq!(a[90..92], [0, 1]);
    assert_eq!(a[92..96], generation.octets(&a[64..92]).value().to_be_bytes());
    assert_eq!(a[96..], [0xFF; 32]);
    assert_eq!(b, [0xFF; 128]);
}
