//! What is left in the place of a value that held secrets, once it was dropped: nothing of them.
//!
//! The crates forbid `unsafe`, so their own tests cannot look at a place that nobody lives in any more.

use std::mem::MaybeUninit;

use gp_apdu::{LogicalChannel, StatusWord};
use gp_cardmanager_model::card::storage::RamStorage;
use gp_cardmanager_model::card::{
    Card, Channel, FactoryKeySet, FactoryKeys, KeySlot, MIN_BUFFER, Memory, ObjectSlot, Platform, Profile,
    RegistryEntry,
};
use gp_scp03::{
    CtrDrbg128, CtrDrbg256, ExpandedKeys, Implementation, Key, KeyId, Mode, Responder, Script, SecureChannel,
    SecurityLevel, SequenceCounter, Target,
};

use crate::{
    Setting, authenticate, card_answer, command, command_buffer, initiator, octets, schedule, state, static_keys,
};

/// The length of a run that counts.
const RUN: usize = 8;

/// The octets of a place, whoever lives there.
fn seen<T>(place: &MaybeUninit<T>) -> Vec<u8> {
    let start = place.as_ptr().cast::<u8>();
    // SAFETY: inside the object. Volatile: the compiler knows nothing of what is read, in padding and after a drop.
    (0..size_of::<T>()).map(|at| unsafe { start.add(at).read_volatile() }).collect()
}

fn shows(place: &[u8], secret: &[u8]) -> bool {
    place.windows(RUN).any(|run| secret.windows(RUN).any(|own| own == run))
}

/// Each secret is there as long as the value lives, and no run of any afterwards.
fn wiped<T>(value: T, secrets: &[Vec<Vec<u8>>]) {
    let mut place = Box::new(MaybeUninit::new(value));
    let before = seen(&place);
    for secret in secrets {
        assert!(secret.iter().any(|form| shows(&before, form)), "{}: nothing to wipe", std::any::type_name::<T>());
    }
    // SAFETY: a value is there, and nobody uses it afterwards.
    unsafe { place.assume_init_drop() };
    let after = seen(&place);
    for secret in secrets {
        assert!(!secret.iter().any(|form| shows(&after, form)), "{}: left behind", std::any::type_name::<T>());
    }
}

/// A key as it may lie in memory: its octets, and its round keys both ways.
fn forms(key: &[u8]) -> Vec<Vec<u8>> {
    let rounds = schedule::encryption(key).into_iter().chain(schedule::decryption(key));
    rounds.map(|round| round.to_vec()).chain([key.to_vec()]).collect()
}

#[test]
fn keys() {
    for length in [16, 24, 32] {
        let key = |seed| forms(&octets(seed, length));
        wiped(Key::new(&octets(1, length)).unwrap(), &[key(1)]);
        wiped(static_keys(1, length, octets), &[key(1), key(2), key(3)]);
    }
}

/// A session as data. Its chaining value is a plain field of whoever holds it.
#[test]
fn saved_sessions() {
    for setting in Setting::ALL {
        let key = |seed| forms(&octets(seed, setting.key_length));
        wiped(state(setting, SecurityLevel::Full, octets), &[key(11), key(12), key(13)]);
    }
}

/// An open session, at both ends: before its first message, while its schedules are places with nothing in them, and with
/// them. Some places are larger than what is in them, and were stack before.
#[test]
fn sessions() {
    for setting in Setting::ALL {
        let key = |seed| forms(&octets(seed, setting.key_length));
        let all = [key(11), key(12), key(13), vec![vec![0xC5; 16]]];
        let saved = || state(setting, SecurityLevel::Full, octets);
        wiped(SecureChannel::resume(saved()), &all);
        wiped(Responder::resume(saved()), &all);
        let (mut host, mut card) = (SecureChannel::resume(saved()), Responder::resume(saved()));
        let mut buffer = command_buffer(&octets(7, 21));
        let mut command = command(&mut buffer, 21);
        host.wrap(&mut command).expect("room");
        card.unwrap(&mut command).expect("its host");
        let mut answer = vec![0; 64];
        let length = card.wrap(&mut answer, 21, StatusWord::OK).expect("room").len();
        let _ = host.unwrap(&mut answer[..length]).expect("its card");
        // The chaining value is another one by now.
        wiped(host, &all[..3]);
        wiped(card, &all[..3]);
    }
}

/// A session that is taken away as a state leaves nothing where it was, also while who held it lives on.
#[test]
fn suspended_sessions() {
    for setting in Setting::ALL {
        let key = |seed| forms(&octets(seed, setting.key_length));
        let saved = || state(setting, SecurityLevel::Full, octets);
        let mut place = Box::new(MaybeUninit::new(Responder::resume(saved())));
        // SAFETY: a value is there.
        let state = unsafe { place.assume_init_mut() }.suspend().expect("an open session");
        let left = seen(&place);
        for key in [key(11), key(12), key(13)] {
            assert!(!key.iter().any(|form| shows(&left, form)), "left behind");
        }
        wiped(state, &[key(11), key(12), key(13)]);
        // SAFETY: a value is there, and nobody uses it afterwards.
        unsafe { place.assume_init_drop() };
    }
}

