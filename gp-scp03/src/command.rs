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

use gp_apdu::{Class, CommandBuf, Form};
use zeroize::Zeroize;

use crate::cmac::Prf;
use crate::kernel::{Head, Job, Number, open, pays_side_by_side, seal, seal_each, tag};
use crate::key::leftmost;
use crate::padding::{pad80, padded_length, unpad80};
use crate::session::{ChainingValue, Session, mac_matches};
use crate::{Error, Mode, SecurityLevel};

/// Octets of data from which on lanes are faster than one message after the other; shorter ones overlap by themselves.
const WORTH_A_LANE: usize = 64;

impl Session {
    /// Host: protects the command in place and steps chain and counter. On an error nothing has changed, but that a fault of
    /// an engine wipes the command: then the session is over.
    pub(crate) fn wrap_command(&mut self, level: SecurityLevel, command: &mut CommandBuf<'_>) -> Result<(), Error> {
        let data_length = command.data_len();
        let encrypt = level.has_c_decryption() && (data_length > 0 || self.quirks().encrypt_empty());
        // A block of padding is data to the card, which counts by what it sees; and no two blocks may share an ICV.
        let counter = self.next_counter(data_length > 0 || encrypt)?;
        self.mac_command(command, encrypt.then_some(counter))?;
        self.counter = counter;
        Ok(())
    }

    #[cfg_attr(feature = "cached-keys", inline(always))]
    fn mac_command(&mut self, command: &mut CommandBuf<'_>, encrypt_as: Option<u32>) -> Result<(), Error> {
        let plan = Plan::new(self.mode(), command, encrypt_as)?;
        self.carry_out(&plan, command)
    }

    #[cfg_attr(feature = "cached-keys", inline(always))]
    fn carry_out(&mut self, plan: &Plan, command: &mut CommandBuf<'_>) -> Result<(), Error> {
        let (enc, s_mac) = self.keys.for_command().ok_or(Error::State)?;
        // From here on the command and the session change together. (The class before the MAC: an octet that is read
        // with its neighbours soon after it was written waits for all before it.)
        let (body, mac) = plan.place(command)?;
        let enc = plan.counter.map(|counter| (enc, Number { counter, response: false }));
        let ahead = Some(&mut self.ahead);
        let computed = match seal(enc, s_mac, &self.chaining.0, plan.head, body, None, ahead) {
            Ok(computed) => computed,
            Err(fault) => {
                body.zeroize();
                command.truncate(0);
                return Err(fault.into());
            }
        };
        leftmost(&computed, mac);
        self.chaining.0 = computed;
        Ok(())
    }

