//! The tolerances, positions of errors, and round trips.

extern crate std;

use super::{Fci, Form};
use crate::aid::Aid;
use crate::card_data::{CardRecognitionData, Version};
use gp_tlv::{Error, ErrorKind, Writer};
use proptest::prelude::*;

const RID: [u8; 5] = [0xA0, 0, 0, 1, 0x51];

#[test]
fn tolerance_no_data() {
    let fci = Fci::parse(&[]).unwrap();
    assert_eq!((fci.form, fci.aid(), fci.max_command_data), (Form::Absent, None, None));
}

#[test]
fn tolerance_empty_name() {
    let fci = Fci::parse(&[0x6F, 8, 0x84, 0, 0xA5, 4, 0x9F, 0x65, 1, 0xFF]).unwrap();
    assert_eq!((fci.form, fci.aid(), fci.max_command_data), (Form::Template, None, Some(255)));
}

#[test]
fn tolerance_bare_aid() {
    let bare = Fci::parse(&RID).unwrap();
    assert_eq!((bare.form, bare.aid()), (Form::BareAid, Aid::new(&RID)));
    for tag in [0x84, 0x4F] {
        let octets = [tag, 5, 0xA0, 0, 0, 1, 0x51];
        let object = Fci::parse(&octets).unwrap();
        assert_eq!((object.form, object.aid()), (Form::BareAid, Aid::new(&RID)));
    }
    for neither in [&[0xA0, 0, 0][..], &[0x62, 0], &[0xA0; 17]] {
        assert_eq!(Fci::parse(neither), Err(Error { kind: ErrorKind::Unexpected, offset: 0 }));
    }
}

#[test]
fn tolerance_any_order_unknown_objects_two_octets() {
    let octets =
        [0x6F, 20, 0x50, 1, 0x41, 0xA5, 8, 0x9F, 0x65, 2, 0x03, 0xE8, 0x50, 1, 0x42, 0x84, 5, 0xA0, 0, 0, 1, 0x51];
    let fci = Fci::parse(&octets).unwrap();
    assert_eq!((fci.aid(), fci.max_command_data), (Aid::new(&RID), Some(1000)));
    assert_eq!(Fci::parse(&[0x6F, 0]).unwrap(), Fci::default());
}

#[test]
fn contradicting_lengths_are_reported() {
    let table: [(&[u8], ErrorKind, u32); 6] = [
        (&[0x6F, 2, 0x84, 0, 0xA5, 0], ErrorKind::TrailingData, 4),
        (&[0x6F, 9, 0x84, 0], ErrorKind::Truncated, 2),
        (&[0x6F, 2, 0x84, 7], ErrorKind::Truncated, 4),
        (&[0x6F, 4, 0xA5, 2, 0x9F, 0x65], ErrorKind::Truncated, 6),
        (&[0x6F, 5, 0xA5, 3, 0x9F, 0x65, 0], ErrorKind::Truncated, 7),
        (&[0x6F, 8, 0xA5, 6, 0x9F, 0x65, 3, 0, 0, 0], ErrorKind::LengthTooLarge, 7),
    ];
    for (octets, kind, offset) in table {
        assert_eq!(Fci::parse(octets), Err(Error { kind, offset }), "{octets:02X?}");
    }
}

#[test]
fn what_is_not_written() {
    let whole = Fci { name: &RID, max_command_data: Some(255), ..Fci::default() };
    for lacking in [
        Fci { name: &[], ..whole },
        Fci { max_command_data: None, ..whole },
        Fci { form: Form::BareAid, ..whole },
        Fci { form: Form::Absent, ..whole },
    ] {
        let mut buf = [0; 64];
        let mut w = Writer::new(&mut buf);
        assert_eq!(lacking.emit(&mut w), Err(Error { kind: ErrorKind::Missing, offset: 0 }));
        assert!(w.is_empty());
    }
}

#[test]
fn management_data_from_values() {
    let mut buf = [0; 128];
    let mut w = Writer::new(&mut buf);
    let data = CardRecognitionData {
        version: Some(Version { major: 2, minor: 3, maintenance: Some(1) }),
        ..CardRecognitionData::default()
    };
    let fci = Fci { name: &RID, max_command_data: Some(255), ..Fci::default() };
    fci.emit_with(&mut w, &data).unwrap();
    let read = Fci::parse(w.written()).unwrap();
    assert_eq!(read.recognition_data().unwrap().unwrap().version, data.version);
    assert_eq!(fci.recognition_data().unwrap().map(|_| ()), None);
}

fn cases() -> ProptestConfig {
    let scale = std::env::var("GP_TEST_SCALE").ok().and_then(|percent| percent.parse().ok()).unwrap_or(100_u32);
    ProptestConfig::with_cases((256 * scale / 100).max(1))
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_written_reads_back(
        name in proptest::collection::vec(any::<u8>(), 1..20),
        management in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200)),
        life_cycle in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
        max in any::<u16>(),
    ) {
        let fci = Fci {
            form: Form::Template,
            name: &name,
            management_data: management.as_deref(),
            production_life_cycle: life_cycle.as_deref(),
            max_command_data: Some(max),
        };
        let mut buf = [0; 512];
        let mut w = Writer::new(&mut buf);
        fci.emit(&mut w).unwrap();
        prop_assert_eq!(Fci::parse(w.written()), Ok(fci));
    }
}
