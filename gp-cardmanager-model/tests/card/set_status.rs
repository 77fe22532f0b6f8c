//! SET STATUS on the card (GPCS 5, 9.6, 11.10): the life cycles of the card, of applications and of security domains.

use crate::{content, kit};
use content::*;
use gp_cardmanager_model::lifecycle::CardLifeCycle;
use gp_scp03::SecurityLevel;
use kit::{Bench, Host, hex, raw};

const fn card_to(state: u8) -> [u8; 4] {
    [0x80, 0xF0, 0x80, state]
}

const fn one(state: u8) -> [u8; 4] {
    [0x80, 0xF0, 0x40, state]
}

const fn tree(state: u8) -> [u8; 4] {
    [0x80, 0xF0, 0x60, state]
}

#[test]
fn every_state_of_the_card_and_every_p2() {
    // Written from figure 5-1 for the ISD, which has all the rights.
    let steps = [
        (0x01, 0x07),
        (0x07, 0x0F),
        (0x0F, 0x7F),
        (0x7F, 0x0F),
        (0x01, 0xFF),
        (0x07, 0xFF),
        (0x0F, 0xFF),
        (0x7F, 0xFF),
    ];
    let states = [0x01, 0x07, 0x0F, 0x7F, 0xFF];
    for from in [0x01, 0x07, 0x0F, 0x7F] {
        for to in 0..=0xFF_u8 {
            let mut bench = Bench::new();
            bench.profile.life_cycle = CardLifeCycle::from_octet(from).unwrap();
            let mut card = bench.card();
            let mut host = Host::open(&mut card, kit::KVN, SecurityLevel::CMac).unwrap();
            let expected = match (states.contains(&to), steps.contains(&(from, to))) {
                (false, _) => 0x6A86,
                (true, false) => 0x6985,
                (true, true) => 0x9000,
            };
            assert_eq!(host.send(&mut card, card_to(to), &[]), (vec![], expected), "{from:02X} to {to:02X}");
            let now = if expected == 0x9000 { to } else { from };
            assert_eq!(card.life_cycle().octet(), now);
            drop(card);
            bench.assert_lasting();
        }
    }
}

#[test]
fn who_may_change_the_card() {
    let mut bench = Bench::new();
    bench.profile.life_cycle = CardLifeCycle::Initialized;
    let mut card = bench.card();
    let mut host = session(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "90", 0x11);
    personal_domain(&mut host, &mut card, &SSD2, "88", 0x22);
    // Only the ISD secures the card; the data is ignored.
    let mut locking = session_of(&mut card, &SSD, 0x11);
    refused(&mut locking, &mut card, card_to(0x0F), &[], 0x6982);
    let mut host = session(&mut card);
    assert_eq!(host.status(&mut card, card_to(0x0F), &hex("DEADBEEF")), 0x9000);
    // Card Terminate does not lock, Card Lock does not terminate.
    let mut ending = session_of(&mut card, &SSD2, 0x22);
    refused(&mut ending, &mut card, card_to(0x7F), &[], 0x6982);
    let mut locking = session_of(&mut card, &SSD, 0x11);
    refused(&mut locking, &mut card, card_to(0xFF), &[], 0x6982);
    assert_eq!(locking.status(&mut card, card_to(0x7F), &[]), 0x9000);
    // What is selected stays until its session ends, and may unlock.
    refused(&mut locking, &mut card, card_to(0x7F), &[], 0x6985);
    assert_eq!(locking.status(&mut card, card_to(0x0F), &[]), 0x9000);
    let mut ending = session_of(&mut card, &SSD2, 0x22);
    assert_eq!(ending.status(&mut card, card_to(0xFF), &[]), 0x9000);
    // The end: GET DATA alone is left.
    assert_eq!(ending.send(&mut card, [0x80, 0xCA, 0x00, 0x66], &[]).1, 0x9000);
    for command in [
        card_to(0x0F),
        one(0x80),
        [0x80, 0xF2, 0x80, 0x02],
        [0x80, 0xE4, 0x00, 0x00],
        [0x80, 0xD8, 0x00, 0x81],
        [0x80, 0xE2, 0x90, 0x00],
        [0x80, 0xE6, 0x02, 0x00],
        [0x80, 0xE6, 0x0C, 0x00],
        [0x80, 0xE6, 0x20, 0x00],
        [0x80, 0xE8, 0x80, 0x00],
    ] {
        assert_eq!(ending.status(&mut card, command, &[]), 0x6D00, "{command:02X?}");
    }
    assert_eq!(kit::select(&mut card, &ISD).1, 0x6A81);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn content_changes_before_the_card_is_secured() {
    for state in [CardLifeCycle::OpReady, CardLifeCycle::Initialized] {
        let mut bench = Bench::new();
        bench.profile.life_cycle = state;
        let mut card = bench.card();
        let mut host = session_with_app(&mut card);
        personal_domain(&mut host, &mut card, &SSD, "80", 0x11);
        extradite(&mut host, &mut card, &APP, &SSD);
        assert_eq!(host.install(&mut card, 0x40, 0x00, &[&[], &[], &APP, &[0x10], &[], &[]]), (vec![0], 0x9000));
        assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x80], &kit::tlv(0x4F, &FILE)), 0x9000);
        assert_eq!(card.life_cycle(), state);
        drop(card);
        bench.assert_lasting();
    }
}

