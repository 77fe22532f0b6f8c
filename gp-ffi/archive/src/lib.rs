//! The static library: everything that `gp-ffi` exports, and the panic handler that a program must have.
#![no_std]

pub use gp_ffi::*;

/// Never called: a gate of the project proves that nothing in the library can panic. A program that links this archive
/// into a microcontroller does not even contain it.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
