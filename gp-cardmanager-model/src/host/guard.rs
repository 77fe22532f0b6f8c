//! A count of failed attempts, kept by the host so that it stops before the card does.

use gp_apdu::ins;

use super::{Failure, Step};

/// Counts attempts to open a session that did not succeed, and refuses a further one at a limit of the caller's choice.
///
/// Cards count failed authentications, and some lock themselves for good after a few; the specification leaves the number
/// to the card. The guard counts on the safe side: from INITIALIZE UPDATE on, an attempt counts until the card has
/// confirmed the session, whatever ended it (a wrong card cryptogram, a lost answer, a refusal of EXTERNAL AUTHENTICATE).
/// Only a card that refuses INITIALIZE UPDATE has made no attempt of it. A success sets the count to zero.
///
/// One guard belongs to one key set of one card. To survive the program, store [`failures`](Self::failures) **plus one**
/// before an attempt and what it is afterwards, and go on with [`resume`](Self::resume). A rotation carries two guards and
/// stores them with its record ([`Rotation::guarded`](super::Rotation::guarded)).
///
/// ```
/// use gp_cardmanager_model::host::{Failure, Guard};
///
/// let mut guard = Guard::resume(2, 3);
/// assert_eq!(guard.failures_left(), 1);
/// guard.attempt()?; // and the session is not opened
/// assert_eq!(guard.attempt(), Err(Failure::Stopped));
/// guard.succeeded(); // somebody proved the keys elsewhere
/// assert_eq!(guard.failures(), 0);
/// # Ok::<(), Failure>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guard {
    failures: u8,
    limit: u8,
}

impl Guard {
    /// The limit of [`Guard::default`]: a careful one, as a card does not say where its own limit is.
    pub const LIMIT: u8 = 2;

    /// A guard that lets `limit` attempts fail.
    #[must_use]
    pub const fn new(limit: u8) -> Self {
        Self::resume(0, limit)
    }

    /// A guard that has seen so many failures before.
    #[must_use]
    pub const fn resume(failures: u8, limit: u8) -> Self {
        Self { failures, limit }
    }

    /// Failed attempts since the last success.
    #[must_use]
    pub const fn failures(&self) -> u8 {
        self.failures
    }

    /// So many may fail.
    #[must_use]
    pub const fn limit(&self) -> u8 {
        self.limit
    }

    /// How many more may fail.
    #[must_use]
    pub const fn failures_left(&self) -> u8 {
        self.limit.saturating_sub(self.failures)
    }

    /// Counts an attempt that is about to be made.
    ///
    /// # Errors
    /// [`Failure::Stopped`] when the limit is reached: make no attempt then.
    pub const fn attempt(&mut self) -> Result<(), Failure> {
        if self.failures >= self.limit {
            return Err(Failure::Stopped);
        }
        self.failures = self.failures.saturating_add(1);
        Ok(())
    }

    /// Takes back the attempt counted last: the card refused it before any key was tried.
    pub const fn take_back(&mut self) {
        self.failures = self.failures.saturating_sub(1);
    }

    /// Takes note that the keys opened a session.
    pub const fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Takes note of what an answer to the attempt under way came to: open, refused before any key was tried, or neither.
    pub(super) fn note(&mut self, step: Result<Step, Failure>) {
        match step {
            Ok(Step::Done) => self.succeeded(),
            Err(Failure::Refused(refusal)) if refusal.instruction == ins::INITIALIZE_UPDATE => self.take_back(),
            Err(Failure::Channel(gp_scp03::Error::TryS16)) => self.take_back(),
            _ => {}
        }
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self::new(Self::LIMIT)
    }
}
