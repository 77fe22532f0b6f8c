//! The plain model: what is on the card, what is selected on each channel, and what each command does to it, written from
//! the rules of the Card Specification with nothing but lists and loops. Sections are named where a rule comes from.
//!
//! ```text
//!  slots      an item each: ISD, SSD, application, load file, module; it names others by their slots
//!  channels   open or not; what is selected; whether a session with it is open
//!  counter    of confirmations, the ISD's: it verifies all tokens and makes all receipts
//! ```
//!
//! A command has a channel. [`Model::reach`] finds out whom it meets there; the other functions are what that security
//! domain does. Each answers the data of the response, or the status word of the first test that fails.

use crate::kit::{ISD, SSD_FILE, SSD_MODULE, lv, tlv};
use gp_scp03::Key;

pub(super) const SECURITY_DOMAIN: u32 = 0x80_0000;
pub(super) const DAP: u32 = 0x40_0000;
pub(super) const DELEGATED: u32 = 0x20_0000;
pub(super) const CARD_RESET: u32 = 0x04_0000;
pub(super) const AUTHORIZED: u32 = 0x00_4000;
pub(super) const GLOBAL_DELETE: u32 = 0x00_1000;
pub(super) const GLOBAL_LOCK: u32 = 0x00_0800;
pub(super) const GLOBAL_REGISTRY: u32 = 0x00_0400;
pub(super) const FINAL: u32 = 0x00_0200;

/// A package that all applications stand on, and no load file.
pub(super) const PLATFORM: [u8; 7] = [0xA0, 0x00, 0x00, 0x00, 0x62, 0x01, 0x01];
/// Version of every load file that comes in here: major, minor.
pub(super) const VERSION: [u8; 2] = [1, 5];

/// `42` and `45` of the ISD: together its unique data in receipts (C.5).
pub(super) const IIN: [u8; 4] = [0x42, 0x11, 0x22, 0x33];
pub(super) const CIN: [u8; 3] = [0x45, 0xAA, 0xBB];

pub(super) fn receipt_key() -> Key {
    Key::new(&[0x71; 16]).unwrap()
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Isd,
    Ssd,
    App,
    File,
    Module,
}

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) kind: Kind,
    pub(super) aid: Vec<u8>,
    pub(super) state: u8,
    pub(super) privileges: u32,
    pub(super) domain: usize,
    pub(super) file: Option<usize>,
    version: [u8; 2],
    /// Load files that a load file imports.
    pub(super) imports: Vec<usize>,
    /// Implicit selection, the octets of `CF` in ascending order of channels.
    implicit: Vec<u8>,
    /// Accept content, deletion: policies 82, 83.
    accepts: [u8; 2],
    restrict: u8,
}

impl Item {
    fn new(kind: Kind, aid: &[u8], state: u8, domain: usize) -> Self {
        Self {
            kind,
            aid: aid.to_vec(),
            state,
            privileges: 0,
            domain,
            file: None,
            version: [0; 2],
            imports: vec![],
            implicit: vec![],
            accepts: [0x80; 2],
            restrict: 0,
        }
    }
    pub(super) fn is_app(&self) -> bool {
        matches!(self.kind, Kind::Isd | Kind::Ssd | Kind::App)
    }
    pub(super) fn is_domain(&self) -> bool {
        matches!(self.kind, Kind::Isd | Kind::Ssd)
    }
    pub(super) fn is_locked(&self) -> bool {
        matches!(self.kind, Kind::Ssd | Kind::App) && self.state & 0x80 != 0
    }
    pub(super) fn has(&self, privilege: u32) -> bool {
        self.privileges & privilege != 0
    }
    /// `CF` adds to what there is (11.5.2.3.7): one octet for each channel, ascending.
    fn name(&mut self, added: &[u8]) {
        for octet in added {
            match self.implicit.iter_mut().find(|known| (**known ^ octet) & 0x1F == 0) {
                Some(known) => *known |= octet,
                None => self.implicit.push(*octet),
            }
        }
        self.implicit.sort_by_key(|octet| octet & 0x1F);
    }
    /// Interface and channel of each slot, and what Card Reset without `CF` takes (6.4.1).
    fn slots(&self) -> Vec<(u8, u8)> {
        let mut octets = self.implicit.clone();
        if octets.is_empty() && self.kind != Kind::Isd && self.has(CARD_RESET) {
            octets.push(0xC0);
        }
        octets
            .iter()
            .flat_map(|octet| [0x80, 0x40].map(|face| (face & octet, octet & 0x1F)))
            .filter(|slot| slot.0 != 0)
            .collect()
    }
}

/// A channel that is open.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    pub(super) selected: Option<usize>,
    pub(super) session: bool,
}

