//! Kinds `kdf`, `kcv-of-derived` and `card-challenge`: the data derivation of Amendment D 4.1.5.

use gp_scp03::hazmat::{Constant, derive};
use gp_scp03::{Challenge, Error, Key, KeyId, KeyLength, KeySource, Mode, SequenceCounter};

use super::fault::{Checks, Fault};
use super::fields::Fields;

/// Where the constant stands in each block that the pseudo-random function gets.
const CONSTANT_AT: usize = 11;

/// The derivation with any octet for a constant. The crate knows the six of Amendment D and no other; vectors that exercise
/// the construction use many. So the crate lays out each block, and the octet is put in on its way to the CMAC.
fn derive_any(key: &Key, constant: u8, context: &[u8], out: &mut [u8]) -> Result<(), Error> {
    let prf = |parts: &[&[u8]]| {
        let mut block = parts.concat();
        if let Some(octet) = block.get_mut(CONSTANT_AT) {
            *octet = constant;
        }
        Ok(key.cmac(&[&block]))
    };
    derive(prf, Constant::CardCryptogram, [context, &[]], out)
}

/// Derives what the vector describes: `key`, `constant`, `context`, `l_bits`.
fn derived(vector: &Fields<'_>) -> Result<Vec<u8>, Fault> {
    let bits: usize = vector.number("l_bits")?;
    if !bits.is_multiple_of(8) || bits > 256 {
        return Err(vector.fault("l_bits", "is not a whole number of octets, up to 32"));
    }
    let mut out = vec![0; bits / 8];
    derive_any(&vector.key("key")?, vector.octet("constant")?, &vector.octets("context")?, &mut out)
        .map_err(|error| Fault::refused("derivation", error))?;
    Ok(out)
}

pub(super) fn kdf(vector: &Fields<'_>, checks: &mut Checks) -> Result<(), Fault> {
    checks.octets("output", &derived(vector)?, &vector.octets("output")?)
}

pub(super) fn kcv_of_derived(vector: &Fields<'_>, checks: &mut Checks) -> Result<(), Fault> {
    let key = Key::new(&derived(vector)?).map_err(|error| vector.fault("l_bits", error.to_string()))?;
    checks.octets("kcv", &key.kcv(), &vector.octets("kcv")?)
}

/// A key set of which only Key-ENC is known: all that a card challenge needs.
struct KeyEnc(Key);

impl KeySource for KeyEnc {
    fn cmac(&mut self, key: KeyId, parts: &[&[u8]]) -> Result<[u8; 16], Error> {
        if key == KeyId::Enc { Ok(self.0.cmac(parts)) } else { Err(Error::KeySource) }
    }

    fn length(&self) -> KeyLength {
        self.0.length()
    }
}

pub(super) fn card_challenge(vector: &Fields<'_>, checks: &mut Checks) -> Result<(), Fault> {
    let expected = vector.octets("challenge")?;
    let mode = Mode::from_octets(expected.len())
        .ok_or_else(|| vector.fault("challenge", "is neither 8 nor 16 octets long"))?;
    let sequence = SequenceCounter::new(vector.array("sequence_counter")?);
    let challenge =
        Challenge::pseudo_random(&mut KeyEnc(vector.key("key_enc")?), mode, sequence, &vector.octets("aid")?);
    let challenge = challenge.map_err(|error| Fault::refused("challenge", error))?;
    checks.octets("challenge", challenge.octets(), &expected)
}
