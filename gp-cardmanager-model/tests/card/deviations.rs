//! Deviations of real cards: what the card says, octet by octet, and what the host makes of it: the result that it would
//! have had, or a refusal that says what is the matter.

#![cfg(feature = "deviations")]

use crate::{content, kit};
use core::convert::Infallible;
use core::num::NonZeroU8;
use std::collections::BTreeSet;

use content::{APP, FILE, MODULE, OTHER, SSD, SSD2};
use gp_apdu::{LogicalChannel, Response, StatusWord, Transport, ins};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::{Deviation, Deviations, OpenError, Profile};
use gp_cardmanager_model::card_data::SecureChannelProtocol;
use gp_cardmanager_model::cplc::Cplc;
use gp_cardmanager_model::delete;
use gp_cardmanager_model::entry::Entry;
use gp_cardmanager_model::fci;
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::{
    Authenticate, CreateSecurityDomain, DekProof, Delete, Discover, Error, Fact, Failure, GetData, GetStatus, Guard,
    Host, Install, Lengths, Load, NewKeys, Opened, Origin, PutKeys, Refusal, Rotate, Rotation, Select, SetStatus,
    Warning, run,
};
use gp_cardmanager_model::install::{self, ForInstall, ForLoad};
use gp_cardmanager_model::key_info::KeyEntry;
use gp_cardmanager_model::lifecycle::CardLifeCycle;
use gp_cardmanager_model::load_file::{Content, LoadFile};
use gp_cardmanager_model::privileges::Privileges;
use gp_scp03::{
    Challenge, ChallengePolicy, ChallengeVerdict, Implementation, Initiator, KeyId, Quirks, SecureChannel,
    SecurityLevel, SequenceCounter,
};
use kit::{Bench, ISD, KVN, TestCard, Wire, factory, factory_keys, hex, key_set, keys_from, lv, say, tlv};

// ---- the two ends --------------------------------------------------------------------------------------------------

/// The card, and what was sent to it.
struct Link<'c, 'm> {
    card: &'c mut TestCard<'m>,
    sent: Vec<Vec<u8>>,
}

impl Transport for Link<'_, '_> {
    type Error = Infallible;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Infallible> {
        self.sent.push(command.to_vec());
        let answer = self.card.transmit(command);
        response[..answer.len()].copy_from_slice(&answer);
        Ok(answer.len())
    }
}

impl Link<'_, '_> {
    fn count(&self, instruction: u8) -> usize {
        self.sent.iter().filter(|command| command[1] == instruction).count()
    }
}

/// A host of this name, and a link of this name to the card.
macro_rules! host {
    ($host:ident, $link:ident, $card:expr) => {
        let (mut command, mut response) = ([0; 700], [0; 700]);
        #[allow(unused_mut, reason = "some tests only look")]
        let mut $host = Host::new(&mut command, &mut response, ());
        #[allow(unused_mut, reason = "some tests only look")]
        let mut $link = Link { card: &mut $card, sent: Vec::new() };
    };
}

/// A card that deviates so.
fn bench(deviations: &[Deviation]) -> Bench {
    let mut bench = Bench::new();
    deviate(&mut bench, deviations);
    bench
}

fn deviate(bench: &mut Bench, deviations: &[Deviation]) {
    bench.profile.deviations = deviations.iter().fold(Deviations::NONE, |all, deviation| all.with(*deviation));
}

/// A card that is made as specified, and deviates from then on.
fn prepared(deviations: &[Deviation], prepare: impl FnOnce(&mut TestCard<'_>)) -> Bench {
    let mut bench = Bench::new();
    prepare(&mut bench.card());
    deviate(&mut bench, deviations);
    bench
}

/// The same with an application, or with a security domain without keys.
fn with_application(card: &mut TestCard<'_>) {
    let mut host = content::session(card);
    content::load(&mut host, card);
    content::install(&mut host, card, &APP, &[0x00], "C900");
}

fn with_domain(card: &mut TestCard<'_>) {
    let mut host = content::session(card);
    content::make_domain(&mut host, card, &SSD, &hex("80"), "");
}

fn aid(octets: &[u8]) -> Aid {
    Aid::new(octets).unwrap()
}

fn open(
    host: &mut Host<'_>,
    link: &mut Link<'_, '_>,
    version: u8,
    level: SecurityLevel,
) -> Result<Opened, Error<Infallible>> {
    let keys = factory_keys();
    let task = Authenticate::new(Challenge::new(&[7; 8]).unwrap(), level, |_| Ok(&keys)).with_key_version(version);
    run(host, link, task.with_policy(ChallengePolicy::Warn(&ISD)))
}

/// What was refused, and with what.
fn refused<T: core::fmt::Debug>(result: Result<T, Error<Infallible>>) -> (u8, u16) {
    match result.unwrap_err().failure() {
        Some(Failure::Refused(Refusal { instruction, status, .. })) => (instruction, status.0),
        other => panic!("{other:?}"),
    }
}

fn failed<T: core::fmt::Debug>(result: Result<T, Error<Infallible>>) -> Failure {
    result.unwrap_err().failure().unwrap()
}

/// AID and load file of each entry.
type Names = Vec<(Option<Aid>, Option<Aid>)>;

/// What a list names, and how it ended.
fn listed(
    host: &mut Host<'_>,
    link: &mut Link<'_, '_>,
    task: impl for<'e> FnOnce(&'e mut dyn FnMut(Result<Entry<'_>, gp_tlv::Error>)) -> ListTask<'e>,
) -> (Names, Result<gp_cardmanager_model::host::Listed, Error<Infallible>>) {
    let mut entries = Vec::new();
    let mut visit = |entry: Result<Entry<'_>, gp_tlv::Error>| {
        let entry = entry.unwrap();
        entries.push((entry.aid, entry.load_file));
    };
    let outcome = run(host, link, task(&mut visit));
    (entries, outcome)
}

type ListTask<'e> = GetStatus<'static, &'e mut dyn FnMut(Result<Entry<'_>, gp_tlv::Error>)>;

