//! Random sessions: the two ends agree, an error changes nothing, and nothing made of random octets passes.

use gp_apdu::{Chaining, Class, Command, CommandBuf, Form, Header, Le, StatusWord};
use gp_scp03::{
    Error, Implementation, InitializeUpdate, Mode, Quirks, RMacSession, Reply, Responder, ResponderState,
    SecureChannel, SecurityLevel, SequenceCounter,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

#[path = "support/session.rs"]
mod session;

use session::{Setup, answer, card_state, command, copy, host_state, picture, scaled};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases: scaled(cases), failure_persistence: None, ..ProptestConfig::default() }
}

prop_compose! {
    fn setups()(
        key_length in select(&[16_usize, 24, 32][..]),
        mode in select(&[Mode::S8, Mode::S16][..]),
        level in select(&SecurityLevel::ALL[..]),
        number in 0_u8..20,
    ) -> Setup {
        Setup::new(key_length, mode, level, number)
    }
}

fn forms() -> impl Strategy<Value = Form> {
    select(&[Form::Short, Form::Extended, Form::Chained(Chaining::Gp), Form::Chained(Chaining::Iso)][..])
}

/// What happens next in a random session.
#[derive(Clone, Debug)]
enum Event {
    Exchange { ins: u8, iso: bool, form: Form, data: Vec<u8>, le: Option<u32>, reply: Vec<u8>, status: u16 },
    Begin { encrypted: bool, salt: Vec<u8>, status: u16 },
    End,
    Resume,
}

fn statuses() -> impl Strategy<Value = u16> {
    prop_oneof![4 => Just(0x9000), 1 => 0x6200_u16..0x6400, 1 => 0x6400_u16..0x7000, 1 => any::<u16>()]
}

fn events() -> impl Strategy<Value = Event> {
    let exchange = (
        any::<u8>(),
        any::<bool>(),
        forms(),
        vec(any::<u8>(), 0..300),
        prop::option::of(1_u32..=65_536),
        vec(any::<u8>(), 0..300),
        statuses(),
    );
    prop_oneof![
        8 => exchange.prop_map(|(ins, iso, form, data, le, reply, status)| {
            Event::Exchange { ins, iso, form, data, le, reply, status }
        }),
        2 => (any::<bool>(), vec(any::<u8>(), 0..30), statuses())
            .prop_map(|(encrypted, salt, status)| Event::Begin { encrypted, salt, status }),
        2 => Just(Event::End),
        1 => Just(Event::Resume),
    ]
}

/// The command as the card receives it, a chain already put together.
fn receive(card: &mut Responder, built: &CommandBuf<'_>) -> Result<(Header, Vec<u8>), StatusWord> {
    let form = built.form();
    let mut octets = vec![0; form.data_offset()];
    octets.extend(built.data());
    let length = built.data_len();
    let mut received = CommandBuf::assemble(&mut octets, built.header(), form, length, built.le()).unwrap();
    card.unwrap(&mut received)?;
    Ok((received.header(), received.data().to_vec()))
}

