//! A host, a link, and the keys: what every operation works with.

use std::io;

use gp_apdu::{LogicalChannel, Transport};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::diversify::{Diversify, Kdf3};
use gp_cardmanager_model::host::{
    Authenticate, Candidate, CloseChannel, Error, Failure, OpenChannel, Opened, Recorded, Scheme, Select, Task,
    diagnose, run,
};
use gp_scp03::{Challenge, ChallengePolicy, ChallengeVerdict, Challenged, StaticKeys};
use serde_json::json;

use super::arguments::Arguments;
use super::console::Console;
use super::dry_card::duplicate;
use super::outcome::Outcome;
use super::{Host, keys};
use crate::embedded_card::Randomness;

/// Everything that an operation needs.
pub(super) struct Session<'a, 'b, 'w> {
    pub(super) host: Host<'b, 'w>,
    pub(super) link: &'a mut dyn Transport<Error = io::Error>,
    pub(super) arguments: &'a Arguments,
    pub(super) randomness: Randomness,
    /// The keys of this card; `None`: nobody has given any.
    pub(super) keys: Option<StaticKeys>,
    /// They are master keys still.
    pub(super) kdf3: bool,
    /// The AID of what is selected, where the card says it.
    pub(super) selected: Option<Aid>,
}

impl<'w> Session<'_, '_, 'w> {
    pub(super) fn console(&mut self) -> &mut Console<'w> {
        self.host.observer_mut().sink_mut()
    }

    /// Carries out an operation.
    pub(super) fn run<T: Task>(&mut self, task: T) -> Result<T::Output<'_>, Error<io::Error>> {
        run(&mut self.host, &mut self.link, task)
    }

    /// Opens the logical channel that was asked for, unless it is the basic one.
    pub(super) fn open_channel(&mut self) -> Result<(), Outcome> {
        let channel = self.arguments.channel;
        if channel != LogicalChannel::BASIC {
            self.run(OpenChannel::numbered(channel))?;
            self.host.set_channel(channel);
        }
        Ok(())
    }

    /// Ends the session, and closes the logical channel.
    pub(super) fn close_channel(&mut self) -> Result<(), Outcome> {
        self.host.close();
        let channel = self.arguments.channel;
        if channel != LogicalChannel::BASIC {
            self.host.set_channel(LogicalChannel::BASIC);
            self.run(CloseChannel::new(channel))?;
        }
        Ok(())
    }

    /// Selects the security domain.
    pub(super) fn select(&mut self) -> Result<(), Outcome> {
        let arguments = self.arguments;
        let task = arguments.domain.as_ref().map_or(Select::issuer_security_domain(), Select::aid);
        self.selected = self.run(task)?.fci().ok().and_then(|fci| fci.aid()).or(arguments.domain);
        Ok(())
    }

    /// A fresh host challenge.
    pub(super) fn challenge(&mut self) -> Result<Challenge, Outcome> {
        challenge(&mut self.randomness, self.arguments)
    }

    /// Opens the secure channel session. Afterwards `keys` are those of this card.
    pub(super) fn authenticate(&mut self) -> Result<Opened, Outcome> {
        let arguments = self.arguments;
        let challenge = self.challenge()?;
        let Some(keys) = &self.keys else {
            return Err(Outcome::Usage("no keys given: --key, or --enc, --mac and --dek".into()));
        };
        let policy = self.selected.as_ref().map_or(ChallengePolicy::Off, |aid| ChallengePolicy::Warn(aid.as_bytes()));
        let mut own = None;
        let kdf3 = self.kdf3;
        let find = |challenged: &Challenged| -> Result<StaticKeys, Failure> {
            let keys = if kdf3 {
                Kdf3::with_masters(keys).keys(&challenged.info().diversification)?
            } else {
                duplicate(keys)?
            };
            own = Some(duplicate(&keys)?);
            Ok(keys)
        };
        let task = Authenticate::new(challenge, arguments.level, find)
            .with_key_version(arguments.key_version)
            .with_policy(policy);
        match run(&mut self.host, &mut self.link, task) {
            Ok(opened) => {
                self.keys = own;
                self.kdf3 = false;
                if arguments.show_keys {
                    self.show_keys();
                }
                Ok(opened)
            }
            Err(Error::Failure(failure)) => {
                self.host.observer_mut().flush();
                let hint = self.diagnosis(failure);
                Err(Outcome::Session(failure, hint))
            }
            Err(error) => Err(Outcome::session(error)),
        }
    }

    /// Prints the keys, which happens where it was asked for and nowhere else.
    fn show_keys(&mut self) {
        let session = self.host.secure_channel().and_then(|channel| channel.session_keys());
        let Some(shown) = self.keys.as_ref().map(|keys| keys::revealed(keys, session)) else { return };
        let console = self.host.observer_mut().sink_mut();
        console.line("");
        for (name, octets) in &shown {
            console.line(&format!("   {name:<8} {octets}"));
        }
        console.json(&json!({"event": "keys", "keys": keys::to_json(&shown)}));
    }

    /// The domain selected and the session open.
    pub(super) fn open(&mut self) -> Result<Opened, Outcome> {
        self.select()?;
        self.authenticate()
    }

    /// Why the card cryptogram was wrong, found out from the recorded exchange: the card is not asked again.
    fn diagnosis(&self, failure: Failure) -> Option<String> {
        if failure != Failure::Channel(gp_scp03::Error::CardCryptogram) {
            return None;
        }
        let (command, response) = self.host.observer().handshake()?;
        let recorded = Recorded::from_apdus(command, response).ok()?;
        let well_known: Vec<u8> = (0x40..0x60).collect();
        let candidates = [Candidate::Keys(self.keys.as_ref()?), Candidate::Secret(&well_known)];
        let mut found = None;
        let count = diagnose(&recorded, candidates, self.selected.as_ref(), |finding| {
            found.get_or_insert(finding);
        });
        count.ok()?;
        let Some(finding) = found else {
            return Some(
                "Neither these keys, nor the card keys that KDF3 makes of them, nor the customary test keys would have \
                 been right."
                    .into(),
            );
        };
        let bits = finding.length.bits();
        let what = match (finding.candidate, finding.scheme) {
            (0, Scheme::Same) => "these very keys, which the host was told to diversify: leave out --kdf3".to_owned(),
            (0, Scheme::Kdf3) => "the keys that KDF3 makes of them: add --kdf3".to_owned(),
            (0, Scheme::Swapped) => "these keys with Key-ENC and Key-MAC exchanged".to_owned(),
            (_, Scheme::Kdf3) => format!("the customary test keys of {bits} bits, diversified by KDF3"),
            _ => format!("the customary test keys of {bits} bits"),
        };
        let enc = match finding.challenge {
            ChallengeVerdict::Matches => " The card challenge proves Key-ENC as well.",
            _ => "",
        };
        Some(format!("The same answer would have been right with {what}.{enc}"))
    }
}

/// A fresh challenge in the mode asked for.
pub(super) fn challenge(randomness: &mut Randomness, arguments: &Arguments) -> Result<Challenge, Outcome> {
    let mut octets = [0; 16];
    let octets = octets.get_mut(..arguments.implementation.mode().octets()).unwrap_or_default();
    randomness.fill(octets).map_err(Outcome::NoCard)?;
    Challenge::new(octets).map_err(|error| Outcome::Session(error.into(), None))
}
