//! The host's secure channel, step by step: the four types of Rust in one context that knows where it is.

use gp_apdu::{CommandBuf, Form, LogicalChannel, Response, StatusWord};
use gp_scp03::{
    Authenticating, Challenge, ChallengePolicy, ChallengeVerdict, Challenged, Error, Initiator, KeySetInfo, KeySource,
    RMacSession, Reply, SecureChannel, SecurityLevel,
};

use super::aes::{Engine, Keys};
use super::keys::Source;
use super::sizes::GP_SESSION_WORDS;
use super::{
    Cell, Context, Outcome, Room, Span, apart, begin, code, diagnose, done, end, enter, give, gp_aes, gp_buf,
    gp_key_set, gp_key_source, gp_slice, look, object, octets,
};
use crate::status::{Code, GP_E_ARGUMENT, GP_E_CLOSED, GP_E_LEVEL, GP_E_STATE, gp_status};

/// The host's end of a session. Zeroed memory, then `gp_session_init`; `gp_session_close` wipes it.
#[repr(C)]
#[derive(Debug)]
pub struct gp_session {
    opaque: [u64; GP_SESSION_WORDS],
}

impl Context for gp_session {
    type Value = Stage;
    const MARK: usize = 0x5345_5353;
}

/// Where a session is.
#[allow(clippy::large_enum_variant, reason = "the context has room for the largest, and there is no heap")]
#[derive(Debug, Default)]
pub(super) enum Stage {
    /// Before INITIALIZE UPDATE.
    Fresh(Initiator),
    /// INITIALIZE UPDATE was written.
    Sent(Initiator),
    /// The card has answered, the keys are wanted, and who computes with them.
    Challenged(Challenged, Engine),
    /// EXTERNAL AUTHENTICATE was written.
    Proved(Authenticating),
    /// The session is open.
    Open(SecureChannel, u8),
    /// A step failed.
    #[default]
    Over,
}

/// What the card says of its keys before any key is needed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_key_info {
    /// Key diversification data.
    pub diversification: [u8; 10],
    /// Key version number.
    pub key_version: u8,
    /// The "i" parameter.
    pub i: u8,
    /// Sequence counter, most significant octet first.
    pub sequence: [u8; 3],
    /// 1 when there is a sequence counter.
    pub has_sequence: u8,
}

impl From<&KeySetInfo> for gp_key_info {
    fn from(info: &KeySetInfo) -> Self {
        Self {
            diversification: info.diversification,
            key_version: info.key_version,
            i: info.implementation.octet(),
            sequence: info.sequence.map_or([0; 3], gp_scp03::SequenceCounter::octets),
            has_sequence: u8::from(info.sequence.is_some()),
        }
    }
}

/// The card vouches for the answer: its R-MAC holds.
pub const GP_REPLY_AUTHENTIC: u8 = 1;
/// Nobody vouches for the answer: this level has no R-MAC, or there is no session.
pub const GP_REPLY_PLAIN: u8 = 2;
/// A bare error status, which nothing can vouch for.
pub const GP_REPLY_REFUSED: u8 = 3;

/// What an answer is worth, and its status word.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_reply {
    /// One of `GP_REPLY_AUTHENTIC`, `GP_REPLY_PLAIN`, `GP_REPLY_REFUSED`.
    pub kind: u8,
    /// The status word.
    pub status_word: u16,
}

/// How many octets of a `gp_session` this library uses. A program may set aside fewer than `sizeof(gp_session)` if it
/// asserts that they are enough.
#[unsafe(no_mangle)]
pub extern "C" fn gp_session_size() -> usize {
    size_of::<Cell<Stage>>()
}

/// Begins a session: host challenge of 8 (S8) or 16 octets (S16), fresh and unpredictable; logical channel 0 to 19; key
/// version number, 0 for the card's first set.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_init(
    session: *mut gp_session,
    host_challenge: *const u8,
    host_challenge_len: usize,
    channel: u8,
    key_version: u8,
) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let challenge = unsafe { octets(host_challenge, host_challenge_len)? };
        let challenge = Challenge::new(challenge).map_err(code)?;
        let channel = LogicalChannel::new(channel).ok_or(GP_E_ARGUMENT)?;
        // SAFETY: the caller's promise.
        unsafe { begin(session, Stage::Fresh(Initiator::new(challenge, channel, key_version))) }
    };
    done(outcome())
}

