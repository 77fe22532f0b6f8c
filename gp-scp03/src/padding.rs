//! The padding of SCP03 ("pad80"): an octet `80`, then zeros up to a multiple of 16 (GPCS B.2.3, Amendment D 4.1.4).
//!
//! ```text
//!  | data | 80 | 00 .. 00 |      at least one octet, so 16 octets of data become 32
//! ```

use subtle::Choice;

/// The length of `data_length` octets after padding; `None` where a `usize` cannot hold it.
pub(crate) const fn padded_length(data_length: usize) -> Option<usize> {
    (data_length | 15).checked_add(1)
}

/// Writes the padding behind the first `data_length` octets of `buffer`, which is [`padded_length`] octets long.
#[cfg_attr(feature = "cached-keys", inline)]
pub(crate) fn pad80(buffer: &mut [u8], data_length: usize) {
    if cfg!(not(feature = "cached-keys")) {
        let padding = buffer.iter_mut().skip(data_length);
        padding.zip(core::iter::once(0x80).chain(core::iter::repeat(0))).for_each(|(to, from)| *to = from);
        return;
    }
    // What is kept of the last block and what is put into it, each as sixteen octets of a table from one place on: so the
    // block is one store and not several.
    const KEEP: &[u8; 31] =
        b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    const PUT: &[u8; 31] = b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let start = (data_length & 15) ^ 15;
    let at = |table: &'static [u8; 31]| table.get(start..)?.first_chunk::<16>();
    if let (Some(last), Some(keep), Some(put)) = (buffer.last_chunk_mut::<16>(), at(KEEP), at(PUT)) {
        for ((octet, keep), put) in last.iter_mut().zip(keep).zip(put) {
            *octet = *octet & keep | put;
        }
    }
}

/// The length of the data in front of the padding, or `None` where there is none.
///
/// More than one block of padding is accepted, as real cards produce it; it only ever follows a verified MAC. Time and
/// branches depend on the length of the padding, which the length of the data tells anyway, and on nothing else.
pub(crate) fn unpad80(data: &[u8]) -> Option<usize> {
    if cfg!(not(feature = "cached-keys")) {
        let end = data.iter().rposition(|octet| is_true(*octet != 0))?;
        return data.get(end).filter(|octet| is_true(**octet == 0x80)).map(|_| end);
    }
    let mut end = data.len();
    for block in data.rchunks(16) {
        // The octets as one number, the last one highest.
        let value = match <[u8; 16]>::try_from(block) {
            Ok(octets) => u128::from_le_bytes(octets),
            Err(_) => block.iter().rev().fold(0_u128, |value, octet| value.wrapping_shl(8) | u128::from(*octet)),
        };
        end = end.saturating_sub(block.len());
        if is_true(value != 0) {
            let position = 15_u32.saturating_sub(value.leading_zeros() / 8);
            let last = value.wrapping_shr(position.wrapping_mul(8));
            if !is_true(last == 0x80) {
                return None;
            }
            let bits =
                (0..4_u32).map(|bit| usize::from(is_true(position.wrapping_shr(bit) & 1 != 0)).wrapping_shl(bit));
            return end.checked_add(bits.fold(0, |position, bit| position | bit));
        }
    }
    None
}

/// What is found out about the padding stops being a secret here, and only here.
fn is_true(found: bool) -> bool {
    Choice::from(u8::from(found)).into()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn every_length_comes_back() {
        for length in 0..600 {
            let padded = padded_length(length).unwrap();
            assert!(padded > length && padded - length <= 16 && padded.is_multiple_of(16));
            let mut buffer = vec![0xA5; padded];
            pad80(&mut buffer, length);
            assert_eq!(unpad80(&buffer), Some(length));
        }
        assert_eq!(padded_length(usize::MAX), None);
    }

    #[test]
    fn what_is_no_padding_is_refused() {
        for bad in [&[][..], &[0], &[0; 32], &[1], &[0x80, 1], &[0x80, 0, 0x81, 0], &[0xFF; 16]] {
            assert_eq!(unpad80(bad), None, "{bad:02X?}");
        }
    }

    #[test]
    fn data_that_ends_like_padding_keeps_its_octets() {
        assert_eq!(unpad80(&[0x80, 0, 0, 0x80, 0]), Some(3));
        let mut long: Vec<u8> = vec![1, 2, 3, 0x80];
        long.extend([0; 44]);
        assert_eq!(unpad80(&long), Some(3), "more than one block of padding is taken");
    }
}
