//! Rules that meet in one place: locks in the middle of something, limits across channels, domains that touch what is
//! not theirs, keys that would lock everybody out. Each test is a defect that once was there.

use crate::{content, kit};
use content::*;
use gp_apdu::{LogicalChannel, Response};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::Room;
use gp_scp03::{Challenge, ChallengePolicy, Initiator, Key, KeyId, SecurityLevel};
use kit::{Bench, Event, Host, Opening, TestCard, Wire, add_key, cap_block, hex, keys_from, raw, tlv, toy_hash};

const UPDATE: [u8; 4] = [0x80, 0x50, kit::KVN, 0x00];

fn limited(limit: u8, channels: usize) -> Bench {
    let mut profile = kit::factory(vec![kit::key_set(kit::KVN, kit::factory_keys(), [0; 3])]);
    profile.max_failures = limit;
    let mut bench = Bench::with(profile);
    bench.ram = kit::Ram::new(24, 24, 16, channels);
    bench
}

fn initialize(card: &mut TestCard<'_>) -> u16 {
    raw(card, &kit::command(UPDATE, &[0x11; 8])).1
}

/// EXTERNAL AUTHENTICATE with a wrong cryptogram.
fn wrong(card: &mut TestCard<'_>, channel: u8) -> u16 {
    let class = if channel < 4 { 0x84 | channel } else { 0xE0 | (channel - 4) };
    raw(card, &[&[class, 0x82, 0x01, 0x00, 0x10][..], &[0xAA; 16]].concat()).1
}

#[test]
fn a_limit_of_failures_holds_over_all_channels() {
    let mut bench = limited(3, 20);
    let mut card = bench.card();
    for _ in 1..20 {
        assert_eq!(raw(&mut card, &hex("0070000001")).1, 0x9000);
    }
    for channel in 0..20 {
        let initiator =
            Initiator::new(Challenge::new(&[0x11; 8]).unwrap(), LogicalChannel::new(channel).unwrap(), kit::KVN);
        let mut buffer = [0; 64];
        assert_eq!(raw(&mut card, initiator.initialize_update(&mut buffer).unwrap()).1, 0x9000);
    }
    let answers: Vec<u16> = (0..20).map(|channel| wrong(&mut card, channel)).collect();
    assert_eq!(answers[..3], [0x6982; 3]);
    assert!(answers[3..].iter().all(|status| *status == 0x6983), "{answers:04X?}");
    assert_eq!(initialize(&mut card), 0x6983);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn a_challenge_from_before_does_not_lift_the_limit() {
    let mut bench = limited(3, 2);
    let mut card = bench.card();
    assert_eq!(raw(&mut card, &hex("0070000001")).1, 0x9000);
    let initiator = Initiator::new(Challenge::new(&[0x11; 8]).unwrap(), LogicalChannel::new(1).unwrap(), kit::KVN);
    let mut buffer = [0; 64];
    let answer = card.transmit(initiator.initialize_update(&mut buffer).unwrap());
    let challenged = initiator.challenged(Response::parse(&answer).unwrap()).unwrap();
    let (_, right) = challenged
        .authenticate(&mut kit::factory_keys(), SecurityLevel::CMac, ChallengePolicy::Off, &mut buffer)
        .unwrap();
    for _ in 0..3 {
        assert_eq!(initialize(&mut card), 0x9000);
        assert_eq!(wrong(&mut card, 0), 0x6982);
    }
    assert_eq!(raw(&mut card, right).1, 0x6983);
    assert_eq!(initialize(&mut card), 0x6983);
}

#[test]
fn a_mandated_dap_is_not_locked_away() {
    let file = tlv(0xC4, &cap_block(&FILE, &[&MODULE]));
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "C1", 0x55);
    let mut owner = session_of(&mut card, &SSD, 0x55);
    add_key(&mut card, &mut owner, keys_from(0x55, 16).dek(), 0x73, &Key::new(&[0xDA; 16]).unwrap());
    let mut host = session(&mut card);
    for lock in [None, Some(0x80), Some(0x00)] {
        if let Some(state) = lock {
            assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, state], &SSD), 0x9000);
        }
        assert_eq!(host.install(&mut card, 0x02, 0, &[&FILE, &[], &[], &[], &[]]).1, 0x9000);
        assert_eq!(host.load(&mut card, &file, 200).1, 0x6982, "{lock:02X?}");
    }
}

