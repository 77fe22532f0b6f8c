//! The applications of a card: a table of functions, and what they may ask of the card's OPEN meanwhile.

use core::ffi::c_void;
use core::ptr;

use gp_apdu::StatusWord;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::{Apdu, AppHandle, Applets, Installation, Instance, Open, Room};

use super::{gp_slice, octets};

/// Memory in octets that an installation says nothing of.
pub const GP_ROOM_UNSAID: u32 = u32::MAX;

/// The OPEN of the card, for the application that has a command: valid until its function returns, and not one moment longer.
#[repr(C)]
#[derive(Debug)]
pub struct gp_open {
    opaque: *mut c_void,
}

/// A command on its way through an application.
#[repr(C)]
#[derive(Debug)]
pub struct gp_apdu_exchange {
    /// CLA without secure messaging, INS, P1, P2.
    pub header: [u8; 4],
    /// The security level under which it came, or -1 without a session.
    pub level: i16,
    /// Its data. It lies where the answer goes, or not: read what is needed before the answer is written.
    pub data: gp_slice,
    /// Where the answer goes.
    pub answer: *mut u8,
    /// How much room there is.
    pub answer_cap: usize,
    /// How much was written.
    pub answer_len: usize,
    /// For the functions `gp_open_...`.
    pub open: *mut gp_open,
}

/// Memory that INSTALL speaks of, in octets; `GP_ROOM_UNSAID` where it says nothing.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_room {
    /// For load: non-volatile memory for the code that must be free.
    pub code: u32,
    /// For load volatile memory that must be free, for install a quota.
    pub volatile_data: u32,
    /// For load non-volatile memory for data that must be free, for install a quota.
    pub non_volatile_data: u32,
    /// For install: volatile memory to reserve.
    pub volatile_reserve: u32,
    /// For install: non-volatile memory to reserve.
    pub non_volatile_reserve: u32,
}

impl gp_room {
    fn of(room: &Room) -> Self {
        let said = |octets: Option<u32>| octets.unwrap_or(GP_ROOM_UNSAID);
        Self {
            code: said(room.code),
            volatile_data: said(room.volatile),
            non_volatile_data: said(room.non_volatile),
            volatile_reserve: said(room.volatile_reserve),
            non_volatile_reserve: said(room.non_volatile_reserve),
        }
    }
}

/// What an application is made from.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_installation {
    /// The load file that the module is in.
    pub load_file: gp_slice,
    /// The module.
    pub module: gp_slice,
    /// Three octets of privileges.
    pub privileges: [u8; 3],
    /// The install parameters for it, the value of `C9`.
    pub parameters: gp_slice,
    /// Its quotas and reserves.
    pub room: gp_room,
}

/// All applications behind one table. `aid` names the instance that is meant. Functions that answer `uint16_t` answer a
/// status word: 0x9000, a warning (62xx, 63xx) or a refusal. Any may be null, and does then what is said of it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_applets {
    /// Handed to the functions.
    pub context: *mut c_void,
    /// The card starts and has this instance: called for each before anything else. An instance that is not named has gone,
    /// or its installation was cut off by the power. Null: nobody is told.
    pub start: Option<unsafe extern "C" fn(context: *mut c_void, aid: gp_slice, module: gp_slice)>,
    /// Creates an instance. Null: it succeeds.
    pub install:
        Option<unsafe extern "C" fn(context: *mut c_void, aid: gp_slice, installation: *const gp_installation) -> u16>,
    /// The instance becomes selected; an answer replaces the card's. Null: it succeeds without an answer.
    pub select: Option<unsafe extern "C" fn(context: *mut c_void, aid: gp_slice, apdu: *mut gp_apdu_exchange) -> u16>,
    /// The instance is no longer selected. Null: nobody is told.
    pub deselect: Option<unsafe extern "C" fn(context: *mut c_void, aid: gp_slice)>,
    /// A command for the selected instance. Null: 6D00.
    pub process: Option<unsafe extern "C" fn(context: *mut c_void, aid: gp_slice, apdu: *mut gp_apdu_exchange) -> u16>,
    /// Personalisation data for the instance. Null: 6985.
    pub personalize:
        Option<unsafe extern "C" fn(context: *mut c_void, aid: gp_slice, apdu: *mut gp_apdu_exchange) -> u16>,
    /// The instance is deleted. Null: nobody is told.
    pub removed: Option<unsafe extern "C" fn(context: *mut c_void, aid: gp_slice)>,
    /// Answers 1 when the instance lets its security domain open and unwrap sessions for it. Null: none does.
    pub uses_secure_channel: Option<unsafe extern "C" fn(context: *mut c_void, aid: gp_slice) -> u8>,
    /// Answers 1 when instances of this one's load file may be selected on several logical channels at a time. Null: they
    /// may.
    pub multi_selectable: Option<unsafe extern "C" fn(context: *mut c_void, aid: gp_slice) -> u8>,
    /// Answers 1 when the instance or the load file may be deleted now. Null: it may.
    pub may_delete: Option<unsafe extern "C" fn(context: *mut c_void, aid: gp_slice) -> u8>,
    /// Answers 1 when so much memory is free as a load file needs that is about to come. Null: it is.
    pub has_room: Option<unsafe extern "C" fn(context: *mut c_void, room: *const gp_room) -> u8>,
    /// Answers 1 when this package in this version, which a load file imports and no load file on the card is, is part of
    /// what the applications stand on. Null: it is.
    pub provides: Option<unsafe extern "C" fn(context: *mut c_void, package: gp_slice, major: u8, minor: u8) -> u8>,
}

