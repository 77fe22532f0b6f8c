//! The AES of a session by an engine outside: the octets of the built-in one, no more calls than there are blocks, and an end
//! without a trace when a call fails, whichever it is.
#![cfg(feature = "external-aes")]

use core::cell::Cell;

use gp_apdu::{Command, CommandBuf, Form, Header, Le, Response, StatusWord};
use gp_scp03::{
    ChallengePolicy, Error, ExternalAes, Implementation, Key, KeySource, Mode, RMacSession, Reply, Responder,
    ResponderState, Script, SecureChannel, SecurityLevel, SessionAes, Target,
};
use proptest::prelude::*;

#[path = "support/session.rs"]
mod session;

use session::{AID, Setup, engine, octets, scaled};

const LEVELS: [SecurityLevel; 6] = SecurityLevel::ALL;

/// The key lengths whose features are on.
fn key_lengths() -> impl Iterator<Item = usize> {
    [16, 24, 32].into_iter().filter(|length| Key::new(&[0; 32][..*length]).is_ok())
}

/// Every key length, mode and level, with both kinds of card challenge.
fn setups() -> Vec<Setup> {
    let mut setups = Vec::new();
    for key_length in key_lengths() {
        for mode in [Mode::S8, Mode::S16] {
            for (at, level) in LEVELS.into_iter().enumerate() {
                let mut setup = Setup::new(key_length, mode, level, [0, 5][at % 2]);
                // Without pseudo-random challenge.
                setup.i &= if at % 3 == 0 { 0x6F } else { 0xFF };
                setups.push(setup);
            }
        }
    }
    setups
}

// --- An engine that counts, and fails when it is told to ------------------------------------------------------------

std::thread_local! {
    static CALLS: Cell<[u32; 2]> = const { Cell::new([0; 2]) };
    static FAILS_AT: Cell<Option<u32>> = const { Cell::new(None) };
}

const COUNTING: ExternalAes = ExternalAes { context: 7, encrypt: counted_encrypt, decrypt: counted_decrypt };

fn counted_encrypt(context: usize, key: &[u8], block: &mut [u8; 16]) -> bool {
    engine::encrypt(context, key, block) && counted(0)
}

fn counted_decrypt(context: usize, key: &[u8], block: &mut [u8; 16]) -> bool {
    engine::decrypt(context, key, block) && counted(1)
}

/// The block has been done by then: a failing engine may leave anything.
fn counted(direction: usize) -> bool {
    let mut calls = CALLS.get();
    calls[direction] += 1;
    CALLS.set(calls);
    FAILS_AT.get() != Some(calls[0] + calls[1])
}

/// From here on the calls are counted from 1, and that one fails alone: those after it do their work.
fn fails_at(call: Option<u32>) {
    CALLS.set([0; 2]);
    FAILS_AT.set(call);
}

/// How many blocks were encrypted and decrypted meanwhile.
fn calls<R>(work: impl FnOnce() -> R) -> (R, [u32; 2]) {
    fails_at(None);
    let result = work();
    (result, CALLS.get())
}

// --- Sessions that write down what goes over the wire -------------------------------------------------------------

type Wire = Vec<Vec<u8>>;

