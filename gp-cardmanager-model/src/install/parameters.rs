//! The parameters field of INSTALL: a list of BER-TLV objects, GPCS tables 11-48 to 11-53.
//!
//! ```text
//!  C9 LL application-specific parameters          (must be there to install; may be empty)
//!  EF LL system-specific parameters {
//!      C6 code, C7 volatile, C8 non-volatile      (load: minimum; install: quota)
//!      D7 volatile, D8 non-volatile reserve       (install)
//!      CD format id, DD format data               (load)
//!      CB 02 service name ...                     (install, registry update; repeats)
//!      CA LL TS 102 226 parameters                (install)
//!      CF 01 implicit selection ...               (make selectable, registry update; repeats)
//!      D9 01 restriction }                        (registry update)
//!  EA LL UICC system-specific parameters          (install)
//!  B6 LL control reference template for the token
//! ```
//! Memory sizes are 2 octets up to 32767 and 4 above.
//!
//! Tolerances of the reader: `CF` beside `EF`; a `CB` with several names in it; objects in any order;
//! a 2-octet memory size above 32767; unknown objects are skipped.

use super::control_reference::{self, ControlReference};
use super::implicit_slots::{self, ImplicitSlots};
use super::{Error, ErrorKind, Function};
use crate::lv::{Object, each_object, once};
use gp_tlv::{Tag, Writer};

/// Application-specific parameters.
const APPLICATION: Tag = Tag::new(0xC9);
/// System-specific parameters, the template around most of the objects.
const SYSTEM: Tag = Tag::new(0xEF);
const CODE: Tag = Tag::new(0xC6);
const VOLATILE: Tag = Tag::new(0xC7);
const NON_VOLATILE: Tag = Tag::new(0xC8);
const TS_102_226: Tag = Tag::new(0xCA);
const SERVICE: Tag = Tag::new(0xCB);
const FORMAT: Tag = Tag::new(0xCD);
const IMPLICIT: Tag = implicit_slots::TAG;
const VOLATILE_RESERVE: Tag = Tag::new(0xD7);
const NON_VOLATILE_RESERVE: Tag = Tag::new(0xD8);
const RESTRICTION: Tag = Tag::new(0xD9);
const FORMAT_DATA: Tag = Tag::new(0xDD);
const UICC: Tag = Tag::new(0xEA);

/// Functions that a registry update takes away for good, tag `D9`; RFU bit b8 is dropped.
///
/// `40` registry update, `20` personalization, `10` extradition, `08` make selectable, `04` install,
/// `02` load, `01` delete. GPCS table 11-53.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Restriction(u8);

impl Restriction {
    /// Delete.
    pub const DELETE: Self = Self(0x01);
    /// Load.
    pub const LOAD: Self = Self(0x02);
    /// Install.
    pub const INSTALL: Self = Self(0x04);
    /// Make selectable.
    pub const MAKE_SELECTABLE: Self = Self(0x08);
    /// Extradition.
    pub const EXTRADITION: Self = Self(0x10);
    /// Personalization.
    pub const PERSONALIZATION: Self = Self(0x20);
    /// Registry update.
    pub const REGISTRY_UPDATE: Self = Self(0x40);

    /// From the octet of `D9`.
    pub const fn from_octet(octet: u8) -> Self {
        Self(octet & 0x7F)
    }

    /// The octet of `D9`.
    pub const fn octet(self) -> u8 {
        self.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether one of the functions of `other` is restricted.
    pub const fn restricts(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// Names of global services, tag `CB`: 2 octets each (family, id). GPCS 8.1.3.
#[derive(Clone, Copy, Debug, Default)]
pub struct Services<'a>(Source<'a>);

/// Where the names are: in the caller's list, or still in the body of `EF`.
#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    List(&'a [[u8; 2]]),
    System(&'a [u8]),
}

impl Default for Source<'_> {
    fn default() -> Self {
        Self::List(&[])
    }
}

impl<'a> Services<'a> {
    /// A list of names to send.
    pub const fn new(names: &'a [[u8; 2]]) -> Self {
        Self(Source::List(names))
    }

