//! What is left on the stack by each operation, when it has ended and everything of it was dropped.
//!
//! ```text
//!  top of the thread's stack
//!  | main of the thread | a function per operation ... deeper ... |
//!                       | painted before, searched afterwards     |
//! ```
//!
//! Looked for is every run of eight octets of every secret: static keys, session keys, their AES round keys both ways, and
//! plain data. The published crates have no heap. `residue` prints how many runs are left; `residue --gate` fails where
//! there are any that are not stated in SECURITY.md.

use std::collections::HashMap;

use gp_apdu::{CommandBuf, LogicalChannel, Response, StatusWord};
use gp_cardmanager_model::put_key::{BlockForm, PutKeyWriter};
use gp_evidence::{Setting, authenticate, card_answer, command, octets, schedule, state, static_keys};
use gp_scp03::{
    Authenticating, Challenge, ChallengePolicy, CtrDrbg256, ExpandedKeys, Implementation, Key, KeySetInfo, Responder,
    Script, SecureChannel, SecurityLevel, SequenceCounter, StaticKeys, Target,
};

/// Octets of stack that are watched.
const DEPTH: usize = 128 * 1024;
/// The length of a run that counts.
const RUN: usize = 8;
/// The counter of the key set, and the application that is asked, where the challenge is derived from them.
const SEQUENCE: SequenceCounter = SequenceCounter::new([0, 0, 7]);
const AID: [u8; 5] = [0xA0, 0x00, 0x00, 0x01, 0x51];
/// What the paint looks like.
const PAINT: u8 = 0xE5;

/// What is looked for.
const KINDS: [&str; 3] = ["keys", "round keys", "plain data"];

/// Runs of octets that must not be left, and what they are part of.
#[derive(Default)]
struct Secrets(HashMap<[u8; RUN], usize>);

impl Secrets {
    fn add(&mut self, kind: usize, octets: &[u8]) {
        for run in octets.windows(RUN) {
            self.0.entry(run.try_into().expect("a run")).or_insert(kind);
        }
    }

    fn add_key(&mut self, key: &[u8]) {
        self.add(0, key);
        for round in schedule::encryption(key).iter().chain(&schedule::decryption(key)) {
            self.add(1, round);
        }
    }

    /// How many runs of each kind are in `seen`.
    fn count(&self, seen: &[u8]) -> [usize; 3] {
        let mut found = [0; 3];
        for kind in seen.windows(RUN).filter_map(|run| self.0.get(run)) {
            found[*kind] += 1;
        }
        found
    }
}

/// Runs `operation` on painted stack and gives what the stack holds then.
#[inline(never)]
fn observe(operation: &dyn Fn()) -> Vec<u8> {
    let top: usize;
    // SAFETY: reads the stack pointer.
    unsafe { core::arch::asm!("mov {}, rsp", out(reg) top, options(nomem, nostack, preserves_flags)) };
    // What a function may keep below its stack pointer is this one's.
    let bottom = top - 128 - DEPTH;
    // SAFETY: the thread's stack is much larger than DEPTH; what is below this frame belongs to no living object.
    unsafe { std::ptr::with_exposed_provenance_mut::<u8>(bottom).write_bytes(PAINT, DEPTH) };
    operation();
    let mut seen = vec![0; DEPTH];
    // SAFETY: as above; and all of it was written.
    unsafe { std::ptr::with_exposed_provenance::<u8>(bottom).copy_to(seen.as_mut_ptr(), DEPTH) };
    seen
}

struct Case {
    name: &'static str,
    /// SECURITY.md says that some is left.
    stated: bool,
    run: fn(&World),
}

/// What lives before and after every operation, on the heap.
struct World {
    setting: Setting,
    keys: StaticKeys,
    plain: Vec<u8>,
    answer: Vec<u8>,
    /// An answer whose challenge is not derived, as the card says it is.
    underived: Vec<u8>,
    /// EXTERNAL AUTHENTICATE with another host cryptogram, its C-MAC right.
    impostor: Vec<u8>,
    response: Vec<u8>,
    command: Vec<u8>,
}

