//! INITIALIZE UPDATE and EXTERNAL AUTHENTICATE: opening a session (Amendment D 5.4).
//!
//! ```text
//!  Start       -- INITIALIZE UPDATE -->
//!  Sent        <- key information, challenge, cryptogram --      the keys are asked for now
//!  Challenged  -- EXTERNAL AUTHENTICATE -->                      only if the card cryptogram is right
//!  Proved      <- 9000 --
//!  Over           the channel is in the slot
//! ```

use core::fmt;

use gp_apdu::{Response, StatusWord, ins};
use gp_scp03::{
    Authenticating, Challenge, ChallengePolicy, ChallengeVerdict, Challenged, Initiator, KeySetInfo, KeySource, Quirks,
    Reply, SecurityLevel,
};

use super::{Cover, Draft, Failure, Refusal, Slot, Step, Task};

/// Opens a session with the selected application: exactly one INITIALIZE UPDATE, at most one EXTERNAL AUTHENTICATE.
///
/// `F` is a function from what the card says of its keys to the keys: a reference to [`StaticKeys`](gp_scp03::StaticKeys),
/// keys derived on the spot, a security module. It is called once, when the card has answered. It may answer
/// [`Failure::Stopped`], and then nothing more is sent.
///
/// Nothing is selected and nothing read beforehand, nothing is retried: after a failure a card may have counted an attempt
/// ([`Guard`](super::Guard) counts along).
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
    challenge: Challenge,
    key_version: u8,
    level: SecurityLevel,
    policy: ChallengePolicy<'a>,
    message_limit: Option<u32>,
    quirks: Quirks,
    keys: Option<F>,
    stage: Stage,
}

#[allow(clippy::large_enum_variant, reason = "the session keys must lie somewhere, and there is no heap")]
enum Stage {
    Start,
    Sent(Initiator),
    Challenged(Challenged),
    Proved(Authenticating),
    Over(Opened),
    Failed,
}

/// An open session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opened {
    /// What the card says of the key set that the session was opened with.
    pub info: KeySetInfo,
    /// What the check of the card challenge found.
    pub challenge: ChallengeVerdict,
    /// The level of the session: the one asked for.
    pub level: SecurityLevel,
}

impl<'a, F, K> Authenticate<'a, F>
where
    F: FnOnce(&Challenged) -> Result<K, Failure>,
    K: KeySource,
{
    /// A session at this level with the first key set of the card. The challenge must be fresh, from a generator that
    /// nobody can foresee; its length is the mode, 8 octets for S8, 16 for S16.
    pub const fn new(challenge: Challenge, level: SecurityLevel, keys: F) -> Self {
        Self {
            challenge,
            key_version: 0,
            level,
            policy: ChallengePolicy::Off,
            message_limit: None,
            quirks: Quirks::NONE,
            keys: Some(keys),
            stage: Stage::Start,
        }
    }

    /// With this key version and no other. 00 is the first key set of the card. Any number is sent as it is; an initial
    /// key set that a card lists as `FF` is on many cards reached by 00 only.
    #[must_use]
    pub fn with_key_version(self, key_version: u8) -> Self {
        Self { key_version, ..self }
    }

    /// Checks a pseudo-random card challenge so (Amendment D 6.2.2.1).
    #[must_use]
    pub fn with_policy(self, policy: ChallengePolicy<'a>) -> Self {
        Self { policy, ..self }
    }

    /// Lets the session protect so many commands and no more.
    #[must_use]
    pub fn with_message_limit(self, messages: u32) -> Self {
        Self { message_limit: Some(messages), ..self }
    }

    /// Follows deviations of the device in this session.
    #[must_use]
    pub fn with_quirks(self, quirks: Quirks) -> Self {
        Self { quirks, ..self }
    }
}

impl<F, K> Task for Authenticate<'_, F>
where
    F: FnOnce(&Challenged) -> Result<K, Failure>,
    K: KeySource,
{
    type Output<'r> = Opened;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        match core::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Start => {
                let initiator = Initiator::new(self.challenge, draft.channel(), self.key_version);
                draft.whole(|buffer| Ok(initiator.initialize_update(buffer)?.len()))?;
                self.stage = Stage::Sent(initiator);
            }
            Stage::Challenged(challenged) => {
                let find = self.keys.take().ok_or(Failure::State)?;
                let mut keys = find(&challenged)?;
                let (level, policy) = (self.level, self.policy);
                let mut proved = None;
                draft.whole(|buffer| {
                    let (authenticating, octets) = challenged.authenticate(&mut keys, level, policy, buffer)?;
                    proved = Some(authenticating);
                    Ok(octets.len())
                })?;
                self.stage = Stage::Proved(proved.ok_or(Failure::State)?);
            }
            _ => return Err(Failure::State),
        }
        Ok(Cover::Handshake)
    }

    fn reply(&mut self, reply: Reply<'_>, slot: &mut Slot) -> Result<Step, Failure> {
        let response = match reply {
            Reply::Authentic(response) | Reply::Plain(response) => response,
            Reply::Refused(status) => Response { data: &[], status },
        };
        match core::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Sent(initiator) => {
                let challenged = initiator.challenged(response);
                self.stage = Stage::Challenged(challenged.map_err(|error| refused(ins::INITIALIZE_UPDATE, error))?);
                Ok(Step::Again)
            }
            Stage::Proved(authenticating) => {
                let (info, challenge) = (*authenticating.info(), authenticating.challenge());
                let confirmed = authenticating.confirmed(response);
                let mut channel = confirmed.map_err(|error| refused(ins::EXTERNAL_AUTHENTICATE, error))?;
                if let Some(limit) = self.message_limit {
                    channel.set_message_limit(limit);
                }
                channel.set_quirks(self.quirks);
                let level = channel.session_level();
                slot.install(channel);
                self.stage = Stage::Over(Opened { info, challenge, level });
                Ok(Step::Done)
            }
            _ => Err(Failure::State),
        }
    }

    fn output(self, _: &[u8]) -> Result<Opened, Failure> {
        match self.stage {
            Stage::Over(opened) => Ok(opened),
            _ => Err(Failure::State),
        }
    }
}

/// A status word is told together with the command that it answers.
fn refused(instruction: u8, error: gp_scp03::Error) -> Failure {
    match error {
        gp_scp03::Error::Status(status) if status != StatusWord::OK => {
            Failure::Refused(Refusal::new(instruction, status))
        }
        error => Failure::Channel(error),
    }
}

impl<F> fmt::Debug for Authenticate<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Start => "start",
            Stage::Sent(_) => "INITIALIZE UPDATE is under way",
            Stage::Challenged(_) => "challenged",
            Stage::Proved(_) => "EXTERNAL AUTHENTICATE is under way",
            Stage::Over(_) => "open",
            Stage::Failed => "failed",
        };
        f.debug_struct("Authenticate")
            .field("key_version", &self.key_version)
            .field("level", &self.level)
            .field("stage", &stage)
            .finish_non_exhaustive()
    }
}
