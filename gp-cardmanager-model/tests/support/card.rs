//! A card to test and a host that talks to it: memory, storage, predictable randomness, applications that obey.
//!
//! ```text
//! #[path = "support/card.rs"]
//! mod kit;
//! let mut bench = kit::Bench::new();
//! let mut card = bench.card();
//! let mut host = kit::Host::open(&mut card, kit::KVN, SecurityLevel::CMac).unwrap();
//! host.send(&mut card, &[0x80, 0xF2, 0x80, 0x02], &[0x4F, 0x00]);
//! ```

#![allow(dead_code, reason = "each test that includes this file uses a part of it")]

use core::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use gp_apdu::{Chaining, Class, Command, CommandBuf, Form, Header, Le, LogicalChannel, Response, StatusWord};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::storage::{Slot, Storage};
use gp_cardmanager_model::card::{
    Apdu, AppHandle, Applets, Card, Channel, FactoryKeySet, FactoryKeys, Installation, Instance, KeySlot, Memory,
    ObjectSlot, Platform, Profile, RegistryEntry, Room,
};
use gp_cardmanager_model::signature::HashAlgorithm;
use gp_scp03::{Challenge, ChallengePolicy, Initiator, Key, Mode, Reply, SecureChannel, SecurityLevel, StaticKeys};

#[path = "flash.rs"]
pub(crate) mod flash;

pub(crate) use flash::{Flash, Random};

/// The key version of the factory set, the customary one.
pub(crate) const KVN: u8 = 0x30;

/// Random cases: `full`, scaled by `GP_TEST_SCALE` in percent, at least one.
pub(crate) fn scaled(full: u64) -> u64 {
    let percent = std::env::var("GP_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(100_u64);
    (full * percent / 100).max(1)
}

/// Octets from hex digits; blanks are for the reader.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|digit| !digit.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Length and value, as INSTALL has them.
pub(crate) fn lv(value: &[u8]) -> Vec<u8> {
    [ber_length(value.len()), value.to_vec()].concat()
}

/// Tag, length, value; tags of one or two octets.
pub(crate) fn tlv(tag: u16, value: &[u8]) -> Vec<u8> {
    let tag = if tag > 0xFF { tag.to_be_bytes().to_vec() } else { vec![tag as u8] };
    [tag, lv(value)].concat()
}

pub(crate) fn ber_length(length: usize) -> Vec<u8> {
    match length {
        0..=0x7F => vec![length as u8],
        0x80..=0xFF => vec![0x81, length as u8],
        0x100..=0xFFFF => vec![0x82, (length >> 8) as u8, length as u8],
        _ => vec![0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8],
    }
}

/// Storage that the test holds, too: it can be cut, looked at and copied while a card runs on it.
#[derive(Clone)]
pub(crate) struct Shared<const UNIT: usize = 16>(pub(crate) Rc<RefCell<Flash<UNIT>>>);

impl<const UNIT: usize> Shared<UNIT> {
    /// An erased one, with so many units in a slot.
    pub(crate) fn new(units: usize) -> Self {
        Self(Rc::new(RefCell::new(Flash::new(units))))
    }

    /// Another flash memory with the same content, under power.
    pub(crate) fn copy(&self) -> Self {
        let mut copy = self.0.borrow().clone();
        copy.power_on();
        Self(Rc::new(RefCell::new(copy)))
    }
}

impl<const UNIT: usize> Storage for Shared<UNIT> {
    type Error = flash::Failure;
    const UNIT: usize = UNIT;

    fn slot_size(&self) -> u32 {
        self.0.borrow().slot_size()
    }
    fn read(&mut self, slot: Slot, at: u32, out: &mut [u8]) -> Result<(), Self::Error> {
        self.0.borrow_mut().read(slot, at, out)
    }
    fn erase(&mut self, slot: Slot) -> Result<(), Self::Error> {
        self.0.borrow_mut().erase(slot)
    }
    fn program(&mut self, slot: Slot, at: u32, unit: &[u8]) -> Result<(), Self::Error> {
        self.0.borrow_mut().program(slot, at, unit)
    }
}

/// Randomness that repeats, a hash that is none, and a signature that anybody can make. Clones share everything.
#[derive(Clone, Default)]
pub(crate) struct Dice {
    inner: Rc<RefCell<DiceState>>,
}

#[derive(Default)]
struct DiceState {
    drawn: u64,
    broken: bool,
    hashless: bool,
    hash: Vec<u8>,
}

impl Dice {
    /// From now on there is no randomness, or there is again.
    pub(crate) fn set_broken(&self, broken: bool) {
        self.inner.borrow_mut().broken = broken;
    }

    /// From now on there are no hash algorithms, or there are again.
    pub(crate) fn set_hashless(&self, hashless: bool) {
        self.inner.borrow_mut().hashless = hashless;
    }

    /// Octets drawn up to now, in calls.
    pub(crate) fn drawn(&self) -> u64 {
        self.inner.borrow().drawn
    }
}

impl Platform for Dice {
    type Error = ();

    fn fill(&mut self, out: &mut [u8]) -> Result<(), ()> {
        let mut state = self.inner.borrow_mut();
        if state.broken {
            return Err(());
        }
        state.drawn += 1;
        let mut random = Random::new(state.drawn, 0);
        out.iter_mut().for_each(|octet| *octet = random.octet());
        Ok(())
    }

    fn hash_begin(&mut self, _: HashAlgorithm) -> bool {
        let mut state = self.inner.borrow_mut();
        state.hash.clear();
        !state.hashless
    }

    fn hash_update(&mut self, octets: &[u8]) {
        self.inner.borrow_mut().hash.extend_from_slice(octets);
    }

    fn hash_finish(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&toy_hash(&self.inner.borrow().hash, out.len()));
    }

    fn verify(&mut self, components: &[(u8, &[u8])], message: &[&[u8]], signature: &[u8]) -> bool {
        signature == toy_signature(components, &message.concat())
    }
}

