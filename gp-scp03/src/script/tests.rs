extern crate std;

use std::vec::Vec;

use gp_apdu::{Class, Command, Form, Header, Le, Response, StatusWord};

use super::*;
use crate::{ChallengePolicy, ChallengeVerdict, ExpandedKeys, Initiator, Key, KeySetInfo, Responder, StaticKeys};

const AID: [u8; 8] = [0xA0, 0, 0, 1, 0x51, 0, 0, 0];

/// Is the feature of this key length on?
fn known(length: usize) -> bool {
    Key::new(&[0; 32][..length]).is_ok()
}

fn keys(length: usize, seed: u8) -> StaticKeys {
    let key = |part: u8| {
        let octets: Vec<u8> = (0..length as u8).map(|i| i.wrapping_mul(29) ^ seed ^ part).collect();
        Key::new(&octets).unwrap()
    };
    StaticKeys::new(key(0x10), key(0x20), key(0x30)).unwrap()
}

fn target(i: u8, sequence: u8) -> Target<'static> {
    Target {
        key_version: 0x31,
        implementation: Implementation::new(i),
        sequence: SequenceCounter::new([0, 1, sequence]),
        aid: &AID,
        channel: LogicalChannel::BASIC,
    }
}

fn host(octets: usize) -> Challenge {
    Challenge::new(&[0x5C; 16][..octets]).unwrap()
}

fn command(buffer: &mut [u8], data: usize) -> CommandBuf<'_> {
    let mut command = CommandBuf::new(buffer, Header::new(Class::GP, 0xE2, 0, data as u8), Form::Short).unwrap();
    command.push(&[0xD7; 200][..data]).unwrap().expect(Le::MAX_SHORT);
    command
}

/// The card that the script was made for, here all along.
fn card(keys: &StaticKeys, target: &Target<'_>, host: &Challenge) -> (Responder, Vec<u8>) {
    let info = KeySetInfo {
        diversification: *b"0123456789",
        key_version: target.key_version,
        implementation: target.implementation,
        sequence: Some(target.sequence),
    };
    let mut out = [0; 64];
    let update =
        Initiator::new(*host, LogicalChannel::BASIC, target.key_version).initialize_update(&mut out).unwrap().to_vec();
    let mut card = Responder::new();
    let request = card.initialize_update(&Command::parse(&update).unwrap(), info.implementation).unwrap();
    let challenge = Challenge::pseudo_random(&mut &*keys, host.mode(), target.sequence, target.aid).unwrap();
    let length = card.challenge(&mut &*keys, &info, &request, &challenge, &mut out).unwrap();
    (card, out[..length].to_vec())
}

#[test]
fn the_card_takes_the_script_and_the_script_its_answers() {
    for (length, i, level) in [
        (16, 0x70, SecurityLevel::Full),
        (24, 0x71, SecurityLevel::Full),
        (32, 0x70, SecurityLevel::CMacRMac),
        (16, 0x10, SecurityLevel::CMac),
        (16, 0x11, SecurityLevel::CMacCDecryption),
    ] {
        if !known(length) {
            continue;
        }
        let (keys, target) = (keys(length, 1), target(i, 7));
        let host = host(target.implementation.mode().octets());
        let mut first = [0; 64];
        let (mut script, authenticate) = Script::new(&mut &keys, &target, &host, level, &mut first).unwrap();
        let (mut card, answer) = card(&keys, &target, &host);
        assert!(script.foreseen().matches(&answer));
        let length = authenticate.len();
        card.external_authenticate(&mut CommandBuf::parse(&mut first, length).unwrap()).unwrap();
        let mut exchanged = Vec::new();
        for data in [0, 1, 15, 16, 40] {
            let mut buffer = [0; 261];
            let mut command = command(&mut buffer, data);
            let key = script.wrap(&mut command).unwrap();
            let length = command.finish().unwrap().len();
            let mut command = CommandBuf::parse(&mut buffer, length).unwrap();
            assert_eq!(card.unwrap(&mut command), Ok(Some(level)), "{data}");
            let mut back = [data as u8; 261];
            let length = card.wrap(&mut back, data, StatusWord::OK).unwrap().len();
            exchanged.push((key, data, back[..length].to_vec()));
        }
        for (key, data, mut answer) in exchanged.into_iter().rev() {
            let reply = script.unwrap(&key, &mut answer).unwrap();
            assert_eq!(matches!(reply, Reply::Authentic(_)), level.has_r_mac());
            assert_eq!(reply.response().unwrap().data, &[data as u8; 40][..data]);
        }
    }
}

