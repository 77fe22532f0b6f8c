//! Key rotation: put a new set, prove it in a session of its own, let go of the old one; after any interruption it goes on.

use core::ffi::c_void;

use gp_cardmanager_model::host::{
    Cover, Draft, Failure, Guard, Opens, Origin, Rotate, Rotation, RotationCalls, RotationStage, Slot, Step, Task,
};
use gp_scp03::{Challenge, Mode, Reply, SecurityLevel};

use super::{gp_host, start};
use crate::abi::sizes::GP_ROTATION_WORDS;
use crate::abi::{Context, Outcome, Span, apart, done, end, enter, gp_key_set, look, object, octets, octets_mut};
use crate::status::{GP_E_ARGUMENT, GP_E_LEVEL, gp_status};

/// Octets of the record of a rotation.
pub const GP_ROTATION_RECORD_LEN: usize = 19;
/// In `flags` of `gp_rotation_prepare`: the new set takes the place of the old one, in one step of the card.
pub const GP_ROTATION_REPLACE: u8 = 1;
/// In `flags` of `gp_rotation_prepare`: the old set is deleted when the new one is proved.
pub const GP_ROTATION_DELETE_OLD: u8 = 2;

/// `*opens` of `gp_rotation_look`: the old set opens the card.
pub const GP_OPENS_OLD: u8 = 0;
/// `*opens` of `gp_rotation_look`: one of the two does. Neither may be forgotten.
pub const GP_OPENS_EITHER: u8 = 1;
/// `*opens` of `gp_rotation_look`: the new set does.
pub const GP_OPENS_NEW: u8 = 2;

/// A rotation under way. Zeroed memory, then `gp_host_rotate`; `gp_rotation_close` wipes it.
#[repr(C)]
#[derive(Debug)]
pub struct gp_rotation {
    opaque: [u64; GP_ROTATION_WORDS],
}

impl Context for gp_rotation {
    type Value = Rotate<'static, Calls>;
    const MARK: usize = 0x524F_5441;
}

/// What a rotation asks of the program. Each function answers 0 when it did; anything else ends the operation with
/// `GP_E_STOPPED`, and nothing more is sent.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_rotation_calls {
    /// Handed to the functions.
    pub context: *mut c_void,
    /// Fills `out` with octets that nobody can predict: 8 or 16 for the host challenge of each session.
    pub random: Option<unsafe extern "C" fn(context: *mut c_void, out: *mut u8, len: usize) -> i32>,
    /// Stores the record, `GP_ROTATION_RECORD_LEN` octets, before it returns.
    pub persist: Option<unsafe extern "C" fn(context: *mut c_void, record: *const u8, len: usize) -> i32>,
}

/// The calls, looked at.
pub(in crate::abi) struct Calls {
    context: *mut c_void,
    random: unsafe extern "C" fn(*mut c_void, *mut u8, usize) -> i32,
    persist: unsafe extern "C" fn(*mut c_void, *const u8, usize) -> i32,
    mode: Mode,
}

impl RotationCalls for Calls {
    fn challenge(&mut self) -> Result<Challenge, Failure> {
        let mut octets = [0; 16];
        let octets = octets.get_mut(..self.mode.octets()).unwrap_or_default();
        // SAFETY: the caller said that the function may be called so; the octets live until it returns.
        if unsafe { (self.random)(self.context, octets.as_mut_ptr(), octets.len()) } != 0 {
            return Err(Failure::Stopped);
        }
        Ok(Challenge::new(octets)?)
    }

    fn persist(&mut self, rotation: &Rotation) -> Result<(), Failure> {
        let record = rotation.to_bytes();
        // SAFETY: as above.
        match unsafe { (self.persist)(self.context, record.as_ptr(), record.len()) } {
            0 => Ok(()),
            _ => Err(Failure::Stopped),
        }
    }
}

/// The operation of the host: the task lies in the caller's context.
#[derive(Debug)]
pub(super) struct Rotating {
    task: *mut Rotate<'static, Calls>,
    origin: Origin,
}

impl Rotating {
    fn task(&mut self) -> &mut Rotate<'static, Calls> {
        // SAFETY: it lies in the context, which stays where it is until the operation is over, and nobody else looks at it.
        unsafe { &mut *self.task }
    }
}

impl Task for Rotating {
    type Output<'r> = Origin;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        self.task().command(draft)
    }

    fn reply(&mut self, reply: Reply<'_>, slot: &mut Slot) -> Result<Step, Failure> {
        self.task().reply(reply, slot)
    }

    fn output(self, _: &[u8]) -> Result<Origin, Failure> {
        Ok(self.origin)
    }
}

/// A record, to be read.
///
/// # Safety
/// As [`octets`].
unsafe fn read(record: *const u8) -> Outcome<Rotation> {
    // SAFETY: the caller's promise.
    Rotation::from_bytes(unsafe { octets(record, GP_ROTATION_RECORD_LEN)? }).ok_or(GP_E_ARGUMENT)
}