/// As long as asked for, and different for different messages; good for nothing else.
pub(crate) fn toy_hash(message: &[u8], length: usize) -> Vec<u8> {
    let key = Key::new(&[0x48; 16]).unwrap();
    let blocks = (0..length.div_ceil(16)).flat_map(|number| key.cmac(&[&[number as u8], message]));
    blocks.take(length).collect()
}

/// What the platform takes for a signature with a public key.
pub(crate) fn toy_signature(components: &[(u8, &[u8])], message: &[u8]) -> Vec<u8> {
    let key: Vec<u8> = components.iter().flat_map(|(kind, value)| [&[*kind], *value].concat()).collect();
    toy_hash(&[&key[..], message].concat(), 64)
}

/// What an application was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Start(Vec<Instance>),
    Install { instance: Aid, load_file: Aid, module: Aid, parameters: Vec<u8>, room: Room },
    Select(Aid),
    Deselect(Aid),
    Process { instance: Aid, header: Header, data: Vec<u8>, level: Option<SecurityLevel> },
    Personalize { instance: Aid, header: Header, data: Vec<u8> },
    Delete(Aid),
}

/// How applications behave; by AID where it matters.
#[derive(Default)]
pub(crate) struct Manners {
    pub(crate) events: Vec<Event>,
    /// These refuse to be selected, with this status word.
    pub(crate) refuse_select: BTreeMap<Vec<u8>, u16>,
    /// Who refuses leaves an answer and a warning behind.
    pub(crate) spoils: bool,
    /// Who is selected answers the name in the command.
    pub(crate) echoes_name: bool,
    /// INSTALL of any is refused with this.
    pub(crate) refuse_install: Option<u16>,
    pub(crate) refuse_delete: BTreeSet<Vec<u8>>,
    /// Personalisation data whose P1 says "encrypted" (b7 b6) is decrypted.
    pub(crate) decrypts: bool,
    /// Packages that no applet here can use, in any version.
    pub(crate) lacks: BTreeSet<Vec<u8>>,
    /// Octets that a load file finds free, as far as that is limited.
    pub(crate) free: Option<u32>,
    /// These use the secure channel of their security domain.
    pub(crate) secure: BTreeSet<Vec<u8>>,
    /// These answer their FCI when selected.
    pub(crate) fci: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Events are not kept.
    pub(crate) quiet: bool,
}

