//! INITIALIZE UPDATE, EXTERNAL AUTHENTICATE and R-MAC sessions on the card: recorded dialogues, every key size, mode and
//! level against the host, key sets, counters that outlive power cuts, wrong orders.

use crate::kit;
use gp_apdu::{Class, CommandBuf, Form, Header, Le, StatusWord};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::storage::Storage;
use gp_cardmanager_model::card::{Apdu, AppHandle, Applets, Card, FactoryKeySet, FactoryKeys, OpenError, Profile};
use gp_scp03::{Challenge, Implementation, Key, KeyId, Mode, Quirks, RMacSession, SecurityLevel, StaticKeys};
use kit::flash::Tear;
use kit::{Bench, Host, KVN, Opening, Wire, command, factory, factory_keys, hex, key_set, keys_from, raw, say, split};

/// The little application that the recorded dialogues describe, in the place of the commands that no ISD knows.
struct Recorded;

impl Applets for Recorded {
    fn process(&mut self, _: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        let header = apdu.header();
        let (p1, p2) = (header.p1, header.p2);
        match header.ins {
            0x10 => apdu.respond(&vec![p1; usize::from(p2)]),
            0x12 => Err(StatusWord(u16::from_be_bytes([p1, p2]))),
            0x14 => {
                apdu.warn(StatusWord(u16::from_be_bytes([0x62, p2])));
                apdu.respond(&vec![0x5A; usize::from(p1)])
            }
            0x16 => {
                let reversed: Vec<u8> = apdu.data().iter().rev().copied().collect();
                apdu.respond(&reversed)
            }
            _ => Err(StatusWord::INS_NOT_SUPPORTED),
        }
    }
}

/// A recorded dialogue's card.
struct Script {
    name: String,
    profile: Profile<'static>,
    steps: Vec<(Vec<u8>, Vec<u8>, String)>,
}

fn scripts() -> Vec<Script> {
    let mut scripts: Vec<Script> = Vec::new();
    let mut sets: Vec<FactoryKeys<'static>> = Vec::new();
    for line in include_str!("../data/card_scripts.txt").lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["card", name, i, diversification, aid] => {
                let mut profile = Profile::new(&[]);
                profile.implementation = Implementation::new(hex(i)[0]);
                profile.diversification = hex(diversification).try_into().unwrap();
                profile.isd = Aid::new(&hex(aid)).unwrap();
                scripts.push(Script { name: name.into(), profile, steps: vec![] });
            }
            ["set", version, enc, mac, dek, sequence] => {
                let key = |text| Key::new(&hex(text)).unwrap();
                let complete = dek != "-";
                let keys = StaticKeys::new(key(enc), key(mac), key(if complete { dek } else { mac })).unwrap();
                let keys: &'static StaticKeys = Box::leak(Box::new(keys));
                let keys = if complete { FactoryKeySet::Complete(keys) } else { FactoryKeySet::WithoutDek(keys) };
                let sequence = hex(sequence).try_into().unwrap();
                sets.push(FactoryKeys { version: hex(version)[0], keys, sequence });
            }
            _ => {
                let script = scripts.last_mut().unwrap();
                if !sets.is_empty() {
                    script.profile.key_sets = Box::leak(core::mem::take(&mut sets).into_boxed_slice());
                }
                script.steps.push((hex(words[0]), hex(words[1]), words[2..].join(" ")));
            }
        }
    }
    scripts
}

/// Steps that a real ISD answers otherwise than the described application. There are none: the ISD hands on what it does
/// not know, and knows what is asked of it.
const DIFFERENCES: &[&str] = &[];

#[test]
fn recorded_dialogues_are_answered_to_the_octet() {
    let mut steps = 0;
    for script in scripts() {
        let (mut ram, flash) = (kit::Ram::new(8, 12, 2, 1), kit::Shared::<16>::new(128));
        let dice = kit::Dice::default();
        let mut card = Card::open(ram.memory(), flash, dice.clone(), Recorded, &script.profile).unwrap();
        for (number, (command, expected, remark)) in script.steps.iter().enumerate() {
            let answer = card.transmit(command);
            let known = DIFFERENCES.contains(&&remark[..]);
            assert!(answer == *expected || known, "{} step {number}, {remark}: {answer:02X?}", script.name);
            steps += 1;
        }
        assert_eq!(dice.drawn(), 0, "a pseudo-random challenge needs no randomness");
    }
    println!("{steps} recorded steps");
    assert_eq!(steps, 342);
}

