//! Key rotation against a card whose power is cut at every exchange, before and after it has done its part: the record
//! always tells which set opens the card, and the next run finishes the work without one failed authentication.

use crate::support;
use std::collections::BTreeMap;

use gp_apdu::{Command, CommandBuf, StatusWord, Transport, ins};
use gp_cardmanager_model::delete::{Delete, DeleteKeys};
use gp_cardmanager_model::host::{
    Authenticate, DekProof, Error, Failure, Guard, Host, Opens, Rotate, Rotation, RotationStage, run,
};
use gp_cardmanager_model::put_key::{BlockForm, PutKey};
use gp_scp03::{
    Challenge, Implementation, Key, KeyId, KeyLength, KeySetInfo, Responder, SecurityLevel, SequenceCounter, StaticKeys,
};
use support::Cut;

fn set(first: u8, length: KeyLength) -> StaticKeys {
    let key = |n: u8| Key::new(&[first + n; 32][..length.octets()]).unwrap();
    StaticKeys::new(key(0), key(1), key(2)).unwrap()
}

fn same(a: &StaticKeys, b: &StaticKeys) -> bool {
    [KeyId::Enc, KeyId::Mac, KeyId::Dek].iter().all(|id| a.key(*id).expose_secret() == b.key(*id).expose_secret())
}

fn copy(keys: &StaticKeys) -> StaticKeys {
    let key = |id| keys.key(id).duplicate_secret();
    StaticKeys::new(key(KeyId::Enc), key(KeyId::Mac), key(KeyId::Dek)).unwrap()
}

/// Where the power goes: at the n-th exchange, before the card sees the command, after it, or in the middle of PUT KEY.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Power {
    Stays,
    CutBefore(usize),
    CutAfter(usize),
    /// After the first of three keys of an added set: only a card that writes key by key does that.
    Torn,
}

/// A card of several key sets. Version FF is an initial set, reached by 00 and gone after the first PUT KEY.
struct KeyCard {
    sets: BTreeMap<u8, StaticKeys>,
    /// A version of which only a part was written.
    torn: Option<u8>,
    responder: Responder,
    /// The set of the session.
    current: u8,
    power: Power,
    exchanges: usize,
    failed_authentications: usize,
    /// Per version: challenges given out since a session was opened last. Some cards count them as failures.
    attempts: BTreeMap<u8, u8>,
    /// What this card does not do.
    refuses_single_keys: bool,
    breaks_dek: bool,
    /// Acknowledges PUT KEY and stores nothing, so many times.
    forgets: usize,
}

impl KeyCard {
    fn new(version: u8, keys: StaticKeys) -> Self {
        Self {
            sets: BTreeMap::from([(version, keys)]),
            torn: None,
            responder: Responder::new(),
            current: 0,
            power: Power::Stays,
            exchanges: 0,
            failed_authentications: 0,
            attempts: BTreeMap::new(),
            refuses_single_keys: false,
            breaks_dek: false,
            forgets: 0,
        }
    }

    fn power_on(&mut self, power: Power) {
        self.responder = Responder::new();
        self.exchanges = 0;
        self.power = power;
    }

    fn process(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut buf = octets.to_vec();
        buf.resize(512, 0);
        let mut command = CommandBuf::parse(&mut buf, octets.len()).unwrap();
        let (data, status) = match command.header().ins {
            ins::INITIALIZE_UPDATE => self.initialize_update(&command.as_command()),
            ins::EXTERNAL_AUTHENTICATE => {
                let result = self.responder.external_authenticate(&mut command);
                self.failed_authentications += usize::from(result.is_err());
                if result.is_ok() {
                    self.attempts.remove(&self.current);
                }
                return result.map_or_else(|status| status, |_| StatusWord::OK).octets().to_vec();
            }
            ins => match self.responder.unwrap(&mut command) {
                Ok(Some(_)) if ins == ins::PUT_KEY => self.put_key(&command.as_command()),
                Ok(Some(_)) if ins == ins::DELETE => self.delete(&command.as_command()),
                Ok(_) => (vec![], StatusWord::SECURITY_STATUS),
                Err(status) => (vec![], status),
            },
        };
        let mut answer = [0; 300];
        answer[..data.len()].copy_from_slice(&data);
        match self.responder.wrap(&mut answer, data.len(), status) {
            Ok(answer) => answer.to_vec(),
            Err(_) => [data, status.octets().to_vec()].concat(),
        }
    }

