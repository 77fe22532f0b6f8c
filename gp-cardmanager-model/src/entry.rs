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

use crate::aid::{self, Aid};
use crate::lifecycle::{Kind, LifeCycle};
use crate::privileges::Privileges;
use core::fmt;
use core::iter::FusedIterator;
use gp_tlv::{Error, ErrorKind, Reader, Tag, Writer, tags::registry};

// ---- repeated objects ----------------------------------------------------------------------------------------------

/// Values that stand in a row: the caller's own, or those inside an answer, read on the way.
#[derive(Clone, Copy)]
pub struct List<'a, T> {
    source: Source<'a, T>,
}

#[derive(Clone, Copy)]
enum Source<'a, T> {
    Values(&'a [T]),
    /// Every object with this tag on the first level of these octets.
    Objects {
        octets: &'a [u8],
        tag: Tag,
        read: fn(&'a [u8]) -> Option<T>,
    },
    /// Length and value, again and again.
    LengthValue {
        octets: &'a [u8],
        read: fn(&'a [u8]) -> Option<T>,
    },
}

impl<'a, T: Copy> List<'a, T> {
    /// The caller's own values.
    #[must_use]
    pub const fn of(values: &'a [T]) -> Self {
        Self { source: Source::Values(values) }
    }

    pub(crate) const fn objects(octets: &'a [u8], tag: Tag, read: fn(&'a [u8]) -> Option<T>) -> Self {
        Self { source: Source::Objects { octets, tag, read } }
    }

    /// The values, first to last.
    #[must_use]
    pub const fn iter(&self) -> Items<'a, T> {
        Items { source: self.source }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl<T: Copy> Default for List<'_, T> {
    /// The empty list.
    fn default() -> Self {
        Self::of(&[])
    }
}

impl<T: Copy + PartialEq> PartialEq for List<'_, T> {
    /// By the values, wherever they are.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Copy + fmt::Debug> fmt::Debug for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, T: Copy> IntoIterator for List<'a, T> {
    type Item = T;
    type IntoIter = Items<'a, T>;

    fn into_iter(self) -> Items<'a, T> {
        self.iter()
    }
}

/// Iterator over a [`List`].
#[derive(Clone)]
pub struct Items<'a, T> {
    source: Source<'a, T>,
}

impl<T: Copy> Iterator for Items<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match &mut self.source {
            Source::Values(values) => {
                let (first, rest) = values.split_first()?;
                *values = rest;
                Some(*first)
            }
            Source::Objects { octets, tag, read } => {
                let mut reader = Reader::new(octets);
                // The whole was read before, so malformed objects do not come up; they would end the list.
                while let Some(value) = reader.find(*tag).ok()? {
                    *octets = reader.remaining();
                    if let Some(item) = read(value) {
                        return Some(item);
                    }
                }
                *octets = &[];
                None
            }
            Source::LengthValue { octets, read } => {
                while let Some((len, rest)) = octets.split_first() {
                    let (value, rest) = rest.split_at_checked(usize::from(*len))?;
                    *octets = rest;
                    if let Some(item) = read(value) {
                        return Some(item);
                    }
                }
                None
            }
        }
    }
}

impl<T: Copy> FusedIterator for Items<'_, T> {}

impl<T: Copy + fmt::Debug> fmt::Debug for Items<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

// ---- implicit selection --------------------------------------------------------------------------------------------

/// Where an application is selected without being asked for (GPCS 11.1.7): interfaces and a logical channel.
///
/// ```text
///  b8           b7        b6     b5 .. b1
/// +-------------+---------+-----+-----------------+
/// | contactless | contact | RFU | logical channel |
/// +-------------+---------+-----+-----------------+
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ImplicitSelection(
    /// The octet.
    pub u8,
);

impl ImplicitSelection {
    /// Whether it holds for the contactless interface.
    #[must_use]
    pub const fn contactless(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// Whether it holds for the contact interface.
    #[must_use]
    pub const fn contact(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// The logical channel, 0 to 19; higher numbers have no channel.
    #[must_use]
    pub const fn channel(self) -> u8 {
        self.0 & 0x1F
    }

    fn in_value(value: &[u8]) -> Option<Self> {
        match *value {
            [octet] => Some(Self(octet)),
            _ => None,
        }
    }
}

impl fmt::Debug for ImplicitSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImplicitSelection({:02X})", self.0)
    }
}

