//! What a host finds out: about cards, without authenticating; about failed authentications, without the card.

use crate::support;
use gp_apdu::{Header, StatusWord, ins};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::diversify::{DATA_LEN, Diversify, Kdf3};
use gp_cardmanager_model::fci::Form;
use gp_cardmanager_model::host::{
    Authenticate, Candidate, Discover, Discovered, Event, Fact, Failure, Finding, Guard, Host, Origin, Recorded,
    Scheme, Select, Warning, diagnose, run,
};
use gp_scp03::{Challenge, ChallengeVerdict, Key, KeyId, KeyLength, SecurityLevel, StaticKeys};
use support::{Handled, TestCard, hex, keys};

// ---- discovery -----------------------------------------------------------------------------------------------------

/// The SELECT answer and data objects of a card, from recordings.
const FCI: &str = "6f4a8408a000000151000000a53e732f06072a864886fc6b01600c060a2a864886fc6b02020301630906072a864886fc6b03640b06092a864886fc6b0403709f6e064790d32120049f6501ff";
const CARD_DATA: &str =
    "6631732f06072a864886fc6b01600c060a2a864886fc6b02020301630906072a864886fc6b03640b06092a864886fc6b040370";
const KEYS: &str = "e012c00401308810c00402308810c00403308810";

struct Found {
    facts: Vec<String>,
    warnings: Vec<Warning>,
    discovered: Discovered,
    sent: Vec<Vec<u8>>,
}

/// Discovers a card that answers SELECT and GET DATA so; everything else would be a surprise.
fn discover(answer: impl Fn(Header) -> Handled) -> Found {
    let mut card = TestCard::new(16, 0x70, |header: Header, _: &[u8]| answer(header));
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    let (mut facts, mut warnings) = (Vec::new(), Vec::new());
    let task = Discover::new(|fact| {
        facts.push(match fact {
            Fact::Selected(fci) => format!("fci {:?} {:?}", fci.aid().map(|aid| aid.to_string()), fci.max_command_data),
            Fact::CardData(data) => format!("version {:?} scp {:?}", data.version, data.secure_channels.iter().count()),
            Fact::Keys(keys) => format!("keys {} {}", keys.clone().count(), keys.filter(Result::is_err).count()),
            Fact::Capability(capability) => format!("capability {}", capability.secure_channels.iter().count()),
            Fact::Cplc(cplc) => format!("cplc {:02X?}", cplc.ic_serial_number),
            Fact::Provider(value) => format!("provider {value:02X?}"),
            Fact::Image(value) => format!("image {value:02X?}"),
            Fact::Diversification(value) => format!("data {}", value.len()),
            Fact::Sequence(counter) => format!("sequence {}", counter.value()),
            Fact::Resources(resources) => format!("free {}", resources.free_non_volatile),
            Fact::Absent { tag, refusal } => format!("no {tag:04X} {}", refusal.status),
            Fact::Warning(warning) => {
                warnings.push(warning);
                return;
            }
            _ => unreachable!(),
        });
    });
    let discovered = run(&mut host, &mut card, task).unwrap();
    assert_eq!((card.count(0x50), card.count(0x82)), (0, 0));
    assert_eq!(discovered.origin, Origin::Plain);
    assert_eq!(discovered.warnings, warnings.len());
    Found { facts, warnings, discovered, sent: card.seen }
}

fn tag(header: Header) -> u16 {
    u16::from_be_bytes([header.p1, header.p2])
}

const NONE: Handled = (Vec::new(), StatusWord::REFERENCED_DATA_NOT_FOUND);

fn ordinary(header: Header) -> Handled {
    let octets = match (header.ins, tag(header)) {
        (ins::SELECT, _) => hex(FCI),
        (_, 0x0066) => hex(CARD_DATA),
        (_, 0x00E0) => hex(KEYS),
        (_, 0x0067) => hex("670ba009800103810170820107"),
        (_, 0x9F7F) => [hex("9f7f2a"), (0..42).collect()].concat(),
        (_, 0x0042) => hex("42020102"),
        (_, 0x0045) => hex("450103"),
        (_, 0x00CF) => [hex("cf0a"), vec![0; 10]].concat(),
        (_, 0x00C1) => hex("c103000007"),
        (_, 0xFF21) => hex("ff211081020005820400010000830400000800"),
        _ => return NONE,
    };
    (octets, StatusWord::OK)
}

