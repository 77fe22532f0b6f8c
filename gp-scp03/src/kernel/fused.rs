//! One region for a whole message: CBC encryption of the next block and CMAC of the last one side by side.
//!
//! ```text
//!  S-ENC    E(p1 ^ icv)   E(p2 ^ c1)   E(p3 ^ c2)    ...               E(counter + 1)
//!  S-MAC    E(chaining)   E(x ^ m1)    E(x ^ m2)     ...  E(x ^ mn)    E(x ^ last ^ K2)
//!                         ^ both of a column are independent: the processor overlaps them
//!
//!  The ICV of a command was made beside the end of the one before; where it was not, E(counter) comes first.
//!
//!  MAC blocks are the cipher blocks behind a header of 0, 5 or 7 octets:
//!  m1 = header | c1[..16-h]     m2 = c1[16-h..] | c2[..16-h]     ...
//! ```
//!
//! Both chains wait for the latency of AES, one block after the other. Done in turn they take twice as long as they must;
//! done in one function whose features the processor has, as the backend closures of `aes` give it, they cost one. All
//! values stay in registers: a block that is written in halves and read as a whole stalls.

use aes::cipher::consts::U16;
use aes::cipher::{
    BlockCipherDecBackend, BlockCipherDecClosure, BlockCipherDecrypt, BlockCipherEncBackend, BlockCipherEncClosure,
    BlockCipherEncrypt, BlockSizeUser,
};

use crate::cipher::{Block, Cipher, Encryptor};
use crate::cmac::Subkeys;
use crate::kernel::{Ahead, Head, Number, Suffix};

/// A block as two little-endian words: the compiler keeps it in one vector register, where it takes sixteen octets
/// apart and moves a `u128` to general registers and back, for eight cycles a block.
pub(super) type Words = [u64; 2];

#[inline(always)]
pub(super) fn words(block: Block) -> Words {
    let value = u128::from_le_bytes(block);
    [value, value.wrapping_shr(64)].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0))
}

#[inline(always)]
pub(super) fn octets([low, high]: Words) -> Block {
    (u128::from(low) | u128::from(high).wrapping_shl(64)).to_le_bytes()
}

#[inline(always)]
pub(super) fn xor([a, b]: Words, [c, d]: Words) -> Words {
    [a ^ c, b ^ d]
}

/// The last `N` octets of `before`, then the first of `after`. `N` is known where it runs: a shift by a number of the
/// program costs no more than that.
#[inline(always)]
pub(super) fn join<const N: usize>(before: Words, after: Words) -> Words {
    let (before, after) = (octets(before), octets(after));
    words(core::array::from_fn(|i| {
        let (from, at) =
            if i < N { (&before, i.wrapping_add(16).wrapping_sub(N)) } else { (&after, i.wrapping_sub(N)) };
        from.get(at).copied().unwrap_or(0)
    }))
}

/// The header as the end of a block before the first one.
#[inline(always)]
pub(super) fn front(head: u64, bits: u32) -> Words {
    [0, head.wrapping_shl(64_u32.wrapping_sub(bits))]
}

/// The suffix and the padding of CMAC, the start of a block behind the last one.
#[inline(always)]
pub(super) fn back(suffix: Suffix) -> u64 {
    match suffix {
        None => 0x80,
        Some([a, b]) => u32::from_le_bytes([a, b, 0x80, 0]).into(),
    }
}

#[inline(always)]
fn encrypt<B: BlockCipherEncBackend<BlockSize = U16>>(backend: &B, block: Words) -> Words {
    let mut block = octets(block).into();
    backend.encrypt_block_inplace(&mut block);
    words(block.into())
}

#[inline(always)]
fn decrypt<B: BlockCipherDecBackend<BlockSize = U16>>(backend: &B, block: Words) -> Words {
    let mut block = octets(block).into();
    backend.decrypt_block_inplace(&mut block);
    words(block.into())
}

/// A message to be encrypted and authenticated. Head and suffix together are 2 to 7 octets, so that the last MAC block
/// is never full.
///
/// Of numbers alone, each as wide as it is read, and passed by reference: an octet that is read as part of a word, or a
/// struct that is copied as a whole, waits until the writes have left the processor, and with it the message before.
pub(super) struct Sealing<'a> {
    /// The block that becomes the ICV: its first octet and its last four.
    first: u64,
    counter: u32,
    /// `icv` is there.
    ready: bool,
    /// Make the ICV of the next number, too.
    ahead: bool,
    head_bits: u32,
    head: u64,
    /// What [`back`] answers.
    behind: u64,
    pub(super) chaining: &'a Block,
    pub(super) subkeys: &'a Subkeys,
    /// Whole blocks, padded.
    pub(super) body: &'a mut [Block],
    /// The ICV, and then that of the next number.
    pub(super) icv: Block,
    /// The result.
    pub(super) mac: Block,
}

