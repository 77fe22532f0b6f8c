//! Names of the tags that GlobalPlatform uses, with the section of the Card Specification 2.3.1 (GPCS) for each.
//!
//! One tag means different things in different templates (`C4` is a load file's AID in the registry and the code in a
//! LOAD command), so the names are grouped by the place where they occur.

use crate::Tag;

/// FCI, the answer to SELECT (GPCS 11.9.3.1): `6F{84, A5{73, 9F6E, 9F65}, ..}`.
pub mod fci {
    use super::Tag;

    /// `6F`: File Control Information, the template around the rest.
    pub const TEMPLATE: Tag = Tag::new(0x6F);
    /// `84`: AID of the selected application.
    pub const AID: Tag = Tag::new(0x84);
    /// `A5`: proprietary data, a template.
    pub const PROPRIETARY_DATA: Tag = Tag::new(0xA5);
    /// `73` in `A5`: Security Domain management data, laid out as [`card_data`](super::card_data) (GPCS H.3).
    pub const SECURITY_DOMAIN_DATA: Tag = Tag::new(0x73);
    /// `9F6E` in `A5`: application production life cycle data.
    pub const PRODUCTION_LIFE_CYCLE: Tag = Tag::new(0x9F6E);
    /// `9F65` in `A5`: maximum length of the data field of a command, 1 or 2 octets.
    pub const MAX_COMMAND_DATA: Tag = Tag::new(0x9F65);
    /// `BF0C`: discretionary data of the issuer (ISO/IEC 7816-4, EMV).
    pub const DISCRETIONARY_DATA: Tag = Tag::new(0xBF0C);
}

/// GET STATUS: search criteria (GPCS 11.4.2.3) and registry entries (GPCS 11.4.3.1).
pub mod registry {
    use super::Tag;

    /// `E3`: one registry entry, the template around the rest.
    pub const ENTRY: Tag = Tag::new(0xE3);
    /// `4F`: AID of the entry; in the command, the AID or its beginning that is searched.
    pub const AID: Tag = Tag::new(0x4F);
    /// `5C` in the command: list of the tags wanted in the answer.
    pub const TAG_LIST: Tag = Tag::new(0x5C);
    /// `9F70`: life cycle state, 1 octet; a second one is the contactless activation state (GPCS 11.1.1).
    pub const LIFE_CYCLE: Tag = Tag::new(0x9F70);
    /// `C5`: privileges, 3 octets (GPCS 11.1.2).
    pub const PRIVILEGES: Tag = Tag::new(0xC5);
    /// `CF`: implicit selection parameter, 1 octet, may repeat (GPCS 11.1.7).
    pub const IMPLICIT_SELECTION: Tag = Tag::new(0xCF);
    /// `C4`: AID of the Executable Load File that the application comes from.
    pub const LOAD_FILE_AID: Tag = Tag::new(0xC4);
    /// `CE`: version of the Executable Load File.
    pub const LOAD_FILE_VERSION: Tag = Tag::new(0xCE);
    /// `84`: AID of an Executable Module, may repeat.
    pub const MODULE_AID: Tag = Tag::new(0x84);
    /// `CC`: AID of the associated Security Domain.
    pub const SECURITY_DOMAIN_AID: Tag = Tag::new(0xCC);
    /// `EA`: UICC parameters that some cards add (ETSI TS 102 226).
    pub const UICC_PARAMETERS: Tag = Tag::new(0xEA);
}

/// Parameters of INSTALL (GPCS 11.5.2.3.7).
pub mod install {
    use super::Tag;

