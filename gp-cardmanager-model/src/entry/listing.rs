//! Answers to GET STATUS as they come: entry after entry, in the form of today and in the older one.

use core::iter::FusedIterator;

use gp_tlv::{Error, ErrorKind, Reader, tags::registry};

use super::{Entry, List};
use crate::aid::Aid;
use crate::privileges::Privileges;

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
            modules = List::of_lengths(octets, Aid::new);
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
