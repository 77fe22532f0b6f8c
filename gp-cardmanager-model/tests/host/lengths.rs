//! How long commands get: blocks that fit level, mode and form; chaining and extended length; answers in parts.

use crate::support;
use core::num::NonZeroU8;

use gp_apdu::{Class, Command, Form, Header, Le, StatusWord, ins};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::host::{
    Answer, Authenticate, CloseChannel, CreateSecurityDomain, Failure, GetData, Host, Install, Lengths, Load, NewKeys,
    OpenChannel, Origin, PutKeys, Raw, SetStatus, StoreData, run,
};
use gp_cardmanager_model::install::{self, ForInstall, ForLoad};
use gp_cardmanager_model::lifecycle::CardLifeCycle;
use gp_cardmanager_model::load_file::{Content, LoadFile};
use gp_cardmanager_model::store_data::{StoreDataFormat, Structure};
use gp_scp03::{Challenge, Key, SecurityLevel};
use support::{Handled, TestCard, keys};

fn aid(last: u8) -> Aid {
    Aid::new(&[0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, last]).unwrap()
}

fn answer(header: Header, _: &[u8]) -> Handled {
    match header.ins {
        ins::SET_STATUS => (Vec::new(), StatusWord::OK),
        ins::STORE_DATA if header.p1 & 1 == 0 => (Vec::new(), StatusWord::OK),
        ins::MANAGE_CHANNEL => (vec![3], StatusWord::OK),
        _ => (vec![0x00], StatusWord::OK),
    }
}

type Card = TestCard<fn(Header, &[u8]) -> Handled>;

fn open<'b>(card: &mut Card, command: &'b mut [u8], response: &'b mut [u8], level: SecurityLevel) -> Host<'b> {
    let mut host = Host::new(command, response, ());
    let mode = card.info.implementation.mode().octets();
    let keys = keys(16);
    let challenge = Challenge::new(&[9; 16][..mode]).unwrap();
    run(&mut host, card, Authenticate::new(challenge, level, |_| Ok(&keys))).unwrap();
    card.seen.clear();
    host
}

fn for_load() -> ForLoad<'static> {
    ForLoad { load_file: aid(1), security_domain: None, hash: &[], parameters: &[], token: &[] }
}

/// Every level and mode: the blocks are as long as the table says, none is longer, and the file arrives whole.
#[test]
fn blocks_fill_the_commands() {
    let file: Vec<u8> = (0..3000_u32).map(|i| (i * 7) as u8).collect();
    let mut head = [0; 8];
    let head: &[u8] = LoadFile { daps: &[], content: Content::Plain { len: file.len() } }.emit_head(&mut head).unwrap();
    for (level, s8, s16) in
        [(0x00, 255, 255), (0x01, 247, 239), (0x03, 239, 223), (0x11, 247, 239), (0x13, 239, 223), (0x33, 239, 223)]
    {
        for (i, room) in [(0x70, s8), (0x71, s16)] {
            for (asked, wire, expected) in [
                (usize::MAX, None, room),
                (100, None, 100),
                (254, None, room.min(254)),
                (usize::MAX, NonZeroU8::new(128), 0),
            ] {
                let level = SecurityLevel::from_octet(level).unwrap();
                let mut card: Card = TestCard::new(16, i, answer);
                let (mut command, mut response) = ([0; 261], [0; 258]);
                let mut host = open(&mut card, &mut command, &mut response, level);
                host.set_max_command_data(wire);
                let load = Load::new(for_load(), head, file.chunks(77)).with_block_len(asked);
                let done = run(&mut host, &mut card, load).unwrap();
                assert_eq!(done.data, [0x00]);
                assert_eq!(done.origin == Origin::Authentic, level.has_r_mac());
                let longest = card.seen.iter().map(|command| usize::from(command[4])).max().unwrap();
                assert!(longest <= wire.map_or(255, |wire| wire.get().into()));
                let blocks: Vec<_> = card.handled.iter().filter(|(header, _)| header.ins == ins::LOAD).collect();
                let sent: Vec<u8> = blocks.iter().flat_map(|(_, data)| data.clone()).collect();
                assert_eq!(sent, [head, &file].concat());
                if expected != 0 {
                    assert_eq!(blocks[0].1.len(), expected, "level {:02X} i {i:02X}", level.octet());
                    assert_eq!(blocks.len(), (file.len() + head.len()).div_ceil(expected));
                }
                for (number, (header, _)) in blocks.iter().enumerate() {
                    let p1 = if number + 1 == blocks.len() { 0x80 } else { 0x00 };
                    assert_eq!((header.p1, usize::from(header.p2)), (p1, number));
                }
                assert_eq!(card.handled[0].0.ins, ins::INSTALL);
            }
        }
    }
}

