//! Plays commands to the card and to the model, and compares what both make of them: every answer, every list of the
//! registry, what is selected on the channels, the confirmation counter.

use super::registry::{
    AUTHORIZED, Answer, CARD_RESET, CIN, DAP, DELEGATED, FINAL, GLOBAL_DELETE, GLOBAL_LOCK, GLOBAL_REGISTRY, IIN, Item,
    Kind, Model, Outcome, PLATFORM, Package, Plan, Proof, SECURITY_DOMAIN, Update, VERSION, receipt_key,
};
use crate::kit;
use gp_scp03::{Key, SecurityLevel};
use kit::{ISD, Opening, Random, SSD_FILE, SSD_MODULE, TestCard, factory_keys, install_fields, lv, tlv, toy_hash};

pub(super) fn token_key() -> Key {
    Key::new(&[0x70; 16]).unwrap()
}

/// Counts, to see that the commands mean something.
#[derive(Default, Debug)]
pub(super) struct Counts {
    pub(super) commands: u64,
    pub(super) done: u64,
    pub(super) by_others: u64,
    pub(super) beside: u64,
    pub(super) delegated: u64,
    pub(super) channels: u64,
    pub(super) meanwhile: u64,
    pub(super) statuses: std::collections::BTreeMap<u16, u64>,
}

/// A card, its model, and chance.
pub(super) struct Play<'p, 'm> {
    pub(super) card: TestCard<'m>,
    pub(super) model: Model,
    pub(super) random: Random,
    pub(super) counts: &'p mut Counts,
    pub(super) buffer: Vec<u8>,
}

const EMPTY: &[u8] = &[];

const POLICIES: [(&[u8], [u8; 2]); 7] = [
    (&[], [0x80, 0x80]),
    (&[0x82, 0x01, 0x20, 0x83, 0x01, 0x20], [0x20, 0x20]),
    (&[0x82, 0x01, 0xF0, 0x83, 0x01, 0xF0], [0xF0, 0xF0]),
    (&[0x82, 0x01, 0x00], [0x00, 0x80]),
    (&[0x82, 0x01, 0x10, 0x83, 0x01, 0x00], [0x10, 0x00]),
    (&[0x82, 0x01, 0xC0, 0x83, 0x01, 0xC0], [0xC0, 0xC0]),
    (&[0x82, 0x01, 0x88, 0x83, 0x01, 0x08], [0x88, 0x08]),
];

/// Names of load files that come in.
pub(super) const PACKAGES: [[u8; 6]; 3] =
    [[0xD2, 0x76, 0, 0, 0x1F, 2], [0xD2, 0x76, 0, 0, 0x1F, 3], [0xD2, 0x76, 0, 0, 0x1F, 4]];

pub(super) fn module(package: &[u8], number: u8) -> Vec<u8> {
    [package, &[number]].concat()
}

/// A load file data block: Header, Directory, Import, Applet, Method.
fn block(package: &Package) -> Vec<u8> {
    let component = |tag: u8, body: &[u8]| [&[tag][..], &(body.len() as u16).to_be_bytes(), body].concat();
    let [major, minor] = VERSION;
    let header = [&kit::hex("DECAFFED 01 02 04")[..], &[minor, major], &lv(&package.file)].concat();
    let named = package.imports.iter().flat_map(|(aid, minor)| [&[*minor, 1][..], &lv(aid)].concat());
    let imports: Vec<u8> = [package.imports.len() as u8].into_iter().chain(named).collect();
    let named = package.modules.iter().flat_map(|aid| [lv(aid), vec![0x00, 0x10]].concat());
    let applets: Vec<u8> = [package.modules.len() as u8].into_iter().chain(named).collect();
    [
        component(1, &header),
        component(2, &[0x22; 31]),
        component(4, &imports),
        if package.modules.is_empty() { vec![] } else { component(3, &applets) },
        component(7, &[0x77; 200]),
    ]
    .concat()
}

impl Play<'_, '_> {
    /// Sends octets with room for a long answer.
    fn exchange(&mut self, command: &[u8]) -> (Vec<u8>, u16) {
        self.buffer[..command.len()].copy_from_slice(command);
        kit::split(self.card.process(&mut self.buffer, command.len()))
    }

