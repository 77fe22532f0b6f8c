//! AES with a key length known at run time, and CBC over it (SP 800-38A). Private: nothing generic over ciphers leaves this crate.

use aes::Aes128;
#[cfg(feature = "cached-keys")]
use aes::Aes128Enc;
#[cfg(feature = "aes-192")]
use aes::Aes192;
#[cfg(all(feature = "cached-keys", feature = "aes-192"))]
use aes::Aes192Enc;
#[cfg(feature = "aes-256")]
use aes::Aes256;
#[cfg(all(feature = "cached-keys", feature = "aes-256"))]
use aes::Aes256Enc;
#[cfg(feature = "cached-keys")]
use aes::cipher::consts::U16;
#[cfg(feature = "cached-keys")]
use aes::cipher::typenum::Unsigned;
#[cfg(feature = "cached-keys")]
use aes::cipher::{BlockCipherDecBackend, BlockCipherDecClosure, BlockSizeUser, ParBlocks};
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

use crate::Key;
use crate::external_aes::{Engine, Fault, Held};
use crate::key::KeyLength;

/// One AES block.
pub(crate) type Block = [u8; 16];

/// `a ^ b`, by value: the in-place loop over `u8` compiles to something slower.
#[inline(always)]
pub(crate) fn xor(a: Block, b: Block) -> Block {
    core::array::from_fn(|i| a.get(i).copied().unwrap_or(0) ^ b.get(i).copied().unwrap_or(0))
}

/// The longest batch that is decrypted as one: decryption of CBC is parallel, encryption is not.
#[cfg(feature = "cached-keys")]
const BATCH: usize = 8;

