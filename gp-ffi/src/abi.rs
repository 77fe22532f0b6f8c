//! The boundary: functions that C calls. Every pointer, length and context is checked here before anything is done.
//!
//! What a caller must keep (what no check can find):
//!
//! - A pointer points to as many octets or objects as is said, which nobody else changes during the call.
//! - A context lies in zeroed memory before it is initialised, is never copied, and is used by one call at a time.
//! - What a function says that a context keeps using stays where it is, and as it is, until the context is closed or the
//!   operation is over.
//!
//! What is checked: null, alignment, lengths beyond the address space, arguments that overlap where one of them is
//! written, contexts that were not initialised, were moved, or are of another type, and the order of calls.

#![allow(non_camel_case_types, reason = "their names in C")]

use core::mem::{MaybeUninit, align_of, size_of};

use crate::status::{Code, GP_E_ARGUMENT, GP_E_STATE, GP_OK, gp_status};

mod aes;
mod apdu;
mod applets;
mod card;
mod diagnose;
mod drbg;
mod host;
mod key;
mod keys;
mod session;
mod sizes;
mod tlv;

pub use aes::*;
pub use apdu::*;
pub use applets::*;
pub use card::*;
pub use diagnose::*;
pub use drbg::*;
pub use host::*;
pub use key::*;
pub use keys::*;
pub use session::*;
pub use sizes::*;
pub use tlv::*;

/// A buffer: `len` octets at `ptr` are in use, of `cap` that are there.
#[repr(C)]
#[derive(Debug)]
pub struct gp_buf {
    /// Where it begins.
    pub ptr: *mut u8,
    /// How many octets are in use.
    pub len: usize,
    /// How many octets there are.
    pub cap: usize,
}

/// Octets that are only read.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_slice {
    /// Where they begin; may be null when there are none.
    pub ptr: *const u8,
    /// How many there are.
    pub len: usize,
}

impl gp_slice {
    const EMPTY: Self = Self { ptr: core::ptr::null(), len: 0 };

    const fn of(octets: &[u8]) -> Self {
        Self { ptr: octets.as_ptr(), len: octets.len() }
    }
}

/// The version of the library: major, minor, patch in the lower three octets.
#[unsafe(no_mangle)]
pub extern "C" fn gp_version() -> u32 {
    0x0000_0100
}

/// What a status says, in English, ended by a zero octet. Never null, never to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn gp_status_text(status: gp_status) -> *const core::ffi::c_char {
    crate::status::text(status).as_ptr()
}

/// The status word of the card behind a status, or 0 when it is none of the card's.
#[unsafe(no_mangle)]
pub extern "C" fn gp_status_word(status: gp_status) -> u16 {
    match status {
        0x1_0000..=0x2_FFFF => {
            let [.., high, low] = status.to_be_bytes();
            u16::from_be_bytes([high, low])
        }
        _ => 0,
    }
}

type Outcome<T> = Result<T, gp_status>;

/// The result of a call as C sees it.
fn done(outcome: Outcome<()>) -> gp_status {
    outcome.err().unwrap_or(GP_OK)
}

/// An error of the crates below as C sees it.
fn code<E: Code>(error: E) -> gp_status {
    error.code()
}

fn is_usable<T>(pointer: *const T) -> bool {
    !pointer.is_null() && pointer.is_aligned()
}

/// What a pointer points to, to be read.
///
/// # Safety
/// A pointer that is usable points to a valid object that nobody changes while the reference lives.
unsafe fn object<'a, T>(pointer: *const T) -> Outcome<&'a T> {
    if !is_usable(pointer) {
        return Err(GP_E_ARGUMENT);
    }
    // SAFETY: not null and aligned; the rest is the caller's promise.
    Ok(unsafe { &*pointer })
}

/// Writes an answer where the caller wants it; nowhere when the pointer is null.
///
/// # Safety
/// A pointer that is not null has room for the object.
unsafe fn give<T>(pointer: *mut T, value: T) -> Outcome<()> {
    if pointer.is_null() {
        return Ok(());
    }
    if !pointer.is_aligned() {
        return Err(GP_E_ARGUMENT);
    }
    // SAFETY: not null and aligned; the rest is the caller's promise.
    unsafe { pointer.write(value) };
    Ok(())
}

