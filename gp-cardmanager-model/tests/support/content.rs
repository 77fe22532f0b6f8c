//! Content for tests of the card: applications, security domains with keys, and what can be seen of all that.
//!
//! The including test has the kit as `mod kit`.

#![allow(dead_code, reason = "each test that includes this file uses a part of it")]

use super::kit::{self, Host, Opening, TestCard, hex, install_fields, tlv};
use gp_cardmanager_model::key_info::{KeyAccess, KeyUsage};
use gp_cardmanager_model::put_key::{BlockForm, KeyType, NewComponent, NewKey, PutKeyWriter};
use gp_cardmanager_model::store_data::key_dgi::{KeyDescription, NewKeyItem, write_keys};
use gp_scp03::{Key, KeyId, SecurityLevel, StaticKeys};

pub(crate) const ISD: [u8; 8] = [0xA0, 0, 0, 1, 0x51, 0, 0, 0];
pub(crate) const DOMAIN_FILE: [u8; 7] = [0xA0, 0, 0, 1, 0x51, 0x53, 0x50];
pub(crate) const DOMAIN_MODULE: [u8; 8] = [0xA0, 0, 0, 1, 0x51, 0x53, 0x50, 0x41];
pub(crate) const FILE: [u8; 6] = [0xD2, 0x76, 0, 0, 1, 0];
pub(crate) const MODULE: [u8; 7] = [0xD2, 0x76, 0, 0, 1, 0, 1];
pub(crate) const APP: [u8; 7] = [0xD2, 0x76, 0, 0, 1, 0xAA, 1];
pub(crate) const OTHER: [u8; 7] = [0xD2, 0x76, 0, 0, 1, 0xAA, 2];
pub(crate) const SSD: [u8; 6] = [0xD2, 0x76, 0, 0, 2, 1];
pub(crate) const SSD2: [u8; 6] = [0xD2, 0x76, 0, 0, 2, 2];

/// Loads the package with its one applet.
pub(crate) fn load(host: &mut Host, card: &mut TestCard<'_>) {
    host.load_package(card, &FILE, &[&MODULE]);
}

/// Installs an instance of the applet and makes it selectable.
pub(crate) fn install(host: &mut Host, card: &mut TestCard<'_>, aid: &[u8], privileges: &[u8], parameters: &str) {
    let fields: [&[u8]; 6] = [&FILE, &MODULE, aid, privileges, &hex(parameters), &[]];
    assert_eq!(host.install(card, 0x0C, 0x00, &fields), (vec![0], 0x9000));
}

/// Creates a security domain in SELECTABLE.
pub(crate) fn make_domain(host: &mut Host, card: &mut TestCard<'_>, aid: &[u8], privileges: &[u8], own: &str) {
    let parameters = tlv(0xC9, &hex(own));
    let fields: [&[u8]; 6] = [&DOMAIN_FILE, &DOMAIN_MODULE, aid, privileges, &parameters, &[]];
    assert_eq!(host.install(card, 0x0C, 0x00, &fields), (vec![0], 0x9000));
}

/// Describes an AES key for STORE DATA.
pub(crate) fn described(version: u8, id: u8, key: &Key, check_value: &[u8; 3]) -> KeyDescription<'static> {
    let usage = [KeyUsage(0x3800), KeyUsage(0x3400), KeyUsage(0xC800)][usize::from(id - 1)];
    KeyDescription {
        usage: Some(usage),
        access: None,
        key_type: KeyType::AES,
        length: key.expose_secret().len() as u16,
        id,
        version,
        check_value: Box::leak(Box::new(*check_value)),
    }
}

/// The DGIs of an AES key set.
pub(crate) fn key_dgis(version: u8, keys: &StaticKeys, dek: &Key) -> Vec<u8> {
    let keys = [KeyId::Enc, KeyId::Mac, KeyId::Dek].map(|id| keys.key(id));
    let items: Vec<NewKeyItem<'_>> = (1..)
        .zip(keys)
        .map(|(id, key)| NewKeyItem::Value(described(version, id, key, &key.kcv()), key.expose_secret(), &[]))
        .collect();
    let mut buffer = [0; 512];
    write_keys(&items, &mut &*dek, &mut buffer).unwrap().to_vec()
}

