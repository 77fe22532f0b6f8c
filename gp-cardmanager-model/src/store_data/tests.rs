extern crate std;

use super::key_dgi::{
    Description, Descriptions, KeyDescription, KeyItem, NewKeyItem, SYMMETRIC_DGI, is_secret, read_keys, value_dgi,
    write_keys,
};
use super::*;
use crate::install::tests::cases;
use crate::key_info::{KeyAccess, KeyUsage};
use crate::put_key::KeyType;
use gp_scp03::Key;
use gp_tlv::{DgiWriter, Writer};
use proptest::collection::vec;
use proptest::prelude::*;
use std::vec::Vec;

#[test]
fn every_p1() {
    for p1 in 0..=255_u8 {
        let reserved = p1 & 0x60 == 0x40 || p1 & 0x18 == 0x18;
        match StoreData::parse(p1, 9) {
            Ok(block) => {
                assert!(!reserved);
                // b3 and b2 are RFU.
                assert_eq!(block.header().octets(), [0x80, 0xE2, p1 & 0xF9, 9]);
            }
            Err(error) => assert!(reserved && error.kind == ErrorKind::Parameters),
        }
    }
}

/// Objects: tag and value.
type Objects = Vec<(u32, Vec<u8>)>;

/// Feeds a transfer in blocks; returns the objects and what came of it.
fn join(octets: &[u8], block_len: usize, room: usize, structure: Structure) -> (Objects, Result<(), Error>) {
    let mut buf = std::vec![0; room];
    let mut assembler = Assembler::new(&mut buf, structure);
    let mut found = Vec::new();
    for block in octets.chunks(block_len) {
        let fed = assembler.feed(block, |item| {
            found.push(match item {
                Item::Tlv(tlv) => (tlv.tag.to_u32(), tlv.value.to_vec()),
                Item::Dgi(dgi) => (dgi.tag.into(), dgi.value.to_vec()),
                Item::Octets(octets) => (0, octets.to_vec()),
            });
            Ok::<(), Error>(())
        });
        if fed.is_err() {
            return (found, fed);
        }
    }
    let end = assembler.finish();
    (found, end)
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn objects_cut_anywhere_are_joined(
        values in vec(vec(any::<u8>(), 0..400), 0..6),
        block_len in 1_usize..256,
        dgi in any::<bool>(),
    ) {
        let mut buf = std::vec![0; 4096];
        let (octets, structure) = if dgi {
            let mut writer = DgiWriter::new(&mut buf);
            for value in &values {
                writer.dgi(0x8113, value).unwrap();
            }
            (writer.finish().to_vec(), Structure::Dgi)
        } else {
            let mut writer = Writer::new(&mut buf);
            for value in &values {
                writer.tlv(Tag::new(0x5F50), value).unwrap();
            }
            (writer.finish().to_vec(), Structure::BerTlv)
        };
        let longest = values.iter().map(Vec::len).max().unwrap_or(0) + 5;
        let (found, end) = join(&octets, block_len, longest, structure);
        prop_assert_eq!(end, Ok(()));
        let tag = if dgi { 0x8113 } else { 0x5F50 };
        let expected: Objects = values.into_iter().map(|value| (tag, value)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_octets_panic(octets in vec(any::<u8>(), 0..100), block_len in 1_usize..50, room in 0_usize..40) {
        for structure in [Structure::None, Structure::Dgi, Structure::BerTlv] {
            let _ = join(&octets, block_len, room, structure);
        }
        let _ = Descriptions::parse(&octets);
        let _ = read_keys(&octets, |_| Ok::<(), Error>(()));
    }

    #[test]
    fn key_transfers_return(
        key_types in vec(proptest::sample::select(KeyType::NAMED), 1..6),
        value in vec(any::<u8>(), 1..200),
        curve in any::<u16>(),
        access in proptest::option::of(any::<u8>()),
    ) {
        let mut dek = Key::new(&[0x42; 32]).unwrap();
        let length = u16::try_from(value.len()).unwrap();
        let mut items = Vec::new();
        for ((at, key_type), id) in key_types.iter().copied().enumerate().zip(1..) {
            if key_type == KeyType::ECC_REFERENCE {
                items.push(NewKeyItem::CurveReference(curve));
                continue;
            }
            let description = KeyDescription {
                usage: Some(KeyUsage::DAP),
                access: access.map(KeyAccess),
                key_type,
                length,
                id,
                version: 0x73,
                check_value: &[1, 2, 3],
            };
            items.push(NewKeyItem::Value(description, &value, &[7; 3]));
            let announced = key_types.get(at + 1).is_some_and(|next| matches!(next.0, 0xB2..=0xB7 | 0xF0));
            if key_type == KeyType::ECC_PUBLIC && !announced {
                items.push(NewKeyItem::CurveParameter(0x0030, &value));
                items.push(NewKeyItem::CurveParameter(0x0035, &[1]));
            }
        }
        let mut buf = std::vec![0; 4096];
        let octets = write_keys(&items, &mut dek, &mut buf).unwrap().to_vec();
        let mut expected = items.iter();
        read_keys(&octets, |item| {
            match (item, expected.next().unwrap()) {
                (KeyItem::Value(read, dgi), NewKeyItem::Value(written, ..)) => {
                    assert_eq!(read, *written);
                    assert_eq!(Some(dgi.tag), value_dgi(read.key_type));
                    let mut out = [0; 224];
                    match is_secret(dgi.tag) {
                        true => assert_eq!(&*read.decrypt(dgi.value, &mut dek, &mut out)?, &value[..]),
                        false => assert_eq!(dgi.value, &value[..]),
                    }
                }
                (KeyItem::CurveReference(read), NewKeyItem::CurveReference(written)) => assert_eq!(read, *written),
                (KeyItem::CurveParameter(dgi), NewKeyItem::CurveParameter(tag, value)) => {
                    assert_eq!((dgi.tag, dgi.value), (*tag, *value));
                }
                (read, written) => panic!("{read:?} {written:?}"),
            }
            Ok::<(), Error>(())
        }).unwrap();
        prop_assert!(expected.next().is_none());
        // Every prefix misses something.
        for len in (1..octets.len()).step_by(5) {
            let cut = read_keys(&octets[..len], |_| Ok::<(), Error>(()));
            let at_parameter = items.iter().any(|item| matches!(item, NewKeyItem::CurveParameter(..)));
            prop_assert!(cut.is_err() || at_parameter);
        }
        // One octet short, and nothing clear stays.
        let mut short = std::vec![0; octets.len() - 1];
        prop_assert!(write_keys(&items, &mut dek, &mut short).is_err());
        prop_assert!(short.iter().all(|octet| *octet == 0));
    }
}

#[test]
fn an_object_longer_than_the_buffer_is_refused() {
    let (found, end) = join(&[0x00, 0x70, 0x02, 1, 2, 0x00, 0x71, 0x04, 1, 2, 3, 4], 4, 6, Structure::Dgi);
    assert_eq!(found, [(0x0070, std::vec![1, 2])]);
    assert_eq!(end, Err(Error::at(ErrorKind::BufferFull, 5)));
    let (_, end) = join(&[0x42, 0x02, 1], 4, 16, Structure::BerTlv);
    assert_eq!(end, Err(Error::at(ErrorKind::Truncated, 0)));
    let (_, end) = join(&[0x42, 0x01, 1, 0x45, 0x80], 1, 16, Structure::BerTlv);
    assert_eq!(end, Err(Error::at(ErrorKind::BadTlv, 4)));
}

#[test]
fn an_error_of_the_caller_comes_back() {
    let mut buf = [0; 8];
    let mut assembler = Assembler::new(&mut buf, Structure::BerTlv);
    let mine = Error::at(ErrorKind::BadValue, 99);
    assert_eq!(assembler.feed(&[0x42, 0, 0x45, 0], |_| Err(mine)), Err(mine));
}

#[test]
fn descriptions_that_are_refused() {
    let refused = |value: &[u8]| Descriptions::parse(value).unwrap_err();
    let whole = [0xB9, 12, 0x80, 1, 0x88, 0x81, 1, 16, 0x82, 1, 1, 0x83, 1, 1];
    assert!(Descriptions::parse(&whole).is_ok());
    assert_eq!(refused(&[]), Error::at(ErrorKind::Missing, 0));
    assert_eq!(refused(&[0xB9, 0]), Error::at(ErrorKind::Missing, 0));
    assert_eq!(refused(&[0xB8, 0]), Error::at(ErrorKind::Unexpected, 0));
    assert_eq!(refused(&[0xB9, 3, 0x80, 1, 0xF0]), Error::at(ErrorKind::Missing, 0));
    assert_eq!(refused(&[0xB9, 4, 0x80, 2, 0x88, 0]), Error::at(ErrorKind::BadLength, 2));
    assert_eq!(refused(&[0xB9, 6, 0x80, 1, 0x88, 0x80, 1, 0x88]), Error::at(ErrorKind::Unexpected, 5));
    // B7 comes first or not at all.
    assert_eq!(refused(&[&whole[..], &[0xB7, 0]].concat()), Error::at(ErrorKind::Unexpected, 14));
    // Two components of one key that disagree about its access.
    let other = [0xB9, 15, 0x80, 1, 0xA0, 0x81, 1, 3, 0x82, 1, 1, 0x83, 1, 1, 0x96, 1, 2];
    assert_eq!(refused(&[&whole[..], &other].concat()), Error::at(ErrorKind::BadValue, 14));
}

#[test]
fn values_that_nothing_announced() {
    let head = [0x00, 0xB9, 14, 0xB9, 12, 0x80, 1, 0x88, 0x81, 1, 16, 0x82, 1, 1, 0x83, 1, 1];
    let read = |more: &[u8]| read_keys(&[&head[..], more].concat(), |_| Ok::<(), Error>(())).unwrap_err();
    assert_eq!(read(&[]), Error::at(ErrorKind::Missing, 17));
    assert_eq!(read(&[0x81, 0x12, 0]), Error::at(ErrorKind::Unexpected, 17));
    assert_eq!(read(&[0x81, 0x13, 0, 0x00, 0x30, 0]), Error::at(ErrorKind::Missing, 20));
    let early = read_keys(&[0x81, 0x13, 0], |_| Ok::<(), Error>(())).unwrap_err();
    assert_eq!(early, Error::at(ErrorKind::Missing, 0));
}

#[test]
fn what_the_key_writer_refuses() {
    let mut dek = Key::new(&[0x42; 16]).unwrap();
    let good = KeyDescription {
        usage: Some(KeyUsage::C_ENC_R_ENC),
        access: None,
        key_type: KeyType::AES,
        length: 16,
        id: 1,
        version: 1,
        check_value: &[1, 2, 3],
    };
    let mut refused = |item: NewKeyItem<'_>| write_keys(&[item], &mut dek, &mut [0; 99]).unwrap_err().kind;
    let value = [9; 16];
    let of = |description| NewKeyItem::Value(description, &value, &[]);
    assert_eq!(refused(of(KeyDescription { usage: None, ..good })), ErrorKind::Missing);
    assert_eq!(refused(of(KeyDescription { check_value: &[], ..good })), ErrorKind::Missing);
    assert_eq!(refused(of(KeyDescription { length: 15, ..good })), ErrorKind::BadLength);
    assert_eq!(refused(of(KeyDescription { key_type: KeyType(0x20), ..good })), ErrorKind::BadValue);
    assert_eq!(refused(NewKeyItem::CurveParameter(0x0030, &[1])), ErrorKind::Unexpected);
    assert_eq!(refused(NewKeyItem::CurveParameter(0x0036, &[1])), ErrorKind::BadValue);
    // A curve given twice: by parameters, then by reference or by parameters with a description.
    let ecc = KeyDescription { key_type: KeyType::ECC_PUBLIC, ..good };
    let (key, parameter) = (of(ecc), NewKeyItem::CurveParameter(0x0030, &[1]));
    for twice in [NewKeyItem::CurveReference(0), of(KeyDescription { key_type: KeyType::ECC_P, ..good })] {
        let error = write_keys(&[key, parameter, twice], &mut dek, &mut [0; 99]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unexpected);
    }
    assert_eq!(write_keys(&[], &mut dek, &mut [0; 9]).unwrap_err().kind, ErrorKind::Missing);
    // A value that is not whole blocks, or more of them than the length needs.
    for len in [0, 15, 17, 32] {
        let error = good.decrypt(&std::vec![0; len], &mut dek, &mut [0; 64]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadLength);
    }
}

#[test]
fn every_type_has_its_dgi() {
    for octet in 0..=255 {
        let key_type = KeyType(octet);
        let Some(dgi) = value_dgi(key_type) else { continue };
        // The modulus of a private key is clear here: both ends know it.
        let clear = !key_type.is_secret() || key_type == KeyType::RSA_PRIVATE_MODULUS;
        assert_eq!(is_secret(dgi), !clear, "{key_type:?}");
    }
    let symmetric = KeyType::NAMED.iter().filter(|key_type| value_dgi(**key_type) == Some(SYMMETRIC_DGI));
    assert_eq!(symmetric.count(), 5);
    let curve = Descriptions::parse(&[0xB9, 6, 0x80, 1, 0xF0, 0x85, 1, 2]).unwrap();
    assert!(curve.iter().eq([Description::Curve(2)]));
}
