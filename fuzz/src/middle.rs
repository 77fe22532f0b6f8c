//! Host and card, and an attacker in the middle who holds every message in his hands.

use arbitrary::Arbitrary;
use gp_apdu::{Class, Command, CommandBuf, Form, Header, Le, StatusWord};
use gp_scp03::{Error, Mode, RMacSession, Reply, Responder, ResponderState, SecureChannel};

use crate::edit::{Edit, is_bare};
use crate::world::{
    level,
    pair::{Setup, octets},
};

/// A session, and what happens in it.
#[derive(Arbitrary, Debug)]
pub struct Middle<'a> {
    long: bool,
    level: u8,
    channel: u8,
    keys: u8,
    moves: Vec<Move<'a>>,
}

/// One move. The attacker drops a message by not delivering it, repeats it by delivering it again, and changes the order
/// by choosing which; numbers count from the latest message back.
#[derive(Arbitrary, Debug)]
enum Move<'a> {
    /// The host protects its next command, if it is its turn.
    Send {
        ins: u8,
        length: u8,
        extended: bool,
        le: bool,
    },
    /// The host asks for R-MAC from now on, or for its end.
    Raise {
        encrypted: bool,
    },
    Lower,
    /// The card gets a command of the host, edited; spliced with the one before.
    ToCard {
        back: u8,
        edits: Vec<Edit<'a>>,
    },
    /// The host gets an answer of the card, edited; spliced with the one before.
    ToHost {
        back: u8,
        edits: Vec<Edit<'a>>,
    },
    /// The card gets these octets.
    CardGets(&'a [u8]),
    /// The host gets these octets.
    HostGets(&'a [u8]),
    /// What the card would have said goes to the host without a detour, and the command before it to the card.
    Honest,
    /// What the host sent comes back to it, and what the card said to the card.
    Mirror,
    /// A session is put away and taken up again.
    Suspend {
        host: bool,
    },
}

/// A command as it was meant: its header without protection, and its data.
type Meant = (Header, Vec<u8>);
/// An answer as it was meant.
type Said = (Vec<u8>, StatusWord);

struct Game {
    setup: Setup,
    host: SecureChannel,
    card: Responder,
    /// Every command of the host: as meant, and on the wire.
    sent: Vec<(Meant, Vec<u8>)>,
    /// Every command that the card took as authentic, in its order.
    executed: Vec<Meant>,
    /// The answers of the card, one for each, as meant.
    said: Vec<Said>,
    /// Everything that came out of the card.
    answers: Vec<Vec<u8>>,
}

/// Plays the moves, and checks after each:
///
/// - what the card takes as authentic is what the host has sent, in its order, with nothing left out and nothing twice;
/// - what the host takes as authentic is what the card has said to the very command that waits for it;
/// - both fail closed: after the first thing that does not verify there is no session, no key, and no way back.
///
/// Le and the logical channel of a class are outside the C-MAC; a bare error status is outside the R-MAC, and told apart.
pub fn middle(input: &Middle<'_>) {
    let mode = if input.long { Mode::S16 } else { Mode::S8 };
    // Level 00 protects nothing.
    let level = Some(level(input.level)).filter(|level| level.has_c_mac()).unwrap_or(gp_scp03::SecurityLevel::CMac);
    let setup = Setup::new([16, 24, 32][usize::from(input.keys) % 3], mode, level, input.channel % 20);
    let (host, card) = setup.open();
    let mut game = Game { setup, host, card, sent: vec![], executed: vec![], said: vec![], answers: vec![] };
    // The first exchange makes this session another than that of every other input.
    game.send(setup.header(0xCA), Form::Short, &crate::world::salt(input), Some(Le::MAX_SHORT));
    game.play(&Move::Honest);
    for one in input.moves.iter().take(64) {
        game.play(one);
    }
}

/// The message that is so many before the latest, and the one before that.
fn chosen<T>(messages: &[T], back: u8) -> Option<(&T, Option<&T>)> {
    let at = messages.len().checked_sub(1 + usize::from(back) % messages.len().max(1))?;
    Some((&messages[at], at.checked_sub(1).map(|before| &messages[before])))
}

impl Game {
    fn play(&mut self, one: &Move<'_>) {
        match one {
            Move::Send { ins, length, extended, le } => {
                let ins = if matches!(*ins, 0x7A | 0x78 | 0x82 | 0x50) { 0xCA } else { *ins };
                let header = self.setup.header(ins);
                let form = if *extended { Form::Extended } else { Form::Short };
                let data = octets(self.sent.len() as u32 + 100, usize::from(*length) % 220);
                self.send(header, form, &data, le.then_some(Le::MAX_SHORT));
            }
            Move::Raise { encrypted } => {
                let by = if *encrypted { RMacSession::RMacREncryption } else { RMacSession::RMac };
                let mut buffer = [0; 80];
                if let Ok(wire) = self.host.begin_r_mac(by, &[1, 2, 3], &mut buffer) {
                    let header = Header { ins: 0x7A, p1: by.octet(), p2: 1, ..self.setup.header(0) };
                    self.sent.push(((header, vec![3, 1, 2, 3]), wire.to_vec()));
                }
            }
            Move::Lower => {
                let mut buffer = [0; 80];
                if let Ok(wire) = self.host.end_r_mac(&mut buffer) {
                    let header = Header { ins: 0x78, p1: 0, p2: 3, ..self.setup.header(0) };
                    self.sent.push(((header, vec![]), wire.to_vec()));
                }
            }
            Move::ToCard { back, edits } => {
                let Some(((_, wire), other)) = chosen(&self.sent, *back) else { return };
                let wire = Edit::all(edits, wire, other.map_or(&[], |other| &other.1));
                self.card_gets(&wire);
            }
            Move::ToHost { back, edits } => {
                let Some((wire, other)) = chosen(&self.answers, *back) else { return };
                let wire = Edit::all(edits, wire, other.map_or(&[], |other| other));
                self.host_gets(&wire);
            }
            Move::CardGets(octets) => self.card_gets(octets),
            Move::HostGets(octets) => self.host_gets(octets),
            Move::Honest => {
                let Some((_, wire)) = self.sent.last().filter(|_| self.host.is_awaiting()).cloned() else { return };
                self.card_gets(&wire);
                if let Some(answer) = self.answers.last().cloned() {
                    self.host_gets(&answer);
                }
            }
            Move::Mirror => {
                if let Some((_, wire)) = self.sent.last().cloned() {
                    self.host_gets(&wire);
                }
                if let Some(answer) = self.answers.last().cloned() {
                    self.card_gets(&answer);
                }
            }
            Move::Suspend { host: true } => {
                let spare = SecureChannel::resume(crate::world::pair::host_state(&mut self.setup.open().0));
                if let Ok(state) = core::mem::replace(&mut self.host, spare).suspend() {
                    self.host = SecureChannel::resume(state);
                } else {
                    self.host.close();
                }
            }
            Move::Suspend { host: false } => {
                if let Some(state) = self.card.suspend() {
                    assert_eq!(self.card.state(), ResponderState::Idle);
                    self.card = Responder::resume(state);
                }
            }
        }
    }

    fn send(&mut self, header: Header, form: Form, data: &[u8], le: Option<Le>) {
        let mut buffer = [0; 400];
        let mut command = CommandBuf::new(&mut buffer, header, form).expect("room enough");
        command.push(data).expect("room enough").set_le(le);
        let (awaiting, closed) = (self.host.is_awaiting(), self.host.is_closed());
        match self.host.wrap(&mut command) {
            Ok(()) => {
                assert!(!awaiting && !closed);
                let wire = command.finish().expect("room enough").to_vec();
                self.sent.push(((header, data.to_vec()), wire));
            }
            Err(Error::State) => assert!(awaiting),
            Err(Error::Closed) => assert!(closed),
            Err(Error::Apdu(_)) => assert!(!awaiting && !closed && form == Form::Short),
            Err(error) => panic!("{error:?}"),
        }
    }

    fn card_gets(&mut self, wire: &[u8]) {
        let mut octets = wire.to_vec();
        let before = self.card.state();
        let Ok(mut command) = CommandBuf::parse(&mut octets, wire.len()) else { return };
        let unwrapped = self.card.unwrap(&mut command);
        let (data, status) = match unwrapped {
            Ok(Some(_)) => {
                assert_eq!(before, ResponderState::Open, "a session came back");
                let meant: Meant = (command.header(), command.data().to_vec());
                // The heart of it: this is the host's next command, and no other.
                let ((header, data), _) = self.sent.get(self.executed.len()).expect("a command that nobody has sent");
                assert_eq!((header, data), (&meant.0, &meant.1), "not what the host sent at this place");
                self.executed.push(meant);
                self.act(&command.as_command())
            }
            Ok(None) => panic!("the session is gone, and the command went through"),
            Err(status) => {
                assert_eq!(status, StatusWord::SECURITY_STATUS);
                assert_eq!((self.card.state(), self.card.level()), (ResponderState::Aborted, None));
                assert!(self.card.suspend().is_none());
                let mut out = [0xDA; 40];
                assert_eq!(self.card.wrap(&mut out, 20, StatusWord::OK).expect("room"), [0x69, 0x82]);
                self.answers.push(vec![0x69, 0x82]);
                return;
            }
        };
        let mut out = vec![0; data.len() + 64];
        out[..data.len()].copy_from_slice(&data);
        let answer = self.card.wrap(&mut out, data.len(), status).expect("room enough").to_vec();
        self.said.push((data, status));
        self.answers.push(answer);
    }

    /// What the card does with a command that is authentic.
    fn act(&mut self, command: &Command<'_>) -> Said {
        let plain = |outcome: Result<(), StatusWord>| (vec![], outcome.err().unwrap_or(StatusWord::OK));
        match command.header.ins {
            0x7A => plain(self.card.begin_r_mac(command)),
            0x78 => plain(self.card.end_r_mac(command)),
            // An error, a warning and data, or data of its own each time.
            ins if ins % 8 == 1 => (vec![], StatusWord::CONDITIONS_OF_USE),
            ins if ins % 8 == 2 => (octets(900 + self.said.len() as u32, 40), StatusWord::MORE_DATA),
            _ => (octets(500 + self.said.len() as u32, command.data.len() % 90), StatusWord::OK),
        }
    }

    fn host_gets(&mut self, wire: &[u8]) {
        let mut octets = wire.to_vec();
        let (awaiting, closed) = (self.host.is_awaiting(), self.host.is_closed());
        let level = self.host.level();
        let told = self.host.unwrap(&mut octets);
        let bare = is_bare(level, wire);
        match told {
            Ok(reply) => {
                assert!(awaiting && !closed);
                let number = self.sent.len() - 1;
                match reply {
                    Reply::Authentic(response) => {
                        assert!(level.has_r_mac());
                        assert_eq!(
                            self.executed.len(),
                            number + 1,
                            "an answer to a command that the card has not taken"
                        );
                        let (data, status) = &self.said[number];
                        assert_eq!((response.data, response.status), (&data[..], *status), "not what the card said");
                    }
                    Reply::Plain(response) => {
                        assert!(!level.has_r_mac());
                        assert_eq!([response.data, &response.status.octets()].concat(), wire);
                    }
                    Reply::Refused(status) => {
                        assert!(bare);
                        assert_eq!(status.octets(), *wire);
                    }
                }
            }
            Err(Error::Closed) => assert!(closed),
            Err(Error::State) => assert!(!awaiting && !closed),
            Err(error) => {
                assert_eq!(error, Error::Security);
                assert!(awaiting && !bare);
                assert!(self.host.is_closed() && self.host.session_keys().is_none() && self.host.chain().is_none());
                let header = Header::new(Class::GP, 0xCA, 0, 0);
                let mut buffer = [0; 64];
                let mut command = CommandBuf::new(&mut buffer, header, Form::Short).expect("room enough");
                assert_eq!(self.host.wrap(&mut command), Err(Error::Closed));
            }
        }
    }
}
