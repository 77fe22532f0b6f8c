//! DELETE on the card (GPCS 9.5, 11.2): what goes, what must not go, and that refusals change nothing.

use crate::{content, kit};
use content::*;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::confirmation::{Confirmation, Details};
use gp_cardmanager_model::signature::{Operation, ReceiptInput};
use gp_scp03::{Key, SecurityLevel};
use kit::{Bench, Event, Host, Opening, TestCard, hex, raw, tlv};

const DELETE: [u8; 4] = [0x80, 0xE4, 0x00, 0x00];
const RELATED: [u8; 4] = [0x80, 0xE4, 0x00, 0x80];

fn name(aid: &[u8]) -> Vec<u8> {
    tlv(0x4F, aid)
}

/// The card with the package, and two applications of it.
fn filled(card: &mut TestCard<'_>) -> Host {
    let mut host = session(card);
    load(&mut host, card);
    install(&mut host, card, &APP, &[0x00], "C900");
    install(&mut host, card, &OTHER, &[0x00], "C900");
    host
}

#[test]
fn an_application_goes() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let mut host = filled(&mut card);
    desk.take_events();
    assert_eq!(host.send(&mut card, DELETE, &name(&APP)), (vec![0], 0x9000));
    assert_eq!(desk.take_events(), [Event::Delete(Aid::new(&APP).unwrap())]);
    assert_eq!(state_of(&mut host, &mut card, &APP), None);
    assert_eq!(state_of(&mut host, &mut card, &OTHER), Some(0x07));
    refused(&mut host, &mut card, DELETE, &name(&APP), 0x6A88);
    // Hosts send "related" with applications, too.
    assert_eq!(host.send(&mut card, RELATED, &name(&OTHER)), (vec![0], 0x9000));
    assert_eq!(host.send(&mut card, DELETE, &name(&FILE)), (vec![0], 0x9000));
    assert_eq!(kit::select(&mut card, &APP).1, 0x6A82);
    drop(card);
    bench.assert_lasting();
}

/// Personalisation of an application ends when it is deleted: the one that gets its place in the registry is not meant.
#[test]
fn personalization_ends_with_its_application() {
    for deleted in [false, true] {
        let mut bench = Bench::new();
        let desk = bench.desk.clone();
        let mut card = bench.card();
        let mut host = session(&mut card);
        load(&mut host, &mut card);
        install(&mut host, &mut card, &APP, &[0x00], "C900");
        assert_eq!(host.install(&mut card, 0x20, 0, &[&[], &[], &APP, &[], &[], &[]]).1, 0x9000);
        if deleted {
            assert_eq!(host.send(&mut card, DELETE, &name(&APP)).1, 0x9000);
        }
        install(&mut host, &mut card, &OTHER, &[0x00], "C900");
        desk.take_events();
        // The security domain itself is meant then, and does not know such data.
        let status = if deleted { 0x6A80 } else { 0x9000 };
        assert_eq!(host.send(&mut card, [0x80, 0xE2, 0x80, 0x00], &[1, 2, 3]).1, status);
        let reached: Vec<bool> = desk
            .take_events()
            .iter()
            .map(|event| matches!(event, Event::Personalize { instance, .. } if instance.as_bytes() == APP))
            .collect();
        assert_eq!(reached, vec![true; usize::from(!deleted)]);
    }
}

#[test]
fn a_load_file_goes_with_its_applications_or_not_at_all() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let mut host = filled(&mut card);
    refused(&mut host, &mut card, DELETE, &name(&FILE), 0x6985);
    refused(&mut host, &mut card, DELETE, &name(&MODULE), 0x6A88);
    desk.take_events();
    assert_eq!(host.send(&mut card, RELATED, &name(&FILE)), (vec![0], 0x9000));
    let gone = [APP, OTHER].map(|aid| Event::Delete(Aid::new(&aid).unwrap()));
    assert_eq!(desk.take_events(), gone);
    assert_eq!(host.listed(&mut card, 0x40).1, 0x6A88);
    assert_eq!(state_of(&mut host, &mut card, &FILE), None);
    // Memory is not lost: the same again, many times.
    for _ in 0..12 {
        load(&mut host, &mut card);
        install(&mut host, &mut card, &APP, &[0x00], "C900");
        assert_eq!(host.send(&mut card, RELATED, &name(&FILE)), (vec![0], 0x9000));
    }
    drop(card);
    bench.assert_lasting();
}

