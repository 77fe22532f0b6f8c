//! Published vectors, and those of an independent reference, through the public API alone.
//!
//! Every session is played twice: our host against the recorded card, our card against the recorded host. The number
//! of records of each table is asserted, so that none can be left out without notice.

use gp_apdu::{Command, CommandBuf, Form, LogicalChannel, Response, StatusWord, ins};
use gp_scp03::hazmat::{Constant, derive};
use gp_scp03::{
    Authenticating, Challenge, ChallengePolicy, ChallengeVerdict, Challenged, Error, Implementation, InitializeUpdate,
    Initiator, Key, KeyId, KeySetInfo, Mode, Quirks, RMacSession, Reply, Responder, ResponderState, SecureChannel,
    SecurityLevel, SequenceCounter, SessionKeys, State, StaticKeys,
};

#[path = "support/engine.rs"]
mod engine;
#[path = "support/table.rs"]
mod table;

use table::{Record, read};

/// The records of a table, of which there must be this many.
macro_rules! table {
    ($name:literal, $count:literal) => {{
        let records = read(include_str!(concat!("vectors/", $name, ".txt")));
        assert_eq!(records.len(), $count, concat!("records in ", $name));
        println!("{:24} {:3} records", $name, records.len());
        records
    }};
}

fn key(octets: &[u8]) -> Key {
    Key::new(octets).unwrap()
}

// --- Sessions ------------------------------------------------------------------------------------------------------

/// What was compared, over all sessions of a table.
#[derive(Default, Debug)]
struct Seen {
    commands: usize,
    answers: usize,
    authentic: usize,
    refused: usize,
    r_mac_sessions: usize,
    challenges: usize,
    built_handshakes: usize,
    overpadded: usize,
}

struct Session {
    record: Record,
    static_keys: StaticKeys,
    mode: Mode,
    level: SecurityLevel,
    channel: LogicalChannel,
    requested_version: u8,
    info: KeySetInfo,
    host_challenge: Challenge,
    card_challenge: Challenge,
}

impl Session {
    fn new(record: &Record) -> Self {
        let enc = record.octets("static_enc");
        let dek = record.try_octets("static_dek").unwrap_or_else(|| enc.clone());
        let static_keys = StaticKeys::new(key(&enc), key(&record.octets("static_mac")), key(&dek)).unwrap();
        let mode = match record.text("mode") {
            "S8" => Mode::S8,
            "S16" => Mode::S16,
            other => panic!("{other}"),
        };
        let default_i = if mode == Mode::S16 { 0x61 } else { 0x60 };
        let info = KeySetInfo {
            diversification: record.try_octets("kdd").map_or([0; 10], |kdd| kdd.try_into().unwrap()),
            key_version: record.get("kvn").map_or(1, |_| record.octet("kvn")),
            implementation: Implementation::new(record.get("i").map_or(default_i, |_| record.octet("i"))),
            sequence: record.try_octets("sequence_counter").map(|c| SequenceCounter::new(c.try_into().unwrap())),
        };
        Self {
            static_keys,
            mode,
            level: SecurityLevel::from_octet(record.octet("level")).unwrap(),
            channel: LogicalChannel::new(record.number("channel").try_into().unwrap()).unwrap(),
            requested_version: record.get("requested_kvn").map_or(0, |_| record.octet("requested_kvn")),
            info,
            host_challenge: Challenge::new(&record.octets("host_challenge")).unwrap(),
            card_challenge: Challenge::new(&record.octets("card_challenge")).unwrap(),
            record: record.clone(),
        }
    }

