extern crate std;

use super::*;
use crate::install::tests::{any_aid, cases};
use proptest::collection::vec;
use proptest::prelude::*;
use std::vec::Vec;

/// What a load file says, collected from its events.
#[derive(Default, PartialEq, Eq, Debug)]
struct Seen {
    daps: Vec<(Aid, Vec<u8>)>,
    icv: Option<Vec<u8>>,
    ciphered: bool,
    len: u32,
    block: Vec<u8>,
}

fn read<'a>(blocks: impl IntoIterator<Item = &'a [u8]>) -> Result<Seen, Error> {
    let mut parser = LoadFileParser::new();
    let mut seen = Seen::default();
    for block in blocks {
        let mut input = block;
        while let Some(event) = parser.next(&mut input)? {
            match event {
                Event::Dap(aid) => seen.daps.push((aid, Vec::new())),
                Event::Signature { octets, .. } => seen.daps.last_mut().unwrap().1.extend(octets),
                Event::Icv(icv) => seen.icv = Some(icv.as_bytes().to_vec()),
                Event::BlockStart { ciphered, len } => (seen.ciphered, seen.len) = (ciphered, len),
                Event::Block { octets, .. } => seen.block.extend(octets),
            }
        }
        assert!(input.is_empty());
    }
    parser.finish()?;
    Ok(seen)
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn cut_anywhere_it_reads_the_same(
        daps in vec((any_aid(), vec(any::<u8>(), 1..300)), 0..3),
        ciphered in any::<bool>(),
        icv in proptest::option::of(proptest::sample::select(&[8_usize, 16])),
        block in vec(any::<u8>(), 1..700),
        block_len in 3_usize..256,
    ) {
        let list: Vec<Dap<'_>> =
            daps.iter().map(|(security_domain, signature)| Dap { security_domain: *security_domain, signature }).collect();
        let icv = icv.map(|len| std::vec![0xA5; len]);
        let content = match ciphered {
            true => Content::Ciphered { icv: icv.as_deref(), len: block.len() },
            false => Content::Plain { len: block.len() },
        };
        let file = LoadFile { daps: &list, content };
        let mut head = std::vec![0; 2048];
        let head = file.emit_head(&mut head).unwrap();
        prop_assert_eq!(head.len(), file.head_len());
        let whole = [&*head, &block[..]].concat();
        prop_assert_eq!(whole.len(), file.encoded_len());

        // From pieces into blocks, as a host sends it.
        let mut pieces = Parts::new([&*head, &[], &block[..]].into_iter());
        let mut sent: Vec<Vec<u8>> = Vec::new();
        let mut counter = BlockCounter::new();
        for cut in Blocks::new(whole.len(), block_len.max(whole.len().div_ceil(MAX_BLOCKS))).unwrap() {
            prop_assert_eq!(counter.accept(cut.number), Ok(()));
            let mut octets = std::vec![0; cut.len];
            prop_assert_eq!(pieces.fill(&mut octets), cut.len);
            prop_assert_eq!(&octets[..], cut.of(&whole));
            prop_assert_eq!(cut.last, cut.start + cut.len == whole.len());
            sent.push(octets);
        }
        prop_assert_eq!(pieces.fill(&mut [0; 4]), 0);

        let expected = Seen {
            daps: daps.clone(),
            icv: icv.filter(|_| ciphered),
            ciphered,
            len: u32::try_from(block.len()).unwrap(),
            block: block.clone(),
        };
        prop_assert_eq!(read(sent.iter().map(Vec::as_slice)).unwrap(), expected);
        // Octet by octet it is the same file.
        let again = read(whole.chunks(1)).unwrap();
        prop_assert_eq!(&again.block, &block);
        // Every prefix is cut, one octet more is too much.
        for len in (0..whole.len()).step_by(7) {
            let error = read([&whole[..len]]).unwrap_err();
            prop_assert_eq!(error, Error::at(ErrorKind::Truncated, len));
        }
        let longer = [&whole[..], &[0]].concat();
        let error = read([&longer[..]]).unwrap_err();
        prop_assert_eq!(error, Error::at(ErrorKind::TrailingData, whole.len()));
    }

    #[test]
    fn no_octets_panic(octets in vec(any::<u8>(), 0..100), cut in 1_usize..20) {
        let at_once = read([&octets[..]]);
        let in_pieces = read(octets.chunks(cut));
        prop_assert_eq!(at_once, in_pieces);
    }

    #[test]
    fn damaged_heads_do_not_panic(at in 0_usize..40, octet: u8) {
        let signature = [7; 16];
        let security_domain = Aid::new(&[1; 8]).unwrap();
        let daps = [Dap { security_domain, signature: &signature }];
        let file = LoadFile { daps: &daps, content: Content::Plain { len: 5 } };
        let mut buf = [0; 64];
        let len = file.emit_head(&mut buf).unwrap().len();
        buf[at] = octet;
        let _ = read(buf[..len + 5].chunks(3));
    }
}

