//! No branch and no address depends on a secret: run under valgrind's memcheck, with every secret marked as undefined.
//!
//! ```sh
//! valgrind --error-limit=no target/release/constant-time
//! ```
//!
//! Static keys, session keys, what is derived from them and what is decrypted are secret. Public are lengths, the wire, and
//! verdicts: whether a MAC, a cryptogram, a check value or a padding fits, from the moment a `subtle::Choice` becomes a
//! `bool` (see `subtle/src/lib.rs`). Leaks that are planted must be reported, or the watching proves nothing.

use gp_apdu::{CommandBuf, Response, StatusWord};
use gp_cardmanager_model::put_key::{BlockForm, PutKeyWriter};
use gp_cardmanager_model::signature::{Signer, Verifier};
use gp_evidence::{Setting, authenticate, card_answer, command, command_buffer, octets, state, static_keys};
use gp_scp03::{CtrDrbg128, CtrDrbg256, Key, Responder, SecureChannel, SecurityLevel};
use subtle::ConstantTimeEq;

/// Secret octets.
fn secret(seed: u64, length: usize) -> Vec<u8> {
    let octets = octets(seed, length);
    memcheck::make_undefined(&octets);
    octets
}

/// What leaves is public.
fn public(octets: &[u8]) -> &[u8] {
    memcheck::make_defined(octets);
    octets
}

const LENGTHS: [usize; 6] = [0, 1, 15, 16, 100, 200];
const LEVELS: [SecurityLevel; 3] = [SecurityLevel::CMac, SecurityLevel::CMacCDecryption, SecurityLevel::Full];

/// An answer of the card to the first command of a session, protected under keys that nobody marked.
fn answer(setting: Setting, level: SecurityLevel, length: usize) -> Vec<u8> {
    let mut state = state(setting, level, octets);
    (state.awaiting, state.counter) = (true, 1);
    let mut buffer = octets(21, length);
    buffer.resize(length + 64, 0);
    let wrapped = Responder::resume(state).wrap(&mut buffer, length, StatusWord::OK).expect("room").len();
    buffer.truncate(wrapped);
    buffer
}

fn host_awaiting(setting: Setting, level: SecurityLevel) -> SecureChannel {
    let mut state = state(setting, level, secret);
    (state.awaiting, state.counter) = (true, 1);
    SecureChannel::resume(state)
}

/// A command of the host to the card, protected under keys that nobody marked.
fn wrapped(setting: Setting, level: SecurityLevel, length: usize) -> Vec<u8> {
    let mut host = SecureChannel::resume(state(setting, level, octets));
    let mut buffer = command_buffer(&octets(22, length));
    let mut command = command(&mut buffer, length);
    host.wrap(&mut command).expect("room");
    command.finish().expect("room").to_vec()
}

fn derive_host(setting: Setting) {
    let (_, answer) = card_answer(setting, &mut static_keys(1, setting.key_length, octets));
    for level in LEVELS {
        let mut keys = static_keys(1, setting.key_length, secret);
        let (host, command) = authenticate(setting, &mut keys, level, &answer).expect("the right keys");
        let _ = public(&command);
        let opened = host.confirmed(Response { data: &[], status: StatusWord::OK });
        assert!(opened.is_ok());
        // A cryptogram that is wrong in one bit, first and last.
        for at in [answer.len() - 1, answer.len() - setting.mode.octets()] {
            let mut wrong = answer.clone();
            wrong[at] ^= 1;
            let mut keys = static_keys(1, setting.key_length, secret);
            assert!(authenticate(setting, &mut keys, level, &wrong).is_err());
        }
    }
}

fn derive_card(setting: Setting) {
    let mut plain = static_keys(1, setting.key_length, octets);
    let (_, answer) = card_answer(setting, &mut plain);
    let (_, sent) = authenticate(setting, &mut plain, SecurityLevel::Full, &answer).expect("the right keys");
    for wrong in [None, Some(5), Some(sent.len() - 1)] {
        let (mut card, answer) = card_answer(setting, &mut static_keys(1, setting.key_length, secret));
        let _ = public(&answer);
        let mut sent = sent.clone();
        if let Some(at) = wrong {
            sent[at] ^= 0x10;
        }
        let length = sent.len();
        let mut command = CommandBuf::parse(&mut sent, length).expect("a command");
        assert_eq!(card.external_authenticate(&mut command).is_ok(), wrong.is_none());
    }
}

