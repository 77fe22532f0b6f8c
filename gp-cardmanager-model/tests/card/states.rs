//! All reachable states of three small cards: an ISD, one SSD, one application, two logical channels.
//!
//! A state is what decides about the answer to a command: the life cycles of card, SSD and application, and of each
//! channel whether it is open, what is selected there and how far its session is. From the factory on every action is
//! taken in every state, and the card must answer with the status word and go to the state that a second description
//! says, which is written from the tables of the Card Specification and of Amendment D, not from the card. What the card
//! holds is read from its memory and, where something lasting changed, from its storage.
//!
//! Challenges, counters and chaining values are not part of a state.
//!
//! ```text
//! young   SSD SELECTABLE with keys of its own, PERSONALIZED only when told; application INSTALLED below the ISD, and it
//!         does without a secure channel
//! grown   SSD PERSONALIZED with Card Lock; application SELECTABLE below the SSD, and it uses the SSD's secure channel
//! asking  SSD PERSONALIZED; application SELECTABLE below the ISD, with Card Lock, Card Terminate and Global Lock, of which it
//!         makes use at the OPEN
//! ```
//!
//! Who acts: nobody in particular (no session), the host of the ISD, that of the SSD, that of the application, each on both
//! channels, and on the asking card the application itself.

use crate::{content, kit};
use core::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use content::{APP, ISD, SSD};
use gp_apdu::{LogicalChannel, Response};
use gp_cardmanager_model::card::Card;
use gp_cardmanager_model::lifecycle::CardLifeCycle;
use gp_scp03::{Challenge, ChallengePolicy, Challenged, Initiator, SecurityLevel, StaticKeys};
use kit::{Bench, Host, KVN, Ram, Shared, TestCard, Wire, command, hex, raw};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Who {
    Isd,
    Ssd,
    App,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Session {
    /// Never opened, or ended.
    None,
    /// INITIALIZE UPDATE was answered.
    Challenged,
    /// Open at level 00: authenticated, and nothing protects.
    Plain,
    /// Open at level 01.
    CMac,
    /// A command failed its protection.
    Aborted,
}

/// What is selected on an open channel, and its session.
type Channel = Option<(Who, Session)>;

/// `01 07 0F 7F FF`, `07 0F 87 8F`, `03 07 83 87` and where it sets its own state `0F 8F`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct State {
    card: u8,
    ssd: u8,
    app: u8,
    channels: [Channel; 2],
}

impl State {
    /// After power-on: the ISD is implicitly selected, and on a locked or terminated card it is the holder of Final
    /// Application (GPCS 6.4.1).
    fn power_on(self) -> Self {
        Self { channels: [Some((Who::Isd, Session::None)), None], ..self }
    }

    fn lasting(self) -> (u8, u8, u8) {
        (self.card, self.ssd, self.app)
    }

