//! Responses: data, by the command that they answer, and status word.

use gp_apdu::{Header, Response, ins};
use gp_cardmanager_model::confirmation::{Confirmation, Details};
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::Refusal;
use gp_cardmanager_model::lifecycle::Kind;
use gp_cardmanager_model::manage_channel::ManageChannel;
use gp_cardmanager_model::put_key::{CHECK_VALUE_LEN, PutKeyAnswer};
use gp_scp03::InitializeUpdateResponse;
use gp_tlv::Reader;

use super::object::{object, read, value_of};
use super::rules::Place;
use super::{Part, values};

/// The data of a response, plain, to the command with this header.
#[must_use]
pub fn response(header: Header, response: &Response<'_>) -> Vec<Part> {
    let data = response.data;
    if data.is_empty() {
        return Vec::new();
    }
    match header.ins {
        ins::SELECT => object(data),
        ins::MANAGE_CHANNEL => match ManageChannel::opened(data) {
            Ok(channel) => vec![Part::new("", "number of the new channel", data).meaning(channel.number().to_string())],
            Err(error) => vec![Part::fault(error.to_string(), data)],
        },
        ins::GET_DATA | ins::GET_DATA_ODD if header.cla.is_gp() => get_data(header, data),
        ins::GET_DATA | ins::GET_DATA_ODD => value_of(u16::from_be_bytes([header.p1, header.p2]), data),
        ins::INITIALIZE_UPDATE => initialize_update(data),
        ins::GET_STATUS => get_status(header, data),
        ins::PUT_KEY => put_key(data),
        ins::DELETE | ins::INSTALL | ins::LOAD => confirmation(data),
        _ => object(data),
    }
}

/// The status word in words, by the command that it answers.
#[must_use]
pub(in super::super) fn status(instruction: u8, status: gp_apdu::StatusWord) -> Option<&'static str> {
    Refusal::new(instruction, status).meaning()
}

/// Cards leave out the tag now and then, also where the rule has it.
fn get_data(header: Header, data: &[u8]) -> Vec<Part> {
    let which = u16::from_be_bytes([header.p1, header.p2]);
    let tagged = Reader::new(data).next_tlv().ok().flatten().is_some_and(|tlv| tlv.tag.to_u32() == u32::from(which));
    if tagged || which == 0x2F00 { object(data) } else { value_of(which, data) }
}

fn initialize_update(data: &[u8]) -> Vec<Part> {
    let answer = match InitializeUpdateResponse::parse(data) {
        Ok(answer) => answer,
        Err(error) => return vec![Part::fault(error.to_string(), data)],
    };
    let info = answer.info;
    let i = info.implementation;
    let challenge = if i.has_pseudo_random_challenge() {
        "pseudo-random: derived from Key-ENC, sequence counter and AID"
    } else {
        "random"
    };
    let mut parts = vec![
        Part::new("", "key diversification data", &info.diversification)
            .meaning("what the keys of this card may be derived from"),
        Part::new("", "key version number", &[info.key_version]),
        Part::new("", "protocol", &[0x03]).meaning("SCP03"),
        Part::new("", "\"i\"", &[i.octet()]).meaning(implementation(i)),
        Part::new("", "card challenge", answer.card_challenge.octets()).meaning(challenge),
        Part::new("", "card cryptogram", answer.card_cryptogram).meaning("proves that the card has the keys"),
    ];
    if let Some(sequence) = info.sequence {
        parts.push(Part::new("", "sequence counter", &sequence.octets()).meaning("never used before"));
    }
    parts
}

/// What the `i` parameter offers.
pub(in super::super) fn implementation(i: gp_scp03::Implementation) -> String {
    let mode = match i.mode() {
        gp_scp03::Mode::S8 => "S8",
        gp_scp03::Mode::S16 => "S16",
    };
    let challenge = if i.has_pseudo_random_challenge() { "pseudo-random challenge" } else { "random challenge" };
    let response = match (i.has_r_mac(), i.has_r_encryption()) {
        (true, true) => "R-MAC and R-ENCRYPTION",
        (true, false) => "R-MAC",
        _ => "no protection of responses",
    };
    format!("{mode}, {challenge}, {response}")
}

fn get_status(header: Header, data: &[u8]) -> Vec<Part> {
    if header.p2 & 0x02 == 0 {
        return vec![Part::new("", "entries in the old form", data)];
    }
    let kind = match Subset::from_p1(header.p1) {
        Some(Subset::IssuerSecurityDomain) => Kind::IssuerSecurityDomain,
        Some(Subset::LoadFiles | Subset::LoadFilesAndModules) => Kind::LoadFile,
        _ => Kind::Application,
    };
    read(Place::Registry(kind), Reader::new(data))
}

fn put_key(data: &[u8]) -> Vec<Part> {
    let Ok(answer) = PutKeyAnswer::parse(data) else { return vec![Part::fault("no PUT KEY answer", data)] };
    let mut parts = vec![Part::new("", "key version number", &[answer.version])];
    let values = answer.check_values.chunks(CHECK_VALUE_LEN);
    parts.extend(values.map(|value| Part::new("", "key check value", value).meaning("of the key as the card has it")));
    parts
}

fn confirmation(data: &[u8]) -> Vec<Part> {
    match Confirmation::parse(data) {
        Ok(None) => vec![Part::new("", "receipt", data).meaning("none: the operation was not delegated")],
        Ok(Some(confirmation)) => {
            let mut parts = vec![Part::new("", "receipt", confirmation.receipt)];
            match Details::parse(confirmation.details) {
                Ok(details) => {
                    parts.push(
                        Part::new("", "confirmation counter", &details.counter.to_be_bytes())
                            .meaning(details.counter.to_string()),
                    );
                    let domain = details.security_domain;
                    parts.push(Part::new("", "security domain", domain).maybe(values::aid(domain)));
                }
                Err(error) => parts.push(Part::fault(error.to_string(), confirmation.details)),
            }
            parts
        }
        Err(error) => vec![Part::fault(error.to_string(), data)],
    }
}
