//! Host against card: what one end protects the other takes, in every mode, at every level, on every kind of channel.

use gp_apdu::{Chaining, Class, Command, CommandBuf, Exchange, Form, Header, Le, Progress, Response, StatusWord};
use gp_scp03::{
    Challenge, Error, Implementation, Mode, Quirks, RMacSession, Reply, Responder, ResponderState, Script,
    SecureChannel, SecurityLevel, SequenceCounter, Target,
};

#[path = "support/session.rs"]
mod session;

use session::{AID, Setup, answer, card_state, channel, command, copy, host_state, octets, picture, scaled};

const KEY_LENGTHS: [usize; 3] = [16, 24, 32];
const MODES: [Mode; 2] = [Mode::S8, Mode::S16];

/// What the host must make of an answer at this level.
fn expected<'r>(level: SecurityLevel, data: &'r [u8], status: StatusWord) -> Reply<'r> {
    if status.is_error() {
        Reply::Refused(status)
    } else if level.has_r_mac() {
        Reply::Authentic(Response { data, status })
    } else {
        Reply::Plain(Response { data, status })
    }
}

/// One exchange from end to end: the card sees the plain command, the host the plain answer.
fn exchange(
    host: &mut SecureChannel,
    card: &mut Responder,
    plain: (Header, Form, &[u8], Option<Le>),
    reply: (&[u8], StatusWord),
) {
    let (header, form, data, le) = plain;
    let level = host.level();
    let mut buffer = vec![0; data.len() + 64];
    let mut wrapped = command(&mut buffer, header, form, data, le);
    host.wrap(&mut wrapped).unwrap();
    assert_eq!(wrapped.le(), le.map(|le| if level.has_r_mac() { form.max_le() } else { le }));
    if level.has_c_mac() {
        let length = level.protected_command_length(host.mode().unwrap(), data.len());
        assert_eq!(Some(wrapped.data_len()), length);
        assert!(wrapped.header().cla.is_protected());
    }
    let mut wire = wrapped.finish().unwrap().to_vec();
    let length = wire.len();
    let mut received = CommandBuf::parse(&mut wire, length).unwrap();
    assert_eq!(card.unwrap(&mut received), Ok(Some(level)));
    let seen = received.as_command();
    assert_eq!((seen.header, seen.data), (header, data));
    let mut wire = answer(card, reply.0, reply.1);
    assert_eq!(host.unwrap(&mut wire), Ok(expected(level, reply.0, reply.1)));
    assert_eq!(host.level(), card.level().unwrap());
}

/// A plain exchange of nothing much, to see that a session is alive.
fn alive(setup: &Setup, host: &mut SecureChannel, card: &mut Responder) {
    let plain = (setup.header(0xF2), Form::Short, &[0x4F, 0x00][..], Some(Le::MAX_SHORT));
    exchange(host, card, plain, (&[1, 2, 3], StatusWord::OK));
}

#[test]
fn every_mode_key_level_channel_form_and_length() {
    const STATUS: [StatusWord; 4] =
        [StatusWord::OK, StatusWord::MORE_DATA, StatusWord::CARD_LOCKED, StatusWord::REFERENCED_DATA_NOT_FOUND];
    let (mut sessions, mut exchanges, mut refused) = (0, 0, 0);
    for key_length in KEY_LENGTHS {
        for mode in MODES {
            for level in SecurityLevel::ALL {
                for number in [0, 1, 3, 4, 19] {
                    let setup = Setup::new(key_length, mode, level, number);
                    let (mut host, mut card) = setup.open();
                    sessions += 1;
                    for form in [Form::Short, Form::Extended] {
                        if form == Form::Extended && number != 0 && scaled(100) < 100 {
                            continue;
                        }
                        let most = level.max_command_data(mode, form);
                        let available = usize::try_from(form.max_le().get()).unwrap();
                        let most_back = level.max_response_data(mode, available);
                        assert_eq!(host.max_command_data(form), most);
                        assert_eq!(card.max_response_data(available), most_back);
                        let iso = Header::new(Class::ISO.with_channel(setup.channel).unwrap(), 0xCB, 0x3F, 0xFF);
                        for (at, (there, back)) in
                            [(0, 0), (1, 1), (most - 1, most_back - 1), (most, most_back)].into_iter().enumerate()
                        {
                            let (data, reply) = (octets(7, there), octets(8, back));
                            let header = if at % 2 == 0 { setup.header(0xE2) } else { iso };
                            let le = (at != 2).then_some(form.max_le());
                            let status = STATUS[(at + usize::from(number)) % STATUS.len()];
                            let reply = if status.is_error() { &[][..] } else { &reply };
                            exchange(&mut host, &mut card, (header, form, &data, le), (reply, status));
                            exchanges += 1;
                        }
                        too_much(&setup, &mut host, &mut card, form, available);
                        refused += 2;
                    }
                }
            }
        }
    }
    println!("{sessions} sessions, {exchanges} exchanges, {refused} messages refused for their length");
    if scaled(100) >= 100 {
        assert_eq!((sessions, exchanges, refused), (180, 1440, 720));
    }
}

