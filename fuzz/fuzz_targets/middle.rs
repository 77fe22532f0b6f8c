//! See `gp_fuzz::middle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: gp_fuzz::Middle<'_>| gp_fuzz::middle(&input));
