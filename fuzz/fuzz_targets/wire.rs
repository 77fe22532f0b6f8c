//! See `gp_fuzz::wire`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: gp_fuzz::Wire<'_>| gp_fuzz::wire(&input));
