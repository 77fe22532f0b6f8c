//! Raw octets as BER-TLV.

use gp_tlv::{Error, ErrorKind, Reader, Tlv, Writer};

/// Reads `message` as a sequence of BER-TLV, entering every template, and checks:
///
/// - every step consumes at least two octets, or ends the walk;
/// - a value is the part of the message that ends where the reader stands, at every depth;
/// - an error names an octet of the part being read, or its end, and leaves the reader where it was;
/// - cursor and iterator read the same;
/// - what was read and is written again reads the same, and is never longer (lengths are minimal);
/// - written a second time, with its templates nested, it has the same octets.
pub fn tlv(message: &[u8]) {
    walk(message, Reader::new(message));
    let once = normal(message);
    assert!(once.len() <= message.len());
    assert_eq!(normal(&once), once);
}

fn walk(message: &[u8], mut reader: Reader<'_>) {
    let part = reader.remaining();
    let start = reader.offset();
    let end = start + part.len();
    assert_eq!(&message[start..end], part);

    let iterator = reader.clone();
    let mut read = Vec::new();
    let mut written = vec![0; part.len()];
    let mut writer = Writer::new(&mut written);
    let failure = loop {
        let before = reader.offset();
        match reader.next_tlv() {
            Ok(Some(tlv)) => {
                let after = reader.offset();
                assert!(after <= end && after >= before + 2 + tlv.value.len(), "no progress at {before}");
                assert_eq!(&message[after - tlv.value.len()..after], tlv.value);
                match reader.inside(tlv.value) {
                    Ok(inner) if tlv.tag.is_constructed() => walk(message, inner),
                    Ok(_) => {}
                    Err(error) => assert_eq!(error, Error::new(ErrorKind::TooDeep, after - tlv.value.len())),
                }
                writer.tlv(tlv.tag, tlv.value).expect("never longer than what was read");
                read.push(tlv);
            }
            Ok(None) => break None,
            Err(error) => {
                let at = usize::try_from(error.offset).expect("messages of the fuzzer are short");
                assert!(before <= at && at <= end);
                assert_eq!(reader.offset(), before);
                break Some(error);
            }
        }
    };
    assert_eq!(failure.is_none(), reader.finish().is_ok());

    let items: Vec<Result<Tlv<'_>, Error>> = iterator.collect();
    assert_eq!(items, read.iter().copied().map(Ok).chain(failure.map(Err)).collect::<Vec<_>>());
    let again: Result<Vec<Tlv<'_>>, Error> = Reader::new(writer.finish()).collect();
    assert_eq!(again, Ok(read));
}

/// The readable part of `octets`, written with minimal lengths at every depth that can be entered whole.
fn normal(octets: &[u8]) -> Vec<u8> {
    let mut written = vec![0; octets.len()];
    let mut writer = Writer::new(&mut written);
    rewrite(Reader::new(octets), &mut writer).expect("never longer than what was read");
    writer.finish().to_vec()
}

fn rewrite(mut reader: Reader<'_>, writer: &mut Writer<'_>) -> Result<(), Error> {
    while let Ok(Some(tlv)) = reader.next_tlv() {
        match reader.inside(tlv.value) {
            Ok(inner) if tlv.tag.is_constructed() && inner.clone().all(|item| item.is_ok()) => {
                writer.nested(tlv.tag, |writer| rewrite(inner, writer))?
            }
            _ => writer.tlv(tlv.tag, tlv.value)?,
        };
    }
    Ok(())
}