    fn with(mut self, on: u8, channel: Channel) -> Self {
        self.channels[usize::from(on)] = channel;
        self
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Target {
    Card,
    Ssd,
    App,
    /// The SSD and all below it.
    Tree,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Proof {
    /// The right cryptogram and MAC, for level 00.
    Plain,
    /// For level 01.
    CMac,
    /// One bit of the MAC is wrong; without a challenge, any octets.
    Wrong,
}

/// What the outside does; the number is the channel of the class octet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    Reset,
    Select(u8, Who),
    /// MANAGE CHANNEL, the next free one.
    Open(u8),
    /// MANAGE CHANNEL, channel 1 or 0.
    Close(u8, u8),
    Initialize(u8),
    Authenticate(u8, Proof),
    /// By whomever the session of the channel is with, or without a session.
    SetStatus(u8, Target, u8),
    MakeSelectable(u8),
    /// GET DATA without protection.
    Unprotected(u8),
    /// The application that is selected asks the OPEN.
    Ask(u8, Wish),
}

/// What an application may ask for (GPCS 5.1, 5.3, 6.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wish {
    /// Its own state.
    Own(u8),
    /// The SSD locked, or not.
    Ssd(bool),
    LockCard,
    Terminate,
}

fn actions(asks: bool) -> Vec<Action> {
    let mut all = vec![Action::Reset];
    for on in [0, 1] {
        all.extend([Who::Isd, Who::Ssd, Who::App].map(|who| Action::Select(on, who)));
        all.extend([Action::Open(on), Action::Close(on, 0), Action::Close(on, 1), Action::Initialize(on)]);
        all.extend([Proof::Plain, Proof::CMac, Proof::Wrong].map(|proof| Action::Authenticate(on, proof)));
        all.extend([0x01, 0x07, 0x0F, 0x7F, 0xFF].map(|state| Action::SetStatus(on, Target::Card, state)));
        all.extend([0x07, 0x0F, 0x00, 0x80].map(|state| Action::SetStatus(on, Target::Ssd, state)));
        all.extend([0x00, 0x80].map(|state| Action::SetStatus(on, Target::App, state)));
        all.extend([0x00, 0x80].map(|state| Action::SetStatus(on, Target::Tree, state)));
        all.extend([Action::MakeSelectable(on), Action::Unprotected(on)]);
        let wishes = [0x07, 0x0F, 0x87].map(Wish::Own).into_iter().chain([false, true].map(Wish::Ssd));
        let wishes = wishes.chain([Wish::LockCard, Wish::Terminate]);
        all.extend(wishes.filter(|_| asks).map(|wish| Action::Ask(on, wish)));
    }
    all
}

/// A small card and its rules.
struct World {
    /// What the application belongs to.
    above_app: Who,
    /// The application uses the secure channel of that one.
    secure_app: bool,
    /// The SSD holds Card Lock.
    locks: bool,
    /// The application asks the OPEN, with all privileges that takes.
    asks: bool,
    first: State,
}

const LOCKED: u8 = 0x80;
const CARD_LOCKED: u8 = 0x7F;
const TERMINATED: u8 = 0xFF;

impl World {
    /// Whose keys serve what is selected.
    fn keys_of(&self, who: Who) -> Who {
        if who == Who::App { self.above_app } else { who }
    }

    /// An SSD that is LOCKED rejects all commands and serves no application (GPCS 5.3.2.4).
    fn is_dead(&self, state: State, who: Who) -> bool {
        self.keys_of(who) == Who::Ssd && state.ssd & LOCKED != 0
    }

    /// The status word, and the state that comes after.
    fn expected(&self, state: State, action: Action) -> (u16, State) {
        let on = match action {
            Action::Reset => return (0x9000, state.power_on()),
            Action::Select(on, _) | Action::Open(on) | Action::Close(on, _) | Action::Initialize(on) => on,
            Action::Authenticate(on, _) | Action::SetStatus(on, ..) => on,
            Action::MakeSelectable(on) | Action::Unprotected(on) | Action::Ask(on, _) => on,
        };
        // A channel that is not open: before anything else (GPCS 6.1).
        let Some((who, session)) = state.channels[usize::from(on)] else { return (0x6881, state) };
        match action {
            Action::Reset => unreachable!(),
            Action::Select(_, wanted) => self.select(state, on, wanted),
            Action::Open(_) => Self::open(state, on),
            // Channel 0 never closes (GPCS 11.7.2.1).
            Action::Close(_, 0) => (0x6A86, state),
            Action::Close(..) => match state.channels[1] {
                Some(_) => (0x9000, state.with(1, None)),
                None => (0x6200, state),
            },
            Action::Initialize(_) => self.initialize(state, on, who),
            Action::Authenticate(_, proof) => self.authenticate(state, on, (who, session), proof),
            _ => self.to_the_selected(state, on, (who, session), action),
        }
    }

    /// GPCS 6.4.2, 9.6.3, 9.6.4, table 11-2.
    fn select(&self, state: State, on: u8, wanted: Who) -> (u16, State) {
        let (selected, _) = state.channels[usize::from(on)].unwrap();
        let fresh = |who| state.with(on, Some((who, Session::None)));
        match (state.card, on) {
            // Only the holder of Final Application, the ISD, and only on channel 0; the other channel closes.
            (CARD_LOCKED, 0) if wanted == Who::Isd => return (0x6283, fresh(Who::Isd)),
            (CARD_LOCKED | TERMINATED, 0) => return (0x6A81, state),
            (CARD_LOCKED | TERMINATED, _) => return (0x6A81, state.with(on, None)),
            _ => {}
        }
        let its_state = match wanted {
            Who::Isd => return (0x9000, fresh(Who::Isd)),
            Who::Ssd => state.ssd,
            Who::App => state.app,
        };
        if ![0x03, 0x83, 0x87, 0x8F].contains(&its_state) {
            return (0x9000, fresh(wanted));
        }
        if selected == wanted {
            // Locked while it was selected, and named again: its session ends, the implicit application takes over.
            return (0x6A82, fresh(Who::Isd));
        }
        // No match: what is selected stays, and an application receives the SELECT; this one does not know it.
        (if selected == Who::App { 0x6D00 } else { 0x6A82 }, state)
    }

