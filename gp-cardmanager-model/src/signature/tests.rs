extern crate std;

use super::*;
use crate::aid::Aid;
use crate::delete::Delete;
use crate::error::ErrorKind;
use crate::install::tests::{any_aid, cases};
use crate::install::{ForInstall, ForLoad, Install};
use gp_scp03::KeyLength;
use proptest::collection::vec;
use proptest::prelude::*;

fn aid(last: u8) -> Aid {
    Aid::new(&[0xA0, 0, 0, 0, last]).unwrap()
}

/// A checksum that stands for a hash: the sum of all octets in each octet of the hash.
struct Sum(HashAlgorithm, u8);

impl Hash for Sum {
    fn algorithm(&self) -> HashAlgorithm {
        self.0
    }
    fn update(&mut self, octets: &[u8]) {
        self.1 = octets.iter().fold(self.1, |sum, octet| sum.wrapping_add(*octet));
    }
    fn finish(&mut self, out: &mut [u8]) {
        out.fill(self.1);
    }
}

#[test]
fn the_length_in_a_token_is_one_octet_or_three() {
    for (len, head) in
        [(0, &[2, 0, 0][..]), (255, &[2, 0, 0xFF]), (256, &[2, 0, 0, 1, 0]), (0x1234, &[2, 0, 0, 0x12, 0x34])]
    {
        let fields = std::vec![0xAA; len];
        let input = TokenInput::new(2, 0, &fields).unwrap();
        assert_eq!(input.parts().concat(), [head, &fields].concat());
    }
    let error = TokenInput::new(2, 0, &std::vec![0; 0x1_0000]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::BadLength);
}

#[test]
fn the_combined_process_signs_both_commands() {
    let load = Install::CombinedFirst(ForLoad {
        load_file: aid(1),
        security_domain: None,
        hash: &[7; 32],
        parameters: &[],
        token: &[],
    });
    let install = Install::CombinedLast(ForInstall {
        load_file: None,
        module: None,
        application: aid(2),
        privileges: &[0],
        parameters: &[0xC9, 0],
        token: &[],
    });
    let (mut first, mut last) = ([0; 64], [0; 64]);
    let first = load.emit_signed_fields(&mut first).unwrap();
    let last = install.emit_signed_fields(&mut last).unwrap();
    let input = TokenInput::combined(TokenInput::new(0x0E, 1, first).unwrap(), TokenInput::new(0x0E, 3, last).unwrap());
    let expected = [&[0x0E, 1, 41][..], first, &[0x0E, 3, 13], last].concat();
    assert_eq!(input.parts().concat(), expected);
}

#[test]
fn a_token_travels_and_every_change_is_seen() {
    let key = Key::new(&[0x70; 24]).unwrap();
    let plain = Install::Load(ForLoad {
        load_file: aid(1),
        security_domain: Some(aid(9)),
        hash: &[7; 48],
        parameters: &[0xEF, 0],
        token: &[],
    });
    let mut buf = [0; 128];
    let fields = plain.emit_signed_fields(&mut buf).unwrap();
    let input = TokenInput::new(2, 0, fields).unwrap();
    let mut token = [0; CMAC_LEN];
    assert_eq!((&key).sign(&input.parts(), &mut token), Ok(16));
    assert_eq!((&key).sign(&input.parts(), &mut [0; 15]), Err(SignatureError::BufferFull));

    let mut buf = [0; 128];
    let data = plain.with_token(&token).emit(&mut buf).unwrap().to_vec();
    let verify = |data: &[u8]| {
        let install = Install::parse(2, 0, data).map_err(|_| SignatureError::Unavailable)?;
        let input = TokenInput::of_install(2, 0, data).map_err(|_| SignatureError::Unavailable)?;
        (&key).verify(&input.parts(), install.token())
    };
    assert_eq!(verify(&data), Ok(()));
    for at in 0..data.len() {
        for bit in 0..8 {
            let mut changed = data.clone();
            changed[at] ^= 1 << bit;
            assert!(verify(&changed).is_err(), "octet {at}, bit {bit}");
        }
    }
    // A shorter or longer token is none.
    for len in [0, 8, 15, 17] {
        let token = [&token[..], &[0]].concat();
        assert_eq!((&key).verify(&input.parts(), &token[..len]), Err(SignatureError::Mismatch));
    }
    let personalization = [0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0];
    assert_eq!(TokenInput::of_install(0x20, 0, &personalization).unwrap_err().kind, ErrorKind::Unexpected);
}

