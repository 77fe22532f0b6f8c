//! Delegated management on the card: tokens that must be there, fit and never be there in vain; receipts that verify and
//! whose counter never repeats.

use crate::kit;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::storage::Slot;
use gp_cardmanager_model::confirmation::{Confirmation, Details};
use gp_cardmanager_model::signature::{Operation, ReceiptInput};
use gp_scp03::{Key, SecurityLevel, StaticKeys};
use kit::{
    Bench, Host, Opening, Ram, SSD_FILE, SSD_MODULE, TestCard, add_key, cap_block, factory_keys, hex, install_fields,
    keys_from, lv, make_domain, personalize, raw, select, tlv, toy_hash, toy_signature,
};

const PACKAGE: [u8; 6] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00];
const MODULE: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00, 0x01];
const APP: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x1A, 0x00, 0x01];
const DELEGATE: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x0D];
const OTHER: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x0E];
const EMPTY: &[u8] = &[];
const IIN: [u8; 4] = [0x42, 0x11, 0x22, 0x33];
const CIN: [u8; 3] = [0x45, 0xAA, 0xBB];

fn aid(octets: &[u8]) -> Aid {
    Aid::new(octets).unwrap()
}

fn token_key() -> Key {
    Key::new(&[0x70; 16]).unwrap()
}

fn receipt_key() -> Key {
    Key::new(&[0x71; 32]).unwrap()
}

fn delegate_keys() -> StaticKeys {
    keys_from(0x77, 24)
}

fn delegate(card: &mut TestCard<'_>) -> Host {
    assert_eq!(select(card, &DELEGATE).1, 0x9000);
    Opening::new(&mut delegate_keys(), 0x31, SecurityLevel::CMacRMac).open(card).unwrap()
}

fn isd(card: &mut TestCard<'_>) -> Host {
    select(card, &[]);
    Host::open(card, 0x30, SecurityLevel::CMac).unwrap()
}

/// A card with a delegated manager, and with these keys of the issuer.
fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.profile.iin = &IIN;
    bench.profile.cin = &CIN;
    bench
}

fn prepare(bench: &mut Bench, token: bool, receipt: bool) -> TestCard<'_> {
    let mut card = bench.card();
    let mut host = isd(&mut card);
    if token {
        add_key(&mut card, &mut host, factory_keys().dek(), 0x70, &token_key());
    }
    if receipt {
        add_key(&mut card, &mut host, factory_keys().dek(), 0x71, &receipt_key());
    }
    make_domain(&mut card, &mut host, &DELEGATE, "A0", "C906820120870120");
    make_domain(&mut card, &mut host, &OTHER, "80", "C9068201F8870120");
    personalize(&mut card, &DELEGATE, 0x31, &delegate_keys());
    personalize(&mut card, &OTHER, 0x31, &keys_from(0x78, 16));
    card
}

/// What a token signs: P1 P2, length, fields.
fn message(p1: u8, p2: u8, fields: &[u8]) -> Vec<u8> {
    let length = match fields.len() {
        length @ 0..=0xFF => vec![length as u8],
        length => vec![0, (length >> 8) as u8, length as u8],
    };
    [&[p1, p2][..], &length, fields].concat()
}

/// INSTALL with fields and a token of its own.
fn signed(card: &mut TestCard<'_>, host: &mut Host, p1: u8, fields: &[&[u8]]) -> (Vec<u8>, u16) {
    let fields = install_fields(fields);
    let token = token_key().cmac(&[&message(p1, 0, &fields)]);
    host.send(card, [0x80, 0xE6, p1, 0], &[fields, lv(&token)].concat())
}

/// The receipt is the issuer's for this operation, and has this counter.
fn assert_receipt(answer: (Vec<u8>, u16), counter: u16, token_id: Option<&[u8]>, operation: Operation<'_>) {
    let (data, status) = answer;
    assert_eq!(status, 0x9000);
    let confirmation = Confirmation::parse(&data).unwrap().expect("a receipt");
    let details = Details::parse(confirmation.details).unwrap();
    let unique = [&IIN[..], &CIN].concat();
    assert_eq!((details.counter, details.security_domain, details.token_id), (counter, &unique[..], token_id));
    let input = ReceiptInput::new(confirmation.details, &operation).unwrap();
    assert_eq!(confirmation.receipt, receipt_key().cmac(&input.parts()));
}