    /// GPCS 6.4.2.2, 11.7: from channel 0 what is implicitly selectable, the ISD; none on a locked card.
    fn open(state: State, on: u8) -> (u16, State) {
        if on == 1 || state.channels[1].is_some() || [CARD_LOCKED, TERMINATED].contains(&state.card) {
            return (0x6A81, state);
        }
        (0x9000, state.with(1, Some((Who::Isd, Session::None))))
    }

    /// Amendment D 6.2.2, 7.1.1; allowed at any time, on a locked card too, not on a terminated one (GPCS table E-6).
    fn initialize(&self, state: State, on: u8, who: Who) -> (u16, State) {
        if who == Who::App && !self.secure_app {
            return (0x6D00, state);
        }
        if state.card == TERMINATED {
            return (0x6D00, state);
        }
        if self.is_dead(state, who) {
            return (0x6985, state.with(on, Some((who, Session::None))));
        }
        (0x9000, state.with(on, Some((who, Session::Challenged))))
    }

    /// Amendment D 7.1.2.
    fn authenticate(&self, state: State, on: u8, at: (Who, Session), proof: Proof) -> (u16, State) {
        let (who, session) = at;
        let becomes = |session| state.with(on, Some((who, session)));
        match session {
            // One attempt for each challenge.
            Session::Challenged if state.card == TERMINATED => (0x6D00, state),
            Session::Challenged if self.is_dead(state, who) => (0x6985, becomes(Session::None)),
            Session::Challenged => match proof {
                Proof::Plain => (0x9000, becomes(Session::Plain)),
                Proof::CMac => (0x9000, becomes(Session::CMac)),
                Proof::Wrong => (0x6982, becomes(Session::None)),
            },
            // No challenge is due: these are octets that are no command of the session, with a class that announces a MAC.
            Session::CMac => (0x6982, becomes(Session::Aborted)),
            Session::Aborted => (0x6982, state),
            Session::Plain if who == Who::App && self.is_dead(state, who) => (0x6985, state),
            Session::None | Session::Plain => (if who == Who::App { 0x6D00 } else { 0x6982 }, state),
        }
    }

    /// Commands for what is selected, under the protection of its session.
    fn to_the_selected(&self, state: State, on: u8, at: (Who, Session), action: Action) -> (u16, State) {
        let (who, session) = at;
        let authenticated = match (session, action) {
            (Session::Aborted, _) => return (0x6982, state),
            (Session::CMac, Action::Unprotected(_)) => {
                return (0x6982, state.with(on, Some((who, Session::Aborted))));
            }
            (Session::Plain | Session::CMac, _) => true,
            (Session::None | Session::Challenged, _) => false,
        };
        if let (Who::App, Action::Ask(_, wish)) = (who, action) {
            return Self::ask(state, wish);
        }
        if who == Who::App {
            // It knows none of these commands; and its session needs the security domain.
            let served = authenticated && self.is_dead(state, who);
            return (if served { 0x6985 } else { 0x6D00 }, state);
        }
        if self.is_dead(state, who) {
            return (0x6985, state);
        }
        match action {
            // No security at all (GPCS table 11-1).
            Action::Unprotected(_) => (0x9000, state),
            // GET DATA is all that is left (GPCS 9.6.4).
            _ if state.card == TERMINATED => (0x6D00, state),
            _ if !authenticated => (0x6982, state),
            Action::MakeSelectable(_) => {
                // Session, PERSONALIZED, card, privilege, object (GPCS 9.3.6): the SSD may manage nothing.
                let personalized = who == Who::Isd || state.ssd == 0x0F;
                match (personalized && state.card != CARD_LOCKED, who, state.app) {
                    (false, ..) => (0x6985, state),
                    (true, Who::Isd, 0x03) => (0x9000, State { app: 0x07, ..state }),
                    (true, Who::Isd, _) => (0x6985, state),
                    (true, ..) => (0x6982, state),
                }
            }
            Action::SetStatus(_, target, wanted) => self.set_status(state, who, target, wanted),
            _ => unreachable!(),
        }
    }

    /// Can it be? Security domains of this card ask for nothing.
    fn applies(state: State, action: Action) -> bool {
        match action {
            Action::Ask(on, _) => !matches!(state.channels[usize::from(on)], Some((Who::Isd | Who::Ssd, _))),
            _ => true,
        }
    }