/// Octets to be read.
///
/// # Safety
/// As many octets as said are there, and nobody changes them while the slice lives.
unsafe fn octets<'a>(pointer: *const u8, len: usize) -> Outcome<&'a [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() || !addressable(pointer, len) {
        return Err(GP_E_ARGUMENT);
    }
    // SAFETY: not null, and no longer than an object can be; the rest is the caller's promise.
    Ok(unsafe { core::slice::from_raw_parts(pointer, len) })
}

/// Octets to be written.
///
/// # Safety
/// As [`octets`], and nobody else looks at them while the slice lives.
unsafe fn octets_mut<'a>(pointer: *mut u8, len: usize) -> Outcome<&'a mut [u8]> {
    if len == 0 {
        return Ok(&mut []);
    }
    if pointer.is_null() || !addressable(pointer, len) {
        return Err(GP_E_ARGUMENT);
    }
    // SAFETY: not null, and no longer than an object can be; the rest is the caller's promise.
    Ok(unsafe { core::slice::from_raw_parts_mut(pointer, len) })
}

/// Can there be so many octets from here on?
fn addressable<T>(pointer: *const T, len: usize) -> bool {
    let octets = len.checked_mul(size_of::<T>());
    octets.is_some_and(|octets| isize::try_from(octets).is_ok() && pointer.addr().checked_add(octets).is_some())
}

/// A stretch of memory that an argument means.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    len: usize,
}

impl Span {
    fn of<T>(pointer: *const T) -> Self {
        Self { start: pointer.addr(), len: if pointer.is_null() { 0 } else { size_of::<T>() } }
    }

    fn octets(pointer: *const u8, len: usize) -> Self {
        Self { start: pointer.addr(), len }
    }

    fn slice(slice: gp_slice) -> Self {
        Self::octets(slice.ptr, slice.len)
    }

    fn overlaps(self, other: Self) -> bool {
        let ends_before = |a: Self, b: Self| a.start.checked_add(a.len).is_some_and(|end| end <= b.start);
        self.len != 0 && other.len != 0 && !ends_before(self, other) && !ends_before(other, self)
    }
}

/// Refuses arguments of which two share memory.
fn apart(spans: &[Span]) -> Outcome<()> {
    let mut rest = spans;
    while let Some((first, others)) = rest.split_first() {
        if others.iter().any(|other| first.overlaps(*other)) {
            return Err(GP_E_ARGUMENT);
        }
        rest = others;
    }
    Ok(())
}

/// What a buffer of the caller means in this call: all its room, and how much is in use.
struct Room<'a> {
    len: &'a mut usize,
    all: &'a mut [u8],
    span: [Span; 2],
}

impl<'a> Room<'a> {
    /// # Safety
    /// The buffer is what it says, and nobody else looks at it while this lives.
    unsafe fn of(buffer: *mut gp_buf) -> Outcome<Self> {
        if !is_usable(buffer) {
            return Err(GP_E_ARGUMENT);
        }
        // SAFETY: not null and aligned; the rest is the caller's promise.
        let gp_buf { ptr, len, cap } = unsafe { &mut *buffer };
        if *len > *cap || ptr.is_null() {
            return Err(GP_E_ARGUMENT);
        }
        let span = [Span::of(buffer), Span::octets(*ptr, *cap)];
        apart(&span)?;
        // SAFETY: the caller's promise.
        let all = unsafe { octets_mut(*ptr, *cap)? };
        Ok(Self { len, all, span })
    }
}

/// What a context holds at its start: a mark that it is initialised, of this type, and has not been moved; then the value.
#[repr(C)]
struct Cell<T> {
    seal: usize,
    value: MaybeUninit<T>,
}

/// A type of context: opaque memory in C, a value in Rust.
trait Context: Sized {
    /// What lies in it.
    type Value;
    /// Different for each type.
    const MARK: usize;

