//! Delegated management: tokens that allow an operation, receipts that prove it. With AES keys; without a host.

use gp_cardmanager_model::confirmation::{Confirmation, Details};
use gp_cardmanager_model::host::{Failure, combined_token, delete_token, install_token, verify_receipt};
use gp_cardmanager_model::install::Install;
use gp_cardmanager_model::signature::Operation;
use gp_scp03::Key;

use super::{aid, gp_delete, gp_extradition, gp_install, gp_load, gp_registry_update, optional_aid};
use crate::abi::{
    Outcome, Span, apart, code, done, give, gp_key, gp_slice, is_usable, look, object, octets, octets_mut,
};
use crate::status::{GP_E_ARGUMENT, GP_E_NOT_AUTHENTIC, gp_status};

/// Octets of a token or receipt made with an AES key.
pub const GP_TOKEN_LEN: usize = 16;

/// Where a token is made.
struct Bench<'a> {
    key: &'a Key,
    scratch: &'a mut [u8],
    token: &'a mut [u8],
}

impl Bench<'_> {
    /// What is written shares memory with nothing that is read.
    ///
    /// # Safety
    /// The pointers point to as much as is said, and nobody else looks at it while this lives.
    unsafe fn new(
        key: *const gp_key,
        scratch: *mut u8,
        scratch_len: usize,
        token: *mut u8,
        read: &[Span],
    ) -> Outcome<Self> {
        if !is_usable(token) {
            return Err(GP_E_ARGUMENT);
        }
        let written = [Span::octets(scratch, scratch_len), Span::octets(token, GP_TOKEN_LEN)];
        let [room, result] = written;
        for span in read.iter().chain(&[Span::of(key)]) {
            apart(&[room, result, *span])?;
        }
        // SAFETY: the caller's promise; apart.
        unsafe {
            Ok(Self {
                key: look(key)?,
                scratch: octets_mut(scratch, scratch_len)?,
                token: octets_mut(token, GP_TOKEN_LEN)?,
            })
        }
    }

    fn install(self, body: &Install<'_>) -> Outcome<()> {
        let Self { key, scratch, token } = self;
        made(install_token(body, &mut &*key, scratch, token))
    }
}

/// A token that was made has all its octets.
fn made(token: Result<usize, Failure>) -> Outcome<()> {
    token.map(drop).map_err(code)
}

/// What a token is made of, with what it points to.
macro_rules! read {
    ($($given:ident: $($field:ident),+);+) => {
        [$(Span::of($given), $(Span::slice($given.$field)),+),+]
    };
}

/// Makes the token of INSTALL with this P1, 0x04, 0x08 or 0x0C, over the fields of the body; the `token` in it does not
/// count. `scratch` holds the body while it is signed: 255 octets are enough for a short command. The token has
/// `GP_TOKEN_LEN` octets.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_token_install(
    function: u8,
    parameters: *const gp_install,
    key: *const gp_key,
    scratch: *mut u8,
    scratch_len: usize,
    token: *mut u8,
) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        unsafe {
            let given = object(parameters)?;
            let read = read!(given: load_file, module, application, privileges, parameters, token);
            Bench::new(key, scratch, scratch_len, token, &read)?.install(&given.body_for(function)?)
        }
    };
    done(outcome())
}

/// Makes the token of INSTALL for load, likewise. Parts and head of the load file do not count.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_token_load(
    parameters: *const gp_load,
    key: *const gp_key,
    scratch: *mut u8,
    scratch_len: usize,
    token: *mut u8,
) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        unsafe {
            let given = object(parameters)?;
            let read = read!(given: load_file, security_domain, hash, parameters, token);
            Bench::new(key, scratch, scratch_len, token, &read)?.install(&Install::Load(given.body()?))
        }
    };
    done(outcome())
}

/// Makes the token of the combined load, install and make selectable, over both of its commands; it goes into `install`.
/// `scratch` holds both bodies.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_token_load_install(
    load: *const gp_load,
    install: *const gp_install,
    key: *const gp_key,
    scratch: *mut u8,
    scratch_len: usize,
    token: *mut u8,
) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        unsafe {
            let (first, last) = (object(load)?, object(install)?);
            let read = read!(
                first: load_file, security_domain, hash, parameters, token;
                last: load_file, module, application, privileges, parameters, token
            );
            let Bench { key, scratch, token } = Bench::new(key, scratch, scratch_len, token, &read)?;
            made(combined_token(first.body()?, last.body()?, &mut &*key, scratch, token))
        }
    };
    done(outcome())
}

/// Makes the token of INSTALL for extradition, as `gp_token_install`.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_token_extradition(
    parameters: *const gp_extradition,
    key: *const gp_key,
    scratch: *mut u8,
    scratch_len: usize,
    token: *mut u8,
) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        unsafe {
            let given = object(parameters)?;
            let read = read!(given: security_domain, object, parameters, token);
            Bench::new(key, scratch, scratch_len, token, &read)?.install(&given.body()?)
        }
    };
    done(outcome())
}

/// Makes the token of INSTALL for registry update, as `gp_token_install`.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_token_registry_update(
    parameters: *const gp_registry_update,
    key: *const gp_key,
    scratch: *mut u8,
    scratch_len: usize,
    token: *mut u8,
) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        unsafe {
            let given = object(parameters)?;
            let read = read!(given: security_domain, application, privileges, parameters, token);
            Bench::new(key, scratch, scratch_len, token, &read)?.install(&given.body()?)
        }
    };
    done(outcome())
}

