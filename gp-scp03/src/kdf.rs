//! Data derivation: SP 800-108 in counter mode with AES-CMAC (Amendment D 4.1.5).
//!
//! ```text
//!  block(i) =  00 x 11 | constant | 00 | L  L | i | context
//!  octet       0 .. 10      11      12   13 14  15  16 ..
//!  output   =  the leftmost L bits of  CMAC(key, block(1)) | CMAC(key, block(2))
//! ```

use zeroize::Zeroize;

use crate::Error;
use crate::cipher::Block;
use crate::cmac::Prf;
use crate::key::leftmost;

/// What is derived: octet 11 of each block (Amendment D table 4-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Constant {
    /// The card cryptogram, under S-MAC.
    CardCryptogram = 0x00,
    /// The host cryptogram, under S-MAC.
    HostCryptogram = 0x01,
    /// The pseudo-random card challenge, under the static Key-ENC.
    CardChallenge = 0x02,
    /// S-ENC, under Key-ENC.
    SEnc = 0x04,
    /// S-MAC, under Key-MAC.
    SMac = 0x06,
    /// S-RMAC, under Key-MAC.
    SRMac = 0x07,
}

impl From<Constant> for u8 {
    fn from(constant: Constant) -> Self {
        constant.octet()
    }
}

impl Constant {
    /// The octet.
    #[must_use]
    pub const fn octet(self) -> u8 {
        match self {
            Self::CardCryptogram => 0x00,
            Self::HostCryptogram => 0x01,
            Self::CardChallenge => 0x02,
            Self::SEnc => 0x04,
            Self::SMac => 0x06,
            Self::SRMac => 0x07,
        }
    }
}

/// Derives `out.len()` octets: 8 or 16 for cryptograms and challenges, 16, 24 or 32 for keys.
///
/// `constant` is a [`Constant`], or the octet of a derivation that this protocol does not have.
/// `prf` is AES-CMAC under the key to derive from, over its parts one after the other; `context` is the two
/// challenges, host then card, or the sequence counter and the AID.
///
/// # Errors
/// What `prf` answers, and `out` is wiped; [`Error::KeyLength`] for more than 32 octets, and `out` is as it was.
pub fn derive(
    mut prf: impl FnMut(&[&[u8]]) -> Result<[u8; 16], Error>,
    constant: impl Into<u8>,
    context: [&[u8]; 2],
    out: &mut [u8],
) -> Result<(), Error> {
    let bits = u16::try_from(out.len()).ok().filter(|octets| *octets <= 32).ok_or(Error::KeyLength)?.wrapping_mul(8);
    let [l_high, l_low] = bits.to_be_bytes();
    let mut block: Block = [0; 16];
    block[11] = constant.into();
    // Octet 12 separates label from context and stays 00.
    block[13] = l_high;
    block[14] = l_low;
    // The second block exists for AES-192 and AES-256 keys alone; L stays the same in both.
    for (part, counter) in out.chunks_mut(16).zip(1_u8..) {
        block[15] = counter;
        match prf(&[&block, context[0], context[1]]) {
            Ok(mut octets) => {
                leftmost(&octets, part);
                octets.as_mut_slice().zeroize();
            }
            Err(error) => {
                out.zeroize();
                return Err(error);
            }
        }
    }
    Ok(())
}

/// The most blocks of one call of [`derive_each`]: two keys.
const BLOCKS: usize = if cfg!(any(feature = "aes-192", feature = "aes-256")) { 4 } else { 2 };

/// Several derivations of this protocol under one key and in one context, of at most as many blocks together as two keys
/// need. `prf` is AES-CMAC under the key to derive from, over each message by itself.
#[cfg_attr(feature = "cached-keys", inline(always))]
#[cfg_attr(not(feature = "cached-keys"), inline(never))]
pub(crate) fn derive_each(
    prf: &mut Prf<'_>,
    context: [&[u8]; 2],
    outputs: &mut [(Constant, &mut [u8])],
) -> Result<(), Error> {
    // A context is at most two challenges of 16 octets.
    let mut joined = [[0; 16]; 2];
    let mut room = joined.as_flattened_mut().iter_mut();
    for part in context {
        part.iter().zip(room.by_ref()).for_each(|(from, to)| *to = *from);
    }
    let length = context.iter().fold(16_usize, |length, part| length.saturating_add(part.len()));
    let mut inputs = [[[0; 16]; 3]; BLOCKS];
    let mut messages = [&[][..]; BLOCKS];
    let mut count = 0_usize;
    let mut places = inputs.iter_mut().zip(&mut messages);
    for (constant, out) in &*outputs {
        let [l_high, l_low] = u16::try_from(out.len()).unwrap_or(0).wrapping_mul(8).to_be_bytes();
        for (counter, _) in (1_u8..).zip(out.chunks(16)) {
            let (input, message) = places.next().ok_or(Error::KeyLength)?;
            // As in `derive`.
            let label = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, constant.octet(), 0, l_high, l_low, counter];
            let [first, second] = joined;
            *input = [label, first, second];
            *message = input.as_flattened().get(..length).ok_or(Error::ChallengeLength)?;
            count = count.saturating_add(1);
        }
    }
    let mut macs = [[0; 16]; BLOCKS];
    let result = prf(messages.get(..count).unwrap_or_default(), &mut macs);
    let parts = outputs.iter_mut().flat_map(|(_, out)| out.chunks_mut(16));
    parts.zip(&macs).for_each(|(part, mac)| leftmost(mac, part));
    macs.as_flattened_mut().zeroize();
    if result.is_err() {
        outputs.iter_mut().for_each(|(_, out)| out.zeroize());
    }
    result
}
