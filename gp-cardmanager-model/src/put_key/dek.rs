//! What encrypts key values and other sensitive data: the Key-DEK, or hardware that holds it.

use core::fmt;
use gp_scp03::Key;

/// The Key-DEK could not do its work: a length that is not whole blocks, or hardware that refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DekError;

impl fmt::Display for DekError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the Key-DEK refused its work")
    }
}

impl core::error::Error for DekError {}

/// Encrypts and decrypts sensitive data in place, each call one datum (Amendment D 6.2.8: AES-CBC with an ICV of zeros).
pub trait Dek {
    /// Octets of a cipher block: 16 for AES, 8 for DES.
    fn block_len(&self) -> usize {
        16
    }

    /// Encrypts whole blocks.
    ///
    /// # Errors
    /// [`DekError`]; `data` is then unspecified.
    fn encrypt(&mut self, data: &mut [u8]) -> Result<(), DekError>;

    /// Decrypts whole blocks.
    ///
    /// # Errors
    /// [`DekError`]; `data` is then unspecified.
    fn decrypt(&mut self, data: &mut [u8]) -> Result<(), DekError>;
}

impl Dek for &Key {
    fn encrypt(&mut self, data: &mut [u8]) -> Result<(), DekError> {
        self.encrypt_sensitive(data).map_err(|_| DekError)
    }

    fn decrypt(&mut self, data: &mut [u8]) -> Result<(), DekError> {
        self.decrypt_sensitive(data).map_err(|_| DekError)
    }
}

impl Dek for Key {
    fn encrypt(&mut self, data: &mut [u8]) -> Result<(), DekError> {
        (&*self).encrypt(data)
    }

    fn decrypt(&mut self, data: &mut [u8]) -> Result<(), DekError> {
        (&*self).decrypt(data)
    }
}
