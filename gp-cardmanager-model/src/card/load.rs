//! LOAD on the card (GPCS 9.3, 11.6): a load file comes in blocks and becomes content in one step, or leaves no trace.
//!
//! While it comes, its entry and those of its modules wait in the registry as pending: nobody sees them, nothing of them
//! is written. The last block verifies and commits, or in the combined process leaves that to INSTALL.

mod scanner;
#[cfg(test)]
mod tests;

use gp_apdu::{LogicalChannel, StatusWord};
use gp_scp03::{Key, KeyLength};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::aid::Aid;
use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::deviations::Deviation;
use crate::card::imports::Imports;
use crate::card::install::body_status;
use crate::card::keys::KeySlot;
use crate::card::objects::ObjectSlot;
use crate::card::platform::Platform;
use crate::card::registry::{Index, LOADED, LOCK, Occupant, PERSONALIZED, Registry, RegistryEntry, free_slot};
use crate::card::rights::{Management, serves};
use crate::card::storage::Storage;
use crate::card::token::{DAP_KEY, DAP_USAGE, ReceiptDue, TokenNumber, with_receipt};
use crate::card::transaction::Change;
use crate::card::{Answer, Card, keys};
use crate::install::Restriction;
use crate::load_file::{BlockCounter, Event, LoadBlock, LoadFileParser};
use crate::privileges::Privileges;
use crate::signature::{HashAlgorithm, Operation};
use scanner::{Found, Scanner};

/// Security domains whose DAP one load file can carry.
const MAX_DAPS: usize = 4;

/// Customary version of the key that ciphers load files.
const CIPHER_KEY: u8 = 0x75;

/// The longest block that a card takes which deviates so, in octets.
const SMALL_BLOCK: usize = 128;

/// Is the hash weaker than an AES key of this length, which signs or ciphers with it (GPCS table C-3)?
pub(super) fn is_weak(hash: &[u8], key: KeyLength) -> bool {
    hash.len() < HashAlgorithm::least_for(key).len()
}

/// A load in progress.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) channel: LogicalChannel,
    /// Who performs it.
    pub(super) domain: Index,
    /// The pending entry of the load file.
    pub(super) file: Index,
    /// By which right.
    pub(super) management: Management,
    /// Of the token, for the receipt.
    pub(super) number: Option<TokenNumber>,
    /// Part of the combined process: INSTALL finishes it.
    pub(super) combined: Option<Combined>,
    hash: [u8; 64],
    hash_length: usize,
    parser: LoadFileParser,
    blocks: BlockCounter,
    scanner: Scanner,
    /// The load files on the card that this one needs.
    pub(super) imports: Imports,
    /// It needs one that is not there.
    lacks: bool,
    daps: [Option<Index>; MAX_DAPS],
    /// Whose signature is coming in, and how much of it has come into the memory of the chain.
    signing: Option<(Index, usize)>,
    cipher: Option<Cipher>,
    icv: [u8; 16],
    /// All has come and was verified.
    complete: bool,
}

/// What the combined process keeps of its first command until the last one brings the token for both.
#[derive(Clone, Copy, Debug)]
pub(super) struct Combined {
    fields: [u8; MAX_FIELDS],
    length: usize,
}

/// The most octets of the first command that a combined token can sign.
const MAX_FIELDS: usize = 160;

impl Combined {
    pub(super) fn new(fields: &[u8]) -> Option<Self> {
        let mut combined = Self { fields: [0; MAX_FIELDS], length: fields.len() };
        combined.fields.get_mut(..fields.len())?.copy_from_slice(fields);
        Some(combined)
    }

    pub(super) fn fields(&self) -> &[u8] {
        self.fields.get(..self.length).unwrap_or_default()
    }
}

/// A package that a load file imports is not there.
struct Lacking;

impl Load {
    pub(super) fn new(
        channel: LogicalChannel,
        domain: Index,
        management: Management,
        file: Index,
        hash: &[u8],
    ) -> Option<Self> {
        let mut load = Self {
            channel,
            domain,
            file,
            management,
            number: None,
            combined: None,
            hash: [0; 64],
            hash_length: hash.len(),
            parser: LoadFileParser::new(),
            blocks: BlockCounter::new(),
            scanner: Scanner::new(),
            imports: Imports::NONE,
            lacks: false,
            daps: [None; MAX_DAPS],
            signing: None,
            cipher: None,
            icv: [0; 16],
            complete: false,
        };
        load.hash.get_mut(..hash.len())?.copy_from_slice(hash);
        Some(load)
    }

