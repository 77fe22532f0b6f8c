//! What somebody in the middle does to a message.

use arbitrary::Arbitrary;
use gp_apdu::StatusWord;
use gp_scp03::SecurityLevel;

/// One change.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Edit<'a> {
    /// An octet is changed by these bits.
    Flip(u16, u8),
    /// The end is cut off.
    Cut(u16),
    /// The beginning is cut off.
    Behead(u16),
    /// Octets come in between.
    Insert(u16, &'a [u8]),
    /// An octet is written.
    Set(u16, u8),
    /// From here on it is another message, from there on.
    Splice(u16, u16),
    /// The status word, or the last two octets, are these.
    End(u16),
    /// Two octets change places.
    Swap(u16, u16),
}

impl Edit<'_> {
    /// All changes, one after the other; `other` is what is spliced in.
    pub(crate) fn all(edits: &[Self], message: &[u8], other: &[u8]) -> Vec<u8> {
        edits.iter().take(8).fold(message.to_vec(), |message, edit| edit.apply(message, other))
    }

    fn apply(self, mut message: Vec<u8>, other: &[u8]) -> Vec<u8> {
        let place = |at: u16, length: usize| usize::from(at) % length.max(1);
        let length = message.len();
        match self {
            Self::Flip(at, bits) if length > 0 => message[place(at, length)] ^= bits,
            Self::Cut(at) => message.truncate(place(at, length + 1)),
            Self::Behead(at) => drop(message.drain(..place(at, length + 1))),
            Self::Insert(at, octets) => {
                let at = place(at, length + 1);
                message.splice(at..at, octets.iter().copied().take(300));
            }
            Self::Set(at, octet) if length > 0 => message[place(at, length)] = octet,
            Self::Splice(at, from) => {
                message.truncate(place(at, length + 1));
                message.extend_from_slice(&other[place(from, other.len() + 1)..]);
            }
            Self::End(status) if length > 1 => message[length - 2..].copy_from_slice(&status.to_be_bytes()),
            Self::Swap(a, b) if length > 0 => message.swap(place(a, length), place(b, length)),
            _ => {}
        }
        message
    }
}

/// Whether these octets are a status word alone that no R-MAC goes with: an error, or `61xx` where there are R-MACs.
pub(crate) fn is_bare(level: SecurityLevel, answer: &[u8]) -> bool {
    matches!(*answer, [high, low] if {
        let status = StatusWord(u16::from_be_bytes([high, low]));
        if level.has_r_mac() { !status.is_protected() } else { status.is_error() }
    })
}
