//! See `gp_fuzz::ffi`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: gp_fuzz::Ffi<'_>| gp_fuzz::ffi(&input));
