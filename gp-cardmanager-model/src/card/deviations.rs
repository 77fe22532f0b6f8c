//! Deviations that real cards show, to try hosts against. The default is the specification.
//!
//! ```text
//!  Profile { deviations: Deviations::NONE.with(Deviation::PagesCutAnywhere), .. }
//!
//!  octets -> what the link does not take is refused, what was held back is handed out    `link`
//!         -> the card; each deviation is one test where it departs from the specification
//!         -> what it answers is written otherwise                                        `rewrite`
//!         -> answers are held back, or shortened to their status word                    `link`
//! ```

mod link;
pub(super) mod rewrite;

use core::fmt;

pub(super) use link::Held;

/// Declares the deviations once: bit, name, and what the card does.
macro_rules! deviations {
    ($($deviation:ident = $bit:literal, $name:literal, $text:literal;)*) => {
        /// One way in which a card departs from the specification. Each was seen on a card, or follows from reports of hosts
        /// that had to cope with it.
        ///
        /// None of them relaxes authentication: a card that deviates opens no session and carries out no command that the
        /// specified one would not. Where a deviation leaves out protection of *answers*, that of
        /// [`UnprotectedAnswers`](Self::UnprotectedAnswers) and [`MoreDataUnprotected`](Self::MoreDataUnprotected), it is
        /// there because hosts must refuse it, and it touches answers of security domains alone, in which nothing is secret.
        ///
        /// Not here, because the rest of the [`Profile`](crate::card::Profile) says it: cards in S16 mode, which refuse
        /// challenges of 8 octets (`implementation`); any AID of the ISD, several of them, and other object identifiers in the
        /// card recognition data (`isd`, `aliases`, `card_data`); key sets of any version (`key_sets`); production data with
        /// dates that are none (`cplc`); a longest command that is not true (`max_command_data`); a key set that locks
        /// (`max_failures`); an encryption counter that leaves out commands without data (`quirks`).
        ///
        /// Not here, because hosts alone show it: a command without data that is padded and encrypted (this card takes both
        /// forms), and a counter that goes wrong after refusals. Not here, because it could not be told from the specified
        /// card: security domains with old-style parameters (`C9 01 45`), which this card takes as well.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        #[non_exhaustive]
        pub enum Deviation {
            $(#[doc = $text] $deviation,)*
        }

        impl Deviation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$deviation),*];

            /// Its name, in lower case with hyphens, as a command line takes it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$deviation => $name,)*
                }
            }

            /// What the card does, in one sentence.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$deviation => $text,)*
                }
            }

            const fn bit(self) -> u64 {
                match self {
                    $(Self::$deviation => 1 << $bit,)*
                }
            }
        }
    };
}

