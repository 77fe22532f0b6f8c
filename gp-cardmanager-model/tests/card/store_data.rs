//! STORE DATA and INSTALL [for personalization] on the card (GPCS 7.3, 11.11).

use crate::{content, kit};
use content::*;
use gp_apdu::{Header, StatusWord};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::{Apdu, AppHandle, Applets, Card, Installation};
use gp_cardmanager_model::put_key::KeyType;
use gp_cardmanager_model::store_data::key_dgi::{KeyDescription, NewKeyItem, write_keys};
use gp_scp03::{Key, SecurityLevel};
use kit::{Bench, Desk, Event, Host, Opening, Ram, TestCard, hex, keys_from, raw, say, tlv};

/// P1: the last block, BER-TLV or DGI.
const BER: u8 = 0x90;
const DGI: u8 = 0x88;
const LAST: u8 = 0x80;

const fn store(p1: u8, number: u8) -> [u8; 4] {
    [0x80, 0xE2, p1, number]
}

fn get(host: &mut Host, card: &mut TestCard<'_>, tag: u16) -> (Vec<u8>, u16) {
    let [high, low] = tag.to_be_bytes();
    host.send(card, [0x80, 0xCA, high, low], &[])
}

/// Sends data in blocks of so many octets; the last answer.
fn transfer(host: &mut Host, card: &mut TestCard<'_>, p1: u8, data: &[u8], block: usize) -> (Vec<u8>, u16) {
    let blocks: Vec<&[u8]> = data.chunks(block).collect();
    for (number, octets) in blocks.iter().enumerate() {
        let last = number + 1 == blocks.len();
        let header = store(if last { p1 } else { p1 & !LAST }, number as u8);
        let answer = host.send(card, header, octets);
        if last || answer.1 != 0x9000 {
            return answer;
        }
        assert_eq!(answer.0, []);
    }
    panic!("nothing to send")
}

fn dgi(tag: u16, value: &[u8]) -> Vec<u8> {
    let length = match value.len() {
        short @ 0..=0xFE => vec![short as u8],
        long => vec![0xFF, (long >> 8) as u8, long as u8],
    };
    [tag.to_be_bytes().to_vec(), length, value.to_vec()].concat()
}

fn personalize(host: &mut Host, card: &mut TestCard<'_>, aid: &[u8]) -> (Vec<u8>, u16) {
    host.install(card, 0x20, 0x00, &[&[], &[], aid, &[], &[], &[]])
}

#[test]
fn data_objects_of_the_isd() {
    let mut bench = Bench::new();
    bench.ram = Ram::new(24, 24, 32, 4);
    let mut card = bench.card();
    let mut host = session(&mut card);
    let long = [0x42; 250];
    for (tag, value) in [
        (0x42, &hex("0123456789")[..]),
        (0x45, &hex("CAFE")),
        (0x66, &long),
        (0x67, &[]),
        (0xCF, &[9; 10]),
        (0x5F50, b"https://example.com/"),
        (0x9F66, &[1; 8]),
        (0x9F67, &[2; 8]),
        // Again: shorter, longer.
        (0x42, &hex("01")),
        (0x42, &[0x33; 100]),
    ] {
        let object = tlv(tag, value);
        assert_eq!(transfer(&mut host, &mut card, BER, &object, 200), (vec![], 0x9000), "{tag:04X}");
        assert_eq!(get(&mut host, &mut card, tag), (object, 0x9000));
    }
    drop(card);
    bench.assert_lasting();
    // It lasts, and without a session it can be read as well.
    let mut card = bench.card();
    assert_eq!(say(&mut card, "80CA004500"), (hex("4502CAFE"), 0x9000));
    assert_eq!(say(&mut card, "00CA004500"), (hex("CAFE"), 0x9000));
}

