//! SELECT on the card: names, partial names, the next one, who is passed over, what selection ends, locked cards.

use crate::kit;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::lifecycle::CardLifeCycle;
use gp_scp03::SecurityLevel;
use kit::{Bench, Event, Host, TestCard, hex, raw, say, select, select_on};

const ISD: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];
const PACKAGE: [u8; 6] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00];
const MODULE: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00, 0x01];
const SSD_FILE: [u8; 7] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50];
const SSD_MODULE: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50, 0x41];

/// `D2 76 00 01 19 xx`: three applications, a security domain and one that is only INSTALLED between them.
fn app(last: u8) -> Vec<u8> {
    vec![0xD2, 0x76, 0x00, 0x01, 0x19, last]
}

fn aid(octets: &[u8]) -> Aid {
    Aid::new(octets).unwrap()
}

/// Installs the applications 01 02 03, the security domain 04, the INSTALLED application 05 and the application 06.
fn populate(card: &mut TestCard<'_>) {
    let mut host = Host::open(card, 0, SecurityLevel::CMac).unwrap();
    host.load_package(card, &PACKAGE, &[&MODULE]);
    for last in [1, 2, 3, 4, 5, 6] {
        let domain = last == 4;
        let (file, module): (&[u8], &[u8]) = if domain { (&SSD_FILE, &SSD_MODULE) } else { (&PACKAGE, &MODULE) };
        let privileges: &[u8] = if domain { &[0x80] } else { &[0x00] };
        let p1 = if last == 5 { 0x04 } else { 0x0C };
        let fields: [&[u8]; 6] = [file, module, &app(last), privileges, &hex("C900"), &[]];
        assert_eq!(host.install(card, p1, 0, &fields), (vec![0], 0x9000), "{last}");
    }
    card.reset();
}

fn lock(card: &mut TestCard<'_>, last: u8, p2: u8) {
    select(card, &[]);
    let mut host = Host::open(card, 0, SecurityLevel::CMac).unwrap();
    assert_eq!(host.status(card, [0x80, 0xF0, 0x40, p2], &app(last)), 0x9000);
    card.reset();
}

/// The name in an FCI.
fn named(answer: (Vec<u8>, u16)) -> Vec<u8> {
    let (data, status) = answer;
    assert_eq!(status, 0x9000);
    assert_eq!((data[0], data[2]), (0x6F, 0x84));
    data[4..][..usize::from(data[3])].to_vec()
}

/// What is selected on the basic channel, as the applications tell.
fn heard(bench_desk: &kit::Desk, card: &mut TestCard<'_>) -> Option<Aid> {
    bench_desk.take_events();
    say(card, "8010000001 AA 00");
    bench_desk.take_events().into_iter().find_map(|event| match event {
        Event::Process { instance, .. } => Some(instance),
        _ => None,
    })
}

