//! What kind of card is this? Facts and warnings, before any session.
//!
//! ```text
//!  00 A4 04 00 00        SELECT the issuer security domain, unless told otherwise
//!  80 CA 00 66 00        card recognition data
//!  80 CA 00 E0 00        keys
//!  80 CA 00 67 00        capabilities
//!  80 CA 9F 7F 00        production data; if refused, under the ISO class
//!  80 CA 00 42 00 ...    identification, counters, resources
//! ```

use core::fmt;

use gp_apdu::ins;
use gp_scp03::Reply;
use gp_tlv::{Tag, tags::card_data, tags::data, tags::keys};

use super::{Cover, Draft, Failure, GetData, Origin, Refusal, Select, Selected, Slot, Step, Task};
use crate::capability::CardCapability;
use crate::card_data::{CardRecognitionData, GLOBALPLATFORM};
use crate::cplc::Cplc;
use crate::fci::{Fci, Form};
use crate::inventory::{Resources, SequenceCounter, object_value};
use crate::key_info::KeyInformation;

/// Something that a card tells about itself. Before a session nobody vouches for it: it is a hint for people and programs,
/// never a proof.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fact<'r> {
    /// The answer to SELECT.
    Selected(Fci<'r>),
    /// `66`: card recognition data.
    CardData(CardRecognitionData<'r>),
    /// `E0`: the keys. An entry that cannot be read costs no other.
    Keys(KeyInformation<'r>),
    /// `67`: capabilities.
    Capability(CardCapability<'r>),
    /// `9F7F`: production life cycle data.
    Cplc(Cplc),
    /// `42`: issuer or provider identification.
    Provider(&'r [u8]),
    /// `45`: card or image number.
    Image(&'r [u8]),
    /// `CF`: key diversification data.
    Diversification(&'r [u8]),
    /// `C1`: sequence counter of the default key version.
    Sequence(SequenceCounter),
    /// `FF21`: resources.
    Resources(Resources),
    /// The card does not have this data object, or does not tell. That is no fault.
    Absent {
        /// The tag.
        tag: u16,
        /// What it answered.
        refusal: Refusal,
    },
    /// Something that a program should know of.
    Warning(Warning),
}

/// What is unusual about a card.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Warning {
    /// The card is locked (`6283`).
    CardLocked,
    /// SELECT was refused; what follows comes from the application that is selected otherwise.
    SelectRefused(Refusal),
    /// The answer to SELECT is empty, or a bare AID.
    UnusualFci(Form),
    /// The answer to SELECT cannot be read.
    UnreadableFci(gp_tlv::Error),
    /// The answer to SELECT names no AID.
    NoAid,
    /// A data object cannot be read.
    Unreadable {
        /// The tag.
        tag: u16,
        /// What is wrong, counted from the start of its value.
        error: gp_tlv::Error,
    },
    /// The card answers this object under the ISO class only.
    IsoClassOnly {
        /// The tag.
        tag: u16,
    },
    /// The object identifiers of the card recognition data are not GlobalPlatform's.
    OtherIdentifiers,
    /// The card has keys of version `FF` or `00`: initial ones, which are replaced by adding new ones.
    InitialKeys,
}

/// Asks a card what it is: SELECT and a number of GET DATA. Nothing is authenticated, nothing is changed, and no refusal
/// ends it; only a broken exchange does.
///
/// Calls `F` with each [`Fact`] as it comes.
///
/// ```no_run
/// # use gp_cardmanager_model::host::{Discover, Error, Fact, Host, run};
/// # fn f<X: gp_apdu::Transport>(host: &mut Host<'_>, link: &mut X) -> Result<(), Error<X::Error>> {
/// let mut locked = false;
/// run(host, link, Discover::new(|fact| match fact {
///     Fact::Selected(fci) => println!("selected {:?}", fci.aid()),
///     Fact::Warning(warning) => println!("note: {warning:?}"),
///     _ => {}
/// }))?;
/// # Ok(())
/// # }
/// ```
pub struct Discover<'a, F> {
    select: Option<Select<'a>>,
    /// What is asked, and which of it is next.
    step: usize,
    /// The next question is the same again, under the ISO class.
    iso: bool,
    visit: F,
    discovered: Discovered,
}

/// What a discovery came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Discovered {
    /// Data objects that the card has and that could be read.
    pub objects: usize,
    /// Warnings that were given.
    pub warnings: usize,
    /// Who vouches for all of it: nobody, unless a session with R-MAC was open and nothing was selected.
    pub origin: Origin,
}

/// The questions, in their order.
const QUESTIONS: [GetData; 9] = [
    GetData::CARD_DATA,
    GetData::KEY_INFORMATION,
    GetData::CAPABILITY,
    GetData::CPLC,
    GetData::IIN,
    GetData::CIN,
    GetData::DIVERSIFICATION,
    GetData::SEQUENCE_COUNTER,
    GetData::RESOURCES,
];

impl<'a, F: FnMut(Fact<'_>)> Discover<'a, F> {
    /// Selects the issuer security domain and asks.
    pub const fn new(visit: F) -> Self {
        Self::selecting(Some(Select::issuer_security_domain()), visit)
    }

    /// Selects so and asks; `None` asks the application that is selected, within the session if one is open.
    pub const fn selecting(select: Option<Select<'a>>, visit: F) -> Self {
        let discovered = Discovered { objects: 0, warnings: 0, origin: Origin::Authentic };
        Self { select, step: 0, iso: false, visit, discovered }
    }

    fn question(&self) -> Option<GetData> {
        let question = QUESTIONS.get(self.step).copied()?;
        Some(if self.iso { question.under_iso_class() } else { question })
    }

    fn fact(&mut self, fact: Fact<'_>) {
        let counter = match fact {
            Fact::Absent { .. } => None,
            Fact::Warning(_) => Some(&mut self.discovered.warnings),
            _ => Some(&mut self.discovered.objects),
        };
        if let Some(counter) = counter {
            *counter = counter.saturating_add(1);
        }
        (self.visit)(fact);
    }

    fn warn(&mut self, warning: Warning) {
        self.fact(Fact::Warning(warning));
    }

    fn selected(&mut self, reply: Reply<'_>, mut select: Select<'_>, slot: &mut Slot) {
        let data = match (select.reply(reply, slot), reply) {
            (Ok(_), Reply::Authentic(response) | Reply::Plain(response)) => response.data,
            _ => return self.warn(Warning::SelectRefused(Refusal::new(ins::SELECT, reply.status()))),
        };
        let Ok(Selected { data, card_locked }) = select.output(data) else { return };
        if card_locked {
            self.warn(Warning::CardLocked);
        }
        match Fci::parse(data) {
            Ok(fci) => {
                if fci.form != Form::Template {
                    self.warn(Warning::UnusualFci(fci.form));
                }
                if fci.aid().is_none() {
                    self.warn(Warning::NoAid);
                }
                self.fact(Fact::Selected(fci));
            }
            Err(error) => self.warn(Warning::UnreadableFci(error)),
        }
    }

    fn object(&mut self, tag: u16, answer: &[u8]) {
        // Cards mix up which class answers with tag and length.
        let value = |tag| object_value(answer, tag);
        let fact = match tag {
            0x0066 => CardRecognitionData::parse_value(value(card_data::CARD_DATA)).map(Fact::CardData),
            0x00E0 => {
                let keys = KeyInformation::parse_value(value(keys::INFORMATION_TEMPLATE));
                if keys.clone().filter_map(Result::ok).any(|key| key.is_initial()) {
                    self.warn(Warning::InitialKeys);
                }
                Ok(Fact::Keys(keys))
            }
            0x0067 => {
                // Some cards put it into itself.
                let capability = object_value(value(data::CARD_CAPABILITY), data::CARD_CAPABILITY);
                CardCapability::parse_value(capability).map(Fact::Capability)
            }
            0x9F7F => Cplc::parse_value(value(data::CPLC)).map(Fact::Cplc),
            0x0042 => Ok(Fact::Provider(value(data::IIN))),
            0x0045 => Ok(Fact::Image(value(data::CIN))),
            0x00CF => Ok(Fact::Diversification(value(data::KEY_DIVERSIFICATION))),
            0x00C1 => SequenceCounter::parse(answer).map(Fact::Sequence),
            _ => Resources::parse_value(value(Tag::new(0xFF21))).map(Fact::Resources),
        };
        match fact {
            Ok(fact) => {
                if matches!(&fact, Fact::CardData(data) if data.base != GLOBALPLATFORM) {
                    self.warn(Warning::OtherIdentifiers);
                }
                self.fact(fact);
            }
            Err(error) => self.warn(Warning::Unreadable { tag, error }),
        }
    }
}

impl<F: FnMut(Fact<'_>)> Task for Discover<'_, F> {
    type Output<'r> = Discovered;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        match &mut self.select {
            Some(select) => select.command(draft),
            None => self.question().ok_or(Failure::State)?.command(draft),
        }
    }

    fn reply(&mut self, reply: Reply<'_>, slot: &mut Slot) -> Result<Step, Failure> {
        self.discovered.origin = self.discovered.origin.min(Origin::of(&reply));
        if let Some(select) = self.select.take() {
            self.selected(reply, select, slot);
            return Ok(Step::Again);
        }
        let question = self.question().ok_or(Failure::State)?;
        let tag = question.tag();
        let mut asked = question;
        match (asked.reply(reply, slot), reply) {
            (Ok(_), Reply::Authentic(response) | Reply::Plain(response)) => {
                if self.iso {
                    self.warn(Warning::IsoClassOnly { tag });
                }
                self.object(tag, response.data);
            }
            _ if question == GetData::CPLC => {
                self.iso = true;
                return Ok(Step::Again);
            }
            _ => {
                let refusal = Refusal::new(ins::GET_DATA, reply.status());
                self.fact(Fact::Absent { tag, refusal });
            }
        }
        self.iso = false;
        self.step = self.step.saturating_add(1);
        Ok(if self.step < QUESTIONS.len() { Step::Again } else { Step::Done })
    }

    fn output(self, _: &[u8]) -> Result<Discovered, Failure> {
        Ok(self.discovered)
    }
}

impl<F> fmt::Debug for Discover<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discover").field("step", &self.step).finish_non_exhaustive()
    }
}
