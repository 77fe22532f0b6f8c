//! How a session does not come about: every reason, at either end, and that nothing is sent or opened then.

use gp_apdu::{Command, CommandBuf, LogicalChannel, Response, StatusWord};
use gp_scp03::hazmat::{Constant, derive};
use gp_scp03::{
    Challenge, ChallengePolicy, ChallengeVerdict, Error, ExpandedKeys, Implementation, InitializeUpdate,
    InitializeUpdateResponse, Initiator, Key, KeyId, KeyLength, KeySource, Mode, Responder, ResponderState,
    SecurityLevel, SequenceCounter, StaticKeys,
};

#[path = "support/session.rs"]
mod session;

use session::{AID, Setup, octets};

const MODES: [Mode; 2] = [Mode::S8, Mode::S16];

fn ok(data: &[u8]) -> Response<'_> {
    Response { data, status: StatusWord::OK }
}

/// The host's verdict on an answer to INITIALIZE UPDATE.
fn challenged(setup: &Setup, key_version: u8, response: Response<'_>) -> Option<Error> {
    Initiator::new(setup.host_challenge(), setup.channel, key_version).challenged(response).err()
}

#[test]
fn status_words_to_initialize_update() {
    for mode in MODES {
        let setup = Setup::new(16, mode, SecurityLevel::Full, 0);
        for value in (0..=u16::MAX).filter(|value| *value != 0x9000) {
            let status = StatusWord(value);
            let expected = match (value, mode) {
                (0x6700, Mode::S8) => Error::TryS16,
                _ => Error::Status(status),
            };
            assert_eq!(challenged(&setup, 0, Response { data: &[], status }), Some(expected));
        }
    }
}

/// 29, 32, 45 or 48 octets, and exactly the one of these that `i` announces.
#[test]
fn lengths_of_the_initialize_update_answer() {
    let mut accepted = 0;
    for i in 0..=255_u8 {
        for length in 0..=60 {
            let mut data = octets(40, length);
            if let Some(info) = data.get_mut(10..13) {
                info.copy_from_slice(&[0x31, 0x03, i]);
            }
            let announced = 13 + 2 * if i & 0x01 != 0 { 16 } else { 8 } + if i & 0x10 != 0 { 3 } else { 0 };
            let result = InitializeUpdateResponse::parse(&data);
            assert_eq!(result.is_ok(), length == announced, "i {i:02X}, {length} octets");
            let setup = Setup::new(16, if i & 0x01 != 0 { Mode::S16 } else { Mode::S8 }, SecurityLevel::CMac, 0);
            match result {
                Ok(answer) => {
                    assert_eq!(answer.info.implementation, Implementation::new(i));
                    assert_eq!(answer.info.key_version, 0x31);
                    assert_eq!(answer.info.diversification, data[..10]);
                    let size = answer.card_challenge.octets().len();
                    assert_eq!(answer.card_challenge.octets(), &data[13..13 + size]);
                    assert_eq!(answer.card_cryptogram, &data[13 + size..13 + 2 * size]);
                    let counter = answer.info.sequence.map(|counter| counter.octets().to_vec());
                    assert_eq!(counter.unwrap_or_default(), data[13 + 2 * size..]);
                    assert_eq!(challenged(&setup, 0, ok(&data)), None);
                    let other =
                        Setup::new(16, if i & 0x01 != 0 { Mode::S8 } else { Mode::S16 }, SecurityLevel::CMac, 0);
                    assert_eq!(challenged(&other, 0, ok(&data)), Some(Error::OtherMode));
                    accepted += 1;
                }
                Err(error) => {
                    assert_eq!(error, Error::Malformed);
                    assert_eq!(challenged(&setup, 0, ok(&data)), Some(Error::Malformed));
                }
            }
        }
    }
    assert_eq!(accepted, 256);
}

#[test]
fn other_protocols_and_key_versions() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::CMac, 0);
    let (_, answer) = setup.challenged_card();
    for octet in 0..=255 {
        let mut data = answer[..answer.len() - 2].to_vec();
        data[11] = octet;
        assert_eq!(challenged(&setup, 0, ok(&data)), (octet != 3).then_some(Error::OtherProtocol(octet)));
        let mut data = answer[..answer.len() - 2].to_vec();
        data[10] = octet;
        assert_eq!(challenged(&setup, 0, ok(&data)), None, "any key version will do when none was asked for");
        assert_eq!(challenged(&setup, 0x31, ok(&data)), (octet != 0x31).then_some(Error::OtherKeyVersion(octet)));
    }
    // An SCP02 answer is 28 octets: its protocol is told before its length is.
    let mut scp02 = octets(41, 28);
    scp02[11] = 0x02;
    assert_eq!(challenged(&setup, 0, ok(&scp02)), Some(Error::OtherProtocol(2)));
}