#[test]
fn the_isd_answers_to_its_name_to_a_part_of_it_to_nothing_and_to_aliases() {
    let mut bench = Bench::new();
    let alias: &'static [Aid] = Box::leak(Box::new([aid(&hex("A000000003000000"))]));
    bench.profile.aliases = alias;
    let mut card = bench.card();
    for length in 1..=8 {
        assert_eq!(named(select(&mut card, &ISD[..length])), ISD, "{length}");
    }
    assert_eq!(named(say(&mut card, "00A4040000")), ISD);
    assert_eq!(named(say(&mut card, "00A40400")), ISD, "Le is no condition");
    assert_eq!(named(select(&mut card, &hex("A000000003000000"))), ISD);
    // An alias is a name as a whole.
    assert_eq!(select(&mut card, &hex("A0000000030000")), (vec![], 0x6A82));
    for wrong in [&hex("A00000015100000000")[..], &hex("A000000152"), &[0xFF], &[0xA0; 16], &[0xA0; 17], &[0xA0; 255]] {
        assert_eq!(select(&mut card, wrong), (vec![], 0x6A82), "{wrong:02X?}");
    }
    // FCI: name, recognition data, longest command data.
    let (fci, _) = select(&mut card, &[]);
    let recognition =
        hex("06072A864886FC6B01 600C060A2A864886FC6B02020301 630906072A864886FC6B03 640B06092A864886FC6B040370");
    let body = [&[0x84, 8][..], &ISD, &[0xA5, 4 + 2 + recognition.len() as u8, 0x73, recognition.len() as u8]].concat();
    let body = [&body[..], &recognition, &hex("9F6501FF")].concat();
    assert_eq!(fci, [&[0x6F, body.len() as u8][..], &body].concat(), "{fci:02X?}");
    // With production life cycle data, where the card has some.
    drop(card);
    bench.profile.production_life_cycle = &[1, 2, 3];
    let fci = select(&mut bench.card(), &[]).0;
    assert!(fci.ends_with(&hex("9F6E03010203 9F6501FF")), "{fci:02X?}");
    // With the card data of the factory, where it has them; a security domain tells its own.
    let older =
        hex("06072A864886FC6B01 600C060A2A864886FC6B02020201 630906072A864886FC6B03 640B06092A864886FC6B040370");
    bench.profile.card_data = Box::leak([&[0x73, older.len() as u8], &older[..]].concat().into_boxed_slice());
    let mut card = bench.card();
    let management = |fci: &[u8]| fci.windows(older.len()).any(|window| window == older);
    let fci = select(&mut card, &[]).0;
    assert!(management(&fci), "{fci:02X?}");
    populate(&mut card);
    let fci = select(&mut card, &app(4)).0;
    assert!(!management(&fci) && fci.windows(recognition.len()).any(|window| window == recognition), "{fci:02X?}");
}

#[test]
fn other_parameters_and_protection_are_refused() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    for p2 in (0..=0xFF).filter(|p2| ![0x00, 0x02].contains(p2)) {
        assert_eq!(raw(&mut card, &[0x00, 0xA4, 0x04, p2, 0x00]), (vec![], 0x6A86), "{p2:02X}");
    }
    assert_eq!(say(&mut card, "04A4040000").1, 0x6882);
    assert_eq!(say(&mut card, "0CA4040000").1, 0x6882);
    // Other P1 are not the OPEN's affair, and GlobalPlatform classes no SELECT.
    assert_eq!(say(&mut card, "00A4000000").1, 0x6D00);
    assert_eq!(say(&mut card, "80A4040000").1, 0x6D00);
    assert_eq!(say(&mut card, "01A4040000").1, 0x6881, "channel 1 is not open");
    assert_eq!(say(&mut card, "4FA4040000").1, 0x6881, "there is no channel 19");
}

#[test]
fn a_part_of_a_name_finds_the_first_and_next_the_following_ones() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    populate(&mut card);
    // There is nothing to go on from.
    assert_eq!(say(&mut card, "00A4040205 D276000119 00"), (vec![], 0x6A82));
    assert_eq!(select(&mut card, &app(0)[..5]).1, 0x9000);
    assert_eq!(heard(&desk, &mut card), Some(aid(&app(1))));
    for expected in [2, 3] {
        assert_eq!(say(&mut card, "00A4040205 D276000119 00").1, 0x9000);
        assert_eq!(heard(&desk, &mut card), Some(aid(&app(expected))));
    }
    assert_eq!(named(say(&mut card, "00A4040205 D276000119 00")), app(4), "security domains, too");
    // 05 is INSTALLED only.
    assert_eq!(say(&mut card, "00A4040205 D276000119 00").1, 0x9000);
    assert_eq!(heard(&desk, &mut card), Some(aid(&app(6))));
    // No more: it stays as it is, and so does the next attempt.
    for _ in 0..2 {
        assert_eq!(say(&mut card, "00A4040205 D276000119 00"), (vec![], 0x6A82));
        assert_eq!(heard(&desk, &mut card), Some(aid(&app(6))));
    }
    // The whole name of one that is not selectable.
    assert_eq!(select(&mut card, &app(5)).1, 0x6D00, "the command of a failed search is the application's");
    assert_eq!(heard(&desk, &mut card), Some(aid(&app(6))));
    // Load files and modules are no names for SELECT.
    select(&mut card, &[]);
    for name in [&PACKAGE[..], &MODULE, &SSD_FILE, &SSD_MODULE] {
        assert_eq!(select(&mut card, name), (vec![], 0x6A82), "{name:02X?}");
    }
    assert_eq!(heard(&desk, &mut card), Some(aid(&ISD)));
}

