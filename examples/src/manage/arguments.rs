//! The command line.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use gp_apdu::LogicalChannel;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::lifecycle::Kind;
use gp_cardmanager_model::privileges::Privileges;
use gp_cardmanager_model::signature::HashAlgorithm;
use gp_cardmanager_model::store_data::{Encryption, StoreDataFormat, Structure};
use gp_scp03::{Implementation, Key, KeyLength, Mode, SecurityLevel, StaticKeys};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::hex;

/// What `--help` prints.
pub const HELP: &str = "\
Opens an SCP03 session with a card and manages the card. Without a command it shows and explains a whole session.

Usage: manage-card [COMMAND] [OPTIONS]

Commands:
  tour                    select, discover, authenticate, list, and explain each step (the default)
  info                    what the card says of itself; needs no keys
  list                    the registry: security domains, applications, load files
  load CAP                load a CAP file (or the joined components of one)
      --hash ALGORITHM      send its hash, too: sha1, sha256, sha384 or sha512
      --to AID              associate it with this security domain
      --descriptor          send the Descriptor component, too
      --sizes               tell the card beforehand what memory the file needs
      --block N             at most so many octets in a LOAD command
  install FILE MODULE     make an application (or security domain) of a module, by AIDs, and make it selectable
      --aid AID             its name; the module's by default
      --privileges HEX      one octet or three
      --params HEX          what the application gets (the value of C9)
      --installed           leave it INSTALLED
  delete AID              delete an application or load file
      --related             a load file with everything that was installed from it
  delete --version HEX    delete a key version
  lock AID|card           lock an application, a security domain, or the card
  unlock AID|card         unlock it again
      --below               with everything below a security domain
  put-keys                put a key set
      --new-key HEX         all three keys; or --new-enc, --new-mac and --new-dek
      --new-version HEX     01 to 7F
      --replace HEX         replace this version; without it the set is added
  rotate-keys             put a key set, prove it in a session of its own, and only then let go of the old one
      --new-key ...         as for put-keys
      --record FILE         keep the state in this file, so that an interrupted rotation can be taken up again
      --delete-old          delete the old set in the end
      --attempts N          stop when so many in a row have failed to open a session (2); the record keeps the count
  store-data HEX          store data in a security domain
      --to AID              or in this application of it
      --dgi                 it is made of data groupings; by default it is BER-TLV
  apdu HEX...             send commands as they are, protected by the session
      --plain               without a session; nothing is selected first
  decode HEX              take a command, response or data object apart
      --after HEX           it is the response to this command
  readers                 the names of all card readers

The session:
      --level LEVEL       00, 01, 03, 11, 13 or 33 (the default: everything protected)
      --mode MODE         s8 or s16: challenges and MACs of 8 or 16 octets
      --channel N         the logical channel, 0 to 19
      --domain AID        the security domain to talk to; the issuer's by default
      --kvn HEX           the key version; the card's first by default
      --key HEX           all three keys; or --enc, --mac and --dek. @FILE reads the digits from a file
      --kdf3              these are master keys, and each card has its own by KDF3

The card:
      --reader NAME       a card reader, by a part of its name; without it the embedded card is used
      --store FILE        keep the embedded card in this file between runs
      --key-bits BITS     the keys of the embedded card: 128 (the default), 192 or 256
      --i HEX             its \"i\" parameter; 70 or 71 by default, as --mode says
      --seed N            make the embedded card and its host repeat themselves, for demonstrations

The report:
  -n, --dry-run           send nothing: show the commands that would be sent
  -v, --verbose           show each exchange with the card (the tour does so in any case)
      --json              one JSON object per line
      --show-keys         print static and session keys, too
      --color WHEN        auto (the default: a terminal, and NO_COLOR not set), always or never
  -h, --help              this text
  -V, --version           the version

Exit status: 0 done, 1 the card refused an operation, 2 wrong usage, 3 no session could be opened,
4 no card (reader, link or file), 5 the report could not be written.
";