/// The confirmation counter that C2 shows.
fn counter(card: &mut TestCard<'_>) -> u16 {
    select(card, &[]);
    let (data, status) = raw(card, &[0x80, 0xCA, 0x00, 0xC2, 0x00]);
    assert_eq!((&data[..2], status), (&[0xC2, 2][..], 0x9000));
    u16::from_be_bytes([data[2], data[3]])
}

fn file() -> Vec<u8> {
    tlv(0xC4, &cap_block(&PACKAGE, &[&MODULE]))
}

fn hash() -> Vec<u8> {
    toy_hash(&cap_block(&PACKAGE, &[&MODULE]), 32)
}

#[test]
fn a_life_by_tokens_gets_a_receipt_for_each_step() {
    let mut bench = bench();
    let mut card = prepare(&mut bench, true, true);
    let mut host = delegate(&mut card);
    // Load, with a number that the receipt repeats.
    let b6 = tlv(0xB6, &[tlv(0x42, &IIN), tlv(0x45, &CIN), tlv(0x5F20, b"PROVIDER"), tlv(0x93, b"no. 7")].concat());
    assert_eq!(signed(&mut card, &mut host, 0x02, &[&PACKAGE, EMPTY, &hash(), &b6]), (vec![0], 0x9000));
    let answer = host.load(&mut card, &file(), 100);
    let operation = Operation::Load { load_file: aid(&PACKAGE), security_domain: aid(&DELEGATE) };
    assert_receipt(answer, 0, Some(b"no. 7"), operation);
    // Install, make selectable.
    let answer = signed(&mut card, &mut host, 0x04, &[&PACKAGE, &MODULE, &APP, &[0], &hex("C900")]);
    assert_receipt(answer, 1, None, Operation::Install { load_file: aid(&PACKAGE), application: aid(&APP) });
    let answer = signed(&mut card, &mut host, 0x08, &[EMPTY, EMPTY, &APP, &[0], EMPTY]);
    assert_receipt(answer, 2, None, Operation::Install { load_file: aid(&PACKAGE), application: aid(&APP) });
    // Registry update, extradition.
    let parameters = hex("EF03CF0147");
    let answer = signed(&mut card, &mut host, 0x40, &[EMPTY, EMPTY, &APP, &[0x10], &parameters]);
    let operation = Operation::RegistryUpdate {
        from: None,
        application: Some(aid(&APP)),
        to: None,
        privileges: &[0x10],
        parameters: &parameters,
    };
    assert_receipt(answer, 3, None, operation);
    let answer = signed(&mut card, &mut host, 0x10, &[&OTHER, EMPTY, &APP, EMPTY, EMPTY]);
    let operation = Operation::Extradition { from: aid(&DELEGATE), object: aid(&APP), to: aid(&OTHER) };
    assert_receipt(answer, 4, None, operation);
    // Install and make selectable in one, delete.
    let another = [&APP[..6], &[9]].concat();
    let answer = signed(&mut card, &mut host, 0x0C, &[&PACKAGE, &MODULE, &another, &[0], &hex("C900")]);
    assert_receipt(answer, 5, None, Operation::Install { load_file: aid(&PACKAGE), application: aid(&another) });
    let fields = tlv(0x4F, &another);
    let token = tlv(0x9E, &token_key().cmac(&[&message(0, 0, &fields)]));
    let answer = host.send(&mut card, [0x80, 0xE4, 0, 0], &[fields, token].concat());
    assert_receipt(answer, 6, None, Operation::Delete { aid: aid(&another) });
    assert_eq!(counter(&mut card), 7);
    card.reset();
    drop(card);
    bench.assert_lasting();
    assert_eq!(counter(&mut bench.card()), 7);
}

