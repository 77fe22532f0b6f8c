//! The report: text for people, JSON lines for programs.

use std::io::{self, IsTerminal as _, Write};

use gp_apdu::{Response, StatusWord, ins};
use gp_scp03::SecurityLevel;
use serde_json::{Value, json};

use super::decode::{self, Part};
use crate::hex;
use crate::trace::{Exchange, Opened, Pieces, Protection, Sink, Worth, is_protected};

/// How the report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Text, with colours or without.
    Text { colour: bool },
    /// One JSON object per line.
    JsonLines,
}

/// Octets in a line of hexadecimal text.
const LINE: usize = 32;
/// Where explanations begin.
const MARGIN: usize = 40;
/// Where dissections begin.
const PARTS: usize = 15;
/// Where lines of prose end.
const WIDTH: usize = 100;

/// The roles that text can have.
#[derive(Clone, Copy)]
enum Ink {
    Heading,
    Command,
    Label,
    Cipher,
    Mac,
    Good,
    Bad,
    Note,
}

/// Where the report goes. The first error of the output is kept, and nothing more is written after it.
pub(super) struct Console<'w> {
    out: &'w mut dyn Write,
    format: Format,
    show: Show,
    /// Octets of a load file: sent, and altogether.
    progress: Option<(usize, usize)>,
    steps: u32,
    error: Option<io::Error>,
}

/// What is shown of exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// Nothing but the progress of long ones, on the terminal.
    Progress,
    /// Everything.
    Everything,
    /// The plain commands, which nobody carries out.
    Plan,
}

impl<'w> Console<'w> {
    pub(super) fn new(out: &'w mut dyn Write, format: Format, show: Show) -> Self {
        Self { out, format, show, progress: None, steps: 0, error: None }
    }

    /// A load file of so many octets is about to be sent.
    pub(super) fn expect_octets(&mut self, total: usize) {
        let silent = self.show != Show::Progress || !io::stderr().is_terminal();
        self.progress = (!silent).then_some((0, total));
    }

    /// It is sent, or it never will be.
    pub(super) fn progress_is_over(&mut self) {
        if self.progress.take().is_some() {
            eprint!("\r\x1b[K");
        }
    }

    pub(super) fn is_json(&self) -> bool {
        self.format == Format::JsonLines
    }

