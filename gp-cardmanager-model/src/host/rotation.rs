//! Key rotation: from one key set to the next, over any number of interruptions, without ever losing the card.
//!
//! ```text
//!  Prepared   the caller has stored the new keys and this record       the old set opens the card
//!     |         session with the old set
//!  Sent       stored before PUT KEY leaves                             try the new set, then the old one
//!     |         PUT KEY, check values
//!  Stored     the card has acknowledged                                try the new set, then the old one
//!     |         session with the new set (proves Key-MAC, and with C-DECRYPTION Key-ENC)
//!     |         a key put again under the new Key-DEK (proves it)
//!  Proved     the commit: forget the old keys now, not before          the new set opens the card
//!     |         DELETE of the old set, where that was asked for
//!  Finished
//! ```

use core::fmt;

use gp_apdu::{StatusWord, ins};
use gp_scp03::{Challenge, Error, Key, KeyId, Reply, SecurityLevel, StaticKeys};
use subtle::ConstantTimeEq;

use super::handshake::Handshake;
use super::{Cover, Draft, Failure, Guard, NewKeys, PutKeys, Refusal, Slot, Step, Task, accepted, delete};
use crate::delete::{Delete, DeleteKeys};
use crate::error::{self, ErrorKind};
use crate::put_key::{BlockForm, PutKeyTarget};

/// How far a rotation has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum RotationStage {
    /// Nothing was sent.
    Prepared = 0,
    /// PUT KEY may have reached the card.
    Sent = 1,
    /// The card has acknowledged PUT KEY, and the check values fit.
    Stored = 2,
    /// A session with the new set was opened and all three keys were proved.
    Proved = 3,
    /// Everything is done.
    Finished = 4,
}

impl RotationStage {
    const ALL: [Self; 5] = [Self::Prepared, Self::Sent, Self::Stored, Self::Proved, Self::Finished];

    const fn octet(self) -> u8 {
        match self {
            Self::Prepared => 0,
            Self::Sent => 1,
            Self::Stored => 2,
            Self::Proved => 3,
            Self::Finished => 4,
        }
    }
}

/// Which key set opens the card.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opens {
    /// The old one.
    Old,
    /// One of the two: try the new one, and if the card does not know it, the old one. Neither may be forgotten.
    NewOrOld,
    /// The new one.
    New,
}

/// Whose turn it is to open a session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    Old,
    New,
}

/// The record of a rotation, without the keys: 19 octets for the caller to store beside them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rotation {
    stage: RotationStage,
    old_version: u8,
    new_version: u8,
    replace: bool,
    delete_old: bool,
    /// Of the new keys, so that a rotation is never gone on with under other ones.
    check_values: [[u8; 3]; 3],
    /// Of the old set and of the new one.
    guards: Option<(Guard, Guard)>,
}

impl Rotation {
    /// Octets of the record.
    pub const LEN: usize = 19;

    /// First octet of the record: its layout.
    const LAYOUT: u8 = 0x02;

    /// A rotation that adds the new set as `new_version`, 01 to 7F, which the card must not have. The old set stays until
    /// it is deleted, so this is the safer way. `old_version` 00 is the first key set of the card: for initial keys that
    /// the card lists as `FF`.
    #[must_use]
    pub fn add(old_version: u8, new_version: u8, new: &StaticKeys) -> Self {
        Self::prepare(old_version, new_version, false, new)
    }

    /// A rotation that replaces the old set, as `new_version`, which may be the same. The card does it in one step
    /// (GPCS 11.8): afterwards the old set is gone.
    #[must_use]
    pub fn replace(old_version: u8, new_version: u8, new: &StaticKeys) -> Self {
        Self::prepare(old_version, new_version, true, new)
    }

