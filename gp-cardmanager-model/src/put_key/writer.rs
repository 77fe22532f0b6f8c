//! Writes the body of PUT KEY, encrypting the secret values in the caller's buffer.

use super::{CHECK_VALUE_LEN, Dek, EXTENDED, HIGHEST, KeyType};
use crate::error::{Error, ErrorKind};
use crate::key_info::{KeyAccess, KeyUsage};
use crate::lv::{Out, length_len};
use core::fmt;
use gp_scp03::Key;
use zeroize::Zeroize;

/// How a secret value whose length is a multiple of the cipher block is written. Receivers take both; some real cards take
/// one of them only. Any other length always has its inner length.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BlockForm {
    /// With the inner length, as Amendment D table 7-10 shows it: `88 11 10 ...`.
    #[default]
    WithLength,
    /// Ciphertext alone, as GPCS table 11-71 shows it: `88 10 ...`.
    Bare,
}

/// One component of a key to send.
#[derive(Clone, Copy)]
pub struct NewComponent<'a> {
    /// Its type, which says whether the value is encrypted.
    pub key_type: KeyType,
    /// The clear value.
    pub value: &'a [u8],
    /// Arbitrary octets for the padding of a secret value; zeros follow when they do not suffice.
    pub filler: &'a [u8],
}

impl fmt::Debug for NewComponent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewComponent")
            .field("key_type", &self.key_type)
            .field("len", &self.value.len())
            .finish_non_exhaustive()
    }
}

/// One key to send.
#[derive(Clone, Copy, Debug)]
pub struct NewKey<'a> {
    /// Its components, at least one.
    pub components: &'a [NewComponent<'a>],
    /// Check value: 3 octets for AES and DES, else empty.
    pub check_value: &'a [u8],
    /// Usage qualifier and access; `None` = the basic form. Either of the two may be left open.
    pub extended: Option<(Option<KeyUsage>, Option<KeyAccess>)>,
}

/// A writer of the body: the new key version number, then key after key. On an error the buffer is wiped
/// and the writer stays refused.
#[derive(Debug)]
pub struct PutKeyWriter<'b> {
    out: Out<'b>,
    form: BlockForm,
    keys: u8,
    failed: Option<Error>,
}

impl<'b> PutKeyWriter<'b> {
    /// Begins a body with the key version number that the keys get.
    ///
    /// # Errors
    /// `BadValue` outside 01..7F; `BufferFull`.
    pub fn new(buf: &'b mut [u8], version: u8, form: BlockForm) -> Result<Self, Error> {
        if !(1..=HIGHEST).contains(&version) {
            return Err(Error::at(ErrorKind::BadValue, 0));
        }
        let mut out = Out::new(buf);
        out.octet(version)?;
        Ok(Self { out, form, keys: 0, failed: None })
    }

    /// Adds an AES key in the basic form, with its check value.
    ///
    /// # Errors
    /// As [`key`](Self::key).
    pub fn aes(&mut self, key: &Key, dek: &mut impl Dek) -> Result<&mut Self, Error> {
        let component = NewComponent { key_type: KeyType::AES, value: key.expose_secret(), filler: &[] };
        let new = NewKey { components: &[component], check_value: &key.kcv(), extended: None };
        self.key(&new, dek)
    }