#[test]
fn the_isd_keeps_what_others_return_to_it() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "80", 0x55);
    let mut host = session(&mut card);
    assert_eq!(host.install(&mut card, 0x40, 0, &[&[], &[], &SSD, &hex("80C000"), &[], &[]]).1, 0x9000);
    let before = privileges_of(&mut host, &mut card, &ISD);
    // Not by another one with Authorized Management.
    let mut other = session_of(&mut card, &SSD, 0x55);
    assert_eq!(other.install(&mut card, 0x40, 0, &[&[], &[], &ISD, &hex("800000"), &[], &[]]).1, 0x6985);
    // Not by itself: without Final Application, without Card Reset.
    let mut host = session(&mut card);
    for privileges in ["9EC080", "9AFE80"] {
        let answer = host.install(&mut card, 0x40, 0, &[&[], &[], &ISD, &hex(privileges), &[], &[]]);
        assert_eq!(answer.1, 0x6985, "{privileges}");
    }
    assert_eq!(privileges_of(&mut host, &mut card, &ISD), before);
    drop(card);
    bench.assert_lasting();
}

/// A field with a key set of this access.
fn set_with_access(version: u8, seed: u8, access: u8) -> Vec<u8> {
    let new = keys_from(seed, 16);
    let mut body = vec![version];
    for (id, usage) in [(KeyId::Enc, 0x38), (KeyId::Mac, 0x34), (KeyId::Dek, 0xC8)] {
        let key = new.key(id);
        let mut value = key.expose_secret().to_vec();
        kit::factory_keys().dek().encrypt_sensitive(&mut value).unwrap();
        body.extend([&[0xFF, 0x88][..], &kit::lv(&value), &kit::lv(&key.kcv()), &[1, usage, 1, access]].concat());
    }
    body
}

#[test]
fn initial_keys_stay_until_there_are_keys_for_the_domain() {
    for (access, stay) in [(0x02, true), (0xFF, true), (0x00, false), (0x01, false)] {
        let mut bench = Bench::with(kit::factory(vec![kit::key_set(0xFF, kit::factory_keys(), [0; 3])]));
        let mut card = bench.card();
        let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
        assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x81], &set_with_access(0x30, 0x77, access)), 0x9000);
        // Version 00 is the first set that serves.
        let mut new = keys_from(0x77, 16);
        let keys = if stay { &mut kit::factory_keys() } else { &mut new };
        assert!(Opening::new(keys, 0, SecurityLevel::CMac).open(&mut card).is_ok(), "{access:02X}");
        drop(card);
        bench.assert_lasting();
    }
}

#[test]
fn a_set_that_got_another_version_in_its_session_is_still_in_use() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let new = keys_from(0x77, 16);
    let body =
        kit::key_data(kit::factory_keys().dek(), 0x31, &[KeyId::Enc, KeyId::Mac, KeyId::Dek].map(|id| new.key(id)));
    assert_eq!(host.status(&mut card, [0x80, 0xD8, kit::KVN, 0x81], &body), 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE4, 0, 0], &hex("D20131")), 0x6985);
    assert!(Opening::new(&mut keys_from(0x77, 16), 0x31, SecurityLevel::CMac).open(&mut card).is_ok());
}

