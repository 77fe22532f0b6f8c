//! Privileges of applications and security domains (GPCS 6.6, 11.1.2).
//!
//! ```text
//!  octet 1                                   octet 2                                   octet 3
//! +----+----+----+----+----+----+----+----+ +----+----+----+----+----+----+----+----+ +----+----+----+----+----+- - -+
//! |  0 |  1 |  2 |  3 |  4 |  5 |  6 |  7 | |  8 |  9 | 10 | 11 | 12 | 13 | 14 | 15 | | 16 | 17 | 18 | 19 | 20 | RFU |
//! +----+----+----+----+----+----+----+----+ +----+----+----+----+----+----+----+----+ +----+----+----+----+----+- - -+
//!  b8                                   b1
//! ```
//!
//! A field of three octets says all; a field of one octet says the first, and the kind of object implies the others.

use crate::lifecycle::Kind;
use core::fmt;
use core::ops::BitOr;

/// A set of privileges: three octets.
///
/// ```
/// use gp_cardmanager_model::privileges::Privileges;
///
/// let both = Privileges::SECURITY_DOMAIN | Privileges::DELEGATED_MANAGEMENT;
/// assert_eq!(both.octets(), [0xA0, 0x00, 0x00]);
/// assert_eq!(both.to_string(), "Security Domain, Delegated Management");
/// assert!(both.check().is_ok());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Privileges(u32);

/// Privilege number `n` is bit 7 - (n mod 8) of octet n / 8; here the three octets are the low 24 bits of a `u32`.
const fn numbered(n: u32) -> Privileges {
    Privileges(0x0080_0000_u32.wrapping_shr(n))
}

impl Privileges {
    /// No privilege.
    pub const NONE: Self = Self(0);
    /// 0: the application is a security domain.
    pub const SECURITY_DOMAIN: Self = numbered(0);
    /// 1: verifies a DAP of load files that are loaded to it.
    pub const DAP_VERIFICATION: Self = numbered(1);
    /// 2: content management with the issuer's token.
    pub const DELEGATED_MANAGEMENT: Self = numbered(2);
    /// 3: may lock the card.
    pub const CARD_LOCK: Self = numbered(3);
    /// 4: may terminate the card.
    pub const CARD_TERMINATE: Self = numbered(4);
    /// 5: selected after a reset, and may change the historical bytes. Its old name is Default Selected. One holder.
    pub const CARD_RESET: Self = numbered(5);
    /// 6: manages the card holder verification method.
    pub const CVM_MANAGEMENT: Self = numbered(6);
    /// 7: verifies a DAP of every load file that comes to the card.
    pub const MANDATED_DAP_VERIFICATION: Self = numbered(7);
    /// 8: forwards personalisation data to its applications.
    pub const TRUSTED_PATH: Self = numbered(8);
    /// 9: content management without token.
    pub const AUTHORIZED_MANAGEMENT: Self = numbered(9);
    /// 10: verifies tokens.
    pub const TOKEN_VERIFICATION: Self = numbered(10);
    /// 11: may delete any content.
    pub const GLOBAL_DELETE: Self = numbered(11);
    /// 12: may lock and unlock any application.
    pub const GLOBAL_LOCK: Self = numbered(12);
    /// 13: sees every registry entry.
    pub const GLOBAL_REGISTRY: Self = numbered(13);
    /// 14: the only one selectable when the card is locked or terminated. One holder.
    pub const FINAL_APPLICATION: Self = numbered(14);
    /// 15: offers services to other applications.
    pub const GLOBAL_SERVICE: Self = numbered(15);
    /// 16: makes receipts of delegated operations.
    pub const RECEIPT_GENERATION: Self = numbered(16);
    /// 17: demands that load files to it are ciphered.
    pub const CIPHERED_LOAD_FILE_DATA_BLOCK: Self = numbered(17);
    /// 18: may activate applications on the contactless interface.
    pub const CONTACTLESS_ACTIVATION: Self = numbered(18);
    /// 19: may activate itself on the contactless interface.
    pub const CONTACTLESS_SELF_ACTIVATION: Self = numbered(19);
    /// 20: of a later amendment; reserved in version 2.3.1, where it is parsed and means nothing.
    pub const PRIVACY_TRUSTED: Self = numbered(20);

