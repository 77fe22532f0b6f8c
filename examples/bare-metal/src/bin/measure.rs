//! What a session and a card take of memory, stack and instructions: one `name value` a line, for the gate that compares
//! them. Meant for `-icount shift=0`, where the clock counts instructions.
#![no_std]
#![no_main]

use aes::cipher::KeyInit;
use bare_metal::board::{clock, depth_of};
use bare_metal::card::{CardMemory, Echo, Seeded};
use bare_metal::flash::Flash;
use bare_metal::{board, entry, say};
use core::hint::black_box;
use gp_apdu::{Class, Command, CommandBuf, Form, Header, Le, LogicalChannel, Response, StatusWord};
use gp_cardmanager_model::card::{Card, Channel, KeySlot, MIN_BUFFER, RegistryEntry};
use gp_scp03::{
    Authenticating, Challenge, ChallengePolicy, Challenged, Error, Implementation, Initiator, Key, KeySetInfo,
    Responder, SecureChannel, SecurityLevel, StaticKeys,
};

type TheCard = Card<'static, Flash, Seeded, Echo>;

entry!(main);

fn main() {
    say!("ram_session {}", size_of::<SecureChannel>());
    say!("ram_responder {}", size_of::<Responder>());
    say!("ram_card {}", size_of::<CardMemory>() + size_of::<TheCard>() + MIN_BUFFER);
    say!("ram_card_itself {}", size_of::<TheCard>());
    say!("ram_channel {}", size_of::<Channel>());
    say!("ram_entry {}", size_of::<RegistryEntry>());
    say!("ram_key_slot {}", size_of::<KeySlot>());
    if cfg!(feature = "aes-256") {
        session::<32>();
    } else {
        session::<16>();
    }
    instructions();
}

/// Both ends of a session up to the point where the host's keys are wanted.
fn challenged(keys: &mut StaticKeys) -> Result<(Challenged, Responder), Error> {
    let challenge = Challenge::new(&[0x48; 8])?;
    let initiator = Initiator::new(challenge, LogicalChannel::BASIC, 0);
    let mut buffer = [0; 64];
    let mut card = Responder::new();
    let info = KeySetInfo {
        diversification: [0; 10],
        key_version: 0x30,
        implementation: Implementation::new(0x60),
        sequence: None,
    };
    let command = initiator.initialize_update(&mut buffer)?;
    let request = card.initialize_update(&Command::parse(command)?, info.implementation).map_err(Error::Status)?;
    let card_challenge = Challenge::new(&[0x43; 8])?;
    let len = card.challenge(keys, &info, &request, &card_challenge, &mut buffer).map_err(Error::Status)?;
    let challenged = initiator.challenged(Response { data: &buffer[..len], status: StatusWord::OK })?;
    Ok((challenged, card))
}

/// 200 octets of data, as the host begins with them.
fn command(buffer: &mut [u8; 261]) -> Result<CommandBuf<'_>, Error> {
    let mut command = CommandBuf::new(buffer, Header::new(Class::GP, 0xE2, 0x80, 0x00), Form::Short)?;
    command.push(&[0x5A; 200])?.expect(Le::MAX_SHORT);
    Ok(command)
}

/// How deep the stack goes in each call of the host, below the frame that calls.
fn session<const KEY: usize>() {
    let Ok(mut keys) = StaticKeys::same(&[0x40; KEY]) else { board::exit(false) };
    let Ok((state, mut card)) = challenged(&mut keys) else { board::exit(false) };
    let mut buffer = [0; 261];
    let mut state = Some(state);
    let mut proved: Option<Authenticating> = None;
    let mut sent = 0;
    let depth = depth_of(&mut || {
        if let Some(Ok((authenticating, command))) = state
            .take()
            .map(|state| state.authenticate(&mut keys, SecurityLevel::Full, ChallengePolicy::Off, &mut buffer))
        {
            sent = command.len();
            proved = Some(authenticating);
        }
    });
    say!("stack_authenticate {depth}");
    let Ok(mut authentication) = CommandBuf::parse(&mut buffer, sent) else { board::exit(false) };
    let mut accepted = false;
    let depth = depth_of(&mut || accepted = card.external_authenticate(&mut authentication).is_ok());
    say!("stack_external_authenticate {depth}");
    let mut channel: Option<SecureChannel> = None;
    let depth = depth_of(&mut || {
        channel = proved.take().and_then(|p| p.confirmed(Response { data: &[], status: StatusWord::OK }).ok());
    });
    say!("stack_confirmed {depth}");
    let (Some(mut channel), true) = (channel, accepted) else { board::exit(false) };

    let mut wrapped = false;
    let Ok(mut protected) = command(&mut buffer) else { board::exit(false) };
    let depth = depth_of(&mut || wrapped = channel.wrap(&mut protected).is_ok());
    say!("stack_wrap {depth}");
    let Ok(_) = protected.finish() else { board::exit(false) };
    let mut opened = false;
    let Ok(mut received) = CommandBuf::parse(&mut buffer, 5 + 208 + 8 + 1) else { board::exit(false) };
    let depth = depth_of(&mut || opened = card.unwrap(&mut received).is_ok());
    say!("stack_card_unwrap {depth}");
    let mut answer = 0;
    let depth = depth_of(&mut || answer = card.wrap(&mut buffer, 200, StatusWord::OK).map_or(0, |answer| answer.len()));
    say!("stack_card_wrap {depth}");
    let mut verified = false;
    let depth = depth_of(&mut || verified = channel.unwrap(&mut buffer[..answer]).is_ok());
    say!("stack_unwrap {depth}");
    if !(wrapped && opened && verified) {
        board::exit(false);
    }
}

