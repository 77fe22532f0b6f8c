//! The limit: what the processor allows, with its AES instructions by hand.
//!
//! CBC and CMAC in one loop; every exclusive-or of a chain is folded into the last round of the block before, so that a
//! block costs ten dependent AES instructions and nothing else. A message of n blocks takes n + 3 of them: the ICV
//! beside the chaining value, n blocks, the MAC's block that ends with the last of them, the MAC's padded block.

use core::arch::x86_64::*;

/// One AES-128 session, host side, S8, C-MAC and C-DECRYPTION.
pub struct Raw {
    enc: [__m128i; 11],
    mac: [__m128i; 11],
    k2: __m128i,
    chaining: __m128i,
    counter: u32,
}

/// Nine rounds of several blocks in step.
macro_rules! rounds {
    ($($state:ident with $keys:expr),+) => {
        rounds!(@ 1 $($state $keys),+); rounds!(@ 2 $($state $keys),+); rounds!(@ 3 $($state $keys),+);
        rounds!(@ 4 $($state $keys),+); rounds!(@ 5 $($state $keys),+); rounds!(@ 6 $($state $keys),+);
        rounds!(@ 7 $($state $keys),+); rounds!(@ 8 $($state $keys),+); rounds!(@ 9 $($state $keys),+);
    };
    (@ $round:literal $($state:ident $keys:expr),+) => {
        $($state = _mm_aesenc_si128($state, $keys[$round]);)+
    };
}

impl Raw {
    /// A session with these keys, or `None` on a processor without AES instructions.
    pub fn new(enc: &[u8; 16], mac: &[u8; 16], chaining: [u8; 16]) -> Option<Self> {
        if !(is_x86_feature_detected!("aes") && is_x86_feature_detected!("sse4.1")) {
            return None;
        }
        // SAFETY: the features were just detected.
        Some(unsafe {
            let (enc, mac) = (expand(enc), expand(mac));
            let mut l = [0; 16];
            store(&mut l, encrypt(&mac, _mm_setzero_si128()));
            let double = |block: u128| (block << 1) ^ (0x87 & (block >> 127).wrapping_neg());
            let k2 = load(&double(double(u128::from_be_bytes(l))).to_be_bytes());
            Self { enc, mac, k2, chaining: load(&chaining), counter: 0 }
        })
    }

    /// Protects the command whose `data_len` octets of data lie in `buffer` behind the room for its header, in place.
    /// Answers how many octets it is then.
    pub fn wrap(&mut self, buffer: &mut [u8], data_len: usize) -> usize {
        let offset = super::data_offset(data_len);
        assert!(buffer.len() >= offset + data_len + 24);
        // SAFETY: `new` detected the features.
        unsafe {
            if offset == 5 { self.wrap_at::<5, 11>(buffer, data_len) } else { self.wrap_at::<7, 9>(buffer, data_len) }
        }
    }