fn applications<'e>(visit: &'e mut dyn FnMut(Result<Entry<'_>, gp_tlv::Error>)) -> ListTask<'e> {
    GetStatus::new(Subset::Applications, visit)
}

/// What discovery finds.
#[derive(Default)]
struct Found {
    name: Option<Aid>,
    form: fci::Form,
    warnings: Vec<Warning>,
    keys: Vec<KeyEntry>,
    broken_keys: usize,
    protocols: Vec<SecureChannelProtocol>,
    capabilities: usize,
    cplc: Option<Cplc>,
    absent: Vec<(u16, u16)>,
}

fn discover(host: &mut Host<'_>, link: &mut Link<'_, '_>) -> Found {
    let mut found = Found::default();
    let task = Discover::new(|fact| match fact {
        Fact::Selected(fci) => (found.name, found.form) = (fci.aid(), fci.form),
        Fact::CardData(data) => found.protocols = data.secure_channels.iter().map(Result::unwrap).collect(),
        Fact::Keys(keys) => {
            found.broken_keys = keys.clone().filter(Result::is_err).count();
            found.keys = keys.filter_map(Result::ok).collect();
        }
        Fact::Capability(capability) => found.capabilities = capability.secure_channels.iter().count(),
        Fact::Cplc(cplc) => found.cplc = Some(cplc),
        Fact::Absent { tag, refusal } => found.absent.push((tag, refusal.status.0)),
        Fact::Warning(warning) => found.warnings.push(warning),
        _ => {}
    });
    run(host, link, task).unwrap();
    found
}

// ---- selection -----------------------------------------------------------------------------------------------------

const SELECT_ISD: &str = "00A4040008 A000000151000000 00";

#[test]
fn an_empty_select_is_refused() {
    for (deviation, status) in [(Deviation::EmptySelectNotFound, 0x6A82), (Deviation::EmptySelectWrongLc, 0x6A87)] {
        let mut bench = bench(&[deviation]);
        let mut card = bench.card();
        assert_eq!(say(&mut card, "00A4040000"), (vec![], status));
        assert_eq!(say(&mut card, SELECT_ISD).1, 0x9000);
        host!(host, link, card);
        assert_eq!(refused(run(&mut host, &mut link, Select::issuer_security_domain())), (ins::SELECT, status));
        // Discovery notes it, and goes on with what is selected otherwise.
        let found = discover(&mut host, &mut link);
        assert_eq!(found.warnings, [Warning::SelectRefused(Refusal::new(ins::SELECT, StatusWord(status)))]);
        assert_eq!((found.keys.len(), found.capabilities), (3, 1));
        run(&mut host, &mut link, Select::aid(&Aid::ISSUER_SECURITY_DOMAIN)).unwrap();
        open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    }
}

#[test]
fn select_answers_a_bare_aid() {
    let mut bench = bench(&[Deviation::BareAid]);
    let mut card = bench.card();
    assert_eq!(say(&mut card, "00A4040000"), (ISD.to_vec(), 0x9000));
    host!(host, link, card);
    let found = discover(&mut host, &mut link);
    assert_eq!((found.name, found.form), (Some(Aid::ISSUER_SECURITY_DOMAIN), fci::Form::BareAid));
    assert_eq!(found.warnings, [Warning::UnusualFci(fci::Form::BareAid)]);
}

#[test]
fn select_answers_an_aid_without_octets() {
    let mut bench = bench(&[Deviation::NoAid]);
    let mut card = bench.card();
    assert_eq!(say(&mut card, "00A4040000"), (hex("6F08 8400 A504 9F6501FF"), 0x9000));
    host!(host, link, card);
    let found = discover(&mut host, &mut link);
    assert_eq!((found.name, found.form), (None, fci::Form::Template));
    assert_eq!(found.warnings, [Warning::NoAid]);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
}

#[test]
fn the_fci_has_objects_that_nobody_knows() {
    let plain = say(&mut Bench::new().card(), SELECT_ISD).0;
    let mut bench = bench(&[Deviation::UnknownFciObjects]);
    let mut card = bench.card();
    let (octets, status) = say(&mut card, SELECT_ISD);
    assert_eq!(status, 0x9000);
    let inner = &plain[14..];
    let more = hex("9F6E064051 63052D00 6502DF01 6600");
    let name = tlv(0x84, &ISD);
    let proprietary = tlv(0xA5, &[inner, &more].concat());
    assert_eq!(octets, tlv(0x6F, &[&name[..], &proprietary, &hex("6603DF0203")].concat()));
    host!(host, link, card);
    let selected = run(&mut host, &mut link, Select::issuer_security_domain()).unwrap();
    let fci = selected.fci().unwrap();
    assert_eq!((fci.aid(), fci.max_command_data), (Some(Aid::ISSUER_SECURITY_DOMAIN), Some(255)));
    assert!(fci.recognition_data().unwrap().is_some());
}

#[test]
fn select_needs_le() {
    let mut bench = bench(&[Deviation::SelectNeedsLe]);
    let mut card = bench.card();
    assert_eq!(say(&mut card, "00A40400"), (vec![], 0x6700));
    assert_eq!(say(&mut card, "00A4040008 A000000151000000"), (vec![], 0x6700));
    // The host always asks for an answer.
    host!(host, link, card);
    run(&mut host, &mut link, Select::issuer_security_domain()).unwrap();
    run(&mut host, &mut link, Select::aid(&Aid::ISSUER_SECURITY_DOMAIN)).unwrap();
    assert!(link.sent.iter().all(|command| command.last() == Some(&0x00)));
}

// ---- data objects --------------------------------------------------------------------------------------------------

#[test]
fn lengths_take_more_octets_than_they_need() {
    let plain = say(&mut Bench::new().card(), SELECT_ISD).0;
    let mut bench = bench(&[Deviation::LongLengths]);
    let mut card = bench.card();
    let length = plain.len() - 2;
    assert_eq!(say(&mut card, SELECT_ISD).0, [&[0x6F, 0x82, 0x00, length as u8], &plain[2..]].concat());
    let (keys, _) = say(&mut card, "80CA00E000");
    assert_eq!(keys[..6], hex("E0820012 C004"));
    host!(host, link, card);
    let found = discover(&mut host, &mut link);
    assert_eq!((found.name, found.keys.len(), found.capabilities), (Some(Aid::ISSUER_SECURITY_DOMAIN), 3, 1));
    assert_eq!((found.warnings, found.protocols.len()), (vec![], 1));
}

#[test]
fn card_capability_information_is_in_itself() {
    let plain = say(&mut Bench::new().card(), "80CA006700").0;
    let mut bench = bench(&[Deviation::CapabilityTwice]);
    let mut card = bench.card();
    assert_eq!(say(&mut card, "80CA006700"), (tlv(0x67, &plain), 0x9000));
    host!(host, link, card);
    let found = discover(&mut host, &mut link);
    assert_eq!((found.capabilities, found.warnings), (1, vec![]));
    drop(card);
    // One that is longer than 127 octets, with the length of two octets.
    bench.flash = kit::Shared::new(512);
    let value: &'static [u8] = Box::leak(tlv(0x83, &[0x02; 130]).into_boxed_slice());
    bench.profile.capability = value;
    let mut card = bench.card();
    assert_eq!(say(&mut card, "80CA006700").0, tlv(0x67, &tlv(0x67, value)));
}

#[test]
fn absent_objects_have_other_status_words() {
    for (deviation, status) in [(Deviation::AbsentData6985, 0x6985), (Deviation::AbsentData6E00, 0x6E00)] {
        let mut bench = bench(&[deviation]);
        let mut card = bench.card();
        assert_eq!(say(&mut card, "80CA9F7F00"), (vec![], status));
        assert_eq!(say(&mut card, "00CA9F7F00"), (vec![], status));
        assert_eq!(say(&mut card, "80CA006600").1, 0x9000);
        host!(host, link, card);
        let found = discover(&mut host, &mut link);
        assert_eq!(found.absent, [(0x9F7F, status), (0x0042, status), (0x0045, status)]);
        assert_eq!(found.warnings, []);
        assert_eq!(refused(run(&mut host, &mut link, GetData::CPLC)), (ins::GET_DATA, status));
    }
}

#[test]
fn production_data_come_under_the_iso_class_only() {
    let mut bench = bench(&[Deviation::CplcIsoClassOnly]);
    let cplc: [u8; 42] = core::array::from_fn(|at| at as u8);
    bench.profile.cplc = Some(cplc);
    let mut card = bench.card();
    assert_eq!(say(&mut card, "80CA9F7F00"), (vec![], 0x6A88));
    assert_eq!(say(&mut card, "00CA9F7F00"), (cplc.to_vec(), 0x9000));
    host!(host, link, card);
    let found = discover(&mut host, &mut link);
    assert_eq!(found.warnings, [Warning::IsoClassOnly { tag: 0x9F7F }]);
    assert_eq!(found.cplc.unwrap().value(), cplc);
}

// ---- key information -----------------------------------------------------------------------------------------------

#[test]
fn key_information_calls_aes_keys_des() {
    let mut bench = bench(&[Deviation::KeysShownAsDes]);
    let mut card = bench.card();
    assert_eq!(say(&mut card, "80CA00E000"), (hex("E012 C00401308010 C00402308010 C00403308010"), 0x9000));
    host!(host, link, card);
    let found = discover(&mut host, &mut link);
    assert!(found.keys.iter().all(|key| key.components.as_slice()[0].key_type == 0x80));
    // The keys of the caller count, not what the card says of them.
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
}

#[test]
fn key_information_mixes_its_forms() {
    let mut bench = bench(&[Deviation::KeyInformationMixed]);
    let mut card = bench.card();
    let expected = hex("E018 C00401308810 C00A0230FF88001001340100 C00403308810");
    assert_eq!(say(&mut card, "80CA00E000"), (expected, 0x9000));
    host!(host, link, card);
    let found = discover(&mut host, &mut link);
    assert_eq!((found.broken_keys, found.warnings), (0, vec![]));
    let seen: Vec<_> = found.keys.iter().map(|key| (key.key_identifier, key.attributes.is_some())).collect();
    assert_eq!(seen, [(1, false), (2, true), (3, false)]);
}

#[test]
fn key_information_begins_with_an_empty_entry() {
    let mut bench = prepared(&[Deviation::KeyInformationEmptyEntry], with_domain);
    let mut card = bench.card();
    assert_eq!(say(&mut card, "80CA00E000"), (hex("E014 C000 C00401308810 C00402308810 C00403308810"), 0x9000));
    host!(host, link, card);
    let found = discover(&mut host, &mut link);
    assert_eq!((found.keys.len(), found.broken_keys), (3, 0));
    // A fresh security domain.
    run(&mut host, &mut link, Select::aid(&aid(&SSD))).unwrap();
    let fresh = run(&mut host, &mut link, GetData::KEY_INFORMATION).unwrap();
    assert_eq!(fresh.data, hex("E002 C000"));
    drop(card);
    bench.profile.deviations = Deviations::NONE;
    let mut card = bench.card();
    kit::select(&mut card, &SSD);
    assert_eq!(say(&mut card, "80CA00E000"), (hex("E000"), 0x9000), "a template without entries is the default");
}

// ---- opening a session ---------------------------------------------------------------------------------------------

const INITIALIZE: &str = "8050000008 0707070707070707 00";

#[test]
fn the_answer_names_the_other_mode() {
    let mut bench = bench(&[Deviation::OtherModeInAnswer]);
    let mut card = bench.card();
    let (answer, status) = say(&mut card, INITIALIZE);
    assert_eq!((answer.len(), &answer[10..13], status), (32, &hex("300371")[..], 0x9000));
    host!(host, link, card);
    let failure = failed(open(&mut host, &mut link, KVN, SecurityLevel::Full));
    assert_eq!(failure, Failure::Channel(gp_scp03::Error::Malformed));
    assert_eq!((link.count(ins::INITIALIZE_UPDATE), link.count(ins::EXTERNAL_AUTHENTICATE)), (1, 0));
}

#[test]
fn the_answer_has_a_counter_against_i() {
    for (i, length) in [(0x70, 29), (0x60, 32)] {
        let mut bench = bench(&[Deviation::CounterAgainstI]);
        bench.profile.implementation = Implementation::new(i);
        let mut card = bench.card();
        let (answer, status) = say(&mut card, INITIALIZE);
        assert_eq!((answer.len(), answer[12], status), (length, i, 0x9000));
        host!(host, link, card);
        let failure = failed(open(&mut host, &mut link, KVN, SecurityLevel::Full));
        assert_eq!(failure, Failure::Channel(gp_scp03::Error::Malformed));
        assert_eq!(link.count(ins::EXTERNAL_AUTHENTICATE), 0);
    }
}

#[test]
fn the_card_challenge_is_random_against_i() {
    let mut bench = bench(&[Deviation::RandomChallenge]);
    let dice = bench.dice.clone();
    let mut card = bench.card();
    let (answer, _) = say(&mut card, INITIALIZE);
    assert_eq!((answer[12], &answer[29..32], dice.drawn()), (0x70, &[0, 0, 1][..], 1));
    let expected = pseudo_random(&answer[29..32]);
    assert_ne!(answer[13..21], *expected.octets());
    host!(host, link, card);
    let opened = open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    assert_eq!(opened.challenge, ChallengeVerdict::Differs);
    // Whoever requires what `i` announces gets no session.
    let keys = factory_keys();
    let task = Authenticate::new(Challenge::new(&[8; 8]).unwrap(), SecurityLevel::Full, |_| Ok(&keys));
    let failure = failed(run(&mut host, &mut link, task.with_policy(ChallengePolicy::Require(&ISD))));
    assert_eq!(failure, Failure::Channel(gp_scp03::Error::CardChallenge));
    assert_eq!(link.count(ins::EXTERNAL_AUTHENTICATE), 1);
}

fn pseudo_random(sequence: &[u8]) -> Challenge {
    let sequence = SequenceCounter::new(sequence.try_into().unwrap());
    Challenge::pseudo_random(&mut factory_keys(), gp_scp03::Mode::S8, sequence, &ISD).unwrap()
}

#[test]
fn the_default_version_speaks_another_protocol() {
    let mut bench = bench(&[Deviation::DefaultIsScp02]);
    let mut card = bench.card();
    let (answer, status) = say(&mut card, INITIALIZE);
    assert_eq!((answer.len(), &answer[10..12], status), (28, &[0x20, 0x02][..], 0x9000));
    assert_eq!(say(&mut card, "8482010010 00000000000000000000000000000000").1, 0x6982, "and opens nothing");
    host!(host, link, card);
    let failure = failed(open(&mut host, &mut link, 0, SecurityLevel::Full));
    assert_eq!(failure, Failure::Channel(gp_scp03::Error::OtherProtocol(0x02)));
    assert_eq!(link.sent.len(), 1, "no other protocol and no other version is tried");
    assert_eq!(open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap().info.key_version, KVN);
}

#[test]
fn a_locked_card_refuses_initialize_update() {
    for (deviation, status) in [(Deviation::Locked6982, 0x6982), (Deviation::Locked6983, 0x6983)] {
        let mut bench = prepared(&[deviation], |card| {
            let mut host = content::session(card);
            assert_eq!(host.status(card, [0x80, 0xF0, 0x80, 0x7F], &ISD), 0x9000);
        });
        let mut card = bench.card();
        assert_eq!(say(&mut card, INITIALIZE), (vec![], status));
        host!(host, link, card);
        assert!(run(&mut host, &mut link, Select::issuer_security_domain()).unwrap().card_locked);
        let keys = factory_keys();
        let mut guard = Guard::new(1);
        let task = Authenticate::new(Challenge::new(&[8; 8]).unwrap(), SecurityLevel::Full, |_| Ok(&keys));
        let outcome = run(&mut host, &mut link, task.guarded(&mut guard));
        assert_eq!(
            failed(outcome).to_string(),
            format!("INITIALIZE UPDATE was refused with {status:04X}: the security domain is blocked or locked")
        );
        assert_eq!((guard.failures(), link.count(ins::EXTERNAL_AUTHENTICATE)), (0, 0));
        drop(card);
        // The specified card can be unlocked.
        bench.profile.deviations = Deviations::NONE;
        let mut card = bench.card();
        host!(host, link, card);
        open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
        run(&mut host, &mut link, SetStatus::card(CardLifeCycle::Secured)).unwrap();
    }
}

#[test]
fn the_initial_version_cannot_be_named() {
    let initial = || Bench::with(factory(vec![key_set(0xFF, factory_keys(), [0; 3])]));
    let mut bench = initial();
    deviate(&mut bench, &[Deviation::InitialVersionUnnamed]);
    let mut card = bench.card();
    assert_eq!(say(&mut card, "80CA00E000").0[4..8], hex("01FF8810"), "the version that the card shows");
    assert_eq!(say(&mut card, "8050FF0008 0707070707070707 00"), (vec![], 0x6A86));
    assert_eq!(say(&mut card, INITIALIZE).1, 0x9000);
    host!(host, link, card);
    assert_eq!(discover(&mut host, &mut link).warnings, [Warning::InitialKeys]);
    // The host asks for it as 00.
    let opened = open(&mut host, &mut link, 0xFF, SecurityLevel::Full).unwrap();
    assert_eq!(opened.info.key_version, 0xFF);
    let asked = link.sent.iter().find(|command| command[1] == ins::INITIALIZE_UPDATE).unwrap();
    assert_eq!(asked[2], 0x00);
    // And takes no other version for it.
    let mut bench = Bench::new();
    let mut card = bench.card();
    host!(host, link, card);
    let failure = failed(open(&mut host, &mut link, 0xFF, SecurityLevel::Full));
    assert_eq!(failure, Failure::Channel(gp_scp03::Error::OtherKeyVersion(KVN)));
    assert_eq!((link.sent.len(), link.sent[0][2]), (1, 0x00));
}

/// Two key sets, of which the factory's is deleted.
fn without_factory_set(card: &mut TestCard<'_>) {
    let mut host = content::session(card);
    let new = factory_keys();
    let data = kit::key_data(new.dek(), 0x31, &[KeyId::Enc, KeyId::Mac, KeyId::Dek].map(|id| new.key(id)));
    assert_eq!(host.status(card, [0x80, 0xD8, 0x00, 0x81], &data), 0x9000);
    kit::select(card, &[]);
    let mut host = kit::Host::open(card, 0x31, SecurityLevel::CMac).unwrap();
    assert_eq!(host.status(card, [0x80, 0xE4, 0x00, 0x00], &hex("D20130")), 0x9000);
}

#[test]
fn the_default_version_dangles_after_deletion() {
    let mut bench = prepared(&[Deviation::DefaultVersionDangles], without_factory_set);
    let mut card = bench.card();
    assert_eq!(say(&mut card, INITIALIZE), (vec![], 0x6A88));
    assert_eq!(say(&mut card, "8050310008 0707070707070707 00").1, 0x9000);
    host!(host, link, card);
    assert_eq!(refused(open(&mut host, &mut link, 0, SecurityLevel::Full)), (ins::INITIALIZE_UPDATE, 0x6A88));
    // The version that key information tells.
    let version = discover(&mut host, &mut link).keys[0].key_version;
    assert_eq!(version, 0x31);
    open(&mut host, &mut link, version, SecurityLevel::Full).unwrap();
    drop(card);
    // Before the deletion there is nothing to see.
    let mut bench = self::bench(&[Deviation::DefaultVersionDangles]);
    assert_eq!(say(&mut bench.card(), INITIALIZE).1, 0x9000);
}

#[test]
fn keys_of_the_domain_above_are_inherited_or_not() {
    for (deviations, inherited) in [(&[][..], true), (&[Deviation::NoInheritedKeys], false)] {
        let mut bench = prepared(deviations, with_domain);
        let mut card = bench.card();
        kit::select(&mut card, &SSD);
        assert_eq!(say(&mut card, INITIALIZE).1, if inherited { 0x9000 } else { 0x6A88 });
        host!(host, link, card);
        run(&mut host, &mut link, Select::aid(&aid(&SSD))).unwrap();
        let outcome = open(&mut host, &mut link, 0, SecurityLevel::Full);
        if inherited {
            assert_eq!(outcome.unwrap().info.key_version, KVN);
        } else {
            assert_eq!(refused(outcome), (ins::INITIALIZE_UPDATE, 0x6A88));
        }
        run(&mut host, &mut link, Select::issuer_security_domain()).unwrap();
        open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    }
}

// ---- keys ----------------------------------------------------------------------------------------------------------

#[test]
fn check_values_are_over_zeros() {
    let mut bench = bench(&[Deviation::ZeroCheckValues]);
    let mut card = bench.card();
    let new = keys_from(0x77, 16);
    let ids = [KeyId::Enc, KeyId::Mac, KeyId::Dek];
    let data = kit::key_data(factory_keys().dek(), 0x31, &ids.map(|id| new.key(id)));
    let (answer, status) = content::session(&mut card).send(&mut card, [0x80, 0xD8, 0x00, 0x81], &data);
    let mut expected = vec![0x31];
    for id in ids {
        let mut block = [0; 16];
        new.key(id).encrypt_sensitive(&mut block).unwrap();
        expected.extend(&block[..3]);
        assert_ne!(block[..3], new.key(id).kcv());
    }
    assert_eq!((answer, status), (expected, 0x9000));
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    let (next, old) = (keys_from(0x78, 16), factory_keys());
    let put = run(&mut host, &mut link, PutKeys::add(0x32, NewKeys::Set(&next), old.dek())).unwrap();
    assert!(put.zero_block_check_values && put.origin == Origin::Authentic);
    assert_eq!(put.version, 0x32);
    // The keys are the right ones, and a rotation goes through.
    let mut number = 0;
    let fresh = || {
        number += 1;
        Ok(Challenge::new(&[number; 8])?)
    };
    let rotation = Rotation::add(KVN, 0x33, &new);
    let rotate = Rotate::new(rotation, &old, &new, SecurityLevel::Full, fresh, |_| Ok(()));
    assert!(run(&mut host, &mut link, rotate).unwrap().is_finished());
    drop(card);
    // A check value that is neither is refused by the host.
    bench.profile.deviations = Deviations::NONE;
    let mut card = bench.card();
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    let put = run(&mut host, &mut link, PutKeys::add(0x34, NewKeys::Set(&next), old.dek())).unwrap();
    assert!(!put.zero_block_check_values);
}

#[test]
fn keys_are_added_and_never_replaced() {
    let mut bench = bench(&[Deviation::NoKeyReplacement]);
    let mut card = bench.card();
    let (new, old) = (keys_from(0x77, 16), factory_keys());
    let data = kit::key_data(old.dek(), KVN, &[KeyId::Enc, KeyId::Mac, KeyId::Dek].map(|id| new.key(id)));
    assert_eq!(content::session(&mut card).status(&mut card, [0x80, 0xD8, KVN, 0x81], &data), 0x6A86);
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    let replace = PutKeys::replace(KVN, KVN, NewKeys::Set(&new), old.dek());
    assert_eq!(refused(run(&mut host, &mut link, replace)), (ins::PUT_KEY, 0x6A86));
    assert_eq!(link.count(ins::PUT_KEY), 1, "adding is not tried in its place");
    let mut number = 0;
    let mut fresh = || {
        number += 1;
        Ok(Challenge::new(&[number; 8])?)
    };
    let add = Rotation::add(KVN, 0x31, &new);
    let rotate = Rotate::new(add, &old, &new, SecurityLevel::Full, &mut fresh, |_| Ok(())).with_proof(DekProof::None);
    assert!(run(&mut host, &mut link, rotate).unwrap().is_finished());
}

#[test]
fn keys_are_deleted_by_version_alone() {
    let mut bench = prepared(&[Deviation::NoKeyDeletionByIdentifier], |card| {
        let mut host = content::session(card);
        let new = keys_from(0x77, 16);
        let data =
            kit::key_data(factory_keys().dek(), 0x31, &[KeyId::Enc, KeyId::Mac, KeyId::Dek].map(|id| new.key(id)));
        assert_eq!(host.status(card, [0x80, 0xD8, 0x00, 0x81], &data), 0x9000);
    });
    let mut card = bench.card();
    assert_eq!(content::session(&mut card).status(&mut card, [0x80, 0xE4, 0, 0], &hex("D00101D20131")), 0x6A88);
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    assert_eq!(refused(run(&mut host, &mut link, Delete::key(0x31, 1))), (ins::DELETE, 0x6A88));
    run(&mut host, &mut link, Delete::key_version(0x31)).unwrap();
    assert_eq!(discover(&mut host, &mut link).keys.len(), 3);
}

// ---- the registry --------------------------------------------------------------------------------------------------

#[test]
fn a_security_domain_is_not_deleted_with_related_objects() {
    let mut bench = prepared(&[Deviation::NoCascade], |card| {
        with_domain(card);
        with_application(card);
    });
    let mut card = bench.card();
    let related = tlv(0x4F, &SSD);
    assert_eq!(content::session(&mut card).status(&mut card, [0x80, 0xE4, 0x00, 0x80], &related), 0x6A86);
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    let outcome = run(&mut host, &mut link, Delete::related(aid(&SSD)));
    assert_eq!(failed(outcome).to_string(), "DELETE was refused with 6A86: the card does not delete related objects");
    assert_eq!(link.count(ins::DELETE), 1, "it is not tried without");
    run(&mut host, &mut link, Delete::new(delete::Delete::content(aid(&SSD), false))).unwrap();
    run(&mut host, &mut link, Delete::related(aid(&FILE))).unwrap();
}

#[test]
fn get_status_knows_the_old_form_alone() {
    let mut bench = prepared(&[Deviation::NoStatusTemplates], with_application);
    let mut card = bench.card();
    let mut session = content::session(&mut card);
    assert_eq!(session.send(&mut card, [0x80, 0xF2, 0x40, 0x02], &[0x4F, 0x00]), (vec![], 0x6A86));
    let old = [&lv(&APP)[..], &[0x07, 0x00]].concat();
    assert_eq!(session.send(&mut card, [0x80, 0xF2, 0x40, 0x00], &[0x4F, 0x00]), (old, 0x9000));
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    // By itself the host tries no other form.
    let before = link.sent.len();
    let (_, outcome) = listed(&mut host, &mut link, |visit| applications(visit));
    assert_eq!((refused(outcome), link.sent.len() - before), ((ins::GET_STATUS, 0x6A86), 1));
    let (entries, outcome) = listed(&mut host, &mut link, |visit| applications(visit).legacy());
    assert_eq!((entries, outcome.unwrap().legacy), (vec![(Some(aid(&APP)), None)], true));
    // When it is told to, it does so once.
    let before = link.sent.len();
    let (entries, outcome) = listed(&mut host, &mut link, |visit| applications(visit).or_legacy());
    let outcome = outcome.unwrap();
    assert_eq!(entries, [(Some(aid(&APP)), None)]);
    assert_eq!((outcome.legacy, outcome.pages, outcome.origin), (true, 1, Origin::Authentic));
    assert_eq!(link.sent.len() - before, 2);
    drop(card);
    bench.profile.deviations = Deviations::NONE;
    let mut card = bench.card();
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    let (entries, outcome) = listed(&mut host, &mut link, |visit| applications(visit).or_legacy());
    assert_eq!((entries, outcome.unwrap().legacy), (vec![(Some(aid(&APP)), Some(aid(&FILE)))], false));
}

#[test]
fn modules_are_not_listed() {
    let mut bench = prepared(&[Deviation::NoModuleListing], with_application);
    let mut card = bench.card();
    let mut session = content::session(&mut card);
    for p2 in [0x00, 0x02] {
        assert_eq!(session.send(&mut card, [0x80, 0xF2, 0x10, p2], &[0x4F, 0x00]), (vec![], 0x6A86));
    }
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    let before = link.sent.len();
    let (_, outcome) =
        listed(&mut host, &mut link, |visit| GetStatus::new(Subset::LoadFilesAndModules, visit).or_legacy());
    assert_eq!((refused(outcome), link.sent.len() - before), ((ins::GET_STATUS, 0x6A86), 2), "in neither form");
    let (entries, _) = listed(&mut host, &mut link, |visit| GetStatus::new(Subset::LoadFiles, visit));
    assert_eq!(entries.len(), 2);
}

#[test]
fn an_empty_list_is_a_function_that_is_not_supported() {
    let mut bench = bench(&[Deviation::EmptyList6A81]);
    let mut card = bench.card();
    let mut session = content::session(&mut card);
    assert_eq!(session.send(&mut card, [0x80, 0xF2, 0x40, 0x02], &[0x4F, 0x00]), (vec![], 0x6A81));
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    // That could mean anything: the host does not call it an empty list.
    let (entries, outcome) = listed(&mut host, &mut link, |visit| applications(visit));
    assert_eq!((entries, refused(outcome)), (vec![], (ins::GET_STATUS, 0x6A81)));
    drop(card);
    bench.profile.deviations = Deviations::NONE;
    let mut card = bench.card();
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    let (entries, outcome) = listed(&mut host, &mut link, |visit| applications(visit));
    assert_eq!((entries.len(), outcome.unwrap().entries), (0, 0));
}

/// Six applications.
fn with_applications(card: &mut TestCard<'_>) {
    let mut host = content::session(card);
    content::load(&mut host, card);
    for number in 1..=6 {
        content::install(&mut host, card, &[0xD2, 0x76, 0, 0, 1, 0xAA, number], &[0x00], "C900");
    }
}

#[test]
fn pages_are_cut_in_the_middle_of_an_entry() {
    let whole = {
        let mut bench = prepared(&[], with_applications);
        let mut card = bench.card();
        content::session(&mut card).listed(&mut card, 0x40).0
    };
    for limit in [1, 3, 17, 40, 41, 100] {
        let mut bench = prepared(&[Deviation::PagesCutAnywhere], with_applications);
        bench.profile.status_limit = limit;
        let mut card = bench.card();
        let mut session = content::session(&mut card);
        let (page, status) = session.send(&mut card, [0x80, 0xF2, 0x40, 0x02], &[0x4F, 0x00]);
        assert_eq!((&page[..], status), (&whole[..limit], 0x6310));
        let (page, _) = session.send(&mut card, [0x80, 0xF2, 0x40, 0x03], &[0x4F, 0x00]);
        assert_eq!(page, whole[limit..(2 * limit).min(whole.len())]);
        host!(host, link, card);
        open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
        let (entries, outcome) = listed(&mut host, &mut link, |visit| applications(visit));
        let outcome = outcome.unwrap();
        assert_eq!((entries.len(), outcome.errors, outcome.origin), (6, 0, Origin::Authentic), "{limit}");
        assert_eq!(usize::from(outcome.pages), whole.len().div_ceil(limit));
    }
}

#[test]
fn entries_are_damaged() {
    let mut bench = prepared(&[Deviation::DamagedEntries], with_application);
    let mut card = bench.card();
    let mut session = content::session(&mut card);
    let (applications_now, _) = session.listed(&mut card, 0x40);
    let inner = [tlv(0x4F, &APP), hex("9F700107 C503000000 C400"), tlv(0xCC, &ISD)].concat();
    assert_eq!(applications_now, tlv(0xE3, &inner));
    let (files, _) = session.listed(&mut card, 0x20);
    assert!(files.windows(4).any(|octets| octets == hex("CE020000")));
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    let (entries, outcome) = listed(&mut host, &mut link, |visit| applications(visit));
    assert_eq!((entries, outcome.unwrap().errors), (vec![(Some(aid(&APP)), None)], 0));
    let mut versions = Vec::new();
    let files = GetStatus::new(Subset::LoadFiles, |entry| {
        versions.push(entry.unwrap().load_file_version.map(<[u8]>::to_vec));
    });
    assert_eq!(run(&mut host, &mut link, files).unwrap().errors, 0);
    assert_eq!(versions, [Some(vec![0, 0]), Some(vec![0, 0])]);
}

#[test]
fn more_data_is_fetched_by_get_response() {
    let mut bench = prepared(&[Deviation::MoreDataFetched], with_applications);
    bench.profile.status_limit = 100;
    let mut card = bench.card();
    let mut session = content::session(&mut card);
    assert_eq!(session.send(&mut card, [0x80, 0xF2, 0x40, 0x02], &[0x4F, 0x00]), (vec![], 0x6310));
    let (data, status) = say(&mut card, "00C0000000");
    assert_eq!((data[0], status), (0xE3, 0x6310));
    assert_eq!(say(&mut card, "00C0000000").1, 0x6982, "it is handed out once; then this is an unprotected command");
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::CMac).unwrap();
    let (entries, outcome) = listed(&mut host, &mut link, |visit| applications(visit).fetching_after_6310());
    assert_eq!((entries.len(), outcome.unwrap().errors), (6, 0));
    assert!(link.count(ins::GET_RESPONSE) > 0);
    // Under R-MAC a bare 6310 vouches for nothing.
    open(&mut host, &mut link, KVN, SecurityLevel::CMacRMac).unwrap();
    let (entries, outcome) = listed(&mut host, &mut link, |visit| applications(visit).fetching_after_6310());
    assert_eq!((entries, failed(outcome)), (vec![], Failure::Channel(gp_scp03::Error::Security)));
    assert!(host.slot().is_dead());
}

