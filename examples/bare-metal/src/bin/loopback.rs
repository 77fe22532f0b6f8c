//! The self-test of a microcontroller that is host and card at once: no heap, no operating system.
//!
//! It replays published sessions, opens sessions of its own between both ends, loads and installs an application, and cuts
//! the power of the card's flash at every write on the way. It prints a line for each and ends well or not.
#![no_std]
#![no_main]

use core::convert::Infallible;

use bare_metal::board::{self, Once};
use bare_metal::card::{CardMemory, Echo, Seeded};
use bare_metal::flash::{Flash, FlashError};
use bare_metal::vectors::{self, Published};
use bare_metal::wire::{SlowWire, Wire, block_on};
use bare_metal::{entry, say};
use gp_apdu::{Class, Command, CommandBuf, Form, Header, Le, LogicalChannel, Response, StatusWord};
use gp_cardmanager_model::card::{Card, FactoryKeySet, FactoryKeys, MIN_BUFFER, OpenError, Profile};
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::{
    Authenticate, Delete, Error, Failure, GetData, GetStatus, Host, Install, Load, Opened, Origin, Raw, Select, run,
    run_async,
};
use gp_cardmanager_model::install::{ForInstall, ForLoad, Install as Body};
use gp_cardmanager_model::load_file::{Content, LoadFile};
use gp_scp03::{
    Challenge, ChallengePolicy, Implementation, Initiator, Key, Quirks, Reply, SecurityLevel, SequenceCounter,
    StaticKeys,
};

