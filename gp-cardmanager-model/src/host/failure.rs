//! Why an operation of the host did not succeed: small, `Copy`, and with the specification's meaning of a refusal.

use core::fmt;

use gp_apdu::{StatusWord, ins};

/// Why an operation ended without its result.
///
/// ```
/// use gp_apdu::{StatusWord, ins};
/// use gp_cardmanager_model::host::{Failure, Refusal};
///
/// let failure = Failure::Refused(Refusal::new(ins::INITIALIZE_UPDATE, StatusWord::REFERENCED_DATA_NOT_FOUND));
/// assert_eq!(
///     failure.to_string(),
///     "INITIALIZE UPDATE was refused with 6A88: the card has no such key version, or the key set is not complete"
/// );
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The card refused the command. An error status is never protected: anybody on the wire may have written it, so
    /// nothing irreversible may follow from it (Amendment D 6.2.5).
    Refused(Refusal),
    /// The card carried the command out and remarked something that this operation does not expect (`62xx`, `63xx`).
    Warned(Refusal),
    /// The secure channel: it could not be opened, is closed, or died with this answer.
    Channel(gp_scp03::Error),
    /// The command cannot be built, or the exchange with the card broke. In the second case the session is over.
    Apdu(gp_apdu::Error),
    /// The answer is not made of the TLV objects that it should hold.
    Tlv(gp_tlv::Error),
    /// A command body cannot be written, or an answer cannot be read.
    Body(crate::error::Error),
    /// The operation needs an open session, and there is none. Nothing was sent.
    NoSession,
    /// The call is out of order: no exchange is under way, or the operation is over. Nothing was sent.
    State,
    /// The card went on announcing entries beyond the limit of pages.
    TooManyPages,
    /// The answer is not the one that belongs to the command; of PUT KEY: other key version number or check values.
    WrongAnswer,
    /// The caller's own rule stopped the operation before anything was sent: a [`Guard`](super::Guard) that counts
    /// attempts, or a function that finds the keys and found none.
    Stopped,
    /// The key version is the one that the session in use was opened with: deleting it could lock everybody out.
    KeyInUse(u8),
    /// The keys are not those that the rotation was prepared with.
    OtherKeys,
    /// The load file, or the data to store, has more blocks than their number in one octet can count (256).
    TooManyBlocks,
    /// A token, a receipt or a DAP block could not be made or does not verify.
    Signature(crate::signature::SignatureError),
}

impl Failure {
    /// The status word, where the card answered with one that ended the operation.
    #[must_use]
    pub const fn status(&self) -> Option<StatusWord> {
        match self {
            Self::Refused(refusal) | Self::Warned(refusal) => Some(refusal.status),
            Self::Channel(gp_scp03::Error::Status(status)) => Some(*status),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "{} was refused with {refusal}", refusal.command()),
            Self::Warned(refusal) => write!(f, "{} was answered with the warning {refusal}", refusal.command()),
            Self::Channel(error) => error.fmt(f),
            Self::Apdu(error) => error.fmt(f),
            Self::Tlv(error) => write!(f, "the answer cannot be read: {error}"),
            Self::Body(error) => error.fmt(f),
            Self::NoSession => f.write_str("the operation needs an open session"),
            Self::State => f.write_str("this is not the next step of the operation"),
            Self::TooManyPages => f.write_str("the list has more pages than the limit allows"),
            Self::WrongAnswer => f.write_str("the answer does not belong to the command"),
            Self::Stopped => f.write_str("the operation was stopped by the caller's own rule"),
            Self::KeyInUse(version) => write!(f, "key version {version:02X} is the one this session uses"),
            Self::OtherKeys => f.write_str("the keys are not those that the rotation was prepared with"),
            Self::TooManyBlocks => f.write_str("the data has more than 256 blocks"),
            Self::Signature(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Failure {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Channel(error) => Some(error),
            Self::Apdu(error) => Some(error),
            Self::Tlv(error) => Some(error),
            Self::Body(error) => Some(error),
            Self::Signature(error) => Some(error),
            _ => None,
        }
    }
}

impl From<gp_scp03::Error> for Failure {
    fn from(error: gp_scp03::Error) -> Self {
        Self::Channel(error)
    }
}

impl From<gp_apdu::Error> for Failure {
    fn from(error: gp_apdu::Error) -> Self {
        Self::Apdu(error)
    }
}

impl From<gp_tlv::Error> for Failure {
    fn from(error: gp_tlv::Error) -> Self {
        Self::Tlv(error)
    }
}

impl From<crate::error::Error> for Failure {
    fn from(error: crate::error::Error) -> Self {
        Self::Body(error)
    }
}

impl From<crate::signature::SignatureError> for Failure {
    fn from(error: crate::signature::SignatureError) -> Self {
        Self::Signature(error)
    }
}

/// A command and the status word that ended it: what the specification says of the pair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The instruction of the command.
    pub instruction: u8,
    /// What the card answered.
    pub status: StatusWord,
}