/// All applications. Clones share everything. An application echoes its data under INS 10 to 1F, answers P1P2 (6200
/// to 6FFF) as status word under INS 20 and the data with that warning under INS 22, decrypts it by its domain's Key-DEK
/// under INS 24; under INS 26 to 2E it asks the OPEN: for its own state P1, to lock (P1 80) or unlock (P1 00) who the data
/// names, to lock the card, to terminate it, for what it is (state, state of the card, privileges). All else is `6D00`.
#[derive(Clone, Default)]
pub(crate) struct Desk(pub(crate) Rc<RefCell<Manners>>);

impl Desk {
    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.borrow().events.clone()
    }

    /// The events since the last call.
    pub(crate) fn take_events(&self) -> Vec<Event> {
        core::mem::take(&mut self.0.borrow_mut().events)
    }

    fn note(&self, event: Event) {
        let mut manners = self.0.borrow_mut();
        if !manners.quiet {
            manners.events.push(event);
        }
    }
}

impl Applets for Desk {
    fn start(&mut self, instances: &mut dyn Iterator<Item = Instance>) {
        self.note(Event::Start(instances.collect()));
    }

    fn install(&mut self, app: AppHandle, installation: &Installation<'_>) -> Result<(), StatusWord> {
        if let Some(status) = self.0.borrow().refuse_install {
            return Err(StatusWord(status));
        }
        self.note(Event::Install {
            instance: app.instance,
            load_file: installation.load_file,
            module: installation.module,
            parameters: installation.parameters.to_vec(),
            room: installation.room,
        });
        Ok(())
    }

    fn select(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        let name = app.instance.as_bytes();
        if let Some(status) = self.0.borrow().refuse_select.get(name) {
            if self.0.borrow().spoils {
                apdu.warn(StatusWord(0x6283));
                apdu.respond(&[0xEE; 20])?;
            }
            return Err(StatusWord(*status));
        }
        if self.0.borrow().echoes_name {
            return apdu.echo();
        }
        self.note(Event::Select(app.instance));
        match self.0.borrow().fci.get(name) {
            Some(fci) => apdu.respond(fci),
            None => Ok(0),
        }
    }

    fn deselect(&mut self, app: AppHandle) {
        self.note(Event::Deselect(app.instance));
    }

    fn process(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        let header = apdu.header();
        self.note(Event::Process { instance: app.instance, header, data: apdu.data().to_vec(), level: apdu.level() });
        let status = StatusWord(u16::from_be_bytes([header.p1, header.p2]));
        match header.ins {
            0x10..=0x1F => apdu.echo(),
            0x20 if (0x6200..=0x6FFF).contains(&status.0) => Err(status),
            0x22 => {
                apdu.warn(status);
                apdu.echo()
            }
            0x24 => {
                let length = apdu.data().len();
                apdu.decrypt_data(0..length)?;
                apdu.echo()
            }
            0x26 => apdu.open().unwrap().set_life_cycle(header.p1).map(|()| 0),
            0x28 => {
                let aid = Aid::new(apdu.data()).ok_or(StatusWord::WRONG_DATA)?;
                apdu.open().unwrap().lock_application(&aid, header.p1 != 0).map(|()| 0)
            }
            0x2A => apdu.open().unwrap().lock_card().map(|()| 0),
            0x2C => apdu.open().unwrap().terminate_card().map(|()| 0),
            0x2E => {
                let open = apdu.open().unwrap();
                let [a, b, c] = open.privileges().octets();
                let seen = [open.life_cycle(), open.card_life_cycle().octet(), a, b, c];
                apdu.respond(&seen)
            }
            _ => Err(StatusWord::INS_NOT_SUPPORTED),
        }
    }