/// What the program is to do.
#[derive(Debug)]
#[non_exhaustive]
pub enum Action {
    /// Open a session, look at everything, and explain each step.
    Tour,
    /// What the card says of itself.
    Info,
    /// The registry.
    List,
    /// Load a file.
    Load {
        /// The CAP file.
        file: PathBuf,
        /// The hash to send.
        hash: Option<HashAlgorithm>,
        /// The security domain that it is for.
        to: Option<Aid>,
        /// Send the Descriptor component.
        descriptor: bool,
        /// Say beforehand what memory it needs.
        sizes: bool,
        /// The most octets of a LOAD command.
        block: Option<usize>,
    },
    /// Install an application.
    Install {
        /// The load file.
        file: Aid,
        /// The module.
        module: Aid,
        /// The instance.
        aid: Aid,
        /// The privileges field.
        privileges: Vec<u8>,
        /// What the application gets.
        parameters: Vec<u8>,
        /// Make it selectable.
        selectable: bool,
    },
    /// Delete an object.
    Delete {
        /// Its name.
        aid: Aid,
        /// And what was made from it.
        related: bool,
    },
    /// Delete a key version.
    DeleteKeys {
        /// The version.
        version: u8,
    },
    /// Lock or unlock.
    Lock {
        /// Which object; `None` for the card.
        aid: Option<Aid>,
        /// With everything below.
        below: bool,
        /// Lock it, not unlock.
        lock: bool,
    },
    /// Put a key set.
    PutKeys {
        /// The keys.
        keys: StaticKeys,
        /// Their version.
        version: u8,
        /// The version that they replace.
        replace: Option<u8>,
    },
    /// Rotate a key set.
    RotateKeys {
        /// The keys.
        keys: StaticKeys,
        /// Their version.
        version: u8,
        /// The version that they replace.
        replace: Option<u8>,
        /// Where the record is.
        record: Option<PathBuf>,
        /// Delete the old set.
        delete_old: bool,
        /// So many attempts to open a session may fail.
        attempts: Option<u8>,
    },
    /// Store data.
    StoreData {
        /// The data.
        data: Vec<u8>,
        /// For this application.
        to: Option<Aid>,
        /// How it is structured.
        format: StoreDataFormat,
    },
    /// Send commands.
    Apdu {
        /// The commands.
        commands: Vec<Vec<u8>>,
        /// Without selection and session.
        plain: bool,
    },
    /// Take a message apart.
    Decode {
        /// The message.
        octets: Vec<u8>,
        /// The command that it answers.
        after: Option<Vec<u8>>,
    },
    /// List card readers.
    Readers,
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
}

/// When output has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A command line that makes sense.
#[derive(Debug)]
pub struct Arguments {
    /// What to do.
    pub action: Action,
    /// The security level of the session.
    pub level: SecurityLevel,
    /// The `i` parameter of the embedded card. Its mode is that of the session.
    pub implementation: Implementation,
    /// The logical channel.
    pub channel: LogicalChannel,
    /// The security domain.
    pub domain: Option<Aid>,
    /// The key version to ask for, 00 for the first one.
    pub key_version: u8,
    /// The keys, where they are given.
    pub keys: Option<StaticKeys>,
    /// The keys are master keys for KDF3.
    pub kdf3: bool,
    /// A part of the name of the card reader.
    pub reader: Option<String>,
    /// The file that keeps the embedded card.
    pub store: Option<PathBuf>,
    /// The length of the embedded card's keys.
    pub key_length: KeyLength,
    /// A seed that makes everything repeatable.
    pub seed: Option<u64>,
    /// Send nothing.
    pub dry_run: bool,
    /// Show exchanges.
    pub verbose: bool,
    /// One JSON object per line instead of text.
    pub json: bool,
    /// Print keys.
    pub show_keys: bool,
    /// Colours.
    pub colour: Colour,
}

