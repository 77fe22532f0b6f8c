//! What a program asks of valgrind's memcheck while it runs under it: nothing happens elsewhere.
//!
//! ```text
//!  rol rdi, 3; rol rdi, 13; rol rdi, 61; rol rdi, 51     turns rdi once around: no compiler makes that
//!  xchg rbx, rbx                                         rax: six words, the request first; rdx: the answer
//! ```
//!
//! On x86-64 alone. On other processors every request is answered 0.

#![no_std]

/// The requests, by the numbers of valgrind's manual (`valgrind.h`, `memcheck.h`).
const RUNNING: usize = 0x1001;
const COUNT_ERRORS: usize = 0x1201;
const MAKE_UNDEFINED: usize = 0x4D43_0001;
const MAKE_DEFINED: usize = 0x4D43_0002;

#[cfg(target_arch = "x86_64")]
fn request(number: usize, first: usize, second: usize) -> usize {
    let words = [number, first, second, 0, 0, 0];
    let mut answer = 0_usize;
    // SAFETY: outside of valgrind this turns rdi once around and exchanges rbx with itself: no effect. Under valgrind the
    // six words are read and rdx is written.
    unsafe {
        core::arch::asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            in("rax") words.as_ptr(),
            inout("rdx") answer,
            options(nostack),
        );
    }
    answer
}

#[cfg(not(target_arch = "x86_64"))]
fn request(_: usize, _: usize, _: usize) -> usize {
    0
}

/// Does the program run under valgrind?
#[must_use]
pub fn is_watching() -> bool {
    request(RUNNING, 0, 0) != 0
}

/// How many errors valgrind has seen so far, repeated ones included.
#[must_use]
pub fn errors() -> usize {
    request(COUNT_ERRORS, 0, 0)
}

/// From now on a branch on these octets, or an address made of them, is an error.
pub fn make_undefined(octets: &[u8]) {
    request(MAKE_UNDEFINED, octets.as_ptr().addr(), octets.len());
}

/// From now on these octets are like any others.
pub fn make_defined(octets: &[u8]) {
    request(MAKE_DEFINED, octets.as_ptr().addr(), octets.len());
}
