//! The two messages that open a session: bodies of INITIALIZE UPDATE and EXTERNAL AUTHENTICATE, read and written in one place (Amendment D 7.1.1, 7.1.2).
//!
//! ```text
//!  INITIALIZE UPDATE       80 50  KVN   00  08|10  host challenge                                00
//!    answer                diversification data (10) | KVN 03 i | card challenge (8|16) | card cryptogram (8|16) [| counter (3)]
//!  EXTERNAL AUTHENTICATE   84 82  level 00  10|20  host cryptogram (8|16) | C-MAC (8|16)
//! ```

use gp_apdu::{Class, Command, Header, LogicalChannel, SecureMessaging, StatusWord, ins};

use crate::challenge::{Challenge, SequenceCounter};
use crate::level::Implementation;
use crate::{Error, Mode};

/// The number of this secure channel protocol in the key information.
const SCP03: u8 = 0x03;

/// An INITIALIZE UPDATE as the card reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitializeUpdate {
    /// The key version number asked for; 00: the card's first key set.
    pub key_version: u8,
    /// The host challenge; its length is the mode.
    pub host_challenge: Challenge,
    /// The logical channel that the session will belong to.
    pub channel: LogicalChannel,
}

impl InitializeUpdate {
    /// Is this the command, by class and instruction? Classes 80 to 83 and C0 to CF: it is never protected.
    #[must_use]
    pub const fn is(header: Header) -> bool {
        header.ins == ins::INITIALIZE_UPDATE
            && header.cla.is_gp()
            && matches!(header.cla.secure_messaging(), SecureMessaging::None)
            && !header.cla.is_chained()
    }

    /// Reads the command for a security domain in this mode.
    ///
    /// # Errors
    /// `6700` for a challenge of another length, `6A86` for P2 other than 00.
    pub fn parse(command: &Command<'_>, mode: Mode) -> Result<Self, StatusWord> {
        let host_challenge = Challenge::new(command.data).ok().filter(|challenge| challenge.mode() == mode);
        let host_challenge = host_challenge.ok_or(StatusWord::WRONG_LENGTH)?;
        if command.header.p2 != 0 {
            return Err(StatusWord::INCORRECT_P1_P2);
        }
        Ok(Self { key_version: command.header.p1, host_challenge, channel: command.header.cla.channel() })
    }

    /// The header of the command: class 80 with the channel in it.
    pub(crate) fn header(key_version: u8, channel: LogicalChannel) -> Header {
        Header { cla: gp_class(channel), ins: ins::INITIALIZE_UPDATE, p1: key_version, p2: 0 }
    }
}

/// Class 80, or its twin on this channel.
pub(crate) fn gp_class(channel: LogicalChannel) -> Class {
    Class::GP.with_channel(channel).unwrap_or(Class::GP)
}

/// What the card tells of the key set it answers with, all of it in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySetInfo {
    /// Key diversification data, 10 octets: what the card keys are derived from, where they are.
    pub diversification: [u8; 10],
    /// The key version number.
    pub key_version: u8,
    /// The `i` parameter.
    pub implementation: Implementation,
    /// The sequence counter, present exactly when `i` announces a pseudo-random challenge.
    pub sequence: Option<SequenceCounter>,
}

/// The answer to INITIALIZE UPDATE: 29, 32, 45 or 48 octets.
#[derive(Clone, Copy, Debug)]
pub struct InitializeUpdateResponse<'a> {
    /// What the card tells of the key set.
    pub info: KeySetInfo,
    /// The card challenge, as long as the host challenge.
    pub card_challenge: Challenge,
    /// The card cryptogram, 8 or 16 octets, to be compared in constant time by who can compute it.
    pub card_cryptogram: &'a [u8],
}

impl<'a> InitializeUpdateResponse<'a> {
    /// Reads the data of the answer. Its length must be exactly what `i` in it announces.
    ///
    /// # Errors
    /// [`Error::Malformed`], or [`Error::OtherProtocol`] for an answer of SCP01, SCP02 and others.
    pub fn parse(data: &'a [u8]) -> Result<Self, Error> {
        let (diversification, rest) = data.split_first_chunk::<10>().ok_or(Error::Malformed)?;
        let (&[key_version, protocol, i], rest) = rest.split_first_chunk::<3>().ok_or(Error::Malformed)?;
        if protocol != SCP03 {
            return Err(Error::OtherProtocol(protocol));
        }
        let implementation = Implementation::new(i);
        let (challenge, rest) = rest.split_at_checked(implementation.mode().octets()).ok_or(Error::Malformed)?;
        let (card_cryptogram, rest) = rest.split_at_checked(implementation.mode().octets()).ok_or(Error::Malformed)?;
        let sequence = match (implementation.has_pseudo_random_challenge(), rest) {
            (true, &[a, b, c]) => Some(SequenceCounter::new([a, b, c])),
            (false, []) => None,
            _ => return Err(Error::Malformed),
        };
        let info = KeySetInfo { diversification: *diversification, key_version, implementation, sequence };
        Ok(Self { info, card_challenge: Challenge::new(challenge)?, card_cryptogram })
    }

    /// Writes the data of the answer to the start of `out` and says how long it is. `None` where `out` is too small.
    pub(crate) fn emit(info: &KeySetInfo, challenge: &Challenge, cryptogram: &[u8], out: &mut [u8]) -> Option<usize> {
        let sequence = info.sequence.map(SequenceCounter::octets);
        let parts: [&[u8]; 5] = [
            &info.diversification,
            &[info.key_version, SCP03, info.implementation.octet()],
            challenge.octets(),
            cryptogram,
            sequence.as_ref().map_or(&[], <[u8; 3]>::as_slice),
        ];
        let length = parts.iter().map(|part| part.len()).sum();
        let out = out.get_mut(..length)?;
        out.iter_mut().zip(parts.into_iter().flatten()).for_each(|(to, from)| *to = *from);
        Some(length)
    }
}
