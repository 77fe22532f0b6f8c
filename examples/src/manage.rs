//! What `manage-card` is made of: its command line, the card it talks to, what it does, and how it tells of it.

mod arguments;
mod console;
pub mod decode;
mod hex;
mod keys;
mod outcome;
mod registry;
mod tour;

use std::io::Write;

use gp_cardmanager_model::card::{FactoryKeySet, FactoryKeys, Profile};
use gp_scp03::SequenceCounter;
use serde_json::json;

pub use arguments::{Action, Arguments, Colour, HELP};
pub use outcome::Outcome;

use crate::embedded_card::{CardMemory, EmbeddedCard, Randomness};
use crate::trace::Trace;
use console::{Console, Format, level_octet};

/// A host that shows its exchanges on the console.
type Host<'b, 'w> = gp_cardmanager_model::host::Host<'b, Trace<Console<'w>>>;

/// Octets for the longest command and the longest answer.
const BUFFER: usize = 65_536 + 64;

/// Production data of the embedded card: made up.
const CPLC: [u8; 42] = [
    0x47, 0x50, 0x00, 0x01, 0x47, 0x50, 0x60, 0x01, 0x00, 0x01, 0x60, 0x02, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x47,
    0x50, 0x60, 0x03, 0x47, 0x50, 0x60, 0x04, 0x47, 0x50, 0x60, 0x05, 0x00, 0x00, 0x00, 0x01, 0x47, 0x50, 0x60, 0x06,
    0x00, 0x00, 0x00, 0x01,
];

/// Does what the command line says, and writes the report to `out`.
///
/// # Errors
/// [`Outcome`], which knows the exit code. The report up to there is written; in JSON it ends with the error.
pub fn perform(arguments: &Arguments, out: &mut dyn Write, colour: bool) -> Result<(), Outcome> {
    let format = if arguments.json { Format::JsonLines } else { Format::Text { colour } };
    let mut console = Console::new(out, format, true);
    match arguments.action {
        Action::Help => {
            console.text(HELP);
            return console.finish().map_err(Outcome::Output);
        }
        Action::Version => {
            console.text(concat!("manage-card ", env!("CARGO_PKG_VERSION"), "\n"));
            return console.finish().map_err(Outcome::Output);
        }
        Action::Tour => {}
    }
    let keys = keys::embedded(arguments.key_length).map_err(|error| Outcome::Session(error.into()))?;
    let key_sets = [FactoryKeys {
        version: keys::EMBEDDED_VERSION,
        keys: FactoryKeySet::Complete(&keys),
        sequence: SequenceCounter::default().octets(),
    }];
    let profile = Profile {
        implementation: arguments.implementation,
        diversification: *b"EMBEDDED01",
        iin: &[0x99, 0x99, 0x99],
        cin: b"EMBEDDED01",
        cplc: Some(CPLC),
        ..Profile::new(&key_sets)
    };
    let randomness = |purpose| arguments.seed.map_or(Randomness::System, |seed| Randomness::seeded(seed, purpose));
    let mut memory = CardMemory::new();
    let mut card = EmbeddedCard::open(&mut memory, arguments.store.as_deref(), randomness("card"), &profile)
        .map_err(Outcome::NoCard)?;

    let (mut command, mut response) = (vec![0; BUFFER], vec![0; BUFFER]);
    introduce(&mut console, arguments);
    let mut host = Host::new(&mut command, &mut response, Trace::new(console));
    let result = tour::tour(&mut host, &mut card, arguments, &keys, &mut randomness("host"));
    host.observer_mut().flush();
    let console = host.observer_mut().sink_mut();
    match &result {
        Ok(()) => console.json(&json!({"event": "end", "exit_code": 0})),
        Err(outcome) => console.json(&json!({
            "event": "error",
            "message": outcome.to_string(),
            "advice": outcome.advice(),
            "exit_code": outcome.exit_code(),
        })),
    }
    console.finish().map_err(Outcome::Output)?;
    result
}

/// The first lines: who talks to whom, and how.
fn introduce(console: &mut Console<'_>, arguments: &Arguments) {
    let mode = match arguments.implementation.mode() {
        gp_scp03::Mode::S8 => "S8",
        gp_scp03::Mode::S16 => "S16",
    };
    console.title(&format!(
        "SCP03 with the embedded card: AES-{}, {mode}, \"i\" {:02X}, level {} ({}), channel {}",
        arguments.key_length.bits(),
        arguments.implementation.octet(),
        level_octet(arguments.level),
        decode::level_name(arguments.level),
        arguments.channel.number(),
    ));
    console.json(&json!({
        "event": "start",
        "card": "embedded",
        "key_bits": arguments.key_length.bits(),
        "mode": mode,
        "i": format!("{:02X}", arguments.implementation.octet()),
        "level": level_octet(arguments.level),
        "channel": arguments.channel.number(),
    }));
}
