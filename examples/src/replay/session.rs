//! Kind `session`: a session from beginning to end, played by host and card with the bytes on the wire compared at every step.
//!
//! A vector may begin with INITIALIZE UPDATE, or later: with EXTERNAL AUTHENTICATE, or with a chaining value and a counter.
//! It may state static keys or session keys alone. Whatever it states is compared; what it leaves open is made up.

use gp_apdu::{Command, CommandBuf, Header, LogicalChannel, Response, StatusWord, ins};
use gp_scp03::hazmat::{Constant, derive};
use gp_scp03::{
    Challenge, ChallengePolicy, Implementation, InitializeUpdateResponse, Initiator, Key, KeyId, KeySetInfo, Mode, Quirks, RMacSession,
    Responder, SecureChannel, SecurityLevel, SequenceCounter, SessionKeys, State,
};

use super::fault::{Checks, Fault};
use super::fields::Fields;
use super::handshake::{Handshake, Opened, check_cryptograms, check_session_keys, static_keys};
use super::message::{ROOM, answer, check_unprotected, parse, protect, raised, status, unprotect};

/// The answer of a card whose real answer was not published.
const BARE_OK: [u8; 2] = [0x90, 0x00];

/// The name of the deviation that a receiver bears and a sender must not show: a block of padding too many. Answers that have
/// it are taken by the host and not expected of the card.
const OVERPADDED: &str = "overpadded_response";

/// Both ends of an open session.
struct Ends {
    host: SecureChannel,
    card: Responder,
    channel: LogicalChannel,
}

/// What the whole session shares.
struct Setting {
    mode: Mode,
    level: SecurityLevel,
    channel: LogicalChannel,
    implementation: Implementation,
    quirks: Quirks,
    /// P1 of a BEGIN R-MAC SESSION before the first exchange; 0 for none.
    r_mac_session: u8,
}

pub(super) fn verify(vector: &Fields<'_>, checks: &mut Checks) -> Result<(), Fault> {
    let mode = vector.mode()?;
    let initiation = vector.opt_object("initialize_update")?;
    let told = match &initiation {
        Some(exchange) => exchange.opt_octets("response")?,
        None => None,
    };
    let told = told.as_deref().map(read_answer).transpose()?;
    let made_up = Implementation::new(if mode == Mode::S16 { 0x61 } else { 0x60 });
    let setting = Setting {
        mode,
        level: vector.level()?,
        channel: vector.opt_channel()?.unwrap_or(LogicalChannel::BASIC),
        implementation: vector
            .opt_implementation()?
            .or(told.map(|told| told.info.implementation))
            .unwrap_or(made_up),
        quirks: quirks(vector)?,
        r_mac_session: vector.opt_number("initial_rmac_session")?.unwrap_or_default(),
    };
    let mut ends = match vector.opt_object("static")? {
        Some(keys) => from_static_keys(vector, checks, &setting, &keys, told.map(|told| told.info))?,
        None => from_session_keys(vector, checks, &setting, told.as_ref())?,
    };
    let overpadded = vector.texts("quirks")?.contains(&OVERPADDED);
    for (exchange, number) in vector.opt_list("exchanges")?.unwrap_or_default().iter().zip(0..) {
        ends.exchange(exchange, overpadded, checks).map_err(|fault| fault.within(format_args!("exchange {number}")))?;
    }
    Ok(())
}

/// The deviations that the vector asks both ends to follow.
fn quirks(vector: &Fields<'_>) -> Result<Quirks, Fault> {
    vector.texts("quirks")?.into_iter().try_fold(Quirks::NONE, |quirks, name| match name {
        "counter_skips_empty" => Ok(quirks.with_counter_skips_empty()),
        "encrypt_empty" | "force_encrypt_empty" => Ok(quirks.with_encrypt_empty()),
        OVERPADDED => Ok(quirks),
        other => Err(vector.fault("quirks", format!("{other:?} is unknown"))),
    })
}

/// The recorded answer to INITIALIZE UPDATE.
fn read_answer(octets: &[u8]) -> Result<InitializeUpdateResponse<'_>, Fault> {
    let what = "initialize_update.response";
    let response = Response::parse(octets).map_err(|error| Fault::ill_formed(what, error.to_string()))?;
    if response.status != StatusWord::OK {
        return Err(Fault::differs_in(what, "9000", response.status.to_string()));
    }
    InitializeUpdateResponse::parse(response.data).map_err(|error| Fault::refused(what, error))
}

