//! Tolerances and positions of the readers, what the writers leave out, and round trips.

extern crate std;

use super::{Entry, ImplicitSelection, LegacyListing, List, Listing, TagList, Wanted};
use crate::aid::Aid;
use crate::privileges::Privileges;
use gp_tlv::{Error, ErrorKind, Writer, tags::registry};
use proptest::prelude::*;
use std::vec::Vec;

fn aid(octets: &[u8]) -> Aid {
    Aid::new(octets).unwrap()
}

const RID: [u8; 5] = [0xA0, 0, 0, 1, 0x51];

fn written(emit: impl FnOnce(&mut Writer<'_>) -> Result<(), Error>) -> Result<Vec<u8>, Error> {
    let mut buf = [0; 2048];
    let mut w = Writer::new(&mut buf);
    emit(&mut w)?;
    Ok(w.finish().to_vec())
}

/// One entry of everything, `read` from `E3` with these octets as value.
fn parse(value: &[u8]) -> Result<Entry<'_>, Error> {
    Entry::parse_value(value)
}

#[test]
fn empty_identifiers_are_none() {
    let entry = parse(&[0x4F, 0, 0x9F, 0x70, 1, 7, 0xC4, 0, 0xCC, 0, 0x84, 0]).unwrap();
    assert_eq!((entry.aid, entry.load_file, entry.security_domain), (None, None, None));
    assert!(entry.modules.is_empty());
    assert_eq!(entry.life_cycle, Some(7));
}

#[test]
fn unknown_and_missing_objects() {
    let entry = parse(&[0xEA, 2, 0x80, 0, 0xDF, 0x7F, 0, 0x9F, 0x70, 1, 0x0F]).unwrap();
    assert_eq!((entry.aid, entry.life_cycle, entry.privileges), (None, Some(0x0F), None));
    assert_eq!(entry.objects.len(), 11, "what is unknown stays visible");
    assert!(parse(&[]).is_ok());
}

#[test]
fn two_octets_of_life_cycle_and_short_privileges() {
    let entry = parse(&[0x9F, 0x70, 2, 0x07, 0x01, 0xC5, 1, 0x9E]).unwrap();
    assert_eq!((entry.life_cycle, entry.contactless_activation), (Some(7), Some(1)));
    assert_eq!(entry.privileges.unwrap().octets(), [0x9E, 0, 0]);
    assert!(entry.is_security_domain());
}

#[test]
fn wrong_lengths_have_positions() {
    let table: [(&[u8], ErrorKind, u32); 10] = [
        (&[0x4F, 4, 1, 2, 3, 4], ErrorKind::Truncated, 2),
        (&[0x9F, 0x70, 0], ErrorKind::Truncated, 3),
        (&[0x9F, 0x70, 3, 1, 2, 3], ErrorKind::LengthTooLarge, 3),
        (&[0xC5, 0], ErrorKind::Truncated, 2),
        (&[0xC5, 4, 1, 2, 3, 4], ErrorKind::LengthTooLarge, 2),
        (&[0xCF, 2, 0x80, 0x81], ErrorKind::LengthTooLarge, 2),
        (&[0xCF, 0], ErrorKind::Truncated, 2),
        (&[0x84, 1, 0], ErrorKind::Truncated, 2),
        (&[0xC4, 17, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], ErrorKind::LengthTooLarge, 2),
        (&[0x9F, 0x70, 1], ErrorKind::Truncated, 3),
    ];
    for (value, kind, offset) in table {
        assert_eq!(parse(value).map(|_| ()), Err(Error { kind, offset }), "{value:02X?}");
    }
}

#[test]
fn a_bad_entry_costs_itself_only() {
    let good = [0xE3, 4, 0x9F, 0x70, 1, 7];
    let bad = [0xE3, 4, 0x9F, 0x70, 9, 7];
    let data = [&good[..], &bad, &[0x70, 0], &good].concat();
    let states: Vec<_> = Listing::new(&data).map(|entry| entry.map(|entry| entry.life_cycle)).collect();
    let error = |kind, offset| Err(Error { kind, offset });
    assert_eq!(states, [Ok(Some(7)), error(ErrorKind::Truncated, 11), error(ErrorKind::Unexpected, 12), Ok(Some(7))]);
    assert!(Listing::new(&data).tail().is_empty());
}

#[test]
fn lost_framing_is_not_a_tail() {
    let data = [0xE3, 4, 0x9F, 0x70, 1, 7, 0xE3, 0x80, 0x00];
    let mut listing = Listing::new(&data);
    assert!(listing.tail().is_empty());
    assert!(listing.next().unwrap().is_ok());
    assert_eq!(listing.next().unwrap().map(|_| ()), Err(Error { kind: ErrorKind::IndefiniteLength, offset: 7 }));
    assert!(listing.next().is_none());
    assert!(listing.tail().is_empty());
}

#[test]
fn a_tail_can_be_as_short_as_one_octet() {
    for tail in [&[0xE3][..], &[0xE3, 0x81], &[0xE3, 0x02, 0x4F]] {
        let data = [&[0xE3, 4, 0x9F, 0x70, 1, 7][..], tail].concat();
        let mut listing = Listing::new(&data);
        assert_eq!(listing.by_ref().filter(Result::is_ok).count(), 1);
        assert_eq!(listing.tail(), tail);
    }
}