    /// Can PUT KEY name these versions (GPCS 11.8.2): the new one, and the old one where it is replaced?
    fn check(&self) -> Result<(), Failure> {
        let target = PutKeyTarget { replaces: self.replace.then_some(self.old_version), first_id: 1, several: true };
        target.check()?;
        let fresh = self.replace || self.new_version != self.old_version;
        if fresh && (1..=0x7F).contains(&self.new_version) {
            Ok(())
        } else {
            Err(error::Error::at(ErrorKind::BadValue, 0).into())
        }
    }

    fn prepare(old_version: u8, new_version: u8, replace: bool, new: &StaticKeys) -> Self {
        let check_values = check_values(new);
        let stage = RotationStage::Prepared;
        Self { stage, old_version, new_version, replace, delete_old: false, check_values, guards: None }
    }

    /// Counts attempts to open sessions that did not succeed, for the old set and for the new one, and makes no further
    /// one when the guard of the set says so ([`Failure::Stopped`]). Where the new set takes the old one's version, the
    /// card may count for both together, so each attempt is counted by both guards.
    ///
    /// The counts are part of the record, and [`Rotate`] has it stored before and after each attempt: what a power cut
    /// leaves open, counts. After a stop find out why, and go on with new guards on the record that was read back.
    ///
    /// Leave two attempts to each: the first run after an interruption looks which of the sets the card has.
    #[must_use]
    pub const fn guarded(self, old: Guard, new: Guard) -> Self {
        Self { guards: Some((old, new)), ..self }
    }

    /// The guards of the old set and of the new one, as they stand.
    #[must_use]
    pub const fn guards(&self) -> Option<(Guard, Guard)> {
        self.guards
    }

    /// Counts for one set; for both, where they share a version.
    fn count(&mut self, set: Set, counted: impl Fn(&mut Guard) -> Result<(), Failure>) -> Result<(), Failure> {
        let shared = self.old_version == self.new_version;
        if let Some((old, new)) = &mut self.guards {
            if shared || set == Set::Old {
                counted(old)?;
            }
            if shared || set == Set::New {
                counted(new)?;
            }
        }
        Ok(())
    }

    /// Deletes the old set when the new one is proved. Sets that are replaced, and initial ones, go by themselves.
    #[must_use]
    pub fn deleting_old(self) -> Self {
        let possible = !self.replace && self.old_version != self.new_version && (1..=0x7F).contains(&self.old_version);
        Self { delete_old: possible, ..self }
    }

    /// How far it has come.
    #[must_use]
    pub const fn stage(&self) -> RotationStage {
        self.stage
    }

    /// The version of the old set.
    #[must_use]
    pub const fn old_version(&self) -> u8 {
        self.old_version
    }

    /// The version of the new set.
    #[must_use]
    pub const fn new_version(&self) -> u8 {
        self.new_version
    }

    /// Is this the same plan, however far it has come: the same versions and keys, replaced or added, the old set deleted or
    /// kept?
    #[must_use]
    pub fn is_same_plan(&self, other: &Self) -> bool {
        let plan = |of: &Self| (of.old_version, of.new_version, of.replace, of.delete_old, of.check_values);
        plan(self) == plan(other)
    }

    /// Which set opens the card at this stage.
    #[must_use]
    pub const fn opens_with(&self) -> Opens {
        match self.stage {
            RotationStage::Prepared => Opens::Old,
            RotationStage::Sent | RotationStage::Stored => Opens::NewOrOld,
            RotationStage::Proved | RotationStage::Finished => Opens::New,
        }
    }

