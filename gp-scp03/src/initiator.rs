//! The host's handshake, a type for each step, each moved into the next (Amendment D 5.4, 6.2.2, 6.2.3).
//!
//! ```text
//!  Initiator      -- INITIALIZE UPDATE ------------------>
//!                 <- key information, challenge, cryptogram --
//!  Challenged        the keys may be fetched only now
//!                 -- EXTERNAL AUTHENTICATE ------------->      only if the card cryptogram holds
//!  Authenticating <- 9000 ------------------------------
//!  SecureChannel
//! ```

use gp_apdu::{Command, CommandBuf, Form, Header, Le, LogicalChannel, Response, StatusWord, ins};

use crate::challenge::{Challenge, ChallengePolicy, ChallengeVerdict};
use crate::cmac::under;
use crate::command::wrap_authentication;
use crate::message::{InitializeUpdate, InitializeUpdateResponse, KeySetInfo, gp_class};
use crate::scrub::scrub_derivation;
use crate::secure_channel::SecureChannel;
use crate::session::{ChainingValue, Session, SessionKeys, cryptograms};
use crate::state::Position;
use crate::{Error, KeySource, Mode, SecurityLevel};

/// A host before the card has spoken.
///
/// A session wants the steps in their order; anything else does not compile:
/// ```compile_fail,E0599
/// # fn f(initiator: gp_scp03::Initiator, command: &mut gp_apdu::CommandBuf<'_>) {
/// initiator.wrap(command); // there is no channel yet
/// # }
/// ```
#[derive(Debug)]
pub struct Initiator {
    challenge: Challenge,
    channel: LogicalChannel,
    key_version: u8,
}

impl Initiator {
    /// A host with a fresh challenge from the caller's generator: 8 octets for S8, 16 for S16. A challenge that can be
    /// foreseen lets a recorded card be replayed.
    ///
    /// `key_version` is the key version number asked for, 00 for the card's first key set. Any value is allowed.
    #[must_use]
    pub const fn new(challenge: Challenge, channel: LogicalChannel, key_version: u8) -> Self {
        Self { challenge, channel, key_version }
    }

    /// Writes INITIALIZE UPDATE into `buffer` (14 or 22 octets) and returns it.
    ///
    /// # Errors
    /// [`Error::Apdu`] when `buffer` is too small.
    pub fn initialize_update<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        let command = Command {
            header: InitializeUpdate::header(self.key_version, self.channel),
            data: self.challenge.octets(),
            le: Some(Le::MAX_SHORT),
            form: Form::Short,
        };
        Ok(command.emit(buffer)?)
    }

    /// Reads the card's answer. The attempt ends here on any error: nothing is retried, and no other protocol or key is tried.
    ///
    /// # Errors
    /// [`Error::Status`] when the card refused (`6A88` key version unknown, `6982` or `6983` blocked, `6985` counter
    /// exhausted), [`Error::TryS16`] for `6700` to 8 octets, [`Error::OtherProtocol`], [`Error::Malformed`],
    /// [`Error::OtherMode`], [`Error::OtherKeyVersion`].
    pub fn challenged(self, response: Response<'_>) -> Result<Challenged, Error> {
        match response.status {
            StatusWord::OK => {}
            StatusWord::WRONG_LENGTH if self.challenge.octets().len() == 8 => return Err(Error::TryS16),
            status => return Err(Error::Status(status)),
        }
        let answer = InitializeUpdateResponse::parse(response.data)?;
        if answer.card_challenge.mode() != self.challenge.mode() {
            return Err(Error::OtherMode);
        }
        if self.key_version != 0 && answer.info.key_version != self.key_version {
            return Err(Error::OtherKeyVersion(answer.info.key_version));
        }
        let mut card_cryptogram = [0; 16];
        card_cryptogram.iter_mut().zip(answer.card_cryptogram).for_each(|(to, from)| *to = *from);
        Ok(Challenged {
            info: answer.info,
            host_challenge: self.challenge,
            card_challenge: answer.card_challenge,
            card_cryptogram,
            channel: self.channel,
        })
    }
}

/// A host that knows what the card says of its keys, and no key yet.
#[derive(Debug)]
pub struct Challenged {
    info: KeySetInfo,
    host_challenge: Challenge,
    card_challenge: Challenge,
    /// As the card sent it: public.
    card_cryptogram: [u8; 16],
    channel: LogicalChannel,
}

impl Challenged {
    /// Key version number, `i`, diversification data, sequence counter: enough to find or derive the keys.
    #[must_use]
    pub const fn info(&self) -> &KeySetInfo {
        &self.info
    }

    /// The host challenge that was sent.
    #[must_use]
    pub const fn host_challenge(&self) -> &Challenge {
        &self.host_challenge
    }

    /// The card challenge that came back.
    #[must_use]
    pub const fn card_challenge(&self) -> &Challenge {
        &self.card_challenge
    }

