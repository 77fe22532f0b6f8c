//! INSTALL, `80 E6 P1 P2`: load, install, make selectable, extradition, registry update, personalization.
//!
//! ```text
//!  load, combined first    ELF AID | SD AID? | LFDB hash? | parameters | token
//!  install, combined last  ELF AID | module AID? | application AID | privileges | parameters | token
//!  make selectable         -       | -       | application AID | privileges | parameters | token
//!  extradition             SD AID  | -       | application or ELF AID | - | parameters | token
//!  registry update         SD AID? | -       | application AID? | privileges? | parameters | token
//!  personalization         -       | -       | application AID | - | - | -
//! ```
//! Every field has its length before it: one octet, but BER (1 to 3 octets, and 80 alone for 128) before
//! the parameters and the token. A field that is not given (`-`, or `?` left out) is the single octet 00.
//! GPCS 11.5.2.3, tables 11-41 to 11-47.

pub mod control_reference;
mod function;
mod implicit_slots;
mod parameters;
mod security_domain;
#[cfg(test)]
pub(crate) mod tests;

pub use control_reference::ControlReference;
pub use function::Function;
pub use implicit_slots::ImplicitSlots;
pub use parameters::{Parameters, Restriction, Services};
pub use security_domain::{Protocol, Protocols, SecurityDomainParameters};

use crate::aid::Aid;
use crate::error::{Error, ErrorKind};
use crate::lv::{Octets, Out, length_len};
use gp_apdu::Header;

/// Longest load file data block hash: its length is 00..7F.
const MAX_HASH: usize = 0x7F;

/// INSTALL \[for load\] and the first command of the combined process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForLoad<'a> {
    /// AID of the executable load file to come.
    pub load_file: Aid,
    /// Security domain it will belong to; `None` = the one that receives the command.
    pub security_domain: Option<Aid>,
    /// Load file data block hash, 0 to 127 octets; empty when not given.
    pub hash: &'a [u8],
    /// Load parameters, see [`Parameters`]; may be empty.
    pub parameters: &'a [u8],
    /// Load token; empty when there is none.
    pub token: &'a [u8],
}

/// INSTALL \[for install\], \[for install and make selectable\] and the last command of the combined process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForInstall<'a> {
    /// Executable load file that holds the module. Only the combined process may leave it out.
    pub load_file: Option<Aid>,
    /// Module to install; `None` = the one with the AID of the application, else the only one.
    pub module: Option<Aid>,
    /// AID of the new application.
    pub application: Aid,
    /// Privileges field, 1 or 3 octets: see [`Privileges::from_field`](crate::privileges::Privileges::from_field).
    pub privileges: &'a [u8],
    /// Install parameters, with `C9` at least: see [`Parameters`].
    pub parameters: &'a [u8],
    /// Install token; empty when there is none.
    pub token: &'a [u8],
}

/// INSTALL \[for make selectable\].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForMakeSelectable<'a> {
    /// The application.
    pub application: Aid,
    /// Privileges field, 1 or 3 octets; only Card Reset counts.
    pub privileges: &'a [u8],
    /// Parameters; may be empty.
    pub parameters: &'a [u8],
    /// Token; empty when there is none.
    pub token: &'a [u8],
}

/// INSTALL \[for extradition\].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForExtradition<'a> {
    /// Security domain that takes over.
    pub security_domain: Aid,
    /// Application or executable load file that moves.
    pub object: Aid,
    /// Parameters; may be empty.
    pub parameters: &'a [u8],
    /// Token; empty when there is none.
    pub token: &'a [u8],
}

/// INSTALL \[for registry update\].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForRegistryUpdate<'a> {
    /// Security domain that takes over; `None` = no extradition.
    pub security_domain: Option<Aid>,
    /// Application or security domain to update; `None` = OPEN itself.
    pub application: Option<Aid>,
    /// New privileges, 1 or 3 octets; empty = unchanged.
    pub privileges: &'a [u8],
    /// Parameters; may be empty.
    pub parameters: &'a [u8],
    /// Token; empty when there is none.
    pub token: &'a [u8],
}

