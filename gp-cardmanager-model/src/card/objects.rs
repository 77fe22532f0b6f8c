//! Data objects that a security domain keeps: what STORE DATA wrote and GET DATA shows.

use crate::card::registry::Index;

/// How much of an object one slot holds, in octets.
pub(crate) const PART: usize = 32;

/// One slot for 32 octets of a data object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectSlot {
    /// The security domain that keeps it; `None`: the slot is free.
    pub(crate) owner: Option<Index>,
    /// The tag of the object, 1 or 2 octets.
    pub(crate) tag: u16,
    /// Which 32 octets of its value, from 0.
    pub(crate) part: u8,
    /// How many octets are in this slot.
    pub(crate) length: u8,
    pub(crate) octets: [u8; PART],
}

impl ObjectSlot {
    /// An empty slot.
    pub const FREE: Self = Self { owner: None, tag: 0, part: 0, length: 0, octets: [0; PART] };

    pub(crate) fn value(&self) -> &[u8] {
        self.octets.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl Default for ObjectSlot {
    fn default() -> Self {
        Self::FREE
    }
}

/// The parts of an object in their order; nothing where there is no such object.
pub(crate) fn parts(objects: &[ObjectSlot], owner: Index, tag: u16) -> impl Iterator<Item = &[u8]> {
    (0_u8..=u8::MAX).map_while(move |part| {
        objects
            .iter()
            .find(|slot| slot.owner == Some(owner) && slot.tag == tag && slot.part == part)
            .map(ObjectSlot::value)
    })
}

/// Is there such an object?
pub(crate) fn exists(objects: &[ObjectSlot], owner: Index, tag: u16) -> bool {
    parts(objects, owner, tag).next().is_some()
}

/// Copies an object's value to the start of `out`; `None` where there is none or no room.
pub(crate) fn copy<'o>(objects: &[ObjectSlot], owner: Index, tag: u16, out: &'o mut [u8]) -> Option<&'o [u8]> {
    let mut length = 0_usize;
    let mut any = false;
    for part in parts(objects, owner, tag) {
        any = true;
        let end = length.checked_add(part.len())?;
        out.get_mut(length..end)?.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
        length = end;
    }
    if any { out.get(..length) } else { None }
}
