//! The card: storage, platform and applications are tables of functions, all memory is the caller's.

use core::ffi::c_void;
use core::mem::MaybeUninit;

use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::storage::{Slot, Storage};
use gp_cardmanager_model::card::{
    Card, Channel, FactoryKeySet, FactoryKeys, KeySlot, Memory, ObjectSlot, OpenError, Platform, Profile, RegistryEntry,
};
use gp_cardmanager_model::signature::HashAlgorithm;
use gp_scp03::Implementation;

use super::applets::{Programs, gp_applets};
use super::host::refused;
use super::sizes::{GP_CARD_WORDS, GP_CHANNEL_WORDS, GP_KEY_SLOT_WORDS, GP_OBJECT_SLOT_WORDS, GP_REGISTRY_ENTRY_WORDS};
use super::{
    Context, Outcome, Span, addressable, apart, done, end, first_place, gp_key_set, gp_slice, is_usable, look, object,
    octets, octets_mut, place, seal, vacant,
};
use crate::status::{GP_E_AID_LENGTH, GP_E_ARGUMENT, GP_E_MEMORY, GP_E_STORAGE, gp_status};

/// Octets that the storage programs at once.
pub const GP_STORAGE_UNIT: usize = 16;

/// The medium of a card: two slots that are erased whole and programmed in units of `GP_STORAGE_UNIT` octets. Each function
/// answers 0 when it is done, and anything else when the medium failed. `slot` is 0 or 1.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_storage {
    /// Handed to the functions.
    pub context: *mut c_void,
    /// Octets of each slot, a multiple of `GP_STORAGE_UNIT`.
    pub slot_size: u32,
    /// Reads `len` octets that begin at `at`.
    pub read: Option<unsafe extern "C" fn(context: *mut c_void, slot: u8, at: u32, out: *mut u8, len: usize) -> i32>,
    /// Erases the slot: it reads FF everywhere afterwards.
    pub erase: Option<unsafe extern "C" fn(context: *mut c_void, slot: u8) -> i32>,
    /// Programs one unit, once between two erases.
    pub program: Option<unsafe extern "C" fn(context: *mut c_void, slot: u8, at: u32, unit: *const u8) -> i32>,
}

/// What the chip gives.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_platform {
    /// Handed to the functions.
    pub context: *mut c_void,
    /// Fills `out` with octets that nobody can predict. Answers 0 when it did.
    pub random: Option<unsafe extern "C" fn(context: *mut c_void, out: *mut u8, len: usize) -> i32>,
    /// Begins a hash: 1 SHA-1, 2 SHA-256, 3 SHA-384, 4 SHA-512. Answers 0 when the algorithm is there.
    /// May be null when there is none; then the next two are not called.
    pub hash_begin: Option<unsafe extern "C" fn(context: *mut c_void, algorithm: u8) -> i32>,
    /// Takes the next octets of the message.
    pub hash_update: Option<unsafe extern "C" fn(context: *mut c_void, octets: *const u8, len: usize)>,
    /// Ends the hash and writes it.
    pub hash_finish: Option<unsafe extern "C" fn(context: *mut c_void, out: *mut u8, len: usize)>,
    /// Writes the three octets of the check value of a key that is no AES key, by its key type. Answers 0 when it did; may be
    /// null: then a check value is taken as it comes.
    pub check_value: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            key_type: u8,
            key: *const u8,
            len: usize,
            check_value: *mut u8,
        ) -> i32,
    >,
    /// Verifies an RSA or ECC signature over the parts of the message one after the other, with the components of the public
    /// key. Answers 0 when it fits; may be null when there are no such keys.
    pub verify: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            components: *const gp_component,
            components_len: usize,
            parts: *const gp_slice,
            parts_len: usize,
            signature: gp_slice,
        ) -> i32,
    >,
}

