//! The host's end of an open session: one command at a time is wrapped, its answer unwrapped (Amendment D 5.5, 5.6).

use core::fmt;

use gp_apdu::{Chaining, CommandBuf, Form, Header, Le, LogicalChannel, Response, SecureMessaging, StatusWord, ins};

use crate::external_aes::Fault;
use crate::message::gp_class;
use crate::response::{Order, Unwrapped};
use crate::scrub::{scrub_message, scrub_stack};
use crate::session::{Session, SessionKeys};
use crate::state::{Position, State};
use crate::{Error, Mode, Quirks, RMacSession, SecurityLevel};

/// An answer that says what it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an answer may be plain or refused: look at which"]
pub enum Reply<'r> {
    /// The card sent it, in answer to this command: its R-MAC holds.
    Authentic(Response<'r>),
    /// This level has no R-MAC: anybody on the wire may have written it.
    Plain(Response<'r>),
    /// An error status without data; at a level with R-MAC also `61xx`. It is never protected (Amendment D 6.2.5):
    /// anybody may have written it, so nothing irreversible may follow from it.
    Refused(StatusWord),
}

impl<'r> Reply<'r> {
    /// The answer, only if an R-MAC vouches for it.
    ///
    /// # Errors
    /// [`Error::NotAuthentic`] for a plain answer, [`Error::Status`] for a refusal.
    pub const fn authentic(self) -> Result<Response<'r>, Error> {
        match self {
            Self::Authentic(response) => Ok(response),
            Self::Plain(_) => Err(Error::NotAuthentic),
            Self::Refused(status) => Err(Error::Status(status)),
        }
    }

    /// The answer, authentic or not.
    ///
    /// # Errors
    /// [`Error::Status`] for a refusal.
    pub const fn response(self) -> Result<Response<'r>, Error> {
        match self {
            Self::Authentic(response) | Self::Plain(response) => Ok(response),
            Self::Refused(status) => Err(Error::Status(status)),
        }
    }

    /// The status word, whoever wrote it.
    #[must_use]
    pub const fn status(&self) -> StatusWord {
        match self {
            Self::Authentic(response) | Self::Plain(response) => response.status,
            Self::Refused(status) => *status,
        }
    }
}

/// An open session as the host holds it.
///
/// Between [`wrap`](Self::wrap) and [`unwrap`](Self::unwrap) one command is in flight. If its answer never comes (link
/// error, timeout, a dropped future), nobody knows whether the card has counted it: [`abandon`](Self::abandon) the channel.
///
/// A channel cannot be copied, because two ends of one chain would protect two messages alike:
/// ```compile_fail,E0599
/// # fn f(channel: gp_scp03::SecureChannel) {
/// let fork = channel.clone();
/// # }
/// ```
pub struct SecureChannel {
    /// `None` once the channel is dead: the keys are gone with it.
    session: Option<Session>,
    position: Position,
    phase: Phase,
    messages_left: u32,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Ready for the first command; the frames of the handshake, which are dead by then, have not been wiped.
    Fresh,
    Ready,
    /// A command is in flight; an authentic or plain `9000` makes this the level.
    Awaiting(SecurityLevel),
}

impl SecureChannel {
    pub(crate) const fn open(session: Session, position: Position) -> Self {
        Self { session: Some(session), position, phase: Phase::Fresh, messages_left: u32::MAX }
    }

    /// Protects the command in place: data encrypted where the level says so, C-MAC appended, class announced. A given
    /// Le becomes the largest of its form where the answer grows by an R-MAC; a command without Le stays without.
    ///
    /// The command goes to the logical channel of the session: its class must name it. `wrap` never looks at the
    /// instruction: it is the application's.
    ///
    /// # Errors
    /// Nothing has changed after any of them: [`Error::State`] while an answer is awaited, [`Error::Closed`],
    /// [`Error::MessageLimit`], [`Error::CounterExhausted`], [`Error::Class`] for another logical channel or a class
    /// that announces secure messaging already or cannot, [`Error::Apdu`] when the protected command fits neither form
    /// nor buffer, Le not the form, or the bit that its form chains by is set already.
    ///
    /// Another is [`Error::KeySource`]: the engine of the session keys failed (feature `external-aes`). The channel is dead
    /// and its keys are wiped, and so is the data of the command.
    pub fn wrap(&mut self, command: &mut CommandBuf<'_>) -> Result<(), Error> {
        self.wrap_towards(command, None)
    }

