//! LOAD on the card: blocks cut anywhere, wrong orders, interruptions that leave no trace, hashes, DAP, ciphered blocks.

use crate::{content, kit};
use gp_cardmanager_model::put_key::KeyType;
use gp_scp03::{Key, SecurityLevel, StaticKeys};
use kit::{
    Bench, Host, ISD, Opening, TestCard, add_key, cap_block, hex, keys_from, lv, make_domain, personalize, raw, say,
    scaled, select, states, tlv, toy_hash, toy_signature,
};

const PACKAGE: [u8; 6] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00];
const MODULES: [[u8; 7]; 2] = [[0xD2, 0x76, 0x00, 0x01, 0x18, 0x00, 0x01], [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00, 0x02]];
const DOMAIN: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x0D];
const OTHER: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x0E];

/// A data block with two applets.
fn block() -> Vec<u8> {
    cap_block(&PACKAGE, &[&MODULES[0], &MODULES[1]])
}

/// INSTALL [for load] to a security domain, with this hash.
fn begin(card: &mut TestCard<'_>, host: &mut Host, domain: &[u8], hash: &[u8]) -> u16 {
    let (answer, status) = host.install(card, 0x02, 0x00, &[&PACKAGE, domain, hash, &[], &[]]);
    assert_eq!(answer, if status == 0x9000 { vec![0] } else { vec![] });
    status
}

/// Nothing of the package is there, and nothing of the registry is lost.
fn no_trace(card: &mut TestCard<'_>, host: &mut Host, free: &[u8]) {
    let files: Vec<Vec<u8>> = states(card, host, 0x20).into_iter().map(|(name, _)| name).collect();
    assert_eq!(files, [kit::SSD_FILE]);
    assert_eq!(host.send(card, [0x80, 0xCA, 0xFF, 0x21], &[]).0, free);
    assert_eq!(host.status(card, [0x80, 0xE8, 0x80, 0x00], &hex("C400")), 0x6985, "no load is open");
}

/// What FF21 says of a card.
fn free(card: &mut TestCard<'_>, host: &mut Host) -> Vec<u8> {
    host.send(card, [0x80, 0xCA, 0xFF, 0x21], &[]).0
}

#[test]
fn a_load_file_arrives_however_it_is_cut() {
    let file = tlv(0xC4, &block());
    let expected =
        tlv(0xE3, &[tlv(0x4F, &PACKAGE), hex("9F700101"), tlv(0x84, &MODULES[0]), tlv(0x84, &MODULES[1])].concat());
    let mut loads = 0;
    for level in SecurityLevel::ALL {
        let mut bench = Bench::new();
        let mut card = bench.card();
        let mut host = Host::open(&mut card, 0, level).unwrap();
        let most = host.secure.max_command_data(gp_apdu::Form::Short);
        for size in (2..=most).filter(|size| file.len().div_ceil(*size) <= 256) {
            assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
            assert_eq!(host.load(&mut card, &file, size), (vec![0], 0x9000), "{level:?} {size}");
            let listed =
                host.send(&mut card, [0x80, 0xF2, 0x10, 0x02], &[tlv(0x4F, &PACKAGE), hex("5C054F9F7084 00")].concat());
            assert_eq!(listed.0, expected, "{size}");
            assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &PACKAGE)), 0x9000);
            loads += 1;
        }
        drop(card);
        bench.assert_lasting();
    }
    println!("{loads} loads");
    assert!(loads > 6 * 200);
}

#[test]
fn two_blocks_are_cut_at_every_octet() {
    let file = tlv(0xC4, &cap_block(&PACKAGE, &[&MODULES[0]])[..]);
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::Authenticated).unwrap();
    // Three blocks, the middle one as small as the limit of a command allows.
    for first in 0..=255.min(file.len()) {
        assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
        let mut parts = vec![&file[..first]];
        parts.extend(file[first..].chunks(255));
        for (number, part) in parts.iter().enumerate() {
            let last = if number + 1 == parts.len() { 0x80 } else { 0 };
            assert_eq!(
                host.send(&mut card, [0x80, 0xE8, last, number as u8], part),
                (vec![0], 0x9000),
                "{first} {number}"
            );
        }
        assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &PACKAGE)), 0x9000);
    }
}

#[test]
fn a_block_of_another_format_has_no_modules() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    for octets in [&[0x00][..], &[0x02, 0x00, 0x01], b"an ELF of its own", &hex("01 0004 DECAFFEE"), &hex("01 0000")] {
        assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
        let (_, status) = host.load(&mut card, &tlv(0xC4, octets), 200);
        assert_eq!(status, 0x9000, "{octets:02X?}");
        let listed = host.send(&mut card, [0x80, 0xF2, 0x10, 0x02], &[tlv(0x4F, &PACKAGE), hex("5C0184")].concat());
        assert_eq!(listed.0, hex("E300"));
        assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &PACKAGE)), 0x9000);
    }
}

