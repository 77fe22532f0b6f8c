//! Keys: the static ones of a card, and who may compute with them.

use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroize;

use crate::Error;
#[cfg(feature = "external-aes")]
use crate::ExternalAes;
use crate::cipher::{Block, Cipher, Encryptor};
use crate::cmac::{Subkeys, cmac, under};
use crate::external_aes::{Engine, Fault};
use crate::scrub::scrub_key;

/// The length of an AES key: 16, 24 or 32 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum KeyLength {
    /// AES-128
    Aes128 = 16,
    /// AES-192
    Aes192 = 24,
    /// AES-256
    Aes256 = 32,
}

impl KeyLength {
    /// The length that is `octets` long: 16, 24 or 32.
    #[must_use]
    pub const fn from_octets(octets: usize) -> Option<Self> {
        match octets {
            16 => Some(Self::Aes128),
            #[cfg(feature = "aes-192")]
            24 => Some(Self::Aes192),
            #[cfg(feature = "aes-256")]
            32 => Some(Self::Aes256),
            _ => None,
        }
    }

    /// 16, 24 or 32.
    #[must_use]
    pub const fn octets(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    /// 128, 192 or 256.
    #[must_use]
    pub const fn bits(self) -> u16 {
        match self {
            Self::Aes128 => 128,
            Self::Aes192 => 192,
            Self::Aes256 => 256,
        }
    }
}

/// Which key of a key set, by its customary key identifier (Amendment D 4.1.3 names the keys, custom the numbers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum KeyId {
    /// Key-ENC, from which S-ENC and the pseudo-random card challenge are derived.
    Enc = 1,
    /// Key-MAC, from which S-MAC and S-RMAC are derived.
    Mac = 2,
    /// Key-DEK, used as it is for sensitive data such as keys.
    Dek = 3,
}

/// The length of the longest key that there can be.
const MAX_OCTETS: usize = if cfg!(feature = "aes-256") {
    32
} else if cfg!(feature = "aes-192") {
    24
} else {
    16
};

/// One AES key in the clear, 16, 24 or 32 octets. It cannot be cloned, compared with `==` or printed, and it is
/// wiped when it is dropped.
///
/// ```compile_fail,E0369
/// # use gp_scp03::Key;
/// # let (a, b) = (Key::new(&[1; 16]).unwrap(), Key::new(&[1; 16]).unwrap());
/// if a == b {} // `subtle::ConstantTimeEq` compares keys
/// ```
/// ```compile_fail,E0599
/// # use gp_scp03::Key;
/// let copy = Key::new(&[1; 16]).unwrap().clone(); // `duplicate_secret` says what it does
/// ```
/// ```compile_fail,E0277
/// # use gp_scp03::Key;
/// println!("{}", Key::new(&[1; 16]).unwrap()); // `{:?}` prints "Key(..)"
/// ```
pub struct Key {
    octets: [u8; MAX_OCTETS],
    length: KeyLength,
}

impl Key {
    /// A key from its 16, 24 or 32 octets, which are copied.
    ///
    /// # Errors
    /// [`Error::KeyLength`] for any other length.
    pub fn new(octets: &[u8]) -> Result<Self, Error> {
        let length = KeyLength::from_octets(octets.len()).ok_or(Error::KeyLength)?;
        let mut key = Self { octets: [0; MAX_OCTETS], length };
        key.octets.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        Ok(key)
    }

    /// A key of zeros, to be derived in its place.
    pub(crate) const fn zeros(length: KeyLength) -> Self {
        Self { octets: [0; MAX_OCTETS], length }
    }

    /// As many octets as the key has, to be written.
    pub(crate) fn octets_mut(&mut self) -> &mut [u8] {
        self.octets.get_mut(..self.length.octets()).unwrap_or_default()
    }

    /// 16, 24 or 32 octets.
    #[must_use]
    pub const fn length(&self) -> KeyLength {
        self.length
    }

