//! Does time tell a secret? Welch's t of two classes of inputs for each function that handles secrets (Reparaz, Balasch,
//! Verbauwhede: "Dude, is my code constant time?").
//!
//! ```sh
//! cargo run --release --manifest-path benches/Cargo.toml --features dudect --bin dudect
//! ```
//!
//! | class | of what may leak through its value | of what is compared |
//! | --- | --- | --- |
//! | left | the same secret each time | wrong in the first octet |
//! | right | another secret each time | wrong in the last octet |
//!
//! |t| above 5 over many rounds is a leak; below, nothing was found, which is no proof. That no branch and no address depends on
//! a secret is shown by `.ci/run secrets`; this is the same question to the clock. The functions whose names begin with
//! `planted` leak on purpose: what does not find them finds nothing.

use std::cell::RefCell;
use std::hint::black_box;

use dudect_bencher::rand::{Rng as _, RngExt as _};
use dudect_bencher::{BenchRng, Class, CtRunner, ctbench_main};
use gp_apdu::{CommandBuf, Form, Response, StatusWord};
use gp_benches::subject::{card_answer, channel, establish, state, static_keys};
use gp_cardmanager_model::put_key::{BlockForm, PutKeyWriter};
use gp_cardmanager_model::signature::Verifier as _;
use gp_scp03::{
    Challenge, ChallengePolicy, CtrDrbg256, Initiator, Key, KeyId, Responder, SecureChannel, SecurityLevel, StaticKeys,
};

/// Measurements of a round.
const ROUND: usize = 20_000;

/// Does `work` on what `make` makes of a class and randomness, many times, and measures the work alone.
fn round<I, T>(
    runner: &mut CtRunner,
    rng: &mut BenchRng,
    mut make: impl FnMut(bool, &mut BenchRng) -> I,
    work: impl Fn(&mut I) -> T,
) {
    for _ in 0..ROUND {
        let left = rng.random::<bool>();
        let input = make(left, rng);
        let class = if left { Class::Left } else { Class::Right };
        let cell = RefCell::new(input);
        runner.run_one(class, || black_box(work(black_box(&mut cell.borrow_mut()))));
    }
}

/// Zeros on the left, other octets on the right; made in the same way, or the making would tell.
fn secret(left: bool, rng: &mut BenchRng) -> [u8; 16] {
    let mut octets = [0; 16];
    rng.fill_bytes(&mut octets);
    let mask = black_box(u8::from(left).wrapping_sub(1));
    octets.map(|octet| octet & mask)
}

fn key(left: bool, rng: &mut BenchRng) -> Key {
    Key::new(&secret(left, rng)).expect("16 octets")
}

/// Wrong in the first octet of a range on the left, in its last one on the right.
fn spoil(octets: &mut [u8], range: core::ops::Range<usize>, left: bool) {
    let at = if left { range.start } else { range.end - 1 };
    octets[at] ^= 0x01;
}

fn check_value(runner: &mut CtRunner, rng: &mut BenchRng) {
    round(runner, rng, key, |key| key.kcv());
}

fn mac(runner: &mut CtRunner, rng: &mut BenchRng) {
    round(runner, rng, key, |key| key.cmac(&[&[0x5A; 48]]));
}

fn sensitive_data(runner: &mut CtRunner, rng: &mut BenchRng) {
    let kek = Key::new(&[0x40; 16]).expect("16 octets");
    round(runner, rng, secret, |octets| kek.encrypt_sensitive(octets));
}

fn establish_host(runner: &mut CtRunner, rng: &mut BenchRng) {
    let make = |left: bool, rng: &mut BenchRng| {
        let mut keys = StaticKeys::new(key(left, rng), key(left, rng), key(left, rng)).expect("one length");
        let answer = card_answer(&mut keys);
        (keys, answer)
    };
    round(runner, rng, make, |(keys, answer)| establish(keys, answer));
}

fn card_cryptogram(runner: &mut CtRunner, rng: &mut BenchRng) {
    let answer = card_answer(&mut static_keys(7));
    let make = |left: bool, _: &mut BenchRng| {
        let mut answer = answer.clone();
        let end = answer.len();
        spoil(&mut answer, end - 8..end, left);
        (static_keys(7), answer)
    };
    round(runner, rng, make, |(keys, answer)| {
        let initiator = Initiator::new(
            Challenge::new(&gp_benches::subject::HOST).expect("8 octets"),
            gp_apdu::LogicalChannel::BASIC,
            0x30,
        );
        let challenged = initiator.challenged(Response { data: answer, status: StatusWord::OK }).expect("an answer");
        challenged.authenticate(keys, SecurityLevel::Full, ChallengePolicy::Off, &mut [0; 64]).is_ok()
    });
}