#[test]
fn a_file_of_more_than_256_blocks_is_refused_before_anything_is_sent() {
    let file = vec![0x5A; 257 * 50];
    let mut card: Card = TestCard::new(16, 0x70, answer);
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = open(&mut card, &mut command, &mut response, SecurityLevel::Full);
    let load = Load::new(for_load(), &[], core::iter::once(file.as_slice())).with_block_len(50);
    assert_eq!(load.total(), file.len());
    let error = run(&mut host, &mut card, load).unwrap_err();
    assert_eq!(error.failure(), Some(Failure::TooManyBlocks));
    let format = StoreDataFormat::default();
    let error = run(&mut host, &mut card, StoreData::new(format, &file).with_block_len(50)).unwrap_err();
    assert_eq!(error.failure(), Some(Failure::TooManyBlocks));
    assert!(card.seen.is_empty());
    let load = Load::new(for_load(), &[], core::iter::once(&file[..256 * 50])).with_block_len(50);
    run(&mut host, &mut card, load).unwrap();
    assert_eq!(card.count(ins::LOAD), 256);
    assert_eq!(card.seen.last().unwrap()[2..4], [0x80, 0xFF]);
}

/// The combined process, and a failure in the middle of a load.
#[test]
fn load_install_and_make_selectable_in_one() {
    let file = [0x77; 500];
    let last = ForInstall {
        load_file: None,
        module: Some(aid(2)),
        application: aid(3),
        privileges: &[0x00],
        parameters: &[0xC9, 0x00],
        token: &[],
    };
    let task = || Load::combined(for_load(), &[0xC4, 0x82, 0x01, 0xF4], core::iter::once(&file[..]), last);
    let mut card: Card = TestCard::new(16, 0x70, answer);
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = open(&mut card, &mut command, &mut response, SecurityLevel::Full);
    run(&mut host, &mut card, task()).unwrap();
    let sent: Vec<[u8; 3]> = card.handled.iter().map(|(header, _)| [header.ins, header.p1, header.p2]).collect();
    assert_eq!(
        sent,
        [[0xE6, 0x0E, 0x01], [0xE8, 0x00, 0x00], [0xE8, 0x00, 0x01], [0xE8, 0x80, 0x02], [0xE6, 0x0E, 0x03]]
    );
    for (at, expected) in sent.iter().enumerate() {
        let mut count = 0;
        let mut card = TestCard::new(16, 0x70, |header: Header, data: &[u8]| {
            count += 1;
            if count == at + 1 { (Vec::new(), StatusWord::NOT_ENOUGH_MEMORY) } else { answer(header, data) }
        });
        let keys = keys(16);
        let (mut command, mut response) = ([0; 261], [0; 258]);
        let mut host = Host::new(&mut command, &mut response, ());
        let authenticate = Authenticate::new(Challenge::new(&[9; 8]).unwrap(), SecurityLevel::Full, |_| Ok(&keys));
        run(&mut host, &mut card, authenticate).unwrap();
        let failure = run(&mut host, &mut card, task()).unwrap_err().failure().unwrap();
        let Failure::Refused(refusal) = failure else { panic!("{failure}") };
        assert_eq!((refusal.instruction, refusal.status), (expected[0], StatusWord::NOT_ENOUGH_MEMORY));
        assert!(failure.to_string().contains("memory"));
        assert_eq!(card.handled.len(), at + 1);
        // A refusal ends the operation, not the session.
        assert!(host.secure_channel().is_some());
    }
}

