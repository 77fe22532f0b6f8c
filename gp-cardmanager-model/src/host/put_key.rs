//! PUT KEY, `80 D8 P1 P2`: adds keys, or replaces those of a version (GPCS 11.8, Amendment D 7.2).

use core::fmt;

use gp_apdu::ins;
use gp_scp03::{Key, KeyId, Reply, StaticKeys};
use subtle::ConstantTimeEq;

use super::{Cover, Draft, Failure, Origin, Slot, Step, Task, accepted};
use crate::error::{Error, ErrorKind};
use crate::put_key::{BlockForm, CHECK_VALUE_LEN, Dek, NewKey, PutKeyAnswer, PutKeyTarget, PutKeyWriter};

/// Keys to put.
#[derive(Clone, Copy, Debug)]
pub enum NewKeys<'a> {
    /// A set for SCP03: Key-ENC, Key-MAC and Key-DEK, with identifiers one after the other.
    Set(&'a StaticKeys),
    /// One AES key.
    Aes(&'a Key),
    /// Keys of any type.
    Other(&'a [NewKey<'a>]),
}

/// Adds or replaces keys, and compares the check values that come back.
///
/// Adding and replacing are two operations; neither is tried in place of the other. The values are encrypted under the
/// Key-DEK of the set that the session was opened with: `D` is that key, or hardware that holds it.
///
/// [`Failure::WrongAnswer`] says that the card answered another version or other check values: the keys may be stored, and
/// not be what they should be. Open a session with them before anything relies on them, as [`Rotate`](super::Rotate) does.
pub struct PutKeys<'a, D> {
    target: PutKeyTarget,
    version: u8,
    keys: NewKeys<'a>,
    dek: D,
    form: BlockForm,
    put: KeysPut,
}

/// What the card answered to PUT KEY.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeysPut {
    /// The version of the keys.
    pub version: u8,
    /// The check values of AES keys were those of a block of zeros, which some cards compute in place of one of `01`
    /// octets. They fit the keys all the same.
    pub zero_block_check_values: bool,
    /// Who vouches for the answer.
    pub origin: Origin,
}

impl<'a, D: Dek> PutKeys<'a, D> {
    /// Adds keys as `version`, 01 to 7F, which the card does not have yet. The first identifier is 01.
    pub const fn add(version: u8, keys: NewKeys<'a>, dek: D) -> Self {
        Self::new(None, version, keys, dek)
    }

    /// Replaces the keys of version `replaced` by keys of the same types and sizes, as `version`, which may be the same.
    pub const fn replace(replaced: u8, version: u8, keys: NewKeys<'a>, dek: D) -> Self {
        Self::new(Some(replaced), version, keys, dek)
    }

    const fn new(replaces: Option<u8>, version: u8, keys: NewKeys<'a>, dek: D) -> Self {
        let several = match keys {
            NewKeys::Set(_) => true,
            NewKeys::Aes(_) => false,
            NewKeys::Other(keys) => keys.len() > 1,
        };
        let put = KeysPut { version, zero_block_check_values: false, origin: Origin::Plain };
        let target = PutKeyTarget { replaces, first_id: 1, several };
        Self { target, version, keys, dek, form: BlockForm::WithLength, put }
    }

    /// Gives the first key this identifier, and the next ones those that follow, up to 7F.
    #[must_use]
    pub fn with_first_id(mut self, id: u8) -> Self {
        self.target.first_id = id;
        self
    }

    /// Writes key blocks so: some cards take one of the two forms only.
    #[must_use]
    pub fn with_form(self, form: BlockForm) -> Self {
        Self { form, ..self }
    }

    /// The identifier behind that of the last key.
    fn end_id(&self) -> usize {
        let count = match self.keys {
            NewKeys::Set(_) => 3,
            NewKeys::Aes(_) => 1,
            NewKeys::Other(keys) => keys.len(),
        };
        usize::from(self.target.first_id).saturating_add(count)
    }

    /// Do the check values of the answer fit, as the specification computes them, or over zeros?
    fn fits(&self, check_values: &[u8], zeros: bool) -> bool {
        let mut rest = check_values;
        let mut same = true;
        let mut compare = |expected: &[u8]| match rest.split_at_checked(expected.len()) {
            Some((value, behind)) => {
                same &= bool::from(value.ct_eq(expected));
                rest = behind;
            }
            None => same = false,
        };
        let of = |key: &Key| if zeros { zero_block_check_value(key) } else { key.kcv() };
        match self.keys {
            NewKeys::Set(keys) => {
                for id in [KeyId::Enc, KeyId::Mac, KeyId::Dek] {
                    compare(&of(keys.key(id)));
                }
            }
            NewKeys::Aes(key) => compare(&of(key)),
            NewKeys::Other(keys) => keys.iter().for_each(|key| compare(key.check_value)),
        }
        same && rest.is_empty()
    }
}

/// The check value over a block of zeros: the first 3 octets of its encryption.
fn zero_block_check_value(key: &Key) -> [u8; CHECK_VALUE_LEN] {
    let mut block = [0; 16];
    // With an ICV of zeros, CBC over one block of zeros is the cipher itself.
    let encrypted = key.encrypt_sensitive(&mut block);
    let [a, b, c, ..] = block;
    if encrypted.is_ok() { [a, b, c] } else { [0; 3] }
}

impl<D: Dek> Task for PutKeys<'_, D> {
    type Output<'r> = KeysPut;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        if self.end_id() > 0x80 {
            return Err(Error::at(ErrorKind::BadValue, 0).into());
        }
        let Self { target, version, keys, dek, form, .. } = self;
        target.check()?;
        draft.begin_chainable(target.header()).push_with(|room| {
            let mut writer = PutKeyWriter::new(room, *version, *form)?;
            match keys {
                NewKeys::Set(keys) => {
                    for id in [KeyId::Enc, KeyId::Mac, KeyId::Dek] {
                        writer.aes(keys.key(id), dek)?;
                    }
                }
                NewKeys::Aes(key) => {
                    writer.aes(key, dek)?;
                }
                NewKeys::Other(keys) => {
                    for key in keys.iter() {
                        writer.key(key, dek)?;
                    }
                }
            }
            Ok(writer.finish()?.len())
        })?;
        draft.expect_any();
        Ok(Cover::Session)
    }

    fn reply(&mut self, reply: Reply<'_>, slot: &mut Slot) -> Result<Step, Failure> {
        self.put.origin = Origin::of(&reply);
        let response = accepted(ins::PUT_KEY, reply)?;
        if let Some(replaced) = self.target.replaces.filter(|replaced| *replaced != self.version) {
            // A set has the identifiers 1 to 3.
            let (first, end) = (usize::from(self.target.first_id), self.end_id());
            if first <= 1 && end > 3 {
                slot.rename_keys(replaced, self.version);
            } else if first <= 3 && end > 1 {
                slot.part_keys(replaced);
            }
        }
        let answer = PutKeyAnswer::parse(response.data)?;
        if answer.version != self.version {
            return Err(Failure::WrongAnswer);
        }
        if !self.fits(answer.check_values, false) {
            if !self.fits(answer.check_values, true) {
                return Err(Failure::WrongAnswer);
            }
            self.put.zero_block_check_values = true;
        }
        Ok(Step::Done)
    }

    fn output(self, _: &[u8]) -> Result<KeysPut, Failure> {
        Ok(self.put)
    }
}

impl<D> fmt::Debug for PutKeys<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutKeys").field("target", &self.target).field("version", &self.version).finish_non_exhaustive()
    }
}
