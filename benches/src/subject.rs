//! The crates under test, brought into the shape of the references.

use gp_apdu::{Class, CommandBuf, Form, Header, LogicalChannel, Response, StatusWord};
use gp_scp03::{
    Challenge, ChallengePolicy, Implementation, Initiator, Key, KeySetInfo, KeySource, Mode, ReplyKey, Responder,
    Script, SecureChannel, SecurityLevel, SequenceCounter, SessionKeys, State, StaticKeys, Target,
};

use crate::measure::Subject;
use crate::reference::data_offset;

/// S-ENC of every session here.
pub const S_ENC: [u8; 16] = *b"session enc key.";
/// S-MAC.
pub const S_MAC: [u8; 16] = *b"session mac key.";
/// S-RMAC.
pub const S_RMAC: [u8; 16] = *b"session rmackey.";
/// The chaining value all begin with.
pub const CHAINING: [u8; 16] = [0xC5; 16];
/// The static keys, two octets of them changed for each device of a fleet.
pub const K_ENC: [u8; 16] = *b"static key: enc.";
/// Key-MAC.
pub const K_MAC: [u8; 16] = *b"static key: mac.";
/// The host challenge of every handshake.
pub const HOST: [u8; 8] = *b"host one";
/// The card challenge of every handshake.
pub const CARD: [u8; 8] = *b"card two";

const HEADER: Header = Header::new(Class::GP, 0xE2, 0x00, 0x00);

/// An open AES-128 session, S8, at this level.
pub fn channel(level: SecurityLevel) -> SecureChannel {
    SecureChannel::resume(state(level))
}

/// The same as a state, to be changed first.
pub fn state(level: SecurityLevel) -> State {
    let key = |octets| Key::new(octets).expect("16 octets");
    let keys = SessionKeys::new(key(&S_ENC), key(&S_MAC), key(&S_RMAC)).expect("one length");
    State::new(keys, Mode::S8, level, CHAINING)
}

/// Protects the command whose `data_len` octets of data lie in `buffer` behind the room for its header, in place, and
/// takes the `9000` that has to come before the next one.
pub fn wrap(channel: &mut SecureChannel, buffer: &mut [u8], data_len: usize) -> usize {
    let form = if data_offset(data_len) == 5 { Form::Short } else { Form::Extended };
    let mut command = CommandBuf::assemble(buffer, HEADER, form, data_len, None).expect("room");
    channel.wrap(&mut command).expect("room");
    let length = command.finish().expect("room").len();
    let _ = channel.unwrap(&mut [0x90, 0x00]).expect("an answer");
    length
}

/// Sessions that each await one answer, and that answer: level `33`, `data_len` octets of data.
pub struct Unwrapping {
    answer: Vec<u8>,
    chaining: [u8; 16],
    one_pass: bool,
    waiting: Vec<(SecureChannel, Vec<u8>)>,
}

impl Unwrapping {
    /// Answers that a card made.
    pub fn new(data_len: usize, one_pass: bool) -> Self {
        let (chaining_value, counter) = waiting().chain().expect("open");
        let card = State { chaining_value, counter, ..awaiting() };
        Self { answer: answer(card, data_len), chaining: chaining_value, one_pass, waiting: Vec::new() }
    }

    /// The chaining value that its R-MAC begins with.
    pub fn chaining(&self) -> [u8; 16] {
        self.chaining
    }

    /// The answer on the wire.
    pub fn answer(&self) -> &[u8] {
        &self.answer
    }
}

fn awaiting() -> State {
    let mut state = state(SecurityLevel::Full);
    state.awaiting = true;
    state.counter = 1;
    state
}

/// What a card answers with `data_len` octets of data.
fn answer(card: State, data_len: usize) -> Vec<u8> {
    let mut answer = vec![0x5A; data_len + 40];
    let length = Responder::resume(card).wrap(&mut answer, data_len, StatusWord::OK).expect("room").len();
    answer.truncate(length);
    answer
}

/// A channel that awaits an answer, and has had one before: its schedules are there.
fn waiting() -> SecureChannel {
    let mut channel = SecureChannel::resume(awaiting());
    let _ = channel.unwrap(&mut answer(awaiting(), 1)).expect("an answer");
    let mut buffer = [0; 64];
    channel.wrap(&mut command(&mut buffer)).expect("room");
    channel
}

impl Subject for Unwrapping {
    fn prepare(&mut self, iterations: u32) {
        self.waiting.truncate(iterations as usize);
        for (channel, buffer) in &mut self.waiting {
            *channel = waiting();
            buffer.copy_from_slice(&self.answer);
        }
        while self.waiting.len() < iterations as usize {
            self.waiting.push((waiting(), self.answer.clone()));
        }
    }

    fn run(&mut self, iterations: u32) {
        for (channel, buffer) in self.waiting.iter_mut().take(iterations as usize) {
            let reply = if self.one_pass { channel.unwrap_in_one_pass(buffer) } else { channel.unwrap(buffer) };
            let _ = std::hint::black_box(reply.expect("an authentic answer").authentic().expect("authentic"));
        }
    }
}

/// Static keys of the device with this number.
pub fn static_keys(device: u16) -> StaticKeys {
    let key = |octets: [u8; 16]| {
        let mut octets = octets;
        octets[..2].copy_from_slice(&device.to_be_bytes());
        Key::new(&octets).expect("16 octets")
    };
    StaticKeys::new(key(K_ENC), key(K_MAC), key(K_ENC)).expect("one length")
}

