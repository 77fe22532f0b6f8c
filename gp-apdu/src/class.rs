//! The class byte (CLA): who defines the command, on which logical channel, under which secure messaging.
//!
//! ```text
//!            b8  b7 b6 b5  b4 b3  b2 b1
//!  First     gp  0  0  m   s  s   n  n    channel nn = 0-3;        ss: 00 none, 01 GlobalPlatform, 10 and 11 ISO
//!  Further   gp  1  s  m   n  n   n  n    channel 4 + nnnn = 4-19; s: secure messaging of either kind
//!  reserved   0  0  1  x   x  x   x  x    20-3F
//!  foreign    1  0  1  x   x  x   x  x    A0-BF: somebody else's class, such as A0 of GSM SIM cards
//! ```
//!
//! `gp` is 0 for a command of ISO 7816 and 1 for one of GlobalPlatform, `m` says that more segments of an ISO command
//! chain follow. `FF` is no class. \[ISO\] 5.4.1, \[GPCS\] 11.1.4

use core::fmt;

/// A logical channel, 0 to 19.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct LogicalChannel(u8);

impl LogicalChannel {
    /// The basic logical channel, 0: always open.
    pub const BASIC: Self = Self(0);
    /// The highest logical channel, 19.
    pub const MAX: Self = Self(19);

    /// The channel of this number; `None` above 19.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    /// Its number, 0 to 19.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for LogicalChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which of the two interindustry codings a class byte has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// `x00m ssnn`: logical channels 0 to 3.
    First,
    /// `x1sm nnnn`: logical channels 4 to 19.
    Further,
}

/// What a class byte says about secure messaging.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecureMessaging {
    /// None.
    None,
    /// First coding, `01`: not ISO's, which on a GlobalPlatform card means that of its secure channel protocols.
    GlobalPlatform,
    /// First coding, `10`: of ISO 7816-4, the header is not authenticated.
    Iso,
    /// First coding, `11`: of ISO 7816-4, the header is authenticated.
    IsoHeader,
    /// Further coding, b6 set: GlobalPlatform's or ISO's, the octet does not tell.
    Either,
}

/// A class byte; anything but `FF`.
///
/// The octet is all there is: every property is read from it. Reserved and foreign octets keep their value, have no
/// [`coding`](Self::coding) and belong to the basic channel.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Class(u8);

impl Class {
    /// `00`: a command of ISO 7816, basic channel, no secure messaging.
    pub const ISO: Self = Self(0x00);
    /// `80`: a command of GlobalPlatform, basic channel, no secure messaging.
    pub const GP: Self = Self(0x80);

    /// How many channels the first coding has.
    const FIRST_CHANNELS: u8 = 4;
    const GP_BIT: u8 = 0x80;
    const FURTHER_BIT: u8 = 0x40;
    /// Secure messaging in the further coding; in the first coding it marks reserved and foreign octets.
    const FURTHER_SM_BIT: u8 = 0x20;
    /// Both clear in the first coding.
    const CODING_BITS: u8 = Self::FURTHER_BIT | Self::FURTHER_SM_BIT;
    const CHAIN_BIT: u8 = 0x10;
    const FIRST_SM_BITS: u8 = 0x0C;
    const FIRST_SM_GP: u8 = 0x04;

    /// The class of this octet; `None` for `FF`, which is none.
    #[must_use]
    #[inline]
    pub const fn from_byte(octet: u8) -> Option<Self> {
        if octet == 0xFF { None } else { Some(Self(octet)) }
    }

    /// The octet.
    #[must_use]
    #[inline]
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// Its coding; `None` for the reserved octets `20`-`3F` and the foreign ones `A0`-`BF`, which a card of ours
    /// answers with [`CLA_NOT_SUPPORTED`](crate::StatusWord::CLA_NOT_SUPPORTED).
    #[must_use]
    #[inline]
    pub const fn coding(self) -> Option<Coding> {
        if self.0 & Self::FURTHER_BIT != 0 {
            Some(Coding::Further)
        } else if self.0 & Self::FURTHER_SM_BIT == 0 {
            Some(Coding::First)
        } else {
            None
        }
    }

    /// Whether the command is one of GlobalPlatform (b8) and not of ISO; a foreign class is neither.
    #[must_use]
    #[inline]
    pub const fn is_gp(self) -> bool {
        self.0 & Self::GP_BIT != 0 && self.coding().is_some()
    }

    /// The logical channel; the basic one for octets without coding.
    #[must_use]
    #[inline]
    pub const fn channel(self) -> LogicalChannel {
        match self.coding() {
            Some(Coding::First) => LogicalChannel(self.0 & 0x03),
            Some(Coding::Further) => LogicalChannel((self.0 & 0x0F).saturating_add(Self::FIRST_CHANNELS)),
            None => LogicalChannel::BASIC,
        }
    }