#[test]
fn an_ordinary_card() {
    let found = discover(ordinary);
    let expected = [
        "fci Some(\"A000000151000000\") Some(255)",
        "version Some(Version { major: 2, minor: 3, maintenance: Some(1) }) scp 1",
        "keys 3 0",
        "capability 1",
        "cplc [0C, 0D, 0E, 0F]",
        "provider [01, 02]",
        "image [03]",
        "data 10",
        "sequence 7",
        "free 65536",
    ];
    assert_eq!(found.facts, expected);
    assert_eq!((found.warnings.len(), found.discovered.objects), (0, 10));
    assert_eq!(found.sent[0], [0x00, 0xA4, 0x04, 0x00, 0x00]);
    assert_eq!(found.sent[1], [0x80, 0xCA, 0x00, 0x66, 0x00]);
    assert_eq!(found.sent.len(), 10);
}

#[test]
fn objects_that_are_not_there_are_no_fault() {
    for status in [0x6A88, 0x6985, 0x6E00, 0x6D00, 0x6A86, 0x6982, 0x6300] {
        let found = discover(|header| match header.ins {
            ins::SELECT => ordinary(header),
            _ => (Vec::new(), StatusWord(status)),
        });
        assert_eq!((found.warnings.len(), found.discovered.objects), (0, 1));
        assert_eq!(found.facts.len(), 10);
        assert!(found.facts[1..].iter().all(|fact| fact.starts_with("no ")), "{:?}", found.facts);
        // The production data is asked for once more under the ISO class.
        assert_eq!(found.sent.len(), 11);
        assert_eq!(found.sent[5], [0x00, 0xCA, 0x9F, 0x7F, 0x00]);
    }
}

#[test]
fn values_without_tag_and_length_are_read_too() {
    let found = discover(|header| match ordinary(header) {
        (octets, status) if header.ins == ins::GET_DATA => {
            let skip = if tag(header) > 0xFF { 3 } else { 2 };
            (octets[skip.min(octets.len())..].to_vec(), status)
        }
        answer => answer,
    });
    assert_eq!((found.warnings.len(), found.discovered.objects), (0, 10), "{:?}", found.warnings);
}

#[test]
fn what_is_unusual_is_said() {
    let select = |data: &str, status: u16| {
        let data = hex(data);
        discover(move |header| match header.ins {
            ins::SELECT => (data.clone(), StatusWord(status)),
            _ => NONE,
        })
        .warnings
    };
    assert_eq!(select(FCI, 0x9000), []);
    assert_eq!(select(FCI, 0x6283), [Warning::CardLocked]);
    assert_eq!(select("", 0x9000), [Warning::UnusualFci(Form::Absent), Warning::NoAid]);
    assert_eq!(select("a000000151000000", 0x9000), [Warning::UnusualFci(Form::BareAid)]);
    assert_eq!(select("6f028400", 0x9000), [Warning::NoAid]);
    assert!(matches!(select("6f0584", 0x9000)[..], [Warning::UnreadableFci(_)]));
    for status in [0x6A82, 0x6A87, 0x6999, 0x6E00] {
        let warnings = select("", status);
        assert!(matches!(warnings[..], [Warning::SelectRefused(refusal)] if refusal.status == StatusWord(status)));
    }
    let data = |wanted: u16, iso: bool, octets: &str| {
        let octets = hex(octets);
        let asked = move |header: Header| header.ins == ins::GET_DATA && tag(header) == wanted;
        discover(move |header| match header {
            header if asked(header) && header.cla.is_gp() != iso => (octets.clone(), StatusWord::OK),
            header if header.ins == ins::SELECT => ordinary(header),
            _ => NONE,
        })
        .warnings
    };
    let cplc = "00".repeat(42);
    assert_eq!(data(0x9F7F, false, &cplc), []);
    assert_eq!(data(0x9F7F, true, &cplc), [Warning::IsoClassOnly { tag: 0x9F7F }]);
    assert!(matches!(data(0x9F7F, false, "9f7f02aabb")[..], [Warning::Unreadable { tag: 0x9F7F, .. }]));
    assert!(matches!(data(0x0066, false, "66037305")[..], [Warning::Unreadable { tag: 0x0066, .. }]));
    assert_eq!(data(0x00E0, false, "e006c00401ff8810"), [Warning::InitialKeys]);
    assert_eq!(data(0x00E0, false, "e00dc000c00401308810c00301"), []);
    let other = CARD_DATA.replace("2a864886fc6b", "2a811c6b0203");
    assert_eq!(data(0x0066, false, &other), [Warning::OtherIdentifiers]);
}

