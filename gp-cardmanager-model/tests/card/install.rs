//! INSTALL on the card: each form, each of its tests in order, and that a refusal changes nothing.

use crate::kit;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::{Card, Platform, Room};
use gp_cardmanager_model::signature::HashAlgorithm;
use gp_scp03::{SecurityLevel, StaticKeys};
use kit::{
    Bench, Event, Host, ISD, Opening, SSD_FILE, SSD_MODULE, TestCard, Wire, cap_block, hex, keys_from, make_app,
    make_domain, personalize, say, select, states, tlv, toy_hash, toy_signature,
};

const PACKAGE: [u8; 6] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00];
const MODULE: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00, 0x01];
const APP: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x1A, 0x00, 0x01];
const OTHER: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x1A, 0x00, 0x02];
const DOMAIN: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x0D];
const SECOND: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x0E];
const PLAIN: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x0F];

/// Accepts content and lets it go, whoever with Authorized Management asks.
const OPEN_POLICY: &str = "C906820120870120";

fn isd(card: &mut TestCard<'_>) -> Host {
    select(card, &[]);
    Host::open(card, 0x30, SecurityLevel::CMacRMac).unwrap()
}

/// A session with a security domain of [`domain`].
fn enter(card: &mut TestCard<'_>, name: &[u8]) -> Host {
    assert_eq!(select(card, name).1, 0x9000);
    Opening::new(&mut domain_keys(name), 0x31, SecurityLevel::CMac).open(card).unwrap()
}

fn domain_keys(name: &[u8]) -> StaticKeys {
    keys_from(name[6], 16)
}

/// A PERSONALIZED security domain.
fn domain(card: &mut TestCard<'_>, name: &[u8], privileges: &str, parameters: &str) {
    let mut host = isd(card);
    make_domain(card, &mut host, name, privileges, parameters);
    personalize(card, name, 0x31, &domain_keys(name));
}

/// The package, loaded by the ISD.
fn loaded(bench: &mut Bench) -> TestCard<'_> {
    let mut card = bench.card();
    let mut host = isd(&mut card);
    host.load_package(&mut card, &PACKAGE, &[&MODULE]);
    card
}

/// A life of an application, from load to deletion: everything the card says.
fn life(card: &mut impl Wire) -> Vec<(Vec<u8>, u16)> {
    let block = cap_block(&PACKAGE, &[&MODULE]);
    let mut host = Host::open(card, 0x30, SecurityLevel::CMacRMac).unwrap();
    let mut said = vec![host.install(card, 0x02, 0, &[&PACKAGE, EMPTY, &toy_hash(&block, 32), EMPTY, EMPTY])];
    said.push(host.load(card, &tlv(0xC4, &block), 100));
    said.push(host.install(card, 0x0C, 0, &[&PACKAGE, &MODULE, &APP, &[0], &hex("C903010203"), EMPTY]));
    said.push(host.install(card, 0x20, 0, &[EMPTY, EMPTY, &APP, EMPTY, EMPTY, EMPTY]));
    said.push(host.send(card, [0x80, 0xE2, 0x80, 0x00], &[1, 2, 3]));
    said.push(select(card, &APP));
    said.push(say(card, "80100000030A0B0C00"));
    said.push(select(card, &[]));
    let mut host = Host::open(card, 0x30, SecurityLevel::CMac).unwrap();
    said.push(host.send(card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &APP)));
    said
}

/// Platform and applications that are lent to the card do what they do when they are given to it.
#[test]
fn a_card_may_borrow_its_platform_and_applications() {
    let (mut given, mut lent) = (Bench::new(), Bench::new());
    let said = life(&mut given.card());
    assert!(said.iter().all(|(_, status)| *status == 0x9000), "{said:02X?}");
    assert_eq!(said[6].0, [0x0A, 0x0B, 0x0C]);
    let Bench { ram, flash, dice, desk, profile } = &mut lent;
    let mut card = Card::open(ram.memory(), flash.clone(), &mut *dice, &mut *desk, profile).unwrap();
    assert_eq!(life(&mut card), said);
    drop(card);
    let events = desk.take_events();
    assert_eq!(events, given.desk.events());
    for wanted in [
        |event: &Event| matches!(event, Event::Install { .. }),
        |event: &Event| matches!(event, Event::Personalize { .. }),
        |event: &Event| matches!(event, Event::Select(_)),
        |event: &Event| matches!(event, Event::Process { .. }),
        |event: &Event| matches!(event, Event::Deselect(_)),
        |event: &Event| matches!(event, Event::Delete(_)),
    ] {
        assert_eq!(events.iter().filter(|event| wanted(event)).count(), 1, "{events:#?}");
    }
    // What forbids is asked, too.
    dice.set_hashless(true);
    let mut platform = &mut *dice;
    assert!(!Platform::hash_begin(&mut platform, HashAlgorithm::Sha256));
    let components: [(u8, &[u8]); 1] = [(0xA1, &[5; 8])];
    let signature = toy_signature(&components, b"message");
    assert!(Platform::verify(&mut platform, &components, &[b"mess", b"age"], &signature));
    assert!(!Platform::verify(&mut platform, &components, &[b"massage"], &signature));
}

#[test]
fn the_holder_of_final_application_is_never_locked() {
    let mut bench = Bench::new();
    let mut card = loaded(&mut bench);
    let mut host = isd(&mut card);
    make_app(&mut card, &mut host, &PACKAGE, &MODULE, &APP);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &APP), 0x9000);
    refused(&mut card, &mut host, 0x40, &[EMPTY, EMPTY, &APP, &hex("000200"), EMPTY, EMPTY], 0x6985);
    assert_eq!(update(&mut card, &mut host, &APP, &hex("000100")), 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x00], &APP), 0x9000);
    assert_eq!(update(&mut card, &mut host, &APP, &hex("000200")), 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &APP), 0x6985);
}

#[test]
fn the_holder_of_final_application_can_be_selected() {
    let mut bench = Bench::new();
    let mut card = loaded(&mut bench);
    let mut host = isd(&mut card);
    let with =
        |privileges: &str| [PACKAGE.to_vec(), MODULE.to_vec(), APP.to_vec(), hex(privileges), hex("C900"), vec![]];
    let fields = with("000200");
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    refused(&mut card, &mut host, 0x04, &fields, 0x6A80);
    let plain = with("00");
    let plain: Vec<&[u8]> = plain.iter().map(Vec::as_slice).collect();
    assert_eq!(host.install(&mut card, 0x04, 0, &plain), (vec![0], 0x9000));
    // INSTALLED: not yet.
    refused(&mut card, &mut host, 0x40, &[EMPTY, EMPTY, &APP, &hex("000200"), EMPTY, EMPTY], 0x6985);
    assert_eq!(host.install(&mut card, 0x08, 0, &[EMPTY, EMPTY, &APP, &[0x00], EMPTY, EMPTY]).1, 0x9000);
    assert_eq!(update(&mut card, &mut host, &APP, &hex("000200")), 0x9000);
    // So a locked card has somebody.
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x80, 0x7F], &[]), 0x9000);
    assert_eq!(select(&mut card, &APP).1, 0x6283);
}

