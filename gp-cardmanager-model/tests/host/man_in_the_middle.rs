//! Somebody on the wire strips, cuts, exchanges, replays and injects: under R-MAC the host never takes it for the card's
//! word, and below R-MAC it never says that it is.

use crate::support;
use gp_apdu::{StatusWord, ins};
use gp_cardmanager_model::host::{Authenticate, Error, Event, Failure, GetData, Host, Origin, run};
use gp_scp03::{Challenge, Reply, SecurityLevel};
use proptest::prelude::*;
use support::{Handled, Link, TestCard, keys, scale};

/// What the card really has to say: a different answer each time.
fn truth(number: u8) -> Vec<u8> {
    (0..24).map(|i| number ^ (i * 7)).collect()
}

fn handler() -> impl FnMut(gp_apdu::Header, &[u8]) -> Handled {
    let mut number = 0;
    move |header, _| {
        if header.ins != ins::GET_DATA {
            return (Vec::new(), StatusWord::INS_NOT_SUPPORTED);
        }
        number += 1;
        (truth(number), StatusWord::OK)
    }
}

/// Three commands; the answer to the second passes through `meddle`, which sees the first one, too. Says what the host
/// made of the second and third answers, how many of its commands the card and the man in the middle saw, and what an
/// observer was shown as authentic.
struct Outcome {
    second: Result<(Vec<u8>, Origin), Failure>,
    third: Result<(Vec<u8>, Origin), Failure>,
    dead: bool,
    authentic: Vec<Vec<u8>>,
    sent: usize,
}

fn attack(level: SecurityLevel, i: u8, mut meddle: impl FnMut(usize, &[u8], &[u8]) -> Vec<u8>) -> Outcome {
    let mut card = TestCard::new(16, i, handler());
    let keys = keys(16);
    let (mut command, mut response) = ([0; 261], [0; 600]);
    let mut authentic = Vec::new();
    let observer = |event: Event<'_>| {
        if let Event::Opened(Reply::Authentic(response)) = event {
            authentic.push(response.data.to_vec());
        }
    };
    let mut host = Host::new(&mut command, &mut response, observer);
    let challenge = Challenge::new(&[0x11; 16][..if i & 1 == 0 { 8 } else { 16 }]).unwrap();
    run(&mut host, &mut card, Authenticate::new(challenge, level, |_| Ok(&keys))).unwrap();
    let mut first = Vec::new();
    let mut link = Link(|command: &[u8]| {
        first = card.process(command);
        Ok(first.clone())
    });
    assert_eq!(run(&mut host, &mut link, GetData::IIN).unwrap().data, truth(1));
    let (mut calls, mut after) = (0, 0);
    let mut stream = |command: &[u8], meddling: bool| {
        if !meddling {
            return card.process(command);
        }
        let answer = if command[1] == ins::GET_RESPONSE { Vec::new() } else { card.process(command) };
        calls += 1;
        meddle(calls - 1, &first, &answer)
    };
    let read = |result: Result<gp_cardmanager_model::host::Answer<'_>, Error<support::Cut>>| match result {
        Ok(answer) => Ok((answer.data.to_vec(), answer.origin)),
        // More than the buffer holds: the link fails.
        Err(error) => Err(error.failure().unwrap_or(Failure::Stopped)),
    };
    let second = read(run(&mut host, &mut Link(|c: &[u8]| Ok(stream(c, true))), GetData::IIN));
    let third = read(run(
        &mut host,
        &mut Link(|c: &[u8]| {
            after += 1;
            Ok(stream(c, false))
        }),
        GetData::IIN,
    ));
    let dead = host.slot().is_dead();
    drop(host);
    Outcome { second, third, dead, authentic, sent: calls + after }
}

type Meddle = fn(&[u8], &[u8]) -> Vec<u8>;

fn status(answer: &[u8], status: u16) -> Vec<u8> {
    [&answer[..answer.len() - 2], &status.to_be_bytes()].concat()
}

/// The attack, and whether the answer that comes out is an error status without data, which no MAC can vouch for.
const ATTACKS: &[(&str, bool, Meddle)] = &[
    ("the MAC is stripped", false, |_, a| [&a[..a.len() - 10], &[0x90, 0x00]].concat()),
    ("MAC and data are stripped", false, |_, _| vec![0x90, 0x00]),
    ("cut by an octet", false, |_, a| [&a[..a.len() - 3], &[0x90, 0x00]].concat()),
    ("cut in front", false, |_, a| a[1..].to_vec()),
    ("longer by an octet", false, |_, a| [&[0][..], a].concat()),
    ("another success", false, |_, a| status(a, 0x6310)),
    ("a warning without data", false, |_, _| vec![0x63, 0x10]),
    ("an error with data", false, |_, a| status(a, 0x6A88)),
    ("an error of the maker's with data", false, |_, a| status(a, 0x9F10)),
    ("an error", true, |_, _| vec![0x6A, 0x88]),
    ("wrong Le", true, |_, _| vec![0x6C, 0x20]),
    ("the answer before", false, |first, _| first.to_vec()),
    ("the MAC of the answer before", false, |first, a| [&a[..a.len() - 10], &first[first.len() - 10..]].concat()),
    ("a bit of the data", false, |_, a| [&[a[0] ^ 0x10], &a[1..]].concat()),
    ("nothing but the status word of another", false, |_, _| vec![0x62, 0x83]),
];

