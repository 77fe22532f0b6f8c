//! AES-CMAC (SP 800-38B), the only MAC of SCP03, over any number of parts without joining them.
//!
//! The `cmac` crate serves as the oracle of the tests; this one exists because the message path keeps its subkeys
//! and starts from the chaining value, and because one CMAC in the shipped code is simpler than two.

#[cfg(feature = "cached-keys")]
use aes::cipher::consts::U16;
#[cfg(feature = "cached-keys")]
use aes::cipher::{BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser};
use zeroize::Zeroize;

#[cfg(feature = "cached-keys")]
use crate::KeyLength;
use crate::cipher::{Block, Encryptor, xor};
use crate::external_aes::{Engine, Fault};
#[cfg(not(feature = "cached-keys"))]
use crate::kernel::MacRef;
use crate::{Error, Key};
#[cfg(feature = "cached-keys")]
use aes::cipher::KeyInit;

/// K1 and K2: what the last block is masked with, when it is full and when it is padded.
pub(crate) struct Subkeys {
    full: Block,
    padded: Block,
}

impl Subkeys {
    /// SP 800-38B 6.1: `L = E(0)`, K1 = `L` doubled, K2 = K1 doubled.
    pub(crate) fn new(cipher: &Encryptor) -> Result<Self, Fault> {
        let mut l = [0; 16];
        cipher.encrypt(&mut l)?;
        Ok(Self::from_l(l))
    }

    /// The same to be kept. An engine is not asked for them: it makes them for each message, by [`new`](Self::new).
    pub(crate) fn kept(cipher: &Encryptor) -> Self {
        let mut l = [0; 16];
        if !cipher.is_external() {
            // No other cipher fails.
            cipher.encrypt(&mut l).unwrap_or_default();
        }
        Self::from_l(l)
    }

    #[inline(always)]
    fn from_l(mut l: Block) -> Self {
        let full = double(l);
        let padded = double(full);
        l.as_mut_slice().zeroize();
        Self { full, padded }
    }
}

#[cfg(feature = "cached-keys")]
impl Subkeys {
    /// K1, for a full last block.
    pub(crate) const fn full(&self) -> &Block {
        &self.full
    }

    /// K2, for a padded last block.
    pub(crate) const fn padded(&self) -> &Block {
        &self.padded
    }
}

impl Drop for Subkeys {
    fn drop(&mut self) {
        self.full.as_mut_slice().zeroize();
        self.padded.as_mut_slice().zeroize();
    }
}

/// Doubling in GF(2^128) with the polynomial x^128 + x^7 + x^2 + x + 1, without a branch on the secret's top bit.
fn double(block: Block) -> Block {
    let value = u128::from_be_bytes(block);
    let reduce = 0x87 & (value >> 127).wrapping_neg();
    ((value << 1) ^ reduce).to_be_bytes()
}

/// The CMAC of all parts one after the other.
pub(crate) fn cmac(cipher: &Encryptor, subkeys: &Subkeys, parts: &[&[u8]]) -> Result<Block, Fault> {
    let mut chain = Chain { cipher, state: [0; 16], filled: 0 };
    for part in parts {
        chain.update(part)?;
    }
    chain.finish(subkeys)
}

/// The CMACs of several messages under one key: `subkeys` may be missing and are made on the way. As many as there are
/// messages and places for the results.
#[cfg(not(feature = "cached-keys"))]
pub(crate) fn cmac_each(
    cipher: &Encryptor,
    subkeys: Option<&Subkeys>,
    messages: &[&[u8]],
    macs: &mut [Block],
) -> Result<(), Fault> {
    each_in_turn(cipher, subkeys, messages, macs)
}

/// [`cmac_each`], a message after the other and a block after the other.
fn each_in_turn(
    cipher: &Encryptor,
    subkeys: Option<&Subkeys>,
    messages: &[&[u8]],
    macs: &mut [Block],
) -> Result<(), Fault> {
    let made;
    let subkeys = match subkeys {
        Some(subkeys) => subkeys,
        None => {
            made = Subkeys::new(cipher)?;
            &made
        }
    };
    for (message, mac) in messages.iter().zip(macs) {
        *mac = cmac(cipher, subkeys, &[message])?;
    }
    Ok(())
}

#[cfg(feature = "cached-keys")]
/// The CMACs of several short messages under one key, each of a few blocks that lie in one piece, in one region: `subkeys`
/// may be missing and are made on the way. As many as there are messages and places for the results.
pub(crate) fn cmac_each(
    cipher: &Encryptor,
    subkeys: Option<&Subkeys>,
    messages: &[&[u8]],
    macs: &mut [Block],
) -> Result<(), Fault> {
    let each = Each { subkeys, messages, macs };
    match cipher {
        Encryptor::Aes128(aes) => aes.encrypt_with_backend(each),
        #[cfg(feature = "aes-192")]
        Encryptor::Aes192(aes) => aes.encrypt_with_backend(each),
        #[cfg(feature = "aes-256")]
        Encryptor::Aes256(aes) => aes.encrypt_with_backend(each),
        Encryptor::External(_) => {
            let Each { subkeys: _, messages, macs } = each;
            return each_in_turn(cipher, None, messages, macs);
        }
    }
    Ok(())
}

/// AES-CMAC under one key over each of several short messages, the results in the places beside them.
pub(crate) type Prf<'p> = dyn FnMut(&[&[u8]], &mut [Block]) -> Result<(), Error> + 'p;

