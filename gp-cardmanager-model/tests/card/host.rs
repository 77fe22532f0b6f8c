//! The two ends together: every operation of the host against the card, at every level, key length and mode.

use crate::kit;
use gp_apdu::{LogicalChannel, StatusWord, Transport, ins};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::Profile;
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::{
    Authenticate, CloseChannel, CreateSecurityDomain, Delete, Discover, Error, Fact, Failure, GetData, GetStatus,
    Guard, Host, Install, Lengths, Load, NewKeys, OpenChannel, Opened, Origin, PutKeys, Rotate, Rotation, Select,
    SetStatus, StoreData, run,
};
use gp_cardmanager_model::install::{self, ForInstall, ForLoad};
use gp_cardmanager_model::key_info::{KeyInformation, KeyUsage};
use gp_cardmanager_model::lifecycle::CardLifeCycle;
use gp_cardmanager_model::load_file::{Content, LoadFile};
use gp_cardmanager_model::put_key::{BlockForm, KeyType};
use gp_cardmanager_model::store_data::key_dgi::{KeyDescription, NewKeyItem, write_keys};
use gp_cardmanager_model::store_data::{Encryption, StoreDataFormat, Structure};
use gp_scp03::{Challenge, ChallengePolicy, ChallengeVerdict, Implementation, KeyId, SecurityLevel, StaticKeys};
use kit::{Bench, KVN, TestCard, Wire, cap_block, factory, key_set, keys_from};

/// The link was cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cut;

impl core::fmt::Display for Cut {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("cut")
    }
}

impl core::error::Error for Cut {}

/// The card behind a link that is cut after so many exchanges.
struct Link<'c, 'm> {
    card: &'c mut TestCard<'m>,
    exchanges: usize,
    cut_at: Option<usize>,
}

impl Transport for Link<'_, '_> {
    type Error = Cut;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Cut> {
        let answer = self.card.transmit(command);
        let number = self.exchanges;
        self.exchanges += 1;
        if self.cut_at == Some(number) {
            return Err(Cut);
        }
        response.get_mut(..answer.len()).ok_or(Cut)?.copy_from_slice(&answer);
        Ok(answer.len())
    }
}

fn link<'c, 'm>(card: &'c mut TestCard<'m>) -> Link<'c, 'm> {
    Link { card, exchanges: 0, cut_at: None }
}

const PACKAGE: [u8; 6] = [0xD2, 0x76, 0, 0, 1, 0];
const APPLET: [u8; 7] = [0xD2, 0x76, 0, 0, 1, 0, 1];
const INSTANCE: [u8; 7] = [0xD2, 0x76, 0, 0, 1, 0xAA, 1];
const DOMAIN: [u8; 8] = [0xA0, 0, 0, 1, 0x51, 0, 0, 7];

fn aid(octets: &[u8]) -> Aid {
    Aid::new(octets).unwrap()
}

fn bench(keys: StaticKeys, i: u8) -> Bench {
    let profile = factory(vec![key_set(KVN, keys, [0; 3])]);
    Bench::with(Profile { implementation: Implementation::new(i), ..profile })
}

fn challenge(i: u8, number: u8) -> Challenge {
    Challenge::new(&[number; 16][..if i & 1 == 0 { 8 } else { 16 }]).unwrap()
}

fn open(
    host: &mut Host<'_>,
    link: &mut Link<'_, '_>,
    keys: &StaticKeys,
    version: u8,
    i: u8,
    level: SecurityLevel,
) -> Result<Opened, Error<Cut>> {
    let isd = Aid::ISSUER_SECURITY_DOMAIN;
    let task = Authenticate::new(challenge(i, version), level, |_| Ok(keys)).with_key_version(version);
    run(host, link, task.with_policy(ChallengePolicy::Warn(isd.as_bytes())))
}

fn list(host: &mut Host<'_>, link: &mut Link<'_, '_>, subset: Subset) -> Vec<(Aid, u8)> {
    let mut found = Vec::new();
    let listed = run(
        host,
        link,
        GetStatus::new(subset, |entry| {
            let entry = entry.unwrap();
            found.push((entry.aid.unwrap(), entry.life_cycle.unwrap()));
        }),
    );
    assert_eq!(listed.unwrap().errors, 0);
    found
}

fn state(host: &mut Host<'_>, link: &mut Link<'_, '_>, name: &[u8]) -> Option<u8> {
    list(host, link, Subset::Applications).into_iter().find(|(found, _)| *found == aid(name)).map(|(_, state)| state)
}

