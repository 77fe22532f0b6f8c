extern crate std;

use super::*;
use crate::install::tests::cases;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn every_confirmation_returns(
        counter: u16,
        receipt in vec(any::<u8>(), 1..300),
        security_domain in vec(any::<u8>(), 0..40),
        token_id in option::of(vec(any::<u8>(), 0..20)),
        digest in vec(any::<u8>(), 20..64),
    ) {
        let details = Details {
            counter,
            security_domain: &security_domain,
            token_id: token_id.as_deref(),
            token_digest: token_id.as_ref().map(|_| &digest[..]),
        };
        let mut buf = [0; 256];
        let octets = details.emit(&mut buf).unwrap();
        prop_assert_eq!(Details::parse(octets), Ok(details));
        let confirmation = Confirmation { receipt: &receipt, details: octets };
        let mut buf = [0; 1024];
        let answer = confirmation.emit(&mut buf).unwrap();
        prop_assert_eq!(answer.len(), confirmation.encoded_len());
        prop_assert_eq!(Confirmation::parse(answer), Ok(Some(confirmation)));
        // Without the outer length.
        let inner = answer.len() - confirmation.inner_len();
        prop_assert_eq!(Confirmation::parse(&answer[inner..]), Ok(Some(confirmation)));
        prop_assert!(confirmation.emit(&mut std::vec![0; answer.len() - 1]).is_err());
    }

    #[test]
    fn no_octets_panic(octets in vec(any::<u8>(), 0..60)) {
        let _ = Confirmation::parse(&octets);
    }
}

#[test]
fn nothing_to_confirm() {
    assert_eq!(Confirmation::parse(&Confirmation::NONE), Ok(None));
    assert_eq!(Confirmation::parse(&[]), Ok(None));
}

#[test]
fn refused_at_their_position() {
    let refused = |octets: &[u8]| Confirmation::parse(octets).unwrap_err();
    // An empty receipt, a counter of one octet, one field too many, a cut field.
    assert_eq!(refused(&[0x05, 0x00, 0x02, 0, 1, 0x00]), Error::at(ErrorKind::Missing, 1));
    assert_eq!(refused(&[0x05, 0x01, 0xAA, 0x01, 0, 0x00]), Error::at(ErrorKind::BadLength, 3));
    assert_eq!(refused(&[0x09, 0x01, 0xAA, 0x02, 0, 1, 0, 0, 0, 0]), Error::at(ErrorKind::TrailingData, 9));
    assert_eq!(refused(&[0x06, 0x01, 0xAA, 0x02, 0, 1, 0x01]), Error::at(ErrorKind::Truncated, 7));
    let digest = Details { counter: 0, security_domain: &[], token_id: None, token_digest: Some(&[1]) };
    assert_eq!(digest.emit(&mut [0; 16]).unwrap_err().kind, ErrorKind::Unexpected);
}