#[test]
fn a_locked_card() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session_with_app(&mut card);
    // A load that is coming in on another channel ends.
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    let mut loading = Host::open_on(&mut card, 1, kit::KVN, SecurityLevel::CMac).unwrap();
    let file = [0xD2, 0x76, 0, 0, 1, 9];
    assert_eq!(loading.install(&mut card, 0x02, 0x00, &[&file, &[], &[], &[], &[]]), (vec![0], 0x9000));
    assert_eq!(host.status(&mut card, card_to(0x7F), &[]), 0x9000);
    assert_eq!(loading.status(&mut card, [0x80, 0xE8, 0x00, 0x00], &hex("C40100")), 0x6985);
    assert_eq!(kit::select(&mut card, &APP).1, 0x6A81);
    assert_eq!(kit::select(&mut card, &ISD).1, 0x6283);
    let mut host = Host::open(&mut card, kit::KVN, SecurityLevel::CMac).unwrap();
    // Locking applications is no change of content.
    assert_eq!(host.status(&mut card, one(0x80), &APP), 0x9000);
    assert_eq!(host.status(&mut card, card_to(0x0F), &[]), 0x9000);
    assert_eq!(kit::select(&mut card, &APP).1, 0x6A82);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn an_application_is_locked_and_unlocked() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    assert_eq!(raw(&mut card, &kit::command(one(0x80), &APP)), (vec![], 0x6982));
    let mut host = session_with_app(&mut card);
    let fields: [&[u8]; 6] = [&FILE, &MODULE, &OTHER, &[0x00], &hex("C900"), &[]];
    assert_eq!(host.install(&mut card, 0x04, 0x00, &fields), (vec![0], 0x9000));
    for (aid, open, locked) in [(APP, 0x07, 0x87), (OTHER, 0x03, 0x83)] {
        // Of P2 only b8 counts, and that an object is as wanted already is a refusal.
        for unlock in [0x00, 0x07, 0x0F, 0x03, 0x7F] {
            refused(&mut host, &mut card, one(unlock), &aid, 0x6985);
        }
        for (lock, unlock) in [(0x80, 0x00), (0xFF, 0x07), (0x83, 0x7F)] {
            assert_eq!(host.status(&mut card, one(lock), &aid), 0x9000);
            assert_eq!(state_of(&mut host, &mut card, &aid), Some(locked));
            refused(&mut host, &mut card, one(lock), &aid, 0x6985);
            assert_eq!(host.status(&mut card, one(unlock), &aid), 0x9000);
            assert_eq!(state_of(&mut host, &mut card, &aid), Some(open));
        }
    }
    // One that is selected stays so, and goes on.
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    assert_eq!(kit::select_on(&mut card, 1, &APP).1, 0x9000);
    assert_eq!(host.status(&mut card, one(0x80), &APP), 0x9000);
    assert_eq!(raw(&mut card, &hex("8110000002ABCD00")), (hex("ABCD"), 0x9000));
    assert_eq!(kit::select_on(&mut card, 1, &APP).1, 0x6A82);
    assert_eq!(kit::select(&mut card, &APP).1, 0x6A82);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn what_is_refused() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    install(&mut host, &mut card, &APP, &[0x00, 0x02, 0x00], "C900");
    personal_domain(&mut host, &mut card, &SSD, "80", 0x11);
    personal_domain(&mut host, &mut card, &SSD2, "80", 0x22);
    for p1 in [0x00, 0x20, 0xA0, 0xC0, 0xE0] {
        refused(&mut host, &mut card, [0x80, 0xF0, p1, 0x80], &APP, 0x6A86);
    }
    refused(&mut host, &mut card, one(0x80), &APP[..4], 0x6A80);
    for unknown in [&MODULE[..], &FILE, &ISD, &OTHER] {
        refused(&mut host, &mut card, one(0x80), unknown, 0x6A88);
        refused(&mut host, &mut card, tree(0x80), unknown, 0x6A88);
    }
    // The holder of Final Application is never locked, and with a tree only if it is not in it.
    refused(&mut host, &mut card, one(0x80), &APP, 0x6985);
    refused(&mut host, &mut card, tree(0x80), &APP, 0x6A80);
    extradite(&mut host, &mut card, &APP, &SSD);
    refused(&mut host, &mut card, tree(0x80), &SSD, 0x6985);
    // A security domain has no right to what is not below it.
    let mut domain = session_of(&mut card, &SSD, 0x11);
    refused(&mut domain, &mut card, one(0x80), &SSD2, 0x6982);
    refused(&mut domain, &mut card, tree(0x80), &SSD2, 0x6982);
}

