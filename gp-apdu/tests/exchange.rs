//! Exchanges against a card that follows a script: what is sent, octet for octet, and what comes out.

use core::num::NonZeroU8;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use gp_apdu::{
    AsyncTransport, Chaining, Class, CommandBuf, Error, Exchange, ExchangeError, Form, Header, Le, Progress, Transport,
};

/// What is expected, and what is answered to it.
struct Script<'a> {
    steps: &'a [(Vec<u8>, Vec<u8>)],
    at: usize,
}

impl Transport for Script<'_> {
    type Error = &'static str;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Self::Error> {
        let (expected, answer) = self.steps.get(self.at).ok_or("script is over")?;
        assert_eq!(command, expected, "step {}", self.at);
        self.at += 1;
        response[..answer.len()].copy_from_slice(answer);
        Ok(answer.len())
    }
}

impl AsyncTransport for Script<'_> {
    type Error = &'static str;

    async fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Self::Error> {
        Transport::transmit(self, command, response)
    }
}

/// The command of a test: header, form, data, Le, protected?
struct Sent<'a>(&'a str, Form, &'a [u8], Option<Le>, bool);

type Outcome = Result<Vec<u8>, ExchangeError<&'static str>>;

/// Runs the command over the script, blocking and not, with a response buffer of `room` octets.
fn run_with(sent: &Sent<'_>, segment: u8, room: usize, steps: &[(Vec<u8>, Vec<u8>)]) -> Outcome {
    let mut buf = vec![0; 70_000];
    let mut outcomes = Vec::new();
    for blocking in [true, false] {
        let mut response = vec![0; room];
        let mut link = Script { steps, at: 0 };
        let header = hex(sent.0);
        let header = Header::new(Class::from_byte(header[0]).unwrap(), header[1], header[2], header[3]);
        let mut command = CommandBuf::new(&mut buf, header, sent.1)?;
        command.push(sent.2)?.set_le(sent.3);
        let exchange = Exchange::start_segmented(command, sent.4, NonZeroU8::new(segment).unwrap())?;
        let outcome = if blocking {
            exchange.run(&mut &mut link, &mut buf, &mut response)
        } else {
            let mut link = &mut link;
            let future = pin!(exchange.run_async(&mut link, &mut buf, &mut response));
            let Poll::Ready(outcome) = future.poll(&mut Context::from_waker(Waker::noop())) else { panic!("pending") };
            outcome
        };
        outcomes.push(outcome.map(|octets| octets.to_vec()));
        if outcomes[0] != Err(ExchangeError::Link("script is over")) {
            assert_eq!(link.at, steps.len(), "the whole script is played");
        }
    }
    assert_eq!(outcomes[0], outcomes[1]);
    outcomes.swap_remove(0)
}

fn run(sent: &Sent<'_>, steps: &[(Vec<u8>, Vec<u8>)]) -> Outcome {
    run_with(sent, 255, 70_000, steps)
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn step(command: &str, answer: &str) -> (Vec<u8>, Vec<u8>) {
    (hex(command), hex(answer))
}

/// Header, Lc and data, perhaps Le.
fn segment(front: &str, data: &[u8], le: &str, answer: &str) -> (Vec<u8>, Vec<u8>) {
    ([&hex(front)[..], data, &hex(le)].concat(), hex(answer))
}

fn data(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i % 251) as u8).collect()
}

const GP: Form = Form::Chained(Chaining::Gp);
const ISO: Form = Form::Chained(Chaining::Iso);
const FULL: Option<Le> = Some(Le::MAX_SHORT);

#[test]
fn one_command_one_answer() {
    for answer in ["9000", "01029000", "6A88", "6283", "026310", "6C00"] {
        let le = if answer == "6C00" { None } else { FULL };
        let out = if le.is_some() { "80CA006600" } else { "80CA0066" };
        assert_eq!(run(&Sent("80CA0066", Form::Short, &[], le, false), &[step(out, answer)]), Ok(hex(answer)));
    }
}

#[test]
fn chains_are_cut() {
    let all = data(600);
    let gp = [
        segment("84E68200FF", &all[..255], "", "9000"),
        segment("84E68200FF", &all[255..510], "", "9000"),
        segment("84E602005A", &all[510..], "00", "01029000"),
    ];
    assert_eq!(run(&Sent("84E60200", GP, &all, FULL, true), &gp), Ok(hex("01029000")));
    let iso = [
        segment("94E60200FF", &all[..255], "", "9000"),
        segment("94E60200FF", &all[255..510], "", "9000"),
        segment("84E602005A", &all[510..], "", "6985"),
    ];
    assert_eq!(run(&Sent("84E60200", ISO, &all, None, true), &iso), Ok(hex("6985")));
}

