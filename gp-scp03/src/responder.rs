//! The card's end: a state machine that answers any octets in any order (Amendment D 5.4 to 5.6, GPCS 10.2).
//!
//! ```text
//!            INITIALIZE UPDATE                 EXTERNAL AUTHENTICATE 9000
//!  Idle ---------------------------> Challenged ------------------------> Open
//!   ^  <---- EXTERNAL AUTHENTICATE refused ---'                             | a command fails its protection
//!   |                                                                       v
//!   '------ terminate(): reset, SELECT, channel closed -------------- Aborted: 6982 to everything
//!  INITIALIZE UPDATE begins anew in every state.
//! ```
//!
//! A responder belongs to one logical channel of one security domain. Its methods answer what the card answers: an
//! error *is* the status word.

use core::fmt;

use gp_apdu::{Command, CommandBuf, LogicalChannel, StatusWord, ins};

use crate::challenge::Challenge;
use crate::cmac::under;
use crate::cryptogram::Cryptogram;
use crate::external_aes::Fault;
use crate::message::{InitializeUpdate, InitializeUpdateResponse, KeySetInfo};
use crate::scrub::{scrub_message, scrub_stack};
use crate::session::{Session, SessionKeys, cryptograms};
use crate::state::{Position, State};
use crate::{Error, Implementation, KeySource, Quirks, RMacSession, SecurityLevel};

/// The card's end of a session, at most one.
///
/// The session stays in its place for its whole life, so that it is wiped where it is and leaves no copies behind.
#[derive(Default)]
pub struct Responder {
    /// There from the challenge on, until it ends.
    session: Option<Session>,
    phase: Phase,
    quirks: Quirks,
}

#[derive(Default)]
enum Phase {
    #[default]
    Idle,
    Challenged {
        expected: Cryptogram,
        implementation: Implementation,
        channel: LogicalChannel,
    },
    Open {
        position: Position,
        turn: Turn,
    },
    Aborted,
}

/// What the open session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// A command.
    Command,
    /// The answer to one; after its success this is the level.
    Answer(SecurityLevel),
}

/// Where a responder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponderState {
    /// No session: commands reach the application unprotected.
    Idle,
    /// INITIALIZE UPDATE was answered. No session is active yet.
    Challenged,
    /// A session is open.
    Open,
    /// A command failed its protection: everything is refused until the session is terminated.
    Aborted,
}

impl Responder {
    /// A responder without a session.
    #[must_use]
    pub const fn new() -> Self {
        Self { session: None, phase: Phase::Idle, quirks: Quirks::NONE }
    }

