//! Deviations that real cards show, by name, so that a host can be tried against them.

use std::str::FromStr;

use gp_scp03::Quirks;

/// How the card deviates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deviation {
    /// Not at all.
    #[default]
    Specification,
    /// The encryption counter does not advance for commands without data, as on the platform channel of SE05x devices.
    PlatformChannel,
}

impl Deviation {
    /// The deviations of the secure channel.
    #[must_use]
    pub const fn quirks(self) -> Quirks {
        match self {
            Self::Specification => Quirks::NONE,
            Self::PlatformChannel => Quirks::NONE.with_counter_skips_empty(),
        }
    }
}

impl FromStr for Deviation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "specification" => Ok(Self::Specification),
            "platform-channel" => Ok(Self::PlatformChannel),
            _ => Err(format!("--profile: there is no {name}; there are specification and platform-channel")),
        }
    }
}