#[test]
fn chains_at_their_boundaries() {
    for (form, first) in [(GP, "80D88001"), (ISO, "90D80001")] {
        for segment_len in [1u8, 2, 4, 5, 6, 100, 254, 255] {
            for len in [0, 1, 5, 99, 100, 101, 254, 255, 256, 509, 510, 511, 1000, 65_535] {
                if usize::from(segment_len) * 2000 < len {
                    continue;
                }
                let all = data(len);
                let mut steps: Vec<_> = all
                    .chunks(segment_len.into())
                    .map(|chunk| segment(&format!("{first}{:02X}", chunk.len()), chunk, "", "9000"))
                    .collect();
                if steps.is_empty() {
                    steps.push(step("80D80001", "9000"));
                }
                let last = steps.last_mut().unwrap();
                last.0.splice(..4, hex("80D80001"));
                last.0.push(0x00);
                last.1 = hex("AA9000");
                assert_eq!(
                    run_with(&Sent("80D80001", form, &all, FULL, false), segment_len, 300, &steps),
                    Ok(hex("AA9000"))
                );
            }
        }
    }
}

#[test]
fn a_refused_chain_ends_with_the_refusal() {
    let all = data(300);
    for answer in ["6883", "6884", "6A86", "6C10", "6E00", "9100"] {
        let steps = [segment("80E68200FF", &all[..255], "", answer)];
        assert_eq!(run(&Sent("80E60200", GP, &all, FULL, false), &steps), Ok(hex(answer)));
    }
}

#[test]
fn the_middle_of_a_chain_cannot_succeed() {
    let all = data(300);
    for answer in ["019000", "6110", "6200", "6310", "AABB6110"] {
        let steps = [segment("80E68200FF", &all[..255], "", answer)];
        let outcome = run(&Sent("80E60200", GP, &all, FULL, false), &steps);
        assert_eq!(outcome, Err(Error::BrokenChain.into()), "{answer}");
    }
}

#[test]
fn chains_that_cannot_be_made() {
    let all = data(300);
    let start = |sent: Sent<'_>| run(&sent, &[]);
    let refused = Err(Error::ChainingBit.into());
    assert_eq!(start(Sent("EFE60000", ISO, &all, None, true)), refused);
    assert_eq!(start(Sent("A0E60000", ISO, &all, None, false)), refused);
    // A bit set already would be set on the last segment too, and the card would wait for more.
    assert_eq!(start(Sent("94E60000", ISO, &all, None, true)), refused);
    assert_eq!(start(Sent("80E68000", GP, &all, None, false)), refused);
    assert_eq!(run(&Sent("80E68000", GP, &[], None, false), &[step("80E68000", "9000")]), Ok(hex("9000")));
    let too_large = Some(Le::MAX_EXTENDED);
    assert_eq!(start(Sent("80E60000", GP, &all, too_large, false)), Err(Error::LeTooLarge.into()));
}

#[test]
fn parts_are_joined() {
    let steps = [
        step("84F2400208112233445566778800", "0102 6103"),
        step("00C0000003", "0304 6101"),
        step("00C0000001", "05 6310"),
    ];
    let sent = Sent("84F24002", Form::Short, &hex("1122334455667788"), FULL, true);
    assert_eq!(run(&sent, &steps), Ok(hex("01020304056310")));
}

#[test]
fn get_response_goes_to_the_channel_of_the_command() {
    for (header, class) in [
        ("80CA0066", "00"),
        ("83CA0066", "03"),
        ("86CA0066", "02"),
        ("C0CA0066", "40"),
        ("EFCA0066", "4F"),
        ("A0CA0066", "A0"),
    ] {
        let steps = [step(&format!("{header}00"), "6100"), step(&format!("{class}C0000000"), "AA9000")];
        assert_eq!(run(&Sent(header, Form::Short, &[], FULL, false), &steps), Ok(hex("AA9000")));
    }
}

