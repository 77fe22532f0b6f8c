//! BER-TLV data objects, taken apart by the rules of the place where they stand.

use gp_tlv::Reader;

use super::rules::{Place, Shape, rule};
use super::{Part, values};

/// The data objects of an answer to GET DATA, of a FCI, or of anything else that is BER-TLV.
#[must_use]
pub fn object(octets: &[u8]) -> Vec<Part> {
    read(Place::Top, Reader::new(octets))
}

/// The value of the object that GET DATA named, where the card leaves out tag and length (as it does under the ISO class).
pub(super) fn value_of(tag: u16, value: &[u8]) -> Vec<Part> {
    match rule(Place::Top, u32::from(tag)) {
        Some((name, shape)) => vec![one(Place::Top, "value".to_owned(), name, shape, Reader::new(value), value)],
        None => vec![Part::new("value", format!("object {tag:04X}"), value)],
    }
}

pub(super) fn read(place: Place, mut reader: Reader<'_>) -> Vec<Part> {
    let mut parts = Vec::new();
    loop {
        match reader.next_tlv() {
            Ok(None) => return parts,
            Err(error) => {
                let rest = reader.remaining();
                parts.push(Part::fault(error.to_string(), rest));
                return parts;
            }
            Ok(Some(tlv)) => {
                let (name, shape) = match rule(place, tlv.tag.to_u32()) {
                    Some(rule) => rule,
                    None if tlv.tag.is_constructed() => ("unknown template", Shape::Template(Place::Top)),
                    None => ("unknown", Shape::Octets),
                };
                let label = tlv.tag.to_string();
                parts.push(match reader.inside(tlv.value) {
                    Ok(inside) => one(place, label, name, shape, inside, tlv.value),
                    Err(error) => Part::new(label, name, tlv.value).meaning(error.to_string()),
                });
            }
        }
    }
}

fn one(place: Place, label: String, name: &str, shape: Shape, inside: Reader<'_>, value: &[u8]) -> Part {
    let part = Part::new(label, name, value);
    match shape {
        // A tag that is a template by rule may still be a plain value: "67" and "66" are not constructed by their bit.
        Shape::Template(inner) => {
            // A registry entry of the applications' part is that of a security domain where its privileges say so.
            let inner = if place == Place::Top && inner == Place::Entry(values::APPLICATION) {
                Place::Entry(values::kind_of(value))
            } else if let Place::Entry(values::APPLICATION) = inner {
                Place::Entry(values::kind_of(value))
            } else {
                inner
            };
            part.with(read(inner, inside))
        }
        Shape::Cplc => part.with(values::cplc(value)),
        Shape::KeyEntry => part.maybe(values::key_entry(value)),
        shape => part.maybe(values::meaning(shape, value)),
    }
}