    /// Wraps, and makes `next` the level once the card has answered `9000`.
    fn wrap_towards(&mut self, command: &mut CommandBuf<'_>, next: Option<SecurityLevel>) -> Result<(), Error> {
        let session = self.session.as_mut().ok_or(Error::Closed)?;
        if matches!(self.phase, Phase::Awaiting(_)) {
            return Err(Error::State);
        }
        let messages_left = self.messages_left.checked_sub(1).ok_or(Error::MessageLimit)?;
        let class = command.header().cla;
        let level = self.position.level();
        let plain = class.coding().is_some() && class.secure_messaging() == SecureMessaging::None;
        if !plain || class.channel() != self.position.channel {
            return Err(Error::Class);
        }
        let bit_taken = match command.form() {
            Form::Chained(Chaining::Gp) => command.header().p1 & 0x80 != 0,
            // A class that has no chained twin when it is protected cannot be cut.
            Form::Chained(Chaining::Iso) => class.is_chained() || !class.secured().chained(true).is_chained(),
            Form::Short | Form::Extended => false,
        };
        if bit_taken {
            return Err(gp_apdu::Error::ChainingBit.into());
        }
        // Shown here, where nothing has moved yet; otherwise `finish` would find it when the chain has.
        if command.le() > Some(command.form().max_le()) {
            return Err(gp_apdu::Error::LeTooLarge.into());
        }
        if self.phase == Phase::Fresh {
            scrub_stack();
            self.phase = Phase::Ready;
        }
        if level.has_c_mac() {
            let wrapped = session.wrap_command(level, command);
            scrub_message();
            if let Err(error) = wrapped {
                if Fault::is_behind(error) {
                    self.end();
                }
                return Err(error);
            }
        } else if command.le().is_some() && command.data_len() > command.capacity() {
            // As for the protected: `finish` must not be the first to find that there is no room.
            return Err(gp_apdu::Error::BufferFull.into());
        }
        if level.has_r_mac() && command.le().is_some() {
            let max = command.form().max_le();
            command.expect(max);
        }
        self.messages_left = messages_left;
        self.phase = Phase::Awaiting(next.unwrap_or(level));
        Ok(())
    }

