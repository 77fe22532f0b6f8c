//! Both ends of an open session, and what they do with an exchange.

use gp_apdu::{Command, CommandBuf, LogicalChannel, StatusWord, ins};
use gp_scp03::{
    Implementation, Key, Mode, Quirks, RMacSession, Responder, SecureChannel, SecurityLevel, SessionKeys, State,
};

use super::fault::{Checks, Fault};
use super::fields::Fields;
use super::message::{ROOM, answer, check_unprotected, parse, protect, raised, status, unprotect};

/// The name of the deviation that a receiver bears and a sender must not show: a block of padding too many. Answers that have
/// it are taken by the host and not expected of the card.
pub(super) const OVERPADDED: &str = "overpadded_response";

/// The answer of a card whose real answer was not published.
pub(super) const BARE_OK: [u8; 2] = [0x90, 0x00];

/// What the whole session shares.
pub(super) struct Setting {
    pub(super) mode: Mode,
    pub(super) level: SecurityLevel,
    pub(super) channel: LogicalChannel,
    pub(super) implementation: Implementation,
    pub(super) quirks: Quirks,
    /// P1 of a BEGIN R-MAC SESSION before the first exchange; 0 for none.
    pub(super) r_mac_session: u8,
}

/// Both ends of an open session.
pub(super) struct Ends {
    pub(super) host: SecureChannel,
    pub(super) card: Responder,
    pub(super) channel: LogicalChannel,
}

/// The level with the R-MAC session that runs before the first exchange.
fn initial_level(setting: &Setting) -> Result<SecurityLevel, Fault> {
    raised(setting.level, setting.r_mac_session)
        .ok_or_else(|| Fault::ill_formed("initial_rmac_session", "raises no such level"))
}

impl Ends {
    /// Ends that begin with this chaining value and counter.
    pub(super) fn resume(
        setting: &Setting,
        keys: impl Fn() -> Result<SessionKeys, Fault>,
        chaining_value: [u8; 16],
        counter: u32,
    ) -> Result<Self, Fault> {
        let level = initial_level(setting)?;
        let state = || {
            Ok(State {
                counter,
                level,
                implementation: setting.implementation,
                channel: setting.channel,
                quirks: setting.quirks,
                ..State::new(keys()?, setting.mode, setting.level, chaining_value)
            })
        };
        Ok(Self { host: SecureChannel::resume(state()?), card: Responder::resume(state()?), channel: setting.channel })
    }

    /// Ends that have just authenticated, with the quirks of the vector and the R-MAC session it starts in.
    pub(super) fn authenticated(setting: &Setting, host: SecureChannel, mut card: Responder) -> Result<Self, Fault> {
        let (level, quirks) = (initial_level(setting)?, setting.quirks);
        let host = host.suspend().map_err(|error| Fault::refused("session", error))?;
        let card = card.suspend().ok_or_else(closed)?;
        Ok(Self {
            host: SecureChannel::resume(State { level, quirks, ..host }),
            card: Responder::resume(State { level, quirks, ..card }),
            channel: setting.channel,
        })
    }

    /// The card's session as data. The caller puts it back.
    pub(super) fn card_state(&mut self) -> Result<State, Fault> {
        self.card.suspend().ok_or_else(closed)
    }

