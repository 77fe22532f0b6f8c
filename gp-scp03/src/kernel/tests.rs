extern crate std;

use std::vec::Vec;

use super::*;
use crate::cipher::{Encryptor, xor};

fn keys(length: usize) -> (Key, Key) {
    let octets: Vec<u8> = (0..64_u8).map(|i| i.wrapping_mul(37).wrapping_add(11)).collect();
    (Key::new(&octets[..length]).unwrap(), Key::new(&octets[32..32 + length]).unwrap())
}

/// S-ENC and S-MAC as messages use them.
struct Expanded {
    #[cfg(feature = "cached-keys")]
    keys: (CipherKey, MacKey),
    #[cfg(not(feature = "cached-keys"))]
    keys: (Key, Key, Engine),
}

/// This crate's AES, and with the feature one from outside.
fn engines() -> impl Iterator<Item = Engine> {
    #[cfg(not(feature = "external-aes"))]
    return [Engine::BUILT_IN].into_iter();
    #[cfg(feature = "external-aes")]
    [Engine::BUILT_IN, Engine::outside(outside::ENGINE)].into_iter()
}

#[cfg(feature = "external-aes")]
mod outside {
    use crate::cipher::Cipher;
    use crate::{ExternalAes, Key};

    pub(super) const ENGINE: ExternalAes = ExternalAes { context: 3, encrypt, decrypt };

    fn encrypt(context: usize, key: &[u8], block: &mut [u8; 16]) -> bool {
        context == 3 && Cipher::new(&Key::new(key).unwrap()).encrypt(block).is_ok()
    }

    fn decrypt(context: usize, key: &[u8], block: &mut [u8; 16]) -> bool {
        let block = core::slice::from_mut(block);
        context == 3 && Cipher::new(&Key::new(key).unwrap()).cbc_decrypt([0; 16], block).is_ok()
    }
}

impl Expanded {
    fn new(engine: Engine, enc: &Key, mac: &Key) -> Self {
        #[cfg(feature = "cached-keys")]
        let keys = (CipherKey::new(engine, enc), MacKey::new(engine, mac));
        #[cfg(not(feature = "cached-keys"))]
        let keys = (enc.duplicate_secret(), mac.duplicate_secret(), engine);
        Self { keys }
    }

    fn of_length(engine: Engine, length: usize) -> Self {
        let (enc, mac) = keys(length);
        Self::new(engine, &enc, &mac)
    }

    fn refs(&self) -> (CipherRef<'_>, MacRef<'_>) {
        #[cfg(feature = "cached-keys")]
        return (&self.keys.0, &self.keys.1);
        #[cfg(not(feature = "cached-keys"))]
        {
            let (enc, mac, engine) = &self.keys;
            (KeyRef::new(*engine, enc), KeyRef::new(*engine, mac))
        }
    }
}

/// The key lengths whose features are on, with each engine.
fn setups() -> impl Iterator<Item = (Engine, usize)> {
    engines().flat_map(|engine| lengths().map(move |length| (engine, length)))
}

/// The key lengths whose features are on.
fn lengths() -> impl Iterator<Item = usize> {
    [16, 24, 32].into_iter().filter(|length| Key::new(&[0; 32][..*length]).is_ok())
}

/// What can stand around a body: a short and an extended header, a status word, all of them.
fn ends(octets: &[u8]) -> [(&[u8], Suffix); 4] {
    let status = Some([0x90, octets[9]]);
    [(&octets[..5], None), (&octets[..7], None), (&[], status), (&octets[..5], status)]
}

fn kernel_head(octets: &[u8]) -> Head {
    match octets.split_first_chunk() {
        None => Head::NONE,
        Some((header, [lc])) => Head::command(*header, header[0], u16::from(*lc), false),
        Some((header, lc)) => Head::command(*header, header[0], u16::from_be_bytes([lc[1], lc[2]]), true),
    }
}

