//! Data objects in the order they stand, without copies.
//!
//! ```text
//!   6F 10 84 08 A0 00 00 01 51 00 00 00 A5 04 9F 65 01 FF
//!         `- offset 2: reader inside 6F       `- offset 14: reader inside A5
//! ```

use core::iter::FusedIterator;

use crate::{Error, ErrorKind, Tag, encoded_len, parse};

/// How many templates may be open inside each other: 8.
///
/// The deepest structure of GlobalPlatform needs four. Every level of a template costs a caller one stack frame, so
/// the bound is what keeps recursion over a hostile message finite.
pub const MAX_DEPTH: u8 = 8;

/// One data object: a tag and its value. The length is the value's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tlv<'a> {
    /// The tag.
    pub tag: Tag,
    /// The value; for a template, data objects again.
    pub value: &'a [u8],
}

impl Tlv<'_> {
    /// How many octets [`Writer::tlv`](crate::Writer::tlv) makes of it. The object may have been longer when it was
    /// read, because lengths that are not minimal are accepted.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        encoded_len(self.tag, self.value.len())
    }
}

/// A cursor over a sequence of data objects.
///
/// Every method that fails leaves the reader where it was. Positions in errors count from the outermost message.
///
/// As an iterator it yields every object, then at most one error, then nothing: what stood before the damage is not
/// lost, and each object takes at least two octets, so the iteration ends. After an error [`offset`](Self::offset) and
/// [`remaining`](Self::remaining) still stand at the object that could not be read, which is how a list that a card
/// cut between two responses is continued.
///
/// ```
/// # use gp_tlv::{Error, Reader, Tag};
/// const FCI: Tag = Tag::new(0x6F);
/// const AID: Tag = Tag::new(0x84);
///
/// let answer = [0x6F, 0x09, 0x84, 0x05, 0xA0, 0, 0, 1, 0x51, 0xA5, 0x00];
/// let aid = Reader::new(&answer).nested(FCI, |fci| {
///     let aid = fci.expect(AID)?;
///     fci.optional(Tag::new(0xA5))?;
///     fci.finish()?;
///     Ok(aid)
/// })?;
/// assert_eq!(aid, [0xA0, 0, 0, 1, 0x51]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// The octets of this level, read or not. The position follows from it and from what is left, so reading an object
    /// changes nothing but `rest`.
    len: usize,
    /// Where this level begins in the outermost message.
    base: usize,
    /// Templates around this level.
    depth: u8,
    /// The iterator has yielded its error.
    ended: bool,
}

impl<'a> Reader<'a> {
    /// A reader of `input`, whose first octet is octet 0 of every position.
    #[must_use]
    pub const fn new(input: &'a [u8]) -> Self {
        Self::with_base(input, 0)
    }

    /// A reader of `input`, which begins at octet `base` of some larger message: positions count from that message.
    #[must_use]
    pub const fn with_base(input: &'a [u8], base: usize) -> Self {
        Self { rest: input, len: input.len(), base, depth: 0, ended: false }
    }

