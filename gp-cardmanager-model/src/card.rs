//! A card: one command in, one response out, whatever the octets are.
//!
//! ```text
//!  octets -> parse -> chain (GP or ISO) -> OPEN: SELECT, MANAGE CHANNEL
//!                                       -> selected on this channel:
//!                                            INITIALIZE UPDATE, EXTERNAL AUTHENTICATE
//!                                            unwrap -> security domain: its commands  -> wrap -> octets
//!                                                   -> application: `Applets`
//! ```
//!
//! The card model keeps everything that lasts in [`Storage`], changes it in transactions only, and
//! can be switched off at any moment.

mod apdu;
mod applets;
mod books;
mod channel;
mod crc;
mod delete;
mod deviations;
mod get_data;
mod get_status;
mod imports;
mod install;
mod keys;
mod load;
mod log;
mod manage_channel;
mod objects;
mod open;
mod platform;
mod profile;
mod public_key;
mod put_key;
mod registry;
mod rights;
mod select;
mod session;
mod set_status;
pub mod storage;
mod store_data;
mod token;
mod transaction;

use core::fmt;

use gp_apdu::{Chaining, CommandBuf, Form, Header, Le, LogicalChannel, Response, SecureMessaging, StatusWord, ins};
use gp_scp03::ResponderState;
use zeroize::Zeroize;

pub use apdu::Apdu;
pub use applets::{AppHandle, Applets, Installation, Instance, Room};
pub use channel::Channel;
pub use deviations::{Deviation, Deviations};
pub use keys::KeySlot;
pub use objects::ObjectSlot;
pub use open::Open;
pub use platform::{Memory, Platform};
pub use profile::{FactoryKeySet, FactoryKeys, Profile};
pub use registry::{Index, RegistryEntry};

use crate::lifecycle::CardLifeCycle;
use books::{Books, reserve};
use load::Load;
use log::{Log, LogError};
use open::Lent;
use registry::{Occupant, Registry};
use storage::Storage;
use transaction::{Change, apply};

/// Why a card does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError<E> {
    /// The storage failed.
    Storage(E),
    /// The storage holds something that is no card of this model, or not one that fits this memory.
    Unreadable,
    /// The memory lacks room for what the profile asks for, or has no channel, or more than 20, or more than 65535 slots of a kind.
    /// Deviations that hold answers back take 512 octets of the chain's memory.
    Memory,
}

impl<E: fmt::Display> fmt::Display for OpenError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => error.fmt(f),
            Self::Unreadable => f.write_str("the storage does not hold a card that fits this memory"),
            Self::Memory => f.write_str("the memory does not fit the profile"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for OpenError<E> {}

/// The smallest buffer for [`Card::process`]: a short command with 255 octets of data and Le.
pub const MIN_BUFFER: usize = 261;

/// What a card has done to its storage, for who plans its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wear {
    /// Slots erased.
    pub erases: u32,
    /// Units programmed.
    pub programs: u32,
}

/// A chained command in the making.
#[derive(Clone, Copy, Debug)]
struct Chain {
    /// As of the last segment: P1 b8 or CLA b5 clear.
    header: Header,
    by: Chaining,
    length: usize,
}

impl Chain {
    const fn channel(&self) -> LogicalChannel {
        self.header.cla.channel()
    }
}

/// The card.
///
/// `S` keeps what lasts, `P` gives randomness and what cryptography is not here, `A` is all applications.
pub struct Card<'m, S: Storage, P, A> {
    memory: Memory<'m>,
    log: Log<S>,
    platform: P,
    applets: A,
    profile: &'m Profile<'m>,
    chain: Option<Chain>,
    load: Option<Load>,
    transfer: Option<store_data::Transfer>,
    held: deviations::Held<'m>,
    /// The storage failed in the middle of something: nothing is certain until the next start.
    mute: bool,
}

/// What a command handler answers: the length of the data in the answer's buffer, or the status word of the refusal.
type Answer = Result<usize, StatusWord>;