/// One INSTALL of each body length around the limits: what leaves, and that the card gets the body.
#[test]
fn a_long_body_leaves_as_the_host_is_told() {
    let mut sent_somewhere = 0;
    for lengths in [Lengths::Short, Lengths::Chained, Lengths::IsoChained, Lengths::ExtendedIfNeeded, Lengths::Extended]
    {
        for level in SecurityLevel::ALL {
            for i in [0x70, 0x71] {
                for parameters in [0, 100, 180, 190, 200, 210, 215, 220, 225, 230, 240, 250, 260, 700] {
                    let mut content = vec![0xC9, 0x82, 0, 0];
                    content[2..].copy_from_slice(&u16::try_from(parameters).unwrap().to_be_bytes());
                    content.resize(parameters + 4, 0x33);
                    let body = install::Install::Install(ForInstall {
                        load_file: Some(aid(1)),
                        module: Some(aid(2)),
                        application: aid(3),
                        privileges: &[0x00],
                        parameters: &content,
                        token: &[],
                    });
                    let len = body.encoded_len();
                    let mut card: Card = TestCard::new(16, i, answer);
                    let (mut command, mut response) = ([0; 1024], [0; 600]);
                    let mut host = open(&mut card, &mut command, &mut response, level);
                    host.set_lengths(lengths);
                    let result = run(&mut host, &mut card, Install::new(body));
                    let mode = card.info.implementation.mode();
                    let fits = len <= level.max_command_data(mode, Form::Short);
                    let what = format!("{lengths:?} {:02X} {i:02X} {len}", level.octet());
                    if !fits && lengths == Lengths::Short {
                        assert_eq!(
                            result.unwrap_err().failure(),
                            Some(Failure::Apdu(gp_apdu::Error::DataTooLong)),
                            "{what}"
                        );
                        assert!(card.seen.is_empty() && !host.slot().is_dead());
                        continue;
                    }
                    assert_eq!(result.unwrap().data, [0x00], "{what}");
                    let mut expected = [0; 1024];
                    assert_eq!(card.handled.len(), 1);
                    assert_eq!(card.handled[0].1, body.emit(&mut expected).unwrap(), "{what}");
                    let (p1, cla) = (card.seen[0][2], card.seen[0][0]);
                    let extended = Command::parse(&card.seen[0]).unwrap().form == Form::Extended;
                    assert_eq!(p1 & 0x80 != 0, lengths == Lengths::Chained && !fits, "{what}");
                    assert_eq!(cla & 0x10 != 0, lengths == Lengths::IsoChained && !fits, "{what}");
                    let wanted = lengths == Lengths::Extended || (lengths == Lengths::ExtendedIfNeeded && !fits);
                    assert_eq!(extended, wanted, "{what}");
                    assert!(extended || card.seen.iter().all(|command| command.len() <= 261));
                    sent_somewhere += 1;
                }
            }
        }
    }
    assert!(sent_somewhere > 700);
}

#[test]
fn an_answer_in_parts_is_one_answer() {
    for level in SecurityLevel::ALL {
        for part in [1, 7, 30, 255] {
            let mut card: Card = TestCard::new(16, 0x70, |_, _| ((0..200).collect(), StatusWord::OK));
            card.part = part;
            let (mut command, mut response) = ([0; 261], [0; 300]);
            let keys = keys(16);
            let mut host = Host::new(&mut command, &mut response, ());
            let challenge = Challenge::new(&[9; 8]).unwrap();
            // The handshake comes in parts, too.
            run(&mut host, &mut card, Authenticate::new(challenge, level, |_| Ok(&keys))).unwrap();
            let answer = run(&mut host, &mut card, GetData::CARD_DATA).unwrap();
            let expected: Vec<u8> = (0..200).collect();
            assert_eq!(answer.data, expected);
            assert_eq!(card.count(0x50), 1);
        }
    }
}

