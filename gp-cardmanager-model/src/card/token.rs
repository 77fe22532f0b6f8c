//! Tokens and receipts on the card: what delegated management needs and gets (GPCS 9.1.3, C.4, C.5).
//!
//! Two security domains serve all others: the one with Token Verification, and the one with Receipt Generation. Of several
//! holders the nearest to the performing domain serves it.

use gp_apdu::StatusWord;
use gp_scp03::Key;

use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::get_data::MAX_OBJECT;
use crate::card::keys::{self, KeySlot};
use crate::card::load::is_weak;
use crate::card::platform::Platform;
use crate::card::public_key::{MAX_KEY, PublicKey, REFERENCE};
use crate::card::registry::{Index, Registry, RegistryEntry};
use crate::card::rights::{Management, serves};
use crate::card::storage::Storage;
use crate::card::transaction::Change;
use crate::card::{Answer, Card, objects};
use crate::confirmation::{Confirmation, Details};
use crate::install::ControlReference;
use crate::privileges::Privileges;
use crate::signature::{CMAC_LEN, Operation, ReceiptInput, Verifier};

/// Customary key versions (GPCS leaves them to configurations): token, receipt, DAP.
const TOKEN_KEY: u8 = 0x70;
const RECEIPT_KEY: u8 = 0x71;
pub(super) const DAP_KEY: u8 = 0x73;

/// Usage qualifiers of such keys (GPCS 11.1.9).
const TOKEN_USAGE: u16 = 0x8100;
const RECEIPT_USAGE: u16 = 0x4400;
pub(super) const DAP_USAGE: u16 = 0x8400;

/// The longest token identifier that a receipt repeats, in octets.
const MAX_IDENTIFIER: usize = 32;

/// A receipt to be made after success: its counter is spent with the operation's own change.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReceiptDue {
    holder: Index,
    counter: u16,
    number: Option<TokenNumber>,
}

/// The number of a token (`93`), which its receipt repeats.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenNumber {
    octets: [u8; MAX_IDENTIFIER],
    length: usize,
}

impl TokenNumber {
    /// The one that the control reference names, if it names any.
    ///
    /// # Errors
    /// `6A80` for a longer one than receipts hold.
    pub(super) fn of(control: Option<&ControlReference<'_>>) -> Result<Option<Self>, StatusWord> {
        let Some(number) = control.and_then(|control| control.token_number) else { return Ok(None) };
        let mut kept = Self { octets: [0; MAX_IDENTIFIER], length: number.len() };
        kept.octets.get_mut(..number.len()).ok_or(StatusWord::WRONG_DATA)?.copy_from_slice(number);
        Ok(Some(kept))
    }

    fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

impl ReceiptDue {
    /// The change that goes with the operation, so that a counter is never used twice whatever happens to the power.
    pub(super) fn change(&self) -> Change<'static> {
        Change::Confirmation(self.holder, self.counter.saturating_add(1))
    }
}

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    /// Is a token there exactly when there must be one, and does it verify? `message` is what it signs, in parts.
    ///
    /// # Errors
    /// `6985` for a token that nobody asked for, `6982` where one is missing, wrong, or cannot be verified.
    pub(super) fn check_token(
        &mut self,
        domain: Index,
        management: Management,
        token: &[u8],
        message: &[&[u8]],
        control: Option<&ControlReference<'_>>,
    ) -> Result<(), StatusWord> {
        match (management, token) {
            (Management::Authorized, []) => return Ok(()),
            (Management::Authorized, _) => return Err(StatusWord::CONDITIONS_OF_USE),
            (Management::Delegated, []) => return Err(StatusWord::SECURITY_STATUS),
            (Management::Delegated, _) => {}
        }
        let holder = self.serving(domain, Privileges::TOKEN_VERIFICATION).ok_or(StatusWord::SECURITY_STATUS)?;
        if !self.gives_service(holder) {
            return Err(StatusWord::SECURITY_STATUS);
        }
        // A token made for another card or issuer names it.
        if let Some(control) = control {
            let named = [(0x0042, control.provider), (0x0045, control.image_number)];
            if named.into_iter().any(|(tag, wanted)| wanted.is_some_and(|wanted| !self.is_object(holder, tag, wanted)))
            {
                return Err(StatusWord::SECURITY_STATUS);
            }
        }
        if self.verify_signature(holder, TOKEN_KEY, TOKEN_USAGE, message, token) {
            Ok(())
        } else {
            Err(StatusWord::SECURITY_STATUS)
        }
    }

    /// Is this hash of a load file, which its token signs, weaker than the key of the token (GPCS table C-3)? None at all is.
    /// Which hash goes with a public key, the platform knows.
    pub(super) fn is_weak_for_token(&self, domain: Index, hash: &[u8]) -> bool {
        let holder = self.serving(domain, Privileges::TOKEN_VERIFICATION);
        let key = holder.and_then(|holder| self.service_key(holder, TOKEN_KEY, TOKEN_USAGE));
        let length = key.filter(|key| key.kind == keys::AES).and_then(KeySlot::key_length);
        hash.is_empty() || length.is_some_and(|length| is_weak(hash, length))
    }

    /// The receipt that a delegated operation will get in the answer to `apdu`; `None` where none is made.
    ///
    /// # Errors
    /// `6985` when the counter is at its end, or a receipt is due and there is no key for it; `6A84` where it has no room in
    /// the answer: the operation fails.
    pub(super) fn receipt_due(
        &self,
        domain: Index,
        management: Management,
        number: Option<TokenNumber>,
        apdu: &Apdu<'_>,
    ) -> Result<Option<ReceiptDue>, StatusWord> {
        let Some(holder) = self.serving(domain, Privileges::RECEIPT_GENERATION) else { return Ok(None) };
        if management == Management::Authorized || !self.profile.receipts {
            return Ok(None);
        }
        let counter = self.memory.registry.entry(holder).map_or(u16::MAX, |entry| entry.confirmation);
        if counter == u16::MAX || !self.gives_service(holder) || self.receipt_key(holder).is_none() {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        let due = ReceiptDue { holder, counter, number };
        // After the change it would be too late to find out.
        let (mut octets, mut answer) = ([0; MAX_OBJECT], [0; MAX_OBJECT]);
        let details = self.details(&due, &mut octets)?;
        let confirmation = Confirmation { receipt: &[0; CMAC_LEN], details };
        let room = answer.get_mut(..apdu.room().min(MAX_OBJECT)).unwrap_or_default();
        confirmation.emit(room).map_err(|_| StatusWord::NOT_ENOUGH_MEMORY)?;
        Ok(Some(due))
    }

    /// What a receipt says beside the operation.
    fn details<'o>(&self, due: &ReceiptDue, out: &'o mut [u8]) -> Result<&'o [u8], StatusWord> {
        let mut unique = [0; MAX_OBJECT];
        let mut length = 0_usize;
        for tag in [0x0042, 0x0045] {
            let room = unique.get_mut(length..).unwrap_or_default();
            let value = self.object(due.holder, tag, room).ok_or(StatusWord::NOT_ENOUGH_MEMORY)?;
            length = length.saturating_add(value.len());
        }
        let details = Details {
            counter: due.counter,
            security_domain: unique.get(..length).unwrap_or_default(),
            token_id: due.number.as_ref().map(TokenNumber::octets),
            token_digest: None,
        };
        details.emit(out).map(|details| &*details).map_err(|_| StatusWord::NOT_ENOUGH_MEMORY)
    }

    /// Writes the answer of a content operation: the confirmation where a receipt is due, else `00`.
    pub(super) fn confirm(&self, due: Option<ReceiptDue>, operation: &Operation<'_>, apdu: &mut Apdu<'_>) -> Answer {
        let Some(due) = due else { return apdu.respond(&Confirmation::NONE) };
        let key = self.receipt_key(due.holder).ok_or(StatusWord::UNKNOWN)?;
        let mut octets = [0; MAX_OBJECT];
        let details = self.details(&due, &mut octets)?;
        let input = ReceiptInput::new(details, operation).map_err(|_| StatusWord::UNKNOWN)?;
        let receipt: [u8; CMAC_LEN] = key.cmac(&input.parts());
        let confirmation = Confirmation { receipt: &receipt, details };
        let written = confirmation.emit(apdu.answer()).map_err(|_| StatusWord::UNKNOWN)?;
        Ok(written.len())
    }

    /// A LOCKED security domain, or one that is not personalised, gives no service (GPCS 5.3.2).
    fn gives_service(&self, holder: Index) -> bool {
        self.memory.registry.entry(holder).is_some_and(|entry| serves(holder, entry))
    }

    /// Does `signature` fit, under the key of this security domain with this version or usage? AES here, others by the platform.
    pub(super) fn verify_signature(
        &mut self,
        owner: Index,
        version: u8,
        usage: u16,
        message: &[&[u8]],
        signature: &[u8],
    ) -> bool {
        let Some(first) = self.service_key(owner, version, usage) else { return false };
        let slots = &*self.memory.keys;
        if first.kind == keys::AES {
            return Key::new(first.value()).is_ok_and(|key| (&key).verify(message, signature).is_ok());
        }
        let mut values = [0; MAX_KEY];
        let key = PublicKey::gather(self.memory.registry, slots, first, &mut values);
        key.is_some_and(|key| self.platform.verify(key.components(), message, signature))
    }

    /// The first component of a key for signatures, no curve, that the domain itself may use: by its customary version, else by its usage.
    pub(super) fn service_key(&self, owner: Index, version: u8, usage: u16) -> Option<&KeySlot> {
        let own = |slot: &&KeySlot| {
            slot.owner == Some(owner)
                && !slot.pending
                && (slot.component, slot.part) == (0, 0)
                && slot.kind != REFERENCE
                && slot.serves(false)
        };
        let mut slots = self.memory.keys.iter().filter(own);
        slots.clone().find(|slot| slot.version == version).or_else(|| slots.find(|slot| slot.usage == usage))
    }

    fn receipt_key(&self, holder: Index) -> Option<Key> {
        let slot = self.service_key(holder, RECEIPT_KEY, RECEIPT_USAGE).filter(|slot| slot.kind == keys::AES)?;
        Key::new(slot.value()).ok()
    }

    /// The holder of a privilege that serves this domain: the first on the way up, where the whole tree below a domain with
    /// Authorized Management counts as on the way; else the first of all.
    pub(super) fn serving(&self, domain: Index, privilege: Privileges) -> Option<Index> {
        let registry = &*self.memory.registry;
        let holds = |entry: &RegistryEntry| entry.is_domain() && entry.privileges.contains(privilege);
        let holders = || registry.entries().filter(|(_, entry)| holds(entry)).map(|(index, _)| index);
        let mut at = domain;
        // The chain of associations has no more links than there are entries.
        for _ in registry.entries() {
            let Some(entry) = registry.entry(at) else { break };
            if holds(entry) {
                return Some(at);
            }
            let manages = entry.privileges.contains(Privileges::AUTHORIZED_MANAGEMENT);
            if let Some(near) = holders().find(|holder| manages && registry.is_below(*holder, at)) {
                return Some(near);
            }
            if entry.domain == at {
                break;
            }
            at = entry.domain;
        }
        holders().next()
    }

    /// The value of a data object of a security domain as GET DATA shows it, at the start of `out`; empty where there is none,
    /// `None` where it has no room.
    fn object<'o>(&self, owner: Index, tag: u16, out: &'o mut [u8]) -> Option<&'o [u8]> {
        let factory = match (owner, tag) {
            (Index::ISD, 0x0042) => self.profile.iin,
            (Index::ISD, 0x0045) => self.profile.cin,
            _ => &[],
        };
        if !objects::exists(self.memory.objects, owner, tag) {
            let room = out.get_mut(..factory.len())?;
            room.iter_mut().zip(factory).for_each(|(to, from)| *to = *from);
            return Some(room);
        }
        objects::copy(self.memory.objects, owner, tag, out)
    }

    fn is_object(&self, owner: Index, tag: u16, wanted: &[u8]) -> bool {
        let mut value = [0; MAX_OBJECT];
        self.object(owner, tag, &mut value) == Some(wanted)
    }
}

/// Emits the receipt's change beside others.
pub(super) fn with_receipt(due: Option<&ReceiptDue>, emit: &mut dyn FnMut(Change<'_>)) {
    if let Some(due) = due {
        emit(due.change());
    }
}