/// A handshake, as far as it comes.
fn handshake(
    setup: &Setup,
    at_host: &mut impl KeySource,
    at_card: &mut impl KeySource,
    wire: &mut Wire,
) -> Result<(SecureChannel, Responder), Error> {
    let mut buffer = [0; 64];
    let command = setup.initiator().initialize_update(&mut buffer)?.to_vec();
    let mut card = Responder::new();
    let refused = Error::Status;
    let request = card.initialize_update(&Command::parse(&command)?, Implementation::new(setup.i)).map_err(refused)?;
    let challenge = setup.card_challenge();
    let length = card.challenge(at_card, &setup.info(), &request, &challenge, &mut buffer);
    if length.is_err() {
        assert_eq!((card.state(), card.suspend().is_none()), (ResponderState::Idle, true));
    }
    let answer = buffer[..length.map_err(refused)?].to_vec();
    let challenged = setup.initiator().challenged(Response { data: &answer, status: StatusWord::OK })?;
    let policy = if setup.i & 0x10 != 0 { ChallengePolicy::Require(&AID) } else { ChallengePolicy::Off };
    let mut buffer = [0xEE; 64];
    let authenticated = challenged.authenticate(at_host, setup.level, policy, &mut buffer);
    let (authenticating, command) = match authenticated {
        Ok((authenticating, command)) => (authenticating, command.to_vec()),
        Err(error) => {
            // The host cryptogram was not left without its C-MAC.
            assert!(buffer[5..].iter().all(|octet| [0, 0xEE].contains(octet)), "{buffer:02X?}");
            return Err(error);
        }
    };
    wire.extend([answer, command.clone()]);
    let (mut received, length) = (command, wire.last().map_or(0, Vec::len));
    let level = card.external_authenticate(&mut CommandBuf::parse(&mut received, length)?);
    if level.is_err() {
        assert_eq!((card.state(), card.suspend().is_none()), (ResponderState::Idle, true));
    }
    assert_eq!(level.map_err(refused)?, setup.level);
    Ok((authenticating.confirmed(Response { data: &[], status: StatusWord::OK })?, card))
}

/// Octets that would be known again.
fn plain(seed: usize, length: usize) -> Vec<u8> {
    octets(u32::try_from(seed).unwrap() + 1000, length)
}

/// Does a buffer hold four octets of this in a row?
fn shows(buffer: &[u8], plain: &[u8]) -> bool {
    plain.windows(4).any(|part| buffer.windows(4).any(|found| found == part))
}

/// How the card's end went.
#[derive(Debug, PartialEq, Eq)]
enum Broke {
    Host(Error),
    CardUnwrap(StatusWord),
    CardWrap(Error),
}

/// One exchange, as far as it comes: a command of so much data, an answer of so much. Wherever it breaks the end is dead and
/// nothing of the message is left.
fn exchange(
    setup: &Setup,
    host: &mut SecureChannel,
    card: &mut Responder,
    (form, there, back): (Form, &[u8], &[u8]),
    wire: &mut Wire,
) -> Result<(), Broke> {
    let level = host.level();
    let mut buffer = vec![0x5A; there.len() + 64];
    let mut built = CommandBuf::new(&mut buffer, setup.header(0xE2), form).unwrap();
    built.push(there).unwrap().expect(Le::MAX_SHORT);
    if let Err(error) = host.wrap(&mut built) {
        assert_eq!(built.data_len(), 0);
        assert!(host.is_closed() && host.session_keys().is_none() && host.chain().is_none());
        assert_eq!(host.wrap(&mut built), Err(Error::Closed));
        assert!(!shows(&buffer, there), "{buffer:02X?}");
        return Err(Broke::Host(error));
    }
    let mut sent = built.finish().unwrap().to_vec();
    wire.push(sent.clone());
    let length = sent.len();
    let mut received = CommandBuf::parse(&mut sent, length).unwrap();
    match card.unwrap(&mut received) {
        Ok(seen) => assert_eq!((seen, received.data()), (Some(level), there)),
        Err(status) => {
            assert_eq!((card.state(), card.level()), (ResponderState::Aborted, None));
            assert_eq!(card.unwrap(&mut received), Err(StatusWord::SECURITY_STATUS));
            assert!(!shows(&sent, there), "{sent:02X?}");
            return Err(Broke::CardUnwrap(status));
        }
    }
    let mut buffer = vec![0xA5; back.len() + 64];
    buffer[..back.len()].copy_from_slice(back);
    let answer = card.wrap(&mut buffer, back.len(), StatusWord::OK).map(|answer| answer.to_vec());
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            assert_eq!(card.state(), ResponderState::Aborted);
            assert!(!shows(&buffer, back), "{buffer:02X?}");
            // All that goes out is the refusal.
            assert_eq!(card.wrap(&mut buffer, back.len(), StatusWord::OK).unwrap(), [0x69, 0x82]);
            return Err(Broke::CardWrap(error));
        }
    };
    wire.push(answer.clone());
    let one_pass = there.len() % 2 == 1;
    let reply = if one_pass { host.unwrap_in_one_pass(&mut answer) } else { host.unwrap(&mut answer) };
    match reply {
        Ok(reply) => {
            let expected = Response { data: back, status: StatusWord::OK };
            let authentic = level.has_r_mac();
            assert_eq!(reply, if authentic { Reply::Authentic(expected) } else { Reply::Plain(expected) });
            Ok(())
        }
        Err(error) => {
            assert!(host.is_closed() && host.session_keys().is_none());
            assert_eq!(host.unwrap(&mut answer), Err(Error::Closed));
            assert!(!shows(&answer, back), "{answer:02X?}");
            Err(Broke::Host(error))
        }
    }
}