/// By which right a security domain changes content (9.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Right {
    Authorized,
    Delegated,
}

/// What a command brings beside its fields.
#[derive(Clone, Debug, Default)]
pub(super) struct Proof {
    /// A token, and whether it is what the ISD's key makes of this command.
    pub(super) token: Option<bool>,
    /// `42` of `B6` names another card.
    pub(super) elsewhere: bool,
    /// The token's number, `93` of `B6`.
    pub(super) number: Option<Vec<u8>>,
}

/// A load file as it comes in.
#[derive(Clone, Debug, Default)]
pub(super) struct Package {
    pub(super) file: Vec<u8>,
    pub(super) target: Option<Vec<u8>>,
    pub(super) modules: Vec<Vec<u8>>,
    /// Packages that it imports, and the minor version of each that it needs, the major one being 1.
    pub(super) imports: Vec<(Vec<u8>, u8)>,
    /// A hash of the load file data block, and whether it is that of what comes.
    pub(super) hash: Option<bool>,
}

/// A load that has begun, on whatever channel. Its load file has a slot already, and nobody sees it.
#[derive(Clone, Debug)]
struct Begun {
    at: usize,
    file: Vec<u8>,
    target: usize,
    right: Right,
}

/// What INSTALL \[for install\] makes.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) selectable: bool,
    pub(super) file: Vec<u8>,
    pub(super) module: Vec<u8>,
    pub(super) aid: Vec<u8>,
    pub(super) privileges: u32,
    pub(super) implicit: Vec<u8>,
    pub(super) accepts: [u8; 2],
}

/// What INSTALL \[for registry update\] changes of an application.
#[derive(Clone, Debug, Default)]
pub(super) struct Update {
    pub(super) aid: Vec<u8>,
    pub(super) privileges: Option<u32>,
    pub(super) target: Option<Vec<u8>>,
    pub(super) implicit: Vec<u8>,
}

/// How often something was the reason.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Reasons {
    /// A DELETE is refused, for what is selected on another channel.
    pub(super) elsewhere: u64,
    /// Something that is selected on another channel is locked.
    pub(super) locked: u64,
    /// An application that is no security domain is selected on two channels.
    pub(super) twice: u64,
    /// A DELETE is refused, for what another load file imports.
    pub(super) imported: u64,
    /// A receipt is made.
    pub(super) receipts: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Model {
    slots: Vec<Option<Item>>,
    pub(super) channels: Vec<Option<Channel>>,
    pub(super) counter: u16,
    pub(super) reasons: Reasons,
    begun: Option<Begun>,
    /// The channel of the command, and the security domain that performs it.
    on: usize,
    pub(super) by: usize,
}

pub(super) type Outcome = Result<(), u16>;
/// Data of the response.
pub(super) type Answer = Result<Vec<u8>, u16>;

fn need(condition: bool, status: u16) -> Outcome {
    if condition { Ok(()) } else { Err(status) }
}

impl Reasons {
    pub(super) fn add(&mut self, other: Self) {
        self.elsewhere += other.elsewhere;
        self.locked += other.locked;
        self.twice += other.twice;
        self.imported += other.imported;
        self.receipts += other.receipts;
    }
}

/// What is there.
impl Model {
    /// As it leaves the factory, with so many slots and channels.
    pub(super) fn new(slots: usize, channels: usize) -> Self {
        let mut items = vec![None; slots];
        items[0] = Some(Item { privileges: 0x9E_FE80, ..Item::new(Kind::Isd, &ISD, 0x0F, 0) });
        items[1] = Some(Item { version: [1, 0], ..Item::new(Kind::File, &SSD_FILE, 1, 0) });
        items[2] =
            Some(Item { privileges: SECURITY_DOMAIN, file: Some(1), ..Item::new(Kind::Module, &SSD_MODULE, 1, 0) });
        let mut model = Self {
            slots: items,
            channels: vec![None; channels],
            counter: 0,
            reasons: Reasons::default(),
            begun: None,
            on: 0,
            by: 0,
        };
        model.reset();
        model
    }

    pub(super) fn get(&self, at: usize) -> &Item {
        self.slots[at].as_ref().unwrap()
    }

    fn get_mut(&mut self, at: usize) -> &mut Item {
        self.slots[at].as_mut().unwrap()
    }

    pub(super) fn items(&self) -> impl Iterator<Item = (usize, &Item)> {
        self.slots.iter().enumerate().filter_map(|(at, item)| Some((at, item.as_ref()?)))
    }

    pub(super) fn find(&self, aid: &[u8]) -> Result<usize, u16> {
        self.items().find(|(_, item)| item.kind != Kind::Module && item.aid == aid).map(|(at, _)| at).ok_or(0x6A88)
    }

