//! Implicit selection parameters, tag `CF`: on which interface and channel an application is there without SELECT.
//!
//! ```text
//!  CF 01 xx    b8 contactless   b7 contact   b6 RFU   b5-b1 logical channel 0..19
//! ```
//! Several `CF` objects add up; 00 in b8 and b7 names no interface. GPCS 11.1.7, table 11-49.

use gp_tlv::Tag;

/// Tag of the object.
pub(super) const TAG: Tag = Tag::new(0xCF);

const CONTACTLESS: u8 = 0x80;
const CONTACT: u8 = 0x40;
const CHANNEL: u8 = 0x1F;

/// Number of logical channels.
const CHANNELS: u8 = 20;

/// The set of (interface, channel) slots that one or more `CF` objects name; 8 octets, `Copy`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ImplicitSlots {
    contactless: u32,
    contact: u32,
}

impl ImplicitSlots {
    /// No slot.
    pub const EMPTY: Self = Self { contactless: 0, contact: 0 };

    /// The slots of one `CF` octet; `None` when the channel is above 19. b6 is ignored.
    pub const fn from_octet(octet: u8) -> Option<Self> {
        let channel = octet & CHANNEL;
        if channel >= CHANNELS {
            return None;
        }
        let bit = 1_u32 << channel;
        Some(Self {
            contactless: if octet & CONTACTLESS != 0 { bit } else { 0 },
            contact: if octet & CONTACT != 0 { bit } else { 0 },
        })
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self { contactless: self.contactless | other.contactless, contact: self.contact | other.contact }
    }

    /// Whether the sets share a slot.
    pub const fn overlaps(self, other: Self) -> bool {
        self.contactless & other.contactless != 0 || self.contact & other.contact != 0
    }

    /// Whether there is no slot.
    pub const fn is_empty(self) -> bool {
        self.contactless == 0 && self.contact == 0
    }

    /// Whether the contactless interface has a slot on logical channel `channel`.
    pub const fn contactless(self, channel: u8) -> bool {
        channel < CHANNELS && self.contactless >> channel & 1 != 0
    }

    /// Whether the contact interface has a slot on logical channel `channel`.
    pub const fn contact(self, channel: u8) -> bool {
        channel < CHANNELS && self.contact >> channel & 1 != 0
    }

    /// The `CF` octets that name the set: one for each channel, in ascending order.
    pub fn octets(self) -> impl Iterator<Item = u8> + Clone {
        (0..CHANNELS).filter_map(move |channel| {
            let contactless = if self.contactless(channel) { CONTACTLESS } else { 0 };
            let contact = if self.contact(channel) { CONTACT } else { 0 };
            (contactless | contact != 0).then_some(contactless | contact | channel)
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn every_octet_returns() {
        for octet in 0..=255_u8 {
            let Some(set) = ImplicitSlots::from_octet(octet) else {
                assert!(octet & CHANNEL > 19);
                continue;
            };
            assert_eq!(set.contactless(octet & CHANNEL), octet & 0x80 != 0);
            assert_eq!(set.contact(octet & CHANNEL), octet & 0x40 != 0);
            let back = set.octets().next();
            assert_eq!(back, (octet & 0xC0 != 0).then_some(octet & 0xDF));
        }
    }

    #[test]
    fn objects_add_up() {
        let one = ImplicitSlots::from_octet(0x83).unwrap();
        let two = ImplicitSlots::from_octet(0x43).unwrap();
        assert!(!one.overlaps(two) && one.overlaps(one));
        let octets: std::vec::Vec<u8> =
            one.union(two).union(ImplicitSlots::from_octet(0x40).unwrap()).octets().collect();
        assert_eq!(octets, [0x40, 0xC3]);
        assert!(ImplicitSlots::EMPTY.is_empty() && !one.is_empty());
    }
}
