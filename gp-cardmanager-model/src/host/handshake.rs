//! The two commands that open a session, as every operation that opens one sends them.

use gp_apdu::{Response, StatusWord, ins};
use gp_scp03::{
    Authenticating, Challenge, ChallengePolicy, ChallengeVerdict, Challenged, Initiator, KeySetInfo, KeySource, Quirks,
    Reply, SecurityLevel,
};

use super::{Cover, Draft, Failure, Refusal, Slot, Step};

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

/// The version under which cards list keys that they left the factory with. It cannot be named: version 00 reaches them,
/// where they are the card's first.
const INITIAL: u8 = 0xFF;

/// A session to be opened, without the keys.
pub(super) struct Handshake<'a> {
    pub(super) challenge: Challenge,
    pub(super) key_version: u8,
    pub(super) level: SecurityLevel,
    pub(super) policy: ChallengePolicy<'a>,
    pub(super) message_limit: Option<u32>,
    pub(super) quirks: Quirks,
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

impl<'a> Handshake<'a> {
    pub(super) const fn new(challenge: Challenge, level: SecurityLevel) -> Self {
        Self {
            challenge,
            key_version: 0,
            level,
            policy: ChallengePolicy::Off,
            message_limit: None,
            quirks: Quirks::NONE,
            stage: Stage::Start,
        }
    }

    /// INITIALIZE UPDATE first. `find` is called for EXTERNAL AUTHENTICATE alone.
    pub(super) fn command<K: KeySource>(
        &mut self,
        draft: &mut Draft<'_>,
        find: impl FnOnce(&Challenged) -> Result<K, Failure>,
    ) -> Result<Cover, Failure> {
        match core::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Start => {
                let named = if self.key_version == INITIAL { 0x00 } else { self.key_version };
                let initiator = Initiator::new(self.challenge, draft.channel(), named);
                draft.whole(|buffer| Ok(initiator.initialize_update(buffer)?.len()))?;
                self.stage = Stage::Sent(initiator);
            }
            Stage::Challenged(challenged) => {
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

    /// `Again` after INITIALIZE UPDATE, `Done` when the channel is in the slot.
    pub(super) fn reply(&mut self, reply: Reply<'_>, slot: &mut Slot) -> Result<Step, Failure> {
        let response = match reply {
            Reply::Authentic(response) | Reply::Plain(response) => response,
            Reply::Refused(status) => Response { data: &[], status },
        };
        match core::mem::replace(&mut self.stage, Stage::Failed) {
            Stage::Sent(initiator) => {
                let challenged = initiator.challenged(response);
                let challenged = challenged.map_err(|error| refused(ins::INITIALIZE_UPDATE, error))?;
                let answered = challenged.info().key_version;
                if self.key_version == INITIAL && answered != INITIAL {
                    return Err(Failure::Channel(gp_scp03::Error::OtherKeyVersion(answered)));
                }
                self.stage = Stage::Challenged(challenged);
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
                slot.install_opened(channel, info.key_version);
                self.stage = Stage::Over(Opened { info, challenge, level });
                Ok(Step::Done)
            }
            _ => Err(Failure::State),
        }
    }

    /// Is the next command INITIALIZE UPDATE?
    pub(super) const fn is_at_start(&self) -> bool {
        matches!(self.stage, Stage::Start)
    }

    /// The open session.
    pub(super) const fn opened(&self) -> Result<Opened, Failure> {
        match self.stage {
            Stage::Over(opened) => Ok(opened),
            _ => Err(Failure::State),
        }
    }

    /// Where it stands, in words.
    pub(super) const fn describe(&self) -> &'static str {
        match self.stage {
            Stage::Start => "start",
            Stage::Sent(_) => "INITIALIZE UPDATE is under way",
            Stage::Challenged(_) => "challenged",
            Stage::Proved(_) => "EXTERNAL AUTHENTICATE is under way",
            Stage::Over(_) => "open",
            Stage::Failed => "failed",
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