fn application() -> Entry<'static> {
    const SELECTIONS: [ImplicitSelection; 2] = [ImplicitSelection(0x40), ImplicitSelection(0x83)];
    Entry {
        aid: Aid::new(&[0xA0, 0, 0, 1, 0x51, 1]),
        life_cycle: Some(7),
        privileges: Some(Privileges::CARD_RESET),
        implicit_selection: List::of(&SELECTIONS),
        load_file: Aid::new(&RID),
        load_file_version: Some(&[1, 0]),
        security_domain: Some(Aid::ISSUER_SECURITY_DOMAIN),
        ..Entry::default()
    }
}

#[test]
fn the_octets_of_an_entry() {
    let required = written(|w| application().emit(w, Wanted::Required)).unwrap();
    assert_eq!(required, [0xE3, 17, 0x4F, 6, 0xA0, 0, 0, 1, 0x51, 1, 0x9F, 0x70, 1, 7, 0xC5, 3, 0x04, 0, 0]);
    let all = written(|w| application().emit(w, Wanted::All)).unwrap();
    assert_eq!(all[..2], [0xE3, 17 + 6 + 7 + 4 + 10]);
    assert_eq!(all[2..19], required[2..]);
    assert_eq!(all[19..25], [0xCF, 1, 0x40, 0xCF, 1, 0x83]);
}

#[test]
fn tag_lists_filter() {
    let list = [0x9F, 0x70, 0xCC, 0xCE, 0x66];
    let wanted = Wanted::Tags(TagList::parse(&list).unwrap());
    let octets = written(|w| application().emit(w, wanted)).unwrap();
    assert_eq!(octets[..10], [0xE3, 18, 0x9F, 0x70, 1, 7, 0xCE, 2, 1, 0]);
    assert_eq!(octets[10..12], [0xCC, 8]);
    // AID and state are required only if wanted.
    let nothing = Wanted::Tags(TagList::parse(&[0xC5]).unwrap());
    assert_eq!(written(|w| Entry::default().emit(w, nothing)).unwrap(), [0xE3, 0]);
    assert_eq!(
        written(|w| Entry::default().emit(w, Wanted::Required)).map_err(|error| error.kind),
        Err(ErrorKind::Missing)
    );
}

#[test]
fn tag_lists_are_checked() {
    assert_eq!(TagList::parse(&[0x4F, 0x9F]), Err(Error { kind: ErrorKind::Truncated, offset: 2 }));
    let list = [0x4F, 0x9F, 0x70];
    let list = TagList::parse(&list).unwrap();
    assert!(
        list.contains(registry::AID) && list.contains(registry::LIFE_CYCLE) && !list.contains(registry::PRIVILEGES)
    );
    assert_eq!(list.as_bytes().len(), 3);
}

#[test]
fn modules_from_elsewhere() {
    let entry = Entry { aid: Aid::new(&RID), life_cycle: Some(1), ..Entry::default() };
    let module = aid(&[0xA0, 0, 0, 1, 0x51, 9]);
    let octets = written(|w| entry.emit_with(w, Wanted::Required, [module].into_iter())).unwrap();
    assert_eq!(Entry::parse_value(&octets[2..]).unwrap().modules, List::of(&[module]));
    let octets = written(|w| entry.emit_legacy_with(w, Some([module].into_iter()))).unwrap();
    assert_eq!(octets, [5, 0xA0, 0, 0, 1, 0x51, 1, 0, 1, 6, 0xA0, 0, 0, 1, 0x51, 9]);
}

#[test]
fn implicit_selection_bits() {
    let [contact, both, none] = [0x43, 0xD3, 0x00].map(ImplicitSelection);
    assert!(contact.contact() && !contact.contactless() && contact.channel() == 3);
    assert!(both.contact() && both.contactless() && both.channel() == 19);
    assert!(!none.contact() && !none.contactless() && none.channel() == 0);
}

// ---- the older form ----------------------------------------------------------------------------------------------------

#[test]
fn legacy_tolerances() {
    // No AID; an AID of 3 octets; a good one.
    let data = [&[0, 7, 0x10, 3, 1, 2, 3, 7, 0, 5][..], &RID, &[0x0F, 0x9E]].concat();
    let found: Vec<_> = LegacyListing::new(&data, false).map(|entry| entry.map(|entry| entry.aid)).collect();
    assert_eq!(found, [Ok(None), Err(Error { kind: ErrorKind::Truncated, offset: 3 }), Ok(Aid::new(&RID))]);
}

#[test]
fn legacy_lost_framing() {
    let data = [&[5][..], &RID, &[1, 0, 17, 0, 0]].concat();
    let mut listing = LegacyListing::new(&data, false);
    assert!(listing.next().unwrap().is_ok());
    assert_eq!(listing.next().unwrap().map(|_| ()), Err(Error { kind: ErrorKind::LengthTooLarge, offset: 8 }));
    assert!(listing.next().is_none() && listing.tail().is_empty());
}