/// A package loaded, an applet installed, locked, deleted; a security domain created, given keys, used, deleted.
fn whole_life(keys: &StaticKeys, i: u8, level: SecurityLevel, lengths: Lengths) {
    let what = format!("i {i:02X}, level {:02X}, {lengths:?}", level.octet());
    let key_len = keys.dek().length().octets();
    let mut bench = bench(keys_from(0x40, key_len), i);
    let mut card = bench.card();
    let mut link = link(&mut card);
    let (mut command, mut response) = ([0; 1100], [0; 1100]);
    let mut host = Host::new(&mut command, &mut response, ());
    host.set_lengths(lengths);

    let mut facts = 0;
    let discovered = run(
        &mut host,
        &mut link,
        Discover::new(|fact| match fact {
            Fact::Selected(fci) => assert_eq!(fci.aid(), Some(Aid::ISSUER_SECURITY_DOMAIN)),
            Fact::Keys(keys) => assert_eq!(keys.filter_map(Result::ok).filter(|key| key.key_version == KVN).count(), 3),
            Fact::CardData(data) => {
                facts += 1;
                assert!(data.secure_channels.iter().any(|scp| scp.unwrap().i == i.into()));
            }
            _ => facts += 1,
        }),
    );
    assert_eq!(discovered.unwrap().origin, Origin::Plain);
    assert!(facts > 0);

    let opened = open(&mut host, &mut link, keys, KVN, i, level).unwrap();
    assert_eq!((opened.level, opened.info.key_version), (level, KVN), "{what}");
    let expected = if i & 0x10 != 0 { ChallengeVerdict::Matches } else { ChallengeVerdict::Random };
    assert_eq!(opened.challenge, expected);

    let block = cap_block(&PACKAGE, &[&APPLET]);
    let mut head = [0; 8];
    let head = LoadFile { daps: &[], content: Content::Plain { len: block.len() } }.emit_head(&mut head).unwrap();
    let body = ForLoad { load_file: aid(&PACKAGE), security_domain: None, hash: &[], parameters: &[], token: &[] };
    let load = Load::new(body, head, block.chunks(11)).with_block_len(30);
    let done = run(&mut host, &mut link, load).unwrap();
    assert_eq!((done.confirmation(), done.origin == Origin::Authentic), (Ok(None), level.has_r_mac()), "{what}");
    assert!(list(&mut host, &mut link, Subset::LoadFiles).contains(&(aid(&PACKAGE), 0x01)));

    let parameters: Vec<u8> = [&[0xC9, 0x81, 200][..], &[0x5C; 200]].concat();
    let body = ForInstall {
        load_file: Some(aid(&PACKAGE)),
        module: Some(aid(&APPLET)),
        application: aid(&INSTANCE),
        privileges: &[0x00],
        parameters: &parameters,
        token: &[],
    };
    run(&mut host, &mut link, Install::new(install::Install::Install(body))).unwrap();
    assert_eq!(state(&mut host, &mut link, &INSTANCE), Some(0x03), "{what}");
    run(&mut host, &mut link, Install::make_selectable(aid(&INSTANCE))).unwrap();
    assert_eq!(state(&mut host, &mut link, &INSTANCE), Some(0x07));
    run(&mut host, &mut link, SetStatus::lock(aid(&INSTANCE))).unwrap();
    assert_eq!(state(&mut host, &mut link, &INSTANCE), Some(0x87));
    run(&mut host, &mut link, SetStatus::unlock(aid(&INSTANCE))).unwrap();
    let format = StoreDataFormat::default();
    run(&mut host, &mut link, StoreData::new(format, &[0x11; 300]).to_application(aid(&INSTANCE))).unwrap();
    let refused = run(&mut host, &mut link, Delete::object(aid(&PACKAGE))).unwrap_err();
    assert_eq!(refused.failure().unwrap().status(), Some(StatusWord::CONDITIONS_OF_USE));
    run(&mut host, &mut link, Delete::related(aid(&PACKAGE))).unwrap();
    assert_eq!(state(&mut host, &mut link, &INSTANCE), None);

    // A security domain with keys of its own.
    let (file, module) = (aid(&[0xA0, 0, 0, 1, 0x51, 0x53, 0x50]), aid(&[0xA0, 0, 0, 1, 0x51, 0x53, 0x50, 0x41]));
    run(&mut host, &mut link, CreateSecurityDomain::new(file, module, aid(&DOMAIN))).unwrap();
    assert_eq!(state(&mut host, &mut link, &DOMAIN), Some(0x07));
    let own = keys_from(0x77, key_len);
    let check_values = [KeyId::Enc, KeyId::Mac, KeyId::Dek].map(|id| own.key(id).kcv());
    let describe = |number: usize, id: KeyId, usage| {
        let description = KeyDescription {
            usage: Some(usage),
            access: None,
            key_type: KeyType::AES,
            length: u16::try_from(key_len).unwrap(),
            id: u8::try_from(number).unwrap() + 1,
            version: 0x21,
            check_value: &check_values[number],
        };
        NewKeyItem::Value(description, own.key(id).expose_secret(), &[])
    };
    let items = [
        describe(0, KeyId::Enc, KeyUsage::C_ENC_R_ENC),
        describe(1, KeyId::Mac, KeyUsage::C_MAC_R_MAC),
        describe(2, KeyId::Dek, KeyUsage::C_DEK_R_DEK),
    ];
    let mut dgis = [0; 512];
    let dgis = write_keys(&items, &mut keys.dek(), &mut dgis).unwrap();
    let format = StoreDataFormat { encryption: Encryption::Encrypted, structure: Structure::Dgi, answer: false };
    run(&mut host, &mut link, StoreData::new(format, dgis).to_application(aid(&DOMAIN))).unwrap();
    assert_eq!(state(&mut host, &mut link, &DOMAIN), Some(0x0F), "{what}");
    run(&mut host, &mut link, Select::aid(&aid(&DOMAIN))).unwrap();
    assert!(host.secure_channel().is_none());
    open(&mut host, &mut link, &own, 0x21, i, level).unwrap();
    run(&mut host, &mut link, Select::issuer_security_domain()).unwrap();
    open(&mut host, &mut link, keys, KVN, i, level).unwrap();
    run(&mut host, &mut link, Delete::object(aid(&DOMAIN))).unwrap();
    assert_eq!(state(&mut host, &mut link, &DOMAIN), None);
}

