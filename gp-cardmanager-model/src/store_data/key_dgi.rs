//! Keys in DGI form, for STORE DATA: `00B9` says what comes, the values follow in the same order.
//!
//! ```text
//!  00B9 LL { [B7 LL {common objects}]                                     B7: read, never written
//!            B9 LL { 95 usage, 96 access, 80 type, 81 length, 82 id, 83 key version number, 84 check value } ..
//!            B9 LL { 80 01 F0, 85 curve reference } }
//!  8113 LL symmetric key, encrypted         0010 n   0011 e   8112 d   8121..8125 RSA CRT, encrypted
//!  0036 LL ECC public   8137 LL private, encrypted            0030..0035 p a b G n k
//! ```
//! A DGI with b16 = 1 is encrypted under the Key-DEK, padded with anything; `81` tells the clear length. GPCS 11.11.4,
//! Amendment D 7.3.
//!
//! Tolerances of the reader: common objects in a leading `B7` (with `97`, which one host writes); unknown objects.

use crate::error::{Error, ErrorKind};
use crate::key_info::{KeyAccess, KeyUsage};
use crate::lv::{Out, each_object, once};
use crate::put_key::{CHECK_VALUE_LEN, Dek, KeyType, SecretBlock, aes_key, encrypt};
use core::fmt;
use gp_scp03::Key;
use gp_tlv::{Dgi, DgiReader, Tag, Writer};

/// The DGI that says which keys come.
pub const DESCRIPTIONS_DGI: u16 = 0x00B9;
/// The DGI of a symmetric key.
pub const SYMMETRIC_DGI: u16 = 0x8113;

/// b16 of a DGI: its value is encrypted.
const SECRET: u16 = 0x8000;

const COMMON: Tag = Tag::new(0xB7);
const DESCRIPTION: Tag = Tag::new(0xB9);
const TYPE: Tag = Tag::new(0x80);
const LENGTH: Tag = Tag::new(0x81);
const ID: Tag = Tag::new(0x82);
const VERSION: Tag = Tag::new(0x83);
const CHECK_VALUE: Tag = Tag::new(0x84);
const REFERENCE: Tag = Tag::new(0x85);
const USAGE: Tag = Tag::new(0x95);
const ACCESS: Tag = Tag::new(0x96);

/// The DGI that carries a component of this type; `None` for types that have none.
pub const fn value_dgi(key_type: KeyType) -> Option<u16> {
    Some(match key_type {
        KeyType::DES | KeyType::PSK_TLS | KeyType::AES | KeyType::HMAC_SHA1 | KeyType::HMAC_SHA1_160 => SYMMETRIC_DGI,
        KeyType::RSA_PUBLIC_MODULUS | KeyType::RSA_PRIVATE_MODULUS => 0x0010,
        KeyType::RSA_PUBLIC_EXPONENT => 0x0011,
        KeyType::RSA_PRIVATE_EXPONENT => 0x8112,
        KeyType::RSA_CRT_PQ => 0x8121,
        KeyType::RSA_CRT_DQ1 => 0x8122,
        KeyType::RSA_CRT_DP1 => 0x8123,
        KeyType::RSA_CRT_Q => 0x8124,
        KeyType::RSA_CRT_P => 0x8125,
        KeyType::ECC_PUBLIC => 0x0036,
        KeyType::ECC_PRIVATE => 0x8137,
        KeyType::ECC_P => 0x0030,
        KeyType::ECC_A => 0x0031,
        KeyType::ECC_B => 0x0032,
        KeyType::ECC_G => 0x0033,
        KeyType::ECC_N => 0x0034,
        KeyType::ECC_K => 0x0035,
        _ => return None,
    })
}

/// One `B9`: a key, or one component of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyDescription<'a> {
    /// Usage qualifier; a sender must give it.
    pub usage: Option<KeyUsage>,
    /// Access; not given = `00`.
    pub access: Option<KeyAccess>,
    /// Type of the component.
    pub key_type: KeyType,
    /// Length of the clear value, in octets.
    pub length: u16,
    /// Key identifier.
    pub id: u8,
    /// Key version number.
    pub version: u8,
    /// Check value, 3 octets; empty for keys that are not symmetric.
    pub check_value: &'a [u8],
}