// ---- which objects are wanted --------------------------------------------------------------------------------------

/// A list of tags, the value of `5C` in a command (GPCS 11.4.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TagList<'a>(&'a [u8]);

impl<'a> TagList<'a> {
    /// All a card may say of an application: AID, state, privileges, implicit selection, load file, security domain.
    pub const APPLICATION: TagList<'static> = TagList(&[0x4F, 0x9F, 0x70, 0xC5, 0xCF, 0xC4, 0xCC]);
    /// All a card may say of a load file: AID, state, version, modules, security domain.
    pub const LOAD_FILE: TagList<'static> = TagList(&[0x4F, 0x9F, 0x70, 0xCE, 0x84, 0xCC]);

    /// Reads tags that follow each other without lengths.
    ///
    /// # Errors
    /// `Truncated` or `MalformedTag`.
    pub fn parse(tags: &'a [u8]) -> Result<Self, Error> {
        Self::parse_at(tags, 0)
    }

    /// [`parse`](Self::parse) with positions that count from `base`.
    pub(crate) fn parse_at(tags: &'a [u8], base: usize) -> Result<Self, Error> {
        let mut reader = Reader::with_base(tags, base);
        while reader.next_tag()?.is_some() {}
        Ok(Self(tags))
    }

    /// The tags, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Tag> + 'a {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || reader.next_tag().ok().flatten())
    }

    /// Whether `tag` is in the list.
    #[must_use]
    pub fn contains(&self, tag: Tag) -> bool {
        self.iter().any(|listed| listed == tag)
    }

    /// The octets.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

/// Which objects of an entry the card shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Wanted<'a> {
    /// What every card shows without a tag list: AID, life cycle state, privileges, modules.
    Required,
    /// Whatever there is; a card may do so without a tag list.
    All,
    /// The listed ones; what the entry does not have is left out.
    Tags(TagList<'a>),
}

impl Wanted<'_> {
    fn includes(&self, tag: Tag) -> bool {
        const REQUIRED: [Tag; 4] = [registry::AID, registry::LIFE_CYCLE, registry::PRIVILEGES, registry::MODULE_AID];
        match self {
            Self::Required => REQUIRED.contains(&tag),
            Self::All => true,
            Self::Tags(list) => list.contains(tag),
        }
    }
}

// ---- entry ---------------------------------------------------------------------------------------------------------

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

// ---- listings ------------------------------------------------------------------------------------------------------

/// The entries of an answer to GET STATUS in its `E3` form.
///
/// Each entry is a `Result` of its own: objects inside a template that cannot be read cost that entry alone. The walk
/// ends early only where tag or length of a template are no BER.
#[derive(Clone, Debug)]
pub struct Listing<'a> {
    reader: Reader<'a>,
    ended: Ended,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ended {
    NotYet,
    /// At the end, or in the middle of an entry: what is left is the tail.
    Well,
    /// The framing is lost: what is left is of no use.
    Badly,
}

impl<'a> Listing<'a> {
    /// Walks over the data of an answer, or of several joined ones.
    #[must_use]
    pub const fn new(data: &'a [u8]) -> Self {
        Self { reader: Reader::new(data), ended: Ended::NotYet }
    }

    /// The incomplete entry at the end of the data, in any state of the walk. When more data is announced, the next
    /// answer continues it; otherwise the answer is damaged. Empty if the data ends with a whole entry, or if it stops
    /// being BER somewhere, which the walk reports.
    #[must_use]
    pub fn tail(&self) -> &'a [u8] {
        let mut ahead = self.clone();
        ahead.by_ref().for_each(drop);
        if ahead.ended == Ended::Badly { &[] } else { ahead.reader.remaining() }
    }
}

impl<'a> Iterator for Listing<'a> {
    type Item = Result<Entry<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended != Ended::NotYet {
            return None;
        }
        let start = self.reader.offset();
        match self.reader.next_tlv() {
            Ok(Some(tlv)) if tlv.tag == registry::ENTRY => Some(self.reader.inside(tlv.value).and_then(Entry::read)),
            Ok(Some(_)) => Some(Err(Error::new(ErrorKind::Unexpected, start))),
            Err(error) if error.kind != ErrorKind::Truncated => {
                self.ended = Ended::Badly;
                Some(Err(error))
            }
            Ok(None) | Err(_) => {
                self.ended = Ended::Well;
                None
            }
        }
    }
}

