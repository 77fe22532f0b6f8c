//! What changes midway: keys that vanish or are locked, a card that an application locks, sessions that end; each test begins with
//! the rule.

use crate::content::*;
use crate::kit::{
    self, Bench, Desk, Dice, Event, Host, Shared, Wire, factory, factory_keys, hex, key_set, keys_from, raw, tlv,
};
use gp_apdu::StatusWord;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::{Apdu, AppHandle, Applets, Card};
use gp_cardmanager_model::lifecycle::CardLifeCycle;
use gp_cardmanager_model::put_key::BlockForm;
use gp_scp03::SecurityLevel;

fn opens(card: &mut impl Wire) -> u16 {
    raw(card, &hex("8050000008 1111111111111111 00")).1
}

/// "an SD needs at least one such set" (Amendment D 4.1.3); a set for applications only (access 02, GPCS 11.1.9) opens no session
/// with the domain, so that the last one that does is not deleted beside it.
#[test]
fn a_set_for_applications_does_not_stand_in_for_the_last_one() {
    let mut bench = Bench::with(factory(vec![key_set(0xFF, factory_keys(), [0; 3])]));
    let mut card = bench.card();
    assert_eq!(kit::select(&mut card, &[]).1, 0x9000);
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    let dek = factory_keys();
    // The initial keys vanish here; the session still stands on them.
    let first = key_body(0x31, &keys_from(0x11, 16), dek.dek(), BlockForm::Bare);
    assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x81], &first), 0x9000);
    let second = set_with_access(0x32, &keys_from(0x22, 16), 0x02, dek.dek());
    assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x81], &second), 0x9000);
    let deleted = host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &[0xD2, 1, 0x31]);
    card.reset();
    assert_eq!(opens(&mut card), 0x9000, "DELETE was answered {deleted:04X}, and nothing opens the card any more");
}

/// The same of a domain that stands on the keys above it: keys of its own that open no session with it shut it for ever.
#[test]
fn a_first_set_for_applications_does_not_shut_the_domain() {
    for access in [0x02, 0xFF] {
        let mut bench = Bench::new();
        let mut card = bench.card();
        let mut host = session(&mut card);
        make_domain(&mut host, &mut card, &SSD, &[0x80], "");
        assert_eq!(kit::select(&mut card, &SSD).1, 0x9000);
        let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
        let body = set_with_access(0x32, &keys_from(0x22, 16), access, factory_keys().dek());
        let put = host.status(&mut card, [0x80, 0xD8, 0x00, 0x81], &body);
        card.reset();
        assert_eq!(kit::select(&mut card, &SSD).1, 0x9000);
        assert_eq!(opens(&mut card), 0x9000, "access {access:02X}: PUT KEY was answered {put:04X}, the domain is shut");
    }
}

/// "one = all that match" (GPCS 11.2.2.3.2): a set that is not the last is deleted, also where the one that stays is an initial one
/// with version 00.
#[test]
fn beside_initial_keys_with_version_00_another_set_is_deleted() {
    for initial in [0xFF, 0x00] {
        let sets = vec![key_set(initial, factory_keys(), [0; 3]), key_set(0x30, keys_from(0x11, 16), [0; 3])];
        let mut bench = Bench::with(factory(sets));
        let mut card = bench.card();
        let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
        assert_eq!(host.shown[10], initial);
        assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &[0xD2, 1, 0x30]), 0x9000, "{initial:02X}");
    }
}

/// "LOCKED: rejects all commands; ... no service for its applications" (GPCS 5.3.2.4): its keys open no session with what is below it.
#[test]
fn the_keys_of_a_locked_domain_open_nothing_below_it() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "80", 0x11);
    make_domain(&mut host, &mut card, &SSD2, &[0x80], "");
    extradite(&mut host, &mut card, &SSD2, &SSD);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &SSD), 0x9000);
    assert_eq!(kit::select(&mut card, &SSD2).1, 0x9000);
    let opened = kit::Opening::new(&mut keys_from(0x11, 16), 0, SecurityLevel::CMac).open(&mut card);
    assert!(opened.is_err(), "a session under the keys of a LOCKED domain");
}

