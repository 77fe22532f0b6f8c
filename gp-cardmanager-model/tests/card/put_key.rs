//! PUT KEY on the card (GPCS 11.8, Amendment D 7.2).

use crate::{content, kit};
use content::*;
use gp_cardmanager_model::card::{Card, Platform};
use gp_cardmanager_model::key_info::{KeyAccess, KeyUsage};
use gp_cardmanager_model::put_key::{BlockForm, KeyType, NewComponent, NewKey, PutKeyWriter};
use gp_cardmanager_model::signature::HashAlgorithm;
use gp_scp03::{Implementation, Key, SecurityLevel, StaticKeys};
use kit::{Bench, Dice, Host, Opening, Ram, TestCard, factory, hex, key_set, keys_from, raw};

/// Add a set; a single key.
const ADD: [u8; 4] = [0x80, 0xD8, 0x00, 0x81];
const ADD_ONE: [u8; 4] = [0x80, 0xD8, 0x00, 0x01];

const fn replace(version: u8) -> [u8; 4] {
    [0x80, 0xD8, version, 0x81]
}

fn dek() -> Key {
    kit::factory_keys().dek().duplicate_secret()
}

/// A session with these keys on the basic channel.
fn with_keys(card: &mut TestCard<'_>, keys: &mut StaticKeys, version: u8) -> Result<Host, u16> {
    Opening::new(keys, version, SecurityLevel::CMac).open(card)
}

/// A field with these components; without check value also where the writer would not do that.
fn field(
    version: u8,
    components: &[(u8, &[u8])],
    check_value: &[u8],
    extended: Option<(Option<KeyUsage>, Option<KeyAccess>)>,
) -> Vec<u8> {
    let components: Vec<NewComponent<'_>> = components
        .iter()
        .map(|(kind, value)| NewComponent { key_type: KeyType(*kind), value, filler: &[0xA5; 15] })
        .collect();
    let mut buffer = vec![0; 4096];
    let mut writer = PutKeyWriter::new(&mut buffer, version, BlockForm::WithLength).unwrap();
    let missing = check_value.is_empty() && matches!(components[0].key_type, KeyType::AES | KeyType::DES);
    let written: &[u8] = if missing { &[0xCC; 3] } else { check_value };
    writer.key(&NewKey { components: &components, check_value: written, extended }, &mut dek()).unwrap();
    let mut body = writer.finish().unwrap().to_vec();
    if missing {
        let at = body.windows(4).rposition(|window| window == [3, 0xCC, 0xCC, 0xCC]).unwrap();
        body.splice(at..at + 4, [0]);
    }
    body
}

#[test]
fn a_set_is_added_and_opens_sessions() {
    for length in [16, 24, 32] {
        for form in [BlockForm::WithLength, BlockForm::Bare] {
            let mut bench = Bench::new();
            let mut card = bench.card();
            let mut host = session(&mut card);
            let mut keys = keys_from(0x77, length);
            let (answer, status) = host.send(&mut card, ADD, &key_body(0x31, &keys, &dek(), form));
            assert_eq!(status, 0x9000);
            let check_values = [1, 2, 3].map(|id| match id {
                1 => keys.key(gp_scp03::KeyId::Enc).kcv(),
                2 => keys.key(gp_scp03::KeyId::Mac).kcv(),
                _ => keys.key(gp_scp03::KeyId::Dek).kcv(),
            });
            assert_eq!(answer, [&[0x31], check_values.concat().as_slice()].concat());
            let shown = keys_shown(&mut host, &mut card);
            for id in 1..=3 {
                let object = [0xC0, 0x04, id, 0x31, 0x88, length as u8];
                assert!(shown.windows(6).any(|window| window == object));
            }
            drop(with_keys(&mut card, &mut keys, 0x31).unwrap());
            // The first set stays the one that 00 names.
            drop(Host::open(&mut card, 0x00, SecurityLevel::CMac).unwrap());
            drop(card);
            bench.assert_lasting();
        }
    }
}

