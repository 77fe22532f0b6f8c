//! GET STATUS, `80 F2 P1 P2`: the search criteria a host sends.
//!
//! ```text
//!  P1  80 issuer security domain   40 applications and security domains
//!      20 executable load files    10 executable load files and their modules
//!  P2  b2 1 = answer in E3 templates, 0 = the old form     b1 1 = the next entries, 0 = from the first
//!
//!  4F LL AID or its first octets     (4F 00 = all)
//!  .. other criteria                 skipped
//!  5C LL tag ...                     (optional) the objects wanted in each template
//! ```
//! The answer is a list of [`entry`](crate::entry)s. `6310` says that there are more: the same data again with P2 b1 = 1.
//! GPCS 11.4.2.
//!
//! Tolerances of the reader: unknown criteria, RFU bits of P2, and no criterion at all for P1 `80`, where it is ignored.

use crate::entry::TagList;
use crate::error::{Error, ErrorKind};
use crate::lv::{Out, each_object, once};
use gp_apdu::{Class, Header, ins};
use gp_tlv::Tag;

#[cfg(test)]
mod tests;

const AID: Tag = Tag::new(0x4F);
const TAG_LIST: Tag = Tag::new(0x5C);

/// P2 b1: the next entries.
pub(crate) const NEXT: u8 = 0x01;
const TEMPLATES: u8 = 0x02;

/// Longest search criterion, in octets.
const MAX_AID: usize = 16;

/// What is listed, P1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subset {
    /// `80`: the issuer security domain; the search criterion is ignored.
    IssuerSecurityDomain,
    /// `40`: applications, supplementary security domains among them.
    Applications,
    /// `20`: executable load files.
    LoadFiles,
    /// `10`: executable load files with their modules.
    LoadFilesAndModules,
}

impl Subset {
    /// All of them, in the order in which hosts ask.
    pub const ALL: [Self; 4] =
        [Self::IssuerSecurityDomain, Self::Applications, Self::LoadFiles, Self::LoadFilesAndModules];

    /// Reads P1; `None` outside the coding.
    pub const fn from_p1(p1: u8) -> Option<Self> {
        match p1 {
            0x80 => Some(Self::IssuerSecurityDomain),
            0x40 => Some(Self::Applications),
            0x20 => Some(Self::LoadFiles),
            0x10 => Some(Self::LoadFilesAndModules),
            _ => None,
        }
    }

    /// P1.
    pub const fn p1(self) -> u8 {
        match self {
            Self::IssuerSecurityDomain => 0x80,
            Self::Applications => 0x40,
            Self::LoadFiles => 0x20,
            Self::LoadFilesAndModules => 0x10,
        }
    }
}

/// A GET STATUS command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GetStatus<'a> {
    /// What is listed.
    pub subset: Subset,
    /// Whether the entries after those of the last answer are wanted.
    pub next: bool,
    /// Whether the answer is a list of `E3` templates; else the old form.
    pub templates: bool,
    /// AID or the first octets of it, 0 to 16; empty = every entry.
    pub aid: &'a [u8],
    /// The objects wanted in each template; `None` = those that every card must have.
    pub tags: Option<TagList<'a>>,
}

impl<'a> GetStatus<'a> {
    /// All entries of `subset` in `E3` templates.
    pub const fn all(subset: Subset) -> Self {
        Self { subset, next: false, templates: true, aid: &[], tags: None }
    }

    /// The same search, for the entries after the last answer.
    #[must_use]
    pub const fn following(self) -> Self {
        Self { next: true, ..self }
    }

    /// Reads P1, P2 and the body.
    ///
    /// # Errors
    /// `Parameters` for P1; TLV errors; `Missing` without `4F` (unless P1 is `80`); `BadLength` for an AID above
    /// 16 octets; `Unexpected` for a second `4F` or `5C`.
    pub fn parse(p1: u8, p2: u8, data: &'a [u8]) -> Result<Self, Error> {
        let subset = Subset::from_p1(p1).ok_or(Error::at(ErrorKind::Parameters, 0))?;
        let mut aid = None;
        let mut tags = None;
        each_object(data, 0, |object| match object.tag {
            AID if object.value.len() > MAX_AID => Err(Error::at(ErrorKind::BadLength, object.at)),
            AID => once(&mut aid, object.value, object.at),
            TAG_LIST => {
                let list = TagList::parse_at(object.value, object.inside).map_err(|e| Error::tlv(e, 0))?;
                once(&mut tags, list, object.at)
            }
            _ => Ok(()),
        })?;
        let aid = match (aid, subset) {
            (Some(aid), _) => aid,
            (None, Subset::IssuerSecurityDomain) => &[],
            (None, _) => return Err(Error::at(ErrorKind::Missing, data.len())),
        };
        Ok(Self { subset, next: p2 & NEXT != 0, templates: p2 & TEMPLATES != 0, aid, tags })
    }

    /// The command header; Le is 00.
    pub const fn header(&self) -> Header {
        let next = if self.next { NEXT } else { 0 };
        let templates = if self.templates { TEMPLATES } else { 0 };
        Header { cla: Class::GP, ins: ins::GET_STATUS, p1: self.subset.p1(), p2: next | templates }
    }

    /// Writes the body.
    ///
    /// # Errors
    /// `BadLength` for an AID above 16 octets; `BufferFull`.
    pub fn emit<'b>(&self, buf: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        if self.aid.len() > MAX_AID {
            return Err(Error::at(ErrorKind::BadLength, 0));
        }
        let mut out = Out::new(buf);
        out.tlv(AID, self.aid)?;
        if let Some(tags) = self.tags {
            out.tlv(TAG_LIST, tags.as_bytes())?;
        }
        Ok(out.finish())
    }
}