    fn personalize(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        let header = apdu.header();
        if self.0.borrow().decrypts && header.p1 & 0x60 == 0x60 {
            let length = apdu.data().len();
            apdu.decrypt_data(0..length)?;
        }
        let data = apdu.data().to_vec();
        self.note(Event::Personalize { instance: app.instance, header, data });
        Ok(0)
    }

    fn uses_secure_channel(&self, app: AppHandle) -> bool {
        self.0.borrow().secure.contains(app.instance.as_bytes())
    }

    fn may_delete(&self, app: AppHandle) -> bool {
        !self.0.borrow().refuse_delete.contains(app.instance.as_bytes())
    }

    fn delete(&mut self, app: AppHandle) {
        self.note(Event::Delete(app.instance));
    }

    fn has_room(&self, room: &Room) -> bool {
        let wanted = room.code.unwrap_or(0) + room.non_volatile.unwrap_or(0);
        self.0.borrow().free.is_none_or(|free| wanted <= free)
    }

    fn provides(&self, package: &Aid, _: (u8, u8)) -> bool {
        !self.0.borrow().lacks.contains(package.as_bytes())
    }
}

/// The slices of a card's memory.
pub(crate) struct Ram {
    pub(crate) registry: Vec<RegistryEntry>,
    pub(crate) keys: Vec<KeySlot>,
    pub(crate) objects: Vec<ObjectSlot>,
    pub(crate) channels: Vec<Channel>,
    pub(crate) chain: Vec<u8>,
}

impl Ram {
    pub(crate) fn new(registry: usize, keys: usize, objects: usize, channels: usize) -> Self {
        Self {
            registry: vec![RegistryEntry::FREE; registry],
            keys: (0..keys).map(|_| KeySlot::FREE).collect(),
            objects: vec![ObjectSlot::FREE; objects],
            channels: (0..channels).map(|_| Channel::new()).collect(),
            chain: vec![0; 1024],
        }
    }

    /// As large as this one, and empty.
    pub(crate) fn blank(&self) -> Self {
        Self::new(self.registry.len(), self.keys.len(), self.objects.len(), self.channels.len())
    }

    pub(crate) fn memory(&mut self) -> Memory<'_> {
        Memory {
            registry: &mut self.registry,
            keys: &mut self.keys,
            objects: &mut self.objects,
            channels: &mut self.channels,
            chain: &mut self.chain,
        }
    }

    /// All that lasts and can be seen from outside, slot by slot.
    pub(crate) fn picture(&self) -> String {
        format!("{:#?}\n{:#?}\n{:#?}", self.registry, self.keys, self.objects)
    }
}

/// The card of these tests.
pub(crate) type TestCard<'m> = Card<'m, Shared, Dice, Desk>;

/// Everything a card needs, and keeps when it is switched off.
pub(crate) struct Bench {
    pub(crate) ram: Ram,
    pub(crate) flash: Shared,
    pub(crate) dice: Dice,
    pub(crate) desk: Desk,
    pub(crate) profile: Profile<'static>,
}

/// The factory keys: AES-128, the same octet for each key, other ones for the three.
pub(crate) fn factory_keys() -> StaticKeys {
    keys_from(0x40, 16)
}

/// Three different keys of so many octets.
pub(crate) fn keys_from(seed: u8, octets: usize) -> StaticKeys {
    let key = |number: u8| {
        let octets: Vec<u8> = (0..octets).map(|at| seed.wrapping_add(number).wrapping_mul(31) ^ at as u8).collect();
        Key::new(&octets).unwrap()
    };
    StaticKeys::new(key(1), key(2), key(3)).unwrap()
}

