//! Inputs that several benchmarks share, and the reference points they are measured against.

use gp_tlv::{Reader, Tag};

pub mod managed;
pub mod measure;
pub mod reference;
pub mod subject;

/// A GET STATUS answer as cards send it: 8 entries `E3 { 4F aid, 9F70 life cycle, C5 privileges }` in a row.
pub fn get_status_answer() -> Vec<u8> {
    let entry = [
        0xE3, 0x13, 0x4F, 0x08, 0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00, 0x9F, 0x70, 0x01, 0x07, 0xC5, 0x03,
        0x9E, 0xFE, 0x80,
    ];
    entry.repeat(8)
}

/// Walks a list of `E3` templates to the end of each; answers how many octets of values there are.
pub fn walk(octets: &[u8]) -> usize {
    const ENTRY: Tag = Tag::new(0xE3);
    let mut reader = Reader::new(octets);
    let mut values = 0;
    while reader.offset() < octets.len() {
        values += reader
            .nested(ENTRY, |entry| {
                let mut sum = 0;
                while let Some(tlv) = entry.next_tlv()? {
                    sum += tlv.value.len();
                }
                Ok(sum)
            })
            .expect("a well-formed answer");
    }
    values
}

/// A short case 4 command with `data_len` octets of data, up to 255.
pub fn case_4(data_len: u8) -> Vec<u8> {
    let mut octets = vec![0x80, 0xE2, 0x80, 0x00, data_len];
    octets.extend((0..data_len).map(|octet| octet.wrapping_mul(37)));
    octets.push(0x00);
    octets
}

/// One command of each case: 1, 2S, 3S, 4S, 2E, 3E, 4E.
pub fn seven_cases() -> [Vec<u8>; 7] {
    let header = [0x80, 0xF2, 0x40, 0x00];
    let with = |rest: &[u8]| [&header, rest].concat();
    let data = [0x5A; 16];
    [
        with(&[]),
        with(&[0x00]),
        with(&[&[16], &data[..]].concat()),
        with(&[&[16], &data[..], &[0x00]].concat()),
        with(&[0x00, 0x01, 0x00]),
        with(&[&[0, 0, 16], &data[..]].concat()),
        with(&[&[0, 0, 16], &data[..], &[0x01, 0x00]].concat()),
    ]
}
