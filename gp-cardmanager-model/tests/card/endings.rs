//! What ends, and what may not end with it: transfers, loads, challenges, sets. Each test begins with the rule.

use crate::content::*;
use crate::kit::{self, Bench, Host, TestCard, factory, factory_keys, hex, key_set, keys_from, raw, tlv};
use gp_cardmanager_model::put_key::{BlockForm, KeyType};
use gp_scp03::{KeyId, SecurityLevel};

/// "A refused block ends the transfer" (`Card::store_data`), and what is ended waits in no memory (as where its session ends): it hinders
/// no chain on another channel (11.1.5.1: "every non-last answers 9000").
#[test]
fn a_transfer_that_was_ended_leaves_the_memory_to_others() {
    for ends in ["a block out of order", "INSTALL [for personalization]"] {
        let mut bench = Bench::new();
        let mut card = bench.card();
        let mut host = session_with_app(&mut card);
        assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
        assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x10, 0x00], &tlv(0x42, &[0x5A; 4])), 0x9000);
        if ends == "a block out of order" {
            assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x10, 0x05], &[1]), 0x6A86);
        } else {
            assert_eq!(host.install(&mut card, 0x20, 0x00, &[&[], &[], &APP, &[], &[], &[]]), (vec![0], 0x9000));
        }
        assert_eq!(raw(&mut card, &hex("81E4800002 4F07")).1, 0x9000, "after {ends}: the first part of a chain");
    }
}

/// "the last key set of a domain is neither deleted" (Amendment D 4.1.3): one whose attempts are used up opens the card no more.
#[test]
fn a_blocked_set_does_not_stand_in_for_the_last_one() {
    let mut bench = Bench::with(factory(vec![key_set(0xFF, factory_keys(), [0; 3])]));
    bench.profile.max_failures = 1;
    let mut card = bench.card();
    assert_eq!(kit::select(&mut card, &[]).1, 0x9000);
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    let dek = factory_keys();
    for (version, seed) in [(0x31, 0x11), (0x32, 0x22)] {
        let body = key_body(version, &keys_from(seed, 16), dek.dek(), BlockForm::Bare);
        assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x81], &body), 0x9000);
    }
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    assert_eq!(raw(&mut card, &hex("8150310008 1111111111111111 00")).1, 0x9000);
    let wrong = [hex("8582010010"), vec![0; 16]].concat();
    assert_ne!(raw(&mut card, &wrong).1, 0x9000);
    assert_eq!(raw(&mut card, &hex("8150310008 1111111111111111 00")).1, 0x6983);
    let deleted = host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &[0xD2, 1, 0x32]);
    card.reset();
    for version in [0x00, 0x31, 0x32, 0xFF] {
        let command = [hex("8050"), vec![version], hex("0008 1111111111111111 00")].concat();
        if raw(&mut card, &command).1 == 0x9000 {
            return;
        }
    }
    panic!("DELETE was answered {deleted:04X}, and nothing opens the card any more");
}

/// "Deletes all keys that match, but none of a set that a session stands on": a part that goes to another version does not make the session
/// stand on the other keys of that version.
#[test]
fn a_part_of_a_set_does_not_take_the_session_with_it() {
    let sets = vec![key_set(0x30, factory_keys(), [0; 3]), key_set(0x40, keys_from(0x11, 16), [0; 3])];
    let mut bench = Bench::with(factory(sets));
    let mut card = bench.card();
    assert_eq!(kit::select(&mut card, &[]).1, 0x9000);
    let mut host = Host::open(&mut card, 0x30, SecurityLevel::CMac).unwrap();
    let (dek, other) = (factory_keys(), keys_from(0x22, 16));
    for (id, name) in [(2, KeyId::Mac), (3, KeyId::Dek)] {
        let body = one_key_body(0x31, other.key(name), dek.dek());
        assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, id], &body), 0x9000);
    }
    let body = one_key_body(0x31, other.key(KeyId::Enc), dek.dek());
    assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x30, 0x01], &body), 0x9000);
    // Key-MAC and Key-DEK of version 30 are what is left of the set that the session was opened with.
    let of_session = host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &[0xD2, 1, 0x30]);
    let of_another = host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &[0xD2, 1, 0x31]);
    assert_eq!((of_session, of_another), (0x6985, 0x9000));
}

