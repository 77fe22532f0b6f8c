//! What a card stands on: memory, randomness, applications.

use core::fmt;
use core::ops::Range;

use gp_apdu::{Header, Le, StatusWord};
use gp_scp03::{Key, SecurityLevel};

use crate::aid::Aid;
use crate::card::channel::Channel;
use crate::card::keys::KeySlot;
use crate::card::objects::ObjectSlot;
use crate::card::registry::{Index, RegistryEntry};
use crate::in_place::move_within;
use crate::install::Parameters;
use crate::privileges::Privileges;
use crate::signature::HashAlgorithm;

/// The card's memory, all of it the caller's: the same code serves 16 and 4096 registry entries, 1 and 20 channels.
///
/// Fill every slice with defaults; [`Card::open`](crate::card::Card::open) reads the storage into them.
#[derive(Debug)]
pub struct Memory<'m> {
    /// Security domains, applications, load files and their modules: one slot each.
    pub registry: &'m mut [RegistryEntry],
    /// Keys: one slot for every 32 octets of each key component, three for an AES key set. A replacement needs room for
    /// the old keys and the new ones.
    pub keys: &'m mut [KeySlot],
    /// Data objects that STORE DATA wrote: one slot for every 32 octets of each.
    pub objects: &'m mut [ObjectSlot],
    /// Logical channels, 1 to 20: the first is the basic one.
    pub channels: &'m mut [Channel],
    /// Where a chained command is put together: [`Form::data_offset`](gp_apdu::Form::data_offset) octets more than its longest data.
    pub chain: &'m mut [u8],
}

/// What the chip gives: randomness, and the cryptography that these crates do not bring.
///
/// Challenges must be unpredictable: a real generator, or [`CtrDrbg256`](gp_scp03::CtrDrbg256) over a real seed, which is a platform by itself.
pub trait Platform {
    /// Why there is no randomness.
    type Error;

    /// Fills all of `out` with random octets.
    ///
    /// # Errors
    /// The source has failed; the card refuses the command that needed it.
    fn fill(&mut self, out: &mut [u8]) -> Result<(), Self::Error>;

    /// Begins a hash, of which one runs at a time: that of the load file data block that is coming in. `false`: there is
    /// no such algorithm here, and what needs it is refused.
    fn hash_begin(&mut self, algorithm: HashAlgorithm) -> bool {
        let _ = algorithm;
        false
    }

    /// Takes the next octets of the message.
    fn hash_update(&mut self, octets: &[u8]) {
        let _ = octets;
    }

    /// Ends the hash and writes it over all of `out`, which is as long as the algorithm's hashes are.
    fn hash_finish(&mut self, out: &mut [u8]) {
        let _ = out;
    }

    /// The check value of a key that is no AES key, by its key type (GPCS 11.1.8): of a DES key the first 3 octets of the
    /// encryption of eight octets `00`. `None`: it cannot be told here, and a check value is taken as it comes.
    fn check_value(&mut self, key_type: u8, key: &[u8]) -> Option<[u8; 3]> {
        let _ = (key_type, key);
        None
    }

    /// Verifies an RSA or ECC signature over the parts one after the other. `components` is the public key as PUT KEY
    /// brought it: key type and value of each component, in order (GPCS B.3, B.4).
    fn verify(&mut self, components: &[(u8, &[u8])], message: &[&[u8]], signature: &[u8]) -> bool {
        let _ = (components, message, signature);
        false
    }
}

impl<T: Platform + ?Sized> Platform for &mut T {
    type Error = T::Error;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        T::fill(self, out)
    }

    fn hash_begin(&mut self, algorithm: HashAlgorithm) -> bool {
        T::hash_begin(self, algorithm)
    }

    fn hash_update(&mut self, octets: &[u8]) {
        T::hash_update(self, octets);
    }

    fn hash_finish(&mut self, out: &mut [u8]) {
        T::hash_finish(self, out);
    }

    fn check_value(&mut self, key_type: u8, key: &[u8]) -> Option<[u8; 3]> {
        T::check_value(self, key_type, key)
    }

    fn verify(&mut self, components: &[(u8, &[u8])], message: &[&[u8]], signature: &[u8]) -> bool {
        T::verify(self, components, message, signature)
    }
}