#[test]
fn every_operation_at_every_level_key_length_and_mode() {
    for key_len in [16, 24, 32] {
        for i in [0x00, 0x10, 0x60, 0x70, 0x71] {
            for level in SecurityLevel::ALL {
                if Implementation::new(i).supports(level) {
                    whole_life(&keys_from(0x40, key_len), i, level, Lengths::Chained);
                }
            }
        }
    }
}

#[test]
fn every_operation_in_extended_length() {
    for level in SecurityLevel::ALL {
        for lengths in [Lengths::Extended, Lengths::ExtendedIfNeeded] {
            whole_life(&keys_from(0x40, 16), 0x70, level, lengths);
        }
    }
}

#[test]
fn keys_are_put_read_back_and_deleted() {
    for key_len in [16, 24, 32] {
        for form in [BlockForm::WithLength, BlockForm::Bare] {
            let mut bench = bench(keys_from(0x40, key_len), 0x70);
            let mut card = bench.card();
            let mut link = link(&mut card);
            let (mut command, mut response) = ([0; 600], [0; 300]);
            let mut host = Host::new(&mut command, &mut response, ());
            let (old, new) = (keys_from(0x40, key_len), keys_from(0x99, key_len));
            open(&mut host, &mut link, &old, KVN, 0x70, SecurityLevel::Full).unwrap();
            let put = PutKeys::add(0x31, NewKeys::Set(&new), old.dek()).with_form(form);
            let put = run(&mut host, &mut link, put).unwrap();
            assert_eq!((put.version, put.origin), (0x31, Origin::Authentic));
            let answer = run(&mut host, &mut link, GetData::KEY_INFORMATION).unwrap();
            let versions: Vec<u8> =
                KeyInformation::parse(answer.data).unwrap().map(|key| key.unwrap().key_version).collect();
            assert_eq!(versions.iter().filter(|version| **version == 0x31).count(), 3);
            let in_use = run(&mut host, &mut link, Delete::key_version(KVN)).unwrap_err();
            assert_eq!(in_use.failure(), Some(Failure::KeyInUse(KVN)));
            open(&mut host, &mut link, &new, 0x31, 0x70, SecurityLevel::Full).unwrap();
            run(&mut host, &mut link, Delete::key_version(KVN)).unwrap();
            let gone = open(&mut host, &mut link, &old, KVN, 0x70, SecurityLevel::Full).unwrap_err();
            assert_eq!(gone.failure().unwrap().status(), Some(StatusWord::REFERENCED_DATA_NOT_FOUND));
        }
    }
}

