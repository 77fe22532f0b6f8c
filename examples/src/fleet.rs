//! Whole SCP03 sessions prepared for many devices without any of them: streaming, on all cores, in bounded memory.
//!
//! ```text
//!  one line in     {"id", "enc", "mac", "aid", "sequence", "key_version", "i" [, "host_challenge"]}
//!  one line out    {"id", "initialize_update", "foreseen", "commands": [...], "reply_keys": [[chaining value, counter]...]}
//! ```
//!
//! `commands` begins with EXTERNAL AUTHENTICATE. `foreseen` is the end of the answer to INITIALIZE UPDATE, behind ten octets
//! of diversification data: when the device answers anything else, nothing more may be sent. A reply key and the
//! session keys verify an answer later.

use std::io::{self, BufRead, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use gp_apdu::{CommandBuf, LogicalChannel};
use gp_scp03::{
    Challenge, Implementation, Initiator, Key, Mode, ReplyKey, Script, SecurityLevel, SequenceCounter, StaticKeys,
    Target,
};
use serde_json::Value;

use crate::hex;

/// A device as its line describes it.
#[derive(Debug)]
pub struct Device {
    /// What its owner calls it.
    pub id: String,
    /// Its static keys. Key-DEK takes no part in a session and may be missing in the line.
    pub keys: StaticKeys,
    /// The AID of the application that will be asked.
    pub aid: Vec<u8>,
    /// The key version number.
    pub key_version: u8,
    /// The `i` parameter.
    pub implementation: Implementation,
    /// The value that the sequence counter will have in the session.
    pub sequence: SequenceCounter,
    /// The host challenge; `None`: from the system's generator.
    pub host_challenge: Option<Challenge>,
}

impl Device {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it; no key is in the text.
    pub fn parse(line: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(line).map_err(|_| "not a JSON object".to_string())?;
        let octets = |name: &str| -> Result<Option<Vec<u8>>, String> {
            let Some(value) = value.get(name) else { return Ok(None) };
            let octets = value.as_str().and_then(hex::decode);
            octets.map(Some).ok_or_else(|| format!("\"{name}\" is not hexadecimal"))
        };
        let needed = |name: &str| octets(name)?.ok_or_else(|| format!("\"{name}\" is missing"));
        let octet = |name: &str| match needed(name)?[..] {
            [octet] => Ok(octet),
            _ => Err(format!("\"{name}\" is not one octet")),
        };
        let key = |octets: &[u8]| Key::new(octets).map_err(|error| error.to_string());
        let (enc, mac) = (needed("enc")?, needed("mac")?);
        let dek = octets("dek")?.unwrap_or_else(|| enc.clone());
        let keys = StaticKeys::new(key(&enc)?, key(&mac)?, key(&dek)?).map_err(|error| error.to_string())?;
        let sequence = needed("sequence")?.try_into().map_err(|_| "\"sequence\" is not three octets".to_string())?;
        let challenge = |octets: Vec<u8>| Challenge::new(&octets).map_err(|error| error.to_string());
        Ok(Self {
            id: value.get("id").and_then(Value::as_str).ok_or("\"id\" is missing")?.to_string(),
            keys,
            aid: needed("aid")?,
            key_version: octet("key_version")?,
            implementation: Implementation::new(octet("i")?),
            sequence: SequenceCounter::new(sequence),
            host_challenge: octets("host_challenge")?.map(challenge).transpose()?,
        })
    }
}

/// What every device gets.
#[derive(Debug)]
pub struct Plan {
    /// The level of EXTERNAL AUTHENTICATE.
    pub level: SecurityLevel,
    /// Plain commands, whole.
    pub commands: Vec<Vec<u8>>,
    /// Eight devices side by side; otherwise one after the other.
    pub side_by_side: bool,
}

/// One device's part of the work.
struct Prepared {
    script: Script,
    buffer: Vec<u8>,
    reply_keys: Vec<ReplyKey>,
}

/// How many devices a worker takes at a time, and so holds in memory.
const CHUNK: usize = 64;
/// The widest batch.
const LANES: usize = 8;

/// Longest command on the wire, extended, and room for its protection.
fn room(plain: &[u8]) -> usize {
    plain.len() + 48
}

impl Prepared {
    fn begin(device: &Device, plan: &Plan, line: &mut Vec<u8>) -> Result<Self, String> {
        let text = |error: gp_scp03::Error| error.to_string();
        let mode = device.implementation.mode();
        let host = match device.host_challenge {
            Some(challenge) => challenge,
            None => random(mode)?,
        };
        let target = Target {
            key_version: device.key_version,
            implementation: device.implementation,
            sequence: device.sequence,
            aid: &device.aid,
            channel: LogicalChannel::BASIC,
        };
        let mut first = [0; 64];
        let (script, authenticate) =
            Script::new(&mut &device.keys, &target, &host, plan.level, &mut first).map_err(text)?;
        let mut update = [0; 32];
        let initiator = Initiator::new(host, LogicalChannel::BASIC, device.key_version);
        let update = initiator.initialize_update(&mut update).map_err(text)?;
        line.extend_from_slice(b"{\"id\":");
        serde_json::to_writer(&mut *line, &device.id).map_err(|error| error.to_string())?;
        line.extend_from_slice(b",\"initialize_update\":\"");
        push_hex(line, update);
        line.extend_from_slice(b"\",\"foreseen\":\"");
        push_hex(line, script.foreseen().octets());
        line.extend_from_slice(b"\",\"commands\":[\"");
        push_hex(line, authenticate);
        line.push(b'"');
        let longest = plan.commands.iter().map(|plain| room(plain)).max().unwrap_or(0);
        Ok(Self { script, buffer: vec![0; longest], reply_keys: Vec::with_capacity(plan.commands.len()) })
    }

    fn end(&self, line: &mut Vec<u8>) {
        line.extend_from_slice(b"],\"reply_keys\":[");
        for (at, key) in self.reply_keys.iter().enumerate() {
            if at > 0 {
                line.push(b',');
            }
            line.extend_from_slice(b"[\"");
            push_hex(line, &key.chaining_value);
            line.extend_from_slice(format!("\",{}]", key.counter).as_bytes());
        }
        line.extend_from_slice(b"]}\n");
    }
}

fn load<'b>(buffer: &'b mut [u8], plain: &[u8]) -> Result<CommandBuf<'b>, String> {
    buffer[..plain.len()].copy_from_slice(plain);
    CommandBuf::parse(buffer, plain.len()).map_err(|error| error.to_string())
}

