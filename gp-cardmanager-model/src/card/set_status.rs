//! SET STATUS on the card (GPCS 5, 9.6, 11.10): the life cycles of the card, of applications and of security domains.
//!
//! Who may ask is looked up in the tables of [`lifecycle`](crate::lifecycle). What no table has is refused with `6985`,
//! what this security domain may not ask for with `6982`.

use gp_apdu::StatusWord;

use crate::aid::Aid;
use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::books::Books;
use crate::card::install::body_status;
use crate::card::load::Load;
use crate::card::platform::Platform;
use crate::card::registry::{Index, LOCK, Registry, RegistryEntry};
use crate::card::storage::Storage;
use crate::card::transaction::Change;
use crate::card::{Answer, Card};
use crate::lifecycle::{Actors, ApplicationLifeCycle, CardLifeCycle, SecurityDomainLifeCycle};
use crate::privileges::Privileges;
use crate::set_status::{SetStatus, Target};

/// Everybody who may ask for anything: what even these may not do does not exist.
const ANYBODY: Actors = Actors::OPEN
    .with(Actors::CARD_STATE)
    .with(Actors::CARD_LOCK_DOMAIN)
    .with(Actors::CARD_LOCK_APPLICATION)
    .with(Actors::CARD_TERMINATE)
    .with(Actors::ITSELF)
    .with(Actors::DOMAIN_ABOVE)
    .with(Actors::GLOBAL_LOCK);

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    /// SET STATUS: needs a session. No answer but the status word.
    pub(super) fn set_status(&mut self, domain: Index, apdu: &Apdu<'_>) -> Answer {
        if apdu.level().is_none() {
            return Err(StatusWord::SECURITY_STATUS);
        }
        let header = apdu.header();
        let command = SetStatus::parse(header.p1, header.p2, apdu.data()).map_err(body_status)?;
        match command.target {
            Target::Card => self.set_card_state(domain, command.state)?,
            Target::Application(aid) => self.set_application_state(domain, &aid, command.state)?,
            Target::SubTree(aid) => self.lock_tree(domain, &aid, command.state & LOCK != 0)?,
        }
        self.stop_content_changes();
        Ok(0)
    }

    fn set_card_state(&mut self, domain: Index, wanted: u8) -> Result<(), StatusWord> {
        let wanted = CardLifeCycle::from_octet(wanted).ok_or(StatusWord::INCORRECT_P1_P2)?;
        set_card_state(&mut self.books(), domain, wanted)
    }

    /// On a card that was locked or terminated content changes stop at once, and so do those of a security domain that was
    /// locked, or whose session stands on the keys of such a one; what is selected stays until its session ends (GPCS 5.3.2.4, 9.6.3, 9.6.4).
    pub(super) fn stop_content_changes(&mut self) {
        let stops =
            |load: &&Load| !self.is_usable() || self.is_locked(load.domain) || self.stands_on_locked(load.channel);
        if let Some(loading) = self.load.as_ref().filter(stops).map(|load| load.channel) {
            self.abort_load(loading);
        }
    }

    fn set_application_state(&mut self, domain: Index, aid: &Aid, wanted: u8) -> Result<(), StatusWord> {
        let (index, _) = application(self.memory.registry, aid)?;
        if index == domain && wanted & LOCK == 0 {
            // A security domain sets its own state; it has no way to unlock itself.
            SecurityDomainLifeCycle::from_octet(wanted).ok_or(StatusWord::INCORRECT_P1_P2)?;
            set_own_state(&mut self.books(), domain, wanted)
        } else {
            // Of another one b8 alone counts.
            let actors = relation(self.memory.registry, domain, index)?;
            lock_by(&mut self.books(), index, wanted & LOCK != 0, actors)
        }
    }

    /// Locks or unlocks a security domain and all below it. Who is in the wanted state already stays as it is.
    fn lock_tree(&mut self, domain: Index, aid: &Aid, lock: bool) -> Result<(), StatusWord> {
        let registry = &*self.memory.registry;
        let (top, entry) = application(registry, aid)?;
        if !entry.is_domain() {
            return Err(StatusWord::WRONG_DATA);
        }
        let actors = relation(registry, domain, top)?;
        let mut changes = false;
        let below = |index, entry: &RegistryEntry| entry.is_application() && registry.is_below(index, top);
        for (index, entry) in registry.entries().filter(|(index, entry)| below(*index, entry)) {
            // Seen from itself, what is below it has a domain above.
            let actors = if index == domain { actors } else { actors.with(Actors::DOMAIN_ABOVE) };
            changes |= locked_or_not(entry, lock, actors)?.is_some();
        }
        if !changes {
            return Ok(());
        }
        self.commit(|_, emit| emit(Change::LockTree(top, lock)))
    }
}

/// Brings the card into another state, at the wish of a security domain or an application.
pub(super) fn set_card_state<S: Storage>(
    books: &mut Books<'_, '_, S>,
    by: Index,
    wanted: CardLifeCycle,
) -> Result<(), StatusWord> {
    let now = books.life_cycle();
    if !now.may_become(wanted, ANYBODY) {
        return Err(StatusWord::CONDITIONS_OF_USE);
    }
    if !now.may_become(wanted, actors(books.memory.registry, by)) {
        return Err(StatusWord::SECURITY_STATUS);
    }
    books.commit(&|_, emit| emit(Change::State(Index::ISD, wanted.octet())))
}