/// Sends echo commands of a length, in a form.
fn echo(card: &mut impl Wire, host: &mut Host, form: Form, length: usize) {
    let data: Vec<u8> = (0..length).map(|at| at as u8).collect();
    let mut buffer = vec![0; length + 64];
    let header = Header::new(Class::GP.with_channel(host.secure.channel()).unwrap(), 0x10, 0, 0);
    let mut command = CommandBuf::new(&mut buffer, header, form).unwrap();
    command.push(&data).unwrap().expect(form.max_le());
    host.secure.wrap(&mut command).unwrap();
    let octets = command.finish().unwrap().to_vec();
    let answer = card.transmit(&octets);
    assert_eq!(host.unwrap(&answer), (data, 0x9000), "{form:?} {length}");
}

#[test]
fn host_and_card_agree_at_every_key_size_mode_and_level() {
    let mut cases = 0;
    for octets in [16, 24, 32] {
        for (i, mode) in [(0x70, Mode::S8), (0x60, Mode::S8), (0x71, Mode::S16), (0x61, Mode::S16)] {
            for level in SecurityLevel::ALL {
                let mut profile = factory(vec![key_set(0x01, keys_from(9, octets), [0; 3])]);
                profile.implementation = Implementation::new(i);
                let mut bench = Bench::with(profile);
                let mut card = bench.card();
                let mut keys = keys_from(9, octets);
                let opening = Opening { mode, ..Opening::new(&mut keys, 0x01, level) };
                let mut host = opening.open(&mut card).unwrap();
                assert_eq!(host.shown.len(), 13 + 2 * mode.octets() + if i & 0x10 != 0 { 3 } else { 0 });
                for form in [Form::Short, Form::Extended] {
                    // An answer may be longer than the command it answers; the echo must fit as well.
                    let most = host.secure.max_command_data(Form::Short).min(level.max_response_data(mode, 256));
                    for length in [0, 1, 15, 16, 17, most - 1, most] {
                        echo(&mut card, &mut host, form, length);
                        cases += 1;
                    }
                }
                echo(&mut card, &mut host, Form::Extended, 700);
                // GET DATA D3 shows the level.
                let shown = host.send(&mut card, [0x80, 0xCA, 0x00, 0xD3], &[]);
                assert_eq!(shown, (vec![0xD3, 0x01, 0x80 | level.octet()], 0x9000));
                drop(card);
                bench.assert_lasting();
            }
        }
    }
    println!("{cases} echoes");
    assert_eq!(cases, 3 * 4 * 6 * 2 * 7);
}

/// INITIALIZE UPDATE for a version.
fn initialize(version: u8) -> Vec<u8> {
    command([0x80, 0x50, version, 0x00], &[0x11; 8])
}

#[test]
fn key_sets_are_found_by_version_and_only_when_complete() {
    let without = |version, keys: StaticKeys| FactoryKeys {
        version,
        keys: FactoryKeySet::WithoutDek(Box::leak(Box::new(keys))),
        sequence: [0; 3],
    };
    let mut bench = Bench::with(factory(vec![
        without(0x20, keys_from(1, 16)),
        key_set(0x31, keys_from(2, 16), [0, 0, 9]),
        key_set(0x01, keys_from(3, 32), [0xFF, 0xFF, 0xFE]),
    ]));
    let mut card = bench.card();
    let mut expect = |version: u8, answered: u8, counter: &[u8]| {
        let (data, status) = raw(&mut card, &initialize(version));
        assert_eq!((status, data[10], &data[29..]), (0x9000, answered, counter), "{version:02X}");
    };
    // 00 is the first complete set, and each set counts for itself.
    expect(0x00, 0x31, &[0, 0, 10]);
    expect(0x31, 0x31, &[0, 0, 11]);
    expect(0x01, 0x01, &[0xFF, 0xFF, 0xFF]);
    expect(0x00, 0x31, &[0, 0, 12]);
    for version in (0..=0xFF).filter(|version| ![0x00, 0x01, 0x31].contains(version)) {
        assert_eq!(raw(&mut card, &initialize(version)), (vec![], 0x6A88), "{version:02X}");
    }
    // FFFFFF was used once and there is nothing after it.
    for _ in 0..3 {
        assert_eq!(raw(&mut card, &initialize(0x01)), (vec![], 0x6985));
    }
    // C1 is the counter of the default set, E0 shows the incomplete one, too.
    assert_eq!(say(&mut card, "80CA00C100").0, hex("C103 00000C"));
    let information = say(&mut card, "80CA00E000").0;
    assert_eq!(
        information,
        hex(
            "E030 C004 01208810 C004 02208810 C004 01318810 C004 02318810 C004 03318810 C004 01018820 C004 02018820 C004 03018820"
        )
    );
    let keys = |seed, octets| keys_from(seed, octets);
    assert!(Opening::new(&mut keys(2, 16), 0, SecurityLevel::Full).open(&mut card).is_ok());
    // Wrong keys for the version: the host sees it and sends nothing more.
    drop(card);
    bench.assert_lasting();
}

