//! What both ends of an open session share: session keys, MAC chaining value, encryption counter.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

#[cfg(feature = "external-aes")]
use crate::ExternalAes;
use crate::challenge::{Challenge, Mode};
use crate::cipher::Block;
use crate::cmac::Prf;
use crate::cryptogram::Cryptogram;
use crate::external_aes::Engine;
use crate::kdf::{Constant, derive_each};
use crate::kernel::{Ahead, CipherRef, MacRef};
#[cfg(feature = "cached-keys")]
use crate::kernel::{CipherKey, MacKey};
#[cfg(feature = "cached-keys")]
use crate::place::{Place, size_of_place};
use crate::quirks::Conduct;
#[cfg(feature = "cached-keys")]
use crate::scrub::scrub_stack;
use crate::{Error, Key, KeyId, KeySource, Quirks};

/// S-ENC, S-MAC and S-RMAC: what a session computes with (Amendment D 6.2.1).
///
/// Made by the handshake; made elsewhere (a security module that derives session keys, SCP11) they enter by
/// [`State`](crate::State).
#[derive(Debug)]
pub struct SessionKeys {
    pub(crate) enc: Key,
    pub(crate) mac: Key,
    pub(crate) r_mac: Key,
    engine: Engine,
}

impl SessionKeys {
    /// Session keys made elsewhere, all of one length.
    ///
    /// # Errors
    /// [`Error::KeyLength`] when the lengths differ.
    pub fn new(enc: Key, mac: Key, r_mac: Key) -> Result<Self, Error> {
        if enc.length() != mac.length() || enc.length() != r_mac.length() {
            return Err(Error::KeyLength);
        }
        Ok(Self { enc, mac, r_mac, engine: Engine::BUILT_IN })
    }

    /// The same keys, with which an engine computes instead of this crate's AES.
    #[cfg(feature = "external-aes")]
    #[must_use]
    pub const fn with_aes(mut self, aes: ExternalAes) -> Self {
        self.engine = Engine::outside(aes);
        self
    }

    /// Moves them out of a session that ends. What stays in their place is zeros: an `Option` that is taken from keeps its octets.
    pub(crate) const fn take(&mut self) -> Self {
        let length = self.enc.length();
        let zeros =
            Self { enc: Key::zeros(length), mac: Key::zeros(length), r_mac: Key::zeros(length), engine: self.engine };
        core::mem::replace(self, zeros)
    }

    /// Who computes with them.
    pub(crate) const fn engine(&self) -> Engine {
        self.engine
    }

    /// Derived from the static keys and both challenges, host then card (Amendment D 6.2.1).
    pub(crate) fn derive(keys: &mut impl KeySource, host: &Challenge, card: &Challenge) -> Result<Self, Error> {
        let length = keys.length();
        let context = [host.octets(), card.octets()];
        let mut made = Self {
            enc: Key::zeros(length),
            mac: Key::zeros(length),
            r_mac: Key::zeros(length),
            engine: Engine::of(keys),
        };
        derive_each(
            &mut |messages, macs| keys.cmac_each(KeyId::Enc, messages, macs),
            context,
            &mut [(Constant::SEnc, made.enc.octets_mut())],
        )?;
        derive_each(
            &mut |messages, macs| keys.cmac_each(KeyId::Mac, messages, macs),
            context,
            &mut [(Constant::SMac, made.mac.octets_mut()), (Constant::SRMac, made.r_mac.octets_mut())],
        )?;
        Ok(made)
    }

    /// The octets of S-ENC, for who saves a session or checks vectors.
    #[must_use]
    pub fn enc(&self) -> &Key {
        &self.enc
    }

    /// The octets of S-MAC.
    #[must_use]
    pub fn mac(&self) -> &Key {
        &self.mac
    }

    /// The octets of S-RMAC.
    #[must_use]
    pub fn r_mac(&self) -> &Key {
        &self.r_mac
    }
}

/// The card's cryptogram and the host's, under S-MAC: context host challenge, then card challenge, for **both** (Amendment D
/// 6.2.2.2, 6.2.2.3).
pub(crate) fn cryptograms(
    mac: &mut Prf<'_>,
    host: &Challenge,
    card: &Challenge,
) -> Result<(Cryptogram, Cryptogram), Error> {
    let (mut of_card, mut of_host) = (Cryptogram::zeros(host.mode()), Cryptogram::zeros(host.mode()));
    let outputs =
        &mut [(Constant::CardCryptogram, of_card.octets_mut()), (Constant::HostCryptogram, of_host.octets_mut())];
    derive_each(mac, [host.octets(), card.octets()], outputs)?;
    Ok((of_card, of_host))
}

/// The keys of an open session, and with `cached-keys` their schedules: made where they stay, when the first message wants
/// them, so that a session that is handed on takes no round key along.
pub(crate) struct Keys {
    pub(crate) raw: SessionKeys,
    #[cfg(feature = "cached-keys")]
    schedules: Schedules,
}

#[cfg(feature = "cached-keys")]
struct Schedules {
    enc: Place<CipherKey, { size_of_place::<CipherKey>() }>,
    mac: Place<MacKey, { size_of_place::<MacKey>() }>,
    r_mac: Place<MacKey, { size_of_place::<MacKey>() }>,
}

