//! The tour: one session from selection to the end, with a word on what each step proves.

use gp_apdu::{Command, Form, LogicalChannel, StatusWord, Transport};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::{
    Authenticate, Cover, Error, Failure, GetData, Opened, Origin, Raw, Refusal, Select, run,
};
use gp_cardmanager_model::manage_channel::ManageChannel;
use gp_scp03::{Challenge, ChallengePolicy, ChallengeVerdict, StaticKeys};
use serde_json::json;

use super::arguments::Arguments;
use super::console::{Console, level_octet};
use super::decode::{implementation, level_name};
use super::keys;
use super::outcome::Outcome;
use super::registry::Registry;
use super::{Host, hex};
use crate::embedded_card::Randomness;

type Link<'l> = dyn Transport<Error = std::io::Error> + 'l;

/// Goes through all of it.
pub(super) fn tour(
    host: &mut Host<'_, '_>,
    mut link: &mut Link<'_>,
    arguments: &Arguments,
    keys: &StaticKeys,
    randomness: &mut Randomness,
) -> Result<(), Outcome> {
    let channel = arguments.channel;
    if channel != LogicalChannel::BASIC {
        open_channel(host, &mut link, channel)?;
    }
    let isd = select(host, &mut link)?;
    discover(host, &mut link)?;
    let opened = authenticate(host, &mut link, arguments, keys, randomness, isd.as_ref())?;
    ask_for_level(host, &mut link, &opened)?;
    list(host, &mut link)?;
    if channel != LogicalChannel::BASIC {
        close_channel(host, &mut link, channel)?;
    } else {
        console(host).step(
            "The end of the session",
            "There is no command for it. The session ends with the next SELECT on this channel, the next INITIALIZE \
             UPDATE, or a reset. The host wipes its session keys now.",
        );
        host.close();
    }
    Ok(())
}

fn console<'a, 'w>(host: &'a mut Host<'_, 'w>) -> &'a mut Console<'w> {
    host.observer_mut().sink_mut()
}

fn open_channel(host: &mut Host<'_, '_>, link: &mut &mut Link<'_>, channel: LogicalChannel) -> Result<(), Outcome> {
    console(host).step(
        &format!("Open logical channel {}", channel.number()),
        "Each logical channel has its own selected application and its own secure channel session. Channel 0 is always \
         open; the others are opened on it.",
    );
    manage_channel(host, link, ManageChannel::Open(channel))?;
    host.set_channel(channel);
    Ok(())
}

fn close_channel(host: &mut Host<'_, '_>, link: &mut &mut Link<'_>, channel: LogicalChannel) -> Result<(), Outcome> {
    console(host).step(
        &format!("Close logical channel {}", channel.number()),
        "The session goes with it. The host wipes its session keys now.",
    );
    host.close();
    host.set_channel(LogicalChannel::BASIC);
    manage_channel(host, link, ManageChannel::Close(channel))
}

fn manage_channel(host: &mut Host<'_, '_>, link: &mut &mut Link<'_>, what: ManageChannel) -> Result<(), Outcome> {
    let header = what.header();
    let command = Command { header, data: &[], le: what.le(), form: Form::Short };
    let status = run(host, link, Raw::covered(command, Cover::Plain))?.status;
    if status == StatusWord::OK {
        Ok(())
    } else {
        Err(Outcome::Operation(Failure::Refused(Refusal::new(header.ins, status))))
    }
}

/// Answers the AID of what was selected, where the card says it.
fn select(host: &mut Host<'_, '_>, link: &mut &mut Link<'_>) -> Result<Option<Aid>, Outcome> {
    console(host).step(
        "Select the issuer security domain",
        "SELECT without a name reaches it whatever it is called, and the answer says its name. Nothing is proved by that: \
         anybody on the wire could answer so.",
    );
    let aid = run(host, link, Select::issuer_security_domain())?.fci().ok().and_then(|fci| fci.aid());
    match aid {
        Some(aid) => console(host).finding(&format!("The security domain that answers calls itself {aid}.")),
        None => console(host).finding("The security domain that answers does not say its name."),
    }
    Ok(aid)
}