/// INSTALL [for registry update] with other privileges.
fn update(card: &mut TestCard<'_>, host: &mut Host, name: &[u8], privileges: &[u8]) -> u16 {
    host.install(card, 0x40, 0, &[EMPTY, EMPTY, name, privileges, EMPTY, EMPTY]).1
}

/// Everything that GET STATUS shows to the ISD.
fn picture(card: &mut TestCard<'_>) -> Vec<Vec<u8>> {
    let mut host = isd(card);
    [0x80, 0x40, 0x10].iter().map(|subset| host.listed(card, *subset).0).collect()
}

/// Refused with this, and nothing changed.
fn refused(card: &mut TestCard<'_>, host: &mut Host, p1: u8, fields: &[&[u8]], status: u16) {
    let all = |card: &mut TestCard<'_>, host: &mut Host| -> Vec<Vec<u8>> {
        [0x40, 0x10, 0x20].iter().map(|subset| host.listed(card, *subset).0).collect()
    };
    let before = all(card, host);
    assert_eq!(host.install(card, p1, 0, fields), (vec![], status), "{p1:02X} {fields:02X?}");
    assert_eq!(all(card, host), before, "{p1:02X} {fields:02X?}");
}

const EMPTY: &[u8] = &[];

#[test]
fn functions_that_are_none_and_bodies_that_do_not_read() {
    let mut bench = Bench::new();
    let mut card = loaded(&mut bench);
    let mut host = isd(&mut card);
    let legal = [0x02, 0x04, 0x08, 0x0C, 0x10, 0x20, 0x40];
    for p1 in 0..0x80 {
        for p2 in [0x00, 0x01, 0x03, 0x80] {
            let known = (p2 == 0 && legal.contains(&p1)) || (p1 == 0x0E && [0x01, 0x03].contains(&p2));
            let status = host.status(&mut card, [0x80, 0xE6, p1, p2], &[]);
            assert_eq!(status == 0x6A86, !known, "{p1:02X} {p2:02X}: {status:04X}");
            assert_ne!(status, 0x9000);
        }
    }
    // Each body, cut at every octet, and with an octet too many.
    for (p1, fields) in [
        (0x02, vec![&APP[..], EMPTY, EMPTY, EMPTY, EMPTY]),
        (0x04, vec![&PACKAGE, &MODULE, &APP, &[0], &[0xC9, 0x00], EMPTY]),
        (0x0C, vec![&PACKAGE, &MODULE, &APP, &[0], &[0xC9, 0x00], EMPTY]),
        (0x08, vec![EMPTY, EMPTY, &APP, &[0], EMPTY, EMPTY]),
        (0x10, vec![&ISD, EMPTY, &PACKAGE, EMPTY, EMPTY, EMPTY]),
        (0x40, vec![&ISD, EMPTY, &ISD, EMPTY, EMPTY, EMPTY]),
    ] {
        let body = kit::install_fields(&fields);
        let before = host.listed(&mut card, 0x40);
        for end in 0..body.len() {
            assert_eq!(host.status(&mut card, [0x80, 0xE6, p1, 0x00], &body[..end]), 0x6A80, "{p1:02X} {end}");
        }
        assert_eq!(host.status(&mut card, [0x80, 0xE6, p1, 0x00], &[&body[..], &[0]].concat()), 0x6A80);
        assert_eq!(host.listed(&mut card, 0x40), before);
    }
    card.reset();
    assert_eq!(say(&mut card, "80E60200 0B 0600112233445500000000 00").1, 0x6982);
}

