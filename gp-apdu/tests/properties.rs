//! What holds for any octets: round trips, mutations, edits, and cards that answer anything.

use core::num::NonZeroU8;
use gp_apdu::{
    Chaining, Class, Command, CommandBuf, Error, Exchange, Form, Header, Le, Progress, Response, StatusWord,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Random cases, scaled by the percentage in `GP_TEST_SCALE`.
fn cases(count: u32) -> ProptestConfig {
    let scale = std::env::var("GP_TEST_SCALE").ok().and_then(|text| text.parse::<u32>().ok()).unwrap_or(100);
    ProptestConfig { cases: (count * scale / 100).max(1), failure_persistence: None, ..ProptestConfig::default() }
}

fn header() -> impl Strategy<Value = Header> {
    (0..=0xFEu8, any::<[u8; 3]>())
        .prop_map(|(cla, [ins, p1, p2])| Header::new(Class::from_byte(cla).unwrap(), ins, p1, p2))
}

fn form() -> impl Strategy<Value = Form> {
    prop_oneof![
        Just(Form::Short),
        Just(Form::Extended),
        Just(Form::Chained(Chaining::Gp)),
        Just(Form::Chained(Chaining::Iso))
    ]
}

fn le() -> impl Strategy<Value = Option<Le>> {
    prop_oneof![Just(None), (1..=256u32).prop_map(Le::new), (1..=65_536u32).prop_map(Le::new)]
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..4), vec(any::<u8>(), 200..300), vec(any::<u8>(), 0..2000)]
}

/// Bodies that look like a command more often than noise does.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..12),
        vec(any::<u8>(), 0..300),
        (vec(any::<u8>(), 4), vec(any::<u8>(), 0..260), vec(any::<u8>(), 0..3)).prop_map(|(mut header, body, tail)| {
            header.push(body.len() as u8);
            [header, body, tail].concat()
        }),
        (vec(any::<u8>(), 4), vec(any::<u8>(), 0..600), vec(any::<u8>(), 0..4)).prop_map(|(mut header, body, tail)| {
            header.push(0);
            header.extend((body.len() as u16).to_be_bytes());
            [header, body, tail].concat()
        }),
    ]
}

proptest! {
    #![proptest_config(cases(2000))]

    /// What parses comes out again octet for octet, as a view and in place.
    #[test]
    fn emit_undoes_parse(octets in octets()) {
        let Ok(command) = Command::parse(&octets) else { return Ok(()) };
        let mut out = vec![0; octets.len()];
        prop_assert_eq!(command.encoded_len(), octets.len());
        prop_assert_eq!(&command.emit(&mut out).unwrap()[..], &octets[..]);
        let mut copy = octets.clone();
        let len = copy.len();
        let built = CommandBuf::parse(&mut copy, len).unwrap();
        prop_assert_eq!(built.as_command(), command);
        prop_assert_eq!(&built.finish().unwrap()[..], &octets[..]);
    }

    /// What is emitted parses to the same command; only the form of a command without lengths is lost.
    #[test]
    fn parse_undoes_emit(header in header(), data in data(), le in le(), form in form()) {
        let command = Command { header, data: &data, le, form };
        let mut out = vec![0; 3000];
        match command.emit(&mut out) {
            Ok(octets) => {
                let read = Command::parse(octets).unwrap();
                prop_assert_eq!((read.header, read.data, read.le), (header, &data[..], le));
                let lengths = !data.is_empty() || le.is_some();
                prop_assert_eq!(read.form == Form::Extended, form == Form::Extended && lengths);
            }
            Err(Error::DataTooLong) => prop_assert!(form == Form::Short && data.len() > 255),
            Err(Error::LeTooLarge) => prop_assert!(form != Form::Extended && le > Some(Le::MAX_SHORT)),
            Err(error) => prop_assert!(error == Error::Chained && data.len() > 255),
        }
    }

    /// A changed octet gives a command that still comes out as it is, or an error.
    #[test]
    fn mutations_are_commands_or_errors(data in data(), le in le(), at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let command = Command { header: Header::new(Class::GP, 0xE2, 0, 0), data: &data, le, form: Form::Extended };
        let mut out = vec![0; 3000];
        let octets = command.emit(&mut out).unwrap();
        octets[at.index(octets.len())] ^= flip;
        let mut received = octets.to_vec();
        if let Ok(changed) = Command::parse(octets) {
            let mut again = vec![0; 3000];
            prop_assert_eq!(changed.emit(&mut again), Ok(&mut received[..]));
            prop_assert_ne!(changed, command);
        }
    }

    /// A response is its data and its status word, whatever they are.
    #[test]
    fn responses(octets in vec(any::<u8>(), 0..300)) {
        match Response::parse(&octets) {
            Ok(response) => {
                let mut out = [0; 300];
                prop_assert_eq!(&response.emit(&mut out).unwrap()[..], &octets[..]);
                prop_assert_eq!(response.data.len() + StatusWord::LEN, octets.len());
            }
            Err(error) => prop_assert!(error == Error::Truncated && octets.len() < 2),
        }
    }

    /// Edits of a command agree with those of a vector.
    #[test]
    fn edits(form in form(), room in 0..400usize, edits in vec((0..4u8, 0..200usize, any::<u8>()), 0..20)) {
        let mut buf = vec![0; room];
        let Ok(mut command) = CommandBuf::new(&mut buf, Header::new(Class::GP, 0xE2, 0, 0), form) else {
            prop_assert!(room < 9);
            return Ok(());
        };
        let mut model: Vec<u8> = Vec::new();
        let capacity = command.capacity();
        prop_assert!(capacity <= form.max_data() && capacity < room);
        for (kind, len, octet) in edits {
            let fits = model.len() + len <= capacity;
            match kind {
                0 => prop_assert_eq!(command.push(&vec![octet; len]).is_ok(), fits),
                1 => match command.grow(len) {
                    Ok(data) => {
                        prop_assert!(fits);
                        data[model.len()..].fill(octet);
                    }
                    Err(_) => prop_assert!(!fits),
                },
                2 => {
                    let left = capacity - model.len();
                    let written = command.push_with(|room| {
                        assert_eq!(room.len(), left);
                        room.get_mut(..len).ok_or(Error::BufferFull)?.fill(octet);
                        Ok::<_, Error>(len)
                    });
                    prop_assert_eq!(written.is_ok(), fits);
                }
                _ => {
                    command.truncate(len);
                    model.truncate(len);
                }
            }
            if kind < 3 && fits {
                model.extend(vec![octet; len]);
            }
            prop_assert_eq!(command.data(), &model[..]);
        }
    }
}

