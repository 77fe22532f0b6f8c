//! The host's operations, step by step: an operation is begun, its octets are sent by the program, the answer is
//! digested, until it is done.

use core::num::NonZeroU8;

use gp_apdu::LogicalChannel;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::host::{
    CloseChannel, Delete, Failure, GetData, Host, Install, Lengths, Load, Next, OpenChannel, PutKeys, Raw, Select,
    SetStatus, StoreData,
};

use super::keys::DekSource;
use super::sizes::GP_HOST_WORDS;
use super::{
    Context, Outcome, Span, apart, begin, code, done, end, enter, give, gp_buf, gp_command, gp_session, gp_slice,
    is_usable, look, object, octets, octets_mut,
};
use crate::status::{Code, GP_E_AID_LENGTH, GP_E_ARGUMENT, GP_E_CALLBACK, GP_E_STATE, gp_status};

mod answer;
mod channel;
mod content;
mod keys;
mod listing;
mod load;
mod rotation;
mod slices;
mod store_data;
mod token;

pub use answer::*;
pub use channel::*;
pub use content::*;
pub use keys::*;
pub use listing::*;
pub use load::*;
pub use rotation::*;
pub use store_data::*;
pub use token::*;

use listing::List;
use rotation::Rotating;
use slices::Slices;
use store_data::Pieces;

/// The host of management operations. Zeroed memory, then `gp_host_init`; `gp_host_close` wipes it.
#[repr(C)]
#[derive(Debug)]
pub struct gp_host {
    opaque: [u64; GP_HOST_WORDS],
}

impl Context for gp_host {
    type Value = State;
    const MARK: usize = 0x484F_5354;
}

/// A host and the operation that is under way. What it borrows is the caller's, for as long as the header says.
#[derive(Debug)]
pub(super) struct State {
    host: Host<'static>,
    operation: Operation,
    answer: Option<gp_answer>,
    /// Tag and length in front of a load file data block.
    head: [u8; 8],
}

macro_rules! operations {
    ($($name:ident($task:ty)),+ $(,)?) => {
        /// One operation of those that there are.
        #[allow(clippy::large_enum_variant, reason = "the context has room for the largest, and there is no heap")]
        #[derive(Debug)]
        enum Operation {
            None,
            $($name($task)),+
        }

        $(impl From<$task> for Operation {
            fn from(task: $task) -> Self {
                Self::$name(task)
            }
        })+

        impl State {
            /// Writes the first command.
            fn start(&mut self, operation: Operation) -> Outcome<()> {
                self.operation = operation;
                self.answer = None;
                let begun = match &mut self.operation {
                    Operation::None => Err(Failure::State),
                    $(Operation::$name(task) => self.host.begin(task)),+
                };
                if begun.is_err() {
                    self.operation = Operation::None;
                }
                begun.map_err(code)
            }

            /// Takes an answer of so many octets.
            fn digest(&mut self, received: usize) -> Outcome<Next> {
                let next = match &mut self.operation {
                    Operation::None => return Err(GP_E_STATE),
                    $(Operation::$name(task) => self.host.digest(task, received)),+
                };
                let outcome = match next {
                    Ok(Next::Transmit) => return Ok(Next::Transmit),
                    Ok(Next::Done) => match core::mem::replace(&mut self.operation, Operation::None) {
                        Operation::None => Err(Failure::State),
                        $(Operation::$name(task) => self.host.finish(task).map(gp_answer::from)),+
                    },
                    Err(failure) => Err(failure),
                };
                self.operation = Operation::None;
                self.answer = Some(outcome.map_err(Failure::code)?);
                Ok(Next::Done)
            }
        }
    };
}

