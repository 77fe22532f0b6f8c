//! CAP files: the components of a Java Card package, and the load file data block made of them.
//!
//! ```text
//!  CAP file    ZIP with <package path>/javacard/Header.cap, Directory.cap, ...
//!  component   tag | size, 2 octets | info
//!  Header      01 | size | DE CA FF ED | minor, major | flags | package minor, major | LV package AID [| LV name]
//!  Applet      03 | size | count | { LV applet AID | install offset, 2 octets } ..
//!
//!  load file data block   Header Directory Import Applet Class Method StaticField Export ConstantPool RefLocation [Descriptor]
//! ```
//! Java Card VM Specification, chapter 6; the order is part of GPCS A.1. Debug is never loaded. Whether Descriptor is
//! the specification does not say: it is the caller's choice, and hash, DAP and token cover exactly what is sent.
//!
//! No memory is needed: a [`Cap`] borrows the file, whose entries must be stored, not deflated. Whoever inflates them
//! elsewhere gives the components to [`Cap::from_components`].

#[cfg(test)]
mod tests;
mod zip;

pub use zip::{Entries, Entry, MAX_ENTRIES, Zip, crc32};

use crate::aid::Aid;
use crate::install::Parameters;
use crate::lv::Octets;
use core::fmt;

/// Why a CAP file cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CapErrorKind {
    /// No ZIP end record: not a ZIP file, or cut.
    NotZip,
    /// A ZIP record outside the file, or malformed.
    Malformed,
    /// More entries than are taken, several disks, or ZIP64.
    Limits,
    /// A component is deflated, or compressed in another way: unpack it first.
    Compressed,
    /// A component is encrypted.
    Encrypted,
    /// The CRC-32 of a component does not fit.
    Crc,
    /// Two entries for one component.
    Duplicate,
    /// An extended CAP file (`.capx`, 4-octet sizes), which is not supported.
    Extended,
    /// A component that must be there is not.
    Missing,
    /// A component whose tag, size or content is wrong.
    BadComponent,
}

/// A [`CapErrorKind`] and where; 8 octets, `Copy`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CapError {
    /// Why.
    pub kind: CapErrorKind,
    /// Octet position in the file; for [`Cap::from_components`] the number of the component given, for a missing one its tag.
    pub offset: u32,
}

impl CapError {
    fn at(kind: CapErrorKind, offset: usize) -> Self {
        Self { kind, offset: u32::try_from(offset).unwrap_or(u32::MAX) }
    }
}

impl fmt::Display for CapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            CapErrorKind::NotZip => "not a ZIP file",
            CapErrorKind::Malformed => "a malformed ZIP record",
            CapErrorKind::Limits => "a ZIP file beyond the limits",
            CapErrorKind::Compressed => "a compressed component: unpack it first",
            CapErrorKind::Encrypted => "an encrypted component",
            CapErrorKind::Crc => "a component with a wrong CRC",
            CapErrorKind::Duplicate => "two entries for one component",
            CapErrorKind::Extended => "an extended CAP file",
            CapErrorKind::Missing => "a component is missing",
            CapErrorKind::BadComponent => "a malformed component",
        };
        write!(f, "{what} (at {})", self.offset)
    }
}

impl core::error::Error for CapError {}

/// The components of a CAP file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ComponentTag {
    /// 1: names package and version.
    Header,
    /// 2: sizes of the others.
    Directory,
    /// 3: applets; a library has none.
    Applet,
    /// 4: packages used.
    Import,
    /// 5: references.
    ConstantPool,
    /// 6: classes and interfaces.
    Class,
    /// 7: code.
    Method,
    /// 8: static fields.
    StaticField,
    /// 9: positions of references in the code.
    RefLocation,
    /// 10: what a library offers; optional.
    Export,
    /// 11: types, for verifiers.
    Descriptor,
    /// 12: for debuggers; never loaded.
    Debug,
}