#[test]
fn initialize_update_refuses_what_it_must() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    for (octets, status) in [
        ("80503001 08 1111111111111111 00", 0x6A86),
        ("80503000 10 11111111111111111111111111111111 00", 0x6700),
        ("80503000 07 11111111111111 00", 0x6700),
        ("80503000 00", 0x6700),
        ("80507F00 08 1111111111111111 00", 0x6A88),
    ] {
        assert_eq!(say(&mut card, octets), (vec![], status), "{octets}");
    }
    // No refusal has stepped the counter.
    assert_eq!(say(&mut card, "80CA00C100"), (hex("C103000000"), 0x9000));
    // Le may be missing.
    assert_eq!(say(&mut card, "80503000 08 1111111111111111").1, 0x9000);
    assert_eq!(say(&mut card, "80CA00C100"), (hex("C103000001"), 0x9000));
}

#[test]
fn a_card_without_keys_opens_nothing() {
    let mut bench = Bench::with(factory(vec![]));
    let mut card = bench.card();
    assert_eq!(raw(&mut card, &initialize(0)), (vec![], 0x6A88));
    assert_eq!(say(&mut card, "80CA00C100"), (vec![], 0x6A88));
    assert_eq!(say(&mut card, "80CA00E000"), (hex("E000"), 0x9000));
}

/// The counter that INITIALIZE UPDATE shows.
fn counter(answer: &[u8]) -> u32 {
    let (data, status) = split(answer);
    assert_eq!(status, 0x9000);
    u32::from_be_bytes([0, data[29], data[30], data[31]])
}

#[test]
fn no_power_cut_repeats_a_sequence_counter() {
    let mut cuts = 0;
    let tears = Tear::all(16, 6);
    for before in [0, 1, 60] {
        // Down to the smallest storage that holds the card, so that cuts come in the middle of compactions, too.
        for operation in 0.. {
            let mut over = false;
            for tear in &tears {
                let mut bench = Bench::new();
                bench.flash = kit::Shared::new(64);
                let mut highest = 0;
                let mut card = bench.card();
                for _ in 0..before {
                    highest = counter(&card.transmit(&initialize(0)));
                }
                drop(card);
                let flash = bench.flash.clone();
                let mut card = bench.card();
                flash.0.borrow_mut().cut_at(operation, *tear);
                let answer = card.transmit(&initialize(0));
                let whole = !flash.0.borrow().is_off();
                if whole {
                    highest = counter(&answer);
                } else {
                    // What was not certainly written is not shown, and the card says nothing more.
                    assert_eq!(answer, hex("6581"));
                    assert_eq!(card.transmit(&hex("80CA006600")), hex("6581"));
                    cuts += 1;
                }
                over = whole;
                drop(card);
                flash.0.borrow_mut().power_on();
                let mut card = bench.card();
                let next = counter(&card.transmit(&initialize(0)));
                assert!(next > highest && next <= highest + 2, "{before} {operation} {tear:?}: {highest} then {next}");
                drop(card);
                bench.assert_lasting();
                if flash.0.borrow().cut_in_read() {
                    break;
                }
            }
            if over {
                break;
            }
        }
    }
    println!("{cuts} cuts");
    assert!(cuts > 100);
}

#[test]
fn a_glitch_of_the_storage_mutes_the_card_until_it_is_opened_again() {
    let mut bench = Bench::new();
    let flash = bench.flash.clone();
    let mut card = bench.card();
    flash.0.borrow_mut().glitch_at(0);
    assert_eq!(raw(&mut card, &initialize(0)), (vec![], 0x6581));
    for command in ["80CA006600", "00A4040000", "80503000081111111111111111", "00"] {
        assert_eq!(say(&mut card, command), (vec![], 0x6581));
    }
    card.reset();
    assert_eq!(say(&mut card, "80CA006600"), (vec![], 0x6581), "a reset repairs no storage");
    drop(card);
    assert_eq!(raw(&mut bench.card(), &initialize(0)).1, 0x9000);
}