impl<'m, S: Storage, P: Platform, A: Applets> Card<'m, S, P, A> {
    /// Starts a card: from its storage, or where that is blank, from the profile. The card is as after a reset.
    ///
    /// # Errors
    /// [`OpenError`]. Nothing has been written then, except that a blank storage may hold an unfinished first snapshot.
    pub fn open(
        mut memory: Memory<'m>,
        storage: S,
        platform: P,
        applets: A,
        profile: &'m Profile<'m>,
    ) -> Result<Self, OpenError<S::Error>> {
        let addressable = usize::from(u16::MAX);
        let slots = [memory.registry.len(), memory.keys.len(), memory.objects.len()];
        if !(1..=20).contains(&memory.channels.len()) || slots.into_iter().any(|slots| slots >= addressable) {
            return Err(OpenError::Memory);
        }
        memory.registry.fill(RegistryEntry::FREE);
        memory.keys.iter_mut().for_each(KeySlot::wipe);
        memory.objects.fill(ObjectSlot::FREE);
        let held = if profile.deviations.hold_back() {
            deviations::Held::from_end_of(&mut memory.chain).ok_or(OpenError::Memory)?
        } else {
            deviations::Held::none()
        };
        let mut readable = true;
        let (mut log, fresh) = Log::open(storage, |record| readable &= apply(&mut memory, record).is_ok()).map_err(
            |error| match error {
                LogError::Storage(error) => OpenError::Storage(error),
                _ => OpenError::Unreadable,
            },
        )?;
        if fresh {
            session::populate(&mut memory, profile).ok_or(OpenError::Memory)?;
            // With less a card could start and never open a session, since no counter would fit.
            if books::used(&memory, reserve(log.capacity())) > log.capacity() {
                return Err(OpenError::Memory);
            }
            log.compact(|sink| books::write_snapshot(&memory, sink)).map_err(|error| match error {
                LogError::Storage(error) => OpenError::Storage(error),
                _ => OpenError::Memory,
            })?;
        }
        if !readable || memory.registry.entry(Index::ISD).is_none() {
            return Err(OpenError::Unreadable);
        }
        let mut card = Self {
            memory,
            log,
            platform,
            applets,
            profile,
            chain: None,
            load: None,
            transfer: None,
            held,
            mute: false,
        };
        card.introduce();
        card.reset();
        Ok(card)
    }

    /// Tells the applications which instances there are.
    fn introduce(&mut self) {
        let registry = &*self.memory.registry;
        let name = |of: Option<Index>| registry.entry(of?).map(|entry| entry.aid);
        let instances = registry.entries().filter(|(_, entry)| entry.occupant == Occupant::Application);
        self.applets.start(&mut instances.map(|(index, entry)| Instance {
            app: handle(index, entry),
            load_file: name(entry.file),
            module: name(entry.module),
        }));
    }

    /// Power off and on, or a reset: all sessions end, what was pending is gone, and each interface's implicit
    /// application is selected on the basic channel (GPCS 6.4.1).
    pub fn reset(&mut self) {
        self.chain = None;
        self.load = None;
        self.transfer = None;
        self.held.forget();
        self.discard_pending();
        for channel in &mut *self.memory.channels {
            channel.end_session();
            channel.open = false;
            channel.selected = None;
            channel.responder.set_quirks(self.profile.quirks);
        }
        if let Some(basic) = self.memory.channels.first_mut() {
            basic.open = true;
        }
        self.select_implicitly(LogicalChannel::BASIC);
    }