/// A factory that lives as long as the tests do.
pub(crate) fn factory(sets: Vec<FactoryKeys<'static>>) -> Profile<'static> {
    Profile::new(Box::leak(sets.into_boxed_slice()))
}

/// One complete key set for a factory.
pub(crate) fn key_set(version: u8, keys: StaticKeys, sequence: [u8; 3]) -> FactoryKeys<'static> {
    FactoryKeys { version, keys: FactoryKeySet::Complete(Box::leak(Box::new(keys))), sequence }
}

impl Bench {
    /// A card with one key set, 24 registry slots, 4 channels.
    pub(crate) fn new() -> Self {
        Self::with(factory(vec![key_set(KVN, factory_keys(), [0; 3])]))
    }

    pub(crate) fn with(profile: Profile<'static>) -> Self {
        Self {
            ram: Ram::new(24, 24, 16, 4),
            flash: Shared::new(512),
            dice: Dice::default(),
            desk: Desk::default(),
            profile,
        }
    }

    /// Switches the card on.
    pub(crate) fn card(&mut self) -> TestCard<'_> {
        self.try_card().unwrap()
    }

    pub(crate) fn try_card(&mut self) -> Result<TestCard<'_>, gp_cardmanager_model::card::OpenError<flash::Failure>> {
        let Self { ram, flash, dice, desk, profile } = self;
        Card::open(ram.memory(), flash.clone(), dice.clone(), desk.clone(), profile)
    }

    /// Checks, with the card off, that one started from a copy of the storage finds what the last one had in memory.
    pub(crate) fn assert_lasting(&self) {
        let mut ram = self.ram.blank();
        let copy = self.flash.copy();
        // What is pending and not committed does not last; opening and resetting drops it.
        let before = self.ram.picture();
        drop(Card::open(ram.memory(), copy, self.dice.clone(), Desk::default(), &self.profile).unwrap());
        assert_eq!(before, ram.picture(), "the storage tells another story than the card");
    }
}

/// Whatever takes commands.
pub(crate) trait Wire {
    fn transmit(&mut self, command: &[u8]) -> Vec<u8>;
}

impl<S: Storage, P: Platform, A: Applets> Wire for Card<'_, S, P, A> {
    fn transmit(&mut self, command: &[u8]) -> Vec<u8> {
        let mut buffer = vec![0xCC; command.len().max(261)];
        buffer[..command.len()].copy_from_slice(command);
        let answer = self.process(&mut buffer, command.len()).to_vec();
        assert!(answer.len() >= 2, "{command:02X?} got no answer");
        answer
    }
}

/// Data and status word of an answer.
pub(crate) fn split(answer: &[u8]) -> (Vec<u8>, u16) {
    let (data, status) = answer.split_at(answer.len() - 2);
    (data.to_vec(), u16::from_be_bytes([status[0], status[1]]))
}

/// Sends octets as they are.
pub(crate) fn raw(card: &mut impl Wire, command: &[u8]) -> (Vec<u8>, u16) {
    split(&card.transmit(command))
}

/// Sends octets given in hex.
pub(crate) fn say(card: &mut impl Wire, command: &str) -> (Vec<u8>, u16) {
    raw(card, &hex(command))
}

/// A short command with Le 00, as octets.
pub(crate) fn command(header: [u8; 4], data: &[u8]) -> Vec<u8> {
    let [cla, ins, p1, p2] = header;
    let header = Header::new(Class::from_byte(cla).unwrap(), ins, p1, p2);
    let form = if data.len() > 255 { Form::Extended } else { Form::Short };
    let mut buffer = vec![0; data.len() + 12];
    let command = Command { header, data, le: Some(form.max_le()), form };
    command.emit(&mut buffer).unwrap().to_vec()
}

/// Selects by name on a channel.
pub(crate) fn select_on(card: &mut impl Wire, channel: u8, name: &[u8]) -> (Vec<u8>, u16) {
    let class = Class::ISO.with_channel(LogicalChannel::new(channel).unwrap()).unwrap().byte();
    raw(card, &command([class, 0xA4, 0x04, 0x00], name))
}