/// Live and on paper, with raw and with expanded keys: the same octets.
#[test]
fn a_script_says_what_a_live_session_says() {
    for length in [16, 24, 32].into_iter().filter(|length| known(*length)) {
        let (keys, target, host) = (keys(length, 9), target(0x70, 1), host(8));
        let expanded = ExpandedKeys::new(&keys);
        let (_, answer) = card(&keys, &target, &host);
        let (mut live, mut raw, mut ready) = ([0; 64], [0; 64], [0; 64]);
        let challenged = Initiator::new(host, LogicalChannel::BASIC, 0x31)
            .challenged(Response { data: &answer, status: StatusWord::OK })
            .unwrap();
        let (authenticating, live) = challenged
            .authenticate(&mut &expanded, SecurityLevel::Full, ChallengePolicy::Require(&AID), &mut live)
            .unwrap();
        assert_eq!(authenticating.challenge(), ChallengeVerdict::Matches);
        let (_, raw) = Script::new(&mut &keys, &target, &host, SecurityLevel::Full, &mut raw).unwrap();
        let (_, ready) = Script::new(&mut &expanded, &target, &host, SecurityLevel::Full, &mut ready).unwrap();
        assert_eq!((&*live, &*live), (&*raw, &*ready));
    }
    let expanded = ExpandedKeys::new(&keys(16, 1));
    assert_eq!((&mut &expanded).cmac(crate::KeyId::Dek, &[]), Err(Error::KeySource));
}

#[test]
fn side_by_side_equals_in_turn_and_a_refusal_changes_nothing() {
    let lengths = [16, 24, 32].into_iter().filter(|length| known(*length));
    for (length, level) in lengths.flat_map(|length| [(length, SecurityLevel::Full), (length, SecurityLevel::CMac)]) {
        let make = || -> [Script; 8] {
            core::array::from_fn(|at| {
                let mut out = [0; 64];
                let keys = keys(length, at as u8);
                Script::new(&mut &keys, &target(0x70, at as u8), &host(8), level, &mut out).unwrap().0
            })
        };
        let (mut turn, mut each) = (make(), make());
        // From 64 octets in each side by side, else in turn.
        for data in [30, 0, 1, 200, 16, 127, 128, 129, 160] {
            let (mut b0, mut b1) = ([[0; 261]; 8], [[0; 261]; 8]);
            let mut expected = Vec::new();
            for (at, (script, buffer)) in turn.iter_mut().zip(&mut b0).enumerate() {
                let mut command = command(buffer, data / (1 + at % 2));
                expected.push(script.wrap(&mut command).unwrap());
                command.finish().unwrap();
            }
            let mut at = 0;
            let mut commands = b1.each_mut().map(|buffer| {
                at += 1;
                command(buffer, data / (1 + (at - 1) % 2))
            });
            // One of them is for another channel: all stay as they are.
            let class = commands[6].header().cla;
            commands[6].set_class(class.with_channel(LogicalChannel::new(1).unwrap()).unwrap());
            let before: Vec<_> = commands.iter().map(|command| (command.header(), command.data().to_vec())).collect();
            let keys = each.each_ref().map(Script::reply_key);
            assert_eq!(Script::wrap_each(each.each_mut(), commands.each_mut()), Err(Error::Class));
            assert_eq!(each.each_ref().map(Script::reply_key), keys);
            let after: Vec<_> = commands.iter().map(|command| (command.header(), command.data().to_vec())).collect();
            assert_eq!(before, after);
            commands[6].set_class(class);
            let keys = Script::wrap_each(each.each_mut(), commands.each_mut()).unwrap();
            assert_eq!(keys.to_vec(), expected);
            let _ = commands.map(|command| command.finish().unwrap().len());
            assert_eq!(b0, b1, "{data}");
        }
    }
}

#[test]
fn what_cannot_be_foreseen_is_refused() {
    let keys = keys(16, 3);
    let new = |target: &Target<'_>, host: &Challenge, level, room: usize| {
        Script::new(&mut &keys, target, host, level, &mut [0; 64][..room]).err()
    };
    let full = SecurityLevel::Full;
    assert_eq!(new(&target(0x60, 1), &host(8), full, 64), Some(Error::CardChallenge));
    assert_eq!(new(&target(0x70, 1), &host(16), full, 64), Some(Error::OtherMode));
    assert_eq!(new(&target(0x10, 1), &host(8), full, 64), Some(Error::Level));
    assert_eq!(new(&Target { aid: &AID[..4], ..target(0x70, 1) }, &host(8), full, 64), Some(Error::AidLength));
    assert_eq!(new(&target(0x70, 1), &host(8), full, 20), Some(Error::Apdu(gp_apdu::Error::BufferFull)));
    assert_eq!(new(&target(0x70, 1), &host(8), full, 64), None);
}