#[test]
fn a_set_is_replaced_and_the_session_goes_on() {
    for version in [kit::KVN, 0x31] {
        let mut bench = Bench::new();
        let mut card = bench.card();
        let mut host = session(&mut card);
        let mut keys = keys_from(0x77, 16);
        let body = key_body(version, &keys, &dek(), BlockForm::Bare);
        assert_eq!(host.send(&mut card, replace(kit::KVN), &body).1, 0x9000);
        assert_eq!(keys_shown(&mut host, &mut card).len(), 2 + 3 * 6);
        // Key-DEK is the one of the session, also now.
        let more = one_key_body(0x44, &Key::new(&[4; 24]).unwrap(), &dek());
        assert_eq!(host.status(&mut card, ADD_ONE, &more), 0x9000);
        if version != kit::KVN {
            assert_eq!(Host::open(&mut card, kit::KVN, SecurityLevel::CMac).err(), Some(0x6A88));
        }
        let host = with_keys(&mut card, &mut keys, version).unwrap();
        // A new set counts its sessions from the beginning.
        assert_eq!(host.shown[29..32], [0, 0, 1]);
        drop(card);
        bench.assert_lasting();
    }
}

/// A key set of SCP03 is three AES keys of one length, identifiers 01 to 03: whatever else has these names opens nothing.
#[test]
fn keys_that_are_no_aes_set_open_nothing() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let add = |host: &mut Host, card: &mut TestCard<'_>, id: u8, body: &[u8]| {
        assert_eq!(host.status(card, [0x80, 0xD8, 0x00, id], body), 0x9000);
    };
    for id in 1..=3 {
        add(&mut host, &mut card, id, &field(0x45, &[(0x80, &[id; 16])], &[1, 2, 3], None));
    }
    for (version, lengths) in [(0x46, [16, 16, 32]), (0x47, [16, 32, 16]), (0x48, [32, 16, 16])] {
        for (id, length) in (1..).zip(lengths) {
            add(&mut host, &mut card, id, &one_key_body(version, &Key::new(&vec![id; length]).unwrap(), &dek()));
        }
    }
    for version in 0x45..=0x48 {
        assert_eq!(raw(&mut card, &kit::command([0x80, 0x50, version, 0], &[0x11; 8])), (vec![], 0x6A88));
    }
    drop(card);
    bench.assert_lasting();
}

/// 00 names the domain's own first set, also when an older one of another domain has the version of its second.
#[test]
fn the_default_set_of_a_domain_is_its_own_first() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    make_domain(&mut host, &mut card, &SSD, &[0x80], "");
    let mut first = keys_from(0x11, 16);
    give_keys(&mut host, &mut card, &SSD, 0x31, &first);
    assert_eq!(kit::select(&mut card, &SSD).1, 0x9000);
    let mut domain = with_keys(&mut card, &mut first, 0x31).unwrap();
    let body = key_body(kit::KVN, &keys_from(0x22, 16), first.dek(), BlockForm::Bare);
    assert_eq!(domain.status(&mut card, ADD, &body), 0x9000);
    assert_eq!(kit::select(&mut card, &SSD).1, 0x9000);
    drop(with_keys(&mut card, &mut first, 0x00).unwrap());
}