#[test]
fn for_load_checks_in_order() {
    let mut bench = Bench::new();
    let mut card = loaded(&mut bench);
    domain(&mut card, &DOMAIN, "80", OPEN_POLICY);
    domain(&mut card, &SECOND, "808000", "C900");
    let mut host = isd(&mut card);
    make_app(&mut card, &mut host, &PACKAGE, &MODULE, &APP);
    make_domain(&mut card, &mut host, &PLAIN, "80", "C900");
    let file = &OTHER[..];
    // The AID is that of a load file, an application, the ISD, a security domain; that of a module is free.
    for taken in [&PACKAGE[..], &APP, &ISD, &DOMAIN, &SSD_FILE] {
        refused(&mut card, &mut host, 0x02, &[taken, EMPTY, EMPTY, EMPTY, EMPTY], 0x6985);
    }
    assert_eq!(host.install(&mut card, 0x02, 0, &[&MODULE, EMPTY, EMPTY, EMPTY, EMPTY]).1, 0x9000);
    // The target is unknown, no security domain, not PERSONALIZED.
    refused(&mut card, &mut host, 0x02, &[file, &[0xEE; 5], EMPTY, EMPTY, EMPTY], 0x6A88);
    refused(&mut card, &mut host, 0x02, &[file, &APP, EMPTY, EMPTY, EMPTY], 0x6985);
    refused(&mut card, &mut host, 0x02, &[file, &PACKAGE, EMPTY, EMPTY, EMPTY], 0x6985);
    refused(&mut card, &mut host, 0x02, &[file, &PLAIN, EMPTY, EMPTY, EMPTY], 0x6985);
    // A token for who needs none; a hash of no algorithm; parameters that are none.
    refused(&mut card, &mut host, 0x02, &[file, EMPTY, &[1; 32], EMPTY, &[7; 16]], 0x6985);
    refused(&mut card, &mut host, 0x02, &[file, EMPTY, &[1; 31], EMPTY, EMPTY], 0x6A80);
    refused(&mut card, &mut host, 0x02, &[file, EMPTY, EMPTY, &[0xEF], EMPTY], 0x6A80);
    // It may go to another that accepts, with memory needs that nobody has to act on.
    let parameters = hex("EF0A C60201F4 C7020000 DD00");
    assert_eq!(host.install(&mut card, 0x02, 0, &[file, &DOMAIN, EMPTY, &parameters, EMPTY]).1, 0x9000);
    assert_eq!(host.load(&mut card, &tlv(0xC4, b"not Java Card"), 200).1, 0x9000);
    let listed = host.send(&mut card, [0x80, 0xF2, 0x20, 0x02], &[tlv(0x4F, file), hex("5C01CC")].concat());
    assert_eq!(listed.0, tlv(0xE3, &tlv(0xCC, &DOMAIN)));
    // A security domain without the privilege manages nothing.
    let mut host = enter(&mut card, &DOMAIN);
    refused(&mut card, &mut host, 0x02, &[&PLAIN[..5], EMPTY, EMPTY, EMPTY, EMPTY], 0x6982);
    // A locked one rejects all.
    let mut host = isd(&mut card);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &DOMAIN), 0x9000);
    refused(&mut card, &mut host, 0x02, &[&PLAIN[..5], &DOMAIN, EMPTY, EMPTY, EMPTY], 0x6985);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn for_install_checks_in_order() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = loaded(&mut bench);
    let mut host = isd(&mut card);
    make_app(&mut card, &mut host, &PACKAGE, &MODULE, &MODULE);
    let c9 = hex("C900");
    let with = |file: &'static [u8], module: &'static [u8], name: &'static [u8]| [file, module, name];
    for p1 in [0x04, 0x0C] {
        for ([file, module, name], privileges, parameters, token, status) in [
            (with(&[0xEE; 5], &MODULE, &APP), "00", "C900", "", 0x6A88),
            (with(&ISD, &MODULE, &APP), "00", "C900", "", 0x6A88),
            (with(&PACKAGE, &[0xEE; 5], &APP), "00", "C900", "", 0x6A88),
            (with(&PACKAGE, &SSD_MODULE, &APP), "00", "C900", "", 0x6A88),
            (with(EMPTY, &MODULE, &APP), "00", "C900", "", 0x6A80),
            (with(&PACKAGE, &MODULE, &MODULE), "00", "C900", "", 0x6985),
            (with(&PACKAGE, &MODULE, &PACKAGE), "00", "C900", "", 0x6985),
            (with(&PACKAGE, &MODULE, &ISD), "00", "C900", "", 0x6985),
            // Privileges: an application is no security domain, and the reverse; combinations.
            (with(&PACKAGE, &MODULE, &APP), "80", "C900", "", 0x6A80),
            (with(&PACKAGE, &MODULE, &APP), "40", "C900", "", 0x6A80),
            (with(&PACKAGE, &MODULE, &APP), "01", "C900", "", 0x6A80),
            (with(&PACKAGE, &MODULE, &APP), "004000", "C900", "", 0x6A80),
            (with(&PACKAGE, &MODULE, &APP), "002000", "C900", "", 0x6A80),
            (with(&PACKAGE, &MODULE, &APP), "000080", "C900", "", 0x6A80),
            (with(&PACKAGE, &MODULE, &APP), "", "C900", "", 0x6A80),
            (with(&PACKAGE, &MODULE, &APP), "00000000", "C900", "", 0x6A80),
            (with(&SSD_FILE, &SSD_MODULE, &APP), "00", "C900", "", 0x6A80),
            (with(&SSD_FILE, &SSD_MODULE, &APP), "A04000", "C900", "", 0x6A80),
            (with(&SSD_FILE, &SSD_MODULE, &APP), "A02000", "C900", "", 0x6A80),
            (with(&SSD_FILE, &SSD_MODULE, &APP), "A08080", "C900", "", 0x6A80),
            (with(&SSD_FILE, &SSD_MODULE, &APP), "81", "C900", "", 0x6A80),
            // Parameters: C9 must be there.
            (with(&PACKAGE, &MODULE, &APP), "00", "", "", 0x6A80),
            (with(&PACKAGE, &MODULE, &APP), "00", "EF00", "", 0x6A80),
            (with(&PACKAGE, &MODULE, &APP), "00", "C9", "", 0x6A80),
            // A token for who needs none.
            (with(&PACKAGE, &MODULE, &APP), "00", "C900", "0102030405060708", 0x6985),
        ] {
            let fields: [&[u8]; 6] = [file, module, name, &hex(privileges), &hex(parameters), &hex(token)];
            refused(&mut card, &mut host, p1, &fields, status);
        }
    }
    // Card Reset needs a selectable application.
    refused(&mut card, &mut host, 0x04, &[&PACKAGE, &MODULE, &APP, &[0x04], &c9, EMPTY], 0x6A80);
    // CF without being made selectable means nothing yet.
    refused(&mut card, &mut host, 0x04, &[&PACKAGE, &MODULE, &APP, &[0], &hex("C900EF03CF0141"), EMPTY], 0x6A80);
    // The application refuses: nothing is registered.
    desk.0.borrow_mut().refuse_install = Some(0x6A84);
    refused(&mut card, &mut host, 0x0C, &[&PACKAGE, &MODULE, &APP, &[0], &c9, EMPTY], 0x6A84);
    desk.0.borrow_mut().refuse_install = None;
    desk.take_events();
    let fields: [&[u8]; 6] = [&PACKAGE, &MODULE, &APP, &[0x10], &hex("C9031122 33"), EMPTY];
    assert_eq!(host.install(&mut card, 0x04, 0, &fields), (vec![0], 0x9000));
    let aid = |octets: &[u8]| Aid::new(octets).unwrap();
    let expected = Event::Install {
        instance: aid(&APP),
        load_file: aid(&PACKAGE),
        module: aid(&MODULE),
        parameters: hex("112233"),
        room: Room::default(),
    };
    assert_eq!(desk.take_events(), [expected]);
    assert_eq!(states(&mut card, &mut host, 0x40), [(MODULE.to_vec(), 7), (APP.to_vec(), 3)]);
    // Two octets of privileges come from some hosts: that is no length they have.
    refused(&mut card, &mut host, 0x0C, &[&PACKAGE, &MODULE, &OTHER, &hex("0000"), &c9, EMPTY], 0x6A80);
    card.reset();
    drop(card);
    bench.assert_lasting();
}

#[test]
fn a_full_registry_refuses_and_a_full_storage_does() {
    let mut bench = Bench::new();
    bench.ram = kit::Ram::new(6, 12, 2, 1);
    let mut card = loaded(&mut bench);
    let mut host = isd(&mut card);
    make_app(&mut card, &mut host, &PACKAGE, &MODULE, &APP);
    refused(&mut card, &mut host, 0x0C, &[&PACKAGE, &MODULE, &OTHER, &[0], &hex("C900"), EMPTY], 0x6A84);
    refused(&mut card, &mut host, 0x02, &[&OTHER, EMPTY, EMPTY, EMPTY, EMPTY], 0x6A84);
    drop(host);
    drop(card);
    bench.assert_lasting();
    // Little storage and much registry.
    let mut bench = Bench::new();
    bench.flash = kit::Shared::new(60);
    let desk = bench.desk.clone();
    let mut card = loaded(&mut bench);
    let mut host = isd(&mut card);
    let mut made = 0_u8;
    loop {
        let name = [&APP[..], &[made]].concat();
        let fields: [&[u8]; 6] = [&PACKAGE, &MODULE, &name, &[0], &hex("C900"), EMPTY];
        desk.take_events();
        let status = host.install(&mut card, 0x0C, 0, &fields).1;
        if status == 0x6A84 {
            // The application was told and is told that it is no more.
            assert!(matches!(desk.take_events()[..], [Event::Install { .. }, Event::Delete(_)]));
            break;
        }
        assert_eq!(status, 0x9000);
        made += 1;
    }
    assert!((2..20).contains(&made), "{made}");
    // A full card can still delete.
    for number in 0..made {
        let name = tlv(0x4F, &[&APP[..], &[number]].concat());
        assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &name), 0x9000);
    }
    drop(card);
    bench.assert_lasting();
}

