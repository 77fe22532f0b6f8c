//! Each object with and without its tag, wrong lengths, and the list of applications.

extern crate std;

use super::{
    Applications, ConfirmationCounter, CurrentSecurityLevel, Identification, KeyDiversificationData, Resources,
    SequenceCounter, object_value,
};
use crate::aid::Aid;
use gp_tlv::{Error, ErrorKind, Writer, tags::data};
use std::vec::Vec;

const RID: [u8; 5] = [0xA0, 0, 0, 1, 0x51];

fn written(emit: impl FnOnce(&mut Writer<'_>) -> Result<(), Error>) -> Vec<u8> {
    let mut buf = [0; 128];
    let mut w = Writer::new(&mut buf);
    emit(&mut w).unwrap();
    w.finish().to_vec()
}

#[test]
fn values_with_and_without_their_object() {
    assert_eq!(object_value(&[0x42, 2, 9, 8], data::IIN), [9, 8]);
    assert_eq!(object_value(&[9, 8], data::IIN), [9, 8]);
    // Another object, octets behind it, and a length that does not fit: the value itself.
    for answer in [&[0x45, 1, 9][..], &[0x42, 1, 9, 8], &[0x42, 3, 9], &[]] {
        assert_eq!(object_value(answer, data::IIN), answer);
    }
}

#[test]
fn counters() {
    assert_eq!(SequenceCounter::parse(&[0xC1, 2, 1, 2]), Ok(SequenceCounter::Scp02([1, 2])));
    assert_eq!(SequenceCounter::parse(&[1, 2, 3]), Ok(SequenceCounter::Scp03([1, 2, 3])));
    assert_eq!(SequenceCounter::Scp03([1, 2, 3]).value(), 0x01_0203);
    assert_eq!(SequenceCounter::Scp02([1, 2]).value(), 0x0102);
    assert_eq!(written(|w| SequenceCounter::Scp03([1, 2, 3]).emit(w)), [0xC1, 3, 1, 2, 3]);
    assert_eq!(written(|w| SequenceCounter::Scp02([1, 2]).emit(w)), [0xC1, 2, 1, 2]);
    assert_eq!(SequenceCounter::parse(&[0xC1, 1, 1]), Err(Error { kind: ErrorKind::Truncated, offset: 2 }));
    assert_eq!(SequenceCounter::parse(&[1, 2, 3, 4]), Err(Error { kind: ErrorKind::LengthTooLarge, offset: 0 }));

    assert_eq!(ConfirmationCounter::parse(&[0xC2, 2, 1, 2]), Ok(ConfirmationCounter(0x0102)));
    assert_eq!(ConfirmationCounter::parse(&[1, 2]), Ok(ConfirmationCounter(0x0102)));
    assert_eq!(ConfirmationCounter::parse(&[1]), Err(Error { kind: ErrorKind::Truncated, offset: 0 }));
    assert_eq!(ConfirmationCounter::parse(&[1, 2, 3]), Err(Error { kind: ErrorKind::LengthTooLarge, offset: 0 }));
    assert_eq!(written(|w| ConfirmationCounter(0x0102).emit(w)), [0xC2, 2, 1, 2]);
}

#[test]
fn security_level() {
    assert_eq!(CurrentSecurityLevel::parse(&[0xD3, 1, 0x81]), Ok(CurrentSecurityLevel(0x81)));
    assert_eq!(CurrentSecurityLevel::parse(&[0x81]), Ok(CurrentSecurityLevel(0x81)));
    assert_eq!(CurrentSecurityLevel::parse(&[]), Err(Error { kind: ErrorKind::Truncated, offset: 0 }));
    assert_eq!(
        CurrentSecurityLevel::parse(&[0xD3, 2, 0, 0]),
        Err(Error { kind: ErrorKind::LengthTooLarge, offset: 2 })
    );
    assert_eq!(written(|w| CurrentSecurityLevel(0x33).emit(w)), [0xD3, 1, 0x33]);
}

#[test]
fn identification_and_diversification() {
    let found = Identification::parse(&[0x42, 2, 1, 2], &[3, 4, 5]);
    assert_eq!(found, Identification { provider: &[1, 2], image: &[3, 4, 5] });
    assert_eq!(written(|w| found.emit_provider(w)), [0x42, 2, 1, 2]);
    assert_eq!(written(|w| found.emit_image(w)), [0x45, 3, 3, 4, 5]);
    let octets = [0xCF, 3, 7, 8, 9];
    let diversification = KeyDiversificationData::parse(&octets);
    assert_eq!(diversification.0, [7, 8, 9]);
    assert_eq!(written(|w| diversification.emit(w)), octets);
}

#[test]
fn resources() {
    // Any order and width.
    let octets = [0x83, 1, 9, 0x99, 0, 0x81, 5, 0, 0, 0, 1, 0, 0x82, 3, 1, 0, 0];
    let found = Resources::parse_value(&octets).unwrap();
    assert_eq!(found, Resources { applications: 256, free_non_volatile: 65536, free_volatile: 9 });
    let many = Resources { applications: 0x1_0000, ..found };
    assert_eq!(Resources::parse(&written(|w| many.emit(w))), Ok(many));
    assert_eq!(written(|w| found.emit(w))[..7], [0xFF, 0x21, 16, 0x81, 2, 1, 0]);
    let table: [(&[u8], ErrorKind, u32); 4] = [
        (&[0x81, 1, 0, 0x82, 1, 0], ErrorKind::Missing, 6),
        (&[0x81, 0], ErrorKind::Truncated, 2),
        (&[0x81, 5, 1, 0, 0, 0, 0], ErrorKind::LengthTooLarge, 2),
        (&[0x81, 2, 0], ErrorKind::Truncated, 2),
    ];
    for (value, kind, offset) in table {
        assert_eq!(Resources::parse_value(value), Err(Error { kind, offset }), "{value:02X?}");
    }
}

#[test]
fn applications() {
    let aids = [Aid::new(&RID).unwrap(), Aid::ISSUER_SECURITY_DOMAIN];
    let list = written(|w| aids.iter().try_for_each(|aid| Applications::emit(w, *aid)));
    assert_eq!(list[..9], [0x61, 7, 0x4F, 5, 0xA0, 0, 0, 1, 0x51]);
    let read: Result<Vec<Aid>, Error> = Applications::new(&list).collect();
    assert_eq!(read.unwrap(), aids);
    assert_eq!(Applications::new(&[]).count(), 0);
}

#[test]
fn applications_that_cannot_be_read() {
    // No AID, an empty one, one of 2 octets; an object that is no application; then a good one with a label.
    let list = [
        &[0x61, 0, 0x61, 2, 0x4F, 0, 0x61, 4, 0x4F, 2, 1, 2, 0x73, 0, 0x61, 10, 0x50, 1, 0x41, 0x4F, 5][..],
        &RID,
        &[0x61],
    ]
    .concat();
    let error = |kind, offset| Err(Error { kind, offset });
    assert_eq!(
        Applications::new(&list).collect::<Vec<_>>(),
        [
            error(ErrorKind::Missing, 2),
            error(ErrorKind::Missing, 4),
            error(ErrorKind::Truncated, 10),
            Ok(Aid::new(&RID).unwrap()),
            error(ErrorKind::Truncated, 27),
        ]
    );
}
