//! GET STATUS, `80 F2 P1 P2`: entries of the registry, over as many answers as the card needs (GPCS 11.4).
//!
//! ```text
//!  80 F2 40 02 ..  ->  E3 .. E3 .. E3 (cut       6310
//!  80 F2 40 03 ..  ->            here) E3 ..     9000      the first half is kept in front of the second
//! ```

use core::fmt;

use gp_apdu::{Header, StatusWord, ins};
use gp_scp03::Reply;

use super::{Cover, Draft, Failure, Origin, Slot, Step, Task, accepted};
use crate::entry::TagList;
use crate::entry::{Entry, LegacyListing, Listing};
use crate::get_status::{GetStatus as Body, Subset};

/// Lists a part of the registry: calls `F` with each entry, as it comes.
///
/// An entry that cannot be read is given as an error and costs no other. A list without entries (`6A88`) is an empty one.
/// What is given to `F` may have come in the clear if the session has no R-MAC: [`Listed::origin`].
///
/// An entry that is cut between two answers is joined in the response buffer, which has to hold the longest entry and an
/// answer: [`Host::RESPONSE_LEN`](super::Host::RESPONSE_LEN) and some 250 octets will do.
///
/// ```no_run
/// # use gp_cardmanager_model::host::{Error, GetStatus, Host, run};
/// # use gp_cardmanager_model::get_status::Subset;
/// # fn f<X: gp_apdu::Transport>(host: &mut Host<'_>, link: &mut X) -> Result<(), Error<X::Error>> {
/// let mut names = Vec::new();
/// let listed = run(host, link, GetStatus::new(Subset::Applications, |entry| {
///     if let Ok(entry) = entry {
///         names.push(entry.aid);
///     }
/// }))?;
/// assert_eq!(listed.entries, names.len());
/// # Ok(())
/// # }
/// ```
pub struct GetStatus<'a, F> {
    body: Body<'a>,
    max_pages: u16,
    fetch: bool,
    fetching: bool,
    /// Octets of an entry that was cut, in front of the next answer.
    kept: usize,
    fall_back: bool,
    visit: F,
    listed: Listed,
}

/// What a list came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Entries that could be read.
    pub entries: usize,
    /// Entries that could not.
    pub errors: usize,
    /// Answers that the card gave.
    pub pages: u16,
    /// The list came in the old form.
    pub legacy: bool,
    /// Who vouches for all of it.
    pub origin: Origin,
}

impl<'a, F: FnMut(Result<Entry<'_>, gp_tlv::Error>)> GetStatus<'a, F> {
    /// How many answers are asked for unless the caller says otherwise.
    pub const MAX_PAGES: u16 = 1024;

    /// All entries of this part of the registry, as `E3` templates with what every card must tell.
    pub const fn new(subset: Subset, visit: F) -> Self {
        Self {
            body: Body::all(subset),
            max_pages: Self::MAX_PAGES,
            fetch: false,
            fetching: false,
            kept: 0,
            fall_back: false,
            visit,
            listed: Listed { entries: 0, errors: 0, pages: 0, legacy: false, origin: Origin::Authentic },
        }
    }

    /// Entries whose AID begins so, at most 16 octets.
    #[must_use]
    pub fn with_aid(mut self, aid: &'a [u8]) -> Self {
        self.body.aid = aid;
        self
    }

    /// These objects of each entry. Cards may ignore that.
    #[must_use]
    pub fn with_tags(mut self, tags: TagList<'a>) -> Self {
        self.body.tags = Some(tags);
        self
    }

    /// The old form of the list, which some cards have alone (they answer `6A86` to the other): AID, state and one octet
    /// of privileges.
    #[must_use]
    pub fn legacy(mut self) -> Self {
        self.body.templates = false;
        self.listed.legacy = true;
        self
    }

    /// Where the card refuses the first question with `6A86`, asks once more, in the old form: for cards of which it is not
    /// known whether they have templates. [`Listed::legacy`] says which form it became.
    #[must_use]
    pub fn or_legacy(mut self) -> Self {
        self.fall_back = true;
        self
    }

    /// Asks for no more than so many answers.
    #[must_use]
    pub fn with_max_pages(mut self, pages: u16) -> Self {
        self.max_pages = pages;
        self
    }

    /// For cards that say `6310` without data and hand the data out by GET RESPONSE (seen at T=0). Only below R-MAC: with
    /// it, such an answer ends the session.
    #[must_use]
    pub fn fetching_after_6310(mut self) -> Self {
        self.fetch = true;
        self
    }

    /// Shows the entries and says how long the unfinished one at the end is.
    fn show(&mut self, data: &[u8]) -> usize {
        let tail = if self.body.templates {
            let mut listing = Listing::new(data);
            for entry in &mut listing {
                self.count(entry);
            }
            listing.tail().len()
        } else {
            let with_modules = self.body.subset == Subset::LoadFilesAndModules;
            let mut listing = LegacyListing::new(data, with_modules);
            for entry in &mut listing {
                self.count(entry);
            }
            listing.tail().len()
        };
        tail.min(data.len())
    }

    fn count(&mut self, entry: Result<Entry<'_>, gp_tlv::Error>) {
        let counter = if entry.is_ok() { &mut self.listed.entries } else { &mut self.listed.errors };
        *counter = counter.saturating_add(1);
        (self.visit)(entry);
    }
}

