//! The host's operations, step by step: an operation is begun, its octets are sent by the program, the answer is
//! digested, until it is done.

use core::ffi::c_void;

use gp_apdu::{LogicalChannel, StatusWord, ins};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::delete::Delete as DeleteBody;
use gp_cardmanager_model::entry::Listing;
use gp_cardmanager_model::get_status::{GetStatus as ListBody, Subset};
use gp_cardmanager_model::host::{
    Answer, Cover, Delete, Draft, Failure, GetData, Host, Install, KeysPut, Load, NewKeys, Next, Origin, Performed,
    PutKeys, Raw, Select, SetStatus, Slot, Step, StoreData, Task, accepted,
};
use gp_cardmanager_model::install::{ForInstall, ForLoad, Install as InstallBody};
use gp_cardmanager_model::load_file::{Content, LoadFile};
use gp_cardmanager_model::set_status::{SetStatus as StateBody, Target};
use gp_cardmanager_model::store_data::{Encryption, StoreDataFormat, Structure};
use gp_scp03::{Reply, StaticKeys};

use super::keys::{DekSource, Encrypting};
use super::sizes::GP_HOST_WORDS;
use super::{
    Context, GP_REPLY_AUTHENTIC, GP_REPLY_PLAIN, Outcome, Span, apart, begin, code, done, end, enter, give, gp_command,
    gp_key_set, gp_key_source, gp_session, gp_slice, is_usable, look, object, octets, octets_mut,
};
use crate::status::{Code, GP_E_AID_LENGTH, GP_E_ARGUMENT, GP_E_CALLBACK, GP_E_STATE, gp_status};

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
    Raw(Raw<'static>),
}

/// The result of an operation.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_answer {
    /// Data of the last answer, in the response buffer of the host: good until the next operation.
    pub data: gp_slice,
    /// Its status word.
    pub status_word: u16,
    /// `GP_REPLY_AUTHENTIC` or `GP_REPLY_PLAIN`: who vouches for it. An operation of several answers has the worst.
    pub kind: u8,
    /// How many entries a listing showed.
    pub entries: u32,
}

impl gp_answer {
    fn new(data: &[u8], status: StatusWord, origin: Origin) -> Self {
        let kind = if origin == Origin::Authentic { GP_REPLY_AUTHENTIC } else { GP_REPLY_PLAIN };
        Self { data: gp_slice::of(data), status_word: status.0, kind, entries: 0 }
    }
}

impl From<Answer<'_>> for gp_answer {
    fn from(answer: Answer<'_>) -> Self {
        Self::new(answer.data, answer.status, answer.origin)
    }
}

impl From<Performed<'_>> for gp_answer {
    fn from(performed: Performed<'_>) -> Self {
        Self::new(performed.data, StatusWord::OK, performed.origin)
    }
}

impl From<gp_cardmanager_model::host::Selected<'_>> for gp_answer {
    fn from(selected: gp_cardmanager_model::host::Selected<'_>) -> Self {
        let status = if selected.card_locked { StatusWord::CARD_LOCKED } else { StatusWord::OK };
        Self::new(selected.data, status, Origin::Plain)
    }
}

impl From<KeysPut> for gp_answer {
    fn from(put: KeysPut) -> Self {
        Self::new(&[], StatusWord::OK, put.origin)
    }
}

impl From<Origin> for gp_answer {
    fn from(origin: Origin) -> Self {
        Self::new(&[], StatusWord::OK, origin)
    }
}

impl From<Listed> for gp_answer {
    fn from(listed: Listed) -> Self {
        Self { entries: listed.entries, ..Self::new(&[], StatusWord::OK, listed.origin) }
    }
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

/// The octets to send, and the room for what comes back. `GP_E_STATE` when no operation is under way.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_io(
    host: *mut gp_host,
    command: *mut gp_slice,
    response: *mut super::gp_buf,
) -> gp_status {
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
            give(response, super::gp_buf { ptr: incoming.as_mut_ptr(), len: 0, cap: incoming.len() })
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

/// An entry of the registry, as GET STATUS tells of it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_entry {
    /// AID; empty when the card does not say it.
    pub aid: gp_slice,
    /// Life cycle state.
    pub life_cycle: u8,
    /// Privileges, three octets.
    pub privileges: [u8; 3],
    /// All data objects of the entry.
    pub objects: gp_slice,
}

