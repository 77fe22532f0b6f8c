//! What an INSTALL command is for: the coding of P1 and P2, GPCS 11.5.2.1 and 11.5.2.2.
//!
//! ```text
//!  P1  b8 more parts follow (GP chaining)     P2  00  no information
//!      b7 40 registry update                      01  first command of the combined process
//!      b6 20 personalization                      03  last command of the combined process
//!      b5 10 extradition
//!      b4 08 make selectable                  sums allowed: 0C = install and make selectable,
//!      b3 04 install                                        0E = combined load, install, make selectable
//!      b2 02 load
//! ```

use super::{Error, ErrorKind};
use gp_apdu::{Class, Header};

/// The functions of INSTALL.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Function {
    /// `02`: load.
    Load,
    /// `04`: install.
    Install,
    /// `0C`: install and make selectable.
    InstallAndMakeSelectable,
    /// `08`: make selectable.
    MakeSelectable,
    /// `10`: extradition.
    Extradition,
    /// `40`: registry update.
    RegistryUpdate,
    /// `20`: personalization.
    Personalization,
    /// `0E`, P2 `01`: first command of the combined load, install and make selectable.
    CombinedFirst,
    /// `0E`, P2 `03`: last command of the combined load, install and make selectable.
    CombinedLast,
}

impl Function {
    /// Every function, in the order of the declaration.
    pub const ALL: [Self; 9] = [
        Self::Load,
        Self::Install,
        Self::InstallAndMakeSelectable,
        Self::MakeSelectable,
        Self::Extradition,
        Self::RegistryUpdate,
        Self::Personalization,
        Self::CombinedFirst,
        Self::CombinedLast,
    ];

    /// Reads P1 and P2 of a whole command; of a chained one, those of its last part (b8 of P1 is 0).
    ///
    /// # Errors
    /// `Parameters` for anything outside the coding (the card answers `6A86`).
    pub const fn parse(p1: u8, p2: u8) -> Result<Self, Error> {
        Ok(match (p1, p2) {
            (0x02, 0x00) => Self::Load,
            (0x04, 0x00) => Self::Install,
            (0x0C, 0x00) => Self::InstallAndMakeSelectable,
            (0x08, 0x00) => Self::MakeSelectable,
            (0x10, 0x00) => Self::Extradition,
            (0x40, 0x00) => Self::RegistryUpdate,
            (0x20, 0x00) => Self::Personalization,
            (0x0E, 0x01) => Self::CombinedFirst,
            (0x0E, 0x03) => Self::CombinedLast,
            _ => {
                return Err(Error { kind: ErrorKind::Parameters, offset: 0 });
            }
        })
    }

    /// P1, with b8 = 0.
    pub const fn p1(self) -> u8 {
        match self {
            Self::Load => 0x02,
            Self::Install => 0x04,
            Self::InstallAndMakeSelectable => 0x0C,
            Self::MakeSelectable => 0x08,
            Self::Extradition => 0x10,
            Self::RegistryUpdate => 0x40,
            Self::Personalization => 0x20,
            Self::CombinedFirst | Self::CombinedLast => 0x0E,
        }
    }

    /// P2.
    pub const fn p2(self) -> u8 {
        match self {
            Self::CombinedFirst => 0x01,
            Self::CombinedLast => 0x03,
            _ => 0x00,
        }
    }

    /// The command header, on the basic logical channel and without secure messaging.
    pub const fn header(self) -> Header {
        Header { cla: Class::GP, ins: gp_apdu::ins::INSTALL, p1: self.p1(), p2: self.p2() }
    }

    /// Whether the body has the fields of a load.
    pub const fn loads(self) -> bool {
        matches!(self, Self::Load | Self::CombinedFirst)
    }

    /// Whether the body has the fields of an installation.
    pub const fn installs(self) -> bool {
        matches!(self, Self::Install | Self::InstallAndMakeSelectable | Self::CombinedLast)
    }

    /// Whether the application can be selected after success.
    pub const fn makes_selectable(self) -> bool {
        matches!(self, Self::InstallAndMakeSelectable | Self::MakeSelectable | Self::CombinedLast)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_p1_p2() {
        let mut accepted = 0;
        for p1 in 0..=255 {
            for p2 in 0..=255 {
                match Function::parse(p1, p2) {
                    Ok(function) => {
                        accepted += 1;
                        assert_eq!((function.p1(), function.p2()), (p1, p2));
                    }
                    Err(error) => assert_eq!(error.kind, ErrorKind::Parameters),
                }
            }
        }
        assert_eq!(accepted, Function::ALL.len());
    }
}
