//! Operations of card management as values, for a host that sends them and a model that foresees them.

use std::collections::BTreeMap;

use arbitrary::Arbitrary;
use gp_scp03::{Key, KeyId, StaticKeys};

use crate::world::kit::{self, ISD, SSD_FILE, SSD_MODULE, cap_block, install_fields, key_data, tlv};

/// Names in use: anything may be asked to be anything.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    Isd,
    DomainFile,
    File(Small),
    Application(Small),
    Domain(Small),
}

/// One of four.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Small {
    A,
    B,
    C,
    D,
}

/// Key versions in use; the first is the factory's.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V30,
    V31,
    V32,
    V7F,
}

/// Privileges in use; some do not go with some kinds.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    None,
    CardReset,
    Final,
    Domain,
    DomainFinal,
    DomainCardReset,
}

/// An operation, as the issuer security domain's host asks for it.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// INSTALL [for load] and all of LOAD: a package with one applet.
    Load(Small),
    /// INSTALL [for install], and make selectable if so: of that package, or of the domains' own.
    Install {
        file: Option<Small>,
        name: Name,
        rights: Rights,
        selectable: bool,
    },
    MakeSelectable {
        name: Name,
        card_reset: bool,
    },
    Extradite {
        object: Name,
        to: Name,
    },
    Lock {
        name: Name,
        lock: bool,
    },
    Delete {
        name: Name,
        related: bool,
    },
    PutKeys {
        replaces: Option<Version>,
        version: Version,
    },
    DeleteKeys(Version),
    /// STORE DATA: IIN, or CIN.
    Store {
        cin: bool,
        length: u8,
        octet: u8,
    },
    /// A new session with these keys.
    Session {
        version: Version,
        level: u8,
    },
    /// Off and on.
    Power,
}

impl Name {
    pub(crate) fn aid(self) -> Vec<u8> {
        match self {
            Self::Isd => ISD.to_vec(),
            Self::DomainFile => SSD_FILE.to_vec(),
            Self::File(small) => package(small),
            Self::Application(small) => vec![0xD2, 0x76, 0, 0, 0x1A, small as u8],
            Self::Domain(small) => vec![0xD2, 0x76, 0, 0, 0x1D, small as u8],
        }
    }
}

pub(crate) fn package(small: Small) -> Vec<u8> {
    vec![0xD2, 0x76, 0, 0, 0x1F, small as u8]
}

/// The applet of a package.
pub(crate) fn module(file: Option<Small>) -> Vec<u8> {
    match file {
        Some(small) => [&package(small)[..], &[1]].concat(),
        None => SSD_MODULE.to_vec(),
    }
}

impl Version {
    pub(crate) fn octet(self) -> u8 {
        match self {
            Self::V30 => 0x30,
            Self::V31 => 0x31,
            Self::V32 => 0x32,
            Self::V7F => 0x7F,
        }
    }
}

impl Rights {
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::None => 0,
            Self::CardReset => 0x04_0000,
            Self::Final => 0x00_0200,
            Self::Domain => 0x80_0000,
            Self::DomainFinal => 0x80_0200,
            Self::DomainCardReset => 0x84_0000,
        }
    }
}

/// Key sets by version: which of the sets that were ever put there it is.
pub(crate) type Sets = BTreeMap<u8, u8>;

/// The keys of a version, each time it is put others.
pub(crate) fn keys(version: u8, generation: u8) -> StaticKeys {
    match generation {
        0 => kit::factory_keys(),
        _ => kit::keys_from(version ^ generation.wrapping_mul(0x3B), 16),
    }
}

impl Op {
    /// What it sends, up to the first refusal. `dek` encrypts the keys that it puts, of this generation.
    pub(crate) fn commands(self, dek: &Key, generation: u8) -> Vec<([u8; 4], Vec<u8>)> {
        let install = |p1: u8, fields: &[&[u8]]| vec![([0x80, 0xE6, p1, 0x00], install_fields(fields))];
        match self {
            Self::Load(small) => {
                let file = tlv(0xC4, &cap_block(&package(small), &[&module(Some(small))]));
                let mut all = install(0x02, &[&package(small), &[], &[], &[], &[]]);
                let blocks: Vec<&[u8]> = file.chunks(200).collect();
                for (number, block) in blocks.iter().enumerate() {
                    let last = if number + 1 == blocks.len() { 0x80 } else { 0 };
                    all.push(([0x80, 0xE8, last, number as u8], block.to_vec()));
                }
                all
            }
            Self::Install { file, name, rights, selectable } => {
                let package = file.map_or(SSD_FILE.to_vec(), package);
                let rights = rights.number().to_be_bytes();
                let p1 = if selectable { 0x0C } else { 0x04 };
                install(p1, &[&package, &module(file), &name.aid(), &rights[1..], &[0xC9, 0x00], &[]])
            }
            Self::MakeSelectable { name, card_reset } => {
                install(0x08, &[&[], &[], &name.aid(), &[if card_reset { 0x04 } else { 0 }], &[], &[]])
            }
            Self::Extradite { object, to } => install(0x10, &[&to.aid(), &[], &object.aid(), &[], &[], &[]]),
            Self::Lock { name, lock } => vec![([0x80, 0xF0, 0x40, if lock { 0x80 } else { 0 }], name.aid())],
            Self::Delete { name, related } => {
                vec![([0x80, 0xE4, 0x00, if related { 0x80 } else { 0 }], tlv(0x4F, &name.aid()))]
            }
            Self::PutKeys { replaces, version } => {
                let set = keys(version.octet(), generation);
                let three = [KeyId::Enc, KeyId::Mac, KeyId::Dek].map(|id| set.key(id));
                vec![([0x80, 0xD8, replaces.map_or(0, Version::octet), 0x81], key_data(dek, version.octet(), &three))]
            }
            Self::DeleteKeys(version) => vec![([0x80, 0xE4, 0x00, 0x00], tlv(0xD2, &[version.octet()]))],
            Self::Store { cin, .. } => {
                vec![([0x80, 0xE2, 0x90, 0x00], tlv(if cin { 0x45 } else { 0x42 }, &self.stored()))]
            }
            Self::Session { .. } | Self::Power => vec![],
        }
    }

    /// The value that STORE DATA writes.
    pub(crate) fn stored(self) -> Vec<u8> {
        match self {
            Self::Store { length, octet, .. } => vec![octet; 1 + usize::from(length) % 60],
            _ => vec![],
        }
    }
}
