extern crate std;

use super::*;
use crate::install::tests::cases;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::vec::Vec;

/// A cipher with blocks of 8 octets, as DES has; it complements.
struct Complement;

impl Dek for Complement {
    fn block_len(&self) -> usize {
        8
    }
    fn encrypt(&mut self, data: &mut [u8]) -> Result<(), DekError> {
        data.iter_mut().for_each(|octet| *octet = !*octet);
        Ok(())
    }
    fn decrypt(&mut self, data: &mut [u8]) -> Result<(), DekError> {
        self.encrypt(data)
    }
}

/// Hardware that refuses.
struct Refusing;

impl Dek for Refusing {
    fn encrypt(&mut self, _: &mut [u8]) -> Result<(), DekError> {
        Err(DekError)
    }
    fn decrypt(&mut self, _: &mut [u8]) -> Result<(), DekError> {
        Err(DekError)
    }
}

fn dek() -> Key {
    Key::new(&[0x5A; 16]).unwrap()
}

/// One key in a body: 3 AES keys, then what changes from test to test.
fn body(form: BlockForm, octets: &[u8]) -> Vec<u8> {
    let mut buf = [0; 256];
    let mut writer = PutKeyWriter::new(&mut buf, 0x30, form).unwrap();
    for last in 1..=3 {
        let mut octets = octets.to_vec();
        octets[0] = last;
        writer.aes(&Key::new(&octets).unwrap(), &mut dek()).unwrap();
    }
    assert_eq!(writer.keys(), 3);
    writer.finish().unwrap().to_vec()
}

#[test]
fn both_forms_of_component_blocks_are_the_same_key() {
    for len in [16, 24, 32] {
        let with = body(BlockForm::WithLength, &std::vec![9; len]);
        let bare = body(BlockForm::Bare, &std::vec![9; len]);
        // A key of 24 octets is padded, so it always has its length.
        assert_eq!(with == bare, len == 24);
        for data in [with, bare] {
            let command = PutKey::parse(0, 0x81, &data).unwrap();
            assert_eq!(command.version, 0x30);
            let mut next = 1;
            for key in command.keys() {
                assert_eq!((key.id, key.key_type(), key.extended), (next, Some(KeyType::AES), false));
                let mut out = [0xFF; 32];
                let component = key.components().next().unwrap();
                let clear = component.decrypt(&mut dek(), &mut out).unwrap();
                assert_eq!((clear.len(), clear[0]), (len, next));
                key.aes_key(clear).unwrap();
                clear[1] ^= 1;
                assert_eq!(key.aes_key(clear).unwrap_err().kind, ErrorKind::CheckValue);
                // What is behind the key is wiped.
                let end = if len == 16 { 16 } else { 32 };
                assert!(out[len..end].iter().all(|octet| *octet == 0));
                next += 1;
            }
            assert_eq!(next, 4);
            for cut in 0..data.len() {
                // A cut between two keys leaves a command with fewer keys; any other is refused.
                let field = (data.len() - 1) / 3;
                let whole = cut > 1 && (cut - 1).is_multiple_of(field);
                assert_eq!(PutKey::parse(0, 0x81, &data[..cut]).is_ok(), whole, "{len} {cut}");
            }
            let error = PutKey::parse(0, 0x01, &data).unwrap_err();
            assert_eq!(error, Error::at(ErrorKind::Unexpected, 1 + (data.len() - 1) / 3));
            // Identifiers end at 7F.
            assert!(PutKey::parse(0, 0xFD, &data).is_ok());
            assert_eq!(PutKey::parse(0, 0xFE, &data).unwrap_err().kind, ErrorKind::BadValue);
        }
    }
}