    /// GPCS figures 5-1 to 5-3, tables 11-4, 11-5: the same arrows, without a session.
    fn ask(state: State, wish: Wish) -> (u16, State) {
        match wish {
            Wish::LockCard if state.card == 0x0F => (0x9000, State { card: CARD_LOCKED, ..state }),
            Wish::Terminate if state.card != TERMINATED => (0x9000, State { card: TERMINATED, ..state }),
            Wish::LockCard | Wish::Terminate => (0x6985, state),
            _ if state.card == TERMINATED => (0x6985, state),
            Wish::Ssd(lock) if lock == (state.ssd & LOCKED != 0) => (0x6985, state),
            Wish::Ssd(_) => (0x9000, State { ssd: state.ssd ^ LOCKED, ..state }),
            // Once locked it does not come back by itself.
            Wish::Own(_) if state.app & LOCKED != 0 => (0x6985, state),
            Wish::Own(wanted) if wanted == state.app => (0x6985, state),
            Wish::Own(wanted) if wanted & LOCKED != 0 => (0x9000, State { app: state.app | LOCKED, ..state }),
            Wish::Own(wanted) => (0x9000, State { app: wanted, ..state }),
        }
    }

    /// GPCS figures 5-1 to 5-3, 9.6, 11.10; the SSD has no Global Lock.
    fn set_status(&self, state: State, by: Who, target: Target, wanted: u8) -> (u16, State) {
        let isd = by == Who::Isd;
        let over_app = isd || self.above_app == Who::Ssd;
        let lock = wanted & LOCKED != 0;
        match target {
            Target::Card => {
                // From, to, whether the SSD may.
                let arrows = [
                    (0x01, 0x07, false),
                    (0x07, 0x0F, false),
                    (0x0F, 0x7F, self.locks),
                    (0x7F, 0x0F, self.locks),
                    (0x01, 0xFF, false),
                    (0x07, 0xFF, false),
                    (0x0F, 0xFF, false),
                    (0x7F, 0xFF, false),
                ];
                match arrows.iter().find(|(from, to, _)| (*from, *to) == (state.card, wanted)) {
                    None => (0x6985, state),
                    Some((_, _, ssd)) if isd || *ssd => (0x9000, State { card: wanted, ..state }),
                    Some(_) => (0x6982, state),
                }
            }
            // For itself only 0F or LOCKED; it cannot unlock itself, being LOCKED it is not here.
            Target::Ssd if !isd => match (lock, wanted, state.ssd) {
                (true, _, now) => (0x9000, State { ssd: now | LOCKED, ..state }),
                (false, 0x0F, 0x07) => (0x9000, State { ssd: 0x0F, ..state }),
                (false, 0x07 | 0x0F, _) => (0x6985, state),
                (false, ..) => (0x6A86, state),
            },
            Target::App if !over_app => (0x6982, state),
            // Of another one b8 alone counts, and what it is already is refused.
            Target::Ssd if lock == (state.ssd & LOCKED != 0) => (0x6985, state),
            Target::App if lock == (state.app & LOCKED != 0) => (0x6985, state),
            Target::Ssd => (0x9000, State { ssd: state.ssd ^ LOCKED, ..state }),
            Target::App => (0x9000, State { app: state.app ^ LOCKED, ..state }),
            // Who is as wanted already stays so.
            Target::Tree => {
                let turned = |now: u8| if lock { now | LOCKED } else { now & !LOCKED };
                let app = if self.above_app == Who::Ssd { turned(state.app) } else { state.app };
                (0x9000, State { ssd: turned(state.ssd), app, ..state })
            }
        }
    }
}

// --- The card ------------------------------------------------------------------------------------------------------

const SSD_SEED: u8 = 0x11;

fn keys(of: Who) -> StaticKeys {
    if of == Who::Ssd { kit::keys_from(SSD_SEED, 16) } else { kit::factory_keys() }
}

fn name(of: Who) -> &'static [u8] {
    match of {
        Who::Isd => &ISD,
        Who::Ssd => &SSD,
        Who::App => &APP,
    }
}

/// A class octet on a channel.
fn on_channel(class: u8, on: u8) -> u8 {
    class | on
}

/// A card that runs, and the hosts on its channels.
struct Live<'m> {
    card: TestCard<'m>,
    hosts: [Option<Host>; 2],
    challenged: [Option<Challenged>; 2],
}

