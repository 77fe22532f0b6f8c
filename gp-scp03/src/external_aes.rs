//! AES from outside (feature `external-aes`): the session keys stay in the session, an engine of the device computes with
//! them.
//!
//! ```text
//!  KeySource::session_aes --> SessionKeys --> Session --> each block of each message:
//!                                                         encrypt(context, key, block) or decrypt(..)
//!
//!  true    the block is done
//!  false   the message is wiped, the channel is dead: Error::KeySource
//! ```
//!
//! Without the feature there is no engine: [`Held`] and [`Fault`] have no values, and what matches on the one or may fail with
//! the other compiles to what knows neither.

#[cfg(feature = "external-aes")]
use core::fmt;

#[cfg(feature = "external-aes")]
use zeroize::Zeroize;

use crate::cipher::Block;
use crate::{Error, Key, KeySource};
#[cfg(feature = "external-aes")]
use crate::{KeyId, KeyLength};

/// An AES engine, as functions of one block: for a device whose AES is hardware and whose session keys may lie in memory.
///
/// Two functions without state of their own, and a number that they are given: the number of a peripheral, of a lock, or
/// nothing. A call is one block under one key, which is at hand in the clear, 16, 24 or 32 octets; the engine keeps nothing
/// from call to call. It computes all of C-MAC, R-MAC, C-DECRYPTION, R-ENCRYPTION, ICVs and cryptograms, one block after
/// the other. The derivation of the session keys from static keys is the affair of [`KeySource::cmac`].
///
/// A session gets it from its [`KeySource`], see [`KeySource::session_aes`] and [`SessionAes`], or from
/// [`SessionKeys::with_aes`](crate::SessionKeys::with_aes).
#[cfg(feature = "external-aes")]
#[derive(Clone, Copy)]
pub struct ExternalAes {
    /// Handed to both functions.
    pub context: usize,
    /// The forward cipher in place, on one block under `key` of 16, 24 or 32 octets. `false`: the engine failed. The
    /// message is wiped then, the channel dead, and the error [`Error::KeySource`].
    pub encrypt: BlockFunction,
    /// The inverse cipher, likewise. Only C-DECRYPTION at a card and R-ENCRYPTION at a host need it.
    pub decrypt: BlockFunction,
}

/// What [`ExternalAes`] calls for one block: context, key, block.
#[cfg(feature = "external-aes")]
pub type BlockFunction = fn(context: usize, key: &[u8], block: &mut [u8; 16]) -> bool;

#[cfg(feature = "external-aes")]
impl fmt::Debug for ExternalAes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalAes(..)")
    }
}

/// Static keys of any source, and an engine for the session keys that are derived from them.
///
/// ```
/// use gp_scp03::{ExternalAes, KeySource, SessionAes, StaticKeys};
///
/// fn encrypt(engine: usize, key: &[u8], block: &mut [u8; 16]) -> bool {
///     // ... the registers of engine number `engine` ...
/// #   let _ = (engine, key, block);
///     true
/// }
/// # fn decrypt(_: usize, _: &[u8], _: &mut [u8; 16]) -> bool { true }
///
/// # fn main() -> Result<(), gp_scp03::Error> {
/// let mut keys = StaticKeys::same(&[0x40; 16])?;
/// let source = SessionAes { keys: &mut keys, aes: ExternalAes { context: 0, encrypt, decrypt } };
/// assert!(source.session_aes().is_some()); // to be given to `Challenged::authenticate` or `Responder::challenge`
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "external-aes")]
#[derive(Debug)]
pub struct SessionAes<K> {
    /// Who derives the session keys.
    pub keys: K,
    /// Who computes with them.
    pub aes: ExternalAes,
}

#[cfg(feature = "external-aes")]
impl<K: KeySource> KeySource for SessionAes<K> {
    fn cmac(&mut self, key: KeyId, parts: &[&[u8]]) -> Result<[u8; 16], Error> {
        self.keys.cmac(key, parts)
    }

