//! The smaller data objects of GET DATA (GPCS 11.3.3.1): resources, list of applications, counters, identification.
//!
//! ```text
//! FF21 len | 81 applications | 82 free non-volatile | 83 free volatile      ETSI TS 102 226
//! 2F00       61 len { 4F len AID } ...                                      no tag around the list
//! C1 02|03   sequence counter         C2 02  confirmation counter
//! D3 01      current security level   CF len key diversification data
//! 42 len     IIN or provider id       45 len CIN or image number
//! ```
//!
//! Under a GlobalPlatform class GET DATA returns the whole object, under an ISO class its value. Cards mix that up, so
//! [`object_value`] takes both.

use crate::aid::{self, Aid};
use core::iter::FusedIterator;
use gp_tlv::{Error, ErrorKind, Reader, Tag, Writer, tags::data, tags::registry, tags::resources};

/// The value of the data object `tag` in an answer to GET DATA, with or without its tag and length.
///
/// If the whole answer is one object with this tag, its value; anything else is the value itself. A value that happens to
/// look like its own object is misread; use a [`Reader`] where the card is known to follow the rule.
#[must_use]
pub fn object_value(answer: &[u8], tag: Tag) -> &[u8] {
    let mut reader = Reader::new(answer);
    match reader.optional(tag) {
        Ok(Some(value)) if reader.is_empty() => value,
        _ => answer,
    }
}

/// Extended card resources, `FF21` (ETSI TS 102 226).
///
/// Tolerated on reading: any order, unknown objects, numbers of any length that fit 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Resources {
    /// Number of installed applications.
    pub applications: u32,
    /// Free non-volatile memory, in octets.
    pub free_non_volatile: u32,
    /// Free volatile memory, in octets.
    pub free_volatile: u32,
}

impl Resources {
    /// Reads the data object `FF21`.
    ///
    /// # Errors
    /// Another tag, octets behind the object, and those of [`parse_value`](Self::parse_value).
    pub fn parse(object: &[u8]) -> Result<Self, Error> {
        let mut outer = Reader::new(object);
        let inner = outer.template(data::CARD_RESOURCES)?;
        outer.finish()?;
        Self::read(inner)
    }

    /// Reads the value of an `FF21`.
    ///
    /// # Errors
    /// Malformed objects, `Missing` if a number is not there, `Truncated` if it has no octets, `LengthTooLarge` if it does
    /// not fit 32 bits.
    pub fn parse_value(value: &[u8]) -> Result<Self, Error> {
        Self::read(Reader::new(value))
    }

    fn read(mut reader: Reader<'_>) -> Result<Self, Error> {
        let (mut applications, mut free_non_volatile, mut free_volatile) = (None, None, None);
        while let Some(tlv) = reader.next_tlv()? {
            let field = match tlv.tag {
                resources::APPLICATIONS => &mut applications,
                resources::FREE_NON_VOLATILE => &mut free_non_volatile,
                resources::FREE_VOLATILE => &mut free_volatile,
                _ => continue,
            };
            *field = Some(number(&reader, tlv.value)?);
        }
        let missing = reader.error(ErrorKind::Missing);
        Ok(Self {
            applications: applications.ok_or(missing)?,
            free_non_volatile: free_non_volatile.ok_or(missing)?,
            free_volatile: free_volatile.ok_or(missing)?,
        })
    }

    /// Writes the data object: the number of applications in two octets (four if it needs them), memory in four.
    ///
    /// # Errors
    /// `BufferFull`. Nothing is written then.
    pub fn emit(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        w.nested(data::CARD_RESOURCES, |w| {
            match self.applications.to_be_bytes() {
                [0, 0, high, low] => w.tlv(resources::APPLICATIONS, &[high, low])?,
                all => w.tlv(resources::APPLICATIONS, &all)?,
            };
            w.tlv(resources::FREE_NON_VOLATILE, &self.free_non_volatile.to_be_bytes())?
                .tlv(resources::FREE_VOLATILE, &self.free_volatile.to_be_bytes())?;
            Ok(())
        })?;
        Ok(())
    }
}

/// A big-endian number of at least one octet.
fn number(reader: &Reader<'_>, value: &[u8]) -> Result<u32, Error> {
    let error = |kind| Error::new(kind, reader.offset().saturating_sub(value.len()));
    if value.is_empty() {
        return Err(error(ErrorKind::Truncated));
    }
    value.iter().try_fold(0_u32, |number, octet| {
        let shifted = number.checked_mul(0x100).ok_or_else(|| error(ErrorKind::LengthTooLarge))?;
        Ok(shifted | u32::from(*octet))
    })
}

/// The applications of a security domain, the answer to GET DATA `2F00` (GPCS 11.3.3.1.2): walks over the list.
///
/// Other objects, around `61` or in it, are skipped. A `61` without a readable AID is reported, and the walk goes on
/// behind it.
#[derive(Clone, Debug)]
pub struct Applications<'a> {
    reader: Reader<'a>,
}

impl<'a> Applications<'a> {
    /// Walks over the data of an answer.
    #[must_use]
    pub const fn new(data: &'a [u8]) -> Self {
        Self { reader: Reader::new(data) }
    }

    /// Writes one element of the list.
    ///
    /// # Errors
    /// `BufferFull`. Nothing is written then.
    pub fn emit(w: &mut Writer<'_>, aid: Aid) -> Result<(), Error> {
        w.nested(data::APPLICATION_TEMPLATE, |w| {
            w.tlv(registry::AID, aid.as_bytes())?;
            Ok(())
        })?;
        Ok(())
    }
}

