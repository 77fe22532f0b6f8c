//! Reads a load file as its blocks arrive, cut anywhere, with no memory for the file.

use super::{CIPHERED, DAP, DAP_AID, DAP_SIGNATURE, DATA_BLOCK, ICV};
use crate::aid::Aid;
use crate::error::{Error, ErrorKind};

/// Initial chaining vector of a ciphered load file data block: 8 or 16 octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Icv {
    octets: [u8; 16],
    len: usize,
}

impl Icv {
    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

/// What the next octets of a load file are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event<'i> {
    /// A DAP block begins; its signature is for this security domain.
    Dap(Aid),
    /// Octets of the signature of the DAP block.
    Signature {
        /// The octets.
        octets: &'i [u8],
        /// Octets of the signature that are still to come.
        remaining: u32,
    },
    /// The initial chaining vector of a ciphered block.
    Icv(Icv),
    /// The data block begins.
    BlockStart {
        /// Whether it is `D4`.
        ciphered: bool,
        /// Its length, in octets.
        len: u32,
    },
    /// Octets of the data block.
    Block {
        /// The octets.
        octets: &'i [u8],
        /// Octets of the data block that are still to come; 0 = the load file is complete.
        remaining: u32,
    },
}

/// Where the parser is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Before a tag.
    Tag(Expect),
    /// In a length of which `more` octets are missing; `None` = all of it.
    Length { tag: u8, expect: Expect, more: Option<u8>, len: u32 },
    /// In the AID of a DAP block.
    DapAid,
    /// In the signature of a DAP block.
    Signature { remaining: u32 },
    /// In the initial chaining vector.
    Icv,
    /// In the data block.
    Block { remaining: u32 },
    /// Behind the data block.
    Complete,
    /// Refused.
    Failed(Error),
}

/// Which tags may come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expect {
    /// DAP block, ICV, data block.
    Any,
    /// AID of a DAP block that ends at octet `end`.
    Aid { end: u32 },
    /// Signature of a DAP block that ends at octet `end`.
    Signature { end: u32 },
    /// Ciphered block, after its ICV.
    Ciphered,
}

/// A parser of one load file; under 100 octets.
///
/// ```
/// use gp_cardmanager_model::load_file::{Event, LoadFileParser};
///
/// let mut parser = LoadFileParser::new();
/// let mut loaded = 0;
/// for block in [&[0xC4][..], &[0x03, 0x0A], &[0x0B, 0x0C]] {
///     let mut input = block;
///     while let Some(event) = parser.next(&mut input)? {
///         if let Event::Block { octets, .. } = event {
///             loaded += octets.len();
///         }
///     }
/// }
/// parser.finish()?;
/// assert_eq!(loaded, 3);
/// # Ok::<(), gp_cardmanager_model::error::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LoadFileParser {
    state: State,
    /// Octets read so far.
    offset: u32,
    /// End of the DAP block that is being read.
    dap_end: u32,
    /// AID or ICV, as far as it has been read.
    value: [u8; 16],
    filled: usize,
    wanted: usize,
}

impl Default for LoadFileParser {
    fn default() -> Self {
        Self::new()
    }
}

impl LoadFileParser {
    /// Before the first octet.
    pub const fn new() -> Self {
        Self { state: State::Tag(Expect::Any), offset: 0, dap_end: 0, value: [0; 16], filled: 0, wanted: 0 }
    }

    /// Octets of the load file read so far.
    pub const fn offset(&self) -> u32 {
        self.offset
    }

