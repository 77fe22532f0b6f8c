//! GET STATUS on the card: subsets, search, tag lists, pages, the old form, and what a security domain may see.

use crate::kit;
use gp_scp03::SecurityLevel;
use kit::{Bench, Host, TestCard, hex, lv, say, select, tlv};

const ISD: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00];
const PACKAGE: [u8; 6] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00];
const MODULES: [[u8; 7]; 2] = [[0xD2, 0x76, 0x00, 0x01, 0x18, 0x00, 0x01], [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00, 0x02]];
const SSD_FILE: [u8; 7] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50];
const SSD_MODULE: [u8; 8] = [0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50, 0x41];
const DOMAIN: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x0D];
const APP: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x01];
const OTHER: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x02];

/// A package with two modules, a personalised security domain, and two applications, one of them in its hands.
fn populate(card: &mut TestCard<'_>) -> Host {
    let mut host = Host::open(card, 0, SecurityLevel::CMac).unwrap();
    host.load_package(card, &PACKAGE, &[&MODULES[0], &MODULES[1]]);
    let params = hex("C906820120870120");
    let fields: [&[u8]; 6] = [&SSD_FILE, &SSD_MODULE, &DOMAIN, &hex("808000"), &params, &[]];
    assert_eq!(host.install(card, 0x0C, 0, &fields), (vec![0], 0x9000));
    let fields: [&[u8]; 6] = [&PACKAGE, &MODULES[0], &APP, &[0], &hex("C900 EF03CF0142"), &[]];
    assert_eq!(host.install(card, 0x0C, 0, &fields), (vec![0], 0x9000));
    let fields: [&[u8]; 6] = [&PACKAGE, &MODULES[1], &OTHER, &[0x10], &hex("C900"), &[]];
    assert_eq!(host.install(card, 0x04, 0, &fields), (vec![0], 0x9000));
    personalize(card);
    let mut host = Host::open(card, 0, SecurityLevel::CMac).unwrap();
    assert_eq!(host.install(card, 0x10, 0, &[&DOMAIN, &[], &APP, &[], &[], &[]]), (vec![0], 0x9000));
    host
}

/// Gives the security domain keys, by which it becomes PERSONALIZED: its ISD's keys open the first session.
fn personalize(card: &mut TestCard<'_>) {
    select(card, &DOMAIN);
    let mut host = Host::open(card, 0, SecurityLevel::CMac).expect("the keys of the domain above");
    let keys = kit::factory_keys();
    let mut field = vec![0x31];
    for id in [gp_scp03::KeyId::Enc, gp_scp03::KeyId::Mac, gp_scp03::KeyId::Dek] {
        let mut value = keys.key(id).expose_secret().to_vec();
        let kcv = keys.key(id).kcv();
        kit::factory_keys().dek().encrypt_sensitive(&mut value).unwrap();
        field.extend([&[0x88, 0x10][..], &value, &lv(&kcv)].concat());
    }
    let (answer, status) = host.send(card, [0x80, 0xD8, 0x00, 0x81], &field);
    assert_eq!((answer[0], status), (0x31, 0x9000));
    select(card, &[]);
}

fn e3(objects: &[Vec<u8>]) -> Vec<u8> {
    tlv(0xE3, &objects.concat())
}

fn expected_applications() -> [Vec<u8>; 3] {
    let file = |aid: &[u8]| tlv(0xC4, aid);
    [
        e3(&[tlv(0x4F, &DOMAIN), hex("9F70010F"), hex("C503808000"), file(&SSD_FILE), tlv(0xCC, &ISD)]),
        e3(&[tlv(0x4F, &APP), hex("9F700107"), hex("C503000000"), hex("CF0142"), file(&PACKAGE), tlv(0xCC, &DOMAIN)]),
        e3(&[tlv(0x4F, &OTHER), hex("9F700103"), hex("C503100000"), file(&PACKAGE), tlv(0xCC, &ISD)]),
    ]
}