#[test]
fn locked_and_unwilling_applications_are_passed_over() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    populate(&mut card);
    lock(&mut card, 1, 0x80);
    lock(&mut card, 4, 0x80);
    desk.0.borrow_mut().refuse_select.insert(app(2), 0x6999);
    assert_eq!(select(&mut card, &app(0)[..5]).1, 0x9000);
    assert_eq!(heard(&desk, &mut card), Some(aid(&app(3))));
    assert_eq!(say(&mut card, "00A4040205 D276000119 00").1, 0x9000);
    assert_eq!(heard(&desk, &mut card), Some(aid(&app(6))));
    select(&mut card, &[]);
    for last in [1, 2, 4, 5] {
        assert_eq!(select(&mut card, &app(last)), (vec![], 0x6A82), "{last}");
    }
    lock(&mut card, 1, 0x00);
    assert_eq!(select(&mut card, &app(1)).1, 0x9000);
}

#[test]
fn an_application_that_was_locked_while_selected_stays_until_it_is_selected_again() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    populate(&mut card);
    assert_eq!(say(&mut card, "0070000000"), (vec![1], 0x9000));
    assert_eq!(select_on(&mut card, 1, &app(1)).1, 0x9000);
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &app(1)), 0x9000);
    assert_eq!(say(&mut card, "8110000001 AA 00"), (vec![0xAA], 0x9000), "its session has not ended");
    desk.take_events();
    // Nobody else has the name: its session ends, what is implicit on the channel takes the place.
    assert_eq!(select_on(&mut card, 1, &app(1)), (vec![], 0x6A82));
    assert_eq!(desk.take_events(), [Event::Deselect(aid(&app(1)))]);
    assert_eq!(say(&mut card, "81CA00CF00").1, 0x9000, "the ISD");
}

#[test]
fn applications_are_told_and_answer_for_themselves() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    populate(&mut card);
    desk.0.borrow_mut().fci.insert(app(2), hex("6F00"));
    desk.take_events();
    assert_eq!(select(&mut card, &app(1)), (vec![], 0x9000));
    assert_eq!(select(&mut card, &app(2)), (hex("6F00"), 0x9000));
    assert_eq!(select(&mut card, &[]).1, 0x9000);
    let expected = [
        Event::Select(aid(&app(1))),
        Event::Select(aid(&app(2))),
        Event::Deselect(aid(&app(1))),
        Event::Deselect(aid(&app(2))),
    ];
    assert_eq!(desk.take_events(), expected);
}

#[test]
fn selection_ends_the_secure_channel_and_a_failed_one_does_not() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    populate(&mut card);
    for (command, ends) in [
        ("00A4040000", true),
        ("00A4040008 A000000151000000 00", true),
        ("00A4040006 D27600011901 00", true),
        ("00A4040006 D276000119FF 00", false),
        ("00A4040206 D27600011901 00", false),
        ("00A4040100", false),
    ] {
        select(&mut card, &[]);
        let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
        say(&mut card, command);
        select(&mut card, &[0xFF; 3]);
        let status = host.status(&mut card, [0x80, 0xCA, 0x00, 0xCF], &[]);
        assert_eq!(status == 0x9000, !ends, "{command}");
    }
}

