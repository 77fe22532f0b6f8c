//! What `virtual-card` is made of: the card model behind a virtual reader.
//!
//! ```text
//!  PC/SC program -- pcscd -- vpcd <== TCP ==> Link -- (master file of a UICC) -- EmbeddedCard
//!                                                \-- Transcript
//! ```

mod deviation;
mod factory;
mod options;
mod platform;
mod transcript;
mod uicc;
mod vpcd;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

pub use deviation::Deviating;
pub use factory::{Factory, FactoryError};
pub use options::{HELP, Options};
pub use platform::Platform;
pub use transcript::Transcript;
pub use uicc::intercept;
pub use vpcd::{Link, Request};

use crate::applets::CardApplets;
use crate::embedded_card::{CardMemory, EmbeddedCard, Randomness};
use crate::hex;

/// Registry entries and keys that the card has room for: with 100 load files there is room for as much again.
const ENTRIES: usize = 640;

/// Connects to the reader and is its card until the reader is gone.
///
/// # Errors
/// There is no reader, the store cannot be used, the connection broke, the transcript cannot be written.
pub fn run(options: &Options) -> io::Result<()> {
    let stream = TcpStream::connect((&options.host[..], options.port)).map_err(|error| {
        let text = format!("no vpcd at {}:{}: {error}; is pcscd running, with its driver?", options.host, options.port);
        io::Error::new(error.kind(), text)
    })?;
    stream.set_nodelay(true)?;
    serve(options, Prompt(stream))
}

/// Is the card of this reader until the reader is gone.
///
/// # Errors
/// Those of [`run`] but the first.
pub fn serve(options: &Options, stream: impl Read + Write) -> io::Result<()> {
    let factory = Factory::new(options);
    let key_sets = factory.key_sets();
    let mut memory = CardMemory::with_entries(ENTRIES);
    let store = options.store.as_deref();
    let fresh = factory.make(&mut memory, store, &key_sets).map_err(io::Error::other)?;
    let applets = match &fresh {
        Some(applets) => CardApplets::from_json(applets),
        None => match std::fs::read_to_string(applets_file(store)) {
            Ok(text) => CardApplets::from_json(&text),
            // The card knows which there are; they begin anew.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(CardApplets::new()),
            Err(error) => return Err(error),
        },
    };
    let applets = applets.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    if fresh.is_some() {
        keep(store, &applets)?;
    }
    let profile = factory.profile(&key_sets);
    let platform = Platform::new(Randomness::System);
    let mut kept = applets.changes();
    let mut card = EmbeddedCard::open_with(&mut memory, store, platform, applets, &profile)?;
    let mut transcript = match &options.transcript {
        Some(path) => Some(Transcript::begin(path, &head(options))?),
        None => None,
    };
    if options.verbose {
        eprintln!("virtual-card: i={:02X}, issuer security domain {}", options.implementation.octet(), options.isd);
    }
    let mut link = Link::new(stream);
    while let Some(request) = link.receive()? {
        let event = match request {
            Request::Command(mut command) => {
                let sent = command.clone();
                let intercepted = if options.uicc { uicc::intercept(&mut command) } else { None };
                let answer = match &intercepted {
                    Some(answer) => answer,
                    None => card.process(&command),
                };
                if options.verbose {
                    eprintln!("> {}\n< {}", hex::encode(&sent), hex::encode(answer));
                }
                let answer = answer.to_vec();
                // First what is kept and recorded, then the answer: what the client knows has been written.
                let changes = card.applets().changes();
                if changes != kept {
                    kept = changes;
                    keep(store, card.applets())?;
                }
                if let Some(transcript) = &mut transcript {
                    transcript.exchange(&sent, &answer)?;
                }
                link.send(&answer)?;
                continue;
            }
            Request::Atr => {
                link.send(&options.atr)?;
                continue;
            }
            Request::PowerOff => Some("power-off"),
            Request::Reset => Some("reset"),
            Request::PowerOn => None,
        };
        card.reset();
        if let (Some(transcript), Some(event)) = (&mut transcript, event) {
            transcript.event(event)?;
        }
    }
    Ok(())
}

/// Where the applications' data is kept.
fn applets_file(store: Option<&Path>) -> PathBuf {
    let mut path = store.unwrap_or(Path::new("card")).as_os_str().to_owned();
    path.push(".applets");
    path.into()
}

/// Writes the applications' data: the file is the old one or the new one, whatever happens.
fn keep(store: Option<&Path>, applets: &CardApplets) -> io::Result<()> {
    if store.is_none() {
        return Ok(());
    }
    let path = applets_file(store);
    let mut new = path.clone().into_os_string();
    new.push(".new");
    std::fs::write(&new, applets.to_json())?;
    std::fs::rename(new, path)
}

/// What a transcript says of the card.
fn head(options: &Options) -> Map<String, Value> {
    let lower = |octets: &[u8]| hex::encode(octets).to_lowercase();
    let key = |id| lower(options.keys.key(id).expose_secret());
    let i = options.implementation.octet();
    let head = json!({
        "client": options.client,
        "scenario": options.scenario,
        "card_keys": {
            "enc": key(gp_scp03::KeyId::Enc),
            "mac": key(gp_scp03::KeyId::Mac),
            "dek": key(gp_scp03::KeyId::Dek),
        },
        "kvn": format!("{:02x}", options.key_version),
        "i": format!("{i:02x}"),
        "s16": i & 0x01 != 0,
        "isd_aid": lower(options.isd.as_bytes()),
        "kdd": lower(&options.diversification),
        "seq_on": "init",
        "atr": lower(&options.atr),
    });
    match head {
        Value::Object(head) => head,
        _ => Map::new(),
    }
}

/// A connection that acknowledges at once. The driver sends length and octets in two writes, and would wait 40 ms for the
/// acknowledgement of the first.
struct Prompt(TcpStream);

impl Read for Prompt {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // The system forgets this again and again.
        #[cfg(target_os = "linux")]
        std::os::linux::net::TcpStreamExt::set_quickack(&self.0, true)?;
        self.0.read(out)
    }
}

impl Write for Prompt {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