/// Writes INITIALIZE UPDATE (14 or 22 octets) into the buffer.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_initialize_update(session: *mut gp_session, command: *mut gp_buf) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let (stage, room) = unsafe { enter_with_room(session, command)? };
        let Stage::Fresh(initiator) = &*stage else { return Err(GP_E_STATE) };
        *room.len = initiator.initialize_update(room.all).map_err(code)?.len();
        if let Stage::Fresh(initiator) = core::mem::take(stage) {
            *stage = Stage::Sent(initiator);
        }
        Ok(())
    };
    done(outcome())
}

/// Reads the answer to INITIALIZE UPDATE, status word included, and tells what the card says of its keys (`info` may be
/// null): enough to find or derive them. Any error ends the session.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_challenged(
    session: *mut gp_session,
    response: *const u8,
    response_len: usize,
    info: *mut gp_key_info,
) -> gp_status {
    let outcome = || {
        apart(&[Span::of(session), Span::octets(response, response_len), Span::of(info)])?;
        // SAFETY: the caller's promise; apart.
        let (stage, response) = unsafe { (enter(session)?, octets(response, response_len)?) };
        let response = Response::parse(response).map_err(code)?;
        let Stage::Sent(initiator) = take_if(stage, |stage| matches!(stage, Stage::Sent(_)))? else {
            return Err(GP_E_STATE);
        };
        let challenged = initiator.challenged(response).map_err(code)?;
        let told = gp_key_info::from(challenged.info());
        *stage = Stage::Challenged(challenged, Engine::NONE);
        // SAFETY: the caller's promise.
        unsafe { give(info, told) }
    };
    done(outcome())
}

/// From now on an engine computes with the keys of this session: cryptograms, MACs, encryption. To be called after
/// `gp_session_challenged` and before `gp_session_authenticate`, whose key set or source derives the session keys as ever.
///
/// Where a function of the engine fails, the step answers `GP_E_KEY_SOURCE`, nothing of the message is left, and the session
/// is over. `GP_E_UNSUPPORTED`: the library was built without the feature `external-aes`, and nothing has changed.
///
/// # Safety
/// See the rules of the header: the structure stays as it is, and its functions callable, until the session is closed, or the host that took it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_use_aes(session: *mut gp_session, aes: *const gp_aes) -> gp_status {
    let outcome = || {
        apart(&[Span::of(session), Span::of(aes)])?;
        // SAFETY: the caller's promise; apart.
        match unsafe { enter(session)? } {
            Stage::Challenged(_, engine) => {
                // SAFETY: the caller's promise.
                *engine = unsafe { Engine::at(aes)? };
                Ok(())
            }
            Stage::Over => Err(GP_E_CLOSED),
            _ => Err(GP_E_STATE),
        }
    };
    done(outcome())
}

/// Verifies the card cryptogram with these keys and, if it holds, writes EXTERNAL AUTHENTICATE (21 or 37 octets) into the
/// buffer. `level` is 0x00, 0x01, 0x03, 0x11, 0x13 or 0x33. Any error but of the arguments ends the session, and nothing
/// is to be sent.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_authenticate(
    session: *mut gp_session,
    keys: *const gp_key_set,
    level: u8,
    command: *mut gp_buf,
) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let mut keys = unsafe { look(keys)? };
        // SAFETY: the caller's promise.
        unsafe { authenticate(session, &mut keys, level, command) }
    };
    done(outcome())
}

/// As `gp_session_authenticate`, with keys that stay in a module.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_authenticate_with(
    session: *mut gp_session,
    source: *const gp_key_source,
    level: u8,
    command: *mut gp_buf,
) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let mut source = Source::new(unsafe { object(source)? })?;
        // SAFETY: the caller's promise.
        unsafe { authenticate(session, &mut source, level, command) }
    };
    done(outcome())
}

/// # Safety
/// As the functions around it.
unsafe fn authenticate(
    session: *mut gp_session,
    keys: &mut impl KeySource,
    level: u8,
    command: *mut gp_buf,
) -> Outcome<()> {
    let level = SecurityLevel::from_octet(level).ok_or(GP_E_LEVEL)?;
    // SAFETY: the caller's promise.
    let (stage, room) = unsafe { enter_with_room(session, command)? };
    let Stage::Challenged(challenged, engine) = take_if(stage, |stage| matches!(stage, Stage::Challenged(..)))? else {
        return Err(GP_E_STATE);
    };
    let mut keys = Keys { keys, engine };
    let (authenticating, written) =
        challenged.authenticate(&mut keys, level, ChallengePolicy::Off, room.all).map_err(code)?;
    *room.len = written.len();
    *stage = Stage::Proved(authenticating);
    Ok(())
}