#[test]
fn every_structure_and_every_cut() {
    let objects = [tlv(0x42, &[1; 40]), tlv(0x45, &[2; 3]), tlv(0x5F50, &[3; 70])].concat();
    let groups = [dgi(0x0070, &objects[..42]), dgi(0x0070, &objects[42..])].concat();
    for (p1, data) in [(BER, &objects), (LAST, &objects), (DGI, &groups), (0xB0, &objects), (0x91, &objects)] {
        for block in 1..=data.len() {
            if data.len().div_ceil(block) > 256 {
                continue;
            }
            let mut bench = Bench::new();
            let mut card = bench.card();
            let mut host = session(&mut card);
            assert_eq!(transfer(&mut host, &mut card, p1, data, block), (vec![], 0x9000));
            for object in [tlv(0x42, &[1; 40]), tlv(0x45, &[2; 3]), tlv(0x5F50, &[3; 70])] {
                let tag = if object[0] == 0x5F { 0x5F50 } else { u16::from(object[0]) };
                assert_eq!(get(&mut host, &mut card, tag), (object, 0x9000));
            }
        }
    }
}

#[test]
fn the_isd_is_renamed() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session_with_app(&mut card);
    for (value, status) in [(&APP[..], 0x6985), (&FILE, 0x6985), (&[1, 2, 3, 4], 0x6A80), (&[1; 17], 0x6A80)] {
        refused(&mut host, &mut card, store(BER, 0), &tlv(0x4F, value), status);
    }
    let new = [0xA0, 0, 0, 1, 0x51, 9, 9, 9];
    // Its own name is no hindrance, nor is that of a module.
    for name in [&ISD[..], &MODULE, &new] {
        assert_eq!(host.send(&mut card, store(BER, 0), &tlv(0x4F, name)), (vec![], 0x9000));
        assert!(host.listed(&mut card, 0x80).0.windows(name.len()).any(|window| window == name));
    }
    assert_eq!(kit::select(&mut card, &ISD).1, 0x6A82);
    assert_eq!(kit::select(&mut card, &new).1, 0x9000);
    drop(Host::open(&mut card, kit::KVN, SecurityLevel::CMac).unwrap());
    drop(card);
    bench.assert_lasting();
}

#[test]
fn what_is_refused() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    assert_eq!(raw(&mut card, &kit::command(store(BER, 0), &hex("420101"))), (vec![], 0x6982));
    let mut host = session(&mut card);
    // Made by the card; not known; malformed; twice; too long; a reserved P1; encrypted objects.
    for object in ["D30101", "FF210101", "C1020001", "C2020001", "4201", "4281", "42010142 0102", "420102D30101"] {
        refused(&mut host, &mut card, store(BER, 0), &hex(object), 0x6A80);
    }
    for object in ["2F0101", "500101", "9F7F0101", "DF010101", "420102500101"] {
        refused(&mut host, &mut card, store(BER, 0), &hex(object), 0x6A88);
    }
    for p1 in [0xC0, 0x98, 0xD8] {
        refused(&mut host, &mut card, store(p1, 0), &hex("420101"), 0x6A86);
    }
    refused(&mut host, &mut card, store(0xF0, 0), &hex("420101"), 0x6A80);
    for group in ["007003420", "0070", "00B90101", "811300", "007003D30101"] {
        let group = if group.len() % 2 == 1 { hex(&group[..group.len() - 1]) } else { hex(group) };
        refused(&mut host, &mut card, store(DGI, 0), &group, 0x6A80);
    }
    refused(&mut host, &mut card, store(DGI, 0), &hex("0071 03 420101"), 0x6A88);
    refused(&mut host, &mut card, store(DGI, 0), &hex("0070 03 420101 9F01 00"), 0x6A88);
    // An object that does not end with the last block.
    assert_eq!(host.send(&mut card, store(0x10, 0), &hex("4205")), (vec![], 0x9000));
    refused(&mut host, &mut card, store(BER, 1), &hex("01020304"), 0x6A80);
    // Longer than what one answer of GET DATA tells.
    assert_eq!(transfer(&mut host, &mut card, BER, &tlv(0x66, &[7; 256]), 200), (vec![], 0x6A84));
    // A locked card.
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x80, 0x7F], &[]), 0x9000);
    refused(&mut host, &mut card, store(BER, 0), &hex("420101"), 0x6985);
}