/// `6Cxx` has a plain command repeated once, and a protected one never.
#[test]
fn a_wrong_le_is_corrected_only_in_the_clear() {
    let wrong = |_: Header, _: &[u8]| (Vec::new(), StatusWord(0x6C20));
    let mut card = TestCard::new(16, 0x70, wrong);
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    let error = run(&mut host, &mut card, GetData::IIN).unwrap_err();
    assert_eq!(error.failure().unwrap().status(), Some(StatusWord(0x6C20)));
    assert_eq!(card.seen.len(), 2);
    assert_eq!(card.seen[1].last(), Some(&0x20));
    let keys = keys(16);
    let authenticate = Authenticate::new(Challenge::new(&[9; 8]).unwrap(), SecurityLevel::CMac, |_| Ok(&keys));
    run(&mut host, &mut card, authenticate).unwrap();
    card.seen.clear();
    assert!(run(&mut host, &mut card, GetData::IIN).is_err());
    assert_eq!(card.seen.len(), 1);
}

#[test]
fn small_operations_say_what_they_mean() {
    let mut card: Card = TestCard::new(16, 0x70, answer);
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = open(&mut card, &mut command, &mut response, SecurityLevel::Full);
    run(&mut host, &mut card, SetStatus::lock(aid(1))).unwrap();
    run(&mut host, &mut card, SetStatus::unlock(aid(1))).unwrap();
    run(&mut host, &mut card, SetStatus::lock_with_all_below(aid(1))).unwrap();
    run(&mut host, &mut card, SetStatus::unlock_with_all_below(aid(1))).unwrap();
    assert_eq!(run(&mut host, &mut card, SetStatus::card(CardLifeCycle::Secured)).unwrap(), Origin::Authentic);
    run(&mut host, &mut card, Install::make_selectable(aid(1))).unwrap();
    run(&mut host, &mut card, Install::extradite(aid(1), aid(2))).unwrap();
    run(&mut host, &mut card, Install::personalize(aid(1))).unwrap();
    let a = [0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0x01];
    let (lv, b) = ([&[7][..], &a].concat(), [0xD0, 0xD1, 0xD2, 0xD3, 0xD4, 0xD5, 0x02]);
    let expected = [
        ([0xF0, 0x40, 0x80], a.to_vec()),
        ([0xF0, 0x40, 0x00], a.to_vec()),
        ([0xF0, 0x60, 0x80], a.to_vec()),
        ([0xF0, 0x60, 0x00], a.to_vec()),
        ([0xF0, 0x80, 0x0F], vec![]),
        ([0xE6, 0x08, 0x00], [&[0, 0], &lv[..], &[1, 0, 0, 0]].concat()),
        ([0xE6, 0x10, 0x00], [&[7][..], &b, &[0], &lv, &[0, 0, 0]].concat()),
        ([0xE6, 0x20, 0x00], [&[0, 0], &lv[..], &[0, 0, 0]].concat()),
    ];
    for ((header, data), (wanted, body)) in card.handled.iter().zip(&expected) {
        assert_eq!(([header.ins, header.p1, header.p2], data), (*wanted, body));
    }
    assert_eq!(card.handled.len(), expected.len());
    // SET STATUS has no Le.
    assert_eq!(card.seen[0].len(), 5 + usize::from(card.seen[0][4]));
}

#[test]
fn data_is_stored_in_blocks() {
    let format = StoreDataFormat { structure: Structure::Dgi, answer: true, ..StoreDataFormat::default() };
    let data: Vec<u8> = (0..=255).chain(0..=255).collect();
    let mut card: Card = TestCard::new(16, 0x70, answer);
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = open(&mut card, &mut command, &mut response, SecurityLevel::Full);
    let stored = run(&mut host, &mut card, StoreData::new(format, &data).to_application(aid(4))).unwrap();
    assert_eq!((stored.data, stored.origin), (&[0x00][..], Origin::Authentic));
    let headers: Vec<[u8; 3]> = card.handled.iter().map(|(h, _)| [h.ins, h.p1, h.p2]).collect();
    assert_eq!(headers, [[0xE6, 0x20, 0], [0xE2, 0x09, 0], [0xE2, 0x09, 1], [0xE2, 0x89, 2]]);
    let blocks: Vec<u8> = card.handled[1..].iter().flat_map(|(_, data)| data.clone()).collect();
    assert_eq!(blocks, data);
    assert_eq!(card.handled[1].1.len(), 239);

    card.handled.clear();
    let format = StoreDataFormat::default();
    let pieces = [&data[..10], &data[10..200], &data[200..203]];
    run(&mut host, &mut card, StoreData::in_pieces(format, &pieces)).unwrap();
    let sent: Vec<_> = card.handled.iter().map(|(h, data)| (h.p1, h.p2, data.len())).collect();
    assert_eq!(sent, [(0x00, 0, 10), (0x00, 1, 190), (0x80, 2, 3)]);
    card.seen.clear();
    let error = run(&mut host, &mut card, StoreData::in_pieces(format, &[&data[..240]])).unwrap_err();
    assert_eq!(error.failure(), Some(Failure::Apdu(gp_apdu::Error::DataTooLong)));
    assert!(card.seen.is_empty());
    run(&mut host, &mut card, StoreData::new(format, &[])).unwrap();
    assert_eq!(card.handled.last().unwrap().0.p1, 0x80);
}

