//! DELETE, `80 E4 P1 P2`: an application, a load file (with its applications), or keys.
//!
//! ```text
//!  content   4F LL AID | [B6 LL control reference template] | [9E LL delete token]
//!            P2 b8: 0 = the object only, 1 = a load file and all its applications
//!  keys      [D0 01 key identifier] | [D2 01 key version number]     both = one key, one = all that match
//! ```
//! The answer to a key deletion is `00`, to a content deletion a [`confirmation`](crate::confirmation).
//! GPCS 11.2.2, tables 11-22 to 11-25.
//!
//! Tolerances of the reader: `D2` before `D0`; P2 of a key deletion (hosts send `80` or a private value); RFU bits of P2.

use crate::aid::Aid;
use crate::error::{Error, ErrorKind};
use crate::install::{ControlReference, control_reference};
use crate::lv::{Out, each_object, once};
use gp_apdu::{Class, Header, ins};
use gp_tlv::Tag;

#[cfg(test)]
mod tests;

const AID: Tag = Tag::new(0x4F);
const TOKEN: Tag = Tag::new(0x9E);
const KEY_ID: Tag = Tag::new(0xD0);
const KEY_VERSION: Tag = Tag::new(0xD2);

/// P2 b8: related objects, too.
const RELATED: u8 = 0x80;

/// P1 b8: more parts of the command follow.
const MORE: u8 = 0x80;

/// An application or executable load file to delete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeleteContent<'a> {
    /// AID of the application or executable load file.
    pub aid: Aid,
    /// Whether the applications of the load file go with it.
    pub related: bool,
    /// Whom the token is for.
    pub control: Option<ControlReference<'a>>,
    /// Delete token; empty when there is none.
    pub token: &'a [u8],
}

/// Keys to delete; at least one of the two is given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeleteKeys {
    /// Key identifier; `None` = every one of the version.
    pub id: Option<u8>,
    /// Key version number; `None` = every version of the identifier.
    pub version: Option<u8>,
}

impl DeleteKeys {
    /// Whether the key (`version`, `id`) is meant.
    pub fn matches(self, version: u8, id: u8) -> bool {
        self.version.is_none_or(|wanted| wanted == version) && self.id.is_none_or(|wanted| wanted == id)
    }
}

/// The body of a DELETE command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Delete<'a> {
    /// An application or a load file.
    Content(DeleteContent<'a>),
    /// Keys.
    Keys(DeleteKeys),
}

impl<'a> Delete<'a> {
    /// An object without token.
    pub const fn content(aid: Aid, related: bool) -> Self {
        Self::Content(DeleteContent { aid, related, control: None, token: &[] })
    }

    /// Reads P1, P2 and the body (of a chained command, the joined one with P1 of its last part).
    ///
    /// # Errors
    /// `Parameters` for P1 b8; TLV errors; `Missing` when neither an AID nor a key is given; `Unexpected` for an object
    /// given twice (also a second AID), unknown, out of order, or of the other kind of deletion; `BadLength`.
    pub fn parse(p1: u8, p2: u8, data: &'a [u8]) -> Result<Self, Error> {
        Self::read(p1, p2, data).map(|(delete, _)| delete)
    }

    /// The octets of `data` that a delete token signs: `4F` and `B6`, without the token and its tag.
    /// [`TokenInput`](crate::signature::TokenInput) takes them.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn signed_fields(p1: u8, p2: u8, data: &'a [u8]) -> Result<&'a [u8], Error> {
        Self::read(p1, p2, data).map(|(_, signed)| signed)
    }

    fn read(p1: u8, p2: u8, data: &'a [u8]) -> Result<(Self, &'a [u8]), Error> {
        if p1 & MORE != 0 {
            return Err(Error::at(ErrorKind::Parameters, 0));
        }
        let mut aid = None;
        let mut control = None;
        let mut token = None;
        let mut token_at = data.len();
        let mut id = None;
        let mut version = None;
        each_object(data, 0, |object| {
            let at = object.at;
            let keys = id.is_some() || version.is_some();
            match object.tag {
                AID if !keys && control.is_none() && token.is_none() => {
                    let read = Aid::new(object.value).ok_or(Error::at(ErrorKind::BadLength, at))?;
                    once(&mut aid, read, at)
                }
                control_reference::TAG if aid.is_some() && token.is_none() => {
                    let read = ControlReference::parse_at(object.value, object.inside)?;
                    once(&mut control, read, at)
                }
                TOKEN if aid.is_some() => {
                    token_at = at;
                    once(&mut token, object.value, at)
                }
                KEY_ID | KEY_VERSION if aid.is_none() => {
                    let [octet] = *object.value else {
                        return Err(Error::at(ErrorKind::BadLength, at));
                    };
                    match object.tag {
                        KEY_ID => once(&mut id, octet, at),
                        _ => once(&mut version, octet, at),
                    }
                }
                _ => Err(Error::at(ErrorKind::Unexpected, at)),
            }
        })?;
        let (signed, _) = data.split_at_checked(token_at).unwrap_or((data, &[]));
        let delete = match aid {
            Some(aid) => Self::Content(DeleteContent {
                aid,
                related: p2 & RELATED != 0,
                control,
                token: token.unwrap_or_default(),
            }),
            None if id.is_none() && version.is_none() => {
                return Err(Error::at(ErrorKind::Missing, data.len()));
            }
            None => Self::Keys(DeleteKeys { id, version }),
        };
        Ok((delete, signed))
    }

    /// The command header; Le is 00.
    pub const fn header(&self) -> Header {
        let p2 = match self {
            Self::Content(DeleteContent { related: true, .. }) => RELATED,
            _ => 0,
        };
        Header { cla: Class::GP, ins: ins::DELETE, p1: 0, p2 }
    }

    /// Writes the body.
    ///
    /// # Errors
    /// `Missing` when neither a key identifier nor a version is given; `BufferFull`.
    pub fn emit<'b>(&self, buf: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        let mut out = Out::new(buf);
        self.write_signed_fields(&mut out)?;
        if let Self::Content(DeleteContent { token, .. }) = self
            && !token.is_empty()
        {
            out.tlv(TOKEN, token)?;
        }
        Ok(out.finish())
    }

    /// Writes the body without the token: what a token signs.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn emit_signed_fields<'b>(&self, buf: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        let mut out = Out::new(buf);
        self.write_signed_fields(&mut out)?;
        Ok(out.finish())
    }

    fn write_signed_fields(&self, out: &mut Out<'_>) -> Result<(), Error> {
        match self {
            Self::Content(content) => {
                out.tlv(AID, content.aid.as_bytes())?;
                if let Some(control) = content.control {
                    let at = out.len();
                    out.with_tlv(|writer| control.emit(writer).map_err(|e| Error::tlv(e, at)))?;
                }
            }
            Self::Keys(DeleteKeys { id: None, version: None }) => {
                return Err(Error::at(ErrorKind::Missing, 0));
            }
            Self::Keys(keys) => {
                if let Some(id) = keys.id {
                    out.tlv(KEY_ID, &[id])?;
                }
                if let Some(version) = keys.version {
                    out.tlv(KEY_VERSION, &[version])?;
                }
            }
        }
        Ok(())
    }
}
