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

/// Octets in front of the body: at most 7, as a little-endian number, and how many bits they are.
#[derive(Clone, Copy)]
pub(super) struct Head {
    value: u64,
    bits: u32,
}

impl Head {
    /// `None` for more than 7 octets.
    pub(super) fn new(octets: &[u8]) -> Option<Self> {
        let mut value = [0; 8];
        value.get_mut(..octets.len()).filter(|_| octets.len() < 8)?.copy_from_slice(octets);
        let bits = u32::try_from(octets.len()).ok()?.wrapping_mul(8);
        Some(Self { value: u64::from_le_bytes(value), bits })
    }
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
    fn push(&mut self, block: u128) -> u128 {
        let shifted = block.wrapping_shl(self.bits) | u128::from(self.carry);
        let [.., a, b, c, d, e, f, g, h] = block.to_le_bytes();
        let high = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        // Two shifts, since one by 64 would be none.
        self.carry = high.wrapping_shr(1).wrapping_shr(63_u32.wrapping_sub(self.bits));
        shifted
    }
}

/// A message to be encrypted and authenticated.
pub(super) struct Sealing<'a> {
    pub(super) counter_block: &'a Block,
    pub(super) chaining: &'a Block,
    pub(super) head: Head,
    /// Whole blocks, padded.
    pub(super) body: &'a mut [Block],
    /// At most 2 octets behind the body. Head and suffix together are at least one octet, so that the last MAC block is
    /// never full.
    pub(super) suffix: &'a [u8],
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
        let mut previous = encrypt(enc, u128::from_le_bytes(*message.counter_block));
        let mut state = encrypt(mac, u128::from_le_bytes(*message.chaining));
        let mut shifter = Shifter::new(message.head);
        let mut blocks = message.body.iter_mut();
        if let Some(first) = blocks.next() {
            previous = encrypt(enc, u128::from_le_bytes(*first) ^ previous);
            *first = previous.to_le_bytes();
            for block in blocks {
                // Independent of each other: the MAC is a block behind.
                let next = encrypt(enc, u128::from_le_bytes(*block) ^ previous);
                state = encrypt(mac, state ^ shifter.push(previous));
                *block = next.to_le_bytes();
                previous = next;
            }
            state = encrypt(mac, state ^ shifter.push(previous));
        }
        let last = padded(shifter, message.suffix);
        state = encrypt(mac, state ^ last ^ u128::from_le_bytes(*message.subkeys.padded()));
        *message.mac = state.to_le_bytes();
    }
}

/// The last MAC block: what is left, the suffix, and the padding of CMAC.
#[inline(always)]
fn padded(shifter: Shifter, suffix: &[u8]) -> u128 {
    let mut last = u128::from(shifter.carry);
    let mut bits = shifter.bits;
    for octet in suffix {
        last |= u128::from(*octet).wrapping_shl(bits);
        bits = bits.wrapping_add(8);
    }
    last | 0x80_u128.wrapping_shl(bits)
}

#[inline(always)]
fn encrypt<B: BlockCipherEncBackend<BlockSize = U16>>(backend: &B, block: u128) -> u128 {
    let mut block = block.to_le_bytes().into();
    backend.encrypt_block_inplace(&mut block);
    u128::from_le_bytes(block.into())
}

/// A message to be authenticated as it is.
pub(super) struct Tagging<'a> {
    pub(super) chaining: &'a Block,
    pub(super) head: Head,
    pub(super) body: &'a [u8],
    /// As in [`Sealing`].
    pub(super) suffix: &'a [u8],
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
        let mut state = encrypt(mac, u128::from_le_bytes(*self.chaining));
        let mut shifter = Shifter::new(self.head);
        let (blocks, rest) = self.body.as_chunks::<16>();
        for block in blocks {
            state = encrypt(mac, state ^ shifter.push(u128::from_le_bytes(*block)));
        }
        // What is left, the rest of the body and the suffix: at most 7 + 15 + 2 octets, so one or two blocks.
        let mut tail = [[0; 16]; 2];
        let left = shifter.carry.to_le_bytes();
        let head_octets = usize::try_from(shifter.bits / 8).unwrap_or(0);
        let octets = left.iter().take(head_octets).chain(rest).chain(self.suffix);
        let mut length = 0_usize;
        for (to, from) in tail.as_flattened_mut().iter_mut().zip(octets) {
            *to = *from;
            length = length.saturating_add(1);
        }
        let [first, second] = tail;
        let (full, mut last, filled) =
            if length > 16 { (Some(first), second, length.saturating_sub(16)) } else { (None, first, length) };
        if let Some(block) = full {
            state = encrypt(mac, state ^ u128::from_le_bytes(block));
        }
        let mask = match last.get_mut(filled) {
            Some(octet) => {
                *octet = 0x80;
                self.subkeys.padded()
            }
            None => self.subkeys.full(),
        };
        state = encrypt(mac, state ^ u128::from_le_bytes(last) ^ u128::from_le_bytes(*mask));
        *self.mac = state.to_le_bytes();
    }
}