#[test]
fn make_selectable_checks_in_order() {
    let mut bench = Bench::new();
    let mut card = loaded(&mut bench);
    let mut host = isd(&mut card);
    make_app(&mut card, &mut host, &PACKAGE, &MODULE, &APP);
    let fields: [&[u8]; 6] = [&PACKAGE, &MODULE, &OTHER, &[0x10], &hex("C900"), EMPTY];
    assert_eq!(host.install(&mut card, 0x04, 0, &fields).1, 0x9000);
    for (name, parameters, token, status) in [
        (&[0xEE; 5][..], "", "", 0x6A88),
        (&PACKAGE, "", "", 0x6A88),
        (&ISD, "", "", 0x6985),
        (&APP, "", "", 0x6985),
        (&OTHER, "", "01", 0x6985),
        (&OTHER, "EF", "", 0x6A80),
        (&OTHER, "EF03CF015F", "", 0x6A80),
    ] {
        refused(&mut card, &mut host, 0x08, &[EMPTY, EMPTY, name, &[0], &hex(parameters), &hex(token)], status);
    }
    // Privileges other than Card Reset are passed over.
    let fields: [&[u8]; 6] = [EMPTY, EMPTY, &OTHER, &hex("0A0200"), &hex("EF03CF0143"), EMPTY];
    assert_eq!(host.install(&mut card, 0x08, 0, &fields), (vec![0], 0x9000));
    let listed = host.send(&mut card, [0x80, 0xF2, 0x40, 0x02], &[tlv(0x4F, &OTHER), hex("5C049F70C5CF")].concat());
    assert_eq!(listed.0, hex("E30C 9F700107 C503100000 CF0143"));
    refused(&mut card, &mut host, 0x08, &[EMPTY, EMPTY, &OTHER, &[0], EMPTY, EMPTY], 0x6985);
    // Card Reset is not.
    assert_eq!(host.install(&mut card, 0x04, 0, &[&PACKAGE, &MODULE, &PLAIN, &[0], &hex("C900"), EMPTY]).1, 0x9000);
    assert_eq!(host.install(&mut card, 0x08, 0, &[EMPTY, EMPTY, &PLAIN, &hex("040000"), EMPTY, EMPTY]).1, 0x9000);
    assert_eq!(privileges(&mut card, 0x40, &PLAIN), hex("040000"));
    drop(card);
    bench.assert_lasting();
}

/// Privileges of an entry of the registry.
fn privileges(card: &mut TestCard<'_>, subset: u8, name: &[u8]) -> Vec<u8> {
    let mut host = isd(card);
    let (data, status) = host.send(card, [0x80, 0xF2, subset, 0x02], &[tlv(0x4F, name), hex("5C01C5")].concat());
    assert_eq!(status, 0x9000);
    data[4..7].to_vec()
}

#[test]
fn card_reset_and_final_application_have_one_holder_and_return_to_the_isd() {
    let mut bench = Bench::new();
    let mut card = loaded(&mut bench);
    let mut host = isd(&mut card);
    let (reset, last, both) = (hex("040000"), hex("000200"), hex("040200"));
    let make = |card: &mut TestCard<'_>, host: &mut Host, name: &[u8], privileges: &[u8]| {
        host.install(card, 0x0C, 0, &[&PACKAGE, &MODULE, name, privileges, &hex("C900"), EMPTY]).1
    };
    assert_eq!(make(&mut card, &mut host, &APP, &reset), 0x9000);
    assert_eq!(privileges(&mut card, 0x80, EMPTY), hex("9AFE80"), "it left the ISD");
    let mut host = isd(&mut card);
    assert_eq!(make(&mut card, &mut host, &OTHER, &reset), 0x6985);
    assert_eq!(make(&mut card, &mut host, &OTHER, &last), 0x9000);
    assert_eq!(privileges(&mut card, 0x80, EMPTY), hex("9AFC80"));
    // A reset selects the holder of Card Reset.
    card.reset();
    assert_eq!(say(&mut card, "80CA006600").1, 0x6D00, "an application");
    // One registry update that gives up one and cannot get the other.
    let mut host = isd(&mut card);
    assert_eq!(update(&mut card, &mut host, &APP, &last), 0x6985);
    assert_eq!(update(&mut card, &mut host, &OTHER, EMPTY), 0x9000);
    assert_eq!(update(&mut card, &mut host, &OTHER, &hex("000000")), 0x9000);
    assert_eq!(privileges(&mut card, 0x80, EMPTY), hex("9AFE80"), "Final Application came back");
    // Gives up Card Reset and gets Final Application at once: the ISD has the one and not the other.
    let mut host = isd(&mut card);
    assert_eq!(update(&mut card, &mut host, &APP, &last), 0x9000);
    assert_eq!(privileges(&mut card, 0x80, EMPTY), hex("9EFC80"));
    let mut host = isd(&mut card);
    assert_eq!(update(&mut card, &mut host, &APP, &both), 0x9000);
    assert_eq!(privileges(&mut card, 0x80, EMPTY), hex("9AFC80"));
    let mut host = isd(&mut card);
    assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &APP)), 0x9000);
    assert_eq!(privileges(&mut card, 0x80, EMPTY), hex("9EFE80"), "and with the holder's deletion both");
    drop(card);
    bench.assert_lasting();
}

#[test]
fn implicit_selection_has_one_holder_for_each_slot() {
    let mut bench = Bench::new();
    let mut card = loaded(&mut bench);
    let mut host = isd(&mut card);
    let make = |card: &mut TestCard<'_>, host: &mut Host, name: &[u8], privileges: &str, implicit: &str| {
        let parameters = hex(&["C900", implicit].concat());
        host.install(card, 0x0C, 0, &[&PACKAGE, &MODULE, name, &hex(privileges), &parameters, EMPTY]).1
    };
    // Channel 2 of contacts; two CF add up; CF outside of EF is read, too.
    assert_eq!(make(&mut card, &mut host, &APP, "00", "EF06CF0142CF0183"), 0x9000);
    for taken in ["EF03CF0142", "EF03CF0183", "EF03CF01C3", "CF0142", "EF06CF0140CF01C2"] {
        assert_eq!(make(&mut card, &mut host, &OTHER, "00", taken), 0x6985, "{taken}");
    }
    assert_eq!(make(&mut card, &mut host, &OTHER, "00", "EF03CF0182"), 0x9000, "the other interface");
    assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &OTHER)), 0x9000);
    // Card Reset without CF takes channel 0 of all interfaces, if nobody has one of them.
    assert_eq!(make(&mut card, &mut host, &OTHER, "00", "EF03CF0180"), 0x9000);
    assert_eq!(make(&mut card, &mut host, &PLAIN, "04", ""), 0x6985);
    assert_eq!(make(&mut card, &mut host, &PLAIN, "04", "EF03CF0140"), 0x9000, "only the named one");
    assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &PLAIN)), 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &OTHER)), 0x9000);
    assert_eq!(make(&mut card, &mut host, &PLAIN, "04", ""), 0x9000);
    assert_eq!(make(&mut card, &mut host, &OTHER, "00", "EF03CF0180"), 0x6985);
    assert_eq!(make(&mut card, &mut host, &OTHER, "00", "EF03CF0140"), 0x6985);
    assert_eq!(make(&mut card, &mut host, &OTHER, "00", "EF03CF0144"), 0x9000);
    // What is implicit is selected: on channel 2 the first, elsewhere the holder of Card Reset, on channel 4 the third.
    card.reset();
    let heard = |card: &mut TestCard<'_>, class: &str| say(card, &format!("{class}CA006600")).1;
    assert_eq!(heard(&mut card, "80"), 0x6D00, "PLAIN is selected on the basic channel");
    drop(card);
    bench.assert_lasting();
}