const LENGTHS: [(usize, usize); 8] = [(0, 0), (1, 1), (15, 16), (16, 15), (17, 33), (32, 48), (100, 0), (200, 200)];

/// A session of some exchanges, and an R-MAC session where the level can be raised.
fn run(setup: &Setup, host: &mut SecureChannel, card: &mut Responder, wire: &mut Wire) -> Result<(), Broke> {
    for (at, (there, back)) in LENGTHS.into_iter().enumerate() {
        let form = if at % 3 == 2 { Form::Extended } else { Form::Short };
        exchange(setup, host, card, (form, &plain(at, there), &plain(at + 50, back)), wire)?;
    }
    if setup.level == SecurityLevel::CMac {
        let mut buffer = [0; 64];
        let mut begin = host.begin_r_mac(RMacSession::RMac, b"salt", &mut buffer).map_err(Broke::Host)?.to_vec();
        wire.push(begin.clone());
        let length = begin.len();
        let mut received = CommandBuf::parse(&mut begin, length).unwrap();
        card.unwrap(&mut received).map_err(Broke::CardUnwrap)?;
        card.begin_r_mac(&received.as_command()).unwrap();
        let mut answer = [0; 8];
        let mut answer = card.wrap(&mut answer, 0, StatusWord::OK).map_err(Broke::CardWrap)?.to_vec();
        host.unwrap(&mut answer).map_err(Broke::Host).map(|_| ())?;
        exchange(setup, host, card, (Form::Short, &plain(20, 20), &plain(21, 21)), wire)?;
    }
    Ok(())
}

fn counting<K: KeySource>(keys: K) -> SessionAes<K> {
    SessionAes { keys, aes: COUNTING }
}

#[test]
fn every_session_is_that_of_the_built_in_aes() {
    let (mut sessions, mut messages) = (0, 0);
    for setup in setups() {
        let mut expected = Wire::new();
        let (mut host, mut card) = handshake(&setup, &mut setup.keys(), &mut setup.keys(), &mut expected).unwrap();
        run(&setup, &mut host, &mut card, &mut expected).unwrap();
        let chain = host.chain();

        let ((wire, outside), used) = calls(|| {
            let mut wire = Wire::new();
            let (mut at_host, mut at_card) = (counting(setup.keys()), counting(setup.keys()));
            let (mut host, mut card) = handshake(&setup, &mut at_host, &mut at_card, &mut wire).unwrap();
            run(&setup, &mut host, &mut card, &mut wire).unwrap();
            (wire, host.chain())
        });
        assert_eq!((&wire, outside), (&expected, chain), "{setup:?}");
        // It was the engine: both ends open a session by at least 16 blocks.
        assert!(used[0] >= 16 && (used[1] > 0) == setup.level.has_c_decryption(), "{setup:?} {used:?}");
        sessions += 1;
        messages += wire.len();
    }
    println!("{sessions} sessions, {messages} messages");
    assert_eq!(sessions, key_lengths().count() * 12);
}