/// One script of each level, also that which protects nothing: each as it would be in turn, in turn and side by side.
#[test]
fn scripts_of_different_levels_side_by_side() {
    let mut out = [0; 64];
    let mut make = || {
        SecurityLevel::ALL.map(|level| {
            Script::new(&mut &keys(16, 5), &target(0x70, level.octet()), &host(8), level, &mut out).unwrap().0
        })
    };
    let (mut turn, mut each) = (make(), make());
    for (number, data) in (1..).zip([21, 80]) {
        let (mut b0, mut b1) = ([[0; 261]; SecurityLevel::ALL.len()], [[0; 261]; SecurityLevel::ALL.len()]);
        let mut expected = Vec::new();
        for (script, buffer) in turn.iter_mut().zip(&mut b0) {
            let mut command = command(buffer, data);
            expected.push(script.wrap(&mut command).unwrap());
            command.finish().unwrap();
        }
        let mut commands = b1.each_mut().map(|buffer| command(buffer, data));
        let keys = Script::wrap_each(each.each_mut(), commands.each_mut()).unwrap();
        assert_eq!(keys.to_vec(), expected);
        let lengths = commands.map(|command| command.finish().unwrap().len());
        assert_eq!(b0, b1);
        let plain = SecurityLevel::ALL.map(|level| !level.has_c_mac());
        assert_eq!(lengths.map(|length| length == 5 + data + 1), plain);
        assert_eq!(keys.map(|key| key.counter), plain.map(|plain| if plain { 0 } else { number }));
    }
}

#[test]
fn commands_that_a_script_does_not_wrap_change_nothing() {
    let mut out = [0; 64];
    let (mut script, _) =
        Script::new(&mut &keys(16, 5), &target(0x70, 1), &host(8), SecurityLevel::Full, &mut out).unwrap();
    let before = script.reply_key();
    let mut buffer = [0; 261];
    let header = Header::new(Class::GP, 0xE2, 0, 0);
    let mut chained = CommandBuf::new(&mut buffer, header, Form::Chained(gp_apdu::Chaining::Gp)).unwrap();
    assert_eq!(script.wrap(&mut chained), Err(Error::Apdu(gp_apdu::Error::Chained)));
    let mut asks = command(&mut buffer, 3);
    asks.expect(Le::new(257).unwrap());
    assert_eq!(script.wrap(&mut asks), Err(Error::Apdu(gp_apdu::Error::LeTooLarge)));
    assert_eq!((asks.header(), asks.data()), (Header::new(Class::GP, 0xE2, 0, 3), &[0xD7; 3][..]));
    assert_eq!(script.reply_key(), before);
}

/// A refusal is what it is at any level; and a script that is formatted shows no key.
#[test]
fn refusals_and_what_is_shown() {
    for level in SecurityLevel::ALL {
        let mut out = [0; 64];
        let (mut script, _) = Script::new(&mut &keys(16, 5), &target(0x70, 1), &host(8), level, &mut out).unwrap();
        let mut buffer = [0; 261];
        let key = script.wrap(&mut command(&mut buffer, 3)).unwrap();
        let mut refusal = [0x6A, 0x88];
        let reply = script.unwrap(&key, &mut refusal);
        assert_eq!(reply, Ok(Reply::Refused(StatusWord(0x6A88))));
        assert_eq!(reply.and_then(Reply::authentic), Err(Error::Status(StatusWord(0x6A88))));
        let told = if level.has_r_mac() { Err(Error::Security) } else { Ok(()) };
        assert_eq!(script.unwrap(&key, &mut [0xD7, 0x6A, 0x88]).map(|_| ()), told);
        let text = std::format!("{script:X?}");
        assert!(text.starts_with("Script") && text.contains("foreseen"), "{text}");
        let keys = script.session_keys();
        for secret in [keys.enc(), keys.mac(), keys.r_mac()] {
            let start = std::format!("{:X?}", &secret.expose_secret()[..3]);
            assert!(!text.contains(start.trim_matches(['[', ']'])), "{text}");
        }
    }
}