/// A card that locks its key set after three failures.
fn limited() -> Bench {
    let mut profile = factory(vec![key_set(KVN, factory_keys(), [0; 3])]);
    profile.max_failures = 3;
    Bench::with(profile)
}

/// INITIALIZE UPDATE and an EXTERNAL AUTHENTICATE that is wrong.
fn fail(card: &mut impl Wire) -> u16 {
    let (_, status) = raw(card, &initialize(0));
    if status != 0x9000 {
        return status;
    }
    raw(card, &command([0x84, 0x82, 0x01, 0x00], &[0x5A; 16])[..21]).1
}

#[test]
fn failures_are_counted_and_lock() {
    let mut bench = limited();
    let mut card = bench.card();
    for _ in 0..2 {
        assert_eq!(fail(&mut card), 0x6982);
    }
    // A good one forgives.
    assert!(Host::open(&mut card, 0, SecurityLevel::CMac).is_ok());
    for _ in 0..2 {
        assert_eq!(fail(&mut card), 0x6982);
    }
    drop(card);
    bench.assert_lasting();
    // The count outlives the power.
    let mut card = bench.card();
    assert_eq!(fail(&mut card), 0x6982);
    assert_eq!(fail(&mut card), 0x6983);
    assert_eq!(Host::open(&mut card, KVN, SecurityLevel::CMac).err(), Some(0x6983));
    card.reset();
    drop(card);
    assert_eq!(Host::open(&mut bench.card(), KVN, SecurityLevel::CMac).err(), Some(0x6983));
    // INITIALIZE UPDATE alone is no failure: it compares nothing.
    let mut bench = limited();
    let mut card = bench.card();
    for _ in 0..10 {
        assert_eq!(raw(&mut card, &initialize(0)).1, 0x9000);
    }
    assert!(Host::open(&mut card, 0, SecurityLevel::CMac).is_ok());
}

#[test]
fn no_power_cut_makes_a_failure_free() {
    // An attacker who cuts the power as soon as the answer could be told from the consumption gains nothing.
    let mut cuts = 0;
    for good in [false, true] {
        for operation in 0..40 {
            for tear in [Tear::Nothing, Tear::Everything, Tear::Prefix(8), Tear::Bits(1)] {
                let mut bench = limited();
                let flash = bench.flash.clone();
                let mut card = bench.card();
                assert_eq!([fail(&mut card), fail(&mut card)], [0x6982; 2]);
                let mut keys = factory_keys();
                let challenge = Challenge::new(&[0x11; 8]).unwrap();
                let initiator = gp_scp03::Initiator::new(challenge, gp_apdu::LogicalChannel::BASIC, 0);
                let mut buffer = [0; 261];
                let answer = card.transmit(initiator.initialize_update(&mut buffer).unwrap());
                let challenged = initiator.challenged(gp_apdu::Response::parse(&answer).unwrap()).unwrap();
                let (_, command) = challenged
                    .authenticate(&mut keys, SecurityLevel::CMac, gp_scp03::ChallengePolicy::Off, &mut buffer)
                    .unwrap();
                let mut command = command.to_vec();
                if !good {
                    *command.last_mut().unwrap() ^= 1;
                }
                flash.0.borrow_mut().cut_at(operation, tear);
                let answer = card.transmit(&command);
                let cut = flash.0.borrow().is_off();
                drop(card);
                flash.0.borrow_mut().power_on();
                let mut card = bench.card();
                let status = raw(&mut card, &initialize(0)).1;
                match (cut, good) {
                    (false, true) => assert_eq!((&answer[..], status), (&hex("9000")[..], 0x9000)),
                    (false, false) => assert_eq!((&answer[..], status), (&hex("6982")[..], 0x6983)),
                    // Cut before it was written: nothing was compared, and the answer says nothing.
                    (true, _) => {
                        assert_eq!(answer, hex("6581"));
                        assert!([0x9000, 0x6983].contains(&status));
                        cuts += 1;
                    }
                }
            }
        }
    }
    println!("{cuts} cuts");
    assert!(cuts > 10);
}