    fn free(&self) -> Result<usize, u16> {
        let taken = self.begun.as_ref().map(|load| load.at);
        let mut slots = self.slots.iter().enumerate();
        slots.find(|(at, item)| item.is_none() && Some(*at) != taken).map(|(at, _)| at).ok_or(0x6A84)
    }

    /// The name of no load file and no application, not even of one that is coming in (6.5.1.1).
    fn is_new(&self, aid: &[u8]) -> Outcome {
        need(self.find(aid).is_err() && self.begun.as_ref().is_none_or(|load| load.file != aid), 0x6985)
    }

    /// Is it the domain itself, or below it?
    pub(super) fn below(&self, mut at: usize, domain: usize) -> bool {
        loop {
            if at == domain {
                return true;
            }
            let above = self.get(at).domain;
            if above == at {
                return false;
            }
            at = above;
        }
    }

    /// Are both in the tree below one domain with Authorized Management (9.1.3)?
    fn managed_together(&self, one: usize, other: usize) -> bool {
        let mut managers = self.items().filter(|(_, item)| item.is_domain() && item.has(AUTHORIZED));
        managers.any(|(manager, _)| self.below(one, manager) && self.below(other, manager))
    }

    /// The domain at the top of the chain of associations.
    fn top(&self, at: usize) -> usize {
        let above = self.get(at).domain;
        if above == at { at } else { self.top(above) }
    }

    /// Neither INSTALLED nor LOCKED; the ISD always.
    fn selectable(&self, at: usize) -> bool {
        at == 0 || (!self.get(at).is_locked() && self.get(at).state != 3)
    }
}

/// Channels: MANAGE CHANNEL, SELECT, sessions (6.4.2, 6.4.3, 10.2).
impl Model {
    /// Power goes and comes back.
    pub(super) fn reset(&mut self) {
        self.channels.fill(None);
        self.channels[0] = Some(Channel { selected: self.implicit(0), session: false });
    }

    /// What is implicitly selectable on a channel: who named it on the contacts, else who has the basic one, else the ISD;
    /// in the place of one that is LOCKED the holder of Final Application (6.4.1.1, 6.4.2.2).
    pub(super) fn implicit(&self, channel: usize) -> Option<usize> {
        let holder = |privilege| self.items().find(|(_, item)| item.is_app() && item.has(privilege)).map(|(at, _)| at);
        let names = |item: &Item, channel: usize| item.implicit.iter().any(|o| o & 0x5F == 0x40 | channel as u8);
        let named = |channel| self.items().find(|(_, item)| item.is_app() && names(item, channel)).map(|(at, _)| at);
        let reset = holder(CARD_RESET).filter(|at| self.get(*at).implicit.is_empty());
        let at = named(channel).or_else(|| named(0)).or(reset).unwrap_or(0);
        let usable = |at: &usize| self.selectable(*at);
        Some(at).filter(usable).or(holder(FINAL).filter(usable))
    }

    /// MANAGE CHANNEL that opens a channel: this one, or the first that is closed.
    pub(super) fn open(&mut self, from: usize, wanted: Option<usize>) -> Answer {
        let origin = self.channels[from].as_ref().ok_or(0x6881_u16)?;
        let number = match wanted {
            None => self.channels.iter().position(Option::is_none).ok_or(0x6A81_u16)?,
            Some(number) => {
                need(number < self.channels.len(), 0x6881)?;
                need(self.channels[number].is_none(), 0x6A81)?;
                number
            }
        };
        // From the basic channel what is implicit there; from another one what is selected there, unless it is LOCKED.
        let selected = if from == 0 { self.implicit(number) } else { origin.selected };
        need(!selected.is_some_and(|at| self.get(at).is_locked()), 0x6985)?;
        let twice = selected.is_some_and(|at| self.get(at).kind == Kind::App && self.is_selected_beside(number, at));
        self.reasons.twice += u64::from(twice);
        self.channels[number] = Some(Channel { selected, session: false });
        Ok(if wanted.is_none() { vec![number as u8] } else { vec![] })
    }

    /// MANAGE CHANNEL that closes a channel.
    pub(super) fn close(&mut self, from: usize, number: usize) -> Answer {
        need(self.channels[from].is_some(), 0x6881)?;
        need(number != 0, 0x6A86)?;
        need(number < self.channels.len(), 0x6881)?;
        self.channels[number].take().map(|_| vec![]).ok_or(0x6200)
    }