#[test]
fn a_named_slot_of_the_basic_channel_is_selected_after_a_reset() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = loaded(&mut bench);
    let mut host = isd(&mut card);
    let fields: [&[u8]; 6] = [&PACKAGE, &MODULE, &APP, &[0], &hex("C900EF03CF0140"), EMPTY];
    assert_eq!(host.install(&mut card, 0x0C, 0, &fields).1, 0x9000);
    desk.take_events();
    card.reset();
    assert_eq!(say(&mut card, "8010000001AA00"), (vec![0xAA], 0x9000));
    assert!(matches!(
        desk.take_events()[..],
        [Event::Select(selected), Event::Process { instance, .. }]
            if (selected.as_bytes(), instance.as_bytes()) == (&APP[..], &APP[..])
    ));
    // While it is locked, the holder of Final Application takes its place.
    let mut host = isd(&mut card);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &APP), 0x9000);
    card.reset();
    assert_eq!(say(&mut card, "80CA006600").1, 0x9000, "the ISD");
    let mut host = isd(&mut card);
    make_app(&mut card, &mut host, &PACKAGE, &MODULE, &OTHER);
    assert_eq!(update(&mut card, &mut host, &OTHER, &hex("000200")), 0x9000);
    card.reset();
    desk.take_events();
    assert_eq!(say(&mut card, "8010000001AA00"), (vec![0xAA], 0x9000));
    assert!(matches!(desk.take_events()[..], [Event::Process { instance, .. }] if instance.as_bytes() == OTHER));
}

#[test]
fn extradition_checks_in_order() {
    let mut bench = Bench::new();
    let mut card = loaded(&mut bench);
    domain(&mut card, &DOMAIN, "80", OPEN_POLICY);
    domain(&mut card, &SECOND, "C0", OPEN_POLICY);
    let mut host = isd(&mut card);
    make_app(&mut card, &mut host, &PACKAGE, &MODULE, &APP);
    make_domain(&mut card, &mut host, &PLAIN, "80", "C900");
    for (target, object, token, status) in [
        (&DOMAIN[..], &[0xEE; 5][..], "", 0x6A88),
        (&DOMAIN, &MODULE, "", 0x6A88),
        (&[0xEE; 5], &APP, "", 0x6A88),
        (&PLAIN, &APP, "", 0x6985),
        (&APP, &PACKAGE, "", 0x6985),
        (&DOMAIN, &ISD, "", 0x6985),
        (&SECOND, &PACKAGE, "", 0x6985),
        (&DOMAIN, &APP, "00", 0x6985),
    ] {
        refused(&mut card, &mut host, 0x10, &[target, EMPTY, object, EMPTY, EMPTY, &hex(token)], status);
    }
    // An application may go to a domain with DAP Verification; a load file takes its modules with it.
    assert_eq!(host.install(&mut card, 0x10, 0, &[&SECOND, EMPTY, &APP, EMPTY, EMPTY, EMPTY]), (vec![0], 0x9000));
    assert_eq!(host.install(&mut card, 0x10, 0, &[&DOMAIN, EMPTY, &PACKAGE, EMPTY, EMPTY, EMPTY]), (vec![0], 0x9000));
    // It is not the ISD's any more.
    refused(&mut card, &mut host, 0x10, &[&DOMAIN, EMPTY, &APP, EMPTY, EMPTY, EMPTY], 0x6985);
    // A domain below another: no cycles.
    assert_eq!(host.install(&mut card, 0x10, 0, &[&DOMAIN, EMPTY, &SECOND, EMPTY, EMPTY, EMPTY]).1, 0x9000);
    refused(&mut card, &mut host, 0x10, &[&SECOND, EMPTY, &DOMAIN, EMPTY, EMPTY, EMPTY], 0x6985);
    // To itself: a root of its own, out of the ISD's sight but for Global Registry.
    assert_eq!(host.install(&mut card, 0x10, 0, &[&DOMAIN, EMPTY, &DOMAIN, EMPTY, EMPTY, EMPTY]).1, 0x9000);
    let listed = host.send(&mut card, [0x80, 0xF2, 0x40, 0x02], &[tlv(0x4F, &DOMAIN), hex("5C01CC")].concat());
    assert_eq!(listed.0, tlv(0xE3, &tlv(0xCC, &DOMAIN)));
    refused(&mut card, &mut host, 0x10, &[&ISD, EMPTY, &DOMAIN, EMPTY, EMPTY, EMPTY], 0x6985);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn a_locked_security_domain_gives_nothing_and_takes_nothing() {
    let mut bench = Bench::new();
    let mut card = loaded(&mut bench);
    domain(&mut card, &DOMAIN, "80", OPEN_POLICY);
    let mut host = isd(&mut card);
    assert_eq!(host.install(&mut card, 0x10, 0, &[&DOMAIN, EMPTY, &PACKAGE, EMPTY, EMPTY, EMPTY]).1, 0x9000);
    let app = |p1| (p1, [&PACKAGE[..], &MODULE, &APP, &[0], &[0xC9, 0x00], EMPTY]);
    let (p1, fields) = app(0x04);
    assert_eq!(host.install(&mut card, p1, 0, &fields).1, 0x9000, "the file's domain agrees");
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &DOMAIN), 0x9000);
    // Install from its file, make selectable and update its application, bring it something.
    refused(&mut card, &mut host, 0x0C, &[&PACKAGE, &MODULE, &OTHER, &[0], &[0xC9, 0x00], EMPTY], 0x6985);
    refused(&mut card, &mut host, 0x08, &[EMPTY, EMPTY, &APP, &[0], EMPTY, EMPTY], 0x6985);
    refused(&mut card, &mut host, 0x40, &[EMPTY, EMPTY, &APP, &[0], EMPTY, EMPTY], 0x6985);
    refused(&mut card, &mut host, 0x10, &[&DOMAIN, EMPTY, &SSD_FILE, EMPTY, EMPTY, EMPTY], 0x6985);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x00], &DOMAIN), 0x9000);
    assert_eq!(host.install(&mut card, 0x08, 0, &[EMPTY, EMPTY, &APP, &[0], EMPTY, EMPTY]).1, 0x9000);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn a_domain_that_accepts_nothing_gets_nothing() {
    for (parameters, accepted) in
        [("C900", true), ("C903820100", false), ("C903820120", true), ("C903820110", true), ("C903820108", false)]
    {
        let mut bench = Bench::new();
        let mut card = loaded(&mut bench);
        domain(&mut card, &DOMAIN, "80", parameters);
        let mut host = isd(&mut card);
        let status = host.install(&mut card, 0x10, 0, &[&DOMAIN, EMPTY, &PACKAGE, EMPTY, EMPTY, EMPTY]).1;
        assert_eq!(status, if accepted { 0x9000 } else { 0x6985 }, "{parameters}");
        let status = host.install(&mut card, 0x02, 0, &[&OTHER, &DOMAIN, EMPTY, EMPTY, EMPTY]).1;
        assert_eq!(status, if accepted { 0x9000 } else { 0x6985 }, "{parameters}");
    }
}