    /// Our card through INITIALIZE UPDATE; its answer is the recorded one, if one was recorded.
    fn card(&self, seen: &mut Seen) -> (Responder, Vec<u8>) {
        let mut buffer = [0; 64];
        let initiator = Initiator::new(self.host_challenge, self.channel, self.requested_version);
        let ours = initiator.initialize_update(&mut buffer).unwrap().to_vec();
        if let Some(recorded) = self.record.try_octets("initialize_update") {
            assert_eq!(ours, recorded);
        }
        let mut card = Responder::new();
        let command = Command::parse(&ours).unwrap();
        assert!(InitializeUpdate::is(command.header));
        let request = card.initialize_update(&command, self.info.implementation).unwrap();
        assert_eq!((request.key_version, request.channel), (self.requested_version, self.channel));
        assert_eq!(request.host_challenge, self.host_challenge);
        let mut out = [0; 64];
        let mut keys = engine::over(&self.static_keys);
        let length = card.challenge(&mut keys, &self.info, &request, &self.card_challenge, &mut out).unwrap();
        let mut answer = out[..length].to_vec();
        answer.extend([0x90, 0x00]);
        match self.record.try_octets("initialize_update_answer") {
            Some(recorded) => assert_eq!(answer, recorded),
            None => seen.built_handshakes += 1,
        }
        if let Some(cryptogram) = self.record.try_octets("card_cryptogram") {
            assert_eq!(answer[13 + self.mode.octets()..][..self.mode.octets()], cryptogram);
        }
        (card, answer)
    }

    fn challenged(&self, answer: &[u8]) -> Challenged {
        let initiator = Initiator::new(self.host_challenge, self.channel, self.requested_version);
        let challenged = initiator.challenged(Response::parse(answer).unwrap()).unwrap();
        assert_eq!(*challenged.info(), self.info);
        challenged
    }

    fn authenticate(&self, answer: &[u8], policy: ChallengePolicy<'_>) -> Result<(Authenticating, Vec<u8>), Error> {
        let mut buffer = [0; 64];
        let mut keys = engine::over(&self.static_keys);
        let (authenticating, command) =
            self.challenged(answer).authenticate(&mut keys, self.level, policy, &mut buffer)?;
        Ok((authenticating, command.to_vec()))
    }

    /// Our host up to the open channel; EXTERNAL AUTHENTICATE is the recorded one.
    fn host(&self, answer: &[u8], seen: &mut Seen) -> SecureChannel {
        const OTHER: &[u8] = &[0xA0, 0, 0, 0, 1];
        let aid = self.record.try_octets("aid");
        let policy = match (&aid, self.info.sequence) {
            (Some(aid), Some(_)) => ChallengePolicy::Require(aid),
            _ => ChallengePolicy::Off,
        };
        let (authenticating, command) = self.authenticate(answer, policy).unwrap();
        let warned = self.authenticate(answer, ChallengePolicy::Warn(OTHER)).unwrap().0.challenge();
        let required = self.authenticate(answer, ChallengePolicy::Require(OTHER)).err();
        assert_eq!(required, Some(Error::CardChallenge));
        if self.info.sequence.is_some() {
            assert_eq!(warned, ChallengeVerdict::Differs);
        } else {
            assert_eq!(warned, ChallengeVerdict::Random);
        }
        match policy {
            ChallengePolicy::Require(_) => {
                assert_eq!(authenticating.challenge(), ChallengeVerdict::Matches);
                seen.challenges += 1;
            }
            _ => assert_eq!(authenticating.challenge(), ChallengeVerdict::NotChecked),
        }

        let keys = authenticating.session_keys();
        for (ours, name) in [(keys.enc(), "s_enc"), (keys.mac(), "s_mac"), (keys.r_mac(), "s_rmac")] {
            if let Some(recorded) = self.record.try_octets(name) {
                assert_eq!(ours.expose_secret(), recorded, "{name}");
            }
        }
        same_but_le(&command, &self.record.octets("external_authenticate"));
        if let Some(cryptogram) = self.record.try_octets("host_cryptogram") {
            assert_eq!(command[5..][..self.mode.octets()], cryptogram);
        }
        let answer = self.record.octets("external_authenticate_answer");
        let channel = authenticating.confirmed(Response::parse(&answer).unwrap()).unwrap();
        assert_eq!((channel.level(), channel.session_level()), (self.level, self.level));
        channel
    }
}

/// Two commands that may differ in Le, which no MAC covers and sources rewrite.
fn same_but_le(ours: &[u8], recorded: &[u8]) {
    let (ours, recorded) = (Command::parse(ours).unwrap(), Command::parse(recorded).unwrap());
    assert_eq!((ours.header, ours.data, ours.form), (recorded.header, recorded.data, recorded.form));
}

