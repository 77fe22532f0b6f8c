//! PUT KEY, `80 D8 P1 P2`: adds or replaces keys.
//!
//! ```text
//!  P1  b7-b1 key version number to replace, 00 = add       P2  b8 several keys, b7-b1 identifier of the first
//!
//!  new key version number, 01..7F | key data field | key data field ...
//!
//!  basic     { type, LL component block } .. | LV check value
//!  extended  { FF type, LL component block } .. | LV check value | LV usage qualifier | LV access
//!
//!  component block   public value              clear
//!                    secret value, either      ciphertext                     (its clear length is a multiple of the block)
//!                                  or          LL clear length | ciphertext   (padded with anything, or not padded)
//! ```
//! The answer is the key version number and the check values, without lengths. GPCS 11.8.2, tables 11-66 to 11-72;
//! Amendment D 7.2. What encrypts the secret values is a [`Dek`].
//!
//! The octet after a component block is the next type when it is 80 or more, the length of the check value below that.
//! The block length may be the lone octet 80 for 128, as in INSTALL; it is written as `81 80`.
//!
//! Tolerances of the reader: P2 b8 set with one key; both forms of secret component blocks, told apart by their length.

mod component;
mod dek;
#[cfg(test)]
mod tests;
mod writer;

pub use component::{Component, KeyType, SecretBlock};
pub use dek::{Dek, DekError};
pub(crate) use writer::encrypt;
pub use writer::{BlockForm, NewComponent, NewKey, PutKeyWriter};

use crate::error::{Error, ErrorKind};
use crate::key_info::{KeyAccess, KeyUsage};
use crate::lv::{Octets, Out};
use gp_apdu::{Class, Header, ins};
use gp_scp03::Key;
use subtle::ConstantTimeEq;

/// P1 b8: more parts follow. P2 b8: several keys.
const FLAG: u8 = 0x80;

/// The highest key version number and the highest key identifier.
const HIGHEST: u8 = 0x7F;

/// First octet of an extended type.
const EXTENDED: u8 = 0xFF;

/// Longest AES and DES check value in use, in octets.
pub const CHECK_VALUE_LEN: usize = 3;

/// P1 and P2.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PutKeyTarget {
    /// Key version number that is replaced, 01..7F; `None` = the keys are added.
    pub replaces: Option<u8>,
    /// Identifier of the first key, 00..7F; the next ones follow.
    pub first_id: u8,
    /// Whether there may be several keys.
    pub several: bool,
}

impl PutKeyTarget {
    /// Reads P1 and P2 of a whole command; of a chained one, those of its last part.
    ///
    /// # Errors
    /// `Parameters` when P1 says that more parts follow.
    pub const fn parse(p1: u8, p2: u8) -> Result<Self, Error> {
        if p1 & FLAG != 0 {
            return Err(Error { kind: ErrorKind::Parameters, offset: 0 });
        }
        Ok(Self { replaces: if p1 == 0 { None } else { Some(p1) }, first_id: p2 & HIGHEST, several: p2 & FLAG != 0 })
    }

    /// Is what is to be replaced a version that P1 can say, 01..7F, and the first identifier one that P2 can say, 00..7F? Initial
    /// keys with version FF cannot be named (GPCS 11.8.2.1).
    ///
    /// # Errors
    /// `BadValue`.
    pub fn check(self) -> Result<(), Error> {
        match self.replaces {
            Some(version) if !(1..=HIGHEST).contains(&version) => Err(Error::at(ErrorKind::BadValue, 0)),
            _ if self.first_id > HIGHEST => Err(Error::at(ErrorKind::BadValue, 0)),
            _ => Ok(()),
        }
    }

    /// The command header; Le is 00. Of a version that P1 cannot say b8 is left out: [`check`](Self::check) before.
    pub const fn header(self) -> Header {
        let several = if self.several { FLAG } else { 0 };
        Header {
            cla: Class::GP,
            ins: ins::PUT_KEY,
            p1: match self.replaces {
                Some(version) => version & HIGHEST,
                None => 0,
            },
            p2: several | (self.first_id & HIGHEST),
        }
    }
}

/// A PUT KEY command, every field of it checked.
#[derive(Clone, Copy, Debug)]
pub struct PutKey<'a> {
    /// P1 and P2.
    pub target: PutKeyTarget,
    /// The key version number that the keys get, 01..7F.
    pub version: u8,
    /// The key data fields.
    fields: &'a [u8],
}

impl<'a> PutKey<'a> {
    /// Reads P1, P2 and the body (of a chained command, the joined one).
    ///
    /// # Errors
    /// `Parameters`; `BadValue` for a new key version number outside 01..7F or a key identifier above 7F; `Missing`
    /// without a key; `Unexpected` for several keys where P2 announces one, or a mixture of basic and extended types in
    /// one key; `Truncated`, `BadLength`.
    pub fn parse(p1: u8, p2: u8, data: &'a [u8]) -> Result<Self, Error> {
        let target = PutKeyTarget::parse(p1, p2)?;
        let mut body = Octets::new(data);
        let version = body.octet()?;
        if !(1..=HIGHEST).contains(&version) {
            return Err(Error::at(ErrorKind::BadValue, 0));
        }
        let command = Self { target, version, fields: body.rest() };
        let mut keys = command.keys();
        if keys.fields.is_empty() {
            return body.fail(ErrorKind::Missing);
        }
        let mut first = true;
        while !keys.fields.is_empty() {
            if !first && !target.several {
                return keys.fields.fail(ErrorKind::Unexpected);
            }
            first = false;
            keys.read()?;
        }
        Ok(command)
    }