#[test]
fn block_numbers() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    refused(&mut host, &mut card, store(0x10, 1), &hex("4202"), 0x6A86);
    assert_eq!(host.status(&mut card, store(0x10, 0), &hex("4202")), 0x9000);
    // Neither again nor one too far; and then it begins at 00.
    refused(&mut host, &mut card, store(0x10, 0), &hex("01"), 0x6A86);
    refused(&mut host, &mut card, store(0x10, 1), &hex("01"), 0x6A86);
    assert_eq!(host.status(&mut card, store(0x10, 0), &hex("4202")), 0x9000);
    refused(&mut host, &mut card, store(0x10, 2), &hex("01"), 0x6A86);
    // The structure stays the same within a transfer.
    assert_eq!(host.status(&mut card, store(0x10, 0), &hex("4202")), 0x9000);
    refused(&mut host, &mut card, store(DGI, 1), &hex("0102"), 0x6985);
    // Another command in between does no harm, but a chain needs the same memory.
    assert_eq!(host.status(&mut card, store(0x10, 0), &hex("4202")), 0x9000);
    assert_eq!(host.listed(&mut card, 0x80).1, 0x9000);
    assert_eq!(host.status(&mut card, store(BER, 1), &hex("0102")), 0x9000);
    assert_eq!(get(&mut host, &mut card, 0x42), (hex("42020102"), 0x9000));
    assert_eq!(host.status(&mut card, store(0x10, 0), &hex("4202")), 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &[0; 300]), 0x6A80);
    refused(&mut host, &mut card, store(BER, 1), &hex("0304"), 0x6985);
    // Nor do a transfer and a load go together, on whatever channel.
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    let mut loading = Host::open_on(&mut card, 1, kit::KVN, SecurityLevel::CMac).unwrap();
    assert_eq!(host.status(&mut card, store(0x10, 0), &hex("4202")), 0x9000);
    assert_eq!(loading.install(&mut card, 0x02, 0x00, &[&FILE, &[], &[], &[], &[]]), (vec![0], 0x9000));
    refused(&mut host, &mut card, store(BER, 1), &hex("0304"), 0x6985);
    refused(&mut host, &mut card, store(0x10, 0), &hex("4202"), 0x6985);
    assert_eq!(host.status(&mut card, store(BER, 0), &hex("42020304")), 0x9000);
    assert_eq!(raw(&mut card, &hex("00708001")), (vec![], 0x9000));
    // 256 blocks and no more.
    for number in 0..=0xFE {
        assert_eq!(host.status(&mut card, store(0x10, number), &[]), 0x9000);
    }
    refused(&mut host, &mut card, store(0x10, 0xFF), &[], 0x6A86);
    for number in 0..=0xFE {
        assert_eq!(host.status(&mut card, store(0x10, number), &[]), 0x9000);
    }
    assert_eq!(host.status(&mut card, store(BER, 0xFF), &hex("420155")), 0x9000);
    assert_eq!(get(&mut host, &mut card, 0x42), (hex("420155"), 0x9000));
    // A new session begins a new transfer.
    assert_eq!(host.status(&mut card, store(0x10, 0), &hex("4202")), 0x9000);
    let mut host = Host::open(&mut card, kit::KVN, SecurityLevel::CMac).unwrap();
    refused(&mut host, &mut card, store(BER, 1), &hex("0304"), 0x6A86);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn a_full_memory_refuses_and_keeps_what_it_has() {
    let mut bench = Bench::new();
    bench.ram = Ram::new(8, 8, 4, 1);
    bench.ram.chain = vec![0; 100];
    let mut card = bench.card();
    let mut host = session(&mut card);
    assert_eq!(host.status(&mut card, store(BER, 0), &[tlv(0x42, &[1; 64]), tlv(0x45, &[2; 32])].concat()), 0x9000);
    refused(&mut host, &mut card, store(BER, 0), &tlv(0x66, &[1; 33]), 0x6A84);
    refused(&mut host, &mut card, store(BER, 0), &tlv(0x42, &[1; 97]), 0x6A84);
    // What is replaced makes room for what replaces it.
    assert_eq!(host.status(&mut card, store(BER, 0), &tlv(0x42, &[3; 96])), 0x9000);
    assert_eq!(host.status(&mut card, store(BER, 0), &[tlv(0x42, &[4; 1]), tlv(0x66, &[5; 64])].concat()), 0x9000);
    assert_eq!(get(&mut host, &mut card, 0x45), (tlv(0x45, &[2; 32]), 0x9000));
    assert_eq!(get(&mut host, &mut card, 0x66), (tlv(0x66, &[5; 64]), 0x9000));
    // A transfer longer than the memory of chains.
    assert_eq!(host.status(&mut card, store(0x10, 0), &[0x42, 0x78]), 0x9000);
    assert_eq!(host.status(&mut card, store(0x10, 1), &[1; 98]), 0x9000);
    refused(&mut host, &mut card, store(BER, 2), &[1; 22], 0x6A84);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn what_a_security_domain_takes() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "80", 0x11);
    let mut domain = session_of(&mut card, &SSD, 0x11);
    for tag in [0x42, 0x45, 0x66, 0x5F50] {
        let object = tlv(tag, &[0x5D; 40]);
        assert_eq!(domain.send(&mut card, store(BER, 0), &object), (vec![], 0x9000));
        assert_eq!(get(&mut domain, &mut card, tag), (object, 0x9000));
    }
    for tag in [0x4F, 0x67] {
        refused(&mut domain, &mut card, store(BER, 0), &tlv(tag, &[0x5D; 8]), 0x6A88);
    }
    let mut host = session(&mut card);
    assert_eq!(get(&mut host, &mut card, 0x42).1, 0x6A88);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn keys_come_in_groups() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let dek = kit::factory_keys().dek().duplicate_secret();
    let mut keys = keys_from(0x77, 24);
    // Together with a data object, before and after.
    let groups = [dgi(0x0070, &hex("420155")), key_dgis(0x31, &keys, &dek), dgi(0x0070, &hex("45020102"))].concat();
    assert_eq!(transfer(&mut host, &mut card, DGI, &groups, 70), (vec![], 0x9000));
    assert_eq!(get(&mut host, &mut card, 0x45), (hex("45020102"), 0x9000));
    drop(Opening::new(&mut keys, 0x31, SecurityLevel::Full).open(&mut card).unwrap());
    let mut host = session(&mut card);
    // What is there is replaced; type and size stay.
    let mut again = keys_from(0x78, 24);
    assert_eq!(transfer(&mut host, &mut card, DGI, &key_dgis(0x31, &again, &dek), 70), (vec![], 0x9000));
    assert_eq!(keys_shown(&mut host, &mut card).len(), 2 + 6 * 6);
    let opened = Opening::new(&mut again, 0x31, SecurityLevel::CMac).open(&mut card).unwrap();
    assert_eq!(opened.shown[29..32], [0, 0, 1]);
    let mut host = session(&mut card);
    let other = key_dgis(0x31, &keys_from(0x79, 16), &dek);
    refused(&mut host, &mut card, store(DGI, 0), &other[..], 0x6A80);
    // A wrong check value; another DEK; a version that no key may have; without their description.
    let key = Key::new(&[4; 16]).unwrap();
    let one = |version: u8, check_value: [u8; 3], dek: &Key| {
        let mut buffer = [0; 128];
        let described = KeyDescription { version, ..described(version, 1, &key, &check_value) };
        write_keys(&[NewKeyItem::Value(described, key.expose_secret(), &[])], &mut &*dek, &mut buffer).unwrap().to_vec()
    };
    refused(&mut host, &mut card, store(DGI, 0), &one(0x44, [0; 3], &dek), 0x6982);
    refused(&mut host, &mut card, store(DGI, 0), &one(0x44, key.kcv(), &key), 0x6982);
    let mut of_no_version = one(0x44, key.kcv(), &dek);
    let at = of_no_version.windows(3).position(|window| window == [0x83, 0x01, 0x44]).unwrap();
    of_no_version[at + 2] = 0xFF;
    refused(&mut host, &mut card, store(DGI, 0), &of_no_version, 0x6A80);
    refused(&mut host, &mut card, store(DGI, 0), &one(0x44, key.kcv(), &dek)[20..], 0x6A80);
    // One key twice.
    let twice = [one(0x44, key.kcv(), &dek), one(0x44, key.kcv(), &dek)].concat();
    refused(&mut host, &mut card, store(DGI, 0), &twice, 0x6A80);
    assert_eq!(host.status(&mut card, store(DGI, 0), &one(0x44, key.kcv(), &dek)), 0x9000);
    drop(card);
    bench.assert_lasting();
}

