//! A real session, the card, and a plain model of what it should do.

use arbitrary::Arbitrary;
use gp_cardmanager_model::key_info::KeyInformation;

use crate::ops::{self, Op, Sets, module, package};
use crate::world::kit::{self, Host, ISD, Opening, SSD_FILE, SSD_MODULE, TestCard, tlv};
use crate::world::{bench, level};

/// The level of the first session, whether the memory is short, and what is asked.
#[derive(Arbitrary, Debug)]
pub struct Commands {
    level: u8,
    small: bool,
    ops: Vec<Op>,
}

const CARD_RESET: u32 = 0x04_0000;
const FINAL: u32 = 0x00_0200;
const DOMAIN: u32 = 0x80_0000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Application,
    File,
    Module,
}

#[derive(Clone, Debug)]
struct Item {
    kind: Kind,
    aid: Vec<u8>,
    state: u8,
    rights: u32,
    file: Option<usize>,
}

/// The card in the eyes of the issuer security domain, to which all belongs here. Place 0 is that domain itself.
#[derive(Debug)]
struct Model {
    slots: Vec<Option<Item>>,
    sets: Sets,
    key_slots: usize,
    generation: u8,
    /// Version of the keys that the session was opened with.
    version: u8,
    objects: [Vec<u8>; 2],
}

type Outcome = Result<(), u16>;

fn need(condition: bool, status: u16) -> Outcome {
    if condition { Ok(()) } else { Err(status) }
}

/// Sends the operations through a session, and checks that every answer and everything that can be listed is as the model
/// says: registry, key sets and which keys open them, data objects; at the end also that a card started from the storage has
/// the same state.
pub fn commands(input: &Commands) {
    let memory = if input.small { [6, 6, 16, 1] } else { [14, 12, 16, 1] };
    let mut bench = bench(0x70, memory, if input.small { 160 } else { 256 });
    let mut model = Model::new(memory[0], memory[1]);
    let mut card = bench.card();
    let mut first = Op::Session { version: ops::Version::V30, level: input.level };
    let mut host = open(&mut card, &mut model, first).expect("the factory's keys");
    let mut dek = ops::keys(0x30, 0);
    for op in input.ops.iter().take(40) {
        match op {
            Op::Power | Op::Session { .. } => {
                if matches!(op, Op::Power) {
                    card.reset();
                } else {
                    first = *op;
                }
                let Some(opened) = open(&mut card, &mut model, first) else { break };
                host = opened;
                dek = ops::keys(model.version, model.sets[&model.version]);
            }
            _ => {
                model.generation = model.generation.wrapping_add(1).max(1);
                let mut answer = (vec![], 0x9000);
                for (header, data) in op.commands(dek.dek(), model.generation) {
                    answer = host.send(&mut card, header, &data);
                    if answer.1 != 0x9000 {
                        break;
                    }
                }
                let expected = model.take(*op);
                assert_eq!(answer.1, expected.err().unwrap_or(0x9000), "{op:?}\n{model:#?}");
                if let (Op::PutKeys { version, .. }, Ok(())) = (op, expected) {
                    assert_eq!(answer.0[0], version.octet());
                    assert_eq!(answer.0.len(), 10);
                }
            }
        }
        model.compare(&mut card, &mut host);
    }
    card.reset();
    drop(card);
    bench.assert_lasting();
}

/// A new session; `None` when no key is left that opens one.
fn open(card: &mut TestCard<'_>, model: &mut Model, wanted: Op) -> Option<Host> {
    let Op::Session { version, level: chosen } = wanted else { return None };
    assert_eq!(kit::select(card, &ISD).1, 0x9000);
    let mut version = version.octet();
    if !model.sets.contains_key(&version) {
        let mut any = ops::keys(version, 1);
        assert_eq!(Opening::new(&mut any, version, level(chosen)).open(card).err(), Some(0x6A88));
        version = *model.sets.keys().next()?;
    }
    model.version = version;
    let mut keys = ops::keys(version, model.sets[&version]);
    Some(Opening::new(&mut keys, version, level(chosen)).open(card).expect("the keys of this version"))
}