/// Called for each entry; what it is given is good until it returns. Any answer but 0 stops the listing.
pub type gp_entry_visitor = Option<unsafe extern "C" fn(context: *mut c_void, entry: *const gp_entry) -> i32>;

/// GET STATUS: shows the entries of one part of the registry to `visit`. `subset` is P1: 0x80 the issuer security domain,
/// 0x40 applications and security domains, 0x20 load files, 0x10 load files with their modules.
///
/// # Safety
/// See the rules of the header: the context stays until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_get_status(
    host: *mut gp_host,
    subset: u8,
    visit: gp_entry_visitor,
    context: *mut c_void,
) -> gp_status {
    let operation = || {
        let subset = Subset::from_p1(subset).ok_or(GP_E_ARGUMENT)?;
        let visit = visit.ok_or(GP_E_ARGUMENT)?;
        let listed = Listed { entries: 0, origin: Origin::Authentic };
        Ok(List { body: ListBody::all(subset), pages: 0, visit, context, listed }.into())
    };
    // SAFETY: the caller's promise.
    unsafe { start(host, operation()) }
}

/// A listing whose entries go to a function of C.
#[derive(Debug)]
struct List {
    body: ListBody<'static>,
    pages: u16,
    visit: unsafe extern "C" fn(*mut c_void, *const gp_entry) -> i32,
    context: *mut c_void,
    listed: Listed,
}

#[derive(Clone, Copy, Debug)]
struct Listed {
    entries: u32,
    origin: Origin,
}

impl List {
    const MAX_PAGES: u16 = 1024;

    /// Shows the whole entries of a page; what is left is the length of one that was cut.
    fn show(&mut self, data: &[u8]) -> Result<usize, Failure> {
        let mut listing = Listing::new(data);
        for entry in &mut listing {
            // One odd entry does not hide the others.
            let Ok(entry) = entry else { continue };
            let shown = gp_entry {
                aid: entry.aid.as_ref().map_or(gp_slice::EMPTY, |aid| gp_slice::of(aid.as_bytes())),
                life_cycle: entry.life_cycle.unwrap_or_default(),
                privileges: entry.privileges.map_or([0; 3], gp_cardmanager_model::privileges::Privileges::octets),
                objects: gp_slice::of(entry.objects),
            };
            self.listed.entries = self.listed.entries.saturating_add(1);
            // SAFETY: the caller said that the function may be called so; the entry lives until it returns.
            if unsafe { (self.visit)(self.context, &raw const shown) } != 0 {
                return Err(Failure::Stopped);
            }
        }
        Ok(listing.tail().len())
    }
}

impl Task for List {
    type Output<'r> = Listed;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        if self.pages >= Self::MAX_PAGES {
            return Err(Failure::TooManyPages);
        }
        self.pages = self.pages.saturating_add(1);
        let body = self.body;
        draft.begin(body.header()).push_with(|room| Ok(body.emit(room)?.len()))?.expect_any();
        Ok(Cover::Session)
    }

    fn reply(&mut self, reply: Reply<'_>, _: &mut Slot) -> Result<Step, Failure> {
        let status = reply.status();
        self.listed.origin = self.listed.origin.min(Origin::of(&reply));
        match reply {
            Reply::Refused(StatusWord::REFERENCED_DATA_NOT_FOUND) if self.pages == 1 => Ok(Step::Done),
            Reply::Authentic(page) | Reply::Plain(page) if status == StatusWord::MORE_DATA => {
                let tail = self.show(page.data)?;
                self.body = self.body.following();
                Ok(Step::AgainKeeping(tail))
            }
            _ => {
                let page = accepted(ins::GET_STATUS, reply)?;
                let tail = self.show(page.data)?;
                if tail == 0 { Ok(Step::Done) } else { Err(Failure::WrongAnswer) }
            }
        }
    }

    fn output(self, _: &[u8]) -> Result<Listed, Failure> {
        Ok(self.listed)
    }
}