fn wrap_host(setting: Setting) {
    for level in LEVELS {
        for length in LENGTHS {
            let mut host = SecureChannel::resume(state(setting, level, secret));
            let mut buffer = command_buffer(&secret(22, length));
            let mut command = command(&mut buffer, length);
            host.wrap(&mut command).expect("room");
            let _ = public(command.finish().expect("room"));
        }
    }
}

fn unwrap_host(setting: Setting) {
    for level in LEVELS {
        for length in LENGTHS {
            let right = answer(setting, level, length);
            for one_pass in [false, true] {
                let mut host = host_awaiting(setting, level);
                let mut octets = right.clone();
                let reply = if one_pass { host.unwrap_in_one_pass(&mut octets) } else { host.unwrap(&mut octets) };
                assert_eq!(reply.expect("an answer").status(), StatusWord::OK);
                if !level.has_r_mac() {
                    continue;
                }
                for at in [0, right.len() - 3, right.len() - 2 - setting.mode.octets()] {
                    let mut host = host_awaiting(setting, level);
                    let mut wrong = right.clone();
                    wrong[at] ^= 1;
                    let reply = if one_pass { host.unwrap_in_one_pass(&mut wrong) } else { host.unwrap(&mut wrong) };
                    assert!(reply.is_err());
                }
            }
        }
    }
}

/// Answers that carry a right MAC over what decrypts to no padding.
fn padding_host(setting: Setting) {
    let r_mac = Key::new(&octets(13, setting.key_length)).expect("a key");
    for seed in 30..36 {
        for length in [16, 32, 48] {
            let data = octets(seed, length);
            let mac = r_mac.cmac(&[&[0xC5; 16], &data, &[0x90, 0x00]]);
            let wire = [&data, &mac[..setting.mode.octets()], &[0x90, 0x00]].concat();
            let mut host = host_awaiting(setting, SecurityLevel::Full);
            let mut octets = wire.clone();
            // Six random blocks have no 80 00.. at their end.
            assert!(host.unwrap(&mut octets).is_err());
            let mut host = host_awaiting(setting, SecurityLevel::Full);
            let mut octets = wire;
            assert!(host.unwrap_in_one_pass(&mut octets).is_err());
        }
    }
}

fn unwrap_card(setting: Setting) {
    for level in LEVELS {
        for length in LENGTHS {
            let right = wrapped(setting, level, length);
            for wrong in [None, Some(right.len() - 1), Some(right.len() - setting.mode.octets()), Some(3)] {
                let mut card = Responder::resume(state(setting, level, secret));
                let mut octets = right.clone();
                if let Some(at) = wrong {
                    octets[at] ^= 1;
                }
                let length = octets.len();
                let mut command = CommandBuf::parse(&mut octets, length).expect("a command");
                assert_eq!(card.unwrap(&mut command).is_ok(), wrong.is_none());
            }
        }
    }
}

fn wrap_card(setting: Setting) {
    for length in LENGTHS {
        let mut state = state(setting, SecurityLevel::Full, secret);
        (state.awaiting, state.counter) = (true, 1);
        let mut buffer = secret(23, length);
        buffer.resize(length + 64, 0);
        let _ = public(Responder::resume(state).wrap(&mut buffer, length, StatusWord::OK).expect("room"));
    }
}

fn check_value(setting: Setting) {
    let key = Key::new(&secret(1, setting.key_length)).expect("a key");
    let _ = public(&key.kcv());
    let _ = public(&key.cmac(&[&secret(2, 5), &secret(3, 40)]));
    assert!(!static_keys(1, setting.key_length, secret).is_published_default());
}

fn put_key(setting: Setting) {
    let (new, mut dek) = (Key::new(&secret(1, setting.key_length)), Key::new(&secret(2, setting.key_length)));
    let (new, dek) = (new.as_ref().expect("a key"), dek.as_mut().expect("a key"));
    for form in [BlockForm::WithLength, BlockForm::Bare] {
        let mut buffer = [0; 200];
        let mut writer = PutKeyWriter::new(&mut buffer, 0x31, form).expect("room");
        writer.aes(new, dek).expect("room");
        let _ = public(writer.finish().expect("room"));
    }
}