/// Reads the answer to EXTERNAL AUTHENTICATE: the session is open, or over.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_confirm(
    session: *mut gp_session,
    response: *const u8,
    response_len: usize,
) -> gp_status {
    let outcome = || {
        apart(&[Span::of(session), Span::octets(response, response_len)])?;
        // SAFETY: the caller's promise; apart.
        let (stage, response) = unsafe { (enter(session)?, octets(response, response_len)?) };
        let response = Response::parse(response).map_err(code)?;
        let Stage::Proved(authenticating) = take_if(stage, |stage| matches!(stage, Stage::Proved(_)))? else {
            return Err(GP_E_STATE);
        };
        let version = authenticating.info().key_version;
        *stage = Stage::Open(authenticating.confirmed(response).map_err(code)?, version);
        Ok(())
    };
    done(outcome())
}

/// Protects the command in the buffer, in place: it grows by up to 16 octets of padding and 16 of C-MAC. Any error leaves
/// command and session as they were, but `GP_E_KEY_SOURCE`: the engine that `gp_session_use_aes` named failed, the session
/// is over, and the buffer is empty.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_wrap(session: *mut gp_session, apdu: *mut gp_buf) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let (stage, room) = unsafe { enter_with_room(session, apdu)? };
        let channel = open(stage)?;
        let mut command = CommandBuf::parse(room.all, *room.len).map_err(code)?;
        let wrapped = channel.wrap(&mut command);
        // Puts Le back where nothing was wrapped, too.
        *room.len = command.finish().map_err(code)?.len();
        if cfg!(feature = "external-aes") && channel.is_closed() {
            // An engine failed: there is nothing to be sent.
            *room.len = 0;
        }
        wrapped.map_err(code)
    };
    done(outcome())
}

/// Verifies and decrypts the answer in the buffer, in place: afterwards the buffer holds its data, and `reply` (which may
/// be null) says what it is worth and its status word. `GP_E_SECURITY` ends the session and wipes it, and so does
/// `GP_E_KEY_SOURCE`, when the engine that `gp_session_use_aes` named failed.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_unwrap(
    session: *mut gp_session,
    apdu: *mut gp_buf,
    reply: *mut gp_reply,
) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let (stage, room) = unsafe { enter_with_room(session, apdu)? };
        apart(&[Span::of(session), room.span[0], room.span[1], Span::of(reply)])?;
        if !reply.is_aligned() {
            return Err(GP_E_ARGUMENT);
        }
        let channel = open(stage)?;
        let used = room.all.get_mut(..*room.len).unwrap_or_default();
        let told = match channel.unwrap(used) {
            Ok(told) => told,
            Err(error) => {
                if channel.is_closed() {
                    *room.len = 0;
                }
                return Err(error.code());
            }
        };
        let (kind, data_len) = match told {
            Reply::Authentic(answer) => (GP_REPLY_AUTHENTIC, answer.data.len()),
            Reply::Plain(answer) => (GP_REPLY_PLAIN, answer.data.len()),
            Reply::Refused(_) => (GP_REPLY_REFUSED, 0),
        };
        let told = gp_reply { kind, status_word: told.status().0 };
        *room.len = data_len;
        // SAFETY: the caller's promise.
        unsafe { give(reply, told) }
    };
    done(outcome())
}

/// The most octets of plain data that a short command can carry now; 0 when the session is not open.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_max_data(session: *const gp_session) -> usize {
    // SAFETY: the caller's promise.
    match unsafe { look(session) } {
        Ok(Stage::Open(channel, _)) => channel.max_command_data(Form::Short),
        _ => 0,
    }
}

/// The security level, or -1 when the session is not open.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_level(session: *const gp_session) -> i32 {
    // SAFETY: the caller's promise.
    match unsafe { look(session) } {
        Ok(Stage::Open(channel, _)) if !channel.is_closed() => i32::from(channel.level().octet()),
        _ => -1,
    }
}

/// Ends the session on this side and wipes it: also when an answer never came. Twice is fine, and so is null.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_close(session: *mut gp_session) {
    // SAFETY: the caller's promise.
    unsafe { end(session) };
}

