//! The components of a load file that the registry needs, found while it comes in.
//!
//! ```text
//!  component  tag (1) | size (2) | body
//!  1 Header   DECAFFED | minor major flags | package minor, major | LV AID | ..
//!  4 Import   count | { minor, major | LV package AID } ..
//!  3 Applet   count | { LV AID | install offset (2) } ..
//! ```
//!
//! Java Card VM Specification, chapter 6.

#[cfg(test)]
mod tests;

use crate::aid::Aid;

/// What the scanner has found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found {
    /// The package: its AID, and its version as major, minor.
    File { aid: Aid, version: [u8; 2] },
    /// A package that this one needs: its AID, and the version it was built against as major, minor.
    Import { aid: Aid, version: [u8; 2] },
    /// An applet.
    Module(Aid),
}

/// Reads what the registry needs out of a Java Card load file as it comes, octet for octet.
///
/// A data block that does not begin with a Header is of another format: it has no modules that this card knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanner {
    state: Scan,
    /// Octets of the component that are still to come.
    remaining: u16,
    aid: [u8; 16],
    aid_length: u8,
    filled: u8,
    version: [u8; 2],
    count: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scan {
    /// Before the first octet.
    Start,
    Tag,
    SizeHigh(u8),
    SizeLow(u8, u8),
    /// At this octet of the Header, up to the AID.
    Header(u8),
    HeaderAid,
    ImportCount,
    /// At the minor version of an import, or at the major one.
    ImportMinor,
    ImportMajor,
    ImportLength,
    ImportAid,
    AppletCount,
    AppletLength,
    AppletAid,
    AppletOffset(u8),
    /// The rest of the component tells nothing.
    Skip,
    /// Not a Java Card load file.
    Foreign,
    Bad,
}

const HEADER: u8 = 1;
const APPLET: u8 = 3;
const IMPORT: u8 = 4;
const MAGIC: [u8; 4] = [0xDE, 0xCA, 0xFF, 0xED];

impl Scanner {
    pub(super) const fn new() -> Self {
        Self { state: Scan::Start, remaining: 0, aid: [0; 16], aid_length: 0, filled: 0, version: [0; 2], count: 0 }
    }

    /// Takes the next octet of the data block.
    pub(super) fn push(&mut self, octet: u8) -> Option<Found> {
        let inside = !matches!(
            self.state,
            Scan::Start | Scan::Tag | Scan::SizeHigh(_) | Scan::SizeLow(..) | Scan::Foreign | Scan::Bad
        );
        let mut found = None;
        self.state = match self.state {
            Scan::Start if octet != HEADER => Scan::Foreign,
            Scan::Start | Scan::Tag => Scan::SizeHigh(octet),
            Scan::SizeHigh(tag) => Scan::SizeLow(tag, octet),
            Scan::SizeLow(tag, high) => {
                self.remaining = u16::from_be_bytes([high, octet]);
                match (tag, self.remaining) {
                    (_, 0) => Scan::Tag,
                    (HEADER, _) => Scan::Header(0),
                    (IMPORT, _) => Scan::ImportCount,
                    (APPLET, _) => Scan::AppletCount,
                    _ => Scan::Skip,
                }
            }
            Scan::Header(at) => self.header(at, octet),
            Scan::HeaderAid => {
                self.take_aid(octet);
                if self.filled < self.aid_length {
                    Scan::HeaderAid
                } else {
                    found = self.found_aid().map(|aid| Found::File { aid, version: self.version });
                    if found.is_some() { Scan::Skip } else { Scan::Bad }
                }
            }
            Scan::ImportCount => {
                self.count = octet;
                if octet == 0 { Scan::Skip } else { Scan::ImportMinor }
            }
            Scan::ImportMinor => {
                self.version[1] = octet;
                Scan::ImportMajor
            }
            Scan::ImportMajor => {
                self.version[0] = octet;
                Scan::ImportLength
            }
            Scan::ImportLength => self.begin_aid(octet, Scan::ImportAid),
            Scan::ImportAid => {
                self.take_aid(octet);
                if self.filled < self.aid_length {
                    Scan::ImportAid
                } else {
                    found = self.found_aid().map(|aid| Found::Import { aid, version: self.version });
                    match found {
                        None => Scan::Bad,
                        Some(_) => self.next_of(Scan::ImportMinor),
                    }
                }
            }
            Scan::AppletCount => {
                self.count = octet;
                if octet == 0 { Scan::Skip } else { Scan::AppletLength }
            }
            Scan::AppletLength => self.begin_aid(octet, Scan::AppletAid),
            Scan::AppletAid => {
                self.take_aid(octet);
                if self.filled < self.aid_length {
                    Scan::AppletAid
                } else {
                    found = self.found_aid().map(Found::Module);
                    if found.is_some() { Scan::AppletOffset(0) } else { Scan::Bad }
                }
            }
            Scan::AppletOffset(0) => Scan::AppletOffset(1),
            Scan::AppletOffset(_) => self.next_of(Scan::AppletLength),
            Scan::Skip => Scan::Skip,
            Scan::Foreign => Scan::Foreign,
            Scan::Bad => Scan::Bad,
        };
        if inside && !matches!(self.state, Scan::Bad | Scan::Foreign) {
            self.remaining = self.remaining.saturating_sub(1);
            if self.remaining == 0 {
                // A component that ends inside what must be there is damaged.
                self.state = if self.state == Scan::Skip { Scan::Tag } else { Scan::Bad };
            }
        }
        found
    }

    fn header(&mut self, at: u8, octet: u8) -> Scan {
        let magic = MAGIC.get(usize::from(at));
        match at {
            0..=3 if magic != Some(&octet) => return Scan::Foreign,
            7 => self.version[1] = octet,
            8 => self.version[0] = octet,
            9 => return self.begin_aid(octet, Scan::HeaderAid),
            _ => {}
        }
        Scan::Header(at.saturating_add(1))
    }

    /// Behind one of several: the next, or the rest of the component.
    fn next_of(&mut self, next: Scan) -> Scan {
        self.count = self.count.saturating_sub(1);
        if self.count == 0 { Scan::Skip } else { next }
    }

    fn begin_aid(&mut self, length: u8, next: Scan) -> Scan {
        self.aid_length = length;
        self.filled = 0;
        if (Aid::MIN..=Aid::MAX).contains(&usize::from(length)) { next } else { Scan::Bad }
    }

    fn take_aid(&mut self, octet: u8) {
        if let Some(place) = self.aid.get_mut(usize::from(self.filled)) {
            *place = octet;
        }
        self.filled = self.filled.saturating_add(1);
    }

    fn found_aid(&self) -> Option<Aid> {
        Aid::new(self.aid.get(..usize::from(self.aid_length))?)
    }

    /// At the end of the data block: between two components, or of another format.
    pub(super) fn finish(&self) -> Result<(), ()> {
        match self.state {
            Scan::Tag | Scan::Foreign | Scan::Start => Ok(()),
            _ => Err(()),
        }
    }
}
