//! The C interface: everything that the other crates do, for a program without heap, operating system or Rust.
//!
//! ```text
//!  C program      contexts, buffers, tables of functions: all memory is the caller's
//!  ----------------------------------------------------------------------------------
//!  abi            checks every pointer, length and context, then calls           the only unsafe code
//!  status         every error of every crate as one number
//!  ----------------------------------------------------------------------------------
//!  gp-cardmanager-model | gp-scp03 | gp-apdu | gp-tlv
//! ```
//!
//! The header is `include/gp.h`; the README shows how to link it. This crate is an ordinary library: the static library
//! and its panic handler come from `archive/`, a manifest that a vendor in whose program two Rust libraries meet copies.
#![no_std]

#[cfg(test)]
extern crate std;

#[allow(unsafe_code, reason = "the module whose job is the boundary to C")]
pub mod abi;
pub mod status;