#[test]
fn what_is_refused() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    assert_eq!(raw(&mut card, &kit::command(DELETE, &name(&FILE))), (vec![], 0x6982));
    let mut host = filled(&mut card);
    for malformed in
        ["", "4F", "4F04D2760000", "4F06D27600000100 4F06D27600000100", "D20130 4F06D27600000100", "D3 01 00"]
    {
        refused(&mut host, &mut card, DELETE, &hex(malformed), 0x6A80);
    }
    refused(&mut host, &mut card, DELETE, &name(&ISD), 0x6985);
    // A token where none is asked for.
    refused(&mut host, &mut card, DELETE, &[name(&APP), tlv(0x9E, &[1; 16])].concat(), 0x6985);
    // Another application refers to it.
    desk.0.borrow_mut().refuse_delete.insert(APP.to_vec());
    refused(&mut host, &mut card, DELETE, &name(&APP), 0x6985);
    refused(&mut host, &mut card, RELATED, &name(&FILE), 0x6985);
    desk.0.borrow_mut().refuse_delete.clear();
    // Another load file needs it.
    desk.0.borrow_mut().refuse_delete.insert(FILE.to_vec());
    refused(&mut host, &mut card, RELATED, &name(&FILE), 0x6985);
    desk.0.borrow_mut().refuse_delete.clear();
    // Selected on another channel.
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    assert_eq!(kit::select_on(&mut card, 1, &APP).1, 0x9000);
    refused(&mut host, &mut card, DELETE, &name(&APP), 0x6985);
    refused(&mut host, &mut card, RELATED, &name(&FILE), 0x6985);
    assert_eq!(raw(&mut card, &hex("00708001")), (vec![], 0x9000));
    // The function is disabled for ever.
    restrict(&mut host, &mut card, 0x01);
    refused(&mut host, &mut card, DELETE, &name(&APP), 0x6985);
    // A locked card.
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x80, 0x7F], &[]), 0x9000);
    refused(&mut host, &mut card, DELETE, &name(&APP), 0x6985);
    refused(&mut host, &mut card, DELETE, &hex("D20131"), 0x6985);
}

#[test]
fn a_security_domain_must_be_empty() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    personal_domain(&mut host, &mut card, &SSD, "80", 0x11);
    install(&mut host, &mut card, &APP, &[0x00], "C900");
    assert_eq!(host.install(&mut card, 0x10, 0x00, &[&SSD, &[], &APP, &[], &[], &[]]), (vec![0], 0x9000));
    refused(&mut host, &mut card, DELETE, &name(&SSD), 0x6985);
    // Neither is it deleted with the load file of security domains while something that stays belongs to it.
    refused(&mut host, &mut card, RELATED, &name(&DOMAIN_FILE), 0x6985);
    assert_eq!(host.send(&mut card, DELETE, &name(&APP)), (vec![0], 0x9000));
    // What is being loaded into it on another channel counts.
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    let mut loading = Host::open_on(&mut card, 1, kit::KVN, SecurityLevel::CMac).unwrap();
    let file = [0xD2, 0x76, 0, 0, 1, 9];
    assert_eq!(loading.install(&mut card, 0x02, 0x00, &[&file, &SSD, &[], &[], &[]]), (vec![0], 0x9000));
    refused(&mut host, &mut card, DELETE, &name(&SSD), 0x6985);
    assert_eq!(raw(&mut card, &hex("00708001")), (vec![], 0x9000));
    assert_eq!(host.send(&mut card, DELETE, &name(&SSD)), (vec![0], 0x9000));
    // Its keys are gone with it: the next one of that name starts without.
    make_domain(&mut host, &mut card, &SSD, &[0x80], "");
    assert_eq!(kit::select(&mut card, &SSD).1, 0x9000);
    assert_eq!(raw(&mut card, &hex("80CA00E000")), (hex("E000"), 0x9000));
    drop(card);
    bench.assert_lasting();
}

