//! What the card does with a command before anybody gets it: its class, and the chain it is a segment of.

use crate::{content, kit};
use content::*;
use gp_apdu::{Chaining, Class, CommandBuf, Form, Header, Le};
use gp_scp03::SecurityLevel;
use kit::{Bench, Event, Host, TestCard, hex, raw, say, select};

/// A segment of a chain, without Le.
fn segment(header: [u8; 4], data: &[u8]) -> Vec<u8> {
    [&header[..], &[data.len() as u8], data].concat()
}

/// A card with an application.
fn populated(bench: &mut Bench) -> TestCard<'_> {
    let mut card = bench.card();
    drop(session_with_app(&mut card));
    card.reset();
    card
}

#[test]
fn a_class_that_is_none_is_answered_so_whoever_is_selected() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = populated(&mut bench);
    for name in [&ISD[..], &APP] {
        assert_eq!(select(&mut card, name).1, 0x9000);
        desk.take_events();
        for class in 0..=0xFF_u8 {
            let none = matches!(class, 0x20..=0x3F | 0xA0..=0xBF | 0xFF);
            let (data, status) = raw(&mut card, &[class, 0x44, 0x00, 0x00]);
            assert!(data.is_empty() && (status == 0x6E00) == none, "{class:02X}: {status:04X}");
            if none {
                for ins in [0xA4, 0x70, 0xCA, 0x50, 0x10] {
                    assert_eq!(
                        raw(&mut card, &[class, ins, 0x04, 0x00, 0x00]),
                        (vec![], 0x6E00),
                        "{class:02X}{ins:02X}"
                    );
                }
                assert_eq!(desk.take_events(), []);
            }
            // A class with the chaining bit began a chain; this ends it.
            card.reset();
            assert_eq!(select(&mut card, name).1, 0x9000);
            desk.take_events();
        }
    }
}

#[test]
fn a_chain_that_is_too_long_is_dropped() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let room = 1024;
    for (more, last) in [
        ([0x80, 0xE6, 0x80, 0x00], [0x80, 0xE6, 0x00, 0x00]),
        ([0x84, 0xE6, 0x80, 0x00], [0x84, 0xE6, 0x00, 0x00]),
        ([0x90, 0x10, 0x00, 0x00], [0x80, 0x10, 0x00, 0x00]),
    ] {
        let by = if more[0] & 0x10 == 0 { Chaining::Gp } else { Chaining::Iso };
        let room = room - Form::Chained(by).data_offset();
        for ending in [more, last] {
            for _ in 0..room / 255 {
                assert_eq!(raw(&mut card, &segment(more, &[0x55; 255])), (vec![], 0x9000));
            }
            // As much as there is room for is taken, one octet more is not.
            assert_eq!(raw(&mut card, &segment(more, &vec![0x55; room % 255])), (vec![], 0x9000));
            assert_eq!(raw(&mut card, &segment(ending, &[0x55])), (vec![], 0x6A86), "{ending:02X?}");
            // Nothing of it is left, and the session has not seen it.
            assert_eq!(host.send(&mut card, [0x80, 0x10, 0x00, 0x00], &[0xAA]), (vec![0xAA], 0x9000));
        }
    }
}

#[test]
fn a_chain_by_class_comes_whole_to_a_security_domain() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    for text in ["90100000 03 010203", "90100000 00", "90100000 01 04"] {
        assert_eq!(say(&mut card, text), (vec![], 0x9000));
    }
    assert_eq!(say(&mut card, "80100000 02 0506 00"), (hex("010203040506"), 0x9000));
    // Under secure messaging the C-MAC is over the whole command.
    for level in SecurityLevel::ALL {
        select(&mut card, &[]);
        let mut host = Host::open(&mut card, kit::KVN, level).unwrap();
        let data: Vec<u8> = (0..600_u16).map(|at| at as u8).collect();
        let mut buffer = vec![0; data.len() + 64];
        let header = Header::new(Class::GP, 0x20, 0x69, 0x99);
        let mut command = CommandBuf::new(&mut buffer, header, Form::Chained(Chaining::Iso)).unwrap();
        command.push(&data).unwrap().expect(Le::MAX_SHORT);
        host.secure.wrap(&mut command).unwrap();
        let (protected, class) = (command.data().to_vec(), command.header().cla.chained(false).byte());
        desk.take_events();
        let mut parts = protected.chunks(255).peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none();
            let header = [if last { class } else { class | 0x10 }, 0x20, 0x69, 0x99];
            let answer = raw(&mut card, &segment(header, part));
            assert_eq!(answer, (vec![], if last { 0x6999 } else { 0x9000 }), "{level:?}");
        }
        let events = desk.take_events();
        let [Event::Process { data: came, level: at, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((came, *at), (&data, Some(level)));
    }
}

#[test]
fn an_application_takes_no_chain() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = populated(&mut bench);
    assert_eq!(select(&mut card, &APP).1, 0x9000);
    desk.take_events();
    for text in ["90100000 01 AA", "10100000 01 AA", "90E60200 01 AA 00", "94100000 01 AA"] {
        assert_eq!(say(&mut card, text), (vec![], 0x6884), "{text}");
    }
    assert_eq!(desk.take_events(), []);
    assert_eq!(say(&mut card, "80100000 01 BB 00"), (vec![0xBB], 0x9000), "and no chain has begun");
    // P1 b8 is no chain to it: it gets the command.
    desk.take_events();
    assert_eq!(say(&mut card, "80E68200 01 AA 00"), (vec![], 0x6D00));
    let events = desk.take_events();
    let [Event::Process { header, data, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!((header.p1, &data[..]), (0x82, &[0xAA][..]));
}

/// Under an ISO class a security domain knows GET DATA beside what selects and opens channels, and takes STORE DATA, as one host sends
/// it; what else comes is its application's.
#[test]
fn management_commands_want_the_class_of_globalplatform() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = Host::open(&mut card, kit::KVN, SecurityLevel::CMac).unwrap();
    assert_eq!(host.status(&mut card, [0x00, 0xE2, 0x80, 0x00], &hex("420155")), 0x9000);
    assert_eq!(host.send(&mut card, [0x00, 0xCA, 0x00, 0x42], &[]), (hex("55"), 0x9000));
    for ins in [0xF2, 0xE4, 0xE6, 0xE8, 0xF0, 0xD8, 0x50, 0x82] {
        assert_eq!(host.status(&mut card, [0x00, ins, 0x80, 0x00], &hex("4F00")), 0x6D00, "{ins:02X}");
    }
    // A session is begun under the class of GlobalPlatform.
    card.reset();
    assert_eq!(raw(&mut card, &hex("0050000008 1111111111111111 00")), (vec![], 0x6D00));
}