/// "selecting the SD on another channel ends it too" (GPCS 11.11.2): also where it is selected in place of an application that was
/// locked, as where a channel opens with it.
#[test]
fn a_domain_that_takes_the_place_of_a_locked_application_ends_its_personalisation() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let mut host = session_with_app(&mut card);
    install(&mut host, &mut card, &OTHER, &[0x00], "C900");
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    assert_eq!(kit::select_on(&mut card, 1, &APP).1, 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &APP), 0x9000);
    assert_eq!(host.install(&mut card, 0x20, 0x00, &[&[], &[], &OTHER, &[], &[], &[]]), (vec![0], 0x9000));
    assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x00, 0x00], &hex("0102")), 0x9000);
    // The locked one is found by nobody; the ISD is selected on channel 1 now.
    assert_eq!(kit::select_on(&mut card, 1, &APP).1, 0x6A82);
    assert_eq!(raw(&mut card, &hex("81CA006600")).1, 0x9000);
    desk.take_events();
    let next = host.status(&mut card, [0x80, 0xE2, 0x80, 0x01], &hex("0304"));
    let forwarded = desk.take_events().iter().any(|event| matches!(event, Event::Personalize { .. }));
    assert!(!forwarded, "the block was forwarded and answered {next:04X}");
}

/// An application with Card Lock that locks the card when it is asked whether it lets itself be selected, and refuses.
struct Locks;

impl Applets for Locks {
    fn select(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        if app.instance.as_bytes() != APP {
            return Ok(0);
        }
        apdu.open().unwrap().lock_card()?;
        Err(StatusWord::CONDITIONS_OF_USE)
    }

    fn process(&mut self, _: AppHandle, _: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        Ok(0)
    }
}

/// "CARD_LOCKED: only the Final Application holder is selectable; denial starts at once" (GPCS 5.1.1.4, 9.6.3).
#[test]
fn on_a_card_that_was_locked_meanwhile_the_search_ends() {
    let Bench { mut ram, flash, dice, profile, .. } = Bench::new();
    let mut card = Card::open(ram.memory(), flash, dice, Locks, &profile).unwrap();
    let mut host = Host::open(&mut card, kit::KVN, SecurityLevel::CMac).unwrap();
    for state in [0x07, 0x0F] {
        let _ = host.status(&mut card, [0x80, 0xF0, 0x80, state], &[]);
    }
    host.load_package(&mut card, &FILE, &[&MODULE]);
    for (name, privileges) in [(&APP, 0x10), (&OTHER, 0x00)] {
        let fields: [&[u8]; 6] = [&FILE, &MODULE, name, &[privileges], &hex("C900"), &[]];
        assert_eq!(host.install(&mut card, 0x0C, 0x00, &fields), (vec![0], 0x9000));
    }
    let (_, status) = kit::select(&mut card, &APP[..6]);
    assert_eq!(card.life_cycle(), CardLifeCycle::CardLocked);
    assert_ne!(status, 0x9000, "another application was selected on a locked card");
}

/// "the one with which it was opened, also when PUT KEY has replaced that set since": Key-DEK is that of the session as long as the
/// session goes on, for the domain and for an application of it (Amendment D 4.1.4, GPCS 7.3.2).
#[test]
fn an_application_keeps_the_key_dek_of_its_session_when_initial_keys_vanish() {
    let mut bench = Bench::with(factory(vec![key_set(0xFF, factory_keys(), [0; 3])]));
    bench.desk.0.borrow_mut().secure.insert(APP.to_vec());
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    load(&mut host, &mut card);
    install(&mut host, &mut card, &APP, &[0x00], "C900");
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    assert_eq!(kit::select(&mut card, &APP).1, 0x9000);
    let mut of_app = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    let mut of_domain = Host::open_on(&mut card, 1, 0, SecurityLevel::CMac).unwrap();
    assert_eq!(of_app.status(&mut card, [0x80, 0x24, 0, 0], &[0x5A; 16]), 0x9000);
    let body = key_body(0x31, &keys_from(0x11, 16), factory_keys().dek(), BlockForm::Bare);
    assert_eq!(of_domain.status(&mut card, [0x80, 0xD8, 0x00, 0x81], &body), 0x9000);
    // The domain's own session has it still.
    let another = key_body(0x32, &keys_from(0x22, 16), factory_keys().dek(), BlockForm::Bare);
    assert_eq!(of_domain.status(&mut card, [0x80, 0xD8, 0x00, 0x81], &another), 0x9000);
    assert_eq!(of_app.status(&mut card, [0x80, 0x24, 0, 0], &[0x5A; 16]), 0x9000);
}

