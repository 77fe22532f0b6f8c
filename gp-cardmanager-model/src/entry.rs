//! An entry of the registry as GET STATUS shows it (GPCS 11.4.3.1).
//!
//! ```text
//! E3 len | 4F  AID                     application, security domain or executable load file
//!        | 9F70  life cycle state      1 octet; a second one is the contactless activation state
//!        | C5  privileges              3 octets; not for load files
//!        | CF  implicit selection      1 octet, any number of times
//!        | C4  AID of its load file
//!        | CE  version of its load file
//!        | 84  AID of a module         any number of times, load files only
//!        | CC  AID of its security domain
//!
//! the older form:  length, AID | state 1 | privileges 1 [ | count of modules 1 | (length, AID)* ]
//! ```
//!
//! [`Entry`] is both what a card writes and what a host reads. [`Listing`] and [`LegacyListing`] walk over an answer: a
//! bad entry is reported and the walk goes on with the next one, as long as the lengths still tell where that begins.
//! An answer can end in the middle of an entry when more is to come (SW `6310`); [`Listing::tail`] is what to keep in
//! front of the next answer.

mod implicit_selection;
mod list;
mod listing;
mod wanted;

use crate::aid::{self, Aid};
use crate::lifecycle::{Kind, LifeCycle};
use crate::privileges::Privileges;
use gp_tlv::{Error, ErrorKind, Reader, Writer, tags::registry};

pub use implicit_selection::ImplicitSelection;
pub use list::{Items, List};
pub use listing::{LegacyListing, Listing};
pub use wanted::{TagList, Wanted};

