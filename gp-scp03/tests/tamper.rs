//! What somebody on the wire can change: every bit and every length of every protected message, every call out of order.
//!
//! No MAC reaches three things, and the tests name them where they meet them: Le, the logical channel in the class octet
//! (a card is bound to that of its session), and an error status, which stands alone.

use gp_apdu::{Class, Command, CommandBuf, Form, Header, Le, LogicalChannel, Response, StatusWord};
use gp_scp03::{
    ChallengePolicy, Error, Implementation, Initiator, KeySetInfo, Mode, RMacSession, Reply, Responder, ResponderState,
    SecureChannel, SecurityLevel, State,
};

#[path = "support/session.rs"]
mod session;

use session::{AID, Setup, answer, card_state, command, copy, host_state, octets, picture, scaled};

/// Ten sessions: both modes, every level that protects, all key lengths, both codings of the class.
fn ten_sessions() -> [Setup; 10] {
    use SecurityLevel::{CMac, CMacCDecryption, CMacCDecryptionRMac, CMacRMac, Full};
    [
        Setup::new(16, Mode::S8, CMac, 0),
        Setup::new(24, Mode::S16, CMac, 19),
        Setup::new(32, Mode::S8, CMacCDecryption, 4),
        Setup::new(16, Mode::S16, CMacCDecryption, 3),
        Setup::new(24, Mode::S8, CMacRMac, 1),
        Setup::new(32, Mode::S16, CMacRMac, 0),
        Setup::new(16, Mode::S8, CMacCDecryptionRMac, 19),
        Setup::new(24, Mode::S16, CMacCDecryptionRMac, 0),
        Setup::new(32, Mode::S8, Full, 0),
        Setup::new(16, Mode::S16, Full, 7),
    ]
}

/// Data and form of a command, Le, data of its answer, status.
type Exchange = (Vec<u8>, Form, bool, Vec<u8>, StatusWord);

fn exchanges() -> Vec<Exchange> {
    vec![
        (octets(20, 10), Form::Short, true, octets(21, 33), StatusWord::OK),
        (vec![], Form::Short, false, vec![], StatusWord::OK),
        (vec![], Form::Short, true, octets(22, 16), StatusWord::MORE_DATA),
        (octets(23, 64), Form::Extended, true, octets(24, 1), StatusWord::CARD_LOCKED),
        (octets(25, 16), Form::Extended, false, vec![], StatusWord::REFERENCED_DATA_NOT_FOUND),
        (octets(26, 1), Form::Short, false, octets(27, 90), StatusWord::OK),
    ]
}

/// Every single bit flipped, then every length cut.
fn mutations(message: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let flips = (0..message.len() * 8).map(|bit| {
        let mut mutated = message.to_vec();
        mutated[bit / 8] ^= 1 << (bit % 8);
        mutated
    });
    flips.chain((0..message.len()).map(|length| message[..length].to_vec()))
}

/// Nothing revives a card that has refused a command, until the session is terminated.
fn assert_aborted(card: &mut Responder, wire: &[u8]) {
    assert_eq!((card.state(), card.level()), (ResponderState::Aborted, None));
    let mut again = wire.to_vec();
    let mut parsed = CommandBuf::parse(&mut again, wire.len()).unwrap();
    assert_eq!(card.unwrap(&mut parsed), Err(StatusWord::SECURITY_STATUS));
    assert_eq!(card.external_authenticate(&mut parsed), Err(StatusWord::SECURITY_STATUS));
    assert!(card.begin_r_mac(&parsed.as_command()).is_err() && card.end_r_mac(&parsed.as_command()).is_err());
    assert!(card.suspend().is_none());
    // Whatever the application says now, no data of its goes out, and no success.
    let mut buffer = [0xDA; 20];
    assert_eq!(card.wrap(&mut buffer, 10, StatusWord::OK).unwrap(), [0x69, 0x82]);
    assert_eq!(card.wrap(&mut buffer, 10, StatusWord::WRONG_LENGTH).unwrap(), [0x67, 0x00]);
    assert_eq!(card.state(), ResponderState::Aborted);
}