/// The table of applications.
#[derive(Debug)]
pub(super) struct Programs(pub(super) gp_applets);

type ApduFunction = unsafe extern "C" fn(*mut c_void, gp_slice, *mut gp_apdu_exchange) -> u16;
type Question = unsafe extern "C" fn(*mut c_void, gp_slice) -> u8;

impl Programs {
    pub(super) const NONE: gp_applets = gp_applets {
        context: ptr::null_mut(),
        start: None,
        install: None,
        select: None,
        deselect: None,
        process: None,
        personalize: None,
        removed: None,
        uses_secure_channel: None,
        multi_selectable: None,
        may_delete: None,
        has_room: None,
        provides: None,
    };

    fn hand(&self, function: ApduFunction, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        let data = gp_slice::of(apdu.data());
        let header = apdu.header().octets();
        let level = apdu.level().map_or(-1, |level| i16::from(level.octet()));
        let answer = apdu.answer();
        let (answer, answer_cap) = (answer.as_mut_ptr(), answer.len());
        let mut open = apdu.open();
        let open = open.as_mut().map_or(ptr::null_mut(), |open| ptr::from_mut(open).cast::<gp_open>());
        let mut exchange = gp_apdu_exchange { header, level, data, answer, answer_cap, answer_len: 0, open };
        // SAFETY: the caller said that the function may be called so; all memory lives until it returns.
        let status =
            StatusWord(unsafe { function(self.0.context, gp_slice::of(app.instance.as_bytes()), &raw mut exchange) });
        if exchange.answer_len > answer_cap {
            return Err(StatusWord::UNKNOWN);
        }
        if status.is_error() {
            return Err(status);
        }
        apdu.warn(status);
        Ok(exchange.answer_len)
    }

    /// The answer to a question, `otherwise` where nobody answers.
    fn ask(&self, question: Option<Question>, app: AppHandle, otherwise: bool) -> bool {
        // SAFETY: as above.
        question.map_or(otherwise, |ask| unsafe { ask(self.0.context, gp_slice::of(app.instance.as_bytes())) == 1 })
    }
}

impl Applets for Programs {
    fn start(&mut self, instances: &mut dyn Iterator<Item = Instance>) {
        let Some(start) = self.0.start else { return };
        for Instance { app, module, .. } in instances {
            let module = module.as_ref().map_or(gp_slice::EMPTY, |module| gp_slice::of(module.as_bytes()));
            // SAFETY: the caller said that the function may be called so; all memory lives until it returns.
            unsafe { start(self.0.context, gp_slice::of(app.instance.as_bytes()), module) };
        }
    }

    fn install(&mut self, app: AppHandle, installation: &Installation<'_>) -> Result<(), StatusWord> {
        let Some(install) = self.0.install else { return Ok(()) };
        let instance = gp_slice::of(app.instance.as_bytes());
        let installation = gp_installation {
            load_file: gp_slice::of(installation.load_file.as_bytes()),
            module: gp_slice::of(installation.module.as_bytes()),
            privileges: installation.privileges.octets(),
            parameters: gp_slice::of(installation.parameters),
            room: gp_room::of(&installation.room),
        };
        // SAFETY: as above.
        let status = StatusWord(unsafe { install(self.0.context, instance, &raw const installation) });
        if status.is_error() { Err(status) } else { Ok(()) }
    }

    fn select(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        self.0.select.map_or(Ok(0), |select| self.hand(select, app, apdu))
    }

    fn deselect(&mut self, app: AppHandle) {
        if let Some(deselect) = self.0.deselect {
            // SAFETY: as above.
            unsafe { deselect(self.0.context, gp_slice::of(app.instance.as_bytes())) };
        }
    }

    fn process(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        self.0.process.map_or(Err(StatusWord::INS_NOT_SUPPORTED), |process| self.hand(process, app, apdu))
    }

    fn personalize(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        self.0.personalize.map_or(Err(StatusWord::CONDITIONS_OF_USE), |personalize| self.hand(personalize, app, apdu))
    }

    fn multi_selectable(&self, app: AppHandle) -> bool {
        self.ask(self.0.multi_selectable, app, true)
    }

