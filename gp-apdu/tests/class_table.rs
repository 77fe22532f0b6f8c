//! All 256 class bytes against a table drawn by hand from the coding rules, and what follows from it.

use core::ops::RangeInclusive;
use gp_apdu::{Class, Coding, LogicalChannel, SecureMessaging};

type Row = (RangeInclusive<u8>, bool, Option<Coding>, u8, SecureMessaging, bool);

/// Octets, GlobalPlatform?, coding, channel of the first octet of the row, secure messaging, chained?
#[rustfmt::skip]
const TABLE: [Row; 26] = {
    use {Coding::{First, Further}, SecureMessaging::{Either, GlobalPlatform, Iso, IsoHeader, None as No}};
    const A: Option<Coding> = Some(First);
    const B: Option<Coding> = Some(Further);
    [
        (0x00..=0x03, false, A,    0, No,             false),
        (0x04..=0x07, false, A,    0, GlobalPlatform, false),
        (0x08..=0x0B, false, A,    0, Iso,            false),
        (0x0C..=0x0F, false, A,    0, IsoHeader,      false),
        (0x10..=0x13, false, A,    0, No,             true),
        (0x14..=0x17, false, A,    0, GlobalPlatform, true),
        (0x18..=0x1B, false, A,    0, Iso,            true),
        (0x1C..=0x1F, false, A,    0, IsoHeader,      true),
        (0x20..=0x3F, false, None, 0, No,             false),
        (0x40..=0x4F, false, B,    4, No,             false),
        (0x50..=0x5F, false, B,    4, No,             true),
        (0x60..=0x6F, false, B,    4, Either,         false),
        (0x70..=0x7F, false, B,    4, Either,         true),
        (0x80..=0x83, true,  A,    0, No,             false),
        (0x84..=0x87, true,  A,    0, GlobalPlatform, false),
        (0x88..=0x8B, true,  A,    0, Iso,            false),
        (0x8C..=0x8F, true,  A,    0, IsoHeader,      false),
        (0x90..=0x93, true,  A,    0, No,             true),
        (0x94..=0x97, true,  A,    0, GlobalPlatform, true),
        (0x98..=0x9B, true,  A,    0, Iso,            true),
        (0x9C..=0x9F, true,  A,    0, IsoHeader,      true),
        (0xA0..=0xBF, false, None, 0, No,             false),
        (0xC0..=0xCF, true,  B,    4, No,             false),
        (0xD0..=0xDF, true,  B,    4, No,             true),
        (0xE0..=0xEF, true,  B,    4, Either,         false),
        (0xF0..=0xFE, true,  B,    4, Either,         true),
    ]
};

fn class(octet: u8) -> Class {
    Class::from_byte(octet).unwrap()
}

fn channel(number: u8) -> LogicalChannel {
    LogicalChannel::new(number).unwrap()
}

/// The row of an octet, with the channel it means.
fn row(octet: u8) -> (&'static Row, u8) {
    let row = TABLE.iter().find(|row| row.0.contains(&octet)).unwrap();
    let number = if row.2.is_some() { row.3 + (octet - row.0.start()) } else { 0 };
    (row, number)
}

#[test]
fn table_covers_every_octet_once() {
    for octet in 0..=0xFE {
        assert_eq!(TABLE.iter().filter(|row| row.0.contains(&octet)).count(), 1, "{octet:02X}");
    }
    assert_eq!(Class::from_byte(0xFF), None);
}

#[test]
fn properties_of_all_octets() {
    for octet in 0..=0xFE {
        let (row, number) = row(octet);
        let class = class(octet);
        assert_eq!(class.byte(), octet);
        assert_eq!(class.is_gp(), row.1, "{class}");
        assert_eq!(class.coding(), row.2, "{class}");
        assert_eq!(class.channel(), channel(number), "{class}");
        assert_eq!(class.secure_messaging(), row.4, "{class}");
        assert_eq!(class.is_chained(), row.5, "{class}");
    }
}

#[test]
fn protected_classes_are_these_and_no_others() {
    let protected: Vec<u8> = (0..=0xFE).filter(|octet| class(*octet).is_protected()).collect();
    let expected: Vec<u8> = (0x04..=0x07)
        .chain(0x14..=0x17)
        .chain(0x60..=0x7F)
        .chain(0x84..=0x87)
        .chain(0x94..=0x97)
        .chain(0xE0..=0xFE)
        .collect();
    assert_eq!(protected, expected);
}