/// "With the session ends what was begun in it" (`Card::run`), and what is ended waits in no memory: a transfer of STORE DATA whose
/// session is over hinders no chain on another channel (11.1.5.1: "every non-last answers 9000").
#[test]
fn a_transfer_of_a_dead_session_leaves_the_memory_to_others() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x10, 0x00], &tlv(0x42, &[0x5A; 4])), 0x9000);
    // A wrong MAC: the session is over, and with it what was begun in it.
    assert_eq!(raw(&mut card, &hex("84E2100108 1111111111111111")).1, 0x6982);
    assert_eq!(raw(&mut card, &hex("81E4800002 4F07")).1, 0x9000, "the first part of a chain");
}

/// An application with Card Lock that locks the card when it is selected, and agrees.
struct LocksAndAgrees;

impl Applets for LocksAndAgrees {
    fn select(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        if app.instance.as_bytes() == APP {
            apdu.open().unwrap().lock_card()?;
        }
        Ok(0)
    }

    fn process(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        // What the ISD does not know comes here, too.
        if app.instance.as_bytes() == APP { apdu.respond(&[0xAA]) } else { Err(StatusWord::INS_NOT_SUPPORTED) }
    }
}

/// Installs it, implicitly selectable as `CF` says.
fn install_locker(card: &mut Card<'_, Shared, Dice, LocksAndAgrees>, implicit: &[u8]) {
    let mut host = Host::open(card, kit::KVN, SecurityLevel::CMac).unwrap();
    host.load_package(card, &FILE, &[&MODULE]);
    let parameters = [hex("C900"), tlv(0xEF, implicit)].concat();
    let fields: [&[u8]; 6] = [&FILE, &MODULE, &APP, &[0x10], &parameters, &[]];
    assert_eq!(host.install(card, 0x0C, 0x00, &fields), (vec![0], 0x9000));
}

/// "6A81 when none is free or the card is locked" (GPCS 11.7); "denial starts at once, but applications already selected stay": this one
/// was not selected yet.
#[test]
fn no_channel_opens_with_an_application_that_locked_the_card() {
    let Bench { mut ram, flash, dice, profile, .. } = Bench::new();
    let mut card = Card::open(ram.memory(), flash, dice, LocksAndAgrees, &profile).unwrap();
    install_locker(&mut card, &tlv(0xCF, &[0x41]));
    let opened = raw(&mut card, &hex("0070000001")).1;
    assert_eq!(card.life_cycle(), CardLifeCycle::CardLocked);
    assert_eq!(raw(&mut card, &hex("81CA006600")).1, 0x6881, "MANAGE CHANNEL was answered {opened:04X}");
}

/// Locks the card in the selection of this number.
struct LocksThen(Desk, usize);

impl Applets for LocksThen {
    fn select(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        self.1 -= 1;
        if self.1 == 0 {
            apdu.open().unwrap().lock_card()?;
        }
        self.0.select(app, apdu)
    }

    fn deselect(&mut self, app: AppHandle) {
        self.0.deselect(app);
    }

    fn process(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        self.0.process(app, apdu)
    }
}

/// "Denial starts at once, but applications already selected stay" (GPCS 5.1.1.4): who locks the card in its selection is told that
/// it is not selected after all, unless it was before.
#[test]
fn who_locks_the_card_in_its_selection_is_deselected_unless_it_was_selected() {
    for which in [1, 2] {
        let Bench { mut ram, flash, dice, profile, desk } = Bench::new();
        let mut card = Card::open(ram.memory(), flash, dice, LocksThen(desk.clone(), which), &profile).unwrap();
        let mut host = Host::open(&mut card, kit::KVN, SecurityLevel::CMac).unwrap();
        for state in [0x07, 0x0F] {
            let _ = host.status(&mut card, [0x80, 0xF0, 0x80, state], &[]);
        }
        host.load_package(&mut card, &FILE, &[&MODULE]);
        let fields: [&[u8]; 6] = [&FILE, &MODULE, &APP, &[0x10], &hex("C900"), &[]];
        assert_eq!(host.install(&mut card, 0x0C, 0x00, &fields), (vec![0], 0x9000));
        if which == 2 {
            assert_eq!(kit::select(&mut card, &APP).1, 0x9000);
        }
        desk.take_events();
        let status = kit::select(&mut card, &APP).1;
        assert_eq!(card.life_cycle(), CardLifeCycle::CardLocked);
        let aid = Aid::new(&APP).unwrap();
        let told = if which == 1 { vec![Event::Select(aid), Event::Deselect(aid)] } else { vec![Event::Select(aid)] };
        assert_eq!((status, desk.take_events()), (0x6A81, told), "{which}");
        // The ISD, without a session, or the application.
        let answer = raw(&mut card, &hex("8010000001 AA 00"));
        assert_eq!(answer, if which == 1 { (vec![], 0x6982) } else { (vec![0xAA], 0x9000) }, "{which}");
    }
}

