//! See `gp_fuzz::put_key`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| gp_fuzz::put_key(octets));