/// A component of a public key.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_component {
    /// Its key type: A1 modulus, A0 exponent, B0 point, B2 to B7 the curve, F0 a reference to one of the standard's curves.
    pub key_type: u8,
    /// Its value.
    pub value: gp_slice,
}

/// The most components of a public key, and the most parts of a message, that a platform is shown.
const SHOWN: usize = 16;

/// A key set of the factory.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_factory_keys {
    /// Key version number.
    pub version: u8,
    /// The keys.
    pub keys: *const gp_key_set,
}

/// What a card is born with. All of it stays where it is until the card is closed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_profile {
    /// Key sets of the issuer security domain, 1 to 4; the first is the default one.
    pub key_sets: *const gp_factory_keys,
    /// How many.
    pub key_sets_len: usize,
    /// AID of the issuer security domain; empty for the customary one.
    pub isd: gp_slice,
    /// The "i" parameter; 0x70 is S8 with everything, 0x71 S16.
    pub i: u8,
    /// Key diversification data.
    pub diversification: [u8; 10],
    /// Failed authentications in a row that lock a key set; 0 for no limit.
    pub max_failures: u8,
}

/// The most key sets of a profile.
const KEY_SETS: usize = 4;

/// The memory of a card: arrays that the program sets aside. They stay with the card until it is closed.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_card_memory {
    /// Security domains, applications, load files and modules: one entry each.
    pub registry: *mut gp_registry_entry,
    /// How many.
    pub registry_len: usize,
    /// Keys: three for each key set.
    pub keys: *mut gp_key_slot,
    /// How many.
    pub keys_len: usize,
    /// Data objects: one for every 32 octets of each; may be null with length 0.
    pub objects: *mut gp_object_slot,
    /// How many.
    pub objects_len: usize,
    /// Logical channels, 1 to 20.
    pub channels: *mut gp_channel,
    /// How many.
    pub channels_len: usize,
    /// Where a chained command is put together: 7 octets more than its longest data.
    pub chain: *mut u8,
    /// How many octets.
    pub chain_len: usize,
}

macro_rules! slots {
    ($($name:ident, $value:ty;)+) => {
        $(const _: () = assert!(
            size_of::<$value>() + align_of::<$value>() <= size_of::<$name>()
        );)+
    };
}

/// Memory for one entry of a card's registry.
#[repr(C)]
#[derive(Debug)]
pub struct gp_registry_entry {
    opaque: [u64; GP_REGISTRY_ENTRY_WORDS],
}

/// Memory for 32 octets of a key.
#[repr(C)]
#[derive(Debug)]
pub struct gp_key_slot {
    opaque: [u64; GP_KEY_SLOT_WORDS],
}

/// Memory for 32 octets of a data object.
#[repr(C)]
#[derive(Debug)]
pub struct gp_object_slot {
    opaque: [u64; GP_OBJECT_SLOT_WORDS],
}

/// Memory for a logical channel and its session.
#[repr(C)]
#[derive(Debug)]
pub struct gp_channel {
    opaque: [u64; GP_CHANNEL_WORDS],
}

slots! {
    gp_registry_entry, RegistryEntry;
    gp_key_slot, KeySlot;
    gp_object_slot, ObjectSlot;
    gp_channel, Channel;
}

/// A card. Zeroed memory, then `gp_card_open`; `gp_card_close` wipes it.
#[repr(C)]
#[derive(Debug)]
pub struct gp_card {
    opaque: [u64; GP_CARD_WORDS],
}

impl Context for gp_card {
    type Value = Body;
    const MARK: usize = 0x4341_5244;
}