#[test]
fn each_channel_has_its_own_selection_and_session() {
    let mut bench = Bench::new();
    bench.ram = kit::Ram::new(24, 24, 16, 20);
    let mut card = bench.card();
    populate(&mut card);
    for number in 1..20 {
        assert_eq!(say(&mut card, "0070000000"), (vec![number], 0x9000));
    }
    assert_eq!(say(&mut card, "0070000000"), (vec![], 0x6A81));
    let mut hosts: Vec<Host> = (0..20)
        .map(|channel| Host::open_on(&mut card, channel, 0, SecurityLevel::ALL[usize::from(channel % 6)]).unwrap())
        .collect();
    for round in 0..2 {
        for host in &mut hosts {
            let number = host.secure.channel().number();
            assert_eq!(host.send(&mut card, [0x80, 0x10, 0, 0], &[number, round]), (vec![number, round], 0x9000));
        }
    }
    // A selection on one ends the session there and nowhere else; a command of one session is none on another channel.
    assert_eq!(select_on(&mut card, 7, &app(1)).1, 0x9000);
    let mut stray = hosts[19].wrap([0x80, 0x10, 0, 0], &[1]).remove(0);
    stray[0] = 0xE0;
    assert_eq!(raw(&mut card, &stray), (vec![], 0x6982));
    for host in &mut hosts {
        let number = host.secure.channel().number();
        if ![4, 7, 19].contains(&number) {
            assert_eq!(host.status(&mut card, [0x80, 0x10, 0, 0], &[number]), 0x9000, "{number}");
        }
    }
    card.reset();
    assert_eq!(say(&mut card, "81CA00CF00").1, 0x6881);
}

/// A card that comes from the factory in this state.
fn born(state: CardLifeCycle) -> Bench {
    let mut bench = Bench::new();
    bench.profile.life_cycle = state;
    bench
}

#[test]
fn a_locked_card_selects_the_holder_of_final_application_alone() {
    let mut bench = born(CardLifeCycle::CardLocked);
    let mut card = bench.card();
    let (fci, status) = say(&mut card, "00A4040000");
    assert_eq!((fci[0], status), (0x6F, 0x6283));
    assert_eq!(select(&mut card, &ISD).1, 0x6283);
    assert_eq!(select(&mut card, &ISD[..3]).1, 0x6283);
    assert_eq!(select(&mut card, &app(1)), (vec![], 0x6A81));
    assert_eq!(say(&mut card, "80CA00CF00").1, 0x9000, "and it stays selected");
    assert_eq!(say(&mut card, "0070000000"), (vec![], 0x6A81), "no channel opens");
    // What must work: GET DATA, a session, GET STATUS, SET STATUS. What must not: content, keys, data.
    let mut host = Host::open(&mut card, 0, SecurityLevel::Full).unwrap();
    assert_eq!(host.listed(&mut card, 0x80).1, 0x9000);
    for (header, data) in [
        ([0x80, 0xE6, 0x02, 0x00], kit::install_fields(&[&PACKAGE, &[], &[], &[], &[]])),
        ([0x80, 0xE6, 0x0C, 0x00], kit::install_fields(&[&SSD_FILE, &SSD_MODULE, &app(4), &[0x80], &hex("C900"), &[]])),
        ([0x80, 0xE6, 0x08, 0x00], kit::install_fields(&[&[], &[], &app(5), &[0x00], &[], &[]])),
        ([0x80, 0xE6, 0x10, 0x00], kit::install_fields(&[&app(4), &[], &SSD_FILE, &[], &[], &[]])),
        ([0x80, 0xE6, 0x20, 0x00], kit::install_fields(&[&[], &[], &app(1), &[], &[], &[]])),
        ([0x80, 0xE6, 0x40, 0x00], kit::install_fields(&[&[], &[], &app(1), &[0x00], &[], &[]])),
        ([0x80, 0xE8, 0x80, 0x00], hex("C400")),
        ([0x80, 0xE4, 0x00, 0x00], kit::tlv(0x4F, &app(1))),
        ([0x80, 0xE4, 0x00, 0x00], hex("D20131")),
        ([0x80, 0xD8, 0x00, 0x01], kit::key_data(kit::factory_keys().dek(), 0x44, &[kit::factory_keys().dek()])),
        ([0x80, 0xE2, 0x90, 0x00], hex("420101")),
    ] {
        assert_eq!(host.status(&mut card, header, &data), 0x6985, "{header:02X?}");
    }
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x80, 0x0F], &[]), 0x9000, "the ISD unlocks");
    assert_eq!(card.life_cycle(), CardLifeCycle::Secured);
    assert_eq!(say(&mut card, "00A4040000").1, 0x9000);
}