fn push_command(line: &mut Vec<u8>, octets: &[u8]) {
    line.extend_from_slice(b",\"");
    push_hex(line, octets);
    line.push(b'"');
}

fn push_hex(line: &mut Vec<u8>, octets: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    line.extend(octets.iter().flat_map(|octet| [DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]));
}

fn random(mode: Mode) -> Result<Challenge, String> {
    let mut octets = [0; 16];
    let octets = &mut octets[..mode.octets()];
    getrandom::fill(octets).map_err(|error| error.to_string())?;
    Challenge::new(octets).map_err(|error| error.to_string())
}

/// The output line of one device, appended to `out`. On an error `out` is as it was.
///
/// # Errors
/// What the device or the plan has that no session can have.
pub fn protect(device: &Device, plan: &Plan, out: &mut Vec<u8>) -> Result<(), String> {
    let before = out.len();
    let result = (|| {
        let mut prepared = Prepared::begin(device, plan, out)?;
        for plain in &plan.commands {
            let mut command = load(&mut prepared.buffer, plain)?;
            prepared.reply_keys.push(prepared.script.wrap(&mut command).map_err(|error| error.to_string())?);
            push_command(out, command.finish().map_err(|error| error.to_string())?);
        }
        prepared.end(out);
        Ok(())
    })();
    if result.is_err() {
        out.truncate(before);
    }
    result
}