/// What lies in a card's context. The card borrows what stands before it, which is why it comes last, is dropped first, and
/// is the only part that a reference is ever made to after the start.
pub(super) struct Body {
    key_sets: [MaybeUninit<FactoryKeys<'static>>; KEY_SETS],
    profile: MaybeUninit<Profile<'static>>,
    card: MaybeUninit<Card<'static, Medium, Chip, Programs>>,
}

impl Drop for Body {
    fn drop(&mut self) {
        // SAFETY: a body whose mark is set is whole; the others borrow nothing and have nothing to drop.
        unsafe { self.card.assume_init_drop() };
    }
}

/// How many octets of a `gp_card` this library uses; see `gp_session_size`.
#[unsafe(no_mangle)]
pub extern "C" fn gp_card_size() -> usize {
    size_of::<super::Cell<Body>>()
}

/// Starts a card: from its storage, or where that is blank, from the profile. What the tables and arrays point to stays
/// until the card is closed; the tables themselves are copied. `applets` may be null.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_card_open(
    card: *mut gp_card,
    memory: *const gp_card_memory,
    storage: *const gp_storage,
    platform: *const gp_platform,
    applets: *const gp_applets,
    profile: *const gp_profile,
) -> gp_status {
    // SAFETY: the caller's promise.
    done(unsafe { open(card, memory, storage, platform, applets, profile) })
}

/// # Safety
/// As the function around it.
unsafe fn open(
    card: *mut gp_card,
    memory: *const gp_card_memory,
    storage: *const gp_storage,
    platform: *const gp_platform,
    applets: *const gp_applets,
    profile: *const gp_profile,
) -> Outcome<()> {
    // SAFETY: the caller's promise.
    unsafe {
        vacant(card)?;
        let medium = Medium::new(object(storage)?)?;
        let chip = Chip::new(object(platform)?)?;
        let programs = Programs(if applets.is_null() { Programs::NONE } else { *object(applets)? });
        let memory = *object(memory)?;
        let given = *object(profile)?;
        apart(&[
            Span::of(card),
            array(memory.registry, memory.registry_len)?,
            array(memory.keys, memory.keys_len)?,
            array(memory.objects, memory.objects_len)?,
            array(memory.channels, memory.channels_len)?,
            Span::octets(memory.chain, memory.chain_len),
        ])?;
        if given.key_sets_len == 0 || given.key_sets_len > KEY_SETS || !is_usable(given.key_sets) {
            return Err(GP_E_ARGUMENT);
        }
        let cell = first_place::<gp_card, super::Cell<Body>>(card);
        let body = (&raw mut (*cell).value).cast::<Body>();
        let key_sets = (&raw mut (*body).key_sets).cast::<FactoryKeys<'static>>();
        for at in 0..given.key_sets_len {
            let set = given.key_sets.add(at).read();
            let keys = FactoryKeySet::Complete(look(set.keys)?);
            key_sets.add(at).write(FactoryKeys { version: set.version, keys, sequence: [0; 3] });
        }
        let isd = octets(given.isd.ptr, given.isd.len)?;
        let isd = if isd.is_empty() { Aid::ISSUER_SECURITY_DOMAIN } else { Aid::new(isd).ok_or(GP_E_AID_LENGTH)? };
        let place = (&raw mut (*body).profile).cast::<Profile<'static>>();
        place.write(Profile {
            isd,
            implementation: Implementation::new(given.i),
            diversification: given.diversification,
            max_failures: given.max_failures,
            ..Profile::new(core::slice::from_raw_parts(key_sets, given.key_sets_len))
        });
        let lent = Memory {
            registry: fill(memory.registry, memory.registry_len, || RegistryEntry::FREE),
            keys: fill(memory.keys, memory.keys_len, || KeySlot::FREE),
            objects: fill(memory.objects, memory.objects_len, || ObjectSlot::FREE),
            channels: fill(memory.channels, memory.channels_len, Channel::new),
            chain: octets_mut(memory.chain, memory.chain_len)?,
        };
        let opened = Card::open(lent, medium, chip, programs, &*place).map_err(|error| match error {
            OpenError::Memory => GP_E_MEMORY,
            _ => GP_E_STORAGE,
        })?;
        (&raw mut (*body).card).cast::<Card<'static, Medium, Chip, Programs>>().write(opened);
        (&raw mut (*cell).seal).write(seal(card));
    }
    Ok(())
}

