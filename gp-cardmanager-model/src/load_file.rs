//! LOAD, `80 E8 P1 P2`: a load file in blocks.
//!
//! ```text
//!  P1  00 more blocks follow, 80 last block     P2  block number 00, 01, .. FF; never wraps
//!
//!  E2 LL { 4F LL security domain AID | C3 LL signature }    DAP block; none, one or more
//!  C4 LL load file data block                               clear
//!  or [D3 LL ICV, 8 or 16 octets]  D4 LL ciphered load file data block
//! ```
//! Blocks are cut anywhere; TLV borders do not matter. The answer is `00`, to the last block under delegated management
//! a [`confirmation`](crate::confirmation). GPCS 11.6.2, tables 11-58 and C-1, C-2.
//!
//! The host: [`LoadFile`] writes what comes before the data block, [`Blocks`] cuts, [`Parts`] fills each block from pieces.
//! The card: [`BlockCounter`] checks P2, [`LoadFileParser`] reads the blocks as they come, with no memory for the file.

mod block;
mod parser;
#[cfg(test)]
mod tests;

pub use block::{Block, BlockCounter, Blocks, MAX_BLOCKS, Parts};
pub use parser::{Event, Icv, LoadFileParser};

use crate::aid::Aid;
use crate::error::{Error, ErrorKind};
use crate::lv::Out;
use gp_apdu::{Class, Header, ins};

/// DAP block.
const DAP: u8 = 0xE2;
/// AID of the security domain of a DAP block.
const DAP_AID: u8 = 0x4F;
/// Signature of a DAP block.
const DAP_SIGNATURE: u8 = 0xC3;
/// Load file data block.
const DATA_BLOCK: u8 = 0xC4;
/// Initial chaining vector of the ciphered block.
const ICV: u8 = 0xD3;
/// Ciphered load file data block.
const CIPHERED: u8 = 0xD4;

/// P1 of the last block.
const LAST: u8 = 0x80;

/// The header of one LOAD command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LoadBlock {
    /// Whether this is the last block.
    pub last: bool,
    /// Block number.
    pub number: u8,
}

impl LoadBlock {
    /// Reads P1 and P2.
    ///
    /// # Errors
    /// `Parameters` for a P1 other than 00 and 80.
    pub const fn parse(p1: u8, p2: u8) -> Result<Self, Error> {
        match p1 {
            0x00 => Ok(Self { last: false, number: p2 }),
            LAST => Ok(Self { last: true, number: p2 }),
            _ => Err(Error { kind: ErrorKind::Parameters, offset: 0 }),
        }
    }

    /// The command header; Le is 00.
    pub const fn header(self) -> Header {
        Header { cla: Class::GP, ins: ins::LOAD, p1: if self.last { LAST } else { 0 }, p2: self.number }
    }
}

/// A DAP block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dap<'a> {
    /// The security domain that verifies.
    pub security_domain: Aid,
    /// Its signature over the load file data block hash.
    pub signature: &'a [u8],
}

impl Dap<'_> {
    /// Octets inside `E2`.
    fn inner_len(&self) -> usize {
        let aid = self.security_domain.as_bytes().len();
        object_len(aid).saturating_add(object_len(self.signature.len()))
    }
}

/// How the data block is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content<'a> {
    /// `C4`.
    Plain {
        /// Octets of the load file data block.
        len: usize,
    },
    /// `D4`, enciphered by the caller.
    Ciphered {
        /// Initial chaining vector, 8 or 16 octets; `None` = zero, and no `D3`.
        icv: Option<&'a [u8]>,
        /// Octets of the ciphered block.
        len: usize,
    },
}

/// A load file without the octets of its data block, which may be anywhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LoadFile<'a> {
    /// DAP blocks, in the order in which they are sent.
    pub daps: &'a [Dap<'a>],
    /// Form and length of the data block.
    pub content: Content<'a>,
}

impl LoadFile<'_> {
    /// Octets before those of the data block: what [`emit_head`](Self::emit_head) writes.
    pub fn head_len(&self) -> usize {
        let daps = self.daps.iter().map(|dap| object_len(dap.inner_len()));
        let icv = match self.content {
            Content::Ciphered { icv: Some(icv), .. } => object_len(icv.len()),
            _ => 0,
        };
        let len = self.content_len();
        let header = object_len(len).saturating_sub(len);
        daps.chain([icv, header]).fold(0, usize::saturating_add)
    }

    /// Octets of the whole load file.
    pub fn encoded_len(&self) -> usize {
        self.head_len().saturating_add(self.content_len())
    }

    const fn content_len(&self) -> usize {
        match self.content {
            Content::Plain { len } | Content::Ciphered { len, .. } => len,
        }
    }

    /// Writes everything before the octets of the data block: DAP blocks, ICV, tag and length.
    ///
    /// # Errors
    /// `BadLength` for an empty data block or signature, an ICV that is not of 8 or 16 octets, or more than 16 MiB;
    /// `BufferFull`.
    pub fn emit_head<'b>(&self, buf: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        let mut out = Out::new(buf);
        for dap in self.daps {
            if dap.signature.is_empty() {
                return Err(Error::at(ErrorKind::BadLength, out.len()));
            }
            open(&mut out, DAP, dap.inner_len())?;
            object(&mut out, DAP_AID, dap.security_domain.as_bytes())?;
            object(&mut out, DAP_SIGNATURE, dap.signature)?;
        }
        if self.content_len() == 0 {
            return Err(Error::at(ErrorKind::BadLength, out.len()));
        }
        match self.content {
            Content::Plain { len } => open(&mut out, DATA_BLOCK, len)?,
            Content::Ciphered { icv, len } => {
                match icv {
                    None => (),
                    Some(icv) if [8, 16].contains(&icv.len()) => object(&mut out, ICV, icv)?,
                    Some(_) => return Err(Error::at(ErrorKind::BadLength, out.len())),
                }
                open(&mut out, CIPHERED, len)?;
            }
        }
        Ok(out.finish())
    }
}

/// Octets of an object with a 1-octet tag and a value of `len` octets.
const fn object_len(len: usize) -> usize {
    let head = match len {
        0..=0x7F => 2,
        0x80..=0xFF => 3,
        0x100..=0xFFFF => 4,
        _ => 5,
    };
    len.saturating_add(head)
}

/// Writes tag and length.
fn open(out: &mut Out<'_>, tag: u8, len: usize) -> Result<(), Error> {
    let too_long = Error::at(ErrorKind::BadLength, out.len());
    out.octet(tag)?;
    match u32::try_from(len).map_err(|_| too_long)?.to_be_bytes() {
        [0, 0, _, _] => out.length(len)?,
        [0, a, b, c] => out.put(&[0x83, a, b, c])?,
        _ => return Err(too_long),
    };
    Ok(())
}

/// Writes a whole object.
fn object(out: &mut Out<'_>, tag: u8, value: &[u8]) -> Result<(), Error> {
    open(out, tag, value.len())?;
    out.put(value)?;
    Ok(())
}
