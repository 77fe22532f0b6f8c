//! Applications for the simulated cards: one object that owns every instance and is the card's [`Applets`].
//!
//! ```text
//!  module            instance
//!  F0 "GP-ECHO"      Echo: answers with the data of the command
//!  F0 "GP-DATA"      DataStore: data objects, written in a secure channel session only
//!  F0 00000001 ...   Echo as well: the modules of the load files that are there from the start
//!  anything else     a module whose code cannot run here: it can be selected, and knows no command
//! ```

mod data_store;
mod echo;
mod load_file;
mod state;

use std::collections::BTreeMap;

use gp_apdu::StatusWord;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::{self, Apdu, AppHandle, Applets, Installation};
use gp_tlv::{Writer, tags::fci};

pub use data_store::DataStore;
pub use echo::Echo;
pub use load_file::{load_file, numbered_load_file};
pub use state::StateError;

/// The load file with both modules, made by [`load_file()`].
pub const LOAD_FILE: Aid = aid(b"\xF0GP-APPS");
/// The module of [`Echo`].
pub const ECHO: Aid = aid(b"\xF0GP-ECHO");
/// The module of [`DataStore`].
pub const DATA_STORE: Aid = aid(b"\xF0GP-DATA");

/// What the modules of the numbered load files begin with.
const NUMBERED: &[u8] = &[0xF0, 0x00, 0x00, 0x00, 0x01];

const fn aid(octets: &[u8]) -> Aid {
    match Aid::new(octets) {
        Some(aid) => aid,
        None => panic!("5 to 16 octets"),
    }
}

/// One instance.
#[derive(Debug, PartialEq, Eq)]
enum Instance {
    Echo(Echo),
    DataStore(DataStore),
    /// Its module's code is for another machine.
    Foreign,
}

impl Instance {
    fn of(module: &Aid) -> Self {
        match module {
            module if *module == DATA_STORE => Self::DataStore(DataStore::default()),
            module if *module == ECHO || module.matches_prefix(NUMBERED) => Self::Echo(Echo),
            _ => Self::Foreign,
        }
    }
}

/// All applications of a card, each under the place of its registry entry.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CardApplets {
    instances: BTreeMap<u16, (Aid, Instance)>,
    changes: u64,
}

impl CardApplets {
    /// No instance yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Grows with every change of what the instances keep: who stores them knows when to store them again.
    #[must_use]
    pub const fn changes(&self) -> u64 {
        self.changes
    }

    /// The instance behind a handle.
    fn known(&self, app: AppHandle) -> Option<&Instance> {
        self.instances.get(&app.index.number()).filter(|(aid, _)| *aid == app.instance).map(|(_, instance)| instance)
    }

    fn known_mut(&mut self, app: AppHandle) -> Option<&mut Instance> {
        let place = self.instances.get_mut(&app.index.number());
        place.filter(|(aid, _)| *aid == app.instance).map(|(_, instance)| instance)
    }
}

impl Applets for CardApplets {
    fn start(&mut self, instances: &mut dyn Iterator<Item = card::Instance>) {
        let mut present = BTreeMap::new();
        for card::Instance { app, module, .. } in instances {
            let place = app.index.number();
            let kept = self.instances.remove(&place).filter(|(aid, _)| *aid == app.instance);
            // What was lost begins anew, with nothing in it.
            let made = || (app.instance, module.as_ref().map_or(Instance::Foreign, Instance::of));
            self.changes += u64::from(kept.is_none());
            present.insert(place, kept.unwrap_or_else(made));
        }
        // The card knows nothing of the others: their installation did not come to its end, or their deletion did.
        self.changes += u64::from(!self.instances.is_empty());
        self.instances = present;
    }

    fn install(&mut self, app: AppHandle, installation: &Installation<'_>) -> Result<(), StatusWord> {
        self.instances.insert(app.index.number(), (app.instance, Instance::of(&installation.module)));
        self.changes += 1;
        Ok(())
    }

    fn select(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        // As an application without data of its own answers: its name, and an empty A5.
        let mut writer = Writer::new(apdu.answer());
        let written = writer.nested(fci::TEMPLATE, |w| {
            w.tlv(fci::AID, app.instance.as_bytes())?.tlv(fci::PROPRIETARY_DATA, &[])?;
            Ok(())
        });
        written.map_err(|_| StatusWord::UNKNOWN)?;
        Ok(writer.len())
    }

    fn process(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        match self.known_mut(app) {
            Some(Instance::Echo(_)) => Echo::process(apdu),
            Some(Instance::DataStore(store)) => {
                let writes = store.writes();
                let answer = store.process(apdu);
                let written = store.writes() != writes;
                self.changes += u64::from(written);
                answer
            }
            // Also a security domain's handle: nothing here extends those.
            Some(Instance::Foreign) | None => Err(StatusWord::INS_NOT_SUPPORTED),
        }
    }

    fn personalize(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        let Some(Instance::DataStore(store)) = self.known_mut(app) else { return Err(StatusWord::CONDITIONS_OF_USE) };
        let answer = store.personalize(apdu);
        self.changes += 1;
        answer
    }

    fn uses_secure_channel(&self, app: AppHandle) -> bool {
        matches!(self.known(app), Some(Instance::DataStore(_)))
    }

    fn delete(&mut self, app: AppHandle) {
        if self.instances.remove(&app.index.number()).is_some() {
            self.changes += 1;
        }
    }
}
