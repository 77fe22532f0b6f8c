//! Which objects of an entry are wanted: `5C` of GET STATUS.

use gp_tlv::{Error, Reader, Tag, tags::registry};

/// A list of tags, the value of `5C` in a command (GPCS 11.4.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TagList<'a>(&'a [u8]);

impl<'a> TagList<'a> {
    /// All a card may say of an application: AID, state, privileges, implicit selection, load file, security domain.
    pub const APPLICATION: TagList<'static> = TagList(&[0x4F, 0x9F, 0x70, 0xC5, 0xCF, 0xC4, 0xCC]);
    /// All a card may say of a load file: AID, state, version, modules, security domain.
    pub const LOAD_FILE: TagList<'static> = TagList(&[0x4F, 0x9F, 0x70, 0xCE, 0x84, 0xCC]);

    /// Reads tags that follow each other without lengths.
    ///
    /// # Errors
    /// `Truncated` or `MalformedTag`.
    pub fn parse(tags: &'a [u8]) -> Result<Self, Error> {
        Self::parse_at(tags, 0)
    }

    /// [`parse`](Self::parse) with positions that count from `base`.
    pub(crate) fn parse_at(tags: &'a [u8], base: usize) -> Result<Self, Error> {
        let mut reader = Reader::with_base(tags, base);
        while reader.next_tag()?.is_some() {}
        Ok(Self(tags))
    }

    /// The tags, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Tag> + 'a {
        let mut reader = Reader::new(self.0);
        core::iter::from_fn(move || reader.next_tag().ok().flatten())
    }

    /// Whether `tag` is in the list.
    #[must_use]
    pub fn contains(&self, tag: Tag) -> bool {
        self.iter().any(|listed| listed == tag)
    }

    /// The octets.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

/// Which objects of an entry the card shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Wanted<'a> {
    /// What every card shows without a tag list: AID, life cycle state, privileges, modules.
    Required,
    /// Whatever there is; a card may do so without a tag list.
    All,
    /// The listed ones; what the entry does not have is left out.
    Tags(TagList<'a>),
}

impl Wanted<'_> {
    pub(super) fn includes(&self, tag: Tag) -> bool {
        const REQUIRED: [Tag; 4] = [registry::AID, registry::LIFE_CYCLE, registry::PRIVILEGES, registry::MODULE_AID];
        match self {
            Self::Required => REQUIRED.contains(&tag),
            Self::All => true,
            Self::Tags(list) => list.contains(tag),
        }
    }
}
