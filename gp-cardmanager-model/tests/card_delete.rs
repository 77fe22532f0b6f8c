//! DELETE on the card (GPCS 9.5, 11.2): what goes, what must not go, and that refusals change nothing.

#[path = "support/content.rs"]
mod content;
#[path = "support/card.rs"]
mod kit;

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