#[test]
fn refused_at_their_position() {
    let cases: [(&[u8], ErrorKind, usize); 12] = [
        (&[0xC5], ErrorKind::Unexpected, 0),
        (&[0xC4, 0x00], ErrorKind::BadLength, 2),
        (&[0xC4, 0x80], ErrorKind::BadLength, 1),
        (&[0xC4, 0x85], ErrorKind::BadLength, 1),
        (&[0xE2, 0x04, 0xC3], ErrorKind::Unexpected, 2),
        (&[0xE2, 0x04, 0x4F, 0x04], ErrorKind::BadLength, 4),
        (&[0xE2, 0x06, 0x4F, 0x04], ErrorKind::BadValue, 4),
        (&[0xE2, 0x0A, 0x4F, 0x05, 1, 2, 3, 4, 5, 0xC3, 0x02], ErrorKind::BadLength, 11),
        (&[0xE2, 0x0B, 0x4F, 0x05, 1, 2, 3, 4, 5, 0xC3, 0x01], ErrorKind::BadLength, 11),
        (&[0xD3, 0x07], ErrorKind::BadValue, 2),
        (&[0xD3, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0xC4], ErrorKind::Unexpected, 10),
        (&[0xC4, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], ErrorKind::BadLength, 6),
    ];
    for (octets, kind, offset) in cases {
        let mut parser = LoadFileParser::new();
        let mut input = octets;
        let error = loop {
            match parser.next(&mut input) {
                Ok(Some(_)) => (),
                Ok(None) => panic!("{octets:02X?}"),
                Err(error) => break error,
            }
        };
        assert_eq!(error, Error::at(kind, offset), "{octets:02X?}");
        // It stays refused.
        assert_eq!(parser.next(&mut &[0xC4, 1, 1][..]), Err(error));
        assert_eq!(parser.finish(), Err(error));
    }
    assert!(size_of::<LoadFileParser>() < 100);
}

#[test]
fn lengths_of_every_size() {
    for len in [1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x1_0000, 0xFF_FFFF] {
        let file = LoadFile { daps: &[], content: Content::Plain { len } };
        let mut buf = [0; 8];
        let head = file.emit_head(&mut buf).unwrap();
        assert_eq!(head.len(), file.head_len());
        let mut parser = LoadFileParser::new();
        let event = parser.next(&mut &*head).unwrap();
        let len = u32::try_from(len).unwrap();
        assert_eq!(event, Some(Event::BlockStart { ciphered: false, len }));
    }
    for len in [0, 0x100_0000] {
        let file = LoadFile { daps: &[], content: Content::Plain { len } };
        assert_eq!(file.emit_head(&mut [0; 8]).unwrap_err().kind, ErrorKind::BadLength);
    }
    let icv = LoadFile { daps: &[], content: Content::Ciphered { icv: Some(&[1; 9]), len: 16 } };
    assert_eq!(icv.emit_head(&mut [0; 32]).unwrap_err().kind, ErrorKind::BadLength);
}

#[test]
fn block_numbers_never_wrap() {
    let mut counter = BlockCounter::new();
    assert!(counter.accept(1).is_err() && counter.accepted() == 0);
    for number in 0..=255 {
        assert_eq!(counter.accept(number), Ok(()));
        assert_eq!(counter.accept(number).unwrap_err().kind, ErrorKind::BlockNumber);
    }
    assert_eq!(counter.accept(0).unwrap_err().kind, ErrorKind::BlockNumber);

    let blocks = Blocks::new(256 * 10, 10).unwrap();
    assert_eq!((blocks.len(), blocks.last().unwrap().number), (256, 255));
    assert_eq!(Blocks::new(256 * 10 + 1, 10).unwrap_err(), Error::at(ErrorKind::BlockNumber, 2560));
    assert_eq!(Blocks::new(1, 0).unwrap_err().kind, ErrorKind::BadLength);
    let empty: Vec<Block> = Blocks::new(0, 10).unwrap().collect();
    assert_eq!(empty, [Block { number: 0, last: true, start: 0, len: 0 }]);
}

#[test]
fn every_p1() {
    for p1 in 0..=255 {
        match LoadBlock::parse(p1, 7) {
            Ok(block) => assert_eq!(block.header().octets(), [0x80, 0xE8, p1, 7]),
            Err(error) => assert!(p1 != 0 && p1 != 0x80 && error.kind == ErrorKind::Parameters),
        }
    }
}
