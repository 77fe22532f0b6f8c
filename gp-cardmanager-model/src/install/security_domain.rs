//! Parameters of a security domain that is being installed: the BER-TLV content of its `C9`.
//!
//! ```text
//!  81 02 SCP i ...      secure channel protocol and its options (repeats)
//!  82 01..02 policy     accept extradition to this security domain
//!  83 01 policy         accept deletion of what belongs to it
//!  84 00                PERSONALIZED only by an explicit command
//!  86 02 information    controlling authority security domain
//!  87 01..02 policy     accept extradition away from it
//! ```
//! GPCS 11.5.2.3.7 puts them directly into `C9`; configuration documents name the tags. A policy octet:
//! `80` an ancestor with Authorized Management, `C0` any such SD of the hierarchy, `20` the ISD, `08` Delegated
//! Management under such an ancestor, `F0` every SD with Authorized Management.
//!
//! Tolerances of the reader: a `C1` around the objects; the single octet `45` of old cards, which means that
//! extradition is accepted; unknown objects are skipped.

use super::{Error, ErrorKind};
use crate::lv::{Octets, each_object, once};
use gp_tlv::{Tag, Writer};

const WRAPPER: Tag = Tag::new(0xC1);
const PROTOCOL: Tag = Tag::new(0x81);
const EXTRADITION_TO: Tag = Tag::new(0x82);
const DELETION: Tag = Tag::new(0x83);
const EXPLICIT_PERSONALIZATION: Tag = Tag::new(0x84);
const CASD: Tag = Tag::new(0x86);
const EXTRADITION_FROM: Tag = Tag::new(0x87);

/// The content with which old cards accept extradition.
const OLD_EXTRADITION: &[u8] = &[0x45];

/// A secure channel protocol: identifier and options "i".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protocol {
    /// Identifier, `02` or `03` for example.
    pub id: u8,
    /// Options "i".
    pub options: u8,
}

/// The protocols of tag `81`, in order of preference.
#[derive(Clone, Copy, Debug, Default)]
pub struct Protocols<'a>(Source<'a>);

/// Where the protocols are: in the caller's list, or still in the body.
#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    List(&'a [Protocol]),
    Body(&'a [u8]),
}

impl Default for Source<'_> {
    fn default() -> Self {
        Self::List(&[])
    }
}

impl<'a> Protocols<'a> {
    /// A list to send.
    pub const fn new(list: &'a [Protocol]) -> Self {
        Self(Source::List(list))
    }

    /// The protocols, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Protocol> + Clone + 'a {
        let (list, body): (&[Protocol], &[u8]) = match self.0 {
            Source::List(list) => (list, &[]),
            Source::Body(body) => (&[], body),
        };
        let read =
            gp_tlv::Reader::new(body).filter_map(Result::ok).filter(|tlv| tlv.tag == PROTOCOL).filter_map(|tlv| {
                match *tlv.value {
                    [id, options] => Some(Protocol { id, options }),
                    _ => None,
                }
            });
        list.iter().copied().chain(read)
    }
}

impl PartialEq for Protocols<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Protocols<'_> {}

/// The parameters; each one is optional.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SecurityDomainParameters<'a> {
    /// `81`: secure channel protocols.
    pub protocols: Protocols<'a>,
    /// `82`: who may extradite to this security domain; 1 or 2 octets.
    pub extradition_to: Option<&'a [u8]>,
    /// `83`: who may delete what belongs to it.
    pub deletion: Option<u8>,
    /// `84`: PERSONALIZED only by an explicit command.
    pub explicit_personalization: bool,
    /// `86`: controlling authority security domain information.
    pub casd: Option<[u8; 2]>,
    /// `87`: who may extradite away from it; 1 or 2 octets.
    pub extradition_from: Option<&'a [u8]>,
    /// The content is the `45` of old cards: extradition accepted. Read, never written.
    pub old_extradition: bool,
}

impl<'a> SecurityDomainParameters<'a> {
    /// Reads the content of `C9`; it may be empty.
    ///
    /// # Errors
    /// TLV errors; `Unexpected` for an object given twice (other than `81`); `BadLength` for a value of the wrong
    /// size. Positions count from the start of `content`.
    pub fn parse(content: &'a [u8]) -> Result<Self, Error> {
        if content == OLD_EXTRADITION {
            return Ok(Self { old_extradition: true, ..Self::default() });
        }
        let mut reader = gp_tlv::Reader::new(content);
        if let Ok(Some(first)) = reader.next_tlv()
            && first.tag == WRAPPER
        {
            reader.finish().map_err(|e| Error::tlv(e, 0))?;
            let base = content.len().saturating_sub(first.value.len());
            return Self::read(first.value, base);
        }
        Self::read(content, 0)
    }

    fn read(body: &'a [u8], base: usize) -> Result<Self, Error> {
        let mut found = Self { protocols: Protocols(Source::Body(body)), ..Self::default() };
        let mut explicit = None;
        each_object(body, base, |object| {
            let len = object.value.len();
            let fits = match object.tag {
                PROTOCOL | CASD => len == 2,
                EXTRADITION_TO | EXTRADITION_FROM => len == 1 || len == 2,
                DELETION => len == 1,
                EXPLICIT_PERSONALIZATION => len == 0,
                _ => true,
            };
            if !fits {
                return Err(Error::at(ErrorKind::BadLength, object.at));
            }
            match object.tag {
                EXTRADITION_TO => once(&mut found.extradition_to, object.value, object.at),
                EXTRADITION_FROM => once(&mut found.extradition_from, object.value, object.at),
                EXPLICIT_PERSONALIZATION => once(&mut explicit, (), object.at),
                DELETION => {
                    let policy = Octets::with_base(object.value, object.inside).octet()?;
                    once(&mut found.deletion, policy, object.at)
                }
                CASD => match *object.value {
                    [high, low] => once(&mut found.casd, [high, low], object.at),
                    _ => Ok(()),
                },
                _ => Ok(()),
            }
        })?;
        found.explicit_personalization = explicit.is_some();
        Ok(found)
    }

    /// Writes the content of `C9`, directly and without `C1`.
    ///
    /// # Errors
    /// `BadLength` for an extradition policy that has not 1 or 2 octets; `BadValue` when `old_extradition` is
    /// set; `BufferFull`.
    pub fn emit<'b>(&self, buf: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        if self.old_extradition {
            return Err(Error::at(ErrorKind::BadValue, 0));
        }
        let policies = [self.extradition_to, self.extradition_from];
        if policies.iter().flatten().any(|p| p.is_empty() || p.len() > 2) {
            return Err(Error::at(ErrorKind::BadLength, 0));
        }
        let mut writer = Writer::new(buf);
        self.write(&mut writer).map_err(|e| Error::tlv(e, 0))?;
        Ok(writer.finish())
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), gp_tlv::Error> {
        for protocol in self.protocols.iter() {
            writer.tlv(PROTOCOL, &[protocol.id, protocol.options])?;
        }
        if let Some(policy) = self.extradition_to {
            writer.tlv(EXTRADITION_TO, policy)?;
        }
        if let Some(policy) = self.deletion {
            writer.tlv(DELETION, &[policy])?;
        }
        if self.explicit_personalization {
            writer.tlv(EXPLICIT_PERSONALIZATION, &[])?;
        }
        if let Some(information) = self.casd {
            writer.tlv(CASD, &information)?;
        }
        if let Some(policy) = self.extradition_from {
            writer.tlv(EXTRADITION_FROM, policy)?;
        }
        Ok(())
    }
}
