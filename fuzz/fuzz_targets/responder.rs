//! See `gp_fuzz::responder`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| gp_fuzz::responder(octets));
