//! What applications ask the OPEN for while they work on a command: life cycle states, their own, those of others, and the card's
//! (GPCS 5.1, 5.3, 6.6).

use crate::{content, kit};
use content::*;
use gp_apdu::StatusWord;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::{Apdu, AppHandle, Applets, Card, Instance};
use gp_cardmanager_model::lifecycle::CardLifeCycle;
use gp_scp03::SecurityLevel;
use kit::flash::Tear;
use kit::{Bench, Event, Host, TestCard, hex, raw, select};

/// Its own state.
const OWN: u8 = 0x26;
/// Another one's lock.
const LOCK: u8 = 0x28;
const LOCK_CARD: u8 = 0x2A;
const TERMINATE: u8 = 0x2C;
/// What it is.
const LOOK: u8 = 0x2E;

fn ask(card: &mut TestCard<'_>, ins: u8, p1: u8, data: &[u8]) -> u16 {
    raw(card, &[&[0x80, ins, p1, 0x00, data.len() as u8], data].concat()).1
}

/// State of the selected application, state of the card, privileges.
fn look(card: &mut TestCard<'_>) -> (u8, u8, [u8; 3]) {
    match raw(card, &[0x80, LOOK, 0, 0, 0]) {
        (seen, 0x9000) => (seen[0], seen[1], [seen[2], seen[3], seen[4]]),
        (_, status) => panic!("{status:04X}"),
    }
}

#[test]
fn an_application_sets_every_state_of_its_own_and_no_other() {
    // Table 11-4: SELECTABLE and 0F..7F with b3 b2 b1 set are its own matter; b8, b2, b1 lock it; 03 is the installer's.
    for from in [0x07, 0x0F, 0x47, 0x7F] {
        for to in 0..=0xFF_u8 {
            let mut bench = Bench::new();
            let mut card = bench.card();
            drop(session_with_app(&mut card));
            assert_eq!(select(&mut card, &APP).1, 0x9000);
            if from != 0x07 {
                assert_eq!(ask(&mut card, OWN, from, &[]), 0x9000);
            }
            let (own, locks) = (to & 0x87 == 0x07, to & 0x83 == 0x83);
            let expected = match (own, locks) {
                (true, _) if to == from => 0x6985,
                (true, _) | (_, true) => 0x9000,
                _ if to == 0x03 => 0x6985,
                _ => 0x6A80,
            };
            assert_eq!(ask(&mut card, OWN, to, &[]), expected, "{from:02X} to {to:02X}");
            let now = match expected {
                0x9000 if locks => from | 0x80,
                0x9000 => to,
                _ => from,
            };
            assert_eq!(look(&mut card).0, now, "{from:02X} to {to:02X}");
            drop(card);
            bench.assert_lasting();
        }
    }
}

#[test]
fn who_locked_itself_stays_selected_and_cannot_come_back() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    drop(session_with_app(&mut card));
    assert_eq!(select(&mut card, &APP).1, 0x9000);
    assert_eq!(ask(&mut card, OWN, 0x0F, &[]), 0x9000);
    assert_eq!(ask(&mut card, OWN, 0x80 | 0x0F, &[]), 0x9000);
    // Neither by a state nor by another lock.
    for state in [0x07, 0x0F, 0x17, 0x8F, 0x83] {
        assert_eq!(ask(&mut card, OWN, state, &[]), 0x6985, "{state:02X}");
    }
    assert_eq!(look(&mut card).0, 0x8F);
    assert_eq!(select(&mut card, &APP).1, 0x6A82);
    let mut host = session(&mut card);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x00], &APP), 0x9000);
    assert_eq!(select(&mut card, &APP).1, 0x9000);
    assert_eq!(look(&mut card).0, 0x0F);
}

#[test]
fn the_holder_of_final_application_does_not_lock_itself() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    install(&mut host, &mut card, &APP, &hex("000200"), "C900");
    assert_eq!(select(&mut card, &APP).1, 0x9000);
    assert_eq!(ask(&mut card, OWN, 0x87, &[]), 0x6985);
    assert_eq!(ask(&mut card, OWN, 0x17, &[]), 0x9000);
    // Nor does another one with Global Lock.
    let mut host = session(&mut card);
    install(&mut host, &mut card, &OTHER, &hex("000800"), "C900");
    assert_eq!(select(&mut card, &OTHER).1, 0x9000);
    assert_eq!(ask(&mut card, LOCK, 0x80, &APP), 0x6985);
    assert_eq!(select(&mut card, &APP).1, 0x9000);
}

