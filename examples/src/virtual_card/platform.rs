//! What the chip gives the card: randomness, hashes, and public-key verification.

use std::io;

use gp_cardmanager_model::card;
use gp_cardmanager_model::signature::HashAlgorithm;
use p256::ecdsa;
use rsa::{BoxedUint, PublicKey, pkcs1v15, pss};
use sha1::Sha1;
use sha2::digest::{Digest, DynDigest};
use sha2::{Sha256, Sha384, Sha512};
use signature::Verifier;

use crate::embedded_card::Randomness;

/// Key types of public key components (GPCS table 11-16).
const RSA_EXPONENT: u8 = 0xA0;
const RSA_MODULUS: u8 = 0xA1;
const EC_POINT: u8 = 0xB0;

/// The platform of the simulated cards.
pub struct Platform {
    randomness: Randomness,
    hash: Option<Box<dyn DynDigest>>,
}

impl Platform {
    /// With this source of randomness.
    #[must_use]
    pub const fn new(randomness: Randomness) -> Self {
        Self { randomness, hash: None }
    }
}

impl std::fmt::Debug for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Platform").field("randomness", &self.randomness).finish_non_exhaustive()
    }
}

impl card::Platform for Platform {
    type Error = io::Error;

    fn fill(&mut self, out: &mut [u8]) -> io::Result<()> {
        self.randomness.fill(out)
    }

    fn hash_begin(&mut self, algorithm: HashAlgorithm) -> bool {
        self.hash = match algorithm {
            HashAlgorithm::Sha1 => Some(Box::new(Sha1::new())),
            HashAlgorithm::Sha256 => Some(Box::new(Sha256::new())),
            HashAlgorithm::Sha384 => Some(Box::new(Sha384::new())),
            HashAlgorithm::Sha512 => Some(Box::new(Sha512::new())),
            _ => None,
        };
        self.hash.is_some()
    }

    fn hash_update(&mut self, octets: &[u8]) {
        if let Some(hash) = &mut self.hash {
            hash.update(octets);
        }
    }

    fn hash_finish(&mut self, out: &mut [u8]) {
        let written = self.hash.take().map(|mut hash| hash.finalize_into_reset(out));
        // Nothing was begun, or something else than `out` is long enough for: no hash is all zeros.
        if !matches!(written, Some(Ok(()))) {
            out.fill(0);
        }
    }

    fn verify(&mut self, components: &[(u8, &[u8])], message: &[&[u8]], signature: &[u8]) -> bool {
        let component = |kind| components.iter().find(|(found, _)| *found == kind).map(|(_, value)| *value);
        let message = message.concat();
        match (component(RSA_MODULUS), component(RSA_EXPONENT), component(EC_POINT)) {
            (Some(modulus), Some(exponent), _) => verify_rsa(modulus, exponent, &message, signature).is_some(),
            (_, _, Some(point)) => verify_ecdsa(point, &message, signature).is_some(),
            _ => false,
        }
    }
}

/// Scheme 1 up to 1024 bits, PKCS#1 v1.5 with SHA-1; scheme 2 above, PSS with SHA-256 and 32 octets of salt (GPCS B.3).
fn verify_rsa(modulus: &[u8], exponent: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let [n, e] = [modulus, exponent].map(BoxedUint::from_be_slice_vartime);
    let key = PublicKey::new(n, e).ok()?;
    if modulus.len() <= 128 {
        let signature = pkcs1v15::Signature::try_from(signature).ok()?;
        pkcs1v15::VerifyingKey::<Sha1>::new(key).verify(message, &signature).ok()
    } else {
        let signature = pss::Signature::try_from(signature).ok()?;
        pss::VerifyingKey::<Sha256>::new_with_salt_len(key, 32).verify(message, &signature).ok()
    }
}

/// P-256 with SHA-256, the signature plain r and s (GPCS B.4). Other curves are not here.
fn verify_ecdsa(point: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
    key.verify(message, &ecdsa::Signature::from_slice(signature).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;
    use gp_cardmanager_model::card::Platform as _;

    fn hashed(algorithm: HashAlgorithm, length: usize) -> String {
        let mut platform = Platform::new(Randomness::System);
        assert!(platform.hash_begin(algorithm));
        platform.hash_update(b"a");
        platform.hash_update(b"bc");
        let mut out = vec![0; length];
        platform.hash_finish(&mut out);
        hex::encode(&out)
    }

    /// FIPS 180-4 examples.
    #[test]
    fn hashes() {
        assert_eq!(hashed(HashAlgorithm::Sha1, 20), "A9993E364706816ABA3E25717850C26C9CD0D89D");
        assert_eq!(
            hashed(HashAlgorithm::Sha256, 32),
            "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
        );
        assert!(hashed(HashAlgorithm::Sha384, 48).starts_with("CB00753F45A35E8B"));
        assert!(hashed(HashAlgorithm::Sha512, 64).starts_with("DDAF35A193617ABA"));
    }

    #[test]
    fn a_key_of_another_kind_verifies_nothing() {
        let mut platform = Platform::new(Randomness::System);
        assert!(!platform.verify(&[], &[b"message"], &[0; 64]));
        assert!(!platform.verify(&[(EC_POINT, &[4; 65])], &[b"message"], &[0; 64]));
        assert!(!platform.verify(&[(RSA_MODULUS, &[0; 128]), (RSA_EXPONENT, &[3])], &[b"message"], &[0; 128]));
    }
}