impl World {
    fn new(setting: Setting) -> Self {
        let keys = static_keys(1, setting.key_length, octets);
        let (_, answer) = card_answer(setting, &mut static_keys(1, setting.key_length, octets));
        let (host, _) = authenticate(setting, &mut &keys, SecurityLevel::Full, &answer).expect("the right keys");
        let wrong = &[0x5A; 16][..setting.mode.octets()];
        let head = [0x84, 0x82, 0x33, 0x00, u8::try_from(2 * wrong.len()).expect("an octet")];
        let mac = host.session_keys().mac().cmac(&[&[0; 16], &head, wrong]);
        let impostor = [&head, wrong, &mac[..wrong.len()]].concat();
        let mut underived = vec![0; 64];
        let length = ask(setting, &mut Responder::new(), &keys, Some(SEQUENCE), &mut underived);
        underived.truncate(length);
        let plain = octets(22, 100);
        let mut host = SecureChannel::resume(state(setting, SecurityLevel::Full, octets));
        let mut sent = vec![0; 200];
        sent[5..105].copy_from_slice(&plain);
        let mut made = command(&mut sent, 100);
        host.wrap(&mut made).expect("room");
        let length = made.finish().expect("room").len();
        sent.truncate(length);
        let mut card = state(setting, SecurityLevel::Full, octets);
        (card.awaiting, card.counter) = (true, 1);
        let mut response = plain.clone();
        response.resize(200, 0);
        let length = Responder::resume(card).wrap(&mut response, 100, StatusWord::OK).expect("room").len();
        response.truncate(length);
        Self { setting, keys, plain, answer, underived, impostor, response, command: sent }
    }

    fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        for id in [gp_scp03::KeyId::Enc, gp_scp03::KeyId::Mac, gp_scp03::KeyId::Dek] {
            secrets.add_key(self.keys.key(id).expose_secret());
        }
        for seed in 11..14 {
            secrets.add_key(&octets(seed, self.setting.key_length));
        }
        let mut keys = static_keys(1, self.setting.key_length, octets);
        let (host, _) =
            authenticate(self.setting, &mut keys, SecurityLevel::Full, &self.answer).expect("the right keys");
        let session = host.session_keys();
        for key in [session.enc(), session.mac(), session.r_mac()] {
            secrets.add_key(key.expose_secret());
        }
        let script = script(self.setting, &self.keys, &mut [0; 64]);
        let session = script.session_keys();
        for key in [session.enc(), session.mac(), session.r_mac()] {
            secrets.add_key(key.expose_secret());
        }
        for state in generator_states(self.keys.key(gp_scp03::KeyId::Enc).expose_secret()) {
            secrets.add_key(&state[..32]);
            secrets.add(0, &state[32..]);
        }
        secrets.add(2, &self.plain);
        secrets
    }

    fn channel(&self) -> SecureChannel {
        let mut state = state(self.setting, SecurityLevel::Full, octets);
        (state.awaiting, state.counter) = (true, 1);
        SecureChannel::resume(state)
    }
}

/// A card with a random challenge, or one that says that it is pseudo-random: what it answers is written to `out`.
fn ask(
    setting: Setting,
    card: &mut Responder,
    mut keys: &StaticKeys,
    sequence: Option<SequenceCounter>,
    out: &mut [u8],
) -> usize {
    let mut command = [0; 64];
    let command = gp_evidence::initiator(setting).initialize_update(&mut command).expect("room");
    let command = gp_apdu::Command::parse(command).expect("a command");
    let implementation = implementation(setting, sequence.is_some());
    let request = card.initialize_update(&command, implementation).expect("a request");
    let info = KeySetInfo { diversification: [0; 10], key_version: 0x30, implementation, sequence };
    card.challenge(&mut keys, &info, &request, &setting.challenge(2), out).expect("room")
}

fn implementation(setting: Setting, pseudo_random: bool) -> Implementation {
    Implementation::new(setting.implementation().octet() | if pseudo_random { 0x10 } else { 0 })
}

fn script(setting: Setting, mut keys: &StaticKeys, out: &mut [u8]) -> Script {
    let target = Target {
        key_version: 0x30,
        implementation: implementation(setting, true),
        sequence: SEQUENCE,
        aid: &AID,
        channel: LogicalChannel::BASIC,
    };
    Script::new(&mut keys, &target, &setting.challenge(1), SecurityLevel::Full, out).expect("room").0
}

/// The generator's seed: a static key, and octets of no interest.
fn entropy(seed: &[u8]) -> [u8; 48] {
    let mut entropy = [0x77; 48];
    entropy[..seed.len()].copy_from_slice(seed);
    entropy
}

/// Key and V of the generator after its seed and after one block (SP 800-90A 10.2.1).
fn generator_states(seed: &[u8]) -> [[u8; 48]; 2] {
    let update = |key: &[u8], v: u128, provided: [u8; 48]| {
        let key = Key::new(key).expect("32 octets");
        let mut state = provided;
        for (part, counter) in state.chunks_mut(16).zip(v + 1..) {
            let mut block = counter.to_be_bytes();
            key.encrypt_sensitive(&mut block).expect("a block");
            part.iter_mut().zip(block).for_each(|(to, from)| *to ^= from);
        }
        state
    };
    let first = update(&[0; 32], 0, entropy(seed));
    let (key, v) = first.split_last_chunk().expect("V");
    [first, update(key, u128::from_be_bytes(*v) + 1, [0; 48])]
}