#[test]
fn damaged_load_files_leave_no_trace() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    let free = free(&mut card, &mut host);
    let good = block();
    let mut cases: Vec<Vec<u8>> = Vec::new();
    // Data blocks that end inside of a component, but for the borders of components.
    let mut borders = vec![0];
    let mut at = 0;
    while at < good.len() {
        at += 3 + usize::from(u16::from_be_bytes([good[at + 1], good[at + 2]]));
        borders.push(at);
    }
    cases.extend((1..good.len()).filter(|end| !borders.contains(end)).map(|end| tlv(0xC4, &good[..end])));
    // Another package, an AID that is none, a module twice, counts that do not fit.
    cases.push(tlv(0xC4, &cap_block(&MODULES[0], &[&MODULES[1]])));
    cases.push(tlv(0xC4, &cap_block(&PACKAGE[..4], &[])));
    cases.push(tlv(0xC4, &cap_block(&PACKAGE, &[&[0xA0; 17]])));
    cases.push(tlv(0xC4, &cap_block(&PACKAGE, &[&MODULES[0], &MODULES[0]])));
    let header = &good[..borders[1]];
    cases.push(tlv(0xC4, &[header, &hex("03 0001 01")].concat()));
    cases.push(tlv(0xC4, &[header, &hex("03 0008 01 05 1122334455 00")].concat()));
    // Load files that are none.
    for octets in [
        "C400",
        "C5 00",
        "C400C400",
        "C4 01",
        "C4 8001",
        "C4",
        "00",
        "4F00",
        "E200C400",
        "E202 4F00 C400",
        "D300C400",
        "D4 00",
    ] {
        cases.push(hex(octets));
    }
    cases.push([tlv(0xC4, &good), vec![0x00]].concat());
    cases.push(tlv(0xC4, &good)[..good.len()].to_vec());
    cases.push(vec![]);
    for case in &cases {
        assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
        let status = if case.is_empty() {
            host.status(&mut card, [0x80, 0xE8, 0x80, 0x00], &[])
        } else {
            host.load(&mut card, case, 190).1
        };
        assert_eq!(status, 0x6A80, "{:02X?}", &case[..case.len().min(60)]);
        no_trace(&mut card, &mut host, &free);
    }
    println!("{} damaged load files", cases.len());
    drop(card);
    bench.assert_lasting();
}

#[test]
fn the_modules_of_a_file_are_of_any_number_the_registry_holds() {
    let mut bench = Bench::new();
    bench.ram = kit::Ram::new(10, 12, 2, 1);
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    let free = free(&mut card, &mut host);
    let names: Vec<Vec<u8>> = (0..8).map(|number| [&PACKAGE[..], &[number]].concat()).collect();
    // ISD, two entries in ROM, the file: six are left.
    for count in [6, 7, 8, 0, 6] {
        let modules: Vec<&[u8]> = names[..count].iter().map(Vec::as_slice).collect();
        assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
        let status = host.load(&mut card, &tlv(0xC4, &cap_block(&PACKAGE, &modules)), 200).1;
        if count > 6 {
            assert_eq!(status, 0x6A84);
            no_trace(&mut card, &mut host, &free);
        } else {
            assert_eq!(status, 0x9000);
            assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &PACKAGE)), 0x9000);
        }
    }
}

#[test]
fn block_numbers_are_strict() {
    let file = tlv(0xC4, &block());
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    let free = free(&mut card, &mut host);
    assert_eq!(host.status(&mut card, [0x80, 0xE8, 0x00, 0x00], &file[..100]), 0x6985, "without INSTALL");
    for (done, number) in [(0, 1), (0, 0xFF), (1, 0), (1, 2), (2, 1), (2, 0)] {
        assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
        for number in 0..done {
            assert_eq!(
                host.status(&mut card, [0x80, 0xE8, 0x00, number], &file[usize::from(number) * 50..][..50]),
                0x9000
            );
        }
        assert_eq!(host.status(&mut card, [0x80, 0xE8, 0x00, number], &file[..50]), 0x6A86, "{done} {number}");
        no_trace(&mut card, &mut host, &free);
    }
    for p1 in [0x01, 0x40, 0x81, 0xFF] {
        assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
        assert_eq!(host.status(&mut card, [0x80, 0xE8, p1, 0x00], &file[..50]), 0x6A86, "{p1:02X}");
        no_trace(&mut card, &mut host, &free);
    }
    // 256 blocks, and no more: FF is not followed by 00.
    assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
    let long = tlv(0xC4, &[7; 600]);
    for number in 0..=0xFF {
        assert_eq!(host.status(&mut card, [0x80, 0xE8, 0x00, number], &long[usize::from(number) * 2..][..2]), 0x9000);
    }
    assert_eq!(host.status(&mut card, [0x80, 0xE8, 0x80, 0x00], &long[512..]), 0x6A86);
    no_trace(&mut card, &mut host, &free);
}