    fn ask(&mut self, on: usize, [ins, p1, p2]: [u8; 3], data: &[u8]) -> (Vec<u8>, u16) {
        self.exchange(&kit::command([0x80 | on as u8, ins, p1, p2], data))
    }

    /// The token of a command with this body: right, wrong in some way, or none (C.4: P1, P2, length, fields).
    fn token(&mut self, proof: &Proof, p1: u8, p2: u8, body: &[u8]) -> Vec<u8> {
        let sign = |key: &Key, p1| key.cmac(&[&[p1, p2, body.len() as u8], body]).to_vec();
        assert!(body.len() < 256);
        let mut token = sign(&token_key(), p1);
        match proof.token {
            None => return vec![],
            Some(true) => {}
            Some(false) => match self.random.below(4) {
                0 => token[self.random.below(16)] ^= 1 << self.random.below(8),
                1 => token = sign(&token_key(), p1 ^ 0x80),
                2 => token = sign(&receipt_key(), p1),
                _ => token.truncate(1 + self.random.below(15)),
            },
        }
        token
    }

    /// INSTALL with its token.
    fn install_command(&mut self, on: usize, p1: u8, fields: &[&[u8]], proof: &Proof) -> (Vec<u8>, u16) {
        let body = install_fields(fields);
        let token = self.token(proof, p1, 0, &body);
        self.ask(on, [0xE6, p1, 0], &[body, lv(&token)].concat())
    }

    /// Control reference template, where the proof has something for it.
    fn control(proof: &Proof) -> Vec<u8> {
        let provider = if proof.elsewhere { tlv(0x42, &CIN) } else { tlv(0x42, &IIN) };
        match &proof.number {
            Some(number) => tlv(0xB6, &[provider, tlv(0x93, number)].concat()),
            None if proof.elsewhere => tlv(0xB6, &provider),
            None => vec![],
        }
    }

    /// System parameters with implicit selection, where there is any.
    fn system(implicit: &[u8]) -> Vec<u8> {
        let named: Vec<u8> = implicit.iter().flat_map(|octet| tlv(0xCF, &[*octet])).collect();
        if named.is_empty() { vec![] } else { tlv(0xEF, &named) }
    }

    /// Both must say the same.
    fn judge(&mut self, on: usize, what: &str, expected: Answer, answer: (Vec<u8>, u16)) {
        self.counts.commands += 1;
        self.counts.by_others += u64::from(self.model.domain_on(on).is_ok_and(|at| at != 0));
        *self.counts.statuses.entry(answer.1).or_default() += 1;
        let expected = match expected {
            Ok(data) => {
                self.counts.done += 1;
                self.counts.beside += u64::from(on != 0);
                self.counts.delegated += u64::from(data.len() > 1);
                (data, 0x9000)
            }
            Err(status) => (vec![], status),
        };
        assert_eq!(answer, expected, "channel {on}, {what}\n{:#?}", self.model);
    }

    /// What the model answers to a command on a channel.
    fn model(&mut self, on: usize, command: impl FnOnce(&mut Model) -> Answer) -> Answer {
        self.model.reach(on)?;
        command(&mut self.model)
    }

    pub(super) fn load(&mut self, on: usize, package: &Package, proof: &Proof) {
        if self.begin_load(on, package, proof) {
            self.finish_load(on, package, proof);
        }
    }

    /// INSTALL \[for load\]: whether the load begins.
    fn begin_load(&mut self, on: usize, package: &Package, proof: &Proof) -> bool {
        let mut hash = package.hash.map(|_| toy_hash(&block(package), 32)).unwrap_or_default();
        if package.hash == Some(false) {
            hash[self.random.below(32)] ^= 0x10;
        }
        let target = package.target.clone().unwrap_or_default();
        let fields: [&[u8]; 4] = [&package.file, &target, &hash, &Self::control(proof)];
        let answer = self.install_command(on, 0x02, &fields, proof);
        let expected = self.model(on, |model| model.begin_load(package, proof));
        let begins = expected.is_ok();
        self.judge(on, &format!("begin of {package:02X?} with {proof:?}"), expected, answer);
        begins
    }