#[test]
fn a_chain_on_another_channel_waits_for_a_signature() {
    let block = cap_block(&FILE, &[&MODULE]);
    let (hash, key) = (toy_hash(&block, 32), Key::new(&[0xDA; 16]).unwrap());
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "C0", 0x55);
    let mut owner = session_of(&mut card, &SSD, 0x55);
    add_key(&mut card, &mut owner, keys_from(0x55, 16).dek(), 0x73, &key);
    let mut host = session(&mut card);
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    let dap = tlv(0xE2, &[tlv(0x4F, &SSD), tlv(0xC3, &key.cmac(&[&hash]))].concat());
    let file = [dap, tlv(0xC4, &block)].concat();
    assert_eq!(host.install(&mut card, 0x02, 0, &[&FILE, &[], &hash, &[], &[]]).1, 0x9000);
    let blocks: Vec<&[u8]> = file.chunks(20).collect();
    for (number, octets) in blocks.iter().enumerate() {
        let last = if number + 1 == blocks.len() { 0x80 } else { 0 };
        assert_eq!(host.status(&mut card, [0x80, 0xE8, last, number as u8], octets), 0x9000, "{number}");
        if number == 0 {
            assert_eq!(raw(&mut card, &hex("81D8800108 FFFFFFFFFFFFFFFF")).1, 0x6985);
        }
        // The signature is there, what comes now needs no memory.
        if number == 3 {
            assert_eq!(raw(&mut card, &hex("81D8800108 FFFFFFFFFFFFFFFF")).1, 0x9000);
        }
    }
}

/// A load file comes in by `performer` for `target`; meanwhile the ISD locks `locked` on another channel.
fn locked_midway(locked: &[u8], target: &[u8], by_domain: bool) {
    let file = tlv(0xC4, &cap_block(&FILE, &[&MODULE]));
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "80", 0x55);
    let mut host = session(&mut card);
    assert_eq!(host.install(&mut card, 0x40, 0, &[&[], &[], &SSD, &hex("80C000"), &[], &[]]).1, 0x9000);
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    let mut other = if by_domain {
        assert_eq!(kit::select_on(&mut card, 1, &SSD).1, 0x9000);
        let mut keys = keys_from(0x55, 16);
        let mut opening = Opening::new(&mut keys, kit::KVN, SecurityLevel::CMac);
        opening.channel = 1;
        opening.open(&mut card).unwrap()
    } else {
        Host::open_on(&mut card, 1, kit::KVN, SecurityLevel::CMac).unwrap()
    };
    assert_eq!(other.install(&mut card, 0x02, 0, &[&FILE, target, &[], &[], &[]]).1, 0x9000);
    let blocks: Vec<&[u8]> = file.chunks(150).collect();
    let (last, first) = blocks.split_last().unwrap();
    for (number, octets) in first.iter().enumerate() {
        assert_eq!(other.status(&mut card, [0x80, 0xE8, 0, number as u8], octets), 0x9000);
    }
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x80], locked), 0x9000);
    assert_eq!(other.status(&mut card, [0x80, 0xE8, 0x80, first.len() as u8], last), 0x6985);
    let files: Vec<Vec<u8>> = kit::states(&mut card, &mut host, 0x20).into_iter().map(|(name, _)| name).collect();
    assert_eq!(files, [kit::SSD_FILE]);
    // Nobody has to wait for a load that cannot go on.
    assert_eq!(host.install(&mut card, 0x02, 0, &[&FILE, &[], &[], &[], &[]]).1, 0x9000);
    assert_eq!(host.load(&mut card, &file, 200).1, 0x9000);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn a_load_ends_when_its_domain_is_locked() {
    locked_midway(&SSD, &[], true);
}

#[test]
fn a_load_ends_when_its_target_is_locked() {
    locked_midway(&SSD, &SSD, false);
}