#[test]
fn whose_content_a_domain_may_delete() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    // Authorized Management; the same with Global Delete; none of both.
    personal_domain(&mut host, &mut card, &SSD, "804000", 0x11);
    personal_domain(&mut host, &mut card, &SSD2, "805000", 0x22);
    let plain = [0xD2, 0x76, 0, 0, 2, 3];
    personal_domain(&mut host, &mut card, &plain, "80", 0x33);
    for (aid, owner) in [(APP, SSD), (OTHER, SSD2)] {
        install(&mut host, &mut card, &aid, &[0x00], "C900");
        assert_eq!(host.install(&mut card, 0x10, 0x00, &[&owner, &[], &aid, &[], &[], &[]]), (vec![0], 0x9000));
    }
    let mut none = session_of(&mut card, &plain, 0x33);
    refused(&mut none, &mut card, DELETE, &name(&APP), 0x6982);
    let mut first = session_of(&mut card, &SSD, 0x11);
    // Not its own, and the owner accepts only domains above it.
    refused(&mut first, &mut card, DELETE, &name(&OTHER), 0x6982);
    // Itself.
    refused(&mut first, &mut card, DELETE, &name(&SSD), 0x6985);
    // Its own.
    assert_eq!(first.send(&mut card, DELETE, &name(&APP)), (vec![0], 0x9000));
    // Global Delete.
    let mut second = session_of(&mut card, &SSD2, 0x22);
    assert_eq!(second.send(&mut card, DELETE, &name(&SSD)), (vec![0], 0x9000));
    assert_eq!(second.send(&mut card, DELETE, &name(&OTHER)), (vec![0], 0x9000));
    drop(card);
    bench.assert_lasting();
}

#[test]
fn the_privileges_of_one_holder_return_to_the_isd() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    let full = privileges_of(&mut host, &mut card, &ISD);
    install(&mut host, &mut card, &APP, &[0x04], "C900");
    install(&mut host, &mut card, &OTHER, &[0x00, 0x02, 0x00], "C900");
    assert_eq!(privileges_of(&mut host, &mut card, &ISD).unwrap(), hex("9AFC80"));
    assert_eq!(host.send(&mut card, RELATED, &name(&FILE)), (vec![0], 0x9000));
    assert_eq!(privileges_of(&mut host, &mut card, &ISD), full);
    load(&mut host, &mut card);
    install(&mut host, &mut card, &APP, &[0x04], "C900EF03CF0141");
    // The slot of channel 1 is free again, too.
    assert_eq!(host.send(&mut card, DELETE, &name(&APP)), (vec![0], 0x9000));
    assert_eq!(privileges_of(&mut host, &mut card, &ISD), full);
    install(&mut host, &mut card, &OTHER, &[0x04], "C900EF03CF0141");
    drop(card);
    bench.assert_lasting();
}