/// A key comes in one piece; with an identifier up to 7F; and not without a value.
#[test]
fn keys_have_one_type_an_identifier_and_a_value() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let dek = kit::factory_keys().dek().duplicate_secret();
    let key = Key::new(&[4; 16]).unwrap();
    let of = |kind: KeyType, id: u8, value: &[u8]| {
        let description = described(0x44, 1, &key, &[0; 3]);
        let length = value.len() as u16;
        let described = KeyDescription { key_type: kind, id, check_value: &[], length, ..description };
        let mut buffer = [0; 128];
        write_keys(&[NewKeyItem::Value(described, value, &[])], &mut &dek, &mut buffer).unwrap().to_vec()
    };
    let (modulus, exponent) =
        (of(KeyType::RSA_PUBLIC_MODULUS, 1, &[0xC3; 64]), of(KeyType::RSA_PUBLIC_EXPONENT, 1, &[3]));
    let point = of(KeyType::ECC_PUBLIC, 1, &[0x04; 65]);
    // The host writes neither of these: tag `82`, the identifier; `81`, the length, and the DGI of the value.
    let of_id = |id: u8| {
        let mut data = of(KeyType::ECC_PUBLIC, 0x7E, &[0x04; 65]);
        let at = data.windows(3).position(|window| window == [0x82, 0x01, 0x7E]).unwrap();
        data[at + 2] = id;
        data
    };
    let mut of_none = of(KeyType::ECC_PUBLIC, 1, &[0x04]);
    let at = of_none.windows(3).position(|window| window == [0x81, 0x01, 0x01]).unwrap();
    of_none[at + 2] = 0;
    assert_eq!(of_none.split_off(of_none.len() - 2), [0x01, 0x04]);
    of_none.push(0x00);
    for (data, status) in [
        ([&modulus[..], &exponent, &of_id(2), &point].concat(), 0x6A80),
        (of_id(0x80), 0x6A80),
        (of_id(0xFF), 0x6A80),
        (of_none, 0x6A80),
        ([&modulus[..], &exponent].concat(), 0x9000),
        (of_id(0x7F), 0x9000),
    ] {
        assert_eq!(transfer(&mut host, &mut card, DGI, &data, 200).1, status, "{data:02X?}");
    }
    drop(card);
    bench.assert_lasting();
}