#[test]
fn orders_that_are_wrong_open_nothing() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let authenticate = &command([0x84, 0x82, 0x01, 0x00], &[0x5A; 16])[..21];
    // Without a challenge.
    assert_eq!(raw(&mut card, authenticate).1, 0x6982, "protected where nothing protects");
    assert_eq!(say(&mut card, "8082010000"), (vec![], 0x6985));
    // A challenge is for one attempt.
    assert_eq!(fail(&mut card), 0x6982);
    assert_ne!(raw(&mut card, authenticate).1, 0x9000);
    // Selection, reset and a refused INITIALIZE UPDATE end the attempt; other commands do not.
    for (between, survives) in [("00A4040000", false), ("80507F00081111111111111111", false), ("80CA006600", true)] {
        let initiator =
            gp_scp03::Initiator::new(Challenge::new(&[0x11; 8]).unwrap(), gp_apdu::LogicalChannel::BASIC, 0);
        let mut buffer = [0; 261];
        let answer = card.transmit(initiator.initialize_update(&mut buffer).unwrap());
        let challenged = initiator.challenged(gp_apdu::Response::parse(&answer).unwrap()).unwrap();
        let mut keys = factory_keys();
        let (_, command) = challenged
            .authenticate(&mut keys, SecurityLevel::CMac, gp_scp03::ChallengePolicy::Off, &mut buffer)
            .unwrap();
        say(&mut card, between);
        assert_eq!(raw(&mut card, command).1 == 0x9000, survives, "{between}");
        card.reset();
    }
    // Inside a session it is a command like others, and refused.
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMacRMac).unwrap();
    assert_eq!(host.status(&mut card, [0x80, 0x82, 0x01, 0x00], &[0; 16]), 0x6985);
    assert_eq!(host.status(&mut card, [0x80, 0x10, 0x00, 0x00], &[1, 2]), 0x9000, "the session goes on");
    // Levels that do not exist, or that this card lacks.
    for level in (0..=0xFF).filter(|level| SecurityLevel::from_octet(*level).is_none()) {
        let forged = session_command(&mut card, level);
        assert_eq!(raw(&mut card, &forged), (vec![], 0x6A86), "{level:02X}");
        assert_eq!(say(&mut card, "80F2800202 4F00 00").1, 0x6982);
    }
}

/// INITIALIZE UPDATE, and EXTERNAL AUTHENTICATE with a good cryptogram and a good MAC for any P1.
fn session_command(card: &mut impl Wire, p1: u8) -> Vec<u8> {
    let (data, status) = raw(card, &initialize(0));
    assert_eq!(status, 0x9000);
    let keys = factory_keys();
    let context = [&[0x11; 8][..], &data[13..21]].concat();
    let derive = |key: &Key, constant: u8, bits: u16| {
        let block = [&[0; 11][..], &[constant, 0], &bits.to_be_bytes(), &[1], &context].concat();
        key.cmac(&[&block])
    };
    let mac_key = Key::new(&derive(keys.key(KeyId::Mac), 0x06, 0x80)).unwrap();
    let cryptogram = &derive(&mac_key, 0x01, 0x40)[..8];
    let command = [&[0x84, 0x82, p1, 0x00, 0x10][..], cryptogram].concat();
    let mac = mac_key.cmac(&[&[0; 16], &command]);
    [&command[..], &mac[..8]].concat()
}

#[test]
fn levels_beyond_the_implementation_are_refused() {
    for i in [0x00, 0x10, 0x20, 0x30, 0x60, 0x70] {
        let implementation = Implementation::new(i);
        let mut profile = factory(vec![key_set(KVN, factory_keys(), [0; 3])]);
        profile.implementation = implementation;
        let mut bench = Bench::with(profile);
        let mut card = bench.card();
        for level in SecurityLevel::ALL {
            card.reset();
            let octets = session_command(&mut card, level.octet());
            let expected = if implementation.supports(level) { 0x9000 } else { 0x6A86 };
            assert_eq!(raw(&mut card, &octets), (vec![], expected), "{i:02X} {level:?}");
        }
    }
}

#[test]
fn without_randomness_there_is_no_challenge() {
    let mut profile = factory(vec![key_set(KVN, factory_keys(), [0; 3])]);
    profile.implementation = Implementation::new(0x60);
    let mut bench = Bench::with(profile);
    let dice = bench.dice.clone();
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::Full).unwrap();
    dice.set_broken(true);
    assert_eq!(raw(&mut card, &initialize(0)), (vec![], 0x6400));
    // It has ended the session all the same.
    let octets = host.wrap([0x80, 0xF2, 0x80, 0x02], &[0x4F, 0x00]).remove(0);
    assert_eq!(raw(&mut card, &octets), (vec![], 0x6982));
    assert_eq!(say(&mut card, "80D3"), (vec![], 0x6700));
    dice.set_broken(false);
    let one = raw(&mut card, &initialize(0)).0;
    let other = raw(&mut card, &initialize(0)).0;
    assert_ne!(one[13..21], other[13..21], "two sessions share a challenge");
    assert_eq!(one.len(), 29);
    assert!(Host::open(&mut card, 0, SecurityLevel::Full).is_ok());
}

