use cmac::{KeyInit, Mac};
use proptest::prelude::*;
use std::vec::Vec;

use super::*;
use crate::{Key, KeyLength};

extern crate std;

fn ours(key: &[u8], parts: &[&[u8]]) -> Block {
    Key::new(key).unwrap().cmac(parts)
}

/// The lengths of keys that are compiled in.
fn lengths() -> impl Iterator<Item = usize> + Clone {
    [16, 24, 32].into_iter().filter(|octets| KeyLength::from_octets(*octets).is_some())
}

fn oracle(key: &[u8], message: &[u8]) -> Block {
    fn mac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Block {
        let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
        mac.update(message);
        mac.finalize().into_bytes().as_slice().try_into().unwrap()
    }
    match key.len() {
        16 => mac::<cmac::Cmac<aes::Aes128>>(key, message),
        24 => mac::<cmac::Cmac<aes::Aes192>>(key, message),
        _ => mac::<cmac::Cmac<aes::Aes256>>(key, message),
    }
}

#[test]
fn doubling_looks_at_the_top_bit_alone() {
    // A well-known mistake compares the first octet with 80 instead of testing its top bit.
    let mut block = [0; 16];
    block[0] = 0x80;
    let mut doubled = [0; 16];
    doubled[15] = 0x87;
    assert_eq!(double(block), doubled);
    block[0] = 0x81;
    doubled[0] = 0x02;
    assert_eq!(double(block), doubled);
    block[0] = 0x7F;
    doubled = [0; 16];
    doubled[0] = 0xFE;
    assert_eq!(double(block), doubled);
}

#[test]
fn every_length_up_to_1024_equals_the_cmac_crate() {
    let message: Vec<u8> = (0..1024_u32).map(|i| (i * 7 + 3) as u8).collect();
    for key_length in lengths() {
        let key: Vec<u8> = (0..key_length).map(|i| (i as u8).wrapping_mul(11)).collect();
        for length in 0..=message.len() {
            assert_eq!(ours(&key, &[&message[..length]]), oracle(&key, &message[..length]), "length {length}");
        }
    }
}

proptest! {
    #[test]
    fn any_cut_equals_the_whole(key in prop::collection::vec(any::<u8>(), 32), length in 0_usize..3,
                                parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8)) {
        let key = &key[..lengths().cycle().nth(length).unwrap()];
        let whole: Vec<u8> = parts.concat();
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(ours(key, &parts), oracle(key, &whole));
    }
}
