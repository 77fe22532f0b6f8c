//! Content and key management as real clients do it: given the plain commands that they meant, the host's operations send
//! the very octets that they sent, block by block and segment by segment.

use crate::support;
use std::collections::{BTreeMap, VecDeque};

use gp_apdu::{Command, StatusWord, Transport, ins};
use gp_cardmanager_model::delete::Delete as DeleteBody;
use gp_cardmanager_model::get_status::GetStatus as GetStatusBody;
use gp_cardmanager_model::host::{
    Authenticate, Cover, Delete, Failure, GetData, GetStatus, Host, Install, Load, NewKeys, Origin, PutKeys, Raw,
    Select, StoreData, run,
};
use gp_cardmanager_model::install::Install as InstallBody;
use gp_cardmanager_model::put_key::{BlockForm, PutKey};
use gp_cardmanager_model::store_data::StoreData as StoreDataBody;
use gp_scp03::{Challenge, Key, SecurityLevel, StaticKeys};
use support::{Cut, assert_same, hex};

#[derive(Clone, Default)]
struct Exchange {
    command: Vec<u8>,
    answer: Vec<u8>,
    /// CLA INS P1 P2, data.
    plain: Vec<u8>,
}

#[derive(Default)]
struct Session {
    name: String,
    keys: BTreeMap<u8, StaticKeys>,
    exchanges: VecDeque<Exchange>,
}

fn sessions() -> Vec<Session> {
    let mut sessions: Vec<Session> = Vec::new();
    for line in include_str!("../data/host_operations.txt").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (words.as_slice(), sessions.last_mut()) {
            ([] | ["#", ..] | ["#keys" | "#session", ..], _) => {}
            (["session", name], _) => sessions.push(Session { name: (*name).into(), ..Session::default() }),
            (["keys", version, enc, mac, dek], Some(session)) => {
                let key = |text| Key::new(&hex(text)).unwrap();
                session.keys.insert(hex(version)[0], StaticKeys::new(key(enc), key(mac), key(dek)).unwrap());
            }
            ([">", command], Some(session)) => {
                session.exchanges.push_back(Exchange { command: hex(command), ..Exchange::default() });
            }
            (["<", answer], Some(session)) => session.exchanges.back_mut().unwrap().answer = hex(answer),
            (["=", plain], Some(session)) => session.exchanges.back_mut().unwrap().plain = hex(plain),
            _ => panic!("{line}"),
        }
    }
    sessions
}

/// Plays the next exchanges and insists on them.
struct Reader {
    exchanges: VecDeque<Exchange>,
    sent: usize,
}

impl Transport for Reader {
    type Error = Cut;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Cut> {
        let Exchange { command: recorded, answer, .. } = self.exchanges.pop_front().ok_or(Cut)?;
        assert_same(command, &recorded);
        response[..answer.len()].copy_from_slice(&answer);
        self.sent += 1;
        Ok(answer.len())
    }
}

/// The operations that were carried out, by instruction.
type Count = BTreeMap<u8, usize>;