#[test]
fn the_combined_process_has_one_token_and_one_receipt() {
    let mut bench = bench();
    let mut card = prepare(&mut bench, true, true);
    let first = install_fields(&[&PACKAGE, EMPTY, &hash(), EMPTY]);
    let last = install_fields(&[&PACKAGE, &MODULE, &APP, &[0], &hex("C900")]);
    let whole = [message(0x0E, 1, &first), message(0x0E, 3, &last)].concat();
    let good = token_key().cmac(&[&whole]);
    let half = token_key().cmac(&[&message(0x0E, 3, &last)]);
    for (token, status) in [(&half[..], 0x6982), (EMPTY, 0x6982), (&good[..8], 0x6982), (&good, 0x9000)] {
        let mut host = delegate(&mut card);
        assert_eq!(host.send(&mut card, [0x80, 0xE6, 0x0E, 1], &[&first[..], &[0]].concat()), (vec![0], 0x9000));
        assert_eq!(host.load(&mut card, &file(), 100), (vec![0], 0x9000));
        let answer = host.send(&mut card, [0x80, 0xE6, 0x0E, 3], &[&last[..], &lv(token)].concat());
        assert_eq!(answer.1, status, "{token:02X?}");
        if status == 0x9000 {
            let operation = Operation::Combined {
                load_file: aid(&PACKAGE),
                application: aid(&APP),
                security_domain: aid(&DELEGATE),
            };
            assert_receipt(answer, 0, None, operation);
        }
    }
    assert_eq!(counter(&mut card), 1);
    // A token in the first command is one that nobody asked for.
    let mut host = delegate(&mut card);
    let other = install_fields(&[&PACKAGE[..5], EMPTY, &hash(), EMPTY]);
    let token = token_key().cmac(&[&message(0x0E, 1, &other)]);
    assert_eq!(host.status(&mut card, [0x80, 0xE6, 0x0E, 1], &[other, lv(&token)].concat()), 0x6985);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn tokens_that_do_not_fit_are_refused_and_spend_nothing() {
    let mut bench = bench();
    let mut card = prepare(&mut bench, true, true);
    let mut host = delegate(&mut card);
    assert_eq!(signed(&mut card, &mut host, 0x02, &[&PACKAGE, EMPTY, &hash(), EMPTY]), (vec![0], 0x9000));
    assert_eq!(host.load(&mut card, &file(), 100).1, 0x9000);
    let hash = hash();
    let c9 = hex("C900");
    let cases: [(u8, Vec<&[u8]>); 6] = [
        (0x02, vec![&APP, EMPTY, &hash, EMPTY]),
        (0x04, vec![&PACKAGE, &MODULE, &APP, &[0], &c9]),
        (0x0C, vec![&PACKAGE, &MODULE, &APP, &[0], &c9]),
        (0x10, vec![&OTHER, EMPTY, &PACKAGE, EMPTY, EMPTY]),
        (0x40, vec![EMPTY, EMPTY, &DELEGATE, EMPTY, EMPTY]),
        (0x08, vec![EMPTY, EMPTY, &APP, &[0], EMPTY]),
    ];
    for (p1, fields) in &cases {
        if *p1 == 0x08 {
            // Something to make selectable.
            assert_eq!(signed(&mut card, &mut host, 0x04, &cases[1].1).1, 0x9000);
        }
        let body = install_fields(fields);
        let good = token_key().cmac(&[&message(*p1, 0, &body)]);
        let mut flipped = good;
        flipped[15] ^= 1;
        let before = host.listed(&mut card, 0x40);
        for token in [
            EMPTY,
            &flipped,
            &good[..15],
            &[&good[..], &[0]].concat(),
            &token_key().cmac(&[&message(*p1, 1, &body)]),
            &token_key().cmac(&[&body]),
            &receipt_key().cmac(&[&message(*p1, 0, &body)]),
        ] {
            let answer = host.send(&mut card, [0x80, 0xE6, *p1, 0], &[&body[..], &lv(token)].concat());
            assert_eq!(answer, (vec![], 0x6982), "{p1:02X} {token:02X?}");
        }
        assert_eq!(host.listed(&mut card, 0x40), before);
    }
    // Under delegated management a hash is needed.
    assert_eq!(signed(&mut card, &mut host, 0x02, &[&APP[..6], EMPTY, EMPTY, EMPTY]).1, 0x6A80);
    // A token for another card.
    for b6 in [tlv(0x42, &CIN), tlv(0x45, &IIN), [tlv(0x42, &IIN), tlv(0x45, &[1])].concat()] {
        let fields: [&[u8]; 4] = [&APP[..6], EMPTY, &hash, &tlv(0xB6, &b6)];
        assert_eq!(signed(&mut card, &mut host, 0x02, &fields).1, 0x6982, "{b6:02X?}");
    }
    assert_eq!(counter(&mut card), 2, "the load and one installation");
    drop(card);
    bench.assert_lasting();
}

#[test]
fn without_keys_nothing_is_delegated() {
    for (token, receipt, expected) in [(false, true, 0x6982), (true, false, 0x6985), (false, false, 0x6982)] {
        let mut bench = bench();
        let mut card = prepare(&mut bench, token, receipt);
        let mut host = delegate(&mut card);
        let fields: [&[u8]; 5] = [&SSD_FILE, &SSD_MODULE, &APP, &[0x80], &hex("C900")];
        assert_eq!(signed(&mut card, &mut host, 0x0C, &fields), (vec![], expected), "{token} {receipt}");
        assert_eq!(signed(&mut card, &mut host, 0x02, &[&PACKAGE, EMPTY, &hash(), EMPTY]), (vec![], expected));
        assert_eq!(counter(&mut card), 0);
    }
    // Where no receipts are made, the answer is 00.
    let mut bench = bench();
    bench.profile.receipts = false;
    let mut card = prepare(&mut bench, true, false);
    let mut host = delegate(&mut card);
    let fields: [&[u8]; 5] = [&SSD_FILE, &SSD_MODULE, &APP, &[0x80], &hex("C900")];
    assert_eq!(signed(&mut card, &mut host, 0x0C, &fields), (vec![0], 0x9000));
}

#[test]
fn who_is_authorized_gives_no_token_and_gets_no_receipt() {
    let mut bench = bench();
    let mut card = prepare(&mut bench, true, true);
    let mut host = isd(&mut card);
    let fields: [&[u8]; 5] = [&SSD_FILE, &SSD_MODULE, &APP, &[0x80], &hex("C900")];
    assert_eq!(signed(&mut card, &mut host, 0x0C, &fields), (vec![], 0x6985));
    assert_eq!(host.install(&mut card, 0x0C, 0, &[&fields[..], &[EMPTY]].concat()), (vec![0], 0x9000));
    assert_eq!(counter(&mut card), 0);
}

#[test]
fn another_security_domain_verifies_and_confirms_for_its_tree() {
    // A domain with Token Verification, Receipt Generation and Authorized Management, the delegate below it.
    let mut bench = bench();
    let mut card = prepare(&mut bench, true, true);
    let authority = hex("D276000119000A");
    let mut host = isd(&mut card);
    make_domain(&mut card, &mut host, &authority, "80E080", "C906820120870120");
    personalize(&mut card, &authority, 0x31, &keys_from(0x79, 16));
    select(&mut card, &authority);
    let mut host = Opening::new(&mut keys_from(0x79, 16), 0x31, SecurityLevel::CMac).open(&mut card).unwrap();
    let (token, receipt) = (Key::new(&[0x0A; 16]).unwrap(), Key::new(&[0x0B; 16]).unwrap());
    let dek = keys_from(0x79, 16);
    add_key(&mut card, &mut host, dek.dek(), 0x70, &token);
    add_key(&mut card, &mut host, dek.dek(), 0x71, &receipt);
    let mut host = isd(&mut card);
    assert_eq!(host.install(&mut card, 0x10, 0, &[&authority, EMPTY, &DELEGATE, EMPTY, EMPTY, EMPTY]).1, 0x9000);
    let mut host = delegate(&mut card);
    let fields = install_fields(&[&SSD_FILE, &SSD_MODULE, &APP, &[0x80], &hex("C900")]);
    let theirs = token_key().cmac(&[&message(0x0C, 0, &fields)]);
    assert_eq!(host.status(&mut card, [0x80, 0xE6, 0x0C, 0], &[&fields[..], &lv(&theirs)].concat()), 0x6982);
    let ours = token.cmac(&[&message(0x0C, 0, &fields)]);
    let (answer, status) = host.send(&mut card, [0x80, 0xE6, 0x0C, 0], &[&fields[..], &lv(&ours)].concat());
    // The file is the ISD's, which gives to delegates as to all.
    assert_eq!(status, 0x9000);
    let confirmation = Confirmation::parse(&answer).unwrap().unwrap();
    let operation = Operation::Install { load_file: aid(&SSD_FILE), application: aid(&APP) };
    let input = ReceiptInput::new(confirmation.details, &operation).unwrap();
    assert_eq!(confirmation.receipt, receipt.cmac(&input.parts()));
    assert_eq!(Details::parse(confirmation.details).unwrap().counter, 0);
    assert_eq!(counter(&mut card), 0, "the ISD has made none");
    drop(card);
    bench.assert_lasting();
}

/// No holder stands above the delegate. Below an authorized manager the holder that is there, too, verifies and confirms;
/// for a delegate in a tree of its own the first holder on the card does, which is the ISD.
#[test]
fn a_holder_beside_the_delegate_serves_it() {
    for beside in [true, false] {
        let mut bench = bench();
        let mut card = prepare(&mut bench, true, true);
        let (manager, holder) = (hex("D276000119000A"), hex("D276000119000B"));
        let keys = keys_from(0x79, 16);
        let (token, receipt) = (Key::new(&[0x0A; 16]).unwrap(), Key::new(&[0x0B; 16]).unwrap());
        let mut host = isd(&mut card);
        make_domain(&mut card, &mut host, &manager, "804000", "C906820120870120");
        make_domain(&mut card, &mut host, &holder, "802080", "C906820120870120");
        personalize(&mut card, &manager, 0x31, &keys);
        personalize(&mut card, &holder, 0x31, &keys);
        select(&mut card, &holder);
        let mut host = Opening::new(&mut keys_from(0x79, 16), 0x31, SecurityLevel::CMac).open(&mut card).unwrap();
        add_key(&mut card, &mut host, keys.dek(), 0x70, &token);
        add_key(&mut card, &mut host, keys.dek(), 0x71, &receipt);
        let mut host = isd(&mut card);
        let moves = if beside {
            vec![(&manager[..], &holder[..]), (&manager, &DELEGATE)]
        } else {
            vec![(&DELEGATE[..], &DELEGATE[..])]
        };
        for (to, what) in moves {
            assert_eq!(host.install(&mut card, 0x10, 0, &[to, EMPTY, what, EMPTY, EMPTY, EMPTY]).1, 0x9000);
        }
        let mut host = delegate(&mut card);
        let fields = install_fields(&[&SSD_FILE, &SSD_MODULE, &APP, &[0x80], &hex("C900")]);
        if !beside {
            // It stands under nobody now: what belongs to the ISD is out of its reach, whoever signed.
            let token = token_key().cmac(&[&message(0x0C, 0, &fields)]);
            let answer = host.send(&mut card, [0x80, 0xE6, 0x0C, 0], &[&fields[..], &lv(&token)].concat());
            assert_eq!(answer, (vec![], 0x6985));
            continue;
        }
        let [issuers, theirs] = [token_key(), token].map(|key| key.cmac(&[&message(0x0C, 0, &fields)]));
        let (wrong, right) = if beside { (issuers, theirs) } else { (theirs, issuers) };
        assert_eq!(host.status(&mut card, [0x80, 0xE6, 0x0C, 0], &[&fields[..], &lv(&wrong)].concat()), 0x6982);
        let (answer, status) = host.send(&mut card, [0x80, 0xE6, 0x0C, 0], &[&fields[..], &lv(&right)].concat());
        assert_eq!(status, 0x9000);
        let confirmation = Confirmation::parse(&answer).unwrap().unwrap();
        let operation = Operation::Install { load_file: aid(&SSD_FILE), application: aid(&APP) };
        let input = ReceiptInput::new(confirmation.details, &operation).unwrap();
        let signer = if beside { receipt } else { receipt_key() };
        assert_eq!(confirmation.receipt, signer.cmac(&input.parts()));
        assert_eq!(counter(&mut card), u16::from(!beside));
        drop(card);
        bench.assert_lasting();
    }
}

/// Policy 08 is about delegates under a manager that is above the accepting domain, too: in a hierarchy of its own it
/// takes nothing from them.
#[test]
fn a_domain_accepts_delegates_of_its_own_managers_alone() {
    let mut bench = bench();
    let mut card = prepare(&mut bench, true, true);
    for (extradited, status) in [(false, 0x9000), (true, 0x6985)] {
        if extradited {
            let mut host = isd(&mut card);
            assert_eq!(host.install(&mut card, 0x10, 0, &[&OTHER, EMPTY, &OTHER, EMPTY, EMPTY, EMPTY]).1, 0x9000);
        }
        let mut host = delegate(&mut card);
        assert_eq!(signed(&mut card, &mut host, 0x02, &[&PACKAGE, &OTHER, &hash(), EMPTY]).1, status);
    }
}

/// A delegate is accepted by policy 08 alone, whatever else is accepted.
#[test]
fn a_domain_that_takes_everything_but_from_delegates() {
    for (policy, status) in [("F0", 0x6985), ("F7", 0x6985), ("00", 0x6985), ("08", 0x9000), ("FF", 0x9000)] {
        let mut bench = bench();
        let mut card = prepare(&mut bench, true, true);
        let mut host = isd(&mut card);
        let third = hex("D276000119000F");
        make_domain(&mut card, &mut host, &third, "80", &format!("C9038201{policy}"));
        personalize(&mut card, &third, 0x31, &keys_from(0x79, 16));
        let mut host = delegate(&mut card);
        assert_eq!(signed(&mut card, &mut host, 0x02, &[&PACKAGE, &third, &hash(), EMPTY]).1, status, "{policy}");
    }
}

#[test]
fn a_public_token_key_verifies_through_the_platform() {
    let mut bench = bench();
    let mut card = prepare(&mut bench, false, true);
    let mut host = isd(&mut card);
    let modulus: Vec<u8> = (1..=128).collect();
    let data = [&[0x70, 0xA1][..], &lv(&modulus), &[0xA0], &lv(&[3]), &[0x00]].concat();
    assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x01], &data), 0x9000);
    let mut host = delegate(&mut card);
    let fields = install_fields(&[&SSD_FILE, &SSD_MODULE, &APP, &[0x80], &hex("C900")]);
    let mut token = toy_signature(&[(0xA1, &modulus), (0xA0, &[3])], &message(0x0C, 0, &fields));
    token[0] ^= 1;
    assert_eq!(host.status(&mut card, [0x80, 0xE6, 0x0C, 0], &[&fields[..], &lv(&token)].concat()), 0x6982);
    token[0] ^= 1;
    assert_eq!(host.status(&mut card, [0x80, 0xE6, 0x0C, 0], &[&fields[..], &lv(&token)].concat()), 0x9000);
}

