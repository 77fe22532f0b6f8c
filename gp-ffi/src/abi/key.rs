//! One AES key: for tokens, receipts and DAP.

use gp_scp03::Key;

use super::sizes::GP_KEY_WORDS;
use super::{Context, begin, code, done, end, octets};
use crate::status::gp_status;

/// One AES key. Zeroed memory, then `gp_key_init`; `gp_key_close` wipes it.
#[repr(C)]
#[derive(Debug)]
pub struct gp_key {
    opaque: [u64; GP_KEY_WORDS],
}

impl Context for gp_key {
    type Value = Key;
    const MARK: usize = 0x004B_4559;
}

/// Takes a key of 16, 24 or 32 octets, which are copied.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_key_init(key: *mut gp_key, octets: *const u8, len: usize) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let value = Key::new(unsafe { self::octets(octets, len)? }).map_err(code)?;
        // SAFETY: the caller's promise.
        unsafe { begin(key, value) }
    };
    done(outcome())
}

/// Wipes the key. Twice is fine, and so is null.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_key_close(key: *mut gp_key) {
    // SAFETY: the caller's promise.
    unsafe { end(key) };
}