#[test]
fn a_security_domain_and_itself() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    // It asked to be told when it is PERSONALIZED.
    make_domain(&mut host, &mut card, &SSD, &[0x80], "8400");
    let keys = kit::keys_from(0x11, 16);
    give_keys(&mut host, &mut card, &SSD, kit::KVN, &keys);
    assert_eq!(state_of(&mut host, &mut card, &SSD), Some(0x07));
    // Nobody else says so.
    refused(&mut host, &mut card, one(0x0F), &SSD, 0x6985);
    let mut domain = session_of(&mut card, &SSD, 0x11);
    for (state, status) in [(0x07, 0x6985), (0x03, 0x6985), (0x00, 0x6A86), (0x1F, 0x6A86)] {
        refused(&mut domain, &mut card, one(state), &SSD, status);
    }
    assert_eq!(domain.status(&mut card, one(0x0F), &SSD), 0x9000);
    assert_eq!(state_of(&mut domain, &mut card, &SSD), Some(0x0F));
    refused(&mut domain, &mut card, one(0x0F), &SSD, 0x6985);
    refused(&mut domain, &mut card, one(0x07), &SSD, 0x6985);
    // It locks itself, and then rejects all commands and cannot be selected.
    assert_eq!(domain.status(&mut card, one(0x80), &SSD), 0x9000);
    assert_eq!(domain.status(&mut card, one(0x00), &SSD), 0x6985);
    assert_eq!(domain.status(&mut card, [0x80, 0xCA, 0x00, 0x66], &[]), 0x6985);
    let mut host = session(&mut card);
    assert_eq!(state_of(&mut host, &mut card, &SSD), Some(0x8F));
    assert_eq!(host.status(&mut card, one(0x00), &SSD), 0x9000);
    assert_eq!(state_of(&mut host, &mut card, &SSD), Some(0x0F));
    drop(card);
    bench.assert_lasting();
}

