//! The card answers a million random, mutated and properly protected commands, and is still a card afterwards.
//!
//! Each episode opens a session, sends mutated commands with good MACs through it, then throws plain and damaged octets
//! at the card. Every answer must be well formed; under R-MAC the host verifies each.

use crate::kit;
use gp_apdu::ins;
use gp_cardmanager_model::card::Profile;
use gp_scp03::{Implementation, Mode, RMacSession, SecurityLevel, StaticKeys};
use kit::{Bench, KVN, Opening, Random, TestCard, cap_block, hex, lv, scaled, tlv};

const PACKAGE: [u8; 6] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x01];
const APPLET: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x01, 0x01];
const DOMAIN: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x02, 0x01];
const ISD: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];
const SSD_FILE: [u8; 7] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50];
const SSD_MODULE: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50, 0x41];

/// Header and data of commands that mean something, in an order in which most of them succeed.
fn seeds() -> Vec<([u8; 4], Vec<u8>)> {
    let fields = |fields: &[&[u8]]| fields.iter().flat_map(|field| lv(field)).collect::<Vec<u8>>();
    let file = tlv(0xC4, &cap_block(&PACKAGE, &[&APPLET]));
    let aid = |aid: &[u8]| tlv(0x4F, aid);
    vec![
        ([0x80, 0xE6, 0x02, 0x00], fields(&[&PACKAGE, &[], &[], &[], &[]])),
        ([0x80, 0xE8, 0x00, 0x00], file[..200].to_vec()),
        ([0x80, 0xE8, 0x80, 0x01], file[200..].to_vec()),
        ([0x80, 0xE6, 0x0C, 0x00], fields(&[&PACKAGE, &APPLET, &APPLET, &[0x00], &hex("C900"), &[]])),
        ([0x80, 0xE6, 0x04, 0x00], fields(&[&PACKAGE, &APPLET, &[0xAA; 16], &[0x00], &hex("C9021122"), &[]])),
        ([0x80, 0xE6, 0x08, 0x00], fields(&[&[], &[], &[0xAA; 16], &[0x04], &hex("EF03CF0180"), &[]])),
        (
            [0x80, 0xE6, 0x0C, 0x00],
            fields(&[&SSD_FILE, &SSD_MODULE, &DOMAIN, &hex("A08000"), &hex("C906820120870120"), &[]]),
        ),
        ([0x80, 0xE6, 0x10, 0x00], fields(&[&DOMAIN, &[], &APPLET, &[], &[], &[]])),
        ([0x80, 0xE6, 0x40, 0x00], fields(&[&ISD, &[], &APPLET, &hex("000000"), &hex("EF03CF0141"), &[]])),
        ([0x80, 0xE6, 0x40, 0x00], fields(&[&DOMAIN, &[], &[], &[], &hex("EF03D90102"), &[]])),
        ([0x80, 0xE6, 0x20, 0x00], fields(&[&[], &[], &APPLET, &[], &[], &[]])),
        ([0x80, 0xE6, 0x0E, 0x01], fields(&[&PACKAGE, &ISD, &[0x5A; 32], &hex("EF06C60210008203"), &[]])),
        ([0x80, 0xE6, 0x0E, 0x03], fields(&[&PACKAGE, &APPLET, &APPLET, &[0x00], &hex("C900"), &[]])),
        ([0x80, 0xF2, 0x80, 0x02], hex("4F00")),
        ([0x80, 0xF2, 0x40, 0x02], hex("4F00")),
        ([0x80, 0xF2, 0x40, 0x03], hex("4F00")),
        ([0x80, 0xF2, 0x20, 0x02], hex("4F00 5C074F9F70C5CFC4CC")),
        ([0x80, 0xF2, 0x10, 0x00], hex("4F00")),
        ([0x80, 0xF2, 0x10, 0x02], hex("4F00")),
        ([0x80, 0xCA, 0x00, 0x66], vec![]),
        ([0x00, 0xCA, 0x00, 0x66], vec![]),
        ([0x80, 0xCA, 0x00, 0xE0], vec![]),
        ([0x80, 0xCA, 0x00, 0x67], vec![]),
        ([0x80, 0xCA, 0x00, 0xC1], vec![]),
        ([0x80, 0xCA, 0x9F, 0x7F], vec![]),
        ([0x80, 0xCA, 0xFF, 0x21], vec![]),
        ([0x80, 0xCA, 0x2F, 0x00], hex("5C00")),
        ([0x00, 0xCB, 0x2F, 0x00], hex("5C00")),
        ([0x80, 0xE2, 0x90, 0x00], hex("4208 1122334455667788")),
        ([0x80, 0xE2, 0x00, 0x00], hex("0070 06 4504 00010203")),
        ([0x80, 0xD8, 0x00, 0x81], [&[0x31][..], &[0x88, 0x10], &[0x77; 16], &hex("03AABBCC")].concat()),
        ([0x80, 0xE4, 0x00, 0x00], aid(&APPLET)),
        ([0x80, 0xE4, 0x00, 0x80], aid(&PACKAGE)),
        ([0x80, 0xE4, 0x00, 0x00], hex("D00131 D20101")),
        ([0x80, 0xF0, 0x40, 0x80], APPLET.to_vec()),
        ([0x80, 0xF0, 0x40, 0x00], APPLET.to_vec()),
        ([0x80, 0xF0, 0x60, 0x80], DOMAIN.to_vec()),
        ([0x80, 0x7A, 0x10, 0x01], hex("020102")),
        ([0x80, 0x78, 0x00, 0x03], vec![]),
        ([0x00, 0xA4, 0x04, 0x00], vec![]),
        ([0x00, 0xA4, 0x04, 0x00], APPLET[..5].to_vec()),
        ([0x00, 0xA4, 0x04, 0x02], APPLET[..5].to_vec()),
        ([0x00, 0xA4, 0x04, 0x00], DOMAIN.to_vec()),
        ([0x00, 0x70, 0x00, 0x00], vec![]),
        ([0x00, 0x70, 0x80, 0x01], vec![]),
        ([0x80, 0x50, 0x00, 0x00], vec![0x11; 8]),
        ([0x80, 0x50, KVN, 0x00], vec![0x22; 16]),
        ([0x84, 0x82, 0x01, 0x00], vec![0x33; 16]),
        ([0x80, 0x10, 0x00, 0x00], vec![0x44; 20]),
        ([0x80, 0xC0, 0x00, 0x00], vec![]),
    ]
}