/// Nothing revives a channel that has refused an answer, or was closed.
fn assert_closed(host: &mut SecureChannel) {
    assert!(host.is_closed() && !host.is_awaiting());
    let mut buffer = [0; 64];
    let mut built = command(&mut buffer, Header::new(Class::GP, 0xCA, 0, 0), Form::Short, &[1], None);
    assert_eq!(host.wrap(&mut built), Err(Error::Closed));
    assert_eq!(host.unwrap(&mut [0x90, 0x00]), Err(Error::Closed));
    assert_eq!(host.begin_r_mac(RMacSession::RMac, &[], &mut [0; 64]), Err(Error::Closed));
    assert_eq!(host.end_r_mac(&mut [0; 64]), Err(Error::Closed));
    assert!(host.session_keys().is_none() && host.chain().is_none() && host.mode().is_none());
    assert_eq!(host.max_command_data(Form::Short), 0);
}

#[derive(Default, Debug)]
struct Count {
    /// Octets that are no command any more.
    no_command: usize,
    refused_commands: usize,
    /// Le alone differs, or is gone.
    le: usize,
    refused_answers: usize,
    /// Two octets that look like an error status: anybody may write those.
    bare_status: usize,
}

#[test]
fn every_bit_and_every_length_of_every_message() {
    let mut count = Count::default();
    for setup in ten_sessions() {
        let (mut host, mut card) = setup.open();
        for (data, form, le, back, status) in exchanges() {
            let mut buffer = [0; 200];
            let le = le.then_some(Le::MAX_SHORT);
            let mut built = command(&mut buffer, setup.header(0xE2), form, &data, le);
            host.wrap(&mut built).unwrap();
            let wire = built.finish().unwrap().to_vec();
            let before = card_state(&mut card);
            for mutated in mutations(&wire) {
                attack_card(&setup, &before, &wire, &mutated, &mut count);
            }
            let mut received = wire.clone();
            card.unwrap(&mut CommandBuf::parse(&mut received, wire.len()).unwrap()).unwrap();

            let back = if status.is_error() { vec![] } else { back };
            let wire = answer(&mut card, &back, status);
            if setup.level.has_r_mac() {
                let before = host_state(&mut host);
                for mutated in mutations(&wire) {
                    attack_host(&before, &mutated, &mut count);
                }
            }
            let _ = host.unwrap(&mut wire.clone()).unwrap();
        }
    }
    println!("{count:?}");
    let (commands, answers) = mutations_there_are(&ten_sessions());
    assert_eq!(count.no_command + count.refused_commands + count.le, commands);
    assert_eq!(count.refused_answers + count.bare_status, answers);
    // Three commands with Le in each session, two of them short: every bit of Le, and its loss.
    assert_eq!(count.le, 10 * (9 + 9 + 17));
    // Six sessions with R-MAC: five answers cut to two octets; and 6A88 with one bit flipped, unless that makes it 6288.
    assert_eq!(count.bare_status, 6 * (5 + 15));
    assert_eq!((count.refused_commands, count.refused_answers), (17_666, 12_264));
}

/// How many mutations of commands and of answers there are, from the lengths alone.
fn mutations_there_are(setups: &[Setup]) -> (usize, usize) {
    let (mut commands, mut answers) = (0, 0);
    for setup in setups {
        let mac = setup.mode.octets();
        for (data, form, le, back, status) in exchanges() {
            let protected = setup.level.protected_command_length(setup.mode, data.len()).unwrap();
            commands += 9 * (form.data_offset() + protected + if le { form.le_len() } else { 0 });
            let encrypted = setup.level.has_r_encryption() && !back.is_empty();
            let body = if encrypted { (back.len() | 15) + 1 } else { back.len() };
            answers += match (setup.level.has_r_mac(), status.is_error()) {
                (false, _) => 0,
                (true, true) => 9 * 2,
                (true, false) => 9 * (body + mac + 2),
            };
        }
    }
    (commands, answers)
}

