//! The whole of both ends, from the host's operations to the card's applications, and an attacker on the wire between them.

use core::cell::RefCell;

use arbitrary::Arbitrary;
use gp_apdu::{Class, Command, Form, Header, Le, StatusWord, Transport};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::host::{Authenticate, Cover, Host, Lengths, Origin, Raw, Select, run};
use gp_scp03::{Challenge, ChallengePolicy};

use crate::edit::Edit;
use crate::world::kit::{self, Desk, Event, Wire as _};
use crate::world::{Bench, Shared, bench, level};

/// A session with an application, the commands of its host, and what the attacker does to each exchange on the wire.
#[derive(Arbitrary, Debug)]
pub struct Wire<'a> {
    level: u8,
    lengths: u8,
    commands: Vec<(u8, u16)>,
    attacks: Vec<Attack<'a>>,
}

/// What is done to one exchange.
#[derive(Arbitrary, Debug)]
enum Attack<'a> {
    Pass,
    /// The card never gets it, and this comes back.
    Lose(u16),
    /// The host never hears.
    Silence,
    /// The card gets something else.
    ToCard(Vec<Edit<'a>>),
    /// The host gets something else.
    ToHost(Vec<Edit<'a>>),
    /// The card gets it twice, the host the second answer.
    Twice,
    /// The card gets an old message first.
    Again(u8),
    /// The host gets an old answer.
    Old(u8),
    /// The card gets octets of the attacker's own first.
    Inject(&'a [u8]),
    /// The answer comes in two parts, cut there.
    Parts(u8),
}

#[derive(Debug)]
struct Silent;

struct Attacker<'w, 'c, 'm, 'a> {
    card: &'c mut kit::TestCard<'m>,
    attacks: core::slice::Iter<'w, Attack<'a>>,
    commands: Vec<Vec<u8>>,
    answers: Vec<Vec<u8>>,
    /// The rest of an answer that is given out in parts.
    rest: Option<Vec<u8>>,
}

impl Attacker<'_, '_, '_, '_> {
    fn card(&mut self, command: &[u8]) -> Vec<u8> {
        let answer = self.card.transmit(command);
        self.commands.push(command.to_vec());
        self.answers.push(answer.clone());
        answer
    }

    fn answer(&mut self, command: &[u8]) -> Result<Vec<u8>, Silent> {
        if let Some(rest) = self.rest.take() {
            return Ok(rest);
        }
        let old = |messages: &[Vec<u8>], back: u8| {
            let at = messages.len().checked_sub(1 + usize::from(back) % messages.len().max(1))?;
            messages.get(at).cloned()
        };
        match self.attacks.next() {
            None | Some(Attack::Pass) => Ok(self.card(command)),
            Some(Attack::Lose(status)) => Ok(status.to_be_bytes().to_vec()),
            Some(Attack::Silence) => {
                self.card(command);
                Err(Silent)
            }
            Some(Attack::ToCard(edits)) => {
                let other = old(&self.commands, 0).unwrap_or_default();
                Ok(self.card(&Edit::all(edits, command, &other)))
            }
            Some(Attack::ToHost(edits)) => {
                let other = old(&self.answers, 0).unwrap_or_default();
                let answer = self.card(command);
                Ok(Edit::all(edits, &answer, &other))
            }
            Some(Attack::Twice) => {
                self.card(command);
                Ok(self.card(command))
            }
            Some(Attack::Again(back)) => {
                if let Some(before) = old(&self.commands, *back) {
                    self.card(&before);
                }
                Ok(self.card(command))
            }
            Some(Attack::Old(back)) => {
                let answer = old(&self.answers, *back);
                let now = self.card(command);
                Ok(answer.unwrap_or(now))
            }
            Some(Attack::Inject(octets)) => {
                self.card(octets);
                Ok(self.card(command))
            }
            Some(Attack::Parts(at)) => {
                let answer = self.card(command);
                let at = usize::from(*at) % answer.len();
                self.rest = Some(answer[at..].to_vec());
                Ok([&answer[..at], &[0x61, 0x00]].concat())
            }
        }
    }
}

impl Transport for Attacker<'_, '_, '_, '_> {
    type Error = Silent;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Silent> {
        let answer = self.answer(command)?;
        response.get_mut(..answer.len()).ok_or(Silent)?.copy_from_slice(&answer);
        Ok(answer.len())
    }
}

const FILE: [u8; 6] = [0xD2, 0x76, 0, 0, 1, 0];
const MODULE: [u8; 7] = [0xD2, 0x76, 0, 0, 1, 0, 1];
const APPLICATION: [u8; 7] = [0xD2, 0x76, 0, 0, 1, 0xAA, 1];

/// A card with an application that echoes, made once.
fn card_with_application() -> Bench {
    std::thread_local! {
        static MADE: RefCell<Option<Shared>> = const { RefCell::new(None) };
    }
    let mut bench = bench(0x70, [8, 6, 2, 1], 200);
    bench.flash = MADE.with_borrow_mut(|made| {
        let flash = made.get_or_insert_with(|| {
            let mut bench = self::bench(0x70, [8, 6, 2, 1], 200);
            let mut card = bench.card();
            let mut host =
                kit::Host::open(&mut card, kit::KVN, gp_scp03::SecurityLevel::CMac).expect("the factory's keys");
            host.load_package(&mut card, &FILE, &[&MODULE]);
            kit::make_app(&mut card, &mut host, &FILE, &MODULE, &APPLICATION);
            drop(card);
            bench.flash
        });
        flash.copy()
    });
    bench.desk = Desk::default();
    bench.desk.0.borrow_mut().secure.insert(APPLICATION.to_vec());
    bench
}

/// Plays the session, and checks:
///
/// - what reaches the application within the session is what the host has sent, in its order, with nothing left out and
///   nothing twice, whole where it came in segments;
/// - what the host takes as authentic is what the application answered to that very command;
/// - without the session's keys nothing reaches it as if within the session.
pub fn wire(input: &Wire<'_>) {
    // Level 00 protects nothing.
    let level = Some(level(input.level)).filter(|level| level.has_c_mac()).unwrap_or(gp_scp03::SecurityLevel::CMac);
    let mut bench = card_with_application();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let mut link =
        Attacker { card: &mut card, attacks: input.attacks.iter(), commands: vec![], answers: vec![], rest: None };
    let (mut command, mut response) = ([0; 800], [0; 800]);
    let mut host = Host::new(&mut command, &mut response, ());
    host.set_lengths([Lengths::Chained, Lengths::Extended, Lengths::ExtendedIfNeeded][usize::from(input.lengths) % 3]);
    let name = Aid::new(&APPLICATION).expect("an AID");
    let keys = kit::factory_keys();
    let challenge = Challenge::new(&crate::world::salt(input)).expect("8 octets");
    let _ = run(&mut host, &mut link, Select::aid(&name));
    let task = Authenticate::new(challenge, level, |_| Ok(&keys)).with_key_version(kit::KVN);
    let opened = run(&mut host, &mut link, task.with_policy(ChallengePolicy::Off)).is_ok();

    let executed = || -> Vec<(Header, Vec<u8>)> {
        let events = desk.events();
        let within = events.into_iter().filter_map(|event| match event {
            Event::Process { header, data, level: Some(_), .. } => Some((header, data)),
            _ => None,
        });
        within.collect()
    };
    let mut sent: Vec<(Header, Vec<u8>)> = vec![];
    for (ins, length) in input.commands.iter().take(12) {
        if !opened {
            break;
        }
        // Echoes, refusals, warnings with data, and what is not there.
        let header = match ins % 4 {
            0 | 1 => Header::new(Class::GP, 0x10 | ins & 0x0F, 1, 2),
            2 => Header::new(Class::GP, 0x22, 0x63, 0x10),
            _ => Header::new(Class::GP, 0x20, 0x69, 0x85),
        };
        let data: Vec<u8> = (0..length % 500).map(|at| (at as u8) ^ (sent.len() as u8).wrapping_mul(31)).collect();
        let (before, number) = (link.commands.len(), sent.len());
        sent.push((header, data.clone()));
        let command = Command { header, data: &data, le: Some(Le::MAX_SHORT), form: Form::Short };
        let answer = run(&mut host, &mut link, Raw::covered(command, Cover::Session))
            .map(|answer| (answer.data.to_vec(), answer.status, answer.origin));
        let done = executed();
        assert!(done.len() <= sent.len() && done[..] == sent[..done.len()], "{done:02X?} of {sent:02X?}");
        match answer {
            Ok((told, status, Origin::Authentic)) => {
                assert!(level.has_r_mac());
                assert_eq!(done.len(), number + 1, "an answer to a command that did not come");
                let expected = if ins % 4 == 2 { StatusWord::MORE_DATA } else { StatusWord::OK };
                assert_eq!((told, status), (data, expected));
            }
            Ok((told, status, Origin::Plain)) => {
                assert!(!level.has_r_mac() || (told.is_empty() && !status.is_protected()));
            }
            Err(_) if link.commands.len() == before && host.secure_channel().is_some() => {
                // It could not be built, and nothing was sent.
                sent.pop();
            }
            Err(_) => {}
        }
        if host.secure_channel().is_none() {
            break;
        }
    }
    let done = executed();
    assert!(opened || done.is_empty(), "within a session that was never opened");
    assert!(done.len() <= sent.len() && done[..] == sent[..done.len()]);
}
