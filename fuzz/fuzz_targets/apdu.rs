//! See `gp_fuzz::apdu`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| gp_fuzz::apdu(octets));
