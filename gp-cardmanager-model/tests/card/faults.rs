//! What fails around a card: its randomness, its storage, one bit of what is stored, the link to its host.
//!
//! Power cuts and torn writes are in `power_loss.rs`.

use crate::{content, kit};
use core::cell::Cell;
use std::rc::Rc;

use content::{APP, FILE, MODULE, SSD};
use gp_apdu::Transport;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::storage::Slot;
use gp_cardmanager_model::card::{Card, OpenError, Platform, Profile};
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::{
    self, Authenticate, Delete, Error, GetData, GetStatus, Install, Load, NewKeys, Origin, PutKeys, Select, SetStatus,
    StoreData, run,
};
use gp_cardmanager_model::install::{self, ForInstall, ForLoad};
use gp_cardmanager_model::key_info::KeyInformation;
use gp_cardmanager_model::load_file::{Content, LoadFile};
use gp_cardmanager_model::store_data::StoreDataFormat;
use gp_scp03::{Challenge, Implementation, Mode, SecurityLevel, StaticKeys};
use kit::{
    Bench, Desk, Dice, Host, KVN, Opening, Ram, Shared, TestCard, Wire, cap_block, factory, factory_keys, hex,
    install_fields, key_data, key_set, keys_from, raw, say, select, tlv,
};

// --- Randomness ----------------------------------------------------------------------------------------------------

/// Randomness with moods. Clones share the count of calls.
#[derive(Clone, Default)]
struct Moody {
    calls: Rc<Cell<u64>>,
    /// The call that fails, counted from 1; it leaves half of the octets filled.
    fails_at: u64,
    /// Every call gives the same octets.
    repeats: bool,
}

impl Platform for Moody {
    type Error = ();

    fn fill(&mut self, out: &mut [u8]) -> Result<(), ()> {
        let call = self.calls.get() + 1;
        self.calls.set(call);
        let mut random = kit::Random::new(if self.repeats { 7 } else { call }, 0);
        let half = out.len() / 2;
        let fails = call == self.fails_at;
        let room = if fails { &mut out[..half] } else { out };
        room.iter_mut().for_each(|octet| *octet = random.octet());
        if fails { Err(()) } else { Ok(()) }
    }
}

type MoodyCard<'m> = Card<'m, Shared, Moody, Desk>;

fn bench_with(i: u8) -> Bench {
    let profile = factory(vec![key_set(KVN, factory_keys(), [0; 3])]);
    let mut bench = Bench::with(Profile { implementation: Implementation::new(i), ..profile });
    bench.ram = Ram::new(10, 9, 4, 2);
    bench.flash = Shared::new(128);
    bench
}

fn moody_card<'b>(bench: &'b mut Bench, moody: &Moody) -> MoodyCard<'b> {
    let Bench { ram, flash, desk, profile, .. } = bench;
    Card::open(ram.memory(), flash.clone(), moody.clone(), desk.clone(), profile).unwrap()
}

fn mode_of(i: u8) -> Mode {
    Implementation::new(i).mode()
}

fn open_session(card: &mut impl Wire, i: u8, level: SecurityLevel, challenge: u8) -> Result<Host, u16> {
    let mut keys = factory_keys();
    let opening = Opening::new(&mut keys, KVN, level);
    Opening { mode: mode_of(i), challenge, ..opening }.open(card)
}

