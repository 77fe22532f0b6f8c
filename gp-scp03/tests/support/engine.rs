//! Who computes with the session keys. With the feature `external-aes` an engine does, in all tests that open their sessions
//! by way of this: the suite is run twice, and says the same octets.

#![allow(dead_code)]

use gp_scp03::{KeySource, SessionKeys};

/// An engine: the block function of the `aes` crate, from outside.
#[cfg(feature = "external-aes")]
pub(crate) const ENGINE: gp_scp03::ExternalAes = gp_scp03::ExternalAes { context: 7, encrypt, decrypt };

#[cfg(feature = "external-aes")]
macro_rules! block_function {
    ($name:ident, $trait:ident, $function:ident) => {
        pub(crate) fn $name(context: usize, key: &[u8], block: &mut [u8; 16]) -> bool {
            use aes::cipher::{KeyInit, $trait};
            assert_eq!(context, 7);
            match key.len() {
                16 => aes::Aes128::new_from_slice(key).unwrap().$function(block.into()),
                24 => aes::Aes192::new_from_slice(key).unwrap().$function(block.into()),
                32 => aes::Aes256::new_from_slice(key).unwrap().$function(block.into()),
                length => panic!("a key of {length} octets"),
            }
            true
        }
    };
}

#[cfg(feature = "external-aes")]
block_function!(encrypt, BlockCipherEncrypt, encrypt_block);
#[cfg(feature = "external-aes")]
block_function!(decrypt, BlockCipherDecrypt, decrypt_block);

/// A source whose sessions are the engine's.
#[cfg(feature = "external-aes")]
pub(crate) fn over(keys: impl KeySource) -> impl KeySource {
    gp_scp03::SessionAes { keys, aes: ENGINE }
}

/// A source.
#[cfg(not(feature = "external-aes"))]
pub(crate) fn over(keys: impl KeySource) -> impl KeySource {
    keys
}

/// Session keys with which the engine computes.
#[cfg(feature = "external-aes")]
pub(crate) fn with(keys: SessionKeys) -> SessionKeys {
    keys.with_aes(ENGINE)
}

/// Session keys.
#[cfg(not(feature = "external-aes"))]
pub(crate) fn with(keys: SessionKeys) -> SessionKeys {
    keys
}
