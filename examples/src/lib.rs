//! Programs people run.

pub mod applets;
pub mod embedded_card;
pub mod file_storage;
mod hex;
pub mod manage;
pub mod replay;
pub mod trace;
pub mod virtual_card;
