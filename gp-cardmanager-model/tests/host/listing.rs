//! GET STATUS as cards really answer it: pages cut anywhere, damaged entries, the old form, no end.

use crate::support;
use gp_apdu::{Header, StatusWord, ins};
use gp_cardmanager_model::entry::TagList;
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::{Authenticate, Failure, GetStatus, Host, Listed, Origin, run};
use gp_scp03::{Challenge, SecurityLevel};
use proptest::prelude::*;
use support::{TestCard, keys, scale};

/// A page of data and its status word, for each command.
type Page = (Vec<u8>, StatusWord);

#[derive(Debug, PartialEq)]
struct Seen {
    names: Vec<Result<String, gp_tlv::ErrorKind>>,
    listed: Result<Listed, Failure>,
    commands: Vec<(Header, Vec<u8>)>,
}

/// What is asked for besides the pages.
#[derive(Clone, Copy, Default)]
struct Asked {
    aid: &'static [u8],
    tags: Option<TagList<'static>>,
    legacy: bool,
    max_pages: Option<u16>,
}

/// Lists against a card that answers these pages, then `6A88`.
fn list_with(level: SecurityLevel, pages: &[Page], asked: Asked) -> Seen {
    let mut rest = pages.iter();
    let mut card = TestCard::new(16, 0x70, |_, _: &[u8]| {
        rest.next().cloned().unwrap_or((Vec::new(), StatusWord::REFERENCED_DATA_NOT_FOUND))
    });
    let (mut command, mut response) = ([0; 261], [0; 700]);
    let mut host = Host::new(&mut command, &mut response, ());
    let keys = keys(16);
    run(&mut host, &mut card, Authenticate::new(Challenge::new(&[7; 8]).unwrap(), level, |_| Ok(&keys))).unwrap();
    let mut names = Vec::new();
    let mut task = GetStatus::new(Subset::Applications, |entry| {
        names.push(
            entry.map(|entry| entry.aid.map_or("none".into(), |aid| aid.to_string())).map_err(|error| error.kind),
        );
    });
    task = task.with_aid(asked.aid);
    task = if asked.legacy { task.legacy() } else { task };
    task = asked.tags.into_iter().fold(task, GetStatus::with_tags);
    task = asked.max_pages.into_iter().fold(task, GetStatus::with_max_pages);
    let listed = run(&mut host, &mut card, task).map_err(|error| error.failure().unwrap());
    assert!(!host.slot().is_dead());
    Seen { names, listed, commands: card.handled.clone() }
}

fn list(level: SecurityLevel, pages: &[Page]) -> Seen {
    list_with(level, pages, Asked::default())
}

/// Four entries of different lengths.
fn entries() -> Vec<u8> {
    let mut octets = Vec::new();
    for number in 0..4_u8 {
        let mut inner = vec![0x4F, 5 + number, 0xA0, 0, 0, 0, number];
        inner.extend(core::iter::repeat_n(number, number.into()));
        inner.extend([0x9F, 0x70, 0x01, 0x07, 0xC5, 0x03, 0x80, 0x00, 0x00]);
        octets.extend([0xE3, u8::try_from(inner.len()).unwrap()]);
        octets.extend(inner);
    }
    octets
}

fn names() -> Vec<Result<String, gp_tlv::ErrorKind>> {
    vec![Ok("A000000000".into()), Ok("A00000000101".into()), Ok("A0000000020202".into()), Ok("A000000003030303".into())]
}

#[test]
fn two_pages_cut_anywhere() {
    let all = entries();
    for level in [SecurityLevel::CMac, SecurityLevel::CMacRMac, SecurityLevel::Full] {
        for cut in 0..=all.len() {
            let pages = [(all[..cut].to_vec(), StatusWord::MORE_DATA), (all[cut..].to_vec(), StatusWord::OK)];
            let seen = list(level, &pages);
            assert_eq!(seen.names, names(), "cut at {cut}");
            let origin = if level.has_r_mac() { Origin::Authentic } else { Origin::Plain };
            assert_eq!(seen.listed, Ok(Listed { entries: 4, errors: 0, pages: 2, legacy: false, origin }));
            let sent: Vec<_> = seen.commands.iter().map(|(header, data)| (header.p2, data.as_slice())).collect();
            assert_eq!(sent, [(0x02, &[0x4F, 0x00][..]), (0x03, &[0x4F, 0x00][..])]);
        }
    }
}