    /// Follow these deviations in sessions that begin from now on, for tests of hosts.
    pub const fn set_quirks(&mut self, quirks: Quirks) {
        self.quirks = quirks;
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> ResponderState {
        match &self.phase {
            Phase::Idle => ResponderState::Idle,
            Phase::Challenged { .. } => ResponderState::Challenged,
            Phase::Open { .. } => ResponderState::Open,
            Phase::Aborted => ResponderState::Aborted,
        }
    }

    /// The current security level; `None` is NO_SECURITY_LEVEL: not open.
    #[must_use]
    pub const fn level(&self) -> Option<SecurityLevel> {
        match &self.phase {
            Phase::Open { position, .. } => Some(position.level()),
            _ => None,
        }
    }

    /// First half of INITIALIZE UPDATE: ends whatever session there was and reads the request. The caller then finds
    /// the key set, steps and **stores** its sequence counter, makes the card challenge, and calls
    /// [`challenge`](Self::challenge).
    ///
    /// # Errors
    /// The status word to answer: `6D00` or `6E00` when it is no INITIALIZE UPDATE (nothing changes then), `6700` when
    /// the challenge is not that of the mode, `6A86` for P2 other than 00.
    pub fn initialize_update(
        &mut self,
        command: &Command<'_>,
        implementation: Implementation,
    ) -> Result<InitializeUpdate, StatusWord> {
        if !InitializeUpdate::is(command.header) {
            let known = command.header.ins == ins::INITIALIZE_UPDATE;
            return Err(if known { StatusWord::CLA_NOT_SUPPORTED } else { StatusWord::INS_NOT_SUPPORTED });
        }
        self.terminate();
        InitializeUpdate::parse(command, implementation.mode())
    }

    /// Second half of INITIALIZE UPDATE: derives the session and writes the data of the answer (29, 32, 45 or 48
    /// octets) to the start of `out`. Answers how many.
    ///
    /// # Errors
    /// The status word to answer: `6700` when the challenges differ in length, [`Error::status_word`] of what the key
    /// source answers (`6F00` for [`Error::KeySource`]), `6F00` when `out` is too small, or `info` has a sequence counter and no pseudo-random challenge or the reverse. No session is begun then.
    pub fn challenge(
        &mut self,
        keys: &mut impl KeySource,
        info: &KeySetInfo,
        request: &InitializeUpdate,
        card_challenge: &Challenge,
        out: &mut [u8],
    ) -> Result<usize, StatusWord> {
        self.terminate();
        let result = self.derive(keys, info, request, card_challenge, out);
        scrub_stack();
        result.map_err(Error::status_word)?.ok_or(StatusWord::UNKNOWN)
    }

    // Its frame holds copies of all session keys: a call of its own, so that the scrubbing of the caller reaches it.
    #[inline(never)]
    fn derive(
        &mut self,
        keys: &mut impl KeySource,
        info: &KeySetInfo,
        request: &InitializeUpdate,
        card: &Challenge,
        out: &mut [u8],
    ) -> Result<Option<usize>, Error> {
        let host = &request.host_challenge;
        let implementation = info.implementation;
        if host.mode() != implementation.mode() || card.mode() != host.mode() {
            return Err(Error::ChallengeLength);
        }
        let session_keys = SessionKeys::derive(keys, host, card)?;
        let (shown, expected) = under(session_keys.engine(), &session_keys.mac, |mac| cryptograms(mac, host, card))
            .unwrap_or(Err(Error::KeyLength))?;
        let consistent = info.sequence.is_some() == implementation.has_pseudo_random_challenge();
        let length = InitializeUpdateResponse::emit(info, card, shown.octets(), out).filter(|_| consistent);
        if length.is_some() {
            let mut session = Session::new(session_keys, host.mode());
            session.set_quirks(self.quirks);
            self.session = Some(session);
            self.phase = Phase::Challenged { expected, implementation, channel: request.channel };
        }
        Ok(length)
    }

    /// EXTERNAL AUTHENTICATE: C-MAC first, then the host cryptogram, then whether the level is one of this card's. Any
    /// failure needs a new INITIALIZE UPDATE. A trailing Le is taken; there is no answer data, and never an R-MAC.
    ///
    /// # Errors
    /// `6985` without a challenge before it (`6982` after an abort), and nothing changes; `6700` for a wrong length,
    /// `6982` for another command, a wrong C-MAC, a missing one or another logical channel, `6300` for a wrong host cryptogram, `6A86` for a level or P2 that is not there.
    pub fn external_authenticate(&mut self, command: &mut CommandBuf<'_>) -> Result<SecurityLevel, StatusWord> {
        let header = command.header();
        let (Phase::Challenged { expected, implementation, channel }, Some(session)) = (&self.phase, &mut self.session)
        else {
            let aborted = matches!(self.phase, Phase::Aborted);
            return Err(if aborted { StatusWord::SECURITY_STATUS } else { StatusWord::CONDITIONS_OF_USE });
        };
        let (implementation, channel) = (*implementation, *channel);
        let octets = session.mode().octets();
        let meant = header.ins == ins::EXTERNAL_AUTHENTICATE && header.cla.is_gp() && !header.cla.is_chained();
        let result = if !meant || header.cla.channel() != channel {
            Err(StatusWord::SECURITY_STATUS)
        } else if command.data_len() != octets.saturating_mul(2) {
            Err(StatusWord::WRONG_LENGTH)
        } else if session.verify_command(command).is_err() {
            Err(StatusWord::SECURITY_STATUS)
        } else if !bool::from(expected.ct_eq(command.data())) {
            Err(StatusWord::AUTHENTICATION_FAILED)
        } else {
            SecurityLevel::from_octet(header.p1)
                .filter(|level| header.p2 == 0 && implementation.supports(*level))
                .ok_or(StatusWord::INCORRECT_P1_P2)
        };
        match result {
            Ok(level) => {
                let position = Position::new(level, implementation, channel);
                self.phase = Phase::Open { position, turn: Turn::Command };
            }
            Err(_) => self.terminate(),
        }
        result
    }

    /// Verifies and unprotects a command in place before anything else looks at it. `Ok(None)`: there is no session, the
    /// command is what it is. `Ok(Some(level))`: it was protected as that level demands (not at all at level `00`).
    ///
    /// # Errors
    /// `6982`: protection missing, wrong, or meant for another logical channel, or the engine of the session keys failed
    /// (feature `external-aes`; the data is wiped then). The session is aborted, and so is
    /// everything until [`terminate`](Self::terminate) or INITIALIZE UPDATE.
    pub fn unwrap(&mut self, command: &mut CommandBuf<'_>) -> Result<Option<SecurityLevel>, StatusWord> {
        let (position, turn) = match &mut self.phase {
            Phase::Idle | Phase::Challenged { .. } => return Ok(None),
            Phase::Aborted => return Err(StatusWord::SECURITY_STATUS),
            Phase::Open { position, turn } => (position, turn),
        };
        let level = position.level();
        let right_channel = command.header().cla.channel() == position.channel;
        let holds = right_channel
            && self.session.as_mut().is_some_and(|session| {
                let holds = !level.has_c_mac() || session.unwrap_command(level, command).is_ok();
                scrub_message();
                holds
            });
        if holds {
            *turn = Turn::Answer(level);
            return Ok(Some(level));
        }
        self.abort();
        Err(StatusWord::SECURITY_STATUS)
    }

    /// Wipes the session; everything is refused until it is terminated.
    fn abort(&mut self) {
        self.session = None;
        self.phase = Phase::Aborted;
        scrub_stack();
    }

    /// Protects the answer as the session demands: `data_length` octets of response data at the start of `buffer`, then
    /// padding, R-MAC and status word behind them. Without a session, at a level without R-MAC, and for an error status
    /// nothing is protected; an error status goes out without data. After an abort only an error status goes out: in
    /// place of any other `6982`.
    ///
    /// # Errors
    /// [`Error::Apdu`] when the protected answer does not fit `buffer`: shorten the data, or answer an error.
    /// [`Error::State`] when no command waits for an answer. [`Error::KeySource`] when the engine of the session keys failed
    /// (feature `external-aes`): the data is wiped, the session aborted.
    pub fn wrap<'b>(
        &mut self,
        buffer: &'b mut [u8],
        data_length: usize,
        status: StatusWord,
    ) -> Result<&'b mut [u8], Error> {
        let data_length = if status.is_error() { 0 } else { data_length };
        let (session, position, turn) = match (&mut self.phase, &mut self.session) {
            (Phase::Open { position, turn }, Some(session)) => (session, position, turn),
            (Phase::Aborted, _) => {
                let status = if status.is_error() { status } else { StatusWord::SECURITY_STATUS };
                return Ok(gp_apdu::Response::write_status(buffer, 0, status)?);
            }
            _ => return Ok(gp_apdu::Response::write_status(buffer, data_length, status)?),
        };
        let Turn::Answer(next) = *turn else { return Err(Error::State) };
        let answer = session.wrap_response(position.level(), buffer, data_length, status);
        scrub_message();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                if Fault::is_behind(error) {
                    self.abort();
                }
                return Err(error);
            }
        };
        *turn = Turn::Command;
        if status == StatusWord::OK {
            position.set_level(next);
        }
        Ok(answer)
    }

    /// The most octets of response data that fit into `available` octets on the wire as things stand; 0 also where not
    /// even the R-MAC fits.
    #[must_use]
    pub const fn max_response_data(&self, available: usize) -> usize {
        match (&self.phase, &self.session) {
            (Phase::Open { position, .. }, Some(session)) => {
                position.level().max_response_data(session.mode(), available)
            }
            _ => available,
        }
    }

    /// BEGIN R-MAC SESSION, called with the unwrapped command; in force after its answer (Amendment D 7.1.3).
    ///
    /// # Errors
    /// `6A86` for P1 or P2 that mean nothing, `6A80` for data that is not one length and that many octets, `6985` where
    /// the level cannot be raised so, an R-MAC session runs, or `i` lacks it. The session goes on.
    pub fn begin_r_mac(&mut self, command: &Command<'_>) -> Result<(), StatusWord> {
        let by = RMacSession::from_octet(command.header.p1).filter(|_| command.header.p2 == 0x01);
        let by = by.ok_or(StatusWord::INCORRECT_P1_P2)?;
        let salted = command.data.split_first().is_some_and(|(length, salt)| usize::from(*length) == salt.len());
        let Phase::Open { position, turn: Turn::Answer(next) } = &mut self.phase else {
            return Err(StatusWord::CONDITIONS_OF_USE);
        };
        if !salted {
            return Err(StatusWord::WRONG_DATA);
        }
        let raised = position.level().raised(by).filter(|level| position.implementation.supports(*level));
        *next = raised.filter(|_| position.level() == position.session_level()).ok_or(StatusWord::CONDITIONS_OF_USE)?;
        Ok(())
    }

    /// END R-MAC SESSION, called with the unwrapped command; in force after its answer, which still carries the R-MAC (Amendment D 7.1.4).
    ///
    /// # Errors
    /// `6A86` for P1 or P2 that mean nothing, `6985` when no R-MAC session runs. The session goes on.
    pub fn end_r_mac(&mut self, command: &Command<'_>) -> Result<(), StatusWord> {
        if (command.header.p1, command.header.p2) != (0x00, 0x03) {
            return Err(StatusWord::INCORRECT_P1_P2);
        }
        match &mut self.phase {
            Phase::Open { position, turn: Turn::Answer(next) } if position.level() != position.session_level() => {
                *next = position.session_level();
                Ok(())
            }
            _ => Err(StatusWord::CONDITIONS_OF_USE),
        }
    }

    /// Ends and wipes the session: reset, selection, the channel closed, the application's own wish.
    pub fn terminate(&mut self) {
        if !matches!(self.phase, Phase::Idle) {
            self.session = None;
            self.phase = Phase::Idle;
            scrub_stack();
        }
    }

    /// The end of this responder's session and all that is needed to go on with it elsewhere. `None` when none is open,
    /// or in the middle of changing the level by an R-MAC session; nothing changes then.
    pub fn suspend(&mut self) -> Option<State> {
        let Phase::Open { position, turn } = self.phase else { return None };
        if turn != Turn::Command && turn != Turn::Answer(position.level()) {
            return None;
        }
        let state = State::join(self.session.as_mut()?, position, u32::MAX, turn != Turn::Command);
        self.terminate();
        Some(state)
    }

    /// A responder from a state: saved, or with session keys made elsewhere.
    #[must_use]
    pub fn resume(state: State) -> Self {
        let awaiting = state.awaiting;
        let (session, position) = state.split();
        let quirks = session.quirks();
        let turn = if awaiting { Turn::Answer(position.level()) } else { Turn::Command };
        Self { session: Some(session), phase: Phase::Open { position, turn }, quirks }
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("state", &self.state()).field("level", &self.level()).finish_non_exhaustive()
    }
}