impl Live<'_> {
    /// Takes an action; answers the status word.
    fn take(&mut self, world: &World, state: State, action: Action) -> u16 {
        match action {
            Action::Reset => {
                self.card.reset();
                0x9000
            }
            Action::Select(on, who) => kit::select_on(&mut self.card, on, name(who)).1,
            Action::Open(on) => raw(&mut self.card, &[on_channel(0x00, on), 0x70, 0x00, 0x00, 0x01]).1,
            Action::Close(on, old) => raw(&mut self.card, &[on_channel(0x00, on), 0x70, 0x80, old]).1,
            Action::Initialize(on) => self.initialize(on),
            Action::Authenticate(on, proof) => self.authenticate(world, state, on, proof),
            Action::SetStatus(on, target, wanted) => {
                let (p1, data) = match target {
                    Target::Card => (0x80, &[][..]),
                    Target::Ssd => (0x40, &SSD[..]),
                    Target::App => (0x40, &APP[..]),
                    Target::Tree => (0x60, &SSD[..]),
                };
                self.send(state, on, [0x80, 0xF0, p1, wanted], data)
            }
            Action::MakeSelectable(on) => {
                let fields: [&[u8]; 6] = [&[], &[], &APP, &[0x00], &[], &[]];
                self.send(state, on, [0x80, 0xE6, 0x08, 0x00], &kit::install_fields(&fields))
            }
            Action::Unprotected(on) => raw(&mut self.card, &[on_channel(0x80, on), 0xCA, 0x00, 0x66, 0x00]).1,
            Action::Ask(on, wish) => {
                let (ins, p1, data) = match wish {
                    Wish::Own(wanted) => (0x26, wanted, &[][..]),
                    Wish::Ssd(lock) => (0x28, u8::from(lock) << 7, &SSD[..]),
                    Wish::LockCard => (0x2A, 0x00, &[][..]),
                    Wish::Terminate => (0x2C, 0x00, &[][..]),
                };
                self.send(state, on, [0x80, ins, p1, 0x00], data)
            }
        }
    }

    fn send(&mut self, state: State, on: u8, header: [u8; 4], data: &[u8]) -> u16 {
        let at = usize::from(on);
        if let Some((_, Session::CMac)) = state.channels[at] {
            return self.hosts[at].as_mut().unwrap().status(&mut self.card, header, data);
        }
        let [class, ins, p1, p2] = header;
        raw(&mut self.card, &command([on_channel(class, on), ins, p1, p2], data)).1
    }

    fn initialize(&mut self, on: u8) -> u16 {
        let channel = LogicalChannel::new(on).unwrap();
        let initiator = Initiator::new(Challenge::new(&[0x11; 8]).unwrap(), channel, KVN);
        let answer = self.card.transmit(initiator.initialize_update(&mut [0; 64]).unwrap());
        let response = Response::parse(&answer).unwrap();
        self.challenged[usize::from(on)] = initiator.challenged(response).ok();
        response.status.0
    }

    fn authenticate(&mut self, world: &World, state: State, on: u8, proof: Proof) -> u16 {
        let at = usize::from(on);
        let level = if proof == Proof::Plain { SecurityLevel::Authenticated } else { SecurityLevel::CMac };
        // A terminated card looks at no attempt, so the challenge outlives its one genuine answer.
        let (Some((who, Session::Challenged)), Some(challenged)) = (state.channels[at], self.challenged[at].take())
        else {
            let octets = command([on_channel(0x84, on), 0x82, level.octet(), 0x00], &[0x5A; 16]);
            return raw(&mut self.card, &octets[..21]).1;
        };
        let mut buffer = [0; 64];
        let keys = &mut keys(world.keys_of(who));
        let (authenticating, octets) =
            challenged.authenticate(keys, level, ChallengePolicy::Off, &mut buffer).expect("the keys of this domain");
        let mut octets = octets.to_vec();
        if proof == Proof::Wrong {
            *octets.last_mut().unwrap() ^= 0x01;
        }
        let answer = self.card.transmit(&octets);
        let response = Response::parse(&answer).unwrap();
        let status = response.status.0;
        self.hosts[at] = authenticating.confirmed(response).ok().map(|secure| Host { secure, shown: Vec::new() });
        status
    }
}

/// The part of a text between two others.
fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap_or_else(|| panic!("no {after} in {text}")).0
}