/// Policy C0 is any manager in the hierarchy of the accepting domain, above it or not; F0 is any manager at all.
#[test]
fn a_hierarchy_ends_with_the_domain_at_its_top() {
    for (parameters, beside, apart) in
        [("C903820180", 0x6985, 0x6985), ("C9038201C0", 0x9000, 0x6985), ("C9038201F0", 0x9000, 0x9000)]
    {
        let mut bench = Bench::new();
        let mut card = bench.card();
        domain(&mut card, &DOMAIN, "80", parameters);
        domain(&mut card, &SECOND, "804000", "C900");
        let load: [&[u8]; 5] = [&PACKAGE, &DOMAIN, EMPTY, EMPTY, EMPTY];
        let mut host = enter(&mut card, &SECOND);
        assert_eq!(host.install(&mut card, 0x02, 0, &load).1, beside, "{parameters}");
        let mut host = isd(&mut card);
        assert_eq!(host.install(&mut card, 0x10, 0, &[&SECOND, EMPTY, &SECOND, EMPTY, EMPTY, EMPTY]).1, 0x9000);
        let mut host = enter(&mut card, &SECOND);
        assert_eq!(host.install(&mut card, 0x02, 0, &load).1, apart, "{parameters}");
    }
}

#[test]
fn extradition_by_others_is_a_policy() {
    for policy in [false, true] {
        for (parameters, lets_go) in [("C906820120870120", true), ("C906820120870100", false)] {
            let mut bench = Bench::new();
            bench.profile.extradition_by_others = policy;
            let mut card = loaded(&mut bench);
            domain(&mut card, &DOMAIN, "80", parameters);
            let mut host = isd(&mut card);
            assert_eq!(host.install(&mut card, 0x10, 0, &[&DOMAIN, EMPTY, &PACKAGE, EMPTY, EMPTY, EMPTY]).1, 0x9000);
            let back = host.install(&mut card, 0x10, 0, &[&ISD, EMPTY, &PACKAGE, EMPTY, EMPTY, EMPTY]).1;
            assert_eq!(back, if policy && lets_go { 0x9000 } else { 0x6985 }, "{policy} {parameters}");
        }
    }
}

#[test]
fn registry_update_checks_in_order() {
    let mut bench = Bench::new();
    let mut card = loaded(&mut bench);
    domain(&mut card, &DOMAIN, "80", OPEN_POLICY);
    let mut host = isd(&mut card);
    make_app(&mut card, &mut host, &PACKAGE, &MODULE, &APP);
    for (to, name, privileges, parameters, token, status) in [
        (EMPTY, &[0xEE; 5][..], "00", "", "", 0x6A88),
        (EMPTY, &PACKAGE, "00", "", "", 0x6A88),
        (EMPTY, &MODULE, "00", "", "", 0x6A88),
        (EMPTY, &APP, "80", "", "", 0x6A80),
        (EMPTY, &APP, "01", "", "", 0x6A80),
        (EMPTY, &DOMAIN, "00", "", "", 0x6A80),
        (EMPTY, &DOMAIN, "A04000", "", "", 0x6A80),
        (&[0xEE; 5], &APP, "00", "", "", 0x6A88),
        (&PACKAGE, &APP, "00", "", "", 0x6985),
        (&DOMAIN, &ISD, "", "", "", 0x6985),
        (EMPTY, &APP, "00", "EF03D90101", "", 0x6A80),
        (EMPTY, &APP, "", "EF03D90101", "", 0x6985),
        (&DOMAIN, &APP, "", "EF03D90101", "", 0x6A80),
        (EMPTY, &DOMAIN, "", "EF06D90101CF0145", "", 0x6A80),
        (EMPTY, &APP, "00", "", "00", 0x6985),
        (EMPTY, EMPTY, "", "", "", 0x6A80),
        (EMPTY, EMPTY, "00", "EF03D90101", "", 0x6A80),
        (&[0xEE; 5], EMPTY, "", "EF03D90101", "", 0x6A88),
        (&APP, EMPTY, "", "EF03D90101", "", 0x6985),
    ] {
        let fields: [&[u8]; 6] = [to, EMPTY, name, &hex(privileges), &hex(parameters), &hex(token)];
        refused(&mut card, &mut host, 0x40, &fields, status);
    }
    // All at once: privileges, implicit selection, another security domain.
    let fields: [&[u8]; 6] = [&DOMAIN, EMPTY, &APP, &hex("100000"), &hex("EF03CF0145"), EMPTY];
    assert_eq!(host.install(&mut card, 0x40, 0, &fields), (vec![0], 0x9000));
    let ask = [tlv(0x4F, &APP), hex("5C03C5CFCC")].concat();
    let shown = |privileges: &str| tlv(0xE3, &[hex(privileges), hex("CF0145"), tlv(0xCC, &DOMAIN)].concat());
    assert_eq!(host.send(&mut card, [0x80, 0xF2, 0x40, 0x02], &ask).0, shown("C503100000"));
    // No privileges field: as they are; one octet: a whole new set.
    let fields: [&[u8]; 6] = [EMPTY, EMPTY, &APP, EMPTY, EMPTY, EMPTY];
    assert_eq!(host.install(&mut card, 0x40, 0, &fields).1, 0x9000);
    assert_eq!(host.send(&mut card, [0x80, 0xF2, 0x40, 0x02], &ask).0, shown("C503100000"));
    let fields: [&[u8]; 6] = [EMPTY, EMPTY, &APP, &[0x08], EMPTY, EMPTY];
    assert_eq!(host.install(&mut card, 0x40, 0, &fields).1, 0x9000);
    assert_eq!(host.send(&mut card, [0x80, 0xF2, 0x40, 0x02], &ask).0, shown("C503080000"));
    drop(card);
    bench.assert_lasting();
}

#[test]
fn a_restriction_holds_for_one_domain_or_for_all_for_ever() {
    // (D9, a command that it forbids)
    let package = |name: &[u8]| kit::install_fields(&[name, EMPTY, EMPTY, EMPTY, EMPTY]);
    let table: [(u8, [u8; 4], Vec<u8>); 7] = [
        (0x02, [0x80, 0xE6, 0x02, 0x00], package(&OTHER)),
        (0x04, [0x80, 0xE6, 0x04, 0x00], kit::install_fields(&[&PACKAGE, &MODULE, &OTHER, &[0], &hex("C900"), EMPTY])),
        (0x08, [0x80, 0xE6, 0x08, 0x00], kit::install_fields(&[EMPTY, EMPTY, &PLAIN, &[0], EMPTY, EMPTY])),
        (0x08, [0x80, 0xE6, 0x0C, 0x00], kit::install_fields(&[&PACKAGE, &MODULE, &OTHER, &[0], &hex("C900"), EMPTY])),
        (0x10, [0x80, 0xE6, 0x10, 0x00], kit::install_fields(&[&DOMAIN, EMPTY, &PACKAGE, EMPTY, EMPTY, EMPTY])),
        (0x40, [0x80, 0xE6, 0x40, 0x00], kit::install_fields(&[EMPTY, EMPTY, &APP, &[0], EMPTY, EMPTY])),
        (0x01, [0x80, 0xE4, 0x00, 0x00], tlv(0x4F, &APP)),
    ];
    for (restriction, header, data) in table {
        for of_open in [false, true] {
            let mut bench = Bench::new();
            let mut card = loaded(&mut bench);
            domain(&mut card, &DOMAIN, "80", OPEN_POLICY);
            let mut host = isd(&mut card);
            make_app(&mut card, &mut host, &PACKAGE, &MODULE, &APP);
            let fields: [&[u8]; 6] = [&PACKAGE, &MODULE, &PLAIN, &[0], &hex("C900"), EMPTY];
            assert_eq!(host.install(&mut card, 0x04, 0, &fields).1, 0x9000);
            let parameters = [&[0xEF, 0x03, 0xD9, 0x01][..], &[restriction]].concat();
            let to: &[u8] = if of_open { EMPTY } else { &ISD };
            let fields: [&[u8]; 6] = [to, EMPTY, EMPTY, EMPTY, &parameters, EMPTY];
            assert_eq!(host.install(&mut card, 0x40, 0, &fields), (vec![0], 0x9000));
            assert_eq!(host.status(&mut card, header, &data), 0x6985, "{restriction:02X} {header:02X?}");
            // Another restriction adds up.
            if restriction != 0x40 {
                let parameters = [&[0xEF, 0x03, 0xD9, 0x01][..], &[0x20]].concat();
                let fields: [&[u8]; 6] = [to, EMPTY, EMPTY, EMPTY, &parameters, EMPTY];
                assert_eq!(host.install(&mut card, 0x40, 0, &fields).1, 0x9000);
                assert_eq!(host.status(&mut card, header, &data), 0x6985);
            }
            drop(host);
            drop(card);
            bench.assert_lasting();
            let mut card = bench.card();
            let mut host = isd(&mut card);
            assert_eq!(host.status(&mut card, header, &data), 0x6985, "after power off");
        }
    }
}

