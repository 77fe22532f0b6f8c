//! SET STATUS, `80 F0 P1 P2`: the life cycle of the card, a security domain or an application.
//!
//! ```text
//!  P1  80 issuer security domain (= the card)      data ignored
//!      40 application or security domain           data = AID
//!      60 security domain and all below it         data = AID; locks or unlocks only
//!  P2  the state, see lifecycle
//! ```
//! No Le and no answer but the status word. GPCS 11.10.2.

use crate::aid::Aid;
use crate::error::{Error, ErrorKind};
use crate::lv::Out;
use gp_apdu::{Class, Header, ins};

/// Whose state is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// P1 `80`: the card.
    Card,
    /// P1 `40`: one application or security domain.
    Application(Aid),
    /// P1 `60`: a security domain with its whole sub-tree.
    SubTree(Aid),
}

/// A SET STATUS command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetStatus {
    /// Whose state is set.
    pub target: Target,
    /// P2: the state wanted. Between a security domain and an object below it, only b8 counts (lock, unlock).
    pub state: u8,
}

impl SetStatus {
    /// P2 that locks an application or security domain.
    pub const LOCK: u8 = 0x80;
    /// P2 that unlocks an application or security domain.
    pub const UNLOCK: u8 = 0x00;

    /// Reads P1, P2 and the body.
    ///
    /// # Errors
    /// `Parameters` for P1; `BadLength` when the data is not an AID of 5 to 16 octets.
    pub fn parse(p1: u8, p2: u8, data: &[u8]) -> Result<Self, Error> {
        let aid = || Aid::new(data).ok_or(Error::at(ErrorKind::BadLength, 0));
        let target = match p1 {
            0x80 => Target::Card,
            0x40 => Target::Application(aid()?),
            0x60 => Target::SubTree(aid()?),
            _ => return Err(Error::at(ErrorKind::Parameters, 0)),
        };
        Ok(Self { target, state: p2 })
    }

    /// The command header; there is no Le.
    pub const fn header(&self) -> Header {
        let p1 = match self.target {
            Target::Card => 0x80,
            Target::Application(_) => 0x40,
            Target::SubTree(_) => 0x60,
        };
        Header { cla: Class::GP, ins: ins::SET_STATUS, p1, p2: self.state }
    }

    /// Writes the body: the AID, or nothing for the card.
    ///
    /// # Errors
    /// `BufferFull`.
    pub fn emit<'b>(&self, buf: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        let mut out = Out::new(buf);
        if let Target::Application(aid) | Target::SubTree(aid) = self.target {
            out.put(aid.as_bytes())?;
        }
        Ok(out.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_p1() {
        let data = [0xA0, 0, 0, 0, 3];
        let aid = Aid::new(&data).unwrap();
        for p1 in 0..=255 {
            let target = match p1 {
                0x80 => Target::Card,
                0x40 => Target::Application(aid),
                0x60 => Target::SubTree(aid),
                _ => {
                    let error = SetStatus::parse(p1, 0x80, &data).unwrap_err();
                    assert_eq!(error.kind, ErrorKind::Parameters);
                    continue;
                }
            };
            for state in 0..=255 {
                let command = SetStatus::parse(p1, state, &data).unwrap();
                assert_eq!(command, SetStatus { target, state });
                assert_eq!(command.header().octets(), [0x80, 0xF0, p1, state]);
            }
        }
    }

    #[test]
    fn the_card_ignores_the_data_and_the_others_need_an_aid() {
        for len in 0..20 {
            let data = [0x11; 20];
            assert!(SetStatus::parse(0x80, 0x7F, &data[..len]).is_ok());
            for p1 in [0x40, 0x60] {
                let read = SetStatus::parse(p1, SetStatus::LOCK, &data[..len]);
                assert_eq!(read.is_ok(), (5..=16).contains(&len));
                let Ok(command) = read else { continue };
                let mut buf = [0; 16];
                assert_eq!(command.emit(&mut buf).unwrap(), &data[..len]);
                assert!(command.emit(&mut buf[..len - 1]).is_err());
            }
        }
        let card = SetStatus { target: Target::Card, state: 0x7F };
        assert!(card.emit(&mut []).unwrap().is_empty());
    }
}