/// Where SSD and application stand in the registry.
struct Places {
    ssd: usize,
    app: usize,
}

impl Places {
    fn of(ram: &Ram) -> Self {
        let at = |aid: &[u8]| {
            let shown = format!("Aid({})", aid.iter().map(|octet| format!("{octet:02X}")).collect::<String>());
            ram.registry.iter().position(|entry| format!("{entry:?}").contains(&shown)).expect(&shown)
        };
        Self { ssd: at(&SSD), app: at(&APP) }
    }

    fn lasting(&self, ram: &Ram) -> (u8, u8, u8) {
        let state = |at: usize| between(&format!("{:?}", ram.registry[at]), " state: ", ",").parse::<u8>().unwrap();
        (state(0), state(self.ssd), state(self.app))
    }

    /// What a card that was switched off held in its memory.
    fn observe(&self, world: &World, ram: &Ram) -> State {
        let who = |index: &str| match index.parse::<usize>().unwrap() {
            0 => Who::Isd,
            at if at == self.ssd => Who::Ssd,
            at if at == self.app => Who::App,
            at => panic!("{at} is selected"),
        };
        let channel = |at: usize| {
            let text = format!("{:?}", ram.channels[at]);
            if between(&text, "open: ", ",") == "false" {
                assert!(text.contains("selected: None") && text.contains("state: Idle"), "{text}");
                return None;
            }
            let selected = who(between(&text, "selected: Some(Index(", "))"));
            let session = match (between(&text, "state: ", ","), between(&text, "level: ", ", ..")) {
                ("Idle", "None") => Session::None,
                ("Challenged", "None") => Session::Challenged,
                ("Aborted", "None") => Session::Aborted,
                ("Open", "Some(Authenticated)") => Session::Plain,
                ("Open", "Some(CMac)") => Session::CMac,
                other => panic!("{other:?}"),
            };
            if [Session::Challenged, Session::Plain, Session::CMac].contains(&session) {
                let owner = who(between(&text, "key_owner: Some(Index(", "))"));
                assert_eq!(owner, world.keys_of(selected), "a session by the keys of another one");
            }
            Some((selected, session))
        };
        let (card, ssd, app) = self.lasting(ram);
        State { card, ssd, app, channels: [channel(0), channel(1)] }
    }
}

/// How a state is reached: from power-on with this storage, by these actions.
struct Way {
    source: usize,
    path: Vec<Action>,
}

/// A card to start again and again.
struct Lab {
    world: World,
    bench: Bench,
    places: Places,
    /// The storage of each combination of life cycles.
    sources: Vec<(State, Shared)>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    states: usize,
    lasting: usize,
    transitions: usize,
    changing: usize,
}

impl Lab {
    fn new(world: World, bench: Bench) -> Self {
        bench.desk.0.borrow_mut().quiet = true;
        if world.secure_app {
            bench.desk.0.borrow_mut().secure.insert(APP.to_vec());
        }
        let places = Places::of(&bench.ram);
        let sources = vec![(world.first, bench.flash.copy())];
        assert_eq!(places.lasting(&bench.ram), world.first.lasting());
        Self { world, bench, places, sources }
    }

