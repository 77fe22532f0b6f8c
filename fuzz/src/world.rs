//! What the structured targets play with: the cards and sessions of the crates' own tests.

use std::thread_local;

use gp_cardmanager_model::card::{FactoryKeys, Profile};
use gp_scp03::{Implementation, SecurityLevel};

#[path = "../../gp-cardmanager-model/tests/support/card.rs"]
pub(crate) mod kit;

#[path = "../../gp-scp03/tests/support/session.rs"]
pub(crate) mod pair;

pub(crate) use kit::{Bench, Ram, Shared};

thread_local! {
    /// Made once: a fuzzer's process lives long.
    static SETS: &'static [FactoryKeys<'static>] =
        Box::leak(Box::new([kit::key_set(kit::KVN, kit::factory_keys(), [0; 3])]));
}

/// A card with the factory's keys, of so many registry and key slots, object slots, channels, and units of storage.
pub(crate) fn bench(i: u8, [registry, keys, objects, channels]: [usize; 4], units: usize) -> Bench {
    let bench = Bench {
        ram: Ram::new(registry, keys, objects, channels),
        flash: Shared::new(units),
        dice: kit::Dice::default(),
        desk: kit::Desk::default(),
        profile: Profile { implementation: Implementation::new(i), ..Profile::new(SETS.with(|sets| *sets)) },
    };
    bench.desk.0.borrow_mut().quiet = true;
    bench
}

/// One of the six levels.
pub(crate) fn level(choice: u8) -> SecurityLevel {
    SecurityLevel::ALL[usize::from(choice) % SecurityLevel::ALL.len()]
}

/// The next of the inputs that stand in a row, each with its length in front; `None` at the end.
pub(crate) fn frame<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first()?;
    let (frame, after) = after.split_at(usize::from(*length).min(after.len()));
    *rest = after;
    Some(frame)
}
