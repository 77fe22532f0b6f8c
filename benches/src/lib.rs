//! Inputs that several benchmarks share, and the reference points they are measured against.

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

/// A short case 4 command with `data_len` octets of data, up to 255.
pub fn case_4(data_len: u8) -> Vec<u8> {
    let mut octets = vec![0x80, 0xE2, 0x80, 0x00, data_len];
    octets.extend((0..data_len).map(|octet| octet.wrapping_mul(37)));
    octets.push(0x00);
    octets
}
