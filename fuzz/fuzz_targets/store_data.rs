//! See `gp_fuzz::store_data`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| gp_fuzz::store_data(octets));
