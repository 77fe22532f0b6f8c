//! Kind `session`: a session from beginning to end, played by host and card with the bytes on the wire compared at every step.
//!
//! A vector may begin with INITIALIZE UPDATE, or later: with EXTERNAL AUTHENTICATE, or with a chaining value and a counter.
//! It may state static keys or session keys alone. Whatever it states is compared; what it leaves open is made up.

use gp_apdu::{Class, Command, CommandBuf, Header, LogicalChannel, Response, StatusWord, ins};
use gp_scp03::hazmat::{Constant, derive};
use gp_scp03::{
    Challenge, ChallengePolicy, Implementation, InitializeUpdateResponse, Initiator, KeyId, KeySetInfo, Mode, Quirks,
    Responder, SecurityLevel, SequenceCounter, SessionKeys,
};

use super::ends::{BARE_OK, Ends, OVERPADDED, Setting, check_command, duplicate};
use super::fault::{Checks, Fault};
use super::fields::Fields;
use super::handshake::{Handshake, Opened, check_cryptograms, check_session_keys, static_keys};
use super::message::{ROOM, check_unprotected, parse, protect};

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
        implementation: vector.opt_implementation()?.or(told.map(|told| told.info.implementation)).unwrap_or(made_up),
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
            sequence: pseudo_random.then(|| sequence.or(told.and_then(|told| told.sequence)).unwrap_or_default()),
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
    let mut ends = Ends::authenticated(setting, host, card)?;
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
    checks.equal(
        "external_authenticate.response",
        exchange.opt_octets("response")?.unwrap_or(BARE_OK.into()),
        BARE_OK.into(),
    )?;
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
    let class = Class::GP.with_channel(setting.channel).unwrap_or(Class::GP);
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