/// "who has a challenge that was made with them": a key of another version changes nothing of those that the challenge was made with.
#[test]
fn another_key_does_not_end_a_challenge() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    assert_eq!(raw(&mut card, &hex("8150000008 1111111111111111 00")).1, 0x9000);
    let body = one_key_body(0x70, &gp_scp03::Key::new(&[7; 16]).unwrap(), factory_keys().dek());
    assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x01], &body), 0x9000);
    // A challenge that still stands refuses the length of what should answer it; without one there is no session (6982).
    assert_eq!(raw(&mut card, &hex("8582010001 00")).1, 0x6700);
}

/// The sets of a domain whose parts lie in scattered slots: replaced whole, in another order, AES-256, and by STORE DATA together with more.
#[test]
fn scattered_parts_are_replaced_in_their_places() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let dek = factory_keys();
    let first = keys_from(0x11, 32);
    // In the order 3, 2, 1, with others in between.
    for (id, name) in [(3, KeyId::Dek), (2, KeyId::Mac), (1, KeyId::Enc)] {
        let body = one_key_body(0x31, first.key(name), dek.dek());
        assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, id], &body), 0x9000);
        let body = one_key_body(0x50 + id, &gp_scp03::Key::new(&[id; 16]).unwrap(), dek.dek());
        assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x01], &body), 0x9000);
    }
    for gone in [0x51, 0x53] {
        assert_eq!(host.send(&mut card, [0x80, 0xE4, 0x00, 0x00], &[0xD2, 1, gone]).1, 0x9000);
    }
    let shown = keys_shown(&mut host, &mut card).len();
    let mut second = keys_from(0x22, 32);
    let mut opened = kit::Opening::new(&mut keys_from(0x11, 32), 0x31, SecurityLevel::CMac).open(&mut card).unwrap();
    assert_eq!(opened.shown[29..32], [0, 0, 1]);
    let body = key_body(0x32, &second, first.dek(), BlockForm::WithLength);
    assert_eq!(opened.status(&mut card, [0x80, 0xD8, 0x31, 0x81], &body), 0x9000);
    let mut opened = kit::Opening::new(&mut second, 0x32, SecurityLevel::CMac).open(&mut card).unwrap();
    assert_eq!(opened.shown[29..32], [0, 0, 1]);
    assert_eq!(keys_shown(&mut opened, &mut card).len(), shown);
    // STORE DATA: replaces 32, adds 34 and replaces 30.
    let (mut third, mut fourth, mut fifth) = (keys_from(0x33, 32), keys_from(0x44, 16), keys_from(0x55, 16));
    let under = keys_from(0x22, 32);
    let dgis = [
        key_dgis(0x34, &fourth, under.dek()),
        key_dgis(0x32, &third, under.dek()),
        key_dgis(0x30, &fifth, under.dek()),
    ];
    for dgis in &dgis {
        let blocks: Vec<&[u8]> = dgis.chunks(100).collect();
        for (number, block) in blocks.iter().enumerate() {
            let last = if number + 1 == blocks.len() { 0x80 } else { 0 };
            assert_eq!(opened.send(&mut card, [0x80, 0xE2, 0x08 | last, number as u8], block), (vec![], 0x9000));
        }
    }
    assert_eq!(keys_shown(&mut opened, &mut card).len(), shown + 3 * 6);
    for (keys, version) in [(&mut third, 0x32), (&mut fourth, 0x34), (&mut fifth, 0x30)] {
        let opened = kit::Opening::new(keys, version, SecurityLevel::CMac).open(&mut card).unwrap();
        assert_eq!(opened.shown[29..32], [0, 0, 1]);
    }
    // 00 is still version 30.
    assert_eq!(raw(&mut card, &hex("8050000008 1111111111111111 00")).0[10], 0x30);
    drop(card);
    bench.assert_lasting();
}

/// "On a card that was locked [...] content changes stop at once, and so do those of a security domain that was locked"
/// (`Card::stop_content_changes`, GPCS 5.3.2.4): a load in a session that stands on the keys of a domain that was LOCKED since can never go
/// on, and hinders no other one.
#[test]
fn a_load_on_the_keys_of_a_locked_domain_hinders_no_other() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "80", 0x11);
    make_domain(&mut host, &mut card, &SSD2, &hex("804000"), "");
    extradite(&mut host, &mut card, &SSD2, &SSD);
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    assert_eq!(kit::select_on(&mut card, 1, &SSD2).1, 0x9000);
    let mut keys = keys_from(0x11, 16);
    let opening = kit::Opening { channel: 1, ..kit::Opening::new(&mut keys, 0, SecurityLevel::CMac) };
    let mut below = opening.open(&mut card).unwrap();
    assert_eq!(below.status(&mut card, [0x80, 0xF0, 0x40, 0x0F], &SSD2), 0x9000);
    assert_eq!(below.install(&mut card, 0x02, 0x00, &[&FILE, &[], &[], &[], &[]]), (vec![0], 0x9000));
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &SSD), 0x9000);
    assert_eq!(host.install(&mut card, 0x02, 0x00, &[&OTHER, &[], &[], &[], &[]]), (vec![0], 0x9000));
}

