//! Implicit selection parameters, `CF` (GPCS table 11-49).

use core::fmt;

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

    pub(super) fn in_value(value: &[u8]) -> Option<Self> {
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