/// A command of ours with the Le of the recorded one, which no MAC covers.
fn with_le_of(ours: &[u8], recorded: &[u8]) -> Option<Vec<u8>> {
    let command = Command { le: Command::parse(recorded).ok()?.le, ..Command::parse(ours).ok()? };
    let mut buffer = vec![0; ours.len() + ROOM];
    Some(command.emit(&mut buffer).ok()?.to_vec())
}

fn check_command(checks: &mut Checks, what: &str, ours: Vec<u8>, recorded: &[u8]) -> Result<(), Fault> {
    checks.octets(what, &with_le_of(&ours, recorded).unwrap_or(ours), recorded)
}

/// Begins with the static keys: the whole handshake is computed, and compared where the vector states it.
fn from_static_keys(
    vector: &Fields<'_>,
    checks: &mut Checks,
    setting: &Setting,
    keys: &Fields<'_>,
    told: Option<KeySetInfo>,
) -> Result<Ends, Fault> {
    let mode = setting.mode;
    let implementation = setting.implementation;
    let mut keys = static_keys(keys)?;
    if let Some(bits) = vector.opt_number("key_bits")? {
        checks.equal("key_bits", keys.key(KeyId::Enc).length().bits(), bits)?;
    }
    let recorded = vector.opt_object("initialize_update")?;
    let recorded_command = recorded.as_ref().map(|exchange| exchange.octets("command")).transpose()?;
    let recorded_answer = recorded.as_ref().map(|exchange| exchange.opt_octets("response")).transpose()?.flatten();
    let card_challenge = vector.challenge("card_challenge", mode)?;
    let sequence = vector.opt_array("sequence_counter")?.map(SequenceCounter::new);
    let aid = vector.opt_octets("aid")?;
    if let (Some(sequence), Some(aid)) = (sequence, &aid) {
        let ours = checks.taken("card_challenge", Challenge::pseudo_random(&mut keys, mode, sequence, aid))?;
        checks.octets("card_challenge from sequence_counter and aid", ours.octets(), card_challenge.octets())?;
    }
    let requested_version = match (vector.opt_octet("requested_kvn")?, &recorded_command) {
        (Some(version), _) => version,
        (None, Some(command)) => parse("initialize_update.command", command)?.header.p1,
        (None, None) => 0,
    };
    let key_version = vector.opt_octet("kvn")?.or(told.map(|told| told.key_version));
    let pseudo_random = implementation.has_pseudo_random_challenge();
    let handshake = Handshake {
        keys,
        channel: setting.channel,
        requested_version,
        info: KeySetInfo {
            diversification: vector.opt_array("kdd")?.or(told.map(|told| told.diversification)).unwrap_or_default(),
            key_version: key_version.unwrap_or(requested_version),
            implementation,
            sequence: pseudo_random
                .then(|| sequence.or(told.and_then(|told| told.sequence)).unwrap_or_default()),
        },
        host_challenge: vector.challenge("host_challenge", mode)?,
        card_challenge,
        level: setting.level,
        policy: match &aid {
            Some(aid) if pseudo_random && sequence.is_some() => ChallengePolicy::Require(aid),
            _ => ChallengePolicy::Off,
        },
    };
    let opened = handshake.play(checks)?;
    check_session_keys(vector, checks, opened.host.session_keys(), "host")?;
    check_cryptograms(vector, checks, opened.card_cryptogram(mode), opened.host_cryptogram(mode))?;
    if let Some(recorded) = &recorded_command {
        check_command(checks, "initialize_update.command", opened.initialize_update.clone(), recorded)?;
    }
    checks.opt_octets("initialize_update.response", &opened.answer, recorded_answer.as_deref())?;
    match vector.opt_object("external_authenticate")? {
        Some(exchange) => authenticated(vector, checks, setting, opened, &exchange),
        None => resumed(vector, setting, || duplicate(opened.host.session_keys())),
    }
}