#[test]
fn legacy_modules() {
    // Two modules, the first of length zero; then an entry with a module of 17 octets.
    let data = [&[5][..], &RID, &[1, 0, 2, 0, 5], &RID, &[5], &RID, &[1, 0, 1, 17, 9]].concat();
    let mut listing = LegacyListing::new(&data, true);
    assert_eq!(listing.next().unwrap().unwrap().modules.iter().collect::<Vec<_>>(), [aid(&RID)]);
    assert_eq!(listing.next().unwrap().map(|_| ()), Err(Error { kind: ErrorKind::LengthTooLarge, offset: 25 }));
    assert!(listing.next().is_none());
    // A module of 2 octets costs its entry, at its own position.
    let data = [&[5][..], &RID, &[1, 0, 1, 2, 9, 9, 5], &RID, &[1, 0, 0]].concat();
    let found: Vec<_> = LegacyListing::new(&data, true).map(|entry| entry.map(|entry| entry.aid)).collect();
    assert_eq!(found, [Err(Error { kind: ErrorKind::Truncated, offset: 9 }), Ok(Aid::new(&RID))]);
}

#[test]
fn legacy_writes_all_or_nothing() {
    let modules = [aid(&RID); 2];
    let entry = Entry { aid: Aid::new(&RID), life_cycle: Some(1), modules: List::of(&modules), ..Entry::default() };
    let whole = written(|w| entry.emit_legacy(w, true)).unwrap();
    for room in 0..whole.len() {
        let mut buf = [0; 32];
        let mut w = Writer::new(&mut buf[..room]);
        assert_eq!(entry.emit_legacy(&mut w, true), Err(Error { kind: ErrorKind::BufferFull, offset: 0 }));
        assert!(w.is_empty());
    }
    let many = [aid(&RID); 256];
    let entry = Entry { modules: List::of(&many), ..entry };
    let error = written(|w| entry.emit_legacy(w, true)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::LengthTooLarge);
    assert_eq!(
        written(|w| Entry::default().emit_legacy(w, false)).map_err(|error| error.kind),
        Err(ErrorKind::Missing)
    );
}

// ---- round trips -------------------------------------------------------------------------------------------------------

fn cases() -> ProptestConfig {
    let scale = std::env::var("GP_TEST_SCALE").ok().and_then(|percent| percent.parse().ok()).unwrap_or(100_u32);
    ProptestConfig::with_cases((256 * scale / 100).max(1))
}

fn any_aid() -> impl Strategy<Value = Aid> {
    proptest::collection::vec(any::<u8>(), 5..=16).prop_map(|octets| aid(&octets))
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_written_reads_back(
        name in any_aid(),
        state in any::<u8>(),
        contactless in any::<Option<u8>>(),
        privileges in any::<Option<[u8; 3]>>(),
        selections in proptest::collection::vec(any::<u8>().prop_map(ImplicitSelection), 0..6),
        load_file in proptest::option::of(any_aid()),
        version in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..4)),
        modules in proptest::collection::vec(any_aid(), 0..20),
        domain in proptest::option::of(any_aid()),
    ) {
        let entry = Entry {
            aid: Some(name),
            life_cycle: Some(state),
            contactless_activation: contactless,
            privileges: privileges.map(Privileges::from_octets),
            implicit_selection: List::of(&selections),
            load_file,
            load_file_version: version.as_deref(),
            modules: List::of(&modules),
            security_domain: domain,
            objects: &[],
        };
        let octets = written(|w| entry.emit(w, Wanted::All)).unwrap();
        let mut listing = Listing::new(&octets);
        let read = listing.next().unwrap().unwrap();
        prop_assert!(listing.next().is_none() && listing.tail().is_empty());
        prop_assert_eq!((read.aid, read.life_cycle, read.contactless_activation), (Some(name), Some(state), contactless));
        prop_assert_eq!(read.privileges, entry.privileges);
        prop_assert_eq!(read.implicit_selection, entry.implicit_selection);
        prop_assert_eq!((read.load_file, read.load_file_version), (load_file, version.as_deref()));
        prop_assert_eq!(read.modules, entry.modules);
        prop_assert_eq!(read.security_domain, domain);

        let octets = written(|w| entry.emit_legacy(w, true)).unwrap();
        let read = LegacyListing::new(&octets, true).next().unwrap().unwrap();
        prop_assert_eq!((read.aid, read.life_cycle, read.modules), (Some(name), Some(state), entry.modules));
        let [first, ..] = entry.privileges.unwrap_or_default().octets();
        prop_assert_eq!(read.privileges.unwrap().octets(), [first, 0, 0]);
    }

    #[test]
    fn any_octets_are_walked_to_an_end(octets in proptest::collection::vec(any::<u8>(), 0..300), modules in any::<bool>()) {
        prop_assert!(Listing::new(&octets).count() <= octets.len());
        prop_assert!(LegacyListing::new(&octets, modules).count() <= octets.len());
        prop_assert!(octets.ends_with(Listing::new(&octets).tail()));
        prop_assert!(octets.ends_with(LegacyListing::new(&octets, modules).tail()));
    }
}