/// Of all that a card does, INITIALIZE UPDATE alone needs randomness, and that only where the challenge is random. Where
/// a call fails it is refused, nothing is open then, and the next one works. What was half filled is not used.
#[test]
fn an_rng_that_fails_at_any_call_opens_nothing() {
    const SESSIONS: u64 = 8;
    let mut refusals = 0;
    for i in [0x60, 0x61, 0x70, 0x71] {
        let random = !Implementation::new(i).has_pseudo_random_challenge();
        for fails_at in 0..=SESSIONS {
            let moody = Moody { fails_at, ..Moody::default() };
            let mut bench = bench_with(i);
            let mut card = moody_card(&mut bench, &moody);
            let mut before: Option<Host> = None;
            for session in 1..=SESSIONS {
                assert_eq!(select(&mut card, &[]).1, 0x9000);
                let number = session as u8;
                let opened = open_session(&mut card, i, SecurityLevel::CMac, 0x11);
                if random && session == fails_at {
                    assert_eq!(opened.err(), Some(0x6400));
                    // Neither the old session nor a new one is there.
                    if let Some(host) = &mut before {
                        let late = host.wrap([0x80, 0xF2, 0x80, 0x02], &[0x4F, 0x00]).remove(0);
                        assert_eq!(raw(&mut card, &late), (vec![], 0x6982));
                    }
                    assert_eq!(say(&mut card, "80F2800202 4F00 00"), (vec![], 0x6982));
                    let authenticate = [&[0x84, 0x82, 0x01, 0x00, 0x10][..], &[0; 16]].concat();
                    assert_eq!(raw(&mut card, &authenticate), (vec![], 0x6982));
                    refusals += 1;
                    continue;
                }
                let mut host = opened.unwrap();
                // All other commands work without: storing, keys, applications, a load.
                let data = tlv(0x42, &[number; 8]);
                assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x90, 0x00], &data), 0x9000);
                if session == SESSIONS {
                    assert_eq!(host.install(&mut card, 0x02, 0x00, &[&FILE, &[], &[], &[], &[]]).1, 0x9000);
                    assert_eq!(host.load(&mut card, &tlv(0xC4, &cap_block(&FILE, &[&MODULE])), 200).1, 0x9000);
                    let fields: [&[u8]; 6] = [&FILE, &MODULE, &APP, &[0x00], &hex("C900"), &[]];
                    assert_eq!(host.install(&mut card, 0x0C, 0x00, &fields).1, 0x9000);
                    let set = keys_from(0x55, 16);
                    let ids = [gp_scp03::KeyId::Enc, gp_scp03::KeyId::Mac, gp_scp03::KeyId::Dek];
                    let body = key_data(factory_keys().dek(), 0x31, &ids.map(|id| set.key(id)));
                    assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x81], &body), 0x9000);
                }
                before = Some(host);
            }
            assert_eq!(moody.calls.get(), if random { SESSIONS } else { 0 });
            card.reset();
            assert_eq!(say(&mut card, "80CA004200").0, tlv(0x42, &[if random && fails_at == 8 { 7 } else { 8 }; 8]));
        }
    }
    println!("{refusals} failures of the randomness, {refusals} refusals");
    assert_eq!(refusals, 2 * SESSIONS);
}

/// What goes over the line, kept.
struct Tap<'c, W> {
    card: &'c mut W,
    commands: Vec<Vec<u8>>,
}

impl<W: Wire> Wire for Tap<'_, W> {
    fn transmit(&mut self, command: &[u8]) -> Vec<u8> {
        self.commands.push(command.to_vec());
        self.card.transmit(command)
    }
}

/// Stores a value, and answers the commands of the session in which that was done.
fn recorded_session(card: &mut MoodyCard<'_>, i: u8, level: SecurityLevel, value: u8) -> Vec<Vec<u8>> {
    assert_eq!(select(card, &[]).1, 0x9000);
    let mut tap = Tap { card, commands: vec![] };
    let mut host = open_session(&mut tap, i, level, value).unwrap();
    assert_eq!(host.status(&mut tap, [0x80, 0xE2, 0x90, 0x00], &tlv(0x42, &[value; 8])), 0x9000);
    assert_eq!(tap.commands.len(), 3);
    tap.commands
}

fn stored_value(card: &mut MoodyCard<'_>) -> u8 {
    card.reset();
    let (data, status) = say(card, "80CA004200");
    assert_eq!((data.len(), status), (10, 0x9000));
    data[2]
}

/// A recorded session is played again, octet by octet, by somebody without keys. He chooses the host's challenge by
/// that, so the card's is all that makes a session new.
///
/// A random challenge is as new as the randomness: with a generator that repeats, the card takes the recorded session
/// for a new one and carries its commands out again, as they are and in their order. No card of this kind can tell, so
/// this test says so. A pseudo-random challenge (`i` b5) needs no randomness: the counter, stored before it is used,
/// makes it new, and whatever the generator does, nothing of the old session is accepted.
#[test]
fn a_recorded_session_is_new_to_a_card_only_where_the_rng_repeats_and_no_counter_protects() {
    let (mut accepted, mut refused, mut changed) = (0, 0, 0);
    for i in [0x60, 0x61, 0x70, 0x71] {
        for level in SecurityLevel::ALL.into_iter().filter(|level| level.has_c_mac()) {
            for repeats in [false, true] {
                let moody = Moody { repeats, ..Moody::default() };
                let mut bench = bench_with(i);
                let mut card = moody_card(&mut bench, &moody);
                let first = recorded_session(&mut card, i, level, 1);
                recorded_session(&mut card, i, level, 2);
                assert_eq!(stored_value(&mut card), 2);
                let answers: Vec<u16> = first.iter().map(|command| raw(&mut card, command).1).collect();
                let again = stored_value(&mut card);
                if repeats && !Implementation::new(i).has_pseudo_random_challenge() {
                    assert_eq!((answers, again), (vec![0x9000; 3], 1));
                    accepted += 1;
                    // Only as it was: no bit of it may differ, no command of another session may follow.
                    let second = recorded_session(&mut card, i, level, 2);
                    let stop = first[2].len() - 1;
                    for bit in 0..stop * 8 {
                        let mut command = first[2].clone();
                        command[bit / 8] ^= 1 << (bit % 8);
                        card.reset();
                        assert_eq!(raw(&mut card, &first[0]).1, 0x9000);
                        assert_eq!(raw(&mut card, &first[1]).1, 0x9000);
                        // One with the chaining bit is taken, and waits for its end.
                        raw(&mut card, &command);
                        assert_eq!(stored_value(&mut card), 2, "bit {bit}");
                        changed += 1;
                    }
                    card.reset();
                    assert_eq!(raw(&mut card, &first[0]).1, 0x9000);
                    assert_eq!(raw(&mut card, &first[1]).1, 0x9000);
                    assert_eq!(raw(&mut card, &second[2]), (vec![], 0x6982));
                    assert_eq!(stored_value(&mut card), 2);
                } else {
                    assert_eq!((answers, again), (vec![0x9000, 0x6982, 0x6982], 2));
                    refused += 1;
                }
            }
        }
    }
    println!("played again: {accepted} accepted (random challenges that repeat), {refused} refused; {changed} changes");
    assert_eq!((accepted, refused), (2 * 5, 2 * 2 * 5 + 2 * 5));
}