impl ComponentTag {
    /// Loading order, Descriptor last. Debug is not in it.
    pub const LOAD_ORDER: [Self; 11] = [
        Self::Header,
        Self::Directory,
        Self::Import,
        Self::Applet,
        Self::Class,
        Self::Method,
        Self::StaticField,
        Self::Export,
        Self::ConstantPool,
        Self::RefLocation,
        Self::Descriptor,
    ];

    /// The component with this tag octet.
    pub const fn from_tag(tag: u8) -> Option<Self> {
        Some(match tag {
            1 => Self::Header,
            2 => Self::Directory,
            3 => Self::Applet,
            4 => Self::Import,
            5 => Self::ConstantPool,
            6 => Self::Class,
            7 => Self::Method,
            8 => Self::StaticField,
            9 => Self::RefLocation,
            10 => Self::Export,
            11 => Self::Descriptor,
            12 => Self::Debug,
            _ => return None,
        })
    }

    /// The tag octet, 1 to 12.
    pub const fn tag(self) -> u8 {
        match self {
            Self::Header => 1,
            Self::Directory => 2,
            Self::Applet => 3,
            Self::Import => 4,
            Self::ConstantPool => 5,
            Self::Class => 6,
            Self::Method => 7,
            Self::StaticField => 8,
            Self::RefLocation => 9,
            Self::Export => 10,
            Self::Descriptor => 11,
            Self::Debug => 12,
        }
    }

    /// The name of its file in the ZIP, without the ending.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "Header",
            Self::Directory => "Directory",
            Self::Applet => "Applet",
            Self::Import => "Import",
            Self::ConstantPool => "ConstantPool",
            Self::Class => "Class",
            Self::Method => "Method",
            Self::StaticField => "StaticField",
            Self::RefLocation => "RefLocation",
            Self::Export => "Export",
            Self::Descriptor => "Descriptor",
            Self::Debug => "Debug",
        }
    }

    /// Whether a CAP file may be without it.
    pub const fn is_optional(self) -> bool {
        matches!(self, Self::Applet | Self::Export | Self::Descriptor | Self::Debug)
    }

    /// The component that a ZIP entry named `path` holds, and whether it is an extended one (`.capx`); `None` for files
    /// that are no components. What is before the folder `javacard` does not matter.
    fn of_path(path: &[u8]) -> Option<(Self, bool)> {
        let mut segments = path.rsplit(|octet| *octet == b'/');
        let file = segments.next()?;
        if segments.next() != Some(b"javacard") {
            return None;
        }
        let (stem, extended) = match (file.strip_suffix(b".cap"), file.strip_suffix(b".capx")) {
            (Some(stem), _) => (stem, false),
            (None, Some(stem)) => (stem, true),
            (None, None) => return None,
        };
        (1..=12)
            .filter_map(Self::from_tag)
            .find(|component| component.name().as_bytes() == stem)
            .map(|component| (component, extended))
    }
}

/// Octets before the content of a component: tag and size.
const COMPONENT_HEAD: usize = 3;

/// Magic number of the Header component.
const MAGIC: [u8; 4] = [0xDE, 0xCA, 0xFF, 0xED];

/// A CAP file, every component of it checked for tag and size.
#[derive(Clone, Copy)]
pub struct Cap<'a> {
    /// By tag; place 0 is not used.
    components: [Option<&'a [u8]>; 13],
    header: Header<'a>,
}

impl fmt::Debug for Cap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cap").field("header", &self.header).finish_non_exhaustive()
    }
}

impl<'a> Cap<'a> {
    /// Reads a ZIP file whose components are stored. Entries that are no components, neither in the directory nor by their
    /// local header, do not matter.
    ///
    /// # Errors
    /// See [`CapErrorKind`].
    pub fn from_zip(file: &'a [u8]) -> Result<Self, CapError> {
        let mut components = [None; 13];
        for entry in Zip::new(file)?.entries() {
            let entry = entry?;
            let Some((component, extended)) = ComponentTag::of_path(entry.name) else {
                // A component under another name in the directory alone would silently be missing.
                if entry.local_name().and_then(ComponentTag::of_path).is_some() {
                    return Err(CapError::at(CapErrorKind::Malformed, entry.offset));
                }
                continue;
            };
            if extended {
                return Err(CapError::at(CapErrorKind::Extended, entry.offset));
            }
            let octets = entry.stored()?;
            put(&mut components, component, octets, entry.offset)?;
        }
        Self::check(components)
    }