impl<F: FnMut(Result<Entry<'_>, gp_tlv::Error>)> Task for GetStatus<'_, F> {
    type Output<'r> = Listed;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        if self.fetching {
            draft.begin(Header::new(gp_apdu::Class::ISO, ins::GET_RESPONSE, 0, 0)).expect_any();
            return Ok(Cover::Plain);
        }
        if self.listed.pages >= self.max_pages {
            return Err(Failure::TooManyPages);
        }
        let body = self.body;
        draft.begin(body.header()).push_with(|room| Ok(body.emit(room)?.len()))?.expect_any();
        Ok(Cover::Session)
    }

    fn reply(&mut self, reply: Reply<'_>, _: &mut Slot) -> Result<Step, Failure> {
        let status = reply.status();
        let fetched = core::mem::take(&mut self.fetching);
        if !fetched {
            self.listed.pages = self.listed.pages.saturating_add(1);
        }
        self.listed.origin = self.listed.origin.min(Origin::of(&reply));
        let first = self.listed.pages == 1 && !fetched;
        match (reply, status) {
            (Reply::Refused(StatusWord::REFERENCED_DATA_NOT_FOUND), _) if first => Ok(Step::Done),
            (Reply::Refused(StatusWord::INCORRECT_P1_P2), _) if first && self.fall_back && self.body.templates => {
                self.fall_back = false;
                self.body.templates = false;
                self.body.tags = None;
                self.listed = Listed { pages: 0, legacy: true, origin: Origin::Authentic, ..self.listed };
                Ok(Step::Again)
            }
            // Nothing was there to fetch: go on with the next page.
            (Reply::Refused(_), _) if fetched => {
                self.body = self.body.following();
                Ok(Step::AgainKeeping(self.kept))
            }
            (Reply::Authentic(response) | Reply::Plain(response), StatusWord::MORE_DATA) => {
                // In front of it stands what was kept of an entry that was cut.
                let nothing = response.data.len() <= self.kept;
                if nothing && self.fetch && !fetched && matches!(reply, Reply::Plain(_)) {
                    self.fetching = true;
                    return Ok(Step::AgainKeeping(self.kept));
                }
                self.kept = self.show(response.data);
                self.body = self.body.following();
                Ok(Step::AgainKeeping(self.kept))
            }
            _ => {
                let response = accepted(ins::GET_STATUS, reply)?;
                if let tail @ 1.. = self.show(response.data) {
                    // The list ends in the middle of an entry.
                    let at = response.data.len().saturating_sub(tail);
                    self.count(Err(gp_tlv::Error::new(gp_tlv::ErrorKind::Truncated, at)));
                }
                Ok(Step::Done)
            }
        }
    }

    fn output(self, _: &[u8]) -> Result<Listed, Failure> {
        Ok(self.listed)
    }
}

impl<F> fmt::Debug for GetStatus<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetStatus").field("body", &self.body).field("listed", &self.listed).finish_non_exhaustive()
    }
}