#[test]
fn answers() {
    let data = body(BlockForm::WithLength, &[9; 16]);
    let command = PutKey::parse(0x30, 0x81, &data).unwrap();
    let mut buf = [0; 10];
    let answer = command.emit_answer(&mut buf).unwrap().to_vec();
    assert!(command.is_answered_by(&answer));
    let read = PutKeyAnswer::parse(&answer).unwrap();
    assert_eq!((read.version, read.check_values.len()), (0x30, 9));
    for at in 0..answer.len() {
        let mut changed = answer.clone();
        changed[at] ^= 1;
        assert!(!command.is_answered_by(&changed));
        assert!(!command.is_answered_by(&answer[..at]));
    }
    assert!(!command.is_answered_by(&[&answer[..], &[0]].concat()));
    assert!(command.emit_answer(&mut [0; 9]).is_err());
    assert!(PutKeyAnswer::parse(&[]).is_err());
}

#[test]
fn every_p1_and_p2() {
    for p1 in 0..=255_u8 {
        for p2 in 0..=255_u8 {
            match PutKeyTarget::parse(p1, p2) {
                Ok(target) => assert_eq!(target.header().octets(), [0x80, 0xD8, p1, p2]),
                Err(error) => assert!(p1 > 0x7F && error.kind == ErrorKind::Parameters),
            }
        }
    }
}

#[test]
fn bodies_that_are_refused_at_their_position() {
    let cases: [(&[u8], ErrorKind, usize); 11] = [
        (&[], ErrorKind::Truncated, 0),
        (&[0x00, 0x88, 0x01, 0xAA, 0x00], ErrorKind::BadValue, 0),
        (&[0x80, 0x88, 0x01, 0xAA, 0x00], ErrorKind::BadValue, 0),
        (&[0x30], ErrorKind::Missing, 1),
        (&[0x30, 0x88, 0x00, 0x00], ErrorKind::BadLength, 2),
        (&[0x30, 0x88, 0x01, 0xAA], ErrorKind::Truncated, 4),
        (&[0x30, 0x88, 0x01, 0xAA, 0xFF, 0x88], ErrorKind::Unexpected, 4),
        (&[0x30, 0xFF, 0x88, 0x01, 0xAA, 0x88], ErrorKind::Unexpected, 5),
        (&[0x30, 0xFF, 0x88, 0x01, 0xAA, 0x00, 0x03, 1, 2, 3, 0], ErrorKind::BadLength, 6),
        (&[0x30, 0xFF, 0x88, 0x01, 0xAA, 0x00, 0x00, 0x02, 1, 2], ErrorKind::BadLength, 7),
        (&[0x30, 0x88, 0x83, 0, 0, 1, 0xAA, 0x00], ErrorKind::BadLength, 2),
    ];
    for (data, kind, offset) in cases {
        assert_eq!(PutKey::parse(0, 1, data).unwrap_err(), Error::at(kind, offset), "{data:02X?}");
    }
}

#[test]
fn a_block_of_128_octets_with_the_lone_length_octet() {
    let value = [0x77; 128];
    let component = NewComponent { key_type: KeyType::RSA_PUBLIC_MODULUS, value: &value, filler: &[] };
    let exponent = NewComponent { key_type: KeyType::RSA_PUBLIC_EXPONENT, value: &[1, 0, 1], filler: &[] };
    let key = NewKey { components: &[component, exponent], check_value: &[], extended: None };
    let mut buf = [0; 256];
    let mut writer = PutKeyWriter::new(&mut buf, 1, BlockForm::Bare).unwrap();
    writer.key(&key, &mut Refusing).unwrap();
    let mut data = writer.finish().unwrap().to_vec();
    assert_eq!(data[1..4], [0xA1, 0x81, 0x80]);
    let check = |data: &[u8]| {
        let command = PutKey::parse(0, 1, data).unwrap();
        let components: Vec<Component<'_>> = command.keys().next().unwrap().components().collect();
        assert_eq!((components[0].block, components[1].block), (&value[..], &[1, 0, 1][..]));
    };
    check(&data);
    data.remove(2);
    check(&data);
}