#[test]
fn every_subset_shows_its_entries() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = populate(&mut card);
    let isd = e3(&[tlv(0x4F, &ISD), hex("9F70010F"), hex("C5039EFE80"), tlv(0xCC, &ISD)]);
    assert_eq!(host.listed(&mut card, 0x80), (isd, 0x9000));
    assert_eq!(host.listed(&mut card, 0x40), (expected_applications().concat(), 0x9000));
    let files = |modules: bool| {
        let modules =
            |aids: &[&[u8]]| if modules { aids.iter().flat_map(|aid| tlv(0x84, aid)).collect() } else { vec![] };
        [
            e3(&[tlv(0x4F, &SSD_FILE), hex("9F700101"), hex("CE020100"), modules(&[&SSD_MODULE]), tlv(0xCC, &ISD)]),
            e3(&[
                tlv(0x4F, &PACKAGE),
                hex("9F700101"),
                hex("CE020105"),
                modules(&[&MODULES[0], &MODULES[1]]),
                tlv(0xCC, &ISD),
            ]),
        ]
        .concat()
    };
    assert_eq!(host.listed(&mut card, 0x20), (files(false), 0x9000));
    assert_eq!(host.listed(&mut card, 0x10), (files(true), 0x9000));
    for p1 in [0x00, 0x01, 0x30, 0x50, 0x60, 0xA0, 0xC0, 0xFF] {
        assert_eq!(host.send(&mut card, [0x80, 0xF2, p1, 0x02], &hex("4F00")), (vec![], 0x6A86), "{p1:02X}");
    }
    for data in ["", "4F", "4F0201", "4F1100112233445566778899AABBCCDDEEFF0011", "4F004F00", "5C014F"] {
        assert_eq!(host.send(&mut card, [0x80, 0xF2, 0x40, 0x02], &hex(data)), (vec![], 0x6A80), "{data}");
    }
    // Who is nobody sees nothing.
    card.reset();
    assert_eq!(say(&mut card, "80F2800202 4F00 00"), (vec![], 0x6982));
    assert_eq!(say(&mut card, "84F280020A 4F00 0000000000000000 00"), (vec![], 0x6982));
}

#[test]
fn names_and_tag_lists_choose() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = populate(&mut card);
    let all = expected_applications();
    let mut ask = |data: &[u8]| host.send(&mut card, [0x80, 0xF2, 0x40, 0x02], data);
    assert_eq!(ask(&tlv(0x4F, &DOMAIN)), (all[0].clone(), 0x9000));
    assert_eq!(ask(&tlv(0x4F, &DOMAIN[..5])), (all.concat(), 0x9000));
    assert_eq!(ask(&tlv(0x4F, &DOMAIN[..1])), (all.concat(), 0x9000));
    assert_eq!(ask(&tlv(0x4F, &[0xFF])), (vec![], 0x6A88));
    assert_eq!(ask(&tlv(0x4F, &ISD)), (vec![], 0x6A88), "the ISD is no application here");
    // Unknown criteria are passed over; of a tag list only what there is.
    assert_eq!(ask(&hex("4F00 5F2001AA")), (all.concat(), 0x9000));
    let short = |aid: &[u8], state: &str| e3(&[tlv(0x4F, aid), hex(state)]);
    let states = [short(&DOMAIN, "9F70010F"), short(&APP, "9F700107"), short(&OTHER, "9F700103")].concat();
    assert_eq!(ask(&hex("4F00 5C044F9F70EA")), (states, 0x9000));
    assert_eq!(ask(&hex("4F00 5C01CF")).0, [e3(&[]), e3(&[hex("CF0142")]), e3(&[])].concat());
    // For the ISD the criterion is ignored.
    assert_eq!(host.send(&mut card, [0x80, 0xF2, 0x80, 0x02], &tlv(0x4F, &[0xFF; 5])).1, 0x9000);
}

#[test]
fn the_old_form_is_a_plain_list() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = populate(&mut card);
    let mut ask = |p1| host.send(&mut card, [0x80, 0xF2, p1, 0x00], &hex("4F00"));
    assert_eq!(ask(0x80), ([lv(&ISD), hex("0F9E")].concat(), 0x9000));
    let expected = [lv(&DOMAIN), hex("0F80"), lv(&APP), hex("0700"), lv(&OTHER), hex("0310")].concat();
    assert_eq!(ask(0x40), (expected, 0x9000));
    let expected = [lv(&SSD_FILE), hex("0100"), lv(&PACKAGE), hex("0100")].concat();
    assert_eq!(ask(0x20), (expected, 0x9000));
    let expected =
        [lv(&SSD_FILE), hex("010001"), lv(&SSD_MODULE), lv(&PACKAGE), hex("010002"), lv(&MODULES[0]), lv(&MODULES[1])];
    assert_eq!(ask(0x10), (expected.concat(), 0x9000));
}

