//! Card production life cycle data, CPLC: who made the chip and the card, and when (tag `9F7F`; no part of GPCS, found
//! on most cards).
//!
//! ```text
//! 9F7F 2A | IC fabricator 2 | IC type 2 | OS id 2 | OS release date 2 | OS release level 2 | IC fabrication date 2
//!         | IC serial number 4 | IC batch id 2 | module fabricator 2 | module packaging date 2 | ICC manufacturer 2
//!         | embedding date 2 | pre-personalizer 2 | date 2 | equipment 4 | personalizer 2 | date 2 | equipment 4
//!
//! date:  Y DDD, four decimal digits: the last digit of the year and the day of the year; 0000 and FFFF mean none
//! ```

use core::fmt;
use gp_tlv::{Error, ErrorKind, Reader, Writer, tags::data};

/// The 42 octets of the CPLC, field by field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Cplc {
    /// IC fabricator.
    pub ic_fabricator: [u8; 2],
    /// IC type.
    pub ic_type: [u8; 2],
    /// Operating system identifier.
    pub os_id: [u8; 2],
    /// Operating system release date.
    pub os_release_date: Date,
    /// Operating system release level.
    pub os_release_level: [u8; 2],
    /// IC fabrication date.
    pub ic_fabrication_date: Date,
    /// IC serial number.
    pub ic_serial_number: [u8; 4],
    /// IC batch identifier.
    pub ic_batch: [u8; 2],
    /// IC module fabricator.
    pub module_fabricator: [u8; 2],
    /// IC module packaging date.
    pub module_packaging_date: Date,
    /// ICC manufacturer.
    pub icc_manufacturer: [u8; 2],
    /// IC embedding date.
    pub embedding_date: Date,
    /// IC pre-personalizer.
    pub pre_personalizer: [u8; 2],
    /// IC pre-personalization date.
    pub pre_personalization_date: Date,
    /// IC pre-personalization equipment identifier.
    pub pre_personalization_equipment: [u8; 4],
    /// IC personalizer.
    pub personalizer: [u8; 2],
    /// IC personalization date.
    pub personalization_date: Date,
    /// IC personalization equipment identifier.
    pub personalization_equipment: [u8; 4],
}

impl Cplc {
    /// Length of the value, in octets.
    pub const LEN: usize = 42;

    /// Reads the data object: tag `9F7F`, length `2A`, 42 octets.
    ///
    /// # Errors
    /// Another tag, a length other than 42, or octets behind the object.
    pub fn parse(object: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(object);
        let value = reader.expect(data::CPLC)?;
        let start = reader.offset().saturating_sub(value.len());
        reader.finish()?;
        Self::fields(value, start)
    }

    /// Reads the 42 octets without tag and length, as GET DATA returns them under an ISO class.
    ///
    /// # Errors
    /// `Truncated` below 42 octets, `TrailingData` above.
    pub fn parse_value(value: &[u8]) -> Result<Self, Error> {
        Self::fields(value, 0)
    }

    fn fields(value: &[u8], start: usize) -> Result<Self, Error> {
        let mut fields = Fields { rest: value, at: start };
        let cplc = Self {
            ic_fabricator: fields.take()?,
            ic_type: fields.take()?,
            os_id: fields.take()?,
            os_release_date: Date(fields.take()?),
            os_release_level: fields.take()?,
            ic_fabrication_date: Date(fields.take()?),
            ic_serial_number: fields.take()?,
            ic_batch: fields.take()?,
            module_fabricator: fields.take()?,
            module_packaging_date: Date(fields.take()?),
            icc_manufacturer: fields.take()?,
            embedding_date: Date(fields.take()?),
            pre_personalizer: fields.take()?,
            pre_personalization_date: Date(fields.take()?),
            pre_personalization_equipment: fields.take()?,
            personalizer: fields.take()?,
            personalization_date: Date(fields.take()?),
            personalization_equipment: fields.take()?,
        };
        if fields.rest.is_empty() { Ok(cplc) } else { Err(fields.error(ErrorKind::TrailingData)) }
    }

