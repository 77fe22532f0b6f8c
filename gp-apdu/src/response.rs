//! Responses: data, then the two octets of the status word.
//!
//! ```text
//!  | data (0 to 65536 octets) | SW1 SW2 |
//! ```

use core::fmt;

use crate::command::copy;
use crate::{Error, StatusWord};

/// A response, seen in octets that somebody else owns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Response<'a> {
    /// The data; often empty.
    pub data: &'a [u8],
    /// SW1 SW2.
    pub status: StatusWord,
}

// The data may be secret.
impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("data_len", &self.data.len()).field("status", &self.status).finish()
    }
}

impl<'a> Response<'a> {
    /// Reads a response: its last two octets are the status word.
    ///
    /// # Errors
    /// [`Error::Truncated`] when there are fewer than two octets.
    pub fn parse(octets: &'a [u8]) -> Result<Self, Error> {
        let (data, status) = octets.split_last_chunk().ok_or(Error::Truncated)?;
        Ok(Self { data, status: StatusWord::from(*status) })
    }

    /// The octets it takes: data and status word.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        self.data.len().saturating_add(StatusWord::LEN)
    }

    /// Writes the response to the start of `buf` and returns it.
    ///
    /// # Errors
    /// [`Error::BufferFull`].
    pub fn emit<'b>(&self, buf: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        copy(buf.get_mut(..self.encoded_len()).ok_or(Error::BufferFull)?, self.data);
        Self::write_status(buf, self.data.len(), self.status)
    }

    /// Completes a response in place: puts the status word behind the `data_len` octets of data that `buf` begins with,
    /// and returns both.
    ///
    /// # Errors
    /// [`Error::BufferFull`].
    pub fn write_status(buf: &mut [u8], data_len: usize, status: StatusWord) -> Result<&mut [u8], Error> {
        let out = buf.get_mut(..data_len.saturating_add(StatusWord::LEN)).ok_or(Error::BufferFull)?;
        if let Some(end) = out.last_chunk_mut() {
            *end = status.octets();
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let mut buf = [0; 5];
        let response = Response { data: &[1, 2, 3], status: StatusWord::CARD_LOCKED };
        let octets = response.emit(&mut buf).unwrap();
        assert_eq!(octets, [1, 2, 3, 0x62, 0x83]);
        assert_eq!(Response::parse(octets), Ok(response));
        assert_eq!(response.emit(&mut [0; 4]), Err(Error::BufferFull));
    }

    #[test]
    fn completed_in_place() {
        let mut buf = [7; 4];
        assert_eq!(Response::write_status(&mut buf, 2, StatusWord::OK).unwrap(), [7, 7, 0x90, 0x00]);
        assert_eq!(Response::write_status(&mut buf, 0, StatusWord::OK).unwrap(), [0x90, 0x00]);
        assert_eq!(Response::write_status(&mut buf, 3, StatusWord::OK), Err(Error::BufferFull));
        assert_eq!(Response::write_status(&mut buf, usize::MAX, StatusWord::OK), Err(Error::BufferFull));
    }
}