impl Model {
    fn new(registry: usize, key_slots: usize) -> Self {
        let item = |kind, aid: &[u8], state, rights, file| Some(Item { kind, aid: aid.to_vec(), state, rights, file });
        let mut slots = vec![None; registry];
        slots[0] = item(Kind::Application, &ISD, 0x0F, 0x9E_FE80, None);
        slots[1] = item(Kind::File, &SSD_FILE, 1, 0, None);
        slots[2] = item(Kind::Module, &SSD_MODULE, 1, DOMAIN, Some(1));
        let sets = Sets::from([(0x30, 0)]);
        Self { slots, sets, key_slots, generation: 0, version: 0x30, objects: [vec![], vec![]] }
    }

    fn items(&self) -> impl Iterator<Item = (usize, &Item)> {
        self.slots.iter().enumerate().filter_map(|(at, item)| Some((at, item.as_ref()?)))
    }

    fn get(&self, at: usize) -> &Item {
        self.slots[at].as_ref().expect("an item")
    }

    fn find(&self, aid: &[u8]) -> Result<usize, u16> {
        self.items().find(|(_, item)| item.kind != Kind::Module && item.aid == aid).map(|(at, _)| at).ok_or(0x6A88)
    }

    fn put(&mut self, item: Item) -> Result<usize, u16> {
        let at = self.slots.iter().position(Option::is_none).ok_or(0x6A84_u16)?;
        self.slots[at] = Some(item);
        Ok(at)
    }

    /// Card Reset and Final Application have one holder beside the ISD, which has them otherwise.
    fn unique(&self, rights: u32) -> Outcome {
        let taken = |right| self.items().any(|(at, item)| at != 0 && item.rights & right != 0);
        need([CARD_RESET, FINAL].iter().all(|right| rights & right == 0 || !taken(*right)), 0x6985)
    }

    fn settle(&mut self) {
        for right in [CARD_RESET, FINAL] {
            let held = self.items().any(|(at, item)| at != 0 && item.rights & right != 0);
            let isd = self.slots[0].as_mut().expect("the ISD");
            isd.rights = if held { isd.rights & !right } else { isd.rights | right };
        }
    }

    fn take(&mut self, op: Op) -> Outcome {
        match op {
            Op::Load(small) => {
                need(self.find(&package(small)).is_err(), 0x6985)?;
                let before = self.slots.clone();
                let item = |kind, aid, file| Item { kind, aid, state: 1, rights: 0, file };
                let at = self.put(item(Kind::File, package(small), None))?;
                let placed = self.put(item(Kind::Module, module(Some(small)), Some(at)));
                placed.map(|_| ()).inspect_err(|_| self.slots = before)
            }
            Op::Install { file, name, rights, selectable } => {
                let rights = rights.number();
                let package = self.find(&file.map_or(SSD_FILE.to_vec(), package))?;
                // An application may have taken the name.
                need(self.get(package).kind == Kind::File, 0x6A88)?;
                need(self.find(&name.aid()).is_err(), 0x6985)?;
                need((rights & DOMAIN != 0) == file.is_none(), 0x6A80)?;
                need(selectable || rights & (CARD_RESET | FINAL) == 0, 0x6A80)?;
                self.unique(rights)?;
                let state = if selectable { 7 } else { 3 };
                self.put(Item { kind: Kind::Application, aid: name.aid(), state, rights, file: Some(package) })?;
                self.settle();
                Ok(())
            }
            Op::MakeSelectable { name, card_reset } => {
                let at = self.application(name)?;
                need(at != 0 && self.get(at).state == 3, 0x6985)?;
                let more = if card_reset { CARD_RESET } else { 0 };
                self.unique(more)?;
                let item = self.slots[at].as_mut().expect("an item");
                (item.state, item.rights) = (7, item.rights | more);
                self.settle();
                Ok(())
            }
            Op::Extradite { object, to } => {
                let at = self.find(&object.aid())?;
                let locked_domain = self.get(at).rights & DOMAIN != 0 && self.get(at).state & 0x80 != 0;
                need(at != 0 && !locked_domain, 0x6985)?;
                // No security domain but the ISD is PERSONALIZED here, so nothing goes anywhere else.
                need(self.find(&to.aid())? == 0, 0x6985)
            }
            Op::Lock { name, lock } => {
                let at = self.application(name)?;
                need(at != 0, 0x6A88)?;
                let item = self.slots[at].as_mut().expect("an item");
                need((item.state & 0x80 != 0) != lock && !(lock && item.rights & FINAL != 0), 0x6985)?;
                item.state ^= 0x80;
                Ok(())
            }
            Op::Delete { name, related } => {
                let at = self.find(&name.aid())?;
                let related = related && self.get(at).kind == Kind::File;
                let of_it = |item: &Item| item.file == Some(at) && (related || item.kind == Kind::Module);
                let doomed: Vec<usize> =
                    self.items().filter(|(index, item)| *index == at || of_it(item)).map(|(index, _)| index).collect();
                need(!doomed.contains(&0), 0x6985)?;
                let held = |(index, item): (usize, &Item)| {
                    !doomed.contains(&index) && item.file.is_some_and(|file| doomed.contains(&file))
                };
                need(!self.items().any(held), 0x6985)?;
                doomed.iter().for_each(|index| self.slots[*index] = None);
                self.settle();
                Ok(())
            }
            Op::PutKeys { replaces, version } => {
                let (old, new) = (replaces.map(ops::Version::octet), version.octet());
                need(old.is_none_or(|old| self.sets.contains_key(&old)), 0x6A88)?;
                need(old == Some(new) || !self.sets.contains_key(&new), 0x6A80)?;
                need(self.sets.len() * 3 + 3 <= self.key_slots, 0x6A84)?;
                if let Some(old) = old {
                    self.sets.remove(&old);
                    // The session stands on its set under whatever version it has now.
                    if old == self.version {
                        self.version = new;
                    }
                }
                self.sets.insert(new, self.generation);
                Ok(())
            }
            Op::DeleteKeys(version) => {
                need(self.sets.contains_key(&version.octet()), 0x6A88)?;
                need(version.octet() != self.version, 0x6985)?;
                self.sets.remove(&version.octet());
                Ok(())
            }
            Op::Store { cin, .. } => {
                self.objects[usize::from(cin)] = op.stored();
                Ok(())
            }
            Op::Session { .. } | Op::Power => Ok(()),
        }
    }

