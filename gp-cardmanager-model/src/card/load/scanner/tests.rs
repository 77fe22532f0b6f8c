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
        Found::Import { aid, version } => format!("import {aid} {}.{}", version[0], version[1]),
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

fn imports(packages: &[(&[u8], u8, u8)]) -> Vec<u8> {
    let each = packages.iter().flat_map(|(aid, major, minor)| [&[*minor, *major, aid.len() as u8], *aid].concat());
    [vec![packages.len() as u8], each.collect()].concat()
}

#[test]
fn imports_are_found_between_header_and_applets() {
    let lang = [0xA0, 0, 0, 0, 0x62, 0, 1];
    let block = [
        component(1, &header(&PACKAGE)),
        component(4, &[imports(&[(&lang, 1, 0), (&PACKAGE, 3, 9)]), vec![0xEE; 3]].concat()),
        component(4, &imports(&[])),
        component(3, &applets(&[&[0xBB; 5]])),
    ]
    .concat();
    let expected =
        ["file 010203040506 3.7", "import A0000000620001 1.0", "import 010203040506 3.9", "module BBBBBBBBBB"];
    assert_eq!(scan(&block), (expected.map(String::from).to_vec(), true));
    let whole = imports(&[(&lang, 1, 0), (&PACKAGE, 3, 9)]);
    for size in 1..whole.len() {
        assert!(!scan(&[component(1, &header(&PACKAGE)), component(4, &whole[..size])].concat()).1, "{size}");
    }
}