    /// Is everything done?
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.stage == RotationStage::Finished
    }

    /// Are these the new keys that the rotation was prepared with?
    #[must_use]
    pub fn fits(&self, new: &StaticKeys) -> bool {
        bool::from(check_values(new).as_flattened().ct_eq(self.check_values.as_flattened()))
    }

    /// Takes note of a step that was made by other means than [`Rotate`]: keys in a security module, say.
    ///
    /// # Errors
    /// [`Failure::State`] for a step backwards, or one that leaves out PUT KEY or the proof.
    pub fn advance(&mut self, to: RotationStage) -> Result<(), Failure> {
        use RotationStage::{Finished, Prepared, Proved, Sent, Stored};
        match (self.stage, to) {
            (Prepared, Sent) | (Sent, Stored) | (Sent | Stored, Proved) | (Proved, Finished) => {
                self.stage = if to == Proved && !self.delete_old { Finished } else { to };
                Ok(())
            }
            (from, to) if from == to => Ok(()),
            _ => Err(Failure::State),
        }
    }

    /// The record, to be stored.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let flags = u8::from(self.replace) | (u8::from(self.delete_old) << 1) | (u8::from(self.guards.is_some()) << 2);
        let [[a, b, c], [d, e, f], [g, h, i]] = self.check_values;
        let head = [Self::LAYOUT, self.stage.octet(), self.old_version, self.new_version, flags];
        let [layout, stage, old, new, flags] = head;
        let [j, k, l, m] = match self.guards {
            Some((old, new)) => [old.failures(), old.limit(), new.failures(), new.limit()],
            None => [0; 4],
        };
        let body = [layout, stage, old, new, flags, a, b, c, d, e, f, g, h, i, j, k, l, m];
        let sum = body.iter().fold(0x5A_u8, |sum, octet| sum.rotate_left(1) ^ octet);
        let mut record = [0; Self::LEN];
        record.iter_mut().zip(body.iter().chain(&[sum])).for_each(|(to, from)| *to = *from);
        record
    }

    /// Reads a record; `None` when it is none, or damaged.
    #[must_use]
    pub fn from_bytes(record: &[u8]) -> Option<Self> {
        let &[Self::LAYOUT, stage, old_version, new_version, flags, a, b, c, d, e, f, g, h, i, j, k, l, m, _] = record
        else {
            return None;
        };
        let rotation = Self {
            stage: RotationStage::ALL.into_iter().find(|known| known.octet() == stage)?,
            old_version,
            new_version,
            replace: flags & 1 != 0,
            delete_old: flags & 2 != 0,
            check_values: [[a, b, c], [d, e, f], [g, h, i]],
            guards: (flags & 4 != 0).then_some((Guard::resume(j, k), Guard::resume(l, m))),
        };
        (rotation.to_bytes() == record).then_some(rotation)
    }
}

fn check_values(keys: &StaticKeys) -> [[u8; 3]; 3] {
    [KeyId::Enc, KeyId::Mac, KeyId::Dek].map(|id| keys.key(id).kcv())
}

/// How the new Key-DEK is proved. The card decrypts a key under it and compares the check value, so that it must have the
/// right one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DekProof {
    /// The new Key-DEK is put once more, under itself.
    #[default]
    Dek,
    /// The whole new set is put once more, for cards that do not replace one key of a set.
    Set,
    /// Not at all: a card that takes neither. Then nothing shows a wrong Key-DEK before the next PUT KEY.
    None,
}

