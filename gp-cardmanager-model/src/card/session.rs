//! Opening a session on the card: INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, R-MAC sessions (Amendment D 7.1). A terminated
//! card opens none (GPCS tables D-3, E-6).

use gp_apdu::{Command, CommandBuf, Form, LogicalChannel, StatusWord, ins};
use gp_scp03::{Challenge, Key, KeyId, KeySetInfo, Mode, ResponderState};

use crate::card::apdu::Apdu;
use crate::card::applets::Applets;
use crate::card::channel::Channel;
use crate::card::deviations::{Deviation, rewrite};
use crate::card::keys::{self, KeySet, KeySlot};
use crate::card::platform::{Memory, Platform};
use crate::card::profile::{FactoryKeySet, Profile};
use crate::card::put_key;
use crate::card::registry::{Index, LOADED, Occupant, Registry, RegistryEntry};
use crate::card::storage::Storage;
use crate::card::transaction::Change;
use crate::card::{Answer, Card};
use crate::lifecycle::CardLifeCycle;
use crate::privileges::Privileges;

impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    /// INITIALIZE UPDATE: any session on this channel ends; the sequence counter is stored before it is used.
    pub(super) fn initialize_update(&mut self, channel: LogicalChannel, apdu: &mut Apdu<'_>) -> Answer {
        if self.life_cycle() == CardLifeCycle::Terminated {
            return Err(StatusWord::INS_NOT_SUPPORTED);
        }
        let (index, entry) = self.selected(channel).ok_or(StatusWord::CONDITIONS_OF_USE)?;
        let domain = if entry.is_domain() { index } else { entry.domain };
        let implementation = self.profile.implementation;
        let command = Command { header: apdu.header(), data: apdu.data(), le: apdu.le(), form: Form::Short };
        self.drop_unfinished(channel);
        let at = self.channel_mut(channel).ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?;
        at.end_personalization();
        at.listing = None;
        let request = at.responder.initialize_update(&command, implementation)?;
        if self.is_locked(domain) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        if !self.profile.deviations.is_none()
            && let Some(answer) = self.initialize_update_deviating(request.key_version, apdu)
        {
            return answer;
        }
        let application = !entry.is_domain();
        let set =
            self.serving_set(domain, request.key_version, application).ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        let counters = self.memory.keys.get(set.counters()).ok_or(StatusWord::UNKNOWN)?;
        // The keys of a LOCKED domain above open nothing, either.
        if !set.serves(self.memory.keys, application) || counters.owner.is_some_and(|owner| self.is_locked(owner)) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        if counters.is_blocked(self.profile.max_failures) {
            return Err(StatusWord::AUTHENTICATION_BLOCKED);
        }
        let mut source = set.source(self.memory.keys);
        let (card_challenge, sequence) = if implementation.has_pseudo_random_challenge() {
            let next = counters.sequence.next().ok_or(StatusWord::CONDITIONS_OF_USE)?;
            let mode = implementation.mode();
            let challenge = Challenge::pseudo_random(&mut source, mode, next, entry.aid.as_bytes());
            let mut challenge = challenge.map_err(gp_scp03::Error::status_word)?;
            if self.deviates(Deviation::RandomChallenge) {
                challenge = self.random_challenge(mode)?;
            }
            self.commit(|_, emit| emit(Change::Sequence(set.counters(), next)))?;
            (challenge, Some(next))
        } else {
            (self.random_challenge(implementation.mode())?, None)
        };
        let info = KeySetInfo {
            diversification: self.profile.diversification,
            key_version: set.version,
            implementation,
            sequence,
        };
        let owner = self.memory.keys.get(set.counters()).and_then(|slot| slot.owner);
        let dek = set.dek(self.memory.keys);
        let mut source = set.source(self.memory.keys);
        let at =
            self.memory.channels.get_mut(usize::from(channel.number())).ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?;
        at.key_owner = owner;
        at.key_version = set.version;
        at.dek = dek;
        let length = at.responder.challenge(&mut source, &info, &request, &card_challenge, apdu.answer())?;
        let deviations = self.profile.deviations;
        Ok(if deviations.is_none() { length } else { rewrite::initialize_update(deviations, apdu.answer(), length) })
    }

    /// A LOCKED security domain rejects all commands and serves no application (GPCS 5.3.2.4).
    pub(super) fn is_locked(&self, domain: Index) -> bool {
        self.memory.registry.entry(domain).is_some_and(RegistryEntry::is_locked)
    }

    fn random_challenge(&mut self, mode: Mode) -> Result<Challenge, StatusWord> {
        let mut octets = [0; 16];
        let octets = octets.get_mut(..mode.octets()).unwrap_or_default();
        self.platform.fill(octets).map_err(|_| StatusWord::NO_DIAGNOSIS)?;
        Challenge::new(octets).map_err(gp_scp03::Error::status_word)
    }

    /// INITIALIZE UPDATE where the card deviates in whether it answers at all. There is no session then, and none begins.
    fn initialize_update_deviating(&mut self, version: u8, apdu: &mut Apdu<'_>) -> Option<Answer> {
        let locked = self.life_cycle() == CardLifeCycle::CardLocked;
        if locked && self.deviates(Deviation::Locked6982) {
            return Some(Err(StatusWord::SECURITY_STATUS));
        }
        if locked && self.deviates(Deviation::Locked6983) {
            return Some(Err(StatusWord::AUTHENTICATION_BLOCKED));
        }
        if version == 0xFF && self.deviates(Deviation::InitialVersionUnnamed) {
            return Some(Err(StatusWord::INCORRECT_P1_P2));
        }
        if version == 0x00 && self.deviates(Deviation::DefaultIsScp02) {
            // Diversification data, key version 20, protocol 02; counter, challenge and cryptogram are as good as random.
            let mut rest = [0; 16];
            if self.platform.fill(&mut rest).is_err() {
                return Some(Err(StatusWord::NO_DIAGNOSIS));
            }
            let answer = apdu.answer();
            let octets = self.profile.diversification.iter().chain(&[0x20, 0x02]).chain(&rest);
            answer.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
            return Some(if answer.len() < 28 { Err(StatusWord::UNKNOWN) } else { Ok(28) });
        }
        None
    }

    /// EXTERNAL AUTHENTICATE. With a limit of failures in force the attempt is written down before anything is compared.
    pub(super) fn external_authenticate(
        &mut self,
        channel: LogicalChannel,
        command: &mut CommandBuf<'_>,
    ) -> Result<(), StatusWord> {
        if self.life_cycle() == CardLifeCycle::Terminated {
            return Err(StatusWord::INS_NOT_SUPPORTED);
        }
        let (index, entry) = self.selected(channel).ok_or(StatusWord::CONDITIONS_OF_USE)?;
        let domain = if entry.is_domain() { index } else { entry.domain };
        if self.is_locked(domain) {
            // It was locked since it gave the challenge.
            self.channel_mut(channel).ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?.responder.terminate();
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        let (version, owner) =
            self.channel(channel).map_or((0, None), |channel| (channel.key_version, channel.key_owner));
        let set = self.serving_set(domain, version, !entry.is_domain());
        let is_owner = |key: &KeySlot| key.owner.is_some_and(|of| Some(of) == owner && !self.is_locked(of));
        let slot = set.map(|set| set.counters()).filter(|slot| self.memory.keys.get(*slot).is_some_and(is_owner));
        let Some(slot) = slot else {
            // Since the challenge other keys have come to serve here: its own, or those of another domain above.
            self.channel_mut(channel).ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?.responder.terminate();
            return Err(StatusWord::CONDITIONS_OF_USE);
        };
        let counted = if self.profile.max_failures == 0 {
            None
        } else {
            let counters = self.memory.keys.get(slot).ok_or(StatusWord::UNKNOWN)?;
            let failures = counters.failures;
            // Other channels may have used up the attempts since this one's challenge.
            if counters.is_blocked(self.profile.max_failures) {
                self.channel_mut(channel).ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?.responder.terminate();
                return Err(StatusWord::AUTHENTICATION_BLOCKED);
            }
            self.commit(|_, emit| emit(Change::Failures(slot, failures.saturating_add(1))))?;
            Some(slot)
        };
        let at = self.channel_mut(channel).ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?;
        let outcome = at.responder.external_authenticate(command);
        // Who asks for a level that is not there has proved both keys all the same.
        let proved = matches!(outcome, Ok(_) | Err(StatusWord::INCORRECT_P1_P2));
        if let Some(slot) = counted.filter(|_| proved) {
            self.commit(|_, emit| emit(Change::Failures(slot, 0)))?;
        }
        outcome.map(|_| ())
    }

    /// The key set with this version that opens sessions with a security domain: its own; for one that has no set yet,
    /// those of the nearest security domain above it that has. So a new one can get its first keys, as on many cards.
    fn serving_set(&self, domain: Index, version: u8, application: bool) -> Option<KeySet> {
        if version == 0 && domain == Index::ISD && self.deviates(Deviation::DefaultVersionDangles) {
            let first = self.profile.key_sets.first()?;
            return KeySet::find(self.memory.keys, domain, first.version);
        }
        let owner = self.keyed(domain)?;
        let keys = &*self.memory.keys;
        let first = KeySet::find_for(keys, owner, version, |set| set.serves(keys, application));
        // None of them may serve: it is told by the first.
        first.or_else(|| KeySet::find(keys, owner, version))
    }

    /// The security domain whose keys open sessions with this one: itself, or the nearest above it that has a set.
    fn keyed(&self, domain: Index) -> Option<Index> {
        let registry = &*self.memory.registry;
        let mut at = domain;
        // The chain of associations has no more links than there are entries.
        for _ in 0..registry.len() {
            if KeySet::find(self.memory.keys, at, 0).is_some() {
                return Some(at);
            }
            let above = registry.entry(at)?.domain;
            if above == at || self.deviates(Deviation::NoInheritedKeys) {
                return None;
            }
            at = above;
        }
        None
    }

    /// Is the domain LOCKED whose keys the session on this channel stands on?
    pub(super) fn stands_on_locked(&self, channel: LogicalChannel) -> bool {
        let at = self.channel(channel).filter(|at| at.responder.level().is_some());
        at.and_then(|at| at.key_owner).is_some_and(|owner| self.is_locked(owner))
    }

    /// Are the keys that the session on this channel stands on still those of the domain that serves the applications of
    /// `domain`? After an extradition they may be another's (GPCS 7.1).
    pub(super) fn still_serves(&self, channel: LogicalChannel, domain: Index) -> bool {
        let owner = self.channel(channel).and_then(|at| at.key_owner);
        owner.is_some() && self.keyed(domain) == owner
    }

    /// Keys of this security domain have changed: who has a challenge that was made with those of a version that was `touched`
    /// (one bit each), or that is no whole set any more, begins again, on whatever channel.
    pub(super) fn end_challenges(&mut self, owner: Index, touched: u128) {
        let Memory { keys, channels, .. } = &mut self.memory;
        let waits = |channel: &&mut Channel| {
            channel.key_owner == Some(owner)
                && channel.responder.state() == ResponderState::Challenged
                && (touched & put_key::bit(channel.key_version) != 0
                    || KeySet::find(keys, owner, channel.key_version).is_none())
        };
        channels.iter_mut().filter(waits).for_each(Channel::lose_keys);
    }

    /// BEGIN and END R-MAC SESSION: only inside a session.
    pub(super) fn r_mac_session(&mut self, channel: LogicalChannel, apdu: &Apdu<'_>) -> Answer {
        let header = apdu.header();
        let command = Command { header, data: apdu.data(), le: apdu.le(), form: Form::Short };
        let responder = &mut self.channel_mut(channel).ok_or(StatusWord::CHANNEL_NOT_SUPPORTED)?.responder;
        if header.ins == ins::BEGIN_R_MAC_SESSION {
            responder.begin_r_mac(&command)
        } else {
            responder.end_r_mac(&command)
        }?;
        Ok(0)
    }
}

