//! Kinds `command`, `response` and `negative`: one message, made and taken by ends that start in a given state.

use gp_apdu::{Command, CommandBuf, Header, LogicalChannel, Response, StatusWord};
use gp_scp03::{Key, Mode, Reply, Responder, ResponderState, SecureChannel, SecurityLevel, SessionKeys, State};

use super::fault::{Checks, Fault};
use super::fields::Fields;

/// Room for padding, MAC and lengths around the data of any message.
pub(super) const ROOM: usize = 64;

/// `state`, on this channel. A key that the vector does not state is not needed either: zeros stand in its place.
fn state(vector: &Fields<'_>, channel: LogicalChannel, awaiting: bool) -> Result<State, Fault> {
    let state = vector.object("state")?;
    let mode = Mode::from_octets(state.number("mac_len")?);
    let mode = mode.ok_or_else(|| state.fault("mac_len", "is neither 8 nor 16"))?;
    let stated = [state.opt_key("s_enc")?, state.opt_key("s_mac")?, state.opt_key("s_rmac")?];
    let length = stated.iter().flatten().next().map_or(16, |key| key.length().octets());
    let [enc, mac, r_mac] = stated.map(|key| key.map_or_else(|| Key::new(&vec![0; length]), Ok));
    let keys = enc.and_then(|enc| SessionKeys::new(enc, mac?, r_mac?));
    let keys = keys.map_err(|error| state.fault("s_enc", error.to_string()))?;
    let session_level = state.level()?;
    let r_mac_session = state.opt_number::<u8>("rmac_session")?.unwrap_or_default();
    let level =
        raised(session_level, r_mac_session).ok_or_else(|| state.fault("rmac_session", "raises no such level"))?;
    Ok(State {
        counter: state.number("counter")?,
        level,
        channel,
        awaiting,
        ..State::new(keys, mode, session_level, state.array("mac_chaining_value")?)
    })
}

/// The level while an R-MAC session with this P1 runs; 0 says that none does.
pub(super) fn raised(level: SecurityLevel, r_mac_session: u8) -> Option<SecurityLevel> {
    SecurityLevel::from_octet(level.octet() | r_mac_session)
}

/// Reads a command that the vector states.
pub(super) fn parse<'a>(what: &str, octets: &'a [u8]) -> Result<Command<'a>, Fault> {
    Command::parse(octets).map_err(|error| Fault::ill_formed(what, error.to_string()))
}

/// The header on the channel of the session: a plain command may be recorded as it is on the basic channel.
fn on_channel(header: Header, channel: LogicalChannel) -> Result<Header, Fault> {
    let found = header.cla.channel();
    let moved = header.cla.with_channel(channel).filter(|_| found == channel || found == LogicalChannel::BASIC);
    let expected = || format!("a class on channel {}", channel.number());
    let cla = moved.ok_or_else(|| Fault::differs_in("plain_command", expected(), header.cla.to_string()))?;
    Ok(Header { cla, ..header })
}

/// The host's protected command for `plain`, in the form and with the Le of `wire`: Le is outside of every MAC, and those
/// who recorded the vectors treat it differently.
pub(super) fn protect(host: &mut SecureChannel, plain: &Command<'_>, wire: &Command<'_>) -> Result<Vec<u8>, Fault> {
    let refused = |error: &dyn std::fmt::Display| Fault::refused("plain_command", error);
    let header = on_channel(plain.header, host.channel())?;
    let mut buffer = vec![0; plain.data.len() + ROOM];
    let mut command = CommandBuf::new(&mut buffer, header, wire.form).map_err(|error| refused(&error))?;
    command.push(plain.data).map_err(|error| refused(&error))?;
    command.set_le(wire.le);
    host.wrap(&mut command).map_err(|error| refused(&error))?;
    command.set_le(wire.le);
    Ok(command.finish().map_err(|error| refused(&error))?.to_vec())
}

/// What the card makes of a protected command: header and data must be those of the plain command, on the session's channel.
pub(super) fn check_unprotected(
    checks: &mut Checks,
    got: &Command<'_>,
    plain: &Command<'_>,
    channel: LogicalChannel,
) -> Result<(), Fault> {
    let expected = on_channel(plain.header, channel)?;
    checks.octets("header as the card unprotects it", &got.header.octets(), &expected.octets())?;
    checks.octets("data as the card unprotects it", got.data, plain.data)
}

/// What the host makes of an answer, data and status word, and whether it says of it what it is worth.
pub(super) fn unprotect(
    host: &mut SecureChannel,
    checks: &mut Checks,
    level: SecurityLevel,
    wire: &[u8],
) -> Result<Vec<u8>, Fault> {
    let mut octets = wire.to_vec();
    let reply = checks.taken("wrapped_response", host.unwrap(&mut octets))?;
    let authentic = level.has_r_mac() && reply.status().is_protected();
    checks.equal("wrapped_response is authentic", matches!(reply, Reply::Authentic(_)), authentic)?;
    let response = match reply {
        Reply::Authentic(response) | Reply::Plain(response) => response,
        Reply::Refused(status) => Response { data: &[], status },
    };
    Ok([response.data, &response.status.octets()].concat())
}