    /// The 42 octets.
    #[must_use]
    pub fn value(&self) -> [u8; Self::LEN] {
        let mut value = [0; Self::LEN];
        let fields: [&[u8]; 18] = [
            &self.ic_fabricator,
            &self.ic_type,
            &self.os_id,
            &self.os_release_date.0,
            &self.os_release_level,
            &self.ic_fabrication_date.0,
            &self.ic_serial_number,
            &self.ic_batch,
            &self.module_fabricator,
            &self.module_packaging_date.0,
            &self.icc_manufacturer,
            &self.embedding_date.0,
            &self.pre_personalizer,
            &self.pre_personalization_date.0,
            &self.pre_personalization_equipment,
            &self.personalizer,
            &self.personalization_date.0,
            &self.personalization_equipment,
        ];
        for (to, from) in value.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        value
    }

    /// Writes the data object.
    ///
    /// # Errors
    /// `BufferFull`.
    pub fn emit(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        w.tlv(data::CPLC, &self.value())?;
        Ok(())
    }
}

/// Takes fields of fixed length off the front.
struct Fields<'a> {
    rest: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        match self.rest.split_first_chunk::<N>() {
            Some((field, rest)) => {
                self.rest = rest;
                self.at = self.at.saturating_add(N);
                Ok(*field)
            }
            None => {
                self.at = self.at.saturating_add(self.rest.len());
                Err(self.error(ErrorKind::Truncated))
            }
        }
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.at)
    }
}

/// A date of the CPLC: the last digit of a year, and a day of that year.
///
/// ```
/// use gp_cardmanager_model::cplc::{CalendarDate, Date};
///
/// let date = Date([0x12, 0x10]); // day 210 of a year that ends with 1
/// let today = CalendarDate { year: 2024, month: 2, day: 29 };
/// assert_eq!(date.before(today), Some(CalendarDate { year: 2021, month: 7, day: 29 }));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Date(
    /// The two octets, `YD DD`.
    pub [u8; 2],
);

impl Date {
    /// Last digit of the year, and day of the year from 1. `None` for no date (`0000`, `FFFF`) and for octets that are
    /// none: not decimal, or a day outside of 1 to 366. Cards put other things here; the octets stay readable.
    #[must_use]
    pub fn year_digit_and_day(self) -> Option<(u8, u16)> {
        let [a, b] = self.0;
        let [y, d100, d10, d1] = [a >> 4, a & 0x0F, b >> 4, b & 0x0F];
        if [y, d100, d10, d1].into_iter().any(|digit| digit > 9) {
            return None;
        }
        let day = [d100, d10, d1]
            .into_iter()
            .fold(0_u16, |day, digit| day.saturating_mul(10).saturating_add(u16::from(digit)));
        (1..=366).contains(&day).then_some((y, day))
    }

    /// The latest calendar date this can be, not after `today`: one of the last ten years, or ten years earlier where
    /// that year has no such day or it is still to come. `None` if this is no date, or day 366 of no leap year.
    #[must_use]
    pub fn before(self, today: CalendarDate) -> Option<CalendarDate> {
        let (digit, day) = self.year_digit_and_day()?;
        let back = today.year.checked_add(10)?.checked_sub(u16::from(digit))?.checked_rem(10)?;
        let this = today.year.checked_sub(back)?;
        match CalendarDate::of_day(this, day) {
            Some(date) if date <= today => Some(date),
            _ => CalendarDate::of_day(this.checked_sub(10)?, day),
        }
    }
}