    /// LOAD, in blocks, until the first is refused.
    fn finish_load(&mut self, on: usize, package: &Package, proof: &Proof) {
        let octets = tlv(0xC4, &block(package));
        let parts: Vec<&[u8]> = octets.chunks(240).collect();
        let mut answer = (vec![], 0x9000);
        for (number, part) in parts.iter().enumerate() {
            let last = if number + 1 == parts.len() { 0x80 } else { 0 };
            answer = self.ask(on, [0xE8, last, number as u8], part);
            if answer.1 != 0x9000 {
                break;
            }
        }
        let expected = self.model(on, |model| model.load(package, proof));
        self.model.end_load();
        self.judge(on, &format!("load of {package:02X?} with {proof:?}"), expected, answer);
    }

    /// Something on another channel, while a load waits on this one.
    fn meanwhile(&mut self, on: usize, package: &Package) {
        let others: Vec<usize> = (0..self.model.channels.len())
            .filter(|other| *other != on && self.model.clone().reach(*other).is_ok())
            .collect();
        if others.is_empty() {
            return;
        }
        let other = others[self.random.below(others.len())];
        for _ in 0..1 + self.random.below(2) {
            match (&package.target, self.random.below(8)) {
                // What the load goes to is what is worth most to be deleted or locked now.
                (Some(target), 0..3) => {
                    let proof = self.proof(other);
                    self.delete(other, target, false, &proof);
                }
                (Some(target), 3) => self.set_status(other, 0x40, target, 0x80),
                _ => {
                    let kind = self.random.below(18);
                    self.command(other, kind);
                }
            }
            self.look(other);
            self.counts.meanwhile += 1;
        }
    }

    pub(super) fn install(&mut self, on: usize, plan: &Plan, policy: &[u8], proof: &Proof) {
        let parameters = [tlv(0xC9, policy), Self::system(&plan.implicit), Self::control(proof)].concat();
        let privileges = &plan.privileges.to_be_bytes()[1..];
        let fields: [&[u8]; 5] = [&plan.file, &plan.module, &plan.aid, privileges, &parameters];
        let answer = self.install_command(on, if plan.selectable { 0x0C } else { 0x04 }, &fields, proof);
        let expected = self.model(on, |model| model.install(plan, proof));
        self.judge(on, &format!("{plan:02X?} with {proof:?}"), expected, answer);
    }

    fn make_selectable(&mut self, on: usize, aid: &[u8], reset: bool, implicit: &[u8], proof: &Proof) {
        let privileges = [if reset { 0x04 } else { 0 }];
        let parameters = [Self::system(implicit), Self::control(proof)].concat();
        let answer = self.install_command(on, 0x08, &[EMPTY, EMPTY, aid, &privileges, &parameters], proof);
        let expected = self.model(on, |model| model.make_selectable(aid, reset, implicit, proof));
        let what = format!("make selectable {aid:02X?}, {reset}, {implicit:02X?}, with {proof:?}");
        self.judge(on, &what, expected, answer);
    }

    pub(super) fn extradite(&mut self, on: usize, object: &[u8], target: &[u8], proof: &Proof) {
        let fields: [&[u8]; 5] = [target, EMPTY, object, EMPTY, &Self::control(proof)];
        let answer = self.install_command(on, 0x10, &fields, proof);
        let expected = self.model(on, |model| model.extradite(object, target, proof));
        self.judge(on, &format!("extradition of {object:02X?} to {target:02X?} with {proof:?}"), expected, answer);
    }

    fn update(&mut self, on: usize, update: &Update, proof: &Proof) {
        let field = update.privileges.map(|privileges| privileges.to_be_bytes()[1..].to_vec()).unwrap_or_default();
        let parameters = [Self::system(&update.implicit), Self::control(proof)].concat();
        let target = update.target.clone().unwrap_or_default();
        let fields: [&[u8]; 5] = [&target, EMPTY, &update.aid, &field, &parameters];
        let answer = self.install_command(on, 0x40, &fields, proof);
        let expected = self.model(on, |model| model.update(update, &parameters, proof));
        self.judge(on, &format!("{update:02X?} with {proof:?}"), expected, answer);
    }