    /// The octets of the key. Named so that a reader sees where a key leaves its shell.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        self.octets.get(..self.length.octets()).unwrap_or_default()
    }

    /// AES-CMAC (SP 800-38B) over the parts one after the other: 16 octets.
    #[must_use]
    pub fn cmac(&self, parts: &[&[u8]]) -> [u8; 16] {
        let mac = self.mac(parts);
        scrub_key();
        // The AES of this crate does not fail.
        mac.unwrap_or([0; 16])
    }

    /// [`cmac`](Self::cmac) for callers that scrub the stack themselves.
    fn mac(&self, parts: &[&[u8]]) -> Result<[u8; 16], Fault> {
        self.mac_within(Engine::BUILT_IN, parts)
    }

    /// The same by an engine, where there is one.
    #[inline(never)]
    pub(crate) fn mac_within(&self, engine: Engine, parts: &[&[u8]]) -> Result<[u8; 16], Fault> {
        let cipher = Encryptor::within(engine, self);
        cmac(&cipher, &Subkeys::new(&cipher)?, parts)
    }

    /// AES-CMAC over each of several messages, the results beside them.
    #[inline(never)]
    fn cmac_of_each(&self, messages: &[&[u8]], macs: &mut [[u8; 16]]) -> Result<(), Error> {
        under(Engine::BUILT_IN, self, |prf| prf(messages, macs)).unwrap_or(Err(Error::KeyLength))
    }

    /// The key check value: the first 3 octets of the encryption of sixteen octets `01` (Amendment D 4.1.4).
    #[must_use]
    pub fn kcv(&self) -> [u8; 3] {
        let mut block = [0x01; 16];
        let encrypted = self.encrypt([0; 16], core::slice::from_mut(&mut block));
        scrub_key();
        // The AES of this crate does not fail.
        encrypted.unwrap_or_default();
        let [a, b, c, ..] = block;
        block.zeroize();
        [a, b, c]
    }

    // Calls of their own, so that the scrubbing of the caller reaches what they leave.
    #[inline(never)]
    fn encrypt(&self, icv: [u8; 16], blocks: &mut [[u8; 16]]) -> Result<(), Fault> {
        Encryptor::new(self).cbc_encrypt(icv, blocks)
    }

    #[inline(never)]
    fn decrypt(&self, icv: [u8; 16], blocks: &mut [[u8; 16]]) -> Result<(), Fault> {
        Cipher::new(self).cbc_decrypt(icv, blocks)
    }

    /// Encrypts sensitive data in place as with Key-DEK: AES-CBC, ICV of zeros, no padding of its own (Amendment D 6.2.8).
    /// A call is one datum: each starts with a fresh ICV.
    ///
    /// # Errors
    /// [`Error::Malformed`] unless `data` is a multiple of 16 octets; nothing is changed then.
    pub fn encrypt_sensitive(&self, data: &mut [u8]) -> Result<(), Error> {
        let (blocks, []) = data.as_chunks_mut::<16>() else { return Err(Error::Malformed) };
        let encrypted = self.encrypt([0; 16], blocks);
        scrub_key();
        Ok(encrypted?)
    }

    /// The inverse of [`encrypt_sensitive`](Self::encrypt_sensitive).
    ///
    /// # Errors
    /// [`Error::Malformed`] unless `data` is a multiple of 16 octets; nothing is changed then.
    pub fn decrypt_sensitive(&self, data: &mut [u8]) -> Result<(), Error> {
        let (blocks, []) = data.as_chunks_mut::<16>() else { return Err(Error::Malformed) };
        let decrypted = self.decrypt([0; 16], blocks);
        scrub_key();
        Ok(decrypted?)
    }

    /// A second copy, for the rare owner that must hand a key to two places (a rotation that proves the new set).
    /// Not `Clone`, so that no copy is made by accident.
    #[must_use]
    pub fn duplicate_secret(&self) -> Self {
        Self { octets: self.octets, length: self.length }
    }
}

