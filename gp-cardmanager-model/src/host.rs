//! The off-card end: operations as values, and a [`Host`] that carries them out without doing I/O itself.
//!
//! ```text
//!  task        Select, Authenticate, GetStatus, ...      what to ask, what the answer means
//!  ------------------------------------------------------------------------------------------
//!  Host        command buffer | Slot (secure channel) | Exchange | response buffer
//!              begin, io, digest, finish                 protects, cuts, joins, verifies
//!  ------------------------------------------------------------------------------------------
//!  driver      run, run_async, C, an event loop          octets out, octets in
//! ```
//!
//! A program that has a [`Transport`](gp_apdu::Transport) calls [`run`] with a task, again and again:
//!
//! ```
//! use gp_cardmanager_model::host::{Host, Select, run};
//!
//! # struct Reader;
//! # impl gp_apdu::Transport for Reader {
//! #     type Error = core::convert::Infallible;
//! #     fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Self::Error> {
//! #         assert_eq!(command, [0x00, 0xA4, 0x04, 0x00, 0x00]);
//! #         let answer = [0x6F, 0x10, 0x84, 0x08, 0xA0, 0, 0, 1, 0x51, 0, 0, 0, 0xA5, 4, 0x9F, 0x65, 1, 0xFF, 0x90, 0];
//! #         response[..20].copy_from_slice(&answer);
//! #         Ok(20)
//! #     }
//! # }
//! # let mut reader = Reader;
//! let (mut command, mut response) = ([0; 261], [0; 258]);
//! let mut host = Host::new(&mut command, &mut response, ());
//!
//! let selected = run(&mut host, &mut reader, Select::issuer_security_domain())?;
//! assert_eq!(selected.fci()?.aid().unwrap().to_string(), "A000000151000000");
//! # Ok::<(), gp_cardmanager_model::host::Error<core::convert::Infallible>>(())
//! ```
//!
//! # The operations
//!
//! | what | task |
//! |---|---|
//! | look | [`Select`], [`Discover`], [`GetData`], [`GetStatus`] |
//! | open a session | [`Authenticate`], with a [`Guard`]; when it fails: [`diagnose`] |
//! | content | [`Load`], [`Install`], [`CreateSecurityDomain`], [`Delete`], [`SetStatus`], [`StoreData`] |
//! | delegated management | [`install_token`], [`delete_token`], [`combined_token`], [`verify_receipt`] |
//! | keys | [`PutKeys`], [`Delete::key_version`], [`Rotate`] |
//! | logical channels | [`OpenChannel`], [`CloseChannel`] |
//! | anything else | [`Raw`], or a [`Task`] of your own |
//!
//! # What holds on every path
//!
//! - A command is sent once. Nothing is retried, no other key, protocol, level or form is tried; a listing asks
//!   again only where the caller said so ([`GetStatus::or_legacy`], [`GetStatus::fetching_after_6310`]).
//! - Opening a session sends one INITIALIZE UPDATE and at most one EXTERNAL AUTHENTICATE, and the latter only when the
//!   card cryptogram is right.
//! - An answer that never comes, or that cannot be a response, ends the session: nobody knows whether the card counted
//!   the command. So does a future that is dropped while it waits (cancel safety: the host stays usable, the session
//!   does not), and a driver that begins anew without [`Host::digest`].
//! - At a level with R-MAC, only answers that the card vouched for reach an operation, and refusals, which nothing can
//!   vouch for.
//! - No octet of a command is sent in the clear because a session died: [`Slot`].

use core::fmt;
use core::num::NonZeroU8;
use core::ops::Range;

use gp_apdu::{Exchange, LogicalChannel, Progress, Response};
use gp_scp03::{Reply, SecureChannel};

mod authenticate;
mod delegated;
mod delete;
mod diagnose;
mod discover;
mod draft;
mod failure;
mod get_data;
mod get_status;
mod guard;
mod handshake;
mod install;
mod load;
mod manage_channel;
mod observer;
mod put_key;
mod raw;
mod rotation;
mod run;
mod select;
mod set_status;
mod slot;
mod store_data;
mod task;

