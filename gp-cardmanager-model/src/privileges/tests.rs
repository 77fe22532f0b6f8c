//! The privileges table, every combination of privileges against the rules written out anew, and the fields.

extern crate std;

use super::{Privileges, Rule};
use crate::lifecycle::Kind;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

/// Octet (1 to 3), mask and name by number, from the table of GPCS 11.1.2.
const TABLE: [(usize, u8, &str); 21] = [
    (1, 0x80, "Security Domain"),
    (1, 0x40, "DAP Verification"),
    (1, 0x20, "Delegated Management"),
    (1, 0x10, "Card Lock"),
    (1, 0x08, "Card Terminate"),
    (1, 0x04, "Card Reset"),
    (1, 0x02, "CVM Management"),
    (1, 0x01, "Mandated DAP Verification"),
    (2, 0x80, "Trusted Path"),
    (2, 0x40, "Authorized Management"),
    (2, 0x20, "Token Verification"),
    (2, 0x10, "Global Delete"),
    (2, 0x08, "Global Lock"),
    (2, 0x04, "Global Registry"),
    (2, 0x02, "Final Application"),
    (2, 0x01, "Global Service"),
    (3, 0x80, "Receipt Generation"),
    (3, 0x40, "Ciphered Load File Data Block"),
    (3, 0x20, "Contactless Activation"),
    (3, 0x10, "Contactless Self-Activation"),
    (3, 0x08, "Privacy Trusted"),
];

#[test]
fn numbers_bits_and_names() {
    for (number, (octet, mask, name)) in TABLE.into_iter().enumerate() {
        let mut octets = [0; 3];
        octets[octet - 1] = mask;
        assert_eq!(Privileges::NAMED[number].0.octets(), octets, "{name}");
        assert_eq!(Privileges::from_octets(octets).to_string(), name);
    }
}

#[test]
fn mandated_dap_is_bit_1_not_bit_5() {
    assert_eq!(Privileges::from_octets([0xC1, 0, 0]).check(), Ok(()));
    assert!(Privileges::from_octets([0xC1, 0, 0]).contains(Privileges::MANDATED_DAP_VERIFICATION));
    assert!(!Privileges::from_octets([0xD0, 0, 0]).contains(Privileges::MANDATED_DAP_VERIFICATION));
}

#[test]
fn recorded_privileges() {
    // 80C000: martinpaljak/GlobalPlatformPro, TestParseTags.java. 82FC80: kaoh/globalplatform, statusTest.c. Both of real cards.
    let names = |octets| Privileges::from_octets(octets).to_string();
    assert_eq!(names([0x80, 0xC0, 0x00]), "Security Domain, Trusted Path, Authorized Management");
    assert_eq!(
        names([0x82, 0xFC, 0x80]),
        "Security Domain, CVM Management, Trusted Path, Authorized Management, Token Verification, Global Delete, \
         Global Lock, Global Registry, Receipt Generation"
    );
    assert_eq!(Privileges::from_octets([0x82, 0xFC, 0x80]).check(), Ok(()));
    assert_eq!(Privileges::NONE.to_string(), "");
}

#[test]
fn the_issuer_security_domain_at_first() {
    let numbers = (0..21).filter(|n| matches!(n, 0 | 3..=6 | 8..=14 | 16));
    let set = numbers.fold(Privileges::NONE, |set, n| set | Privileges::NAMED[n].0);
    assert_eq!(set, Privileges::ISSUER_SECURITY_DOMAIN);
    assert_eq!(set.octets(), [0x9E, 0xFE, 0x80]);
    assert_eq!(set.check(), Ok(()));
}

#[test]
fn reserved_bits_are_ignored_and_not_sent() {
    assert_eq!(Privileges::from_octets([0, 0, 0x07]), Privileges::NONE);
    assert_eq!(Privileges::from_octets([0xFF, 0xFF, 0xFF]).octets(), [0xFF, 0xFF, 0xF8]);
}