/// One end by the engine, the other by this crate.
#[test]
fn an_engine_talks_to_the_built_in_aes() {
    for setup in setups() {
        let mut wires = [Wire::new(), Wire::new()];
        let (mut host, mut card) =
            handshake(&setup, &mut counting(setup.keys()), &mut setup.keys(), &mut wires[0]).unwrap();
        run(&setup, &mut host, &mut card, &mut wires[0]).unwrap();
        let (mut host, mut card) =
            handshake(&setup, &mut setup.keys(), &mut counting(setup.keys()), &mut wires[1]).unwrap();
        run(&setup, &mut host, &mut card, &mut wires[1]).unwrap();
        assert_eq!(wires[0], wires[1], "{setup:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: scaled(200), failure_persistence: None, ..ProptestConfig::default() })]

    /// Commands and answers of any length, in any form, at any level.
    #[test]
    fn any_exchange_is_that_of_the_built_in_aes(
        key_length in prop::sample::select(key_lengths().collect::<Vec<_>>()),
        mode in prop::sample::select(&[Mode::S8, Mode::S16][..]),
        level in prop::sample::select(&LEVELS[..]),
        lengths in prop::collection::vec((any::<bool>(), 0..600_usize, 0..600_usize), 1..5),
    ) {
        let setup = Setup::new(key_length, mode, level, 0);
        let play = |outside: bool| {
            let mut wire = Wire::new();
            let (mut host, mut card) = if outside {
                handshake(&setup, &mut counting(setup.keys()), &mut counting(setup.keys()), &mut wire)
            } else {
                handshake(&setup, &mut setup.keys(), &mut setup.keys(), &mut wire)
            }
            .unwrap();
            for (at, (extended, there, back)) in lengths.iter().enumerate() {
                let form = if *extended { Form::Extended } else { Form::Short };
                let there = plain(at, (*there).min(host.max_command_data(form)));
                exchange(&setup, &mut host, &mut card, (form, &there, &plain(at + 9, *back)), &mut wire).unwrap();
            }
            (wire, host.chain())
        };
        prop_assert_eq!(play(true), play(false));
    }
}

/// What a wrong command costs the card, in calls: as much as its length says, whatever is wrong and wherever. Without the right MAC
/// nothing is decrypted, be the padding under it right or not; with it a wrong padding costs what a right one does.
#[test]
fn a_failure_costs_what_its_length_says() {
    let blocks = |octets: usize| u32::try_from(octets.div_ceil(16)).unwrap();
    let mut count = [0_usize; 5];
    for setup in setups().into_iter().filter(|setup| setup.level.has_c_decryption()) {
        let opened = handshake(&setup, &mut setup.keys(), &mut setup.keys(), &mut Wire::new());
        let (mut host, mut card) = opened.unwrap();
        let before = session::card_state(&mut card);
        let mac_length = setup.mode.octets();
        let sealed = |body: &[u8]| session::sealed(&setup, &before, body);
        let mut buffer = [0; 128];
        let mut built = session::command(&mut buffer, setup.header(0xE2), Form::Short, &octets(42, 40), None);
        host.wrap(&mut built).unwrap();
        let genuine = built.finish().unwrap().to_vec();
        let body = genuine.len() - mac_length;
        let cost = |message: &[u8]| {
            let opened = handshake(&setup, &mut setup.keys(), &mut counting(setup.keys()), &mut Wire::new());
            let (_, mut card) = opened.unwrap();
            let mut octets = message.to_vec();
            let (result, used) = calls(|| card.unwrap(&mut CommandBuf::parse(&mut octets, message.len()).unwrap()));
            (result.is_ok(), used)
        };
        let mac_alone = |body: usize| [1 + blocks(16 + 5 + body), 0];
        // L, the MAC, the ICV, three blocks.
        let whole = [mac_alone(48)[0] + 1, 3];
        assert_eq!(cost(&genuine), (true, whole), "{setup:?}");
        for bit in 0..8 * mac_length {
            let mut wrong = genuine.clone();
            wrong[body + bit / 8] ^= 1 << (bit % 8);
            assert_eq!(cost(&wrong), (false, mac_alone(48)), "MAC, bit {bit} {setup:?}");
            count[0] += 1;
        }
        for seed in 0..32 {
            let nonsense = sealed(&octets(100 + seed, 48));
            let (accepted, used) = cost(&nonsense);
            assert_eq!(used, whole, "padding {seed} {setup:?}");
            count[1] += usize::from(!accepted);
            // The same under a wrong MAC.
            let mut wrong = nonsense;
            *wrong.last_mut().unwrap() ^= 1;
            assert_eq!(cost(&wrong), (false, mac_alone(48)), "padding and MAC {seed} {setup:?}");
            count[2] += 1;
        }
        for length in (1..48).filter(|length| length % 16 != 0) {
            assert_eq!(cost(&sealed(&octets(43, length))), (false, mac_alone(length)), "length {length} {setup:?}");
            count[3] += 1;
        }
        for length in 1..mac_length {
            let short = [&genuine[..4], &[u8::try_from(length).unwrap()], &genuine[5..5 + length]].concat();
            assert_eq!(cost(&short), (false, [0, 0]), "no room for a MAC {length} {setup:?}");
            count[4] += 1;
        }
    }
    println!("wrong MAC, padding, both, length, no MAC: {count:?}");
    assert!(count.iter().all(|count| *count > 0));
}

/// L of the subkeys once for each use of a MAC key, the blocks of the messages, and nothing else.
#[test]
fn the_engine_is_called_for_each_block_and_no_more() {
    let blocks = |octets: usize| u32::try_from(octets.div_ceil(16)).unwrap();
    for setup in setups() {
        let c = setup.mode.octets();
        let (mut wire, mut at_card) = (Wire::new(), setup.keys());
        let (opened, used) = calls(|| handshake(&setup, &mut counting(setup.keys()), &mut at_card, &mut wire));
        // Both cryptograms; chaining value, header, host cryptogram. Static keys are the source's affair.
        let expected = 1 + 2 * blocks(16 + 2 * c) + 1 + blocks(16 + 5 + c);
        assert_eq!(used, [expected, 0], "host {setup:?}");
        let (mut host, _) = opened.unwrap();
        let (opened, used) = calls(|| handshake(&setup, &mut setup.keys(), &mut counting(setup.keys()), &mut wire));
        assert_eq!(used, [expected, 0], "card {setup:?}");
        let (_, mut card) = opened.unwrap();

        for (there, back) in LENGTHS {
            let (data, reply) = (plain(1, there), plain(2, back));
            let padded = |length: usize, cipher: bool| {
                if cipher && length > 0 { length / 16 * 16 + 16 } else { length }
            };
            let body = padded(there, setup.level.has_c_decryption());
            let ciphered = |body, cipher: bool| if cipher && body > 0 { blocks(body) } else { 0 };
            let (enc, r_enc) = (setup.level.has_c_decryption(), setup.level.has_r_encryption());
            let there_blocks = ciphered(body, enc);
            let icv = u32::from(there_blocks > 0);
            let mac = if setup.level.has_c_mac() { 1 + blocks(16 + 5 + body) } else { 0 };
            let mut buffer = [0; 261];
            let mut built = CommandBuf::new(&mut buffer, setup.header(0xE2), Form::Short).unwrap();
            built.push(&data).unwrap();
            let (_, used) = calls(|| host.wrap(&mut built).unwrap());
            assert_eq!(used, [icv + there_blocks + mac, 0], "wrap {there} {setup:?}");
            let mut wire = built.finish().unwrap().to_vec();
            let length = wire.len();
            let (_, used) = calls(|| card.unwrap(&mut CommandBuf::parse(&mut wire, length).unwrap()).unwrap());
            assert_eq!(used, [icv + mac, there_blocks], "card's unwrap {there} {setup:?}");

            let body = padded(back, r_enc);
            let back_blocks = ciphered(body, r_enc);
            let icv = u32::from(back_blocks > 0);
            let mac = if setup.level.has_r_mac() { 1 + blocks(16 + body + 2) } else { 0 };
            let mut buffer = [0; 261];
            buffer[..back].copy_from_slice(&reply);
            let (answer, used) = calls(|| card.wrap(&mut buffer, back, StatusWord::OK).unwrap().to_vec());
            assert_eq!(used, [icv + back_blocks + mac, 0], "card's wrap {back} {setup:?}");
            let mut answer = answer;
            let (_, used) = calls(|| host.unwrap(&mut answer).map(|_| ()).unwrap());
            assert_eq!(used, [icv + mac, back_blocks], "unwrap {back} {setup:?}");
        }
    }
}

/// Breaks a session at every call of one end's engine, and answers how often it broke and where.
fn break_everywhere(setup: &Setup, host_fails: bool) -> [usize; 4] {
    let mut broke = [0; 4];
    for call in 1.. {
        fails_at(Some(call));
        let mut wire = Wire::new();
        let opened = if host_fails {
            handshake(setup, &mut counting(setup.keys()), &mut setup.keys(), &mut wire)
        } else {
            handshake(setup, &mut setup.keys(), &mut counting(setup.keys()), &mut wire)
        };
        let (mut host, mut card) = match (opened, host_fails) {
            (Ok(ends), _) => ends,
            (Err(Error::KeySource), true) => {
                broke[0] += 1;
                continue;
            }
            (Err(Error::Status(StatusWord::UNKNOWN | StatusWord::SECURITY_STATUS)), false) => {
                broke[0] += 1;
                continue;
            }
            (Err(other), _) => panic!("{other:?}"),
        };
        match (run(setup, &mut host, &mut card, &mut wire), host_fails) {
            (Ok(()), _) => {
                let used: u32 = CALLS.get().iter().sum();
                assert!(used < call, "call {call} of {used} failed and nobody saw it");
                return broke;
            }
            (Err(Broke::Host(Error::KeySource)), true) => broke[1] += 1,
            (Err(Broke::CardUnwrap(StatusWord::SECURITY_STATUS)), false) => broke[2] += 1,
            (Err(Broke::CardWrap(Error::KeySource)), false) => broke[3] += 1,
            (Err(other), _) => panic!("call {call}: {other:?}"),
        }
    }
    broke
}

#[test]
fn whichever_call_fails_the_session_ends_and_leaves_nothing() {
    let mut total = [0; 4];
    for setup in setups() {
        // One key length is enough: the engine is asked for the same blocks.
        if setup.key_length != 16 {
            continue;
        }
        let ends = [break_everywhere(&setup, true), break_everywhere(&setup, false)];
        let [handshakes, host, card_unwrap, card_wrap] = core::array::from_fn(|at| ends[0][at] + ends[1][at]);
        let level = setup.level;
        assert!(handshakes >= 16, "{setup:?}");
        assert_eq!(host > 0, level.has_c_mac() || level.has_r_mac(), "{setup:?}");
        assert_eq!(card_unwrap > 0, level.has_c_mac(), "{setup:?}");
        // At level 01 there is an R-MAC session in the end.
        assert_eq!(card_wrap > 0, level.has_r_mac() || level == SecurityLevel::CMac, "{setup:?}");
        total.iter_mut().zip([handshakes, host, card_unwrap, card_wrap]).for_each(|(sum, more)| *sum += more);
    }
    let [handshakes, host, card_unwrap, card_wrap] = total;
    println!("broken: {handshakes} handshakes, {host} at the host, {card_unwrap} and {card_wrap} at the card");
    assert!(handshakes + host + card_unwrap + card_wrap > 1000);
}

/// A script is no live session: a failure wipes the command, and the script is where it was. Side by side, too: none goes on.
#[test]
fn scripts_lose_the_command_and_nothing_else() {
    const COUNT: usize = 3;
    let setup = Setup::new(16, Mode::S8, SecurityLevel::Full, 0);
    let data: [Vec<u8>; COUNT] = core::array::from_fn(|at| plain(at, 20 + 16 * at));
    let target = Target {
        key_version: 0x31,
        implementation: Implementation::new(setup.i),
        sequence: setup.info().sequence.unwrap(),
        aid: &AID,
        channel: setup.channel,
    };
    let script = |keys: &mut dyn KeySource| {
        let mut buffer = [0; 64];
        let mut keys = keys;
        Script::new(&mut keys, &target, &setup.host_challenge(), setup.level, &mut buffer).unwrap().0
    };
    let wrapped = |scripts: &mut [Script; COUNT]| {
        let mut buffers = [[0; 128]; COUNT];
        let mut data = data.iter();
        let mut commands = buffers.each_mut().map(|buffer| {
            let mut command = CommandBuf::new(buffer, setup.header(0xE2), Form::Short).unwrap();
            command.push(data.next().unwrap()).unwrap();
            command
        });
        let result = Script::wrap_each(scripts.each_mut(), commands.each_mut());
        let lengths = commands.each_ref().map(CommandBuf::data_len);
        (result, lengths, buffers)
    };
    let mut built_in: [Script; COUNT] = core::array::from_fn(|_| script(&mut setup.keys()));
    let expected = wrapped(&mut built_in);
    let mut broke = 0;
    for call in 1_u32.. {
        fails_at(None);
        // The second alone is by an engine, or all of them.
        let mut scripts: [Script; COUNT] = core::array::from_fn(|at| match (call % 2 == 0, at) {
            (true, 0 | 2) => script(&mut setup.keys()),
            _ => script(&mut counting(setup.keys())),
        });
        fails_at(Some(call.div_ceil(2)));
        let (result, lengths, buffers) = wrapped(&mut scripts);
        if result.is_ok() {
            assert_eq!((result, lengths, buffers), expected);
            if call % 2 == 1 {
                break;
            }
            continue;
        }
        broke += 1;
        assert_eq!((result, lengths), (Err(Error::KeySource), [0; COUNT]));
        for (buffer, data) in buffers.iter().zip(&data) {
            assert!(!shows(buffer, data), "{buffer:02X?}");
        }
        fails_at(None);
        assert_eq!(wrapped(&mut scripts), expected);
        // One alone.
        let mut alone = script(&mut counting(setup.keys()));
        let mut buffer = [0; 128];
        let mut command = CommandBuf::new(&mut buffer, setup.header(0xE2), Form::Short).unwrap();
        command.push(&data[0]).unwrap();
        fails_at(Some(1));
        assert_eq!((alone.wrap(&mut command), command.data_len()), (Err(Error::KeySource), 0));
        assert!(!shows(&buffer, &data[0]));
    }
    // Alone, the second script has 3 blocks of data and 5 of its MAC, an ICV and L.
    assert!(broke >= 10 + 28, "{broke}");
}

/// A state takes its engine along, and one from elsewhere is given one.
#[test]
fn a_state_keeps_its_engine() {
    let setup = Setup::new(16, Mode::S16, SecurityLevel::Full, 0);
    let mut wire = Wire::new();
    let (host, mut card) =
        handshake(&setup, &mut counting(setup.keys()), &mut counting(setup.keys()), &mut wire).unwrap();
    let state = host.suspend().unwrap();
    let copied = session::copy(&state);
    let header = |header: Header, host: &mut SecureChannel| {
        let mut buffer = [0; 64];
        let mut command = CommandBuf::new(&mut buffer, header, Form::Short).unwrap();
        command.push(&[1, 2, 3]).unwrap();
        host.wrap(&mut command).unwrap();
        command.finish().unwrap().to_vec()
    };
    let mut host = SecureChannel::resume(state);
    let (sent, used) = calls(|| header(setup.header(0xE2), &mut host));
    assert_eq!(used, [6, 0]);
    let mut card = Responder::resume(card.suspend().unwrap());
    let length = sent.len();
    let (seen, used) = calls(|| card.unwrap(&mut CommandBuf::parse(&mut sent.clone(), length).unwrap()));
    assert_eq!((seen, used), (Ok(Some(SecurityLevel::Full)), [5, 1]));

    // The copy has another engine by now, or none.
    let mut state = copied;
    state.keys = state.keys.with_aes(COUNTING);
    let (again, used) = calls(|| header(setup.header(0xE2), &mut SecureChannel::resume(state)));
    assert_eq!((again, used), (sent, [6, 0]));
}

#[test]
fn an_engine_shows_nothing_and_is_found_through_references() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::Full, 0);
    let mut source = counting(setup.keys());
    assert_eq!(format!("{COUNTING:?}"), "ExternalAes(..)");
    assert!(!format!("{source:?}").contains("0x"));
    assert!(setup.keys().session_aes().is_none());
    let found = |source: &dyn KeySource| source.session_aes().map(|aes| aes.context);
    assert_eq!([found(&source), found(&&mut source), found(&&mut &mut source)], [Some(7); 3]);
    assert_eq!(source.length(), setup.keys().length());
    let parts: [&[u8]; 2] = [&[1], &[2, 3]];
    assert_eq!(source.cmac(gp_scp03::KeyId::Mac, &parts), Ok(setup.keys().key(gp_scp03::KeyId::Mac).cmac(&parts)));
}
