//! The host's operations against recorded sessions and a card of a few lines.

mod corners;
mod delegated;
mod discovery;
mod edges;
mod handshake;
mod lengths;
mod listing;
mod man_in_the_middle;
mod operations;
mod rotation;
mod seldom;
mod sessions;

#[path = "../support/host.rs"]
mod support;