/// One octet too many in either direction is refused with nothing changed, and the session goes on.
fn too_much(setup: &Setup, host: &mut SecureChannel, card: &mut Responder, form: Form, available: usize) {
    let (level, mode) = (setup.level, setup.mode);
    let before = (picture(&host_state(host)), host.messages_left());
    let data = octets(9, level.max_command_data(mode, form) + 1);
    let mut buffer = vec![0; form.max_data() + 9];
    let mut built = CommandBuf::new(&mut buffer, setup.header(0xE2), form).unwrap();
    if level == SecurityLevel::Authenticated {
        // Unprotected, it is the command itself that cannot be built.
        assert_eq!(built.push(&data).err(), Some(gp_apdu::Error::DataTooLong));
    } else {
        built.push(&data).unwrap();
        built.expect(Le::MAX_SHORT);
        assert_eq!(host.wrap(&mut built), Err(Error::Apdu(gp_apdu::Error::DataTooLong)));
        let seen = built.as_command();
        assert_eq!((seen.header, seen.data, seen.le), (setup.header(0xE2), &data[..], Some(Le::MAX_SHORT)));
    }
    assert_eq!((picture(&host_state(host)), host.messages_left()), before);

    let mut built = command(&mut buffer, setup.header(0xE2), Form::Short, &[], None);
    host.wrap(&mut built).unwrap();
    let mut wire = built.finish().unwrap().to_vec();
    let length = wire.len();
    card.unwrap(&mut CommandBuf::parse(&mut wire, length).unwrap()).unwrap();
    let before = picture(&card_state(card));
    let most_back = level.max_response_data(mode, available);
    let mut buffer = vec![0x5A; available + 2];
    let untouched = buffer.clone();
    let full = Err(Error::Apdu(gp_apdu::Error::BufferFull));
    assert_eq!(card.wrap(&mut buffer, most_back + 1, StatusWord::OK).map(|_| ()), full);
    assert_eq!((picture(&card_state(card)), buffer), (before, untouched));
    let mut wire = answer(card, &[], StatusWord::WRONG_LENGTH);
    assert_eq!(host.unwrap(&mut wire), Ok(Reply::Refused(StatusWord::WRONG_LENGTH)));
}

/// A command that is longer than an APDU: protected once, cut, put together again, verified once.
#[test]
fn chained_commands() {
    let mut count = 0;
    for (chaining, number, level) in [
        (Chaining::Gp, 0, SecurityLevel::Full),
        (Chaining::Iso, 0, SecurityLevel::CMacCDecryption),
        (Chaining::Gp, 4, SecurityLevel::CMac),
        (Chaining::Iso, 3, SecurityLevel::CMacCDecryptionRMac),
        (Chaining::Gp, 19, SecurityLevel::Authenticated),
    ] {
        for mode in MODES {
            let setup = Setup::new(32, mode, level, number);
            let (mut host, mut card) = setup.open();
            for length in [0, 1, 223, 224, 239, 240, 247, 248, 255, 256, 257, 495, 1000, 4096, 9000] {
                let data = octets(10, length);
                let mut buffer = vec![0; length + 64];
                let form = Form::Chained(chaining);
                let mut built = command(&mut buffer, setup.header(0xE2), form, &data, Some(Le::MAX_SHORT));
                let counter = host.chain().unwrap().1;
                host.wrap(&mut built).unwrap();
                assert_eq!(host.chain().unwrap().1, if level.has_c_mac() { counter + 1 } else { 0 });

                let mut exchange = Exchange::start(built, true).unwrap();
                let mut response = [0; 300];
                let (mut whole, mut first) = (vec![0; 5], true);
                let done = loop {
                    let segment = Command::parse(exchange.outgoing(&buffer)).unwrap();
                    let header = segment.header;
                    let more = match chaining {
                        Chaining::Gp => header.p1 & 0x80 != 0,
                        Chaining::Iso => header.cla.is_chained(),
                    };
                    assert!(first || segment.le.is_some() != more);
                    first = false;
                    whole.extend(segment.data);
                    let reply = if more {
                        vec![0x90, 0x00]
                    } else {
                        let (length, le) = (whole.len() - 5, segment.le);
                        let mut all = CommandBuf::assemble(&mut whole, header, form, length, le).unwrap();
                        assert_eq!(card.unwrap(&mut all), Ok(Some(level)));
                        assert_eq!((all.header(), all.data()), (setup.header(0xE2), &data[..]));
                        answer(&mut card, b"done", StatusWord::OK)
                    };
                    exchange.incoming(&mut response)[..reply.len()].copy_from_slice(&reply);
                    if let Progress::Done(n) = exchange.received(&mut buffer, &mut response, reply.len()).unwrap() {
                        break n;
                    }
                };
                assert_eq!(host.unwrap(&mut response[..done]), Ok(expected(level, b"done", StatusWord::OK)));
                count += 1;
            }
        }
    }
    assert_eq!(count, 150);
}

