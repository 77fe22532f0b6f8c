//! The host in the place of a real client: given the client's challenge and keys, it sends the very same octets, and
//! reads what the card answered.

use crate::support;
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::{
    Authenticate, Event, Failure, GetData, GetStatus, Host, Listed, Origin, Select, run, run_async,
};
use gp_scp03::{Challenge, Key, SecurityLevel, StaticKeys};
use support::{AsyncLink, Cut, Replay, assert_same, block_on, hex};

struct Session {
    name: String,
    keys: [Vec<u8>; 3],
    exchanges: Vec<(Vec<u8>, Vec<u8>)>,
}

fn sessions() -> Vec<Session> {
    let mut sessions: Vec<Session> = Vec::new();
    for line in include_str!("../data/host_sessions.txt").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (words.as_slice(), sessions.last_mut()) {
            ([] | ["#", ..], _) => {}
            (["session", name], _) => {
                let keys = [const { Vec::new() }; 3];
                sessions.push(Session { name: (*name).into(), keys, exchanges: Vec::new() });
            }
            (["keys", enc, mac, dek], Some(session)) => session.keys = [hex(enc), hex(mac), hex(dek)],
            ([">", command], Some(session)) => session.exchanges.push((hex(command), Vec::new())),
            (["<", answer], Some(session)) => session.exchanges.last_mut().unwrap().1 = hex(answer),
            _ => panic!("{line}"),
        }
    }
    sessions
}

impl Session {
    fn static_keys(&self) -> StaticKeys {
        let [enc, mac, dek] = &self.keys;
        StaticKeys::new(Key::new(enc).unwrap(), Key::new(mac).unwrap(), Key::new(dek).unwrap()).unwrap()
    }

    fn challenge(&self) -> Challenge {
        let (command, _) = &self.exchanges[1];
        Challenge::new(&command[5..command.len() - 1]).unwrap()
    }

    fn level(&self) -> SecurityLevel {
        SecurityLevel::from_octet(self.exchanges[2].0[2]).unwrap()
    }

    fn list(&self, subset: Subset, listed: Listed, names: &[String]) {
        assert_eq!((listed.errors, listed.entries), (0, names.len()), "{}", self.name);
        let authentic = self.level().has_r_mac() && listed.entries > 0;
        assert_eq!(listed.origin == Origin::Authentic, authentic, "{}", self.name);
        let long = self.name.contains("continuation");
        match subset {
            Subset::IssuerSecurityDomain => assert_eq!(names, ["A000000151000000"]),
            Subset::Applications if !long => assert!(names.is_empty()),
            Subset::LoadFiles | Subset::LoadFilesAndModules if !long => assert_eq!(names, ["A0000001515350"]),
            _ => assert!(names.len() > 3 && listed.pages > 1, "{}: {names:?}", self.name),
        }
    }
}

/// The order in which that client asks.
const ORDER: [Subset; 4] =
    [Subset::IssuerSecurityDomain, Subset::Applications, Subset::LoadFilesAndModules, Subset::LoadFiles];

#[test]
fn the_same_octets_as_the_client() {
    let sessions = sessions();
    assert_eq!(sessions.len(), 19);
    for session in &sessions {
        let mut replay = Replay { exchanges: session.exchanges.clone().into() };
        let (mut command, mut response) = ([0; 261], [0; 520]);
        let mut events = [0_usize; 4];
        let observer = |event: Event<'_>| match event {
            Event::Plain(_) => events[0] += 1,
            Event::Sent(_) => events[1] += 1,
            Event::Received(_) => events[2] += 1,
            Event::Opened(_) => events[3] += 1,
            _ => unreachable!(),
        };
        let mut host = Host::new(&mut command, &mut response, observer);

        let selected = run(&mut host, &mut replay, Select::issuer_security_domain()).unwrap();
        assert_eq!(selected.fci().unwrap().aid().unwrap().to_string(), "A000000151000000");
        let keys = session.static_keys();
        let authenticate = Authenticate::new(session.challenge(), session.level(), |_| Ok(&keys));
        let opened = run(&mut host, &mut replay, authenticate).unwrap();
        assert_eq!(opened.level, session.level());
        for subset in ORDER {
            let mut names = Vec::new();
            let list = GetStatus::new(subset, |entry| names.push(entry.unwrap().aid.unwrap().to_string()));
            let listed = run(&mut host, &mut replay, list).unwrap();
            session.list(subset, listed, &names);
        }
        assert!(replay.exchanges.is_empty(), "{}", session.name);
        drop(host);
        assert_eq!(events, [session.exchanges.len(); 4]);
    }
}