    fn initialize_update(&mut self, command: &Command<'_>) -> (Vec<u8>, StatusWord) {
        let implementation = Implementation::new(0x70);
        let request = self.responder.initialize_update(command, implementation).unwrap();
        let version = match request.key_version {
            0 => *self.sets.keys().next_back().unwrap(),
            0xFF => return (vec![], StatusWord::INCORRECT_P1_P2),
            version => version,
        };
        let Some(keys) = self.sets.get_mut(&version) else {
            return (vec![], StatusWord::REFERENCED_DATA_NOT_FOUND);
        };
        let sequence = Some(SequenceCounter::new([0, 0, 1]));
        let info = KeySetInfo { diversification: [0; 10], key_version: version, implementation, sequence };
        let challenge = Challenge::new(&[0xCC; 8]).unwrap();
        let mut out = [0; 48];
        let len = self.responder.challenge(keys, &info, &request, &challenge, &mut out).unwrap();
        self.current = version;
        *self.attempts.entry(version).or_default() += 1;
        (out[..len].to_vec(), StatusWord::OK)
    }

    fn put_key(&mut self, command: &Command<'_>) -> (Vec<u8>, StatusWord) {
        let put = PutKey::parse(command.header.p1, command.header.p2, command.data).unwrap();
        let exists = |version| self.sets.contains_key(&version);
        match put.target.replaces {
            Some(replaced) if !exists(replaced) => return (vec![], StatusWord::REFERENCED_DATA_NOT_FOUND),
            None if exists(put.version) => return (vec![], StatusWord::CONDITIONS_OF_USE),
            _ => {}
        }
        let dek = self.sets[&self.current].dek().duplicate_secret();
        let mut keys = Vec::new();
        for field in put.keys() {
            let component = field.components().next().unwrap();
            let mut out = [0; 32];
            let clear = component.decrypt(&mut &dek, &mut out).unwrap();
            match field.aes_key(clear) {
                Ok(key) => keys.push(key),
                Err(_) => return (vec![], StatusWord::SECURITY_STATUS),
            }
        }
        let mut answer = vec![put.version];
        keys.iter().for_each(|key| answer.extend(key.kcv()));
        if self.forgets > 0 {
            self.forgets -= 1;
            return (answer, StatusWord::OK);
        }
        match <[Key; 3]>::try_from(keys) {
            Ok([enc, mac, mut dek]) => {
                if let Some(replaced) = put.target.replaces {
                    self.sets.remove(&replaced);
                } else if self.power == Power::Torn {
                    self.torn = Some(put.version);
                    return (answer, StatusWord::OK);
                }
                if self.breaks_dek {
                    dek = Key::new(&[0xEE; 16]).unwrap();
                }
                self.sets.remove(&0xFF);
                self.torn = None;
                self.sets.insert(put.version, StaticKeys::new(enc, mac, dek).unwrap());
            }
            // One key of a set.
            Err(_) if self.refuses_single_keys => return (vec![], StatusWord::WRONG_DATA),
            Err(keys) => {
                let set = copy(&self.sets[&put.version]);
                let id = |id| set.key(id).duplicate_secret();
                let [dek] = <[Key; 1]>::try_from(keys).unwrap();
                assert_eq!(put.target.first_id, 3);
                let set = StaticKeys::new(id(KeyId::Enc), id(KeyId::Mac), dek).unwrap();
                self.sets.insert(put.version, set);
            }
        }
        (answer, StatusWord::OK)
    }

    fn delete(&mut self, command: &Command<'_>) -> (Vec<u8>, StatusWord) {
        match Delete::parse(command.header.p1, command.header.p2, command.data).unwrap() {
            Delete::Keys(DeleteKeys { id: None, version: Some(version) }) if self.sets.remove(&version).is_some() => {
                (vec![0], StatusWord::OK)
            }
            _ => (vec![], StatusWord::REFERENCED_DATA_NOT_FOUND),
        }
    }
}

