//! Commands: what each octet of header and data says.

use gp_apdu::{Class, Coding, Command, Header, SecureMessaging, ins};
use gp_cardmanager_model::get_status::{GetStatus, Subset};
use gp_cardmanager_model::install::{Function, Install};
use gp_cardmanager_model::lifecycle::{Kind, LifeCycle};
use gp_cardmanager_model::load_file::LoadBlock;
use gp_cardmanager_model::manage_channel::ManageChannel;
use gp_cardmanager_model::privileges::Privileges;
use gp_cardmanager_model::put_key::{PutKey, PutKeyTarget};
use gp_cardmanager_model::set_status::{SetStatus, Target};
use gp_cardmanager_model::store_data::key_dgi::{Description, Descriptions, is_secret};
use gp_cardmanager_model::store_data::{Encryption, StoreData, Structure};
use gp_scp03::{RMacSession, SecurityLevel};
use gp_tlv::{DgiReader, Reader};

use super::object::read;
use super::rules::{Place, rule};
use super::{Part, values};

/// The command's name and, where its parameters say so, what exactly it does.
#[must_use]
pub fn name(header: Header) -> String {
    let which = u16::from_be_bytes([header.p1, header.p2]);
    let (name, detail) = match header.ins {
        ins::SELECT => ("SELECT", (header.p2 & 0x02 != 0).then(|| "the next one".to_owned())),
        ins::MANAGE_CHANNEL => (
            "MANAGE CHANNEL",
            ManageChannel::parse(header.p1, header.p2).ok().map(|what| match what {
                ManageChannel::OpenAny => "open any".to_owned(),
                ManageChannel::Open(channel) => format!("open {}", channel.number()),
                ManageChannel::Close(channel) => format!("close {}", channel.number()),
            }),
        ),
        ins::GET_DATA | ins::GET_DATA_ODD => ("GET DATA", Some(data_name(which))),
        ins::GET_STATUS => ("GET STATUS", Subset::from_p1(header.p1).map(|subset| subset_name(subset).to_owned())),
        ins::INSTALL => ("INSTALL", Function::parse(header.p1 & 0x7F, header.p2).ok().map(|f| function_name(f).into())),
        ins::LOAD => ("LOAD", Some(format!("block {}", header.p2))),
        ins::EXTERNAL_AUTHENTICATE => {
            ("EXTERNAL AUTHENTICATE", SecurityLevel::from_octet(header.p1).map(values::level))
        }
        ins::STORE_DATA => ("STORE DATA", Some(format!("block {}", header.p2))),
        ins::INITIALIZE_UPDATE => ("INITIALIZE UPDATE", None),
        ins::BEGIN_R_MAC_SESSION => ("BEGIN R-MAC SESSION", None),
        ins::END_R_MAC_SESSION => ("END R-MAC SESSION", None),
        ins::GET_RESPONSE => ("GET RESPONSE", None),
        ins::PUT_KEY => ("PUT KEY", None),
        ins::DELETE => ("DELETE", None),
        ins::SET_STATUS => ("SET STATUS", None),
        other => return format!("command {other:02X}"),
    };
    match detail {
        Some(detail) => format!("{name}: {detail}"),
        None => name.to_owned(),
    }
}

/// What GET DATA asks for by P1 P2.
fn data_name(which: u16) -> String {
    rule(Place::Top, u32::from(which)).map_or_else(|| format!("object {which:04X}"), |(name, _)| name.to_owned())
}

fn subset_name(subset: Subset) -> &'static str {
    match subset {
        Subset::IssuerSecurityDomain => "the issuer security domain",
        Subset::Applications => "applications and supplementary security domains",
        Subset::LoadFiles => "executable load files",
        Subset::LoadFilesAndModules => "executable load files and their modules",
    }
}

fn function_name(function: Function) -> &'static str {
    match function {
        Function::Load => "for load",
        Function::Install => "for install",
        Function::MakeSelectable => "for make selectable",
        Function::InstallAndMakeSelectable => "for install and make selectable",
        Function::Extradition => "for extradition",
        Function::RegistryUpdate => "for registry update",
        Function::Personalization => "for personalization",
        Function::CombinedFirst => "for load, install and make selectable: before the load file",
        Function::CombinedLast => "for load, install and make selectable: after the load file",
        _ => "another function",
    }
}

