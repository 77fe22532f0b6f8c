//! The body of PUT KEY, and its answer.

use gp_cardmanager_model::put_key::{PutKey, PutKeyAnswer};

use crate::laws::{filled, parameters};

/// P1, P2, and the data of PUT KEY. Checks:
///
/// - every key that was judged well is there, with identifiers in order and at least one component that lies in the data;
/// - the command takes its own answer and no other: none with one bit changed, none shorter, none longer.
pub fn put_key(octets: &[u8]) {
    let Some((p1, p2, data)) = parameters(octets) else { return };
    let command = match PutKey::parse(p1, p2, data) {
        Ok(command) => command,
        Err(error) => return assert!(error.offset as usize <= data.len()),
    };
    let header = command.target.header();
    assert_eq!((header.p1, header.p2), (p1, p2));
    let keys: Vec<_> = command.keys().collect();
    assert!(!keys.is_empty() && (keys.len() == 1 || command.target.several));
    let mut octets = 0;
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(usize::from(key.id), usize::from(command.target.first_id) + number);
        assert!(key.components().count() > 0 && key.key_type().is_some());
        octets += key.check_value.len();
        let clear = [0x5A; 16];
        assert!(key.aes_key(&clear).is_err() || key.check_value.len() == 3);
    }
    let mut answer = filled(|buf| command.emit_answer(buf).map(|octets| octets.len())).expect("room enough");
    assert_eq!(answer.len(), 1 + octets);
    assert!(command.is_answered_by(&answer));
    let read = PutKeyAnswer::parse(&answer).expect("an answer");
    assert_eq!((read.version, read.check_values.len()), (command.version, octets));
    assert!(!command.is_answered_by(&answer[..answer.len() - 1]));
    let place = usize::from(p1) % answer.len();
    answer[place] ^= 1 << (p2 % 8);
    assert!(!command.is_answered_by(&answer));
    answer[place] ^= 1 << (p2 % 8);
    answer.push(0);
    assert!(!command.is_answered_by(&answer));
}