    /// The names, in their order.
    pub fn iter(&self) -> impl Iterator<Item = [u8; 2]> + Clone + 'a {
        let (list, system): (&[[u8; 2]], &[u8]) = match self.0 {
            Source::List(list) => (list, &[]),
            Source::System(body) => (&[], body),
        };
        let read = gp_tlv::Reader::new(system)
            .filter_map(Result::ok)
            .filter(|tlv| tlv.tag == SERVICE)
            .flat_map(|tlv| tlv.value.chunks_exact(2))
            .filter_map(|name| name.first_chunk().copied());
        list.iter().copied().chain(read)
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl PartialEq for Services<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Services<'_> {}

/// The objects of a parameters field; which of them have a meaning depends on the [`Function`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Parameters<'a> {
    /// `C9`: what the application gets; for a security domain see
    /// [`SecurityDomainParameters`](super::SecurityDomainParameters).
    pub application: Option<&'a [u8]>,
    /// `C6`: least non-volatile memory for the code, in octets.
    pub code: Option<u32>,
    /// `C7`: volatile memory, in octets: least (load) or quota (install).
    pub volatile: Option<u32>,
    /// `C8`: non-volatile memory for data, in octets: least (load) or quota (install).
    pub non_volatile: Option<u32>,
    /// `D7`: volatile memory to reserve, in octets.
    pub volatile_reserve: Option<u32>,
    /// `D8`: non-volatile memory to reserve, in octets.
    pub non_volatile_reserve: Option<u32>,
    /// `CD`: load file format identifier.
    pub format: Option<&'a [u8]>,
    /// `DD`: data of that format.
    pub format_data: Option<&'a [u8]>,
    /// `CB`: global services.
    pub services: Services<'a>,
    /// `CA`: SIM and UICC parameters of ETSI TS 102 226.
    pub ts_102_226: Option<&'a [u8]>,
    /// `CF`: implicit selection. `Some` with an empty set: given, for explicit selection only.
    pub implicit_selection: Option<ImplicitSlots>,
    /// `D9`: restriction.
    pub restriction: Option<Restriction>,
    /// `EA`: UICC system-specific parameters.
    pub uicc: Option<&'a [u8]>,
    /// `B6`: whom the token is for.
    pub control: Option<ControlReference<'a>>,
}

impl<'a> Parameters<'a> {
    /// Parameters with nothing but `C9`.
    pub fn for_application(parameters: &'a [u8]) -> Self {
        Self { application: Some(parameters), ..Self::default() }
    }

    /// Reads a whole parameters field, whatever its function.
    ///
    /// # Errors
    /// TLV errors; `Unexpected` for an object given twice (other than `CB` and `CF`); `BadLength` for a value of
    /// the wrong size; `BadValue` for a channel above 19. Positions count from the start of `octets`.
    pub fn parse(octets: &'a [u8]) -> Result<Self, Error> {
        Self::read(octets, 0, None)
    }

    /// Reads the parameters field of `function`, and refuses what that function does not have.
    ///
    /// # Errors
    /// As [`parse`](Self::parse); `Unexpected` for a known object of another function; `Missing` when an
    /// installation has no `C9`.
    pub fn parse_for(function: Function, octets: &'a [u8]) -> Result<Self, Error> {
        Self::read(octets, 0, Some(function))
    }

    /// The parameters a host means by `octets`: those of the field when they are one with `C9` in it, else an
    /// application's raw parameters, which go into `C9`.
    pub fn from_caller(octets: &'a [u8]) -> Self {
        match Self::parse(octets) {
            Ok(parameters) if parameters.application.is_some() => parameters,
            _ => Self::for_application(octets),
        }
    }

