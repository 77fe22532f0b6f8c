//! The short way against the grammar: what it reads the grammar reads too, and it leaves nothing out that is short.

use super::*;
use proptest::prelude::*;
use std::vec::Vec;

fn short(input: &[u8]) -> Option<(Tag, &[u8], &[u8])> {
    short_tlv(input).map(|(rest, tlv)| (tlv.tag, tlv.value, rest))
}

type Read<'a> = Result<(Tag, &'a [u8], &'a [u8]), (&'a [u8], ErrorKind)>;

fn read<'a>(result: Result<(&'a [u8], Tlv<'a>), At<'a>>) -> Read<'a> {
    result.map(|(rest, tlv)| (tlv.tag, tlv.value, rest)).map_err(|at| (at.0, at.1))
}

/// Same object, same rest, same error at the same octet; and the places in the input, not only the octets.
fn agree(input: &[u8]) {
    let (both, grammar) = (read(next_tlv(input)), read(strip(input, tlv(input))));
    assert_eq!(both, grammar, "{input:02X?}");
    if let (Ok((_, value, rest)), Ok((_, expected, behind))) = (both, grammar) {
        assert_eq!((value.as_ptr(), rest.as_ptr()), (expected.as_ptr(), behind.as_ptr()));
    }
    let tags = [next_tag(input), strip(input, tag(input))];
    let [both, grammar] = tags.map(|result| result.map_err(|at| (at.0, at.1)));
    assert_eq!(both, grammar, "{input:02X?}");

    // Short is what the grammar reads and is written with one or two octets of tag and one of length.
    let is_short = |(tag, value, rest): &(Tag, &[u8], &[u8])| {
        tag.encoded_len() <= 2 && tag.encoded_len() + 1 + value.len() + rest.len() == input.len() && value.len() < 0x80
    };
    assert_eq!(short(input), read(strip(input, tlv(input))).ok().filter(is_short), "{input:02X?}");
}

#[test]
fn beginnings_of_three_octets() {
    let mut input = [0; 132];
    // Of each class, primitive and constructed, the numbers around the one that says that more octets follow.
    for first in (0..=0xFF).filter(|first| first % 32 < 2 || first % 32 > 28) {
        for second in 0..=255 {
            for third in [0, 1, 0x7F, 0x80, 0x81, 0xFF] {
                input[..3].copy_from_slice(&[first, second, third]);
                for len in [0, 1, 2, 3, 4, 129, 130, 132] {
                    agree(&input[..len]);
                }
            }
        }
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
    fn any_octets(
        tag in prop_oneof![
            any::<u8>().prop_map(|first| Vec::from([first])),
            any::<[u8; 2]>().prop_map(|[first, second]| Vec::from([first | 0x1F, second])),
            any::<[u8; 3]>().prop_map(|[first, second, third]| Vec::from([first | 0x1F, second | 0x80, third])),
        ],
        length in prop_oneof![4 => 0..20_u8, 1 => any::<u8>()],
        value in prop::collection::vec(any::<u8>(), 0..24),
    ) {
        agree(&[&tag[..], &[length], &value].concat());
        agree(&value);
    }
}
