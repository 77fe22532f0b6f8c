//! The answer to a content management command: `00`, or a confirmation with a receipt.
//!
//! ```text
//!  LL receipt length, receipt | 02 counter | LV security domain data [| LV token id [| LV token digest]]
//!  ^  '------- receipt ------' '----------------- details: what the receipt signs first ----------------'
//!  +- length of all that follows
//! ```
//! All lengths are BER. The security domain data is the value of `42` followed by that of `45` of the security
//! domain that made the receipt. GPCS 11.1.6, C.5.
//!
//! Tolerances of the reader: no outer length (some cards leave it out; it is there exactly when it fits what follows);
//! an empty answer, read as `00`.

use crate::error::{Error, ErrorKind};
use crate::lv::{Octets, Out, length_len};

#[cfg(test)]
mod tests;

/// What a delegated operation answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Confirmation<'a> {
    /// The receipt: 16 octets with AES, else as long as the key makes it.
    pub receipt: &'a [u8],
    /// The details as they are sent; [`Details::parse`] reads them.
    pub details: &'a [u8],
}

impl<'a> Confirmation<'a> {
    /// The answer without confirmation.
    pub const NONE: [u8; 1] = [0x00];

    /// Reads the answer; `None` when it is `00`.
    ///
    /// # Errors
    /// `Truncated`, `BadLength`, `TrailingData`, as [`Details::parse`]; `Missing` for an empty receipt.
    pub fn parse(answer: &'a [u8]) -> Result<Option<Self>, Error> {
        if answer.is_empty() || answer == Self::NONE {
            return Ok(None);
        }
        let mut outer = Octets::new(answer);
        let mut body = match outer.length() {
            Ok(len) if len == outer.rest().len() => outer,
            _ => Octets::new(answer),
        };
        let at = body.offset();
        let receipt = body.lv()?;
        if receipt.is_empty() {
            return Err(Error::at(ErrorKind::Missing, at));
        }
        let details = body.rest();
        Details::parse(details).map_err(|e| e.shifted(body.offset()))?;
        Ok(Some(Self { receipt, details }))
    }

    /// Octets of the answer.
    pub const fn encoded_len(&self) -> usize {
        let inner = self.inner_len();
        length_len(inner).saturating_add(inner)
    }

    const fn inner_len(&self) -> usize {
        length_len(self.receipt.len()).saturating_add(self.receipt.len()).saturating_add(self.details.len())
    }

    /// Writes the answer, with the outer length.
    ///
    /// # Errors
    /// `BufferFull`; `BadLength` above 65535 octets; what [`Details::parse`] finds in `details`; `Missing` for an empty receipt.
    pub fn emit<'b>(&self, buf: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        if self.receipt.is_empty() {
            return Err(Error::at(ErrorKind::Missing, 0));
        }
        Details::parse(self.details)?;
        let mut out = Out::new(buf);
        out.length(self.inner_len())?.lv(self.receipt)?.put(self.details)?;
        Ok(out.finish())
    }
}

/// What a confirmation says beside the receipt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Details<'a> {
    /// Confirmation counter: how many receipts there were before; it never repeats.
    pub counter: u16,
    /// Values of `42` and `45` of the security domain that made the receipt, one after the other.
    pub security_domain: &'a [u8],
    /// Tag `93` of the token; given exactly when the token had it.
    pub token_id: Option<&'a [u8]>,
    /// Digest of the token; only beside a token identifier.
    pub token_digest: Option<&'a [u8]>,
}

impl<'a> Details<'a> {
    /// Reads the details, up to the end of `octets`.
    ///
    /// # Errors
    /// `Truncated`, `TrailingData`; `BadLength` for a counter that is not of 2 octets.
    pub fn parse(octets: &'a [u8]) -> Result<Self, Error> {
        let mut body = Octets::new(octets);
        let at = body.offset();
        let [high, low] = *body.lv()? else {
            return Err(Error::at(ErrorKind::BadLength, at));
        };
        let security_domain = body.lv()?;
        let mut optional = || match body.is_empty() {
            true => Ok(None),
            false => body.lv().map(Some),
        };
        let token_id = optional()?;
        let token_digest = optional()?;
        body.finish()?;
        Ok(Self { counter: u16::from_be_bytes([high, low]), security_domain, token_id, token_digest })
    }

    /// Writes the details.
    ///
    /// # Errors
    /// `BufferFull`; `BadLength` for a value above 65535 octets; `Unexpected` for a digest without identifier.
    pub fn emit<'b>(&self, buf: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        if self.token_digest.is_some() && self.token_id.is_none() {
            return Err(Error::at(ErrorKind::Unexpected, 0));
        }
        let mut out = Out::new(buf);
        out.lv(&self.counter.to_be_bytes())?.lv(self.security_domain)?;
        for value in [self.token_id, self.token_digest].into_iter().flatten() {
            out.lv(value)?;
        }
        Ok(out.finish())
    }
}