#[test]
fn delegated_deletion_wants_a_token_and_gives_a_receipt() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let (token_key, receipt_key) = (Key::new(&[0x70; 16]).unwrap(), Key::new(&[0x71; 16]).unwrap());
    for (version, key) in [(0x70, &token_key), (0x71, &receipt_key)] {
        let body = one_key_body(version, key, kit::factory_keys().dek());
        assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x01], &body), 0x9000);
    }
    load(&mut host, &mut card);
    personal_domain(&mut host, &mut card, &SSD, "A0", 0x11);
    for aid in [APP, OTHER] {
        install(&mut host, &mut card, &aid, &[0x00], "C900");
        assert_eq!(host.install(&mut card, 0x10, 0x00, &[&SSD, &[], &aid, &[], &[], &[]]), (vec![0], 0x9000));
    }
    let mut domain = session_of(&mut card, &SSD, 0x11);
    let signed = |fields: &[u8], p2: u8| token_key.cmac(&[&[0x00, p2, fields.len() as u8], fields]);
    let with_token = |fields: &[u8], token: &[u8]| [fields, &tlv(0x9E, token)].concat();
    refused(&mut domain, &mut card, DELETE, &name(&APP), 0x6982);
    refused(&mut domain, &mut card, DELETE, &with_token(&name(&APP), &[0x5A; 16]), 0x6982);
    // P2 is signed.
    refused(&mut domain, &mut card, DELETE, &with_token(&name(&APP), &signed(&name(&APP), 0x80)), 0x6982);
    // The token names another issuer.
    let elsewhere = [name(&APP), hex("B6 06 42 04 01020304")].concat();
    refused(&mut domain, &mut card, DELETE, &with_token(&elsewhere, &signed(&elsewhere, 0)), 0x6982);
    // The ISD's content is in the same tree, and the ISD accepts.
    for (counter, fields, number) in [
        (0, name(&APP), None),
        (1, [name(&OTHER), hex("B6 04 93 02 0007")].concat(), Some(&[0x00, 0x07][..])),
        (2, name(&FILE), None),
    ] {
        let (answer, status) = domain.send(&mut card, DELETE, &with_token(&fields, &signed(&fields, 0)));
        assert_eq!(status, 0x9000);
        let confirmation = Confirmation::parse(&answer).unwrap().expect("a receipt");
        let details = Details::parse(confirmation.details).unwrap();
        assert_eq!((details.counter, details.token_id), (counter, number));
        let aid = Aid::new(&fields[2..][..usize::from(fields[1])]).unwrap();
        let input = ReceiptInput::new(confirmation.details, &Operation::Delete { aid }).unwrap();
        assert_eq!(receipt_key.cmac(&input.parts()), confirmation.receipt);
    }
    let mut host = session(&mut card);
    assert_eq!(host.send(&mut card, [0x80, 0xCA, 0x00, 0xC2], &[]).0, hex("C2020003"));
    drop(card);
    bench.assert_lasting();
}

#[test]
fn keys() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let mut second = kit::keys_from(0x99, 16);
    let body = key_body(0x31, &second, kit::factory_keys().dek(), Default::default());
    assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x81], &body), 0x9000);
    let other = one_key_body(0x44, &Key::new(&[0x44; 16]).unwrap(), kit::factory_keys().dek());
    assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x01], &other), 0x9000);
    for unknown in ["D20132", "D00109", "D00109D20131", "D00102D20144"] {
        refused(&mut host, &mut card, DELETE, &hex(unknown), 0x6A88);
    }
    // The set of the session; also when only one of what matches belongs to it.
    for used in ["D20130", "D00101", "D00103D20130"] {
        refused(&mut host, &mut card, DELETE, &hex(used), 0x6985);
    }
    // The set of a session on another channel.
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    let opening = Opening { channel: 1, ..Opening::new(&mut second, 0x31, SecurityLevel::CMac) };
    drop(opening.open(&mut card).unwrap());
    refused(&mut host, &mut card, DELETE, &hex("D20131"), 0x6985);
    assert_eq!(raw(&mut card, &hex("00708001")), (vec![], 0x9000));
    // The same set serves a session with a new security domain that has none of its own.
    let mut host = Opening::new(&mut second, 0x31, SecurityLevel::CMac).open(&mut card).unwrap();
    make_domain(&mut host, &mut card, &SSD, &[0x80], "");
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    assert_eq!(kit::select_on(&mut card, 1, &SSD).1, 0x9000);
    drop(Host::open_on(&mut card, 1, kit::KVN, SecurityLevel::CMac).unwrap());
    refused(&mut host, &mut card, DELETE, &hex("D20130"), 0x6985);
    assert_eq!(raw(&mut card, &hex("00708001")), (vec![], 0x9000));
    let mut host = session(&mut card);
    // One key, then the rest of its set; P2 is of no meaning here.
    assert_eq!(host.send(&mut card, RELATED, &hex("D20131D00102")), (vec![0], 0x9000));
    assert_eq!(keys_shown(&mut host, &mut card).len(), 2 + 6 * 6);
    assert_eq!(host.send(&mut card, [0x80, 0xE4, 0x00, 0x01], &hex("D20131")), (vec![0], 0x9000));
    assert_eq!(host.send(&mut card, DELETE, &hex("D00101D20144")), (vec![0], 0x9000));
    assert_eq!(keys_shown(&mut host, &mut card), hex("E012 C00401308810 C00402308810 C00403308810"));
    drop(card);
    bench.assert_lasting();
}

