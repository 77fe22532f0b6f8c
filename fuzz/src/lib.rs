//! The bodies of the fuzz targets: each takes arbitrary octets and panics when a law is broken.
//!
//! They live in a library so that the fuzzer's binaries and the replay of the corpus run the same code.

mod apdu;
mod tlv;

pub use apdu::apdu;
pub use tlv::tlv;
