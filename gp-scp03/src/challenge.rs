//! Challenges: 8 octets in S8 mode, 16 in S16 mode, and the pseudo-random one of the card (Amendment D 6.2.2.1).

use crate::kdf::{Constant, derive_each};
use crate::scrub::scrub_key;
use crate::{Error, KeyId, KeySource};

/// How long challenges, cryptograms and MACs on the wire are (Amendment D v1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 8 octets.
    S8,
    /// 16 octets.
    S16,
}

impl Mode {
    /// The length of a challenge, a cryptogram, and a C-MAC or R-MAC on the wire: 8 or 16 octets.
    #[must_use]
    pub const fn octets(self) -> usize {
        match self {
            Self::S8 => 8,
            Self::S16 => 16,
        }
    }

    /// The mode whose challenges are this long.
    #[must_use]
    pub const fn from_octets(octets: usize) -> Option<Self> {
        match octets {
            8 => Some(Self::S8),
            16 => Some(Self::S16),
            _ => None,
        }
    }
}

/// A host or card challenge. It is public; what it must be is fresh: take it from a generator that nobody can predict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    octets: [u8; 16],
    mode: Mode,
}

impl Challenge {
    /// A challenge of 8 octets (S8) or 16 octets (S16).
    ///
    /// # Errors
    /// [`Error::ChallengeLength`] for any other length.
    pub fn new(octets: &[u8]) -> Result<Self, Error> {
        let mode = Mode::from_octets(octets.len()).ok_or(Error::ChallengeLength)?;
        let mut challenge = Self { octets: [0; 16], mode };
        challenge.octets.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        Ok(challenge)
    }

    /// The card challenge that anybody with Key-ENC can foresee (`i` bit 10): derived from the sequence counter of
    /// the key set and the AID of the application that the session is for, 5 to 16 octets (Amendment D 6.2.2.1).
    ///
    /// # Errors
    /// [`Error::AidLength`], or what the key source answers.
    pub fn pseudo_random(
        keys: &mut impl KeySource,
        mode: Mode,
        sequence: SequenceCounter,
        aid: &[u8],
    ) -> Result<Self, Error> {
        let challenge = Self::derived(keys, mode, sequence, aid);
        scrub_key();
        challenge
    }

    /// [`pseudo_random`](Self::pseudo_random) for callers that scrub the stack themselves.
    #[inline(never)]
    pub(crate) fn derived(
        keys: &mut impl KeySource,
        mode: Mode,
        sequence: SequenceCounter,
        aid: &[u8],
    ) -> Result<Self, Error> {
        if !(5..=16).contains(&aid.len()) {
            return Err(Error::AidLength);
        }
        let mut challenge = Self { octets: [0; 16], mode };
        let out = challenge.octets.get_mut(..mode.octets()).unwrap_or_default();
        derive_each(
            &mut |messages, macs| keys.cmac_each(KeyId::Enc, messages, macs),
            [&sequence.octets(), aid],
            &mut [(Constant::CardChallenge, out)],
        )?;
        Ok(challenge)
    }

    /// 8 or 16 octets.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.mode.octets()).unwrap_or_default()
    }

    /// The mode that the length stands for.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }
}

/// The sequence counter of a key set, 3 octets: 000000 in a new set, one more for each INITIALIZE UPDATE (Amendment D 6.2.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SequenceCounter([u8; 3]);

impl SequenceCounter {
    /// A counter with this value, most significant octet first.
    #[must_use]
    pub const fn new(octets: [u8; 3]) -> Self {
        Self(octets)
    }

    /// The value, most significant octet first.
    #[must_use]
    pub const fn octets(self) -> [u8; 3] {
        self.0
    }

    /// The next value, to be **stored before it is used**. `None` after FFFFFF: the key set can open no more sessions (`6985`).
    #[must_use]
    pub fn next(self) -> Option<Self> {
        let [a, b, c] = self.0;
        let [carry, a, b, c] = u32::from_be_bytes([0, a, b, c]).wrapping_add(1).to_be_bytes();
        if carry == 0 { Some(Self([a, b, c])) } else { None }
    }
}

/// What the host does with a card challenge that claims to be pseudo-random. The AID is that of the application which
/// opened the session on the card; the host often does not know it, so the check is the caller's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengePolicy<'a> {
    /// No check.
    Off,
    /// Check against this AID, say what came out, go on.
    Warn(&'a [u8]),
    /// Check against this AID and send nothing more unless it matches; a card that announces a random challenge does not match.
    Require(&'a [u8]),
}

/// What the check of the card challenge found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChallengeVerdict {
    /// The policy asked for no check.
    NotChecked,
    /// The card announced a random challenge: there is nothing to compare with.
    Random,
    /// The challenge is the one that follows from counter and AID.
    Matches,
    /// It is not: another AID, or a card that takes its challenge from elsewhere.
    Differs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_counter_ends_at_its_maximum() {
        let next = |octets| SequenceCounter::new(octets).next().map(SequenceCounter::octets);
        assert_eq!(next([0, 0, 0]), Some([0, 0, 1]));
        assert_eq!(next([0, 0, 0xFF]), Some([0, 1, 0]));
        assert_eq!(next([0, 0xFF, 0xFF]), Some([1, 0, 0]));
        assert_eq!(next([0xFF, 0xFF, 0xFE]), Some([0xFF, 0xFF, 0xFF]));
        assert_eq!(next([0xFF, 0xFF, 0xFF]), None);
    }

    #[test]
    fn only_two_lengths_are_challenges() {
        for length in 0..40 {
            assert_eq!(Challenge::new(&[0; 40][..length]).is_ok(), length == 8 || length == 16);
        }
    }
}
