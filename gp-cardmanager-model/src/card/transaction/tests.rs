extern crate std;

use std::vec::Vec;
use std::{format, vec};

use super::*;
use crate::card::channel::Channel;

/// Memory that owns its slices.
struct Ram {
    registry: Vec<RegistryEntry>,
    keys: Vec<KeySlot>,
    objects: Vec<ObjectSlot>,
    channels: Vec<Channel>,
}

impl Ram {
    fn blank() -> Self {
        Self {
            registry: vec![RegistryEntry::FREE; 6],
            keys: (0..6).map(|_| KeySlot::FREE).collect(),
            objects: vec![ObjectSlot::FREE; 6],
            channels: vec![],
        }
    }

    fn memory(&mut self) -> Memory<'_> {
        let Self { registry, keys, objects, channels } = self;
        Memory { registry, keys, objects, channels, chain: &mut [] }
    }

    /// All there is, secrets among it.
    fn picture(&self) -> std::string::String {
        let keys: Vec<_> = self
            .keys
            .iter()
            .map(|slot| {
                let names = (slot.owner, slot.pending, slot.version, slot.id, slot.component, slot.part, slot.kind);
                (names, slot.usage, slot.access, slot.length, slot.sequence, slot.failures, slot.octets)
            })
            .collect();
        format!("{:?} {keys:?} {:?}", self.registry, self.objects)
    }
}

fn entry() -> RegistryEntry {
    RegistryEntry {
        occupant: Occupant::Domain,
        pending: false,
        aid: Aid::new(&[0xA5; 16]).unwrap(),
        state: 0x8F,
        privileges: Privileges::from_octets([0x9E, 0xFE, 0xF8]),
        domain: Index(3),
        file: Some(Index(4)),
        module: Some(Index(5)),
        version: [1, 2],
        implicit: [0x41, 0x82, 0xC3, 0x44].map(ImplicitSelection),
        restrict: 0x7F,
        accepts: [0x80, 0x20, 0x08],
        explicit: true,
        provider: [0x5F; 16],
        provider_length: 16,
        confirmation: 0x1234,
    }
}

fn key(length: u16, part: u8) -> KeySlot {
    let mut slot = KeySlot {
        owner: Some(Index(1)),
        version: 0x30,
        id: 2,
        component: 1,
        part,
        kind: keys::AES,
        usage: 0x1234,
        access: 0x01,
        length,
        sequence: SequenceCounter::new([1, 2, 3]),
        failures: 9,
        ..KeySlot::FREE
    };
    let held = slot.value().len();
    slot.octets[..held].fill(0xEE);
    slot
}

fn object(length: u8) -> ObjectSlot {
    let mut octets = [0; 32];
    octets[..usize::from(length)].fill(0xBB);
    ObjectSlot { owner: Some(Index::OPEN), tag: 0x9F7F, part: 2, length, octets }
}

/// Applies a change through its record.
fn change(ram: &mut Ram, change: Change<'_>) -> usize {
    let mut record = [0; MAX_RECORD];
    let length = change.encode(&mut record);
    assert!((1..=MAX_RECORD).contains(&length), "{change:?}");
    // What is cut or has something behind it means nothing.
    for end in 0..length {
        let cut = apply(&mut Ram::blank().memory(), &record[..end]);
        let open_ended = matches!(change, Change::Object(..)) && end >= 8;
        assert_eq!(cut.is_ok(), open_ended, "{change:?} {end}");
    }
    let longer = [&record[..length], &[0]].concat();
    let full = matches!(change, Change::Object(_, object) if object.length < 32);
    assert_eq!(apply(&mut Ram::blank().memory(), &longer).is_ok(), full, "{change:?}");
    apply(&mut ram.memory(), &record[..length]).unwrap();
    length
}

