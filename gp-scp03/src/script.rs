//! A session prepared without its card: commands protected ahead of time, answers verified later.
//!
//! ```text
//!  at the server, no card                         in the field, no keys
//!  Script::new      EXTERNAL AUTHENTICATE  --.    INITIALIZE UPDATE   -->
//!    wrap           command 1              --+->  answer as foreseen? <--   no: stop, before the card counts an attempt
//!    wrap           command 2              --+    EXTERNAL AUTHENTICATE, command 1, command 2 -->
//!    ...                                     |    answers             <--
//!    unwrap         <- answers, any time ----'
//! ```
//!
//! A card whose challenge is pseudo-random (`i` bit 10, Amendment D 6.2.2.1) can be foreseen by who has its keys and knows
//! its sequence counter. Protected commands depend on commands alone: the chaining value is never that of an answer. So
//! all of a session's commands can be made before it begins.
//!
//! **A script is as good as the keys for one session.** Whoever has it can play it once, to that card, while the card's
//! counter stands there; at level `01` it shows what it says. Replay is prevented by the counter alone: never make two
//! scripts of different commands for one counter value and one host challenge, since they would share their ICVs.

use core::fmt;

use gp_apdu::{CommandBuf, Form, Header, LogicalChannel, SecureMessaging, ins};
use zeroize::Zeroize;

use crate::challenge::{Challenge, SequenceCounter};
use crate::cmac::under;
use crate::command::wrap_authentication;
use crate::message::gp_class;
use crate::response::{Order, Unwrapped};
use crate::scrub::scrub_message;
use crate::session::{Session, SessionKeys, cryptograms};
use crate::{Error, Implementation, KeySource, Reply, SecurityLevel};

/// What is known of a card before it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The key version number that the keys have.
    pub key_version: u8,
    /// The `i` parameter; it must say that the challenge is pseudo-random.
    pub implementation: Implementation,
    /// The value of the key set's sequence counter that the session will get: one more than that of the last INITIALIZE UPDATE.
    pub sequence: SequenceCounter,
    /// The AID of the application that is asked, 5 to 16 octets: part of what its challenge is derived from.
    pub aid: &'a [u8],
    /// The logical channel that the script will be sent on.
    pub channel: LogicalChannel,
}

/// The host's end of a session that has not begun: it only wraps. Neither does it wait for answers: each command has a
/// [`ReplyKey`], with which its answer is verified when it comes.
pub struct Script {
    session: Session,
    level: SecurityLevel,
    channel: LogicalChannel,
    foreseen: Foreseen,
}

/// What the card will answer to INITIALIZE UPDATE, behind its diversification data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreseen {
    octets: [u8; 38],
    length: usize,
}

impl Foreseen {
    /// Key version number, `03`, `i`, card challenge, card cryptogram, sequence counter: 22 octets, in S16 mode 38.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }

    /// Is this the data of the answer that was foreseen? Anything else, and EXTERNAL AUTHENTICATE must not be sent: the card
    /// would count a failed attempt.
    #[must_use]
    pub fn matches(&self, answer: &[u8]) -> bool {
        // All of it travels in the open.
        answer.split_at_checked(10).is_some_and(|(_, rest)| rest == self.octets())
    }
}

/// What the answer to one command of a script is verified and decrypted with, beside the session keys. Useless without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyKey {
    /// The MAC chaining value: the whole C-MAC of the command.
    pub chaining_value: [u8; 16],
    /// The number of the command.
    pub counter: u32,
}