/// The same as with a session that is still to come: one that stands on the keys of a domain that was locked since does nothing more
/// (GPCS 5.3.2.4).
#[test]
fn a_session_on_the_keys_of_a_locked_domain_stores_nothing() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "80", 0x11);
    make_domain(&mut host, &mut card, &SSD2, &[0x80], "");
    extradite(&mut host, &mut card, &SSD2, &SSD);
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    assert_eq!(kit::select_on(&mut card, 1, &SSD2).1, 0x9000);
    let mut keys = keys_from(0x11, 16);
    let opening = kit::Opening { channel: 1, ..kit::Opening::new(&mut keys, 0, SecurityLevel::CMac) };
    let mut below = opening.open(&mut card).unwrap();
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &SSD), 0x9000);
    let body = key_body(0x31, &keys_from(0x22, 16), keys_from(0x11, 16).dek(), BlockForm::Bare);
    let status = below.status(&mut card, [0x80, 0xD8, 0x00, 0x81], &body);
    assert_ne!(status, 0x9000, "keys came in under the Key-DEK of a LOCKED domain");
}

/// `Rotation::add`: "00 is the first key set of the card", `KeySet::find`: "00 is the domain's first that is complete": a replacement in
/// place keeps it the first.
#[test]
fn the_default_set_stays_the_default_when_it_is_replaced() {
    let sets = vec![key_set(0x30, factory_keys(), [0; 3]), key_set(0x31, keys_from(0x11, 16), [0; 3])];
    let mut bench = Bench::with(factory(sets));
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    assert_eq!(host.shown[10], 0x30);
    let body = key_body(0x30, &keys_from(0x22, 16), factory_keys().dek(), BlockForm::Bare);
    assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x30, 0x81], &body), 0x9000);
    card.reset();
    let (shown, status) = raw(&mut card, &hex("8050000008 1111111111111111 00"));
    assert_eq!((shown[10], status), (0x30, 0x9000));
}

/// "CARD_LOCKED: only the Final Application holder is selectable; denial starts at once, but applications already selected stay" (GPCS
/// 5.1.1.4, 9.6.3): this one was not selected yet. MANAGE CHANNEL refuses the same.
#[test]
fn select_does_not_end_with_an_application_that_locked_the_card() {
    let Bench { mut ram, flash, dice, profile, .. } = Bench::new();
    let mut card = Card::open(ram.memory(), flash, dice, LocksAndAgrees, &profile).unwrap();
    install_locker(&mut card, &[]);
    let (_, status) = kit::select(&mut card, &APP);
    assert_eq!(card.life_cycle(), CardLifeCycle::CardLocked);
    assert_ne!(status, 0x9000, "it was selected on a locked card");
}

/// The same where it is implicitly selected after a reset: "Reset: CARD_LOCKED or TERMINATED -> Final Application holder" (GPCS 6.4.1).
#[test]
fn a_reset_does_not_end_with_an_application_that_locked_the_card() {
    let Bench { mut ram, flash, dice, profile, .. } = Bench::new();
    let mut card = Card::open(ram.memory(), flash, dice, LocksAndAgrees, &profile).unwrap();
    install_locker(&mut card, &tlv(0xCF, &[0x40]));
    card.reset();
    assert_eq!(card.life_cycle(), CardLifeCycle::CardLocked);
    assert_eq!(raw(&mut card, &hex("80100000")), (vec![], 0x6D00), "the ISD is selected");
}
