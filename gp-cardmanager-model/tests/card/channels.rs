//! What one channel does while another one is in the middle of something: a load, an authentication, a chain.

use core::mem::take;

use crate::content::{self, APP, FILE, MODULE, OTHER, SSD, SSD2, install, load, session};
use crate::kit::{
    self, Bench, Host, Opening, TestCard, Wire, add_key, cap_block, factory_keys, hex, install_fields, keys_from, lv,
    raw, tlv, toy_hash,
};
use gp_apdu::{LogicalChannel, Response};
use gp_cardmanager_model::confirmation::{Confirmation, Details};
use gp_scp03::{Challenge, ChallengePolicy, Initiator, Key, KeyId, SecurityLevel, StaticKeys};

const EMPTY: &[u8] = &[];

/// The second channel, and a session of this domain on it.
fn beside(card: &mut TestCard<'_>, domain: &[u8], keys: &mut StaticKeys) -> Host {
    assert_eq!(raw(card, &hex("0070000001")), (vec![1], 0x9000));
    assert_eq!(kit::select_on(card, 1, domain).1, 0x9000);
    Opening { channel: 1, ..Opening::new(keys, kit::KVN, SecurityLevel::CMac) }.open(card).unwrap()
}

fn token_key() -> Key {
    Key::new(&[0x70; 16]).unwrap()
}

/// A card whose SSD has Delegated Management, with keys for tokens and receipts at the ISD.
fn delegating(bench: &mut Bench) -> TestCard<'_> {
    bench.ram = kit::Ram::new(24, 40, 16, 4);
    let mut card = bench.card();
    let mut host = session(&mut card);
    add_key(&mut card, &mut host, factory_keys().dek(), 0x70, &token_key());
    add_key(&mut card, &mut host, factory_keys().dek(), 0x71, &Key::new(&[0x71; 16]).unwrap());
    load(&mut host, &mut card);
    content::personal_domain(&mut host, &mut card, &SSD, "A0", 0x11);
    card
}

/// INSTALL with a token.
fn signed(card: &mut TestCard<'_>, host: &mut Host, p1: u8, fields: &[&[u8]]) -> (Vec<u8>, u16) {
    let fields = install_fields(fields);
    let token = token_key().cmac(&[&[p1, 0, fields.len() as u8], &fields]);
    host.send(card, [0x80, 0xE6, p1, 0], &[fields, lv(&token)].concat())
}

const PACKAGE: [u8; 6] = [0xD2, 0x76, 0, 0, 1, 0x55];

fn block() -> Vec<u8> {
    cap_block(&PACKAGE, &[&[&PACKAGE[..], &[1]].concat()])
}

/// A delegated load is begun on the basic channel.
fn begun<'m>(bench: &'m mut Bench) -> (TestCard<'m>, Host) {
    let mut card = delegating(bench);
    let mut host = content::session_of(&mut card, &SSD, 0x11);
    let fields: [&[u8]; 4] = [&PACKAGE, EMPTY, &toy_hash(&block(), 32), EMPTY];
    assert_eq!(signed(&mut card, &mut host, 0x02, &fields), (vec![0], 0x9000));
    (card, host)
}

fn counter(answer: (Vec<u8>, u16)) -> u16 {
    assert_eq!(answer.1, 0x9000);
    let confirmation = Confirmation::parse(&answer.0).unwrap().expect("a receipt");
    Details::parse(confirmation.details).unwrap().counter
}