/// Instructions that GlobalPlatform chains by b8 of P1.
const CHAINED: [u8; 3] = [0xE4, 0xE6, 0xD8];

/// A kind of card, and its keys.
struct Kind {
    profile: Profile<'static>,
    keys: fn() -> StaticKeys,
    mode: Mode,
    /// Registry, key, object slots and channels.
    memory: [usize; 4],
}

fn kind(i: u8, keys: fn() -> StaticKeys, memory: [usize; 4]) -> Kind {
    let implementation = Implementation::new(i);
    let mut profile = kit::factory(vec![kit::key_set(KVN, keys(), [0; 3])]);
    profile.implementation = implementation;
    profile.status_limit = if memory[0] < 20 { 60 } else { usize::MAX };
    Kind { profile, keys, mode: implementation.mode(), memory }
}

/// Random changes to octets.
fn mutate(random: &mut Random, octets: &mut Vec<u8>) {
    for _ in 0..=random.below(3) {
        let at = random.below(octets.len().max(1));
        match random.below(8) {
            0 if !octets.is_empty() => octets[at] ^= 1 << random.below(8),
            1 if !octets.is_empty() => octets[at] = random.octet(),
            2 => octets.truncate(at),
            3 => {
                let more = 1 + random.below(20) * random.below(2);
                octets.extend(random.octets(more));
            }
            4 if !octets.is_empty() => {
                octets.remove(at);
            }
            5 => octets.insert(at.min(octets.len()), random.octet()),
            6 if octets.len() > 1 => octets.swap(0, at),
            7 if !octets.is_empty() => octets[at] = [0x00, 0x01, 0x7F, 0x80, 0xFF][random.below(5)],
            _ => {}
        }
    }
    octets.truncate(600);
}

