//! Control Reference Template for Digital Signature, tag `B6`: whom a token is for.
//!
//! ```text
//!  B6 LL { [42 provider id of the Token Verification SD] [45 image number of that SD]
//!          [5F20 application provider id] [93 token number] }
//! ```
//! GPCS tables 11-22 and 11-49 to 11-53.

use super::Error;
use crate::lv::{each_object, once};
use gp_tlv::Tag;

/// Tag of the template.
pub const TAG: Tag = Tag::new(0xB6);
const PROVIDER: Tag = Tag::new(0x42);
const IMAGE_NUMBER: Tag = Tag::new(0x45);
const APPLICATION_PROVIDER: Tag = Tag::new(0x5F20);
const TOKEN_NUMBER: Tag = Tag::new(0x93);

/// The objects of the template; each one is optional.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ControlReference<'a> {
    /// Tag `42`: provider identification number of the security domain that verifies the token.
    pub provider: Option<&'a [u8]>,
    /// Tag `45`: image number of that security domain.
    pub image_number: Option<&'a [u8]>,
    /// Tag `5F20`: identifier of the application provider, kept in the new registry entry.
    pub application_provider: Option<&'a [u8]>,
    /// Tag `93`: token identifier; when given, the receipt repeats it.
    pub token_number: Option<&'a [u8]>,
}

impl<'a> ControlReference<'a> {
    /// Reads the value of tag `B6`. Unknown objects are skipped.
    ///
    /// # Errors
    /// TLV errors, and `Unexpected` for an object given twice; positions count from the start of `value`.
    pub fn parse(value: &'a [u8]) -> Result<Self, Error> {
        Self::parse_at(value, 0)
    }

    pub(crate) fn parse_at(value: &'a [u8], base: usize) -> Result<Self, Error> {
        let mut found = Self::default();
        each_object(value, base, |object| {
            let slot = match object.tag {
                PROVIDER => &mut found.provider,
                IMAGE_NUMBER => &mut found.image_number,
                APPLICATION_PROVIDER => &mut found.application_provider,
                TOKEN_NUMBER => &mut found.token_number,
                _ => return Ok(()),
            };
            once(slot, object.value, object.at)
        })?;
        Ok(found)
    }

    /// Writes the template, tag `B6` included.
    ///
    /// # Errors
    /// `BufferFull`.
    pub fn emit(&self, writer: &mut gp_tlv::Writer<'_>) -> Result<(), gp_tlv::Error> {
        let objects = [
            (PROVIDER, self.provider),
            (IMAGE_NUMBER, self.image_number),
            (APPLICATION_PROVIDER, self.application_provider),
            (TOKEN_NUMBER, self.token_number),
        ];
        writer.nested(TAG, |inner| {
            for (tag, value) in objects {
                if let Some(value) = value {
                    inner.tlv(tag, value)?;
                }
            }
            Ok(())
        })?;
        Ok(())
    }
}
