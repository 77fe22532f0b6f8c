//! Key information template: which keys a security domain has (GPCS 11.3.3.1, GET DATA `00E0`).
//!
//! ```text
//! E0 len { C0 len { identifier 1 | version 1 | component+ [ | usage | access ] } }*
//!
//! basic form      component = type 1 (not FF), length 1 (00: 256 octets or more)
//! extended form   component = FF, type 1, length 2;   usage = length 1, qualifier 0 to 2;   access = length 1, octet 0 to 1
//! ```
//!
//! The form is told by the octet behind the version. For type `F0` the place of the length holds the key parameter
//! reference, that is, which curve.

use core::fmt;
use core::ops::BitOr;
use gp_tlv::{Error, ErrorKind, Reader, Writer, tags::keys};

/// Type of a component, GPCS 11.1.8: the extended form announces itself.
const EXTENDED: u8 = 0xFF;
/// Type of a component that is a reference to curve parameters.
const PARAMETER_REFERENCE: u8 = 0xF0;

/// One component of a key: its type and length.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct KeyComponent {
    /// Key type (GPCS 11.1.8): `80` DES, `88` AES, `A1` RSA modulus, `B0` EC public key and so on.
    pub key_type: u8,
    /// Length in octets, as the card states it: in the basic form 0 for 256 or more, and for EC keys without the leading
    /// `04`. For type `F0` the key parameter reference.
    pub length: u16,
}

impl KeyComponent {
    /// The key parameter reference, if this component is one.
    #[must_use]
    pub const fn parameter_reference(self) -> Option<u16> {
        if self.key_type == PARAMETER_REFERENCE { Some(self.length) } else { None }
    }
}

/// What a key may be used for (GPCS 11.1.9): two octets, of which the second is rarely there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyUsage(
    /// The qualifier, first octet high.
    pub u16,
);

impl KeyUsage {
    /// Verification, or encipherment.
    pub const VERIFY_OR_ENCIPHER: Self = Self(0x8000);
    /// Computation, or decipherment.
    pub const COMPUTE_OR_DECIPHER: Self = Self(0x4000);
    /// Secure messaging in responses.
    pub const RESPONSE: Self = Self(0x2000);
    /// Secure messaging in commands.
    pub const COMMAND: Self = Self(0x1000);
    /// Confidentiality.
    pub const CONFIDENTIALITY: Self = Self(0x0800);
    /// Cryptographic checksum.
    pub const CHECKSUM: Self = Self(0x0400);
    /// Digital signature.
    pub const SIGNATURE: Self = Self(0x0200);
    /// Cryptographic authorization.
    pub const AUTHORIZATION: Self = Self(0x0100);
    /// Key agreement.
    pub const KEY_AGREEMENT: Self = Self(0x0080);

    /// `14`: C-MAC.
    pub const C_MAC: Self = Self(0x1400);
    /// `24`: R-MAC.
    pub const R_MAC: Self = Self(0x2400);
    /// `34`: C-MAC and R-MAC.
    pub const C_MAC_R_MAC: Self = Self(0x3400);
    /// `18`: C-ENC.
    pub const C_ENC: Self = Self(0x1800);
    /// `28`: R-ENC.
    pub const R_ENC: Self = Self(0x2800);
    /// `38`: C-ENC and R-ENC.
    pub const C_ENC_R_ENC: Self = Self(0x3800);
    /// `48`: C-DEK.
    pub const C_DEK: Self = Self(0x4800);
    /// `88`: R-DEK.
    pub const R_DEK: Self = Self(0x8800);
    /// `C8`: C-DEK and R-DEK.
    pub const C_DEK_R_DEK: Self = Self(0xC800);
    /// `81`: token verification.
    pub const TOKEN: Self = Self(0x8100);
    /// `44`: receipt generation.
    pub const RECEIPT: Self = Self(0x4400);
    /// `84`: DAP verification.
    pub const DAP: Self = Self(0x8400);

    /// Reads a qualifier of one or two octets.
    #[must_use]
    pub const fn from_octets(octets: &[u8]) -> Option<Self> {
        match *octets {
            [a] => Some(Self(u16::from_be_bytes([a, 0]))),
            [a, b] => Some(Self(u16::from_be_bytes([a, b]))),
            _ => None,
        }
    }

    /// Whether all uses of `other` are allowed.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for KeyUsage {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyUsage({:04X})", self.0)
    }
}

/// Who on the card may use a key (GPCS 11.1.10).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyAccess(
    /// The octet.
    pub u8,
);