/// All options, and whether they take a value.
const OPTIONS: &[(&str, bool)] = &[
    ("level", true),
    ("mode", true),
    ("channel", true),
    ("domain", true),
    ("kvn", true),
    ("key", true),
    ("enc", true),
    ("mac", true),
    ("dek", true),
    ("kdf3", false),
    ("reader", true),
    ("store", true),
    ("key-bits", true),
    ("i", true),
    ("seed", true),
    ("dry-run", false),
    ("verbose", false),
    ("json", false),
    ("show-keys", false),
    ("color", true),
    ("hash", true),
    ("to", true),
    ("descriptor", false),
    ("sizes", false),
    ("block", true),
    ("aid", true),
    ("privileges", true),
    ("params", true),
    ("installed", false),
    ("related", false),
    ("version", true),
    ("below", false),
    ("new-key", true),
    ("new-enc", true),
    ("new-mac", true),
    ("new-dek", true),
    ("new-version", true),
    ("replace", true),
    ("record", true),
    ("delete-old", false),
    ("attempts", true),
    ("dgi", false),
    ("plain", false),
    ("after", true),
];

impl Arguments {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// What is wrong with them, in a line.
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut given = Given::read(words)?;
        let level = given.value("level", parse_level)?.unwrap_or(SecurityLevel::Full);
        let implementation = implementation(given.value("mode", parse_mode)?, given.value("i", parse_octet)?)?;
        let key_length = given.value("key-bits", parse_bits)?;
        let reader = given.value("reader", |word| Ok(word.to_owned()))?;
        let arguments = Self {
            level,
            implementation,
            channel: given.value("channel", parse_channel)?.unwrap_or(LogicalChannel::BASIC),
            domain: given.value("domain", parse_aid)?,
            key_version: given.value("kvn", parse_octet)?.unwrap_or(0),
            keys: given.keys("")?,
            kdf3: given.flag("kdf3"),
            store: given.path("store"),
            key_length: key_length.unwrap_or(KeyLength::Aes128),
            seed: given.value("seed", parse_number)?,
            dry_run: given.flag("dry-run"),
            verbose: given.flag("verbose"),
            json: given.flag("json"),
            show_keys: given.flag("show-keys"),
            colour: given.value("color", parse_colour)?.unwrap_or(Colour::Auto),
            reader,
            action: given.action()?,
        };
        if let Some(option) = given.options.keys().next() {
            let command = given.command.as_deref().unwrap_or("tour");
            return Err(format!("--{option} does not belong to {command}"));
        }
        arguments.check(key_length.is_some())
    }

    /// Options that do not go together.
    fn check(self, key_bits: bool) -> Result<Self, String> {
        let alone = matches!(self.action, Action::Help | Action::Version | Action::Decode { .. } | Action::Readers);
        if alone {
            return Ok(self);
        }
        if self.reader.is_some() {
            let embedded =
                [("--store", self.store.is_some()), ("--seed", self.seed.is_some()), ("--key-bits", key_bits)];
            if let Some((option, _)) = embedded.into_iter().find(|(_, given)| *given) {
                return Err(format!("{option} is for the embedded card, not for one in a reader"));
            }
            let needs_keys = match self.action {
                Action::Info => false,
                Action::Apdu { plain, .. } => !plain,
                _ => true,
            };
            if needs_keys && self.keys.is_none() {
                return Err("a card in a reader has keys of its own: give --key, or --enc, --mac and --dek".into());
            }
        }
        let not_dry = matches!(self.action, Action::Tour | Action::Info | Action::List);
        if self.dry_run && not_dry {
            return Err("--dry-run is for commands that change something on the card".into());
        }
        Ok(self)
    }
}

/// The words, sorted.
#[derive(Default)]
struct Given {
    command: Option<String>,
    operands: Vec<OsString>,
    options: BTreeMap<&'static str, OsString>,
    help: bool,
    version: bool,
}