    /// Verifies and decrypts the answer in place and says what it is worth. Under R-MAC a success or a warning is
    /// authentic or the end of the channel, and so is an error status with data.
    ///
    /// # Errors
    /// [`Error::State`] when no command is in flight (nothing changes), [`Error::Closed`]. [`Error::Security`], and
    /// [`Error::KeySource`] when the engine of the session keys failed (feature `external-aes`): the channel is dead and its
    /// keys are wiped.
    pub fn unwrap<'r>(&mut self, response: &'r mut [u8]) -> Result<Reply<'r>, Error> {
        self.unwrap_in(Order::VerifyThenDecrypt, response)
    }

    /// As [`unwrap`](Self::unwrap), with the same results, faster: R-MAC and decryption run side by side over the data, and
    /// a long answer takes no more time than its R-MAC alone.
    ///
    /// The price is a policy: until this returns, plaintext that nobody has vouched for lies in `response`. When the R-MAC
    /// does not hold, it is wiped before the error is told, but whoever can read this memory meanwhile (another thread, a
    /// debugger, a peripheral) has seen what no key holder approved. [`unwrap`](Self::unwrap) verifies first. Without the
    /// feature `cached-keys`, and at levels without R-ENCRYPTION, the two do the same.
    ///
    /// # Errors
    /// Those of [`unwrap`](Self::unwrap).
    pub fn unwrap_in_one_pass<'r>(&mut self, response: &'r mut [u8]) -> Result<Reply<'r>, Error> {
        self.unwrap_in(Order::OnePass, response)
    }

    fn unwrap_in<'r>(&mut self, order: Order, response: &'r mut [u8]) -> Result<Reply<'r>, Error> {
        let session = self.session.as_mut().ok_or(Error::Closed)?;
        let Phase::Awaiting(next) = self.phase else { return Err(Error::State) };
        let level = self.position.level();
        let unwrapped = session.unwrap_response(level, order, response);
        scrub_message();
        let Unwrapped { data_length, status, authentic } = match unwrapped {
            Ok(unwrapped) => unwrapped,
            Err(error) => {
                self.end();
                return Err(error);
            }
        };
        self.phase = Phase::Ready;
        if status == StatusWord::OK {
            self.position.set_level(next);
        }
        let answer = Response { data: response.get(..data_length).unwrap_or_default(), status };
        Ok(if authentic {
            Reply::Authentic(answer)
        } else if level.has_r_mac() || (data_length == 0 && status.is_error()) {
            Reply::Refused(status)
        } else {
            Reply::Plain(answer)
        })
    }

    /// Writes a wrapped BEGIN R-MAC SESSION into `buffer` and returns it. `salt`, up to 24 octets by custom, reaches the
    /// R-MACs through the chaining value. The level rises when the card has answered `9000` (Amendment D 7.1.3).
    ///
    /// # Errors
    /// [`Error::Level`] where the level cannot be raised so (see [`SecurityLevel::raised`]) or an R-MAC session runs,
    /// [`Error::Apdu`] when salt or buffer do not fit, and those of [`wrap`](Self::wrap). Nothing has changed then.
    pub fn begin_r_mac<'b>(
        &mut self,
        session: RMacSession,
        salt: &[u8],
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        if self.position.level() != self.position.session_level() {
            return Err(Error::Level);
        }
        let next = self.position.level().raised(session).ok_or(Error::Level)?;
        if !self.position.implementation.supports(next) {
            return Err(Error::Level);
        }
        let length = u8::try_from(salt.len()).map_err(|_| gp_apdu::Error::DataTooLong)?;
        let header = Header::new(gp_class(self.position.channel), ins::BEGIN_R_MAC_SESSION, session.octet(), 0x01);
        let mut command = CommandBuf::new(buffer, header, Form::Short)?;
        command.push(&[length])?.push(salt)?;
        self.wrap_towards(&mut command, Some(next))?;
        Ok(command.finish()?)
    }

    /// Writes a wrapped END R-MAC SESSION into `buffer` and returns it. Its own answer still carries the R-MAC; then the
    /// level is that of EXTERNAL AUTHENTICATE again (Amendment D 7.1.4).
    ///
    /// # Errors
    /// [`Error::Level`] when no R-MAC session runs, [`Error::Apdu`] when `buffer` is too small, and those of
    /// [`wrap`](Self::wrap). Nothing has changed then.
    pub fn end_r_mac<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        let next = self.position.session_level();
        if self.position.level() == next {
            return Err(Error::Level);
        }
        let header = Header::new(gp_class(self.position.channel), ins::END_R_MAC_SESSION, 0x00, 0x03);
        let mut command = CommandBuf::new(buffer, header, Form::Short)?;
        command.expect(Le::MAX_SHORT);
        self.wrap_towards(&mut command, Some(next))?;
        Ok(command.finish()?)
    }

    /// The level now: above [`session_level`](Self::session_level) while an R-MAC session runs.
    #[must_use]
    pub const fn level(&self) -> SecurityLevel {
        self.position.level()
    }

    /// The level that EXTERNAL AUTHENTICATE set.
    #[must_use]
    pub const fn session_level(&self) -> SecurityLevel {
        self.position.session_level()
    }

    /// The logical channel that the session belongs to.
    #[must_use]
    pub const fn channel(&self) -> LogicalChannel {
        self.position.channel
    }

    /// S8 or S16; `None` once the channel is dead.
    #[must_use]
    pub fn mode(&self) -> Option<Mode> {
        self.session.as_ref().map(|session| session.mode())
    }

    /// The most octets of plain data that a command of this form can carry now.
    #[must_use]
    pub fn max_command_data(&self, form: Form) -> usize {
        self.mode().map_or(0, |mode| self.position.level().max_command_data(mode, form))
    }

    /// Is a command in flight?
    #[must_use]
    pub fn is_awaiting(&self) -> bool {
        self.session.is_some() && matches!(self.phase, Phase::Awaiting(_))
    }

    /// Is the channel dead?
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.session.is_none()
    }

    /// From now on, that many commands may be wrapped; the next one answers [`Error::MessageLimit`] and sends nothing, so
    /// that it may safely be sent in a new session. Without a call the encryption counter's 32 bits are the limit.
    ///
    /// S8's MACs of 64 bits are a reason for a limit where an attacker can make the host send what he likes; some products choose 2^20.
    pub const fn set_message_limit(&mut self, messages: u32) {
        self.messages_left = messages;
    }

    /// How many commands may still be wrapped.
    #[must_use]
    pub const fn messages_left(&self) -> u32 {
        self.messages_left
    }

    /// Follow these deviations of the device from now on.
    pub const fn set_quirks(&mut self, quirks: Quirks) {
        if let Some(session) = &mut self.session {
            session.set_quirks(quirks);
        }
    }

    /// The session keys, for tools that verify vectors; `None` once the channel is dead.
    #[must_use]
    pub const fn session_keys(&self) -> Option<&SessionKeys> {
        match &self.session {
            Some(session) => Some(&session.keys.raw),
            None => None,
        }
    }

    /// Chaining value and number of the last command, for tools that verify vectors; `None` once the channel is dead.
    #[must_use]
    pub fn chain(&self) -> Option<([u8; 16], u32)> {
        self.session.as_ref().map(|session| (session.chaining.0, session.counter))
    }

    /// Wipes the session. Every later call answers [`Error::Closed`]; closing twice is fine. The card is not told: a new
    /// INITIALIZE UPDATE, a selection or a reset ends its side.
    pub fn close(&mut self) {
        self.end();
    }

    /// [`close`](Self::close), out of the way of messages that hold.
    #[cold]
    #[inline(never)]
    fn end(&mut self) {
        self.session = None;
        scrub_stack();
    }

    /// Ends a channel whose last answer is lost.
    pub fn abandon(mut self) {
        self.close();
    }

    /// The end of this channel and all that is needed to go on with it elsewhere.
    ///
    /// # Errors
    /// [`Error::Closed`] when there is nothing left to save, [`Error::State`] in the middle of changing the level by an
    /// R-MAC session. The channel is gone then too: ask [`is_awaiting`](Self::is_awaiting) before.
    pub fn suspend(mut self) -> Result<State, Error> {
        let session = self.session.as_mut().ok_or(Error::Closed)?;
        let awaiting = match self.phase {
            Phase::Fresh | Phase::Ready => false,
            Phase::Awaiting(next) if next == self.position.level() => true,
            Phase::Awaiting(_) => return Err(Error::State),
        };
        let state = State::join(session, self.position, self.messages_left, awaiting);
        self.end();
        Ok(state)
    }

    /// A channel from a state: saved, or with session keys made elsewhere.
    #[must_use]
    pub fn resume(state: State) -> Self {
        let (awaiting, messages_left) = (state.awaiting, state.messages_left);
        let (session, position) = state.split();
        let mut channel = Self::open(session, position);
        channel.messages_left = messages_left;
        if awaiting {
            channel.phase = Phase::Awaiting(position.level());
        }
        channel
    }
}

impl fmt::Debug for SecureChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecureChannel")
            .field("level", &self.position.level())
            .field("channel", &self.position.channel)
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