fn play(session: Session) -> Count {
    let Session { name, keys, exchanges } = session;
    let (mut command, mut response) = ([0; 1024], [0; 520]);
    let mut host = Host::new(&mut command, &mut response, ());
    let mut reader = Reader { exchanges, sent: 0 };
    let mut count = Count::new();
    let mut version = 0;
    while let Some(next) = reader.exchanges.front().cloned() {
        let before = reader.sent;
        let refused = |error: gp_cardmanager_model::host::Error<Cut>| {
            assert_eq!(error.failure().unwrap().status(), Some(StatusWord::REFERENCED_DATA_NOT_FOUND), "{name}");
        };
        // The plain command: in a chain it stands with the last segment.
        let plain = match reader.exchanges.iter().find(|exchange| !exchange.plain.is_empty()) {
            Some(exchange) if next.command[0] & 0x04 != 0 => exchange.plain.clone(),
            _ => next.command.clone(),
        };
        let (header, data) = plain.split_at(4);
        let (p1, p2) = (header[2], header[3]);
        *count.entry(header[1]).or_default() += 1;
        match header[1] {
            // One client asks for the control information in words of its own.
            ins::SELECT if p2 != 0 => {
                let select = Raw::covered(Command::parse(&next.command).unwrap(), Cover::PlainClosing);
                assert_eq!(run(&mut host, &mut reader, select).unwrap().status, StatusWord::OK);
            }
            ins::SELECT => {
                let aid = Command::parse(&next.command).unwrap().data;
                let select = if aid.is_empty() { Select::issuer_security_domain() } else { Select::prefix(aid) };
                run(&mut host, &mut reader, select).unwrap().fci().unwrap();
            }
            ins::INITIALIZE_UPDATE => {
                let challenge = Challenge::new(Command::parse(&next.command).unwrap().data).unwrap();
                let level = SecurityLevel::from_octet(reader.exchanges[1].command[2]).unwrap();
                version = next.answer[10];
                let task = Authenticate::new(challenge, level, |seen| Ok(&keys[&seen.info().key_version]));
                run(&mut host, &mut reader, task.with_key_version(next.command[2])).unwrap();
            }
            ins::GET_DATA => {
                let data = GetData::new(u16::from_be_bytes([p1, p2]));
                let _ = run(&mut host, &mut reader, data).map_err(refused);
            }
            ins::GET_STATUS => {
                let body = GetStatusBody::parse(p1, p2, data).unwrap();
                let aid = body.aid.to_vec();
                let list = GetStatus::new(body.subset, |entry| assert!(entry.is_ok())).with_aid(&aid);
                run(&mut host, &mut reader, list).unwrap();
            }
            ins::INSTALL => match InstallBody::parse(p1, p2, data).unwrap() {
                InstallBody::Load(body) => {
                    let loads = reader
                        .exchanges
                        .iter()
                        .skip(1)
                        .take_while(|exchange| exchange.plain.get(1) == Some(&ins::LOAD));
                    let file: Vec<u8> = loads.flat_map(|exchange| exchange.plain[4..].to_vec()).collect();
                    let (head, rest) = file.split_at(3);
                    let pieces = rest.chunks(100);
                    let done = run(&mut host, &mut reader, Load::new(body, head, pieces)).unwrap();
                    assert_eq!(done.confirmation().unwrap(), None);
                    *count.entry(ins::LOAD).or_default() += 1;
                }
                body => {
                    let done = run(&mut host, &mut reader, Install::new(body)).unwrap();
                    assert_eq!(done.confirmation().unwrap(), None);
                }
            },
            ins::DELETE => {
                let body = DeleteBody::parse(p1, p2, data).unwrap();
                let done = run(&mut host, &mut reader, Delete::new(body)).unwrap();
                assert_eq!(done.data, [0x00]);
            }
            ins::PUT_KEY => {
                let body = PutKey::parse(p1, p2, data).unwrap();
                let block = body.keys().next().unwrap().components().next().unwrap().block.len();
                let form = if block.is_multiple_of(16) { BlockForm::Bare } else { BlockForm::WithLength };
                assert_eq!((body.target.replaces, body.target.first_id, body.target.several), (None, 1, true));
                let new = NewKeys::Set(&keys[&body.version]);
                let put = PutKeys::add(body.version, new, keys[&version].dek()).with_form(form);
                let put = run(&mut host, &mut reader, put).unwrap();
                assert_eq!((put.version, put.zero_block_check_values), (body.version, false));
            }
            ins::STORE_DATA => {
                let header = StoreDataBody::parse(p1, p2).unwrap();
                assert!(header.last && header.number == 0);
                let answer = run(&mut host, &mut reader, StoreData::new(header.format, data)).unwrap();
                assert_eq!(answer.origin, Origin::Authentic);
            }
            other => panic!("{name}: {other:02X}"),
        }
        assert!(reader.sent > before);
    }
    count
}

#[test]
fn the_same_octets_as_the_clients() {
    let mut total = Count::new();
    let mut chained = 0;
    for session in sessions() {
        chained +=
            session.exchanges.iter().filter(|e| e.command[1] == ins::INSTALL && e.command[2] & 0x80 != 0).count();
        for (ins, count) in play(session) {
            *total.entry(ins).or_default() += count;
        }
    }
    let expected = [
        (ins::INITIALIZE_UPDATE, 26),
        (ins::SELECT, 26),
        (ins::GET_STATUS, 76),
        (ins::GET_DATA, 11),
        (ins::PUT_KEY, 4),
        (ins::STORE_DATA, 1),
        (ins::DELETE, 9),
        (ins::INSTALL, 8),
        (ins::LOAD, 4),
    ];
    for (ins, count) in expected {
        assert_eq!(total[&ins], count, "{ins:02X}");
    }
    assert_eq!(chained, 1);
}

/// The keys of the session in use cannot be deleted by accident, whichever way they are named.
#[test]
fn the_key_version_in_use_is_never_deleted() {
    let mut card = support::TestCard::new(16, 0x70, |_, _: &[u8]| (vec![0x00], StatusWord::OK));
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    let keys = support::keys(16);
    let error = run(&mut host, &mut card, Delete::key_version(0x31)).unwrap_err();
    assert_eq!(error.failure(), Some(Failure::NoSession));
    let task = Authenticate::new(Challenge::new(&[7; 8]).unwrap(), SecurityLevel::Full, |_| Ok(&keys));
    run(&mut host, &mut card, task).unwrap();
    let every = gp_cardmanager_model::delete::DeleteKeys { id: Some(1), version: None };
    for task in [Delete::key_version(0x30), Delete::key(0x30, 2), Delete::new(DeleteBody::Keys(every))] {
        let error = run(&mut host, &mut card, task).unwrap_err();
        assert_eq!(error.failure(), Some(Failure::KeyInUse(0x30)));
    }
    assert_eq!(card.count(ins::DELETE), 0);
    let done = run(&mut host, &mut card, Delete::key_version(0x31)).unwrap();
    assert_eq!((done.data, done.origin), (&[0x00][..], Origin::Authentic));
    // A channel that was made elsewhere does not say which version it uses.
    let channel = host.slot_mut().take().unwrap();
    host.slot_mut().install(channel);
    let error = run(&mut host, &mut card, Delete::key_version(0x31)).unwrap_err();
    assert_eq!(error.failure(), Some(Failure::KeyInUse(0x31)));
}