#[cfg(feature = "cached-keys")]
impl Drop for Schedules {
    fn drop(&mut self) {
        self.enc.vacate();
        self.mac.vacate();
        self.r_mac.vacate();
    }
}

#[cfg(feature = "cached-keys")]
impl Keys {
    const fn new(raw: SessionKeys) -> Self {
        Self { raw, schedules: Schedules { enc: Place::VACANT, mac: Place::VACANT, r_mac: Place::VACANT } }
    }

    /// S-ENC and S-MAC. `None` is never seen: what is missing is made.
    #[inline(always)]
    pub(crate) fn for_command(&mut self) -> Option<(CipherRef<'_>, MacRef<'_>)> {
        if self.schedules.enc.is_vacant() || self.schedules.mac.is_vacant() {
            self.expand_for_command();
            scrub_stack();
        }
        self.schedules.enc.get().zip(self.schedules.mac.get())
    }

    /// S-ENC and S-RMAC. `None` is never seen, either.
    #[inline(always)]
    pub(crate) fn for_response(&mut self) -> Option<(CipherRef<'_>, MacRef<'_>)> {
        if self.schedules.enc.is_vacant() || self.schedules.r_mac.is_vacant() {
            self.expand_for_response();
            scrub_stack();
        }
        self.schedules.enc.get().zip(self.schedules.r_mac.get())
    }

    // Calls of their own, so that the scrubbing of the caller reaches what they leave.
    #[cold]
    #[inline(never)]
    fn expand_for_command(&mut self) {
        self.expand_enc();
        self.schedules.mac = Place::Taken(MacKey::new(self.raw.engine, &self.raw.mac));
    }

    #[cold]
    #[inline(never)]
    fn expand_for_response(&mut self) {
        self.expand_enc();
        self.schedules.r_mac = Place::Taken(MacKey::new(self.raw.engine, &self.raw.r_mac));
    }

    fn expand_enc(&mut self) {
        if self.schedules.enc.is_vacant() {
            self.schedules.enc = Place::Taken(CipherKey::new(self.raw.engine, &self.raw.enc));
        }
    }
}

#[cfg(not(feature = "cached-keys"))]
impl Keys {
    const fn new(raw: SessionKeys) -> Self {
        Self { raw }
    }

    /// S-ENC and S-MAC.
    #[allow(clippy::unnecessary_wraps)] // as with `cached-keys`
    pub(crate) const fn for_command(&mut self) -> Option<(CipherRef<'_>, MacRef<'_>)> {
        let by = self.raw.engine;
        Some((CipherRef::new(by, &self.raw.enc), MacRef::new(by, &self.raw.mac)))
    }

    /// S-ENC and S-RMAC.
    #[allow(clippy::unnecessary_wraps)] // as with `cached-keys`
    pub(crate) const fn for_response(&mut self) -> Option<(CipherRef<'_>, MacRef<'_>)> {
        let by = self.raw.engine;
        Some((CipherRef::new(by, &self.raw.enc), MacRef::new(by, &self.raw.r_mac)))
    }
}

/// The core of an open session. Commands are protected in `command.rs`, responses in `response.rs`, each direction's
/// two ends side by side.
pub(crate) struct Session {
    pub(crate) keys: Keys,
    conduct: Conduct,
    /// The whole C-MAC of the last command, 16 octets also in S8 mode; zeros before EXTERNAL AUTHENTICATE. Responses never change it.
    pub(crate) chaining: ChainingValue,
    /// The number of the last command after EXTERNAL AUTHENTICATE, which itself has number 0.
    pub(crate) counter: u32,
    /// The ICV of the next command, where it is there already.
    pub(crate) ahead: Ahead,
}

impl Session {
    /// A session before EXTERNAL AUTHENTICATE.
    pub(crate) const fn new(keys: SessionKeys, mode: Mode) -> Self {
        Self {
            keys: Keys::new(keys),
            conduct: Conduct::new(mode, Quirks::NONE),
            chaining: ChainingValue([0; 16]),
            counter: 0,
            ahead: Ahead::NONE,
        }
    }

    pub(crate) const fn mode(&self) -> Mode {
        self.conduct.mode()
    }

    pub(crate) const fn quirks(&self) -> Quirks {
        self.conduct.quirks()
    }

    pub(crate) const fn set_quirks(&mut self, quirks: Quirks) {
        self.conduct = Conduct::new(self.mode(), quirks);
    }

    /// The counter for a command with or without data: one more for each (Amendment D 6.2.6).
    pub(crate) fn next_counter(&self, has_data: bool) -> Result<u32, Error> {
        if self.quirks().counter_skips_empty() && !has_data {
            return Ok(self.counter);
        }
        self.counter.checked_add(1).ok_or(Error::CounterExhausted)
    }
}

/// Does the received MAC, as long as the mode says, start the computed one? In constant time.
pub(crate) fn mac_matches(mode: Mode, computed: &Block, received: &[u8]) -> bool {
    computed.get(..mode.octets()).is_some_and(|expected| bool::from(expected.ct_eq(received)))
}

/// The chaining value, wiped with its session (GPCS 10.2.3).
pub(crate) struct ChainingValue(pub(crate) Block);

impl Drop for ChainingValue {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

impl fmt::Debug for ChainingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChainingValue(..)")
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("mode", &self.mode()).field("counter", &self.counter).finish_non_exhaustive()
    }
}