impl Platform for gp_scp03::CtrDrbg256 {
    type Error = gp_scp03::DrbgError;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        self.generate(out, &[])
    }
}

impl Platform for gp_scp03::CtrDrbg128 {
    type Error = gp_scp03::DrbgError;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        self.generate(out, &[])
    }
}

/// Which application is meant: its place in the registry, stable for its whole life, and its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppHandle {
    /// The slot of its registry entry.
    pub index: Index,
    /// The AID of the instance.
    pub instance: Aid,
}

/// What INSTALL \[for install\] hands to the application it creates.
#[derive(Clone, Copy, Debug)]
pub struct Installation<'a> {
    /// The load file that the module is in.
    pub load_file: Aid,
    /// The module to instantiate.
    pub module: Aid,
    /// The privileges of the instance.
    pub privileges: Privileges,
    /// The value of `C9`: what the application alone understands.
    pub parameters: &'a [u8],
    /// Its quotas and reserves.
    pub room: Room,
}

/// Memory that INSTALL speaks of, in octets; `None` where it says nothing (GPCS 9.7, table 11-49). The card keeps neither code nor
/// data of applications: who does, acts on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// `C6` for load: non-volatile memory for the code that must be free.
    pub code: Option<u32>,
    /// `C7`: volatile memory: for load what must be free, for install a quota.
    pub volatile: Option<u32>,
    /// `C8`: non-volatile memory for data: for load what must be free, for install a quota.
    pub non_volatile: Option<u32>,
    /// `D7` for install: volatile memory to reserve.
    pub volatile_reserve: Option<u32>,
    /// `D8` for install: non-volatile memory to reserve.
    pub non_volatile_reserve: Option<u32>,
}

impl Room {
    pub(super) const fn of(parameters: &Parameters<'_>) -> Self {
        Self {
            code: parameters.code,
            volatile: parameters.volatile,
            non_volatile: parameters.non_volatile,
            volatile_reserve: parameters.volatile_reserve,
            non_volatile_reserve: parameters.non_volatile_reserve,
        }
    }
}

/// All applications behind one object: the card calls, the object knows which instance is meant.
///
/// Every method answers like a card: data length or status word. Nothing an application does can end a secure channel
/// session or change the registry.
pub trait Applets {
    /// Creates an instance. The registry entry appears only after this has succeeded.
    ///
    /// # Errors
    /// The status word that INSTALL answers, `6A84` where its quotas or reserves cannot be had; nothing is registered then.
    fn install(&mut self, app: AppHandle, installation: &Installation<'_>) -> Result<(), StatusWord> {
        let _ = (app, installation);
        Ok(())
    }

    /// The instance becomes selected. `apdu` is the SELECT command; an answer written to it replaces the card's FCI. After a
    /// reset, and where it takes the place of one that was locked, it is a SELECT without data, and nobody gets the answer;
    /// on a new channel it is MANAGE CHANNEL.
    ///
    /// # Errors
    /// A status word that refuses selection: the card looks for the next match then, or selects nothing, or the channel
    /// stays closed.
    fn select(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        let _ = (app, apdu);
        Ok(0)
    }

    /// The instance is no longer selected.
    fn deselect(&mut self, app: AppHandle) {
        let _ = app;
    }

    /// A command for the selected instance; or, with the handle of a security domain, one that no security domain knows.
    ///
    /// # Errors
    /// The status word to answer.
    fn process(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        let _ = (app, apdu);
        Err(StatusWord::INS_NOT_SUPPORTED)
    }

    /// Personalisation data that its security domain forwards (STORE DATA after INSTALL \[for personalization\]): the
    /// command as it came but for the secure messaging (GPCS 7.3.3).
    ///
    /// # Errors
    /// The status word to answer; the session goes on.
    fn personalize(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        let _ = (app, apdu);
        Err(StatusWord::CONDITIONS_OF_USE)
    }

    /// May instances of this one's load file be selected on several logical channels at a time?
    fn multi_selectable(&self, app: AppHandle) -> bool {
        let _ = app;
        true
    }

