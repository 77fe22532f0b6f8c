//! See `gp_fuzz::objects`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| gp_fuzz::objects(octets));