    /// The next data object, or `None` at the end.
    ///
    /// # Errors
    /// [`Truncated`](ErrorKind::Truncated), [`MalformedTag`](ErrorKind::MalformedTag),
    /// [`IndefiniteLength`](ErrorKind::IndefiniteLength) or [`LengthTooLarge`](ErrorKind::LengthTooLarge).
    #[inline]
    pub fn next_tlv(&mut self) -> Result<Option<Tlv<'a>>, Error> {
        let Some((rest, tlv)) = self.peek_tlv()? else { return Ok(None) };
        self.rest = rest;
        Ok(Some(tlv))
    }

    /// The next tag alone, or `None` at the end: for values that are a list of tags, such as that of `5C`
    /// (GPCS 11.4.2.3).
    ///
    /// # Errors
    /// [`Truncated`](ErrorKind::Truncated) or [`MalformedTag`](ErrorKind::MalformedTag).
    #[inline]
    pub fn next_tag(&mut self) -> Result<Option<Tag>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (rest, tag) = parse::next_tag(self.rest).map_err(|at| self.refuse(&at))?;
        self.rest = rest;
        Ok(Some(tag))
    }

    /// The tag of the next data object, or `None` at the end. Does not move, and does not look at length and value.
    ///
    /// # Errors
    /// [`Truncated`](ErrorKind::Truncated) or [`MalformedTag`](ErrorKind::MalformedTag).
    pub fn peek_tag(&self) -> Result<Option<Tag>, Error> {
        self.clone().next_tag()
    }

    /// The value of the next data object, whose tag has to be `tag`.
    ///
    /// # Errors
    /// [`Missing`](ErrorKind::Missing) at the end, [`Unexpected`](ErrorKind::Unexpected) for another tag; else those
    /// of [`next_tlv`](Self::next_tlv).
    #[inline]
    pub fn expect(&mut self, tag: Tag) -> Result<&'a [u8], Error> {
        let (rest, value) = self.peek_value(tag)?;
        self.rest = rest;
        Ok(value)
    }

    /// The value of the next data object if its tag is `tag`; otherwise, or at the end, `None`, and nothing is read.
    ///
    /// # Errors
    /// Those of [`next_tlv`](Self::next_tlv), also when the malformed object has another tag.
    #[inline]
    pub fn optional(&mut self, tag: Tag) -> Result<Option<&'a [u8]>, Error> {
        match self.peek_tlv()? {
            Some((rest, tlv)) if tlv.tag == tag => {
                self.rest = rest;
                Ok(Some(tlv.value))
            }
            _ => Ok(None),
        }
    }

    /// The value of the next data object of this level that has the tag `tag`. Objects before it are skipped, the
    /// reader stands behind it afterwards; if there is none the answer is `None` and the reader stands at the end.
    /// Search in a `clone` when the order is free.
    ///
    /// # Errors
    /// Those of [`next_tlv`](Self::next_tlv), for any object up to the one sought.
    pub fn find(&mut self, tag: Tag) -> Result<Option<&'a [u8]>, Error> {
        let mut ahead = self.clone();
        let mut found = None;
        while let Some(tlv) = ahead.next_tlv()? {
            if tlv.tag == tag {
                found = Some(tlv.value);
                break;
            }
        }
        *self = ahead;
        Ok(found)
    }

    /// Reads the next data object, whose tag has to be `tag`, by giving `read` a reader of its value.
    ///
    /// Octets that `read` leaves are skipped; a `read` that ends with [`finish`](Self::finish) refuses them. The tag
    /// need not be constructed: the standards put data objects into `C9` and others too.
    ///
    /// # Errors
    /// Those of [`expect`](Self::expect), [`TooDeep`](ErrorKind::TooDeep), and what `read` answers.
    pub fn nested<T>(&mut self, tag: Tag, read: impl FnOnce(&mut Reader<'a>) -> Result<T, Error>) -> Result<T, Error> {
        let (rest, mut inner) = self.peek_template(tag)?;
        let result = read(&mut inner)?;
        self.rest = rest;
        Ok(result)
    }

    /// A reader of the value of the next data object, whose tag has to be `tag`: [`nested`](Self::nested) without a
    /// closure, for callers with an error type of their own.
    ///
    /// # Errors
    /// Those of [`expect`](Self::expect), and [`TooDeep`](ErrorKind::TooDeep).
    #[inline]
    pub fn template(&mut self, tag: Tag) -> Result<Reader<'a>, Error> {
        let (rest, inner) = self.peek_template(tag)?;
        self.rest = rest;
        Ok(inner)
    }

    /// A reader of `value`, the value of the data object that was read last.
    ///
    /// The reader ends right behind that value, which is how it knows the position; given any other slice the
    /// positions in errors are wrong, nothing else.
    ///
    /// ```
    /// # use gp_tlv::{Error, ErrorKind, Reader};
    /// let mut list = Reader::new(&[0x5A, 0x00, 0xE3, 0x03, 0x4F, 0x05, 0xA0]);
    /// let mut first_error = None;
    /// while let Some(tlv) = list.next_tlv()? {
    ///     first_error = list.inside(tlv.value)?.find_map(Result::err);
    /// }
    /// assert_eq!(first_error, Some(Error::new(ErrorKind::Truncated, 6)));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`TooDeep`](ErrorKind::TooDeep) if [`MAX_DEPTH`] templates are open already.
    #[inline]
    pub fn inside(&self, value: &'a [u8]) -> Result<Reader<'a>, Error> {
        self.level(value, self.rest)
    }

    /// Checks that everything has been read.
    ///
    /// # Errors
    /// [`TrailingData`](ErrorKind::TrailingData) if octets are left.
    pub fn finish(&self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.error(ErrorKind::TrailingData)) }
    }

    /// The position of the next octet, counted from the outermost message.
    #[must_use]
    #[inline]
    pub const fn offset(&self) -> usize {
        self.position(self.rest)
    }

    /// The octets not yet read.
    #[must_use]
    pub const fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// An error of `kind` at the present position.
    #[must_use]
    pub fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.offset())
    }

    /// The next data object and what follows it, or `None` at the end. Does not move.
    #[inline]
    fn peek_tlv(&self) -> Result<Option<(&'a [u8], Tlv<'a>)>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        match parse::next_tlv(self.rest) {
            Ok(found) => Ok(Some(found)),
            Err(at) => Err(self.refuse(&at)),
        }
    }

    /// What follows the next data object, whose tag has to be `tag`, and its value. Does not move.
    #[inline]
    fn peek_value(&self, tag: Tag) -> Result<(&'a [u8], &'a [u8]), Error> {
        match self.peek_tlv()? {
            Some((rest, tlv)) if tlv.tag == tag => Ok((rest, tlv.value)),
            Some(_) => Err(self.error(ErrorKind::Unexpected)),
            None => Err(self.error(ErrorKind::Missing)),
        }
    }

    /// What follows the next data object, whose tag has to be `tag`, and a reader of its value. Does not move.
    #[inline]
    fn peek_template(&self, tag: Tag) -> Result<(&'a [u8], Reader<'a>), Error> {
        let (rest, value) = self.peek_value(tag)?;
        Ok((rest, self.level(value, rest)?))
    }

    /// A reader of the value that ends where `rest` begins, one template deeper.
    #[inline]
    fn level(&self, value: &'a [u8], rest: &[u8]) -> Result<Reader<'a>, Error> {
        let base = self.position(rest).saturating_sub(value.len());
        if self.depth >= MAX_DEPTH {
            return Err(Error::new(ErrorKind::TooDeep, base));
        }
        Ok(Self { rest: value, len: value.len(), base, depth: self.depth.saturating_add(1), ended: false })
    }

    /// Where in the outermost message `rest`, a tail of this level, begins.
    #[inline]
    const fn position(&self, rest: &[u8]) -> usize {
        self.base.saturating_add(self.len.saturating_sub(rest.len()))
    }

    #[cold]
    fn refuse(&self, at: &parse::At<'_>) -> Error {
        Error::new(at.1, self.position(at.0))
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Tlv<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.next_tlv();
        self.ended = item.is_err();
        item.transpose()
    }
}

