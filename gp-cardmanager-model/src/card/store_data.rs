//! Being written.
use super::*;
impl<S: Storage, P: Platform, A: Applets> Card<'_, S, P, A> {
    pub(super) fn install_for_personalization(
        &mut self,
        _: LogicalChannel,
        _: Index,
        _: &crate::aid::Aid,
        _: &mut Apdu<'_>,
    ) -> Answer {
        Err(StatusWord::CONDITIONS_OF_USE)
    }
}
