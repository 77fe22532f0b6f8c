//! GET DATA on the card: every object, whole or its value, with and without a session, blocks of key information.

use crate::kit;
use gp_cardmanager_model::key_info::KeyInformation;
use gp_scp03::SecurityLevel;
use kit::{Bench, Host, KVN, TestCard, factory, hex, key_set, keys_from, say, select, tlv};

const PACKAGE: [u8; 6] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00];
const MODULE: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00, 0x01];
const SSD_FILE: [u8; 7] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50];
const SSD_MODULE: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50, 0x41];

/// GET DATA under the GlobalPlatform class.
fn object(card: &mut TestCard<'_>, tag: u16) -> (Vec<u8>, u16) {
    say(card, &format!("80CA{tag:04X}00"))
}

#[test]
fn what_the_factory_says_is_shown_whole_and_as_a_value() {
    let mut bench = Bench::new();
    bench.profile.iin = Box::leak(hex("4209112233").into_boxed_slice());
    bench.profile.cin = Box::leak(hex("01020304").into_boxed_slice());
    bench.profile.diversification = *b"DIVERSIFY!";
    let cplc: [u8; 42] = core::array::from_fn(|at| at as u8);
    // Dates are BCD: none of them.
    let mut cplc = cplc;
    for at in [6, 10, 20, 24, 28, 34] {
        cplc[at..at + 2].fill(0);
    }
    bench.profile.cplc = Some(cplc);
    bench.profile.card_data = Box::leak(hex("7309 06072A864886FC6B01").into_boxed_slice());
    bench.profile.capability = Box::leak(hex("A007 800103 8102 0070 ").into_boxed_slice());
    let mut card = bench.card();
    for (tag, value) in [
        (0x42, hex("4209112233")),
        (0x45, hex("01020304")),
        (0x66, hex("7309 06072A864886FC6B01")),
        (0x67, hex("A007 800103 8102 0070")),
        (0xC1, hex("000000")),
        (0xCF, b"DIVERSIFY!".to_vec()),
        (0xD3, vec![0]),
        (0xE0, hex("C00401308810 C00402308810 C00403308810")),
        (0x9F7F, cplc.to_vec()),
    ] {
        assert_eq!(object(&mut card, tag), (tlv(tag, &value), 0x9000), "{tag:04X}");
        assert_eq!(say(&mut card, &format!("00CA{tag:04X}00")), (value, 0x9000), "{tag:04X}");
    }
    // A security domain has no life cycle data of the chip.
    let mut host = Host::open(&mut card, KVN, SecurityLevel::CMac).unwrap();
    let fields: [&[u8]; 6] = [&SSD_FILE, &SSD_MODULE, &PACKAGE, &[0x80], &hex("C900"), &[]];
    assert_eq!(host.install(&mut card, 0x0C, 0, &fields).1, 0x9000);
    assert_eq!(select(&mut card, &PACKAGE).1, 0x9000);
    assert_eq!(object(&mut card, 0x9F7F), (vec![], 0x6A88));
    assert_eq!(select(&mut card, &[]).1, 0x9000);
    // Le may be missing: hosts that wrap without one expect an answer.
    assert_eq!(say(&mut card, "80CA0042").1, 0x9000);
}

#[test]
fn a_card_that_was_told_nothing_shows_what_it_is() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let recognition =
        hex("06072A864886FC6B01 600C060A2A864886FC6B02020301 630906072A864886FC6B03 640B06092A864886FC6B040370");
    assert_eq!(object(&mut card, 0x66).0, tlv(0x66, &tlv(0x73, &recognition)));
    let (capability, status) = object(&mut card, 0x67);
    assert_eq!(status, 0x9000);
    let protocol = hex("A009 800103 810170 820107");
    assert!(capability.starts_with(&[0x67]) && capability.windows(protocol.len()).any(|part| part == protocol));
    for tag in [0x42, 0x45, 0x9F7F, 0xC2, 0x5F50, 0xBF0C, 0x01, 0xFF, 0xFFFF, 0x0000, 0x81E0, 0x02E1] {
        let expected = if tag == 0xC2 { object(&mut card, 0xC2) } else { (vec![], 0x6A88) };
        assert_eq!(object(&mut card, tag), expected, "{tag:04X}");
        assert_eq!(expected.1 == 0x9000, tag == 0xC2, "the ISD generates receipts");
    }
    assert_eq!(object(&mut card, 0xC2).0, hex("C2020000"));
}

#[test]
fn a_session_protects_get_data_and_level_d3_tells_it() {
    for level in SecurityLevel::ALL {
        let mut bench = Bench::new();
        let mut card = bench.card();
        let whole = object(&mut card, 0x66);
        let mut host = Host::open(&mut card, 0, level).unwrap();
        assert_eq!(host.send(&mut card, [0x80, 0xCA, 0x00, 0x66], &[]), whole);
        assert_eq!(host.send(&mut card, [0x00, 0xCA, 0x00, 0x66], &[]).0, whole.0[2..]);
        assert_eq!(host.send(&mut card, [0x80, 0xCA, 0x00, 0xD3], &[]).0, [0xD3, 1, 0x80 | level.octet()]);
        assert_eq!(host.send(&mut card, [0x80, 0xCA, 0x12, 0x34], &[]), (vec![], 0x6A88));
        assert_eq!(host.send(&mut card, [0x80, 0xCA, 0x00, 0xC1], &[]).0, hex("C103000001"));
    }
}