#[test]
fn after_extradition_the_old_domain_decrypts_nothing_more() {
    let mut bench = Bench::new();
    bench.desk.0.borrow_mut().secure.insert(APP.to_vec());
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    personal_domain(&mut host, &mut card, &SSD, "80", 0x11);
    install(&mut host, &mut card, &APP, &[0x00], "C900");
    assert_eq!(kit::select(&mut card, &APP).1, 0x9000);
    let mut app = Opening::new(&mut kit::factory_keys(), kit::KVN, SecurityLevel::CMac).open(&mut card).unwrap();
    let decrypt = [0x80, 0x24, 0x00, 0x00];
    assert_eq!(app.status(&mut card, decrypt, &[0x5A; 16]), 0x9000);
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    // The new channel has what is selected by itself: the ISD.
    let mut host = Host::open_on(&mut card, 1, kit::KVN, SecurityLevel::CMac).unwrap();
    assert_eq!(host.install(&mut card, 0x10, 0x00, &[&SSD, &[], &APP, &[], &[], &[]]), (vec![0], 0x9000));
    assert_eq!(app.status(&mut card, decrypt, &[0x5A; 16]), 0x6985);
    assert_eq!(app.status(&mut card, [0x80, 0x10, 0x00, 0x00], &[0x5A; 16]), 0x9000, "the session goes on");
}

#[test]
fn who_is_selected_implicitly_is_told_and_may_refuse() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    install(&mut host, &mut card, &APP, &[0x04], "C900");
    // Its own FCI is nobody's answer after a reset, and does not hinder.
    desk.0.borrow_mut().fci.insert(APP.to_vec(), hex("6F00"));
    let selected = Event::Select(Aid::new(&APP).unwrap());
    desk.take_events();
    card.reset();
    assert_eq!(desk.take_events(), [selected]);
    assert_eq!(raw(&mut card, &hex("8010000001 5A 00")), (vec![0x5A], 0x9000));
    desk.0.borrow_mut().refuse_select.insert(APP.to_vec(), 0x6999);
    card.reset();
    assert_eq!(raw(&mut card, &hex("8010000001 5A 00")), (vec![], 0x6985), "nothing is selected");
    assert_eq!(kit::select(&mut card, &[]).1, 0x9000);
    drop(card);
    // The same at the next start.
    desk.take_events();
    let mut card = bench.card();
    assert_eq!(raw(&mut card, &hex("8010000001 5A 00")), (vec![], 0x6985));
}

#[test]
fn the_other_names_of_the_isd_are_taken() {
    let alias = Aid::new(&hex("A000000003000000")).unwrap();
    let mut bench = Bench::new();
    bench.profile.aliases = Box::leak(Box::new([alias]));
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    let alias = alias.as_bytes();
    let fields = kit::install_fields(&[&FILE, &MODULE, alias, &[0], &hex("C900"), &[]]);
    refused(&mut host, &mut card, [0x80, 0xE6, 0x0C, 0x00], &fields, 0x6985);
    let fields = kit::install_fields(&[alias, &[], &[], &[], &[]]);
    refused(&mut host, &mut card, [0x80, 0xE6, 0x02, 0x00], &fields, 0x6985);
}

#[test]
fn room_is_asked_for_after_the_token() {
    let mut bench = Bench::new();
    bench.ram = kit::Ram::new(5, 24, 16, 2);
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    // The registry is full: the ISD, the file of domains, the applet's, and their modules.
    let fields = kit::install_fields(&[&FILE, &MODULE, &APP, &[0], &hex("C900"), &[0x5A; 16]]);
    refused(&mut host, &mut card, [0x80, 0xE6, 0x0C, 0x00], &fields, 0x6985);
    let fields = kit::install_fields(&[&FILE, &MODULE, &APP, &[0], &hex("C900"), &[]]);
    refused(&mut host, &mut card, [0x80, 0xE6, 0x0C, 0x00], &fields, 0x6A84);
    assert!(!desk.take_events().iter().any(|event| matches!(event, Event::Install { .. })), "it was not begun");
}