    fn restrict(&mut self, on: usize, aid: &[u8], functions: u8, proof: &Proof) {
        let parameters = [tlv(0xEF, &tlv(0xD9, &[functions])), Self::control(proof)].concat();
        let answer = self.install_command(on, 0x40, &[aid, EMPTY, EMPTY, EMPTY, &parameters], proof);
        let expected = self.model(on, |model| model.restrict(aid, functions, &parameters, proof));
        self.judge(on, &format!("restriction {functions:02X} of {aid:02X?} with {proof:?}"), expected, answer);
    }

    pub(super) fn delete(&mut self, on: usize, aid: &[u8], related: bool, proof: &Proof) {
        let p2 = if related { 0x80 } else { 0 };
        let body = [tlv(0x4F, aid), Self::control(proof)].concat();
        let token = self.token(proof, 0, p2, &body);
        let token = if token.is_empty() { vec![] } else { tlv(0x9E, &token) };
        let answer = self.ask(on, [0xE4, 0x00, p2], &[body, token].concat());
        let expected = self.model(on, |model| model.delete(aid, related, proof));
        self.judge(on, &format!("deletion of {aid:02X?}, {related}, with {proof:?}"), expected, answer);
    }

    /// SET STATUS of an application or SSD (P1 = 40), or of a whole tree (60).
    pub(super) fn set_status(&mut self, on: usize, p1: u8, aid: &[u8], wanted: u8) {
        let mut command = kit::command([0x80 | on as u8, 0xF0, p1, wanted], aid);
        command.pop();
        let answer = self.exchange(&command);
        let expected = self.model(on, |model| match p1 {
            0x40 => model.set_status(aid, wanted),
            _ => model.lock_tree(aid, wanted & 0x80 != 0),
        });
        self.judge(on, &format!("status {p1:02X} {wanted:02X} of {aid:02X?}"), expected, answer);
    }

    /// MANAGE CHANNEL that opens one.
    pub(super) fn open(&mut self, from: usize, wanted: Option<usize>) {
        let answer = match wanted {
            None => self.exchange(&[from as u8, 0x70, 0x00, 0x00, 0x01]),
            Some(number) => self.exchange(&[from as u8, 0x70, 0x00, number as u8]),
        };
        self.counts.channels += 1;
        let expected = self.model.open(from, wanted);
        self.judge(from, &format!("open {wanted:?}"), expected, answer);
    }

    pub(super) fn close(&mut self, from: usize, number: usize) {
        let answer = self.exchange(&[from as u8, 0x70, 0x80, number as u8]);
        self.counts.channels += 1;
        let expected = self.model.close(from, number);
        self.judge(from, &format!("close {number}"), expected, answer);
    }

    fn select(&mut self, on: usize, aid: &[u8]) {
        let status = kit::select_on(&mut self.card, on as u8, aid).1;
        let expected = self.model.select(on, aid);
        assert_eq!(status, expected.err().unwrap_or(0x9000), "channel {on}, SELECT {aid:02X?}\n{:#?}", self.model);
    }

    fn authenticate(&mut self, on: usize) {
        let mut keys = factory_keys();
        let opening = Opening::new(&mut keys, kit::KVN, SecurityLevel::Authenticated);
        let opened = Opening { channel: on as u8, ..opening }.open(&mut self.card);
        let expected: Outcome = self.model.authenticate(on);
        assert_eq!(opened.err(), expected.err(), "channel {on}, a session\n{:#?}", self.model);
    }

    /// Selects on a channel, and opens a session with what is selected then.
    pub(super) fn enter(&mut self, on: usize, aid: &[u8]) {
        self.select(on, aid);
        self.authenticate(on);
    }

    /// Power goes and comes back.
    fn reset(&mut self) {
        self.card.reset();
        self.model.reset();
        for on in 0..self.model.channels.len() {
            self.look(on);
        }
    }

