//! The way without nom against the grammar: it reads what the grammar reads, and nothing else.

use super::*;
use proptest::prelude::*;
use std::vec::Vec;

/// Answers whether `octets` are a command.
fn agree(octets: &[u8]) -> bool {
    let (read, grammar) = (well_formed(octets), by_grammar(octets));
    assert_eq!(read, grammar.ok(), "{octets:02X?}");
    assert_eq!(command(octets), grammar, "{octets:02X?}");
    if let (Some(read), Ok(grammar)) = (read, grammar) {
        assert!(read.data.is_empty() || read.data.as_ptr() == grammar.data.as_ptr());
    }
    read.is_some()
}

/// Every Lc of one octet, and those of two around the places where an octet changes, with bodies of about that length.
#[test]
fn lengths_and_what_follows() {
    let mut octets = Vec::from([0x5A; 4 + 3 + 65_535 + 4]);
    let mut commands = 0;
    for first in 0..=0xFF {
        for long in [0, 1, 2, 3, 127, 128, 254, 255, 256, 257, 511, 512, 65_534, 65_535_u16] {
            octets[4] = first;
            octets[5..7].copy_from_slice(&long.to_be_bytes());
            let ends = [4 + 1 + usize::from(first), 4 + 3 + usize::from(long)];
            let ends = ends.into_iter().flat_map(|end| end.saturating_sub(2)..=end + 4);
            for end in (0..=12).chain(ends) {
                commands += usize::from(agree(&octets[..end]));
            }
        }
    }
    assert!(commands > 3 * 255 * 14, "{commands}");
    for class in 0..=0xFF {
        octets[0] = class;
        assert_eq!(agree(&octets[..4]), class != 0xFF);
    }
}

/// `GP_TEST_SCALE` is a percentage of the usual number of random cases.
fn cases(usual: u32) -> ProptestConfig {
    let scale = std::env::var("GP_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases((usual * scale / 100).max(1)) }
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn any_octets(header in any::<[u8; 4]>(), body in prop::collection::vec(prop_oneof![any::<u8>(), 0..8_u8], 0..24)) {
        agree(&[&header[..], &body].concat());
        agree(&body);
    }
}