    /// SELECT by a whole AID, or by none.
    pub(super) fn select(&mut self, on: usize, aid: &[u8]) -> Outcome {
        let before = self.channels[on].clone().ok_or(0x6881_u16)?.selected;
        let named = |at: usize| aid == self.get(at).aid || (aid.is_empty() && at == 0);
        let found = self.items().find(|(at, item)| item.is_app() && named(*at) && self.selectable(*at));
        if let Some((at, item)) = found {
            let twice = item.kind == Kind::App && self.is_selected_beside(on, at);
            self.reasons.twice += u64::from(twice);
            self.channels[on] = Some(Channel { selected: Some(at), session: false });
            return Ok(());
        }
        match before {
            // LOCKED since it was selected, and named again: its session ends.
            Some(at) if self.get(at).is_locked() && named(at) => {
                self.channels[on] = Some(Channel { selected: self.implicit(on), session: false });
                Err(0x6A82)
            }
            // What is selected stays, and receives the command.
            Some(at) if self.get(at).kind == Kind::App => Err(0x6D00),
            _ => Err(0x6A82),
        }
    }

    /// INITIALIZE UPDATE and EXTERNAL AUTHENTICATE. All keys are those of the ISD, which opens for all below it.
    pub(super) fn authenticate(&mut self, on: usize) -> Outcome {
        let selected = self.channels[on].as_ref().ok_or(0x6881_u16)?.selected.ok_or(0x6985_u16)?;
        need(self.get(selected).is_domain(), 0x6D00)?;
        // Whatever comes of it, the session before is over.
        self.channels[on] = Some(Channel { selected: Some(selected), session: false });
        need(!self.get(selected).is_locked(), 0x6985)?;
        need(self.below(selected, 0), 0x6A88)?;
        self.channels[on] = Some(Channel { selected: Some(selected), session: true });
        Ok(())
    }

    /// What a command for security domains meets on a channel, without a session and with one.
    pub(super) fn domain_on(&self, on: usize) -> Result<usize, u16> {
        let at = self.channels[on].as_ref().ok_or(0x6881_u16)?.selected.ok_or(0x6985_u16)?;
        need(self.get(at).is_domain(), 0x6D00)?;
        // A LOCKED security domain rejects all commands (5.3.2.4).
        need(!self.get(at).is_locked(), 0x6985)?;
        Ok(at)
    }

    /// The command is on this channel: the security domain that performs it is what is selected, in a session.
    pub(super) fn reach(&mut self, on: usize) -> Outcome {
        let at = self.domain_on(on)?;
        need(self.channels[on].as_ref().unwrap().session, 0x6982)?;
        (self.on, self.by) = (on, at);
        Ok(())
    }

    /// Is it selected on another channel than that of the command?
    fn is_selected_elsewhere(&self, at: usize) -> bool {
        self.is_selected_beside(self.on, at)
    }

    fn is_selected_beside(&self, on: usize, at: usize) -> bool {
        let mut others = self.channels.iter().enumerate().filter(|(number, _)| *number != on);
        others.any(|(_, other)| other.as_ref().is_some_and(|other| other.selected == Some(at)))
    }
}

/// Rights, tokens, receipts (7, 9.1, C.4, C.5).
impl Model {
    /// PERSONALIZED, or the ISD; not locked (5.3).
    pub(super) fn serves(&self, at: usize) -> bool {
        let item = self.get(at);
        item.kind == Kind::Isd || (item.kind == Kind::Ssd && item.state == 0x0F)
    }

    /// Does another domain agree (9.1.2)? `which`: 0 content, 1 deletion. The policies: 80 a manager above it, C0 any
    /// manager in its hierarchy, F0 any manager, 20 the ISD, 08 a delegate under a manager above it.
    fn agrees(&self, owner: usize, which: usize) -> bool {
        if owner == self.by || owner == 0 {
            return true;
        }
        let policy = self.get(owner).accepts[which];
        let (authorized, delegated) = (self.get(self.by).has(AUTHORIZED), self.get(self.by).has(DELEGATED));
        self.serves(owner)
            && ((policy & 0x80 != 0 && authorized && self.below(owner, self.by))
                || (policy & 0x40 != 0 && authorized && self.top(owner) == self.top(self.by))
                || (policy & 0x10 != 0 && authorized)
                || (policy & 0x20 != 0 && self.by == 0)
                || (policy & 0x08 != 0 && delegated && self.managed_together(owner, self.by)))
    }

    /// What every content command begins with (9.1.1), for these functions of D9.
    fn manager(&self, functions: u8) -> Result<Right, u16> {
        need(self.serves(self.by), 0x6985)?;
        need(self.get(self.by).restrict & functions == 0, 0x6985)?;
        match self.get(self.by) {
            by if by.has(AUTHORIZED) => Ok(Right::Authorized),
            by if by.has(DELEGATED) => Ok(Right::Delegated),
            _ => Err(0x6982),
        }
    }