    /// Everything is written, or this is why not.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.out.flush(),
        }
    }

    /// A JSON object on a line of its own; nothing in a report for people.
    pub(super) fn json(&mut self, object: &Value) {
        if self.is_json() {
            self.write(&format!("{object}\n"));
        }
    }

    /// Text as it is, in any format.
    pub(super) fn text(&mut self, text: &str) {
        self.write(text);
    }

    /// A line of text; nothing in a report for programs.
    pub(super) fn line(&mut self, text: &str) {
        if !self.is_json() {
            self.write(&format!("{text}\n"));
        }
    }

    /// A finding of the host: what the exchanges above have shown.
    pub(super) fn finding(&mut self, text: &str) {
        let mark = self.ink(Ink::Good, "=>");
        for (number, line) in wrapped(text, WIDTH - 6).iter().enumerate() {
            let start = if number == 0 { mark.as_str() } else { "  " };
            self.line(&format!("   {start} {line}"));
        }
        self.json(&json!({"event": "finding", "text": text}));
    }

    /// The next step, and what it proves.
    pub(super) fn step(&mut self, title: &str, lesson: &str) {
        self.steps += 1;
        let number = self.steps;
        let heading = self.ink(Ink::Heading, &format!("{number}. {title}"));
        self.line(&format!("\n{heading}"));
        for line in wrapped(lesson, WIDTH - 3) {
            let line = self.ink(Ink::Note, &line);
            self.line(&format!("   {line}"));
        }
        self.json(&json!({"event": "step", "number": number, "title": title, "lesson": lesson}));
    }

    /// Heading of the whole report.
    pub(super) fn title(&mut self, text: &str) {
        let text = self.ink(Ink::Heading, text);
        self.line(&text);
    }

    /// Columns under headings.
    pub(super) fn table(&mut self, headings: &[&str], rows: &[Vec<String>]) {
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain(headings.get(column).map(|heading| heading.chars().count())).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..headings.len()).map(width).collect();
        let row = |cells: &mut dyn Iterator<Item = &str>| {
            let padded: Vec<_> = cells.zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            format!("   {}", padded.join("  ").trim_end())
        };
        let heading = self.ink(Ink::Label, &row(&mut headings.iter().copied()));
        self.line(&heading);
        for cells in rows {
            self.line(&row(&mut cells.iter().map(String::as_str)));
        }
    }

    fn ink(&self, ink: Ink, text: &str) -> String {
        if self.format != (Format::Text { colour: true }) {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Heading => "1;36",
            Ink::Command => "1",
            Ink::Label => "2",
            Ink::Cipher => "33",
            Ink::Mac => "35",
            Ink::Good => "32",
            Ink::Bad => "31",
            Ink::Note => "3;2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    fn write(&mut self, text: &str) {
        if self.error.is_none()
            && let Err(error) = self.out.write_all(text.as_bytes())
        {
            self.error = Some(error);
        }
    }

    /// A label, octets, and an explanation.
    fn octets(&mut self, label: &str, ink: Ink, text: &str, explanation: &str) {
        let lines = hex_lines(text);
        let last = lines.len() - 1;
        for (number, line) in lines.iter().enumerate() {
            let label = if number == 0 { label } else { "" };
            let gap = MARGIN.saturating_sub(line.chars().count()).max(3);
            let explanation = if number == last && !explanation.is_empty() {
                format!("{:gap$}{}", "", self.ink(Ink::Label, explanation))
            } else {
                String::new()
            };
            let label = self.ink(Ink::Label, &format!("{label:<9}"));
            let line = self.ink(ink, line);
            self.line(&format!("     {label} {line}{explanation}"));
        }
    }

    fn text_exchange(&mut self, exchange: &Exchange) {
        let covered = exchange.is_transformed();
        self.plain_command(exchange, if covered { "plain" } else { "sent" });
        if covered {
            self.sent(exchange);
        }
        if exchange.opened.is_none() || exchange.is_answer_transformed() {
            for (number, octets) in exchange.received.iter().enumerate() {
                let whole = exchange.received.len() == 1;
                self.received(octets, exchange.protection.filter(|_| whole), number, exchange.received.len());
            }
        }
        match &exchange.opened {
            Some(opened) => self.opened(exchange, opened),
            None => {
                let said =
                    if exchange.received.is_empty() { "no answer" } else { "not accepted: the protection is wrong" };
                self.octets("result", Ink::Bad, said, "");
            }
        }
    }

    /// The name of the command, its octets, and the fields of its data.
    fn plain_command(&mut self, exchange: &Exchange, label: &str) {
        let name = decode::command_name(exchange.plain.header);
        let name = self.ink(Ink::Command, &name);
        self.line(&format!("\n   {name}"));
        let plain = spaced_command(&exchange.plain.octets);
        self.octets(label, Ink::Command, &plain, "");
        if let Ok(dissected) = decode::command(&exchange.plain.octets)
            && let Some(data) = dissected.parts.iter().find(|part| part.name == "data")
        {
            self.parts(&data.parts, 0, PARTS);
        }
    }

    fn sent(&mut self, exchange: &Exchange) {
        let count = exchange.sent.len();
        for (number, octets) in exchange.sent.iter().enumerate() {
            let label = if number == 0 { "sent" } else { "" };
            if octets.get(1) == Some(&ins::GET_RESPONSE) && exchange.plain.header.ins != ins::GET_RESPONSE {
                self.octets(label, Ink::Cipher, &spaced_command(octets), "GET RESPONSE: the rest of the answer");
                continue;
            }
            let protection = exchange.protection.filter(|protection| protection.level.has_c_mac() && count == 1);
            let pieces = protection.and_then(|protection| Pieces::of_command(octets, protection.mode.octets()));
            match (pieces, protection) {
                (Some(pieces), Some(protection)) if is_protected(octets) => {
                    let head: Vec<_> = pieces.head.iter().map(|octet| format!("{octet:02X}")).collect();
                    self.octets(label, Ink::Command, &head.join(" "), "class and length say: protected");
                    if !pieces.data.is_empty() {
                        let encrypted = protection.level.has_c_decryption();
                        let (ink, what) = if encrypted {
                            (Ink::Cipher, "data, encrypted")
                        } else {
                            (Ink::Command, "data, in the clear")
                        };
                        self.octets("", ink, &hex::encode(pieces.data), what);
                    }
                    self.octets("", Ink::Mac, &hex::encode(pieces.mac), "C-MAC");
                    if !pieces.tail.is_empty() {
                        self.octets("", Ink::Command, &hex::encode(pieces.tail), "Le");
                    }
                }
                _ => {
                    let what = if count > 1 { format!("segment {} of {count}", number + 1) } else { String::new() };
                    self.octets(label, Ink::Cipher, &spaced_command(octets), &what);
                }
            }
        }
    }

    fn received(&mut self, octets: &[u8], protection: Option<Protection>, number: usize, count: usize) {
        let label = if number == 0 { "received" } else { "" };
        let protected = protection.filter(|protection| protection.level.has_r_mac() && octets.len() > StatusWord::LEN);
        let pieces = protected.and_then(|protection| Pieces::of_response(octets, protection.mode.octets()));
        match (pieces, protected) {
            (Some(pieces), Some(protection)) => {
                let mut label = label;
                if !pieces.data.is_empty() {
                    let encrypted = protection.level.has_r_encryption();
                    let (ink, what) =
                        if encrypted { (Ink::Cipher, "data, encrypted") } else { (Ink::Command, "data, in the clear") };
                    self.octets(label, ink, &hex::encode(pieces.data), what);
                    label = "";
                }
                self.octets(label, Ink::Mac, &hex::encode(pieces.mac), "R-MAC");
                self.octets("", Ink::Command, &hex::encode(pieces.tail), "status word");
            }
            _ => {
                let what = if count > 1 { format!("part {} of {count}", number + 1) } else { String::new() };
                self.octets(label, Ink::Command, &spaced_response(octets), &what);
            }
        }
    }

    fn opened(&mut self, exchange: &Exchange, opened: &Opened) {
        let header = exchange.plain.header;
        let label = if exchange.is_answer_transformed() { "opened" } else { "received" };
        let ink = if opened.status.is_error() { Ink::Bad } else { Ink::Good };
        let status = format!("{:04X}", opened.status.0);
        let meaning = decode::status(header.ins, opened.status).unwrap_or("a status word of the card's own");
        let worth = match opened.worth {
            Worth::Authentic => ", and authentic: the R-MAC holds",
            Worth::Plain | Worth::Refused => "",
        };
        if !opened.data.is_empty() {
            self.octets(label, Ink::Command, &hex::encode(&opened.data), "");
        }
        let label = if opened.data.is_empty() { label } else { "" };
        self.octets(label, ink, &status, &format!("{meaning}{worth}"));
        let parts = decode::response(header, &Response { data: &opened.data, status: opened.status });
        self.parts(&parts, 0, PARTS);
    }

    /// A dissection as an indented list.
    pub(super) fn parts(&mut self, parts: &[Part], depth: usize, margin: usize) {
        for part in parts {
            let indent = " ".repeat(margin + 2 * depth);
            let label =
                if part.label.is_empty() { String::new() } else { format!("{} ", self.ink(Ink::Label, &part.label)) };
            let octets = if part.parts.is_empty() { shortened(&part.octets) } else { String::new() };
            let octets = self.ink(Ink::Command, &octets);
            let meaning = part.meaning.as_deref().unwrap_or_default();
            let text = [octets.as_str(), meaning].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
            let colon = if text.is_empty() { "" } else { ": " };
            self.line(&format!("{indent}{label}{}{colon}{}", part.name, text.join("  ")));
            self.parts(&part.parts, depth + 1, margin);
        }
    }
}