    /// Answers one command: `length` octets at the start of `buffer` come in, the answer stands there afterwards and is
    /// returned. Total: any octets get an answer of at least two, and nothing panics. `buffer` should hold at least
    /// [`MIN_BUFFER`] octets; extended commands and answers need as much as they are long.
    pub fn process<'b>(&mut self, buffer: &'b mut [u8], length: usize) -> &'b [u8] {
        let answered = self.answer(buffer, length);
        buffer.get(..answered).unwrap_or_default()
    }

    /// Slots of the storage erased since this card was opened, and units programmed.
    #[must_use]
    pub const fn wear(&self) -> Wear {
        Wear { erases: self.log.erases(), programs: self.log.programs() }
    }

    /// The applications.
    #[must_use]
    pub const fn applets(&self) -> &A {
        &self.applets
    }

    /// The card life cycle state (GPCS 5.1).
    #[must_use]
    pub fn life_cycle(&self) -> CardLifeCycle {
        books::life_cycle(&self.memory)
    }

    fn answer(&mut self, buffer: &mut [u8], length: usize) -> usize {
        if self.mute {
            return status(buffer, StatusWord::MEMORY_FAILURE);
        }
        if self.profile.deviations.is_none() {
            return self.carry_out(buffer, length);
        }
        self.answer_deviating(buffer, length)
    }

    fn carry_out(&mut self, buffer: &mut [u8], length: usize) -> usize {
        let command = match CommandBuf::parse(buffer, length) {
            Ok(command) => command,
            Err(gp_apdu::Error::Class) => return status(buffer, StatusWord::CLA_NOT_SUPPORTED),
            Err(_) => return status(buffer, StatusWord::WRONG_LENGTH),
        };
        let received = Received::of(&command);
        if received.header.cla.coding().is_none() {
            return status(buffer, StatusWord::CLA_NOT_SUPPORTED);
        }
        let channel = received.header.cla.channel();
        if !self.channel(channel).is_some_and(|channel| channel.open) {
            return status(buffer, StatusWord::CHANNEL_NOT_SUPPORTED);
        }
        match self.collect(channel, received.header, command.data()) {
            Ok(Collected::Whole) => self.run(buffer, None, received),
            Ok(Collected::More) => status(buffer, StatusWord::OK),
            Ok(Collected::Last { header, by, length }) => {
                // The memory of the chain is lent out while its command runs.
                let memory = core::mem::take(&mut self.memory.chain);
                let whole = Received { header, form: Form::Chained(by), length, le: received.le };
                let answered = self.run(buffer, Some(memory), whole);
                memory.zeroize();
                self.memory.chain = memory;
                answered
            }
            Err(refusal) => status(buffer, refusal),
        }
    }

    fn channel(&self, channel: LogicalChannel) -> Option<&Channel> {
        self.memory.channels.get(usize::from(channel.number()))
    }

    fn channel_mut(&mut self, channel: LogicalChannel) -> Option<&mut Channel> {
        self.memory.channels.get_mut(usize::from(channel.number()))
    }

    /// What is selected on a channel.
    fn selected(&self, channel: LogicalChannel) -> Option<(Index, RegistryEntry)> {
        let index = self.channel(channel)?.selected?;
        Some((index, *self.memory.registry.entry(index)?))
    }

    /// Puts chained commands together (GPCS 11.1.5.1, ISO 7816-4 5.3.3). Only security domains take them.
    fn collect(&mut self, channel: LogicalChannel, header: Header, data: &[u8]) -> Result<Collected, StatusWord> {
        let chainable = header.cla.is_gp() && matches!(header.ins, ins::DELETE | ins::INSTALL | ins::PUT_KEY);
        let by_p1 = chainable && header.p1 & 0x80 != 0;
        let by_class = header.cla.is_chained();
        let more = by_p1 || by_class;
        let plain = Header {
            cla: header.cla.chained(false),
            p1: if chainable { header.p1 & 0x7F } else { header.p1 },
            ..header
        };
        // What comes on another channel has nothing to do with a chain.
        if !more && self.chain.is_none_or(|chain| chain.channel() != channel) {
            return Ok(Collected::Whole);
        }
        // From here on any error drops the chain.
        let begun = self.chain.take_if(|chain| chain.channel() == channel);
        if begun.is_none() && !self.selected(channel).is_some_and(|(_, entry)| entry.is_domain()) {
            // An application's P1 is its own affair.
            return if by_class { Err(StatusWord::CHAINING_NOT_SUPPORTED) } else { Ok(Collected::Whole) };
        }
        if begun.is_none() && self.load.as_ref().is_some_and(Load::uses_chain_memory) {
            // A signature of the load is coming in there. Its own channel ends the load, another one waits.
            self.abort_load(channel);
            if self.load.is_some() {
                return Err(StatusWord::CONDITIONS_OF_USE);
            }
        }
        let by = if by_class { Chaining::Iso } else { Chaining::Gp };
        let mut chain = match begun {
            Some(chain) if chain.header == plain && (!more || chain.by == by) => chain,
            Some(_) => return Err(StatusWord::CONDITIONS_OF_USE),
            None => {
                self.claim_chain_memory(channel)?;
                Chain { header: plain, by, length: 0 }
            }
        };
        let start = Form::Chained(chain.by).data_offset().saturating_add(chain.length);
        let room =
            self.memory.chain.get_mut(start..start.saturating_add(data.len())).ok_or(StatusWord::INCORRECT_P1_P2)?;
        room.iter_mut().zip(data).for_each(|(to, from)| *to = *from);
        chain.length = chain.length.saturating_add(data.len());
        if more {
            self.chain = Some(chain);
            return Ok(Collected::More);
        }
        Ok(Collected::Last { header: chain.header, by: chain.by, length: chain.length })
    }

    /// Chains, transfers of STORE DATA and signatures are put together in one memory: who begins takes it from a transfer, and
    /// from a chain of another channel, but from no chain that a session sent, and without a session from no transfer.
    fn claim_chain_memory(&mut self, channel: LogicalChannel) -> Result<(), StatusWord> {
        // Of a transfer that was ended no more blocks are due.
        let due = |at| self.channel(at).is_some_and(|channel| channel.store_block != 0);
        self.transfer = self.transfer.filter(|transfer| due(transfer.channel));
        let session = |channel| self.channel(channel).is_some_and(|channel| channel.responder.level().is_some());
        let other = self.chain.filter(|chain| chain.channel() != channel);
        if other.is_some_and(|chain| session(chain.channel())) || (self.transfer.is_some() && !session(channel)) {
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        self.chain = None;
        self.transfer = None;
        Ok(())
    }

    fn drop_unused_dek(&mut self, channel: LogicalChannel) {
        if let Some(at) = self.channel_mut(channel) {
            at.drop_unused_dek();
        }
    }

    /// A whole command, in the buffer it came in or in the memory of the chain it came by. The answer is written to `buffer`.
    fn run(&mut self, buffer: &mut [u8], mut apart: Option<&mut [u8]>, mut received: Received) -> usize {
        let channel = received.header.cla.channel();
        let wire_room = received.answer_room(buffer.len());
        // What the OPEN handles itself, and what opens a session: outside secure messaging.
        if let Some(command) = self.open_command(received.header) {
            let mut apdu = received.apdu(buffer, apart);
            apdu.set_protection(None, wire_room);
            let answer = match command {
                OpenCommand::Select => self.select(channel, &mut apdu),
                OpenCommand::ManageChannel => self.manage_channel(channel, &mut apdu),
                OpenCommand::InitializeUpdate => self.initialize_update(channel, &mut apdu),
            };
            self.drop_unused_dek(channel);
            let (length, sw) = answer.map_or_else(|refusal| (0, refusal), |length| (length, apdu.status()));
            return write_answer(buffer, length, sw);
        }
        let Some((index, entry)) = self.selected(channel) else {
            return status(buffer, StatusWord::CONDITIONS_OF_USE);
        };
        let served = entry.is_domain() || self.applets.uses_secure_channel(handle(index, &entry));
        let mut level = None;
        if served {
            let Ok(mut command) = received.command(buffer, apart.as_deref_mut()) else {
                return status(buffer, StatusWord::WRONG_LENGTH);
            };
            if self.is_authentication(channel, received.header) {
                let outcome = self.external_authenticate(channel, &mut command);
                self.drop_unused_dek(channel);
                return status(buffer, outcome.err().unwrap_or(StatusWord::OK));
            }
            let unwrapped = match self.channel_mut(channel) {
                Some(channel) => channel.responder.unwrap(&mut command),
                None => Err(StatusWord::CHANNEL_NOT_SUPPORTED),
            };
            received = Received::of(&command);
            match unwrapped {
                Ok(current) => level = current,
                Err(refusal) => {
                    // With the session ends what was begun in it, and its Key-DEK is gone.
                    self.drop_unfinished(channel);
                    self.drop_unused_dek(channel);
                    return status(buffer, refusal);
                }
            }
        }
        let limit = self.channel(channel).map_or(0, |channel| channel.responder.max_response_data(wire_room));
        let mut apdu = received.apdu(buffer, apart);
        apdu.set_protection(level, limit);
        let answer = if entry.is_domain() {
            match self.domain_command(channel, index, &mut apdu) {
                Ok(0) if self.deviates(Deviation::UnaskedData) => apdu.respond(&[0x00]),
                answer => answer,
            }
        } else if level.is_some() && (self.is_locked(entry.domain) || self.stands_on_locked(channel)) {
            // The session is a service of the security domain.
            Err(StatusWord::CONDITIONS_OF_USE)
        } else {
            let lends = level.is_some() && self.still_serves(channel, entry.domain);
            self.call(A::process, handle(index, &entry), lends.then_some(channel), &mut apdu)
        };
        let (length, sw) = answer.map_or_else(|refusal| (0, refusal), |length| (length.min(limit), apdu.status()));
        let bare = entry.is_domain() && self.deviates(Deviation::UnprotectedAnswers);
        match self.channel_mut(channel).filter(|_| served && !bare) {
            Some(channel) => match channel.responder.wrap(buffer, length, sw) {
                Ok(answer) => answer.len(),
                Err(_) => status(buffer, StatusWord::UNKNOWN),
            },
            None => write_answer(buffer, length, sw),
        }
    }

    /// EXTERNAL AUTHENTICATE where one is due: it brings its own C-MAC and belongs to no session yet.
    fn is_authentication(&self, channel: LogicalChannel, header: Header) -> bool {
        header.ins == ins::EXTERNAL_AUTHENTICATE
            && header.cla.is_gp()
            && self.channel(channel).is_some_and(|channel| channel.responder.state() == ResponderState::Challenged)
    }

    /// Is this a command that never goes through secure messaging?
    fn open_command(&self, header: Header) -> Option<OpenCommand> {
        match header.ins {
            ins::SELECT if !header.cla.is_gp() && header.p1 == 0x04 => Some(OpenCommand::Select),
            // A card with the basic channel alone leaves it to what is selected.
            ins::MANAGE_CHANNEL if !header.cla.is_gp() && self.memory.channels.len() > 1 => {
                Some(OpenCommand::ManageChannel)
            }
            ins::INITIALIZE_UPDATE if gp_scp03::InitializeUpdate::is(header) => {
                let (index, entry) = self.selected(header.cla.channel())?;
                let served = entry.is_domain() || self.applets.uses_secure_channel(handle(index, &entry));
                served.then_some(OpenCommand::InitializeUpdate)
            }
            _ => None,
        }
    }

    /// A command for a security domain, unprotected by now.
    fn domain_command(&mut self, channel: LogicalChannel, domain: Index, apdu: &mut Apdu<'_>) -> Answer {
        let header = apdu.header();
        match header.cla.secure_messaging() {
            SecureMessaging::None => {}
            // Without a session, or at a level that has none.
            SecureMessaging::GlobalPlatform | SecureMessaging::Either => return Err(StatusWord::SECURITY_STATUS),
            SecureMessaging::Iso | SecureMessaging::IsoHeader => {
                return Err(StatusWord::SECURE_MESSAGING_NOT_SUPPORTED);
            }
        }
        if !matches!(header.ins, ins::LOAD | ins::INSTALL) {
            // A load is a strict sequence: anything in between ends it.
            self.abort_load(channel);
        }
        if self.is_locked(domain) || self.stands_on_locked(channel) {
            // Its load does not wait.
            self.abort_load(channel);
            return Err(StatusWord::CONDITIONS_OF_USE);
        }
        let reads = matches!(header.ins, ins::GET_DATA | ins::GET_DATA_ODD);
        if !reads && self.life_cycle() == CardLifeCycle::Terminated {
            return Err(StatusWord::INS_NOT_SUPPORTED);
        }
        // STORE DATA comes from YubiKeys' hosts under an ISO class; elsewhere only GlobalPlatform classes have commands.
        if !reads && !header.cla.is_gp() && header.ins != ins::STORE_DATA {
            return self.other_command(domain, apdu);
        }
        match header.ins {
            ins::GET_DATA | ins::GET_DATA_ODD => self.get_data(channel, domain, apdu),
            ins::GET_STATUS => self.get_status(channel, domain, apdu),
            ins::INSTALL => self.install(channel, domain, apdu),
            ins::LOAD => self.load(channel, domain, apdu),
            ins::DELETE => self.delete(channel, domain, apdu),
            ins::SET_STATUS => self.set_status(domain, apdu),
            ins::PUT_KEY => self.put_key(channel, domain, apdu),
            ins::STORE_DATA => self.store_data(channel, domain, apdu),
            ins::BEGIN_R_MAC_SESSION | ins::END_R_MAC_SESSION => self.r_mac_session(channel, apdu),
            ins::EXTERNAL_AUTHENTICATE => Err(StatusWord::CONDITIONS_OF_USE),
            _ => self.other_command(domain, apdu),
        }
    }

    /// A command that no security domain knows: the applications' object may.
    fn other_command(&mut self, domain: Index, apdu: &mut Apdu<'_>) -> Answer {
        let Some(entry) = self.memory.registry.entry(domain) else { return Err(StatusWord::CONDITIONS_OF_USE) };
        let app = handle(domain, entry);
        self.call(A::process, app, None, apdu)
    }

    /// What of the card changes in transactions.
    fn books(&mut self) -> Books<'_, 'm, S> {
        Books { memory: &mut self.memory, log: &mut self.log, mute: &mut self.mute }
    }

    /// [`Books::commit`].
    fn commit(&mut self, changes: impl Fn(&Memory<'m>, &mut dyn FnMut(Change<'_>))) -> Result<(), StatusWord> {
        self.books().commit(&changes)
    }

    /// Gives a command to an application, which may ask the OPEN for services meanwhile. `session`: the channel whose session
    /// lends its Key-DEK.
    fn call(
        &mut self,
        function: fn(&mut A, AppHandle, &mut Apdu<'_>) -> Answer,
        app: AppHandle,
        session: Option<LogicalChannel>,
        apdu: &mut Apdu<'_>,
    ) -> Answer {
        let session = session.map(|channel| usize::from(channel.number()));
        let books = Books { memory: &mut self.memory, log: &mut self.log, mute: &mut self.mute };
        let mut lent = Lent { books, app: app.index, session };
        let answer = apdu.lend(&mut lent, |apdu| function(&mut self.applets, app, apdu));
        self.stop_content_changes();
        answer
    }

    /// Frees what was begun and not committed.
    fn discard_pending(&mut self) {
        self.memory.registry.iter_mut().filter(|entry| entry.pending).for_each(|entry| *entry = RegistryEntry::FREE);
        self.memory.keys.iter_mut().filter(|slot| slot.pending).for_each(KeySlot::wipe);
    }
}

