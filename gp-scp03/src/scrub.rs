//! Overwriting the dead stack below the caller, where moved keys and expanded schedules were.

use zeroize::Zeroize;

/// As deep as the deepest call of the handshake: schedules of the longest key, subkeys, derivation blocks.
/// A 32-bit target has smaller frames, and less stack to spare.
const DEPTH: usize = if cfg!(target_pointer_width = "64") { 4096 } else { 1024 };

/// Wipes [`DEPTH`] octets of the stack below the caller's frame. It must stay a call of its own: inlined, it would
/// wipe a part of the caller's frame instead.
#[inline(never)]
pub(crate) fn scrub_stack() {
    let mut below = [0_u8; DEPTH];
    below.zeroize();
}