fn discover(host: &mut Host<'_, '_>, link: &mut &mut Link<'_>) -> Result<(), Outcome> {
    console(host).step(
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
        match run(host, link, object) {
            Ok(_) => found += 1,
            Err(Error::Failure(Failure::Refused(_))) => {}
            Err(error) => return Err(error.into()),
        }
    }
    console(host).finding(&format!("The card has {found} of {} objects.", objects.len()));
    Ok(())
}

fn authenticate(
    host: &mut Host<'_, '_>,
    link: &mut &mut Link<'_>,
    arguments: &Arguments,
    keys: &StaticKeys,
    randomness: &mut Randomness,
    isd: Option<&Aid>,
) -> Result<Opened, Outcome> {
    console(host).step(
        "Open the secure channel",
        "Both ends give a challenge, and derive the session keys from both challenges and the static keys. The card \
         cryptogram proves that the card has the keys; only if it is right does the host prove itself with EXTERNAL \
         AUTHENTICATE, which also sets the security level.",
    );
    let mut octets = [0; 16];
    let octets = octets.get_mut(..arguments.implementation.mode().octets()).unwrap_or_default();
    randomness.fill(octets).map_err(Outcome::NoCard)?;
    let challenge = Challenge::new(octets).map_err(|error| Outcome::Session(error.into()))?;
    let policy = isd.map_or(ChallengePolicy::Off, |aid| ChallengePolicy::Warn(aid.as_bytes()));
    let task = Authenticate::new(challenge, arguments.level, |_| Ok(keys)).with_policy(policy);
    let opened = run(host, link, task).map_err(Outcome::session)?;
    let info = opened.info;
    let console = host.observer_mut().sink_mut();
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
        ChallengeVerdict::Matches => Some("The card challenge is the one that follows from Key-ENC, sequence counter and AID."),
        ChallengeVerdict::Differs => Some("The card challenge is not the one that follows from sequence counter and AID."),
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
        "channel": arguments.channel.number(),
        "diversification": hex::encode(&info.diversification),
        "sequence_counter": info.sequence.map(|sequence| hex::encode(&sequence.octets())),
    }));
    if arguments.show_keys {
        let shown = keys::revealed(keys, host.secure_channel().and_then(|channel| channel.session_keys()));
        let console = host.observer_mut().sink_mut();
        for (name, octets) in &shown {
            console.line(&format!("      {name:<8} {octets}"));
        }
        console.json(&json!({"event": "keys", "keys": keys::to_json(&shown)}));
    }
    Ok(opened)
}

fn ask_for_level(host: &mut Host<'_, '_>, link: &mut &mut Link<'_>, opened: &Opened) -> Result<(), Outcome> {
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
    console(host).step("Ask the card how it sees the session", lesson);
    let origin = match run(host, link, GetData::SECURITY_LEVEL) {
        Ok(answer) => Some(answer.origin),
        Err(Error::Failure(Failure::Refused(_))) => None,
        Err(error) => return Err(error.into()),
    };
    console(host).finding(match origin {
        Some(Origin::Authentic) => "Command and answer went through the session, and both ends agree on its level.",
        Some(Origin::Plain) => "The card says so; nobody vouches for it.",
        None => "This card does not tell.",
    });
    Ok(())
}

fn list(host: &mut Host<'_, '_>, link: &mut &mut Link<'_>) -> Result<(), Outcome> {
    console(host).step(
        "List the registry",
        "GET STATUS asks for one part of the registry at a time and needs the session. Each entry is a template E3 of its \
         own; where the list does not fit into one answer, the card says 6310 and the host asks for the next part.",
    );
    let mut registry = Registry::default();
    for subset in [Subset::IssuerSecurityDomain, Subset::Applications, Subset::LoadFilesAndModules] {
        registry.read(host, link, subset)?;
    }
    registry.show(console(host));
    Ok(())
}
