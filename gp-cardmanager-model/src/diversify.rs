//! Card keys from a master key. No part of the specification: conventions of makers and issuers, each behind [`Diversify`].
//!
//! ```text
//!  INITIALIZE UPDATE answer   | key diversification data, 10 octets | KVN 03 i | ...
//!                                    |
//!  master key  ------------------>  Diversify  -->  Key-ENC, Key-MAC, Key-DEK of this card
//! ```
//!
//! [`Kdf3`] is built in. The older schemes (VISA2, EMV CPS and their kin) compute with triple DES, which these crates do
//! not have: a caller who needs one implements the trait in a few lines.

use gp_scp03::{Error, Key, KeyId, KeyLength, StaticKeys};
use zeroize::Zeroize;

/// Octets of the key diversification data.
pub const DATA_LEN: usize = 10;

/// A way to make the keys of a card from its key diversification data.
///
/// ```
/// use gp_cardmanager_model::diversify::{DATA_LEN, Diversify};
/// use gp_scp03::{Error, Key, StaticKeys};
///
/// /// A convention of one's own: CMAC over key identifier and data.
/// struct Ours<'k>(&'k Key);
/// impl Diversify for Ours<'_> {
///     fn keys(&mut self, data: &[u8; DATA_LEN]) -> Result<StaticKeys, Error> {
///         let key = |id: u8| Key::new(&self.0.cmac(&[&[id], data]));
///         StaticKeys::new(key(1)?, key(2)?, key(3)?)
///     }
/// }
/// # let _ = Ours(&Key::new(&[0; 16])?).keys(&[0; 10])?;
/// # Ok::<(), Error>(())
/// ```
pub trait Diversify {
    /// The three keys of the card with this key diversification data.
    ///
    /// # Errors
    /// [`Error::KeySource`], or what suits, when they cannot be made.
    fn keys(&mut self, data: &[u8; DATA_LEN]) -> Result<StaticKeys, Error>;
}

impl<T: Diversify + ?Sized> Diversify for &mut T {
    fn keys(&mut self, data: &[u8; DATA_LEN]) -> Result<StaticKeys, Error> {
        (**self).keys(data)
    }
}

/// No diversification: every card has these keys.
#[derive(Clone, Copy, Debug)]
pub struct Same<'k>(
    /// The keys.
    pub &'k StaticKeys,
);

impl Diversify for Same<'_> {
    fn keys(&mut self, _: &[u8; DATA_LEN]) -> Result<StaticKeys, Error> {
        let key = |id| self.0.key(id).duplicate_secret();
        StaticKeys::new(key(KeyId::Enc), key(KeyId::Mac), key(KeyId::Dek))
    }
}

/// KDF3, the convention of GlobalPlatformPro for AES: SP 800-108 in counter mode over CMAC, without a length field.
///
/// ```text
///  key k  =  CMAC(master, 01 | 000000 | k | 00 | data) [ | CMAC(master, 02 | 000000 | k | 00 | data) ]
///            k = 01 Key-ENC, 02 Key-MAC, 03 Key-DEK; as long as the master key
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Kdf3<'k> {
    enc: &'k Key,
    mac: &'k Key,
    dek: &'k Key,
}

impl<'k> Kdf3<'k> {
    /// One master key for all three keys.
    #[must_use]
    pub const fn new(master: &'k Key) -> Self {
        Self { enc: master, mac: master, dek: master }
    }

    /// A master key for each key.
    #[must_use]
    pub const fn with_masters(masters: &'k StaticKeys) -> Self {
        Self { enc: masters.key(KeyId::Enc), mac: masters.key(KeyId::Mac), dek: masters.key(KeyId::Dek) }
    }

    fn key(master: &Key, id: u8, data: &[u8; DATA_LEN]) -> Result<Key, Error> {
        let mut octets = [0; 32];
        let (first, second) = octets.split_at_mut(16);
        first.copy_from_slice(&master.cmac(&[&[1, 0, 0, 0, id, 0], data]));
        if master.length() != KeyLength::Aes128 {
            second.copy_from_slice(&master.cmac(&[&[2, 0, 0, 0, id, 0], data]));
        }
        let key = Key::new(octets.get(..master.length().octets()).unwrap_or_default());
        octets.zeroize();
        key
    }
}

impl Diversify for Kdf3<'_> {
    fn keys(&mut self, data: &[u8; DATA_LEN]) -> Result<StaticKeys, Error> {
        StaticKeys::new(
            Self::key(self.enc, 0x01, data)?,
            Self::key(self.mac, 0x02, data)?,
            Self::key(self.dek, 0x03, data)?,
        )
    }
}

#[cfg(test)]
mod tests;