/// Amendment D 7.1.3, 7.1.4: what BEGIN raises, what both ends refuse, and that END leads back.
#[test]
fn r_mac_sessions() {
    let begin = [RMacSession::RMac, RMacSession::RMacREncryption];
    let (mut raised, mut refused) = (0, 0);
    for mode in MODES {
        for level in SecurityLevel::ALL {
            for by in begin {
                let setup = Setup::new(24, mode, level, 1);
                let (mut host, mut card) = setup.open();
                let mut buffer = [0; 64];
                if level.raised(by).is_none() {
                    let before = (picture(&host_state(&mut host)), host.messages_left());
                    assert_eq!(host.begin_r_mac(by, b"salt", &mut buffer), Err(Error::Level));
                    assert_eq!((picture(&host_state(&mut host)), host.messages_left()), before);
                    // A host that asks all the same hears 6985, and the session goes on at its level.
                    let plain = [&[4], &b"salt"[..]].concat();
                    let status = card_says(&setup, &mut host, &mut card, (0x7A, by.octet(), 0x01), &plain);
                    assert_eq!(status, Err(StatusWord::CONDITIONS_OF_USE));
                    assert_eq!((host.level(), card.level()), (level, Some(level)));
                    alive(&setup, &mut host, &mut card);
                    refused += 1;
                    continue;
                }
                let higher = level.raised(by).unwrap();
                for salt in [&b""[..], b"s", &[0xA5; 24]] {
                    let mut wire = host.begin_r_mac(by, salt, &mut buffer).unwrap().to_vec();
                    let length = wire.len();
                    let mut received = CommandBuf::parse(&mut wire, length).unwrap();
                    assert_eq!(card.unwrap(&mut received), Ok(Some(level)));
                    let seen = received.as_command();
                    assert_eq!(seen.header.octets()[1..], [0x7A, by.octet(), 0x01]);
                    assert_eq!((seen.data.split_first(), seen.le), (Some((&(salt.len() as u8), salt)), None));
                    card.begin_r_mac(&seen).unwrap();
                    // Its own answer is still that of the level before.
                    assert_eq!((host.level(), card.level()), (level, Some(level)));
                    let mut wire = answer(&mut card, &[], StatusWord::OK);
                    assert_eq!(wire.len(), if level.has_r_mac() { 2 + mode.octets() } else { 2 });
                    assert_eq!(host.unwrap(&mut wire), Ok(expected(level, &[], StatusWord::OK)));
                    assert_eq!((host.level(), card.level()), (higher, Some(higher)));
                    assert_eq!(host.session_level(), level);
                    alive(&setup, &mut host, &mut card);

                    // No second one inside the first, whichever it asks for.
                    for again in begin {
                        assert_eq!(host.begin_r_mac(again, &[], &mut buffer), Err(Error::Level));
                        let status = card_says(&setup, &mut host, &mut card, (0x7A, again.octet(), 0x01), &[0]);
                        assert_eq!(status, Err(StatusWord::CONDITIONS_OF_USE));
                    }
                    // A state that is saved here is one of the raised level.
                    let saved = card.suspend().unwrap();
                    assert_eq!((saved.level, saved.session_level), (higher, level));
                    card = Responder::resume(saved);

                    let mut wire = host.end_r_mac(&mut buffer).unwrap().to_vec();
                    let length = wire.len();
                    let mut received = CommandBuf::parse(&mut wire, length).unwrap();
                    assert_eq!(card.unwrap(&mut received), Ok(Some(higher)));
                    let seen = received.as_command();
                    assert_eq!((&seen.header.octets()[1..], seen.le), (&[0x78, 0, 3][..], Some(Le::MAX_SHORT)));
                    card.end_r_mac(&seen).unwrap();
                    let mut wire = answer(&mut card, &[], StatusWord::OK);
                    assert_eq!(wire.len(), 2 + mode.octets());
                    assert_eq!(host.unwrap(&mut wire), Ok(expected(higher, &[], StatusWord::OK)));
                    assert_eq!((host.level(), card.level()), (level, Some(level)));
                    alive(&setup, &mut host, &mut card);
                    raised += 1;
                }
                // Nothing to end.
                assert_eq!(host.end_r_mac(&mut buffer), Err(Error::Level));
                let status = card_says(&setup, &mut host, &mut card, (0x78, 0x00, 0x03), &[]);
                assert_eq!(status, Err(StatusWord::CONDITIONS_OF_USE));
                alive(&setup, &mut host, &mut card);
            }
        }
    }
    assert_eq!((raised, refused), (24, 16));
}

/// Sends a BEGIN or END R-MAC SESSION that our host would not make, and says what the card makes of it. The status goes
/// back to the host as it is.
fn card_says(
    setup: &Setup,
    host: &mut SecureChannel,
    card: &mut Responder,
    (ins, p1, p2): (u8, u8, u8),
    data: &[u8],
) -> Result<(), StatusWord> {
    let mut buffer = [0; 128];
    let header = Header { p1, p2, ..setup.header(ins) };
    let mut built = command(&mut buffer, header, Form::Short, data, None);
    host.wrap(&mut built).unwrap();
    let mut wire = built.finish().unwrap().to_vec();
    let length = wire.len();
    let mut received = CommandBuf::parse(&mut wire, length).unwrap();
    card.unwrap(&mut received).unwrap();
    let said = match ins {
        0x7A => card.begin_r_mac(&received.as_command()),
        _ => card.end_r_mac(&received.as_command()),
    };
    let level = host.level();
    let mut wire = answer(card, &[], said.err().unwrap_or(StatusWord::OK));
    assert_eq!(host.unwrap(&mut wire), Ok(expected(level, &[], said.err().unwrap_or(StatusWord::OK))));
    said
}

