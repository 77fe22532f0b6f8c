//! What a receipt signs, GPCS C.5: the details of the confirmation, then the data of the operation.

use crate::aid::Aid;
use crate::error::{Error, ErrorKind};
use crate::lv::Out;

/// An operation that has been done, as its receipt names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Operation<'a> {
    /// Last LOAD.
    Load {
        /// The new executable load file.
        load_file: Aid,
        /// The security domain it belongs to.
        security_domain: Aid,
    },
    /// Install, make selectable, or both.
    Install {
        /// The executable load file of the application.
        load_file: Aid,
        /// The application.
        application: Aid,
    },
    /// Extradition.
    Extradition {
        /// The security domain that gives.
        from: Aid,
        /// Application or executable load file.
        object: Aid,
        /// The security domain that takes over.
        to: Aid,
    },
    /// Registry update.
    RegistryUpdate {
        /// The security domain that gives, in an extradition.
        from: Option<Aid>,
        /// The application updated.
        application: Option<Aid>,
        /// The security domain that takes over, in an extradition.
        to: Option<Aid>,
        /// The privileges field as sent: 0, 1 or 3 octets.
        privileges: &'a [u8],
        /// The parameters field as sent.
        parameters: &'a [u8],
    },
    /// Deletion; of a load file with its applications, the load file only.
    Delete {
        /// The object.
        aid: Aid,
    },
    /// Combined load, install and make selectable.
    Combined {
        /// The new executable load file.
        load_file: Aid,
        /// The new application.
        application: Aid,
        /// The security domain they belong to.
        security_domain: Aid,
    },
}

/// Three AIDs, privileges and a length of 3 octets, each AID and the privileges with a length before them.
const MAX_HEAD: usize = 3 * 17 + 4 + 3;

/// The message that a receipt signs. It borrows the details and the parameters: nothing large is copied.
#[derive(Clone, Copy, Debug)]
pub struct ReceiptInput<'a> {
    details: &'a [u8],
    head: [u8; MAX_HEAD],
    len: usize,
    parameters: &'a [u8],
}

impl<'a> ReceiptInput<'a> {
    /// From the details of the confirmation, as sent, and the operation.
    ///
    /// # Errors
    /// `BadLength` for privileges other than 0, 1 or 3 octets, or parameters above 65535 octets.
    pub fn new(details: &'a [u8], operation: &Operation<'a>) -> Result<Self, Error> {
        let mut head = [0; MAX_HEAD];
        let mut out = Out::new(&mut head);
        let mut after: &[u8] = &[];
        match operation {
            Operation::Load { load_file, security_domain } => {
                out.short_lv(load_file.as_bytes())?;
                out.short_lv(security_domain.as_bytes())?;
            }
            Operation::Install { load_file, application } => {
                out.short_lv(load_file.as_bytes())?;
                out.short_lv(application.as_bytes())?;
            }
            Operation::Extradition { from, object, to } => {
                out.short_lv(from.as_bytes())?;
                out.short_lv(object.as_bytes())?;
                out.short_lv(to.as_bytes())?;
            }
            Operation::RegistryUpdate { from, application, to, privileges, parameters } => {
                for aid in [from, application, to] {
                    out.short_lv(aid.as_ref().map_or(&[], Aid::as_bytes))?;
                }
                if ![0, 1, 3].contains(&privileges.len()) {
                    return Err(Error::at(ErrorKind::BadLength, 0));
                }
                out.short_lv(privileges)?;
                out.length(parameters.len())?;
                after = parameters;
            }
            Operation::Delete { aid } => {
                out.short_lv(aid.as_bytes())?;
            }
            Operation::Combined { load_file, application, security_domain } => {
                out.short_lv(load_file.as_bytes())?;
                out.short_lv(application.as_bytes())?;
                out.short_lv(security_domain.as_bytes())?;
            }
        }
        let len = out.len();
        Ok(Self { details, head, len, parameters: after })
    }

    /// The message, in parts to be taken one after the other; a part may be empty.
    pub fn parts(&self) -> [&[u8]; 3] {
        let head = self.head.get(..self.len).unwrap_or_default();
        [self.details, head, self.parameters]
    }
}