impl Script {
    /// Opens the session on paper and writes EXTERNAL AUTHENTICATE (21 or 37 octets) into `buffer`. The host challenge is
    /// from the caller's generator, a fresh one for each script, and goes into the INITIALIZE UPDATE to be sent.
    ///
    /// # Errors
    /// [`Error::CardChallenge`] when `i` says that the challenge cannot be foreseen, [`Error::OtherMode`] when the host
    /// challenge is not of the mode of `i`, [`Error::Level`], [`Error::AidLength`], what the key source answers,
    /// [`Error::Apdu`] when `buffer` is too small.
    pub fn new<'b>(
        keys: &mut impl KeySource,
        target: &Target<'_>,
        host: &Challenge,
        level: SecurityLevel,
        buffer: &'b mut [u8],
    ) -> Result<(Self, &'b mut [u8]), Error> {
        let i = target.implementation;
        if !i.has_pseudo_random_challenge() {
            return Err(Error::CardChallenge);
        }
        if host.mode() != i.mode() {
            return Err(Error::OtherMode);
        }
        if !i.supports(level) {
            return Err(Error::Level);
        }
        let card = Challenge::derived(keys, host.mode(), target.sequence, target.aid)?;
        let session_keys = SessionKeys::derive(keys, host, &card)?;
        let (foreseen, chaining, octets) = under(session_keys.engine(), &session_keys.mac, |mac| {
            let (card_cryptogram, host_cryptogram) = cryptograms(mac, host, &card)?;
            let mut foreseen = Foreseen { octets: [0; 38], length: 0 };
            let information = [target.key_version, 0x03, i.octet()];
            let sequence = target.sequence.octets();
            let parts: [&[u8]; 4] = [&information, card.octets(), card_cryptogram.octets(), &sequence];
            foreseen.octets.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
            foreseen.length = parts.iter().map(|part| part.len()).sum();
            let header = Header::new(gp_class(target.channel), ins::EXTERNAL_AUTHENTICATE, level.octet(), 0);
            let mut command = CommandBuf::new(buffer, header, Form::Short)?;
            command.push(host_cryptogram.octets())?;
            let chaining = wrap_authentication(mac, host.mode(), &mut command)?;
            Ok((foreseen, chaining, command.finish()?))
        })
        .unwrap_or(Err(Error::KeyLength))?;
        let mut session = Session::new(session_keys, host.mode());
        session.chaining = chaining;
        Ok((Self { session, level, channel: target.channel, foreseen }, octets))
    }

    /// What the card will answer to INITIALIZE UPDATE.
    #[must_use]
    pub const fn foreseen(&self) -> &Foreseen {
        &self.foreseen
    }

    /// Protects the next command in place, as [`SecureChannel::wrap`](crate::SecureChannel::wrap) does.
    ///
    /// # Errors
    /// Nothing has changed after any of them: [`Error::CounterExhausted`], [`Error::Class`] for another logical channel or
    /// a class that announces secure messaging already or cannot, [`Error::Apdu`] for a command to be chained, when the
    /// protected command fits neither form nor buffer, or Le not the form. [`Error::KeySource`] when the engine of the session
    /// keys failed (feature `external-aes`): the data of the command is wiped, the script is where it was.
    pub fn wrap(&mut self, command: &mut CommandBuf<'_>) -> Result<ReplyKey, Error> {
        self.check(command)?;
        if self.level.has_c_mac() {
            let wrapped = self.session.wrap_command(self.level, command);
            scrub_message();
            wrapped?;
        }
        self.ask_for_the_most(command);
        Ok(self.reply_key())
    }

    /// The next command of each of several scripts, side by side: where one script waits for its own last block, the others
    /// use the processor. Eight of the same key length, whose commands are alike and of some length (239 octets), take two
    /// thirds of the time, where the processor has vectors of AES and the program is built with one codegen unit. Short commands
    /// gain nothing, since they overlap by themselves, and wait until all are checked.
    ///
    /// # Errors
    /// Those of [`wrap`](Self::wrap) for the first script that has one; nothing has changed then, in none of them.
    pub fn wrap_each<const N: usize>(
        mut scripts: [&mut Self; N],
        mut commands: [&mut CommandBuf<'_>; N],
    ) -> Result<[ReplyKey; N], Error> {
        for (script, command) in scripts.iter().zip(&commands) {
            script.check(command)?;
        }
        let sessions = scripts.each_mut().map(|script| (&mut script.session, script.level));
        let wrapped = Session::wrap_commands(sessions, commands.each_mut().map(|command| &mut **command));
        scrub_message();
        wrapped?;
        for (script, command) in scripts.iter().zip(&mut commands) {
            script.ask_for_the_most(command);
        }
        Ok(scripts.map(|script| script.reply_key()))
    }

    fn check(&self, command: &CommandBuf<'_>) -> Result<(), Error> {
        let class = command.header().cla;
        let plain = class.coding().is_some() && class.secure_messaging() == SecureMessaging::None;
        if !plain || class.channel() != self.channel {
            return Err(Error::Class);
        }
        if matches!(command.form(), Form::Chained(_)) {
            return Err(gp_apdu::Error::Chained.into());
        }
        if command.le() > Some(command.form().max_le()) {
            return Err(gp_apdu::Error::LeTooLarge.into());
        }
        Ok(())
    }

    /// The answer grows by an R-MAC.
    fn ask_for_the_most(&self, command: &mut CommandBuf<'_>) {
        if self.level.has_r_mac() && command.le().is_some() {
            let most = command.form().max_le();
            command.expect(most);
        }
    }

    const fn reply_key(&self) -> ReplyKey {
        ReplyKey { chaining_value: self.session.chaining.0, counter: self.session.counter }
    }

    /// Verifies and decrypts in place the answer to the command that `key` came with, in any order and as often as one likes.
    ///
    /// # Errors
    /// [`Error::Security`] when it is no such answer. The script is not closed by it: nobody waits for its next step.
    pub fn unwrap<'r>(&mut self, key: &ReplyKey, response: &'r mut [u8]) -> Result<Reply<'r>, Error> {
        let mut chaining_value = core::mem::replace(&mut self.session.chaining.0, key.chaining_value);
        let counter = core::mem::replace(&mut self.session.counter, key.counter);
        let unwrapped = self.session.unwrap_response(self.level, Order::VerifyThenDecrypt, response);
        scrub_message();
        self.session.chaining.0 = chaining_value;
        self.session.counter = counter;
        chaining_value.as_mut_slice().zeroize();
        let Unwrapped { data_length, status, authentic } = unwrapped?;
        let answer = gp_apdu::Response { data: response.get(..data_length).unwrap_or_default(), status };
        Ok(if authentic {
            Reply::Authentic(answer)
        } else if self.level.has_r_mac() || (status.is_error() && data_length == 0) {
            Reply::Refused(status)
        } else {
            Reply::Plain(answer)
        })
    }

    /// The session keys, to be kept where answers will be verified: with them and a [`ReplyKey`],
    /// [`State`](crate::State) makes the end of a session that awaits that answer.
    #[must_use]
    pub const fn session_keys(&self) -> &SessionKeys {
        &self.session.keys.raw
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("level", &self.level).field("foreseen", &self.foreseen).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