#[test]
fn r_mac_sessions_that_the_card_refuses_by_their_form() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::CMacCDecryption, 0);
    let (mut host, mut card) = setup.open();
    for p1 in 0..=255 {
        for p2 in [0x00, 0x01, 0x02, 0x03] {
            if !(matches!(p1, 0x10 | 0x30) && p2 == 0x01) {
                let said = card_says(&setup, &mut host, &mut card, (0x7A, p1, p2), &[0]);
                assert_eq!(said, Err(StatusWord::INCORRECT_P1_P2), "BEGIN {p1:02X} {p2:02X}");
            }
            if (p1, p2) != (0x00, 0x03) {
                let said = card_says(&setup, &mut host, &mut card, (0x78, p1, p2), &[]);
                assert_eq!(said, Err(StatusWord::INCORRECT_P1_P2), "END {p1:02X} {p2:02X}");
            }
        }
    }
    for data in [&[][..], &[1], &[0, 0], &[2, 1], &[0xFF], &[3, 1, 2, 3, 4]] {
        let said = card_says(&setup, &mut host, &mut card, (0x7A, 0x10, 0x01), data);
        assert_eq!(said, Err(StatusWord::WRONG_DATA), "{data:02X?}");
    }
    assert_eq!((host.level(), card.level()), (setup.level, Some(setup.level)));
    // What `i` does not offer cannot be had by an R-MAC session either.
    for (i, by, good) in [
        (0x10, RMacSession::RMac, false),
        (0x10, RMacSession::RMacREncryption, false),
        (0x30, RMacSession::RMac, true),
        (0x30, RMacSession::RMacREncryption, false),
        (0x50, RMacSession::RMacREncryption, false),
        (0x70, RMacSession::RMacREncryption, true),
    ] {
        let setup = Setup { i, ..setup };
        let (mut host, mut card) = setup.open();
        if !good {
            assert_eq!(host.begin_r_mac(by, &[], &mut [0; 64]), Err(Error::Level), "i = {i:02X}");
        }
        let said = card_says(&setup, &mut host, &mut card, (0x7A, by.octet(), 0x01), &[0]);
        assert_eq!(said, if good { Ok(()) } else { Err(StatusWord::CONDITIONS_OF_USE) }, "i = {i:02X}");
    }
    // Outside a session, and before the command is unwrapped, there is nothing to begin.
    let header = Header { p1: 0x10, p2: 0x01, ..setup.header(0x7A) };
    let begin = Command { header, data: &[0], le: None, form: Form::Short };
    assert_eq!(card.begin_r_mac(&begin), Err(StatusWord::CONDITIONS_OF_USE));
    assert_eq!(Responder::new().begin_r_mac(&begin), Err(StatusWord::CONDITIONS_OF_USE));
    alive(&setup, &mut host, &mut card);
}

/// An application's own 7A and 78 do not move the level, and a failed BEGIN moves nothing.
#[test]
fn only_begin_and_end_change_the_level() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::CMacCDecryption, 0);
    let (mut host, mut card) = setup.open();
    for (ins, p1, p2, data) in [(0x7A, 0x10, 0x01, &[0_u8][..]), (0x78, 0x00, 0x03, &[])] {
        let header = Header { p1, p2, ..setup.header(ins) };
        exchange(&mut host, &mut card, (header, Form::Short, data, None), (&[], StatusWord::OK));
        assert_eq!((host.level(), card.level()), (setup.level, Some(setup.level)));
    }
    for status in [StatusWord::CONDITIONS_OF_USE, StatusWord::MORE_DATA, StatusWord::INS_NOT_SUPPORTED] {
        let mut buffer = [0; 64];
        let mut wire = host.begin_r_mac(RMacSession::RMac, &[], &mut buffer).unwrap().to_vec();
        let length = wire.len();
        let mut received = CommandBuf::parse(&mut wire, length).unwrap();
        card.unwrap(&mut received).unwrap();
        card.begin_r_mac(&received.as_command()).unwrap();
        let mut wire = answer(&mut card, &[], status);
        assert_eq!(host.unwrap(&mut wire).unwrap().status(), status);
        assert_eq!((host.level(), card.level()), (setup.level, Some(setup.level)));
        alive(&setup, &mut host, &mut card);
    }
}

#[test]
fn quirks_at_both_ends() {
    let skips = Quirks::NONE.with_counter_skips_empty();
    let encrypts = Quirks::NONE.with_encrypt_empty();
    let mut sessions = 0;
    for mode in MODES {
        for level in SecurityLevel::ALL {
            for (at_host, at_card) in [
                (Quirks::NONE, Quirks::NONE),
                (skips, skips),
                // A card takes the encrypted empty command without knowing of it.
                (encrypts, Quirks::NONE),
                (encrypts, encrypts),
                // Both together: what is padding to the host is data to the card, and both count it.
                (skips.with_encrypt_empty(), skips),
                (skips.with_encrypt_empty(), skips.with_encrypt_empty()),
            ] {
                let setup = Setup::new(16, mode, level, 0);
                let (mut host, mut card) = setup.open();
                let mut state = card.suspend().unwrap();
                state.quirks = at_card;
                card = Responder::resume(state);
                host.set_quirks(at_host);
                for length in [0, 5, 0, 0, 16, 0, 1] {
                    let data = octets(11, length);
                    let counter = host.chain().unwrap().1;
                    let mut buffer = [0; 64];
                    let mut built = command(&mut buffer, setup.header(0xCA), Form::Short, &data, Some(Le::MAX_SHORT));
                    host.wrap(&mut built).unwrap();
                    let empty_encrypted = length == 0 && level.has_c_decryption() && at_host == encrypts
                        || length == 0 && level.has_c_decryption() && at_host == skips.with_encrypt_empty();
                    if empty_encrypted {
                        assert_eq!(built.data_len(), 16 + mode.octets());
                    }
                    let counts = level.has_c_mac() && (length > 0 || at_host == Quirks::NONE || at_host == encrypts);
                    let counts = counts || empty_encrypted;
                    assert_eq!(host.chain().unwrap().1, counter + u32::from(counts));
                    let mut wire = built.finish().unwrap().to_vec();
                    let wire_length = wire.len();
                    let mut received = CommandBuf::parse(&mut wire, wire_length).unwrap();
                    assert_eq!(card.unwrap(&mut received), Ok(Some(level)));
                    assert_eq!(received.data(), data);
                    let mut wire = answer(&mut card, &[1, 2, 3], StatusWord::OK);
                    assert_eq!(host.unwrap(&mut wire), Ok(expected(level, &[1, 2, 3], StatusWord::OK)));
                    assert_eq!(host.chain().unwrap().1, card_state(&mut card).counter);
                }
                sessions += 1;
            }
        }
    }
    assert_eq!(sessions, 72);
}