#[test]
fn asymmetric_keys_come_in_groups() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let dek = kit::factory_keys().dek().duplicate_secret();
    let part = |kind: KeyType, version: u8, length: usize| KeyDescription {
        key_type: kind,
        length: length as u16,
        check_value: &[],
        ..described(version, 1, &Key::new(&[1; 16]).unwrap(), &[0; 3])
    };
    let point = [&[0x04][..], &[0x5E; 64]].concat();
    let items = [
        NewKeyItem::Value(part(KeyType::RSA_PUBLIC_MODULUS, 0x45, 128), &[0xC3; 128], &[]),
        NewKeyItem::Value(part(KeyType::RSA_PUBLIC_EXPONENT, 0x45, 3), &[1, 0, 1], &[]),
        NewKeyItem::Value(part(KeyType::ECC_PUBLIC, 0x46, 65), &point, &[]),
        NewKeyItem::CurveReference(0x0000),
        NewKeyItem::Value(part(KeyType::ECC_PRIVATE, 0x47, 32), &[7; 32], &[]),
        NewKeyItem::CurveParameter(0x0030, &[0x0F; 32]),
        NewKeyItem::CurveParameter(0x0034, &[0x0E; 32]),
    ];
    let mut buffer = [0; 1024];
    let groups = write_keys(&items, &mut &dek, &mut buffer).unwrap().to_vec();
    assert_eq!(transfer(&mut host, &mut card, DGI, &groups, 220), (vec![], 0x9000));
    let shown = keys_shown(&mut host, &mut card);
    for object in
        ["0145 FFA10080 FFA00003 01 38", "0146 FFB00040 FFF00000 01 38", "0147 FFB10020 FFB20020 FFB60020 01 38"]
    {
        let object = hex(object);
        assert!(shown.windows(object.len()).any(|window| window == object), "{object:02X?} in {shown:02X?}");
    }
    drop(card);
    bench.assert_lasting();
}

