//! The card that comes along: the project's card model as a [`Transport`], in memory or kept in a file.

use std::fmt;
use std::io;
use std::path::Path;

use gp_apdu::Transport;
use gp_cardmanager_model::card::storage::{RamStorage, Slot, Storage};
use gp_cardmanager_model::card::{
    Applets, Card, Channel, KeySlot, Memory, ObjectSlot, OpenError, Platform, Profile, RegistryEntry,
};
use gp_scp03::CtrDrbg256;

use crate::file_storage::FileStorage;

/// Octets of each storage slot of a card in memory.
const SLOT: usize = 64 * 1024;

/// The longest command and the longest answer that there can be.
const BUFFER: usize = 65_535 + 9 + 4;

/// Everything that a card works in. The card borrows it.
pub struct CardMemory {
    registry: Vec<RegistryEntry>,
    keys: Vec<KeySlot>,
    objects: Vec<ObjectSlot>,
    channels: Vec<Channel>,
    chain: Vec<u8>,
    slots: [Vec<u8>; 2],
}

impl CardMemory {
    /// Room for 128 applications, load files and modules, 42 key sets, and all 20 logical channels.
    #[must_use]
    pub fn new() -> Self {
        Self::with_entries(128)
    }

    /// Room for so many applications, load files and modules, for so many keys, and for all 20 logical channels.
    #[must_use]
    pub fn with_entries(entries: usize) -> Self {
        Self {
            registry: vec![RegistryEntry::FREE; entries],
            keys: (0..entries).map(|_| KeySlot::default()).collect(),
            objects: vec![ObjectSlot::FREE; 128],
            channels: (0..20).map(|_| Channel::new()).collect(),
            chain: vec![0; 4096],
            slots: [vec![0xFF; SLOT], vec![0xFF; SLOT]],
        }
    }
}

impl Default for CardMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CardMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardMemory").field("registry", &self.registry.len()).finish_non_exhaustive()
    }
}

/// Where randomness comes from.
pub enum Randomness {
    /// The operating system.
    System,
    /// A generator with a fixed seed: what it gives can be foreseen and comes again in every run. For demonstrations.
    Seeded(Box<CtrDrbg256>),
}

impl Randomness {
    /// The generator of this seed. Different purposes give different octets.
    #[must_use]
    pub fn seeded(seed: u64, purpose: &str) -> Self {
        let mut entropy = [0; CtrDrbg256::SEED_LENGTH];
        entropy.iter_mut().zip(seed.to_be_bytes()).for_each(|(to, from)| *to = from);
        match CtrDrbg256::new(&entropy, purpose.as_bytes()) {
            Ok(drbg) => Self::Seeded(Box::new(drbg)),
            // Only a purpose of more than 48 octets gets here.
            Err(_) => Self::System,
        }
    }

    /// Fills all of `out`.
    ///
    /// # Errors
    /// The operating system has no randomness.
    pub fn fill(&mut self, out: &mut [u8]) -> io::Result<()> {
        match self {
            Self::System => getrandom::fill(out).map_err(|error| io::Error::other(error.to_string())),
            Self::Seeded(drbg) => drbg.generate(out, &[]).map_err(|error| io::Error::other(error.to_string())),
        }
    }
}

impl fmt::Debug for Randomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Seeded(_) => "Seeded(..)",
        })
    }
}

/// Memory or file: where the card keeps what outlives a power cut.
enum Medium<'m> {
    Memory(RamStorage<'m>),
    File(FileStorage),
}

impl Storage for Medium<'_> {
    type Error = io::Error;
    const UNIT: usize = 16;

    fn slot_size(&self) -> u32 {
        match self {
            Self::Memory(storage) => storage.slot_size(),
            Self::File(storage) => storage.slot_size(),
        }
    }

    fn read(&mut self, slot: Slot, at: u32, out: &mut [u8]) -> io::Result<()> {
        match self {
            Self::Memory(storage) => storage.read(slot, at, out).map_err(io::Error::other),
            Self::File(storage) => storage.read(slot, at, out),
        }
    }

    fn erase(&mut self, slot: Slot) -> io::Result<()> {
        match self {
            Self::Memory(storage) => storage.erase(slot).map_err(io::Error::other),
            Self::File(storage) => storage.erase(slot),
        }
    }

    fn program(&mut self, slot: Slot, at: u32, unit: &[u8]) -> io::Result<()> {
        match self {
            Self::Memory(storage) => storage.program(slot, at, unit).map_err(io::Error::other),
            Self::File(storage) => storage.program(slot, at, unit),
        }
    }
}

/// The card, on the other end of a link without wires.
pub struct EmbeddedCard<'m, P, A> {
    card: Card<'m, Medium<'m>, P, A>,
    buffer: Vec<u8>,
    fresh: bool,
}

impl<'m, P: Platform, A: Applets> EmbeddedCard<'m, P, A> {
    /// Powers the card up: from its file, or where there is none, fresh from the factory that the profile describes.
    ///
    /// # Errors
    /// The file cannot be used, or it holds no card of this model.
    pub fn open_with(
        memory: &'m mut CardMemory,
        file: Option<&Path>,
        platform: P,
        applets: A,
        profile: &'m Profile<'m>,
    ) -> io::Result<Self> {
        let [a, b] = &mut memory.slots;
        let medium = match file {
            Some(path) => Medium::File(FileStorage::open(path)?),
            None => Medium::Memory(RamStorage::new(a, b)),
        };
        let fresh = match &medium {
            Medium::Memory(_) => true,
            Medium::File(file) => file.is_fresh(),
        };
        let memory = Memory {
            registry: &mut memory.registry,
            keys: &mut memory.keys,
            objects: &mut memory.objects,
            channels: &mut memory.channels,
            chain: &mut memory.chain,
        };
        let card = Card::open(memory, medium, platform, applets, profile).map_err(|error| match error {
            OpenError::Storage(error) => error,
            error => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
        })?;
        Ok(Self { card, buffer: vec![0; BUFFER], fresh })
    }

    /// Did the card come from the factory just now, with nothing on it but the issuer security domain?
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Power off and on.
    pub fn reset(&mut self) {
        self.card.reset();
    }

    /// The applications.
    pub fn applets(&self) -> &A {
        self.card.applets()
    }

    /// Answers one command. One that is longer than any command gets `6700`.
    pub fn process(&mut self, command: &[u8]) -> &[u8] {
        match self.buffer.get_mut(..command.len()) {
            Some(room) => {
                room.copy_from_slice(command);
                self.card.process(&mut self.buffer, command.len())
            }
            None => &[0x67, 0x00],
        }
    }
}

impl<P: Platform, A: Applets> Transport for EmbeddedCard<'_, P, A> {
    type Error = io::Error;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> io::Result<usize> {
        let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "longer than the link takes");
        let answer = self.process(command);
        response.get_mut(..answer.len()).ok_or_else(too_long)?.copy_from_slice(answer);
        Ok(answer.len())
    }
}

impl<P, A> fmt::Debug for EmbeddedCard<'_, P, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedCard").field("card", &self.card).field("fresh", &self.fresh).finish_non_exhaustive()
    }
}
