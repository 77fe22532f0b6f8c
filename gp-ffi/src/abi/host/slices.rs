//! Octets that lie in several places.

use crate::abi::{Outcome, addressable, gp_slice, is_usable, octets};
use crate::status::GP_E_ARGUMENT;

/// Slices of C, one after the other. All of them were looked at when this was made.
#[derive(Clone, Debug)]
pub(super) struct Slices {
    next: *const gp_slice,
    left: usize,
}

impl Slices {
    /// So many slices from here on, one at least.
    ///
    /// # Safety
    /// They are there, and they and their octets stay as they are as long as this and what it gives lives.
    pub(super) unsafe fn new(first: *const gp_slice, count: usize) -> Outcome<Self> {
        if count == 0 || !is_usable(first) || !addressable(first, count) {
            return Err(GP_E_ARGUMENT);
        }
        for at in 0..count {
            // SAFETY: the caller's promise; usable.
            unsafe {
                let slice = first.add(at).read();
                octets(slice.ptr, slice.len)?;
            }
        }
        Ok(Self { next: first, left: count })
    }

    /// How many are left.
    pub(super) const fn len(&self) -> usize {
        self.left
    }

    /// Octets of all that are left.
    pub(super) fn octets(&self) -> usize {
        self.clone().map(<[u8]>::len).fold(0, usize::saturating_add)
    }
}

impl Iterator for Slices {
    type Item = &'static [u8];

    fn next(&mut self) -> Option<&'static [u8]> {
        self.left = self.left.checked_sub(1)?;
        // SAFETY: so many slices are there, and they stay; all were looked at at the beginning.
        unsafe {
            let slice = self.next.read();
            self.next = self.next.add(1);
            octets(slice.ptr, slice.len).ok()
        }
    }
}
