//! Programs people run.

pub mod replay;