#[test]
fn inner_lengths_must_fit() {
    let secret = |block: &[u8], block_len| {
        let data = [&[0x30, 0x88, 0x81, u8::try_from(block.len()).unwrap()], block, &[0x00]].concat();
        let command = PutKey::parse(0, 1, &data).unwrap();
        let component = command.keys().next().unwrap().components().next().unwrap();
        component.secret(block_len).map(|secret| (secret.clear_len, secret.ciphertext.len()))
    };
    let with = |len, rest: usize| [&[len][..], &std::vec![0; rest]].concat();
    assert_eq!(secret(&[0; 16], 16), Ok((16, 16)));
    assert_eq!(secret(&[0; 24], 8), Ok((24, 24)));
    assert_eq!(secret(&with(16, 16), 16), Ok((16, 16)));
    assert_eq!(secret(&with(24, 32), 16), Ok((24, 32)));
    assert_eq!(secret(&with(1, 16), 16), Ok((1, 16)));
    // Longer than the ciphertext, a whole block of padding, nothing, no whole blocks; 24 octets padded to 216.
    for (len, rest) in [(17, 16), (16, 32), (0, 16), (16, 17), (24, 216)] {
        assert_eq!(secret(&with(len, rest), 16), Err(Error::at(ErrorKind::BadLength, 1)), "{len} {rest}");
    }
    assert!(secret(&[0; 16], 0).is_err());
}

#[test]
fn what_the_writer_refuses_leaves_nothing_behind() {
    let value = [0x99; 16];
    let aes = NewComponent { key_type: KeyType::AES, value: &value, filler: &[] };
    let good = NewKey { components: &[aes], check_value: &[1, 2, 3], extended: None };
    let bad_type = [NewComponent { key_type: KeyType(0xFF), ..aes }];
    let empty = [NewComponent { value: &[], ..aes }];
    for (key, kind) in [
        (NewKey { components: &[], ..good }, ErrorKind::Missing),
        (NewKey { components: &bad_type, ..good }, ErrorKind::BadValue),
        (NewKey { components: &empty, ..good }, ErrorKind::BadLength),
        (NewKey { check_value: &[1, 2], ..good }, ErrorKind::BadLength),
    ] {
        let mut buf = [0; 64];
        let mut writer = PutKeyWriter::new(&mut buf, 1, BlockForm::Bare).unwrap();
        let error = writer.key(&key, &mut dek()).unwrap_err();
        assert_eq!(error.kind, kind);
        // The writer stays refused.
        assert_eq!(writer.key(&good, &mut dek()).unwrap_err(), error);
        assert_eq!(writer.finish().unwrap_err(), error);
    }
    let mut buf = [0; 64];
    let mut writer = PutKeyWriter::new(&mut buf, 1, BlockForm::Bare).unwrap();
    assert_eq!(writer.key(&good, &mut Refusing).unwrap_err().kind, ErrorKind::Dek);
    assert_eq!(buf, [0; 64]);
    // One octet short: the clear key does not stay either.
    let mut buf = [0; 22];
    let mut writer = PutKeyWriter::new(&mut buf, 1, BlockForm::Bare).unwrap();
    assert_eq!(writer.key(&good, &mut dek()).unwrap_err().kind, ErrorKind::BufferFull);
    assert_eq!(buf, [0; 22]);
    for version in [0, 0x80, 0xFF] {
        let error = PutKeyWriter::new(&mut [0; 4], version, BlockForm::Bare).unwrap_err();
        assert_eq!(error.kind, ErrorKind::BadValue);
    }
    let empty = PutKeyWriter::new(&mut [0; 4], 1, BlockForm::Bare).unwrap().finish().unwrap_err();
    assert_eq!(empty.kind, ErrorKind::Missing);
}

#[test]
fn decryption_that_fails_wipes() {
    let data = body(BlockForm::Bare, &[9; 16]);
    let command = PutKey::parse(0, 0x81, &data).unwrap();
    let component = command.keys().next().unwrap().components().next().unwrap();
    let mut out = [0xFF; 16];
    assert_eq!(component.decrypt(&mut Refusing, &mut out).unwrap_err().kind, ErrorKind::Dek);
    assert_eq!(out, [0; 16]);
    assert_eq!(component.decrypt(&mut dek(), &mut [0; 15]).unwrap_err().kind, ErrorKind::BufferFull);
}

