//! BER-TLV: a reader without state, and a writer whose state is the buffer.

use gp_tlv::{Reader, Tag, length_len};

use super::{Outcome, Room, Span, apart, code, done, give, gp_buf, gp_slice, is_usable, octets};
use crate::status::{GP_E_ARGUMENT, GP_E_BUFFER, GP_E_STATE, GP_E_TLV_MISSING, GP_E_TLV_TAG, gp_status};

/// A data object.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_tlv_object {
    /// The tag: its one to three octets as a number, `0x9F70`.
    pub tag: u32,
    /// The value, inside the octets that were read.
    pub value: gp_slice,
}

/// Reads the object that begins at `*offset` and moves the offset behind it. At the end of the octets the answer is
/// `GP_E_TLV_MISSING`. On an error the offset stays.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_tlv_next(
    data: *const u8,
    data_len: usize,
    offset: *mut usize,
    found: *mut gp_tlv_object,
) -> gp_status {
    let outcome = || {
        if !is_usable(offset) || !is_usable(found) {
            return Err(GP_E_ARGUMENT);
        }
        apart(&[Span::octets(data, data_len), Span::of(offset), Span::of(found)])?;
        // SAFETY: the caller's promise; usable.
        let (data, at) = unsafe { (octets(data, data_len)?, offset.read()) };
        let mut reader = Reader::new(data.get(at..).ok_or(GP_E_ARGUMENT)?);
        let object = reader.next_tlv().map_err(code)?;
        let object = object.ok_or(GP_E_TLV_MISSING)?;
        let told = gp_tlv_object { tag: object.tag.to_u32(), value: gp_slice::of(object.value) };
        // SAFETY: the caller's promise; usable.
        unsafe {
            give(offset, at.saturating_add(reader.offset()))?;
            give(found, told)
        }
    };
    done(outcome())
}

/// The most tags of a path.
const DEPTH: usize = 8;

/// Finds the value of the object that a path of tags leads to, each inside the one before: at most 8. `GP_E_TLV_MISSING`
/// when it is not there.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_tlv_find(
    data: *const u8,
    data_len: usize,
    path: *const u32,
    path_len: usize,
    value: *mut gp_slice,
) -> gp_status {
    let outcome = || {
        if !is_usable(value) || !is_usable(path) || path_len == 0 || path_len > DEPTH {
            return Err(GP_E_ARGUMENT);
        }
        apart(&[Span::octets(data, data_len), Span::of(value)])?;
        // SAFETY: the caller's promise; usable and short.
        let (mut inside, path) = unsafe { (octets(data, data_len)?, core::slice::from_raw_parts(path, path_len)) };
        for tag in path {
            let tag = Tag::from_u32(*tag).ok_or(GP_E_TLV_TAG)?;
            inside = Reader::new(inside).find(tag).map_err(code)?.ok_or(GP_E_TLV_MISSING)?;
        }
        // SAFETY: the caller's promise.
        unsafe { give(value, gp_slice::of(inside)) }
    };
    done(outcome())
}

/// Writes an object behind what is in the buffer. On an error the buffer is as before.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_tlv_put(buffer: *mut gp_buf, tag: u32, value: *const u8, value_len: usize) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let room = unsafe { Room::of(buffer)? };
        apart(&[room.span[0], room.span[1], Span::octets(value, value_len)])?;
        // SAFETY: the caller's promise; apart.
        let value = unsafe { octets(value, value_len)? };
        let tag = Tag::from_u32(tag).ok_or(GP_E_TLV_TAG)?;
        let rest = room.all.get_mut(*room.len..).ok_or(GP_E_ARGUMENT)?;
        let mut writer = gp_tlv::Writer::new(rest);
        let written = writer.tlv(tag, value).map_err(code)?.len();
        *room.len = room.len.saturating_add(written);
        Ok(())
    };
    done(outcome())
}

/// Opens a template behind what is in the buffer and tells where: what is put next goes into it, until `gp_tlv_close`.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_tlv_open(buffer: *mut gp_buf, tag: u32, mark: *mut usize) -> gp_status {
    let outcome = || {
        if !is_usable(mark) {
            return Err(GP_E_ARGUMENT);
        }
        // SAFETY: the caller's promise.
        let room = unsafe { Room::of(buffer)? };
        apart(&[room.span[0], room.span[1], Span::of(mark)])?;
        let tag = Tag::from_u32(tag).ok_or(GP_E_TLV_TAG)?;
        let octets = tag.octets();
        let end = room.len.checked_add(octets.len()).ok_or(GP_E_BUFFER)?;
        room.all.get_mut(*room.len..end).ok_or(GP_E_BUFFER)?.copy_from_slice(octets);
        *room.len = end;
        // SAFETY: the caller's promise; usable.
        unsafe { give(mark, end) }
    };
    done(outcome())
}

/// Closes the template that was opened at this mark: its length is put in front of what was written since.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_tlv_close(buffer: *mut gp_buf, mark: usize) -> gp_status {
    // SAFETY: the caller's promise.
    done(unsafe { Room::of(buffer) }.and_then(|room| close(room, mark)))
}

fn close(room: Room<'_>, mark: usize) -> Outcome<()> {
    let value_len = room.len.checked_sub(mark).ok_or(GP_E_STATE)?;
    let shift = length_len(value_len);
    let end = room.len.checked_add(shift).filter(|end| *end <= room.all.len()).ok_or(GP_E_BUFFER)?;
    let target = mark.saturating_add(shift);
    // From the end, for the two places overlap; `copy_within` could panic for all the compiler knows.
    for at in (0..value_len).rev() {
        let octet = room.all.get(mark.saturating_add(at)).copied().unwrap_or(0);
        room.all.get_mut(target.saturating_add(at)).into_iter().for_each(|place| *place = octet);
    }
    let field = room.all.get_mut(mark..target).ok_or(GP_E_BUFFER)?;
    let number = u32::try_from(value_len).map_err(|_| GP_E_BUFFER)?.to_be_bytes();
    match field {
        [short] => *short = number[3],
        [first, rest @ ..] => {
            let octets = u8::try_from(rest.len()).map_err(|_| GP_E_BUFFER)?;
            *first = 0x80 | octets;
            let skipped = number.len().saturating_sub(rest.len());
            rest.iter_mut().zip(number.iter().skip(skipped)).for_each(|(to, from)| *to = *from);
        }
        [] => return Err(GP_E_STATE),
    }
    *room.len = end;
    Ok(())
}