#[test]
fn a_public_token_key_may_bring_its_curve() {
    // The point, and prime, both coefficients, generator, order, cofactor, as of a curve of 521 bits.
    let mut bench = bench();
    bench.ram = Ram::new(24, 60, 16, 4);
    let mut card = prepare(&mut bench, false, true);
    let mut host = isd(&mut card);
    let component = |kind: u8, length: usize| (kind, (0..length).map(|at| kind ^ at as u8).collect::<Vec<u8>>());
    let components = [(0xB0, 133), (0xB2, 66), (0xB3, 66), (0xB4, 66), (0xB5, 133), (0xB6, 66), (0xB7, 1)];
    let components = components.map(|(kind, length)| component(kind, length));
    let body = components.iter().flat_map(|(kind, value)| {
        let length = if value.len() < 128 { vec![value.len() as u8] } else { vec![0x81, value.len() as u8] };
        [&[*kind][..], &length, value].concat()
    });
    let data: Vec<u8> = [0x70].into_iter().chain(body).chain([0x00]).collect();
    assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x01], &data), 0x9000);
    let mut host = delegate(&mut card);
    let fields = install_fields(&[&SSD_FILE, &SSD_MODULE, &APP, &[0x80], &hex("C900")]);
    let shown: Vec<(u8, &[u8])> = components.iter().map(|(kind, value)| (*kind, &value[..])).collect();
    let mut token = toy_signature(&shown, &message(0x0C, 0, &fields));
    token[0] ^= 1;
    assert_eq!(host.status(&mut card, [0x80, 0xE6, 0x0C, 0], &[&fields[..], &lv(&token)].concat()), 0x6982);
    token[0] ^= 1;
    assert_eq!(host.status(&mut card, [0x80, 0xE6, 0x0C, 0], &[&fields[..], &lv(&token)].concat()), 0x9000);
}