/// "Octets by which the change may lengthen a snapshot; 0 for one that only alters what is there" (`Change::growth`): a replacement in
/// place makes the card no larger, and what stays free (`books::reserve`) has room for its group.
#[test]
fn a_full_storage_takes_a_replacement_in_place() {
    let mut bench = Bench::new();
    bench.ram = kit::Ram::new(24, 200, 16, 4);
    bench.flash = kit::Shared::new(96);
    let mut card = bench.card();
    let mut host = session(&mut card);
    let dek = factory_keys();
    let mut full = false;
    for version in 0x40..=0x6F {
        let body = key_body(version, &keys_from(version, 16), dek.dek(), BlockForm::Bare);
        let status = host.status(&mut card, [0x80, 0xD8, 0x00, 0x81], &body);
        if status == 0x6A84 {
            full = true;
            break;
        }
        assert_eq!(status, 0x9000);
    }
    assert!(full);
    let body = key_body(kit::KVN, &keys_from(0x22, 16), dek.dek(), BlockForm::Bare);
    assert_eq!(host.status(&mut card, [0x80, 0xD8, kit::KVN, 0x81], &body), 0x9000);
}

/// "The initial keys go when the domain has a complete key set without them" (`put_key`), and "a key that opens no session takes nothing
/// away": one with another identifier beside a set that was there before completes nothing.
#[test]
fn a_key_that_opens_no_session_takes_no_initial_keys_away() {
    for version in [0x70, 0x30] {
        let sets = vec![key_set(0xFF, factory_keys(), [0; 3]), key_set(0x30, keys_from(0x11, 16), [0; 3])];
        let mut bench = Bench::with(factory(sets));
        let mut card = bench.card();
        assert_eq!(kit::select(&mut card, &[]).1, 0x9000);
        let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
        let body = one_key_body(version, &gp_scp03::Key::new(&[7; 16]).unwrap(), factory_keys().dek());
        assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x04], &body), 0x9000);
        let shown = keys_shown(&mut host, &mut card);
        assert!(
            shown.windows(2).any(|window| window == [0x01, 0xFF]),
            "version {version:02X}: the initial keys are gone"
        );
    }
}

/// "plus every PERSONALIZED SD with Mandated DAP wherever the file goes. Missing, bad, unknown SD, locked SD, no key -> load fails" (GPCS
/// 9.2, C.2), and "whether it may still be [...] is asked now" (`Card::commit_load`): in the combined process the file becomes content with
/// the last INSTALL, and there who has verified must still be there as well.
#[test]
fn the_combined_process_ends_like_a_load_when_the_dap_domain_is_locked() {
    for meanwhile in ["nothing", "locked", "deleted"] {
        let block = kit::cap_block(&FILE, &[&MODULE]);
        let (hash, key) = (kit::toy_hash(&block, 32), gp_scp03::Key::new(&[0xDA; 16]).unwrap());
        let mut bench = Bench::new();
        bench.ram = kit::Ram::new(24, 40, 16, 4);
        let mut card = bench.card();
        let mut host = session(&mut card);
        personal_domain(&mut host, &mut card, &SSD, "C1", 0x55);
        let mut owner = session_of(&mut card, &SSD, 0x55);
        kit::add_key(&mut card, &mut owner, keys_from(0x55, 16).dek(), 0x73, &key);
        let mut host = session(&mut card);
        assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
        let mut issuer = Host::open_on(&mut card, 1, kit::KVN, SecurityLevel::CMac).unwrap();
        let dap = tlv(0xE2, &[tlv(0x4F, &SSD), tlv(0xC3, &key.cmac(&[&hash]))].concat());
        assert_eq!(host.install(&mut card, 0x0E, 1, &[&FILE, &[], &hash, &[], &[]]), (vec![0], 0x9000));
        let file = [dap, tlv(0xC4, &block)].concat();
        assert_eq!(host.load(&mut card, &file, 100), (vec![0], 0x9000));
        match meanwhile {
            "locked" => assert_eq!(issuer.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &SSD), 0x9000),
            "deleted" => assert_eq!(issuer.status(&mut card, [0x80, 0xE4, 0, 0], &tlv(0x4F, &SSD)), 0x9000),
            _ => {}
        }
        let last: [&[u8]; 6] = [&FILE, &MODULE, &APP, &[0], &hex("C900"), &[]];
        let (_, status) = host.install(&mut card, 0x0E, 3, &last);
        assert_eq!(status == 0x9000, meanwhile != "locked", "{meanwhile}: {status:04X}");
    }
}

