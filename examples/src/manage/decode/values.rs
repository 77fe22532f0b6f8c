//! Primitive values in words.

use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::capability::{KeySizes, hash};
use gp_cardmanager_model::card_data::{GLOBALPLATFORM, Oid, Version};
use gp_cardmanager_model::cplc::Cplc;
use gp_cardmanager_model::entry::{Entry, ImplicitSelection};
use gp_cardmanager_model::key_info::{KeyAccess, KeyEntry, KeyUsage};
use gp_cardmanager_model::lifecycle::{Kind, LifeCycle};
use gp_cardmanager_model::privileges::Privileges;
use gp_cardmanager_model::put_key::KeyType;
use gp_scp03::SecurityLevel;

use super::Part;
use super::rules::Shape;

pub(super) const APPLICATION: Kind = Kind::Application;

/// What kind of object an entry of the applications' part of the registry describes.
pub(super) fn kind_of(entry: &[u8]) -> Kind {
    match Entry::parse_value(entry) {
        Ok(entry) if entry.is_security_domain() => Kind::SecurityDomain,
        _ => Kind::Application,
    }
}

/// What the octets say; `None` where there is nothing to add.
pub(super) fn meaning(shape: Shape, value: &[u8]) -> Option<String> {
    match shape {
        Shape::Prefix if value.is_empty() => Some("any".into()),
        Shape::Octets | Shape::Prefix => printable(value).map(|text| format!("\"{text}\"")),
        Shape::Text => Some(String::from_utf8_lossy(value).into_owned()),
        Shape::Aid => aid(value),
        Shape::Oid => Some(oid(value)),
        Shape::Number => (value.len() <= 4)
            .then(|| value.iter().fold(0_u32, |number, octet| number << 8 | u32::from(*octet)).to_string()),
        Shape::LifeCycle(kind) => value.first().map(|octet| LifeCycle::of(kind, *octet).to_string()),
        Shape::Privileges => Privileges::from_report(value).map(privileges),
        Shape::ImplicitSelection => value.first().map(|octet| implicit_selection(ImplicitSelection(*octet))),
        Shape::Version => Some(value.iter().map(u8::to_string).collect::<Vec<_>>().join(".")),
        Shape::TagList => Some("of each entry".into()),
        Shape::Level => value.first().map(|octet| current_level(*octet)),
        Shape::Scp => value.first().map(|octet| format!("SCP{octet:02X}")),
        Shape::KeySizes => value.first().map(|octet| key_sizes(KeySizes(*octet))),
        Shape::Hashes => Some(value.iter().map(|code| hash_name(*code)).collect::<Vec<_>>().join(", ")),
        Shape::KeyType => value.first().map(|octet| key_type(*octet)),
        Shape::KeyUsage => KeyUsage::from_octets(value).map(key_usage),
        Shape::KeyAccess => value.first().map(|octet| key_access(KeyAccess(*octet)).into()),
        Shape::Template(_) | Shape::Cplc | Shape::KeyEntry => None,
    }
}

/// The octets as text, where all of them are printable and there are enough to be no accident.
fn printable(value: &[u8]) -> Option<&str> {
    let text = str::from_utf8(value).ok()?;
    (value.len() >= 4 && text.chars().all(|c| c == ' ' || c.is_ascii_graphic())).then_some(text)
}

/// Whose AID it is, where the crates know the name.
pub(super) fn aid(value: &[u8]) -> Option<String> {
    let known: [(&[u8], &str); 4] = [
        (Aid::ISSUER_SECURITY_DOMAIN.as_bytes(), "the customary issuer security domain"),
        (&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50, 0x41], "GlobalPlatform: a module of security domains"),
        (&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50], "GlobalPlatform: the package of security domains"),
        (&[0xA0, 0x00, 0x00, 0x01, 0x51], "GlobalPlatform"),
    ];
    if value.is_empty() {
        return Some("none".into());
    }
    if Aid::new(value).is_none() {
        return Some("no AID: 5 to 16 octets".into());
    }
    let name = known.into_iter().find(|(start, _)| value.starts_with(start)).map(|(_, name)| name.to_owned());
    // Proprietary AIDs begin with F, and what follows is often a name.
    let text = printable(value).or_else(|| value.strip_prefix(&[0xF0]).and_then(printable));
    name.or_else(|| text.map(|text| format!("\"{text}\"")))
}

fn oid(value: &[u8]) -> String {
    let Some(oid) = Oid::new(value) else { return "no object identifier".into() };
    let Some(arcs) = value.strip_prefix(&GLOBALPLATFORM) else { return oid.to_string() };
    // {globalPlatform 2 v}, {globalPlatform 3}, {globalPlatform 4 scp i}
    let said = match *arcs {
        [] => return format!("{oid}, GlobalPlatform"),
        [1] => "card recognition data".into(),
        [2, major, minor] => format!("Card Specification {}", Version { major, minor, maintenance: None }),
        [2, major, minor, maintenance] => {
            format!("Card Specification {}", Version { major, minor, maintenance: Some(maintenance) })
        }
        [3] => "the card names itself by IIN and CIN".into(),
        [4, scp, i] if i < 0x80 => format!("SCP{scp:02X}, i = {i:02X}"),
        [4, scp, high, low] => format!("SCP{scp:02X}, i = {:02X}", (u16::from(high & 0x7F) << 7) | u16::from(low)),
        _ => return oid.to_string(),
    };
    format!("{oid}, {said}")
}

/// The names of all privileges, or `none`.
pub(in super::super) fn privileges(held: Privileges) -> String {
    if held.is_empty() { "none".into() } else { held.to_string() }
}

