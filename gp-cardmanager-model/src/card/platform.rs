//! What a card stands on: memory and randomness.

use crate::card::channel::Channel;
use crate::card::keys::KeySlot;
use crate::card::objects::ObjectSlot;
use crate::card::registry::RegistryEntry;
use crate::signature::HashAlgorithm;

/// The card's memory, all of it the caller's: the same code serves 16 and 4096 registry entries, 1 and 20 channels.
///
/// Fill every slice with defaults; [`Card::open`](crate::card::Card::open) reads the storage into them.
#[derive(Debug)]
pub struct Memory<'m> {
    /// Security domains, applications, load files and their modules: one slot each.
    pub registry: &'m mut [RegistryEntry],
    /// Keys: one slot for every 32 octets of each key component, three for an AES key set. A replacement needs room for
    /// the old keys and the new ones.
    pub keys: &'m mut [KeySlot],
    /// Data objects that STORE DATA wrote: one slot for every 32 octets of each.
    pub objects: &'m mut [ObjectSlot],
    /// Logical channels, 1 to 20: the first is the basic one.
    pub channels: &'m mut [Channel],
    /// Where a chained command is put together: [`Form::data_offset`](gp_apdu::Form::data_offset) octets more than its longest data.
    pub chain: &'m mut [u8],
}

/// What the chip gives: randomness, and the cryptography that these crates do not bring.
///
/// Challenges must be unpredictable: a real generator, or [`CtrDrbg256`](gp_scp03::CtrDrbg256) over a real seed, which is a platform by itself.
pub trait Platform {
    /// Why there is no randomness.
    type Error;

    /// Fills all of `out` with random octets.
    ///
    /// # Errors
    /// The source has failed; the card refuses the command that needed it.
    fn fill(&mut self, out: &mut [u8]) -> Result<(), Self::Error>;

    /// Begins a hash, of which one runs at a time: that of the load file data block that is coming in. `false`: there is
    /// no such algorithm here, and what needs it is refused.
    fn hash_begin(&mut self, algorithm: HashAlgorithm) -> bool {
        let _ = algorithm;
        false
    }

    /// Takes the next octets of the message.
    fn hash_update(&mut self, octets: &[u8]) {
        let _ = octets;
    }

    /// Ends the hash and writes it over all of `out`, which is as long as the algorithm's hashes are.
    fn hash_finish(&mut self, out: &mut [u8]) {
        let _ = out;
    }

    /// The check value of a key that is no AES key, by its key type (GPCS 11.1.8): of a DES key the first 3 octets of the
    /// encryption of eight octets `00`. `None`: it cannot be told here, and a check value is taken as it comes.
    fn check_value(&mut self, key_type: u8, key: &[u8]) -> Option<[u8; 3]> {
        let _ = (key_type, key);
        None
    }

    /// Verifies an RSA or ECC signature over the parts one after the other. `components` is the public key as PUT KEY
    /// brought it: key type and value of each component, in order (GPCS B.3, B.4); a curve that the card keeps stands in place of the
    /// reference to it (type `F0`), one of the standard's stays a reference (GPCS 11.1.8).
    fn verify(&mut self, components: &[(u8, &[u8])], message: &[&[u8]], signature: &[u8]) -> bool {
        let _ = (components, message, signature);
        false
    }
}

impl<T: Platform + ?Sized> Platform for &mut T {
    type Error = T::Error;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        T::fill(self, out)
    }

    fn hash_begin(&mut self, algorithm: HashAlgorithm) -> bool {
        T::hash_begin(self, algorithm)
    }

    fn hash_update(&mut self, octets: &[u8]) {
        T::hash_update(self, octets);
    }

    fn hash_finish(&mut self, out: &mut [u8]) {
        T::hash_finish(self, out);
    }

    fn check_value(&mut self, key_type: u8, key: &[u8]) -> Option<[u8; 3]> {
        T::check_value(self, key_type, key)
    }

    fn verify(&mut self, components: &[(u8, &[u8])], message: &[&[u8]], signature: &[u8]) -> bool {
        T::verify(self, components, message, signature)
    }
}

impl Platform for gp_scp03::CtrDrbg256 {
    type Error = gp_scp03::DrbgError;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        self.generate(out, &[])
    }
}

impl Platform for gp_scp03::CtrDrbg128 {
    type Error = gp_scp03::DrbgError;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        self.generate(out, &[])
    }
}