fn attack_card(setup: &Setup, before: &State, wire: &[u8], mutated: &[u8], count: &mut Count) {
    let mut octets = mutated.to_vec();
    let Ok(mut parsed) = CommandBuf::parse(&mut octets, mutated.len()) else {
        count.no_command += 1;
        return;
    };
    let (sent, seen) = (Command::parse(wire).unwrap(), Command::parse(mutated).unwrap());
    let mut card = Responder::resume(copy(before));
    let result = card.unwrap(&mut parsed);
    if (sent.header, sent.data, sent.form) == (seen.header, seen.data, seen.form) {
        assert_ne!(sent.le, seen.le);
        assert_eq!(result, Ok(Some(setup.level)));
        count.le += 1;
        return;
    }
    assert_eq!(result, Err(StatusWord::SECURITY_STATUS), "{mutated:02X?} for {wire:02X?}");
    assert_aborted(&mut card, wire);
    count.refused_commands += 1;
}

fn attack_host(before: &State, mutated: &[u8], count: &mut Count) {
    let mut host = SecureChannel::resume(copy(before));
    let mut octets = mutated.to_vec();
    let result = host.unwrap(&mut octets);
    if let &[sw1, sw2] = mutated
        && !StatusWord::from([sw1, sw2]).is_protected()
    {
        assert_eq!(result, Ok(Reply::Refused(StatusWord::from([sw1, sw2]))));
        count.bare_status += 1;
        return;
    }
    assert_eq!(result, Err(Error::Security), "{mutated:02X?}");
    assert_closed(&mut host);
    count.refused_answers += 1;
}

/// An earlier command, an earlier answer, one of another session: each is genuine, and none is the next.
#[test]
fn replays_and_swaps() {
    for setup in ten_sessions() {
        let (mut host, mut card) = setup.open();
        let mut commands = Vec::new();
        let mut answers = Vec::new();
        let (mut cards, mut hosts) = (Vec::new(), Vec::new());
        for round in 0..4 {
            let mut buffer = [0; 64];
            let mut built = command(&mut buffer, setup.header(0xE2), Form::Short, &[round], None);
            cards.push(card_state(&mut card));
            host.wrap(&mut built).unwrap();
            commands.push(built.finish().unwrap().to_vec());
            hosts.push(host_state(&mut host));
            let mut received = commands.last().unwrap().clone();
            let length = received.len();
            card.unwrap(&mut CommandBuf::parse(&mut received, length).unwrap()).unwrap();
            answers.push(answer(&mut card, &[round], StatusWord::OK));
            let _ = host.unwrap(&mut answers.last().unwrap().clone()).unwrap();
        }
        for at in 0..4 {
            for other in (0..4).filter(|other| *other != at) {
                let mut card = Responder::resume(copy(&cards[at]));
                let mut octets = commands[other].clone();
                let length = octets.len();
                let result = card.unwrap(&mut CommandBuf::parse(&mut octets, length).unwrap());
                assert_eq!(result, Err(StatusWord::SECURITY_STATUS));
                if setup.level.has_r_mac() {
                    let mut host = SecureChannel::resume(copy(&hosts[at]));
                    assert_eq!(host.unwrap(&mut answers[other].clone()), Err(Error::Security));
                }
            }
        }
        // Reflected: the command of the host as the answer to itself.
        if setup.level.has_r_mac() {
            let mut host = SecureChannel::resume(copy(&hosts[0]));
            assert_eq!(host.unwrap(&mut [&commands[0][..], &[0x90, 0x00]].concat()), Err(Error::Security));
        }
    }
}

