//! See `gp_fuzz::install`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| gp_fuzz::install(octets));
