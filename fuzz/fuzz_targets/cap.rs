//! See `gp_fuzz::cap`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| gp_fuzz::cap(octets));
