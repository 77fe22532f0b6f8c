//! fci