/// An installation: INSTALL for install and make selectable.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_install {
    /// Load file that holds the module.
    pub load_file: gp_slice,
    /// Module.
    pub module: gp_slice,
    /// AID of the new application.
    pub application: gp_slice,
    /// Privileges, 1 or 3 octets.
    pub privileges: gp_slice,
    /// Install parameters with their tags, `C9` at least.
    pub parameters: gp_slice,
    /// Token; empty for none.
    pub token: gp_slice,
}

/// INSTALL for install and make selectable.
///
/// # Safety
/// See the rules of the header: what the parameters point to stays until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_install(host: *mut gp_host, parameters: *const gp_install) -> gp_status {
    // SAFETY: the caller's promise.
    unsafe {
        let operation = object(parameters).and_then(|given| {
            Ok(Install::new(InstallBody::InstallAndMakeSelectable(ForInstall {
                load_file: optional_aid(given.load_file)?,
                module: optional_aid(given.module)?,
                application: aid(given.application)?,
                privileges: octets(given.privileges.ptr, given.privileges.len)?,
                parameters: octets(given.parameters.ptr, given.parameters.len)?,
                token: octets(given.token.ptr, given.token.len)?,
            }))
            .into())
        });
        start(host, operation)
    }
}

/// A load file to be loaded: INSTALL for load and LOAD.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_load {
    /// AID of the load file.
    pub load_file: gp_slice,
    /// Security domain that gets it; empty for the one of the session.
    pub security_domain: gp_slice,
    /// Hash of the data block; empty for none.
    pub hash: gp_slice,
    /// Load parameters; empty for none.
    pub parameters: gp_slice,
    /// Token; empty for none.
    pub token: gp_slice,
    /// The load file data block, in as many parts as it lies in.
    pub parts: *const gp_slice,
    /// How many parts.
    pub parts_len: usize,
}

/// The parts of a data block, one after the other.
#[derive(Clone, Debug)]
struct Slices {
    next: *const gp_slice,
    left: usize,
}

impl Iterator for Slices {
    type Item = &'static [u8];

    fn next(&mut self) -> Option<&'static [u8]> {
        self.left = self.left.checked_sub(1)?;
        // SAFETY: so many parts are there, and they stay until the operation is over; both were looked at when it began.
        unsafe {
            let part = self.next.read();
            self.next = self.next.add(1);
            octets(part.ptr, part.len).ok()
        }
    }
}

/// INSTALL for load, and LOAD in as many blocks as it takes.
///
/// # Safety
/// See the rules of the header: what the parameters point to stays until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_load(host: *mut gp_host, parameters: *const gp_load) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let (state, given) = unsafe { (enter(host)?, object(parameters)?) };
        let too_many = !super::addressable(given.parts, given.parts_len);
        if given.parts_len == 0 || !is_usable(given.parts) || too_many {
            return Err(GP_E_ARGUMENT);
        }
        for at in 0..given.parts_len {
            // SAFETY: the caller's promise; usable.
            unsafe {
                let part = given.parts.add(at).read();
                octets(part.ptr, part.len)?;
            }
        }
        let blocks = Slices { next: given.parts, left: given.parts_len };
        let len = blocks.clone().map(<[u8]>::len).fold(0, usize::saturating_add);
        let written =
            LoadFile { daps: &[], content: Content::Plain { len } }.emit_head(&mut state.head).map_err(code)?.len();
        let head = state.head.as_ptr();
        // SAFETY: the head lies in the context, which does not move; it changes only when the next load begins.
        let head = unsafe { octets(head, written)? };
        // SAFETY: the caller's promise.
        let body = unsafe {
            ForLoad {
                load_file: aid(given.load_file)?,
                security_domain: optional_aid(given.security_domain)?,
                hash: octets(given.hash.ptr, given.hash.len)?,
                parameters: octets(given.parameters.ptr, given.parameters.len)?,
                token: octets(given.token.ptr, given.token.len)?,
            }
        };
        state.start(Load::new(body, head, blocks).into())
    };
    done(outcome())
}

