//! GlobalPlatform Secure Channel Protocol 03 (Card Specification, Amendment D), host and card side.
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
mod initiator;
mod kdf;
mod kernel;
mod key;
mod level;
mod message;
mod padding;
mod quirks;
mod responder;
mod response;
mod scrub;
mod secure_channel;
mod session;
mod state;

pub use challenge::{Challenge, ChallengePolicy, ChallengeVerdict, Mode, SequenceCounter};
pub use drbg::{CtrDrbg128, CtrDrbg256, DrbgError};
pub use error::Error;
pub use initiator::{Authenticating, Challenged, Initiator};
pub use key::{Key, KeyId, KeyLength, KeySource, StaticKeys};
pub use level::{Implementation, RMacSession, SecurityLevel};
pub use message::{InitializeUpdate, InitializeUpdateResponse, KeySetInfo};
pub use quirks::Quirks;
pub use responder::{Responder, ResponderState};
pub use secure_channel::{Reply, SecureChannel};
pub use session::SessionKeys;
pub use state::State;

/// The derivation of Amendment D 4.1.5 in the open, for tools that verify vectors. A program that manages cards does not need it.
pub mod hazmat {
    pub use crate::kdf::{Constant, derive};
}