#[test]
fn without_a_sequence_counter_there_is_no_c1() {
    let mut bench = Bench::new();
    bench.profile.implementation = gp_scp03::Implementation::new(0x60);
    assert_eq!(object(&mut bench.card(), 0xC1), (vec![], 0x6A88));
}

#[test]
fn key_information_comes_in_blocks_when_it_is_long() {
    let sets = (0..17).map(|number| key_set(1 + number, keys_from(number, 16), [0; 3])).collect();
    let mut bench = Bench::with(factory(sets));
    bench.ram = kit::Ram::new(8, 60, 4, 1);
    bench.flash = kit::Shared::new(1024);
    let mut card = bench.card();
    let mut seen = Vec::new();
    let mut blocks = 0;
    loop {
        let (data, status) = object(&mut card, u16::from_be_bytes([blocks, 0xE0]));
        if status == 0x6A88 {
            break;
        }
        assert_eq!(status, 0x9000);
        assert!(data.len() <= 256);
        let value = KeyInformation::parse(&data).unwrap();
        seen.extend(value.map(|entry| {
            let entry = entry.unwrap();
            (entry.key_version, entry.key_identifier)
        }));
        blocks += 1;
    }
    let expected: Vec<(u8, u8)> = (1..=17).flat_map(|version| [(version, 1), (version, 2), (version, 3)]).collect();
    assert_eq!((seen, blocks), (expected, 2));
    // Under R-MAC and R-ENC less fits, and nothing is lost either.
    let mut host = Host { ..kit::Opening::new(&mut keys_from(0, 16), 1, SecurityLevel::Full).open(&mut card).unwrap() };
    let mut octets = 0;
    for block in 0.. {
        let (data, status) = host.send(&mut card, [0x80, 0xCA, block, 0xE0], &[]);
        if status != 0x9000 {
            assert_eq!((status, block), (0x6A88, 2));
            break;
        }
        octets += data.len() - if data[1] == 0x81 { 3 } else { 2 };
    }
    assert_eq!(octets, 51 * 6);
}

#[test]
fn the_list_of_applications_is_that_of_the_subtree() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    host.load_package(&mut card, &PACKAGE, &[&MODULE]);
    let fields: [&[u8]; 6] = [&PACKAGE, &MODULE, &MODULE, &[0], &hex("C900"), &[]];
    assert_eq!(host.install(&mut card, 0x0C, 0, &fields).1, 0x9000);
    let domain = hex("D2760001180099");
    let fields: [&[u8]; 6] = [&SSD_FILE, &SSD_MODULE, &domain, &[0x80], &hex("C900"), &[]];
    assert_eq!(host.install(&mut card, 0x0C, 0, &fields).1, 0x9000);
    card.reset();
    let entry = |aid: &[u8]| tlv(0x61, &tlv(0x4F, aid));
    let all = [entry(&hex("A000000151000000")), entry(&MODULE), entry(&domain)].concat();
    assert_eq!(say(&mut card, "80CA2F00025C0000"), (all.clone(), 0x9000));
    assert_eq!(say(&mut card, "00CB2F00025C0000"), (all, 0x9000));
    assert_eq!(say(&mut card, "80CB2F00025C0000").1, 0x6D00, "CB is the ISO one");
    assert_eq!(say(&mut card, "00CB006600").1, 0x6D00);
    // FF21: applications and what is free.
    let (resources, status) = object(&mut card, 0xFF21);
    assert_eq!((&resources[..3], status), (&hex("FF2110")[..], 0x9000));
    assert_eq!(&resources[3..7], hex("81020003"), "the ISD, an application, a security domain");
    // An SSD lists itself.
    assert_eq!(select(&mut card, &domain).1, 0x9000);
    assert_eq!(say(&mut card, "80CA2F00025C0000"), (entry(&domain), 0x9000));
    // It has no keys, shows the card's recognition data, and not what is the issuer's.
    assert_eq!(object(&mut card, 0xE0), (hex("E000"), 0x9000));
    assert_eq!(object(&mut card, 0x66).1, 0x9000);
    for tag in [0x67, 0x9F7F, 0xC2, 0x42] {
        assert_eq!(object(&mut card, tag), (vec![], 0x6A88), "{tag:04X}");
    }
}

#[test]
fn what_store_data_wrote_goes_before_the_factory() {
    let mut bench = Bench::new();
    bench.profile.iin = &[1, 2, 3];
    let mut card = bench.card();
    let mut host = Host::open(&mut card, KVN, SecurityLevel::Full).unwrap();
    let long: Vec<u8> = (0..200).collect();
    for (tag, value) in [(0x42, &[9, 9][..]), (0x45, &long), (0x42, &[8])] {
        assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x90, 0x00], &tlv(tag, value)), 0x9000);
    }
    card.reset();
    assert_eq!(object(&mut card, 0x42), (hex("420108"), 0x9000));
    assert_eq!(object(&mut card, 0x45), (tlv(0x45, &long), 0x9000));
    assert_eq!(say(&mut card, "00CA004500"), (long.clone(), 0x9000));
    drop(card);
    bench.assert_lasting();
    assert_eq!(object(&mut bench.card(), 0x45), (tlv(0x45, &long), 0x9000));
}