    fn read(octets: &'a [u8], base: usize, function: Option<Function>) -> Result<Self, Error> {
        let mut found = Self::default();
        let mut system = None;
        each_object(octets, base, |object| {
            if function.is_some_and(|function| !belongs(object.tag, function)) {
                return Err(Error::at(ErrorKind::Unexpected, object.at));
            }
            match object.tag {
                APPLICATION => once(&mut found.application, object.value, object.at),
                SYSTEM => {
                    once(&mut system, object.value, object.at)?;
                    found.services = Services(Source::System(object.value));
                    each_object(object.value, object.inside, |inner| {
                        if function.is_some_and(|function| !belongs(inner.tag, function)) {
                            return Err(Error::at(ErrorKind::Unexpected, inner.at));
                        }
                        found.read_system(inner)
                    })
                }
                IMPLICIT => found.read_system(object),
                UICC => once(&mut found.uicc, object.value, object.at),
                control_reference::TAG => {
                    let control = ControlReference::parse_at(object.value, object.inside)?;
                    once(&mut found.control, control, object.at)
                }
                _ => Ok(()),
            }
        })?;
        let must = function.is_some_and(Function::installs);
        if must && found.application.is_none() {
            let end = base.saturating_add(octets.len());
            return Err(Error::at(ErrorKind::Missing, end));
        }
        Ok(found)
    }

    fn read_system(&mut self, object: Object<'a>) -> Result<(), Error> {
        let Object { value, at, .. } = object;
        match object.tag {
            CODE => once(&mut self.code, size(object)?, at),
            VOLATILE => once(&mut self.volatile, size(object)?, at),
            NON_VOLATILE => once(&mut self.non_volatile, size(object)?, at),
            VOLATILE_RESERVE => once(&mut self.volatile_reserve, size(object)?, at),
            NON_VOLATILE_RESERVE => once(&mut self.non_volatile_reserve, size(object)?, at),
            FORMAT => once(&mut self.format, value, at),
            FORMAT_DATA => once(&mut self.format_data, value, at),
            TS_102_226 => once(&mut self.ts_102_226, value, at),
            RESTRICTION => {
                let restriction = Restriction::from_octet(single(object)?);
                once(&mut self.restriction, restriction, at)
            }
            IMPLICIT => {
                let more =
                    ImplicitSlots::from_octet(single(object)?).ok_or(Error::at(ErrorKind::BadValue, object.inside))?;
                let all = self.implicit_selection.unwrap_or_default().union(more);
                self.implicit_selection = Some(all);
                Ok(())
            }
            SERVICE if value.is_empty() || value.len() & 1 != 0 => Err(Error::at(ErrorKind::BadLength, at)),
            _ => Ok(()),
        }
    }

    /// Writes the parameters field of `function`: `C9`, `EF`, `EA`, `B6`, each only when it has content to carry.
    ///
    /// # Errors
    /// `Unexpected` for a field that `function` does not have, `Missing` for an installation without `C9`,
    /// both at position 0 and before anything is written; `BufferFull`.
    pub fn emit<'b>(&self, function: Function, buf: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
        if function.installs() && self.application.is_none() {
            return Err(Error::at(ErrorKind::Missing, 0));
        }
        let misplaced = self.given().any(|(tag, given)| given && !belongs(tag, function));
        if misplaced {
            return Err(Error::at(ErrorKind::Unexpected, 0));
        }
        let mut writer = Writer::new(buf);
        self.write(&mut writer).map_err(|e| Error::tlv(e, 0))?;
        Ok(writer.finish())
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), gp_tlv::Error> {
        if let Some(application) = self.application {
            writer.tlv(APPLICATION, application)?;
        }
        let system = self.given().any(|(tag, given)| given && in_system(tag));
        if system {
            writer.nested(SYSTEM, |inner| self.write_system(inner))?;
        }
        if let Some(uicc) = self.uicc {
            writer.tlv(UICC, uicc)?;
        }
        match self.control {
            Some(control) => control.emit(writer),
            None => Ok(()),
        }
    }

