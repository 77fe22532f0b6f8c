//! What is left on the stack by each operation, when it has ended and everything of it was dropped: `evidence/` asks the same
//! on a PC.
//!
//! ```text
//!  main | a function per operation ... deeper ... | variables
//!       | painted before, searched afterwards     |
//! ```
//!
//! Looked for is every run of eight octets of every secret: static keys, session keys, the states of the generator; their AES
//! round keys, bit-sliced as the software AES keeps them, which is how they would be left; plain data. There is no heap. A line
//! for each operation; the program ends badly where something is left that SECURITY.md does not state, or where what
//! is planted goes unseen.
#![no_std]
#![no_main]

use core::fmt;
use core::hint::black_box;

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use bare_metal::board::{self, Once};
use bare_metal::{entry, say};
use gp_apdu::{Class, Command, CommandBuf, Form, Header, LogicalChannel, Response, StatusWord};
use gp_cardmanager_model::put_key::{BlockForm, PutKeyWriter};
use gp_scp03::{
    Authenticating, Challenge, ChallengePolicy, CtrDrbg256, Error, ExpandedKeys, Implementation, Initiator, Key, KeyId,
    KeyLength, KeySetInfo, KeySource, Mode, Responder, Script, SecureChannel, SecurityLevel, SequenceCounter,
    SessionKeys, State, StaticKeys, Target,
};

/// Octets of stack that are watched.
const DEPTH: usize = 10 * 1024;
/// The length of a run that counts.
const RUN: usize = 8;
/// The same of a schedule in its wide form, where 8 octets hold 16 bits: zeros alone are found in it by chance.
const WIDE_RUN: usize = 16;
/// The data of all messages: whole blocks, so that the end of a padding can be forgotten.
const PLAIN: usize = 96;
/// The chaining value of the sessions that are not made by a handshake.
const CHAINING: [u8; 16] = [0xA7; 16];
/// What the generator is seeded with, as [`octets`] gives it.
const ENTROPY_SEED: u64 = 41;
/// The application that the session is for.
const AID: [u8; 5] = [0xA0, 0x00, 0x00, 0x01, 0x51];
/// The counter of its key set.
const SEQUENCE: SequenceCounter = SequenceCounter::new([0, 0, 7]);
/// The header of all commands.
const HEADER: Header = Header::new(Class::GP, 0xE2, 0x00, 0x00);

/// Octets of which no run of `RUN` must be left, and where the runs start, in their order.
struct Runs<const RUN: usize, const ROOM: usize> {
    octets: [u8; ROOM],
    length: usize,
    order: [u16; ROOM],
    count: usize,
}

impl<const RUN: usize, const ROOM: usize> Runs<RUN, ROOM> {
    const NONE: Self = Self { octets: [0; ROOM], length: 0, order: [0; ROOM], count: 0 };

    fn add(&mut self, octets: &[u8]) {
        for at in 0..(octets.len() + 1).saturating_sub(RUN) {
            self.order[self.count] = u16::try_from(self.length + at).expect("room");
            self.count += 1;
        }
        self.octets[self.length..self.length + octets.len()].copy_from_slice(octets);
        self.length += octets.len();
    }

    fn sort(&mut self) {
        let octets = &self.octets;
        self.order[..self.count].sort_unstable_by_key(|at| &octets[usize::from(*at)..][..RUN]);
    }

    /// How many of them are in `left`.
    fn among(&self, left: &[u8]) -> usize {
        let is_run = |left: &&[u8]| {
            let order = &self.order[..self.count];
            order.binary_search_by(|at| self.octets[usize::from(*at)..][..RUN].cmp(left)).is_ok()
        };
        left.windows(RUN).filter(is_run).count()
    }
}

/// What is looked for. Room for three static and three session keys, the new one, and two states of the generator.
struct Secrets {
    keys: Runs<RUN, 448>,
    rounds: Runs<RUN, 2160>,
    wide: Runs<WIDE_RUN, 8640>,
    plain: Runs<RUN, PLAIN>,
}

impl Secrets {
    const NONE: Self = Self { keys: Runs::NONE, rounds: Runs::NONE, wide: Runs::NONE, plain: Runs::NONE };

    fn add_key(&mut self, key: &[u8]) {
        self.keys.add(key);
        with_schedule(key, |schedule| {
            self.rounds.add(schedule);
            let mut wide = [0; 960];
            for (to, word) in wide.chunks_mut(8).zip(schedule.as_chunks().0) {
                to.copy_from_slice(&widened(u16::from_ne_bytes(*word)).to_ne_bytes());
            }
            self.wide.add(&wide[..4 * schedule.len()]);
        });
    }