    /// The keys, in their order.
    pub const fn keys(&self) -> KeyFields<'a> {
        KeyFields {
            // Octet 0 of the body is the key version number.
            fields: Octets::with_base(self.fields, 1),
            id: Some(self.target.first_id),
        }
    }

    /// Writes the answer: the key version number and all check values.
    ///
    /// # Errors
    /// `BufferFull`.
    pub fn emit_answer<'b>(&self, buf: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        let mut out = Out::new(buf);
        out.octet(self.version)?;
        for key in self.keys() {
            out.put(key.check_value)?;
        }
        Ok(out.finish())
    }

    /// Whether `answer` is the one of this command: it has the new key version number and the check values sent.
    /// Compared in constant time.
    pub fn is_answered_by(&self, answer: &[u8]) -> bool {
        let mut rest = Octets::new(answer);
        let mut same = rest.octet().is_ok_and(|version| version == self.version);
        for key in self.keys() {
            let got = rest.take(key.check_value.len()).unwrap_or_default();
            same &= bool::from(got.ct_eq(key.check_value));
        }
        same && rest.is_empty()
    }
}

/// The key data fields of a command. An iterator.
#[derive(Clone, Debug)]
pub struct KeyFields<'a> {
    fields: Octets<'a>,
    /// Identifier of the next key; `None` = there is no identifier left.
    id: Option<u8>,
}

impl<'a> KeyFields<'a> {
    fn read(&mut self) -> Result<KeyField<'a>, Error> {
        let body = &mut self.fields;
        let Some(id) = self.id else {
            return body.fail(ErrorKind::BadValue);
        };
        let start = *body;
        let extended = body.peek() == Some(EXTENDED);
        let mut count = 0_usize;
        loop {
            Component::read(body, extended)?;
            count = count.saturating_add(1);
            match body.peek() {
                None => return body.fail(ErrorKind::Truncated),
                Some(0..=0x7F) => break,
                Some(_) => (),
            }
        }
        let components = start.up_to(body);
        let check_value = body.short_lv()?;
        let (usage, access) = match extended {
            true => (Self::usage(body)?, Self::access(body)?),
            false => (None, None),
        };
        self.id = id.checked_add(1).filter(|next| *next <= HIGHEST);
        Ok(KeyField { id, extended, components, count, check_value, usage, access })
    }

    fn usage(body: &mut Octets<'a>) -> Result<Option<KeyUsage>, Error> {
        let bad = Error::at(ErrorKind::BadLength, body.offset());
        match body.short_lv()? {
            [] => Ok(None),
            octets => KeyUsage::from_octets(octets).map(Some).ok_or(bad),
        }
    }

    fn access(body: &mut Octets<'a>) -> Result<Option<KeyAccess>, Error> {
        let bad = Error::at(ErrorKind::BadLength, body.offset());
        match *body.short_lv()? {
            [] => Ok(None),
            [octet] => Ok(Some(KeyAccess(octet))),
            _ => Err(bad),
        }
    }
}

impl<'a> Iterator for KeyFields<'a> {
    type Item = KeyField<'a>;

    fn next(&mut self) -> Option<KeyField<'a>> {
        // `PutKey::parse` has read all of it once, so an error does not happen here.
        match self.fields.is_empty() {
            true => None,
            false => self.read().ok(),
        }
    }
}

/// One key as PUT KEY carries it.
#[derive(Clone, Copy, Debug)]
pub struct KeyField<'a> {
    /// Key identifier, 00..7F.
    pub id: u8,
    /// Whether the field is an extended one.
    pub extended: bool,
    /// Its components.
    components: Octets<'a>,
    count: usize,
    /// Check value, 3 octets for AES and DES, empty for none.
    pub check_value: &'a [u8],
    /// Usage qualifier, in the extended form.
    pub usage: Option<KeyUsage>,
    /// Access, in the extended form.
    pub access: Option<KeyAccess>,
}

impl<'a> KeyField<'a> {
    /// The components, in their order; at least one.
    pub fn components(&self) -> impl Iterator<Item = Component<'a>> + Clone + use<'a> {
        let mut rest = self.components;
        let extended = self.extended;
        (0..self.count).map_while(move |_| Component::read(&mut rest, extended).ok())
    }

    /// Type of the first component, which is the type of the key.
    pub fn key_type(&self) -> Option<KeyType> {
        self.components().next().map(|component| component.key_type)
    }

    /// Makes an AES key of the clear value of its component, when the check value is there and fits.
    ///
    /// # Errors
    /// `BadLength` for a value that is no AES key; `CheckValue`.
    pub fn aes_key(&self, clear: &[u8]) -> Result<Key, Error> {
        aes_key(clear, self.check_value, self.components.offset())
    }
}

/// Makes an AES key of `clear` when its check value is `check_value`, compared in constant time.
pub(crate) fn aes_key(clear: &[u8], check_value: &[u8], at: usize) -> Result<Key, Error> {
    let key = Key::new(clear).map_err(|_| Error::at(ErrorKind::BadLength, at))?;
    match bool::from(key.kcv().as_slice().ct_eq(check_value)) {
        true => Ok(key),
        false => Err(Error::at(ErrorKind::CheckValue, at)),
    }
}

/// The answer to PUT KEY.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PutKeyAnswer<'a> {
    /// The new key version number.
    pub version: u8,
    /// Check values one after the other, without lengths; RSA and ECC keys have none.
    pub check_values: &'a [u8],
}

impl<'a> PutKeyAnswer<'a> {
    /// Reads the answer.
    ///
    /// # Errors
    /// `Truncated` when it is empty.
    pub fn parse(answer: &'a [u8]) -> Result<Self, Error> {
        let mut body = Octets::new(answer);
        let version = body.octet()?;
        Ok(Self { version, check_values: body.rest() })
    }
}
