extern crate std;

use super::*;
use crate::install::tests::cases;
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn every_search_returns(
        subset in proptest::sample::select(&Subset::ALL),
        next in any::<bool>(),
        templates in any::<bool>(),
        aid in vec(any::<u8>(), 0..=16),
        list in proptest::option::of(proptest::sample::select(&[TagList::APPLICATION, TagList::LOAD_FILE])),
    ) {
        let search = GetStatus { subset, next, templates, aid: &aid, tags: list };
        let mut buf = [0; 64];
        let octets = search.emit(&mut buf).unwrap();
        let header = search.header();
        prop_assert_eq!(GetStatus::parse(header.p1, header.p2, octets), Ok(search));
        for len in 1..octets.len() {
            let cut = GetStatus::parse(header.p1, header.p2, &octets[..len]);
            // A cut between the two objects is a search of its own.
            prop_assert!(cut.is_err() || len == 2 + aid.len());
        }
        prop_assert!(search.emit(&mut std::vec![0; octets.len() - 1]).is_err());
    }

    #[test]
    fn no_octets_panic(p1: u8, p2: u8, octets in vec(any::<u8>(), 0..40)) {
        let _ = GetStatus::parse(p1, p2, &octets);
        let _ = TagList::parse(&octets);
    }
}

#[test]
fn every_p1_and_p2() {
    for p1 in 0..=255 {
        for p2 in 0..=255 {
            match GetStatus::parse(p1, p2, &[0x4F, 0x00]) {
                Ok(search) => {
                    assert_eq!(search.subset.p1(), p1);
                    assert_eq!((search.next, search.templates), (p2 & 1 != 0, p2 & 2 != 0));
                    assert_eq!(search.header().octets(), [0x80, 0xF2, p1, p2 & 3]);
                    assert_eq!(search.following().header().p2, p2 & 3 | 1);
                }
                Err(error) => {
                    assert!(![0x80, 0x40, 0x20, 0x10].contains(&p1));
                    assert_eq!(error.kind, ErrorKind::Parameters);
                }
            }
        }
    }
}

#[test]
fn criteria() {
    let error = |data: &[u8]| GetStatus::parse(0x40, 2, data).unwrap_err();
    assert_eq!(error(&[]), Error::at(ErrorKind::Missing, 0));
    assert_eq!(error(&[0x4F, 0, 0x4F, 0]), Error::at(ErrorKind::Unexpected, 2));
    assert_eq!(error(&[0x4F, 0, 0x5C, 1, 0x9F]), Error::at(ErrorKind::Truncated, 5));
    let mut long = [0x11; 19];
    long[..2].copy_from_slice(&[0x4F, 17]);
    assert_eq!(error(&long), Error::at(ErrorKind::BadLength, 0));
    // Ignored for the issuer security domain, so it may be missing; unknown criteria are skipped.
    assert!(GetStatus::parse(0x80, 2, &[]).is_ok());
    assert!(GetStatus::parse(0x40, 2, &[0xC6, 1, 7, 0x4F, 0]).is_ok());
}

#[test]
fn tag_lists() {
    let list = TagList::APPLICATION;
    assert_eq!(list.iter().count(), 6);
    assert!(list.contains(Tag::new(0x9F70)) && !list.contains(Tag::new(0x84)));
    assert_eq!(TagList::parse(list.as_bytes()), Ok(list));
}
