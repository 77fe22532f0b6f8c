//! SELECT by name on the card: searching, implicit rules, FCI (GPCS 6.4.2, 6.4.3, 11.9).

use gp_apdu::{Class, Header, LogicalChannel, SecureMessaging, StatusWord, ins};
use gp_tlv::Writer;

use crate::aid::Aid;
use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::channel::Channel;
use crate::card::deviations::{Deviation, rewrite};
use crate::card::platform::Platform;
use crate::card::registry::{INSTALLED, Index, Registry, RegistryEntry};
use crate::card::storage::Storage;
use crate::card::{Answer, Card, MIN_BUFFER, handle};
use crate::fci::Fci;
use crate::install::ImplicitSlots;
use crate::lifecycle::CardLifeCycle;
use crate::privileges::Privileges;

/// SELECT by name, as an application sees it that is selected without one.
const SELECT: Header = Header { cla: Class::ISO, ins: ins::SELECT, p1: 0x04, p2: FIRST };

/// P2: the first or only occurrence.
const FIRST: u8 = 0x00;
/// P2: the next occurrence.
const NEXT: u8 = 0x02;

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    /// SELECT with P1 = 04. Selecting, also selecting again what is selected, ends the application session and the
    /// secure channel of the channel; a SELECT that finds nothing changes nothing.
    pub(super) fn select(&mut self, channel: LogicalChannel, apdu: &mut Apdu<'_>) -> Answer {
        let header = apdu.header();
        if header.cla.secure_messaging() != SecureMessaging::None {
            return Err(StatusWord::SECURE_MESSAGING_NOT_SUPPORTED);
        }
        let next = match header.p2 {
            FIRST => false,
            NEXT => true,
            _ => return Err(StatusWord::INCORRECT_P1_P2),
        };
        if apdu.data().is_empty() {
            if self.deviates(Deviation::EmptySelectNotFound) {
                return Err(StatusWord::FILE_NOT_FOUND);
            }
            if self.deviates(Deviation::EmptySelectWrongLc) {
                // Lc inconsistent with P1 P2 (ISO 7816-4 table 6).
                return Err(StatusWord(0x6A87));
            }
        }
        // One octet more than an AID is the prefix of none, and so is all that is longer.
        let mut wanted = [0; Aid::MAX.saturating_add(1)];
        wanted.iter_mut().zip(apdu.data()).for_each(|(to, from)| *to = *from);
        let wanted = wanted.get(..apdu.data().len().min(wanted.len())).unwrap_or_default();
        match self.life_cycle() {
            CardLifeCycle::CardLocked | CardLifeCycle::Terminated => return self.select_locked(channel, wanted, apdu),
            _ => {}
        }
        let current = self.channel(channel).ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?;
        let mut from = match (next, current.selected) {
            (false, _) => Index::ISD,
            (true, Some(selected)) if current.searching => Index(selected.0.saturating_add(1)),
            (true, _) => return Err(StatusWord::FILE_NOT_FOUND),
        };
        while let Some((index, entry)) = self.search(wanted, from) {
            match self.enter(channel, index, &entry, apdu) {
                Ok(length) => {
                    if let Some(channel) = self.channel_mut(channel) {
                        channel.searching = !wanted.is_empty();
                    }
                    return Ok(length);
                }
                // An application that refuses to be selected is passed over.
                Err(_) => {
                    apdu.restore(wanted);
                    from = Index(index.0.saturating_add(1));
                    if !self.is_usable() {
                        // It has locked the card, or ended it.
                        return self.select_locked(channel, wanted, apdu);
                    }
                }
            }
        }
        if !next && self.leave_locked(channel, wanted) {
            return Err(StatusWord::FILE_NOT_FOUND);
        }
        // The command of a failed search belongs to what is selected, which may know such a name itself.
        match self.selected(channel) {
            Some((index, entry)) if !next && !entry.is_domain() => {
                self.call(A::process, handle(index, &entry), None, apdu)
            }
            _ => Err(StatusWord::FILE_NOT_FOUND),
        }
    }

    /// One that was locked while it was selected and is named again is found by nobody: its session ends, and what is
    /// implicitly selectable takes its place.
    fn leave_locked(&mut self, channel: LogicalChannel, wanted: &[u8]) -> bool {
        let locked =
            |entry: &RegistryEntry| entry.is_locked() && !wanted.is_empty() && entry.aid.matches_prefix(wanted);
        let Some((index, entry)) = self.selected(channel).filter(|(_, entry)| locked(entry)) else { return false };
        self.drop_unfinished(channel);
        if let Some(at) = self.channel_mut(channel) {
            at.end_session();
            at.selected = None;
        }
        if !entry.is_domain() {
            self.applets.deselect(handle(index, &entry));
        }
        self.select_implicitly(channel);
        true
    }

    /// Selects what is implicitly selectable on a channel on which nothing is: nobody, where that one refuses.
    pub(super) fn select_implicitly(&mut self, channel: LogicalChannel) {
        // Another one's turn comes where the first locks the card or itself in this, but only once.
        for _ in 0..2 {
            let implicit = self.implicit_on(channel);
            let entry = implicit.and_then(|index| Some((index, *self.memory.registry.entry(index)?)));
            let Some((index, entry)) = entry else { return };
            let agrees = entry.is_domain() || {
                // There is no command, and nobody gets an answer.
                let mut buffer = [0; MIN_BUFFER];
                let mut apdu = Apdu::in_place(SELECT, None, &mut buffer, 0, 0);
                apdu.set_protection(None, MIN_BUFFER);
                !self.is_barred(channel, index, &entry)
                    && self.call(A::select, handle(index, &entry), None, &mut apdu).is_ok()
            };
            if self.implicit_on(channel) == implicit {
                if let Some(at) = self.channel_mut(channel).filter(|_| agrees) {
                    at.selected = Some(index);
                    self.end_personalizations(index);
                }
                return;
            }
            if agrees {
                self.applets.deselect(handle(index, &entry));
            }
        }
    }

    /// What is implicitly selectable on a channel: who named it in `CF`, else who named the basic one, else the holder of
    /// Card Reset without `CF`, else the ISD. The holder of Final Application takes the place of one that is LOCKED, and
    /// of all on a locked or terminated card (GPCS 6.4.1.1, 6.4.2.2). Nobody, where that one is not selectable itself.
    /// The card has one interface, that of contacts.
    pub(super) fn implicit_on(&self, channel: LogicalChannel) -> Option<Index> {
        let registry = &*self.memory.registry;
        let usable = |index: &Index| {
            let entry = registry.entry(*index);
            *index == Index::ISD || entry.is_some_and(|entry| entry.state != INSTALLED && !entry.is_locked())
        };
        let last = registry.holder(Privileges::FINAL_APPLICATION).filter(usable);
        if matches!(self.life_cycle(), CardLifeCycle::CardLocked | CardLifeCycle::Terminated) {
            return last;
        }
        let slots = |entry: &RegistryEntry| entry.implicit.map(|octet| ImplicitSlots::from_octet(octet.0));
        let names = |entry: &RegistryEntry, channel: LogicalChannel| {
            slots(entry).into_iter().flatten().any(|slots| slots.contact(channel.number()))
        };
        let holder = |channel| {
            let mut entries = registry.entries();
            entries.find(|(_, entry)| entry.is_application() && names(entry, channel)).map(|(index, _)| index)
        };
        let of_reset = || {
            registry.holder(Privileges::CARD_RESET).filter(|index| {
                registry.entry(*index).is_some_and(|entry| entry.implicit.iter().all(|octet| octet.0 == 0))
            })
        };
        let implicit = holder(channel).or_else(|| holder(LogicalChannel::BASIC)).or_else(of_reset);
        Some(implicit.unwrap_or(Index::ISD)).filter(usable).or(last)
    }

    /// The first entry from `from` on that may be selected by this name: neither INSTALLED nor LOCKED, no load file, no module.
    fn search(&self, wanted: &[u8], from: Index) -> Option<(Index, RegistryEntry)> {
        let found = self.memory.registry.entries().filter(|(index, _)| *index >= from).find(|(index, entry)| {
            let selectable = *index == Index::ISD || (entry.state != INSTALLED && !entry.is_locked());
            entry.is_application()
                && selectable
                && (self.is_isd(*index, wanted) || (!wanted.is_empty() && entry.aid.matches_prefix(wanted)))
        });
        found.map(|(index, entry)| (index, *entry))
    }

    /// Is it the ISD by no name or by one of its other names?
    fn is_isd(&self, index: Index, wanted: &[u8]) -> bool {
        let alias = || self.profile.aliases.iter().any(|alias| alias.as_bytes() == wanted);
        index == Index::ISD && (wanted.is_empty() || alias())
    }

    /// On a locked card only the holder of Final Application answers, with `6283`; on a terminated one nobody (GPCS 9.6.3, 9.6.4).
    /// A supplementary channel closes.
    fn select_locked(&mut self, channel: LogicalChannel, wanted: &[u8], apdu: &mut Apdu<'_>) -> Answer {
        if channel != LogicalChannel::BASIC {
            self.close_channel(channel, apdu)?;
            return Err(StatusWord::FUNCTION_NOT_SUPPORTED);
        }
        let holder = self.memory.registry.holder(Privileges::FINAL_APPLICATION);
        let named = |index: Index, entry: &RegistryEntry| {
            self.is_isd(index, wanted) || (!wanted.is_empty() && entry.aid.matches_prefix(wanted))
        };
        match holder.and_then(|index| Some((index, *self.memory.registry.entry(index)?))) {
            Some((index, entry)) if self.life_cycle() == CardLifeCycle::CardLocked && named(index, &entry) => {
                apdu.warn(StatusWord::CARD_LOCKED);
                self.enter(channel, index, &entry, apdu)
            }
            _ => Err(StatusWord::FUNCTION_NOT_SUPPORTED),
        }
    }

    /// Makes an application the selected one of a channel and writes its FCI.
    fn enter(&mut self, channel: LogicalChannel, index: Index, entry: &RegistryEntry, apdu: &mut Apdu<'_>) -> Answer {
        if self.is_barred(channel, index, entry) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        // What can be refused comes first.
        let answer = if entry.is_domain() {
            self.write_fci(index, entry, apdu)?
        } else {
            let usable = self.is_usable();
            let answer = self.call(A::select, handle(index, entry), None, apdu)?;
            if usable != self.is_usable() || self.is_locked(index) {
                // It has locked the card or itself in this, and is selected no more than any other.
                if self.channel(channel).is_some_and(|at| at.selected != Some(index)) {
                    self.applets.deselect(handle(index, entry));
                }
                return Err(StatusWord::CONDITIONS_OF_USE);
            }
            answer
        };
        let before = self.selected(channel).filter(|(before, _)| *before != index);
        if let Some((before, entry)) = before.filter(|(_, entry)| !entry.is_domain()) {
            self.applets.deselect(handle(before, &entry));
        }
        self.end_personalizations(index);
        self.drop_unfinished(channel);
        let at = self.channel_mut(channel).ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?;
        at.end_session();
        at.selected = Some(index);
        Ok(answer)
    }

    /// Selecting a security domain ends the personalisation that it forwards on any channel (GPCS 11.11.2), but nothing that
    /// is for itself.
    pub(super) fn end_personalizations(&mut self, domain: Index) {
        let forwards = |other: &&mut Channel| other.selected == Some(domain) && other.personalizing.is_some();
        self.memory.channels.iter_mut().filter(forwards).for_each(Channel::end_personalization);
    }

    /// The FCI of a security domain.
    fn write_fci(&self, index: Index, entry: &RegistryEntry, apdu: &mut Apdu<'_>) -> Answer {
        if self.deviates(Deviation::BareAid) {
            return apdu.respond(entry.aid.as_bytes());
        }
        if self.deviates(Deviation::NoAid) {
            return apdu.respond(&rewrite::FCI_WITHOUT_AID);
        }
        let production = self.profile.production_life_cycle;
        let fci = Fci {
            name: entry.aid.as_bytes(),
            production_life_cycle: (!production.is_empty()).then_some(production),
            max_command_data: Some(self.profile.max_command_data),
            ..Fci::default()
        };
        let mut writer = Writer::new(apdu.answer());
        let mut written = self.with_management_data(index, |data| fci.emit_with(&mut writer, data));
        if written.is_err() {
            // Management data are optional: some that were stored do not fit, or have no place there.
            writer = Writer::new(apdu.answer());
            written = fci.emit(&mut writer);
        }
        written.map_err(|_| StatusWord::UNKNOWN)?;
        let length = writer.len();
        let deviations = self.profile.deviations;
        Ok(if deviations.is_none() { length } else { rewrite::fci(deviations, apdu.answer(), length) })
    }
}
