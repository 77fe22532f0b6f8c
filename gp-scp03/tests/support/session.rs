//! Both ends of sessions under made-up keys, and states that can be compared and copied: what no application may do.

#![allow(dead_code)]

use gp_apdu::{Command, CommandBuf, Form, Header, Le, LogicalChannel, Response, StatusWord};
use gp_scp03::{
    Challenge, ChallengePolicy, Implementation, Initiator, Key, KeySetInfo, Mode, Responder, SecureChannel,
    SecurityLevel, SequenceCounter, SessionKeys, State, StaticKeys,
};

#[path = "engine.rs"]
pub(crate) mod engine;

/// Octets that look random and are the same every time.
pub(crate) fn octets(seed: u32, length: usize) -> Vec<u8> {
    let mut state = u64::from(seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..length).map(next).collect()
}

/// A percentage of the usual number of random cases.
pub(crate) fn scaled(count: u32) -> u32 {
    let scale = std::env::var("GP_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(100_u32);
    (count * scale / 100).max(1)
}

/// What a session is opened with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// 16, 24 or 32.
    pub(crate) key_length: usize,
    pub(crate) mode: Mode,
    pub(crate) level: SecurityLevel,
    pub(crate) channel: LogicalChannel,
    pub(crate) i: u8,
}

pub(crate) const AID: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];

pub(crate) fn channel(number: u8) -> LogicalChannel {
    LogicalChannel::new(number).unwrap()
}

impl Setup {
    pub(crate) fn new(key_length: usize, mode: Mode, level: SecurityLevel, number: u8) -> Self {
        let i = if mode == Mode::S16 { 0x71 } else { 0x70 };
        Self { key_length, mode, level, channel: channel(number), i }
    }

    pub(crate) fn keys(&self) -> StaticKeys {
        let key = |seed| Key::new(&octets(seed, self.key_length)).unwrap();
        StaticKeys::new(key(1), key(2), key(3)).unwrap()
    }

    pub(crate) fn info(&self) -> KeySetInfo {
        let implementation = Implementation::new(self.i);
        let sequence = implementation.has_pseudo_random_challenge().then_some(SequenceCounter::new([0, 1, 0x2A]));
        KeySetInfo { diversification: *b"diversific", key_version: 0x31, implementation, sequence }
    }

    pub(crate) fn host_challenge(&self) -> Challenge {
        Challenge::new(&octets(4, self.mode.octets())).unwrap()
    }

    pub(crate) fn card_challenge(&self) -> Challenge {
        match self.info().sequence {
            Some(sequence) => Challenge::pseudo_random(&mut self.keys(), self.mode, sequence, &AID).unwrap(),
            None => Challenge::new(&octets(5, self.mode.octets())).unwrap(),
        }
    }

    pub(crate) fn initiator(&self) -> Initiator {
        Initiator::new(self.host_challenge(), self.channel, 0x31)
    }

    /// A card that has answered INITIALIZE UPDATE, and its answer with status word.
    pub(crate) fn challenged_card(&self) -> (Responder, Vec<u8>) {
        let mut buffer = [0; 64];
        let command = self.initiator().initialize_update(&mut buffer).unwrap().to_vec();
        let mut card = Responder::new();
        let implementation = Implementation::new(self.i);
        let request = card.initialize_update(&Command::parse(&command).unwrap(), implementation).unwrap();
        let challenge = self.card_challenge();
        let mut keys = engine::over(self.keys());
        let length = card.challenge(&mut keys, &self.info(), &request, &challenge, &mut buffer).unwrap();
        (card, [&buffer[..length], &[0x90, 0x00]].concat())
    }

    /// EXTERNAL AUTHENTICATE of the host for this answer.
    pub(crate) fn authenticate(&self, answer: &[u8]) -> (gp_scp03::Authenticating, Vec<u8>) {
        let mut buffer = [0; 64];
        let challenged = self.initiator().challenged(Response::parse(answer).unwrap()).unwrap();
        let policy = if self.i & 0x10 != 0 { ChallengePolicy::Require(&AID) } else { ChallengePolicy::Off };
        let mut keys = engine::over(self.keys());
        let (authenticating, command) = challenged.authenticate(&mut keys, self.level, policy, &mut buffer).unwrap();
        (authenticating, command.to_vec())
    }

