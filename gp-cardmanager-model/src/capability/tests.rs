//! The tolerances, positions of errors, and round trips.

extern crate std;

use super::{CardCapability, Ciphers, KeySizes, ScpCapability, SignatureAlgorithms};
use crate::entry::List;
use crate::privileges::Privileges;
use gp_tlv::{Error, ErrorKind, Writer};
use proptest::prelude::*;
use std::vec::Vec;

#[test]
fn all_objects_of_a_protocol() {
    let octets = [
        0x67, 25, 0xA0, 23, 0x91, 1, 0x7F, 0x80, 1, 0x81, 0x81, 1, 0x04, 0x83, 4, 0xC0, 0xB1, 0x00, 0xAE, 0x84, 1, 32,
        0x95, 0, 0x82, 1, 1,
    ];
    let found = CardCapability::parse(&octets).unwrap();
    let scp = found.secure_channels.iter().next().unwrap();
    assert_eq!(
        scp,
        ScpCapability {
            protocol: 0x81,
            options: &[0x04],
            options_mask: Some(&[0x7F]),
            key_sizes: Some(KeySizes::AES_128),
            tls_suites: Some(&[0xC0, 0xB1, 0x00, 0xAE]),
            psk_max: Some(&[32]),
        }
    );
}

#[test]
fn tolerances() {
    // Nothing at all; unknown objects; privileges of one octet.
    assert_eq!(CardCapability::parse(&[0x67, 0]).unwrap(), CardCapability::default());
    let octets = [0x67, 7, 0x8B, 2, 1, 2, 0x81, 1, 0x80];
    assert_eq!(CardCapability::parse(&octets).unwrap().domain_privileges, Some(Privileges::SECURITY_DOMAIN));
}

#[test]
fn malformed_objects_have_positions() {
    let table: [(&[u8], ErrorKind, u32); 7] = [
        (&[0x66, 0], ErrorKind::Unexpected, 0),
        (&[0x67, 0, 0], ErrorKind::TrailingData, 2),
        (&[0x67, 5, 0xA0, 3, 0x81, 1, 0x70], ErrorKind::Missing, 7),
        (&[0x67, 6, 0xA0, 4, 0x80, 2, 3, 3], ErrorKind::LengthTooLarge, 6),
        (&[0x67, 4, 0xA0, 2, 0x80, 0], ErrorKind::Truncated, 6),
        (&[0x67, 2, 0x82, 0], ErrorKind::Truncated, 4),
        (&[0x67, 4, 0xA0, 2, 0x80, 1], ErrorKind::Truncated, 6),
    ];
    for (octets, kind, offset) in table {
        assert_eq!(CardCapability::parse(octets), Err(Error { kind, offset }), "{octets:02X?}");
    }
}

#[test]
fn bits_of_nothing() {
    assert!(!Ciphers(&[]).contains(Ciphers::AES_128));
    assert!(!SignatureAlgorithms(&[]).contains(SignatureAlgorithms::CMAC_AES_128));
    assert!(SignatureAlgorithms(&[0, 1]).contains(SignatureAlgorithms::ECDSA_512_SHA_512));
    assert!(!KeySizes::AES_128.contains(KeySizes::AES_192));
}

fn cases() -> ProptestConfig {
    let scale = std::env::var("GP_TEST_SCALE").ok().and_then(|percent| percent.parse().ok()).unwrap_or(100_u32);
    ProptestConfig::with_cases((256 * scale / 100).max(1))
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..12)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_written_reads_back(
        scps in proptest::collection::vec((any::<u8>(), octets(), proptest::option::of(octets()), any::<Option<u8>>()), 0..6),
        domain in any::<Option<[u8; 3]>>(),
        application in any::<Option<[u8; 3]>>(),
        hashes in octets(),
        tokens in proptest::option::of(octets()),
        curves in proptest::option::of(octets()),
    ) {
        let scps: Vec<ScpCapability<'_>> = scps
            .iter()
            .map(|(protocol, options, other, sizes)| ScpCapability {
                protocol: *protocol,
                options,
                options_mask: other.as_deref(),
                key_sizes: sizes.map(KeySizes),
                tls_suites: other.as_deref(),
                psk_max: None,
            })
            .collect();
        let capability = CardCapability {
            secure_channels: List::of(&scps),
            domain_privileges: domain.map(Privileges::from_octets),
            application_privileges: application.map(Privileges::from_octets),
            load_file_hashes: &hashes,
            load_file_ciphers: Some(Ciphers(&hashes)),
            tokens: tokens.as_deref().map(SignatureAlgorithms),
            receipts: None,
            dap: Some(SignatureAlgorithms(&[0x08])),
            curves: curves.as_deref(),
        };
        let mut buf = [0; 512];
        let mut w = Writer::new(&mut buf);
        capability.emit(&mut w).unwrap();
        prop_assert_eq!(CardCapability::parse(w.written()), Ok(capability));
    }
}