    /// `H`: octets of the header; `SHIFT` = 16 - `H`.
    #[target_feature(enable = "aes,sse4.1")]
    fn wrap_at<const H: usize, const SHIFT: i32>(&mut self, buffer: &mut [u8], data_len: usize) -> usize {
        let padded = super::pad80(&mut buffer[H..], data_len);
        super::write_header(buffer, H, padded + 8);
        let mut front = [0; 16];
        front[16 - H..].copy_from_slice(&buffer[..H]);
        self.counter += 1;
        let (enc, mac) = (&self.enc, &self.mac);
        let (blocks, rest) = buffer[H..].as_chunks_mut::<16>();
        let blocks = &mut blocks[..padded / 16];

        let mut e = _mm_xor_si128(load(&u128::from(self.counter).to_be_bytes()), enc[0]);
        let mut m = _mm_xor_si128(self.chaining, mac[0]);
        let mut fold = _mm_xor_si128(load(&blocks[0]), enc[0]);
        rounds!(e with enc);
        e = _mm_aesenclast_si128(e, _mm_xor_si128(enc[10], fold));
        let mut previous = load(&front);
        for i in 0..blocks.len() {
            // What the state is whitened with in advance: the next plain block, or nothing behind the last one.
            fold = match blocks.get(i + 1) {
                Some(next) => _mm_xor_si128(load(next), enc[0]),
                None => _mm_setzero_si128(),
            };
            rounds!(e with enc, m with mac);
            e = _mm_aesenclast_si128(e, _mm_xor_si128(enc[10], fold));
            let ciphertext = _mm_xor_si128(e, fold);
            store(&mut blocks[i], ciphertext);
            let block = _mm_alignr_epi8::<SHIFT>(ciphertext, previous);
            m = _mm_aesenclast_si128(m, _mm_xor_si128(mac[10], _mm_xor_si128(block, mac[0])));
            previous = ciphertext;
        }
        rounds!(m with mac);
        let mut padding = [0; 16];
        padding[0] = 0x80;
        let last = _mm_xor_si128(_mm_alignr_epi8::<SHIFT>(load(&padding), previous), self.k2);
        m = _mm_aesenclast_si128(m, _mm_xor_si128(mac[10], _mm_xor_si128(last, mac[0])));
        rounds!(m with mac);
        m = _mm_aesenclast_si128(m, mac[10]);
        self.chaining = m;
        let mut tag = [0; 16];
        store(&mut tag, m);
        // The command is longer by whole blocks and the MAC; `rest` begins somewhere behind.
        let _ = rest;
        buffer[H + padded..H + padded + 8].copy_from_slice(&tag[..8]);
        H + padded + 8
    }

    /// The R-MAC chain alone over a response body of whole blocks and a status word: what no unwrapping can do without.
    pub fn r_mac(&self, body: &[u8], status: [u8; 2]) -> [u8; 16] {
        // SAFETY: `new` detected the features.
        unsafe { self.chain(body, status) }
    }

    #[target_feature(enable = "aes,sse4.1")]
    fn chain(&self, body: &[u8], status: [u8; 2]) -> [u8; 16] {
        let mac = &self.mac;
        let mut m = _mm_xor_si128(self.chaining, mac[0]);
        let key = _mm_xor_si128(mac[10], mac[0]);
        for block in body.as_chunks::<16>().0 {
            rounds!(m with mac);
            m = _mm_aesenclast_si128(m, _mm_xor_si128(key, load(block)));
        }
        let mut last = [0; 16];
        last[..2].copy_from_slice(&status);
        last[2] = 0x80;
        rounds!(m with mac);
        m = _mm_aesenclast_si128(m, _mm_xor_si128(key, _mm_xor_si128(load(&last), self.k2)));
        rounds!(m with mac);
        m = _mm_aesenclast_si128(m, mac[10]);
        let mut tag = [0; 16];
        store(&mut tag, m);
        tag
    }
}

/// Several sessions in step, for the rows about batches: four chains fill what one leaves idle.
pub fn wrap_four(sessions: &mut [Raw; 4], buffers: &mut [Vec<u8>], data_len: usize) {
    assert!(buffers.len() >= 4 && super::data_offset(data_len) == 5);
    // SAFETY: `Raw::new` detected the features.
    unsafe { wrap_lanes(sessions, buffers, data_len) }
}

