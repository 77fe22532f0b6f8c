//! Verifies vector files of the format `scp03-vectors-1` through the public API of the crates alone.
//!
//! ```text
//!  { "format": "scp03-vectors-1", "kind": K, "vectors": [ { "name": .., "kind": K', .. }, .. ] }
//! ```
//!
//! A vector without a `kind` of its own is of the kind of its file. Octets are hexadecimal. Each kind has one file here:
//! whole sessions are played by both ends, single messages by the end that makes them and the end that takes them, scripts by
//! a small card.

mod derived;
mod ends;
mod fault;
mod fields;
mod handshake;
mod hex;
mod keys;
mod kind;
mod message;
mod report;
mod script;
mod script_card;
mod session;

use std::fmt;
use std::path::Path;

use serde_json::Value;

pub use fault::Fault;
pub use kind::Kind;
pub use report::{Counts, Style, json, text};
pub use script_card::ScriptCard;

use fault::Checks;
use fields::Fields;

/// The value of `format` that this module reads.
pub const FORMAT: &str = "scp03-vectors-1";

/// Why skipped vectors that document a deviation are not counted as passed.
const NONCONFORMING: &str = "marked as non-conforming, and indeed not reproduced";

/// What became of one vector.
#[derive(Debug)]
pub enum Outcome {
    /// Everything it states was computed anew and found equal.
    Passed,
    /// The first thing that was not.
    Failed(Fault),
    /// It was not verified, for this reason.
    Skipped(&'static str),
}

/// One vector of a file.
#[derive(Debug)]
pub struct VectorReport {
    /// Its `name`, or its number in the file, from 1, with a `#` in front.
    pub name: String,
    /// Its kind, as the file spells it.
    pub kind: String,
    /// How many comparisons were made.
    pub checks: usize,
    /// What became of it.
    pub outcome: Outcome,
}

/// One file.
#[derive(Debug)]
pub struct FileReport {
    /// The path, as it was given.
    pub path: String,
    /// Its vectors in their order, or why it could not be read.
    pub result: Result<Vec<VectorReport>, FileError>,
}

/// Why a file is not a vector file.
#[derive(Debug)]
pub enum FileError {
    /// It could not be read.
    Read(std::io::Error),
    /// It is not JSON.
    Json(serde_json::Error),
    /// It is JSON of another format; what is wrong.
    Format(String),
    /// Nobody knows the kind it names.
    UnknownKind(String),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot be read: {error}"),
            Self::Json(error) => write!(f, "is not JSON: {error}"),
            Self::Format(problem) => write!(f, "is not of the format {FORMAT}: {problem}"),
            Self::UnknownKind(kind) => write!(f, "is of an unknown kind: {kind:?}"),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            Self::Json(error) => Some(error),
            Self::Format(_) | Self::UnknownKind(_) => None,
        }
    }
}

/// Reads and verifies one file.
#[must_use]
pub fn verify_file(path: &Path) -> FileReport {
    let result = std::fs::read_to_string(path).map_err(FileError::Read).and_then(|text| verify_text(&text));
    FileReport { path: path.display().to_string(), result }
}

/// Verifies the text of a file.
///
/// # Errors
/// [`FileError`] when the text is no vector file. A vector that is wrong, incomplete or of an unknown kind is no error
/// but a failed vector in the answer.
pub fn verify_text(text: &str) -> Result<Vec<VectorReport>, FileError> {
    let document: Value = serde_json::from_str(text).map_err(FileError::Json)?;
    verify_document(&document)
}

/// Verifies a file that is parsed already.
///
/// # Errors
/// As [`verify_text`].
pub fn verify_document(document: &Value) -> Result<Vec<VectorReport>, FileError> {
    let problem = |text: &str| FileError::Format(text.into());
    let document = document.as_object().ok_or_else(|| problem("the outermost value is no object"))?;
    match document.get("format") {
        Some(Value::String(format)) if format == FORMAT => {}
        Some(Value::String(format)) => return Err(FileError::Format(format!("`format` is {format:?}"))),
        _ => return Err(problem("`format` is missing")),
    }
    let kind = match document.get("kind") {
        None | Some(Value::Null) => None,
        Some(Value::String(kind)) if Kind::from_name(kind).is_none() => {
            return Err(FileError::UnknownKind(kind.clone()));
        }
        Some(Value::String(kind)) => Some(kind.as_str()),
        Some(_) => return Err(problem("`kind` is no string")),
    };
    let vectors = document.get("vectors").and_then(Value::as_array).ok_or_else(|| problem("`vectors` is no array"))?;
    Ok(vectors.iter().zip(1..).map(|(vector, number)| verify_vector(vector, number, kind)).collect())
}

fn verify_vector(vector: &Value, number: usize, file_kind: Option<&str>) -> VectorReport {
    let text = |name| vector.get(name).and_then(Value::as_str);
    let name = text("name").map_or_else(|| format!("#{number}"), String::from);
    let kind = text("kind").or(file_kind).unwrap_or_default();
    let mut checks = Checks::default();
    let outcome = match (Fields::new(vector), Kind::from_name(kind)) {
        (Err(fault), _) => Outcome::Failed(fault),
        (Ok(_), None) if kind.is_empty() => Outcome::Failed(Fault::ill_formed("kind", "is missing")),
        (Ok(_), None) => Outcome::Failed(Fault::ill_formed("kind", format!("{kind:?} is unknown"))),
        (Ok(vector), Some(kind)) => judge(&vector, kind, &mut checks),
    };
    VectorReport { name, kind: kind.into(), checks: checks.made(), outcome }
}

fn judge(vector: &Fields<'_>, kind: Kind, checks: &mut Checks) -> Outcome {
    if let Some(reason) = kind.skipped() {
        return Outcome::Skipped(reason);
    }
    let nonconforming = match vector.opt_flag("expect_nonconforming") {
        Ok(flag) => flag.unwrap_or_default(),
        Err(fault) => return Outcome::Failed(fault),
    };
    let result = match kind {
        Kind::Session => session::verify(vector, checks),
        Kind::Kdf => derived::kdf(vector, checks),
        Kind::Cryptograms => handshake::cryptograms(vector, checks),
        Kind::CardChallenge => derived::card_challenge(vector, checks),
        Kind::Command => message::command(vector, checks),
        Kind::Response => message::response(vector, checks),
        Kind::Negative => message::negative(vector, checks),
        Kind::CardScript => script::verify(vector, checks),
        Kind::Kcv => keys::kcv(vector, checks),
        Kind::KcvOfDerived => derived::kcv_of_derived(vector, checks),
        Kind::Dek => keys::dek(vector, checks),
        Kind::PutKey => keys::put_key(vector, checks),
        Kind::DiversificationKdf3 => keys::kdf3(vector, checks),
        // Skipped above.
        Kind::Cmac | Kind::AesCbc | Kind::AesEcb | Kind::KbkdfCtrCmac => Ok(()),
    };
    match result {
        Ok(()) if nonconforming => Outcome::Failed(Fault::differs_in("conformity", "a deviation", "none: it verifies")),
        Err(fault) if nonconforming && !fault.is_ill_formed() => Outcome::Skipped(NONCONFORMING),
        Ok(()) => Outcome::Passed,
        Err(fault) => Outcome::Failed(fault),
    }
}
