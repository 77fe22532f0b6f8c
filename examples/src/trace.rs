//! An [`Observer`] that gathers what a host does into exchanges, one for each logical command, and shows each to a [`Sink`].
//!
//! ```text
//!  plain    the command as the operation made it
//!  sent     the octets on the wire: protected, perhaps in segments; also each GET RESPONSE
//!  received what came back for each
//!  opened   the answer after its protection was verified and taken off
//! ```

use gp_apdu::{Class, Command, Header, Response, StatusWord, ins};
use gp_cardmanager_model::host::{Event, Observer};
use gp_scp03::{Mode, Reply, SecurityLevel};

/// Level and mode of a session: what is needed to tell data, padding and MAC apart on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// The security level.
    pub level: SecurityLevel,
    /// S8 or S16: the length of a MAC.
    pub mode: Mode,
}

/// Who vouches for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// The card: its R-MAC held.
    Authentic,
    /// Nobody: it came without an R-MAC.
    Plain,
    /// Nobody: an error status is never protected.
    Refused,
}

/// An answer that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its data, decrypted.
    pub data: Vec<u8>,
    /// Its status word.
    pub status: StatusWord,
    /// Who vouches for it.
    pub worth: Worth,
}

/// A command with its octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain {
    /// CLA INS P1 P2.
    pub header: Header,
    /// Its data.
    pub data: Vec<u8>,
    /// All of it, Lc and Le included. The Lc of a command that is cut later is the one that the C-MAC covers.
    pub octets: Vec<u8>,
}

impl Plain {
    /// A copy of the command.
    #[must_use]
    pub fn of(command: Command<'_>) -> Self {
        let mut octets = vec![0; command.encoded_len()];
        if command.emit(&mut octets).is_err() {
            // A chain: the header, the logical Lc, and the data of all segments.
            octets = command.header.octets().to_vec();
            if let Ok(lc) = command.form.lc_field(command.data.len()) {
                octets.extend_from_slice(lc.as_slice());
            }
            octets.extend_from_slice(command.data);
            octets.extend(command.le.map(|le| le.get().to_le_bytes()[0]));
        }
        Self { header: command.header, data: command.data.to_vec(), octets }
    }
}

/// Everything about one logical command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The command before its protection.
    pub plain: Plain,
    /// What went out, in order.
    pub sent: Vec<Vec<u8>>,
    /// What came back, in order.
    pub received: Vec<Vec<u8>>,
    /// The answer; `None` when none came, or when its protection was wrong.
    pub opened: Option<Opened>,
    /// The protection that is in force, if the command went through it.
    pub protection: Option<Protection>,
}

impl Exchange {
    /// Is what was sent other than the plain command, or in several pieces?
    #[must_use]
    pub fn is_transformed(&self) -> bool {
        self.sent.iter().ne([&self.plain.octets])
    }

    /// Does the answer on the wire differ from the opened one?
    #[must_use]
    pub fn is_answer_transformed(&self) -> bool {
        let Some(opened) = &self.opened else { return true };
        let plain: Vec<u8> = opened.data.iter().copied().chain(opened.status.octets()).collect();
        self.received.iter().ne([&plain])
    }
}

/// Where exchanges go.
pub trait Sink {
    /// Takes note of an exchange that is over.
    fn exchange(&mut self, exchange: &Exchange);
}

impl<F: FnMut(&Exchange)> Sink for F {
    fn exchange(&mut self, exchange: &Exchange) {
        self(exchange);
    }
}

/// The observer. It learns the protection from the handshake that it sees.
#[derive(Debug)]
pub struct Trace<S> {
    sink: S,
    current: Option<Exchange>,
    mode: Option<Mode>,
    protection: Option<Protection>,
    handshake: Option<(Vec<u8>, Vec<u8>)>,
}

impl<S: Sink> Trace<S> {
    /// An observer that shows exchanges to this sink.
    pub const fn new(sink: S) -> Self {
        Self { sink, current: None, mode: None, protection: None, handshake: None }
    }

    /// The sink.
    pub const fn sink(&self) -> &S {
        &self.sink
    }

    /// The sink, to print something between exchanges.
    pub const fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    /// The last INITIALIZE UPDATE and its answer, as they went over the wire.
    #[must_use]
    pub fn handshake(&self) -> Option<(&[u8], &[u8])> {
        self.handshake.as_ref().map(|(command, response)| (&command[..], &response[..]))
    }

    /// Shows an exchange that did not come to its end: after a link failed, or an answer was not accepted.
    pub fn flush(&mut self) {
        if let Some(exchange) = self.current.take() {
            self.sink.exchange(&exchange);
        }
    }