    /// `C9`: application specific parameters; for a Security Domain data objects again, see
    /// [`security_domain`](super::security_domain).
    pub const APPLICATION_PARAMETERS: Tag = Tag::new(0xC9);
    /// `EF`: system specific parameters, a template.
    pub const SYSTEM_PARAMETERS: Tag = Tag::new(0xEF);
    /// `C6` in `EF`: minimum of non-volatile memory for code, 2 or 4 octets.
    pub const CODE_MINIMUM: Tag = Tag::new(0xC6);
    /// `C7` in `EF`: volatile memory, 2 or 4 octets: minimum for load, quota for install.
    pub const VOLATILE_MEMORY: Tag = Tag::new(0xC7);
    /// `C8` in `EF`: non-volatile memory for data, 2 or 4 octets: minimum for load, quota for install.
    pub const NON_VOLATILE_MEMORY: Tag = Tag::new(0xC8);
    /// `D7` in `EF`: volatile reserved memory, 2 or 4 octets.
    pub const VOLATILE_RESERVED: Tag = Tag::new(0xD7);
    /// `D8` in `EF`: non-volatile reserved memory, 2 or 4 octets.
    pub const NON_VOLATILE_RESERVED: Tag = Tag::new(0xD8);
    /// `CA` in `EF`: SIM file access and toolkit parameters (ETSI TS 102 226).
    pub const SIM_PARAMETERS: Tag = Tag::new(0xCA);
    /// `CB` in `EF`: Global Service parameters, 2 octets each.
    pub const GLOBAL_SERVICES: Tag = Tag::new(0xCB);
    /// `CD` in `EF`: format identifier of the Load File Data Block.
    pub const LOAD_FORMAT: Tag = Tag::new(0xCD);
    /// `DD` in `EF`: parameters of the Load File Data Block format.
    pub const LOAD_FORMAT_PARAMETERS: Tag = Tag::new(0xDD);
    /// `CF` in `EF`: implicit selection parameter, 1 octet, may repeat (GPCS 11.1.7).
    pub const IMPLICIT_SELECTION: Tag = Tag::new(0xCF);
    /// `D9` in `EF`: functions of a Security Domain or of the OPEN to restrict, 1 octet (registry update only).
    pub const RESTRICT: Tag = Tag::new(0xD9);
    /// `EA`: UICC system specific parameters, a template (ETSI TS 102 226).
    pub const UICC_PARAMETERS: Tag = Tag::new(0xEA);
    /// `B6`: control reference template for digital signature, see [`control_reference`](super::control_reference).
    pub const CONTROL_REFERENCE: Tag = Tag::new(0xB6);
}

/// Parameters of a Security Domain that is being installed, inside `C9`, by the configuration documents that
/// GPCS 11.5.2.3.7 leaves them to.
pub mod security_domain {
    use super::Tag;

    /// `81`: Secure Channel Protocol and its option "i", 2 octets or more, may repeat.
    pub const SECURE_CHANNEL: Tag = Tag::new(0x81);
    /// `82`: who may extradite applications to this domain, 1 or 2 octets.
    pub const ACCEPT_EXTRADITION_HERE: Tag = Tag::new(0x82);
    /// `83`: who may delete applications of this domain, 1 octet.
    pub const ACCEPT_DELETION: Tag = Tag::new(0x83);
    /// `84`, empty: PERSONALIZED is reached only by an explicit command.
    pub const EXPLICIT_PERSONALIZED: Tag = Tag::new(0x84);
    /// `86`: capability information of a Controlling Authority Security Domain, 2 octets.
    pub const CASD_CAPABILITY: Tag = Tag::new(0x86);
    /// `87`: who may extradite applications away from this domain, 1 or 2 octets.
    pub const ACCEPT_EXTRADITION_AWAY: Tag = Tag::new(0x87);
}

/// Control reference template for digital signature (`B6`) of tokens: in the parameters of INSTALL
/// (GPCS 11.5.2.3.7) and in DELETE (GPCS 11.2.2.3).
pub mod control_reference {
    use super::Tag;

    /// `B6`: the template around the rest.
    pub const TEMPLATE: Tag = Tag::new(0xB6);
    /// `42`: Identification Number of the Security Domain with Token Verification.
    pub const SECURITY_DOMAIN_IIN: Tag = Tag::new(0x42);
    /// `45`: Image Number of the Security Domain with Token Verification.
    pub const SECURITY_DOMAIN_CIN: Tag = Tag::new(0x45);
    /// `5F20`: Application Provider identifier.
    pub const APPLICATION_PROVIDER: Tag = Tag::new(0x5F20);
    /// `93`: token identifier.
    pub const TOKEN_NUMBER: Tag = Tag::new(0x93);
}

/// The load file that LOAD carries (GPCS 11.6.2.3): `E2{4F, C3}*` and `C4`, or `D3` and `D4`.
pub mod load {
    use super::Tag;

