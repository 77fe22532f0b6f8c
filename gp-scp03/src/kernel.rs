//! The arithmetic of the message path and the two representations of its keys; everything above works on octets and lengths alone.
//!
//! With `cached-keys` a message is one region in which both chains run side by side (`fused.rs`); without, keys are
//! expanded for each message and the two passes follow each other. The results are the same.

#[cfg(feature = "cached-keys")]
mod fused;
#[cfg(feature = "cached-keys")]
mod lanes;

use crate::Key;
#[cfg(feature = "cached-keys")]
use crate::cipher::Encryptor;
use crate::cipher::{Block, Cipher};
#[cfg(feature = "cached-keys")]
use crate::cmac::Subkeys;
#[cfg(feature = "cached-keys")]
use crate::cmac::cmac;
#[cfg(not(feature = "cached-keys"))]
use crate::cmac::cmac_each;
use crate::external_aes::{Engine, Fault};
#[cfg(feature = "cached-keys")]
use zeroize::Zeroize;

/// S-ENC as messages use it: with `cached-keys` its schedules, made once; without, the key, expanded for each message. The
/// same results, another balance of memory and time.
#[cfg(feature = "cached-keys")]
pub(crate) struct CipherKey(Cipher);

/// S-MAC or S-RMAC as messages use it, with its subkeys.
#[cfg(feature = "cached-keys")]
pub(crate) struct MacKey {
    cipher: Encryptor,
    subkeys: Subkeys,
}

#[cfg(feature = "cached-keys")]
impl CipherKey {
    #[inline(always)]
    pub(crate) fn new(engine: Engine, key: &Key) -> Self {
        Self(Cipher::within(engine, key))
    }
}

#[cfg(feature = "cached-keys")]
impl MacKey {
    #[inline(never)]
    pub(crate) fn new(engine: Engine, key: &Key) -> Self {
        let cipher = Encryptor::within(engine, key);
        let subkeys = Subkeys::kept(&cipher);
        Self { cipher, subkeys }
    }

    /// AES-CMAC over the parts one after the other, by an engine.
    fn mac(&self, parts: &[&[u8]]) -> Result<Block, Fault> {
        cmac(&self.cipher, &Subkeys::new(&self.cipher)?, parts)
    }
}

/// A key as it is, and who computes with it.
#[cfg(not(feature = "cached-keys"))]
#[derive(Clone, Copy)]
pub(crate) struct KeyRef<'k> {
    key: &'k Key,
    engine: Engine,
}

#[cfg(not(feature = "cached-keys"))]
impl<'k> KeyRef<'k> {
    pub(crate) const fn new(engine: Engine, key: &'k Key) -> Self {
        Self { key, engine }
    }

    /// Its schedule, for the moment.
    #[inline(always)]
    fn cipher(self) -> Cipher {
        Cipher::within(self.engine, self.key)
    }

    pub(crate) fn cmac_each(self, messages: &[&[u8]], macs: &mut [Block]) -> Result<(), Fault> {
        cmac_each(&self.cipher(), None, messages, macs)
    }

    fn mac(self, parts: &[&[u8]]) -> Result<Block, Fault> {
        self.key.mac_within(self.engine, parts)
    }
}

/// S-ENC, as the functions below take it.
#[cfg(feature = "cached-keys")]
pub(crate) type CipherRef<'k> = &'k CipherKey;
/// S-MAC or S-RMAC, as the functions below take it.
#[cfg(feature = "cached-keys")]
pub(crate) type MacRef<'k> = &'k MacKey;
#[cfg(not(feature = "cached-keys"))]
pub(crate) type CipherRef<'k> = KeyRef<'k>;
#[cfg(not(feature = "cached-keys"))]
pub(crate) type MacRef<'k> = KeyRef<'k>;

/// Encrypts whole blocks in place; the ICV is the encryption of the block of `number`. Without `cached-keys` a call of its
/// own, so that its key schedule and that of the MAC are not on the stack together.
#[cfg_attr(not(feature = "cached-keys"), inline(never))]
fn encrypt(key: CipherRef<'_>, number: Number, blocks: &mut [Block]) -> Result<(), Fault> {
    let mut icv = number.block();
    #[cfg(feature = "cached-keys")]
    let cipher = &key.0;
    #[cfg(not(feature = "cached-keys"))]
    let cipher = &key.cipher();
    cipher.encrypt(&mut icv)?;
    cipher.cbc_encrypt(icv, blocks)
}

