//! The header of a slot: which generation it holds, and that its snapshot is whole.
//!
//! ```text
//! +------------+-----------------+-----------------+---------+------------------------------+
//! | generation | snapshot octets | snapshot CRC-32 | FF ...  | CRC-32 of NAME, UNIT and all |
//! | u32        | u32             | u32             |         | octets in front              |
//! +------------+-----------------+-----------------+---------+------------------------------+
//!  0            4                 8                 12        UNIT - 4
//! ```
//!
//! Numbers are big-endian. The generation is 1 to `FFFFFFFE`.

use super::{Crc, medium::Unit};
use crate::card::storage::Storage;

/// Names format and version. It stands in the checksum only: 16 octets have no room for it.
const NAME: &[u8] = b"GlobalPlatform card log 2";

/// A header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    /// Counts the compactions of this medium.
    pub(super) generation: u32,
    /// Octets of the snapshot's records with their lengths.
    pub(super) length: u32,
    /// Checksum of the snapshot's units.
    pub(super) crc: u32,
}

impl Header {
    /// Last generation there is.
    pub(super) const LAST: u32 = u32::MAX - 1;

    /// Reads a header; `None` when it is none.
    pub(super) fn parse<S: Storage>(unit: &Unit) -> Option<Self> {
        let (front, crc) = unit.octets().split_last_chunk::<4>()?;
        if u32::from_be_bytes(*crc) != checksum::<S>(front) {
            return None;
        }
        let (generation, rest) = front.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let crc = rest.first_chunk::<4>()?;
        let [generation, length, crc] = [generation, length, crc].map(|number| u32::from_be_bytes(*number));
        (1..=Self::LAST).contains(&generation).then_some(Self { generation, length, crc })
    }

    /// Writes the header into a unit.
    pub(super) fn emit<S: Storage>(self) -> Unit {
        let mut unit = Unit::new::<S>();
        let numbers = [self.generation, self.length, self.crc];
        for (place, octet) in unit.octets_mut().iter_mut().zip(numbers.iter().flat_map(|number| number.to_be_bytes())) {
            *place = octet;
        }
        if let Some((front, crc)) = unit.octets_mut().split_last_chunk_mut::<4>() {
            *crc = checksum::<S>(front).to_be_bytes();
        }
        unit
    }
}

fn checksum<S: Storage>(front: &[u8]) -> u32 {
    let unit = u8::try_from(S::UNIT).unwrap_or(0);
    Crc::new().octets(NAME).octets(&[unit]).octets(front).value()
}
