//! The card from raw octets.

use std::cell::RefCell;
use std::collections::BTreeSet;

use gp_apdu::{LogicalChannel, Response, StatusWord};
use gp_cardmanager_model::entry::{Entry, Listing};
use gp_cardmanager_model::privileges::Privileges;
use gp_scp03::{Challenge, ChallengePolicy, Initiator, SecurityLevel};

use crate::world::kit::{self, Desk, Host, ISD, Opening, Wire};
use crate::world::{Bench, Shared, bench, frame};

/// A package, an application and a security domain below the ISD.
const FILE: [u8; 6] = [0xD2, 0x76, 0, 0, 1, 0];
const MODULE: [u8; 7] = [0xD2, 0x76, 0, 0, 1, 0, 1];
const APPLICATION: [u8; 7] = [0xD2, 0x76, 0, 0, 1, 0xAA, 1];
const DOMAIN: [u8; 7] = [0xD2, 0x76, 0, 0, 2, 0xAA, 1];

/// The factory's card, or one with content, which is made once.
fn card_of(content: bool, i: u8) -> Bench {
    let mut bench = bench(i, [12, 12, 8, 4], 200);
    if !content {
        return bench;
    }
    std::thread_local! {
        static FILLED: RefCell<Option<Shared>> = const { RefCell::new(None) };
    }
    bench.flash = FILLED.with_borrow_mut(|filled| {
        let made = filled.get_or_insert_with(|| {
            let mut bench = self::bench(0x70, [12, 12, 8, 4], 200);
            let mut card = bench.card();
            let mut host = Host::open(&mut card, kit::KVN, SecurityLevel::CMac).expect("the factory's keys");
            host.load_package(&mut card, &FILE, &[&MODULE]);
            kit::make_app(&mut card, &mut host, &FILE, &MODULE, &APPLICATION);
            kit::make_domain(&mut card, &mut host, &DOMAIN, "808000", "C900");
            drop(card);
            bench.flash
        });
        made.copy()
    });
    bench
}

/// The first octet chooses the card (b1: with content, b2: S16) and what is opened before (b3: a session of level 00 on the basic
/// channel, which protects nothing, so that what follows is the ISD's owner speaking; b4: the same on channel 1). Then
/// commands, each with its length in front; one of length 00 is a reset, one of length FF goes on in the next frame. Checks:
///
/// - every command gets a well-formed answer that fits; an error has no data, and none is the one for faults of the card's own;
/// - a card started from the storage has the state that this one has in memory;
/// - what it lists is a registry: names unique, references resolved, one holder of what has one.
pub fn card(octets: &[u8]) {
    let Some((choice, mut rest)) = octets.split_first() else { return };
    let long = choice & 2 != 0;
    let mut bench = card_of(choice & 1 != 0, if long { 0x71 } else { 0x70 });
    let mut card = bench.card();
    let mode = if long { gp_scp03::Mode::S16 } else { gp_scp03::Mode::S8 };
    let open = |card: &mut kit::TestCard<'_>, channel| {
        let mut keys = kit::factory_keys();
        let opening = Opening { mode, channel, ..Opening::new(&mut keys, kit::KVN, SecurityLevel::Authenticated) };
        opening.open(card).expect("the factory's keys");
    };
    if choice & 4 != 0 {
        open(&mut card, 0);
    }
    if choice & 8 != 0 {
        assert_eq!(kit::say(&mut card, "0070000001"), (vec![1], 0x9000));
        assert_eq!(kit::select_on(&mut card, 1, &ISD).1, 0x9000);
        open(&mut card, 1);
    }
    let mut kept = Vec::new();
    for _ in 0..64 {
        let long = rest.first() == Some(&0xFF);
        let Some(part) = frame(&mut rest) else { break };
        kept.extend_from_slice(part);
        if long {
            continue;
        }
        let command = core::mem::take(&mut kept);
        if command.is_empty() {
            card.reset();
            continue;
        }
        let mut buffer = vec![0xCC; command.len().max(261)];
        buffer[..command.len()].copy_from_slice(&command);
        let answer = card.process(&mut buffer, command.len());
        let response = Response::parse(answer).expect("a status word");
        assert!(matches!(response.status.0 >> 8, 0x61..=0x6F | 0x90), "{:?}", response.status);
        assert!(!response.status.is_error() || response.data.is_empty());
        assert_ne!(response.status, StatusWord::UNKNOWN);
    }
    card.reset();
    drop(card);
    bench.assert_lasting();
    registry(&mut bench, mode);
}

/// Asks the card for its registry, if the factory's keys still open a session.
fn registry(bench: &mut Bench, mode: gp_scp03::Mode) {
    bench.desk = Desk::default();
    let mut card = bench.card();
    if kit::select(&mut card, &ISD).1 != 0x9000 {
        return;
    }
    let Some(mut host) = open_if(&mut card, mode) else { return };
    let list = |host: &mut Host, card: &mut kit::TestCard<'_>, subset| {
        let (data, status) = host.listed(card, subset);
        assert!(matches!(status, 0x9000 | 0x6A88), "{status:04X}");
        data
    };
    let data = [0x80, 0x40, 0x10].map(|subset| list(&mut host, &mut card, subset));
    let entries = |data| -> Vec<Entry<'_>> { Listing::new(data).map(|entry| entry.expect("an entry")).collect() };
    let [isd, applications, files] = [&data[0], &data[1], &data[2]].map(|data| entries(data));
    assert_eq!(isd.len(), 1);
    let aids = |entries: &[Entry<'_>]| entries.iter().map(|entry| entry.aid.expect("a name")).collect::<Vec<_>>();
    let names: Vec<_> = [aids(&isd), aids(&applications), aids(&files)].concat();
    assert_eq!(names.iter().map(ToString::to_string).collect::<BTreeSet<_>>().len(), names.len(), "a name twice");
    let domains: Vec<_> =
        isd.iter().chain(&applications).filter(|entry| entry.is_security_domain()).map(|entry| entry.aid).collect();
    for entry in isd.iter().chain(&applications).chain(&files) {
        assert!(domains.contains(&entry.security_domain), "{entry:?} belongs to nobody");
        assert!(entry.load_file.is_none() || aids(&files).contains(&entry.load_file.expect("a name")));
    }
    for right in [Privileges::CARD_RESET, Privileges::FINAL_APPLICATION] {
        let holds = |entry: &&Entry<'_>| entry.privileges.is_some_and(|held| held.contains(right));
        assert_eq!(isd.iter().chain(&applications).filter(holds).count(), 1, "{right:?}");
    }
}

/// A session with the factory's keys, if they are still there.
fn open_if(card: &mut kit::TestCard<'_>, mode: gp_scp03::Mode) -> Option<Host> {
    let challenge = Challenge::new(&[0x11; 16][..mode.octets()]).expect("8 or 16 octets");
    let initiator = Initiator::new(challenge, LogicalChannel::BASIC, kit::KVN);
    let mut buffer = [0; 64];
    let answer = card.transmit(initiator.initialize_update(&mut buffer).expect("room enough"));
    let challenged = initiator.challenged(Response::parse(&answer).ok()?).ok()?;
    let mut keys = kit::factory_keys();
    let (authenticating, command) =
        challenged.authenticate(&mut keys, SecurityLevel::CMac, ChallengePolicy::Off, &mut buffer).ok()?;
    let answer = card.transmit(command);
    let secure = authenticating.confirmed(Response::parse(&answer).ok()?).ok()?;
    Some(Host { secure, shown: vec![] })
}