    /// Every privilege by number, with its name.
    pub const NAMED: [(Self, &'static str); 21] = [
        (Self::SECURITY_DOMAIN, "Security Domain"),
        (Self::DAP_VERIFICATION, "DAP Verification"),
        (Self::DELEGATED_MANAGEMENT, "Delegated Management"),
        (Self::CARD_LOCK, "Card Lock"),
        (Self::CARD_TERMINATE, "Card Terminate"),
        (Self::CARD_RESET, "Card Reset"),
        (Self::CVM_MANAGEMENT, "CVM Management"),
        (Self::MANDATED_DAP_VERIFICATION, "Mandated DAP Verification"),
        (Self::TRUSTED_PATH, "Trusted Path"),
        (Self::AUTHORIZED_MANAGEMENT, "Authorized Management"),
        (Self::TOKEN_VERIFICATION, "Token Verification"),
        (Self::GLOBAL_DELETE, "Global Delete"),
        (Self::GLOBAL_LOCK, "Global Lock"),
        (Self::GLOBAL_REGISTRY, "Global Registry"),
        (Self::FINAL_APPLICATION, "Final Application"),
        (Self::GLOBAL_SERVICE, "Global Service"),
        (Self::RECEIPT_GENERATION, "Receipt Generation"),
        (Self::CIPHERED_LOAD_FILE_DATA_BLOCK, "Ciphered Load File Data Block"),
        (Self::CONTACTLESS_ACTIVATION, "Contactless Activation"),
        (Self::CONTACTLESS_SELF_ACTIVATION, "Contactless Self-Activation"),
        (Self::PRIVACY_TRUSTED, "Privacy Trusted"),
    ];

    /// The bits that are reserved: ignored on receipt, sent as zero.
    const RFU: u32 = 0x07;

    /// What the ISD holds when the card leaves its factory, in OP_READY: `9E FE 80` (GPCS 6.6.2).
    pub const ISSUER_SECURITY_DOMAIN: Self = Self(0x9E_FE80);

    /// Reads three octets. Reserved bits are ignored.
    #[must_use]
    pub const fn from_octets(octets: [u8; 3]) -> Self {
        let [a, b, c] = octets;
        Self(u32::from_be_bytes([0, a, b, c]) & !Self::RFU)
    }

    /// The three octets.
    #[must_use]
    pub const fn octets(self) -> [u8; 3] {
        let [_, a, b, c] = self.0.to_be_bytes();
        [a, b, c]
    }

    /// Reads the privileges field of a command: one octet, whose missing octets the kind of object implies, or three
    /// (GPCS 11.5.2.3, tables 11-7 to 11-9). Any other length gives `None`.
    #[must_use]
    pub fn from_field(field: &[u8], kind: Kind) -> Option<Self> {
        match *field {
            [a] => {
                let [_, b, c] = Self::implied(kind).octets();
                Some(Self::from_octets([a, b, c]))
            }
            [a, b, c] => Some(Self::from_octets([a, b, c])),
            _ => None,
        }
    }

    /// Reads a privileges field as [`from_field`](Self::from_field) does, and tolerates one of two octets, which some
    /// hosts send against the tables: the third is then taken as zero.
    #[must_use]
    pub fn from_field_lenient(field: &[u8], kind: Kind) -> Option<Self> {
        match *field {
            [a, b] => Some(Self::from_octets([a, b, 0])),
            _ => Self::from_field(field, kind),
        }
    }

    /// Reads what a card reports in a listing: three octets, or the first one or two of them from older cards. Octets
    /// that are not there count as zero: nothing is implied that the card does not say.
    #[must_use]
    pub fn from_report(field: &[u8]) -> Option<Self> {
        match *field {
            [a] => Some(Self::from_octets([a, 0, 0])),
            [a, b] => Some(Self::from_octets([a, b, 0])),
            [a, b, c] => Some(Self::from_octets([a, b, c])),
            _ => None,
        }
    }

    /// What a field of one octet implies for octets 2 and 3: for the ISD numbers 8 to 14 and 16, for a security domain
    /// Trusted Path, for an application nothing (GPCS 11.1.2).
    #[must_use]
    pub const fn implied(kind: Kind) -> Self {
        match kind {
            Kind::IssuerSecurityDomain => Self(0x00_FE80),
            Kind::SecurityDomain => Self::TRUSTED_PATH,
            Kind::Application | Kind::LoadFile => Self::NONE,
        }
    }

    /// The shortest field that means these privileges for an object of this kind: one octet if it implies the others,
    /// else three.
    #[must_use]
    pub fn to_field(self, kind: Kind) -> Field {
        let len = if self.0 & 0xFFFF == Self::implied(kind).0 { 1 } else { 3 };
        Field { octets: self.octets(), len }
    }

    /// The privileges of both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These privileges without the ones of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all privileges of `other` are held.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether no privilege is held.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Looks for a combination the specification forbids (GPCS 6.6.2, table 11-7): the rules of [`Rule`], in the
    /// order of its variants. That Card Reset and Final Application have one holder is a matter of the registry.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(self) -> Result<(), Rule> {
        Rule::ALL.into_iter().find(|rule| rule.is_broken_by(self)).map_or(Ok(()), Err)
    }
}

