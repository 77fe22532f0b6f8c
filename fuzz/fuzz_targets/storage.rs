//! See `gp_fuzz::storage`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: gp_fuzz::Storage| gp_fuzz::storage(&input));
