//! Ways through the host and its writers that few cards ask for.

use gp_apdu::{LogicalChannel, StatusWord, ins};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::{
    Authenticate, Delete, Failure, GetData, GetStatus, Host, Lengths, NewKeys, PutKeys, Rotation, RotationStage,
    Select, run,
};
use gp_cardmanager_model::install::{
    ForExtradition, ForInstall, ForLoad, ForMakeSelectable, ForRegistryUpdate, Function, ImplicitSlots, Install,
    Parameters, Services,
};
use gp_cardmanager_model::key_info::{KeyAccess, KeyUsage};
use gp_cardmanager_model::put_key::KeyType;
use gp_cardmanager_model::store_data::key_dgi::{KeyDescription, KeyItem, NewKeyItem, read_keys, write_keys};
use gp_scp03::{Challenge, Key, KeyId, SecurityLevel};

use crate::support::{Cut, Link, TestCard, keys};

fn challenge() -> Challenge {
    Challenge::new(&[7; 8]).unwrap()
}

const NAME: [u8; 5] = [0xD0, 0xD1, 0xD2, 0xD3, 0xD4];

/// P2 b2 asks for the next occurrence (GPCS 11.9.2.2); the name stays.
#[test]
fn the_next_application_of_a_name_is_asked_for_by_p2() {
    let mut sent = Vec::new();
    let mut link = Link(|octets: &[u8]| -> Result<Vec<u8>, Cut> {
        sent.push(octets.to_vec());
        Ok(if octets[3] == 0x00 { vec![0x6F, 0x00, 0x90, 0x00] } else { vec![0x6A, 0x82] })
    });
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    run(&mut host, &mut link, Select::prefix(&NAME)).unwrap();
    let next = run(&mut host, &mut link, Select::prefix(&NAME).next()).map(|_| ());
    assert!(next.is_err(), "there is no other");
    let tail = [&[0x05][..], &NAME, &[0x00]].concat();
    let first = [&[0x00, 0xA4, 0x04, 0x00][..], &tail].concat();
    assert_eq!(sent, [first, [&[0x00, 0xA4, 0x04, 0x02][..], &tail].concat()]);
}

/// A page of which there is nothing to fetch: the next one is asked for, and the list is whole.
#[test]
fn a_refused_fetch_costs_no_entry() {
    let keys = keys(16);
    let entry = [&[0xE3, 0x0B, 0x4F, 0x05][..], &NAME, &[0x9F, 0x70, 0x01, 0x07]].concat();
    let mut pages = vec![(entry.clone(), StatusWord::OK), (vec![], StatusWord::MORE_DATA)];
    let mut card = TestCard::new(16, 0x70, |_, _: &[u8]| pages.pop().expect("two pages"));
    let (mut command, mut response) = ([0; 261], [0; 600]);
    let mut host = Host::new(&mut command, &mut response, ());
    run(&mut host, &mut card, Authenticate::new(challenge(), SecurityLevel::CMac, |_| Ok(&keys))).unwrap();
    let mut fetched = 0;
    let mut link = Link(|octets: &[u8]| -> Result<Vec<u8>, Cut> {
        if octets[1] == ins::GET_RESPONSE {
            fetched += 1;
            return Ok(vec![0x69, 0x85]);
        }
        Ok(card.process(octets))
    });
    let mut seen = Vec::new();
    let task = GetStatus::new(Subset::Applications, |entry| seen.push(entry.unwrap().aid.unwrap()));
    let listed = run(&mut host, &mut link, task.fetching_after_6310()).unwrap();
    assert_eq!((listed.entries, listed.errors, listed.pages), (1, 0, 2));
    assert_eq!((seen, fetched), (vec![Aid::new(&NAME).unwrap()], 1));
    let asked: Vec<u8> = card.handled.iter().map(|(header, _)| header.p2).collect();
    assert_eq!(asked, [0x02, 0x03], "the first page, then the next");
}