#[test]
fn more_data_without_r_mac_ends_the_session() {
    let mut bench = prepared(&[Deviation::MoreDataUnprotected], with_applications);
    bench.profile.status_limit = 100;
    let mut card = bench.card();
    let mut session = kit::Host::open(&mut card, KVN, SecurityLevel::Full).unwrap();
    let command = session.wrap([0x80, 0xF2, 0x40, 0x02], &[0x4F, 0x00]).remove(0);
    assert_eq!(card.transmit(&command), [0x63, 0x10]);
    host!(host, link, card);
    for level in [SecurityLevel::CMacRMac, SecurityLevel::CMacCDecryptionRMac, SecurityLevel::Full] {
        open(&mut host, &mut link, KVN, level).unwrap();
        let before = link.sent.len();
        let (entries, outcome) = listed(&mut host, &mut link, |visit| applications(visit));
        assert_eq!((entries, failed(outcome)), (vec![], Failure::Channel(gp_scp03::Error::Security)));
        assert!(host.slot().is_dead());
        assert_eq!(link.sent.len() - before, 1);
    }
    // At a lower level, which the caller may choose, all is there.
    open(&mut host, &mut link, KVN, SecurityLevel::CMac).unwrap();
    let (entries, _) = listed(&mut host, &mut link, |visit| applications(visit));
    assert_eq!(entries.len(), 6);
}