/// Carries a rotation out, from whatever stage it is at. The security domain must be selected.
///
/// - `R` makes a fresh challenge for each session that is opened, from a generator that nobody can foresee.
/// - `P` stores the record ([`Rotation::to_bytes`]) before it answers. It is called before PUT KEY leaves and after each
///   step that the card has proved; in a rotation with guards also before each session is opened, and when the card has
///   answered. If it fails, nothing more is sent.
///
/// Nothing is tried twice in one run. A rotation that is run again and again should have guards
/// ([`Rotation::guarded`]), so that keys which do not open the card are not tried until it locks.
///
/// After any failure, and after a power cut at any point, read the record back and run the operation again: it finds out
/// which set opens the card and goes on. Finding out costs one INITIALIZE UPDATE and no failed authentication, as the card
/// cryptogram is checked before the host proves itself.
///
/// The level needs C-DECRYPTION, which proves Key-ENC; take one with R-MAC where the card has it, for without it anybody on
/// the wire could pretend that the card agreed. Yields the record, finished.
///
/// ```no_run
/// # use gp_cardmanager_model::host::{Error, Failure, Guard, Host, Rotate, Rotation, run};
/// # use gp_scp03::{Challenge, SecurityLevel, StaticKeys};
/// # fn random() -> [u8; 8] { [0; 8] }
/// # fn store(_: &[u8]) -> std::io::Result<()> { Ok(()) }
/// # fn f<X: gp_apdu::Transport>(host: &mut Host<'_>, link: &mut X, old: &StaticKeys, new: &StaticKeys) -> Result<(), Error<X::Error>> {
/// let rotation = Rotation::add(0x01, 0x02, new).deleting_old().guarded(Guard::default(), Guard::default());
/// // Store the new keys and rotation.to_bytes() here, before anything else happens.
/// let rotate = Rotate::new(rotation, old, new, SecurityLevel::Full, || Ok(Challenge::new(&random())?), |rotation| {
///     store(&rotation.to_bytes()).map_err(|_| Failure::Stopped)
/// });
/// let finished = run(host, link, rotate)?;
/// assert!(finished.is_finished());
/// # Ok(())
/// # }
/// ```
pub struct Rotate<'a, C> {
    rotation: Rotation,
    old: &'a StaticKeys,
    new: &'a StaticKeys,
    level: SecurityLevel,
    form: BlockForm,
    proof: DekProof,
    calls: C,
    action: Action<'a>,
    /// PUT KEY was sent in this run: the new set must be there.
    put: bool,
}