    /// The same for what is on the card: a delegate touches nothing beyond the tree of a manager above it (9.1.3).
    fn agrees_within(&self, right: Right, owner: usize) -> bool {
        let within = right == Right::Authorized || owner == self.by || self.managed_together(owner, self.by);
        within && self.agrees(owner, 0)
    }

    /// Is there a token exactly where there must be one?
    fn token_due(right: Right, proof: &Proof) -> Outcome {
        match right {
            Right::Authorized => need(proof.token.is_none(), 0x6985),
            Right::Delegated => need(proof.token.is_some(), 0x6982),
        }
    }

    /// A delegate needs a token that verifies; nobody else may bring one (C.4). The ISD's key verifies all: it stands above,
    /// and it is the only holder of Token Verification also for a delegate that is in a hierarchy of its own by now.
    fn token(right: Right, proof: &Proof) -> Outcome {
        match right {
            Right::Authorized => need(proof.token.is_none(), 0x6985),
            Right::Delegated => need(proof.token == Some(true) && !proof.elsewhere, 0x6982),
        }
    }

    /// The answer to an operation that was performed: a receipt for a delegate, else 00 (C.5).
    fn confirm(&mut self, right: Right, proof: &Proof, operation: &[Vec<u8>]) -> Vec<u8> {
        if right == Right::Authorized {
            return vec![0];
        }
        let mut details = [&[2][..], &self.counter.to_be_bytes(), &lv(&[&IIN[..], &CIN].concat())].concat();
        details.extend(proof.number.iter().flat_map(|number| lv(number)));
        let signed: Vec<u8> = operation.iter().flat_map(|field| lv(field)).collect();
        let receipt = receipt_key().cmac(&[&details, &signed]);
        self.counter += 1;
        self.reasons.receipts += 1;
        lv(&[lv(&receipt), details].concat())
    }

    /// Combinations of table 6-1, for the privileges that are used here.
    fn legal(privileges: u32, domain: bool) -> bool {
        let has = |privilege| privileges & privilege != 0;
        has(SECURITY_DOMAIN) == domain
            && (domain || !(has(DAP) || has(AUTHORIZED) || has(DELEGATED)))
            && !(has(AUTHORIZED) && has(DELEGATED))
    }

    /// One holder beside the ISD (6.6.2).
    fn unique(&self, wanted: u32, for_item: Option<usize>) -> Outcome {
        for privilege in [CARD_RESET, FINAL] {
            let holder = self.items().find(|(_, item)| item.is_app() && item.has(privilege)).map(|(at, _)| at);
            let taken = holder.is_some_and(|at| at != 0 && Some(at) != for_item);
            need(wanted & privilege == 0 || !taken, 0x6985)?;
        }
        Ok(())
    }

    /// A slot has one holder beside the ISD (6.4.1).
    fn slots_free(&self, wanted: &[(u8, u8)], for_item: Option<usize>) -> Outcome {
        let mut others = self.items().filter(|(at, _)| *at != 0 && Some(*at) != for_item);
        need(!others.any(|(_, other)| other.slots().iter().any(|slot| wanted.contains(slot))), 0x6985)
    }

    /// Card Reset and Final Application come from the ISD and return to it.
    fn settle(&mut self, before: u32, now: u32) {
        for privilege in [CARD_RESET, FINAL] {
            let isd = self.get_mut(0);
            if now & privilege != 0 && before & privilege == 0 {
                isd.privileges &= !privilege;
            } else if now & privilege == 0 && before & privilege != 0 {
                isd.privileges |= privilege;
            }
        }
    }
}

/// Loading (9.3.5).
impl Model {
    /// INSTALL \[for load\].
    pub(super) fn begin_load(&mut self, package: &Package, proof: &Proof) -> Answer {
        let right = self.manager(0x02)?;
        // One load at a time, of all channels.
        need(self.begun.is_none(), 0x6985)?;
        self.is_new(&package.file)?;
        let target = match &package.target {
            None => self.by,
            Some(aid) => {
                let at = self.find(aid)?;
                need(self.get(at).is_domain() && self.serves(at) && self.agrees(at, 0), 0x6985)?;
                at
            }
        };
        Self::token_due(right, proof)?;
        // What is signed names the data block by its hash.
        need(package.hash.is_some() || right == Right::Authorized, 0x6A80)?;
        Self::token(right, proof)?;
        let at = self.free()?;
        self.begun = Some(Begun { at, file: package.file.clone(), target, right });
        Ok(vec![0])
    }