#[test]
fn r_mac_sessions_rise_and_fall() {
    // (level, BEGIN, raised)
    let table = [
        (SecurityLevel::Authenticated, RMacSession::RMac, None),
        (SecurityLevel::CMac, RMacSession::RMac, Some(SecurityLevel::CMacRMac)),
        (SecurityLevel::CMac, RMacSession::RMacREncryption, None),
        (SecurityLevel::CMacCDecryption, RMacSession::RMac, Some(SecurityLevel::CMacCDecryptionRMac)),
        (SecurityLevel::CMacCDecryption, RMacSession::RMacREncryption, Some(SecurityLevel::Full)),
        (SecurityLevel::CMacRMac, RMacSession::RMac, None),
        (SecurityLevel::CMacRMac, RMacSession::RMacREncryption, None),
        (SecurityLevel::CMacCDecryptionRMac, RMacSession::RMac, None),
        (SecurityLevel::CMacCDecryptionRMac, RMacSession::RMacREncryption, Some(SecurityLevel::Full)),
        (SecurityLevel::Full, RMacSession::RMac, None),
        (SecurityLevel::Full, RMacSession::RMacREncryption, None),
    ];
    for (level, by, raised) in table {
        let mut bench = Bench::new();
        let mut card = bench.card();
        let mut host = Host::open(&mut card, 0, level).unwrap();
        assert_eq!(host.status(&mut card, [0x80, 0x78, 0x00, 0x03], &[]), 0x6985, "none runs");
        let Some(raised) = raised else {
            assert_eq!(host.status(&mut card, [0x80, 0x7A, by.octet(), 0x01], &[2, 8, 9]), 0x6985, "{level:?} {by:?}");
            echo(&mut card, &mut host, Form::Short, 20);
            continue;
        };
        for round in 0..2 {
            let mut buffer = [0; 261];
            let octets = host.secure.begin_r_mac(by, &[7; 5], &mut buffer).unwrap().to_vec();
            let answer = card.transmit(&octets);
            assert_eq!(host.unwrap(&answer), (vec![], 0x9000));
            assert_eq!(host.secure.level(), raised);
            echo(&mut card, &mut host, Form::Short, 20 + round);
            assert_eq!(host.send(&mut card, [0x80, 0xCA, 0x00, 0xD3], &[]).0, [0xD3, 1, 0x80 | raised.octet()]);
            // A second one, a refused command, and a wrong P1: it goes on.
            assert_eq!(host.status(&mut card, [0x80, 0x7A, by.octet(), 0x01], &[0]), 0x6985);
            assert_eq!(host.status(&mut card, [0x80, 0x7A, 0x20, 0x01], &[0]), 0x6A86);
            assert_eq!(host.status(&mut card, [0x80, 0x78, 0x00, 0x01], &[]), 0x6A86);
            echo(&mut card, &mut host, Form::Short, 3);
            let octets = host.secure.end_r_mac(&mut buffer).unwrap().to_vec();
            let answer = card.transmit(&octets);
            assert_eq!(host.unwrap(&answer), (vec![], 0x9000));
            assert_eq!(host.secure.level(), level);
            echo(&mut card, &mut host, Form::Short, 16);
        }
        assert_eq!(host.status(&mut card, [0x80, 0x7A, 0x20, 0x01], &[0]), 0x6A86);
        assert_eq!(host.status(&mut card, [0x80, 0x7A, by.octet(), 0x01], &[2, 8]), 0x6A80);
    }
    // Outside a session they are refused.
    let mut bench = Bench::new();
    let mut card = bench.card();
    assert_eq!(say(&mut card, "807A100101 00").1, 0x6985);
    assert_eq!(say(&mut card, "8078000300").1, 0x6985);
}

