//! Power fails at every single read, erase and program of a card's whole life, with every kind of torn unit: afterwards the
//! card is as before or as after the command, its keys open what they should, no counter repeats, and the rest of the
//! life goes on to the same end.

use crate::kit;
use gp_cardmanager_model::card::Card;
use gp_cardmanager_model::key_info::KeyInformation;
use gp_scp03::{SecurityLevel, StaticKeys};
use kit::flash::Tear;
use kit::{
    Bench, Desk, Host, ISD, Opening, SSD_FILE, SSD_MODULE, Shared, TestCard, Wire, cap_block, factory_keys, hex,
    install_fields, key_data, keys_from, raw, select, tlv,
};

const PACKAGE: [u8; 6] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00];
const MODULE: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00, 0x01];
const SECOND: [u8; 6] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x01];
const SECOND_MODULE: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x01, 0x01];
const APP: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x1A, 0x00, 0x01];
const DOMAIN: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x0D];
const EMPTY: &[u8] = &[];

/// One step of a life.
enum Step {
    /// A session with this security domain, by this version of its keys.
    Session(&'static [u8], u8),
    /// A command. `begins`: a life that goes on after a cut may begin here.
    Send { header: [u8; 4], data: Vec<u8>, begins: bool },
}

fn send(header: [u8; 4], data: Vec<u8>) -> Step {
    Step::Send { header, data, begins: true }
}

/// Goes on with what came before.
fn then(header: [u8; 4], data: Vec<u8>) -> Step {
    Step::Send { header, data, begins: false }
}

/// All keys that this life ever uses, by their version.
fn keys(version: u8) -> StaticKeys {
    match version {
        0x30 => factory_keys(),
        _ => keys_from(version, 16),
    }
}

fn put_keys(p1: u8, by: u8, version: u8) -> Step {
    let set = keys(version);
    let ids = [gp_scp03::KeyId::Enc, gp_scp03::KeyId::Mac, gp_scp03::KeyId::Dek];
    send([0x80, 0xD8, p1, 0x81], key_data(keys(by).dek(), version, &ids.map(|id| set.key(id))))
}

/// Loads, installs, makes selectable, extradites, puts and rotates keys, stores data, locks and deletes.
fn life() -> Vec<Step> {
    let fields = |fields: &[&[u8]]| install_fields(fields);
    let aid = |name: &[u8]| tlv(0x4F, name);
    let install = |p1: u8, p2: u8, list: &[&[u8]]| send([0x80, 0xE6, p1, p2], fields(list));
    let file = tlv(0xC4, &cap_block(&PACKAGE, &[&MODULE]));
    let second = tlv(0xC4, &cap_block(&SECOND, &[&SECOND_MODULE]));
    let c9 = hex("C900");
    vec![
        Step::Session(&ISD, 0x30),
        install(0x02, 0, &[&PACKAGE, EMPTY, EMPTY, EMPTY, EMPTY]),
        then([0x80, 0xE8, 0x00, 0x00], file[..200].to_vec()),
        then([0x80, 0xE8, 0x80, 0x01], file[200..].to_vec()),
        install(0x04, 0, &[&PACKAGE, &MODULE, &APP, &[0x10], &hex("C9021234"), EMPTY]),
        install(0x08, 0, &[EMPTY, EMPTY, &APP, &[0x04], &hex("EF03CF0141"), EMPTY]),
        install(0x0C, 0, &[&SSD_FILE, &SSD_MODULE, &DOMAIN, &hex("808000"), &hex("C906820120870120"), EMPTY]),
        Step::Session(&DOMAIN, 0x30),
        put_keys(0x00, 0x30, 0x41),
        Step::Session(&ISD, 0x30),
        install(0x10, 0, &[&DOMAIN, EMPTY, &APP, EMPTY, EMPTY, EMPTY]),
        install(0x40, 0, &[EMPTY, EMPTY, &APP, &hex("120200"), &hex("EF03CF0142"), EMPTY]),
        put_keys(0x00, 0x30, 0x31),
        Step::Session(&ISD, 0x31),
        put_keys(0x31, 0x31, 0x32),
        Step::Session(&ISD, 0x32),
        send([0x80, 0xE4, 0x00, 0x00], hex("D20130")),
        send([0x80, 0xE2, 0x90, 0x00], tlv(0x42, &[0x42; 70])),
        send([0x80, 0xE2, 0x90, 0x00], tlv(0x42, &[0x24; 40])),
        send([0x80, 0xE2, 0x10, 0x00], tlv(0x45, &[0x45; 100])[..60].to_vec()),
        then([0x80, 0xE2, 0x90, 0x01], tlv(0x45, &[0x45; 100])[60..].to_vec()),
        install(0x40, 0, &[EMPTY, EMPTY, &APP, &[0], EMPTY, EMPTY]),
        send([0x80, 0xF0, 0x40, 0x80], APP.to_vec()),
        send([0x80, 0xF0, 0x40, 0x00], APP.to_vec()),
        send([0x80, 0xF0, 0x60, 0x80], DOMAIN.to_vec()),
        send([0x80, 0xF0, 0x60, 0x00], DOMAIN.to_vec()),
        install(0x0E, 1, &[&SECOND, &DOMAIN, EMPTY, EMPTY, EMPTY]),
        then([0x80, 0xE8, 0x00, 0x00], second[..200].to_vec()),
        then([0x80, 0xE8, 0x80, 0x01], second[200..].to_vec()),
        then([0x80, 0xE6, 0x0E, 3], fields(&[&SECOND, &SECOND_MODULE, &SECOND_MODULE, &[0], &c9, EMPTY])),
        install(0x40, 0, &[&DOMAIN, EMPTY, EMPTY, EMPTY, &hex("EF03D90101"), EMPTY]),
        send([0x80, 0xE4, 0x00, 0x80], aid(&SECOND)),
        send([0x80, 0xE4, 0x00, 0x00], aid(&APP)),
        send([0x80, 0xE4, 0x00, 0x00], aid(&PACKAGE)),
        send([0x80, 0xE4, 0x00, 0x00], aid(&DOMAIN)),
        install(0x40, 0, &[EMPTY, EMPTY, EMPTY, EMPTY, &hex("EF03D90102"), EMPTY]),
        send([0x80, 0xF0, 0x80, 0x7F], vec![]),
        send([0x80, 0xF0, 0x80, 0x0F], vec![]),
    ]
}

/// A card of few units, so that compactions come often.
fn bench(units: usize) -> Bench {
    let mut bench = Bench::new();
    bench.ram = kit::Ram::new(12, 12, 12, 1);
    bench.flash = Shared::new(units);
    bench.desk.0.borrow_mut().quiet = true;
    bench
}

/// What lasts on a flash memory, but for sequence counters.
fn picture(bench: &Bench) -> String {
    let mut ram = bench.ram.blank();
    drop(Card::open(ram.memory(), bench.flash.copy(), bench.dice.clone(), Desk::default(), &bench.profile).unwrap());
    ram.picture()
}

/// Sequence counters that the host has seen, the highest for each version of keys.
type Counters = std::collections::BTreeMap<u8, u32>;

/// Takes one step; `None` when power failed in it.
fn take(
    card: &mut TestCard<'_>,
    flash: &Shared,
    host: &mut Option<Host>,
    step: &Step,
    seen: &mut Counters,
) -> Option<()> {
    match step {
        Step::Session(name, version) => {
            // On a locked card with a warning.
            assert!([0x9000, 0x6283].contains(&select(card, name).1));
            let opened = Opening::new(&mut keys(*version), *version, SecurityLevel::CMac).open(card);
            if flash.0.borrow().is_off() {
                assert_eq!(opened.err(), Some(0x6581));
                return None;
            }
            let opened = opened.expect("the keys open");
            let sequence = u32::from_be_bytes([0, opened.shown[29], opened.shown[30], opened.shown[31]]);
            // The same version of the same security domain never shows a counter twice; the factory set serves two.
            let key = if *version == 0x41 { 0xD1 } else { *version };
            assert!(seen.insert(key, sequence).is_none_or(|before| before < sequence), "a counter was repeated");
            *host = Some(opened);
        }
        Step::Send { header, data, .. } => {
            let host = host.as_mut().expect("a session");
            let answer = host.send(card, *header, data);
            if flash.0.borrow().is_off() {
                assert_eq!(answer, (vec![], 0x6581), "nothing is said of what is not certain");
                assert_eq!(card.transmit(&hex("80CA006600")), hex("6581"));
                return None;
            }
            assert_eq!(answer.1, 0x9000, "{header:02X?}");
        }
    }
    Some(())
}

/// Where a life goes on after `step` was, or was not, done.
fn resume_at(life: &[Step], step: usize) -> usize {
    let begins = |step: &Step| !matches!(step, Step::Send { begins: false, .. });
    (0..=step).rev().find(|at| begins(&life[*at])).unwrap()
}

/// Lives on from a step to the end, in one go.
fn live_on(bench: &mut Bench, life: &[Step], from: usize, seen: &mut Counters) {
    let flash = bench.flash.clone();
    let mut card = bench.card();
    let mut host = None;
    if let Some(session) = (0..=from.min(life.len() - 1)).rev().find(|at| matches!(life[*at], Step::Session(..)))
        && session < from
    {
        take(&mut card, &flash, &mut host, &life[session], seen).unwrap();
    }
    for step in &life[from..] {
        take(&mut card, &flash, &mut host, step, seen).unwrap();
    }
}

/// Every key set that E0 shows opens a session with the keys of its version.
fn keys_agree(bench: &mut Bench) {
    let mut card = bench.card();
    let (information, status) = raw(&mut card, &hex("80CA00E000"));
    assert_eq!(status, 0x9000);
    let mut versions: Vec<(u8, u8)> = KeyInformation::parse(&information)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.key_version, entry.key_identifier))
        .collect();
    versions.sort_unstable();
    assert!(versions.chunks(3).all(|set| matches!(set, [(a, 1), (b, 2), (c, 3)] if a == b && b == c)), "{versions:X?}");
    for set in versions.chunks(3) {
        let version = set[0].0;
        Opening::new(&mut keys(version), version, SecurityLevel::Full)
            .open(&mut card)
            .expect("the keys of the version");
    }
}

