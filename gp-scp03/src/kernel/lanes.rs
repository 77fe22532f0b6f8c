//! Several messages of independent sessions side by side: where one chain waits for itself, the others go on.
//!
//! ```text
//!  session 0   E(p1 ^ icv) M(..)             E(p2 ^ c1) M(..)
//!  session 1               E(p1 ^ icv) M(..)             E(p2 ^ c1) M(..)
//!  ...                                 ...
//! ```
//!
//! All of it is one region, entered through the first session's cipher for nothing but the processor's features: inside,
//! each cipher's own single-block function is inlined and keeps no register of another's.

use aes::cipher::consts::U16;
use aes::cipher::typenum::Unsigned;
use aes::cipher::{BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser};

use super::fused::{Words, back, front, join, octets, words, xor};
use super::{Job, MacKey};
use crate::cipher::{Block, Cipher, Encryptor};
use crate::cmac::Subkeys;

/// Are lanes faster than one message after the other? Not in software; and not with the AES instructions of x86 alone: each
/// block asks there whether the processor has the vector instructions of AES, too, in a function that is not for them,
/// which keeps the lanes out of registers (eight take 1.1 to 1.4 times as long as in turn). On other processors with
/// AES instructions it is assumed, and not measured.
pub(super) fn pay(cipher: &Cipher) -> bool {
    let mut batch = 0;
    let probe = Probe { batch: &mut batch };
    match cipher {
        Cipher::Aes128(aes) => aes.encrypt_with_backend(probe),
        #[cfg(feature = "aes-192")]
        Cipher::Aes192(aes) => aes.encrypt_with_backend(probe),
        #[cfg(feature = "aes-256")]
        Cipher::Aes256(aes) => aes.encrypt_with_backend(probe),
        Cipher::External(_) => return false,
    }
    // What a backend encrypts at a time tells them apart: 4 in software, 8 with AES instructions, more with vectors.
    batch > if cfg!(any(target_arch = "x86", target_arch = "x86_64")) { 30 } else { 4 }
}

struct Probe<'a> {
    batch: &'a mut usize,
}

impl BlockSizeUser for Probe<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Probe<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, _: &B) {
        *self.batch = B::ParBlocksSize::USIZE;
    }
}

/// Encrypts and authenticates all messages in one region, when key lengths and header lengths are the same everywhere and
/// every message is to be encrypted and of at least one block. Otherwise nothing was done, and they come back.
pub(super) fn seal_each<'a, const N: usize>(
    jobs: [Option<Job<'a>>; N],
    macs: &mut [Block; N],
) -> Result<(), [Option<Job<'a>>; N]> {
    let Some(Some(Job { enc: Some((key, _)), head, .. })) = jobs.first() else { return Err(jobs) };
    let (region, bits) = (&key.0, head.bits);
    let alike = |job: &Job<'_>| {
        let lengths = match (region, job.enc.map(|(key, _)| &key.0), &job.mac.cipher) {
            (Cipher::Aes128(_), Some(Cipher::Aes128(_)), Encryptor::Aes128(_)) => true,
            #[cfg(feature = "aes-192")]
            (Cipher::Aes192(_), Some(Cipher::Aes192(_)), Encryptor::Aes192(_)) => true,
            #[cfg(feature = "aes-256")]
            (Cipher::Aes256(_), Some(Cipher::Aes256(_)), Encryptor::Aes256(_)) => true,
            _ => false,
        };
        lengths && job.head.bits == bits && !job.body.is_empty()
    };
    if !jobs.iter().all(|job| job.as_ref().is_some_and(alike)) {
        return Err(jobs);
    }
    macro_rules! run {
        ($($(#[$with:meta])? $size:ident),+) => {
            match region {
                $($(#[$with])? Cipher::$size(region) => {
                    let lanes = jobs.map(|job| {
                        let Job { enc: Some((key, number)), mac: MacKey { cipher, subkeys }, chaining, head, body } = job? else {
                            return None;
                        };
                        let (Cipher::$size(enc), Encryptor::$size(mac)) = (&key.0, cipher) else { return None };
                        let body = body.as_chunks_mut().0.iter_mut();
                        let (before, previous) = (front(head.value, bits), words(number.block()));
                        Some(Lane { enc, mac, subkeys, body, before, previous, state: words(*chaining) })
                    });
                    region.encrypt_with_backend(Lanes { lanes, bits, macs });
                })+
                // As the comparison says.
                Cipher::External(_) => return Err(jobs),
            }
        };
    }
    run!(
        Aes128,
        #[cfg(feature = "aes-192")]
        Aes192,
        #[cfg(feature = "aes-256")]
        Aes256
    );
    Ok(())
}

struct Lane<'a, E, M> {
    enc: &'a E,
    mac: &'a M,
    subkeys: &'a Subkeys,
    body: core::slice::IterMut<'a, Block>,
    /// The cipher block before the last one, at first the header.
    before: Words,
    /// The last cipher block, at first what becomes the ICV.
    previous: Words,
    /// The MAC so far, at first the chaining value.
    state: Words,
}

