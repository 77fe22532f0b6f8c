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

use super::fused::{Sealing, Words, join, octets, words, xor};
use crate::cipher::{Block, Cipher, Encryptor};
use crate::cmac::Subkeys;

/// One message and its two ciphers.
pub(super) struct Job<'a> {
    pub(super) enc: &'a Cipher,
    pub(super) mac: &'a Encryptor,
    pub(super) message: Sealing<'a>,
}

/// Are lanes faster than one message after the other? Not in software; and not with the AES instructions of x86 alone: each
/// block asks there whether the processor has the vector instructions of AES, too, in a function that is not for them,
/// which keeps the lanes out of registers (eight take 1.1 to 1.4 times as long as in turn).
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
/// every message is of at least one block. `false`: they are not, nothing was done.
pub(super) fn seal_each<const N: usize>(jobs: &mut [Option<Job<'_>>; N]) -> bool {
    let Some(Some(first)) = jobs.first() else { return false };
    let enc = first.enc;
    let head = first.message.head_bits;
    let alike = |job: &Job<'_>| {
        let lengths = match (enc, job.enc, job.mac) {
            (Cipher::Aes128(_), Cipher::Aes128(_), Encryptor::Aes128(_)) => true,
            #[cfg(feature = "aes-192")]
            (Cipher::Aes192(_), Cipher::Aes192(_), Encryptor::Aes192(_)) => true,
            #[cfg(feature = "aes-256")]
            (Cipher::Aes256(_), Cipher::Aes256(_), Encryptor::Aes256(_)) => true,
            _ => false,
        };
        lengths && job.message.head_bits == head && !job.message.body.is_empty()
    };
    if !jobs.iter().all(|job| job.as_ref().is_some_and(alike)) {
        return false;
    }
    macro_rules! run {
        ($($(#[$with:meta])? $size:ident),+) => {
            match enc {
                $($(#[$with])? Cipher::$size(region) => {
                    let lanes = jobs.each_mut().map(|job| match job {
                        Some(Job { enc: Cipher::$size(enc), mac: Encryptor::$size(mac), message }) => {
                            Some(Lane::new(enc, mac, message))
                        }
                        // All are alike.
                        _ => None,
                    });
                    region.encrypt_with_backend(Lanes { lanes, head });
                })+
                Cipher::External(_) => return false,
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
    true
}

struct Lane<'a, E, M> {
    enc: &'a E,
    mac: &'a M,
    icv: Words,
    chaining: Words,
    before: Words,
    behind: Words,
    subkeys: &'a Subkeys,
    body: core::slice::IterMut<'a, Block>,
    out: &'a mut Block,
    /// The last cipher block, and the MAC so far.
    previous: Words,
    state: Words,
}

impl<'a, E: BlockCipherEncrypt<BlockSize = U16>, M: BlockCipherEncrypt<BlockSize = U16>> Lane<'a, E, M> {
    fn new(enc: &'a E, mac: &'a M, message: &'a mut Sealing<'_>) -> Self {
        Self {
            enc,
            mac,
            icv: message.icv_block(),
            chaining: words(*message.chaining),
            before: message.front(),
            behind: [message.behind, 0],
            subkeys: message.subkeys,
            body: message.body.iter_mut(),
            out: &mut message.mac,
            previous: words([0; 16]),
            state: words([0; 16]),
        }
    }

    #[inline(always)]
    fn begin(&mut self) {
        self.previous = encrypt(self.enc, self.icv);
        self.state = encrypt(self.mac, self.chaining);
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
    fn end<const H: usize>(&mut self) {
        let last = xor(join::<H>(self.previous, self.behind), words(*self.subkeys.padded()));
        *self.out = octets(encrypt(self.mac, xor(self.state, last)));
    }
}

#[inline(always)]
fn encrypt<C: BlockCipherEncrypt<BlockSize = U16>>(cipher: &C, block: Words) -> Words {
    let mut block = octets(block).into();
    cipher.encrypt_block(&mut block);
    words(block.into())
}

struct Lanes<'a, E, M, const N: usize> {
    lanes: [Option<Lane<'a, E, M>>; N],
    head: u32,
}

impl<E, M, const N: usize> BlockSizeUser for Lanes<'_, E, M, N> {
    type BlockSize = U16;
}

impl<E, M, const N: usize> BlockCipherEncClosure for Lanes<'_, E, M, N>
where
    E: BlockCipherEncrypt<BlockSize = U16>,
    M: BlockCipherEncrypt<BlockSize = U16>,
{
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(mut self, _: &B) {
        match self.head {
            0 => self.run::<0>(),
            40 => self.run::<5>(),
            _ => self.run::<7>(),
        }
    }
}

impl<E, M, const N: usize> Lanes<'_, E, M, N>
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
        each!(lane => lane.end::<H>());
    }
}