/// Selects by name on the basic channel.
pub(crate) fn select(card: &mut impl Wire, name: &[u8]) -> (Vec<u8>, u16) {
    select_on(card, 0, name)
}

/// The host's end of a session.
pub(crate) struct Host {
    pub(crate) secure: SecureChannel,
    /// What INITIALIZE UPDATE answered.
    pub(crate) shown: Vec<u8>,
}

/// How to open a session.
pub(crate) struct Opening<'k> {
    pub(crate) keys: &'k mut StaticKeys,
    pub(crate) version: u8,
    pub(crate) level: SecurityLevel,
    pub(crate) mode: Mode,
    pub(crate) channel: u8,
    pub(crate) challenge: u8,
}

impl<'k> Opening<'k> {
    pub(crate) fn new(keys: &'k mut StaticKeys, version: u8, level: SecurityLevel) -> Self {
        Self { keys, version, level, mode: Mode::S8, channel: 0, challenge: 0x11 }
    }

    /// Opens; the status word of whichever step the card refuses.
    pub(crate) fn open(self, card: &mut impl Wire) -> Result<Host, u16> {
        let challenge = Challenge::new(&[self.challenge; 16][..self.mode.octets()]).unwrap();
        let channel = LogicalChannel::new(self.channel).unwrap();
        let mut buffer = [0; 261];
        let initiator = Initiator::new(challenge, channel, self.version);
        let answer = card.transmit(initiator.initialize_update(&mut buffer).unwrap());
        let (shown, status) = split(&answer);
        if status != 0x9000 {
            assert!(shown.is_empty());
            return Err(status);
        }
        let challenged = initiator.challenged(Response::parse(&answer).unwrap()).unwrap();
        let authenticated = challenged.authenticate(self.keys, self.level, ChallengePolicy::Off, &mut buffer);
        let (authenticating, command) = authenticated.expect("the card proves itself");
        let answer = card.transmit(command);
        match authenticating.confirmed(Response::parse(&answer).unwrap()) {
            Ok(secure) => Ok(Host { secure, shown }),
            Err(_) => Err(split(&answer).1),
        }
    }
}

impl Host {
    /// Opens a session with the factory keys on the basic channel.
    pub(crate) fn open(card: &mut impl Wire, version: u8, level: SecurityLevel) -> Result<Self, u16> {
        Opening::new(&mut factory_keys(), version, level).open(card)
    }

    /// A session on a supplementary channel.
    pub(crate) fn open_on(card: &mut impl Wire, channel: u8, version: u8, level: SecurityLevel) -> Result<Self, u16> {
        Opening { channel, ..Opening::new(&mut factory_keys(), version, level) }.open(card)
    }

    /// The octets of a command as this session protects it. GlobalPlatform chaining where the data is too long.
    pub(crate) fn wrap(&mut self, header: [u8; 4], data: &[u8]) -> Vec<Vec<u8>> {
        let [cla, ins, p1, p2] = header;
        let class = Class::from_byte(cla).unwrap().with_channel(self.secure.channel()).unwrap();
        let fits = data.len() <= self.secure.max_command_data(Form::Short);
        let form = if fits { Form::Short } else { Form::Chained(Chaining::Gp) };
        let mut buffer = vec![0; data.len() + 64];
        let mut command = CommandBuf::new(&mut buffer, Header::new(class, ins, p1, p2), form).unwrap();
        command.push(data).unwrap().expect(Le::MAX_SHORT);
        self.secure.wrap(&mut command).unwrap();
        if fits {
            return vec![command.finish().unwrap().to_vec()];
        }
        let (protected, header) = (command.data().to_vec(), command.header());
        let count = protected.len().div_ceil(255);
        let segments = protected.chunks(255).enumerate().map(|(at, part)| {
            let more = if at + 1 < count { 0x80 } else { 0 };
            let octets = [header.cla.byte(), ins, p1 | more, p2, part.len() as u8];
            [&octets[..], part, if more == 0 { &[0x00] } else { &[] }].concat()
        });
        segments.collect()
    }