#[test]
fn personalisation_of_an_application() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let mut host = session_with_app(&mut card);
    desk.take_events();
    let app = Aid::new(&APP).unwrap();
    let arrived = |p1: u8, number: u8, data: &[u8]| Event::Personalize {
        instance: app,
        header: Header::new(gp_apdu::Class::GP, 0xE2, p1, number),
        data: data.to_vec(),
    };
    assert_eq!(personalize(&mut host, &mut card, &APP), (vec![0], 0x9000));
    // As they came but for the secure messaging, whatever they hold.
    assert_eq!(host.send(&mut card, store(0x60, 0), b"first"), (vec![], 0x9000));
    assert_eq!(host.send(&mut card, store(0xE8, 1), b"last"), (vec![], 0x9000));
    assert_eq!(desk.take_events(), [arrived(0x60, 0, b"first"), arrived(0xE8, 1, b"last")]);
    // After the last block the security domain takes the data again.
    assert_eq!(host.send(&mut card, store(BER, 0), &hex("420155")), (vec![], 0x9000));
    assert_eq!(get(&mut host, &mut card, 0x42).0, hex("420155"));
    // What ends the routing before: a selection, also of the domain on another channel, a new session, another INSTALL.
    for end in 0..4 {
        assert_eq!(personalize(&mut host, &mut card, &APP), (vec![0], 0x9000));
        assert_eq!(host.send(&mut card, store(0x00, 0), b"begun"), (vec![], 0x9000));
        match end {
            0 => host = session(&mut card),
            1 => host = Host::open(&mut card, kit::KVN, SecurityLevel::CMac).unwrap(),
            2 => {
                assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
                assert_eq!(kit::select_on(&mut card, 1, &ISD).1, 0x9000);
                assert_eq!(raw(&mut card, &hex("00708001")), (vec![], 0x9000));
            }
            _ => {
                assert_eq!(personalize(&mut host, &mut card, &APP), (vec![0], 0x9000));
                assert_eq!(host.send(&mut card, store(0x00, 1), b"goes on"), (vec![], 0x6A86));
                assert_eq!(host.send(&mut card, store(LAST, 0), b"anew"), (vec![], 0x9000));
            }
        }
        desk.take_events();
        assert_eq!(host.send(&mut card, store(BER, 0), &hex("420156")), (vec![], 0x9000), "{end}");
        assert_eq!(desk.take_events(), [], "{end}");
    }
}

#[test]
fn who_may_be_personalised() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session_with_app(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "800000", 0x11);
    let install_20 = [0x80, 0xE6, 0x20, 0x00];
    let fields = |aid: &[u8]| kit::install_fields(&[&[], &[], aid, &[], &[], &[]]);
    assert_eq!(raw(&mut card, &kit::command(install_20, &fields(&APP))), (vec![], 0x6982));
    let mut host = session(&mut card);
    for unknown in [&OTHER[..], &FILE, &MODULE] {
        refused(&mut host, &mut card, install_20, &fields(unknown), 0x6A88);
    }
    refused(&mut host, &mut card, install_20, &fields(&ISD), 0x6985);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &APP), 0x9000);
    refused(&mut host, &mut card, install_20, &fields(&APP), 0x6985);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x00], &APP), 0x9000);
    // Locked or moved after INSTALL: the data does not go anywhere.
    assert_eq!(personalize(&mut host, &mut card, &APP), (vec![0], 0x9000));
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &APP), 0x9000);
    refused(&mut host, &mut card, store(BER, 0), &hex("420156"), 0x6985);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x00], &APP), 0x9000);
    // Another domain's; a domain without Trusted Path.
    extradite(&mut host, &mut card, &APP, &SSD);
    refused(&mut host, &mut card, install_20, &fields(&APP), 0x6985);
    let mut domain = session_of(&mut card, &SSD, 0x11);
    refused(&mut domain, &mut card, install_20, &fields(&APP), 0x6985);
    let mut host = session(&mut card);
    restrict(&mut host, &mut card, 0x20);
    refused(&mut host, &mut card, install_20, &fields(&SSD), 0x6985);
}

#[test]
fn a_security_domain_is_personalised_by_the_one_above() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    make_domain(&mut host, &mut card, &SSD, &[0x80], "");
    // Data objects do not make it PERSONALIZED, nor does one key, a whole key set does.
    assert_eq!(personalize(&mut host, &mut card, &SSD), (vec![0], 0x9000));
    assert_eq!(host.send(&mut card, store(BER, 0), &hex("420177")), (vec![], 0x9000));
    assert_eq!(state_of(&mut host, &mut card, &SSD), Some(0x07));
    give_keys(&mut host, &mut card, &SSD, kit::KVN, &keys_from(0x11, 16));
    assert_eq!(state_of(&mut host, &mut card, &SSD), Some(0x0F));
    assert_eq!(get(&mut host, &mut card, 0x42).1, 0x6A88, "it was not the ISD's");
    let mut domain = session_of(&mut card, &SSD, 0x11);
    assert_eq!(get(&mut domain, &mut card, 0x42).0, hex("420177"));
    drop(card);
    bench.assert_lasting();
}