#[test]
fn an_application_locks_and_unlocks_others_by_global_lock_alone() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session_with_app(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "80", 0x11);
    // Every other privilege that an application may have.
    for privileges in ["000000", "100000", "080000", "040000", "001000", "000400", "000800"] {
        let mut host = session(&mut card);
        install(&mut host, &mut card, &OTHER, &hex(privileges), "C900");
        assert_eq!(select(&mut card, &OTHER).1, 0x9000);
        assert_eq!(look(&mut card).2[..], hex(privileges)[..]);
        let holds = privileges == "000800";
        for target in [&APP[..], &SSD] {
            let expected = if holds { 0x9000 } else { 0x6982 };
            assert_eq!(ask(&mut card, LOCK, 0x80, target), expected, "{privileges}");
            if holds {
                assert_eq!(ask(&mut card, LOCK, 0x80, target), 0x6985);
                assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
                assert_eq!(kit::select_on(&mut card, 1, target).1, 0x6A82);
                assert_eq!(raw(&mut card, &hex("00708001")).1, 0x9000);
                assert_eq!(ask(&mut card, LOCK, 0x00, target), 0x9000);
                assert_eq!(ask(&mut card, LOCK, 0x00, target), 0x6985);
            }
        }
        // Neither itself, nor what is no application, nor the card by its ISD.
        assert_eq!(ask(&mut card, LOCK, 0x80, &OTHER), 0x6982);
        for target in [&FILE[..], &ISD, &hex("D2760000FFFF")] {
            assert_eq!(ask(&mut card, LOCK, 0x80, target), 0x6A88);
        }
        let mut host = session(&mut card);
        assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &kit::tlv(0x4F, &OTHER)), 0x9000);
    }
    drop(card);
    bench.assert_lasting();
}

#[test]
fn an_application_locks_and_ends_the_card_by_its_privileges() {
    // Figure 5-1: Card Lock leads from SECURED to CARD_LOCKED, Card Terminate from everywhere to TERMINATED.
    let states = [0x01, 0x07, 0x0F, 0x7F, 0xFF].map(|octet| CardLifeCycle::from_octet(octet).unwrap());
    for (privileges, locks, ends) in
        [("00", false, false), ("10", true, false), ("08", false, true), ("18", true, true)]
    {
        for state in states {
            let mut bench = Bench::new();
            bench.profile.life_cycle = CardLifeCycle::OpReady;
            let mut card = bench.card();
            let mut host = session(&mut card);
            load(&mut host, &mut card);
            install(&mut host, &mut card, &APP, &hex(privileges), "C900");
            // It stays selected on its channel, whatever becomes of the card.
            assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
            assert_eq!(kit::select_on(&mut card, 1, &APP).1, 0x9000);
            for step in [0x07, 0x0F, 0x7F, 0xFF].into_iter().take_while(|step| *step <= state.octet()) {
                assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x80, step], &[]), 0x9000);
            }
            let mut ask = |ins| raw(&mut card, &[0x81, ins, 0, 0]).1;
            let lock = if state != CardLifeCycle::Secured {
                0x6985
            } else if locks {
                0x9000
            } else {
                0x6982
            };
            assert_eq!(ask(LOCK_CARD), lock, "{privileges} {state}");
            let end = if state == CardLifeCycle::Terminated {
                0x6985
            } else if ends {
                0x9000
            } else {
                0x6982
            };
            assert_eq!(ask(TERMINATE), end, "{privileges} {state}");
            let now = if end == 0x9000 {
                CardLifeCycle::Terminated
            } else if lock == 0x9000 {
                CardLifeCycle::CardLocked
            } else {
                state
            };
            assert_eq!(card.life_cycle(), now);
            drop(card);
            bench.assert_lasting();
        }
    }
}

#[test]
fn a_load_on_another_channel_ends_when_an_application_locks_the_card() {
    for ins in [LOCK_CARD, TERMINATE] {
        let mut bench = Bench::new();
        let mut card = bench.card();
        let mut host = session(&mut card);
        load(&mut host, &mut card);
        install(&mut host, &mut card, &APP, &[0x18], "C900");
        assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
        let mut loading = Host::open_on(&mut card, 1, kit::KVN, SecurityLevel::CMac).unwrap();
        let file = [0xD2, 0x76, 0, 0, 1, 9];
        assert_eq!(loading.install(&mut card, 0x02, 0x00, &[&file, &[], &[], &[], &[]]), (vec![0], 0x9000));
        assert_eq!(select(&mut card, &APP).1, 0x9000);
        assert_eq!(ask(&mut card, ins, 0, &[]), 0x9000);
        let expected = if ins == LOCK_CARD { 0x6985 } else { 0x6D00 };
        assert_eq!(loading.status(&mut card, [0x80, 0xE8, 0x00, 0x00], &hex("C40100")), expected);
        drop(card);
        bench.assert_lasting();
    }
}