/// The two ways of counting part ways at the first command without data, and not before.
#[test]
fn a_quirk_at_one_end_alone_is_found_out() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::Full, 0);
    let (mut host, mut card) = setup.open();
    host.set_quirks(Quirks::NONE.with_counter_skips_empty());
    let plain = |data: &'static [u8]| (setup.header(0xE2), Form::Short, data, Some(Le::MAX_SHORT));
    exchange(&mut host, &mut card, plain(&[1]), (&[2], StatusWord::OK));
    exchange(&mut host, &mut card, plain(&[1; 40]), (&[], StatusWord::OK));
    let mut buffer = [0; 64];
    let mut built = command(&mut buffer, setup.header(0xCA), Form::Short, &[], Some(Le::MAX_SHORT));
    host.wrap(&mut built).unwrap();
    let mut wire = built.finish().unwrap().to_vec();
    let length = wire.len();
    card.unwrap(&mut CommandBuf::parse(&mut wire, length).unwrap()).unwrap();
    let mut wire = answer(&mut card, &[7; 10], StatusWord::OK);
    // The R-MAC holds, what it covers was encrypted under another number: nonsense that is no padding. (Of several blocks
    // only the first would be nonsense: that is CBC, and why a quirk is set for devices that are known to need it.)
    assert_eq!(host.unwrap(&mut wire), Err(Error::Security));
    assert!(host.is_closed());
}

#[test]
fn set_quirks_holds_for_sessions_that_begin_then() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::Full, 0);
    let quirks = Quirks::NONE.with_counter_skips_empty();
    let (_, mut card) = setup.open();
    card.set_quirks(quirks);
    assert_eq!(card.suspend().unwrap().quirks, Quirks::NONE);
    let request = card.initialize_update(
        &Command::parse(setup.initiator().initialize_update(&mut [0; 64]).unwrap()).unwrap(),
        Implementation::new(setup.i),
    );
    let mut answer = [0; 64];
    let length = card
        .challenge(&mut setup.keys(), &setup.info(), &request.unwrap(), &setup.card_challenge(), &mut answer)
        .unwrap();
    answer[length] = 0x90;
    let (authenticating, mut wire) = setup.authenticate(&answer[..length + 2]);
    let wire_length = wire.len();
    card.external_authenticate(&mut CommandBuf::parse(&mut wire, wire_length).unwrap()).unwrap();
    drop(authenticating);
    assert_eq!(card_state(&mut card).quirks, quirks);
}

#[test]
fn the_message_limit_is_the_callers() {
    let setup = Setup::new(16, Mode::S16, SecurityLevel::CMacCDecryptionRMac, 0);
    let (mut host, mut card) = setup.open();
    assert_eq!(host.messages_left(), u32::MAX);
    host.set_message_limit(3);
    for left in [2, 1, 0] {
        alive(&setup, &mut host, &mut card);
        assert_eq!(host.messages_left(), left);
    }
    let before = picture(&host_state(&mut host));
    let mut buffer = [0; 64];
    let mut built = command(&mut buffer, setup.header(0xCA), Form::Short, &[1, 2], None);
    assert_eq!(host.wrap(&mut built), Err(Error::MessageLimit));
    assert_eq!((built.header(), built.data()), (setup.header(0xCA), &[1, 2][..]));
    assert_eq!(host.begin_r_mac(RMacSession::RMacREncryption, &[], &mut [0; 64]), Err(Error::MessageLimit));
    assert_eq!(picture(&host_state(&mut host)), before);
    host.set_message_limit(1);
    alive(&setup, &mut host, &mut card);
}

#[test]
fn the_encryption_counter_ends_at_its_maximum() {
    for mode in MODES {
        for level in SecurityLevel::ALL.into_iter().skip(1) {
            let setup = Setup::new(32, mode, level, 0);
            let (mut host, mut card) = setup.open();
            let at = |mut state: gp_scp03::State, counter| {
                state.counter = counter;
                state
            };
            host = SecureChannel::resume(at(host.suspend().unwrap(), u32::MAX - 1));
            card = Responder::resume(at(card.suspend().unwrap(), u32::MAX - 1));
            alive(&setup, &mut host, &mut card);
            assert_eq!(host.chain().unwrap().1, u32::MAX);
            let before = (picture(&host_state(&mut host)), host.messages_left());
            let mut buffer = [0; 64];
            let mut built = command(&mut buffer, setup.header(0xCA), Form::Short, &[1, 2], None);
            assert_eq!(host.wrap(&mut built), Err(Error::CounterExhausted));
            assert_eq!((built.header(), built.data()), (setup.header(0xCA), &[1, 2][..]));
            assert_eq!((picture(&host_state(&mut host)), host.messages_left()), before);
            // A card takes no command that it cannot count, however good its MAC is.
            let mut ahead = SecureChannel::resume(at(host.suspend().unwrap(), 5));
            ahead.wrap(&mut built).unwrap();
            let mut wire = built.finish().unwrap().to_vec();
            let length = wire.len();
            let refused = card.unwrap(&mut CommandBuf::parse(&mut wire, length).unwrap());
            assert_eq!((refused, card.state()), (Err(StatusWord::SECURITY_STATUS), ResponderState::Aborted));
        }
    }
}

