//! Overwriting the dead stack below the caller, where moved keys and expanded schedules were.

use core::mem::MaybeUninit;

/// Words as deep as the deepest call was measured to reach, with a margin: where the schedules of a session are kept, those
/// that make and use them, 5 kilobytes. Small targets keep raw keys, have small frames and little stack to spare.
const DEPTH: usize = match (cfg!(target_pointer_width = "64"), cfg!(feature = "cached-keys")) {
    (true, _) => 768,
    (false, true) => 768,
    (false, false) => 96,
};

/// The same for the derivation of a session by the host: 2 kilobytes. Bit-sliced in words of 32 bits, a schedule is deeper.
#[cfg(feature = "cached-keys")]
const DERIVATION_DEPTH: usize = if cfg!(target_pointer_width = "64") { 384 } else { 640 };

/// Words wiped at a time. A kilobyte is written in vectors, and faster than by the instruction for strings, which C libraries
/// take for more.
const STEP: usize = if DEPTH > 128 { 128 } else { DEPTH };

/// Wipes [`DEPTH`] words of the stack below the caller's frame. It must stay a call of its own: inlined, it would wipe a
/// part of the caller's frame instead. What it is to wipe must have been in a call of its own, too: `#[inline(never)]`.
#[inline(never)]
pub(crate) fn scrub_stack() {
    wipe::<{ DEPTH / STEP }>();
}

#[cfg(not(feature = "cached-keys"))]
pub(crate) use scrub_stack as scrub_derivation;

/// The same after a derivation.
#[cfg(feature = "cached-keys")]
#[inline(never)]
pub(crate) fn scrub_derivation() {
    wipe::<{ DERIVATION_DEPTH / STEP }>();
}

#[inline(always)]
fn wipe<const STEPS: usize>() {
    let mut below = [const { MaybeUninit::<[u64; STEP]>::uninit() }; STEPS];
    for step in &mut below {
        step.write([0; STEP]);
        // The zeros are the wiping; the barrier sees to it that they are written, once.
        zeroize::optimization_barrier(step);
    }
}

/// Words as deep as one use of a single key reaches: a schedule, and spilled registers with parts of it. With `cached-keys`
/// software decrypts several blocks side by side, with a schedule four times as wide.
const KEY_DEPTH: usize = match (cfg!(target_pointer_width = "64"), cfg!(feature = "cached-keys")) {
    (true, _) => 448,
    (false, true) => 384,
    (false, false) => 96,
};

/// The same after one use of a single key, whose schedule is below.
#[inline(never)]
pub(crate) fn scrub_key() {
    wipe::<{ KEY_DEPTH.div_ceil(STEP) }>();
}

/// Words as deep as the generator reaches: it makes its cipher in calls of its own, and moves it.
const GENERATOR_DEPTH: usize = if cfg!(target_pointer_width = "64") { 640 } else { 160 };

/// The same after one use of the generator.
#[inline(never)]
pub(crate) fn scrub_generator() {
    wipe::<{ GENERATOR_DEPTH.div_ceil(STEP) }>();
}

/// The same after a message. With cached keys no schedule is made for it, and nothing is done; with raw keys the schedules
/// of the message are below.
#[inline(always)]
pub(crate) fn scrub_message() {
    if !cfg!(feature = "cached-keys") {
        scrub_stack();
    }
}