/// The channel that a command comes on is not in the MAC, so the card looks for itself.
#[test]
fn another_logical_channel_ends_the_session() {
    let mut refused = 0;
    for level in SecurityLevel::ALL {
        for number in [0, 3, 4, 19] {
            let setup = Setup::new(16, Mode::S8, level, number);
            for other in (0..=19).filter(|other| *other != number) {
                let (mut host, mut card) = setup.open();
                let mut buffer = [0; 64];
                let mut built = command(&mut buffer, setup.header(0xE2), Form::Short, &[1], None);
                host.wrap(&mut built).unwrap();
                let class = built.header().cla.with_channel(LogicalChannel::new(other).unwrap()).unwrap();
                built.set_class(class);
                let wire = built.finish().unwrap().to_vec();
                let mut octets = wire.clone();
                let result = card.unwrap(&mut CommandBuf::parse(&mut octets, wire.len()).unwrap());
                assert_eq!(result, Err(StatusWord::SECURITY_STATUS));
                assert_aborted(&mut card, &wire);
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 6 * 4 * 19);
}

/// All 65536, and a sample where the number of cases is scaled down.
fn status_words() -> Vec<u16> {
    match scaled(100) {
        100.. => (0..=u16::MAX).collect(),
        _ => (0..=u16::MAX).step_by(97).chain([0x9000, 0x6282, 0x6310, 0x6A88]).collect(),
    }
}

/// Every status word, with no data, with too little for an R-MAC, with the right R-MAC alone, with a wrong one.
#[test]
fn the_r_mac_table() {
    let mut count = [0_usize; 3];
    for (mode, level) in [
        (Mode::S8, SecurityLevel::CMacRMac),
        (Mode::S16, SecurityLevel::CMacCDecryptionRMac),
        (Mode::S8, SecurityLevel::Full),
    ] {
        let setup = Setup::new(16, mode, level, 0);
        let (mut host, _) = setup.open();
        let mut buffer = [0; 64];
        host.wrap(&mut command(&mut buffer, setup.header(0xCA), Form::Short, &[1], None)).unwrap();
        let before = host_state(&mut host);
        let key = before.keys.r_mac();
        for value in status_words() {
            let status = StatusWord(value);
            let sw = value.to_be_bytes();
            let right = key.cmac(&[&before.chaining_value, &sw])[..mode.octets()].to_vec();
            let mut wrong = right.clone();
            wrong[mode.octets() - 1] ^= 0x01;
            for (kind, mac) in [&[][..], &right[1..], &right, &wrong].into_iter().enumerate() {
                let mut wire = [mac, &sw].concat();
                let result = host.unwrap(&mut wire);
                // 9000, 62xx and 63xx are the protected ones; all others stand alone.
                let protected = value == 0x9000 || matches!(value >> 8, 0x62 | 0x63);
                let expected = match (protected, kind) {
                    (true, 2) => Ok(Reply::Authentic(Response { data: &[], status })),
                    (false, 0) => Ok(Reply::Refused(status)),
                    _ => Err(Error::Security),
                };
                assert_eq!(result, expected, "{value:04X}, case {kind}");
                count[match expected {
                    Ok(Reply::Authentic(_)) => 0,
                    Ok(_) => 1,
                    Err(_) => 2,
                }] += 1;
                assert_eq!(host.is_closed(), expected.is_err());
                host = SecureChannel::resume(copy(&before));
            }
        }
    }
    println!("authentic, refused, fatal: {count:?}");
    if status_words().len() == 65_536 {
        assert_eq!(count, [3 * 513, 3 * (65_536 - 513), 3 * (65_536 * 3)]);
    }
}

/// At a level without R-MAC nothing is authentic, whatever it looks like.
#[test]
fn nothing_is_authentic_without_r_mac() {
    for level in [SecurityLevel::Authenticated, SecurityLevel::CMac, SecurityLevel::CMacCDecryption] {
        let setup = Setup::new(16, Mode::S8, level, 0);
        let (mut host, _) = setup.open();
        for value in 0..=u16::MAX {
            for data in [&[][..], &[1, 2, 3]] {
                let mut buffer = [0; 64];
                host.wrap(&mut command(&mut buffer, setup.header(0xCA), Form::Short, &[], None)).unwrap();
                let status = StatusWord(value);
                let mut wire = [data, &value.to_be_bytes()].concat();
                let reply = host.unwrap(&mut wire).unwrap();
                let refused = status.is_error() && data.is_empty();
                let expected = if refused { Reply::Refused(status) } else { Reply::Plain(Response { data, status }) };
                assert_eq!(reply, expected);
                let why = if refused { Error::Status(status) } else { Error::NotAuthentic };
                assert_eq!(reply.authentic(), Err(why));
            }
        }
        for wire in [&mut [][..], &mut [0x90]] {
            let (mut host, _) = setup.open();
            let mut buffer = [0; 64];
            host.wrap(&mut command(&mut buffer, setup.header(0xCA), Form::Short, &[], None)).unwrap();
            assert_eq!(host.unwrap(wire), Err(Error::Security), "no status word, no answer");
            assert_closed(&mut host);
        }
    }
}

/// R-MAC right, encryption wrong: a length that is no block, and padding that is none. Only who has the keys can do that.
#[test]
fn authentic_nonsense_ends_the_session() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::Full, 0);
    let (mut host, mut card) = setup.open();
    let mut buffer = [0; 64];
    let mut built = command(&mut buffer, setup.header(0xCA), Form::Short, &[1], None);
    let at_card = card_state(&mut card);
    host.wrap(&mut built).unwrap();
    let at_host = host_state(&mut host);
    let mut accepted = 0;
    for length in 0..=64 {
        let mut body = octets(30, length);
        // What is left over behind the last block would pass for padding.
        if let (Some(last), true) = (body.last_mut(), !length.is_multiple_of(16)) {
            *last = 0x80;
        }
        let key = at_host.keys.r_mac();
        let mac = key.cmac(&[&at_host.chaining_value, &body, &[0x90, 0x00]]);
        let mut wire = [&body[..], &mac[..8], &[0x90, 0x00]].concat();
        let mut host = SecureChannel::resume(copy(&at_host));
        match host.unwrap(&mut wire) {
            Ok(reply) => {
                assert_eq!(reply, Reply::Authentic(Response { data: &[], status: StatusWord::OK }));
                accepted += 1;
            }
            Err(error) => {
                assert_eq!(error, Error::Security);
                assert_closed(&mut host);
                // What had been decrypted before the padding was seen is wiped.
                if length > 0 && length.is_multiple_of(16) {
                    assert_eq!(wire[..length], vec![0; length]);
                }
            }
        }
        let mac_key = at_card.keys.mac();
        let total = u8::try_from(length + 8).unwrap();
        let head = [0x84, 0xE2, 0x12, 0x34, total];
        let mac = mac_key.cmac(&[&at_card.chaining_value, &head, &body]);
        let mut wire = [&head[..], &body, &mac[..8]].concat();
        let wire_length = wire.len();
        let mut card = Responder::resume(copy(&at_card));
        let result = card.unwrap(&mut CommandBuf::parse(&mut wire, wire_length).unwrap());
        let expected = if length == 0 { Ok(Some(SecurityLevel::Full)) } else { Err(StatusWord::SECURITY_STATUS) };
        assert_eq!(result, expected, "length {length}");
        if length > 0 && length.is_multiple_of(16) {
            assert_eq!(wire[5..5 + length], vec![0; length]);
        }
    }
    assert_eq!(accepted, 1);
}

