//! MANAGE CHANNEL on the card (GPCS 6.4.2, 6.4.3, 11.7).

use crate::{content, kit};
use content::*;
use gp_apdu::StatusWord;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::{Apdu, AppHandle, Applets, Card, Installation};
use gp_scp03::SecurityLevel;
use kit::{Bench, Desk, Event, Host, Ram, TestCard, Wire, hex, say};

const OPEN: &str = "0070000001";

/// Who is selected on a channel: a security domain shows card data, an application does not know the command.
fn who(card: &mut impl Wire, channel: u8) -> &'static str {
    let class = 0x80 | channel;
    match kit::raw(card, &[class, 0xCA, 0x00, 0x66, 0x00]).1 {
        0x9000 => "domain",
        0x6D00 => "application",
        0x6881 => "closed",
        other => panic!("{other:04X}"),
    }
}

fn with_apps(card: &mut TestCard<'_>, parameters: [&str; 2]) -> Host {
    let mut host = session(card);
    load(&mut host, card);
    install(&mut host, card, &APP, &[0x00], parameters[0]);
    install(&mut host, card, &OTHER, &[0x00], parameters[1]);
    host
}

#[test]
fn numbers() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    for number in 1..4 {
        assert_eq!(say(&mut card, OPEN), (vec![number], 0x9000));
        assert_eq!(who(&mut card, number), "domain");
    }
    assert_eq!(say(&mut card, OPEN), (vec![], 0x6A81));
    // The lowest that is free.
    assert_eq!(say(&mut card, "00708002"), (vec![], 0x9000));
    assert_eq!(who(&mut card, 2), "closed");
    assert_eq!(say(&mut card, "00708002"), (vec![], 0x6200));
    assert_eq!(say(&mut card, OPEN), (vec![2], 0x9000));
    // Numbers that the host chooses.
    assert_eq!(say(&mut card, "00708003"), (vec![], 0x9000));
    assert_eq!(say(&mut card, "00700003"), (vec![], 0x9000));
    assert_eq!(say(&mut card, "00700003"), (vec![], 0x6A81));
    assert_eq!(say(&mut card, "00700004"), (vec![], 0x6881));
    assert_eq!(say(&mut card, "00708004"), (vec![], 0x6881));
    for bad in ["00708000", "00708014", "00700014", "00704000", "00700080"] {
        assert_eq!(say(&mut card, bad), (vec![], 0x6A86), "{bad}");
    }
    // Never under secure messaging, of whatever kind.
    for protected in ["0470000001", "0870000001", "0C70000001"] {
        assert_eq!(say(&mut card, protected), (vec![], 0x6882));
    }
    // A channel closes itself, another one too.
    assert_eq!(say(&mut card, "03708003"), (vec![], 0x9000));
    assert_eq!(say(&mut card, "01708002"), (vec![], 0x9000));
    assert_eq!([1, 2, 3].map(|channel| who(&mut card, channel)), ["domain", "closed", "closed"]);
    assert_eq!(say(&mut card, "0370000001"), (vec![], 0x6881));
    drop(card);
    let mut card = bench.card();
    assert_eq!(who(&mut card, 1), "closed", "a reset closes all");
}

#[test]
fn twenty_channels_and_one() {
    let mut bench = Bench::new();
    bench.ram = Ram::new(24, 24, 16, 20);
    let mut card = bench.card();
    for number in 1..20 {
        assert_eq!(say(&mut card, OPEN), (vec![number], 0x9000));
    }
    assert_eq!(say(&mut card, OPEN), (vec![], 0x6A81));
    // Channel 19 has the further interindustry class.
    assert_eq!(say(&mut card, "CFCA006600").1, 0x9000);
    assert_eq!(say(&mut card, "4F708013"), (vec![], 0x9000));
    assert_eq!(say(&mut card, "CFCA006600"), (vec![], 0x6881));
    drop(card);
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    bench.ram = Ram::new(24, 24, 16, 1);
    let mut card = bench.card();
    // A security domain rejects what is no command of its own, and an application gets it.
    assert_eq!(say(&mut card, OPEN), (vec![], 0x6D00));
    drop(with_apps(&mut card, ["C900", "C900"]));
    assert_eq!(kit::select(&mut card, &APP).1, 0x9000);
    desk.take_events();
    assert_eq!(say(&mut card, OPEN), (vec![], 0x6D00));
    assert!(matches!(desk.take_events()[..], [Event::Process { header, .. }] if header.ins == 0x70));
}

#[test]
fn who_is_selected_on_a_new_channel() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    // One for channel 2 of the contacts, one for channel 1 without contacts: this card has contacts.
    let mut host = with_apps(&mut card, ["C900EF03CF0142", "C900EF03CF0181"]);
    desk.take_events();
    assert_eq!(say(&mut card, OPEN), (vec![1], 0x9000));
    assert_eq!(say(&mut card, OPEN), (vec![2], 0x9000));
    assert_eq!([1, 2].map(|channel| who(&mut card, channel)), ["domain", "application"]);
    let app = Aid::new(&APP).unwrap();
    assert_eq!(desk.take_events()[0], Event::Select(app));
    // Opened from there: the same again.
    assert_eq!(say(&mut card, "0270000001"), (vec![3], 0x9000));
    assert_eq!(who(&mut card, 3), "application");
    desk.take_events();
    assert_eq!(say(&mut card, "00708003"), (vec![], 0x9000));
    assert_eq!(desk.take_events(), [Event::Deselect(app)]);
    assert_eq!(say(&mut card, "0170000001"), (vec![3], 0x9000));
    assert_eq!(who(&mut card, 3), "domain");
    // LOCKED: where it is selected it stays, but it goes nowhere else. On its own channel the ISD, which has Final Application.
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &APP), 0x9000);
    assert_eq!(say(&mut card, "00708003"), (vec![], 0x9000));
    assert_eq!(say(&mut card, "0270000001"), (vec![], 0x6985));
    assert_eq!(who(&mut card, 3), "closed");
    assert_eq!(say(&mut card, "00708002"), (vec![], 0x9000));
    assert_eq!(say(&mut card, "00700002"), (vec![], 0x9000));
    assert_eq!(who(&mut card, 2), "domain");
    // An application that does not want to.
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x00], &APP), 0x9000);
    desk.0.borrow_mut().refuse_select.insert(APP.to_vec(), 0x6A82);
    assert_eq!(say(&mut card, "00708002"), (vec![], 0x9000));
    assert_eq!(say(&mut card, "00700002"), (vec![], 0x6999));
    assert_eq!(who(&mut card, 2), "closed");
}