impl KeyAccess {
    /// `00`: the security domain and its applications.
    pub const SECURITY_DOMAIN_AND_APPLICATIONS: Self = Self(0x00);
    /// `01`: the security domain only.
    pub const SECURITY_DOMAIN: Self = Self(0x01);
    /// `02`: the applications only.
    pub const APPLICATIONS: Self = Self(0x02);
    /// `FF`: not available.
    pub const NOT_AVAILABLE: Self = Self(0xFF);
}

impl fmt::Debug for KeyAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyAccess({:02X})", self.0)
    }
}

/// Usage and access of a key, which only the extended form states.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Attributes {
    /// Key usage qualifier, if stated.
    pub usage: Option<KeyUsage>,
    /// Key access, if stated.
    pub access: Option<KeyAccess>,
}

/// The components of one key, at most [`Components::MAX`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Components {
    // Unused places hold the default, so that the derived comparison holds.
    components: [KeyComponent; Self::MAX],
    len: usize,
}

impl Components {
    /// More than any key of GPCS 11.1.8 has: an EC key with its whole curve has seven.
    pub const MAX: usize = 8;

    /// The components in their order; `None` if there are too many.
    #[must_use]
    pub fn new(components: &[KeyComponent]) -> Option<Self> {
        let mut all = Self::default();
        components.iter().try_for_each(|component| all.push(*component))?;
        Some(all)
    }

    fn push(&mut self, component: KeyComponent) -> Option<()> {
        *self.components.get_mut(self.len)? = component;
        self.len = self.len.saturating_add(1);
        Some(())
    }

    /// The components.
    #[must_use]
    pub fn as_slice(&self) -> &[KeyComponent] {
        self.components.get(..self.len).unwrap_or(&self.components)
    }
}

impl fmt::Debug for Components {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

/// What a card tells of one key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct KeyEntry {
    /// Key identifier (KID).
    pub key_identifier: u8,
    /// Key version number (KVN).
    pub key_version: u8,
    /// Types and lengths.
    pub components: Components,
    /// Usage and access; `None` is the basic form.
    pub attributes: Option<Attributes>,
}

impl KeyEntry {
    /// Reads the value of a `C0`.
    ///
    /// Tolerated in the extended form: a later component without its `FF`, which recorded cards send (its type must then
    /// be above 02, or it would be the length of the usage); a usage of two octets; usage and access that are left out.
    ///
    /// # Errors
    /// `Truncated` or `TrailingData` where the octets do not fit the form, `Missing` for a key without components,
    /// `LengthTooLarge` for more than [`Components::MAX`] of them and for usage or access that are too long.
    pub fn parse_value(value: &[u8]) -> Result<Self, Error> {
        Self::read(&mut Octets { rest: value, at: 0 })
    }

    fn read(octets: &mut Octets<'_>) -> Result<Self, Error> {
        let [key_identifier, key_version] = octets.take()?;
        let mut entry = Self { key_identifier, key_version, components: Components::default(), attributes: None };
        let extended = match octets.peek() {
            None => return Err(octets.error(ErrorKind::Missing)),
            Some(first) => first == EXTENDED,
        };
        while let Some(first) = octets.peek() {
            let at = octets.clone();
            let component = if !extended {
                let [key_type, length] = octets.take()?;
                KeyComponent { key_type, length: length.into() }
            } else if first == EXTENDED {
                let [_, key_type, high, low] = octets.take()?;
                KeyComponent { key_type, length: u16::from_be_bytes([high, low]) }
            } else if first > 2 {
                let [key_type, high, low] = octets.take()?;
                KeyComponent { key_type, length: u16::from_be_bytes([high, low]) }
            } else {
                break;
            };
            entry.components.push(component).ok_or_else(|| at.error(ErrorKind::LengthTooLarge))?;
        }
        if extended {
            let usage = octets.field(2)?;
            let access = octets.field(1)?;
            entry.attributes = Some(Attributes {
                usage: KeyUsage::from_octets(usage),
                access: access.first().copied().map(KeyAccess),
            });
        }
        if octets.rest.is_empty() { Ok(entry) } else { Err(octets.error(ErrorKind::TrailingData)) }
    }

    /// Whether this is one of the keys a card leaves its factory with: version `FF` or `00`, which cannot be named in a
    /// command, and is gone after the first PUT KEY on most cards.
    #[must_use]
    pub const fn is_initial(&self) -> bool {
        matches!(self.key_version, 0x00 | 0xFF)
    }

