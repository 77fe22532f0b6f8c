//! Every refusal names its octet, counted from the outermost message.

use gp_tlv::{DgiReader, Error, ErrorKind, MAX_DEPTH, Reader, Tag, Writer, find_path};

const FCI: Tag = Tag::new(0x6F);
const DATA: Tag = Tag::new(0xA5);
const MAX_LENGTH: Tag = Tag::new(0x9F65);

fn error(kind: ErrorKind, offset: usize) -> Error {
    Error::new(kind, offset)
}

/// Opens every constructed object, in order, and answers the first error.
fn walk(reader: Reader<'_>) -> Result<(), Error> {
    let mut reader = reader;
    while let Some(tlv) = reader.next_tlv()? {
        if tlv.tag.is_constructed() {
            walk(reader.inside(tlv.value)?)?;
        }
    }
    Ok(())
}

#[test]
fn grammar() {
    use ErrorKind::{IndefiniteLength, LengthTooLarge, MalformedTag, Truncated};
    let cases: &[(&[u8], ErrorKind, usize)] = &[
        // tag
        (&[0x9F], Truncated, 1),
        (&[0x9F, 0x81], Truncated, 2),
        (&[0x9F, 0x80, 0x01, 0x00], MalformedTag, 0),
        (&[0x9F, 0x81, 0x81, 0x01, 0x00], MalformedTag, 0),
        (&[0x5A, 0x00, 0xFF, 0xFF, 0xFF, 0x00], MalformedTag, 2),
        // length
        (&[0x84], Truncated, 1),
        (&[0x9F, 0x65], Truncated, 2),
        (&[0x84, 0x80], IndefiniteLength, 1),
        (&[0x84, 0x80, 0x01, 0x00, 0x00], IndefiniteLength, 1),
        (&[0x84, 0x85, 0, 0, 0, 0, 0], LengthTooLarge, 1),
        (&[0x84, 0xFF, 0, 0, 0, 0, 0], LengthTooLarge, 1),
        (&[0x84, 0x81], Truncated, 2),
        (&[0x84, 0x82, 0x00], Truncated, 2),
        (&[0x84, 0x83, 0x00, 0x00], Truncated, 2),
        (&[0x84, 0x84, 0x00, 0x00, 0x00], Truncated, 2),
        // value
        (&[0x84, 0x05, 0x01, 0x02], Truncated, 2),
        (&[0x84, 0x01], Truncated, 2),
        (&[0x84, 0x81, 0x02, 0x01], Truncated, 3),
        (&[0x84, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], Truncated, 6),
        (&[0x84, 0x84, 0x80, 0x00, 0x00, 0x00, 0x01], Truncated, 6),
        // inside templates
        (&[0x6F, 0x04, 0xA5, 0x02, 0x9F, 0x65], Truncated, 6),
        (&[0x6F, 0x05, 0xA5, 0x03, 0x84, 0x02, 0x01], Truncated, 6),
        (&[0x6F, 0x04, 0xA5, 0x03, 0x84, 0x00, 0x00], Truncated, 4),
        (&[0x6F, 0x81, 0x05, 0xA5, 0x82, 0x00, 0x01, 0x9F], Truncated, 8),
        (&[0x5A, 0x01, 0x00, 0x6F, 0x04, 0xA5, 0x02, 0x84, 0x80], IndefiniteLength, 8),
    ];
    for (input, kind, offset) in cases {
        assert_eq!(walk(Reader::new(input)), Err(error(*kind, *offset)), "{input:02X?}");
        // The same octets five octets into a larger message.
        assert_eq!(walk(Reader::with_base(input, 5)), Err(error(*kind, offset + 5)), "{input:02X?}");
    }
}

#[test]
fn expectations() {
    let message = [0x84, 0x01, 0xAA, 0xA5, 0x04, 0x9F, 0x65, 0x01, 0xFF];
    let mut reader = Reader::new(&message);
    assert_eq!(reader.expect(DATA), Err(error(ErrorKind::Unexpected, 0)));
    assert_eq!(reader.optional(DATA), Ok(None));
    assert_eq!(reader.offset(), 0, "a refusal does not move the reader");
    assert_eq!(reader.expect(Tag::new(0x84)), Ok(&[0xAA][..]));
    assert_eq!(reader.finish(), Err(error(ErrorKind::TrailingData, 3)));
    let inner = reader.nested(DATA, |data| {
        assert_eq!((data.offset(), data.remaining().len()), (5, 4));
        assert_eq!(data.expect(FCI), Err(error(ErrorKind::Unexpected, 5)));
        data.expect(MAX_LENGTH)?;
        assert_eq!(data.finish(), Ok(()));
        data.expect(FCI)
    });
    assert_eq!(inner, Err(error(ErrorKind::Missing, 9)));
    assert_eq!(reader.offset(), 3, "a failed template is not read");
    assert_eq!(reader.peek_tag(), Ok(Some(DATA)));
    assert_eq!(reader.nested(DATA, |data| data.finish()), Err(error(ErrorKind::TrailingData, 5)));
    assert_eq!(reader.nested(DATA, |_| Ok(())), Ok(()));
    assert!(reader.is_empty());
    assert_eq!((reader.finish(), reader.peek_tag(), reader.next_tlv()), (Ok(()), Ok(None), Ok(None)));
    assert_eq!(reader.expect(DATA), Err(error(ErrorKind::Missing, 9)));
    assert_eq!(reader.optional(DATA), Ok(None));
}