/// Brings an application or a security domain into another state, at its own wish.
pub(super) fn set_own_state<S: Storage>(
    books: &mut Books<'_, '_, S>,
    index: Index,
    wanted: u8,
) -> Result<(), StatusWord> {
    let entry = books.memory.registry.entry(index).filter(|_| index != Index::ISD);
    let entry = entry.ok_or(StatusWord::CONDITIONS_OF_USE)?;
    let coded = if entry.is_domain() {
        SecurityDomainLifeCycle::from_octet(wanted).is_some()
    } else {
        ApplicationLifeCycle::from_octet(wanted).is_some()
    };
    if !coded {
        return Err(StatusWord::WRONG_DATA);
    }
    if wanted & LOCK != 0 {
        return lock_by(books, index, true, Actors::ITSELF);
    }
    if !may_become(entry, wanted, Actors::ITSELF) {
        return Err(StatusWord::CONDITIONS_OF_USE);
    }
    books.commit(&|_, emit| emit(Change::State(index, wanted)))
}

/// Locks or unlocks another one by Global Lock.
pub(super) fn lock<S: Storage>(
    books: &mut Books<'_, '_, S>,
    by: Index,
    aid: &Aid,
    wanted: bool,
) -> Result<(), StatusWord> {
    let registry = &*books.memory.registry;
    let (index, _) = application(registry, aid)?;
    let held = registry.entry(by).is_some_and(|entry| entry.privileges.contains(Privileges::GLOBAL_LOCK));
    if !held || index == by {
        return Err(StatusWord::SECURITY_STATUS);
    }
    lock_by(books, index, wanted, Actors::GLOBAL_LOCK)
}

/// Locks or unlocks it at the wish of these actors.
fn lock_by<S: Storage>(
    books: &mut Books<'_, '_, S>,
    index: Index,
    wanted: bool,
    actors: Actors,
) -> Result<(), StatusWord> {
    let entry = books.memory.registry.entry(index).ok_or(StatusWord::CONDITIONS_OF_USE)?;
    let state = locked_or_not(entry, wanted, actors)?.ok_or(StatusWord::CONDITIONS_OF_USE)?;
    books.commit(&|_, emit| emit(Change::State(index, state)))
}

/// What it is to the card, by its privileges.
fn actors(registry: &[RegistryEntry], by: Index) -> Actors {
    let Some(entry) = registry.entry(by) else { return Actors::NONE };
    let locks = if entry.is_domain() { Actors::CARD_LOCK_DOMAIN } else { Actors::CARD_LOCK_APPLICATION };
    let all = [
        (by == Index::ISD, Actors::CARD_STATE),
        (entry.privileges.contains(Privileges::CARD_LOCK), locks),
        (entry.privileges.contains(Privileges::CARD_TERMINATE), Actors::CARD_TERMINATE),
    ];
    together(&all)
}

/// What a security domain is to another entry, or to itself; nothing is `6982`.
fn relation(registry: &[RegistryEntry], domain: Index, target: Index) -> Result<Actors, StatusWord> {
    if target == domain {
        return Ok(Actors::ITSELF);
    }
    let privileges = registry.entry(domain).map_or(Privileges::NONE, |entry| entry.privileges);
    let actors = together(&[
        (registry.is_below(target, domain), Actors::DOMAIN_ABOVE),
        (privileges.contains(Privileges::GLOBAL_LOCK), Actors::GLOBAL_LOCK),
    ]);
    if actors == Actors::NONE { Err(StatusWord::SECURITY_STATUS) } else { Ok(actors) }
}

fn together(actors: &[(bool, Actors)]) -> Actors {
    actors.iter().filter(|(held, _)| *held).fold(Actors::NONE, |all, (_, actor)| all.with(*actor))
}

/// An application or security domain beside the ISD, whose state is the card's.
fn application<'r>(registry: &'r [RegistryEntry], aid: &Aid) -> Result<(Index, &'r RegistryEntry), StatusWord> {
    let found = registry.find(aid).filter(|(index, entry)| *index != Index::ISD && entry.is_application());
    found.ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)
}

/// The state after locking or unlocking; `None` where the entry is as wanted already.
fn locked_or_not(entry: &RegistryEntry, lock: bool, actors: Actors) -> Result<Option<u8>, StatusWord> {
    if entry.is_locked() == lock {
        return Ok(None);
    }
    let state = entry.state ^ LOCK;
    // Somebody must be left who answers on a locked card.
    let kept = lock && entry.privileges.contains(Privileges::FINAL_APPLICATION);
    if kept || !may_become(entry, state, actors) {
        return Err(StatusWord::CONDITIONS_OF_USE);
    }
    Ok(Some(state))
}

/// Does the life cycle of this entry's kind allow the step?
fn may_become(entry: &RegistryEntry, wanted: u8, actors: Actors) -> bool {
    if entry.is_domain() {
        let states = SecurityDomainLifeCycle::from_octet(entry.state).zip(SecurityDomainLifeCycle::from_octet(wanted));
        states.is_some_and(|(from, to)| from.may_become(to, actors))
    } else {
        let states = ApplicationLifeCycle::from_octet(entry.state).zip(ApplicationLifeCycle::from_octet(wanted));
        states.is_some_and(|(from, to)| from.may_become(to, actors))
    }
}
