//! CTR_DRBG (SP 800-90A 10.2.1) without derivation function, for targets that have a seed of full entropy and no generator.
//!
//! ```text
//!  state      Key (16 or 32) | V (16) | reseed counter
//!  update     the next seed-length octets of AES-CTR(Key, V + 1), exclusive-or what is provided, become Key | V
//! ```

use core::fmt;

use aes::cipher::{KeyIvInit, StreamCipher};
use ctr::Ctr128BE;
use zeroize::Zeroize;

use crate::scrub::scrub_generator;

/// Why the generator did not generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DrbgError {
    /// The seed is not key length plus 16 octets long (32 for AES-128, 48 for AES-256), or an additional input is longer than that.
    SeedLength,
    /// More than 65536 octets were asked for at once.
    RequestTooLong,
    /// 2^48 requests were served since the last seed: reseed.
    ReseedRequired,
}

impl fmt::Display for DrbgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SeedLength => "the seed or additional input has the wrong length",
            Self::RequestTooLong => "more than 65536 octets were asked for at once",
            Self::ReseedRequired => "the generator must be reseeded",
        })
    }
}

impl core::error::Error for DrbgError {}

/// The most octets of one request (SP 800-90A table 3: 2^19 bits).
const MAX_REQUEST: usize = 65_536;

/// The most requests between two seeds.
const RESEED_INTERVAL: u64 = 1 << 48;

macro_rules! drbg {
    ($(#[$doc:meta])* $name:ident, $aes:ty, $key:literal, $seed:literal) => {
        $(#[$doc])*
        pub struct $name {
            key: [u8; $key],
            v: [u8; 16],
            requests: u64,
        }

        impl $name {
            /// The length of seeds and the most of additional inputs, in octets.
            pub const SEED_LENGTH: usize = $seed;

            /// A generator from full-entropy octets, [`SEED_LENGTH`](Self::SEED_LENGTH) of them, and a personalization
            /// string of at most as many (a serial number, say; it may be empty).
            ///
            /// # Errors
            /// [`DrbgError::SeedLength`].
            pub fn new(entropy: &[u8], personalization: &[u8]) -> Result<Self, DrbgError> {
                // Made where it stays, and not moved: a move leaves a copy.
                let mut drbg = Ok(Self { key: [0; $key], v: [0; 16], requests: 1 });
                if let Ok(made) = &mut drbg
                    && let Err(error) = made.reseed(entropy, personalization)
                {
                    drbg = Err(error);
                }
                drbg
            }

            /// Mixes fresh entropy into the state, with an additional input that may be empty.
            ///
            /// # Errors
            /// [`DrbgError::SeedLength`]; the state is as before.
            pub fn reseed(&mut self, entropy: &[u8], additional: &[u8]) -> Result<(), DrbgError> {
                let mut seed = Self::seed(entropy, additional)?;
                let made = self.update(&seed);
                seed.zeroize();
                scrub_generator();
                made?;
                self.requests = 1;
                Ok(())
            }

            /// Fills `out` with at most 65536 octets, with an additional input that may be empty. The state moves on so
            /// that who steals it later cannot compute what was given out before.
            ///
            /// # Errors
            /// [`DrbgError::RequestTooLong`], [`DrbgError::ReseedRequired`], [`DrbgError::SeedLength`] for an additional
            /// input that is too long. Nothing is written to `out` then.
            pub fn generate(&mut self, out: &mut [u8], additional: &[u8]) -> Result<(), DrbgError> {
                if out.len() > MAX_REQUEST {
                    return Err(DrbgError::RequestTooLong);
                }
                if self.requests > RESEED_INTERVAL {
                    return Err(DrbgError::ReseedRequired);
                }
                let mut input = Self::padded(additional)?;
                let made = self.fill(out, additional.is_empty(), &input);
                input.zeroize();
                scrub_generator();
                if made.is_err() {
                    out.zeroize();
                }
                made
            }

            // A call of its own, so that the scrubbing of the caller reaches what it leaves.
            #[inline(never)]
            fn fill(&mut self, out: &mut [u8], no_input: bool, input: &[u8; $seed]) -> Result<(), DrbgError> {
                if !no_input {
                    self.update(input)?;
                }
                out.fill(0);
                self.key_stream(out)?;
                let blocks = u128::try_from(out.len().div_ceil(16)).unwrap_or(0);
                self.v = u128::from_be_bytes(self.v).wrapping_add(blocks).to_be_bytes();
                self.update(input)?;
                self.requests = self.requests.saturating_add(1);
                Ok(())
            }

            /// AES-CTR from V + 1 over `octets`.
            fn key_stream(&self, octets: &mut [u8]) -> Result<(), DrbgError> {
                let first = u128::from_be_bytes(self.v).wrapping_add(1).to_be_bytes();
                let mut cipher = Ctr128BE::<$aes>::new(&self.key.into(), &first.into());
                // It ends after 2^128 blocks: nobody asks for so many.
                cipher.try_apply_keystream(octets).map_err(|_| DrbgError::ReseedRequired)
            }

            /// CTR_DRBG_Update (SP 800-90A 10.2.1.2). A call of its own, as [`fill`](Self::fill) is.
            #[inline(never)]
            fn update(&mut self, provided: &[u8; $seed]) -> Result<(), DrbgError> {
                let mut state = *provided;
                let made = self.key_stream(&mut state);
                if made.is_ok() {
                    self.key.iter_mut().chain(&mut self.v).zip(&state).for_each(|(to, from)| *to = *from);
                }
                state.zeroize();
                made
            }

            fn seed(entropy: &[u8], input: &[u8]) -> Result<[u8; $seed], DrbgError> {
                let entropy: &[u8; $seed] = entropy.try_into().map_err(|_| DrbgError::SeedLength)?;
                let mut seed = Self::padded(input)?;
                seed.iter_mut().zip(entropy).for_each(|(to, from)| *to ^= from);
                Ok(seed)
            }

            fn padded(input: &[u8]) -> Result<[u8; $seed], DrbgError> {
                let mut padded = [0; $seed];
                let start = padded.get_mut(..input.len()).ok_or(DrbgError::SeedLength)?;
                start.iter_mut().zip(input).for_each(|(to, from)| *to = *from);
                Ok(padded)
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.key.zeroize();
                self.v.zeroize();
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

drbg! {
    /// CTR_DRBG with AES-128: seeds of 32 octets.
    CtrDrbg128, aes::Aes128Enc, 16, 32
}

drbg! {
    /// CTR_DRBG with AES-256: seeds of 48 octets.
    CtrDrbg256, aes::Aes256Enc, 32, 48
}

#[cfg(test)]
mod tests;