/// The card's answer for `plain`, data and status word.
pub(super) fn answer(card: &mut Responder, plain: &[u8]) -> Result<Vec<u8>, Fault> {
    let Response { data, status } =
        Response::parse(plain).map_err(|error| Fault::ill_formed("plain_response", error.to_string()))?;
    let mut buffer = data.to_vec();
    buffer.resize(data.len() + ROOM, 0);
    let answer = card.wrap(&mut buffer, data.len(), status);
    Ok(answer.map_err(|error| Fault::refused("plain_response", error))?.to_vec())
}

/// Kind `command`: the host makes it, the card takes it.
pub(super) fn command(vector: &Fields<'_>, checks: &mut Checks) -> Result<(), Fault> {
    let (plain, wire) = (vector.octets("plain_command")?, vector.octets("wrapped_command")?);
    let (plain, wire_command) = (parse("plain_command", &plain)?, parse("wrapped_command", &wire)?);
    let channel = vector.opt_channel()?.unwrap_or(plain.header.cla.channel());
    let next = vector.opt_octets("next_mac_chaining_value")?;

    let mut host = SecureChannel::resume(state(vector, channel, false)?);
    checks.octets("wrapped_command", &protect(&mut host, &plain, &wire_command)?, &wire)?;
    let (chaining_value, _) = host.chain().unwrap_or_default();
    checks.opt_octets("next_mac_chaining_value of the host", &chaining_value, next.as_deref())?;

    let mut card = Responder::resume(state(vector, channel, false)?);
    let mut octets = wire.clone();
    let mut command = checks.taken("wrapped_command", CommandBuf::parse(&mut octets, wire.len()))?;
    checks.taken("wrapped_command", card.unwrap(&mut command))?;
    check_unprotected(checks, &command.as_command(), &plain, channel)?;
    let chaining_value = card.suspend().map(|state| state.chaining_value).unwrap_or_default();
    checks.opt_octets("next_mac_chaining_value of the card", &chaining_value, next.as_deref())
}

/// Kind `response`: the host takes it, the card makes it.
pub(super) fn response(vector: &Fields<'_>, checks: &mut Checks) -> Result<(), Fault> {
    let (wire, plain) = (vector.octets("wrapped_response")?, vector.octets("plain_response")?);
    let channel = vector.opt_channel()?.unwrap_or(LogicalChannel::BASIC);
    let mut host = SecureChannel::resume(state(vector, channel, true)?);
    let level = host.level();
    let ours = unprotect(&mut host, checks, level, &wire)?;
    checks.octets("plain_response", &ours, &plain)?;
    if vector.texts("quirks")?.contains(&"overpadded_response") {
        return Ok(());
    }
    let mut card = Responder::resume(state(vector, channel, true)?);
    checks.octets("wrapped_response", &answer(&mut card, &plain)?, &wire)
}

/// Kind `negative`: a receiver refuses the message and its session is over, or (the controls) takes it and goes on.
pub(super) fn negative(vector: &Fields<'_>, checks: &mut Checks) -> Result<(), Fault> {
    let accept = match vector.text("expect")? {
        "accept" => true,
        "reject" => false,
        other => return Err(vector.fault("expect", format!("{other:?} is neither accept nor reject"))),
    };
    let channel = vector.opt_channel()?.unwrap_or(LogicalChannel::BASIC);
    let mut message = vector.octets("message")?;
    let (accepted, alive) = match vector.text("direction")? {
        "command" => {
            let mut card = Responder::resume(state(vector, channel, false)?);
            let length = message.len();
            match CommandBuf::parse(&mut message, length) {
                // No command at all never reaches the session: a card answers 6700 and goes on.
                Err(_) => (false, false),
                Ok(mut command) => (card.unwrap(&mut command).is_ok(), card.state() == ResponderState::Open),
            }
        }
        "response" => {
            let mut host = SecureChannel::resume(state(vector, channel, true)?);
            (host.unwrap(&mut message).is_ok(), !host.is_closed())
        }
        other => return Err(vector.fault("direction", format!("{other:?} is neither command nor response"))),
    };
    let say = |taken| if taken { "accept" } else { "reject" };
    checks.equal("expect", say(accepted), say(accept))?;
    checks.equal("session goes on", alive, accept)?;
    if vector.opt_text("mode")?.is_some() {
        let mac_len = vector.object("state")?.number("mac_len")?;
        checks.equal("mac_len of the mode", vector.mode()?.octets(), mac_len)?;
    }
    Ok(())
}

/// The status word of a response that the vector states.
pub(super) fn status(octets: &[u8]) -> Option<StatusWord> {
    Response::parse(octets).ok().map(|response| response.status)
}
