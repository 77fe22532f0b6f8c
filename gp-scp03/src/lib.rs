//! GlobalPlatform Secure Channel Protocol 03 (Card Specification, Amendment D), host and card side.
//!
//! The layer between [`gp_apdu`] and card management: it opens a session from keys that both ends share, then protects
//! commands and answers in the buffers where they lie. No I/O, no allocation, no generator of its own.
//!
//! ```text
//!  host                                                              card
//!  Initiator                                                         Responder, Idle
//!    initialize_update  --- 80 50 KVN 00, host challenge ---------->   initialize_update
//!    challenged         <-- diversification data | KVN 03 i |          challenge           Challenged
//!                           card challenge | card cryptogram 9000
//!  Challenged               (here the host learns which keys it needs)
//!    authenticate       --- 84 82 level 00,                        >   external_authenticate
//!                           host cryptogram | C-MAC -------------->
//!    confirmed          <-- 9000 -----------------------------------                       Open
//!  SecureChannel
//!    wrap               --- command, encrypted, C-MAC ------------->   unwrap
//!    unwrap             <-- answer, encrypted, R-MAC, status word --   wrap                (again and again)
//!
//!    close                  a message that fails its protection                            Aborted: 6982 to everything
//! ```
//!
//! What the level protects: [`SecurityLevel`]. What came back says what it is worth: [`Reply`]. What no MAC reaches,
//! at any level: Le, the logical channel in the class octet (the card looks whether it is that of its session), and an
//! error status, which stands alone and which anybody on the wire can write.
//!
//! A whole session at level `33`, host and card in one program:
//!
//! ```
//! use gp_apdu::{Class, Command, CommandBuf, Form, Header, Le, LogicalChannel, Response, StatusWord, ins};
//! use gp_scp03::*;
//!
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! # let refused = |status: StatusWord| Error::Status(status);
//! // What both know: the keys. What each draws for the session: a challenge, from a generator that nobody can predict.
//! let mut keys = StaticKeys::new(Key::new(&[0x11; 16])?, Key::new(&[0x22; 16])?, Key::new(&[0x33; 16])?)?;
//! let host_challenge = Challenge::new(&[1, 2, 3, 4, 5, 6, 7, 8])?;
//! let card_challenge = Challenge::new(&[8, 7, 6, 5, 4, 3, 2, 1])?;
//! let (mut out, mut back) = ([0; 261], [0; 258]);
//!
//! // Host: INITIALIZE UPDATE, any key version.
//! let initiator = Initiator::new(host_challenge, LogicalChannel::BASIC, 0x00);
//! let command = initiator.initialize_update(&mut out)?;
//!
//! // Card: S8, R-MAC and R-ENCRYPTION, random challenge.
//! let mut card = Responder::new();
//! let info = KeySetInfo {
//!     diversification: [0; 10],
//!     key_version: 0x30,
//!     implementation: Implementation::new(0x60),
//!     sequence: None,
//! };
//! let request = card.initialize_update(&Command::parse(command)?, info.implementation).map_err(refused)?;
//! let length = card.challenge(&mut keys, &info, &request, &card_challenge, &mut back).map_err(refused)?;
//!
//! // Host: the card has proved itself, so EXTERNAL AUTHENTICATE goes out.
//! let challenged = initiator.challenged(Response { data: &back[..length], status: StatusWord::OK })?;
//! assert_eq!(challenged.info().key_version, 0x30);
//! let (authenticating, command) =
//!     challenged.authenticate(&mut keys, SecurityLevel::Full, ChallengePolicy::Off, &mut out)?;
//!
//! // Card: the host has proved itself. Host: a session counts when the card has said so.
//! let length = command.len();
//! let level = card.external_authenticate(&mut CommandBuf::parse(&mut out, length)?).map_err(refused)?;
//! assert_eq!(level, SecurityLevel::Full);
//! let mut host = authenticating.confirmed(Response { data: &[], status: StatusWord::OK })?;
//!
//! // Host: a command of the application, protected where it lies.
//! let mut command = CommandBuf::new(&mut out, Header::new(Class::GP, ins::GET_STATUS, 0x80, 0x02), Form::Short)?;
//! command.push(&[0x4F, 0x00])?.expect(Le::MAX_SHORT);
//! host.wrap(&mut command)?;
//! let length = command.finish()?.len();
//! assert_eq!((length, out[0]), (5 + 16 + 8 + 1, 0x84));
//!
//! // Card: the same command again, and an answer.
//! let mut command = CommandBuf::parse(&mut out, length)?;
//! assert_eq!(card.unwrap(&mut command), Ok(Some(SecurityLevel::Full)));
//! assert_eq!((command.header().cla, command.data()), (Class::GP, &[0x4F, 0x00][..]));
//! back[..5].copy_from_slice(b"hello");
//! let length = card.wrap(&mut back, 5, StatusWord::OK)?.len();
//! assert_eq!(length, 16 + 8 + 2);
//!
//! // Host: it was the card that answered, this command and no other.
//! match host.unwrap(&mut back[..length])? {
//!     Reply::Authentic(answer) => assert_eq!((answer.data, answer.status), (&b"hello"[..], StatusWord::OK)),
//!     other => panic!("{other:?}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Feature `cached-keys` (default) keeps expanded key schedules in the session, from its first message on, instead of making
//! them for each message: about 1.3 instead of 0.2 kilobytes on x86-64, the same octets on the wire.
//!
//! Feature `external-aes` (not default) lets an AES engine of the device compute with the session keys, a block at a time:
//! `ExternalAes`, by `KeySource::session_aes`.
#![no_std]

#[cfg(test)]
extern crate std;

mod challenge;
mod cipher;
mod cmac;
mod command;
mod cryptogram;
mod drbg;
mod error;
mod expanded_keys;
mod external_aes;
mod initiator;
mod kdf;
mod kernel;
mod key;
mod level;
mod message;
mod padding;
mod place;
mod quirks;
mod responder;
mod response;
mod script;
mod scrub;
mod secure_channel;
mod session;
mod state;

pub use challenge::{Challenge, ChallengePolicy, ChallengeVerdict, Mode, SequenceCounter};
pub use drbg::{CtrDrbg128, CtrDrbg256, DrbgError};
pub use error::Error;
pub use expanded_keys::ExpandedKeys;
#[cfg(feature = "external-aes")]
pub use external_aes::{BlockFunction, ExternalAes, SessionAes};
pub use initiator::{Authenticating, Challenged, Initiator};
pub use key::{Key, KeyId, KeyLength, KeySource, StaticKeys};
pub use level::{Implementation, RMacSession, SecurityLevel};
pub use message::{InitializeUpdate, InitializeUpdateResponse, KeySetInfo};
pub use quirks::Quirks;
pub use responder::{Responder, ResponderState};
pub use script::{Foreseen, ReplyKey, Script, Target};
pub use secure_channel::{Reply, SecureChannel};
pub use session::SessionKeys;
pub use state::State;

/// The derivation of Amendment D 4.1.5 in the open, for tools that verify vectors. A program that manages cards does not need it.
pub mod hazmat {
    pub use crate::kdf::{Constant, derive};
}

/// The code of the README is tested like that of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