/// Gives a security domain below the ISD its key set, through the ISD. It is PERSONALIZED then unless it asked otherwise.
pub(crate) fn give_keys(host: &mut Host, card: &mut TestCard<'_>, aid: &[u8], version: u8, keys: &StaticKeys) {
    assert_eq!(host.install(card, 0x20, 0x00, &[&[], &[], aid, &[], &[], &[]]), (vec![0], 0x9000));
    let dgis = key_dgis(version, keys, kit::factory_keys().dek());
    let blocks: Vec<&[u8]> = dgis.chunks(100).collect();
    for (number, block) in blocks.iter().enumerate() {
        let last = if number + 1 == blocks.len() { 0x80 } else { 0 };
        assert_eq!(host.send(card, [0x80, 0xE2, 0x08 | last, number as u8], block), (vec![], 0x9000));
    }
}

/// A security domain with this seed's keys under version 30, PERSONALIZED.
pub(crate) fn personal_domain(host: &mut Host, card: &mut TestCard<'_>, aid: &[u8], privileges: &str, seed: u8) {
    make_domain(host, card, aid, &hex(privileges), "");
    give_keys(host, card, aid, kit::KVN, &kit::keys_from(seed, 16));
}

/// A session of such a domain on the basic channel.
pub(crate) fn session_of(card: &mut TestCard<'_>, aid: &[u8], seed: u8) -> Host {
    assert_eq!(kit::select(card, aid).1, 0x9000);
    Opening::new(&mut kit::keys_from(seed, 16), kit::KVN, SecurityLevel::CMac).open(card).unwrap()
}

/// A session of the ISD on the basic channel.
pub(crate) fn session(card: &mut TestCard<'_>) -> Host {
    assert_eq!(kit::select(card, &[]).1, 0x9000);
    Host::open(card, kit::KVN, SecurityLevel::CMac).unwrap()
}

/// A session of the ISD, and the package with an instance of its applet that is selectable.
pub(crate) fn session_with_app(card: &mut TestCard<'_>) -> Host {
    let mut host = session(card);
    load(&mut host, card);
    install(&mut host, card, &APP, &[0x00], "C900");
    host
}

/// Gives an application, a load file or a security domain to another security domain.
pub(crate) fn extradite(host: &mut Host, card: &mut TestCard<'_>, object: &[u8], to: &[u8]) {
    assert_eq!(host.install(card, 0x10, 0x00, &[to, &[], object, &[], &[], &[]]), (vec![0], 0x9000));
}

/// The body of PUT KEY for a whole AES set.
pub(crate) fn key_body(version: u8, keys: &StaticKeys, dek: &Key, form: BlockForm) -> Vec<u8> {
    let mut buffer = [0; 512];
    let mut writer = PutKeyWriter::new(&mut buffer, version, form).unwrap();
    for id in [KeyId::Enc, KeyId::Mac, KeyId::Dek] {
        writer.aes(keys.key(id), &mut &*dek).unwrap();
    }
    writer.finish().unwrap().to_vec()
}

/// The body of PUT KEY for one AES key.
pub(crate) fn one_key_body(version: u8, key: &Key, dek: &Key) -> Vec<u8> {
    let mut buffer = [0; 128];
    let mut writer = PutKeyWriter::new(&mut buffer, version, BlockForm::WithLength).unwrap();
    writer.aes(key, &mut &*dek).unwrap();
    writer.finish().unwrap().to_vec()
}

/// Key information.
pub(crate) fn keys_shown(host: &mut Host, card: &mut TestCard<'_>) -> Vec<u8> {
    let (data, status) = host.send(card, [0x80, 0xCA, 0x00, 0xE0], &[]);
    assert_eq!(status, 0x9000);
    data
}

