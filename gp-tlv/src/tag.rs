//! The tag of a data object: one to three octets (ISO/IEC 7816-4 5.2.2.1, GPCS 11.1.11).
//!
//! ```text
//!   first octet                              second octet          third octet
//!   b8 b7   b6          b5 b4 b3 b2 b1       b8    b7 .. b1        b8   b7 .. b1
//!  +-------+-----------+----------------+   +-----+-----------+   +----+---------+
//!  | class | 1: value  | 00..1E number  |   | 1:  | number    |   | 0  | number  |
//!  |       | holds TLV | 1F: more follow|   |more | (not 80)  |   |    |         |
//!  +-------+-----------+----------------+   +-----+-----------+   +----+---------+
//! ```

use core::fmt;

use crate::ErrorKind;

/// A BER tag of one to three octets, always well-formed.
///
/// Two tags are equal when their octets are: `9F01` and `81` have the same class and number and are different tags.
/// A second octet below `1F` (`9F01`, `BF0C`) is in use by EMV and others and accepted. The octet `00` is a tag like
/// any other: padding between data objects is not skipped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(
    // Big-endian, filled with zeros on the left, so that the octets on the wire are a slice of it.
    [u8; 4],
);

/// The class of a tag, bits b8 and b7 of its first octet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TagClass {
    /// `00`: universal, such as the object identifier `06`.
    Universal,
    /// `01`: application, such as `4F` or `6F`.
    Application,
    /// `10`: context-specific, the meaning depends on the template around it, such as `84` or `A5`.
    ContextSpecific,
    /// `11`: private, such as `E3`; GlobalPlatform's own.
    Private,
}

impl Tag {
    /// The tag with these octets, read as one big-endian number: `Tag::new(0x9F70)`. Meant for constants, where a
    /// wrong number is a compile error; use [`from_u32`](Self::from_u32) for anything computed at run time.
    ///
    /// ```compile_fail,E0080
    /// const CUT: gp_tlv::Tag = gp_tlv::Tag::new(0x9F); // one more octet has to follow
    /// ```
    ///
    /// # Panics
    /// If `octets` is not a tag.
    #[must_use]
    #[allow(clippy::panic, reason = "turns a wrong constant into a compile error; run-time input has from_u32")]
    pub const fn new(octets: u32) -> Self {
        match Self::from_u32(octets) {
            Some(tag) => tag,
            None => panic!("not a BER tag of one to three octets"),
        }
    }

    /// The tag with these octets, read as one big-endian number, or `None` if they are not exactly one tag.
    #[must_use]
    #[inline]
    pub const fn from_u32(octets: u32) -> Option<Self> {
        let octets = octets.to_be_bytes();
        let well_formed = match octets {
            [0, 0, 0, only] => !more_follow(only),
            [0, 0, first, second] => more_follow(first) && second & 0x80 == 0,
            [0, first, second, third] => more_follow(first) && second > 0x80 && third & 0x80 == 0,
            _ => false,
        };
        if well_formed { Some(Self(octets)) } else { None }
    }

    /// The tag that `octets` are, to the last one.
    ///
    /// # Errors
    /// [`Truncated`](ErrorKind::Truncated) if the tag goes on after the last octet,
    /// [`MalformedTag`](ErrorKind::MalformedTag) if the octets are not one tag: more than three octets, a second
    /// octet `80`, or octets left over.
    #[inline]
    pub const fn from_octets(octets: &[u8]) -> Result<Self, ErrorKind> {
        let tag = match *octets {
            [] => return Err(ErrorKind::Truncated),
            [first] if more_follow(first) => return Err(ErrorKind::Truncated),
            [first, second] if more_follow(first) && second > 0x80 => {
                return Err(ErrorKind::Truncated);
            }
            [only] => [0, 0, 0, only],
            // A leading zero octet would vanish in the number below; it is a whole tag, so the rest is left over.
            [first, ..] if !more_follow(first) => return Err(ErrorKind::MalformedTag),
            [first, second] => [0, 0, first, second],
            [first, second, third] => [0, first, second, third],
            _ => return Err(ErrorKind::MalformedTag),
        };
        match Self::from_u32(u32::from_be_bytes(tag)) {
            Some(tag) => Ok(tag),
            None => Err(ErrorKind::MalformedTag),
        }
    }

    /// The octets as one big-endian number: `0x9F70`.
    #[must_use]
    #[inline]
    pub const fn to_u32(self) -> u32 {
        u32::from_be_bytes(self.0)
    }

    /// The octets as they stand on the wire, one to three.
    #[must_use]
    #[inline]
    pub const fn octets(&self) -> &[u8] {
        match self.0.as_slice() {
            [0, 0, 0, octets @ ..] | [0, 0, octets @ ..] | [0, octets @ ..] | octets => octets,
        }
    }

    /// How many octets the tag has, 1 to 3.
    #[must_use]
    pub const fn encoded_len(self) -> usize {
        self.octets().len()
    }

    /// The class, bits b8 and b7 of the first octet.
    #[must_use]
    pub const fn class(self) -> TagClass {
        match self.first() & 0xC0 {
            0x00 => TagClass::Universal,
            0x40 => TagClass::Application,
            0x80 => TagClass::ContextSpecific,
            _ => TagClass::Private,
        }
    }

    /// Whether bit b6 of the first octet says that the value holds TLV.
    ///
    /// GlobalPlatform does not always follow it: the value of `C9` may be TLV though the bit is 0 (GPCS 11.5.2.3.7).
    #[must_use]
    #[inline]
    pub const fn is_constructed(self) -> bool {
        self.first() & 0x20 != 0
    }

    const fn first(self) -> u8 {
        match *self.octets() {
            [first, ..] => first,
            [] => 0,
        }
    }
}

/// Whether the number does not fit the first octet.
#[inline]
const fn more_follow(first: u8) -> bool {
    first & 0x1F == 0x1F
}

impl From<Tag> for u32 {
    fn from(tag: Tag) -> Self {
        tag.to_u32()
    }
}

/// Hexadecimal digits as in the standards: `9F70`.
impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.octets().iter().try_for_each(|octet| write!(f, "{octet:02X}"))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({self})")
    }
}
