//! Named deviations of real devices. Per session, off by default, and none of them relaxes authentication.

/// Which deviations a session follows. A wrong choice of counter shows only in encrypted answers: their R-MAC holds, and
/// the first 16 octets of their data are garbled. Try it on something whose answer you know.
///
/// Start from [`Quirks::NONE`] and name what you need:
///
/// ```
/// use gp_scp03::Quirks;
/// let platform_channel = Quirks::NONE.with_counter_skips_empty();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    counter_skips_empty: bool,
    encrypt_empty: bool,
}

impl Quirks {
    /// The specification.
    pub const NONE: Self = Self { counter_skips_empty: false, encrypt_empty: false };

    /// The encryption counter does not advance for commands without data; the answer to such a command is then
    /// encrypted under the counter last used, so that equal
    /// answers to commands without data look equal. Seen on the platform channel of SE05x devices. The specification: it
    /// advances for every command (Amendment D 6.2.6).
    #[must_use]
    pub const fn with_counter_skips_empty(self) -> Self {
        Self { counter_skips_empty: true, ..self }
    }

    /// A command without data is sent as one encrypted block of padding where commands are encrypted. Seen with
    /// YubiKeys and their hosts. The specification: it stays empty (Amendment D 6.2.6). The receiving end takes both
    /// forms without any quirk.
    #[must_use]
    pub const fn with_encrypt_empty(self) -> Self {
        Self { encrypt_empty: true, ..self }
    }

    pub(crate) const fn counter_skips_empty(self) -> bool {
        self.counter_skips_empty
    }

    pub(crate) const fn encrypt_empty(self) -> bool {
        self.encrypt_empty
    }
}