#[test]
fn a_second_install_for_load_ends_the_first() {
    let file = tlv(0xC4, &block());
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE8, 0x00, 0x00], &file[..100]), 0x9000);
    assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000, "the same AID is free again");
    assert_eq!(host.load(&mut card, &file, 200), (vec![0], 0x9000));
    assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x6985, "now it is not");
}

#[test]
fn everything_else_ends_a_load_without_trace() {
    let file = tlv(0xC4, &block());
    type Interruption = (&'static str, fn(&mut TestCard<'_>, &mut Host));
    let inside: [Interruption; 6] = [
        ("GET DATA", |card, host| assert_eq!(host.status(card, [0x80, 0xCA, 0x00, 0x66], &[]), 0x9000)),
        ("GET STATUS", |card, host| assert_eq!(host.status(card, [0x80, 0xF2, 0x80, 0x02], &hex("4F00")), 0x9000)),
        ("an application's command", |card, host| assert_eq!(host.status(card, [0x80, 0x10, 0x00, 0x00], &[]), 0x9000)),
        ("a refused INSTALL", |card, host| assert_eq!(host.status(card, [0x80, 0xE6, 0x04, 0x00], &[]), 0x6A80)),
        ("an unknown INSTALL", |card, host| assert_eq!(host.status(card, [0x80, 0xE6, 0x01, 0x00], &[]), 0x6A86)),
        ("0E out of order", |card, host| {
            let fields: [&[u8]; 6] = [&PACKAGE, &MODULES[0], &MODULES[0], &[0], &hex("C900"), &[]];
            assert_eq!(host.install(card, 0x0E, 0x03, &fields).1, 0x6985);
        }),
    ];
    let outside: [Interruption; 6] = [
        ("SELECT", |card, _| assert_eq!(select(card, &[]).1, 0x9000)),
        ("SELECT by another name", |card, _| assert_eq!(select(card, &ISD[..5]).1, 0x9000)),
        ("reset", |card, _| card.reset()),
        ("INITIALIZE UPDATE", |card, _| assert_eq!(say(card, "80500000081111111111111111").1, 0x9000)),
        ("a refused INITIALIZE UPDATE", |card, _| assert_eq!(say(card, "80507F00081111111111111111").1, 0x6A88)),
        ("a wrong MAC", |card, _| assert_eq!(say(card, "84E800010A 0102030405060708090A").1, 0x6982)),
    ];
    for (position, (name, interrupt)) in inside.iter().chain(&outside).enumerate() {
        for blocks in 0..=2_u8 {
            let mut bench = Bench::new();
            let mut card = bench.card();
            let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
            let free = free(&mut card, &mut host);
            assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
            for number in 0..blocks {
                let part = &file[usize::from(number) * 90..][..90];
                assert_eq!(host.status(&mut card, [0x80, 0xE8, 0x00, number], part), 0x9000);
            }
            interrupt(&mut card, &mut host);
            if position >= inside.len() {
                select(&mut card, &[]);
                host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
            }
            let rest = &file[usize::from(blocks) * 90..][..90];
            assert_eq!(host.status(&mut card, [0x80, 0xE8, 0x00, blocks], rest), 0x6985, "after {name}");
            no_trace(&mut card, &mut host, &free);
            drop(card);
            bench.assert_lasting();
        }
    }
}

#[test]
fn a_failed_selection_ends_no_load() {
    let file = tlv(0xC4, &block());
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE8, 0x00, 0x00], &file[..100]), 0x9000);
    assert_eq!(select(&mut card, &[0xFF; 5]).1, 0x6A82);
    assert_eq!(host.status(&mut card, [0x80, 0xE8, 0x00, 0x01], &file[100..300]), 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE8, 0x80, 0x02], &file[300..]), 0x9000);
}

