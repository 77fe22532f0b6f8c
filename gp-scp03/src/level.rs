//! What a session protects (the six security levels) and what a card can do (the `i` parameter).
//!
//! ```text
//!  i   b7 R-ENCRYPTION  b6 R-MAC  b5 pseudo-random card challenge  b1 S16      (Amendment D table 5-1, v1.2 for b1)
//!  P1  b6 R-ENCRYPTION  b5 R-MAC  b2 C-DECRYPTION  b1 C-MAC                     (Amendment D table 7-5)
//! ```

use gp_apdu::Form;

use crate::challenge::Mode;
use crate::padding::padded_length;

/// The security level of a session: P1 of EXTERNAL AUTHENTICATE. No other value exists: encryption of a direction never
/// comes without its MAC, and nothing protects the response that does not protect the command.
///
/// ```compile_fail,E0599
/// use gp_scp03::SecurityLevel;
/// let level = SecurityLevel::REncryptionOnly; // R-ENCRYPTION without R-MAC: there is no such level
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum SecurityLevel {
    /// Authenticated, no secure messaging: `00`.
    Authenticated = 0x00,
    /// C-MAC: `01`.
    CMac = 0x01,
    /// C-DECRYPTION and C-MAC: `03`.
    CMacCDecryption = 0x03,
    /// C-MAC and R-MAC: `11`.
    CMacRMac = 0x11,
    /// C-DECRYPTION, C-MAC and R-MAC: `13`.
    CMacCDecryptionRMac = 0x13,
    /// C-DECRYPTION, R-ENCRYPTION, C-MAC and R-MAC: `33`.
    Full = 0x33,
}

impl SecurityLevel {
    /// All six, weakest first.
    pub const ALL: [Self; 6] =
        [Self::Authenticated, Self::CMac, Self::CMacCDecryption, Self::CMacRMac, Self::CMacCDecryptionRMac, Self::Full];

    /// The level that P1 stands for; `None` for the 250 octets that stand for none.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            0x00 => Some(Self::Authenticated),
            0x01 => Some(Self::CMac),
            0x03 => Some(Self::CMacCDecryption),
            0x11 => Some(Self::CMacRMac),
            0x13 => Some(Self::CMacCDecryptionRMac),
            0x33 => Some(Self::Full),
            _ => None,
        }
    }

    /// The octet, as in P1.
    #[must_use]
    #[inline]
    #[allow(
        clippy::as_conversions,
        reason = "the discriminant of an enum of octets is one; a `match` looks it up in a table"
    )]
    pub const fn octet(self) -> u8 {
        self as u8
    }

    /// The octet of the current security level as GET DATA `D3` and the API code it: `80` AUTHENTICATED and the bits above (GPCS table 10-1).
    #[must_use]
    pub const fn current(self) -> u8 {
        0x80 | self.octet()
    }

    /// Commands carry a C-MAC.
    #[must_use]
    #[inline]
    pub const fn has_c_mac(self) -> bool {
        self.octet() & 0x01 != 0
    }

    /// Command data is encrypted.
    #[must_use]
    #[inline]
    pub const fn has_c_decryption(self) -> bool {
        self.octet() & 0x02 != 0
    }

    /// Responses carry an R-MAC.
    #[must_use]
    #[inline]
    pub const fn has_r_mac(self) -> bool {
        self.octet() & 0x10 != 0
    }

    /// Response data is encrypted.
    #[must_use]
    #[inline]
    pub const fn has_r_encryption(self) -> bool {
        self.octet() & 0x20 != 0
    }

    /// The level while an R-MAC session runs that was begun at this level, or `None` where BEGIN R-MAC SESSION is refused with `6985` (Amendment D 7.1.3).
    ///
    /// | from | R-MAC | R-MAC and R-ENCRYPTION |
    /// |---|---|---|
    /// | `01` | `11` | – (no C-DECRYPTION) |
    /// | `03` | `13` | `33` |
    /// | `13` | – (already) | `33` |
    #[must_use]
    pub const fn raised(self, by: RMacSession) -> Option<Self> {
        match (self, by) {
            (Self::CMac, RMacSession::RMac) => Some(Self::CMacRMac),
            (Self::CMacCDecryption, RMacSession::RMac) => Some(Self::CMacCDecryptionRMac),
            (Self::CMacCDecryption | Self::CMacCDecryptionRMac, RMacSession::RMacREncryption) => Some(Self::Full),
            _ => None,
        }
    }

    /// The most octets of plain command data that fit a command of this form at this level (255, 247, 239, 223... in a short one).
    #[must_use]
    pub const fn max_command_data(self, mode: Mode, form: Form) -> usize {
        room(form.max_data(), self.has_c_mac(), self.has_c_decryption(), mode)
    }

    /// The most octets of plain response data that fit into `available` octets of response data on the wire: 256 for Le 00, 65536 for Le 0000.
    /// 0 also where not even the R-MAC fits.
    #[must_use]
    pub const fn max_response_data(self, mode: Mode, available: usize) -> usize {
        room(available, self.has_r_mac(), self.has_r_encryption(), mode)
    }

    /// The length on the wire of `data` octets of command data under `mode`: padding and C-MAC included. `None` where a `usize` cannot hold it.
    #[must_use]
    pub const fn protected_command_length(self, mode: Mode, data: usize) -> Option<usize> {
        let body = if self.has_c_decryption() && data > 0 { padded_length(data) } else { Some(data) };
        match (body, self.has_c_mac()) {
            (Some(length), true) => length.checked_add(mode.octets()),
            (length, _) => length,
        }
    }
}

