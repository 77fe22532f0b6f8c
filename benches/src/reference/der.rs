//! The `der` crate as far as it goes with BER-TLV of smart cards: headers and slices.

use der::{Decode, Header, Reader, SliceReader};

/// As [`walk`](crate::walk).
pub fn walk(octets: &[u8]) -> usize {
    let mut reader = SliceReader::new(octets).expect("a short message");
    let mut values = 0;
    while !reader.is_finished() {
        let template = Header::decode(&mut reader).expect("a header");
        let inside = reader.read_slice(template.length()).expect("a value");
        let mut inside = SliceReader::new(inside).expect("a short value");
        while !inside.is_finished() {
            let header = Header::decode(&mut inside).expect("a header");
            values += inside.read_slice(header.length()).expect("a value").len();
        }
    }
    values
}