/// An array of the caller as the memory that it takes.
fn array<T>(start: *mut T, len: usize) -> Outcome<Span> {
    if len == 0 {
        return Ok(Span { start: 0, len: 0 });
    }
    if !is_usable(start) || !addressable(start, len) {
        return Err(GP_E_ARGUMENT);
    }
    Ok(Span { start: start.addr(), len: len.saturating_mul(size_of::<T>()) })
}

/// Values in an array of the caller: as many as it has elements, which are at least as big.
///
/// # Safety
/// The array was looked at by [`array`] and is the caller's to give.
unsafe fn fill<'a, C, T>(start: *mut C, len: usize, value: impl Fn() -> T) -> &'a mut [T] {
    if len == 0 {
        return &mut [];
    }
    let start = first_place::<C, T>(start);
    // SAFETY: the elements of C are bigger by at least the alignment (`slots!`), so `len` values fit behind the first place.
    unsafe {
        for at in 0..len {
            start.add(at).write(value());
        }
        core::slice::from_raw_parts_mut(start, len)
    }
}

/// Answers one command: `apdu_len` octets come in at `apdu`, whose room is `apdu_cap` octets, at least 261; the answer
/// stands there afterwards. Says how long it is: at least 2, or 0 when the arguments are not usable or no card is open.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_card_process(card: *mut gp_card, apdu: *mut u8, apdu_len: usize, apdu_cap: usize) -> usize {
    let outcome = || {
        if apdu_len > apdu_cap {
            return Err(GP_E_ARGUMENT);
        }
        apart(&[Span::of(card), Span::octets(apdu, apdu_cap)])?;
        // SAFETY: the caller's promise; apart.
        unsafe { Ok(enter_card(card)?.process(octets_mut(apdu, apdu_cap)?, apdu_len).len()) }
    };
    outcome().unwrap_or(0)
}

/// Power off and on: sessions end, what was pending is gone.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_card_reset(card: *mut gp_card) -> gp_status {
    // SAFETY: the caller's promise.
    done(unsafe { enter_card(card) }.map(Card::reset))
}

/// Ends the card and wipes its context. What it keeps is in its storage. Twice is fine, and so is null.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_card_close(card: *mut gp_card) {
    // SAFETY: the caller's promise.
    unsafe { end(card) };
}

/// # Safety
/// As the functions around it.
unsafe fn enter_card<'a>(card: *mut gp_card) -> Outcome<&'a mut Card<'static, Medium, Chip, Programs>> {
    // SAFETY: the caller's promise; an open card is there when the mark is.
    unsafe {
        let body = place(card)?;
        Ok(&mut *(&raw mut (*body).card).cast())
    }
}

/// The storage table, looked at.
#[derive(Debug)]
struct Medium {
    context: *mut c_void,
    slot_size: u32,
    read: unsafe extern "C" fn(*mut c_void, u8, u32, *mut u8, usize) -> i32,
    erase: unsafe extern "C" fn(*mut c_void, u8) -> i32,
    program: unsafe extern "C" fn(*mut c_void, u8, u32, *const u8) -> i32,
}

impl Medium {
    fn new(table: &gp_storage) -> Outcome<Self> {
        Ok(Self {
            context: table.context,
            slot_size: table.slot_size,
            read: table.read.ok_or(GP_E_ARGUMENT)?,
            erase: table.erase.ok_or(GP_E_ARGUMENT)?,
            program: table.program.ok_or(GP_E_ARGUMENT)?,
        })
    }
}

const fn number(slot: Slot) -> u8 {
    match slot {
        Slot::A => 0,
        Slot::B => 1,
    }
}

impl Storage for Medium {
    type Error = gp_status;
    const UNIT: usize = GP_STORAGE_UNIT;

    fn slot_size(&self) -> u32 {
        self.slot_size
    }