/// Answers of a card that wants to keep the exchange busy, or to break it.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    let status = prop_oneof![
        3 => Just([0x90, 0x00]),
        4 => any::<u8>().prop_map(|low| [0x61, low]),
        4 => any::<u8>().prop_map(|low| [0x6C, low]),
        1 => any::<[u8; 2]>(),
    ];
    prop_oneof![
        8 => (prop_oneof![Just(vec![]), vec(any::<u8>(), 0..300)], status).prop_map(|(data, status)| [&data[..], &status].concat()),
        1 => vec(any::<u8>(), 0..3),
    ]
}

proptest! {
    #![proptest_config(cases(2000))]

    /// Whatever a card answers, however long it claims its answers are: no panic, and an end within the stated steps.
    #[test]
    fn any_card_lets_an_exchange_end(
        header in header(), data in data(), le in le(), form in form(), protected in any::<bool>(),
        segment in 1..=255u8, room in prop_oneof![0..40usize, Just(70_000)],
        answers in vec(answer(), 1..30), lie in prop_oneof![9 => Just(0usize), 1 => 0..usize::MAX],
    ) {
        let mut buf = vec![0; 3000];
        let mut response = vec![0; room];
        let mut command = CommandBuf::new(&mut buf, header, form).unwrap();
        if command.push(&data).is_err() {
            return Ok(());
        }
        command.set_le(le);
        let segment = NonZeroU8::new(segment).unwrap();
        let Ok(mut exchange) = Exchange::start_segmented(command, protected, segment) else { return Ok(()) };
        let bound = data.len().div_ceil(segment.get().into()).max(1) + 1 + 2 * usize::from(Exchange::MAX_PARTS);
        let mut steps = 0;
        for answer in answers.iter().cycle() {
            let outgoing = exchange.outgoing(&buf);
            prop_assert!(Command::parse(outgoing).is_ok(), "{:02X?}", outgoing);
            let into = exchange.incoming(&mut response);
            let len = answer.len().min(into.len());
            into[..len].copy_from_slice(&answer[..len]);
            steps += 1;
            match exchange.received(&mut buf, &mut response, len.saturating_add(lie)) {
                Ok(Progress::Again) => prop_assert!(steps < bound),
                Ok(Progress::Done(len)) => {
                    prop_assert!(Response::parse(&response[..len]).is_ok());
                    break;
                }
                Err(_) => break,
            }
        }
        prop_assert!(steps <= bound);
        prop_assert_eq!(exchange.received(&mut buf, &mut response, 2), Err(Error::Finished));
    }
}

/// Command and response data may be secret: neither is printed.
#[test]
fn debug_shows_no_data() {
    let command = Command::parse(&[0x80, 0xE2, 0, 0, 2, 0xAB, 0xCD]).unwrap();
    let response = Response::parse(&[0xAB, 0xCD, 0x90, 0x00]).unwrap();
    let text = format!("{command:?} {response:?} {command:02X?} {response:02X?}");
    assert!(!text.contains("171") && !text.to_uppercase().contains("AB, CD") && text.contains("data_len"), "{text}");
}