#[test]
fn structure_comes_before_expectation() {
    let mut reader = Reader::new(&[0x84, 0x02, 0x00]);
    assert_eq!(reader.optional(FCI), Err(error(ErrorKind::Truncated, 2)));
    assert_eq!(reader.expect(FCI), Err(error(ErrorKind::Truncated, 2)));
    assert_eq!(reader.peek_tag(), Ok(Some(Tag::new(0x84))), "the tag alone is well-formed");
}

#[test]
fn find_walks_one_level() {
    let message = [0x6F, 0x02, 0xA5, 0x00, 0xA5, 0x01, 0x01, 0xA5, 0x01, 0x02, 0x84, 0x09];
    let mut reader = Reader::new(&message);
    assert_eq!(reader.find(DATA), Ok(Some(&[0x01][..])), "the one inside 6F is not on this level");
    assert_eq!(reader.offset(), 7);
    assert_eq!(reader.clone().find(DATA), Ok(Some(&[0x02][..])));
    assert_eq!(reader.find(MAX_LENGTH), Err(error(ErrorKind::Truncated, 12)));
    assert_eq!(reader.offset(), 7, "a failed search does not move the reader");
    let mut whole = Reader::new(message.get(..10).unwrap());
    assert_eq!(whole.find(MAX_LENGTH), Ok(None));
    assert!(whole.is_empty());
}

#[test]
fn paths() {
    let fci = [0x5A, 0x00, 0x6F, 0x06, 0xA5, 0x04, 0x9F, 0x65, 0x01, 0xFF];
    assert_eq!(find_path(&fci, &[]), Ok(Some(&fci[..])));
    assert_eq!(find_path(&fci, &[FCI, DATA, MAX_LENGTH]), Ok(Some(&[0xFF][..])));
    assert_eq!(find_path(&fci, &[DATA]), Ok(None));
    assert_eq!(find_path(&fci, &[DATA, MAX_LENGTH]), Ok(None));
    assert_eq!(find_path(&fci, &[FCI, FCI]), Ok(None));
    // Damage behind the object sought is not looked at, damage on the way is named.
    let damaged = [0x6F, 0x04, 0xA5, 0x02, 0x9F, 0x65, 0x9F];
    assert_eq!(find_path(&damaged, &[FCI, DATA]), Ok(Some(&[0x9F, 0x65][..])));
    assert_eq!(find_path(&damaged, &[FCI, DATA, MAX_LENGTH]), Err(error(ErrorKind::Truncated, 6)));
    assert_eq!(find_path(&damaged, &[DATA]), Err(error(ErrorKind::Truncated, 7)));
}

/// `levels` templates A5 inside each other, the innermost empty.
fn tower(levels: usize) -> Vec<u8> {
    (0..levels).map(|level| (levels - 1 - level) * 2).flat_map(|inner| [0xA5, u8::try_from(inner).unwrap()]).collect()
}

#[test]
fn depth_is_bounded() {
    let most = usize::from(MAX_DEPTH);
    assert_eq!(walk(Reader::new(&tower(most))), Ok(()));
    // One more: its value would begin behind its two octets.
    assert_eq!(walk(Reader::new(&tower(most + 1))), Err(error(ErrorKind::TooDeep, 2 * most + 2)));
    assert_eq!(walk(Reader::new(&tower(60))), Err(error(ErrorKind::TooDeep, 2 * most + 2)));

    let high = tower(60);
    assert!(find_path(&high, &vec![DATA; most + 1]).unwrap().is_some());
    assert_eq!(find_path(&high, &vec![DATA; most + 2]), Err(error(ErrorKind::TooDeep, 2 * most + 2)));

    fn descend(reader: &mut Reader<'_>, levels: usize) -> Result<(), Error> {
        if levels == 0 { Ok(()) } else { reader.nested(DATA, |inner| descend(inner, levels - 1)) }
    }
    assert_eq!(descend(&mut Reader::new(&high), most), Ok(()));
    assert_eq!(descend(&mut Reader::new(&high), most + 1), Err(error(ErrorKind::TooDeep, 2 * most + 2)));

    fn build(writer: &mut Writer<'_>, levels: usize) -> Result<(), Error> {
        if levels == 0 { Ok(()) } else { writer.nested(DATA, |inner| build(inner, levels - 1)).map(|_| ()) }
    }
    let mut buf = [0; 64];
    let mut writer = Writer::new(&mut buf);
    build(&mut writer, most).unwrap();
    assert_eq!(writer.written(), tower(most), "what can be written can be read");
    let start = writer.len();
    assert_eq!(build(&mut writer, most + 1), Err(error(ErrorKind::TooDeep, start + 2 * most)));
    assert_eq!(writer.len(), start);
}

