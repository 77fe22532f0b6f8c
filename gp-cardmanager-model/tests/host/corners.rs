//! Corners of the host's writers and operations; each test begins with the rule.

use core::cell::Cell;

use gp_apdu::{StatusWord, ins};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::{
    Authenticate, Delete, Failure, GetStatus, Host, Install, NewKeys, PutKeys, Rotate, Rotation, RotationStage, run,
};
use gp_cardmanager_model::install::{self, ForInstall};
use gp_cardmanager_model::key_info::{KeyAccess, KeyUsage};
use gp_cardmanager_model::put_key::{BlockForm, KeyType, NewComponent, NewKey, PutKey, PutKeyWriter};
use gp_cardmanager_model::store_data::key_dgi::{KeyDescription, KeyItem, NewKeyItem, read_keys, write_keys};
use gp_scp03::{Challenge, Key, KeyId, SecurityLevel};

use crate::support::{Cut, Link, TestCard, keys};

fn challenge() -> Challenge {
    Challenge::new(&[7; 8]).unwrap()
}

/// "P2: b7..b1 id of the first (00..7F), next ones +1" (GPCS 11.8.2.2): no other identifier is sent in place of one that
/// cannot be.
#[test]
fn identifiers_that_there_are_not_are_never_sent() {
    let (old, new) = (keys(16), keys(16));
    for (first, set) in [(0x83, false), (0xFF, false), (0x7E, true), (0x7F, true), (0x81, true)] {
        let mut card = TestCard::new(16, 0x70, |_, _: &[u8]| (vec![0x00], StatusWord::OK));
        let (mut command, mut response) = ([0; 261], [0; 258]);
        let mut host = Host::new(&mut command, &mut response, ());
        run(&mut host, &mut card, Authenticate::new(challenge(), SecurityLevel::Full, |_| Ok(&old))).unwrap();
        let keys = if set { NewKeys::Set(&new) } else { NewKeys::Aes(new.key(KeyId::Enc)) };
        let _ = run(&mut host, &mut card, PutKeys::add(0x31, keys, old.dek()).with_first_id(first));
        let sent: Vec<_> = card.handled.iter().map(|(header, _)| format!("{:02X}", header.p2)).collect();
        assert!(sent.is_empty(), "first identifier {first:02X}, set {set}: sent with P2 {sent:?}");
    }
}

/// The keys of the session in use are never deleted: "fails with KeyInUse and sends nothing", also when PUT KEY gave the set
/// of the session another version as keys of any type.
#[test]
fn a_set_put_key_by_key_is_known_to_be_in_use() {
    let (old, new) = (keys(16), keys(16));
    let ids = [KeyId::Enc, KeyId::Mac, KeyId::Dek];
    let kcv = ids.map(|id| new.key(id).kcv());
    let answer = [&[0x31][..], &kcv.concat()].concat();
    let mut card = TestCard::new(16, 0x70, |header: gp_apdu::Header, _: &[u8]| match header.ins {
        ins::PUT_KEY => (answer.clone(), StatusWord::OK),
        _ => (vec![0x00], StatusWord::OK),
    });
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    run(&mut host, &mut card, Authenticate::new(challenge(), SecurityLevel::Full, |_| Ok(&old))).unwrap();
    let components =
        ids.map(|id| [NewComponent { key_type: KeyType::AES, value: new.key(id).expose_secret(), filler: &[] }]);
    let list: Vec<_> =
        (0..3).map(|at| NewKey { components: &components[at], check_value: &kcv[at], extended: None }).collect();
    run(&mut host, &mut card, PutKeys::replace(0x30, 0x31, NewKeys::Other(&list), old.dek())).unwrap();
    let error =
        run(&mut host, &mut card, Delete::key_version(0x31)).map(|_| ()).err().and_then(|error| error.failure());
    assert_eq!(error, Some(Failure::KeyInUse(0x31)));
    assert_eq!(card.count(ins::DELETE), 0);
}

/// "A byte < 80 after a component block is the KCV length, >= 80 the next component type" (GPCS 11.8.2.3.1): what is written
/// is read as the same key, or not written.
#[test]
fn a_second_component_of_a_private_type_is_not_written_in_the_basic_form() {
    let key = Key::new(&[0x11; 16]).unwrap();
    let components = [
        NewComponent { key_type: KeyType::AES, value: &[0x22; 16], filler: &[] },
        NewComponent { key_type: KeyType(0x03), value: &[0x33; 16], filler: &[] },
    ];
    let mut buffer = [0; 128];
    let mut writer = PutKeyWriter::new(&mut buffer, 0x31, BlockForm::Bare).unwrap();
    let written = writer.key(&NewKey { components: &components, check_value: &[], extended: None }, &mut &key);
    if written.is_err() {
        return;
    }
    let body = writer.finish().unwrap().to_vec();
    let read =
        PutKey::parse(0x00, 0x01, &body).map(|put| put.keys().map(|key| key.components().count()).collect::<Vec<_>>());
    assert_eq!(read, Ok(vec![2]), "{body:02X?}");
}

