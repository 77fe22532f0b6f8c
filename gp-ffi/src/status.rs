//! Every error as one number: what C functions answer.
//!
//! ```text
//!       0              done
//!      -1 ..   -99     the call itself: arguments, buffers, order
//!    -100 ..  -199     secure channel
//!    -200 ..  -299     APDU
//!    -300 ..  -399     TLV
//!    -400 ..  -499     body of a command
//!    -500 ..  -599     operation of the host
//!    -600 ..  -699     generator, card
//!  0x1SSSS             the card refused with status word SSSS
//!  0x2SSSS             the card warned with status word SSSS (62xx, 63xx)
//! ```
//!
//! A number never changes its meaning; new ones may appear in a minor version.

use core::ffi::CStr;

use gp_apdu::StatusWord;
use gp_cardmanager_model::host::Failure;
use gp_scp03::DrbgError;

/// What a function answers: 0 when it did what was asked.
#[allow(non_camel_case_types, reason = "its name in C")]
pub type gp_status = i32;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)+) => {
        $($(#[$doc])* pub const $name: gp_status = $code;)+

        /// All codes, with their texts.
        pub(crate) const CODES: &[(gp_status, &CStr)] = &[$(($name, $text)),+];
    };
}

codes! {
    /// Done.
    GP_OK = 0, c"done";
    /// A pointer is null, misaligned or overlaps another, or a value is not one of those that the parameter knows.
    GP_E_ARGUMENT = -1, c"an argument is not usable";
    /// The context is not initialised, or this is not what comes next.
    GP_E_STATE = -2, c"this is not the next step";
    /// The buffer is too small.
    GP_E_BUFFER = -3, c"the buffer is too small";
    /// The context is smaller than this library needs: its header is of another version or configuration.
    GP_E_SIZE = -4, c"the context is too small for this library";
    /// A function of a table reported an error.
    GP_E_CALLBACK = -5, c"a function of the caller failed";
    /// A key is not 16, 24 or 32 octets long, or the keys of a set differ in length.
    GP_E_KEY_LENGTH = -100, c"a key is not 16, 24 or 32 octets long, or the keys of a set differ";
    /// A challenge is not 8 or 16 octets long.
    GP_E_CHALLENGE_LENGTH = -101, c"a challenge is not 8 or 16 octets long";
    /// An AID is not 5 to 16 octets long.
    GP_E_AID_LENGTH = -102, c"an AID is not 5 to 16 octets long";
    /// Another logical channel than the session's, or a class that cannot be protected.
    GP_E_CLASS = -103, c"the class octet is not one of this session";
    /// An answer of the handshake is not as long as it says.
    GP_E_MALFORMED = -104, c"an answer of the handshake is malformed";
    /// The card speaks another secure channel protocol.
    GP_E_OTHER_PROTOCOL = -105, c"the card speaks another secure channel protocol";
    /// The card answers in the other mode (S8 and S16).
    GP_E_OTHER_MODE = -106, c"the card answers in the other mode";
    /// The card wants a challenge of 16 octets.
    GP_E_TRY_S16 = -107, c"the card wants a challenge of 16 octets";
    /// The card answers with another key version than asked for.
    GP_E_OTHER_KEY_VERSION = -108, c"the card answers with another key version";
    /// The card cryptogram is wrong: other keys, or another card. Nothing was sent that the card counts as a failure.
    GP_E_CARD_CRYPTOGRAM = -109, c"the card cryptogram is wrong";
    /// The card challenge is not the one that follows from its counter.
    GP_E_CARD_CHALLENGE = -110, c"the card challenge is not the expected one";
    /// The card, or the session, does not offer this security level.
    GP_E_LEVEL = -111, c"the security level is not offered";
    /// The protection of an answer is missing or wrong: the session is over and wiped.
    GP_E_SECURITY = -112, c"the protection of the answer is wrong";
    /// The session is over.
    GP_E_CLOSED = -113, c"the session is over";
    /// The limit of messages is reached; nothing was sent.
    GP_E_MESSAGE_LIMIT = -114, c"the limit of messages is reached";
    /// The encryption counter is exhausted; nothing was sent.
    GP_E_COUNTER = -115, c"the encryption counter is exhausted";
    /// Nobody vouches for the answer.
    GP_E_NOT_AUTHENTIC = -116, c"nobody vouches for the answer";
    /// The keys are not there, or the module that holds them failed.
    GP_E_KEY_SOURCE = -117, c"the source of the keys failed";
    /// The octets end too early.
    GP_E_APDU_TRUNCATED = -200, c"the APDU ends too early";
    /// There are octets behind the end.
    GP_E_APDU_TRAILING = -201, c"the APDU has octets behind its end";
    /// The class octet is FF.
    GP_E_APDU_CLASS = -202, c"the class octet is invalid";
    /// The data does not fit the form.
    GP_E_APDU_DATA_TOO_LONG = -203, c"the data is too long for the form of the command";
    /// Le does not fit the form.
    GP_E_APDU_LE_TOO_LARGE = -204, c"Le is too large for the form of the command";
    /// A chained command, or its answer, broke.
    GP_E_APDU_CHAIN = -205, c"the chain of commands is broken";
    /// The answer is too long for the buffer, or came in too many parts.
    GP_E_APDU_RESPONSE = -206, c"the answer is too long or has too many parts";
    /// Nothing is under way.
    GP_E_APDU_FINISHED = -207, c"the exchange is over";
    /// Any other error of an APDU.
    GP_E_APDU = -299, c"the APDU is not acceptable";
    /// The octets end inside an object.
    GP_E_TLV_TRUNCATED = -300, c"the octets end inside an object";
    /// This is no tag.
    GP_E_TLV_TAG = -301, c"the tag is malformed";
    /// The length is indefinite or of more than 4 octets.
    GP_E_TLV_LENGTH = -302, c"the length is not a definite one";
    /// Templates are nested too deep.
    GP_E_TLV_DEPTH = -303, c"templates are nested too deep";
    /// There are octets behind the last object.
    GP_E_TLV_TRAILING = -304, c"there are octets behind the last object";
    /// The object is not there.
    GP_E_TLV_MISSING = -305, c"the object is missing";
    /// Another object stands there.
    GP_E_TLV_UNEXPECTED = -306, c"another object was found";
    /// Any other error of TLV.
    GP_E_TLV = -399, c"the TLV is not acceptable";
    /// A field of a command or answer is not acceptable.
    GP_E_BODY = -400, c"a field of the command or answer is not acceptable";
    /// The key check value does not fit the key.
    GP_E_CHECK_VALUE = -401, c"a key check value does not fit";
    /// The operation needs an open session.
    GP_E_NO_SESSION = -500, c"the operation needs an open session";
    /// The list has too many pages.
    GP_E_TOO_MANY_PAGES = -501, c"the list has too many pages";
    /// The answer does not belong to the command.
    GP_E_WRONG_ANSWER = -502, c"the answer does not belong to the command";
    /// The operation was stopped by the caller's own rule.
    GP_E_STOPPED = -503, c"the operation was stopped by the caller's rule";
    /// The key version is the one that the session uses.
    GP_E_KEY_IN_USE = -504, c"the session uses this key version";
    /// More than 256 blocks.
    GP_E_TOO_MANY_BLOCKS = -505, c"the data has more than 256 blocks";
    /// A signature does not hold or cannot be made.
    GP_E_SIGNATURE = -506, c"the signature does not hold";
    /// Any other failure of an operation.
    GP_E_OPERATION = -599, c"the operation failed";
    /// A seed or an additional input has the wrong length.
    GP_E_SEED_LENGTH = -600, c"the seed or additional input has the wrong length";
    /// More than 65536 octets were asked for at once.
    GP_E_REQUEST_TOO_LONG = -601, c"more than 65536 octets were asked for at once";
    /// The generator must be reseeded.
    GP_E_RESEED = -602, c"the generator must be reseeded";
    /// The storage failed, or holds no card that fits this memory.
    GP_E_STORAGE = -610, c"the storage does not hold a card that fits";
    /// The memory does not fit the profile.
    GP_E_MEMORY = -611, c"the memory does not fit the profile";
}

/// Added to the status word with which a card refused.
pub const GP_REFUSED: gp_status = 0x1_0000;
/// Added to the status word with which a card warned.
pub const GP_WARNED: gp_status = 0x2_0000;

/// What a code says, for people.
#[must_use]
pub fn text(status: gp_status) -> &'static CStr {
    match status {
        0x1_0000..=0x1_FFFF => c"the card refused; the lower 16 bits are its status word",
        0x2_0000..=0x2_FFFF => c"the card warned; the lower 16 bits are its status word",
        _ => CODES.iter().find(|(code, _)| *code == status).map_or(c"unknown status", |(_, text)| *text),
    }
}