#[test]
fn the_sequence_counter_makes_the_challenge() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::Full, 0);
    let mut keys = setup.keys();
    let mut make = |counter: SequenceCounter, mode, aid: &[u8]| Challenge::pseudo_random(&mut keys, mode, counter, aid);
    let mut counter = SequenceCounter::default();
    let mut seen = Vec::new();
    for step in 1..=300_u32 {
        counter = counter.next().unwrap();
        assert_eq!(u32::from_be_bytes([0, counter.octets()[0], counter.octets()[1], counter.octets()[2]]), step);
        let (short, long) = (make(counter, Mode::S8, &[9; 5]).unwrap(), make(counter, Mode::S16, &[9; 5]).unwrap());
        assert_eq!((short.octets().len(), long.octets().len()), (8, 16));
        // The length is part of what is derived.
        assert_ne!(short.octets(), &long.octets()[..8]);
        seen.push(short.octets().to_vec());
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 300);
    for length in 0..=20 {
        let made = make(counter, Mode::S8, &[7; 20][..length]);
        assert_eq!(made.err(), (!(5..=16).contains(&length)).then_some(Error::AidLength));
    }
    let last = SequenceCounter::new([0xFF; 3]);
    assert_eq!((make(last, Mode::S8, &[7; 5]).is_ok(), last.next()), (true, None));
}

/// A session is saved and taken up at every point of its life, at both ends.
#[test]
fn saved_and_taken_up_at_every_point() {
    for mode in MODES {
        for level in SecurityLevel::ALL {
            let setup = Setup::new(24, mode, level, 4);
            // Before it is open there is nothing to save, and asking does no harm.
            let (mut card, answer_octets) = setup.challenged_card();
            assert!(card.suspend().is_none());
            assert_eq!(card.state(), ResponderState::Challenged);
            let (authenticating, mut wire) = setup.authenticate(&answer_octets);
            let length = wire.len();
            card.external_authenticate(&mut CommandBuf::parse(&mut wire, length).unwrap()).unwrap();
            let mut host = authenticating.confirmed(Response { data: &[], status: StatusWord::OK }).unwrap();
            assert!(Responder::new().suspend().is_none());

            for round in 0..3 {
                let resume = |host: SecureChannel, card: &mut Responder, awaiting: (bool, bool)| {
                    let (ours, theirs) = (host.suspend().unwrap(), card.suspend().unwrap());
                    assert_eq!((ours.awaiting, theirs.awaiting), awaiting);
                    assert_eq!((card.state(), card.level()), (ResponderState::Idle, None));
                    *card = Responder::resume(theirs);
                    SecureChannel::resume(ours)
                };
                host = resume(host, &mut card, (false, false));
                let data = octets(round, 20);
                let mut buffer = [0; 80];
                let mut built = command(&mut buffer, setup.header(0xE2), Form::Short, &data, Some(Le::MAX_SHORT));
                host.wrap(&mut built).unwrap();
                host = resume(host, &mut card, (true, false));
                assert!(host.is_awaiting());
                let mut wire = built.finish().unwrap().to_vec();
                let length = wire.len();
                let mut received = CommandBuf::parse(&mut wire, length).unwrap();
                card.unwrap(&mut received).unwrap();
                assert_eq!(received.data(), data);
                host = resume(host, &mut card, (true, true));
                let mut wire = answer(&mut card, &data, StatusWord::OK);
                host = resume(host, &mut card, (true, false));
                assert_eq!(host.unwrap(&mut wire), Ok(expected(level, &data, StatusWord::OK)));
            }
        }
    }
}

/// In the middle of changing the level neither end can be saved; the card goes on, the channel of the host is gone.
#[test]
fn not_saved_while_the_level_changes() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::CMac, 0);
    let (mut host, mut card) = setup.open();
    let mut buffer = [0; 64];
    let mut wire = host.begin_r_mac(RMacSession::RMac, &[], &mut buffer).unwrap().to_vec();
    let length = wire.len();
    let mut received = CommandBuf::parse(&mut wire, length).unwrap();
    card.unwrap(&mut received).unwrap();
    card.begin_r_mac(&received.as_command()).unwrap();
    assert!(card.suspend().is_none());
    assert_eq!(card.state(), ResponderState::Open);
    let mut wire = answer(&mut card, &[], StatusWord::OK);
    host.unwrap(&mut wire).unwrap().response().unwrap();
    assert_eq!((host.level(), card.level()), (SecurityLevel::CMacRMac, Some(SecurityLevel::CMacRMac)));
    alive(&setup, &mut host, &mut card);
    host.end_r_mac(&mut buffer).unwrap();
    assert_eq!(host.suspend().err(), Some(Error::State));
}

