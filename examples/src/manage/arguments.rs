//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use gp_apdu::LogicalChannel;
use gp_scp03::{Implementation, KeyLength, Mode, SecurityLevel};
use lexopt::{Arg, Parser, ValueExt as _};

use super::hex;

/// What `--help` prints.
pub const HELP: &str = "\
Opens an SCP03 session with a card and manages it, and shows every exchange on the way.

Usage: manage-card [OPTIONS]

The session:
      --level LEVEL     00, 01, 03, 11, 13 or 33 (the default: everything protected)
      --key-bits BITS   128 (the default), 192 or 256
      --mode MODE       s8 or s16: challenges and MACs of 8 or 16 octets
      --i HEX           the \"i\" parameter of the embedded card; 70 or 71 by default
      --channel N       the logical channel, 0 to 19

The card:
      --store FILE      keep the embedded card in this file between runs
      --seed N          make the embedded card and its host repeat themselves, for demonstrations

The report:
      --json            one JSON object per line
      --show-keys       print static and session keys, too
      --color WHEN      auto (the default: a terminal, and NO_COLOR not set), always or never
  -h, --help            this text
  -V, --version         the version

Exit status: 0 done, 1 the card refused an operation, 2 wrong usage, 3 no session could be opened,
4 no card (reader, link or file), 5 the report could not be written.
";

/// What the program is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Open a session, look at everything, and explain each step.
    Tour,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// What to do.
    pub action: Action,
    /// The security level of the session.
    pub level: SecurityLevel,
    /// The length of the embedded card's keys.
    pub key_length: KeyLength,
    /// The `i` parameter of the embedded card. Its mode is that of the session.
    pub implementation: Implementation,
    /// The logical channel.
    pub channel: LogicalChannel,
    /// The file that keeps the embedded card.
    pub store: Option<PathBuf>,
    /// A seed that makes everything repeatable.
    pub seed: Option<u64>,
    /// One JSON object per line instead of text.
    pub json: bool,
    /// Print keys.
    pub show_keys: bool,
    /// Colours.
    pub colour: Colour,
}

impl Arguments {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// What is wrong with them, in a line.
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut parser = Parser::from_args(words);
        let mut level = SecurityLevel::Full;
        let mut key_length = KeyLength::Aes128;
        let (mut mode, mut i) = (None, None);
        let mut channel = LogicalChannel::BASIC;
        let (mut store, mut seed) = (None, None);
        let (mut json, mut show_keys) = (false, false);
        let mut colour = Colour::Auto;
        let mut action = Action::Tour;
        while let Some(word) = parser.next().map_err(text)? {
            match word {
                Arg::Long("level") => level = value(&mut parser, "--level", parse_level)?,
                Arg::Long("key-bits") => key_length = value(&mut parser, "--key-bits", parse_bits)?,
                Arg::Long("mode") => mode = Some(value(&mut parser, "--mode", parse_mode)?),
                Arg::Long("i") => i = Some(value(&mut parser, "--i", parse_octet)?),
                Arg::Long("channel") => channel = value(&mut parser, "--channel", parse_channel)?,
                Arg::Long("store") => store = Some(PathBuf::from(parser.value().map_err(text)?)),
                Arg::Long("seed") => seed = Some(value(&mut parser, "--seed", parse_number)?),
                Arg::Long("json") => json = true,
                Arg::Long("show-keys") => show_keys = true,
                Arg::Long("color" | "colour") => colour = value(&mut parser, "--color", parse_colour)?,
                Arg::Short('h') | Arg::Long("help") => action = Action::Help,
                Arg::Short('V') | Arg::Long("version") => action = Action::Version,
                other => return Err(text(other.unexpected())),
            }
        }
        let implementation = implementation(mode, i)?;
        Ok(Self { action, level, key_length, implementation, channel, store, seed, json, show_keys, colour })
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

/// The value of an option, read by `read`, which says what it expects where it cannot.
fn value<T>(parser: &mut Parser, option: &str, read: fn(&str) -> Result<T, &'static str>) -> Result<T, String> {
    let word = parser.value().map_err(text)?.string().map_err(text)?;
    read(&word).map_err(|expected| format!("{option} takes {expected}, not '{word}'"))
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
