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

/// Eight octets that are others for each input. They go into the session of that input: the fuzzer sees what is compared with what
/// (that is how it gets through comparisons), and writes the right MAC of this session into the next input, where it must be wrong.
pub(crate) fn salt(input: &impl core::fmt::Debug) -> [u8; 8] {
    struct Fnv(u64);
    impl core::fmt::Write for Fnv {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            for octet in text.bytes() {
                self.0 = (self.0 ^ u64::from(octet)).wrapping_mul(0x100_0000_01B3);
            }
            Ok(())
        }
    }
    let mut hash = Fnv(0xCBF2_9CE4_8422_2325);
    core::fmt::Write::write_fmt(&mut hash, format_args!("{input:?}")).expect("it takes everything");
    hash.0.to_be_bytes()
}
