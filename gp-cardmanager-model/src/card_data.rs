//! Card recognition data: what kind of card this is (GPCS 7.4.1.2, H.2; GET DATA `0066`).
//!
//! ```text
//! 66 len { 73 len | 06 len  {base 1}                    object identifier of the list
//!                 | 60 len { 06 len {base 2 v...} }     card management type and version
//!                 | 63 len { 06 len {base 3} }          IIN and CIN make the card unique
//!                 | 64 len { 06 len {base 4 scp i} }    secure channel protocol, format 1: one per 64, 64 repeats
//!                 |                                     format 2: several in one 64
//!                 | 65 len ...                          card configuration
//!                 | 66 len ...                          chip and operating system
//!                 | 67, 68 len ...                      trust point and certificate of the issuer security domain
//!
//! base = 2A 86 48 86 FC 6B = 1.2.840.114283, GlobalPlatform
//! object identifiers: arcs in base 128, most significant first, b8 set in all octets of an arc but the last
//! ```
//!
//! The security domain management data in the answer to SELECT (`73` inside `A5`) is the same list.

use core::fmt;
use core::iter::FusedIterator;
use gp_tlv::{Error, ErrorKind, Reader, Writer, tags::card_data};

/// Octets of the object identifier 1.2.840.114283, under which GlobalPlatform numbers its own.
pub const GLOBALPLATFORM: [u8; 6] = [0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B];

// The arcs behind the base.
const RECOGNITION: u8 = 1;
const VERSION: u8 = 2;
const IDENTIFICATION: u8 = 3;
const SECURE_CHANNEL: u8 = 4;

// ---- object identifiers --------------------------------------------------------------------------------------------

/// The content octets of an object identifier (ISO/IEC 8825-1 8.19).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Oid<'a>(&'a [u8]);

impl<'a> Oid<'a> {
    /// Takes content octets. `None` if there are none, the last arc is incomplete, or an arc is above 2^64 - 1.
    #[must_use]
    pub fn new(octets: &'a [u8]) -> Option<Self> {
        let mut arcs = Base128 { rest: octets };
        if octets.is_empty() {
            return None;
        }
        while !arcs.rest.is_empty() {
            arcs.next()?;
        }
        Some(Self(octets))
    }

    /// The content octets.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The arcs, first to last. The first octets hold two of them.
    pub fn arcs(self) -> impl Iterator<Item = u64> + 'a {
        let mut numbers = Base128 { rest: self.0 };
        let (first, second) = match numbers.next() {
            Some(number @ 0..40) => (0, number),
            Some(number @ 40..80) => (1, number.saturating_sub(40)),
            Some(number) => (2, number.saturating_sub(80)),
            None => (0, 0),
        };
        [first, second].into_iter().chain(numbers)
    }
}

impl fmt::Display for Oid<'_> {
    /// In dots: `1.2.840.114283`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for arc in self.arcs() {
            write!(f, "{separator}{arc}")?;
            separator = ".";
        }
        Ok(())
    }
}

/// Numbers in base 128. Ends at one that is incomplete or too large.
#[derive(Clone, Debug)]
struct Base128<'a> {
    rest: &'a [u8],
}

impl Iterator for Base128<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        let mut rest = self.rest;
        loop {
            let (octet, tail) = rest.split_first()?;
            rest = tail;
            number = number.checked_mul(0x80)?.checked_add(u64::from(octet & 0x7F))?;
            if octet & 0x80 == 0 {
                self.rest = rest;
                return Some(number);
            }
        }
    }
}

/// Appends a number in base 128; 16 bits take up to three octets.
fn write_base128(w: &mut Writer<'_>, number: u16) -> Result<(), Error> {
    let [high, middle, low] = [number.wrapping_shr(14), number.wrapping_shr(7), number].map(|part| {
        let [_, octet] = (part & 0x7F).to_be_bytes();
        octet
    });
    match (high, middle) {
        (0, 0) => w.raw(&[low])?,
        (0, _) => w.raw(&[middle | 0x80, low])?,
        _ => w.raw(&[high | 0x80, middle | 0x80, low])?,
    };
    Ok(())
}

// ---- the facts -----------------------------------------------------------------------------------------------------

/// Version of the Card Specification that a card states.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Version {
    /// First number.
    pub major: u8,
    /// Second number.
    pub minor: u8,
    /// Third number; version 2.3 has none.
    pub maintenance: Option<u8>,
}

