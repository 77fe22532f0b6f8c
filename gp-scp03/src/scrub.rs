//! Overwriting the dead stack below the caller, where moved keys and expanded schedules were.

/// Words as deep as the deepest call of the handshake was measured to reach, with a margin: on 64-bit processors with
/// AES instructions the schedules of a session are copied several times while it is made; small targets keep raw keys,
/// have small frames and little stack to spare.
const DEPTH: usize = match (cfg!(target_pointer_width = "64"), cfg!(feature = "cached-keys")) {
    (true, true) => 2048,
    (true, false) => 768,
    (false, true) => 512,
    (false, false) => 96,
};

/// Wipes [`DEPTH`] words of the stack below the caller's frame. It must stay a call of its own: inlined, it would wipe a
/// part of the caller's frame instead. What it is to wipe must have been in a call of its own, too: `#[inline(never)]`.
#[inline(never)]
pub(crate) fn scrub_stack() {
    let below = [0_u64; DEPTH];
    // The zeros are the wiping; the barrier sees to it that they are written, once.
    zeroize::optimization_barrier(&below);
}

/// Words as deep as one use of a single key reaches: a schedule, and spilled registers with parts of it.
const KEY_DEPTH: usize = if cfg!(target_pointer_width = "64") { 256 } else { 96 };

/// The same after one use of a single key, whose schedule is below.
#[inline(never)]
pub(crate) fn scrub_key() {
    let below = [0_u64; KEY_DEPTH];
    zeroize::optimization_barrier(&below);
}

/// The same after a message. With cached keys no schedule is made for it, and nothing is done; with raw keys the schedules
/// of the message are below.
#[inline(always)]
pub(crate) fn scrub_message() {
    if !cfg!(feature = "cached-keys") {
        scrub_stack();
    }
}