#[test]
fn a_security_domain_is_created_with_minimal_privileges_and_its_parameters() {
    use gp_cardmanager_model::install::{Protocol, Protocols, SecurityDomainParameters};
    use gp_cardmanager_model::privileges::Privileges;
    let mut card: Card = TestCard::new(16, 0x70, answer);
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = open(&mut card, &mut command, &mut response, SecurityLevel::Full);
    run(&mut host, &mut card, CreateSecurityDomain::new(aid(1), aid(2), aid(3))).unwrap();
    let parameters = SecurityDomainParameters {
        protocols: Protocols::new(&[Protocol { id: 3, options: 0x70 }]),
        extradition_to: Some(&[0x20]),
        ..SecurityDomainParameters::default()
    };
    let task = CreateSecurityDomain::new(aid(1), aid(2), aid(3))
        .with_privileges(Privileges::AUTHORIZED_MANAGEMENT)
        .with_parameters(parameters);
    run(&mut host, &mut card, task).unwrap();
    let tail = |index: usize| card.handled[index].1[24..].to_vec();
    assert_eq!(card.handled[0].0.p1, 0x0C);
    assert_eq!(tail(0), [1, 0x80, 2, 0xC9, 0x00, 0]);
    assert_eq!(tail(1), [3, 0x80, 0x40, 0x00, 9, 0xC9, 7, 0x81, 2, 3, 0x70, 0x82, 1, 0x20, 0]);
}

/// PUT KEY: the check values that come back are compared; a set of zero-block ones is taken and reported.
#[test]
fn check_values_are_compared() {
    let (new, zero) = (keys(24), |key: &Key| {
        let mut block = [0; 16];
        key.encrypt_sensitive(&mut block).unwrap();
        [block[0], block[1], block[2]]
    });
    let ids = [gp_scp03::KeyId::Enc, gp_scp03::KeyId::Mac, gp_scp03::KeyId::Dek];
    let of = |values: [[u8; 3]; 3]| [&[0x31][..], &values.concat()].concat();
    let right = of(ids.map(|id| new.key(id).kcv()));
    let zeros = of(ids.map(|id| zero(new.key(id))));
    let mut cases = vec![(right.clone(), Ok(false)), (zeros.clone(), Ok(true))];
    for len in 0..right.len() {
        cases.push((right[..len].to_vec(), Err(())));
    }
    for at in 0..right.len() {
        let mut wrong = right.clone();
        wrong[at] ^= 0x01;
        cases.push((wrong, Err(())));
    }
    cases.push(([&right[..], &[0]].concat(), Err(())));
    cases.push(([&right[..4], &zeros[4..]].concat(), Err(())));
    for (given, expected) in cases {
        let mut card = TestCard::new(16, 0x70, |_, _: &[u8]| (given.clone(), StatusWord::OK));
        let old = keys(16);
        let (mut command, mut response) = ([0; 261], [0; 258]);
        let mut host = Host::new(&mut command, &mut response, ());
        let challenge = Challenge::new(&[9; 8]).unwrap();
        run(&mut host, &mut card, Authenticate::new(challenge, SecurityLevel::Full, |_| Ok(&old))).unwrap();
        let put = run(&mut host, &mut card, PutKeys::replace(0x30, 0x31, NewKeys::Set(&new), old.dek()));
        match (put, expected) {
            (Ok(put), Ok(zeros)) => assert_eq!(put.zero_block_check_values, zeros),
            (Err(error), Err(())) => {
                assert!(matches!(error.failure(), Some(Failure::WrongAnswer | Failure::Body(_))), "{given:02X?}");
            }
            (put, _) => panic!("{given:02X?}: {put:?}"),
        }
        let (header, body) = &card.handled[0];
        assert_eq!([header.ins, header.p1, header.p2], [0xD8, 0x30, 0x81]);
        // 24-octet keys are padded to 32 and say how long they are.
        assert_eq!((body[0], &body[1..4], body.len()), (0x31, &[0x88, 0x21, 0x18][..], 1 + 3 * 39));
    }
}

