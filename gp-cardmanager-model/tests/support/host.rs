//! What the host's tests share: a recorded session played back, a card of a few lines, and a `block_on`.
#![allow(dead_code, reason = "each test file uses a part of it")]

use gp_apdu::{Chaining, Command, CommandBuf, Form, Response, StatusWord, Transport, ins};
use gp_scp03::{Challenge, Implementation, InitializeUpdate, KeySetInfo, Responder, SequenceCounter, StaticKeys};

pub(crate) const ENC: [u8; 32] = octets(0x10);
pub(crate) const MAC: [u8; 32] = octets(0x30);
pub(crate) const DEK: [u8; 32] = octets(0x50);

const fn octets(start: u8) -> [u8; 32] {
    let mut octets = [0; 32];
    let mut i = 0;
    while i < 32 {
        octets[i] = start + i as u8;
        i += 1;
    }
    octets
}

pub(crate) fn keys(len: usize) -> StaticKeys {
    let key = |octets: &[u8]| gp_scp03::Key::new(&octets[..len]).unwrap();
    StaticKeys::new(key(&ENC), key(&MAC), key(&DEK)).unwrap()
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

pub(crate) fn scale(cases: u32) -> u32 {
    let percent = std::env::var("GP_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(100_u32);
    (cases * percent / 100).max(1)
}

/// The link was cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cut;

impl core::fmt::Display for Cut {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the cable was cut")
    }
}

impl core::error::Error for Cut {}

/// The recorded clients put an Le where the specification has none, or leave it out; all else is alike.
pub(crate) fn assert_same(command: &[u8], recorded: &[u8]) {
    match command.len().cmp(&recorded.len()) {
        core::cmp::Ordering::Equal => assert_eq!(command, recorded),
        core::cmp::Ordering::Less => assert_eq!([command, &[0]].concat(), recorded),
        core::cmp::Ordering::Greater => assert_eq!(command, [recorded, &[0]].concat()),
    }
}

/// Answers a recorded session, and insists on its very commands.
pub(crate) struct Replay {
    pub(crate) exchanges: std::collections::VecDeque<(Vec<u8>, Vec<u8>)>,
}

impl Transport for Replay {
    type Error = Cut;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Cut> {
        let (expected, answer) = self.exchanges.pop_front().ok_or(Cut)?;
        assert_same(command, &expected);
        response[..answer.len()].copy_from_slice(&answer);
        Ok(answer.len())
    }
}

/// A card of one key set that opens sessions; what else it does is `handler`'s business: plain command in, data and
/// status out.
pub(crate) struct TestCard<H> {
    pub(crate) responder: Responder,
    pub(crate) keys: StaticKeys,
    pub(crate) info: KeySetInfo,
    pub(crate) handler: H,
    /// Every command as it came.
    pub(crate) seen: Vec<Vec<u8>>,
    /// Every plain command that reached the handler.
    pub(crate) handled: Vec<(gp_apdu::Header, Vec<u8>)>,
    chain: Vec<u8>,
    /// Data that waits for GET RESPONSE, and the most that goes out at once.
    pending: Vec<u8>,
    pub(crate) part: usize,
}

pub(crate) type Handled = (Vec<u8>, StatusWord);

impl<H: FnMut(gp_apdu::Header, &[u8]) -> Handled> TestCard<H> {
    pub(crate) fn new(key_len: usize, i: u8, handler: H) -> Self {
        let implementation = Implementation::new(i);
        let sequence = implementation.has_pseudo_random_challenge().then(|| SequenceCounter::new([0, 0, 7]));
        Self {
            responder: Responder::new(),
            keys: keys(key_len),
            info: KeySetInfo { diversification: *b"DIVERSIFY.", key_version: 0x30, implementation, sequence },
            handler,
            seen: Vec::new(),
            handled: Vec::new(),
            chain: Vec::new(),
            pending: Vec::new(),
            part: usize::MAX,
        }
    }

    pub(crate) fn count(&self, instruction: u8) -> usize {
        self.seen.iter().filter(|command| command[1] == instruction).count()
    }

    pub(crate) fn process(&mut self, octets: &[u8]) -> Vec<u8> {
        self.seen.push(octets.to_vec());
        let command = Command::parse(octets).unwrap();
        let header = command.header;
        let chainable = [ins::DELETE, ins::INSTALL, ins::PUT_KEY].contains(&header.ins);
        if header.ins == ins::GET_RESPONSE {
            return self.next_part();
        }
        let iso = header.cla.is_chained();
        if iso || (chainable && header.p1 & 0x80 != 0) {
            self.chain.extend_from_slice(command.data);
            return vec![0x90, 0x00];
        }
        let mut data = core::mem::take(&mut self.chain);
        let chained = !data.is_empty();
        data.extend_from_slice(command.data);
        let form = if chained { Form::Chained(Chaining::Gp) } else { command.form };
        let mut buf = vec![0; data.len() + 600];
        buf[form.data_offset()..][..data.len()].copy_from_slice(&data);
        let mut command = CommandBuf::assemble(&mut buf, header, form, data.len(), command.le).unwrap();
        let (data, status) = match header.ins {
            ins::INITIALIZE_UPDATE => self.initialize_update(&command),
            ins::EXTERNAL_AUTHENTICATE => match self.responder.external_authenticate(&mut command) {
                Ok(_) => return vec![0x90, 0x00],
                Err(status) => return status.octets().to_vec(),
            },
            ins::SELECT => {
                self.responder.terminate();
                self.handled.push((header, command.data().to_vec()));
                (self.handler)(header, command.data())
            }
            _ => match self.responder.unwrap(&mut command) {
                Ok(_) => {
                    self.handled.push((command.header(), command.data().to_vec()));
                    (self.handler)(command.header(), command.data())
                }
                Err(status) => return status.octets().to_vec(),
            },
        };
        let mut answer = vec![0; data.len() + 64];
        answer[..data.len()].copy_from_slice(&data);
        let answer = match self.responder.wrap(&mut answer, data.len(), status) {
            Ok(answer) => answer.to_vec(),
            // MANAGE CHANNEL, INITIALIZE UPDATE: beside the session.
            Err(_) => [data, status.octets().to_vec()].concat(),
        };
        if answer.len().saturating_sub(2) > self.part {
            self.pending = answer;
            return self.next_part();
        }
        answer
    }

    fn next_part(&mut self) -> Vec<u8> {
        let waiting = self.pending.len().saturating_sub(2);
        if waiting <= self.part {
            return core::mem::take(&mut self.pending);
        }
        let mut part: Vec<u8> = self.pending.drain(..self.part).collect();
        let left = waiting - self.part;
        part.extend_from_slice(&[0x61, u8::try_from(left).unwrap_or(0)]);
        part
    }

    fn initialize_update(&mut self, command: &CommandBuf<'_>) -> Handled {
        let implementation = self.info.implementation;
        let request: InitializeUpdate = match self.responder.initialize_update(&command.as_command(), implementation) {
            Ok(request) => request,
            Err(status) => return (Vec::new(), status),
        };
        if ![0, self.info.key_version].contains(&request.key_version) {
            return (Vec::new(), StatusWord::REFERENCED_DATA_NOT_FOUND);
        }
        let challenge = Challenge::new(&[0xC7; 16][..implementation.mode().octets()]).unwrap();
        let mut out = vec![0; 48];
        match self.responder.challenge(&mut self.keys, &self.info, &request, &challenge, &mut out) {
            Ok(len) => {
                out.truncate(len);
                (out, StatusWord::OK)
            }
            Err(status) => (Vec::new(), status),
        }
    }
}

impl<H: FnMut(gp_apdu::Header, &[u8]) -> Handled> Transport for TestCard<H> {
    type Error = Cut;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Cut> {
        let answer = self.process(command);
        response.get_mut(..answer.len()).ok_or(Cut)?.copy_from_slice(&answer);
        Ok(answer.len())
    }
}

/// A link that does with commands and answers as a function says.
pub(crate) struct Link<F>(pub(crate) F);

impl<F: FnMut(&[u8]) -> Result<Vec<u8>, Cut>> Transport for Link<F> {
    type Error = Cut;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Cut> {
        let answer = (self.0)(command)?;
        response.get_mut(..answer.len()).ok_or(Cut)?.copy_from_slice(&answer);
        Ok(answer.len())
    }
}

/// The same for links that do not block: each answer comes at the second poll.
pub(crate) struct AsyncLink<F>(pub(crate) F);

impl<F: FnMut(&[u8]) -> Result<Vec<u8>, Cut>> gp_apdu::AsyncTransport for AsyncLink<F> {
    type Error = Cut;

    async fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Cut> {
        Yield(false).await;
        Transport::transmit(&mut Link(&mut self.0), command, response)
    }
}

/// Pending once.
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: core::pin::Pin<&mut Self>, context: &mut core::task::Context<'_>) -> core::task::Poll<()> {
        if core::mem::replace(&mut self.0, true) {
            return core::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        core::task::Poll::Pending
    }
}

/// Polls a future to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = core::pin::pin!(future);
    let mut context = core::task::Context::from_waker(core::task::Waker::noop());
    loop {
        if let core::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// Polls a future so many times, then drops it; `true` when it was over before.
pub(crate) fn poll_and_drop<T>(future: impl Future<Output = T>, polls: usize) -> bool {
    let mut future = core::pin::pin!(future);
    let mut context = core::task::Context::from_waker(core::task::Waker::noop());
    (0..polls).any(|_| future.as_mut().poll(&mut context).is_ready())
}

/// The data of an answer without its status word.
pub(crate) fn data(answer: &[u8]) -> &[u8] {
    Response::parse(answer).unwrap().data
}
