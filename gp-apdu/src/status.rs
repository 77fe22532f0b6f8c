//! The status word: the two octets at the end of every response.

use crate::Le;
use core::fmt;

/// SW1 SW2, as one number: `StatusWord(0x9000)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusWord(pub u16);

/// What a status word says in general: every value is exactly one of these. \[ISO\] 5.6
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StatusKind {
    /// `9000`: done.
    Success,
    /// `61xx`: done so far, more response data waits for GET RESPONSE.
    DataAvailable,
    /// `62xx` and `63xx`: done, with a remark.
    Warning,
    /// `64xx` to `66xx`: tried and failed.
    ExecutionError,
    /// `67xx` to `6Fxx`: refused, `6Cxx` (wrong Le) among them.
    CheckingError,
    /// `9001` to `9FFF`: whatever the maker of the card says it is.
    Proprietary,
    /// `60xx` and everything that begins with neither 6 nor 9: no status word at all.
    Invalid,
}

/// Declares the named status words once, for the constants and for their meaning.
macro_rules! named {
    ($($name:ident = $value:literal, $meaning:literal;)*) => {
        impl StatusWord {
            $(
                #[doc = concat!("`", stringify!($value), "`: ", $meaning, ".")]
                pub const $name: Self = Self($value);
            )*

            /// Every named status word.
            #[cfg(test)]
            const NAMED: &[Self] = &[$(Self::$name),*];

            const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some($meaning),)*
                    _ => None,
                }
            }
        }
    };
}

named! {
    OK = 0x9000, "success";
    CHANNEL_ALREADY_CLOSED = 0x6200, "logical channel already closed";
    CARD_LOCKED = 0x6283, "card life cycle state is CARD_LOCKED";
    AUTHENTICATION_FAILED = 0x6300, "authentication of the host cryptogram failed";
    MORE_DATA = 0x6310, "more data available";
    NO_DIAGNOSIS = 0x6400, "no specific diagnosis";
    IMPORT_NOT_AVAILABLE = 0x6438, "imported package not available";
    MEMORY_FAILURE = 0x6581, "memory failure";
    WRONG_LENGTH = 0x6700, "wrong length";
    CHANNEL_NOT_SUPPORTED = 0x6881, "logical channel not supported or not active";
    SECURE_MESSAGING_NOT_SUPPORTED = 0x6882, "secure messaging not supported";
    LAST_COMMAND_EXPECTED = 0x6883, "last command of the chain expected";
    CHAINING_NOT_SUPPORTED = 0x6884, "command chaining not supported";
    SECURITY_STATUS = 0x6982, "security status not satisfied";
    AUTHENTICATION_BLOCKED = 0x6983, "authentication method blocked";
    CONDITIONS_OF_USE = 0x6985, "conditions of use not satisfied";
    SELECTION_FAILED = 0x6999, "application selection failed";
    WRONG_DATA = 0x6A80, "incorrect values in command data";
    FUNCTION_NOT_SUPPORTED = 0x6A81, "function not supported";
    FILE_NOT_FOUND = 0x6A82, "application or file not found";
    NOT_ENOUGH_MEMORY = 0x6A84, "not enough memory space";
    INCORRECT_P1_P2 = 0x6A86, "incorrect P1 P2";
    REFERENCED_DATA_NOT_FOUND = 0x6A88, "referenced data not found";
    INS_NOT_SUPPORTED = 0x6D00, "instruction not supported";
    CLA_NOT_SUPPORTED = 0x6E00, "class not supported";
    UNKNOWN = 0x6F00, "no precise diagnosis";
    ALGORITHM_NOT_SUPPORTED = 0x9484, "algorithm not supported";
    INVALID_KEY_CHECK_VALUE = 0x9485, "invalid key check value";
}

impl StatusWord {
    /// The length of a status word, 2 octets.
    pub const LEN: usize = 2;

    /// SW1 SW2.
    #[must_use]
    pub const fn octets(self) -> [u8; Self::LEN] {
        self.0.to_be_bytes()
    }

    /// What it says in general.
    #[must_use]
    pub const fn kind(self) -> StatusKind {
        match self.0 {
            0x9000 => StatusKind::Success,
            0x6100..=0x61FF => StatusKind::DataAvailable,
            0x6200..=0x63FF => StatusKind::Warning,
            0x6400..=0x66FF => StatusKind::ExecutionError,
            0x6700..=0x6FFF => StatusKind::CheckingError,
            0x9001..=0x9FFF => StatusKind::Proprietary,
            _ => StatusKind::Invalid,
        }
    }