/// One octet of privileges stands for three, by the kind of what is updated (GPCS tables 11-7 to 11-9).
#[test]
fn one_octet_of_privileges_implies_the_others_by_kind() {
    let mut bench = Bench::new();
    let mut card = loaded(&mut bench);
    domain(&mut card, &DOMAIN, "800000", OPEN_POLICY);
    let mut host = isd(&mut card);
    assert_eq!(update(&mut card, &mut host, &DOMAIN, &hex("80")), 0x9000);
    assert_eq!(privileges(&mut card, 0x40, &DOMAIN), hex("808000"), "Trusted Path");
    let mut host = isd(&mut card);
    assert_eq!(update(&mut card, &mut host, &ISD, &hex("9E")), 0x9000);
    assert_eq!(privileges(&mut card, 0x80, EMPTY), hex("9EFE80"), "all that is the ISD's");
}

#[test]
fn restricting_all_needs_global_lock_and_one_a_place_above_it() {
    let mut bench = Bench::new();
    let mut card = loaded(&mut bench);
    domain(&mut card, &DOMAIN, "80C000", OPEN_POLICY);
    domain(&mut card, &SECOND, "80", OPEN_POLICY);
    let mut host = enter(&mut card, &DOMAIN);
    let d9 = hex("EF03D90101");
    refused(&mut card, &mut host, 0x40, &[EMPTY, EMPTY, EMPTY, EMPTY, &d9, EMPTY], 0x6982);
    refused(&mut card, &mut host, 0x40, &[&SECOND, EMPTY, EMPTY, EMPTY, &d9, EMPTY], 0x6985);
    refused(&mut card, &mut host, 0x40, &[&ISD, EMPTY, EMPTY, EMPTY, &d9, EMPTY], 0x6985);
    assert_eq!(host.install(&mut card, 0x40, 0, &[&DOMAIN, EMPTY, EMPTY, EMPTY, &d9, EMPTY]).1, 0x9000);
}

#[test]
fn a_new_security_domain_belongs_to_who_makes_it_and_an_application_to_its_files_domain() {
    let mut bench = Bench::new();
    let mut card = loaded(&mut bench);
    // A manager of its own.
    domain(&mut card, &DOMAIN, "80C000", OPEN_POLICY);
    let mut host = enter(&mut card, &DOMAIN);
    for (file, module, name, privileges) in
        [(&SSD_FILE[..], &SSD_MODULE[..], &SECOND, &[0x80][..]), (&PACKAGE, &MODULE, &APP, &[0x00])]
    {
        let fields: [&[u8]; 6] = [file, module, name, privileges, &hex("C900"), EMPTY];
        assert_eq!(host.install(&mut card, 0x0C, 0, &fields), (vec![0], 0x9000));
    }
    let mut host = isd(&mut card);
    let mut owner =
        |name: &[u8]| host.send(&mut card, [0x80, 0xF2, 0x40, 0x02], &[tlv(0x4F, name), hex("5C01CC")].concat()).0;
    assert_eq!(owner(&SECOND), tlv(0xE3, &tlv(0xCC, &DOMAIN)));
    assert_eq!(owner(&APP), tlv(0xE3, &tlv(0xCC, &ISD)));
    drop(card);
    bench.assert_lasting();
}

#[test]
fn the_combined_process_is_all_or_nothing() {
    let file = tlv(0xC4, &cap_block(&PACKAGE, &[&MODULE]));
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let first: [&[u8]; 5] = [&PACKAGE, EMPTY, EMPTY, EMPTY, EMPTY];
    let c9 = hex("C900EF03CF0146");
    let last: [&[u8]; 6] = [&PACKAGE, &MODULE, &APP, &[0x10], &c9, EMPTY];
    let before = picture(&mut card);
    // Out of order.
    let mut host = isd(&mut card);
    assert_eq!(host.install(&mut card, 0x0E, 3, &last), (vec![], 0x6985));
    assert_eq!(host.install(&mut card, 0x0E, 1, &first), (vec![0], 0x9000));
    assert_eq!(host.install(&mut card, 0x0E, 3, &last), (vec![], 0x6985), "nothing was loaded");
    assert_eq!(host.load(&mut card, &file, 200).1, 0x6985, "and the process is dropped");
    // After the whole load nothing is registered, another block ends the process.
    assert_eq!(host.install(&mut card, 0x0E, 1, &first).1, 0x9000);
    assert_eq!(host.load(&mut card, &file, 200), (vec![0], 0x9000));
    assert_eq!(host.status(&mut card, [0x80, 0xE8, 0x80, 0x02], &[1]), 0x6985);
    assert_eq!(host.install(&mut card, 0x0E, 3, &last), (vec![], 0x6985));
    // Each thing that can be wrong in the last command ends it, too.
    let token: &[u8] = &[1; 16];
    let wrong: [([&[u8]; 6], u16); 7] = [
        ([&OTHER, &MODULE, &APP, &[0x10], &c9, EMPTY], 0x6A80),
        ([&PACKAGE, &OTHER, &APP, &[0x10], &c9, EMPTY], 0x6A88),
        ([&PACKAGE, &MODULE, &ISD, &[0x10], &c9, EMPTY], 0x6985),
        ([&PACKAGE, &MODULE, &PACKAGE, &[0x10], &c9, EMPTY], 0x6985),
        ([&PACKAGE, &MODULE, &APP, &[0x80], &c9, EMPTY], 0x6A80),
        ([&PACKAGE, &MODULE, &APP, &[0x10], EMPTY, EMPTY], 0x6A80),
        ([&PACKAGE, &MODULE, &APP, &[0x10], &c9, token], 0x6985),
    ];
    for (fields, status) in wrong {
        assert_eq!(host.install(&mut card, 0x0E, 1, &first).1, 0x9000);
        assert_eq!(host.load(&mut card, &file, 100).1, 0x9000);
        assert_eq!(host.install(&mut card, 0x0E, 3, &fields), (vec![], status));
        assert_eq!(host.install(&mut card, 0x0E, 3, &last), (vec![], 0x6985));
    }
    assert_eq!(host.install(&mut card, 0x0E, 1, &first).1, 0x9000);
    assert_eq!(host.load(&mut card, &file, 100).1, 0x9000);
    assert_eq!(host.install(&mut card, 0x0E, 3, &[&PACKAGE]), (vec![], 0x6A80), "a body that does not read");
    assert_eq!(host.install(&mut card, 0x0E, 3, &last), (vec![], 0x6985));
    desk.0.borrow_mut().refuse_install = Some(0x6A80);
    assert_eq!(host.install(&mut card, 0x0E, 1, &first).1, 0x9000);
    assert_eq!(host.load(&mut card, &file, 100).1, 0x9000);
    assert_eq!(host.install(&mut card, 0x0E, 3, &last), (vec![], 0x6A80));
    desk.0.borrow_mut().refuse_install = None;
    assert_eq!(picture(&mut card), before);
    // Good, with the load file named or not.
    for name in [&PACKAGE[..], EMPTY] {
        let mut host = isd(&mut card);
        assert_eq!(host.install(&mut card, 0x0E, 1, &first).1, 0x9000);
        assert_eq!(host.load(&mut card, &file, 100), (vec![0], 0x9000));
        let last: [&[u8]; 6] = [name, &MODULE, &APP, &[0x10], &c9, EMPTY];
        assert_eq!(host.install(&mut card, 0x0E, 3, &last), (vec![0], 0x9000));
        assert_eq!(states(&mut card, &mut host, 0x40), [(APP.to_vec(), 0x07)]);
        assert_eq!(states(&mut card, &mut host, 0x20).len(), 2);
        assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x80], &tlv(0x4F, &PACKAGE)), 0x9000);
    }
    drop(card);
    bench.assert_lasting();
}

