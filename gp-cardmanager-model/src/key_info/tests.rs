//! Both forms octet by octet, the tolerances, and round trips.

extern crate std;

use super::{Attributes, Components, KeyAccess, KeyComponent, KeyEntry, KeyInformation, KeyUsage};
use gp_tlv::{Error, ErrorKind, Writer};
use proptest::prelude::*;
use std::vec::Vec;

const fn component(key_type: u8, length: u16) -> KeyComponent {
    KeyComponent { key_type, length }
}

fn key(components: &[KeyComponent], attributes: Option<Attributes>) -> KeyEntry {
    KeyEntry { key_identifier: 1, key_version: 0x30, components: Components::new(components).unwrap(), attributes }
}

fn written(key: KeyEntry) -> Result<Vec<u8>, Error> {
    let mut buf = [0; 64];
    let mut w = Writer::new(&mut buf);
    let result = key.emit(&mut w);
    assert_eq!(result.is_err(), w.is_empty());
    result.map(|()| w.finish().to_vec())
}

#[test]
fn basic_form() {
    let aes = key(&[component(0x88, 16)], None);
    assert_eq!(written(aes).unwrap(), [0xC0, 4, 1, 0x30, 0x88, 16]);
    assert_eq!(KeyEntry::parse_value(&[1, 0x30, 0x88, 16]), Ok(aes));
    // 256 octets or more are 00.
    let rsa = key(&[component(0xA1, 256), component(0xA0, 3)], None);
    assert_eq!(written(rsa).unwrap(), [0xC0, 6, 1, 0x30, 0xA1, 0, 0xA0, 3]);
}

#[test]
fn extended_form() {
    let attributes = Attributes { usage: Some(KeyUsage::C_MAC_R_MAC), access: Some(KeyAccess::SECURITY_DOMAIN) };
    let octets = [1, 0x30, 0xFF, 0x88, 0, 16, 1, 0x34, 1, 1];
    let aes = key(&[component(0x88, 16)], Some(attributes));
    assert_eq!(KeyEntry::parse_value(&octets), Ok(aes));
    assert_eq!(written(aes).unwrap()[2..], octets);
    // No usage, no access: empty fields.
    let bare = key(&[component(0xA1, 256)], Some(Attributes::default()));
    assert_eq!(written(bare).unwrap(), [0xC0, 8, 1, 0x30, 0xFF, 0xA1, 1, 0, 0, 0]);
    assert_eq!(KeyEntry::parse_value(&[1, 0x30, 0xFF, 0xA1, 1, 0, 0, 0]), Ok(bare));
}

#[test]
fn parameter_references() {
    let curve = key(&[component(0xB0, 64), component(0xF0, 0x03)], None);
    assert_eq!(written(curve).unwrap(), [0xC0, 6, 1, 0x30, 0xB0, 64, 0xF0, 3]);
    assert_eq!(curve.components.as_slice()[1].parameter_reference(), Some(3));
    assert_eq!(curve.components.as_slice()[0].parameter_reference(), None);
    let long = component(0xF0, 0x8001);
    assert_eq!(written(key(&[long], None)).map_err(|error| error.kind), Err(ErrorKind::LengthTooLarge));
    assert_eq!(written(key(&[long], Some(Attributes::default()))).unwrap()[4..8], [0xFF, 0xF0, 0x80, 0x01]);
}

#[test]
fn tolerance_two_octets_of_usage() {
    let read = KeyEntry::parse_value(&[1, 0x30, 0xFF, 0xB1, 0, 32, 2, 0x42, 0x80, 0]).unwrap();
    let usage = read.attributes.unwrap().usage.unwrap();
    assert_eq!(usage, KeyUsage::COMPUTE_OR_DECIPHER | KeyUsage::SIGNATURE | KeyUsage::KEY_AGREEMENT);
    assert!(usage.contains(KeyUsage::SIGNATURE) && !usage.contains(KeyUsage::CHECKSUM));
    assert_eq!(written(read).unwrap()[8..12], [2, 0x42, 0x80, 0]);
}

#[test]
fn tolerance_later_components_without_ff() {
    let read = KeyEntry::parse_value(&[1, 0x30, 0xFF, 0xA1, 1, 0, 0xA0, 0, 3, 1, 0x18, 1, 2]).unwrap();
    assert_eq!(read.components.as_slice(), [component(0xA1, 256), component(0xA0, 3)]);
    assert_eq!(
        read.attributes,
        Some(Attributes { usage: Some(KeyUsage::C_ENC), access: Some(KeyAccess::APPLICATIONS) })
    );
    // Written as it should be.
    assert_eq!(written(read).unwrap()[4..12], [0xFF, 0xA1, 1, 0, 0xFF, 0xA0, 0, 3]);
}

/// Where the tolerance ends: 03 can only be a type, 02 is taken for the length of the usage.
#[test]
fn later_types_below_03_need_their_ff() {
    let read = KeyEntry::parse_value(&[1, 0x30, 0xFF, 0x88, 0, 16, 0x03, 0, 16, 0, 0]).unwrap();
    assert_eq!(read.components.as_slice(), [component(0x88, 16), component(0x03, 16)]);
    let read = KeyEntry::parse_value(&[1, 0x30, 0xFF, 0x88, 0, 16, 0x02, 0, 16, 0]).unwrap();
    assert_eq!(read.components.as_slice(), [component(0x88, 16)]);
    assert_eq!(read.attributes, Some(Attributes { usage: Some(KeyUsage(0x0010)), access: None }));
}

