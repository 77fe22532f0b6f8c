//! What `fleet` works on: files of commands, and fleets that do not exist.

use std::io::{self, BufRead, Read, Write};

use crate::hex;

/// The commands of a file: one a line in hexadecimal, `#` begins a comment.
///
/// # Errors
/// Which line is no command.
pub fn commands(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut commands = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let octets = hex::decode(line).filter(|octets| gp_apdu::Command::parse(octets).is_ok());
        commands.push(octets.ok_or(format!("line {number} is no command"))?);
    }
    Ok(commands)
}

/// That many devices with keys counted through: lines as `fleet` reads them, made as they are read.
pub fn simulated(count: u64) -> impl BufRead + Send {
    io::BufReader::with_capacity(1 << 16, Simulated { next: 0, count, line: Vec::new(), at: 0 })
}

struct Simulated {
    next: u64,
    count: u64,
    line: Vec<u8>,
    at: usize,
}

impl Read for Simulated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.line.len() {
            if self.next == self.count {
                return Ok(0);
            }
            self.line.clear();
            self.at = 0;
            let number = self.next;
            self.next += 1;
            writeln!(
                self.line,
                "{{\"id\":\"{number}\",\"enc\":\"{number:016X}404142434445464E\",\"mac\":\"{number:016X}404142434445464D\",\
                 \"aid\":\"A000000151000000\",\"sequence\":\"000001\",\"key_version\":\"30\",\"i\":\"70\"}}"
            )?;
        }
        let length = buffer.len().min(self.line.len() - self.at);
        buffer[..length].copy_from_slice(&self.line[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}
