//! Power fails at storage operations of the fuzzer's choice.

use std::collections::BTreeMap;

use arbitrary::Arbitrary;
use gp_cardmanager_model::card::Card;
use gp_scp03::SecurityLevel;

use crate::ops::{self, Op, Sets};
use crate::world::kit::{self, Desk, ISD, Opening, flash};
use crate::world::{Bench, bench};

/// How much storage there is, and what is done, each with a cut or without.
#[derive(Arbitrary, Debug)]
pub struct Storage {
    units: u8,
    /// Sequence counters that are spent before, one unit each: how full the log is.
    spent: u8,
    steps: Vec<(Op, Option<Cut>)>,
}

/// Where power fails.
#[derive(Arbitrary, Clone, Copy, Debug)]
struct Cut {
    /// So many operations after the beginning; counted are writes alone, or reads as well.
    after: u8,
    writes: bool,
    tear: Tear,
}

/// What is left of the operation at which power fails.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Tear {
    Nothing,
    Everything,
    Prefix(u8),
    Suffix(u8),
    Bits(u8),
    Junk(u8),
}

impl From<Tear> for flash::Tear {
    fn from(tear: Tear) -> Self {
        match tear {
            Tear::Nothing => Self::Nothing,
            Tear::Everything => Self::Everything,
            Tear::Prefix(octets) => Self::Prefix(1 + usize::from(octets) % 15),
            Tear::Suffix(octets) => Self::Suffix(1 + usize::from(octets) % 15),
            Tear::Bits(seed) => Self::Bits(seed.into()),
            Tear::Junk(seed) => Self::Junk(seed.into()),
        }
    }
}

/// Each operation is done twice: on a copy of the storage to its end, and on the storage itself with the cut. Checks:
///
/// - afterwards, the card is as it was before the operation or as it is after the whole of it, never anything else;
/// - one of the key sets of before and after opens a session, and the same one from then on;
/// - no sequence counter of a key set is ever shown twice;
/// - the driver of the storage is used as it may be (units programmed once, aligned, after a whole erase);
/// - after a cut everything is answered with `6581`.
pub fn storage(input: &Storage) {
    // Little, so that snapshots come often.
    let units = 40 + usize::from(input.units % 4) * 24;
    let mut bench = bench(0x70, [12, 12, 12, 1], units);
    let mut life = Life { sets: Sets::from([(0x30, 0)]), seen: BTreeMap::new(), generation: 0 };
    let mut card = bench.card();
    for _ in 0..input.spent % 64 {
        assert_eq!(kit::say(&mut card, "8050300008111111111111111100").1, 0x9000);
    }
    drop(card);
    for (op, cut) in input.steps.iter().take(16) {
        if matches!(op, Op::Session { .. } | Op::Power) {
            continue;
        }
        life.generation = life.generation.wrapping_add(1).max(1);
        let before = picture(&bench);
        let mut twin = Bench {
            ram: bench.ram.blank(),
            flash: bench.flash.copy(),
            dice: bench.dice.clone(),
            desk: bench.desk.clone(),
            profile: self::bench(0x70, [1, 1, 1, 1], 1).profile,
        };
        let done = life.run(&mut twin, *op, &mut BTreeMap::new()).expect("no cut is planned");
        let after = picture(&twin);
        let later = life.after(*op, done);
        if let Some(cut) = cut {
            let mut flash = bench.flash.0.borrow_mut();
            match cut.writes {
                true => flash.cut_at_write(u64::from(cut.after) % 40, cut.tear.into()),
                false => flash.cut_at(u64::from(cut.after) * 8, cut.tear.into()),
            }
        }
        let mut seen = core::mem::take(&mut life.seen);
        let run = life.run(&mut bench, *op, &mut seen);
        life.seen = seen;
        bench.flash.0.borrow_mut().power_on();
        let now = picture(&bench);
        match run {
            Some(as_well) => {
                assert_eq!(as_well, done);
                assert_eq!(now, after, "{op:?}");
                life.sets = later;
            }
            None => {
                assert!(now == before || now == after, "{op:?}, {cut:?}: between two states");
                // Pictures do not show keys: which of them are there is asked.
                let (as_before, as_after) = (life.open(&mut bench, &life.sets), life.open(&mut bench, &later));
                assert!(as_before || as_after, "{op:?}, {cut:?}: no key set opens");
                assert!(life.sets == later || as_before != as_after, "{op:?}, {cut:?}: keys of before and of after");
                assert!(now == before || as_after, "{op:?}: after it, and the keys are those of before");
                assert!(now == after || as_before, "{op:?}: before it, and the keys are those of after");
                if as_after {
                    life.sets = later;
                }
            }
        }
    }
}