impl<E: BlockCipherEncrypt<BlockSize = U16>, M: BlockCipherEncrypt<BlockSize = U16>> Lane<'_, E, M> {
    #[inline(always)]
    fn begin(&mut self) {
        self.previous = encrypt(self.enc, self.previous);
        self.state = encrypt(self.mac, self.state);
    }

    /// The first block, which has no MAC block before it.
    #[inline(always)]
    fn first(&mut self) {
        if let Some(block) = self.body.next() {
            self.previous = encrypt(self.enc, xor(words(*block), self.previous));
            *block = octets(self.previous);
        }
    }

    /// The next block and the MAC of the one before. `false` at the end.
    #[inline(always)]
    fn step<const H: usize>(&mut self) -> bool {
        let Some(block) = self.body.next() else { return false };
        let next = encrypt(self.enc, xor(words(*block), self.previous));
        self.state = encrypt(self.mac, xor(self.state, join::<H>(self.before, self.previous)));
        *block = octets(next);
        self.before = self.previous;
        self.previous = next;
        true
    }

    #[inline(always)]
    fn catch_up<const H: usize>(&mut self) {
        self.state = encrypt(self.mac, xor(self.state, join::<H>(self.before, self.previous)));
    }

    #[inline(always)]
    fn end<const H: usize>(&mut self) -> Block {
        let last = xor(join::<H>(self.previous, [back(None), 0]), words(*self.subkeys.padded()));
        octets(encrypt(self.mac, xor(self.state, last)))
    }
}

#[inline(always)]
fn encrypt<C: BlockCipherEncrypt<BlockSize = U16>>(cipher: &C, block: Words) -> Words {
    let mut block = octets(block).into();
    cipher.encrypt_block(&mut block);
    words(block.into())
}

struct Lanes<'a, 'm, E, M, const N: usize> {
    lanes: [Option<Lane<'a, E, M>>; N],
    /// Of the header, the same for all.
    bits: u32,
    macs: &'m mut [Block; N],
}

impl<E, M, const N: usize> BlockSizeUser for Lanes<'_, '_, E, M, N> {
    type BlockSize = U16;
}

impl<E, M, const N: usize> BlockCipherEncClosure for Lanes<'_, '_, E, M, N>
where
    E: BlockCipherEncrypt<BlockSize = U16>,
    M: BlockCipherEncrypt<BlockSize = U16>,
{
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(mut self, _: &B) {
        match self.bits {
            0 => self.run::<0>(),
            40 => self.run::<5>(),
            _ => self.run::<7>(),
        }
    }
}

impl<E, M, const N: usize> Lanes<'_, '_, E, M, N>
where
    E: BlockCipherEncrypt<BlockSize = U16>,
    M: BlockCipherEncrypt<BlockSize = U16>,
{
    #[inline(always)]
    fn run<const H: usize>(&mut self) {
        // Plain loops: an iterator's closure may stay a function of its own, outside the region.
        macro_rules! each {
            ($lane:ident => $do:expr) => {
                for $lane in &mut self.lanes {
                    if let Some($lane) = $lane {
                        $do
                    }
                }
            };
        }
        each!(lane => lane.begin());
        each!(lane => lane.first());
        loop {
            // Lanes that are at their end wait for the longest.
            let mut moved = false;
            each!(lane => moved |= lane.step::<H>());
            if !moved {
                break;
            }
        }
        each!(lane => lane.catch_up::<H>());
        for (lane, mac) in self.lanes.iter_mut().zip(&mut *self.macs) {
            if let Some(lane) = lane {
                *mac = lane.end::<H>();
            }
        }
    }
}
