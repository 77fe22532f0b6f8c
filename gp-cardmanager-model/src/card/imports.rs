//! Which load files need which: what LOAD found out and DELETE asks (GPCS 9.3.5, 9.5.2).
//!
//! ```text
//!  object slot   owner = the load file | tag 0000 | registry place (2) of each load file that it imports, 16 at most
//! ```
//!
//! Packages that the applications stand on have no place in the registry and are not kept.

use crate::card::objects::{ObjectSlot, PART};
use crate::card::registry::Index;

/// The tag of the list: no data object has it.
const TAG: u16 = 0x0000;

/// The load files that one load file imports.
#[derive(Clone, Copy, Debug)]
pub(super) struct Imports {
    places: [u8; PART],
    /// In octets.
    length: u8,
}

impl Imports {
    pub(super) const NONE: Self = Self { places: [0; PART], length: 0 };

    /// Adds one, if it is not there yet; `None` where there are 16 others.
    pub(super) fn add(&mut self, import: Index) -> Option<()> {
        if self.iter().any(|known| known == import) {
            return Some(());
        }
        let start = usize::from(self.length);
        let end = start.checked_add(2)?;
        self.places.get_mut(start..end)?.copy_from_slice(&import.number().to_be_bytes());
        self.length = u8::try_from(end).ok()?;
        Some(())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Index> {
        places(self.places.get(..usize::from(self.length)).unwrap_or_default())
    }

    /// The slot in which they are kept for a load file; `None` where there are none.
    pub(super) fn kept_by(&self, file: Index) -> Option<ObjectSlot> {
        let kept = ObjectSlot { owner: Some(file), tag: TAG, part: 0, length: self.length, octets: self.places };
        (self.length != 0).then_some(kept)
    }
}

/// All that is kept: a load file, and one that it imports.
pub(super) fn all(objects: &[ObjectSlot]) -> impl Iterator<Item = (Index, Index)> {
    let lists = objects.iter().filter(|slot| slot.tag == TAG);
    lists
        .flat_map(|slot| slot.owner.into_iter().flat_map(|file| places(slot.value()).map(move |import| (file, import))))
}

fn places(octets: &[u8]) -> impl Iterator<Item = Index> {
    octets.as_chunks::<2>().0.iter().map(|place| Index(u16::from_be_bytes(*place)))
}
