//! AES with a key length known at run time, and CBC over it (SP 800-38A). Private: nothing generic over ciphers leaves this crate.

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes128Enc, Aes192, Aes192Enc, Aes256, Aes256Enc};
use zeroize::Zeroize;

use crate::Key;
use crate::key::KeyLength;

/// One AES block.
pub(crate) type Block = [u8; 16];

/// `a ^ b`, by value: the in-place loop over `u8` compiles to something slower.
#[inline(always)]
pub(crate) fn xor(a: Block, b: Block) -> Block {
    core::array::from_fn(|i| a.get(i).copied().unwrap_or(0) ^ b.get(i).copied().unwrap_or(0))
}

/// How many blocks are decrypted side by side: decryption of CBC is parallel, encryption is not.
const BATCH: usize = 8;

macro_rules! ciphers {
    ($(#[$doc:meta])* $name:ident { $($size:ident => $aes:ident),+ }) => {
        $(#[$doc])*
        // The variants differ in size by the rounds of AES; boxing is not possible here and the largest is what is planned for.
        #[allow(clippy::large_enum_variant)]
        pub(crate) enum $name { $($size($aes)),+ }

        impl $name {
            /// Expands the key.
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
    /// CBC decryption in place, several blocks at a time.
    pub(crate) fn cbc_decrypt(&self, icv: Block, blocks: &mut [Block]) {
        let mut previous = icv;
        let mut saved = [[0; 16]; BATCH];
        for batch in blocks.chunks_mut(BATCH) {
            saved.iter_mut().zip(batch.iter()).for_each(|(to, from)| *to = *from);
            let array = aes::Block::cast_slice_from_core_mut(batch);
            match self {
                Self::Aes128(aes) => aes.decrypt_blocks(array),
                Self::Aes192(aes) => aes.decrypt_blocks(array),
                Self::Aes256(aes) => aes.decrypt_blocks(array),
            }
            for (plain, ciphertext) in batch.iter_mut().zip(saved) {
                *plain = xor(*plain, previous);
                previous = ciphertext;
            }
        }
        saved.zeroize();
    }
}