#[test]
fn nothing_meddled_with_is_authentic() {
    let mut cases = 0;
    for level in SecurityLevel::ALL.into_iter().filter(|level| level.has_r_mac()) {
        for i in [0x70, 0x71] {
            for (name, refusal, meddle) in ATTACKS {
                let outcome = attack(level, i, |_, first, answer| meddle(first, answer));
                let what = format!("{name}, level {:02X}, i {i:02X}: {:?}", level.octet(), outcome.second);
                assert!(outcome.second.is_err(), "{what}");
                if *refusal {
                    assert!(matches!(outcome.second, Err(Failure::Refused(_))), "{what}");
                    // The channel is intact: the card's next answer is its own.
                    assert_eq!(outcome.third, Ok((truth(3), Origin::Authentic)), "{what}");
                    assert_eq!(outcome.authentic, [truth(1), truth(3)], "{what}");
                } else {
                    assert_eq!(outcome.second, Err(Failure::Channel(gp_scp03::Error::Security)), "{what}");
                    assert_eq!(outcome.third, Err(Failure::Channel(gp_scp03::Error::Closed)), "{what}");
                    assert!(outcome.dead, "{what}");
                    assert_eq!(outcome.authentic, [truth(1)], "{what}");
                    assert_eq!(outcome.sent, 1, "{what}");
                }
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 3 * 2 * ATTACKS.len());
}

#[test]
fn without_r_mac_nothing_is_called_authentic() {
    for level in SecurityLevel::ALL.into_iter().filter(|level| !level.has_r_mac()) {
        for (name, _, meddle) in ATTACKS {
            let outcome = attack(level, 0x70, |_, first, answer| meddle(first, answer));
            if let Ok((_, origin)) = outcome.second {
                assert_eq!(origin, Origin::Plain, "{name}");
            }
            assert!(outcome.authentic.is_empty());
            assert!(!outcome.dead, "{name}");
        }
    }
}

/// `61xx` in front of the true answer, which then comes in pieces of the attacker's choice: the joined octets are what the
/// R-MAC covers, so the truth passes and nothing else does.
#[test]
fn parts_are_joined_before_they_are_verified() {
    for level in SecurityLevel::ALL.into_iter().filter(|level| level.has_r_mac()) {
        for cut in 0..=24 {
            let mut rest = Vec::new();
            let outcome = attack(level, 0x70, |call, _, answer| match call {
                0 => {
                    rest = answer[cut..].to_vec();
                    [&answer[..cut], &[0x61, 0x00]].concat()
                }
                _ => core::mem::take(&mut rest),
            });
            assert_eq!(outcome.second, Ok((truth(2), Origin::Authentic)));
            assert_eq!(outcome.third, Ok((truth(3), Origin::Authentic)));
            let outcome = attack(level, 0x70, |call, first, answer| match call {
                0 => [&answer[..cut], &[0x61, 0x00]].concat(),
                // The rest is that of the answer before.
                _ => first[cut..].to_vec(),
            });
            assert_eq!(outcome.second, Err(Failure::Channel(gp_scp03::Error::Security)));
        }
    }
}

#[test]
fn endless_parts_end() {
    let outcome = attack(SecurityLevel::Full, 0x70, |_, _, _| vec![0x61, 0x00]);
    assert_eq!(outcome.second, Err(Failure::Apdu(gp_apdu::Error::TooManyParts)));
    assert!(outcome.dead && outcome.sent <= 1 + 2 * usize::from(gp_apdu::Exchange::MAX_PARTS));
    let outcome = attack(SecurityLevel::Full, 0x70, |_, _, _| vec![0xAA, 0x61, 0x01]);
    assert!(matches!(outcome.second, Err(Failure::Apdu(_))), "{:?}", outcome.second);
    assert!(outcome.dead);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(scale(2000)) })]

    /// Whatever comes back in place of the answer: it is the truth, or it is not authentic.
    #[test]
    fn any_octets_in_place_of_the_answer(
        garbage in proptest::collection::vec(any::<u8>(), 0..60),
        keep in 0_usize..34,
        level in 3_usize..6,
        end in proptest::option::of(prop::sample::select(&[0x9000_u16, 0x6310, 0x6A88, 0x6120, 0x6C10][..])),
    ) {
        let level = SecurityLevel::ALL[level];
        let outcome = attack(level, 0x70, |call, _, answer| {
            let kept = if call == 0 { answer.get(..keep).unwrap_or(answer) } else { &[] };
            let end = end.map_or(Vec::new(), |end| end.to_be_bytes().to_vec());
            [kept, &garbage, &end].concat()
        });
        match outcome.second {
            Ok((data, origin)) => {
                prop_assert_eq!(origin, Origin::Authentic);
                prop_assert_eq!(data, truth(2));
            }
            Err(_) => prop_assert!(outcome.authentic.iter().all(|data| *data == truth(1) || *data == truth(3))),
        }
    }
}
