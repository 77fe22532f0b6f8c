//! What `manage-card` is made of: its command line, the card it talks to, what it does, and how it tells of it.

mod arguments;
mod console;
pub mod decode;
mod hex;
mod keys;
mod outcome;
mod tour;

use std::io::Write;

pub use arguments::{Action, Arguments, HELP};
pub use outcome::Outcome;