impl Transport for KeyCard {
    type Error = Cut;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Cut> {
        let number = self.exchanges;
        self.exchanges += 1;
        if self.power == Power::CutBefore(number) {
            return Err(Cut);
        }
        let torn = self.torn.is_some();
        let answer = self.process(command);
        if self.power == Power::CutAfter(number) || (!torn && self.torn.is_some()) {
            return Err(Cut);
        }
        response[..answer.len()].copy_from_slice(&answer);
        Ok(answer.len())
    }
}

/// The way from one set to the next.
#[derive(Clone, Copy, Debug)]
struct Way {
    old_version: u8,
    new_version: u8,
    replace: bool,
    delete: bool,
    proof: DekProof,
    form: BlockForm,
    length: KeyLength,
}

const WAYS: [Way; 8] = {
    let add = Way {
        old_version: 0x30,
        new_version: 0x31,
        replace: false,
        delete: false,
        proof: DekProof::Dek,
        form: BlockForm::WithLength,
        length: KeyLength::Aes128,
    };
    [
        add,
        Way { delete: true, ..add },
        Way { delete: true, proof: DekProof::Set, length: KeyLength::Aes256, form: BlockForm::Bare, ..add },
        Way { replace: true, ..add },
        Way { replace: true, new_version: 0x30, ..add },
        Way { replace: true, new_version: 0x30, proof: DekProof::None, length: KeyLength::Aes192, ..add },
        Way { old_version: 0xFF, new_version: 0x01, delete: true, ..add },
        Way { delete: true, proof: DekProof::None, ..add },
    ]
};

impl Way {
    fn old_keys(&self) -> StaticKeys {
        set(0x10, self.length)
    }

    fn new_keys(&self) -> StaticKeys {
        set(0x80, self.length)
    }

    fn rotation(&self) -> Rotation {
        let make = if self.replace { Rotation::replace } else { Rotation::add };
        let rotation = make(self.old_version, self.new_version, &self.new_keys());
        if self.delete { rotation.deleting_old() } else { rotation }
    }

    fn card(&self) -> KeyCard {
        KeyCard::new(self.old_version, self.old_keys())
    }

    /// One run from the stored record; what is stored, is stored in `record`.
    fn run(&self, card: &mut KeyCard, record: &mut [u8; Rotation::LEN]) -> Result<Rotation, Error<Cut>> {
        self.run_with(card, record, |_| Ok(()))
    }

    fn run_with(
        &self,
        card: &mut KeyCard,
        record: &mut [u8; Rotation::LEN],
        mut stored: impl FnMut(&Rotation) -> Result<(), Failure>,
    ) -> Result<Rotation, Error<Cut>> {
        let (old, new) = (self.old_keys(), self.new_keys());
        let (mut command, mut response) = ([0; 261], [0; 258]);
        let mut host = Host::new(&mut command, &mut response, ());
        let mut number = 0;
        let rotate = Rotate::new(
            Rotation::from_bytes(record).unwrap(),
            &old,
            &new,
            SecurityLevel::Full,
            || {
                number += 1;
                Ok(Challenge::new(&[number; 8])?)
            },
            |rotation| {
                stored(rotation)?;
                *record = rotation.to_bytes();
                Ok(())
            },
        );
        run(&mut host, card, rotate.with_form(self.form).with_proof(self.proof))
    }

    /// Does the record say which set opens the card?
    fn check(&self, card: &KeyCard, record: &[u8]) {
        let rotation = Rotation::from_bytes(record).unwrap();
        let old = card.sets.get(&self.old_version).is_some_and(|keys| same(keys, &self.old_keys()));
        let new = card.sets.get(&self.new_version).is_some_and(|keys| same(keys, &self.new_keys()));
        let right = match rotation.opens_with() {
            Opens::Old => old,
            Opens::New => new,
            Opens::NewOrOld => old || new,
        };
        assert!(right, "{self:?} {rotation:?}: old {old}, new {new}");
    }

    /// Do the guards in the record count no less than the card?
    fn check_guards(&self, card: &KeyCard, record: &[u8]) {
        let (old, new) = Rotation::from_bytes(record).unwrap().guards().unwrap();
        for (version, guard) in [(self.old_version, old), (self.new_version, new)] {
            let attempts = card.attempts.get(&version).copied().unwrap_or_default();
            assert!(guard.failures() >= attempts, "{self:?} {version:02X} {guard:?}: {attempts}");
        }
    }

