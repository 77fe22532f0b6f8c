//! Keys: a set in memory, or functions of a module that keeps them.

use core::ffi::c_void;

use gp_cardmanager_model::put_key::{Dek, DekError};
use gp_scp03::{Error, Key, KeyId, KeyLength, KeySource, StaticKeys};

use super::sizes::GP_KEY_SET_WORDS;
use super::{Context, Outcome, begin, code, done, end, gp_slice, octets};
use crate::status::{GP_E_ARGUMENT, gp_status};

/// Key-ENC, Key-MAC and Key-DEK. Zeroed memory, then `gp_key_set_init`; `gp_key_set_close` wipes it.
#[repr(C)]
#[derive(Debug)]
pub struct gp_key_set {
    opaque: [u64; GP_KEY_SET_WORDS],
}

impl Context for gp_key_set {
    type Value = StaticKeys;
    const MARK: usize = 0x4B45_5953;
}

/// Takes three keys of 16, 24 or 32 octets, all of the same length, which are copied.
///
/// # Safety
/// See the rules of the header: every pointer points to as much as is said.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_key_set_init(
    keys: *mut gp_key_set,
    enc: *const u8,
    mac: *const u8,
    dek: *const u8,
    key_len: usize,
) -> gp_status {
    // SAFETY: the caller's promise.
    done(unsafe { init(keys, [enc, mac, dek], key_len) })
}

/// # Safety
/// As the function around it.
unsafe fn init(keys: *mut gp_key_set, from: [*const u8; 3], key_len: usize) -> Outcome<()> {
    let [enc, mac, dek] = from;
    // SAFETY: the caller's promise.
    let [enc, mac, dek] = unsafe { [octets(enc, key_len)?, octets(mac, key_len)?, octets(dek, key_len)?] };
    let key = |octets| Key::new(octets).map_err(code);
    let set = StaticKeys::new(key(enc)?, key(mac)?, key(dek)?).map_err(code)?;
    // SAFETY: the caller's promise.
    unsafe { begin(keys, set) }
}

/// Wipes the keys. Twice is fine, and so is null.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_key_set_close(keys: *mut gp_key_set) {
    // SAFETY: the caller's promise.
    unsafe { end(keys) };
}

/// Computes with keys that never leave a module. AES-CMAC (SP 800-38B) is all that the protocol needs of Key-ENC and
/// Key-MAC, and AES-CBC all that it needs of Key-DEK. The context says which key set is meant: a handle, a slot number.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_key_source {
    /// Handed to the functions.
    pub context: *mut c_void,
    /// AES-CMAC under key 1 (Key-ENC) or 2 (Key-MAC) over `count` parts one after the other, written to the 16 octets of
    /// `mac`. Answers 0 when it did. May be null where only `encrypt` is used.
    pub cmac: Option<
        unsafe extern "C" fn(context: *mut c_void, key: u8, parts: *const gp_slice, count: usize, mac: *mut u8) -> i32,
    >,
    /// AES-CBC under key 3 (Key-DEK) with an ICV of zeros: encrypts `len` octets, whole blocks, where they are. Answers 0
    /// when it did. May be null where only `cmac` is used.
    pub encrypt: Option<unsafe extern "C" fn(context: *mut c_void, key: u8, data: *mut u8, len: usize) -> i32>,
    /// 16, 24 or 32 octets.
    pub key_len: usize,
}

/// The most parts of one message.
const PARTS: usize = 4;

/// What C calls a key.
const fn number(key: KeyId) -> u8 {
    match key {
        KeyId::Enc => 1,
        KeyId::Mac => 2,
        KeyId::Dek => 3,
    }
}

/// A source that was looked at: it has a function and a length.
pub(super) struct Source {
    context: *mut c_void,
    cmac: unsafe extern "C" fn(*mut c_void, u8, *const gp_slice, usize, *mut u8) -> i32,
    length: KeyLength,
}

impl Source {
    pub(super) fn new(source: &gp_key_source) -> Outcome<Self> {
        Ok(Self {
            context: source.context,
            cmac: source.cmac.ok_or(GP_E_ARGUMENT)?,
            length: KeyLength::from_octets(source.key_len).ok_or(code(Error::KeyLength))?,
        })
    }
}

impl KeySource for Source {
    fn cmac(&mut self, key: KeyId, parts: &[&[u8]]) -> Result<[u8; 16], Error> {
        let mut slices = [gp_slice::EMPTY; PARTS];
        let used = slices.get_mut(..parts.len()).ok_or(Error::KeySource)?;
        used.iter_mut().zip(parts).for_each(|(to, from)| *to = gp_slice::of(from));
        let mut mac = [0; 16];
        // SAFETY: the caller said that the function may be called so; all memory lives until it returns.
        let answer = unsafe { (self.cmac)(self.context, number(key), used.as_ptr(), used.len(), mac.as_mut_ptr()) };
        if answer == 0 { Ok(mac) } else { Err(Error::KeySource) }
    }

    fn length(&self) -> KeyLength {
        self.length
    }
}

/// Key-DEK: in memory, or in a module.
#[derive(Debug)]
pub(super) enum DekSource {
    Key(&'static Key),
    Module(Encrypting),
}

/// A source that can encrypt with its Key-DEK.
#[derive(Debug)]
pub(super) struct Encrypting {
    context: *mut c_void,
    encrypt: unsafe extern "C" fn(*mut c_void, u8, *mut u8, usize) -> i32,
}

impl Encrypting {
    pub(super) fn new(source: &gp_key_source) -> Outcome<Self> {
        Ok(Self { context: source.context, encrypt: source.encrypt.ok_or(GP_E_ARGUMENT)? })
    }
}

impl Dek for DekSource {
    fn encrypt(&mut self, data: &mut [u8]) -> Result<(), DekError> {
        match self {
            Self::Key(key) => key.encrypt(data),
            Self::Module(module) => {
                // SAFETY: the caller said that the function may be called so; the octets live until it returns.
                let answer =
                    unsafe { (module.encrypt)(module.context, number(KeyId::Dek), data.as_mut_ptr(), data.len()) };
                if answer == 0 { Ok(()) } else { Err(DekError) }
            }
        }
    }

    /// A host never decrypts what a Key-DEK encrypted, so a module is not asked for it.
    fn decrypt(&mut self, data: &mut [u8]) -> Result<(), DekError> {
        match self {
            Self::Key(key) => key.decrypt(data),
            Self::Module(_) => Err(DekError),
        }
    }
}
