//! One bit is wrong in one input of a verification that card management makes: tokens, receipts, hashes, DAP signatures,
//! check values, at the end that verifies or at the one that made them. Those of the channel are in `gp-scp03/tests/faults.rs`.

use crate::kit;
use gp_apdu::Transport;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::confirmation::Confirmation;
use gp_cardmanager_model::host::{self, Authenticate, Error, Failure, NewKeys, PutKeys, Select, run, verify_receipt};
use gp_cardmanager_model::signature::Operation;
use gp_scp03::{Challenge, Key, KeyId, SecurityLevel, StaticKeys};
use kit::{
    Bench, Host, KVN, Opening, TestCard, Wire, add_key, cap_block, factory_keys, install_fields, key_data, keys_from,
    lv, make_domain, personalize, raw, select, tlv, toy_hash,
};

const PACKAGE: [u8; 6] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00];
const MODULE: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x18, 0x00, 0x01];
const DOMAIN: [u8; 7] = [0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, 0x0D];
const EMPTY: &[u8] = &[];

/// Each of the octets with one bit flipped.
fn flips(of: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..of.len() * 8).map(|bit| {
        let mut flipped = of.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

fn flipped_keys(key: &Key) -> Vec<Key> {
    flips(key.expose_secret()).map(|octets| Key::new(&octets).unwrap()).collect()
}

/// The issuer's keys for tokens, receipts and DAP.
fn service_key(version: u8) -> Key {
    Key::new(&[version; 16]).unwrap()
}

/// A security domain with these privileges and keys of its own.
fn domain(card: &mut TestCard<'_>, privileges: &str) -> StaticKeys {
    let keys = keys_from(0x77, 16);
    let mut host = issuer(card);
    make_domain(card, &mut host, &DOMAIN, privileges, "C906820120870120");
    personalize(card, &DOMAIN, 0x31, &keys);
    keys
}

fn issuer(card: &mut TestCard<'_>) -> Host {
    select(card, &[]);
    Host::open(card, KVN, SecurityLevel::CMac).unwrap()
}

fn delegate(card: &mut TestCard<'_>, keys: &mut StaticKeys) -> Host {
    assert_eq!(select(card, &DOMAIN).1, 0x9000);
    Opening::new(keys, 0x31, SecurityLevel::CMac).open(card).unwrap()
}

/// What lasts: registry, keys and objects, the confirmation counter among them.
fn lasting(flash: &kit::Shared) -> String {
    let mut bench = Bench::new();
    bench.flash = flash.copy();
    bench.desk.0.borrow_mut().quiet = true;
    drop(bench.card());
    bench.ram.picture()
}

/// INSTALL [for load] by a delegate: each bit of the fields and of the token, and each bit of the key that signed.
#[test]
fn a_token_with_each_bit_of_its_inputs_wrong() {
    let mut bench = Bench::new();
    let flash = bench.flash.clone();
    let mut card = bench.card();
    let mut host = issuer(&mut card);
    // One for the receipt, too: without it nothing is delegated.
    for version in [0x70, 0x71] {
        add_key(&mut card, &mut host, factory_keys().dek(), version, &service_key(version));
    }
    let mut keys = domain(&mut card, "A0");
    let mut host = delegate(&mut card, &mut keys);
    let hash = toy_hash(&cap_block(&PACKAGE, &[&MODULE]), 32);
    let fields = install_fields(&[&PACKAGE, EMPTY, &hash, EMPTY]);
    let signed = [&[0x02, 0x00, fields.len() as u8][..], &fields].concat();
    let body = |token: &[u8]| [&fields[..], &lv(token)].concat();
    let good = body(&service_key(0x70).cmac(&[&signed]));
    let before = lasting(&flash);
    let wrong_keys = flipped_keys(&service_key(0x70)).into_iter().map(|key| body(&key.cmac(&[&signed])));
    let mut refused = 0;
    for wrong in flips(&good).chain(wrong_keys) {
        let (answer, status) = host.send(&mut card, [0x80, 0xE6, 0x02, 0x00], &wrong);
        assert!(answer.is_empty() && [0x6982, 0x6A80, 0x6A88].contains(&status), "{status:04X} to {wrong:02X?}");
        assert_eq!(host.status(&mut card, [0x80, 0xE8, 0x80, 0x00], &[0xC4, 0x00]), 0x6985, "no load is open");
        refused += 1;
    }
    // P1 and P2 are signed, too. (With b8 of P1 the command is not over.)
    for bit in 0..7 {
        assert_ne!(host.status(&mut card, [0x80, 0xE6, 0x02 ^ (1 << bit), 0x00], &good), 0x9000, "P1, bit {bit}");
        assert_ne!(host.status(&mut card, [0x80, 0xE6, 0x02, 1 << bit], &good), 0x9000, "P2, bit {bit}");
    }
    assert_eq!(lasting(&flash), before);
    assert_eq!(host.send(&mut card, [0x80, 0xE6, 0x02, 0x00], &good), (vec![0], 0x9000));
    println!("token: {refused} faults refused");
    assert_eq!(refused, 8 * good.len() + 128);
}

/// A receipt that a card gave: each bit of it, of what the host did, and of the host's key.
#[test]
fn a_receipt_with_each_bit_of_its_inputs_wrong() {
    let mut bench = Bench::new();
    bench.profile.iin = &[0x42, 0x11, 0x22];
    bench.profile.cin = &[0x45, 0x33];
    let mut card = bench.card();
    let mut host = issuer(&mut card);
    for version in [0x70, 0x71] {
        add_key(&mut card, &mut host, factory_keys().dek(), version, &service_key(version));
    }
    let mut keys = domain(&mut card, "A0");
    let mut host = delegate(&mut card, &mut keys);
    let hash = toy_hash(&cap_block(&PACKAGE, &[&MODULE]), 32);
    let fields = install_fields(&[&PACKAGE, EMPTY, &hash, EMPTY]);
    let token = service_key(0x70).cmac(&[&[0x02, 0x00, fields.len() as u8], &fields]);
    let body = [fields, lv(&token)].concat();
    assert_eq!(host.send(&mut card, [0x80, 0xE6, 0x02, 0x00], &body), (vec![0], 0x9000));
    let (answer, status) = host.load(&mut card, &tlv(0xC4, &cap_block(&PACKAGE, &[&MODULE])), 200);
    assert_eq!(status, 0x9000);

    let verify = |answer: &[u8], load_file: &[u8], security_domain: &[u8], key: &Key| {
        let confirmation = Confirmation::parse(answer).ok().flatten()?;
        let (load_file, security_domain) = (Aid::new(load_file)?, Aid::new(security_domain)?);
        verify_receipt(&confirmation, &Operation::Load { load_file, security_domain }, &mut &*key).ok()
    };
    let key = service_key(0x71);
    assert_eq!(verify(&answer, &PACKAGE, &DOMAIN, &key), Some(()));
    let mut refused = 0;
    for wrong in flips(&answer) {
        assert_eq!(verify(&wrong, &PACKAGE, &DOMAIN, &key), None, "{wrong:02X?}");
        refused += 1;
    }
    for wrong in flips(&PACKAGE) {
        assert_eq!(verify(&answer, &wrong, &DOMAIN, &key), None);
        refused += 1;
    }
    for wrong in flips(&DOMAIN) {
        assert_eq!(verify(&answer, &PACKAGE, &wrong, &key), None);
        refused += 1;
    }
    for wrong in flipped_keys(&key) {
        assert_eq!(verify(&answer, &PACKAGE, &DOMAIN, &wrong), None);
        refused += 1;
    }
    println!("receipt: {refused} faults refused");
    assert_eq!(refused, 8 * (answer.len() + PACKAGE.len() + DOMAIN.len() + 16));
}

/// A load to a domain with DAP verification: each bit of the block, of the hash that was announced, of the signature, and
/// of the key that signed. Nothing of the file is on the card then.
#[test]
fn a_load_file_with_each_bit_of_its_proofs_wrong() {
    let mut bench = Bench::new();
    bench.desk.0.borrow_mut().quiet = true;
    let flash = bench.flash.clone();
    let mut card = bench.card();
    let mut keys = domain(&mut card, "C0");
    let mut host = delegate(&mut card, &mut keys);
    add_key(&mut card, &mut host, keys.dek(), 0x73, &service_key(0x73));
    let mut host = issuer(&mut card);
    // Header and Applet component alone: the shorter, the fewer bits.
    let block = [&[0x01, 0x00, 0x10, 0xDE, 0xCA, 0xFF, 0xED, 0x01, 0x02, 0x04, 0x05, 0x01][..], &lv(&PACKAGE)].concat();
    let hash = toy_hash(&block, 32);
    let before = lasting(&flash);
    let mut load = |card: &mut TestCard<'_>, block: &[u8], hash: &[u8], signature: &[u8]| {
        assert_eq!(host.install(card, 0x02, 0x00, &[&PACKAGE, &DOMAIN, hash, &[], &[]]), (vec![0], 0x9000));
        let dap = tlv(0xE2, &[tlv(0x4F, &DOMAIN), tlv(0xC3, signature)].concat());
        host.load(card, &[dap, tlv(0xC4, block)].concat(), 200)
    };
    let good = service_key(0x73).cmac(&[&hash]);
    let (mut blocks, mut hashes, mut signatures) = (0, 0, 0);
    for wrong in flips(&block) {
        assert_eq!(load(&mut card, &wrong, &hash, &good), (vec![], 0x6A80));
        blocks += 1;
    }
    for wrong in flips(&hash) {
        let (answer, status) = load(&mut card, &block, &wrong, &good);
        assert!(answer.is_empty() && [0x6A80, 0x6982].contains(&status), "{status:04X}");
        // Signed, but by who does not know the file.
        assert_eq!(load(&mut card, &block, &wrong, &service_key(0x73).cmac(&[&wrong])), (vec![], 0x6A80));
        hashes += 1;
    }
    for wrong in flips(&good) {
        assert_eq!(load(&mut card, &block, &hash, &wrong), (vec![], 0x6982));
        signatures += 1;
    }
    for key in flipped_keys(&service_key(0x73)) {
        assert_eq!(load(&mut card, &block, &hash, &key.cmac(&[&hash])), (vec![], 0x6982));
        signatures += 1;
    }
    assert_eq!(lasting(&flash), before);
    assert_eq!(load(&mut card, &block, &hash, &good).1, 0x9000);
    println!("load file: {blocks} faults of the block refused, {hashes} of the hash, {signatures} of the signature");
    assert_eq!((blocks, hashes, signatures), (8 * block.len(), 8 * 32, 2 * 128));
}

const IDS: [KeyId; 3] = [KeyId::Enc, KeyId::Mac, KeyId::Dek];

/// PUT KEY at the card: each bit of the body but for version and key types, which no check value covers, and each bit of the
/// Key-DEK with which the host encrypted.
#[test]
fn a_key_with_each_bit_of_its_body_wrong() {
    let mut bench = Bench::new();
    let flash = bench.flash.clone();
    let mut card = bench.card();
    let new = keys_from(0x99, 16);
    let data = |dek: &Key| key_data(dek, 0x31, &IDS.map(|id| new.key(id)));
    let good = data(factory_keys().dek());
    let mut host = issuer(&mut card);
    let before = lasting(&flash);
    let others = flipped_keys(factory_keys().dek()).into_iter().map(|dek| data(&dek));
    let mut refused = 0;
    // Three times type, length and 16 octets, length and 3 octets.
    let covered = |at: &usize| at / 8 != 0 && !(at / 8 - 1).is_multiple_of(22);
    let flipped = flips(&good).enumerate().filter(|(at, _)| covered(at)).map(|(_, wrong)| wrong);
    for wrong in flipped.chain(others) {
        let (answer, status) = host.send(&mut card, [0x80, 0xD8, 0x00, 0x81], &wrong);
        assert!(answer.is_empty() && [0x6982, 0x6A80].contains(&status), "{status:04X} to {wrong:02X?}");
        refused += 1;
    }
    assert_eq!(lasting(&flash), before);
    assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x81], &good), 0x9000);
    println!("PUT KEY: {refused} faults refused by the card");
    assert_eq!(refused, 8 * (good.len() - 1 - 3) + 128);
}

