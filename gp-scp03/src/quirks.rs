//! Named deviations of real devices. Per session, off by default, and none of them relaxes authentication.

use core::fmt;

use crate::Mode;

/// Which deviations a session follows. A wrong choice of counter shows only in encrypted answers: their R-MAC holds, and
/// the first 16 octets of their data are garbled. Try it on something whose answer you know.
///
/// Start from [`Quirks::NONE`] and name what you need:
///
/// ```
/// use gp_scp03::Quirks;
/// let platform_channel = Quirks::NONE.with_counter_skips_empty();
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Quirks(u8);

impl Quirks {
    /// The specification.
    pub const NONE: Self = Self(0);
    const COUNTER_SKIPS_EMPTY: u8 = 0x01;
    const ENCRYPT_EMPTY: u8 = 0x02;

    /// The encryption counter does not advance for commands without data; the answer to such a command is then
    /// encrypted under the counter last used, so that equal
    /// answers to commands without data look equal. Seen on the platform channel of SE05x devices. The specification: it
    /// advances for every command (Amendment D 6.2.6).
    #[must_use]
    pub const fn with_counter_skips_empty(self) -> Self {
        Self(self.0 | Self::COUNTER_SKIPS_EMPTY)
    }

    /// A command without data is sent as one encrypted block of padding where commands are encrypted. Seen with
    /// YubiKeys and their hosts. The specification: it stays empty (Amendment D 6.2.6). The receiving end takes both
    /// forms without any quirk.
    #[must_use]
    pub const fn with_encrypt_empty(self) -> Self {
        Self(self.0 | Self::ENCRYPT_EMPTY)
    }

    pub(crate) const fn counter_skips_empty(self) -> bool {
        self.0 & Self::COUNTER_SKIPS_EMPTY != 0
    }

    pub(crate) const fn encrypt_empty(self) -> bool {
        self.0 & Self::ENCRYPT_EMPTY != 0
    }
}

impl fmt::Debug for Quirks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quirks")
            .field("counter_skips_empty", &self.counter_skips_empty())
            .field("encrypt_empty", &self.encrypt_empty())
            .finish()
    }
}

/// The mode of a session and its quirks, in one octet: small targets count them.
#[derive(Clone, Copy)]
pub(crate) struct Conduct(u8);

impl Conduct {
    const S16: u8 = 0x80;

    pub(crate) const fn new(mode: Mode, quirks: Quirks) -> Self {
        match mode {
            Mode::S8 => Self(quirks.0),
            Mode::S16 => Self(quirks.0 | Self::S16),
        }
    }

    pub(crate) const fn mode(self) -> Mode {
        if self.0 & Self::S16 == 0 { Mode::S8 } else { Mode::S16 }
    }

    pub(crate) const fn quirks(self) -> Quirks {
        Quirks(self.0 & !Self::S16)
    }
}
