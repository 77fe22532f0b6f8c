//! Reads a ZIP file in memory: its central directory, and entries that are stored.
//!
//! ```text
//!  local header  50 4B 03 04 .. | name | extra | data        for each entry
//!  directory     50 4B 01 02 .. | name | extra | comment     for each entry: method, CRC, sizes, position of the local header
//!  end           50 4B 05 06 .. | comment                    number of entries, position and size of the directory
//! ```
//! All numbers are little-endian. The directory decides: sizes and CRC of local headers, which writers of streams leave
//! zero, are not looked at. PKWARE APPNOTE 4.3.

use super::{CapError, CapErrorKind};

/// Most entries that are taken; a CAP file has about 15.
pub const MAX_ENTRIES: u16 = 256;

const END: [u8; 4] = *b"PK\x05\x06";
const DIRECTORY: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";

/// Octets of the end record without its comment.
const END_LEN: usize = 22;

/// Longest comment behind the end record.
const MAX_COMMENT: usize = 0xFFFF;

/// General purpose flag: encrypted.
const ENCRYPTED: u16 = 0x0001;

/// Little-endian fields, one after the other.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    fn signature(&mut self, wanted: [u8; 4]) -> Option<()> {
        (self.take(4)? == wanted).then_some(())
    }

    fn u16(&mut self) -> Option<u16> {
        let (head, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        Some(u16::from_le_bytes(*head))
    }

    fn u32(&mut self) -> Option<u32> {
        let (head, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*head))
    }

    fn size(&mut self) -> Option<usize> {
        usize::try_from(self.u32()?).ok()
    }
}

/// A ZIP file.
#[derive(Clone, Copy, Debug)]
pub struct Zip<'a> {
    file: &'a [u8],
    directory: &'a [u8],
    directory_at: usize,
    entries: u16,
}

impl<'a> Zip<'a> {
    /// Finds the central directory.
    ///
    /// # Errors
    /// `NotZip` without an end record; `Malformed` when it points outside; `Limits` for more than [`MAX_ENTRIES`] entries,
    /// several disks, or ZIP64.
    pub fn new(file: &'a [u8]) -> Result<Self, CapError> {
        let not_zip = CapError::at(CapErrorKind::NotZip, file.len());
        let latest = file.len().checked_sub(END_LEN).ok_or(not_zip)?;
        let earliest = latest.saturating_sub(MAX_COMMENT);
        let at = (earliest..=latest).rev().find(|at| is_end(file.get(*at..).unwrap_or_default())).ok_or(not_zip)?;
        let malformed = CapError::at(CapErrorKind::Malformed, at);
        let (before, record) = file.split_at_checked(at).ok_or(malformed)?;
        let mut fields = Fields(record);
        let mut read = || {
            fields.signature(END)?;
            let disks = (fields.u16()?, fields.u16()?);
            let counts = (fields.u16()?, fields.u16()?);
            Some((disks, counts, fields.size()?, fields.size()?))
        };
        let (disks, counts, size, start) = read().ok_or(malformed)?;
        if disks != (0, 0) || counts.0 != counts.1 || counts.0 > MAX_ENTRIES {
            return Err(CapError::at(CapErrorKind::Limits, at));
        }
        let directory = before
            .split_at_checked(start)
            .and_then(|(_, rest)| rest.split_at_checked(size))
            .map(|(directory, _)| directory)
            .ok_or(malformed)?;
        Ok(Self { file, directory, directory_at: start, entries: counts.0 })
    }

    /// The entries of the central directory, in its order; at most one error, which is the last item.
    pub const fn entries(&self) -> Entries<'a> {
        Entries { file: self.file, rest: Fields(self.directory), at: self.directory_at, left: self.entries }
    }
}

/// Whether `record` is an end record with nothing behind its comment.
fn is_end(record: &[u8]) -> bool {
    let mut fields = Fields(record);
    let mut read = || {
        fields.signature(END)?;
        fields.take(16)?;
        fields.u16()
    };
    read().is_some_and(|comment| usize::from(comment) == fields.0.len())
}

/// The entries of a ZIP file.
#[derive(Clone, Copy)]
pub struct Entries<'a> {
    file: &'a [u8],
    rest: Fields<'a>,
    at: usize,
    left: u16,
}

