//! AES of a device, for the session keys (feature `external-aes`).

use core::ffi::c_void;

use gp_scp03::{Error, KeyId, KeyLength, KeySource};

#[cfg(feature = "external-aes")]
use gp_scp03::ExternalAes;

use super::{Outcome, object};
use crate::status::GP_E_ARGUMENT;
#[cfg(not(feature = "external-aes"))]
use crate::status::GP_E_UNSUPPORTED;

/// AES of one block under one key: the forward cipher or its inverse, on the 16 octets of `block` where they are, under a
/// key of 16, 24 or 32 octets. Answers 0 when it did.
#[allow(non_camel_case_types, reason = "its name in C")]
pub type gp_aes_block =
    Option<unsafe extern "C" fn(context: *mut c_void, key: *const u8, key_len: usize, block: *mut u8) -> i32>;

/// The AES engine of a device. The session keys lie in the session; the engine is handed one of them with each block, and
/// keeps nothing from call to call.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_aes {
    /// Handed to the functions.
    pub context: *mut c_void,
    /// The forward cipher.
    pub encrypt: gp_aes_block,
    /// The inverse cipher: for answers with R-ENCRYPTION.
    pub decrypt: gp_aes_block,
}

/// The engine that a session was given, if there is one. Without the feature there never is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Engine {
    #[cfg(feature = "external-aes")]
    aes: Option<ExternalAes>,
}

impl Engine {
    pub(super) const NONE: Self = Self {
        #[cfg(feature = "external-aes")]
        aes: None,
    };

    /// The one at this place, which has both functions.
    ///
    /// # Safety
    /// A pointer that is usable points to a structure that stays as it is, for as long as this is used.
    pub(super) unsafe fn at(aes: *const gp_aes) -> Outcome<Self> {
        // SAFETY: the caller's promise.
        let gp_aes { encrypt: Some(_), decrypt: Some(_), .. } = (unsafe { object(aes)? }) else {
            return Err(GP_E_ARGUMENT);
        };
        Self::of(aes)
    }

    #[cfg(feature = "external-aes")]
    fn of(aes: *const gp_aes) -> Outcome<Self> {
        Ok(Self { aes: Some(ExternalAes { context: aes.expose_provenance(), encrypt, decrypt }) })
    }

    #[cfg(not(feature = "external-aes"))]
    const fn of(_: *const gp_aes) -> Outcome<Self> {
        Err(GP_E_UNSUPPORTED)
    }
}

#[cfg(feature = "external-aes")]
fn encrypt(place: usize, key: &[u8], block: &mut [u8; 16]) -> bool {
    call(place, |aes| aes.encrypt, key, block)
}

#[cfg(feature = "external-aes")]
fn decrypt(place: usize, key: &[u8], block: &mut [u8; 16]) -> bool {
    call(place, |aes| aes.decrypt, key, block)
}

/// Calls a function of the engine at this place.
#[cfg(feature = "external-aes")]
fn call(place: usize, which: fn(&gp_aes) -> gp_aes_block, key: &[u8], block: &mut [u8; 16]) -> bool {
    let aes = core::ptr::with_exposed_provenance::<gp_aes>(place);
    // SAFETY: the place of a structure that was looked at when the session was given it (`Engine::at` alone names
    // places), and that stays as it is.
    let Ok(aes) = (unsafe { object(aes) }) else { return false };
    let Some(function) = which(aes) else { return false };
    // SAFETY: the caller said that the function may be called so; key and block live until it returns.
    unsafe { function(aes.context, key.as_ptr(), key.len(), block.as_mut_ptr()) == 0 }
}

/// Static keys of any source, and the engine of the session.
pub(super) struct Keys<'k, K> {
    pub(super) keys: &'k mut K,
    #[cfg_attr(not(feature = "external-aes"), allow(dead_code, reason = "there is none to be asked for"))]
    pub(super) engine: Engine,
}

impl<K: KeySource> KeySource for Keys<'_, K> {
    fn cmac(&mut self, key: KeyId, parts: &[&[u8]]) -> Result<[u8; 16], Error> {
        self.keys.cmac(key, parts)
    }

    fn cmac_each(&mut self, key: KeyId, messages: &[&[u8]], macs: &mut [[u8; 16]]) -> Result<(), Error> {
        self.keys.cmac_each(key, messages, macs)
    }

    fn length(&self) -> KeyLength {
        self.keys.length()
    }

    #[cfg(feature = "external-aes")]
    fn session_aes(&self) -> Option<ExternalAes> {
        self.engine.aes
    }
}
