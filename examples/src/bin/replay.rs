//! `replay FILE...`: verifies vector files with recorded or generated SCP03 sessions and messages.

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use gp_examples::replay::{Counts, Style, json, text, verify_file};

const HELP: &str = "\
Verifies vector files of the format scp03-vectors-1: everything they state is computed anew and compared.

Usage: replay [OPTIONS] FILE...

Options:
  -v, --verbose  a line for each vector, and long values in full
      --json     the report as one JSON object
  -h, --help     this text

Exit status: 0 when nothing failed, 1 when a vector failed or a file is no vector file, 2 for wrong usage.
Colours are off when the output is no terminal or NO_COLOR is set.
";

/// What the command line asks for.
#[derive(Default)]
struct Arguments {
    files: Vec<std::ffi::OsString>,
    verbose: bool,
    json: bool,
    help: bool,
}

impl Arguments {
    fn parse(words: impl Iterator<Item = std::ffi::OsString>) -> Result<Self, String> {
        let mut arguments = Self::default();
        let mut only_files = false;
        for word in words {
            match word.to_str() {
                _ if only_files => arguments.files.push(word),
                Some("--") => only_files = true,
                Some("-v" | "--verbose") => arguments.verbose = true,
                Some("--json") => arguments.json = true,
                Some("-h" | "--help") => arguments.help = true,
                Some(option) if option.starts_with('-') => return Err(format!("unknown option {option}")),
                _ => arguments.files.push(word),
            }
        }
        if arguments.files.is_empty() && !arguments.help {
            return Err("no file given".into());
        }
        Ok(arguments)
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("replay: {problem} (try --help)");
            return ExitCode::from(2);
        }
    };
    if arguments.help {
        return print(HELP, true);
    }
    let reports: Vec<_> = arguments.files.iter().map(|file| verify_file(Path::new(file))).collect();
    let success = Counts::of(&reports).is_success();
    if arguments.json {
        return print(&format!("{:#}\n", json(&reports)), success);
    }
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    print(&text(&reports, Style { colour, verbose: arguments.verbose }), success)
}

/// A reader that has seen enough and closed the pipe is no failure.
fn print(text: &str, success: bool) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("replay: cannot write the report: {error}");
            ExitCode::FAILURE
        }
        _ if success => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