    /// Every list of the registry that a session on this channel shows; without one, what kind of thing is selected.
    pub(super) fn look(&mut self, on: usize) {
        let class = 0x80 | on as u8;
        if self.model.reach(on).is_err() {
            let expected = self.model.domain_on(on).err().unwrap_or(0x9000);
            let status = self.exchange(&[class, 0xCA, 0x00, 0xCF, 0x00]).1;
            assert_eq!(status, expected, "channel {on}\n{:#?}", self.model);
            return;
        }
        for (subset, files) in [(0x40, false), (0x10, true)] {
            let expected = self.model.shown(files);
            let status = if expected.is_empty() { 0x6A88 } else { 0x9000 };
            let answer = self.exchange(&[class, 0xF2, subset, 0x02, 0x00, 0x00, 0x02, 0x4F, 0x00, 0x00, 0x00]);
            assert_eq!(answer, (expected, status), "channel {on}\n{:#?}", self.model);
        }
        let isd = self.exchange(&[class, 0xF2, 0x80, 0x02, 0x02, 0x4F, 0x00, 0x00]);
        let by = self.model.by;
        if by != 0 && !self.model.get(by).has(GLOBAL_REGISTRY) {
            assert_eq!(isd, (vec![], 0x6A86));
            return;
        }
        let item = self.model.get(0);
        let privileges = &item.privileges.to_be_bytes()[1..];
        let named = [tlv(0x4F, &item.aid), tlv(0x9F70, &[item.state]), tlv(0xC5, privileges), tlv(0xCC, &item.aid)];
        assert_eq!(isd, (tlv(0xE3, &named.concat()), 0x9000), "channel {on}\n{:#?}", self.model);
        if by == 0 {
            let counter = [&[0xC2, 2][..], &self.model.counter.to_be_bytes()].concat();
            assert_eq!(self.exchange(&[class, 0xCA, 0x00, 0xC2, 0x00]), (counter, 0x9000));
        }
    }
}

/// Chance.
impl Play<'_, '_> {
    /// Names in use: anything may be asked to be anything.
    fn name(&mut self) -> Vec<u8> {
        match self.random.below(14) {
            0 => ISD.to_vec(),
            1 => SSD_FILE.to_vec(),
            n @ 2..=4 => PACKAGES[n - 2].to_vec(),
            n @ 5..=9 => vec![0xD2, 0x76, 0, 0, 0x1D, n as u8],
            n => vec![0xD2, 0x76, 0, 0, 0x1A, n as u8],
        }
    }

    /// A name, more often than not of something that is there.
    fn known(&mut self) -> Vec<u8> {
        if self.random.below(4) == 0 {
            return self.name();
        }
        self.one_of(|item| item.kind != Kind::Module).unwrap_or_else(|| ISD.to_vec())
    }

    /// The name of one of those that are so.
    fn one_of(&mut self, are: impl Fn(&Item) -> bool) -> Option<Vec<u8>> {
        let names: Vec<&Vec<u8>> =
            self.model.items().filter(|(_, item)| are(item)).map(|(_, item)| &item.aid).collect();
        (!names.is_empty()).then(|| names[self.random.below(names.len())].clone())
    }

    /// The name of something that another channel has selected, or that a load file imports.
    fn needed(&mut self, on: usize) -> Option<Vec<u8>> {
        let others = self.model.channels.iter().enumerate().filter(|(number, _)| *number != on);
        let selected = others.filter_map(|(_, channel)| channel.as_ref()?.selected);
        let imported = self.model.items().flat_map(|(_, item)| item.imports.iter().copied());
        let needed: Vec<usize> = selected.chain(imported).filter(|at| *at > 1).collect();
        (!needed.is_empty()).then(|| self.model.get(needed[self.random.below(needed.len())]).aid.clone())
    }

    fn package(&mut self) -> Vec<u8> {
        PACKAGES[self.random.below(3)].to_vec()
    }

    /// Has what is selected on this channel Delegated Management?
    fn is_delegate(&self, on: usize) -> bool {
        self.model.domain_on(on).is_ok_and(|at| self.model.get(at).has(DELEGATED))
    }

