//! The round keys of AES by the book (FIPS 197 5.2), as what a search looks for; slow, and for nothing else.

const fn times(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b != 0 {
        if b & 1 != 0 {
            product ^= a;
        }
        a = (a << 1) ^ if a & 0x80 != 0 { 0x1B } else { 0 };
        b >>= 1;
    }
    product
}

fn s_box(octet: u8) -> u8 {
    // The inverse is the 254th power.
    let inverse = (0..7).fold((1, octet), |(power, factor), _| {
        let square = times(factor, factor);
        (times(power, square), square)
    });
    let i = inverse.0;
    i ^ i.rotate_left(1) ^ i.rotate_left(2) ^ i.rotate_left(3) ^ i.rotate_left(4) ^ 0x63
}

/// The round keys for encryption, the key itself first.
#[must_use]
pub fn encryption(key: &[u8]) -> Vec<[u8; 16]> {
    let words = key.len() / 4;
    let rounds = words + 6;
    let mut schedule: Vec<[u8; 4]> = key.chunks(4).map(|word| word.try_into().expect("4 octets")).collect();
    let mut constant = 1;
    for at in words..4 * (rounds + 1) {
        let mut word = schedule[at - 1];
        if at % words == 0 {
            word.rotate_left(1);
            word = word.map(s_box);
            word[0] ^= constant;
            constant = times(constant, 2);
        } else if words > 6 && at % words == 4 {
            word = word.map(s_box);
        }
        let before = schedule[at - words];
        schedule.push(std::array::from_fn(|octet| word[octet] ^ before[octet]));
    }
    schedule.chunks(4).map(|words| words.concat().try_into().expect("16 octets")).collect()
}

/// The round keys of the equivalent inverse cipher (FIPS 197 5.3.5): all but the first and the last go through
/// InvMixColumns.
#[must_use]
pub fn decryption(key: &[u8]) -> Vec<[u8; 16]> {
    let mixed = |column: &[u8]| -> Vec<u8> {
        let factors = [0x0E, 0x0B, 0x0D, 0x09];
        (0..4).map(|row| (0..4).fold(0, |sum, at| sum ^ times(column[at], factors[(4 + at - row) % 4]))).collect()
    };
    let schedule = encryption(key);
    schedule[1..schedule.len() - 1]
        .iter()
        .map(|key| key.chunks(4).flat_map(mixed).collect::<Vec<u8>>().try_into().expect("16 octets"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 197 A.1 and A.3: the last round keys.
    #[test]
    fn published_schedules() {
        let key = 0x2B7E_1516_28AE_D2A6_ABF7_1588_09CF_4F3C_u128.to_be_bytes();
        assert_eq!(encryption(&key)[10], 0xD014_F9A8_C9EE_2589_E13F_0CC8_B663_0CA6_u128.to_be_bytes());
        let key = [
            0x603D_EB10_15CA_71BE_2B73_AEF0_857D_7781_u128.to_be_bytes(),
            0x1F35_2C07_3B61_08D7_2D98_10A3_0914_DFF4_u128.to_be_bytes(),
        ]
        .concat();
        assert_eq!(encryption(&key)[14], 0xFE48_90D1_E618_8D0B_046D_F344_706C_631E_u128.to_be_bytes());
    }
}
