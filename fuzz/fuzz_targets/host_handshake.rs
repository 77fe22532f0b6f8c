//! See `gp_fuzz::host_handshake`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| gp_fuzz::host_handshake(octets));