#[test]
fn pages_are_whole_entries_and_need_a_first() {
    let mut too_small = 0;
    for level in SecurityLevel::ALL {
        for limit in 20..120 {
            let mut bench = Bench::new();
            bench.profile.status_limit = limit;
            let mut card = bench.card();
            populate(&mut card);
            let mut host = Host::open(&mut card, 0, level).unwrap();
            let next = [0x80, 0xF2, 0x40, 0x03];
            assert_eq!(host.status(&mut card, next, &hex("4F00")), 0x6985, "next without first");
            let all = expected_applications();
            let longest = all.iter().map(Vec::len).max().unwrap();
            let (mut pages, mut p2) = (Vec::new(), 0x02);
            let status = loop {
                let (data, status) = host.send(&mut card, [0x80, 0xF2, 0x40, p2], &hex("4F00"));
                assert!(data.len() <= limit);
                pages.push(data);
                if status != 0x6310 {
                    break status;
                }
                p2 = 0x03;
            };
            if limit < longest {
                assert_eq!((status, pages.last().unwrap().len()), (0x6A84, 0), "{limit}");
                too_small += 1;
                continue;
            }
            assert_eq!((pages.concat(), status), (all.concat(), 0x9000), "{limit}");
            // As many as fit.
            let mut expected = vec![Vec::new()];
            for entry in &all {
                if expected.last().unwrap().len() + entry.len() > limit {
                    expected.push(Vec::new());
                }
                expected.last_mut().unwrap().extend(entry);
            }
            assert_eq!(pages, expected, "{limit}");
            assert_eq!(host.status(&mut card, next, &hex("4F00")), 0x6985, "there is nothing left");
            assert_eq!(host.status(&mut card, [0x80, 0xF2, 0x80, 0x03], &hex("4F00")), 0x6A86);
        }
    }
    assert!(too_small > 0);
}

#[test]
fn another_listing_or_selection_ends_the_pages() {
    let mut bench = Bench::new();
    bench.profile.status_limit = 60;
    let mut card = bench.card();
    let mut host = populate(&mut card);
    let first = [0x80, 0xF2, 0x40, 0x02];
    assert_eq!(host.status(&mut card, first, &hex("4F00")), 0x6310);
    assert_eq!(host.status(&mut card, [0x80, 0xF2, 0x20, 0x03], &hex("4F00")), 0x6985, "of another subset");
    for (p2, criterion, what) in [(0x01, "4F00", "form"), (0x03, "4F01A0", "name"), (0x03, "4F005C014F", "tag list")] {
        assert_eq!(host.status(&mut card, first, &hex("4F00")), 0x6310);
        assert_eq!(host.status(&mut card, [0x80, 0xF2, 0x40, p2], &hex(criterion)), 0x6985, "of another {what}");
    }
    assert_eq!(host.status(&mut card, first, &hex("4F00")), 0x6310);
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    assert_eq!(host.status(&mut card, [0x80, 0xF2, 0x40, 0x03], &hex("4F00")), 0x6985, "of another session");
    assert_eq!(host.status(&mut card, first, &hex("4F00")), 0x6310);
    card.reset();
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    assert_eq!(host.status(&mut card, [0x80, 0xF2, 0x40, 0x03], &hex("4F00")), 0x6985);
    // An entry that goes between two pages is not shown, and no other is lost.
    assert_eq!(host.status(&mut card, first, &hex("4F00")), 0x6310);
    assert_eq!(host.status(&mut card, [0x80, 0xE4, 0x00, 0x00], &tlv(0x4F, &APP)), 0x9000);
    assert_eq!(
        host.send(&mut card, [0x80, 0xF2, 0x40, 0x03], &hex("4F00")),
        (expected_applications()[2].clone(), 0x9000)
    );
}

#[test]
fn a_security_domain_sees_what_is_below_it_and_all_with_global_registry() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut isd = populate(&mut card);
    let all = expected_applications();
    select(&mut card, &DOMAIN);
    let mut host = Host::open(&mut card, 0x31, SecurityLevel::CMacRMac).unwrap();
    assert_eq!(host.listed(&mut card, 0x40), ([all[0].clone(), all[1].clone()].concat(), 0x9000));
    assert_eq!(host.listed(&mut card, 0x20), (vec![], 0x6A88));
    assert_eq!(host.listed(&mut card, 0x80), (vec![], 0x6A86), "the ISD is not below it");
    select(&mut card, &[]);
    isd = {
        drop(isd);
        Host::open(&mut card, 0, SecurityLevel::CMac).unwrap()
    };
    let fields: [&[u8]; 6] = [&[], &[], &DOMAIN, &hex("808400"), &[], &[]];
    assert_eq!(isd.install(&mut card, 0x40, 0, &fields), (vec![0], 0x9000));
    select(&mut card, &DOMAIN);
    let mut host = Host::open(&mut card, 0x31, SecurityLevel::CMacRMac).unwrap();
    let listed = host.listed(&mut card, 0x40);
    assert_eq!((listed.0.len(), listed.1), (all.concat().len(), 0x9000));
    assert_eq!(host.listed(&mut card, 0x80).1, 0x9000);
    assert_eq!(host.listed(&mut card, 0x10).1, 0x9000);
    drop(card);
    bench.assert_lasting();
}
