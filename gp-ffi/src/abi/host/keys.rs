//! DELETE of keys, and PUT KEY.

use gp_cardmanager_model::host::{Delete, NewKeys, PutKeys};

use super::{gp_host, start};
use crate::abi::keys::{DekSource, Encrypting};
use crate::abi::{gp_key, gp_key_set, gp_key_source, look, object};
use crate::status::gp_status;

/// DELETE: all keys of a version, other than the one of the session.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_delete_keys(host: *mut gp_host, version: u8) -> gp_status {
    // SAFETY: the caller's promise.
    unsafe { start(host, Ok(Delete::key_version(version).into())) }
}

/// DELETE: one key, by its version and identifier, other than those of the session. Many cards delete whole versions only.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_delete_key(host: *mut gp_host, version: u8, id: u8) -> gp_status {
    // SAFETY: the caller's promise.
    unsafe { start(host, Ok(Delete::key(version, id).into())) }
}

/// PUT KEY: puts a key set under `version`, in place of version `replaces` or, when that is 0, beside the others. The
/// values are encrypted with the Key-DEK of `current`, and the check values that come back are compared.
///
/// # Safety
/// See the rules of the header: both key sets stay until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_put_keys(
    host: *mut gp_host,
    replaces: u8,
    version: u8,
    keys: *const gp_key_set,
    current: *const gp_key_set,
) -> gp_status {
    let operation = || {
        // SAFETY: the caller's promise.
        let (keys, current) = unsafe { (look(keys)?, look(current)?) };
        Ok(put_keys(replaces, version, NewKeys::Set(keys), DekSource::Key(current.dek())).into())
    };
    // SAFETY: the caller's promise.
    unsafe { start(host, operation()) }
}

/// As `gp_host_put_keys`, with a Key-DEK that stays in a module: its `encrypt` is needed, its `cmac` may be null.
///
/// # Safety
/// See the rules of the header: the key set and the context of the source stay until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_put_keys_with(
    host: *mut gp_host,
    replaces: u8,
    version: u8,
    keys: *const gp_key_set,
    source: *const gp_key_source,
) -> gp_status {
    let operation = || {
        // SAFETY: the caller's promise.
        let (keys, source) = unsafe { (look(keys)?, object(source)?) };
        Ok(put_keys(replaces, version, NewKeys::Set(keys), DekSource::Module(Encrypting::new(source)?)).into())
    };
    // SAFETY: the caller's promise.
    unsafe { start(host, operation()) }
}

/// PUT KEY: puts one AES key with this version and identifier, 0x01 to 0x7F each, in place of the key of version `replaces`
/// or, when that is 0, beside the others: for tokens (customarily version 0x70), receipts (0x71), DAP (0x73). The value is
/// encrypted with the Key-DEK of `current`, and the check value that comes back is compared.
///
/// # Safety
/// See the rules of the header: the key and the key set stay until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_put_key(
    host: *mut gp_host,
    replaces: u8,
    version: u8,
    id: u8,
    key: *const gp_key,
    current: *const gp_key_set,
) -> gp_status {
    let operation = || {
        // SAFETY: the caller's promise.
        let (key, current) = unsafe { (look(key)?, look(current)?) };
        Ok(put_keys(replaces, version, NewKeys::Aes(key), DekSource::Key(current.dek())).with_first_id(id).into())
    };
    // SAFETY: the caller's promise.
    unsafe { start(host, operation()) }
}

/// As `gp_host_put_key`, with a Key-DEK that stays in a module: its `encrypt` is needed, its `cmac` may be null.
///
/// # Safety
/// See the rules of the header: the key and the context of the source stay until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_put_key_with(
    host: *mut gp_host,
    replaces: u8,
    version: u8,
    id: u8,
    key: *const gp_key,
    source: *const gp_key_source,
) -> gp_status {
    let operation = || {
        // SAFETY: the caller's promise.
        let (key, source) = unsafe { (look(key)?, object(source)?) };
        let dek = DekSource::Module(Encrypting::new(source)?);
        Ok(put_keys(replaces, version, NewKeys::Aes(key), dek).with_first_id(id).into())
    };
    // SAFETY: the caller's promise.
    unsafe { start(host, operation()) }
}

/// What is to be put, beside the keys that are there or in place of a version of them.
fn put_keys(replaces: u8, version: u8, keys: NewKeys<'static>, dek: DekSource) -> PutKeys<'static, DekSource> {
    match replaces {
        0 => PutKeys::add(version, keys, dek),
        _ => PutKeys::replace(replaces, version, keys, dek),
    }
}
