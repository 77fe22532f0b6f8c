//! Placeholder of the first minutes.
#![no_std]