// --- The handshake -------------------------------------------------------------------------------------------------

/// An INITIALIZE UPDATE answer that differs in one bit, or in length, leads to no channel, but for what no cryptogram
/// covers: diversification data (where the keys do not depend on it) and bits of `i` that say nothing here.
#[test]
fn every_bit_of_the_initialize_update_answer() {
    for setup in ten_sessions() {
        let (_, answer) = setup.challenged_card();
        let mut unseen = Vec::new();
        for (at, mutated) in mutations(&answer).enumerate() {
            let Ok(response) = Response::parse(&mutated) else { continue };
            let mut buffer = [0; 64];
            let opened = setup.initiator().challenged(response).and_then(|challenged| {
                challenged.authenticate(&mut setup.keys(), setup.level, ChallengePolicy::Require(&AID), &mut buffer)
            });
            match opened {
                Ok(_) => unseen.push(at),
                // Nothing was written that could be sent.
                Err(_) => assert_eq!(buffer, [0; 64]),
            }
        }
        let diversification = 0..10 * 8;
        let i = 12 * 8;
        let mut reserved = vec![i + 1, i + 2, i + 3, i + 7];
        if !setup.level.has_r_encryption() {
            reserved.insert(3, i + 6);
        }
        if !setup.level.has_r_mac() {
            reserved.insert(3, i + 5);
        }
        assert_eq!(unseen, diversification.chain(reserved).collect::<Vec<_>>(), "{setup:?}");
    }
}