#[test]
fn a_load_belongs_to_its_channel() {
    let file = tlv(0xC4, &block());
    let mut bench = Bench::new();
    let mut card = bench.card();
    assert_eq!(say(&mut card, "0070000000"), (vec![1], 0x9000));
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    let mut other = Host::open_on(&mut card, 1, 0, SecurityLevel::CMac).unwrap();
    assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE8, 0x00, 0x00], &file[..150]), 0x9000);
    // Nothing that the other channel does touches it: no block, no load, no 0E, nor its own affairs.
    assert_eq!(other.status(&mut card, [0x80, 0xE8, 0x00, 0x01], &file[150..300]), 0x6985);
    assert_eq!(other.install(&mut card, 0x02, 0, &[&OTHER, &[], &[], &[], &[]]).1, 0x6985, "one load at a time");
    let fields: [&[u8]; 6] = [&PACKAGE, &MODULES[0], &MODULES[0], &[0], &hex("C900"), &[]];
    assert_eq!(other.install(&mut card, 0x0E, 0x03, &fields).1, 0x6985);
    assert_eq!(other.install(&mut card, 0x0C, 0x00, &fields).1, 0x6A88, "what is coming in is not there yet");
    assert_eq!(states(&mut card, &mut other, 0x20).len(), 1);
    make_domain(&mut card, &mut other, &DOMAIN, "80", "C900");
    let fields: [&[u8]; 6] = [&kit::SSD_FILE, &kit::SSD_MODULE, &PACKAGE, &[0x80], &hex("C900"), &[]];
    assert_eq!(other.install(&mut card, 0x0C, 0x00, &fields).1, 0x6985, "but its AID is taken");
    assert_eq!(say(&mut card, "01A4040000").1, 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE8, 0x00, 0x01], &file[150..300]), 0x9000);
    assert_eq!(say(&mut card, "00708001").1, 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE8, 0x80, 0x02], &file[300..]), 0x9000);
    assert_eq!(states(&mut card, &mut host, 0x20).len(), 2);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn no_power_cut_leaves_half_a_file() {
    let file = tlv(0xC4, &block());
    let mut cuts = 0;
    for after in 0.. {
        let mut bench = Bench::new();
        let flash = bench.flash.clone();
        let mut card = bench.card();
        let mut host = Host::open(&mut card, 0, SecurityLevel::Authenticated).unwrap();
        assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
        assert_eq!(host.status(&mut card, [0x80, 0xE8, 0x00, 0x00], &file[..200]), 0x9000);
        flash.0.borrow_mut().cut_at(after, kit::flash::Tear::Bits(after));
        let status = raw(&mut card, &kit::command([0x80, 0xE8, 0x80, 0x01], &file[200..])).1;
        let cut = flash.0.borrow().is_off();
        drop(card);
        flash.0.borrow_mut().power_on();
        let mut card = bench.card();
        let mut host = Host::open(&mut card, 0, SecurityLevel::Authenticated).unwrap();
        let there = states(&mut card, &mut host, 0x20).len() == 2;
        let modules = host.send(&mut card, [0x80, 0xF2, 0x10, 0x00], &tlv(0x4F, &PACKAGE)).0;
        assert_eq!(modules.len(), if there { 7 + 3 + 2 * 8 } else { 0 });
        assert!(status != 0x9000 || there);
        if !cut {
            break;
        }
        cuts += 1;
    }
    assert!(cuts > 5, "{cuts}");
}

#[test]
fn the_hash_is_verified_whenever_it_is_there() {
    let file = tlv(0xC4, &block());
    let mut bench = Bench::new();
    let dice = bench.dice.clone();
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    let free = free(&mut card, &mut host);
    for length in [20, 32, 48, 64] {
        let good = toy_hash(&block(), length);
        for size in [1, 7, 100, 247] {
            if file.len().div_ceil(size) > 256 {
                continue;
            }
            assert_eq!(begin(&mut card, &mut host, &[], &good), 0x9000);
            assert_eq!(host.load(&mut card, &file, size), (vec![0], 0x9000));
            assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &PACKAGE)), 0x9000);
        }
        for at in [0, length - 1] {
            let mut bad = good.clone();
            bad[at] ^= 0x01;
            assert_eq!(begin(&mut card, &mut host, &[], &bad), 0x9000);
            assert_eq!(host.load(&mut card, &file, 200).1, 0x6A80);
            no_trace(&mut card, &mut host, &free);
        }
    }
    for length in (1..=65).filter(|length| ![20, 32, 48, 64].contains(length)) {
        assert_eq!(begin(&mut card, &mut host, &[], &vec![1; length]), 0x6A80, "{length}");
    }
    dice.set_hashless(true);
    assert_eq!(begin(&mut card, &mut host, &[], &[1; 32]), 0x6A80);
    assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
    assert_eq!(host.load(&mut card, &file, 200).1, 0x9000);
}

/// A DAP block.
fn dap(domain: &[u8], signature: &[u8]) -> Vec<u8> {
    tlv(0xE2, &[tlv(0x4F, domain), tlv(0xC3, signature)].concat())
}

/// A security domain with these privileges, PERSONALIZED by keys of version 31.
fn domain(card: &mut TestCard<'_>, name: &[u8], privileges: &str) -> StaticKeys {
    select(card, &[]);
    let mut host = Host::open(card, 0x30, SecurityLevel::CMac).unwrap();
    make_domain(card, &mut host, name, privileges, "C906820120870120");
    personalize(card, name, 0x31, &keys_from(name[6], 16));
    keys_from(name[6], 16)
}