    /// LOAD, all of it. Other channels may have done something since it began.
    pub(super) fn load(&mut self, package: &Package, proof: &Proof) -> Answer {
        let begun = self.begun.take().unwrap();
        let before = self.slots.clone();
        let outcome = self.take_in(package, &begun);
        if let Err(status) = outcome {
            self.slots = before;
            return Err(status);
        }
        let domain = self.get(begun.target).aid.clone();
        Ok(self.confirm(begun.right, proof, &[package.file.clone(), domain]))
    }

    /// Whatever became of a load: it is over.
    pub(super) fn end_load(&mut self) {
        self.begun = None;
    }

    /// In the order in which a load file comes: its name, imports, modules; what its end decides.
    fn take_in(&mut self, package: &Package, begun: &Begun) -> Outcome {
        let (at, target) = (begun.at, begun.target);
        let (mut imports, mut lacks) = (vec![], false);
        for (import, minor) in &package.imports {
            match self.find(import).ok().filter(|at| self.get(*at).kind == Kind::File) {
                Some(at) => {
                    let [has_major, has_minor] = self.get(at).version;
                    if has_major == 1 && has_minor >= *minor {
                        imports.push(at);
                    } else {
                        lacks = true;
                    }
                }
                None => lacks |= *import != PLATFORM,
            }
        }
        self.slots[at] = Some(Item { version: VERSION, imports, ..Item::new(Kind::File, &package.file, 1, target) });
        for module in &package.modules {
            let free = self.free()?;
            self.slots[free] = Some(Item { file: Some(at), ..Item::new(Kind::Module, module, 1, target) });
        }
        need(self.serves(target), 0x6985)?;
        need(!self.get(target).has(DAP), 0x6982)?;
        need(package.hash != Some(false) && !lacks, 0x6A80)?;
        need(self.manager(0x02)? == begun.right, 0x6982)
    }
}

/// Installation and what changes afterwards (9.3, 9.4).
impl Model {
    pub(super) fn install(&mut self, plan: &Plan, proof: &Proof) -> Answer {
        let right = self.manager(if plan.selectable { 0x0C } else { 0x04 })?;
        let file = self.find(&plan.file)?;
        need(self.get(file).kind == Kind::File, 0x6A88)?;
        let of_file = |item: &Item| item.kind == Kind::Module && item.file == Some(file) && item.aid == plan.module;
        let module = self.items().find(|(_, item)| of_file(item)).map(|(at, _)| at).ok_or(0x6A88_u16)?;
        self.is_new(&plan.aid)?;
        let owner = self.get(file).domain;
        need(self.agrees_within(right, owner), 0x6985)?;
        let domain = self.get(module).has(SECURITY_DOMAIN);
        need(Self::legal(plan.privileges, domain), 0x6A80)?;
        need(plan.selectable || plan.privileges & (CARD_RESET | FINAL) == 0, 0x6A80)?;
        let kind = if domain { Kind::Ssd } else { Kind::App };
        let state = if plan.selectable { 7 } else { 3 };
        // A new security domain belongs to who installs it (9.3.3).
        let mut item = Item::new(kind, &plan.aid, state, if domain { self.by } else { owner });
        item.privileges = plan.privileges;
        item.file = Some(file);
        item.name(&plan.implicit);
        if domain {
            item.accepts = plan.accepts;
        }
        self.unique(plan.privileges, None)?;
        self.slots_free(&item.slots(), None)?;
        Self::token(right, proof)?;
        let at = self.free()?;
        self.slots[at] = Some(item);
        self.settle(0, plan.privileges);
        Ok(self.confirm(right, proof, &[plan.file.clone(), plan.aid.clone()]))
    }

    pub(super) fn make_selectable(&mut self, aid: &[u8], reset: bool, implicit: &[u8], proof: &Proof) -> Answer {
        let right = self.manager(0x08)?;
        let at = self.find(aid)?;
        need(self.get(at).is_app(), 0x6A88)?;
        need(at != 0 && self.get(at).state == 3, 0x6985)?;
        need(self.agrees_within(right, self.get(at).domain), 0x6985)?;
        Self::token(right, proof)?;
        let mut item = self.get(at).clone();
        let before = item.privileges;
        if reset {
            self.unique(CARD_RESET, Some(at))?;
            item.privileges |= CARD_RESET;
        }
        item.name(implicit);
        self.slots_free(&item.slots(), Some(at))?;
        item.state = 7;
        let now = item.privileges;
        let file = self.get(item.file.unwrap()).aid.clone();
        self.slots[at] = Some(item);
        self.settle(before, now);
        Ok(self.confirm(right, proof, &[file, aid.to_vec()]))
    }