/// What BEGIN and END R-MAC SESSION are, beside every other command.
enum Kind {
    Begin(RMacSession),
    End,
    Other,
}

fn kind(command: &Command<'_>) -> Kind {
    match (command.header.cla.is_gp(), command.header.ins) {
        (true, ins::BEGIN_R_MAC_SESSION) => Kind::Begin(RMacSession::from_octet(command.header.p1).unwrap()),
        (true, ins::END_R_MAC_SESSION) => Kind::End,
        _ => Kind::Other,
    }
}

/// The host's half of an exchange: the command is the recorded one.
fn wrap(host: &mut SecureChannel, plain: &Command<'_>, wire: &Command<'_>, recorded: &[u8]) {
    let mut buffer = vec![0; 2000];
    match kind(plain) {
        Kind::Begin(by) => same_but_le(host.begin_r_mac(by, &plain.data[1..], &mut buffer).unwrap(), recorded),
        Kind::End => same_but_le(host.end_r_mac(&mut buffer).unwrap(), recorded),
        Kind::Other => {
            let mut command = CommandBuf::new(&mut buffer, plain.header, wire.form).unwrap();
            command.push(plain.data).unwrap();
            command.set_le(wire.le);
            host.wrap(&mut command).unwrap();
            same_but_le(command.finish().unwrap(), recorded);
        }
    }
}

fn check_sessions(records: &[Record]) -> Seen {
    let mut seen = Seen::default();
    for record in records {
        println!("    {}", record.name());
        let session = Session::new(record);
        let (mut card, answer) = session.card(&mut seen);
        let mut host = session.host(&answer, &mut seen);
        let mut authentication = record.octets("external_authenticate");
        let length = authentication.len();
        let mut command = CommandBuf::parse(&mut authentication, length).unwrap();
        assert_eq!(card.external_authenticate(&mut command), Ok(session.level));
        if let Some("encrypt_empty") = record.get("quirk") {
            host.set_quirks(Quirks::NONE.with_encrypt_empty());
        }
        for exchange in record.exchanges() {
            check_exchange(&mut host, &mut card, &exchange, &mut seen);
        }
    }
    seen
}

fn check_exchange(host: &mut SecureChannel, card: &mut Responder, exchange: &Record, seen: &mut Seen) {
    let (plain_octets, wire_octets) = (exchange.octets("plain_command"), exchange.octets("wrapped_command"));
    let (plain, wire) = (Command::parse(&plain_octets).unwrap(), Command::parse(&wire_octets).unwrap());
    let level = host.level();
    assert_eq!(card.level(), Some(level));

    wrap(host, &plain, &wire, &wire_octets);
    let mut received = wire_octets.clone();
    let mut command = CommandBuf::parse(&mut received, wire_octets.len()).unwrap();
    assert_eq!(card.unwrap(&mut command), Ok(Some(level)));
    let unwrapped = command.as_command();
    assert_eq!((unwrapped.header, unwrapped.data), (plain.header, plain.data));
    assert_eq!((unwrapped.form, unwrapped.le), (wire.form, wire.le));
    seen.commands += 1;

    // Both ends stand where the record says.
    let state = card.suspend().unwrap();
    let chain = (state.chaining_value, state.counter);
    assert_eq!(host.chain(), Some(chain));
    if let Some(value) = exchange.try_octets("chaining_value") {
        assert_eq!((chain.0.to_vec(), chain.1), (value, exchange.number("counter")));
    }
    *card = Responder::resume(state);

    match kind(&plain) {
        Kind::Begin(_) => {
            card.begin_r_mac(&unwrapped).unwrap();
            seen.r_mac_sessions += 1;
        }
        Kind::End => card.end_r_mac(&unwrapped).unwrap(),
        Kind::Other => {}
    }
    let plain_answer = exchange.try_octets("plain_response").unwrap_or(vec![0x90, 0x00]);
    let plain_answer = Response::parse(&plain_answer).unwrap();
    let mut buffer = vec![0xA5; 2000];
    buffer[..plain_answer.data.len()].copy_from_slice(plain_answer.data);
    let ours = card.wrap(&mut buffer, plain_answer.data.len(), plain_answer.status).unwrap();
    // Where no answer was published, ours keeps the host going.
    let mut wrapped = exchange.try_octets("wrapped_response").unwrap_or_else(|| ours.to_vec());
    if exchange.get("answer_quirk") == Some("overpadded_response") {
        assert_eq!(wrapped.len(), ours.len() + 16);
        seen.overpadded += 1;
    } else {
        assert_eq!(ours, wrapped);
    }
    let reply = host.unwrap(&mut wrapped).unwrap();
    let expected = if level.has_r_mac() && plain_answer.status.is_protected() {
        seen.authentic += 1;
        Reply::Authentic(plain_answer)
    } else if plain_answer.status.is_error() && plain_answer.data.is_empty() {
        seen.refused += 1;
        Reply::Refused(plain_answer.status)
    } else {
        Reply::Plain(plain_answer)
    };
    assert_eq!(reply, expected);
    seen.answers += usize::from(exchange.get("wrapped_response").is_some());
}