#[target_feature(enable = "aes,sse4.1")]
fn wrap_lanes(sessions: &mut [Raw; 4], buffers: &mut [Vec<u8>], data_len: usize) {
    let mut padded = 0;
    let mut fronts = [[0; 16]; 4];
    for (buffer, front) in buffers.iter_mut().zip(&mut fronts) {
        padded = super::pad80(&mut buffer[5..], data_len);
        super::write_header(buffer, 5, padded + 8);
        front[11..].copy_from_slice(&buffer[..5]);
    }
    let zero = _mm_setzero_si128();
    let (mut e, mut m, mut previous) = ([zero; 4], [zero; 4], [zero; 4]);
    for lane in 0..4 {
        let session = &mut sessions[lane];
        session.counter += 1;
        e[lane] = _mm_xor_si128(load(&u128::from(session.counter).to_be_bytes()), session.enc[0]);
        m[lane] = _mm_xor_si128(session.chaining, session.mac[0]);
        previous[lane] = load(&fronts[lane]);
    }
    for round in 1..10 {
        for lane in 0..4 {
            e[lane] = _mm_aesenc_si128(e[lane], sessions[lane].enc[round]);
        }
    }
    for lane in 0..4 {
        e[lane] = _mm_aesenclast_si128(e[lane], sessions[lane].enc[10]);
    }
    for at in (5..5 + padded).step_by(16) {
        for lane in 0..4 {
            let plain = load(buffers[lane][at..].first_chunk().expect("a block"));
            e[lane] = _mm_xor_si128(e[lane], _mm_xor_si128(plain, sessions[lane].enc[0]));
        }
        for round in 1..10 {
            for lane in 0..4 {
                e[lane] = _mm_aesenc_si128(e[lane], sessions[lane].enc[round]);
                m[lane] = _mm_aesenc_si128(m[lane], sessions[lane].mac[round]);
            }
        }
        for lane in 0..4 {
            let session = &sessions[lane];
            e[lane] = _mm_aesenclast_si128(e[lane], session.enc[10]);
            store(buffers[lane][at..].first_chunk_mut().expect("a block"), e[lane]);
            let block = _mm_alignr_epi8::<11>(e[lane], previous[lane]);
            m[lane] = _mm_aesenclast_si128(m[lane], session.mac[10]);
            m[lane] = _mm_xor_si128(m[lane], _mm_xor_si128(block, session.mac[0]));
            previous[lane] = e[lane];
        }
    }
    let mut padding = [0; 16];
    padding[0] = 0x80;
    for _ in 0..2 {
        for round in 1..10 {
            for lane in 0..4 {
                m[lane] = _mm_aesenc_si128(m[lane], sessions[lane].mac[round]);
            }
        }
        for lane in 0..4 {
            let session = &sessions[lane];
            m[lane] = _mm_aesenclast_si128(m[lane], session.mac[10]);
            let last = _mm_xor_si128(_mm_alignr_epi8::<11>(load(&padding), previous[lane]), session.k2);
            // Used by the first of the two passes only.
            previous[lane] = m[lane];
            m[lane] = _mm_xor_si128(m[lane], _mm_xor_si128(last, session.mac[0]));
        }
    }
    for lane in 0..4 {
        sessions[lane].chaining = previous[lane];
        let mut tag = [0; 16];
        store(&mut tag, previous[lane]);
        buffers[lane][5 + padded..5 + padded + 8].copy_from_slice(&tag[..8]);
    }
}

#[inline]
#[target_feature(enable = "sse2")]
fn load(octets: &[u8; 16]) -> __m128i {
    // SAFETY: sixteen readable octets; the load needs no alignment.
    unsafe { _mm_loadu_si128(octets.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "sse2")]
fn store(octets: &mut [u8; 16], value: __m128i) {
    // SAFETY: sixteen writable octets; the store needs no alignment.
    unsafe { _mm_storeu_si128(octets.as_mut_ptr().cast(), value) }
}

#[target_feature(enable = "aes,sse4.1")]
fn encrypt(keys: &[__m128i; 11], block: __m128i) -> __m128i {
    let mut state = _mm_xor_si128(block, keys[0]);
    rounds!(state with keys);
    _mm_aesenclast_si128(state, keys[10])
}

#[target_feature(enable = "aes,sse4.1")]
fn expand(key: &[u8; 16]) -> [__m128i; 11] {
    let mut keys = [load(key); 11];
    macro_rules! round {
        ($($at:literal $constant:literal),+) => { $(
            let before = keys[$at - 1];
            let word = _mm_shuffle_epi32::<0xFF>(_mm_aeskeygenassist_si128::<$constant>(before));
            let mut next = _mm_xor_si128(before, _mm_slli_si128::<4>(before));
            next = _mm_xor_si128(next, _mm_slli_si128::<8>(next));
            keys[$at] = _mm_xor_si128(next, word);
        )+ };
    }
    round!(1 0x01, 2 0x02, 3 0x04, 4 0x08, 5 0x10, 6 0x20, 7 0x40, 8 0x80, 9 0x1B, 10 0x36);
    keys
}