impl Sink for Console<'_> {
    fn exchange(&mut self, exchange: &Exchange) {
        match (self.show, self.is_json()) {
            (Show::Progress, _) => {
                if let (Some((sent, total)), ins::LOAD) = (&mut self.progress, exchange.plain.header.ins) {
                    *sent += exchange.plain.data.len();
                    eprint!("\rloading: {sent} of {total} octets, {}%", *sent * 100 / (*total).max(1));
                }
            }
            (Show::Everything, true) => self.json(&exchange_json(exchange)),
            (Show::Everything, false) => self.text_exchange(exchange),
            (Show::Plan, true) => self.json(&json!({
                "event": "would_send",
                "command": decode::command_name(exchange.plain.header),
                "plain": hex::encode(&exchange.plain.octets),
                "parts": decode::command(&exchange.plain.octets).ok().map(|part| part.to_json()),
            })),
            (Show::Plan, false) => self.plain_command(exchange, "plain"),
        }
    }
}

fn exchange_json(exchange: &Exchange) -> Value {
    let header = exchange.plain.header;
    let all = |messages: &[Vec<u8>]| messages.iter().map(|octets| hex::encode(octets)).collect::<Vec<_>>();
    let answer = exchange.opened.as_ref().map(|opened| {
        let parts = decode::response(header, &Response { data: &opened.data, status: opened.status });
        json!({
            "data": hex::encode(&opened.data),
            "status": format!("{:04X}", opened.status.0),
            "meaning": decode::status(header.ins, opened.status),
            "origin": match opened.worth {
                Worth::Authentic => "authentic",
                Worth::Plain => "plain",
                Worth::Refused => "refused",
            },
            "parts": parts.iter().map(Part::to_json).collect::<Vec<_>>(),
        })
    });
    json!({
        "event": "exchange",
        "command": decode::command_name(header),
        "plain": hex::encode(&exchange.plain.octets),
        "parts": decode::command(&exchange.plain.octets).ok().map(|part| part.to_json()),
        "level": exchange.protection.map(|protection| level_octet(protection.level)),
        "sent": all(&exchange.sent),
        "received": all(&exchange.received),
        "answer": answer,
    })
}