/// What the OPEN does itself.
#[derive(Clone, Copy, Debug)]
enum OpenCommand {
    Select,
    ManageChannel,
    InitializeUpdate,
}

/// What became of a segment.
enum Collected {
    /// It is a whole command.
    Whole,
    /// More must follow.
    More,
    /// It was the last of a chain with this header and so much data.
    Last { header: Header, by: Chaining, length: usize },
}

/// A command without its octets: enough to find them again.
#[derive(Clone, Copy, Debug)]
struct Received {
    header: Header,
    form: Form,
    length: usize,
    le: Option<Le>,
}

impl Received {
    fn of(command: &CommandBuf<'_>) -> Self {
        Self { header: command.header(), form: command.form(), length: command.data_len(), le: command.le() }
    }

    /// The most octets of answer data on the wire. A missing Le does not forbid an answer: hosts that wrap without Le expect one.
    fn answer_room(&self, buffer: usize) -> usize {
        let by_form = match self.form {
            Form::Extended => 65_536,
            Form::Short | Form::Chained(_) => 256,
        };
        buffer.saturating_sub(StatusWord::LEN).min(by_form)
    }

    fn command<'b>(&self, buffer: &'b mut [u8], apart: Option<&'b mut [u8]>) -> Result<CommandBuf<'b>, gp_apdu::Error> {
        CommandBuf::assemble(apart.unwrap_or(buffer), self.header, self.form, self.length, self.le)
    }

    fn apdu<'b>(&self, buffer: &'b mut [u8], apart: Option<&'b mut [u8]>) -> Apdu<'b> {
        let start = self.form.data_offset();
        match apart {
            Some(memory) => {
                let data = memory.get_mut(start..start.saturating_add(self.length)).unwrap_or_default();
                Apdu::apart(self.header, self.le, buffer, data)
            }
            None => Apdu::in_place(self.header, self.le, buffer, start, self.length),
        }
    }
}

fn handle(index: Index, entry: &RegistryEntry) -> AppHandle {
    AppHandle { index, instance: entry.aid }
}

/// Writes a bare status word.
fn status(buffer: &mut [u8], status: StatusWord) -> usize {
    Response::write_status(buffer, 0, status).map_or(0, |answer| answer.len())
}

/// Writes the status word behind an unprotected answer.
fn write_answer(buffer: &mut [u8], length: usize, sw: StatusWord) -> usize {
    Response::write_status(buffer, length, sw).map_or(0, |answer| answer.len())
}

impl<S: Storage, P, A> fmt::Debug for Card<'_, S, P, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Card").field("mute", &self.mute).finish_non_exhaustive()
    }
}