impl<'a> Sealing<'a> {
    #[inline(always)]
    pub(super) fn new(
        number: Number,
        chaining: &'a Block,
        head: Head,
        body: &'a mut [Block],
        suffix: Suffix,
        subkeys: &'a Subkeys,
        ahead: Option<&Ahead>,
    ) -> Self {
        Self {
            first: number.first().into(),
            counter: number.counter,
            ready: ahead.is_some_and(|ahead| ahead.number == number.counter),
            ahead: ahead.is_some(),
            head_bits: head.bits,
            head: head.value,
            behind: back(suffix),
            chaining,
            subkeys,
            body,
            icv: ahead.map_or([0; 16], |ahead| ahead.icv),
            mac: [0; 16],
        }
    }

    #[inline(always)]
    fn front(&self) -> Words {
        front(self.head, self.head_bits)
    }
}

/// The block that becomes the ICV.
#[inline(always)]
fn icv_block(first: u64, counter: u32) -> Words {
    [first, u64::from(counter.swap_bytes()).wrapping_shl(32)]
}

/// Encrypts and authenticates in one region. `false`: the keys are of different lengths, or an
/// engine's, nothing was done.
#[inline(always)]
pub(super) fn seal(enc: &Cipher, mac: &Encryptor, message: &mut Sealing<'_>) -> bool {
    match (enc, mac) {
        (Cipher::Aes128(enc), Encryptor::Aes128(mac)) => enc.encrypt_with_backend(Outer { mac, message }),
        #[cfg(feature = "aes-192")]
        (Cipher::Aes192(enc), Encryptor::Aes192(mac)) => enc.encrypt_with_backend(Outer { mac, message }),
        #[cfg(feature = "aes-256")]
        (Cipher::Aes256(enc), Encryptor::Aes256(mac)) => enc.encrypt_with_backend(Outer { mac, message }),
        _ => return false,
    }
    true
}

struct Outer<'m, M, T> {
    mac: &'m M,
    message: &'m mut T,
}

impl<M, T> BlockSizeUser for Outer<'_, M, T> {
    type BlockSize = U16;
}

impl<M: BlockCipherEncrypt<BlockSize = U16>> BlockCipherEncClosure for Outer<'_, M, Sealing<'_>> {
    #[inline(always)]
    fn call<E: BlockCipherEncBackend<BlockSize = U16>>(self, enc: &E) {
        self.mac.encrypt_with_backend(Inner { enc, message: self.message });
    }
}

struct Inner<'e, E, T> {
    enc: &'e E,
    message: &'e mut T,
}

impl<E, T> BlockSizeUser for Inner<'_, E, T> {
    type BlockSize = U16;
}

impl<E: BlockCipherEncBackend<BlockSize = U16>> BlockCipherEncClosure for Inner<'_, E, Sealing<'_>> {
    #[inline(always)]
    fn call<M: BlockCipherEncBackend<BlockSize = U16>>(self, mac: &M) {
        match self.message.head_bits {
            0 => self.message.seal::<0, E, M>(self.enc, mac),
            40 => self.message.seal::<5, E, M>(self.enc, mac),
            _ => self.message.seal::<7, E, M>(self.enc, mac),
        }
    }
}

impl Sealing<'_> {
    #[inline(always)]
    fn seal<const N: usize, E, M>(&mut self, enc: &E, mac: &M)
    where
        E: BlockCipherEncBackend<BlockSize = U16>,
        M: BlockCipherEncBackend<BlockSize = U16>,
    {
        let mut before = self.front();
        let mut state;
        if let Some((first, blocks)) = self.body.split_first_mut() {
            let icv = if self.ready { words(self.icv) } else { encrypt(enc, icv_block(self.first, self.counter)) };
            let mut previous = encrypt(enc, xor(words(*first), icv));
            state = encrypt(mac, words(*self.chaining));
            *first = octets(previous);
            let mut step = |block: &mut Block| {
                // Independent of each other: the MAC is a block behind.
                let next = encrypt(enc, xor(words(*block), previous));
                state = encrypt(mac, xor(state, join::<N>(before, previous)));
                *block = octets(next);
                before = previous;
                previous = next;
            };
            // In pairs: what comes from the turn before is mixed with the round key last, a cycle later than what does not.
            let (pairs, rest) = blocks.as_chunks_mut();
            for [one, two] in pairs {
                step(one);
                step(two);
            }
            rest.iter_mut().for_each(step);
            state = encrypt(mac, xor(state, join::<N>(before, previous)));
            before = previous;
        } else {
            state = encrypt(mac, words(*self.chaining));
        }
        if self.ahead {
            // Beside the last block of the MAC it costs no time; made at the start of the next message it costs a block's.
            self.icv = octets(encrypt(enc, icv_block(self.first, self.counter.wrapping_add(1))));
        }
        let last = xor(join::<N>(before, [self.behind, 0]), words(*self.subkeys.padded()));
        self.mac = octets(encrypt(mac, xor(state, last)));
    }
}

/// A response to be authenticated and decrypted at once.
pub(super) struct Opening<'a> {
    pub(super) chaining: &'a Block,
    pub(super) icv: Block,
    pub(super) body: &'a mut [Block],
    pub(super) suffix: [u8; 2],
    pub(super) subkeys: &'a Subkeys,
    /// The result.
    pub(super) mac: Block,
}