/// Of the set in use one key got another version: it is of two versions now, and no version may be deleted from here.
#[test]
fn a_set_in_use_that_was_parted_is_not_deleted() {
    for (id, in_use) in [(1, true), (2, true), (3, true), (4, false), (0x10, false)] {
        let (old, new) = (keys(16), keys(16));
        let answer = [&[0x31][..], &new.key(KeyId::Mac).kcv()].concat();
        let mut card = TestCard::new(16, 0x70, |header: gp_apdu::Header, _: &[u8]| match header.ins {
            ins::PUT_KEY => (answer.clone(), StatusWord::OK),
            _ => (vec![0x00], StatusWord::OK),
        });
        let (mut command, mut response) = ([0; 261], [0; 258]);
        let mut host = Host::new(&mut command, &mut response, ());
        run(&mut host, &mut card, Authenticate::new(challenge(), SecurityLevel::Full, |_| Ok(&old))).unwrap();
        let key = NewKeys::Aes(new.key(KeyId::Mac));
        run(&mut host, &mut card, PutKeys::replace(0x30, 0x31, key, old.dek()).with_first_id(id)).unwrap();
        for version in [0x30, 0x31] {
            let deleted = run(&mut host, &mut card, Delete::key_version(version)).map(|_| ());
            let deleted = deleted.map_err(|error| error.failure());
            let refused = in_use || version == 0x30;
            assert_eq!(
                deleted,
                if refused { Err(Some(Failure::KeyInUse(version))) } else { Ok(()) },
                "{id} {version:02X}"
            );
        }
        assert_eq!(card.count(ins::DELETE), usize::from(!in_use));
    }
}

/// `2F00` has an empty tag list in its data, the others have none (GPCS 11.3.2.3).
#[test]
fn the_list_of_applications_is_asked_for_with_a_tag_list() {
    let mut sent = Vec::new();
    let mut link = Link(|octets: &[u8]| -> Result<Vec<u8>, Cut> {
        sent.push(octets.to_vec());
        Ok(vec![0x90, 0x00])
    });
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    run(&mut host, &mut link, GetData::APPLICATIONS).unwrap();
    run(&mut host, &mut link, GetData::APPLICATIONS.under_iso_class()).unwrap();
    run(&mut host, &mut link, GetData::CARD_DATA).unwrap();
    assert_eq!(sent[0], [0x80, 0xCA, 0x2F, 0x00, 0x02, 0x5C, 0x00, 0x00]);
    assert_eq!(sent[1], [0x00, 0xCB, 0x2F, 0x00, 0x02, 0x5C, 0x00, 0x00]);
    assert_eq!(sent[2], [0x80, 0xCA, 0x00, 0x66, 0x00]);
}

/// A session that was closed knowingly is none: what needs one is not sent, what does not goes out plain.
#[test]
fn a_closed_host_has_no_session() {
    let keys = keys(16);
    let mut card = TestCard::new(16, 0x70, |_, _: &[u8]| (vec![0x00], StatusWord::OK));
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    assert_eq!((host.channel(), host.lengths()), (LogicalChannel::BASIC, Lengths::Chained));
    run(&mut host, &mut card, Authenticate::new(challenge(), SecurityLevel::Full, |_| Ok(&keys))).unwrap();
    assert!(host.secure_channel().is_some());
    host.close();
    assert!(host.secure_channel().is_none());
    let seen = card.seen.len();
    let error = run(&mut host, &mut card, Delete::object(Aid::new(&NAME).unwrap())).map(|_| ());
    assert_eq!(error.err().and_then(|error| error.failure()), Some(Failure::NoSession));
    assert_eq!(card.seen.len(), seen);
    let mut plain = Link(|octets: &[u8]| -> Result<Vec<u8>, Cut> {
        assert_eq!(octets, [0x80, 0xCA, 0x00, 0x66, 0x00]);
        Ok(vec![0x66, 0x00, 0x90, 0x00])
    });
    assert_eq!(run(&mut host, &mut plain, GetData::CARD_DATA).unwrap().data, [0x66, 0x00]);
}

/// A key in DGIs whose numbers need two octets: a value of 300 (`FF` in front of its length), a usage of two.
#[test]
fn long_keys_in_data_groupings_are_read_as_they_were_written() {
    let dek = Key::new(&[0x11; 16]).unwrap();
    for (length, usage) in [(0xFE_u16, 0x8100), (0xFF, 0x8200), (0x100, 0x8201), (300, 0x0080)] {
        let modulus = vec![0x5A; usize::from(length)];
        let description = |key_type, length| KeyDescription {
            usage: Some(KeyUsage(usage)),
            access: Some(KeyAccess(0x01)),
            key_type,
            length,
            id: 1,
            version: 0x70,
            check_value: &[],
        };
        let items = [
            NewKeyItem::Value(description(KeyType::RSA_PUBLIC_MODULUS, length), &modulus, &[]),
            NewKeyItem::Value(description(KeyType::RSA_PUBLIC_EXPONENT, 3), &[1, 0, 1], &[]),
        ];
        let mut buffer = [0; 600];
        let written = write_keys(&items, &mut &dek, &mut buffer).unwrap();
        let head = match length {
            0xFE => vec![0xFE],
            _ => [&[0xFF][..], &length.to_be_bytes()].concat(),
        };
        let at = written.len() - (2 + 1 + 3) - modulus.len();
        assert_eq!(written[at - head.len()..at], head, "{length}");
        let mut read = Vec::new();
        read_keys(written, |item: KeyItem<'_>| -> Result<(), gp_cardmanager_model::error::Error> {
            let KeyItem::Value(key, dgi) = item else { panic!("{item:?}") };
            read.push((key.usage, key.length, dgi.value.to_vec()));
            Ok(())
        })
        .unwrap();
        let usage = Some(KeyUsage(usage));
        assert_eq!(read, [(usage, length, modulus), (usage, 3, vec![1, 0, 1])]);
    }
}

