//! How a run ended, and the exit code for it.

use std::fmt;
use std::io;

use gp_cardmanager_model::host::{Error, Failure};

/// Why a run did not do what it was asked to.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The command line, or a file that it names, makes no sense.
    Usage(String),
    /// No session could be opened: other keys, another card, or a card that refuses. And what was found out about it.
    Session(Failure, Option<String>),
    /// An operation failed, most often by a refusal of the card.
    Operation(Failure),
    /// There is no card: the reader, the link or the file that keeps the card failed.
    NoCard(io::Error),
    /// The report could not be written.
    Output(io::Error),
}

impl Outcome {
    /// 1 for a failed operation, 2 for wrong usage, 3 for no session, 4 for no card, 5 for no output.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Operation(_) => 1,
            Self::Usage(_) => 2,
            Self::Session(..) => 3,
            Self::NoCard(_) => 4,
            Self::Output(_) => 5,
        }
    }

    /// What may be behind it, and what to try; `None` where the message says it all.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        let Self::Session(Failure::Channel(error), hint) = self else { return None };
        let general = match error {
            gp_scp03::Error::CardCryptogram => {
                "The card does not have these keys, or its answer was changed on the way. EXTERNAL AUTHENTICATE was not sent, \
                 so the card has counted no failure."
            }
            gp_scp03::Error::TryS16 | gp_scp03::Error::OtherMode => {
                "The card uses the other length of challenges: try --mode s16 or --mode s8."
            }
            gp_scp03::Error::Level => "The \"i\" of the card does not offer this level: see --level and --i.",
            _ => return hint.clone(),
        };
        Some(match hint {
            Some(hint) => format!("{general} {hint}"),
            None => general.to_owned(),
        })
    }

    /// A task of the session's opening failed.
    pub(super) fn session(error: Error<io::Error>) -> Self {
        match error {
            Error::Transport(error) => Self::NoCard(error),
            Error::Failure(failure) => Self::Session(failure, None),
            _ => Self::Session(Failure::State, None),
        }
    }
}

impl From<Error<io::Error>> for Outcome {
    fn from(error: Error<io::Error>) -> Self {
        match error {
            Error::Transport(error) => Self::NoCard(error),
            Error::Failure(failure) => Self::Operation(failure),
            _ => Self::Operation(Failure::State),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(problem) => f.write_str(problem),
            Self::Session(failure, _) => write!(f, "no session: {failure}"),
            Self::Operation(failure) => failure.fmt(f),
            Self::NoCard(error) => write!(f, "no card: {error}"),
            Self::Output(error) => write!(f, "the report cannot be written: {error}"),
        }
    }
}

impl std::error::Error for Outcome {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Usage(_) => None,
            Self::Session(failure, _) | Self::Operation(failure) => Some(failure),
            Self::NoCard(error) | Self::Output(error) => Some(error),
        }
    }
}