/// Rotation over a link that is cut after every exchange: the card keeps what it did, the record says where to go on.
#[test]
fn keys_are_rotated_over_a_link_that_is_cut() {
    let (old, new) = (keys_from(0x40, 16), keys_from(0x99, 16));
    let mut cuts = 0;
    for (replace, new_version) in [(false, 0x31), (true, 0x31), (true, KVN)] {
        for cut_at in 0..10 {
            let mut bench = bench(keys_from(0x40, 16), 0x70);
            let mut card = bench.card();
            let make = if replace { Rotation::replace } else { Rotation::add };
            let mut record = make(KVN, new_version, &new).deleting_old().to_bytes();
            for cut_at in [Some(cut_at), None] {
                let mut link = Link { card: &mut card, exchanges: 0, cut_at };
                let (mut command, mut response) = ([0; 600], [0; 300]);
                let mut host = Host::new(&mut command, &mut response, ());
                let rotation = Rotation::from_bytes(&record).unwrap();
                if rotation.is_finished() {
                    continue;
                }
                let mut number = 0;
                let random = || {
                    number += 1;
                    Ok(challenge(0x70, number))
                };
                let rotate = Rotate::new(rotation, &old, &new, SecurityLevel::Full, random, |rotation| {
                    record = rotation.to_bytes();
                    Ok(())
                });
                match run(&mut host, &mut link, rotate) {
                    Ok(finished) => assert!(finished.is_finished()),
                    Err(error) => {
                        assert_eq!(error, Error::Transport(Cut));
                        cuts += 1;
                    }
                }
                link.card.reset();
            }
            let mut link = link(&mut card);
            let (mut command, mut response) = ([0; 600], [0; 300]);
            let mut host = Host::new(&mut command, &mut response, ());
            open(&mut host, &mut link, &new, new_version, 0x70, SecurityLevel::Full).unwrap();
            if new_version != KVN {
                open(&mut host, &mut link, &old, KVN, 0x70, SecurityLevel::Full).unwrap_err();
            }
        }
    }
    assert!(cuts > 15, "{cuts}");
}

/// A link on which somebody changes the host's n-th proof.
struct Meddler<'c, 'm> {
    link: Link<'c, 'm>,
    proofs: usize,
    changed: Option<usize>,
}

impl Transport for Meddler<'_, '_> {
    type Error = Cut;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Cut> {
        let mut command = command.to_vec();
        if command[1] == ins::EXTERNAL_AUTHENTICATE {
            self.proofs += 1;
            command[5] ^= u8::from(self.changed == Some(self.proofs));
        }
        self.link.transmit(&command, response)
    }
}

/// The host cannot prove the new keys. Each run makes one attempt; without guards the card locks the set, with them the
/// rotation stops before, and goes on when somebody has found out why.
#[test]
fn a_guard_stops_a_rotation_before_the_card_locks_the_new_keys() {
    let (old, new) = (keys_from(0x40, 16), keys_from(0x99, 16));
    let rotations =
        [Rotation::add(KVN, 0x31, &new), Rotation::replace(KVN, 0x31, &new), Rotation::replace(KVN, KVN, &new)];
    for (rotation, guarded) in rotations.into_iter().flat_map(|rotation| [(rotation, false), (rotation, true)]) {
        let mut bench = bench(keys_from(0x40, 16), 0x70);
        bench.profile.max_failures = 3;
        let mut card = bench.card();
        let rotation = if guarded { rotation.guarded(Guard::new(2), Guard::new(2)) } else { rotation };
        let mut record = rotation.to_bytes();
        // What a run with the stored record comes to, and how many commands and proofs it has sent.
        let mut attempt = |record: &mut [u8; Rotation::LEN], changed: Option<usize>| {
            card.reset();
            let mut link = Meddler { link: link(&mut card), proofs: 0, changed };
            let (mut command, mut response) = ([0; 600], [0; 300]);
            let mut host = Host::new(&mut command, &mut response, ());
            let mut number = 0;
            let random = || {
                number += 1;
                Ok(challenge(0x70, number))
            };
            let stored = Rotation::from_bytes(record).unwrap();
            let rotate = Rotate::new(stored, &old, &new, SecurityLevel::Full, random, |rotation| {
                *record = rotation.to_bytes();
                Ok(())
            });
            let result = run(&mut host, &mut link, rotate).map_err(|error| error.failure().unwrap());
            (result, link.link.exchanges, link.proofs)
        };
        let status = |result: Result<Rotation, Failure>| result.unwrap_err().status();
        // The old keys are the first proof, the new ones the second.
        let (result, _, proofs) = attempt(&mut record, Some(2));
        assert_eq!((status(result), proofs), (Some(StatusWord::SECURITY_STATUS), 2));
        let (result, exchanges, proofs) = attempt(&mut record, Some(1));
        assert_eq!((status(result), exchanges, proofs), (Some(StatusWord::SECURITY_STATUS), 2, 1));
        if guarded {
            for _ in 0..5 {
                assert_eq!(attempt(&mut record, Some(1)), (Err(Failure::Stopped), 0, 0));
            }
            let rotation = Rotation::from_bytes(&record).unwrap();
            assert_eq!(rotation.guards().unwrap().1, Guard::resume(2, 2));
            record = rotation.guarded(Guard::new(2), Guard::new(2)).to_bytes();
            let (result, _, _) = attempt(&mut record, None);
            let finished = result.unwrap();
            assert!(finished.is_finished());
            assert_eq!(finished.guards(), Some((Guard::new(2), Guard::new(2))));
        } else {
            attempt(&mut record, Some(1)).0.unwrap_err();
            let (result, exchanges, _) = attempt(&mut record, None);
            assert_eq!((status(result), exchanges), (Some(StatusWord::AUTHENTICATION_BLOCKED), 1));
        }
    }
}