struct Life {
    sets: Sets,
    /// The last sequence counter of each key set that was shown.
    seen: BTreeMap<(u8, u8), u32>,
    generation: u8,
}

impl Life {
    /// Starts the card, opens a session and does the operation; whether it was done, or `None` when power failed.
    fn run(&self, bench: &mut Bench, op: Op, seen: &mut BTreeMap<(u8, u8), u32>) -> Option<bool> {
        let flash = bench.flash.clone();
        let off = || flash.0.borrow().is_off();
        let opened = bench.try_card();
        if off() {
            assert!(opened.is_err());
            return None;
        }
        let mut card = opened.expect("a storage that was never but cut");
        assert_eq!(kit::select(&mut card, &ISD).1, 0x9000);
        let (version, generation) = self.sets.iter().next().map(|(version, generation)| (*version, *generation))?;
        let mut keys = ops::keys(version, generation);
        let opened = Opening::new(&mut keys, version, SecurityLevel::CMac).open(&mut card);
        if off() {
            assert_eq!(opened.err(), Some(0x6581));
            return None;
        }
        let mut host = opened.expect("the keys open");
        let sequence = u32::from_be_bytes([0, host.shown[29], host.shown[30], host.shown[31]]);
        let before = seen.insert((version, generation), sequence);
        assert!(before.is_none_or(|before| before < sequence), "a counter was repeated");
        let keys = ops::keys(version, generation);
        for (header, data) in op.commands(keys.dek(), self.generation) {
            let answer = host.send(&mut card, header, &data);
            if off() {
                assert_eq!(answer, (vec![], 0x6581), "nothing is said of what is not certain");
                assert_eq!(kit::say(&mut card, "80CA006600"), (vec![], 0x6581));
                return None;
            }
            assert_ne!(answer.1, 0x6581);
            if answer.1 != 0x9000 {
                return Some(false);
            }
        }
        Some(true)
    }

    /// The key sets when the operation was done, or not.
    fn after(&self, op: Op, done: bool) -> Sets {
        let mut sets = self.sets.clone();
        match op {
            Op::PutKeys { replaces, version } if done => {
                if let Some(old) = replaces {
                    sets.remove(&old.octet());
                }
                sets.insert(version.octet(), self.generation);
            }
            Op::DeleteKeys(version) if done => drop(sets.remove(&version.octet())),
            _ => {}
        }
        sets
    }

    /// Do all of these open, and no other version? On a copy: nothing is counted.
    fn open(&self, bench: &mut Bench, sets: &Sets) -> bool {
        let kept = bench.flash.copy();
        let flash = core::mem::replace(&mut bench.flash, kept);
        let mut card = bench.card();
        let opens = [0x30, 0x31, 0x32, 0x7F].into_iter().all(|version| {
            kit::select(&mut card, &ISD);
            let (mut keys, there) = match sets.get(&version) {
                Some(generation) => (ops::keys(version, *generation), true),
                None => (ops::keys(version, 1), false),
            };
            let challenge = gp_scp03::Challenge::new(&[0x11; 8]).expect("8 octets");
            let initiator = gp_scp03::Initiator::new(challenge, gp_apdu::LogicalChannel::BASIC, version);
            let mut buffer = [0; 64];
            let command = initiator.initialize_update(&mut buffer).expect("room enough").to_vec();
            let answer = kit::Wire::transmit(&mut card, &command);
            if answer.len() == 2 {
                return !there;
            }
            let response = gp_apdu::Response::parse(&answer).expect("an answer");
            let challenged = initiator.challenged(response).expect("a challenge");
            let policy = gp_scp03::ChallengePolicy::Off;
            there && challenged.authenticate(&mut keys, SecurityLevel::CMac, policy, &mut buffer).is_ok()
        });
        drop(card);
        bench.flash = flash;
        opens
    }
}

/// What lasts, but for sequence counters and the values of keys.
fn picture(bench: &Bench) -> String {
    let mut ram = bench.ram.blank();
    let opened = Card::open(ram.memory(), bench.flash.copy(), bench.dice.clone(), Desk::default(), &bench.profile);
    drop(opened.expect("a storage that was never but cut"));
    ram.picture()
}
