//! Responses under secure messaging: R-MAC and R-ENCRYPTION, the card's end and the host's side by side (Amendment D 6.2.5, 6.2.7).
//!
//! ```text
//!  plain       data                        SW1 SW2
//!  protected   data'  R-MAC (8 or 16)      SW1 SW2     for 9000, 62xx and 63xx; any other status word stands alone
//!
//!  data'   AES-CBC(S-ENC, ICV, data | 80 00..) at a level with R-ENCRYPTION and when there is data, else data
//!  ICV     AES(S-ENC, 80 | number of the command, 15 octets big-endian)
//!  R-MAC   the start of CMAC(S-RMAC, chaining value of the command | data' | SW1 SW2)
//! ```

use gp_apdu::StatusWord;
use zeroize::Zeroize;

use crate::kernel::{Head, Number, open, open_unverified, seal, tag};
use crate::key::leftmost;
use crate::padding::{pad80, padded_length, unpad80};
use crate::session::{Session, mac_matches};
use crate::{Error, SecurityLevel};

/// What the host found in a response: how much data lies at its start, and whether an R-MAC vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unwrapped {
    pub(crate) data_length: usize,
    pub(crate) status: StatusWord,
    pub(crate) authentic: bool,
}

/// Which comes first at the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The R-MAC is verified, then the data decrypted: plaintext exists only once the card has vouched for it.
    VerifyThenDecrypt,
    /// Both in one pass over the data, which is wiped when the R-MAC does not hold.
    OnePass,
}

impl Session {
    /// Card: protects `data_length` octets at the start of `buffer` and puts the status word behind. The answer is as
    /// long as the slice. Where it does not fit, [`Error::Apdu`], and nothing has changed; where an engine fails, the data is
    /// wiped and the session over.
    pub(crate) fn wrap_response<'b>(
        &mut self,
        level: SecurityLevel,
        buffer: &'b mut [u8],
        data_length: usize,
        status: StatusWord,
    ) -> Result<&'b mut [u8], Error> {
        if !level.has_r_mac() {
            return Ok(gp_apdu::Response::write_status(buffer, data_length, status)?);
        }
        // An error status: two octets, no data, no R-MAC.
        if !status.is_protected() {
            return Ok(gp_apdu::Response::write_status(buffer, 0, status)?);
        }
        let full = Error::Apdu(gp_apdu::Error::BufferFull);
        let encrypt = level.has_r_encryption() && data_length > 0;
        let body_length = if encrypt { padded_length(data_length).ok_or(full)? } else { data_length };
        let total = body_length.checked_add(self.mode().octets()).and_then(|n| n.checked_add(2)).ok_or(full)?;
        let answer = buffer.get_mut(..total).ok_or(full)?;
        let (body, rest) = answer.split_at_mut_checked(body_length).ok_or(full)?;
        let (mac, sw) = rest.split_at_mut_checked(self.mode().octets()).ok_or(full)?;
        let status = status.octets();
        let (s_enc, s_rmac) = self.keys.for_response().ok_or(Error::State)?;
        let enc = encrypt.then(|| {
            pad80(body, data_length);
            (s_enc, Number { counter: self.counter, response: true })
        });
        let computed = match seal(enc, s_rmac, &self.chaining.0, Head::NONE, body, Some(status), None) {
            Ok(computed) => computed,
            Err(fault) => {
                body.zeroize();
                return Err(fault.into());
            }
        };
        leftmost(&computed, mac);
        sw.iter_mut().zip(status).for_each(|(to, from)| *to = from);
        Ok(answer)
    }

    /// Host: verifies and decrypts in place, in the order asked for. An error means that the session is over.
    pub(crate) fn unwrap_response(
        &mut self,
        level: SecurityLevel,
        order: Order,
        response: &mut [u8],
    ) -> Result<Unwrapped, Error> {
        let (data, sw) = response.split_last_chunk_mut::<2>().ok_or(Error::Security)?;
        let status = StatusWord::from(*sw);
        if !level.has_r_mac() {
            return Ok(Unwrapped { data_length: data.len(), status, authentic: false });
        }
        if !status.is_protected() {
            // Data under an error status would be data that nobody protects.
            return if data.is_empty() {
                Ok(Unwrapped { data_length: 0, status, authentic: false })
            } else {
                Err(Error::Security)
            };
        }
        let data_length = self.unwrap_protected(level, order, data, *sw)?;
        Ok(Unwrapped { data_length, status, authentic: true })
    }

    /// Host: the same under R-MAC. Answers how much data lies at the start of `data`. A call of its own: answers that are not
    /// protected go without its frame.
    #[cfg_attr(feature = "cached-keys", inline(never))]
    fn unwrap_protected(
        &mut self,
        level: SecurityLevel,
        order: Order,
        data: &mut [u8],
        sw: [u8; 2],
    ) -> Result<usize, Error> {
        let mode = self.mode();
        let body_length = data.len().checked_sub(mode.octets()).ok_or(Error::Security)?;
        let (body, received) = data.split_at_mut_checked(body_length).ok_or(Error::Security)?;
        let number = Number { counter: self.counter, response: true };
        let encrypted = level.has_r_encryption() && body_length > 0;
        let (s_enc, s_rmac) = self.keys.for_response().ok_or(Error::State)?;
        if encrypted && order == Order::OnePass && body_length.is_multiple_of(16) {
            let computed = match open_unverified((s_enc, number), s_rmac, &self.chaining.0, body, sw) {
                Ok(computed) => computed,
                Err(fault) => {
                    body.zeroize();
                    return Err(fault.into());
                }
            };
            if !mac_matches(mode, &computed, received) {
                body.zeroize();
                return Err(Error::Security);
            }
        } else {
            let computed = match tag(s_rmac, &self.chaining.0, Head::NONE, body, Some(sw)) {
                Ok(computed) => computed,
                Err(fault) => {
                    body.zeroize();
                    return Err(fault.into());
                }
            };
            if !mac_matches(mode, &computed, received) || (encrypted && !body_length.is_multiple_of(16)) {
                return Err(Error::Security);
            }
            if encrypted && let Err(fault) = open(s_enc, number, body) {
                body.zeroize();
                return Err(fault.into());
            }
        }
        if !encrypted {
            return Ok(body_length);
        }
        let Some(plain) = unpad80(body) else {
            body.zeroize();
            return Err(Error::Security);
        };
        Ok(plain)
    }
}

#[cfg(test)]
mod tests;
