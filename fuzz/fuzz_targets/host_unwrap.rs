//! See `gp_fuzz::host_unwrap`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: gp_fuzz::HostUnwrap<'_>| gp_fuzz::host_unwrap(&input));
