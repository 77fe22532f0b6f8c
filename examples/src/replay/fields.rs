//! The fields of a vector, read with their types.

use gp_apdu::LogicalChannel;
use gp_scp03::{Challenge, Implementation, Key, Mode, SecurityLevel};
use serde_json::{Map, Value};

use super::fault::Fault;
use super::hex;

/// An object in a vector. A field that is `null` counts as missing. Faults name the field with the objects around it.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    path: String,
}

impl<'a> Fields<'a> {
    pub(super) fn new(value: &'a Value) -> Result<Self, Fault> {
        Self::at(value, String::new())
    }

    fn at(value: &'a Value, path: String) -> Result<Self, Fault> {
        match value.as_object() {
            Some(object) => Ok(Self { object, path }),
            None => Err(Fault::ill_formed(if path.is_empty() { "vector".into() } else { path }, "is no object")),
        }
    }

    /// The name of a field with the objects around it.
    fn full(&self, name: &str) -> String {
        if self.path.is_empty() { name.into() } else { format!("{}.{name}", self.path) }
    }

    pub(super) fn fault(&self, name: &str, problem: impl Into<String>) -> Fault {
        Fault::ill_formed(self.full(name), problem)
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, Fault> {
        value.ok_or_else(|| self.fault(name, "is missing"))
    }

    /// Reads with `read` what is there; `problem` says what `read` did not find.
    fn opt<T>(&self, name: &str, problem: &str, read: impl FnOnce(&'a Value) -> Option<T>) -> Result<Option<T>, Fault> {
        self.get(name).map(|value| read(value).ok_or_else(|| self.fault(name, problem))).transpose()
    }

    pub(super) fn opt_text(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        self.opt(name, "is no string", Value::as_str)
    }

    pub(super) fn text(&self, name: &str) -> Result<&'a str, Fault> {
        self.required(name, self.opt_text(name)?)
    }

    pub(super) fn opt_flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        self.opt(name, "is neither true nor false", Value::as_bool)
    }

    /// A number that fits `T`.
    pub(super) fn opt_number<T: TryFrom<u64>>(&self, name: &str) -> Result<Option<T>, Fault> {
        self.opt(name, "is no number of this range", |value| value.as_u64()?.try_into().ok())
    }

    pub(super) fn number<T: TryFrom<u64>>(&self, name: &str) -> Result<T, Fault> {
        self.required(name, self.opt_number(name)?)
    }

    pub(super) fn opt_octets(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.opt(name, "is not hexadecimal", |value| hex::decode(value.as_str()?))
    }

    pub(super) fn octets(&self, name: &str) -> Result<Vec<u8>, Fault> {
        self.required(name, self.opt_octets(name)?)
    }

    /// Exactly `N` octets.
    pub(super) fn opt_array<const N: usize>(&self, name: &str) -> Result<Option<[u8; N]>, Fault> {
        let problem = || self.fault(name, format!("is not {N} octets long"));
        self.opt_octets(name)?.map(|octets| octets.try_into().map_err(|_| problem())).transpose()
    }

    pub(super) fn array<const N: usize>(&self, name: &str) -> Result<[u8; N], Fault> {
        self.required(name, self.opt_array(name)?)
    }

    /// One octet in hexadecimal.
    pub(super) fn opt_octet(&self, name: &str) -> Result<Option<u8>, Fault> {
        Ok(self.opt_array(name)?.map(|[octet]| octet))
    }

    pub(super) fn octet(&self, name: &str) -> Result<u8, Fault> {
        self.required(name, self.opt_octet(name)?)
    }

    pub(super) fn opt_object(&self, name: &str) -> Result<Option<Self>, Fault> {
        self.get(name).map(|value| Self::at(value, self.full(name))).transpose()
    }

    pub(super) fn object(&self, name: &str) -> Result<Self, Fault> {
        self.required(name, self.opt_object(name)?)
    }

    /// The objects of an array.
    pub(super) fn opt_list(&self, name: &str) -> Result<Option<Vec<Self>>, Fault> {
        let Some(list) = self.opt(name, "is no array", Value::as_array)? else { return Ok(None) };
        let item = |(value, index): (&'a Value, usize)| Self::at(value, format!("{}[{index}]", self.full(name)));
        list.iter().zip(0..).map(item).collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn list(&self, name: &str) -> Result<Vec<Self>, Fault> {
        self.required(name, self.opt_list(name)?)
    }

    /// The strings of an array; none when it is missing.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<&'a str>, Fault> {
        let read = |value: &'a Value| value.as_array()?.iter().map(Value::as_str).collect::<Option<_>>();
        Ok(self.opt(name, "is no array of strings", read)?.unwrap_or_default())
    }

    /// The fields of this object that are objects, by name.
    pub(super) fn entries(&self) -> Result<Vec<(&'a str, Self)>, Fault> {
        self.object.iter().map(|(name, value)| Ok((name.as_str(), Self::at(value, self.full(name))?))).collect()
    }

    pub(super) fn opt_key(&self, name: &str) -> Result<Option<Key>, Fault> {
        let key = |octets: Vec<u8>| Key::new(&octets).map_err(|error| self.fault(name, error.to_string()));
        self.opt_octets(name)?.map(key).transpose()
    }

    pub(super) fn key(&self, name: &str) -> Result<Key, Fault> {
        self.required(name, self.opt_key(name)?)
    }

    /// A challenge; its length is the mode, which must be this one.
    pub(super) fn challenge(&self, name: &str, mode: Mode) -> Result<Challenge, Fault> {
        let challenge = Challenge::new(&self.octets(name)?).ok().filter(|challenge| challenge.mode() == mode);
        challenge.ok_or_else(|| self.fault(name, "has not the length of the mode"))
    }

    /// `mode`: `S8` or `S16`.
    pub(super) fn mode(&self) -> Result<Mode, Fault> {
        match self.text("mode")? {
            "S8" => Ok(Mode::S8),
            "S16" => Ok(Mode::S16),
            other => Err(self.fault("mode", format!("{other:?} is neither S8 nor S16"))),
        }
    }

    /// `level`: P1 of EXTERNAL AUTHENTICATE.
    pub(super) fn level(&self) -> Result<SecurityLevel, Fault> {
        SecurityLevel::from_octet(self.octet("level")?).ok_or_else(|| self.fault("level", "is no security level"))
    }

    /// `i`.
    pub(super) fn opt_implementation(&self) -> Result<Option<Implementation>, Fault> {
        Ok(self.opt_octet("i")?.map(Implementation::new))
    }

    /// `logical_channel`, a number.
    pub(super) fn opt_channel(&self) -> Result<Option<LogicalChannel>, Fault> {
        let problem = || self.fault("logical_channel", "is no logical channel");
        let number = self.opt_number("logical_channel")?;
        number.map(|number| LogicalChannel::new(number).ok_or_else(problem)).transpose()
    }
}