#[test]
fn a_load_has_the_counter_that_is_next_when_it_ends() {
    let mut bench = Bench::new();
    let (mut card, mut host) = begun(&mut bench);
    let mut other = beside(&mut card, &SSD, &mut keys_from(0x11, 16));
    let mut counters = vec![];
    for app in [APP, OTHER] {
        let fields: [&[u8]; 5] = [&FILE, &MODULE, &app, &[0], &hex("C900")];
        counters.push(counter(signed(&mut card, &mut other, 0x04, &fields)));
    }
    counters.push(counter(host.load(&mut card, &tlv(0xC4, &block()), 100)));
    assert_eq!(counters, [0, 1, 2]);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn a_load_that_may_not_be_any_more_leaves_no_trace() {
    // The receipt key goes; Delegated Management is revoked; the OPEN loads nothing more, for ever.
    let restriction = install_fields(&[EMPTY, EMPTY, EMPTY, EMPTY, &hex("EF03D90102"), EMPTY]);
    let revocation = install_fields(&[EMPTY, EMPTY, &SSD, &[0x80, 0, 0], EMPTY, EMPTY]);
    for (header, data, status) in [
        ([0x80, 0xE4, 0x00, 0x00], hex("D20171"), 0x6985),
        ([0x80, 0xE6, 0x40, 0x00], revocation, 0x6982),
        ([0x80, 0xE6, 0x40, 0x00], restriction, 0x6985),
    ] {
        let mut bench = Bench::new();
        let (mut card, mut host) = begun(&mut bench);
        let mut issuer = beside(&mut card, &[], &mut factory_keys());
        assert_eq!(issuer.status(&mut card, header, &data), 0x9000);
        assert_eq!(host.load(&mut card, &tlv(0xC4, &block()), 100), (vec![], status), "{header:02X?}");
        assert!(!issuer.listed(&mut card, 0x20).0.windows(6).any(|window| window == PACKAGE));
        drop(card);
        bench.assert_lasting();
    }
}

/// Between the challenge and the answer on another channel the set goes, one way or the other.
#[test]
fn keys_that_are_gone_open_nothing() {
    let replace = |card: &mut TestCard<'_>, host: &mut Host| {
        let new = keys_from(0x60, 16);
        let data =
            kit::key_data(factory_keys().dek(), 0x31, &[KeyId::Enc, KeyId::Mac, KeyId::Dek].map(|id| new.key(id)));
        host.status(card, [0x80, 0xD8, 0x31, 0x81], &data)
    };
    let delete = |card: &mut TestCard<'_>, host: &mut Host| host.status(card, [0x80, 0xE4, 0, 0], &[0xD2, 1, 0x31]);
    for change in [&replace as &dyn Fn(&mut TestCard<'_>, &mut Host) -> u16, &delete] {
        let sets = [(kit::KVN, factory_keys()), (0x31, keys_from(0x50, 16))];
        let mut bench =
            Bench::with(kit::factory(sets.map(|(version, keys)| kit::key_set(version, keys, [0; 3])).into()));
        let mut card = bench.card();
        assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
        let initiator = Initiator::new(Challenge::new(&[0x11; 8]).unwrap(), LogicalChannel::new(1).unwrap(), 0x31);
        let mut buffer = [0; 261];
        let answer = card.transmit(initiator.initialize_update(&mut buffer).unwrap());
        let challenged = initiator.challenged(Response::parse(&answer).unwrap()).unwrap();
        let mut keys = keys_from(0x50, 16);
        let (_, late) =
            challenged.authenticate(&mut keys, SecurityLevel::CMac, ChallengePolicy::Off, &mut buffer).unwrap();
        let mut host = Host::open(&mut card, kit::KVN, SecurityLevel::CMac).unwrap();
        assert_eq!(change(&mut card, &mut host), 0x9000);
        assert_eq!(raw(&mut card, late), (vec![], 0x6982));
        assert_eq!(raw(&mut card, &hex("81F28002024F0000")).1, 0x6982);
    }
}

#[test]
fn a_stranger_disturbs_no_session() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    let stranger = hex("81E4800002 4F05");
    let list = [0x80, 0xF2, 0x80, 0x02];
    // A chain waits on channel 1: nobody else notices, and a session takes the memory from it.
    assert_eq!(raw(&mut card, &stranger), (vec![], 0x9000));
    assert_eq!(host.status(&mut card, list, &hex("4F00")), 0x9000);
    let data = tlv(0xC9, &[0x5A; 230]);
    let fields = install_fields(&[&FILE, &MODULE, &APP, &[0], &data, EMPTY]);
    let parts = host.wrap([0x80, 0xE6, 0x0C, 0x00], &fields);
    assert_eq!(parts.len(), 2);
    let mut answer = vec![];
    for part in &parts {
        answer = card.transmit(part);
        // In the middle of the session's chain it gets nothing.
        if answer == [0x90, 0x00] {
            assert_eq!(raw(&mut card, &stranger), (vec![], 0x6985));
        }
    }
    assert_eq!(host.unwrap(&answer), (vec![0], 0x9000));
    // Nor where a signature or a transfer is put together.
    assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x00, 0x00], &hex("4208 11223344")), 0x9000);
    assert_eq!(raw(&mut card, &stranger), (vec![], 0x6985));
    assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x80, 0x01], &hex("55667788")), 0x9000);
    assert_eq!(host.send(&mut card, [0x80, 0xCA, 0x00, 0x42], &[]), (hex("4208 1122334455667788"), 0x9000));
    drop(card);
    bench.assert_lasting();
}

