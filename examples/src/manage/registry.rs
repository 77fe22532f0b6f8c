//! The registry of a card as the host has read it.

use std::io;

use gp_cardmanager_model::entry::Entry;
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::{Error, Failure, GetStatus, Origin};
use gp_cardmanager_model::lifecycle::Kind;
use gp_cardmanager_model::privileges::Privileges;
use serde_json::{Value, json};

use super::console::Console;
use super::decode::privilege_names;
use super::outcome::Outcome;
use super::session::Session;
use crate::hex;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) kind: Kind,
    pub(super) aid: String,
    state: String,
    domain: Option<String>,
    load_file: Option<String>,
    version: Option<String>,
    modules: Vec<String>,
    privileges: Option<Privileges>,
}

impl Row {
    fn of(subset: Subset, entry: &Entry<'_>) -> Self {
        let kind = match subset {
            Subset::IssuerSecurityDomain => Kind::IssuerSecurityDomain,
            Subset::LoadFiles | Subset::LoadFilesAndModules => Kind::LoadFile,
            Subset::Applications if entry.is_security_domain() => Kind::SecurityDomain,
            Subset::Applications => Kind::Application,
        };
        Self {
            kind,
            aid: entry.aid.map_or_else(|| "(no AID)".to_owned(), |aid| aid.to_string()),
            state: entry.state(kind).map_or_else(|| "(no state)".to_owned(), |state| state.to_string()),
            domain: entry.security_domain.map(|aid| aid.to_string()),
            load_file: entry.load_file.map(|aid| aid.to_string()),
            version: entry
                .load_file_version
                .map(|version| version.iter().map(u8::to_string).collect::<Vec<_>>().join(".")),
            modules: entry.modules.iter().map(|aid| aid.to_string()).collect(),
            privileges: entry.privileges,
        }
    }

    const fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::IssuerSecurityDomain => "issuer security domain",
            Kind::SecurityDomain => "security domain",
            Kind::Application => "application",
            Kind::LoadFile => "load file",
            _ => "unknown",
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "kind": self.kind_name(),
            "aid": self.aid,
            "state": self.state,
            "security_domain": self.domain,
            "load_file": self.load_file,
            "version": self.version,
            "modules": self.modules,
            "privileges": self.privileges.map(privilege_names),
        })
    }
}

/// All entries that were read.
#[derive(Clone, Debug, Default)]
pub(super) struct Registry {
    pub(super) rows: Vec<Row>,
    /// What is missing, and why.
    notes: Vec<String>,
    /// Nobody vouches for some of them.
    plain: bool,
    /// The card has said of a part that there is nothing in it.
    empty: bool,
}

impl Registry {
    /// Reads all of it. Parts that a card does not list in this way are left out, and named.
    pub(super) fn read(session: &mut Session<'_, '_, '_>) -> Result<Self, Outcome> {
        let mut registry = Self::default();
        for subset in [Subset::IssuerSecurityDomain, Subset::Applications, Subset::LoadFilesAndModules] {
            match registry.read_part(session, subset) {
                // Some cards list load files without their modules only.
                Err(Error::Failure(Failure::Refused(_))) if subset == Subset::LoadFilesAndModules => {
                    registry.read_part(session, Subset::LoadFiles)?;
                }
                Err(Error::Failure(Failure::Refused(refusal))) if registry.rows.is_empty() => {
                    registry.notes.push(format!("The card does not list its issuer security domain here ({refusal})."));
                }
                result => result?,
            }
        }
        Ok(registry)
    }

    fn read_part(&mut self, session: &mut Session<'_, '_, '_>, subset: Subset) -> Result<(), Error<io::Error>> {
        let (rows, notes) = (&mut self.rows, &mut self.notes);
        let before = rows.len();
        let task = GetStatus::new(subset, |entry| match entry {
            Ok(entry) => rows.push(Row::of(subset, &entry)),
            Err(error) => notes.push(format!("One entry cannot be read: {error}.")),
        });
        let listed = session.run(task)?;
        if listed.origin == Origin::Plain {
            // A part without entries ends with 6A88, and an error status is never protected.
            if self.rows.len() == before { self.empty = true } else { self.plain = true }
        }
        Ok(())
    }

    /// Shows it as a table.
    pub(super) fn show(&self, console: &mut Console<'_>) {
        let mut rows = Vec::new();
        for row in &self.rows {
            let privileges = row.privileges.filter(|held| !held.is_empty());
            rows.push(vec![
                row.kind_name().to_owned(),
                row.aid.clone(),
                row.state.clone(),
                row.domain.clone().unwrap_or_default(),
                row.load_file
                    .clone()
                    .or_else(|| row.version.as_ref().map(|v| format!("version {v}")))
                    .unwrap_or_default(),
                privileges.map(|held| hex::encode(&held.octets())).unwrap_or_default(),
            ]);
            let module = |aid: &String| vec!["  module".to_owned(), aid.clone()];
            rows.extend(row.modules.iter().map(module));
        }
        console.table(&["what", "AID", "state", "belongs to", "from", "privileges"], &rows);
        for note in &self.notes {
            console.finding(note);
        }
        let authority = match (self.plain, self.empty) {
            (true, _) => "nobody vouches for them",
            (false, false) => "the card vouches for them",
            (false, true) => {
                "the card vouches for them. That a part of the registry has none is what an error status says, and \
                 nothing protects those"
            }
        };
        let noun = if self.rows.len() == 1 { "entry" } else { "entries" };
        console.finding(&format!("{} {noun}; {authority}.", self.rows.len()));
        console.json(&json!({
            "event": "registry",
            "entries": self.rows.iter().map(Row::to_json).collect::<Vec<_>>(),
            "notes": self.notes,
            "authentic": !self.plain,
        }));
    }
}