#[test]
fn a_terminated_card_answers_get_data_and_nothing_else() {
    let mut bench = born(CardLifeCycle::Terminated);
    let mut card = bench.card();
    assert_eq!(say(&mut card, "80CA006600").1, 0x9000);
    assert_eq!(say(&mut card, "00CA006600").1, 0x9000);
    for command in ["00A4040000", "00A4040008 A000000151000000 00", "0070000000"] {
        assert_eq!(say(&mut card, command), (vec![], 0x6A81), "{command}");
    }
    for command in [
        "80500000081111111111111111",
        "80F2800202 4F00 00",
        "80F0800F00",
        "8084000000",
        "8010000000",
        "80E6020000",
        "80E6200000",
        "80E8800000",
        "80E4000003 D20130 00",
        "80D8008100",
        "80E2900003 420101",
        "0084000008",
    ] {
        assert_eq!(say(&mut card, command), (vec![], 0x6D00), "{command}");
    }
    assert_eq!(say(&mut card, "8482010000"), (vec![], 0x6982), "there is no session to protect it");
    drop(card);
    bench.assert_lasting();
}

#[test]
fn termination_ends_what_a_session_may_do() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMacRMac).unwrap();
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x80, 0xFF], &[]), 0x9000);
    assert_eq!(card.life_cycle(), CardLifeCycle::Terminated);
    assert_eq!(host.status(&mut card, [0x80, 0xCA, 0x00, 0xCF], &[]), 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xF2, 0x80, 0x02], &[0x4F, 0x00]), 0x6D00);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x80, 0x0F], &[]), 0x6D00);
    drop(card);
    bench.assert_lasting();
    assert_eq!(say(&mut bench.card(), "80CA00CF00").1, 0x9000);
}

/// A populated card whose holder of Final Application is the application 01, with a session of the ISD.
fn with_final_application(card: &mut TestCard<'_>) -> Host {
    populate(card);
    let mut host = Host::open(card, 0, SecurityLevel::CMac).unwrap();
    let fields: [&[u8]; 6] = [&[], &[], &app(1), &hex("000200"), &[], &[]];
    assert_eq!(host.install(card, 0x40, 0x00, &fields), (vec![0], 0x9000));
    host
}

/// What an application may still do on a TERMINATED card is the issuer's policy; here it changes no state any more.
#[test]
fn an_application_of_a_terminated_card_locks_nobody() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = with_final_application(&mut card);
    let fields: [&[u8]; 6] = [&[], &[], &app(1), &hex("000A00"), &[], &[]];
    assert_eq!(host.install(&mut card, 0x40, 0x00, &fields), (vec![0], 0x9000));
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x80, 0xFF], &[]), 0x9000);
    card.reset();
    for (command, status) in [("8028800006 D27600011902 00", 0x6985), ("80268F0000", 0x6985)] {
        assert_eq!(say(&mut card, command), (vec![], status), "{command}");
    }
    drop(card);
    bench.assert_lasting();
}