#[test]
fn an_aborted_session_stays_so_until_it_is_ended() {
    for level in &SecurityLevel::ALL[1..] {
        let mut bench = Bench::new();
        let mut card = bench.card();
        for (ending, over) in
            [("00A4040000", 0x9000), ("80503000081111111111111111", 0x9000), ("80507F00081111111111111111", 0x6A88)]
        {
            let mut host = Host::open(&mut card, 0, *level).unwrap();
            assert_eq!(say(&mut card, "80CA006600"), (vec![], 0x6982), "no MAC");
            for command in ["80CA006600", "00CA006600", "80F2800202 4F00 00", "8010000000", "84820100"] {
                assert_eq!(say(&mut card, command), (vec![], 0x6982));
            }
            // What was protected well before the abort comes too late.
            let late = host.wrap([0x80, 0xCA, 0x00, 0x66], &[]).remove(0);
            assert_eq!(raw(&mut card, &late), (vec![], 0x6982));
            assert_eq!(say(&mut card, ending).1, over);
            assert_eq!(say(&mut card, "80CA006600").1, 0x9000, "{ending}");
            assert_eq!(say(&mut card, "80F2800202 4F00 00").1, 0x6982, "and nobody is authenticated");
        }
        Host::open(&mut card, 0, *level).unwrap();
        assert_eq!(say(&mut card, "80CA006600"), (vec![], 0x6982));
        card.reset();
        assert_eq!(say(&mut card, "80CA006600").1, 0x9000);
    }
}

#[test]
fn an_application_uses_the_channel_of_its_security_domain() {
    let (package, applet) = (hex("D27600011801"), hex("D2760001180101"));
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    host.load_package(&mut card, &package, &[&applet]);
    let fields: [&[u8]; 6] = [&package, &applet, &applet, &[0], &hex("C900"), &[]];
    assert_eq!(host.install(&mut card, 0x0C, 0, &fields), (vec![0], 0x9000));
    assert_eq!(kit::select(&mut card, &applet).1, 0x9000);
    // An application that has nothing to do with it gets the commands as they come.
    assert_eq!(raw(&mut card, &initialize(0)), (vec![], 0x6D00));
    assert_eq!(say(&mut card, "8410000002 0102 00"), (vec![1, 2], 0x9000));
    desk.0.borrow_mut().secure.insert(applet.clone());
    desk.take_events();
    let before = say(&mut card, "00A4040007 D2760001180101 00");
    assert_eq!(before.1, 0x9000);
    let mut host = Host::open(&mut card, 0, SecurityLevel::Full).unwrap();
    // The challenge is made with the AID of the application.
    let mut keys = factory_keys();
    let sequence = gp_scp03::SequenceCounter::new(host.shown[29..32].try_into().unwrap());
    let expected = Challenge::pseudo_random(&mut keys, Mode::S8, sequence, &applet).unwrap();
    assert_eq!(&host.shown[13..21], expected.octets());
    assert_eq!(host.send(&mut card, [0x80, 0x10, 0, 0], &[9, 8, 7]), (vec![9, 8, 7], 0x9000));
    // A security domain's command is the application's affair here.
    assert_eq!(host.status(&mut card, [0x80, 0xF2, 0x80, 0x02], &[0x4F, 0x00]), 0x6D00);
    let seen = desk.take_events();
    let levels: Vec<_> = seen
        .iter()
        .filter_map(|event| match event {
            kit::Event::Process { level, .. } => Some(*level),
            _ => None,
        })
        .collect();
    assert_eq!(levels, [Some(SecurityLevel::Full); 2]);
    assert_eq!(say(&mut card, "8010000002 0102 00"), (vec![], 0x6982));
}

#[test]
fn a_published_deviation_is_a_profile() {
    // A card that does not count commands without data, and a host that knows.
    let mut bench = Bench::new();
    bench.profile.quirks = Quirks::NONE.with_counter_skips_empty();
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::Full).unwrap();
    host.secure.set_quirks(Quirks::NONE.with_counter_skips_empty());
    for length in [0, 3, 0, 0, 16] {
        echo(&mut card, &mut host, Form::Short, length);
    }
    drop(card);
    // Without knowing, the host finds out at the first command with data.
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMacCDecryption).unwrap();
    assert_eq!(host.status(&mut card, [0x80, 0x10, 0, 0], &[]), 0x9000);
    let octets = host.wrap([0x80, 0x10, 0, 0], &[1; 5]).remove(0);
    let answer = card.transmit(&octets);
    assert_ne!(answer[..5.min(answer.len())], [1; 5]);
}

