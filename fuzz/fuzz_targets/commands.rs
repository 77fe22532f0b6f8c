//! See `gp_fuzz::commands`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: gp_fuzz::Commands| gp_fuzz::commands(&input));
