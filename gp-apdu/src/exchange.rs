//! From one logical command to one whole response: command chaining, `61xx` and `6Cxx`, without doing I/O.
//!
//! ```text
//!  caller                         Exchange                       card
//!  CommandBuf, 600 octets   -->   segment  255 octets   ------>
//!                                                       <------  9000
//!                                 segment  255 octets   ------>
//!                                                       <------  9000
//!                                 segment   90 octets   ------>
//!                                                       <------  data 6120
//!                                 00 C0 00 00 20        ------>
//!                                                       <------  data 9000
//!  data data 9000           <--
//! ```
//!
//! This lies below a secure channel: what it sees is already protected and GET RESPONSE never is. \[GPCS\] 11.1.5

use crate::{
    AsyncTransport, Chaining, Class, CommandBuf, Error, Form, Header, Le, Response, StatusWord, Transport, ins,
};
use core::fmt;
use core::num::NonZeroU8;

/// What an [`Exchange`] wants after an answer was [received](Exchange::received).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub enum Progress {
    /// Send [`outgoing`](Exchange::outgoing) and receive into [`incoming`](Exchange::incoming) once more.
    Again,
    /// The response is whole: it is the first so many octets of the response buffer, status word included.
    Done(usize),
}

/// The steps of one exchange. It owns no buffer: the caller hands the same two to every call.
///
/// ```
/// # use gp_apdu::*;
/// # fn send(_: &[u8], into: &mut [u8]) -> usize { into[..2].copy_from_slice(&[0x90, 0x00]); 2 }
/// # let (mut command, mut response) = ([0; 261], [0; 258]);
/// let select = CommandBuf::new(&mut command, Header::new(Class::ISO, ins::SELECT, 4, 0), Form::Short)?;
/// let mut exchange = Exchange::start(select, false)?;
/// let len = loop {
///     let received = send(exchange.outgoing(&command), exchange.incoming(&mut response));
///     if let Progress::Done(len) = exchange.received(&mut command, &mut response, received)? {
///         break len;
///     }
/// };
/// assert_eq!(response[..len], [0x90, 0x00]);
/// # Ok::<(), Error>(())
/// ```
///
/// - **Chaining.** A command of form [`Form::Chained`] that is longer than one segment is cut. The header of each segment
///   is written over data already sent; Le goes with the last one. An error status in between ends the exchange as its
///   response: the card has refused the chain, and has not seen the whole command
///   ([`refused_early`](Self::refused_early)). Any other answer there but a bare `9000` is [`Error::BrokenChain`].
/// - **`61xx`** is answered with GET RESPONSE of ISO class on the same logical channel (a foreign class keeps its own),
///   asking for as much as is announced and fits. Each part is received over the status word of the one before; the
///   response is the data of all parts and the last status word.
/// - **`6Cxx`** to GET RESPONSE: asked once more, with that Le, once for each part. To a plain command with Le that left
///   in one piece: sent once more with that Le. To a protected command: never, for its MAC cannot be used twice, and the
///   card's chain has moved on; the status word is the response.
/// - **Bounds.** At most one step per segment, one repetition, and two steps for each of [`MAX_PARTS`](Self::MAX_PARTS)
///   parts, whatever the card answers.
#[derive(Debug)]
pub struct Exchange {
    header: Header,
    le: Option<Le>,
    form: Form,
    /// Most data octets of a segment.
    segment: usize,
    /// Data octets of a command that has to be cut, and those in segments made so far.
    data_len: usize,
    sent: usize,
    /// Where the outgoing command lies in the command buffer.
    start: usize,
    end: usize,
    /// Response data octets received so far.
    have: usize,
    parts: u16,
    phase: Phase,
    refused_early: bool,
}

/// What the next answer is an answer to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// A segment before the last.
    Segment,
    /// The command, or its last segment; whether `6Cxx` may have it repeated.
    Command { repeatable: bool },
    /// GET RESPONSE; whether `6Cxx` may have it repeated.
    Part { repeatable: bool },
    /// Nothing: it is over.
    Finished,
}

impl Exchange {
    /// How many GET RESPONSE commands one exchange sends, repetitions not counted: enough for 65536 octets in parts of
    /// 128.
    pub const MAX_PARTS: u16 = 512;

    /// Begins with a finished command, cut (if it is to be chained) into segments of 255 octets. `protected` says
    /// whether a secure channel has wrapped it.
    ///
    /// # Errors
    /// Those of [`CommandBuf::finish`]; [`Error::ChainingBit`] when it has to be cut and its header cannot say so.
    pub fn start(command: CommandBuf<'_>, protected: bool) -> Result<Self, Error> {
        Self::start_segmented(command, protected, NonZeroU8::MAX)
    }