#[test]
fn the_sequence_counter_stays_with_a_set_that_is_not_replaced_whole() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    drop(session(&mut card));
    let mut host = session(&mut card);
    assert_eq!(host.shown[29..32], [0, 0, 2]);
    let new = Key::new(&[0x0E; 16]).unwrap();
    let body = one_key_body(kit::KVN, &new, &dek());
    assert_eq!(host.status(&mut card, [0x80, 0xD8, kit::KVN, 0x01], &body), 0x9000);
    let old = kit::factory_keys();
    let copy = |id| old.key(id).duplicate_secret();
    let mut keys = StaticKeys::new(new, copy(gp_scp03::KeyId::Mac), copy(gp_scp03::KeyId::Dek)).unwrap();
    assert_eq!(with_keys(&mut card, &mut keys, kit::KVN).unwrap().shown[29..32], [0, 0, 3]);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn initial_keys_vanish_when_there_is_a_set_without_them() {
    for initial in [0xFF, 0x00] {
        let mut bench = Bench::with(factory(vec![key_set(initial, kit::factory_keys(), [0; 3])]));
        let mut card = bench.card();
        let mut host = Host::open(&mut card, 0x00, SecurityLevel::CMac).unwrap();
        // A key that opens no session takes nothing away: the card would be lost.
        let body = one_key_body(0x70, &Key::new(&[7; 16]).unwrap(), &dek());
        assert_eq!(host.status(&mut card, ADD_ONE, &body), 0x9000);
        assert_eq!(keys_shown(&mut host, &mut card).len(), 2 + 4 * 6);
        let mut keys = keys_from(0x77, 32);
        assert_eq!(host.status(&mut card, ADD, &key_body(0x01, &keys, &dek(), BlockForm::WithLength)), 0x9000);
        let shown = keys_shown(&mut host, &mut card);
        assert!(!shown.windows(2).any(|window| window == [0x01, initial]), "{shown:02X?}");
        assert_eq!(shown.len(), 2 + 4 * 6);
        drop(with_keys(&mut card, &mut keys, 0x00).unwrap());
        drop(card);
        bench.assert_lasting();
    }
}