#[test]
fn a_public_token_key_may_refer_to_a_curve_that_the_card_keeps() {
    // 40: the ISD keeps it for all. 60: the nearest security domain above the holder. 00: one of the standard's.
    let mut bench = bench();
    bench.ram = Ram::new(24, 60, 16, 4);
    let mut card = prepare(&mut bench, false, true);
    let curve =
        |kind: u8| [(0xB2, 32), (0xB3, 32), (0xB5, 65), (0xB6, 32)].map(|(at, length)| (at, vec![kind ^ at; length]));
    let field = |parts: &[(u8, Vec<u8>)]| {
        parts.iter().flat_map(|(kind, value)| [&[*kind][..], &lv(value)].concat()).collect::<Vec<u8>>()
    };
    let put = |card: &mut _, version: u8, parts: &[(u8, Vec<u8>)]| {
        let data = [&[version][..], &field(parts), &[0x00]].concat();
        assert_eq!(isd(card).status(card, [0x80, 0xD8, 0x00, 0x01], &data), 0x9000);
    };
    for (version, reference) in [(0x20, vec![0x40]), (0x21, vec![0x60]), (0x22, vec![0xC1, 0x02])] {
        let kept = [&[(0xF0, reference.clone())], &curve(reference[0])[..]].concat();
        put(&mut card, version, &kept);
    }
    let point = vec![0x04; 65];
    let references = [vec![0x40], vec![0x60], vec![0xC1, 0x02], vec![0x00], vec![0x41], vec![0x61]];
    for (number, reference) in (0_u8..).zip(references) {
        // A key takes the place of the one before.
        if number > 0 {
            assert_eq!(isd(&mut card).status(&mut card, [0x80, 0xE4, 0, 0], &hex("D20170")), 0x9000);
        }
        put(&mut card, 0x70, &[(0xB0, point.clone()), (0xF0, reference.clone())]);
        let mut shown = vec![(0xB0, point.clone())];
        match reference[..] {
            [0x40 | 0x60] | [0xC1, 0x02] => shown.extend(curve(reference[0])),
            _ => shown.push((0xF0, reference)),
        }
        let shown: Vec<(u8, &[u8])> = shown.iter().map(|(kind, value)| (*kind, &value[..])).collect();
        let name = [&APP[..], &[number]].concat();
        let mut host = delegate(&mut card);
        let fields = install_fields(&[&SSD_FILE, &SSD_MODULE, &name, &[0x80], &hex("C900")]);
        let token = toy_signature(&shown, &message(0x0C, 0, &fields));
        let status = host.status(&mut card, [0x80, 0xE6, 0x0C, 0], &[&fields[..], &lv(&token)].concat());
        assert_eq!(status, 0x9000, "{shown:02X?}");
    }
    drop(card);
    bench.assert_lasting();
}

