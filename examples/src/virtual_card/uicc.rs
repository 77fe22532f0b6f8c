//! What a UICC has around its security domains, just enough of it for a client that looks for one: a master file.
//!
//! ```text
//!  00 A4 00 .. 02 3F00    FCP of the MF       any other file: 6A82
//!  00 A4 04 0x AID        P2 b4 b3 say which control data the client wants (ETSI TS 102 221 11.1.1): nothing to the card
//! ```

use gp_apdu::ins;

/// File control parameters of the MF (ETSI TS 102 221 11.1.1.3): a DF, identifier 3F00, operational, with an access rule.
const MASTER_FILE: [u8; 28] = [
    0x62, 0x18, 0x82, 0x02, 0x78, 0x21, 0x83, 0x02, 0x3F, 0x00, 0xA5, 0x06, 0x80, 0x01, 0x71, 0x83, 0x01, 0x00, 0x8A,
    0x01, 0x05, 0x8B, 0x03, 0x2F, 0x06, 0x01, 0x90, 0x00,
];

/// Takes a command that is for the file system, and answers it. Takes the choice of control data off a SELECT by name;
/// then the card answers.
pub fn intercept(command: &mut [u8]) -> Option<Vec<u8>> {
    let [0x00..=0x03, ins::SELECT, p1, p2, rest @ ..] = command else { return None };
    match (*p1, &*rest) {
        (0x00, [2, 0x3F, 0x00, ..]) => Some(MASTER_FILE.to_vec()),
        (0x00, _) => Some(vec![0x6A, 0x82]),
        (0x04, _) => {
            *p2 &= !0x0C;
            None
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_names() {
        let answer = intercept(&mut [0x00, 0xA4, 0x00, 0x04, 0x02, 0x3F, 0x00]).unwrap();
        assert!(answer.starts_with(&[0x62, 0x18]) && answer.ends_with(&[0x90, 0x00]));
        assert_eq!(usize::from(answer[1]) + 4, answer.len());
        assert_eq!(intercept(&mut [0x00, 0xA4, 0x00, 0x04, 0x02, 0x2F, 0x00]), Some(vec![0x6A, 0x82]));
        let mut by_name = [0x00, 0xA4, 0x04, 0x04, 0x05, 1, 2, 3, 4, 5];
        assert_eq!(intercept(&mut by_name), None);
        assert_eq!(by_name[3], 0x00);
        let mut other = [0x80, 0xCA, 0x00, 0x66];
        assert_eq!(intercept(&mut other), None);
        assert_eq!(other, [0x80, 0xCA, 0x00, 0x66]);
    }
}