impl Given {
    fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut given = Self::default();
        let mut parser = Parser::from_args(words);
        while let Some(word) = parser.next().map_err(text)? {
            let name = match &word {
                Arg::Value(value) if given.command.is_none() => {
                    given.command = Some(value.to_string_lossy().into_owned());
                    continue;
                }
                Arg::Value(value) => {
                    given.operands.push(value.clone());
                    continue;
                }
                Arg::Short('h') | Arg::Long("help") => {
                    given.help = true;
                    continue;
                }
                Arg::Short('V') => {
                    given.version = true;
                    continue;
                }
                Arg::Short('n') => "dry-run",
                Arg::Short('v') => "verbose",
                Arg::Long("colour") => "color",
                // The version of the program, or with a command the one of a key set.
                Arg::Long("version") if given.command.as_deref() != Some("delete") => {
                    given.version = true;
                    continue;
                }
                Arg::Long(name) => name,
                Arg::Short(_) => return Err(text(word.unexpected())),
            };
            let Some((name, takes_value)) = OPTIONS.iter().find(|(known, _)| *known == name) else {
                return Err(text(word.unexpected()));
            };
            let value = if *takes_value { parser.value().map_err(text)? } else { OsString::new() };
            if given.options.insert(name, value).is_some() {
                return Err(format!("--{name} is given twice"));
            }
        }
        Ok(given)
    }

    fn flag(&mut self, name: &str) -> bool {
        self.options.remove(name).is_some()
    }

    fn path(&mut self, name: &str) -> Option<PathBuf> {
        self.options.remove(name).map(PathBuf::from)
    }

    /// The value of an option, read by `read`, which says what it expects where it cannot.
    fn value<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Result<Option<T>, String> {
        let Some(word) = self.options.remove(name) else { return Ok(None) };
        let word = word.string().map_err(text)?;
        read(&word).map(Some).map_err(|expected| format!("--{name} takes {expected}, not '{word}'"))
    }

    /// The value of an option that must be there.
    fn needed<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, &'static str>) -> Result<T, String> {
        self.value(name, read)?.ok_or_else(|| format!("--{name} is missing"))
    }

    /// The next operand.
    fn operand<T>(&mut self, what: &str, read: impl FnOnce(&str) -> Result<T, &'static str>) -> Result<T, String> {
        if self.operands.is_empty() {
            return Err(format!("{what} is missing"));
        }
        let word = self.operands.remove(0).string().map_err(text)?;
        read(&word).map_err(|expected| format!("{what} is {expected}, not '{word}'"))
    }

    /// A key: hexadecimal digits, or a file with them. The message never repeats them.
    fn key(&mut self, name: &str) -> Result<Option<Key>, String> {
        let Some(word) = self.options.remove(name) else { return Ok(None) };
        let word = word.string().map_err(text)?;
        let digits = match word.strip_prefix('@') {
            Some(path) => std::fs::read_to_string(path).map_err(|error| format!("--{name}: {path}: {error}"))?,
            None => word,
        };
        let key = hex::decode(&digits).and_then(|octets| Key::new(&octets).ok());
        key.map(Some).ok_or_else(|| format!("--{name} takes 32, 48 or 64 hexadecimal digits"))
    }

    /// A key set: one key for all, or three.
    fn keys(&mut self, prefix: &str) -> Result<Option<StaticKeys>, String> {
        let mut key = |name: &str| self.key(&format!("{prefix}{name}"));
        let one = key("key")?;
        let three = [key("enc")?, key("mac")?, key("dek")?];
        let set = match (one, three) {
            (None, [None, None, None]) => return Ok(None),
            (Some(key), [None, None, None]) => StaticKeys::same(key.expose_secret()),
            (None, [Some(enc), Some(mac), Some(dek)]) => StaticKeys::new(enc, mac, dek),
            (Some(_), _) => {
                return Err(format!("--{prefix}key excludes --{prefix}enc, --{prefix}mac and --{prefix}dek"));
            }
            (None, _) => return Err(format!("--{prefix}enc, --{prefix}mac and --{prefix}dek belong together")),
        };
        set.map(Some).map_err(|_| "the keys of a set have the same length".into())
    }

    fn action(&mut self) -> Result<Action, String> {
        if self.help || self.version {
            self.options.clear();
            return Ok(if self.help { Action::Help } else { Action::Version });
        }
        let command = self.command.clone();
        let action = match command.as_deref() {
            None | Some("tour") => Action::Tour,
            Some("info") => Action::Info,
            Some("list") => Action::List,
            Some("load") => Action::Load {
                file: self.operand("the CAP file", |word| Ok(PathBuf::from(word)))?,
                hash: self.value("hash", parse_hash)?,
                to: self.value("to", parse_aid)?,
                descriptor: self.flag("descriptor"),
                sizes: self.flag("sizes"),
                block: self.value("block", parse_block)?,
            },
            Some("install") => {
                let file = self.operand("the load file", parse_aid)?;
                let module = self.operand("the module", parse_aid)?;
                Action::Install {
                    file,
                    module,
                    aid: self.value("aid", parse_aid)?.unwrap_or(module),
                    privileges: self.value("privileges", parse_privileges)?.unwrap_or_else(|| vec![0x00]),
                    parameters: self.value("params", parse_hex)?.unwrap_or_default(),
                    selectable: !self.flag("installed"),
                }
            }
            Some("delete") => match self.value("version", parse_octet)? {
                Some(version) => Action::DeleteKeys { version },
                None => Action::Delete {
                    aid: self.operand("the application or load file", parse_aid)?,
                    related: self.flag("related"),
                },
            },
            Some(word @ ("lock" | "unlock")) => Action::Lock {
                lock: word == "lock",
                aid: self.operand("what to lock or unlock", parse_target)?,
                below: self.flag("below"),
            },
            Some("put-keys") => Action::PutKeys {
                keys: self.keys("new-")?.ok_or("--new-key is missing")?,
                version: self.needed("new-version", parse_key_version)?,
                replace: self.value("replace", parse_octet)?,
            },
            Some("rotate-keys") => Action::RotateKeys {
                keys: self.keys("new-")?.ok_or("--new-key is missing")?,
                version: self.needed("new-version", parse_key_version)?,
                replace: self.value("replace", parse_octet)?,
                record: self.path("record"),
                delete_old: self.flag("delete-old"),
                attempts: self.value("attempts", parse_attempts)?,
            },
            Some("store-data") => Action::StoreData {
                data: self.operand("the data", parse_hex)?,
                to: self.value("to", parse_aid)?,
                format: StoreDataFormat {
                    encryption: Encryption::None,
                    structure: if self.flag("dgi") { Structure::Dgi } else { Structure::BerTlv },
                    answer: false,
                },
            },
            Some("apdu") => {
                let mut commands = vec![self.operand("a command", parse_hex)?];
                while !self.operands.is_empty() {
                    commands.push(self.operand("a command", parse_hex)?);
                }
                Action::Apdu { commands, plain: self.flag("plain") }
            }
            Some("decode") => {
                // Spaces in it need no quotes.
                let mut octets = self.operand("the message", parse_hex)?;
                while !self.operands.is_empty() {
                    octets.extend(self.operand("the message", parse_hex)?);
                }
                Action::Decode { octets, after: self.value("after", parse_hex)? }
            }
            Some("readers") => Action::Readers,
            Some("help") => Action::Help,
            Some(other) => return Err(format!("there is no command '{other}'")),
        };
        match self.operands.first() {
            Some(word) => Err(format!("'{}' is too much", word.to_string_lossy())),
            None => Ok(action),
        }
    }
}