    /// Derives the session keys, verifies the card cryptogram, and only then writes EXTERNAL AUTHENTICATE into `buffer`
    /// (21 or 37 octets) and returns it.
    ///
    /// This consumes the challenge: one answer of a card serves one attempt.
    /// ```compile_fail,E0382
    /// # use gp_scp03::*;
    /// # fn f(challenged: Challenged, keys: &mut StaticKeys, buffer: &mut [u8]) {
    /// let first = challenged.authenticate(keys, SecurityLevel::Full, ChallengePolicy::Off, &mut []);
    /// let again = challenged.authenticate(keys, SecurityLevel::Full, ChallengePolicy::Off, buffer);
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Level`] when `i` does not offer the level, [`Error::CardCryptogram`] for other keys or another card,
    /// [`Error::CardChallenge`] when the policy requires what the card did not do, what the key source answers,
    /// [`Error::Apdu`] when `buffer` is too small. Nothing is to be sent then.
    pub fn authenticate<'b>(
        self,
        keys: &mut impl KeySource,
        level: SecurityLevel,
        policy: ChallengePolicy<'_>,
        buffer: &'b mut [u8],
    ) -> Result<(Authenticating, &'b mut [u8]), Error> {
        if !self.info.implementation.supports(level) {
            return Err(Error::Level);
        }
        let result = match self.check_challenge(keys, policy) {
            Ok(verdict) => self.derive_and_check(keys, level, verdict, buffer),
            Err(error) => Err(error),
        };
        scrub_derivation();
        result
    }

    // Its frame holds copies of all session keys: a call of its own, so that the scrubbing of the caller reaches it.
    #[inline(never)]
    fn derive_and_check<'b>(
        self,
        keys: &mut impl KeySource,
        level: SecurityLevel,
        verdict: ChallengeVerdict,
        buffer: &'b mut [u8],
    ) -> Result<(Authenticating, &'b mut [u8]), Error> {
        let implementation = self.info.implementation;
        let (host, card) = (&self.host_challenge, &self.card_challenge);
        let session_keys = SessionKeys::derive(keys, host, card)?;
        let (mode, header) = (host.mode(), self.authentication(level));
        let (chaining, octets) = under(session_keys.engine(), &session_keys.mac, |mac| {
            let (expected, host_cryptogram) = cryptograms(mac, host, card)?;
            let received = self.card_cryptogram.get(..mode.octets()).unwrap_or_default();
            if !bool::from(expected.ct_eq(received)) {
                return Err(Error::CardCryptogram);
            }
            let mut command = CommandBuf::new(buffer, header, Form::Short)?;
            command.push(host_cryptogram.octets())?;
            let chaining = wrap_authentication(mac, mode, &mut command)?;
            Ok((chaining, command.finish()?))
        })
        .unwrap_or(Err(Error::KeyLength))?;
        let position = Position::new(level, implementation, self.channel);
        Ok((Authenticating { keys: session_keys, chaining, mode, position, info: self.info, verdict }, octets))
    }

    fn authentication(&self, level: SecurityLevel) -> Header {
        Header::new(gp_class(self.channel), ins::EXTERNAL_AUTHENTICATE, level.octet(), 0)
    }

    fn check_challenge(
        &self,
        keys: &mut impl KeySource,
        policy: ChallengePolicy<'_>,
    ) -> Result<ChallengeVerdict, Error> {
        let (aid, required) = match policy {
            ChallengePolicy::Off => return Ok(ChallengeVerdict::NotChecked),
            ChallengePolicy::Warn(aid) => (aid, false),
            ChallengePolicy::Require(aid) => (aid, true),
        };
        let verdict = match self.info.sequence {
            None => ChallengeVerdict::Random,
            Some(sequence) => {
                let expected = Challenge::derived(keys, self.card_challenge.mode(), sequence, aid)?;
                // Both are public once the card has answered.
                if expected == self.card_challenge { ChallengeVerdict::Matches } else { ChallengeVerdict::Differs }
            }
        };
        if required && verdict != ChallengeVerdict::Matches {
            return Err(Error::CardChallenge);
        }
        Ok(verdict)
    }
}

/// A host that has proved itself and waits for the card's word. It is no channel yet: a session counts when the card accepted it.
#[derive(Debug)]
pub struct Authenticating {
    keys: SessionKeys,
    chaining: ChainingValue,
    mode: Mode,
    position: Position,
    info: KeySetInfo,
    verdict: ChallengeVerdict,
}

impl Authenticating {
    /// What the check of the card challenge found.
    #[must_use]
    pub const fn challenge(&self) -> ChallengeVerdict {
        self.verdict
    }

    /// What the card said of its keys.
    #[must_use]
    pub const fn info(&self) -> &KeySetInfo {
        &self.info
    }

    /// The session keys, for tools that verify vectors.
    #[must_use]
    pub const fn session_keys(&self) -> &SessionKeys {
        &self.keys
    }

    /// Reads the answer to EXTERNAL AUTHENTICATE: `9000` without data, which is never protected, or no session.
    ///
    /// # Errors
    /// [`Error::Status`] when the card refused (`6300` wrong host cryptogram, `6982` wrong C-MAC), [`Error::Malformed`]
    /// when the answer holds data. The card may have counted a failed attempt: do not repeat it blindly.
    pub fn confirmed(self, response: Response<'_>) -> Result<SecureChannel, Error> {
        let result = match (response.status, response.data) {
            (StatusWord::OK, []) => Ok(self.open()),
            (StatusWord::OK, _) => Err(Error::Malformed),
            (status, _) => Err(Error::Status(status)),
        };
        scrub_derivation();
        result
    }

    // Its frame holds copies of the session keys: a call of its own, so that the scrubbing of the caller reaches it. (No
    // schedule: the first message makes them, where they stay.)
    #[cfg_attr(feature = "cached-keys", inline(never))]
    #[cfg_attr(not(feature = "cached-keys"), inline(always))]
    fn open(self) -> SecureChannel {
        let mut session = Session::new(self.keys, self.mode);
        session.chaining = self.chaining;
        SecureChannel::open(session, self.position)
    }
}