/// Does `work` with the CMAC of a key that is needed for a moment: its schedule is made once and not moved.
#[cfg(feature = "cached-keys")]
#[inline(always)]
pub(crate) fn under<R>(engine: Engine, key: &Key, work: impl FnOnce(&mut Prf<'_>) -> R) -> Option<R> {
    if let Some(held) = engine.hold(key) {
        let cipher = Encryptor::External(held);
        return Some(work(&mut |messages, macs| Ok(cmac_each(&cipher, None, messages, macs)?)));
    }
    macro_rules! with {
        ($aes:ident) => {{
            let aes = <aes::$aes as KeyInit>::new(key.expose_secret().try_into().ok()?);
            Some(work(&mut |messages, macs| {
                aes.encrypt_with_backend(Each { subkeys: None, messages, macs });
                Ok(())
            }))
        }};
    }
    match key.length() {
        KeyLength::Aes128 => with!(Aes128Enc),
        #[cfg(feature = "aes-192")]
        KeyLength::Aes192 => with!(Aes192Enc),
        #[cfg(feature = "aes-256")]
        KeyLength::Aes256 => with!(Aes256Enc),
        // No key is of a length whose feature is off.
        #[cfg(not(all(feature = "aes-192", feature = "aes-256")))]
        _ => None,
    }
}

/// Does `work` with the CMAC of a key: its schedule is made for each call, and gone after it.
#[cfg(not(feature = "cached-keys"))]
#[inline(always)]
pub(crate) fn under<R>(engine: Engine, key: &Key, work: impl FnOnce(&mut Prf<'_>) -> R) -> Option<R> {
    let key = MacRef::new(engine, key);
    Some(work(&mut move |messages, macs| Ok(key.cmac_each(messages, macs)?)))
}

#[cfg(feature = "cached-keys")]
struct Each<'a> {
    subkeys: Option<&'a Subkeys>,
    messages: &'a [&'a [u8]],
    macs: &'a mut [Block],
}

#[cfg(feature = "cached-keys")]
impl BlockSizeUser for Each<'_> {
    type BlockSize = U16;
}

#[cfg(feature = "cached-keys")]
impl BlockCipherEncClosure for Each<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let made;
        let subkeys = match self.subkeys {
            Some(subkeys) => subkeys,
            None => {
                made = Subkeys::from_l(encrypt(backend, [0; 16]));
                &made
            }
        };
        for (message, mac) in self.messages.iter().zip(self.macs) {
            let (mut state, mut rest) = ([0; 16], *message);
            while let Some((block, after)) = rest.split_first_chunk::<16>()
                && !after.is_empty()
            {
                state = encrypt(backend, xor(state, *block));
                rest = after;
            }
            let last = match <&Block>::try_from(rest) {
                Ok(block) => xor(*block, subkeys.full),
                Err(_) => {
                    let mut block = [0; 16];
                    block.iter_mut().zip(rest.iter().chain(&[0x80])).for_each(|(to, from)| *to = *from);
                    xor(block, subkeys.padded)
                }
            };
            *mac = encrypt(backend, xor(state, last));
        }
    }
}

#[cfg(feature = "cached-keys")]
#[inline(always)]
fn encrypt<B: BlockCipherEncBackend<BlockSize = U16>>(backend: &B, block: Block) -> Block {
    let mut block = block.into();
    backend.encrypt_block_inplace(&mut block);
    block.into()
}

/// The CBC chain in the making. `state` already holds the exclusive-or with the `filled` octets of the block begun.
struct Chain<'c> {
    cipher: &'c Encryptor,
    state: Block,
    filled: usize,
}

impl Chain<'_> {
    /// Octet by octet: next to AES in software it takes no time, and little flash.
    #[cfg(not(feature = "cached-keys"))]
    fn update(&mut self, octets: &[u8]) -> Result<(), Fault> {
        for octet in octets {
            // A full block is only encrypted when more follows: the last one is masked first.
            if self.filled == 16 {
                self.cipher.encrypt(&mut self.state)?;
                self.filled = 0;
            }
            if let Some(to) = self.state.get_mut(self.filled) {
                *to ^= octet;
                self.filled = self.filled.wrapping_add(1);
            }
        }
        Ok(())
    }

    #[cfg(feature = "cached-keys")]
    fn update(&mut self, octets: &[u8]) -> Result<(), Fault> {
        let mut rest = octets;
        while !rest.is_empty() {
            // A full block is only encrypted when more follows: the last one is masked first.
            if self.filled == 16 {
                self.cipher.encrypt(&mut self.state)?;
                self.filled = 0;
            }
            if self.filled == 0
                && let Some((block, after)) = rest.split_first_chunk::<16>()
            {
                self.state = xor(self.state, *block);
                self.filled = 16;
                rest = after;
                continue;
            }
            let room = 16_usize.saturating_sub(self.filled);
            let (now, after) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            self.state.iter_mut().skip(self.filled).zip(now).for_each(|(to, from)| *to ^= from);
            self.filled = self.filled.saturating_add(now.len());
            rest = after;
        }
        Ok(())
    }

    fn finish(mut self, subkeys: &Subkeys) -> Result<Block, Fault> {
        match self.state.get_mut(self.filled) {
            Some(octet) => {
                *octet ^= 0x80;
                self.state = xor(self.state, subkeys.padded);
            }
            None => self.state = xor(self.state, subkeys.full),
        }
        self.cipher.encrypt(&mut self.state)?;
        Ok(self.state)
    }
}

#[cfg(test)]
mod tests;