    /// One command and its answer.
    pub(super) fn exchange(
        &mut self,
        exchange: &Fields<'_>,
        overpadded: bool,
        checks: &mut Checks,
    ) -> Result<(), Fault> {
        let wire_octets = exchange.octets("wrapped_command")?;
        let wire = parse("wrapped_command", &wire_octets)?;
        let wire_answer = exchange.opt_octets("wrapped_response")?;
        let plain_answer = exchange.opt_octets("plain_response")?;
        let overpadded = overpadded || exchange.texts("quirks")?.contains(&OVERPADDED);

        // The card takes the command.
        let level = self.host.level();
        checks.equal("level of the card", self.card.level(), Some(level))?;
        let mut octets = wire_octets.clone();
        let mut received = checks.taken("wrapped_command", CommandBuf::parse(&mut octets, wire_octets.len()))?;
        checks.taken("wrapped_command", self.card.unwrap(&mut received))?;
        let received = received.as_command();

        // The host makes the same one.
        let plain_octets = exchange.opt_octets("plain_command")?;
        let plain = plain_octets.as_deref().map(|octets| parse("plain_command", octets)).transpose()?;
        if let Some(plain) = &plain {
            check_unprotected(checks, &received, plain, self.channel)?;
        }
        let plain = plain.unwrap_or(received);
        let succeeds = wire_answer.as_deref().and_then(status) == Some(StatusWord::OK);
        let ours = match plain.header.ins {
            ins::BEGIN_R_MAC_SESSION if succeeds && plain.header.cla.is_gp() => {
                checks.taken("BEGIN R-MAC SESSION at the card", self.card.begin_r_mac(&received))?;
                begin_r_mac(&mut self.host, &plain)?
            }
            ins::END_R_MAC_SESSION if succeeds && plain.header.cla.is_gp() => {
                checks.taken("END R-MAC SESSION at the card", self.card.end_r_mac(&received))?;
                let mut buffer = [0; ROOM];
                let ours = checks.taken("END R-MAC SESSION at the host", self.host.end_r_mac(&mut buffer))?;
                ours.to_vec()
            }
            _ => protect(&mut self.host, &plain, &wire)?,
        };
        check_command(checks, "wrapped_command", ours, &wire_octets)?;
        let host_chain = self.host.chain().unwrap_or_default();
        check_chain(exchange, checks, host_chain, "host")?;

        // The host takes the answer; the card makes the same one. Where none was published, the card makes one up.
        match wire_answer {
            Some(wire_answer) => {
                let ours = unprotect(&mut self.host, checks, level, &wire_answer)?;
                checks.opt_octets("plain_response", &ours, plain_answer.as_deref())?;
                let made = answer(&mut self.card, &ours)?;
                if !overpadded {
                    checks.octets("wrapped_response", &made, &wire_answer)?;
                }
            }
            None => {
                let plain_answer = plain_answer.unwrap_or(BARE_OK.into());
                let made = answer(&mut self.card, &plain_answer)?;
                let ours = unprotect(&mut self.host, checks, level, &made)?;
                checks.octets("plain_response", &ours, &plain_answer)?;
            }
        }
        let state = self.card_state()?;
        let card_chain = (state.chaining_value, state.counter);
        self.card = Responder::resume(state);
        check_chain(exchange, checks, card_chain, "card")?;
        checks.equal("level of the card afterwards", self.card.level(), Some(self.host.level()))
    }
}

fn closed() -> Fault {
    Fault::differs_in("session", "open", "closed")
}

/// `mac_chaining_value` and `counter`, the state after the command.
fn check_chain(
    exchange: &Fields<'_>,
    checks: &mut Checks,
    (chaining_value, counter): ([u8; 16], u32),
    whose: &str,
) -> Result<(), Fault> {
    let stated = exchange.opt_octets("mac_chaining_value")?;
    checks.opt_octets(&format!("mac_chaining_value of the {whose}"), &chaining_value, stated.as_deref())?;
    match exchange.opt_number("counter")? {
        Some(stated) => checks.equal(&format!("counter of the {whose}"), counter, stated),
        None => Ok(()),
    }
}

/// BEGIN R-MAC SESSION as the host makes it from P1 and the salt of the plain command.
fn begin_r_mac(host: &mut SecureChannel, plain: &Command<'_>) -> Result<Vec<u8>, Fault> {
    let what = "BEGIN R-MAC SESSION at the host";
    let session = RMacSession::from_octet(plain.header.p1);
    let session = session.ok_or_else(|| Fault::differs_in(what, "P1 10 or 30", format!("{:02X}", plain.header.p1)))?;
    let salt = plain.data.get(1..).unwrap_or_default();
    let mut buffer = vec![0; salt.len() + 2 * ROOM];
    let ours = host.begin_r_mac(session, salt, &mut buffer).map_err(|error| Fault::refused(what, error))?;
    Ok(ours.to_vec())
}

/// A command of ours with the Le of the recorded one, which no MAC covers.
fn with_le_of(ours: &[u8], recorded: &[u8]) -> Option<Vec<u8>> {
    let command = Command { le: Command::parse(recorded).ok()?.le, ..Command::parse(ours).ok()? };
    let mut buffer = vec![0; ours.len() + ROOM];
    Some(command.emit(&mut buffer).ok()?.to_vec())
}

pub(super) fn check_command(checks: &mut Checks, what: &str, ours: Vec<u8>, recorded: &[u8]) -> Result<(), Fault> {
    checks.octets(what, &with_le_of(&ours, recorded).unwrap_or(ours), recorded)
}

/// The same keys once more, for the other end.
pub(super) fn duplicate(keys: &SessionKeys) -> Result<SessionKeys, Fault> {
    let [enc, mac, r_mac] = [keys.enc(), keys.mac(), keys.r_mac()].map(Key::duplicate_secret);
    SessionKeys::new(enc, mac, r_mac).map_err(|error| Fault::refused("session", error))
}
