//! Objects that an entry may have several of.

use core::fmt;
use core::iter::FusedIterator;

use gp_tlv::{Reader, Tag};

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

    /// Values that each have a length octet in front.
    pub(super) const fn of_lengths(octets: &'a [u8], read: fn(&'a [u8]) -> Option<T>) -> Self {
        Self { source: Source::LengthValue { octets, read } }
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
