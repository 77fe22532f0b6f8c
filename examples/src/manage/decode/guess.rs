//! What kind of message are these octets?

use gp_apdu::{Command, Header, Response, StatusKind, ins};
use gp_scp03::InitializeUpdateResponse;
use gp_tlv::Reader;

use super::rules::{Place, rule};
use super::{Part, command, object, response};

/// What they turned out to be, and their parts. `after` is the command that they answer, if they are a response.
#[must_use]
pub fn guess(octets: &[u8], after: Option<&[u8]>) -> (&'static str, Vec<Part>) {
    if let Some(header) = after.and_then(|after| Command::parse(after).ok()).map(|command| command.header)
        && let Some(parts) = answer(octets, Some(header))
    {
        return ("response", parts);
    }
    if is_known_command(octets)
        && let Ok(part) = command(octets)
    {
        return ("command", vec![part]);
    }
    if is_known_object(octets) {
        return ("data object", object(octets));
    }
    if InitializeUpdateResponse::parse(octets).is_ok() {
        let header = Header::new(gp_apdu::Class::GP, ins::INITIALIZE_UPDATE, 0, 0);
        let data = Response { data: octets, status: gp_apdu::StatusWord::OK };
        return ("data of the answer to INITIALIZE UPDATE", response(header, &data));
    }
    match answer(octets, None) {
        Some(parts) => ("response", parts),
        None => ("data object", object(octets)),
    }
}

/// Commands whose instruction has a name here and whose class fits it.
fn is_known_command(octets: &[u8]) -> bool {
    Command::parse(octets).is_ok_and(|command| {
        let gp = command.header.cla.is_gp();
        let known = match command.header.ins {
            ins::SELECT | ins::MANAGE_CHANNEL | ins::GET_RESPONSE | ins::GET_DATA_ODD => !gp,
            ins::GET_DATA => true,
            ins::INITIALIZE_UPDATE
            | ins::EXTERNAL_AUTHENTICATE
            | ins::BEGIN_R_MAC_SESSION
            | ins::END_R_MAC_SESSION
            | ins::GET_STATUS
            | ins::INSTALL
            | ins::LOAD
            | ins::DELETE
            | ins::PUT_KEY
            | ins::SET_STATUS
            | ins::STORE_DATA => gp,
            _ => false,
        };
        known && command.header.cla.coding().is_some()
    })
}

/// Well-formed objects, the first of which is known.
fn is_known_object(octets: &[u8]) -> bool {
    let mut objects = Reader::new(octets).peekable();
    let known = matches!(objects.peek(), Some(Ok(tlv)) if rule(Place::Top, tlv.tag.to_u32()).is_some());
    known && objects.all(|object| object.is_ok())
}

/// The parts of a response: data by the command, and the status word.
fn answer(octets: &[u8], after: Option<Header>) -> Option<Vec<Part>> {
    let answer = Response::parse(octets).ok()?;
    if matches!(answer.status.kind(), StatusKind::Invalid) {
        return None;
    }
    let mut parts = match after {
        Some(header) => response(header, &answer),
        None if InitializeUpdateResponse::parse(answer.data).is_ok() => {
            response(Header::new(gp_apdu::Class::GP, ins::INITIALIZE_UPDATE, 0, 0), &answer)
        }
        None if answer.data.is_empty() => Vec::new(),
        None if is_known_object(answer.data) || Reader::new(answer.data).all(|object| object.is_ok()) => {
            object(answer.data)
        }
        None => vec![Part::new("", "data", answer.data)],
    };
    let meaning = super::status(after.map_or(0, |header| header.ins), answer.status);
    parts.push(Part::new("SW", "status word", &answer.status.octets()).maybe(meaning));
    Some(parts)
}