#[test]
fn every_change_arrives_as_it_was_made() {
    let mut ram = Ram::blank();
    let mut expected = Ram::blank();
    let full = entry();
    let bare = RegistryEntry { occupant: Occupant::Module, aid: Aid::new(&[1; 5]).unwrap(), ..RegistryEntry::FREE };
    for occupant in [Occupant::Domain, Occupant::Application, Occupant::LoadFile, Occupant::Module] {
        let entry = RegistryEntry { occupant, ..full };
        change(&mut ram, Change::Entry(Index(2), &entry));
        expected.registry[2] = entry;
        assert_eq!(ram.picture(), expected.picture());
    }
    change(&mut ram, Change::Entry(Index(0), &bare));
    expected.registry[0] = bare;
    assert_eq!(change(&mut ram, Change::State(Index(2), 0x87)), 4);
    expected.registry[2].state = 0x87;
    assert_eq!(change(&mut ram, Change::Privileges(Index(2), Privileges::CARD_RESET)), 6);
    expected.registry[2].privileges = Privileges::CARD_RESET;
    assert_eq!(change(&mut ram, Change::Domain(Index(2), Index(5))), 5);
    expected.registry[2].domain = Index(5);
    change(&mut ram, Change::Restrict(Index(2), 0x41));
    expected.registry[2].restrict = 0x41;
    assert_eq!(change(&mut ram, Change::Confirmation(Index(2), 0xFFFF)), 5);
    expected.registry[2].confirmation = 0xFFFF;
    let other = Aid::new(&[9; 7]).unwrap();
    change(&mut ram, Change::Rename(Index(2), &other));
    expected.registry[2].aid = other;
    assert_eq!(ram.picture(), expected.picture());
    for (slot, length, part) in [(0, 16, 0), (1, 24, 0), (2, 32, 0), (3, 100, 3), (4, 512, 15), (5, 64, 1)] {
        let key = key(length, part);
        change(&mut ram, Change::Key(slot, &key));
        expected.keys[slot] = key;
        assert_eq!(ram.picture(), expected.picture(), "{length} {part}");
    }
    // A counter's record, with lengths around it, is one unit of 16 octets.
    assert_eq!(change(&mut ram, Change::Sequence(3, SequenceCounter::new([9, 9, 9]))), 6);
    expected.keys[3].sequence = SequenceCounter::new([9, 9, 9]);
    assert_eq!(change(&mut ram, Change::Failures(3, 200)), 4);
    expected.keys[3].failures = 200;
    assert_eq!(change(&mut ram, Change::RemoveKey(4)), 3);
    expected.keys[4] = KeySlot::FREE;
    for length in [0, 1, 31, 32] {
        let object = object(length);
        change(&mut ram, Change::Object(5, &object));
        expected.objects[5] = object;
        assert_eq!(ram.picture(), expected.picture(), "{length}");
    }
    change(&mut ram, Change::RemoveObject(5));
    expected.objects[5] = ObjectSlot::FREE;
    assert_eq!(ram.picture(), expected.picture());
}

#[test]
fn who_is_removed_takes_keys_and_objects_along() {
    let mut ram = Ram::blank();
    let (entry, key, mut own) = (entry(), key(16, 0), object(3));
    own.owner = Some(Index(1));
    for index in [1, 2] {
        change(&mut ram, Change::Entry(Index(index), &entry));
    }
    change(&mut ram, Change::Key(0, &key));
    change(&mut ram, Change::Object(0, &own));
    change(&mut ram, Change::Object(1, &object(4)));
    change(&mut ram, Change::Remove(Index(1), false));
    assert_eq!(ram.registry[1], RegistryEntry::FREE);
    assert_eq!(ram.registry[2], entry);
    assert_eq!((ram.keys[0].owner, ram.keys[0].octets), (None, [0; 32]));
    assert_eq!((ram.objects[0].owner, ram.objects[1].owner), (None, Some(Index::OPEN)));
}

#[test]
fn one_record_takes_a_load_file_its_modules_and_applications() {
    for related in [false, true] {
        let mut ram = Ram::blank();
        let file = RegistryEntry { occupant: Occupant::LoadFile, file: None, ..entry() };
        let of_file = |occupant| RegistryEntry { occupant, file: Some(Index(1)), ..entry() };
        ram.registry[1] = file;
        ram.registry[2] = of_file(Occupant::Module);
        ram.registry[3] = of_file(Occupant::Application);
        // One that is being installed from a file in that place is none of it.
        ram.registry[4] = RegistryEntry { pending: true, ..of_file(Occupant::Module) };
        ram.registry[5] = RegistryEntry { file: Some(Index(0)), ..of_file(Occupant::Application) };
        ram.objects[0].owner = Some(Index(3));
        assert_eq!(change(&mut ram, Change::Remove(Index(1), related)), 4);
        let left = ram.registry.iter().map(|entry| entry.occupant != Occupant::Free).collect::<Vec<_>>();
        assert_eq!(left, [false, false, false, !related, true, true]);
        assert_eq!(ram.objects[0].owner.is_none(), related);
    }
}

#[test]
fn one_record_locks_and_unlocks_a_tree() {
    let mut ram = Ram::blank();
    let app = |occupant, domain, state| RegistryEntry { occupant, domain: Index(domain), state, ..entry() };
    ram.registry[0] = app(Occupant::Domain, 0, 0x0F);
    ram.registry[1] = app(Occupant::Domain, 0, 0x0F);
    ram.registry[2] = app(Occupant::Application, 1, 0x07);
    ram.registry[3] = app(Occupant::Application, 1, 0x87);
    ram.registry[4] = app(Occupant::LoadFile, 1, 0x01);
    ram.registry[5] = app(Occupant::Application, 0, 0x07);
    let states = |ram: &Ram| ram.registry.iter().map(|entry| entry.state).collect::<Vec<_>>();
    change(&mut ram, Change::LockTree(Index(1), true));
    assert_eq!(states(&ram), [0x0F, 0x8F, 0x87, 0x87, 0x01, 0x07]);
    change(&mut ram, Change::LockTree(Index(1), false));
    assert_eq!(states(&ram), [0x0F, 0x0F, 0x07, 0x07, 0x01, 0x07]);
}