    /// Starts a card, takes the way, does something, switches the card off. Answers what is then in the memory.
    fn at<T>(&mut self, way: &Way, act: impl FnOnce(&World, &mut Live<'_>) -> T) -> (T, State, Shared) {
        let (mut state, flash) = (self.sources[way.source].0, self.sources[way.source].1.copy());
        let Bench { ram, dice, desk, profile, .. } = &mut self.bench;
        let card = Card::open(ram.memory(), flash.clone(), dice.clone(), desk.clone(), profile).unwrap();
        let mut live = Live { card, hosts: [None, None], challenged: [None, None] };
        for action in &way.path {
            let expected = self.world.expected(state, *action);
            assert_eq!(live.take(&self.world, state, *action), expected.0);
            state = expected.1;
        }
        let result = act(&self.world, &mut live);
        drop(live);
        (result, self.places.observe(&self.world, ram), flash)
    }

    /// What lasts, as a card that is switched on finds it.
    fn stored(&self, flash: &Shared) -> (u8, u8, u8) {
        let mut ram = self.bench.ram.blank();
        let Bench { dice, desk, profile, .. } = &self.bench;
        drop(Card::open(ram.memory(), flash.copy(), dice.clone(), desk.clone(), profile).unwrap());
        self.places.lasting(&ram)
    }

    /// All states, or the first `limit` of them.
    fn explore(&mut self, limit: usize) -> Count {
        let actions = actions(self.world.asks);
        let mut count = Count::default();
        let mut known = BTreeMap::from([(self.world.first, Way { source: 0, path: vec![] })]);
        let mut open = BinaryHeap::from([(Reverse(0), Reverse(self.world.first))]);
        while let Some((_, Reverse(state))) = open.pop() {
            if count.states == limit {
                break;
            }
            count.states += 1;
            let way = known.remove(&state).unwrap();
            let outcome = |world: &World, action| (action, world.expected(state, action));
            let possible = actions.iter().copied().filter(|action| World::applies(state, *action));
            let (staying, changing): (Vec<_>, Vec<_>) =
                possible.map(|action| outcome(&self.world, action)).partition(|(_, (_, next))| *next == state);
            // What changes nothing is done by one card, all of it, one after the other.
            let ((), found, _) = self.at(&way, |world, live| {
                for (action, (status, _)) in &staying {
                    let answered = live.take(world, state, *action);
                    assert_eq!(answered, *status, "{answered:04X} to {action:?} in {state:02X?}");
                }
            });
            assert_eq!(found, state, "after {staying:?}");
            for (action, (status, next)) in &changing {
                let (answered, found, flash) = self.at(&way, |world, live| live.take(world, state, *action));
                assert_eq!(answered, *status, "{answered:04X} to {action:?} in {state:02X?}");
                assert_eq!(found, *next, "{action:?} in {state:02X?}");
                if next.lasting() != state.lasting() {
                    assert_eq!(self.stored(&flash), next.lasting(), "{action:?} in {state:02X?}");
                    let start = next.power_on();
                    if !self.sources.iter().any(|(known, _)| *known == start) {
                        self.sources.push((start, flash.copy()));
                        let source = self.sources.len() - 1;
                        // Not known yet, or known by a longer way.
                        if !known.contains_key(&start) {
                            open.push((Reverse(0), Reverse(start)));
                        }
                        known.insert(start, Way { source, path: vec![] });
                    }
                }
            }
            count.transitions += staying.len() + changing.len();
            count.changing += changing.len();
            self.discover(&mut known, &mut open, &way, state, &changing);
            known.insert(state, way);
        }
        count.lasting = self.sources.len();
        count
    }

    fn discover(
        &self,
        known: &mut BTreeMap<State, Way>,
        open: &mut BinaryHeap<(Reverse<usize>, Reverse<State>)>,
        way: &Way,
        state: State,
        changing: &[(Action, (u16, State))],
    ) {
        for (action, (_, next)) in changing {
            if *next == state || known.contains_key(next) {
                continue;
            }
            let path = [&way.path[..], &[*action]].concat();
            open.push((Reverse(path.len()), Reverse(*next)));
            known.insert(*next, Way { source: way.source, path });
        }
    }
}

/// Few units, so that it is copied quickly.
fn small_bench() -> Bench {
    let mut bench = Bench::new();
    bench.ram = Ram::new(8, 6, 2, 2);
    bench.flash = Shared::new(96);
    bench.profile.life_cycle = CardLifeCycle::OpReady;
    bench
}

fn power_on(card: u8, ssd: u8, app: u8) -> State {
    State { card, ssd, app, channels: [Some((Who::Isd, Session::None)), None] }
}

/// Explores all of it; with fewer test cases asked for, a part.
fn run(world: World, bench: Bench, full: Count) {
    let states = full.states as u64;
    let limit = kit::scaled(states) as usize;
    let all = limit >= full.states;
    let found = Lab::new(world, bench).explore(if all { usize::MAX } else { limit });
    println!("{found:?}");
    if all {
        assert_eq!(found, full);
    } else {
        assert_eq!(found.states, limit);
    }
}

#[test]
fn every_action_in_every_state_of_a_young_card() {
    let mut bench = small_bench();
    let mut card = bench.card();
    let mut host = content::session(&mut card);
    content::load(&mut host, &mut card);
    let fields: [&[u8]; 6] = [&content::FILE, &content::MODULE, &APP, &[0x00], &hex("C900"), &[]];
    assert_eq!(host.install(&mut card, 0x04, 0x00, &fields), (vec![0], 0x9000));
    content::make_domain(&mut host, &mut card, &SSD, &[0x80], "8400");
    content::give_keys(&mut host, &mut card, &SSD, KVN, &keys(Who::Ssd));
    drop(card);
    let world =
        World { above_app: Who::Isd, secure_app: false, locks: false, asks: false, first: power_on(0x01, 0x07, 0x03) };
    run(world, bench, Count { states: 8_240, lasting: 80, transitions: 420_240, changing: 102_840 });
}

/// An SSD that is PERSONALIZED, with the application below it, and the session of the ISD that made it so.
fn grow(card: &mut TestCard<'_>, privileges: &str) -> Host {
    let mut host = content::session_with_app(card);
    content::personal_domain(&mut host, card, &SSD, privileges, SSD_SEED);
    content::extradite(&mut host, card, &APP, &SSD);
    host
}

#[test]
fn every_action_in_every_state_of_a_grown_card() {
    let mut bench = small_bench();
    let mut card = bench.card();
    drop(grow(&mut card, "90"));
    drop(card);
    let world =
        World { above_app: Who::Ssd, secure_app: true, locks: true, asks: false, first: power_on(0x01, 0x0F, 0x07) };
    run(world, bench, Count { states: 3_844, lasting: 20, transitions: 196_044, changing: 49_856 });
}

#[test]
fn every_action_in_every_state_of_a_card_whose_application_asks() {
    let mut bench = small_bench();
    let mut card = bench.card();
    let mut host = content::session(&mut card);
    content::load(&mut host, &mut card);
    content::install(&mut host, &mut card, &APP, &hex("180800"), "C900");
    content::personal_domain(&mut host, &mut card, &SSD, "80", SSD_SEED);
    drop(card);
    let first = power_on(0x01, 0x0F, 0x07);
    let world = World { above_app: Who::Isd, secure_app: false, locks: false, asks: true, first };
    run(world, bench, Count { states: 4_676, lasting: 40, transitions: 247_996, changing: 59_576 });
}

/// A security domain that is locked while it is selected, or while its application is, opens no session, lets none be
/// opened whose challenge it gave before, and protects nothing for its application; unlocked, it does again.
#[test]
fn a_locked_security_domain_opens_no_session_and_serves_no_application() {
    let mut bench = small_bench();
    bench.desk.0.borrow_mut().secure.insert(APP.to_vec());
    let mut card = bench.card();
    let mut host = grow(&mut card, "80");
    assert_eq!(raw(&mut card, &hex("0070000001")), (vec![1], 0x9000));
    let initialize = hex("8150300008 1111111111111111 00");
    let [lock, unlock] = [0x80, 0x00].map(|state| [0x80, 0xF0, 0x40, state]);
    for who in [Who::Ssd, Who::App] {
        assert_eq!(kit::select_on(&mut card, 1, name(who)).1, 0x9000);
        let domain_keys = &mut keys(Who::Ssd);
        let mut opening = kit::Opening::new(domain_keys, KVN, SecurityLevel::CMac);
        opening.channel = 1;
        let mut inside = opening.open(&mut card).unwrap();
        assert_eq!(host.status(&mut card, lock, &SSD), 0x9000);
        assert_eq!(inside.send(&mut card, [0x80, 0x10, 0, 0], &[1, 2]), (vec![], 0x6985));
        assert_eq!(host.status(&mut card, unlock, &SSD), 0x9000);
        assert_eq!(inside.send(&mut card, [0x80, 0x10, 0, 0], &[1, 2]), (vec![1, 2], 0x9000), "it was only refused");
        // A challenge from before, and one that is asked for now.
        let initiator = Initiator::new(Challenge::new(&[0x11; 8]).unwrap(), LogicalChannel::new(1).unwrap(), KVN);
        let mut buffer = [0; 64];
        let answer = card.transmit(initiator.initialize_update(&mut buffer).unwrap());
        let challenged = initiator.challenged(Response::parse(&answer).unwrap()).unwrap();
        let (_, authentication) = challenged
            .authenticate(&mut keys(Who::Ssd), SecurityLevel::CMac, ChallengePolicy::Off, &mut buffer)
            .unwrap();
        assert_eq!(host.status(&mut card, lock, &SSD), 0x9000);
        assert_eq!(raw(&mut card, authentication), (vec![], 0x6985));
        assert_eq!(raw(&mut card, &initialize), (vec![], 0x6985));
        assert_eq!(host.status(&mut card, unlock, &SSD), 0x9000);
        assert_ne!(raw(&mut card, authentication).1, 0x9000, "that challenge is gone");
        assert_eq!(raw(&mut card, &initialize).1, 0x9000);
    }
}