impl Version {
    /// From the arcs behind {base 2}: two or three numbers below 256.
    fn from_arcs(octets: &[u8]) -> Option<Self> {
        let mut arcs = Base128 { rest: octets };
        let mut number = || match arcs.rest {
            [] => None,
            _ => Some(arcs.next().and_then(|arc| u8::try_from(arc).ok())),
        };
        let (major, minor) = (number()??, number()??);
        let maintenance = match number() {
            None => None,
            Some(number) => Some(number?),
        };
        number().is_none().then_some(Self { major, minor, maintenance })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        self.maintenance.map_or(Ok(()), |number| write!(f, ".{number}"))
    }
}

/// A secure channel protocol with its options.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecureChannelProtocol {
    /// Protocol identifier: `02` is SCP02, `03` is SCP03 and so on.
    pub protocol: u8,
    /// The "i" parameter.
    pub i: u16,
}

impl SecureChannelProtocol {
    /// From the arcs behind {base 4}.
    ///
    /// Tolerated: two octets `8x xx`, as some cards write protocols from `80` on. As arcs that would be one number, and
    /// two are needed.
    fn from_arcs(octets: &[u8]) -> Result<Self, ErrorKind> {
        let mut arcs = Base128 { rest: octets };
        if let (Some(protocol), Some(i)) = (arcs.next(), arcs.next()) {
            if !arcs.rest.is_empty() {
                return Err(ErrorKind::TrailingData);
            }
            let protocol = u8::try_from(protocol).map_err(|_| ErrorKind::LengthTooLarge)?;
            let i = u16::try_from(i).map_err(|_| ErrorKind::LengthTooLarge)?;
            return Ok(Self { protocol, i });
        }
        match *octets {
            [protocol, i] => Ok(Self { protocol, i: i.into() }),
            _ => Err(ErrorKind::Truncated),
        }
    }
}

impl fmt::Display for SecureChannelProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SCP{:02X} i={:02X}", self.protocol, self.i)
    }
}

impl fmt::Debug for SecureChannelProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The secure channel protocols of a card: the caller's own, or those in an answer, read on the way.
#[derive(Clone, Debug)]
pub struct SecureChannels<'a> {
    source: Source<'a>,
}

#[derive(Clone, Debug)]
enum Source<'a> {
    Values(&'a [SecureChannelProtocol]),
    Objects { list: Reader<'a>, base: &'a [u8] },
}

impl<'a> SecureChannels<'a> {
    /// The caller's own values.
    #[must_use]
    pub const fn of(values: &'a [SecureChannelProtocol]) -> Self {
        Self { source: Source::Values(values) }
    }

    /// The protocols, first to last. One that cannot be read is an error at its object identifier; the others still
    /// follow.
    #[must_use]
    pub fn iter(&self) -> ReadSecureChannels<'a> {
        match &self.source {
            Source::Values(values) => ReadSecureChannels { values, list: Reader::new(&[]), inner: None, base: &[] },
            Source::Objects { list, base } => ReadSecureChannels { values: &[], list: list.clone(), inner: None, base },
        }
    }
}

/// Iterator over [`SecureChannels`].
#[derive(Clone, Debug)]
pub struct ReadSecureChannels<'a> {
    values: &'a [SecureChannelProtocol],
    list: Reader<'a>,
    inner: Option<Reader<'a>>,
    base: &'a [u8],
}

impl ReadSecureChannels<'_> {
    /// Reads an object identifier that ends at `end`: outer `None` if it names no secure channel protocol.
    fn protocol(&self, oid: &[u8], end: usize) -> Option<Result<SecureChannelProtocol, Error>> {
        let arcs = behind(oid, self.base, SECURE_CHANNEL)?;
        let at = end.saturating_sub(arcs.len());
        Some(SecureChannelProtocol::from_arcs(arcs).map_err(|kind| Error::new(kind, at)))
    }
}