    /// The same class on another channel: `84` on channel 5 is `E1`, `E1` on channel 1 is `85`.
    ///
    /// `None` where no octet says that: reserved and foreign classes, the two ISO secure messagings of the first coding
    /// above channel 3, and `FF`.
    #[must_use]
    pub const fn with_channel(self, channel: LogicalChannel) -> Option<Self> {
        if self.coding().is_none() {
            return None;
        }
        let kept = self.0 & (Self::GP_BIT | Self::CHAIN_BIT);
        let first = channel.0 < Self::FIRST_CHANNELS;
        let messaging = match (self.secure_messaging(), first) {
            (SecureMessaging::None, _) => 0,
            (SecureMessaging::GlobalPlatform | SecureMessaging::Either, true) => Self::FIRST_SM_GP,
            (SecureMessaging::GlobalPlatform | SecureMessaging::Either, false) => Self::FURTHER_SM_BIT,
            (SecureMessaging::Iso | SecureMessaging::IsoHeader, true) => self.0 & Self::FIRST_SM_BITS,
            (SecureMessaging::Iso | SecureMessaging::IsoHeader, false) => return None,
        };
        Self::from_byte(match channel.0.checked_sub(Self::FIRST_CHANNELS) {
            None => kept | messaging | channel.0,
            Some(further) => kept | Self::FURTHER_BIT | messaging | further,
        })
    }

    /// What it says about secure messaging; none for octets without coding.
    #[must_use]
    #[inline]
    pub const fn secure_messaging(self) -> SecureMessaging {
        match self.coding() {
            Some(Coding::First) => match self.0 & Self::FIRST_SM_BITS {
                0x00 => SecureMessaging::None,
                0x04 => SecureMessaging::GlobalPlatform,
                0x08 => SecureMessaging::Iso,
                _ => SecureMessaging::IsoHeader,
            },
            Some(Coding::Further) if self.0 & Self::FURTHER_SM_BIT != 0 => SecureMessaging::Either,
            Some(Coding::Further) | None => SecureMessaging::None,
        }
    }

    /// Whether the command counts as protected by a GlobalPlatform secure channel: `84`-`87`, `E0`-`EF`, their ISO
    /// twins `04`-`07`, `60`-`6F`, and all of these with the chaining bit. `88`-`8F` do not.
    #[must_use]
    #[inline]
    pub const fn is_protected(self) -> bool {
        self.0 & (Self::CODING_BITS | Self::FIRST_SM_BITS) == Self::FIRST_SM_GP
            || self.0 & Self::CODING_BITS == Self::CODING_BITS
    }

    /// The class under GlobalPlatform secure messaging: `80` becomes `84`, `C4` becomes `E4`, `40` becomes `60`.
    ///
    /// A class that cannot say so stays as it is and is not [protected](Self::is_protected) afterwards: reserved,
    /// foreign, under ISO secure messaging, and `DF`, whose twin `FF` does not exist.
    #[must_use]
    #[inline]
    pub const fn secured(self) -> Self {
        let octet = if self.0 & (Self::CODING_BITS | Self::FIRST_SM_BITS) == 0 {
            self.0 | Self::FIRST_SM_GP
        } else if self.0 & Self::FURTHER_BIT != 0 {
            self.0 | Self::FURTHER_SM_BIT
        } else {
            self.0
        };
        match Self::from_byte(octet) {
            Some(class) => class,
            None => self,
        }
    }

    /// The class without GlobalPlatform secure messaging: `84` becomes `80`, `E4` becomes `C4`, `60` becomes `40`.
    /// A class that is not [protected](Self::is_protected) stays as it is.
    #[must_use]
    #[inline]
    pub const fn unsecured(self) -> Self {
        match self.secure_messaging() {
            SecureMessaging::GlobalPlatform => Self(self.0 & !Self::FIRST_SM_BITS),
            SecureMessaging::Either => Self(self.0 & !Self::FURTHER_SM_BIT),
            _ => self,
        }
    }

    /// The octet that the C-MAC covers in place of this one: channel 0 in the first coding under GlobalPlatform secure
    /// messaging, that is `84` for a GlobalPlatform command and `04` for an ISO command, and the chaining bit as it is
    /// (`94`, `14`). Amendment D 6.2.4
    #[must_use]
    #[inline]
    pub const fn mac_byte(self) -> u8 {
        self.0 & (Self::GP_BIT | Self::CHAIN_BIT) | Self::FIRST_SM_GP
    }

    /// Whether more segments of an ISO command chain follow (b5); never for octets without coding.
    #[must_use]
    #[inline]
    pub const fn is_chained(self) -> bool {
        self.0 & Self::CHAIN_BIT != 0 && self.coding().is_some()
    }

    /// The class with the ISO chaining bit (b5) set, when `more` segments follow, or cleared.
    ///
    /// A class that cannot say so stays as it is: reserved, foreign, and `EF`, whose twin `FF` does not exist.
    #[must_use]
    pub const fn chained(self, more: bool) -> Self {
        let octet = if more { self.0 | Self::CHAIN_BIT } else { self.0 & !Self::CHAIN_BIT };
        match (self.coding(), Self::from_byte(octet)) {
            (Some(_), Some(class)) => class,
            _ => self,
        }
    }
}

impl fmt::Debug for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Class({:02X})", self.0)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}
