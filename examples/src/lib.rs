//! Programs people run.

pub mod applets;
pub mod embedded_card;
pub mod file_storage;
mod hex;
pub mod replay;
pub mod virtual_card;
pub mod manage;
pub mod trace;
