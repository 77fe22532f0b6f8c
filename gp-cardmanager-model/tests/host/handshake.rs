//! Opening a session: one INITIALIZE UPDATE, at most one EXTERNAL AUTHENTICATE, on every path; and what a lost answer or
//! a dropped future does to a session.

use crate::support;
use gp_apdu::{LogicalChannel, StatusWord, Transport, ins};
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::{
    Authenticate, Error, Failure, GetData, GetStatus, Host, Listed, Refusal, Select, run, run_async,
};
use gp_scp03::{Challenge, ChallengePolicy, ChallengeVerdict, SecurityLevel};
use support::{AsyncLink, Cut, Handled, Link, TestCard, block_on, keys, poll_and_drop};

const ENTRY: [u8; 21] =
    [0xE3, 0x13, 0x4F, 0x08, 0xA0, 0, 0, 1, 0x51, 0, 0, 0, 0x9F, 0x70, 0x01, 0x0F, 0xC5, 0x03, 0x9E, 0xFE, 0x80];

fn registry(header: gp_apdu::Header, _: &[u8]) -> Handled {
    match header.ins {
        ins::GET_STATUS => (ENTRY.to_vec(), StatusWord::OK),
        ins::GET_DATA => (vec![0x42, 0x01, 0x77], StatusWord::OK),
        ins::SELECT => (vec![0x6F, 0x00], StatusWord::OK),
        _ => (Vec::new(), StatusWord::INS_NOT_SUPPORTED),
    }
}

fn card(i: u8) -> TestCard<fn(gp_apdu::Header, &[u8]) -> Handled> {
    TestCard::new(16, i, registry)
}

fn challenge(len: usize) -> Challenge {
    Challenge::new(&[0x5A; 16][..len]).unwrap()
}

fn list<X: Transport>(host: &mut Host<'_>, link: &mut X) -> Result<Listed, Error<X::Error>> {
    run(host, link, GetStatus::new(Subset::IssuerSecurityDomain, |_| ()))
}