#[test]
fn the_card_is_locked_and_unlocked_again() {
    let keys = keys_from(0x40, 16);
    let mut bench = bench(keys_from(0x40, 16), 0x70);
    let mut card = bench.card();
    let mut link = link(&mut card);
    let (mut command, mut response) = ([0; 600], [0; 300]);
    let mut host = Host::new(&mut command, &mut response, ());
    open(&mut host, &mut link, &keys, KVN, 0x70, SecurityLevel::Full).unwrap();
    let now = list(&mut host, &mut link, Subset::IssuerSecurityDomain)[0].1;
    for next in [CardLifeCycle::Initialized, CardLifeCycle::Secured].into_iter().filter(|next| next.octet() > now) {
        run(&mut host, &mut link, SetStatus::card(next)).unwrap();
    }
    run(&mut host, &mut link, SetStatus::card(CardLifeCycle::CardLocked)).unwrap();
    let selected = run(&mut host, &mut link, Select::issuer_security_domain()).unwrap();
    assert!(selected.card_locked && selected.fci().unwrap().aid().is_some());
    open(&mut host, &mut link, &keys, KVN, 0x70, SecurityLevel::Full).unwrap();
    let refused = run(&mut host, &mut link, Install::make_selectable(aid(&INSTANCE))).unwrap_err();
    assert!(refused.failure().unwrap().status().is_some());
    run(&mut host, &mut link, SetStatus::card(CardLifeCycle::Secured)).unwrap();
    let selected = run(&mut host, &mut link, Select::issuer_security_domain()).unwrap();
    assert!(!selected.card_locked);
}

#[test]
fn logical_channels_have_sessions_of_their_own() {
    let keys = keys_from(0x40, 16);
    let mut bench = bench(keys_from(0x40, 16), 0x70);
    let mut card = bench.card();
    let mut link = link(&mut card);
    let (mut command, mut response) = ([0; 600], [0; 300]);
    let mut host = Host::new(&mut command, &mut response, ());
    let channel = run(&mut host, &mut link, OpenChannel::any()).unwrap();
    host.set_channel(channel);
    run(&mut host, &mut link, Select::issuer_security_domain()).unwrap();
    open(&mut host, &mut link, &keys, KVN, 0x70, SecurityLevel::Full).unwrap();
    assert_eq!(list(&mut host, &mut link, Subset::IssuerSecurityDomain).len(), 1);
    assert!(run(&mut host, &mut link, CloseChannel::new(channel)).unwrap());
    assert!(host.secure_channel().is_none());
    let closed = run(&mut host, &mut link, GetData::IIN).unwrap_err();
    assert_eq!(closed.failure().unwrap().status(), Some(StatusWord::CHANNEL_NOT_SUPPORTED));
    host.set_channel(LogicalChannel::BASIC);
    run(&mut host, &mut link, Select::issuer_security_domain()).unwrap();
}