    /// Does the instance let its security domain open and unwrap secure channel sessions for it?
    fn uses_secure_channel(&self, app: AppHandle) -> bool {
        let _ = app;
        false
    }

    /// May the instance, or the load file, be deleted now? "No" where another application or load file refers to it.
    fn may_delete(&self, app: AppHandle) -> bool {
        let _ = app;
        true
    }

    /// The instance is deleted.
    fn delete(&mut self, app: AppHandle) {
        let _ = app;
    }

    /// Is so much memory free as a load file that is about to come needs? "No" answers `6A84` (GPCS 9.7).
    fn has_room(&self, room: &Room) -> bool {
        let _ = room;
        true
    }

    /// A load file imports this package in this version (major, minor), and no load file on the card is it: is it part of
    /// what the applications stand on? "No" refuses the load file (GPCS 9.3.5).
    fn provides(&self, package: &Aid, version: (u8, u8)) -> bool {
        let _ = (package, version);
        true
    }
}

/// No applications at all.
impl Applets for () {}

impl<T: Applets + ?Sized> Applets for &mut T {
    fn install(&mut self, app: AppHandle, installation: &Installation<'_>) -> Result<(), StatusWord> {
        T::install(self, app, installation)
    }

    fn select(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        T::select(self, app, apdu)
    }

    fn deselect(&mut self, app: AppHandle) {
        T::deselect(self, app);
    }

    fn process(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        T::process(self, app, apdu)
    }

    fn personalize(&mut self, app: AppHandle, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        T::personalize(self, app, apdu)
    }

    fn multi_selectable(&self, app: AppHandle) -> bool {
        T::multi_selectable(self, app)
    }

    fn uses_secure_channel(&self, app: AppHandle) -> bool {
        T::uses_secure_channel(self, app)
    }

    fn may_delete(&self, app: AppHandle) -> bool {
        T::may_delete(self, app)
    }

    fn delete(&mut self, app: AppHandle) {
        T::delete(self, app);
    }

    fn has_room(&self, room: &Room) -> bool {
        T::has_room(self, room)
    }

    fn provides(&self, package: &Aid, version: (u8, u8)) -> bool {
        T::provides(self, package, version)
    }
}

/// A command as the card's inner parts see it: unprotected, its data where it arrived, and the buffer of the answer.
///
/// ```text
///  buffer    | 5 or 7 octets | command data | room |        in place: the answer is written over the command
///            | answer data | SW |
/// ```
///
/// The answer's data goes to the start of [`answer`](Self::answer), and the handler says how long it is. Writing there
/// may overwrite the command's data: read what you need first.
pub struct Apdu<'a> {
    header: Header,
    le: Option<Le>,
    level: Option<SecurityLevel>,
    /// Key-DEK of the session, for applications.
    dek: Option<&'a Key>,
    buffer: &'a mut [u8],
    data: Data<'a>,
    status: StatusWord,
    room: usize,
}

/// Where the command's data is.
enum Data<'a> {
    InPlace {
        start: usize,
        end: usize,
    },
    /// A reassembled chain, in memory of its own.
    Apart(&'a mut [u8]),
}

impl<'a> Apdu<'a> {
    pub(crate) fn in_place(header: Header, le: Option<Le>, buffer: &'a mut [u8], start: usize, length: usize) -> Self {
        let end = start.saturating_add(length);
        Self {
            header,
            le,
            level: None,
            dek: None,
            buffer,
            data: Data::InPlace { start, end },
            status: StatusWord::OK,
            room: 0,
        }
    }

    pub(crate) fn apart(header: Header, le: Option<Le>, buffer: &'a mut [u8], data: &'a mut [u8]) -> Self {
        Self { header, le, level: None, dek: None, buffer, data: Data::Apart(data), status: StatusWord::OK, room: 0 }
    }

    pub(crate) fn set_protection(&mut self, level: Option<SecurityLevel>, room: usize) {
        self.level = level;
        self.room = room;
    }

    /// Lets an application use Key-DEK of the session that the command came in.
    pub(crate) const fn lend_dek(&mut self, dek: Option<&'a Key>) {
        self.dek = dek;
    }

