//! What the applications keep, as JSON: beside the card's storage, which knows nothing of their insides.
//!
//! ```text
//!  {"5": {"aid": "F0…", "module": "data-store", "objects": {"9F01": "00AA"}}, …}      the place in the registry
//! ```

use std::fmt;

use gp_cardmanager_model::aid::Aid;
use serde_json::{Map, Value, json};

use super::{CardApplets, DataStore, Echo, Instance};
use crate::hex;

/// The text is no record of applications: what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateError(String);

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no record of applications: {}", self.0)
    }
}

impl std::error::Error for StateError {}

impl CardApplets {
    /// Everything that the instances keep, as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let instances = self.instances.iter().map(|(place, (aid, instance))| {
            let aid = hex::encode(aid.as_bytes());
            let value = match instance {
                Instance::Echo(_) => json!({"aid": aid, "module": "echo"}),
                Instance::Foreign => json!({"aid": aid, "module": "foreign"}),
                Instance::DataStore(store) => {
                    let objects = store.objects().iter();
                    let objects = objects.map(|(tag, value)| (format!("{tag:04X}"), hex::encode(value).into()));
                    json!({"aid": aid, "module": "data-store", "objects": objects.collect::<Map<_, _>>()})
                }
            };
            (place.to_string(), value)
        });
        Value::Object(instances.collect()).to_string()
    }

    /// The applications as [`to_json`](Self::to_json) wrote them.
    ///
    /// # Errors
    /// [`StateError`] for any other text.
    pub fn from_json(text: &str) -> Result<Self, StateError> {
        let value: Value = serde_json::from_str(text).map_err(|error| StateError(error.to_string()))?;
        let places = value.as_object().ok_or_else(|| StateError("not an object".into()))?;
        let mut applets = Self::default();
        for (place, value) in places {
            let (place, entry) = instance(place, value).ok_or_else(|| StateError(format!("instance {place}")))?;
            applets.instances.insert(place, entry);
        }
        Ok(applets)
    }
}

fn instance(place: &str, value: &Value) -> Option<(u16, (Aid, Instance))> {
    let aid = Aid::new(&hex::decode(value["aid"].as_str()?)?)?;
    let instance = match value["module"].as_str()? {
        "echo" => Instance::Echo(Echo),
        "foreign" => Instance::Foreign,
        "data-store" => {
            let mut store = DataStore::default();
            for (tag, value) in value["objects"].as_object()? {
                store.restore(u16::from_str_radix(tag, 16).ok()?, hex::decode(value.as_str()?)?);
            }
            Instance::DataStore(store)
        }
        _ => return None,
    };
    Some((place.parse().ok()?, (aid, instance)))
}