impl Refusal {
    /// The refusal of this instruction with this status word.
    #[must_use]
    pub const fn new(instruction: u8, status: StatusWord) -> Self {
        Self { instruction, status }
    }

    /// The name of the command.
    #[must_use]
    pub const fn command(&self) -> &'static str {
        match self.instruction {
            ins::SELECT => "SELECT",
            ins::MANAGE_CHANNEL => "MANAGE CHANNEL",
            ins::INITIALIZE_UPDATE => "INITIALIZE UPDATE",
            ins::EXTERNAL_AUTHENTICATE => "EXTERNAL AUTHENTICATE",
            ins::BEGIN_R_MAC_SESSION => "BEGIN R-MAC SESSION",
            ins::END_R_MAC_SESSION => "END R-MAC SESSION",
            ins::GET_RESPONSE => "GET RESPONSE",
            ins::GET_DATA | ins::GET_DATA_ODD => "GET DATA",
            ins::GET_STATUS => "GET STATUS",
            ins::PUT_KEY => "PUT KEY",
            ins::STORE_DATA => "STORE DATA",
            ins::DELETE => "DELETE",
            ins::INSTALL => "INSTALL",
            ins::LOAD => "LOAD",
            ins::SET_STATUS => "SET STATUS",
            _ => "the command",
        }
    }

    /// What the status word means in answer to this command: the specification's table for it where it has a row, else
    /// the general meaning. `None` for words that nobody defines.
    #[must_use]
    pub const fn meaning(&self) -> Option<&'static str> {
        let special = match (self.instruction, self.status.0) {
            (ins::INITIALIZE_UPDATE, 0x6A88) => "the card has no such key version, or the key set is not complete",
            (ins::INITIALIZE_UPDATE, 0x6982 | 0x6983) => "the security domain is blocked or locked",
            (ins::INITIALIZE_UPDATE, 0x6985) => "the sequence counter of the key set is exhausted",
            (ins::INITIALIZE_UPDATE, 0x6700) => "the challenge has the wrong length for the mode of the card",
            (ins::INITIALIZE_UPDATE | ins::EXTERNAL_AUTHENTICATE, 0x6D00 | 0x6E00) => {
                "the selected application offers no secure channel"
            }
            (ins::EXTERNAL_AUTHENTICATE, 0x6300) => "the card does not accept the host cryptogram",
            (ins::EXTERNAL_AUTHENTICATE, 0x6982) => "the card does not accept the C-MAC",
            (ins::EXTERNAL_AUTHENTICATE, 0x6A86) => "the card does not offer this security level",
            (ins::SELECT, 0x6283) => "the card is locked; the answer is that of the locked card",
            (ins::SELECT, 0x6A82) => "no application with this name can be selected",
            (ins::SELECT, 0x6A81) => "the card is locked or terminated",
            (ins::SELECT, 0x6985) => "the application is selected on another logical channel",
            (ins::GET_DATA | ins::GET_DATA_ODD, 0x6A88) => "the card does not have this data object",
            (ins::GET_STATUS, 0x6A88) => "no entry matches",
            (ins::GET_STATUS, 0x6A86) => "the card does not list this subset, or not in this form",
            (ins::GET_STATUS, 0x6A80) => "the card does not take the search criteria",
            (ins::DELETE, 0x6A88 | 0x6A82) => "the card does not have the object or key",
            (ins::DELETE, 0x6985) => "something still refers to the object, or it is in use",
            (ins::DELETE, 0x6A86) => "the card does not delete related objects",
            (ins::INSTALL, 0x6A88) => "the card does not know an object that the command names",
            (ins::INSTALL, 0x6985) => "the state of the card or of the object does not allow it, or the AID is in use",
            (ins::INSTALL, 0x6A84) => "the card has not enough memory",
            (ins::INSTALL, 0x6A80) => "a parameter, privilege or AID is not acceptable",
            (ins::LOAD, 0x6A84) => "the card has not enough memory for the load file",
            (ins::LOAD, 0x6438) => "the card does not have a package that the load file imports",
            (ins::LOAD, 0x6A80) => "the load file is not acceptable: structure, signature or hash",
            (ins::PUT_KEY, 0x6A88) => "the card does not have the key version to replace",
            (ins::PUT_KEY, 0x6982 | 0x9485) => "a key check value does not fit, or the command is not allowed",
            (ins::PUT_KEY, 0x6A84) => "the card has no room for the keys",
            (ins::PUT_KEY, 0x9484) => "the card does not support the algorithm of a key",
            (ins::SET_STATUS, 0x6985) => "the life cycle does not allow this transition",
            (ins::SET_STATUS, 0x6A88) => "the card does not have the application",
            (ins::MANAGE_CHANNEL, 0x6200) => "the logical channel was closed already",
            (ins::MANAGE_CHANNEL, 0x6881 | 0x6A81) => "the card has no further logical channel",
            (_, 0x6982) => "the session does not give the right, or the protection was wrong",
            _ => return self.status.meaning(),
        };
        Some(special)
    }
}

