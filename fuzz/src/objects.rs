//! What a card tells of itself: the parsers of its data objects.

use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::capability::CardCapability;
use gp_cardmanager_model::card_data::{CardRecognitionData, Oid};
use gp_cardmanager_model::confirmation::{Confirmation, Details};
use gp_cardmanager_model::cplc::{CalendarDate, Cplc};
use gp_cardmanager_model::entry::{Entry, LegacyListing, Listing, Wanted};
use gp_cardmanager_model::fci::Fci;
use gp_cardmanager_model::inventory::{
    Applications, ConfirmationCounter, CurrentSecurityLevel, Identification, KeyDiversificationData, Resources,
    SequenceCounter,
};
use gp_cardmanager_model::key_info::{KeyEntry, KeyInformation};
use gp_scp03::InitializeUpdateResponse;

use crate::laws::{filled, written};

/// The first octet chooses the parser, the others are the object. For each: what was read and can be written reads the same
/// again, in exactly as much room as it needs.
pub fn objects(octets: &[u8]) {
    let Some((choice, object)) = octets.split_first() else { return };
    match choice % 12 {
        0 => entry(object),
        1 => keys(object),
        2 => recognition_data(object),
        3 => capability(object),
        4 => fci(object),
        5 => cplc(object),
        6 => resources(object),
        7 => applications(object),
        8 => counters(object),
        9 => confirmation(object),
        10 => details(object),
        _ => initialize_update(object),
    }
}

/// All that an entry says, in a form that compares.
pub(crate) fn fields(entry: &Entry<'_>) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        entry.aid,
        entry.life_cycle,
        entry.contactless_activation,
        entry.privileges,
        entry.implicit_selection.iter().collect::<Vec<_>>(),
        entry.load_file,
        entry.load_file_version,
        entry.modules.iter().collect::<Vec<_>>(),
        entry.security_domain
    )
}

fn entry(value: &[u8]) {
    let Ok(entry) = Entry::parse_value(value) else { return };
    assert_eq!(entry.objects, value);
    let Ok(octets) = written(|w| entry.emit(w, Wanted::All)) else {
        assert!(entry.aid.is_none() || entry.life_cycle.is_none());
        return;
    };
    let mut listing = Listing::new(&octets);
    let again = listing.next().expect("an entry").expect("a good one");
    assert_eq!(fields(&again), fields(&entry));
    assert!(listing.next().is_none() && listing.tail().is_empty());
    if let Ok(octets) = written(|w| entry.emit_legacy(w, true)) {
        let again = LegacyListing::new(&octets, true).next().expect("an entry").expect("a good one");
        assert_eq!((again.aid, again.life_cycle), (entry.aid, entry.life_cycle));
        assert!(again.modules.iter().eq(entry.modules.iter()));
    }
}

fn keys(object: &[u8]) {
    let Ok(information) = KeyInformation::parse(object) else { return };
    let keys: Vec<KeyEntry> = information.filter_map(Result::ok).collect();
    let writable: Vec<KeyEntry> = keys.into_iter().filter(|key| written(|w| key.emit(w)).is_ok()).collect();
    let octets = written(|w| KeyInformation::emit(w, writable.iter().copied())).expect("each can be written");
    let again: Result<Vec<KeyEntry>, _> = KeyInformation::parse(&octets).expect("what was written").collect();
    assert_eq!(again, Ok(writable));
}

fn recognition_data(object: &[u8]) {
    for data in [
        CardRecognitionData::parse(object),
        CardRecognitionData::parse_value(object),
        CardRecognitionData::parse_objects(object),
    ] {
        let Ok(data) = data else { continue };
        let protocols = |data: &CardRecognitionData<'_>| data.secure_channels.iter().filter_map(Result::ok).count();
        for oid in [data.configuration_oid(), data.chip_oid()].into_iter().flatten() {
            assert_eq!(Oid::new(oid.as_bytes()), Some(oid));
            assert_eq!(oid.to_string(), oid.arcs().map(|arc| arc.to_string()).collect::<Vec<_>>().join("."));
        }
        let Ok(octets) = written(|w| data.emit(w)) else { continue };
        let again = CardRecognitionData::parse(&octets).expect("what was written");
        assert_eq!(
            (again.base, again.version, again.identification_scheme, protocols(&again)),
            (data.base, data.version, data.identification_scheme, protocols(&data))
        );
        assert!(again.secure_channels.iter().eq(data.secure_channels.iter()));
        assert_eq!((again.configuration, again.chip), (data.configuration, data.chip));
        assert_eq!(
            (again.issuer_trust_point, again.issuer_certificate),
            (data.issuer_trust_point, data.issuer_certificate)
        );
    }
}

fn capability(object: &[u8]) {
    capability_read(object, false);
    capability_read(object, true);
}

fn capability_read(object: &[u8], value: bool) {
    // Before `data`, whose type allows one lifetime only.
    let mut octets = Vec::new();
    let read = if value { CardCapability::parse_value(object) } else { CardCapability::parse(object) };
    let Ok(data) = read else { return };
    octets.extend(written(|w| data.emit(w)).expect("what was read can be written"));
    assert_eq!(CardCapability::parse(&octets), Ok(data));
}

