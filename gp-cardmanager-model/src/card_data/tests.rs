//! Object identifiers, the tolerances, and round trips.

extern crate std;

use super::{CardRecognitionData, GLOBALPLATFORM, Oid, SecureChannelProtocol, SecureChannels, Version};
use gp_tlv::{Error, ErrorKind, Writer};
use proptest::prelude::*;
use std::string::ToString;
use std::vec::Vec;

const fn scp(protocol: u8, i: u16) -> SecureChannelProtocol {
    SecureChannelProtocol { protocol, i }
}

/// An object `06` with base, one arc, and what is behind it.
fn oid(base: &[u8], behind: &[u8]) -> Vec<u8> {
    object(0x06, &[base, behind].concat())
}

fn object(tag: u8, value: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(value.len()).unwrap()], value].concat()
}

fn protocols(list: &[u8]) -> Vec<Result<SecureChannelProtocol, Error>> {
    CardRecognitionData::parse_objects(list).unwrap().secure_channels.iter().collect()
}

#[test]
fn object_identifiers() {
    let printed = |octets: &[u8]| Oid::new(octets).map(|oid| oid.to_string());
    assert_eq!(printed(&GLOBALPLATFORM).unwrap(), "1.2.840.114283");
    assert_eq!(printed(&[0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B, 4, 2, 0x9B, 0x06]).unwrap(), "1.2.840.114283.4.2.3462");
    assert_eq!(printed(&[0x00]).unwrap(), "0.0");
    assert_eq!(printed(&[0x4F]).unwrap(), "1.39");
    assert_eq!(printed(&[0x50]).unwrap(), "2.0");
    assert_eq!(printed(&[0x88, 0x37]).unwrap(), "2.999");
    assert_eq!(
        printed(&[0x2B, 0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]).unwrap(),
        "1.3.18446744073709551615"
    );
    for wrong in [&[][..], &[0x86], &[0x2A, 0x86], &[0x2B, 0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]]
    {
        assert_eq!(printed(wrong), None, "{wrong:02X?}");
    }
}

#[test]
fn both_formats_of_64() {
    let [a, b] = [oid(&GLOBALPLATFORM, &[4, 2, 0x15]), oid(&GLOBALPLATFORM, &[4, 3, 0x70])];
    let format_1 = [object(0x64, &a), object(0x64, &b)].concat();
    let format_2 = object(0x64, &[a, b].concat());
    let expected = [Ok(scp(2, 0x15)), Ok(scp(3, 0x70))];
    assert_eq!(protocols(&format_1), expected);
    assert_eq!(protocols(&format_2), expected);
}

#[test]
fn i_above_7f_is_base_128() {
    assert_eq!(protocols(&object(0x64, &oid(&GLOBALPLATFORM, &[4, 2, 0x9B, 0x06]))), [Ok(scp(2, 0x0D86))]);
    assert_eq!(protocols(&object(0x64, &oid(&GLOBALPLATFORM, &[4, 0x81, 0x00, 0x81, 0x70]))), [Ok(scp(0x80, 0xF0))]);
    // The last two octets of the identifier are not protocol and i.
    assert_ne!(protocols(&object(0x64, &oid(&GLOBALPLATFORM, &[4, 2, 0x9B, 0x06]))), [Ok(scp(0x9B, 0x06))]);
}

#[test]
fn tolerance_raw_octets() {
    assert_eq!(protocols(&object(0x64, &oid(&GLOBALPLATFORM, &[4, 0x80, 0x00]))), [Ok(scp(0x80, 0x00))]);
    assert_eq!(protocols(&object(0x64, &oid(&GLOBALPLATFORM, &[4, 0x81, 0x04]))), [Ok(scp(0x81, 0x04))]);
    assert_eq!(protocols(&object(0x64, &oid(&GLOBALPLATFORM, &[4, 0x81, 0x84]))), [Ok(scp(0x81, 0x84))]);
}

#[test]
fn bad_protocols_do_not_hide_good_ones() {
    let good = object(0x64, &oid(&GLOBALPLATFORM, &[4, 3, 0x70]));
    for (bad, kind, offset) in [
        (oid(&GLOBALPLATFORM, &[4, 3]), ErrorKind::Truncated, 11),
        (oid(&GLOBALPLATFORM, &[4, 3, 1, 1]), ErrorKind::TrailingData, 11),
        (oid(&GLOBALPLATFORM, &[4, 0x82, 0x00, 1]), ErrorKind::LengthTooLarge, 11),
        (oid(&GLOBALPLATFORM, &[5, 3, 1]), ErrorKind::Unexpected, 4),
        ([0x06, 5, 0x2A].to_vec(), ErrorKind::Truncated, 4),
    ] {
        let list = [object(0x64, &bad), good.clone()].concat();
        assert_eq!(protocols(&list), [Err(Error { kind, offset }), Ok(scp(3, 0x70))], "{bad:02X?}");
    }
}