/// What the whole life looks like after each step, and its storage operations.
struct Course {
    pictures: Vec<String>,
    operations: u64,
}

fn course(units: usize, life: &[Step]) -> Course {
    let mut bench = bench(units);
    let mut pictures = vec![];
    let (flash, dice, profile) = (bench.flash.clone(), bench.dice.clone(), Bench::new().profile);
    let blank = bench.ram.blank();
    let mut card = bench.card();
    let before = flash.0.borrow().operations();
    let look = |flash: &Shared| {
        let mut ram = blank.blank();
        drop(Card::open(ram.memory(), flash.copy(), dice.clone(), Desk::default(), &profile).unwrap());
        ram.picture()
    };
    pictures.push(look(&flash));
    let (mut host, mut seen) = (None, Counters::new());
    for step in life {
        take(&mut card, &flash, &mut host, step, &mut seen).unwrap();
        pictures.push(look(&flash));
    }
    let operations = flash.0.borrow().operations() - before;
    Course { pictures, operations }
}

/// Cuts a life at an operation; answers whether it was a read.
fn cut(units: usize, life: &[Step], course: &Course, operation: u64, tear: Tear) -> bool {
    let mut bench = bench(units);
    let flash = bench.flash.clone();
    let mut card = bench.card();
    let (mut host, mut seen) = (None, Counters::new());
    flash.0.borrow_mut().cut_at(operation, tear);
    let broken = life
        .iter()
        .position(|step| take(&mut card, &flash, &mut host, step, &mut seen).is_none())
        .expect("the power fails in some step");
    drop(card);
    let read = flash.0.borrow().cut_in_read();
    flash.0.borrow_mut().power_on();
    // Before or after: where both look alike it does not matter.
    let now = picture(&bench);
    let done = now == course.pictures[broken + 1];
    assert!(
        done || now == course.pictures[broken],
        "step {broken}, operation {operation}, {tear:?}: between two states"
    );
    keys_agree(&mut bench);
    let next = if done && now != course.pictures[broken] { broken + 1 } else { resume_at(life, broken) };
    // The sessions of `keys_agree` have counted, too; only what comes now is compared.
    live_on(&mut bench, life, next, &mut seen);
    assert_eq!(picture(&bench), *course.pictures.last().unwrap(), "step {broken}, operation {operation}, {tear:?}");
    read
}