/// CBC and CMAC done the plain way, block by block and one after the other.
fn reference(enc: &Key, mac: &Key, counter_block: Block, parts: [&[u8]; 4]) -> (Vec<u8>, Block) {
    let cipher = Encryptor::new(enc);
    let mut previous = counter_block;
    cipher.encrypt(&mut previous).unwrap();
    let mut body = parts[2].to_vec();
    for block in body.as_chunks_mut::<16>().0 {
        *block = xor(*block, previous);
        cipher.encrypt(block).unwrap();
        previous = *block;
    }
    let tag = mac.cmac(&[parts[0], parts[1], &body, parts[3]]);
    (body, tag)
}

#[test]
fn sealing_equals_two_plain_passes_at_every_length_head_and_suffix() {
    let mut octets: Vec<u8> = (0..4096_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    // Lc of three octets begins with 00.
    octets[4] = 0;
    let chaining = [0xC3; 16];
    for (engine, length) in setups() {
        let (enc, mac) = keys(length);
        let expanded = Expanded::new(engine, &enc, &mac);
        let (cipher_key, mac_key) = expanded.refs();
        for (head, suffix) in ends(&octets) {
            let blocks = (0..20).chain([63, 64, 65, 255, 256]);
            for count in blocks {
                let plain = &octets[..16 * count];
                let number = Number { counter: 0x5A5B_5C5D, response: count % 2 == 1 };
                let mut body = plain.to_vec();
                let tag =
                    seal(Some((cipher_key, number)), mac_key, &chaining, kernel_head(head), &mut body, suffix, None)
                        .unwrap();
                let expected =
                    reference(&enc, &mac, number.block(), [&chaining, head, plain, suffix.as_slice().as_flattened()]);
                assert_eq!((body.clone(), tag), expected, "AES-{} {count} blocks, head {}", 8 * length, head.len());
                open(cipher_key, number, &mut body).unwrap();
                assert_eq!(body, plain);
            }
        }
    }
}

#[test]
fn an_icv_made_ahead_serves_its_number_alone() {
    let octets: Vec<u8> = (0..64_u8).map(|i| i.wrapping_mul(91)).collect();
    let chaining = [0x99; 16];
    for (engine, length) in setups() {
        let (enc, mac) = keys(length);
        let expanded = Expanded::new(engine, &enc, &mac);
        let (cipher_key, mac_key) = expanded.refs();
        let mut ahead = Ahead::NONE;
        for (counter, count) in
            [(1, 2), (2, 1), (3, 4), (4, 0), (5, 1), (9, 1), (9, 2), (u32::MAX - 1, 1), (u32::MAX, 3), (1, 1)]
        {
            let (head, plain) = (&octets[..5], &octets[..16 * count]);
            let number = Number { counter, response: false };
            let mut body = plain.to_vec();
            let enc_and_number = Some((cipher_key, number));
            let tag =
                seal(enc_and_number, mac_key, &chaining, kernel_head(head), &mut body, None, Some(&mut ahead)).unwrap();
            let expected = reference(&enc, &mac, number.block(), [&chaining, head, plain, &[]]);
            assert_eq!((body, tag), expected, "AES-{} number {counter}", 8 * length);
        }
    }
}

#[test]
fn tags_equal_the_plain_cmac_at_every_length_head_and_suffix() {
    let mut octets: Vec<u8> = (0..4160_u32).map(|i| (i.wrapping_mul(40_503) >> 7) as u8).collect();
    // Lc of three octets begins with 00.
    octets[4] = 0;
    let chaining = [0x0F; 16];
    for (engine, length) in setups() {
        let (enc, mac) = keys(length);
        let expanded = Expanded::new(engine, &enc, &mac);
        let (_, mac_key) = expanded.refs();
        for (head, suffix) in ends(&octets) {
            for count in (0..200).chain([4095, 4096]) {
                let body = &octets[32..32 + count];
                let expected = mac.cmac(&[&chaining, head, body, suffix.as_slice().as_flattened()]);
                assert_eq!(
                    tag(mac_key, &chaining, kernel_head(head), body, suffix).unwrap(),
                    expected,
                    "{count} octets"
                );
                let mut same = body.to_vec();
                assert_eq!(
                    seal(None, mac_key, &chaining, kernel_head(head), &mut same, suffix, None).unwrap(),
                    expected
                );
                assert_eq!(same, body);
            }
        }
    }
}

#[test]
fn one_pass_equals_verifying_then_decrypting() {
    let octets: Vec<u8> = (0..4096_u32).map(|i| (i.wrapping_mul(69_069) >> 11) as u8).collect();
    let chaining = [0x3C; 16];
    for (engine, length) in setups() {
        let (enc, mac) = keys(length);
        let expanded = Expanded::new(engine, &enc, &mac);
        let (cipher_key, mac_key) = expanded.refs();
        for count in (0..70).chain([127, 128, 129, 255, 256]) {
            let number = Number { counter: 7 + count as u32, response: true };
            let ciphertext = &octets[..16 * count];
            let expected_tag = tag(mac_key, &chaining, Head::NONE, ciphertext, Some([0x63, 0x10])).unwrap();
            let (mut two, mut one) = (ciphertext.to_vec(), ciphertext.to_vec());
            open(cipher_key, number, &mut two).unwrap();
            let computed = open_unverified((cipher_key, number), mac_key, &chaining, &mut one, [0x63, 0x10]).unwrap();
            assert_eq!((one, computed), (two, expected_tag), "AES-{} {count} blocks", 8 * length);
        }
    }
}

#[test]
fn sessions_side_by_side_equal_each_by_itself() {
    let octets: Vec<u8> = (0..4096_u32).map(|i| (i.wrapping_mul(1_103_515_245) >> 9) as u8).collect();
    // Key lengths and block counts of four sessions; the mixed ones are done in turn.
    for (lengths, counts) in [
        ([16; 4], [3, 3, 3, 3]),
        ([24; 4], [1, 2, 17, 5]),
        ([32; 4], [9, 1, 1, 2]),
        ([16, 24, 32, 16], [2, 2, 2, 2]),
        ([16; 4], [0, 1, 2, 3]),
    ] {
        if !lengths.iter().all(|length| self::lengths().any(|known| known == *length)) {
            continue;
        }
        let built_in = lengths.map(|length| Expanded::of_length(Engine::BUILT_IN, length));
        // Whose sessions are an engine's: nobody's, all, some.
        for outside in [[false; 4], [true; 4], [false, true, false, true]] {
            if engines().count() == 1 && outside != [false; 4] {
                continue;
            }
            let engine = |outside: bool| engines().nth(usize::from(outside)).unwrap();
            let session_keys =
                core::array::from_fn::<_, 4, _>(|at| Expanded::of_length(engine(outside[at]), lengths[at]));
            for head in [kernel_head(&octets[..5]), kernel_head(&octets[..7])] {
                let mut bodies: Vec<Vec<u8>> =
                    counts.iter().map(|count| octets[*count..][..16 * count].to_vec()).collect();
                let mut expected_bodies = bodies.clone();
                let chaining = [[1; 16], [2; 16], [3; 16], [4; 16]];
                let mut expected = Vec::new();
                for (at, body) in expected_bodies.iter_mut().enumerate() {
                    let (enc, mac) = built_in[at].refs();
                    let number = Number { counter: at as u32, response: false };
                    expected.push(seal(Some((enc, number)), mac, &chaining[at], head, body, None, None).unwrap());
                }
                let mut macs = [[0; 16]; 4];
                let mut rest = bodies.iter_mut().enumerate();
                let jobs = core::array::from_fn(|_| {
                    let (at, body) = rest.next()?;
                    let (enc, mac) = session_keys[at].refs();
                    let enc = Some((enc, Number { counter: at as u32, response: false }));
                    Some(Job { enc, mac, chaining: &chaining[at], head, body })
                });
                seal_each(jobs, &mut macs).unwrap();
                assert_eq!(
                    (macs.to_vec(), &bodies),
                    (expected, &expected_bodies),
                    "{lengths:?} {counts:?} {outside:?}"
                );
            }
        }
    }
}
