//! INSTALL, `80 E6 P1 P2`: everything it does but loading a file, which is [`Load`](super::Load) (GPCS 11.5).

use gp_apdu::ins;
use gp_scp03::Reply;

use super::{Cover, Draft, Failure, Origin, Slot, Step, Task, accepted};
use crate::aid::Aid;
use crate::confirmation::Confirmation;
use crate::error::{Error, ErrorKind};
use crate::in_place::move_within;
use crate::install::{
    ForExtradition, ForInstall, ForMakeSelectable, Function, Install as Body, Parameters, SecurityDomainParameters,
};
use crate::lifecycle::Kind;
use crate::lv::length_len;
use crate::privileges::Privileges;

/// Sends an INSTALL command: install, make selectable, both, extradite, update the registry, prepare for
/// personalisation. A long body is chained where the host's [`Lengths`](super::Lengths) say so.
///
/// Yields [`Performed`], with the confirmation of a delegated operation in it.
///
/// ```no_run
/// # use gp_cardmanager_model::host::{Error, Host, Install, run};
/// # fn f<X: gp_apdu::Transport>(host: &mut Host<'_>, link: &mut X) -> Result<(), Error<X::Error>> {
/// use gp_cardmanager_model::{aid::Aid, install};
///
/// let package = Aid::new(&[0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0x01]).unwrap();
/// let applet = Aid::new(&[0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0x01, 0x01]).unwrap();
/// let body = install::ForInstall {
///     load_file: Some(package),
///     module: Some(applet),
///     application: applet,
///     privileges: &[0x00],
///     parameters: &[0xC9, 0x00],
///     token: &[],
/// };
/// run(host, link, Install::new(install::Install::InstallAndMakeSelectable(body)))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Install<'a> {
    body: Body<'a>,
    one_octet: bool,
    origin: Origin,
}

impl<'a> Install<'a> {
    /// This command. A token goes into the body first: [`install_token`](super::install_token).
    #[must_use]
    pub const fn new(body: Body<'a>) -> Self {
        Self { body, one_octet: false, origin: Origin::Plain }
    }

    /// With lengths of one octet, 00 to FF, before parameters and token, as GlobalPlatform 2.1.1 had them: for cards that
    /// read none in BER. The two differ where one of the fields is longer than 127 octets; longer than 255 octets neither can
    /// be then ([`Failure::Body`]). A token must have been made over this form.
    #[must_use]
    pub const fn with_one_octet_lengths(self) -> Self {
        Self { one_octet: true, ..self }
    }

    /// Makes an installed application selectable.
    #[must_use]
    pub const fn make_selectable(application: Aid) -> Self {
        let body = ForMakeSelectable { application, privileges: &[0x00], parameters: &[], token: &[] };
        Self::new(Body::MakeSelectable(body))
    }

    /// Moves an application or load file to another security domain.
    #[must_use]
    pub const fn extradite(object: Aid, security_domain: Aid) -> Self {
        Self::new(Body::Extradition(ForExtradition { security_domain, object, parameters: &[], token: &[] }))
    }

    /// Has the STORE DATA commands that follow go to this application of the selected security domain, until the last
    /// block.
    #[must_use]
    pub const fn personalize(application: Aid) -> Self {
        Self::new(Body::Personalization(application))
    }
}

/// Writes an INSTALL command.
pub(super) fn write(draft: &mut Draft<'_>, body: &Body<'_>) -> Result<Cover, Failure> {
    draft.begin_chainable(body.header()).push_with(|room| Ok(body.emit(room)?.len()))?.expect_any();
    Ok(Cover::Session)
}

/// Takes the `81` away before the lengths of the last fields of a body, whose lengths are given from the last one on.
fn one_octet_lengths(body: &mut [u8], len: usize, fields: [usize; 2]) -> Result<usize, Failure> {
    let (mut len, mut end) = (len, len);
    for field in fields {
        let start = end.saturating_sub(field);
        let head = length_len(field);
        end = start.saturating_sub(head);
        match head {
            1 => {}
            2 => {
                move_within(body, end.saturating_add(1)..len, end);
                len = len.saturating_sub(1);
            }
            _ => return Err(Error::at(ErrorKind::BadLength, end).into()),
        }
    }
    Ok(len)
}