impl fmt::Display for Date {
    /// Year digit and day, `...1, day 210`, or `none`, or the octets if they are no date.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.year_digit_and_day(), self.0) {
            (Some((digit, day)), _) => write!(f, "...{digit}, day {day}"),
            (None, [0, 0] | [0xFF, 0xFF]) => f.write_str("none"),
            (None, [a, b]) => write!(f, "no date: {a:02X}{b:02X}"),
        }
    }
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = self.0;
        write!(f, "Date({a:02X}{b:02X})")
    }
}

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct CalendarDate {
    /// Year.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, from 1.
    pub day: u8,
}

impl CalendarDate {
    /// Day `day` (from 1) of a year. `None` if that year has no such day.
    #[must_use]
    pub fn of_day(year: u16, day: u16) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let february = if leap { 29 } else { 28 };
        let mut day = day;
        for (month, length) in (1..).zip([31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
            if (1..=length).contains(&day) {
                return Some(Self { year, month, day: u8::try_from(day).ok()? });
            }
            day = day.checked_sub(length)?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{CalendarDate, Cplc, Date};
    use gp_tlv::{Error, ErrorKind};
    use std::format;

    const fn on(year: u16, month: u8, day: u8) -> CalendarDate {
        CalendarDate { year, month, day }
    }

    #[test]
    fn the_latest_year_that_fits() {
        // martinpaljak/GlobalPlatformPro, TestParseTags.java: day 210 of a year that ends with 1.
        let date = Date([0x12, 0x10]);
        assert_eq!(date.before(on(2021, 7, 29)), Some(on(2021, 7, 29)));
        assert_eq!(date.before(on(2021, 7, 28)), Some(on(2011, 7, 29)));
        assert_eq!(date.before(on(2030, 1, 1)), Some(on(2021, 7, 29)));
        assert_eq!(date.before(on(2031, 1, 1)), Some(on(2021, 7, 29)));
        assert_eq!(date.before(on(0, 1, 1)), None, "there is no year before");
    }

    #[test]
    fn leap_years() {
        assert_eq!(Date([0x03, 0x66]).before(on(2024, 1, 1)), Some(on(2020, 12, 31)));
        assert_eq!(Date([0x13, 0x66]).before(on(2024, 1, 1)), None, "neither 2021 nor 2011 has a day 366");
        assert_eq!(Date([0x23, 0x66]).before(on(2024, 1, 1)), Some(on(2012, 12, 31)), "2022 has none, 2012 has");
        assert_eq!(CalendarDate::of_day(2000, 60), Some(on(2000, 2, 29)));
        assert_eq!(CalendarDate::of_day(1900, 60), Some(on(1900, 3, 1)));
        assert_eq!(CalendarDate::of_day(2024, 0), None);
        assert_eq!(CalendarDate::of_day(2023, 365), Some(on(2023, 12, 31)));
    }

    #[test]
    fn octets_that_are_no_date() {
        for (octets, printed) in [
            ([0x00, 0x00], "none"),
            ([0xFF, 0xFF], "none"),
            ([0x00, 0xE6], "no date: 00E6"),
            ([0x63, 0x67], "no date: 6367"),
            ([0x90, 0x00], "no date: 9000"),
        ] {
            assert_eq!(Date(octets).year_digit_and_day(), None);
            assert_eq!(Date(octets).before(on(2024, 1, 1)), None);
            assert_eq!(format!("{}", Date(octets)), printed);
        }
        assert_eq!(format!("{}", Date([0x12, 0x10])), "...1, day 210");
    }

    #[test]
    fn exactly_42_octets() {
        let value: [u8; 42] = core::array::from_fn(|i| u8::try_from(i).unwrap());
        assert_eq!(Cplc::parse_value(&value).unwrap().value(), value);
        for len in 0..42_u32 {
            let cut = &value[..usize::try_from(len).unwrap()];
            assert_eq!(Cplc::parse_value(cut), Err(Error { kind: ErrorKind::Truncated, offset: len }));
        }
        assert_eq!(Cplc::parse_value(&[0; 43]), Err(Error { kind: ErrorKind::TrailingData, offset: 42 }));
    }
}
