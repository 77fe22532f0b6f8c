//! MANAGE CHANNEL on the card (GPCS 6.4.2, 6.4.3, 11.7): opens and closes supplementary logical channels.
//!
//! ```text
//!  opened from channel 0       what is implicitly selectable on the new channel, else on channel 0
//!  opened from another one     what is selected there
//! ```
//! The card has one interface, that of contacts.

use gp_apdu::{LogicalChannel, SecureMessaging, StatusWord};

use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::install::body_status;
use crate::card::platform::Platform;
use crate::card::registry::{Index, Registry, RegistryEntry};
use crate::card::storage::Storage;
use crate::card::{Answer, Card, handle};
use crate::manage_channel::ManageChannel;

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    /// MANAGE CHANNEL, never under secure messaging. A channel opens with an application or stays closed.
    pub(super) fn manage_channel(&mut self, channel: LogicalChannel, apdu: &mut Apdu<'_>) -> Answer {
        let header = apdu.header();
        if header.cla.secure_messaging() != SecureMessaging::None {
            return Err(StatusWord::SECURE_MESSAGING_NOT_SUPPORTED);
        }
        match ManageChannel::parse(header.p1, header.p2).map_err(body_status)? {
            ManageChannel::OpenAny => {
                let closed = (0_u8..).zip(self.memory.channels.iter()).find(|(_, channel)| !channel.open);
                let new = closed.and_then(|(number, _)| LogicalChannel::new(number));
                let new = new.ok_or(StatusWord::FUNCTION_NOT_SUPPORTED)?;
                self.open_channel(channel, new, apdu)?;
                apdu.respond(&[new.number()])
            }
            ManageChannel::Open(new) => {
                match self.channel(new) {
                    None => return Err(StatusWord::CHANNEL_NOT_SUPPORTED),
                    Some(new) if new.open => return Err(StatusWord::FUNCTION_NOT_SUPPORTED),
                    Some(_) => {}
                }
                self.open_channel(channel, new, apdu)?;
                Ok(0)
            }
            ManageChannel::Close(old) => self.close_channel(old, apdu),
        }
    }

    fn open_channel(
        &mut self,
        from: LogicalChannel,
        new: LogicalChannel,
        apdu: &mut Apdu<'_>,
    ) -> Result<(), StatusWord> {
        if !self.is_usable() {
            return Err(StatusWord::FUNCTION_NOT_SUPPORTED);
        }
        let selected = if from == LogicalChannel::BASIC {
            self.implicit_on(new)
        } else {
            self.channel(from).and_then(|from| from.selected)
        };
        if let Some((index, entry)) = selected.and_then(|index| Some((index, *self.memory.registry.entry(index)?))) {
            // One that was locked while it was selected stays where it is, and is selected nowhere else.
            if entry.is_locked() || self.is_barred(new, index, &entry) {
                return Err(StatusWord::CONDITIONS_OF_USE);
            }
            if !entry.is_domain() {
                self.call(A::select, handle(index, &entry), None, apdu).map_err(|_| StatusWord::SELECTION_FAILED)?;
                // Its warning is about itself, not about the channel.
                apdu.restore(&[]);
                if !self.is_usable() {
                    // It has locked the card, or ended it.
                    self.applets.deselect(handle(index, &entry));
                    return Err(StatusWord::FUNCTION_NOT_SUPPORTED);
                }
            }
        }
        if let Some(index) = selected {
            self.end_personalizations(index);
        }
        let at = self.channel_mut(new).ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?;
        at.end_session();
        at.open = true;
        at.selected = selected;
        Ok(())
    }

    /// Closes a channel: the application session on it ends.
    pub(super) fn close_channel(&mut self, old: LogicalChannel, apdu: &mut Apdu<'_>) -> Answer {
        let selected = self.selected(old);
        self.drop_unfinished(old);
        let at = self.channel_mut(old).ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?;
        if !at.open {
            apdu.warn(StatusWord::CHANNEL_ALREADY_CLOSED);
            return Ok(0);
        }
        at.end_session();
        at.open = false;
        at.selected = None;
        if let Some((index, entry)) = selected.filter(|(_, entry)| !entry.is_domain()) {
            self.applets.deselect(handle(index, &entry));
        }
        Ok(0)
    }

    /// May the application not be selected on this channel, because it or another one of its load file is selected on another
    /// and the code cannot be selected twice? Security domains always can (GPCS 6.4).
    pub(super) fn is_barred(&self, channel: LogicalChannel, index: Index, entry: &RegistryEntry) -> bool {
        if entry.is_domain() || self.applets.multi_selectable(handle(index, entry)) {
            return false;
        }
        (0_u8..).zip(self.memory.channels.iter()).any(|(number, other)| {
            let selected = other.selected.filter(|_| other.open && number != channel.number());
            selected.is_some_and(|selected| {
                let file = self.memory.registry.entry(selected).and_then(|other| other.file);
                selected == index || (file.is_some() && file == entry.file)
            })
        })
    }
}