#[test]
fn a_broken_link_ends_it_and_garbage_does_not() {
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    for (garbage, fine) in [(vec![], false), (vec![0x90], false), (vec![0x90, 0], true), (vec![0xFF; 200], true)] {
        let mut link = support::Link(|_: &[u8]| Ok(garbage.clone()));
        assert_eq!(run(&mut host, &mut link, Discover::new(|_| ())).is_ok(), fine);
    }
    let aid = Aid::ISSUER_SECURITY_DOMAIN;
    let mut card = TestCard::new(16, 0x70, |header: Header, _: &[u8]| ordinary(header));
    run(&mut host, &mut card, Discover::selecting(Some(Select::aid(&aid)), |_| ())).unwrap();
    assert_eq!(card.seen[0][4..13], [8, 0xA0, 0, 0, 1, 0x51, 0, 0, 0]);
    // Within a session the answers are the card's word.
    let keys = keys(16);
    let task = Authenticate::new(Challenge::new(&[3; 8]).unwrap(), SecurityLevel::Full, |_| Ok(&keys));
    run(&mut host, &mut card, task).unwrap();
    let discovered = run(&mut host, &mut card, Discover::selecting(None, |_| ())).unwrap();
    assert_eq!((discovered.origin, discovered.objects), (Origin::Authentic, 9));
}

// ---- diagnosis -----------------------------------------------------------------------------------------------------

/// What an observer saw of INITIALIZE UPDATE, with a card of these keys.
fn recording(card_keys: StaticKeys, i: u8) -> (Vec<u8>, Vec<u8>) {
    let mut card = TestCard::new(16, i, |_, _: &[u8]| NONE);
    card.keys = card_keys;
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    let observer = |event: Event<'_>| match event {
        Event::Sent(octets) => sent.push(octets.to_vec()),
        Event::Received(octets) => received.push(octets.to_vec()),
        _ => {}
    };
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, observer);
    let wrong = StaticKeys::same(&[0xEE; 16]).unwrap();
    let challenge = Challenge::new(&[0x77; 16][..if i & 1 == 0 { 8 } else { 16 }]).unwrap();
    let error = run(&mut host, &mut card, Authenticate::new(challenge, SecurityLevel::CMac, |_| Ok(&wrong)));
    assert_eq!(error.unwrap_err().failure(), Some(Failure::Channel(gp_scp03::Error::CardCryptogram)));
    drop(host);
    assert_eq!((sent.len(), received.len()), (1, 1));
    (sent.remove(0), received.remove(0))
}

fn found(recorded: &(Vec<u8>, Vec<u8>), candidates: Vec<Candidate<'_>>, aid: Option<&Aid>) -> Vec<Finding> {
    let recorded = Recorded::from_apdus(&recorded.0, &recorded.1).unwrap();
    let mut findings = Vec::new();
    let matches = diagnose(&recorded, candidates, aid, |finding| findings.push(finding)).unwrap();
    assert_eq!(matches, findings.len());
    findings
}

fn of(candidate: usize, scheme: Scheme, length: KeyLength) -> Finding {
    Finding { candidate, scheme, length, challenge: ChallengeVerdict::NotChecked }
}

const SECRET: [u8; 32] = *b"a secret of thirty-two octets...";

#[test]
fn each_key_length_scheme_and_mode_is_found() {
    for i in [0x00, 0x10, 0x60, 0x70, 0x01, 0x71] {
        for length in [KeyLength::Aes128, KeyLength::Aes192, KeyLength::Aes256] {
            let master = Key::new(&SECRET[..length.octets()]).unwrap();
            let same = StaticKeys::same(master.expose_secret()).unwrap();
            let diversified = Kdf3::new(&master).keys(b"DIVERSIFY.").unwrap();
            let wrong = [0x01; 32];
            for (keys, scheme) in [(same, Scheme::Same), (diversified, Scheme::Kdf3)] {
                let recorded = recording(keys, i);
                let candidates = vec![Candidate::Secret(&wrong), Candidate::Secret(&SECRET)];
                assert_eq!(found(&recorded, candidates, None), [of(1, scheme, length)], "{i:02X}");
            }
        }
    }
}