impl FusedIterator for Reader<'_> {}

/// How many octets of `whole` stand before its tail `rest`.
pub(crate) fn octets_before(whole: &[u8], rest: &[u8]) -> usize {
    whole.len().saturating_sub(rest.len())
}

/// The value at the end of `path`: the first object with the first tag, in its value the first object with the
/// second tag, and so on. `None` if one of them is absent. An empty path is `input` itself.
///
/// Only the first object of each tag is entered, and nothing behind it is looked at.
///
/// ```
/// # use gp_tlv::{Error, Tag, find_path};
/// let fci = [0x6F, 0x06, 0xA5, 0x04, 0x9F, 0x65, 0x01, 0xFF];
/// let path = [Tag::new(0x6F), Tag::new(0xA5), Tag::new(0x9F65)];
/// assert_eq!(find_path(&fci, &path)?, Some(&[0xFF][..]));
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// Those of [`Reader::next_tlv`] for any object on the way, with positions counted from `input`, and
/// [`TooDeep`](ErrorKind::TooDeep) if the path opens more than [`MAX_DEPTH`] templates.
pub fn find_path<'a>(input: &'a [u8], path: &[Tag]) -> Result<Option<&'a [u8]>, Error> {
    let Some((first, deeper)) = path.split_first() else {
        return Ok(Some(input));
    };
    let mut level = Reader::new(input);
    let mut found = level.find(*first)?;
    for tag in deeper {
        let Some(value) = found else {
            return Ok(None);
        };
        level = level.inside(value)?;
        found = level.find(*tag)?;
    }
    Ok(found)
}
