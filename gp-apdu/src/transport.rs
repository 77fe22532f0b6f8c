//! What carries octets to a card and back: a reader, a bus, a simulator.

/// A blocking link to a card.
///
/// One call is one APDU each way. `61xx`, `6Cxx` and chaining are not the link's business: [`Exchange`](crate::Exchange)
/// sees to them.
pub trait Transport {
    /// Why the link failed.
    type Error;

    /// Sends one command, receives its response, status word included, at the start of `response`, and answers how many
    /// octets that were.
    ///
    /// # Errors
    /// Whatever the link reports: nobody knows then whether the card has seen the command.
    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Self::Error>;
}

/// The twin of [`Transport`] for links that do not block; implement it with `async fn transmit`.
pub trait AsyncTransport {
    /// Why the link failed.
    type Error;

    /// Sends one command, receives its response, status word included, at the start of `response`, and answers how many
    /// octets that were.
    ///
    /// # Errors
    /// Whatever the link reports: nobody knows then whether the card has seen the command.
    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> impl Future<Output = Result<usize, Self::Error>>;
}

impl<T: Transport + ?Sized> Transport for &mut T {
    type Error = T::Error;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Self::Error> {
        T::transmit(self, command, response)
    }
}

impl<T: AsyncTransport + ?Sized> AsyncTransport for &mut T {
    type Error = T::Error;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> impl Future<Output = Result<usize, Self::Error>> {
        T::transmit(self, command, response)
    }
}