#[test]
fn key_sets_mixed_up_keys_and_schemes_of_the_callers() {
    let right = keys(24);
    let key = |id| right.key(id).duplicate_secret();
    let set = |a, b, c| StaticKeys::new(key(a), key(b), key(c)).unwrap();
    let recorded = recording(set(KeyId::Enc, KeyId::Mac, KeyId::Dek), 0x70);
    let swapped = set(KeyId::Mac, KeyId::Enc, KeyId::Dek);
    let candidates = vec![Candidate::Keys(&swapped), Candidate::Keys(&right)];
    let length = KeyLength::Aes192;
    let expected = [of(0, Scheme::Swapped, length), of(1, Scheme::Same, length)];
    assert_eq!(found(&recorded, candidates, None), expected);
    // Master keys of one's own for each key.
    let diversified = Kdf3::with_masters(&right).keys(b"DIVERSIFY.").unwrap();
    let recorded = recording(diversified, 0x70);
    assert_eq!(found(&recorded, vec![Candidate::Keys(&right)], None), [of(0, Scheme::Kdf3, length)]);

    struct Backwards;
    impl Diversify for Backwards {
        fn keys(&mut self, data: &[u8; DATA_LEN]) -> Result<StaticKeys, gp_scp03::Error> {
            let mut octets = [0x42; 16];
            octets.iter_mut().zip(data.iter().rev()).for_each(|(to, from)| *to ^= from);
            StaticKeys::same(&octets)
        }
    }
    let recorded = recording(Backwards.keys(b"DIVERSIFY.").unwrap(), 0x70);
    let mut own = Backwards;
    let candidates = vec![Candidate::Secret(&SECRET[..5]), Candidate::Own(&mut own)];
    assert_eq!(found(&recorded, candidates, None), [of(1, Scheme::Own, KeyLength::Aes128)]);
}

#[test]
fn a_pseudo_random_challenge_proves_key_enc() {
    // Recorded session of a real client: the card makes pseudo-random challenges for this AID.
    let command = hex("80500000088edfc62e4ab0d6d300");
    let answer = hex("000102030405060708093003707900b3b86440fea560f61e400490acd00000009000");
    let key = |text: &str| Key::new(&hex(text)).unwrap();
    let (enc, mac) = ("101112131415161718191a1b1c1d1e1f", "202122232425262728292a2b2c2d2e2f");
    let right = StaticKeys::new(key(enc), key(mac), key(enc)).unwrap();
    let other_enc = StaticKeys::new(key(mac), key(mac), key(enc)).unwrap();
    let recorded = (command, answer);
    let aid = Aid::ISSUER_SECURITY_DOMAIN;
    let other = Aid::new(&[0xA0, 0, 0, 0, 3]).unwrap();
    let verdict = |keys, aid: Option<&Aid>| {
        let recorded = Recorded::from_apdus(&recorded.0, &recorded.1).unwrap();
        assert_eq!(recorded.info().unwrap().key_version, 0x30);
        recorded.fits(keys, aid).unwrap()
    };
    assert_eq!(verdict(&right, Some(&aid)), Some(ChallengeVerdict::Matches));
    assert_eq!(verdict(&right, Some(&other)), Some(ChallengeVerdict::Differs));
    assert_eq!(verdict(&right, None), Some(ChallengeVerdict::NotChecked));
    // Key-MAC alone makes the cryptogram: the challenge tells that Key-ENC is another.
    assert_eq!(verdict(&other_enc, Some(&aid)), Some(ChallengeVerdict::Differs));
    assert_eq!(verdict(&StaticKeys::same(&[1; 16]).unwrap(), Some(&aid)), None);
}