/// All that this session can see.
pub(crate) fn picture(host: &mut Host, card: &mut TestCard<'_>) -> Vec<(Vec<u8>, u16)> {
    let mut seen: Vec<_> = [0x80, 0x40, 0x20, 0x10].map(|subset| host.listed(card, subset)).into();
    for tag in [0x00E0_u16, 0x0042, 0x0045, 0x0066, 0x0067, 0x00CF, 0x5F50, 0x9F66, 0x9F67, 0x9F7F, 0x00C2] {
        let [high, low] = tag.to_be_bytes();
        seen.push(host.send(card, [0x80, 0xCA, high, low], &[]));
    }
    seen
}

/// The card refuses with this status word; nothing that can be seen changes, and nothing is written.
#[track_caller]
pub(crate) fn refused(host: &mut Host, card: &mut TestCard<'_>, header: [u8; 4], data: &[u8], status: u16) {
    let (before, written) = (picture(host, card), card.wear());
    let answer = host.send(card, header, data);
    assert_eq!((answer.0, format!("{:04X}", answer.1)), (vec![], format!("{status:04X}")));
    assert_eq!(card.wear(), written, "a refusal writes nothing");
    assert_eq!(picture(host, card), before, "a refusal changes nothing");
}

/// The state octet of an entry in a listing of applications, or of the ISD.
pub(crate) fn state_of(host: &mut Host, card: &mut TestCard<'_>, aid: &[u8]) -> Option<u8> {
    value_of(host, card, aid, &[0x9F, 0x70]).map(|value| value[0])
}

/// The privileges of an entry.
pub(crate) fn privileges_of(host: &mut Host, card: &mut TestCard<'_>, aid: &[u8]) -> Option<Vec<u8>> {
    value_of(host, card, aid, &[0xC5])
}

fn value_of(host: &mut Host, card: &mut TestCard<'_>, aid: &[u8], tag: &[u8]) -> Option<Vec<u8>> {
    let all = [0x80, 0x40, 0x20].map(|subset| host.listed(card, subset).0).concat();
    let named = tlv(0x4F, aid);
    let at = all.windows(named.len()).position(|window| window == named)? + named.len();
    let rest = &all[at..];
    let at = rest.windows(tag.len()).position(|window| window == tag)? + tag.len();
    Some(rest[at + 1..][..usize::from(rest[at])].to_vec())
}

/// INSTALL \[for registry update\] that disables functions of the OPEN for ever.
pub(crate) fn restrict(host: &mut Host, card: &mut TestCard<'_>, functions: u8) {
    let parameters = tlv(0xEF, &tlv(0xD9, &[functions]));
    let fields = install_fields(&[&[], &[], &[], &[], &parameters, &[]]);
    assert_eq!(host.status(card, [0x80, 0xE6, 0x40, 0x00], &fields), 0x9000);
}

/// PUT KEY data for a whole set with this access.
pub(crate) fn set_with_access(version: u8, keys: &StaticKeys, access: u8, dek: &Key) -> Vec<u8> {
    let keys = [KeyId::Enc, KeyId::Mac, KeyId::Dek].map(|id| (KeyType::AES, keys.key(id)));
    keys_with_access(version, &keys, access, dek)
}

/// PUT KEY data for keys of one component with this access.
pub(crate) fn keys_with_access(version: u8, keys: &[(KeyType, &Key)], access: u8, dek: &Key) -> Vec<u8> {
    let mut buffer = [0; 512];
    let mut writer = PutKeyWriter::new(&mut buffer, version, BlockForm::Bare).unwrap();
    for (key_type, key) in keys {
        let components = [NewComponent { key_type: *key_type, value: key.expose_secret(), filler: &[] }];
        let extended = Some((None, Some(KeyAccess(access))));
        writer.key(&NewKey { components: &components, check_value: &key.kcv(), extended }, &mut &*dek).unwrap();
    }
    writer.finish().unwrap().to_vec()
}
