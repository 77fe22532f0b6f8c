//! The `cbc` and `cmac` crates as one would use them, keys expanded once.

use aes::{Aes128, Aes128Enc};
use cbc::cipher::{BlockCipherEncrypt, BlockModeEncrypt, InnerIvInit, KeyInit};
use cmac::{Cmac, Mac};

/// One AES-128 session, host side, S8, C-MAC and C-DECRYPTION.
pub struct Crates {
    enc: Aes128Enc,
    mac: Cmac<Aes128>,
    chaining: [u8; 16],
    counter: u32,
}

impl Crates {
    /// A session with these keys.
    pub fn new(enc: &[u8; 16], mac: &[u8; 16], chaining: [u8; 16]) -> Self {
        Self { enc: Aes128Enc::new(enc.into()), mac: <Cmac<Aes128> as KeyInit>::new(mac.into()), chaining, counter: 0 }
    }

    /// As [`Raw::wrap`](super::raw::Raw::wrap).
    pub fn wrap(&mut self, buffer: &mut [u8], data_len: usize) -> usize {
        let offset = super::data_offset(data_len);
        let padded = super::pad80(&mut buffer[offset..], data_len);
        super::write_header(buffer, offset, padded + 8);
        self.counter += 1;
        let mut icv = aes::Block::from(u128::from(self.counter).to_be_bytes());
        self.enc.encrypt_block(&mut icv);
        let body = &mut buffer[offset..offset + padded];
        let mut cbc = cbc::Encryptor::inner_iv_init(&self.enc, &icv);
        cbc.encrypt_blocks(aes::Block::cast_slice_from_core_mut(body.as_chunks_mut().0));
        self.mac.update(&self.chaining);
        self.mac.update(&buffer[..offset + padded]);
        self.chaining = self.mac.finalize_reset().into_bytes().into();
        buffer[offset + padded..][..8].copy_from_slice(&self.chaining[..8]);
        offset + padded + 8
    }
}

/// Six plain CMACs as the derivations of a handshake take them, with the `cmac` crate: S-ENC, S-MAC, S-RMAC, both
/// cryptograms, and the C-MAC of EXTERNAL AUTHENTICATE. Each expands its key. Answers the octets of EXTERNAL
/// AUTHENTICATE behind its header.
pub fn establish(enc: &[u8; 16], mac: &[u8; 16], host: &[u8; 8], card: &[u8; 8]) -> ([[u8; 16]; 3], [u8; 16]) {
    let derive = |key: &[u8; 16], constant: u8, bits: u8| -> [u8; 16] {
        let mut block = [0; 32];
        block[11] = constant;
        block[14] = bits;
        block[15] = 1;
        block[16..24].copy_from_slice(host);
        block[24..].copy_from_slice(card);
        let mut prf = <Cmac<Aes128> as KeyInit>::new(key.into());
        prf.update(&block);
        prf.finalize().into_bytes().into()
    };
    let s_enc = derive(enc, 0x04, 0x80);
    let s_mac = derive(mac, 0x06, 0x80);
    let s_rmac = derive(mac, 0x07, 0x80);
    let card_cryptogram = derive(&s_mac, 0x00, 0x40);
    let host_cryptogram = derive(&s_mac, 0x01, 0x40);
    std::hint::black_box(card_cryptogram);
    let mut command = [0; 29];
    command[16..21].copy_from_slice(&[0x84, 0x82, 0x33, 0x00, 0x10]);
    command[21..].copy_from_slice(&host_cryptogram[..8]);
    let mut prf = <Cmac<Aes128> as KeyInit>::new((&s_mac).into());
    prf.update(&command);
    let tag: [u8; 16] = prf.finalize().into_bytes().into();
    let mut out = [0; 16];
    out[..8].copy_from_slice(&host_cryptogram[..8]);
    out[8..].copy_from_slice(&tag[..8]);
    ([s_enc, s_mac, s_rmac], out)
}