/// All 2^21 combinations, each rule restated as an expression over the octets.
#[test]
fn every_combination() {
    for bits in 0..1_u32 << 21 {
        let [_, a, b, c] = (bits << 3).to_be_bytes();
        let domain = a & 0x80 != 0;
        let delegated = a & 0x20 != 0;
        let expected = if a & 0x40 != 0 && !domain {
            Err(Rule::DapVerificationNeedsSecurityDomain)
        } else if delegated && !domain {
            Err(Rule::DelegatedManagementNeedsSecurityDomain)
        } else if a & 0x01 != 0 && a & 0xC0 != 0xC0 {
            Err(Rule::MandatedDapVerificationNeedsDapVerification)
        } else if b & 0x40 != 0 && !domain {
            Err(Rule::AuthorizedManagementNeedsSecurityDomain)
        } else if b & 0x20 != 0 && !domain {
            Err(Rule::TokenVerificationNeedsSecurityDomain)
        } else if c & 0x80 != 0 && !domain {
            Err(Rule::ReceiptGenerationNeedsSecurityDomain)
        } else if c & 0x40 != 0 && !domain {
            Err(Rule::CipheredLoadFileDataBlockNeedsSecurityDomain)
        } else if b & 0x40 != 0 && delegated {
            Err(Rule::AuthorizedManagementExcludesDelegatedManagement)
        } else if b & 0x20 != 0 && delegated {
            Err(Rule::TokenVerificationExcludesDelegatedManagement)
        } else if c & 0x80 != 0 && delegated {
            Err(Rule::ReceiptGenerationExcludesDelegatedManagement)
        } else {
            Ok(())
        };
        assert_eq!(Privileges::from_octets([a, b, c]).check(), expected, "{a:02X}{b:02X}{c:02X}");
    }
}

#[test]
fn rules_print_themselves() {
    let printed: Vec<String> = Rule::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(printed[0], "DAP Verification needs Security Domain");
    assert_eq!(printed[2], "Mandated DAP Verification needs Security Domain, DAP Verification");
    assert_eq!(printed[7], "Authorized Management excludes Delegated Management");
}

#[test]
fn fields_of_one_octet_imply_the_others() {
    let read = |field: &[u8], kind| Privileges::from_field(field, kind).map(Privileges::octets);
    assert_eq!(read(&[0x9E], Kind::IssuerSecurityDomain), Some([0x9E, 0xFE, 0x80]));
    assert_eq!(read(&[0xA0], Kind::SecurityDomain), Some([0xA0, 0x80, 0x00]));
    assert_eq!(read(&[0x04], Kind::Application), Some([0x04, 0x00, 0x00]));
    assert_eq!(read(&[0x80, 0x40, 0x00], Kind::SecurityDomain), Some([0x80, 0x40, 0x00]));
}

#[test]
fn fields_of_other_lengths() {
    for field in [&[][..], &[0, 0], &[0, 0, 0, 0]] {
        assert_eq!(Privileges::from_field(field, Kind::Application), None, "{field:02X?}");
    }
    // The tolerance: two octets.
    let two = Privileges::from_field_lenient(&[0x80, 0x40], Kind::SecurityDomain).unwrap();
    assert_eq!(two.octets(), [0x80, 0x40, 0x00]);
    assert_eq!(Privileges::from_field_lenient(&[0xA0], Kind::SecurityDomain).unwrap().octets(), [0xA0, 0x80, 0x00]);
    assert_eq!(Privileges::from_field_lenient(&[0; 4], Kind::SecurityDomain), None);
}

#[test]
fn reports_imply_nothing() {
    let read = |field: &[u8]| Privileges::from_report(field).map(Privileges::octets);
    assert_eq!(read(&[0x9E]), Some([0x9E, 0x00, 0x00]));
    assert_eq!(read(&[0x9E, 0xFE]), Some([0x9E, 0xFE, 0x00]));
    assert_eq!(read(&[0x9E, 0xFE, 0x80]), Some([0x9E, 0xFE, 0x80]));
    assert_eq!(read(&[]), None);
    assert_eq!(read(&[0; 4]), None);
}

#[test]
fn the_shortest_field_reads_back() {
    for kind in [Kind::IssuerSecurityDomain, Kind::SecurityDomain, Kind::Application, Kind::LoadFile] {
        for bits in 0..1_u32 << 21 {
            let [_, a, b, c] = (bits << 3).to_be_bytes();
            let held = Privileges::from_octets([a, b, c]);
            let field = held.to_field(kind);
            assert!(matches!(field.as_bytes().len(), 1 | 3));
            assert_eq!(Privileges::from_field(field.as_bytes(), kind), Some(held));
        }
    }
    assert_eq!(Privileges::from_octets([0x80, 0x80, 0]).to_field(Kind::SecurityDomain).as_bytes(), [0x80]);
    assert_eq!(Privileges::from_octets([0x80, 0, 0]).to_field(Kind::SecurityDomain).as_bytes(), [0x80, 0, 0]);
}

#[test]
fn set_operations() {
    let set = Privileges::CARD_LOCK | Privileges::FINAL_APPLICATION;
    assert!(set.contains(Privileges::CARD_LOCK));
    assert_eq!(set.without(Privileges::CARD_LOCK), Privileges::FINAL_APPLICATION);
    assert!(set.contains(Privileges::NONE) && Privileges::NONE.is_empty() && !set.is_empty());
    assert_eq!(format!("{set:?}"), "Privileges(100200)");
}