    /// `E2`: DAP Block, a template.
    pub const DAP_BLOCK: Tag = Tag::new(0xE2);
    /// `4F` in `E2`: AID of the Security Domain that verifies the signature.
    pub const DAP_SECURITY_DOMAIN: Tag = Tag::new(0x4F);
    /// `C3` in `E2`: Load File Data Block Signature (GPCS C.3).
    pub const DAP_SIGNATURE: Tag = Tag::new(0xC3);
    /// `C4`: Load File Data Block.
    pub const DATA_BLOCK: Tag = Tag::new(0xC4);
    /// `D3`: ICV of the Ciphered Load File Data Block (GPCS C.6).
    pub const ICV: Tag = Tag::new(0xD3);
    /// `D4`: Ciphered Load File Data Block (GPCS C.6).
    pub const CIPHERED_DATA_BLOCK: Tag = Tag::new(0xD4);
}

/// DELETE (GPCS 11.2.2.3).
pub mod delete {
    use super::Tag;

    /// `4F`: AID of the application or Executable Load File.
    pub const AID: Tag = Tag::new(0x4F);
    /// `B6`: control reference template for digital signature, see [`control_reference`](super::control_reference).
    pub const CONTROL_REFERENCE: Tag = Tag::new(0xB6);
    /// `9E`: delete token (GPCS C.4).
    pub const TOKEN: Tag = Tag::new(0x9E);
    /// `D0`: key identifier, 1 octet.
    pub const KEY_IDENTIFIER: Tag = Tag::new(0xD0);
    /// `D2`: key version number, 1 octet.
    pub const KEY_VERSION: Tag = Tag::new(0xD2);
}

/// Data objects of GET DATA (GPCS 11.3.3.1) and STORE DATA (GPCS 11.11), by the tag in P1 P2.
pub mod data {
    use super::Tag;

    /// `42`: Issuer Identification Number, or Security Domain provider identification number.
    pub const IIN: Tag = Tag::new(0x42);
    /// `45`: Card Image Number, or Security Domain image number.
    pub const CIN: Tag = Tag::new(0x45);
    /// `4F`: AID of the Security Domain itself.
    pub const AID: Tag = Tag::new(0x4F);
    /// `61`: application template, `61{4F}` in the list of applications (which is asked for with `2F00`, not a tag).
    pub const APPLICATION_TEMPLATE: Tag = Tag::new(0x61);
    /// `66`: Card Data or Security Domain management data, see [`card_data`](super::card_data).
    pub const CARD_DATA: Tag = Tag::new(0x66);
    /// `67`: Card Capability Information, see [`capability`](super::capability).
    pub const CARD_CAPABILITY: Tag = Tag::new(0x67);
    /// `E0`: Key Information Template, see [`keys`](super::keys).
    pub const KEY_INFORMATION: Tag = Tag::new(0xE0);
    /// `C1`: sequence counter of the default key version number, 2 octets (SCP02) or 3 (SCP03).
    pub const SEQUENCE_COUNTER: Tag = Tag::new(0xC1);
    /// `C2`: confirmation counter, 2 octets.
    pub const CONFIRMATION_COUNTER: Tag = Tag::new(0xC2);
    /// `CF`: key diversification data; not in GPCS, common on cards.
    pub const KEY_DIVERSIFICATION: Tag = Tag::new(0xCF);
    /// `D3`: current security level, 1 octet.
    pub const SECURITY_LEVEL: Tag = Tag::new(0xD3);
    /// `5F50`: URL of the Security Domain manager.
    pub const MANAGER_URL: Tag = Tag::new(0x5F50);
    /// `FF21`: extended card resources, see [`resources`](super::resources).
    pub const CARD_RESOURCES: Tag = Tag::new(0xFF21);
    /// `9F7F`: CPLC, card production life cycle data, 42 octets; not in GPCS, common on cards.
    pub const CPLC: Tag = Tag::new(0x9F7F);
    /// `9F66`: part of the CPLC that a pre-personalizer or personalizer writes; not in GPCS.
    pub const CPLC_PERSONALIZATION: Tag = Tag::new(0x9F66);
    /// `9F67`: part of the CPLC that a pre-personalizer or personalizer writes; not in GPCS.
    pub const CPLC_PRE_PERSONALIZATION: Tag = Tag::new(0x9F67);
    /// `BF0C`: FCI discretionary data.
    pub const DISCRETIONARY_DATA: Tag = Tag::new(0xBF0C);
}