/// "Key-DEK is there for a challenge or a session, and goes with it" (`Channel::drop_unused_dek`): the Key-DEK of a session that did not come to be goes with its challenge.
#[test]
fn a_refused_authentication_leaves_no_key_dek() {
    for refused in ["8482010010 00000000000000000000000000000000", "8050990008 1111111111111111 00"] {
        let mut bench = Bench::new();
        let mut card = bench.card();
        assert_eq!(kit::select(&mut card, &[]).1, 0x9000);
        let challenged = raw(&mut card, &hex("8050000008 1111111111111111 00"));
        assert_eq!(challenged.1, 0x9000);
        let (_, status) = raw(&mut card, &hex(refused));
        assert_ne!(status, 0x9000);
        drop(card);
        let channels = format!("{:?}", bench.ram.channels);
        assert!(!channels.contains("Key(..)"), "after {refused} ({status:04X}): {channels}");
    }
}

/// Nor do two keys of three in one command make the session stand on the set that they go to.
#[test]
fn two_keys_of_a_set_do_not_take_the_session_with_them() {
    let sets = vec![key_set(0x30, factory_keys(), [0; 3]), key_set(0x40, keys_from(0x11, 16), [0; 3])];
    let mut bench = Bench::with(factory(sets));
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0x30, SecurityLevel::CMac).unwrap();
    let other = keys_from(0x22, 16);
    let two = [KeyId::Enc, KeyId::Mac].map(|name| (KeyType::AES, other.key(name)));
    let body = keys_with_access(0x31, &two, 0x00, factory_keys().dek());
    assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x30, 0x81], &body), 0x9000);
    let of_session = host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &[0xD2, 1, 0x30]);
    let of_another = host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &[0xD2, 1, 0x31]);
    assert_eq!((of_session, of_another), (0x6985, 0x9000));
}

/// A whole set that gets another version takes the session with it: under its new name it is the one in use, and is not deleted.
#[test]
fn a_whole_set_takes_the_session_with_it() {
    let sets = vec![key_set(0x30, factory_keys(), [0; 3]), key_set(0x40, keys_from(0x11, 16), [0; 3])];
    let mut bench = Bench::with(factory(sets));
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0x30, SecurityLevel::CMac).unwrap();
    let body = key_body(0x31, &keys_from(0x22, 16), factory_keys().dek(), BlockForm::Bare);
    assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x30, 0x81], &body), 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &[0xD2, 1, 0x31]), 0x6985);
    assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &[0xD2, 1, 0x40]), 0x9000);
}

/// The last set that opens the card is not shut away by PUT KEY while all others are blocked; where all are, nothing is lost.
#[test]
fn a_blocked_set_does_not_stand_in_for_one_that_is_shut_away() {
    let wrong = |card: &mut TestCard<'_>, version: u8| {
        let command = [hex("8150"), vec![version], hex("0008 1111111111111111 00")].concat();
        assert_eq!(raw(card, &command).1, 0x9000);
        assert_ne!(raw(card, &[hex("8582010010"), vec![0; 16]].concat()).1, 0x9000);
        assert_eq!(raw(card, &command).1, 0x6983);
    };
    for (all, status) in [(false, 0x6985), (true, 0x9000)] {
        let sets = vec![key_set(0x30, factory_keys(), [0; 3]), key_set(0x40, keys_from(0x11, 16), [0; 3])];
        let mut bench = Bench::with(factory(sets));
        bench.profile.max_failures = 1;
        let mut card = bench.card();
        let mut host = Host::open(&mut card, 0x30, SecurityLevel::CMac).unwrap();
        assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
        wrong(&mut card, 0x40);
        if all {
            wrong(&mut card, 0x30);
        }
        // For applications alone.
        let body = set_with_access(0x30, &keys_from(0x22, 16), 0x02, factory_keys().dek());
        assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x30, 0x81], &body), status);
    }
}