    fn cmac_each(&mut self, key: KeyId, messages: &[&[u8]], macs: &mut [[u8; 16]]) -> Result<(), Error> {
        self.keys.cmac_each(key, messages, macs)
    }

    fn length(&self) -> KeyLength {
        self.keys.length()
    }

    fn session_aes(&self) -> Option<ExternalAes> {
        Some(self.aes)
    }
}

/// Which AES the keys of a session are used with: this crate's own, or one from outside. Nothing at all without the feature.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Engine {
    #[cfg(feature = "external-aes")]
    outside: Option<ExternalAes>,
}

impl Engine {
    /// This crate's own.
    pub(crate) const BUILT_IN: Self = Self {
        #[cfg(feature = "external-aes")]
        outside: None,
    };

    /// What the source of the static keys wants for its sessions.
    #[inline(always)]
    pub(crate) fn of(keys: &impl KeySource) -> Self {
        #[cfg(not(feature = "external-aes"))]
        let _ = keys;
        Self {
            #[cfg(feature = "external-aes")]
            outside: keys.session_aes(),
        }
    }
}

#[cfg(feature = "external-aes")]
impl Engine {
    pub(crate) const fn outside(aes: ExternalAes) -> Self {
        Self { outside: Some(aes) }
    }
}

impl Engine {
    /// Is there one?
    pub(crate) const fn is_outside(self) -> bool {
        #[cfg(feature = "external-aes")]
        return self.outside.is_some();
        #[cfg(not(feature = "external-aes"))]
        {
            let Self {} = self;
            false
        }
    }

    /// The key in the hands of the engine, where there is one.
    #[inline(always)]
    pub(crate) fn hold(self, key: &Key) -> Option<Held> {
        #[cfg(feature = "external-aes")]
        return self.outside.map(|aes| Held { aes, key: key.duplicate_secret() });
        #[cfg(not(feature = "external-aes"))]
        {
            let (Self {}, _) = (self, key);
            None
        }
    }
}

/// A key and the engine that computes with it.
#[cfg(feature = "external-aes")]
pub(crate) struct Held {
    aes: ExternalAes,
    key: Key,
}

#[cfg(feature = "external-aes")]
impl Held {
    pub(crate) fn encrypt(&self, block: &mut Block) -> Result<(), Fault> {
        self.call(self.aes.encrypt, block)
    }

    pub(crate) fn decrypt(&self, block: &mut Block) -> Result<(), Fault> {
        self.call(self.aes.decrypt, block)
    }

    fn call(&self, function: BlockFunction, block: &mut Block) -> Result<(), Fault> {
        if function(self.aes.context, self.key.expose_secret(), block) {
            return Ok(());
        }
        // Whatever it left there.
        block.as_mut_slice().zeroize();
        Err(Fault(()))
    }
}

/// A key and the engine that computes with it. Without the feature there is no such value.
#[cfg(not(feature = "external-aes"))]
pub(crate) enum Held {}

#[cfg(not(feature = "external-aes"))]
impl Held {
    #[inline(always)]
    pub(crate) const fn encrypt(&self, _: &mut Block) -> Result<(), Fault> {
        match *self {}
    }

    #[inline(always)]
    pub(crate) const fn decrypt(&self, _: &mut Block) -> Result<(), Fault> {
        match *self {}
    }
}

/// The engine failed.
#[cfg(feature = "external-aes")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault(());

/// The engine failed. Without the feature there is no such value.
#[cfg(not(feature = "external-aes"))]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {}

impl From<Fault> for Error {
    #[cfg(feature = "external-aes")]
    fn from(_: Fault) -> Self {
        Self::KeySource
    }

    #[cfg(not(feature = "external-aes"))]
    fn from(fault: Fault) -> Self {
        match fault {}
    }
}

impl Fault {
    /// Is this how an open session ended? Never without the feature: nothing else in an open session answers this error.
    #[inline(always)]
    pub(crate) fn is_behind(error: Error) -> bool {
        cfg!(feature = "external-aes") && error == Error::KeySource
    }
}
