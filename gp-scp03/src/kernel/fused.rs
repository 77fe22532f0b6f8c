//! One region for a whole message: CBC encryption of the next block and CMAC of the last one side by side.
//!
//! ```text
//!  S-ENC    E(counter)   E(p1 ^ icv)   E(p2 ^ c1)   E(p3 ^ c2)    ...
//!  S-MAC    E(chaining)               E(x ^ m1)    E(x ^ m2)     ...   E(x ^ last ^ K2)
//!                                      ^ both of a column are independent: the processor overlaps them
//!
//!  MAC blocks are the cipher blocks behind a header of 0, 5 or 7 octets:
//!  m1 = header | c1[..16-h]     m2 = c1[16-h..] | c2[..16-h]     ...
//! ```
//!
//! Both chains wait for the latency of AES, one block after the other. Done in turn they take twice as long as they must;
//! done in one function whose features the processor has, as the backend closures of `aes` give it, they cost one. All
//! values stay in registers: a block that is written in halves and read as a whole stalls.

use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser};

use crate::cipher::{Block, Cipher, Encryptor};
use crate::cmac::Subkeys;
use crate::kernel::{Head, Suffix};

/// A block as two little-endian words: what the compiler keeps in one vector register, where it splits sixteen octets
/// or one `u128` over general ones.
type Words = [u64; 2];

#[inline(always)]
fn words(block: Block) -> Words {
    let value = u128::from_le_bytes(block);
    let [low, high] = [value, value.wrapping_shr(64)].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
    [low, high]
}

#[inline(always)]
fn octets([low, high]: Words) -> Block {
    (u128::from(low) | u128::from(high).wrapping_shl(64)).to_le_bytes()
}

#[inline(always)]
fn xor(a: Words, b: Words) -> Words {
    words((u128::from_le_bytes(octets(a)) ^ u128::from_le_bytes(octets(b))).to_le_bytes())
}

/// What is left of the MAC's input between two blocks: the octets of the last block that did not fit.
#[derive(Clone, Copy)]
struct Shifter {
    carry: u64,
    bits: u32,
}

impl Shifter {
    #[inline(always)]
    fn new(head: Head) -> Self {
        Self { carry: head.value, bits: head.bits & 63 }
    }

    /// The next MAC block from the next 16 octets of the body.
    #[inline(always)]
    fn push(&mut self, [low, high]: Words) -> Words {
        // Two shifts, since one by 64 would be none.
        let over = |word: u64| word.wrapping_shr(1).wrapping_shr(63_u32.wrapping_sub(self.bits));
        let shifted = [low.wrapping_shl(self.bits) | self.carry, high.wrapping_shl(self.bits) | over(low)];
        self.carry = over(high);
        shifted
    }

    /// The last MAC block: what is left, the suffix, and the padding of CMAC. It is never full: head and suffix
    /// together are 2 to 7 octets.
    #[inline(always)]
    fn finish(self, suffix: Suffix) -> Words {
        let behind = match suffix {
            None => 0x80,
            Some([a, b]) => u32::from_le_bytes([a, b, 0x80, 0]),
        };
        let last = u128::from(self.carry) | u128::from(behind).wrapping_shl(self.bits);
        words(last.to_le_bytes())
    }
}

/// A message to be encrypted and authenticated.
pub(super) struct Sealing<'a> {
    pub(super) counter_block: &'a Block,
    pub(super) chaining: &'a Block,
    pub(super) head: Head,
    /// Whole blocks, padded.
    pub(super) body: &'a mut [Block],
    pub(super) suffix: Suffix,
    pub(super) subkeys: &'a Subkeys,
    pub(super) mac: &'a mut Block,
}

/// Encrypts and authenticates in one region. `false`: the keys are of different lengths, nothing was done.
pub(super) fn seal(enc: &Cipher, mac: &Encryptor, message: Sealing<'_>) -> bool {
    match (enc, mac) {
        (Cipher::Aes128(enc), Encryptor::Aes128(mac)) => enc.encrypt_with_backend(Outer { mac, message }),
        (Cipher::Aes192(enc), Encryptor::Aes192(mac)) => enc.encrypt_with_backend(Outer { mac, message }),
        (Cipher::Aes256(enc), Encryptor::Aes256(mac)) => enc.encrypt_with_backend(Outer { mac, message }),
        _ => return false,
    }
    true
}

struct Outer<'m, 'a, M> {
    mac: &'m M,
    message: Sealing<'a>,
}

impl<M> BlockSizeUser for Outer<'_, '_, M> {
    type BlockSize = U16;
}

impl<M: BlockCipherEncrypt<BlockSize = U16>> BlockCipherEncClosure for Outer<'_, '_, M> {
    #[inline(always)]
    fn call<E: BlockCipherEncBackend<BlockSize = U16>>(self, enc: &E) {
        self.mac.encrypt_with_backend(Inner { enc, message: self.message });
    }
}

struct Inner<'e, 'a, E> {
    enc: &'e E,
    message: Sealing<'a>,
}