/// The mode is part of `i`: either may be left out, and both must agree.
fn implementation(mode: Option<Mode>, i: Option<u8>) -> Result<Implementation, String> {
    let i = match (mode, i) {
        (None | Some(Mode::S8), None) => 0x70,
        (Some(Mode::S16), None) => 0x71,
        (None, Some(i)) => i,
        (Some(mode), Some(i)) if Implementation::new(i).mode() == mode => i,
        (Some(_), Some(i)) => {
            return Err(format!("--mode and --i {i:02X} contradict each other: b1 of \"i\" stands for S16"));
        }
    };
    Ok(Implementation::new(i))
}

fn text(error: lexopt::Error) -> String {
    error.to_string()
}

fn parse_level(word: &str) -> Result<SecurityLevel, &'static str> {
    parse_octet(word).ok().and_then(SecurityLevel::from_octet).ok_or("00, 01, 03, 11, 13 or 33")
}

fn parse_bits(word: &str) -> Result<KeyLength, &'static str> {
    match word {
        "128" => Ok(KeyLength::Aes128),
        "192" => Ok(KeyLength::Aes192),
        "256" => Ok(KeyLength::Aes256),
        _ => Err("128, 192 or 256"),
    }
}

fn parse_mode(word: &str) -> Result<Mode, &'static str> {
    match word {
        "s8" | "S8" => Ok(Mode::S8),
        "s16" | "S16" => Ok(Mode::S16),
        _ => Err("s8 or s16"),
    }
}

