//! What the crates are measured against.

pub mod crates;
pub mod der;
#[cfg(feature = "openssl")]
pub mod openssl;
#[cfg(target_arch = "x86_64")]
pub mod raw;

/// Data is padded in place to whole blocks; the answer is how many octets it is then.
pub(crate) fn pad80(body: &mut [u8], data_len: usize) -> usize {
    let padded = (data_len | 15) + 1;
    body[data_len] = 0x80;
    body[data_len + 1..padded].fill(0);
    padded
}

/// CLA' INS P1 P2 Lc' in front of the data; 5 octets, or 7 for more than 255 octets of data and MAC.
pub(crate) fn write_header(buffer: &mut [u8], offset: usize, total: usize) {
    buffer[..4].copy_from_slice(&[0x84, 0xE2, 0x00, 0x00]);
    let [high, low] = (total as u16).to_be_bytes();
    if offset == 5 {
        buffer[4] = low;
    } else {
        buffer[4..7].copy_from_slice(&[0, high, low]);
    }
}

/// Where the data begins in a command that will hold `data_len` octets, padding and an 8-octet MAC.
pub const fn data_offset(data_len: usize) -> usize {
    if (data_len | 15) + 1 + 8 <= 255 { 5 } else { 7 }
}