fn opened_and_closed(world: &World) {
    let mut keys = &world.keys;
    let mut out = [0; 64];
    let challenged = gp_evidence::initiator(world.setting)
        .challenged(Response { data: &world.answer, status: StatusWord::OK })
        .expect("an answer");
    let (host, _) = challenged
        .authenticate(&mut keys, SecurityLevel::Full, ChallengePolicy::Off, &mut out)
        .expect("the right keys");
    let mut host = host.confirmed(Response { data: &[], status: StatusWord::OK }).expect("9000");
    host.close();
}

fn wrong_card(world: &World) {
    let mut keys = &world.keys;
    let mut out = [0; 64];
    let mut answer = [0; 64];
    let answer = &mut answer[..world.answer.len()];
    answer.copy_from_slice(&world.answer);
    *answer.last_mut().expect("octets") ^= 1;
    let challenged = gp_evidence::initiator(world.setting)
        .challenged(Response { data: answer, status: StatusWord::OK })
        .expect("an answer");
    let refused = challenged.authenticate(&mut keys, SecurityLevel::Full, ChallengePolicy::Off, &mut out);
    assert!(refused.is_err());
}

/// The channel lives on the heap, as it would in a static; only what the operation itself leaves counts.
fn with_channel(world: &World, operation: impl Fn(&mut SecureChannel)) {
    HOST.with_borrow_mut(|channel| {
        let _ = world;
        operation(channel.as_mut().expect("a channel"));
    });
}

