//! Octets in hexadecimal.

use std::fmt::Write as _;

/// The octets; `None` unless the text is pairs of hexadecimal digits, with spaces or without, in either case.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().filter(|c| *c != ' ').map(|c| c.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// The octets in capital digits, without spaces.
pub(super) fn encode(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{octet:02X}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        assert_eq!(decode("00ff A5"), Some(vec![0x00, 0xFF, 0xA5]));
        assert_eq!(encode(&[0x00, 0xFF, 0xA5]), "00FFA5");
        assert_eq!(decode(""), Some(vec![]));
        for bad in ["0", "0G", "0x00", "é0", "000"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
