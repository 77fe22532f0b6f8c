//! What a platform lacks, lends or generates (`Platform`).

use crate::kit::Dice;
use gp_cardmanager_model::card::Platform;
use gp_cardmanager_model::signature::HashAlgorithm;
use gp_scp03::{CtrDrbg128, CtrDrbg256};

/// Has randomness and nothing else.
struct Bare;

impl Platform for Bare {
    type Error = ();

    fn fill(&mut self, out: &mut [u8]) -> Result<(), ()> {
        out.fill(0x5A);
        Ok(())
    }
}

/// What it does, seen from outside.
fn seen(mut platform: impl Platform) -> (Vec<u8>, bool, Vec<u8>, Option<[u8; 3]>, bool) {
    let (mut random, mut hash) = (vec![0; 20], vec![0; 32]);
    assert!(platform.fill(&mut random).is_ok());
    let begun = platform.hash_begin(HashAlgorithm::Sha256);
    platform.hash_update(b"message");
    platform.hash_finish(&mut hash);
    let check_value = platform.check_value(0x80, &[1; 16]);
    let key: [(u8, &[u8]); 1] = [(0xA1, &[3])];
    let signature = crate::kit::toy_signature(&key, b"message");
    (random, begun, hash, check_value, platform.verify(&key, &[b"mess", b"age"], &signature))
}

/// What is not there is refused or not known, never taken for good.
#[test]
fn a_platform_of_its_own_knows_no_hash_and_no_signature() {
    assert_eq!(seen(Bare), (vec![0x5A; 20], false, vec![0; 32], None, false));
}

/// Knows a check value, too.
struct Checks(Dice);

impl Platform for Checks {
    type Error = ();

    fn fill(&mut self, out: &mut [u8]) -> Result<(), ()> {
        self.0.fill(out)
    }

    fn hash_begin(&mut self, algorithm: HashAlgorithm) -> bool {
        self.0.hash_begin(algorithm)
    }

    fn hash_update(&mut self, octets: &[u8]) {
        self.0.hash_update(octets);
    }

    fn hash_finish(&mut self, out: &mut [u8]) {
        self.0.hash_finish(out);
    }

    fn check_value(&mut self, key_type: u8, key: &[u8]) -> Option<[u8; 3]> {
        Some([key_type, *key.first()?, 7])
    }

    fn verify(&mut self, components: &[(u8, &[u8])], message: &[&[u8]], signature: &[u8]) -> bool {
        self.0.verify(components, message, signature)
    }
}

#[test]
fn a_platform_that_is_lent_is_the_same() {
    let lent = seen(&mut Checks(Dice::default()));
    assert_eq!(lent, seen(Checks(Dice::default())));
    assert_eq!((lent.1, lent.3, lent.4), (true, Some([0x80, 1, 7]), true));
    assert_ne!((&lent.0, &lent.2), (&vec![0; 20], &vec![0; 32]));
}

/// The generators of the crate are what they are elsewhere.
#[test]
fn a_generator_is_a_platform() {
    let (mut small, mut expected) = ([0; 40], [0; 40]);
    let entropy = [0x1E; 48];
    let seed = <&[u8; 32]>::try_from(&entropy[..32]).unwrap();
    Platform::fill(&mut CtrDrbg128::new(seed, &[]).unwrap(), &mut small).unwrap();
    CtrDrbg128::new(seed, &[]).unwrap().generate(&mut expected, &[]).unwrap();
    assert_eq!(small, expected);
    let mut large = [0; 40];
    Platform::fill(&mut CtrDrbg256::new(&entropy, &[]).unwrap(), &mut large).unwrap();
    CtrDrbg256::new(&entropy, &[]).unwrap().generate(&mut expected, &[]).unwrap();
    assert_eq!(large, expected);
    assert_ne!(small, large);
}