#[test]
fn three_pages_cut_anywhere_and_single_octets() {
    let all = entries();
    for first in 0..=all.len() {
        for second in (first..=all.len()).step_by(3) {
            let pages = [
                (all[..first].to_vec(), StatusWord::MORE_DATA),
                (all[first..second].to_vec(), StatusWord::MORE_DATA),
                (all[second..].to_vec(), StatusWord::OK),
            ];
            assert_eq!(list(SecurityLevel::Full, &pages).names, names());
        }
    }
    let mut pages: Vec<Page> = all.iter().map(|octet| (vec![*octet], StatusWord::MORE_DATA)).collect();
    pages.last_mut().unwrap().1 = StatusWord::OK;
    let seen = list(SecurityLevel::Full, &pages);
    assert_eq!((seen.names, seen.commands.len()), (names(), all.len()));
}

#[test]
fn an_answer_that_ends_early_says_so() {
    let all = entries();
    for cut in 0..all.len() {
        let seen = list(SecurityLevel::Full, &[(all[..cut].to_vec(), StatusWord::OK)]);
        let listed = seen.listed.unwrap();
        assert_eq!(seen.names[..listed.entries], names()[..listed.entries]);
        let whole = [0, 18, 37, 57].contains(&cut);
        assert_eq!(listed.errors, usize::from(!whole), "cut at {cut}");
    }
}

#[test]
fn an_entry_that_cannot_be_read_costs_no_other() {
    // An empty AID, a state of three octets, a C4 without value, an entry with a broken inner length.
    let odd = [
        (&[0xE3, 0x02, 0x4F, 0x00][..], Ok("none".into())),
        (&[0xE3, 0x07, 0x4F, 0x00, 0x9F, 0x70, 0x03, 1, 2][..], Err(gp_tlv::ErrorKind::Truncated)),
        (&[0xE3, 0x09, 0x4F, 0x05, 0xA0, 0, 0, 0, 9, 0xC4, 0x00][..], Ok("A000000009".into())),
        (&[0xE3, 0x04, 0x4F, 0x10, 0xA0, 0xA1][..], Err(gp_tlv::ErrorKind::Truncated)),
        (&[0x66, 0x01, 0x00][..], Err(gp_tlv::ErrorKind::Unexpected)),
    ];
    for (octets, expected) in odd {
        let mut data = entries();
        data.splice(18..18, octets.iter().copied());
        let seen = list(SecurityLevel::Full, &[(data, StatusWord::OK)]);
        let mut wanted = names();
        wanted.insert(1, expected);
        assert_eq!(seen.names, wanted);
        assert_eq!(seen.listed.unwrap().entries + seen.listed.unwrap().errors, 5);
    }
}

#[test]
fn an_empty_list_is_no_error() {
    let seen = list(SecurityLevel::Full, &[]);
    assert_eq!(seen.listed, Ok(Listed { entries: 0, errors: 0, pages: 1, legacy: false, origin: Origin::Plain }));
    let seen = list(SecurityLevel::Full, &[(Vec::new(), StatusWord::OK)]);
    assert_eq!(seen.listed.unwrap().origin, Origin::Authentic);
    // In the middle of a list it is one.
    let seen = list(SecurityLevel::Full, &[(entries(), StatusWord::MORE_DATA)]);
    assert_eq!(seen.names, names());
    assert_eq!(seen.listed.unwrap_err().status(), Some(StatusWord::REFERENCED_DATA_NOT_FOUND));
    for status in [StatusWord::INCORRECT_P1_P2, StatusWord::FUNCTION_NOT_SUPPORTED, StatusWord::SECURITY_STATUS] {
        let seen = list(SecurityLevel::Full, &[(Vec::new(), status)]);
        assert_eq!(seen.listed.unwrap_err().status(), Some(status));
    }
    let warned = list(SecurityLevel::Full, &[(entries(), StatusWord::CARD_LOCKED)]);
    assert!(matches!(warned.listed, Err(Failure::Warned(_))));
}

#[test]
fn a_list_without_end_ends() {
    for data in [entries(), Vec::new()] {
        let pages = vec![(data, StatusWord::MORE_DATA); 10];
        let seen = list_with(SecurityLevel::Full, &pages, Asked { max_pages: Some(7), ..Asked::default() });
        assert_eq!(seen.listed, Err(Failure::TooManyPages));
        assert_eq!(seen.commands.len(), 7);
    }
}

