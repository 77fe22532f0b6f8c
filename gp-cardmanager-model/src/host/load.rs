//! INSTALL \[for load\] and LOAD: a load file in blocks that fit level, mode and form (GPCS 11.5, 11.6).
//!
//! ```text
//!  INSTALL for load    80 E6 02 00          or the first command of the combined process, 80 E6 0E 01
//!  LOAD                80 E8 00 00  first octets of the file
//!                      80 E8 00 01  ...
//!                      80 E8 80 nn  the last ones
//!  INSTALL             80 E6 0E 03          only in the combined process
//! ```

use core::fmt;
use core::iter::{Chain, Once, once};

use gp_apdu::ins;
use gp_scp03::Reply;

use super::{Cover, Draft, Failure, Origin, Performed, Slot, Step, Task, accepted, install};
use crate::error::ErrorKind;
use crate::install::{ForInstall, ForLoad, Install};
use crate::load_file::{Blocks, LoadBlock, Parts};

/// Loads an executable load file.
///
/// The file is its head, which [`LoadFile::emit_head`](crate::load_file::LoadFile::emit_head) writes (DAP blocks, tag and
/// length of the data block), and the octets of the data block in any number of pieces: the components of a
/// [`Cap`](crate::cap::Cap), say. Nothing is copied together.
///
/// Each block is as long as level, mode and form of the session allow: 247, 239, 223... octets. Where the card or the
/// reader takes less, [`with_block_len`](Self::with_block_len) says so; the smaller number wins. A file that would need
/// more than 256 blocks is refused before anything is sent.
///
/// ```no_run
/// # use gp_cardmanager_model::host::{Error, Host, Load, run};
/// # fn f<X: gp_apdu::Transport>(host: &mut Host<'_>, link: &mut X, file: &[u8]) -> Result<(), Box<dyn std::error::Error>>
/// # where Error<X::Error>: std::error::Error + 'static {
/// use gp_cardmanager_model::{cap::Cap, install::ForLoad, load_file::{Content, LoadFile}};
///
/// let cap = Cap::from_zip(file)?;
/// let content = Content::Plain { len: cap.load_file_data_block_len(false) };
/// let mut head = [0; 8];
/// let head = LoadFile { daps: &[], content }.emit_head(&mut head)?;
/// let body = ForLoad { load_file: cap.header().aid, security_domain: None, hash: &[], parameters: &[], token: &[] };
/// run(host, link, Load::new(body, head, cap.load_file_data_block(false)))?;
/// # Ok(())
/// # }
/// ```
pub struct Load<'a, I> {
    first: Option<Install<'a>>,
    last: Option<Install<'a>>,
    total: usize,
    parts: Parts<'a, Chain<Once<&'a [u8]>, I>>,
    block_len: usize,
    blocks: Option<Blocks>,
    /// What the next answer is an answer to.
    asked: u8,
    origin: Origin,
}

impl<'a, I: Iterator<Item = &'a [u8]> + Clone> Load<'a, I> {
    /// Loads the file made of `head` and the pieces of `block`.
    #[must_use]
    pub fn new(body: ForLoad<'a>, head: &'a [u8], block: I) -> Self {
        Self { first: Some(Install::Load(body)), ..Self::blocks_only(head, block) }
    }

    /// Loads the file, installs an application from it and makes it selectable, all of it or nothing: the combined
    /// process (GPCS 9.3.8). The token, where one is needed, is in `last`.
    #[must_use]
    pub fn combined(first: ForLoad<'a>, head: &'a [u8], block: I, last: ForInstall<'a>) -> Self {
        Self {
            first: Some(Install::CombinedFirst(first)),
            last: Some(Install::CombinedLast(last)),
            ..Self::blocks_only(head, block)
        }
    }

    /// The LOAD commands alone, after an INSTALL \[for load\] of one's own.
    #[must_use]
    pub fn blocks_only(head: &'a [u8], block: I) -> Self {
        let total = block.clone().map(<[u8]>::len).fold(head.len(), usize::saturating_add);
        Self {
            first: None,
            last: None,
            total,
            parts: Parts::new(once(head).chain(block)),
            block_len: usize::MAX,
            blocks: None,
            asked: ins::LOAD,
            origin: Origin::Authentic,
        }
    }

    /// Makes no block longer than this, in octets of plain data.
    #[must_use]
    pub fn with_block_len(self, octets: usize) -> Self {
        Self { block_len: octets, ..self }
    }

    /// Octets of the whole file.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.total
    }
}

impl<'a, I: Iterator<Item = &'a [u8]> + Clone> Task for Load<'a, I> {
    type Output<'r> = Performed<'r>;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        let blocks = match &mut self.blocks {
            Some(blocks) => blocks,
            none => {
                let len = draft.max_data().min(self.block_len);
                none.insert(Blocks::new(self.total, len).map_err(|error| match error.kind {
                    ErrorKind::BlockNumber => Failure::TooManyBlocks,
                    _ => Failure::Body(error),
                })?)
            }
        };
        if let Some(body) = self.first.take() {
            self.asked = ins::INSTALL;
            return install::write(draft, &body);
        }
        if let Some(block) = blocks.next() {
            self.asked = ins::LOAD;
            let header = LoadBlock { last: block.last, number: block.number }.header();
            let parts = &mut self.parts;
            draft.begin(header).push_with(|room| {
                let room = room.get_mut(..block.len).ok_or(gp_apdu::Error::BufferFull)?;
                if parts.fill(room) == block.len { Ok(block.len) } else { Err(Failure::State) }
            })?;
            draft.expect_any();
            return Ok(Cover::Session);
        }
        let body = self.last.take().ok_or(Failure::State)?;
        self.asked = ins::INSTALL;
        install::write(draft, &body)
    }

    fn reply(&mut self, reply: Reply<'_>, _: &mut Slot) -> Result<Step, Failure> {
        self.origin = self.origin.min(Origin::of(&reply));
        accepted(self.asked, reply)?;
        let left = self.last.is_some() || self.blocks.as_ref().is_none_or(|blocks| blocks.remaining() > 0);
        Ok(if left { Step::Again } else { Step::Done })
    }

    fn output(self, last: &[u8]) -> Result<Performed<'_>, Failure> {
        Ok(Performed { data: last, origin: self.origin })
    }
}

impl<I> fmt::Debug for Load<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load")
            .field("total", &self.total)
            .field("blocks_left", &self.blocks.as_ref().map(Blocks::remaining))
            .finish_non_exhaustive()
    }
}
