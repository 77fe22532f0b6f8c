//! Why did authentication fail? Answered from a recording, without the card.
//!
//! ```text
//!  recorded   80 50 kvn 00 08 host challenge    answer: data | KVN 03 i | card challenge | card cryptogram
//!                                |                                            |                 |
//!  candidate  keys, master keys, secrets  -->  session S-MAC  -->  card cryptogram  == ?  -----+
//! ```
//!
//! The card cryptogram depends on Key-MAC alone, so a match proves that key. Key-ENC shows where the card challenge is
//! pseudo-random and the AID is known. Nothing that a card sends before a session depends on Key-DEK.

use gp_apdu::{Command, LogicalChannel, Response, StatusWord};
use gp_scp03::{
    Challenge, ChallengePolicy, ChallengeVerdict, Error, InitializeUpdate, Initiator, Key, KeyId, KeyLength,
    KeySetInfo, SecurityLevel, StaticKeys,
};

use crate::aid::Aid;
use crate::diversify::{Diversify, Kdf3};

/// One INITIALIZE UPDATE and its answer, as they went over the wire.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    host_challenge: Challenge,
    answer: &'a [u8],
}

impl<'a> Recorded<'a> {
    /// A recording from the host challenge and the data of the answer, without status word.
    ///
    /// # Errors
    /// What is wrong with the answer, whatever the keys: [`Error::OtherProtocol`] for a card that speaks another one,
    /// [`Error::Malformed`], [`Error::OtherMode`].
    pub fn new(host_challenge: Challenge, answer: &'a [u8]) -> Result<Self, Error> {
        let recorded = Self { host_challenge, answer };
        recorded.challenged()?;
        Ok(recorded)
    }

    /// A recording from whole APDUs, as an [`Observer`](super::Observer) sees them.
    ///
    /// # Errors
    /// Those of [`new`](Self::new); [`Error::Apdu`] and [`Error::ChallengeLength`] for octets that are no such exchange;
    /// [`Error::Status`] when the card refused: there is nothing to compare then.
    pub fn from_apdus(command: &[u8], response: &'a [u8]) -> Result<Self, Error> {
        let command = Command::parse(command)?;
        if !InitializeUpdate::is(command.header) {
            return Err(Error::ChallengeLength);
        }
        let response = Response::parse(response)?;
        if response.status != StatusWord::OK {
            return Err(Error::Status(response.status));
        }
        Self::new(Challenge::new(command.data)?, response.data)
    }

    /// What the card says of the key set that it answered with.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn info(&self) -> Result<KeySetInfo, Error> {
        Ok(*self.challenged()?.info())
    }

    fn challenged(&self) -> Result<gp_scp03::Challenged, Error> {
        // Any key version: it is the answer that counts.
        let initiator = Initiator::new(self.host_challenge, LogicalChannel::BASIC, 0);
        initiator.challenged(Response { data: self.answer, status: StatusWord::OK })
    }

    /// Would these keys have made the card cryptogram? `Some` says what their Key-ENC makes of the card challenge.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn fits(&self, keys: &StaticKeys, aid: Option<&Aid>) -> Result<Option<ChallengeVerdict>, Error> {
        let policy = aid.map_or(ChallengePolicy::Off, |aid| ChallengePolicy::Warn(aid.as_bytes()));
        // The real check, as it is made before EXTERNAL AUTHENTICATE; what it writes goes nowhere.
        let mut unsent = [0; 64];
        let mut keys = keys;
        match self.challenged()?.authenticate(&mut keys, SecurityLevel::Authenticated, policy, &mut unsent) {
            Ok((authenticating, _)) => Ok(Some(authenticating.challenge())),
            Err(Error::CardCryptogram) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Keys that may be the right ones.
pub enum Candidate<'c> {
    /// A key set: as it is, and as master keys of KDF3.
    Keys(&'c StaticKeys),
    /// A secret of 16, 24 or 32 octets or more: its first 16, 24 and 32 octets, each as all three keys and as the master
    /// key of KDF3.
    Secret(&'c [u8]),
    /// A scheme of the caller's.
    Own(&'c mut dyn Diversify),
}

impl core::fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Keys(_) => "Keys(..)",
            Self::Secret(_) => "Secret(..)",
            Self::Own(_) => "Own(..)",
        })
    }
}

