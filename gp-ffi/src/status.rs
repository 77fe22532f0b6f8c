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

/// Done.
pub const GP_OK: gp_status = 0;
/// A pointer is null, misaligned or overlaps another, or a value is not one of those that the parameter knows.
pub const GP_E_ARGUMENT: gp_status = -1;
/// The context is not initialised, or this is not what comes next.
pub const GP_E_STATE: gp_status = -2;
/// The buffer is too small.
pub const GP_E_BUFFER: gp_status = -3;
/// The context is smaller than this library needs: its header is of another version or configuration.
pub const GP_E_SIZE: gp_status = -4;
/// A function of a table reported an error.
pub const GP_E_CALLBACK: gp_status = -5;
/// The library was built without what was asked for.
pub const GP_E_UNSUPPORTED: gp_status = -6;
/// A key is not 16, 24 or 32 octets long, or the keys of a set differ in length.
pub const GP_E_KEY_LENGTH: gp_status = -100;
/// A challenge is not 8 or 16 octets long.
pub const GP_E_CHALLENGE_LENGTH: gp_status = -101;
/// An AID is not 5 to 16 octets long.
pub const GP_E_AID_LENGTH: gp_status = -102;
/// Another logical channel than the session's, or a class that cannot be protected.
pub const GP_E_CLASS: gp_status = -103;
/// An answer of the handshake is not as long as it says.
pub const GP_E_MALFORMED: gp_status = -104;
/// The card speaks another secure channel protocol.
pub const GP_E_OTHER_PROTOCOL: gp_status = -105;
/// The card answers in the other mode (S8 and S16).
pub const GP_E_OTHER_MODE: gp_status = -106;
/// The card wants a challenge of 16 octets.
pub const GP_E_TRY_S16: gp_status = -107;
/// The card answers with another key version than asked for.
pub const GP_E_OTHER_KEY_VERSION: gp_status = -108;
/// The card cryptogram is wrong: other keys, or another card. Nothing was sent that the card counts as a failure.
pub const GP_E_CARD_CRYPTOGRAM: gp_status = -109;
/// The card challenge is not the one that follows from its counter.
pub const GP_E_CARD_CHALLENGE: gp_status = -110;
/// The card, or the session, does not offer this security level.
pub const GP_E_LEVEL: gp_status = -111;
/// The protection of an answer is missing or wrong: the session is over and wiped.
pub const GP_E_SECURITY: gp_status = -112;
/// The session is over.
pub const GP_E_CLOSED: gp_status = -113;
/// The limit of messages is reached; nothing was sent.
pub const GP_E_MESSAGE_LIMIT: gp_status = -114;
/// The encryption counter is exhausted; nothing was sent.
pub const GP_E_COUNTER: gp_status = -115;
/// Nobody vouches for the answer.
pub const GP_E_NOT_AUTHENTIC: gp_status = -116;
/// The keys are not there, or the module that holds them failed, or the engine that computes with them.
pub const GP_E_KEY_SOURCE: gp_status = -117;
/// The octets end too early.
pub const GP_E_APDU_TRUNCATED: gp_status = -200;
/// There are octets behind the end.
pub const GP_E_APDU_TRAILING: gp_status = -201;
/// The class octet is FF.
pub const GP_E_APDU_CLASS: gp_status = -202;
/// The data does not fit the form.
pub const GP_E_APDU_DATA_TOO_LONG: gp_status = -203;
/// Le does not fit the form.
pub const GP_E_APDU_LE_TOO_LARGE: gp_status = -204;
/// A chained command, or its answer, broke.
pub const GP_E_APDU_CHAIN: gp_status = -205;
/// The answer is too long for the buffer, or came in too many parts.
pub const GP_E_APDU_RESPONSE: gp_status = -206;
/// Nothing is under way.
pub const GP_E_APDU_FINISHED: gp_status = -207;
/// Any other error of an APDU.
pub const GP_E_APDU: gp_status = -299;
/// The octets end inside an object.
pub const GP_E_TLV_TRUNCATED: gp_status = -300;
/// This is no tag.
pub const GP_E_TLV_TAG: gp_status = -301;
/// The length is indefinite or of more than 4 octets.
pub const GP_E_TLV_LENGTH: gp_status = -302;
/// Templates are nested too deep.
pub const GP_E_TLV_DEPTH: gp_status = -303;
/// There are octets behind the last object.
pub const GP_E_TLV_TRAILING: gp_status = -304;
/// The object is not there.
pub const GP_E_TLV_MISSING: gp_status = -305;
/// Another object stands there.
pub const GP_E_TLV_UNEXPECTED: gp_status = -306;
/// Any other error of TLV.
pub const GP_E_TLV: gp_status = -399;
/// A field of a command or answer is not acceptable.
pub const GP_E_BODY: gp_status = -400;
/// The key check value does not fit the key.
pub const GP_E_CHECK_VALUE: gp_status = -401;
/// The operation needs an open session.
pub const GP_E_NO_SESSION: gp_status = -500;
/// The list has too many pages.
pub const GP_E_TOO_MANY_PAGES: gp_status = -501;
/// The answer does not belong to the command.
pub const GP_E_WRONG_ANSWER: gp_status = -502;
/// The operation was stopped by the caller's own rule.
pub const GP_E_STOPPED: gp_status = -503;
/// The key version is the one that the session uses.
pub const GP_E_KEY_IN_USE: gp_status = -504;
/// More than 256 blocks.
pub const GP_E_TOO_MANY_BLOCKS: gp_status = -505;
/// A signature does not hold or cannot be made.
pub const GP_E_SIGNATURE: gp_status = -506;
/// Any other failure of an operation.
pub const GP_E_OPERATION: gp_status = -599;
/// A seed or an additional input has the wrong length.
pub const GP_E_SEED_LENGTH: gp_status = -600;
/// More than 65536 octets were asked for at once.
pub const GP_E_REQUEST_TOO_LONG: gp_status = -601;
/// The generator must be reseeded.
pub const GP_E_RESEED: gp_status = -602;
/// The storage failed, or holds no card that fits this memory.
pub const GP_E_STORAGE: gp_status = -610;
/// The memory does not fit the profile.
pub const GP_E_MEMORY: gp_status = -611;