/// Decrypts whole blocks in place; the ICV is the encryption of the block of `number`.
#[cfg_attr(not(feature = "cached-keys"), inline(never))]
fn decrypt(key: CipherRef<'_>, number: Number, blocks: &mut [Block]) -> Result<(), Fault> {
    let mut icv = number.block();
    #[cfg(feature = "cached-keys")]
    let cipher = &key.0;
    #[cfg(not(feature = "cached-keys"))]
    let cipher = &key.cipher();
    cipher.encrypt(&mut icv)?;
    cipher.cbc_decrypt(icv, blocks)
}

/// What stands in front of the body under a MAC: nothing, or the header of a command and its Lc, 5 or 7 octets.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    /// The octets, the first one lowest.
    value: u64,
    bits: u32,
}

impl Head {
    /// In front of a response.
    pub(crate) const NONE: Self = Self { value: 0, bits: 0 };

    /// CLA' INS P1 P2 Lc' for CLA INS P1 P2: Lc' of three octets, `00 hh ll`, or of one, which the caller knows to hold it.
    #[inline]
    pub(crate) fn command(header: [u8; 4], mac_class: u8, lc: u16, long: bool) -> Self {
        let header = u32::from_le_bytes(header) & !0xFF | u32::from(mac_class);
        let (lc, bits) = if long { (u32::from(lc.swap_bytes()).wrapping_shl(8), 56) } else { (u32::from(lc), 40) };
        Self { value: u64::from(lc).wrapping_shl(32) | u64::from(header), bits }
    }

    /// The octets, and zeros behind them.
    pub(crate) const fn octets(self) -> [u8; 8] {
        self.value.to_le_bytes()
    }
}

/// The number of a message, from which its ICV is made (Amendment D 6.2.6, 6.2.7).
#[derive(Clone, Copy)]
pub(crate) struct Number {
    pub(crate) counter: u32,
    pub(crate) response: bool,
}

impl Number {
    /// The block whose encryption under S-ENC is the ICV: the counter, and for a response `80` in front.
    #[inline(always)]
    pub(crate) fn block(self) -> Block {
        (u128::from(self.first()).wrapping_shl(120) | u128::from(self.counter)).to_be_bytes()
    }

    #[inline(always)]
    fn first(self) -> u8 {
        if self.response { 0x80 } else { 0 }
    }
}

/// The ICV of the next command, made beside the end of the last one, where it takes no time. Without `cached-keys`, where
/// nothing runs side by side, there is none.
#[cfg_attr(not(feature = "cached-keys"), derive(Clone, Copy))]
pub(crate) struct Ahead {
    /// The number of that command; 0, which no encrypted command has, where there is none.
    #[cfg(feature = "cached-keys")]
    number: u32,
    #[cfg(feature = "cached-keys")]
    icv: Block,
}

impl Ahead {
    pub(crate) const NONE: Self = Self {
        #[cfg(feature = "cached-keys")]
        number: 0,
        #[cfg(feature = "cached-keys")]
        icv: [0; 16],
    };
}

#[cfg(feature = "cached-keys")]
impl Drop for Ahead {
    fn drop(&mut self) {
        self.icv.as_mut_slice().zeroize();
    }
}

/// What stands behind the body: nothing, or the status word of a response. With the head these are 2 to 7 octets.
pub(crate) type Suffix = Option<[u8; 2]>;