impl Iterator for Applications<'_> {
    type Item = Result<Aid, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.reader.next()? {
                Ok(tlv) if tlv.tag == data::APPLICATION_TEMPLATE => {
                    return Some(self.reader.inside(tlv.value).and_then(|mut reader| {
                        let missing = reader.error(ErrorKind::Missing);
                        let value = reader.find(registry::AID)?.ok_or(missing)?;
                        aid::in_value(&reader, value)?.ok_or(missing)
                    }));
                }
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl FusedIterator for Applications<'_> {}

/// The sequence counter of a secure channel protocol, `C1`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum SequenceCounter {
    /// Two octets: SCP02.
    Scp02([u8; 2]),
    /// Three octets: SCP03 with pseudo-random card challenges.
    Scp03([u8; 3]),
}

impl SequenceCounter {
    /// Reads an answer to GET DATA `00C1`, with or without tag and length.
    ///
    /// # Errors
    /// `Truncated` below 2 octets, `LengthTooLarge` above 3.
    pub fn parse(answer: &[u8]) -> Result<Self, Error> {
        let value = object_value(answer, data::SEQUENCE_COUNTER);
        match *value {
            [a, b] => Ok(Self::Scp02([a, b])),
            [a, b, c] => Ok(Self::Scp03([a, b, c])),
            _ => Err(wrong_length(answer, value, 2)),
        }
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> u32 {
        match self {
            Self::Scp02([a, b]) => u32::from_be_bytes([0, 0, a, b]),
            Self::Scp03([a, b, c]) => u32::from_be_bytes([0, a, b, c]),
        }
    }

    /// Writes the data object `C1`.
    ///
    /// # Errors
    /// `BufferFull`.
    pub fn emit(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        match self {
            Self::Scp02(octets) => w.tlv(data::SEQUENCE_COUNTER, octets)?,
            Self::Scp03(octets) => w.tlv(data::SEQUENCE_COUNTER, octets)?,
        };
        Ok(())
    }
}

/// The confirmation counter, `C2`: how many receipts were made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct ConfirmationCounter(
    /// The number.
    pub u16,
);

impl ConfirmationCounter {
    /// Reads an answer to GET DATA `00C2`, with or without tag and length.
    ///
    /// # Errors
    /// `Truncated` below 2 octets, `LengthTooLarge` above.
    pub fn parse(answer: &[u8]) -> Result<Self, Error> {
        let value = object_value(answer, data::CONFIRMATION_COUNTER);
        match *value {
            [high, low] => Ok(Self(u16::from_be_bytes([high, low]))),
            _ => Err(wrong_length(answer, value, 2)),
        }
    }

    /// Writes the data object `C2`.
    ///
    /// # Errors
    /// `BufferFull`.
    pub fn emit(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        w.tlv(data::CONFIRMATION_COUNTER, &self.0.to_be_bytes())?;
        Ok(())
    }
}

/// The current security level of the secure channel session, `D3`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct CurrentSecurityLevel(
    /// The octet, GPCS 10.6.1.
    pub u8,
);

impl CurrentSecurityLevel {
    /// Reads an answer to GET DATA `00D3`, with or without tag and length.
    ///
    /// # Errors
    /// `Truncated` for no octet, `LengthTooLarge` for more than one.
    pub fn parse(answer: &[u8]) -> Result<Self, Error> {
        let value = object_value(answer, data::SECURITY_LEVEL);
        match *value {
            [level] => Ok(Self(level)),
            _ => Err(wrong_length(answer, value, 1)),
        }
    }

    /// Writes the data object `D3`.
    ///
    /// # Errors
    /// `BufferFull`.
    pub fn emit(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        w.tlv(data::SECURITY_LEVEL, &[self.0])?;
        Ok(())
    }
}

fn wrong_length(answer: &[u8], value: &[u8], least: usize) -> Error {
    let kind = if value.len() < least { ErrorKind::Truncated } else { ErrorKind::LengthTooLarge };
    Error::new(kind, answer.len().saturating_sub(value.len()))
}

/// Key diversification data, `CF`: what a host needs besides its master key. No part of GPCS; 10 octets on many cards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct KeyDiversificationData<'a>(
    /// The octets.
    pub &'a [u8],
);

impl<'a> KeyDiversificationData<'a> {
    /// Reads an answer to GET DATA `00CF`, with or without tag and length; any length is one.
    #[must_use]
    pub fn parse(answer: &'a [u8]) -> Self {
        Self(object_value(answer, data::KEY_DIVERSIFICATION))
    }

    /// Writes the data object `CF`.
    ///
    /// # Errors
    /// `BufferFull`.
    pub fn emit(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        w.tlv(data::KEY_DIVERSIFICATION, self.0)?;
        Ok(())
    }
}

/// How a security domain is identified: for the ISD the issuer identification number (IIN) and card image number (CIN),
/// for others the provider identification and image number. Together they are the unique data in receipts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Identification<'a> {
    /// The value of `42`: IIN or provider identification number.
    pub provider: &'a [u8],
    /// The value of `45`: CIN or image number.
    pub image: &'a [u8],
}

impl<'a> Identification<'a> {
    /// Reads the answers to GET DATA `0042` and `0045`, with or without tags and lengths.
    #[must_use]
    pub fn parse(answer_42: &'a [u8], answer_45: &'a [u8]) -> Self {
        Self { provider: object_value(answer_42, data::IIN), image: object_value(answer_45, data::CIN) }
    }

    /// Writes the data object `42`.
    ///
    /// # Errors
    /// `BufferFull`.
    pub fn emit_provider(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        w.tlv(data::IIN, self.provider)?;
        Ok(())
    }

    /// Writes the data object `45`.
    ///
    /// # Errors
    /// `BufferFull`.
    pub fn emit_image(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        w.tlv(data::CIN, self.image)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