/// Takes a command apart, octet by octet. The data of a protected command stays what it is: cipher text.
///
/// # Errors
/// [`gp_apdu::Error`] for octets that are no command.
pub fn command(octets: &[u8]) -> Result<Part, gp_apdu::Error> {
    let command = Command::parse(octets)?;
    let header = command.header;
    let [cla, ins, p1, p2] = header.octets();
    let mut parts = vec![
        Part::new("CLA", "class", &[cla]).meaning(class(header.cla)),
        Part::new("INS", "instruction", &[ins])
            .meaning(name(Header { p1: 0, p2: 0, ..header }).replace(": block 0", "")),
        Part::new("P1", "parameter 1", &[p1]).maybe(p1_meaning(header)),
        Part::new("P2", "parameter 2", &[p2]).maybe(p2_meaning(header)),
    ];
    if !command.data.is_empty() {
        if let Ok(lc) = command.form.lc_field(command.data.len()) {
            parts.push(Part::new("Lc", "length of the data", lc.as_slice()).meaning(command.data.len().to_string()));
        }
        let inner = if header.cla.is_protected() && header.ins != ins::EXTERNAL_AUTHENTICATE {
            Vec::new()
        } else {
            data(&command)
        };
        let whole = Part::new("", "data", command.data);
        parts.push(if header.cla.is_protected() && inner.is_empty() {
            whole.meaning("protected: data, encrypted by the level of the session, and C-MAC")
        } else {
            whole.with(inner)
        });
    }
    if let Some(le) = command.le {
        let octets = octets.get(command.encoded_len() - le_len(&command)..).unwrap_or_default();
        parts.push(Part::new("Le", "expected length", octets).meaning(match le.get() {
            256 | 65_536 => "as much as there is".to_owned(),
            number => format!("at most {number}"),
        }));
    }
    Ok(Part::new("", name(header), octets).with(parts))
}

fn le_len(command: &Command<'_>) -> usize {
    Command { le: None, ..*command }.encoded_len().abs_diff(command.encoded_len())
}

/// The class octet in words.
fn class(class: Class) -> String {
    let coding = match class.coding() {
        Some(Coding::First) => "",
        Some(Coding::Further) => " (further interindustry coding)",
        None => return "reserved or foreign".into(),
    };
    let family = if class.is_gp() { "GlobalPlatform" } else { "ISO" };
    let protection = match class.secure_messaging() {
        SecureMessaging::None => "not protected",
        SecureMessaging::GlobalPlatform => "protected by secure messaging",
        SecureMessaging::Iso => "secure messaging of ISO, header not covered",
        _ => "secure messaging of ISO, header covered",
    };
    let chained = if class.is_chained() { ", more segments follow" } else { "" };
    format!("{family}{coding}, channel {}, {protection}{chained}", class.channel().number())
}

fn p1_meaning(header: Header) -> Option<String> {
    let p1 = header.p1;
    Some(match header.ins {
        ins::SELECT if p1 == 0x04 => "by name".into(),
        ins::INITIALIZE_UPDATE if p1 == 0 => "key version: the card's first".into(),
        ins::INITIALIZE_UPDATE => format!("key version {p1:02X}"),
        ins::EXTERNAL_AUTHENTICATE => SecurityLevel::from_octet(p1).map_or_else(
            || "no security level of SCP03".into(),
            |level| format!("security level: {}", values::level(level)),
        ),
        ins::GET_STATUS => subset_name(Subset::from_p1(p1)?).into(),
        ins::INSTALL => {
            let more = if p1 & 0x80 != 0 { ", more segments follow" } else { "" };
            format!("{}{more}", function_name(Function::parse(p1 & 0x7F, header.p2).ok()?))
        }
        ins::LOAD => if p1 & 0x80 != 0 { "the last block" } else { "more blocks follow" }.into(),
        ins::PUT_KEY => {
            let more = if p1 & 0x80 != 0 { ", more segments follow" } else { "" };
            match p1 & 0x7F {
                0 => format!("adds a key version{more}"),
                version => format!("replaces key version {version:02X}{more}"),
            }
        }
        ins::SET_STATUS => match SetStatus::parse(p1, header.p2, &[0; 5]).ok()?.target {
            Target::Card => "of the card".into(),
            Target::Application(_) => "of an application or security domain".into(),
            Target::SubTree(_) => "of a security domain and all that belongs to it".into(),
        },
        ins::STORE_DATA => store_data_format(StoreData::parse(p1, header.p2).ok()?),
        ins::BEGIN_R_MAC_SESSION => match RMacSession::from_octet(p1)? {
            RMacSession::RMac => "R-MAC".into(),
            RMacSession::RMacREncryption => "R-MAC and R-ENCRYPTION".into(),
        },
        ins::GET_DATA => format!("with P2: {}", data_name(u16::from_be_bytes([p1, header.p2]))),
        _ => return None,
    })
}

