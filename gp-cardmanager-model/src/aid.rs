//! Application identifiers (GPCS 1.4.1, ISO 7816-5).
//!
//! ```text
//! +-----------------------+----------------------+
//! | RID, 5 octets         | PIX, 0 to 11 octets  |      5 to 16 octets
//! +-----------------------+----------------------+
//! ```
//!
//! Everything in the registry is named by an AID: applications, security domains, executable load files and modules.

use core::fmt;
use gp_tlv::{Error, ErrorKind, Reader};

/// An application identifier: 5 to 16 octets.
///
/// ```
/// use gp_cardmanager_model::aid::Aid;
///
/// let aid = Aid::new(&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00]).unwrap();
/// assert!(aid.matches_prefix(&[0xA0, 0x00]));
/// assert_eq!(aid.to_string(), "A0000001510000");
/// assert!(Aid::new(&[0xA0, 0x00]).is_none());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aid {
    // The octets behind `len` are zero, so that the derived comparisons hold, and order AIDs by their octets first.
    octets: [u8; Self::MAX],
    len: u8,
}

impl Aid {
    /// Shortest AID, in octets: a bare RID.
    pub const MIN: usize = 5;
    /// Longest AID, in octets.
    pub const MAX: usize = 16;

    /// The customary AID of the issuer security domain, `A000000151000000`. Cards may use any other.
    pub const ISSUER_SECURITY_DOMAIN: Self =
        Self { octets: [0xA0, 0, 0, 1, 0x51, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], len: 8 };

    /// Makes an AID of 5 to 16 octets; any other length gives `None`.
    #[must_use]
    pub const fn new(aid: &[u8]) -> Option<Self> {
        if aid.len() < Self::MIN {
            return None;
        }
        let mut octets = [0; Self::MAX];
        match octets.split_at_mut_checked(aid.len()) {
            Some((head, _)) => head.copy_from_slice(aid),
            None => return None,
        }
        let mut len: u8 = 0;
        // `as` is not allowed here, and `TryFrom` is not const: count.
        let mut rest = aid;
        while let Some((_, tail)) = rest.split_first() {
            len = len.saturating_add(1);
            rest = tail;
        }
        Some(Self { octets, len })
    }

    /// The 5 to 16 octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        // `len` is at most 16 by construction, so `get` never fails.
        self.octets.get(..usize::from(self.len)).unwrap_or(&self.octets)
    }

    /// The registered application provider identifier: the first 5 octets.
    #[must_use]
    pub const fn rid(&self) -> [u8; 5] {
        let [a, b, c, d, e, ..] = self.octets;
        [a, b, c, d, e]
    }

    /// Whether this AID begins with `prefix`, as SELECT and GET STATUS match partial AIDs (GPCS 11.9.2.3, 11.4.2.3).
    /// The empty prefix matches every AID.
    #[must_use]
    pub fn matches_prefix(&self, prefix: &[u8]) -> bool {
        self.as_bytes().starts_with(prefix)
    }
}

/// The AID in the value that `reader` has just read; `None` for an empty value, which some cards send instead of leaving
/// the object out.
///
/// # Errors
/// `Truncated` below 5 octets, `LengthTooLarge` above 16, at the first octet of the value.
pub(crate) fn in_value(reader: &Reader<'_>, value: &[u8]) -> Result<Option<Aid>, Error> {
    if value.is_empty() {
        return Ok(None);
    }
    Aid::new(value).map(Some).ok_or_else(|| {
        let kind = if value.len() < Aid::MIN { ErrorKind::Truncated } else { ErrorKind::LengthTooLarge };
        Error::new(kind, reader.offset().saturating_sub(value.len()))
    })
}

impl AsRef<[u8]> for Aid {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Display for Aid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|octet| write!(f, "{octet:02X}"))
    }
}

impl fmt::Debug for Aid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aid({self})")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::Aid;
    use std::format;

    #[test]
    fn only_5_to_16_octets() {
        let octets: [u8; 20] = core::array::from_fn(|i| u8::try_from(i).unwrap());
        for len in 0..=20 {
            let aid = Aid::new(&octets[..len]);
            assert_eq!(aid.is_some(), (5..=16).contains(&len), "length {len}");
            if let Some(aid) = aid {
                assert_eq!(aid.as_bytes(), &octets[..len]);
                assert_eq!(aid.rid(), [0, 1, 2, 3, 4]);
            }
        }
    }

    #[test]
    fn prefixes() {
        let aid = Aid::new(&[0xA0, 0, 0, 1, 0x51, 0]).unwrap();
        assert!(aid.matches_prefix(&[]));
        assert!(aid.matches_prefix(&[0xA0, 0]));
        assert!(aid.matches_prefix(aid.as_bytes()));
        assert!(!aid.matches_prefix(&[0xA0, 1]));
        // A zero that is not part of the AID does not match the padding behind it.
        assert!(!aid.matches_prefix(&[0xA0, 0, 0, 1, 0x51, 0, 0]));
    }

    #[test]
    fn zeros_at_the_end_count() {
        let short = Aid::new(&[0xA0, 0, 0, 0, 0]).unwrap();
        let long = Aid::new(&[0xA0, 0, 0, 0, 0, 0]).unwrap();
        assert_ne!(short, long);
        assert!(short < long);
    }

    #[test]
    fn prints_as_hexadecimal_digits() {
        assert_eq!(format!("{}", Aid::ISSUER_SECURITY_DOMAIN), "A000000151000000");
        assert_eq!(format!("{:?}", Aid::ISSUER_SECURITY_DOMAIN), "Aid(A000000151000000)");
        assert_eq!(Some(Aid::ISSUER_SECURITY_DOMAIN), Aid::new(&[0xA0, 0, 0, 1, 0x51, 0, 0, 0]));
    }

    #[test]
    fn made_in_a_constant() {
        const AID: Option<Aid> = Aid::new(b"1PAY.SYS.DDF01");
        assert_eq!(AID.unwrap().as_bytes(), b"1PAY.SYS.DDF01");
    }
}