/// Writes the record of a rotation from `old_version` (0x00 for the card's first set, initial keys above all) to `new_version`,
/// 0x01 to 0x7F: `GP_ROTATION_RECORD_LEN` octets, to be stored together with the new keys before anything is sent. With
/// `attempts` not 0 it stops, with `GP_E_STOPPED`, after so many attempts in a row to open a session that did not succeed,
/// over all its runs, before a card could lock; leave two at least. `GP_E_ARGUMENT` for flags that there are not.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_rotation_prepare(
    record: *mut u8,
    old_version: u8,
    new_version: u8,
    flags: u8,
    attempts: u8,
    new_keys: *const gp_key_set,
) -> gp_status {
    let outcome = || {
        if record.is_null() {
            return Err(GP_E_ARGUMENT);
        }
        apart(&[Span::octets(record, GP_ROTATION_RECORD_LEN), Span::of(new_keys)])?;
        // SAFETY: the caller's promise; apart.
        let (out, new) = unsafe { (octets_mut(record, GP_ROTATION_RECORD_LEN)?, look(new_keys)?) };
        let rotation = match flags {
            0 | GP_ROTATION_DELETE_OLD => Rotation::add(old_version, new_version, new),
            GP_ROTATION_REPLACE => Rotation::replace(old_version, new_version, new),
            _ => return Err(GP_E_ARGUMENT),
        };
        let rotation = if flags == GP_ROTATION_DELETE_OLD { rotation.deleting_old() } else { rotation };
        let guarded = rotation.guarded(Guard::new(attempts), Guard::new(attempts));
        let rotation = if attempts == 0 { rotation } else { guarded };
        out.iter_mut().zip(rotation.to_bytes()).for_each(|(to, from)| *to = from);
        Ok(())
    };
    done(outcome())
}

/// Lets a rotation that was stopped make so many attempts again, at least 1, when it is known why the others failed: changes the
/// record.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_rotation_allow(record: *mut u8, attempts: u8) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let rotation = unsafe { read(record)? };
        if attempts == 0 {
            return Err(GP_E_ARGUMENT);
        }
        let rotation = rotation.guarded(Guard::new(attempts), Guard::new(attempts));
        // SAFETY: the caller's promise.
        let out = unsafe { octets_mut(record, GP_ROTATION_RECORD_LEN)? };
        out.iter_mut().zip(rotation.to_bytes()).for_each(|(to, from)| *to = from);
        Ok(())
    };
    done(outcome())
}

/// Which set opens the card, by a record: `GP_OPENS_OLD`, `GP_OPENS_EITHER` or `GP_OPENS_NEW`; and whether the rotation is
/// finished. Both may be null. `GP_E_ARGUMENT` for octets that are no record.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_rotation_look(record: *const u8, opens: *mut u8, finished: *mut u8) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let rotation = unsafe { read(record)? };
        let told = match rotation.opens_with() {
            Opens::Old => GP_OPENS_OLD,
            Opens::NewOrOld => GP_OPENS_EITHER,
            Opens::New => GP_OPENS_NEW,
        };
        // SAFETY: the caller's promise.
        unsafe {
            crate::abi::give(opens, told)?;
            crate::abi::give(finished, u8::from(rotation.stage() == RotationStage::Finished))
        }
    };
    done(outcome())
}

/// Goes on with a rotation, from its record: opens the sessions it needs itself (S8 for `mode` 8, S16 for 16, at `level`, which
/// has C-DECRYPTION: 0x03, 0x13 or 0x33), puts the new set, proves it, and deletes the old one where the record says so. After
/// any error call `gp_rotation_close`, read the stored record back and call this again: it finds out which set opens the card.
/// Without `gp_rotation_close` this is `GP_E_STATE`. The session with the
/// new set is the host's afterwards. `GP_E_STATE` for a rotation that is finished.
///
/// # Safety
/// See the rules of the header: rotation, key sets and what the calls point to stay until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_rotate(
    host: *mut gp_host,
    rotation: *mut gp_rotation,
    record: *const u8,
    old_keys: *const gp_key_set,
    new_keys: *const gp_key_set,
    mode: u8,
    level: u8,
    calls: *const gp_rotation_calls,
) -> gp_status {
    let operation = || {
        apart(&[Span::of(host), Span::of(rotation), Span::octets(record, GP_ROTATION_RECORD_LEN), Span::of(calls)])?;
        // SAFETY: the caller's promise; apart.
        let (was, old, new, calls) = unsafe { (read(record)?, look(old_keys)?, look(new_keys)?, object(calls)?) };
        let (random, persist) = calls.random.zip(calls.persist).ok_or(GP_E_ARGUMENT)?;
        let mode = match mode {
            8 => Mode::S8,
            16 => Mode::S16,
            _ => return Err(GP_E_ARGUMENT),
        };
        let level = SecurityLevel::from_octet(level).filter(|level| level.has_c_decryption()).ok_or(GP_E_LEVEL)?;
        let calls = Calls { context: calls.context, random, persist, mode };
        // SAFETY: the caller's promise.
        unsafe {
            enter(host)?;
            crate::abi::begin(rotation, Rotate::with_calls(was, old, new, level, calls))?;
            let task = core::ptr::from_mut(enter(rotation)?);
            let origin = if level.has_r_mac() { Origin::Authentic } else { Origin::Plain };
            Ok(Rotating { task, origin }.into())
        }
    };
    // SAFETY: the caller's promise.
    unsafe { start(host, operation()) }
}

/// Wipes what is left of a rotation, when its operation is over. Twice is fine, and so is null.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_rotation_close(rotation: *mut gp_rotation) {
    // SAFETY: the caller's promise.
    unsafe { end(rotation) };
}
