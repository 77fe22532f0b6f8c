//! Kind `card-script`: commands to a card, whole and as they come, and what it answers.

use super::fault::{Checks, Fault};
use super::fields::Fields;
use super::script_card::{KeySet, ScriptCard};
use gp_scp03::{SequenceCounter, StaticKeys};

pub(super) fn verify(vector: &Fields<'_>, checks: &mut Checks) -> Result<(), Fault> {
    let mut card = card(&vector.object("card")?)?;
    for (step, number) in vector.list("steps")?.iter().zip(0..) {
        let (command, recorded) = (step.octets("command")?, step.octets("response")?);
        // The card of the script may have drawn a challenge that nobody can compute: it is in the recorded answer.
        let answer = card.process(&command, &recorded);
        let why = step.opt_text("why")?.unwrap_or_default();
        checks
            .octets("response", &answer, &recorded)
            .map_err(|fault| fault.within(format_args!("step {number} ({why})")))?;
    }
    Ok(())
}

/// `card`: `i`, `kdd`, `aid` and `keysets`, by key version number.
fn card(card: &Fields<'_>) -> Result<ScriptCard, Fault> {
    let implementation = card.opt_implementation()?.ok_or_else(|| card.fault("i", "is missing"))?;
    let mut made = ScriptCard::new(implementation, card.array("kdd")?, &card.octets("aid")?);
    for (version, set) in card.object("keysets")?.entries()? {
        let number = u8::from_str_radix(version, 16).map_err(|_| set.fault(version, "is no key version number"))?;
        let sequence = SequenceCounter::new(set.array("seq")?);
        let keys = match (set.opt_key("enc")?, set.opt_key("mac")?, set.opt_key("dek")?) {
            (Some(enc), Some(mac), Some(dek)) => {
                Some(StaticKeys::new(enc, mac, dek).map_err(|error| set.fault("enc", error.to_string()))?)
            }
            // A set that lacks a key opens no session.
            _ => None,
        };
        made.add(number, KeySet { keys, sequence });
    }
    Ok(made)
}
