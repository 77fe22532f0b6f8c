//! Edges of the host's operations; each test begins with the rule.

use core::cell::Cell;

use gp_apdu::{LogicalChannel, StatusWord, ins};
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::{Authenticate, GetData, GetStatus, Host, Recorded, Rotate, Rotation, Select, run};
use gp_scp03::{Challenge, SecurityLevel};

use crate::support::{Link, TestCard, keys};

fn challenge() -> Challenge {
    Challenge::new(&[7; 8]).unwrap()
}

/// "for octets that are no such exchange" (`Recorded::from_apdus`): another command with 8 octets is no INITIALIZE UPDATE.
#[test]
fn another_command_is_no_recording() {
    let mut response = [0; 31];
    response[10..13].copy_from_slice(&[0x01, 0x03, 0x60]);
    response[29..].copy_from_slice(&[0x90, 0x00]);
    let other = [0x80, 0xE2, 0x80, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 0];
    assert!(Recorded::from_apdus(&other, &response).is_err());
}

/// "A rotation that cannot be does not begin": `Rotation::add` is for a version "which the card must not have", and the old set is
/// there under its own.
#[test]
fn a_rotation_that_adds_what_is_there_does_not_begin() {
    let (old, new) = (keys(16), keys(32));
    let mut card = TestCard::new(16, 0x70, |_, _: &[u8]| (vec![], StatusWord::WRONG_DATA));
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    let stored = Cell::new(0);
    let task = Rotate::new(
        Rotation::add(0x30, 0x30, &new),
        &old,
        &new,
        SecurityLevel::Full,
        || Ok(challenge()),
        |_| {
            stored.set(stored.get() + 1);
            Ok(())
        },
    );
    let _ = run(&mut host, &mut card, task).map(|_| ());
    assert_eq!(card.count(ins::PUT_KEY), 0, "PUT KEY was sent; the record was stored {} times", stored.get());
}

/// "Dead -> Empty: SELECT" (`host::Slot`); what died on one channel does not end what another one says in the clear.
#[test]
fn a_session_that_died_elsewhere_hinders_no_plain_command() {
    let old = keys(16);
    let mut card = TestCard::new(16, 0x70, |_, _: &[u8]| (vec![0x42, 1, 0x5A], StatusWord::OK));
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    run(&mut host, &mut card, Authenticate::new(challenge(), SecurityLevel::Full, |_| Ok(&old))).unwrap();
    // The answer to a protected command is lost.
    let mut iin = GetData::IIN;
    host.begin(&mut iin).unwrap();
    host.abandon();
    assert!(host.slot().is_dead());
    host.set_channel(LogicalChannel::new(1).unwrap());
    let _ = run(&mut host, &mut card, Select::issuer_security_domain()).map(|_| ());
    let asked = run(&mut host, &mut card, GetData::IIN).map(|_| ());
    assert!(asked.is_ok(), "{asked:?}");
}

/// "An E3 may be cut across two responses" (`GetStatus`: "the first half is kept in front of the second"): also on a card that says
/// `6310` without data and hands the data out by GET RESPONSE.
#[test]
fn an_entry_that_is_cut_is_joined_also_where_data_is_fetched() {
    let entry =
        |last: u8| [&[0xE3, 0x0D, 0x4F, 0x07, 0xA0, 0, 0, 1, 0x51, 0x53][..], &[last, 0x9F, 0x70, 1, 7]].concat();
    let all = [entry(1), entry(2), entry(3)].concat();
    for cut in [15, 20, 30, 40] {
        let keys = keys(16);
        let mut card = TestCard::new(16, 0x70, |_, _: &[u8]| (vec![], StatusWord::MORE_DATA));
        let (mut command, mut response) = ([0; 261], [0; 700]);
        let mut host = Host::new(&mut command, &mut response, ());
        run(&mut host, &mut card, Authenticate::new(challenge(), SecurityLevel::CMac, |_| Ok(&keys))).unwrap();
        let mut parts = vec![[&all[cut..], &[0x90, 0x00]].concat(), [&all[..cut], &[0x63, 0x10]].concat()];
        let mut link = Link(|command: &[u8]| match command[1] {
            ins::GET_RESPONSE => Ok(parts.pop().unwrap_or(vec![0x69, 0x85])),
            _ => Ok(card.process(command)),
        });
        let (mut names, mut errors) = (Vec::new(), 0);
        let task = GetStatus::new(Subset::Applications, |entry| match entry {
            Ok(entry) => names.push(entry.aid.unwrap().as_bytes()[6]),
            Err(_) => errors += 1,
        });
        let listed = run(&mut host, &mut link, task.fetching_after_6310().with_max_pages(8)).map(|_| ());
        assert_eq!((&names[..], errors), (&[1, 2, 3][..], 0), "cut at {cut}: {listed:?}");
    }
}

/// "`None` without a session" (`Slot::key_version`): neither where it died.
#[test]
fn a_dead_session_has_no_key_version() {
    let old = keys(16);
    let mut card = TestCard::new(16, 0x70, |_, _: &[u8]| (vec![0x42, 1, 0x5A], StatusWord::OK));
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    run(&mut host, &mut card, Authenticate::new(challenge(), SecurityLevel::Full, |_| Ok(&old))).unwrap();
    assert_eq!(host.slot().key_version(), Some(0x30));
    let mut iin = GetData::IIN;
    host.begin(&mut iin).unwrap();
    host.abandon();
    assert!(host.slot().is_dead());
    assert_eq!(host.slot().key_version(), None);
}