#[test]
fn a_delete_token_signs_p2_as_sent() {
    let delete = Delete::content(aid(3), true);
    let mut buf = [0; 32];
    let data = delete.emit(&mut buf).unwrap();
    let input = TokenInput::of_delete(0, 0x80, data).unwrap();
    assert_eq!(input.parts().concat(), [0x00, 0x80, 7, 0x4F, 5, 0xA0, 0, 0, 0, 3]);
}

#[test]
fn dap_signs_the_hash() {
    let mut key = Key::new(&[0x73; 16]).unwrap();
    let mut hash = Sum(HashAlgorithm::Sha256, 0);
    let block = [&[1, 2, 3][..], &[4]];
    let mut room = [0; 64];
    let made = hash_load_file_data_block(block, &mut hash, &mut room).unwrap();
    assert_eq!(made, [10; 32]);
    let mut signature = [0; 16];
    assert_eq!(sign_dap(made, &mut key, &mut signature), Ok(16));
    assert_eq!(verify_dap(made, &signature, &mut key), Ok(()));
    signature[15] ^= 1;
    assert_eq!(verify_dap(made, &signature, &mut key), Err(SignatureError::Mismatch));
    assert_eq!(key.cmac(&[&[10; 32]])[..15], signature[..15]);
    assert!(hash_load_file_data_block(block, &mut hash, &mut [0; 31]).is_err());
    for algorithm in HashAlgorithm::ALL {
        let expected = [10; 64];
        for len in [20, 32, 48, 64] {
            let verdict = verify_load_file_data_block_hash(block, &mut Sum(algorithm, 0), &expected[..len]);
            assert_eq!(verdict.is_ok(), len == algorithm.len());
        }
    }
}

#[test]
fn hash_algorithms() {
    for algorithm in HashAlgorithm::ALL {
        assert_eq!(HashAlgorithm::from_len(algorithm.len()), Some(algorithm));
        assert_eq!(HashAlgorithm::from_code(algorithm.code()), Some(algorithm));
    }
    assert_eq!((0..100).filter(|len| HashAlgorithm::from_len(*len).is_some()).count(), 4);
    let least = [16, 24, 32].map(|len| HashAlgorithm::least_for(KeyLength::from_octets(len).unwrap()));
    assert_eq!(least, [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512]);
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn receipts_of_every_operation(
        aids in (any_aid(), any_aid(), any_aid()),
        given in any::<[bool; 3]>(),
        details in vec(any::<u8>(), 0..40),
        parameters in vec(any::<u8>(), 0..300),
    ) {
        let (a, b, c) = aids;
        let lv = |aid: Aid| {
            let octets = aid.as_bytes().to_vec();
            [&[u8::try_from(octets.len()).unwrap()][..], &octets].concat()
        };
        let maybe = |aid, given| if given { lv(aid) } else { std::vec![0] };
        let len = match parameters.len() {
            len @ 0..=0x7F => std::vec![u8::try_from(len).unwrap()],
            len @ 0x80..=0xFF => std::vec![0x81, u8::try_from(len).unwrap()],
            len => std::vec![0x82, 1, u8::try_from(len - 256).unwrap()],
        };
        let update = Operation::RegistryUpdate {
            from: given[0].then_some(a),
            application: given[1].then_some(b),
            to: given[2].then_some(c),
            privileges: &[1, 2, 3],
            parameters: &parameters,
        };
        let expected_update =
            [maybe(a, given[0]), maybe(b, given[1]), maybe(c, given[2]), std::vec![3, 1, 2, 3], len, parameters.clone()];
        let table = [
            (Operation::Load { load_file: a, security_domain: b }, [lv(a), lv(b)].concat()),
            (Operation::Install { load_file: a, application: b }, [lv(a), lv(b)].concat()),
            (Operation::Extradition { from: a, object: b, to: c }, [lv(a), lv(b), lv(c)].concat()),
            (Operation::Delete { aid: a }, lv(a)),
            (Operation::Combined { load_file: a, application: b, security_domain: c }, [lv(a), lv(b), lv(c)].concat()),
            (update, expected_update.concat()),
        ];
        for (operation, expected) in table {
            let input = ReceiptInput::new(&details, &operation).unwrap();
            prop_assert_eq!(input.parts().concat(), [&details[..], &expected].concat());
        }
    }
}

#[test]
fn receipts_refuse_privileges_of_a_wrong_length() {
    for len in 0..6 {
        let privileges = [0; 6];
        let update = Operation::RegistryUpdate {
            from: None,
            application: None,
            to: None,
            privileges: &privileges[..len],
            parameters: &[],
        };
        assert_eq!(ReceiptInput::new(&[], &update).is_ok(), [0, 1, 3].contains(&len));
    }
}
