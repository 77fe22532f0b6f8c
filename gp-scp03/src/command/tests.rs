use gp_apdu::{Form, Le};
use std::vec::Vec;

use super::*;
use crate::{Key, Mode, SessionKeys};

fn session(mode: Mode) -> Session {
    let key = |octet| Key::new(&[octet; 16]).unwrap();
    Session::new(SessionKeys::new(key(1), key(2), key(3)).unwrap(), mode)
}

/// Until the C-MAC has been found right, a command moves neither chain nor counter, and is not itself touched.
#[test]
fn a_refusal_changes_nothing_before_the_mac_holds() {
    for mode in [Mode::S8, Mode::S16] {
        let (mut host, mut card) = (session(mode), session(mode));
        let mut buffer = [0; 64];
        let header = gp_apdu::Header::new(Class::GP, 0xE2, 0, 0);
        let mut command = CommandBuf::new(&mut buffer, header, Form::Short).unwrap();
        command.push(&[0x5A; 20]).unwrap();
        host.wrap_command(SecurityLevel::Full, &mut command).unwrap();
        let wire = command.finish().unwrap().to_vec();
        for bit in 0..wire.len() * 8 {
            let mut octets = wire.clone();
            octets[bit / 8] ^= 1 << (bit % 8);
            let Ok(mut command) = CommandBuf::parse(&mut octets, wire.len()) else { continue };
            let before = (command.header(), command.data().to_vec());
            let result = card.unwrap_command(SecurityLevel::Full, &mut command);
            // The channel is no matter of the MAC: the responder looks at it.
            if command.header().cla.channel().number() == 0 {
                assert_eq!(result, Err(Error::Security), "bit {bit}");
                assert_eq!((card.chaining.0, card.counter), ([0; 16], 0));
                assert_eq!((command.header(), command.data().to_vec()), before);
            } else {
                card = session(mode);
            }
        }
        let mut octets = wire.clone();
        let mut command = CommandBuf::parse(&mut octets, wire.len()).unwrap();
        card.unwrap_command(SecurityLevel::Full, &mut command).unwrap();
        assert_eq!(command.data(), [0x5A; 20]);
        assert_eq!((card.chaining.0, card.counter), (host.chaining.0, 1));
        assert_ne!(card.chaining.0, [0; 16]);
    }
}

/// Amendment D 6.2.6, 6.2.7: the counter is at the end of the block, the mark of a response at its start.
#[test]
fn counter_blocks() {
    let block = Number { counter: 0x0102_0304, response: false }.block();
    assert_eq!(block, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
    let block = Number { counter: 1, response: true }.block();
    assert_eq!(block, [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
}

/// Amendment D 6.2.4 by hand: what the C-MAC covers, and what it does not.
#[test]
fn what_the_c_mac_covers() {
    for (class, covered) in [(0x80, 0x84), (0x83, 0x84), (0xC0, 0x84), (0xCF, 0x84), (0x00, 0x04), (0x4F, 0x04)] {
        for (form, lc) in [(Form::Short, &[11_u8][..]), (Form::Extended, &[0, 0, 11])] {
            for le in [None, Some(Le::MAX_SHORT)] {
                let mut host = session(Mode::S8);
                host.chaining.0 = [0xC5; 16];
                let header = gp_apdu::Header::new(Class::from_byte(class).unwrap(), 0xE2, 0xAB, 0xCD);
                let mut buffer = [0; 64];
                let mut command = CommandBuf::new(&mut buffer, header, form).unwrap();
                command.push(&[1, 2, 3]).unwrap();
                command.set_le(le);
                host.wrap_command(SecurityLevel::CMac, &mut command).unwrap();
                let message: Vec<u8> = [&[0xC5; 16], &[covered, 0xE2, 0xAB, 0xCD][..], lc, &[1, 2, 3]].concat();
                let mac = Key::new(&[2; 16]).unwrap().cmac(&[&message]);
                assert_eq!(command.data(), [&[1, 2, 3], &mac[..8]].concat());
                assert_eq!(host.chaining.0, mac);
            }
        }
    }
}

/// The C-MAC covers Lc as the form writes it.
#[test]
fn the_head_is_the_header_and_the_lc_of_the_form() {
    use gp_apdu::{Chaining, Header};
    for form in [Form::Short, Form::Extended, Form::Chained(Chaining::Gp), Form::Chained(Chaining::Iso)] {
        let mut buffer = [0; 16];
        let header = Header::new(Class::from_byte(0x8B).unwrap(), 0xE2, 0x01, 0x02);
        let command = CommandBuf::new(&mut buffer, header, form).unwrap();
        for length in [1, 2, 8, 0xFE, 0xFF, 0x100, 0x101, 0x1234, 0xFFFE, 0xFFFF, 0x1_0000, usize::MAX] {
            let head = mac_head(&command, length);
            let Ok(lc) = form.lc_field(length) else {
                assert_eq!(head.err(), Some(gp_apdu::Error::DataTooLong.into()));
                continue;
            };
            let octets = [&[0x84, 0xE2, 0x01, 0x02], lc.as_slice()].concat();
            assert_eq!(head.unwrap().octets()[..4 + lc.as_slice().len()], octets, "{form:?} {length}");
        }
    }
}