/// Static keys that are expanded, and a session prepared without its card.
#[test]
fn expanded_keys_and_scripts() {
    for setting in Setting::ALL {
        let key = |seed| forms(&octets(seed, setting.key_length));
        let keys = static_keys(1, setting.key_length, octets);
        wiped(ExpandedKeys::new(&keys), &[key(1), key(2)]);
        let mode = setting.challenge(0x5A).mode();
        let target = Target {
            key_version: 0x30,
            implementation: Implementation::new(if mode == Mode::S8 { 0x70 } else { 0x71 }),
            sequence: SequenceCounter::new([0, 0, 1]),
            aid: &[0xA0, 0, 0, 1, 0x51],
            channel: LogicalChannel::BASIC,
        };
        let made = || {
            let mut out = [0; 64];
            Script::new(&mut &keys, &target, &setting.challenge(0x5A), SecurityLevel::Full, &mut out).expect("room").0
        };
        let script = made();
        let session = script.session_keys();
        let secrets = [session.enc(), session.mac(), session.r_mac()].map(|key| forms(key.expose_secret()));
        wiped(made(), &secrets);
        let mut script = script;
        let mut buffer = command_buffer(&octets(7, 21));
        let _ = script.wrap(&mut command(&mut buffer, 21)).expect("room");
        wiped(script, &secrets);
    }
}

/// Between the two commands of the handshake, at both ends.
#[test]
fn handshakes() {
    for setting in Setting::ALL {
        let mut keys = static_keys(1, setting.key_length, octets);
        let (card, answer) = card_answer(setting, &mut keys);
        let (host, _) = authenticate(setting, &mut keys, SecurityLevel::Full, &answer).expect("the right keys");
        let session = host.session_keys();
        let secrets = [session.enc(), session.mac(), session.r_mac()].map(|key| forms(key.expose_secret()));
        wiped(host, &secrets);
        wiped(card, &secrets);
    }
}

/// Randomness that tells nobody anything.
struct Fixed;

impl Platform for Fixed {
    type Error = ();

    fn fill(&mut self, out: &mut [u8]) -> Result<(), ()> {
        out.fill(0x22);
        Ok(())
    }
}

/// The memory that a card was lent, with an open session on it: its key slots, and its channels with the session and Key-DEK.
#[test]
fn memory_of_a_card() {
    for setting in Setting::ALL {
        let keys = static_keys(1, setting.key_length, octets);
        let (mut registry, mut objects) = ([RegistryEntry::FREE; 4], [ObjectSlot::FREE; 2]);
        let mut slots: [KeySlot; 4] = core::array::from_fn(|_| KeySlot::FREE);
        let mut channels: [Channel; 1] = core::array::from_fn(|_| Channel::default());
        let (mut a, mut b, mut chain) = ([0; 2048], [0; 2048], [0; 300]);
        let factory = [FactoryKeys { version: 0x30, keys: FactoryKeySet::Complete(&keys), sequence: [0; 3] }];
        let profile = Profile { implementation: setting.implementation(), ..Profile::new(&factory) };
        let memory = Memory {
            registry: &mut registry,
            keys: &mut slots,
            objects: &mut objects,
            channels: &mut channels,
            chain: &mut chain,
        };
        let mut card = Card::open(memory, RamStorage::new(&mut a, &mut b), Fixed, (), &profile).expect("a card");
        let mut buffer = [0; MIN_BUFFER];
        let command = initiator(setting).initialize_update(&mut buffer).expect("room").len();
        let answer = card.process(&mut buffer, command).to_vec();
        let mut host_keys = static_keys(1, setting.key_length, octets);
        let data = answer.strip_suffix(&[0x90, 0x00]).expect("an answer");
        let (host, command) = authenticate(setting, &mut host_keys, SecurityLevel::Full, data).expect("the right keys");
        buffer[..command.len()].copy_from_slice(&command);
        assert_eq!(card.process(&mut buffer, command.len()), [0x90, 0x00]);
        let session = host.session_keys();
        let session = [session.enc(), session.mac(), session.r_mac()].map(|key| forms(key.expose_secret()));
        drop(card);
        let kept = |id| vec![keys.key(id).expose_secret().to_vec()];
        wiped(slots, &[kept(KeyId::Enc), kept(KeyId::Mac), kept(KeyId::Dek)]);
        let [enc, mac, r_mac] = session;
        wiped(channels, &[enc, mac, r_mac, kept(KeyId::Dek)]);
    }
}

/// What a generator holds, its next octets, is known to nobody: every run that looks random has to go.
#[test]
fn generators() {
    fn gone<T>(value: T) {
        let mut place = Box::new(MaybeUninit::new(value));
        let before = seen(&place);
        let random = |run: &&[u8]| (0..RUN).filter(|at| !run[..*at].contains(&run[*at])).count() >= 6;
        let secrets: Vec<&[u8]> = before.windows(RUN).filter(random).collect();
        assert!(secrets.len() > 16, "a key and a block");
        // SAFETY: a value is there, and nobody uses it afterwards.
        unsafe { place.assume_init_drop() };
        let after = seen(&place);
        assert!(!after.windows(RUN).any(|run| secrets.contains(&run)), "{}", std::any::type_name::<T>());
    }
    gone(CtrDrbg128::new(&octets(5, 32), &[]).unwrap());
    gone(CtrDrbg256::new(&octets(5, 48), &[]).unwrap());
}
