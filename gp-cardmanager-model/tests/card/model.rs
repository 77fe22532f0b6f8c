//! The card beside a plain model of the registry: random sequences of content management commands, every answer and the
//! whole registry compared after each.
//!
//! The model is written from the rules of the Card Specification, for one channel and authorized management, with nothing
//! but lists and loops; its sections are named where a rule comes from.

use crate::kit;
use gp_scp03::SecurityLevel;
use kit::{Bench, Host, ISD, Random, SSD_FILE, SSD_MODULE, TestCard, cap_block, install_fields, scaled, tlv};

/// Number of registry slots, few enough to be filled.
const SLOTS: usize = 14;

const SECURITY_DOMAIN: u32 = 0x80_0000;
const DAP: u32 = 0x40_0000;
const CARD_RESET: u32 = 0x04_0000;
const AUTHORIZED: u32 = 0x00_4000;
const GLOBAL_DELETE: u32 = 0x00_1000;
const GLOBAL_LOCK: u32 = 0x00_0800;
const GLOBAL_REGISTRY: u32 = 0x00_0400;
const FINAL: u32 = 0x00_0200;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Isd,
    Ssd,
    App,
    File,
    Module,
}

#[derive(Clone, Debug)]
struct Item {
    kind: Kind,
    aid: Vec<u8>,
    state: u8,
    privileges: u32,
    domain: usize,
    file: Option<usize>,
    version: [u8; 2],
    /// Implicit selection, the octets of `CF` in ascending order of channels.
    implicit: Vec<u8>,
    /// Accept content, deletion: policies 82, 83.
    accepts: [u8; 2],
    restrict: u8,
}