#[test]
fn criteria_and_tags_are_sent_again() {
    let pages = [(Vec::new(), StatusWord::MORE_DATA), (entries(), StatusWord::OK)];
    let asked = Asked { aid: &[0xA0, 0x01], tags: Some(TagList::APPLICATION), ..Asked::default() };
    let seen = list_with(SecurityLevel::CMac, &pages, asked);
    let body = [0x4F, 2, 0xA0, 1, 0x5C, 7, 0x4F, 0x9F, 0x70, 0xC5, 0xCF, 0xC4, 0xCC];
    assert!(seen.commands.iter().all(|(header, data)| header.p1 == 0x40 && data == &body));
}

#[test]
fn the_old_form_is_listed_on_request() {
    let mut old = Vec::new();
    for number in 0..3_u8 {
        old.extend([6, 0xA0, 0, 0, 0, 0, number, 0x07, 0x80]);
    }
    let expected: Vec<_> = (0..3).map(|number| Ok(format!("A0000000000{number}"))).collect();
    for cut in 0..=old.len() {
        let pages = [(old[..cut].to_vec(), StatusWord::MORE_DATA), (old[cut..].to_vec(), StatusWord::OK)];
        let seen = list_with(SecurityLevel::Full, &pages, Asked { legacy: true, ..Asked::default() });
        assert_eq!(seen.names, expected);
        assert_eq!((seen.commands[0].0.p2, seen.commands[1].0.p2), (0x00, 0x01));
    }
}

/// Cards that announce data with `6310` and hand it out by GET RESPONSE.
#[test]
fn data_after_6310_is_fetched_on_request() {
    let all = entries();
    let keys = keys(16);
    for fetch in [false, true] {
        let mut pages = vec![(all[37..].to_vec(), StatusWord::OK), (Vec::new(), StatusWord::MORE_DATA)];
        let mut card = TestCard::new(16, 0x70, |header: Header, _: &[u8]| {
            assert_eq!(header.ins, ins::GET_STATUS);
            pages.pop().unwrap()
        });
        card.part = 1000;
        let (mut command, mut response) = ([0; 261], [0; 700]);
        let mut host = Host::new(&mut command, &mut response, ());
        let challenge = Challenge::new(&[7; 8]).unwrap();
        run(&mut host, &mut card, Authenticate::new(challenge, SecurityLevel::CMac, |_| Ok(&keys))).unwrap();
        let mut fetched = 0;
        let mut link = support::Link(|command: &[u8]| {
            if command[1] == ins::GET_RESPONSE {
                assert_eq!(command, [0x00, 0xC0, 0x00, 0x00, 0x00]);
                fetched += 1;
                return Ok([&all[..37], &[0x63, 0x10]].concat());
            }
            Ok(card.process(command))
        });
        let mut seen = Vec::new();
        let task = GetStatus::new(Subset::Applications, |entry| {
            seen.push(entry.map(|entry| entry.aid.unwrap().to_string()).map_err(|error| error.kind));
        });
        let task = if fetch { task.fetching_after_6310() } else { task };
        let listed = run(&mut host, &mut link, task).unwrap();
        assert_eq!((fetched, listed.pages), (usize::from(fetch), 2));
        assert_eq!(seen, if fetch { names() } else { names()[2..].to_vec() });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(scale(3000)) })]

    /// One octet changed in a listing of two pages: no panic, no hang, and every entry before the damage comes out.
    #[test]
    fn one_changed_octet(at in 0_usize..78, value in any::<u8>(), cut in 0_usize..78, legacy in any::<bool>()) {
        let mut all = entries();
        let (at, cut) = (at % all.len(), cut % all.len());
        all[at] = value;
        let pages = [(all[..cut].to_vec(), StatusWord::MORE_DATA), (all[cut..].to_vec(), StatusWord::OK)];
        let seen = list_with(SecurityLevel::CMac, &pages, Asked { legacy, ..Asked::default() });
        prop_assert!(seen.listed.is_ok());
        if !legacy {
            let before = [0, 18, 37, 57].iter().rposition(|start| at >= *start).unwrap();
            prop_assert!(seen.names.len() >= before);
            prop_assert_eq!(&seen.names[..before], &names()[..before]);
        }
    }

    /// Any octets at all.
    #[test]
    fn any_pages(pages in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..90), any::<bool>()), 0..5)) {
        let pages: Vec<Page> = pages
            .into_iter()
            .map(|(data, more)| (data, if more { StatusWord::MORE_DATA } else { StatusWord::OK }))
            .collect();
        let seen = list(SecurityLevel::Full, &pages);
        prop_assert!(seen.commands.len() <= pages.len() + 1);
    }
}