// ---- content -------------------------------------------------------------------------------------------------------

fn for_install<'a>(name: &[u8], privileges: &'a [u8], parameters: &'a [u8]) -> install::Install<'a> {
    install::Install::InstallAndMakeSelectable(ForInstall {
        load_file: Some(aid(&FILE)),
        module: Some(aid(&MODULE)),
        application: aid(name),
        privileges,
        parameters,
        token: &[],
    })
}

#[test]
fn privileges_have_one_octet() {
    let mut bench = prepared(&[Deviation::ShortPrivileges], with_application);
    let mut card = bench.card();
    let mut session = content::session(&mut card);
    let fields: [&[u8]; 6] = [&FILE, &MODULE, &OTHER, &[0, 0, 0], &hex("C900"), &[]];
    assert_eq!(session.install(&mut card, 0x0C, 0x00, &fields).1, 0x6A80);
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    // The host writes one octet where that says all.
    let (file, module) = (aid(&content::DOMAIN_FILE), aid(&content::DOMAIN_MODULE));
    run(&mut host, &mut link, CreateSecurityDomain::new(file, module, aid(&SSD))).unwrap();
    let needs_three = CreateSecurityDomain::new(file, module, aid(&SSD2))
        .with_privileges(Privileges::TRUSTED_PATH | Privileges::AUTHORIZED_MANAGEMENT);
    assert_eq!(refused(run(&mut host, &mut link, needs_three)), (ins::INSTALL, 0x6A80));
    run(&mut host, &mut link, Install::new(for_install(&OTHER, &[0x00], &hex("C900")))).unwrap();
}

