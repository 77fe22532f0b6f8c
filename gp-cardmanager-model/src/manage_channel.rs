//! MANAGE CHANNEL, `00 70 P1 P2`: opens and closes supplementary logical channels.
//!
//! ```text
//!  open    P1 00, P2 00     Le 01, answer: the channel number in one octet
//!          P1 00, P2 01..13 that channel (an option of the card); no Le, no answer
//!  close   P1 80, P2 01..13 no Le, no answer
//! ```
//! The basic channel 0 never closes. The command is never under secure messaging. GPCS 11.7.2, ISO 7816-4.

use crate::error::{Error, ErrorKind};
use gp_apdu::{Class, Header, Le, LogicalChannel, ins};

/// P1 that closes.
const CLOSE: u8 = 0x80;

/// A MANAGE CHANNEL command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ManageChannel {
    /// Opens a channel; the card chooses the number.
    OpenAny,
    /// Opens this channel, 1 to 19.
    Open(LogicalChannel),
    /// Closes this channel, 1 to 19.
    Close(LogicalChannel),
}

impl ManageChannel {
    /// Reads P1 and P2.
    ///
    /// # Errors
    /// `Parameters` for another P1, a channel above 19, or channel 0 to close.
    pub fn parse(p1: u8, p2: u8) -> Result<Self, Error> {
        let channel = LogicalChannel::new(p2);
        match (p1, p2, channel) {
            (0, 0, _) => Ok(Self::OpenAny),
            (0, _, Some(channel)) => Ok(Self::Open(channel)),
            (CLOSE, 1.., Some(channel)) => Ok(Self::Close(channel)),
            _ => Err(Error::at(ErrorKind::Parameters, 0)),
        }
    }

    /// The command header, on the basic channel.
    pub const fn header(self) -> Header {
        let (p1, p2) = match self {
            Self::OpenAny => (0, 0),
            Self::Open(channel) => (0, channel.number()),
            Self::Close(channel) => (CLOSE, channel.number()),
        };
        Header { cla: Class::ISO, ins: ins::MANAGE_CHANNEL, p1, p2 }
    }

    /// Le: 01 where the card answers with a channel number.
    pub const fn le(self) -> Option<Le> {
        match self {
            Self::OpenAny => Le::new(1),
            _ => None,
        }
    }

    /// Reads the answer of [`OpenAny`](Self::OpenAny): the number of the new channel.
    ///
    /// # Errors
    /// `Truncated` and `TrailingData` for anything but one octet, `BadValue` for 0 or a number above 19.
    pub fn opened(answer: &[u8]) -> Result<LogicalChannel, Error> {
        match *answer {
            [] => Err(Error::at(ErrorKind::Truncated, 0)),
            [number] => match LogicalChannel::new(number) {
                Some(channel) if number != 0 => Ok(channel),
                _ => Err(Error::at(ErrorKind::BadValue, 0)),
            },
            _ => Err(Error::at(ErrorKind::TrailingData, 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_p1_p2() {
        for p1 in 0..=255 {
            for p2 in 0..=255 {
                let good = (p1 == 0 && p2 <= 19) || (p1 == 0x80 && (1..=19).contains(&p2));
                match ManageChannel::parse(p1, p2) {
                    Ok(command) => {
                        assert!(good);
                        assert_eq!(command.header().octets(), [0x00, 0x70, p1, p2]);
                        assert_eq!(command.le().is_some(), (p1, p2) == (0, 0));
                    }
                    Err(error) => assert!(!good && error.kind == ErrorKind::Parameters),
                }
            }
        }
    }

    #[test]
    fn the_answer_is_one_channel_number() {
        for number in 0..=255 {
            let opened = ManageChannel::opened(&[number]);
            assert_eq!(opened.is_ok(), (1..=19).contains(&number));
        }
        assert_eq!(ManageChannel::opened(&[]).unwrap_err().kind, ErrorKind::Truncated);
        assert_eq!(ManageChannel::opened(&[1, 2]).unwrap_err().kind, ErrorKind::TrailingData);
    }
}