/// The body of an INSTALL command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Install<'a> {
    /// P1 `02`.
    Load(ForLoad<'a>),
    /// P1 `04`.
    Install(ForInstall<'a>),
    /// P1 `0C`.
    InstallAndMakeSelectable(ForInstall<'a>),
    /// P1 `08`.
    MakeSelectable(ForMakeSelectable<'a>),
    /// P1 `10`.
    Extradition(ForExtradition<'a>),
    /// P1 `40`.
    RegistryUpdate(ForRegistryUpdate<'a>),
    /// P1 `20`: the application to personalise.
    Personalization(Aid),
    /// P1 `0E`, P2 `01`.
    CombinedFirst(ForLoad<'a>),
    /// P1 `0E`, P2 `03`.
    CombinedLast(ForInstall<'a>),
}

/// One field and the position of its length.
#[derive(Clone, Copy)]
struct Field<'a> {
    value: &'a [u8],
    at: usize,
}

impl<'a> Field<'a> {
    fn read(body: &mut Octets<'a>) -> Result<Self, Error> {
        let at = body.offset();
        let value = body.short_lv()?;
        Ok(Self { value, at })
    }

    fn fail<T>(self, kind: ErrorKind) -> Result<T, Error> {
        Err(Error::at(kind, self.at))
    }

    /// An AID that must be there.
    fn aid(self) -> Result<Aid, Error> {
        match (Aid::new(self.value), self.value) {
            (Some(aid), _) => Ok(aid),
            (None, []) => self.fail(ErrorKind::Missing),
            (None, _) => self.fail(ErrorKind::BadLength),
        }
    }

    /// An AID or nothing.
    fn optional_aid(self) -> Result<Option<Aid>, Error> {
        match self.value {
            [] => Ok(None),
            _ => self.aid().map(Some),
        }
    }

    /// A field this form leaves empty.
    fn empty(self) -> Result<(), Error> {
        match self.value {
            [] => Ok(()),
            _ => self.fail(ErrorKind::Unexpected),
        }
    }

    /// A privileges field: 1 or 3 octets, and what the caller tolerates.
    fn privileges(self, also: &[usize]) -> Result<&'a [u8], Error> {
        match self.value.len() {
            1 | 3 => Ok(self.value),
            len if also.contains(&len) => Ok(self.value),
            _ => self.fail(ErrorKind::BadLength),
        }
    }
}

impl<'a> Install<'a> {
    /// Reads a whole body (of a chained command, the joined one) and the P1 and P2 of its last part.
    ///
    /// # Errors
    /// `Parameters` for P1 and P2; else the first field that is wrong, at the position of its length in `data`:
    /// `Truncated`, `TrailingData`, `BadLength`, `Missing` (an AID that must be there), `Unexpected` (a field that
    /// this form leaves empty).
    pub fn parse(p1: u8, p2: u8, data: &'a [u8]) -> Result<Self, Error> {
        Self::read(Function::parse(p1, p2)?, data, false).map(|(install, _)| install)
    }

    /// As [`parse`](Self::parse), and takes a privileges field of 2 octets, which some hosts send against the tables:
    /// [`Privileges::from_field_lenient`](crate::privileges::Privileges::from_field_lenient) reads it.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_lenient(p1: u8, p2: u8, data: &'a [u8]) -> Result<Self, Error> {
        Self::read(Function::parse(p1, p2)?, data, true).map(|(install, _)| install)
    }

    /// The octets of `data` that a token signs: all fields up to and including the parameters, as they were sent,
    /// without the length of the token. [`TokenInput`](crate::signature::TokenInput) takes them.
    ///
    /// # Errors
    /// As [`parse_lenient`](Self::parse_lenient).
    pub fn signed_fields(p1: u8, p2: u8, data: &'a [u8]) -> Result<&'a [u8], Error> {
        Self::read(Function::parse(p1, p2)?, data, true).map(|(_, signed)| signed)
    }

    fn read(function: Function, data: &'a [u8], two_octets: bool) -> Result<(Self, &'a [u8]), Error> {
        let mut body = Octets::new(data);
        let first = Field::read(&mut body)?;
        let second = Field::read(&mut body)?;
        let third = Field::read(&mut body)?;
        // A load has no privileges field.
        let fourth = match function.loads() {
            true => Field { value: &[], at: body.offset() },
            false => Field::read(&mut body)?,
        };
        let parameters_at = body.offset();
        let parameters = body.lv()?;
        let token_at = body.offset();
        let token = body.lv()?;
        body.finish()?;
        let (signed, _) = data.split_at_checked(token_at).unwrap_or((data, &[]));

        let tolerated: &[usize] = if two_octets { &[2] } else { &[] };
        let for_load = || {
            if third.value.len() > MAX_HASH {
                return third.fail(ErrorKind::BadLength);
            }
            Ok(ForLoad {
                load_file: first.aid()?,
                security_domain: second.optional_aid()?,
                hash: third.value,
                parameters,
                token,
            })
        };
        let for_install = || {
            let load_file = match function {
                Function::CombinedLast => first.optional_aid()?,
                _ => Some(first.aid()?),
            };
            Ok(ForInstall {
                load_file,
                module: second.optional_aid()?,
                application: third.aid()?,
                privileges: fourth.privileges(tolerated)?,
                parameters,
                token,
            })
        };
        let install = match function {
            Function::Load => Self::Load(for_load()?),
            Function::CombinedFirst => Self::CombinedFirst(for_load()?),
            Function::Install => Self::Install(for_install()?),
            Function::InstallAndMakeSelectable => Self::InstallAndMakeSelectable(for_install()?),
            Function::CombinedLast => Self::CombinedLast(for_install()?),
            Function::MakeSelectable => {
                first.empty()?;
                second.empty()?;
                Self::MakeSelectable(ForMakeSelectable {
                    application: third.aid()?,
                    privileges: fourth.privileges(tolerated)?,
                    parameters,
                    token,
                })
            }
            Function::Extradition => {
                second.empty()?;
                fourth.empty()?;
                Self::Extradition(ForExtradition {
                    security_domain: first.aid()?,
                    object: third.aid()?,
                    parameters,
                    token,
                })
            }
            Function::RegistryUpdate => {
                second.empty()?;
                let also: &[usize] = if two_octets { &[0, 2] } else { &[0] };
                Self::RegistryUpdate(ForRegistryUpdate {
                    security_domain: first.optional_aid()?,
                    application: third.optional_aid()?,
                    privileges: fourth.privileges(also)?,
                    parameters,
                    token,
                })
            }
            Function::Personalization => {
                first.empty()?;
                second.empty()?;
                fourth.empty()?;
                Field { value: parameters, at: parameters_at }.empty()?;
                Field { value: token, at: token_at }.empty()?;
                Self::Personalization(third.aid()?)
            }
        };
        Ok((install, signed))
    }

    /// What the command is for.
    pub const fn function(&self) -> Function {
        match self {
            Self::Load(_) => Function::Load,
            Self::Install(_) => Function::Install,
            Self::InstallAndMakeSelectable(_) => Function::InstallAndMakeSelectable,
            Self::MakeSelectable(_) => Function::MakeSelectable,
            Self::Extradition(_) => Function::Extradition,
            Self::RegistryUpdate(_) => Function::RegistryUpdate,
            Self::Personalization(_) => Function::Personalization,
            Self::CombinedFirst(_) => Function::CombinedFirst,
            Self::CombinedLast(_) => Function::CombinedLast,
        }
    }

    /// The command header; Le is 00.
    pub const fn header(&self) -> Header {
        self.function().header()
    }

    /// The parameters field; empty for a personalization.
    pub const fn parameters(&self) -> &'a [u8] {
        match *self {
            Self::Load(ForLoad { parameters, .. })
            | Self::CombinedFirst(ForLoad { parameters, .. })
            | Self::Install(ForInstall { parameters, .. })
            | Self::InstallAndMakeSelectable(ForInstall { parameters, .. })
            | Self::CombinedLast(ForInstall { parameters, .. })
            | Self::MakeSelectable(ForMakeSelectable { parameters, .. })
            | Self::Extradition(ForExtradition { parameters, .. })
            | Self::RegistryUpdate(ForRegistryUpdate { parameters, .. }) => parameters,
            Self::Personalization(_) => &[],
        }
    }

    /// The token; empty when there is none.
    pub const fn token(&self) -> &'a [u8] {
        match *self {
            Self::Load(ForLoad { token, .. })
            | Self::CombinedFirst(ForLoad { token, .. })
            | Self::Install(ForInstall { token, .. })
            | Self::InstallAndMakeSelectable(ForInstall { token, .. })
            | Self::CombinedLast(ForInstall { token, .. })
            | Self::MakeSelectable(ForMakeSelectable { token, .. })
            | Self::Extradition(ForExtradition { token, .. })
            | Self::RegistryUpdate(ForRegistryUpdate { token, .. }) => token,
            Self::Personalization(_) => &[],
        }
    }

    /// The same command with `token` in it. A personalization has no token and stays as it is.
    #[must_use]
    pub const fn with_token(self, token: &'a [u8]) -> Self {
        match self {
            Self::Load(body) => Self::Load(ForLoad { token, ..body }),
            Self::CombinedFirst(body) => Self::CombinedFirst(ForLoad { token, ..body }),
            Self::Install(body) => Self::Install(ForInstall { token, ..body }),
            Self::InstallAndMakeSelectable(body) => Self::InstallAndMakeSelectable(ForInstall { token, ..body }),
            Self::CombinedLast(body) => Self::CombinedLast(ForInstall { token, ..body }),
            Self::MakeSelectable(body) => Self::MakeSelectable(ForMakeSelectable { token, ..body }),
            Self::Extradition(body) => Self::Extradition(ForExtradition { token, ..body }),
            Self::RegistryUpdate(body) => Self::RegistryUpdate(ForRegistryUpdate { token, ..body }),
            Self::Personalization(aid) => Self::Personalization(aid),
        }
    }

    /// Octets of the body.
    pub fn encoded_len(&self) -> usize {
        let (fields, privileges) = self.fields();
        let token = self.token().len();
        let parameters = self.parameters().len();
        fields
            .into_iter()
            .chain(privileges)
            .map(|field| field.len().saturating_add(1))
            .chain([length_len(parameters), parameters, length_len(token), token])
            .fold(0, usize::saturating_add)
    }

    /// Writes the body.
    ///
    /// # Errors
    /// `BufferFull`; `Missing` without a load file outside the combined process; `BadLength` for privileges other than 1
    /// or 3 octets (or none, in a registry update), for a hash above 127 octets, for parameters or a token above 65535.
    pub fn emit<'b>(&self, buf: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        let mut out = Out::new(buf);
        self.write_fields(&mut out)?;
        out.lv(self.token())?;
        Ok(out.finish())
    }

    /// Writes the body up to and including the parameters: what a token signs, and what
    /// [`TokenInput`](crate::signature::TokenInput) takes.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn emit_signed_fields<'b>(&self, buf: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        let mut out = Out::new(buf);
        self.write_fields(&mut out)?;
        Ok(out.finish())
    }

    fn write_fields(&self, out: &mut Out<'_>) -> Result<(), Error> {
        self.check()?;
        let (fields, privileges) = self.fields();
        for field in fields.into_iter().chain(privileges) {
            out.short_lv(field)?;
        }
        out.lv(self.parameters())?;
        Ok(())
    }

    /// What the types of the fields do not say.
    fn check(&self) -> Result<(), Error> {
        let wrong = |kind| Err(Error::at(kind, 0));
        match self {
            Self::Load(body) | Self::CombinedFirst(body) if body.hash.len() > MAX_HASH => wrong(ErrorKind::BadLength),
            Self::Install(body) | Self::InstallAndMakeSelectable(body) if body.load_file.is_none() => {
                wrong(ErrorKind::Missing)
            }
            Self::Install(ForInstall { privileges, .. })
            | Self::InstallAndMakeSelectable(ForInstall { privileges, .. })
            | Self::CombinedLast(ForInstall { privileges, .. })
            | Self::MakeSelectable(ForMakeSelectable { privileges, .. })
                if ![1, 3].contains(&privileges.len()) =>
            {
                wrong(ErrorKind::BadLength)
            }
            Self::RegistryUpdate(body) if ![0, 1, 3].contains(&body.privileges.len()) => wrong(ErrorKind::BadLength),
            _ => Ok(()),
        }
    }

    /// The three fields before the parameters, and the privileges field where there is one.
    fn fields(&self) -> ([&[u8]; 3], Option<&[u8]>) {
        fn octets(aid: Option<&Aid>) -> &[u8] {
            aid.map_or(&[], Aid::as_bytes)
        }
        match self {
            Self::Load(body) | Self::CombinedFirst(body) => {
                let security_domain = octets(body.security_domain.as_ref());
                ([body.load_file.as_bytes(), security_domain, body.hash], None)
            }
            Self::Install(body) | Self::InstallAndMakeSelectable(body) | Self::CombinedLast(body) => {
                let load_file = octets(body.load_file.as_ref());
                let module = octets(body.module.as_ref());
                let fields = [load_file, module, body.application.as_bytes()];
                (fields, Some(body.privileges))
            }
            Self::MakeSelectable(body) => ([&[], &[], body.application.as_bytes()], Some(body.privileges)),
            Self::Extradition(body) => {
                let fields = [body.security_domain.as_bytes(), &[], body.object.as_bytes()];
                (fields, Some(&[]))
            }
            Self::RegistryUpdate(body) => {
                let security_domain = octets(body.security_domain.as_ref());
                let application = octets(body.application.as_ref());
                ([security_domain, &[], application], Some(body.privileges))
            }
            Self::Personalization(application) => ([&[], &[], application.as_bytes()], Some(&[])),
        }
    }
}

impl ForInstall<'_> {
    /// Writes what the install method of a Java Card applet is given: the AID of the instance, the privileges and the
    /// content of `C9`, each with one length octet before it. GPCS A.2.
    ///
    /// # Errors
    /// What [`Parameters::parse`] finds; `Missing` without `C9`; `BadLength` when its content is above 255 octets;
    /// `BufferFull`.
    pub fn emit_applet_data<'b>(&self, buf: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        let parameters = Parameters::parse(self.parameters)?;
        let content = parameters.application.ok_or(Error::at(ErrorKind::Missing, 0))?;
        let mut out = Out::new(buf);
        out.short_lv(self.application.as_bytes())?.short_lv(self.privileges)?.short_lv(content)?;
        Ok(out.finish())
    }
}