    fn begun(&mut self, command: Command<'_>) {
        self.flush();
        let protection = self.protection.filter(|_| is_covered(command.header));
        let plain = Plain::of(command);
        self.current = Some(Exchange { plain, sent: Vec::new(), received: Vec::new(), opened: None, protection });
    }

    fn ended(&mut self, reply: Reply<'_>) {
        let Some(mut exchange) = self.current.take() else { return };
        let opened =
            |response: Response<'_>, worth| Opened { data: response.data.to_vec(), status: response.status, worth };
        let opened = match reply {
            Reply::Authentic(response) => opened(response, Worth::Authentic),
            Reply::Plain(response) => opened(response, Worth::Plain),
            Reply::Refused(status) => Opened { data: Vec::new(), status, worth: Worth::Refused },
        };
        self.learn(&exchange, opened.status);
        exchange.opened = Some(opened);
        self.sink.exchange(&exchange);
    }

    /// The handshake says what the session will look like, SELECT ends it.
    fn learn(&mut self, exchange: &Exchange, status: StatusWord) {
        let plain = &exchange.plain;
        match plain.header.ins {
            ins::INITIALIZE_UPDATE if plain.header.cla.is_gp() => {
                (self.mode, self.protection) = (Mode::from_octets(plain.data.len()), None);
                self.handshake = exchange.sent.first().cloned().zip(exchange.received.last().cloned());
            }
            ins::EXTERNAL_AUTHENTICATE if plain.header.cla.is_gp() && status.is_success() => {
                let level = SecurityLevel::from_octet(plain.header.p1);
                self.protection = level.zip(self.mode).map(|(level, mode)| Protection { level, mode });
            }
            ins::SELECT if plain.header.p1 == 0x04 => self.protection = None,
            _ => {}
        }
    }
}

impl<S: Sink> Observer for Trace<S> {
    fn see(&mut self, event: Event<'_>) {
        match (event, &mut self.current) {
            (Event::Plain(command), _) => self.begun(command),
            (Event::Sent(octets), Some(exchange)) => exchange.sent.push(octets.to_vec()),
            (Event::Received(octets), Some(exchange)) => exchange.received.push(octets.to_vec()),
            (Event::Opened(reply), _) => self.ended(reply),
            _ => {}
        }
    }
}

/// Commands that a host sends inside the session. SELECT, MANAGE CHANNEL and the handshake are not.
fn is_covered(header: Header) -> bool {
    let unprotected = match header.ins {
        ins::SELECT => header.p1 == 0x04,
        ins::MANAGE_CHANNEL => !header.cla.is_gp(),
        ins::INITIALIZE_UPDATE | ins::EXTERNAL_AUTHENTICATE => header.cla.is_gp(),
        _ => false,
    };
    !unprotected
}

/// A protected message, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces<'a> {
    /// What stands before the data: header and Lc. Empty for a response.
    pub head: &'a [u8],
    /// The data without the MAC; encrypted or not.
    pub data: &'a [u8],
    /// C-MAC or R-MAC.
    pub mac: &'a [u8],
    /// What stands behind: Le, or the status word.
    pub tail: &'a [u8],
}

impl<'a> Pieces<'a> {
    /// Takes a command apart. Its MAC is `mac` octets long, 0 for none; `None` if it is no command or too short.
    #[must_use]
    pub fn of_command(octets: &'a [u8], mac: usize) -> Option<Self> {
        let command = Command::parse(octets).ok()?;
        let end = octets.len().checked_sub(match command.le {
            None => 0,
            Some(_) if command.form == gp_apdu::Form::Extended && command.data.is_empty() => 3,
            Some(_) => command.form.le_len(),
        })?;
        let (body, tail) = octets.split_at_checked(end)?;
        let (head, body) = body.split_at_checked(body.len().checked_sub(command.data.len())?)?;
        let (data, mac) = body.split_at_checked(body.len().checked_sub(mac)?)?;
        Some(Self { head, data, mac, tail })
    }

    /// Takes a response apart.
    #[must_use]
    pub fn of_response(octets: &'a [u8], mac: usize) -> Option<Self> {
        let (body, tail) = octets.split_at_checked(octets.len().checked_sub(StatusWord::LEN)?)?;
        let (data, mac) = body.split_at_checked(body.len().checked_sub(mac)?)?;
        Some(Self { head: &[], data, mac, tail })
    }
}

/// The class octet of a command that the GlobalPlatform secure messaging protects.
#[must_use]
pub fn is_protected(octets: &[u8]) -> bool {
    octets.first().and_then(|cla| Class::from_byte(*cla)).is_some_and(Class::is_protected)
}