#[test]
fn what_is_wrong_with_the_recording_itself() {
    use gp_scp03::Error as Scp;
    let (command, answer) = recording(keys(16), 0x70);
    let error = |command: &[u8], answer: &[u8]| Recorded::from_apdus(command, answer).unwrap_err();
    let mut scp02 = answer.clone();
    scp02[11] = 2;
    assert_eq!(error(&command, &scp02), Scp::OtherProtocol(2));
    assert_eq!(error(&command, &answer[..20]), Scp::Status(StatusWord(u16::from_be_bytes([answer[18], answer[19]]))));
    assert_eq!(error(&command, &[0x6A, 0x88]), Scp::Status(StatusWord::REFERENCED_DATA_NOT_FOUND));
    assert_eq!(error(&command, &[0x90, 0x00]), Scp::Malformed);
    assert_eq!(error(&command, &[]), Scp::Apdu(gp_apdu::Error::Truncated));
    assert_eq!(error(&command[..4], &answer), Scp::ChallengeLength);
    let (_, s16) = recording(keys(16), 0x71);
    assert_eq!(error(&command, &s16), Scp::OtherMode);
}

// ---- guard ---------------------------------------------------------------------------------------------------------

#[test]
fn a_guard_stops_before_the_limit() {
    let (right, wrong) = (keys(16), StaticKeys::same(&[9; 16]).unwrap());
    let mut card = TestCard::new(16, 0x70, |_, _: &[u8]| NONE);
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    let mut guard = Guard::default();
    assert_eq!(guard.failures_left(), Guard::LIMIT);
    let challenge = Challenge::new(&[3; 8]).unwrap();
    let mut attempt = |keys: &StaticKeys, version: u8, guard: &mut Guard| {
        let task = Authenticate::new(challenge, SecurityLevel::CMac, |_| Ok(keys));
        let result = run(&mut host, &mut card, task.with_key_version(version).guarded(guard));
        (result.map(drop).map_err(|error| error.failure().unwrap()), card.seen.len())
    };
    // A version that is not there is no attempt at a key.
    assert_eq!(attempt(&right, 0x44, &mut guard).0.unwrap_err().status(), Some(StatusWord::REFERENCED_DATA_NOT_FOUND));
    assert_eq!(guard.failures(), 0);
    attempt(&wrong, 0, &mut guard).0.unwrap_err();
    assert_eq!(guard.failures(), 1);
    attempt(&right, 0, &mut guard).0.unwrap();
    assert_eq!(guard.failures(), 0);
    attempt(&wrong, 0, &mut guard).0.unwrap_err();
    let (_, sent) = attempt(&wrong, 0, &mut guard);
    assert_eq!(guard.failures_left(), 0);
    // Not even the right keys get through: somebody has to look first.
    assert_eq!(attempt(&right, 0, &mut guard), (Err(Failure::Stopped), sent));
    let mut resumed = Guard::resume(guard.failures(), Guard::LIMIT);
    assert_eq!(attempt(&right, 0, &mut resumed), (Err(Failure::Stopped), sent));
    resumed.succeeded();
    attempt(&right, 0, &mut resumed).0.unwrap();
}

/// A card of the other mode refuses the length of the challenge: no key was tried.
#[test]
fn a_guard_does_not_count_a_challenge_of_the_wrong_length() {
    let right = keys(16);
    let mut card = TestCard::new(16, 0x71, |_, _: &[u8]| NONE);
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    let mut guard = Guard::default();
    let task = Authenticate::new(Challenge::new(&[3; 8]).unwrap(), SecurityLevel::CMac, |_| Ok(&right));
    let error = run(&mut host, &mut card, task.guarded(&mut guard)).unwrap_err();
    assert_eq!(error.failure(), Some(Failure::Channel(gp_scp03::Error::TryS16)));
    assert_eq!((guard.failures(), card.count(ins::INITIALIZE_UPDATE)), (0, 1));
}

/// A lost answer counts: the card may have counted it.
#[test]
fn a_guard_counts_what_nobody_knows() {
    let right = keys(16);
    for cut in 0..2 {
        let mut card = TestCard::new(16, 0x70, |_, _: &[u8]| NONE);
        let mut calls = 0;
        let mut link = support::Link(|command: &[u8]| {
            calls += 1;
            let answer = card.process(command);
            if calls == cut + 1 { Err(support::Cut) } else { Ok(answer) }
        });
        let (mut command, mut response) = ([0; 261], [0; 258]);
        let mut host = Host::new(&mut command, &mut response, ());
        let mut guard = Guard::default();
        let task = Authenticate::new(Challenge::new(&[3; 8]).unwrap(), SecurityLevel::CMac, |_| Ok(&right));
        run(&mut host, &mut link, task.guarded(&mut guard)).unwrap_err();
        assert_eq!(guard.failures(), 1);
    }
}