    /// Is a signature put together in the memory of the chain?
    pub(super) const fn uses_chain_memory(&self) -> bool {
        self.signing.is_some()
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Forgets security domains that are gone: another one may take their place in the registry.
    pub(super) fn forget(&mut self, gone: impl Fn(Index) -> bool) {
        for place in &mut self.daps {
            *place = place.filter(|index| !gone(*index));
        }
        self.signing = self.signing.filter(|(index, _)| !gone(*index));
    }

    fn hash(&self) -> &[u8] {
        self.hash.get(..self.hash_length).unwrap_or_default()
    }
}

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    /// LOAD. Any failure ends the load without trace.
    pub(super) fn load(&mut self, channel: LogicalChannel, domain: Index, apdu: &mut Apdu<'_>) -> Answer {
        if apdu.level().is_none() {
            return Err(StatusWord::SECURITY_STATUS);
        }
        let Some(mut load) = self.load.take() else { return Err(StatusWord::CONDITIONS_OF_USE) };
        if load.channel != channel || load.domain != domain || load.complete {
            if load.channel == channel {
                self.discard_pending();
            } else {
                self.load = Some(load);
            }
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        let outcome = if self.deviates(Deviation::SmallLoadBlocks) && apdu.data().len() > SMALL_BLOCK {
            Err(StatusWord::WRONG_LENGTH)
        } else {
            self.take_block(&mut load, apdu)
        };
        match outcome {
            Ok(false) => {
                self.load = Some(load);
                apdu.respond(&[0x00])
            }
            Ok(true) if load.combined.is_some() => {
                load.complete = true;
                self.load = Some(load);
                apdu.respond(&[0x00])
            }
            Ok(true) => {
                let file = load.file;
                let committed = self.commit_load(&load, apdu);
                self.discard_pending();
                let receipt = committed?;
                let registry = &*self.memory.registry;
                let entry = registry.entry(file).ok_or(StatusWord::UNKNOWN)?;
                let owner = registry.entry(entry.domain).ok_or(StatusWord::UNKNOWN)?;
                let operation = Operation::Load { load_file: entry.aid, security_domain: owner.aid };
                self.confirm(receipt, &operation, apdu)
            }
            Err(refusal) => {
                self.discard_pending();
                Err(refusal)
            }
        }
    }

    /// Makes content of a load that holds. Other channels may have done much since it began: whether it may still be, and
    /// which counter its receipt has, is asked now.
    fn commit_load(&mut self, load: &Load, apdu: &Apdu<'_>) -> Result<Option<ReceiptDue>, StatusWord> {
        if self.manager(load.domain, apdu, Restriction::LOAD)? != load.management {
            return Err(StatusWord::SECURITY_STATUS);
        }
        let receipt = self.receipt_due(load.domain, load.management, load.number, apdu)?;
        let imports = self.kept_imports(load)?;
        self.commit(|memory, emit| {
            loaded(memory.registry, load.file, imports.as_ref(), emit);
            with_receipt(receipt.as_ref(), emit);
        })?;
        Ok(receipt)
    }

    /// What was begun on this channel and is not finished ends with the application session on it.
    pub(super) fn drop_unfinished(&mut self, channel: LogicalChannel) {
        self.abort_load(channel);
        self.chain = self.chain.filter(|chain| chain.channel() != channel);
        self.transfer = self.transfer.filter(|transfer| transfer.channel != channel);
    }

    /// Ends a load on this channel, if there is one: another command came, or the session is over.
    pub(super) fn abort_load(&mut self, channel: LogicalChannel) {
        if self.load.as_ref().is_some_and(|load| load.channel == channel) {
            self.load = None;
            self.discard_pending();
        }
    }

    /// Takes one block; `true` when it was the last and everything holds.
    fn take_block(&mut self, load: &mut Load, apdu: &Apdu<'_>) -> Result<bool, StatusWord> {
        let header = apdu.header();
        let block = LoadBlock::parse(header.p1, header.p2).map_err(body_status)?;
        load.blocks.accept(block.number).map_err(|_| StatusWord::INCORRECT_P1_P2)?;
        let mut input = apdu.data();
        while let Some(event) = load.parser.next(&mut input).map_err(body_status)? {
            match event {
                Event::Dap(aid) => self.begin_dap(load, &aid)?,
                Event::Signature { octets, remaining } => self.take_signature(load, octets, remaining)?,
                Event::Icv(icv) => {
                    load.icv.iter_mut().zip(icv.as_bytes()).for_each(|(to, from)| *to = *from);
                }
                Event::BlockStart { ciphered, .. } => self.begin_block(load, ciphered)?,
                Event::Block { octets, remaining } => self.take_octets(load, octets, remaining == 0)?,
            }
        }
        if !block.last {
            return Ok(false);
        }
        let target = self.memory.registry.get(load.file.slot()).map_or(Index::ISD, |entry| entry.domain);
        if !self.memory.registry.entry(target).is_some_and(|entry| serves(target, entry)) {
            // Locked since the load began.
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        load.parser.finish().map_err(body_status)?;
        load.scanner.finish().map_err(|()| StatusWord::WRONG_DATA)?;
        self.check_daps(load)?;
        if load.hash_length > 0 {
            let mut hash = [0; 64];
            let hash = hash.get_mut(..load.hash_length).ok_or(StatusWord::UNKNOWN)?;
            self.platform.hash_finish(hash);
            if !bool::from((*hash).ct_eq(load.hash())) {
                return Err(StatusWord::WRONG_DATA);
            }
        }
        // Last, so that nobody learns what is on the card from a load file that nobody vouches for.
        if load.lacks { Err(StatusWord::WRONG_DATA) } else { Ok(true) }
    }

    /// A DAP block names a security domain that verifies: it must exist, hold the privilege, and not be locked.
    fn begin_dap(&mut self, load: &mut Load, aid: &Aid) -> Result<(), StatusWord> {
        let registry = &*self.memory.registry;
        let found = registry.find(aid).filter(|(index, entry)| {
            let personalized = *index == Index::ISD || entry.state == PERSONALIZED;
            entry.is_domain() && personalized && entry.privileges.contains(Privileges::DAP_VERIFICATION)
        });
        let (index, _) = found.ok_or(StatusWord::WRONG_DATA)?;
        if load.hash_length == 0 {
            return Err(StatusWord::WRONG_DATA);
        }
        // The signature is put together there.
        self.claim_chain_memory(load.channel)?;
        load.signing = Some((index, 0));
        Ok(())
    }

    /// The signature over the hash that INSTALL gave is collected in the memory of the chain; no chain begins meanwhile.
    fn take_signature(&mut self, load: &mut Load, octets: &[u8], remaining: u32) -> Result<(), StatusWord> {
        let (index, taken) = load.signing.ok_or(StatusWord::WRONG_DATA)?;
        let end = taken.saturating_add(octets.len());
        let room = self.memory.chain.get_mut(taken..end).ok_or(StatusWord::NOT_ENOUGH_MEMORY)?;
        room.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        load.signing = Some((index, end));
        if remaining > 0 {
            return Ok(());
        }
        let memory = core::mem::take(&mut self.memory.chain);
        let signature = memory.get(..end).unwrap_or_default();
        let key = self.service_key(index, DAP_KEY, DAP_USAGE).filter(|key| key.kind == keys::AES);
        let weak = key.and_then(KeySlot::key_length).is_some_and(|length| is_weak(load.hash(), length));
        let good = !weak && self.verify_signature(index, DAP_KEY, DAP_USAGE, &[load.hash()], signature);
        self.memory.chain = memory;
        if !good {
            return Err(StatusWord::SECURITY_STATUS);
        }
        load.signing = None;
        let place = load.daps.iter_mut().find(|place| place.is_none_or(|verified| verified == index));
        *place.ok_or(StatusWord::NOT_ENOUGH_MEMORY)? = Some(index);
        Ok(())
    }

    /// Every personalised security domain with Mandated DAP, and the target with DAP Verification, must have verified.
    pub(super) fn check_daps(&self, load: &Load) -> Result<(), StatusWord> {
        let target = self.memory.registry.get(load.file.slot()).map_or(Index::ISD, |entry| entry.domain);
        let demanding = self.memory.registry.entries().filter(|(index, entry)| {
            // Also one that is LOCKED since: it verifies nothing then, and the load fails (GPCS 9.2.1).
            let personalized = *index == Index::ISD || entry.state & !LOCK == PERSONALIZED;
            let mandated = entry.privileges.contains(Privileges::MANDATED_DAP_VERIFICATION) && personalized;
            entry.is_domain()
                && (mandated || (*index == target && entry.privileges.contains(Privileges::DAP_VERIFICATION)))
        });
        // Who has verified must still be there to answer for it.
        let stand = |index: &Index| self.memory.registry.entry(*index).is_some_and(|entry| serves(*index, entry));
        let verified = load.daps.iter().flatten().all(stand);
        let mut demanding = demanding.map(|(index, _)| index);
        if verified && demanding.all(|index| load.daps.contains(&Some(index))) {
            Ok(())
        } else {
            Err(StatusWord::SECURITY_STATUS)
        }
    }

    /// The data block begins, in the form that the target's privileges demand.
    fn begin_block(&mut self, load: &mut Load, ciphered: bool) -> Result<(), StatusWord> {
        let target = self.memory.registry.get(load.file.slot()).map_or(Index::ISD, |entry| entry.domain);
        let entry = self.memory.registry.entry(target).ok_or(StatusWord::CONDITIONS_OF_USE)?;
        if entry.privileges.contains(Privileges::CIPHERED_LOAD_FILE_DATA_BLOCK) != ciphered {
            return Err(StatusWord::WRONG_DATA);
        }
        if ciphered {
            if load.hash_length == 0 {
                return Err(StatusWord::WRONG_DATA);
            }
            let slot = keys::find(self.memory.keys, target, CIPHER_KEY, 1).and_then(|slot| self.memory.keys.get(slot));
            let slot = slot
                .filter(|slot| slot.kind == keys::AES && slot.serves(false))
                .ok_or(StatusWord::CONDITIONS_OF_USE)?;
            let key = Key::new(slot.value()).map_err(|_| StatusWord::CONDITIONS_OF_USE)?;
            if is_weak(load.hash(), key.length()) {
                return Err(StatusWord::WRONG_DATA);
            }
            load.cipher = Some(Cipher { key, previous: load.icv, block: [0; 16], filled: 0, held: None });
        }
        Ok(())
    }

    /// Octets of the data block, as they come: deciphered, hashed, looked through for modules.
    fn take_octets(&mut self, load: &mut Load, octets: &[u8], last: bool) -> Result<(), StatusWord> {
        let Some(mut cipher) = load.cipher.take() else { return self.take_clear(load, octets) };
        for octet in octets {
            if let Some(clear) = cipher.push(*octet) {
                self.take_clear(load, &clear)?;
            }
        }
        if last {
            let (clear, length) = cipher.finish().ok_or(StatusWord::WRONG_DATA)?;
            return self.take_clear(load, clear.get(..length).unwrap_or_default());
        }
        load.cipher = Some(cipher);
        Ok(())
    }

    fn take_clear(&mut self, load: &mut Load, octets: &[u8]) -> Result<(), StatusWord> {
        if load.hash_length > 0 {
            self.platform.hash_update(octets);
        }
        for octet in octets {
            match load.scanner.push(*octet) {
                None => {}
                Some(Found::File { aid, version }) => {
                    let entry = self.memory.registry.get_mut(load.file.slot()).ok_or(StatusWord::UNKNOWN)?;
                    if entry.aid != aid {
                        return Err(StatusWord::WRONG_DATA);
                    }
                    entry.version = version;
                }
                Some(Found::Import { aid, version }) => match self.resolve(&aid, version) {
                    Ok(None) => {}
                    Ok(Some(import)) => load.imports.add(import).ok_or(StatusWord::NOT_ENOUGH_MEMORY)?,
                    Err(Lacking) => load.lacks = true,
                },
                Some(Found::Module(aid)) => self.add_module(load.file, aid)?,
            }
        }
        Ok(())
    }

    /// A package that the load file needs is on the card, as a load file or among what the applications stand on
    /// (GPCS 9.3.5): the load file, if it is one. The same major version will do if its minor one is not older
    /// (Java Card VM 4.5).
    fn resolve(&self, package: &Aid, [major, minor]: [u8; 2]) -> Result<Option<Index>, Lacking> {
        let loaded = self.memory.registry.find(package).filter(|(_, entry)| entry.occupant == Occupant::LoadFile);
        match loaded.map(|(index, entry)| (index, entry.version)) {
            Some((index, [has_major, has_minor])) if has_major == major && has_minor >= minor => Ok(Some(index)),
            None if self.applets.provides(package, (major, minor)) => Ok(None),
            _ => Err(Lacking),
        }
    }

    /// Where the imports of a load are kept, if it has any that need it.
    pub(super) fn kept_imports(&self, load: &Load) -> Result<Option<(usize, ObjectSlot)>, StatusWord> {
        let Some(kept) = load.imports.kept_by(load.file) else { return Ok(None) };
        let free = self.memory.objects.iter().position(|slot| slot.owner.is_none());
        free.map(|at| Some((at, kept))).ok_or(StatusWord::NOT_ENOUGH_MEMORY)
    }

    /// A module of the load file that is coming in.
    fn add_module(&mut self, file: Index, aid: Aid) -> Result<(), StatusWord> {
        let known = self
            .memory
            .registry
            .iter()
            .any(|entry| entry.occupant == Occupant::Module && entry.file == Some(file) && entry.aid == aid);
        if known {
            return Err(StatusWord::WRONG_DATA);
        }
        let slot = free_slot(self.memory.registry).ok_or(StatusWord::NOT_ENOUGH_MEMORY)?;
        let domain = self.memory.registry.get(file.slot()).map_or(Index::ISD, |entry| entry.domain);
        *self.memory.registry.get_mut(slot.slot()).ok_or(StatusWord::UNKNOWN)? = RegistryEntry {
            occupant: Occupant::Module,
            pending: true,
            aid,
            state: LOADED,
            domain,
            file: Some(file),
            ..RegistryEntry::FREE
        };
        Ok(())
    }
}

/// The pending entries of a load file and its modules, and what it imports, to be written.
pub(super) fn loaded(
    registry: &[RegistryEntry],
    file: Index,
    imports: Option<&(usize, ObjectSlot)>,
    emit: &mut dyn FnMut(Change<'_>),
) {
    if let Some((at, imports)) = imports {
        emit(Change::Object(*at, imports));
    }
    for (index, entry) in (0_u16..).map(Index).zip(registry) {
        if entry.pending && (index == file || entry.file == Some(file)) && entry.occupant != Occupant::Free {
            emit(Change::Entry(index, entry));
        }
    }
}

/// Deciphers a load file data block as it comes; the last block waits until its padding can be taken off.
#[derive(Debug)]
struct Cipher {
    key: Key,
    previous: [u8; 16],
    block: [u8; 16],
    filled: usize,
    held: Option<[u8; 16]>,
}

impl Cipher {
    /// Takes an octet; gives a clear block when another one stands behind it.
    fn push(&mut self, octet: u8) -> Option<[u8; 16]> {
        if let Some(place) = self.block.get_mut(self.filled) {
            *place = octet;
        }
        self.filled = self.filled.saturating_add(1);
        if self.filled < 16 {
            return None;
        }
        self.filled = 0;
        let mut clear = self.block;
        // Whole blocks always decrypt.
        let _ = self.key.decrypt_sensitive(&mut clear);
        clear.iter_mut().zip(self.previous).for_each(|(to, previous)| *to ^= previous);
        self.previous = self.block;
        self.held.replace(clear)
    }

    /// The last clear block without its padding.
    fn finish(&mut self) -> Option<([u8; 16], usize)> {
        let last = self.held.take().filter(|_| self.filled == 0)?;
        let end = last.iter().rposition(|octet| *octet != 0)?;
        last.get(end).filter(|octet| **octet == 0x80).map(|_| (last, end))
    }
}

impl Drop for Cipher {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}
