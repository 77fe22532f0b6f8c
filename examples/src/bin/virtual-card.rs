//! `virtual-card`: the card model as a card in a virtual PC/SC reader.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use gp_examples::virtual_card::{Deviating, HELP, Options, run};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("virtual-card: {problem} (try --help)");
            return ExitCode::from(2);
        }
    };
    if options.help || options.list_deviations {
        let text = if options.help { HELP.to_owned() } else { Deviating::list() };
        return match std::io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
        };
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("virtual-card: {error}");
            ExitCode::FAILURE
        }
    }
}
