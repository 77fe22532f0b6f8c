//! STORE DATA, `80 E2 P1 P2`: data for a security domain or an application, in blocks.
//!
//! ```text
//!  P1  b8 last block
//!      b7 b6  00 not encrypted, or nobody says   01 application dependent   11 encrypted under the Key-DEK
//!      b5 b4  00 no structure told               01 DGI                     10 BER-TLV
//!      b1     1 = an answer may come (Le 00), 0 = no answer
//!  P2  block number 00, 01, .. FF; 00 again after a last block
//! ```
//! An object longer than a block goes on in the next one; its length tells the whole. GPCS 11.11.2.
//!
//! [`Blocks`] cuts, [`BlockCounter`] checks P2 and [`Assembler`] joins
//! the objects of the blocks again. Keys in DGI form are in [`key_dgi`].
//!
//! Tolerance of the reader: RFU bits b3 and b2 of P1 are ignored.

mod assembler;
pub mod key_dgi;
#[cfg(test)]
mod tests;

pub use crate::load_file::{Block, BlockCounter, Blocks};
pub use assembler::{Assembler, Item};

use crate::error::{Error, ErrorKind};
use gp_apdu::{Class, Header, ins};
use gp_tlv::Tag;

const LAST: u8 = 0x80;
const ENCRYPTION: u8 = 0x60;
const STRUCTURE: u8 = 0x18;
const ANSWER: u8 = 0x01;

/// Whether the data is encrypted, P1 b7 and b6.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Encryption {
    /// `00`: not, or nobody says.
    #[default]
    None,
    /// `01`: the application knows.
    ApplicationDependent,
    /// `11`: the values are under the Key-DEK.
    Encrypted,
}

/// How the data is structured, P1 b5 and b4.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Structure {
    /// `00`: nobody says.
    #[default]
    None,
    /// `01`: data groupings, see [`gp_tlv::DgiReader`].
    Dgi,
    /// `10`: BER-TLV.
    BerTlv,
}

/// What P1 says beside "last block": the same for all blocks of a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StoreDataFormat {
    /// Whether the data is encrypted.
    pub encryption: Encryption,
    /// How it is structured.
    pub structure: Structure,
    /// Whether an answer may come; the command then has Le 00.
    pub answer: bool,
}

/// The header of one STORE DATA command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreData {
    /// What P1 says of the data.
    pub format: StoreDataFormat,
    /// Whether this is the last block.
    pub last: bool,
    /// Block number.
    pub number: u8,
}

impl StoreData {
    /// Reads P1 and P2.
    ///
    /// # Errors
    /// `Parameters` for the reserved codings `10` of b7 b6 and `11` of b5 b4.
    pub const fn parse(p1: u8, p2: u8) -> Result<Self, Error> {
        let reserved = Err(Error { kind: ErrorKind::Parameters, offset: 0 });
        let encryption = match p1 & ENCRYPTION {
            0x00 => Encryption::None,
            0x20 => Encryption::ApplicationDependent,
            0x60 => Encryption::Encrypted,
            _ => return reserved,
        };
        let structure = match p1 & STRUCTURE {
            0x00 => Structure::None,
            0x08 => Structure::Dgi,
            0x10 => Structure::BerTlv,
            _ => return reserved,
        };
        let format = StoreDataFormat { encryption, structure, answer: p1 & ANSWER != 0 };
        Ok(Self { format, last: p1 & LAST != 0, number: p2 })
    }

    /// The header of one block of a transfer.
    pub const fn of_block(format: StoreDataFormat, block: &Block) -> Self {
        Self { format, last: block.last, number: block.number }
    }

    /// The command header. Le is 00 when an answer may come, else absent.
    pub const fn header(self) -> Header {
        let encryption = match self.format.encryption {
            Encryption::None => 0x00,
            Encryption::ApplicationDependent => 0x20,
            Encryption::Encrypted => 0x60,
        };
        let structure = match self.format.structure {
            Structure::None => 0x00,
            Structure::Dgi => 0x08,
            Structure::BerTlv => 0x10,
        };
        let last = if self.last { LAST } else { 0 };
        let answer = if self.format.answer { ANSWER } else { 0 };
        Header { cla: Class::GP, ins: ins::STORE_DATA, p1: last | encryption | structure | answer, p2: self.number }
    }
}

/// The DGI that carries data objects of a security domain in DGI form.
pub const DATA_OBJECTS_DGI: u16 = 0x0070;

/// Data objects that every issuer security domain takes: provider id, image number, its own AID, card data, capability
/// information. A supplementary one takes `42`, `45`, `66` and `5F50`. GPCS 11.11.3.
pub const ISSUER_SECURITY_DOMAIN_OBJECTS: [Tag; 5] =
    [Tag::new(0x42), Tag::new(0x45), Tag::new(0x4F), Tag::new(0x66), Tag::new(0x67)];

/// Data objects that a supplementary security domain takes.
pub const SECURITY_DOMAIN_OBJECTS: [Tag; 4] = [Tag::new(0x42), Tag::new(0x45), Tag::new(0x66), Tag::new(0x5F50)];

/// Data objects that the card makes itself and nobody stores: security level, resources, counters. (The list of
/// applications, `2F00`, is no BER tag: it cannot even be sent as an object.)
pub const CARD_MADE_OBJECTS: [Tag; 4] = [Tag::new(0xD3), Tag::new(0xFF21), Tag::new(0xC1), Tag::new(0xC2)];