/// Makes the token of DELETE, as `gp_token_install`.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_token_delete(
    parameters: *const gp_delete,
    key: *const gp_key,
    scratch: *mut u8,
    scratch_len: usize,
    token: *mut u8,
) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        unsafe {
            let given = object(parameters)?;
            let read = read!(given: object, control, token);
            let Bench { key, scratch, token } = Bench::new(key, scratch, scratch_len, token, &read)?;
            made(delete_token(&given.body()?, &mut &*key, scratch, token))
        }
    };
    done(outcome())
}

/// An operation that was carried out, as its receipt names it. What an operation does not have is empty.
///
/// ```text
///  function              load_file     object                     from              to
///  0x02 load             load file     -                          -                 domain that has it
///  0x04, 0x08, 0x0C      load file     application                -                 -
///  0x0E load_install     load file     application                -                 domain that has both
///  0x10 extradition      -             what moved                 domain it left    domain it is in
///  0x40 registry update  -             application, or empty      domain or empty   domain or empty
///  0xE4 delete           -             what is gone               -                 -
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_operation {
    /// P1 of the INSTALL command, or 0xE4 for DELETE.
    pub function: u8,
    /// Load file.
    pub load_file: gp_slice,
    /// Application, or whatever the operation was about.
    pub object: gp_slice,
    /// Security domain that gave.
    pub from: gp_slice,
    /// Security domain that has it now.
    pub to: gp_slice,
    /// Privileges of a registry update as they were sent: 0, 1 or 3 octets.
    pub privileges: gp_slice,
    /// Parameters of a registry update as they were sent.
    pub parameters: gp_slice,
}

impl gp_operation {
    /// # Safety
    /// What it points to is there, and stays.
    unsafe fn view(&self) -> Outcome<Operation<'static>> {
        // SAFETY: the caller's promise.
        let needed = |slice| unsafe { aid(slice) };
        // SAFETY: the caller's promise.
        let optional = |slice| unsafe { optional_aid(slice) };
        Ok(match self.function {
            0x02 => Operation::Load { load_file: needed(self.load_file)?, security_domain: needed(self.to)? },
            0x04 | 0x08 | 0x0C => {
                Operation::Install { load_file: needed(self.load_file)?, application: needed(self.object)? }
            }
            0x0E => Operation::Combined {
                load_file: needed(self.load_file)?,
                application: needed(self.object)?,
                security_domain: needed(self.to)?,
            },
            0x10 => {
                Operation::Extradition { from: needed(self.from)?, object: needed(self.object)?, to: needed(self.to)? }
            }
            0x40 => Operation::RegistryUpdate {
                from: optional(self.from)?,
                application: optional(self.object)?,
                to: optional(self.to)?,
                // SAFETY: the caller's promise.
                privileges: unsafe { octets(self.privileges.ptr, self.privileges.len)? },
                // SAFETY: the caller's promise.
                parameters: unsafe { octets(self.parameters.ptr, self.parameters.len)? },
            },
            0xE4 => Operation::Delete { aid: needed(self.object)? },
            _ => return Err(GP_E_ARGUMENT),
        })
    }
}

/// What a confirmation says, beside that the receipt is good. All of it lies in the answer.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_receipt {
    /// How many receipts there were before: it never repeats.
    pub counter: u16,
    /// Values of `42` and `45` of the security domain that made the receipt, one after the other.
    pub security_domain: gp_slice,
    /// Number of the token; empty when it had none.
    pub token_id: gp_slice,
    /// Digest of the token; empty when it is not given.
    pub token_digest: gp_slice,
}

/// Verifies the receipt in the answer to a delegated operation (`data` of `gp_answer`), and tells what it says (`receipt`
/// may be null). `GP_E_SIGNATURE` when it does not fit key and operation, `GP_E_NOT_AUTHENTIC` when the card gave none,
/// `GP_E_BODY` for what is no confirmation. The operation was carried out in any case.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_receipt_verify(
    answer: gp_slice,
    operation: *const gp_operation,
    key: *const gp_key,
    receipt: *mut gp_receipt,
) -> gp_status {
    let outcome = || {
        for read in [Span::slice(answer), Span::of(operation), Span::of(key)] {
            apart(&[Span::of(receipt), read])?;
        }
        // SAFETY: the caller's promise; apart.
        let (answer, operation, key) =
            unsafe { (octets(answer.ptr, answer.len)?, object(operation)?.view()?, look(key)?) };
        let confirmation = Confirmation::parse(answer).map_err(code)?.ok_or(GP_E_NOT_AUTHENTIC)?;
        verify_receipt(&confirmation, &operation, &mut &*key).map_err(code)?;
        let details = Details::parse(confirmation.details).map_err(code)?;
        let told = gp_receipt {
            counter: details.counter,
            security_domain: gp_slice::of(details.security_domain),
            token_id: details.token_id.map_or(gp_slice::EMPTY, gp_slice::of),
            token_digest: details.token_digest.map_or(gp_slice::EMPTY, gp_slice::of),
        };
        // SAFETY: the caller's promise.
        unsafe { give(receipt, told) }
    };
    done(outcome())
}