    /// Verifies an answer. What is no error must be as the session demands.
    pub(crate) fn unwrap(&mut self, answer: &[u8]) -> (Vec<u8>, u16) {
        let mut answer = answer.to_vec();
        let protected = self.secure.level().has_r_mac();
        let reply = self.secure.unwrap(&mut answer).expect("the answer verifies");
        match reply {
            Reply::Authentic(answer) => (answer.data.to_vec(), answer.status.0),
            Reply::Plain(answer) => {
                assert!(!protected);
                (answer.data.to_vec(), answer.status.0)
            }
            Reply::Refused(status) => (Vec::new(), status.0),
        }
    }

    /// Sends a command and answers its data and status word.
    pub(crate) fn send(&mut self, card: &mut impl Wire, header: [u8; 4], data: &[u8]) -> (Vec<u8>, u16) {
        let mut segments = self.wrap(header, data);
        let last = segments.pop().unwrap();
        for segment in segments {
            assert_eq!(raw(card, &segment), (vec![], 0x9000));
        }
        let answer = card.transmit(&last);
        self.unwrap(&answer)
    }

    /// The status word alone.
    pub(crate) fn status(&mut self, card: &mut impl Wire, header: [u8; 4], data: &[u8]) -> u16 {
        self.send(card, header, data).1
    }

    /// INSTALL with these fields, each with its length.
    pub(crate) fn install(&mut self, card: &mut impl Wire, p1: u8, p2: u8, fields: &[&[u8]]) -> (Vec<u8>, u16) {
        self.send(card, [0x80, 0xE6, p1, p2], &install_fields(fields))
    }

    /// LOAD of a load file in blocks of so many octets, until the first refusal.
    pub(crate) fn load(&mut self, card: &mut impl Wire, file: &[u8], block: usize) -> (Vec<u8>, u16) {
        let blocks: Vec<&[u8]> = file.chunks(block).collect();
        let mut answer = (vec![], 0);
        for (number, octets) in blocks.iter().enumerate() {
            let last = if number + 1 == blocks.len() { 0x80 } else { 0 };
            answer = self.send(card, [0x80, 0xE8, last, number as u8], octets);
            if answer.1 != 0x9000 {
                break;
            }
        }
        answer
    }

    /// Loads a package with its applets: INSTALL [for load] and LOAD without hash or token.
    pub(crate) fn load_package(&mut self, card: &mut impl Wire, package: &[u8], applets: &[&[u8]]) {
        assert_eq!(self.install(card, 0x02, 0x00, &[package, &[], &[], &[], &[]]), (vec![0], 0x9000));
        let file = tlv(0xC4, &cap_block(package, applets));
        assert_eq!(self.load(card, &file, 200), (vec![0], 0x9000));
    }

    /// GET STATUS in E3 form, all pages joined.
    pub(crate) fn listed(&mut self, card: &mut impl Wire, subset: u8) -> (Vec<u8>, u16) {
        let (mut all, mut next) = (Vec::new(), 0);
        loop {
            let (data, status) = self.send(card, [0x80, 0xF2, subset, 0x02 | next], &[0x4F, 0x00]);
            all.extend(data);
            if status != 0x6310 {
                return (all, status);
            }
            next = 1;
        }
    }
}

/// The fields of INSTALL, each with its length.
pub(crate) fn install_fields(fields: &[&[u8]]) -> Vec<u8> {
    fields.iter().flat_map(|field| lv(field)).collect()
}

/// A load file data block as a CAP file gives it: Header and Applet component, and something between and after.
pub(crate) fn cap_block(package: &[u8], applets: &[&[u8]]) -> Vec<u8> {
    let component = |tag: u8, body: &[u8]| [&[tag, (body.len() >> 8) as u8, body.len() as u8], body].concat();
    let header = [&hex("DECAFFED 01 02 04")[..], &[0x05, 0x01], &lv(package)].concat();
    let applets: Vec<u8> =
        [vec![applets.len() as u8], applets.iter().flat_map(|aid| [lv(aid), vec![0x00, 0x10]].concat()).collect()]
            .concat();
    [
        component(1, &header),
        component(2, &[0x22; 31]),
        if applets.len() > 1 { component(3, &applets) } else { vec![] },
        component(7, &[0x77; 300]),
        component(5, &[]),
        component(9, &[0x01]),
    ]
    .concat()
}

