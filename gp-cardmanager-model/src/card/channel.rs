//! A logical channel of the card: what is selected on it, and its secure channel session.

use gp_scp03::{Key, Responder, ResponderState};

use crate::card::registry::Index;

/// One logical channel. Start with [`Channel::new`]; all else is the card's business.
#[derive(Debug, Default)]
pub struct Channel {
    /// Open: the basic channel always is.
    pub(crate) open: bool,
    /// What is selected.
    pub(crate) selected: Option<Index>,
    /// The secure channel session with the selected security domain, or with the one that serves the selected application.
    pub(crate) responder: Responder,
    /// The security domain whose key set opened the session, and the version of that set.
    pub(crate) key_owner: Option<Index>,
    pub(crate) key_version: u8,
    /// Key-DEK of the session: the one with which it was opened, also when PUT KEY has replaced that set since.
    pub(crate) dek: Option<Key>,
    /// A SELECT by partial AID came first on this channel, so that SELECT \[next\] has something to go on from.
    pub(crate) searching: bool,
    /// GET STATUS \[next\] goes on here.
    pub(crate) listing: Option<Listing>,
    /// STORE DATA goes to this application.
    pub(crate) personalizing: Option<Index>,
    /// The number of the next STORE DATA block.
    pub(crate) store_block: u8,
}

impl Channel {
    /// A channel that is not open.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            open: false,
            selected: None,
            responder: Responder::new(),
            key_owner: None,
            key_version: 0,
            dek: None,
            searching: false,
            listing: None,
            personalizing: None,
            store_block: 0,
        }
    }

    /// STORE DATA goes to the security domain again, and its blocks count from 00 (GPCS 11.11.2).
    pub(crate) fn end_personalization(&mut self) {
        self.personalizing = None;
        self.store_block = 0;
    }

    /// The keys are gone that an authentication under way needs: it has to begin again. An open session goes on without Key-DEK.
    pub(crate) fn lose_keys(&mut self) {
        if self.responder.state() == ResponderState::Challenged {
            self.responder.terminate();
        }
        self.key_owner = None;
        self.dek = None;
    }

    /// Key-DEK is there for a challenge or a session, and goes with it.
    pub(crate) fn drop_unused_dek(&mut self) {
        if self.responder.level().is_none() && self.responder.state() != ResponderState::Challenged {
            self.dek = None;
        }
    }

    /// The end of the application session: selection, reset, closing (GPCS 6.4).
    pub(crate) fn end_session(&mut self) {
        self.responder.terminate();
        self.key_owner = None;
        self.key_version = 0;
        self.dek = None;
        self.searching = false;
        self.listing = None;
        self.end_personalization();
    }
}

/// Where a listing stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    /// A checksum over P1, the form and the data of the first GET STATUS: what goes on with the list repeats them.
    pub(crate) of: u32,
    /// The first entry that has not been sent.
    pub(crate) next: Index,
    /// Octets of it that have been, where the card deviates.
    pub(crate) sent: usize,
}