    /// Token and control reference, mostly as the domain on this channel needs them.
    fn proof(&mut self, on: usize) -> Proof {
        let token = match (self.is_delegate(on), self.random.below(16)) {
            (true, 0) | (false, 1..) => None,
            (true, 1 | 2) => Some(false),
            (true, 3..) | (false, 0) => Some(true),
        };
        let named = token.is_some() && self.random.below(4) == 0;
        Proof {
            token,
            elsewhere: named && self.random.below(4) == 0,
            number: (named && self.random.below(2) == 0).then(|| {
                let length = 1 + self.random.below(4);
                self.random.octets(length)
            }),
        }
    }

    fn privileges(&mut self, domain: bool) -> u32 {
        let extra = [0, 0, 0, CARD_RESET, FINAL, CARD_RESET | FINAL, 0x10_0000][self.random.below(7)];
        if domain != (self.random.below(24) == 0) {
            let of_domain = [
                0,
                DELEGATED,
                DELEGATED,
                AUTHORIZED,
                AUTHORIZED | GLOBAL_DELETE,
                AUTHORIZED | GLOBAL_LOCK | GLOBAL_REGISTRY,
                DELEGATED | GLOBAL_DELETE,
                DAP,
                AUTHORIZED | [DAP, DELEGATED][self.random.below(2)],
            ];
            SECURITY_DOMAIN | of_domain[self.random.below(of_domain.len())] | extra
        } else {
            [0, 0, 0, 0, DAP, AUTHORIZED][self.random.below(6)] | extra
        }
    }

    /// `CF`, more often than not none.
    fn implicit(&mut self) -> Vec<u8> {
        match self.random.below(5) {
            0 => vec![[0x40, 0x41, 0x42, 0x80, 0xC1][self.random.below(5)]],
            1 => vec![0x43, 0x81],
            _ => vec![],
        }
    }

    fn any_load(&mut self, on: usize) {
        let proof = self.proof(on);
        let file = if self.random.below(6) == 0 { self.name() } else { self.package() };
        let target = (self.random.below(3) == 0).then(|| self.known());
        let modules = (0..self.random.below(3)).map(|number| module(&file, number as u8)).collect();
        let mut imports = vec![];
        for _ in 0..[0, 0, 1, 1, 2, 3][self.random.below(6)] {
            imports.push(match self.random.below(8) {
                0 => (PLATFORM.to_vec(), 9),
                1 => (SSD_FILE.to_vec(), self.random.below(8) as u8 / 7),
                2 => (self.package(), [0, 5, 6][self.random.below(3)]),
                _ => {
                    let there = self.one_of(|item| item.kind == Kind::File && item.aid != SSD_FILE);
                    (there.unwrap_or_else(|| PLATFORM.to_vec()), [0, 5][self.random.below(2)])
                }
            });
        }
        // Token and hash are never wrong both: which is told first is nobody's rule.
        let hash = match (self.is_delegate(on), proof.token, self.random.below(12)) {
            (true, Some(true), 0) | (false, None, 2..6) => None,
            (_, _, 1) => Some(false),
            _ => Some(true),
        };
        let package = Package { file, target, modules, imports, hash };
        if self.begin_load(on, &package, &proof) {
            if self.random.below(3) == 0 {
                self.meanwhile(on, &package);
            }
            self.finish_load(on, &package, &proof);
        }
    }

    fn any_install(&mut self, on: usize) {
        let proof = self.proof(on);
        let selectable = self.random.below(3) != 0;
        let domain = self.random.below(2) == 0;
        let (mut file, mut module) = if domain {
            (SSD_FILE.to_vec(), SSD_MODULE.to_vec())
        } else {
            let file = self.one_of(|item| item.kind == Kind::File && item.aid != SSD_FILE);
            let file = file.unwrap_or_else(|| self.package());
            let module = module(&file, self.random.below(2) as u8);
            (file, module)
        };
        if self.random.below(8) == 0 {
            (file, module) = (self.name(), self.name());
        }
        let implicit = if selectable { self.implicit() } else { vec![] };
        let (policy, accepts) = POLICIES[if domain { self.random.below(POLICIES.len()) } else { 0 }];
        let (aid, privileges) = (self.name(), self.privileges(domain));
        let plan = Plan { selectable, file, module, aid, privileges, implicit, accepts };
        self.install(on, &plan, policy, &proof);
    }