/// # Safety
/// As the functions around it.
unsafe fn enter_with_room<'a>(session: *mut gp_session, buffer: *mut gp_buf) -> Outcome<(&'a mut Stage, Room<'a>)> {
    // SAFETY: the caller's promise.
    let room = unsafe { Room::of(buffer)? };
    apart(&[Span::of(session), room.span[0], room.span[1]])?;
    // SAFETY: the caller's promise; apart.
    Ok((unsafe { enter(session)? }, room))
}

/// The open channel.
fn open(stage: &mut Stage) -> Outcome<&mut SecureChannel> {
    match stage {
        Stage::Open(channel, _) if channel.is_closed() => Err(GP_E_CLOSED),
        Stage::Open(channel, _) => Ok(channel),
        Stage::Over => Err(GP_E_CLOSED),
        _ => Err(GP_E_STATE),
    }
}

/// Takes the stage out if it is the right one: what comes next either puts another in its place or leaves the session over.
fn take_if(stage: &mut Stage, right: impl FnOnce(&Stage) -> bool) -> Outcome<Stage> {
    match stage {
        stage if right(stage) => Ok(core::mem::take(stage)),
        Stage::Over => Err(GP_E_CLOSED),
        _ => Err(GP_E_STATE),
    }
}

impl Stage {
    /// The open channel and its key version, for an owner that goes on with them.
    pub(super) fn take_open(&mut self) -> Outcome<(SecureChannel, u8)> {
        match core::mem::take(self) {
            Self::Open(channel, version) => Ok((channel, version)),
            other => {
                *self = other;
                Err(GP_E_STATE)
            }
        }
    }
}

/// Without a session: reads a plain response. Its data begins at `response`, and its length is told.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_response_parse(
    response: *const u8,
    response_len: usize,
    data_len: *mut usize,
    status_word: *mut u16,
) -> gp_status {
    let outcome = || {
        apart(&[Span::octets(response, response_len), Span::of(data_len), Span::of(status_word)])?;
        // SAFETY: the caller's promise.
        let parsed = Response::parse(unsafe { octets(response, response_len)? }).map_err(code)?;
        let StatusWord(word) = parsed.status;
        // SAFETY: the caller's promise.
        unsafe {
            give(data_len, parsed.data.len())?;
            give(status_word, word)
        }
    };
    done(outcome())
}

/// Writes a response: data and status word.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_response_build(
    data: *const u8,
    data_len: usize,
    status_word: u16,
    response: *mut gp_buf,
) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let room = unsafe { Room::of(response)? };
        apart(&[room.span[0], room.span[1], Span::octets(data, data_len)])?;
        // SAFETY: the caller's promise; apart.
        let data = unsafe { octets(data, data_len)? };
        let length = Response { data, status: StatusWord(status_word) }.emit(room.all).map_err(code)?.len();
        *room.len = length;
        Ok(())
    };
    done(outcome())
}

/// Writes BEGIN R-MAC SESSION, protected, into the buffer. `protection` is P1: 0x10 for an R-MAC in the answers, 0x30 for
/// encrypted answers, too. `salt` of up to 24 octets by custom, or none, reaches the R-MACs. The level rises when
/// `gp_session_unwrap` has read the answer 9000: 0x01 and 0x03 to 0x11 and 0x13, 0x03 and 0x13 to 0x33. `GP_E_LEVEL` where the
/// level cannot be raised so, or an R-MAC session runs. Any error leaves the session as it was.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_begin_r_mac(
    session: *mut gp_session,
    protection: u8,
    salt: *const u8,
    salt_len: usize,
    command: *mut gp_buf,
) -> gp_status {
    let outcome = || {
        let protection = RMacSession::from_octet(protection).ok_or(GP_E_ARGUMENT)?;
        // SAFETY: the caller's promise.
        let (stage, room) = unsafe { enter_with_room(session, command)? };
        apart(&[Span::of(session), room.span[0], room.span[1], Span::octets(salt, salt_len)])?;
        // SAFETY: the caller's promise; apart.
        let salt = unsafe { octets(salt, salt_len)? };
        *room.len = open(stage)?.begin_r_mac(protection, salt, room.all).map_err(code)?.len();
        Ok(())
    };
    done(outcome())
}