/// Tokens, receipts and DAP are all verified like this.
fn signatures(setting: Setting) {
    let message: [&[u8]; 3] = [b"02", &[0; 37], &[]];
    let mut good = [0; 16];
    Key::new(&octets(1, setting.key_length)).expect("a key").sign(&message, &mut good).expect("room");
    let mut key = Key::new(&secret(1, setting.key_length)).expect("a key");
    assert!(key.verify(&message, &good).is_ok());
    for at in [0, 15] {
        let mut wrong = good;
        wrong[at] ^= 0x80;
        assert!(key.verify(&message, &wrong).is_err());
    }
    assert!(key.verify(&message, &good[..15]).is_err());
}

fn generator(_: Setting) {
    let mut generator = CtrDrbg256::new(&secret(1, 48), &secret(2, 20)).expect("a seed");
    generator.reseed(&secret(3, 48), &secret(4, 48)).expect("a seed");
    let mut out = [0; 100];
    generator.generate(&mut out, &secret(5, 10)).expect("octets");
    let _ = public(&out);
    let mut generator = CtrDrbg128::new(&secret(1, 32), &[]).expect("a seed");
    generator.generate(&mut out, &[]).expect("octets");
    let _ = public(&out);
}

/// Stops at the first octet that differs.
fn planted_comparison(setting: Setting) {
    let key = Key::new(&secret(1, setting.key_length)).expect("a key");
    let (made, received) = (key.cmac(&[b"message"]), [0x55; 16]);
    let mut same = true;
    for (made, received) in made.iter().zip(&received) {
        if std::hint::black_box(made) != std::hint::black_box(received) {
            same = false;
            break;
        }
    }
    std::hint::black_box(same);
}

/// Looks a secret up in a table.
fn planted_table(setting: Setting) {
    let table: Vec<u8> = (0..=255).map(|octet: u8| octet.rotate_left(3)).collect();
    let found: Vec<u8> = secret(1, setting.key_length).iter().map(|octet| table[usize::from(*octet)]).collect();
    std::hint::black_box(&found);
}

/// Looks for the padding octet after octet, before any MAC.
fn planted_padding(setting: Setting) {
    let key = Key::new(&secret(1, setting.key_length)).expect("a key");
    let mut data = octets(9, 32);
    key.decrypt_sensitive(&mut data).expect("whole blocks");
    std::hint::black_box(data.iter().rposition(|octet| *octet == 0x80));
}

/// Branches on a verdict before it is one.
fn planted_verdict(setting: Setting) {
    let verdict = secret(1, setting.key_length).as_slice().ct_eq(&octets(2, setting.key_length)).unwrap_u8();
    if std::hint::black_box(verdict) == 1 {
        std::hint::black_box(());
    }
}

struct Case {
    name: &'static str,
    leaks: bool,
    run: fn(Setting),
}

const CASES: [Case; 15] = [
    Case { name: "host: derivation, card cryptogram", leaks: false, run: derive_host },
    Case { name: "card: derivation, host cryptogram", leaks: false, run: derive_card },
    Case { name: "host: wrap", leaks: false, run: wrap_host },
    Case { name: "host: unwrap", leaks: false, run: unwrap_host },
    Case { name: "host: authentic nonsense", leaks: false, run: padding_host },
    Case { name: "card: unwrap", leaks: false, run: unwrap_card },
    Case { name: "card: wrap", leaks: false, run: wrap_card },
    Case { name: "check value, CMAC, known keys", leaks: false, run: check_value },
    Case { name: "PUT KEY", leaks: false, run: put_key },
    Case { name: "token, receipt, DAP", leaks: false, run: signatures },
    Case { name: "CTR_DRBG", leaks: false, run: generator },
    Case { name: "planted: early exit", leaks: true, run: planted_comparison },
    Case { name: "planted: table", leaks: true, run: planted_table },
    Case { name: "planted: padding oracle", leaks: true, run: planted_padding },
    Case { name: "planted: branch on a secret verdict", leaks: true, run: planted_verdict },
];

fn main() {
    let watched = memcheck::is_watching();
    if !watched {
        eprintln!("constant-time: not under valgrind, so only the results are checked");
    }
    let mut failed = 0;
    for Case { name, leaks, run } in &CASES {
        let before = memcheck::errors();
        for setting in Setting::ALL {
            run(setting);
        }
        let reports = memcheck::errors() - before;
        let good = !watched || (reports > 0) == *leaks;
        failed += usize::from(!good);
        println!("{name:36} {reports:6} reports{}", if good { "" } else { "   WRONG" });
    }
    std::process::exit(i32::from(failed > 0));
}
