//! GET STATUS: the registry, entry by entry, to a function of C.

use core::ffi::c_void;

use gp_apdu::{StatusWord, ins};
use gp_cardmanager_model::entry::Listing;
use gp_cardmanager_model::get_status::{GetStatus, Subset};
use gp_cardmanager_model::host::{Cover, Draft, Failure, Origin, Slot, Step, Task, accepted};
use gp_cardmanager_model::privileges::Privileges;
use gp_scp03::Reply;

use super::{gp_host, start};
use crate::abi::gp_slice;
use crate::status::{GP_E_ARGUMENT, gp_status};

/// An entry of the registry, as GET STATUS tells of it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_entry {
    /// AID; empty when the card does not say it.
    pub aid: gp_slice,
    /// Life cycle state.
    pub life_cycle: u8,
    /// Privileges, three octets.
    pub privileges: [u8; 3],
    /// All data objects of the entry.
    pub objects: gp_slice,
}

/// Called for each entry; what it is given is good until it returns. Any answer but 0 stops the listing.
pub type gp_entry_visitor = Option<unsafe extern "C" fn(context: *mut c_void, entry: *const gp_entry) -> i32>;

/// GET STATUS: shows the entries of one part of the registry to `visit`. `subset` is P1: 0x80 the issuer security domain,
/// 0x40 applications and security domains, 0x20 load files, 0x10 load files with their modules.
///
/// # Safety
/// See the rules of the header: the context stays until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_get_status(
    host: *mut gp_host,
    subset: u8,
    visit: gp_entry_visitor,
    context: *mut c_void,
) -> gp_status {
    let operation = || {
        let subset = Subset::from_p1(subset).ok_or(GP_E_ARGUMENT)?;
        let visit = visit.ok_or(GP_E_ARGUMENT)?;
        let listed = Listed { entries: 0, origin: Origin::Authentic };
        Ok(List { body: GetStatus::all(subset), pages: 0, visit, context, listed }.into())
    };
    // SAFETY: the caller's promise.
    unsafe { start(host, operation()) }
}

/// A listing whose entries go to a function of C.
#[derive(Debug)]
pub(super) struct List {
    body: GetStatus<'static>,
    pages: u16,
    visit: unsafe extern "C" fn(*mut c_void, *const gp_entry) -> i32,
    context: *mut c_void,
    listed: Listed,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    pub(super) entries: u32,
    pub(super) origin: Origin,
}

impl List {
    const MAX_PAGES: u16 = 1024;

    /// Shows the whole entries of a page; what is left is the length of one that was cut.
    fn show(&mut self, data: &[u8]) -> Result<usize, Failure> {
        let mut listing = Listing::new(data);
        for entry in &mut listing {
            // One odd entry does not hide the others.
            let Ok(entry) = entry else { continue };
            let shown = gp_entry {
                aid: entry.aid.as_ref().map_or(gp_slice::EMPTY, |aid| gp_slice::of(aid.as_bytes())),
                life_cycle: entry.life_cycle.unwrap_or_default(),
                privileges: entry.privileges.map_or([0; 3], Privileges::octets),
                objects: gp_slice::of(entry.objects),
            };
            self.listed.entries = self.listed.entries.saturating_add(1);
            // SAFETY: the caller said that the function may be called so; the entry lives until it returns.
            if unsafe { (self.visit)(self.context, &raw const shown) } != 0 {
                return Err(Failure::Stopped);
            }
        }
        Ok(listing.tail().len())
    }
}

impl Task for List {
    type Output<'r> = Listed;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        if self.pages >= Self::MAX_PAGES {
            return Err(Failure::TooManyPages);
        }
        self.pages = self.pages.saturating_add(1);
        let body = self.body;
        draft.begin(body.header()).push_with(|room| Ok(body.emit(room)?.len()))?.expect_any();
        Ok(Cover::Session)
    }

    fn reply(&mut self, reply: Reply<'_>, _: &mut Slot) -> Result<Step, Failure> {
        let status = reply.status();
        self.listed.origin = self.listed.origin.min(Origin::of(&reply));
        match reply {
            Reply::Refused(StatusWord::REFERENCED_DATA_NOT_FOUND) if self.pages == 1 => Ok(Step::Done),
            Reply::Authentic(page) | Reply::Plain(page) if status == StatusWord::MORE_DATA => {
                let tail = self.show(page.data)?;
                self.body = self.body.following();
                Ok(Step::AgainKeeping(tail))
            }
            _ => {
                let page = accepted(ins::GET_STATUS, reply)?;
                let tail = self.show(page.data)?;
                if tail == 0 { Ok(Step::Done) } else { Err(Failure::WrongAnswer) }
            }
        }
    }

    fn output(self, _: &[u8]) -> Result<Listed, Failure> {
        Ok(self.listed)
    }
}