    /// Adds a key.
    ///
    /// # Errors
    /// `Missing` without components, or without the check value of an AES or DES key; `BadLength` for an empty value, one above 65535 octets, or a check value that
    /// is neither 0 nor 3 octets; `BadValue` for the component type FF and, in the basic form, for one below 80 behind the
    /// first component, where it would be read as the length of a check value; `Dek`; `BufferFull`.
    pub fn key(&mut self, key: &NewKey<'_>, dek: &mut impl Dek) -> Result<&mut Self, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        match self.write(key, dek) {
            Ok(()) => Ok(self),
            Err(error) => {
                // A half-written key may be clear.
                self.out.wipe();
                self.failed = Some(error);
                Err(error)
            }
        }
    }

    fn write(&mut self, key: &NewKey<'_>, dek: &mut impl Dek) -> Result<(), Error> {
        let here = |out: &Out<'_>, kind| Err(Error::at(kind, out.len()));
        if key.components.is_empty() {
            return here(&self.out, ErrorKind::Missing);
        }
        if ![0, CHECK_VALUE_LEN].contains(&key.check_value.len()) {
            return here(&self.out, ErrorKind::BadLength);
        }
        let first = key.components.first().map(|component| component.key_type);
        if matches!(first, Some(KeyType::AES | KeyType::DES)) && key.check_value.is_empty() {
            return here(&self.out, ErrorKind::Missing);
        }
        let behind = key.components.get(1..).unwrap_or_default();
        if key.extended.is_none() && behind.iter().any(|component| component.key_type.0 <= HIGHEST) {
            return here(&self.out, ErrorKind::BadValue);
        }
        for component in key.components {
            if component.value.is_empty() {
                return here(&self.out, ErrorKind::BadLength);
            }
            if component.key_type.0 == EXTENDED {
                return here(&self.out, ErrorKind::BadValue);
            }
            if key.extended.is_some() {
                self.out.octet(EXTENDED)?;
            }
            self.out.octet(component.key_type.0)?;
            match component.key_type.is_secret() {
                true => secret(&mut self.out, component, self.form, dek)?,
                false => drop(self.out.lv(component.value)?),
            }
        }
        self.out.short_lv(key.check_value)?;
        if let Some((usage, access)) = key.extended {
            let [high, low] = usage.map_or([0; 2], |usage| usage.0.to_be_bytes());
            match (usage, low) {
                (None, _) => self.out.short_lv(&[])?,
                (Some(_), 0) => self.out.short_lv(&[high])?,
                (Some(_), _) => self.out.short_lv(&[high, low])?,
            };
            match access {
                None => self.out.short_lv(&[])?,
                Some(access) => self.out.short_lv(&[access.0])?,
            };
        }
        self.keys = self.keys.saturating_add(1);
        Ok(())
    }

    /// How many keys have been written.
    pub const fn keys(&self) -> u8 {
        self.keys
    }

    /// The body.
    ///
    /// # Errors
    /// `Missing` without a key; the error of a refused key.
    pub fn finish(self) -> Result<&'b mut [u8], Error> {
        match (self.failed, self.keys) {
            (Some(error), _) => Err(error),
            (None, 0) => Err(Error::at(ErrorKind::Missing, self.out.len())),
            (None, _) => Ok(self.out.finish()),
        }
    }
}

/// Writes the length and the block of a secret value.
fn secret(out: &mut Out<'_>, component: &NewComponent<'_>, form: BlockForm, dek: &mut impl Dek) -> Result<(), Error> {
    let bad = Error::at(ErrorKind::BadLength, out.len());
    let clear_len = component.value.len();
    let padded = clear_len.checked_next_multiple_of(dek.block_len().max(1)).ok_or(bad)?;
    let bare = padded == clear_len && form == BlockForm::Bare;
    let inner = if bare { 0 } else { length_len(clear_len) };
    out.length(padded.checked_add(inner).ok_or(bad)?)?;
    if !bare {
        out.length(clear_len)?;
    }
    encrypt(out, component.value, component.filler, padded, dek)
}

/// Writes `value`, padded with `filler` and zeros to `padded` octets, and encrypts it where it is.
pub(crate) fn encrypt(
    out: &mut Out<'_>,
    value: &[u8],
    filler: &[u8],
    padded: usize,
    dek: &mut impl Dek,
) -> Result<(), Error> {
    let refused = Error::at(ErrorKind::Dek, out.len());
    let room = out.reserve(padded)?;
    let padding = filler.iter().chain(core::iter::repeat(&0));
    for (to, from) in room.iter_mut().zip(value.iter().chain(padding)) {
        *to = *from;
    }
    dek.encrypt(room).map_err(|_| {
        room.zeroize();
        refused
    })
}