/// "KCV: must be present for those [DES, AES]" (GPCS 11.8.2.3; Amendment D 7.2): strict writers.
#[test]
fn an_aes_key_is_not_written_without_its_check_value() {
    let key = Key::new(&[0x11; 16]).unwrap();
    let components = [NewComponent { key_type: KeyType::AES, value: &[0x22; 16], filler: &[] }];
    let mut buffer = [0; 128];
    let mut writer = PutKeyWriter::new(&mut buffer, 0x31, BlockForm::Bare).unwrap();
    assert!(writer.key(&NewKey { components: &components, check_value: &[], extended: None }, &mut &key).is_err());
}

fn description(key_type: KeyType, id: u8, version: u8, usage: u16, access: u8) -> KeyDescription<'static> {
    KeyDescription {
        usage: Some(KeyUsage(usage)),
        access: Some(KeyAccess(access)),
        key_type,
        length: 16,
        id,
        version,
        check_value: &[],
    }
}

/// "Contradicting KVN, id or usage inside one key -> refused" (GPCS 11.11.4): what is written is what the reader takes.
#[test]
fn components_that_contradict_each_other_are_not_written() {
    let dek = Key::new(&[0x11; 16]).unwrap();
    let items = [
        NewKeyItem::Value(description(KeyType::RSA_PUBLIC_MODULUS, 1, 0x70, 0x8100, 0), &[0x55; 16], &[]),
        NewKeyItem::Value(description(KeyType::RSA_PUBLIC_EXPONENT, 1, 0x70, 0x4400, 1), &[0x55; 16], &[]),
    ];
    let mut buffer = [0; 256];
    let Ok(written) = write_keys(&items, &mut &dek, &mut buffer) else { return };
    let mut read = 0;
    let result: Result<(), gp_cardmanager_model::error::Error> = read_keys(written, |_: KeyItem<'_>| {
        read += 1;
        Ok(())
    });
    assert_eq!((result, read), (Ok(()), 2));
}