    fn application(&self, name: ops::Name) -> Result<usize, u16> {
        let at = self.find(&name.aid())?;
        need(self.get(at).kind == Kind::Application, 0x6A88)?;
        Ok(at)
    }

    fn compare(&self, card: &mut TestCard<'_>, host: &mut Host) {
        for subset in [0x80, 0x40, 0x10] {
            let expected = self.shown(subset);
            let status = if expected.is_empty() { 0x6A88 } else { 0x9000 };
            assert_eq!(host.listed(card, subset), (expected, status), "subset {subset:02X}\n{self:#?}");
        }
        let (keys, _) = host.send(card, [0x80, 0xCA, 0x00, 0xE0], &[]);
        let mut versions: Vec<(u8, u8)> = KeyInformation::parse(&keys)
            .expect("a template")
            .map(|key| key.map(|key| (key.key_version, key.key_identifier)).expect("an entry"))
            .collect();
        versions.sort_unstable();
        let expected: Vec<(u8, u8)> = self.sets.keys().flat_map(|version| [1, 2, 3].map(|id| (*version, id))).collect();
        assert_eq!(versions, expected);
        for (tag, value) in [(0x42, &self.objects[0]), (0x45, &self.objects[1])] {
            let expected = if value.is_empty() { (vec![], 0x6A88) } else { (tlv(tag, value), 0x9000) };
            assert_eq!(host.send(card, [0x80, 0xCA, 0x00, tag as u8], &[]), expected);
        }
    }

    /// What GET STATUS shows, in E3 templates.
    fn shown(&self, subset: u8) -> Vec<u8> {
        let mut out = Vec::new();
        for (at, item) in self.items() {
            let wanted = match subset {
                0x80 => at == 0,
                0x40 => at != 0 && item.kind == Kind::Application,
                _ => item.kind == Kind::File,
            };
            if !wanted {
                continue;
            }
            let mut body = [tlv(0x4F, &item.aid), tlv(0x9F70, &[item.state])].concat();
            if item.kind == Kind::File {
                body.extend(tlv(0xCE, if at == 1 && item.aid == SSD_FILE { &[1, 0] } else { &[1, 5] }));
                for (_, module) in
                    self.items().filter(|(_, other)| other.kind == Kind::Module && other.file == Some(at))
                {
                    body.extend(tlv(0x84, &module.aid));
                }
            } else {
                body.extend(tlv(0xC5, &item.rights.to_be_bytes()[1..]));
                if let Some(file) = item.file {
                    body.extend(tlv(0xC4, &self.get(file).aid));
                }
            }
            body.extend(tlv(0xCC, &ISD));
            out.extend(tlv(0xE3, &body));
        }
        out
    }
}