fn cut_everywhere(units: usize, tears: &[Tear]) -> u64 {
    let life = life();
    let course = course(units, &life);
    let mut cuts = 0;
    for operation in 0..course.operations {
        for tear in tears {
            cuts += 1;
            if cut(units, &life, &course, operation, *tear) {
                break;
            }
        }
    }
    println!("{cuts} cuts in a life of {} operations on 2 slots of {units} units", course.operations);
    cuts
}

#[test]
fn a_life_survives_a_cut_at_every_operation() {
    let tears = [Tear::Nothing, Tear::Everything, Tear::Prefix(8), Tear::Suffix(8), Tear::Bits(1), Tear::Junk(2)];
    let tears = &tears[..kit::scaled(6).clamp(1, 6) as usize];
    assert!(cut_everywhere(512, tears) > 100);
}

#[test]
fn a_life_on_little_storage_survives_a_cut_at_every_operation() {
    let tears = [Tear::Bits(3), Tear::Prefix(3), Tear::Suffix(1), Tear::Everything, Tear::Nothing];
    let tears = &tears[..kit::scaled(5).clamp(1, 5) as usize];
    assert!(cut_everywhere(104, tears) > 100);
}

#[test]
fn torn_units_of_every_length_at_every_write() {
    // Whole units are swept at the writes of one command: a rotation of keys.
    let life = life();
    let rotation = life.iter().position(|step| matches!(step, Step::Session(_, 0x31))).unwrap() + 1;
    let course = course(512, &life);
    let mut cuts = 0;
    'operations: for write in 0.. {
        for tear in Tear::all(16, 4) {
            let mut bench = bench(512);
            let flash = bench.flash.clone();
            let mut card = bench.card();
            let (mut host, mut seen) = (None, Counters::new());
            for step in &life[..rotation] {
                take(&mut card, &flash, &mut host, step, &mut seen).unwrap();
            }
            flash.0.borrow_mut().cut_at_write(write, tear);
            let whole = take(&mut card, &flash, &mut host, &life[rotation], &mut seen).is_some();
            drop(card);
            flash.0.borrow_mut().power_on();
            if whole {
                break 'operations;
            }
            let now = picture(&bench);
            assert!(course.pictures[rotation..=rotation + 1].contains(&now), "{write} {tear:?}");
            keys_agree(&mut bench);
            cuts += 1;
        }
    }
    println!("{cuts} torn units");
    assert!(cuts > 100);
}