// --- Full storage --------------------------------------------------------------------------------------------------

/// What lasts on a storage: registry, keys, objects, and the sequence counter of the default key set.
fn look(bench: &BenchParts, flash: &Shared) -> Result<(String, Vec<u8>), OpenError<kit::flash::Failure>> {
    let mut ram = bench.ram.blank();
    let (picture, counter) = {
        let mut card = Card::open(ram.memory(), flash.clone(), bench.dice.clone(), Desk::default(), &bench.profile)?;
        let counter = say(&mut card, "80CA00C100");
        assert_eq!(counter.1, 0x9000);
        drop(card);
        (ram.picture(), counter.0)
    };
    Ok((picture, counter))
}

/// What stays the same while a card runs.
struct BenchParts {
    ram: Ram,
    dice: Dice,
    profile: Profile<'static>,
}

fn parts(bench: &Bench) -> BenchParts {
    let profile = factory(vec![key_set(KVN, factory_keys(), [0; 3])]);
    BenchParts { ram: bench.ram.blank(), dice: bench.dice.clone(), profile }
}

/// Keys by their version.
fn keys_of(version: u8) -> StaticKeys {
    if version == KVN { factory_keys() } else { keys_from(version, 16) }
}

fn put_set(p1: u8, version: u8) -> ([u8; 4], Vec<u8>) {
    let set = keys_of(version);
    let ids = [gp_scp03::KeyId::Enc, gp_scp03::KeyId::Mac, gp_scp03::KeyId::Dek];
    ([0x80, 0xD8, p1, 0x81], key_data(factory_keys().dek(), version, &ids.map(|id| set.key(id))))
}

fn instance(number: u8) -> Vec<u8> {
    [&APP[..6], &[number]].concat()
}

/// Commands that grow a card, and some that do not.
fn growing() -> Vec<([u8; 4], Vec<u8>)> {
    let file = tlv(0xC4, &cap_block(&FILE, &[&MODULE]));
    let install = |p1, fields: &[&[u8]]| ([0x80, 0xE6, p1, 0x00], install_fields(fields));
    let app = |number| install(0x0C, &[&FILE, &MODULE, &instance(number), &[0x00], &hex("C900"), &[]]);
    let store = |tag, length| ([0x80, 0xE2, 0x90, 0x00], tlv(tag, &vec![tag as u8; length]));
    vec![
        store(0x42, 70),
        install(0x02, &[&FILE, &[], &[], &[], &[]]),
        ([0x80, 0xE8, 0x00, 0x00], file[..200].to_vec()),
        ([0x80, 0xE8, 0x80, 0x01], file[200..].to_vec()),
        app(1),
        app(2),
        put_set(0x00, 0x31),
        store(0x45, 100),
        install(0x0C, &[&kit::SSD_FILE, &kit::SSD_MODULE, &SSD, &[0x80], &hex("C900"), &[]]),
        ([0x80, 0xF0, 0x40, 0x80], instance(1)),
        ([0x80, 0xF0, 0x40, 0x00], instance(1)),
        app(3),
        store(0x42, 110),
        put_set(0x31, 0x32),
        install(0x04, &[&FILE, &MODULE, &instance(4), &[0x00], &hex("C900"), &[]]),
        install(0x08, &[&[], &[], &instance(4), &[0x00], &[], &[]]),
        install(0x40, &[&[], &[], &instance(2), &hex("100000"), &[], &[]]),
        store(0x42, 20),
        app(5),
    ]
}