    /// Takes octets from the front of `input` up to the next event. `None` = `input` is used up.
    ///
    /// # Errors
    /// `Unexpected` for a tag that may not be here; `BadLength`; `BadValue` for an AID or ICV of a wrong length;
    /// `TrailingData` behind the data block; each at its position in the load file. The parser then stays
    /// refused: the same error comes back.
    pub fn next<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Event<'i>>, Error> {
        let result = self.advance(input);
        if let Err(error) = result {
            self.state = State::Failed(error);
        }
        result
    }

    fn advance<'i>(&mut self, input: &mut &'i [u8]) -> Result<Option<Event<'i>>, Error> {
        loop {
            if let State::Failed(error) = self.state {
                return Err(error);
            }
            if input.is_empty() {
                return Ok(None);
            }
            let event = match self.state {
                State::Tag(expect) => {
                    self.tag(expect, input)?;
                    None
                }
                State::Length { tag, expect, more, len } => self.length(tag, expect, more, len, input)?,
                State::DapAid => self.collect(input).then(|| self.dap_aid()).transpose()?,
                State::Icv => self.collect(input).then(|| self.icv()),
                State::Signature { remaining } => {
                    let (octets, remaining) = self.pass(remaining, input);
                    self.state = match remaining {
                        0 => State::Tag(Expect::Any),
                        _ => State::Signature { remaining },
                    };
                    Some(Event::Signature { octets, remaining })
                }
                State::Block { remaining } => {
                    let (octets, remaining) = self.pass(remaining, input);
                    self.state = match remaining {
                        0 => State::Complete,
                        _ => State::Block { remaining },
                    };
                    Some(Event::Block { octets, remaining })
                }
                State::Complete => return self.fail(ErrorKind::TrailingData),
                State::Failed(error) => return Err(error),
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    /// After the last block: whether the load file is complete.
    ///
    /// # Errors
    /// `Truncated` at the end of what was read; the error of a refused load file.
    pub fn finish(&self) -> Result<(), Error> {
        match self.state {
            State::Complete => Ok(()),
            State::Failed(error) => Err(error),
            _ => self.fail(ErrorKind::Truncated),
        }
    }

    fn fail<T>(&self, kind: ErrorKind) -> Result<T, Error> {
        Err(Error { kind, offset: self.offset })
    }

    /// The first octet of `input`, which is not empty.
    fn octet(&mut self, input: &mut &[u8]) -> Option<u8> {
        let (first, rest) = input.split_first()?;
        *input = rest;
        self.offset = self.offset.saturating_add(1);
        Some(*first)
    }

    fn tag(&mut self, expect: Expect, input: &mut &[u8]) -> Result<(), Error> {
        let tag = input.first().copied().unwrap_or_default();
        let known = match expect {
            Expect::Any => matches!(tag, DAP | ICV | DATA_BLOCK | CIPHERED),
            Expect::Aid { .. } => tag == DAP_AID,
            Expect::Signature { .. } => tag == DAP_SIGNATURE,
            Expect::Ciphered => tag == CIPHERED,
        };
        if !known {
            return self.fail(ErrorKind::Unexpected);
        }
        let _ = self.octet(input);
        self.state = State::Length { tag, expect, more: None, len: 0 };
        Ok(())
    }

    /// One octet of a BER length: 00..7F, or 81..84 and that many more.
    fn length<'i>(
        &mut self,
        tag: u8,
        expect: Expect,
        more: Option<u8>,
        len: u32,
        input: &mut &'i [u8],
    ) -> Result<Option<Event<'i>>, Error> {
        let first = input.first().copied().unwrap_or_default();
        let (more, len) = match (more, first) {
            (None, 0..=0x7F) => (0, first.into()),
            (None, 0x81..=0x84) => (first & 0x07, 0),
            (None, _) => return self.fail(ErrorKind::BadLength),
            (Some(more), octet) => (more.saturating_sub(1), len.wrapping_shl(8) | u32::from(octet)),
        };
        let _ = self.octet(input);
        if more > 0 {
            self.state = State::Length { tag, expect, more: Some(more), len };
            return Ok(None);
        }
        self.open(tag, expect, len)
    }

    /// Tag and length are known: what comes now?
    fn open<'i>(&mut self, tag: u8, expect: Expect, len: u32) -> Result<Option<Event<'i>>, Error> {
        let Some(end) = self.offset.checked_add(len) else {
            return self.fail(ErrorKind::BadLength);
        };
        let fits = match expect {
            Expect::Aid { end: dap } => end <= dap,
            // The signature is the last object of its DAP block.
            Expect::Signature { end: dap } => end == dap,
            Expect::Any | Expect::Ciphered => true,
        };
        if !fits || len == 0 {
            return self.fail(ErrorKind::BadLength);
        }
        let wanted = usize::try_from(len).unwrap_or(usize::MAX);
        self.filled = 0;
        self.wanted = wanted;
        match tag {
            DAP => {
                self.dap_end = end;
                self.state = State::Tag(Expect::Aid { end });
            }
            DAP_AID if (Aid::MIN..=Aid::MAX).contains(&wanted) => self.state = State::DapAid,
            ICV if wanted == 8 || wanted == 16 => self.state = State::Icv,
            DAP_AID | ICV => return self.fail(ErrorKind::BadValue),
            DAP_SIGNATURE => self.state = State::Signature { remaining: len },
            _ => {
                self.state = State::Block { remaining: len };
                let ciphered = tag == CIPHERED;
                return Ok(Some(Event::BlockStart { ciphered, len }));
            }
        }
        Ok(None)
    }

    /// Moves octets to the short value; says whether it is whole.
    fn collect(&mut self, input: &mut &[u8]) -> bool {
        while self.filled < self.wanted {
            let Some(octet) = self.octet(input) else { return false };
            if let Some(slot) = self.value.get_mut(self.filled) {
                *slot = octet;
            }
            self.filled = self.filled.saturating_add(1);
        }
        true
    }

    fn dap_aid<'i>(&mut self) -> Result<Event<'i>, Error> {
        let aid = self.value.get(..self.wanted).and_then(Aid::new);
        let Some(aid) = aid else {
            return self.fail(ErrorKind::BadValue);
        };
        self.state = State::Tag(Expect::Signature { end: self.dap_end });
        Ok(Event::Dap(aid))
    }

    const fn icv<'i>(&mut self) -> Event<'i> {
        self.state = State::Tag(Expect::Ciphered);
        Event::Icv(Icv { octets: self.value, len: self.wanted })
    }

    /// As much of a long value as `input` has; and what remains of the value.
    fn pass<'i>(&mut self, remaining: u32, input: &mut &'i [u8]) -> (&'i [u8], u32) {
        let most = usize::try_from(remaining).unwrap_or(usize::MAX);
        let take = most.min(input.len());
        let (octets, rest) = input.split_at_checked(take).unwrap_or((input, &[]));
        *input = rest;
        let taken = u32::try_from(octets.len()).unwrap_or(u32::MAX);
        self.offset = self.offset.saturating_add(taken);
        (octets, remaining.saturating_sub(taken))
    }
}