/// EXTERNAL AUTHENTICATE: compared, taken by the card, its answer taken by the host.
fn authenticated(
    vector: &Fields<'_>,
    checks: &mut Checks,
    setting: &Setting,
    opened: Opened,
    exchange: &Fields<'_>,
) -> Result<Ends, Fault> {
    let what = "external_authenticate.command";
    let Opened { authenticate, mut card, host, .. } = opened;
    let mut recorded = exchange.octets("command")?;
    check_command(checks, what, authenticate, &recorded)?;
    let length = recorded.len();
    let mut command = checks.taken(what, CommandBuf::parse(&mut recorded, length))?;
    let level = checks.taken(what, card.external_authenticate(&mut command))?;
    checks.equal("level of the card", level, setting.level)?;
    let answer = exchange.opt_octets("response")?.unwrap_or(BARE_OK.into());
    let answer = checks.taken("external_authenticate.response", Response::parse(&answer))?;
    let host = checks.taken("external_authenticate.response", host.confirmed(answer))?;
    let mut ends = Ends { host, card, channel: setting.channel };
    ends.reposition(setting)?;
    let state = ends.card_state()?;
    check_session_keys(vector, checks, &state.keys, "card")?;
    ends.card = Responder::resume(state);
    Ok(ends)
}

/// Begins with session keys alone: nobody can derive them again, but everything after them is verified.
fn from_session_keys(
    vector: &Fields<'_>,
    checks: &mut Checks,
    setting: &Setting,
    told: Option<&InitializeUpdateResponse<'_>>,
) -> Result<Ends, Fault> {
    let mode = setting.mode;
    let stated = vector.object("session")?;
    let keys = || {
        SessionKeys::new(stated.key("enc")?, stated.key("mac")?, stated.key("rmac")?)
            .map_err(|error| stated.fault("enc", error.to_string()))
    };
    if let Some(bits) = vector.opt_number("key_bits")? {
        checks.equal("key_bits", stated.key("mac")?.length().bits(), bits)?;
    }
    let mut host_cryptogram = None;
    if vector.opt_text("host_challenge")?.is_some() && vector.opt_text("card_challenge")?.is_some() {
        let host = vector.challenge("host_challenge", mode)?;
        let card = vector.challenge("card_challenge", mode)?;
        let s_mac = stated.key("mac")?;
        let cryptogram = |constant| {
            let mut out = vec![0; mode.octets()];
            derive(|parts| Ok(s_mac.cmac(parts)), constant, [host.octets(), card.octets()], &mut out)
                .map_err(|error| Fault::refused("cryptogram", error))?;
            Ok(out)
        };
        let (ours, theirs) = (cryptogram(Constant::HostCryptogram)?, cryptogram(Constant::CardCryptogram)?);
        check_cryptograms(vector, checks, &theirs, &ours)?;
        if let Some(exchange) = vector.opt_object("initialize_update")? {
            let command = exchange.octets("command")?;
            let stated = parse("initialize_update.command", &command)?;
            let version = vector.opt_octet("requested_kvn")?.unwrap_or(stated.header.p1);
            let mut buffer = [0; ROOM];
            let ours = Initiator::new(host, setting.channel, version).initialize_update(&mut buffer);
            let ours = checks.taken("initialize_update.command", ours)?.to_vec();
            check_command(checks, "initialize_update.command", ours, &command)?;
        }
        if let Some(told) = told {
            let what = "initialize_update.response";
            checks.octets(what, told.card_challenge.octets(), card.octets())?;
            checks.octets(what, told.card_cryptogram, &theirs)?;
            let i = told.info.implementation;
            checks.octets("i", &[i.octet()], &[setting.implementation.octet()])?;
            checks.equal("mode", i.mode(), mode)?;
            checks.opt_octets("kvn", &[told.info.key_version], vector.opt_octets("kvn")?.as_deref())?;
            let sequence = told.info.sequence.map(SequenceCounter::octets).unwrap_or_default();
            checks.opt_octets("sequence_counter", &sequence, vector.opt_octets("sequence_counter")?.as_deref())?;
            checks.opt_octets("kdd", &told.info.diversification, vector.opt_octets("kdd")?.as_deref())?;
        }
        host_cryptogram = Some(ours);
    }
    let Some(exchange) = vector.opt_object("external_authenticate")? else { return resumed(vector, setting, keys) };
    let chaining_value = authentication_mac(checks, setting, keys, host_cryptogram, &exchange.octets("command")?)?;
    checks.equal("external_authenticate.response", exchange.opt_octets("response")?.unwrap_or(BARE_OK.into()), BARE_OK.into())?;
    Ends::resume(setting, keys, chaining_value, 0)
}

