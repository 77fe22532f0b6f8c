//! What the programs share: the board, the wire between host and card, and the card itself.
#![no_std]

pub mod board;
pub mod card;
pub mod flash;
pub mod vectors;
pub mod wire;