/// `6A88: the card does not have this data object`, or the number alone.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.status.0)?;
        match self.meaning() {
            Some(meaning) => write!(f, ": {meaning}"),
            None => Ok(()),
        }
    }
}

/// Why an operation that was driven over a link ended without its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error<E> {
    /// The operation failed.
    Failure(Failure),
    /// The link failed, with its own error. The session is over: nobody knows whether the card counted the command.
    Transport(E),
}

impl<E> Error<E> {
    /// The failure of the operation; `None` when the link failed.
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Self::Failure(failure) => Some(*failure),
            Self::Transport(_) => None,
        }
    }
}

impl<E, F: Into<Failure>> From<F> for Error<E> {
    fn from(failure: F) -> Self {
        Self::Failure(failure.into())
    }
}

impl<E> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failure(failure) => failure.fmt(f),
            Self::Transport(_) => f.write_str("the link to the card failed"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Failure(failure) => failure.source(),
            Self::Transport(error) => Some(error),
        }
    }
}

// Failures travel in the result of every step: keep them in two registers.
const _: () = assert!(size_of::<Failure>() <= 16);

#[cfg(test)]
mod tests {
    extern crate std;

    use core::error::Error as _;
    use std::collections::BTreeSet;
    use std::string::{String, ToString};

    use super::*;

    #[test]
    fn every_command_has_its_name_and_every_refusal_a_number() {
        let names: BTreeSet<&str> =
            (0..=255).map(|instruction| Refusal::new(instruction, StatusWord::OK).command()).collect();
        assert_eq!(names.len(), 16);
        for instruction in 0..=255 {
            for status in (0x6000..=0x6FFF).chain(0x9000..=0x9FFF) {
                let refusal = Refusal::new(instruction, StatusWord(status));
                let text = refusal.to_string();
                assert!(text.starts_with(&std::format!("{status:04X}")), "{text}");
                assert_eq!(text.len() > 4, refusal.meaning().is_some());
            }
        }
    }

    #[test]
    fn the_same_word_means_what_the_command_makes_of_it() {
        let word = StatusWord::REFERENCED_DATA_NOT_FOUND;
        let commands =
            [ins::INITIALIZE_UPDATE, ins::GET_DATA, ins::GET_STATUS, ins::DELETE, ins::INSTALL, ins::PUT_KEY];
        let meanings: BTreeSet<String> = commands.iter().map(|ins| Refusal::new(*ins, word).to_string()).collect();
        assert_eq!(meanings.len(), commands.len());
        let general = Refusal::new(0x10, word).meaning();
        assert_eq!(general, word.meaning());
    }

    #[test]
    fn failures_convert_upwards_and_keep_their_source() {
        let tlv = gp_tlv::Error::new(gp_tlv::ErrorKind::Truncated, 7);
        let failures: [(Failure, bool); 9] = [
            (gp_scp03::Error::Closed.into(), true),
            (gp_apdu::Error::Truncated.into(), true),
            (tlv.into(), true),
            (crate::signature::SignatureError::Mismatch.into(), true),
            (Failure::NoSession, false),
            (Failure::Stopped, false),
            (Failure::KeyInUse(0x30), false),
            (Failure::Refused(Refusal::new(ins::LOAD, StatusWord::WRONG_DATA)), false),
            (Failure::Warned(Refusal::new(ins::SELECT, StatusWord::CARD_LOCKED)), false),
        ];
        let texts: BTreeSet<String> = failures.iter().map(|(failure, _)| failure.to_string()).collect();
        assert_eq!(texts.len(), failures.len());
        for (failure, has_source) in failures {
            assert_eq!(failure.source().is_some(), has_source, "{failure}");
            let error: Error<fmt::Error> = failure.into();
            assert_eq!((error.failure(), error.source().is_some()), (Some(failure), has_source));
        }
        assert!(texts.contains("the answer cannot be read: input ends too early at octet 7"));
        let link = Error::Transport(fmt::Error);
        assert_eq!((link.failure(), link.source().is_some()), (None, true));
        assert_eq!(Failure::Channel(gp_scp03::Error::Status(StatusWord::OK)).status(), Some(StatusWord::OK));
    }
}
