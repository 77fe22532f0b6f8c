//! Exhaustive tables and laws over random input.

use std::collections::BTreeSet;

use gp_tlv::{
    Dgi, DgiReader, DgiWriter, Error, ErrorKind, MAX_DEPTH, Reader, Tag, TagClass, Tlv, Writer, encoded_len, length_len,
};
use proptest::prelude::*;

/// `GP_TEST_SCALE` is a percentage of the usual number of random cases.
fn cases(usual: u32) -> ProptestConfig {
    let scale = std::env::var("GP_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases((usual * scale / 100).max(1)) }
}

// ---- tags ----------------------------------------------------------------------------------------------------------

/// The rule of a well-formed tag in other words than the library's.
fn is_tag(octets: &[u8]) -> bool {
    match octets.len() {
        1 => octets[0] % 32 != 31,
        2 => octets[0] % 32 == 31 && octets[1] < 128,
        3 => octets[0] % 32 == 31 && (129..=255).contains(&octets[1]) && octets[2] < 128,
        _ => false,
    }
}

fn check_tag(octets: &[u8]) {
    let number = octets.iter().fold(0, |number, octet| number * 256 + u32::from(*octet));
    let tag = Tag::from_octets(octets);
    assert_eq!(tag.is_ok(), is_tag(octets), "{octets:02X?}");
    if let Ok(tag) = tag {
        assert_eq!(Tag::from_u32(number), Some(tag));
        assert_eq!((tag.octets(), tag.to_u32(), u32::from(tag)), (octets, number, number));
        assert_eq!(tag.encoded_len(), octets.len());
        assert_eq!(tag.is_constructed(), octets[0] / 32 % 2 == 1);
        let class = [TagClass::Universal, TagClass::Application, TagClass::ContextSpecific, TagClass::Private];
        assert_eq!(tag.class(), class[usize::from(octets[0] / 64)]);
        let mut object = octets.to_vec();
        object.extend([1, 0xAB]);
        let mut reader = Reader::new(&object);
        assert_eq!(reader.peek_tag(), Ok(Some(tag)));
        assert_eq!(reader.next_tlv(), Ok(Some(Tlv { tag, value: &[0xAB] })));
        let mut buf = [0; 8];
        let mut writer = Writer::new(&mut buf);
        writer.tlv(tag, &[0xAB]).unwrap();
        assert_eq!(writer.finish(), object);
    } else if octets[0] != 0 || octets.len() == 1 {
        // With a leading zero octet the number is another, shorter tag.
        assert_eq!(Tag::from_u32(number), None, "{octets:02X?}");
    }
}

#[test]
fn every_tag_of_one_and_two_octets() {
    for first in 0..=255 {
        check_tag(&[first]);
        for second in 0..=255 {
            check_tag(&[first, second]);
            // What a reader makes of the same two octets.
            let object = [first, second, 0x00, 0x00];
            let read = Reader::new(&object).peek_tag();
            match (first % 32 == 31, second) {
                (false, _) => assert_eq!(read, Ok(Tag::from_u32(first.into()))),
                (true, 0..=0x7F) => assert_eq!(read, Ok(Tag::from_u32(u32::from(first) * 256 + u32::from(second)))),
                (true, 0x80) => assert_eq!(read, Err(Error::new(ErrorKind::MalformedTag, 0))),
                (true, _) => assert_eq!(read.unwrap().unwrap().octets(), &object[..3]),
            }
        }
    }
}

#[test]
fn every_tag_of_three_octets() {
    for first in (0x1F..=0xFF).step_by(0x20) {
        for second in 0..=255 {
            for third in 0..=255 {
                check_tag(&[first, second, third]);
            }
        }
    }
}

#[test]
fn numbers_that_are_tags() {
    let mut count = 0;
    for number in 0..=0xFF_FFFF_u32 {
        if let Some(tag) = Tag::from_u32(number) {
            assert_eq!(tag.to_u32(), number);
            count += 1;
        }
    }
    assert_eq!(count, (256 - 8) + 8 * 128 + 8 * 127 * 128);
    for number in [0x0100_0000, 0x9F81_8101, 0xFFFF_FFFF, 0x1F00_0000] {
        assert_eq!(Tag::from_u32(number), None);
    }
}

#[test]
fn octets_that_are_no_tag() {
    use ErrorKind::{MalformedTag, Truncated};
    let cases: &[(&[u8], ErrorKind)] = &[
        (&[], Truncated),
        (&[0x9F], Truncated),
        (&[0xBF, 0x81], Truncated),
        (&[0x9F, 0x80], MalformedTag),
        (&[0x9F, 0x80, 0x01], MalformedTag),
        (&[0x9F, 0x81, 0x80], MalformedTag),
        (&[0x9F, 0x01, 0x01], MalformedTag),
        (&[0x84, 0x01], MalformedTag),
        (&[0x00, 0x84], MalformedTag),
        (&[0x00, 0x9F, 0x70], MalformedTag),
        (&[0x9F, 0x81, 0x81, 0x01], MalformedTag),
    ];
    for (octets, kind) in cases {
        assert_eq!(Tag::from_octets(octets), Err(*kind), "{octets:02X?}");
    }
}

#[test]
fn tags_print_as_the_standards_write_them() {
    assert_eq!(Tag::new(0x9F70).to_string(), "9F70");
    assert_eq!(format!("{:?}", Tag::new(0x06)), "Tag(06)");
    assert!(Tag::new(0x84) < Tag::new(0x9F01));
}

// ---- lengths -------------------------------------------------------------------------------------------------------

/// A length field with `octets` octets after the first; `None` for the short form.
fn length_field(len: usize, octets: Option<usize>) -> Vec<u8> {
    let Some(octets) = octets else { return vec![u8::try_from(len).unwrap()] };
    let mut field = vec![0x80 + u8::try_from(octets).unwrap()];
    field.extend((0..octets).rev().map(|place| u8::try_from(len >> (8 * place) & 0xFF).unwrap()));
    field
}

#[test]
fn every_form_of_length_at_its_borders() {
    for len in [0, 1, 126, 127, 128, 129, 254, 255, 256, 257, 65_535, 65_536, 0xFF_FFFF, 0x100_0000] {
        let value: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let forms: Vec<Vec<u8>> = [None, Some(1), Some(2), Some(3), Some(4)]
            .into_iter()
            .filter(|form| match form {
                None => len < 0x80,
                Some(octets) => (len as u64) >> (8 * octets) == 0,
            })
            .map(|form| length_field(len, form))
            .collect();
        for form in &forms {
            let mut object = vec![0x84];
            object.extend(form);
            let header = object.len();
            object.extend(&value);
            let mut reader = Reader::new(&object);
            assert_eq!(reader.expect(Tag::new(0x84)), Ok(&value[..]), "{form:02X?}");
            assert_eq!((reader.finish(), reader.offset()), (Ok(()), object.len()));
            // One octet less is cut, one octet more is trailing.
            if len > 0 {
                let cut = Reader::new(&object[..object.len() - 1]).next_tlv();
                assert_eq!(cut, Err(Error::new(ErrorKind::Truncated, header)));
            }
            object.push(0);
            let mut reader = Reader::new(&object);
            reader.next_tlv().unwrap();
            assert_eq!(reader.finish(), Err(Error::new(ErrorKind::TrailingData, object.len() - 1)));
        }
        // The writer picks the shortest, and the helpers foretell it.
        let mut buf = vec![0xEE; len + 6];
        let mut writer = Writer::new(&mut buf);
        writer.tlv(Tag::new(0x84), &value).unwrap();
        let written = writer.finish();
        assert_eq!(written[1..=forms[0].len()], forms[0]);
        assert_eq!(written.len(), encoded_len(Tag::new(0x84), len));
        assert_eq!(length_len(len), forms[0].len());
        assert_eq!(Tlv { tag: Tag::new(0x9F65), value: &value }.encoded_len(), written.len() + 1);
    }
    assert_eq!(encoded_len(Tag::new(0x84), usize::MAX), usize::MAX);
}

#[test]
fn back_patching_across_the_borders() {
    let borders = [0, 127, 128, 255, 256, 65_535, 65_536, 0xFF_FFFF, 0x100_0000];
    let lengths: BTreeSet<usize> = borders.iter().flat_map(|border| border - (*border).min(2)..=border + 2).collect();
    let body: Vec<u8> = (0..0x100_0010).map(|i| (i % 253) as u8).collect();
    let mut direct = vec![0; body.len() + 32];
    let mut patched = vec![0; body.len() + 32];
    for len in lengths {
        let body = &body[..len];
        let mut writer = Writer::new(&mut direct);
        writer.raw(b"start").unwrap().tlv(Tag::new(0xBF0C), body).unwrap();
        let direct = writer.finish();
        let mut writer = Writer::new(&mut patched[..direct.len()]);
        writer.raw(b"start").unwrap();
        writer.nested(Tag::new(0xBF0C), |w| w.raw(body).map(|_| ())).unwrap();
        assert_eq!(writer.remaining(), 0);
        assert!(writer.finish() == direct, "{len} octets");
        // With one octet less the longer length does not fit, or the body does not; either way nothing is written.
        let mut writer = Writer::new(&mut patched[..direct.len() - 1]);
        writer.raw(b"start").unwrap();
        let error = writer.nested(Tag::new(0xBF0C), |w| w.raw(body).map(|_| ())).unwrap_err();
        assert_eq!((error.kind, writer.written()), (ErrorKind::BufferFull, &b"start"[..]));
    }
}

#[test]
fn back_patching_moves_every_level_once() {
    // 6F{A5{73{130 octets}}}: each level passes 127, so each moves what is inside it.
    let mut buf = [0; 142];
    let mut writer = Writer::new(&mut buf);
    let body: Vec<u8> = (0..130).collect();
    writer
        .nested(Tag::new(0x6F), |w| {
            w.nested(Tag::new(0xA5), |w| {
                w.nested(Tag::new(0x73), |w| w.raw(&body).map(|_| ()))?;
                Ok(())
            })?;
            Ok(())
        })
        .unwrap();
    let mut expected = vec![0x6F, 0x81, 136, 0xA5, 0x81, 133, 0x73, 0x81, 130];
    expected.extend(&body);
    assert_eq!(writer.finish(), expected);
}

#[test]
fn a_closure_cannot_make_the_writer_lie() {
    // The closure swaps its writer for one over another buffer: refused or harmless, never a panic.
    let mut buf = [0; 8];
    let mut writer = Writer::new(&mut buf);
    let foreign: &'static mut [u8] = Box::leak(Box::new([0; 64]));
    let result = writer.nested(Tag::new(0x6F), |w| {
        *w = Writer::new(foreign);
        w.raw(&[1; 64]).map(|_| ())
    });
    assert_eq!(result.unwrap_err(), Error::new(ErrorKind::BufferFull, 0));
    assert!(writer.is_empty());
}

#[test]
fn grouping_lengths() {
    for len in [0, 1, 127, 128, 253, 254, 255, 256, 65_534, 65_535] {
        let value = vec![0x5A; len];
        let mut expected = vec![0x81, 0x13];
        if len < 255 {
            expected.push(len as u8)
        } else {
            expected.extend([0xFF, (len >> 8) as u8, len as u8])
        }
        expected.extend(&value);
        let mut buf = vec![0; expected.len()];
        let mut writer = DgiWriter::new(&mut buf);
        writer.dgi(0x8113, &value).unwrap();
        assert_eq!((writer.len(), writer.remaining(), writer.is_empty()), (expected.len(), 0, false));
        assert_eq!(writer.dgi(0, &[]).unwrap_err(), Error::new(ErrorKind::BufferFull, expected.len()));
        assert_eq!(writer.finish(), expected);
        let mut buf = vec![0; expected.len()];
        let mut writer = DgiWriter::new(&mut buf);
        writer.nested(0x8113, |w| w.raw(&value).map(|_| ())).unwrap();
        assert_eq!(writer.finish(), expected);
        let mut reader = DgiReader::new(&expected);
        assert_eq!(reader.next_dgi(), Ok(Some(Dgi { tag: 0x8113, value: &value })));
        assert_eq!((reader.next_dgi(), reader.finish(), reader.remaining()), (Ok(None), Ok(()), &[][..]));
        // The three-octet form of a short length is read.
        let mut long = vec![0x81, 0x13, 0xFF, (len >> 8) as u8, len as u8];
        long.extend(&value);
        assert_eq!(DgiReader::new(&long).next_dgi(), Ok(Some(Dgi { tag: 0x8113, value: &value })));
    }
    let mut buf = vec![0; 70_000];
    let mut writer = DgiWriter::new(&mut buf);
    let too_long = vec![0; 65_536];
    let refused = Error::new(ErrorKind::LengthTooLarge, 0);
    assert_eq!(writer.dgi(1, &too_long).unwrap_err(), refused);
    assert_eq!(writer.nested(1, |w| w.raw(&too_long).map(|_| ())).unwrap_err(), refused);
    assert!(writer.is_empty());
}

// ---- random trees --------------------------------------------------------------------------------------------------

#[derive(Clone, PartialEq, Debug)]
enum Node {
    Value(Tag, Vec<u8>),
    Template(Tag, Vec<Node>),
}

fn any_tag() -> impl Strategy<Value = Tag> {
    let first = any::<u8>().prop_map(|octet| octet | 0x1F);
    prop_oneof![
        4 => any::<u8>().prop_filter_map("goes on", |octet| Tag::from_u32(octet.into())),
        2 => (first.clone(), 0..0x80_u8).prop_map(|(a, b)| Tag::from_octets(&[a, b]).unwrap()),
        1 => (first, 0x81..=0xFF_u8, 0..0x80_u8).prop_map(|(a, b, c)| Tag::from_octets(&[a, b, c]).unwrap()),
    ]
}

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..20),
        1 => prop::collection::vec(any::<u8>(), 120..300),
    ]
}

