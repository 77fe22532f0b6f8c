//! Deviations that real cards show, by name, so that a host can be tried against them.

use std::fmt::Write as _;

use gp_cardmanager_model::card::{Deviation, Deviations};
use gp_scp03::Quirks;

/// The name of the one deviation of the messages themselves.
const COUNTER_SKIPS_EMPTY: &str = "counter-skips-empty";

/// How the card deviates from the specification: not at all, by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deviating {
    /// Of the secure channel's messages.
    pub quirks: Quirks,
    /// Of commands and answers.
    pub deviations: Deviations,
}

impl Deviating {
    /// With all of a named profile, too.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn with_profile(self, name: &str) -> Result<Self, String> {
        match name {
            "specification" => Ok(self),
            "platform-channel" => self.with(COUNTER_SKIPS_EMPTY),
            _ => Err(format!("--profile: there is no {name}; there are specification and platform-channel")),
        }
    }

    /// With the deviation of this name, too.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn with(self, name: &str) -> Result<Self, String> {
        if name == COUNTER_SKIPS_EMPTY {
            return Ok(Self { quirks: self.quirks.with_counter_skips_empty(), ..self });
        }
        match Deviation::ALL.iter().find(|deviation| deviation.name() == name) {
            Some(deviation) => Ok(Self { deviations: self.deviations.with(*deviation), ..self }),
            None => Err(format!("--deviation: there is no {name}; --deviation list prints them all")),
        }
    }

    /// All of them, one in a line.
    #[must_use]
    pub fn list() -> String {
        let mut list = String::new();
        let counter =
            "The encryption counter does not advance for commands without data, as on the platform channel of SE05x.";
        let all = Deviation::ALL.iter().map(|deviation| (deviation.name(), deviation.text()));
        for (name, text) in all.chain([(COUNTER_SKIPS_EMPTY, counter)]) {
            // Writing to a string does not fail.
            let _ = writeln!(list, "{name:30} {text}");
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_the_list_is_understood() {
        let list = Deviating::list();
        assert_eq!(list.lines().count(), Deviation::ALL.len() + 1);
        for line in list.lines() {
            let (name, text) = line.split_once(' ').unwrap();
            assert!(text.trim().len() > 10, "{line}");
            assert_ne!(Deviating::default().with(name), Ok(Deviating::default()), "{name}");
        }
        assert!(Deviating::default().with("nobody").is_err() && Deviating::default().with_profile("nobody").is_err());
        let all = Deviating::default().with("get-response").and_then(|some| some.with("exact-le")).unwrap();
        assert_eq!(all.deviations.iter().collect::<Vec<_>>(), [Deviation::GetResponse, Deviation::ExactLe]);
    }
}
