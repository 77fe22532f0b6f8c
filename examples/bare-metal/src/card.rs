//! The card that the programs run: its memory, its randomness, its application, its factory settings.

use core::convert::Infallible;

use gp_apdu::{Form, StatusWord};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::{
    Apdu, AppHandle, Applets, Channel, KeySlot, Memory, ObjectSlot, Platform, RegistryEntry,
};
use gp_scp03::CtrDrbg128;

/// Entries of the registry.
pub const ENTRIES: usize = 16;
/// Slots for keys: two key sets of three.
pub const KEYS: usize = 6;
/// Slots of 32 octets for data that STORE DATA wrote.
pub const OBJECTS: usize = 4;
/// Logical channels.
pub const CHANNELS: usize = 4;
/// Octets of the longest data of a chained command.
pub const CHAIN: usize = 512;

/// All memory that a card works in but its own and one buffer.
#[derive(Debug)]
pub struct CardMemory {
    registry: [RegistryEntry; ENTRIES],
    keys: [KeySlot; KEYS],
    objects: [ObjectSlot; OBJECTS],
    channels: [Channel; CHANNELS],
    chain: [u8; CHAIN + Form::Extended.data_offset()],
}

impl CardMemory {
    /// Empty.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            registry: [RegistryEntry::FREE; ENTRIES],
            keys: [const { KeySlot::FREE }; KEYS],
            objects: [ObjectSlot::FREE; OBJECTS],
            channels: [const { Channel::new() }; CHANNELS],
            chain: [0; _],
        }
    }

    /// Lent to a card.
    pub fn lend(&mut self) -> Memory<'_> {
        Memory {
            registry: &mut self.registry,
            keys: &mut self.keys,
            objects: &mut self.objects,
            channels: &mut self.channels,
            chain: &mut self.chain,
        }
    }
}

impl Default for CardMemory {
    fn default() -> Self {
        Self::new()
    }
}

/// Randomness: a generator over a seed. Here the seed is a constant, so that every run is the same; a card takes it
/// from its noise source.
#[derive(Debug)]
pub struct Seeded(CtrDrbg128);

impl Seeded {
    /// The generator of this seed.
    #[must_use]
    pub fn new(seed: u8) -> Option<Self> {
        CtrDrbg128::new(&[seed; CtrDrbg128::SEED_LENGTH], &[]).ok().map(Self)
    }
}

impl Platform for Seeded {
    type Error = gp_scp03::DrbgError;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        self.0.generate(out, &[])
    }
}

/// Randomness for programs that are weighed: what comes in at the port.
#[derive(Debug)]
pub struct Port;

impl Platform for Port {
    type Error = Infallible;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        crate::board::port::receive(out);
        Ok(())
    }
}

/// The application: it counts its selections and gives back what it is sent.
#[derive(Debug, Default)]
pub struct Echo {
    /// How many instances were made.
    pub installed: u32,
}

impl Echo {
    /// Its load file.
    pub const LOAD_FILE: [u8; 6] = [0xF0, 0x47, 0x50, 0x4C, 0x46, 0x01];
    /// The module in it.
    pub const MODULE: [u8; 7] = [0xF0, 0x47, 0x50, 0x4C, 0x46, 0x01, 0x01];
    /// The instance.
    pub const INSTANCE: [u8; 8] = [0xF0, 0x47, 0x50, 0x45, 0x43, 0x48, 0x4F, 0x01];

    /// One of the above as an AID.
    #[must_use]
    pub fn aid(octets: &[u8]) -> Aid {
        Aid::new(octets).unwrap_or(Aid::ISSUER_SECURITY_DOMAIN)
    }
}

impl Applets for Echo {
    fn install(&mut self, _: AppHandle, _: &gp_cardmanager_model::card::Installation<'_>) -> Result<(), StatusWord> {
        self.installed += 1;
        Ok(())
    }

    fn process(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        if app.instance == Self::aid(&Self::INSTANCE) { apdu.echo() } else { Err(StatusWord::INS_NOT_SUPPORTED) }
    }
}