/// Up to 8 templates inside each other, as many as may be written.
fn any_node() -> impl Strategy<Value = Node> {
    (any_tag(), any_value()).prop_map(|(tag, value)| Node::Value(tag, value)).prop_recursive(
        MAX_DEPTH.into(),
        64,
        4,
        |inner| (any_tag(), prop::collection::vec(inner, 0..4)).prop_map(|(tag, nodes)| Node::Template(tag, nodes)),
    )
}

fn emit(nodes: &[Node], out: &mut Writer<'_>) -> Result<(), Error> {
    for node in nodes {
        match node {
            Node::Value(tag, value) => out.tlv(*tag, value)?,
            Node::Template(tag, nodes) => out.nested(*tag, |out| emit(nodes, out))?,
        };
    }
    Ok(())
}

/// Checks `nodes` against what the reader yields, with the shape of `nodes` deciding what to open.
fn compare(nodes: &[Node], reader: &mut Reader<'_>) -> Result<(), Error> {
    for node in nodes {
        match node {
            Node::Value(tag, value) => assert_eq!(reader.expect(*tag)?, value),
            Node::Template(tag, nodes) => reader.nested(*tag, |inner| compare(nodes, inner))?,
        }
    }
    reader.finish()
}

/// Encodes without the library, each length field up to `wider` octets longer than needed.
fn emit_wide(nodes: &[Node], wider: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for node in nodes {
        let (tag, value) = match node {
            Node::Value(tag, value) => (tag, value.clone()),
            Node::Template(tag, nodes) => (tag, emit_wide(nodes, wider)),
        };
        let octets = (length_len(value.len()) - 1 + wider).min(4);
        out.extend(tag.octets());
        out.extend(length_field(value.len(), (octets > 0).then_some(octets)));
        out.extend(value);
    }
    out
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn what_was_written_is_read(nodes in prop::collection::vec(any_node(), 0..4)) {
        let mut buf = vec![0; 100_000];
        let mut writer = Writer::new(&mut buf);
        emit(&nodes, &mut writer).unwrap();
        let written = writer.finish();
        prop_assert_eq!(compare(&nodes, &mut Reader::new(written)), Ok(()));
        // Minimal, and the same as an encoder that knows the lengths beforehand.
        prop_assert_eq!(&*written, emit_wide(&nodes, 0));
    }

    #[test]
    fn longer_lengths_are_read(nodes in prop::collection::vec(any_node(), 0..4), wider in 1..5_usize) {
        prop_assert_eq!(compare(&nodes, &mut Reader::new(&emit_wide(&nodes, wider))), Ok(()));
    }

    #[test]
    fn a_small_buffer_keeps_what_was_there(nodes in prop::collection::vec(any_node(), 1..4), cut in any::<prop::sample::Index>()) {
        let whole = emit_wide(&nodes, 0);
        let first = [0x5A, 0x01, 0x77];
        let mut buf = vec![0; first.len() + cut.index(whole.len())];
        let size = buf.len();
        let mut writer = Writer::new(&mut buf);
        writer.raw(&first).unwrap();
        // One template around it all, so that a failure anywhere goes back to its start.
        let error = writer.nested(Tag::new(0xE3), |out| emit(&nodes, out)).unwrap_err();
        prop_assert_eq!(error.kind, ErrorKind::BufferFull);
        prop_assert!(usize::try_from(error.offset).unwrap() <= size);
        prop_assert_eq!(writer.written(), first);
        prop_assert_eq!(writer.remaining(), size - first.len());
        // And it goes on to be useful.
        if writer.remaining() >= 2 {
            writer.tlv(Tag::new(0x5A), &[]).unwrap();
        }
        let written = writer.finish();
        prop_assert_eq!(Reader::new(written).next(), Some(Ok(Tlv { tag: Tag::new(0x5A), value: &[0x77] })));
    }
}