macro_rules! ciphers {
    ($(#[$doc:meta])* $name:ident { $($(#[$with:meta])? $size:ident => $aes:ident),+ }) => {
        $(#[$doc])*
        // The variants differ in size by the rounds of AES; boxing is not possible here and the largest is what is planned for.
        #[allow(clippy::large_enum_variant)]
        pub(crate) enum $name {
            $($(#[$with])? $size($aes),)+
            /// The key is in the hands of an engine outside.
            External(Held),
        }

        impl $name {
            /// Expands the key. A call of its own where schedules are kept: it writes them where they stay.
            #[cfg_attr(feature = "cached-keys", inline(never))]
            #[cfg_attr(not(feature = "cached-keys"), inline(always))]
            pub(crate) fn new(key: &Key) -> Self {
                let octets = key.expose_secret();
                match key.length() {
                    $($(#[$with])? KeyLength::$size => Self::$size(match <&[u8; KeyLength::$size.octets()]>::try_from(octets) {
                        Ok(key) => $aes::new(key.into()),
                        // `Key` always holds as many octets as its length says.
                        Err(_) => unreachable_key(),
                    }),)+
                    // No key is of a length whose feature is off.
                    #[cfg(not(all(feature = "aes-192", feature = "aes-256")))]
                    _ => Self::Aes128(unreachable_key()),
                }
            }

            /// The same for a key of a session, in the hands of its engine where it has one.
            #[inline(always)]
            pub(crate) fn within(engine: Engine, key: &Key) -> Self {
                match engine.hold(key) {
                    Some(held) => Self::External(held),
                    None => Self::new(key),
                }
            }

            /// Is the key in the hands of an engine, which does a block at a time?
            #[inline(always)]
            pub(crate) const fn is_external(&self) -> bool {
                matches!(self, Self::External(_))
            }

            /// The forward cipher on one block.
            #[cfg_attr(feature = "cached-keys", inline)]
            #[cfg_attr(not(feature = "cached-keys"), inline(never))]
            pub(crate) fn encrypt(&self, block: &mut Block) -> Result<(), Fault> {
                match self {
                    $($(#[$with])? Self::$size(aes) => aes.encrypt_block(block.into()),)+
                    Self::External(held) => return held.encrypt(block),
                }
                Ok(())
            }
        }
    };
}

/// A schedule of zeros for a case that does not exist; keeps the crate free of panics.
fn unreachable_key<A: KeyInit>() -> A {
    A::new(&aes::cipher::Key::<A>::default())
}

#[cfg(feature = "cached-keys")]
ciphers! {
    /// The forward direction alone: MACs, ICVs, CBC encryption.
    Encryptor { Aes128 => Aes128Enc, #[cfg(feature = "aes-192")] Aes192 => Aes192Enc, #[cfg(feature = "aes-256")] Aes256 => Aes256Enc }
}

ciphers! {
    /// Both directions.
    Cipher { Aes128 => Aes128, #[cfg(feature = "aes-192")] Aes192 => Aes192, #[cfg(feature = "aes-256")] Aes256 => Aes256 }
}

/// Where size counts, one schedule serves both directions: less code, and in software no larger.
#[cfg(not(feature = "cached-keys"))]
pub(crate) type Encryptor = Cipher;

macro_rules! cbc_encrypt {
    ($name:ident) => {
        impl $name {
            /// CBC encryption in place.
            pub(crate) fn cbc_encrypt(&self, icv: Block, blocks: &mut [Block]) -> Result<(), Fault> {
                let mut previous = icv;
                for block in blocks {
                    *block = xor(*block, previous);
                    self.encrypt(block)?;
                    previous = *block;
                }
                Ok(())
            }
        }
    };
}
#[cfg(feature = "cached-keys")]
cbc_encrypt!(Encryptor);
cbc_encrypt!(Cipher);

#[cfg(not(feature = "cached-keys"))]
impl Cipher {
    /// CBC decryption in place, a block at a time: several at once cost more flash and stack than a small target has.
    pub(crate) fn cbc_decrypt(&self, icv: Block, blocks: &mut [Block]) -> Result<(), Fault> {
        let mut previous = icv;
        for block in blocks {
            let ciphertext = *block;
            match self {
                Self::Aes128(aes) => aes.decrypt_block(block.into()),
                #[cfg(feature = "aes-192")]
                Self::Aes192(aes) => aes.decrypt_block(block.into()),
                #[cfg(feature = "aes-256")]
                Self::Aes256(aes) => aes.decrypt_block(block.into()),
                Self::External(held) => held.decrypt(block)?,
            }
            *block = xor(*block, previous);
            previous = ciphertext;
        }
        Ok(())
    }
}

#[cfg(feature = "cached-keys")]
impl Cipher {
    /// CBC decryption in place, in one region.
    pub(crate) fn cbc_decrypt(&self, icv: Block, blocks: &mut [Block]) -> Result<(), Fault> {
        let work = CbcDecrypt { previous: icv, blocks };
        match self {
            Self::Aes128(aes) => aes.decrypt_with_backend(work),
            #[cfg(feature = "aes-192")]
            Self::Aes192(aes) => aes.decrypt_with_backend(work),
            #[cfg(feature = "aes-256")]
            Self::Aes256(aes) => aes.decrypt_with_backend(work),
            Self::External(held) => return work.outside(held),
        }
        Ok(())
    }
}

#[cfg(feature = "cached-keys")]
struct CbcDecrypt<'a> {
    previous: Block,
    blocks: &'a mut [Block],
}

#[cfg(feature = "cached-keys")]
impl CbcDecrypt<'_> {
    /// A block at a time, by an engine.
    fn outside(self, held: &Held) -> Result<(), Fault> {
        let Self { mut previous, blocks } = self;
        for block in blocks {
            let ciphertext = *block;
            held.decrypt(block)?;
            *block = xor(*block, previous);
            previous = ciphertext;
        }
        Ok(())
    }
}

#[cfg(feature = "cached-keys")]
impl BlockSizeUser for CbcDecrypt<'_> {
    type BlockSize = U16;
}

#[cfg(feature = "cached-keys")]
impl BlockCipherDecClosure for CbcDecrypt<'_> {
    #[inline(always)]
    fn call<B: BlockCipherDecBackend<BlockSize = U16>>(self, backend: &B) {
        let Self { mut previous, mut blocks } = self;
        // Bitsliced software decrypts several blocks for the price of one. Where the batch is long there is an instruction for
        // a round: single blocks overlap by themselves, and no answer is long enough for the batch to pay.
        if B::ParBlocksSize::USIZE <= BATCH {
            let mut saved = ParBlocks::<B>::default();
            while blocks.len() >= B::ParBlocksSize::USIZE {
                let (batch, rest) =
                    core::mem::take(&mut blocks).split_at_mut_checked(B::ParBlocksSize::USIZE).unwrap_or_default();
                saved.iter_mut().zip(batch.iter()).for_each(|(to, from)| *to = (*from).into());
                let mut work = saved.clone();
                backend.decrypt_par_blocks_inplace(&mut work);
                for ((to, plain), ciphertext) in batch.iter_mut().zip(work).zip(&saved) {
                    *to = xor(plain.into(), previous);
                    previous = (*ciphertext).into();
                }
                blocks = rest;
            }
        }
        for block in blocks {
            let mut work = (*block).into();
            backend.decrypt_block_inplace(&mut work);
            let plain = xor(work.into(), previous);
            previous = core::mem::replace(block, plain);
        }
    }
}