/// DELETE: an application or a load file; with `related` 1 a load file and all applications from it.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_delete(host: *mut gp_host, object: gp_slice, related: u8) -> gp_status {
    // SAFETY: the caller's promise.
    unsafe {
        let operation = match related {
            0 | 1 => aid(object).map(|aid| Delete::new(DeleteBody::content(aid, related == 1)).into()),
            _ => Err(GP_E_ARGUMENT),
        };
        start(host, operation)
    }
}

/// DELETE: all keys of a version, other than the one of the session.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_delete_keys(host: *mut gp_host, version: u8) -> gp_status {
    // SAFETY: the caller's promise.
    unsafe { start(host, Ok(Delete::key_version(version).into())) }
}

/// PUT KEY: puts a key set under `version`, in place of version `replaces` or, when that is 0, beside the others. The
/// values are encrypted with the Key-DEK of `current`, and the check values that come back are compared.
///
/// # Safety
/// See the rules of the header: both key sets stay until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_put_keys(
    host: *mut gp_host,
    replaces: u8,
    version: u8,
    keys: *const gp_key_set,
    current: *const gp_key_set,
) -> gp_status {
    let operation = || {
        // SAFETY: the caller's promise.
        let (keys, current) = unsafe { (look(keys)?, look(current)?) };
        Ok(put_keys(replaces, version, keys, DekSource::Key(current.dek())))
    };
    // SAFETY: the caller's promise.
    unsafe { start(host, operation()) }
}

/// As `gp_host_put_keys`, with a Key-DEK that stays in a module: its `encrypt` is needed, its `cmac` may be null.
///
/// # Safety
/// See the rules of the header: the key set and the context of the source stay until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_put_keys_with(
    host: *mut gp_host,
    replaces: u8,
    version: u8,
    keys: *const gp_key_set,
    source: *const gp_key_source,
) -> gp_status {
    let operation = || {
        // SAFETY: the caller's promise.
        let (keys, source) = unsafe { (look(keys)?, object(source)?) };
        Ok(put_keys(replaces, version, keys, DekSource::Module(Encrypting::new(source)?)))
    };
    // SAFETY: the caller's promise.
    unsafe { start(host, operation()) }
}

fn put_keys(replaces: u8, version: u8, keys: &'static StaticKeys, dek: DekSource) -> Operation {
    match replaces {
        0 => PutKeys::add(version, NewKeys::Set(keys), dek),
        _ => PutKeys::replace(replaces, version, NewKeys::Set(keys), dek),
    }
    .into()
}

/// SET STATUS: `subset` is P1 (0x80 the card, 0x40 an application or security domain, 0x60 a security domain and all below
/// it), `state` is P2.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_set_status(host: *mut gp_host, subset: u8, state: u8, object: gp_slice) -> gp_status {
    let operation = || {
        // SAFETY: the caller's promise.
        let named = || unsafe { aid(object) };
        let target = match subset {
            0x80 => Target::Card,
            0x40 => Target::Application(named()?),
            0x60 => Target::SubTree(named()?),
            _ => return Err(GP_E_ARGUMENT),
        };
        Ok(SetStatus::new(StateBody { target, state }).into())
    };
    // SAFETY: the caller's promise.
    unsafe { start(host, operation()) }
}

/// STORE DATA without encryption of its own, in as many blocks as it takes: to the security domain of the session, or to
/// an application of it. `structure` is 0 for none, 1 for DGI, 2 for BER-TLV.
///
/// # Safety
/// See the rules of the header: the data stays until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_store_data(
    host: *mut gp_host,
    structure: u8,
    data: gp_slice,
    application: gp_slice,
) -> gp_status {
    let operation = || {
        let structure = match structure {
            0 => Structure::None,
            1 => Structure::Dgi,
            2 => Structure::BerTlv,
            _ => return Err(GP_E_ARGUMENT),
        };
        let format = StoreDataFormat { encryption: Encryption::None, structure, answer: false };
        // SAFETY: the caller's promise.
        let (data, application) = unsafe { (octets(data.ptr, data.len)?, optional_aid(application)?) };
        let task = StoreData::new(format, data);
        Ok(match application {
            Some(application) => task.to_application(application),
            None => task,
        }
        .into())
    };
    // SAFETY: the caller's promise.
    unsafe { start(host, operation()) }
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