#[test]
fn who_keeps_the_code_says_whether_there_is_room() {
    let mut bench = Bench::new();
    bench.desk.0.borrow_mut().free = Some(1000);
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let for_load = |parameters: &str| kit::install_fields(&[&FILE, &[], &[], &hex(parameters), &[]]);
    let header = [0x80, 0xE6, 0x02, 0x00];
    refused(&mut host, &mut card, header, &for_load("EF04 C60203E9"), 0x6A84);
    refused(&mut host, &mut card, header, &for_load("EF08 C6020300 C80200E9"), 0x6A84);
    assert_eq!(host.status(&mut card, header, &for_load("EF0C C6020300 C7021000 C80200E8")), 0x9000);
    let file = tlv(0xC4, &cap_block(&FILE, &[&MODULE]));
    assert_eq!(host.load(&mut card, &file, 200).1, 0x9000);
    desk.take_events();
    install(&mut host, &mut card, &APP, &[0], "C900EF10C7020010C8020020D7020008D8020018");
    let rooms: Vec<Room> = desk
        .take_events()
        .into_iter()
        .filter_map(|event| if let Event::Install { room, .. } = event { Some(room) } else { None })
        .collect();
    let room = Room {
        code: None,
        volatile: Some(16),
        non_volatile: Some(32),
        volatile_reserve: Some(8),
        non_volatile_reserve: Some(24),
    };
    assert_eq!(rooms, [room]);
}

#[test]
fn an_import_that_is_newer_than_the_library_is_refused() {
    let (library, user) = (hex("D27600011899"), hex("D2760001189A"));
    let component = |tag: u8, body: &[u8]| [&[tag][..], &(body.len() as u16).to_be_bytes(), body].concat();
    let header = |aid: &[u8]| component(1, &[&hex("DECAFFED 0102 04 0201"), &[aid.len() as u8][..], aid].concat());
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    assert_eq!(host.install(&mut card, 0x02, 0x00, &[&library, &[], &[], &[], &[]]).1, 0x9000);
    assert_eq!(host.load(&mut card, &tlv(0xC4, &header(&library)), 200).1, 0x9000);
    // The applications know every package. This one is on the card, and older.
    let imports = component(4, &[&[1, 9, 9, 6][..], &library].concat());
    assert_eq!(host.install(&mut card, 0x02, 0x00, &[&user, &[], &[], &[], &[]]).1, 0x9000);
    assert_eq!(host.load(&mut card, &tlv(0xC4, &[header(&user), imports].concat()), 200), (vec![], 0x6A80));
}

#[test]
fn the_combined_process_takes_as_much_as_a_load() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let hash = toy_hash(&cap_block(&FILE, &[&MODULE]), 64);
    let names = [tlv(0x42, &[1; 16]), tlv(0x45, &[2; 16]), tlv(0x5F20, &[3; 16]), tlv(0x93, &[4; 16])].concat();
    let parameters = [hex("EF0CC6020100C7020100C8020100"), tlv(0xB6, &names)].concat();
    for (p1, p2) in [(0x02, 0x00), (0x0E, 0x01)] {
        let fields: [&[u8]; 5] = [&FILE, &ISD, &hash, &parameters, &[]];
        assert_eq!(host.install(&mut card, p1, p2, &fields), (vec![0], 0x9000), "{p1:02X}");
    }
}

#[test]
fn an_application_is_not_taken_back_where_nobody_knows_whether_it_is_there() {
    use kit::flash::Tear;
    let mut there = 0;
    for write in 0..6 {
        let mut bench = Bench::new();
        let (desk, flash) = (bench.desk.clone(), bench.flash.clone());
        let mut card = bench.card();
        let mut host = session(&mut card);
        load(&mut host, &mut card);
        desk.take_events();
        flash.0.borrow_mut().cut_at_write(write, Tear::Everything);
        let fields: [&[u8]; 6] = [&FILE, &MODULE, &APP, &[0], &hex("C900"), &[]];
        host.install(&mut card, 0x0C, 0, &fields);
        drop(card);
        flash.0.borrow_mut().power_on();
        let deleted = desk.take_events().iter().any(|event| matches!(event, Event::Delete(_)));
        let mut card = bench.card();
        let kept = kit::select(&mut card, &APP).1 == 0x9000;
        assert!(!(kept && deleted), "write {write}");
        there += usize::from(kept);
    }
    assert!(there > 0);
}
