//! A [`Storage`] in a file: a card that is kept between two runs of a program.
//!
//! ```text
//!  | 16 octets: what the file is | slot A | slot B |
//! ```
//!
//! It holds the card's keys in the clear, like the memory of a chip, so the file is made for its owner alone. It is locked
//! while it is open: two programs cannot be the same card.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use gp_cardmanager_model::card::storage::{Slot, Storage};

/// What the file begins with.
const MARK: &[u8; 16] = b"gp card store 1\n";

/// Octets of each slot.
const SLOT: u32 = 128 * 1024;

/// A card's memory in a file.
pub struct FileStorage {
    file: File,
    fresh: bool,
}

impl FileStorage {
    /// Opens the file, or makes one for a card that is not there yet.
    ///
    /// # Errors
    /// What the system says; a file that is something else; a file that another program uses.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another program uses this card store")),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let length = file.metadata()?.len();
        let fresh = length == 0;
        if fresh {
            file.write_all(MARK)?;
            file.write_all(&vec![0xFF; size(SLOT) * 2])?;
            file.sync_all()?;
        } else {
            let mut mark = [0; MARK.len()];
            file.read_exact(&mut mark).ok();
            if mark != *MARK || length != start(Slot::B) + u64::from(SLOT) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "this file is no card store"));
            }
        }
        Ok(Self { file, fresh })
    }

    /// Was the file made just now?
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        self.fresh
    }

    fn seek(&mut self, slot: Slot, at: u32, length: usize) -> io::Result<()> {
        let end = u64::from(at) + length as u64;
        if end > u64::from(SLOT) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "beyond the end of the slot"));
        }
        self.file.seek(SeekFrom::Start(start(slot) + u64::from(at))).map(drop)
    }
}

fn size(octets: u32) -> usize {
    usize::try_from(octets).unwrap_or(usize::MAX)
}

/// Where a slot begins in the file.
fn start(slot: Slot) -> u64 {
    let before = match slot {
        Slot::A => 0,
        Slot::B => SLOT,
    };
    MARK.len() as u64 + u64::from(before)
}

impl Storage for FileStorage {
    type Error = io::Error;
    const UNIT: usize = 16;

    fn slot_size(&self) -> u32 {
        SLOT
    }

    fn read(&mut self, slot: Slot, at: u32, out: &mut [u8]) -> io::Result<()> {
        self.seek(slot, at, out.len())?;
        self.file.read_exact(out)
    }

    fn erase(&mut self, slot: Slot) -> io::Result<()> {
        self.seek(slot, 0, size(SLOT))?;
        self.file.write_all(&vec![0xFF; size(SLOT)])?;
        self.file.sync_data()
    }

    /// Done means on the disk: the counter that a unit holds must not come again after the machine fails.
    fn program(&mut self, slot: Slot, at: u32, unit: &[u8]) -> io::Result<()> {
        self.seek(slot, at, unit.len())?;
        self.file.write_all(unit)?;
        self.file.sync_data()
    }
}

impl fmt::Debug for FileStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStorage").field("fresh", &self.fresh).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path in the folder for temporary files, gone with the test.
    struct Temporary(std::path::PathBuf);

    impl Temporary {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("gp-file-storage-{}-{name}", std::process::id()));
            std::fs::remove_file(&path).ok();
            Self(path)
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            std::fs::remove_file(&self.0).ok();
        }
    }

    #[test]
    fn what_was_programmed_is_there_after_opening_again() {
        let path = Temporary::new("again");
        let mut storage = FileStorage::open(&path.0).unwrap();
        assert!(storage.is_fresh());
        storage.program(Slot::B, SLOT - 16, &[0x5A; 16]).unwrap();
        drop(storage);
        let mut storage = FileStorage::open(&path.0).unwrap();
        assert!(!storage.is_fresh());
        let mut unit = [0; 16];
        storage.read(Slot::B, SLOT - 16, &mut unit).unwrap();
        assert_eq!(unit, [0x5A; 16]);
        storage.read(Slot::A, SLOT - 16, &mut unit).unwrap();
        assert_eq!(unit, [0xFF; 16]);
        storage.erase(Slot::B).unwrap();
        storage.read(Slot::B, SLOT - 16, &mut unit).unwrap();
        assert_eq!(unit, [0xFF; 16]);
    }

    #[test]
    fn slots_have_an_end() {
        let path = Temporary::new("end");
        let mut storage = FileStorage::open(&path.0).unwrap();
        assert!(storage.read(Slot::A, SLOT - 8, &mut [0; 16]).is_err());
        assert!(storage.program(Slot::A, SLOT, &[0; 16]).is_err());
        assert!(storage.program(Slot::B, SLOT, &[0; 16]).is_err());
    }

    #[test]
    fn other_files_are_left_alone() {
        let path = Temporary::new("other");
        std::fs::write(&path.0, "a letter").unwrap();
        assert!(FileStorage::open(&path.0).is_err());
        assert_eq!(std::fs::read(&path.0).unwrap(), b"a letter");
    }

    #[test]
    fn one_program_at_a_time() {
        let path = Temporary::new("lock");
        let first = FileStorage::open(&path.0).unwrap();
        assert!(FileStorage::open(&path.0).is_err());
        drop(first);
        assert!(FileStorage::open(&path.0).is_ok());
    }
}
