//! Blocks of LOAD and STORE DATA: numbering, cutting, filling.

use crate::error::{Error, ErrorKind};

/// Block numbers are one octet and never wrap: a transfer has at most this many blocks.
pub const MAX_BLOCKS: usize = 256;

/// The card's end of the numbering: 00, 01, .. FF, each exactly once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BlockCounter {
    /// The number to come, 0 to 256.
    next: u16,
}

impl BlockCounter {
    /// Expects block 00.
    pub const fn new() -> Self {
        Self { next: 0 }
    }

    /// Takes the number of a block.
    ///
    /// # Errors
    /// `BlockNumber` when it is not the expected one; the expectation stays.
    pub fn accept(&mut self, number: u8) -> Result<(), Error> {
        if u16::from(number) != self.next {
            return Err(Error::at(ErrorKind::BlockNumber, 0));
        }
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    /// How many blocks have been taken.
    pub const fn accepted(self) -> u16 {
        self.next
    }
}

/// One block of a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// Block number, P2.
    pub number: u8,
    /// Whether it is the last one.
    pub last: bool,
    /// Position of its first octet in the transfer.
    pub start: usize,
    /// Octets of it.
    pub len: usize,
}

impl Block {
    /// Its octets, where the whole transfer is at hand; empty when `whole` is shorter than was said.
    pub fn of<'a>(&self, whole: &'a [u8]) -> &'a [u8] {
        let end = self.start.saturating_add(self.len);
        whole.get(self.start..end).unwrap_or_default()
    }
}

/// The host's end of the numbering: cuts a transfer of known length into blocks. A transfer of nothing is one empty block.
#[derive(Clone, Debug)]
pub struct Blocks {
    total: usize,
    block_len: usize,
    start: usize,
    number: Option<u8>,
}

impl Blocks {
    /// Cuts `total` octets into blocks of `block_len` octets; the last one may be shorter.
    ///
    /// # Errors
    /// `BadLength` for blocks of 0 octets; `BlockNumber` when there would be more than 256 blocks.
    pub fn new(total: usize, block_len: usize) -> Result<Self, Error> {
        if block_len == 0 {
            return Err(Error::at(ErrorKind::BadLength, 0));
        }
        if total.div_ceil(block_len) > MAX_BLOCKS {
            let first_too_many = block_len.saturating_mul(MAX_BLOCKS);
            return Err(Error::at(ErrorKind::BlockNumber, first_too_many));
        }
        Ok(Self { total, block_len, start: 0, number: Some(0) })
    }

    /// How many blocks are still to come.
    pub fn remaining(&self) -> usize {
        match self.number {
            None => 0,
            Some(_) => {
                let left = self.total.saturating_sub(self.start).saturating_add(self.block_len.saturating_sub(1));
                // Blocks are never empty; the compiler does not know.
                left.checked_div(self.block_len).unwrap_or(0).max(1)
            }
        }
    }
}

impl Iterator for Blocks {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let number = self.number?;
        let len = self.total.saturating_sub(self.start).min(self.block_len);
        let start = self.start;
        self.start = start.saturating_add(len);
        let last = self.start >= self.total;
        self.number = match last {
            true => None,
            false => number.checked_add(1),
        };
        Some(Block { number, last, start, len })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let remaining = self.remaining();
        (remaining, Some(remaining))
    }
}

impl ExactSizeIterator for Blocks {}

impl core::iter::FusedIterator for Blocks {}

/// Reads a message that lies in several pieces, across their borders: a load file from its head and its components.
#[derive(Clone, Debug)]
pub struct Parts<'p, I> {
    rest: &'p [u8],
    pieces: I,
}

impl<'p, I: Iterator<Item = &'p [u8]>> Parts<'p, I> {
    /// Reads the pieces one after the other.
    pub const fn new(pieces: I) -> Self {
        Self { rest: &[], pieces }
    }

    /// Copies the next octets over `out`; returns how many there were, less than `out` only at the end.
    pub fn fill(&mut self, out: &mut [u8]) -> usize {
        let mut room = out;
        let mut filled = 0_usize;
        while !room.is_empty() {
            if self.rest.is_empty() {
                match self.pieces.next() {
                    Some(piece) => self.rest = piece,
                    None => break,
                }
                continue;
            }
            let take = self.rest.len().min(room.len());
            let (head, rest) = self.rest.split_at_checked(take).unwrap_or_default();
            let (now, later) = room.split_at_mut_checked(take).unwrap_or_default();
            now.copy_from_slice(head);
            self.rest = rest;
            room = later;
            filled = filled.saturating_add(take);
        }
        filled
    }
}
