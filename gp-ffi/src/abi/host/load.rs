//! INSTALL for load and LOAD, alone or as the combined process; what stands before the octets of a data block.

use gp_cardmanager_model::host::Load;
use gp_cardmanager_model::install::ForLoad;
use gp_cardmanager_model::load_file::{Content, Dap, LoadFile};

use super::slices::Slices;
use super::{State, aid, gp_host, optional_aid};
use crate::abi::{
    Outcome, Room, Span, addressable, apart, code, done, enter, gp_buf, gp_install, gp_slice, is_usable, object, octets,
};
use crate::status::{GP_E_ARGUMENT, gp_status};

/// A load file to be loaded: INSTALL for load and LOAD.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_load {
    /// AID of the load file.
    pub load_file: gp_slice,
    /// Security domain that gets it; empty for the one of the session.
    pub security_domain: gp_slice,
    /// Hash of the data block, 20, 32, 48 or 64 octets; empty for none.
    pub hash: gp_slice,
    /// Load parameters; empty for none.
    pub parameters: gp_slice,
    /// Token; empty for none.
    pub token: gp_slice,
    /// The load file data block, in as many parts as it lies in.
    pub parts: *const gp_slice,
    /// How many parts.
    pub parts_len: usize,
    /// What stands before the octets of the data block, as `gp_load_head` writes it; empty for tag and length alone.
    pub head: gp_slice,
    /// The most octets of data in a LOAD command; 0 for as many as fit.
    pub block_len: usize,
}

impl gp_load {
    /// The body of INSTALL for load.
    ///
    /// # Safety
    /// What it points to is there, and stays.
    pub(super) unsafe fn body(&self) -> Outcome<ForLoad<'static>> {
        // SAFETY: the caller's promise.
        unsafe {
            Ok(ForLoad {
                load_file: aid(self.load_file)?,
                security_domain: optional_aid(self.security_domain)?,
                hash: octets(self.hash.ptr, self.hash.len)?,
                parameters: octets(self.parameters.ptr, self.parameters.len)?,
                token: octets(self.token.ptr, self.token.len)?,
            })
        }
    }

    /// The load file: its head, which is written into the host where the caller gave none, and its parts.
    ///
    /// # Safety
    /// As [`body`](Self::body).
    unsafe fn file(&self, state: &mut State) -> Outcome<(&'static [u8], Slices)> {
        // SAFETY: the caller's promise.
        let parts = unsafe { Slices::new(self.parts, self.parts_len)? };
        if self.head.len > 0 {
            // SAFETY: the caller's promise.
            return Ok((unsafe { octets(self.head.ptr, self.head.len)? }, parts));
        }
        let content = Content::Plain { len: parts.octets() };
        let written = LoadFile { daps: &[], content }.emit_head(&mut state.head).map_err(code)?.len();
        // SAFETY: the head lies in the context, which does not move; it changes only when the next load begins.
        Ok((unsafe { octets(state.head.as_ptr(), written)? }, parts))
    }

    fn block_len(&self) -> usize {
        if self.block_len == 0 { usize::MAX } else { self.block_len }
    }
}

/// INSTALL for load, and LOAD in as many blocks as it takes.
///
/// # Safety
/// See the rules of the header: what the parameters point to stays until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_load(host: *mut gp_host, parameters: *const gp_load) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        unsafe {
            let (state, given) = (enter(host)?, object(parameters)?);
            let (head, parts) = given.file(state)?;
            state.start(Load::new(given.body()?, head, parts).with_block_len(given.block_len()).into())
        }
    };
    done(outcome())
}

/// The combined load, install and make selectable: all of it or nothing. The token, where one is needed, is that of
/// `install` (`gp_token_load_install`); its `load_file` may be empty.
///
/// # Safety
/// See the rules of the header: what the parameters point to stays until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_load_install(
    host: *mut gp_host,
    load: *const gp_load,
    install: *const gp_install,
) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        unsafe {
            let (state, given, install) = (enter(host)?, object(load)?, object(install)?);
            let (head, parts) = given.file(state)?;
            let task = Load::combined(given.body()?, head, parts, install.body()?);
            state.start(task.with_block_len(given.block_len()).into())
        }
    };
    done(outcome())
}

/// A DAP block: the signature of a security domain over the hash of the data block.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_dap {
    /// AID of the security domain that verifies.
    pub security_domain: gp_slice,
    /// Its signature; with AES the CMAC of the hash, 16 octets.
    pub signature: gp_slice,
}

/// Writes what stands before the octets of a load file data block: `daps_len` DAP blocks, for a block that is `ciphered` (1,
/// else 0) its ICV of 8 or 16 octets or none, tag and length of `data_len` octets. It goes into `gp_load`, as `head`.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_load_head(
    daps: *const gp_dap,
    daps_len: usize,
    ciphered: u8,
    icv: gp_slice,
    data_len: usize,
    head: *mut gp_buf,
) -> gp_status {
    let outcome = || {
        if daps_len > 0 && (!is_usable(daps) || !addressable(daps, daps_len)) {
            return Err(GP_E_ARGUMENT);
        }
        // SAFETY: the caller's promise.
        let room = unsafe { Room::of(head)? };
        let [buffer, memory] = room.span;
        apart(&[buffer, memory, Span::slice(icv)])?;
        // SAFETY: the caller's promise; apart.
        let icv = unsafe { octets(icv.ptr, icv.len)? };
        let content = match (ciphered, icv) {
            (0, []) => Content::Plain { len: data_len },
            (1, []) => Content::Ciphered { icv: None, len: data_len },
            (1, icv) => Content::Ciphered { icv: Some(icv), len: data_len },
            _ => return Err(GP_E_ARGUMENT),
        };
        let last = LoadFile { daps: &[], content };
        let mut written = 0_usize;
        for at in 0..daps_len {
            // SAFETY: the caller's promise; usable.
            let dap = unsafe { daps.add(at).read() };
            let one = Span::octets(daps.wrapping_add(at).cast(), size_of::<gp_dap>());
            for read in [one, Span::slice(dap.security_domain), Span::slice(dap.signature)] {
                apart(&[buffer, memory, read])?;
            }
            // SAFETY: the caller's promise; apart.
            let dap = unsafe {
                Dap {
                    security_domain: aid(dap.security_domain)?,
                    signature: octets(dap.signature.ptr, dap.signature.len)?,
                }
            };
            // Each block in turn, with the end behind it, which the next one overwrites.
            let rest = room.all.get_mut(written..).unwrap_or_default();
            let file = LoadFile { daps: &[dap], content };
            file.emit_head(rest).map_err(code)?;
            written = written.saturating_add(file.head_len().saturating_sub(last.head_len()));
        }
        let rest = room.all.get_mut(written..).unwrap_or_default();
        *room.len = written.saturating_add(last.emit_head(rest).map_err(code)?.len());
        Ok(())
    };
    done(outcome())
}
