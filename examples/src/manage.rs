//! What `manage-card` is made of: its command line, the card it talks to, what it does, and how it tells of it.
//!
//! ```text
//!  Arguments --> perform --> Session { Host, link, keys } --> tour | operations
//!                               |            |
//!                            Trace        embedded card | card reader | dry card
//!                               |
//!                            Console --> text | JSON lines
//! ```

mod arguments;
mod cap_file;
mod console;
pub mod decode;
mod dry_card;
mod embedded;
mod info;
mod keys;
mod operations;
mod outcome;
#[cfg(feature = "pcsc")]
mod reader;
mod registry;
mod session;
mod tour;

use std::io::{self, Write};

use gp_apdu::{LogicalChannel, Transport};
use gp_scp03::{Mode, StaticKeys};
use serde_json::json;

pub use arguments::{Action, Arguments, Colour, HELP};
pub use outcome::Outcome;

use crate::embedded_card::{CardMemory, Randomness};
use crate::hex;
use crate::trace::Trace;
use console::{Console, Format, Show, level_octet};
use dry_card::{DryCard, duplicate};
use session::Session;

/// A host that shows its exchanges on the console.
type Host<'b, 'w> = gp_cardmanager_model::host::Host<'b, Trace<Console<'w>>>;

/// Octets for the longest command and the longest answer.
const BUFFER: usize = 65_536 + 64;

/// Does what the command line says, and writes the report to `out`.
///
/// # Errors
/// [`Outcome`], which knows the exit code. The report up to there is written; in JSON it ends with the error.
pub fn perform(arguments: &Arguments, out: &mut dyn Write, colour: bool) -> Result<(), Outcome> {
    let format = if arguments.json { Format::JsonLines } else { Format::Text { colour } };
    let show = match arguments.action {
        _ if arguments.dry_run => Show::Plan,
        Action::Tour => Show::Everything,
        _ if arguments.verbose => Show::Everything,
        _ => Show::Progress,
    };
    let mut console = Console::new(out, format, show);
    match &arguments.action {
        Action::Help => console.text(HELP),
        Action::Version => console.text(concat!("manage-card ", env!("CARGO_PKG_VERSION"), "\n")),
        Action::Decode { octets, after } => {
            let (kind, parts) = decode::guess(octets, after.as_deref());
            console.title(kind);
            console.parts(&parts, 0, 2);
            console.json(&json!({
                "event": "decoded",
                "kind": kind,
                "octets": hex::encode(octets),
                "parts": parts.iter().map(decode::Part::to_json).collect::<Vec<_>>(),
            }));
        }
        Action::Readers => {
            let names = reader_names()?;
            names.iter().for_each(|name| console.line(name));
            console.json(&json!({"event": "readers", "names": names}));
        }
        _ => return with_card(arguments, console),
    }
    console.finish().map_err(Outcome::Output)
}

/// Finds the card, and goes on with it.
fn with_card(arguments: &Arguments, console: Console<'_>) -> Result<(), Outcome> {
    let embedded = || keys::embedded(arguments.key_length).map_err(|error| Outcome::Session(error.into(), None));
    let own = |keys: &StaticKeys| duplicate(keys).map_err(|error| Outcome::Session(error.into(), None));
    let randomness = |purpose| arguments.seed.map_or(Randomness::System, |seed| Randomness::seeded(seed, purpose));
    if arguments.dry_run {
        let keys = arguments.keys.as_ref().map_or_else(embedded, own)?;
        let mut card = DryCard::new(own(&keys)?, arguments.implementation);
        return with_link(arguments, console, &mut card, Some(keys), false);
    }
    if let Some(name) = &arguments.reader {
        let keys = arguments.keys.as_ref().map(own).transpose()?;
        return with_reader(name, |link| with_link(arguments, console, link, keys, arguments.kdf3));
    }
    let factory = embedded::Factory::new(arguments.key_length, arguments.implementation)
        .map_err(|error| Outcome::Session(error.into(), None))?;
    let key_sets = factory.key_sets();
    let profile = factory.profile(&key_sets);
    let store = arguments.store.as_deref();
    let mut memory = CardMemory::new();
    let applets = factory.make(&mut memory, store, &mut randomness("factory host"), randomness("factory card"));
    let applets = applets.map_err(Outcome::NoCard)?;
    let card = embedded::KeptCard::open(&mut memory, store, randomness("card"), applets, &profile);
    let keys = arguments.keys.as_ref().map_or_else(embedded, own)?;
    with_link(arguments, console, &mut card.map_err(Outcome::NoCard)?, Some(keys), arguments.kdf3)
}

