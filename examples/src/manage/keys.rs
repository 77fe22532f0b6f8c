//! Key sets: those of the embedded card, and those that the command line brings.

use gp_scp03::{Key, KeyId, KeyLength, SessionKeys, StaticKeys};
use serde_json::{Value, json};

use crate::hex;

/// The key version number of the embedded card's keys.
pub(super) const EMBEDDED_VERSION: u8 = 0x30;

/// The keys of the embedded card: no secret, since everybody can read them here.
pub(super) fn embedded(length: KeyLength) -> Result<StaticKeys, gp_scp03::Error> {
    let key = |start: u8| {
        let octets: Vec<u8> = (start..).take(length.octets()).collect();
        Key::new(&octets)
    };
    StaticKeys::new(key(0x10)?, key(0x50)?, key(0x90)?)
}

/// Names and octets of all keys, for `--show-keys` alone.
pub(super) fn revealed(keys: &StaticKeys, session: Option<&SessionKeys>) -> Vec<(&'static str, String)> {
    let octets = |key: &Key| hex::encode(key.expose_secret());
    let mut shown = vec![
        ("Key-ENC", octets(keys.key(KeyId::Enc))),
        ("Key-MAC", octets(keys.key(KeyId::Mac))),
        ("Key-DEK", octets(keys.key(KeyId::Dek))),
    ];
    if let Some(session) = session {
        shown.push(("S-ENC", octets(session.enc())));
        shown.push(("S-MAC", octets(session.mac())));
        shown.push(("S-RMAC", octets(session.r_mac())));
    }
    shown
}

/// The same as JSON.
pub(super) fn to_json(shown: &[(&'static str, String)]) -> Value {
    shown.iter().map(|(name, octets)| ((*name).to_owned(), json!(octets))).collect::<serde_json::Map<_, _>>().into()
}