impl Iterator for ReadSecureChannels<'_> {
    type Item = Result<SecureChannelProtocol, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some((first, rest)) = self.values.split_first() {
            self.values = rest;
            return Some(Ok(*first));
        }
        loop {
            if let Some(inner) = &mut self.inner {
                match inner.next() {
                    Some(Ok(tlv)) if tlv.tag == card_data::OID => {
                        let end = inner.offset();
                        let unexpected = Error::new(ErrorKind::Unexpected, end.saturating_sub(tlv.value.len()));
                        return self.protocol(tlv.value, end).or(Some(Err(unexpected)));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Some(Err(error)),
                    None => self.inner = None,
                }
                continue;
            }
            match self.list.next()? {
                Ok(tlv) if tlv.tag == card_data::SECURE_CHANNEL => match self.list.inside(tlv.value) {
                    Ok(inner) => self.inner = Some(inner),
                    Err(error) => return Some(Err(error)),
                },
                // Some cards put the identifier into the list itself.
                Ok(tlv) if tlv.tag == card_data::OID => {
                    if let Some(found) = self.protocol(tlv.value, self.list.offset()) {
                        return Some(found);
                    }
                }
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl FusedIterator for ReadSecureChannels<'_> {}

/// The octets of `oid` behind `base` and one arc.
fn behind<'a>(oid: &'a [u8], base: &[u8], arc: u8) -> Option<&'a [u8]> {
    let (first, rest) = oid.strip_prefix(base)?.split_first()?;
    (*first == arc).then_some(rest)
}

/// Card recognition data, or security domain management data.
///
/// Tolerated on reading: any order; unknown or missing objects; both formats of `64`; protocol identifiers directly in
/// the list; identifiers under another base than GlobalPlatform's (the base is then that of the first one, which ends
/// in arc 1); a version that cannot be read (`None`).
///
/// ```
/// use gp_cardmanager_model::card_data::{CardRecognitionData, SecureChannelProtocol, SecureChannels, Version};
/// use gp_tlv::Writer;
///
/// let protocols = [SecureChannelProtocol { protocol: 0x03, i: 0x70 }];
/// let data = CardRecognitionData {
///     version: Some(Version { major: 2, minor: 3, maintenance: Some(1) }),
///     secure_channels: SecureChannels::of(&protocols),
///     ..CardRecognitionData::default()
/// };
/// let mut buf = [0; 64];
/// let mut w = Writer::new(&mut buf);
/// data.emit(&mut w)?;
/// let read = CardRecognitionData::parse(w.written())?;
/// assert_eq!(read.version, data.version);
/// assert_eq!(read.secure_channels.iter().next(), Some(Ok(protocols[0])));
/// # Ok::<(), gp_tlv::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CardRecognitionData<'a> {
    /// Octets of the object identifier that all others begin with: [`GLOBALPLATFORM`], save on odd cards.
    pub base: &'a [u8],
    /// Version of the Card Specification, if stated in the expected form.
    pub version: Option<Version>,
    /// Whether IIN and CIN together make the card unique.
    pub identification_scheme: bool,
    /// Secure channel protocols of the issuer security domain.
    pub secure_channels: SecureChannels<'a>,
    /// The value of `65`, card configuration.
    pub configuration: Option<&'a [u8]>,
    /// The value of `66` in the list, chip and operating system.
    pub chip: Option<&'a [u8]>,
    /// The value of `67`, trust point certificate information of the issuer security domain.
    pub issuer_trust_point: Option<&'a [u8]>,
    /// The value of `68`, certificate information of the issuer security domain.
    pub issuer_certificate: Option<&'a [u8]>,
}

impl Default for CardRecognitionData<'_> {
    /// Nothing but the base and the identification scheme.
    fn default() -> Self {
        Self {
            base: &GLOBALPLATFORM,
            version: None,
            identification_scheme: true,
            secure_channels: SecureChannels::of(&[]),
            configuration: None,
            chip: None,
            issuer_trust_point: None,
            issuer_certificate: None,
        }
    }
}

impl<'a> CardRecognitionData<'a> {
    /// Reads the data object `66`.
    ///
    /// # Errors
    /// Another tag, octets behind the object, `Missing` without `73`, and all malformed objects of the list.
    pub fn parse(object: &'a [u8]) -> Result<Self, Error> {
        let mut outer = Reader::new(object);
        let inner = outer.template(card_data::CARD_DATA)?;
        outer.finish()?;
        Self::in_card_data(inner)
    }

    /// Reads the value of a `66`, as GET DATA returns it under an ISO class.
    ///
    /// # Errors
    /// `Missing` without `73`, and all malformed objects of the list.
    pub fn parse_value(value: &'a [u8]) -> Result<Self, Error> {
        Self::in_card_data(Reader::new(value))
    }

    /// Reads the value of a `73`: the list of objects.
    ///
    /// # Errors
    /// Malformed objects. Malformed objects within `64` come up when the secure channels are read.
    pub fn parse_objects(value: &'a [u8]) -> Result<Self, Error> {
        Self::read(Reader::new(value))
    }

    fn in_card_data(mut reader: Reader<'a>) -> Result<Self, Error> {
        match reader.find(card_data::RECOGNITION_DATA)? {
            Some(value) => Self::read(reader.inside(value)?),
            None => Err(reader.error(ErrorKind::Missing)),
        }
    }