/// Fills a blank memory with what the factory puts on a card. `None`: there is no room.
pub(super) fn populate(memory: &mut Memory<'_>, profile: &Profile<'_>) -> Option<()> {
    *memory.registry.get_mut(Index::ISD.slot())? = RegistryEntry {
        occupant: Occupant::Domain,
        aid: profile.isd,
        state: profile.life_cycle.octet(),
        privileges: Privileges::ISSUER_SECURITY_DOMAIN,
        domain: Index::ISD,
        ..RegistryEntry::FREE
    };
    if let Some((file, module)) = profile.domain_module {
        let at = Index(1);
        *memory.registry.get_mut(at.slot())? = RegistryEntry {
            occupant: Occupant::LoadFile,
            aid: file,
            state: LOADED,
            version: [1, 0],
            ..RegistryEntry::FREE
        };
        *memory.registry.get_mut(2)? = RegistryEntry {
            occupant: Occupant::Module,
            aid: module,
            state: LOADED,
            file: Some(at),
            privileges: Privileges::SECURITY_DOMAIN,
            ..RegistryEntry::FREE
        };
    }
    for set in profile.key_sets {
        let (keys, ids): (_, &[KeyId]) = match &set.keys {
            FactoryKeySet::Complete(keys) => (keys, &[KeyId::Enc, KeyId::Mac, KeyId::Dek]),
            FactoryKeySet::WithoutDek(keys) => (keys, &[KeyId::Enc, KeyId::Mac]),
        };
        for id in ids {
            let at = keys::free(memory.keys).next()?;
            let slot = memory.keys.get_mut(at)?;
            slot.put_aes(Index::ISD, set.version, *id, keys.key(*id))?;
            slot.sequence = gp_scp03::SequenceCounter::new(set.sequence);
        }
    }
    Some(())
}

impl KeySlot {
    /// An AES key as a security domain's own: access 00, the usage that its identifier stands for (GPCS 11.1.9).
    fn put_aes(&mut self, owner: Index, version: u8, id: KeyId, key: &Key) -> Option<()> {
        let octets = key.expose_secret();
        let usage = match id {
            KeyId::Enc => 0x3800,
            KeyId::Mac => 0x3400,
            KeyId::Dek => 0xC800,
        };
        let number = match id {
            KeyId::Enc => 1,
            KeyId::Mac => 2,
            KeyId::Dek => 3,
        };
        self.wipe();
        self.octets.get_mut(..octets.len())?.copy_from_slice(octets);
        self.owner = Some(owner);
        (self.version, self.id, self.kind, self.usage) = (version, number, keys::AES, usage);
        self.length = u16::try_from(octets.len()).ok()?;
        Some(())
    }
}