/// Applications that answer their personalisation data, and refuse `no`.
struct Answering(Desk);

impl Applets for Answering {
    fn install(&mut self, app: AppHandle, installation: &Installation<'_>) -> Result<(), StatusWord> {
        self.0.install(app, installation)
    }
    fn personalize(&mut self, _: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        match apdu.data() {
            b"no" => Err(StatusWord(0x6A80)),
            _ => apdu.echo(),
        }
    }
}

#[test]
fn what_an_application_answers() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    drop(session_with_app(&mut card));
    drop(card);
    let Bench { ram, flash, dice, desk, profile } = &mut bench;
    let mut card = Card::open(ram.memory(), flash.clone(), dice.clone(), Answering(desk.clone()), profile).unwrap();
    let mut host = Host::open(&mut card, kit::KVN, SecurityLevel::CMac).unwrap();
    let fields: [&[u8]; 6] = [&[], &[], &APP, &[], &[], &[]];
    assert_eq!(host.install(&mut card, 0x20, 0x00, &fields), (vec![0], 0x9000));
    // P1 b1: an answer may come.
    assert_eq!(host.send(&mut card, store(0x01, 0), b"hello"), (b"hello".to_vec(), 0x9000));
    assert_eq!(host.send(&mut card, store(0x00, 1), b"hello"), (vec![], 0x6A86));
    // A refusal is the application's; the session and the routing go on, and the blocks begin again.
    assert_eq!(host.send(&mut card, store(0x01, 0), b"hello"), (b"hello".to_vec(), 0x9000));
    assert_eq!(host.send(&mut card, store(0x01, 1), b"no"), (vec![], 0x6A80));
    assert_eq!(host.send(&mut card, store(0x81, 0), b"hello"), (b"hello".to_vec(), 0x9000));
    assert_eq!(host.send(&mut card, store(BER, 0), &hex("420101")), (vec![], 0x9000));
}

#[test]
fn an_application_decrypts_by_its_domains_key() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let mut host = session_with_app(&mut card);
    assert_eq!(personalize(&mut host, &mut card, &APP), (vec![0], 0x9000));
    desk.take_events();
    desk.0.borrow_mut().decrypts = true;
    let secret = *b"sixteen octets, and sixteen more";
    let mut sent = secret;
    kit::factory_keys().dek().encrypt_sensitive(&mut sent).unwrap();
    // P1 b7 b6: the application knows what is encrypted.
    assert_eq!(host.send(&mut card, store(0x60, 0), &sent), (vec![], 0x9000));
    assert_eq!(host.send(&mut card, store(0x00, 1), &sent), (vec![], 0x9000));
    // Not whole blocks: refused, nothing changed.
    assert_eq!(host.send(&mut card, store(0x60, 2), &sent[..17]), (vec![], 0x6A80));
    let seen: Vec<Vec<u8>> = desk
        .take_events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Personalize { data, .. } => Some(data),
            _ => None,
        })
        .collect();
    assert_eq!(seen, [secret, sent]);
    // An application that has the session itself; outside of one there is no such service, nor in one that has failed.
    desk.0.borrow_mut().secure.insert(APP.to_vec());
    assert_eq!(kit::select(&mut card, &APP).1, 0x9000);
    assert_eq!(raw(&mut card, &kit::command([0x80, 0x24, 0, 0], &sent)), (vec![], 0x6985));
    let mut host = Host::open(&mut card, kit::KVN, SecurityLevel::Full).unwrap();
    assert_eq!(host.send(&mut card, [0x80, 0x24, 0, 0], &sent), (secret.to_vec(), 0x9000));
    let mut changed = host.wrap([0x80, 0x24, 0, 0], &sent).remove(0);
    changed[8] ^= 1;
    assert_eq!(raw(&mut card, &changed), (vec![], 0x6982));
    assert_eq!(raw(&mut card, &kit::command([0x80, 0x24, 0, 0], &sent)), (vec![], 0x6982));
}