impl BitOr for Privileges {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl fmt::Display for Privileges {
    /// The names, separated by commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (privilege, name) in Self::NAMED {
            if self.contains(privilege) {
                write!(f, "{separator}{name}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Privileges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Privileges({:06X})", self.0)
    }
}

/// A privileges field of one or three octets, as INSTALL carries it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    octets: [u8; 3],
    len: usize,
}

impl Field {
    /// The one or three octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or(&self.octets)
    }
}

/// A rule about privileges of one holder (GPCS 6.6.2, tables 11-7 to 11-9).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// DAP Verification is for security domains.
    DapVerificationNeedsSecurityDomain,
    /// Delegated Management is for security domains.
    DelegatedManagementNeedsSecurityDomain,
    /// Mandated DAP Verification goes with DAP Verification, and is for security domains: b1 needs b8 and b7.
    MandatedDapVerificationNeedsDapVerification,
    /// Authorized Management is for security domains.
    AuthorizedManagementNeedsSecurityDomain,
    /// Token Verification is for security domains.
    TokenVerificationNeedsSecurityDomain,
    /// Receipt Generation is for security domains.
    ReceiptGenerationNeedsSecurityDomain,
    /// Ciphered Load File Data Block is for security domains.
    CipheredLoadFileDataBlockNeedsSecurityDomain,
    /// Authorized and Delegated Management exclude each other.
    AuthorizedManagementExcludesDelegatedManagement,
    /// Who manages by delegation does not verify tokens.
    TokenVerificationExcludesDelegatedManagement,
    /// Who manages by delegation does not make receipts.
    ReceiptGenerationExcludesDelegatedManagement,
}

impl Rule {
    /// All rules, in the order in which they are checked.
    pub const ALL: [Self; 10] = [
        Self::DapVerificationNeedsSecurityDomain,
        Self::DelegatedManagementNeedsSecurityDomain,
        Self::MandatedDapVerificationNeedsDapVerification,
        Self::AuthorizedManagementNeedsSecurityDomain,
        Self::TokenVerificationNeedsSecurityDomain,
        Self::ReceiptGenerationNeedsSecurityDomain,
        Self::CipheredLoadFileDataBlockNeedsSecurityDomain,
        Self::AuthorizedManagementExcludesDelegatedManagement,
        Self::TokenVerificationExcludesDelegatedManagement,
        Self::ReceiptGenerationExcludesDelegatedManagement,
    ];

    /// The rule as data: who holds the first privilege needs all of the second set, and none of the third.
    #[must_use]
    pub const fn terms(self) -> (Privileges, Privileges, Privileges) {
        const DOMAIN: Privileges = Privileges::SECURITY_DOMAIN;
        const DELEGATED: Privileges = Privileges::DELEGATED_MANAGEMENT;
        const NONE: Privileges = Privileges::NONE;
        match self {
            Self::DapVerificationNeedsSecurityDomain => (Privileges::DAP_VERIFICATION, DOMAIN, NONE),
            Self::DelegatedManagementNeedsSecurityDomain => (DELEGATED, DOMAIN, NONE),
            Self::MandatedDapVerificationNeedsDapVerification => {
                (Privileges::MANDATED_DAP_VERIFICATION, DOMAIN.with(Privileges::DAP_VERIFICATION), NONE)
            }
            Self::AuthorizedManagementNeedsSecurityDomain => (Privileges::AUTHORIZED_MANAGEMENT, DOMAIN, NONE),
            Self::TokenVerificationNeedsSecurityDomain => (Privileges::TOKEN_VERIFICATION, DOMAIN, NONE),
            Self::ReceiptGenerationNeedsSecurityDomain => (Privileges::RECEIPT_GENERATION, DOMAIN, NONE),
            Self::CipheredLoadFileDataBlockNeedsSecurityDomain => {
                (Privileges::CIPHERED_LOAD_FILE_DATA_BLOCK, DOMAIN, NONE)
            }
            Self::AuthorizedManagementExcludesDelegatedManagement => {
                (Privileges::AUTHORIZED_MANAGEMENT, NONE, DELEGATED)
            }
            Self::TokenVerificationExcludesDelegatedManagement => (Privileges::TOKEN_VERIFICATION, NONE, DELEGATED),
            Self::ReceiptGenerationExcludesDelegatedManagement => (Privileges::RECEIPT_GENERATION, NONE, DELEGATED),
        }
    }

    /// Whether a holder of `held` breaks this rule.
    #[must_use]
    pub const fn is_broken_by(self, held: Privileges) -> bool {
        let (privilege, needed, excluded) = self.terms();
        held.contains(privilege) && !(held.contains(needed) && held.0 & excluded.0 == 0)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (privilege, needed, excluded) = self.terms();
        if needed.is_empty() {
            write!(f, "{privilege} excludes {excluded}")
        } else {
            write!(f, "{privilege} needs {needed}")
        }
    }
}

impl core::error::Error for Rule {}

#[cfg(test)]
mod tests;
