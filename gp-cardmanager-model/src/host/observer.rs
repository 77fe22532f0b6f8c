//! What a host shows of its conversation with the card, to whoever wants to print or record it.

use gp_apdu::Command;
use gp_scp03::Reply;

/// One thing that happened.
///
/// ```text
///  Plain      the command as the operation made it        (again below: only the octets differ)
///  Sent       the octets that go to the card              protected, perhaps cut; also each GET RESPONSE
///  Received   the octets that came back                   for each Sent
///  Opened     the answer, verified and decrypted          once for each Plain
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A command before its protection. Keys in it are encrypted under the Key-DEK already; other data is what the
    /// operation sends, and may be confidential.
    Plain(Command<'a>),
    /// Octets on their way to the card.
    Sent(&'a [u8]),
    /// Octets that came from the card, status word included.
    Received(&'a [u8]),
    /// An answer, after the protection was verified and taken off, and what it is worth.
    Opened(Reply<'a>),
}

/// Sees what a [`Host`](super::Host) does. It stands in for logging, and never sees a key: session keys do not leave the
/// channel, and static keys do not come near it.
///
/// Any closure that takes an [`Event`] is an observer, and `()` is one that sees nothing.
pub trait Observer {
    /// Takes note of an event.
    fn see(&mut self, event: Event<'_>);
}

impl Observer for () {
    fn see(&mut self, _: Event<'_>) {}
}

impl<F: FnMut(Event<'_>)> Observer for F {
    fn see(&mut self, event: Event<'_>) {
        self(event);
    }
}