    /// Writes the `C0` of this key: basic form without attributes, extended form with them.
    ///
    /// A length above 255 is written as `00` in the basic form.
    ///
    /// # Errors
    /// `Missing` without components, `LengthTooLarge` for a two-octet parameter reference in the basic form,
    /// `Unexpected` for the type `FF`; `BufferFull`. Nothing is written then.
    pub fn emit(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        w.nested(keys::INFORMATION, |w| {
            w.raw(&[self.key_identifier, self.key_version])?;
            if self.components.as_slice().is_empty() {
                return Err(Error::new(ErrorKind::Missing, w.len()));
            }
            for component in self.components.as_slice() {
                if component.key_type == EXTENDED {
                    return Err(Error::new(ErrorKind::Unexpected, w.len()));
                }
                let [high, low] = component.length.to_be_bytes();
                match self.attributes {
                    Some(_) => w.raw(&[EXTENDED, component.key_type, high, low])?,
                    None if high == 0 => w.raw(&[component.key_type, low])?,
                    None if component.parameter_reference().is_some() => {
                        return Err(Error::new(ErrorKind::LengthTooLarge, w.len()));
                    }
                    None => w.raw(&[component.key_type, 0])?,
                };
            }
            let Some(Attributes { usage, access }) = self.attributes else { return Ok(()) };
            match usage.map(|usage| usage.0.to_be_bytes()) {
                None => w.raw(&[0])?,
                Some([high, 0]) => w.raw(&[1, high])?,
                Some([high, low]) => w.raw(&[2, high, low])?,
            };
            match access {
                None => w.raw(&[0])?,
                Some(KeyAccess(octet)) => w.raw(&[1, octet])?,
            };
            Ok(())
        })?;
        Ok(())
    }
}

/// Octets that are no TLV, with their position in the message.
#[derive(Clone)]
struct Octets<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Octets<'a> {
    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let (field, rest) = self.rest.split_first_chunk().ok_or_else(|| self.error(ErrorKind::Truncated))?;
        self.rest = rest;
        self.at = self.at.saturating_add(N);
        Ok(*field)
    }

    /// Length and value, of at most `max` octets; empty at the end.
    fn field(&mut self, max: usize) -> Result<&'a [u8], Error> {
        let Some((len, rest)) = self.rest.split_first() else { return Ok(&[]) };
        let len = usize::from(*len);
        if len > max {
            return Err(self.error(ErrorKind::LengthTooLarge));
        }
        let (field, rest) = rest.split_at_checked(len).ok_or_else(|| self.error(ErrorKind::Truncated))?;
        self.rest = rest;
        self.at = self.at.saturating_add(len).saturating_add(1);
        Ok(field)
    }
}

/// The keys of a security domain: walks over a key information template.
///
/// Tolerated: empty `C0` objects, which a fresh security domain may send (skipped); other objects beside them (skipped);
/// basic and extended entries mixed. A `C0` that cannot be read is reported, and the walk goes on behind it.
///
/// ```
/// use gp_cardmanager_model::key_info::KeyInformation;
///
/// let answer = [0xE0, 0x06, 0xC0, 0x04, 0x01, 0x30, 0x88, 0x10];
/// let key = KeyInformation::parse(&answer)?.next().unwrap()?;
/// assert_eq!((key.key_identifier, key.key_version), (0x01, 0x30));
/// assert_eq!(key.components.as_slice()[0].key_type, 0x88);
/// # Ok::<(), gp_tlv::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyInformation<'a> {
    reader: Reader<'a>,
}

impl<'a> KeyInformation<'a> {
    /// Reads the data object `E0`.
    ///
    /// # Errors
    /// Another tag, a malformed length, or octets behind the object.
    pub fn parse(object: &'a [u8]) -> Result<Self, Error> {
        let mut outer = Reader::new(object);
        let reader = outer.template(keys::INFORMATION_TEMPLATE)?;
        outer.finish()?;
        Ok(Self { reader })
    }

    /// Reads the value of an `E0`: its `C0` objects.
    #[must_use]
    pub const fn parse_value(value: &'a [u8]) -> Self {
        Self { reader: Reader::new(value) }
    }

    /// Writes an `E0` of these keys.
    ///
    /// # Errors
    /// Those of [`KeyEntry::emit`]. Nothing is written then.
    pub fn emit(w: &mut Writer<'_>, entries: impl IntoIterator<Item = KeyEntry>) -> Result<(), Error> {
        w.nested(keys::INFORMATION_TEMPLATE, |w| entries.into_iter().try_for_each(|entry| entry.emit(w)))?;
        Ok(())
    }
}

impl Iterator for KeyInformation<'_> {
    type Item = Result<KeyEntry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let tlv = match self.reader.next()? {
                Ok(tlv) => tlv,
                Err(error) => return Some(Err(error)),
            };
            if tlv.tag == keys::INFORMATION && !tlv.value.is_empty() {
                let at = self.reader.offset().saturating_sub(tlv.value.len());
                return Some(KeyEntry::read(&mut Octets { rest: tlv.value, at }));
            }
        }
    }
}

impl core::iter::FusedIterator for KeyInformation<'_> {}

#[cfg(test)]
mod tests;