/// A package of version 1.2 with these imports in version 1.0.
fn importing(package: &[u8], imports: &[Vec<u8>]) -> Vec<u8> {
    let component = |tag: u8, body: &[u8]| [&[tag][..], &(body.len() as u16).to_be_bytes(), body].concat();
    let header = [&hex("DECAFFED 0102 04 0201"), &[package.len() as u8][..], package].concat();
    let named = imports.iter().flat_map(|import| [&[0, 1, import.len() as u8], &import[..]].concat());
    let list: Vec<u8> = [imports.len() as u8].into_iter().chain(named).collect();
    tlv(0xC4, &[component(1, &header), component(4, &list)].concat())
}

fn load_importing(card: &mut TestCard<'_>, host: &mut Host, package: &[u8], imports: &[Vec<u8>]) -> u16 {
    assert_eq!(host.install(card, 0x02, 0x00, &[package, &[], &[], &[], &[]]), (vec![0], 0x9000));
    host.load(card, &importing(package, imports), 200).1
}

#[test]
fn a_load_file_that_others_import_stays() {
    let (library, user, second) = (hex("D27600011899"), hex("D2760001189A"), hex("D2760001189B"));
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    assert_eq!(load_importing(&mut card, &mut host, &library, &[]), 0x9000);
    // What the applications stand on is imported, too, and is nothing that could be deleted.
    let platform = hex("A0000000620101");
    assert_eq!(load_importing(&mut card, &mut host, &user, &[platform, library.clone(), library.clone()]), 0x9000);
    assert_eq!(load_importing(&mut card, &mut host, &second, core::slice::from_ref(&library)), 0x9000);
    for header in [DELETE, RELATED] {
        refused(&mut host, &mut card, header, &name(&library), 0x6985);
    }
    // Also after a restart, and until the last of them has gone.
    drop(card);
    let mut card = bench.card();
    let mut host = session(&mut card);
    assert_eq!(host.send(&mut card, DELETE, &name(&user)), (vec![0], 0x9000));
    refused(&mut host, &mut card, RELATED, &name(&library), 0x6985);
    assert_eq!(host.send(&mut card, DELETE, &name(&second)), (vec![0], 0x9000));
    assert_eq!(host.send(&mut card, DELETE, &name(&library)), (vec![0], 0x9000));
    // Another file in the same place of the registry imports nothing.
    assert_eq!(load_importing(&mut card, &mut host, &library, &[]), 0x9000);
    assert_eq!(load_importing(&mut card, &mut host, &user, &[]), 0x9000);
    assert_eq!(host.send(&mut card, DELETE, &name(&library)), (vec![0], 0x9000));
    drop(card);
    bench.assert_lasting();
}

