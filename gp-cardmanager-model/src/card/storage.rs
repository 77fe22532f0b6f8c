//! Temporary shape until the real file replaces it.
/// Slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// A
    A,
    /// B
    B,
}
/// Storage.
#[allow(missing_docs)]
pub trait Storage {
    type Error;
    const UNIT: usize;
    fn slot_size(&self) -> u32;
    fn read(&mut self, slot: Slot, at: u32, out: &mut [u8]) -> Result<(), Self::Error>;
    fn erase(&mut self, slot: Slot) -> Result<(), Self::Error>;
    fn program(&mut self, slot: Slot, at: u32, unit: &[u8]) -> Result<(), Self::Error>;
}
