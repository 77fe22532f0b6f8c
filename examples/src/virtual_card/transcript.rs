//! A record of everything that a client sends and gets: one line of JSON for each run of the card.
//!
//! ```text
//!  {"client": "gp", "scenario": "list", "card_keys": {"enc": "40…", "mac": "…", "dek": "…"}, "kvn": "30", "i": "70",
//!   "s16": false, "isd_aid": "A0…", "kdd": "…", "seq_on": "init", "atr": "…",
//!   "exchanges": [{"event": "power-off"}, {"c": "00A40400…", "r": "6F…9000"}, …]}
//! ```
//!
//! With the card's keys in it, so that a record can be opened and played again: record with test keys only. The file is
//! whole after every exchange, however the run ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::{Map, Value};

use crate::hex;

/// How a line ends.
const END: &[u8] = b"]}\n";

/// A line that grows.
#[derive(Debug)]
pub struct Transcript {
    file: File,
    /// The last thing recorded, to say repeated events once.
    last: Option<&'static str>,
    empty: bool,
}

impl Transcript {
    /// Adds a line to the file, which need not be there. `head` is what stands before the exchanges.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(path: &Path, head: &Map<String, Value>) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        file.seek(SeekFrom::End(0))?;
        let mut line = Value::Object(head.clone()).to_string();
        line.pop();
        if !head.is_empty() {
            line.push_str(", ");
        }
        line.push_str("\"exchanges\": [");
        file.write_all(&[line.as_bytes(), END].concat())?;
        Ok(Self { file, last: None, empty: true })
    }

    /// A command and its answer.
    ///
    /// # Errors
    /// What the system says.
    pub fn exchange(&mut self, command: &[u8], answer: &[u8]) -> io::Result<()> {
        let [c, r] = [command, answer].map(|octets| hex::encode(octets).to_lowercase());
        self.last = None;
        self.add(&format!("{{\"c\": \"{c}\", \"r\": \"{r}\"}}"))
    }

    /// Something else that happened; the same thing again and again is told once.
    ///
    /// # Errors
    /// What the system says.
    pub fn event(&mut self, name: &'static str) -> io::Result<()> {
        if self.last == Some(name) {
            return Ok(());
        }
        self.last = Some(name);
        self.add(&format!("{{\"event\": \"{name}\"}}"))
    }

    fn add(&mut self, item: &str) -> io::Result<()> {
        let back = i64::try_from(END.len()).map_or(0, |length| -length);
        self.file.seek(SeekFrom::End(back))?;
        let comma: &[u8] = if self.empty { b"" } else { b", " };
        self.empty = false;
        self.file.write_all(&[comma, item.as_bytes(), END].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_state_of_the_file_is_whole() {
        let path = std::env::temp_dir().join(format!("gp-transcript-{}", std::process::id()));
        std::fs::remove_file(&path).ok();
        let lines = || -> Vec<Value> {
            let text = std::fs::read_to_string(&path).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let head = json!({"client": "it's \"me\"", "seq_on": "init"});
        let mut transcript = Transcript::begin(&path, head.as_object().unwrap()).unwrap();
        assert_eq!(lines(), [json!({"client": "it's \"me\"", "seq_on": "init", "exchanges": []})]);
        transcript.event("power-off").unwrap();
        transcript.event("power-off").unwrap();
        assert_eq!(lines()[0]["exchanges"], json!([{"event": "power-off"}]));
        transcript.exchange(&[0x00, 0xA4], &[0x6A, 0x82]).unwrap();
        transcript.event("power-off").unwrap();
        assert_eq!(
            lines()[0]["exchanges"],
            json!([{"event": "power-off"}, {"c": "00a4", "r": "6a82"}, {"event": "power-off"}])
        );
        // A second run adds a line.
        drop(transcript);
        let mut transcript = Transcript::begin(&path, &Map::new()).unwrap();
        transcript.event("reset").unwrap();
        assert_eq!(lines().len(), 2);
        assert_eq!(lines()[1], json!({"exchanges": [{"event": "reset"}]}));
        std::fs::remove_file(&path).unwrap();
    }
}
