//! Tokens, receipts and DAP signatures: what exactly is signed, and by whom.
//!
//! ```text
//!  token     P1 | P2 | L | fields before the token       L = length of the fields: 1 octet, or 00 hi lo above 255
//!            (combined process: that of the first command, then that of the last one)
//!  receipt   details of the confirmation | LV data of the operation
//!  DAP       load file data block hash
//! ```
//! GPCS C.1 to C.5. With AES the signature is the CMAC, 16 octets: [`Key`] signs and verifies it here.
//! RSA and ECC are the caller's, through [`Signer`] and [`Verifier`]. The signature algorithm hashes its input again,
//! also when the input is a hash. Inputs are lists of parts, so that nothing is copied to be signed.

mod hash;
mod receipt;
#[cfg(test)]
mod tests;
mod token;

pub use hash::{Hash, HashAlgorithm, hash_load_file_data_block, verify_load_file_data_block_hash};
pub use receipt::{Operation, ReceiptInput};
pub use token::TokenInput;

use core::fmt;
use gp_scp03::Key;
use subtle::ConstantTimeEq;

/// Octets of an AES-CMAC signature.
pub const CMAC_LEN: usize = 16;

/// Why there is no signature, or no good one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SignatureError {
    /// The signature does not fit the data.
    Mismatch,
    /// The caller's buffer has no room for the signature.
    BufferFull,
    /// The key or the algorithm cannot be used now.
    Unavailable,
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mismatch => "the signature does not fit the data",
            Self::BufferFull => "the buffer is too small for the signature",
            Self::Unavailable => "the key cannot be used",
        })
    }
}

impl core::error::Error for SignatureError {}

/// Makes signatures with one key.
pub trait Signer {
    /// Signs the parts as if they were one message; the signature goes to the start of `out`. Returns its length in octets.
    ///
    /// # Errors
    /// `BufferFull`, `Unavailable`.
    fn sign(&mut self, parts: &[&[u8]], out: &mut [u8]) -> Result<usize, SignatureError>;
}

/// Verifies signatures with one key.
pub trait Verifier {
    /// Compares `signature` with the one of the parts taken as one message.
    ///
    /// # Errors
    /// `Mismatch` for anything but a good signature, `Unavailable`.
    fn verify(&mut self, parts: &[&[u8]], signature: &[u8]) -> Result<(), SignatureError>;
}

/// AES-CMAC.
impl Signer for &Key {
    fn sign(&mut self, parts: &[&[u8]], out: &mut [u8]) -> Result<usize, SignatureError> {
        let room = out.first_chunk_mut::<CMAC_LEN>().ok_or(SignatureError::BufferFull)?;
        *room = self.cmac(parts);
        Ok(CMAC_LEN)
    }
}

/// AES-CMAC, all 16 octets of it, compared in constant time.
impl Verifier for &Key {
    fn verify(&mut self, parts: &[&[u8]], signature: &[u8]) -> Result<(), SignatureError> {
        match bool::from(self.cmac(parts).as_slice().ct_eq(signature)) {
            true => Ok(()),
            false => Err(SignatureError::Mismatch),
        }
    }
}

impl Signer for Key {
    fn sign(&mut self, parts: &[&[u8]], out: &mut [u8]) -> Result<usize, SignatureError> {
        (&*self).sign(parts, out)
    }
}

impl Verifier for Key {
    fn verify(&mut self, parts: &[&[u8]], signature: &[u8]) -> Result<(), SignatureError> {
        (&*self).verify(parts, signature)
    }
}

/// Makes the DAP signature (tag `C3`) of a load file data block with this hash. Returns its length in octets. GPCS C.3.
///
/// # Errors
/// Those of the signer.
pub fn sign_dap(hash: &[u8], signer: &mut impl Signer, out: &mut [u8]) -> Result<usize, SignatureError> {
    signer.sign(&[hash], out)
}

/// Verifies a DAP signature against the hash that INSTALL \[for load\] gave.
///
/// # Errors
/// Those of the verifier.
pub fn verify_dap(hash: &[u8], signature: &[u8], verifier: &mut impl Verifier) -> Result<(), SignatureError> {
    verifier.verify(&[hash], signature)
}
