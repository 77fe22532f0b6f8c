//! SET STATUS on the card (GPCS 5, 9.6, 11.10): the life cycles of the card, of applications and of security domains.
//!
//! Who may ask is looked up in the tables of [`lifecycle`](crate::lifecycle). What no table has is refused with `6985`,
//! what this security domain may not ask for with `6982`.

use gp_apdu::StatusWord;

use crate::aid::Aid;
use crate::card::install::body_status;
use crate::card::platform::{Apdu, Applets, Platform};
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
        Ok(0)
    }

    fn set_card_state(&mut self, domain: Index, wanted: u8) -> Result<(), StatusWord> {
        let wanted = CardLifeCycle::from_octet(wanted).ok_or(StatusWord::INCORRECT_P1_P2)?;
        let now = self.life_cycle();
        if !now.may_become(wanted, ANYBODY) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        if !now.may_become(wanted, self.actors(domain)) {
            return Err(StatusWord::SECURITY_STATUS);
        }
        self.commit(|_, emit| emit(Change::State(Index::ISD, wanted.octet())))?;
        if matches!(wanted, CardLifeCycle::CardLocked | CardLifeCycle::Terminated) {
            // Content changes stop at once; what is selected stays until its session ends (GPCS 9.6.3, 9.6.4).
            if let Some(loading) = self.load.as_ref().map(|load| load.channel) {
                self.abort_load(loading);
            }
        }
        Ok(())
    }

    /// What this security domain is to the card, by its privileges.
    fn actors(&self, domain: Index) -> Actors {
        let privileges = self.memory.registry.entry(domain).map_or(Privileges::NONE, |entry| entry.privileges);
        let by = [
            (domain == Index::ISD, Actors::CARD_STATE),
            (privileges.contains(Privileges::CARD_LOCK), Actors::CARD_LOCK_DOMAIN),
            (privileges.contains(Privileges::CARD_TERMINATE), Actors::CARD_TERMINATE),
        ];
        by.into_iter().filter(|(held, _)| *held).fold(Actors::NONE, |all, (_, actor)| all.with(actor))
    }

    /// What this security domain is to another entry, or to itself; nothing is `6982`.
    fn relation(&self, domain: Index, target: Index) -> Result<Actors, StatusWord> {
        let registry = &*self.memory.registry;
        if target == domain {
            return Ok(Actors::ITSELF);
        }
        let privileges = registry.entry(domain).map_or(Privileges::NONE, |entry| entry.privileges);
        let by = [
            (registry.is_below(target, domain), Actors::DOMAIN_ABOVE),
            (privileges.contains(Privileges::GLOBAL_LOCK), Actors::GLOBAL_LOCK),
        ];
        let actors = by.into_iter().filter(|(held, _)| *held).fold(Actors::NONE, |all, (_, actor)| all.with(actor));
        if actors == Actors::NONE { Err(StatusWord::SECURITY_STATUS) } else { Ok(actors) }
    }

    fn set_application_state(&mut self, domain: Index, aid: &Aid, wanted: u8) -> Result<(), StatusWord> {
        let (index, entry) = self.application(aid)?;
        let actors = self.relation(domain, index)?;
        let state = if index == domain && wanted & LOCK == 0 {
            // A security domain sets its own state; it has no way to unlock itself.
            let state = SecurityDomainLifeCycle::from_octet(wanted).ok_or(StatusWord::INCORRECT_P1_P2)?;
            if !may_become(&entry, state.octet(), actors) {
                return Err(StatusWord::CONDITIONS_OF_USE);
            }
            state.octet()
        } else {
            // Of another one b8 alone counts.
            self.locked_or_not(&entry, wanted & LOCK != 0, actors)?.ok_or(StatusWord::CONDITIONS_OF_USE)?
        };
        self.commit(|_, emit| emit(Change::State(index, state)))
    }

    /// Locks or unlocks a security domain and all below it. Who is in the wanted state already stays as it is.
    fn lock_tree(&mut self, domain: Index, aid: &Aid, lock: bool) -> Result<(), StatusWord> {
        let (top, entry) = self.application(aid)?;
        if !entry.is_domain() {
            return Err(StatusWord::WRONG_DATA);
        }
        let actors = self.relation(domain, top)?;
        let registry = &*self.memory.registry;
        let below = |registry: &[RegistryEntry], index, entry: &RegistryEntry| {
            entry.is_application() && registry.is_below(index, top)
        };
        let mut changes = false;
        for (index, entry) in registry.entries().filter(|(index, entry)| below(registry, *index, entry)) {
            // Seen from itself, what is below it has a domain above.
            let actors = if index == domain { actors } else { actors.with(Actors::DOMAIN_ABOVE) };
            changes |= self.locked_or_not(entry, lock, actors)?.is_some();
        }
        if !changes {
            return Ok(());
        }
        self.commit(|_, emit| emit(Change::LockTree(top, lock)))
    }

    /// An application or security domain beside the ISD, whose state is the card's.
    fn application(&self, aid: &Aid) -> Result<(Index, RegistryEntry), StatusWord> {
        let found = self.memory.registry.find(aid);
        let found = found.filter(|(index, entry)| *index != Index::ISD && entry.is_application());
        found.map(|(index, entry)| (index, *entry)).ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)
    }

    /// The state after locking or unlocking; `None` where the entry is as wanted already.
    fn locked_or_not(&self, entry: &RegistryEntry, lock: bool, actors: Actors) -> Result<Option<u8>, StatusWord> {
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
