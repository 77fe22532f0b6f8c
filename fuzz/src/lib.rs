//! The bodies of the fuzz targets: each takes arbitrary octets, or a structured value made of them, and panics when a law is
//! broken.
//!
//! They live in a library so that the fuzzer's binaries and the replay of the corpus run the same code.

mod edit;
mod laws;
mod ops;
mod world;

mod apdu;
mod bodies;
mod cap;
mod card;
mod commands;
mod dgi;
mod ffi;
mod host_handshake;
mod host_unwrap;
mod install;
mod listing;
mod load_file;
mod middle;
mod objects;
mod put_key;
mod responder;
mod storage;
mod store_data;
mod tlv;
mod tlv_differential;
mod wire;

pub use apdu::apdu;
pub use bodies::bodies;
pub use cap::cap;
pub use card::card;
pub use commands::{Commands, commands};
pub use dgi::dgi;
pub use edit::Edit;
pub use ffi::{Ffi, ffi};
pub use host_handshake::host_handshake;
pub use host_unwrap::{HostUnwrap, host_unwrap};
pub use install::install;
pub use listing::listing;
pub use load_file::load_file;
pub use middle::{Middle, middle};
pub use objects::objects;
pub use ops::{Name, Op, Rights, Small, Version};
pub use put_key::put_key;
pub use responder::responder;
pub use storage::{Storage, storage};
pub use store_data::store_data;
pub use tlv::tlv;
pub use tlv_differential::tlv_differential;
pub use wire::{Wire, wire};
