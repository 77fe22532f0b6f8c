//! Commands: header, data, Le, and the form in which the lengths are written.

use crate::{Class, Error, parse};
use core::fmt;

/// The four octets every command begins with: CLA INS P1 P2.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// Class.
    pub cla: Class,
    /// Instruction; named values are in [`ins`](crate::ins).
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
}

impl Header {
    /// The length of a header, 4 octets.
    pub const LEN: usize = 4;

    /// A header of these four.
    #[must_use]
    pub const fn new(cla: Class, ins: u8, p1: u8, p2: u8) -> Self {
        Self { cla, ins, p1, p2 }
    }

    /// CLA INS P1 P2.
    #[must_use]
    #[inline]
    pub const fn octets(self) -> [u8; Self::LEN] {
        [self.cla.byte(), self.ins, self.p1, self.p2]
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [cla, ins, p1, p2] = self.octets();
        write!(f, "Header({cla:02X} {ins:02X} {p1:02X} {p2:02X})")
    }
}

/// Le: the most response data that is asked for, 1 to 65536 octets.
///
/// On the wire the maximum of a form is written as zero: `00` is 256, `0000` is 65536.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Le(u32);

impl Le {
    /// 256 octets, the most a short Le asks for: `00`.
    pub const MAX_SHORT: Self = Self(256);
    /// 65536 octets, the most an extended Le asks for: `0000`.
    pub const MAX_EXTENDED: Self = Self(65_536);

    /// An Le that asks for this many octets; `None` for 0 and above 65536.
    #[must_use]
    pub const fn new(octets: u32) -> Option<Self> {
        if octets != 0 && octets <= Self::MAX_EXTENDED.0 { Some(Self(octets)) } else { None }
    }

    /// The meaning of a one-octet Le.
    #[must_use]
    pub fn short(octet: u8) -> Self {
        if octet == 0 { Self::MAX_SHORT } else { Self(u32::from(octet)) }
    }

    /// The meaning of a two-octet Le.
    #[must_use]
    pub fn long(octets: u16) -> Self {
        if octets == 0 { Self::MAX_EXTENDED } else { Self(u32::from(octets)) }
    }

    /// How many octets it asks for, 1 to 65536.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The two octets of an extended Le; the second alone is the short Le.
    #[inline]
    pub(crate) const fn octets(self) -> [u8; 2] {
        // 65536 is 00010000 and 256 is 00000100: cut to its width, either maximum is zero.
        let [_, _, high, low] = self.0.to_be_bytes();
        [high, low]
    }
}

/// How a command that does not fit into 255 octets is cut.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Chaining {
    /// By GlobalPlatform's rule: b8 of P1 is set on every segment but the last. \[GPCS\] 11.1.5.1
    Gp,
    /// By ISO's rule: b5 of CLA is set on every segment but the last. \[ISO\] 5.3.3
    Iso,
}

/// How the lengths of a command are written. The caller chooses; nothing here ever changes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Form {
    /// Lc and Le are one octet each: up to 255 octets of data, up to 256 in return.
    Short,
    /// Lc is `00 hh ll`, Le is `hh ll`: up to 65535 octets of data, up to 65536 in return.
    Extended,
    /// One logical command that leaves in segments of short form: up to 65535 octets of data, up to 256 asked for.
    Chained(Chaining),
}

impl Form {
    /// The most data a command of this form carries: 255, 65535 or 65535 octets.
    #[must_use]
    #[inline]
    pub const fn max_data(self) -> usize {
        match self {
            Self::Short => 255,
            Self::Extended | Self::Chained(_) => 65_535,
        }
    }

    /// The largest Le of this form: 256, 65536 or 256.
    #[must_use]
    #[inline]
    pub const fn max_le(self) -> Le {
        match self {
            Self::Short | Self::Chained(_) => Le::MAX_SHORT,
            Self::Extended => Le::MAX_EXTENDED,
        }
    }

    /// Where the data of a command begins: after 5, 7 or 5 octets.
    #[must_use]
    #[inline]
    pub const fn data_offset(self) -> usize {
        match self {
            Self::Short | Self::Chained(_) => 5,
            Self::Extended => 7,
        }
    }

    /// The octets that Le takes at the end of a command with data: 1, 2 or 1.
    #[must_use]
    #[inline]
    pub const fn le_len(self) -> usize {
        match self {
            Self::Short | Self::Chained(_) => 1,
            Self::Extended => 2,
        }
    }