/// What a `B9` announces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Description<'a> {
    /// A key or component; its value follows.
    Key(KeyDescription<'a>),
    /// The curve of the key before it, by reference; no value follows.
    Curve(u16),
}

/// The objects of `B7` and `B9` as they are found.
#[derive(Clone, Copy, Debug, Default)]
struct Objects<'a> {
    usage: Option<KeyUsage>,
    access: Option<KeyAccess>,
    key_type: Option<KeyType>,
    length: Option<u16>,
    id: Option<u8>,
    version: Option<u8>,
    check_value: Option<&'a [u8]>,
    reference: Option<u16>,
}

impl<'a> Objects<'a> {
    fn read(template: &'a [u8], base: usize) -> Result<Self, Error> {
        let mut found = Self::default();
        each_object(template, base, |object| {
            let at = object.at;
            let number = match *object.value {
                [low] => Some(u16::from(low)),
                [high, low] => Some(u16::from_be_bytes([high, low])),
                _ => None,
            };
            let number = number.ok_or(Error::at(ErrorKind::BadLength, at));
            let octet = match *object.value {
                [octet] => Ok(octet),
                _ => Err(Error::at(ErrorKind::BadLength, at)),
            };
            match object.tag {
                TYPE => once(&mut found.key_type, KeyType(octet?), at),
                LENGTH => once(&mut found.length, number?, at),
                ID => once(&mut found.id, octet?, at),
                VERSION => once(&mut found.version, octet?, at),
                CHECK_VALUE => once(&mut found.check_value, object.value, at),
                REFERENCE => once(&mut found.reference, number?, at),
                ACCESS => once(&mut found.access, KeyAccess(octet?), at),
                USAGE => {
                    let usage = KeyUsage::from_octets(object.value);
                    once(&mut found.usage, usage.ok_or(Error::at(ErrorKind::BadLength, at))?, at)
                }
                _ => Ok(()),
            }
        })?;
        Ok(found)
    }

    /// What this `B9` says, with `common` for what it leaves out.
    fn describe(self, common: &Self, at: usize) -> Result<Description<'a>, Error>
    where
        Self: Copy,
    {
        let missing = Error::at(ErrorKind::Missing, at);
        let key_type = self.key_type.or(common.key_type).ok_or(missing)?;
        if key_type == KeyType::ECC_REFERENCE {
            return self.reference.map(Description::Curve).ok_or(missing);
        }
        Ok(Description::Key(KeyDescription {
            usage: self.usage.or(common.usage),
            access: self.access.or(common.access),
            key_type,
            length: self.length.or(common.length).ok_or(missing)?,
            id: self.id.or(common.id).ok_or(missing)?,
            version: self.version.or(common.version).ok_or(missing)?,
            check_value: self.check_value.unwrap_or_default(),
        }))
    }
}

/// The value of `00B9`, every `B9` of it checked.
#[derive(Clone, Copy, Debug)]
pub struct Descriptions<'a> {
    common: Objects<'a>,
    rest: &'a [u8],
}

impl<'a> Descriptions<'a> {
    /// Reads the value of `00B9`.
    ///
    /// # Errors
    /// TLV errors; `Missing` when there is no `B9`, or one lacks type, length, identifier or version (a curve
    /// reference: `85`); `Unexpected` for another tag, an object given twice, or a `B7` that is not first; `BadValue`
    /// when two neighbouring `B9` of one key contradict each other; `BadLength`.
    pub fn parse(value: &'a [u8]) -> Result<Self, Error> {
        Self::parse_at(value, 0)
    }

    fn parse_at(value: &'a [u8], base: usize) -> Result<Self, Error> {
        let mut common = Objects::default();
        let mut rest = value;
        let mut before: Option<KeyDescription<'a>> = None;
        let mut any = false;
        each_object(value, base, |object| match object.tag {
            COMMON if object.at == base => {
                common = Objects::read(object.value, object.inside)?;
                let end = object.inside.saturating_add(object.value.len()).saturating_sub(base);
                rest = value.split_at_checked(end).map_or(value, |(_, rest)| rest);
                Ok(())
            }
            DESCRIPTION => {
                any = true;
                let read = Objects::read(object.value, object.inside)?;
                let Description::Key(key) = read.describe(&common, object.at)? else {
                    return Ok(());
                };
                if before.is_some_and(|before| before.contradicts(&key)) {
                    return Err(Error::at(ErrorKind::BadValue, object.at));
                }
                before = Some(key);
                Ok(())
            }
            _ => Err(Error::at(ErrorKind::Unexpected, object.at)),
        })?;
        match any {
            true => Ok(Self { common, rest }),
            false => Err(Error::at(ErrorKind::Missing, base.saturating_add(value.len()))),
        }
    }

