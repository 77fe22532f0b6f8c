//! Answers that are written otherwise than specified: octets in, octets out, whatever card they come from.

use gp_apdu::StatusWord;
use gp_tlv::{Error, Reader, Tag, Writer, tags::capability, tags::card_data, tags::fci, tags::registry};

use super::{Deviation, Deviations};
use crate::in_place::move_within;

/// The longest FCI that takes further objects, in octets.
const MAX_FCI: usize = 256;

/// The longest entry of GET STATUS that is cut or damaged, in octets.
const MAX_ENTRY: usize = 512;

/// An FCI whose AID has no octets.
pub(in crate::card) const FCI_WITHOUT_AID: [u8; 10] = [0x6F, 0x08, 0x84, 0x00, 0xA5, 0x04, 0x9F, 0x65, 0x01, 0xFF];

/// The FCI that stands in the first `length` octets of `room`. Answers its new length.
pub(in crate::card) fn fci(deviations: Deviations, room: &mut [u8], length: usize) -> usize {
    let mut length = length;
    if deviations.contains(Deviation::UnknownFciObjects) {
        length = with_unknown_objects(room, length).unwrap_or(length);
    }
    object(deviations, room, length)
}

/// A data object that stands in the first `length` octets of `room`. Answers its new length.
pub(in crate::card) fn object(deviations: Deviations, room: &mut [u8], length: usize) -> usize {
    let mut length = length;
    if deviations.contains(Deviation::CapabilityTwice) && tag_of(room, length) == Some(capability::TEMPLATE) {
        length = twice(room, length).unwrap_or(length);
    }
    if deviations.contains(Deviation::LongLengths) {
        length = with_long_length(room, length).unwrap_or(length);
    }
    length
}

fn tag_of(room: &[u8], length: usize) -> Option<Tag> {
    Reader::new(room.get(..length)?).peek_tag().ok()?
}

/// The template with further objects in it. Nothing has changed where they do not fit.
#[inline(never)]
fn with_unknown_objects(room: &mut [u8], length: usize) -> Option<usize> {
    let mut before = [0; MAX_FCI];
    let before = before.get_mut(..length)?;
    before.iter_mut().zip(room.get(..length)?).for_each(|(to, from)| *to = *from);
    let mut template = Reader::new(before).template(fci::TEMPLATE).ok()?;
    let name = template.expect(fci::AID).ok()?;
    let proprietary = template.expect(fci::PROPRIETARY_DATA).ok()?;
    let mut writer = Writer::new(room);
    let written = writer.nested(fci::TEMPLATE, |w| {
        w.tlv(fci::AID, name)?;
        w.nested(fci::PROPRIETARY_DATA, |w| {
            w.raw(proprietary)?;
            w.tlv(fci::PRODUCTION_LIFE_CYCLE, &[0x40, 0x51, 0x63, 0x05, 0x2D, 0x00])?;
            w.tlv(card_data::CONFIGURATION, &[0xDF, 0x01])?.tlv(card_data::CHIP, &[])?;
            Ok(())
        })?;
        w.tlv(card_data::CHIP, &[0xDF, 0x02, 0x03])?;
        Ok(())
    });
    match written {
        Ok(_) => Some(writer.len()),
        Err(_) => {
            room.iter_mut().zip(before).for_each(|(to, from)| *to = *from);
            None
        }
    }
}

/// The object as the value of another one of its tag.
fn twice(room: &mut [u8], length: usize) -> Option<usize> {
    let tag = tag_of(room, length)?;
    let head = gp_tlv::encoded_len(tag, length).checked_sub(length)?;
    let end = length.checked_add(head).filter(|end| *end <= room.len())?;
    move_within(room, 0..length, head);
    let (head, _) = room.split_at_mut_checked(head)?;
    match (head, u8::try_from(length).ok()?) {
        // The tag, which has one octet, is there already.
        ([_, short], length) if length < 0x80 => *short = length,
        ([_, long, short], length) => (*long, *short) = (0x81, length),
        _ => return None,
    }
    Some(end)
}

