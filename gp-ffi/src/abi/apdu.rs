//! Commands as fields, read and written.

use gp_apdu::{Class, Command, Form, Header, Le};

use super::{Room, Span, apart, code, done, give, gp_buf, gp_slice, object, octets};
use crate::status::{GP_E_ARGUMENT, gp_status};

/// A command.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_command {
    /// Class.
    pub cla: u8,
    /// Instruction.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// Data.
    pub data: gp_slice,
    /// How much answer is expected: 0 for none, else 1 to 256, in the extended form to 65536.
    pub le: u32,
    /// 1 for the extended form, 0 for the short one.
    pub extended: u8,
}

/// Reads a command. Its data points into `apdu`.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_command_parse(apdu: *const u8, apdu_len: usize, command: *mut gp_command) -> gp_status {
    let outcome = || {
        if command.is_null() {
            return Err(GP_E_ARGUMENT);
        }
        apart(&[Span::octets(apdu, apdu_len), Span::of(command)])?;
        // SAFETY: the caller's promise.
        let parsed = Command::parse(unsafe { octets(apdu, apdu_len)? }).map_err(code)?;
        let [cla, ins, p1, p2] = parsed.header.octets();
        let told = gp_command {
            cla,
            ins,
            p1,
            p2,
            data: gp_slice::of(parsed.data),
            le: parsed.le.map_or(0, Le::get),
            extended: u8::from(parsed.form == Form::Extended),
        };
        // SAFETY: the caller's promise.
        unsafe { give(command, told) }
    };
    done(outcome())
}

/// Writes a command into the buffer.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_command_build(command: *const gp_command, apdu: *mut gp_buf) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let (from, room) = unsafe { (object(command)?, Room::of(apdu)?) };
        apart(&[room.span[0], room.span[1], Span::of(command), Span::octets(from.data.ptr, from.data.len)])?;
        // SAFETY: the caller's promise.
        let built = unsafe { from.view()? };
        *room.len = built.emit(room.all).map_err(code)?.len();
        Ok(())
    };
    done(outcome())
}

impl gp_command {
    /// The command as Rust sees it.
    ///
    /// # Safety
    /// The data is there and stays as long as the command is used.
    pub(super) unsafe fn view<'a>(&self) -> super::Outcome<Command<'a>> {
        let cla = Class::from_byte(self.cla).ok_or(code(gp_apdu::Error::Class))?;
        let le = if self.le == 0 { None } else { Some(Le::new(self.le).ok_or(GP_E_ARGUMENT)?) };
        let form = match self.extended {
            0 => Form::Short,
            1 => Form::Extended,
            _ => return Err(GP_E_ARGUMENT),
        };
        // SAFETY: the caller's promise.
        let data = unsafe { octets(self.data.ptr, self.data.len)? };
        Ok(Command { header: Header::new(cla, self.ins, self.p1, self.p2), data, le, form })
    }
}
