//! What every writer keeps, whatever it writes.

use core::fmt::Debug;
use gp_tlv::{Error, ErrorKind, Writer};

/// What `emit` writes. It needs exactly that much room: in as much it writes the same, in an octet less it writes nothing
/// and says so.
pub(crate) fn written(emit: impl Fn(&mut Writer<'_>) -> Result<(), Error>) -> Result<Vec<u8>, Error> {
    let mut buffer = vec![0; 0x1_0000];
    let mut writer = Writer::new(&mut buffer);
    if let Err(error) = emit(&mut writer) {
        assert_eq!(writer.len(), 0, "something was written before the error");
        return Err(error);
    }
    let octets = writer.finish().to_vec();
    let mut exact = vec![0; octets.len()];
    let mut writer = Writer::new(&mut exact);
    assert_eq!(emit(&mut writer), Ok(()));
    assert_eq!(writer.finish(), octets);
    if let Some(less) = octets.len().checked_sub(1) {
        let mut writer = Writer::new(&mut exact[..less]);
        assert_eq!(emit(&mut writer).expect_err("no room").kind, ErrorKind::BufferFull);
        assert_eq!(writer.len(), 0, "something was written without room");
    }
    Ok(octets)
}

/// The same for what is written straight into a buffer.
pub(crate) fn filled<E: Debug>(emit: impl Fn(&mut [u8]) -> Result<usize, E>) -> Result<Vec<u8>, E> {
    let mut buffer = vec![0; 0x1_0000];
    let length = emit(&mut buffer)?;
    buffer.truncate(length);
    let mut exact = vec![0; length];
    assert_eq!(emit(&mut exact).expect("room enough"), length);
    assert_eq!(exact, buffer);
    if let Some(less) = length.checked_sub(1) {
        assert!(emit(&mut exact[..less]).is_err(), "{less} octets are not enough");
    }
    Ok(buffer)
}

/// Two octets and the rest, of inputs that begin with P1 and P2.
pub(crate) fn parameters(octets: &[u8]) -> Option<(u8, u8, &[u8])> {
    match octets {
        [p1, p2, data @ ..] => Some((*p1, *p2, data)),
        _ => None,
    }
}

/// Cuts `octets` in pieces whose lengths `plan` says, again and again; no piece is empty.
pub(crate) fn pieces(octets: &[u8], plan: u8) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let (mut rest, mut number) = (octets, u32::from(plan));
    while !rest.is_empty() {
        // Between one octet and 64, more often few.
        number = number.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let length = 1 + (number >> 16) as usize % (1 << ((number >> 24) % 7));
        let (piece, after) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}
