//! Corners of keys, and a chain that is too long; each test begins with the rule.

use crate::content::{one_key_body, session};
use crate::kit::{self, Bench, factory_keys, hex, keys_from, tlv};
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::{Authenticate, GetStatus, NewKeys, PutKeys, run};
use gp_cardmanager_model::key_info::KeyAccess;
use gp_cardmanager_model::put_key::{BlockForm, KeyType, NewComponent, NewKey, PutKeyWriter};
use gp_scp03::{Challenge, KeyId, SecurityLevel};

/// "Key: D0 key id and/or D2 key version; both = one key" (GPCS 11.2.2.3.2), identifiers are 00..7F: the key with identifier 00
/// belongs to no SCP03 set and goes, also where its version is that of the last set.
#[test]
fn a_key_with_identifier_00_beside_the_last_set_is_deleted() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let key = keys_from(0x55, 16);
    let body = one_key_body(kit::KVN, key.key(KeyId::Enc), factory_keys().dek());
    // The same with another identifier that no set has: as the rule says.
    for id in [0x04, 0x7F, 0x00] {
        assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, id], &body), 0x9000, "put {id:02X}");
        assert_eq!(host.status(&mut card, [0x80, 0xE4, 0, 0], &[0xD0, 1, id, 0xD2, 1, kit::KVN]), 0x9000, "{id:02X}");
    }
}

/// "an SD needs at least one such set" (Amendment D 4.1.3): PUT KEY takes the last one apart no more than DELETE does.
#[test]
fn the_last_key_set_is_not_taken_apart() {
    let new = keys_from(0x77, 16);
    for id in [KeyId::Enc, KeyId::Mac, KeyId::Dek] {
        let mut bench = Bench::new();
        let mut card = bench.card();
        let mut host = session(&mut card);
        let body = one_key_body(0x31, new.key(id), factory_keys().dek());
        let number = [KeyId::Enc, KeyId::Mac, KeyId::Dek].iter().position(|other| *other == id).unwrap() as u8 + 1;
        let status = host.status(&mut card, [0x80, 0xD8, kit::KVN, number], &body);
        card.reset();
        let (_, opened) = kit::raw(&mut card, &hex("8050000008 1111111111111111 00"));
        assert_eq!(opened, 0x9000, "PUT KEY was answered {status:04X}, and nothing opens the card any more");
    }
}

/// The same, by an access that leaves nobody to use the set (GPCS 11.1.9: "FF not available", "02 applications only").
#[test]
fn the_last_key_set_is_not_shut_away() {
    let new = keys_from(0x77, 16);
    for access in [0xFF, 0x02] {
        let mut bench = Bench::new();
        let mut card = bench.card();
        let mut host = session(&mut card);
        let mut buffer = [0; 512];
        let mut writer = PutKeyWriter::new(&mut buffer, kit::KVN, BlockForm::Bare).unwrap();
        let factory = factory_keys();
        for id in [KeyId::Enc, KeyId::Mac, KeyId::Dek] {
            let key = new.key(id);
            let components = [NewComponent { key_type: KeyType::AES, value: key.expose_secret(), filler: &[] }];
            let key = NewKey {
                components: &components,
                check_value: &key.kcv(),
                extended: Some((None, Some(KeyAccess(access)))),
            };
            writer.key(&key, &mut factory.dek()).unwrap();
        }
        let body = writer.finish().unwrap().to_vec();
        let status = host.status(&mut card, [0x80, 0xD8, kit::KVN, 0x81], &body);
        card.reset();
        let (_, opened) = kit::raw(&mut card, &hex("8050000008 1111111111111111 00"));
        assert_eq!(opened, 0x9000, "access {access:02X}: PUT KEY was answered {status:04X}");
    }
}

struct Link<'c, 'm>(&'c mut kit::TestCard<'m>);

impl gp_apdu::Transport for Link<'_, '_> {
    type Error = core::fmt::Error;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, core::fmt::Error> {
        let answer = kit::Wire::transmit(self.0, command);
        response[..answer.len()].copy_from_slice(&answer);
        Ok(answer.len())
    }
}

/// Host and card: a chain that the card cannot take is refused in its first parts (6A86), and the session goes on or is over;
/// "A command failing its protection -> 6982, session aborted" is not what a right command gets.
#[test]
fn after_a_chain_that_is_too_long_the_session_goes_on() {
    let mut bench = Bench::new();
    bench.ram.chain = vec![0; 300];
    let mut card = bench.card();
    let mut link = Link(&mut card);
    let (mut command, mut response) = ([0; 2000], [0; 600]);
    let mut host = gp_cardmanager_model::host::Host::new(&mut command, &mut response, ());
    let keys = factory_keys();
    let task = Authenticate::new(Challenge::new(&[0x11; 8]).unwrap(), SecurityLevel::CMac, |_| Ok(&keys));
    run(&mut host, &mut link, task.with_key_version(kit::KVN)).unwrap();
    let modulus = [0x5A; 512];
    let components = [
        NewComponent { key_type: KeyType::RSA_PUBLIC_MODULUS, value: &modulus, filler: &[] },
        NewComponent { key_type: KeyType::RSA_PUBLIC_EXPONENT, value: &[1, 0, 1], filler: &[] },
    ];
    let list = [NewKey { components: &components, check_value: &[], extended: None }];
    let first = run(&mut host, &mut link, PutKeys::add(0x70, NewKeys::Other(&list), keys.dek())).map(|_| ());
    assert!(first.is_err());
    if host.slot().is_dead() {
        return;
    }
    let next = run(&mut host, &mut link, GetStatus::new(Subset::Applications, |_| {})).map(|_| ());
    assert!(next.is_ok(), "after {first:?}: {next:?}");
}

/// The same by STORE DATA (GPCS 11.11.4: `96` is the access).
#[test]
fn the_last_key_set_is_not_shut_away_by_store_data() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let new = keys_from(0x67, 16);
    let (mut descriptions, mut values) = (Vec::new(), Vec::new());
    for (id, usage, name) in [(1, 0x38, KeyId::Enc), (2, 0x34, KeyId::Mac), (3, 0xC8, KeyId::Dek)] {
        let key = new.key(name);
        let objects = [
            tlv(0x95, &[usage]),
            tlv(0x96, &[0xFF]),
            tlv(0x80, &[0x88]),
            tlv(0x81, &[16]),
            tlv(0x82, &[id]),
            tlv(0x83, &[kit::KVN]),
            tlv(0x84, &key.kcv()),
        ];
        descriptions.extend(tlv(0xB9, &objects.concat()));
        let mut octets = key.expose_secret().to_vec();
        factory_keys().dek().encrypt_sensitive(&mut octets).unwrap();
        values.extend([&[0x81, 0x13, 16][..], &octets].concat());
    }
    let data = [&[0x00, 0xB9, descriptions.len() as u8][..], &descriptions, &values].concat();
    let status = host.status(&mut card, [0x80, 0xE2, 0x88, 0x00], &data);
    card.reset();
    let (_, opened) = kit::raw(&mut card, &hex("8050000008 1111111111111111 00"));
    assert_eq!(opened, 0x9000, "STORE DATA was answered {status:04X}");
}
