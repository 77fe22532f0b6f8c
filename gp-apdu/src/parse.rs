//! The grammar of commands: all of nom is in this file.
//!
//! ```text
//!  CLA INS P1 P2                              case 1
//!  CLA INS P1 P2 Le                           case 2    short: one octet
//!  CLA INS P1 P2 Lc data [Le]                 case 3, 4
//!  CLA INS P1 P2 00 Le Le                     case 2    extended: 00, then two octets each
//!  CLA INS P1 P2 00 Lc Lc data [Le Le]        case 3, 4
//! ```
//!
//! The first octet of the body and how many follow it decide the case, so nothing is tried twice. What is in order is read
//! by [`well_formed`], without nom and in the caller's loop; what is not is the grammar's, which says why. Tests hold the
//! two together.

use crate::{Class, Command, Error, Form, Header, Le};
use nom::combinator::{cond, map, map_opt, verify};
use nom::error::{ErrorKind, ParseError};
use nom::multi::length_data;
use nom::number::complete::{be_u16, u8};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

/// Why octets are no command.
#[derive(Debug)]
struct Refused(Error);

impl ParseError<&[u8]> for Refused {
    fn from_error_kind(_: &[u8], kind: ErrorKind) -> Self {
        Self(match kind {
            // The only `map_opt` of the grammar is the class.
            ErrorKind::MapOpt => Error::Class,
            // The only `verify` is that of a long Lc: `00 00 00` is a whole body already, an Le of 65536.
            ErrorKind::Verify => Error::TrailingData,
            // Whatever else nom misses is more input.
            _ => Error::Truncated,
        })
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

type Parsed<'a, T> = IResult<&'a [u8], T, Refused>;
type Body<'a> = (&'a [u8], Option<Le>, Form);

/// A whole command, short or extended; never a chained one, for a single command does not show that.
#[inline]
pub(crate) fn command(octets: &[u8]) -> Result<Command<'_>, Error> {
    match well_formed(octets) {
        Some(command) => Ok(command),
        None => by_grammar(octets),
    }
}

/// The command that `octets` are, if they are one.
#[inline]
fn well_formed(octets: &[u8]) -> Option<Command<'_>> {
    let ([cla, ins, p1, p2], body) = octets.split_first_chunk()?;
    let header = Header { cla: Class::from_byte(*cla)?, ins: *ins, p1: *p1, p2: *p2 };
    let (data, le, form) = match body.split_first() {
        None => (body, None, Form::Short),
        Some((0, [])) => (&[][..], Some(Le::MAX_SHORT), Form::Short),
        Some((0, [high, low])) => (&[][..], Some(Le::long(u16::from_be_bytes([*high, *low]))), Form::Extended),
        Some((0, rest)) => {
            let (lc @ [high, low], rest) = rest.split_first_chunk()?;
            let (data, rest) = rest.split_at_checked(u16::from_be_bytes(*lc).into())?;
            let le = match rest {
                _ if *high | *low == 0 => return None,
                [] => None,
                [high, low] => Some(Le::long(u16::from_be_bytes([*high, *low]))),
                _ => return None,
            };
            (data, le, Form::Extended)
        }
        Some((le, [])) => (&[][..], Some(Le::short(*le)), Form::Short),
        Some((lc, rest)) => {
            let (data, rest) = rest.split_at_checked((*lc).into())?;
            let le = match rest {
                [] => None,
                [le] => Some(Le::short(*le)),
                _ => return None,
            };
            (data, le, Form::Short)
        }
    };
    Some(Command { header, data, le, form })
}

/// By the grammar. Out of line, so that callers have the short way alone in their loops.
#[inline(never)]
fn by_grammar(octets: &[u8]) -> Result<Command<'_>, Error> {
    match (header, body).parse_complete(octets) {
        Ok((_, (header, (data, le, form)))) => Ok(Command { header, data, le, form }),
        Err(nom::Err::Error(Refused(error)) | nom::Err::Failure(Refused(error))) => Err(error),
        Err(nom::Err::Incomplete(_)) => Err(Error::Truncated),
    }
}

fn header(i: &[u8]) -> Parsed<'_, Header> {
    map((map_opt(u8, Class::from_byte), u8, u8, u8), |(cla, ins, p1, p2)| Header { cla, ins, p1, p2 }).parse_complete(i)
}

#[rustfmt::skip]
fn body(i: &[u8]) -> Parsed<'_, Body<'_>> {
    let short = |(data, le)| (data, le, Form::Short);
    let extended = |(data, le)| (data, le, Form::Extended);
    let no_data = |le| (&[][..], Some(le));
    match i {
        []        => Ok((i, (i, None, Form::Short))),                                                               // 1
        [_]       => map(map(short_le, no_data), short).parse_complete(i),                                          // 2 short
        [0, _, _] => map(map(preceded(u8, long_le), no_data), extended).parse_complete(i),                          // 2 extended
        [0, ..]   => map(preceded(u8, (length_data(long_lc), or_end(long_le))), extended).parse_complete(i),        // 3, 4 extended
        _         => map((length_data(u8), or_end(short_le)), short).parse_complete(i),                             // 3, 4 short
    }
}

fn long_lc(i: &[u8]) -> Parsed<'_, u16> {
    verify(be_u16, |lc| *lc != 0).parse_complete(i)
}

fn short_le(i: &[u8]) -> Parsed<'_, Le> {
    map(u8, Le::short).parse_complete(i)
}

fn long_le(i: &[u8]) -> Parsed<'_, Le> {
    map(be_u16, Le::long).parse_complete(i)
}

/// The end, or Le and then the end.
fn or_end<'a>(le: impl Fn(&'a [u8]) -> Parsed<'a, Le>) -> impl Parser<&'a [u8], Output = Option<Le>, Error = Refused> {
    move |i: &'a [u8]| cond(!i.is_empty(), terminated(&le, end)).parse_complete(i)
}

fn end(i: &[u8]) -> Parsed<'_, ()> {
    if i.is_empty() { Ok((i, ())) } else { Err(nom::Err::Error(Refused(Error::TrailingData))) }
}

#[cfg(test)]
mod tests;
