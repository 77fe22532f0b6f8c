//! Static keys whose schedules and subkeys are made once, for who opens many sessions under one key set.

use core::fmt;

use crate::cipher::Encryptor;
use crate::cmac::{Subkeys, cmac, cmac_each};
use crate::place::{Place, size_of_place};
use crate::{Error, KeyId, KeyLength, KeySource, StaticKeys};

/// Key-ENC and Key-MAC of a key set, expanded: a [`KeySource`] that makes no schedule and no subkey again. Key-DEK stays
/// with [`StaticKeys`]: no handshake uses it.
///
/// About 550 octets on x86-64, wiped when dropped. Key sets that are diversified for one card gain nothing by it.
pub struct ExpandedKeys {
    enc: Place<Expanded, { size_of_place::<Expanded>() }>,
    mac: Place<Expanded, { size_of_place::<Expanded>() }>,
    length: KeyLength,
}

impl Drop for ExpandedKeys {
    fn drop(&mut self) {
        self.enc.vacate();
        self.mac.vacate();
    }
}

struct Expanded {
    cipher: Encryptor,
    subkeys: Subkeys,
}

impl ExpandedKeys {
    /// Expands the keys.
    #[must_use]
    pub fn new(keys: &StaticKeys) -> Self {
        let expand = |id| {
            let cipher = Encryptor::new(keys.key(id));
            let subkeys = Subkeys::kept(&cipher);
            Place::Taken(Expanded { cipher, subkeys })
        };
        Self { enc: expand(KeyId::Enc), mac: expand(KeyId::Mac), length: keys.key(KeyId::Enc).length() }
    }

    fn key(&self, id: KeyId) -> Result<&Expanded, Error> {
        match id {
            KeyId::Enc => self.enc.get(),
            KeyId::Mac => self.mac.get(),
            KeyId::Dek => None,
        }
        .ok_or(Error::KeySource)
    }
}

impl KeySource for &ExpandedKeys {
    fn cmac(&mut self, key: KeyId, parts: &[&[u8]]) -> Result<[u8; 16], Error> {
        let key = self.key(key)?;
        Ok(cmac(&key.cipher, &key.subkeys, parts)?)
    }

    fn cmac_each(&mut self, key: KeyId, messages: &[&[u8]], macs: &mut [[u8; 16]]) -> Result<(), Error> {
        let key = self.key(key)?;
        Ok(cmac_each(&key.cipher, Some(&key.subkeys), messages, macs)?)
    }

    fn length(&self) -> KeyLength {
        self.length
    }
}

impl KeySource for ExpandedKeys {
    fn cmac(&mut self, key: KeyId, parts: &[&[u8]]) -> Result<[u8; 16], Error> {
        (&*self).cmac(key, parts)
    }

    fn cmac_each(&mut self, key: KeyId, messages: &[&[u8]], macs: &mut [[u8; 16]]) -> Result<(), Error> {
        (&*self).cmac_each(key, messages, macs)
    }

    fn length(&self) -> KeyLength {
        self.length
    }
}

impl fmt::Debug for ExpandedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExpandedKeys(..)")
    }
}