    fn check_end(&self, card: &KeyCard) {
        assert!(same(&card.sets[&self.new_version], &self.new_keys()), "{self:?}");
        let old_stays = !self.replace && !self.delete && self.old_version != 0xFF;
        assert_eq!(card.sets.len(), 1 + usize::from(old_stays), "{self:?}");
        assert_eq!(card.failed_authentications, 0);
    }
}

#[test]
fn without_interruption() {
    for way in WAYS {
        let mut card = way.card();
        let mut stages = Vec::new();
        let mut record = way.rotation().to_bytes();
        let finished = way.run_with(&mut card, &mut record, |rotation| {
            stages.push(rotation.stage());
            Ok(())
        });
        assert!(finished.unwrap().is_finished());
        way.check_end(&card);
        use RotationStage::{Finished, Proved, Sent, Stored};
        let deletes = way.delete && way.old_version != 0xFF;
        assert_eq!(stages, if deletes { vec![Sent, Stored, Proved, Finished] } else { vec![Sent, Stored, Finished] });
        // Done is done: nothing more is sent.
        card.power_on(Power::Stays);
        assert_eq!(way.run(&mut card, &mut record).unwrap_err(), Error::Failure(Failure::State));
        assert_eq!(card.exchanges, 0);
        // The new keys open the card for anybody.
        let (mut command, mut response) = ([0; 261], [0; 258]);
        let mut host = Host::new(&mut command, &mut response, ());
        let new = way.new_keys();
        let task = Authenticate::new(Challenge::new(&[1; 8]).unwrap(), SecurityLevel::Full, |_| Ok(&new));
        run(&mut host, &mut card, task.with_key_version(way.new_version)).unwrap();
    }
}

#[test]
fn the_power_is_cut_twice_at_every_exchange() {
    let mut cuts = 0;
    for way in WAYS {
        for first in (0..9).flat_map(|number| [Power::CutBefore(number), Power::CutAfter(number)]) {
            for second in (0..9).flat_map(|number| [Power::CutBefore(number), Power::CutAfter(number)]) {
                let mut card = way.card();
                let mut record = way.rotation().to_bytes();
                for power in [first, second] {
                    card.power_on(power);
                    if Rotation::from_bytes(&record).unwrap().is_finished() {
                        break;
                    }
                    match way.run(&mut card, &mut record) {
                        Ok(finished) => assert!(finished.is_finished()),
                        Err(error) => {
                            assert_eq!(error, Error::Transport(Cut), "{way:?} {first:?} {second:?}");
                            cuts += 1;
                        }
                    }
                    way.check(&card, &record);
                }
                if !Rotation::from_bytes(&record).unwrap().is_finished() {
                    card.power_on(Power::Stays);
                    assert!(way.run(&mut card, &mut record).unwrap().is_finished(), "{way:?} {first:?} {second:?}");
                }
                way.check_end(&card);
            }
        }
    }
    println!("{cuts} power cuts");
    assert!(cuts > 2500, "{cuts}");
}

/// The same with guards: whenever the power goes, the record counts at least what the card may have counted, and at the end
/// nothing is left.
#[test]
fn the_counts_of_the_guards_outlive_every_power_cut() {
    for way in WAYS {
        for first in (0..9).flat_map(|number| [Power::CutBefore(number), Power::CutAfter(number)]) {
            for second in (0..9).flat_map(|number| [Power::CutBefore(number), Power::CutAfter(number)]) {
                let mut card = way.card();
                let mut record = way.rotation().guarded(Guard::new(6), Guard::new(6)).to_bytes();
                for power in [first, second, Power::Stays] {
                    card.power_on(power);
                    if Rotation::from_bytes(&record).unwrap().is_finished() {
                        break;
                    }
                    if let Err(error) = way.run(&mut card, &mut record) {
                        assert_eq!(error, Error::Transport(Cut), "{way:?} {first:?} {second:?}");
                    }
                    way.check(&card, &record);
                    way.check_guards(&card, &record);
                }
                way.check_end(&card);
                let guards = Rotation::from_bytes(&record).unwrap().guards();
                assert_eq!(guards, Some((Guard::new(6), Guard::new(6))), "{way:?} {first:?} {second:?}");
            }
        }
    }
}

