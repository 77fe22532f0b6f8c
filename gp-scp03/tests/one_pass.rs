//! `unwrap_in_one_pass` beside `unwrap`: the same results on every answer, genuine or not, and no plaintext behind a refusal.

use gp_apdu::{CommandBuf, Form, Le, StatusWord};
use gp_scp03::{Error, Mode, SecureChannel, SecurityLevel, State};

#[path = "support/session.rs"]
mod session;

use session::{Setup, answer, command, copy, host_state, octets, picture};

/// Sends a command, so that an answer is due.
fn ask(setup: &Setup, host: &mut SecureChannel, card: &mut gp_scp03::Responder) {
    let mut buffer = [0; 128];
    let mut built = command(&mut buffer, setup.header(0xCA), Form::Short, &[0x4F, 0x00], Some(Le::MAX_SHORT));
    host.wrap(&mut built).unwrap();
    let mut wire = built.finish().unwrap().to_vec();
    let length = wire.len();
    card.unwrap(&mut CommandBuf::parse(&mut wire, length).unwrap()).unwrap();
}

/// The same answer both ways, from the same state. The buffers are looked at where the answer is taken.
fn assert_same(before: &State, wire: &[u8]) {
    let (mut first, mut second) = (wire.to_vec(), wire.to_vec());
    let mut verifying = SecureChannel::resume(copy(before));
    let mut one_pass = SecureChannel::resume(copy(before));
    let expected = verifying.unwrap(&mut first);
    assert_eq!(one_pass.unwrap_in_one_pass(&mut second), expected, "{wire:02X?}");
    assert_eq!(one_pass.is_closed(), verifying.is_closed());
    assert_eq!(one_pass.is_awaiting(), verifying.is_awaiting());
    if !verifying.is_closed() {
        assert_eq!(picture(&host_state(&mut one_pass)), picture(&host_state(&mut verifying)));
    }
}

#[test]
fn every_level_mode_key_and_length_equals_unwrap() {
    const STATUS: [StatusWord; 3] = [StatusWord::OK, StatusWord::MORE_DATA, StatusWord::REFERENCED_DATA_NOT_FOUND];
    let mut answers = 0;
    for mode in [Mode::S8, Mode::S16] {
        for level in SecurityLevel::ALL {
            for key_length in [16, 24, 32] {
                let setup = Setup::new(key_length, mode, level, 0);
                let (mut host, mut card) = setup.open();
                for length in 0..=80 {
                    for status in STATUS {
                        let data = if status.is_error() { vec![] } else { octets(length, length as usize) };
                        ask(&setup, &mut host, &mut card);
                        let mut wire = answer(&mut card, &data, status);
                        assert_same(&host_state(&mut host), &wire);
                        // The session itself goes on by one pass alone.
                        let reply = host.unwrap_in_one_pass(&mut wire).unwrap();
                        assert_eq!(reply.status(), status);
                        answers += 1;
                    }
                }
            }
        }
    }
    assert_eq!(answers, 2 * 6 * 3 * 81 * 3);
}

#[test]
fn an_answer_that_was_changed_ends_the_channel_and_leaves_no_plaintext() {
    let mut refused = 0;
    for mode in [Mode::S8, Mode::S16] {
        for level in SecurityLevel::ALL.into_iter().filter(|level| level.has_r_mac()) {
            let setup = Setup::new(16, mode, level, 0);
            for length in [0, 1, 15, 16, 17, 31, 32, 33, 80] {
                let (mut host, mut card) = setup.open();
                ask(&setup, &mut host, &mut card);
                let data = octets(7, length);
                let wire = answer(&mut card, &data, StatusWord::OK);
                let before = host_state(&mut host);
                for bit in 0..wire.len() * 8 {
                    let mut changed = wire.clone();
                    changed[bit / 8] ^= 1 << (bit % 8);
                    assert_same(&before, &changed);
                    let mut host = SecureChannel::resume(copy(&before));
                    assert_eq!(host.unwrap_in_one_pass(&mut changed), Err(Error::Security), "bit {bit} of {length}");
                    assert!(host.is_closed() && host.session_keys().is_none());
                    assert_eq!(host.unwrap_in_one_pass(&mut [0x90, 0x00]), Err(Error::Closed));
                    // Where something was decrypted nothing of it may be left; a status word of an error stops before that.
                    if level.has_r_encryption() && length > 0 && bit / 8 < wire.len() - 2 {
                        let body = (length | 15) + 1;
                        assert!(changed[..body].iter().all(|octet| *octet == 0), "bit {bit} of {length}");
                    }
                    refused += 1;
                }
                for cut in 2..wire.len() {
                    let shorter = [&wire[..cut - 2], &[0x90, 0x00]].concat();
                    assert_same(&before, &shorter);
                    let mut host = SecureChannel::resume(copy(&before));
                    assert_eq!(
                        host.unwrap_in_one_pass(&mut shorter.clone()),
                        Err(Error::Security),
                        "{cut} of {length}"
                    );
                    refused += 1;
                }
            }
        }
    }
    println!("{refused} refused");
}

#[test]
fn without_a_command_in_flight_nothing_changes() {
    for level in SecurityLevel::ALL {
        let setup = Setup::new(16, Mode::S8, level, 0);
        let (mut host, mut card) = setup.open();
        let before = picture(&host_state(&mut host));
        let mut unasked = [0x12, 0x90, 0x00];
        assert_eq!(host.unwrap_in_one_pass(&mut unasked), Err(Error::State));
        assert_eq!((picture(&host_state(&mut host)), unasked), (before, [0x12, 0x90, 0x00]));
        ask(&setup, &mut host, &mut card);
        assert!(host.unwrap_in_one_pass(&mut answer(&mut card, &[1], StatusWord::OK)).is_ok());
    }
}