/// What is under way.
#[allow(clippy::large_enum_variant, reason = "the session keys must lie somewhere, and there is no heap")]
enum Action<'a> {
    Start,
    OpenOld(Handshake<'a>),
    Put(PutKeys<'a, &'a Key>),
    OpenNew(Handshake<'a>),
    Prove(PutKeys<'a, &'a Key>),
    Delete,
    End,
}

/// What a rotation asks of its program: two closures in [`Rotate::new`], or a type of one's own.
pub trait RotationCalls {
    /// Makes a fresh challenge for a session that is opened, from a generator that nobody can foresee.
    ///
    /// # Errors
    /// Any [`Failure`]: the operation is over, nothing is sent.
    fn challenge(&mut self) -> Result<Challenge, Failure>;

    /// Stores the record ([`Rotation::to_bytes`]) before it answers.
    ///
    /// # Errors
    /// Any [`Failure`]: the operation is over, nothing is sent.
    fn persist(&mut self, rotation: &Rotation) -> Result<(), Failure>;
}

impl<R, P> RotationCalls for (R, P)
where
    R: FnMut() -> Result<Challenge, Failure>,
    P: FnMut(&Rotation) -> Result<(), Failure>,
{
    fn challenge(&mut self) -> Result<Challenge, Failure> {
        (self.0)()
    }

    fn persist(&mut self, rotation: &Rotation) -> Result<(), Failure> {
        (self.1)(rotation)
    }
}

impl<'a, R, P> Rotate<'a, (R, P)>
where
    R: FnMut() -> Result<Challenge, Failure>,
    P: FnMut(&Rotation) -> Result<(), Failure>,
{
    /// Goes on with `rotation` from the old keys to the new ones.
    pub const fn new(
        rotation: Rotation,
        old: &'a StaticKeys,
        new: &'a StaticKeys,
        level: SecurityLevel,
        random: R,
        persist: P,
    ) -> Self {
        Self::with_calls(rotation, old, new, level, (random, persist))
    }
}

impl<'a, C: RotationCalls> Rotate<'a, C> {
    /// As [`new`](Self::new), with both calls in one type.
    pub const fn with_calls(
        rotation: Rotation,
        old: &'a StaticKeys,
        new: &'a StaticKeys,
        level: SecurityLevel,
        calls: C,
    ) -> Self {
        let (form, proof) = (BlockForm::WithLength, DekProof::Dek);
        Self { rotation, old, new, level, form, proof, calls, action: Action::Start, put: false }
    }

    /// Writes key blocks so.
    #[must_use]
    pub fn with_form(self, form: BlockForm) -> Self {
        Self { form, ..self }
    }

    /// Proves the new Key-DEK so.
    #[must_use]
    pub fn with_proof(self, proof: DekProof) -> Self {
        Self { proof, ..self }
    }

    /// Stores the record at its new stage.
    fn advance(&mut self, to: RotationStage) -> Result<(), Failure> {
        if to > self.rotation.stage {
            let mut advanced = self.rotation;
            advanced.advance(to)?;
            self.calls.persist(&advanced)?;
            self.rotation = advanced;
        }
        Ok(())
    }

    /// Stores the record where counting changes it.
    fn count(&mut self, set: Set, counted: impl Fn(&mut Guard) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut rotation = self.rotation;
        rotation.count(set, counted)?;
        if rotation != self.rotation {
            self.calls.persist(&rotation)?;
            self.rotation = rotation;
        }
        Ok(())
    }

    /// A session to be opened, counted and stored as an attempt that has failed until the card says otherwise.
    fn attempt(&mut self, set: Set, key_version: u8) -> Result<Handshake<'a>, Failure> {
        let mut handshake = Handshake::new(self.calls.challenge()?, self.level);
        handshake.key_version = key_version;
        self.count(set, Guard::attempt)?;
        Ok(handshake)
    }

    /// Counts what the attempt came to.
    fn noted(&mut self, set: Set, step: Result<Step, Failure>) -> Result<Step, Failure> {
        self.count(set, |guard| {
            guard.note(step);
            Ok(())
        })?;
        step
    }

    fn open_old(&mut self) -> Result<Action<'a>, Failure> {
        // An initial set that is listed as FF is reached as the first one.
        let version = if self.rotation.old_version == 0xFF { 0 } else { self.rotation.old_version };
        Ok(Action::OpenOld(self.attempt(Set::Old, version)?))
    }

    fn open_new(&mut self) -> Result<Action<'a>, Failure> {
        Ok(Action::OpenNew(self.attempt(Set::New, self.rotation.new_version)?))
    }

    /// Where this run begins.
    fn first(&mut self) -> Result<Action<'a>, Failure> {
        if !self.level.has_c_decryption() {
            return Err(Failure::Channel(Error::Level));
        }
        if !self.rotation.fits(self.new) {
            return Err(Failure::OtherKeys);
        }
        self.rotation.check()?;
        match self.rotation.stage {
            RotationStage::Prepared => self.open_old(),
            RotationStage::Sent | RotationStage::Stored | RotationStage::Proved => self.open_new(),
            RotationStage::Finished => Err(Failure::State),
        }
    }

    /// May the card still be without the new set?
    const fn is_probing(&self) -> bool {
        matches!(self.rotation.stage, RotationStage::Sent | RotationStage::Stored) && !self.put
    }

    fn put_keys(&self) -> PutKeys<'a, &'a Key> {
        let Rotation { old_version, new_version, replace, .. } = self.rotation;
        let (keys, dek) = (NewKeys::Set(self.new), self.old.dek());
        let put = if replace {
            PutKeys::replace(old_version, new_version, keys, dek)
        } else {
            PutKeys::add(new_version, keys, dek)
        };
        put.with_form(self.form)
    }

    /// What comes when the session with the new set is open.
    fn after_opening(&mut self) -> Result<Action<'a>, Failure> {
        let (version, dek) = (self.rotation.new_version, self.new.dek());
        let proof = match self.proof {
            _ if self.rotation.stage >= RotationStage::Proved => return Ok(Action::Delete),
            DekProof::Dek => PutKeys::replace(version, version, NewKeys::Aes(dek), dek).with_first_id(3),
            DekProof::Set => PutKeys::replace(version, version, NewKeys::Set(self.new), dek),
            DekProof::None => return self.proved(),
        };
        Ok(Action::Prove(proof.with_form(self.form)))
    }

    /// The commit.
    fn proved(&mut self) -> Result<Action<'a>, Failure> {
        self.advance(RotationStage::Proved)?;
        Ok(if self.rotation.is_finished() { Action::End } else { Action::Delete })
    }

    fn next_step(&mut self, action: Action<'a>) -> Step {
        let step = if matches!(action, Action::End) { Step::Done } else { Step::Again };
        self.action = action;
        step
    }
}

