//! Kinds `kcv`, `dek`, `put-key` and `diversification-kdf3`: keys outside of a session.

use gp_cardmanager_model::put_key::{BlockForm, KeyType, NewComponent, NewKey, PutKey, PutKeyWriter};
use gp_scp03::Key;

use super::fault::{Checks, Fault};
use super::fields::Fields;

pub(super) fn kcv(vector: &Fields<'_>, checks: &mut Checks) -> Result<(), Fault> {
    checks.octets("kcv", &vector.key("key")?.kcv(), &vector.octets("kcv")?)
}

/// Encrypted and decrypted: AES-CBC under Key-DEK, ICV of zeros (Amendment D 6.2.8).
pub(super) fn dek(vector: &Fields<'_>, checks: &mut Checks) -> Result<(), Fault> {
    let (dek, plain, cipher) = (vector.key("dek")?, vector.octets("plaintext")?, vector.octets("ciphertext")?);
    let mut data = plain.clone();
    checks.taken("plaintext", dek.encrypt_sensitive(&mut data))?;
    checks.octets("ciphertext", &data, &cipher)?;
    let mut data = cipher;
    checks.taken("ciphertext", dek.decrypt_sensitive(&mut data))?;
    checks.octets("plaintext", &data, &plain)
}

/// One AES key data field, written as the host does and read as the card does (Amendment D 7.2).
pub(super) fn put_key(vector: &Fields<'_>, checks: &mut Checks) -> Result<(), Fault> {
    let (mut dek, key, field) = (vector.key("dek")?, vector.key("new_key")?, vector.octets("field")?);
    let filler = vector.opt_octets("filler")?.unwrap_or_default();
    // The field stands behind the key version number, which it does not depend on.
    let version = 0x01;
    let component = NewComponent { key_type: KeyType::AES, value: key.expose_secret(), filler: &filler };
    let new = NewKey { components: &[component], check_value: &key.kcv(), extended: None };
    let mut buffer = [0; 64];
    let mut writer = checks.taken("field", PutKeyWriter::new(&mut buffer, version, BlockForm::WithLength))?;
    checks.taken("field", writer.key(&new, &mut dek))?;
    let body = checks.taken("field", writer.finish())?;
    checks.octets("field", body.get(1..).unwrap_or_default(), &field)?;

    let body = [&[version], field.as_slice()].concat();
    let command = checks.taken("field as the card reads it", PutKey::parse(0x00, 0x01, &body))?;
    let found = command.keys().next().ok_or_else(|| Fault::differs_in("field", "one key", "none"))?;
    let component = found.components().next().ok_or_else(|| Fault::differs_in("field", "one component", "none"))?;
    checks.equal("type", component.key_type, KeyType::AES)?;
    let mut clear = [0; 32];
    let clear = checks.taken("field as the card decrypts it", component.decrypt(&mut dek, &mut clear))?;
    let found = checks.taken("check value", found.aes_key(clear))?;
    checks.octets("new_key as the card finds it", found.expose_secret(), key.expose_secret())
}

/// A card key from the master key: the counter, three zeros, the key identifier, a zero, the ten octets of diversification
/// data, through CMAC, once for each 16 octets of key. GlobalPlatformPro calls it KDF3; no specification does.
pub(super) fn kdf3(vector: &Fields<'_>, checks: &mut Checks) -> Result<(), Fault> {
    let master = vector.key("master")?;
    let id: u8 = vector.number("key_id")?;
    let diversification: [u8; 10] = vector.array("kdd")?;
    let mut octets: Vec<u8> =
        (1..=2).flat_map(|counter| master.cmac(&[&[counter, 0, 0, 0, id, 0], &diversification])).collect();
    octets.truncate(master.length().octets());
    checks.octets("key", &octets, &vector.octets("key")?)?;
    let key = checks.taken("key", Key::new(&octets))?;
    checks.opt_octets("kcv", &key.kcv(), vector.opt_octets("kcv")?.as_deref())
}