/// Who is implicitly selectable on channel 0 is selected where a channel has nobody of its own.
#[test]
fn who_has_channel_0_has_the_channels_that_nobody_has() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    drop(with_apps(&mut card, ["C900EF03CF0140", "C900"]));
    card.reset();
    assert_eq!(who(&mut card, 0), "application");
    // From channel 0, whoever is selected there.
    assert_eq!(kit::select(&mut card, &ISD).1, 0x9000);
    assert_eq!(say(&mut card, OPEN), (vec![1], 0x9000));
    assert_eq!([0, 1].map(|channel| who(&mut card, channel)), ["domain", "application"]);
}

#[test]
fn a_locked_card_opens_none() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    assert_eq!(say(&mut card, OPEN), (vec![1], 0x9000));
    let mut host = session(&mut card);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x80, 0x7F], &[]), 0x9000);
    assert_eq!(say(&mut card, OPEN), (vec![], 0x6A81));
    assert_eq!(say(&mut card, "00700002"), (vec![], 0x6A81));
    assert_eq!(say(&mut card, "00708001"), (vec![], 0x9000));
}

#[test]
fn each_channel_has_its_own_session() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut first = session(&mut card);
    assert_eq!(say(&mut card, OPEN), (vec![1], 0x9000));
    let mut second = Host::open_on(&mut card, 1, kit::KVN, SecurityLevel::Full).unwrap();
    assert_eq!(second.listed(&mut card, 0x80).1, 0x9000);
    assert_eq!(first.listed(&mut card, 0x80).1, 0x9000);
    // Closing ends the session, not the other one's.
    assert_eq!(say(&mut card, "00708001"), (vec![], 0x9000));
    assert_eq!(say(&mut card, OPEN), (vec![1], 0x9000));
    assert_eq!(say(&mut card, "81F28002024F0000"), (vec![], 0x6982));
    assert_eq!(first.listed(&mut card, 0x80).1, 0x9000);
}

/// Applications of which no two of a load file are selected at a time.
struct Single(Desk);

impl Applets for Single {
    fn install(&mut self, app: AppHandle, installation: &Installation<'_>) -> Result<(), StatusWord> {
        self.0.install(app, installation)
    }
    fn process(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        self.0.process(app, apdu)
    }
    fn personalize(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        self.0.personalize(app, apdu)
    }
    fn multi_selectable(&self, _: AppHandle) -> bool {
        false
    }
}

#[test]
fn code_that_cannot_be_selected_twice() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    drop(with_apps(&mut card, ["C900EF03CF0142", "C900"]));
    drop(card);
    let Bench { ram, flash, dice, desk, profile } = &mut bench;
    let mut card = Card::open(ram.memory(), flash.clone(), dice.clone(), Single(desk.clone()), profile).unwrap();
    let mut host = Host::open(&mut card, kit::KVN, SecurityLevel::CMac).unwrap();
    assert_eq!(say(&mut card, OPEN), (vec![1], 0x9000));
    assert_eq!(kit::select_on(&mut card, 1, &OTHER).1, 0x9000);
    // Another instance of the same load file: neither implicitly, nor from its channel, nor by name.
    assert_eq!(say(&mut card, "00700002"), (vec![], 0x6985));
    assert_eq!(say(&mut card, "01700003"), (vec![], 0x6985));
    assert_eq!([2, 3].map(|channel| who(&mut card, channel)), ["closed", "closed"]);
    assert_eq!(kit::select(&mut card, &APP).1, 0x6A82);
    // Nor does personalisation data reach it.
    assert_eq!(host.install(&mut card, 0x20, 0x00, &[&[], &[], &APP, &[], &[], &[]]).1, 0x6985);
    // Of another load file it may be.
    let (file, module, name) = (hex("D27600000155"), hex("D2760000015501"), hex("D27600000155AA"));
    host.load_package(&mut card, &file, &[&module]);
    let fields: [&[u8]; 6] = [&file, &module, &name, &[0x00], &hex("C900"), &[]];
    assert_eq!(host.install(&mut card, 0x0C, 0x00, &fields), (vec![0], 0x9000));
    assert_eq!(kit::select(&mut card, &name).1, 0x9000);
    // On its own channel it may be selected again.
    assert_eq!(kit::select_on(&mut card, 1, &APP).1, 0x9000);
    assert_eq!(say(&mut card, "00708001"), (vec![], 0x9000));
    assert_eq!(say(&mut card, "00700002"), (vec![], 0x9000));
    assert_eq!(who(&mut card, 2), "application");
}
