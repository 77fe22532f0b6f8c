//! The link to vpcd, the driver of a reader that is none: it listens, the card connects.
//!
//! ```text
//!  both ways | length (2) | that many octets |
//!
//!  to the card   00 power off   01 power on   02 reset   04 send the ATR   two octets or more: a command
//!  to the driver the ATR, or the answer to a command; nothing for the rest
//! ```

use std::io::{self, Read, Write};

/// What the driver asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Power off.
    PowerOff,
    /// Power on.
    PowerOn,
    /// A reset that keeps the power on.
    Reset,
    /// The answer to reset, please.
    Atr,
    /// A command.
    Command(Vec<u8>),
}

/// The card's end of the link.
#[derive(Debug)]
pub struct Link<S> {
    stream: S,
}

impl<S: Read + Write> Link<S> {
    /// Over a connection.
    pub const fn new(stream: S) -> Self {
        Self { stream }
    }

    /// The next request; `None` when the driver has closed the connection. Single octets without a meaning are passed over.
    ///
    /// # Errors
    /// What the connection says; also its end within a message.
    pub fn receive(&mut self) -> io::Result<Option<Request>> {
        loop {
            let mut length = [0; 2];
            match self.stream.read(&mut length[..1]) {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error),
            }
            self.stream.read_exact(&mut length[1..])?;
            let mut message = vec![0; u16::from_be_bytes(length).into()];
            self.stream.read_exact(&mut message)?;
            return Ok(Some(match message[..] {
                [0x00] => Request::PowerOff,
                [0x01] => Request::PowerOn,
                [0x02] => Request::Reset,
                [0x04] => Request::Atr,
                [] | [_] => continue,
                _ => Request::Command(message),
            }));
        }
    }

    /// Sends an answer, length and octets in one write: in two, each exchange would wait 40 ms for an acknowledgement.
    ///
    /// # Errors
    /// What the connection says; an answer of more than 65535 octets.
    pub fn send(&mut self, answer: &[u8]) -> io::Result<()> {
        let length = u16::try_from(answer.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        self.stream.write_all(&[&length.to_be_bytes(), answer].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes in, what went out, and in how many writes.
    struct Wire(io::Cursor<Vec<u8>>, Vec<Vec<u8>>);

    impl Read for Wire {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            // One octet at a time, as slow as a network can be.
            let room = out.len().min(1);
            self.0.read(&mut out[..room])
        }
    }

    impl Write for Wire {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.1.push(octets.to_vec());
            Ok(octets.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn link(octets: &[u8]) -> Link<Wire> {
        Link::new(Wire(io::Cursor::new(octets.to_vec()), Vec::new()))
    }

    #[test]
    fn requests_are_told_apart() {
        let mut link = link(&[0, 1, 1, 0, 1, 0, 0, 1, 2, 0, 1, 4, 0, 1, 7, 0, 0, 0, 4, 0x80, 0xCA, 0, 0x66]);
        let mut requests = Vec::new();
        while let Some(request) = link.receive().unwrap() {
            requests.push(request);
        }
        assert_eq!(
            requests,
            [
                Request::PowerOn,
                Request::PowerOff,
                Request::Reset,
                Request::Atr,
                Request::Command(vec![0x80, 0xCA, 0, 0x66])
            ]
        );
    }

    #[test]
    fn an_end_inside_a_message_is_an_error() {
        for octets in [&[0][..], &[0, 3], &[0, 3, 1, 2]] {
            assert!(link(octets).receive().is_err(), "{octets:?}");
        }
    }

    #[test]
    fn an_answer_is_one_write() {
        let mut link = link(&[]);
        link.send(&[0x90, 0x00]).unwrap();
        assert_eq!(link.stream.1, [[0, 2, 0x90, 0x00]]);
        assert!(link.send(&vec![0; 65_536]).is_err());
    }
}