pub use authenticate::Authenticate;
pub use delegated::{combined_token, delete_token, install_token, verify_receipt};
pub use delete::Delete;
pub use diagnose::{Candidate, Finding, Recorded, Scheme, diagnose};
pub use discover::{Discover, Discovered, Fact, Warning};
pub use draft::{Draft, Lengths};
pub use failure::{Error, Failure, Refusal};
pub use get_data::GetData;
pub use get_status::{GetStatus, Listed};
pub use guard::Guard;
pub use handshake::Opened;
pub use install::{CreateSecurityDomain, Install, Performed};
pub use load::Load;
pub use manage_channel::{CloseChannel, OpenChannel};
pub use observer::{Event, Observer};
pub use put_key::{KeysPut, NewKeys, PutKeys};
pub use raw::{Answer, Raw};
pub use rotation::{DekProof, Opens, Rotate, Rotation, RotationCalls, RotationStage};
pub use run::{run, run_async};
pub use select::{Select, Selected};
pub use set_status::SetStatus;
pub use slot::Slot;
pub use store_data::StoreData;
pub use task::{Cover, Origin, Step, Task, accepted};

use crate::in_place::move_within;
use draft::Limits;

/// What a driver does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Next {
    /// Send and receive by [`Host::io`], then [`Host::digest`].
    Transmit,
    /// The operation is done: [`Host::finish`].
    Done,
}

/// The host: two buffers of the caller, the secure channel, and the exchange that is under way.
///
/// This is the half without I/O; [`run`] and [`run_async`] are the loops around it, and yours looks the same:
/// ```
/// # use gp_cardmanager_model::host::*;
/// # fn transmit(_: &[u8], into: &mut [u8]) -> usize { into[..2].copy_from_slice(&[0x6A, 0x82]); 2 }
/// # let (mut command, mut response) = ([0; 261], [0; 258]);
/// let mut host = Host::new(&mut command, &mut response, ());
/// let mut task = Select::issuer_security_domain();
/// host.begin(&mut task)?;
/// let failure = loop {
///     let (outgoing, incoming) = host.io();
///     let received = transmit(outgoing, incoming); // a link that fails calls host.abandon()
///     match host.digest(&mut task, received) {
///         Ok(Next::Transmit) => continue,
///         Ok(Next::Done) => panic!("this card refuses"),
///         Err(failure) => break failure,
///     }
/// };
/// assert_eq!(failure.status().unwrap().0, 0x6A82);
/// # Ok::<(), Failure>(())
/// ```
///
/// **Buffers.** [`COMMAND_LEN`](Self::COMMAND_LEN) octets hold every short command, [`RESPONSE_LEN`](Self::RESPONSE_LEN)
/// every short response. Longer ones are needed for chained or extended commands (data, 13 octets around it, 32 for
/// protection), for extended responses and for responses in several parts, and for lists whose entries are cut.
pub struct Host<'b, O = ()> {
    command: &'b mut [u8],
    response: &'b mut [u8],
    slot: Slot,
    observer: O,
    channel: LogicalChannel,
    lengths: Lengths,
    wire_limit: Option<NonZeroU8>,
    /// The exchange whose answer is awaited, and whether the session opens it.
    flight: Option<(Exchange, bool)>,
    /// Octets at the start of the response buffer that the next answer is received behind.
    kept: usize,
    /// Where the data of the last answer is.
    last: Range<usize>,
}

impl<'b, O: Observer> Host<'b, O> {
    /// Octets of a command buffer for every short command.
    pub const COMMAND_LEN: usize = 261;
    /// Octets of a response buffer for every short response.
    pub const RESPONSE_LEN: usize = 258;

    /// A host on the basic logical channel, without a session, that writes [`Lengths::Chained`].
    pub fn new(command: &'b mut [u8], response: &'b mut [u8], observer: O) -> Self {
        Self {
            command,
            response,
            slot: Slot::default(),
            observer,
            channel: LogicalChannel::BASIC,
            lengths: Lengths::default(),
            wire_limit: None,
            flight: None,
            kept: 0,
            last: 0..0,
        }
    }

    /// Sends commands on this logical channel from now on. A session belongs to the channel that it was opened on: on
    /// another one its commands are refused with [`gp_scp03::Error::Class`].
    pub const fn set_channel(&mut self, channel: LogicalChannel) {
        self.channel = channel;
    }

    /// The logical channel that commands are sent on.
    #[must_use]
    pub const fn channel(&self) -> LogicalChannel {
        self.channel
    }

    /// Writes lengths so from now on.
    pub const fn set_lengths(&mut self, lengths: Lengths) {
        self.lengths = lengths;
    }

    /// How lengths are written.
    #[must_use]
    pub const fn lengths(&self) -> Lengths {
        self.lengths
    }

