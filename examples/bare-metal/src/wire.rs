//! The link between host and card when both are in one program, blocking and not.

use core::convert::Infallible;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use gp_apdu::{AsyncTransport, Transport};
use gp_cardmanager_model::card::storage::Storage;
use gp_cardmanager_model::card::{Applets, Card, MIN_BUFFER, Platform};

/// A card and the buffer between the two ends.
#[derive(Debug)]
pub struct Wire<'c, 'm, S: Storage, P, A> {
    /// The card.
    pub card: &'c mut Card<'m, S, P, A>,
    /// Where a command lies, and then its answer.
    pub buffer: &'c mut [u8; MIN_BUFFER],
}

impl<S: Storage, P: Platform, A: Applets> Transport for Wire<'_, '_, S, P, A> {
    type Error = Infallible;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Infallible> {
        self.buffer[..command.len()].copy_from_slice(command);
        let answer = self.card.process(self.buffer, command.len());
        response[..answer.len()].copy_from_slice(answer);
        Ok(answer.len())
    }
}

/// The same, for a host that does something else while the card works.
#[derive(Debug)]
pub struct SlowWire<W>(pub W);

impl<W: Transport> AsyncTransport for SlowWire<W> {
    type Error = W::Error;

    async fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, W::Error> {
        // A real link sleeps here until its interrupt.
        Pause(false).await;
        self.0.transmit(command, response)
    }
}

/// Not ready the first time that it is asked.
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if core::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// The smallest executor there is: asks until the future is ready. Says how often it had to wait, too.
pub fn block_on<F: Future>(future: F) -> (F::Output, u32) {
    let mut future = core::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    let mut waits = 0;
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return (output, waits),
            Poll::Pending => waits += 1,
        }
    }
}
