//! DELETE, `80 E4 00 P2`: an application, a load file, keys (GPCS 11.2).

use gp_apdu::ins;
use gp_scp03::Reply;

use super::{Cover, Draft, Failure, Origin, Performed, Slot, Step, Task, accepted};
use crate::aid::Aid;
use crate::delete::{Delete as Body, DeleteKeys};

/// Deletes an object or keys. The keys of the session in use are never deleted: that fails with [`Failure::KeyInUse`]
/// and sends nothing. So does the deletion of keys of every version, and of any version while it is not known which one
/// the session uses.
///
/// Yields [`Performed`], with the confirmation of a delegated deletion in it.
#[derive(Clone, Copy, Debug)]
pub struct Delete<'a> {
    body: Body<'a>,
    origin: Origin,
}

impl<'a> Delete<'a> {
    /// This command. A token goes into the body first: [`delete_token`](super::delete_token).
    #[must_use]
    pub const fn new(body: Body<'a>) -> Self {
        Self { body, origin: Origin::Plain }
    }

    /// An application, or a load file that nothing was installed from.
    #[must_use]
    pub const fn object(aid: Aid) -> Self {
        Self::new(Body::content(aid, false))
    }

    /// A load file and every application that was installed from it.
    #[must_use]
    pub const fn related(aid: Aid) -> Self {
        Self::new(Body::content(aid, true))
    }

    /// All keys of a version.
    #[must_use]
    pub const fn key_version(version: u8) -> Self {
        Self::new(Body::Keys(DeleteKeys { id: None, version: Some(version) }))
    }

    /// One key. Many cards delete whole versions only.
    #[must_use]
    pub const fn key(version: u8, id: u8) -> Self {
        Self::new(Body::Keys(DeleteKeys { id: Some(id), version: Some(version) }))
    }
}

/// Writes a DELETE command, if it does not take away the ground it stands on.
pub(super) fn write(draft: &mut Draft<'_>, body: &Body<'_>) -> Result<Cover, Failure> {
    if let Body::Keys(keys) = body {
        let in_use = draft.session_key_version();
        match (keys.version, in_use) {
            (Some(version), Some(in_use)) if version != in_use => {}
            (version, in_use) => return Err(Failure::KeyInUse(in_use.or(version).unwrap_or_default())),
        }
    }
    draft.begin_chainable(body.header()).push_with(|room| Ok(body.emit(room)?.len()))?.expect_any();
    Ok(Cover::Session)
}

impl Task for Delete<'_> {
    type Output<'r> = Performed<'r>;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        if draft.level().is_none() {
            return Err(Failure::NoSession);
        }
        write(draft, &self.body)
    }

    fn reply(&mut self, reply: Reply<'_>, _: &mut Slot) -> Result<Step, Failure> {
        self.origin = Origin::of(&reply);
        accepted(ins::DELETE, reply)?;
        Ok(Step::Done)
    }

    fn output(self, last: &[u8]) -> Result<Performed<'_>, Failure> {
        Ok(Performed { data: last, origin: self.origin })
    }
}