    /// Both ends of an open session.
    pub(crate) fn open(&self) -> (SecureChannel, Responder) {
        let (mut card, answer) = self.challenged_card();
        let (authenticating, mut command) = self.authenticate(&answer);
        let length = command.len();
        let opened = card.external_authenticate(&mut CommandBuf::parse(&mut command, length).unwrap());
        assert_eq!(opened, Ok(self.level));
        let host = authenticating.confirmed(Response { data: &[], status: StatusWord::OK }).unwrap();
        (host, card)
    }

    /// The header of an application's command in this session: GlobalPlatform class, its channel.
    pub(crate) fn header(&self, ins: u8) -> Header {
        Header::new(gp_apdu::Class::GP.with_channel(self.channel).unwrap(), ins, 0x12, 0x34)
    }
}

/// A second State, for comparing and for trying an attack many times.
pub(crate) fn copy(state: &State) -> State {
    let key = |key: &Key| key.duplicate_secret();
    let keys = SessionKeys::new(key(state.keys.enc()), key(state.keys.mac()), key(state.keys.r_mac())).unwrap();
    let mut copy = State::new(engine::with(keys), state.mode, state.level, state.chaining_value);
    copy.counter = state.counter;
    copy.session_level = state.session_level;
    copy.implementation = state.implementation;
    copy.channel = state.channel;
    copy.quirks = state.quirks;
    copy.awaiting = state.awaiting;
    copy
}

/// All that a state consists of, comparable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture(Vec<u8>);

pub(crate) fn picture(state: &State) -> Picture {
    let keys =
        [state.keys.enc(), state.keys.mac(), state.keys.r_mac()].map(|key| key.expose_secret().to_vec()).concat();
    let rest = format!(
        "{:?} {:?} {} {:?} {:?} {:?} {:?} {:?} {}",
        state.mode,
        state.chaining_value,
        state.counter,
        state.session_level,
        state.level,
        state.implementation,
        state.channel,
        state.quirks,
        state.awaiting
    );
    Picture([keys, rest.into_bytes()].concat())
}

/// The state of a host, which goes on as it was.
pub(crate) fn host_state(host: &mut SecureChannel) -> State {
    let left = host.messages_left();
    let mut spare = SecureChannel::resume(State::new(
        SessionKeys::new(Key::new(&[0; 16]).unwrap(), Key::new(&[0; 16]).unwrap(), Key::new(&[0; 16]).unwrap())
            .unwrap(),
        Mode::S8,
        SecurityLevel::Full,
        [0; 16],
    ));
    core::mem::swap(host, &mut spare);
    let state = spare.suspend().unwrap();
    *host = SecureChannel::resume(copy(&state));
    host.set_message_limit(left);
    state
}

/// The state of a card, which goes on as it was.
pub(crate) fn card_state(card: &mut Responder) -> State {
    let state = card.suspend().unwrap();
    *card = Responder::resume(copy(&state));
    state
}

/// A command with this body, as it is, under the right C-MAC of a session in this state.
pub(crate) fn sealed(setup: &Setup, state: &State, body: &[u8]) -> Vec<u8> {
    let mac_length = setup.mode.octets();
    let head = [0x84, 0xE2, 0x12, 0x34, u8::try_from(body.len() + mac_length).unwrap()];
    let mac = state.keys.mac().cmac(&[&state.chaining_value, &head, body]);
    let class = gp_apdu::Class::from_byte(0x84).unwrap().with_channel(setup.channel).unwrap().byte();
    [&[class], &head[1..], body, &mac[..mac_length]].concat()
}

/// A command in a buffer of its own.
pub(crate) fn command<'b>(
    buffer: &'b mut [u8],
    header: Header,
    form: Form,
    data: &[u8],
    le: Option<Le>,
) -> CommandBuf<'b> {
    let mut command = CommandBuf::new(buffer, header, form).unwrap();
    command.push(data).unwrap();
    command.set_le(le);
    command
}

/// The answer of a card to the command that it has just unwrapped.
pub(crate) fn answer(card: &mut Responder, data: &[u8], status: StatusWord) -> Vec<u8> {
    let mut buffer = vec![0xA5; data.len() + 64];
    buffer[..data.len()].copy_from_slice(data);
    card.wrap(&mut buffer, data.len(), status).unwrap().to_vec()
}