    /// Runs of keys, of round keys, of plain data.
    fn count(&self, left: &[u8]) -> Left {
        Left([self.keys.among(left), self.rounds.among(left) + self.wide.among(left), self.plain.among(left)])
    }
}

/// How many runs of each kind are left.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Left([usize; 3]);

impl Left {
    const NOTHING: Self = Self([0; 3]);
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NOTHING {
            return f.write_str("nothing");
        }
        let Self([keys, rounds, plain]) = self;
        write!(f, "{keys} runs of keys, {rounds} of round keys, {plain} of plain data")
    }
}

/// Shows the schedule of a key as the software AES keeps it: bit-sliced, 8 words of 16 bits for each round key. The round
/// keys as FIPS 197 has them are never in memory, but the key itself, the first.
fn with_schedule(key: &[u8], look: impl FnOnce(&[u8])) {
    fn octets<A>(cipher: &A, rounds: usize) -> &[u8] {
        assert_eq!(size_of::<A>(), (rounds + 1) * 16, "more than the schedule, or less");
        // SAFETY: a cipher of `aes` in software is its schedule, an array of words, and its size says that nothing else is
        // there: no octet of it is unwritten.
        unsafe { core::slice::from_raw_parts(core::ptr::from_ref(cipher).cast(), size_of::<A>()) }
    }
    match key.len() {
        16 => look(octets(&aes::Aes128::new_from_slice(key).expect("16 octets"), 10)),
        24 => look(octets(&aes::Aes192::new_from_slice(key).expect("24 octets"), 12)),
        _ => look(octets(&aes::Aes256::new_from_slice(key).expect("32 octets"), 14)),
    }
}

/// A word of the schedule as it is used on four blocks side by side: every bit four times. `aes` makes a schedule of these
/// on the stack where it decrypts several blocks, and does not wipe it.
fn widened(word: u16) -> u64 {
    (0..16).map(|bit| u64::from(word >> bit & 1) * (0xF << (4 * bit))).sum()
}

/// Octets that occur nowhere else: a different run for each seed.
fn octets<const N: usize>(seed: u64) -> [u8; N] {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    core::array::from_fn(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    })
}

/// The length of all keys and the mode of the session.
#[derive(Clone, Copy)]
struct Setting {
    key_length: usize,
    mode: Mode,
}

impl Setting {
    fn key(self, seed: u64) -> Key {
        Key::new(&octets::<32>(seed)[..self.key_length]).expect("a length")
    }

    fn challenge(self, octet: u8) -> Challenge {
        Challenge::new(&[octet; 16][..self.mode.octets()]).expect("8 or 16 octets")
    }

    /// A card with pseudo-random challenges.
    fn info(self) -> KeySetInfo {
        let implementation = Implementation::new(0x70 | u8::from(self.mode == Mode::S16));
        KeySetInfo { diversification: [0; 10], key_version: 0x30, implementation, sequence: Some(SEQUENCE) }
    }

    /// INITIALIZE UPDATE and the card's answer, which is written to `out`.
    fn ask(self, card: &mut Responder, mut keys: &StaticKeys, challenge: &Challenge, out: &mut Message) {
        let info = self.info();
        let mut command = [0; 64];
        let command = self.initiator().initialize_update(&mut command).expect("room");
        let command = Command::parse(command).expect("a command");
        let request = card.initialize_update(&command, info.implementation).expect("a request");
        out.length = card.challenge(&mut keys, &info, &request, challenge, &mut out.octets).expect("room");
    }

    fn derived_challenge(self, mut keys: &StaticKeys) -> Challenge {
        Challenge::pseudo_random(&mut keys, self.mode, SEQUENCE, &AID).expect("an AID")
    }

    fn initiator(self) -> Initiator {
        Initiator::new(self.challenge(1), LogicalChannel::BASIC, 0x30)
    }

    /// The host's answer to that.
    fn answer(
        self,
        answer: &[u8],
        mut keys: impl KeySource,
        policy: ChallengePolicy<'_>,
    ) -> Result<Authenticating, Error> {
        let mut out = [0; 64];
        let challenged = self.initiator().challenged(Response { data: answer, status: StatusWord::OK })?;
        Ok(challenged.authenticate(&mut keys, SecurityLevel::Full, policy, &mut out)?.0)
    }
}