    /// May it go there (9.4.1)?
    fn may_go(&self, right: Right, object: &[u8], target: &[u8]) -> Result<(usize, usize), u16> {
        let at = self.find(object)?;
        let item = self.get(at);
        need(at != 0 && item.domain == self.by && !(item.is_domain() && item.is_locked()), 0x6985)?;
        let to = self.find(target)?;
        need(self.get(to).is_domain() && self.serves(to), 0x6985)?;
        // To itself it may go and be a hierarchy of its own.
        need(if to == at { self.agrees(to, 0) } else { self.agrees_within(right, to) }, 0x6985)?;
        need(!(item.is_domain() && to != at && self.below(to, at)), 0x6985)?;
        Ok((at, to))
    }

    pub(super) fn extradite(&mut self, object: &[u8], target: &[u8], proof: &Proof) -> Answer {
        let right = self.manager(0x10)?;
        let (at, to) = self.may_go(right, object, target)?;
        need(!(self.get(at).kind == Kind::File && self.get(to).has(DAP)), 0x6985)?;
        Self::token(right, proof)?;
        let from = self.get(self.get(at).domain).aid.clone();
        for (index, item) in self.slots.iter_mut().enumerate() {
            if let Some(item) = item
                && (index == at || (item.kind == Kind::Module && item.file == Some(at)))
            {
                item.domain = to;
            }
        }
        Ok(self.confirm(right, proof, &[from, object.to_vec(), target.to_vec()]))
    }

    /// INSTALL \[for registry update\] of an application; `parameters` as they were sent.
    pub(super) fn update(&mut self, update: &Update, parameters: &[u8], proof: &Proof) -> Answer {
        let Update { aid, privileges, target, implicit } = update;
        // To another domain it is an extradition, too.
        let right = self.manager(if target.is_some() { 0x50 } else { 0x40 })?;
        let at = self.find(aid)?;
        need(self.get(at).is_app(), 0x6A88)?;
        need(self.agrees_within(right, self.get(at).domain), 0x6985)?;
        let mut item = self.get(at).clone();
        let before = item.privileges;
        let mut from = vec![];
        if let Some(target) = target {
            from = self.get(item.domain).aid.clone();
            item.domain = self.may_go(right, aid, target)?.1;
        }
        if let Some(privileges) = *privileges {
            need(Self::legal(privileges, item.is_domain()), 0x6A80)?;
            self.unique(privileges & !before, Some(at))?;
            need(!((item.is_locked() || item.state == 3) && privileges & !before & FINAL != 0), 0x6985)?;
            item.privileges = privileges;
        }
        item.name(implicit);
        self.slots_free(&item.slots(), Some(at))?;
        Self::token(right, proof)?;
        let now = item.privileges;
        self.slots[at] = Some(item);
        if at != 0 {
            self.settle(before, now);
        }
        let privileges = privileges.map(|privileges| privileges.to_be_bytes()[1..].to_vec()).unwrap_or_default();
        let to = target.clone().unwrap_or_default();
        Ok(self.confirm(right, proof, &[from, aid.clone(), to, privileges, parameters.to_vec()]))
    }

    /// INSTALL \[for registry update\] that disables functions of a security domain; `parameters` as they were sent.
    pub(super) fn restrict(&mut self, aid: &[u8], functions: u8, parameters: &[u8], proof: &Proof) -> Answer {
        let right = self.manager(0x40)?;
        let at = self.find(aid)?;
        need(self.get(at).is_domain() && self.below(at, self.by), 0x6985)?;
        need(at == self.by || self.agrees_within(right, self.get(at).domain), 0x6985)?;
        Self::token(right, proof)?;
        self.get_mut(at).restrict |= functions;
        Ok(self.confirm(right, proof, &[vec![], vec![], vec![], vec![], parameters.to_vec()]))
    }
}