#[test]
fn lengths_before_parameters_have_one_octet() {
    let mut bench = prepared(&[Deviation::OneOctetLengths], with_application);
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let own = [0x5A; 0x90];
    let parameters = tlv(0xC9, &own);
    assert_eq!(parameters.len(), 0x93);
    let head = kit::install_fields(&[&FILE, &MODULE, &OTHER, &[0x00]]);
    let ber = [&head[..], &[0x81, 0x93], &parameters, &[0x00]].concat();
    let old = [&head[..], &[0x93], &parameters, &[0x00]].concat();
    let mut session = content::session(&mut card);
    assert_eq!(session.status(&mut card, [0x80, 0xE6, 0x0C, 0x00], &ber), 0x6A80);
    assert_eq!(session.status(&mut card, [0x80, 0xE6, 0x0C, 0x00], &old), 0x9000);
    assert_eq!(session.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &OTHER)), 0x9000);
    desk.take_events();
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::CMac).unwrap();
    let install = Install::new(for_install(&OTHER, &[0x00], &parameters));
    assert_eq!(refused(run(&mut host, &mut link, install)), (ins::INSTALL, 0x6A80));
    run(&mut host, &mut link, install.with_one_octet_lengths()).unwrap();
    let sent = link.sent.last().unwrap();
    assert_eq!(sent[5..5 + old.len()], old[..]);
    let given = desk.take_events().into_iter().find_map(|event| match event {
        kit::Event::Install { parameters, .. } => Some(parameters),
        _ => None,
    });
    assert_eq!(given.as_deref(), Some(&own[..]));
    // Short fields are alike in both forms, a token of 128 octets is not, and 256 octets have none.
    let short = for_install(&APP, &[0x00], &[0xC9, 0x00]);
    let task = Install::new(short).with_one_octet_lengths();
    assert_eq!(refused(run(&mut host, &mut link, task)), (ins::INSTALL, 0x6985), "the AID is in use");
    let with_token = |token| Install::new(short.with_token(token)).with_one_octet_lengths();
    assert_eq!(refused(run(&mut host, &mut link, with_token(&[0xEE; 128]))), (ins::INSTALL, 0x6985));
    let sent = link.sent.last().unwrap();
    assert!(sent.windows(4).any(|octets| octets == [0x00, 0x80, 0xEE, 0xEE]), "{sent:02X?}");
    let failure = failed(run(&mut host, &mut link, with_token(&[0xEE; 256])));
    assert!(matches!(failure, Failure::Body(_)), "{failure:?}");
    // What is longer than it says is refused.
    let mut session = content::session(&mut card);
    for body in [&old[..old.len() - 1], &[&old[..], &[0x00]].concat(), &old[..head.len()]] {
        assert_eq!(session.status(&mut card, [0x80, 0xE6, 0x0C, 0x00], body), 0x6A80);
    }
}

#[test]
fn security_domains_share_the_rid_of_the_isd() {
    let mut bench = bench(&[Deviation::DomainsShareRid]);
    let mut card = bench.card();
    let (file, module) = (content::DOMAIN_FILE, content::DOMAIN_MODULE);
    let mut session = content::session(&mut card);
    let fields: [&[u8]; 6] = [&file, &module, &SSD, &[0x80], &hex("C900"), &[]];
    assert_eq!(session.install(&mut card, 0x0C, 0x00, &fields).1, 0x6A80);
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    let outcome = run(&mut host, &mut link, CreateSecurityDomain::new(aid(&file), aid(&module), aid(&SSD)));
    assert_eq!(
        failed(outcome).to_string(),
        "INSTALL was refused with 6A80: a parameter, privilege or AID is not acceptable"
    );
    let related = aid(&[0xA0, 0, 0, 1, 0x51, 0x77]);
    run(&mut host, &mut link, CreateSecurityDomain::new(aid(&file), aid(&module), related)).unwrap();
}

#[test]
fn load_takes_short_blocks() {
    let mut bench = bench(&[Deviation::SmallLoadBlocks]);
    let mut card = bench.card();
    assert_eq!(say(&mut card, "00A4040000").0.last(), Some(&0xFF), "the card says 255");
    let block = kit::cap_block(&FILE, &[&MODULE]);
    let mut session = content::session(&mut card);
    assert_eq!(session.install(&mut card, 0x02, 0x00, &[&FILE, &[], &[], &[], &[]]).1, 0x9000);
    assert_eq!(session.load(&mut card, &tlv(0xC4, &block), 129).1, 0x6700);
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    let content = Content::Plain { len: block.len() };
    let mut head = [0; 8];
    let head = LoadFile { daps: &[], content }.emit_head(&mut head).unwrap();
    let body = ForLoad { load_file: aid(&FILE), security_domain: None, hash: &[], parameters: &[], token: &[] };
    let pieces = [&block[..]];
    let load = || Load::new(body, head, pieces.iter().copied());
    assert_eq!(refused(run(&mut host, &mut link, load())), (ins::LOAD, 0x6700));
    run(&mut host, &mut link, load().with_block_len(128)).unwrap();
}

#[test]
fn an_answer_comes_where_none_was_asked_for() {
    let mut bench = prepared(&[Deviation::UnaskedData], with_application);
    let mut card = bench.card();
    let mut session = content::session(&mut card);
    assert_eq!(session.send(&mut card, [0x80, 0xF0, 0x40, 0x80], &APP), (vec![0x00], 0x9000));
    assert_eq!(session.send(&mut card, [0x80, 0xF0, 0x40, 0x00], &APP), (vec![0x00], 0x9000));
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    run(&mut host, &mut link, SetStatus::lock(aid(&APP))).unwrap();
    run(&mut host, &mut link, SetStatus::unlock(aid(&APP))).unwrap();
    // There is room for it: a link whose buffer is too small would be an error that names itself.
    let mut small = [0; 10];
    let (mut command, mut tiny) = ([0; 300], [0; 1]);
    let mut host = Host::new(&mut command, &mut tiny, ());
    host.begin(&mut Select::issuer_security_domain()).unwrap();
    let (_, incoming) = host.io();
    assert_eq!(incoming.len(), 1);
    small[..2].copy_from_slice(&[0x90, 0x00]);
    let outcome = host.digest(&mut Select::issuer_security_domain(), small.len());
    assert_eq!(outcome, Err(Failure::Apdu(gp_apdu::Error::Overrun)));
}

#[test]
fn answers_without_their_protection_end_the_session() {
    let mut bench = prepared(&[Deviation::UnprotectedAnswers], with_application);
    let mut card = bench.card();
    let (plain, _) = say(&mut card, "80CA00E000");
    let mut session = kit::Host::open(&mut card, KVN, SecurityLevel::Full).unwrap();
    let command = session.wrap([0x80, 0xCA, 0x00, 0xE0], &[]).remove(0);
    assert_eq!(card.transmit(&command), [&plain[..], &[0x90, 0x00]].concat());
    // Commands are verified as ever.
    let mut command = session.wrap_blindly([0x80, 0xF2, 0x40, 0x02], &[0x4F, 0x00]);
    let last = command.len() - 2;
    command[last] ^= 1;
    assert_eq!(card.transmit(&command), [0x69, 0x82]);
    host!(host, link, card);
    for level in [SecurityLevel::CMacRMac, SecurityLevel::CMacCDecryptionRMac, SecurityLevel::Full] {
        open(&mut host, &mut link, KVN, level).unwrap();
        let failure = failed(run(&mut host, &mut link, GetData::KEY_INFORMATION));
        assert_eq!(failure, Failure::Channel(gp_scp03::Error::Security));
        assert!(host.slot().is_dead());
        let failure = failed(run(&mut host, &mut link, GetData::KEY_INFORMATION));
        assert_eq!(failure, Failure::Channel(gp_scp03::Error::Closed));
    }
    // A level that asks for no protection of answers is not concerned.
    open(&mut host, &mut link, KVN, SecurityLevel::CMac).unwrap();
    let answer = run(&mut host, &mut link, GetData::KEY_INFORMATION).unwrap();
    assert_eq!((answer.data, answer.origin), (&plain[..], Origin::Plain));
}

impl kit::Host {
    /// A command after one whose answer was not verified.
    fn wrap_blindly(&mut self, header: [u8; 4], data: &[u8]) -> Vec<u8> {
        // The channel is dead by then: any octets with a C-MAC that does not hold will do.
        let _ = self.secure.unwrap(&mut [0x90, 0x00]);
        assert!(self.secure.is_closed());
        let [cla, ins, p1, p2] = header;
        [&[cla | 0x04, ins, p1, p2, 24], &[0x11; 16][..], &[data[0]; 8], &[0x00]].concat()
    }
}

// ---- the link ------------------------------------------------------------------------------------------------------

