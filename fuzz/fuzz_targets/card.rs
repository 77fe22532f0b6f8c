//! See `gp_fuzz::card`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| gp_fuzz::card(octets));