/// A message in its buffer.
struct Message {
    octets: [u8; 192],
    length: usize,
}

impl Message {
    const EMPTY: Self = Self { octets: [0; 192], length: 0 };

    fn set(&mut self, parts: &[&[u8]]) {
        self.length = 0;
        for part in parts {
            self.octets[self.length..self.length + part.len()].copy_from_slice(part);
            self.length += part.len();
        }
    }

    fn octets(&mut self) -> &mut [u8] {
        &mut self.octets[..self.length]
    }

    fn command(&mut self) -> CommandBuf<'_> {
        CommandBuf::parse(&mut self.octets, self.length).expect("a command")
    }
}

/// What lives before and after every operation, above the stack that is watched.
struct World {
    setting: Setting,
    keys: StaticKeys,
    session: [Key; 3],
    /// What PUT KEY brings.
    new_key: Key,
    challenge: Challenge,
    plain: [u8; PLAIN],
    /// The card's answer to INITIALIZE UPDATE.
    answer: Message,
    /// The same with a challenge that is not derived, as the card says it is.
    underived: Message,
    /// EXTERNAL AUTHENTICATE with another host cryptogram, its C-MAC right.
    impostor: Message,
    proved: Option<Authenticating>,
    host: Option<SecureChannel>,
    card: Option<Responder>,
    /// What goes over the wire.
    wire: Message,
}

impl World {
    fn new(setting: Setting) -> Self {
        let keys = StaticKeys::new(setting.key(1), setting.key(2), setting.key(3)).expect("one length");
        let [mut answer, mut underived, mut impostor] = [const { Message::EMPTY }; 3];
        let mut card = Responder::new();
        setting.ask(&mut card, &keys, &setting.challenge(2), &mut underived);
        let challenge = setting.derived_challenge(&keys);
        setting.ask(&mut card, &keys, &challenge, &mut answer);
        let host = setting.answer(answer.octets(), &keys, ChallengePolicy::Off).expect("the right keys");
        let session = host.session_keys();
        let wrong = &[0x5A; 16][..setting.mode.octets()];
        let head = [0x84, 0x82, 0x33, 0x00, u8::try_from(2 * wrong.len()).expect("an octet")];
        let mac = session.mac().cmac(&[&[0; 16], &head, wrong]);
        impostor.set(&[&head, wrong, &mac[..wrong.len()]]);
        let session = [session.enc(), session.mac(), session.r_mac()].map(Key::duplicate_secret);
        Self {
            setting,
            keys,
            session,
            new_key: setting.key(4),
            challenge,
            plain: octets(22),
            answer,
            underived,
            impostor,
            proved: None,
            host: None,
            card: None,
            wire: Message::EMPTY,
        }
    }

    fn find_out(&self, secrets: &mut Secrets) {
        *secrets = Secrets::NONE;
        for id in [KeyId::Enc, KeyId::Mac, KeyId::Dek] {
            secrets.add_key(self.keys.key(id).expose_secret());
        }
        for key in &self.session {
            secrets.add_key(key.expose_secret());
        }
        secrets.add_key(self.new_key.expose_secret());
        for state in generator_states() {
            secrets.add_key(&state[..32]);
            secrets.keys.add(&state[32..]);
        }
        secrets.keys.add(&octets::<48>(ENTROPY_SEED));
        secrets.plain.add(&self.plain);
        secrets.keys.sort();
        secrets.rounds.sort();
        secrets.wide.sort();
        secrets.plain.sort();
    }

    /// One end of the session, a command under way or not.
    fn state(&self, awaiting: bool) -> State {
        let [enc, mac, r_mac] = self.session.each_ref().map(|key| key.duplicate_secret());
        let keys = SessionKeys::new(enc, mac, r_mac).expect("one length");
        let mut state = State::new(keys, self.setting.mode, SecurityLevel::Full, CHAINING);
        (state.awaiting, state.counter) = (awaiting, u32::from(awaiting));
        state
    }

    /// Both ends of the session in their places.
    fn resume(&mut self, awaiting: bool) {
        self.host = Some(SecureChannel::resume(self.state(awaiting)));
        self.card = Some(Responder::resume(self.state(awaiting)));
    }

    fn host(&mut self) -> (&mut SecureChannel, &mut Message) {
        (self.host.as_mut().expect("a host"), &mut self.wire)
    }