#[test]
fn the_same_octets_without_blocking() {
    for session in &sessions() {
        let mut exchanges = session.exchanges.iter();
        let mut link = AsyncLink(|command: &[u8]| {
            let (expected, answer) = exchanges.next().ok_or(Cut)?;
            assert_same(command, expected);
            Ok(answer.clone())
        });
        let (mut command, mut response) = ([0; 261], [0; 520]);
        let mut host = Host::new(&mut command, &mut response, ());
        let keys = session.static_keys();
        block_on(async {
            run_async(&mut host, &mut link, Select::issuer_security_domain()).await.unwrap();
            let authenticate = Authenticate::new(session.challenge(), session.level(), |_| Ok(&keys));
            run_async(&mut host, &mut link, authenticate).await.unwrap();
            for subset in ORDER {
                let mut names = Vec::new();
                let list = GetStatus::new(subset, |entry| names.push(entry.unwrap().aid.unwrap().to_string()));
                let listed = run_async(&mut host, &mut link, list).await.unwrap();
                session.list(subset, listed, &names);
            }
        });
        let cut = run(&mut host, &mut support::Link(|_: &[u8]| Err(Cut)), Select::issuer_security_domain());
        assert!(cut.is_err());
    }
}

/// Every recorded answer, cut short or with one octet changed: under R-MAC nothing of it reaches the caller.
#[test]
fn a_changed_answer_is_never_listed_under_r_mac() {
    let mut cases = 0;
    for session in sessions().iter().filter(|session| session.level().has_r_mac() && session.exchanges.len() == 7) {
        for at in 3..session.exchanges.len() {
            let answer = &session.exchanges[at].1;
            if answer.len() == 2 {
                continue;
            }
            for octet in 0..answer.len() {
                let mut changed = session.exchanges.clone();
                changed[at].1[octet] ^= 0x01;
                let mut replay = Replay { exchanges: changed.into() };
                let (mut command, mut response) = ([0; 261], [0; 520]);
                let mut host = Host::new(&mut command, &mut response, ());
                run(&mut host, &mut replay, Select::issuer_security_domain()).unwrap();
                let keys = session.static_keys();
                let authenticate = Authenticate::new(session.challenge(), session.level(), |_| Ok(&keys));
                run(&mut host, &mut replay, authenticate).unwrap();
                let mut failure = None;
                let mut listed = 0;
                for (number, subset) in ORDER.into_iter().enumerate() {
                    let list = GetStatus::new(subset, |_| listed += 1);
                    if let Err(error) = run(&mut host, &mut replay, list) {
                        failure = Some((number, error));
                        break;
                    }
                }
                let (number, error) = failure.expect("a changed answer was taken");
                assert_eq!(number + 3, at);
                assert!(error.failure().is_some(), "{error}");
                assert!(host.slot().is_dead());
                let whole: usize = [1, 0, 1, 1][..number].iter().sum();
                assert_eq!(listed, whole);
                cases += 1;
            }
        }
    }
    assert!(cases > 900, "{cases}");
}

/// What may go out without a session does not go out in the clear when the channel was closed where it lies.
#[test]
fn a_channel_closed_in_its_place_is_dead() {
    let session = &sessions()[0];
    let mut replay = Replay { exchanges: session.exchanges.clone().into() };
    let (mut command, mut response) = ([0; 261], [0; 520]);
    let mut host = Host::new(&mut command, &mut response, ());
    run(&mut host, &mut replay, Select::issuer_security_domain()).unwrap();
    let keys = session.static_keys();
    run(&mut host, &mut replay, Authenticate::new(session.challenge(), session.level(), |_| Ok(&keys))).unwrap();
    assert!(!host.slot().is_dead());
    host.slot_mut().channel_mut().unwrap().close();
    assert!(host.slot().is_dead());
    let left = replay.exchanges.len();
    let refused = run(&mut host, &mut replay, GetData::new(0x0066)).err().unwrap();
    assert_eq!(refused.failure(), Some(Failure::Channel(gp_scp03::Error::Closed)));
    assert_eq!(replay.exchanges.len(), left);
    host.slot_mut().close();
    assert!(!host.slot().is_dead());
}