/// Storage of every size from too small to start up to large enough: each command is done whole or changes nothing, the
/// card goes on, its keys and counters work, and it can always be emptied again.
#[test]
fn storage_that_is_full_at_any_command() {
    let (mut too_small, mut sizes, mut refused, mut follow_up, mut done) = (0, 0, 0, 0, 0);
    for units in 4.. {
        let mut bench = Bench::new();
        bench.ram = Ram::new(16, 12, 8, 1);
        bench.flash = Shared::new(units);
        bench.desk.0.borrow_mut().quiet = true;
        let (flash, parts) = (bench.flash.clone(), parts(&bench));
        let mut card = match bench.try_card() {
            Ok(card) => card,
            Err(error) => {
                assert!(matches!(error, OpenError::Memory | OpenError::Unreadable), "{units}: {error:?}");
                too_small += 1;
                continue;
            }
        };
        sizes += 1;
        let fresh = look(&parts, &flash.copy()).unwrap().0;
        let mut host = Host::open(&mut card, KVN, SecurityLevel::CMac).expect("a counter always fits");
        let mut full = 0;
        for (header, data) in growing() {
            let before = look(&parts, &flash.copy()).unwrap();
            let answer = host.send(&mut card, header, &data);
            let what = format!("{units} units, {header:02X?}: {answer:02X?}");
            match answer.1 {
                0x9000 => {
                    done += 1;
                    continue;
                }
                0x6A84 => full += 1,
                // What should be there was refused before.
                0x6985 | 0x6A88 => {
                    assert!(full > 0, "{what}");
                    follow_up += 1;
                }
                _ => panic!("{what}"),
            }
            assert_eq!(answer.0, [], "{what}");
            assert_eq!(look(&parts, &flash.copy()).unwrap(), before, "{what}");
        }
        refused += full;
        // Sessions open as before, with every key set that is there.
        every_key_set_opens(&mut card);
        // And everything can go.
        let versions = versions(&mut card);
        let mut host = Host::open(&mut card, KVN, SecurityLevel::CMac).unwrap();
        for (name, _) in kit::states(&mut card, &mut host, 0x40) {
            assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &name)), 0x9000, "{units}");
        }
        if kit::states(&mut card, &mut host, 0x20).iter().any(|(name, _)| *name == FILE) {
            assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &FILE)), 0x9000, "{units}");
        }
        for version in versions.into_iter().filter(|version| *version != KVN) {
            assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &[0xD2, 0x01, version]), 0x9000, "{units}");
        }
        assert_eq!(kit::states(&mut card, &mut host, 0x40), []);
        drop(card);
        bench.assert_lasting();
        // But for the stored objects it is the card of the first day.
        let registry = |picture: &str| picture.split("ObjectSlot").next().unwrap().to_owned();
        assert_eq!(registry(&look(&parts, &flash.copy()).unwrap().0), registry(&fresh), "{units}");
        if full == 0 {
            break;
        }
    }
    println!(
        "{sizes} sizes of storage ({too_small} too small to start): {done} commands done, {refused} refused for want of \
         room, {follow_up} for what is therefore missing"
    );
    assert_eq!((sizes, too_small, done, refused, follow_up), (45, 20, 436, 269, 150));
}

/// Key versions that E0 shows; each set is whole.
fn versions(card: &mut impl Wire) -> Vec<u8> {
    select(card, &[]);
    let (information, status) = say(card, "80CA00E000");
    assert_eq!(status, 0x9000);
    let mut shown: Vec<(u8, u8)> = KeyInformation::parse(&information)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.key_version, entry.key_identifier))
        .collect();
    shown.sort_unstable();
    assert!(shown.chunks(3).all(|set| matches!(set, [(a, 1), (b, 2), (c, 3)] if a == b && b == c)), "{shown:X?}");
    shown.chunks(3).map(|set| set[0].0).collect()
}

/// Every key set that E0 shows opens a session, by the keys that were put under its version.
fn every_key_set_opens(card: &mut impl Wire) {
    for version in versions(card) {
        Opening::new(&mut keys_of(version), version, SecurityLevel::Full).open(card).expect("the keys of the version");
    }
}

// --- Bit rot -------------------------------------------------------------------------------------------------------