/// An attempt counts from before it is sent, and one that the card refuses before any key is tried does not.
#[test]
fn what_the_guards_of_a_rotation_count() {
    let way = WAYS[1];
    let counts = |record: &[u8]| {
        let (old, new) = Rotation::from_bytes(record).unwrap().guards().unwrap();
        (old.failures(), new.failures())
    };
    let mut card = way.card();
    let mut record = way.rotation().guarded(Guard::new(3), Guard::new(3)).to_bytes();
    // INITIALIZE UPDATE with the old keys is lost, then EXTERNAL AUTHENTICATE, then PUT KEY.
    for (cut, counted) in [(0, (1, 0)), (1, (2, 0)), (2, (0, 0))] {
        card.power_on(Power::CutBefore(cut));
        way.run(&mut card, &mut record).unwrap_err();
        assert_eq!(counts(&record), counted);
    }
    // The card does not know the new version, and INITIALIZE UPDATE with the old one is lost.
    card.power_on(Power::CutAfter(1));
    way.run(&mut card, &mut record).unwrap_err();
    assert_eq!(counts(&record), (1, 0));
    // PUT KEY comes through; what then proves the new keys is lost.
    card.power_on(Power::CutAfter(4));
    way.run(&mut card, &mut record).unwrap_err();
    assert_eq!(counts(&record), (0, 1));
    card.power_on(Power::Stays);
    let (old, new) = way.run(&mut card, &mut record).unwrap().guards().unwrap();
    assert_eq!((old, new), (Guard::new(3), Guard::new(3)));
    assert_eq!(counts(&record), (0, 0));
    // One version for both: one count, told by both guards.
    let way = WAYS[4];
    let mut card = way.card();
    let mut record = way.rotation().guarded(Guard::resume(1, 3), Guard::new(3)).to_bytes();
    card.power_on(Power::CutAfter(0));
    way.run(&mut card, &mut record).unwrap_err();
    assert_eq!(counts(&record), (2, 1));
    card.power_on(Power::CutAfter(4));
    way.run(&mut card, &mut record).unwrap_err();
    assert_eq!(counts(&record), (1, 1));
}

/// At its limit a guard stops the run before anything is sent, also the guard of the set whose turn comes later.
#[test]
fn a_guard_at_its_limit_stops_the_rotation() {
    for (way, guards, sent) in [
        (WAYS[0], (Guard::resume(2, 2), Guard::new(2)), 0),
        // The old set opens the card and the keys are stored: only the proof is not begun.
        (WAYS[0], (Guard::resume(1, 2), Guard::resume(2, 2)), 3),
        (WAYS[4], (Guard::new(2), Guard::resume(2, 2)), 0),
    ] {
        let mut card = way.card();
        let mut record = way.rotation().guarded(guards.0, guards.1).to_bytes();
        let error = way.run(&mut card, &mut record).unwrap_err();
        assert_eq!((error, card.exchanges), (Error::Failure(Failure::Stopped), sent), "{way:?}");
        way.check(&card, &record);
        card.power_on(Power::Stays);
        let error = way.run(&mut card, &mut record).unwrap_err();
        assert_eq!((error, card.exchanges), (Error::Failure(Failure::Stopped), 0), "{way:?}");
        // Somebody has looked into it.
        let rotation = Rotation::from_bytes(&record).unwrap().guarded(Guard::default(), Guard::default());
        record = rotation.to_bytes();
        way.run(&mut card, &mut record).unwrap();
        way.check_end(&card);
    }
}

/// A card that writes key by key loses power in the middle: the half set is no set, and the old one is still there.
#[test]
fn a_torn_put_key_of_an_added_set() {
    for way in WAYS.into_iter().filter(|way| !way.replace) {
        let mut card = way.card();
        let mut record = way.rotation().to_bytes();
        card.power_on(Power::Torn);
        assert_eq!(way.run(&mut card, &mut record).unwrap_err(), Error::Transport(Cut));
        way.check(&card, &record);
        card.power_on(Power::Stays);
        assert!(way.run(&mut card, &mut record).unwrap().is_finished());
        way.check_end(&card);
    }
}