#[test]
fn parts_fill_the_buffer_and_no_more() {
    let sent = Sent("80CA0066", Form::Short, &[], FULL, false);
    // Six octets of data and the status word fit; ten are announced.
    let steps = [step("80CA006600", "0102 610A"), step("00C0000004", "03040506 6106")];
    assert_eq!(run_with(&sent, 255, 8, &steps), Err(Error::ResponseTooLong.into()));
    let steps = [step("80CA006600", "0102 610A"), step("00C0000004", "03040506 9000")];
    assert_eq!(run_with(&sent, 255, 8, &steps), Ok(hex("0102030405069000")));
    let steps = [step("80CA006600", "6101")];
    assert_eq!(run_with(&sent, 255, 2, &steps), Err(Error::ResponseTooLong.into()));
}

#[test]
fn a_large_response_in_many_parts() {
    let all = data(65_536);
    let mut steps = vec![step("80CA006600", "6100")];
    for chunk in all.chunks(128) {
        steps.push((hex("00C0000000"), [chunk, &hex("6100")].concat()));
    }
    steps.last_mut().unwrap().1.splice(128.., hex("9000"));
    let sent = Sent("80CA0066", Form::Short, &[], FULL, false);
    assert_eq!(run(&sent, &steps).unwrap(), [&all[..], &hex("9000")].concat());
}

#[test]
fn endless_announcements_end() {
    let mut steps = vec![step("80CA006600", "6101")];
    steps.extend((0..Exchange::MAX_PARTS).map(|_| step("00C0000001", "6101")));
    let sent = Sent("80CA0066", Form::Short, &[], FULL, false);
    assert_eq!(run(&sent, &steps), Err(Error::TooManyParts.into()));
}

#[test]
fn a_failed_part_ends_the_response() {
    let steps = [step("80CA006600", "01026110"), step("00C0000010", "6F00")];
    assert_eq!(run(&Sent("80CA0066", Form::Short, &[], FULL, false), &steps), Ok(hex("01026F00")));
}

#[test]
fn a_plain_command_is_repeated_once_with_the_right_le() {
    let steps = [step("80CA006600", "6C02"), step("80CA006602", "AABB9000")];
    assert_eq!(run(&Sent("80CA0066", Form::Short, &[], FULL, false), &steps), Ok(hex("AABB9000")));
    let steps = [step("80CA006600", "6C02"), step("80CA006602", "6C03")];
    assert_eq!(run(&Sent("80CA0066", Form::Short, &[], FULL, false), &steps), Ok(hex("6C03")));
    let steps = [step("80F24000024F0001", "6C00"), step("80F24000024F0000", "6110"), step("00C0000010", "AA9000")];
    assert_eq!(run(&Sent("80F24000", Form::Short, &hex("4F00"), Le::new(1), false), &steps), Ok(hex("AA9000")));
    let long = Some(Le::MAX_EXTENDED);
    let steps = [step("80CA0066000000", "6C00"), step("80CA0066000100", "9000")];
    assert_eq!(run(&Sent("80CA0066", Form::Extended, &[], long, false), &steps), Ok(hex("9000")));
    let steps = [step("80CA00660000014F0000", "6C05"), step("80CA00660000014F0005", "9000")];
    assert_eq!(run(&Sent("80CA0066", Form::Extended, &hex("4F"), long, false), &steps), Ok(hex("9000")));
}

#[test]
fn a_protected_command_is_never_repeated() {
    let steps = [step("84CA0066081122334455667788 00", "6C02")];
    assert_eq!(run(&Sent("84CA0066", Form::Short, &hex("1122334455667788"), FULL, true), &steps), Ok(hex("6C02")));
}

#[test]
fn neither_is_a_chain_nor_a_command_without_le() {
    let all = data(256);
    let steps = [segment("80E68200FF", &all[..255], "", "9000"), segment("80E6020001", &all[255..], "00", "6C02")];
    assert_eq!(run(&Sent("80E60200", GP, &all, FULL, false), &steps), Ok(hex("6C02")));
    assert_eq!(run(&Sent("80E60200", Form::Short, &[], None, false), &[step("80E60200", "6C02")]), Ok(hex("6C02")));
    // An answer with data is no request to repeat.
    assert_eq!(
        run(&Sent("80CA0066", Form::Short, &[], FULL, false), &[step("80CA006600", "AA6C02")]),
        Ok(hex("AA6C02"))
    );
}