#[test]
fn extended_length_is_refused() {
    let mut bench = bench(&[Deviation::NoExtendedLength]);
    let mut card = bench.card();
    assert_eq!(say(&mut card, "80CA0066 000000"), (vec![], 0x6700));
    assert_eq!(say(&mut card, "00A40400 000008 A000000151000000 0000"), (vec![], 0x6700));
    host!(host, link, card);
    host.set_lengths(Lengths::Extended);
    assert_eq!(refused(run(&mut host, &mut link, Select::issuer_security_domain())), (ins::SELECT, 0x6700));
    assert_eq!(link.sent.len(), 1, "no other form is tried");
    // Chaining is a choice of the caller, and the default.
    host.set_lengths(Lengths::Chained);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    let (new, old) = (keys_from(0x77, 32), factory_keys());
    let keys: Vec<_> = [KeyId::Enc, KeyId::Mac, KeyId::Dek].iter().map(|id| new.key(*id)).collect();
    assert_eq!(keys.len(), 3);
    run(&mut host, &mut link, PutKeys::add(0x31, NewKeys::Set(&new), old.dek())).unwrap();
    let long = [0x5A; 400];
    let parameters = tlv(0xC9, &long);
    let install = Install::new(for_install(&OTHER, &[0x00], &parameters));
    assert_eq!(refused(run(&mut host, &mut link, install)), (ins::INSTALL, 0x6A88), "there is no such load file");
    assert_eq!(link.count(ins::INSTALL), 2, "it came in two parts");
}

#[test]
fn a_short_command_has_at_most_254_octets_of_data() {
    let mut bench = bench(&[Deviation::Lc255Refused]);
    let mut card = bench.card();
    let full = [&hex("80E60200FF")[..], &[0x11; 255]].concat();
    assert_eq!(kit::raw(&mut card, &full), (vec![], 0x6700));
    let extended = [&hex("80E60200 0000FF")[..], &[0x11; 255], &[0, 0]].concat();
    assert_ne!(kit::raw(&mut card, &extended).1, 0x6700);
    host!(host, link, card);
    let block = kit::cap_block(&FILE, &[&MODULE]);
    let content = Content::Plain { len: block.len() };
    let mut head = [0; 8];
    let head = LoadFile { daps: &[], content }.emit_head(&mut head).unwrap();
    let body = ForLoad { load_file: aid(&FILE), security_domain: None, hash: &[], parameters: &[], token: &[] };
    let pieces = [&block[..]];
    let load = || Load::new(body, head, pieces.iter().copied());
    open(&mut host, &mut link, KVN, SecurityLevel::CMac).unwrap();
    assert_eq!(refused(run(&mut host, &mut link, load())), (ins::LOAD, 0x6700));
    // What the caller may choose: shorter commands, or extended length.
    host.set_max_command_data(NonZeroU8::new(254));
    open(&mut host, &mut link, KVN, SecurityLevel::CMac).unwrap();
    run(&mut host, &mut link, load()).unwrap();
    run(&mut host, &mut link, Delete::object(aid(&FILE))).unwrap();
    host.set_max_command_data(None);
    host.set_lengths(Lengths::Extended);
    run(&mut host, &mut link, load().with_block_len(247)).unwrap();
    assert!(link.sent.iter().any(|command| command[4..7] == [0x00, 0x00, 0xFF]), "255 octets, with the C-MAC");
}

#[test]
fn every_answer_is_fetched_by_get_response() {
    let plain = say(&mut Bench::new().card(), "80CA00E000").0;
    let mut bench = prepared(&[Deviation::GetResponse], with_applications);
    let mut card = bench.card();
    assert_eq!(say(&mut card, "80CA00E000"), (vec![], 0x6114));
    assert_eq!(say(&mut card, "00C0000010"), (plain[..16].to_vec(), 0x6104));
    assert_eq!(say(&mut card, "00C0000000"), (plain[16..].to_vec(), 0x9000));
    assert_eq!(say(&mut card, "00C0000000").1, 0x6D00);
    // In the class of GlobalPlatform, too, but on no other channel.
    assert_eq!(say(&mut card, "0070000001"), (vec![], 0x6101));
    assert_eq!(say(&mut card, "00C0000001"), (vec![1], 0x9000));
    assert_eq!(say(&mut card, "80CA00E000").1, 0x6114);
    assert_eq!(say(&mut card, "80C0000010"), (plain[..16].to_vec(), 0x6104));
    assert_eq!(say(&mut card, "01C0000004").1, 0x6D00);
    // Another command drops what waits.
    assert_eq!(say(&mut card, "80CA00E000").1, 0x6114);
    assert_eq!(say(&mut card, "80CA9F7F00"), (vec![], 0x6A88));
    assert_eq!(say(&mut card, "00C0000014").1, 0x6D00);
    host!(host, link, card);
    for level in [SecurityLevel::CMac, SecurityLevel::CMacRMac, SecurityLevel::Full] {
        let found = discover(&mut host, &mut link);
        assert_eq!((found.name, found.keys.len()), (Some(Aid::ISSUER_SECURITY_DOMAIN), 3));
        open(&mut host, &mut link, KVN, level).unwrap();
        let (entries, outcome) = listed(&mut host, &mut link, |visit| applications(visit));
        let outcome = outcome.unwrap();
        assert_eq!((entries.len(), outcome.errors), (6, 0));
        assert_eq!(outcome.origin == Origin::Authentic, level.has_r_mac());
    }
    drop(card);
    // A reset forgets; and the memory of the chain must have room.
    let mut card = bench.card();
    assert_eq!(say(&mut card, "80CA00E000").1, 0x6114);
    card.reset();
    assert_eq!(say(&mut card, "00C0000014").1, 0x6D00);
    drop(card);
    bench.ram.chain = vec![0; 511];
    assert_eq!(bench.try_card().err(), Some(OpenError::Memory));
    bench.profile.deviations = Deviations::NONE;
    assert!(bench.try_card().is_ok());
}

#[test]
fn le_must_be_exact() {
    let mut bench = bench(&[Deviation::ExactLe]);
    let mut card = bench.card();
    assert_eq!(say(&mut card, "80CA00E000"), (vec![], 0x6C14));
    assert_eq!(say(&mut card, "80CA00E013"), (vec![], 0x6C14));
    assert_eq!(say(&mut card, "80CA00E014").1, 0x9000);
    host!(host, link, card);
    let found = discover(&mut host, &mut link);
    assert_eq!((found.name, found.keys.len(), found.warnings), (Some(Aid::ISSUER_SECURITY_DOMAIN), 3, vec![]));
    let asked: Vec<_> = link.sent.iter().filter(|command| command[..4] == hex("80CA00E0")).map(|c| c[4]).collect();
    assert_eq!(asked, [0x00, 0x14], "once more, with the right one");
    // A protected command has data, and is never sent twice.
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    let before = link.sent.len();
    assert_eq!(run(&mut host, &mut link, GetData::KEY_INFORMATION).unwrap().origin, Origin::Authentic);
    assert_eq!(link.sent.len() - before, 1);
}

// ---- what is no deviation but data of the profile --------------------------------------------------------------------

#[test]
fn a_card_in_s16_mode_wants_16_octets() {
    let mut bench = Bench::new();
    bench.profile.implementation = Implementation::new(0x71);
    let mut card = bench.card();
    assert_eq!(say(&mut card, INITIALIZE), (vec![], 0x6700));
    host!(host, link, card);
    let keys = factory_keys();
    let mut guard = Guard::new(1);
    let task = Authenticate::new(Challenge::new(&[7; 8]).unwrap(), SecurityLevel::Full, |_| Ok(&keys));
    let failure = failed(run(&mut host, &mut link, task.guarded(&mut guard)));
    assert_eq!((failure, guard.failures()), (Failure::Channel(gp_scp03::Error::TryS16), 0));
    assert_eq!(link.sent.len(), 1, "the caller decides");
    let task = Authenticate::new(Challenge::new(&[7; 16]).unwrap(), SecurityLevel::Full, |_| Ok(&keys));
    run(&mut host, &mut link, task).unwrap();
}

#[test]
fn answers_to_initialize_update_have_four_lengths() {
    for (i, length) in [(0x60, 29), (0x70, 32), (0x61, 45), (0x71, 48)] {
        let mut bench = Bench::new();
        bench.profile.implementation = Implementation::new(i);
        let mut card = bench.card();
        let challenge = &[7; 16][..if i & 1 == 0 { 8 } else { 16 }];
        assert_eq!(kit::raw(&mut card, &kit::command([0x80, 0x50, 0, 0], challenge)).0.len(), length);
        host!(host, link, card);
        let keys = factory_keys();
        let task = Authenticate::new(Challenge::new(challenge).unwrap(), SecurityLevel::Full, |_| Ok(&keys));
        let opened = run(&mut host, &mut link, task).unwrap();
        assert_eq!(opened.info.sequence.is_some(), i & 0x10 != 0);
    }
}

#[test]
fn the_issuer_domain_and_the_object_identifiers_have_other_names() {
    let names = ["A000000003000000", "A000000018434D00", "D1560001010001600000000100000000"].map(hex);
    // The arc of the identifiers is another one.
    let card_data = recognition(&hex("2A811C6B0203"), 0x03, &[0x70]);
    for name in names {
        let mut bench = Bench::new();
        bench.profile.isd = aid(&name);
        bench.profile.card_data = Box::leak(card_data.clone().into_boxed_slice());
        let mut card = bench.card();
        assert_eq!(say(&mut card, "80CA006600").0, tlv(0x66, &card_data));
        host!(host, link, card);
        let found = discover(&mut host, &mut link);
        assert_eq!((found.name, found.warnings), (Some(aid(&name)), vec![Warning::OtherIdentifiers]));
        assert_eq!(found.protocols, [SecureChannelProtocol { protocol: 0x03, i: 0x70 }]);
        open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
        let mut seen = Vec::new();
        let task = GetStatus::new(Subset::IssuerSecurityDomain, |entry| seen.push(entry.unwrap().aid));
        run(&mut host, &mut link, task).unwrap();
        assert_eq!(seen, [Some(aid(&name))]);
    }
}

