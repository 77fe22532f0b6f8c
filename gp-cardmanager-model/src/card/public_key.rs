//! Keys of several components as a signature's verification takes them (GPCS 11.1.8, B.3, B.4): put together from their slots, with
//! the parameters of a curve in place of a reference to it.
//!
//! ```text
//!  key      A1 | A0              RSA: modulus, exponent
//!           B0 | F0              ECC: point, reference to a curve
//!           B0 | B2 .. B7        ECC: point, the curve itself
//!  curve    F0 | B2 .. B7        stored as a key of its own, under its reference
//!
//!  reference   00..3F  8000..BFFF    the standard's curves: the platform knows them
//!              40..5F  C000..DFFF    the ISD keeps them, for all
//!              60..7F  E000..FFFF    a security domain keeps them, for itself and all below it; the nearest counts
//! ```

use crate::card::keys::KeySlot;
use crate::card::registry::{Index, Registry, RegistryEntry};
use crate::key_info::Components;

/// The longest public key with all its components, in octets: RSA with 4096 bits; a point of 521 bits and its whole curve
/// take less.
pub(super) const MAX_KEY: usize = 1024;

/// Key type of a reference to a curve.
pub(super) const REFERENCE: u8 = 0xF0;

/// Whose curves a reference names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Curves {
    Standard,
    Global,
    Local,
}

impl Curves {
    fn of(reference: &[u8]) -> Self {
        match *reference {
            [0x40..=0x5F] | [0xC0..=0xDF, _] => Self::Global,
            [0x60..=0x7F] | [0xE0..=0xFF, _] => Self::Local,
            _ => Self::Standard,
        }
    }
}

/// The components of a key: key type and value of each, in order.
pub(super) struct PublicKey<'v> {
    components: [(u8, &'v [u8]); Components::MAX],
    count: usize,
    rest: &'v mut [u8],
}

impl<'v> PublicKey<'v> {
    /// Puts the key together whose first component is in `first`, in `values`. `None`: it is longer.
    pub(super) fn gather(
        registry: &[RegistryEntry],
        keys: &[KeySlot],
        first: &KeySlot,
        values: &'v mut [u8; MAX_KEY],
    ) -> Option<Self> {
        let mut key = Self { components: [(0, &[]); Components::MAX], count: 0, rest: values };
        key.append(registry, keys, first, 0)?;
        Some(key)
    }

    pub(super) fn components(&self) -> &[(u8, &'v [u8])] {
        self.components.get(..self.count).unwrap_or_default()
    }

    /// Appends the components of a key from the one with number `from` on.
    fn append(&mut self, registry: &[RegistryEntry], keys: &[KeySlot], first: &KeySlot, from: u8) -> Option<()> {
        for number in from..=u8::MAX {
            let mut parts = (0_u8..=u8::MAX).map_while(|part| {
                keys.iter().find(|slot| {
                    !slot.pending
                        && (slot.owner, slot.version, slot.id) == (first.owner, first.version, first.id)
                        && (slot.component, slot.part) == (number, part)
                })
            });
            let Some(begin) = parts.next() else { break };
            // A curve is no further than one reference away.
            let refers = from == 0 && begin.kind == REFERENCE;
            if let Some(curve) = refers.then(|| curve(registry, keys, begin)).flatten() {
                self.append(registry, keys, curve, 1)?;
                continue;
            }
            let mut length = 0_usize;
            for slot in core::iter::once(begin).chain(parts) {
                let end = length.saturating_add(slot.value().len());
                let room = self.rest.get_mut(length..end)?;
                room.iter_mut().zip(slot.value()).for_each(|(to, from)| *to = *from);
                length = end;
            }
            let (value, behind) = core::mem::take(&mut self.rest).split_at_mut_checked(length)?;
            self.rest = behind;
            *self.components.get_mut(self.count)? = (begin.kind, value);
            self.count = self.count.saturating_add(1);
        }
        Some(())
    }
}

/// The curve that this component refers to: the slot of its reference. `None`: the card has none, or the reference is one of
/// the standard's; the platform may know it.
fn curve<'k>(registry: &[RegistryEntry], keys: &'k [KeySlot], reference: &KeySlot) -> Option<&'k KeySlot> {
    let kept_by = |owner: Index| {
        keys.iter().find(|slot| {
            slot.owner == Some(owner)
                && !slot.pending
                && (slot.kind, slot.component, slot.part) == (REFERENCE, 0, 0)
                && slot.value() == reference.value()
        })
    };
    match Curves::of(reference.value()) {
        Curves::Standard => None,
        Curves::Global => kept_by(Index::ISD),
        Curves::Local => {
            let mut at = reference.owner?;
            // The chain of associations has no more links than there are entries.
            for _ in 0..registry.len() {
                if let Some(curve) = kept_by(at) {
                    return Some(curve);
                }
                at = registry.entry(at).map(|entry| entry.domain).filter(|above| *above != at)?;
            }
            None
        }
    }
}
