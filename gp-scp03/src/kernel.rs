//! The arithmetic of the message path and the two representations of its keys; everything above works on octets and lengths alone.
//!
//! With `cached-keys` a message is one region in which both chains run side by side (`fused.rs`); without, keys are
//! expanded for each message and the two passes follow each other. The results are the same.

#[cfg(feature = "cached-keys")]
mod fused;

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
/// `CMAC(mac, chaining | head | body as it now stands | suffix)`. `head` is at most 7 octets, `suffix` at most 2, and one of them is there.
pub(crate) fn seal(
    enc: Option<(&CipherKey, Block)>,
    mac: &MacKey,
    chaining: &Block,
    head: &[u8],
    body: &mut [u8],
    suffix: &[u8],
) -> Block {
    let Some((key, counter_block)) = enc else { return tag(mac, chaining, head, body, suffix) };
    let blocks = body.as_chunks_mut().0;
    #[cfg(feature = "cached-keys")]
    if let Some(head) = fused::Head::new(head) {
        let mut computed = [0; 16];
        let (cipher, subkeys) = &mac.cached;
        let message = fused::Sealing {
            counter_block: &counter_block,
            chaining,
            head,
            body: &mut *blocks,
            suffix,
            subkeys,
            mac: &mut computed,
        };
        if fused::seal(&key.cipher, cipher, message) {
            return computed;
        }
    }
    key.encrypt(counter_block, blocks);
    tag(mac, chaining, head, body, suffix)
}

/// `CMAC(mac, chaining | head | body | suffix)`: what a receiver computes before it touches the body.
pub(crate) fn tag(mac: &MacKey, chaining: &Block, head: &[u8], body: &[u8], suffix: &[u8]) -> Block {
    #[cfg(feature = "cached-keys")]
    if let Some(head) = fused::Head::new(head) {
        let mut computed = [0; 16];
        let (cipher, subkeys) = &mac.cached;
        fused::tag(cipher, fused::Tagging { chaining, head, body, suffix, subkeys, mac: &mut computed });
        return computed;
    }
    mac.cmac(&[chaining, head, body, suffix])
}

/// Decrypts `body`, a multiple of 16 octets, in place. Only after its MAC held.
pub(crate) fn open(key: &CipherKey, counter_block: Block, body: &mut [u8]) {
    key.decrypt(counter_block, body.as_chunks_mut().0);
}

#[cfg(test)]
mod tests;
