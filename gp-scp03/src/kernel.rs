//! The arithmetic of the message path and the two representations of its keys; everything above works on octets and lengths alone.
//!
//! With `cached-keys` a message is one region in which both chains run side by side (`fused.rs`); without, keys are
//! expanded for each message and the two passes follow each other. The results are the same.

#[cfg(feature = "cached-keys")]
mod fused;
#[cfg(feature = "cached-keys")]
mod lanes;

use core::fmt;

use crate::Key;
use crate::cipher::{Block, Cipher, Encryptor};
#[cfg(feature = "cached-keys")]
use crate::cmac::Subkeys;
use crate::cmac::cmac_each;

/// S-ENC. With `cached-keys` the schedules stay expanded, without they are made for each message: the same results,
/// another balance of memory and time.
pub(crate) struct CipherKey {
    key: Key,
    #[cfg(feature = "cached-keys")]
    cipher: Cipher,
}

impl CipherKey {
    #[inline(always)]
    pub(crate) fn new(key: Key) -> Self {
        Self {
            #[cfg(feature = "cached-keys")]
            cipher: Cipher::new(&key),
            key,
        }
    }

    pub(crate) const fn key(&self) -> &Key {
        &self.key
    }

    /// Encrypts whole blocks in place; the ICV is the encryption of the block of `number`. Without `cached-keys` a call
    /// of its own, so that its key schedule and that of the MAC are not on the stack together.
    #[cfg_attr(not(feature = "cached-keys"), inline(never))]
    fn encrypt(&self, number: Number, blocks: &mut [Block]) {
        let mut icv = number.block();
        #[cfg(feature = "cached-keys")]
        let cipher = &self.cipher;
        #[cfg(not(feature = "cached-keys"))]
        let cipher = &Encryptor::new(&self.key);
        cipher.encrypt(&mut icv);
        cipher.cbc_encrypt(icv, blocks);
    }

    /// Decrypts whole blocks in place; the ICV is the encryption of the block of `number`.
    #[cfg_attr(not(feature = "cached-keys"), inline(never))]
    fn decrypt(&self, number: Number, blocks: &mut [Block]) {
        let mut icv = number.block();
        #[cfg(feature = "cached-keys")]
        let cipher = &self.cipher;
        #[cfg(not(feature = "cached-keys"))]
        let cipher = &Cipher::new(&self.key);
        cipher.encrypt(&mut icv);
        cipher.cbc_decrypt(icv, blocks);
    }
}

/// S-MAC or S-RMAC, with its subkeys where keys are cached.
pub(crate) struct MacKey {
    key: Key,
    #[cfg(feature = "cached-keys")]
    cached: (Encryptor, Subkeys),
}

impl MacKey {
    #[inline(always)]
    pub(crate) fn new(key: Key) -> Self {
        Self {
            #[cfg(feature = "cached-keys")]
            cached: {
                let cipher = Encryptor::new(&key);
                let subkeys = Subkeys::new(&cipher);
                (cipher, subkeys)
            },
            key,
        }
    }

    pub(crate) const fn key(&self) -> &Key {
        &self.key
    }
}

impl MacKey {
    /// AES-CMAC over each of several short messages, the result in the place beside it.
    pub(crate) fn cmac_each(&self, messages: &[&[u8]], macs: &mut [Block]) {
        #[cfg(feature = "cached-keys")]
        cmac_each(&self.cached.0, Some(&self.cached.1), messages, macs);
        #[cfg(not(feature = "cached-keys"))]
        cmac_each(&Encryptor::new(&self.key), None, messages, macs);
    }
}

macro_rules! redacted {
    ($($name:ident),+) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.key.fmt(f)
            }
        })+
    };
}
redacted!(CipherKey, MacKey);

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

    /// CLA' INS P1 P2 Lc', the octets of Lc 1 or 3. `None` for another number of them.
    #[inline]
    pub(crate) fn command([cla, ins, p1, p2]: [u8; 4], lc: &[u8]) -> Option<Self> {
        let (octets, bits) = match *lc {
            [n] => ([cla, ins, p1, p2, n, 0, 0, 0], 40),
            [zero, high, low] => ([cla, ins, p1, p2, zero, high, low, 0], 56),
            _ => return None,
        };
        Some(Self { value: u64::from_le_bytes(octets), bits })
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
        let first = if self.response { 0x80_u128.wrapping_shl(120) } else { 0 };
        (first | u128::from(self.counter)).to_be_bytes()
    }
}

/// What stands behind the body: nothing, or the status word of a response. With the head these are 2 to 7 octets.
pub(crate) type Suffix = Option<[u8; 2]>;