#[test]
fn a_load_file_stays_while_one_that_imports_it_comes_in() {
    let (library, user) = (hex("D27600011899"), hex("D2760001189A"));
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    assert_eq!(load_importing(&mut card, &mut host, &library, &[]), 0x9000);
    assert_eq!(host.install(&mut card, 0x02, 0x00, &[&user, &[], &[], &[], &[]]), (vec![0], 0x9000));
    // Its last octet is of the other import.
    let file = importing(&user, &[library.clone(), hex("A0000000620101")]);
    let (most, last) = file.split_at(file.len() - 1);
    assert_eq!(host.send(&mut card, [0x80, 0xE8, 0x00, 0x00], most), (vec![0], 0x9000));
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    let mut other = Host::open_on(&mut card, 1, kit::KVN, SecurityLevel::CMac).unwrap();
    assert_eq!(other.send(&mut card, DELETE, &name(&library)), (vec![], 0x6985));
    assert_eq!(host.send(&mut card, [0x80, 0xE8, 0x80, 0x01], last), (vec![0], 0x9000));
    assert_eq!(other.send(&mut card, DELETE, &name(&library)), (vec![], 0x6985));
    assert_eq!(other.send(&mut card, DELETE, &name(&user)), (vec![0], 0x9000));
    assert_eq!(other.send(&mut card, DELETE, &name(&library)), (vec![0], 0x9000));
    drop(card);
    bench.assert_lasting();
}

#[test]
fn imports_need_room_and_there_are_sixteen_at_most() {
    let libraries: Vec<Vec<u8>> = (0..17).map(|number| [&hex("D276000118")[..], &[number]].concat()).collect();
    let user = hex("D2760001189A");
    for objects in [0, 16] {
        let mut bench = Bench::new();
        bench.ram = kit::Ram::new(24, 24, objects, 4);
        let mut card = bench.card();
        let mut host = session(&mut card);
        for library in &libraries {
            assert_eq!(load_importing(&mut card, &mut host, library, &[]), 0x9000);
        }
        assert_eq!(load_importing(&mut card, &mut host, &user, &libraries), 0x6A84);
        assert_eq!(
            load_importing(&mut card, &mut host, &user, &libraries[..16]),
            if objects == 0 { 0x6A84 } else { 0x9000 }
        );
        assert_eq!(host.listed(&mut card, 0x20).0.windows(6).any(|window| window == user), objects != 0);
        drop(card);
        bench.assert_lasting();
    }
}

/// Fills a small storage until nothing more can be installed, and says how many applications there are.
fn filled_up(card: &mut TestCard<'_>, host: &mut Host, domain: &[u8]) -> u8 {
    host.load_package(card, &FILE, &[&MODULE]);
    assert_eq!(host.install(card, 0x10, 0x00, &[domain, &[], &FILE, &[], &[], &[]]), (vec![0], 0x9000));
    for number in 0.. {
        let app = [&APP[..6], &[number]].concat();
        let fields: [&[u8]; 6] = [&FILE, &MODULE, &app, &[0], &hex("C900"), &[]];
        match host.install(card, 0x0C, 0x00, &fields) {
            (_, 0x9000) => {}
            (_, status) => {
                assert_eq!(status, 0x6A84);
                return number;
            }
        }
    }
    unreachable!()
}

#[test]
fn a_full_card_deletes_and_locks_whatever_there_is() {
    let mut bench = Bench::new();
    bench.ram = kit::Ram::new(250, 24, 16, 4);
    // Where the registry is not what is full.
    bench.flash = kit::Shared::new(200);
    let mut card = bench.card();
    let mut host = session(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "80", 0x11);
    let apps = filled_up(&mut card, &mut host, &SSD);
    assert!((20..200).contains(&apps), "{apps}");
    let erased = card.wear().erases;
    for lock in [0x80, 0x00] {
        assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x60, lock], &SSD), 0x9000);
        let (listed, _) = host.listed(&mut card, 0x40);
        let locked = listed.windows(4).filter(|window| *window == [0x9F, 0x70, 0x01, 0x07 | lock]).count();
        assert_eq!(locked, usize::from(apps), "{lock:02X}");
    }
    assert_eq!(host.send(&mut card, RELATED, &name(&FILE)), (vec![0], 0x9000));
    assert_eq!(host.listed(&mut card, 0x20).0.windows(6).filter(|window| *window == FILE).count(), 0);
    assert!(card.wear().erases <= erased + 2, "each of the three is one small record");
    drop(card);
    bench.assert_lasting();
}