    fn card(&mut self) -> (&mut Responder, &mut Message) {
        (self.card.as_mut().expect("a card"), &mut self.wire)
    }

    /// Whole blocks of data without padding, encrypted as message 1 in the direction of `first`.
    fn unpadded(&self, first: u8) -> [u8; PLAIN] {
        let enc = &self.session[0];
        let mut icv = [0; 16];
        (icv[0], icv[15]) = (first, 1);
        enc.encrypt_sensitive(&mut icv).expect("a block");
        let mut body = self.plain;
        body.iter_mut().zip(icv).for_each(|(to, from)| *to ^= from);
        enc.encrypt_sensitive(&mut body).expect("blocks");
        body
    }
}

/// The states of the generator after its seed and after one block: Key and V (SP 800-90A 10.2.1).
fn generator_states() -> [[u8; 48]; 2] {
    fn update(key: &[u8], v: u128, provided: &[u8; 48]) -> [u8; 48] {
        let cipher = aes::Aes256::new_from_slice(key).expect("32 octets");
        let mut state = *provided;
        for (part, counter) in state.chunks_mut(16).zip(v + 1..) {
            let mut block = counter.to_be_bytes().into();
            cipher.encrypt_block(&mut block);
            part.iter_mut().zip(block).for_each(|(to, from)| *to ^= from);
        }
        state
    }
    let first = update(&[0; 32], 0, &octets(ENTROPY_SEED));
    let (key, v) = first.split_last_chunk().expect("V");
    [first, update(key, u128::from_be_bytes(*v) + 1, &[0; 48])]
}

// What happens before an operation, unwatched.

fn nothing(_: &mut World) {}

/// A command for the card.
fn a_command(world: &mut World) {
    world.resume(false);
    let mut host = SecureChannel::resume(world.state(false));
    write_command(&mut host, &mut world.wire, &world.plain);
}

fn a_changed_command(world: &mut World) {
    a_command(world);
    world.wire.octets[5] ^= 1;
}

fn an_unpadded_command(world: &mut World) {
    world.resume(false);
    let body = world.unpadded(0);
    let octets = world.setting.mode.octets();
    let head = [0x84, 0xE2, 0x00, 0x00, u8::try_from(body.len() + octets).expect("an octet")];
    let mac = world.session[1].cmac(&[&CHAINING, &head, &body]);
    world.wire.set(&[&head, &body, &mac[..octets]]);
}

/// EXTERNAL AUTHENTICATE, on its way.
fn a_proof(world: &mut World) {
    let World { setting, answer, keys, .. } = world;
    world.proved = setting.answer(answer.octets(), &*keys, ChallengePolicy::Require(&AID)).ok();
}

/// An answer for the host.
fn an_answer(world: &mut World) {
    world.resume(true);
    let mut card = Responder::resume(world.state(true));
    write_answer(&mut card, &mut world.wire, &world.plain);
}

fn a_changed_answer(world: &mut World) {
    an_answer(world);
    world.wire.octets[0] ^= 1;
}

fn an_unpadded_answer(world: &mut World) {
    world.resume(true);
    let body = world.unpadded(0x80);
    let octets = world.setting.mode.octets();
    let mac = world.session[2].cmac(&[&CHAINING, &body, &[0x90, 0x00]]);
    world.wire.set(&[&body, &mac[..octets], &[0x90, 0x00]]);
}

// The operations, and what they call.

fn write_command(host: &mut SecureChannel, wire: &mut Message, plain: &[u8]) {
    wire.octets[5..5 + plain.len()].copy_from_slice(plain);
    let mut command = CommandBuf::assemble(&mut wire.octets, HEADER, Form::Short, plain.len(), None).expect("room");
    host.wrap(&mut command).expect("room");
    wire.length = command.finish().expect("room").len();
}

fn write_answer(card: &mut Responder, wire: &mut Message, plain: &[u8]) {
    wire.octets[..plain.len()].copy_from_slice(plain);
    wire.length = card.wrap(&mut wire.octets, plain.len(), StatusWord::OK).expect("room").len();
}

fn opened(world: &mut World) -> SecureChannel {
    let World { setting, answer, keys, .. } = world;
    let host = setting.answer(answer.octets(), &*keys, ChallengePolicy::Off).expect("the right keys");
    host.confirmed(Response { data: &[], status: StatusWord::OK }).expect("9000")
}