/// All codes, with their texts.
const CODES: &[(gp_status, &CStr)] = &[
    (GP_OK, c"done"),
    (GP_E_ARGUMENT, c"an argument is not usable"),
    (GP_E_STATE, c"this is not the next step"),
    (GP_E_BUFFER, c"the buffer is too small"),
    (GP_E_SIZE, c"the context is too small for this library"),
    (GP_E_CALLBACK, c"a function of the caller failed"),
    (GP_E_UNSUPPORTED, c"the library was built without it"),
    (GP_E_KEY_LENGTH, c"a key is not 16, 24 or 32 octets long, or the keys of a set differ"),
    (GP_E_CHALLENGE_LENGTH, c"a challenge is not 8 or 16 octets long"),
    (GP_E_AID_LENGTH, c"an AID is not 5 to 16 octets long"),
    (GP_E_CLASS, c"the class octet is not one of this session"),
    (GP_E_MALFORMED, c"an answer of the handshake is malformed"),
    (GP_E_OTHER_PROTOCOL, c"the card speaks another secure channel protocol"),
    (GP_E_OTHER_MODE, c"the card answers in the other mode"),
    (GP_E_TRY_S16, c"the card wants a challenge of 16 octets"),
    (GP_E_OTHER_KEY_VERSION, c"the card answers with another key version"),
    (GP_E_CARD_CRYPTOGRAM, c"the card cryptogram is wrong"),
    (GP_E_CARD_CHALLENGE, c"the card challenge is not the expected one"),
    (GP_E_LEVEL, c"the security level is not offered"),
    (GP_E_SECURITY, c"the protection of the answer is wrong"),
    (GP_E_CLOSED, c"the session is over"),
    (GP_E_MESSAGE_LIMIT, c"the limit of messages is reached"),
    (GP_E_COUNTER, c"the encryption counter is exhausted"),
    (GP_E_NOT_AUTHENTIC, c"nobody vouches for the answer"),
    (GP_E_KEY_SOURCE, c"the source or the engine of the keys failed"),
    (GP_E_APDU_TRUNCATED, c"the APDU ends too early"),
    (GP_E_APDU_TRAILING, c"the APDU has octets behind its end"),
    (GP_E_APDU_CLASS, c"the class octet is invalid"),
    (GP_E_APDU_DATA_TOO_LONG, c"the data is too long for the form of the command"),
    (GP_E_APDU_LE_TOO_LARGE, c"Le is too large for the form of the command"),
    (GP_E_APDU_CHAIN, c"the chain of commands is broken"),
    (GP_E_APDU_RESPONSE, c"the answer is too long or has too many parts"),
    (GP_E_APDU_FINISHED, c"the exchange is over"),
    (GP_E_APDU, c"the APDU is not acceptable"),
    (GP_E_TLV_TRUNCATED, c"the octets end inside an object"),
    (GP_E_TLV_TAG, c"the tag is malformed"),
    (GP_E_TLV_LENGTH, c"the length is not a definite one"),
    (GP_E_TLV_DEPTH, c"templates are nested too deep"),
    (GP_E_TLV_TRAILING, c"there are octets behind the last object"),
    (GP_E_TLV_MISSING, c"the object is missing"),
    (GP_E_TLV_UNEXPECTED, c"another object was found"),
    (GP_E_TLV, c"the TLV is not acceptable"),
    (GP_E_BODY, c"a field of the command or answer is not acceptable"),
    (GP_E_CHECK_VALUE, c"a key check value does not fit"),
    (GP_E_NO_SESSION, c"the operation needs an open session"),
    (GP_E_TOO_MANY_PAGES, c"the list has too many pages"),
    (GP_E_WRONG_ANSWER, c"the answer does not belong to the command"),
    (GP_E_STOPPED, c"the operation was stopped by the caller's rule"),
    (GP_E_KEY_IN_USE, c"the session uses this key version"),
    (GP_E_TOO_MANY_BLOCKS, c"the data has more than 256 blocks"),
    (GP_E_SIGNATURE, c"the signature does not hold"),
    (GP_E_OPERATION, c"the operation failed"),
    (GP_E_SEED_LENGTH, c"the seed or additional input has the wrong length"),
    (GP_E_REQUEST_TOO_LONG, c"more than 65536 octets were asked for at once"),
    (GP_E_RESEED, c"the generator must be reseeded"),
    (GP_E_STORAGE, c"the storage does not hold a card that fits"),
    (GP_E_MEMORY, c"the memory does not fit the profile"),
];

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
    /// A number never changes its meaning: they are written out here, not named.
    #[test]
    fn every_error_keeps_its_number() {
        use gp_apdu::Error as Apdu;
        use gp_cardmanager_model::error::{Error as Body, ErrorKind as BodyKind};
        use gp_cardmanager_model::host::Refusal;
        use gp_cardmanager_model::signature::SignatureError;
        use gp_scp03::Error as Channel;
        use gp_tlv::{Error as Tlv, ErrorKind as TlvKind};

        let apdu = [
            (Apdu::Truncated, -200),
            (Apdu::TrailingData, -201),
            (Apdu::Class, -202),
            (Apdu::DataTooLong, -203),
            (Apdu::LeTooLarge, -204),
            (Apdu::BufferFull, -3),
            (Apdu::Chained, -205),
            (Apdu::ChainingBit, -205),
            (Apdu::BrokenChain, -205),
            (Apdu::Overrun, -206),
            (Apdu::ResponseTooLong, -206),
            (Apdu::TooManyParts, -206),
            (Apdu::Finished, -207),
        ];
        let tlv = [
            (TlvKind::Truncated, -300),
            (TlvKind::MalformedTag, -301),
            (TlvKind::IndefiniteLength, -302),
            (TlvKind::LengthTooLarge, -302),
            (TlvKind::TooDeep, -303),
            (TlvKind::TrailingData, -304),
            (TlvKind::Missing, -305),
            (TlvKind::Unexpected, -306),
            (TlvKind::BufferFull, -3),
        ]
        .map(|(kind, code)| (Tlv { kind, offset: 1 }, code));
        let channel = [
            (Channel::KeyLength, -100),
            (Channel::ChallengeLength, -101),
            (Channel::AidLength, -102),
            (Channel::Class, -103),
            (Channel::Malformed, -104),
            (Channel::OtherProtocol(2), -105),
            (Channel::OtherMode, -106),
            (Channel::TryS16, -107),
            (Channel::OtherKeyVersion(1), -108),
            (Channel::CardCryptogram, -109),
            (Channel::CardChallenge, -110),
            (Channel::Level, -111),
            (Channel::Security, -112),
            (Channel::Closed, -113),
            (Channel::State, -2),
            (Channel::MessageLimit, -114),
            (Channel::CounterExhausted, -115),
            (Channel::NotAuthentic, -116),
            (Channel::KeySource, -117),
            (Channel::Status(StatusWord(0x6A88)), 0x1_6A88),
        ];
        let body = [
            (BodyKind::BufferFull, -3),
            (BodyKind::CheckValue, -401),
            (BodyKind::Dek, -117),
            (BodyKind::BadValue, -400),
            (BodyKind::Missing, -400),
        ]
        .map(|(kind, code)| (Body { kind, offset: 1 }, code));
        let refusal = Refusal::new(gp_apdu::ins::DELETE, StatusWord(0x6310));
        let host = [
            (Failure::Refused(refusal), 0x1_6310),
            (Failure::Warned(refusal), 0x2_6310),
            (Failure::NoSession, -500),
            (Failure::State, -2),
            (Failure::TooManyPages, -501),
            (Failure::WrongAnswer, -502),
            (Failure::Stopped, -503),
            (Failure::KeyInUse(1), -504),
            (Failure::TooManyBlocks, -505),
            (Failure::Signature(SignatureError::Mismatch), -506),
            (Failure::OtherKeys, -599),
        ];
        for (error, code) in apdu {
            assert_eq!((error.code(), Channel::Apdu(error).code(), Failure::Apdu(error).code()), (code, code, code));
        }
        for (error, code) in tlv {
            assert_eq!((error.code(), Failure::Tlv(error).code()), (code, code), "{error:?}");
        }
        for (error, code) in channel {
            assert_eq!((error.code(), Failure::Channel(error).code()), (code, code), "{error:?}");
        }
        for (error, code) in body {
            assert_eq!((error.code(), Failure::Body(error).code()), (code, code), "{error:?}");
        }
        for (error, code) in host {
            assert_eq!(error.code(), code, "{error:?}");
        }
        let drbg = [DrbgError::SeedLength, DrbgError::RequestTooLong, DrbgError::ReseedRequired];
        assert_eq!(drbg.map(Code::code), [-600, -601, -602]);
    }
}