/// Encrypts `body` in place when a key and a number are given (`body` is whole blocks then), and answers
/// `CMAC(mac, chaining | head | body as it now stands | suffix)`.
pub(crate) fn seal(
    enc: Option<(&CipherKey, Number)>,
    mac: &MacKey,
    chaining: &Block,
    head: Head,
    body: &mut [u8],
    suffix: Suffix,
) -> Block {
    let Some((key, number)) = enc else { return tag(mac, chaining, head, body, suffix) };
    let blocks = body.as_chunks_mut().0;
    #[cfg(feature = "cached-keys")]
    {
        let mut computed = [0; 16];
        let (cipher, subkeys) = &mac.cached;
        let message =
            fused::Sealing { number, chaining, head, body: &mut *blocks, suffix, subkeys, mac: &mut computed };
        if fused::seal(&key.cipher, cipher, message) {
            return computed;
        }
    }
    key.encrypt(number, blocks);
    tag(mac, chaining, head, body, suffix)
}

/// What [`seal`] is given for one of several commands.
pub(crate) struct Job<'a> {
    pub(crate) enc: Option<(&'a CipherKey, Number)>,
    pub(crate) mac: &'a MacKey,
    pub(crate) chaining: &'a Block,
    pub(crate) head: Head,
    pub(crate) body: &'a mut [u8],
}

/// [`seal`] for a command of each of several sessions, side by side where they are alike.
pub(crate) fn seal_each<const N: usize>(jobs: [Option<Job<'_>>; N], macs: &mut [Block; N]) {
    #[cfg(feature = "cached-keys")]
    if jobs.iter().all(|job| job.as_ref().is_some_and(|job| job.enc.is_some())) {
        let mut macs = macs.iter_mut();
        let lanes = jobs.map(|job| {
            let Some(Job { enc: Some((key, number)), mac, chaining, head, body }) = job else { return None };
            let body = body.as_chunks_mut().0;
            let (cipher, subkeys) = &mac.cached;
            let message = fused::Sealing { number, chaining, head, body, suffix: None, subkeys, mac: macs.next()? };
            Some(lanes::Job { enc: &key.cipher, mac: cipher, message })
        });
        if let Err(jobs) = lanes::seal_each(lanes) {
            for job in jobs.into_iter().flatten() {
                // Both keys of a session are of one length.
                fused::seal(job.enc, job.mac, job.message);
            }
        }
        return;
    }
    for (job, mac) in jobs.into_iter().zip(macs) {
        if let Some(job) = job {
            *mac = seal(job.enc, job.mac, job.chaining, job.head, job.body, None);
        }
    }
}

/// `CMAC(mac, chaining | head | body | suffix)`: what a receiver computes before it touches the body.
pub(crate) fn tag(mac: &MacKey, chaining: &Block, head: Head, body: &[u8], suffix: Suffix) -> Block {
    #[cfg(feature = "cached-keys")]
    {
        let mut computed = [0; 16];
        let (cipher, subkeys) = &mac.cached;
        fused::tag(cipher, fused::Tagging { chaining, head, body, suffix, subkeys, mac: &mut computed });
        computed
    }
    #[cfg(not(feature = "cached-keys"))]
    {
        let octets = head.value.to_le_bytes();
        let length = usize::try_from(head.bits / 8).unwrap_or(0);
        let head = octets.get(..length).unwrap_or_default();
        mac.key.mac(&[chaining, head, body, suffix.as_slice().as_flattened()])
    }
}

/// Decrypts a response body of whole blocks in place and answers the R-MAC over it as it was, `CMAC(mac, chaining | body
/// | suffix)`: both at once. Whoever calls this holds plaintext that nobody has vouched for, until the MAC is compared.
pub(crate) fn open_unverified(
    enc: (&CipherKey, Number),
    mac: &MacKey,
    chaining: &Block,
    body: &mut [u8],
    suffix: [u8; 2],
) -> Block {
    let (key, number) = enc;
    #[cfg(feature = "cached-keys")]
    {
        let mut computed = [0; 16];
        let (cipher, subkeys) = &mac.cached;
        let mut icv = number.block();
        key.cipher.encrypt(&mut icv);
        let blocks = body.as_chunks_mut().0;
        let message = fused::Opening { chaining, icv, body: blocks, suffix, subkeys, mac: &mut computed };
        if fused::open(&key.cipher, cipher, message) {
            return computed;
        }
    }
    let computed = tag(mac, chaining, Head::NONE, body, Some(suffix));
    open(key, number, body);
    computed
}

/// Decrypts `body`, a multiple of 16 octets, in place. Only after its MAC held.
pub(crate) fn open(key: &CipherKey, number: Number, body: &mut [u8]) {
    key.decrypt(number, body.as_chunks_mut().0);
}

#[cfg(test)]
mod tests;
