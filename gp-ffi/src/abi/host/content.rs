//! The content of the card: INSTALL but for loading, DELETE, SET STATUS.

use gp_cardmanager_model::delete::{Delete as DeleteBody, DeleteContent};
use gp_cardmanager_model::host::{Delete, Install, SetStatus};
use gp_cardmanager_model::install::{
    ControlReference, ForExtradition, ForInstall, ForMakeSelectable, ForRegistryUpdate, Install as InstallBody,
};
use gp_cardmanager_model::set_status::{SetStatus as StateBody, Target};

use super::{aid, gp_host, optional_aid, start};
use crate::abi::{Outcome, code, gp_slice, object, octets};
use crate::status::{GP_E_ARGUMENT, gp_status};

/// An application to be installed, made selectable or both: INSTALL.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_install {
    /// Load file that holds the module.
    pub load_file: gp_slice,
    /// Module; empty for the one with the AID of the application, else the only one.
    pub module: gp_slice,
    /// AID of the application.
    pub application: gp_slice,
    /// Privileges, 1 or 3 octets.
    pub privileges: gp_slice,
    /// Install parameters with their tags, `C9` at least.
    pub parameters: gp_slice,
    /// Token; empty for none. `gp_token_install` makes it.
    pub token: gp_slice,
}

impl gp_install {
    /// The body of INSTALL for install, or with make selectable.
    ///
    /// # Safety
    /// What it points to is there, and stays.
    pub(super) unsafe fn body(&self) -> Outcome<ForInstall<'static>> {
        // SAFETY: the caller's promise.
        unsafe {
            Ok(ForInstall {
                load_file: optional_aid(self.load_file)?,
                module: optional_aid(self.module)?,
                application: aid(self.application)?,
                privileges: octets(self.privileges.ptr, self.privileges.len)?,
                parameters: octets(self.parameters.ptr, self.parameters.len)?,
                token: octets(self.token.ptr, self.token.len)?,
            })
        }
    }

    /// The body of INSTALL with this P1: 0x04, 0x08, 0x0C or 0x20.
    ///
    /// # Safety
    /// As [`body`](Self::body).
    pub(super) unsafe fn body_for(&self, function: u8) -> Outcome<InstallBody<'static>> {
        // SAFETY: the caller's promise.
        let body = unsafe { self.body()? };
        let ForInstall { load_file, module, application, privileges, parameters, token } = body;
        match function {
            0x04 => Ok(InstallBody::Install(body)),
            0x0C => Ok(InstallBody::InstallAndMakeSelectable(body)),
            _ if load_file.is_some() || module.is_some() => Err(GP_E_ARGUMENT),
            0x08 => Ok(InstallBody::MakeSelectable(ForMakeSelectable { application, privileges, parameters, token })),
            0x20 if privileges.is_empty() && parameters.is_empty() && token.is_empty() => {
                Ok(InstallBody::Personalization(application))
            }
            _ => Err(GP_E_ARGUMENT),
        }
    }
}

/// INSTALL for install and make selectable.
///
/// # Safety
/// See the rules of the header: what the parameters point to stays until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_install(host: *mut gp_host, parameters: *const gp_install) -> gp_status {
    // SAFETY: the caller's promise.
    unsafe { gp_host_install_with(host, 0x0C, parameters) }
}

/// INSTALL with this P1: 0x04 for install, 0x0C for install and make selectable; 0x08 for make selectable, which has neither
/// load file nor module; 0x20 for personalization, which has the application alone: the STORE DATA commands that follow go to
/// it, until the last block.
///
/// # Safety
/// See the rules of the header: what the parameters point to stays until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_install_with(
    host: *mut gp_host,
    function: u8,
    parameters: *const gp_install,
) -> gp_status {
    // SAFETY: the caller's promise.
    unsafe { start(host, object(parameters).and_then(|given| Ok(Install::new(given.body_for(function)?).into()))) }
}

/// An application or load file that moves to another security domain: INSTALL for extradition.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_extradition {
    /// Security domain that takes over.
    pub security_domain: gp_slice,
    /// Application or load file that moves.
    pub object: gp_slice,
    /// Parameters; empty for none.
    pub parameters: gp_slice,
    /// Token; empty for none. `gp_token_extradition` makes it.
    pub token: gp_slice,
}

impl gp_extradition {
    /// The body of the command.
    ///
    /// # Safety
    /// What it points to is there, and stays.
    pub(super) unsafe fn body(&self) -> Outcome<InstallBody<'static>> {
        // SAFETY: the caller's promise.
        unsafe {
            Ok(InstallBody::Extradition(ForExtradition {
                security_domain: aid(self.security_domain)?,
                object: aid(self.object)?,
                parameters: octets(self.parameters.ptr, self.parameters.len)?,
                token: octets(self.token.ptr, self.token.len)?,
            }))
        }
    }
}