/// Keys that are derived from the diversification data bind it too.
#[test]
fn diversified_keys_bind_the_diversification_data() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::Full, 0);
    let keys_for = |info: &KeySetInfo| {
        let key = |id: u8| {
            let derived = setup.keys().dek().cmac(&[&[id], &info.diversification]);
            gp_scp03::Key::new(&derived).unwrap()
        };
        gp_scp03::StaticKeys::new(key(1), key(2), key(3)).unwrap()
    };
    let mut card = Responder::new();
    let mut buffer = [0; 64];
    let request = setup.initiator().initialize_update(&mut buffer).unwrap().to_vec();
    let request = card.initialize_update(&Command::parse(&request).unwrap(), Implementation::new(setup.i)).unwrap();
    let info = setup.info();
    let length = card.challenge(&mut keys_for(&info), &info, &request, &setup.card_challenge(), &mut buffer).unwrap();
    for (at, mutated) in mutations(&buffer[..length]).take(length * 8).enumerate() {
        let response = Response { data: &mutated, status: StatusWord::OK };
        let opened = setup.initiator().challenged(response).and_then(|challenged| {
            let mut keys = keys_for(challenged.info());
            challenged.authenticate(&mut keys, setup.level, ChallengePolicy::Off, &mut [0; 64]).map(|_| ())
        });
        // The sequence counter is left, which the policy did not ask about, and the bits of `i` of no meaning.
        let unseen = at >= 29 * 8 || [1, 2, 3, 7].contains(&at.wrapping_sub(12 * 8));
        assert_eq!(opened.is_ok(), unseen, "bit {at}");
    }
}

/// An answer to EXTERNAL AUTHENTICATE that is not exactly 9000 leads to no channel.
#[test]
fn every_other_answer_to_external_authenticate() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::CMac, 0);
    let (_, answer) = setup.challenged_card();
    for value in status_words() {
        for data in [&[][..], &[0]] {
            let (authenticating, _) = setup.authenticate(&answer);
            let result = authenticating.confirmed(Response { data, status: StatusWord(value) });
            match (value, data) {
                (0x9000, []) => assert!(result.is_ok()),
                (0x9000, _) => assert_eq!(result.err(), Some(Error::Malformed)),
                _ => assert_eq!(result.err(), Some(Error::Status(StatusWord(value)))),
            }
        }
    }
}

/// An EXTERNAL AUTHENTICATE that differs in one bit opens nothing and needs a new INITIALIZE UPDATE; Le is taken.
#[test]
fn every_bit_of_external_authenticate() {
    for setup in ten_sessions() {
        let (_, answer) = setup.challenged_card();
        let (_, wire) = setup.authenticate(&answer);
        let (mut refused, mut no_command) = (0, 0);
        for mutated in mutations(&wire) {
            let (mut card, _) = setup.challenged_card();
            let mut octets = mutated.clone();
            let Ok(mut parsed) = CommandBuf::parse(&mut octets, mutated.len()) else {
                no_command += 1;
                continue;
            };
            let status = card.external_authenticate(&mut parsed).unwrap_err();
            let expected = [StatusWord::SECURITY_STATUS, StatusWord::WRONG_LENGTH];
            assert!(expected.contains(&status), "{status} to {mutated:02X?}");
            assert_eq!((card.state(), card.level()), (ResponderState::Idle, None));
            // The genuine one comes too late.
            let mut octets = wire.clone();
            let late = card.external_authenticate(&mut CommandBuf::parse(&mut octets, wire.len()).unwrap());
            assert_eq!(late, Err(StatusWord::CONDITIONS_OF_USE));
            refused += 1;
        }
        assert_eq!(refused + no_command, wire.len() * 9);
        let (mut card, _) = setup.challenged_card();
        let mut octets = [&wire[..], &[0x00]].concat();
        let with_le = card.external_authenticate(&mut CommandBuf::parse(&mut octets, wire.len() + 1).unwrap());
        assert_eq!(with_le, Ok(setup.level));
    }
}

// --- Out of order --------------------------------------------------------------------------------------------------

