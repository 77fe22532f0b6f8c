//! CAP files as they lie on a disk: ZIP archives with stored or deflated components, or the components joined.

use std::path::Path;

use gp_cardmanager_model::cap::{Cap, CapError, CapErrorKind, ComponentTag, Entry, Zip, crc32};
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::outcome::Outcome;

/// The longest entry that is inflated, in octets: far more than a component, whose size is two octets.
const ENTRY: usize = 16 << 20;
/// The compression method.
const DEFLATED: usize = 8;
/// Octets of a local header before the name.
const LOCAL_HEADER: usize = 30;

/// The octets that a [`Cap`] borrows.
pub(super) enum CapFile {
    /// Components out of a ZIP file.
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
            Err(error) if error.kind != CapErrorKind::Compressed => Err(problem(&error)),
            _ => unpack(&octets).map(Self::Unpacked).map_err(|error| problem(&error)),
        }
    }

    /// What is in it.
    pub(super) fn cap(&self) -> Result<Cap<'_>, Outcome> {
        match self {
            Self::Unpacked(components) => Cap::from_components(components.iter().map(Vec::as_slice)),
            Self::Joined(octets) => Cap::from_joined(octets),
        }
        .map_err(|error| Outcome::Usage(format!("no CAP file: {error}")))
    }
}

/// The components of an archive, inflated. The directory is read by the card manager's own reader; what it leaves to others
/// are the octets of deflated entries. Entries that are no components are read as well: a component whose name is damaged
/// must not pass for one of them, or an application package becomes a library.
fn unpack(archive: &[u8]) -> Result<Vec<Vec<u8>>, CapError> {
    let mut components = Vec::new();
    for entry in Zip::new(archive)?.entries() {
        let entry = entry?;
        let octets = match entry.stored() {
            Err(error) if error.kind == CapErrorKind::Compressed => inflate(archive, &entry)?,
            stored => stored?.to_vec(),
        };
        let name = entry.name.rsplit(|octet| *octet == b'/').next().unwrap_or_default();
        let known = |component: &ComponentTag| name == format!("{}.cap", component.name()).as_bytes();
        if ComponentTag::LOAD_ORDER.iter().any(known) {
            components.push(octets);
        }
    }
    Ok(components)
}

/// The octets of a deflated entry, by the directory record that `entry` stands for.
///
/// ```text
///  directory  PK 01 02 | .. | method at 10 | .. | CRC-32 at 16 | packed at 20 | unpacked at 24 | .. | local header at 42
///  local      PK 03 04 | .. | length of the name at 26 | length of the extra field at 28 | name | extra field | data
/// ```
fn inflate(archive: &[u8], entry: &Entry<'_>) -> Result<Vec<u8>, CapError> {
    let fail = |kind| {
        let offset = u32::try_from(entry.offset).unwrap_or(u32::MAX);
        CapError { kind, offset }
    };
    let malformed = fail(CapErrorKind::Malformed);
    let record = archive.get(entry.offset..).unwrap_or_default();
    let field = |at| number::<4>(record, at).ok_or(malformed);
    let (crc, packed, unpacked, local) = (field(16)?, field(20)?, field(24)?, field(42)?);
    if number::<2>(record, 10) != Some(DEFLATED) || unpacked > ENTRY {
        return Err(fail(CapErrorKind::Compressed));
    }
    let local = archive.get(local..).filter(|local| local.starts_with(b"PK\x03\x04")).ok_or(malformed)?;
    let (name, extra) = number::<2>(local, 26).zip(number::<2>(local, 28)).ok_or(malformed)?;
    let rest = local.get(LOCAL_HEADER..).and_then(|rest| rest.strip_prefix(entry.name)).ok_or(malformed)?;
    let data = rest.get(extra..).and_then(|rest| rest.get(..packed)).filter(|_| name == entry.name.len());
    let component = decompress_to_vec_with_limit(data.ok_or(malformed)?, unpacked).map_err(|_| malformed)?;
    if component.len() != unpacked || usize::try_from(crc32(&component)) != Ok(crc) {
        return Err(fail(CapErrorKind::Crc));
    }
    Ok(component)
}

/// A number of so many octets, the least significant one first.
fn number<const OCTETS: usize>(octets: &[u8], at: usize) -> Option<usize> {
    let number: &[u8; OCTETS] = octets.get(at..)?.first_chunk()?;
    Some(number.iter().rev().fold(0, |number, octet| number << 8 | usize::from(*octet)))
}
