//! Joins the data objects of STORE DATA blocks, which may be cut anywhere.

use super::Structure;
use crate::error::{Error, ErrorKind};
use crate::in_place::move_within;
use gp_tlv::{Dgi, DgiReader, Reader, Tlv};

/// One whole object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Item<'a> {
    /// A BER-TLV object.
    Tlv(Tlv<'a>),
    /// A data grouping.
    Dgi(Dgi<'a>),
    /// Octets without a structure, as they came.
    Octets(&'a [u8]),
}

/// Joins objects in the caller's buffer, which holds one object at least: the longest that is accepted.
///
/// ```
/// use gp_cardmanager_model::error::Error;
/// use gp_cardmanager_model::store_data::{Assembler, Item, Structure};
///
/// let mut buf = [0; 16];
/// let mut blocks = Assembler::new(&mut buf, Structure::Dgi);
/// let mut tags = [0; 2];
/// let mut slots = tags.iter_mut();
/// for block in [&[0x00][..], &[0x70, 0x01, 0xAA, 0x81], &[0x13, 0x00]] {
///     blocks.feed(block, |item| {
///         if let (Item::Dgi(dgi), Some(slot)) = (item, slots.next()) {
///             *slot = dgi.tag;
///         }
///         Ok::<(), Error>(())
///     })?;
/// }
/// blocks.finish()?;
/// assert_eq!(tags, [0x0070, 0x8113]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Assembler<'b> {
    buf: &'b mut [u8],
    len: usize,
    structure: Structure,
    /// Octets of whole objects handed on so far.
    consumed: usize,
    failed: Option<Error>,
}

impl<'b> Assembler<'b> {
    /// Joins objects of this structure in `buf`.
    pub const fn new(buf: &'b mut [u8], structure: Structure) -> Self {
        Self { buf, len: 0, structure, consumed: 0, failed: None }
    }

    /// Takes the data of one block and calls `f` with each object that is whole now. Without a structure, that is the block.
    ///
    /// # Errors
    /// TLV errors at their position in the transfer; `BufferFull` for an object longer than the buffer; what `f` answers.
    /// After an error of its own the assembler stays refused.
    pub fn feed<E: From<Error>>(
        &mut self,
        block: &[u8],
        mut f: impl FnMut(Item<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if let Some(error) = self.failed {
            return Err(error.into());
        }
        if self.structure == Structure::None {
            self.consumed = self.consumed.saturating_add(block.len());
            return f(Item::Octets(block));
        }
        let mut rest = block;
        while !rest.is_empty() {
            let room = self.buf.get_mut(self.len..).unwrap_or_default();
            let take = room.len().min(rest.len());
            let (now, later) = rest.split_at_checked(take).unwrap_or_default();
            for (to, from) in room.iter_mut().zip(now) {
                *to = *from;
            }
            self.len = self.len.saturating_add(take);
            rest = later;
            let handed_on = self.hand_on(&mut f)?;
            if !rest.is_empty() && handed_on == 0 && self.len == self.buf.len() {
                return Err(self.refuse(Error::at(ErrorKind::BufferFull, self.consumed)).into());
            }
        }
        Ok(())
    }

    /// Calls `f` with the whole objects in the buffer and moves the rest to its front; returns the octets handed on.
    fn hand_on<E: From<Error>>(&mut self, f: &mut impl FnMut(Item<'_>) -> Result<(), E>) -> Result<usize, E> {
        let mut done = 0_usize;
        let outcome = loop {
            let pending = self.buf.get(done..self.len).unwrap_or_default();
            if pending.is_empty() {
                break Ok(());
            }
            let (item, len) = match next(pending, self.structure) {
                Ok(Some(found)) => found,
                Ok(None) => break Ok(()),
                Err(error) => {
                    let at = self.consumed.saturating_add(done);
                    return Err(self.refuse(Error::tlv(error, at)).into());
                }
            };
            done = done.saturating_add(len);
            if let Err(error) = f(item) {
                break Err(error);
            }
        };
        if done <= self.len {
            move_within(self.buf, done..self.len, 0);
        }
        self.len = self.len.saturating_sub(done);
        self.consumed = self.consumed.saturating_add(done);
        outcome.map(|()| done)
    }

    fn refuse(&mut self, error: Error) -> Error {
        self.failed = Some(error);
        error
    }

    /// After the last block: whether it ended with a whole object.
    ///
    /// # Errors
    /// `Truncated` where the object that is not whole begins; the error of a refused transfer.
    pub fn finish(&self) -> Result<(), Error> {
        match (self.failed, self.len) {
            (Some(error), _) => Err(error),
            (None, 0) => Ok(()),
            (None, _) => Err(Error::at(ErrorKind::Truncated, self.consumed)),
        }
    }
}

/// The first object of `octets` and its length; `None` when it is not whole.
fn next(octets: &[u8], structure: Structure) -> Result<Option<(Item<'_>, usize)>, gp_tlv::Error> {
    let found = match structure {
        Structure::Dgi => {
            let mut reader = DgiReader::new(octets);
            reader.next_dgi().map(|dgi| dgi.map(|dgi| (Item::Dgi(dgi), reader.offset())))
        }
        Structure::BerTlv | Structure::None => {
            let mut reader = Reader::new(octets);
            reader.next_tlv().map(|tlv| tlv.map(|tlv| (Item::Tlv(tlv), reader.offset())))
        }
    };
    match found {
        Err(error) if error.kind == gp_tlv::ErrorKind::Truncated => Ok(None),
        other => other,
    }
}
