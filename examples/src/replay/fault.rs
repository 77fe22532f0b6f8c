//! What is wrong with a vector, and the comparisons that find it.

use std::fmt;

use super::hex;

/// The first thing in a vector that is not as computed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Octets differ.
    Octets {
        /// What they are, and where in the vector.
        what: String,
        /// What the vector states.
        expected: Vec<u8>,
        /// What was computed.
        got: Vec<u8>,
    },
    /// Something else than octets differs, or one end refused what the vector says it takes.
    Differs {
        /// What it is, and where in the vector.
        what: String,
        /// What the vector states.
        expected: String,
        /// What came out.
        got: String,
    },
    /// The vector lacks something or states it in a way that cannot be read.
    IllFormed {
        /// The field, and where in the vector.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Fault {
    pub(super) fn ill_formed(what: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::IllFormed { what: what.into(), problem: problem.into() }
    }

    pub(super) fn differs_in(what: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self::Differs { what: what.into(), expected: expected.into(), got: got.into() }
    }

    /// One end refused what the vector says it takes.
    pub(super) fn refused(what: impl Into<String>, error: impl fmt::Display) -> Self {
        Self::differs_in(what, "success", format!("refused: {error}"))
    }

    /// The same fault, found in this part of the vector.
    #[must_use]
    pub(super) fn within(mut self, part: impl fmt::Display) -> Self {
        let (Self::Octets { what, .. } | Self::Differs { what, .. } | Self::IllFormed { what, .. }) = &mut self;
        *what = format!("{part}: {what}");
        self
    }

    /// Is it the vector that cannot be read, rather than its content that is wrong?
    #[must_use]
    pub const fn is_ill_formed(&self) -> bool {
        matches!(self, Self::IllFormed { .. })
    }

    /// What is wrong, and where.
    #[must_use]
    pub fn what(&self) -> &str {
        let (Self::Octets { what, .. } | Self::Differs { what, .. } | Self::IllFormed { what, .. }) = self;
        what
    }

    /// What the vector states, in full.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::Octets { expected, .. } => hex::encode(expected),
            Self::Differs { expected, .. } => expected.clone(),
            Self::IllFormed { .. } => "a well-formed vector".into(),
        }
    }

    /// What came out, in full.
    #[must_use]
    pub fn got(&self) -> String {
        match self {
            Self::Octets { got, .. } => hex::encode(got),
            Self::Differs { got, .. } => got.clone(),
            Self::IllFormed { problem, .. } => problem.clone(),
        }
    }

    /// Of octets, where the difference begins.
    #[must_use]
    pub fn first_difference(&self) -> Option<usize> {
        let Self::Octets { expected, got, .. } = self else { return None };
        let common = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
        Some(common)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IllFormed { what, problem } => write!(f, "{what}: {problem}"),
            _ => write!(f, "{}: expected {}, got {}", self.what(), self.expected(), self.got()),
        }
    }
}

impl std::error::Error for Fault {}

/// Makes the comparisons and counts them.
#[derive(Debug, Default)]
pub(super) struct Checks {
    made: usize,
}

impl Checks {
    pub(super) const fn made(&self) -> usize {
        self.made
    }

    /// Octets that were computed against those of the vector.
    pub(super) fn octets(&mut self, what: &str, got: &[u8], expected: &[u8]) -> Result<(), Fault> {
        self.made += 1;
        if got == expected {
            return Ok(());
        }
        Err(Fault::Octets { what: what.into(), expected: expected.into(), got: got.into() })
    }

    /// As [`octets`](Self::octets), where the vector may not state them.
    pub(super) fn opt_octets(&mut self, what: &str, got: &[u8], expected: Option<&[u8]>) -> Result<(), Fault> {
        expected.map_or(Ok(()), |expected| self.octets(what, got, expected))
    }

    /// Anything else that can be compared and shown.
    pub(super) fn equal<T: PartialEq + fmt::Debug>(&mut self, what: &str, got: T, expected: T) -> Result<(), Fault> {
        self.made += 1;
        if got == expected {
            return Ok(());
        }
        Err(Fault::differs_in(what, format!("{expected:?}"), format!("{got:?}")))
    }

    /// An end must take what the vector says it takes.
    pub(super) fn taken<T, E: fmt::Display>(&mut self, what: &str, result: Result<T, E>) -> Result<T, Fault> {
        self.made += 1;
        result.map_err(|error| Fault::refused(what, error))
    }
}
