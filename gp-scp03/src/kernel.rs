//! The arithmetic of the message path and the two representations of its keys; everything above works on octets and lengths alone.
//!
//! [`seal`] is one pass in its interface (encrypt, then MAC what was encrypted) and two in its present form; whoever
//! fuses them changes this file only.

use core::fmt;

use crate::Key;
use crate::cipher::{Block, Cipher, Encryptor};
#[cfg(feature = "cached-keys")]
use crate::cmac::{Subkeys, cmac};

/// S-ENC. With `cached-keys` the schedules stay expanded, without they are made for each message: the same results,
/// another balance of memory and time.
pub(crate) struct CipherKey {
    key: Key,
    #[cfg(feature = "cached-keys")]
    cipher: Cipher,
}

impl CipherKey {
    pub(crate) fn new(key: Key) -> Self {
        Self {
            #[cfg(feature = "cached-keys")]
            cipher: Cipher::new(&key),
            key,
        }
    }

    pub(crate) const fn key(&self) -> &Key {
        &self.key
    }

    /// Encrypts whole blocks in place; the ICV is the encryption of `counter_block`.
    fn encrypt(&self, mut counter_block: Block, blocks: &mut [Block]) {
        #[cfg(feature = "cached-keys")]
        let cipher = &self.cipher;
        #[cfg(not(feature = "cached-keys"))]
        let cipher = &Encryptor::new(&self.key);
        cipher.encrypt(&mut counter_block);
        cipher.cbc_encrypt(counter_block, blocks);
    }

    /// Decrypts whole blocks in place; the ICV is the encryption of `counter_block`.
    fn decrypt(&self, mut counter_block: Block, blocks: &mut [Block]) {
        #[cfg(feature = "cached-keys")]
        let cipher = &self.cipher;
        #[cfg(not(feature = "cached-keys"))]
        let cipher = &Cipher::new(&self.key);
        cipher.encrypt(&mut counter_block);
        cipher.cbc_decrypt(counter_block, blocks);
    }
}

/// S-MAC or S-RMAC, with its subkeys where keys are cached.
pub(crate) struct MacKey {
    key: Key,
    #[cfg(feature = "cached-keys")]
    cached: (Encryptor, Subkeys),
}

impl MacKey {
    pub(crate) fn new(key: Key) -> Self {
        Self {
            #[cfg(feature = "cached-keys")]
            cached: {
                let cipher = Encryptor::new(&key);
                let subkeys = Subkeys::new(&cipher);
                (cipher, subkeys)
            },
            key,
        }
    }

    pub(crate) const fn key(&self) -> &Key {
        &self.key
    }

    /// AES-CMAC over the parts one after the other.
    pub(crate) fn cmac(&self, parts: &[&[u8]]) -> Block {
        #[cfg(feature = "cached-keys")]
        {
            cmac(&self.cached.0, &self.cached.1, parts)
        }
        #[cfg(not(feature = "cached-keys"))]
        self.key.cmac(parts)
    }
}

macro_rules! redacted {
    ($($name:ident),+) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.key.fmt(f)
            }
        })+
    };
}
redacted!(CipherKey, MacKey);

/// Encrypts `body` in place when a key and a counter block are given (`body` is whole blocks then), and answers
/// `CMAC(mac, prefix | body as it now stands | suffix)`.
pub(crate) fn seal(
    enc: Option<(&CipherKey, Block)>,
    mac: &MacKey,
    prefix: [&[u8]; 2],
    body: &mut [u8],
    suffix: &[u8],
) -> Block {
    if let Some((key, counter_block)) = enc {
        key.encrypt(counter_block, body.as_chunks_mut().0);
    }
    tag(mac, prefix, body, suffix)
}

/// `CMAC(mac, prefix | body | suffix)`: what a receiver computes before it touches the body.
pub(crate) fn tag(mac: &MacKey, [first, second]: [&[u8]; 2], body: &[u8], suffix: &[u8]) -> Block {
    mac.cmac(&[first, second, body, suffix])
}

/// Decrypts `body`, a multiple of 16 octets, in place. Only after its MAC held.
pub(crate) fn open(key: &CipherKey, counter_block: Block, body: &mut [u8]) {
    key.decrypt(counter_block, body.as_chunks_mut().0);
}
