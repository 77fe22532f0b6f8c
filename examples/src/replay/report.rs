//! What was found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Fault, FileReport, Outcome, VectorReport};

/// Octets of a long value that are shown on either side of the first difference.
const WINDOW: usize = 24;

/// How many vectors came out how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Files that are no vector files.
    pub unreadable: usize,
    /// Vectors that passed.
    pub passed: usize,
    /// Vectors that failed.
    pub failed: usize,
    /// Vectors that were skipped.
    pub skipped: usize,
    /// Comparisons made.
    pub checks: usize,
    /// Why vectors were skipped, and how many for each reason.
    pub reasons: BTreeMap<&'static str, usize>,
}

impl Counts {
    /// Counts the vectors of these files.
    #[must_use]
    pub fn of(files: &[FileReport]) -> Self {
        let mut counts = Self::default();
        for file in files {
            match &file.result {
                Err(_) => counts.unreadable += 1,
                Ok(vectors) => vectors.iter().for_each(|vector| counts.add(vector)),
            }
        }
        counts
    }

    /// Did everything that was verified pass?
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.failed == 0 && self.unreadable == 0
    }

    fn add(&mut self, vector: &VectorReport) {
        self.checks += vector.checks;
        match &vector.outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed(_) => self.failed += 1,
            Outcome::Skipped(reason) => {
                self.skipped += 1;
                *self.reasons.entry(reason).or_default() += 1;
            }
        }
    }
}

/// How the report for people looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// With colours.
    pub colour: bool,
    /// With a line for each vector, and long values in full.
    pub verbose: bool,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
    }

    fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    fn dim(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// `12 passed, 1 failed, 3 skipped`.
    fn counts(self, counts: &Counts) -> String {
        let failed = format!("{} failed", counts.failed);
        let skipped = format!("{} skipped", counts.skipped);
        let parts = [
            self.good(&format!("{} passed", counts.passed)),
            if counts.failed == 0 { failed } else { self.bad(&failed) },
            if counts.skipped == 0 { skipped } else { self.dim(&skipped) },
        ];
        parts.join(", ")
    }
}

/// The report for people.
#[must_use]
pub fn text(files: &[FileReport], style: Style) -> String {
    let mut out = String::new();
    for file in files {
        one_file(&mut out, file, style);
    }
    let counts = Counts::of(files);
    line(
        &mut out,
        format_args!("total: {} files, {}, {} comparisons", files.len(), style.counts(&counts), counts.checks),
    );
    for (reason, count) in &counts.reasons {
        line(&mut out, format_args!("  skipped {count}: {reason}"));
    }
    if counts.unreadable != 0 {
        line(&mut out, format_args!("{}", style.bad(&format!("  {} files are no vector files", counts.unreadable))));
    }
    out
}

fn one_file(out: &mut String, file: &FileReport, style: Style) {
    let vectors = match &file.result {
        Ok(vectors) => vectors,
        Err(error) => return line(out, format_args!("{}: {}", file.path, style.bad(&error.to_string()))),
    };
    let mut counts = Counts::default();
    vectors.iter().for_each(|vector| counts.add(vector));
    let reasons: Vec<_> = counts.reasons.keys().copied().collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
    line(out, format_args!("{}: {}{reasons}", file.path, style.counts(&counts)));
    for vector in vectors {
        let VectorReport { name, kind, checks, outcome } = vector;
        match outcome {
            Outcome::Failed(fault) => {
                line(out, format_args!("  {} {kind} {name}", style.bad("failed")));
                one_fault(out, fault, style);
            }
            Outcome::Passed if style.verbose => {
                line(out, format_args!("  {} {kind} {name} ({checks} comparisons)", style.good("passed")));
            }
            Outcome::Skipped(reason) if style.verbose => {
                line(out, format_args!("  {} {kind} {name} ({reason})", style.dim("skipped")));
            }
            Outcome::Passed | Outcome::Skipped(_) => {}
        }
    }
}

fn one_fault(out: &mut String, fault: &Fault, style: Style) {
    if let Fault::IllFormed { what, problem } = fault {
        return line(out, format_args!("    {what}: {problem}"));
    }
    line(out, format_args!("    {}", fault.what()));
    let first = fault.first_difference();
    if let (Some(first), Fault::Octets { expected, got, .. }) = (first, fault) {
        let (expected_length, got_length) = (expected.len(), got.len());
        if expected_length != got_length {
            line(out, format_args!("    expected {expected_length} octets, got {got_length}"));
        }
        line(out, format_args!("    first difference at octet {first}"));
    }
    let shown = |value: String| match first {
        Some(first) if !style.verbose => window(&value, first),
        _ => value,
    };
    line(out, format_args!("    expected {}", shown(fault.expected())));
    line(out, format_args!("    got      {}", shown(fault.got())));
}

/// The part of a long hexadecimal value around the octet `first`.
fn window(value: &str, first: usize) -> String {
    let start = first.saturating_sub(WINDOW) * 2;
    let end = (first + WINDOW) * 2;
    let (before, after) = (if start == 0 { "" } else { ".." }, if end < value.len() { ".." } else { "" });
    let shown = value.get(start..end.min(value.len())).unwrap_or_default();
    format!("{before}{shown}{after}")
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

/// The report for programs.
#[must_use]
pub fn json(files: &[FileReport]) -> Value {
    let counts = Counts::of(files);
    json!({
        "files": files.iter().map(file_json).collect::<Vec<_>>(),
        "total": counts_json(&counts),
        "success": counts.is_success(),
    })
}

fn counts_json(counts: &Counts) -> Value {
    json!({
        "unreadable": counts.unreadable,
        "passed": counts.passed,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "comparisons": counts.checks,
        "skipped_because": counts.reasons,
    })
}

fn file_json(file: &FileReport) -> Value {
    match &file.result {
        Err(error) => json!({ "file": file.path, "error": error.to_string() }),
        Ok(vectors) => {
            let mut counts = Counts::default();
            vectors.iter().for_each(|vector| counts.add(vector));
            let vectors: Vec<_> = vectors.iter().map(vector_json).collect();
            json!({ "file": file.path, "counts": counts_json(&counts), "vectors": vectors })
        }
    }
}

fn vector_json(vector: &VectorReport) -> Value {
    let VectorReport { name, kind, checks, outcome } = vector;
    match outcome {
        Outcome::Passed => json!({ "name": name, "kind": kind, "outcome": "passed", "comparisons": checks }),
        Outcome::Skipped(reason) => json!({ "name": name, "kind": kind, "outcome": "skipped", "reason": reason }),
        Outcome::Failed(fault) => json!({
            "name": name,
            "kind": kind,
            "outcome": "failed",
            "what": fault.what(),
            "expected": fault.expected(),
            "got": fault.got(),
        }),
    }
}
