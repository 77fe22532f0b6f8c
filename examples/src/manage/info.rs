//! What a card says of itself, before anybody has proved anything.

use gp_cardmanager_model::host::{Discover, Fact, Origin, Select, Warning};
use serde_json::{Map, Value, json};

use super::decode::privilege_names;
use super::outcome::Outcome;
use super::session::Session;
use crate::hex;

/// Asks, and prints the answers.
pub(super) fn info(session: &mut Session<'_, '_, '_>) -> Result<(), Outcome> {
    let mut facts: Vec<(&'static str, String)> = Vec::new();
    let arguments = session.arguments;
    let select = arguments.domain.as_ref().map_or(Select::issuer_security_domain(), Select::aid);
    let task = Discover::selecting(Some(select), |fact| facts.extend(lines(&fact)));
    let origin = session.run(task)?.origin;
    let console = session.console();
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in &facts {
        console.line(&format!("   {name:<width$}  {value}"));
    }
    let mut object = Map::new();
    for (name, value) in &facts {
        let values = object.entry(*name).or_insert_with(|| json!([]));
        if let Value::Array(values) = values {
            values.push(json!(value));
        }
    }
    if origin == Origin::Plain {
        console.finding("Nobody vouches for any of this.");
    }
    console.json(&json!({"event": "info", "facts": object, "authentic": origin == Origin::Authentic}));
    Ok(())
}

/// What is worth a line.
fn lines(fact: &Fact<'_>) -> Vec<(&'static str, String)> {
    match fact {
        Fact::Selected(fci) => {
            let aid = fci.aid().map(|aid| ("security domain", aid.to_string()));
            let most = fci.max_command_data.map(|octets| ("longest command data", format!("{octets} octets")));
            aid.into_iter().chain(most).collect()
        }
        Fact::CardData(data) => {
            let version = data.version.map(|version| ("specification", version.to_string()));
            let protocols = data.secure_channels.iter().flatten().map(|scp| ("secure channel", scp.to_string()));
            version.into_iter().chain(protocols).collect()
        }
        Fact::Keys(keys) => keys
            .clone()
            .map(|key| match key {
                Ok(key) => {
                    let components = key.components.as_slice().iter();
                    let what: Vec<_> = components
                        .map(|component| {
                            format!("{}, {} octets", super::decode::key_type(component.key_type), component.length)
                        })
                        .collect();
                    (
                        "key",
                        format!(
                            "version {:02X}, identifier {:02X}: {}",
                            key.key_version,
                            key.key_identifier,
                            what.join(" + ")
                        ),
                    )
                }
                Err(error) => ("key", format!("not readable: {error}")),
            })
            .collect(),
        Fact::Capability(capability) => {
            let mut lines = Vec::new();
            for protocol in capability.secure_channels.iter() {
                let options: Vec<_> = protocol.options.iter().map(|i| format!("{i:02X}")).collect();
                lines.push(("offers", format!("SCP{:02X} with i = {}", protocol.protocol, options.join(", "))));
            }
            let domain = capability.domain_privileges.map(|held| ("privileges of domains", privilege_names(held)));
            let application =
                capability.application_privileges.map(|held| ("privileges of applications", privilege_names(held)));
            lines.extend(domain);
            lines.extend(application);
            lines
        }
        Fact::Cplc(cplc) => vec![
            ("IC fabricator, type", format!("{}, {}", hex::encode(&cplc.ic_fabricator), hex::encode(&cplc.ic_type))),
            ("IC serial number", hex::encode(&cplc.ic_serial_number)),
            ("IC fabrication date", cplc.ic_fabrication_date.to_string()),
        ],
        Fact::Provider(octets) => vec![("issuer identification", hex::encode(octets))],
        Fact::Image(octets) => vec![("card image number", hex::encode(octets))],
        Fact::Diversification(octets) => vec![("key diversification data", hex::encode(octets))],
        Fact::Sequence(counter) => vec![("sequence counter", counter.value().to_string())],
        Fact::Resources(resources) => vec![
            ("installed applications", resources.applications.to_string()),
            ("free memory", format!("{} octets", resources.free_non_volatile)),
        ],
        Fact::Absent { tag, refusal } => vec![("absent", format!("{tag:04X} ({refusal})"))],
        Fact::Warning(warning) => vec![("note", note(warning))],
        _ => Vec::new(),
    }
}

fn note(warning: &Warning) -> String {
    match warning {
        Warning::CardLocked => "the card is locked".into(),
        Warning::SelectRefused(refusal) => format!("SELECT was refused: {refusal}"),
        Warning::NoAid => "the answer to SELECT has no AID".into(),
        Warning::InitialKeys => "the card has initial keys, which the first key set that is put replaces".into(),
        Warning::OtherIdentifiers => "the object identifiers of the card data are not GlobalPlatform's".into(),
        Warning::IsoClassOnly { tag } => format!("{tag:04X} is answered under the ISO class only"),
        Warning::Unreadable { tag, error } => format!("{tag:04X} cannot be read: {error}"),
        other => format!("{other:?}"),
    }
}