fn reply_at_host(host: &mut SecureChannel, card: &mut Responder, reply: &[u8], status: StatusWord) {
    let level = host.level();
    let data = if status.is_error() { &[] } else { reply };
    let mut wire = answer(card, data, status);
    let unwrapped = host.unwrap(&mut wire).unwrap();
    if level.has_r_mac() && status.is_protected() {
        let Reply::Authentic(response) = unwrapped else { panic!("{unwrapped:?}") };
        assert_eq!((response.data, response.status), (data, status));
    } else if level.has_r_mac() || (status.is_error() && data.is_empty()) {
        assert_eq!(unwrapped, Reply::Refused(status));
    } else {
        let Reply::Plain(response) = unwrapped else { panic!("{unwrapped:?}") };
        assert_eq!((response.data, response.status), (data, status));
    }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn both_ends_of_a_random_session_agree(setup in setups(), quirk in 0_usize..3, story in vec(events(), 1..12)) {
        let (mut host, mut card) = setup.open();
        let quirks = [Quirks::NONE, Quirks::NONE.with_counter_skips_empty(), Quirks::NONE.with_encrypt_empty()][quirk];
        host.set_quirks(quirks);
        let mut state = card.suspend().unwrap();
        state.quirks = quirks;
        card = Responder::resume(state);

        for event in story {
            match event {
                Event::Exchange { ins, iso, form, data, le, reply, status } => {
                    let class = if iso { Class::ISO } else { Class::GP };
                    let header = Header { cla: class.with_channel(setup.channel).unwrap(), ..setup.header(ins) };
                    let mut buffer = std::vec![0; 800];
                    let mut built = CommandBuf::new(&mut buffer, header, form).unwrap();
                    let fits = built.push(&data).is_ok();
                    built.set_le(le.and_then(Le::new));
                    let before = (picture(&host_state(&mut host)), built.data().to_vec(), built.le());
                    let result = host.wrap(&mut built);
                    let le_fits = built.le() <= Some(form.max_le());
                    let data = if fits { data } else { std::vec![] };
                    // A command that is cut needs the bit which says that more follows.
                    let bit_free = match form {
                        Form::Chained(Chaining::Gp) => header.p1 & 0x80 == 0,
                        Form::Chained(Chaining::Iso) => header.cla.secured().chained(true).is_chained(),
                        _ => true,
                    };
                    if !bit_free || !le_fits || data.len() > host.max_command_data(form) {
                        prop_assert!(matches!(result, Err(Error::Apdu(_))));
                        let after = (picture(&host_state(&mut host)), built.data().to_vec(), built.le());
                        prop_assert_eq!(after, before);
                        prop_assert_eq!(built.header(), header);
                        continue;
                    }
                    prop_assert_eq!(result, Ok(()));
                    let (seen_header, seen_data) = receive(&mut card, &built).unwrap();
                    prop_assert_eq!((seen_header, seen_data), (header, data));
                    reply_at_host(&mut host, &mut card, &reply, StatusWord(status));
                }
                Event::Begin { encrypted, salt, status } => {
                    let by = if encrypted { RMacSession::RMacREncryption } else { RMacSession::RMac };
                    let level = host.level();
                    let before = picture(&host_state(&mut host));
                    let mut buffer = [0; 300];
                    match host.begin_r_mac(by, &salt, &mut buffer) {
                        Ok(wire) => {
                            let mut wire = wire.to_vec();
                            let length = wire.len();
                            let mut received = CommandBuf::parse(&mut wire, length).unwrap();
                            card.unwrap(&mut received).unwrap();
                            card.begin_r_mac(&received.as_command()).unwrap();
                            reply_at_host(&mut host, &mut card, &[], StatusWord(status));
                            let raised = if status == 0x9000 { level.raised(by).unwrap() } else { level };
                            prop_assert_eq!(host.level(), raised);
                        }
                        Err(error) => {
                            prop_assert_eq!(error, Error::Level);
                            prop_assert_eq!(picture(&host_state(&mut host)), before);
                        }
                    }
                }
                Event::End => {
                    let mut buffer = [0; 64];
                    if let Ok(wire) = host.end_r_mac(&mut buffer) {
                        let mut wire = wire.to_vec();
                        let length = wire.len();
                        let mut received = CommandBuf::parse(&mut wire, length).unwrap();
                        card.unwrap(&mut received).unwrap();
                        card.end_r_mac(&received.as_command()).unwrap();
                        reply_at_host(&mut host, &mut card, &[], StatusWord::OK);
                        prop_assert_eq!(host.level(), setup.level);
                    }
                }
                Event::Resume => {
                    host = SecureChannel::resume(host.suspend().unwrap());
                    card = Responder::resume(card.suspend().unwrap());
                }
            }
            let state = card_state(&mut card);
            prop_assert_eq!(host.chain(), Some((state.chaining_value, state.counter)));
            prop_assert_eq!((host.level(), host.session_level()), (state.level, state.session_level));
        }
    }

    /// Whatever octets come back, none of them is authentic unless the card made it; and then the channel is dead or waits for
    /// the next command.
    #[test]
    fn no_random_answer_is_authentic(setup in setups(), octets in vec(any::<u8>(), 0..80), status in statuses()) {
        let (mut host, _) = setup.open();
        let mut buffer = [0; 64];
        host.wrap(&mut command(&mut buffer, setup.header(0xCA), Form::Short, &[], None)).unwrap();
        let mut wire = octets.clone();
        wire.extend(status.to_be_bytes());
        let before = host_state(&mut host);
        for mut wire in [octets, wire] {
            let mut host = SecureChannel::resume(copy(&before));
            match host.unwrap(&mut wire) {
                Ok(Reply::Authentic(response)) => panic!("{response:?}"),
                Ok(Reply::Plain(_)) => prop_assert!(!setup.level.has_r_mac()),
                Ok(Reply::Refused(status)) => prop_assert!(!status.is_protected()),
                Err(error) => {
                    prop_assert_eq!(error, Error::Security);
                    prop_assert!(host.is_closed());
                }
            }
        }
    }

    /// A command that cannot be protected in this buffer is as it was, and so is the session.
    #[test]
    fn an_error_changes_nothing(setup in setups(), size in 9_usize..80, data in vec(any::<u8>(), 0..60), ins: u8) {
        let (mut host, mut card) = setup.open();
        let mut buffer = std::vec![0; size];
        let mut built = CommandBuf::new(&mut buffer, setup.header(ins), Form::Short).unwrap();
        prop_assume!(built.push(&data).is_ok());
        let before = (picture(&host_state(&mut host)), host.messages_left(), host.is_awaiting());
        match host.wrap(&mut built) {
            Ok(()) => {
                let mut wire = built.finish().unwrap().to_vec();
                let length = wire.len();
                let mut received = CommandBuf::parse(&mut wire, length).unwrap();
                card.unwrap(&mut received).unwrap();
                prop_assert_eq!(received.data(), &data[..]);
            }
            Err(error) => {
                prop_assert_eq!(error, Error::Apdu(gp_apdu::Error::BufferFull));
                prop_assert_eq!((built.header(), built.data(), built.le()), (setup.header(ins), &data[..], None));
                let after = (picture(&host_state(&mut host)), host.messages_left(), host.is_awaiting());
                prop_assert_eq!(after, before);
            }
        }
    }
}

