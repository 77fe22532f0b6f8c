//! CAP files as they lie on a disk: ZIP archives with stored or deflated components, or the components joined.

use std::io::{Cursor, Read};
use std::path::Path;

use gp_cardmanager_model::cap::{Cap, CapErrorKind, ComponentTag};

use super::outcome::Outcome;

/// The longest component: its size is two octets.
const COMPONENT: u64 = 3 + 65_535;

/// The octets that a [`Cap`] borrows.
pub(super) enum CapFile {
    /// A ZIP file whose components are stored.
    Stored(Vec<u8>),
    /// Components out of a ZIP file that deflates them.
    Unpacked(Vec<Vec<u8>>),
    /// Components one after the other.
    Joined(Vec<u8>),
}

impl CapFile {
    /// Reads the file.
    pub(super) fn read(path: &Path) -> Result<Self, Outcome> {
        let problem = |what: &dyn std::fmt::Display| Outcome::Usage(format!("{}: {what}", path.display()));
        let octets = std::fs::read(path).map_err(|error| problem(&error))?;
        if !octets.starts_with(b"PK") {
            return Ok(Self::Joined(octets));
        }
        match Cap::from_zip(&octets) {
            Err(error) if error.kind == CapErrorKind::Compressed => {}
            Err(error) => return Err(problem(&error)),
            Ok(_) => return Ok(Self::Stored(octets)),
        }
        unpack(&octets).map(Self::Unpacked).map_err(|error| problem(&error))
    }

    /// What is in it.
    pub(super) fn cap(&self) -> Result<Cap<'_>, Outcome> {
        match self {
            Self::Stored(octets) => Cap::from_zip(octets),
            Self::Unpacked(components) => Cap::from_components(components.iter().map(Vec::as_slice)),
            Self::Joined(octets) => Cap::from_joined(octets),
        }
        .map_err(|error| Outcome::Usage(format!("no CAP file: {error}")))
    }
}

/// The components of an archive, checked and inflated.
fn unpack(octets: &[u8]) -> Result<Vec<Vec<u8>>, zip::result::ZipError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(octets))?;
    let mut components = Vec::new();
    for number in 0..archive.len() {
        let entry = archive.by_index(number)?;
        let name = entry.name()?.rsplit('/').next().unwrap_or_default().to_owned();
        let known = ComponentTag::LOAD_ORDER.iter().any(|component| name == format!("{}.cap", component.name()));
        if known {
            let mut component = Vec::new();
            // A little more than there may be: a longer one is then refused for what it is.
            entry.take(COMPONENT + 1).read_to_end(&mut component)?;
            components.push(component);
        }
    }
    Ok(components)
}