/// The C-MAC of EXTERNAL AUTHENTICATE without the handshake around it: that of any command at level `01` whose chaining
/// value is zero. Answers the chaining value after it.
fn authentication_mac(
    checks: &mut Checks,
    setting: &Setting,
    keys: impl Fn() -> Result<SessionKeys, Fault>,
    cryptogram: Option<Vec<u8>>,
    recorded: &[u8],
) -> Result<[u8; 16], Fault> {
    let what = "external_authenticate.command";
    let wire = parse(what, recorded)?;
    let cryptogram = cryptogram.as_deref().or(wire.data.get(..setting.mode.octets())).unwrap_or_default();
    let class = gp_apdu::Class::GP.with_channel(setting.channel).unwrap_or(gp_apdu::Class::GP);
    let header = Header::new(class, ins::EXTERNAL_AUTHENTICATE, setting.level.octet(), 0);
    let plain = Command { header, data: cryptogram, ..wire };
    let mac_only = Setting { level: SecurityLevel::CMac, quirks: Quirks::NONE, r_mac_session: 0, ..*setting };
    let mut ends = Ends::resume(&mac_only, keys, [0; 16], 0)?;
    checks.octets(what, &protect(&mut ends.host, &plain, &wire)?, recorded)?;
    let mut octets = recorded.to_vec();
    let mut command = checks.taken(what, CommandBuf::parse(&mut octets, recorded.len()))?;
    checks.taken(what, ends.card.unwrap(&mut command))?;
    check_unprotected(checks, &command.as_command(), &plain, setting.channel)?;
    Ok(ends.host.chain().unwrap_or_default().0)
}

/// Begins in the middle, where `initial_mac_chaining_value` and `initial_counter` say.
fn resumed(
    vector: &Fields<'_>,
    setting: &Setting,
    keys: impl Fn() -> Result<SessionKeys, Fault>,
) -> Result<Ends, Fault> {
    let chaining_value = vector.opt_array("initial_mac_chaining_value")?.unwrap_or_default();
    Ends::resume(setting, keys, chaining_value, vector.opt_number("initial_counter")?.unwrap_or_default())
}

/// The same keys once more, for the other end.
fn duplicate(keys: &SessionKeys) -> Result<SessionKeys, Fault> {
    let [enc, mac, r_mac] = [keys.enc(), keys.mac(), keys.r_mac()].map(Key::duplicate_secret);
    SessionKeys::new(enc, mac, r_mac).map_err(|error| Fault::refused("session", error))
}

/// The level with the R-MAC session that runs before the first exchange.
fn initial_level(setting: &Setting) -> Result<SecurityLevel, Fault> {
    raised(setting.level, setting.r_mac_session)
        .ok_or_else(|| Fault::ill_formed("initial_rmac_session", "raises no such level"))
}

impl Ends {
    fn resume(
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
        Ok(Self {
            host: SecureChannel::resume(state()?),
            card: Responder::resume(state()?),
            channel: setting.channel,
        })
    }

    /// Gives both ends the quirks of the vector and the R-MAC session it starts in.
    fn reposition(&mut self, setting: &Setting) -> Result<(), Fault> {
        let level = initial_level(setting)?;
        self.host.set_quirks(setting.quirks);
        let state = self.card_state()?;
        self.card = Responder::resume(State { level, quirks: setting.quirks, ..state });
        if level != setting.level {
            let keys = self.host.session_keys().ok_or_else(closed)?;
            let (chaining_value, counter) = self.host.chain().unwrap_or_default();
            let mode = setting.mode;
            let state = State::new(duplicate(keys)?, mode, setting.level, chaining_value);
            let implementation = setting.implementation;
            let (channel, quirks) = (setting.channel, setting.quirks);
            self.host = SecureChannel::resume(State { counter, level, implementation, channel, quirks, ..state });
        }
        Ok(())
    }

    /// The card's session as data. The caller puts it back.
    fn card_state(&mut self) -> Result<State, Fault> {
        self.card.suspend().ok_or_else(closed)
    }

    /// One command and its answer.
    fn exchange(&mut self, exchange: &Fields<'_>, overpadded: bool, checks: &mut Checks) -> Result<(), Fault> {
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
