//! INITIALIZE UPDATE and EXTERNAL AUTHENTICATE: opening a session (Amendment D 5.4).
//!
//! ```text
//!  start        -- INITIALIZE UPDATE -->
//!               <- key information, challenge, cryptogram --      the keys are asked for now
//!  challenged   -- EXTERNAL AUTHENTICATE -->                      only if the card cryptogram is right
//!               <- 9000 --
//!  open            the channel is in the slot
//! ```

use core::fmt;

use gp_scp03::{Challenge, ChallengePolicy, Challenged, KeySource, Quirks, Reply, SecurityLevel};

use super::handshake::Handshake;
use super::{Cover, Draft, Failure, Guard, Opened, Slot, Step, Task};

/// Opens a session with the selected application: exactly one INITIALIZE UPDATE, at most one EXTERNAL AUTHENTICATE.
///
/// `F` is a function from what the card says of its keys to the keys: a reference to [`StaticKeys`](gp_scp03::StaticKeys),
/// keys derived on the spot, a security module. It is called once, when the card has answered. It may answer
/// [`Failure::Stopped`], and then nothing more is sent.
///
/// Nothing is selected and nothing read beforehand, nothing is retried. After a failure the card may have counted an
/// attempt; a [`Guard`] counts along, and [`diagnose`](super::diagnose) finds out without the card which keys would have
/// been right.
///
/// ```no_run
/// # use gp_cardmanager_model::host::{Authenticate, Error, Host, run};
/// # fn f<X: gp_apdu::Transport>(host: &mut Host<'_>, link: &mut X, random: [u8; 8]) -> Result<(), Error<X::Error>> {
/// use gp_scp03::{Challenge, SecurityLevel, StaticKeys};
///
/// let keys = StaticKeys::same(&[0x40; 16])?;
/// let opened = run(host, link, Authenticate::new(Challenge::new(&random)?, SecurityLevel::Full, |_| Ok(&keys)))?;
/// assert_eq!(opened.level, SecurityLevel::Full);
/// # Ok(())
/// # }
/// ```
pub struct Authenticate<'a, F> {
    handshake: Handshake<'a>,
    keys: Option<F>,
    guard: Option<&'a mut Guard>,
}

impl<'a, F, K> Authenticate<'a, F>
where
    F: FnOnce(&Challenged) -> Result<K, Failure>,
    K: KeySource,
{
    /// A session at this level with the first key set of the card. The challenge must be fresh, from a generator that
    /// nobody can foresee; its length is the mode, 8 octets for S8, 16 for S16.
    pub const fn new(challenge: Challenge, level: SecurityLevel, keys: F) -> Self {
        Self { handshake: Handshake::new(challenge, level), keys: Some(keys), guard: None }
    }

    /// With this key version and no other. 00 is the first key set of the card. Any number is sent as it is but `FF`, the
    /// version that cards list initial keys under, and do not know by that name: it is asked for as 00, and a card that
    /// answers with another version then is refused ([`OtherKeyVersion`](gp_scp03::Error::OtherKeyVersion)).
    #[must_use]
    pub fn with_key_version(mut self, key_version: u8) -> Self {
        self.handshake.key_version = key_version;
        self
    }

    /// Checks a pseudo-random card challenge so (Amendment D 6.2.2.1).
    #[must_use]
    pub fn with_policy(mut self, policy: ChallengePolicy<'a>) -> Self {
        self.handshake.policy = policy;
        self
    }

    /// Lets the session protect so many commands and no more.
    #[must_use]
    pub fn with_message_limit(mut self, messages: u32) -> Self {
        self.handshake.message_limit = Some(messages);
        self
    }

    /// Follows deviations of the device in this session.
    #[must_use]
    pub fn with_quirks(mut self, quirks: Quirks) -> Self {
        self.handshake.quirks = quirks;
        self
    }

    /// Counts the attempt with this guard, which may stop it ([`Failure::Stopped`]) before anything is sent.
    #[must_use]
    pub fn guarded(mut self, guard: &'a mut Guard) -> Self {
        self.guard = Some(guard);
        self
    }
}

impl<F, K> Task for Authenticate<'_, F>
where
    F: FnOnce(&Challenged) -> Result<K, Failure>,
    K: KeySource,
{
    type Output<'r> = Opened;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        if self.handshake.is_at_start()
            && let Some(guard) = &mut self.guard
        {
            guard.attempt()?;
        }
        let keys = &mut self.keys;
        self.handshake.command(draft, |challenged| keys.take().ok_or(Failure::State)?(challenged))
    }

    fn reply(&mut self, reply: Reply<'_>, slot: &mut Slot) -> Result<Step, Failure> {
        let step = self.handshake.reply(reply, slot);
        if let Some(guard) = &mut self.guard {
            guard.note(step);
        }
        step
    }

    fn output(self, _: &[u8]) -> Result<Opened, Failure> {
        self.handshake.opened()
    }
}

impl<F> fmt::Debug for Authenticate<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("key_version", &self.handshake.key_version)
            .field("level", &self.handshake.level)
            .field("stage", &self.handshake.describe())
            .finish_non_exhaustive()
    }
}