/// Card Recognition Data (GPCS H.2): `66{73{06, 60{06}, 63{06}, 64{06}..}}`.
pub mod card_data {
    use super::Tag;

    /// `66`: Card Data, the template around the rest.
    pub const CARD_DATA: Tag = Tag::new(0x66);
    /// `73`: Card Recognition Data, a template.
    pub const RECOGNITION_DATA: Tag = Tag::new(0x73);
    /// `06`: object identifier, in `73` itself and in each of its templates.
    pub const OID: Tag = Tag::new(0x06);
    /// `60`: card management type and version.
    pub const VERSION: Tag = Tag::new(0x60);
    /// `63`: card identification scheme.
    pub const IDENTIFICATION_SCHEME: Tag = Tag::new(0x63);
    /// `64`: Secure Channel Protocol and its options, may repeat.
    pub const SECURE_CHANNEL: Tag = Tag::new(0x64);
    /// `65`: card configuration details.
    pub const CONFIGURATION: Tag = Tag::new(0x65);
    /// `66` inside `73`: card and chip details.
    pub const CHIP: Tag = Tag::new(0x66);
    /// `67` inside `73`: trust point certificate information of the issuer's Security Domain.
    pub const ISSUER_TRUST_POINT: Tag = Tag::new(0x67);
    /// `68`: certificate information of the issuer's Security Domain.
    pub const ISSUER_CERTIFICATE: Tag = Tag::new(0x68);
}

/// Card Capability Information (GPCS H.4): `67{A0{80, 81, 82}.., 81, 82, ..}`.
pub mod capability {
    use super::Tag;

    /// `67`: the template around the rest.
    pub const TEMPLATE: Tag = Tag::new(0x67);
    /// `A0`: one Secure Channel Protocol, a template, may repeat.
    pub const SECURE_CHANNEL: Tag = Tag::new(0xA0);
    /// `80` in `A0`: Secure Channel Protocol identifier, 1 octet.
    pub const SCP: Tag = Tag::new(0x80);
    /// `81` in `A0`: supported values of the option "i".
    pub const SCP_OPTIONS: Tag = Tag::new(0x81);
    /// `82` in `A0`: supported key sizes of SCP03.
    pub const SCP_KEY_SIZES: Tag = Tag::new(0x82);
    /// `83` in `A0`: supported TLS cipher suites of SCP81.
    pub const SCP_TLS_SUITES: Tag = Tag::new(0x83);
    /// `84` in `A0`: longest pre-shared key of SCP81.
    pub const SCP_PSK_MAX: Tag = Tag::new(0x84);
    /// `81`: privileges a Supplementary Security Domain can have, 3 octets.
    pub const SSD_PRIVILEGES: Tag = Tag::new(0x81);
    /// `82`: privileges an application can have, 3 octets.
    pub const APPLICATION_PRIVILEGES: Tag = Tag::new(0x82);
    /// `83`: hash algorithms for the Load File Data Block.
    pub const LOAD_FILE_HASHES: Tag = Tag::new(0x83);
    /// `84`: ciphers for the Load File Data Block.
    pub const LOAD_FILE_CIPHERS: Tag = Tag::new(0x84);
    /// `85`: signature algorithms for tokens.
    pub const TOKEN_ALGORITHMS: Tag = Tag::new(0x85);
    /// `86`: signature algorithms for receipts.
    pub const RECEIPT_ALGORITHMS: Tag = Tag::new(0x86);
    /// `87`: signature algorithms for DAP.
    pub const DAP_ALGORITHMS: Tag = Tag::new(0x87);
    /// `88`: key parameter references, the curves.
    pub const CURVES: Tag = Tag::new(0x88);
}

/// Keys: the Key Information Template of GET DATA (GPCS 11.3.3.1) and keys by STORE DATA (GPCS 11.11.4).
pub mod keys {
    use super::Tag;