/// Adds an AES key to a security domain of [`domain`].
fn service_key(card: &mut TestCard<'_>, name: &[u8], version: u8, key: &Key) {
    select(card, name);
    let mut keys = keys_from(name[6], 16);
    let mut host = Opening::new(&mut keys, 0x31, SecurityLevel::CMac).open(card).unwrap();
    add_key(card, &mut host, keys_from(name[6], 16).dek(), version, key);
    select(card, &[]);
}

#[test]
fn the_target_with_dap_verification_must_have_verified() {
    let hash = toy_hash(&block(), 32);
    let key = Key::new(&[0xDA; 16]).unwrap();
    let mut bench = Bench::new();
    let mut card = bench.card();
    domain(&mut card, &DOMAIN, "C0");
    domain(&mut card, &OTHER, "80");
    let good = key.cmac(&[&hash]).to_vec();
    let mut host = Host::open(&mut card, 0x30, SecurityLevel::CMac).unwrap();
    let free = free(&mut card, &mut host);
    let file = |daps: &[Vec<u8>]| [daps.concat(), tlv(0xC4, &block())].concat();
    // No key yet.
    assert_eq!(begin(&mut card, &mut host, &DOMAIN, &hash), 0x9000);
    assert_eq!(host.load(&mut card, &file(&[dap(&DOMAIN, &good)]), 200).1, 0x6982);
    no_trace(&mut card, &mut host, &free);
    service_key(&mut card, &DOMAIN, 0x73, &key);
    let mut host = Host::open(&mut card, 0x30, SecurityLevel::CMac).unwrap();
    let bad = |at: usize| {
        let mut bad = good.clone();
        bad[at] ^= 0x80;
        bad
    };
    for (daps, hash, status) in [
        (vec![], &hash[..], 0x6982),
        (vec![dap(&DOMAIN, &bad(0))], &hash, 0x6982),
        (vec![dap(&DOMAIN, &bad(15))], &hash, 0x6982),
        (vec![dap(&DOMAIN, &good[..8])], &hash, 0x6982),
        (vec![dap(&DOMAIN, &[])], &hash, 0x6982),
        (vec![dap(&[0xEE; 5], &good)], &hash, 0x6A80),
        (vec![dap(&OTHER, &good)], &hash, 0x6A80),
        (vec![dap(&kit::SSD_FILE, &good)], &hash, 0x6A80),
        (vec![dap(&DOMAIN, &good), dap(&DOMAIN, &bad(3))], &hash, 0x6982),
        (vec![dap(&DOMAIN, &good)], &[], 0x6A80),
    ] {
        assert_eq!(begin(&mut card, &mut host, &DOMAIN, hash), 0x9000);
        let answer = host.load(&mut card, &file(&daps), 200).1;
        // An empty signature may be refused as a data object already.
        assert!(answer == status || (answer == 0x6A80 && daps == [dap(&DOMAIN, &[])]), "{answer:04X} {daps:02X?}");
        no_trace(&mut card, &mut host, &free);
    }
    for size in [3, 10, 100, 247] {
        assert_eq!(begin(&mut card, &mut host, &DOMAIN, &hash), 0x9000);
        assert_eq!(host.load(&mut card, &file(&[dap(&DOMAIN, &good)]), size), (vec![0], 0x9000));
        assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &PACKAGE)), 0x9000);
    }
    // Elsewhere nobody asks for it, but one that is there is verified.
    assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
    assert_eq!(host.load(&mut card, &file(&[]), 200).1, 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &PACKAGE)), 0x9000);
    assert_eq!(begin(&mut card, &mut host, &[], &hash), 0x9000);
    assert_eq!(host.load(&mut card, &file(&[dap(&DOMAIN, &bad(9))]), 200).1, 0x6982);
    // A locked security domain verifies nothing.
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &DOMAIN), 0x9000);
    assert_eq!(begin(&mut card, &mut host, &[], &hash), 0x9000);
    assert_eq!(host.load(&mut card, &file(&[dap(&DOMAIN, &good)]), 200).1, 0x6A80);
    assert_eq!(begin(&mut card, &mut host, &DOMAIN, &hash), 0x6985);
}