fn implicit_selection(selection: ImplicitSelection) -> String {
    let interface = match (selection.contact(), selection.contactless()) {
        (true, true) => "contact and contactless",
        (true, false) => "contact",
        (false, true) => "contactless",
        (false, false) => "no interface",
    };
    format!("{interface}, logical channel {}", selection.channel())
}

/// The current security level as GET DATA codes it: b8 AUTHENTICATED, and the bits of the session.
fn current_level(octet: u8) -> String {
    match SecurityLevel::from_octet(octet & 0x7F) {
        _ if octet == 0 => "no session".into(),
        Some(current) if octet & 0x80 != 0 => level(current),
        _ => "no level of SCP03".into(),
    }
}

/// What a level protects.
pub(in super::super) fn level(level: SecurityLevel) -> String {
    let protections = [
        (level.has_c_mac(), "C-MAC"),
        (level.has_c_decryption(), "C-DECRYPTION"),
        (level.has_r_mac(), "R-MAC"),
        (level.has_r_encryption(), "R-ENCRYPTION"),
    ];
    let names: Vec<_> = protections.into_iter().filter_map(|(on, name)| on.then_some(name)).collect();
    if names.is_empty() { "authenticated, no secure messaging".into() } else { names.join(" ") }
}

fn key_sizes(sizes: KeySizes) -> String {
    let all = [(KeySizes::AES_128, "AES-128"), (KeySizes::AES_192, "AES-192"), (KeySizes::AES_256, "AES-256")];
    all.into_iter().filter_map(|(size, name)| sizes.contains(size).then_some(name)).collect::<Vec<_>>().join(", ")
}

fn hash_name(code: u8) -> String {
    match code {
        hash::SHA_1 => "SHA-1".into(),
        hash::SHA_256 => "SHA-256".into(),
        hash::SHA_384 => "SHA-384".into(),
        hash::SHA_512 => "SHA-512".into(),
        other => format!("{other:02X}"),
    }
}

/// The name of a key type.
pub(in super::super) fn key_type(octet: u8) -> String {
    KeyType(octet).name().map_or_else(|| format!("type {octet:02X}"), Into::into)
}

fn key_usage(usage: KeyUsage) -> String {
    let named = [
        (KeyUsage::C_ENC_R_ENC, "encryption of commands and responses"),
        (KeyUsage::C_MAC_R_MAC, "MAC of commands and responses"),
        (KeyUsage::C_DEK_R_DEK, "encryption of sensitive data"),
        (KeyUsage::TOKEN, "tokens"),
        (KeyUsage::RECEIPT, "receipts"),
        (KeyUsage::DAP, "DAP"),
    ];
    named.into_iter().find(|(known, _)| *known == usage).map_or_else(|| format!("{usage:?}"), |(_, name)| name.into())
}

fn key_access(access: KeyAccess) -> &'static str {
    match access {
        KeyAccess::SECURITY_DOMAIN_AND_APPLICATIONS => "the security domain and its applications",
        KeyAccess::SECURITY_DOMAIN => "the security domain alone",
        KeyAccess::APPLICATIONS => "the applications alone",
        KeyAccess::NOT_AVAILABLE => "nobody",
        _ => "reserved",
    }
}

/// A key of the key information template: identifier, version, and what it is made of.
pub(super) fn key_entry(value: &[u8]) -> Option<String> {
    let entry = KeyEntry::parse_value(value).ok()?;
    let components: Vec<_> = entry
        .components
        .as_slice()
        .iter()
        .map(|component| format!("{}, {} octets", key_type(component.key_type), component.length))
        .collect();
    let name = match entry.key_identifier {
        1 => " (Key-ENC)",
        2 => " (Key-MAC)",
        3 => " (Key-DEK)",
        _ => "",
    };
    let mut text = format!(
        "version {:02X}, identifier {:02X}{name}: {}",
        entry.key_version,
        entry.key_identifier,
        components.join(" + ")
    );
    if let Some(attributes) = entry.attributes {
        text.extend(attributes.usage.map(|usage| format!("; {}", key_usage(usage))));
        text.extend(attributes.access.map(|access| format!("; used by {}", key_access(access))));
    }
    Some(text)
}

/// The fields of the production life cycle data.
pub(super) fn cplc(value: &[u8]) -> Vec<Part> {
    let Ok(cplc) = Cplc::parse_value(value) else { return vec![Part::fault("not 42 octets", value)] };
    let field = |name: &str, octets: &[u8]| Part::new("", name, octets);
    let date =
        |name: &str, date: gp_cardmanager_model::cplc::Date| Part::new("", name, &date.0).meaning(date.to_string());
    vec![
        field("IC fabricator", &cplc.ic_fabricator),
        field("IC type", &cplc.ic_type),
        field("operating system", &cplc.os_id),
        date("operating system, release date", cplc.os_release_date),
        field("operating system, release level", &cplc.os_release_level),
        date("IC fabrication date", cplc.ic_fabrication_date),
        field("IC serial number", &cplc.ic_serial_number),
        field("IC batch", &cplc.ic_batch),
        field("module fabricator", &cplc.module_fabricator),
        date("module packaging date", cplc.module_packaging_date),
        field("ICC manufacturer", &cplc.icc_manufacturer),
        date("IC embedding date", cplc.embedding_date),
        field("pre-personalizer", &cplc.pre_personalizer),
        date("pre-personalization date", cplc.pre_personalization_date),
        field("pre-personalization equipment", &cplc.pre_personalization_equipment),
        field("personalizer", &cplc.personalizer),
        date("personalization date", cplc.personalization_date),
        field("personalization equipment", &cplc.personalization_equipment),
    ]
}