/// Authenticates and decrypts in one region: the MAC waits for itself, the decryption fills the gaps. `false`: the keys
/// are of different lengths, nothing was done.
#[inline(always)]
pub(super) fn open(enc: &Cipher, mac: &Encryptor, message: &mut Opening<'_>) -> bool {
    match (enc, mac) {
        (Cipher::Aes128(enc), Encryptor::Aes128(mac)) => enc.decrypt_with_backend(Outer { mac, message }),
        #[cfg(feature = "aes-192")]
        (Cipher::Aes192(enc), Encryptor::Aes192(mac)) => enc.decrypt_with_backend(Outer { mac, message }),
        #[cfg(feature = "aes-256")]
        (Cipher::Aes256(enc), Encryptor::Aes256(mac)) => enc.decrypt_with_backend(Outer { mac, message }),
        _ => return false,
    }
    true
}

impl<M: BlockCipherEncrypt<BlockSize = U16>> BlockCipherDecClosure for Outer<'_, M, Opening<'_>> {
    #[inline(always)]
    fn call<D: BlockCipherDecBackend<BlockSize = U16>>(self, dec: &D) {
        self.mac.encrypt_with_backend(Inner { enc: dec, message: self.message });
    }
}

impl<D: BlockCipherDecBackend<BlockSize = U16>> BlockCipherEncClosure for Inner<'_, D, Opening<'_>> {
    #[inline(always)]
    fn call<M: BlockCipherEncBackend<BlockSize = U16>>(self, mac: &M) {
        let Self { enc: dec, message } = self;
        let mut state = encrypt(mac, words(*message.chaining));
        let mut previous = words(message.icv);
        for block in &mut *message.body {
            let ciphertext = words(*block);
            state = encrypt(mac, xor(state, ciphertext));
            *block = octets(xor(decrypt(dec, ciphertext), previous));
            previous = ciphertext;
        }
        let last = xor([back(Some(message.suffix)), 0], words(*message.subkeys.padded()));
        message.mac = octets(encrypt(mac, xor(state, last)));
    }
}

/// A message to be authenticated as it is.
pub(super) struct Tagging<'a> {
    pub(super) chaining: &'a Block,
    pub(super) head: Head,
    pub(super) body: &'a [u8],
    pub(super) suffix: Suffix,
    pub(super) subkeys: &'a Subkeys,
    /// The result.
    pub(super) mac: Block,
}

/// Authenticates in one region. `false`: an engine does a block at a time, nothing was done.
#[inline(always)]
pub(super) fn tag(mac: &Encryptor, message: &mut Tagging<'_>) -> bool {
    match mac {
        Encryptor::Aes128(mac) => mac.encrypt_with_backend(message),
        #[cfg(feature = "aes-192")]
        Encryptor::Aes192(mac) => mac.encrypt_with_backend(message),
        #[cfg(feature = "aes-256")]
        Encryptor::Aes256(mac) => mac.encrypt_with_backend(message),
        Encryptor::External(_) => return false,
    }
    true
}

impl BlockSizeUser for &mut Tagging<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for &mut Tagging<'_> {
    #[inline(always)]
    fn call<M: BlockCipherEncBackend<BlockSize = U16>>(self, mac: &M) {
        match self.head.bits {
            0 => self.tag::<0, M>(mac),
            40 => self.tag::<5, M>(mac),
            _ => self.tag::<7, M>(mac),
        }
    }
}

impl Tagging<'_> {
    #[inline(always)]
    fn tag<const N: usize, M: BlockCipherEncBackend<BlockSize = U16>>(&mut self, mac: &M) {
        let mut state = encrypt(mac, words(*self.chaining));
        let mut before = front(self.head.value, self.head.bits);
        let (blocks, rest) = self.body.as_chunks::<16>();
        for block in blocks {
            let block = words(*block);
            state = encrypt(mac, xor(state, join::<N>(before, block)));
            before = block;
        }
        if rest.is_empty() {
            let last = xor(join::<N>(before, [back(self.suffix), 0]), words(*self.subkeys.padded()));
            self.mac = octets(encrypt(mac, xor(state, last)));
            return;
        }
        // What is left, the rest of the body and the suffix: at most 7 + 15 + 2 octets, so one or two blocks.
        let mut tail = [[0; 16]; 2];
        let left = octets(before);
        let pieces = left.iter().skip(16_usize.saturating_sub(N)).chain(rest);
        let mut length = 0_usize;
        for (to, from) in tail.as_flattened_mut().iter_mut().zip(pieces.chain(self.suffix.as_slice().as_flattened())) {
            *to = *from;
            length = length.saturating_add(1);
        }
        let [first, second] = tail;
        let (full, mut last, filled) =
            if length > 16 { (Some(first), second, length.saturating_sub(16)) } else { (None, first, length) };
        if let Some(block) = full {
            state = encrypt(mac, xor(state, words(block)));
        }
        let mask = match last.get_mut(filled) {
            Some(octet) => {
                *octet = 0x80;
                self.subkeys.padded()
            }
            None => self.subkeys.full(),
        };
        self.mac = octets(encrypt(mac, xor(state, xor(words(last), words(*mask)))));
    }
}
