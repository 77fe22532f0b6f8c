//! Moving octets inside one buffer.

use core::ops::Range;

/// Moves the octets of `from` to `to`, in range or not. `copy_within` could panic for all the compiler knows.
pub(crate) fn move_within(octets: &mut [u8], from: Range<usize>, to: usize) {
    let length = from.len();
    for at in 0..length {
        // Where the two places overlap, no octet is overwritten before it has moved.
        let at = if to < from.start { at } else { length.saturating_sub(1).saturating_sub(at) };
        let octet = octets.get(from.start.saturating_add(at)).copied().unwrap_or(0);
        octets.get_mut(to.saturating_add(at)).into_iter().for_each(|place| *place = octet);
    }
}
