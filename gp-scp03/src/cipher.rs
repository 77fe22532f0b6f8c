//! AES with a key length known at run time, and CBC over it (SP 800-38A). Private: nothing generic over ciphers leaves this crate.

use aes::cipher::consts::U16;
use aes::cipher::typenum::Unsigned;
use aes::cipher::{
    BlockCipherDecBackend, BlockCipherDecClosure, BlockCipherDecrypt, BlockCipherEncrypt, BlockSizeUser, KeyInit,
    ParBlocks,
};
use aes::{Aes128, Aes128Enc, Aes192, Aes192Enc, Aes256, Aes256Enc};

use crate::Key;
use crate::key::KeyLength;

/// One AES block.
pub(crate) type Block = [u8; 16];

/// `a ^ b`, by value: the in-place loop over `u8` compiles to something slower.
#[inline(always)]
pub(crate) fn xor(a: Block, b: Block) -> Block {
    core::array::from_fn(|i| a.get(i).copied().unwrap_or(0) ^ b.get(i).copied().unwrap_or(0))
}

/// The longest batch that is decrypted as one: decryption of CBC is parallel, encryption is not.
const BATCH: usize = 8;

macro_rules! ciphers {
    ($(#[$doc:meta])* $name:ident { $($size:ident => $aes:ident),+ }) => {
        $(#[$doc])*
        // The variants differ in size by the rounds of AES; boxing is not possible here and the largest is what is planned for.
        #[allow(clippy::large_enum_variant)]
        pub(crate) enum $name { $($size($aes)),+ }

        impl $name {
            /// Expands the key.
            #[inline(always)]
            pub(crate) fn new(key: &Key) -> Self {
                let octets = key.expose_secret();
                match key.length() {
                    $(KeyLength::$size => Self::$size(match <&[u8; KeyLength::$size.octets()]>::try_from(octets) {
                        Ok(key) => $aes::new(key.into()),
                        // `Key` always holds as many octets as its length says.
                        Err(_) => unreachable_key(),
                    })),+
                }
            }

            /// The forward cipher on one block.
            #[inline]
            pub(crate) fn encrypt(&self, block: &mut Block) {
                match self { $(Self::$size(aes) => aes.encrypt_block(block.into())),+ }
            }
        }
    };
}

/// A schedule of zeros for a case that does not exist; keeps the crate free of panics.
fn unreachable_key<A: KeyInit>() -> A {
    A::new(&aes::cipher::Key::<A>::default())
}

ciphers! {
    /// The forward direction alone: MACs, ICVs, CBC encryption.
    Encryptor { Aes128 => Aes128Enc, Aes192 => Aes192Enc, Aes256 => Aes256Enc }
}

ciphers! {
    /// Both directions.
    Cipher { Aes128 => Aes128, Aes192 => Aes192, Aes256 => Aes256 }
}

macro_rules! cbc_encrypt {
    ($name:ident) => {
        impl $name {
            /// CBC encryption in place.
            pub(crate) fn cbc_encrypt(&self, icv: Block, blocks: &mut [Block]) {
                let mut previous = icv;
                for block in blocks {
                    *block = xor(*block, previous);
                    self.encrypt(block);
                    previous = *block;
                }
            }
        }
    };
}
cbc_encrypt!(Encryptor);
#[cfg(feature = "cached-keys")]
cbc_encrypt!(Cipher);

impl Cipher {
    /// CBC decryption in place, in one region.
    pub(crate) fn cbc_decrypt(&self, icv: Block, blocks: &mut [Block]) {
        let work = CbcDecrypt { previous: icv, blocks };
        match self {
            Self::Aes128(aes) => aes.decrypt_with_backend(work),
            Self::Aes192(aes) => aes.decrypt_with_backend(work),
            Self::Aes256(aes) => aes.decrypt_with_backend(work),
        }
    }
}

struct CbcDecrypt<'a> {
    previous: Block,
    blocks: &'a mut [Block],
}

impl BlockSizeUser for CbcDecrypt<'_> {
    type BlockSize = U16;
}

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