impl<E> BlockSizeUser for Inner<'_, '_, E> {
    type BlockSize = U16;
}

impl<E: BlockCipherEncBackend<BlockSize = U16>> BlockCipherEncClosure for Inner<'_, '_, E> {
    #[inline(always)]
    fn call<M: BlockCipherEncBackend<BlockSize = U16>>(self, mac: &M) {
        let Self { enc, message } = self;
        match message.head.bits {
            0 => both::<0, E, M>(enc, mac, message),
            40 => both::<5, E, M>(enc, mac, message),
            _ => both::<7, E, M>(enc, mac, message),
        }
    }
}

#[inline(always)]
fn join<const N: usize>(before: Words, after: Words) -> Words {
    let (before, after) = (octets(before), octets(after));
    words(core::array::from_fn(|i| {
        let (from, at) = if i < N { (&before, i.wrapping_add(16).wrapping_sub(N)) } else { (&after, i.wrapping_sub(N)) };
        from.get(at).copied().unwrap_or(0)
    }))
}

#[inline(always)]
fn both<const N: usize, E, M>(enc: &E, mac: &M, message: Sealing<'_>)
where
    E: BlockCipherEncBackend<BlockSize = U16>,
    M: BlockCipherEncBackend<BlockSize = U16>,
{
        let mut previous = encrypt(enc, words(*message.counter_block));
        let mut state = encrypt(mac, words(*message.chaining));
        let mut before = words(u128::from(message.head.value).wrapping_shl(128 - 8 * N as u32).to_le_bytes());
        if let Some((mut slot, blocks)) = message.body.split_first_mut() {
            let mut plain = words(*slot);
            let mut pending: Option<()> = None;
            let _ = pending.take();
            previous = encrypt(enc, xor(plain, previous));
            *slot = octets(previous);
            let mut blocks = blocks.iter_mut();
            if let Some(second) = blocks.next() {
                slot = second;
                plain = words(*slot);
                for block in blocks {
                    let upcoming = words(*block);
                    let next = encrypt(enc, xor(plain, previous));
                    state = encrypt(mac, xor(state, join::<N>(before, previous)));
                    *slot = octets(next);
                    slot = block;
                    plain = upcoming;
                    before = previous;
                    previous = next;
                }
                let next = encrypt(enc, xor(plain, previous));
                state = encrypt(mac, xor(state, join::<N>(before, previous)));
                *slot = octets(next);
                before = previous;
                previous = next;
            }
            state = encrypt(mac, xor(state, join::<N>(before, previous)));
            before = previous;
        }
        let behind = match message.suffix {
            None => 0x80,
            Some([a, b]) => u32::from_le_bytes([a, b, 0x80, 0]),
        };
        let last = xor(join::<N>(before, [u64::from(behind), 0]), words(*message.subkeys.padded()));
        *message.mac = octets(encrypt(mac, xor(state, last)));
}

#[inline(always)]
fn encrypt<B: BlockCipherEncBackend<BlockSize = U16>>(backend: &B, block: Words) -> Words {
    let mut block = octets(block).into();
    backend.encrypt_block_inplace(&mut block);
    words(block.into())
}

/// A message to be authenticated as it is.
pub(super) struct Tagging<'a> {
    pub(super) chaining: &'a Block,
    pub(super) head: Head,
    pub(super) body: &'a [u8],
    pub(super) suffix: Suffix,
    pub(super) subkeys: &'a Subkeys,
    pub(super) mac: &'a mut Block,
}

/// Authenticates in one region.
pub(super) fn tag(mac: &Encryptor, message: Tagging<'_>) {
    match mac {
        Encryptor::Aes128(mac) => mac.encrypt_with_backend(message),
        Encryptor::Aes192(mac) => mac.encrypt_with_backend(message),
        Encryptor::Aes256(mac) => mac.encrypt_with_backend(message),
    }
}

impl BlockSizeUser for Tagging<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Tagging<'_> {
    #[inline(always)]
    fn call<M: BlockCipherEncBackend<BlockSize = U16>>(self, mac: &M) {
        let mut state = encrypt(mac, words(*self.chaining));
        let mut shifter = Shifter::new(self.head);
        let (blocks, rest) = self.body.as_chunks::<16>();
        for block in blocks {
            state = encrypt(mac, xor(state, shifter.push(words(*block))));
        }
        // What is left, the rest of the body and the suffix: at most 7 + 15 + 2 octets, so one or two blocks.
        let mut tail = [[0; 16]; 2];
        let left = shifter.carry.to_le_bytes();
        let head_octets = usize::try_from(shifter.bits / 8).unwrap_or(0);
        let pieces = left.iter().take(head_octets).chain(rest).chain(self.suffix.as_slice().as_flattened());
        let mut length = 0_usize;
        for (to, from) in tail.as_flattened_mut().iter_mut().zip(pieces) {
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
        *self.mac = octets(encrypt(mac, xor(state, xor(words(last), words(*mask)))));
    }
}