macro_rules! sessions {
    ($($test:ident: $name:literal, $count:literal, $seen:expr;)+) => {$(
        #[test]
        fn $test() {
            let seen = check_sessions(&table!($name, $count));
            println!("{seen:?}");
            let Seen {
                commands, answers, authentic, refused, r_mac_sessions, challenges, built_handshakes, overpadded
            } = seen;
            let handshakes = [challenges, built_handshakes];
            assert_eq!(([commands, answers], [authentic, refused], [r_mac_sessions, overpadded], handshakes), $seen);
        }
    )+};
}

// [commands, published answers], [authentic, refused], [R-MAC sessions, overpadded answers], [challenges checked, handshakes not published]
sessions! {
    asterix: "sessions-asterix", 1, ([0, 0], [0, 0], [0, 0], [1, 0]);
    generated: "sessions-generated", 36, ([218, 218], [100, 32], [3, 0], [20, 0]);
    gp4net: "sessions-gp4net", 5, ([19, 19], [6, 5], [0, 0], [5, 0]);
    gppro: "sessions-gppro", 1, ([1, 1], [0, 0], [0, 0], [1, 0]);
    kaoh: "sessions-kaoh", 4, ([9, 9], [3, 0], [0, 0], [3, 0]);
    openscp: "sessions-openscp", 4, ([12, 12], [12, 0], [0, 3], [0, 0]);
    pysim: "sessions-pysim", 6, ([30, 6], [20, 0], [0, 0], [6, 0]);
    scll: "sessions-scll", 4, ([4, 4], [2, 0], [0, 0], [0, 4]);
    securo: "sessions-securo", 5, ([6, 4], [4, 0], [0, 0], [1, 1]);
    nonconforming: "quirks-nonconforming", 1, ([1, 1], [1, 0], [0, 0], [0, 1]);
}

/// The deviation that needs a quirk is not what comes out without it.
#[test]
fn nonconforming_sessions_need_their_quirk() {
    for record in table!("quirks-nonconforming", 1) {
        let session = Session::new(&record);
        let mut seen = Seen::default();
        let (_, answer) = session.card(&mut seen);
        let mut host = session.host(&answer, &mut seen);
        let exchange = record.exchanges().remove(0);
        let recorded = exchange.octets("wrapped_command");
        let (mut buffer, plain) = ([0; 64], exchange.octets("plain_command"));
        buffer[..plain.len()].copy_from_slice(&plain);
        let mut command = CommandBuf::parse(&mut buffer, plain.len()).unwrap();
        host.wrap(&mut command).unwrap();
        assert_ne!(command.data(), Command::parse(&recorded).unwrap().data);
        assert_eq!(command.data_len(), session.mode.octets());
        // The answer to the deviating command is not one to ours.
        assert_eq!(host.unwrap(&mut exchange.octets("wrapped_response")), Err(Error::Security));
    }
}

// --- Single messages -----------------------------------------------------------------------------------------------