/// Every INSTALL takes its token, and nothing else changes by it; one for personalization has none.
#[test]
fn a_token_goes_into_every_kind_of_install() {
    let aid = Aid::new(&NAME).unwrap();
    let load = ForLoad { load_file: aid, security_domain: Some(aid), hash: &[7; 32], parameters: &[], token: &[] };
    let install = ForInstall {
        load_file: Some(aid),
        module: Some(aid),
        application: aid,
        privileges: &[0],
        parameters: &[0xC9, 0],
        token: &[],
    };
    let selectable = ForMakeSelectable { application: aid, privileges: &[0], parameters: &[], token: &[] };
    let extradition = ForExtradition { security_domain: aid, object: aid, parameters: &[], token: &[] };
    let update = ForRegistryUpdate {
        security_domain: None,
        application: Some(aid),
        privileges: &[0x10],
        parameters: &[],
        token: &[],
    };
    let kinds = [
        Install::Load(load),
        Install::Install(install),
        Install::InstallAndMakeSelectable(install),
        Install::MakeSelectable(selectable),
        Install::Extradition(extradition),
        Install::RegistryUpdate(update),
        Install::CombinedFirst(load),
        Install::CombinedLast(install),
    ];
    let token = [0xA5; 16];
    for kind in kinds {
        let (mut plain, mut signed) = ([0; 128], [0; 128]);
        let fields = kind.emit_signed_fields(&mut plain).unwrap();
        let body = kind.with_token(&token).emit(&mut signed).unwrap();
        assert_eq!(body, [&*fields, &[16], &token].concat(), "{kind:?}");
        let function = kind.function();
        let read = Install::parse(function.p1(), function.p2(), body).unwrap();
        assert_eq!((read.token(), read.with_token(&[])), (&token[..], kind));
    }
    let personalization = Install::Personalization(aid);
    assert_eq!(personalization.with_token(&token), personalization);
}

/// Global services and implicit selection, any number of each, come back in their order.
#[test]
fn services_and_implicit_selection_are_written() {
    let names = [[0x81, 0x01], [0x82, 0x00]];
    let mut slots = ImplicitSlots::default();
    for octet in [0x80, 0x47] {
        slots = slots.union(ImplicitSlots::from_octet(octet).unwrap());
    }
    let given = Parameters {
        services: Services::new(&names),
        implicit_selection: Some(slots),
        ..Parameters::for_application(&[])
    };
    let mut buffer = [0; 64];
    let written = given.emit(Function::InstallAndMakeSelectable, &mut buffer).unwrap();
    let read = Parameters::parse_for(Function::InstallAndMakeSelectable, written).unwrap();
    assert!(read.services.iter().eq(names));
    assert_eq!(read.implicit_selection, Some(slots));
    // Given, and empty: for explicit selection alone.
    let none = Parameters { implicit_selection: Some(ImplicitSlots::default()), ..Parameters::for_application(&[]) };
    let mut buffer = [0; 64];
    let written = none.emit(Function::InstallAndMakeSelectable, &mut buffer).unwrap();
    assert_eq!(written, [0xC9, 0x00, 0xEF, 0x03, 0xCF, 0x01, 0x00]);
}

/// A plan is the same however far it has come, and another one by each of its parts.
#[test]
fn a_plan_is_the_same_at_every_stage_and_no_other() {
    let (new, other) = (keys(16), keys(32));
    let plan = Rotation::add(0x30, 0x31, &new);
    assert_eq!((plan.old_version(), plan.new_version()), (0x30, 0x31));
    let mut later = plan;
    for stage in [RotationStage::Sent, RotationStage::Stored, RotationStage::Proved, RotationStage::Finished] {
        later.advance(stage).unwrap();
        assert!(plan.is_same_plan(&later) && later.is_same_plan(&plan), "{stage:?}");
    }
    let others = [
        Rotation::add(0x32, 0x31, &new),
        Rotation::add(0x30, 0x32, &new),
        Rotation::add(0x30, 0x31, &other),
        Rotation::replace(0x30, 0x31, &new),
        Rotation::add(0x30, 0x31, &new).deleting_old(),
    ];
    for other in others {
        assert!(!plan.is_same_plan(&other) && !other.is_same_plan(&plan), "{other:?}");
    }
}
