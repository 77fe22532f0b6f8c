//! File control information: the answer to SELECT (GPCS 11.9.3.1).
//!
//! ```text
//! 6F len | 84 len AID
//!        | A5 len | 73 len    security domain management data, see `card_data` (optional)
//!                 | 9F6E len  application production life cycle data (optional)
//!                 | 9F65 len  maximum length of the data field of a command, 1 or 2 octets
//! ```

use crate::aid::Aid;
use crate::card_data::CardRecognitionData;
use gp_tlv::{Error, ErrorKind, Reader, Writer, tags::fci, tags::registry};

/// What an answer to SELECT looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[non_exhaustive]
pub enum Form {
    /// The template `6F`, as it should be.
    #[default]
    Template,
    /// No data at all. Tolerated.
    Absent,
    /// Nothing but an AID, bare or as an object `84` or `4F`. Tolerated.
    BareAid,
}

/// File control information.
///
/// Tolerated on reading: no data, a bare AID, an empty `84`, an AID that is not the one asked for (SELECT takes partial
/// AIDs), any order, objects that are missing or unknown. Lengths that contradict each other are an error.
///
/// ```
/// use gp_cardmanager_model::fci::Fci;
///
/// let answer = [0x6F, 0x10, 0x84, 0x08, 0xA0, 0, 0, 1, 0x51, 0, 0, 0, 0xA5, 0x04, 0x9F, 0x65, 0x01, 0xFF];
/// let fci = Fci::parse(&answer)?;
/// assert_eq!(fci.aid().unwrap().to_string(), "A000000151000000");
/// assert_eq!(fci.max_command_data, Some(255));
/// # Ok::<(), gp_tlv::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fci<'a> {
    /// What the answer looks like.
    pub form: Form,
    /// The value of `84`, of any length: the name of the selected application. [`aid`](Self::aid) reads it.
    pub name: &'a [u8],
    /// The value of `73`: security domain management data.
    pub management_data: Option<&'a [u8]>,
    /// The value of `9F6E`: application production life cycle data.
    pub production_life_cycle: Option<&'a [u8]>,
    /// The value of `9F65`: longest data field of a command, in octets.
    pub max_command_data: Option<u16>,
}

impl<'a> Fci<'a> {
    /// Reads the data of an answer to SELECT, without status word.
    ///
    /// # Errors
    /// `Unexpected` for data that is neither a `6F` nor an AID, `TrailingData` for octets behind the `6F`,
    /// `LengthTooLarge` or `Truncated` for a `9F65` that is not 1 or 2 octets long, and all malformed objects.
    pub fn parse(data: &'a [u8]) -> Result<Self, Error> {
        if data.is_empty() {
            return Ok(Self { form: Form::Absent, ..Self::default() });
        }
        let mut outer = Reader::new(data);
        if outer.peek_tag() != Ok(Some(fci::TEMPLATE)) {
            let name = bare_aid(data).ok_or_else(|| Error::new(ErrorKind::Unexpected, 0))?;
            return Ok(Self { form: Form::BareAid, name, ..Self::default() });
        }
        let mut found = Self::default();
        let mut template = outer.template(fci::TEMPLATE)?;
        outer.finish()?;
        while let Some(tlv) = template.next_tlv()? {
            match tlv.tag {
                fci::AID if found.name.is_empty() => found.name = tlv.value,
                fci::PROPRIETARY_DATA => found.proprietary(template.inside(tlv.value)?)?,
                _ => {}
            }
        }
        Ok(found)
    }

    fn proprietary(&mut self, mut reader: Reader<'a>) -> Result<(), Error> {
        while let Some(tlv) = reader.next_tlv()? {
            match tlv.tag {
                fci::SECURITY_DOMAIN_DATA => self.management_data = Some(tlv.value),
                fci::PRODUCTION_LIFE_CYCLE => self.production_life_cycle = Some(tlv.value),
                fci::MAX_COMMAND_DATA => {
                    self.max_command_data = Some(match *tlv.value {
                        [low] => low.into(),
                        [high, low] => u16::from_be_bytes([high, low]),
                        _ => {
                            let empty = tlv.value.is_empty();
                            let kind = if empty { ErrorKind::Truncated } else { ErrorKind::LengthTooLarge };
                            return Err(Error::new(kind, reader.offset().saturating_sub(tlv.value.len())));
                        }
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The AID of the selected application. `None` if the card does not tell it, or tells something that is none.
    #[must_use]
    pub const fn aid(&self) -> Option<Aid> {
        Aid::new(self.name)
    }

    /// The security domain management data, read as the list of objects that card recognition data is, too.
    ///
    /// # Errors
    /// Those of [`CardRecognitionData::parse_objects`], with positions from the start of that value.
    pub fn recognition_data(&self) -> Result<Option<CardRecognitionData<'a>>, Error> {
        self.management_data.map(CardRecognitionData::parse_objects).transpose()
    }

    /// Writes the template, with [`management_data`](Self::management_data) as it is.
    ///
    /// # Errors
    /// `Missing` for another form, without name, or without maximum length; `BufferFull`. Nothing is written then.
    pub fn emit(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        self.emit_parts(w, self.management_data.map(|value| |w: &mut Writer<'_>| w.raw(value).map(|_| ())))
    }

    /// Writes the template with these management data instead of [`management_data`](Self::management_data).
    ///
    /// # Errors
    /// Those of [`emit`](Self::emit).
    pub fn emit_with(&self, w: &mut Writer<'_>, data: &CardRecognitionData<'_>) -> Result<(), Error> {
        self.emit_parts(w, Some(|w: &mut Writer<'_>| data.emit_objects(w)))
    }

    fn emit_parts<F>(&self, w: &mut Writer<'_>, management_data: Option<F>) -> Result<(), Error>
    where
        F: FnOnce(&mut Writer<'_>) -> Result<(), Error>,
    {
        let missing = Error::new(ErrorKind::Missing, w.len());
        if self.form != Form::Template || self.name.is_empty() {
            return Err(missing);
        }
        let max = self.max_command_data.ok_or(missing)?;
        w.nested(fci::TEMPLATE, |w| {
            w.tlv(fci::AID, self.name)?;
            w.nested(fci::PROPRIETARY_DATA, |w| {
                if let Some(write) = management_data {
                    w.nested(fci::SECURITY_DOMAIN_DATA, write)?;
                }
                if let Some(value) = self.production_life_cycle {
                    w.tlv(fci::PRODUCTION_LIFE_CYCLE, value)?;
                }
                match max.to_be_bytes() {
                    [0, low] => w.tlv(fci::MAX_COMMAND_DATA, &[low])?,
                    both => w.tlv(fci::MAX_COMMAND_DATA, &both)?,
                };
                Ok(())
            })?;
            Ok(())
        })?;
        Ok(())
    }
}

/// The AID that makes up the whole data, bare or as an object.
fn bare_aid(data: &[u8]) -> Option<&[u8]> {
    // As an object first: octets like 84 08 .. could be an AID, too, but none is registered that way.
    let mut reader = Reader::new(data);
    if let Ok(Some(tlv)) = reader.next_tlv()
        && reader.is_empty()
        && (tlv.tag == fci::AID || tlv.tag == registry::AID)
        && Aid::new(tlv.value).is_some()
    {
        return Some(tlv.value);
    }
    Aid::new(data).map(|_| data)
}

#[cfg(test)]
mod tests;