impl ConstantTimeEq for Key {
    fn ct_eq(&self, other: &Self) -> Choice {
        // The octets behind a shorter key are zero, so the lengths need comparing too: they are no secret.
        self.octets.ct_eq(&other.octets) & Choice::from(u8::from(self.length == other.length))
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.octets.as_mut_slice().zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Who computes with the static keys: [`StaticKeys`] in memory, or a security module that never lets them out.
///
/// SCP03 needs nothing of Key-ENC and Key-MAC but AES-CMAC, so that is all that is asked for.
pub trait KeySource {
    /// AES-CMAC (SP 800-38B) under the named key over the parts one after the other.
    ///
    /// # Errors
    /// [`Error::KeySource`], or what suits, when the key is not there or the module failed.
    fn cmac(&mut self, key: KeyId, parts: &[&[u8]]) -> Result<[u8; 16], Error>;

    /// AES-CMAC under the named key over each of several messages, the result in the place beside it. A handshake asks
    /// for all it needs of a key at once, so a source may expand the key once. As it stands this asks
    /// [`cmac`](Self::cmac) for each: a security module need do no more.
    ///
    /// # Errors
    /// Those of [`cmac`](Self::cmac); what `macs` holds is unspecified then.
    fn cmac_each(&mut self, key: KeyId, messages: &[&[u8]], macs: &mut [[u8; 16]]) -> Result<(), Error> {
        for (message, mac) in messages.iter().zip(macs) {
            *mac = self.cmac(key, &[message])?;
        }
        Ok(())
    }

    /// The length of the keys, the same for the whole set: it decides the length of the session keys.
    fn length(&self) -> KeyLength;

    /// The engine that computes with the session keys, instead of this crate's AES. As it stands there is none.
    ///
    /// Where it fails, the step answers [`Error::KeySource`]: a handshake ends; an open session is wiped, with the message.
    #[cfg(feature = "external-aes")]
    fn session_aes(&self) -> Option<ExternalAes> {
        None
    }
}

impl<T: KeySource + ?Sized> KeySource for &mut T {
    fn cmac(&mut self, key: KeyId, parts: &[&[u8]]) -> Result<[u8; 16], Error> {
        (**self).cmac(key, parts)
    }

    fn cmac_each(&mut self, key: KeyId, messages: &[&[u8]], macs: &mut [[u8; 16]]) -> Result<(), Error> {
        (**self).cmac_each(key, messages, macs)
    }

    fn length(&self) -> KeyLength {
        (**self).length()
    }

    #[cfg(feature = "external-aes")]
    fn session_aes(&self) -> Option<ExternalAes> {
        (**self).session_aes()
    }
}

/// A key set in memory: Key-ENC, Key-MAC and Key-DEK, all of one length (Amendment D 4.1.3).
///
/// ```compile_fail,E0277
/// # use gp_scp03::StaticKeys;
/// println!("{}", StaticKeys::same(&[0x40; 16]).unwrap()); // a key set has no Display
/// ```
/// ```compile_fail,E0599
/// # use gp_scp03::StaticKeys;
/// let copy = StaticKeys::same(&[0x40; 16]).unwrap().clone(); // nor Clone
/// ```
#[derive(Debug)]
pub struct StaticKeys {
    enc: Key,
    mac: Key,
    dek: Key,
}

impl StaticKeys {
    /// A key set of three keys of one length.
    ///
    /// # Errors
    /// [`Error::KeyLength`] when the lengths differ.
    pub fn new(enc: Key, mac: Key, dek: Key) -> Result<Self, Error> {
        if enc.length != mac.length || enc.length != dek.length {
            return Err(Error::KeyLength);
        }
        Ok(Self { enc, mac, dek })
    }

    /// The same octets for all three keys, as test cards have them. Never in the field.
    ///
    /// # Errors
    /// [`Error::KeyLength`] unless 16, 24 or 32 octets are given.
    pub fn same(octets: &[u8]) -> Result<Self, Error> {
        Self::new(Key::new(octets)?, Key::new(octets)?, Key::new(octets)?)
    }

    /// The key with this identifier.
    #[must_use]
    pub const fn key(&self, id: KeyId) -> &Key {
        match id {
            KeyId::Enc => &self.enc,
            KeyId::Mac => &self.mac,
            KeyId::Dek => &self.dek,
        }
    }

    /// Key-DEK, with which sensitive data is encrypted at every security level.
    #[must_use]
    pub const fn dek(&self) -> &Key {
        &self.dek
    }

    /// Is one of the keys the well-known test value `40 41 .. 4F` (for longer keys: starts with it)? Such a key protects nothing.
    #[must_use]
    pub fn is_published_default(&self) -> bool {
        let well_known: [u8; 16] = core::array::from_fn(|i| 0x40 | u8::try_from(i).unwrap_or(0));
        [&self.enc, &self.mac, &self.dek].into_iter().any(|key| {
            key.expose_secret().first_chunk::<16>().is_some_and(|start| bool::from(start.ct_eq(&well_known)))
        })
    }
}

impl KeySource for StaticKeys {
    fn cmac(&mut self, key: KeyId, parts: &[&[u8]]) -> Result<[u8; 16], Error> {
        Ok(self.key(key).mac(parts)?)
    }

    fn cmac_each(&mut self, key: KeyId, messages: &[&[u8]], macs: &mut [[u8; 16]]) -> Result<(), Error> {
        self.key(key).cmac_of_each(messages, macs)
    }

    fn length(&self) -> KeyLength {
        self.enc.length
    }
}

impl KeySource for &StaticKeys {
    fn cmac(&mut self, key: KeyId, parts: &[&[u8]]) -> Result<[u8; 16], Error> {
        Ok(self.key(key).mac(parts)?)
    }

    fn cmac_each(&mut self, key: KeyId, messages: &[&[u8]], macs: &mut [[u8; 16]]) -> Result<(), Error> {
        self.key(key).cmac_of_each(messages, macs)
    }

    fn length(&self) -> KeyLength {
        self.enc.length
    }
}

/// Fills `out` with the leftmost octets of `block`.
pub(crate) fn leftmost(block: &Block, out: &mut [u8]) {
    // Of the lengths that occur the common ones, each in one store.
    if cfg!(not(feature = "cached-keys")) {
        out.iter_mut().zip(block).for_each(|(to, from)| *to = *from);
    } else if let Ok(out) = <&mut [u8; 16]>::try_from(&mut *out) {
        *out = *block;
    } else if let (Ok(out), Some(half)) = (<&mut [u8; 8]>::try_from(&mut *out), block.first_chunk()) {
        *out = *half;
    } else {
        out.iter_mut().zip(block).for_each(|(to, from)| *to = *from);
    }
}
