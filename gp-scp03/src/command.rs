//! Commands under secure messaging: C-MAC and C-DECRYPTION, the host's end and the card's side by side (Amendment D 6.2.4, 6.2.6).
//!
//! ```text
//!  plain       CLA   INS P1 P2  Lc   data                               [Le]
//!  protected   CLA'' INS P1 P2  Lc'  data'  C-MAC (8 or 16)             [Le]
//!
//!  data'   AES-CBC(S-ENC, ICV, data | 80 00..) at a level with C-DECRYPTION and when there is data, else data
//!  ICV     AES(S-ENC, number of the command, 16 octets big-endian)
//!  C-MAC   the start of CMAC(S-MAC, chaining value | CLA' INS P1 P2 Lc' | data'), whose 16 octets are the next chaining value
//!  CLA''   the class with secure messaging announced, logical channel kept;  CLA' the same with channel 0
//!  Lc'     the length of data' and C-MAC, in the octets that stand on the wire
//! ```

use gp_apdu::CommandBuf;
use zeroize::Zeroize;

use crate::kernel::{Head, open, seal, tag};
use crate::key::leftmost;
use crate::padding::{pad80, padded_length, unpad80};
use crate::session::Session;
use crate::{Error, SecurityLevel};

impl Session {
    /// Host: protects the command in place and steps chain and counter. On an error nothing has changed.
    pub(crate) fn wrap_command(&mut self, level: SecurityLevel, command: &mut CommandBuf<'_>) -> Result<(), Error> {
        let data_length = command.data().len();
        let encrypt = level.has_c_decryption() && (data_length > 0 || self.quirks.encrypt_empty());
        // A block of padding is data to the card, which counts by what it sees; and no two blocks may share an ICV.
        let counter = self.next_counter(data_length > 0 || encrypt)?;
        self.mac_command(command, encrypt.then_some(counter))?;
        self.counter = counter;
        Ok(())
    }

    /// Host: EXTERNAL AUTHENTICATE carries a C-MAC whatever its level, and is never encrypted nor counted (Amendment D 7.1.2).
    pub(crate) fn wrap_authentication(&mut self, command: &mut CommandBuf<'_>) -> Result<(), Error> {
        self.mac_command(command, None)
    }

    fn mac_command(&mut self, command: &mut CommandBuf<'_>, encrypt_as: Option<u32>) -> Result<(), Error> {
        let class = command.header().cla.secured();
        if !class.is_protected() {
            return Err(Error::Class);
        }
        let mac_length = self.mode.octets();
        let data_length = command.data().len();
        let body_length = match encrypt_as {
            Some(_) => padded_length(data_length).ok_or(gp_apdu::Error::DataTooLong)?,
            None => data_length,
        };
        let total = body_length.checked_add(mac_length).ok_or(gp_apdu::Error::DataTooLong)?;
        let head = Self::mac_head(command, total)?;
        // The last step that can fail, and it is all or nothing: from here on the command and the session change together.
        let data = command.grow(total.saturating_sub(data_length))?;
        let (body, mac) = data.split_at_mut_checked(body_length).ok_or(Error::State)?;
        let enc = encrypt_as.map(|counter| {
            pad80(body, data_length);
            (&self.keys.enc, Self::counter_block(counter, false))
        });
        let computed = seal(enc, &self.keys.mac, &self.chaining.0, head, body, None);
        leftmost(&computed, mac);
        command.set_class(class);
        self.chaining.0 = computed;
        Ok(())
    }

    /// Card: verifies and unprotects the command in place and steps chain and counter. An error means that the session is over.
    pub(crate) fn unwrap_command(&mut self, level: SecurityLevel, command: &mut CommandBuf<'_>) -> Result<(), Error> {
        self.verify_command(command)?;
        let data_length = command.data().len();
        self.counter = self.next_counter(data_length > 0).map_err(|_| Error::Security)?;
        if level.has_c_decryption() && data_length > 0 {
            let body = command.data_mut();
            if !data_length.is_multiple_of(16) {
                return Err(Error::Security);
            }
            open(&self.keys.enc, Self::counter_block(self.counter, false), body);
            let Some(plain) = unpad80(body) else {
                body.zeroize();
                return Err(Error::Security);
            };
            if let Some(padding) = body.get_mut(plain..) {
                padding.zeroize();
            }
            command.truncate(plain);
        }
        Ok(())
    }

    /// Card: verifies and removes the C-MAC; the chaining value moves only when it holds.
    pub(crate) fn verify_command(&mut self, command: &mut CommandBuf<'_>) -> Result<(), Error> {
        let class = command.header().cla;
        let data = command.data();
        let body_length = data.len().checked_sub(self.mode.octets()).ok_or(Error::Security)?;
        if !class.is_protected() {
            return Err(Error::Security);
        }
        let head = Self::mac_head(command, data.len()).map_err(|_| Error::Security)?;
        let (body, received) = data.split_at_checked(body_length).ok_or(Error::Security)?;
        let computed = tag(&self.keys.mac, &self.chaining.0, head, body, None);
        if !self.mac_matches(&computed, received) {
            return Err(Error::Security);
        }
        self.chaining.0 = computed;
        command.truncate(body_length);
        command.set_class(class.unsecured());
        Ok(())
    }

    /// The header as the C-MAC covers it, and Lc in its octets on the wire.
    fn mac_head(command: &CommandBuf<'_>, data_length: usize) -> Result<Head, Error> {
        let header = command.header();
        let lc = command.form().lc_field(data_length)?;
        // A protected command has data, its MAC, so it has an Lc.
        Head::command([header.cla.mac_byte(), header.ins, header.p1, header.p2], lc.as_slice()).ok_or(Error::State)
    }
}

#[cfg(test)]
mod tests;
