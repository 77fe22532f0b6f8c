//! An executable load file (GPCS 5.2).

use core::fmt;

/// Life cycle state of an executable load file (GPCS 5.2, table 11-3). Its modules live and die with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum LoadFileLifeCycle {
    /// `01`: the only state of the specification; the entry appears when the whole load has succeeded.
    Loaded,
    /// `00`: reported by cards of Open Platform 2.0.1 for a load file that is deleted but whose space is not reclaimed.
    /// A reader's tolerance.
    LogicallyDeleted,
}

impl LoadFileLifeCycle {
    /// The state coded by an octet.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            0x01 => Some(Self::Loaded),
            0x00 => Some(Self::LogicallyDeleted),
            _ => None,
        }
    }

    /// The octet that codes this state.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Self::Loaded => 0x01,
            Self::LogicallyDeleted => 0x00,
        }
    }
}

impl fmt::Display for LoadFileLifeCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loaded => "LOADED",
            Self::LogicallyDeleted => "LOGICALLY_DELETED",
        })
    }
}
