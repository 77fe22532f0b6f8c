//! The application that says what it is told.

use gp_apdu::StatusWord;
use gp_cardmanager_model::card::Apdu;

/// Answers every command with its data, whatever the instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Echo;

impl Echo {
    pub(super) fn process(apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        apdu.echo()
    }
}
