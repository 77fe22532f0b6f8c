//! The crates under test, brought into the shape of the references.

use gp_apdu::{Class, CommandBuf, Form, Header};
use gp_scp03::{Key, Mode, SecureChannel, SecurityLevel, SessionKeys, State};

use crate::reference::data_offset;

/// S-ENC of every session here.
pub const S_ENC: [u8; 16] = *b"session enc key.";
/// S-MAC.
pub const S_MAC: [u8; 16] = *b"session mac key.";
/// S-RMAC.
pub const S_RMAC: [u8; 16] = *b"session rmackey.";
/// The chaining value all begin with.
pub const CHAINING: [u8; 16] = [0xC5; 16];

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
    let header = Header::new(Class::GP, 0xE2, 0x00, 0x00);
    let mut command = CommandBuf::assemble(buffer, header, form, data_len, None).expect("room");
    channel.wrap(&mut command).expect("room");
    let length = command.finish().expect("room").len();
    let _ = channel.unwrap(&mut [0x90, 0x00]).expect("an answer");
    length
}
