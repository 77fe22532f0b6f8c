//! CTR_DRBG against the vectors of NIST's validation program, and its limits.

use gp_scp03::{CtrDrbg128, CtrDrbg256, DrbgError};

#[path = "support/table.rs"]
mod table;

use table::read;

#[test]
fn nist_aes_128() {
    let records = read(include_str!("vectors/drbg128.txt"));
    assert_eq!(records.len(), 16);
    let mut kinds = [0; 4];
    for record in records {
        let octets = |name| record.octets(name);
        let mut drbg = CtrDrbg128::new(&octets("entropy"), &octets("personalization")).unwrap();
        let mut out = octets("output");
        drbg.generate(&mut out, &octets("additional_1")).unwrap();
        assert_ne!(out, octets("output"));
        drbg.generate(&mut out, &octets("additional_2")).unwrap();
        assert_eq!(out, octets("output"), "{}", record.name());
        kinds[usize::from(!octets("personalization").is_empty()) * 2
            + usize::from(!octets("additional_1").is_empty())] += 1;
    }
    assert_eq!(kinds, [4; 4]);
}

#[test]
fn nist_aes_256() {
    let records = read(include_str!("vectors/drbg256.txt"));
    assert_eq!(records.len(), 16);
    let mut kinds = [0; 4];
    for record in records {
        let octets = |name| record.octets(name);
        let mut drbg = CtrDrbg256::new(&octets("entropy"), &octets("personalization")).unwrap();
        drbg.reseed(&octets("reseed"), &octets("reseed_additional")).unwrap();
        let mut out = octets("output");
        drbg.generate(&mut out, &octets("additional_1")).unwrap();
        assert_ne!(out, octets("output"));
        drbg.generate(&mut out, &octets("additional_2")).unwrap();
        assert_eq!(out, octets("output"), "{}", record.name());
        kinds[usize::from(!octets("personalization").is_empty()) * 2
            + usize::from(!octets("additional_1").is_empty())] += 1;
    }
    assert_eq!(kinds, [4; 4]);
}

macro_rules! limits {
    ($($test:ident: $drbg:ident, $seed:literal;)+) => {$(
        #[test]
        fn $test() {
            assert_eq!($drbg::SEED_LENGTH, $seed);
            let octets = [7; 100];
            for length in 0..=100 {
                let right = if length == $seed { None } else { Some(DrbgError::SeedLength) };
                assert_eq!($drbg::new(&octets[..length], &[]).err(), right);
                let mut drbg = $drbg::new(&[1; $seed], &[]).unwrap();
                assert_eq!(drbg.reseed(&octets[..length], &[]).err(), right);
                // Personalization and additional input may be shorter, never longer.
                let short = if length <= $seed { None } else { Some(DrbgError::SeedLength) };
                assert_eq!($drbg::new(&[1; $seed], &octets[..length]).err(), short);
                assert_eq!(drbg.reseed(&[1; $seed], &octets[..length]).err(), short);
                let mut out = [0x5A; 8];
                assert_eq!(drbg.generate(&mut out, &octets[..length]).err(), short);
                assert_eq!(out == [0x5A; 8], short.is_some());
            }

            // A call that is refused leaves the generator as it was.
            let fresh = || $drbg::new(&[1; $seed], b"serial number").unwrap();
            let (mut expected, mut out) = ([0; 40], [0; 40]);
            fresh().generate(&mut expected, &[]).unwrap();
            let mut drbg = fresh();
            let mut long = vec![0x5A; 65_537];
            assert_eq!(drbg.generate(&mut long, &[]), Err(DrbgError::RequestTooLong));
            assert!(long.iter().all(|octet| *octet == 0x5A));
            assert_eq!(drbg.generate(&mut long[..8], &[0; 100]), Err(DrbgError::SeedLength));
            assert_eq!(drbg.reseed(&[0; 1], &[]), Err(DrbgError::SeedLength));
            drbg.generate(&mut out, &[]).unwrap();
            assert_eq!(out, expected);

            // 65536 octets are allowed, and begin like a shorter request.
            let mut drbg = fresh();
            drbg.generate(&mut long[..65_536], &[]).unwrap();
            assert_eq!(long[..40], expected);
            // What comes next is neither that again nor what a fresh generator gives.
            drbg.generate(&mut out, &[]).unwrap();
            assert_ne!(out, expected);
            assert!(!long.windows(40).any(|window| window == out));
            let mut nothing = [];
            fresh().generate(&mut nothing, &[]).unwrap();

            // An additional input of zeros is not the same as none.
            let mut with = [0; 40];
            fresh().generate(&mut with, &[0]).unwrap();
            assert_ne!(with, expected);
        }
    )+};
}

limits! {
    limits_of_aes_128: CtrDrbg128, 32;
    limits_of_aes_256: CtrDrbg256, 48;
}