/// The card refused so.
#[must_use]
pub fn refused(status: StatusWord) -> gp_status {
    GP_REFUSED | gp_status::from(status.0)
}

/// An error as its code.
pub trait Code {
    /// The code.
    fn code(self) -> gp_status;
}

impl Code for gp_apdu::Error {
    fn code(self) -> gp_status {
        match self {
            Self::Truncated => GP_E_APDU_TRUNCATED,
            Self::TrailingData => GP_E_APDU_TRAILING,
            Self::Class => GP_E_APDU_CLASS,
            Self::DataTooLong => GP_E_APDU_DATA_TOO_LONG,
            Self::LeTooLarge => GP_E_APDU_LE_TOO_LARGE,
            Self::BufferFull => GP_E_BUFFER,
            Self::Chained | Self::ChainingBit | Self::BrokenChain => GP_E_APDU_CHAIN,
            Self::Overrun | Self::ResponseTooLong | Self::TooManyParts => GP_E_APDU_RESPONSE,
            Self::Finished => GP_E_APDU_FINISHED,
            _ => GP_E_APDU,
        }
    }
}

impl Code for gp_tlv::Error {
    fn code(self) -> gp_status {
        use gp_tlv::ErrorKind;
        match self.kind {
            ErrorKind::Truncated => GP_E_TLV_TRUNCATED,
            ErrorKind::MalformedTag => GP_E_TLV_TAG,
            ErrorKind::IndefiniteLength | ErrorKind::LengthTooLarge => GP_E_TLV_LENGTH,
            ErrorKind::TooDeep => GP_E_TLV_DEPTH,
            ErrorKind::TrailingData => GP_E_TLV_TRAILING,
            ErrorKind::Missing => GP_E_TLV_MISSING,
            ErrorKind::Unexpected => GP_E_TLV_UNEXPECTED,
            ErrorKind::BufferFull => GP_E_BUFFER,
            _ => GP_E_TLV,
        }
    }
}