/// Other keys, or another card: the host finds out, and writes nothing that could be sent.
#[test]
fn a_wrong_card_cryptogram_sends_nothing() {
    for mode in MODES {
        let setup = Setup::new(16, mode, SecurityLevel::CMac, 0);
        let (_, answer) = setup.challenged_card();
        let right = setup.keys();
        let key = |id| right.key(id).duplicate_secret();
        let other = || Key::new(&[0x77; 16]).unwrap();
        // Whoever has a wrong Key-MAC has a wrong cryptogram. A wrong Key-ENC shows in the pseudo-random challenge, if the host
        // looks at it, and a wrong Key-DEK not at all.
        for (keys, policy, expected) in [
            (
                StaticKeys::new(key(KeyId::Enc), other(), key(KeyId::Dek)),
                ChallengePolicy::Off,
                Some(Error::CardCryptogram),
            ),
            (StaticKeys::new(other(), key(KeyId::Mac), key(KeyId::Dek)), ChallengePolicy::Off, None),
            (
                StaticKeys::new(other(), key(KeyId::Mac), key(KeyId::Dek)),
                ChallengePolicy::Require(&AID),
                Some(Error::CardChallenge),
            ),
            (StaticKeys::new(key(KeyId::Enc), key(KeyId::Mac), other()), ChallengePolicy::Require(&AID), None),
            (StaticKeys::same(&[0x77; 16]), ChallengePolicy::Warn(&AID), Some(Error::CardCryptogram)),
            (StaticKeys::same(&octets(2, 24)), ChallengePolicy::Off, Some(Error::CardCryptogram)),
            (StaticKeys::same(&octets(2, 32)), ChallengePolicy::Off, Some(Error::CardCryptogram)),
        ] {
            let challenged = setup.initiator().challenged(Response::parse(&answer).unwrap()).unwrap();
            let mut buffer = [0x5A; 64];
            let result = challenged.authenticate(&mut keys.unwrap(), setup.level, policy, &mut buffer).map(|_| ());
            assert_eq!(result.err(), expected);
            assert_eq!(buffer == [0x5A; 64], expected.is_some());
        }
    }
}

#[test]
fn policies_for_the_card_challenge() {
    for i in [0x60, 0x70] {
        let setup = Setup { i, ..Setup::new(16, Mode::S8, SecurityLevel::CMac, 0) };
        let (_, answer) = setup.challenged_card();
        let other = [0xA0, 0, 0, 0, 3];
        let random = i == 0x60;
        for (policy, expected) in [
            (ChallengePolicy::Off, Ok(ChallengeVerdict::NotChecked)),
            (
                ChallengePolicy::Warn(&AID),
                Ok(if random { ChallengeVerdict::Random } else { ChallengeVerdict::Matches }),
            ),
            (
                ChallengePolicy::Warn(&other),
                Ok(if random { ChallengeVerdict::Random } else { ChallengeVerdict::Differs }),
            ),
            (
                ChallengePolicy::Require(&AID),
                if random { Err(Error::CardChallenge) } else { Ok(ChallengeVerdict::Matches) },
            ),
            (ChallengePolicy::Require(&other), Err(Error::CardChallenge)),
            // An AID that is none is the caller's mistake, where it is looked at.
            (ChallengePolicy::Warn(&[1; 4]), if random { Ok(ChallengeVerdict::Random) } else { Err(Error::AidLength) }),
            (ChallengePolicy::Require(&[1; 17]), Err(if random { Error::CardChallenge } else { Error::AidLength })),
        ] {
            let challenged = setup.initiator().challenged(Response::parse(&answer).unwrap()).unwrap();
            let mut buffer = [0; 64];
            let result = challenged.authenticate(&mut setup.keys(), setup.level, policy, &mut buffer);
            assert_eq!(result.map(|(authenticating, _)| authenticating.challenge()), expected, "{policy:?}");
        }
    }
}

/// A module that can be told to fail, and counts.
struct Module {
    keys: StaticKeys,
    left: usize,
}