deviations! {
    EmptySelectNotFound = 0, "empty-select-6a82",
        "SELECT without data is refused with 6A82.";
    EmptySelectWrongLc = 1, "empty-select-6a87",
        "SELECT without data is refused with 6A87.";
    BareAid = 2, "bare-aid",
        "SELECT of a security domain is answered with its AID alone, without FCI.";
    NoAid = 3, "no-aid",
        "SELECT of a security domain is answered with an FCI whose AID has no octets.";
    UnknownFciObjects = 4, "fci-unknown-objects",
        "The FCI of a security domain holds objects 65 and 66 and one more 9F6E, of no known meaning.";
    SelectNeedsLe = 5, "select-needs-le",
        "SELECT without Le is refused with 6700; on such cards it is an error of the link.";
    LongLengths = 6, "long-lengths",
        "The FCI and the objects of GET DATA have a length of three octets where one would do.";
    CapabilityTwice = 7, "capability-twice",
        "Card capability information is an object 67 in an object 67.";
    AbsentData6985 = 8, "absent-data-6985",
        "GET DATA of what the card does not have is refused with 6985 in place of 6A88.";
    AbsentData6E00 = 9, "absent-data-6e00",
        "GET DATA of what the card does not have is refused with 6E00 in place of 6A88.";
    CplcIsoClassOnly = 10, "cplc-iso-class-only",
        "Production data (9F7F) are answered under the ISO class only.";
    KeysShownAsDes = 11, "keys-shown-as-des",
        "Key information tells AES keys as DES keys (type 80).";
    KeyInformationMixed = 12, "key-information-mixed",
        "Key information mixes basic and extended entries.";
    KeyInformationEmptyEntry = 13, "key-information-empty-entry",
        "Key information begins with an empty C0, also where there are no keys.";
    OtherModeInAnswer = 14, "initialize-update-other-mode",
        "The answer to INITIALIZE UPDATE names the other mode (S8, S16) in i, and has the length of this one.";
    CounterAgainstI = 15, "initialize-update-counter",
        "The answer to INITIALIZE UPDATE has a sequence counter where i says there is none, and none where there is.";
    RandomChallenge = 16, "random-challenge",
        "The card challenge is random where i says that it is pseudo-random.";
    DefaultIsScp02 = 17, "default-scp02",
        "INITIALIZE UPDATE for key version 00 is answered by SCP02, which opens no session here; SCP03 needs its key version.";
    Locked6982 = 18, "locked-6982",
        "INITIALIZE UPDATE to a locked card is refused with 6982.";
    Locked6983 = 19, "locked-6983",
        "INITIALIZE UPDATE to a locked card is refused with 6983.";
    InitialVersionUnnamed = 20, "initial-version-6a86",
        "INITIALIZE UPDATE for key version FF is refused with 6A86, though key information tells it.";
    DefaultVersionDangles = 21, "default-version-dangles",
        "Key version 00 means the first factory set of the ISD, and is refused with 6A88 once that set is deleted.";
    NoInheritedKeys = 22, "no-inherited-keys",
        "A security domain without keys opens no session with those of the domain above it (6A88).";
    ZeroCheckValues = 23, "zero-check-values",
        "PUT KEY answers check values of AES keys over a block of 00, not of 01.";
    NoKeyReplacement = 24, "no-key-replacement",
        "PUT KEY that replaces keys is refused with 6A86; adding works.";
    NoKeyDeletionByIdentifier = 25, "no-key-deletion-by-identifier",
        "DELETE of a key by identifier is refused with 6A88; by version alone it works.";
    NoCascade = 26, "no-cascade",
        "DELETE of a security domain with related objects (P2 80) is refused with 6A86.";
    NoStatusTemplates = 27, "no-status-templates",
        "GET STATUS knows the old form alone: E3 templates are refused with 6A86.";
    NoModuleListing = 28, "no-module-listing",
        "GET STATUS of load files with their modules (P1 10) is refused with 6A86.";
    EmptyList6A81 = 29, "empty-list-6a81",
        "GET STATUS that finds nothing is refused with 6A81 in place of 6A88.";
    MoreDataFetched = 30, "more-data-fetched",
        "GET STATUS with more to come answers a bare 6310, and its data to GET RESPONSE.";
    MoreDataUnprotected = 31, "more-data-unprotected",
        "6310 goes out without data and without R-MAC, whatever the level.";
    PagesCutAnywhere = 32, "pages-cut-anywhere",
        "GET STATUS cuts its answers in the middle of an entry.";
    DamagedEntries = 33, "damaged-entries",
        "GET STATUS shows applications with a load file AID (C4) without octets, and load files of version 0000 (CE).";
    ShortPrivileges = 34, "short-privileges",
        "INSTALL takes privileges of one octet only; others are refused with 6A80.";
    OneOctetLengths = 35, "one-octet-lengths",
        "INSTALL has lengths of one octet, 00 to FF, before parameters and token, as in GlobalPlatform 2.1.1.";
    DomainsShareRid = 36, "domains-share-rid",
        "A new security domain must have the RID of the ISD, else INSTALL is refused with 6A80.";
    SmallLoadBlocks = 37, "small-load-blocks",
        "LOAD takes 128 octets of data, whatever SELECT tells; more are refused with 6700.";
    UnaskedData = 38, "unasked-data",
        "A security domain that has nothing to answer answers one octet 00.";
    UnprotectedAnswers = 39, "unprotected-answers",
        "Answers of security domains have no R-MAC and are not encrypted, whatever the level.";
    NoExtendedLength = 40, "no-extended-length",
        "Commands of extended length are refused with 6700.";
    Lc255Refused = 41, "lc-255-refused",
        "A short command with 255 octets of data is refused with 6700: such a card wants extended length there.";
    GetResponse = 42, "get-response",
        "Every answer with data is announced by 61xx and handed out to GET RESPONSE.";
    ExactLe = 43, "exact-le",
        "SELECT and GET DATA in the clear and without data must ask for as much as comes, else the answer is 6Cxx.";
}

/// Which deviations a card shows. Eight octets; the card of [`NONE`](Self::NONE) is the specified one.
///
/// Without the feature `deviations` there is none but [`NONE`](Self::NONE), and the card has no code for others.
///
/// Of two deviations that contradict each other the first in [`Deviation::ALL`] is shown.
///
/// ```
/// # #[cfg(feature = "deviations")] {
/// use gp_cardmanager_model::card::{Deviation, Deviations};
///
/// const OLD: Deviations = Deviations::NONE.with(Deviation::NoStatusTemplates).with(Deviation::ShortPrivileges);
/// assert!(OLD.contains(Deviation::ShortPrivileges) && !OLD.contains(Deviation::NoCascade));
/// assert_eq!(Deviations::default(), Deviations::NONE);
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Deviations(u64);

impl Deviations {
    /// The specification.
    pub const NONE: Self = Self(0);

    /// These and one more.
    #[cfg(feature = "deviations")]
    #[must_use]
    pub const fn with(self, deviation: Deviation) -> Self {
        Self(self.0 | deviation.bit())
    }

    /// Is it one of these?
    #[must_use]
    pub const fn contains(self, deviation: Deviation) -> bool {
        !self.is_none() && self.0 & deviation.bit() != 0
    }

    /// Is there none?
    #[must_use]
    pub const fn is_none(self) -> bool {
        // Known when it is compiled without the feature: what only deviations need is not linked.
        !cfg!(feature = "deviations") || self.0 == 0
    }

    /// These, in the order of [`Deviation::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Deviation> {
        Deviation::ALL.iter().copied().filter(move |deviation| self.contains(*deviation))
    }

    /// Are there some that hold answers back?
    pub(super) const fn hold_back(self) -> bool {
        self.contains(Deviation::GetResponse) || self.contains(Deviation::MoreDataFetched)
    }
}

impl fmt::Debug for Deviations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