    /// Takes components that somebody else unpacked, each whole with its tag and size, in any order.
    ///
    /// # Errors
    /// `BadComponent`, `Duplicate`, `Missing`.
    pub fn from_components(parts: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, CapError> {
        let mut components = [None; 13];
        for (number, octets) in parts.into_iter().enumerate() {
            let bad = CapError::at(CapErrorKind::BadComponent, number);
            let tag = octets.first().copied().ok_or(bad)?;
            let component = ComponentTag::from_tag(tag).ok_or(bad)?;
            put(&mut components, component, octets, number)?;
        }
        Self::check(components)
    }

    /// Takes components that are already joined, as in an IJC file or a load file data block, in any order.
    ///
    /// # Errors
    /// `BadComponent`, `Duplicate`, `Missing`.
    pub fn from_joined(joined: &'a [u8]) -> Result<Self, CapError> {
        let mut components = [None; 13];
        let mut rest = joined;
        while let [tag, high, low, ..] = *rest {
            let at = joined.len().saturating_sub(rest.len());
            let bad = CapError::at(CapErrorKind::BadComponent, at);
            let len = usize::from(u16::from_be_bytes([high, low])).saturating_add(COMPONENT_HEAD);
            let (octets, after) = rest.split_at_checked(len).ok_or(bad)?;
            put(&mut components, ComponentTag::from_tag(tag).ok_or(bad)?, octets, at)?;
            rest = after;
        }
        match rest {
            [] => Self::check(components),
            _ => {
                let at = joined.len().saturating_sub(rest.len());
                Err(CapError::at(CapErrorKind::BadComponent, at))
            }
        }
    }

    fn check(components: [Option<&'a [u8]>; 13]) -> Result<Self, CapError> {
        let missing = ComponentTag::LOAD_ORDER
            .into_iter()
            .find(|component| !component.is_optional() && get(&components, *component).is_none());
        if let Some(component) = missing {
            return Err(CapError::at(CapErrorKind::Missing, component.tag().into()));
        }
        let bad = |component: ComponentTag| CapError::at(CapErrorKind::BadComponent, component.tag().into());
        let header = get(&components, ComponentTag::Header).and_then(Header::parse).ok_or(bad(ComponentTag::Header))?;
        let cap = Self { components, header };
        let applets = cap.component(ComponentTag::Applet).map(Applets::parse);
        match applets {
            Some(None) => Err(bad(ComponentTag::Applet)),
            _ => Ok(cap),
        }
    }

    /// A component with its tag and size; `None` when the file has none.
    pub fn component(&self, component: ComponentTag) -> Option<&'a [u8]> {
        get(&self.components, component)
    }

    /// What the Header component says.
    pub const fn header(&self) -> &Header<'a> {
        &self.header
    }

    /// The applets of the package, which become the modules of the load file.
    pub fn applets(&self) -> Applets<'a> {
        self.component(ComponentTag::Applet).and_then(Applets::parse).unwrap_or_default()
    }

    /// The load file data block: the components in loading order, one slice each. Nothing is copied.
    pub fn load_file_data_block(&self, descriptor: bool) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        let components = self.components;
        ComponentTag::LOAD_ORDER
            .into_iter()
            .filter(move |component| descriptor || *component != ComponentTag::Descriptor)
            .filter_map(move |component| get(&components, component))
    }

    /// What the load file needs, for INSTALL \[for load\]: `C6` the octets of its load file data block, `C8` those of the
    /// static fields' image where the package has any (GPCS table 11-49; Java Card VM 6.10).
    pub fn load_parameters(&self, descriptor: bool) -> Parameters<'static> {
        let image = self.component(ComponentTag::StaticField).and_then(|component| component.get(COMPONENT_HEAD..));
        let image = image.and_then(|info| info.first_chunk()).map_or(0, |size| u16::from_be_bytes(*size));
        Parameters {
            code: u32::try_from(self.load_file_data_block_len(descriptor)).ok(),
            non_volatile: (image != 0).then_some(image.into()),
            ..Parameters::default()
        }
    }

    /// Octets of the load file data block.
    pub fn load_file_data_block_len(&self, descriptor: bool) -> usize {
        self.load_file_data_block(descriptor).map(<[u8]>::len).fold(0, usize::saturating_add)
    }
}

