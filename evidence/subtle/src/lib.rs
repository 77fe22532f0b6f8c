//! Stands in for `subtle` where the independence of secrets is watched.
//!
//! A comparison of secrets has a verdict, and whether a MAC fits is no secret: somebody must branch on it. Memcheck
//! cannot know that; it would report each such branch. The crates turn every verdict into a `bool` through
//! [`Choice`] and nowhere else, so that one place is where it is declared public. The real crate's comparison is watched
//! by the program `comparison` beside this one.

#![no_std]

use core::hint::black_box;

/// A verdict that is still a secret: 0 or 1.
#[derive(Clone, Copy, Debug)]
pub struct Choice(u8);

impl Choice {
    /// The verdict as 0 or 1, still a secret.
    #[must_use]
    pub fn unwrap_u8(&self) -> u8 {
        self.0
    }
}

impl From<u8> for Choice {
    fn from(bit: u8) -> Self {
        Self(black_box(bit))
    }
}

/// Here a verdict becomes public.
impl From<Choice> for bool {
    fn from(choice: Choice) -> Self {
        let verdict = [choice.0];
        memcheck::make_defined(&verdict);
        black_box(verdict)[0] != 0
    }
}

impl core::ops::BitAnd for Choice {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(black_box(self.0 & other.0))
    }
}

/// Comparison in constant time.
pub trait ConstantTimeEq {
    /// Are the two the same?
    fn ct_eq(&self, other: &Self) -> Choice;
}

impl ConstantTimeEq for [u8] {
    fn ct_eq(&self, other: &Self) -> Choice {
        let differs = self.iter().zip(other).fold(0_u8, |differs, (one, two)| black_box(differs | (one ^ two)));
        let same = (u16::from(differs).wrapping_sub(1) >> 8) as u8 & 1;
        Choice(black_box(same & u8::from(self.len() == other.len())))
    }
}

impl<const N: usize> ConstantTimeEq for [u8; N] {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.as_slice().ct_eq(other.as_slice())
    }
}

impl ConstantTimeEq for u128 {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.to_ne_bytes().ct_eq(&other.to_ne_bytes())
    }
}