    /// The memory that C sets aside holds the value, wherever the first place for it is. Looked at wherever the context is
    /// used, so a build fails that breaks it.
    const FITS: () = assert!(size_of::<Cell<Self::Value>>() + align_of::<Cell<Self::Value>>() <= size_of::<Self>());
}

/// The first place in memory that starts at `start` where a `T` may be. C promises the alignment of 8 octets; a value with
/// expanded key schedules may want 16.
fn first_place<C, T>(start: *const C) -> *mut T {
    let mask = align_of::<T>().wrapping_sub(1);
    let skip = start.addr().wrapping_neg() & mask;
    start.cast_mut().cast::<u8>().wrapping_add(skip).cast()
}

/// The mark of an initialised context at this place.
fn seal<C: Context>(context: *const C) -> usize {
    let () = C::FITS;
    context.addr() ^ C::MARK
}

/// Begins a context.
///
/// # Safety
/// The pointer, if usable, points to memory of that size, zeroed or with a context in it.
unsafe fn begin<C: Context>(context: *mut C, value: C::Value) -> Outcome<()> {
    // SAFETY: the caller's promise.
    unsafe { vacant(context)? };
    let cell = first_place::<C, Cell<C::Value>>(context);
    // SAFETY: the memory is big enough (`FITS`), and the place aligned.
    unsafe { cell.write(Cell { seal: seal(context), value: MaybeUninit::new(value) }) };
    Ok(())
}

/// May a context begin here? One that is in use is closed by its owner first.
///
/// # Safety
/// As [`begin`].
unsafe fn vacant<C: Context>(context: *mut C) -> Outcome<()> {
    if !is_usable(context) {
        return Err(GP_E_ARGUMENT);
    }
    // SAFETY: zeroed or in use, so the mark can be read.
    let found = unsafe { (&raw const (*first_place::<C, Cell<C::Value>>(context)).seal).read() };
    if found == seal(context) { Err(GP_E_STATE) } else { Ok(()) }
}

/// The value of a context that is in use, by its place.
///
/// # Safety
/// As [`begin`].
unsafe fn place<C: Context>(context: *const C) -> Outcome<*mut C::Value> {
    if !is_usable(context) {
        return Err(GP_E_ARGUMENT);
    }
    let cell = first_place::<C, Cell<C::Value>>(context);
    // SAFETY: zeroed or in use, so the mark can be read.
    let found = unsafe { (&raw const (*cell).seal).read() };
    if found != seal(context) {
        return Err(GP_E_STATE);
    }
    // SAFETY: stays inside the context.
    Ok(unsafe { &raw mut (*cell).value }.cast())
}

/// The value of a context, to be changed.
///
/// # Safety
/// As [`begin`], and no other call uses the context.
unsafe fn enter<'a, C: Context>(context: *mut C) -> Outcome<&'a mut C::Value> {
    // SAFETY: the caller's promise.
    let value = unsafe { place(context)? };
    // SAFETY: the mark says that a value is there.
    Ok(unsafe { &mut *value })
}

/// The value of a context, to be read.
///
/// # Safety
/// As [`begin`], and no other call changes the context.
unsafe fn look<'a, C: Context>(context: *const C) -> Outcome<&'a C::Value> {
    // SAFETY: the caller's promise.
    let value = unsafe { place(context)? };
    // SAFETY: the mark says that a value is there.
    Ok(unsafe { &*value })
}

/// Ends a context: drops its value, which wipes its secrets, and then overwrites all of its memory. A context that is not
/// in use stays as it is.
///
/// # Safety
/// As [`enter`].
unsafe fn end<C: Context>(context: *mut C) {
    // SAFETY: the caller's promise.
    if let Ok(value) = unsafe { place(context) } {
        // SAFETY: the mark says that a value is there; it is gone after this, and so is the mark.
        unsafe { value.drop_in_place() };
        let octets = context.cast::<u8>();
        for at in 0..size_of::<C>() {
            // SAFETY: inside the context. Volatile, so that it is not left out.
            unsafe { octets.add(at).write_volatile(0) };
        }
    }
}
