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

/// What stands in front of the body under a MAC: nothing, or the header of a command and its Lc, 5 or 7 octets.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    /// The octets, the first one lowest.
    value: u64,
    bits: u32,
}

impl Head {
    /// In front of a response.
    pub(crate) const NONE: Self = Self { value: 0, bits: 0 };

    /// CLA' INS P1 P2 Lc', the octets of Lc 1 or 3. `None` for another number of them.
    #[inline]
    pub(crate) fn command([cla, ins, p1, p2]: [u8; 4], lc: &[u8]) -> Option<Self> {
        let (octets, bits) = match *lc {
            [n] => ([cla, ins, p1, p2, n, 0, 0, 0], 40),
            [zero, high, low] => ([cla, ins, p1, p2, zero, high, low, 0], 56),
            _ => return None,
        };
        Some(Self { value: u64::from_le_bytes(octets), bits })
    }
}

/// What stands behind the body: nothing, or the status word of a response. With the head these are 2 to 7 octets.
pub(crate) type Suffix = Option<[u8; 2]>;

/// Encrypts `body` in place when a key and a counter block are given (`body` is whole blocks then), and answers
/// `CMAC(mac, chaining | head | body as it now stands | suffix)`.
pub(crate) fn seal(
    enc: Option<(&CipherKey, Block)>,
    mac: &MacKey,
    chaining: &Block,
    head: Head,
    body: &mut [u8],
    suffix: Suffix,
) -> Block {
    let Some((key, counter_block)) = enc else { return tag(mac, chaining, head, body, suffix) };
    let blocks = body.as_chunks_mut().0;
    #[cfg(feature = "cached-keys")]
    {
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
pub(crate) fn tag(mac: &MacKey, chaining: &Block, head: Head, body: &[u8], suffix: Suffix) -> Block {
    #[cfg(feature = "cached-keys")]
    {
        let mut computed = [0; 16];
        let (cipher, subkeys) = &mac.cached;
        fused::tag(cipher, fused::Tagging { chaining, head, body, suffix, subkeys, mac: &mut computed });
        computed
    }
    #[cfg(not(feature = "cached-keys"))]
    {
        let octets = head.value.to_le_bytes();
        let length = usize::try_from(head.bits / 8).unwrap_or(0);
        let head = octets.get(..length).unwrap_or_default();
        mac.cmac(&[chaining, head, body, suffix.as_slice().as_flattened()])
    }
}

/// Decrypts `body`, a multiple of 16 octets, in place. Only after its MAC held.
pub(crate) fn open(key: &CipherKey, counter_block: Block, body: &mut [u8]) {
    key.decrypt(counter_block, body.as_chunks_mut().0);
}

#[cfg(test)]
mod tests;
