//! Diversification.