/// The customary load file and module of security domains.
pub(crate) const SSD_FILE: [u8; 7] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50];
pub(crate) const SSD_MODULE: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50, 0x41];

/// The ISD of every profile that says nothing else.
pub(crate) const ISD: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];

/// The data of PUT KEY for AES keys in the basic form.
pub(crate) fn key_data(dek: &Key, version: u8, keys: &[&Key]) -> Vec<u8> {
    let mut data = vec![version];
    for key in keys {
        let mut value = key.expose_secret().to_vec();
        let length = value.len();
        value.resize(length.div_ceil(16) * 16, 0);
        dek.encrypt_sensitive(&mut value).unwrap();
        if value.len() != length {
            value.insert(0, length as u8);
        }
        data.extend([&[0x88][..], &lv(&value), &lv(&key.kcv())].concat());
    }
    data
}

/// Gives the security domain `name`, which must have no keys, a key set of its own, opened by the factory keys.
pub(crate) fn personalize(card: &mut impl Wire, name: &[u8], version: u8, keys: &StaticKeys) {
    assert_eq!(select(card, name).1, 0x9000);
    let mut host = Host::open(card, 0, SecurityLevel::CMac).expect("the keys of the domain above");
    let ids = [gp_scp03::KeyId::Enc, gp_scp03::KeyId::Mac, gp_scp03::KeyId::Dek];
    let data = key_data(factory_keys().dek(), version, &ids.map(|id| keys.key(id)));
    assert_eq!(host.status(card, [0x80, 0xD8, 0x00, 0x81], &data), 0x9000);
    select(card, &[]);
}

/// Adds a single AES key to the security domain of a session that stands on the keys with this Key-DEK.
pub(crate) fn add_key(card: &mut impl Wire, host: &mut Host, dek: &Key, version: u8, key: &Key) {
    assert_eq!(host.status(card, [0x80, 0xD8, 0x00, 0x01], &key_data(dek, version, &[key])), 0x9000);
}

/// Makes a security domain by a session with the ISD; it is SELECTABLE afterwards.
pub(crate) fn make_domain(card: &mut impl Wire, host: &mut Host, name: &[u8], privileges: &str, parameters: &str) {
    let fields: [&[u8]; 6] = [&SSD_FILE, &SSD_MODULE, name, &hex(privileges), &hex(parameters), &[]];
    assert_eq!(host.install(card, 0x0C, 0x00, &fields), (vec![0], 0x9000));
}

/// Makes an application of a load file by a session with the ISD.
pub(crate) fn make_app(card: &mut impl Wire, host: &mut Host, file: &[u8], module: &[u8], name: &[u8]) {
    let fields: [&[u8]; 6] = [file, module, name, &[0x00], &hex("C900"), &[]];
    assert_eq!(host.install(card, 0x0C, 0x00, &fields), (vec![0], 0x9000));
}

/// A state of the registry by GET STATUS: name and state of all in a subset, in their order.
pub(crate) fn states(card: &mut impl Wire, host: &mut Host, subset: u8) -> Vec<(Vec<u8>, u8)> {
    let (data, status) = host.send(card, [0x80, 0xF2, subset, 0x00], &[0x4F, 0x00]);
    assert!(status == 0x9000 || status == 0x6A88, "{status:04X}");
    let mut list = Vec::new();
    let mut rest = &data[..];
    while let [length, after @ ..] = rest {
        let (name, after) = after.split_at(usize::from(*length));
        list.push((name.to_vec(), after[0]));
        rest = &after[2..];
    }
    list
}
