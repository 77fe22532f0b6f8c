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

use gp_apdu::{Class, CommandBuf};
use zeroize::Zeroize;

use crate::kernel::{Head, Job, Number, open, seal, seal_each, tag};
use crate::key::leftmost;
use crate::padding::{pad80, padded_length, unpad80};
use crate::session::Session;
use crate::{Error, SecurityLevel};

impl Session {
    /// Host: protects the command in place and steps chain and counter. On an error nothing has changed.
    pub(crate) fn wrap_command(&mut self, level: SecurityLevel, command: &mut CommandBuf<'_>) -> Result<(), Error> {
        let data_length = command.data().len();
        let encrypt = level.has_c_decryption() && (data_length > 0 || self.quirks().encrypt_empty());
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
        let plan = self.plan(command, encrypt_as)?;
        // From here on the command and the session change together.
        let (body, mac) = plan.place(command)?;
        let enc = plan.counter.map(|counter| (&self.keys.enc, Number { counter, response: false }));
        let computed = seal(enc, &self.keys.mac, &self.chaining.0, plan.head, body, None);
        leftmost(&computed, mac);
        command.set_class(plan.class);
        self.chaining.0 = computed;
        Ok(())
    }

    /// Host: a command for each of several sessions. On an error nothing has changed, in any of them.
    pub(crate) fn wrap_commands<const N: usize>(
        sessions: [(&mut Self, SecurityLevel); N],
        commands: [&mut CommandBuf<'_>; N],
    ) -> Result<(), Error> {
        let mut plans = [const { None }; N];
        for ((plan, (session, level)), command) in plans.iter_mut().zip(&sessions).zip(&commands) {
            if !level.has_c_mac() {
                continue;
            }
            let data_length = command.data_len();
            let encrypt = level.has_c_decryption() && (data_length > 0 || session.quirks().encrypt_empty());
            let counter = session.next_counter(data_length > 0 || encrypt)?;
            *plan = Some((session.plan(command, encrypt.then_some(counter))?, counter));
        }
        let mut work = [const { None }; N];
        for ((work, plan), command) in work.iter_mut().zip(&plans).zip(commands) {
            let Some((plan, _)) = plan else { continue };
            command.set_class(plan.class);
            *work = Some(plan.place(command)?);
        }
        let mut macs = [[0; 16]; N];
        let mut parts = sessions.iter().zip(&plans).zip(&mut work);
        let jobs = core::array::from_fn(|_| {
            let (((session, _), plan), work) = parts.next()?;
            let ((plan, _), (body, _)) = plan.as_ref().zip(work.as_mut())?;
            let enc = plan.counter.map(|counter| (&session.keys.enc, Number { counter, response: false }));
            let (mac, chaining) = (&session.keys.mac, &session.chaining.0);
            Some(Job { enc, mac, chaining, head: plan.head, body })
        });
        seal_each(jobs, &mut macs);
        for ((((session, _), plan), work), computed) in sessions.into_iter().zip(&plans).zip(work).zip(macs) {
            if let (Some((_, counter)), Some((_, mac))) = (plan, work) {
                leftmost(&computed, mac);
                session.chaining.0 = computed;
                session.counter = *counter;
            }
        }
        Ok(())
    }

    /// All that can fail in protecting a command; nothing changes.
    #[inline]
    fn plan(&self, command: &CommandBuf<'_>, counter: Option<u32>) -> Result<Plan, Error> {
        let class = command.header().cla.secured();
        if !class.is_protected() {
            return Err(Error::Class);
        }
        let data_length = command.data_len();
        let body_length = match counter {
            Some(_) => padded_length(data_length).ok_or(gp_apdu::Error::DataTooLong)?,
            None => data_length,
        };
        let total = body_length.checked_add(self.mode().octets()).ok_or(gp_apdu::Error::DataTooLong)?;
        let head = Self::mac_head(command, total)?;
        if total > command.capacity() {
            return Err(gp_apdu::Error::BufferFull.into());
        }
        Ok(Plan { class, data_length, body_length, total, head, counter })
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
            open(&self.keys.enc, Number { counter: self.counter, response: false }, body);
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
        let body_length = data.len().checked_sub(self.mode().octets()).ok_or(Error::Security)?;
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

/// A command about to be protected.
struct Plan {
    class: Class,
    data_length: usize,
    body_length: usize,
    /// Body and MAC.
    total: usize,
    head: Head,
    /// Encrypt, under this number.
    counter: Option<u32>,
}

impl Plan {
    /// Makes room in the command and pads: the body and the place of the MAC.
    #[inline]
    fn place<'c>(&self, command: &'c mut CommandBuf<'_>) -> Result<(&'c mut [u8], &'c mut [u8]), Error> {
        let data = command.grow(self.total.saturating_sub(self.data_length))?;
        let (body, mac) = data.split_at_mut_checked(self.body_length).ok_or(Error::State)?;
        if self.counter.is_some() {
            pad80(body, self.data_length);
        }
        Ok((body, mac))
    }
}

#[cfg(test)]
mod tests;
