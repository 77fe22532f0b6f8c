//! A card that carries nothing out and agrees to everything: what a dry run talks to.

use std::io;

use gp_apdu::{Chaining, Command, CommandBuf, Form, Header, Response, StatusWord, Transport, ins};
use gp_cardmanager_model::put_key::{CHECK_VALUE_LEN, PutKey};
use gp_scp03::{
    Challenge, Implementation, InitializeUpdate, Key, KeyId, KeySetInfo, Responder, ResponderState, SequenceCounter,
    StaticKeys,
};

/// It has the keys that the host has, of whatever version the host asks for, and learns those that are put.
pub(super) struct DryCard {
    responder: Responder,
    implementation: Implementation,
    keys: StaticKeys,
    /// The key set that was put, and its version.
    put: Option<(u8, StaticKeys)>,
    /// Data of the segments so far.
    chain: Vec<u8>,
}

impl DryCard {
    pub(super) fn new(keys: StaticKeys, implementation: Implementation) -> Self {
        Self { responder: Responder::new(), implementation, keys, put: None, chain: Vec::new() }
    }

    /// The answer: data and status word.
    fn answer(&mut self, octets: &[u8]) -> Vec<u8> {
        let plain = |status: StatusWord| status.octets().to_vec();
        let Ok(command) = Command::parse(octets) else { return plain(StatusWord::WRONG_LENGTH) };
        let header = command.header;
        match header.ins {
            ins::SELECT if header.p1 == 0x04 => {
                self.responder.terminate();
                return plain(StatusWord::OK);
            }
            ins::MANAGE_CHANNEL if !header.cla.is_gp() => return plain(StatusWord::OK),
            ins::INITIALIZE_UPDATE if InitializeUpdate::is(header) => return self.initialize_update(&command),
            _ => {}
        }
        let by_p1 = matches!(header.ins, ins::INSTALL | ins::DELETE | ins::PUT_KEY) && header.p1 & 0x80 != 0;
        if by_p1 || header.cla.is_chained() {
            self.chain.extend_from_slice(command.data);
            return plain(StatusWord::OK);
        }
        let form = if self.chain.is_empty() { command.form } else { Form::Chained(Chaining::Gp) };
        let mut data = std::mem::take(&mut self.chain);
        data.extend_from_slice(command.data);
        let mut buffer = vec![0; data.len() + 64];
        let start = form.data_offset();
        if let Some(room) = buffer.get_mut(start..start + data.len()) {
            room.copy_from_slice(&data);
        }
        let Ok(mut command) = CommandBuf::assemble(&mut buffer, header, form, data.len(), command.le) else {
            return plain(StatusWord::WRONG_LENGTH);
        };
        if header.ins == ins::EXTERNAL_AUTHENTICATE && self.responder.state() == ResponderState::Challenged {
            return plain(self.responder.external_authenticate(&mut command).err().unwrap_or(StatusWord::OK));
        }
        if let Err(status) = self.responder.unwrap(&mut command) {
            return plain(status);
        }
        let (data, status) = self.agree(command.header(), command.data());
        let mut answer = vec![0; data.len() + 64];
        if let Some(room) = answer.get_mut(..data.len()) {
            room.copy_from_slice(&data);
        }
        match self.responder.wrap(&mut answer, data.len(), status) {
            Ok(answer) => answer.to_vec(),
            Err(_) => plain(StatusWord::UNKNOWN),
        }
    }

    fn initialize_update(&mut self, command: &Command<'_>) -> Vec<u8> {
        let plain = |status: StatusWord| status.octets().to_vec();
        let request = match self.responder.initialize_update(command, self.implementation) {
            Ok(request) => request,
            Err(status) => return plain(status),
        };
        let keys = match &self.put {
            Some((version, keys)) if *version == request.key_version => keys,
            _ => &self.keys,
        };
        let info = KeySetInfo {
            diversification: [0; 10],
            key_version: if request.key_version == 0 { 0x01 } else { request.key_version },
            implementation: self.implementation,
            sequence: self.implementation.has_pseudo_random_challenge().then(SequenceCounter::default),
        };
        // Nobody is authenticated here, so that the challenge need not be fresh.
        let Ok(challenge) = Challenge::new(request.host_challenge.octets()) else {
            return plain(StatusWord::UNKNOWN);
        };
        let mut answer = vec![0; 64];
        match self.responder.challenge(&mut &*keys, &info, &request, &challenge, &mut answer) {
            Ok(length) => Response::write_status(&mut answer, length, StatusWord::OK).map(|answer| answer.to_vec()),
            Err(status) => Ok(plain(status)),
        }
        .unwrap_or_else(|_| plain(StatusWord::UNKNOWN))
    }

    /// What an operation wants to hear.
    fn agree(&mut self, header: Header, data: &[u8]) -> (Vec<u8>, StatusWord) {
        match header.ins {
            ins::INSTALL | ins::LOAD | ins::DELETE => (vec![0x00], StatusWord::OK),
            ins::PUT_KEY => {
                let mut answer = vec![0; 256];
                let body = PutKey::parse(header.p1 & 0x7F, header.p2, data).ok();
                let Some(body) = body else { return (Vec::new(), StatusWord::WRONG_DATA) };
                self.learn(&body);
                let length = body.emit_answer(&mut answer).map_or(0, |answer| answer.len());
                answer.truncate(length);
                (answer, StatusWord::OK)
            }
            _ => (Vec::new(), StatusWord::OK),
        }
    }

    /// Keeps a key set that is put, for a host that wants to see it work.
    fn learn(&mut self, body: &PutKey<'_>) {
        let mut keys = Vec::new();
        for field in body.keys() {
            let mut clear = [0; 32];
            let Some(component) = field.components().next() else { return };
            let Ok(clear) = component.decrypt(&mut self.keys.dek(), &mut clear) else { return };
            let Ok(key) = Key::new(clear) else { return };
            debug_assert!(field.check_value.len() <= CHECK_VALUE_LEN);
            keys.push(key);
        }
        let [dek, mac, enc] = [keys.pop(), keys.pop(), keys.pop()];
        if let (Some(enc), Some(mac), Some(dek)) = (enc, mac, dek)
            && let Ok(set) = StaticKeys::new(enc, mac, dek)
        {
            self.put = Some((body.version, set));
        }
    }
}

impl Transport for DryCard {
    type Error = io::Error;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> io::Result<usize> {
        let answer = self.answer(command);
        let room = response.get_mut(..answer.len()).ok_or_else(|| io::Error::other("no room for the answer"))?;
        room.copy_from_slice(&answer);
        Ok(answer.len())
    }
}

/// A copy of a key set, for its two ends.
pub(super) fn duplicate(keys: &StaticKeys) -> Result<StaticKeys, gp_scp03::Error> {
    let key = |id| keys.key(id).duplicate_secret();
    StaticKeys::new(key(KeyId::Enc), key(KeyId::Mac), key(KeyId::Dek))
}
