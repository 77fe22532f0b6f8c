//! What a token signs, GPCS C.4.

use crate::delete::Delete;
use crate::error::{Error, ErrorKind};
use crate::install::{Function, Install};

/// P1, P2 and the length of the fields: 3 or 5 octets.
#[derive(Clone, Copy, Debug)]
struct Head {
    octets: [u8; 5],
    len: usize,
}

impl Head {
    const NONE: Self = Self { octets: [0; 5], len: 0 };

    fn new(p1: u8, p2: u8, fields: usize) -> Result<Self, Error> {
        let too_long = Error::at(ErrorKind::BadLength, 0);
        let [high, low] = u16::try_from(fields).map_err(|_| too_long)?.to_be_bytes();
        Ok(match high {
            0 => Self { octets: [p1, p2, low, 0, 0], len: 3 },
            _ => Self { octets: [p1, p2, 0, high, low], len: 5 },
        })
    }

    fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

/// The message that a token signs. It borrows the command's fields: nothing is copied.
#[derive(Clone, Copy, Debug)]
pub struct TokenInput<'a> {
    first: Head,
    first_fields: &'a [u8],
    last: Head,
    last_fields: &'a [u8],
}

impl<'a> TokenInput<'a> {
    /// From P1 (b8 = 0), P2 and the fields before the length (INSTALL) or tag (DELETE) of the token.
    ///
    /// # Errors
    /// `BadLength` for more than 65535 octets.
    pub fn new(p1: u8, p2: u8, fields: &'a [u8]) -> Result<Self, Error> {
        Ok(Self { first: Head::NONE, first_fields: &[], last: Head::new(p1, p2, fields.len())?, last_fields: fields })
    }

    /// From a received INSTALL body: P1 and P2 of the last part, the joined data, with its token or without.
    ///
    /// # Errors
    /// Those of [`Install::signed_fields`]; `Unexpected` for a personalization, which has no token.
    pub fn of_install(p1: u8, p2: u8, data: &'a [u8]) -> Result<Self, Error> {
        let fields = Install::signed_fields(p1, p2, data)?;
        match Function::parse(p1, p2)? {
            Function::Personalization => Err(Error::at(ErrorKind::Unexpected, 0)),
            _ => Self::new(p1, p2, fields),
        }
    }

    /// From a received DELETE body, likewise.
    ///
    /// # Errors
    /// Those of [`Delete::signed_fields`].
    pub fn of_delete(p1: u8, p2: u8, data: &'a [u8]) -> Result<Self, Error> {
        Self::new(p1, p2, Delete::signed_fields(p1, p2, data)?)
    }

    /// The message of the combined process, whose token is in the last command: that of the first, then that of the last.
    #[must_use]
    pub const fn combined(first: Self, last: Self) -> Self {
        Self { first: first.last, first_fields: first.last_fields, ..last }
    }

    /// The message, in parts to be taken one after the other; a part may be empty.
    pub fn parts(&self) -> [&[u8]; 4] {
        [self.first.as_slice(), self.first_fields, self.last.as_slice(), self.last_fields]
    }
}
