extern crate std;

use std::vec::Vec;

use gp_apdu::StatusWord;

use super::*;
use crate::{Key, Mode, SessionKeys};

fn session(mode: Mode) -> Session {
    let key = |octet| Key::new(&[octet; 16]).unwrap();
    let mut session = Session::new(SessionKeys::new(key(1), key(2), key(3)).unwrap(), mode);
    session.counter = 5;
    session
}

/// Both orders, every length: the same answer, the same refusals; and after a refusal in one pass no plaintext is left.
#[test]
fn one_pass_gives_the_same_results_and_leaves_no_plaintext() {
    for mode in [Mode::S8, Mode::S16] {
        let mut session = session(mode);
        for length in (0..70).chain([239, 1000]) {
            let mut buffer = [0; 1100];
            buffer[..length].fill(0xAB);
            let answer =
                session.wrap_response(SecurityLevel::Full, &mut buffer, length, StatusWord::OK).unwrap().to_vec();
            let mut unwrap = |order, octets: &[u8]| {
                let mut octets = octets.to_vec();
                let result = session.unwrap_response(SecurityLevel::Full, order, &mut octets);
                (result, octets)
            };
            let (verified, plain) = unwrap(Order::VerifyThenDecrypt, &answer);
            let (one_pass, same) = unwrap(Order::OnePass, &answer);
            assert_eq!((verified, plain), (one_pass, same));
            assert_eq!(verified.unwrap().data_length, length);
            for at in 0..answer.len() {
                let mut forged: Vec<u8> = answer.clone();
                forged[at] ^= 0x10;
                let (verified, _) = unwrap(Order::VerifyThenDecrypt, &forged);
                let (one_pass, left) = unwrap(Order::OnePass, &forged);
                assert_eq!(verified, one_pass, "octet {at}");
                // A changed status word may be one that is never protected; then nothing is decrypted.
                assert!(one_pass.is_err());
                if length > 0 && at < answer.len() - 2 {
                    let body = &left[..left.len() - 2 - mode.octets()];
                    assert!(body.iter().all(|octet| *octet == 0), "octet {at} of {length}");
                }
                assert!(!left.windows(8).any(|window| window == [0xAB; 8]));
            }
            for cut in 0..answer.len() {
                let (verified, _) = unwrap(Order::VerifyThenDecrypt, &answer[..cut]);
                let (one_pass, left) = unwrap(Order::OnePass, &answer[..cut]);
                assert_eq!(verified, one_pass, "cut to {cut}");
                assert!(!left.windows(8).any(|window| window == [0xAB; 8]));
            }
        }
    }
}
