//! See `gp_fuzz::tlv_differential`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| gp_fuzz::tlv_differential(octets));
