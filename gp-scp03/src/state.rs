//! A session as data: to carry on elsewhere, or to start from session keys that were made elsewhere.

use core::fmt;

use gp_apdu::LogicalChannel;

use crate::session::{Session, SessionKeys};
use crate::{Implementation, Mode, Quirks, SecurityLevel};

/// Everything an open session consists of. Who holds it *is* one end of the session: store it encrypted or not at all, and never resume it twice.
///
/// It comes from [`SecureChannel::suspend`](crate::SecureChannel::suspend) or
/// [`Responder::suspend`](crate::Responder::suspend), which end their session, or from session keys of another origin:
/// a security module that derives them, SCP11, or a vector file.
///
/// ```compile_fail,E0599
/// # fn f(state: gp_scp03::State) {
/// let fork = state.clone(); // a chain with two ends would use an ICV twice
/// # }
/// ```
pub struct State {
    /// S-ENC, S-MAC, S-RMAC.
    pub keys: SessionKeys,
    /// S8 or S16.
    pub mode: Mode,
    /// The MAC chaining value: the whole C-MAC of the last command, EXTERNAL AUTHENTICATE included.
    pub chaining_value: [u8; 16],
    /// The number of the last command; 0 after EXTERNAL AUTHENTICATE.
    pub counter: u32,
    /// The level of EXTERNAL AUTHENTICATE.
    pub session_level: SecurityLevel,
    /// The level now: above `session_level` while an R-MAC session runs.
    pub level: SecurityLevel,
    /// What the card supports; a card refuses BEGIN R-MAC SESSION by it.
    pub implementation: Implementation,
    /// The logical channel that the session belongs to.
    pub channel: LogicalChannel,
    /// Deviations in force.
    pub quirks: Quirks,
    /// How many commands the host may still wrap; a card does not look at it.
    pub messages_left: u32,
    /// A command is under way: the host has not seen its answer, the card has not given it.
    pub awaiting: bool,
}

impl State {
    /// A state right after EXTERNAL AUTHENTICATE at this level: counter 0, no command under way, no quirks, basic channel, `i` of everything in this mode.
    #[must_use]
    pub fn new(keys: SessionKeys, mode: Mode, level: SecurityLevel, chaining_value: [u8; 16]) -> Self {
        let i = match mode {
            Mode::S8 => 0x70,
            Mode::S16 => 0x71,
        };
        Self {
            keys,
            mode,
            chaining_value,
            counter: 0,
            session_level: level,
            level,
            implementation: Implementation::new(i),
            channel: LogicalChannel::BASIC,
            quirks: Quirks::NONE,
            messages_left: u32::MAX,
            awaiting: false,
        }
    }

    pub(crate) fn split(self) -> (Session, Position) {
        let mut session = Session::new(self.keys, self.mode);
        session.chaining.0 = self.chaining_value;
        session.counter = self.counter;
        session.set_quirks(self.quirks);
        let mut position = Position::new(self.session_level, self.implementation, self.channel);
        position.set_level(self.level);
        (session, position)
    }

    pub(crate) const fn join(session: &mut Session, position: Position, messages_left: u32, awaiting: bool) -> Self {
        Self {
            keys: session.keys.raw.take(),
            mode: session.mode(),
            chaining_value: session.chaining.0,
            counter: session.counter,
            session_level: position.session_level(),
            level: position.level(),
            implementation: position.implementation,
            channel: position.channel,
            quirks: session.quirks(),
            messages_left,
            awaiting,
        }
    }
}

/// Where a session stands, beside its keys: what both ends keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    /// The level now, and that of EXTERNAL AUTHENTICATE: a level uses b1, b2, b5 and b6 of its octet, so the other one
    /// finds room two bits higher.
    levels: u8,
    pub(crate) implementation: Implementation,
    pub(crate) channel: LogicalChannel,
}

impl Position {
    /// Right after EXTERNAL AUTHENTICATE at this level.
    pub(crate) const fn new(level: SecurityLevel, implementation: Implementation, channel: LogicalChannel) -> Self {
        let levels = level.octet() | level.octet() << 2;
        Self { levels, implementation, channel }
    }

    /// The level now.
    #[inline]
    pub(crate) const fn level(&self) -> SecurityLevel {
        Self::level_in(self.levels)
    }

    /// The level of EXTERNAL AUTHENTICATE.
    pub(crate) const fn session_level(&self) -> SecurityLevel {
        Self::level_in(self.levels >> 2)
    }

    pub(crate) const fn set_level(&mut self, level: SecurityLevel) {
        self.levels = self.levels & !0x33 | level.octet();
    }

    const fn level_in(octet: u8) -> SecurityLevel {
        match SecurityLevel::from_octet(octet & 0x33) {
            Some(level) => level,
            // Only levels are put in. Were one wrong, everything would be protected.
            None => SecurityLevel::Full,
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("mode", &self.mode)
            .field("level", &self.level)
            .field("counter", &self.counter)
            .field("channel", &self.channel)
            .field("awaiting", &self.awaiting)
            .finish_non_exhaustive()
    }
}