/// The object with its length in the form `82 xx xx`.
fn with_long_length(room: &mut [u8], length: usize) -> Option<usize> {
    let tlv = Reader::new(room.get(..length)?).next_tlv().ok()??;
    let (tag, value) = (tlv.tag.encoded_len(), tlv.value.len());
    let (from, to) = (length.checked_sub(value)?, tag.checked_add(3)?);
    let end = to.checked_add(value).filter(|end| *end <= room.len())?;
    let [high, low] = u16::try_from(value).ok()?.to_be_bytes();
    move_within(room, from..length, to);
    room.get_mut(tag..to)?.iter_mut().zip([0x82, high, low]).for_each(|(to, from)| *to = from);
    Some(end)
}

/// Writes an entry of GET STATUS to a page: as damaged as the card has it, and from octet `sent` on. `Ok`: how many of its
/// octets are out where the page ends in it, `None` where all are.
#[inline(never)]
pub(in crate::card) fn entry(
    deviations: Deviations,
    templates: bool,
    sent: usize,
    page: &mut Writer<'_>,
    write: &dyn Fn(&mut Writer<'_>) -> Result<(), Error>,
) -> Result<Option<usize>, Error> {
    let (mut whole, mut other) = ([0; MAX_ENTRY], [0; MAX_ENTRY]);
    let (mut whole, mut other) = (Writer::new(&mut whole), Writer::new(&mut other));
    write(&mut whole)?;
    let written = if templates && deviations.contains(Deviation::DamagedEntries) {
        damaged(whole.written(), &mut other)?;
        other.written()
    } else {
        whole.written()
    };
    let left = written.get(sent..).unwrap_or_default();
    match left.split_at_checked(page.remaining()) {
        Some((head, tail)) if !tail.is_empty() && deviations.contains(Deviation::PagesCutAnywhere) => {
            page.raw(head)?;
            Ok(Some(sent.saturating_add(head.len())))
        }
        // All or nothing.
        _ => page.raw(left).map(|_| None),
    }
}

fn damaged(entry: &[u8], w: &mut Writer<'_>) -> Result<(), Error> {
    let value = Reader::new(entry).expect(registry::ENTRY)?;
    w.nested(registry::ENTRY, |w| {
        for tlv in Reader::new(value) {
            let tlv = tlv?;
            let value = match tlv.tag {
                registry::LOAD_FILE_AID => &[][..],
                registry::LOAD_FILE_VERSION => &[0x00, 0x00],
                _ => tlv.value,
            };
            w.tlv(tlv.tag, value)?;
        }
        Ok(())
    })?;
    Ok(())
}

/// The answer to INITIALIZE UPDATE in the first `length` octets of `room`. Answers its new length.
pub(in crate::card) fn initialize_update(deviations: Deviations, room: &mut [u8], length: usize) -> usize {
    /// Where `i` is, and what it says of mode and challenge.
    const I: usize = 12;
    const S16: u8 = 0x01;
    const PSEUDO_RANDOM: u8 = 0x10;
    const COUNTER: usize = 3;
    let Some(i) = room.get_mut(I) else { return length };
    let counted = *i & PSEUDO_RANDOM != 0;
    if deviations.contains(Deviation::OtherModeInAnswer) {
        *i ^= S16;
    }
    if !deviations.contains(Deviation::CounterAgainstI) {
        return length;
    }
    if counted {
        return length.saturating_sub(COUNTER);
    }
    let end = length.saturating_add(COUNTER);
    match room.get_mut(length..end) {
        Some(counter) => {
            counter.iter_mut().zip([0x00, 0x00, 0x01]).for_each(|(to, from)| *to = from);
            end
        }
        None => length,
    }
}

/// The body of INSTALL in the first `length` octets of `room`, with lengths of one octet before parameters and token, in the
/// specified form; `fields` stand before them. Answers its new length.
pub(in crate::card) fn install_lengths(room: &mut [u8], length: usize, fields: usize) -> Result<usize, StatusWord> {
    let wrong = StatusWord::WRONG_DATA;
    let mut at = 0_usize;
    let mut length = length;
    for field in 0..fields.saturating_add(2) {
        let octet = *room.get(..length).and_then(|body| body.get(at)).ok_or(wrong)?;
        if field >= fields && octet >= 0x80 {
            room.get(length).ok_or(StatusWord::NOT_ENOUGH_MEMORY)?;
            move_within(room, at..length, at.saturating_add(1));
            *room.get_mut(at).ok_or(wrong)? = 0x81;
            length = length.saturating_add(1);
            at = at.saturating_add(1);
        }
        at = at.saturating_add(1).saturating_add(usize::from(octet));
    }
    if at == length { Ok(length) } else { Err(wrong) }
}