/// Card recognition data under this base, with one secure channel protocol whose `i` has these octets.
fn recognition(base: &[u8], protocol: u8, i: &[u8]) -> Vec<u8> {
    let oid = |arcs: &[u8]| tlv(0x06, &[base, arcs].concat());
    let parts = [
        oid(&[1]),
        tlv(0x60, &oid(&[2, 2, 3, 1])),
        tlv(0x63, &oid(&[3])),
        tlv(0x64, &oid(&[&[4, protocol][..], i].concat())),
    ];
    tlv(0x73, &parts.concat())
}

#[test]
fn i_has_several_octets_and_the_protocol_is_unknown() {
    const GP: [u8; 6] = [0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B];
    for (protocol, i, expected) in [(0x11, &[0x9B, 0x06][..], 0x0D86), (0x80, &[0x00], 0x0000)] {
        let mut bench = Bench::new();
        bench.profile.card_data = Box::leak(recognition(&GP, protocol, i).into_boxed_slice());
        let mut card = bench.card();
        host!(host, link, card);
        let found = discover(&mut host, &mut link);
        assert_eq!(found.protocols, [SecureChannelProtocol { protocol, i: expected }]);
        assert_eq!(found.warnings, []);
        open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    }
}

#[test]
fn key_sets_have_any_version() {
    for version in [0x01, 0x0B, 0x30, 0x70, 0x7F] {
        let mut bench = Bench::with(factory(vec![key_set(version, factory_keys(), [0; 3])]));
        let mut card = bench.card();
        host!(host, link, card);
        for asked in [version, 0] {
            let opened = open(&mut host, &mut link, asked, SecurityLevel::Full).unwrap();
            assert_eq!(opened.info.key_version, version);
        }
        let found = discover(&mut host, &mut link);
        assert!(found.keys.iter().all(|key| key.key_version == version) && found.keys.len() == 3);
    }
}

#[test]
fn production_data_have_dates_that_are_none() {
    let mut bench = Bench::new();
    let cplc: [u8; 42] = core::array::from_fn(|at| (at as u8).wrapping_mul(0x5B) ^ 0xC3);
    bench.profile.cplc = Some(cplc);
    let mut card = bench.card();
    host!(host, link, card);
    let found = discover(&mut host, &mut link);
    assert_eq!((found.cplc.unwrap().value(), found.warnings), (cplc, vec![]));
}

#[test]
fn the_longest_command_is_not_what_the_card_says() {
    let mut bench = Bench::new();
    bench.profile.max_command_data = 0x0400;
    let mut card = bench.card();
    host!(host, link, card);
    let selected = run(&mut host, &mut link, Select::issuer_security_domain()).unwrap();
    assert_eq!(selected.fci().unwrap().max_command_data, Some(0x0400));
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    let block = kit::cap_block(&FILE, &[&MODULE]);
    let content = Content::Plain { len: block.len() };
    let mut head = [0; 8];
    let head = LoadFile { daps: &[], content }.emit_head(&mut head).unwrap();
    let body = ForLoad { load_file: aid(&FILE), security_domain: None, hash: &[], parameters: &[], token: &[] };
    let pieces = [&block[..]];
    run(&mut host, &mut link, Load::new(body, head, pieces.iter().copied())).unwrap();
    let longest = link.sent.iter().map(Vec::len).max();
    assert!(longest <= Some(261), "the hint changes nothing: {longest:?}");
}

#[test]
fn the_counter_leaves_out_commands_without_data() {
    let mut bench = Bench::new();
    bench.profile.quirks = Quirks::NONE.with_counter_skips_empty();
    let mut card = bench.card();
    let plain = say(&mut card, "80CA00E000").0;
    host!(host, link, card);
    open(&mut host, &mut link, KVN, SecurityLevel::Full).unwrap();
    // The R-MAC holds, and what it vouches for is not what the card meant: the host that does not know is none the wiser.
    let garbled = run(&mut host, &mut link, GetData::KEY_INFORMATION);
    assert!(garbled.is_err() || garbled.is_ok_and(|answer| answer.data != plain));
    let keys = factory_keys();
    let task = Authenticate::new(Challenge::new(&[7; 8]).unwrap(), SecurityLevel::Full, |_| Ok(&keys));
    run(&mut host, &mut link, task.with_quirks(Quirks::NONE.with_counter_skips_empty())).unwrap();
    assert_eq!(run(&mut host, &mut link, GetData::KEY_INFORMATION).unwrap().data, plain);
}

// ---- all of them ---------------------------------------------------------------------------------------------------

#[test]
fn none_is_the_default_and_each_has_a_bit_and_a_name_of_its_own() {
    assert_eq!(Profile::new(&[]).deviations, Deviations::NONE);
    assert_eq!(Deviations::default(), Deviations::NONE);
    assert!(Deviations::NONE.is_none() && Deviations::NONE.iter().next().is_none());
    assert_eq!(size_of::<Deviations>(), 8);
    let mut all = Deviations::NONE;
    for (number, deviation) in Deviation::ALL.iter().copied().enumerate() {
        assert!(!all.contains(deviation), "{deviation:?} shares its bit");
        all = all.with(deviation);
        assert!(all.contains(deviation));
        assert_eq!(all.iter().count(), number + 1);
        let alone = Deviations::NONE.with(deviation);
        assert_eq!((alone.iter().collect::<Vec<_>>(), alone.is_none()), (vec![deviation], false));
        assert_eq!(format!("{alone:?}"), format!("{{{deviation:?}}}"));
        let name = deviation.name();
        assert!(name.bytes().all(|octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'-')), "{name}");
        assert!(deviation.text().ends_with('.') && !deviation.text().contains('\n'));
    }
    let names: BTreeSet<_> = Deviation::ALL.iter().map(|deviation| deviation.name()).collect();
    assert_eq!(names.len(), Deviation::ALL.len());
}