/// The octet of a channel is the only one in the table with everything else equal.
#[test]
fn every_class_on_every_channel() {
    let same = |a: SecureMessaging, b: SecureMessaging| {
        let gp = |x| matches!(x, SecureMessaging::GlobalPlatform | SecureMessaging::Either);
        a == b || gp(a) && gp(b)
    };
    let mut found = 0;
    for octet in 0..=0xFE {
        let (from, _) = row(octet);
        for number in 0..=19 {
            let expected: Vec<u8> = (0..=0xFE)
                .filter(|candidate| {
                    let (to, on) = row(*candidate);
                    from.2.is_some()
                        && to.2.is_some()
                        && on == number
                        && to.1 == from.1
                        && to.5 == from.5
                        && same(to.4, from.4)
                })
                .collect();
            assert!(expected.len() <= 1);
            let moved = class(octet).with_channel(channel(number));
            assert_eq!(moved.map(Class::byte), expected.first().copied(), "{octet:02X} on {number}");
            if let Some(moved) = moved {
                found += 1;
                assert_eq!(moved.channel(), channel(number));
                assert_eq!(moved.is_protected(), class(octet).is_protected());
                assert_eq!(moved.mac_byte(), class(octet).mac_byte());
            }
        }
    }
    // 32 octets (plain or protected, chained or not, GP or not) of the first coding and 127 of the further one go to 20
    // channels, 8 x 4 under ISO's secure messaging to 4 channels; FF is missed by the 4 + 15 that would be it.
    assert_eq!(found, (32 + 127) * 20 + 32 * 4 - (4 + 15));
}

#[test]
fn named_examples() {
    assert_eq!(class(0x84).with_channel(channel(5)), Some(class(0xE1)));
    assert_eq!(class(0xE1).with_channel(channel(1)), Some(class(0x85)));
    assert_eq!(class(0x80).with_channel(channel(19)), Some(class(0xCF)));
    assert_eq!(class(0x0C).with_channel(channel(3)), Some(class(0x0F)));
    assert_eq!(class(0x0C).with_channel(channel(4)), None);
    assert_eq!(class(0xA0).with_channel(LogicalChannel::BASIC), None);
    assert_eq!(class(0xF0).with_channel(channel(19)), None);
    assert_eq!((Class::ISO.byte(), Class::GP.byte()), (0x00, 0x80));
    assert_eq!((LogicalChannel::new(19), LogicalChannel::new(20)), (Some(LogicalChannel::MAX), None));
}

/// Class bytes that a published parser gets wrong: no secure messaging in 40, channel 8 in 44, channels in GP classes.
#[test]
fn further_coding_is_not_the_first() {
    for (octet, number, messaging) in [
        (0x40, 4, SecureMessaging::None),
        (0x44, 8, SecureMessaging::None),
        (0x84, 0, SecureMessaging::GlobalPlatform),
        (0xC4, 8, SecureMessaging::None),
        (0xE4, 8, SecureMessaging::Either),
    ] {
        assert_eq!(class(octet).channel(), channel(number), "{octet:02X}");
        assert_eq!(class(octet).secure_messaging(), messaging, "{octet:02X}");
    }
}

#[test]
fn secured_and_unsecured() {
    let expected = |octet: u8| match octet {
        0x00..=0x03 | 0x10..=0x13 | 0x80..=0x83 | 0x90..=0x93 => octet + 0x04,
        0x40..=0x5F | 0xC0..=0xDE => octet + 0x20,
        _ => octet,
    };
    for octet in 0..=0xFE {
        let (plain, secured) = (class(octet), class(octet).secured());
        assert_eq!(secured.byte(), expected(octet), "{plain}");
        assert_eq!(secured.secured(), secured);
        assert_eq!(secured.channel(), plain.channel());
        if secured != plain {
            assert!(secured.is_protected() && !plain.is_protected());
            assert_eq!(secured.unsecured(), plain);
        }
        if plain.is_protected() {
            assert_eq!(plain.unsecured().secured(), plain);
        } else {
            assert_eq!(plain.unsecured(), plain);
        }
    }
}

#[test]
fn chaining_bit() {
    for octet in 0..=0xFE {
        let class = class(octet);
        let (on, off) = (class.chained(true), class.chained(false));
        match octet {
            0x20..=0x3F | 0xA0..=0xBF => assert_eq!((on, off), (class, class)),
            0xEF => assert_eq!((on, off), (class, class)),
            _ => assert_eq!((on.byte(), off.byte()), (octet | 0x10, octet & 0xEF)),
        }
        assert!(!off.is_chained());
    }
}

#[test]
fn octet_under_the_mac() {
    for octet in 0..=0xFE {
        let expected = match (octet & 0x80 != 0, octet & 0x10 != 0) {
            (true, false) => 0x84,
            (true, true) => 0x94,
            (false, false) => 0x04,
            (false, true) => 0x14,
        };
        assert_eq!(class(octet).mac_byte(), expected, "{octet:02X}");
    }
}

#[test]
fn classes_read_as_octets_and_channels_as_numbers() {
    for octet in 0..=0xFE {
        assert_eq!(class(octet).to_string(), format!("{octet:02X}"));
        assert_eq!(format!("{:?}", class(octet)), format!("Class({octet:02X})"));
    }
    for number in 0..=19 {
        assert_eq!(channel(number).to_string(), number.to_string());
    }
}