/// What every answer must be.
fn well_formed(command: &[u8], answer: &[u8], room: usize) {
    assert!((2..=room).contains(&answer.len()), "{command:02X?}: {} octets in {room}", answer.len());
    let (data, status) = answer.split_at(answer.len() - 2);
    let known = (0x61..=0x6F).contains(&status[0]) || (0x90..=0x9F).contains(&status[0]);
    assert!(known, "{command:02X?}: no status word {status:02X?}");
    let error = (0x64..=0x6F).contains(&status[0]) || (0x91..=0x9F).contains(&status[0]);
    // The applications of these tests answer P1 P2 as status word, so only errors of the card are known to be bare.
    assert!(!error || data.is_empty(), "{command:02X?}: an error with data {data:02X?} {status:02X?}");
}

/// Sends octets in a buffer of a random size.
fn throw(card: &mut TestCard<'_>, random: &mut Random, command: &[u8], buffer: &mut [u8]) -> Vec<u8> {
    let room = match random.below(8) {
        0 => command.len().max(2),
        1 => command.len() + random.below(40) + 2,
        2 => command.len().max(261),
        _ => buffer.len(),
    };
    buffer[..command.len()].copy_from_slice(command);
    let answer = card.process(&mut buffer[..room], command.len()).to_vec();
    well_formed(command, &answer, room);
    answer
}

/// Counts of what happened, to see that the test is worth its name.
#[derive(Default, Debug)]
struct Seen {
    commands: u64,
    sessions: u64,
    protected: u64,
    successes: u64,
    verified: u64,
    cards: u64,
}

/// One life of a card: until so many commands or until no session can be opened any more.
fn life(kind: &Kind, seed: u64, commands: u64, seeds: &[([u8; 4], Vec<u8>)], seen: &mut Seen) {
    let mut random = Random::new(seed, 1);
    let profile = Profile { ..copy_profile(&kind.profile) };
    let mut bench = Bench::with(profile);
    let [registry, keys, objects, channels] = kind.memory;
    bench.ram = kit::Ram::new(registry, keys, objects, channels);
    bench.desk.0.borrow_mut().quiet = true;
    if seed % 2 == 1 {
        bench.desk.0.borrow_mut().secure.insert(APPLET.to_vec());
    }
    let end = seen.commands + commands;
    seen.cards += 1;
    let mut buffer = vec![0; 1200];
    while seen.commands < end {
        let mut card = bench.card();
        for _ in 0..20 {
            if seen.commands >= end {
                break;
            }
            if !episode(kind, &mut card, &mut random, seeds, &mut buffer, seen) {
                return;
            }
        }
        // What is pending does not last.
        card.reset();
        drop(card);
        bench.assert_lasting();
    }
}