/// One thing that is done to a card, and what can be seen of it. A `+` marks an answer with data.
struct Scene {
    name: &'static str,
    prepare: fn(&mut TestCard<'_>),
    status_limit: usize,
    version: u8,
    act: fn(&mut TestCard<'_>) -> String,
}

impl Scene {
    const fn new(name: &'static str, prepare: fn(&mut TestCard<'_>), act: fn(&mut TestCard<'_>) -> String) -> Self {
        Self { name, prepare, status_limit: usize::MAX, version: KVN, act }
    }

    fn play(&self, deviations: Deviations) -> String {
        let mut bench = Bench::with(factory(vec![key_set(self.version, factory_keys(), [0; 3])]));
        bench.profile.status_limit = self.status_limit;
        bench.profile.cplc = Some([0x11; 42]);
        (self.prepare)(&mut bench.card());
        bench.profile.deviations = deviations;
        let mut card = bench.card();
        let seen = (self.act)(&mut card);
        // What it has begun goes, what it has done stays.
        card.reset();
        drop(card);
        bench.profile.deviations = Deviations::NONE;
        bench.assert_lasting();
        seen
    }
}

fn show((data, status): (Vec<u8>, u16)) -> String {
    let mark = if data.is_empty() { "" } else { "+" };
    format!("{mark}{data:02X?} {status:04X}")
}

/// An answer to INITIALIZE UPDATE: its length, what it says of the key set, and whether the challenge is what `i` says.
fn show_initialize(card: &mut TestCard<'_>, command: &str) -> String {
    let (data, status) = say(card, command);
    if data.len() < 29 {
        return format!("{}{} octets {status:04X}", if data.is_empty() { "" } else { "+" }, data.len());
    }
    let sequence = data.get(29..32).map(<[u8]>::to_vec);
    let matches = sequence.map(|sequence| pseudo_random(&sequence).octets() == &data[13..21]);
    format!("+{} octets {:02X?} {matches:?} {status:04X}", data.len(), &data[10..13])
}

/// A session, whatever the card says of itself on the way.
struct Session(SecureChannel);

impl Session {
    fn open(card: &mut TestCard<'_>, level: SecurityLevel) -> Self {
        let initiator = Initiator::new(Challenge::new(&[7; 8]).unwrap(), LogicalChannel::BASIC, 0x00);
        let mut answer = card.transmit(&hex(&format!("8050{KVN:02X}0008 0707070707070707 00")));
        if answer[0] == 0x61 {
            answer = card.transmit(&[0x00, 0xC0, 0x00, 0x00, answer[1]]);
        }
        answer[12] = 0x70;
        answer.truncate(29);
        answer.extend([0x00, 0x00, 0x01, 0x90, 0x00]);
        let mut buffer = [0; 64];
        let challenged = initiator.challenged(Response::parse(&answer).unwrap()).unwrap();
        let (authenticating, command) =
            challenged.authenticate(&mut factory_keys(), level, ChallengePolicy::Off, &mut buffer).unwrap();
        let answer = card.transmit(command);
        Self(authenticating.confirmed(Response::parse(&answer).unwrap()).unwrap())
    }

    fn send(mut self, card: &mut TestCard<'_>, header: [u8; 4], data: &[u8]) -> String {
        let mut host = kit::Host { secure: self.0, shown: vec![] };
        let command = host.wrap(header, data).remove(0);
        self.0 = host.secure;
        let mut answer = card.transmit(&command);
        let bare = answer.len() == 2;
        match self.0.unwrap(&mut answer) {
            _ if bare => format!("{answer:02X?}"),
            Ok(reply) => match reply.response() {
                Ok(response) => format!("{:?} {}", reply, show((response.data.to_vec(), response.status.0))),
                Err(error) => format!("{error:?}"),
            },
            Err(error) => format!("{error:?} of {} octets", answer.len()),
        }
    }
}

fn in_session(card: &mut TestCard<'_>, header: [u8; 4], data: &[u8]) -> String {
    Session::open(card, SecurityLevel::CMac).send(card, header, data)
}

fn nothing(_: &mut TestCard<'_>) {}

fn locked(card: &mut TestCard<'_>) {
    let mut host = content::session(card);
    assert_eq!(host.status(card, [0x80, 0xF0, 0x80, 0x7F], &ISD), 0x9000);
}

fn two_sets(card: &mut TestCard<'_>) {
    let mut host = content::session(card);
    assert_eq!(host.status(card, [0x80, 0xD8, 0x00, 0x81], &new_set(0x31)), 0x9000);
}

fn new_set(version: u8) -> Vec<u8> {
    let new = keys_from(0x77, 16);
    kit::key_data(factory_keys().dek(), version, &[KeyId::Enc, KeyId::Mac, KeyId::Dek].map(|id| new.key(id)))
}

fn load_begun(card: &mut TestCard<'_>) -> String {
    let mut session = Session::open(card, SecurityLevel::CMac).0;
    let fields = kit::install_fields(&[&FILE, &[], &[], &[], &[]]);
    let block = [&hex("C4820400")[..], &kit::cap_block(&FILE, &[&MODULE])].concat();
    let mut seen = String::new();
    for (header, data) in [([0x80, 0xE6, 0x02, 0x00], &fields[..]), ([0x80, 0xE8, 0x00, 0x00], &block[..200])] {
        let mut host = kit::Host { secure: session, shown: vec![] };
        let command = host.wrap(header, data).remove(0);
        session = host.secure;
        let mut answer = card.transmit(&command);
        let _ = session.unwrap(&mut answer.clone());
        let data = answer.len() > 2;
        seen += &format!("{}{:02X?} ", if data { "+" } else { "" }, answer.split_off(0));
    }
    seen
}

/// The scenes, and the deviations that each shows, but for GET RESPONSE, which all show that have data.
fn scenes() -> Vec<(Scene, Vec<Deviation>)> {
    use Deviation as D;
    let fci = [D::BareAid, D::NoAid, D::UnknownFciObjects, D::LongLengths];
    let initialize = [D::OtherModeInAnswer, D::CounterAgainstI, D::RandomChallenge];
    let object = [D::LongLengths, D::ExactLe];
    let with = |some: &[D], more: &[D]| [some, more].concat();
    vec![
        (
            Scene::new("select without data", nothing, |card| show(say(card, "00A4040000"))),
            with(&fci, &[D::EmptySelectNotFound, D::EmptySelectWrongLc, D::ExactLe]),
        ),
        (Scene::new("select by name", nothing, |card| show(say(card, SELECT_ISD))), fci.to_vec()),
        (
            Scene::new("select without Le", nothing, |card| show(say(card, "00A4040008 A000000151000000"))),
            with(&fci, &[D::SelectNeedsLe]),
        ),
        (Scene::new("capability", nothing, |card| show(say(card, "80CA006700"))), with(&object, &[D::CapabilityTwice])),
        (
            Scene::new("absent data", nothing, |card| show(say(card, "80CA5F5000"))),
            vec![D::AbsentData6985, D::AbsentData6E00],
        ),
        (
            Scene::new("production data", nothing, |card| show(say(card, "80CA9F7F00"))),
            with(&object, &[D::CplcIsoClassOnly]),
        ),
        (Scene::new("production data, ISO", nothing, |card| show(say(card, "00CA9F7F00"))), vec![D::ExactLe]),
        (
            Scene::new("key information", nothing, |card| show(say(card, "80CA00E000"))),
            with(&object, &[D::KeysShownAsDes, D::KeyInformationMixed, D::KeyInformationEmptyEntry]),
        ),
        (
            Scene::new("initialize update", nothing, |card| show_initialize(card, "8050300008 0707070707070707 00")),
            initialize.to_vec(),
        ),
        (
            Scene::new("initialize update, default", nothing, |card| show_initialize(card, INITIALIZE)),
            with(&initialize, &[D::DefaultIsScp02]),
        ),
        (
            Scene::new("initialize update, locked", locked, |card| {
                show_initialize(card, "8050300008 0707070707070707 00")
            }),
            with(&initialize, &[D::Locked6982, D::Locked6983]),
        ),
        (
            Scene {
                version: 0xFF,
                ..Scene::new("initialize update, initial", nothing, |card| {
                    show_initialize(card, "8050FF0008 0707070707070707 00")
                })
            },
            with(&initialize, &[D::InitialVersionUnnamed]),
        ),
        (
            Scene::new("initialize update, deleted", without_factory_set, |card| show_initialize(card, INITIALIZE)),
            with(&initialize, &[D::DefaultVersionDangles, D::DefaultIsScp02]),
        ),
        (
            Scene::new("initialize update, inherited", with_domain, |card| {
                kit::select(card, &SSD);
                show_initialize(card, "8050300008 0707070707070707 00")
            }),
            // The challenge is made with the name of the selected one, which the scene does not check.
            with(&[D::OtherModeInAnswer, D::CounterAgainstI], &[D::NoInheritedKeys]),
        ),
        (
            Scene::new("keys added", nothing, |card| in_session(card, [0x80, 0xD8, 0x00, 0x81], &new_set(0x31))),
            vec![D::ZeroCheckValues],
        ),
        (
            Scene::new("keys replaced", nothing, |card| in_session(card, [0x80, 0xD8, KVN, 0x81], &new_set(KVN))),
            vec![D::ZeroCheckValues, D::NoKeyReplacement],
        ),
        (
            Scene::new("key deleted", two_sets, |card| in_session(card, [0x80, 0xE4, 0, 0], &hex("D00101D20131"))),
            vec![D::NoKeyDeletionByIdentifier],
        ),
        (Scene::new("keys deleted", two_sets, |card| in_session(card, [0x80, 0xE4, 0, 0], &hex("D20131"))), vec![]),
        (
            Scene::new("domain deleted with all", with_domain, |card| {
                in_session(card, [0x80, 0xE4, 0x00, 0x80], &tlv(0x4F, &SSD))
            }),
            vec![D::NoCascade],
        ),
        (
            Scene::new("applications", with_application, |card| {
                in_session(card, [0x80, 0xF2, 0x40, 0x02], &[0x4F, 0x00])
            }),
            vec![D::NoStatusTemplates, D::DamagedEntries],
        ),
        (
            Scene {
                status_limit: 60,
                ..Scene::new("applications in pages", with_applications, |card| {
                    in_session(card, [0x80, 0xF2, 0x40, 0x02], &[0x4F, 0x00])
                })
            },
            vec![D::NoStatusTemplates, D::DamagedEntries, D::PagesCutAnywhere, D::MoreDataFetched],
        ),
        (
            Scene {
                status_limit: 60,
                ..Scene::new("applications in pages, R-MAC", with_applications, |card| {
                    let session = Session::open(card, SecurityLevel::CMacRMac);
                    session.send(card, [0x80, 0xF2, 0x40, 0x02], &[0x4F, 0x00])
                })
            },
            vec![
                D::NoStatusTemplates,
                D::DamagedEntries,
                D::PagesCutAnywhere,
                D::MoreDataFetched,
                D::MoreDataUnprotected,
                D::UnprotectedAnswers,
            ],
        ),
        (
            Scene::new("modules in the old form", with_application, |card| {
                in_session(card, [0x80, 0xF2, 0x10, 0x00], &[0x4F, 0x00])
            }),
            vec![D::NoModuleListing],
        ),
        (
            Scene::new("no application, old form", nothing, |card| {
                in_session(card, [0x80, 0xF2, 0x40, 0x00], &[0x4F, 0x00])
            }),
            vec![D::EmptyList6A81],
        ),
        (
            Scene::new("privileges of three octets", with_application, |card| {
                let fields: [&[u8]; 6] = [&FILE, &MODULE, &OTHER, &[0, 0, 0], &[0xC9, 0x00], &[]];
                in_session(card, [0x80, 0xE6, 0x0C, 0x00], &kit::install_fields(&fields))
            }),
            vec![D::ShortPrivileges],
        ),
        (
            Scene::new("parameters of 130 octets", with_application, |card| {
                let parameters = tlv(0xC9, &[0x5A; 127]);
                let fields: [&[u8]; 6] =
                    [&FILE, &MODULE, &OTHER, &[0x00], &[&parameters[..], &[0xEF, 0x00]].concat(), &[]];
                in_session(card, [0x80, 0xE6, 0x0C, 0x00], &kit::install_fields(&fields))
            }),
            vec![D::OneOctetLengths],
        ),
        (
            Scene::new("domain of another RID", nothing, |card| {
                let fields: [&[u8]; 6] =
                    [&content::DOMAIN_FILE, &content::DOMAIN_MODULE, &SSD, &[0x80], &[0xC9, 0x00], &[]];
                in_session(card, [0x80, 0xE6, 0x0C, 0x00], &kit::install_fields(&fields))
            }),
            vec![D::DomainsShareRid],
        ),
        (Scene::new("a block of 200 octets", nothing, load_begun), vec![D::SmallLoadBlocks]),
        (
            Scene::new("application locked", with_application, |card| in_session(card, [0x80, 0xF0, 0x40, 0x80], &APP)),
            vec![D::UnaskedData],
        ),
        (
            Scene::new("an answer at the full level", nothing, |card| {
                Session::open(card, SecurityLevel::Full).send(card, [0x80, 0xCA, 0x00, 0xE0], &[])
            }),
            vec![
                D::UnprotectedAnswers,
                D::LongLengths,
                D::KeysShownAsDes,
                D::KeyInformationMixed,
                D::KeyInformationEmptyEntry,
            ],
        ),
        (
            Scene::new("extended length", nothing, |card| show(say(card, "80CA0066 000000"))),
            with(&object, &[D::NoExtendedLength]),
        ),
        (
            Scene::new("255 octets", nothing, |card| {
                show(kit::raw(card, &[&hex("80E60200FF")[..], &[0x11; 255]].concat()))
            }),
            vec![D::Lc255Refused],
        ),
    ]
}

/// Each deviation changes what it says and nothing else, and none changes nothing.
#[test]
fn each_deviation_changes_what_it_says() {
    let mut shown = BTreeSet::new();
    for (scene, expected) in scenes() {
        let specified = scene.play(Deviations::NONE);
        assert_eq!(scene.play(Deviations::NONE), specified, "{}: the scene repeats", scene.name);
        for deviation in Deviation::ALL.iter().copied() {
            let seen = scene.play(Deviations::NONE.with(deviation));
            let announced = deviation == Deviation::GetResponse && specified.contains('+');
            assert_eq!(
                seen != specified,
                announced || expected.contains(&deviation),
                "{}: {deviation:?} answers {seen}, the specification {specified}",
                scene.name
            );
            if seen != specified {
                shown.insert(deviation);
            }
        }
    }
    let unseen: Vec<_> = Deviation::ALL.iter().filter(|deviation| !shown.contains(deviation)).collect();
    assert!(unseen.is_empty(), "{unseen:?}");
}
