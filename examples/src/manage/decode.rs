//! A dissector: what every octet of a command, a response or a data object of this project means.

mod command;
mod guess;
mod object;
mod response;
mod rules;
mod values;

use serde_json::{Map, Value, json};

pub use command::{command, name as command_name};
pub use guess::guess;
pub use object::object;
pub use response::response;
pub(super) use response::{implementation, status};
pub(super) use values::{key_type, level as level_name, privileges as privilege_names};

use crate::hex;

/// A piece of a message: its octets, its name, what it says, and the pieces that it is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// What it is called on the wire: a tag in hexadecimal, `P1`, `Lc`; may be empty.
    pub label: String,
    /// What it is.
    pub name: String,
    /// Its octets: of a data object the value alone.
    pub octets: Vec<u8>,
    /// What the octets say, as far as that is known.
    pub meaning: Option<String>,
    /// What it is made of.
    pub parts: Vec<Part>,
}

impl Part {
    /// A piece without pieces.
    pub(crate) fn new(label: impl Into<String>, name: impl Into<String>, octets: &[u8]) -> Self {
        Self { label: label.into(), name: name.into(), octets: octets.to_vec(), meaning: None, parts: Vec::new() }
    }

    /// The same with a meaning.
    pub(crate) fn meaning(self, meaning: impl Into<String>) -> Self {
        Self { meaning: Some(meaning.into()), ..self }
    }

    /// The same with a meaning, where one is known.
    pub(crate) fn maybe(self, meaning: Option<impl Into<String>>) -> Self {
        Self { meaning: meaning.map(Into::into), ..self }
    }

    /// The same with pieces.
    pub(crate) fn with(self, parts: Vec<Part>) -> Self {
        Self { parts, ..self }
    }

    /// A note about something that cannot be read.
    pub(crate) fn fault(problem: impl Into<String>, octets: &[u8]) -> Self {
        Self::new("", "not readable", octets).meaning(problem)
    }

    /// As JSON: `label`, `name`, `octets`, `meaning`, `parts`, without what is empty.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        if !self.label.is_empty() {
            object.insert("label".into(), json!(self.label));
        }
        object.insert("name".into(), json!(self.name));
        if self.parts.is_empty() {
            object.insert("octets".into(), json!(hex::encode(&self.octets)));
        } else {
            object.insert("parts".into(), self.parts.iter().map(Self::to_json).collect());
        }
        if let Some(meaning) = &self.meaning {
            object.insert("meaning".into(), json!(meaning));
        }
        Value::Object(object)
    }
}