/// One of the lives that a storage may have had.
enum Ending {
    /// The last thing written is a counter: one unit.
    Counter,
    /// Keys were replaced: many units.
    Keys,
    /// Something was deleted.
    Deletion,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Rot {
    /// The card is as it was.
    as_it_was: usize,
    /// It does not start.
    refused: usize,
    /// It is as it was before the last change, which is as if power had been cut in it.
    before_the_last: usize,
    /// As it was some changes earlier: a length was hit, and covers what came after.
    before_some: usize,
    /// Of the last two: the sequence counter of the ISD's keys is lower than it was.
    lower_counter: usize,
}

/// A life, with what the storage said after every change: the last is now.
fn grown_old(ending: &Ending) -> (Shared, BenchParts, Vec<(String, Vec<u8>)>) {
    let mut bench = Bench::new();
    bench.ram = Ram::new(9, 9, 3, 1);
    bench.flash = Shared::new(64);
    bench.desk.0.borrow_mut().quiet = true;
    let (flash, parts) = (bench.flash.clone(), parts(&bench));
    let mut history = vec![];
    let mut card = bench.card();
    // Counters fill the first slot, so that a snapshot goes to the second one and both hold a card.
    for _ in 0..70 {
        assert_eq!(say(&mut card, "80503000081111111111111111 00").1, 0x9000);
    }
    assert!(card.wear().erases > 1, "both slots were in use");
    let mut commands = growing();
    commands.truncate(7);
    match ending {
        Ending::Counter => {}
        Ending::Keys => commands.push(put_set(0x31, 0x32)),
        Ending::Deletion => commands.push(([0x80, 0xE4, 0x00, 0x00], tlv(0x4F, &instance(2)))),
    }
    history.push(look(&parts, &flash.copy()).unwrap());
    let mut host = Host::open(&mut card, KVN, SecurityLevel::CMac).unwrap();
    history.push(look(&parts, &flash.copy()).unwrap());
    for (header, data) in commands {
        assert_eq!(host.status(&mut card, header, &data), 0x9000);
        history.push(look(&parts, &flash.copy()).unwrap());
    }
    if matches!(ending, Ending::Counter) {
        for _ in 0..4 {
            assert_eq!(say(&mut card, "80503000081111111111111111 00").1, 0x9000);
            history.push(look(&parts, &flash.copy()).unwrap());
        }
    }
    history.dedup();
    drop(card);
    (flash, parts, history)
}

fn rot(ending: &Ending) -> Rot {
    let (flash, parts, history) = grown_old(ending);
    let now = history.last().unwrap();
    let sequence = |state: &(String, Vec<u8>)| u32::from_be_bytes([0, state.1[2], state.1[3], state.1[4]]);
    let mut seen = Rot::default();
    let step = 100 / kit::scaled(100).clamp(1, 100) as usize;
    for slot in [Slot::A, Slot::B] {
        let bits = flash.0.borrow().octets(slot).len() * 8;
        for bit in (0..bits).step_by(step) {
            let damaged = flash.copy();
            damaged.0.borrow_mut().octets_mut(slot)[bit / 8] ^= 1 << (bit % 8);
            let found = match look(&parts, &damaged) {
                Err(error) => {
                    assert!(matches!(error, OpenError::Unreadable), "{error:?}");
                    seen.refused += 1;
                    continue;
                }
                Ok(found) => found,
            };
            let age = history.iter().rev().position(|state| *state == found);
            let age = age.unwrap_or_else(|| panic!("bit {bit} of {slot:?}: a card that never was: {found:?}"));
            match age {
                0 => seen.as_it_was += 1,
                1 => seen.before_the_last += 1,
                _ => seen.before_some += 1,
            }
            assert!(sequence(&found) <= sequence(now));
            seen.lower_counter += usize::from(sequence(&found) < sequence(now));
            // The keys are those that were put under their versions. Erased units are the same for all.
            if age != 0 || bit % 8 == 0 {
                let mut ram = parts.ram.blank();
                let dice = parts.dice.clone();
                let mut card = Card::open(ram.memory(), damaged.copy(), dice, Desk::default(), &parts.profile).unwrap();
                every_key_set_opens(&mut card);
            }
        }
    }
    seen
}

/// Every bit of both slots, one at a time: the card starts as it was at some time, or not at all. It never has another
/// key, a registry that never was, or a counter that was not shown.
///
/// A last change that is damaged looks like one in which power failed, and is undone like it (`card/log.rs`): then a
/// counter may be one of before, and a challenge comes again. A CRC cannot tell more; where bits rot, the storage has to
/// correct them.
#[test]
fn a_bit_that_rots_leaves_a_card_that_was_or_none() {
    let found = [Ending::Counter, Ending::Keys, Ending::Deletion].map(|ending| rot(&ending));
    for (ending, rot) in ["a counter", "keys", "a deletion"].into_iter().zip(&found) {
        println!("last written: {ending}: {rot:?}");
    }
    if kit::scaled(100) >= 100 {
        let rot = |as_it_was, refused, before_the_last, before_some, lower_counter| Rot {
            as_it_was,
            refused,
            before_the_last,
            before_some,
            lower_counter,
        };
        let expected =
            [rot(11_008, 5_233, 128, 15, 143), rot(10_496, 4_873, 1_013, 2, 0), rot(11_392, 4_861, 128, 3, 0)];
        assert_eq!(found, expected);
    }
    assert!(found.iter().all(|rot| rot.refused > 0 && rot.as_it_was > rot.before_some));
}

// --- The link ------------------------------------------------------------------------------------------------------

/// The link gave nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Timeout;

impl core::fmt::Display for Timeout {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("time is over")
    }
}