/// A link on which one bit of one answer is wrong.
struct Flip<'c, 'm> {
    card: &'c mut TestCard<'m>,
    /// The answer, counted from here on, and its bit.
    at: Option<(usize, usize)>,
    answered: Vec<u8>,
}

impl Transport for Flip<'_, '_> {
    type Error = core::convert::Infallible;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Self::Error> {
        let mut answer = self.card.transmit(command);
        self.at = match self.at {
            Some((0, bit)) => {
                answer[bit / 8] ^= 1 << (bit % 8);
                None
            }
            Some((at, bit)) => Some((at - 1, bit)),
            None => None,
        };
        response[..answer.len()].copy_from_slice(&answer);
        self.answered = answer;
        Ok(self.answered.len())
    }
}

/// The answer to PUT KEY at the host, version and check values, in a session that does not protect answers.
#[test]
fn an_answer_to_put_key_with_each_bit_wrong() {
    let new = keys_from(0x99, 16);
    let factory = factory_keys();
    let mut refused = 0;
    for bit in 0..8 * (1 + 3 * 3) {
        let mut bench = Bench::new();
        bench.desk.0.borrow_mut().quiet = true;
        let mut card = bench.card();
        let mut link = Flip { card: &mut card, at: None, answered: vec![] };
        let (mut command, mut response) = ([0; 300], [0; 300]);
        let mut host = host::Host::new(&mut command, &mut response, ());
        run(&mut host, &mut link, Select::issuer_security_domain()).unwrap();
        let challenge = Challenge::new(&[1; 8]).unwrap();
        let authenticate = Authenticate::new(challenge, SecurityLevel::CMac, |_| Ok(&factory)).with_key_version(KVN);
        run(&mut host, &mut link, authenticate).unwrap();
        link.at = Some((0, bit));
        let put = run(&mut host, &mut link, PutKeys::add(0x31, NewKeys::Set(&new), factory.dek()));
        assert_eq!(link.answered.len(), 1 + 3 * 3 + 2);
        assert!(matches!(put, Err(Error::Failure(Failure::WrongAnswer))), "bit {bit}: {put:?}");
        refused += 1;
        // The card has them: what the host does not believe may still be so.
        select(&mut card, &[]);
        let (keys, _) = raw(&mut card, &[0x80, 0xCA, 0x00, 0xE0, 0x00]);
        assert_eq!(keys.iter().filter(|octet| **octet == 0x31).count(), 3);
    }
    println!("PUT KEY: {refused} faults of the answer refused by the host");
    assert_eq!(refused, 80);
}