fn store_data_format(store: StoreData) -> String {
    let structure = match store.format.structure {
        Structure::BerTlv => "BER-TLV",
        Structure::Dgi => "DGI",
        Structure::None => "no structure stated",
    };
    let encryption = match store.format.encryption {
        Encryption::Encrypted => ", encrypted under Key-DEK",
        Encryption::ApplicationDependent => ", encryption known to the application",
        Encryption::None => "",
    };
    let last = if store.last { ", the last block" } else { ", more blocks follow" };
    format!("{structure}{encryption}{last}")
}

fn p2_meaning(header: Header) -> Option<String> {
    let p2 = header.p2;
    Some(match header.ins {
        ins::SELECT if header.p1 == 0x04 => if p2 & 0x02 != 0 { "the next one" } else { "the first one" }.into(),
        ins::GET_STATUS => {
            let next = if p2 & 0x01 != 0 { "the next entries" } else { "the first entries" };
            let form = if p2 & 0x02 != 0 { "as E3 templates" } else { "in the old form" };
            format!("{next}, {form}")
        }
        ins::LOAD | ins::STORE_DATA => format!("number of the block: {p2}"),
        ins::PUT_KEY => {
            let target = PutKeyTarget::parse(0, p2).ok()?;
            let several = if target.several { "several keys, the first is" } else { "one key," };
            format!("{several} identifier {:02X}", target.first_id)
        }
        ins::DELETE => if p2 & 0x80 != 0 { "and what belongs to it" } else { "the object alone" }.into(),
        ins::SET_STATUS if header.p1 == 0x80 => LifeCycle::of(Kind::IssuerSecurityDomain, p2).to_string(),
        ins::SET_STATUS => LifeCycle::of(Kind::Application, p2).to_string(),
        _ => return None,
    })
}

/// The fields of the data.
fn data(command: &Command<'_>) -> Vec<Part> {
    let Header { ins, p1, p2, .. } = command.header;
    let octets = command.data;
    match ins {
        ins::SELECT => vec![Part::new("", "name", octets).maybe(values::aid(octets))],
        ins::INITIALIZE_UPDATE => {
            vec![Part::new("", "host challenge", octets).meaning("fresh random octets of the host")]
        }
        ins::EXTERNAL_AUTHENTICATE => {
            let (cryptogram, mac) = octets.split_at(octets.len() / 2);
            vec![
                Part::new("", "host cryptogram", cryptogram).meaning("proves that the host has the keys"),
                Part::new("", "C-MAC", mac).meaning("over class, instruction, parameters and cryptogram"),
            ]
        }
        ins::GET_STATUS if GetStatus::parse(p1, p2, octets).is_ok() => read(Place::Search, Reader::new(octets)),
        ins::DELETE => read(Place::Delete, Reader::new(octets)),
        ins::GET_DATA | ins::GET_DATA_ODD => read(Place::Search, Reader::new(octets)),
        ins::INSTALL => Install::parse_lenient(p1 & 0x7F, p2, octets)
            .map_or_else(|error| vec![Part::fault(error.to_string(), octets)], |install| install_fields(&install)),
        ins::SET_STATUS if p1 != 0x80 => vec![Part::new("", "AID", octets).maybe(values::aid(octets))],
        ins::PUT_KEY => put_key(p1 & 0x7F, p2, octets),
        ins::LOAD if LoadBlock::parse(p1, p2).is_ok_and(|block| block.number == 0) => first_block(octets),
        ins::STORE_DATA => store_data(p1, p2, octets),
        _ => Vec::new(),
    }
}

/// The start of a load file: DAP blocks whole, of the data block what this command carries.
fn first_block(octets: &[u8]) -> Vec<Part> {
    let parts = read(Place::LoadFile, Reader::new(octets));
    if parts.iter().any(|part| part.name == "not readable") {
        vec![Part::new("", "start of the load file", octets)]
    } else {
        parts
    }
}