#[test]
fn every_level_mode_key_length_and_channel() {
    let mut cases = 0;
    for key_len in [16, 24, 32] {
        for (i, challenge_len) in [(0x70, 8), (0x60, 8), (0x71, 16), (0x61, 16)] {
            for level in SecurityLevel::ALL {
                for channel in [0, 1, 3, 4, 19] {
                    let mut card: TestCard<_> = TestCard::new(key_len, i, registry);
                    let (mut command, mut response) = ([0; 261], [0; 258]);
                    let mut host = Host::new(&mut command, &mut response, ());
                    host.set_channel(LogicalChannel::new(channel).unwrap());
                    let keys = keys(key_len);
                    let task = Authenticate::new(challenge(challenge_len), level, |seen| {
                        assert_eq!(seen.info().key_version, 0x30);
                        Ok(&keys)
                    });
                    let opened = run(&mut host, &mut card, task.with_key_version(0x30)).unwrap();
                    assert_eq!((opened.level, opened.info), (level, card.info));
                    let listed = list(&mut host, &mut card).unwrap();
                    assert_eq!(listed.entries, 1);
                    assert_eq!(card.handled[0].0.octets()[1..], [0xF2, 0x80, 0x02]);
                    assert_eq!(card.handled[0].0.cla.channel().number(), channel);
                    // The session belongs to its channel.
                    host.set_channel(LogicalChannel::new(2).unwrap());
                    let elsewhere = list(&mut host, &mut card).unwrap_err();
                    assert_eq!(elsewhere, Error::Failure(Failure::Channel(gp_scp03::Error::Class)));
                    host.set_channel(LogicalChannel::new(channel).unwrap());
                    list(&mut host, &mut card).unwrap();
                    assert_eq!((card.count(0x50), card.count(0x82)), (1, 1));
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(cases, 3 * 4 * 6 * 5);
}

/// What a man in the middle does to the answer of the n-th handshake command.
type Change = fn(&mut Vec<u8>);

/// Every way in which the handshake can fail: how often the two commands left, and what the caller is told.
#[test]
fn one_initialize_update_and_at_most_one_external_authenticate() {
    use gp_scp03::Error as Scp;
    let refused = |ins, status| Failure::Refused(Refusal::new(ins, StatusWord(status)));
    let (iu, ea) = (ins::INITIALIZE_UPDATE, ins::EXTERNAL_AUTHENTICATE);
    let table: &[(&str, u8, Change, Failure, usize)] = &[
        ("key version", iu, |a| *a = vec![0x6A, 0x88], refused(iu, 0x6A88), 0),
        ("blocked", iu, |a| *a = vec![0x69, 0x83], refused(iu, 0x6983), 0),
        ("locked", iu, |a| *a = vec![0x69, 0x82], refused(iu, 0x6982), 0),
        ("counter", iu, |a| *a = vec![0x69, 0x85], refused(iu, 0x6985), 0),
        ("no such command", iu, |a| *a = vec![0x6D, 0x00], refused(iu, 0x6D00), 0),
        ("S16 card", iu, |a| *a = vec![0x67, 0x00], Failure::Channel(Scp::TryS16), 0),
        ("wrong Le", iu, |a| *a = vec![0x6C, 0x20], refused(iu, 0x6C20), 0),
        ("a warning", iu, |a| *a.last_mut().unwrap() = 0x01, refused(iu, 0x9001), 0),
        ("SCP02", iu, |a| a[11] = 0x02, Failure::Channel(Scp::OtherProtocol(2)), 0),
        ("S16 announced", iu, |a| a[12] |= 1, Failure::Channel(Scp::Malformed), 0),
        ("too short", iu, |a| assert_ne!(a.remove(20), 0x90), Failure::Channel(Scp::Malformed), 0),
        ("empty", iu, |a| *a = vec![0x90, 0x00], Failure::Channel(Scp::Malformed), 0),
        ("other key version", iu, |a| a[10] = 0x31, Failure::Channel(Scp::OtherKeyVersion(0x31)), 0),
        ("card challenge", iu, |a| a[13] ^= 1, Failure::Channel(Scp::CardCryptogram), 0),
        ("card cryptogram", iu, |a| a[28] ^= 0x80, Failure::Channel(Scp::CardCryptogram), 0),
        ("level not offered", iu, |a| a[12] = 0x10, Failure::Channel(Scp::Level), 0),
        ("no status word", iu, |a| a.truncate(1), Failure::Apdu(gp_apdu::Error::Truncated), 0),
        ("host cryptogram", ea, |a| *a = vec![0x63, 0x00], refused(ea, 0x6300), 1),
        ("C-MAC", ea, |a| *a = vec![0x69, 0x82], refused(ea, 0x6982), 1),
        ("level", ea, |a| *a = vec![0x6A, 0x86], refused(ea, 0x6A86), 1),
        ("wrong Le", ea, |a| *a = vec![0x6C, 0x08], refused(ea, 0x6C08), 1),
        ("data", ea, |a| *a = vec![0x00, 0x90, 0x00], Failure::Channel(Scp::Malformed), 1),
        ("nothing", ea, |a| a.clear(), Failure::Apdu(gp_apdu::Error::Truncated), 1),
    ];
    for (name, at, change, expected, ea_count) in table {
        let mut card = card(0x70);
        let (mut command, mut response) = ([0; 261], [0; 258]);
        let mut host = Host::new(&mut command, &mut response, ());
        let keys = keys(16);
        let mut counts = [0, 0, 0];
        let mut link = Link(|command: &[u8]| {
            match command[1] {
                0x50 => counts[0] += 1,
                0x82 => counts[1] += 1,
                _ => counts[2] += 1,
            }
            let mut answer = card.process(command);
            if command[1] == *at {
                change(&mut answer);
            }
            Ok(answer)
        });
        let task = Authenticate::new(challenge(8), SecurityLevel::Full, |_| Ok(&keys)).with_key_version(0x30);
        let error = run(&mut host, &mut link, task).unwrap_err();
        assert_eq!(error, Error::Failure(*expected), "{name}");
        assert!(host.secure_channel().is_none(), "{name}");
        assert!(!error.to_string().is_empty());
        // No session: nothing that needs one goes out, in whatever form.
        let after = list(&mut host, &mut link).unwrap_err();
        assert_eq!(after, Error::Failure(Failure::NoSession), "{name}");
        assert_eq!(counts, [1, *ea_count, 0], "{name}");
    }
}

#[test]
fn a_link_that_fails_at_each_step() {
    let keys = keys(16);
    for cut_at in 0..6 {
        let mut card = card(0x70);
        let (mut command, mut response) = ([0; 261], [0; 258]);
        let mut host = Host::new(&mut command, &mut response, ());
        let mut calls = 0;
        let mut link = Link(|command: &[u8]| {
            calls += 1;
            let answer = card.process(command);
            if calls == cut_at + 1 { Err(Cut) } else { Ok(answer) }
        });
        let mut failed = Vec::new();
        for step in 0..6 {
            let result = match step {
                0 => run(&mut host, &mut link, Select::issuer_security_domain()).map(drop),
                1 => {
                    let task = Authenticate::new(challenge(8), SecurityLevel::CMac, |_| Ok(&keys));
                    run(&mut host, &mut link, task).map(drop)
                }
                _ => list(&mut host, &mut link).map(drop),
            };
            if let Err(error) = result {
                failed.push((step, error));
            }
        }
        assert!(!host.is_awaiting());
        let lost = |step| (step, Error::Transport(Cut));
        let closed = |step| (step, Error::Failure(Failure::Channel(gp_scp03::Error::Closed)));
        let none = |step| (step, Error::Failure(Failure::NoSession));
        let expected = match cut_at {
            0 => vec![lost(0)],
            1 | 2 => vec![lost(1), none(2), none(3), none(4), none(5)],
            3 => vec![lost(2), closed(3), closed(4), closed(5)],
            4 => vec![lost(3), closed(4), closed(5)],
            _ => vec![lost(4), closed(5)],
        };
        assert_eq!(failed, expected, "cut at {cut_at}");
        // Nothing is in the clear because the session died; a knowing start over works.
        if cut_at > 2 {
            let plain = run(&mut host, &mut link, GetData::IIN).unwrap_err();
            assert_eq!(plain.failure(), Some(Failure::Channel(gp_scp03::Error::Closed)));
        }
        run(&mut host, &mut link, Select::issuer_security_domain()).unwrap();
        assert_eq!(run(&mut host, &mut link, GetData::IIN).unwrap().data, [0x42, 0x01, 0x77]);
        run(&mut host, &mut link, Authenticate::new(challenge(8), SecurityLevel::Full, |_| Ok(&keys))).unwrap();
        list(&mut host, &mut link).unwrap();
    }
}

#[test]
fn an_error_of_the_link_is_kept() {
    use core::error::Error as _;
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    let error = run(&mut host, &mut Link(|_: &[u8]| Err(Cut)), GetData::IIN).unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "the cable was cut");
    assert_eq!(error.failure(), None);
}

/// A future that is dropped after each number of polls: the session ends exactly when an answer was awaited.
#[test]
fn a_dropped_future_ends_the_session() {
    let keys = keys(16);
    for polls in 0..6 {
        let mut card = card(0x70);
        let mut calls = 0;
        let mut link = AsyncLink(|command: &[u8]| {
            calls += 1;
            Ok(card.process(command))
        });
        let (mut command, mut response) = ([0; 261], [0; 258]);
        let mut host = Host::new(&mut command, &mut response, ());
        let authenticate = || Authenticate::new(challenge(8), SecurityLevel::Full, |_| Ok(&keys));
        block_on(run_async(&mut host, &mut link, authenticate())).unwrap();

        let over =
            poll_and_drop(run_async(&mut host, &mut link, GetStatus::new(Subset::IssuerSecurityDomain, |_| ())), polls);
        assert_eq!(over, polls >= 2, "{polls}");
        assert_eq!(host.slot().is_dead(), polls == 1, "{polls}");
        assert!(!host.is_awaiting());
        let again = block_on(run_async(&mut host, &mut link, GetStatus::new(Subset::Applications, |_| ())));
        match again {
            Ok(listed) => assert!(polls != 1 && listed.entries == 1),
            Err(error) => {
                assert!(polls == 1);
                assert_eq!(error, Error::Failure(Failure::Channel(gp_scp03::Error::Closed)));
            }
        }
        // The host itself is as good as new.
        block_on(run_async(&mut host, &mut link, authenticate())).unwrap();
        block_on(run_async(&mut host, &mut link, GetStatus::new(Subset::Applications, |_| ()))).unwrap();
    }
}

/// A driver of one's own that begins anew without having digested: as if the link had failed.
#[test]
fn an_exchange_that_is_never_digested_ends_the_session() {
    let mut card = card(0x70);
    let keys = keys(16);
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    run(&mut host, &mut card, Authenticate::new(challenge(8), SecurityLevel::CMac, |_| Ok(&keys))).unwrap();
    let mut first = GetStatus::new(Subset::Applications, |_| ());
    host.begin(&mut first).unwrap();
    assert!(host.is_awaiting() && !host.io().0.is_empty());
    let mut second = GetStatus::new(Subset::Applications, |_| ());
    assert_eq!(host.begin(&mut second), Err(Failure::Channel(gp_scp03::Error::Closed)));
    assert!(host.slot().is_dead() && !host.is_awaiting());
    assert_eq!(host.digest(&mut second, 2).unwrap_err(), Failure::State);
    assert!(host.io().0.is_empty());
    // More octets than there was room for are no answer.
    host.reset();
    let mut select = Select::issuer_security_domain();
    host.begin(&mut select).unwrap();
    assert_eq!(host.digest(&mut select, 259).unwrap_err(), Failure::Apdu(gp_apdu::Error::Overrun));
}

#[test]
fn the_keys_are_asked_for_once_and_may_be_withheld() {
    let mut card = card(0x70);
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    let mut asked = 0;
    let task = Authenticate::new(challenge(8), SecurityLevel::CMac, |seen| {
        asked += 1;
        assert_eq!(seen.info().diversification, *b"DIVERSIFY.");
        Err::<gp_scp03::StaticKeys, _>(Failure::Stopped)
    });
    let error = run(&mut host, &mut card, task).unwrap_err();
    assert_eq!((error, asked), (Error::Failure(Failure::Stopped), 1));
    assert_eq!((card.count(0x50), card.count(0x82)), (1, 0));
}

#[test]
fn the_card_challenge_is_checked_as_the_policy_says() {
    let keys = keys(16);
    let aid = [0xA0, 0, 0, 1, 0x51, 0, 0, 0];
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    let mut card = card(0x70);
    let task = |policy| Authenticate::new(challenge(8), SecurityLevel::CMac, |_| Ok(&keys)).with_policy(policy);
    let opened = run(&mut host, &mut card, task(ChallengePolicy::Warn(&aid))).unwrap();
    assert_eq!(opened.challenge, ChallengeVerdict::Differs);
    let error = run(&mut host, &mut card, task(ChallengePolicy::Require(&aid))).unwrap_err();
    assert_eq!(error, Error::Failure(Failure::Channel(gp_scp03::Error::CardChallenge)));
    assert_eq!((card.count(0x50), card.count(0x82)), (2, 1));
    // The session before it has ended with INITIALIZE UPDATE.
    assert!(host.secure_channel().is_none());
}

#[test]
fn a_limit_of_messages_is_told_before_anything_is_sent() {
    let keys = keys(16);
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    let mut card = card(0x70);
    let task = Authenticate::new(challenge(8), SecurityLevel::CMac, |_| Ok(&keys)).with_message_limit(2);
    run(&mut host, &mut card, task).unwrap();
    list(&mut host, &mut card).unwrap();
    list(&mut host, &mut card).unwrap();
    let sent = card.seen.len();
    assert_eq!(
        list(&mut host, &mut card).unwrap_err(),
        Error::Failure(Failure::Channel(gp_scp03::Error::MessageLimit))
    );
    assert_eq!(card.seen.len(), sent);
    assert!(!host.slot().is_dead());
}

/// The future of `run_async` can move between threads when link, observer and operation can: this compiles.
#[test]
fn the_future_is_send() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    let mut card = card(0x70);
    let mut link = AsyncLink(move |command: &[u8]| Ok(card.process(command)));
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    let keys = keys(16);
    let task = Authenticate::new(challenge(8), SecurityLevel::CMac, |_| Ok(&keys));
    block_on(send(run_async(&mut host, &mut link, task))).unwrap();
    let mut names = Vec::new();
    let list = GetStatus::new(Subset::Applications, |entry| names.push(entry.unwrap().aid));
    block_on(send(run_async(&mut host, &mut link, list))).unwrap();
    assert_eq!(names.len(), 1);
    let selected = block_on(send(run_async(&mut host, &mut link, Select::issuer_security_domain()))).unwrap();
    assert_eq!(selected.data, [0x6F, 0x00]);
}
