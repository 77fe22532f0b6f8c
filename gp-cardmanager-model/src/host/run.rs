//! The two drivers: one loop, with and without `.await`.

use gp_apdu::{AsyncTransport, Transport};

use super::{Error, Failure, Host, Next, Observer, Task};

/// An operation under way. However its driver ends (error, panic, dropped future), an answer still awaited is abandoned.
struct Flight<'h, 'b, O: Observer>(&'h mut Host<'b, O>);

impl<'h, 'b, O: Observer> Flight<'h, 'b, O> {
    fn begin<T: Task>(host: &'h mut Host<'b, O>, task: &mut T) -> Result<Self, Failure> {
        host.begin(task)?;
        Ok(Self(host))
    }
}

impl<O: Observer> Drop for Flight<'_, '_, O> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Carries an operation out over a blocking link.
///
/// # Errors
/// [`Error::Failure`] with what the operation or the host answers, [`Error::Transport`] with the link's own error, after
/// which the session is over.
pub fn run<'h, T: Task, X: Transport, O: Observer>(
    host: &'h mut Host<'_, O>,
    link: &mut X,
    mut task: T,
) -> Result<T::Output<'h>, Error<X::Error>> {
    {
        let flight = Flight::begin(host, &mut task)?;
        loop {
            let (outgoing, incoming) = flight.0.io();
            let received = link.transmit(outgoing, incoming).map_err(Error::Transport)?;
            if flight.0.digest(&mut task, received)? == Next::Done {
                break;
            }
        }
    }
    Ok(host.finish(task)?)
}

/// Carries an operation out over a link that does not block. The future is `Send` when those of the link are, and link,
/// observer and operation too.
///
/// **Cancel safety.** A future that is dropped while it waits ends the session, as a lost answer does. The host can be
/// used again at once: select, and authenticate anew.
///
/// # Errors
/// Those of [`run`].
pub async fn run_async<'h, T: Task, X: AsyncTransport, O: Observer>(
    host: &'h mut Host<'_, O>,
    link: &mut X,
    mut task: T,
) -> Result<T::Output<'h>, Error<X::Error>> {
    {
        let flight = Flight::begin(host, &mut task)?;
        loop {
            let (outgoing, incoming) = flight.0.io();
            let received = link.transmit(outgoing, incoming).await.map_err(Error::Transport)?;
            if flight.0.digest(&mut task, received)? == Next::Done {
                break;
            }
        }
    }
    Ok(host.finish(task)?)
}