fn named(name: &str, aid: Option<gp_cardmanager_model::aid::Aid>) -> Part {
    match aid {
        Some(aid) => Part::new("", name, aid.as_bytes()).maybe(values::aid(aid.as_bytes())),
        None => Part::new("", name, &[]).meaning("none given"),
    }
}

fn install_fields(install: &Install<'_>) -> Vec<Part> {
    let optional = |name: &str, octets: &[u8]| (!octets.is_empty()).then(|| Part::new("", name, octets));
    let privileges = |octets: &[u8]| {
        let held = Privileges::from_field_lenient(octets, Kind::Application);
        (!octets.is_empty()).then(|| Part::new("", "privileges", octets).maybe(held.map(values::privileges)))
    };
    let mut parts = Vec::new();
    match install {
        Install::Load(load) | Install::CombinedFirst(load) => {
            parts.push(named("load file", Some(load.load_file)));
            parts.push(named("security domain", load.security_domain));
            parts.extend(optional("hash of the load file data block", load.hash));
        }
        Install::Install(body) | Install::InstallAndMakeSelectable(body) | Install::CombinedLast(body) => {
            parts.push(named("load file", body.load_file));
            parts.push(named("module", body.module));
            parts.push(named("application", Some(body.application)));
            parts.extend(privileges(body.privileges));
        }
        Install::MakeSelectable(body) => {
            parts.push(named("application", Some(body.application)));
            parts.extend(privileges(body.privileges));
        }
        Install::Extradition(body) => {
            parts.push(named("to security domain", Some(body.security_domain)));
            parts.push(named("application or load file", Some(body.object)));
        }
        Install::RegistryUpdate(body) => {
            parts.push(named("to security domain", body.security_domain));
            parts.push(named("application", body.application));
            parts.extend(privileges(body.privileges));
        }
        Install::Personalization(application) => parts.push(named("application", Some(*application))),
        _ => {}
    }
    if !install.parameters().is_empty() {
        let inner = read(Place::InstallParameters, Reader::new(install.parameters()));
        parts.push(Part::new("", "parameters", install.parameters()).with(inner));
    }
    parts.extend(optional("token", install.token()));
    parts
}

fn put_key(p1: u8, p2: u8, octets: &[u8]) -> Vec<Part> {
    let Ok(body) = PutKey::parse(p1, p2, octets) else {
        return vec![Part::fault("no PUT KEY body", octets)];
    };
    let mut parts = vec![Part::new("", "new key version", &[body.version])];
    for key in body.keys() {
        let components = key.components().map(|component| {
            let what = values::key_type(component.key_type.0);
            let how = if component.key_type.is_secret() { "encrypted under Key-DEK" } else { "in the clear" };
            Part::new(format!("{:02X}", component.key_type.0), what, component.block).meaning(how)
        });
        let mut inner: Vec<_> = components.collect();
        if !key.check_value.is_empty() {
            inner.push(Part::new("", "key check value", key.check_value));
        }
        parts.push(Part::new("", format!("key {:02X}", key.id), &[]).with(inner));
    }
    parts
}

fn store_data(p1: u8, p2: u8, octets: &[u8]) -> Vec<Part> {
    match StoreData::parse(p1, p2).map(|store| store.format.structure) {
        Ok(Structure::BerTlv) => read(Place::Top, Reader::new(octets)),
        Ok(Structure::Dgi) => groupings(octets),
        _ => Vec::new(),
    }
}

/// Data groupings. One that is cut at the end of the block shows as what is left.
fn groupings(octets: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut reader = DgiReader::new(octets);
    loop {
        match reader.next_dgi() {
            Ok(Some(dgi)) => {
                let part = Part::new(format!("{:04X}", dgi.tag), "data grouping", dgi.value);
                parts.push(match dgi.tag {
                    0x0070 => part.with(read(Place::Top, reader.inside(dgi.value))),
                    0x00B9 => {
                        let keys = Descriptions::parse(dgi.value)
                            .map(|keys| keys.iter().filter(|key| matches!(key, Description::Key(_))).count());
                        part.with(read(Place::KeyDescriptions, reader.inside(dgi.value)))
                            .maybe(keys.ok().map(|keys| format!("{keys} keys follow")))
                    }
                    tag if is_secret(tag) => part.meaning("encrypted under Key-DEK"),
                    _ => part,
                });
            }
            Ok(None) => return parts,
            Err(_) => {
                parts.push(Part::new("", "goes on in the next block", reader.remaining()));
                return parts;
            }
        }
    }
}
