//! The host's secure channel and nothing else, to be weighed: handshake, wrap, unwrap, all levels, S8 and S16. What it
//! works on comes from a port, so that nothing can be computed beforehand.
#![no_std]
#![no_main]

use bare_metal::board::port;
use bare_metal::entry;
use gp_apdu::{Class, CommandBuf, Form, Header, Le, LogicalChannel, Response, StatusWord};
use gp_scp03::{
    Authenticating, Challenge, ChallengePolicy, Error, Initiator, Key, Reply, SecureChannel, SecurityLevel, StaticKeys,
};

entry!(weighed main);

fn main() {
    let mut buffer = [0; 261];
    loop {
        if let Ok(mut channel) = handshake(&mut buffer) {
            while exchange(&mut channel, &mut buffer).is_ok() {}
        }
    }
}

fn key() -> Result<Key, Error> {
    let mut octets = [0; 32];
    port::receive(&mut octets);
    Key::new(octets.get(..usize::from(port::octet())).unwrap_or_default())
}

#[inline(never)]
fn handshake(buffer: &mut [u8; 261]) -> Result<SecureChannel, Error> {
    let mut octets = [0; 16];
    port::receive(&mut octets);
    let challenge = Challenge::new(octets.get(..usize::from(port::octet())).unwrap_or_default())?;
    let initiator = Initiator::new(challenge, LogicalChannel::BASIC, port::octet());
    port::send(initiator.initialize_update(buffer)?);
    port::receive(buffer);
    let challenged = initiator.challenged(answer(buffer)?)?;
    let mut keys = StaticKeys::new(key()?, key()?, key()?)?;
    let level = SecurityLevel::from_octet(port::octet()).ok_or(Error::Level)?;
    let (authenticating, command): (Authenticating, _) =
        challenged.authenticate(&mut keys, level, ChallengePolicy::Off, buffer)?;
    port::send(command);
    port::receive(buffer);
    authenticating.confirmed(answer(buffer)?)
}

fn answer(buffer: &[u8]) -> Result<Response<'_>, Error> {
    Ok(Response::parse(buffer.get(..usize::from(port::octet())).unwrap_or_default())?)
}

#[inline(never)]
fn exchange(channel: &mut SecureChannel, buffer: &mut [u8; 261]) -> Result<StatusWord, Error> {
    let header = Header::new(Class::GP, port::octet(), port::octet(), port::octet());
    let mut data = [0; 16];
    port::receive(&mut data);
    let mut command = CommandBuf::new(buffer, header, Form::Short)?;
    command.push(data.get(..usize::from(port::octet())).unwrap_or_default())?.expect(Le::MAX_SHORT);
    channel.wrap(&mut command)?;
    port::send(command.finish()?);
    port::receive(buffer);
    let reply = channel.unwrap(buffer.get_mut(..usize::from(port::octet())).unwrap_or_default())?;
    if let Reply::Authentic(answer) | Reply::Plain(answer) = reply {
        port::send(answer.data);
    }
    Ok(reply.status())
}