#[test]
fn what_is_refused() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let keys = keys_from(0x77, 16);
    let body = key_body(0x31, &keys, &dek(), BlockForm::WithLength);
    assert_eq!(raw(&mut card, &kit::command(ADD, &body)), (vec![], 0x6982));
    let mut host = session(&mut card);
    // Versions 01 to 7F; a name that is taken; a version or key that is not there.
    for version in [0x00, 0x80, 0xFF] {
        let body = [&[version], &body[1..]].concat();
        refused(&mut host, &mut card, ADD, &body, 0x6A80);
    }
    refused(&mut host, &mut card, ADD, &key_body(kit::KVN, &keys, &dek(), BlockForm::Bare), 0x6A80);
    refused(&mut host, &mut card, replace(0x31), &body, 0x6A88);
    refused(&mut host, &mut card, [0x80, 0xD8, kit::KVN, 0x82], &body, 0x6A88);
    // Several keys where P2 announces one; nothing; something else.
    refused(&mut host, &mut card, ADD_ONE, &body, 0x6A80);
    for malformed in ["", "31", "318811", "3188101122", "31881000"] {
        refused(&mut host, &mut card, ADD, &hex(malformed), 0x6A80);
    }
    // A wrong check value, of each of the keys: all of them or none. A field has 23 octets, its check value ends it.
    for key in 1..=3 {
        let mut wrong = body.clone();
        wrong[23 * key] ^= 0x01;
        refused(&mut host, &mut card, ADD, &wrong, 0x6982);
    }
    // Encrypted under another key, or without check value.
    refused(&mut host, &mut card, ADD, &key_body(0x31, &keys, &Key::new(&[9; 16]).unwrap(), BlockForm::Bare), 0x6982);
    refused(&mut host, &mut card, ADD_ONE, &field(0x31, &[(0x88, &[1; 16])], &[], None), 0x6A80);
    refused(&mut host, &mut card, ADD_ONE, &field(0x31, &[(0x88, &[1; 20])], &[1, 2, 3], None), 0x6A80);
    // A replacement keeps type and size.
    refused(
        &mut host,
        &mut card,
        replace(kit::KVN),
        &key_body(0x31, &keys_from(1, 32), &dek(), BlockForm::Bare),
        0x6A80,
    );
    let des = field(0x31, &[(0x80, &[1; 16])], &[1, 2, 3], None);
    refused(&mut host, &mut card, [0x80, 0xD8, kit::KVN, 0x01], &des, 0x6A80);
    // A new name that is another key's.
    assert_eq!(host.send(&mut card, ADD, &body).1, 0x9000);
    refused(&mut host, &mut card, replace(kit::KVN), &body, 0x6A80);
    // More components than a key can have, a longer one than the card keeps.
    let many = [(0xA0, &[1, 0, 1][..]); 9];
    refused(&mut host, &mut card, ADD_ONE, &field(0x44, &many, &[], None), 0x6A80);
    refused(&mut host, &mut card, ADD_ONE, &field(0x44, &[(0xA1, &[1; 513])], &[], None), 0x6A84);
    assert_eq!(host.status(&mut card, ADD_ONE, &field(0x43, &[(0xA1, &[1; 512])], &[], None)), 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE4, 0, 0], &hex("D20143")), 0x9000);
    // A secret one that it cannot even decipher.
    refused(&mut host, &mut card, ADD_ONE, &field(0x44, &[(0x88, &[1; 544])], &[], None), 0x6A84);
    // A locked card.
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x80, 0x7F], &[]), 0x9000);
    refused(&mut host, &mut card, ADD_ONE, &one_key_body(0x44, &Key::new(&[4; 16]).unwrap(), &dek()), 0x6985);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn a_full_memory_refuses_and_recovers() {
    let mut bench = Bench::new();
    bench.ram = Ram::new(8, 8, 4, 1);
    let mut card = bench.card();
    let mut host = session(&mut card);
    let first = keys_from(0x11, 16);
    assert_eq!(host.send(&mut card, ADD, &key_body(0x31, &first, &dek(), BlockForm::Bare)).1, 0x9000);
    // Six of eight slots are in use: a set does not fit, and neither does its replacement.
    refused(&mut host, &mut card, ADD, &key_body(0x32, &first, &dek(), BlockForm::Bare), 0x6A84);
    refused(&mut host, &mut card, replace(0x31), &key_body(0x31, &first, &dek(), BlockForm::Bare), 0x6A84);
    for (version, id) in [(0x41, 1), (0x42, 2)] {
        let body = one_key_body(version, &Key::new(&[4; 16]).unwrap(), &dek());
        assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, id], &body), 0x9000);
    }
    assert_eq!(host.send(&mut card, [0x80, 0xE4, 0x00, 0x00], &hex("D20131")), (vec![0], 0x9000));
    assert_eq!(host.send(&mut card, ADD, &key_body(0x31, &first, &dek(), BlockForm::Bare)).1, 0x9000);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn keys_of_every_type_are_kept_and_shown() {
    let (modulus, exponent) = ([0xC3; 256], [1, 0, 1]);
    let point = [&[0x04][..], &[0x5E; 64]].concat();
    let usage = Some((Some(KeyUsage(0x8400)), Some(KeyAccess(0x01))));
    let both = Some((Some(KeyUsage(0x1880)), None));
    type Case<'c> = (u8, &'c [(u8, &'c [u8])], &'c [u8], Option<(Option<KeyUsage>, Option<KeyAccess>)>, &'c str);
    let curve: [(u8, &[u8]); 7] = [
        (0xB1, &[7; 32]),
        (0xB2, &[0xB2; 32]),
        (0xB3, &[0xB3; 32]),
        (0xB4, &[0xB4; 32]),
        (0xB5, &point),
        (0xB6, &[0xB6; 32]),
        (0xB7, &[1]),
    ];
    let cases: [Case<'_>; 13] = [
        (0x41, &[(0x80, &[1; 16])], &[1, 2, 3], None, "C0 04 01 41 80 10"),
        (0x42, &[(0x90, &[1; 20])], &[], None, "C0 04 01 42 90 14"),
        (0x43, &[(0x85, &[1; 30])], &[9, 9, 9], None, "C0 04 01 43 85 1E"),
        // RSA, long enough for the extended form; with the defaults for keys of no secure channel.
        (0x45, &[(0xA1, &modulus), (0xA0, &exponent)], &[], None, "C0 0F 01 45 FFA10100 FFA00003 02 0000 01 01"),
        // An EC key with its curve by reference: the point counts without its 04, the reference is shown itself.
        (0x46, &[(0xB0, &point), (0xF0, &[0x00])], &[], None, "C0 06 01 46 B0 40 F0 00"),
        (0x47, &[(0xB1, &[7; 32]), (0xF0, &[0x03])], &[], None, "C0 06 01 47 B1 20 F0 03"),
        // The same with its curve: p, a, b, G, n and k.
        (0x4A, &curve, &[], None, "C0 10 01 4A B1 20 B2 20 B3 20 B4 20 B5 41 B6 20 B7 01"),
        // Usage and access are kept where they are not what the name stands for.
        (0x73, &[(0xB0, &point), (0xF0, &[0x00])], &[], usage, "C0 06 01 73 B0 40 F0 00"),
        (0x48, &[(0xB0, &point), (0xF0, &[0x00])], &[], usage, "C0 0E 01 48 FFB00040 FFF00000 01 84 01 01"),
        // A reference of two octets.
        (0x4B, &[(0xB0, &point), (0xF0, &[0x01, 0x02])], &[], None, "C0 0F 01 4B FFB00040 FFF00102 02 0000 01 01"),
        (0x4C, &[(0xB0, &point), (0xF0, &[0x00, 0x02])], &[], None, "C0 06 01 4C B0 40 F0 02"),
        // The longest component that the short form tells.
        (0x4D, &[(0xA1, &modulus[1..])], &[], None, "C0 04 01 4D A1 FF"),
        (0x49, &[(0x91, &[3; 20])], &[], both, "C0 0B 01 49 FF910014 02 1880 01 01"),
    ];
    for (version, components, check_value, extended, shown) in cases {
        let mut bench = Bench::new();
        let mut card = bench.card();
        let mut host = session(&mut card);
        let body = field(version, components, check_value, extended);
        let (answer, status) = host.send(&mut card, ADD_ONE, &body);
        assert_eq!((answer, status), ([&[version], check_value].concat(), 0x9000), "{shown}");
        let all = keys_shown(&mut host, &mut card);
        let object = normalised(&hex(shown));
        assert!(all.windows(object.len()).any(|window| window == object), "{shown} in {all:02X?}");
        // The whole value is there: the same key replaces it, one of another size does not.
        assert_eq!(host.status(&mut card, [0x80, 0xD8, version, 0x01], &body), 0x9000);
        assert_eq!(host.send(&mut card, [0x80, 0xE4, 0x00, 0x00], &[0xD2, 0x01, version]), (vec![0], 0x9000));
        assert_eq!(keys_shown(&mut host, &mut card).len(), 2 + 3 * 6);
        drop(card);
        bench.assert_lasting();
    }
}

/// Versions 70 to 7F stand for a usage by convention, written as in GPCS 11.1.9: shown in the short form, what differs in the long one.
#[test]
fn a_usage_that_the_version_stands_for_is_not_shown() {
    let key = [4; 16];
    let check_value = Key::new(&key).unwrap().kcv();
    for (version, usage) in
        [(0x70, 0x8100), (0x71, 0x4400), (0x72, 0), (0x73, 0x8400), (0x74, 0), (0x7F, 0), (0x6F, 0x3800)]
    {
        let access = if version == 0x6F { 0 } else { 1 };
        for (usage, extended) in [(usage, false), (usage ^ 0x0200, true)] {
            let mut bench = Bench::new();
            let mut card = bench.card();
            let mut host = session(&mut card);
            let attributes = Some((Some(KeyUsage(usage)), Some(KeyAccess(access))));
            let body = field(version, &[(0x88, &key)], &check_value, attributes);
            assert_eq!(host.status(&mut card, ADD_ONE, &body), 0x9000);
            let shown = keys_shown(&mut host, &mut card);
            let short = [0xC0, 4, 1, version, 0x88, 0x10];
            assert_eq!(shown.windows(6).any(|window| window == short), !extended, "{version:02X} {shown:02X?}");
        }
    }
}

/// A usage without second octet is written as one.
fn normalised(object: &[u8]) -> Vec<u8> {
    match object {
        [head @ .., 0x02, 0x00, 0x00, 0x01, access] => {
            let mut object = [head, &[0x01, 0x00, 0x01, *access]].concat();
            object[1] -= 1;
            object
        }
        other => other.to_vec(),
    }
}

#[test]
fn long_bodies_come_in_parts() {
    let mut bench = Bench::new();
    bench.ram = Ram::new(24, 40, 16, 4);
    let mut card = bench.card();
    let mut host = session(&mut card);
    // RSA with 2048 bits in its CRT form: five components of 128 octets.
    let parts = [0xA4, 0xA5, 0xA6, 0xA7, 0xA8].map(|kind| (kind, [kind; 128]));
    let components: Vec<(u8, &[u8])> = parts.iter().map(|(kind, value)| (*kind, &value[..])).collect();
    let body = field(0x45, &components, &[], None);
    assert!(body.len() > 600);
    assert_eq!(host.send(&mut card, ADD_ONE, &body), (vec![0x45], 0x9000));
    let shown = keys_shown(&mut host, &mut card);
    let object = hex("C0 0C 01 45 A480 A580 A680 A780 A880");
    assert!(shown.windows(object.len()).any(|window| window == object), "{shown:02X?}");
    drop(card);
    bench.assert_lasting();
}

/// A platform that knows the check values of DES keys, so to speak.
struct WithDes(Dice);

impl Platform for WithDes {
    type Error = ();
    fn fill(&mut self, out: &mut [u8]) -> Result<(), ()> {
        self.0.fill(out)
    }
    fn hash_begin(&mut self, algorithm: HashAlgorithm) -> bool {
        self.0.hash_begin(algorithm)
    }
    fn check_value(&mut self, key_type: u8, key: &[u8]) -> Option<[u8; 3]> {
        (key_type == 0x80).then(|| [key[0], key[1], key[2]])
    }
}

#[test]
fn check_values_that_only_the_platform_knows() {
    let mut bench = Bench::new();
    let Bench { ram, flash, dice, desk, profile } = &mut bench;
    let mut card = Card::open(ram.memory(), flash.clone(), WithDes(dice.clone()), desk.clone(), profile).unwrap();
    let mut host = Host::open(&mut card, kit::KVN, SecurityLevel::CMac).unwrap();
    let des = |check_value: &[u8]| field(0x41, &[(0x80, &[1; 16])], check_value, None);
    assert_eq!(host.send(&mut card, ADD_ONE, &des(&[1, 1, 2])), (vec![], 0x6982));
    assert_eq!(host.send(&mut card, ADD_ONE, &des(&[])), (vec![], 0x6A80));
    assert_eq!(host.send(&mut card, ADD_ONE, &des(&[1, 1, 1])), (vec![0x41, 1, 1, 1], 0x9000));
}

#[test]
fn a_new_domain_gets_its_first_keys_through_those_above_it() {
    for (parameters, then) in [("", 0x0F), ("8400", 0x07)] {
        let mut bench = Bench::new();
        let mut card = bench.card();
        let mut host = session(&mut card);
        make_domain(&mut host, &mut card, &SSD, &[0x80], parameters);
        assert_eq!(kit::select(&mut card, &SSD).1, 0x9000);
        let mut domain = Host::open(&mut card, kit::KVN, SecurityLevel::CMac).unwrap();
        // One after the other: PERSONALIZED with the last, and Key-DEK stays that of the session.
        let mut keys = keys_from(0x55, 16);
        for (id, name) in [(1, gp_scp03::KeyId::Enc), (2, gp_scp03::KeyId::Mac), (3, gp_scp03::KeyId::Dek)] {
            assert_eq!(state_of(&mut domain, &mut card, &SSD), Some(0x07));
            let body = one_key_body(0x01, keys.key(name), &dek());
            assert_eq!(domain.status(&mut card, [0x80, 0xD8, 0x00, id], &body), 0x9000);
        }
        assert_eq!(state_of(&mut domain, &mut card, &SSD), Some(then));
        let more = one_key_body(0x44, &Key::new(&[4; 16]).unwrap(), &dek());
        assert_eq!(domain.status(&mut card, ADD_ONE, &more), 0x9000);
        // From now on its own keys open it.
        assert_eq!(Host::open(&mut card, kit::KVN, SecurityLevel::CMac).err(), Some(0x6A88));
        drop(with_keys(&mut card, &mut keys, 0x01).unwrap());
        drop(card);
        bench.assert_lasting();
    }
}

#[test]
fn a_security_domain_keeps_its_own_keys() {
    let mut bench = Bench::new();
    bench.profile.implementation = Implementation::new(0x60);
    let mut card = bench.card();
    let mut host = session(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "80", 0x11);
    let before = keys_shown(&mut host, &mut card);
    let mut domain = session_of(&mut card, &SSD, 0x11);
    let mut keys = keys_from(0x55, 16);
    let own = keys_from(0x11, 16);
    let body = key_body(kit::KVN, &keys, own.dek(), BlockForm::WithLength);
    assert_eq!(domain.status(&mut card, replace(kit::KVN), &body), 0x9000);
    assert_eq!(kit::select(&mut card, &SSD).1, 0x9000);
    drop(with_keys(&mut card, &mut keys, kit::KVN).unwrap());
    let mut host = session(&mut card);
    assert_eq!(keys_shown(&mut host, &mut card), before);
}

#[test]
fn a_key_serves_whom_its_access_says() {
    let applet = APP;
    // Access, and whether the security domain and an application of its may use the keys (GPCS 11.1.9).
    for (access, domain, application) in
        [(0x00, true, true), (0x01, true, false), (0x02, false, true), (0x03, false, false), (0xFF, false, false)]
    {
        let mut bench = Bench::new();
        let desk = bench.desk.clone();
        let mut card = bench.card();
        let mut host = session(&mut card);
        load(&mut host, &mut card);
        install(&mut host, &mut card, &applet, &[0x00], "C900");
        let mut keys = keys_from(0x21, 16);
        let ids = [gp_scp03::KeyId::Enc, gp_scp03::KeyId::Mac, gp_scp03::KeyId::Dek];
        for (id, usage) in ids.into_iter().zip([0x3800, 0x3400, 0xC800]) {
            let key = keys.key(id);
            let attributes = Some((Some(KeyUsage(usage)), Some(KeyAccess(access))));
            let body = field(0x33, &[(0x88, key.expose_secret())], &key.kcv(), attributes);
            let number = match id {
                gp_scp03::KeyId::Enc => 1,
                gp_scp03::KeyId::Mac => 2,
                gp_scp03::KeyId::Dek => 3,
            };
            assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, number], &body), 0x9000);
        }
        let refused = |opened: Result<Host, u16>| opened.err();
        let expected = |may: bool| if may { None } else { Some(0x6985) };
        assert_eq!(refused(with_keys(&mut card, &mut keys, 0x33)), expected(domain), "{access:02X}");
        desk.0.borrow_mut().secure.insert(applet.to_vec());
        assert_eq!(kit::select(&mut card, &applet).1, 0x9000);
        assert_eq!(refused(with_keys(&mut card, &mut keys, 0x33)), expected(application), "{access:02X}");
        drop(card);
        bench.assert_lasting();
    }
}