/// What a card answers to the INITIALIZE UPDATE of [`establish`].
pub fn card_answer(keys: &mut impl KeySource) -> Vec<u8> {
    let info = KeySetInfo {
        diversification: [0; 10],
        key_version: 0x30,
        implementation: Implementation::new(0x60),
        sequence: None,
    };
    let mut out = [0; 261];
    let initiator = Initiator::new(Challenge::new(&HOST).expect("8 octets"), LogicalChannel::BASIC, 0x30);
    let command = initiator.initialize_update(&mut out).expect("room");
    let mut card = Responder::new();
    let command = gp_apdu::Command::parse(command).expect("a command");
    let request = card.initialize_update(&command, info.implementation).expect("a request");
    let mut answer = vec![0; 64];
    let challenge = Challenge::new(&CARD).expect("8 octets");
    let length = card.challenge(keys, &info, &request, &challenge, &mut answer).expect("room");
    answer.truncate(length);
    answer
}

/// The host's handshake from the answer to INITIALIZE UPDATE to the open channel, level `33`.
pub fn establish(keys: &mut impl KeySource, answer: &[u8]) -> SecureChannel {
    let initiator = Initiator::new(Challenge::new(&HOST).expect("8 octets"), LogicalChannel::BASIC, 0x30);
    let challenged = initiator.challenged(Response { data: answer, status: StatusWord::OK }).expect("an answer");
    let mut out = [0; 32];
    let (authenticating, command) =
        challenged.authenticate(keys, SecurityLevel::Full, ChallengePolicy::Off, &mut out).expect("the right keys");
    std::hint::black_box(command);
    authenticating.confirmed(Response { data: &[], status: StatusWord::OK }).expect("9000")
}

/// How many commands a script has.
pub const COMMANDS: usize = 10;
const DATA: usize = 30;

/// A device of a fleet, ready for its script.
pub struct Device {
    keys: StaticKeys,
    /// EXTERNAL AUTHENTICATE and the protected commands, one after the other.
    pub wire: [[u8; 64]; COMMANDS + 1],
}

impl Device {
    /// The device with this number.
    pub fn new(number: u16) -> Self {
        Self { keys: static_keys(number), wire: [[0x5A; 64]; COMMANDS + 1] }
    }

    /// Opens the session on paper, and nothing else.
    pub fn establish(&mut self) {
        std::hint::black_box(self.script());
    }

    fn script(&mut self) -> Script {
        let target = Target {
            key_version: 0x30,
            implementation: Implementation::new(0x70),
            sequence: SequenceCounter::new([0, 0, 1]),
            aid: &[0xA0, 0, 0, 1, 0x51, 0, 0, 0],
            channel: LogicalChannel::BASIC,
        };
        let host = Challenge::new(&HOST).expect("8 octets");
        Script::new(&mut &self.keys, &target, &host, SecurityLevel::Full, &mut self.wire[0]).expect("room").0
    }
}

fn command(buffer: &mut [u8]) -> CommandBuf<'_> {
    CommandBuf::assemble(buffer, HEADER, Form::Short, DATA, None).expect("room")
}

/// Scripts of several devices, one device after the other.
pub fn one_by_one(devices: &mut [Device]) {
    for device in devices {
        let mut script = device.script();
        for buffer in &mut device.wire[1..] {
            let mut command = command(buffer);
            script.wrap(&mut command).expect("room");
            command.finish().expect("room");
        }
    }
}

/// Scripts of eight devices side by side.
pub fn side_by_side(devices: &mut [Device; 8]) {
    let mut scripts = devices.each_mut().map(|device| device.script());
    for at in 1..=COMMANDS {
        let mut commands = devices.each_mut().map(|device| command(&mut device.wire[at]));
        Script::wrap_each(scripts.each_mut(), commands.each_mut()).expect("room");
        let _ = commands.map(|command| command.finish().expect("room").len());
    }
}

/// A script that has protected a command, and the answer to that.
pub fn answered(data_len: usize) -> (Script, ReplyKey, Vec<u8>) {
    let mut device = Device::new(7);
    let mut script = device.script();
    let reply_key = script.wrap(&mut command(&mut device.wire[1])).expect("room");
    let keys = script.session_keys();
    let [enc, mac, r_mac] = [keys.enc(), keys.mac(), keys.r_mac()].map(Key::duplicate_secret);
    let keys = SessionKeys::new(enc, mac, r_mac).expect("one length");
    let mut card = State::new(keys, Mode::S8, SecurityLevel::Full, reply_key.chaining_value);
    card.counter = reply_key.counter;
    card.awaiting = true;
    let answer = answer(card, data_len);
    (script, reply_key, answer)
}

/// Eight scripts, for one command of each.
pub fn scripts() -> [Script; 8] {
    core::array::from_fn(|number| Device::new(number as u16).script())
}

/// The next command of each, `data_len` octets of data, side by side.
pub fn wrap_each(scripts: &mut [Script; 8], buffers: &mut [Vec<u8>; 8], data_len: usize) {
    let mut commands = buffers
        .each_mut()
        .map(|buffer| CommandBuf::assemble(buffer, HEADER, Form::Short, data_len, None).expect("room"));
    Script::wrap_each(scripts.each_mut(), commands.each_mut()).expect("room");
    let _ = commands.map(|command| command.finish().expect("room").len());
}

/// The same one after the other.
pub fn wrap_in_turn(scripts: &mut [Script; 8], buffers: &mut [Vec<u8>; 8], data_len: usize) {
    for (script, buffer) in scripts.iter_mut().zip(buffers) {
        let mut command = CommandBuf::assemble(buffer, HEADER, Form::Short, data_len, None).expect("room");
        script.wrap(&mut command).expect("room");
        command.finish().expect("room");
    }
}
