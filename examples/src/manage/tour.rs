//! The tour: one session from selection to the end, with a word on what each step proves.

use gp_apdu::LogicalChannel;
use gp_cardmanager_model::host::{Error, Failure, GetData, Opened, Origin};
use gp_scp03::ChallengeVerdict;
use serde_json::json;

use super::console::level_octet;
use super::decode::{implementation, level_name};
use super::outcome::Outcome;
use super::registry::Registry;
use super::session::Session;
use crate::hex;

/// Goes through all of it.
pub(super) fn tour(session: &mut Session<'_, '_, '_>) -> Result<(), Outcome> {
    let channel = session.arguments.channel;
    if channel != LogicalChannel::BASIC {
        session.console().step(
            &format!("Open logical channel {}", channel.number()),
            "Each logical channel has its own selected application and its own secure channel session. Channel 0 is always \
             open; the others are opened on it.",
        );
        session.open_channel()?;
    }
    select(session)?;
    discover(session)?;
    let opened = authenticate(session)?;
    ask_for_level(session, &opened)?;
    list(session)?;
    let (title, lesson) = if channel == LogicalChannel::BASIC {
        let lesson = "There is no command for it: the session ends with the next SELECT on this channel, the next INITIALIZE \
                      UPDATE, or a reset. The host wipes its session keys now.";
        ("The end of the session".to_owned(), lesson)
    } else {
        let lesson = "The session ends with its channel. The host wipes its session keys first.";
        (format!("Close logical channel {}", channel.number()), lesson)
    };
    session.console().step(&title, lesson);
    session.close_channel()
}

fn select(session: &mut Session<'_, '_, '_>) -> Result<(), Outcome> {
    let (title, lesson) = if session.arguments.domain.is_some() {
        let lesson = "SELECT names it. Nothing is proved by the answer: anybody on the wire could answer so.";
        ("Select the security domain", lesson)
    } else {
        let lesson = "SELECT without a name reaches it whatever it is called, and the answer says its name. Nothing is proved \
                      by that: anybody on the wire could answer so.";
        ("Select the issuer security domain", lesson)
    };
    session.console().step(title, lesson);
    session.select()?;
    let finding = match session.selected {
        Some(aid) => format!("The security domain that answers calls itself {aid}."),
        None => "The security domain that answers does not say its name.".to_owned(),
    };
    session.console().finding(&finding);
    Ok(())
}

fn discover(session: &mut Session<'_, '_, '_>) -> Result<(), Outcome> {
    session.console().step(
        "Ask the card what it is",
        "GET DATA needs no authentication. The answers tell which protocol, keys and sizes to expect; since nobody vouches \
         for them, they guide the host and prove nothing. A card that lacks an object says 6A88.",
    );
    let objects = [
        GetData::CARD_DATA,
        GetData::CAPABILITY,
        GetData::KEY_INFORMATION,
        GetData::SEQUENCE_COUNTER,
        GetData::CPLC,
        GetData::IIN,
        GetData::CIN,
    ];
    let mut found = 0;
    for object in objects {
        match session.run(object) {
            Ok(_) => found += 1,
            Err(Error::Failure(Failure::Refused(_))) => {}
            Err(error) => return Err(error.into()),
        }
    }
    session.console().finding(&format!("The card has {found} of {} objects.", objects.len()));
    Ok(())
}

fn authenticate(session: &mut Session<'_, '_, '_>) -> Result<Opened, Outcome> {
    session.console().step(
        "Open the secure channel",
        "Both ends give a challenge, and derive the session keys from both challenges and the static keys. The card \
         cryptogram proves that the card has the keys; only if it is right does the host prove itself with EXTERNAL \
         AUTHENTICATE, which also sets the security level.",
    );
    let opened = session.authenticate()?;
    let info = opened.info;
    let channel = session.arguments.channel.number();
    let console = session.console();
    console.finding(&format!(
        "Each end has proved to the other that it has the keys of version {:02X}. \"i\" is {:02X}: {}. The session is at \
         level {}: {}.",
        info.key_version,
        info.implementation.octet(),
        implementation(info.implementation),
        level_octet(opened.level),
        level_name(opened.level),
    ));
    let verdict = match opened.challenge {
        ChallengeVerdict::Matches => {
            Some("The card challenge is the one that follows from Key-ENC, sequence counter and AID.")
        }
        ChallengeVerdict::Differs => {
            Some("The card challenge is not the one that follows from sequence counter and AID.")
        }
        ChallengeVerdict::Random => Some("The card challenge is random, so there is nothing to compare it with."),
        _ => None,
    };
    if let Some(verdict) = verdict {
        console.finding(verdict);
    }
    console.json(&json!({
        "event": "session",
        "key_version": format!("{:02X}", info.key_version),
        "i": format!("{:02X}", info.implementation.octet()),
        "level": level_octet(opened.level),
        "protects": level_name(opened.level),
        "channel": channel,
        "diversification": hex::encode(&info.diversification),
        "sequence_counter": info.sequence.map(|sequence| hex::encode(&sequence.octets())),
    }));
    Ok(opened)
}

fn ask_for_level(session: &mut Session<'_, '_, '_>, opened: &Opened) -> Result<(), Outcome> {
    let lesson = if opened.level.has_r_mac() {
        "The first command inside the session. Its answer comes with an R-MAC over the answer and this very command: now \
         the card vouches for what it says."
    } else if opened.level.has_c_mac() {
        "The first command inside the session. The card sees by the C-MAC that the host sent it, and that nothing was left \
         out, repeated or changed; without an R-MAC nobody vouches for the answer."
    } else {
        "The first command after the authentication. At this level nothing protects it: whoever holds the wire may change \
         it, and its answer."
    };
    session.console().step("Ask the card how it sees the session", lesson);
    let origin = match session.run(GetData::SECURITY_LEVEL) {
        Ok(answer) => Some(answer.origin),
        Err(Error::Failure(Failure::Refused(_))) => None,
        Err(error) => return Err(error.into()),
    };
    session.console().finding(match origin {
        Some(Origin::Authentic) => "Command and answer went through the session, and both ends agree on its level.",
        Some(Origin::Plain) => "The card says so; nobody vouches for it.",
        None => "This card does not tell.",
    });
    Ok(())
}

fn list(session: &mut Session<'_, '_, '_>) -> Result<(), Outcome> {
    session.console().step(
        "List the registry",
        "GET STATUS asks for one part of the registry at a time and needs the session. Each entry is a template E3 of its \
         own; where the list does not fit into one answer, the card says 6310 and the host asks for the next part.",
    );
    let registry = Registry::read(session)?;
    session.console().line("");
    registry.show(session.console());
    Ok(())
}
