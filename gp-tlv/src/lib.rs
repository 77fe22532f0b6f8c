//! BER-TLV and DGI-TLV as GlobalPlatform uses them, read and written in place.
//!
//! The lowest layer of the workspace: it knows octets, tags and lengths, not what they mean ([`tags`] only lists names).
//! Nothing is copied when reading, nothing is allocated, and no input makes it panic.
//!
//! ```text
//!   tag 1-3 octets      length 1-5 octets            value
//!  +----------------+ +------------------------+ +-----------------+
//!  | 9F 70          | | 00..7F                 | | length octets   |
//!  | b6 = 1:        | | 81 xx                  | | a constructed   |
//!  | constructed    | | 82 xx xx .. 84 xxxxxxxx| | value holds TLV |
//!  +----------------+ +------------------------+ +-----------------+
//! ```
//!
//! **BER, not DER.** Cards send lengths that are longer than needed; they are accepted and never written. So
//! `parse(emit(x)) == x` holds and the reverse does not. Refused are the indefinite length `80`, lengths of more than
//! four octets, tags of more than three octets, a second tag octet `80`, and more than [`MAX_DEPTH`] templates inside
//! each other.
//!
//! **Positions.** An [`Error`] names an octet of the outermost message, also three templates down.
//!
//! ```
//! use gp_tlv::{Error, ErrorKind, Reader, Writer, find_path, tags::fci};
//!
//! // The answer of a card to SELECT: 6F { 84 AID, A5 { 9F65 longest command data } }
//! let mut buf = [0; 32];
//! let mut out = Writer::new(&mut buf);
//! out.nested(fci::TEMPLATE, |fci| {
//!     fci.tlv(fci::AID, &[0xA0, 0x00, 0x00, 0x01, 0x51])?;
//!     fci.nested(fci::PROPRIETARY_DATA, |data| {
//!         data.tlv(fci::MAX_COMMAND_DATA, &[0xFF])?;
//!         Ok(())
//!     })?;
//!     Ok(())
//! })?;
//! let answer = out.finish();
//!
//! let mut reader = Reader::new(answer);
//! let aid = reader.nested(fci::TEMPLATE, |fci| fci.expect(fci::AID))?;
//! reader.finish()?;
//! assert_eq!(aid, [0xA0, 0x00, 0x00, 0x01, 0x51]);
//!
//! let max = find_path(answer, &[fci::TEMPLATE, fci::PROPRIETARY_DATA, fci::MAX_COMMAND_DATA])?;
//! assert_eq!(max, Some(&[0xFF][..]));
//!
//! // Cut inside A5: the object 9F65 has no length octet, which would be octet 6.
//! let cut = [0x6F, 0x04, 0xA5, 0x02, 0x9F, 0x65];
//! let error = find_path(&cut, &[fci::TEMPLATE, fci::PROPRIETARY_DATA, fci::MAX_COMMAND_DATA]);
//! assert_eq!(error, Err(Error::new(ErrorKind::Truncated, 6)));
//! # Ok::<(), Error>(())
//! ```
//!
//! References: GPCS is the GlobalPlatform Card Specification 2.3.1, BER is ISO/IEC 8825-1 as profiled by
//! ISO/IEC 7816-4 5.2.2, DGI is EMV Card Personalization Specification.
#![no_std]

#[cfg(test)]
extern crate std;

mod dgi;
mod error;
mod parse;
mod reader;
mod tag;
pub mod tags;
mod writer;

pub use dgi::{Dgi, DgiReader, DgiWriter};
pub use error::{Error, ErrorKind};
pub use reader::{MAX_DEPTH, Reader, Tlv, find_path};
pub use tag::{Tag, TagClass};
pub use writer::{Writer, encoded_len, length_len};

/// Runs the code of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
