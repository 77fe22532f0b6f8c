//! Raw octets as data groupings of EMV CPS.

use gp_tlv::{Dgi, DgiReader, DgiWriter, Error, ErrorKind};

/// Reads `message` as data groupings, and checks:
///
/// - every step consumes at least three octets, or ends the walk; a value ends where the reader stands;
/// - an error is `Truncated`, names the end of the message, and leaves the reader where it was;
/// - cursor and iterator read the same, and so does a loop of a few lines that knows the format;
/// - what was read and is written again reads the same, and is never longer (lengths are minimal).
pub fn dgi(message: &[u8]) {
    let mut reader = DgiReader::new(message);
    let mut read = Vec::new();
    let mut written = vec![0; message.len()];
    let mut writer = DgiWriter::new(&mut written);
    let failure = loop {
        let before = reader.offset();
        match reader.next_dgi() {
            Ok(Some(dgi)) => {
                let after = reader.offset();
                assert!(after >= before + 3 + dgi.value.len() && after <= message.len());
                assert_eq!(&message[after - dgi.value.len()..after], dgi.value);
                writer.dgi(dgi.tag, dgi.value).expect("never longer than what was read");
                // Positions of objects inside count from the message.
                if let Some(Err(error)) = Iterator::find(&mut reader.inside(dgi.value), Result::is_err) {
                    assert!(error.offset as usize <= after && error.offset as usize >= after - dgi.value.len());
                }
                read.push(dgi);
            }
            Ok(None) => break None,
            Err(error) => {
                assert_eq!((error.kind, reader.offset()), (ErrorKind::Truncated, before));
                assert!(before <= error.offset as usize && error.offset as usize <= message.len());
                break Some(error);
            }
        }
    };
    assert_eq!(failure.is_none(), reader.finish().is_ok());
    assert_eq!(read, plain(message));
    let items: Vec<Result<Dgi<'_>, Error>> = DgiReader::new(message).collect();
    assert_eq!(items, read.iter().copied().map(Ok).chain(failure.map(Err)).collect::<Vec<_>>());
    let again: Result<Vec<Dgi<'_>>, Error> = DgiReader::new(writer.finish()).collect();
    assert_eq!(again, Ok(read));
}

/// The whole groupings at the beginning of `message`.
fn plain(message: &[u8]) -> Vec<Dgi<'_>> {
    let (mut all, mut rest) = (Vec::new(), message);
    loop {
        let (tag, length, start) = match *rest {
            [a, b, 0xFF, high, low, ..] => ([a, b], usize::from(high) << 8 | usize::from(low), 5),
            [a, b, length, ..] if length != 0xFF => ([a, b], usize::from(length), 3),
            _ => return all,
        };
        let Some(value) = rest.get(start..start + length) else { return all };
        all.push(Dgi { tag: u16::from_be_bytes(tag), value });
        rest = &rest[start + length..];
    }
}
