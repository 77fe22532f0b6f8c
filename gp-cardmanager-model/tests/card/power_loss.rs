//! Power fails at every single read, erase and program of a card's whole life, with every kind of torn unit: afterwards the
//! card is as before or as after the command, its keys open what they should, no counter of sessions or confirmations
//! repeats, and the rest of the life goes on to the same end.

use std::collections::BTreeMap;

use crate::kit;
use gp_cardmanager_model::card::{Card, KeySlot, ObjectSlot, RegistryEntry};
use gp_cardmanager_model::key_info::KeyInformation;
use gp_scp03::{Key, SecurityLevel, StaticKeys};
use kit::flash::Tear;
use kit::{
    Bench, Desk, Host, ISD, Opening, SSD_FILE, SSD_MODULE, Shared, TestCard, Wire, cap_block, factory_keys, hex,
    install_fields, key_data, keys_from, lv, raw, select_on, tlv, toy_hash,
};

const PACKAGE: [u8; 6] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00];
const MODULE: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00, 0x01];
const SECOND: [u8; 6] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x01];
const SECOND_MODULE: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x01, 0x01];
const APP: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x1A, 0x00, 0x01];
const DOMAIN: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x0D];
const LIBRARY: [u8; 6] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x02];
const USER: [u8; 6] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x03];
const USER_MODULE: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x03, 0x01];
const DELEGATE: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x0E];
const DELEGATED_APP: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x1A, 0x00, 0x02];
/// Versions of the issuer's keys that open no session: for tokens and for receipts.
const TOKEN: u8 = 0x70;
const RECEIPT: u8 = 0x71;
/// `42` and `45` of the issuer, from a certain step on.
const PROVIDER: [u8; 40] = [0x24; 40];
const IMAGE: [u8; 100] = [0x45; 100];
/// Octets of a data object in one slot.
const PART: usize = 32;
const EMPTY: &[u8] = &[];

/// One step of a life, on a logical channel.
struct Step {
    channel: u8,
    act: Act,
    /// A life that goes on after a cut may begin here.
    begins: bool,
}

enum Act {
    /// The channel opens, or closes.
    Open,
    Close,
    /// A session with this security domain, by this version of its keys or of those above it.
    Session(&'static [u8], u8),
    /// A command, and for a delegated one what its receipt says of the operation.
    Send {
        header: [u8; 4],
        data: Vec<u8>,
        confirms: Option<Vec<u8>>,
    },
}

impl Step {
    fn on(self, channel: u8) -> Self {
        Self { channel, ..self }
    }