#[test]
fn opening_survives_a_cut_at_every_operation() {
    // The very first start, which writes the factory's state, and a start from a full log.
    let mut cuts = 0;
    for units in [40, 512] {
        for operation in 0.. {
            for tear in Tear::all(16, 2) {
                let mut bench = bench(units);
                bench.flash.0.borrow_mut().cut_at(operation, tear);
                let opened = bench.try_card().is_ok();
                let cut = bench.flash.0.borrow().is_off();
                assert_eq!(opened, !cut);
                bench.flash.0.borrow_mut().power_on();
                assert_eq!(raw(&mut bench.card(), &hex("80CA00C100")), (hex("C103000000"), 0x9000));
                if !cut {
                    break;
                }
                cuts += 1;
            }
            if !bench_cut(units, operation) {
                break;
            }
        }
    }
    println!("{cuts} cuts");
    assert!(cuts > 100);
}

/// Does a first start have this operation?
fn bench_cut(units: usize, operation: u64) -> bool {
    let mut bench = bench(units);
    bench.flash.0.borrow_mut().cut_at(operation, Tear::Nothing);
    bench.try_card().is_err()
}

#[test]
fn the_running_card_is_the_stored_one_after_every_step() {
    let life = life();
    for units in [104, 512] {
        for steps in 0..=life.len() {
            let mut bench = bench(units);
            let flash = bench.flash.clone();
            let mut card = bench.card();
            let (mut host, mut seen) = (None, Counters::new());
            for step in &life[..steps] {
                take(&mut card, &flash, &mut host, step, &mut seen).unwrap();
            }
            // What is pending lasts nowhere.
            card.reset();
            drop(card);
            bench.assert_lasting();
        }
    }
}

#[test]
fn ten_thousand_sessions_wear_little() {
    for (units, most) in [(104, 150), (512, 23), (4096, 3)] {
        let mut bench = bench(units);
        let mut card = bench.card();
        let before = card.wear();
        for _ in 0..10_000 {
            assert_eq!(raw(&mut card, &hex("80503000081111111111111111 00")).1, 0x9000);
        }
        let after = card.wear();
        let (erases, programs) = (after.erases - before.erases, after.programs - before.programs);
        println!("{units} units: {erases} erases and {programs} programs in 10,000 INITIALIZE UPDATEs");
        assert!(erases <= most, "{units}: {erases}");
        assert!(programs < 10_000 + erases * 40);
    }
    // With a limit of failures, a stranger's attempts cost one unit more each.
    let mut bench = bench(512);
    bench.profile.max_failures = 255;
    let mut card = bench.card();
    let before = card.wear().programs;
    for _ in 0..100 {
        assert_eq!(raw(&mut card, &hex("80503000081111111111111111 00")).1, 0x9000);
        assert_eq!(raw(&mut card, &hex("848201001000112233445566778899AABBCCDDEEFF")).1, 0x6982);
    }
    assert_eq!(card.wear().programs - before, 200);
}