// ---- random octets -------------------------------------------------------------------------------------------------

/// A second decoder, by hand and with none of the first one's means: start of value and end of object, or the error.
fn oracle(input: &[u8], start: usize) -> Result<(usize, usize, usize), (ErrorKind, usize)> {
    let octet = |at: usize| input.get(at).copied().ok_or((ErrorKind::Truncated, at.min(input.len())));
    let mut at = start + 1;
    if octet(start)? & 0x1F == 0x1F {
        let second = octet(at)?;
        at += 1;
        if second >= 0x80 {
            let third = octet(at)?;
            at += 1;
            if second == 0x80 || third >= 0x80 {
                return Err((ErrorKind::MalformedTag, start));
            }
        }
    }
    let tag_end = at;
    let first = octet(at)?;
    at += 1;
    let len = match first {
        0x80 => return Err((ErrorKind::IndefiniteLength, at - 1)),
        0x85.. => return Err((ErrorKind::LengthTooLarge, at - 1)),
        0x81..=0x84 => {
            let octets = usize::from(first - 0x80);
            let field = input.get(at..at + octets).ok_or((ErrorKind::Truncated, at))?;
            at += octets;
            field.iter().fold(0_u64, |len, octet| len * 256 + u64::from(*octet))
        }
        short => short.into(),
    };
    if len > u64::try_from(input.len() - at).unwrap() {
        return Err((ErrorKind::Truncated, at));
    }
    Ok((tag_end, at, at + usize::try_from(len).unwrap()))
}

