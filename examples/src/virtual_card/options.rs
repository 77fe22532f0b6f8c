//! The command line of `virtual-card`.

use std::path::PathBuf;
use std::str::FromStr;

use gp_cardmanager_model::aid::Aid;
use gp_scp03::{Implementation, Key, StaticKeys};

use super::deviation::Deviating;
use crate::hex;

/// What `--help` prints.
pub const HELP: &str = "\
A GlobalPlatform card for any PC/SC program, through the virtual reader of vsmartcard (vpcd).

Usage: virtual-card [OPTIONS]

The reader:
      --host HOST        where vpcd listens (default 127.0.0.1)
      --port PORT        (default 35963)
      --atr HEX          answer to reset (default 3B800181: T=1)

The card, as it leaves the factory; with a --store that is not empty, the card in the store goes before:
      --isd-aid AID      issuer security domain (default A000000151000000)
      --kvn HEX          key version of the first key set (default 30); FF for initial keys, which the first PUT KEY removes
      --key HEX          Key-ENC, Key-MAC and Key-DEK, 16, 24 or 32 octets (default 404142..4F, which everybody knows)
      --enc, --mac, --dek HEX
                         one of them
      --seq N            sequence counter of the key set (default 0: the first session shows 000001)
      --op-ready         life cycle state OP_READY (default SECURED)
      --preload N        N load files with one application each, up to 100

The card, each time it starts:
      --i HEX            SCP03 parameter (default 70); with bit 01 it is S16
      --alias AID        another AID that selects the issuer security domain; may be repeated
      --kdd HEX          key diversification data, 10 octets (default 00010203040506070809)
      --status-limit N   octets of GET STATUS data in one answer (default: as many as fit)
      --max-block N      longest command data, as SELECT tells it (default 255)
      --uicc             answer SELECT of the master file, as a UICC does
      --iso-value        GET DATA under class 00 answers the value alone: the specification, and always so
      --profile NAME     deviations of real cards: specification (default), platform-channel
      --deviation NAME   one of them; may be repeated; `list` prints the names and what the card does
      --store FILE       keep the card in FILE, and its applications' data in FILE.applets

What is recorded:
      --transcript FILE  add a line of JSON with all exchanges of this run; the card's keys are in it
      --client NAME      for the transcript
      --scenario NAME    for the transcript
  -v, --verbose          print each exchange
  -h, --help             this text

Exit status: 0 when vpcd ends the connection, 1 when something fails, 2 for wrong usage.
";

/// What the command line asks for.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub struct Options {
    /// Where vpcd listens.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Answer to reset.
    pub atr: Vec<u8>,
    /// AID of the issuer security domain.
    pub isd: Aid,
    /// More of them.
    pub aliases: Vec<Aid>,
    /// SCP03 parameter `i`.
    pub implementation: Implementation,
    /// Version of the key set.
    pub key_version: u8,
    /// The key set.
    pub keys: StaticKeys,
    /// Key diversification data.
    pub diversification: [u8; 10],
    /// Sequence counter.
    pub sequence: [u8; 3],
    /// Load files with one application each.
    pub preload: u8,
    /// OP_READY, not SECURED.
    pub op_ready: bool,
    /// A master file.
    pub uicc: bool,
    /// Octets of GET STATUS data in one answer.
    pub status_limit: usize,
    /// Longest command data.
    pub max_block: u16,
    /// Deviations.
    pub deviating: Deviating,
    /// Print the deviations and nothing else.
    pub list_deviations: bool,
    /// Where the card is kept.
    pub store: Option<PathBuf>,
    /// Where exchanges are recorded.
    pub transcript: Option<PathBuf>,
    /// Who is recorded.
    pub client: String,
    /// Doing what.
    pub scenario: String,
    /// Print exchanges.
    pub verbose: bool,
    /// Print [`HELP`] and nothing else.
    pub help: bool,
}