    fn uses_secure_channel(&self, app: AppHandle) -> bool {
        self.ask(self.0.uses_secure_channel, app, false)
    }

    fn may_delete(&self, app: AppHandle) -> bool {
        self.ask(self.0.may_delete, app, true)
    }

    fn delete(&mut self, app: AppHandle) {
        if let Some(removed) = self.0.removed {
            // SAFETY: as above.
            unsafe { removed(self.0.context, gp_slice::of(app.instance.as_bytes())) };
        }
    }

    fn has_room(&self, room: &Room) -> bool {
        let room = gp_room::of(room);
        // SAFETY: as above.
        self.0.has_room.is_none_or(|has| unsafe { has(self.0.context, &raw const room) == 1 })
    }

    fn provides(&self, package: &Aid, (major, minor): (u8, u8)) -> bool {
        let package = gp_slice::of(package.as_bytes());
        // SAFETY: as above.
        self.0.provides.is_none_or(|provides| unsafe { provides(self.0.context, package, major, minor) == 1 })
    }
}

/// Does something at the OPEN, and answers the status word of it: 6F00 where there is none.
///
/// # Safety
/// The pointer is null or from the exchange of a function that has not returned.
unsafe fn at_open(open: *mut gp_open, work: impl FnOnce(&mut Open<'_>) -> Result<(), StatusWord>) -> u16 {
    // SAFETY: the caller's promise.
    let Some(open) = (unsafe { open.cast::<Open<'_>>().as_mut() }) else { return StatusWord::UNKNOWN.0 };
    work(open).err().unwrap_or(StatusWord::OK).0
}

/// Sets the life cycle state of the application that has the command: one of its own states, back to SELECTABLE (07), or LOCKED
/// (its state with 80 added), from where it does not come back by itself. Answers a status word: 6A80 for what codes no state,
/// 6985 where there is no such step, 6581 where the storage failed; 6F00 for a null pointer.
///
/// # Safety
/// See the rules of the header: `open` is from the exchange of a function that has not returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_open_set_life_cycle(open: *mut gp_open, state: u8) -> u16 {
    // SAFETY: the caller's promise.
    unsafe { at_open(open, |open| open.set_life_cycle(state)) }
}

/// Locks another application or security domain (`lock` 1), or unlocks it (0): the Global Lock privilege. Answers a status word:
/// 6A88 where there is none with this AID, 6982 without the privilege, 6985 where it is so already or holds Final Application,
/// 6581 where the storage failed; 6F00 for a null pointer, and for any other `lock`.
///
/// # Safety
/// See the rules of the header: `open` is from the exchange of a function that has not returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_open_lock_application(open: *mut gp_open, aid: gp_slice, lock: u8) -> u16 {
    if lock > 1 {
        return StatusWord::UNKNOWN.0;
    }
    // SAFETY: the caller's promise.
    let name = unsafe { octets(aid.ptr, aid.len) };
    let Ok(name) = name else { return StatusWord::UNKNOWN.0 };
    let lock_it = |open: &mut Open<'_>| {
        let name = Aid::new(name).ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        open.lock_application(&name, lock == 1)
    };
    // SAFETY: the caller's promise.
    unsafe { at_open(open, lock_it) }
}

/// Locks the card: the Card Lock privilege. Answers a status word: 6982 without the privilege, 6985 where the card is not
/// SECURED, 6581 where the storage failed; 6F00 for a null pointer.
///
/// # Safety
/// See the rules of the header: `open` is from the exchange of a function that has not returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_open_lock_card(open: *mut gp_open) -> u16 {
    // SAFETY: the caller's promise.
    unsafe { at_open(open, |open| open.lock_card()) }
}

/// Terminates the card, for ever: the Card Terminate privilege. Answers a status word: 6982 without the privilege, 6985 where it
/// is terminated already, 6581 where the storage failed; 6F00 for a null pointer.
///
/// # Safety
/// See the rules of the header: `open` is from the exchange of a function that has not returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_open_terminate_card(open: *mut gp_open) -> u16 {
    // SAFETY: the caller's promise.
    unsafe { at_open(open, |open| open.terminate_card()) }
}

/// The life cycle state of the application that has the command; 0 for a null pointer.
///
/// # Safety
/// See the rules of the header: `open` is from the exchange of a function that has not returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_open_life_cycle(open: *const gp_open) -> u8 {
    // SAFETY: the caller's promise.
    unsafe { open.cast::<Open<'_>>().as_ref() }.map_or(0, Open::life_cycle)
}

/// The card life cycle state: 01, 07, 0F, 7F or FF; 0 for a null pointer.
///
/// # Safety
/// See the rules of the header: `open` is from the exchange of a function that has not returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_open_card_life_cycle(open: *const gp_open) -> u8 {
    // SAFETY: the caller's promise.
    unsafe { open.cast::<Open<'_>>().as_ref() }.map_or(0, |open| open.card_life_cycle().octet())
}