fn opened_and_closed(world: &mut World) {
    opened(world).close();
}

/// Not on the stack, but where it stays.
fn opened_in_its_place(world: &mut World) {
    world.host = Some(opened(world));
    world.host().0.close();
}

fn wrong_card(world: &mut World) {
    let World { setting, answer, keys, .. } = world;
    let answer = answer.octets();
    // The end of the cryptogram, before the sequence counter; the world is used again.
    let at = answer.len() - 4;
    answer[at] ^= 1;
    assert_eq!(setting.answer(answer, &*keys, ChallengePolicy::Off).err(), Some(Error::CardCryptogram));
    answer[at] ^= 1;
}

fn underived(world: &mut World) {
    let World { setting, underived, keys, .. } = world;
    let policy = ChallengePolicy::Require(&AID);
    assert_eq!(setting.answer(underived.octets(), &*keys, policy).err(), Some(Error::CardChallenge));
}

fn refused(world: &mut World) {
    let refusal = Response { data: &[], status: StatusWord::AUTHENTICATION_FAILED };
    assert!(world.proved.take().expect("a host").confirmed(refusal).is_err());
}

fn wrapped(world: &mut World) {
    let World { host, wire, plain, .. } = world;
    write_command(host.as_mut().expect("a host"), wire, plain);
}

fn unwrapped(world: &mut World) {
    let (host, wire) = world.host();
    assert!(host.unwrap(wire.octets()).is_ok());
}

fn unwrapped_in_one_pass(world: &mut World) {
    let (host, wire) = world.host();
    assert!(host.unwrap_in_one_pass(wire.octets()).is_ok());
}

fn not_unwrapped(world: &mut World) {
    let (host, wire) = world.host();
    assert!(host.unwrap(wire.octets()).is_err());
}

fn not_unwrapped_in_one_pass(world: &mut World) {
    let (host, wire) = world.host();
    assert!(host.unwrap_in_one_pass(wire.octets()).is_err());
}

fn asked(world: &mut World) {
    let World { setting, keys, challenge, card, wire, .. } = world;
    setting.ask(card.insert(Responder::new()), keys, challenge, wire);
}