/// A card that says it has the keys and has them not: one run puts them once, and the next one finds out and puts them
/// again.
#[test]
fn a_card_that_forgets_what_it_acknowledged() {
    for way in WAYS {
        let mut card = way.card();
        card.forgets = 1;
        let mut record = way.rotation().to_bytes();
        let error = way.run(&mut card, &mut record).unwrap_err();
        let same_version = way.new_version == way.old_version;
        match error.failure().unwrap() {
            Failure::Channel(gp_scp03::Error::CardCryptogram) => assert!(same_version),
            failure => assert_eq!(failure.status(), Some(StatusWord::REFERENCED_DATA_NOT_FOUND)),
        }
        assert_eq!(Rotation::from_bytes(&record).unwrap().stage(), RotationStage::Stored);
        way.check(&card, &record);
        card.power_on(Power::Stays);
        assert!(way.run(&mut card, &mut record).unwrap().is_finished());
        way.check_end(&card);
    }
}

/// If the record cannot be stored, nothing further is sent; and what was sent is covered by the record before.
#[test]
fn storing_fails_at_each_stage() {
    for (way, guarded) in WAYS.into_iter().flat_map(|way| [(way, false), (way, true)]) {
        for fail_at in 0..if guarded { 8 } else { 4 } {
            let mut card = way.card();
            let rotation = way.rotation();
            let rotation = if guarded { rotation.guarded(Guard::default(), Guard::default()) } else { rotation };
            let mut record = rotation.to_bytes();
            let mut number = 0;
            let result = way.run_with(&mut card, &mut record, |_| {
                number += 1;
                if number == fail_at + 1 { Err(Failure::Stopped) } else { Ok(()) }
            });
            if let Err(error) = result {
                assert_eq!(error, Error::Failure(Failure::Stopped));
            }
            way.check(&card, &record);
            if guarded {
                way.check_guards(&card, &record);
            }
            if !Rotation::from_bytes(&record).unwrap().is_finished() {
                card.power_on(Power::Stays);
                way.run(&mut card, &mut record).unwrap();
            }
            way.check_end(&card);
        }
    }
}

#[test]
fn a_wrong_key_dek_is_found_before_the_commit() {
    let way = WAYS[1];
    let mut card = way.card();
    card.breaks_dek = true;
    let mut record = way.rotation().to_bytes();
    let error = way.run(&mut card, &mut record).unwrap_err();
    assert_eq!(error.failure().unwrap().status(), Some(StatusWord::SECURITY_STATUS));
    let rotation = Rotation::from_bytes(&record).unwrap();
    assert_eq!((rotation.stage(), rotation.opens_with()), (RotationStage::Stored, Opens::NewOrOld));
    // The old set is still there.
    assert!(card.sets.contains_key(&way.old_version));
    // Without the proof nobody notices, and the old set goes: that is what it is for.
    let way = WAYS[7];
    let mut card = way.card();
    card.breaks_dek = true;
    let mut record = way.rotation().to_bytes();
    way.run(&mut card, &mut record).unwrap();
    assert!(!card.sets.contains_key(&way.old_version));
}

#[test]
fn a_card_that_takes_whole_sets_only_is_proved_with_the_set() {
    let (one_key, whole_set) = (WAYS[1], Way { proof: DekProof::Set, ..WAYS[1] });
    let mut card = one_key.card();
    card.refuses_single_keys = true;
    let mut record = one_key.rotation().to_bytes();
    let error = one_key.run(&mut card, &mut record).unwrap_err();
    assert_eq!(error.failure().unwrap().status(), Some(StatusWord::WRONG_DATA));
    card.power_on(Power::Stays);
    assert!(whole_set.run(&mut card, &mut record).unwrap().is_finished());
    whole_set.check_end(&card);
}

#[test]
fn other_keys_than_prepared_and_weak_levels_are_refused_before_anything_is_sent() {
    let way = WAYS[0];
    let mut card = way.card();
    let (old, new, other) = (way.old_keys(), way.new_keys(), set(0x90, KeyLength::Aes128));
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    let random = || Ok(Challenge::new(&[1; 8])?);
    let rotate = Rotate::new(way.rotation(), &old, &other, SecurityLevel::Full, random, |_| Ok(()));
    assert_eq!(run(&mut host, &mut card, rotate).unwrap_err(), Error::Failure(Failure::OtherKeys));
    for level in [SecurityLevel::Authenticated, SecurityLevel::CMac, SecurityLevel::CMacRMac] {
        let rotate = Rotate::new(way.rotation(), &old, &new, level, random, |_| Ok(()));
        let error = run(&mut host, &mut card, rotate).unwrap_err();
        assert_eq!(error, Error::Failure(Failure::Channel(gp_scp03::Error::Level)));
    }
    assert_eq!(card.exchanges, 0);
}

