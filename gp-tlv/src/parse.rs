//! The grammar, in nom; nothing of nom leaves this file.
//!
//! ```text
//!  tlv         = tag length value                  value = as many octets as the length says
//!  tag         = low / high 0*1(1xxxxxxx) 0xxxxxxx  low = first octet without 1F in b5..b1, high = with
//!  length      = 00..7F / 81 u8 / 82 u16 / 83 u24 / 84 u32
//!  dgi         = u16 dgi-length value
//!  dgi-length  = 00..FE / FF u16
//! ```
//!
//! Most objects have a tag of one or two octets and a length of one. [`short_tlv`] reads those, and only when nothing is
//! wrong with them; everything else, refusals above all, is the grammar's. Tests hold the two together.

use nom::combinator::{map, map_res, opt, verify};
use nom::error::{FromExternalError, ParseError};
use nom::multi::length_data;
use nom::number::complete::{be_u16, be_u24, be_u32, u8};
use nom::{IResult, Parser, branch::alt};

use crate::{Dgi, ErrorKind, Tag, Tlv};

/// Where it failed (the rest of the input from there) and why. The offset is a subtraction at the boundary.
#[derive(Debug)]
pub(crate) struct At<'a>(pub(crate) &'a [u8], pub(crate) ErrorKind);

type Res<'a, T> = IResult<&'a [u8], T, At<'a>>;

/// Whatever fails by itself in nom fails because the input ends.
impl<'a> ParseError<&'a [u8]> for At<'a> {
    fn from_error_kind(input: &'a [u8], _: nom::error::ErrorKind) -> Self {
        At(input, ErrorKind::Truncated)
    }

    fn append(_: &'a [u8], _: nom::error::ErrorKind, other: Self) -> Self {
        other
    }
}

/// `map_res` carries our own kinds.
impl<'a> FromExternalError<&'a [u8], ErrorKind> for At<'a> {
    fn from_external_error(input: &'a [u8], _: nom::error::ErrorKind, kind: ErrorKind) -> Self {
        At(input, kind)
    }
}

fn fail<'a, T>(at: &'a [u8], kind: ErrorKind) -> Res<'a, T> {
    Err(nom::Err::Error(At(at, kind)))
}

fn tag(i: &[u8]) -> Res<'_, Tag> {
    // By value and not by `recognize`, which cuts the input by an index that could panic for all the compiler knows.
    let low = map(verify(u8, |b| b & 0x1F != 0x1F), |a| ([a, 0, 0], 1));
    let high = map((u8, opt(verify(u8, |b| b & 0x80 != 0)), u8), |(a, b, c)| match b {
        Some(b) => ([a, b, c], 3),
        None => ([a, c, 0], 2),
    });
    map_res(alt((low, high)), |(octets, len)| Tag::from_octets(octets.get(..len).unwrap_or_default())).parse_complete(i)
}

fn length(i: &[u8]) -> Res<'_, u32> {
    let (rest, first) = u8(i)?;
    match first {
        0..=0x7F => Ok((rest, first.into())),
        0x81 => map(u8, u32::from).parse_complete(rest),
        0x82 => map(be_u16, u32::from).parse_complete(rest),
        0x83 => be_u24(rest),
        0x84 => be_u32(rest),
        0x80 => fail(i, ErrorKind::IndefiniteLength),
        _ => fail(i, ErrorKind::LengthTooLarge),
    }
}

fn tlv(i: &[u8]) -> Res<'_, Tlv<'_>> {
    map((tag, length_data(length)), |(tag, value)| Tlv { tag, value }).parse_complete(i)
}

fn dgi_length(i: &[u8]) -> Res<'_, u16> {
    let (rest, first) = u8(i)?;
    match first {
        0xFF => be_u16(rest),
        _ => Ok((rest, first.into())),
    }
}

fn dgi(i: &[u8]) -> Res<'_, Dgi<'_>> {
    map((be_u16, length_data(dgi_length)), |(tag, value)| Dgi { tag, value }).parse_complete(i)
}

/// The tag at the start of `input` if it has one or two octets, and what follows it.
#[inline]
fn short_tag(input: &[u8]) -> Option<(&[u8], Tag)> {
    let (first, rest) = input.split_first()?;
    if let Ok(tag) = Tag::from_octets(&[*first]) {
        return Some((rest, tag));
    }
    let (second, rest) = rest.split_first()?;
    let tag = Tag::from_octets(&[*first, *second]).ok()?;
    Some((rest, tag))
}

/// The data object at the start of `input` if its tag has one or two octets and its length one, and what follows it.
#[inline]
fn short_tlv(input: &[u8]) -> Option<(&[u8], Tlv<'_>)> {
    let (rest, tag) = short_tag(input)?;
    let (length @ ..=0x7F, rest) = rest.split_first()? else { return None };
    let (value, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((rest, Tlv { tag, value }))
}

/// The tag at the start of `input`, and what follows it.
#[inline]
pub(crate) fn next_tag(input: &[u8]) -> Result<(&[u8], Tag), At<'_>> {
    match short_tag(input) {
        Some(found) => Ok(found),
        None => any_tag(input),
    }
}

/// The data object at the start of `input`, and what follows it.
#[inline]
pub(crate) fn next_tlv(input: &[u8]) -> Result<(&[u8], Tlv<'_>), At<'_>> {
    match short_tlv(input) {
        Some(found) => Ok(found),
        None => any_tlv(input),
    }
}

/// By the grammar. Out of line, so that the short way is all that a caller has in its loop.
#[inline(never)]
fn any_tag(input: &[u8]) -> Result<(&[u8], Tag), At<'_>> {
    strip(input, tag(input))
}

/// By the grammar, out of line.
#[inline(never)]
fn any_tlv(input: &[u8]) -> Result<(&[u8], Tlv<'_>), At<'_>> {
    strip(input, tlv(input))
}

/// The data grouping at the start of `input`, and what follows it.
pub(crate) fn next_dgi(input: &[u8]) -> Result<(&[u8], Dgi<'_>), At<'_>> {
    strip(input, dgi(input))
}

/// Takes nom's wrapping off. `Incomplete` belongs to its streaming mode, which is not used here.
fn strip<'a, T>(input: &'a [u8], result: Res<'a, T>) -> Result<(&'a [u8], T), At<'a>> {
    result.map_err(|error| match error {
        nom::Err::Error(at) | nom::Err::Failure(at) => at,
        nom::Err::Incomplete(_) => At(input, ErrorKind::Truncated),
    })
}

#[cfg(test)]
mod tests;
