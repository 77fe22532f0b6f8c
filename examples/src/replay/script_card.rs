//! The card of a script: one security domain, always selected, with a small application behind it.

use std::collections::BTreeMap;

use gp_apdu::{Command, CommandBuf, Response, StatusWord, ins};
use gp_scp03::{
    Challenge, Implementation, InitializeUpdate, KeySetInfo, Mode, Responder, ResponderState, SequenceCounter,
    StaticKeys,
};

/// Room for padding, R-MAC and status word behind the response data.
const ROOM: usize = 64;

/// One key set. It may lack keys, and is then there and cannot be used.
#[derive(Debug)]
pub(super) struct KeySet {
    /// All three keys, if they are all there.
    pub(super) keys: Option<StaticKeys>,
    /// The sequence counter of the set.
    pub(super) sequence: SequenceCounter,
}

/// A card without content management: it opens sessions and hands everything else to [`application`](Self::application).
#[derive(Debug)]
pub struct ScriptCard {
    implementation: Implementation,
    diversification: [u8; 10],
    aid: Vec<u8>,
    /// By key version number; the lowest is the first available one.
    key_sets: BTreeMap<u8, KeySet>,
    responder: Responder,
}

impl ScriptCard {
    /// A card without keys.
    #[must_use]
    pub fn new(implementation: Implementation, diversification: [u8; 10], aid: &[u8]) -> Self {
        Self {
            implementation,
            diversification,
            aid: aid.into(),
            key_sets: BTreeMap::new(),
            responder: Responder::new(),
        }
    }

    pub(super) fn add(&mut self, version: u8, set: KeySet) {
        self.key_sets.insert(version, set);
    }

    /// Answers a command. A card with random challenges takes the next one from `recorded`, the answer to INITIALIZE UPDATE
    /// that is expected.
    #[must_use]
    pub fn process(&mut self, command: &[u8], recorded: &[u8]) -> Vec<u8> {
        let mut octets = command.to_vec();
        let answer = match CommandBuf::parse(&mut octets, command.len()) {
            Ok(mut command) => self.dispatch(&mut command, recorded),
            Err(_) => Err(StatusWord::WRONG_LENGTH),
        };
        answer.unwrap_or_else(|status| status.octets().to_vec())
    }

    /// An error is a status word that stands alone. What the security domain answers for itself is never protected but
    /// for BEGIN and END R-MAC SESSION, which are commands of the session.
    fn dispatch(&mut self, command: &mut CommandBuf<'_>, recorded: &[u8]) -> Result<Vec<u8>, StatusWord> {
        let header = command.header();
        if InitializeUpdate::is(header) {
            return self.initialize_update(&command.as_command(), recorded);
        }
        let challenged = self.responder.state() == ResponderState::Challenged;
        if challenged && header.ins == ins::EXTERNAL_AUTHENTICATE && header.cla.is_gp() {
            self.responder.external_authenticate(command)?;
            return Ok(StatusWord::OK.octets().to_vec());
        }
        let in_session = self.responder.unwrap(command)?.is_some();
        let command = command.as_command();
        let (mut data, status) = match command.header.ins {
            ins::BEGIN_R_MAC_SESSION if in_session && command.header.cla.is_gp() => {
                bare(self.responder.begin_r_mac(&command))
            }
            ins::END_R_MAC_SESSION if in_session && command.header.cla.is_gp() => {
                bare(self.responder.end_r_mac(&command))
            }
            _ => Self::application(&command),
        };
        let length = data.len();
        data.resize(length + ROOM, 0);
        match self.responder.wrap(&mut data, length, status) {
            Ok(answer) => Ok(answer.to_vec()),
            Err(error) => Err(error.status_word()),
        }
    }

    fn initialize_update(&mut self, command: &Command<'_>, recorded: &[u8]) -> Result<Vec<u8>, StatusWord> {
        let implementation = self.implementation;
        let request = self.responder.initialize_update(command, implementation)?;
        let set = match request.key_version {
            0 => self.key_sets.iter_mut().next(),
            version => self.key_sets.iter_mut().find(|(known, _)| **known == version),
        };
        let (version, set) = set.ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        let mut keys = set.keys.as_ref().ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
        let mode = implementation.mode();
        let mut info =
            KeySetInfo { diversification: self.diversification, key_version: *version, implementation, sequence: None };
        let card_challenge = if implementation.has_pseudo_random_challenge() {
            // Stepped first; the session uses the new value and shows it.
            set.sequence = set.sequence.next().ok_or(StatusWord::CONDITIONS_OF_USE)?;
            info.sequence = Some(set.sequence);
            let challenge = Challenge::pseudo_random(&mut keys, mode, set.sequence, &self.aid);
            challenge.map_err(gp_scp03::Error::status_word)?
        } else {
            recorded_challenge(recorded, mode).ok_or(StatusWord::UNKNOWN)?
        };
        let mut buffer = [0; ROOM];
        let length = self.responder.challenge(&mut keys, &info, &request, &card_challenge, &mut buffer)?;
        match Response::write_status(&mut buffer, length, StatusWord::OK) {
            Ok(answer) => Ok(answer.to_vec()),
            Err(_) => Err(StatusWord::UNKNOWN),
        }
    }

    /// The application of the scripts.
    ///
    /// | INS | answer |
    /// |---|---|
    /// | `10` | P2 octets of the value P1, `9000` |
    /// | `12` | no data, the status word P1 P2 |
    /// | `14` | P1 octets `5A`, the status word `62` P2 |
    /// | `16` | the command data from its end to its beginning, `9000` |
    /// | any other | `6D00` |
    #[must_use]
    pub fn application(command: &Command<'_>) -> (Vec<u8>, StatusWord) {
        let (p1, p2) = (command.header.p1, command.header.p2);
        match command.header.ins {
            0x10 => (vec![p1; p2.into()], StatusWord::OK),
            0x12 => (vec![], StatusWord::from([p1, p2])),
            0x14 => (vec![0x5A; p1.into()], StatusWord::from([0x62, p2])),
            0x16 => (command.data.iter().rev().copied().collect(), StatusWord::OK),
            _ => (vec![], StatusWord::INS_NOT_SUPPORTED),
        }
    }
}

/// No data, and `9000` or the error.
fn bare(result: Result<(), StatusWord>) -> (Vec<u8>, StatusWord) {
    (vec![], result.err().unwrap_or(StatusWord::OK))
}

/// The card challenge in a recorded answer: behind 13 octets of diversification data and key information.
fn recorded_challenge(recorded: &[u8], mode: Mode) -> Option<Challenge> {
    Challenge::new(recorded.get(13..13 + mode.octets())?).ok()
}