#[test]
fn tolerance_protocol_directly_in_the_list() {
    let list = [oid(&GLOBALPLATFORM, &[4, 3, 0x70]), oid(&GLOBALPLATFORM, &[1])].concat();
    assert_eq!(protocols(&list), [Ok(scp(3, 0x70))]);
}

#[test]
fn tolerance_other_base() {
    let base = [0x2A, 0x81, 0x1C, 0x05];
    let list = [
        oid(&base, &[1]),
        object(0x60, &oid(&base, &[2, 2, 2])),
        object(0x63, &oid(&base, &[3])),
        object(0x64, &oid(&base, &[4, 3, 0x10])),
    ]
    .concat();
    let data = CardRecognitionData::parse_objects(&list).unwrap();
    assert_eq!(data.base, base);
    assert_eq!(data.version.unwrap().to_string(), "2.2");
    assert!(data.identification_scheme);
    assert_eq!(data.secure_channels.iter().collect::<Vec<_>>(), [Ok(scp(3, 0x10))]);
}

#[test]
fn tolerance_unknown_missing_unreadable() {
    let list = [object(0x6A, &[1]), object(0x60, &oid(&GLOBALPLATFORM, &[2, 2])), object(0x63, &[])].concat();
    let data = CardRecognitionData::parse_objects(&list).unwrap();
    assert_eq!((data.version, data.identification_scheme), (None, false));
    assert_eq!(data.secure_channels.iter().count(), 0);
    // Other objects around 73, and none at all.
    let around = [object(0x80, &[1]), object(0x73, &list)].concat();
    assert!(CardRecognitionData::parse(&object(0x66, &around)).is_ok());
    assert_eq!(
        CardRecognitionData::parse(&object(0x66, &object(0x80, &[1]))).map(|_| ()),
        Err(Error { kind: ErrorKind::Missing, offset: 5 })
    );
}

#[test]
fn versions() {
    let version = |arcs: &[u8]| Version::from_arcs(arcs).map(|version| version.to_string());
    assert_eq!(version(&[2, 3, 1]).as_deref(), Some("2.3.1"));
    assert_eq!(version(&[2, 3]).as_deref(), Some("2.3"));
    assert_eq!(version(&[2, 0x81, 0x7F]).as_deref(), Some("2.255"));
    for wrong in [&[][..], &[2], &[2, 3, 1, 0], &[2, 3, 0x81], &[2, 0x82, 0x00]] {
        assert_eq!(version(wrong), None, "{wrong:02X?}");
    }
    assert!(Version::from_arcs(&[2, 3]) < Version::from_arcs(&[2, 3, 1]));
}

#[test]
fn nothing_is_written_without_version() {
    let mut buf = [0; 64];
    let mut w = Writer::new(&mut buf);
    assert_eq!(CardRecognitionData::default().emit(&mut w).map_err(|error| error.kind), Err(ErrorKind::Missing));
    assert!(w.is_empty());
}

fn cases() -> ProptestConfig {
    let scale = std::env::var("GP_TEST_SCALE").ok().and_then(|percent| percent.parse().ok()).unwrap_or(100_u32);
    ProptestConfig::with_cases((256 * scale / 100).max(1))
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_written_reads_back(
        version in any::<(u8, u8, Option<u8>)>(),
        identification in any::<bool>(),
        values in proptest::collection::vec(any::<(u8, u16)>(), 0..8),
        configuration in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
        chip in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
    ) {
        let values: Vec<SecureChannelProtocol> = values.into_iter().map(|(protocol, i)| scp(protocol, i)).collect();
        let data = CardRecognitionData {
            version: Some(Version { major: version.0, minor: version.1, maintenance: version.2 }),
            identification_scheme: identification,
            secure_channels: SecureChannels::of(&values),
            configuration: configuration.as_deref(),
            chip: chip.as_deref(),
            ..CardRecognitionData::default()
        };
        let mut buf = [0; 512];
        let mut w = Writer::new(&mut buf);
        data.emit(&mut w).unwrap();
        let read = CardRecognitionData::parse(w.written()).unwrap();
        prop_assert_eq!((read.version, read.identification_scheme), (data.version, identification));
        prop_assert_eq!((read.configuration, read.chip), (data.configuration, data.chip));
        prop_assert_eq!(read.secure_channels.iter().collect::<Result<Vec<_>, _>>(), Ok(values));
    }

    #[test]
    fn identifiers_print_as_many_arcs_as_they_have(octets in proptest::collection::vec(any::<u8>(), 0..12)) {
        if let Some(oid) = Oid::new(&octets) {
            let ends = octets.iter().filter(|octet| **octet < 0x80).count();
            prop_assert_eq!(oid.arcs().count(), ends + 1);
            prop_assert_eq!(oid.to_string().split('.').count(), ends + 1);
        }
    }
}
