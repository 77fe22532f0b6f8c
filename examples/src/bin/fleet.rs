//! `fleet COMMANDS < DEVICES > SCRIPTS`: protects the same commands for every device, without a device.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use gp_examples::fleet::{Plan, run};
use gp_examples::fleet_input::{commands, simulated};
use gp_scp03::SecurityLevel;

const HELP: &str = "\
Prepares whole SCP03 sessions for devices whose card challenge is pseudo-random, without the devices.

Usage: fleet [OPTIONS] COMMANDS < DEVICES > SCRIPTS

COMMANDS is a file of plain commands, one a line in hexadecimal; # begins a comment.
DEVICES are lines of JSON, values in hexadecimal:
  {\"id\":\"7\",\"enc\":\"40..4F\",\"mac\":\"40..4F\",\"aid\":\"A000000151000000\",\"sequence\":\"000001\",\"key_version\":\"30\",\"i\":\"70\"}
SCRIPTS are lines of JSON, in any order. They are as good as the keys for one session each: keep them like keys.

Options:
      --level LEVEL    01, 03, 11, 13 or 33 (default 33)
      --threads COUNT  default: as many as there are processors
      --simulate COUNT invent that many devices instead of reading them
      --one-by-one     do not put eight devices side by side, as is done where each command has 64 octets of data or more
  -q, --quiet          no progress
  -h, --help           this text

Exit status: 0 when every device has its script, 1 when one has not, 2 for wrong usage.
";

struct Arguments {
    level: SecurityLevel,
    threads: usize,
    simulate: Option<u64>,
    side_by_side: bool,
    quiet: bool,
    file: String,
}

fn arguments() -> Result<Option<Arguments>, String> {
    use lexopt::prelude::*;
    let mut parser = lexopt::Parser::from_env();
    let mut found = Arguments {
        level: SecurityLevel::Full,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        simulate: None,
        side_by_side: true,
        quiet: false,
        file: String::new(),
    };
    let text = |error: lexopt::Error| error.to_string();
    while let Some(argument) = parser.next().map_err(text)? {
        match argument {
            Long("level") => {
                let value = parser.value().and_then(|value| value.string()).map_err(text)?;
                let level = u8::from_str_radix(&value, 16).ok().and_then(SecurityLevel::from_octet);
                found.level = level.filter(|level| level.has_c_mac()).ok_or(format!("no level {value}"))?;
            }
            Long("threads") => found.threads = parser.value().and_then(|value| value.parse()).map_err(text)?,
            Long("simulate") => {
                found.simulate = Some(parser.value().and_then(|value| value.parse()).map_err(text)?);
            }
            Long("one-by-one") => found.side_by_side = false,
            Short('q') | Long("quiet") => found.quiet = true,
            Short('h') | Long("help") => return Ok(None),
            Value(value) if found.file.is_empty() => found.file = value.string().map_err(text)?,
            other => return Err(other.unexpected().to_string()),
        }
    }
    if found.file.is_empty() { Err("no file of commands given".into()) } else { Ok(Some(found)) }
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("fleet: {problem} (try --help)");
            return ExitCode::from(2);
        }
    };
    let read = std::fs::read_to_string(&arguments.file).map_err(|error| error.to_string());
    let commands = match read.and_then(|text| commands(&text)) {
        Ok(commands) => commands,
        Err(problem) => {
            eprintln!("fleet: {}: {problem}", arguments.file);
            return ExitCode::from(2);
        }
    };
    // Header and Lc before the data.
    let side_by_side = arguments.side_by_side && commands.iter().all(|command| command.len() >= 5 + 64);
    let plan = Plan { level: arguments.level, commands, side_by_side };
    let start = Instant::now();
    let show = !arguments.quiet && io::stderr().is_terminal();
    let last = Mutex::new(start);
    let progress = |done: u64| {
        let Ok(mut last) = last.try_lock() else { return };
        if show && last.elapsed() > Duration::from_millis(100) {
            *last = Instant::now();
            bar(done, arguments.simulate, start.elapsed());
        }
    };
    let problem = |line: u64, text: &str| eprintln!("fleet: line {line}: {text}");
    let output = BufWriter::with_capacity(1 << 20, io::stdout());
    let result = match arguments.simulate {
        Some(count) => run(simulated(count), output, &plan, arguments.threads, progress, problem),
        // Standard input locked once is not `Send`; a buffered reader over it is.
        None => run(io::BufReader::new(io::stdin()), output, &plan, arguments.threads, progress, problem),
    };
    match result {
        Ok(totals) => {
            if show {
                bar(totals.done, arguments.simulate, start.elapsed());
                eprintln!();
            }
            if !arguments.quiet {
                let seconds = start.elapsed().as_secs_f64();
                let rate = totals.done as f64 / seconds.max(1e-9);
                eprintln!(
                    "fleet: {} devices, {} failed, {seconds:.2} s, {rate:.0} devices/s on {} threads",
                    totals.done, totals.failed, arguments.threads
                );
            }
            if totals.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        // A reader that has seen enough and closed the pipe is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fleet: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bar(done: u64, total: Option<u64>, elapsed: Duration) {
    let rate = done as f64 / elapsed.as_secs_f64().max(1e-9);
    let mut err = io::stderr();
    // Nobody is harmed by a progress bar that cannot be shown.
    let _ = match total.filter(|total| *total > 0) {
        Some(total) => {
            let filled = (done.min(total) * 40 / total) as usize;
            write!(err, "\r[{:<40}] {done}/{total}  {rate:.0} devices/s ", "#".repeat(filled))
        }
        None => write!(err, "\r{done} devices  {rate:.0} devices/s "),
    };
}