#[test]
fn logical_channels_are_opened_and_closed_beside_the_session() {
    let mut card: Card = TestCard::new(16, 0x70, answer);
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = open(&mut card, &mut command, &mut response, SecurityLevel::Full);
    let mut sent = Vec::new();
    // The test card protects everything it has a session for, so this link answers in its place.
    let mut link = support::Link(|command: &[u8]| {
        sent.push(command.to_vec());
        Ok(match command[2..4] {
            [0x00, 0x00] => vec![0x03, 0x90, 0x00],
            [0x80, 0x05] => vec![0x62, 0x00],
            _ => vec![0x90, 0x00],
        })
    });
    let three = run(&mut host, &mut link, OpenChannel::any()).unwrap();
    assert_eq!(three.number(), 3);
    let four = gp_apdu::LogicalChannel::new(4).unwrap();
    assert_eq!(run(&mut host, &mut link, OpenChannel::numbered(four)).unwrap(), four);
    assert!(run(&mut host, &mut link, CloseChannel::new(four)).unwrap());
    let five = gp_apdu::LogicalChannel::new(5).unwrap();
    assert!(!run(&mut host, &mut link, CloseChannel::new(five)).unwrap());
    assert!(host.secure_channel().is_some());
    assert_eq!(
        sent,
        [
            vec![0x00, 0x70, 0x00, 0x00, 0x01],
            vec![0x00, 0x70, 0x00, 0x04],
            vec![0x00, 0x70, 0x80, 0x04],
            vec![0x00, 0x70, 0x80, 0x05],
        ]
    );
    // Closing the channel of the session ends it.
    host.set_channel(three);
    let keys = keys(16);
    let challenge = Challenge::new(&[9; 8]).unwrap();
    run(&mut host, &mut card, Authenticate::new(challenge, SecurityLevel::Full, |_| Ok(&keys))).unwrap();
    host.set_channel(gp_apdu::LogicalChannel::BASIC);
    let mut ok = support::Link(|_: &[u8]| Ok(vec![0x90, 0x00]));
    run(&mut host, &mut ok, CloseChannel::new(three)).unwrap();
    assert!(host.secure_channel().is_none() && !host.slot().is_dead());
}

#[test]
fn any_command_of_the_callers_own() {
    let mut card: Card = TestCard::new(16, 0x70, |header, data| {
        (data.iter().map(|octet| octet ^ header.p1).collect(), StatusWord(0x6312))
    });
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = open(&mut card, &mut command, &mut response, SecurityLevel::Full);
    let header = Header::new(Class::ISO, 0x10, 0xFF, 0x00);
    let own = Command { header, data: &[1, 2, 3], le: Some(Le::MAX_SHORT), form: Form::Short };
    let answer = run(&mut host, &mut card, Raw::new(own)).unwrap();
    let expected = Answer { data: &[0xFE, 0xFD, 0xFC], status: StatusWord(0x6312), origin: Origin::Authentic };
    assert_eq!(answer, expected);
    assert_eq!(card.seen[0][0], 0x04);
    // A class that cannot be protected is refused, never sent in the clear.
    card.seen.clear();
    let foreign = Header::new(Class::from_byte(0xA0).unwrap(), 0x10, 0, 0);
    let foreign = Command { header: foreign, ..own };
    let error = run(&mut host, &mut card, Raw::new(foreign)).unwrap_err();
    assert_eq!(error.failure(), Some(Failure::Channel(gp_scp03::Error::Class)));
    assert!(card.seen.is_empty());
}