impl KeySource for Module {
    fn cmac(&mut self, key: KeyId, parts: &[&[u8]]) -> Result<[u8; 16], Error> {
        self.left = self.left.checked_sub(1).ok_or(Error::KeySource)?;
        assert_ne!(key, KeyId::Dek, "the handshake never touches Key-DEK");
        self.keys.cmac(key, parts)
    }

    fn length(&self) -> KeyLength {
        self.keys.length()
    }
}

/// Wherever the security module fails, the handshake ends with its error, at both ends.
#[test]
fn a_key_source_that_fails() {
    for (key_length, blocks) in [(16, 1), (24, 2), (32, 2)] {
        let setup = Setup::new(key_length, Mode::S16, SecurityLevel::Full, 0);
        let (_, answer) = setup.challenged_card();
        let needed = 3 * blocks;
        for left in 0..=needed + 1 {
            let mut module = Module { keys: setup.keys(), left };
            let challenged = setup.initiator().challenged(Response::parse(&answer).unwrap()).unwrap();
            let mut buffer = [0; 64];
            let result = challenged.authenticate(&mut module, setup.level, ChallengePolicy::Require(&AID), &mut buffer);
            // One more for the challenge.
            assert_eq!(result.err(), (left < needed + 1).then_some(Error::KeySource));

            let mut module = Module { keys: setup.keys(), left };
            let mut card = Responder::new();
            let request = setup.initiator().initialize_update(&mut buffer).unwrap().to_vec();
            let parsed = Command::parse(&request).unwrap();
            let request = card.initialize_update(&parsed, Implementation::new(setup.i)).unwrap();
            let result = card.challenge(&mut module, &setup.info(), &request, &setup.card_challenge(), &mut buffer);
            assert_eq!(result.err(), (left < needed).then_some(StatusWord::UNKNOWN));
            let state = if left < needed { ResponderState::Idle } else { ResponderState::Challenged };
            assert_eq!(card.state(), state);
        }
    }
}

#[test]
fn what_is_known_once_the_card_has_answered() {
    for mode in MODES {
        let setup = Setup::new(16, mode, SecurityLevel::Full, 0);
        let (_, answer) = setup.challenged_card();
        let challenged = setup.initiator().challenged(Response::parse(&answer).unwrap()).unwrap();
        assert_eq!(challenged.host_challenge(), &setup.host_challenge());
        assert_eq!(challenged.card_challenge(), &setup.card_challenge());
        assert_eq!(challenged.info(), &setup.info());
        assert_ne!(challenged.host_challenge(), challenged.card_challenge());
    }
}

/// What a source answers to one message in two parts, to two messages at once, and how long its keys are.
type Answers = (Result<[u8; 16], Error>, Result<[[u8; 16]; 2], Error>, KeyLength);

/// The answers under each key.
fn answers(mut source: impl KeySource) -> Vec<Answers> {
    let mut ask = |key| {
        let mut macs = [[0; 16]; 2];
        let each = source.cmac_each(key, &[b"of two parts", b""], &mut macs).map(|()| macs);
        (source.cmac(key, &[b"of two ", b"parts"]), each, source.length())
    };
    [KeyId::Enc, KeyId::Mac, KeyId::Dek].into_iter().map(&mut ask).collect()
}

/// By value, behind references, behind a trait object, expanded: a key set answers the same. Expanded keys have no Key-DEK.
#[test]
fn a_key_set_answers_the_same_however_it_is_held() {
    for key_length in [16, 24, 32] {
        let setup = Setup::new(key_length, Mode::S8, SecurityLevel::Full, 0);
        let keys = setup.keys();
        let expected = answers(&keys);
        for (mac, each, length) in &expected {
            assert_eq!((mac.unwrap(), length.octets()), (each.unwrap()[0], key_length));
            assert_ne!(each.unwrap()[0], each.unwrap()[1]);
        }
        assert_ne!(expected[0].0, expected[1].0);
        assert_eq!(answers(setup.keys()), expected);
        assert_eq!(answers(&mut setup.keys()), expected);
        assert_eq!(answers(&mut setup.keys() as &mut dyn KeySource), expected);
        assert_eq!(answers(Module { keys: setup.keys(), left: 6 })[..2], expected[..2]);

        let mut expanded = ExpandedKeys::new(&keys);
        let no_dek = (Err(Error::KeySource), Err(Error::KeySource), keys.length());
        let expected = [expected[0], expected[1], no_dek];
        assert_eq!(answers(&expanded), expected);
        assert_eq!(answers(&mut expanded), expected);
        assert_eq!(answers(expanded), expected);
    }
}

