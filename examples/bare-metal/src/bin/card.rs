//! The card with all its commands and nothing else, to be weighed: 16 entries, 4 logical channels, 2 key sets. Commands
//! come from a port, and its flash is a port too.
#![no_std]
#![no_main]

use core::convert::Infallible;

use bare_metal::board::{Once, port};
use bare_metal::card::{CardMemory, Port};
use bare_metal::entry;
use gp_cardmanager_model::card::storage::{Slot, Storage};
use gp_cardmanager_model::card::{Card, FactoryKeySet, FactoryKeys, MIN_BUFFER, Profile};
use gp_scp03::StaticKeys;

static MEMORY: Once<CardMemory> = Once::new(CardMemory::new());

/// Flash behind a port.
struct Medium;

impl Storage for Medium {
    type Error = Infallible;
    const UNIT: usize = 16;

    fn slot_size(&self) -> u32 {
        4096
    }

    fn read(&mut self, _: Slot, _: u32, out: &mut [u8]) -> Result<(), Infallible> {
        port::receive(out);
        Ok(())
    }

    fn erase(&mut self, _: Slot) -> Result<(), Infallible> {
        port::send(&[0]);
        Ok(())
    }

    fn program(&mut self, _: Slot, _: u32, unit: &[u8]) -> Result<(), Infallible> {
        port::send(unit);
        Ok(())
    }
}

entry!(weighed main);

fn main() {
    let mut octets = [0; 32];
    port::receive(&mut octets);
    let Ok(keys) = StaticKeys::same(octets.get(..usize::from(port::octet())).unwrap_or_default()) else { return };
    let factory = [FactoryKeys { version: 0x30, keys: FactoryKeySet::Complete(&keys), sequence: [0; 3] }];
    let profile = Profile::new(&factory);
    let Some(memory) = MEMORY.lend() else { return };
    let Ok(mut card) = Card::open(memory.lend(), Medium, Port, (), &profile) else { return };
    let mut buffer = [0; MIN_BUFFER];
    loop {
        port::receive(&mut buffer);
        let answer = card.process(&mut buffer, usize::from(port::octet()));
        port::send(answer);
    }
}