/// An entry of the registry: an application, a security domain, or an executable load file.
///
/// Tolerated on reading: any order, objects that are missing or unknown, AIDs of length zero (they read as `None`), a
/// `9F70` of two octets, privileges of one or two octets. The first object of a kind counts, save `CF` and `84`, which
/// may repeat.
///
/// ```
/// use gp_cardmanager_model::entry::{Entry, Listing};
///
/// let answer = [0xE3, 0x0D, 0x4F, 0x07, 0xA0, 0, 0, 1, 0x51, 0x53, 0x50, 0x9F, 0x70, 0x01, 0x01];
/// let mut listing = Listing::new(&answer);
/// let entry = listing.next().unwrap()?;
/// assert_eq!(entry.aid.unwrap().to_string(), "A0000001515350");
/// assert_eq!(entry.life_cycle, Some(0x01));
/// assert!(listing.next().is_none() && listing.tail().is_empty());
/// # Ok::<(), gp_tlv::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Entry<'a> {
    /// The AID. `None` if the card sends none, or one of length zero.
    pub aid: Option<Aid>,
    /// The octet of the life cycle state; [`state`](Self::state) reads it.
    pub life_cycle: Option<u8>,
    /// The contactless activation state, second octet of `9F70` (Amendment C).
    pub contactless_activation: Option<u8>,
    /// The privileges; load files have none.
    pub privileges: Option<Privileges>,
    /// Where the application is selected implicitly.
    pub implicit_selection: List<'a, ImplicitSelection>,
    /// The AID of the executable load file the application comes from.
    pub load_file: Option<Aid>,
    /// The version of the executable load file: for Java Card packages major and minor, one octet each.
    pub load_file_version: Option<&'a [u8]>,
    /// The AIDs of the executable modules in a load file.
    pub modules: List<'a, Aid>,
    /// The AID of the associated security domain.
    pub security_domain: Option<Aid>,
    /// All objects as received, also the unknown ones. [`emit`](Self::emit) does not write it.
    pub objects: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Reads the value of an `E3` template.
    ///
    /// # Errors
    /// Malformed objects; for an AID, a state, privileges or an implicit selection of a wrong length `Truncated` or
    /// `LengthTooLarge` at its first octet.
    pub fn parse_value(value: &'a [u8]) -> Result<Self, Error> {
        Self::read(Reader::new(value))
    }

    fn read(mut reader: Reader<'a>) -> Result<Self, Error> {
        let octets = reader.remaining();
        let mut entry = Self {
            objects: octets,
            implicit_selection: List::objects(octets, registry::IMPLICIT_SELECTION, ImplicitSelection::in_value),
            modules: List::objects(octets, registry::MODULE_AID, Aid::new),
            ..Self::default()
        };
        while let Some(tlv) = reader.next_tlv()? {
            let wrong_length = || {
                let kind = if tlv.value.is_empty() { ErrorKind::Truncated } else { ErrorKind::LengthTooLarge };
                Error::new(kind, reader.offset().saturating_sub(tlv.value.len()))
            };
            match tlv.tag {
                registry::AID if entry.aid.is_none() => entry.aid = aid::in_value(&reader, tlv.value)?,
                registry::LIFE_CYCLE if entry.life_cycle.is_none() => {
                    (entry.life_cycle, entry.contactless_activation) = match *tlv.value {
                        [state] => (Some(state), None),
                        [state, contactless] => (Some(state), Some(contactless)),
                        _ => return Err(wrong_length()),
                    };
                }
                registry::PRIVILEGES if entry.privileges.is_none() => {
                    entry.privileges = Some(Privileges::from_report(tlv.value).ok_or_else(wrong_length)?);
                }
                registry::IMPLICIT_SELECTION => {
                    ImplicitSelection::in_value(tlv.value).ok_or_else(wrong_length)?;
                }
                registry::LOAD_FILE_AID if entry.load_file.is_none() => {
                    entry.load_file = aid::in_value(&reader, tlv.value)?;
                }
                registry::LOAD_FILE_VERSION if entry.load_file_version.is_none() => {
                    entry.load_file_version = Some(tlv.value);
                }
                registry::MODULE_AID => {
                    aid::in_value(&reader, tlv.value)?;
                }
                registry::SECURITY_DOMAIN_AID if entry.security_domain.is_none() => {
                    entry.security_domain = aid::in_value(&reader, tlv.value)?;
                }
                _ => {}
            }
        }
        Ok(entry)
    }

    /// The life cycle state, read as this kind of object codes it.
    #[must_use]
    pub fn state(&self, kind: Kind) -> Option<LifeCycle> {
        self.life_cycle.map(|octet| LifeCycle::of(kind, octet))
    }

    /// Whether the entry says that it is a security domain.
    #[must_use]
    pub fn is_security_domain(&self) -> bool {
        self.privileges.is_some_and(|held| held.contains(Privileges::SECURITY_DOMAIN))
    }

    /// Writes the entry as an `E3` template.
    ///
    /// # Errors
    /// `Missing` without AID or life cycle state if those are wanted; `BufferFull`. Nothing is written then.
    pub fn emit(&self, w: &mut Writer<'_>, wanted: Wanted<'_>) -> Result<(), Error> {
        self.emit_with(w, wanted, self.modules.iter())
    }

    /// Writes the entry as [`emit`](Self::emit) does, with modules that come from elsewhere instead of
    /// [`modules`](Self::modules).
    ///
    /// # Errors
    /// Those of [`emit`](Self::emit).
    pub fn emit_with(
        &self,
        w: &mut Writer<'_>,
        wanted: Wanted<'_>,
        modules: impl Iterator<Item = Aid>,
    ) -> Result<(), Error> {
        w.nested(registry::ENTRY, |w| {
            let wants = |tag| wanted.includes(tag);
            let missing = Error::new(ErrorKind::Missing, 0);
            if wants(registry::AID) {
                w.tlv(registry::AID, self.aid.ok_or(missing)?.as_bytes())?;
            }
            if wants(registry::LIFE_CYCLE) {
                let state = self.life_cycle.ok_or(missing)?;
                match self.contactless_activation {
                    Some(contactless) => w.tlv(registry::LIFE_CYCLE, &[state, contactless])?,
                    None => w.tlv(registry::LIFE_CYCLE, &[state])?,
                };
            }
            if let Some(privileges) = self.privileges.filter(|_| wants(registry::PRIVILEGES)) {
                w.tlv(registry::PRIVILEGES, &privileges.octets())?;
            }
            for selection in self.implicit_selection.iter().filter(|_| wants(registry::IMPLICIT_SELECTION)) {
                w.tlv(registry::IMPLICIT_SELECTION, &[selection.0])?;
            }
            if let Some(aid) = self.load_file.filter(|_| wants(registry::LOAD_FILE_AID)) {
                w.tlv(registry::LOAD_FILE_AID, aid.as_bytes())?;
            }
            if let Some(version) = self.load_file_version.filter(|_| wants(registry::LOAD_FILE_VERSION)) {
                w.tlv(registry::LOAD_FILE_VERSION, version)?;
            }
            for module in modules.filter(|_| wants(registry::MODULE_AID)) {
                w.tlv(registry::MODULE_AID, module.as_bytes())?;
            }
            if let Some(aid) = self.security_domain.filter(|_| wants(registry::SECURITY_DOMAIN_AID)) {
                w.tlv(registry::SECURITY_DOMAIN_AID, aid.as_bytes())?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Writes the entry in the older form, with the count and AIDs of its modules if `with_modules`. Of the privileges
    /// it has the first octet only; a load file shows `00`.
    ///
    /// # Errors
    /// `Missing` without AID or life cycle state; `LengthTooLarge` for more than 255 modules; `BufferFull`. Nothing is
    /// written then.
    pub fn emit_legacy(&self, w: &mut Writer<'_>, with_modules: bool) -> Result<(), Error> {
        self.emit_legacy_with(w, with_modules.then(|| self.modules.iter()))
    }

    /// Writes the entry as [`emit_legacy`](Self::emit_legacy) does, with modules that come from elsewhere.
    ///
    /// # Errors
    /// Those of [`emit_legacy`](Self::emit_legacy).
    pub fn emit_legacy_with<M>(&self, w: &mut Writer<'_>, modules: Option<M>) -> Result<(), Error>
    where
        M: Iterator<Item = Aid> + Clone,
    {
        let error = |kind| Error::new(kind, w.len());
        let aid = self.aid.ok_or(error(ErrorKind::Missing))?;
        let state = self.life_cycle.ok_or(error(ErrorKind::Missing))?;
        let [privileges, ..] = self.privileges.unwrap_or_default().octets();
        let count = match &modules {
            Some(modules) => Some(u8::try_from(modules.clone().count()).map_err(|_| error(ErrorKind::LengthTooLarge))?),
            None => None,
        };
        // All or nothing: the form has no template that would be taken back on failure.
        let room = modules
            .iter()
            .flat_map(Clone::clone)
            .chain([aid])
            .fold(2_usize.saturating_add(usize::from(count.is_some())), |sum, aid| {
                sum.saturating_add(1).saturating_add(aid.as_bytes().len())
            });
        if room > w.remaining() {
            return Err(error(ErrorKind::BufferFull));
        }
        length_and_aid(w, aid)?;
        w.raw(&[state, privileges])?;
        if let (Some(count), Some(modules)) = (count, modules) {
            w.raw(&[count])?;
            for module in modules {
                length_and_aid(w, module)?;
            }
        }
        Ok(())
    }
}

fn length_and_aid(w: &mut Writer<'_>, aid: Aid) -> Result<(), Error> {
    let octets = aid.as_bytes();
    w.raw(&[u8::try_from(octets.len()).unwrap_or(u8::MAX)])?.raw(octets)?;
    Ok(())
}

#[cfg(test)]
mod tests;