#[test]
fn long_parameters_come_in_a_chain() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = loaded(&mut bench);
    for level in SecurityLevel::ALL {
        select(&mut card, &[]);
        let mut host = Host::open(&mut card, 0x30, level).unwrap();
        for length in [180, 210, 255, 256, 300, 440] {
            let own: Vec<u8> = (0..length).map(|at| at as u8).collect();
            desk.take_events();
            let fields: [&[u8]; 6] = [&PACKAGE, &MODULE, &APP, &[0], &tlv(0xC9, &own), EMPTY];
            assert_eq!(host.install(&mut card, 0x0C, 0, &fields), (vec![0], 0x9000), "{level:?} {length}");
            assert!(matches!(&desk.take_events()[..], [Event::Install { parameters, .. }] if *parameters == own));
            assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &APP)), 0x9000);
        }
    }
    // Another header in between ends the chain, and is not run.
    let mut host = Host::open(&mut card, 0x30, SecurityLevel::Authenticated).unwrap();
    assert_eq!(say(&mut card, "80E68C0005 06D2760001").1, 0x9000);
    assert_eq!(say(&mut card, "80CA006600"), (vec![], 0x6985));
    assert_eq!(say(&mut card, "80CA006600").1, 0x9000);
    assert_eq!(states(&mut card, &mut host, 0x40), []);
}

/// What the registry keeps as application provider identifier of a name, as the card's memory shows it.
fn provider(bench: &Bench, name: &[u8]) -> Vec<u8> {
    let aid = format!("aid: {:?},", Aid::new(name).unwrap());
    let entries = bench.ram.registry.iter().map(|entry| format!("{entry:?}"));
    let entry = entries.into_iter().find(|entry| entry.contains(&aid)).expect("it is in the registry");
    let (_, rest) = entry.split_once("provider: [").unwrap();
    let (octets, rest) = rest.split_once("], provider_length: ").unwrap();
    let (length, _) = rest.split_once(',').unwrap();
    let octets = octets.split(", ").map(|octet| octet.parse().unwrap());
    octets.take(length.parse().unwrap()).collect()
}

#[test]
fn the_application_provider_is_kept_and_does_not_change() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = isd(&mut card);
    let control = |text: &[u8]| tlv(0xB6, &tlv(0x5F20, text));
    let with = |text: &[u8]| [hex("C900"), control(text)].concat();
    // Of a load file, whose own comes with INSTALL [for load].
    assert_eq!(host.install(&mut card, 0x02, 0, &[&PACKAGE, EMPTY, EMPTY, &control(b"LOADER"), EMPTY]).1, 0x9000);
    assert_eq!(host.load(&mut card, &tlv(0xC4, &cap_block(&PACKAGE, &[&MODULE])), 200).1, 0x9000);
    let third = [&APP[..6], &[0x33]].concat();
    for (name, parameters) in [(&APP[..], with(b"FIRST")), (&OTHER, hex("C900")), (&third, with(b"SIXTEEN OCTETS 0"))] {
        let fields: [&[u8]; 6] = [&PACKAGE, &MODULE, name, &[0], &parameters, EMPTY];
        assert_eq!(host.install(&mut card, 0x04, 0, &fields), (vec![0], 0x9000));
    }
    drop(card);
    bench.assert_lasting();
    let kept = |bench: &Bench| [&PACKAGE[..], &APP, &OTHER, &third].map(|name| provider(bench, name));
    assert_eq!(kept(&bench), [&b"LOADER"[..], b"FIRST", b"", b"SIXTEEN OCTETS 0"]);
    // At make selectable it is kept where there is none yet.
    let mut card = bench.card();
    let mut host = isd(&mut card);
    for (name, parameters) in [(&APP[..], control(b"SECOND")), (&OTHER, control(b"SECOND")), (&third, vec![])] {
        let fields: [&[u8]; 6] = [EMPTY, EMPTY, name, &[0], &parameters, EMPTY];
        assert_eq!(host.install(&mut card, 0x08, 0, &fields), (vec![0], 0x9000));
    }
    drop(card);
    bench.assert_lasting();
    assert_eq!(kept(&bench), [&b"LOADER"[..], b"FIRST", b"SECOND", b"SIXTEEN OCTETS 0"]);
}

#[test]
fn services_and_quotas_are_taken_and_not_acted_on() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = isd(&mut card);
    host.load_package(&mut card, &PACKAGE, &[&MODULE]);
    let free = host.send(&mut card, [0x80, 0xCA, 0xFF, 0x21], &[]).0;
    // Global Service and CVM Management, a service, and quotas that nothing could keep to.
    let parameters = hex("C900 EF14 C7020001 C8020001 D7020000 D8027FFF CB028101");
    let fields: [&[u8]; 6] = [&PACKAGE, &MODULE, &APP, &hex("020100"), &parameters, &[]];
    assert_eq!(host.install(&mut card, 0x0C, 0x00, &fields), (vec![0], 0x9000));
    let listed = host.send(&mut card, [0x80, 0xF2, 0x40, 0x02], &[tlv(0x4F, &APP), hex("5C01C5")].concat());
    assert_eq!(listed, (tlv(0xE3, &hex("C503020100")), 0x9000));
    assert_ne!(host.send(&mut card, [0x80, 0xCA, 0xFF, 0x21], &[]).0, free, "it takes its place, and no more");
    // What is never offered is no command of the card: the CVM interface is the applications' own.
    assert_eq!(host.status(&mut card, [0x80, 0x20, 0x00, 0x00], &[1, 2, 3, 4]), 0x6D00);
}