/// Carries it out over a link.
fn with_link<'l>(
    arguments: &Arguments,
    mut console: Console<'_>,
    link: &mut (dyn Transport<Error = io::Error> + 'l),
    keys: Option<StaticKeys>,
    kdf3: bool,
) -> Result<(), Outcome> {
    let (mut command, mut response) = (vec![0; BUFFER], vec![0; BUFFER]);
    if matches!(arguments.action, Action::Tour) {
        introduce(&mut console, arguments);
    }
    let host = Host::new(&mut command, &mut response, Trace::new(console));
    let randomness = arguments.seed.map_or(Randomness::System, |seed| Randomness::seeded(seed, "host"));
    let mut session = Session { host, link: &mut &mut *link, arguments, randomness, keys, kdf3, selected: None };
    let result = match &arguments.action {
        Action::Tour => tour::tour(&mut session),
        action => operations::operate(&mut session, action),
    };
    session.host.observer_mut().flush();
    if matches!(result, Err(Outcome::Session(..) | Outcome::Operation(_)))
        && session.host.channel() != LogicalChannel::BASIC
    {
        // The card is still there, and so is the channel. What went wrong before is what counts.
        session.close_channel().ok();
    }
    let console = session.console();
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

#[cfg(feature = "pcsc")]
fn with_reader(
    name: &str,
    go_on: impl FnOnce(&mut dyn Transport<Error = io::Error>) -> Result<(), Outcome>,
) -> Result<(), Outcome> {
    let mut card = reader::connect(name).map_err(Outcome::NoCard)?;
    let mut link = reader::ReaderLink::new(&mut card).map_err(Outcome::NoCard)?;
    go_on(&mut link)
}

#[cfg(feature = "pcsc")]
fn reader_names() -> Result<Vec<String>, Outcome> {
    reader::names().map_err(Outcome::NoCard)
}

#[cfg(not(feature = "pcsc"))]
fn with_reader(
    _: &str,
    _: impl FnOnce(&mut dyn Transport<Error = io::Error>) -> Result<(), Outcome>,
) -> Result<(), Outcome> {
    Err(no_readers())
}

#[cfg(not(feature = "pcsc"))]
fn reader_names() -> Result<Vec<String>, Outcome> {
    Err(no_readers())
}

#[cfg(not(feature = "pcsc"))]
fn no_readers() -> Outcome {
    Outcome::Usage("this program was built without PC/SC: build it with --features pcsc to use card readers".into())
}

/// The first lines: who talks to whom, and how.
fn introduce(console: &mut Console<'_>, arguments: &Arguments) {
    let mode = match arguments.implementation.mode() {
        Mode::S8 => "S8",
        Mode::S16 => "S16",
    };
    let bits = arguments.keys.as_ref().map_or(arguments.key_length, |keys| keys.dek().length()).bits();
    let card = arguments.reader.as_deref().unwrap_or("the embedded card");
    console.title(&format!(
        "SCP03 with {card}: AES-{bits}, {mode}, level {} ({}), channel {}",
        level_octet(arguments.level),
        decode::level_name(arguments.level),
        arguments.channel.number(),
    ));
    console.json(&json!({
        "event": "start",
        "card": card,
        "key_bits": bits,
        "mode": mode,
        "level": level_octet(arguments.level),
        "channel": arguments.channel.number(),
    }));
}