/// A host's call that is not the next one changes nothing, and the session goes on.
#[test]
fn calls_of_the_host_out_of_order() {
    for setup in ten_sessions() {
        let (mut host, mut card) = setup.open();
        let before = picture(&host_state(&mut host));
        let mut response = [1, 2, 3, 0x90, 0x00];
        assert_eq!(host.unwrap(&mut response), Err(Error::State));
        assert_eq!((picture(&host_state(&mut host)), response), (before, [1, 2, 3, 0x90, 0x00]));

        let mut buffer = [0; 64];
        let mut built = command(&mut buffer, setup.header(0xCA), Form::Short, &[1], None);
        host.wrap(&mut built).unwrap();
        let mut wire = built.finish().unwrap().to_vec();
        let before = picture(&host_state(&mut host));
        let mut second = [0; 64];
        let mut built = command(&mut second, setup.header(0xCA), Form::Short, &[2], None);
        assert_eq!(host.wrap(&mut built), Err(Error::State));
        assert_eq!((built.header(), built.data()), (setup.header(0xCA), &[2][..]));
        if let Some(by) =
            [RMacSession::RMac, RMacSession::RMacREncryption].into_iter().find(|by| setup.level.raised(*by).is_some())
        {
            assert_eq!(host.begin_r_mac(by, &[], &mut [0; 64]), Err(Error::State));
        }
        assert_eq!(picture(&host_state(&mut host)), before);

        let at_card = picture(&card_state(&mut card));
        let mut out = [7; 64];
        assert_eq!(card.wrap(&mut out, 3, StatusWord::OK).err(), Some(Error::State), "no command to answer");
        assert_eq!((picture(&card_state(&mut card)), out), (at_card, [7; 64]));
        let length = wire.len();
        card.unwrap(&mut CommandBuf::parse(&mut wire, length).unwrap()).unwrap();
        let mut wire = answer(&mut card, &[], StatusWord::OK);
        let _ = host.unwrap(&mut wire).unwrap();
        assert_eq!(card.wrap(&mut out, 3, StatusWord::OK).err(), Some(Error::State), "answered once already");
    }
}

/// Closed by its owner, before the first command, with a command in flight, or after its answer: nothing is left of it.
#[test]
fn a_channel_that_its_owner_closes_is_gone() {
    for setup in ten_sessions() {
        for steps in 0..3 {
            let (mut host, mut card) = setup.open();
            let mut buffer = [0; 64];
            let mut built = command(&mut buffer, setup.header(0xCA), Form::Short, &[1], None);
            if steps > 0 {
                host.wrap(&mut built).unwrap();
                let length = built.finish().unwrap().len();
                card.unwrap(&mut CommandBuf::parse(&mut buffer, length).unwrap()).unwrap();
            }
            if steps > 1 {
                let _ = host.unwrap(&mut answer(&mut card, &[2], StatusWord::OK)).unwrap();
            }
            assert!(!host.is_closed() && host.session_keys().is_some());
            host.close();
            assert_closed(&mut host);
            host.close();
            assert_closed(&mut host);
            assert_eq!(host.suspend().err(), Some(Error::Closed));
        }
    }
}

/// A card in each of its states.
fn card_in(state: usize, setup: &Setup) -> Responder {
    match state {
        0 => Responder::new(),
        1 => setup.challenged_card().0,
        2 => setup.open().1,
        3 => {
            let (mut host, mut card) = setup.open();
            let mut buffer = [0; 64];
            let mut built = command(&mut buffer, setup.header(0xCA), Form::Short, &[], None);
            host.wrap(&mut built).unwrap();
            let mut wire = built.finish().unwrap().to_vec();
            let length = wire.len();
            card.unwrap(&mut CommandBuf::parse(&mut wire, length).unwrap()).unwrap();
            card
        }
        _ => {
            let (_, mut card) = setup.open();
            let mut plain = [0x00, 0xCA, 0, 0];
            card.unwrap(&mut CommandBuf::parse(&mut plain, 4).unwrap()).unwrap_err();
            card
        }
    }
}