impl Options {
    /// Reads the words of a command line, without the program's name. Values follow their option, or stand in the same
    /// word after `=`.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default_card()?;
        let mut parts: [Option<Vec<u8>>; 4] = [const { None }; 4];
        // GET DATA works that way and no other.
        let mut always = true;
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let (name, attached) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (&word[..], None),
            };
            let switch = match name {
                "--op-ready" => Some(&mut options.op_ready),
                "--uicc" => Some(&mut options.uicc),
                "-v" | "--verbose" => Some(&mut options.verbose),
                "-h" | "--help" => Some(&mut options.help),
                "--iso-value" => Some(&mut always),
                _ => None,
            };
            if let Some(switch) = switch {
                if attached.is_some() {
                    return Err(format!("{name} takes no value"));
                }
                *switch = true;
                continue;
            }
            let mut value = || attached.clone().or_else(|| words.next()).ok_or_else(|| format!("{name} needs a value"));
            match name {
                "--host" => options.host = value()?,
                "--port" => options.port = number(name, &value()?)?,
                "--atr" => options.atr = octets(name, &value()?)?,
                "--isd-aid" => options.isd = aid(name, &value()?)?,
                "--alias" => options.aliases.push(aid(name, &value()?)?),
                "--i" => options.implementation = Implementation::new(octet(name, &value()?)?),
                "--kvn" => options.key_version = octet(name, &value()?)?,
                "--key" => parts[3] = Some(octets(name, &value()?)?),
                "--enc" => parts[0] = Some(octets(name, &value()?)?),
                "--mac" => parts[1] = Some(octets(name, &value()?)?),
                "--dek" => parts[2] = Some(octets(name, &value()?)?),
                "--kdd" => {
                    let octets = octets(name, &value()?)?;
                    options.diversification = octets.try_into().map_err(|_| format!("{name}: 10 octets"))?;
                }
                "--seq" => {
                    let number: u32 = number(name, &value()?)?;
                    let [0, sequence @ ..] = number.to_be_bytes() else { return Err(format!("{name}: too large")) };
                    options.sequence = sequence;
                }
                "--preload" => options.preload = number(name, &value()?)?,
                "--status-limit" => options.status_limit = number(name, &value()?)?,
                "--max-block" => options.max_block = number(name, &value()?)?,
                "--profile" => options.deviating = options.deviating.with_profile(&value()?)?,
                "--deviation" => match &value()?[..] {
                    "list" => options.list_deviations = true,
                    name => options.deviating = options.deviating.with(name)?,
                },
                "--store" => options.store = Some(value()?.into()),
                "--transcript" => options.transcript = Some(value()?.into()),
                "--client" => options.client = value()?,
                "--scenario" => options.scenario = value()?,
                _ if name.starts_with('-') => return Err(format!("unknown option {name}")),
                _ => return Err(format!("{name}: what is that for?")),
            }
        }
        if options.preload > 100 {
            return Err("--preload: at most 100".into());
        }
        options.keys = keys(parts)?;
        Ok(options)
    }

    fn default_card() -> Result<Self, String> {
        Ok(Self {
            host: "127.0.0.1".into(),
            port: 35963,
            atr: vec![0x3B, 0x80, 0x01, 0x81],
            isd: Aid::ISSUER_SECURITY_DOMAIN,
            aliases: Vec::new(),
            implementation: Implementation::new(0x70),
            key_version: 0x30,
            keys: keys([const { None }; 4])?,
            diversification: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            sequence: [0; 3],
            preload: 0,
            op_ready: false,
            uicc: false,
            status_limit: usize::MAX,
            max_block: 255,
            deviating: Deviating::default(),
            list_deviations: false,
            store: None,
            transcript: None,
            client: String::new(),
            scenario: String::new(),
            verbose: false,
            help: false,
        })
    }
}