impl core::fmt::Debug for Entries<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Entries").field("at", &self.at).field("left", &self.left).finish_non_exhaustive()
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, CapError>;

    fn next(&mut self) -> Option<Self::Item> {
        let malformed = CapError::at(CapErrorKind::Malformed, self.at);
        if self.left == 0 {
            // What the count does not cover would be entries that nobody looked at.
            return match core::mem::take(&mut self.rest.0) {
                [] => None,
                _ => Some(Err(malformed)),
            };
        }
        let before = self.rest.0.len();
        let entry = read_entry(self.file, &mut self.rest, self.at);
        match entry {
            Some(entry) => {
                self.left = self.left.saturating_sub(1);
                let read = before.saturating_sub(self.rest.0.len());
                self.at = self.at.saturating_add(read);
                Some(Ok(entry))
            }
            None => {
                self.left = 0;
                self.rest = Fields(&[]);
                Some(Err(malformed))
            }
        }
    }
}

fn read_entry<'a>(file: &'a [u8], fields: &mut Fields<'a>, at: usize) -> Option<Entry<'a>> {
    fields.signature(DIRECTORY)?;
    // Version made by and needed.
    fields.take(4)?;
    let flags = fields.u16()?;
    let method = fields.u16()?;
    // Time and date.
    fields.take(4)?;
    let crc = fields.u32()?;
    let packed = fields.size()?;
    let unpacked = fields.size()?;
    let name_len = fields.u16()?;
    let extra_len = fields.u16()?;
    let comment_len = fields.u16()?;
    // Disk, internal and external attributes.
    fields.take(8)?;
    let local = fields.size()?;
    let name = fields.take(name_len.into())?;
    fields.take(extra_len.into())?;
    fields.take(comment_len.into())?;
    Some(Entry { name, offset: at, file, flags, method, crc, packed, unpacked, local })
}

/// One entry of the central directory.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    /// Path, as written.
    pub name: &'a [u8],
    /// Position of the entry in the file.
    pub offset: usize,
    file: &'a [u8],
    flags: u16,
    method: u16,
    crc: u32,
    packed: usize,
    unpacked: usize,
    local: usize,
}

impl core::fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Entry")
            .field("offset", &self.offset)
            .field("method", &self.method)
            .field("len", &self.unpacked)
            .finish_non_exhaustive()
    }
}

impl<'a> Entry<'a> {
    /// Whether the entry is stored, not compressed.
    pub const fn is_stored(&self) -> bool {
        self.method == 0
    }

    /// The octets of a stored entry, their CRC-32 checked.
    ///
    /// # Errors
    /// `Encrypted`, `Compressed`, `Malformed` (a local header that is not one or has another name, data outside the file),
    /// `Crc`.
    pub fn stored(&self) -> Result<&'a [u8], CapError> {
        let fail = |kind| CapError::at(kind, self.offset);
        if self.flags & ENCRYPTED != 0 {
            return Err(fail(CapErrorKind::Encrypted));
        }
        if !self.is_stored() {
            return Err(fail(CapErrorKind::Compressed));
        }
        let data = self.local_data().ok_or(fail(CapErrorKind::Malformed))?;
        match crc32(data) == self.crc {
            true => Ok(data),
            false => Err(fail(CapErrorKind::Crc)),
        }
    }

    /// The name in the local header; `None` where there is no such header.
    pub(super) fn local_name(&self) -> Option<&'a [u8]> {
        self.local_header().map(|(name, _)| name)
    }

    fn local_data(&self) -> Option<&'a [u8]> {
        let (name, mut data) = self.local_header()?;
        if self.packed != self.unpacked || name != self.name {
            return None;
        }
        data.take(self.packed)
    }

    /// The name in the local header, and what stands behind the header.
    fn local_header(&self) -> Option<(&'a [u8], Fields<'a>)> {
        let (_, record) = self.file.split_at_checked(self.local)?;
        let mut fields = Fields(record);
        fields.signature(LOCAL)?;
        // Version, flags, method, time, date, CRC and sizes: the directory has them.
        fields.take(22)?;
        let name_len = fields.u16()?;
        let extra_len = fields.u16()?;
        let name = fields.take(name_len.into())?;
        fields.take(extra_len.into())?;
        Some((name, fields))
    }
}

/// CRC-32 of ZIP: polynomial 04C11DB7 reflected, all ones at first, complemented at last.
pub fn crc32(octets: &[u8]) -> u32 {
    let step = |crc: u32, _: u8| match crc & 1 {
        0 => crc >> 1,
        _ => (crc >> 1) ^ 0xEDB8_8320,
    };
    let octet = |crc: u32, octet: &u8| (0..8_u8).fold(crc ^ u32::from(*octet), step);
    !octets.iter().fold(u32::MAX, octet)
}