impl core::error::Error for Timeout {}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// The command does not arrive, and nothing comes back.
    CommandLost,
    /// The answer does not arrive.
    AnswerLost,
    /// So many octets of the answer arrive.
    Cut(usize),
    /// The answer arrives twice, in one piece.
    AnswerDoubled,
    /// The command arrives twice; the host gets the first answer, or the second.
    CommandTwice { second: bool },
    /// The command does not arrive, and what comes is the answer before.
    CommandLostStale,
    /// The command arrives, and what comes is the answer before.
    AnswerStale,
}

impl Fault {
    /// All but the cuts.
    const WHOLE: [Self; 7] = [
        Self::CommandLost,
        Self::AnswerLost,
        Self::AnswerDoubled,
        Self::CommandTwice { second: false },
        Self::CommandTwice { second: true },
        Self::CommandLostStale,
        Self::AnswerStale,
    ];
}

/// A link with one fault, at one exchange counted from when it was set.
struct Faulty<'c, 'm> {
    card: &'c mut TestCard<'m>,
    exchanges: usize,
    fault: Option<(usize, Fault)>,
    before: Vec<u8>,
    /// The longest answer since the fault was set, and whether the fault did something.
    longest: usize,
    struck: bool,
}

impl<'c, 'm> Faulty<'c, 'm> {
    const fn new(card: &'c mut TestCard<'m>) -> Self {
        Self { card, exchanges: 0, fault: None, before: vec![], longest: 0, struck: false }
    }
}

impl Transport for Faulty<'_, '_> {
    type Error = Timeout;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Timeout> {
        let number = self.exchanges;
        self.exchanges += 1;
        let fault = self.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        self.struck |= fault.is_some();
        let stale = self.before.clone();
        if fault == Some(Fault::CommandLost) {
            return Err(Timeout);
        }
        let mut answer =
            if fault == Some(Fault::CommandLostStale) { stale.clone() } else { self.card.transmit(command) };
        self.before.clone_from(&answer);
        self.longest = self.longest.max(answer.len());
        match fault {
            None | Some(Fault::CommandLost | Fault::CommandLostStale) => {}
            Some(Fault::AnswerLost) => return Err(Timeout),
            Some(Fault::Cut(length)) => {
                self.struck = length < answer.len();
                answer.truncate(length);
            }
            Some(Fault::AnswerDoubled) => answer = [answer.clone(), answer].concat(),
            Some(Fault::CommandTwice { second }) => {
                let again = self.card.transmit(command);
                answer = if second { again } else { answer };
            }
            Some(Fault::AnswerStale) => answer = stale,
        }
        response.get_mut(..answer.len()).ok_or(Timeout)?.copy_from_slice(&answer);
        Ok(answer.len())
    }
}

/// What the host is asked to do, one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operation {
    Store,
    Load,
    Install,
    MakeSelectable,
    Lock,
    Unlock,
    List,
    Read,
    PutKeys,
    Delete,
}

const OPERATIONS: [Operation; 10] = [
    Operation::Store,
    Operation::Load,
    Operation::Install,
    Operation::MakeSelectable,
    Operation::Lock,
    Operation::Unlock,
    Operation::List,
    Operation::Read,
    Operation::PutKeys,
    Operation::Delete,
];

/// Who vouches for the answer, and what was read.
type Success = (Origin, Vec<u8>);

fn aid(octets: &[u8]) -> Aid {
    Aid::new(octets).unwrap()
}

impl Operation {
    fn carry_out(self, host: &mut host::Host<'_>, link: &mut Faulty<'_, '_>) -> Result<Success, Error<Timeout>> {
        let (factory, new) = (factory_keys(), keys_of(0x31));
        Ok(match self {
            Self::Store => {
                let format = StoreDataFormat {
                    structure: gp_cardmanager_model::store_data::Structure::BerTlv,
                    ..StoreDataFormat::default()
                };
                let data = [tlv(0x42, &[0x42; 110]), tlv(0x45, &[0x45; 110]), tlv(0x5F50, &[0x50; 60])].concat();
                (run(host, link, StoreData::new(format, &data))?.origin, vec![])
            }
            Self::Load => {
                let block = cap_block(&FILE, &[&MODULE]);
                let mut head = [0; 8];
                let head =
                    LoadFile { daps: &[], content: Content::Plain { len: block.len() } }.emit_head(&mut head).unwrap();
                let body =
                    ForLoad { load_file: aid(&FILE), security_domain: None, hash: &[], parameters: &[], token: &[] };
                (run(host, link, Load::new(body, head, block.chunks(50)).with_block_len(150))?.origin, vec![])
            }
            Self::Install => {
                let body = ForInstall {
                    load_file: Some(aid(&FILE)),
                    module: Some(aid(&MODULE)),
                    application: aid(&APP),
                    privileges: &[0x00],
                    parameters: &[0xC9, 0x00],
                    token: &[],
                };
                (run(host, link, Install::new(install::Install::Install(body)))?.origin, vec![])
            }
            Self::MakeSelectable => (run(host, link, Install::make_selectable(aid(&APP)))?.origin, vec![]),
            Self::Lock => (run(host, link, SetStatus::lock(aid(&APP)))?, vec![]),
            Self::Unlock => (run(host, link, SetStatus::unlock(aid(&APP)))?, vec![]),
            Self::List => {
                let mut found = vec![];
                let list = GetStatus::new(Subset::Applications, |entry| {
                    found.extend(
                        entry.map_or(vec![0xEE], |entry| entry.aid.map_or(vec![], |aid| aid.as_bytes().to_vec())),
                    );
                });
                let listed = run(host, link, list)?;
                (listed.origin, found)
            }
            Self::Read => {
                let answer = run(host, link, GetData::IIN)?;
                (answer.origin, answer.data.to_vec())
            }
            Self::PutKeys => (run(host, link, PutKeys::add(0x31, NewKeys::Set(&new), factory.dek()))?.origin, vec![]),
            Self::Delete => (run(host, link, Delete::object(aid(&APP)))?.origin, vec![]),
        })
    }
}