/// Key-ENC, Key-MAC, Key-DEK, and what stands for those that are missing.
fn keys([enc, mac, dek, all]: [Option<Vec<u8>>; 4]) -> Result<StaticKeys, String> {
    let all = all.unwrap_or_else(|| (0x40..0x50).collect());
    let key = |name: &str, octets: Option<Vec<u8>>| {
        let octets = octets.as_ref().unwrap_or(&all);
        Key::new(octets).map_err(|_| format!("{name}: a key has 16, 24 or 32 octets"))
    };
    StaticKeys::new(key("--enc", enc)?, key("--mac", mac)?, key("--dek", dek)?)
        .map_err(|_| "--enc, --mac and --dek have different lengths".into())
}

fn number<T: FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{name}: no number that fits: {text}"))
}

fn octets(name: &str, text: &str) -> Result<Vec<u8>, String> {
    hex::decode(text).filter(|octets| !octets.is_empty()).ok_or_else(|| format!("{name}: pairs of hexadecimal digits"))
}

fn octet(name: &str, text: &str) -> Result<u8, String> {
    u8::from_str_radix(text, 16).map_err(|_| format!("{name}: one octet in hexadecimal"))
}

fn aid(name: &str, text: &str) -> Result<Aid, String> {
    Aid::new(&octets(name, text)?).ok_or_else(|| format!("{name}: an AID has 5 to 16 octets"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Options, String> {
        Options::parse(words.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn every_option() {
        let options = parse(
            "--host localhost --port 4000 --atr 3B00 --isd-aid A000000003000000 --alias F00000000101 --alias F00000000102 \
             --i 71 --kvn FF --key 000102030405060708090A0B0C0D0E0F --dek=0F0E0D0C0B0A09080706050403020100 \
             --kdd 09080706050403020100 --seq 258 --preload 3 --op-ready --uicc --iso-value --status-limit 100 \
             --max-block 200 --profile platform-channel --deviation no-cascade --deviation=bare-aid --transcript t --client c --scenario s --store f -v",
        )
        .unwrap();
        assert_eq!((&options.host[..], options.port, &options.atr[..]), ("localhost", 4000, &[0x3B, 0x00][..]));
        assert_eq!(options.isd.to_string(), "A000000003000000");
        assert_eq!(options.aliases.len(), 2);
        assert_eq!((options.implementation.octet(), options.key_version), (0x71, 0xFF));
        assert_eq!(options.keys.key(gp_scp03::KeyId::Mac).expose_secret()[0], 0x00);
        assert_eq!(options.keys.dek().expose_secret()[0], 0x0F);
        assert_eq!((options.diversification[0], options.sequence), (9, [0, 1, 2]));
        assert_eq!((options.preload, options.status_limit, options.max_block), (3, 100, 200));
        assert!(options.op_ready && options.uicc && options.verbose && !options.help);
        let deviating = Deviating::default().with_profile("platform-channel").and_then(|some| some.with("bare-aid"));
        assert_eq!(Ok(options.deviating), deviating.and_then(|some| some.with("no-cascade")));
        assert!(!options.list_deviations && parse("--deviation list").unwrap().list_deviations);
        assert_eq!((&options.client[..], &options.scenario[..]), ("c", "s"));
        assert_eq!(options.store.as_deref(), Some("f".as_ref()));
    }

    #[test]
    fn what_help_names_is_understood() {
        for word in HELP.split_whitespace().map(|word| word.trim_end_matches(',')).filter(|word| word.starts_with("--"))
        {
            let outcome = parse(word);
            let unknown = outcome.is_err_and(|problem| problem.starts_with("unknown option"));
            assert!(!unknown, "{word}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for words in [
            "card",
            "--what",
            "--port",
            "--port x",
            "--port 70000",
            "--uicc=1",
            "--isd-aid A0",
            "--i 100",
            "--key 00",
            "--enc 000102030405060708090A0B0C0D0E0F1011121314151617",
            "--kdd 00",
            "--seq 16777216",
            "--preload 101",
            "--profile nobody",
            "--deviation nobody",
            "--deviation",
            "--atr",
        ] {
            assert!(parse(words).is_err(), "{words}");
        }
    }
}