/// Two ends that were saved are the same two ends; one that is taken up twice is found out.
#[test]
fn a_state_taken_up_twice_is_found_out() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::Full, 0);
    let (mut host, mut card) = setup.open();
    let mut twin = SecureChannel::resume(copy(&host_state(&mut host)));
    alive(&setup, &mut host, &mut card);
    let mut buffer = [0; 64];
    let mut built = command(&mut buffer, setup.header(0xCA), Form::Short, &[], None);
    twin.wrap(&mut built).unwrap();
    let mut wire = built.finish().unwrap().to_vec();
    let length = wire.len();
    let refused = card.unwrap(&mut CommandBuf::parse(&mut wire, length).unwrap());
    assert_eq!(refused, Err(StatusWord::SECURITY_STATUS));
}

/// What a session does not protect for lack of a class that could say so, or of the right channel.
#[test]
fn classes_that_a_session_takes() {
    for number in [0, 3, 4, 19] {
        let setup = Setup::new(16, Mode::S8, SecurityLevel::CMac, number);
        let (mut taken, mut refused) = (0, 0);
        for octet in 0..=254 {
            let (mut host, mut card) = setup.open();
            let class = Class::from_byte(octet).unwrap();
            let before = picture(&host_state(&mut host));
            let mut buffer = [0; 64];
            let mut built = command(&mut buffer, Header::new(class, 0xCA, 0, 0), Form::Short, &[1], None);
            // Written down without the help of `Class`: no secure messaging, this channel, chaining bit as you like,
            // and an octet left that announces it.
            let good = match number {
                0..=3 => octet & 0x6F == number,
                _ => octet & 0x6F == 0x40 | (number - 4) && octet | 0x20 != 0xFF,
            };
            if good {
                host.wrap(&mut built).unwrap();
                let mut wire = built.finish().unwrap().to_vec();
                assert_eq!(wire[0], if number < 4 { octet | 0x04 } else { octet | 0x20 });
                let length = wire.len();
                let mut received = CommandBuf::parse(&mut wire, length).unwrap();
                card.unwrap(&mut received).unwrap();
                assert_eq!(received.header().cla, class);
                taken += 1;
            } else {
                assert_eq!(host.wrap(&mut built), Err(Error::Class), "class {octet:02X}");
                assert_eq!(picture(&host_state(&mut host)), before);
                refused += 1;
            }
        }
        assert_eq!((taken, refused), if number == 19 { (3, 252) } else { (4, 251) });
    }
    assert_eq!(channel(19), gp_apdu::LogicalChannel::MAX);
}

/// An Le that the form cannot say is refused before the chain moves, not when the command is finished.
#[test]
fn an_le_too_large_changes_nothing() {
    for level in SecurityLevel::ALL {
        let setup = Setup::new(16, Mode::S8, level, 0);
        let (mut host, mut card) = setup.open();
        let before = (picture(&host_state(&mut host)), host.messages_left());
        let mut buffer = [0; 64];
        for form in [Form::Short, Form::Chained(Chaining::Gp)] {
            let mut built = command(&mut buffer, setup.header(0xCA), form, &[1], Some(Le::MAX_EXTENDED));
            assert_eq!(host.wrap(&mut built), Err(Error::Apdu(gp_apdu::Error::LeTooLarge)));
            assert_eq!((built.header(), built.data()), (setup.header(0xCA), &[1][..]));
        }
        assert_eq!((picture(&host_state(&mut host)), host.messages_left()), before);
        alive(&setup, &mut host, &mut card);
    }
}

/// A command that no exchange could cut is refused before chain and counter move, on every channel.
#[test]
fn a_chain_whose_bit_is_not_free_is_refused_before_anything_moves() {
    let mut refused = 0;
    for number in 0..20 {
        for (form, class, p1) in [
            (Form::Chained(Chaining::Iso), Class::ISO, 0x00),
            (Form::Chained(Chaining::Iso), Class::GP, 0x00),
            (Form::Chained(Chaining::Gp), Class::GP, 0x00),
            (Form::Chained(Chaining::Gp), Class::GP, 0x80),
        ] {
            let setup = Setup::new(16, Mode::S8, SecurityLevel::CMac, number);
            let (mut host, _) = setup.open();
            let before = host.chain();
            let mut buffer = [0; 600];
            let header = Header { cla: class.with_channel(channel(number)).unwrap(), ins: 0xE6, p1, p2: 0 };
            let mut built = CommandBuf::new(&mut buffer, header, form).unwrap();
            built.push(&[0x5A; 400]).unwrap();
            if host.wrap(&mut built).is_ok() {
                assert!(Exchange::start(built, true).is_ok(), "what was wrapped can be sent: {header:?}");
            } else {
                refused += 1;
                assert_eq!((host.chain(), host.is_awaiting()), (before, false));
            }
        }
    }
    // Twenty with b8 of P1 set, and channel 19 of the GlobalPlatform class, whose protected class has no chained twin.
    assert_eq!(refused, 21);
}

/// At level 00 nothing is appended, so that a full buffer must be noticed here and not by `finish`.
#[test]
fn a_plain_command_without_room_for_le_is_refused_before_it_counts() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::Authenticated, 0);
    let (mut host, _) = setup.open();
    let header = Header { cla: Class::GP, ins: 0xE2, p1: 0, p2: 0 };
    let mut buffer = [0; 15];
    let mut built = CommandBuf::assemble(&mut buffer, header, Form::Short, 10, Some(Le::MAX_SHORT)).unwrap();
    assert_eq!(host.wrap(&mut built), Err(Error::Apdu(gp_apdu::Error::BufferFull)));
    assert!(!host.is_awaiting());
}

#[test]
fn a_message_limit_survives_suspension() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::CMac, 0);
    let (mut host, _) = setup.open();
    host.set_message_limit(7);
    let resumed = SecureChannel::resume(host.suspend().unwrap());
    assert_eq!(resumed.messages_left(), 7);
}