#[test]
fn memory_that_does_not_fit_is_refused_at_the_start() {
    let mut bench = Bench::new();
    for [registry, keys, objects, channels] in
        [[2, 3, 0, 1], [3, 2, 0, 1], [3, 3, 0, 0], [3, 3, 0, 21], [0, 3, 0, 1], [0x1_0000, 3, 0, 1]]
    {
        bench.ram = kit::Ram::new(registry, keys, objects, channels);
        bench.flash = kit::Shared::new(64);
        assert_eq!(bench.try_card().err(), Some(OpenError::Memory), "{registry} {keys} {objects} {channels}");
    }
    bench.ram = kit::Ram::new(3, 3, 0, 1);
    bench.flash = kit::Shared::new(12);
    assert_eq!(bench.try_card().err(), Some(OpenError::Memory), "the storage is too small");
    bench.flash = kit::Shared::new(64);
    assert_eq!(raw(&mut bench.card(), &initialize(0)).1, 0x9000);
    // A card that has outgrown its memory is not read in part.
    bench.ram = kit::Ram::new(2, 3, 0, 1);
    assert_eq!(bench.try_card().err(), Some(OpenError::Unreadable));
    bench.ram = kit::Ram::new(3, 3, 0, 1);
    bench.flash.0.borrow_mut().glitch_at(0);
    assert_eq!(bench.try_card().err(), Some(OpenError::Storage(kit::flash::Failure::Glitch)));
    assert_eq!(bench.flash.slot_size(), 64 * 16);
    assert_eq!(Le::MAX_SHORT.get(), 256);
}

/// A card that starts opens a session, however little storage it has; with less it does not start.
#[test]
fn little_storage_is_enough_or_refused_at_the_start() {
    let mut bench = Bench::new();
    bench.ram = kit::Ram::new(3, 3, 0, 1);
    let (mut started, mut refused) = (0, 0);
    for units in 4..64 {
        bench.flash = kit::Shared::new(units);
        match bench.try_card() {
            Ok(mut card) => {
                assert_eq!(raw(&mut card, &initialize(0)).1, 0x9000, "{units} units");
                started += 1;
            }
            Err(error) => {
                assert_eq!((error, started), (OpenError::Memory, 0), "{units} units");
                refused += 1;
            }
        }
    }
    assert!(started > 0 && refused > 0);
    // Storage that fails, at whatever operation, says so.
    for at in 0.. {
        bench.flash = kit::Shared::new(64);
        bench.flash.0.borrow_mut().glitch_at(at);
        match bench.try_card().err() {
            Some(error) => assert_eq!(error, OpenError::Storage(kit::flash::Failure::Glitch), "{at}"),
            None => {
                assert!(at > 10, "{at}");
                break;
            }
        }
    }
}

/// A session that was made in advance, or written down on the wire, is good once: the card's sequence counter has gone on, and with it
/// the card's challenge, so that its EXTERNAL AUTHENTICATE and all behind it are refused.
#[test]
fn a_session_that_is_played_again_is_refused() {
    let mut bench = Bench::with(factory(vec![key_set(0x30, keys_from(1, 16), [0; 3])]));
    bench.profile.implementation = Implementation::new(0x70);
    let mut card = bench.card();
    let initiator = || gp_scp03::Initiator::new(Challenge::new(&[0x11; 8]).unwrap(), gp_apdu::LogicalChannel::BASIC, 0);
    let first = initialize(0);
    let (data, status) = raw(&mut card, &first);
    assert_eq!(status, 0x9000);
    let response = gp_apdu::Response { data: &data, status: StatusWord::OK };
    let mut buffer = [0; 64];
    let challenged = initiator().challenged(response).unwrap();
    let policy = gp_scp03::ChallengePolicy::Off;
    let authenticated = challenged.authenticate(&mut keys_from(1, 16), SecurityLevel::CMac, policy, &mut buffer);
    let (host, second) = authenticated.unwrap();
    let second = second.to_vec();
    assert_eq!(raw(&mut card, &second), (vec![], 0x9000));
    let ok = gp_apdu::Response { data: &[], status: StatusWord::OK };
    let mut host = host.confirmed(ok).unwrap();
    let mut third = [0; 64];
    third[5..9].copy_from_slice(&hex("42020155"));
    let header = Header::new(Class::GP, 0xE2, 0x80, 0x00);
    let mut built = CommandBuf::assemble(&mut third, header, Form::Short, 4, None).unwrap();
    host.wrap(&mut built).unwrap();
    let third = built.finish().unwrap().to_vec();
    assert_eq!(raw(&mut card, &third), (vec![], 0x9000));
    // In the same session, after a reset, and from the start.
    assert_eq!(raw(&mut card, &third).1, 0x6982);
    card.reset();
    assert_eq!(raw(&mut card, &third).1, 0x6982);
    assert_eq!(raw(&mut card, &second).1, 0x6982);
    let (again, status) = raw(&mut card, &first);
    assert_eq!((status, again == data), (0x9000, false));
    assert_ne!(raw(&mut card, &second).1, 0x9000);
    assert_eq!(raw(&mut card, &third).1, 0x6982);
}