/// The level in two digits.
pub(super) fn level_octet(level: SecurityLevel) -> String {
    format!("{:02X}", level.octet())
}

/// `80 F2 40 02 02 4F00 00`: header octets apart, then Lc, data, Le.
pub(super) fn spaced_command(octets: &[u8]) -> String {
    let Some(pieces) = Pieces::of_command(octets, 0) else { return hex::encode(octets) };
    let head = pieces.head.iter().take(4).map(|octet| format!("{octet:02X}"));
    let lc = pieces.head.get(4..).unwrap_or_default();
    let rest = [lc, pieces.data, pieces.tail].into_iter().filter(|piece| !piece.is_empty()).map(hex::encode);
    head.chain(rest).collect::<Vec<_>>().join(" ")
}

fn spaced_response(octets: &[u8]) -> String {
    match Pieces::of_response(octets, 0) {
        Some(pieces) if !pieces.data.is_empty() => format!("{} {}", hex::encode(pieces.data), hex::encode(pieces.tail)),
        _ => hex::encode(octets),
    }
}

/// Long values stand in full above; here their beginning is enough.
fn shortened(octets: &[u8]) -> String {
    match octets.get(..16) {
        Some(start) if octets.len() > 20 => format!("{}… ({} octets)", hex::encode(start), octets.len()),
        _ => hex::encode(octets),
    }
}

/// Text in lines of at most so many octets' digits. Never empty.
fn hex_lines(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let lines: Vec<String> = characters.chunks(2 * LINE).map(|line| line.iter().collect()).collect();
    if lines.is_empty() { vec![String::new()] } else { lines }
}

/// Prose in lines.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(last) if line == 0 || line + 1 + word.chars().count() <= width => {
                if line != 0 {
                    last.push(' ');
                }
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
