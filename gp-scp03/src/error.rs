//! The one error of the channel: small, `Copy`, and without a word about any expected value.

use core::fmt;

use gp_apdu::StatusWord;

/// Why a step of the protocol did not happen.
///
/// Four octets, no content: an attacker who provokes it learns only which of these it was. MAC and padding
/// failures are one and the same variant, [`Error::Security`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A key is not 16, 24 or 32 octets long, or the keys of a set differ in length.
    KeyLength,
    /// A challenge is not 8 (S8) or 16 (S16) octets long.
    ChallengeLength,
    /// An application identifier is not 5 to 16 octets long.
    AidLength,
    /// The command does not fit its form or its buffer; nothing was changed.
    Apdu(gp_apdu::Error),
    /// The class octet names another logical channel than the session's, already announces secure messaging,
    /// or cannot carry it.
    Class,
    /// The INITIALIZE UPDATE answer has not the length that its `i` parameter announces, the EXTERNAL AUTHENTICATE answer
    /// has data, or sensitive data is no multiple of 16 octets.
    Malformed,
    /// The card answered with another secure channel protocol; its number is the value.
    OtherProtocol(u8),
    /// The card's `i` names the other mode (S8, S16) than the challenge that was sent.
    OtherMode,
    /// The card answered `6700` to an 8-octet challenge, as a card in S16 mode does: try again with 16 octets, if you wish.
    TryS16,
    /// The card answered with another key version than the one asked for; its number is the value.
    OtherKeyVersion(u8),
    /// The card refused with this status word. Nobody vouches for it: an error status is never protected.
    Status(StatusWord),
    /// The card cryptogram is wrong: other keys, or not the card. Nothing more was sent.
    CardCryptogram,
    /// The card challenge is not the pseudo-random one that the policy requires.
    CardChallenge,
    /// The card's `i` parameter does not offer this security level, or the level cannot be raised that way.
    Level,
    /// A message failed its protection: MAC, padding, or protection missing. The session is gone.
    Security,
    /// The session is gone: closed, abandoned, or dead after a failure.
    Closed,
    /// This call is not the next one: a command is still unanswered, or none is.
    State,
    /// The caller's limit of messages for this session is reached; nothing was sent. A new session is safe.
    MessageLimit,
    /// The encryption counter or the sequence counter stands at its maximum.
    CounterExhausted,
    /// The answer was not authentic, and the caller asked for one that is.
    NotAuthentic,
    /// The key source (a security module, a secure element) could not compute, or the AES engine of the session keys failed
    /// (feature `external-aes`): an open session is over then.
    KeySource,
}

impl Error {
    /// The status word that a card answers for this error ([`StatusWord::SECURITY_STATUS`] for everything that smells of an attack).
    #[must_use]
    pub const fn status_word(self) -> StatusWord {
        match self {
            Self::Status(sw) => sw,
            Self::ChallengeLength | Self::Malformed | Self::Apdu(_) => StatusWord::WRONG_LENGTH,
            Self::Level | Self::State | Self::CounterExhausted | Self::MessageLimit => StatusWord::CONDITIONS_OF_USE,
            Self::KeyLength | Self::AidLength | Self::KeySource => StatusWord::UNKNOWN,
            _ => StatusWord::SECURITY_STATUS,
        }
    }
}

impl From<gp_apdu::Error> for Error {
    fn from(error: gp_apdu::Error) -> Self {
        Self::Apdu(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::KeyLength => "a key is not 16, 24 or 32 octets long, or the keys of the set differ in length",
            Self::ChallengeLength => "a challenge is 8 or 16 octets long",
            Self::AidLength => "an AID is 5 to 16 octets long",
            Self::Apdu(error) => return error.fmt(f),
            Self::Class => "the class octet does not fit this session",
            Self::Malformed => "the answer or the data has a wrong length",
            Self::OtherProtocol(scp) => return write!(f, "the card speaks SCP{scp:02X}"),
            Self::OtherMode => "the card is in the other mode (S8, S16)",
            Self::TryS16 => "the card refuses an 8-octet challenge, as an S16 card does",
            Self::OtherKeyVersion(version) => return write!(f, "the card answered with key version {version:02X}"),
            Self::Status(sw) => return write!(f, "the card refused: {sw}"),
            Self::CardCryptogram => "the card cryptogram is wrong",
            Self::CardChallenge => "the card challenge is not the required pseudo-random one",
            Self::Level => "the security level is not available",
            Self::Security => "a message failed its protection; the session is gone",
            Self::Closed => "the session is closed",
            Self::State => "this is not the next step of the session",
            Self::MessageLimit => "the session has reached its limit of messages",
            Self::CounterExhausted => "a counter is exhausted",
            Self::NotAuthentic => "the answer is not authentic",
            Self::KeySource => "the key source failed",
        };
        f.write_str(text)
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Apdu(error) => Some(error),
            _ => None,
        }
    }
}

const _: () = assert!(size_of::<Error>() == 4);