impl Task for Install<'_> {
    type Output<'r> = Performed<'r>;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        if !self.one_octet {
            return write(draft, &self.body);
        }
        let body = &self.body;
        draft.begin_chainable(body.header()).push_with(|room| {
            let len = body.emit(room)?.len();
            one_octet_lengths(room, len, [body.token().len(), body.parameters().len()])
        })?;
        draft.expect_any();
        Ok(Cover::Session)
    }

    fn reply(&mut self, reply: Reply<'_>, _: &mut Slot) -> Result<Step, Failure> {
        self.origin = Origin::of(&reply);
        accepted(ins::INSTALL, reply)?;
        Ok(Step::Done)
    }

    fn output(self, last: &[u8]) -> Result<Performed<'_>, Failure> {
        Ok(Performed { data: last, origin: self.origin })
    }
}

/// A content management operation that the card carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Performed<'r> {
    /// The data of the answer: `00`, or a confirmation.
    pub data: &'r [u8],
    /// Who vouches for it.
    pub origin: Origin,
}

impl<'r> Performed<'r> {
    /// The confirmation of a delegated operation, whose receipt [`verify_receipt`](super::verify_receipt) verifies.
    /// `None`: the card gave none.
    ///
    /// # Errors
    /// Those of [`Confirmation::parse`]. The operation was carried out nevertheless.
    pub fn confirmation(&self) -> Result<Option<Confirmation<'r>>, Error> {
        Confirmation::parse(self.data)
    }
}

/// Creates a supplementary security domain from the load file that the card has for them, and makes it selectable.
///
/// It has no keys afterwards: select it through its parent's keys, or put keys into it by
/// [`StoreData::to_application`](super::StoreData::to_application). Some cards take only AIDs that resemble that of the
/// issuer security domain.
#[derive(Clone, Copy, Debug)]
pub struct CreateSecurityDomain<'a> {
    load_file: Aid,
    module: Aid,
    application: Aid,
    privileges: Privileges,
    parameters: SecurityDomainParameters<'a>,
    token: &'a [u8],
    origin: Origin,
}

impl<'a> CreateSecurityDomain<'a> {
    /// A security domain `application` from a load file and a module, which the card lists. Privileges: Security Domain
    /// and Trusted Path.
    #[must_use]
    pub fn new(load_file: Aid, module: Aid, application: Aid) -> Self {
        Self {
            load_file,
            module,
            application,
            privileges: Privileges::SECURITY_DOMAIN | Privileges::TRUSTED_PATH,
            parameters: SecurityDomainParameters::default(),
            token: &[],
            origin: Origin::Plain,
        }
    }

    /// With these privileges; Security Domain is among them in any case. They are written in one octet where that says
    /// the same.
    #[must_use]
    pub fn with_privileges(self, privileges: Privileges) -> Self {
        Self { privileges: privileges | Privileges::SECURITY_DOMAIN, ..self }
    }

    /// With these parameters: secure channel protocol, who may extradite to it and from it...
    #[must_use]
    pub fn with_parameters(self, parameters: SecurityDomainParameters<'a>) -> Self {
        Self { parameters, ..self }
    }

    /// With a token, made over the body that [`with_body`](Self::with_body) shows.
    #[must_use]
    pub fn with_token(self, token: &'a [u8]) -> Self {
        Self { token, ..self }
    }

    /// Calls `see` with the body of the command.
    ///
    /// # Errors
    /// [`Failure::Body`] for parameters that cannot be written, and what `see` answers.
    pub fn with_body<T>(&self, see: impl FnOnce(Body<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let (mut content, mut field) = ([0; 96], [0; 112]);
        let content = self.parameters.emit(&mut content)?;
        let parameters = Parameters::for_application(content);
        let parameters = parameters.emit(Function::InstallAndMakeSelectable, &mut field)?;
        let privileges = self.privileges.to_field(Kind::SecurityDomain);
        see(Body::InstallAndMakeSelectable(ForInstall {
            load_file: Some(self.load_file),
            module: Some(self.module),
            application: self.application,
            privileges: privileges.as_bytes(),
            parameters,
            token: self.token,
        }))
    }
}

impl Task for CreateSecurityDomain<'_> {
    type Output<'r> = Performed<'r>;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        self.with_body(|body| write(draft, &body))
    }

    fn reply(&mut self, reply: Reply<'_>, _: &mut Slot) -> Result<Step, Failure> {
        self.origin = Origin::of(&reply);
        accepted(ins::INSTALL, reply)?;
        Ok(Step::Done)
    }

    fn output(self, last: &[u8]) -> Result<Performed<'_>, Failure> {
        Ok(Performed { data: last, origin: self.origin })
    }
}
