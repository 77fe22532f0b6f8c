use super::*;
use aes::cipher::{BlockCipherEncrypt, KeyInit};

#[test]
fn after_2_to_the_48_requests_a_new_seed_is_due() {
    let mut drbg = CtrDrbg128::new(&[1; 32], &[]).unwrap();
    assert_eq!(drbg.requests, 1);
    let mut out = [0; 8];
    drbg.generate(&mut out, &[]).unwrap();
    assert_eq!(drbg.requests, 2);
    drbg.requests = 1 << 48;
    drbg.generate(&mut out, &[]).unwrap();
    let (key, v, before) = (drbg.key, drbg.v, out);
    assert_eq!(drbg.generate(&mut out, &[]), Err(DrbgError::ReseedRequired));
    assert_eq!((drbg.key, drbg.v, out), (key, v, before));
    drbg.reseed(&[2; 32], &[]).unwrap();
    assert_eq!(drbg.requests, 1);
    drbg.generate(&mut out, &[]).unwrap();
    assert_ne!(out, before);
}

/// V is a number of 128 bits that goes round: the block after FF..FF is that of 00..00.
#[test]
fn v_goes_round() {
    let mut drbg = CtrDrbg256::new(&[3; 48], &[]).unwrap();
    let mut out = [0; 64];
    drbg.v = (u128::MAX - 1).to_be_bytes();
    let cipher = aes::Aes256Enc::new(&drbg.key.into());
    let block = |number: u128| {
        let mut block = number.to_be_bytes();
        cipher.encrypt_block((&mut block).into());
        block
    };
    // The next key and V come from the numbers behind those that were given out.
    let (given, kept) = ([u128::MAX, 0, 1, 2].map(block), [3, 4, 5].map(block));
    drbg.generate(&mut out, &[]).unwrap();
    assert_eq!(out, given.concat()[..]);
    assert_eq!([&drbg.key[..], &drbg.v].concat(), kept.concat());
}
