extern crate std;

use std::vec;
use std::vec::Vec;

use super::*;

/// CBC from outside: padding 80 00.., a chaining value in front.
fn cipher(key: &[u8], icv: [u8; 16], clear: &[u8]) -> Vec<u8> {
    let key = Key::new(key).unwrap();
    let mut padded = [clear, &[0x80]].concat();
    padded.resize(padded.len().div_ceil(16) * 16, 0);
    padded.iter_mut().zip(icv).for_each(|(octet, icv)| *octet ^= icv);
    key.encrypt_sensitive(&mut padded).unwrap();
    padded
}

fn decipher(key: &[u8], icv: [u8; 16], octets: &[u8]) -> Option<Vec<u8>> {
    let key = Key::new(key).unwrap();
    let mut cipher = Cipher { key, previous: icv, block: [0; 16], filled: 0, held: None };
    let mut clear: Vec<u8> = octets.iter().filter_map(|octet| cipher.push(*octet)).flatten().collect();
    let (last, length) = cipher.finish()?;
    clear.extend_from_slice(&last[..length]);
    Some(clear)
}

#[test]
fn ciphered_blocks_come_out_as_they_were() {
    for key in [&[0x11; 16][..], &[0x22; 24], &[0x33; 32]] {
        for icv in [[0; 16], [0x5C; 16]] {
            for length in 0..100 {
                let clear: Vec<u8> = (0..length).collect();
                assert_eq!(decipher(key, icv, &cipher(key, icv, &clear)), Some(clear), "{length}");
            }
        }
    }
}

#[test]
fn no_padding_no_block() {
    let key = [0x11; 16];
    let raw = |clear: &[u8]| {
        let mut octets = clear.to_vec();
        Key::new(&key).unwrap().encrypt_sensitive(&mut octets).unwrap();
        octets
    };
    assert_eq!(decipher(&key, [0; 16], &[]), None);
    for length in 1..32 {
        let octets = cipher(&key, [0; 16], &[7; 20]);
        assert!(decipher(&key, [0; 16], &octets[..length]).is_none_or(|clear| clear != [7; 20]), "{length}");
    }
    assert_eq!(decipher(&key, [0; 16], &raw(&[0; 16])), None, "zeros alone");
    assert_eq!(decipher(&key, [0; 16], &raw(&[7; 16])), None, "no 80");
    let mut late = [7; 16];
    late[15] = 0x81;
    assert_eq!(decipher(&key, [0; 16], &raw(&late)), None);
    late[15] = 0x80;
    assert_eq!(decipher(&key, [0; 16], &raw(&late)), Some(vec![7; 15]));
    let mut first = [0; 16];
    first[0] = 0x80;
    assert_eq!(decipher(&key, [0; 16], &raw(&first)), Some(vec![]));
}

#[test]
fn what_a_combined_token_signs_is_kept_whole_or_refused() {
    for length in [0, 1, MAX_FIELDS] {
        let fields = vec![0xC3; length];
        assert_eq!(Combined::new(&fields).unwrap().fields(), fields);
    }
    assert!(Combined::new(&[0; MAX_FIELDS + 1]).is_none());
    // Enough for three AIDs' length, the longest hash and a control reference.
    const { assert!(MAX_FIELDS >= 5 + 2 * 17 + 65 + 50) };
}

#[test]
fn a_load_keeps_no_hash_longer_than_there_are() {
    let load = |hash: &[u8]| Load::new(LogicalChannel::BASIC, Index::ISD, Management::Authorized, Index(1), hash);
    for length in [0, 20, 64] {
        let hash = vec![0xAB; length];
        let load = load(&hash).unwrap();
        assert_eq!(load.hash(), hash);
        assert!(!load.is_complete());
    }
    assert!(load(&[0; 65]).is_none());
}