/// A derivation that fails at its second block leaves nothing of the first; one that is too long does not begin.
#[test]
fn a_derivation_that_fails_leaves_nothing() {
    let mut asked = 0;
    let mut out = [0xA5; 32];
    let second_fails = |_: &[&[u8]]| {
        asked += 1;
        if asked == 1 { Ok([0x11; 16]) } else { Err(Error::KeySource) }
    };
    let result = derive(second_fails, Constant::SEnc, [&[1; 8], &[2; 8]], &mut out);
    assert_eq!((result, asked, out), (Err(Error::KeySource), 2, [0; 32]));
    let mut long = [0xA5; 33];
    assert_eq!(derive(|_| panic!("asked"), Constant::SEnc, [&[], &[]], &mut long), Err(Error::KeyLength));
    assert_eq!(long, [0xA5; 33]);
}

#[test]
fn buffers_that_are_too_small() {
    for mode in MODES {
        let setup = Setup::new(16, mode, SecurityLevel::CMac, 0);
        let (request, authentication) = match mode {
            Mode::S8 => (14, 21),
            Mode::S16 => (22, 37),
        };
        let (_, answer) = setup.challenged_card();
        for size in 0..=64 {
            let mut buffer = vec![0; size];
            let result = setup.initiator().initialize_update(&mut buffer).map(|octets| octets.len());
            let full = Error::Apdu(gp_apdu::Error::BufferFull);
            assert_eq!(result, if size < request { Err(full) } else { Ok(request) });
            let challenged = setup.initiator().challenged(Response::parse(&answer).unwrap()).unwrap();
            let mut buffer = vec![0; size];
            let result = challenged.authenticate(&mut setup.keys(), setup.level, ChallengePolicy::Off, &mut buffer);
            let written = result.map(|(_, octets)| octets.len());
            // Room for an Le is asked for as well, one octet that is not used.
            assert_eq!(written, if size < authentication + 1 { Err(full) } else { Ok(authentication) });
            let mut card = Responder::new();
            let request = InitializeUpdate {
                key_version: 0,
                host_challenge: setup.host_challenge(),
                channel: LogicalChannel::BASIC,
            };
            let mut buffer = vec![0; size];
            let result =
                card.challenge(&mut setup.keys(), &setup.info(), &request, &setup.card_challenge(), &mut buffer);
            let length = answer.len() - 2;
            assert_eq!(result, if size < length { Err(StatusWord::UNKNOWN) } else { Ok(length) });
            assert_eq!(card.state() == ResponderState::Idle, size < length);
        }
    }
}

/// The card tells what `i` says and nothing else, so its caller may not contradict himself.
#[test]
fn a_card_does_not_contradict_its_i() {
    let mut accepted = 0;
    for i in 0..=255 {
        for (challenge, counter) in [(8, true), (8, false), (16, true), (16, false)] {
            for host in [8, 16] {
                let setup = Setup::new(16, Mode::S8, SecurityLevel::CMac, 0);
                let mut info = setup.info();
                info.implementation = Implementation::new(i);
                info.sequence = counter.then_some(SequenceCounter::new([0, 0, 1]));
                let request = InitializeUpdate {
                    key_version: 0,
                    host_challenge: Challenge::new(&octets(50, host)).unwrap(),
                    channel: LogicalChannel::BASIC,
                };
                let card_challenge = Challenge::new(&octets(51, challenge)).unwrap();
                let mut card = Responder::new();
                let result = card.challenge(&mut setup.keys(), &info, &request, &card_challenge, &mut [0; 64]);
                let mode = if i & 0x01 != 0 { 16 } else { 8 };
                let expected = if (host, challenge) != (mode, mode) {
                    Err(StatusWord::WRONG_LENGTH)
                } else if counter != (i & 0x10 != 0) {
                    Err(StatusWord::UNKNOWN)
                } else {
                    Ok(13 + 2 * mode + if counter { 3 } else { 0 })
                };
                assert_eq!(result, expected);
                accepted += usize::from(expected.is_ok());
            }
        }
    }
    assert_eq!(accepted, 256);
}

