//! What a platform in C is shown of public keys.

use core::ffi::c_void;
use std::vec::Vec;

use gp_cardmanager_model::card::Platform as _;

use super::{Chip, SHOWN, gp_component, gp_platform};
use crate::abi::gp_slice;

unsafe extern "C" fn random(_: *mut c_void, _: *mut u8, _: usize) -> i32 {
    -1
}

/// The first three octets of the key behind its type; not for type 80.
unsafe extern "C" fn check_value(_: *mut c_void, key_type: u8, key: *const u8, len: usize, out: *mut u8) -> i32 {
    if key_type == 0x80 {
        return -1;
    }
    // SAFETY: as the header says.
    unsafe {
        let key = core::slice::from_raw_parts(key, len);
        core::slice::from_raw_parts_mut(out, 3).copy_from_slice(&[key_type, key[0], key[1]]);
    }
    0
}

/// A signature fits that is all the types, values and parts, one after the other.
unsafe extern "C" fn verify(
    _: *mut c_void,
    components: *const gp_component,
    components_len: usize,
    parts: *const gp_slice,
    parts_len: usize,
    signature: gp_slice,
) -> i32 {
    let octets = |slice: &gp_slice| {
        // SAFETY: as the header says.
        unsafe { core::slice::from_raw_parts(slice.ptr, slice.len) }.to_vec()
    };
    // SAFETY: as the header says.
    let (components, parts) = unsafe {
        (core::slice::from_raw_parts(components, components_len), core::slice::from_raw_parts(parts, parts_len))
    };
    let mut all: Vec<u8> = Vec::new();
    for component in components {
        all.push(component.key_type);
        all.extend(octets(&component.value));
    }
    parts.iter().for_each(|part| all.extend(octets(part)));
    i32::from(octets(&signature) != all)
}

const TABLE: gp_platform = gp_platform {
    context: core::ptr::null_mut(),
    random: Some(random),
    hash_begin: None,
    hash_update: None,
    hash_finish: None,
    check_value: Some(check_value),
    verify: Some(verify),
};

#[test]
fn signatures_are_verified_by_the_table() {
    let mut chip = Chip::new(&TABLE).unwrap();
    let components: [(u8, &[u8]); 2] = [(0xA1, b"modulus"), (0xA0, &[3])];
    let message: [&[u8]; 3] = [b"one", b"", b"two"];
    assert!(chip.verify(&components, &message, b"\xA1modulus\xA0\x03onetwo"));
    assert!(!chip.verify(&components, &message, b"\xA1modulus\xA0\x03onetwO"));
    // What the table cannot be shown fits nothing.
    let many = [(0xB0_u8, &b"x"[..]); SHOWN + 1];
    assert!(chip.verify(&many[..SHOWN], &[], b"\xB0x".repeat(SHOWN).as_slice()));
    assert!(!chip.verify(&many, &[], b"\xB0x".repeat(SHOWN + 1).as_slice()));
    assert!(!chip.verify(&[], &[&b"x"[..]; SHOWN + 1], "x".repeat(SHOWN + 1).as_bytes()));
    let mut without = Chip::new(&gp_platform { verify: None, ..TABLE }).unwrap();
    assert!(!without.verify(&components, &message, b"\xA1modulus\xA0\x03onetwo"));
}

#[test]
fn check_values_are_made_by_the_table() {
    let mut chip = Chip::new(&TABLE).unwrap();
    assert_eq!(chip.check_value(0x90, b"key"), Some([0x90, b'k', b'e']));
    assert_eq!(chip.check_value(0x80, b"key"), None);
    let mut without = Chip::new(&gp_platform { check_value: None, ..TABLE }).unwrap();
    assert_eq!(without.check_value(0x90, b"key"), None);
}
