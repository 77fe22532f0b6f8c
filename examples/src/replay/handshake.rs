//! The opening of a session, played by both ends; and the kind `cryptograms`, which is nothing more.

use gp_apdu::{Command, CommandBuf, LogicalChannel, Response};
use gp_scp03::{
    Authenticating, Challenge, ChallengePolicy, Implementation, Initiator, Key, KeySetInfo, Mode, Responder,
    SecurityLevel, SessionKeys, StaticKeys,
};

use super::fault::{Checks, Fault};
use super::fields::Fields;

/// What both ends know before they talk.
pub(super) struct Handshake<'a> {
    pub(super) keys: StaticKeys,
    pub(super) channel: LogicalChannel,
    pub(super) requested_version: u8,
    pub(super) info: KeySetInfo,
    pub(super) host_challenge: Challenge,
    pub(super) card_challenge: Challenge,
    pub(super) level: SecurityLevel,
    pub(super) policy: ChallengePolicy<'a>,
}

/// What came of it. Nothing has been compared with the vector yet.
pub(super) struct Opened {
    /// INITIALIZE UPDATE.
    pub(super) initialize_update: Vec<u8>,
    /// The card's answer, with `9000`.
    pub(super) answer: Vec<u8>,
    /// EXTERNAL AUTHENTICATE.
    pub(super) authenticate: Vec<u8>,
    /// The card, which waits for EXTERNAL AUTHENTICATE.
    pub(super) card: Responder,
    /// The host, which waits for its answer.
    pub(super) host: Authenticating,
}

impl Opened {
    /// The cryptogram in the card's answer.
    pub(super) fn card_cryptogram(&self, mode: Mode) -> &[u8] {
        let n = mode.octets();
        self.answer.get(13 + n..13 + 2 * n).unwrap_or_default()
    }

    /// The cryptogram in EXTERNAL AUTHENTICATE.
    pub(super) fn host_cryptogram(&self, mode: Mode) -> &[u8] {
        self.authenticate.get(5..5 + mode.octets()).unwrap_or_default()
    }
}

impl Handshake<'_> {
    /// Host and card compute with the same keys, each in its own way.
    pub(super) fn play(&self, checks: &mut Checks) -> Result<Opened, Fault> {
        let host = Initiator::new(self.host_challenge, self.channel, self.requested_version);
        let mut buffer = [0; 64];
        let command = checks.taken("INITIALIZE UPDATE", host.initialize_update(&mut buffer))?.to_vec();

        let mut card = Responder::new();
        let parsed = checks.taken("INITIALIZE UPDATE", Command::parse(&command))?;
        let request = card.initialize_update(&parsed, self.info.implementation);
        let request = checks.taken("INITIALIZE UPDATE", request)?;
        let mut buffer = [0; 64];
        let length = card.challenge(&mut &self.keys, &self.info, &request, &self.card_challenge, &mut buffer);
        let length = checks.taken("INITIALIZE UPDATE", length)?;
        let answer = Response::write_status(&mut buffer, length, gp_apdu::StatusWord::OK);
        let answer = checks.taken("answer to INITIALIZE UPDATE", answer)?.to_vec();

        let response = checks.taken("answer to INITIALIZE UPDATE", Response::parse(&answer))?;
        let challenged = checks.taken("answer to INITIALIZE UPDATE", host.challenged(response))?;
        let mut buffer = [0; 64];
        let proved = challenged.authenticate(&mut &self.keys, self.level, self.policy, &mut buffer);
        let (host, authenticate) = checks.taken("EXTERNAL AUTHENTICATE", proved)?;
        let authenticate = authenticate.to_vec();
        Ok(Opened { initialize_update: command, answer, authenticate, card, host })
    }
}

/// `static`: Key-ENC and Key-MAC, often without the Key-DEK, which no session computes with. A set without one gets
/// Key-ENC in its place.
pub(super) fn static_keys(fields: &Fields<'_>) -> Result<StaticKeys, Fault> {
    let (enc, mac) = (fields.key("enc")?, fields.key("mac")?);
    let dek = fields.opt_key("dek")?.unwrap_or_else(|| enc.duplicate_secret());
    StaticKeys::new(enc, mac, dek).map_err(|error| fields.fault("enc", error.to_string()))
}

/// `session`: whichever of the session keys the vector states.
pub(super) fn check_session_keys(
    vector: &Fields<'_>,
    checks: &mut Checks,
    keys: &SessionKeys,
    whose: &str,
) -> Result<(), Fault> {
    let Some(stated) = vector.opt_object("session")? else { return Ok(()) };
    let mut one = |name, key: &Key| {
        let stated = stated.opt_octets(name)?;
        checks.opt_octets(&format!("session.{name} of the {whose}"), key.expose_secret(), stated.as_deref())
    };
    one("enc", keys.enc())?;
    one("mac", keys.mac())?;
    one("rmac", keys.r_mac())
}

/// `card_cryptogram` and `host_cryptogram`, where the vector states them.
pub(super) fn check_cryptograms(
    vector: &Fields<'_>,
    checks: &mut Checks,
    card: &[u8],
    host: &[u8],
) -> Result<(), Fault> {
    checks.opt_octets("card_cryptogram", card, vector.opt_octets("card_cryptogram")?.as_deref())?;
    checks.opt_octets("host_cryptogram", host, vector.opt_octets("host_cryptogram")?.as_deref())
}

/// Kind `cryptograms`: session keys and cryptograms follow from the static keys and both challenges.
pub(super) fn cryptograms(vector: &Fields<'_>, checks: &mut Checks) -> Result<(), Fault> {
    let mode = vector.mode()?;
    let implementation = Implementation::new(if mode == Mode::S16 { 0x01 } else { 0x00 });
    let handshake = Handshake {
        keys: static_keys(&vector.object("static")?)?,
        channel: LogicalChannel::BASIC,
        requested_version: 0,
        info: KeySetInfo { diversification: [0; 10], key_version: 1, implementation, sequence: None },
        host_challenge: vector.challenge("host_challenge", mode)?,
        card_challenge: vector.challenge("card_challenge", mode)?,
        level: SecurityLevel::CMac,
        policy: ChallengePolicy::Off,
    };
    let mut opened = handshake.play(checks)?;
    check_session_keys(vector, checks, opened.host.session_keys(), "host")?;
    check_cryptograms(vector, checks, opened.card_cryptogram(mode), opened.host_cryptogram(mode))?;
    let length = opened.authenticate.len();
    let mut command = checks.taken("EXTERNAL AUTHENTICATE", CommandBuf::parse(&mut opened.authenticate, length))?;
    checks.taken("EXTERNAL AUTHENTICATE", opened.card.external_authenticate(&mut command))?;
    match opened.card.suspend() {
        Some(state) => check_session_keys(vector, checks, &state.keys, "card"),
        None => Err(Fault::differs_in("card", "an open session", "none")),
    }
}