/// One run: operations up to `last`, that one with the fault.
struct Run {
    result: Result<Success, Error<Timeout>>,
    /// Registry, keys and objects before and after it, and what the applications were asked in all.
    before: String,
    after: String,
    events: Vec<kit::Event>,
    /// The exchanges of it, and the longest answer.
    exchanges: usize,
    longest: usize,
    struck: bool,
    /// What lasts once the host has begun anew and done it where it was not done.
    at_last: String,
}

fn lasting(flash: &Shared, bench: &BenchParts) -> String {
    look(bench, &flash.copy()).unwrap().0
}

fn run_with(level: SecurityLevel, last: usize, fault: Option<(usize, Fault)>, expected: Option<&str>) -> Run {
    let mut bench = Bench::new();
    bench.ram = Ram::new(8, 9, 12, 1);
    bench.flash = Shared::new(128);
    let (flash, desk, parts) = (bench.flash.clone(), bench.desk.clone(), parts(&bench));
    let mut card = bench.card();
    let mut link = Faulty::new(&mut card);
    let (mut command, mut response) = ([0; 300], [0; 600]);
    let mut host = host::Host::new(&mut command, &mut response, ());
    let keys = factory_keys();
    let challenge = |number| Challenge::new(&[number; 8]).unwrap();
    let open = |host: &mut host::Host<'_>, link: &mut Faulty<'_, '_>, number| {
        run(host, link, Authenticate::new(challenge(number), level, |_| Ok(&keys)).with_key_version(KVN)).unwrap();
    };
    open(&mut host, &mut link, 1);
    for operation in &OPERATIONS[..last] {
        operation.carry_out(&mut host, &mut link).unwrap();
    }
    let before = lasting(&flash, &parts);
    (link.exchanges, link.longest, link.fault) = (0, 0, fault);
    let result = OPERATIONS[last].carry_out(&mut host, &mut link);
    let (exchanges, longest, struck) = (link.exchanges, link.longest, link.struck);
    link.fault = None;
    let (after, events) = (lasting(&flash, &parts), desk.events());
    run(&mut host, &mut link, Select::issuer_security_domain()).unwrap();
    open(&mut host, &mut link, 2);
    if expected.is_some_and(|expected| expected != after) {
        OPERATIONS[last].carry_out(&mut host, &mut link).unwrap();
    }
    let at_last = lasting(&flash, &parts);
    Run { result, before, after, events, exchanges, longest, struck, at_last }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Links {
    runs: usize,
    /// The host says that it failed, and the card did nothing, or did it.
    failed_undone: usize,
    failed_done: usize,
    /// The host says that it is done, and so it is.
    succeeded: usize,
    /// A session without R-MAC: the host passes on what anybody may have said, as `Origin::Plain`, and it is not so.
    plain_and_untrue: usize,
}

/// All faults at all exchanges of all operations at a level.
fn faulty_links(level: SecurityLevel) -> Links {
    let mut count = Links::default();
    for (at, operation) in OPERATIONS.into_iter().enumerate() {
        let good = run_with(level, at, None, None);
        let truth = good.result.as_ref().unwrap().clone();
        let undone_events =
            if at == 0 { vec![kit::Event::Start(vec![])] } else { run_with(level, at - 1, None, None).events };
        for exchange in 0..good.exchanges {
            for fault in (0..good.longest).map(Fault::Cut).chain(Fault::WHOLE) {
                let tried = run_with(level, at, Some((exchange, fault)), Some(&good.after));
                if !tried.struck {
                    continue;
                }
                let what = format!("{operation:?}, exchange {exchange}, {fault:?}, {level:?}: {:?}", tried.result);
                count.runs += 1;
                // All of it or nothing, and never twice.
                let done = tried.after == good.after && tried.events == good.events;
                let undone = tried.after == good.before && tried.events == undone_events;
                assert!(done || undone, "{what}: {:?}", tried.events);
                let changes = good.after != good.before;
                match &tried.result {
                    Err(_) if undone => count.failed_undone += 1,
                    Err(_) => count.failed_done += 1,
                    Ok((origin, data)) => {
                        assert_eq!(*origin == Origin::Authentic, level.has_r_mac(), "{what}");
                        let true_ = (done || !changes) && *data == truth.1;
                        assert!(true_ || !level.has_r_mac(), "{what}");
                        if true_ {
                            count.succeeded += 1;
                        } else {
                            count.plain_and_untrue += 1;
                        }
                    }
                }
                assert_eq!(tried.at_last, good.after, "{what}: no way on");
            }
        }
    }
    count
}