/// `false`: no session opens any more.
fn episode(
    kind: &Kind,
    card: &mut TestCard<'_>,
    random: &mut Random,
    seeds: &[([u8; 4], Vec<u8>)],
    buffer: &mut [u8],
    seen: &mut Seen,
) -> bool {
    let level = loop {
        let level = SecurityLevel::ALL[random.below(6)];
        if kind.profile.implementation.supports(level) {
            break level;
        }
    };
    card.reset();
    kit::select(card, &[]);
    let mut keys = (kind.keys)();
    let opening = Opening { mode: kind.mode, ..Opening::new(&mut keys, KVN, level) };
    let Ok(mut host) = opening.open(card) else { return false };
    seen.sessions += 1;
    let start = random.below(seeds.len());
    let orderly = random.below(2) == 0;
    for step in 0..20 {
        let pick = if orderly { (start + step) % seeds.len() } else { random.below(seeds.len()) };
        let (mut header, mut data) = seeds[pick].clone();
        if random.below(3) == 0 {
            mutate(random, &mut data);
            data.truncate(220);
        }
        match random.below(12) {
            0 => header[2] = random.octet(),
            1 => header[3] = random.octet(),
            2 => header[1] = random.octet(),
            3 => header[0] = [0x80, 0x00][random.below(2)],
            _ => {}
        }
        // These are answered outside the session.
        let outside = header[1] == 0x50 || header[1] == 0x70 || (header[1] == 0xA4 && header[2] == 0x04);
        if outside || (CHAINED.contains(&header[1]) && header[2] & 0x80 != 0) {
            continue;
        }
        header[0] &= 0x80;
        let segments = match header[1] {
            // The host's end has to follow the level.
            ins::BEGIN_R_MAC_SESSION => {
                let by = [RMacSession::RMac, RMacSession::RMacREncryption][random.below(2)];
                let mut octets = [0; 261];
                data.truncate(16);
                match host.secure.begin_r_mac(by, &data, &mut octets) {
                    Ok(command) => vec![command.to_vec()],
                    Err(_) => continue,
                }
            }
            ins::END_R_MAC_SESSION => match host.secure.end_r_mac(&mut [0; 261]) {
                Ok(command) => vec![command.to_vec()],
                Err(_) => continue,
            },
            _ => host.wrap(header, &data),
        };
        let mut answer = Vec::new();
        for mut segment in segments {
            seen.commands += 1;
            if random.below(40) == 0 {
                mutate(random, &mut segment);
                throw(card, random, &segment, buffer);
                return true;
            }
            buffer[..segment.len()].copy_from_slice(&segment);
            answer = card.process(buffer, segment.len()).to_vec();
            well_formed(&segment, &answer, buffer.len());
        }
        seen.protected += 1;
        let (_, status) = host.unwrap(&answer);
        seen.successes += u64::from(status == 0x9000);
        seen.verified += u64::from(level.has_r_mac() && [0x90, 0x62, 0x63].contains(&(status >> 8)));
    }
    for _ in 0..24 {
        seen.commands += 1;
        let octets = match random.below(6) {
            0 => {
                let length = random.below(40);
                random.octets(length)
            }
            1 => {
                let length = random.below(600);
                random.octets(length)
            }
            _ => {
                let (header, data) = &seeds[random.below(seeds.len())];
                let mut octets = kit::command(*header, &data[..data.len().min(255)]);
                if random.below(4) != 0 {
                    mutate(random, &mut octets);
                }
                if random.below(6) == 0 && !octets.is_empty() {
                    octets[0] = [0x81, 0x01, 0xC0, 0x40, 0x10, 0x90, 0x84, 0x04, 0xE0, 0x0C][random.below(10)];
                }
                octets
            }
        };
        throw(card, random, &octets, buffer);
    }
    true
}

fn copy_profile(profile: &Profile<'static>) -> Profile<'static> {
    Profile {
        implementation: profile.implementation,
        status_limit: profile.status_limit,
        ..Profile::new(profile.key_sets)
    }
}

/// Many lives of one kind of card.
fn survive(kind: &Kind, first_seed: u64, commands: u64) {
    let seeds = seeds();
    let mut seen = Seen::default();
    let mut seed = first_seed;
    while seen.commands < commands {
        life(kind, seed, 4_000.min(commands - seen.commands), &seeds, &mut seen);
        seed += 1;
        assert!(seen.cards < 10 + commands, "cards die without answering commands");
    }
    println!("{seen:?}");
    if commands > 10_000 {
        assert!(seen.protected * 5 > seen.commands && seen.successes * 20 > seen.commands, "too little gets through");
    }
}

#[test]
fn survives_s8_with_everything() {
    survive(&kind(0x70, kit::factory_keys, [24, 24, 16, 4]), 1 << 32, scaled(300_000));
}

#[test]
fn survives_s16_with_aes_256() {
    survive(&kind(0x71, || kit::keys_from(0x11, 32), [24, 24, 16, 20]), 2 << 32, scaled(250_000));
}

#[test]
fn survives_with_random_challenges_and_little_memory() {
    survive(&kind(0x60, || kit::keys_from(0x22, 24), [7, 4, 2, 1]), 3 << 32, scaled(250_000));
}

#[test]
fn survives_without_response_protection() {
    survive(&kind(0x00, kit::factory_keys, [64, 12, 4, 2]), 4 << 32, scaled(200_000));
}

#[test]
fn survives_any_length_and_any_buffer() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    for room in 0..300 {
        let mut buffer = vec![0x80; room];
        for length in [0, 1, 4, 5, room.saturating_sub(1), room, room + 1, usize::MAX] {
            for first in [0x00, 0x80, 0x84, 0xC0, 0xFF] {
                buffer.fill(first);
                let answer = card.process(&mut buffer, length).len();
                assert!(answer == 0 && room < 2 || (2..=room).contains(&answer), "{room} {length}: {answer}");
            }
        }
    }
}
