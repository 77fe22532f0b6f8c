//! Cryptograms: what each end shows to prove that it holds the keys (Amendment D 6.2.2.2, 6.2.2.3).

use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroize;

use crate::challenge::Mode;

/// A host or card cryptogram, 8 or 16 octets. There is no `==`: it is compared in constant time or not at all.
///
/// An expected cryptogram is as good as the key until it has been shown, so it is wiped when dropped and never printed.
pub(crate) struct Cryptogram {
    octets: [u8; 16],
    mode: Mode,
}

impl Cryptogram {
    /// Zeros, to be derived in their place.
    pub(crate) const fn zeros(mode: Mode) -> Self {
        Self { octets: [0; 16], mode }
    }

    /// 8 or 16 octets, to be written.
    pub(crate) fn octets_mut(&mut self) -> &mut [u8] {
        self.octets.get_mut(..self.mode.octets()).unwrap_or_default()
    }

    /// The octets, to be sent.
    pub(crate) fn octets(&self) -> &[u8] {
        self.octets.get(..self.mode.octets()).unwrap_or_default()
    }

    /// Is `received` this cryptogram? Another length never is.
    pub(crate) fn ct_eq(&self, received: &[u8]) -> Choice {
        self.octets().ct_eq(received)
    }
}

impl Drop for Cryptogram {
    fn drop(&mut self) {
        self.octets.as_mut_slice().zeroize();
    }
}

impl fmt::Debug for Cryptogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cryptogram(..)")
    }
}