/// A session in the state of the record; keys that it does not name are zeros.
fn state(record: &Record, awaiting: bool) -> State {
    let length = ["s_enc", "s_mac", "s_rmac"].iter().find_map(|name| record.try_octets(name)).unwrap().len();
    let octets = |name| key(&record.try_octets(name).unwrap_or_else(|| vec![0; length]));
    let keys = SessionKeys::new(octets("s_enc"), octets("s_mac"), octets("s_rmac")).unwrap();
    let mode = match record.get("mode") {
        Some("S16") => Mode::S16,
        Some(_) => Mode::S8,
        None => Mode::from_octets(record.number("mac_len").try_into().unwrap()).unwrap(),
    };
    let level = |name| SecurityLevel::from_octet(record.octet(name)).unwrap();
    let chaining_value = record.octets("chaining_value").try_into().unwrap();
    let mut state = State::new(engine::with(keys), mode, level("level"), chaining_value);
    if record.get("session_level").is_some() {
        state.session_level = level("session_level");
        state.channel = LogicalChannel::new(record.number("channel").try_into().unwrap()).unwrap();
    }
    state.counter = record.number("counter");
    state.awaiting = awaiting;
    state
}

#[test]
fn single_messages() {
    let (mut commands, mut answers) = (0, 0);
    for record in table!("messages", 2) {
        match record.text("kind") {
            "command" => {
                let mut host = SecureChannel::resume(state(&record, false));
                let (plain, wire) = (record.octets("plain_command"), record.octets("wrapped_command"));
                wrap(&mut host, &Command::parse(&plain).unwrap(), &Command::parse(&wire).unwrap(), &wire);
                let next: [u8; 16] = record.octets("next_chaining_value").try_into().unwrap();
                assert_eq!(host.chain(), Some((next, record.number("counter") + 1)));
                let mut card = Responder::resume(state(&record, false));
                let mut received = wire.clone();
                let mut command = CommandBuf::parse(&mut received, wire.len()).unwrap();
                card.unwrap(&mut command).unwrap();
                assert_eq!(command.data(), Command::parse(&plain).unwrap().data);
                commands += 1;
            }
            _ => {
                let mut host = SecureChannel::resume(state(&record, true));
                let (plain, mut wire) = (record.octets("plain_response"), record.octets("wrapped_response"));
                let plain = Response::parse(&plain).unwrap();
                let mut card = Responder::resume(state(&record, true));
                let mut buffer = [0; 64];
                buffer[..plain.data.len()].copy_from_slice(plain.data);
                assert_eq!(card.wrap(&mut buffer, plain.data.len(), plain.status).unwrap(), wire);
                assert_eq!(host.unwrap(&mut wire), Ok(Reply::Authentic(plain)));
                answers += 1;
            }
        }
    }
    assert_eq!((commands, answers), (1, 1));
}

#[test]
fn what_a_receiver_refuses() {
    let mut counts = [[0_usize; 2]; 2];
    for record in table!("negative-generated", 60) {
        let mut message = record.octets("message");
        let accept = record.text("expect") == "accept";
        match record.text("direction") {
            "command" => {
                let mut card = Responder::resume(state(&record, false));
                let level = card.level();
                let length = message.len();
                let result = card.unwrap(&mut CommandBuf::parse(&mut message, length).unwrap());
                if accept {
                    assert_eq!(result, Ok(level), "{}", record.name());
                } else {
                    assert_eq!(result, Err(StatusWord::SECURITY_STATUS), "{}", record.name());
                    assert_eq!(card.state(), ResponderState::Aborted);
                }
                counts[0][usize::from(accept)] += 1;
            }
            _ => {
                let mut host = SecureChannel::resume(state(&record, true));
                let result = host.unwrap(&mut message);
                if accept {
                    assert!(matches!(result, Ok(Reply::Authentic(_))), "{}: {result:?}", record.name());
                } else {
                    assert_eq!(result, Err(Error::Security), "{}", record.name());
                    assert!(host.is_closed());
                }
                counts[1][usize::from(accept)] += 1;
            }
        }
    }
    println!("commands refused and accepted, answers refused and accepted: {counts:?}");
    assert_eq!(counts, [[40, 1], [16, 3]]);
}

// --- Derivation ----------------------------------------------------------------------------------------------------

