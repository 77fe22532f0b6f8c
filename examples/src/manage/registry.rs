//! The registry of a card as the host has read it.

use std::io;

use gp_apdu::Transport;
use gp_cardmanager_model::entry::Entry;
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::{GetStatus, Origin, run};
use gp_cardmanager_model::lifecycle::Kind;
use gp_cardmanager_model::privileges::Privileges;
use serde_json::{Value, json};

use super::Host;
use super::console::Console;
use super::decode::privilege_names;
use super::outcome::Outcome;

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
    /// Entries that could not be read, and why.
    faults: Vec<String>,
    plain: bool,
}

impl Registry {
    /// Reads a part of the registry.
    pub(super) fn read<T>(&mut self, host: &mut Host<'_, '_>, link: &mut T, subset: Subset) -> Result<(), Outcome>
    where
        T: Transport<Error = io::Error>,
    {
        let (rows, faults) = (&mut self.rows, &mut self.faults);
        let task = GetStatus::new(subset, |entry| match entry {
            Ok(entry) => rows.push(Row::of(subset, &entry)),
            Err(error) => faults.push(error.to_string()),
        });
        let listed = run(host, link, task)?;
        self.plain |= listed.origin == Origin::Plain;
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
                row.load_file.clone().or_else(|| row.version.as_ref().map(|v| format!("version {v}"))).unwrap_or_default(),
                privileges.map(|held| super::hex::encode(&held.octets())).unwrap_or_default(),
            ]);
            let module = |aid: &String| vec!["  module".to_owned(), aid.clone()];
            rows.extend(row.modules.iter().map(module));
        }
        console.line("");
        console.table(&["what", "AID", "state", "belongs to", "from", "privileges"], &rows);
        for fault in &self.faults {
            console.finding(&format!("One entry cannot be read: {fault}."));
        }
        let authority = if self.plain { "nobody vouches for the list" } else { "the card vouches for the list" };
        console.line("");
        console.finding(&format!("{} entries; {authority}.", self.rows.len()));
        console.json(&json!({
            "event": "registry",
            "entries": self.rows.iter().map(Row::to_json).collect::<Vec<_>>(),
            "unreadable": self.faults,
            "authentic": !self.plain,
        }));
    }
}