/// The host does not ask for what `i` does not offer.
#[test]
fn levels_that_i_does_not_offer() {
    for i in (0..=255_u8).filter(|i| i & 0x01 == 0) {
        let setup = Setup { i, ..Setup::new(16, Mode::S8, SecurityLevel::CMac, 0) };
        let (_, answer) = setup.challenged_card();
        for level in SecurityLevel::ALL {
            let challenged = setup.initiator().challenged(Response::parse(&answer).unwrap()).unwrap();
            let mut buffer = [0; 64];
            let result = challenged.authenticate(&mut setup.keys(), level, ChallengePolicy::Off, &mut buffer);
            let offered = match level.octet() {
                0x11 | 0x13 => i & 0x20 != 0,
                0x33 => i & 0x60 == 0x60,
                _ => true,
            };
            assert_eq!(result.err(), (!offered).then_some(Error::Level), "i {i:02X}, {level:?}");
        }
    }
}

/// EXTERNAL AUTHENTICATE as a host might make it: this P1 and P2, this cryptogram, C-MAC right.
fn forged(setup: &Setup, p1: u8, p2: u8, spoil: bool) -> Vec<u8> {
    forged_as(setup, None, [p1, p2], spoil)
}

/// The same under this class and instruction, if any are given.
fn forged_as(setup: &Setup, command: Option<[u8; 2]>, parameters: [u8; 2], spoil: bool) -> Vec<u8> {
    let (_, answer) = setup.challenged_card();
    let (authenticating, genuine) = setup.authenticate(&answer);
    let size = setup.mode.octets();
    let mut forged = genuine[..5 + size].to_vec();
    if let Some(command) = command {
        forged[..2].copy_from_slice(&command);
    }
    forged[2..4].copy_from_slice(&parameters);
    if spoil {
        forged[5] ^= 0x80;
    }
    let class = [gp_apdu::Class::from_byte(forged[0]).unwrap().mac_byte()];
    let mac = authenticating.session_keys().mac().cmac(&[&[0; 16], &class, &forged[1..]]);
    forged.extend(&mac[..size]);
    forged
}

fn external_authenticate(setup: &Setup, mut octets: Vec<u8>) -> (Result<SecurityLevel, StatusWord>, ResponderState) {
    let (mut card, _) = setup.challenged_card();
    let length = octets.len();
    let result = card.external_authenticate(&mut CommandBuf::parse(&mut octets, length).unwrap());
    (result, card.state())
}

/// Cryptogram and C-MAC are right, and the command is another one: other instructions, the classes of ISO, a piece of a chain.
#[test]
fn no_other_command_opens_a_session() {
    for (channel, class) in [(0, 0x84), (3, 0x87), (4, 0xE0), (19, 0xEF)] {
        let setup = Setup::new(16, Mode::S8, SecurityLevel::CMac, channel);
        let instructions = (0..=255).map(|ins| [class, ins]);
        let classes = (0..=254).flat_map(|class| [[class, 0x82], [class, 0xE2]]);
        let mut opened = 0;
        for command in instructions.chain(classes) {
            let (result, state) = external_authenticate(&setup, forged_as(&setup, Some(command), [0x01, 0x00], false));
            if command == [class, 0x82] {
                assert_eq!((result, state), (Ok(SecurityLevel::CMac), ResponderState::Open));
                opened += 1;
            } else {
                let refused = (Err(StatusWord::SECURITY_STATUS), ResponderState::Idle);
                assert_eq!((result, state), refused, "{command:02X?}");
            }
        }
        assert_eq!(opened, 2);
    }
}

/// Every P1, every P2: the six levels open, as far as `i` offers them, and nothing else.
#[test]
fn every_level_octet_at_the_card() {
    let mut opened = 0;
    for mode in MODES {
        for i in [0x00, 0x20, 0x40, 0x60] {
            let i = i | 0x10 | u8::from(mode == Mode::S16);
            let setup = Setup { i, ..Setup::new(16, mode, SecurityLevel::CMac, 4) };
            for p1 in 0..=255 {
                let (result, state) = external_authenticate(&setup, forged(&setup, p1, 0, false));
                let offered = match p1 {
                    0x00 | 0x01 | 0x03 => true,
                    0x11 | 0x13 => i & 0x20 != 0,
                    0x33 => i & 0x60 == 0x60,
                    _ => false,
                };
                if offered {
                    assert_eq!((result.map(SecurityLevel::octet), state), (Ok(p1), ResponderState::Open));
                    opened += 1;
                } else {
                    assert_eq!((result, state), (Err(StatusWord::INCORRECT_P1_P2), ResponderState::Idle));
                }
            }
            for p2 in 1..=255 {
                let (result, state) = external_authenticate(&setup, forged(&setup, 0x01, p2, false));
                assert_eq!((result, state), (Err(StatusWord::INCORRECT_P1_P2), ResponderState::Idle));
            }
        }
    }
    assert_eq!(opened, 2 * (3 + 5 + 3 + 6));
}

