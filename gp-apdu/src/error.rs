//! What can be wrong with a command, a response or an exchange: one octet.

use core::fmt;

/// Why octets are no APDU, why a command cannot be built, or why an exchange ended.
///
/// Nothing was changed by a call that answered with an error, except where it says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The octets end before the command or response does.
    Truncated,
    /// There are octets after the end of the command.
    TrailingData,
    /// The class byte is `FF`, which is no class.
    Class,
    /// The data is longer than the form can carry: 255 octets short, 65535 extended or chained.
    DataTooLong,
    /// Le is larger than the form can express: 256 short or chained, 65536 extended.
    LeTooLarge,
    /// The caller's buffer is too small.
    BufferFull,
    /// The command is longer than one segment: only an [`Exchange`](crate::Exchange) can send it.
    Chained,
    /// The header has no free bit that could say that more segments follow: the class has none for ISO's rule, or the bit
    /// (b8 of P1 for GlobalPlatform's rule) is set already.
    ChainingBit,
    /// A segment that was not the last of its chain was answered as if the command were complete.
    BrokenChain,
    /// The transport reports more octets than it had room for.
    Overrun,
    /// The parts of the response do not fit into the caller's buffer.
    ResponseTooLong,
    /// The card went on announcing data after [`Exchange::MAX_PARTS`](crate::Exchange::MAX_PARTS) GET RESPONSE commands.
    TooManyParts,
    /// The exchange is over: it answers nothing more.
    Finished,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the APDU ends too early",
            Self::TrailingData => "there are octets after the end of the APDU",
            Self::Class => "FF is no class byte",
            Self::DataTooLong => "the data is longer than the form of the command can carry",
            Self::LeTooLarge => "Le is larger than the form of the command can express",
            Self::BufferFull => "the buffer is too small",
            Self::Chained => "the command has to be sent as a chain",
            Self::ChainingBit => "the header has no free bit for command chaining",
            Self::BrokenChain => "the card answered the middle of a chain as if it were the end",
            Self::Overrun => "the transport reports more octets than it had room for",
            Self::ResponseTooLong => "the response does not fit into the buffer",
            Self::TooManyParts => "the response has too many parts",
            Self::Finished => "the exchange is over",
        })
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_octet() {
        assert_eq!((size_of::<Error>(), size_of::<Result<(), Error>>()), (1, 1));
    }
}