impl Code for gp_scp03::Error {
    fn code(self) -> gp_status {
        match self {
            Self::KeyLength => GP_E_KEY_LENGTH,
            Self::ChallengeLength => GP_E_CHALLENGE_LENGTH,
            Self::AidLength => GP_E_AID_LENGTH,
            Self::Apdu(error) => error.code(),
            Self::Class => GP_E_CLASS,
            Self::Malformed => GP_E_MALFORMED,
            Self::OtherProtocol(_) => GP_E_OTHER_PROTOCOL,
            Self::OtherMode => GP_E_OTHER_MODE,
            Self::TryS16 => GP_E_TRY_S16,
            Self::OtherKeyVersion(_) => GP_E_OTHER_KEY_VERSION,
            Self::Status(status) => refused(status),
            Self::CardCryptogram => GP_E_CARD_CRYPTOGRAM,
            Self::CardChallenge => GP_E_CARD_CHALLENGE,
            Self::Level => GP_E_LEVEL,
            Self::Security => GP_E_SECURITY,
            Self::Closed => GP_E_CLOSED,
            Self::State => GP_E_STATE,
            Self::MessageLimit => GP_E_MESSAGE_LIMIT,
            Self::CounterExhausted => GP_E_COUNTER,
            Self::NotAuthentic => GP_E_NOT_AUTHENTIC,
            Self::KeySource => GP_E_KEY_SOURCE,
            _ => GP_E_OPERATION,
        }
    }
}

impl Code for gp_cardmanager_model::error::Error {
    fn code(self) -> gp_status {
        use gp_cardmanager_model::error::ErrorKind;
        match self.kind {
            ErrorKind::BufferFull => GP_E_BUFFER,
            ErrorKind::CheckValue => GP_E_CHECK_VALUE,
            ErrorKind::Dek => GP_E_KEY_SOURCE,
            _ => GP_E_BODY,
        }
    }
}

impl Code for Failure {
    fn code(self) -> gp_status {
        match self {
            Self::Refused(refusal) => refused(refusal.status),
            Self::Warned(refusal) => GP_WARNED | gp_status::from(refusal.status.0),
            Self::Channel(error) => error.code(),
            Self::Apdu(error) => error.code(),
            Self::Tlv(error) => error.code(),
            Self::Body(error) => error.code(),
            Self::NoSession => GP_E_NO_SESSION,
            Self::State => GP_E_STATE,
            Self::TooManyPages => GP_E_TOO_MANY_PAGES,
            Self::WrongAnswer => GP_E_WRONG_ANSWER,
            Self::Stopped => GP_E_STOPPED,
            Self::KeyInUse(_) => GP_E_KEY_IN_USE,
            Self::TooManyBlocks => GP_E_TOO_MANY_BLOCKS,
            Self::Signature(_) => GP_E_SIGNATURE,
            _ => GP_E_OPERATION,
        }
    }
}

impl Code for DrbgError {
    fn code(self) -> gp_status {
        match self {
            Self::SeedLength => GP_E_SEED_LENGTH,
            Self::RequestTooLong => GP_E_REQUEST_TOO_LONG,
            Self::ReseedRequired => GP_E_RESEED,
            _ => GP_E_OPERATION,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_there_once_and_has_a_text() {
        for (at, (code, shown)) in CODES.iter().enumerate() {
            assert!(*code <= 0);
            assert_eq!(text(*code), *shown);
            assert!(CODES[..at].iter().all(|(other, words)| other != code && words != shown), "{code}");
        }
        assert_eq!(text(-99), c"unknown status");
        assert_eq!(refused(StatusWord(0x6A88)), 0x1_6A88);
    }
}