impl FusedIterator for Listing<'_> {}

/// `None` for an AID of length zero.
type LegacyAid = Result<Option<Aid>, ErrorKind>;

/// The entries of an answer to GET STATUS in the older form.
///
/// Nothing but lengths tells where an entry ends: an AID of a wrong but possible length costs that entry alone, a length
/// above 16 ends the walk.
#[derive(Clone, Debug)]
pub struct LegacyListing<'a> {
    rest: &'a [u8],
    offset: usize,
    with_modules: bool,
    ended: Ended,
}

impl<'a> LegacyListing<'a> {
    /// Walks over the data of an answer, or of several joined ones. `with_modules` for a command with P1 = `10`, which
    /// is answered with the modules of each load file.
    #[must_use]
    pub const fn new(data: &'a [u8], with_modules: bool) -> Self {
        Self { rest: data, offset: 0, with_modules, ended: Ended::NotYet }
    }

    /// The incomplete entry at the end of the data; see [`Listing::tail`].
    #[must_use]
    pub fn tail(&self) -> &'a [u8] {
        let mut ahead = self.clone();
        ahead.by_ref().for_each(drop);
        if ahead.ended == Ended::Badly { &[] } else { ahead.rest }
    }

    /// Reads length and AID at `at`; gives the octets after them. Outer `None`: the data ends within.
    fn aid(at: &'a [u8]) -> Option<(LegacyAid, &'a [u8])> {
        let (len, rest) = at.split_first()?;
        let len = usize::from(*len);
        if len > Aid::MAX {
            return Some((Err(ErrorKind::LengthTooLarge), rest));
        }
        let (aid, rest) = rest.split_at_checked(len)?;
        let aid = match Aid::new(aid) {
            None if len > 0 => Err(ErrorKind::Truncated),
            aid => Ok(aid),
        };
        Some((aid, rest))
    }

    /// One entry and the octets after it; `None` if the data ends within.
    fn entry(&self) -> Option<(Result<Entry<'a>, Error>, &'a [u8])> {
        let position = |at: &[u8]| self.offset.saturating_add(self.rest.len().saturating_sub(at.len()));
        let mut bad = None;
        let (aid, rest) = Self::aid(self.rest)?;
        let aid = match aid {
            Ok(aid) => aid,
            Err(kind) => {
                let error = Error::new(kind, position(self.rest));
                if kind == ErrorKind::LengthTooLarge {
                    return Some((Err(error), rest));
                }
                bad = Some(error);
                None
            }
        };
        let ([state, privileges], mut rest) = rest.split_first_chunk::<2>()?;
        let mut modules = List::default();
        if self.with_modules {
            let (count, start) = rest.split_first()?;
            rest = start;
            for _ in 0..*count {
                let (module, after) = Self::aid(rest)?;
                if let Err(kind) = module {
                    let error = Error::new(kind, position(rest));
                    if kind == ErrorKind::LengthTooLarge {
                        return Some((Err(error), after));
                    }
                    bad = bad.or(Some(error));
                }
                rest = after;
            }
            let octets = start.get(..start.len().saturating_sub(rest.len())).unwrap_or_default();
            modules = List { source: Source::LengthValue { octets, read: Aid::new } };
        }
        let entry = Entry {
            aid,
            life_cycle: Some(*state),
            privileges: Privileges::from_report(&[*privileges]),
            modules,
            ..Entry::default()
        };
        Some((bad.map_or(Ok(entry), Err), rest))
    }
}

impl<'a> Iterator for LegacyListing<'a> {
    type Item = Result<Entry<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended != Ended::NotYet {
            return None;
        }
        let Some((entry, rest)) = self.entry() else {
            self.ended = Ended::Well;
            return None;
        };
        if matches!(entry, Err(Error { kind: ErrorKind::LengthTooLarge, .. })) {
            self.ended = Ended::Badly;
        }
        self.offset = self.offset.saturating_add(self.rest.len().saturating_sub(rest.len()));
        self.rest = rest;
        Some(entry)
    }
}

impl FusedIterator for LegacyListing<'_> {}

#[cfg(test)]
mod tests;
