//! Load files for the applications here: a package without code, just what a card reads of one.
//!
//! ```text
//!  C4 len | 01 len DECAFFED minor major flags | package minor major | LV package AID      Header
//!         | 03 len count { LV module AID | install offset (2) }                           Applet
//! ```

use gp_cardmanager_model::aid::Aid;

use super::{DATA_STORE, ECHO, LOAD_FILE, NUMBERED};

/// The load file of [`ECHO`] and [`DATA_STORE`], with its `C4` around it: what LOAD sends.
#[must_use]
pub fn load_file() -> Vec<u8> {
    assemble(&LOAD_FILE, [1, 0], &[ECHO, DATA_STORE])
}

/// The load file with number `number` and one [`Echo`](super::Echo) module, and their AIDs.
#[must_use]
pub fn numbered_load_file(number: u8) -> (Aid, Aid, Vec<u8>) {
    let file = [NUMBERED, &[0, 0, number]].concat();
    let module = [&file[..], &[1]].concat();
    let [file, module] = [file, module].map(|octets| Aid::new(&octets).unwrap_or(LOAD_FILE));
    (file, module, assemble(&file, [1, 2], &[module]))
}

/// `version` is major, minor.
fn assemble(package: &Aid, version: [u8; 2], modules: &[Aid]) -> Vec<u8> {
    let [major, minor] = version;
    let mut header = vec![0xDE, 0xCA, 0xFF, 0xED, 1, 2, 4, minor, major];
    push_aid(&mut header, package);
    let mut applets = vec![u8::try_from(modules.len()).unwrap_or(u8::MAX)];
    for module in modules {
        push_aid(&mut applets, module);
        applets.extend([0, 0]);
    }
    let block = [component(1, &header), component(3, &applets)].concat();
    let mut file = vec![0xC4, 0x82];
    file.extend(length(&block));
    file.extend(block);
    file
}

fn component(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut component = vec![tag];
    component.extend(length(body));
    component.extend(body);
    component
}

fn length(octets: &[u8]) -> [u8; 2] {
    u16::try_from(octets.len()).unwrap_or(u16::MAX).to_be_bytes()
}

fn push_aid(to: &mut Vec<u8>, aid: &Aid) {
    let octets = aid.as_bytes();
    to.push(u8::try_from(octets.len()).unwrap_or(0));
    to.extend(octets);
}