/// What went wrong, for the line that says so.
#[derive(Debug)]
#[allow(dead_code, reason = "shown by Debug")]
enum Wrong {
    Octets(&'static str),
    Channel(gp_scp03::Error),
    Apdu(gp_apdu::Error),
    Operation(Failure),
    Body(gp_cardmanager_model::error::Error),
    Start(OpenError<FlashError>),
}

macro_rules! from {
    ($($error:ty => $name:ident),+ $(,)?) => {
        $(impl From<$error> for Wrong {
            fn from(error: $error) -> Self {
                Self::$name(error)
            }
        })+
    };
}
from!(
    gp_scp03::Error => Channel,
    gp_apdu::Error => Apdu,
    Failure => Operation,
    gp_cardmanager_model::error::Error => Body,
    OpenError<FlashError> => Start,
);

impl From<Error<Infallible>> for Wrong {
    fn from(error: Error<Infallible>) -> Self {
        match error {
            Error::Failure(failure) => failure.into(),
            _ => Self::Octets("the wire broke"),
        }
    }
}

fn ensure(holds: bool, what: &'static str) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(Wrong::Octets(what)) }
}

/// The card's medium and memory. Everything else is on the stack.
static FLASH: Once<Flash> = Once::new(Flash::new());
static MEMORY: Once<CardMemory> = Once::new(CardMemory::new());

entry!(main);

fn main() {
    let mut passed = 0;
    let mut well = true;
    let mut judge = |name: &str, outcome: Result<(), Wrong>| match outcome {
        Ok(()) => {
            say!("passed  {name}");
            passed += 1;
        }
        Err(wrong) => {
            say!("FAILED  {name}: {wrong:?}");
            well = false;
        }
    };
    for published in [
        &vectors::AES_128_S8,
        #[cfg(feature = "aes-192")]
        &vectors::AES_192_S8,
        #[cfg(feature = "aes-256")]
        &vectors::AES_256_S16,
    ] {
        judge(published.name, replay(published));
    }
    let (Some(flash), Some(memory)) = (FLASH.lend(), MEMORY.lend()) else { board::exit(false) };
    for key_length in [
        16,
        #[cfg(feature = "aes-256")]
        32,
    ] {
        for i in [0x70, 0x71] {
            let name = match (key_length, i) {
                (16, 0x70) => "host and card, AES-128, S8",
                (16, _) => "host and card, AES-128, S16",
                (_, 0x70) => "host and card, AES-256, S8",
                _ => "host and card, AES-256, S16",
            };
            judge(name, both_ends(flash, memory, key_length, i));
        }
    }
    judge("power cut at every write of a deletion", power_cuts(flash, memory));
    say!("{} {passed} passed", if well { "well:" } else { "NOT WELL:" });
    if !well {
        board::exit(false);
    }
}

/// Our host against a published session: what it sends and what it reads is what was published.
fn replay(published: &Published) -> Result<(), Wrong> {
    let part = |octets: &'static [u8]| Key::new(octets.get(..published.key_length).unwrap_or_default());
    let mut keys = StaticKeys::new(part(&vectors::ENC)?, part(&vectors::MAC)?, part(&vectors::DEK)?)?;
    let mut buffer = [0; 96];
    let initiator = Initiator::new(Challenge::new(published.host_challenge)?, LogicalChannel::BASIC, 0x30);
    let challenged = initiator.challenged(Response { data: published.challenged, status: StatusWord::OK })?;
    let (authenticating, command) =
        challenged.authenticate(&mut keys, SecurityLevel::Full, ChallengePolicy::Off, &mut buffer)?;
    ensure(command == published.authenticate, "EXTERNAL AUTHENTICATE")?;
    let mut channel = authenticating.confirmed(Response { data: &[], status: StatusWord::OK })?;
    buffer[..vectors::PLAIN.len()].copy_from_slice(&vectors::PLAIN);
    let mut command = CommandBuf::parse(&mut buffer, vectors::PLAIN.len())?;
    channel.wrap(&mut command)?;
    ensure(command.finish()? == published.wrapped, "the protected command")?;
    let answer = &mut buffer[..published.answer.len()];
    answer.copy_from_slice(published.answer);
    let Reply::Authentic(answer) = channel.unwrap(answer)? else {
        return Err(Wrong::Octets("an answer without R-MAC"));
    };
    ensure(answer.data == vectors::LISTING && answer.status == StatusWord::OK, "the answer")
}

/// The load file: two components of the Java Card format, and as much code as fills some blocks.
const COMPONENTS: [&[u8]; 4] = [
    &[0x01, 0x00, 0x10, 0xDE, 0xCA, 0xFF, 0xED, 0x01, 0x02, 0x00, 0x00, 0x01, 0x06],
    &Echo::LOAD_FILE,
    &[0x03, 0x00, 0x0B, 0x01, 0x07, 0xF0, 0x47, 0x50, 0x4C, 0x46, 0x01, 0x01, 0x00, 0x00, 0x07, 0x02, 0x58],
    &[0x5A; 600],
];

type Wired<'c, 'm> = Wire<'c, 'm, &'m mut Flash, Seeded, Echo>;

/// A card fresh from the factory and a host: session, loading, installing, use, listing, and again without blocking.
#[inline(never)]
fn both_ends(flash: &mut Flash, memory: &mut CardMemory, key_length: usize, i: u8) -> Result<(), Wrong> {
    let keys = StaticKeys::same(&vectors::ENC[..key_length])?;
    let factory = [FactoryKeys { version: 0x30, keys: FactoryKeySet::Complete(&keys), sequence: [0; 3] }];
    let profile = Profile { implementation: Implementation::new(i), ..Profile::new(&factory) };
    flash.wipe();
    let platform = Seeded::new(i).ok_or(Wrong::Octets("the generator"))?;
    let mut card = Card::open(memory.lend(), flash, platform, Echo::default(), &profile)?;
    let (mut command, mut response, mut between) = ([0; 261], [0; 258], [0; MIN_BUFFER]);
    let mut host = Host::new(&mut command, &mut response, ());
    let mut wire = Wire { card: &mut card, buffer: &mut between };

    run(&mut host, &mut wire, Select::issuer_security_domain())?;
    let opened = open(&mut host, &mut wire, &keys, i)?;
    ensure(opened.level == SecurityLevel::Full && opened.info.key_version == 0x30, "the session")?;
    let level = run(&mut host, &mut wire, GetData::SECURITY_LEVEL)?;
    ensure(level.origin == Origin::Authentic, "an answer that nobody vouches for")?;
    load(&mut host, &mut wire)?;
    ensure(wire.card.applets().installed == 1, "the installation")?;
    ensure(list(&mut host, &mut wire)? == 1, "the list")?;

    // The application, in the clear: whatever is sent to it comes back.
    run(&mut host, &mut wire, Select::prefix(&Echo::INSTANCE))?;
    let header = Header::new(Class::GP, 0x10, 0x00, 0x00);
    let hello = Command { header, data: b"hello", le: Some(Le::MAX_SHORT), form: Form::Short };
    let answer = run(&mut host, &mut wire, Raw::new(hello))?;
    ensure(answer.data == b"hello" && answer.status == StatusWord::OK, "the application")?;

    // The same from an executor, over a link that lets the host wait.
    let mut slow = SlowWire(wire);
    let (outcome, waits) = block_on(async {
        run_async(&mut host, &mut slow, Select::issuer_security_domain()).await?;
        let task = Authenticate::new(challenge(i)?, SecurityLevel::Full, |_| Ok(&keys));
        run_async(&mut host, &mut slow, task).await?;
        let _ = run_async(&mut host, &mut slow, Delete::related(Echo::aid(&Echo::LOAD_FILE))).await?;
        Ok::<(), Wrong>(())
    });
    outcome?;
    ensure(waits == 4, "the executor never waited")?;
    ensure(list(&mut host, &mut slow.0)? == 0, "the list after the deletion")
}

fn challenge(i: u8) -> Result<Challenge, Wrong> {
    // A device takes it from its generator.
    Ok(Challenge::new([0x48; 16].get(..if i & 1 == 0 { 8 } else { 16 }).unwrap_or_default())?)
}

fn open(host: &mut Host<'_>, wire: &mut Wired<'_, '_>, keys: &StaticKeys, i: u8) -> Result<Opened, Wrong> {
    let aid = gp_cardmanager_model::aid::Aid::ISSUER_SECURITY_DOMAIN;
    let task = Authenticate::new(challenge(i)?, SecurityLevel::Full, |_| Ok(keys))
        .with_policy(ChallengePolicy::Require(aid.as_bytes()))
        .with_quirks(Quirks::NONE);
    Ok(run(host, wire, task)?)
}

fn load(host: &mut Host<'_>, wire: &mut Wired<'_, '_>) -> Result<(), Wrong> {
    let blocks = COMPONENTS.iter().copied();
    let len = blocks.clone().map(<[u8]>::len).sum();
    let mut head = [0; 8];
    let head = LoadFile { daps: &[], content: Content::Plain { len } }.emit_head(&mut head)?;
    let file = Echo::aid(&Echo::LOAD_FILE);
    let body = ForLoad { load_file: file, security_domain: None, hash: &[], parameters: &[], token: &[] };
    let performed = run(host, wire, Load::new(body, head, blocks))?;
    ensure(performed.origin == Origin::Authentic, "a load that nobody vouches for")?;
    let body = ForInstall {
        load_file: Some(file),
        module: Some(Echo::aid(&Echo::MODULE)),
        application: Echo::aid(&Echo::INSTANCE),
        privileges: &[0x00],
        parameters: &[0xC9, 0x00],
        token: &[],
    };
    let performed = run(host, wire, Install::new(Body::InstallAndMakeSelectable(body)))?;
    ensure(performed.origin == Origin::Authentic, "an installation that nobody vouches for")
}

/// How many applications the card lists.
fn list(host: &mut Host<'_>, wire: &mut Wired<'_, '_>) -> Result<usize, Wrong> {
    let listed = run(host, wire, GetStatus::new(Subset::Applications, |_| {}))?;
    // "There is none" is an error status, for which nobody vouches.
    ensure(listed.errors == 0 && (listed.origin == Origin::Authentic || listed.entries == 0), "the listing")?;
    Ok(listed.entries)
}

/// Deletes the application on a card whose power fails after `n` writes, for every `n` until it no longer matters. What the
/// next start finds is the card before or after, and nothing else: a card that forgot everything would count its sessions
/// from the beginning again.
#[inline(never)]
fn power_cuts(flash: &mut Flash, memory: &mut CardMemory) -> Result<(), Wrong> {
    let keys = StaticKeys::same(&vectors::ENC[..16])?;
    let factory = [FactoryKeys { version: 0x30, keys: FactoryKeySet::Complete(&keys), sequence: [0; 3] }];
    let profile = Profile::new(&factory);
    let mut cuts = 0;
    loop {
        flash.wipe();
        let before = power_up(memory, flash, &profile, &keys, Errand::Load)?;
        ensure(before.listed == 1, "the card before")?;
        let Found { deleted, .. } = power_up(memory, flash, &profile, &keys, Errand::Delete { writes: cuts })?;
        let failed = flash.power_on();
        let after = power_up(memory, flash, &profile, &keys, Errand::Look)?;
        ensure(after.listed <= 1, "the card after")?;
        ensure(!deleted || after.listed == 0, "a deletion that the card confirmed is undone")?;
        ensure(before.sequence < after.sequence, "the sequence counter went back")?;
        if !failed {
            ensure(deleted && cuts > 0, "the power never failed")?;
            return Ok(());
        }
        cuts += 1;
    }
}

/// What a card is powered up for.
#[derive(Clone, Copy)]
enum Errand {
    /// To load and install the application.
    Load,
    /// To delete it, while the power fails after so many writes.
    Delete { writes: u32 },
    /// To look whether it is there.
    Look,
}

/// What came out of an errand.
#[derive(Default)]
struct Found {
    /// How many applications the card lists.
    listed: usize,
    /// It confirmed a deletion.
    deleted: bool,
    /// Its counter when it opened the session.
    sequence: Option<SequenceCounter>,
}

/// Powers the card up for an errand.
#[inline(never)]
fn power_up(
    memory: &mut CardMemory,
    flash: &mut Flash,
    profile: &Profile<'_>,
    keys: &StaticKeys,
    errand: Errand,
) -> Result<Found, Wrong> {
    if let Errand::Delete { writes } = errand {
        flash.cut_after(writes);
    }
    let platform = Seeded::new(7).ok_or(Wrong::Octets("the generator"))?;
    let mut card = match Card::open(memory.lend(), &mut *flash, platform, Echo::default(), profile) {
        Err(OpenError::Storage(FlashError::Off)) => return Ok(Found::default()),
        card => card?,
    };
    let (mut command, mut response, mut between) = ([0; 261], [0; 258], [0; MIN_BUFFER]);
    let mut host = Host::new(&mut command, &mut response, ());
    let mut wire = Wire { card: &mut card, buffer: &mut between };
    let opened = open(&mut host, &mut wire, keys, 0x70);
    if let Errand::Delete { .. } = errand {
        // Without power the card answers errors, and not even the session may come about.
        let file = Echo::aid(&Echo::LOAD_FILE);
        let deleted = opened.is_ok() && run(&mut host, &mut wire, Delete::related(file)).is_ok();
        return Ok(Found { deleted, ..Found::default() });
    }
    let sequence = opened?.info.sequence;
    if let Errand::Load = errand {
        load(&mut host, &mut wire)?;
    }
    Ok(Found { listed: list(&mut host, &mut wire)?, deleted: false, sequence })
}