/// Writes END R-MAC SESSION, protected, into the buffer. Its own answer still has the R-MAC; when `gp_session_unwrap` has read
/// 9000 the level is `gp_session_initial_level` again. `GP_E_LEVEL` when no R-MAC session runs. Any error leaves the session as
/// it was.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_end_r_mac(session: *mut gp_session, command: *mut gp_buf) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let (stage, room) = unsafe { enter_with_room(session, command)? };
        *room.len = open(stage)?.end_r_mac(room.all).map_err(code)?.len();
        Ok(())
    };
    done(outcome())
}

/// The security level that EXTERNAL AUTHENTICATE set, or -1 when the session is not open. `gp_session_level` is above it
/// while an R-MAC session runs.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_initial_level(session: *const gp_session) -> i32 {
    // SAFETY: the caller's promise.
    match unsafe { look(session) } {
        Ok(Stage::Open(channel, _)) if !channel.is_closed() => i32::from(channel.session_level().octet()),
        _ => -1,
    }
}

/// From now on, that many commands may be wrapped; the next one is `GP_E_MESSAGE_LIMIT`, with nothing sent. Without this
/// call the encryption counter's 32 bits are the limit. It stays with the session that a host adopts.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_set_message_limit(session: *mut gp_session, messages: u32) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        open(unsafe { enter(session)? })?.set_message_limit(messages);
        Ok(())
    };
    done(outcome())
}

/// How many commands may still be wrapped; 0 when the session is not open.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_messages_left(session: *const gp_session) -> u32 {
    // SAFETY: the caller's promise.
    match unsafe { look(session) } {
        Ok(Stage::Open(channel, _)) if !channel.is_closed() => channel.messages_left(),
        _ => 0,
    }
}

/// Between `gp_session_challenged` and `gp_session_authenticate`: is the card challenge the one that follows from Key-ENC,
/// sequence counter and the AID of the selected application, 5 to 16 octets? `verdict` is one of `GP_CHALLENGE_...` and may be
/// null. With `required` 1 anything but `GP_CHALLENGE_MATCHES` is `GP_E_CARD_CHALLENGE` and ends the session, so that nothing
/// is sent; with 0 the session goes on. Without this call nothing is checked.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_check_challenge(
    session: *mut gp_session,
    keys: *const gp_key_set,
    aid: gp_slice,
    required: u8,
    verdict: *mut u8,
) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let mut keys = unsafe { look(keys)? };
        // SAFETY: the caller's promise.
        unsafe { check_challenge(session, &mut keys, aid, required, verdict) }
    };
    done(outcome())
}

/// As `gp_session_check_challenge`, with a Key-ENC that stays in a module.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_session_check_challenge_with(
    session: *mut gp_session,
    source: *const gp_key_source,
    aid: gp_slice,
    required: u8,
    verdict: *mut u8,
) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let mut source = Source::new(unsafe { object(source)? })?;
        // SAFETY: the caller's promise.
        unsafe { check_challenge(session, &mut source, aid, required, verdict) }
    };
    done(outcome())
}

/// # Safety
/// As the functions around it.
unsafe fn check_challenge(
    session: *mut gp_session,
    keys: &mut impl KeySource,
    aid: gp_slice,
    required: u8,
    verdict: *mut u8,
) -> Outcome<()> {
    if required > 1 {
        return Err(GP_E_ARGUMENT);
    }
    apart(&[Span::of(session), Span::octets(aid.ptr, aid.len), Span::of(verdict)])?;
    // SAFETY: the caller's promise; apart.
    let (stage, aid) = unsafe { (enter(session)?, octets(aid.ptr, aid.len)?) };
    let challenged = match stage {
        Stage::Challenged(challenged, ..) => challenged,
        Stage::Over => return Err(GP_E_CLOSED),
        _ => return Err(GP_E_STATE),
    };
    let card = challenged.card_challenge();
    let found = match challenged.info().sequence {
        None => ChallengeVerdict::Random,
        Some(sequence) => {
            let expected = Challenge::pseudo_random(keys, card.mode(), sequence, aid).map_err(code)?;
            // Both are public once the card has answered.
            if expected == *card { ChallengeVerdict::Matches } else { ChallengeVerdict::Differs }
        }
    };
    // SAFETY: the caller's promise.
    unsafe { give(verdict, diagnose::verdict(found))? };
    if required == 1 && found != ChallengeVerdict::Matches {
        *stage = Stage::Over;
        return Err(code(Error::CardChallenge));
    }
    Ok(())
}
