//! Programs people run.

pub mod applets;
pub mod embedded_card;
pub mod file_storage;
pub mod fleet;
pub mod fleet_input;
mod hex;
pub mod manage;
pub mod replay;
pub mod trace;
pub mod virtual_card;

/// Runs the code of the project's README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct RootReadme;
