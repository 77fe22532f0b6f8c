//! One bit is wrong in one input of a verification, at one end alone: in a key, a challenge, a sequence counter, an AID, a
//! chaining value, a state. What the wire can change bit by bit (header with level, length, data, MAC, status word) is in
//! `tamper.rs`; here are the inputs that never travel, or travel in another message.
//!
//! Not every input of a session is an input of every verification, and the counts say so: S-ENC, the encryption counter
//! and Key-DEK enter no MAC. A fault there authenticates nobody: the octets that came are those that the peer's MAC
//! covers. They only decrypt to something else, which the padding may notice or not.

use gp_apdu::{Command, CommandBuf, Form, Le, Response, StatusWord};
use gp_scp03::{
    Challenge, ChallengePolicy, Error, Implementation, Initiator, Key, KeySetInfo, Mode, Reply, Responder,
    ResponderState, SecureChannel, SecurityLevel, SequenceCounter, SessionKeys, State, StaticKeys,
};

#[path = "support/session.rs"]
mod session;

use session::{AID, Setup, answer, card_state, command, copy, host_state, octets};

/// Both modes, all key lengths, levels with and without each protection.
fn setups() -> [Setup; 6] {
    use SecurityLevel::{CMac, CMacCDecryption, CMacCDecryptionRMac, CMacRMac, Full};
    [
        Setup::new(16, Mode::S8, CMac, 0),
        Setup::new(24, Mode::S16, CMacCDecryption, 4),
        Setup::new(32, Mode::S8, CMacRMac, 1),
        Setup::new(16, Mode::S16, CMacCDecryptionRMac, 0),
        Setup::new(24, Mode::S8, Full, 19),
        Setup::new(32, Mode::S16, Full, 0),
    ]
}