fn constant(octet: u8) -> Option<Constant> {
    use Constant::{CardChallenge, CardCryptogram, HostCryptogram, SEnc, SMac, SRMac};
    let all = [CardCryptogram, HostCryptogram, CardChallenge, SEnc, SMac, SRMac];
    all.into_iter().find(|constant| constant.octet() == octet)
}

/// The formula of SP 800-108, written down a second time for any constant.
fn derive_by_hand(key: &Key, constant: u8, context: &[u8], bits: u16) -> Vec<u8> {
    let mut out = Vec::new();
    for counter in 1..=u8::try_from(bits.div_ceil(128)).unwrap() {
        let mut block = [[0; 11].as_slice(), &[constant, 0x00]].concat();
        block.extend(bits.to_be_bytes());
        block.push(counter);
        out.extend(key.cmac(&[&block, context]));
    }
    out.truncate(usize::from(bits / 8));
    out
}

fn check_derivation(records: &[Record]) -> usize {
    let mut named = 0;
    for record in records {
        let (key, context) = (key(&record.octets("key")), record.octets("context"));
        let (octet, output) = (record.octet("constant"), record.octets("output"));
        let bits = record.number("l_bits").try_into().unwrap();
        assert_eq!(derive_by_hand(&key, octet, &context, bits), output, "{}", record.name());
        if let Some(constant) = constant(octet) {
            for cut in [0, context.len() / 2, context.len()] {
                let mut out = vec![0xA5; output.len()];
                let (first, second) = context.split_at(cut);
                derive(|parts| Ok(key.cmac(parts)), constant, [first, second], &mut out).unwrap();
                assert_eq!(out, output, "{}", record.name());
            }
            named += 1;
        }
    }
    named
}

#[test]
fn data_derivation() {
    // That table walks through the constants; SCP03 has a name for three of those it holds.
    assert_eq!(check_derivation(&table!("kdf-blaufish", 27)), 3);
    assert_eq!(check_derivation(&table!("kdf-generated", 27)), 27);
    for record in table!("kdf-gppro", 2) {
        let (source, mut out) = (key(&record.octets("key")), [0; 16]);
        let constant = constant(record.octet("constant")).unwrap();
        derive(|parts| Ok(source.cmac(parts)), constant, [&record.octets("context"), &[]], &mut out).unwrap();
        assert_eq!(key(&out).kcv().to_vec(), record.octets("kcv"));
    }
}

#[test]
fn session_keys_and_cryptograms() {
    let mut cryptograms = 0;
    for record in table!("cryptograms-peers", 5) {
        let session = Session::new(&{
            let mut lines = String::from("level = 03\nchannel = 0\n");
            for name in ["name", "source", "mode", "static_enc", "static_mac", "host_challenge", "card_challenge"] {
                lines += &format!("{name} = {}\n", record.text(name));
            }
            read(&lines).remove(0)
        });
        let (_, answer) = session.card(&mut Seen::default());
        let (authenticating, command) = session.authenticate(&answer, ChallengePolicy::Off).unwrap();
        let keys = authenticating.session_keys();
        for (ours, name) in [(keys.enc(), "s_enc"), (keys.mac(), "s_mac"), (keys.r_mac(), "s_rmac")] {
            if let Some(recorded) = record.try_octets(name) {
                assert_eq!(ours.expose_secret(), recorded, "{name}");
            }
        }
        if let Some(cryptogram) = record.try_octets("card_cryptogram") {
            assert_eq!(answer[21..29], cryptogram);
            assert_eq!(command[5..13], record.octets("host_cryptogram"));
            cryptograms += 1;
        }
    }
    assert_eq!(cryptograms, 4);
}

#[test]
fn pseudo_random_challenges() {
    for record in table!("card-challenge", 6) {
        let mut keys = StaticKeys::same(&record.octets("key_enc")).unwrap();
        let expected = Challenge::new(&record.octets("challenge")).unwrap();
        let counter = SequenceCounter::new(record.octets("sequence_counter").try_into().unwrap());
        let ours = Challenge::pseudo_random(&mut keys, expected.mode(), counter, &record.octets("aid"));
        assert_eq!(ours, Ok(expected), "{}", record.name());
    }
}

