//! GET DATA, `80|00 CA P1 P2`: one data object (GPCS 11.3).
//!
//! ```text
//!  80 CA 00 66   00           card data, with tag and length
//!  00 CA 9F 7F   00           the same tag under the ISO class: the value alone, by the rule
//!  80 CA 2F 00   02 5C 00 00  the applications of the security domain
//! ```

use gp_apdu::{Class, Header, ins};
use gp_scp03::Reply;

use super::{Answer, Cover, Draft, Failure, Origin, Slot, Step, Task, accepted};

/// Reads a data object: within the session when one is open, else in the clear.
///
/// Yields an [`Answer`] with the data of the card, which the types of [`card_data`](crate::card_data),
/// [`key_info`](crate::key_info), [`capability`](crate::capability), [`cplc`](crate::cplc) and
/// [`inventory`](crate::inventory) read. An object that the card does not have is [`Failure::Refused`] with `6A88`, and
/// some cards have other words for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GetData {
    class: Class,
    instruction: u8,
    tag: u16,
    all: bool,
    origin: Origin,
}

impl GetData {
    /// `66`: card recognition data.
    pub const CARD_DATA: Self = Self::new(0x0066);
    /// `67`: card capability information.
    pub const CAPABILITY: Self = Self::new(0x0067);
    /// `E0`: the key information template.
    pub const KEY_INFORMATION: Self = Self::new(0x00E0);
    /// `9F7F`: production life cycle data. Some cards have it under the [ISO class](Self::under_iso_class) only.
    pub const CPLC: Self = Self::new(0x9F7F);
    /// `42`: issuer identification number, or that of the security domain provider.
    pub const IIN: Self = Self::new(0x0042);
    /// `45`: card image number, or that of the security domain.
    pub const CIN: Self = Self::new(0x0045);
    /// `C1`: sequence counter of the default key version.
    pub const SEQUENCE_COUNTER: Self = Self::new(0x00C1);
    /// `C2`: confirmation counter.
    pub const CONFIRMATION_COUNTER: Self = Self::new(0x00C2);
    /// `CF`: key diversification data.
    pub const DIVERSIFICATION: Self = Self::new(0x00CF);
    /// `D3`: current security level.
    pub const SECURITY_LEVEL: Self = Self::new(0x00D3);
    /// `FF21`: extended card resources.
    pub const RESOURCES: Self = Self::new(0xFF21);
    /// `2F00`: the applications of the security domain.
    pub const APPLICATIONS: Self = Self { all: true, ..Self::new(0x2F00) };

    /// The data object of this tag, of one octet (`0066`) or two (`9F7F`).
    #[must_use]
    pub const fn new(tag: u16) -> Self {
        Self { class: Class::GP, instruction: ins::GET_DATA, tag, all: false, origin: Origin::Plain }
    }

    /// The same object under the ISO class, where the answer is its value alone; `2F00` then has the odd instruction.
    #[must_use]
    pub const fn under_iso_class(self) -> Self {
        let instruction = if self.all { ins::GET_DATA_ODD } else { self.instruction };
        Self { class: Class::ISO, instruction, ..self }
    }

    /// The tag.
    #[must_use]
    pub const fn tag(&self) -> u16 {
        self.tag
    }
}

impl Task for GetData {
    type Output<'r> = Answer<'r>;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        let [p1, p2] = self.tag.to_be_bytes();
        draft.begin(Header::new(self.class, self.instruction, p1, p2)).expect_any();
        if self.all {
            // An empty tag list: all of it.
            draft.push(&[0x5C, 0x00])?;
        }
        Ok(Cover::SessionOrPlain)
    }

    fn reply(&mut self, reply: Reply<'_>, _: &mut Slot) -> Result<Step, Failure> {
        self.origin = Origin::of(&reply);
        accepted(ins::GET_DATA, reply)?;
        Ok(Step::Done)
    }

    fn output(self, last: &[u8]) -> Result<Answer<'_>, Failure> {
        Ok(Answer { data: last, status: gp_apdu::StatusWord::OK, origin: self.origin })
    }
}
