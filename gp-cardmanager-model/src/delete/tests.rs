extern crate std;

use super::*;
use crate::install::tests::{any_aid, cases};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn every_deletion_returns(
        aid in any_aid(),
        related in any::<bool>(),
        provider in option::of(vec(any::<u8>(), 0..20)),
        token in vec(any::<u8>(), 0..300),
        keys in any::<(Option<u8>, Option<u8>)>(),
        content in any::<bool>(),
    ) {
        let control = provider.as_deref().map(|provider| ControlReference {
            provider: Some(provider),
            ..ControlReference::default()
        });
        let delete = match (content, keys) {
            (false, (id, version)) if id.or(version).is_some() => Delete::Keys(DeleteKeys { id, version }),
            _ => Delete::Content(DeleteContent { aid, related, control, token: &token }),
        };
        let mut buf = [0; 512];
        let octets = delete.emit(&mut buf).unwrap().to_vec();
        let header = delete.header();
        prop_assert_eq!(Delete::parse(header.p1, header.p2, &octets), Ok(delete));
        let signed = Delete::signed_fields(header.p1, header.p2, &octets).unwrap();
        prop_assert_eq!(&*delete.emit_signed_fields(&mut buf).unwrap(), signed);
        prop_assert!(delete.emit(&mut std::vec![0; octets.len() - 1]).is_err());
    }

    #[test]
    fn no_octets_panic(p1: u8, p2: u8, octets in vec(any::<u8>(), 0..60)) {
        let _ = Delete::parse(p1, p2, &octets);
    }
}

#[test]
fn order_and_kinds() {
    let refused = |data: &[u8]| Delete::parse(0, 0, data).unwrap_err();
    let aid = [0x4F, 5, 1, 2, 3, 4, 5];
    let after_aid = |more: &[u8]| refused(&[&aid[..], more].concat());
    assert_eq!(refused(&[]), Error::at(ErrorKind::Missing, 0));
    assert_eq!(after_aid(&aid), Error::at(ErrorKind::Unexpected, 7));
    assert_eq!(after_aid(&[0xD0, 1, 1]), Error::at(ErrorKind::Unexpected, 7));
    assert_eq!(after_aid(&[0xC1, 0]), Error::at(ErrorKind::Unexpected, 7));
    assert_eq!(after_aid(&[0x9E, 1, 1, 0xB6, 0]), Error::at(ErrorKind::Unexpected, 10));
    assert_eq!(refused(&[0x9E, 1, 1]), Error::at(ErrorKind::Unexpected, 0));
    assert_eq!(refused(&[0x4F, 1, 1]), Error::at(ErrorKind::BadLength, 0));
    assert_eq!(refused(&[0xD0, 2, 1, 1]), Error::at(ErrorKind::BadLength, 0));
    assert_eq!(Delete::parse(0x80, 0, &aid).unwrap_err().kind, ErrorKind::Parameters);
    let nothing = Delete::Keys(DeleteKeys { id: None, version: None });
    assert_eq!(nothing.emit(&mut [0; 9]).unwrap_err().kind, ErrorKind::Missing);
}

#[test]
fn keys_in_either_order_and_whatever_p2() {
    let both = Delete::Keys(DeleteKeys { id: Some(1), version: Some(0x30) });
    for p2 in [0, 1, 0x80] {
        assert_eq!(Delete::parse(0, p2, &[0xD0, 1, 1, 0xD2, 1, 0x30]), Ok(both));
        assert_eq!(Delete::parse(0, p2, &[0xD2, 1, 0x30, 0xD0, 1, 1]), Ok(both));
    }
    assert_eq!(both.header().p2, 0);
}

#[test]
fn which_keys_are_meant() {
    let keys = |id, version| DeleteKeys { id, version };
    assert!(keys(Some(1), Some(2)).matches(2, 1) && !keys(Some(1), Some(2)).matches(1, 2));
    assert!(keys(None, Some(2)).matches(2, 9) && !keys(None, Some(2)).matches(3, 9));
    assert!(keys(Some(1), None).matches(9, 1) && !keys(Some(1), None).matches(9, 2));
}