/// INSTALL for extradition.
///
/// # Safety
/// See the rules of the header: what the parameters point to stays until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_extradite(host: *mut gp_host, parameters: *const gp_extradition) -> gp_status {
    // SAFETY: the caller's promise.
    unsafe { start(host, object(parameters).and_then(|given| Ok(Install::new(given.body()?).into()))) }
}

/// What changes in the registry: INSTALL for registry update.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_registry_update {
    /// Security domain that takes over; empty for no extradition.
    pub security_domain: gp_slice,
    /// Application or security domain to update; empty for the card's own runtime.
    pub application: gp_slice,
    /// New privileges, 1 or 3 octets; empty for the same as before.
    pub privileges: gp_slice,
    /// Parameters with their tags: implicit selection (`CF`), restrictions (`D9`) and so on, in `EF`; empty for none.
    pub parameters: gp_slice,
    /// Token; empty for none. `gp_token_registry_update` makes it.
    pub token: gp_slice,
}

impl gp_registry_update {
    /// The body of the command.
    ///
    /// # Safety
    /// What it points to is there, and stays.
    pub(super) unsafe fn body(&self) -> Outcome<InstallBody<'static>> {
        // SAFETY: the caller's promise.
        unsafe {
            Ok(InstallBody::RegistryUpdate(ForRegistryUpdate {
                security_domain: optional_aid(self.security_domain)?,
                application: optional_aid(self.application)?,
                privileges: octets(self.privileges.ptr, self.privileges.len)?,
                parameters: octets(self.parameters.ptr, self.parameters.len)?,
                token: octets(self.token.ptr, self.token.len)?,
            }))
        }
    }
}

/// INSTALL for registry update.
///
/// # Safety
/// See the rules of the header: what the parameters point to stays until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_update_registry(
    host: *mut gp_host,
    parameters: *const gp_registry_update,
) -> gp_status {
    // SAFETY: the caller's promise.
    unsafe { start(host, object(parameters).and_then(|given| Ok(Install::new(given.body()?).into()))) }
}

/// DELETE: an application or a load file; with `related` 1 a load file and all applications from it.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_delete(host: *mut gp_host, object: gp_slice, related: u8) -> gp_status {
    // SAFETY: the caller's promise.
    unsafe {
        let operation = match related {
            0 | 1 => aid(object).map(|aid| Delete::new(DeleteBody::content(aid, related == 1)).into()),
            _ => Err(GP_E_ARGUMENT),
        };
        start(host, operation)
    }
}

/// What is to be deleted, with a token: DELETE.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_delete {
    /// Application or load file.
    pub object: gp_slice,
    /// 1 for a load file and all applications from it, else 0.
    pub related: u8,
    /// Whom the token is for: the value of tag `B6`, whose objects `42`, `45`, `5F20` and `93` are sent; empty for none.
    pub control: gp_slice,
    /// Token; empty for none. `gp_token_delete` makes it.
    pub token: gp_slice,
}

impl gp_delete {
    /// The body of the command.
    ///
    /// # Safety
    /// What it points to is there, and stays.
    pub(super) unsafe fn body(&self) -> Outcome<DeleteBody<'static>> {
        // SAFETY: the caller's promise.
        let (aid, control, token) = unsafe {
            (aid(self.object)?, octets(self.control.ptr, self.control.len)?, octets(self.token.ptr, self.token.len)?)
        };
        let related = match self.related {
            0 | 1 => self.related == 1,
            _ => return Err(GP_E_ARGUMENT),
        };
        let control = match control {
            [] => None,
            value => Some(ControlReference::parse(value).map_err(code)?),
        };
        Ok(DeleteBody::Content(DeleteContent { aid, related, control, token }))
    }
}

/// As `gp_host_delete`, with a token and whom it is for.
///
/// # Safety
/// See the rules of the header: what the parameters point to stays until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_delete_with(host: *mut gp_host, parameters: *const gp_delete) -> gp_status {
    // SAFETY: the caller's promise.
    unsafe { start(host, object(parameters).and_then(|given| Ok(Delete::new(given.body()?).into()))) }
}

/// SET STATUS: `subset` is P1 (0x80 the card, 0x40 an application or security domain, 0x60 a security domain and all below
/// it), `state` is P2.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_set_status(host: *mut gp_host, subset: u8, state: u8, object: gp_slice) -> gp_status {
    let operation = || {
        // SAFETY: the caller's promise.
        let named = || unsafe { aid(object) };
        let target = match subset {
            0x80 => Target::Card,
            0x40 => Target::Application(named()?),
            0x60 => Target::SubTree(named()?),
            _ => return Err(GP_E_ARGUMENT),
        };
        Ok(SetStatus::new(StateBody { target, state }).into())
    };
    // SAFETY: the caller's promise.
    unsafe { start(host, operation()) }
}