    /// The answer is a receipt for the operation with this data (GPCS C.5).
    fn confirming(mut self, operation: &[&[u8]]) -> Self {
        if let Act::Send { confirms, .. } = &mut self.act {
            *confirms = Some(install_fields(operation));
        }
        self
    }
}

fn step(act: Act) -> Step {
    Step { channel: 0, act, begins: true }
}

fn session(name: &'static [u8], version: u8) -> Step {
    step(Act::Session(name, version))
}

fn send(header: [u8; 4], data: Vec<u8>) -> Step {
    step(Act::Send { header, data, confirms: None })
}

/// Goes on with what came before.
fn then(header: [u8; 4], data: Vec<u8>) -> Step {
    Step { begins: false, ..send(header, data) }
}

fn service_key(version: u8) -> Key {
    Key::new(&[version; 16]).unwrap()
}

/// The token for a command with these fields (GPCS C.4).
fn token(p1: u8, fields: &[u8]) -> [u8; 16] {
    service_key(TOKEN).cmac(&[&[p1, 0x00, fields.len() as u8], fields])
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

/// A life with a second channel: on it a security domain with Delegated Management loads a file that imports another
/// one, installs, updates the registry and deletes, by tokens; on the basic channel the issuer does something in the
/// middle of it, and locks the delegate with all it has.
fn delegated_life() -> Vec<Step> {
    let aid = |name: &[u8]| tlv(0x4F, name);
    let service = |version: u8| key_data(keys(0x32).dek(), version, &[&service_key(version)]);
    let install = |p1: u8, list: &[&[u8]]| send([0x80, 0xE6, p1, 0], install_fields(list));
    let signed = |p1: u8, list: &[&[u8]]| {
        let fields = install_fields(list);
        let token = lv(&token(p1, &fields));
        send([0x80, 0xE6, p1, 0], [fields, token].concat()).on(1)
    };
    let delete = |name: &[u8]| {
        let token = tlv(0x9E, &token(0, &aid(name)));
        send([0x80, 0xE4, 0, 0], [aid(name), token].concat()).on(1).confirming(&[name])
    };
    let library = tlv(0xC4, &cap_block(&LIBRARY, &[]));
    // Header, an import of version 1.5 and one of the platform, Applet.
    let component = |tag: u8, body: &[u8]| [&[tag, 0, body.len() as u8], body].concat();
    let user = [
        component(1, &[&hex("DECAFFED 01 02 04 0201"), &lv(&USER)[..]].concat()),
        component(4, &[&[2, 5, 1][..], &lv(&LIBRARY), &[0, 1], &lv(&hex("A0000000620101"))].concat()),
        component(3, &[&[1][..], &lv(&USER_MODULE), &[0, 0x10]].concat()),
    ]
    .concat();
    let (hash, user) = (toy_hash(&user, 32), tlv(0xC4, &user));
    let (c9, cf) = (hex("C900"), hex("EF03CF0144"));
    vec![
        send([0x80, 0xD8, 0x00, 0x01], service(TOKEN)),
        send([0x80, 0xD8, 0x00, 0x01], service(RECEIPT)),
        install(0x0C, &[&SSD_FILE, &SSD_MODULE, &DELEGATE, &hex("A00000"), &c9, EMPTY]),
        step(Act::Open).on(1),
        session(&DELEGATE, 0x32).on(1),
        send([0x80, 0xF0, 0x40, 0x0F], DELEGATE.to_vec()).on(1),
        // While the issuer loads, the delegate stores something; doing so twice is doing so once.
        install(0x02, &[&LIBRARY, EMPTY, EMPTY, EMPTY, EMPTY]),
        then([0x80, 0xE8, 0x00, 0x00], library[..200].to_vec()),
        then([0x80, 0xE2, 0x90, 0x00], tlv(0x45, &[0x77; 20])).on(1),
        then([0x80, 0xE8, 0x80, 0x01], library[200..].to_vec()),
        // While the delegate loads, the issuer restricts another domain, for ever.
        signed(0x02, &[&USER, EMPTY, &hash, EMPTY]),
        then([0x80, 0xE8, 0x00, 0x00], user[..40].to_vec()).on(1),
        then([0x80, 0xE6, 0x40, 0], install_fields(&[&DOMAIN, EMPTY, EMPTY, EMPTY, &hex("EF03D90104"), EMPTY])),
        then([0x80, 0xE8, 0x80, 0x01], user[40..].to_vec()).on(1).confirming(&[&USER, &DELEGATE]),
        signed(0x0C, &[&USER, &USER_MODULE, &DELEGATED_APP, &[0], &c9]).confirming(&[&USER, &DELEGATED_APP]),
        signed(0x40, &[EMPTY, EMPTY, &DELEGATED_APP, &[0x10], &cf]).confirming(&[
            EMPTY,
            &DELEGATED_APP,
            EMPTY,
            &[0x10],
            &cf,
        ]),
        send([0x80, 0xF0, 0x60, 0x80], DELEGATE.to_vec()),
        send([0x80, 0xF0, 0x60, 0x00], DELEGATE.to_vec()),
        session(&DELEGATE, 0x32).on(1),
        delete(&DELEGATED_APP),
        delete(&USER),
        send([0x80, 0xE4, 0x00, 0x00], aid(&LIBRARY)),
        step(Act::Close).on(1),
        send([0x80, 0xE4, 0x00, 0x00], aid(&DELEGATE)),
    ]
}

/// Loads, installs, makes selectable, extradites, puts and rotates keys, stores data, locks and deletes.
fn life() -> Vec<Step> {
    let fields = |fields: &[&[u8]]| install_fields(fields);
    let aid = |name: &[u8]| tlv(0x4F, name);
    let install = |p1: u8, p2: u8, list: &[&[u8]]| send([0x80, 0xE6, p1, p2], fields(list));
    let file = tlv(0xC4, &cap_block(&PACKAGE, &[&MODULE]));
    let second = tlv(0xC4, &cap_block(&SECOND, &[&SECOND_MODULE]));
    let c9 = hex("C900");
    let mut life = vec![
        session(&ISD, 0x30),
        install(0x02, 0, &[&PACKAGE, EMPTY, EMPTY, EMPTY, EMPTY]),
        then([0x80, 0xE8, 0x00, 0x00], file[..200].to_vec()),
        then([0x80, 0xE8, 0x80, 0x01], file[200..].to_vec()),
        install(0x04, 0, &[&PACKAGE, &MODULE, &APP, &[0x10], &hex("C9021234"), EMPTY]),
        install(0x08, 0, &[EMPTY, EMPTY, &APP, &[0x04], &hex("EF03CF0141"), EMPTY]),
        install(0x0C, 0, &[&SSD_FILE, &SSD_MODULE, &DOMAIN, &hex("808000"), &hex("C906820120870120"), EMPTY]),
        session(&DOMAIN, 0x30),
        put_keys(0x00, 0x30, 0x41),
        session(&ISD, 0x30),
        install(0x10, 0, &[&DOMAIN, EMPTY, &APP, EMPTY, EMPTY, EMPTY]),
        install(0x40, 0, &[EMPTY, EMPTY, &APP, &hex("120200"), &hex("EF03CF0142"), EMPTY]),
        put_keys(0x00, 0x30, 0x31),
        session(&ISD, 0x31),
        put_keys(0x31, 0x31, 0x32),
        session(&ISD, 0x32),
        send([0x80, 0xE4, 0x00, 0x00], hex("D20130")),
        send([0x80, 0xE2, 0x90, 0x00], tlv(0x42, &[0x42; 70])),
        send([0x80, 0xE2, 0x90, 0x00], tlv(0x42, &PROVIDER)),
        send([0x80, 0xE2, 0x10, 0x00], tlv(0x45, &IMAGE)[..60].to_vec()),
        then([0x80, 0xE2, 0x90, 0x01], tlv(0x45, &IMAGE)[60..].to_vec()),
    ];
    life.extend(delegated_life());
    life.extend([
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
    ]);
    life
}

/// A card of few units, so that compactions come often.
fn bench(units: usize) -> Bench {
    let mut bench = Bench::new();
    bench.ram = kit::Ram::new(14, 12, 14, 2);
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

/// Counters that the host has seen, the highest of each.
#[derive(Default)]
struct Counters {
    /// Sequence counters, by the version of the keys.
    sequences: BTreeMap<u8, u32>,
    confirmation: Option<u16>,
}

impl Counters {
    /// A receipt for the operation, by the issuer's key, with a counter that no receipt had before.
    fn take_receipt(&mut self, answer: &[u8], operation: &[u8]) {
        let details = &answer[answer.len() - (3 + 2 + PROVIDER.len() + IMAGE.len())..];
        let unique = lv(&[&PROVIDER[..], &IMAGE].concat());
        assert_eq!((details[0], &details[3..]), (2, &unique[..]));
        let counter = u16::from_be_bytes([details[1], details[2]]);
        let receipt = service_key(RECEIPT).cmac(&[details, operation]);
        assert_eq!(answer, lv(&[&lv(&receipt)[..], details].concat()));
        assert!(self.confirmation.is_none_or(|before| before < counter), "a confirmation counter was repeated");
        self.confirmation = Some(counter);
    }
}

/// The host's ends of the sessions, by their channels.
type Hosts = [Option<Host>; 2];

/// Takes one step; `None` when power failed in it.
fn take(card: &mut TestCard<'_>, flash: &Shared, hosts: &mut Hosts, step: &Step, seen: &mut Counters) -> Option<()> {
    let (channel, host) = (step.channel, &mut hosts[usize::from(step.channel)]);
    match &step.act {
        Act::Open => assert_eq!(raw(card, &hex("0070000001")), (vec![channel], 0x9000)),
        Act::Close => assert_eq!(raw(card, &[0x00, 0x70, 0x80, channel]), (vec![], 0x9000)),
        Act::Session(name, version) => {
            // On a locked card with a warning.
            assert!([0x9000, 0x6283].contains(&select_on(card, channel, name).1));
            let mut keys = keys(*version);
            let opening = Opening { channel, ..Opening::new(&mut keys, *version, SecurityLevel::CMac) };
            let opened = opening.open(card);
            if flash.0.borrow().is_off() {
                assert_eq!(opened.err(), Some(0x6581));
                return None;
            }
            let opened = opened.expect("the keys open");
            let sequence = u32::from_be_bytes([0, opened.shown[29], opened.shown[30], opened.shown[31]]);
            // The same version of the same security domain never shows a counter twice; the factory set serves two.
            let key = if *version == 0x41 { 0xD1 } else { *version };
            let before = seen.sequences.insert(key, sequence);
            assert!(before.is_none_or(|before| before < sequence), "a counter was repeated");
            *host = Some(opened);
        }
        Act::Send { header, data, confirms } => {
            let host = host.as_mut().expect("a session");
            let answer = host.send(card, *header, data);
            if flash.0.borrow().is_off() {
                assert_eq!(answer, (vec![], 0x6581), "nothing is said of what is not certain");
                assert_eq!(card.transmit(&hex("80CA006600")), hex("6581"));
                return None;
            }
            assert_eq!(answer.1, 0x9000, "{header:02X?}");
            if let Some(operation) = confirms {
                seen.take_receipt(&answer.0, operation);
            }
        }
    }
    Some(())
}

/// Where a life goes on whose next step would be this one: where that one begins.
fn resume_at(life: &[Step], step: usize) -> usize {
    (0..=step).rev().find(|at| life.get(*at).is_none_or(|step| step.begins)).unwrap()
}

/// Lives on from a step to the end, in one go: with the channels that are open there, and the sessions that are needed.
fn live_on(bench: &mut Bench, life: &[Step], from: usize, seen: &mut Counters) {
    let flash = bench.flash.clone();
    let mut card = bench.card();
    let mut hosts = Hosts::default();
    let (past, future) = life.split_at(from);
    for channel in [0, 1] {
        let last = |wanted: fn(&Act) -> bool| past.iter().rposition(|s| s.channel == channel && wanted(&s.act));
        let (open, closed) = (last(|act| matches!(act, Act::Open)), last(|act| matches!(act, Act::Close)));
        if let Some(open) = open.filter(|_| open > closed) {
            take(&mut card, &flash, &mut hosts, &past[open], seen).unwrap();
        }
        let next = future.iter().find(|step| step.channel == channel);
        if next.is_some_and(|step| matches!(step.act, Act::Send { .. })) {
            let session = last(|act| matches!(act, Act::Session(..))).expect("a session");
            take(&mut card, &flash, &mut hosts, &past[session], seen).unwrap();
        }
    }
    for step in future {
        take(&mut card, &flash, &mut hosts, step, seen).unwrap();
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
    // Keys for tokens and receipts open nothing; the second is never there without the first.
    let services: Vec<(u8, u8)> = versions.extract_if(.., |(version, _)| *version >= TOKEN).collect();
    assert!([(TOKEN, 1), (RECEIPT, 1)].starts_with(&services), "{services:X?}");
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
    let (mut hosts, mut seen) = (Hosts::default(), Counters::default());
    for step in life {
        take(&mut card, &flash, &mut hosts, step, &mut seen).unwrap();
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
    let (mut hosts, mut seen) = (Hosts::default(), Counters::default());
    flash.0.borrow_mut().cut_at(operation, tear);
    let broken = life
        .iter()
        .position(|step| take(&mut card, &flash, &mut hosts, step, &mut seen).is_none())
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
    let next = resume_at(life, if done && now != course.pictures[broken] { broken + 1 } else { broken });
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

/// What every cut is compared with in the end has itself lost no memory.
#[test]
fn a_life_gives_back_what_it_took() {
    let mut bench = bench(512);
    live_on(&mut bench, &life(), 0, &mut Counters::default());
    let ram = &bench.ram;
    // The ISD, the file and module of security domains.
    assert_eq!(ram.registry.iter().filter(|entry| **entry != RegistryEntry::FREE).count(), 3);
    // Version 32, a key for tokens, one for receipts.
    let free = format!("{:?}", KeySlot::FREE);
    assert_eq!(ram.keys.iter().filter(|slot| format!("{slot:?}") != free).count(), 5);
    // 42 and 45 of the ISD, in parts, and the restrictions of the OPEN; no imports.
    let parts = PROVIDER.len().div_ceil(PART) + IMAGE.len().div_ceil(PART);
    assert_eq!(ram.objects.iter().filter(|slot| **slot != ObjectSlot::FREE).count(), parts + 1);
}

#[test]
fn torn_units_of_every_length_at_every_write() {
    // Whole units are swept at the writes of one command: a rotation of keys.
    let life = life();
    let rotation = life.iter().position(|step| matches!(step.act, Act::Session(_, 0x31))).unwrap() + 1;
    let course = course(512, &life);
    let mut cuts = 0;
    'operations: for write in 0.. {
        for tear in Tear::all(16, 4) {
            let mut bench = bench(512);
            let flash = bench.flash.clone();
            let mut card = bench.card();
            let (mut hosts, mut seen) = (Hosts::default(), Counters::default());
            for step in &life[..rotation] {
                take(&mut card, &flash, &mut hosts, step, &mut seen).unwrap();
            }
            flash.0.borrow_mut().cut_at_write(write, tear);
            let whole = take(&mut card, &flash, &mut hosts, &life[rotation], &mut seen).is_some();
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
            let (mut hosts, mut seen) = (Hosts::default(), Counters::default());
            for step in &life[..steps] {
                take(&mut card, &flash, &mut hosts, step, &mut seen).unwrap();
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
