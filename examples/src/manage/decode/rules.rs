//! What a tag means where it stands. One tag has many meanings (`C4` is a load file's name in the registry and the code in
//! LOAD), so each rule says in which place it holds.

use gp_cardmanager_model::lifecycle::Kind;

/// A place where data objects stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// An answer, or a data object by itself.
    Top,
    Fci,
    FciProprietary,
    CardData,
    Recognition,
    RecognitionOid,
    Capability,
    CapabilityScp,
    KeyInformation,
    Registry(Kind),
    Entry(Kind),
    Search,
    InstallParameters,
    SystemParameters,
    ControlReference,
    LoadFile,
    Dap,
    Delete,
    Resources,
    Application,
    KeyDescriptions,
    KeyDescription,
}

/// How a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Octets that say no more.
    Octets,
    /// The beginning of an AID.
    Prefix,
    /// More objects, which stand in this place.
    Template(Place),
    Aid,
    Oid,
    Number,
    Text,
    LifeCycle(Kind),
    Privileges,
    ImplicitSelection,
    Version,
    TagList,
    Cplc,
    KeyEntry,
    Level,
    Scp,
    KeySizes,
    Hashes,
    KeyType,
    KeyUsage,
    KeyAccess,
}

/// What the tag means there, and how its value is read. `None`: nobody here knows.
pub(super) fn rule(place: Place, tag: u32) -> Option<(&'static str, Shape)> {
    use Place as P;
    use Shape as S;
    Some(match (place, tag) {
        (P::Top, 0x6F) => ("file control information", S::Template(P::Fci)),
        (P::Top, 0x66) => ("card data", S::Template(P::CardData)),
        (P::Top, 0x73) => ("security domain management data", S::Template(P::Recognition)),
        (P::Top, 0x67) => ("card capability information", S::Template(P::Capability)),
        (P::Top, 0xE0) => ("key information template", S::Template(P::KeyInformation)),
        (P::Top, 0xE3) => ("registry entry", S::Template(P::Entry(Kind::Application))),
        (P::Top, 0x61) => ("application template", S::Template(P::Application)),
        (P::Top, 0xFF21) => ("extended card resources", S::Template(P::Resources)),
        (P::Top, 0x42) => ("issuer identification number", S::Octets),
        (P::Top, 0x45) => ("card image number", S::Octets),
        (P::Top, 0x4F) => ("AID", S::Aid),
        (P::Top, 0xC1) => ("sequence counter of the default key set", S::Number),
        (P::Top, 0xC2) => ("confirmation counter", S::Number),
        (P::Top, 0xCF) => ("key diversification data", S::Octets),
        (P::Top, 0xD3) => ("current security level", S::Level),
        (P::Top, 0x9F7F) => ("card production life cycle data (CPLC)", S::Cplc),
        (P::Top, 0x5F50) => ("URL of the security domain manager", S::Text),
        (P::Top, 0x2F00) => ("list of applications", S::Template(P::Top)),

        (P::Fci, 0x84) => ("AID of the selected application", S::Aid),
        (P::Fci, 0xA5) => ("proprietary data", S::Template(P::FciProprietary)),
        (P::FciProprietary, 0x73) => ("security domain management data", S::Template(P::Recognition)),
        (P::FciProprietary, 0x9F6E) => ("application production life cycle data", S::Octets),
        (P::FciProprietary, 0x9F65) => ("longest command data", S::Number),

        (P::CardData, 0x73) => ("card recognition data", S::Template(P::Recognition)),
        (P::Recognition, 0x06) => ("GlobalPlatform", S::Oid),
        (P::Recognition, 0x60) => ("card management type and version", S::Template(P::RecognitionOid)),
        (P::Recognition, 0x63) => ("card identification scheme", S::Template(P::RecognitionOid)),
        (P::Recognition, 0x64) => ("secure channel protocol and its \"i\"", S::Template(P::RecognitionOid)),
        (P::Recognition, 0x65) => ("card configuration", S::Template(P::RecognitionOid)),
        (P::Recognition, 0x66) => ("card and chip details", S::Template(P::RecognitionOid)),
        (P::Recognition, 0x67) => ("trust point certificate of the issuer", S::Octets),
        (P::Recognition, 0x68) => ("certificate of the issuer", S::Octets),
        (P::RecognitionOid, 0x06) => ("object identifier", S::Oid),

        (P::Capability, 0xA0) => ("secure channel protocol", S::Template(P::CapabilityScp)),
        (P::Capability, 0x81) => ("privileges of a supplementary security domain", S::Privileges),
        (P::Capability, 0x82) => ("privileges of an application", S::Privileges),
        (P::Capability, 0x83) => ("hashes of load file data blocks", S::Hashes),
        (P::Capability, 0x84) => ("ciphers of load file data blocks", S::Octets),
        (P::Capability, 0x85) => ("signatures of tokens", S::Octets),
        (P::Capability, 0x86) => ("signatures of receipts", S::Octets),
        (P::Capability, 0x87) => ("signatures of DAP blocks", S::Octets),
        (P::Capability, 0x88) => ("curves", S::Octets),
        (P::CapabilityScp, 0x80) => ("protocol", S::Scp),
        (P::CapabilityScp, 0x81) => ("\"i\" parameters", S::Octets),
        (P::CapabilityScp, 0x82) => ("key sizes", S::KeySizes),
        (P::CapabilityScp, 0x83) => ("TLS cipher suites", S::Octets),
        (P::CapabilityScp, 0x84) => ("longest pre-shared key", S::Number),

        (P::KeyInformation, 0xC0) => ("key", S::KeyEntry),

        (P::Registry(kind), 0xE3) => ("registry entry", S::Template(P::Entry(kind))),
        (P::Entry(_), 0x4F) => ("AID", S::Aid),
        (P::Entry(kind), 0x9F70) => ("life cycle state", S::LifeCycle(kind)),
        (P::Entry(_), 0xC5) => ("privileges", S::Privileges),
        (P::Entry(_), 0xCF) => ("implicit selection", S::ImplicitSelection),
        (P::Entry(_), 0xC4) => ("comes from load file", S::Aid),
        (P::Entry(_), 0xCE) => ("version", S::Version),
        (P::Entry(_), 0x84) => ("module", S::Aid),
        (P::Entry(_), 0xCC) => ("belongs to security domain", S::Aid),
        (P::Search, 0x4F) => ("AIDs that begin so", S::Prefix),
        (P::Search, 0x5C) => ("tags wanted", S::TagList),

        (P::InstallParameters, 0xC9) => ("parameters for the application", S::Octets),
        (P::InstallParameters, 0xEF) => ("parameters for the system", S::Template(P::SystemParameters)),
        (P::InstallParameters, 0xEA) => ("parameters for the UICC", S::Octets),
        (P::InstallParameters, 0xB6) => ("control reference of the token", S::Template(P::ControlReference)),
        (P::SystemParameters, 0xC6) => ("least memory for code", S::Number),
        (P::SystemParameters, 0xC7) => ("volatile memory", S::Number),
        (P::SystemParameters, 0xC8) => ("non-volatile memory", S::Number),
        (P::SystemParameters, 0xD7) => ("reserved volatile memory", S::Number),
        (P::SystemParameters, 0xD8) => ("reserved non-volatile memory", S::Number),
        (P::SystemParameters, 0xCB) => ("global services", S::Octets),
        (P::SystemParameters, 0xCF) => ("implicit selection", S::ImplicitSelection),
        (P::SystemParameters, 0xD9) => ("functions to restrict", S::Octets),
        (P::SystemParameters, 0xCA) => ("SIM toolkit parameters", S::Octets),
        (P::ControlReference, 0x42) => ("identification number", S::Octets),
        (P::ControlReference, 0x45) => ("image number", S::Octets),
        (P::ControlReference, 0x5F20) => ("application provider", S::Octets),
        (P::ControlReference, 0x93) => ("token number", S::Octets),

        (P::LoadFile, 0xE2) => ("DAP block", S::Template(P::Dap)),
        (P::LoadFile, 0xC4) => ("load file data block", S::Octets),
        (P::LoadFile, 0xD3) => ("ICV of the ciphered block", S::Octets),
        (P::LoadFile, 0xD4) => ("ciphered load file data block", S::Octets),
        (P::Dap, 0x4F) => ("verified by", S::Aid),
        (P::Dap, 0xC3) => ("signature", S::Octets),

        (P::Delete, 0x4F) => ("AID", S::Aid),
        (P::Delete, 0xB6) => ("control reference of the token", S::Template(P::ControlReference)),
        (P::Delete, 0x9E) => ("token", S::Octets),
        (P::Delete, 0xD0) => ("key identifier", S::Number),
        (P::Delete, 0xD2) => ("key version number", S::Octets),

        (P::Resources, 0x81) => ("installed applications", S::Number),
        (P::Resources, 0x82) => ("free non-volatile memory, octets", S::Number),
        (P::Resources, 0x83) => ("free volatile memory, octets", S::Number),
        (P::Application, 0x4F) => ("AID", S::Aid),

        (P::KeyDescriptions, 0xB9) => ("key", S::Template(P::KeyDescription)),
        (P::KeyDescriptions, 0xB7) => ("all keys", S::Template(P::KeyDescription)),
        (P::KeyDescription, 0x95) => ("usage", S::KeyUsage),
        (P::KeyDescription, 0x96) => ("access", S::KeyAccess),
        (P::KeyDescription, 0x80) => ("type", S::KeyType),
        (P::KeyDescription, 0x81) => ("length in octets", S::Number),
        (P::KeyDescription, 0x82) => ("key identifier", S::Number),
        (P::KeyDescription, 0x83) => ("key version number", S::Octets),
        (P::KeyDescription, 0x84) => ("key check value", S::Octets),
        (P::KeyDescription, 0x85) => ("key parameter reference", S::Octets),
        _ => return None,
    })
}