fn get<'a>(components: &[Option<&'a [u8]>; 13], component: ComponentTag) -> Option<&'a [u8]> {
    components.get(usize::from(component.tag())).copied().flatten()
}

/// Files a component after a look at its tag and size.
fn put<'a>(
    components: &mut [Option<&'a [u8]>; 13],
    component: ComponentTag,
    octets: &'a [u8],
    at: usize,
) -> Result<(), CapError> {
    let sound = match *octets {
        [tag, high, low, ref info @ ..] => {
            tag == component.tag() && usize::from(u16::from_be_bytes([high, low])) == info.len()
        }
        _ => false,
    };
    if !sound {
        return Err(CapError::at(CapErrorKind::BadComponent, at));
    }
    match components.get_mut(usize::from(component.tag())) {
        Some(slot @ None) => {
            *slot = Some(octets);
            Ok(())
        }
        _ => Err(CapError::at(CapErrorKind::Duplicate, at)),
    }
}

/// What the Header component says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header<'a> {
    /// Version of the CAP format: major, minor.
    pub format: (u8, u8),
    /// Flags: 01 `int` is used, 02 exports, 04 has applets.
    pub flags: u8,
    /// Version of the package: major, minor, as tag `CE` of the registry entry has it.
    pub version: (u8, u8),
    /// AID of the package, which becomes the executable load file.
    pub aid: Aid,
    /// Name of the package in path form, in newer files; may be empty.
    pub name: &'a [u8],
}

impl<'a> Header<'a> {
    fn parse(component: &'a [u8]) -> Option<Self> {
        let (_, info) = component.split_at_checked(COMPONENT_HEAD)?;
        let (head, rest) = info.split_first_chunk::<9>()?;
        let [m0, m1, m2, m3, minor, major, flags, package_minor, package_major] = *head;
        if [m0, m1, m2, m3] != MAGIC {
            return None;
        }
        let mut body = Octets::new(rest);
        let aid = Aid::new(body.short_lv().ok()?)?;
        let name = match body.is_empty() {
            true => &[],
            false => body.short_lv().ok()?,
        };
        body.finish().ok()?;
        Some(Self { format: (major, minor), flags, version: (package_major, package_minor), aid, name })
    }
}

/// The applets of a package: AID and the offset of the install method. An iterator.
#[derive(Clone, Copy, Debug, Default)]
pub struct Applets<'a> {
    rest: &'a [u8],
}

impl<'a> Applets<'a> {
    /// Reads the whole Applet component once.
    fn parse(component: &'a [u8]) -> Option<Self> {
        let (_, info) = component.split_at_checked(COMPONENT_HEAD)?;
        let (count, rest) = info.split_first()?;
        let all = Self { rest };
        let mut left = all;
        let read = left.by_ref().count();
        (read == usize::from(*count) && left.rest.is_empty()).then_some(all)
    }
}

impl Iterator for Applets<'_> {
    type Item = (Aid, u16);

    fn next(&mut self) -> Option<Self::Item> {
        let mut body = Octets::new(self.rest);
        let aid = Aid::new(body.short_lv().ok()?)?;
        let [high, low] = *body.take(2).ok()? else { return None };
        self.rest = body.rest();
        Some((aid, u16::from_be_bytes([high, low])))
    }
}
