//! The kinds of vectors.

/// What a vector is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A session from INITIALIZE UPDATE to its last exchange.
    Session,
    /// One data derivation.
    Kdf,
    /// Session keys and cryptograms of one handshake.
    Cryptograms,
    /// A pseudo-random card challenge.
    CardChallenge,
    /// One protected command.
    Command,
    /// One protected response.
    Response,
    /// A message that a receiver takes or refuses.
    Negative,
    /// Commands to a card and its answers.
    CardScript,
    /// The check value of a key.
    Kcv,
    /// The check value of a derived key.
    KcvOfDerived,
    /// Sensitive data under Key-DEK.
    Dek,
    /// A key data field of PUT KEY.
    PutKey,
    /// A card key derived from a master key.
    DiversificationKdf3,
    /// NIST: AES-CMAC.
    Cmac,
    /// NIST: AES-CBC.
    AesCbc,
    /// NIST: AES, single blocks.
    AesEcb,
    /// NIST: SP 800-108 in counter mode.
    KbkdfCtrCmac,
}

impl Kind {
    /// All of them, with their names.
    pub const NAMED: [(Self, &'static str); 17] = [
        (Self::Session, "session"),
        (Self::Kdf, "kdf"),
        (Self::Cryptograms, "cryptograms"),
        (Self::CardChallenge, "card-challenge"),
        (Self::Command, "command"),
        (Self::Response, "response"),
        (Self::Negative, "negative"),
        (Self::CardScript, "card-script"),
        (Self::Kcv, "kcv"),
        (Self::KcvOfDerived, "kcv-of-derived"),
        (Self::Dek, "dek"),
        (Self::PutKey, "put-key"),
        (Self::DiversificationKdf3, "diversification-kdf3"),
        (Self::Cmac, "cmac"),
        (Self::AesCbc, "aes-cbc"),
        (Self::AesEcb, "aes-ecb"),
        (Self::KbkdfCtrCmac, "kbkdf-ctr-cmac"),
    ];

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMED.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// Why vectors of this kind are not verified; `None` for those that are. The primitives are below the public API: the
    /// crate that computes with them tests them.
    #[must_use]
    pub const fn skipped(self) -> Option<&'static str> {
        match self {
            Self::Cmac => Some("cmac: a primitive, not a message of the protocol"),
            Self::AesCbc => Some("aes-cbc: a primitive, not a message of the protocol"),
            Self::AesEcb => Some("aes-ecb: a primitive, not a message of the protocol"),
            Self::KbkdfCtrCmac => Some("kbkdf-ctr-cmac: a primitive, not a message of the protocol"),
            _ => None,
        }
    }
}