/// Deletion (9.5) and locks (9.6).
impl Model {
    pub(super) fn delete(&mut self, aid: &[u8], related: bool, proof: &Proof) -> Answer {
        let right = self.manager(0x01)?;
        let at = self.find(aid)?;
        let related = related && self.get(at).kind == Kind::File;
        let doomed: Vec<usize> = self
            .items()
            .filter(|(index, item)| *index == at || (item.file == Some(at) && (related || item.kind == Kind::Module)))
            .map(|(index, _)| index)
            .collect();
        need(!doomed.contains(&0) && !doomed.contains(&self.by), 0x6985)?;
        let global = self.get(self.by).has(GLOBAL_DELETE);
        for index in &doomed {
            let item = self.get(*index);
            // Delegated management ends where the manager's tree ends (9.1.3).
            let within = right == Right::Authorized || self.managed_together(self.by, item.domain);
            let mine = item.domain == self.by || item.kind == Kind::Module;
            need(mine || (within && (global || self.agrees(item.domain, 1))), 0x6982)?;
        }
        Self::token(right, proof)?;
        if doomed.iter().any(|index| self.is_selected_elsewhere(*index)) {
            self.reasons.elsewhere += 1;
            return Err(0x6985);
        }
        let held = self.items().any(|(index, item)| {
            !doomed.contains(&index)
                && (doomed.contains(&item.domain) || item.file.is_some_and(|file| doomed.contains(&file)))
        });
        // What is being loaded belongs to a domain, too.
        need(!held && self.begun.as_ref().is_none_or(|load| !doomed.contains(&load.target)), 0x6985)?;
        let stays = self.items().filter(|(index, _)| !doomed.contains(index));
        if stays.flat_map(|(_, item)| &item.imports).any(|import| doomed.contains(import)) {
            self.reasons.imported += 1;
            return Err(0x6985);
        }
        for index in doomed {
            let before = self.get(index).privileges;
            if self.get(index).is_app() {
                self.settle(before, 0);
            }
            self.slots[index] = None;
        }
        Ok(self.confirm(right, proof, &[aid.to_vec()]))
    }

    /// An application or SSD, and this domain's right over its state.
    fn lockable(&self, aid: &[u8]) -> Result<(usize, Outcome), u16> {
        let at = self.find(aid)?;
        need(self.get(at).is_app() && at != 0, 0x6A88)?;
        let right = at == self.by || self.below(at, self.by) || self.get(self.by).has(GLOBAL_LOCK);
        Ok((at, need(right, 0x6982)))
    }

    /// SET STATUS with P1 = 40.
    pub(super) fn set_status(&mut self, aid: &[u8], wanted: u8) -> Answer {
        let (at, right) = self.lockable(aid)?;
        right?;
        let item = self.get(at);
        let elsewhere = wanted & 0x80 != 0 && self.is_selected_elsewhere(at);
        let state = if at == self.by && wanted & 0x80 == 0 {
            // The only step of its own is to PERSONALIZED.
            need(wanted == 0x0F, 0x6A86)?;
            need(item.state == 0x07, 0x6985)?;
            wanted
        } else {
            let lock = wanted & 0x80 != 0;
            need(item.is_locked() != lock && !(lock && item.has(FINAL)), 0x6985)?;
            item.state ^ 0x80
        };
        self.get_mut(at).state = state;
        self.reasons.locked += u64::from(elsewhere);
        Ok(vec![])
    }

    /// SET STATUS with P1 = 60: a security domain and all below it. Who is so already stays so.
    pub(super) fn lock_tree(&mut self, aid: &[u8], lock: bool) -> Answer {
        let (top, right) = self.lockable(aid)?;
        need(self.get(top).is_domain(), 0x6A80)?;
        right?;
        let members = self.items().filter(|(at, item)| item.is_app() && self.below(*at, top));
        let others: Vec<usize> = members.filter(|(_, item)| item.is_locked() != lock).map(|(at, _)| at).collect();
        need(!(lock && others.iter().any(|at| self.get(*at).has(FINAL))), 0x6985)?;
        for at in others {
            self.reasons.locked += u64::from(lock && self.is_selected_elsewhere(at));
            self.get_mut(at).state ^= 0x80;
        }
        Ok(vec![])
    }

    /// What GET STATUS shows to the domain of the session, in E3 templates.
    pub(super) fn shown(&self, files: bool) -> Vec<u8> {
        let all = self.get(self.by).has(GLOBAL_REGISTRY);
        let mut out = Vec::new();
        for (at, item) in self.items() {
            let wanted = if files { item.kind == Kind::File } else { item.is_app() && at != 0 };
            if !wanted || !(all || self.below(at, self.by)) {
                continue;
            }
            let mut body = [tlv(0x4F, &item.aid), tlv(0x9F70, &[item.state])].concat();
            if files {
                body.extend(tlv(0xCE, &item.version));
                for (_, module) in
                    self.items().filter(|(_, module)| module.kind == Kind::Module && module.file == Some(at))
                {
                    body.extend(tlv(0x84, &module.aid));
                }
            } else {
                body.extend(tlv(0xC5, &item.privileges.to_be_bytes()[1..]));
                item.implicit.iter().for_each(|octet| body.extend(tlv(0xCF, &[*octet])));
                body.extend(tlv(0xC4, &self.get(item.file.unwrap()).aid));
            }
            body.extend(tlv(0xCC, &self.get(item.domain).aid));
            out.extend(tlv(0xE3, &body));
        }
        out
    }
}