    /// The Lc field of a command with this much data, as it stands on the wire and as a C-MAC covers it.
    ///
    /// A chained command has an Lc only for the C-MAC, which is made before it is cut: one octet up to 255, three above.
    /// \[GPCS\] 11.1.5.1
    ///
    /// # Errors
    /// [`Error::DataTooLong`] above [`max_data`](Self::max_data).
    #[inline]
    pub fn lc_field(self, data_len: usize) -> Result<LcField, Error> {
        let [high, low] = u16::try_from(data_len).map_err(|_| Error::DataTooLong)?.to_be_bytes();
        Ok(LcField(match (self, high) {
            _ if data_len == 0 => Lc::None,
            (Self::Short | Self::Chained(_), 0) => Lc::Short([low]),
            (Self::Short, _) => return Err(Error::DataTooLong),
            (Self::Extended | Self::Chained(_), _) => Lc::Long([0, high, low]),
        }))
    }

    #[inline]
    pub(crate) fn check_le(self, le: Option<Le>) -> Result<(), Error> {
        if le.is_some_and(|le| le > self.max_le()) { Err(Error::LeTooLarge) } else { Ok(()) }
    }
}

/// The octets of Lc: none when there is no data, `nn`, or `00 hh ll`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LcField(Lc);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lc {
    None,
    Short([u8; 1]),
    Long([u8; 3]),
}

impl LcField {
    /// The octets: 0, 1 or 3 of them.
    #[must_use]
    #[inline]
    pub const fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Lc::None => &[],
            Lc::Short(octets) => octets,
            Lc::Long(octets) => octets,
        }
    }
}

/// A command, seen in octets that somebody else owns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Command<'a> {
    /// CLA INS P1 P2.
    pub header: Header,
    /// The data; empty in cases 1 and 2.
    pub data: &'a [u8],
    /// How much response data is asked for; none in cases 1 and 3.
    pub le: Option<Le>,
    /// How the lengths are written. A command of case 1 has none and is read as [`Form::Short`].
    pub form: Form,
}

// The data may be secret.
impl fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("header", &self.header)
            .field("data_len", &self.data.len())
            .field("le", &self.le)
            .field("form", &self.form)
            .finish()
    }
}

impl<'a> Command<'a> {
    /// Reads a command of any case, short or extended; a segment of a chain is a command of its own.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::TrailingData`], or [`Error::Class`] for the class byte `FF`.
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<Self, Error> {
        parse::command(octets)
    }

    /// The octets it takes: header, Lc field, data and Le. Of a chained command longer than a segment this is the
    /// logical length, before it is cut.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        let lc = if self.data.is_empty() {
            0
        } else if matches!(self.form, Form::Extended) || self.data.len() > Form::Short.max_data() {
            3
        } else {
            1
        };
        let le = match (self.le, self.form) {
            (None, _) => 0,
            // Without Lc nothing else would tell an extended Le from a short Lc with data.
            (Some(_), Form::Extended) if self.data.is_empty() => 3,
            (Some(_), form) => form.le_len(),
        };
        Header::LEN.saturating_add(lc).saturating_add(self.data.len()).saturating_add(le)
    }

    /// Writes the command to the start of `buf` and returns it.
    ///
    /// # Errors
    /// [`Error::DataTooLong`] or [`Error::LeTooLarge`] when the form cannot say it, [`Error::Chained`] for a chained
    /// command of more than 255 octets, [`Error::BufferFull`].
    pub fn emit<'b>(&self, buf: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        let frame = Frame::new(self.header, self.form, self.data.len(), self.le)?;
        let out = buf.get_mut(..frame.len).ok_or(Error::BufferFull)?;
        copy(out.get_mut(frame.data_offset()..).unwrap_or_default(), self.data);
        frame.write(out);
        Ok(out)
    }
}

/// What stands around the data of a command: header and Lc before it, Le behind it.
pub(crate) struct Frame {
    header: [u8; Header::LEN],
    lc: Lc,
    le: Ending,
    /// The length of the whole command.
    pub(crate) len: usize,
}

/// The octets of Le.
enum Ending {
    None,
    Short([u8; 1]),
    Long([u8; 2]),
    /// Without Lc nothing but the zero would tell an extended Le from a short Lc with data.
    LongWithoutLc([u8; 3]),
}