/// What is left of `field` octets for plain data when a MAC and, with encryption, at least one octet of padding take their part.
const fn room(field: usize, mac: bool, encryption: bool, mode: Mode) -> usize {
    if !mac {
        return field;
    }
    let body = field.saturating_sub(mode.octets());
    // Encrypted data is a multiple of 16 with at least one octet of padding.
    if encryption { (body & !15).saturating_sub(1) } else { body }
}

/// What BEGIN R-MAC SESSION asks for in P1 (Amendment D 7.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum RMacSession {
    /// Responses get an R-MAC: `10`.
    RMac = 0x10,
    /// Responses get an R-MAC and their data is encrypted: `30`.
    RMacREncryption = 0x30,
}

impl RMacSession {
    /// From P1.
    #[must_use]
    pub const fn from_octet(octet: u8) -> Option<Self> {
        match octet {
            0x10 => Some(Self::RMac),
            0x30 => Some(Self::RMacREncryption),
            _ => None,
        }
    }

    /// P1.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Self::RMac => 0x10,
            Self::RMacREncryption => 0x30,
        }
    }
}

/// The `i` parameter: how a security domain implements SCP03 (Amendment D 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Implementation(u8);

impl Implementation {
    /// The parameter with these bits. Reserved bits are kept and mean nothing; R-ENCRYPTION without R-MAC is what no card may announce, and counts as neither.
    #[must_use]
    pub const fn new(i: u8) -> Self {
        Self(i)
    }

    /// The octet.
    #[must_use]
    pub const fn octet(self) -> u8 {
        self.0
    }

    /// S16 where b1 is set (Amendment D v1.2), else S8.
    #[must_use]
    pub const fn mode(self) -> Mode {
        if self.0 & 0x01 != 0 { Mode::S16 } else { Mode::S8 }
    }

    /// The card challenge is pseudo-random, and the answer to INITIALIZE UPDATE carries the sequence counter.
    #[must_use]
    pub const fn has_pseudo_random_challenge(self) -> bool {
        self.0 & 0x10 != 0
    }

    /// R-MAC is supported.
    #[must_use]
    #[inline]
    pub const fn has_r_mac(self) -> bool {
        self.0 & 0x20 != 0
    }

    /// R-ENCRYPTION is supported; only together with R-MAC.
    #[must_use]
    #[inline]
    pub const fn has_r_encryption(self) -> bool {
        self.0 & 0x60 == 0x60
    }

    /// Can a session at this level be opened?
    #[must_use]
    pub const fn supports(self, level: SecurityLevel) -> bool {
        (!level.has_r_mac() || self.has_r_mac()) && (!level.has_r_encryption() || self.has_r_encryption())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_octets_are_levels_and_no_other() {
        let legal = [0x00, 0x01, 0x03, 0x11, 0x13, 0x33];
        for octet in 0..=255 {
            assert_eq!(
                SecurityLevel::from_octet(octet).map(SecurityLevel::octet),
                legal.contains(&octet).then_some(octet)
            );
        }
        assert_eq!(SecurityLevel::ALL.map(SecurityLevel::octet), legal);
    }

    #[test]
    fn an_r_mac_session_raises_four_ways_and_no_other() {
        let legal = [(0x01, 0x10, 0x11), (0x03, 0x10, 0x13), (0x03, 0x30, 0x33), (0x13, 0x30, 0x33)];
        for level in SecurityLevel::ALL {
            for by in [RMacSession::RMac, RMacSession::RMacREncryption] {
                let expected = legal
                    .iter()
                    .find(|(from, p1, _)| *from == level.octet() && *p1 == by.octet())
                    .map(|(_, _, to)| *to);
                assert_eq!(level.raised(by).map(SecurityLevel::octet), expected);
            }
        }
    }

    #[test]
    fn the_room_is_that_of_the_table() {
        // level, S8 command, S8 response, S16 command, S16 response: short form
        for (octet, row) in [
            (0x00, [255, 256, 255, 256]),
            (0x01, [247, 256, 239, 256]),
            (0x03, [239, 256, 223, 256]),
            (0x11, [247, 248, 239, 240]),
            (0x13, [239, 248, 223, 240]),
            (0x33, [239, 239, 223, 239]),
        ] {
            let level = SecurityLevel::from_octet(octet).unwrap();
            let got = [
                level.max_command_data(Mode::S8, Form::Short),
                level.max_response_data(Mode::S8, 256),
                level.max_command_data(Mode::S16, Form::Short),
                level.max_response_data(Mode::S16, 256),
            ];
            assert_eq!(got, row, "level {octet:02X}");
            for mode in [Mode::S8, Mode::S16] {
                for form in [Form::Short, Form::Extended] {
                    let max = level.max_command_data(mode, form);
                    assert!(level.protected_command_length(mode, max).unwrap() <= form.max_data());
                    assert!(level.protected_command_length(mode, max + 1).unwrap() > form.max_data());
                }
            }
        }
    }

    #[test]
    fn i_decides_which_levels_there_are() {
        for i in 0..=255_u8 {
            let implementation = Implementation::new(i);
            assert!(implementation.supports(SecurityLevel::CMacCDecryption));
            assert_eq!(implementation.supports(SecurityLevel::CMacRMac), i & 0x20 != 0);
            assert_eq!(implementation.supports(SecurityLevel::Full), i & 0x20 != 0 && i & 0x40 != 0);
        }
    }
}
