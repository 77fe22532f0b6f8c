extern crate std;

use std::vec::Vec;
use std::{format, string::String, vec};

use super::*;

const PACKAGE: [u8; 6] = [1, 2, 3, 4, 5, 6];

fn component(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag, (body.len() >> 8) as u8, body.len() as u8], body].concat()
}

fn header(aid: &[u8]) -> Vec<u8> {
    [&MAGIC[..], &[0x01, 0x02, 0x04, 0x07, 0x03, aid.len() as u8], aid].concat()
}

fn applets(aids: &[&[u8]]) -> Vec<u8> {
    let each = aids.iter().flat_map(|aid| [&[aid.len() as u8], *aid, &[0xAB, 0xCD]].concat());
    [vec![aids.len() as u8], each.collect()].concat()
}

/// What the scanner finds in a data block, and whether it takes it for whole.
fn scan(octets: &[u8]) -> (Vec<String>, bool) {
    let mut scanner = Scanner::new();
    let found = octets.iter().filter_map(|octet| scanner.push(*octet)).map(|found| match found {
        Found::File { aid, version } => format!("file {aid} {}.{}", version[0], version[1]),
        Found::Module(aid) => format!("module {aid}"),
    });
    let found = found.collect();
    (found, scanner.finish().is_ok())
}

#[test]
fn package_and_applets_are_found_wherever_they_stand() {
    let long = [0xAA; 16];
    let short = [0xBB; 5];
    let file = "file 010203040506 3.7";
    let both = [component(1, &header(&PACKAGE)), component(3, &applets(&[&long, &short]))].concat();
    let aid = |octets: &[u8]| format!("module {}", Aid::new(octets).unwrap());
    assert_eq!(scan(&both), (vec![file.into(), aid(&long), aid(&short)], true));
    // Octets behind what must be there are skipped, and so are other components and empty ones.
    let padded = [
        component(1, &[header(&PACKAGE), vec![0x04, b'n', b'a', b'm', b'e']].concat()),
        component(2, &[0x03; 300]),
        component(5, &[]),
        component(3, &[applets(&[&short]), vec![0xFF; 4]].concat()),
        component(12, &[0x01; 70]),
    ]
    .concat();
    assert_eq!(scan(&padded), (vec![file.into(), aid(&short)], true));
    assert_eq!(
        scan(&[component(1, &header(&PACKAGE)), component(3, &applets(&[]))].concat()),
        (vec![file.into()], true)
    );
}

#[test]
fn other_formats_have_nothing_and_are_whole() {
    for octets in [
        &[][..],
        &[0x02, 0x00, 0x05, 1, 2, 3, 4, 5],
        &[0x7F, b'E', b'L', b'F', 1, 3],
        &component(1, &[0xDE, 0xCA, 0xFF, 0xEE, 0, 0]),
        &component(1, &[0xDE, 0xCA, 0xFF, 0xEE]),
        &component(1, &[0xDD]),
        &component(1, &[0xDE, 0xCA, 0x00, 0x00, 0x00]),
    ] {
        assert_eq!(scan(octets), (vec![], true), "{octets:02X?}");
    }
}

#[test]
fn components_that_end_too_early_are_damaged() {
    let good = [component(1, &header(&PACKAGE)), component(3, &applets(&[&[0xBB; 5]]))].concat();
    let first = 3 + header(&PACKAGE).len();
    for end in 1..good.len() {
        assert_eq!(scan(&good[..end]).1, end == first, "{end}");
    }
    // The size says less than the content: each shorter one, for both components.
    for size in 5..header(&PACKAGE).len() {
        assert!(!scan(&component(1, &header(&PACKAGE)[..size])).1, "{size}");
    }
    for size in 1..applets(&[&[0xBB; 5], &[0xCC; 6]]).len() {
        let octets = [component(1, &header(&PACKAGE)), component(3, &applets(&[&[0xBB; 5], &[0xCC; 6]])[..size])];
        assert!(!scan(&octets.concat()).1, "{size}");
    }
    for length in [0, 4, 17, 0xFF] {
        let aid = vec![1; length];
        assert!(!scan(&component(1, &header(&aid))).1, "{length}");
        assert!(!scan(&[component(1, &header(&PACKAGE)), component(3, &applets(&[&aid]))].concat()).1, "{length}");
    }
}