    /// Like [`start`](Self::start), with shorter segments, for cards that do not take 255 octets at once.
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    pub fn start_segmented(command: CommandBuf<'_>, protected: bool, segment: NonZeroU8) -> Result<Self, Error> {
        let segment = usize::from(segment.get());
        let (header, form, le) = (command.header(), command.form(), command.le());
        let mut exchange = Self {
            header,
            le,
            form,
            segment,
            data_len: command.data_len(),
            sent: 0,
            start: 0,
            end: 0,
            have: 0,
            parts: 0,
            refused_early: false,
            phase: Phase::Command { repeatable: le.is_some() && !protected },
        };
        match form {
            Form::Chained(chaining) if command.data_len() > segment => {
                form.check_le(le)?;
                let free = match chaining {
                    Chaining::Gp => header.p1 & 0x80 == 0,
                    Chaining::Iso => !header.cla.is_chained() && header.cla.chained(true).is_chained(),
                };
                if !free {
                    return Err(Error::ChainingBit);
                }
                exchange.cut(command.into_buf(), chaining)?;
            }
            _ => exchange.end = command.finish()?.len(),
        }
        Ok(exchange)
    }

    /// The command to send now. `command` is the buffer that the command was built in.
    #[must_use]
    pub fn outgoing<'a>(&self, command: &'a [u8]) -> &'a [u8] {
        command.get(self.start..self.end).unwrap_or_default()
    }

    /// Where its answer has to be received: the part of the response buffer behind what is already there.
    #[must_use]
    pub fn incoming<'a>(&self, response: &'a mut [u8]) -> &'a mut [u8] {
        response.get_mut(self.have..).unwrap_or_default()
    }

    /// Takes note that `received` octets have come into [`incoming`](Self::incoming).
    ///
    /// # Errors
    /// The exchange is over after any of them: [`Error::Truncated`] for an answer without status word,
    /// [`Error::Overrun`] for one longer than its room, [`Error::BrokenChain`], [`Error::ResponseTooLong`],
    /// [`Error::TooManyParts`], [`Error::BufferFull`] when the command buffer does not hold a GET RESPONSE (5 octets),
    /// [`Error::Finished`] when it was over before.
    pub fn received(&mut self, command: &mut [u8], response: &mut [u8], received: usize) -> Result<Progress, Error> {
        let phase = core::mem::replace(&mut self.phase, Phase::Finished);
        let answer = self.incoming(response).get(..received).ok_or(Error::Overrun);
        if phase == Phase::Finished {
            return Err(Error::Finished);
        }
        let Response { data, status } = Response::parse(answer?)?;
        match phase {
            Phase::Segment if status.is_success() && data.is_empty() => self.next_segment(command),
            Phase::Segment if !status.is_error() => Err(Error::BrokenChain),
            Phase::Segment => {
                self.refused_early = true;
                Ok(Progress::Done(self.have.saturating_add(received)))
            }
            Phase::Command { repeatable: true } | Phase::Part { repeatable: true }
                if data.is_empty() && status.corrected_le().is_some() =>
            {
                self.repeat(command, response.len(), phase, status)
            }
            Phase::Command { .. } | Phase::Part { .. } if status.available().is_some() => {
                self.have = self.have.saturating_add(data.len());
                self.next_part(command, response.len(), status)
            }
            _ => Ok(Progress::Done(self.have.saturating_add(received))),
        }
    }

    /// Did the card refuse the command before its last segment was sent? Of a command with a MAC it has not seen the MAC then,
    /// and no answer to it is protected.
    #[must_use]
    pub const fn refused_early(&self) -> bool {
        self.refused_early
    }

    fn next_segment(&mut self, command: &mut [u8]) -> Result<Progress, Error> {
        if let Form::Chained(chaining) = self.form {
            self.cut(command, chaining)?;
        }
        Ok(Progress::Again)
    }

    /// Makes the next segment: its header goes in front of its data, over what has been sent, and Le behind the last.
    fn cut(&mut self, command: &mut [u8], chaining: Chaining) -> Result<(), Error> {
        let left = self.data_len.saturating_sub(self.sent);
        let len = left.min(self.segment);
        let last = len == left;
        let mut header = self.header;
        match chaining {
            _ if last => {}
            Chaining::Gp => header.p1 |= 0x80,
            Chaining::Iso => header.cla = header.cla.chained(true),
        }
        // The data begins 5 octets into the buffer, so data octet `sent` is 5 octets behind the header at `sent`.
        self.start = self.sent;
        self.sent = self.sent.saturating_add(len);
        self.end = self.sent.saturating_add(self.form.data_offset());
        if let (true, Some(le)) = (last, self.le) {
            let [_, low] = le.octets();
            *command.get_mut(self.end).ok_or(Error::BufferFull)? = low;
            self.end = self.end.saturating_add(1);
        }
        let segment =
            command.get_mut(self.start..self.end).and_then(<[u8]>::first_chunk_mut).ok_or(Error::BufferFull)?;
        let [cla, ins, p1, p2] = header.octets();
        *segment = [cla, ins, p1, p2, u8::try_from(len).map_err(|_| Error::DataTooLong)?];
        self.phase = if last { Phase::Command { repeatable: false } } else { Phase::Segment };
        Ok(())
    }

    /// Sends the same command or GET RESPONSE once more, with the Le that `6Cxx` told.
    fn repeat(&mut self, command: &mut [u8], room: usize, phase: Phase, status: StatusWord) -> Result<Progress, Error> {
        let le = status.corrected_le().ok_or(Error::Truncated)?;
        let outgoing = command.get_mut(self.start..self.end).ok_or(Error::BufferFull)?;
        let [high, low] = le.octets();
        match (phase, self.form) {
            (Phase::Part { .. }, _) => {
                // The card insists on this Le: asking for less would only be refused again.
                if le.get() > self.room(room) {
                    return Err(Error::ResponseTooLong);
                }
                *outgoing.last_mut().ok_or(Error::BufferFull)? = low;
                self.phase = Phase::Part { repeatable: false };
            }
            (_, Form::Extended) => {
                *outgoing.last_chunk_mut().ok_or(Error::BufferFull)? = [high, low];
                self.phase = Phase::Command { repeatable: false };
            }
            (_, Form::Short | Form::Chained(_)) => {
                *outgoing.last_mut().ok_or(Error::BufferFull)? = low;
                self.phase = Phase::Command { repeatable: false };
            }
        }
        Ok(Progress::Again)
    }

    /// Asks for the next part of the response, as much as `61xx` announces and as fits.
    fn next_part(&mut self, command: &mut [u8], room: usize, status: StatusWord) -> Result<Progress, Error> {
        let available = status.available().map_or(0, u32::from);
        let le = Le::new(available.min(self.room(room))).ok_or(Error::ResponseTooLong)?;
        if self.parts >= Self::MAX_PARTS {
            return Err(Error::TooManyParts);
        }
        self.parts = self.parts.saturating_add(1);
        let class = match self.header.cla {
            foreign if foreign.coding().is_none() => foreign,
            class => Class::ISO.with_channel(class.channel()).unwrap_or(Class::ISO),
        };
        let [_, low] = le.octets();
        *command.first_chunk_mut().ok_or(Error::BufferFull)? = [class.byte(), ins::GET_RESPONSE, 0, 0, low];
        (self.start, self.end) = (0, 5);
        self.phase = Phase::Part { repeatable: true };
        Ok(Progress::Again)
    }

    /// How much more data a response buffer of this length takes, with room for the status word.
    fn room(&self, response_len: usize) -> u32 {
        let room = response_len.saturating_sub(self.have).saturating_sub(StatusWord::LEN);
        u32::try_from(room).unwrap_or(u32::MAX)
    }

    /// Does the whole exchange over a blocking link and returns the response, status word included.
    ///
    /// # Errors
    /// [`ExchangeError::Link`] with what the link reports, else those of [`received`](Self::received).
    pub fn run<'r, T: Transport>(
        mut self,
        link: &mut T,
        command: &mut [u8],
        response: &'r mut [u8],
    ) -> Result<&'r mut [u8], ExchangeError<T::Error>> {
        loop {
            let received = link.transmit(self.outgoing(command), self.incoming(response));
            let received = received.map_err(ExchangeError::Link)?;
            if let Progress::Done(len) = self.received(command, response, received)? {
                return response.get_mut(..len).ok_or(ExchangeError::Apdu(Error::Overrun));
            }
        }
    }

    /// [`run`](Self::run) over a link that does not block.
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    pub async fn run_async<'r, T: AsyncTransport>(
        mut self,
        link: &mut T,
        command: &mut [u8],
        response: &'r mut [u8],
    ) -> Result<&'r mut [u8], ExchangeError<T::Error>> {
        loop {
            let received = link.transmit(self.outgoing(command), self.incoming(response)).await;
            let received = received.map_err(ExchangeError::Link)?;
            if let Progress::Done(len) = self.received(command, response, received)? {
                return response.get_mut(..len).ok_or(ExchangeError::Apdu(Error::Overrun));
            }
        }
    }
}

/// Why an exchange over a link ended without a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ExchangeError<E> {
    /// What came back is no response, or does not fit.
    Apdu(Error),
    /// The link failed.
    Link(E),
}

impl<E> From<Error> for ExchangeError<E> {
    fn from(error: Error) -> Self {
        Self::Apdu(error)
    }
}

impl<E> fmt::Display for ExchangeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apdu(_) => f.write_str("the exchange with the card failed"),
            Self::Link(_) => f.write_str("the link to the card failed"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for ExchangeError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Apdu(error) => Some(error),
            Self::Link(error) => Some(error),
        }
    }
}
