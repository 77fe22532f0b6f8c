//! See `gp_fuzz::tlv`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| gp_fuzz::tlv(octets));