fn wrong_mac(world: &mut World) {
    asked(world);
    let mut wrong = [0x84, 0x82, 0x33, 0x00, 0x10, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    let length = wrong.len();
    let mut wrong = CommandBuf::parse(&mut wrong, length).expect("a command");
    assert!(world.card().0.external_authenticate(&mut wrong).is_err());
}

fn wrong_host(world: &mut World) {
    asked(world);
    let (length, mut wrong) = (world.impostor.length, world.impostor.octets);
    let mut wrong = CommandBuf::parse(&mut wrong, length).expect("a command");
    assert_eq!(world.card().0.external_authenticate(&mut wrong), Err(StatusWord::AUTHENTICATION_FAILED));
}

fn card_unwrapped(world: &mut World) {
    let (card, wire) = world.card();
    assert!(card.unwrap(&mut wire.command()).is_ok());
    assert!(world.wire.octets[5..5 + PLAIN] == world.plain);
}

fn card_not_unwrapped(world: &mut World) {
    let (card, wire) = world.card();
    assert!(card.unwrap(&mut wire.command()).is_err());
}

fn card_wrapped(world: &mut World) {
    let World { card, wire, plain, .. } = world;
    write_answer(card.as_mut().expect("a card"), wire, plain);
}

/// What is left while a session is open, whose keys are in memory anyhow, is stated; what outlives it is not.
fn closed(world: &mut World, operation: fn(&mut World)) {
    operation(world);
    world.host().0.close();
    world.card().0.terminate();
}

fn pseudo_random(world: &mut World) {
    black_box(world.setting.derived_challenge(&world.keys));
}

fn expanded(world: &mut World) {
    let World { setting, answer, keys, .. } = world;
    let expanded = ExpandedKeys::new(keys);
    assert!(setting.answer(answer.octets(), &expanded, ChallengePolicy::Off).is_ok());
}

fn script(world: &mut World) {
    let World { setting, keys, wire, plain, .. } = world;
    let info = setting.info();
    let target = Target {
        implementation: info.implementation,
        key_version: info.key_version,
        sequence: SEQUENCE,
        aid: &AID,
        channel: LogicalChannel::BASIC,
    };
    let made = Script::new(&mut &*keys, &target, &setting.challenge(1), SecurityLevel::Full, &mut wire.octets);
    let (mut script, _) = made.expect("room");
    wire.octets[5..5 + PLAIN].copy_from_slice(plain);
    let mut command = CommandBuf::assemble(&mut wire.octets, HEADER, Form::Short, PLAIN, None).expect("room");
    script.wrap(&mut command).expect("room");
}

fn key_uses(world: &mut World) {
    let dek = world.keys.dek();
    black_box((dek.kcv(), dek.cmac(&[world.answer.octets()])));
}

/// To and fro: the wire holds what it held.
fn sensitive(world: &mut World) {
    let World { keys, wire, plain, .. } = world;
    wire.set(&[plain]);
    keys.dek().encrypt_sensitive(wire.octets()).expect("blocks");
    keys.dek().decrypt_sensitive(wire.octets()).expect("blocks");
}

fn key_put(world: &mut World) {
    let World { keys, new_key, wire, .. } = world;
    let mut writer = PutKeyWriter::new(&mut wire.octets, 0x31, BlockForm::WithLength).expect("room");
    writer.aes(new_key, &mut keys.dek()).expect("room");
    writer.finish().expect("room");
}

fn generator(_: &mut World) {
    let mut entropy = octets::<48>(ENTROPY_SEED);
    let mut generator = CtrDrbg256::new(&entropy, &[]).expect("a seed");
    // The caller's own copy, wiped as a caller would.
    entropy.fill(0);
    black_box(&mut entropy);
    let mut out = [0; 16];
    generator.generate(&mut out, &[]).expect("octets");
    black_box(out);
}

/// A key that is left behind on purpose: the search must find it.
#[inline(never)]
fn planted(world: &mut World) {
    black_box(&mut [0_u8; 256]);
    let mut copy = [0; 32];
    let octets = world.keys.dek().expose_secret();
    copy[..octets.len()].copy_from_slice(octets);
    black_box(&copy);
}

/// The same for a schedule: a cipher that is not wiped.
#[inline(never)]
fn planted_schedule(world: &mut World) {
    black_box(&mut [0_u8; 256]);
    with_schedule(world.keys.dek().expose_secret(), |schedule| {
        let mut copy = [0; 240];
        copy[..schedule.len()].copy_from_slice(schedule);
        black_box(&copy);
    });
}

/// And for the wide form of one: it shows that `aes` still has the form that is searched for.
#[inline(never)]
fn planted_use(world: &mut World) {
    let mut blocks = [Default::default(); 8];
    match world.keys.dek().expose_secret() {
        key if key.len() == 16 => aes::Aes128::new_from_slice(key).expect("a key").decrypt_blocks(&mut blocks),
        key if key.len() == 24 => aes::Aes192::new_from_slice(key).expect("a key").decrypt_blocks(&mut blocks),
        key => aes::Aes256::new_from_slice(key).expect("a key").decrypt_blocks(&mut blocks),
    }
    black_box(&blocks);
}

/// What is expected of an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaves {
    Nothing,
    /// Something, and SECURITY.md says so.
    Stated,
    /// What was planted.
    Planted,
}

/// What is left where a session keeps its schedules, and nothing where it does not.
const WITH_SCHEDULES: Leaves = if cfg!(feature = "cached-keys") { Leaves::Stated } else { Leaves::Nothing };

struct Case {
    name: &'static str,
    leaves: Leaves,
    before: fn(&mut World),
    run: fn(&mut World),
}

const fn case(name: &'static str, leaves: Leaves, before: fn(&mut World), run: fn(&mut World)) -> Case {
    Case { name, leaves, before, run }
}