#[test]
fn a_mandated_dap_is_needed_wherever_the_file_goes() {
    let hash = toy_hash(&block(), 32);
    let key = Key::new(&[0xDA; 16]).unwrap();
    let mut bench = Bench::new();
    let mut card = bench.card();
    // SELECTABLE, it demands nothing yet.
    let mut host = Host::open(&mut card, 0x30, SecurityLevel::CMac).unwrap();
    make_domain(&mut card, &mut host, &DOMAIN, "C1", "C906820120870120");
    let file = tlv(0xC4, &block());
    assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
    assert_eq!(host.load(&mut card, &file, 200).1, 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &PACKAGE)), 0x9000);
    personalize(&mut card, &DOMAIN, 0x31, &keys_from(DOMAIN[6], 16));
    service_key(&mut card, &DOMAIN, 0x73, &key);
    let mut host = Host::open(&mut card, 0x30, SecurityLevel::CMac).unwrap();
    for (target, hash) in [(&[][..], &[][..]), (&[], &hash), (&DOMAIN, &hash)] {
        assert_eq!(begin(&mut card, &mut host, target, hash), 0x9000);
        assert_eq!(host.load(&mut card, &file, 200).1, 0x6982);
    }
    let signed = [dap(&DOMAIN, &key.cmac(&[&hash])), file.clone()].concat();
    assert_eq!(begin(&mut card, &mut host, &[], &hash), 0x9000);
    assert_eq!(host.load(&mut card, &signed, 200).1, 0x9000);
}

#[test]
fn a_public_key_verifies_through_the_platform() {
    let hash = toy_hash(&block(), 32);
    let mut bench = Bench::new();
    let mut card = bench.card();
    domain(&mut card, &DOMAIN, "C0");
    // RSA: modulus of 128 octets and exponent, in a PUT KEY of its own form.
    let modulus: Vec<u8> = (1..=128).collect();
    let exponent = hex("010001");
    select(&mut card, &DOMAIN);
    let mut keys = keys_from(DOMAIN[6], 16);
    let mut host = Opening::new(&mut keys, 0x31, SecurityLevel::CMac).open(&mut card).unwrap();
    let data = [&[0x73, 0xA1][..], &lv(&modulus), &[0xA0], &lv(&exponent), &[0x00]].concat();
    assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x01], &data), 0x9000);
    select(&mut card, &[]);
    let mut host = Host::open(&mut card, 0x30, SecurityLevel::CMac).unwrap();
    let mut signature = toy_signature(&[(0xA1, &modulus), (0xA0, &exponent)], &hash);
    let file = |signature: &[u8]| [dap(&DOMAIN, signature), tlv(0xC4, &block())].concat();
    assert_eq!(begin(&mut card, &mut host, &DOMAIN, &hash), 0x9000);
    assert_eq!(host.load(&mut card, &file(&signature), 31), (vec![0], 0x9000));
    assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &PACKAGE)), 0x9000);
    signature[63] ^= 1;
    assert_eq!(begin(&mut card, &mut host, &DOMAIN, &hash), 0x9000);
    assert_eq!(host.load(&mut card, &file(&signature), 31).1, 0x6982);
}

/// A local curve that the holder of the key does not have is looked for on the way up.
#[test]
fn a_public_key_finds_its_curve_in_the_domain_above() {
    let hash = toy_hash(&block(), 32);
    let mut bench = Bench::new();
    let mut card = bench.card();
    domain(&mut card, &DOMAIN, "C0");
    let (point, curve) = ([0x04; 65], [0xC0; 32]);
    let put = |host: &mut Host, card: &mut TestCard<'_>, version: u8, parts: &[(u8, &[u8])]| {
        let parts: Vec<u8> = parts.iter().flat_map(|(kind, value)| [&[*kind], &lv(value)[..]].concat()).collect();
        assert_eq!(host.status(card, [0x80, 0xD8, 0, 1], &[&[version], &parts[..], &[0]].concat()), 0x9000);
    };
    let mut host = Host::open(&mut card, 0x30, SecurityLevel::CMac).unwrap();
    put(&mut host, &mut card, 0x20, &[(0xF0, &[0x60]), (0xB2, &curve)]);
    select(&mut card, &DOMAIN);
    let mut keys = keys_from(DOMAIN[6], 16);
    let mut host = Opening::new(&mut keys, 0x31, SecurityLevel::CMac).open(&mut card).unwrap();
    put(&mut host, &mut card, 0x73, &[(0xB0, &point), (0xF0, &[0x60])]);
    select(&mut card, &[]);
    let mut host = Host::open(&mut card, 0x30, SecurityLevel::CMac).unwrap();
    for (shown, status) in [([(0xB0, &point[..]), (0xF0, &[0x60])], 0x6982), ([(0xB0, &point), (0xB2, &curve)], 0x9000)]
    {
        let file = [dap(&DOMAIN, &toy_signature(&shown, &hash)), tlv(0xC4, &block())].concat();
        assert_eq!(begin(&mut card, &mut host, &DOMAIN, &hash), 0x9000);
        assert_eq!(host.load(&mut card, &file, 200).1, status, "{shown:02X?}");
    }
}