/// What anybody can do to a card, in any order.
#[derive(Clone, Debug)]
enum Call {
    InitializeUpdate(Vec<u8>),
    ExternalAuthenticate(Vec<u8>),
    Unwrap(Vec<u8>),
    Wrap(usize, usize, u16),
    Begin(Vec<u8>),
    End(Vec<u8>),
    Genuine,
    Terminate,
    Suspend,
}

fn apdus() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..64),
        (select(&[0x80_u8, 0x84, 0x00, 0x04, 0xC0, 0xE0][..]), any::<[u8; 3]>(), vec(any::<u8>(), 1..64)).prop_map(
            |(class, [ins, p1, p2], data)| {
                let head = [class, ins, p1, p2, u8::try_from(data.len()).unwrap()];
                [&head[..], &data].concat()
            }
        ),
    ]
}

fn calls() -> impl Strategy<Value = Call> {
    prop_oneof![
        2 => apdus().prop_map(Call::InitializeUpdate),
        2 => apdus().prop_map(Call::ExternalAuthenticate),
        4 => apdus().prop_map(Call::Unwrap),
        4 => (0_usize..400, 0_usize..400, statuses()).prop_map(|(a, b, status)| Call::Wrap(a, b, status)),
        1 => apdus().prop_map(Call::Begin),
        1 => apdus().prop_map(Call::End),
        2 => Just(Call::Genuine),
        1 => Just(Call::Terminate),
        1 => Just(Call::Suspend),
    ]
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn a_card_survives_anything_in_any_order(setup in setups(), story in vec(calls(), 1..30)) {
        let implementation = Implementation::new(setup.i);
        let mut card = Responder::new();
        for call in story {
            let before = card.state();
            match call {
                Call::InitializeUpdate(octets) => {
                    if let Ok(command) = Command::parse(&octets) {
                        let _ = card.initialize_update(&command, implementation);
                        let ended = InitializeUpdate::is(command.header);
                        prop_assert_eq!(card.state(), if ended { ResponderState::Idle } else { before });
                    }
                }
                Call::ExternalAuthenticate(mut octets) => {
                    let length = octets.len();
                    if let Ok(mut command) = CommandBuf::parse(&mut octets, length) {
                        prop_assert!(card.external_authenticate(&mut command).is_err());
                        let challenged = before == ResponderState::Challenged;
                        prop_assert_eq!(card.state(), if challenged { ResponderState::Idle } else { before });
                    }
                }
                Call::Unwrap(mut octets) => {
                    let length = octets.len();
                    if let Ok(mut command) = CommandBuf::parse(&mut octets, length) {
                        let level = card.level();
                        match card.unwrap(&mut command) {
                            Ok(None) => prop_assert!(matches!(before, ResponderState::Idle | ResponderState::Challenged)),
                            // Without protection only where none is asked for.
                            Ok(Some(_)) => prop_assert_eq!(level, Some(SecurityLevel::Authenticated)),
                            Err(status) => {
                                prop_assert_eq!(status, StatusWord::SECURITY_STATUS);
                                prop_assert_eq!(card.state(), ResponderState::Aborted);
                            }
                        }
                    }
                }
                Call::Wrap(size, length, status) => {
                    let mut buffer = std::vec![0x5A; size];
                    if let Ok(octets) = card.wrap(&mut buffer, length, StatusWord(status)) {
                        let octets = octets.to_vec();
                        let last: [u8; 2] = octets[octets.len() - 2..].try_into().unwrap();
                        if before == ResponderState::Aborted {
                            prop_assert!(octets.len() == 2 && StatusWord::from(last).is_error());
                        } else {
                            prop_assert_eq!(last, status.to_be_bytes());
                        }
                    }
                    prop_assert_eq!(card.state(), before);
                }
                Call::Begin(octets) => {
                    if let Ok(command) = Command::parse(&octets) {
                        let _ = card.begin_r_mac(&command);
                        prop_assert_eq!(card.state(), before);
                    }
                }
                Call::End(octets) => {
                    if let Ok(command) = Command::parse(&octets) {
                        let _ = card.end_r_mac(&command);
                        prop_assert_eq!(card.state(), before);
                    }
                }
                Call::Genuine => card = setup.open().1,
                Call::Terminate => {
                    card.terminate();
                    prop_assert_eq!(card.state(), ResponderState::Idle);
                }
                Call::Suspend => {
                    if let Some(state) = card.suspend() {
                        prop_assert_eq!(before, ResponderState::Open);
                        card = Responder::resume(state);
                    }
                    prop_assert_eq!(card.state(), before);
                }
            }
        }
    }

    /// The counter is a number of three octets that only ever goes up by one.
    #[test]
    fn the_sequence_counter_counts(value in 0_u32..0x0100_0000) {
        let octets = |value: u32| <[u8; 3]>::try_from(&value.to_be_bytes()[1..]).unwrap();
        let next = SequenceCounter::new(octets(value)).next();
        let expected = (value < 0x00FF_FFFF).then(|| SequenceCounter::new(octets(value + 1)));
        prop_assert_eq!(next, expected);
        prop_assert!(next.is_none_or(|next| next > SequenceCounter::new(octets(value))));
    }
}