    /// The same command for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Apdu<'_> {
        let data = match &mut self.data {
            Data::InPlace { start, end } => Data::InPlace { start: *start, end: *end },
            Data::Apart(data) => Data::Apart(data),
        };
        let Self { header, le, level, dek, status, room, .. } = *self;
        Apdu { header, le, level, dek, buffer: self.buffer, data, status, room }
    }

    /// CLA INS P1 P2, the class without secure messaging.
    #[must_use]
    pub const fn header(&self) -> Header {
        self.header
    }

    /// How much answer the host expects, `None` where it expects none.
    #[must_use]
    pub const fn le(&self) -> Option<Le> {
        self.le
    }

    /// The security level under which the command came; `None` without a session.
    #[must_use]
    pub const fn level(&self) -> Option<SecurityLevel> {
        self.level
    }

    /// The command's data.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        match &self.data {
            Data::InPlace { start, end } => self.buffer.get(*start..*end).unwrap_or_default(),
            Data::Apart(data) => data,
        }
    }

    /// The command's data, to be changed in place: decrypted, say.
    #[must_use]
    pub fn data_mut(&mut self) -> &mut [u8] {
        match &mut self.data {
            Data::InPlace { start, end } => self.buffer.get_mut(*start..*end).unwrap_or_default(),
            Data::Apart(data) => data,
        }
    }

    /// Decrypts sensitive data in place and returns it: the service of the security domain whose session the command came
    /// in, by that session's Key-DEK (GPCS 7.3.2, Amendment D 4.1.4). `range` is the place in the command's data; its
    /// length is a multiple of 16.
    ///
    /// # Errors
    /// `6985` outside a session; `6A80` where the data ends before, or for another length. Nothing is changed then.
    pub fn decrypt_data(&mut self, range: Range<usize>) -> Result<&mut [u8], StatusWord> {
        let dek = self.dek.ok_or(StatusWord::CONDITIONS_OF_USE)?;
        let octets = self.data_mut().get_mut(range).ok_or(StatusWord::WRONG_DATA)?;
        dek.decrypt_sensitive(octets).map_err(|_| StatusWord::WRONG_DATA)?;
        Ok(octets)
    }

    /// The room for the answer's data, as much as the protection of the session leaves of a response.
    #[must_use]
    pub fn answer(&mut self) -> &mut [u8] {
        self.buffer.get_mut(..self.room).unwrap_or_default()
    }

    /// Octets of [`answer`](Self::answer).
    pub(crate) const fn room(&self) -> usize {
        self.room
    }

    /// Takes back what a handler that refused has left: the command's data, of the same length, and its warning.
    pub(crate) fn restore(&mut self, data: &[u8]) {
        self.data_mut().iter_mut().zip(data).for_each(|(to, from)| *to = *from);
        self.status = StatusWord::OK;
    }

    /// Writes the answer's data.
    ///
    /// # Errors
    /// `6F00` when there is no room: the handler has made more than a response holds.
    pub fn respond(&mut self, octets: &[u8]) -> Result<usize, StatusWord> {
        let room = self.answer().get_mut(..octets.len()).ok_or(StatusWord::UNKNOWN)?;
        room.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        Ok(octets.len())
    }

    /// Makes the command's data the answer's.
    ///
    /// # Errors
    /// `6F00` when there is no room.
    pub fn echo(&mut self) -> Result<usize, StatusWord> {
        let length = self.data().len();
        if length > self.room {
            return Err(StatusWord::UNKNOWN);
        }
        match &self.data {
            Data::InPlace { start, end } => move_within(self.buffer, *start..*end, 0),
            Data::Apart(data) => self.buffer.iter_mut().zip(data.iter()).for_each(|(to, from)| *to = *from),
        }
        Ok(length)
    }

    /// Answer with this warning (62xx, 63xx) instead of `9000`, if the handler succeeds. Anything else is ignored.
    pub fn warn(&mut self, status: StatusWord) {
        if status.is_warning() {
            self.status = status;
        }
    }

    pub(crate) const fn status(&self) -> StatusWord {
        self.status
    }
}

impl fmt::Debug for Apdu<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The data may be a secret that was encrypted on the wire.
        f.debug_struct("Apdu").field("header", &self.header).field("level", &self.level).finish_non_exhaustive()
    }
}