/// What each kind of reply gives to who wants it authentic, and to who takes it as it comes.
#[test]
fn what_a_reply_is_worth() {
    let (response, refusal) = (Response { data: &[7], status: StatusWord(0x6310) }, StatusWord(0x6A88));
    let replies = [Reply::Authentic(response), Reply::Plain(response), Reply::Refused(refusal)];
    let refused = Err(Error::Status(refusal));
    assert_eq!(replies.map(Reply::authentic), [Ok(response), Err(Error::NotAuthentic), refused]);
    assert_eq!(replies.map(Reply::response), [Ok(response), Ok(response), refused]);
    assert_eq!(replies.map(|reply| reply.status()), [response.status, response.status, refusal]);
}

/// The session on paper.
fn script(setup: &Setup) -> Script {
    let target = Target {
        key_version: setup.info().key_version,
        implementation: Implementation::new(setup.i),
        sequence: setup.info().sequence.unwrap(),
        aid: &AID,
        channel: setup.channel,
    };
    Script::new(&mut setup.keys(), &target, &setup.host_challenge(), setup.level, &mut [0; 64]).unwrap().0
}

/// Before EXTERNAL AUTHENTICATE goes out, the answer of the card must be the foreseen one in every bit behind the
/// diversification data: at any other the card would count a failed attempt.
#[test]
fn a_script_knows_the_answer_it_was_made_for() {
    for mode in MODES {
        let setup = Setup::new(16, mode, SecurityLevel::Full, 0);
        let script = script(&setup);
        let (_, mut answer) = setup.challenged_card();
        answer.truncate(answer.len() - 2);
        assert_eq!(script.foreseen().octets(), &answer[10..]);
        assert!(script.foreseen().matches(&answer));
        for bit in 0..answer.len() * 8 {
            let mut other = answer.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(script.foreseen().matches(&other), bit < 80, "bit {bit}");
        }
        for length in 0..answer.len() {
            assert!(!script.foreseen().matches(&answer[..length]), "{length} octets");
        }
        answer.push(0);
        assert!(!script.foreseen().matches(&answer));
    }
}

/// Every class, with every Le, at every level: a script writes what a live session writes, and refuses what that refuses.
#[test]
fn a_script_takes_and_refuses_what_a_live_session_does() {
    for (level, number) in SecurityLevel::ALL.into_iter().zip([0, 3, 4, 19, 0, 1]) {
        let setup = Setup::new(16, Mode::S8, level, number);
        let before = host_state(&mut setup.open().0);
        let mut taken = 0;
        for class in 0..=254 {
            let header = Header::new(Class::from_byte(class).unwrap(), 0xCA, 0, 0);
            for le in [None, Some(Le::new(5).unwrap()), Some(Le::MAX_SHORT), Some(Le::MAX_EXTENDED)] {
                let mut buffers = [[0; 64]; 2];
                let [live, paper] = &mut buffers;
                let mut live = command(live, header, Form::Short, &[1, 2, 3], le);
                let mut paper = command(paper, header, Form::Short, &[1, 2, 3], le);
                let expected = SecureChannel::resume(copy(&before)).wrap(&mut live);
                assert_eq!(script(&setup).wrap(&mut paper).map(|_| ()), expected, "{class:02X} {le:?}");
                assert_eq!((paper.header(), paper.data(), paper.le()), (live.header(), live.data(), live.le()));
                taken += usize::from(expected.is_ok());
            }
        }
        assert_eq!(taken, if number == 19 { 3 * 3 } else { 4 * 3 });
    }
}

/// Side by side, each command needs its own room. Where one has too little nothing has changed, neither in its script nor in
/// the others.
#[test]
fn scripts_side_by_side_want_room_for_each() {
    for level in [SecurityLevel::CMac, SecurityLevel::Full] {
        let setups = [0, 1, 2].map(|number| Setup::new(16, Mode::S8, level, number));
        let wanted = 5 + if level == SecurityLevel::Full { 32 } else { 20 } + 8 + 1;
        for short in 0..3 {
            for room in 26..=wanted + 1 {
                let mut scripts = setups.each_ref().map(script);
                let mut rooms = [64; 3];
                rooms[short] = room;
                let mut buffers = rooms.map(|room| vec![0; room]);
                let mut commands = setups.each_ref().map(|_| None);
                for ((place, buffer), setup) in commands.iter_mut().zip(&mut buffers).zip(&setups) {
                    *place = Some(command(buffer, setup.header(0xE2), Form::Short, &[7; 20], None));
                }
                let mut commands = commands.map(Option::unwrap);
                let result = Script::wrap_each(scripts.each_mut(), commands.each_mut()).map(|_| ());
                let full = Err(Error::Apdu(gp_apdu::Error::BufferFull));
                assert_eq!(result, if room < wanted { full } else { Ok(()) }, "{room} octets");
                for ((mut script, command), setup) in scripts.into_iter().zip(&commands).zip(&setups) {
                    let changed = (command.header(), command.data()) != (setup.header(0xE2), &[7; 20][..]);
                    assert_eq!(changed, result.is_ok());
                    let mut buffer = [0; 64];
                    let key = script.wrap(&mut self::command(&mut buffer, setup.header(0xE2), Form::Short, &[], None));
                    assert_eq!(key.unwrap().counter, 1 + u32::from(result.is_ok()));
                }
            }
        }
    }
}