const CASES: [Case; 34] = [
    case("host: open and close", WITH_SCHEDULES, nothing, opened_and_closed),
    case("host: open in its place, close", Leaves::Nothing, nothing, opened_in_its_place),
    case("host: wrong card cryptogram", Leaves::Nothing, nothing, wrong_card),
    case("host: challenge not derived", Leaves::Nothing, nothing, underived),
    case("host: refused by the card", Leaves::Nothing, a_proof, refused),
    case("host: wrap", WITH_SCHEDULES, |world| world.resume(false), wrapped),
    case("host: wrap, close", Leaves::Nothing, |world| world.resume(false), |world| closed(world, wrapped)),
    case("host: unwrap", WITH_SCHEDULES, an_answer, unwrapped),
    case("host: unwrap, close", Leaves::Nothing, an_answer, |world| closed(world, unwrapped)),
    case("host: unwrap in one pass", WITH_SCHEDULES, an_answer, unwrapped_in_one_pass),
    case("host: one pass, close", Leaves::Nothing, an_answer, |world| closed(world, unwrapped_in_one_pass)),
    case("host: changed answer", Leaves::Nothing, a_changed_answer, not_unwrapped),
    case("host: changed answer, one pass", Leaves::Nothing, a_changed_answer, not_unwrapped_in_one_pass),
    case("host: answer without padding", Leaves::Nothing, an_unpadded_answer, not_unwrapped),
    case("host: the same, one pass", Leaves::Nothing, an_unpadded_answer, not_unwrapped_in_one_pass),
    case("card: challenge", Leaves::Nothing, nothing, asked),
    case("card: wrong C-MAC", Leaves::Nothing, nothing, wrong_mac),
    case("card: wrong host cryptogram", Leaves::Nothing, nothing, wrong_host),
    case("card: unwrap", WITH_SCHEDULES, a_command, card_unwrapped),
    case("card: unwrap, end", Leaves::Nothing, a_command, |world| closed(world, card_unwrapped)),
    case("card: changed command", Leaves::Nothing, a_changed_command, card_not_unwrapped),
    case("card: command without padding", Leaves::Nothing, an_unpadded_command, card_not_unwrapped),
    case("card: wrap", WITH_SCHEDULES, |world| world.resume(true), card_wrapped),
    case("card: wrap, end", Leaves::Nothing, |world| world.resume(true), |world| closed(world, card_wrapped)),
    case("pseudo-random challenge", Leaves::Nothing, nothing, pseudo_random),
    case("expanded keys", Leaves::Stated, nothing, expanded),
    case("script", Leaves::Stated, nothing, script),
    case("check value, CMAC", Leaves::Nothing, nothing, key_uses),
    case("sensitive data", Leaves::Nothing, nothing, sensitive),
    case("PUT KEY", Leaves::Nothing, nothing, key_put),
    case("CTR_DRBG", Leaves::Nothing, nothing, generator),
    case("planted: a key", Leaves::Planted, nothing, planted),
    case("planted: a schedule", Leaves::Planted, nothing, planted_schedule),
    case("planted: a schedule in use", Leaves::Planted, nothing, planted_use),
];

/// The places of everything that is not to be on the watched stack.
static WORLD: Once<Option<World>> = Once::new(None);
static SECRETS: Once<Secrets> = Once::new(Secrets::NONE);
static STACK: Once<[u8; DEPTH]> = Once::new([0; DEPTH]);

entry!(main);

fn main() {
    let (Some(world), Some(secrets), Some(stack)) = (WORLD.lend(), SECRETS.lend(), STACK.lend()) else {
        board::exit(false)
    };
    let (mut left, mut deepest) = ([Left::NOTHING; CASES.len()], [0; CASES.len()]);
    for key_length in [16, 24, 32].into_iter().filter(|length| KeyLength::from_octets(*length).is_some()) {
        for mode in [Mode::S8, Mode::S16] {
            let world = world.insert(World::new(Setting { key_length, mode }));
            world.find_out(secrets);
            for ((case, left), deepest) in CASES.iter().zip(&mut left).zip(&mut deepest) {
                (case.before)(world);
                let depth = board::left_by(&mut || (case.run)(world), stack);
                // Beside the frame of who paints.
                assert!(0 < depth && depth + 256 < DEPTH, "{}: {depth} octets of stack were watched", case.name);
                *deepest = depth.max(*deepest);
                let Left(found) = secrets.count(stack);
                left.0.iter_mut().zip(found).for_each(|(left, found)| *left += found);
            }
        }
    }
    let mut wrong = 0;
    for ((case, left), deepest) in CASES.iter().zip(left).zip(deepest) {
        let clean = left == Left::NOTHING;
        let good = if case.leaves == Leaves::Planted { !clean } else { clean || case.leaves == Leaves::Stated };
        let note = match (good, clean) {
            (false, _) => "   WRONG",
            (true, false) if case.leaves == Leaves::Stated => " (stated)",
            _ => "",
        };
        say!("{:31} {deepest:5} octets deep: {left}{note}", case.name);
        wrong += u32::from(!good);
    }
    say!("{} {wrong} wrong", if wrong == 0 { "well:" } else { "NOT WELL:" });
    if wrong > 0 {
        board::exit(false);
    }
}