    /// Whether it is `9000`.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self.kind(), StatusKind::Success)
    }

    /// Whether it is `62xx` or `63xx`: the command was carried out.
    #[must_use]
    pub const fn is_warning(self) -> bool {
        matches!(self.kind(), StatusKind::Warning)
    }

    /// Whether it is neither success nor warning nor `61xx`. What a card says in words of its own counts as an error.
    #[must_use]
    pub const fn is_error(self) -> bool {
        !matches!(self.kind(), StatusKind::Success | StatusKind::Warning | StatusKind::DataAvailable)
    }

    /// Whether a response with it carries an R-MAC, where the security level has one: `9000`, `62xx`, `63xx`.
    /// Amendment D 6.2.5
    #[must_use]
    pub const fn is_protected(self) -> bool {
        self.is_success() || self.is_warning()
    }

    /// `61xx`: how many octets GET RESPONSE can fetch, 1 to 256; `6100` says 256 or more.
    #[must_use]
    pub const fn available(self) -> Option<u16> {
        match self.octets() {
            [0x61, 0x00] => Some(256),
            [0x61, _] => Some(self.0 & 0x00FF),
            _ => None,
        }
    }

    /// `6Cxx`: the Le with which the same command would do.
    #[must_use]
    pub fn corrected_le(self) -> Option<Le> {
        match self.octets() {
            [0x6C, le] => Some(Le::short(le)),
            _ => None,
        }
    }

    /// What it says in words, as far as ISO or GlobalPlatform give it a meaning.
    #[must_use]
    pub const fn meaning(self) -> Option<&'static str> {
        match self.octets() {
            [0x61, _] => Some("response data available"),
            [0x63, 0xC0..=0xCF] => Some("verification failed, the last digit counts the tries left"),
            [0x6C, _] => Some("wrong Le, the second octet is the right one"),
            _ => self.name(),
        }
    }
}

impl From<[u8; 2]> for StatusWord {
    fn from(octets: [u8; 2]) -> Self {
        Self(u16::from_be_bytes(octets))
    }
}

/// `6A88 (referenced data not found)`, or the number alone.
impl fmt::Display for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}", self.0)?;
        match self.meaning() {
            Some(meaning) => write!(f, " ({meaning})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for StatusWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::format;

    /// The kind of a status word, told from its hexadecimal digits.
    fn kind(digits: &str) -> StatusKind {
        match digits.as_bytes() {
            b"9000" => StatusKind::Success,
            [b'9', ..] => StatusKind::Proprietary,
            [b'6', b'1', ..] => StatusKind::DataAvailable,
            [b'6', b'2' | b'3', ..] => StatusKind::Warning,
            [b'6', b'4'..=b'6', ..] => StatusKind::ExecutionError,
            [b'6', b'7'..=b'9' | b'A'..=b'F', ..] => StatusKind::CheckingError,
            _ => StatusKind::Invalid,
        }
    }

    #[test]
    fn all_65536_values() {
        let mut protected = 0;
        for value in 0..=u16::MAX {
            let (status, digits) = (StatusWord(value), format!("{value:04X}"));
            let kind = kind(&digits);
            assert_eq!(status.kind(), kind, "{digits}");
            assert_eq!(status.is_success(), digits == "9000");
            assert_eq!(status.is_warning(), digits.starts_with("62") || digits.starts_with("63"));
            assert_eq!(status.is_protected(), status.is_success() || status.is_warning());
            assert_eq!(status.is_error(), !status.is_protected() && !digits.starts_with("61"));
            let low = u16::from_str_radix(&digits[2..], 16).unwrap();
            let count = if low == 0 { 256 } else { low };
            assert_eq!(status.available(), digits.starts_with("61").then_some(count));
            let le = status.corrected_le().map(|le| le.get());
            assert_eq!(le, digits.starts_with("6C").then_some(count.into()));
            assert_eq!(StatusWord::from(status.octets()), status);
            assert!(format!("{status}").starts_with(&digits));
            protected += usize::from(status.is_protected());
        }
        assert_eq!(protected, 1 + 2 * 256);
    }

    #[test]
    fn names_are_distinct_and_known() {
        let values: HashSet<_> = StatusWord::NAMED.iter().collect();
        let meanings: HashSet<_> = StatusWord::NAMED.iter().map(|status| status.meaning().unwrap()).collect();
        assert_eq!((values.len(), meanings.len()), (StatusWord::NAMED.len(), StatusWord::NAMED.len()));
        assert!(StatusWord::NAMED.iter().all(|status| status.kind() != StatusKind::Invalid));
    }

    #[test]
    fn text() {
        assert_eq!(format!("{}", StatusWord::REFERENCED_DATA_NOT_FOUND), "6A88 (referenced data not found)");
        assert_eq!(format!("{:?}", StatusWord(0x6A8F)), "6A8F");
        assert_eq!(format!("{}", StatusWord(0x6120)), "6120 (response data available)");
    }
}