#[test]
fn a_receipt_that_has_no_room_is_told_before_anything_changes() {
    let mut bench = bench();
    let mut card = prepare(&mut bench, true, true);
    // Together longer than what names a card in a receipt may be.
    for (tag, length) in [(0x42, 120), (0x45, 130)] {
        let mut host = isd(&mut card);
        assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x90, 0], &tlv(tag, &vec![0x11; length])), 0x9000);
    }
    let mut host = delegate(&mut card);
    let fields: [&[u8]; 5] = [&SSD_FILE, &SSD_MODULE, &APP, &[0x80], &hex("C900")];
    assert_eq!(signed(&mut card, &mut host, 0x04, &fields), (vec![], 0x6A84));
    assert!(!host.listed(&mut card, 0x40).0.windows(APP.len()).any(|window| window == APP));
    assert_eq!(counter(&mut card), 0);
}

#[test]
fn no_power_cut_repeats_a_confirmation_counter() {
    let mut cuts = 0;
    let mut seen_after = Vec::new();
    for operation in 0.. {
        let mut bench = bench();
        let flash = bench.flash.clone();
        let mut card = prepare(&mut bench, true, true);
        let mut host = delegate(&mut card);
        let fields: [&[u8]; 5] = [&SSD_FILE, &SSD_MODULE, &APP, &[0x80], &hex("C900")];
        flash.0.borrow_mut().cut_at(operation, kit::flash::Tear::Bits(operation));
        let fields_octets = install_fields(&fields);
        let token = token_key().cmac(&[&message(0x0C, 0, &fields_octets)]);
        let octets = host.wrap([0x80, 0xE6, 0x0C, 0], &[&fields_octets[..], &lv(&token)].concat()).remove(0);
        let answered = raw(&mut card, &octets).1 == 0x9000;
        let cut = flash.0.borrow().is_off();
        drop(card);
        flash.0.borrow_mut().power_on();
        let mut card = bench.card();
        let next = counter(&mut card);
        let there = select(&mut card, &APP).1 == 0x9000;
        // The counter is spent with the operation, never without it and never twice.
        assert_eq!(next, u16::from(there), "{operation}");
        assert!(!answered || there);
        seen_after.push(there);
        if !cut {
            break;
        }
        cuts += 1;
    }
    println!("{cuts} cuts, {} of them before", seen_after.iter().filter(|there| !**there).count());
    assert!(cuts > 5 && seen_after.contains(&false));
}