/// As [`protect`] for eight devices side by side.
///
/// # Errors
/// As [`protect`], for any of the eight; `out` is as it was then.
pub fn protect_eight(devices: &[Device; LANES], plan: &Plan, out: &mut Vec<u8>) -> Result<(), String> {
    let mut lines: [Vec<u8>; LANES] = Default::default();
    let mut prepared = Vec::with_capacity(LANES);
    for (device, line) in devices.iter().zip(&mut lines) {
        prepared.push(Prepared::begin(device, plan, line)?);
    }
    for plain in &plan.commands {
        let mut scripts = Vec::with_capacity(LANES);
        let mut commands = Vec::with_capacity(LANES);
        let mut keys = Vec::with_capacity(LANES);
        for Prepared { script, buffer, reply_keys } in &mut prepared {
            scripts.push(script);
            commands.push(load(buffer, plain)?);
            keys.push(reply_keys);
        }
        let scripts: [&mut Script; LANES] = scripts.try_into().map_err(|_| "eight scripts".to_string())?;
        let mut commands: [CommandBuf<'_>; LANES] = commands.try_into().map_err(|_| "eight commands".to_string())?;
        let made = Script::wrap_each(scripts, commands.each_mut()).map_err(|error| error.to_string())?;
        for (((key, keys), command), line) in made.into_iter().zip(keys).zip(commands).zip(&mut lines) {
            keys.push(key);
            push_command(line, command.finish().map_err(|error| error.to_string())?);
        }
    }
    for (prepared, line) in prepared.iter().zip(&mut lines) {
        prepared.end(line);
        out.extend_from_slice(line);
    }
    Ok(())
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Devices with a line in the output.
    pub done: u64,
    /// Lines that made none.
    pub failed: u64,
}

/// Reads devices from `input`, writes their scripts to `output`, on `threads` threads. The lines come out in any order,
/// whole. `progress` hears how many devices are done, `problem` of each line that failed, by its number from 1.
///
/// # Errors
/// Those of reading and writing.
pub fn run(
    input: impl BufRead + Send,
    output: impl Write + Send,
    plan: &Plan,
    threads: usize,
    progress: impl Fn(u64) + Sync,
    problem: impl Fn(u64, &str) + Sync,
) -> io::Result<Totals> {
    let source = Mutex::new((input, 0_u64));
    let sink = Mutex::new(output);
    let (done, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || -> io::Result<()> {
        let mut lines: Vec<(u64, String)> = Vec::with_capacity(CHUNK);
        let mut out = Vec::new();
        loop {
            lines.clear();
            {
                let mut source = source.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let (input, number) = &mut *source;
                while lines.len() < CHUNK {
                    let mut line = String::new();
                    if input.read_line(&mut line)? == 0 {
                        break;
                    }
                    *number += 1;
                    if !line.trim().is_empty() {
                        lines.push((*number, line));
                    }
                }
            }
            if lines.is_empty() {
                return Ok(());
            }
            let mut devices = Vec::with_capacity(lines.len());
            let mut numbers = Vec::with_capacity(lines.len());
            let fail = |number: u64, text: &str| {
                failed.fetch_add(1, Ordering::Relaxed);
                problem(number, text);
            };
            for (number, line) in &lines {
                match Device::parse(line) {
                    Ok(device) => {
                        devices.push(device);
                        numbers.push(*number);
                    }
                    Err(text) => fail(*number, &text),
                }
            }
            out.clear();
            let (mut rest, mut numbers) = (&devices[..], &numbers[..]);
            while !rest.is_empty() {
                let eight = rest.first_chunk().filter(|_| plan.side_by_side);
                let mut count = LANES;
                // One bad device spoils a batch: then each by itself.
                if eight.is_none_or(|eight| protect_eight(eight, plan, &mut out).is_err()) {
                    count = if eight.is_some() { LANES } else { 1 };
                    for (device, number) in rest.iter().zip(numbers).take(count) {
                        match protect(device, plan, &mut out) {
                            Ok(()) => _ = done.fetch_add(1, Ordering::Relaxed),
                            Err(text) => fail(*number, &text),
                        }
                    }
                } else {
                    done.fetch_add(LANES as u64, Ordering::Relaxed);
                }
                (rest, numbers) = (&rest[count..], &numbers[count..]);
            }
            sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner).write_all(&out)?;
            progress(done.load(Ordering::Relaxed));
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| Err(io::Error::other("a worker ended"))))
    })?;
    sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner).flush()?;
    Ok(Totals { done: done.into_inner(), failed: failed.into_inner() })
}