/// Encrypts `body` in place when a key and a number are given (`body` is whole blocks then), and answers
/// `CMAC(mac, chaining | head | body as it now stands | suffix)`. For commands, whose numbers follow each other, `ahead` is
/// given, to be used and filled.
#[cfg_attr(feature = "cached-keys", inline(always))]
pub(crate) fn seal(
    enc: Option<(CipherRef<'_>, Number)>,
    mac: MacRef<'_>,
    chaining: &Block,
    head: Head,
    body: &mut [u8],
    suffix: Suffix,
    ahead: Option<&mut Ahead>,
) -> Result<Block, Fault> {
    #[cfg(not(feature = "cached-keys"))]
    let _ = ahead;
    let Some((key, number)) = enc else { return tag(mac, chaining, head, body, suffix) };
    let blocks = body.as_chunks_mut().0;
    #[cfg(feature = "cached-keys")]
    {
        let MacKey { cipher, subkeys } = mac;
        let mut message = fused::Sealing::new(number, chaining, head, &mut *blocks, suffix, subkeys, ahead.as_deref());
        if fused::seal(&key.0, cipher, &mut message) {
            if let Some(ahead) = ahead {
                ahead.number = number.counter.wrapping_add(1);
                ahead.icv = message.icv;
            }
            return Ok(message.mac);
        }
    }
    encrypt(key, number, blocks)?;
    tag(mac, chaining, head, body, suffix)
}

/// What [`seal`] is given for one of several commands.
pub(crate) struct Job<'a> {
    pub(crate) enc: Option<(CipherRef<'a>, Number)>,
    pub(crate) mac: MacRef<'a>,
    pub(crate) chaining: &'a Block,
    pub(crate) head: Head,
    pub(crate) body: &'a mut [u8],
}

/// Is [`seal_each`] faster than [`seal`] for each?
pub(crate) fn pays_side_by_side(key: CipherRef<'_>) -> bool {
    #[cfg(feature = "cached-keys")]
    return lanes::pay(&key.0);
    #[cfg(not(feature = "cached-keys"))]
    {
        let _ = key;
        false
    }
}

/// [`seal`] for a command of each of several sessions, side by side where they are alike.
pub(crate) fn seal_each<const N: usize>(jobs: [Option<Job<'_>>; N], macs: &mut [Block; N]) -> Result<(), Fault> {
    #[cfg(feature = "cached-keys")]
    let jobs = match lanes::seal_each(jobs, macs) {
        Ok(()) => return Ok(()),
        Err(jobs) => jobs,
    };
    for (job, mac) in jobs.into_iter().zip(macs) {
        if let Some(job) = job {
            *mac = seal(job.enc, job.mac, job.chaining, job.head, job.body, None, None)?;
        }
    }
    Ok(())
}

/// `CMAC(mac, chaining | head | body | suffix)`: what a receiver computes before it touches the body.
pub(crate) fn tag(mac: MacRef<'_>, chaining: &Block, head: Head, body: &[u8], suffix: Suffix) -> Result<Block, Fault> {
    #[cfg(feature = "cached-keys")]
    {
        let MacKey { cipher, subkeys } = mac;
        let mut message = fused::Tagging { chaining, head, body, suffix, subkeys, mac: [0; 16] };
        if fused::tag(cipher, &mut message) {
            return Ok(message.mac);
        }
    }
    let octets = head.octets();
    let length = usize::try_from(head.bits / 8).unwrap_or(0);
    let head = octets.get(..length).unwrap_or_default();
    mac.mac(&[chaining, head, body, suffix.as_slice().as_flattened()])
}

/// Decrypts a response body of whole blocks in place and answers the R-MAC over it as it was, `CMAC(mac, chaining | body
/// | suffix)`: both at once. Whoever calls this holds plaintext that nobody has vouched for, until the MAC is compared, and
/// after a fault a part of it.
pub(crate) fn open_unverified(
    enc: (CipherRef<'_>, Number),
    mac: MacRef<'_>,
    chaining: &Block,
    body: &mut [u8],
    suffix: [u8; 2],
) -> Result<Block, Fault> {
    let (key, number) = enc;
    #[cfg(feature = "cached-keys")]
    {
        let MacKey { cipher, subkeys } = mac;
        let mut icv = number.block();
        if !key.0.is_external() {
            key.0.encrypt(&mut icv)?;
            let blocks = body.as_chunks_mut().0;
            let mut message = fused::Opening { chaining, icv, body: blocks, suffix, subkeys, mac: [0; 16] };
            if fused::open(&key.0, cipher, &mut message) {
                return Ok(message.mac);
            }
        }
    }
    let computed = tag(mac, chaining, Head::NONE, body, Some(suffix))?;
    open(key, number, body)?;
    Ok(computed)
}

/// Decrypts `body`, a multiple of 16 octets, in place. Only after its MAC held.
pub(crate) fn open(key: CipherRef<'_>, number: Number, body: &mut [u8]) -> Result<(), Fault> {
    decrypt(key, number, body.as_chunks_mut().0)
}

#[cfg(test)]
mod tests;