    /// `E0`: Key Information Template, of `C0`.
    pub const INFORMATION_TEMPLATE: Tag = Tag::new(0xE0);
    /// `C0` in `E0`: one key: identifier, version, then types and lengths.
    pub const INFORMATION: Tag = Tag::new(0xC0);
    /// `B9`: control reference template of one key, in the grouping [`dgi::KEYS`](super::dgi::KEYS).
    pub const CONTROL_REFERENCE: Tag = Tag::new(0xB9);
    /// `B7`: attributes common to all keys of the grouping; not in GPCS 2.3.1, seen in the field.
    pub const COMMON_ATTRIBUTES: Tag = Tag::new(0xB7);
    /// `95` in `B9`: key usage qualifier, 1 or 2 octets (GPCS 11.1.9).
    pub const USAGE: Tag = Tag::new(0x95);
    /// `96` in `B9`: key access, 1 octet (GPCS 11.1.10).
    pub const ACCESS: Tag = Tag::new(0x96);
    /// `80` in `B9`: key type, 1 octet (GPCS 11.1.8).
    pub const TYPE: Tag = Tag::new(0x80);
    /// `81` in `B9`: key length in octets, 1 or 2 octets.
    pub const LENGTH: Tag = Tag::new(0x81);
    /// `82` in `B9`: key identifier, 1 octet.
    pub const IDENTIFIER: Tag = Tag::new(0x82);
    /// `83` in `B9`: key version number, 1 octet.
    pub const VERSION: Tag = Tag::new(0x83);
    /// `84` in `B9`: key check value, 3 octets.
    pub const CHECK_VALUE: Tag = Tag::new(0x84);
    /// `85` in `B9`: key parameter reference, the curve of a key.
    pub const PARAMETER_REFERENCE: Tag = Tag::new(0x85);
}

/// Extended card resources, the value of `FF21` (ETSI TS 102 226).
pub mod resources {
    use super::Tag;

    /// `81`: number of installed applications.
    pub const APPLICATIONS: Tag = Tag::new(0x81);
    /// `82`: free non-volatile memory in octets.
    pub const FREE_NON_VOLATILE: Tag = Tag::new(0x82);
    /// `83`: free volatile memory in octets.
    pub const FREE_VOLATILE: Tag = Tag::new(0x83);
}

/// Data grouping identifiers of STORE DATA (GPCS 11.11.4): two octets, not BER tags.
pub mod dgi {
    /// `0070`: data objects of the Security Domain itself.
    pub const DATA_OBJECTS: u16 = 0x0070;
    /// `00B9`: control reference templates of the keys that follow, see [`keys`](super::keys).
    pub const KEYS: u16 = 0x00B9;
    /// `8113`: symmetric key.
    pub const SYMMETRIC_KEY: u16 = 0x8113;
    /// `0010`: RSA modulus.
    pub const RSA_MODULUS: u16 = 0x0010;
    /// `0011`: RSA public exponent.
    pub const RSA_PUBLIC_EXPONENT: u16 = 0x0011;
    /// `8112`: RSA private exponent.
    pub const RSA_PRIVATE_EXPONENT: u16 = 0x8112;
    /// `8121`: RSA CRT coefficient, q⁻¹ mod p.
    pub const RSA_PQ: u16 = 0x8121;
    /// `8122`: RSA CRT exponent, d mod (q − 1).
    pub const RSA_DQ1: u16 = 0x8122;
    /// `8123`: RSA CRT exponent, d mod (p − 1).
    pub const RSA_DP1: u16 = 0x8123;
    /// `8124`: RSA CRT prime q.
    pub const RSA_Q: u16 = 0x8124;
    /// `8125`: RSA CRT prime p.
    pub const RSA_P: u16 = 0x8125;
    /// `0036`: ECC public key.
    pub const ECC_PUBLIC: u16 = 0x0036;
    /// `8137`: ECC private key.
    pub const ECC_PRIVATE: u16 = 0x8137;
    /// `0030`: ECC field, p.
    pub const ECC_P: u16 = 0x0030;
    /// `0031`: ECC curve coefficient a.
    pub const ECC_A: u16 = 0x0031;
    /// `0032`: ECC curve coefficient b.
    pub const ECC_B: u16 = 0x0032;
    /// `0033`: ECC generator G.
    pub const ECC_G: u16 = 0x0033;
    /// `0034`: ECC order n.
    pub const ECC_N: u16 = 0x0034;
    /// `0035`: ECC cofactor k.
    pub const ECC_K: u16 = 0x0035;
}