impl<C: RotationCalls> Task for Rotate<'_, C> {
    type Output<'r> = Rotation;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        if matches!(self.action, Action::Start) {
            self.action = self.first()?;
        }
        let (old, new) = (self.old, self.new);
        let opened = match &mut self.action {
            Action::OpenOld(handshake) => return handshake.command(draft, |_| Ok(old)),
            Action::OpenNew(handshake) => handshake.command(draft, |_| Ok(new)),
            Action::Put(_) => {
                self.advance(RotationStage::Sent)?;
                self.put = true;
                let Action::Put(put) = &mut self.action else { return Err(Failure::State) };
                return put.command(draft);
            }
            Action::Prove(put) => return put.command(draft),
            Action::Delete => {
                let old_version = Some(self.rotation.old_version);
                return delete::write(draft, &Delete::Keys(DeleteKeys { id: None, version: old_version }));
            }
            Action::Start | Action::End => return Err(Failure::State),
        };
        match opened {
            // The version is there, with other keys: the old ones, as long as the replacement has not come through.
            Err(Failure::Channel(Error::CardCryptogram)) if self.is_probing() => {
                let mut action = self.open_old()?;
                let Action::OpenOld(handshake) = &mut action else { return Err(Failure::State) };
                let cover = handshake.command(draft, |_| Ok(old));
                self.action = action;
                cover
            }
            opened => opened,
        }
    }

    fn reply(&mut self, reply: Reply<'_>, slot: &mut Slot) -> Result<Step, Failure> {
        let probing = self.is_probing();
        let action = match &mut self.action {
            Action::OpenOld(handshake) => {
                let step = handshake.reply(reply, slot);
                match self.noted(Set::Old, step)? {
                    Step::Done => Action::Put(self.put_keys()),
                    step => return Ok(step),
                }
            }
            Action::OpenNew(handshake) => {
                let step = handshake.reply(reply, slot);
                match self.noted(Set::New, step) {
                    Ok(Step::Done) => self.after_opening()?,
                    // The card has no such version: PUT KEY has not come through.
                    Err(Failure::Refused(refusal)) if probing && refusal == NO_SUCH_VERSION => self.open_old()?,
                    step => return step,
                }
            }
            Action::Put(put) => {
                put.reply(reply, slot)?;
                self.advance(RotationStage::Stored)?;
                self.open_new()?
            }
            Action::Prove(put) => {
                put.reply(reply, slot)?;
                self.proved()?
            }
            Action::Delete => {
                match accepted(ins::DELETE, reply) {
                    // Gone already: an interrupted run had come so far.
                    Ok(_) | Err(Failure::Refused(Refusal { status: StatusWord::REFERENCED_DATA_NOT_FOUND, .. })) => {}
                    Err(failure) => return Err(failure),
                }
                self.advance(RotationStage::Finished)?;
                Action::End
            }
            Action::Start | Action::End => return Err(Failure::State),
        };
        Ok(self.next_step(action))
    }

    fn output(self, _: &[u8]) -> Result<Rotation, Failure> {
        Ok(self.rotation)
    }
}

const NO_SUCH_VERSION: Refusal = Refusal::new(ins::INITIALIZE_UPDATE, StatusWord::REFERENCED_DATA_NOT_FOUND);

impl<C> fmt::Debug for Rotate<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotate").field("rotation", &self.rotation).field("level", &self.level).finish_non_exhaustive()
    }
}