#[test]
fn tag_lists() {
    let mut list = Reader::with_base(&[0x4F, 0x9F, 0x70, 0xC5, 0x9F, 0x80, 0x01], 3);
    let mut tags = Vec::new();
    let end = loop {
        match list.next_tag() {
            Ok(Some(tag)) => tags.push(tag.to_u32()),
            other => break other,
        }
    };
    assert_eq!(tags, [0x4F, 0x9F70, 0xC5]);
    assert_eq!(end, Err(error(ErrorKind::MalformedTag, 7)));
    let mut cut = Reader::new(&[0x4F, 0x9F]);
    cut.next_tag().unwrap();
    assert_eq!(cut.next_tag(), Err(error(ErrorKind::Truncated, 2)));
    assert_eq!(cut.offset(), 1);
}

#[test]
fn groupings() {
    let cases: &[(&[u8], usize)] = &[
        (&[0x00], 0),
        (&[0x00, 0xB9], 2),
        (&[0x00, 0xB9, 0x01], 3),
        (&[0x00, 0xB9, 0xFF], 3),
        (&[0x00, 0xB9, 0xFF, 0x00], 3),
        (&[0x00, 0xB9, 0xFF, 0x00, 0x02, 0x00], 5),
        (&[0x81, 0x13, 0x00, 0x00, 0xB9, 0x02, 0x00], 6),
    ];
    for (input, offset) in cases {
        let last = DgiReader::with_base(input, 7).last();
        assert_eq!(last, Some(Err(error(ErrorKind::Truncated, offset + 7))), "{input:02X?}");
    }
    // Inside a grouping, positions still count from the message.
    let mut reader = DgiReader::new(&[0x81, 0x13, 0x00, 0x00, 0xB9, 0x03, 0xB9, 0x01, 0x80]);
    reader.next_dgi().unwrap();
    assert_eq!(reader.finish(), Err(error(ErrorKind::TrailingData, 3)));
    let keys = reader.next_dgi().unwrap().unwrap();
    assert_eq!((reader.finish(), reader.offset(), reader.is_empty()), (Ok(()), 9, true));
    assert_eq!(walk(reader.inside(keys.value)), Err(error(ErrorKind::Truncated, 9)));
}

#[test]
fn a_full_buffer_names_the_element() {
    let mut buf = [0; 10];
    let mut writer = Writer::new(&mut buf);
    writer.tlv(Tag::new(0x84), &[1, 2, 3]).unwrap();
    assert_eq!(writer.tlv(MAX_LENGTH, &[0; 3]).unwrap_err(), error(ErrorKind::BufferFull, 5));
    assert_eq!(writer.raw(&[0; 6]).unwrap_err(), error(ErrorKind::BufferFull, 5));
    let inside = writer.nested(DATA, |data| {
        data.tlv(Tag::new(0x81), &[])?;
        data.tlv(MAX_LENGTH, &[])?;
        Ok(())
    });
    assert_eq!(inside.unwrap_err(), error(ErrorKind::BufferFull, 9));
    writer.raw(&[0x5A, 0x02, 0x00, 0x00]).unwrap();
    assert_eq!(writer.remaining(), 1);
    assert_eq!(writer.nested(DATA, |_| Ok(())).unwrap_err(), error(ErrorKind::BufferFull, 9));
    assert_eq!(writer.finish(), [0x84, 3, 1, 2, 3, 0x5A, 2, 0, 0]);
}

#[test]
fn errors_are_small_and_readable() {
    assert_eq!(size_of::<Error>(), 8);
    assert_eq!(error(ErrorKind::Truncated, 6).to_string(), "input ends too early at octet 6");
    assert_eq!(error(ErrorKind::Missing, usize::MAX).offset, u32::MAX);
    let kinds = [
        ErrorKind::Truncated,
        ErrorKind::MalformedTag,
        ErrorKind::IndefiniteLength,
        ErrorKind::LengthTooLarge,
        ErrorKind::TooDeep,
        ErrorKind::TrailingData,
        ErrorKind::Missing,
        ErrorKind::Unexpected,
        ErrorKind::BufferFull,
    ];
    let texts: std::collections::BTreeSet<String> = kinds.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), kinds.len());
    // A position beyond the address space saturates instead of wrapping.
    assert_eq!(
        Reader::with_base(&[0x84, 0x80], usize::MAX).next_tlv(),
        Err(error(ErrorKind::IndefiniteLength, usize::MAX))
    );
}
