//! Applications: what the card calls, and what it says when it does.

use gp_apdu::StatusWord;

use crate::aid::Aid;
use crate::card::apdu::Apdu;
use crate::card::registry::Index;
use crate::install::Parameters;
use crate::privileges::Privileges;

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

/// An instance that is on the card when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its place and its name.
    pub app: AppHandle,
    /// The load file that its module is in.
    pub load_file: Option<Aid>,
    /// The module that it is made from.
    pub module: Option<Aid>,
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
/// Every method answers like a card: data length or status word. Nothing an application answers can end a secure channel
/// session or change the registry; what it may ask for, it asks [`Apdu::open`].
pub trait Applets {
    /// The card starts, and has these instances: an object that outlives the card's memory takes back what is not among them
    /// (its installation was cut off by the power, or its deletion was not), and makes what it has lost.
    fn start(&mut self, instances: &mut dyn Iterator<Item = Instance>) {
        let _ = instances;
    }

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
    fn start(&mut self, instances: &mut dyn Iterator<Item = Instance>) {
        T::start(self, instances);
    }

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