operations! {
    Select(Select<'static>),
    GetData(GetData),
    List(List),
    Install(Install<'static>),
    Load(Load<'static, Slices>),
    Delete(Delete<'static>),
    PutKeys(PutKeys<'static, DekSource>),
    SetStatus(SetStatus),
    StoreData(StoreData<'static>),
    Pieces(Pieces),
    OpenChannel(OpenChannel),
    CloseChannel(CloseChannel),
    Rotate(Rotating),
    Raw(Raw<'static>),
}

/// Begins a host that works in these two buffers: 261 octets hold every short command, 258 every short response; longer
/// operations need more. Both stay with the host until it is closed; the program reaches them through `gp_host_io` alone.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_init(
    host: *mut gp_host,
    command: *mut u8,
    command_cap: usize,
    response: *mut u8,
    response_cap: usize,
) -> gp_status {
    let outcome = || {
        apart(&[Span::of(host), Span::octets(command, command_cap), Span::octets(response, response_cap)])?;
        // SAFETY: the caller's promise; apart.
        let (command, response) = unsafe { (octets_mut(command, command_cap)?, octets_mut(response, response_cap)?) };
        let state =
            State { host: Host::new(command, response, ()), operation: Operation::None, answer: None, head: [0; 8] };
        // SAFETY: the caller's promise.
        unsafe { begin(host, state) }
    };
    done(outcome())
}

/// How many octets of a `gp_host` this library uses; see `gp_session_size`.
#[unsafe(no_mangle)]
pub extern "C" fn gp_host_size() -> usize {
    size_of::<super::Cell<State>>()
}

/// Gives the host an open session, which ends here: the host protects its commands with it from now on, on the session's
/// logical channel.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_adopt(host: *mut gp_host, session: *mut gp_session) -> gp_status {
    let outcome = || {
        apart(&[Span::of(host), Span::of(session)])?;
        // SAFETY: the caller's promise; apart.
        let (state, stage) = unsafe { (enter(host)?, enter(session)?) };
        let (channel, version) = stage.take_open()?;
        state.host.set_channel(channel.channel());
        state.host.slot_mut().install_opened(channel, version);
        // SAFETY: the caller's promise.
        unsafe { end(session) };
        Ok(())
    };
    done(outcome())
}

/// Sends on this logical channel, 0 to 19, from now on.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_set_channel(host: *mut gp_host, channel: u8) -> gp_status {
    let outcome = || {
        let channel = LogicalChannel::new(channel).ok_or(GP_E_ARGUMENT)?;
        // SAFETY: the caller's promise.
        unsafe { enter(host)? }.host.set_channel(channel);
        Ok(())
    };
    done(outcome())
}

/// Writes lengths so from now on: 0 short, a longer body is an error; 1 short, a longer body of DELETE, INSTALL and PUT KEY
/// is cut by GlobalPlatform's rule (so it is after `gp_host_init`); 2 short, any longer body is cut by ISO's rule; 3 extended
/// where the body does not fit a short command; 4 extended, always.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_set_lengths(host: *mut gp_host, lengths: u8) -> gp_status {
    let outcome = || {
        let lengths = match lengths {
            0 => Lengths::Short,
            1 => Lengths::Chained,
            2 => Lengths::IsoChained,
            3 => Lengths::ExtendedIfNeeded,
            4 => Lengths::Extended,
            _ => return Err(GP_E_ARGUMENT),
        };
        // SAFETY: the caller's promise.
        unsafe { enter(host)? }.host.set_lengths(lengths);
        Ok(())
    };
    done(outcome())
}

/// The most data octets of one short command or segment on the wire from now on, protection included, for cards and readers
/// that take fewer than 255; 0 for 255.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_set_max_data(host: *mut gp_host, max: u8) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        unsafe { enter(host)? }.host.set_max_command_data(NonZeroU8::new(max));
        Ok(())
    };
    done(outcome())
}

/// The octets to send, and the room for what comes back. `GP_E_STATE` when no operation is under way.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_io(host: *mut gp_host, command: *mut gp_slice, response: *mut gp_buf) -> gp_status {
    let outcome = || {
        if !is_usable(command) || !is_usable(response) {
            return Err(GP_E_ARGUMENT);
        }
        apart(&[Span::of(host), Span::of(command), Span::of(response)])?;
        // SAFETY: the caller's promise; apart.
        let state = unsafe { enter(host)? };
        if !state.host.is_awaiting() {
            return Err(GP_E_STATE);
        }
        let (outgoing, incoming) = state.host.io();
        // SAFETY: the caller's promise; usable.
        unsafe {
            give(command, gp_slice::of(outgoing))?;
            give(response, gp_buf { ptr: incoming.as_mut_ptr(), len: 0, cap: incoming.len() })
        }
    };
    done(outcome())
}