    fn read(list: Reader<'a>) -> Result<Self, Error> {
        let base = base_of(list.clone())?;
        let mut data = Self {
            base,
            identification_scheme: false,
            secure_channels: SecureChannels { source: Source::Objects { list: list.clone(), base } },
            ..Self::default()
        };
        let mut reader = list;
        while let Some(tlv) = reader.next_tlv()? {
            let first_oid = || oid_in(tlv.value);
            match tlv.tag {
                card_data::VERSION if data.version.is_none() => {
                    data.version =
                        first_oid().and_then(|oid| behind(oid.0, base, VERSION)).and_then(Version::from_arcs);
                }
                card_data::IDENTIFICATION_SCHEME => {
                    data.identification_scheme =
                        first_oid().and_then(|oid| behind(oid.0, base, IDENTIFICATION)).is_some();
                }
                card_data::CONFIGURATION => data.configuration = Some(tlv.value),
                card_data::CHIP => data.chip = Some(tlv.value),
                card_data::ISSUER_TRUST_POINT => data.issuer_trust_point = Some(tlv.value),
                card_data::ISSUER_CERTIFICATE => data.issuer_certificate = Some(tlv.value),
                _ => {}
            }
        }
        Ok(data)
    }

    /// The object identifier that names the configuration, if the value of `65` begins with one.
    #[must_use]
    pub fn configuration_oid(&self) -> Option<Oid<'a>> {
        self.configuration.and_then(oid_in)
    }

    /// The object identifier that names chip and operating system, if the value of `66` begins with one.
    #[must_use]
    pub fn chip_oid(&self) -> Option<Oid<'a>> {
        self.chip.and_then(oid_in)
    }

    /// Writes the data object `66`.
    ///
    /// # Errors
    /// `Missing` without version; what a protocol that was read says it is wrong; `BufferFull`. Nothing is written then.
    pub fn emit(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        w.nested(card_data::CARD_DATA, |w| {
            w.nested(card_data::RECOGNITION_DATA, |w| self.emit_objects(w))?;
            Ok(())
        })?;
        Ok(())
    }

    /// Writes the list of objects, the value of a `73`. Secure channel protocols are written in format 1.
    ///
    /// # Errors
    /// Those of [`emit`](Self::emit), but what stands before the failure is written.
    pub fn emit_objects(&self, w: &mut Writer<'_>) -> Result<(), Error> {
        let version = self.version.ok_or(Error::new(ErrorKind::Missing, w.len()))?;
        self.emit_oid(w, RECOGNITION, &[])?;
        w.nested(card_data::VERSION, |w| {
            let numbers = [Some(version.major), Some(version.minor), version.maintenance];
            self.emit_oid(w, VERSION, &numbers.map(|number| number.map(u16::from)))
        })?;
        if self.identification_scheme {
            w.nested(card_data::IDENTIFICATION_SCHEME, |w| self.emit_oid(w, IDENTIFICATION, &[]))?;
        }
        for found in self.secure_channels.iter() {
            let SecureChannelProtocol { protocol, i } = found?;
            w.nested(card_data::SECURE_CHANNEL, |w| {
                self.emit_oid(w, SECURE_CHANNEL, &[Some(protocol.into()), Some(i)])
            })?;
        }
        for (tag, value) in [
            (card_data::CONFIGURATION, self.configuration),
            (card_data::CHIP, self.chip),
            (card_data::ISSUER_TRUST_POINT, self.issuer_trust_point),
            (card_data::ISSUER_CERTIFICATE, self.issuer_certificate),
        ] {
            if let Some(value) = value {
                w.tlv(tag, value)?;
            }
        }
        Ok(())
    }

    /// An object identifier: base, one arc, and the arcs behind it.
    fn emit_oid(&self, w: &mut Writer<'_>, arc: u8, behind: &[Option<u16>]) -> Result<(), Error> {
        w.nested(card_data::OID, |w| {
            w.raw(self.base)?.raw(&[arc])?;
            behind.iter().flatten().try_for_each(|arc| write_base128(w, *arc))
        })?;
        Ok(())
    }
}

/// What all identifiers of the list begin with.
fn base_of(mut list: Reader<'_>) -> Result<&[u8], Error> {
    let mut other = None;
    while let Some(oid) = list.find(card_data::OID)? {
        if oid.starts_with(&GLOBALPLATFORM) {
            return Ok(&GLOBALPLATFORM);
        }
        other = other.or(oid.split_last().filter(|(last, _)| **last == RECOGNITION).map(|(_, base)| base));
    }
    Ok(other.unwrap_or(&GLOBALPLATFORM))
}

/// The object identifier a value begins with.
fn oid_in(value: &[u8]) -> Option<Oid<'_>> {
    Reader::new(value).optional(card_data::OID).ok().flatten().and_then(Oid::new)
}

#[cfg(test)]
mod tests;
