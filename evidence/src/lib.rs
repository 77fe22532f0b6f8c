//! What both programs need: sessions under keys that can be told from everything else, and data to send.

pub mod schedule;

#[cfg(test)]
mod dropped;

use gp_apdu::{Class, Command, CommandBuf, Form, Header, LogicalChannel, Response, StatusWord};
use gp_scp03::{
    Challenge, ChallengePolicy, Implementation, Initiator, Key, KeySetInfo, KeySource, Mode, Responder, SecurityLevel,
    SessionKeys, State, StaticKeys,
};

/// The length of all keys here and the mode of the session.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// 16, 24 or 32.
    pub key_length: usize,
    /// S8 or S16.
    pub mode: Mode,
}

impl Setting {
    /// Every one there is.
    pub const ALL: [Self; 6] = [
        Self { key_length: 16, mode: Mode::S8 },
        Self { key_length: 24, mode: Mode::S8 },
        Self { key_length: 32, mode: Mode::S8 },
        Self { key_length: 16, mode: Mode::S16 },
        Self { key_length: 24, mode: Mode::S16 },
        Self { key_length: 32, mode: Mode::S16 },
    ];

    /// The "i" parameter of a card with random challenges that can do everything.
    #[must_use]
    pub const fn implementation(self) -> Implementation {
        Implementation::new(match self.mode {
            Mode::S8 => 0x60,
            Mode::S16 => 0x61,
        })
    }

    /// A challenge of the mode's length.
    #[must_use]
    pub fn challenge(self, octet: u8) -> Challenge {
        Challenge::new(&[octet; 16][..self.mode.octets()]).expect("8 or 16 octets")
    }
}

/// Octets that occur nowhere else: a different run for each seed.
#[must_use]
pub fn octets(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    (0..length).map(next).collect()
}

/// The header of all commands.
pub const HEADER: Header = Header::new(Class::GP, 0xE2, 0x00, 0x00);

/// The static keys with this seed, octets as `made` gives them.
pub fn static_keys(seed: u64, length: usize, made: impl Fn(u64, usize) -> Vec<u8>) -> StaticKeys {
    let key = |number| Key::new(&made(seed + number, length)).expect("16, 24 or 32 octets");
    StaticKeys::new(key(0), key(1), key(2)).expect("one length")
}

/// An open session as data, its keys as `made` gives them: S-ENC, S-MAC and S-RMAC have the seeds 11, 12 and 13.
pub fn state(setting: Setting, level: SecurityLevel, made: impl Fn(u64, usize) -> Vec<u8>) -> State {
    let key = |seed| Key::new(&made(seed, setting.key_length)).expect("16, 24 or 32 octets");
    let keys = SessionKeys::new(key(11), key(12), key(13)).expect("one length");
    State::new(keys, setting.mode, level, [0xC5; 16])
}

/// The answer of a card to the INITIALIZE UPDATE of [`initiator`].
#[must_use]
pub fn card_answer(setting: Setting, keys: &mut StaticKeys) -> (Responder, Vec<u8>) {
    let mut buffer = [0; 64];
    let command = initiator(setting).initialize_update(&mut buffer).expect("room").to_vec();
    let implementation = setting.implementation();
    let info = KeySetInfo { diversification: [0; 10], key_version: 0x30, implementation, sequence: None };
    let mut card = Responder::new();
    let command = Command::parse(&command).expect("a command");
    let request = card.initialize_update(&command, implementation).expect("a request");
    let length = card.challenge(keys, &info, &request, &setting.challenge(2), &mut buffer).expect("room");
    (card, buffer[..length].to_vec())
}

/// A host that is about to open a session.
#[must_use]
pub fn initiator(setting: Setting) -> Initiator {
    Initiator::new(setting.challenge(1), LogicalChannel::BASIC, 0x30)
}

/// EXTERNAL AUTHENTICATE for that answer, and the host that awaits its success; or that the card is the wrong one.
///
/// # Errors
/// The card cryptogram is not the one of these keys.
pub fn authenticate(
    setting: Setting,
    keys: &mut impl KeySource,
    level: SecurityLevel,
    answer: &[u8],
) -> Result<(gp_scp03::Authenticating, Vec<u8>), gp_scp03::Error> {
    let mut buffer = [0; 64];
    let challenged =
        initiator(setting).challenged(Response { data: answer, status: StatusWord::OK }).expect("an answer");
    let (host, command) = challenged.authenticate(keys, level, ChallengePolicy::Off, &mut buffer)?;
    Ok((host, command.to_vec()))
}

/// A command buffer with data, ready to be protected.
#[must_use]
pub fn command_buffer(data: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0; data.len() + 64];
    buffer[5..5 + data.len()].copy_from_slice(data);
    buffer
}

/// The command that lies in such a buffer.
pub fn command(buffer: &mut [u8], length: usize) -> CommandBuf<'_> {
    CommandBuf::assemble(buffer, HEADER, Form::Short, length, None).expect("room")
}