impl Item {
    fn is_app(&self) -> bool {
        matches!(self.kind, Kind::Isd | Kind::Ssd | Kind::App)
    }
    fn is_domain(&self) -> bool {
        matches!(self.kind, Kind::Isd | Kind::Ssd)
    }
    fn is_locked(&self) -> bool {
        matches!(self.kind, Kind::Ssd | Kind::App) && self.state & 0x80 != 0
    }
    fn has(&self, privilege: u32) -> bool {
        self.privileges & privilege != 0
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

#[derive(Clone, Debug)]
struct Model {
    slots: Vec<Option<Item>>,
    /// The security domain of the session.
    by: usize,
}

type Outcome = Result<(), u16>;

fn need(condition: bool, status: u16) -> Outcome {
    if condition { Ok(()) } else { Err(status) }
}

impl Model {
    fn new() -> Self {
        let item = |kind, aid: &[u8], state, privileges, file, version| {
            Some(Item {
                kind,
                aid: aid.to_vec(),
                state,
                privileges,
                domain: 0,
                file,
                version,
                implicit: vec![],
                accepts: [0x80; 2],
                restrict: 0,
            })
        };
        let mut slots = vec![None; SLOTS];
        slots[0] = item(Kind::Isd, &ISD, 0x0F, 0x9E_FE80, None, [0; 2]);
        slots[1] = item(Kind::File, &SSD_FILE, 1, 0, None, [1, 0]);
        slots[2] = item(Kind::Module, &SSD_MODULE, 1, SECURITY_DOMAIN, Some(1), [0; 2]);
        Self { slots, by: 0 }
    }

    fn get(&self, at: usize) -> &Item {
        self.slots[at].as_ref().unwrap()
    }

    fn items(&self) -> impl Iterator<Item = (usize, &Item)> {
        self.slots.iter().enumerate().filter_map(|(at, item)| Some((at, item.as_ref()?)))
    }

    fn find(&self, aid: &[u8]) -> Result<usize, u16> {
        self.items().find(|(_, item)| item.kind != Kind::Module && item.aid == aid).map(|(at, _)| at).ok_or(0x6A88)
    }

    fn free(&self) -> Result<usize, u16> {
        self.slots.iter().position(Option::is_none).ok_or(0x6A84)
    }

    /// Is it the domain itself, or below it?
    fn below(&self, mut at: usize, domain: usize) -> bool {
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

    /// PERSONALIZED, or the ISD; not locked (5.3).
    fn serves(&self, at: usize) -> bool {
        let item = self.get(at);
        item.kind == Kind::Isd || (item.kind == Kind::Ssd && item.state == 0x0F)
    }

    /// Does another domain agree (9.1.2)? `which`: 0 content, 1 deletion.
    fn agrees(&self, owner: usize, which: usize) -> bool {
        if owner == self.by || owner == 0 {
            return true;
        }
        let (policy, authorized) = (self.get(owner).accepts[which], self.get(self.by).has(AUTHORIZED));
        self.serves(owner)
            && ((policy & 0x80 != 0 && authorized && self.below(owner, self.by))
                || (policy & 0x40 != 0 && authorized && self.root(owner) == self.root(self.by))
                || (policy & 0x10 != 0 && authorized)
                || (policy & 0x20 != 0 && self.by == 0))
    }

    /// The top of its hierarchy.
    fn root(&self, at: usize) -> usize {
        let above = self.get(at).domain;
        if above == at { at } else { self.root(above) }
    }

    /// What every content command begins with (9.1.1), for these functions of D9.
    fn manager(&self, functions: u8) -> Outcome {
        need(self.serves(self.by), 0x6985)?;
        need(self.get(self.by).restrict & functions == 0, 0x6985)?;
        need(self.get(self.by).has(AUTHORIZED), 0x6982)
    }

    /// The first part of a load (9.3.5), and whether the target wants a DAP.
    fn begin_load(&self, file: &[u8], target: Option<&[u8]>) -> Result<usize, u16> {
        self.manager(0x02)?;
        need(self.find(file).is_err(), 0x6985)?;
        let target = match target {
            None => self.by,
            Some(aid) => {
                let at = self.find(aid)?;
                need(self.get(at).is_domain() && self.serves(at) && self.agrees(at, 0), 0x6985)?;
                at
            }
        };
        self.free()?;
        Ok(target)
    }

    fn load(&mut self, file: &[u8], modules: &[&[u8]], target: usize) -> Outcome {
        let before = self.slots.clone();
        let at = self.free()?;
        let item = |kind, aid: &[u8], file, version| Item {
            kind,
            aid: aid.to_vec(),
            state: 1,
            privileges: 0,
            domain: target,
            file,
            version,
            implicit: vec![],
            accepts: [0x80; 2],
            restrict: 0,
        };
        self.slots[at] = Some(item(Kind::File, file, None, [1, 5]));
        for module in modules {
            match self.free() {
                Ok(free) => self.slots[free] = Some(item(Kind::Module, module, Some(at), [0; 2])),
                Err(status) => {
                    self.slots = before;
                    return Err(status);
                }
            }
        }
        if self.get(target).has(DAP) {
            self.slots = before;
            return Err(0x6982);
        }
        Ok(())
    }

    /// Combinations of table 6-1, for the privileges that are used here.
    fn legal(privileges: u32, domain: bool) -> bool {
        let has = |privilege| privileges & privilege != 0;
        has(SECURITY_DOMAIN) == domain && (domain || !(has(DAP) || has(AUTHORIZED)))
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
            let isd = self.slots[0].as_mut().unwrap();
            if now & privilege != 0 && before & privilege == 0 {
                isd.privileges &= !privilege;
            } else if now & privilege == 0 && before & privilege != 0 {
                isd.privileges |= privilege;
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "they are the fields of the command")]
    fn install(
        &mut self,
        selectable: bool,
        file: &[u8],
        module: &[u8],
        aid: &[u8],
        privileges: u32,
        implicit: &[u8],
        accepts: [u8; 2],
    ) -> Outcome {
        self.manager(if selectable { 0x0C } else { 0x04 })?;
        let file = self.find(file)?;
        need(self.get(file).kind == Kind::File, 0x6A88)?;
        let module = self
            .items()
            .find(|(_, item)| item.kind == Kind::Module && item.file == Some(file) && item.aid == module)
            .map(|(at, _)| at)
            .ok_or(0x6A88_u16)?;
        need(self.find(aid).is_err(), 0x6985)?;
        let owner = self.get(file).domain;
        need(self.agrees(owner, 0), 0x6985)?;
        let domain = self.get(module).has(SECURITY_DOMAIN);
        need(Self::legal(privileges, domain), 0x6A80)?;
        need(selectable || privileges & (CARD_RESET | FINAL) == 0, 0x6A80)?;
        let mut implicit = implicit.to_vec();
        implicit.sort_by_key(|octet| octet & 0x1F);
        let item = Item {
            kind: if domain { Kind::Ssd } else { Kind::App },
            aid: aid.to_vec(),
            state: if selectable { 7 } else { 3 },
            privileges,
            domain: if domain { self.by } else { owner },
            file: Some(file),
            version: [0; 2],
            implicit,
            accepts: if domain { accepts } else { [0x80; 2] },
            restrict: 0,
        };
        self.unique(privileges, None)?;
        self.slots_free(&item.slots(), None)?;
        let at = self.free()?;
        self.slots[at] = Some(item);
        self.settle(0, privileges);
        Ok(())
    }

    fn make_selectable(&mut self, aid: &[u8], reset: bool) -> Outcome {
        self.manager(0x08)?;
        let at = self.find(aid)?;
        need(self.get(at).is_app(), 0x6A88)?;
        need(at != 0 && self.get(at).state == 3, 0x6985)?;
        need(self.agrees(self.get(at).domain, 0), 0x6985)?;
        let mut item = self.get(at).clone();
        let before = item.privileges;
        if reset {
            self.unique(CARD_RESET, Some(at))?;
            item.privileges |= CARD_RESET;
        }
        self.slots_free(&item.slots(), Some(at))?;
        item.state = 7;
        let now = item.privileges;
        self.slots[at] = Some(item);
        self.settle(before, now);
        Ok(())
    }

    /// May it go there (9.4.1)?
    fn may_go(&self, object: &[u8], target: &[u8]) -> Result<(usize, usize), u16> {
        let at = self.find(object)?;
        let item = self.get(at);
        need(at != 0 && item.domain == self.by && !(item.is_domain() && item.is_locked()), 0x6985)?;
        let to = self.find(target)?;
        need(self.get(to).is_domain() && self.serves(to) && self.agrees(to, 0), 0x6985)?;
        need(!(item.is_domain() && to != at && self.below(to, at)), 0x6985)?;
        Ok((at, to))
    }

    fn extradite(&mut self, object: &[u8], target: &[u8]) -> Outcome {
        self.manager(0x10)?;
        let (at, to) = self.may_go(object, target)?;
        need(!(self.get(at).kind == Kind::File && self.get(to).has(DAP)), 0x6985)?;
        for (index, item) in self.slots.iter_mut().enumerate() {
            if let Some(item) = item
                && (index == at || (item.kind == Kind::Module && item.file == Some(at)))
            {
                item.domain = to;
            }
        }
        Ok(())
    }

    fn update(&mut self, aid: &[u8], privileges: Option<u32>, target: Option<&[u8]>) -> Outcome {
        self.manager(if target.is_some() { 0x50 } else { 0x40 })?;
        let at = self.find(aid)?;
        need(self.get(at).is_app(), 0x6A88)?;
        need(self.agrees(self.get(at).domain, 0), 0x6985)?;
        let mut item = self.get(at).clone();
        if let Some(target) = target {
            item.domain = self.may_go(aid, target)?.1;
        }
        let before = item.privileges;
        if let Some(privileges) = privileges {
            need(Self::legal(privileges, item.is_domain()), 0x6A80)?;
            self.unique(privileges & !before, Some(at))?;
            need(!((item.is_locked() || item.state == 3) && privileges & !before & FINAL != 0), 0x6985)?;
            item.privileges = privileges;
        }
        self.slots_free(&item.slots(), Some(at))?;
        let now = item.privileges;
        self.slots[at] = Some(item);
        if at != 0 {
            self.settle(before, now);
        }
        Ok(())
    }

    fn restrict(&mut self, aid: &[u8], functions: u8) -> Outcome {
        self.manager(0x40)?;
        let at = self.find(aid)?;
        need(self.get(at).is_domain() && self.below(at, self.by), 0x6985)?;
        need(at == self.by || self.agrees(self.get(at).domain, 0), 0x6985)?;
        self.slots[at].as_mut().unwrap().restrict |= functions;
        Ok(())
    }

    fn delete(&mut self, aid: &[u8], related: bool) -> Outcome {
        self.manager(0x01)?;
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
            let mine = item.domain == self.by || item.kind == Kind::Module || global;
            need(mine || self.agrees(item.domain, 1), 0x6982)?;
        }
        let held = self.items().any(|(index, item)| {
            !doomed.contains(&index)
                && (doomed.contains(&item.domain) || item.file.is_some_and(|file| doomed.contains(&file)))
        });
        need(!held, 0x6985)?;
        for index in doomed {
            let before = self.get(index).privileges;
            if self.get(index).is_app() {
                self.settle(before, 0);
            }
            self.slots[index] = None;
        }
        Ok(())
    }

    fn set_status(&mut self, aid: &[u8], wanted: u8) -> Outcome {
        let at = self.find(aid)?;
        need(self.get(at).is_app() && at != 0, 0x6A88)?;
        let itself = at == self.by;
        need(itself || self.below(at, self.by) || self.get(self.by).has(GLOBAL_LOCK), 0x6982)?;
        let item = self.get(at);
        let state = if itself && wanted & 0x80 == 0 {
            // The only step of its own is to PERSONALIZED.
            need(wanted == 0x0F, 0x6A86)?;
            need(item.state == 0x07, 0x6985)?;
            wanted
        } else {
            let lock = wanted & 0x80 != 0;
            need(item.is_locked() != lock && !(lock && item.has(FINAL)), 0x6985)?;
            item.state ^ 0x80
        };
        self.slots[at].as_mut().unwrap().state = state;
        Ok(())
    }

    /// What is selected on the basic channel after a reset (6.4.1.1).
    fn implicit(&self) -> Option<usize> {
        let holder = |privilege| self.items().find(|(_, item)| item.is_app() && item.has(privilege)).map(|(at, _)| at);
        let named =
            self.items().find(|(_, item)| item.is_app() && item.implicit.iter().any(|octet| octet & 0x5F == 0x40));
        let reset = holder(CARD_RESET).filter(|at| self.get(*at).implicit.is_empty());
        let at = named.map(|(at, _)| at).or(reset).unwrap_or(0);
        let usable = |at: &usize| *at == 0 || (!self.get(*at).is_locked() && self.get(*at).state != 3);
        Some(at).filter(usable).or(holder(FINAL).filter(usable))
    }

    /// What GET STATUS shows to the domain of the session, in E3 templates.
    fn shown(&self, files: bool) -> Vec<u8> {
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

/// A name, more often than not of something that is there.
fn known(model: &Model, random: &mut Random) -> Vec<u8> {
    let names: Vec<&Vec<u8>> =
        model.items().filter(|(_, item)| item.kind != Kind::Module).map(|(_, item)| &item.aid).collect();
    if random.below(4) == 0 { name(random) } else { names[random.below(names.len())].clone() }
}

/// Names in use: anything may be asked to be anything.
fn name(random: &mut Random) -> Vec<u8> {
    match random.below(14) {
        0 => ISD.to_vec(),
        1 => SSD_FILE.to_vec(),
        n @ 2..=4 => vec![0xD2, 0x76, 0, 0, 0x1F, n as u8],
        n @ 5..=9 => vec![0xD2, 0x76, 0, 0, 0x1D, n as u8],
        n => vec![0xD2, 0x76, 0, 0, 0x1A, n as u8],
    }
}

fn package(random: &mut Random) -> Vec<u8> {
    vec![0xD2, 0x76, 0, 0, 0x1F, 2 + random.below(3) as u8]
}

/// A package that is there, if one is.
fn loaded(model: &Model, random: &mut Random) -> Vec<u8> {
    let files: Vec<&Vec<u8>> =
        model.items().filter(|(at, item)| *at != 1 && item.kind == Kind::File).map(|(_, item)| &item.aid).collect();
    if files.is_empty() { package(random) } else { files[random.below(files.len())].clone() }
}

fn module(package: &[u8], number: u8) -> Vec<u8> {
    [package, &[number]].concat()
}

/// Sends octets with room for a long answer.
fn exchange(card: &mut TestCard<'_>, buffer: &mut [u8], command: &[u8]) -> (Vec<u8>, u16) {
    buffer[..command.len()].copy_from_slice(command);
    kit::split(card.process(buffer, command.len()))
}

/// What is compared after each command: every list of the registry.
fn compare(card: &mut TestCard<'_>, buffer: &mut [u8], model: &Model, what: &str) {
    if model.get(model.by).is_locked() {
        return;
    }
    for (subset, files) in [(0x40, false), (0x10, true)] {
        let ask = [0x80, 0xF2, subset, 0x02, 0x00, 0x00, 0x02, 0x4F, 0x00, 0x00, 0x00];
        let expected = model.shown(files);
        let status = if expected.is_empty() { 0x6A88 } else { 0x9000 };
        assert_eq!(exchange(card, buffer, &ask), (expected, status), "after {what}\n{model:#?}");
    }
    let isd = exchange(card, buffer, &[0x80, 0xF2, 0x80, 0x02, 0x02, 0x4F, 0x00, 0x00]);
    if model.by != 0 && !model.get(model.by).has(GLOBAL_REGISTRY) {
        assert_eq!(isd, (vec![], 0x6A86));
        return;
    }
    let item = model.get(0);
    let mut body =
        [tlv(0x4F, &item.aid), tlv(0x9F70, &[item.state]), tlv(0xC5, &item.privileges.to_be_bytes()[1..])].concat();
    body.extend(tlv(0xCC, &item.aid));
    assert_eq!(isd, (tlv(0xE3, &body), 0x9000), "after {what}");
}

/// A session with a security domain; the ISD where it cannot be had.
fn enter(card: &mut TestCard<'_>, model: &mut Model, aid: &[u8]) {
    let wanted = model.find(aid).ok().filter(|at| {
        let item = model.get(*at);
        item.kind == Kind::Isd || (item.kind == Kind::Ssd && item.state != 3 && !item.is_locked())
    });
    let is_application = model.find(aid).is_ok_and(|at| model.get(at).kind == Kind::App);
    if is_application {
        return;
    }
    let status = kit::select(card, aid).1;
    assert_eq!(status, if wanted.is_some() { 0x9000 } else { 0x6A82 });
    let at = match wanted {
        // Keys are those of the ISD, at the top of the chain.
        Some(at) if model.below(at, 0) => at,
        Some(_) => {
            assert_eq!(Host::open(card, kit::KVN, SecurityLevel::Authenticated).err(), Some(0x6A88));
            0
        }
        // Nothing changes, unless it was itself and is locked.
        None if model.get(model.by).aid != aid => return,
        None => 0,
    };
    model.by = at;
    if at == 0 {
        kit::select(card, &[]);
    }
    Host::open(card, kit::KVN, SecurityLevel::Authenticated).unwrap();
}

/// Counts, to see that the commands mean something.
#[derive(Default, Debug)]
struct Counts {
    commands: u64,
    done: u64,
    by_others: u64,
    statuses: std::collections::BTreeMap<u16, u64>,
}

const POLICIES: [(&[u8], [u8; 2]); 5] = [
    (&[], [0x80, 0x80]),
    (&[0x82, 0x01, 0x20, 0x83, 0x01, 0x20], [0x20, 0x20]),
    (&[0x82, 0x01, 0xF0, 0x83, 0x01, 0xF0], [0xF0, 0xF0]),
    (&[0x82, 0x01, 0x00], [0x00, 0x80]),
    (&[0x82, 0x01, 0x10, 0x83, 0x01, 0x00], [0x10, 0x00]),
];

fn privileges(random: &mut Random, domain: bool) -> u32 {
    let extra = [0, 0, 0, CARD_RESET, FINAL, CARD_RESET | FINAL, 0x10_0000][random.below(7)];
    if domain != (random.below(24) == 0) {
        let of_domain = [0, 0, AUTHORIZED, AUTHORIZED | GLOBAL_DELETE, AUTHORIZED | GLOBAL_LOCK | GLOBAL_REGISTRY, DAP];
        SECURITY_DOMAIN | of_domain[random.below(6)] | extra
    } else {
        [0, 0, 0, 0, DAP, AUTHORIZED][random.below(6)] | extra
    }
}

/// One random command, to both.
fn step(card: &mut TestCard<'_>, buffer: &mut [u8], model: &mut Model, random: &mut Random, counts: &mut Counts) {
    let locked = model.get(model.by).is_locked();
    let gate = |outcome: Outcome| if locked { Err(0x6985) } else { outcome };
    let by = model.by;
    let (what, expected, answer): (String, Outcome, (Vec<u8>, u16)) = match random.below(20) {
        0..=1 => {
            let file = if random.below(6) == 0 { name(random) } else { package(random) };
            let target = (random.below(3) == 0).then(|| known(model, random));
            let count = random.below(3) as u8;
            let modules: Vec<Vec<u8>> = (0..count).map(|number| module(&file, number)).collect();
            let modules: Vec<&[u8]> = modules.iter().map(Vec::as_slice).collect();
            let fields = install_fields(&[&file, target.as_deref().unwrap_or(&[]), &[], &[], &[]]);
            let first = exchange(card, buffer, &kit::command([0x80, 0xE6, 0x02, 0x00], &fields));
            match gate(model.begin_load(&file, target.as_deref()).map(|_| ())) {
                Err(status) => ("a refused load".into(), Err(status), first),
                Ok(()) => {
                    assert_eq!(first, (vec![0], 0x9000));
                    let at = model.begin_load(&file, target.as_deref()).unwrap();
                    let octets = tlv(0xC4, &cap_block(&file, &modules));
                    let answers: Vec<_> = octets
                        .chunks(240)
                        .enumerate()
                        .map(|(number, part)| {
                            let last = if (number + 1) * 240 >= octets.len() { 0x80 } else { 0 };
                            exchange(card, buffer, &kit::command([0x80, 0xE8, last, number as u8], part))
                        })
                        .collect();
                    let first_refusal = answers.iter().find(|answer| answer.1 != 0x9000);
                    let answer = first_refusal.unwrap_or(answers.last().unwrap()).clone();
                    (format!("a load of {file:02X?}"), model.load(&file, &modules, at), answer)
                }
            }
        }
        2..=6 => {
            let selectable = random.below(3) != 0;
            let domain = random.below(2) == 0;
            let (file, module) = match (domain, random.below(8)) {
                (_, 0) => (name(random), name(random)),
                (true, _) => (SSD_FILE.to_vec(), SSD_MODULE.to_vec()),
                (false, _) => {
                    let file = loaded(model, random);
                    let module = module(&file, random.below(2) as u8);
                    (file, module)
                }
            };
            let aid = name(random);
            let privileges = privileges(random, domain);
            let implicit: Vec<u8> = match random.below(5) {
                0 if selectable => vec![[0x40, 0x41, 0x42, 0x80, 0xC1][random.below(5)]],
                1 if selectable => vec![0x43, 0x81],
                _ => vec![],
            };
            let (policy, accepts) = POLICIES[random.below(5)];
            let mut parameters = tlv(0xC9, if domain { policy } else { &[] });
            let named: Vec<u8> = implicit.iter().flat_map(|octet| tlv(0xCF, &[*octet])).collect();
            if !named.is_empty() {
                parameters.extend(tlv(0xEF, &named));
            }
            let fields = install_fields(&[&file, &module, &aid, &privileges.to_be_bytes()[1..], &parameters, &[]]);
            let p1 = if selectable { 0x0C } else { 0x04 };
            let answer = exchange(card, buffer, &kit::command([0x80, 0xE6, p1, 0x00], &fields));
            let is_ssd_module = module == SSD_MODULE && file == SSD_FILE;
            if is_ssd_module != domain {
                // The policy would be read in another way; nothing else of it matters, for the module is unknown then.
                let outcome =
                    gate(model.clone().install(selectable, &file, &module, &aid, privileges, &implicit, accepts));
                assert!(outcome.is_err());
                ("a strange installation".into(), outcome, answer)
            } else {
                let outcome = gate(Ok(()))
                    .and_then(|()| model.install(selectable, &file, &module, &aid, privileges, &implicit, accepts));
                (format!("an installation of {aid:02X?}"), outcome, answer)
            }
        }
        7 => {
            let (aid, reset) = (known(model, random), random.below(3) == 0);
            let fields = install_fields(&[&[], &[], &aid, &[if reset { 0x04 } else { 0 }], &[], &[]]);
            let answer = exchange(card, buffer, &kit::command([0x80, 0xE6, 0x08, 0x00], &fields));
            let outcome = gate(Ok(())).and_then(|()| model.make_selectable(&aid, reset));
            (format!("make selectable {aid:02X?}"), outcome, answer)
        }
        8 | 9 => {
            let (object, target) = (known(model, random), known(model, random));
            let fields = install_fields(&[&target, &[], &object, &[], &[], &[]]);
            let answer = exchange(card, buffer, &kit::command([0x80, 0xE6, 0x10, 0x00], &fields));
            let outcome = gate(Ok(())).and_then(|()| model.extradite(&object, &target));
            (format!("extradition of {object:02X?} to {target:02X?}"), outcome, answer)
        }
        10 | 11 => {
            let aid = known(model, random);
            let domain = model.find(&aid).is_ok_and(|at| model.get(at).is_domain());
            let privileges = (random.below(3) != 0 && aid != ISD).then(|| privileges(random, domain));
            let target = (random.below(2) == 0).then(|| known(model, random));
            let field = privileges.map(|privileges| privileges.to_be_bytes()[1..].to_vec()).unwrap_or_default();
            let fields = install_fields(&[target.as_deref().unwrap_or(&[]), &[], &aid, &field, &[], &[]]);
            let answer = exchange(card, buffer, &kit::command([0x80, 0xE6, 0x40, 0x00], &fields));
            let outcome = gate(Ok(())).and_then(|()| model.update(&aid, privileges, target.as_deref()));
            (format!("update of {aid:02X?} with {privileges:X?} to {target:02X?}"), outcome, answer)
        }
        12 => {
            let (aid, related) = (known(model, random), random.below(2) == 0);
            let p2 = if related { 0x80 } else { 0 };
            let answer = exchange(card, buffer, &kit::command([0x80, 0xE4, 0x00, p2], &tlv(0x4F, &aid)));
            let outcome = gate(Ok(())).and_then(|()| model.delete(&aid, related));
            (format!("deletion of {aid:02X?}, {related}"), outcome, answer)
        }
        13 | 14 => {
            let aid = if random.below(2) == 0 { model.get(model.by).aid.clone() } else { known(model, random) };
            let wanted = [0x80, 0x00, 0x0F][random.below(3)];
            // Lock oneself seldom: nothing can be done then.
            let wanted = if aid == model.get(model.by).aid && random.below(4) != 0 { 0x0F } else { wanted };
            let mut command = kit::command([0x80, 0xF0, 0x40, wanted], &aid);
            command.pop();
            let answer = exchange(card, buffer, &command);
            let outcome = gate(Ok(())).and_then(|()| model.set_status(&aid, wanted));
            (format!("status {wanted:02X} for {aid:02X?}"), outcome, answer)
        }
        15 if random.below(4) == 0 => {
            let (aid, functions) = (known(model, random), [0x01, 0x02, 0x04, 0x08, 0x10, 0x40][random.below(6)]);
            let fields = install_fields(&[&aid, &[], &[], &[], &[0xEF, 0x03, 0xD9, 0x01, functions], &[]]);
            let answer = exchange(card, buffer, &kit::command([0x80, 0xE6, 0x40, 0x00], &fields));
            let outcome = gate(Ok(())).and_then(|()| model.restrict(&aid, functions));
            (format!("restriction {functions:02X} of {aid:02X?}"), outcome, answer)
        }
        16 if random.below(3) == 0 => {
            card.reset();
            let implicit = model.implicit();
            let status = exchange(card, buffer, &[0x80, 0xCA, 0x00, 0xCF, 0x00]).1;
            let expected = match implicit {
                Some(at) if model.get(at).is_domain() => 0x9000,
                Some(_) => 0x6D00,
                None => 0x6985,
            };
            assert_eq!(status, expected, "after a reset\n{model:#?}");
            model.by = 0;
            kit::select(card, &[]);
            Host::open(card, kit::KVN, SecurityLevel::Authenticated).unwrap();
            return;
        }
        _ => {
            let domains: Vec<Vec<u8>> =
                model.items().filter(|(_, item)| item.is_domain()).map(|(_, item)| item.aid.clone()).collect();
            let aid = if random.below(4) == 0 { name(random) } else { domains[random.below(domains.len())].clone() };
            enter(card, model, &aid);
            return compare(card, buffer, model, "a selection");
        }
    };
    counts.commands += 1;
    counts.by_others += u64::from(by != 0);
    *counts.statuses.entry(answer.1).or_default() += 1;
    match expected {
        Ok(()) => {
            counts.done += 1;
            let data = if what.starts_with("status") { vec![] } else { vec![0] };
            assert_eq!(answer, (data, 0x9000), "{what}\n{model:#?}");
        }
        Err(status) => assert_eq!(answer, (vec![], status), "{what}\n{model:#?}"),
    }
    compare(card, buffer, model, &what);
}

/// So many sequences of random commands, each with a card of its own.
fn sequences(count: u64, seed: u64) {
    let mut counts = Counts::default();
    let mut buffer = vec![0; 2000];
    for number in 0..count {
        let mut random = Random::new(seed + number, 3);
        let mut bench = Bench::new();
        bench.ram = kit::Ram::new(SLOTS, 3, 2, 1);
        bench.flash = kit::Shared::new(256);
        bench.desk.0.borrow_mut().quiet = true;
        let mut card = bench.card();
        let mut model = Model::new();
        Host::open(&mut card, kit::KVN, SecurityLevel::Authenticated).unwrap();
        for _ in 0..16 + random.below(24) {
            step(&mut card, &mut buffer, &mut model, &mut random, &mut counts);
        }
        // The storage tells the same.
        if number % 16 == 0 {
            card.reset();
            drop(card);
            bench.assert_lasting();
        }
    }
    println!("{count} sequences: {counts:?}");
    if count > 1000 {
        assert!(counts.done * 8 > counts.commands && counts.by_others * 10 > counts.commands);
    }
}

#[test]
fn the_card_does_what_the_model_does() {
    sequences(scaled(50_000), 1 << 40);
}

#[test]
fn the_card_does_what_the_model_does_again() {
    sequences(scaled(50_000), 2 << 40);
}