/// Writes another confirmation counter where the storage keeps the ISD's, which is `from`, with the checksum that fits.
/// A CRC is linear: that of the difference is the difference, whatever stands in front.
fn set_counter(bench: &Bench, from: u16, to: u16) {
    let mut flash = bench.flash.0.borrow_mut();
    let record = [&[5, 0x07, 0, 0][..], &from.to_be_bytes()].concat();
    let mut found = 0;
    for slot in [Slot::A, Slot::B] {
        let octets = flash.octets_mut(slot);
        for at in (0..octets.len() - 32).filter(|at| octets[*at..].starts_with(&record)).collect::<Vec<_>>() {
            // The receipt's record is the last of its group; sequence and checksum end the unit.
            let counter = at + 4;
            let checksum = (counter + 2 + 6).div_ceil(16) * 16 - 4;
            let mut difference = vec![0; checksum - counter];
            difference[..2].copy_from_slice(&(from ^ to).to_be_bytes());
            octets[counter..][..2].copy_from_slice(&to.to_be_bytes());
            let mut crc = 0_u32;
            for octet in difference {
                crc ^= u32::from(octet);
                for _ in 0..8 {
                    crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
                }
            }
            octets[checksum..][..4].iter_mut().zip(crc.to_be_bytes()).for_each(|(octet, bits)| *octet ^= bits);
            found += 1;
        }
    }
    assert_eq!(found, 1);
}

