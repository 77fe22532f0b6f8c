//! ISO 7816-4 commands and responses in the caller's buffers: the layer between a secure channel and a card reader.
//!
//! ```text
//!   secure channel, applications          protected or plain commands and whole responses
//!  --------------------------------------------------------------------------------------
//!   CommandBuf   Command   Response       this crate: what the octets mean
//!   Exchange                              this crate: command chaining, 61xx, 6Cxx
//!  --------------------------------------------------------------------------------------
//!   Transport, AsyncTransport             PC/SC, T=1, I2C, ...: octets out, octets in
//! ```
//!
//! A command is a four-octet header, then a body that has one of the ISO cases; a response is data, then a status word:
//!
//! ```text
//!                 header               body
//!  case 1    CLA INS P1 P2
//!  case 2    CLA INS P1 P2                          Le     short: Lc and Le are 1 octet each
//!  case 3    CLA INS P1 P2     Lc   data ... data          extended: Lc is 00 hh ll, Le is hh ll,
//!  case 4    CLA INS P1 P2     Lc   data ... data   Le     or 00 hh ll when there is no Lc
//!
//!  response  data ... data  SW1 SW2
//! ```
//!
//! Everything borrows: [`Command`] and [`Response`] are views of received octets, [`CommandBuf`] builds and edits a
//! command where it lies, so that a secure channel encrypts in place and appends its MAC. What was asked for is what is
//! sent: neither Le nor the [`Form`] (short, extended, chained) is ever changed behind the caller's back.
//!
//! ```
//! use gp_apdu::{Class, CommandBuf, Exchange, Form, Header, Le, Response, StatusWord, Transport, ins};
//!
//! /// Stands in for a reader: answers SELECT with an empty file control template.
//! struct Card;
//! impl Transport for Card {
//!     type Error = core::convert::Infallible;
//!     fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Self::Error> {
//!         assert_eq!(command, [0x00, 0xA4, 0x04, 0x00, 0x05, 0xA0, 0x00, 0x00, 0x01, 0x51, 0x00]);
//!         response[..4].copy_from_slice(&[0x6F, 0x00, 0x90, 0x00]);
//!         Ok(4)
//!     }
//! }
//!
//! let (mut out, mut back) = ([0; 261], [0; 258]);
//! let mut select = CommandBuf::new(&mut out, Header::new(Class::ISO, ins::SELECT, 0x04, 0x00), Form::Short)?;
//! select.push(&[0xA0, 0x00, 0x00, 0x01, 0x51])?.expect(Le::MAX_SHORT);
//!
//! let exchange = Exchange::start(select, false)?;
//! let answer = exchange.run(&mut Card, &mut out, &mut back)?;
//! let answer = Response::parse(answer)?;
//! assert_eq!(answer.data, [0x6F, 0x00]);
//! assert_eq!(answer.status, StatusWord::OK);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]

#[cfg(test)]
extern crate std;

mod class;
mod command;
mod command_buf;
mod error;
mod exchange;
pub mod ins;
mod parse;
mod response;
mod status;
mod transport;

pub use class::{Class, Coding, LogicalChannel, SecureMessaging};
pub use command::{Chaining, Command, Form, Header, LcField, Le};
pub use command_buf::CommandBuf;
pub use error::Error;
pub use exchange::{Exchange, ExchangeError, Progress};
pub use response::Response;
pub use status::{StatusKind, StatusWord};
pub use transport::{AsyncTransport, Transport};

/// The code of the README is tested like that of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