#[test]
fn tolerance_no_usage_no_access() {
    let read = KeyEntry::parse_value(&[1, 0x30, 0xFF, 0x88, 0, 16]).unwrap();
    assert_eq!(read.attributes, Some(Attributes::default()));
    let read = KeyEntry::parse_value(&[1, 0x30, 0xFF, 0x88, 0, 16, 1, 0x48]).unwrap();
    assert_eq!(read.attributes, Some(Attributes { usage: Some(KeyUsage::C_DEK), access: None }));
}

#[test]
fn malformed_entries_have_positions() {
    let table: [(&[u8], ErrorKind, u32); 11] = [
        (&[1], ErrorKind::Truncated, 0),
        (&[1, 2], ErrorKind::Missing, 2),
        (&[1, 2, 0x88], ErrorKind::Truncated, 2),
        (&[1, 2, 0x88, 16, 0x80], ErrorKind::Truncated, 4),
        (&[1, 2, 0xFF, 0x88, 0], ErrorKind::Truncated, 2),
        (&[1, 2, 0xFF, 0x88, 0, 16, 0xA0, 0], ErrorKind::Truncated, 6),
        (&[1, 2, 0xFF, 0x88, 0, 16, 2, 1], ErrorKind::Truncated, 6),
        (&[1, 2, 0xFF, 0x88, 0, 16, 0, 2, 0, 0], ErrorKind::LengthTooLarge, 7),
        (&[1, 2, 0xFF, 0x88, 0, 16, 0, 1], ErrorKind::Truncated, 7),
        (&[1, 2, 0xFF, 0x88, 0, 16, 0, 0, 9], ErrorKind::TrailingData, 8),
        (&[1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0x88, 16], ErrorKind::LengthTooLarge, 18),
    ];
    for (value, kind, offset) in table {
        assert_eq!(KeyEntry::parse_value(value), Err(Error { kind, offset }), "{value:02X?}");
    }
}

#[test]
fn what_is_not_written() {
    assert_eq!(written(key(&[], None)).map_err(|error| error.kind), Err(ErrorKind::Missing));
    assert_eq!(written(key(&[component(0xFF, 16)], None)).map_err(|error| error.kind), Err(ErrorKind::Unexpected));
    assert_eq!(Components::new(&[component(0x88, 16); 9]), None);
}

#[test]
fn a_walk_over_a_mixed_template() {
    // An empty C0, an unknown object, a basic entry, one that is cut, an extended one.
    let octets = [
        0xE0, 26, 0xC0, 0, 0x80, 1, 0, 0xC0, 4, 1, 0xFF, 0x80, 16, 0xC0, 3, 1, 2, 0x88, 0xC0, 8, 2, 3, 0xFF, 0x88, 0,
        16, 0, 0,
    ];
    let found: Vec<_> = KeyInformation::parse(&octets).unwrap().collect();
    assert_eq!(found.len(), 3);
    assert!(found[0].unwrap().is_initial());
    assert_eq!(found[1], Err(Error { kind: ErrorKind::Truncated, offset: 17 }));
    assert_eq!(found[2].unwrap().key_identifier, 2);
    assert_eq!(KeyInformation::parse(&[0xE0, 0]).unwrap().count(), 0);
    assert_eq!(
        KeyInformation::parse(&[0xE0, 0, 0]).map(|_| ()),
        Err(Error { kind: ErrorKind::TrailingData, offset: 2 })
    );
}

fn any_component() -> impl Strategy<Value = KeyComponent> {
    (0..=0xFE_u8, any::<u16>()).prop_map(|(key_type, length)| component(key_type, length))
}

fn any_key() -> impl Strategy<Value = KeyEntry> {
    let attributes = any::<(Option<u16>, Option<u8>)>()
        .prop_map(|(usage, access)| Attributes { usage: usage.map(KeyUsage), access: access.map(KeyAccess) });
    (any::<[u8; 2]>(), proptest::collection::vec(any_component(), 1..=8), proptest::option::of(attributes)).prop_map(
        |([key_identifier, key_version], mut components, attributes)| {
            if attributes.is_none() {
                components.iter_mut().for_each(|component| component.length %= 256);
            }
            KeyEntry { key_identifier, key_version, components: Components::new(&components).unwrap(), attributes }
        },
    )
}

fn cases() -> ProptestConfig {
    let scale = std::env::var("GP_TEST_SCALE").ok().and_then(|percent| percent.parse().ok()).unwrap_or(100_u32);
    ProptestConfig::with_cases((256 * scale / 100).max(1))
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_written_reads_back(keys in proptest::collection::vec(any_key(), 0..12)) {
        let mut buf = [0; 1024];
        let mut w = Writer::new(&mut buf);
        KeyInformation::emit(&mut w, keys.iter().copied()).unwrap();
        let read: Result<Vec<KeyEntry>, Error> = KeyInformation::parse(w.written()).unwrap().collect();
        prop_assert_eq!(read.unwrap(), keys);
    }

    #[test]
    fn any_octets_are_walked_to_an_end(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(KeyInformation::parse_value(&octets).count() <= octets.len());
        if let Ok(key) = KeyEntry::parse_value(&octets) {
            prop_assert!(!key.components.as_slice().is_empty());
        }
    }
}
