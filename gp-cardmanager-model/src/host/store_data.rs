//! STORE DATA, `80 E2 P1 P2`: data for the security domain or for one of its applications, in blocks (GPCS 11.11).
//!
//! ```text
//!  INSTALL   80 E6 20 00      only to an application: the blocks go to it until the last one
//!  STORE     80 E2 p1 00  ..
//!            80 E2 p1 01  ..
//!            80 E2 p1|80 nn   the last block
//! ```

use gp_apdu::ins;
use gp_scp03::Reply;

use super::{Answer, Cover, Draft, Failure, Origin, Slot, Step, Task, accepted, install};
use crate::aid::Aid;
use crate::error::ErrorKind;
use crate::install::Install;
use crate::store_data::{Block, Blocks, StoreData as Header, StoreDataFormat};

/// Stores data in blocks that fit the session. Yields the [`Answer`] to the last block.
///
/// Keys in DGI form are written by [`key_dgi::write_keys`](crate::store_data::key_dgi::write_keys) first.
#[derive(Clone, Debug)]
pub struct StoreData<'a> {
    application: Option<Aid>,
    format: StoreDataFormat,
    source: Source<'a>,
    asked: u8,
    origin: Origin,
}

#[derive(Clone, Debug)]
enum Source<'a> {
    /// Cut where a block is full.
    Whole { data: &'a [u8], block_len: usize, blocks: Option<Blocks> },
    /// Each piece is a block.
    Pieces { pieces: &'a [&'a [u8]], number: Option<u8> },
}

impl<'a> StoreData<'a> {
    /// Stores `data` and cuts it wherever a block is full: an object may go on in the next one.
    #[must_use]
    pub const fn new(format: StoreDataFormat, data: &'a [u8]) -> Self {
        Self::of(format, Source::Whole { data, block_len: usize::MAX, blocks: None })
    }

    /// Stores pieces, each in a block of its own, for receivers that want whole objects. Each has to fit a command.
    #[must_use]
    pub const fn in_pieces(format: StoreDataFormat, pieces: &'a [&'a [u8]]) -> Self {
        Self::of(format, Source::Pieces { pieces, number: Some(0) })
    }

    const fn of(format: StoreDataFormat, source: Source<'a>) -> Self {
        Self { application: None, format, source, asked: ins::STORE_DATA, origin: Origin::Authentic }
    }

    /// Sends it to an application of the security domain: INSTALL \[for personalization\] goes first.
    #[must_use]
    pub fn to_application(self, application: Aid) -> Self {
        Self { application: Some(application), ..self }
    }

    /// Makes no block longer than this, in octets of plain data.
    #[must_use]
    pub fn with_block_len(mut self, octets: usize) -> Self {
        if let Source::Whole { block_len, .. } = &mut self.source {
            *block_len = octets;
        }
        self
    }

    /// Are all blocks sent?
    fn is_over(&self) -> bool {
        match &self.source {
            Source::Whole { blocks, .. } => blocks.as_ref().is_some_and(|blocks| blocks.remaining() == 0),
            Source::Pieces { pieces, .. } => pieces.is_empty(),
        }
    }
}

impl<'a> Source<'a> {
    /// The next block and its octets.
    fn next(&mut self) -> Option<(Block, &'a [u8])> {
        match self {
            Self::Whole { data, blocks, .. } => {
                let block = blocks.as_mut()?.next()?;
                Some((block, block.of(data)))
            }
            Self::Pieces { pieces, number } => {
                let (piece, rest) = pieces.split_first()?;
                let current = number.take()?;
                *pieces = rest;
                *number = current.checked_add(1);
                Some((Block { number: current, last: rest.is_empty(), start: 0, len: piece.len() }, piece))
            }
        }
    }

    /// Settles the cut, and sees that the block numbers suffice, before anything is sent.
    fn prepare(&mut self, max_data: usize) -> Result<(), Failure> {
        match self {
            Self::Whole { data, block_len, blocks: blocks @ None } => {
                let cut = Blocks::new(data.len(), max_data.min(*block_len)).map_err(|error| match error.kind {
                    ErrorKind::BlockNumber => Failure::TooManyBlocks,
                    _ => Failure::Body(error),
                })?;
                *blocks = Some(cut);
                Ok(())
            }
            // For a block that never comes no application is made ready.
            Self::Pieces { pieces: [], number: Some(0) } => Err(Failure::State),
            Self::Pieces { pieces, number: Some(0) } if pieces.len() > 256 => Err(Failure::TooManyBlocks),
            Self::Pieces { pieces, number: Some(0) } if pieces.iter().any(|piece| piece.len() > max_data) => {
                Err(Failure::Apdu(gp_apdu::Error::DataTooLong))
            }
            _ => Ok(()),
        }
    }
}

impl Task for StoreData<'_> {
    type Output<'r> = Answer<'r>;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        self.source.prepare(draft.max_data())?;
        if let Some(application) = self.application.take() {
            self.asked = ins::INSTALL;
            return install::write(draft, &Install::Personalization(application));
        }
        self.asked = ins::STORE_DATA;
        let (block, octets) = self.source.next().ok_or(Failure::State)?;
        draft.begin(Header::of_block(self.format, &block).header()).push(octets)?;
        if self.format.answer {
            draft.expect_any();
        }
        Ok(Cover::Session)
    }

    fn reply(&mut self, reply: Reply<'_>, _: &mut Slot) -> Result<Step, Failure> {
        self.origin = self.origin.min(Origin::of(&reply));
        accepted(self.asked, reply)?;
        Ok(if self.is_over() { Step::Done } else { Step::Again })
    }

    fn output(self, last: &[u8]) -> Result<Answer<'_>, Failure> {
        Ok(Answer { data: last, status: gp_apdu::StatusWord::OK, origin: self.origin })
    }
}
