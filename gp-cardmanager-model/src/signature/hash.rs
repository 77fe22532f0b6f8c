//! The load file data block hash: over the content of `C4` alone, the clear block. GPCS C.2.
//!
//! Its length tells the algorithm: 20 SHA-1, 32 SHA-256, 48 SHA-384, 64 SHA-512.

use super::SignatureError;
use gp_scp03::KeyLength;
use subtle::ConstantTimeEq;

/// A hash function that the caller implements; this crate has none.
pub trait Hash {
    /// The algorithm.
    fn algorithm(&self) -> HashAlgorithm;
    /// Takes the next octets of the message.
    fn update(&mut self, octets: &[u8]);
    /// Ends the message and writes the hash, [`HashAlgorithm::len`] octets, over all of `out`.
    fn finish(&mut self, out: &mut [u8]);
}

/// The hash algorithms of load files, with their codes in the card capability information (tag `67`, object `83`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// Code `01`, 20 octets; for old keys only.
    Sha1,
    /// Code `02`, 32 octets.
    Sha256,
    /// Code `03`, 48 octets.
    Sha384,
    /// Code `04`, 64 octets.
    Sha512,
}

impl HashAlgorithm {
    /// The longest hash, in octets.
    pub const MAX_LEN: usize = 64;

    /// All, in ascending strength.
    pub const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The algorithm with hashes of `len` octets.
    pub const fn from_len(len: usize) -> Option<Self> {
        match len {
            20 => Some(Self::Sha1),
            32 => Some(Self::Sha256),
            48 => Some(Self::Sha384),
            64 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The algorithm with this code.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Sha1),
            2 => Some(Self::Sha256),
            3 => Some(Self::Sha384),
            4 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The code in the card capability information.
    pub const fn code(self) -> u8 {
        match self {
            Self::Sha1 => 1,
            Self::Sha256 => 2,
            Self::Sha384 => 3,
            Self::Sha512 => 4,
        }
    }

    /// Length of the hash, in octets.
    #[expect(clippy::len_without_is_empty, reason = "a hash is never empty")]
    pub const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The weakest algorithm that fits AES keys of this length, for DAP, tokens and ciphered load files.
    /// GPCS table C-3, Amendment D table 8-1.
    pub const fn least_for(key: KeyLength) -> Self {
        match key.octets() {
            16 => Self::Sha256,
            24 => Self::Sha384,
            _ => Self::Sha512,
        }
    }
}

/// Hashes a load file data block given in parts; returns the octets of `out` that hold the hash.
///
/// # Errors
/// `BufferFull` when `out` is too short.
pub fn hash_load_file_data_block<'p, 'o>(
    parts: impl IntoIterator<Item = &'p [u8]>,
    hash: &mut impl Hash,
    out: &'o mut [u8],
) -> Result<&'o mut [u8], SignatureError> {
    let room = out.get_mut(..hash.algorithm().len()).ok_or(SignatureError::BufferFull)?;
    for part in parts {
        hash.update(part);
    }
    hash.finish(room);
    Ok(room)
}

/// Compares the hash of a load file data block given in parts with the one of INSTALL \[for load\].
///
/// # Errors
/// `Mismatch`, also when the algorithm makes hashes of another length.
pub fn verify_load_file_data_block_hash<'p>(
    parts: impl IntoIterator<Item = &'p [u8]>,
    hash: &mut impl Hash,
    expected: &[u8],
) -> Result<(), SignatureError> {
    let mut room = [0; HashAlgorithm::MAX_LEN];
    let made = hash_load_file_data_block(parts, hash, &mut room)?;
    match bool::from((*made).ct_eq(expected)) {
        true => Ok(()),
        false => Err(SignatureError::Mismatch),
    }
}