#[test]
fn a_domain_with_all_below_it() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    personal_domain(&mut host, &mut card, &SSD, "80", 0x11);
    personal_domain(&mut host, &mut card, &SSD2, "80", 0x22);
    for aid in [APP, OTHER] {
        install(&mut host, &mut card, &aid, &[0x00], "C900");
    }
    // SSD > SSD2 > APP, and OTHER stays with the ISD.
    extradite(&mut host, &mut card, &APP, &SSD2);
    extradite(&mut host, &mut card, &SSD2, &SSD);
    let states = |host: &mut Host, card: &mut kit::TestCard<'_>| {
        [&SSD[..], &SSD2, &APP, &OTHER].map(|aid| state_of(host, card, aid).unwrap())
    };
    assert_eq!(host.status(&mut card, one(0x80), &APP), 0x9000);
    // Who is locked already does not matter.
    for _ in 0..2 {
        assert_eq!(host.status(&mut card, tree(0x80), &SSD), 0x9000);
        assert_eq!(states(&mut host, &mut card), [0x8F, 0x8F, 0x87, 0x07]);
    }
    assert_eq!(kit::select(&mut card, &SSD2).1, 0x6A82);
    for _ in 0..2 {
        assert_eq!(host.status(&mut card, tree(0x00), &SSD), 0x9000);
        assert_eq!(states(&mut host, &mut card), [0x0F, 0x0F, 0x07, 0x07]);
    }
    // Its own tree a security domain can lock as well; that is the last thing it does.
    let mut domain = session_of(&mut card, &SSD, 0x11);
    assert_eq!(domain.status(&mut card, tree(0x80), &SSD), 0x9000);
    assert_eq!(domain.status(&mut card, tree(0x00), &SSD), 0x6985);
    let mut host = session(&mut card);
    assert_eq!(states(&mut host, &mut card), [0x8F, 0x8F, 0x87, 0x07]);
    drop(card);
    bench.assert_lasting();
}

/// By its own name: itself it cannot unlock, what is below it it can.
#[test]
fn a_domain_unlocks_what_is_below_it() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session_with_app(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "80", 0x11);
    extradite(&mut host, &mut card, &APP, &SSD);
    assert_eq!(host.status(&mut card, one(0x80), &APP), 0x9000);
    assert_eq!(state_of(&mut host, &mut card, &APP), Some(0x87));
    let mut domain = session_of(&mut card, &SSD, 0x11);
    assert_eq!(domain.status(&mut card, tree(0x00), &SSD), 0x9000);
    let mut host = session(&mut card);
    assert_eq!(state_of(&mut host, &mut card, &APP), Some(0x07));
    assert_eq!(state_of(&mut host, &mut card, &SSD), Some(0x0F));
}

#[test]
fn global_lock_reaches_everything() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    personal_domain(&mut host, &mut card, &SSD, "800800", 0x11);
    personal_domain(&mut host, &mut card, &SSD2, "80", 0x22);
    install(&mut host, &mut card, &APP, &[0x00], "C900");
    let mut domain = session_of(&mut card, &SSD, 0x11);
    for command in [one(0x80), one(0x00)] {
        for aid in [&APP[..], &SSD2] {
            assert_eq!(domain.status(&mut card, command, aid), 0x9000);
        }
    }
    assert_eq!(domain.status(&mut card, tree(0x80), &SSD2), 0x9000);
    let mut host = session(&mut card);
    assert_eq!(state_of(&mut host, &mut card, &SSD2), Some(0x8F));
    assert_eq!(state_of(&mut host, &mut card, &APP), Some(0x07));
}
