//! One component of a key: its type, and the block that holds its value.

use super::{Dek, EXTENDED};
use crate::error::{Error, ErrorKind};
use crate::lv::Octets;
use core::fmt;
use zeroize::Zeroize;

/// Type of a key component, GPCS 11.1.8. Any octet may come; the named ones have a meaning.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct KeyType(
    /// The octet. In the extended form it stands after `FF`.
    pub u8,
);

/// Declares the types once: constant, octet, name, and whether the value is secret.
macro_rules! key_types {
    ($($name:ident = $octet:literal, $secret:literal, $text:literal;)*) => {
        impl KeyType {
            $(#[doc = $text] pub const $name: Self = Self($octet);)*

            /// All types with a name, by octet.
            pub const NAMED: &'static [Self] = &[$(Self::$name),*];

            /// The name of the type; `None` for private and reserved ones.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($octet => Some($text),)*
                    _ => None,
                }
            }

            /// Whether the value is secret, and so comes encrypted. Types without a name count as secret.
            pub const fn is_secret(self) -> bool {
                match self.0 {
                    $($octet => $secret,)*
                    _ => true,
                }
            }
        }
    };
}

key_types! {
    DES = 0x80, true, "DES";
    PSK_TLS = 0x85, true, "Pre-shared key for TLS";
    AES = 0x88, true, "AES";
    HMAC_SHA1 = 0x90, true, "HMAC-SHA1";
    HMAC_SHA1_160 = 0x91, true, "HMAC-SHA1-160";
    RSA_PUBLIC_EXPONENT = 0xA0, false, "RSA public exponent e";
    RSA_PUBLIC_MODULUS = 0xA1, false, "RSA public modulus n";
    RSA_PRIVATE_MODULUS = 0xA2, true, "RSA private modulus n";
    RSA_PRIVATE_EXPONENT = 0xA3, true, "RSA private exponent d";
    RSA_CRT_P = 0xA4, true, "RSA CRT P";
    RSA_CRT_Q = 0xA5, true, "RSA CRT Q";
    RSA_CRT_PQ = 0xA6, true, "RSA CRT PQ";
    RSA_CRT_DP1 = 0xA7, true, "RSA CRT DP1";
    RSA_CRT_DQ1 = 0xA8, true, "RSA CRT DQ1";
    ECC_PUBLIC = 0xB0, false, "ECC public key";
    ECC_PRIVATE = 0xB1, true, "ECC private key";
    ECC_P = 0xB2, false, "ECC field p";
    ECC_A = 0xB3, false, "ECC curve a";
    ECC_B = 0xB4, false, "ECC curve b";
    ECC_G = 0xB5, false, "ECC generator G";
    ECC_N = 0xB6, false, "ECC order n";
    ECC_K = 0xB7, false, "ECC cofactor k";
    ECC_REFERENCE = 0xF0, false, "ECC curve reference";
}

/// One component of a received key.
#[derive(Clone, Copy)]
pub struct Component<'a> {
    /// Its type.
    pub key_type: KeyType,
    /// The component block: the value itself when it is public; see [`secret`](Self::secret) when it is not.
    pub block: &'a [u8],
    at: usize,
}

impl fmt::Debug for Component<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Private types may hold anything: say the length only.
        f.debug_struct("Component")
            .field("key_type", &self.key_type)
            .field("block_len", &self.block.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Component<'a> {
    /// Reads type, length and block.
    pub(super) fn read(body: &mut Octets<'a>, extended: bool) -> Result<Self, Error> {
        let at = body.offset();
        if extended != (body.peek() == Some(EXTENDED)) {
            return body.fail(ErrorKind::Unexpected);
        }
        if extended {
            body.octet()?;
        }
        let key_type = KeyType(body.octet()?);
        let length_at = body.offset();
        let block = body.lv()?;
        match block {
            [] => Err(Error::at(ErrorKind::BadLength, length_at)),
            _ => Ok(Self { key_type, block, at }),
        }
    }

    /// Reads the block of a secret value for a cipher with blocks of `block_len` octets (8 or 16): a length that is a
    /// multiple of it means no inner length; else the inner length comes first.
    ///
    /// # Errors
    /// `BadLength` when the two lengths do not agree: the padding is shorter than one cipher block.
    pub fn secret(&self, block_len: usize) -> Result<SecretBlock<'a>, Error> {
        SecretBlock::parse(self.block, block_len).map_err(|_| Error::at(ErrorKind::BadLength, self.at))
    }

    /// Decrypts the secret value into `out`; returns the clear value. What is padding in `out` is wiped.
    ///
    /// # Errors
    /// `BadLength`; `BufferFull` when `out` is shorter than the ciphertext; `Dek`. `out` is then wiped.
    pub fn decrypt<'o>(&self, dek: &mut impl Dek, out: &'o mut [u8]) -> Result<&'o mut [u8], Error> {
        self.secret(dek.block_len())?.decrypt(dek, out).map_err(|error| error.shifted(self.at))
    }
}

/// The block of a secret value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SecretBlock<'a> {
    /// Length of the clear value, in octets.
    pub clear_len: usize,
    /// Whole cipher blocks; what is behind the clear value is padding.
    pub ciphertext: &'a [u8],
}

impl<'a> SecretBlock<'a> {
    fn parse(block: &'a [u8], block_len: usize) -> Result<Self, Error> {
        let bad = Error::at(ErrorKind::BadLength, 0);
        if block_len == 0 || block.is_empty() {
            return Err(bad);
        }
        if block.len().is_multiple_of(block_len) {
            return Ok(Self { clear_len: block.len(), ciphertext: block });
        }
        let mut octets = Octets::new(block);
        let clear_len = octets.length()?;
        let ciphertext = octets.rest();
        let fits = clear_len > 0 && clear_len.checked_next_multiple_of(block_len) == Some(ciphertext.len());
        match fits {
            true => Ok(Self { clear_len, ciphertext }),
            false => Err(bad),
        }
    }

    pub(crate) fn decrypt<'o>(&self, dek: &mut impl Dek, out: &'o mut [u8]) -> Result<&'o mut [u8], Error> {
        let room = out.get_mut(..self.ciphertext.len()).ok_or(Error::at(ErrorKind::BufferFull, 0))?;
        room.copy_from_slice(self.ciphertext);
        if dek.decrypt(room).is_err() {
            room.zeroize();
            return Err(Error::at(ErrorKind::Dek, 0));
        }
        let clear_len = self.clear_len.min(room.len());
        let (clear, padding) = room.split_at_mut(clear_len);
        padding.zeroize();
        Ok(clear)
    }
}