/// Whatever the link does with one exchange, a host under R-MAC never reports what the card did not do, a card never does
/// twice what was sent once, and both find together again. Without R-MAC the host cannot know, and says so.
#[test]
fn a_link_that_times_out_truncates_or_duplicates() {
    let levels = [SecurityLevel::Full, SecurityLevel::CMacRMac, SecurityLevel::CMac];
    let found = levels.map(|level| {
        let found = faulty_links(level);
        println!("{level:?}: {found:?}");
        found
    });
    let links = |runs, failed_undone, failed_done, succeeded, plain_and_untrue| Links {
        runs,
        failed_undone,
        failed_done,
        succeeded,
        plain_and_untrue,
    };
    assert_eq!(found, [links(542, 340, 192, 10, 0), links(405, 269, 126, 10, 0), links(293, 200, 48, 32, 13)]);
}

/// The same faults in the handshake: there is a session at both ends or the host says that there is none; what it then
/// reads is the card's word; no fault makes the card use a counter again.
#[test]
fn a_handshake_over_a_link_that_times_out_truncates_or_duplicates() {
    let (mut opened, mut failed) = (0, 0);
    for exchange in 0..2 {
        for fault in (0..34).map(Fault::Cut).chain(Fault::WHOLE) {
            let mut bench = Bench::new();
            let mut card = bench.card();
            let mut link = Faulty::new(&mut card);
            let (mut command, mut response) = ([0; 300], [0; 600]);
            let mut host = host::Host::new(&mut command, &mut response, ());
            let keys = factory_keys();
            let authenticate = |number| {
                let challenge = Challenge::new(&[number; 8]).unwrap();
                Authenticate::new(challenge, SecurityLevel::Full, |_| Ok(&keys)).with_key_version(KVN)
            };
            run(&mut host, &mut link, authenticate(1)).unwrap();
            let format = StoreDataFormat {
                structure: gp_cardmanager_model::store_data::Structure::BerTlv,
                ..StoreDataFormat::default()
            };
            run(&mut host, &mut link, StoreData::new(format, &tlv(0x42, &[0x42; 5]))).unwrap();
            run(&mut host, &mut link, Select::issuer_security_domain()).unwrap();
            // The answer before is one to INITIALIZE UPDATE, of the session before.
            link.before = run_initialize_update(link.card);
            (link.exchanges, link.fault) = (0, Some((exchange, fault)));
            let result = run(&mut host, &mut link, authenticate(2)).map(|_| ());
            let used = link.exchanges;
            link.fault = None;
            if !link.struck {
                assert_eq!(result, Ok(()));
                continue;
            }
            assert!(used <= 2, "no attempt is made twice");
            if result.is_ok() {
                opened += 1;
                let read = run(&mut host, &mut link, GetData::IIN);
                match read {
                    Ok(answer) => {
                        assert_eq!((answer.data, answer.origin), (&tlv(0x42, &[0x42; 5])[..], Origin::Authentic))
                    }
                    // The second EXTERNAL AUTHENTICATE was no command of the session.
                    Err(_) => assert_eq!((exchange, fault), (1, Fault::CommandTwice { second: false })),
                }
            } else {
                failed += 1;
                assert!(host.secure_channel().is_none(), "{exchange} {fault:?}");
            }
            run(&mut host, &mut link, Select::issuer_security_domain()).unwrap();
            let (sequence, _) = say(link.card, "80CA00C100");
            let before = u32::from_be_bytes([0, sequence[2], sequence[3], sequence[4]]);
            let arrived = match fault {
                Fault::CommandLost | Fault::CommandLostStale if exchange == 0 => 2,
                Fault::CommandTwice { .. } if exchange == 0 => 4,
                _ => 3,
            };
            assert_eq!(before, arrived, "{exchange} {fault:?}: one counter for each that arrived");
        }
    }
    println!("{failed} faults, and no session; {opened}, and a session at both ends");
    assert_eq!((opened, failed), (2, 48));
}

/// INITIALIZE UPDATE by somebody else; the answer.
fn run_initialize_update(card: &mut TestCard<'_>) -> Vec<u8> {
    card.transmit(&hex("80503000083333333333333333 00"))
}