#[test]
fn at_the_end_of_the_confirmation_counter_nothing_is_delegated() {
    let mut bench = bench();
    let mut card = prepare(&mut bench, true, true);
    let mut host = delegate(&mut card);
    assert_eq!(signed(&mut card, &mut host, 0x02, &[&PACKAGE, EMPTY, &hash(), EMPTY]), (vec![0], 0x9000));
    let operation = Operation::Load { load_file: aid(&PACKAGE), security_domain: aid(&DELEGATE) };
    assert_receipt(host.load(&mut card, &file(), 100), 0, None, operation);
    drop(card);
    set_counter(&bench, 1, 0xFFFE);
    let mut card = bench.card();
    assert_eq!(counter(&mut card), 0xFFFE);
    let mut host = delegate(&mut card);
    // The last one.
    let answer = signed(&mut card, &mut host, 0x04, &[&PACKAGE, &MODULE, &APP, &[0], &hex("C900")]);
    assert_receipt(answer, 0xFFFE, None, Operation::Install { load_file: aid(&PACKAGE), application: aid(&APP) });
    for _ in 0..2 {
        let second = [&APP[..6], &[9]].concat();
        let written = card.wear();
        let fields: [&[&[u8]]; 4] = [
            &[&PACKAGE, &MODULE, &second, &[0], &hex("C900")],
            &[EMPTY, EMPTY, &APP, &[0], EMPTY],
            &[&OTHER, EMPTY, &APP, EMPTY, EMPTY],
            &[EMPTY, EMPTY, &APP, &[0x10], EMPTY],
        ];
        for (p1, fields) in [0x04, 0x08, 0x10, 0x40].into_iter().zip(fields) {
            assert_eq!(signed(&mut card, &mut host, p1, fields), (vec![], 0x6985), "{p1:02X}");
        }
        assert_eq!(card.wear(), written, "a refusal writes nothing");
        assert_eq!(counter(&mut card), 0xFFFF);
        host = delegate(&mut card);
    }
    // Who is authorized needs no receipt.
    let mut host = isd(&mut card);
    make_domain(&mut card, &mut host, &[0xD2, 0x76, 0x00, 0x01, 0x19, 0x01], "80", "C900");
    drop(card);
    bench.assert_lasting();
}

#[test]
fn a_locked_authority_neither_verifies_nor_confirms() {
    for lock in [false, true] {
        let mut bench = bench();
        let mut card = prepare(&mut bench, true, true);
        let authority = hex("D276000119000A");
        let mut host = isd(&mut card);
        make_domain(&mut card, &mut host, &authority, "80E080", "C906820120870120");
        personalize(&mut card, &authority, 0x31, &keys_from(0x79, 16));
        select(&mut card, &authority);
        let mut host = Opening::new(&mut keys_from(0x79, 16), 0x31, SecurityLevel::CMac).open(&mut card).unwrap();
        let (token, receipt) = (Key::new(&[0x0A; 16]).unwrap(), Key::new(&[0x0B; 16]).unwrap());
        add_key(&mut card, &mut host, keys_from(0x79, 16).dek(), 0x70, &token);
        add_key(&mut card, &mut host, keys_from(0x79, 16).dek(), 0x71, &receipt);
        let mut host = isd(&mut card);
        assert_eq!(host.install(&mut card, 0x10, 0, &[&authority, EMPTY, &DELEGATE, EMPTY, EMPTY, EMPTY]).1, 0x9000);
        if lock {
            assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &authority), 0x9000);
        }
        let mut host = delegate(&mut card);
        let fields = install_fields(&[&SSD_FILE, &SSD_MODULE, &APP, &[0x80], &hex("C900")]);
        let ours = token.cmac(&[&message(0x0C, 0, &fields)]);
        let (_, status) = host.send(&mut card, [0x80, 0xE6, 0x0C, 0], &[&fields[..], &lv(&ours)].concat());
        assert_eq!(status, if lock { 0x6982 } else { 0x9000 });
    }
}