fn parse_octet(word: &str) -> Result<u8, &'static str> {
    match hex::decode(word).as_deref() {
        Some([octet]) => Ok(*octet),
        _ => Err("two hexadecimal digits"),
    }
}

fn parse_key_version(word: &str) -> Result<u8, &'static str> {
    parse_octet(word).ok().filter(|version| (0x01..=0x7F).contains(version)).ok_or("a version from 01 to 7F")
}

fn parse_hex(word: &str) -> Result<Vec<u8>, &'static str> {
    hex::decode(word).ok_or("pairs of hexadecimal digits")
}

fn parse_aid(word: &str) -> Result<Aid, &'static str> {
    hex::decode(word).and_then(|octets| Aid::new(&octets)).ok_or("an AID of 5 to 16 octets in hexadecimal digits")
}

/// An AID, or the card.
fn parse_target(word: &str) -> Result<Option<Aid>, &'static str> {
    if word == "card" { Ok(None) } else { parse_aid(word).map(Some).map_err(|_| "an AID, or 'card'") }
}

fn parse_privileges(word: &str) -> Result<Vec<u8>, &'static str> {
    let octets = hex::decode(word).filter(|octets| Privileges::from_field(octets, Kind::Application).is_some());
    octets.ok_or("one octet or three")
}

fn parse_hash(word: &str) -> Result<HashAlgorithm, &'static str> {
    match word {
        "sha1" => Ok(HashAlgorithm::Sha1),
        "sha256" => Ok(HashAlgorithm::Sha256),
        "sha384" => Ok(HashAlgorithm::Sha384),
        "sha512" => Ok(HashAlgorithm::Sha512),
        _ => Err("sha1, sha256, sha384 or sha512"),
    }
}

fn parse_block(word: &str) -> Result<usize, &'static str> {
    word.parse().ok().filter(|octets| (1..=255).contains(octets)).ok_or("a number from 1 to 255")
}

fn parse_attempts(word: &str) -> Result<u8, &'static str> {
    word.parse().ok().filter(|attempts| *attempts != 0).ok_or("a number from 1 to 255")
}

fn parse_channel(word: &str) -> Result<LogicalChannel, &'static str> {
    word.parse().ok().and_then(LogicalChannel::new).ok_or("a number from 0 to 19")
}

fn parse_number(word: &str) -> Result<u64, &'static str> {
    word.parse().map_err(|_| "a whole number")
}

fn parse_colour(word: &str) -> Result<Colour, &'static str> {
    match word {
        "auto" => Ok(Colour::Auto),
        "always" => Ok(Colour::Always),
        "never" => Ok(Colour::Never),
        _ => Err("auto, always or never"),
    }
}