    /// A random content management command on a channel.
    fn command(&mut self, on: usize, kind: usize) {
        match kind {
            0..=1 => self.any_load(on),
            2..=6 => self.any_install(on),
            7 => {
                let (aid, reset, proof) = (self.known(), self.random.below(3) == 0, self.proof(on));
                let implicit = self.implicit();
                self.make_selectable(on, &aid, reset, &implicit, &proof);
            }
            8 | 9 => {
                let (object, target, proof) = (self.known(), self.known(), self.proof(on));
                self.extradite(on, &object, &target, &proof);
            }
            10 | 11 => {
                let (aid, proof) = (self.known(), self.proof(on));
                let domain = self.model.find(&aid).is_ok_and(|at| self.model.get(at).is_domain());
                let privileges = (self.random.below(3) != 0 && aid != ISD).then(|| self.privileges(domain));
                let target = (self.random.below(2) == 0).then(|| self.known());
                let implicit = if aid == ISD { vec![] } else { self.implicit() };
                self.update(on, &Update { aid, privileges, target, implicit }, &proof);
            }
            12 | 13 => {
                let (related, proof) = (self.random.below(2) == 0, self.proof(on));
                let aid = match self.random.below(4) {
                    0 => self.needed(on),
                    _ => None,
                };
                let aid = aid.unwrap_or_else(|| self.known());
                self.delete(on, &aid, related, &proof);
            }
            14..=16 => {
                let own = self.model.domain_on(on).map(|at| self.model.get(at).aid.clone());
                let aid = if self.random.below(2) == 0 { self.known() } else { own.unwrap_or_else(|_| self.name()) };
                let wanted = [0x80, 0x00, 0x0F][self.random.below(3)];
                // Lock oneself seldom: nothing can be done then.
                let itself = self.model.domain_on(on).is_ok_and(|at| self.model.get(at).aid == aid);
                let wanted = if itself && self.random.below(4) != 0 { 0x0F } else { wanted };
                let tree = wanted != 0x0F && self.random.below(3) == 0;
                self.set_status(on, if tree { 0x60 } else { 0x40 }, &aid, wanted);
            }
            _ => {
                let (aid, proof) = (self.known(), self.proof(on));
                let functions = [0x01, 0x02, 0x04, 0x08, 0x10, 0x40][self.random.below(6)];
                if self.random.below(4) == 0 {
                    self.restrict(on, &aid, functions, &proof);
                }
            }
        }
    }

    /// One random command, to both, and a look at what it did.
    pub(super) fn step(&mut self) {
        let count = self.model.channels.len();
        let open: Vec<usize> = (0..count).filter(|on| self.model.channels[*on].is_some()).collect();
        let on =
            if self.random.below(16) == 0 { self.random.below(count) } else { open[self.random.below(open.len())] };
        let usable = self.model.reach(on).is_ok();
        let kind = match self.random.below(28) {
            // Where nothing can be done, something is done about that.
            0..18 if !usable && self.random.below(8) != 0 => 22,
            kind => kind,
        };
        match kind {
            0..18 => self.command(on, kind),
            18 if self.random.below(3) == 0 => self.reset(),
            19 | 20 if count > 1 => {
                // Often a number that is not free, or is not there.
                let number = self.random.below(count + 1);
                match self.random.below(5) {
                    0 => self.close(on, number),
                    1 => self.open(on, Some(number.max(1))),
                    _ => self.open(on, None),
                }
            }
            21 => {
                // Applications, too; the session is lost.
                let aid = match self.random.below(8) {
                    0 => vec![],
                    1..=3 => self.known(),
                    _ => self.one_of(|item| item.kind == Kind::App).unwrap_or_default(),
                };
                self.select(on, &aid);
            }
            _ => {
                let domains = |item: &Item| item.is_domain();
                let aid = if self.random.below(6) == 0 { self.name() } else { self.one_of(domains).unwrap() };
                self.enter(on, &aid);
            }
        }
        self.look(on);
        let other = self.random.below(count);
        if other != on {
            self.look(other);
        }
    }
}