#[test]
fn what_extends_a_security_domain_asks_as_that_domain() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session_with_app(&mut card);
    make_domain(&mut host, &mut card, &SSD, &hex("900800"), "8400");
    assert_eq!(select(&mut card, &SSD).1, 0x9000);
    assert_eq!(look(&mut card), (0x07, 0x0F, [0x90, 0x08, 0x00]));
    // An explicit command was asked for; here it is.
    for (state, expected) in
        [(0x03, 0x6985), (0x07, 0x6985), (0x17, 0x6A80), (0x0F, 0x9000), (0x0F, 0x6985), (0x07, 0x6985)]
    {
        assert_eq!(ask(&mut card, OWN, state, &[]), expected, "{state:02X}");
    }
    assert_eq!(ask(&mut card, LOCK, 0x80, &APP), 0x9000);
    assert_eq!(ask(&mut card, LOCK, 0x00, &APP), 0x9000);
    // A security domain with Card Lock locks the card, and by a command unlocks it: this is no command of its own.
    assert_eq!(ask(&mut card, LOCK_CARD, 0, &[]), 0x9000);
    assert_eq!(card.life_cycle(), CardLifeCycle::CardLocked);
    // The ISD's state is the card's.
    let mut bench = Bench::new();
    let mut card = bench.card();
    assert_eq!(look(&mut card).0, 0x0F);
    for state in [0x07, 0x0F, 0x7F, 0xFF] {
        assert_eq!(ask(&mut card, OWN, state, &[]), 0x6985);
    }
    assert_eq!(ask(&mut card, TERMINATE, 0, &[]), 0x9000);
}

#[test]
fn no_power_cut_leaves_a_state_in_between() {
    let mut cuts = 0;
    for operation in 0.. {
        let tear = Tear::all(16, 1)[operation as usize % Tear::all(16, 1).len()];
        let mut bench = Bench::new();
        let flash = bench.flash.clone();
        let mut card = bench.card();
        drop(session_with_app(&mut card));
        assert_eq!(select(&mut card, &APP).1, 0x9000);
        flash.0.borrow_mut().cut_at(operation, tear);
        let answered = ask(&mut card, OWN, 0x47, &[]);
        if answered == 0x9000 && !flash.0.borrow().is_off() {
            break;
        }
        cuts += 1;
        // After a failure nothing is certain, and it says so.
        assert_eq!(answered, 0x6581);
        drop(card);
        flash.0.borrow_mut().power_on();
        let mut card = bench.card();
        assert_eq!(select(&mut card, &APP).1, 0x9000);
        let now = look(&mut card).0;
        assert!(now == 0x07 || now == 0x47, "{now:02X}");
        drop(card);
        bench.assert_lasting();
    }
    println!("{cuts} cuts");
    assert!(cuts >= 3, "{cuts}");
}

#[test]
fn applications_are_told_at_the_start_what_is_there() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    drop(session_with_app(&mut card));
    let started = |bench: &Bench| match bench.desk.take_events().first() {
        Some(Event::Start(instances)) => instances.clone(),
        other => panic!("{other:?}"),
    };
    drop(card);
    assert_eq!(started(&bench), []);
    drop(bench.card());
    let instances = started(&bench);
    let names: Vec<_> = instances.iter().map(|it| (it.app.instance, it.load_file, it.module)).collect();
    let aid = |octets: &[u8]| Aid::new(octets).unwrap();
    assert_eq!(names, [(aid(&APP), Some(aid(&FILE)), Some(aid(&MODULE)))]);
}

/// Asks in `select`, which has no session, and wants the Key-DEK of one.
struct Eager;

impl Applets for Eager {
    fn select(&mut self, _: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        assert_eq!(apdu.decrypt_data(0..0).err(), Some(StatusWord::CONDITIONS_OF_USE));
        apdu.open().unwrap().set_life_cycle(0x1F)?;
        Ok(0)
    }

    fn start(&mut self, instances: &mut dyn Iterator<Item = Instance>) {
        assert!(instances.count() <= 1);
    }
}

#[test]
fn an_application_may_ask_while_it_is_selected() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    drop(session_with_app(&mut card));
    drop(card);
    let Bench { ram, flash, dice, profile, .. } = &mut bench;
    let mut card = Card::open(ram.memory(), flash.clone(), dice.clone(), Eager, profile).unwrap();
    assert_eq!(select(&mut card, &APP).1, 0x9000);
    // The state is set already; it says so by refusing.
    assert_eq!(select(&mut card, &ISD).1, 0x9000);
    assert_eq!(select(&mut card, &APP).1, 0x6A82);
    drop(card);
    let mut card = bench.card();
    assert_eq!(select(&mut card, &APP).1, 0x9000);
    assert_eq!(look(&mut card).0, 0x1F);
}