    /// What is announced, in its order.
    pub fn iter(&self) -> impl Iterator<Item = Description<'a>> + Clone + use<'a> {
        let common = self.common;
        // `parse` has read all of it once, so no error is lost here.
        gp_tlv::Reader::new(self.rest)
            .map_while(Result::ok)
            .filter_map(move |tlv| Objects::read(tlv.value, 0).ok()?.describe(&common, 0).ok())
    }
}

impl KeyDescription<'_> {
    /// Whether both are components of one key: the same version and identifier.
    pub const fn same_key(&self, other: &Self) -> bool {
        self.version == other.version && self.id == other.id
    }

    fn contradicts(&self, other: &Self) -> bool {
        self.same_key(other) && (self.usage != other.usage || self.access != other.access)
    }

    /// Decrypts the value of an encrypted DGI into `out`; returns the clear value, `length` octets.
    ///
    /// # Errors
    /// `BadLength` when `value` is not whole cipher blocks around `length` octets; `BufferFull`; `Dek`. `out` is then wiped.
    pub fn decrypt<'o>(&self, value: &[u8], dek: &mut impl Dek, out: &'o mut [u8]) -> Result<&'o mut [u8], Error> {
        let clear_len = usize::from(self.length);
        let blocks = clear_len.checked_next_multiple_of(dek.block_len().max(1));
        if clear_len == 0 || blocks != Some(value.len()) {
            return Err(Error::at(ErrorKind::BadLength, 0));
        }
        SecretBlock { clear_len, ciphertext: value }.decrypt(dek, out)
    }

    /// Makes an AES key of the clear value, when the check value is there and fits.
    ///
    /// # Errors
    /// `BadLength` for a value that is no AES key; `CheckValue`.
    pub fn aes_key(&self, clear: &[u8]) -> Result<Key, Error> {
        aes_key(clear, self.check_value, 0)
    }
}

/// One step of a key transfer, as read from joined DGIs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyItem<'a> {
    /// A component and its value (encrypted when [`is_secret`] says so).
    Value(KeyDescription<'a>, Dgi<'a>),
    /// The curve of the key before it, by reference.
    CurveReference(u16),
    /// A curve parameter of the key before it, `0030` to `0035`.
    CurveParameter(Dgi<'a>),
}

/// Whether the value of this DGI is encrypted under the Key-DEK.
pub const fn is_secret(dgi: u16) -> bool {
    dgi & SECRET != 0
}

/// Reads joined DGIs, `00B9` first and the values after it, and calls `f` with each step.
///
/// # Errors
/// TLV errors; those of [`Descriptions::parse`]; `Missing` when `00B9` or a value is not there; `Unexpected` for a DGI that
/// nothing announced; what `f` answers. Positions count from the start of `octets`.
pub fn read_keys<'a, E: From<Error>>(
    octets: &'a [u8],
    mut f: impl FnMut(KeyItem<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let mut reader = DgiReader::new(octets);
    while !reader.is_empty() {
        let at = reader.offset();
        let descriptions = match read_dgi(&mut reader)? {
            Some(dgi) if dgi.tag == DESCRIPTIONS_DGI => {
                Descriptions::parse_at(dgi.value, reader.offset().saturating_sub(dgi.value.len()))?
            }
            _ => return Err(Error::at(ErrorKind::Missing, at).into()),
        };
        let mut all = descriptions.iter().peekable();
        while let Some(description) = all.next() {
            match description {
                Description::Curve(reference) => f(KeyItem::CurveReference(reference))?,
                Description::Key(key) => {
                    let at = reader.offset();
                    let Some(dgi) = read_dgi(&mut reader)? else {
                        return Err(Error::at(ErrorKind::Missing, at).into());
                    };
                    if value_dgi(key.key_type) != Some(dgi.tag) {
                        return Err(Error::at(ErrorKind::Unexpected, at).into());
                    }
                    f(KeyItem::Value(key, dgi))?;
                }
            }
            while let Some(dgi) = curve_parameter(&mut reader, &description, all.peek())? {
                f(KeyItem::CurveParameter(dgi))?;
            }
        }
    }
    Ok(())
}