/// Takes note that so many octets have come into the room of `gp_host_io`. `*more` is 1 when there is more to send, and 0
/// when the operation is done. Any error ends the operation.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_digest(host: *mut gp_host, received: usize, more: *mut u8) -> gp_status {
    let outcome = || {
        if !is_usable(more) {
            return Err(GP_E_ARGUMENT);
        }
        apart(&[Span::of(host), Span::of(more)])?;
        // SAFETY: the caller's promise.
        let next = unsafe { enter(host)? }.digest(received)?;
        // SAFETY: the caller's promise; usable.
        unsafe { give(more, u8::from(next == Next::Transmit)) }
    };
    done(outcome())
}

/// What came out of the operation that is done. `GP_E_STATE` when none is.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_answer(host: *const gp_host, answer: *mut gp_answer) -> gp_status {
    let outcome = || {
        if !is_usable(answer) {
            return Err(GP_E_ARGUMENT);
        }
        apart(&[Span::of(host), Span::of(answer)])?;
        // SAFETY: the caller's promise.
        let told = unsafe { look(host)? }.answer.ok_or(GP_E_STATE)?;
        // SAFETY: the caller's promise; usable.
        unsafe { give(answer, told) }
    };
    done(outcome())
}

/// Gives up an answer that will not come: the operation is over, and so is the session, since nobody knows whether the
/// card has counted the command.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_abandon(host: *mut gp_host) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let state = unsafe { enter(host)? };
        state.host.abandon();
        state.operation = Operation::None;
        Ok(())
    };
    done(outcome())
}

/// Takes note that the card was reset: no session, no logical channel but the basic one.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_reset(host: *mut gp_host) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let state = unsafe { enter(host)? };
        state.host.reset();
        state.operation = Operation::None;
        Ok(())
    };
    done(outcome())
}

/// Ends session and host and wipes both. Twice is fine, and so is null.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_close(host: *mut gp_host) {
    // SAFETY: the caller's promise.
    unsafe { end(host) };
}

/// # Safety
/// As the functions around it.
unsafe fn start(host: *mut gp_host, operation: Outcome<Operation>) -> gp_status {
    // SAFETY: the caller's promise.
    done(unsafe { enter(host) }.and_then(|state| state.start(operation?)))
}

/// An AID of 5 to 16 octets.
///
/// # Safety
/// As [`octets`].
unsafe fn aid(from: gp_slice) -> Outcome<Aid> {
    // SAFETY: the caller's promise.
    Aid::new(unsafe { octets(from.ptr, from.len)? }).ok_or(GP_E_AID_LENGTH)
}

/// An AID, or none where there are no octets.
///
/// # Safety
/// As [`octets`].
unsafe fn optional_aid(from: gp_slice) -> Outcome<Option<Aid>> {
    // SAFETY: the caller's promise.
    if from.len == 0 { Ok(None) } else { unsafe { aid(from) }.map(Some) }
}

/// SELECT by name: an AID, or its first octets, or none for the issuer security domain. It ends the session.
///
/// # Safety
/// See the rules of the header: the name stays until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_select(host: *mut gp_host, name: gp_slice) -> gp_status {
    // SAFETY: the caller's promise.
    unsafe { start(host, octets(name.ptr, name.len).map(|name| Select::prefix(name).into())) }
}

/// GET DATA: one data object by its tag of one or two octets.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_get_data(host: *mut gp_host, tag: u16) -> gp_status {
    // SAFETY: the caller's promise.
    unsafe { start(host, Ok(GetData::new(tag).into())) }
}

/// Any command, protected when there is a session. A refusal is an answer: `gp_host_answer` has its status word.
///
/// # Safety
/// See the rules of the header: the data of the command stays until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_raw(host: *mut gp_host, command: *const gp_command) -> gp_status {
    // SAFETY: the caller's promise.
    unsafe { start(host, object(command).and_then(|command| Ok(Raw::new(command.view()?).into()))) }
}

/// A callback's answer as an error of its own.
pub(super) fn refused(answer: i32) -> Outcome<()> {
    if answer == 0 { Ok(()) } else { Err(GP_E_CALLBACK) }
}