/// Calls of a block cipher that cannot be avoided in the wrapping of 200 octets at level 33 with AES-128 and S8, and in the
/// unwrapping of as much: the schedules of S-ENC and S-MAC or S-RMAC; the ICV; 13 blocks of data; the key of the last MAC
/// block; 15 MAC blocks (chaining value, header or nothing, 208 octets, status word or nothing).
const WRAP_BLOCKS: u32 = 1 + 13 + 1 + 15;
const UNWRAP_ENCRYPTED: u32 = 1 + 1 + 15;
const UNWRAP_DECRYPTED: u32 = 13;
const SCHEDULES: u32 = 2 + 2;
const ROUNDS: u32 = 64;

// A call of its own, as it is in the library: inlined into a loop, the compiler makes something else of it.
#[inline(never)]
fn expand(key: &[u8; 16]) -> aes::Aes128 {
    aes::Aes128::new(key.into())
}

fn instructions() {
    clock::start();
    let key = black_box([0x40; 16]);
    let per = |ticks: u32| ticks * clock::INSTRUCTIONS_A_TICK / ROUNDS;
    let timed = |call: &mut dyn FnMut()| {
        let start = clock::now();
        for _ in 0..ROUNDS {
            call();
        }
        per(clock::between(start, clock::now()))
    };
    let schedule = timed(&mut || drop(black_box(expand(black_box(&key)))));
    // A block by itself: what a second block of sensitive data costs beside the first. Its exclusive-or is counted in.
    let Ok(single) = Key::new(&key) else { board::exit(false) };
    let (mut one, mut two) = (black_box([0x5A; 16]), black_box([0x5A; 32]));
    let mut second = |work: fn(&Key, &mut [u8]) -> Result<(), Error>| {
        let first = timed(&mut || _ = black_box(work(black_box(&single), &mut one)));
        timed(&mut || _ = black_box(work(black_box(&single), &mut two))).saturating_sub(first)
    };
    let encrypt = second(Key::encrypt_sensitive);
    let decrypt = second(Key::decrypt_sensitive);
    let least = SCHEDULES * schedule + (WRAP_BLOCKS + UNWRAP_ENCRYPTED) * encrypt + UNWRAP_DECRYPTED * decrypt;

    let Ok(mut keys) = StaticKeys::same(&[0x40; 16]) else { board::exit(false) };
    let Ok((state, mut card)) = challenged(&mut keys) else { board::exit(false) };
    let mut buffer = [0; 261];
    let opened = state.authenticate(&mut keys, SecurityLevel::Full, ChallengePolicy::Off, &mut buffer);
    let Ok((proved, sent)) = opened.map(|(proved, command)| (proved, command.len())) else { board::exit(false) };
    let accepted =
        CommandBuf::parse(&mut buffer, sent).is_ok_and(|mut command| card.external_authenticate(&mut command).is_ok());
    let channel = proved.confirmed(Response { data: &[], status: StatusWord::OK });
    let (Ok(mut channel), true) = (channel, accepted) else { board::exit(false) };
    let mut ticks = 0;
    for _ in 0..ROUNDS {
        let Ok(mut protected) = command(&mut buffer) else { board::exit(false) };
        let start = clock::now();
        let wrapped = channel.wrap(&mut protected);
        ticks += clock::between(start, clock::now());
        let Ok(sent) = protected.finish().map(|octets| octets.len()) else { board::exit(false) };
        let Ok(mut received) = CommandBuf::parse(&mut buffer, sent) else { board::exit(false) };
        let (Ok(()), Ok(_)) = (wrapped, card.unwrap(&mut received)) else { board::exit(false) };
        let Ok(len) = card.wrap(&mut buffer, 200, StatusWord::OK).map(|answer| answer.len()) else {
            board::exit(false)
        };
        let start = clock::now();
        let unwrapped = channel.unwrap(&mut buffer[..len]).is_ok();
        ticks += clock::between(start, clock::now());
        if !unwrapped {
            board::exit(false);
        }
    }
    let spent = per(ticks);
    say!("instructions_encrypt_block {encrypt}");
    say!("instructions_decrypt_block {decrypt}");
    say!("instructions_schedule {schedule}");
    say!("instructions_unavoidable {least}");
    say!("instructions_wrap_unwrap {spent}");
    say!("permille_of_unavoidable {}", u64::from(spent) * 1000 / u64::from(least));
}