#[test]
fn one_record_takes_all_keys_that_match() {
    for (id, version, left) in [(Some(1), Some(2), 5), (None, Some(2), 4), (Some(1), None, 4), (None, None, 2)] {
        let mut ram = Ram::blank();
        for (slot, (owner, version, id)) in [(1, 2, 1), (1, 2, 2), (1, 3, 1), (1, 3, 2), (4, 2, 1)].iter().enumerate() {
            ram.keys[slot] = KeySlot { owner: Some(Index(*owner)), version: *version, id: *id, ..key(16, 0) };
        }
        ram.keys[5] = KeySlot { owner: Some(Index(1)), version: 2, id: 1, pending: true, ..key(16, 0) };
        assert_eq!(change(&mut ram, Change::RemoveKeys(Index(1), DeleteKeys { id, version })), 7);
        assert_eq!(ram.keys.iter().filter(|slot| slot.owner.is_some()).count(), left, "{id:?} {version:?}");
    }
}

#[test]
fn records_that_mean_nothing_are_unreadable() {
    let mut ram = Ram::blank();
    assert_eq!(apply(&mut ram.memory(), &[]), Err(Unreadable));
    for kind in 0..=u8::MAX {
        if !(0x01..=0x10).contains(&kind) {
            assert_eq!(apply(&mut ram.memory(), &[kind, 0, 0, 0, 0, 0]), Err(Unreadable), "{kind}");
        }
    }
    // Slots that this memory does not have.
    let (entry, key, object) = (entry(), key(16, 0), object(3));
    for change in [
        Change::Entry(Index(6), &entry),
        Change::Remove(Index(6), true),
        Change::LockTree(Index(6), true),
        Change::State(Index(0xFFFF), 1),
        Change::Key(6, &key),
        Change::RemoveKey(0xFFFE),
        Change::Sequence(6, SequenceCounter::new([0; 3])),
        Change::Failures(6, 0),
        Change::Object(6, &object),
        Change::RemoveObject(6),
    ] {
        let mut record = [0; MAX_RECORD];
        let length = change.encode(&mut record);
        assert_eq!(apply(&mut ram.memory(), &record[..length]), Err(Unreadable), "{change:?}");
    }
    // An occupant, an AID and a provider identifier that are none.
    let mut record = [0; MAX_RECORD];
    let length = Change::Entry(Index(0), &entry).encode(&mut record);
    for (at, octet) in [(3, 5), (4, 4), (4, 17), (length - 19, 17)] {
        let mut damaged = record;
        damaged[at] = octet;
        assert_eq!(apply(&mut ram.memory(), &damaged[..length]), Err(Unreadable), "{at}");
    }
}

#[test]
fn a_snapshot_makes_the_memory_again() {
    let mut ram = Ram::blank();
    ram.registry[0] = entry();
    ram.registry[4] = RegistryEntry { occupant: Occupant::LoadFile, ..entry() };
    ram.registry[5] = RegistryEntry { pending: true, ..entry() };
    ram.keys[1] = key(32, 0);
    ram.keys[2] = KeySlot { pending: true, ..key(16, 0) };
    ram.objects[3] = object(32);
    let mut again = Ram::blank();
    let mut size = 0;
    for change in snapshot(&ram.memory()) {
        let mut record = [0; MAX_RECORD];
        let length = change.encode(&mut record);
        size += change.growth();
        assert_eq!(change.growth() as usize, length + 1);
        apply(&mut again.memory(), &record[..length]).unwrap();
    }
    assert!(size > 0);
    // What is pending is not part of it.
    ram.registry[5] = RegistryEntry::FREE;
    ram.keys[2] = KeySlot::FREE;
    assert_eq!(again.picture(), ram.picture());
}

#[test]
fn only_what_lengthens_a_snapshot_grows() {
    let (entry, key, object, aid) = (entry(), key(16, 0), object(3), Aid::ISSUER_SECURITY_DOMAIN);
    for change in [Change::Entry(Index(0), &entry), Change::Key(0, &key), Change::Object(0, &object)] {
        assert!(change.growth() > 0, "{change:?}");
    }
    for change in [
        Change::Remove(Index(0), true),
        Change::LockTree(Index(0), true),
        Change::RemoveKeys(Index(0), DeleteKeys { id: None, version: Some(1) }),
        Change::State(Index(0), 1),
        Change::Privileges(Index(0), Privileges::NONE),
        Change::Domain(Index(0), Index(0)),
        Change::Restrict(Index(0), 1),
        Change::Confirmation(Index(0), 1),
        Change::RemoveKey(0),
        Change::Sequence(0, SequenceCounter::new([0; 3])),
        Change::Failures(0, 1),
        Change::RemoveObject(0),
    ] {
        assert_eq!(change.growth(), 0, "{change:?}");
    }
    // Renaming may, by the length of an AID.
    assert_eq!(Change::Rename(Index(0), &aid).growth(), 11);
}