fn fci(answer: &[u8]) {
    let Ok(fci) = Fci::parse(answer) else { return };
    if let Ok(Some(data)) = fci.recognition_data()
        && let Ok(octets) = written(|w| fci.emit_with(w, &data))
    {
        let again = Fci::parse(&octets).expect("what was written");
        assert_eq!((again.name, again.max_command_data), (fci.name, fci.max_command_data));
        let again = again.recognition_data().expect("what was written").expect("it is there");
        assert_eq!((again.version, again.base), (data.version, data.base));
    }
    if let Ok(octets) = written(|w| fci.emit(w)) {
        assert_eq!(Fci::parse(&octets), Ok(fci));
    }
}

fn cplc(object: &[u8]) {
    if let Ok(cplc) = Cplc::parse_value(object) {
        assert_eq!(cplc.value(), object);
        let octets = written(|w| cplc.emit(w)).expect("room enough");
        assert_eq!(Cplc::parse(&octets), Ok(cplc));
        let today = CalendarDate::of_day(2026, 366);
        assert_eq!(today, None);
        let today = CalendarDate::of_day(2026, 333).expect("a day");
        for date in [
            cplc.os_release_date,
            cplc.ic_fabrication_date,
            cplc.module_packaging_date,
            cplc.embedding_date,
            cplc.pre_personalization_date,
            cplc.personalization_date,
        ] {
            let day = date.before(today);
            assert_eq!(day.is_some_and(|day| (2007..=2026).contains(&day.year)), day.is_some());
            assert!(day.is_none() || date.year_digit_and_day().is_some());
        }
    } else {
        assert_ne!(object.len(), Cplc::LEN);
    }
    if let Ok(cplc) = Cplc::parse(object) {
        assert!(object.ends_with(&cplc.value()));
    }
}

fn resources(object: &[u8]) {
    for data in [Resources::parse(object), Resources::parse_value(object)].into_iter().flatten() {
        let octets = written(|w| data.emit(w)).expect("room enough");
        assert_eq!(Resources::parse(&octets), Ok(data));
    }
}

fn applications(answer: &[u8]) {
    let all: Vec<Aid> = Applications::new(answer).filter_map(Result::ok).collect();
    let octets: Vec<u8> =
        all.iter().flat_map(|aid| written(|w| Applications::emit(w, *aid)).expect("room enough")).collect();
    assert_eq!(Applications::new(&octets).collect::<Result<Vec<_>, _>>(), Ok(all));
}

fn counters(answer: &[u8]) {
    if let Ok(counter) = SequenceCounter::parse(answer) {
        let octets = written(|w| counter.emit(w)).expect("room enough");
        assert_eq!(SequenceCounter::parse(&octets), Ok(counter));
        assert!(counter.value() < 1 << 24);
    }
    if let Ok(counter) = ConfirmationCounter::parse(answer) {
        let octets = written(|w| counter.emit(w)).expect("room enough");
        assert_eq!(ConfirmationCounter::parse(&octets), Ok(counter));
    }
    if let Ok(level) = CurrentSecurityLevel::parse(answer) {
        let octets = written(|w| level.emit(w)).expect("room enough");
        assert_eq!(CurrentSecurityLevel::parse(&octets), Ok(level));
    }
    let data = KeyDiversificationData::parse(answer);
    let octets = written(|w| data.emit(w)).expect("room enough");
    assert_eq!(KeyDiversificationData::parse(&octets), data);
    let identification = Identification::parse(answer, answer);
    let provider = written(|w| identification.emit_provider(w)).expect("room enough");
    let image = written(|w| identification.emit_image(w)).expect("room enough");
    assert_eq!(Identification::parse(&provider, &image), identification);
}

fn confirmation(answer: &[u8]) {
    let Ok(Some(confirmation)) = Confirmation::parse(answer) else { return };
    let octets = filled(|buf| confirmation.emit(buf).map(|octets| octets.len())).expect("what was read can be written");
    assert_eq!(octets.len(), confirmation.encoded_len());
    assert_eq!(Confirmation::parse(&octets), Ok(Some(confirmation)));
    assert!(Details::parse(confirmation.details).is_ok());
}

fn details(octets: &[u8]) {
    let Ok(details) = Details::parse(octets) else { return };
    let octets = filled(|buf| details.emit(buf).map(|octets| octets.len())).expect("what was read can be written");
    assert_eq!(Details::parse(&octets), Ok(details));
}

fn initialize_update(data: &[u8]) {
    match InitializeUpdateResponse::parse(data) {
        Ok(answer) => {
            assert!([29, 32, 45, 48].contains(&data.len()));
            assert_eq!(answer.info.sequence.is_some(), [32, 48].contains(&data.len()));
            assert_eq!(answer.info.diversification, data[..10]);
        }
        Err(error) => assert_ne!(error, gp_scp03::Error::Closed),
    }
}