/// A ciphered data block: padding 80 00.., CBC.
fn ciphered(key: &Key, icv: [u8; 16], clear: &[u8]) -> Vec<u8> {
    let mut padded = [clear, &[0x80]].concat();
    padded.resize(padded.len().div_ceil(16) * 16, 0);
    if icv != [0; 16] {
        // A chaining value in front is the XOR of the first block with it.
        padded.iter_mut().zip(icv).for_each(|(octet, icv)| *octet ^= icv);
    }
    key.encrypt_sensitive(&mut padded).unwrap();
    padded
}

#[test]
fn a_ciphered_block_is_deciphered_as_it_comes() {
    let key = Key::new(&[0xC1; 32]).unwrap();
    let mut bench = Bench::new();
    let mut card = bench.card();
    domain(&mut card, &DOMAIN, "808040");
    let clear = block();
    let hash = toy_hash(&clear, 64);
    let zero = ciphered(&key, [0; 16], &clear);
    let mut host = Host::open(&mut card, 0x30, SecurityLevel::CMac).unwrap();
    let free = free(&mut card, &mut host);
    assert_eq!(begin(&mut card, &mut host, &DOMAIN, &hash), 0x9000);
    assert_eq!(host.load(&mut card, &tlv(0xD4, &zero), 200).1, 0x6985, "no key");
    no_trace(&mut card, &mut host, &free);
    // Nor is another kind of key one, nor one for applications alone: type, access.
    let none = Key::new(&[0xC1; 16]).unwrap();
    for (kind, access) in [(KeyType::DES, 0x01), (KeyType::AES, 0x02)] {
        select(&mut card, &DOMAIN);
        let mut keys = keys_from(DOMAIN[6], 16);
        let mut host = Opening::new(&mut keys, 0x31, SecurityLevel::CMac).open(&mut card).unwrap();
        let body = content::keys_with_access(0x75, &[(kind, &none)], access, keys_from(DOMAIN[6], 16).dek());
        assert_eq!(host.status(&mut card, [0x80, 0xD8, 0, 1], &body), 0x9000);
        select(&mut card, &[]);
        let mut host = Host::open(&mut card, 0x30, SecurityLevel::CMac).unwrap();
        assert_eq!(begin(&mut card, &mut host, &DOMAIN, &hash), 0x9000);
        let file = tlv(0xD4, &ciphered(&none, [0; 16], &clear));
        assert_eq!(host.load(&mut card, &file, 200).1, 0x6985, "{kind:?}");
        select(&mut card, &DOMAIN);
        let mut keys = keys_from(DOMAIN[6], 16);
        let mut host = Opening::new(&mut keys, 0x31, SecurityLevel::CMac).open(&mut card).unwrap();
        assert_eq!(host.status(&mut card, [0x80, 0xE4, 0, 0], &hex("D20175")), 0x9000);
        select(&mut card, &[]);
    }
    service_key(&mut card, &DOMAIN, 0x75, &key);
    let mut host = Host::open(&mut card, 0x30, SecurityLevel::CMac).unwrap();
    let icv = [0x1C; 16];
    let with_icv = [tlv(0xD3, &icv), tlv(0xD4, &ciphered(&key, icv, &clear))].concat();
    for file in [tlv(0xD4, &zero), with_icv] {
        for size in [3, 15, 16, 17, 247] {
            assert_eq!(begin(&mut card, &mut host, &DOMAIN, &hash), 0x9000);
            assert_eq!(host.load(&mut card, &file, size), (vec![0], 0x9000), "{size}");
            assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &PACKAGE)), 0x9000);
        }
    }
    // Clear where it must be ciphered, and the reverse; no hash; a wrong one; octets that are no blocks; no padding.
    let whole = [&clear[..], &vec![0x55; 16 - clear.len() % 16]].concat();
    let mut unpadded = whole.clone();
    key.encrypt_sensitive(&mut unpadded).unwrap();
    for (target, hash, file) in [
        (&DOMAIN[..], &hash[..], tlv(0xC4, &clear)),
        (&[], &hash, tlv(0xD4, &zero)),
        (&DOMAIN, &[], tlv(0xD4, &zero)),
        (&DOMAIN, &[9; 64], tlv(0xD4, &zero)),
        (&DOMAIN, &hash, tlv(0xD4, &zero[..zero.len() - 1])),
        (&DOMAIN, &hash, tlv(0xD4, &[])),
        (&DOMAIN, &hash, tlv(0xD4, &unpadded)),
        (&DOMAIN, &hash, [tlv(0xD3, &icv), tlv(0xD4, &zero)].concat()),
    ] {
        assert_eq!(begin(&mut card, &mut host, target, hash), 0x9000);
        assert_eq!(host.load(&mut card, &file, 200).1, 0x6A80, "{:02X?}", &file[..8]);
        no_trace(&mut card, &mut host, &free);
    }
    drop(card);
    bench.assert_lasting();
}

