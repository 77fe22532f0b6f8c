//! See `gp_fuzz::dgi`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| gp_fuzz::dgi(octets));
