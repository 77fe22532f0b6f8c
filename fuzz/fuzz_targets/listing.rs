//! See `gp_fuzz::listing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| gp_fuzz::listing(octets));