/// How a candidate becomes the keys of a card.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Scheme {
    /// Not at all: the card has these keys.
    Same,
    /// By [`Kdf3`].
    Kdf3,
    /// By the scheme of the caller.
    Own,
    /// Not at all, with Key-ENC and Key-MAC in each other's place: the two were mixed up.
    Swapped,
}

/// A candidate that would have been right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Which candidate, counted from 0.
    pub candidate: usize,
    /// Which scheme.
    pub scheme: Scheme,
    /// The length of the keys.
    pub length: KeyLength,
    /// What Key-ENC makes of the card challenge: `Matches` proves it, `Differs` means another Key-ENC or another AID.
    pub challenge: ChallengeVerdict,
}

/// Tries candidates on a recorded exchange, offline: the card is not asked, no attempt is counted. Calls `found` for each
/// match, and answers how many there were.
///
/// `aid` is that of the selected application, to check a pseudo-random card challenge with.
///
/// ```
/// use gp_cardmanager_model::host::{Candidate, Recorded, Scheme, diagnose};
///
/// // Recorded with a card whose three keys are 40 41 .. 4F.
/// let command = [0x80, 0x50, 0, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 0];
/// let mut response = [0; 31];
/// response[10..13].copy_from_slice(&[0x01, 0x03, 0x60]);
/// response[13..21].copy_from_slice(&[0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F]);
/// response[21..29].copy_from_slice(&[0x11, 0x4F, 0x6B, 0xC5, 0x05, 0x2C, 0x52, 0x28]);
/// response[29..].copy_from_slice(&[0x90, 0x00]);
///
/// let recorded = Recorded::from_apdus(&command, &response)?;
/// let well_known: [u8; 32] = core::array::from_fn(|i| 0x40 + i as u8);
/// let mut right = None;
/// let candidates = [Candidate::Secret(&[0x11; 32]), Candidate::Secret(&well_known)];
/// assert_eq!(diagnose(&recorded, candidates, None, |finding| right = Some(finding))?, 1);
/// let right = right.unwrap();
/// assert_eq!((right.candidate, right.scheme, right.length.bits()), (1, Scheme::Same, 128));
/// # Ok::<(), gp_scp03::Error>(())
/// ```
///
/// # Errors
/// Those of [`Recorded::new`], and what a scheme of the caller's answers.
pub fn diagnose<'c>(
    recorded: &Recorded<'_>,
    candidates: impl IntoIterator<Item = Candidate<'c>>,
    aid: Option<&Aid>,
    mut found: impl FnMut(Finding),
) -> Result<usize, Error> {
    let data = recorded.info()?.diversification;
    let mut matches = 0_usize;
    for (candidate, keys) in candidates.into_iter().enumerate() {
        let mut attempt = |scheme, keys: &StaticKeys| -> Result<(), Error> {
            if let Some(challenge) = recorded.fits(keys, aid)? {
                let length = keys.key(KeyId::Mac).length();
                found(Finding { candidate, scheme, length, challenge });
                matches = matches.saturating_add(1);
            }
            Ok(())
        };
        match keys {
            Candidate::Keys(keys) => {
                attempt(Scheme::Same, keys)?;
                attempt(Scheme::Kdf3, &Kdf3::with_masters(keys).keys(&data)?)?;
                let key = |id| keys.key(id).duplicate_secret();
                if !bool::from(subtle::ConstantTimeEq::ct_eq(keys.key(KeyId::Enc), keys.key(KeyId::Mac))) {
                    let swapped = StaticKeys::new(key(KeyId::Mac), key(KeyId::Enc), key(KeyId::Dek))?;
                    attempt(Scheme::Swapped, &swapped)?;
                }
            }
            Candidate::Secret(secret) => {
                // A length that this build does not have is no candidate.
                for length in [16, 24, 32].into_iter().filter_map(KeyLength::from_octets) {
                    let Some(octets) = secret.get(..length.octets()) else { continue };
                    attempt(Scheme::Same, &StaticKeys::same(octets)?)?;
                    attempt(Scheme::Kdf3, &Kdf3::new(&Key::new(octets)?).keys(&data)?)?;
                }
            }
            Candidate::Own(scheme) => attempt(Scheme::Own, &scheme.keys(&data)?)?,
        }
    }
    Ok(matches)
}