/// CBC from outside: padding 80 00.., a chaining value in front.
fn cipher(key: &[u8], icv: [u8; 16], clear: &[u8]) -> Vec<u8> {
    let key = Key::new(key).unwrap();
    let mut padded = [clear, &[0x80]].concat();
    padded.resize(padded.len().div_ceil(16) * 16, 0);
    padded.iter_mut().zip(icv).for_each(|(octet, icv)| *octet ^= icv);
    key.encrypt_sensitive(&mut padded).unwrap();
    padded
}

fn decipher(key: &[u8], icv: [u8; 16], octets: &[u8]) -> Option<Vec<u8>> {
    let key = Key::new(key).unwrap();
    let mut cipher = Cipher { key, previous: icv, block: [0; 16], filled: 0, held: None };
    let mut clear: Vec<u8> = octets.iter().filter_map(|octet| cipher.push(*octet)).flatten().collect();
    let (last, length) = cipher.finish()?;
    clear.extend_from_slice(&last[..length]);
    Some(clear)
}

#[test]
fn ciphered_blocks_come_out_as_they_were() {
    for key in [&[0x11; 16][..], &[0x22; 24], &[0x33; 32]] {
        for icv in [[0; 16], [0x5C; 16]] {
            for length in 0..100 {
                let clear: Vec<u8> = (0..length).collect();
                assert_eq!(decipher(key, icv, &cipher(key, icv, &clear)), Some(clear), "{length}");
            }
        }
    }
}

#[test]
fn no_padding_no_block() {
    let key = [0x11; 16];
    let raw = |clear: &[u8]| {
        let mut octets = clear.to_vec();
        Key::new(&key).unwrap().encrypt_sensitive(&mut octets).unwrap();
        octets
    };
    assert_eq!(decipher(&key, [0; 16], &[]), None);
    for length in 1..32 {
        let octets = cipher(&key, [0; 16], &[7; 20]);
        assert!(decipher(&key, [0; 16], &octets[..length]).is_none_or(|clear| clear != [7; 20]), "{length}");
    }
    assert_eq!(decipher(&key, [0; 16], &raw(&[0; 16])), None, "zeros alone");
    assert_eq!(decipher(&key, [0; 16], &raw(&[7; 16])), None, "no 80");
    let mut late = [7; 16];
    late[15] = 0x81;
    assert_eq!(decipher(&key, [0; 16], &raw(&late)), None);
    late[15] = 0x80;
    assert_eq!(decipher(&key, [0; 16], &raw(&late)), Some(vec![7; 15]));
    let mut first = [0; 16];
    first[0] = 0x80;
    assert_eq!(decipher(&key, [0; 16], &raw(&first)), Some(vec![]));
}

#[test]
fn what_a_combined_token_signs_is_kept_whole_or_refused() {
    for length in [0, 1, MAX_FIELDS] {
        let fields = vec![0xC3; length];
        assert_eq!(Combined::new(&fields).unwrap().fields(), fields);
    }
    assert!(Combined::new(&[0; MAX_FIELDS + 1]).is_none());
    // Enough for three AIDs' length, the longest hash and a control reference.
    const { assert!(MAX_FIELDS >= 5 + 2 * 17 + 65 + 50) };
}

#[test]
fn a_load_keeps_no_hash_longer_than_there_are() {
    let load = |hash: &[u8]| Load::new(LogicalChannel::BASIC, Index::ISD, Index(1), hash);
    for length in [0, 20, 64] {
        let hash = vec![0xAB; length];
        let load = load(&hash).unwrap();
        assert_eq!(load.hash(), hash);
        assert!(!load.is_complete());
    }
    assert!(load(&[0; 65]).is_none());
}