#[test]
fn get_response_is_asked_again_once_for_each_part() {
    for protected in [false, true] {
        let sent = Sent("84CA0066", Form::Short, &[], FULL, protected);
        let steps = [
            step("84CA006600", "6100"),
            step("00C0000000", "6C02"),
            step("00C0000002", "AABB6105"),
            step("00C0000005", "6C01"),
            step("00C0000001", "CC9000"),
        ];
        assert_eq!(run(&sent, &steps), Ok(hex("AABBCC9000")));
        let steps = [step("84CA006600", "6100"), step("00C0000000", "6C02"), step("00C0000002", "6C03")];
        assert_eq!(run(&sent, &steps), Ok(hex("6C03")));
        let steps = [step("84CA006600", "6102"), step("00C0000002", "6C07")];
        assert_eq!(run_with(&sent, 255, 8, &steps), Err(Error::ResponseTooLong.into()));
    }
}

#[test]
fn malformed_answers_end_the_exchange() {
    let sent = Sent("80CA0066", Form::Short, &[], FULL, false);
    for answer in ["", "90"] {
        assert_eq!(run(&sent, &[step("80CA006600", answer)]), Err(Error::Truncated.into()));
    }
    let mut buf = [0; 16];
    let mut response = [0; 8];
    let mut start = || {
        let mut command = CommandBuf::new(&mut buf, Header::new(Class::GP, 0xCA, 0, 0x66), Form::Short).unwrap();
        command.expect(Le::MAX_SHORT);
        Exchange::start(command, false).unwrap()
    };
    let mut exchange = start();
    assert_eq!(exchange.received(&mut [0; 16], &mut response, 9), Err(Error::Overrun));
    assert_eq!(exchange.received(&mut [0; 16], &mut response, 2), Err(Error::Finished));
    let mut exchange = start();
    response[..2].copy_from_slice(&hex("9000"));
    assert_eq!(exchange.received(&mut [0; 16], &mut response, 2), Ok(Progress::Done(2)));
    assert_eq!(exchange.received(&mut [0; 16], &mut response, 2), Err(Error::Finished));
    // A command buffer too small for GET RESPONSE, and other buffers than those of the start.
    let mut exchange = start();
    response[..2].copy_from_slice(&hex("6102"));
    assert_eq!(exchange.received(&mut [0; 4], &mut response, 2), Err(Error::BufferFull));
    let exchange = start();
    assert_eq!((exchange.outgoing(&[0; 4]), exchange.incoming(&mut []).len()), (&[][..], 0));
}

#[test]
fn a_failing_link_is_told_from_a_failing_exchange() {
    let outcome = run(&Sent("80CA0066", Form::Short, &[], FULL, false), &[]);
    assert_eq!(outcome, Err(ExchangeError::Link("script is over")));
}

/// The future of an exchange is `Send` when that of the link is.
#[test]
fn an_exchange_can_move_between_threads() {
    struct Link;
    impl AsyncTransport for Link {
        type Error = core::convert::Infallible;
        async fn transmit(&mut self, _: &[u8], _: &mut [u8]) -> Result<usize, Self::Error> {
            Ok(0)
        }
    }
    fn send<T: Send>(value: T) -> T {
        value
    }
    let mut buf = [0; 16];
    let command = CommandBuf::new(&mut buf, Header::new(Class::ISO, 0xCA, 0, 0x66), Form::Short).unwrap();
    let exchange = Exchange::start(command, false).unwrap();
    let (mut link, mut response) = (Link, [0; 8]);
    let future = pin!(send(exchange.run_async(&mut link, &mut buf, &mut response)));
    let outcome = future.poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(outcome, Poll::Ready(Err(Error::Truncated.into())));
}

/// Each reason reads as a sentence of its own; what the link said lies beneath.
#[test]
fn errors_say_what_happened() {
    use core::error::Error as _;
    let errors = [
        Error::Truncated,
        Error::TrailingData,
        Error::Class,
        Error::DataTooLong,
        Error::LeTooLarge,
        Error::BufferFull,
        Error::Chained,
        Error::ChainingBit,
        Error::BrokenChain,
        Error::Overrun,
        Error::ResponseTooLong,
        Error::TooManyParts,
        Error::Finished,
    ];
    let mut texts: Vec<String> = errors.iter().map(Error::to_string).collect();
    assert!(texts.iter().all(|text| text.contains(' ') && !text.ends_with('.')));
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), errors.len());
    let link = ExchangeError::Link(core::fmt::Error);
    assert_eq!(link.to_string(), "the link to the card failed");
    assert_eq!(link.source().unwrap().to_string(), core::fmt::Error.to_string());
    let apdu = ExchangeError::<core::fmt::Error>::from(Error::Overrun);
    assert_eq!(apdu.to_string(), "the exchange with the card failed");
    assert_eq!(apdu.source().unwrap().to_string(), Error::Overrun.to_string());
}