#[test]
fn an_application_may_be_all_that_is_left_of_a_locked_card() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let mut host = with_final_application(&mut card);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x80, 0x7F], &[]), 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xCA, 0x00, 0xCF], &[]), 0x9000, "the ISD stays until its session ends");
    for _ in 0..2 {
        card.reset();
        assert_eq!(heard(&desk, &mut card), Some(aid(&app(1))));
        for other in [&[][..], &ISD, &app(2), &app(4)] {
            assert_eq!(select(&mut card, other), (vec![], 0x6A81), "{other:02X?}");
        }
        assert_eq!(heard(&desk, &mut card), Some(aid(&app(1))), "it stays selected");
        assert_eq!(select(&mut card, &app(1)), (vec![], 0x6283));
        assert_eq!(heard(&desk, &mut card), Some(aid(&app(1))));
    }
    drop(card);
    assert_eq!(heard(&desk, &mut bench.card()), Some(aid(&app(1))), "also after the power was off");
}

#[test]
fn a_supplementary_channel_of_a_locked_or_terminated_card_closes_with_its_session() {
    for state in [0x7F, 0xFF] {
        let mut bench = Bench::new();
        let desk = bench.desk.clone();
        let mut card = bench.card();
        populate(&mut card);
        assert_eq!(say(&mut card, "0070000000"), (vec![1], 0x9000));
        assert_eq!(say(&mut card, "0070000000"), (vec![2], 0x9000));
        assert_eq!(select_on(&mut card, 1, &app(1)).1, 0x9000);
        let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
        assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x80, state], &[]), 0x9000);
        assert_eq!(say(&mut card, "8110000001 AA 00"), (vec![0xAA], 0x9000), "its session has not ended");
        desk.take_events();
        // Whatever the name: the application is told, and the channel is gone.
        assert_eq!(select_on(&mut card, 1, &app(1)), (vec![], 0x6A81));
        assert_eq!(desk.take_events(), [Event::Deselect(aid(&app(1)))]);
        assert_eq!(say(&mut card, "8110000001 AA 00"), (vec![], 0x6881));
        assert_eq!(select_on(&mut card, 1, &ISD), (vec![], 0x6881));
        assert_eq!(say(&mut card, "82CA00CF00").1, 0x9000);
        assert_eq!(select_on(&mut card, 2, &ISD), (vec![], 0x6A81), "also for the holder of Final Application");
        assert_eq!(say(&mut card, "82CA00CF00"), (vec![], 0x6881));
        assert_eq!(host.status(&mut card, [0x80, 0xCA, 0x00, 0xCF], &[]), 0x9000, "the basic channel has not noticed");
    }
}

#[test]
fn a_terminated_card_gives_every_command_to_an_application_that_is_final() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let mut host = with_final_application(&mut card);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x80, 0xFF], &[]), 0x9000);
    card.reset();
    // GET DATA is its own affair now, as is what would open a session.
    for (command, answer) in [
        ("8010000002 ABCD 00", (hex("ABCD"), 0x9000)),
        ("80CA006600", (vec![], 0x6D00)),
        ("8050000008 1111111111111111 00", (vec![], 0x6D00)),
        ("80F2800002 4F00 00", (vec![], 0x6D00)),
    ] {
        desk.take_events();
        assert_eq!(say(&mut card, command), answer, "{command}");
        let events = desk.take_events();
        let [Event::Process { instance, header, .. }] = &events[..] else { panic!("{command}: {events:?}") };
        assert_eq!((*instance, header.ins), (aid(&app(1)), hex(command)[1]));
    }
    for command in ["00A4040000", "00A4040006 D27600011901 00", "00A4040008 A000000151000000 00", "0070000000"] {
        assert_eq!(say(&mut card, command), (vec![], 0x6A81), "{command}");
    }
    assert_eq!(desk.take_events(), []);
    drop(card);
    bench.assert_lasting();
    assert_eq!(say(&mut bench.card(), "8010000001 AA 00"), (vec![0xAA], 0x9000));
}