/// Each of the octets with one bit flipped.
fn flips(of: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..of.len() * 8).map(|bit| {
        let mut flipped = of.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

/// The key with each of its bits flipped.
fn flipped_keys(key: &Key) -> impl Iterator<Item = Key> + '_ {
    let octets = key.expose_secret().to_vec();
    (0..octets.len() * 8).map(move |bit| {
        let mut flipped = octets.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        Key::new(&flipped).unwrap()
    })
}

/// Data derivation, written out once more (Amendment D 4.1.5).
fn derive(key: &Key, constant: u8, length: usize, context: &[u8]) -> Vec<u8> {
    let bits = u16::try_from(length * 8).unwrap().to_be_bytes();
    let block = |number: u8| key.cmac(&[&[0; 11], &[constant, 0x00], &bits, &[number], context]);
    [block(1), block(2)].concat()[..length].to_vec()
}

/// A key set in which one key is another one.
fn with(keys: &StaticKeys, number: usize, key: Key) -> StaticKeys {
    use gp_scp03::KeyId::{Dek, Enc, Mac};
    let mut set = [Enc, Mac, Dek].map(|id| keys.key(id).duplicate_secret());
    set[number] = key;
    let [enc, mac, dek] = set;
    StaticKeys::new(enc, mac, dek).unwrap()
}

// --- The card cryptogram, verified by the host ---------------------------------------------------------------------

/// The host's keys, its challenge and the AID that it expects. Nothing is written that could be sent, the EXTERNAL
/// AUTHENTICATE least of all.
#[test]
fn the_card_cryptogram_with_each_bit_of_the_hosts_inputs_wrong() {
    let (mut refused, mut unseen) = (0, 0);
    let aids: Vec<Vec<u8>> = flips(&AID).collect();
    for setup in setups() {
        let (_, answer) = setup.challenged_card();
        let attempt = |challenge: Challenge, mut keys: StaticKeys, policy| {
            let mut buffer = [0; 64];
            let challenged =
                Initiator::new(challenge, setup.channel, 0x31).challenged(Response::parse(&answer).unwrap());
            let opened = challenged.unwrap().authenticate(&mut keys, setup.level, policy, &mut buffer).map(|_| ());
            assert_eq!(opened.is_err(), buffer == [0; 64], "an error and a command to send");
            opened
        };
        let require = ChallengePolicy::Require(&AID);
        assert_eq!(attempt(setup.host_challenge(), setup.keys(), require), Ok(()));
        for flipped in flips(setup.host_challenge().octets()) {
            let challenge = Challenge::new(&flipped).unwrap();
            assert_eq!(attempt(challenge, setup.keys(), ChallengePolicy::Off), Err(Error::CardCryptogram));
            refused += 1;
        }
        let keys = setup.keys();
        for key in flipped_keys(keys.key(gp_scp03::KeyId::Mac)) {
            let keys = with(&keys, 1, key);
            assert_eq!(attempt(setup.host_challenge(), keys, ChallengePolicy::Off), Err(Error::CardCryptogram));
            refused += 1;
        }
        // Key-ENC makes the card challenge, so a host that insists on that sees it.
        for key in flipped_keys(keys.key(gp_scp03::KeyId::Enc)) {
            assert!(attempt(setup.host_challenge(), with(&keys, 0, key), require).is_err());
            refused += 1;
        }
        for aid in &aids {
            assert!(attempt(setup.host_challenge(), setup.keys(), ChallengePolicy::Require(aid)).is_err());
            refused += 1;
        }
        // No cryptogram depends on these: an encrypting session shows Key-ENC at the first message, PUT KEY the Key-DEK.
        for key in flipped_keys(keys.key(gp_scp03::KeyId::Enc)) {
            assert_eq!(attempt(setup.host_challenge(), with(&keys, 0, key), ChallengePolicy::Off), Ok(()));
            unseen += 1;
        }
        for key in flipped_keys(keys.dek()) {
            assert_eq!(attempt(setup.host_challenge(), with(&keys, 2, key), require), Ok(()));
            unseen += 1;
        }
    }
    println!("card cryptogram: {refused} faults refused, {unseen} in what it does not depend on");
    // Challenges of 8 and 16 octets, keys of 16, 24 and 32 twice each, the AID.
    let keys = 8 * 2 * (16 + 24 + 32);
    assert_eq!((refused, unseen), (8 * 3 * (8 + 16) + 2 * keys + 6 * 64, 2 * keys));
}

/// Each bit of the challenge in INITIALIZE UPDATE wrong when it comes to the card.
#[test]
fn the_card_cryptogram_for_another_host_challenge() {
    let mut refused = 0;
    for setup in setups() {
        for flipped in flips(setup.host_challenge().octets()) {
            let initiator = Initiator::new(Challenge::new(&flipped).unwrap(), setup.channel, 0x31);
            let mut buffer = [0; 64];
            let request = initiator.initialize_update(&mut buffer).unwrap().to_vec();
            let mut card = Responder::new();
            let implementation = Implementation::new(setup.i);
            let request = card.initialize_update(&Command::parse(&request).unwrap(), implementation).unwrap();
            let length = card
                .challenge(&mut setup.keys(), &setup.info(), &request, &setup.card_challenge(), &mut buffer)
                .unwrap();
            let response = Response { data: &buffer[..length], status: StatusWord::OK };
            let challenged = setup.initiator().challenged(response).unwrap();
            let mut out = [0; 64];
            let opened =
                challenged.authenticate(&mut setup.keys(), setup.level, ChallengePolicy::Require(&AID), &mut out);
            assert_eq!(opened.err(), Some(Error::CardCryptogram));
            assert_eq!(out, [0; 64]);
            refused += 1;
        }
    }
    println!("card cryptogram: {refused} faults of the host challenge on its way refused");
    assert_eq!(refused, 8 * 3 * (8 + 16));
}

// --- The host cryptogram, verified by the card ---------------------------------------------------------------------

/// An EXTERNAL AUTHENTICATE by the book, from the inputs that are given.
fn authentication(setup: &Setup, level: u8, s_mac: &Key, cryptogram_key: &Key, context: &[u8]) -> Vec<u8> {
    let octets = setup.mode.octets();
    let cryptogram = derive(cryptogram_key, 0x01, octets, context);
    let head = [0x84, 0x82, level, 0x00, u8::try_from(2 * octets).unwrap()];
    let mac = s_mac.cmac(&[&[0; 16], &head, &cryptogram]);
    let class = gp_apdu::Class::from_byte(0x84).unwrap().with_channel(setup.channel).unwrap();
    [&[class.byte()], &head[1..], &cryptogram, &mac[..octets]].concat()
}

/// What a card says to it, and that it leads to no session unless it says yes.
fn try_authentication(setup: &Setup, wire: &[u8]) -> Result<SecurityLevel, StatusWord> {
    let (mut card, _) = setup.challenged_card();
    let mut octets = wire.to_vec();
    let result = card.external_authenticate(&mut CommandBuf::parse(&mut octets, wire.len()).unwrap());
    let expected = if result.is_ok() { ResponderState::Open } else { ResponderState::Idle };
    assert_eq!((card.state(), card.level()), (expected, result.ok()));
    result
}

#[test]
fn the_host_cryptogram_with_each_bit_of_its_inputs_wrong() {
    let (mut mac_wrong, mut cryptogram_wrong) = (0, 0);
    for setup in setups() {
        let keys = setup.keys();
        let length = keys.dek().length().octets();
        let context = [setup.host_challenge().octets(), setup.card_challenge().octets()].concat();
        let s_mac = |key: &Key, context: &[u8]| Key::new(&derive(key, 0x06, length, context)).unwrap();
        let key_mac = keys.key(gp_scp03::KeyId::Mac);
        let right = s_mac(key_mac, &context);
        let level = setup.level.octet();
        let genuine = authentication(&setup, level, &right, &right, &context);
        assert_eq!(try_authentication(&setup, &genuine), Ok(setup.level), "by the book");
        // The whole host has another key, or another view of the challenges: its MAC is wrong already.
        for key in flipped_keys(key_mac) {
            let key = s_mac(&key, &context);
            let wire = authentication(&setup, level, &key, &key, &context);
            assert_eq!(try_authentication(&setup, &wire), Err(StatusWord::SECURITY_STATUS));
            mac_wrong += 1;
        }
        for context in flips(&context) {
            let key = s_mac(key_mac, &context);
            let wire = authentication(&setup, level, &key, &key, &context);
            assert_eq!(try_authentication(&setup, &wire), Err(StatusWord::SECURITY_STATUS));
            mac_wrong += 1;
        }
        // The cryptogram alone is wrong, under a MAC that is right; and the reverse.
        for key in flipped_keys(&right) {
            let wire = authentication(&setup, level, &right, &key, &context);
            assert_eq!(try_authentication(&setup, &wire), Err(StatusWord::AUTHENTICATION_FAILED));
            let wire = authentication(&setup, level, &key, &right, &context);
            assert_eq!(try_authentication(&setup, &wire), Err(StatusWord::SECURITY_STATUS));
            cryptogram_wrong += 1;
            mac_wrong += 1;
        }
        for flipped in flips(&context) {
            let wire = authentication(&setup, level, &right, &right, &flipped);
            assert_eq!(try_authentication(&setup, &wire), Err(StatusWord::AUTHENTICATION_FAILED));
            cryptogram_wrong += 1;
        }
    }
    println!("host cryptogram: {mac_wrong} faults refused by its MAC, {cryptogram_wrong} by the cryptogram");
    let (keys, contexts) = (8 * 2 * (16 + 24 + 32), 8 * 2 * 3 * (8 + 16));
    assert_eq!((mac_wrong, cryptogram_wrong), (2 * keys + contexts, keys + contexts));
}

/// The card's own keys, challenge and counter with one bit wrong: the genuine host's cryptogram opens nothing there.
#[test]
fn the_host_cryptogram_at_a_card_with_a_fault() {
    let mut refused = 0;
    for setup in setups() {
        let (_, answer) = setup.challenged_card();
        let (_, wire) = setup.authenticate(&answer);
        let keys = setup.keys();
        let attempt = |mut keys: StaticKeys, card_challenge: &Challenge| {
            let mut card = Responder::new();
            let mut buffer = [0; 64];
            let request = setup.initiator().initialize_update(&mut buffer).unwrap().to_vec();
            let request =
                card.initialize_update(&Command::parse(&request).unwrap(), Implementation::new(setup.i)).unwrap();
            card.challenge(&mut keys, &setup.info(), &request, card_challenge, &mut buffer).unwrap();
            let mut octets = wire.clone();
            card.external_authenticate(&mut CommandBuf::parse(&mut octets, wire.len()).unwrap())
        };
        assert_eq!(attempt(setup.keys(), &setup.card_challenge()), Ok(setup.level));
        for key in flipped_keys(keys.key(gp_scp03::KeyId::Mac)) {
            assert_eq!(attempt(with(&keys, 1, key), &setup.card_challenge()), Err(StatusWord::SECURITY_STATUS));
            refused += 1;
        }
        for flipped in flips(setup.card_challenge().octets()) {
            let challenge = Challenge::new(&flipped).unwrap();
            assert_eq!(attempt(setup.keys(), &challenge), Err(StatusWord::SECURITY_STATUS));
            refused += 1;
        }
        // A counter with a wrong bit makes another challenge, and so does a Key-ENC.
        let KeySetInfo { sequence, .. } = setup.info();
        for flipped in flips(&sequence.unwrap().octets()) {
            let sequence = SequenceCounter::new(flipped.try_into().unwrap());
            let challenge = Challenge::pseudo_random(&mut setup.keys(), setup.mode, sequence, &AID).unwrap();
            assert_eq!(attempt(setup.keys(), &challenge), Err(StatusWord::SECURITY_STATUS));
            refused += 1;
        }
        for key in flipped_keys(keys.key(gp_scp03::KeyId::Enc)) {
            let mut keys = with(&keys, 0, key);
            let challenge = Challenge::pseudo_random(&mut keys, setup.mode, sequence.unwrap(), &AID).unwrap();
            assert_eq!(attempt(keys, &challenge), Err(StatusWord::SECURITY_STATUS));
            refused += 1;
        }
    }
    println!("host cryptogram: {refused} faults of the card refused");
    assert_eq!(refused, 2 * 8 * 2 * (16 + 24 + 32) + 8 * 3 * (8 + 16) + 6 * 24);
}

// --- C-MAC and R-MAC ------------------------------------------------------------------------------------------------

/// A State in which one of S-ENC, S-MAC, S-RMAC is another one.
fn with_session_key(state: &State, number: usize, key: Key) -> State {
    let mut set = [state.keys.enc(), state.keys.mac(), state.keys.r_mac()].map(Key::duplicate_secret);
    set[number] = key;
    let [enc, mac, r_mac] = set;
    let mut faulty = copy(state);
    faulty.keys = SessionKeys::new(enc, mac, r_mac).unwrap();
    faulty
}

/// What became of a fault in an input of the encryption.
#[derive(Default, Debug, PartialEq, Eq)]
struct Garbled {
    /// The padding was wrong: the session ended.
    by_padding: usize,
    /// The MAC is right, and the data is not what was sent.
    other_data: usize,
    /// Nothing was encrypted.
    same_data: usize,
}

#[test]
fn the_c_mac_with_each_bit_of_the_cards_state_wrong() {
    let (mut refused, mut garbled) = (0, Garbled::default());
    for setup in setups() {
        let (mut host, mut card) = setup.open();
        let data = octets(40, 40);
        let mut buffer = [0; 128];
        let mut built = command(&mut buffer, setup.header(0xE2), Form::Short, &data, Some(Le::MAX_SHORT));
        let before = card_state(&mut card);
        host.wrap(&mut built).unwrap();
        let wire = built.finish().unwrap().to_vec();
        let attempt = |state: State| {
            let mut card = Responder::resume(state);
            let mut octets = wire.clone();
            let mut received = CommandBuf::parse(&mut octets, wire.len()).unwrap();
            let result = card.unwrap(&mut received);
            assert_eq!(card.state() == ResponderState::Open, result.is_ok());
            result.map(|_| received.data().to_vec())
        };
        assert_eq!(attempt(copy(&before)).as_deref(), Ok(&data[..]));
        for key in flipped_keys(before.keys.mac()) {
            assert_eq!(attempt(with_session_key(&before, 1, key)), Err(StatusWord::SECURITY_STATUS));
            refused += 1;
        }
        for flipped in flips(&before.chaining_value) {
            let mut faulty = copy(&before);
            faulty.chaining_value = flipped.try_into().unwrap();
            assert_eq!(attempt(faulty), Err(StatusWord::SECURITY_STATUS));
            refused += 1;
        }
        let mut other = copy(&before);
        other.mode = if setup.mode == Mode::S8 { Mode::S16 } else { Mode::S8 };
        assert_eq!(attempt(other), Err(StatusWord::SECURITY_STATUS), "the other length of MAC");
        refused += 1;
        // What the MAC does not cover: how the octets decrypt.
        let mut note = |result: Result<Vec<u8>, StatusWord>| match result {
            Err(status) => {
                assert_eq!(status, StatusWord::SECURITY_STATUS);
                garbled.by_padding += 1;
            }
            Ok(found) if found == data => garbled.same_data += 1,
            Ok(_) => garbled.other_data += 1,
        };
        for key in flipped_keys(before.keys.enc()) {
            note(attempt(with_session_key(&before, 0, key)));
        }
        for bit in 0..32 {
            let mut faulty = copy(&before);
            faulty.counter ^= 1 << bit;
            note(attempt(faulty));
        }
    }
    println!("C-MAC: {refused} faults refused; {garbled:?}");
    assert_eq!(refused, 8 * 2 * (16 + 24 + 32) + 6 * (128 + 1));
    // Two levels without encryption, keys of 16 and 32: nothing depends on S-ENC. Elsewhere a key fault destroys the
    // padding, but for about one in 256 that looks like some (two here), and a counter fault the first block alone.
    let expected =
        Garbled { by_padding: 8 * (24 + 16 + 24 + 32) - 2, other_data: 4 * 32 + 2, same_data: 8 * (16 + 32) + 2 * 32 };
    assert_eq!(garbled, expected);
}

#[test]
fn the_r_mac_with_each_bit_of_the_hosts_state_wrong() {
    let (mut refused, mut garbled) = (0, Garbled::default());
    for setup in setups().into_iter().filter(|setup| setup.level.has_r_mac()) {
        let (mut host, mut card) = setup.open();
        let mut buffer = [0; 128];
        let mut built = command(&mut buffer, setup.header(0xCA), Form::Short, &[1, 2, 3], Some(Le::MAX_SHORT));
        host.wrap(&mut built).unwrap();
        let mut wire = built.finish().unwrap().to_vec();
        let length = wire.len();
        card.unwrap(&mut CommandBuf::parse(&mut wire, length).unwrap()).unwrap();
        let data = octets(41, 40);
        let wire = answer(&mut card, &data, StatusWord::OK);
        let before = host_state(&mut host);
        let attempt = |state: State| {
            let mut host = SecureChannel::resume(state);
            let mut octets = wire.clone();
            let result = host.unwrap(&mut octets).map(|reply| match reply {
                Reply::Authentic(response) => response.data.to_vec(),
                other => panic!("{other:?}"),
            });
            assert_eq!(host.is_closed(), result.is_err());
            result
        };
        assert_eq!(attempt(copy(&before)).as_deref(), Ok(&data[..]));
        for key in flipped_keys(before.keys.r_mac()) {
            assert_eq!(attempt(with_session_key(&before, 2, key)), Err(Error::Security));
            refused += 1;
        }
        for flipped in flips(&before.chaining_value) {
            let mut faulty = copy(&before);
            faulty.chaining_value = flipped.try_into().unwrap();
            assert_eq!(attempt(faulty), Err(Error::Security));
            refused += 1;
        }
        let mut other = copy(&before);
        other.mode = if setup.mode == Mode::S8 { Mode::S16 } else { Mode::S8 };
        assert_eq!(attempt(other), Err(Error::Security), "the other length of MAC");
        refused += 1;
        let mut note = |result: Result<Vec<u8>, Error>| match result {
            Err(error) => {
                assert_eq!(error, Error::Security);
                garbled.by_padding += 1;
            }
            Ok(found) if found == data => garbled.same_data += 1,
            Ok(_) => garbled.other_data += 1,
        };
        for key in flipped_keys(before.keys.enc()) {
            note(attempt(with_session_key(&before, 0, key)));
        }
        // S-MAC is for commands alone.
        for key in flipped_keys(before.keys.mac()) {
            assert_eq!(attempt(with_session_key(&before, 1, key)).as_deref(), Ok(&data[..]));
        }
        for bit in 0..32 {
            let mut faulty = copy(&before);
            faulty.counter ^= 1 << bit;
            note(attempt(faulty));
        }
    }
    println!("R-MAC: {refused} faults refused; {garbled:?}");
    assert_eq!(refused, 8 * (32 + 16 + 24 + 32) + 4 * (128 + 1));
    let expected = Garbled { by_padding: 8 * (24 + 32) - 2, other_data: 2 * 32 + 2, same_data: 8 * (32 + 16) + 2 * 32 };
    assert_eq!(garbled, expected);
}

// --- One answer for everything that is wrong -----------------------------------------------------------------------

/// Wrong MAC, no MAC, wrong padding, wrong length: the card says the same two octets, is in the same state, and says the
/// same to what comes next. Counted are the answers. Of the work behind them only the MAC can be asked for by who has no
/// key: padding and length are looked at when it is right.
#[test]
fn every_failure_of_a_command_has_the_same_answer() {
    let mut count = [0_usize; 4];
    for setup in setups().into_iter().filter(|setup| setup.level.has_c_decryption()) {
        let (mut host, mut card) = setup.open();
        let before = card_state(&mut card);
        let mac_length = setup.mode.octets();
        let sealed = |body: &[u8]| session::sealed(&setup, &before, body);
        let mut buffer = [0; 128];
        let mut built = command(&mut buffer, setup.header(0xE2), Form::Short, &octets(42, 40), None);
        host.wrap(&mut built).unwrap();
        let wire = built.finish().unwrap().to_vec();
        let mut cases: Vec<(usize, Vec<u8>)> = Vec::new();
        // A wrong MAC: each of its bits.
        let body = wire.len() - mac_length;
        cases.extend(flips(&wire[body..]).map(|mac| (0, [&wire[..body], &mac].concat())));
        // No room for one.
        cases.extend((0..mac_length).map(|length| {
            let mut short = [&wire[..4], &[u8::try_from(length).unwrap()], &wire[5..5 + length]].concat();
            short.truncate(if length == 0 { 4 } else { 5 + length });
            (1, short)
        }));
        // A right MAC over what decrypts to no padding: any block but for one in 256.
        cases.extend((0..64).map(|seed| (2, sealed(&octets(100 + seed, 32)))));
        // A right MAC over no whole number of blocks.
        cases.extend((1..48_usize).filter(|length| length % 16 != 0).map(|length| (3, sealed(&octets(43, length)))));
        for (kind, mutated) in cases {
            let mut card = Responder::resume(copy(&before));
            let mut octets = mutated.clone();
            let result = card.unwrap(&mut CommandBuf::parse(&mut octets, mutated.len()).unwrap());
            if kind == 2 && result.is_ok() {
                continue;
            }
            assert_eq!(result, Err(StatusWord::SECURITY_STATUS), "{kind}: {mutated:02X?}");
            assert_eq!((card.state(), card.level()), (ResponderState::Aborted, None));
            let mut answered = [0x5A; 32];
            assert_eq!(card.wrap(&mut answered, 16, StatusWord::OK).unwrap(), [0x69, 0x82]);
            let mut genuine = wire.clone();
            let next = card.unwrap(&mut CommandBuf::parse(&mut genuine, wire.len()).unwrap());
            assert_eq!(next, Err(StatusWord::SECURITY_STATUS));
            count[kind] += 1;
        }
    }
    println!("wrong MAC, no MAC, wrong padding, wrong length: {count:?}, all answered alike");
    // Four sessions, one of them S8. Two of the blocks ended in what looks like padding.
    assert_eq!(count, [8 * (3 * 16 + 8), 3 * 16 + 8, 4 * 64 - 2, 4 * 45]);
}