    fn read(&mut self, slot: Slot, at: u32, out: &mut [u8]) -> Result<(), gp_status> {
        // SAFETY: the caller said that the function may be called so; the octets live until it returns.
        refused(unsafe { (self.read)(self.context, number(slot), at, out.as_mut_ptr(), out.len()) })
    }

    fn erase(&mut self, slot: Slot) -> Result<(), gp_status> {
        // SAFETY: as above.
        refused(unsafe { (self.erase)(self.context, number(slot)) })
    }

    fn program(&mut self, slot: Slot, at: u32, unit: &[u8]) -> Result<(), gp_status> {
        // SAFETY: as above; a unit has as many octets as the header says.
        refused(unsafe { (self.program)(self.context, number(slot), at, unit.as_ptr()) })
    }
}

/// The platform table, looked at.
#[derive(Debug)]
struct Chip {
    table: gp_platform,
    random: unsafe extern "C" fn(*mut c_void, *mut u8, usize) -> i32,
}

impl Chip {
    fn new(table: &gp_platform) -> Outcome<Self> {
        Ok(Self { table: *table, random: table.random.ok_or(GP_E_ARGUMENT)? })
    }
}

impl Platform for Chip {
    type Error = gp_status;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), gp_status> {
        // SAFETY: the caller said that the function may be called so; the octets live until it returns.
        refused(unsafe { (self.random)(self.table.context, out.as_mut_ptr(), out.len()) })
    }

    fn hash_begin(&mut self, algorithm: HashAlgorithm) -> bool {
        let number = match algorithm {
            HashAlgorithm::Sha1 => 1,
            HashAlgorithm::Sha256 => 2,
            HashAlgorithm::Sha384 => 3,
            HashAlgorithm::Sha512 => 4,
            _ => return false,
        };
        match (self.table.hash_begin, self.table.hash_update, self.table.hash_finish) {
            // SAFETY: the caller said that the function may be called so.
            (Some(begin), Some(_), Some(_)) => unsafe { begin(self.table.context, number) == 0 },
            _ => false,
        }
    }

    fn hash_update(&mut self, octets: &[u8]) {
        if let Some(update) = self.table.hash_update {
            // SAFETY: as above; the octets live until it returns.
            unsafe { update(self.table.context, octets.as_ptr(), octets.len()) };
        }
    }

    fn hash_finish(&mut self, out: &mut [u8]) {
        if let Some(finish) = self.table.hash_finish {
            // SAFETY: as above; the octets live until it returns.
            unsafe { finish(self.table.context, out.as_mut_ptr(), out.len()) };
        }
    }

    fn check_value(&mut self, key_type: u8, key: &[u8]) -> Option<[u8; 3]> {
        let mut value = [0; 3];
        let make = self.table.check_value?;
        // SAFETY: as above.
        let made = unsafe { make(self.table.context, key_type, key.as_ptr(), key.len(), value.as_mut_ptr()) };
        (made == 0).then_some(value)
    }

    fn verify(&mut self, components: &[(u8, &[u8])], message: &[&[u8]], signature: &[u8]) -> bool {
        let Some(verify) = self.table.verify else { return false };
        let mut shown = [gp_component { key_type: 0, value: gp_slice::EMPTY }; SHOWN];
        let mut parts = [gp_slice::EMPTY; SHOWN];
        if components.len() > shown.len() || message.len() > parts.len() {
            return false;
        }
        for (to, (key_type, value)) in shown.iter_mut().zip(components) {
            *to = gp_component { key_type: *key_type, value: gp_slice::of(value) };
        }
        for (to, part) in parts.iter_mut().zip(message) {
            *to = gp_slice::of(part);
        }
        let signature = gp_slice::of(signature);
        let (components_len, parts_len) = (components.len(), message.len());
        // SAFETY: as above.
        let fits =
            unsafe { verify(self.table.context, shown.as_ptr(), components_len, parts.as_ptr(), parts_len, signature) };
        fits == 0
    }
}

#[cfg(test)]
mod tests;