/// "new KVN (01..7F)", "id (00..7F)", "84 KCV 3" (GPCS 11.8.2, 11.11.4): strict writers.
#[test]
fn versions_identifiers_and_check_values_that_there_are_not_are_not_written() {
    let dek = Key::new(&[0x11; 16]).unwrap();
    let aes =
        |id, version, check_value| KeyDescription { check_value, ..description(KeyType::AES, id, version, 0x3800, 0) };
    let mut wrong = Vec::new();
    for (what, description) in [
        ("version 00", aes(1, 0x00, &[1, 2, 3])),
        ("version 80", aes(1, 0x80, &[1, 2, 3])),
        ("version FF", aes(1, 0xFF, &[1, 2, 3])),
        ("identifier 80", aes(0x80, 0x31, &[1, 2, 3])),
        ("check value of 2", aes(1, 0x31, &[1, 2])),
        ("check value of 4", aes(1, 0x31, &[1, 2, 3, 4])),
    ] {
        let mut buffer = [0; 256];
        if write_keys(&[NewKeyItem::Value(description, &[0x55; 16], &[])], &mut &dek, &mut buffer).is_ok() {
            wrong.push(what);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// "C-MAC only at the end of the last part" (GPCS 11.1.5.1): a card that refuses an earlier part has seen no MAC, so the ends
/// of the channel are apart unless the host takes care. A session whose state nobody knows is over; or it still works.
#[test]
fn a_chain_that_is_refused_in_its_middle_leaves_no_session_that_does_not_work() {
    for level in [SecurityLevel::CMac, SecurityLevel::Full] {
        let mut card = TestCard::new(16, 0x70, |_, _: &[u8]| (vec![0x00], StatusWord::OK));
        let keys = keys(16);
        let (mut command, mut response) = ([0; 1024], [0; 600]);
        let mut host = Host::new(&mut command, &mut response, ());
        let refuse = Cell::new(false);
        let mut link = Link(|octets: &[u8]| -> Result<Vec<u8>, Cut> {
            let first_part = octets[1] == ins::INSTALL && octets[2] & 0x80 != 0;
            if refuse.get() && first_part { Ok(vec![0x6A, 0x86]) } else { Ok(card.process(octets)) }
        });
        run(&mut host, &mut link, Authenticate::new(challenge(), level, |_| Ok(&keys))).unwrap();
        refuse.set(true);
        let content = [&[0xC9, 0x82, 0x01, 0x90][..], &[0x33; 400]].concat();
        let aid = Aid::new(&[0xD0, 0xD1, 0xD2, 0xD3, 0xD4]).unwrap();
        let body = install::Install::Install(ForInstall {
            load_file: Some(aid),
            module: Some(aid),
            application: aid,
            privileges: &[0x00],
            parameters: &content,
            token: &[],
        });
        let failure = run(&mut host, &mut link, Install::new(body)).map(|_| ()).unwrap_err().failure();
        assert!(failure.is_some());
        if host.slot().is_dead() {
            continue;
        }
        // The host says that the session is open: then it is.
        let next = run(&mut host, &mut link, Delete::object(aid)).map(|_| ());
        assert!(next.is_ok(), "{level:?}: after {failure:?} the next command: {:?}", next.unwrap_err().failure());
    }
}

/// "prepare (the caller persists) -> PUT KEY": the record says SENT when PUT KEY may have reached the card. A rotation that
/// cannot be carried out (GPCS 11.8.2: versions 01..7F) costs the card nothing and stays PREPARED.
#[test]
fn a_rotation_that_cannot_be_does_not_begin() {
    let (old, new) = (keys(16), keys(16));
    let mut wrong = Vec::new();
    for rotation in [
        Rotation::replace(0x00, 0x31, &new),
        Rotation::replace(0xFF, 0x31, &new),
        Rotation::add(0x30, 0x00, &new),
        Rotation::add(0x30, 0x80, &new),
        Rotation::replace(0x30, 0xFF, &new),
    ] {
        let mut card = TestCard::new(16, 0x70, |_, _: &[u8]| (vec![0x00], StatusWord::OK));
        let (mut command, mut response) = ([0; 261], [0; 258]);
        let mut host = Host::new(&mut command, &mut response, ());
        let mut stage = RotationStage::Prepared;
        let rotate = Rotate::new(
            rotation,
            &old,
            &new,
            SecurityLevel::Full,
            || Ok(challenge()),
            |rotation| {
                stage = rotation.stage();
                Ok(())
            },
        );
        let result = run(&mut host, &mut card, rotate);
        assert!(result.is_err());
        if card.count(ins::PUT_KEY) == 0 && stage == RotationStage::Sent {
            wrong.push((rotation.old_version(), rotation.new_version(), card.seen.len()));
        }
    }
    assert!(wrong.is_empty(), "SENT, though nothing was sent: {wrong:02X?}");
}

/// "6310 paging across which an entry may be cut anywhere": also in the old form, with modules.
#[test]
fn the_old_form_with_modules_is_cut_anywhere() {
    let one = [5, 0xA0, 0, 0, 0, 1, 1, 0, 2, 5, 0xA0, 0, 0, 0, 2, 6, 0xA0, 0, 0, 0, 2, 1];
    let all = [one; 3].concat();
    for a in 0..=all.len() {
        for b in a..=all.len() {
            let pages = [&all[..a], &all[a..b], &all[b..]];
            let mut number = 0;
            let keys = keys(16);
            let mut card = TestCard::new(16, 0x70, |_, _: &[u8]| {
                number += 1;
                (pages[number - 1].to_vec(), if number < 3 { StatusWord::MORE_DATA } else { StatusWord::OK })
            });
            let (mut command, mut response) = ([0; 261], [0; 600]);
            let mut host = Host::new(&mut command, &mut response, ());
            run(&mut host, &mut card, Authenticate::new(challenge(), SecurityLevel::Full, |_| Ok(&keys))).unwrap();
            let mut modules = 0;
            let task = GetStatus::new(Subset::LoadFilesAndModules, |entry| {
                modules += entry.map_or(100, |entry| entry.modules.iter().count());
            });
            let listed = run(&mut host, &mut card, task.legacy()).unwrap();
            assert_eq!((listed.entries, listed.errors, modules), (3, 0, 6), "{a} {b}");
        }
    }
}

/// "initiation on another channel: this session untouched" (GPCS 10.2.3), and what the host says of closing: "The
/// session of that channel ends, and with it the host's when it is on it".
#[test]
fn what_ends_on_another_channel_leaves_the_session() {
    use gp_apdu::LogicalChannel;
    use gp_cardmanager_model::host::{CloseChannel, Select};
    let mut ended = Vec::new();
    for select in [false, true] {
        let keys = keys(16);
        let mut card = TestCard::new(16, 0x70, |_, _: &[u8]| (vec![0x00], StatusWord::OK));
        let (mut command, mut response) = ([0; 261], [0; 258]);
        let mut host = Host::new(&mut command, &mut response, ());
        run(&mut host, &mut card, Authenticate::new(challenge(), SecurityLevel::CMac, |_| Ok(&keys))).unwrap();
        let other = LogicalChannel::new(3).unwrap();
        host.set_channel(other);
        // A card that keeps the session of channel 0 apart from what happens on channel 3.
        let mut beside = Link(|_: &[u8]| -> Result<Vec<u8>, Cut> { Ok(vec![0x90, 0x00]) });
        if select {
            run(&mut host, &mut beside, Select::issuer_security_domain()).unwrap();
        } else {
            run(&mut host, &mut beside, CloseChannel::new(other)).unwrap();
        }
        host.set_channel(LogicalChannel::BASIC);
        let next = run(&mut host, &mut card, GetStatus::new(Subset::Applications, |_| {})).map(|_| ());
        if next.is_err() {
            ended.push((if select { "SELECT" } else { "MANAGE CHANNEL" }, next));
        }
    }
    assert!(ended.is_empty(), "{ended:?}");
}