fn read_dgi<'a>(reader: &mut DgiReader<'a>) -> Result<Option<Dgi<'a>>, Error> {
    reader.next_dgi().map_err(|e| Error::tlv(e, 0))
}

/// Whether this type is an ECC key.
const fn is_ecc_key(key_type: KeyType) -> bool {
    matches!(key_type, KeyType::ECC_PUBLIC | KeyType::ECC_PRIVATE)
}

/// Whether this type is a curve parameter.
const fn is_curve_parameter(key_type: KeyType) -> bool {
    matches!(key_type.0, 0xB2..=0xB7)
}

/// The next DGI, when it is a curve parameter behind an ECC key that no `B9` of its own announces.
fn curve_parameter<'a>(
    reader: &mut DgiReader<'a>,
    after: &Description<'_>,
    before: Option<&Description<'_>>,
) -> Result<Option<Dgi<'a>>, Error> {
    let ecc_key = matches!(after, Description::Key(key) if is_ecc_key(key.key_type));
    // A curve that is announced, by reference or by parameters with a `B9` of their own, does not come here, too.
    let announced = match before {
        Some(Description::Curve(_)) => true,
        Some(Description::Key(key)) => is_curve_parameter(key.key_type),
        None => false,
    };
    let mut ahead = reader.clone();
    let next = match ecc_key && !announced {
        true => read_dgi(&mut ahead)?.filter(|dgi| (0x0030..=0x0035).contains(&dgi.tag)),
        false => None,
    };
    if next.is_some() {
        *reader = ahead;
    }
    Ok(next)
}

/// One step of a key transfer to write.
#[derive(Clone, Copy)]
pub enum NewKeyItem<'a> {
    /// A component: its description, its clear value, and arbitrary octets for the padding (zeros follow them).
    Value(KeyDescription<'a>, &'a [u8], &'a [u8]),
    /// The curve of the key before it, by reference.
    CurveReference(u16),
    /// A curve parameter of the key before it: DGI `0030` to `0035` and its value.
    CurveParameter(u16, &'a [u8]),
}

impl fmt::Debug for NewKeyItem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(description, ..) => f.debug_tuple("Value").field(description).finish_non_exhaustive(),
            Self::CurveReference(reference) => f.debug_tuple("CurveReference").field(reference).finish(),
            Self::CurveParameter(dgi, _) => f.debug_tuple("CurveParameter").field(dgi).finish_non_exhaustive(),
        }
    }
}

/// Writes `00B9` and the values of `items`; secret ones are encrypted in `buf`, which is wiped on an error.
///
/// # Errors
/// `Missing` without an item, without a usage, or without the check value of an AES or DES key; `BadLength` for a value
/// that is not of the length described, and for a check value that is neither 0 nor 3 octets; `BadValue` for a type that has
/// no DGI, a parameter outside `0030` to `0035`, a version outside 01..7F or an identifier above 7F; `Unexpected` for a
/// parameter that does not follow an ECC key, or is followed by one with a description, and for a component whose usage or
/// access is not that of the same key's component before it; `Dek`; `BufferFull`.
pub fn write_keys<'b>(items: &[NewKeyItem<'_>], dek: &mut impl Dek, buf: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
    let mut out = Out::new(buf);
    match write(items, dek, &mut out) {
        Ok(()) => Ok(out.finish()),
        Err(error) => {
            out.wipe();
            Err(error)
        }
    }
}

