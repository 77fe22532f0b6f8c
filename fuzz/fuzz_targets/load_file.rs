//! See `gp_fuzz::load_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| gp_fuzz::load_file(octets));