    /// The most data octets of one short command or segment on the wire, protection included, for cards and readers that
    /// take fewer than 255. A card names its own limit in the answer to SELECT (`9F65`), not always rightly: whether to
    /// follow it is the caller's choice. `None`: 255.
    pub const fn set_max_command_data(&mut self, octets: Option<NonZeroU8>) {
        self.wire_limit = octets;
    }

    /// The place of the secure channel.
    #[must_use]
    pub const fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The place of the secure channel, to install a channel made elsewhere, or to set its limits and quirks.
    pub const fn slot_mut(&mut self) -> &mut Slot {
        &mut self.slot
    }

    /// The open secure channel.
    #[must_use]
    pub const fn secure_channel(&self) -> Option<&SecureChannel> {
        self.slot.channel()
    }

    /// The observer.
    #[must_use]
    pub const fn observer(&self) -> &O {
        &self.observer
    }

    /// The observer, to change it.
    pub const fn observer_mut(&mut self) -> &mut O {
        &mut self.observer
    }

    /// Takes note that the card was reset or exchanged: no session, no logical channel but the basic one.
    pub fn reset(&mut self) {
        self.flight = None;
        self.slot.close();
        self.channel = LogicalChannel::BASIC;
    }

    /// Ends the session on this side and wipes its keys. The card is not told: its end goes with the next selection,
    /// INITIALIZE UPDATE or reset.
    pub fn close(&mut self) {
        self.abandon();
        self.slot.close();
    }

    /// Gives up an answer that will not come. The session, if one is open, is over: nobody knows whether the card
    /// counted the command. Without an exchange under way nothing happens.
    pub fn abandon(&mut self) {
        if self.flight.take().is_some() {
            self.slot.kill();
        }
    }

    /// Is an answer awaited?
    #[must_use]
    pub const fn is_awaiting(&self) -> bool {
        self.flight.is_some()
    }

    /// Starts an operation: writes and protects its first command. An exchange that was never digested is
    /// [abandoned](Self::abandon).
    ///
    /// # Errors
    /// What the operation answers, [`Failure::NoSession`], [`Failure::Channel`] for a session that is dead or at its
    /// limit of messages, [`Failure::Apdu`] for a command that fits neither form nor buffer. Nothing was sent.
    pub fn begin<T: Task>(&mut self, task: &mut T) -> Result<(), Failure> {
        self.abandon();
        self.kept = 0;
        self.last = 0..0;
        self.next_command(task)
    }

    /// The octets to send, and the room for what comes back. Empty when nothing is under way.
    pub fn io(&mut self) -> (&[u8], &mut [u8]) {
        match &self.flight {
            Some((exchange, _)) => {
                let incoming = self.response.get_mut(self.kept..).unwrap_or_default();
                (exchange.outgoing(self.command), exchange.incoming(incoming))
            }
            None => (&[], &mut []),
        }
    }

    /// Takes note that `received` octets have come into the room of [`io`](Self::io): joins the parts of the response,
    /// verifies and opens it, gives it to the operation, and prepares the next command where there is one.
    ///
    /// # Errors
    /// What the operation answers. [`Failure::Apdu`] and [`Failure::Channel`]: the exchange broke or the protection was
    /// wrong; the session is over. So it is when the card refuses a chain before it is whole. [`Failure::State`] when nothing was under way.
    pub fn digest<T: Task>(&mut self, task: &mut T, received: usize) -> Result<Next, Failure> {
        let (mut exchange, protected) = self.flight.take().ok_or(Failure::State)?;
        let incoming = self.response.get_mut(self.kept..).unwrap_or_default();
        if let Some(octets) = exchange.incoming(incoming).get(..received) {
            self.observer.see(Event::Received(octets));
        }
        match exchange.received(self.command, incoming, received) {
            Ok(Progress::Again) => {
                self.observer.see(Event::Sent(exchange.outgoing(self.command)));
                self.flight = Some((exchange, protected));
                Ok(Next::Transmit)
            }
            Ok(Progress::Done(len)) => {
                let early = exchange.refused_early();
                if early && protected {
                    // The card has not seen the MAC, so the ends of the channel are apart.
                    self.slot.kill();
                }
                self.answered(task, len, protected && !early)
            }
            Err(error) => {
                self.slot.kill();
                Err(error.into())
            }
        }
    }

