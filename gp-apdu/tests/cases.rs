//! The four cases of a command, short and extended, at the lengths where something changes; recorded sessions.

use gp_apdu::{Chaining, Class, Command, CommandBuf, Error, Form, Header, Le, Response};

const LENGTHS: [usize; 13] = [0, 1, 127, 128, 239, 240, 247, 248, 255, 256, 257, 65_535, 65_536];
const HEADER: Header = Header::new(Class::GP, 0xE6, 0x02, 0x00);

fn data(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

/// The encoding spelled out without the library; `None` where the form cannot say it.
fn encode(form: Form, data: &[u8], le: Option<u32>) -> Option<Vec<u8>> {
    let mut out = vec![0x80, 0xE6, 0x02, 0x00];
    let (max_data, max_le) = if form == Form::Extended { (65_535, 65_536) } else { (255, 256) };
    if data.len() > max_data || le.is_some_and(|le| le > max_le) {
        return None;
    }
    if form == Form::Extended && (!data.is_empty() || le.is_some()) {
        out.push(0);
    }
    if !data.is_empty() {
        let lc = (data.len() as u16).to_be_bytes();
        out.extend_from_slice(if form == Form::Extended { &lc } else { &lc[1..] });
        out.extend_from_slice(data);
    }
    if let Some(le) = le {
        let le = ((le % 65_536) as u16).to_be_bytes();
        out.extend_from_slice(if form == Form::Extended { &le } else { &le[1..] });
    }
    Some(out)
}

/// What octets mean, by counting them; or what they lack to be a command.
fn decode(octets: &[u8]) -> Result<(&[u8], Option<u32>, Form), Error> {
    use Error::{Class, TrailingData, Truncated};
    let of = |value: usize, max: u32| Some(if value == 0 { max } else { value as u32 });
    if octets.first() == Some(&0xFF) {
        return Err(Class);
    }
    let body = octets.get(4..).ok_or(Truncated)?;
    let pair = |at: usize| usize::from(body[at]) * 256 + usize::from(body[at + 1]);
    match (body.len(), body.first().copied().unwrap_or(0)) {
        (0, _) => Ok((&[], None, Form::Short)),
        (1, le) => Ok((&[], of(le.into(), 256), Form::Short)),
        (n, 0) if n < 3 => Err(Truncated),
        (3, 0) => Ok((&[], of(pair(1), 65_536), Form::Extended)),
        (_, 0) if pair(1) == 0 => Err(TrailingData),
        (n, 0) if n < 3 + pair(1) => Err(Truncated),
        (n, 0) => match n - 3 - pair(1) {
            0 => Ok((&body[3..], None, Form::Extended)),
            1 => Err(Truncated),
            2 => Ok((&body[3..n - 2], of(pair(n - 2), 65_536), Form::Extended)),
            _ => Err(TrailingData),
        },
        (n, lc) if n < 1 + usize::from(lc) => Err(Truncated),
        (n, lc) => match n - 1 - usize::from(lc) {
            0 => Ok((&body[1..], None, Form::Short)),
            1 => Ok((&body[1..n - 1], of(body[n - 1].into(), 256), Form::Short)),
            _ => Err(TrailingData),
        },
    }
}

fn check(octets: &[u8]) -> bool {
    let parsed = Command::parse(octets);
    match (decode(octets), &parsed) {
        (Ok((data, le, form)), Ok(command)) => {
            assert_eq!(command.header.octets(), octets[..4]);
            assert_eq!((command.data, command.le.map(Le::get), command.form), (data, le, form));
            assert!(data.is_empty() || command.data.as_ptr() == data.as_ptr(), "a view, not a copy");
        }
        (Err(expected), Err(error)) => assert_eq!(*error, expected, "{octets:02X?}"),
        (expected, _) => panic!("{} octets: expected {expected:?}, got {parsed:?}", octets.len()),
    }
    parsed.is_ok()
}

#[test]
fn all_cases_at_the_boundaries() {
    let (mut good, mut refused) = (0, 0);
    let mut out = vec![0; 70_000];
    for form in [Form::Short, Form::Extended, Form::Chained(Chaining::Gp)] {
        for len in LENGTHS {
            for le in [None, Some(1), Some(255), Some(256), Some(257), Some(65_535), Some(65_536)] {
                let data = data(len);
                let expected = encode(form, &data, le);
                let command = Command { header: HEADER, data: &data, le: le.map(|le| Le::new(le).unwrap()), form };
                let emitted = command.emit(&mut out).map(|octets| octets.to_vec());
                let mut buf = vec![0; 70_000];
                let built = CommandBuf::new(&mut buf, HEADER, form).and_then(|mut built| {
                    built.push(&data)?.set_le(command.le);
                    built.finish().map(|octets| octets.to_vec())
                });
                assert_eq!(emitted, built);
                let Some(expected) = expected else {
                    refused += 1;
                    let error = emitted.unwrap_err();
                    match form {
                        _ if len > form.max_data() => assert_eq!(error, Error::DataTooLong),
                        _ if command.le > Some(form.max_le()) => assert_eq!(error, Error::LeTooLarge),
                        _ => assert_eq!((form, error), (Form::Chained(Chaining::Gp), Error::Chained)),
                    }
                    continue;
                };
                good += 1;
                assert_eq!(emitted.unwrap(), expected);
                assert_eq!(command.encoded_len(), expected.len());
                assert!(check(&expected));
                let read = Command::parse(&expected).unwrap();
                assert_eq!((read.header, read.data, read.le), (command.header, command.data, command.le));
                assert_eq!(command.emit(&mut vec![0; expected.len() - 1]), Err(Error::BufferFull));
            }
        }
    }
    // Short and one-segment chains: 9 lengths x 4 values of Le. Extended: 12 lengths x 7.
    assert_eq!((good, refused), (2 * 9 * 4 + 12 * 7, 3 * 13 * 7 - 2 * 9 * 4 - 12 * 7));
}

#[test]
fn every_truncation_is_read_as_what_it_is_then() {
    for form in [Form::Short, Form::Extended] {
        for len in LENGTHS {
            for le in [None, Some(7)] {
                let Some(octets) = encode(form, &data(len), le) else { continue };
                let good = (0..octets.len()).filter(|end| check(&octets[..*end])).count();
                assert!(good <= 4, "{good} of {} are commands", octets.len());
                assert!(!check(&[&octets[..], &[0xAA; 3]].concat()) || len == 0);
            }
        }
    }
}

/// All bodies of up to three octets, and longer ones whose Lc is near their length.
#[test]
fn all_small_bodies() {
    let mut octets = vec![0x00, 0xCA, 0x00, 0x66];
    check(&octets);
    for body in 0..=0xFF_FFFFu32 {
        let [_, a, b, c] = body.to_be_bytes();
        if body <= 0xFF {
            octets.truncate(4);
            octets.push(c);
            check(&octets);
        }
        if body <= 0xFFFF {
            octets.truncate(4);
            octets.extend([b, c]);
            check(&octets);
        }
        // The third octet matters only through whether it is zero and through its length.
        if c < 4 {
            octets.truncate(4);
            octets.extend([a, b, c]);
            check(&octets);
        }
    }
    for lc in 0..=255u8 {
        for extra in 0..5usize {
            let mut octets = vec![0x00, 0xCA, 0x00, 0x66, lc];
            octets.resize((5 + usize::from(lc) + extra).saturating_sub(2), 0x01);
            check(&octets);
            let mut octets = vec![0x00, 0xCA, 0x00, 0x66, 0x00, lc / 16, lc];
            octets.resize((7 + usize::from(lc / 16) * 256 + usize::from(lc) + extra).saturating_sub(2), 0x01);
            check(&octets);
        }
    }
}

#[test]
fn errors_say_what_is_missing() {
    for (body, error) in [
        (&[0x05, 0x01][..], Error::Truncated),
        (&[0x02, 0x01, 0x02, 0x00, 0x00], Error::TrailingData),
        (&[0x00, 0x01], Error::Truncated),
        (&[0x00, 0x00, 0x00, 0x01], Error::TrailingData),
        (&[0x00, 0x00, 0x05, 0x01], Error::Truncated),
        (&[0x00, 0x00, 0x01, 0x01, 0x00], Error::Truncated),
        (&[0x00, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00], Error::TrailingData),
    ] {
        assert_eq!(Command::parse(&[&[0x80, 0xCA, 0x00, 0x66], body].concat()), Err(error), "{body:02X?}");
    }
    assert_eq!(Command::parse(&[]), Err(Error::Truncated));
    assert_eq!(Command::parse(&[0x80, 0xCA, 0x00]), Err(Error::Truncated));
    assert_eq!(Command::parse(&[0xFF, 0xCA, 0x00, 0x66, 0x00]), Err(Error::Class));
    assert_eq!(Response::parse(&[]), Err(Error::Truncated));
    assert_eq!(Response::parse(&[0x90]), Err(Error::Truncated));
}

/// A buffer of each size around what a command needs.
#[test]
fn buffers_that_are_just_large_enough() {
    for (form, around) in [(Form::Short, 6), (Form::Extended, 9), (Form::Chained(Chaining::Iso), 6)] {
        for len in 0..around {
            assert_eq!(CommandBuf::new(&mut vec![0; len], HEADER, form).err(), Some(Error::BufferFull));
        }
        for room in [0, 1, 16, 255] {
            let mut buf = vec![0; around + room];
            let mut command = CommandBuf::new(&mut buf, HEADER, form).unwrap();
            assert_eq!(command.capacity(), room);
            command.push(&data(room)).unwrap().expect(Le::MAX_SHORT);
            let error = if room == 255 && form == Form::Short { Error::DataTooLong } else { Error::BufferFull };
            assert_eq!(command.push(&[0]).err(), Some(error));
            assert_eq!(command.data(), data(room));
            let expected = Command { header: HEADER, data: &data(room), le: Some(Le::MAX_SHORT), form };
            let mut out = [0; 300];
            assert_eq!(command.finish().unwrap(), expected.emit(&mut out).unwrap());
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn recorded_sessions_come_out_as_they_went_in() {
    let (mut commands, mut responses, mut foreign) = (0, 0, 0);
    let mut out = [0; 512];
    for line in include_str!("data/clients.txt").lines() {
        match line.split_once(' ') {
            Some(("c", text)) => {
                let mut octets = unhex(text);
                let command = Command::parse(&octets).unwrap();
                assert_eq!(command.emit(&mut out).unwrap(), octets, "{text}");
                foreign += usize::from(command.header.cla.coding().is_none());
                commands += 1;
                let (len, sent) = (octets.len(), octets.clone());
                octets.resize(len + 1, 0xEE);
                assert_eq!(CommandBuf::parse(&mut octets, len).unwrap().finish().unwrap(), sent, "{text}");
            }
            Some(("r", text)) => {
                let octets = unhex(text);
                assert_eq!(Response::parse(&octets).unwrap().emit(&mut out).unwrap(), octets, "{text}");
                responses += 1;
            }
            _ => assert!(line.is_empty() || line.starts_with('#')),
        }
    }
    assert_eq!((commands, responses, foreign), (862, 368, 1));
}