fn write(items: &[NewKeyItem<'_>], dek: &mut impl Dek, out: &mut Out<'_>) -> Result<(), Error> {
    if items.is_empty() {
        return Err(Error::at(ErrorKind::Missing, 0));
    }
    out.with_dgi(|writer| {
        writer
            .nested(DESCRIPTIONS_DGI, |inner| items.iter().try_for_each(|item| describe(item, inner)))
            .map_err(|e| Error::tlv(e, 0))?;
        Ok(())
    })?;
    let mut ecc = false;
    let mut after_parameter = false;
    let mut before: Option<&KeyDescription<'_>> = None;
    for item in items {
        let parameter_before = core::mem::replace(&mut after_parameter, matches!(item, NewKeyItem::CurveParameter(..)));
        match item {
            NewKeyItem::CurveReference(_) if parameter_before => {
                return Err(Error::at(ErrorKind::Unexpected, out.len()));
            }
            NewKeyItem::CurveReference(_) => ecc = false,
            NewKeyItem::CurveParameter(dgi, value) => {
                if !(0x0030..=0x0035).contains(dgi) {
                    return Err(Error::at(ErrorKind::BadValue, out.len()));
                }
                if !ecc {
                    return Err(Error::at(ErrorKind::Unexpected, out.len()));
                }
                out.dgi_head(*dgi, value.len())?.put(value)?;
            }
            NewKeyItem::Value(key, value, filler) => {
                let wrong = |kind| Error::at(kind, out.len());
                ecc = is_ecc_key(key.key_type);
                // A reader could not tell the announced parameter from the one before it.
                if parameter_before && is_curve_parameter(key.key_type) {
                    return Err(wrong(ErrorKind::Unexpected));
                }
                let dgi = value_dgi(key.key_type).ok_or(wrong(ErrorKind::BadValue))?;
                if !(1..=0x7F).contains(&key.version) || key.id > 0x7F {
                    return Err(wrong(ErrorKind::BadValue));
                }
                if ![0, CHECK_VALUE_LEN].contains(&key.check_value.len()) {
                    return Err(wrong(ErrorKind::BadLength));
                }
                if before.is_some_and(|before| before.contradicts(key)) {
                    return Err(wrong(ErrorKind::Unexpected));
                }
                before = Some(key);
                let checked = matches!(key.key_type, KeyType::AES | KeyType::DES);
                if key.usage.is_none() || (checked && key.check_value.is_empty()) {
                    return Err(wrong(ErrorKind::Missing));
                }
                if value.is_empty() || usize::from(key.length) != value.len() {
                    return Err(wrong(ErrorKind::BadLength));
                }
                if is_secret(dgi) {
                    let padded = value.len().checked_next_multiple_of(dek.block_len().max(1));
                    let padded = padded.ok_or(wrong(ErrorKind::BadLength))?;
                    out.dgi_head(dgi, padded)?;
                    encrypt(out, value, filler, padded, dek)?;
                } else {
                    out.dgi_head(dgi, value.len())?.put(value)?;
                }
            }
        }
    }
    Ok(())
}

/// The `B9` of an item.
fn describe(item: &NewKeyItem<'_>, writer: &mut Writer<'_>) -> Result<(), gp_tlv::Error> {
    let key = match item {
        NewKeyItem::CurveParameter(..) => return Ok(()),
        NewKeyItem::CurveReference(reference) => {
            writer.nested(DESCRIPTION, |inner| {
                inner.tlv(TYPE, &[KeyType::ECC_REFERENCE.0])?;
                number(inner, REFERENCE, *reference)
            })?;
            return Ok(());
        }
        NewKeyItem::Value(key, ..) => key,
    };
    writer.nested(DESCRIPTION, |inner| {
        match key.usage.map(|usage| usage.0.to_be_bytes()) {
            None => (),
            Some([high, 0]) => drop(inner.tlv(USAGE, &[high])?),
            Some(octets) => drop(inner.tlv(USAGE, &octets)?),
        }
        if let Some(access) = key.access {
            inner.tlv(ACCESS, &[access.0])?;
        }
        inner.tlv(TYPE, &[key.key_type.0])?;
        number(inner, LENGTH, key.length)?;
        inner.tlv(ID, &[key.id])?;
        inner.tlv(VERSION, &[key.version])?;
        if !key.check_value.is_empty() {
            inner.tlv(CHECK_VALUE, key.check_value)?;
        }
        Ok(())
    })?;
    Ok(())
}

/// A number in the shortest of one and two octets.
fn number(writer: &mut Writer<'_>, tag: Tag, number: u16) -> Result<(), gp_tlv::Error> {
    match number.to_be_bytes() {
        [0, low] => writer.tlv(tag, &[low])?,
        octets => writer.tlv(tag, &octets)?,
    };
    Ok(())
}
