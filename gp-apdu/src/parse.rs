//! The grammar of commands: all of nom is in this file.
//!
//! ```text
//!  CLA INS P1 P2                              case 1
//!  CLA INS P1 P2 Le                           case 2    short: one octet
//!  CLA INS P1 P2 Lc data [Le]                 case 3, 4
//!  CLA INS P1 P2 00 Le Le                     case 2    extended: 00, then two octets each
//!  CLA INS P1 P2 00 Lc Lc data [Le Le]        case 3, 4
//! ```

use crate::{Class, Command, Error, Form, Header, Le};
use nom::branch::alt;
use nom::combinator::{map, map_opt, verify};
use nom::error::{ErrorKind, ParseError};
use nom::multi::length_data;
use nom::number::complete::{be_u16, u8};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

/// Where a branch failed (the rest of the input) and why.
#[derive(Debug)]
struct At<'a>(&'a [u8], Error);

impl<'a> ParseError<&'a [u8]> for At<'a> {
    fn from_error_kind(rest: &'a [u8], kind: ErrorKind) -> Self {
        // The only `map_opt` of the grammar is the class; whatever else nom misses is more input.
        Self(rest, if kind == ErrorKind::MapOpt { Error::Class } else { Error::Truncated })
    }

    fn append(_: &'a [u8], _: ErrorKind, other: Self) -> Self {
        other
    }

    /// Of two branches the one that got further speaks; where both stopped, more octets would have helped.
    fn or(self, other: Self) -> Self {
        match (self.0.len()).cmp(&other.0.len()) {
            core::cmp::Ordering::Less => self,
            core::cmp::Ordering::Equal if self.1 == Error::Truncated => self,
            _ => other,
        }
    }
}

type Parsed<'a, T> = IResult<&'a [u8], T, At<'a>>;
type Body<'a> = (&'a [u8], Option<Le>, Form);

/// A whole command, short or extended; never a chained one, for a single command does not show that.
pub(crate) fn command(octets: &[u8]) -> Result<Command<'_>, Error> {
    match (header, body).parse_complete(octets) {
        Ok((_, (header, (data, le, form)))) => Ok(Command { header, data, le, form }),
        Err(nom::Err::Error(At(_, error)) | nom::Err::Failure(At(_, error))) => Err(error),
        Err(nom::Err::Incomplete(_)) => Err(Error::Truncated),
    }
}

fn header(i: &[u8]) -> Parsed<'_, Header> {
    map((map_opt(u8, Class::from_byte), u8, u8, u8), |(cla, ins, p1, p2)| Header { cla, ins, p1, p2 }).parse_complete(i)
}

#[rustfmt::skip]
fn body(i: &[u8]) -> Parsed<'_, Body<'_>> {
    alt((
        map(end,                                                   |()| (&[][..], None, Form::Short)),            // 1
        map(terminated(short_le, end),                             |le| (&[][..], Some(le), Form::Short)),        // 2 short
        map((length_data(short_lc), or_end(short_le)),             |(data, le)| (data, le, Form::Short)),         // 3, 4 short
        map(preceded(zero, terminated(long_le, end)),              |le| (&[][..], Some(le), Form::Extended)),     // 2 extended
        map(preceded(zero, (length_data(long_lc), or_end(long_le))), |(data, le)| (data, le, Form::Extended)),    // 3, 4 extended
    ))
    .parse_complete(i)
}

fn zero(i: &[u8]) -> Parsed<'_, u8> {
    verify(u8, |octet| *octet == 0).parse_complete(i)
}

fn short_lc(i: &[u8]) -> Parsed<'_, u8> {
    verify(u8, |lc| *lc != 0).parse_complete(i)
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

/// Le and then the end, or the end.
fn or_end<'a>(le: fn(&'a [u8]) -> Parsed<'a, Le>) -> impl Parser<&'a [u8], Output = Option<Le>, Error = At<'a>> {
    alt((map(end, |()| None), map(terminated(le, end), Some)))
}

fn end(i: &[u8]) -> Parsed<'_, ()> {
    if i.is_empty() { Ok((i, ())) } else { Err(nom::Err::Error(At(i, Error::TrailingData))) }
}