fn wrap(runner: &mut CtRunner, rng: &mut BenchRng) {
    let make = |left: bool, rng: &mut BenchRng| {
        let mut buffer = [0; 261];
        buffer[5..21].copy_from_slice(&secret(left, rng));
        (channel(SecurityLevel::CMacCDecryption), buffer)
    };
    round(runner, rng, make, |(channel, buffer)| gp_benches::subject::wrap(channel, buffer, 100));
}

/// A session that awaits an answer, and that answer.
fn awaiting() -> (SecureChannel, Vec<u8>) {
    let state = || {
        let mut state = state(SecurityLevel::Full);
        (state.awaiting, state.counter) = (true, 1);
        state
    };
    let mut answer = vec![0x5A; 100 + 40];
    let length = Responder::resume(state()).wrap(&mut answer, 100, StatusWord::OK).expect("room").len();
    answer.truncate(length);
    (SecureChannel::resume(state()), answer)
}

fn response_mac(runner: &mut CtRunner, rng: &mut BenchRng) {
    let make = |left: bool, _: &mut BenchRng| {
        let (channel, mut answer) = awaiting();
        let end = answer.len() - 2;
        spoil(&mut answer, end - 8..end, left);
        (channel, answer)
    };
    round(runner, rng, make, |(channel, answer)| channel.unwrap(answer).is_ok());
}

fn command_mac(runner: &mut CtRunner, rng: &mut BenchRng) {
    let mut wire = [0x5A; 261];
    let length = {
        let header = gp_apdu::Header::new(gp_apdu::Class::GP, 0xE2, 0, 0);
        let mut command = CommandBuf::assemble(&mut wire, header, Form::Short, 100, None).expect("room");
        channel(SecurityLevel::Full).wrap(&mut command).expect("room");
        command.finish().expect("room").len()
    };
    let make = |left: bool, _: &mut BenchRng| {
        let mut wire = wire;
        spoil(&mut wire, length - 8..length, left);
        (Responder::resume(state(SecurityLevel::Full)), wire)
    };
    round(runner, rng, make, |(card, wire)| {
        card.unwrap(&mut CommandBuf::parse(wire, length).expect("a command")).is_ok()
    });
}

fn token(runner: &mut CtRunner, rng: &mut BenchRng) {
    let key = Key::new(&[0x70; 16]).expect("16 octets");
    let right = key.cmac(&[b"what was signed"]);
    let make = |left: bool, _: &mut BenchRng| {
        let mut token = right;
        spoil(&mut token, 0..16, left);
        token
    };
    round(runner, rng, make, |token| (&key).verify(&[b"what was signed"], token).is_ok());
}

fn put_key(runner: &mut CtRunner, rng: &mut BenchRng) {
    let dek = static_keys(7);
    round(runner, rng, key, |key| {
        let mut buffer = [0; 64];
        let mut writer = PutKeyWriter::new(&mut buffer, 0x31, BlockForm::Bare).expect("room");
        writer.aes(key, &mut dek.key(KeyId::Dek)).map(|writer| writer.keys())
    });
}

fn random_octets(runner: &mut CtRunner, rng: &mut BenchRng) {
    let make = |left: bool, rng: &mut BenchRng| {
        let seed = [secret(left, rng), secret(left, rng), secret(left, rng)].concat();
        CtrDrbg256::new(&seed, &[]).expect("a seed")
    };
    round(runner, rng, make, |drbg| {
        let mut out = [0; 32];
        drbg.generate(&mut out, &[]).map(|()| out)
    });
}

/// A comparison that ends with the first octet that differs.
fn planted_comparison(runner: &mut CtRunner, rng: &mut BenchRng) {
    let right = [0x5A_u8; 256];
    let make = |left: bool, _: &mut BenchRng| {
        let mut octets = right;
        spoil(&mut octets, 0..256, left);
        octets
    };
    round(runner, rng, make, |octets| octets.iter().zip(&right).all(|(one, other)| black_box(one) == other));
}

/// A padding that is looked for octet by octet from the end.
fn planted_padding(runner: &mut CtRunner, rng: &mut BenchRng) {
    let make = |left: bool, _: &mut BenchRng| {
        let mut octets = [0_u8; 256];
        octets[if left { 254 } else { 1 }] = 0x80;
        octets
    };
    round(runner, rng, make, |octets| octets.iter().rposition(|octet| *black_box(octet) == 0x80));
}

ctbench_main!(
    check_value,
    mac,
    sensitive_data,
    establish_host,
    card_cryptogram,
    wrap,
    response_mac,
    command_mac,
    token,
    put_key,
    random_octets,
    planted_comparison,
    planted_padding
);
