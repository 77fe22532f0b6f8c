//! Which keys does a card have? Master keys that become those of a card; a recorded handshake that tells which were right.

use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::diversify::{DATA_LEN, Diversify, Kdf3};
use gp_cardmanager_model::host::{Candidate, Recorded, Scheme, diagnose};
use gp_scp03::ChallengeVerdict;

use super::{Outcome, Span, apart, begin, code, done, give, gp_key_set, gp_slice, look, octets};
use crate::status::{GP_E_AID_LENGTH, GP_E_ARGUMENT, GP_E_CARD_CRYPTOGRAM, gp_status};

/// Derives the keys of a card from the master keys by KDF3 (SP 800-108 over CMAC, as GlobalPlatformPro does it), with the 10
/// octets of its key diversification data (`gp_key_info`). They are as long as the master keys.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_key_set_diversify(
    keys: *mut gp_key_set,
    masters: *const gp_key_set,
    diversification: *const u8,
) -> gp_status {
    let outcome = || {
        let data = Span::octets(diversification, if diversification.is_null() { 0 } else { DATA_LEN });
        apart(&[Span::of(keys), Span::of(masters), data])?;
        // SAFETY: the caller's promise; apart.
        let (masters, data) = unsafe { (look(masters)?, octets(diversification, DATA_LEN)?) };
        let data = data.first_chunk().ok_or(GP_E_ARGUMENT)?;
        let derived = Kdf3::with_masters(masters).keys(data).map_err(code)?;
        // SAFETY: the caller's promise.
        unsafe { begin(keys, derived) }
    };
    done(outcome())
}

/// Nobody asked for a check of the card challenge.
pub const GP_CHALLENGE_NOT_CHECKED: u8 = 0;
/// The card announces a random challenge: there is nothing to compare with.
pub const GP_CHALLENGE_RANDOM: u8 = 1;
/// The card challenge is the one that follows from Key-ENC, sequence counter and AID.
pub const GP_CHALLENGE_MATCHES: u8 = 2;
/// It is not: another Key-ENC, another AID, or a card that takes its challenge from elsewhere.
pub const GP_CHALLENGE_DIFFERS: u8 = 3;

/// What a check found as C sees it.
pub(super) const fn verdict(found: ChallengeVerdict) -> u8 {
    match found {
        ChallengeVerdict::Random => GP_CHALLENGE_RANDOM,
        ChallengeVerdict::Matches => GP_CHALLENGE_MATCHES,
        ChallengeVerdict::Differs => GP_CHALLENGE_DIFFERS,
        _ => GP_CHALLENGE_NOT_CHECKED,
    }
}

/// The keys as they are.
pub const GP_SCHEME_SAME: u8 = 1;
/// The keys as master keys of KDF3: `gp_key_set_diversify`.
pub const GP_SCHEME_DIVERSIFIED: u8 = 2;
/// The keys with Key-ENC and Key-MAC in each other's place.
pub const GP_SCHEME_SWAPPED: u8 = 3;

/// How keys turned out to be the right ones.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_finding {
    /// One of `GP_SCHEME_SAME`, `GP_SCHEME_DIVERSIFIED`, `GP_SCHEME_SWAPPED`.
    pub scheme: u8,
    /// What Key-ENC makes of the card challenge: one of `GP_CHALLENGE_...`.
    pub challenge: u8,
    /// 16, 24 or 32 octets.
    pub key_len: usize,
}

/// Would these keys have opened the session? `command` and `response` are a whole INITIALIZE UPDATE and its answer, as they
/// were recorded; `aid` is that of the selected application, or empty. No card is asked and no attempt is counted. The keys
/// are tried as they are, as master keys of KDF3, and with Key-ENC and Key-MAC swapped. `GP_E_CARD_CRYPTOGRAM` when none of
/// it fits.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_diagnose(
    command: gp_slice,
    response: gp_slice,
    keys: *const gp_key_set,
    aid: gp_slice,
    found: *mut gp_finding,
) -> gp_status {
    let outcome = || {
        aside(found, &[Span::slice(command), Span::slice(response), Span::of(keys), Span::slice(aid)])?;
        // SAFETY: the caller's promise; apart.
        unsafe { find(command, response, Candidate::Keys(look(keys)?), aid, found) }
    };
    done(outcome())
}

/// As `gp_diagnose`, with a secret of 16 octets or more: its first 16, 24 and 32 octets are tried, each as all three keys and
/// as the master key of KDF3.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_diagnose_secret(
    command: gp_slice,
    response: gp_slice,
    secret: gp_slice,
    aid: gp_slice,
    found: *mut gp_finding,
) -> gp_status {
    let outcome = || {
        aside(found, &[Span::slice(command), Span::slice(response), Span::slice(secret), Span::slice(aid)])?;
        // SAFETY: the caller's promise; apart.
        unsafe {
            let secret = octets(secret.ptr, secret.len)?;
            find(command, response, Candidate::Secret(secret), aid, found)
        }
    };
    done(outcome())
}

/// What is written shares memory with nothing that is read.
fn aside(found: *const gp_finding, read: &[Span]) -> Outcome<()> {
    read.iter().try_for_each(|span| apart(&[Span::of(found), *span]))
}

/// # Safety
/// As the functions around it.
unsafe fn find(
    command: gp_slice,
    response: gp_slice,
    candidate: Candidate<'_>,
    aid: gp_slice,
    found: *mut gp_finding,
) -> Outcome<()> {
    // SAFETY: the caller's promise.
    let (command, response, aid) =
        unsafe { (octets(command.ptr, command.len)?, octets(response.ptr, response.len)?, octets(aid.ptr, aid.len)?) };
    let aid = if aid.is_empty() { None } else { Some(Aid::new(aid).ok_or(GP_E_AID_LENGTH)?) };
    let recorded = Recorded::from_apdus(command, response).map_err(code)?;
    let mut first = None;
    diagnose(&recorded, [candidate], aid.as_ref(), |finding| {
        first.get_or_insert(finding);
    })
    .map_err(code)?;
    let finding = first.ok_or(GP_E_CARD_CRYPTOGRAM)?;
    let told = gp_finding {
        scheme: match finding.scheme {
            Scheme::Kdf3 => GP_SCHEME_DIVERSIFIED,
            Scheme::Swapped => GP_SCHEME_SWAPPED,
            _ => GP_SCHEME_SAME,
        },
        challenge: verdict(finding.challenge),
        key_len: finding.length.octets(),
    };
    // SAFETY: the caller's promise.
    unsafe { give(found, told) }
}