thread_local! {
    static HOST: std::cell::RefCell<Option<Box<SecureChannel>>> = const { std::cell::RefCell::new(None) };
    static CARD: std::cell::RefCell<Option<Box<Responder>>> = const { std::cell::RefCell::new(None) };
    static PROVED: std::cell::RefCell<Option<Box<Authenticating>>> = const { std::cell::RefCell::new(None) };
    static WIRE: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn unwrapped(world: &World) {
    with_channel(world, |host| {
        WIRE.with_borrow_mut(|wire| assert!(host.unwrap(wire).is_ok()));
    });
}

fn unwrapped_in_one_pass(world: &World) {
    with_channel(world, |host| {
        WIRE.with_borrow_mut(|wire| assert!(host.unwrap_in_one_pass(wire).is_ok()));
    });
}

fn changed_answer(world: &World) {
    with_channel(world, |host| {
        WIRE.with_borrow_mut(|wire| {
            wire[0] ^= 1;
            assert!(host.unwrap_in_one_pass(wire).is_err());
        });
    });
}

fn wrapped(world: &World) {
    with_channel(world, |host| {
        assert!(host.unwrap(&mut [0x6A, 0x82]).is_ok());
        WIRE.with_borrow_mut(|wire| {
            wire.resize(200, 0);
            wire[5..105].copy_from_slice(&world.plain);
            let mut command = command(wire, 100);
            host.wrap(&mut command).expect("room");
            command.finish().expect("room");
        });
    });
}

fn underived(world: &World) {
    let challenged = gp_evidence::initiator(world.setting)
        .challenged(Response { data: &world.underived, status: StatusWord::OK })
        .expect("an answer");
    let policy = ChallengePolicy::Require(&AID);
    assert!(challenged.authenticate(&mut &world.keys, SecurityLevel::Full, policy, &mut [0; 64]).is_err());
}

fn refused(_: &World) {
    let refusal = Response { data: &[], status: StatusWord::AUTHENTICATION_FAILED };
    assert!(PROVED.take().expect("a host").confirmed(refusal).is_err());
}

fn card_asked(world: &World) {
    CARD.with_borrow_mut(|card| {
        ask(world.setting, card.as_mut().expect("a card"), &world.keys, None, &mut [0; 64]);
    });
}

/// Refused: the session keys are gone.
fn card_refused<const LENGTH: usize>(wrong: &[u8]) {
    CARD.with_borrow_mut(|card| {
        let mut buffer = [0; LENGTH];
        buffer[..wrong.len()].copy_from_slice(wrong);
        let mut command = CommandBuf::parse(&mut buffer, wrong.len()).expect("a command");
        assert!(card.as_mut().expect("a card").external_authenticate(&mut command).is_err());
    });
}

fn wrong_mac(world: &World) {
    card_asked(world);
    card_refused::<21>(&[0x84, 0x82, 0x33, 0x00, 0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
}

fn wrong_host(world: &World) {
    card_asked(world);
    card_refused::<37>(&world.impostor);
}

fn changed_command(world: &World) {
    CARD.with_borrow_mut(|card| {
        WIRE.with_borrow_mut(|wire| {
            wire.clone_from(&world.command);
            wire[5] ^= 1;
            let length = wire.len();
            let mut command = CommandBuf::parse(wire, length).expect("a command");
            assert!(card.as_mut().expect("a card").unwrap(&mut command).is_err());
        });
    });
}

fn card_unwrapped(world: &World) {
    CARD.with_borrow_mut(|card| {
        let card = card.as_mut().expect("a card");
        WIRE.with_borrow_mut(|wire| {
            wire.clear();
            wire.extend_from_slice(&world.command);
            let length = wire.len();
            let mut command = CommandBuf::parse(wire, length).expect("a command");
            assert!(card.unwrap(&mut command).is_ok());
            assert_eq!(command.data(), world.plain);
        });
    });
}

fn card_wrapped(world: &World) {
    card_unwrapped(world);
    CARD.with_borrow_mut(|card| {
        let card = card.as_mut().expect("a card");
        WIRE.with_borrow_mut(|wire| {
            wire.resize(200, 0);
            wire[..100].copy_from_slice(&world.plain);
            card.wrap(wire, 100, StatusWord::OK).expect("room");
        });
    });
}

fn key_uses(world: &World) {
    let dek = world.keys.dek();
    std::hint::black_box((dek.kcv(), dek.cmac(&[&world.answer])));
}

fn pseudo_random(world: &World) {
    let mode = world.setting.mode;
    std::hint::black_box(Challenge::pseudo_random(&mut &world.keys, mode, SEQUENCE, &AID).expect("an AID"));
}

/// To and fro: the wire holds plain data, as a caller's buffer may.
fn sensitive(world: &World) {
    WIRE.with_borrow_mut(|wire| {
        wire.clear();
        wire.extend_from_slice(&world.plain[..96]);
        world.keys.dek().encrypt_sensitive(wire).expect("blocks");
        world.keys.dek().decrypt_sensitive(wire).expect("blocks");
    });
}

fn expanded(world: &World) {
    let expanded = ExpandedKeys::new(&world.keys);
    let answer = Response { data: &world.answer, status: StatusWord::OK };
    let challenged = gp_evidence::initiator(world.setting).challenged(answer).expect("an answer");
    let policy = ChallengePolicy::Off;
    assert!(challenged.authenticate(&mut &expanded, SecurityLevel::Full, policy, &mut [0; 64]).is_ok());
}

fn scripted(world: &World) {
    let mut script = script(world.setting, &world.keys, &mut [0; 64]);
    WIRE.with_borrow_mut(|wire| {
        wire.resize(200, 0);
        wire[5..105].copy_from_slice(&world.plain);
        script.wrap(&mut command(wire, 100)).expect("room");
    });
}

fn key_put(world: &World) {
    let mut dek = world.keys.dek();
    WIRE.with_borrow_mut(|wire| {
        wire.resize(200, 0);
        let mut writer = PutKeyWriter::new(wire, 0x31, BlockForm::WithLength).expect("room");
        writer.aes(world.keys.key(gp_scp03::KeyId::Enc), &mut dek).expect("room");
        writer.finish().expect("room");
    });
}

fn generator(world: &World) {
    let mut entropy = entropy(world.keys.key(gp_scp03::KeyId::Enc).expose_secret());
    // Used where it was made: a move is the caller's.
    let mut generator = CtrDrbg256::new(&entropy, &[]);
    zero(&mut entropy);
    let mut out = [0; 16];
    generator.as_mut().expect("a seed").generate(&mut out, &[]).expect("octets");
}

/// The caller's own copy, wiped as a caller would.
fn zero(octets: &mut [u8]) {
    octets.fill(0);
    std::hint::black_box(octets);
}

/// A key that is left behind on purpose: the search must find it.
#[inline(never)]
fn planted(world: &World) {
    let mut copy = [0; 32];
    std::hint::black_box(&mut [0_u8; 256]);
    let octets = world.keys.dek().expose_secret();
    copy[..octets.len()].copy_from_slice(octets);
    std::hint::black_box(&copy);
}

/// The same for a schedule: a cipher of the `aes` crate that is not wiped would leave it.
fn planted_schedule(world: &World) {
    let rounds: [[u8; 16]; 11] =
        std::array::from_fn(|round| schedule::encryption(world.keys.dek().expose_secret())[round]);
    std::hint::black_box(&rounds);
}

/// What is left while a session is open, whose keys are in memory anyhow, is stated; what outlives it is not.
fn closed(world: &World, operation: fn(&World)) {
    operation(world);
    HOST.with_borrow_mut(|host| host.as_mut().expect("a channel").close());
    CARD.with_borrow_mut(|card| card.as_mut().expect("a card").terminate());
}

const CASES: [Case; 27] = [
    Case { name: "host: open and close", stated: true, run: opened_and_closed },
    Case { name: "host: wrong card cryptogram", stated: false, run: wrong_card },
    Case { name: "host: challenge not derived", stated: false, run: underived },
    Case { name: "host: refused by the card", stated: false, run: refused },
    Case { name: "host: wrap", stated: true, run: wrapped },
    Case { name: "host: wrap, close", stated: false, run: |world| closed(world, wrapped) },
    Case { name: "host: unwrap", stated: true, run: unwrapped },
    Case { name: "host: unwrap, close", stated: false, run: |world| closed(world, unwrapped) },
    Case { name: "host: unwrap in one pass", stated: true, run: unwrapped_in_one_pass },
    Case { name: "host: one pass, close", stated: false, run: |world| closed(world, unwrapped_in_one_pass) },
    Case { name: "host: changed answer", stated: false, run: changed_answer },
    Case { name: "card: wrong C-MAC", stated: false, run: wrong_mac },
    Case { name: "card: wrong host cryptogram", stated: false, run: wrong_host },
    Case { name: "card: unwrap", stated: true, run: card_unwrapped },
    Case { name: "card: unwrap, end", stated: false, run: |world| closed(world, card_unwrapped) },
    Case { name: "card: changed command", stated: false, run: changed_command },
    Case { name: "card: wrap", stated: true, run: card_wrapped },
    Case { name: "card: wrap, end", stated: false, run: |world| closed(world, card_wrapped) },
    Case { name: "pseudo-random challenge", stated: false, run: pseudo_random },
    Case { name: "sensitive data", stated: false, run: sensitive },
    Case { name: "expanded keys", stated: true, run: expanded },
    Case { name: "script", stated: true, run: scripted },
    Case { name: "check value, CMAC", stated: false, run: key_uses },
    Case { name: "PUT KEY", stated: false, run: key_put },
    Case { name: "CTR_DRBG", stated: false, run: generator },
    Case { name: "planted: a key", stated: false, run: planted },
    Case { name: "planted: a schedule", stated: false, run: planted_schedule },
];

fn search() -> usize {
    let mut wrong = 0;
    for Case { name, stated, run } in &CASES {
        let (mut left, mut deepest) = ([0; 3], 0);
        for setting in Setting::ALL {
            let world = World::new(setting);
            let secrets = world.secrets();
            let (proved, _) =
                authenticate(setting, &mut &world.keys, SecurityLevel::Full, &world.answer).expect("the right keys");
            PROVED.set(Some(Box::new(proved)));
            HOST.set(Some(Box::new(world.channel())));
            CARD.set(Some(Box::new(Responder::resume(state(setting, SecurityLevel::Full, octets)))));
            WIRE.set(world.response.clone());
            let seen = observe(&|| run(&world));
            for (left, found) in left.iter_mut().zip(secrets.count(&seen)) {
                *left += found;
            }
            let used = seen.iter().position(|octet| *octet != PAINT).map_or(0, |untouched| DEPTH - untouched);
            assert!(used > 0 && used < DEPTH, "{name}: {used} octets of stack were watched");
            deepest = deepest.max(used);
        }
        let clean = left == [0; 3];
        let good = if name.starts_with("planted") { !clean } else { clean || *stated };
        wrong += usize::from(!good);
        let found =
            KINDS.iter().zip(left).filter(|(_, left)| *left > 0).map(|(kind, left)| format!("{left} runs of {kind}"));
        let found: Vec<String> = found.collect();
        let found = if clean { "nothing".into() } else { found.join(", ") };
        let found = if *stated && !clean { format!("{found} (stated)") } else { found };
        println!("{name:28} {deepest:6} octets deep: {found}{}", if good { "" } else { "   WRONG" });
    }
    wrong
}

fn main() {
    let thread = std::thread::Builder::new().stack_size(4 * 1024 * 1024).spawn(search).expect("a thread");
    let wrong = thread.join().expect("no panic");
    if std::env::args().any(|argument| argument == "--gate") {
        std::process::exit(i32::from(wrong > 0));
    }
}
