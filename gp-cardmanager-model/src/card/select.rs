//! SELECT by name on the card: searching, implicit rules, FCI (GPCS 6.4.2, 6.4.3, 11.9).

use gp_apdu::{LogicalChannel, StatusWord};
use gp_tlv::Writer;

use crate::aid::Aid;
use crate::card::platform::{Apdu, Applets, Platform};
use crate::card::registry::{INSTALLED, Index, Registry, RegistryEntry};
use crate::card::storage::Storage;
use crate::card::{Answer, Card, handle};
use crate::fci::Fci;
use crate::lifecycle::CardLifeCycle;
use crate::privileges::Privileges;

/// P2: the first or only occurrence.
const FIRST: u8 = 0x00;
/// P2: the next occurrence.
const NEXT: u8 = 0x02;

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    /// SELECT with P1 = 04. Selecting, also selecting again what is selected, ends the application session and the
    /// secure channel of the channel; a SELECT that finds nothing changes nothing.
    pub(super) fn select(&mut self, channel: LogicalChannel, apdu: &mut Apdu<'_>) -> Answer {
        let header = apdu.header();
        if header.cla.is_protected() {
            return Err(StatusWord::SECURE_MESSAGING_NOT_SUPPORTED);
        }
        let next = match header.p2 {
            FIRST => false,
            NEXT => true,
            _ => return Err(StatusWord::INCORRECT_P1_P2),
        };
        // At most an AID: more octets are the prefix of none.
        let mut wanted = [0; Aid::MAX];
        let length = apdu.data().len();
        let wanted = match wanted.get_mut(..length) {
            Some(room) => {
                room.copy_from_slice(apdu.data());
                &*room
            }
            None => return Err(StatusWord::FILE_NOT_FOUND),
        };
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
                Err(_) => from = Index(index.0.saturating_add(1)),
            }
        }
        // The command of a failed search belongs to what is selected, which may know such a name itself.
        match self.selected(channel) {
            Some((index, entry)) if !next && !entry.is_domain() => self.applets.process(handle(index, &entry), apdu),
            _ => Err(StatusWord::FILE_NOT_FOUND),
        }
    }

    /// The first entry from `from` on that may be selected by this name: neither INSTALLED nor LOCKED, no load file, no module.
    fn search(&self, wanted: &[u8], from: Index) -> Option<(Index, RegistryEntry)> {
        let isd_by_alias = |index| {
            index == Index::ISD
                && (wanted.is_empty() || self.profile.aliases.iter().any(|alias| alias.as_bytes() == wanted))
        };
        let found = self.memory.registry.entries().filter(|(index, _)| *index >= from).find(|(index, entry)| {
            let selectable = *index == Index::ISD || (entry.state != INSTALLED && !entry.is_locked());
            entry.is_application()
                && selectable
                && (isd_by_alias(*index) || (!wanted.is_empty() && entry.aid.matches_prefix(wanted)))
        });
        found.map(|(index, entry)| (index, *entry))
    }

    /// On a locked card only the holder of Final Application answers, with `6283`; on a terminated one nobody (GPCS 9.6.3, 9.6.4).
    fn select_locked(&mut self, channel: LogicalChannel, wanted: &[u8], apdu: &mut Apdu<'_>) -> Answer {
        if channel != LogicalChannel::BASIC {
            if let Some(channel) = self.channel_mut(channel) {
                channel.end_session();
                channel.open = false;
                channel.selected = None;
            }
            return Err(StatusWord::FUNCTION_NOT_SUPPORTED);
        }
        let holder = self.memory.registry.holder(Privileges::FINAL_APPLICATION);
        let named = |index: Index, entry: &RegistryEntry| {
            (wanted.is_empty() && index == Index::ISD) || (!wanted.is_empty() && entry.aid.matches_prefix(wanted))
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
        let own = if entry.is_domain() { 0 } else { self.applets.select(handle(index, entry), apdu)? };
        let before = self.selected(channel).filter(|(before, _)| *before != index);
        if let Some((before, entry)) = before.filter(|(_, entry)| !entry.is_domain()) {
            self.applets.deselect(handle(before, &entry));
        }
        // Selecting a security domain again ends the personalisation that it forwards elsewhere (GPCS 11.11.2).
        for other in self.memory.channels.iter_mut().filter(|other| other.selected == Some(index)) {
            other.end_personalization();
        }
        let at = self.channel_mut(channel).ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?;
        at.end_session();
        at.selected = Some(index);
        if entry.is_domain() { self.write_fci(index, entry, apdu) } else { Ok(own) }
    }

    /// The FCI of a security domain.
    fn write_fci(&self, index: Index, entry: &RegistryEntry, apdu: &mut Apdu<'_>) -> Answer {
        let fci =
            Fci { name: entry.aid.as_bytes(), max_command_data: Some(self.profile.max_command_data), ..Fci::default() };
        let mut writer = Writer::new(apdu.answer());
        self.with_management_data(index, |data| fci.emit_with(&mut writer, data)).map_err(|_| StatusWord::UNKNOWN)?;
        Ok(writer.len())
    }
}