/// A session with the application of SSD2, which has no keys: those of SSD above it serve.
fn application_below(card: &mut TestCard<'_>) -> Host {
    let mut host = session(card);
    load(&mut host, card);
    content::personal_domain(&mut host, card, &SSD, "804000", 0x11);
    content::make_domain(&mut host, card, &SSD2, &[0x80], "8201F88701F8");
    content::extradite(&mut host, card, &SSD2, &SSD);
    let mut below = content::session_of(card, &SSD2, 0x11);
    assert_eq!(below.status(card, [0x80, 0xF0, 0x40, 0x0F], &SSD2), 0x9000);
    let mut host = session(card);
    install(&mut host, card, &APP, &[0], "C900");
    content::extradite(&mut host, card, &APP, &SSD2);
    assert_eq!(kit::select(card, &APP).1, 0x9000);
    Opening::new(&mut keys_from(0x11, 16), kit::KVN, SecurityLevel::CMac).open(card).unwrap()
}

/// An application's session stands on the keys of a domain that goes; another domain gets its place in the registry.
#[test]
fn a_place_that_is_used_again_lends_no_old_key() {
    let mut bench = Bench::new();
    bench.ram = kit::Ram::new(24, 40, 16, 4);
    bench.desk.0.borrow_mut().secure.insert(APP.to_vec());
    let mut card = bench.card();
    let mut app = application_below(&mut card);
    let decrypt = [0x80, 0x24, 0x00, 0x00];
    assert_eq!(app.status(&mut card, decrypt, &[0x5A; 16]), 0x9000);
    let mut first = beside(&mut card, &SSD, &mut keys_from(0x11, 16));
    let to_isd: [&[u8]; 6] = [&content::ISD, EMPTY, &SSD2, EMPTY, EMPTY, EMPTY];
    assert_eq!(first.install(&mut card, 0x10, 0, &to_isd), (vec![0], 0x9000));
    kit::select_on(&mut card, 1, &[]);
    let mut issuer = Host::open_on(&mut card, 1, kit::KVN, SecurityLevel::CMac).unwrap();
    assert_eq!(issuer.status(&mut card, [0x80, 0xE4, 0, 0], &tlv(0x4F, &SSD)), 0x9000);
    let next = hex("D2760000020300");
    content::make_domain(&mut issuer, &mut card, &next, &[0x80], "8201F88701F8");
    content::give_keys(&mut issuer, &mut card, &next, kit::KVN, &keys_from(0x22, 16));
    content::extradite(&mut issuer, &mut card, &SSD2, &next);
    assert_eq!(app.status(&mut card, decrypt, &[0x5A; 16]), 0x6985);
    drop(card);
    bench.assert_lasting();
}

#[test]
fn an_application_that_refuses_leaves_no_trace_to_the_next() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    for app in [APP, OTHER] {
        install(&mut host, &mut card, &app, &[0], "C900");
    }
    let prefix = &APP[..6];
    desk.0.borrow_mut().refuse_select.insert(APP.to_vec(), 0x6999);
    desk.0.borrow_mut().spoils = true;
    desk.0.borrow_mut().echoes_name = true;
    assert_eq!(kit::select(&mut card, prefix), (prefix.to_vec(), 0x9000));
    // Nobody is left: what is selected gets the command as it came.
    desk.0.borrow_mut().refuse_select.insert(OTHER.to_vec(), 0x6999);
    take(&mut desk.0.borrow_mut().events);
    assert_eq!(kit::select(&mut card, prefix).1, 0x6D00);
    let seen = desk.take_events();
    assert!(matches!(&seen[..], [kit::Event::Process { data, .. }] if data == prefix), "{seen:?}");
}

/// A LOCKED security domain gives no services (GPCS 5.3.2.4): an application has no session while its own is, nor while the one above
/// is, whose keys the session stands on.
#[test]
fn an_application_has_no_session_while_a_domain_behind_it_is_locked() {
    let mut bench = Bench::new();
    bench.desk.0.borrow_mut().secure.insert(APP.to_vec());
    let mut card = bench.card();
    let mut app = application_below(&mut card);
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    let mut issuer = Host::open_on(&mut card, 1, kit::KVN, SecurityLevel::CMac).unwrap();
    let echo = [0x80, 0x10, 0x00, 0x00];
    for domain in [&SSD2, &SSD] {
        assert_eq!(app.send(&mut card, echo, &[0x5A]), (vec![0x5A], 0x9000));
        assert_eq!(issuer.status(&mut card, [0x80, 0xF0, 0x40, 0x80], domain), 0x9000);
        assert_eq!(app.send(&mut card, echo, &[0x5A]), (vec![], 0x6985), "{domain:02X?}");
        assert_eq!(issuer.status(&mut card, [0x80, 0xF0, 0x40, 0x00], domain), 0x9000);
    }
}