#[test]
fn any_octets_load_or_leave_no_trace() {
    let good = tlv(0xC4, &block());
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::Authenticated).unwrap();
    let free = free(&mut card, &mut host);
    let mut random = kit::Random::new(7, 0);
    let (mut loaded, mut refused) = (0, 0);
    for _ in 0..scaled(4000) {
        let mut file = good.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(80);
            file[at] = random.octet();
        }
        assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
        let size = 30 + random.below(200);
        if host.load(&mut card, &file, size).1 == 0x9000 {
            assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &PACKAGE)), 0x9000);
            loaded += 1;
        } else {
            refused += 1;
        }
        no_trace(&mut card, &mut host, &free);
    }
    println!("{loaded} loaded, {refused} refused");
    assert!(refused > 0);
}

/// A component with its tag and size.
fn component(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag, 0x00, body.len() as u8], body].concat()
}

/// A package of version 1.2 with one import in version `major`.`minor`.
fn importing(package: &[u8], import: &[u8], major: u8, minor: u8) -> Vec<u8> {
    let header = [&hex("DECAFFED 0102 04 0201"), &[package.len() as u8][..], package].concat();
    let imports = [&[0x01, minor, major, import.len() as u8], import].concat();
    tlv(0xC4, &[component(1, &header), component(2, &[0; 5]), component(4, &imports)].concat())
}

#[test]
fn what_a_file_imports_must_be_there() {
    let library = hex("D27600011899");
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    let before = free(&mut card, &mut host);
    // The applications know the package, in whatever version, until it is said that they do not.
    assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
    assert_eq!(host.load(&mut card, &importing(&PACKAGE, &library, 9, 9), 200).1, 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &PACKAGE)), 0x9000);
    desk.0.borrow_mut().lacks.insert(library.clone());
    for size in [200, 7] {
        assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
        assert_eq!(host.load(&mut card, &importing(&PACKAGE, &library, 1, 2), size).1, 0x6A80);
        no_trace(&mut card, &mut host, &before);
    }
    // As a load file on the card it will do in the same major version, if it is not older.
    let whole = tlv(0xC4, &component(1, &[&hex("DECAFFED 0102 04 0201 06"), &library[..]].concat()));
    assert_eq!(host.install(&mut card, 0x02, 0x00, &[&library, &[], &[], &[], &[]]).1, 0x9000);
    assert_eq!(host.load(&mut card, &whole, 200).1, 0x9000);
    for (major, minor, loads) in [(1, 2, true), (1, 0, true), (1, 3, false), (2, 0, false), (0, 1, false)] {
        assert_eq!(begin(&mut card, &mut host, &[], &[]), 0x9000);
        let status = host.load(&mut card, &importing(&PACKAGE, &library, major, minor), 200).1;
        assert_eq!(status, if loads { 0x9000 } else { 0x6A80 }, "{major}.{minor}");
        if loads {
            assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &PACKAGE)), 0x9000);
        }
    }
    drop(card);
    bench.assert_lasting();
}

#[test]
fn a_hash_is_as_strong_as_the_aes_key_that_signs_or_ciphers() {
    for (octets, lengths) in [(16, [20, 32]), (24, [32, 48]), (32, [48, 64])] {
        let key = Key::new(&[0xC1; 32][..octets]).unwrap();
        for (number, length) in lengths.into_iter().enumerate() {
            let strong = number == 1;
            let mut bench = Bench::new();
            let mut card = bench.card();
            domain(&mut card, &DOMAIN, "808040");
            domain(&mut card, &OTHER, "C0");
            service_key(&mut card, &DOMAIN, 0x75, &key);
            service_key(&mut card, &OTHER, 0x73, &key);
            let hash = toy_hash(&block(), length);
            let mut host = Host::open(&mut card, 0x30, SecurityLevel::CMac).unwrap();
            let free = free(&mut card, &mut host);
            assert_eq!(begin(&mut card, &mut host, &DOMAIN, &hash), 0x9000);
            let file = tlv(0xD4, &ciphered(&key, [0; 16], &block()));
            let expected = if strong { 0x9000 } else { 0x6A80 };
            assert_eq!(host.load(&mut card, &file, 200).1, expected, "{octets} {length}");
            if strong {
                assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &PACKAGE)), 0x9000);
            }
            no_trace(&mut card, &mut host, &free);
            assert_eq!(begin(&mut card, &mut host, &OTHER, &hash), 0x9000);
            let signature = tlv(0xC3, &key.cmac(&[&hash]));
            let dap = tlv(0xE2, &[tlv(0x4F, &OTHER), signature].concat());
            let expected = if strong { 0x9000 } else { 0x6982 };
            let file = [dap, tlv(0xC4, &block())].concat();
            assert_eq!(host.load(&mut card, &file, 200).1, expected, "{octets} {length}");
        }
    }
}