impl Frame {
    /// The frame of a command that one APDU carries.
    #[inline]
    pub(crate) fn new(header: Header, form: Form, data_len: usize, le: Option<Le>) -> Result<Self, Error> {
        let LcField(lc) = form.lc_field(data_len)?;
        form.check_le(le)?;
        let (lc_len, chain) = match lc {
            Lc::None => (0_usize, false),
            Lc::Short(_) => (1, false),
            Lc::Long(_) => (3, matches!(form, Form::Chained(_))),
        };
        if chain {
            return Err(Error::Chained);
        }
        let (le, le_len) = match (le.map(Le::octets), form) {
            (None, _) => (Ending::None, 0),
            (Some([_, low]), Form::Short | Form::Chained(_)) => (Ending::Short([low]), 1),
            (Some([high, low]), Form::Extended) if data_len == 0 => (Ending::LongWithoutLc([0, high, low]), 3),
            (Some(octets), Form::Extended) => (Ending::Long(octets), 2),
        };
        // Saturates never: `lc_field` has refused more than 65535 octets of data.
        let len = Header::LEN.saturating_add(lc_len).saturating_add(data_len).saturating_add(le_len);
        Ok(Self { header: header.octets(), lc, le, len })
    }

    /// Where the data begins.
    #[inline]
    const fn data_offset(&self) -> usize {
        match self.lc {
            Lc::None => Header::LEN,
            Lc::Short(_) => Header::LEN.saturating_add(1),
            Lc::Long(_) => Header::LEN.saturating_add(3),
        }
    }

    /// Writes it to both ends of `out`, which is as long as the command.
    #[inline]
    pub(crate) fn write(&self, out: &mut [u8]) {
        // Whole arrays, whose length the compiler knows: octets copied one by one take longer than all the rest.
        let Some((header, body)) = out.split_first_chunk_mut() else { return };
        *header = self.header;
        match self.lc {
            Lc::None => {}
            Lc::Short(octets) => put_first(body, octets),
            Lc::Long(octets) => put_first(body, octets),
        }
        match self.le {
            Ending::None => {}
            Ending::Short(octets) => put_last(body, octets),
            Ending::Long(octets) => put_last(body, octets),
            Ending::LongWithoutLc(octets) => put_last(body, octets),
        }
    }
}

/// Copies what fits. One `memcpy` at every optimisation level, and unlike `copy_from_slice`, which keeps its check when it
/// is optimised for size, it has no way to panic.
#[inline]
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

#[inline]
fn put_first<const N: usize>(room: &mut [u8], octets: [u8; N]) {
    if let Some(place) = room.first_chunk_mut() {
        *place = octets;
    }
}

#[inline]
fn put_last<const N: usize>(room: &mut [u8], octets: [u8; N]) {
    if let Some(place) = room.last_chunk_mut() {
        *place = octets;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn le_is_cut_to_zero_at_its_maximum() {
        for octets in 1..=65_536 {
            let le = Le::new(octets).unwrap();
            let [high, low] = le.octets();
            assert_eq!(Le::long(u16::from_be_bytes([high, low])), le);
            if le <= Le::MAX_SHORT {
                assert_eq!(Le::short(low), le);
            }
        }
        assert_eq!((Le::new(0), Le::new(65_537)), (None, None));
        assert_eq!((Le::MAX_SHORT.octets()[1], Le::MAX_EXTENDED.octets()), (0, [0, 0]));
    }

    #[test]
    fn lc_under_the_mac() {
        let chained = Form::Chained(Chaining::Gp);
        let lc = |form: Form, len| form.lc_field(len).map(|lc| lc.as_slice().to_vec());
        for form in [Form::Short, Form::Extended, chained] {
            assert_eq!(lc(form, 0).unwrap(), []);
            assert_eq!(lc(form, form.max_data() + 1), Err(Error::DataTooLong));
        }
        assert_eq!(lc(Form::Short, 255).unwrap(), [0xFF]);
        assert_eq!(lc(Form::Extended, 1).unwrap(), [0x00, 0x00, 0x01]);
        assert_eq!(lc(Form::Extended, 65_535).unwrap(), [0x00, 0xFF, 0xFF]);
        assert_eq!(lc(chained, 255).unwrap(), [0xFF]);
        assert_eq!(lc(chained, 256).unwrap(), [0x00, 0x01, 0x00]);
        assert_eq!(lc(chained, 65_535).unwrap(), [0x00, 0xFF, 0xFF]);
    }

    #[test]
    fn header_text() {
        let header = Header::new(Class::GP, 0xF2, 0x40, 0x02);
        assert_eq!(format!("{header:?}"), "Header(80 F2 40 02)");
    }
}