/// Every class and instruction at a card in every state.
#[test]
fn every_command_in_every_state() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::Full, 0);
    let states = [
        ResponderState::Idle,
        ResponderState::Challenged,
        ResponderState::Open,
        ResponderState::Open,
        ResponderState::Aborted,
    ];
    let mut commands = 0;
    for (at, state) in states.into_iter().enumerate() {
        let mut card = card_in(at, &setup);
        assert_eq!(card.state(), state);
        let saved = (state == ResponderState::Open).then(|| card_state(&mut card));
        for class in 0..=254 {
            for ins in 0..=255 {
                for body in [&[][..], &[0x00], &[0x09, 1, 2, 3, 4, 5, 6, 7, 8, 9]] {
                    // The long body at every class, the short ones at every instruction.
                    if (body.len() == 10) != (ins == 0x82 || ins == 0x50) {
                        continue;
                    }
                    let wire = [&[class, ins, 0x00, 0x00], body].concat();
                    let mut octets = wire.clone();
                    let mut parsed = CommandBuf::parse(&mut octets, wire.len()).unwrap();
                    let result = card.unwrap(&mut parsed);
                    match &saved {
                        None if state == ResponderState::Aborted => {
                            assert_eq!(result, Err(StatusWord::SECURITY_STATUS));
                        }
                        None => {
                            assert_eq!(result, Ok(None));
                            assert_eq!(parsed.as_command(), Command::parse(&wire).unwrap());
                            assert_eq!(card.state(), state);
                        }
                        Some(saved) => {
                            assert_eq!(result, Err(StatusWord::SECURITY_STATUS));
                            assert_aborted(&mut card, &wire);
                            card = Responder::resume(copy(saved));
                        }
                    }
                    commands += 1;
                }
            }
        }
    }
    println!("{commands} commands");
    assert_eq!(commands, 5 * 255 * (254 * 2 + 2));
}

/// The commands of the handshake at a card in every state: INITIALIZE UPDATE begins anew everywhere, even a bad one.
#[test]
fn the_handshake_in_every_state() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::Full, 0);
    let implementation = Implementation::new(setup.i);
    for state in 0..5 {
        let (_, answer) = setup.challenged_card();
        let (_, authentication) = setup.authenticate(&answer);
        let mut card = card_in(state, &setup);
        let before = card.state();
        let mut octets = authentication.clone();
        let mut parsed = CommandBuf::parse(&mut octets, authentication.len()).unwrap();
        let expected = match before {
            ResponderState::Challenged => Ok(SecurityLevel::Full),
            ResponderState::Aborted => Err(StatusWord::SECURITY_STATUS),
            _ => Err(StatusWord::CONDITIONS_OF_USE),
        };
        assert_eq!(card.external_authenticate(&mut parsed), expected);
        if expected.is_err() {
            assert_eq!(card.state(), before, "a wrong order changes nothing");
        }

        for (request, expected) in [
            (setup.initiator().initialize_update(&mut [0; 64]).unwrap().to_vec(), None),
            (vec![0x80, 0x50, 0x31, 0x00, 0x07, 1, 2, 3, 4, 5, 6, 7, 0x00], Some(StatusWord::WRONG_LENGTH)),
            ([&[0x80, 0x50, 0x31, 0x00, 0x10][..], &[7; 16]].concat(), Some(StatusWord::WRONG_LENGTH)),
            (vec![0x80, 0x50, 0x31, 0x00], Some(StatusWord::WRONG_LENGTH)),
            (vec![0x80, 0x50, 0x31, 0x01, 0x08, 1, 2, 3, 4, 5, 6, 7, 8], Some(StatusWord::INCORRECT_P1_P2)),
        ] {
            let mut card = card_in(state, &setup);
            let parsed = Command::parse(&request).unwrap();
            assert_eq!(card.initialize_update(&parsed, implementation).err(), expected);
            assert_eq!(card.state(), ResponderState::Idle);
        }
        let mut card = card_in(state, &setup);
        card.terminate();
        assert_eq!(card.state(), ResponderState::Idle);
        let initiator = Initiator::new(setup.host_challenge(), setup.channel, 0);
        let request = initiator.initialize_update(&mut [0; 64]).unwrap().to_vec();
        let request = card.initialize_update(&Command::parse(&request).unwrap(), implementation).unwrap();
        assert_eq!(request.key_version, 0);
    }
}