    /// The result of an operation that is done.
    ///
    /// # Errors
    /// What the operation answers.
    pub fn finish<T: Task>(&self, task: T) -> Result<T::Output<'_>, Failure> {
        task.output(self.response.get(self.last.clone()).unwrap_or_default())
    }

    fn next_command<T: Task>(&mut self, task: &mut T) -> Result<(), Failure> {
        let protection = self.slot.channel().and_then(|channel| channel.mode().map(|mode| (channel.level(), mode)));
        let limits = Limits {
            lengths: self.lengths,
            wire: self.wire_limit,
            channel: self.channel,
            protection,
            key_version: self.slot.key_version(),
        };
        let mut draft = Draft::new(self.command, limits);
        let cover = task.command(&mut draft)?;
        let protected = match cover {
            Cover::Session if self.slot.is_dead() => return Err(Failure::Channel(gp_scp03::Error::Closed)),
            // On another channel than that of the dead session nothing was ever protected.
            Cover::SessionOrPlain if self.slot.is_dead_on(self.channel) => {
                return Err(Failure::Channel(gp_scp03::Error::Closed));
            }
            Cover::Session if protection.is_none() => return Err(Failure::NoSession),
            Cover::Session | Cover::SessionOrPlain => protection.is_some(),
            Cover::Plain | Cover::PlainClosing | Cover::Handshake => false,
        };
        let mut command = draft.finish(protected)?;
        self.observer.see(Event::Plain(command.as_command()));
        match (cover, self.slot.channel_mut()) {
            (Cover::PlainClosing | Cover::Handshake, _) => self.slot.close_on(self.channel),
            (_, Some(channel)) if protected => channel.wrap(&mut command)?,
            _ => {}
        }
        let once = protected || cover == Cover::Handshake;
        let segment = self.wire_limit.unwrap_or(NonZeroU8::MAX);
        match Exchange::start_segmented(command, once, segment) {
            Ok(exchange) => {
                self.observer.see(Event::Sent(exchange.outgoing(self.command)));
                self.flight = Some((exchange, protected));
                Ok(())
            }
            Err(error) => {
                // A wrapped command that is never sent leaves the two ends of the channel apart.
                if protected {
                    self.slot.kill();
                }
                Err(error.into())
            }
        }
    }

    /// A whole response of `len` octets is there, behind what was kept.
    fn answered<T: Task>(&mut self, task: &mut T, len: usize, protected: bool) -> Result<Next, Failure> {
        let kept = core::mem::take(&mut self.kept);
        let answer = self.response.get_mut(kept..).and_then(|rest| rest.get_mut(..len)).unwrap_or_default();
        let opened = if protected { self.slot.unwrap(answer)? } else { plain(Response::parse(answer)?) };
        // From here on the data counts together with what was kept in front of it.
        let (data_len, status, origin) = match opened {
            Reply::Authentic(response) => (response.data.len(), response.status, Origin::Authentic),
            Reply::Plain(response) => (response.data.len(), response.status, Origin::Plain),
            Reply::Refused(status) => {
                self.observer.see(Event::Opened(Reply::Refused(status)));
                self.last = 0..0;
                let step = task.reply(Reply::Refused(status), &mut self.slot)?;
                return self.go_on(task, step, 0);
            }
        };
        let end = kept.saturating_add(data_len);
        let data = self.response.get(..end).unwrap_or_default();
        let as_reply = |data| {
            let response = Response { data, status };
            if origin == Origin::Authentic { Reply::Authentic(response) } else { Reply::Plain(response) }
        };
        self.observer.see(Event::Opened(as_reply(data.get(kept..).unwrap_or_default())));
        let step = task.reply(as_reply(data), &mut self.slot)?;
        self.go_on(task, step, end)
    }

    fn go_on<T: Task>(&mut self, task: &mut T, step: Step, end: usize) -> Result<Next, Failure> {
        match step {
            Step::Done => {
                self.last = 0..end;
                return Ok(Next::Done);
            }
            Step::Again => {}
            Step::AgainKeeping(len) => {
                let len = len.min(end);
                move_within(self.response, end.saturating_sub(len)..end, 0);
                self.kept = len;
            }
        }
        self.next_command(task)?;
        Ok(Next::Transmit)
    }
}

/// An answer to a command that nothing protected.
fn plain(response: Response<'_>) -> Reply<'_> {
    if response.status.is_error() && response.data.is_empty() {
        Reply::Refused(response.status)
    } else {
        Reply::Plain(response)
    }
}

impl<O> fmt::Debug for Host<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host")
            .field("slot", &self.slot)
            .field("channel", &self.channel)
            .field("lengths", &self.lengths)
            .field("awaiting", &self.flight.is_some())
            .finish_non_exhaustive()
    }
}