#[test]
fn the_isd_lets_who_is_authorized_delete_what_belongs_to_it() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    install(&mut host, &mut card, &APP, &[0x00], "C900");
    personal_domain(&mut host, &mut card, &SSD, "804000", 0x11);
    let mut domain = session_of(&mut card, &SSD, 0x11);
    assert_eq!(domain.send(&mut card, DELETE, &name(&APP)), (vec![0], 0x9000));
    refused(&mut domain, &mut card, DELETE, &name(&ISD), 0x6985);
    drop(card);
    bench.assert_lasting();
}

/// Global Delete lifts the association alone: who is authorized deletes in any tree, a delegate in that of its manager.
#[test]
fn global_delete_reaches_as_far_as_the_management() {
    let mut bench = Bench::new();
    bench.profile.delegated_delete_without_token = true;
    bench.profile.receipts = false;
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    // A tree of its own, which lets only its own delete, and applications in it.
    let third = [0xD2, 0x76, 0, 0, 1, 0xAA, 3];
    personal_domain(&mut host, &mut card, &SSD, "A0", 0x11);
    personal_domain(&mut host, &mut card, &SSD2, "A01000", 0x22);
    for aid in [&APP, &OTHER, &third] {
        install(&mut host, &mut card, aid, &[0x00], "C900");
    }
    extradite(&mut host, &mut card, &APP, &SSD);
    extradite(&mut host, &mut card, &third, &SSD);
    extradite(&mut host, &mut card, &SSD, &SSD);
    let mut delegate = session_of(&mut card, &SSD2, 0x22);
    refused(&mut delegate, &mut card, DELETE, &name(&APP), 0x6982);
    assert_eq!(delegate.send(&mut card, DELETE, &name(&OTHER)).1, 0x9000, "below the manager that it has");
    let mut host = session(&mut card);
    assert_eq!(host.send(&mut card, DELETE, &name(&APP)), (vec![0], 0x9000), "the ISD needs no place above it");
    let mut root = session_of(&mut card, &SSD, 0x11);
    assert_eq!(root.send(&mut card, DELETE, &name(&third)).1, 0x9000, "its own, with nobody above");
    drop(card);
    bench.assert_lasting();
}

#[test]
fn deletion_without_token_is_a_policy() {
    for without in [false, true] {
        let mut bench = Bench::new();
        bench.profile.delegated_delete_without_token = without;
        let mut card = bench.card();
        let mut host = session(&mut card);
        load(&mut host, &mut card);
        personal_domain(&mut host, &mut card, &SSD, "A0", 0x11);
        install(&mut host, &mut card, &APP, &[0x00], "C900");
        assert_eq!(host.install(&mut card, 0x10, 0x00, &[&SSD, &[], &APP, &[], &[], &[]]), (vec![0], 0x9000));
        let mut domain = session_of(&mut card, &SSD, 0x11);
        // One that is there must be right all the same.
        refused(&mut domain, &mut card, DELETE, &[name(&APP), tlv(0x9E, &[0x5A; 16])].concat(), 0x6982);
        if without {
            let mut host = session(&mut card);
            let body = one_key_body(0x71, &Key::new(&[0x71; 16]).unwrap(), kit::factory_keys().dek());
            assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x01], &body), 0x9000);
            let mut domain = session_of(&mut card, &SSD, 0x11);
            let (answer, status) = domain.send(&mut card, DELETE, &name(&APP));
            assert_eq!(status, 0x9000);
            assert!(Confirmation::parse(&answer).unwrap().is_some(), "it is delegated, and gets a receipt");
        } else {
            refused(&mut domain, &mut card, DELETE, &name(&APP), 0x6982);
        }
        drop(card);
        bench.assert_lasting();
    }
}
