//! The host's end of a secure channel against arbitrary answers.

use arbitrary::Arbitrary;
use gp_apdu::{Form, Le, StatusWord};
use gp_scp03::{Error, Mode, Reply, SecureChannel, SecurityLevel};

use crate::edit::{Edit, is_bare};
use crate::world::{
    level,
    pair::{Setup, answer, command, copy, host_state, octets},
};

/// A session, how many honest exchanges it begins with, and what comes in place of the next answer.
#[derive(Arbitrary, Debug)]
pub struct HostUnwrap<'a> {
    long: bool,
    level: u8,
    channel: u8,
    honest: u8,
    data: u8,
    status: u16,
    answer: Answer<'a>,
}

#[derive(Arbitrary, Debug)]
enum Answer<'a> {
    /// The true answer, edited.
    Edited(Vec<Edit<'a>>),
    /// Any octets.
    Octets(&'a [u8]),
}

/// The card of [`HostUnwrap`] is honest; somebody exchanges one answer of it. Checks:
///
/// - under R-MAC an answer is authentic when it is the card's, and never else; what is not is fatal, but for a bare error
///   status, which is a refusal without data;
/// - below R-MAC nothing is ever called authentic;
/// - verifying first and verifying in one pass come to the same end;
/// - after a fatal answer nothing works; after any other the session goes on, with the card's next answer.
pub fn host_unwrap(input: &HostUnwrap<'_>) {
    let mode = if input.long { Mode::S16 } else { Mode::S8 };
    let setup = Setup::new(16, mode, level(input.level), input.channel % 20);
    let (mut host, mut card) = setup.open();
    let protected = setup.level.has_r_mac();
    let salt = crate::world::salt(input);
    let mut exchange = |host: &mut SecureChannel, number: u8, length: u8, status: StatusWord| {
        let mut buffer = [0; 300];
        let mut built = command(
            &mut buffer,
            setup.header(0xCA),
            Form::Short,
            &[&[number][..], &salt].concat(),
            Some(Le::MAX_SHORT),
        );
        host.wrap(&mut built).expect("it is the host's turn");
        card.unwrap(&mut built).expect("the host's own command");
        let data = if status.is_error() { vec![] } else { octets(number.into(), length.into()) };
        (answer(&mut card, &data, status), data)
    };
    for number in 0..input.honest % 4 {
        let (mut wire, data) = exchange(&mut host, number, 20, StatusWord::OK);
        check(setup.level, host.unwrap(&mut wire), &data, StatusWord::OK);
    }

    let (truth, data) = exchange(&mut host, 0x77, input.data % 200, StatusWord(input.status));
    let false_one = match &input.answer {
        Answer::Edited(edits) => Edit::all(edits, &truth, &[]),
        Answer::Octets(octets) => octets.to_vec(),
    };
    let mut twin = SecureChannel::resume(copy(&host_state(&mut host)));
    let (mut first, mut second) = (false_one.clone(), false_one.clone());
    let told = host.unwrap(&mut first);
    assert_eq!(format!("{told:?}"), format!("{:?}", twin.unwrap_in_one_pass(&mut second)));
    let bare = is_bare(setup.level, &false_one);
    match told {
        Ok(Reply::Authentic(response)) => {
            assert!(protected && false_one == truth);
            assert_eq!((response.data, response.status), (&data[..], StatusWord(input.status)));
        }
        Ok(Reply::Plain(response)) => {
            assert!(!protected);
            assert_eq!([response.data, &response.status.octets()].concat(), false_one);
        }
        Ok(Reply::Refused(status)) => {
            assert!(bare);
            assert_eq!(status.octets(), *false_one);
        }
        Err(error) => {
            assert_eq!(error, Error::Security);
            assert!(false_one != truth && (protected || false_one.len() < 2) && !bare);
            assert!(host.is_closed() && twin.is_closed() && host.session_keys().is_none());
            assert_eq!(host.unwrap(&mut truth.clone()).err(), Some(Error::Closed));
            return;
        }
    }
    for host in [&mut host, &mut twin] {
        assert!(!host.is_closed() && !host.is_awaiting());
        assert_eq!(host.unwrap(&mut truth.clone()).err(), Some(Error::State));
    }
    let (mut wire, data) = exchange(&mut host, 0x78, 33, StatusWord::OK);
    check(setup.level, host.unwrap(&mut wire), &data, StatusWord::OK);
}

/// What an honest answer must be.
fn check(level: SecurityLevel, told: Result<Reply<'_>, Error>, data: &[u8], status: StatusWord) {
    match told.expect("an honest answer") {
        Reply::Authentic(response) => {
            assert!(level.has_r_mac());
            assert_eq!((response.data, response.status), (data, status));
        }
        Reply::Plain(response) => {
            assert!(!level.has_r_mac());
            assert_eq!((response.data, response.status), (data, status));
        }
        Reply::Refused(refused) => assert_eq!(refused, status),
    }
}
