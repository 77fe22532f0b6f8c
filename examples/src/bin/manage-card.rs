//! `manage-card`: opens an SCP03 session with a card, manages it, and shows every exchange on the way.

use std::io::{BufWriter, ErrorKind, IsTerminal};
use std::process::ExitCode;

use gp_examples::manage::{Arguments, Colour, Outcome, perform};

fn main() -> ExitCode {
    let result = Arguments::parse(std::env::args_os().skip(1)).map_err(Outcome::Usage).and_then(|arguments| {
        let colour = match arguments.colour {
            Colour::Auto => {
                std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
            }
            Colour::Always => true,
            Colour::Never => false,
        };
        perform(&arguments, &mut BufWriter::new(std::io::stdout().lock()), colour)
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that has seen enough and closed the pipe is no failure.
        Err(Outcome::Output(error)) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(outcome) => {
            let hint = if matches!(outcome, Outcome::Usage(_)) { " (try --help)" } else { "" };
            eprintln!("manage-card: {outcome}{hint}");
            if let Some(advice) = outcome.advice() {
                eprintln!("{advice}");
            }
            ExitCode::from(outcome.exit_code())
        }
    }
}