/// The wrong old keys: no attempt is made with them, and nothing is changed.
#[test]
fn wrong_old_keys_cost_no_attempt() {
    let way = WAYS[0];
    let mut card = KeyCard::new(0x30, set(0x55, KeyLength::Aes128));
    let mut record = way.rotation().to_bytes();
    let error = way.run(&mut card, &mut record).unwrap_err();
    assert_eq!(error, Error::Failure(Failure::Channel(gp_scp03::Error::CardCryptogram)));
    assert_eq!((card.exchanges, card.failed_authentications), (1, 0));
    assert_eq!(record, way.rotation().to_bytes());
    // A card may count the challenge that nobody answered, so a guard does, and stops.
    let mut record = way.rotation().guarded(Guard::new(2), Guard::new(2)).to_bytes();
    for (sent, failure) in [
        (1, Failure::Channel(gp_scp03::Error::CardCryptogram)),
        (1, Failure::Channel(gp_scp03::Error::CardCryptogram)),
        (0, Failure::Stopped),
    ] {
        card.power_on(Power::Stays);
        assert_eq!(way.run(&mut card, &mut record).unwrap_err(), Error::Failure(failure));
        assert_eq!(card.exchanges, sent);
    }
    // A record that says Sent, and a card that has neither set.
    let mut rotation = way.rotation();
    rotation.advance(RotationStage::Sent).unwrap();
    let mut record = rotation.to_bytes();
    card.power_on(Power::Stays);
    let error = way.run(&mut card, &mut record).unwrap_err();
    assert_eq!(error, Error::Failure(Failure::Channel(gp_scp03::Error::CardCryptogram)));
    assert_eq!((card.exchanges, card.failed_authentications), (2, 0));
}

#[test]
fn a_record_is_read_back_or_refused() {
    let mut records = Vec::new();
    let guards = (Guard::resume(1, 2), Guard::resume(0x7F, 0xFF));
    for way in WAYS {
        for mut rotation in [way.rotation(), way.rotation().guarded(guards.0, guards.1)] {
            for stage in [RotationStage::Prepared, RotationStage::Sent, RotationStage::Stored, RotationStage::Proved] {
                rotation.advance(stage).unwrap();
                records.push(rotation.to_bytes());
                assert_eq!(Rotation::from_bytes(&rotation.to_bytes()), Some(rotation));
                assert!(rotation.fits(&way.new_keys()) && !rotation.fits(&way.old_keys()));
            }
        }
    }
    for record in records {
        for len in 0..record.len() {
            assert_eq!(Rotation::from_bytes(&record[..len]), None);
        }
        for bit in 0..record.len() * 8 {
            let mut damaged = record;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Rotation::from_bytes(&damaged), None, "bit {bit}");
        }
    }
}

#[test]
fn stages_follow_each_other() {
    use RotationStage::{Finished, Prepared, Proved, Sent, Stored};
    let legal = [(Prepared, Sent), (Sent, Stored), (Sent, Proved), (Stored, Proved), (Proved, Finished)];
    let stages = [Prepared, Sent, Stored, Proved, Finished];
    let path = |to| match to {
        Prepared => vec![],
        Sent => vec![Sent],
        Stored => vec![Sent, Stored],
        Proved => vec![Sent, Proved],
        Finished => vec![Sent, Proved, Finished],
    };
    for from in stages {
        for to in stages {
            let mut rotation = WAYS[1].rotation();
            path(from).into_iter().for_each(|stage| rotation.advance(stage).unwrap());
            assert_eq!(rotation.stage(), from);
            let allowed = from == to || legal.contains(&(from, to));
            assert_eq!(rotation.advance(to).is_ok(), allowed, "{from:?} {to:?}");
            assert_eq!(rotation.stage(), if allowed { to } else { from });
        }
    }
    // With nothing to delete, the proof is the end.
    let mut rotation = WAYS[0].rotation();
    rotation.advance(Sent).unwrap();
    rotation.advance(Proved).unwrap();
    assert_eq!(rotation.stage(), Finished);
}
