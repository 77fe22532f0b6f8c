//! How the virtual card is made: what every card of its kind has, and what the options add.
//!
//! The load files to begin with come the regular way: the factory opens a session and loads them. It does so while the
//! card still has random challenges, so that the sequence counter of its keys is as the options say.

use std::fmt;
use std::io;
use std::path::Path;

use gp_apdu::{Class, Command, Form, Header, Le, ins};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::{Deviations, FactoryKeySet, FactoryKeys, Profile};
use gp_cardmanager_model::host::{Authenticate, Host, Raw, run};
use gp_cardmanager_model::lifecycle::CardLifeCycle;
use gp_scp03::{Challenge, Implementation, Quirks, SecurityLevel};

use super::{Options, Platform};
use crate::applets::{CardApplets, numbered_load_file};
use crate::embedded_card::{CardMemory, EmbeddedCard, Randomness};

/// CPLC data: an issuer's choice, no chip that exists.
const CPLC: [u8; 42] = [
    0x47, 0x90, 0xD3, 0x21, 0x20, 0x04, 0x01, 0x05, 0x30, 0x42, 0x00, 0x00, 0x12, 0x34, 0x56, 0x78, 0x00, 0x11, 0x22,
    0x33, 0x48, 0x12, 0x00, 0x00, 0x48, 0x12, 0x00, 0x00, 0x48, 0x12, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00,
];

/// Makes virtual cards.
#[derive(Debug)]
pub struct Factory<'o> {
    options: &'o Options,
}

impl<'o> Factory<'o> {
    /// For these options.
    #[must_use]
    pub const fn new(options: &'o Options) -> Self {
        Self { options }
    }

    /// The key sets that the card is born with.
    #[must_use]
    pub const fn key_sets(&self) -> [FactoryKeys<'o>; 1] {
        let options = self.options;
        [FactoryKeys {
            version: options.key_version,
            keys: FactoryKeySet::Complete(&options.keys),
            sequence: options.sequence,
        }]
    }

    /// The card that these options ask for.
    #[must_use]
    pub fn profile<'p>(&'p self, key_sets: &'p [FactoryKeys<'p>]) -> Profile<'p> {
        let options = self.options;
        Profile {
            isd: options.isd,
            aliases: &options.aliases,
            life_cycle: if options.op_ready { CardLifeCycle::OpReady } else { CardLifeCycle::Secured },
            implementation: options.implementation,
            diversification: options.diversification,
            iin: b"ISSUER",
            cin: &[1, 2, 3, 4, 5, 6, 7, 8],
            cplc: Some(CPLC),
            production_life_cycle: &CPLC[..6],
            max_command_data: options.max_block,
            status_limit: options.status_limit,
            quirks: options.deviating.quirks,
            deviations: options.deviating.deviations,
            ..Profile::new(key_sets)
        }
    }

    /// Makes the card, unless there is one in the store. Yields the data of its applications if it was made now.
    ///
    /// # Errors
    /// The store cannot be used, or the card refused what the factory wants.
    pub fn make(
        &self,
        memory: &mut CardMemory,
        store: Option<&Path>,
        key_sets: &[FactoryKeys<'_>],
    ) -> Result<Option<String>, FactoryError> {
        let wanted = self.options.implementation.octet();
        // Random challenges, no deviations, everything else as wanted.
        let profile = Profile {
            implementation: Implementation::new(wanted & !0x10),
            quirks: Quirks::NONE,
            deviations: Deviations::NONE,
            ..self.profile(key_sets)
        };
        let platform = Platform::new(Randomness::System);
        let mut card = EmbeddedCard::open_with(memory, store, platform, CardApplets::new(), &profile)?;
        if !card.is_fresh() {
            return Ok(None);
        }
        if self.options.preload > 0 {
            self.load(&mut card)?;
        }
        Ok(Some(card.applets().to_json()))
    }

    fn load(&self, card: &mut EmbeddedCard<'_, Platform, CardApplets>) -> Result<(), FactoryError> {
        let refused = |error: &dyn fmt::Display| FactoryError(error.to_string());
        let (mut command, mut response) = ([0; 261], [0; 258]);
        let mut host = Host::new(&mut command, &mut response, ());
        let mut octets = [0; 16];
        Randomness::System.fill(&mut octets)?;
        let mode = self.options.implementation.mode();
        let challenge = octets.get(..mode.octets()).unwrap_or_default();
        let challenge = Challenge::new(challenge).map_err(|error| refused(&error))?;
        let open = Authenticate::new(challenge, SecurityLevel::CMac, |_| Ok(&self.options.keys));
        run(&mut host, card, open).map_err(|error| refused(&error))?;
        let mut send = |ins, p1, data: &[u8]| {
            let header = Header::new(Class::GP, ins, p1, 0x00);
            let command = Command { header, data, le: Some(Le::MAX_SHORT), form: Form::Short };
            let answer = run(&mut host, card, Raw::new(command)).map_err(|error| refused(&error))?;
            if answer.status.is_success() { Ok(()) } else { Err(FactoryError(answer.status.to_string())) }
        };
        for number in 0..self.options.preload {
            let (file, module, octets) = numbered_load_file(number);
            let lv = |aid: &Aid| [&[u8::try_from(aid.as_bytes().len()).unwrap_or(0)], aid.as_bytes()].concat();
            send(ins::INSTALL, 0x02, &[&lv(&file)[..], &[0, 0, 0, 0]].concat())?;
            send(ins::LOAD, 0x80, &octets)?;
            let instance = [lv(&file), lv(&module), lv(&module), vec![1, 0x00, 2, 0xC9, 0x00, 0]].concat();
            send(ins::INSTALL, 0x0C, &instance)?;
        }
        Ok(())
    }
}

/// The card could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactoryError(String);

impl fmt::Display for FactoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the card could not be made: {}", self.0)
    }
}

impl std::error::Error for FactoryError {}

impl From<io::Error> for FactoryError {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}
