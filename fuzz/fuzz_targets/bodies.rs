//! See `gp_fuzz::bodies`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| gp_fuzz::bodies(octets));