/// Octets that look like TLV often enough to reach the depths of the grammar.
fn tlv_like() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        any::<u8>(),
        0..6_u8,
        prop::sample::select(vec![
            0x4F, 0x6F, 0x84, 0x9F, 0xA5, 0xBF, 0xE3, 0x7F, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0xFF
        ]),
    ];
    prop::collection::vec(octet, 0..60)
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn the_reader_agrees_with_the_oracle(input in tlv_like(), base in prop_oneof![Just(0_usize), 0..1000_usize]) {
        let mut reader = Reader::with_base(&input, base);
        let mut at = 0;
        let mut items = 0;
        loop {
            prop_assert_eq!((reader.offset(), reader.remaining()), (base + at, &input[at..]));
            let item = reader.next();
            if at == input.len() {
                prop_assert_eq!(item, None);
                break;
            }
            items += 1;
            match oracle(&input, at) {
                Ok((tag_end, value, end)) => {
                    let tag = Tag::from_octets(&input[at..tag_end]).unwrap();
                    prop_assert_eq!(item, Some(Ok(Tlv { tag, value: &input[value..end] })));
                    prop_assert!(end >= at + 2, "an object takes at least two octets");
                    at = end;
                }
                Err((kind, offset)) => {
                    let error = Error::new(kind, base + offset);
                    prop_assert_eq!(item, Some(Err(error)));
                    prop_assert!((at..=input.len()).contains(&offset));
                    // Fused, and standing before the object that could not be read.
                    prop_assert_eq!(reader.next(), None);
                    prop_assert_eq!(reader.next(), None);
                    prop_assert_eq!(reader.offset(), base + at);
                    prop_assert_eq!(reader.next_tlv(), Err(error));
                    prop_assert_eq!(reader.finish(), Err(Error::new(ErrorKind::TrailingData, base + at)));
                    break;
                }
            }
        }
        prop_assert!(items <= input.len().div_ceil(2));
    }

    #[test]
    fn groupings_of_any_octets(input in tlv_like()) {
        let mut reader = DgiReader::new(&input);
        let mut at = 0;
        for item in &mut reader {
            let Ok(dgi) = item else {
                let error = item.unwrap_err();
                prop_assert_eq!(error.kind, ErrorKind::Truncated);
                prop_assert!((at..=input.len()).contains(&usize::try_from(error.offset).unwrap()));
                break;
            };
            let header = if input[at + 2] == 0xFF { 5 } else { 3 };
            prop_assert_eq!(dgi.tag.to_be_bytes(), &input[at..at + 2]);
            prop_assert_eq!(dgi.value, &input[at + header..at + header + dgi.value.len()]);
            at += header + dgi.value.len();
        }
        prop_assert_eq!(reader.offset(), at, "an error does not move the reader");
        prop_assert_eq!(reader.next(), None);
        prop_assert_eq!(reader.next_dgi().is_err(), at < input.len());
    }

    #[test]
    fn groupings_written_are_read(list in prop::collection::vec((any::<u16>(), any_value()), 0..6)) {
        let mut buf = vec![0; 2000];
        let mut writer = DgiWriter::new(&mut buf);
        for (tag, value) in &list {
            writer.dgi(*tag, value).unwrap();
        }
        let read: Result<Vec<_>, _> = DgiReader::new(writer.finish()).map(|dgi| dgi.map(|dgi| (dgi.tag, dgi.value.to_vec()))).collect();
        prop_assert_eq!(read, Ok(list));
    }
}