/// C-MAC first, then the cryptogram, then the level; the channel before all.
#[test]
fn the_order_of_the_cards_checks() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::Full, 4);
    let idle = |status| (Err(status), ResponderState::Idle);
    assert_eq!(external_authenticate(&setup, forged(&setup, 0x33, 0, true)), idle(StatusWord::AUTHENTICATION_FAILED));
    assert_eq!(external_authenticate(&setup, forged(&setup, 0x02, 0, true)), idle(StatusWord::AUTHENTICATION_FAILED));
    let mut both = forged(&setup, 0x02, 0, true);
    *both.last_mut().unwrap() ^= 1;
    assert_eq!(external_authenticate(&setup, both), idle(StatusWord::SECURITY_STATUS));
    // Secure messaging announced for another channel, or not at all.
    for class in [0x84, 0xE1, 0xC0, 0x80] {
        let mut octets = forged(&setup, 0x33, 0, false);
        octets[0] = class;
        assert_eq!(external_authenticate(&setup, octets), idle(StatusWord::SECURITY_STATUS), "class {class:02X}");
    }
    let right = forged(&setup, 0x33, 0, false);
    for length in 0..=40 {
        let mut octets = right[..4].to_vec();
        octets.push(length);
        octets.extend(&[0; 40][..usize::from(length)]);
        let expected = if length == 16 { StatusWord::SECURITY_STATUS } else { StatusWord::WRONG_LENGTH };
        assert_eq!(external_authenticate(&setup, octets), idle(expected), "{length} octets");
    }
    assert_eq!(external_authenticate(&setup, right).0, Ok(SecurityLevel::Full));
}

#[test]
fn which_commands_are_initialize_update() {
    let mut count = 0;
    for class in 0..=254_u8 {
        for ins in 0..=255 {
            let header = gp_apdu::Header::new(gp_apdu::Class::from_byte(class).unwrap(), ins, 0, 0);
            let expected = ins == 0x50 && matches!(class, 0x80..=0x83 | 0xC0..=0xCF);
            assert_eq!(InitializeUpdate::is(header), expected, "{class:02X} {ins:02X}");
            count += usize::from(expected);
        }
    }
    assert_eq!(count, 20);
}

/// A session that is opened again has other keys: nothing of the first holds in the second.
#[test]
fn a_new_session_is_a_new_session() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::CMac, 0);
    let (host, mut card) = setup.open();
    let first = host.session_keys().unwrap().mac().expose_secret().to_vec();
    let request = Command::parse(setup.initiator().initialize_update(&mut [0; 64]).unwrap())
        .map(|command| card.initialize_update(&command, Implementation::new(setup.i)).unwrap())
        .unwrap();
    assert_eq!(card.state(), ResponderState::Idle, "the request alone ends the session");
    let mut info = setup.info();
    info.sequence = info.sequence.and_then(SequenceCounter::next);
    let mut keys = setup.keys();
    let challenge = Challenge::pseudo_random(&mut keys, Mode::S8, info.sequence.unwrap(), &AID).unwrap();
    let mut answer = [0; 64];
    let length = card.challenge(&mut keys, &info, &request, &challenge, &mut answer).unwrap();
    let challenged = setup.initiator().challenged(ok(&answer[..length])).unwrap();
    let mut buffer = [0; 64];
    let (authenticating, _) =
        challenged.authenticate(&mut keys, setup.level, ChallengePolicy::Require(&AID), &mut buffer).unwrap();
    assert_ne!(authenticating.session_keys().mac().expose_secret(), first);
}

#[test]
fn a_responder_takes_no_other_command_for_its_own() {
    // INS and class are checked before anything changes: a stranger's command must not end a session.
    let setup = Setup::new(16, Mode::S8, SecurityLevel::CMac, 0);
    for octets in [[0x80, 0xA4, 0, 0], [0x84, 0x50, 0, 0], [0x00, 0x50, 0, 0], [0x90, 0x50, 0, 0], [0x88, 0x50, 0, 0]] {
        let (_, mut card) = setup.open();
        let parsed = Command::parse(&octets).unwrap();
        let expected = if octets[1] == 0x50 { StatusWord::CLA_NOT_SUPPORTED } else { StatusWord::INS_NOT_SUPPORTED };
        assert_eq!(card.initialize_update(&parsed, Implementation::new(setup.i)).err(), Some(expected));
        assert_eq!(card.state(), ResponderState::Open);
    }
}
