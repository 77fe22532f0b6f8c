//! The host against an arbitrary card.

use std::cell::RefCell;

use gp_apdu::{Command, Transport, ins};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::{
    Authenticate, CloseChannel, Delete, Discover, Error, Event, GetData, GetStatus, Host, Install, Lengths, Observer,
    OpenChannel, Origin, Select, SetStatus, StoreData, run,
};
use gp_cardmanager_model::store_data::StoreDataFormat;
use gp_scp03::{Challenge, ChallengePolicy, Reply, StaticKeys};

use crate::world::{bench, frame, kit, level};

/// The card said nothing more.
#[derive(Debug)]
struct Silence;

/// A card whose answers are the fuzzer's; or before that a real one.
struct Link<'c, 'm, 'a> {
    real: Option<&'c mut kit::TestCard<'m>>,
    answers: &'a [u8],
    sent: Vec<Vec<u8>>,
}

impl Transport for Link<'_, '_, '_> {
    type Error = Silence;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Silence> {
        Command::parse(command).expect("the host sends commands");
        self.sent.push(command.to_vec());
        let answer = match &mut self.real {
            Some(card) => kit::Wire::transmit(*card, command),
            None => frame(&mut self.answers).ok_or(Silence)?.to_vec(),
        };
        let room = response.get_mut(..answer.len()).ok_or(Silence)?;
        room.copy_from_slice(&answer);
        Ok(answer.len())
    }
}

/// The first octet is the level (and b8: a session with a real card is opened before), the second chooses the operations; then
/// answers, each with its length in front. All octets are the attacker's, who has no key. Checks:
///
/// - an operation ends after a bounded number of exchanges, whatever the answers;
/// - no session opens; no EXTERNAL AUTHENTICATE goes out, for no card cryptogram is right; INITIALIZE UPDATE goes out once;
/// - nothing is authentic, to operations and observers, in a session under R-MAC, either;
/// - a session that died sends nothing more.
pub fn host_handshake(octets: &[u8]) {
    let [first, plan, answers @ ..] = octets else { return };
    let level = level(first & 0x3F);
    let keys = kit::factory_keys();
    let mut bench = bench(0x70, [4, 4, 2, 1], 128);
    let mut card = bench.card();
    let mut link = Link { real: Some(&mut card), answers, sent: vec![] };
    let (mut command, mut response) = ([0; 300], [0; 300]);
    let authentic = RefCell::new(0);
    let observer = |event: Event<'_>| {
        if let Event::Opened(Reply::Authentic(_)) = event {
            *authentic.borrow_mut() += 1;
        }
    };
    let mut host = Host::new(&mut command, &mut response, observer);
    host.set_lengths([Lengths::Chained, Lengths::Extended, Lengths::ExtendedIfNeeded][usize::from(first >> 6) % 3]);
    let salt = crate::world::salt(&octets);
    let challenge = || Challenge::new(&salt).expect("8 octets");
    let protected = first & 0x80 != 0;
    if protected {
        run(&mut host, &mut link, Authenticate::new(challenge(), level, |_| Ok(&keys))).expect("the right keys");
    }
    link.real = None;
    link.sent.clear();

    let mut plan = u32::from(*plan);
    for _ in 0..12 {
        let before = (link.sent.len(), link.answers.len());
        let choice = plan % 12;
        plan = plan.wrapping_mul(1_103_515_245).wrapping_add(12_345) >> 3;
        let dead = host.slot().is_dead();
        operation(&mut host, &mut link, choice, &keys, level, challenge());
        let sent = link.sent.len() - before.0;
        // Each answer has its length in front, and each exchange takes one; one more may wait in vain.
        assert!(sent <= before.1 - link.answers.len() + 1);
        // What goes in the clear anyway may be sent: selection, channels, a new handshake.
        let open = |command: &Vec<u8>| matches!(command[1], ins::SELECT | ins::MANAGE_CHANNEL | ins::INITIALIZE_UPDATE);
        assert!(!dead || sent == 0 || open(&link.sent[before.0]), "a dead session goes on: {:02X?}", link.sent);
        if link.answers.is_empty() {
            break;
        }
    }
    drop(host);
    assert_eq!(*authentic.borrow(), 0, "something was authentic");
    assert!(link.sent.iter().all(|command| command[1] != ins::EXTERNAL_AUTHENTICATE));
}

fn operation<O: Observer>(
    host: &mut Host<'_, O>,
    link: &mut Link<'_, '_, '_>,
    choice: u32,
    keys: &StaticKeys,
    level: gp_scp03::SecurityLevel,
    challenge: Challenge,
) {
    let name = Aid::ISSUER_SECURITY_DOMAIN;
    let ended = |origin: Result<Origin, Error<Silence>>| assert_ne!(origin.unwrap_or_default(), Origin::Authentic);
    match choice {
        0 => drop(run(host, link, Select::issuer_security_domain()).map(|selected| selected.fci().is_ok())),
        1 => ended(run(host, link, Discover::new(|fact| drop(format!("{fact:?}")))).map(|found| found.origin)),
        2 | 3 => {
            let before = link.sent.len();
            let policy = if choice == 2 { ChallengePolicy::Off } else { ChallengePolicy::Require(name.as_bytes()) };
            let task = Authenticate::new(challenge, level, |_| Ok(keys)).with_policy(policy);
            assert!(run(host, link, task).is_err(), "somebody without keys has opened a session");
            assert!(host.secure_channel().is_none());
            let updates = link.sent[before..].iter().filter(|command| command[1] == ins::INITIALIZE_UPDATE).count();
            assert_eq!(updates, 1);
        }
        4 | 5 => {
            let subset = Subset::ALL[choice as usize - 2];
            let mut entries = 0;
            let task = GetStatus::new(subset, |entry| entries += u32::from(entry.is_ok()));
            ended(run(host, link, task).map(|listed| listed.origin));
        }
        6 => ended(run(host, link, GetData::KEY_INFORMATION).map(|answer| answer.origin)),
        7 => ended(run(host, link, Delete::object(name)).map(|done| done.origin)),
        8 => ended(run(host, link, Install::make_selectable(name)).map(|done| done.origin)),
        9 => ended(run(host, link, SetStatus::lock(name))),
        10 => {
            ended(run(host, link, StoreData::new(StoreDataFormat::default(), &[0x11; 300])).map(|answer| answer.origin))
        }
        _ => {
            let opened = run(host, link, OpenChannel::any());
            if let Ok(channel) = opened {
                drop(run(host, link, CloseChannel::new(channel)));
            }
        }
    }
}