#[test]
fn nothing_secret_is_printed() {
    let aes = NewComponent { key_type: KeyType::AES, value: &[0xAB; 16], filler: &[] };
    let text = std::format!("{aes:?}");
    assert!(!text.contains("171") && !text.contains("AB"), "{text}");
    assert_eq!(KeyType::AES.name(), Some("AES"));
    let secret = KeyType::NAMED.iter().filter(|key_type| key_type.is_secret()).count();
    assert_eq!((KeyType::NAMED.len(), secret), (23, 13));
    assert!(KeyType(0x20).is_secret() && KeyType(0x20).name().is_none());
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn every_key_returns(
        keys in vec((
            vec((proptest::sample::select(KeyType::NAMED), vec(any::<u8>(), 1..150)), 1..4),
            any::<bool>(),
            option::of((option::of(any::<u16>()), option::of(any::<u8>()))),
        ), 1..4),
        filler in vec(any::<u8>(), 0..20),
        long in any::<bool>(),
        aes in any::<bool>(),
    ) {
        let mut aes_dek = dek();
        let form = if long { BlockForm::WithLength } else { BlockForm::Bare };
        let mut buf = [0; 2400];
        let mut writer = PutKeyWriter::new(&mut buf, 0x7F, form).unwrap();
        // Keys of these types have a check value.
        let mut keys = keys;
        for (components, checked, _) in &mut keys {
            *checked |= matches!(components[0].0, KeyType::AES | KeyType::DES);
        }
        for (components, checked, extended) in &keys {
            let components: Vec<NewComponent<'_>> = components
                .iter()
                .map(|(key_type, value)| NewComponent { key_type: *key_type, value, filler: &filler })
                .collect();
            let key = NewKey {
                components: &components,
                check_value: if *checked { &[1, 2, 3] } else { &[] },
                extended: extended.map(|(usage, access)| (usage.map(KeyUsage), access.map(KeyAccess))),
            };
            match aes {
                true => writer.key(&key, &mut aes_dek).unwrap(),
                false => writer.key(&key, &mut Complement).unwrap(),
            };
        }
        let data = writer.finish().unwrap();
        let command = PutKey::parse(0x7F, 0x80, data).unwrap();
        prop_assert_eq!(command.keys().count(), keys.len());
        for (read, (components, checked, extended)) in command.keys().zip(&keys) {
            prop_assert_eq!(read.check_value.len(), if *checked { 3 } else { 0 });
            prop_assert_eq!(read.extended, extended.is_some());
            let (usage, access) = extended.unwrap_or_default();
            prop_assert_eq!((read.usage, read.access), (usage.map(KeyUsage), access.map(KeyAccess)));
            prop_assert_eq!(read.components().count(), components.len());
            for (component, (key_type, value)) in read.components().zip(components) {
                prop_assert_eq!(component.key_type, *key_type);
                if !key_type.is_secret() {
                    prop_assert_eq!(component.block, &value[..]);
                    continue;
                }
                let mut out = [0; 160];
                let clear = match aes {
                    true => component.decrypt(&mut aes_dek, &mut out).unwrap(),
                    false => component.decrypt(&mut Complement, &mut out).unwrap(),
                };
                prop_assert_eq!(&*clear, &value[..]);
            }
        }
    }

    #[test]
    fn no_octets_panic(p1: u8, p2: u8, data in vec(any::<u8>(), 0..80)) {
        if let Ok(command) = PutKey::parse(p1, p2, &data) {
            for component in command.keys().flat_map(|key| key.components()) {
                let _ = component.decrypt(&mut dek(), &mut [0; 64]);
                let _ = component.decrypt(&mut Complement, &mut [0; 64]);
            }
        }
    }
}