// --- Keys ----------------------------------------------------------------------------------------------------------

#[test]
fn key_check_values() {
    for record in table!("kcv", 3) {
        assert_eq!(key(&record.octets("key")).kcv().to_vec(), record.octets("kcv"));
    }
}

#[test]
fn sensitive_data() {
    for record in table!("put-key", 1) {
        let (dek, plain, cipher) = (record.octets("dek"), record.octets("plaintext"), record.octets("ciphertext"));
        let keys = StaticKeys::new(key(&[0; 16]), key(&[0; 16]), key(&dek)).unwrap();
        let mut data = plain.clone();
        keys.dek().encrypt_sensitive(&mut data).unwrap();
        assert_eq!(data, cipher);
        keys.key(KeyId::Dek).decrypt_sensitive(&mut data).unwrap();
        assert_eq!(data, plain);
    }
    for record in table!("put-key-generated", 9) {
        let (dek, new) = (key(&record.octets("dek")), record.octets("new_key"));
        let mut cipher = new.clone();
        cipher.extend(record.octets("filler"));
        dek.encrypt_sensitive(&mut cipher).unwrap();
        let mut field = vec![0x88, u8::try_from(cipher.len() + 1).unwrap(), u8::try_from(new.len()).unwrap()];
        field.extend(&cipher);
        field.push(3);
        field.extend(key(&new).kcv());
        assert_eq!(field, record.octets("field"), "{}", record.name());
    }
}

// --- Primitives ----------------------------------------------------------------------------------------------------

#[test]
fn nist_cmac() {
    for record in table!("nist-cmac", 12) {
        let (key, message) = (key(&record.octets("key")), record.octets("message"));
        assert_eq!(key.cmac(&[&message]).to_vec(), record.octets("mac"), "{}", record.name());
    }
}

/// With an ICV of zeros in the API, another one goes into the first block.
#[test]
fn nist_aes_cbc() {
    let mut zero_icv = 0;
    for record in table!("nist-aes-cbc", 57) {
        let (key, iv) = (key(&record.octets("key")), record.octets("iv"));
        let (plain, cipher) = (record.octets("plaintext"), record.octets("ciphertext"));
        let mut data = plain.clone();
        data.iter_mut().zip(&iv).for_each(|(to, from)| *to ^= from);
        key.encrypt_sensitive(&mut data).unwrap();
        assert_eq!(data, cipher, "{}", record.name());
        key.decrypt_sensitive(&mut data).unwrap();
        data.iter_mut().zip(&iv).for_each(|(to, from)| *to ^= from);
        assert_eq!(data, plain, "{}", record.name());
        zero_icv += usize::from(iv == [0; 16]);
    }
    assert_eq!(zero_icv, 27);
    for record in table!("nist-aes-ecb", 3) {
        let (key, mut data) = (key(&record.octets("key")), record.octets("plaintext"));
        key.encrypt_sensitive(&mut data).unwrap();
        assert_eq!(data, record.octets("ciphertext"), "{}", record.name());
    }
}

/// The general form, of which SCP03's derivation is a case: the counter stands before, behind or amid the fixed data.
#[test]
fn nist_kbkdf() {
    for record in table!("nist-kbkdf-ctr-cmac", 90) {
        assert_eq!((record.number("counter_bits"), record.number("l_bits")), (8, 128));
        let parts = [record.octets("before"), vec![1], record.octets("after")];
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let output = key(&record.octets("key")).cmac(&parts);
        assert_eq!(output.to_vec(), record.octets("output"), "{}", record.name());
    }
}

/// A chained command has no image on the wire to compare with here; its form is what the other tests leave out.
#[test]
fn every_form_is_seen() {
    let mut forms = [0; 2];
    for record in table!("sessions-generated", 36) {
        for exchange in record.exchanges() {
            match Command::parse(&exchange.octets("wrapped_command")).unwrap().form {
                Form::Short => forms[0] += 1,
                Form::Extended => forms[1] += 1,
                Form::Chained(_) => unreachable!("no command is read as chained"),
            }
        }
    }
    println!("short and extended commands: {forms:?}");
    assert!(forms[1] >= 20);
}