    fn write_system(&self, writer: &mut Writer<'_>) -> Result<(), gp_tlv::Error> {
        let sizes = [
            (CODE, self.code),
            (VOLATILE, self.volatile),
            (NON_VOLATILE, self.non_volatile),
            (VOLATILE_RESERVE, self.volatile_reserve),
            (NON_VOLATILE_RESERVE, self.non_volatile_reserve),
        ];
        for (tag, size) in sizes {
            match size.map(u32::to_be_bytes) {
                None => (),
                Some([0, 0, high @ 0..=0x7F, low]) => drop(writer.tlv(tag, &[high, low])?),
                Some(octets) => drop(writer.tlv(tag, &octets)?),
            }
        }
        let values = [(FORMAT, self.format), (FORMAT_DATA, self.format_data), (TS_102_226, self.ts_102_226)];
        for (tag, value) in values {
            if let Some(value) = value {
                writer.tlv(tag, value)?;
            }
        }
        for name in self.services.iter() {
            writer.tlv(SERVICE, &name)?;
        }
        if let Some(set) = self.implicit_selection {
            if set.is_empty() {
                writer.tlv(IMPLICIT, &[0])?;
            }
            for octet in set.octets() {
                writer.tlv(IMPLICIT, &[octet])?;
            }
        }
        if let Some(restriction) = self.restriction {
            writer.tlv(RESTRICTION, &[restriction.octet()])?;
        }
        Ok(())
    }

    /// Each known object and whether it is given.
    fn given(&self) -> impl Iterator<Item = (Tag, bool)> {
        [
            (APPLICATION, self.application.is_some()),
            (CODE, self.code.is_some()),
            (VOLATILE, self.volatile.is_some()),
            (NON_VOLATILE, self.non_volatile.is_some()),
            (VOLATILE_RESERVE, self.volatile_reserve.is_some()),
            (NON_VOLATILE_RESERVE, self.non_volatile_reserve.is_some()),
            (FORMAT, self.format.is_some()),
            (FORMAT_DATA, self.format_data.is_some()),
            (TS_102_226, self.ts_102_226.is_some()),
            (SERVICE, !self.services.is_empty()),
            (IMPLICIT, self.implicit_selection.is_some()),
            (RESTRICTION, self.restriction.is_some()),
            (UICC, self.uicc.is_some()),
            (control_reference::TAG, self.control.is_some()),
        ]
        .into_iter()
    }
}

/// Whether the object stands inside `EF`.
fn in_system(tag: Tag) -> bool {
    ![APPLICATION, SYSTEM, UICC, control_reference::TAG].contains(&tag)
}

/// Whether an object may be in the parameters of `function`; unknown objects may.
fn belongs(tag: Tag, function: Function) -> bool {
    match tag {
        APPLICATION | VOLATILE_RESERVE | NON_VOLATILE_RESERVE | TS_102_226 | UICC => function.installs(),
        CODE | FORMAT | FORMAT_DATA => function.loads(),
        VOLATILE | NON_VOLATILE => function.loads() || function.installs(),
        SERVICE => function.installs() || function == Function::RegistryUpdate,
        IMPLICIT => function.makes_selectable() || function == Function::RegistryUpdate,
        RESTRICTION => function == Function::RegistryUpdate,
        _ => function != Function::Personalization,
    }
}

/// A memory size: 2 or 4 octets.
fn size(object: Object<'_>) -> Result<u32, Error> {
    match *object.value {
        [high, low] => Ok(u16::from_be_bytes([high, low]).into()),
        [a, b, c, d] => Ok(u32::from_be_bytes([a, b, c, d])),
        _ => Err(Error::at(ErrorKind::BadLength, object.at)),
    }
}

/// A value of one octet.
fn single(object: Object<'_>) -> Result<u8, Error> {
    match *object.value {
        [octet] => Ok(octet),
        _ => Err(Error::at(ErrorKind::BadLength, object.at)),
    }
}