    /// Host: a command for each of several sessions. On an error nothing has changed, in any of them, but that a fault of an
    /// engine wipes the commands.
    pub(crate) fn wrap_commands<const N: usize>(
        mut sessions: [(&mut Self, SecurityLevel); N],
        mut commands: [&mut CommandBuf<'_>; N],
    ) -> Result<(), Error> {
        let mut plans = [const { None }; N];
        for ((plan, (session, level)), command) in plans.iter_mut().zip(&sessions).zip(&commands) {
            if !level.has_c_mac() {
                continue;
            }
            let data_length = command.data_len();
            let encrypt = level.has_c_decryption() && (data_length > 0 || session.quirks().encrypt_empty());
            let counter = session.next_counter(data_length > 0 || encrypt)?;
            let made = Plan::new(session.mode(), command, encrypt.then_some(counter))?;
            if made.total > command.capacity() {
                return Err(gp_apdu::Error::BufferFull.into());
            }
            *plan = Some((made, counter));
        }
        let mut planned = plans.iter().flatten().peekable();
        let long = planned.peek().is_some() && planned.all(|(plan, _)| plan.data_length >= WORTH_A_LANE);
        // The unit tests go both ways on every processor.
        let side_by_side = long
            && (cfg!(test) || sessions.first_mut().is_some_and(|(session, _)| session.pays_side_by_side()))
            // In turn, the first would have gone on when the engine of the second fails.
            || sessions.iter().any(|(session, _)| session.keys.raw.engine().is_outside());
        if !side_by_side {
            for (((session, _), command), plan) in sessions.into_iter().zip(commands).zip(&plans) {
                if let Some((plan, counter)) = plan {
                    session.carry_out(plan, command)?;
                    session.counter = *counter;
                }
            }
            return Ok(());
        }
        let mut macs = [[0; 16]; N];
        let mut parts = sessions.iter_mut().zip(&plans).zip(&mut commands);
        let jobs = core::array::from_fn(|_| {
            let (((session, _), plan), command) = parts.next()?;
            let (plan, _) = plan.as_ref()?;
            let (enc, mac) = session.keys.for_command()?;
            // It fits: looked at above.
            let (body, _) = plan.place(command).ok()?;
            let enc = plan.counter.map(|counter| (enc, Number { counter, response: false }));
            Some(Job { enc, mac, chaining: &session.chaining.0, head: plan.head, body })
        });
        // Never so: better no command than one without its MAC.
        if jobs.iter().zip(&plans).any(|(job, plan)| job.is_some() != plan.is_some()) {
            return Err(Error::State);
        }
        if let Err(fault) = seal_each(jobs, &mut macs) {
            for command in commands {
                command.data_mut().zeroize();
                command.truncate(0);
            }
            return Err(fault.into());
        }
        for ((((session, _), plan), command), computed) in sessions.into_iter().zip(&plans).zip(commands).zip(macs) {
            if let Some((plan, counter)) = plan {
                leftmost(&computed, command.data_mut().get_mut(plan.body_length..).unwrap_or_default());
                session.chaining.0 = computed;
                session.counter = *counter;
            }
        }
        Ok(())
    }

    fn pays_side_by_side(&mut self) -> bool {
        self.keys.for_command().is_some_and(|(enc, _)| pays_side_by_side(enc))
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
            let (s_enc, _) = self.keys.for_command().ok_or(Error::State)?;
            if let Err(fault) = open(s_enc, Number { counter: self.counter, response: false }, body) {
                body.zeroize();
                return Err(fault.into());
            }
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
        let head = mac_head(command, data.len()).map_err(|_| Error::Security)?;
        let (body, received) = data.split_at_checked(body_length).ok_or(Error::Security)?;
        let (_, s_mac) = self.keys.for_command().ok_or(Error::State)?;
        let computed = match tag(s_mac, &self.chaining.0, head, body, None) {
            Ok(computed) => computed,
            Err(fault) => {
                command.data_mut().zeroize();
                return Err(fault.into());
            }
        };
        if !mac_matches(self.mode(), &computed, received) {
            return Err(Error::Security);
        }
        self.chaining.0 = computed;
        command.truncate(body_length);
        command.set_class(class.unsecured());
        Ok(())
    }
}

/// Host: EXTERNAL AUTHENTICATE carries a C-MAC whatever its level, under a chaining value of zeros, and is never encrypted nor
/// counted (Amendment D 6.2.3, 7.1.2). Answers the chaining value.
pub(crate) fn wrap_authentication(
    mac: &mut Prf<'_>,
    mode: Mode,
    command: &mut CommandBuf<'_>,
) -> Result<ChainingValue, Error> {
    let plan = Plan::new(mode, command, None)?;
    let (body, place) = plan.place(command)?;
    // Chaining value, a short header, and a cryptogram.
    let mut message = [0; 16 + 5 + 16];
    let (mut length, mut room) = (16_usize, message.iter_mut().skip(16));
    for part in [plan.head.octets().get(..5).unwrap_or_default(), body] {
        length = length.saturating_add(part.len());
        part.iter().zip(room.by_ref()).for_each(|(from, to)| *to = *from);
    }
    let mut computed = [0; 16];
    let message = message.get(..length).ok_or(gp_apdu::Error::DataTooLong)?;
    let made = mac(&[message], core::slice::from_mut(&mut computed));
    if cfg!(feature = "external-aes") && made.is_err() {
        // The host cryptogram goes out with its C-MAC or not at all.
        body.zeroize();
    }
    made?;
    leftmost(&computed, place);
    Ok(ChainingValue(computed))
}

/// The header as the C-MAC covers it, and Lc in its octets on the wire.
#[cfg_attr(feature = "cached-keys", inline)]
fn mac_head(command: &CommandBuf<'_>, data_length: usize) -> Result<Head, Error> {
    let (header, form) = (command.header(), command.form());
    let lc = u16::try_from(data_length).ok().filter(|_| data_length <= form.max_data());
    let lc = lc.ok_or(gp_apdu::Error::DataTooLong)?;
    // As `Form::lc_field` writes it: a protected command has data, its MAC, so it has an Lc.
    let long = matches!(form, Form::Extended) || data_length > Form::Short.max_data();
    Ok(Head::command(header.octets(), header.cla.mac_byte(), lc, long))
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
    /// All that can fail in protecting a command, but that it does not fit its buffer; nothing changes.
    #[cfg_attr(feature = "cached-keys", inline(always))]
    fn new(mode: Mode, command: &CommandBuf<'_>, counter: Option<u32>) -> Result<Self, Error> {
        let class = command.header().cla.secured();
        if !class.is_protected() {
            return Err(Error::Class);
        }
        let data_length = command.data_len();
        let body_length = match counter {
            Some(_) => padded_length(data_length).ok_or(gp_apdu::Error::DataTooLong)?,
            None => data_length,
        };
        let total = body_length.checked_add(mode.octets()).ok_or(gp_apdu::Error::DataTooLong)?;
        let head = mac_head(command, total)?;
        Ok(Self { class, data_length, body_length, total, head, counter })
    }

    /// Makes room in the command, announces and pads: the body and the place of the MAC. Where there is no room nothing changes.
    #[cfg_attr(feature = "cached-keys", inline(always))]
    fn place<'c>(&self, command: &'c mut CommandBuf<'_>) -> Result<(&'c mut [u8], &'c mut [u8]), Error> {
        // Never less than the data.
        command.grow(self.total.wrapping_sub(self.data_length))?;
        command.set_class(self.class);
        let data = command.data_mut();
        let (body, mac) = data.split_at_mut_checked(self.body_length).ok_or(Error::State)?;
        if self.counter.is_some() {
            pad80(body, self.data_length);
        }
        Ok((body, mac))
    }
}

#[cfg(test)]
mod tests;
