//! OpenSSL 3 at its best: contexts made once, keys set once, each message only begins anew.

use std::ffi::c_char;
use std::ptr;

use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl_sys as ffi;

unsafe extern "C" {
    /// Missing in `openssl-sys`.
    fn OSSL_PARAM_construct_utf8_string(key: *const c_char, buffer: *mut c_char, size: usize) -> ffi::OSSL_PARAM;
}

/// CMAC through `EVP_MAC`, for which the `openssl` crate has no wrapper.
struct EvpMac(*mut ffi::EVP_MAC_CTX);

impl EvpMac {
    fn new(key: &[u8; 16]) -> Self {
        // SAFETY: names and parameters are terminated as the functions ask, and live until they return; both pointers
        // are checked; the context holds its own reference to the method.
        unsafe {
            let mac = ffi::EVP_MAC_fetch(ptr::null_mut(), c"CMAC".as_ptr(), ptr::null());
            assert!(!mac.is_null());
            let context = ffi::EVP_MAC_CTX_new(mac);
            assert!(!context.is_null());
            ffi::EVP_MAC_free(mac);
            let mut name = *b"AES-128-CBC\0";
            let parameters = [
                OSSL_PARAM_construct_utf8_string(c"cipher".as_ptr(), name.as_mut_ptr().cast(), 0),
                ffi::OSSL_PARAM_construct_end(),
            ];
            assert_eq!(ffi::EVP_MAC_init(context, key.as_ptr(), key.len(), parameters.as_ptr()), 1);
            Self(context)
        }
    }

    fn mac(&mut self, parts: [&[u8]; 2]) -> [u8; 16] {
        let mut tag = [0; 16];
        let mut length = 0;
        // SAFETY: the context is alive; each pointer comes with the length of the slice it is of. No key: the old one.
        unsafe {
            assert_eq!(ffi::EVP_MAC_init(self.0, ptr::null(), 0, ptr::null()), 1);
            for part in parts {
                assert_eq!(ffi::EVP_MAC_update(self.0, part.as_ptr(), part.len()), 1);
            }
            assert_eq!(ffi::EVP_MAC_final(self.0, tag.as_mut_ptr(), &mut length, tag.len()), 1);
        }
        tag
    }
}

impl Drop for EvpMac {
    fn drop(&mut self) {
        // SAFETY: made by `EVP_MAC_CTX_new`, freed once.
        unsafe { ffi::EVP_MAC_CTX_free(self.0) }
    }
}

/// One AES-128 session, host side, S8, C-MAC and C-DECRYPTION.
pub struct OpenSsl {
    icv: CipherCtx,
    cbc: CipherCtx,
    mac: EvpMac,
    chaining: [u8; 16],
    counter: u32,
}

impl OpenSsl {
    /// A session with these keys.
    pub fn new(enc: &[u8; 16], mac: &[u8; 16], chaining: [u8; 16]) -> Self {
        let mut icv = CipherCtx::new().expect("memory");
        icv.encrypt_init(Some(Cipher::aes_128_ecb()), Some(enc), None).expect("AES-128-ECB");
        icv.set_padding(false);
        let mut cbc = CipherCtx::new().expect("memory");
        cbc.encrypt_init(Some(Cipher::aes_128_cbc()), Some(enc), Some(&[0; 16])).expect("AES-128-CBC");
        cbc.set_padding(false);
        Self { icv, cbc, mac: EvpMac::new(mac), chaining, counter: 0 }
    }

    /// As [`Raw::wrap`](super::raw::Raw::wrap).
    pub fn wrap(&mut self, buffer: &mut [u8], data_len: usize) -> usize {
        let offset = super::data_offset(data_len);
        let padded = super::pad80(&mut buffer[offset..], data_len);
        super::write_header(buffer, offset, padded + 8);
        self.counter += 1;
        let mut icv = [0; 32];
        let counter = u128::from(self.counter).to_be_bytes();
        self.icv.cipher_update(&counter, Some(&mut icv)).expect("a block");
        self.cbc.encrypt_init(None, None, Some(&icv[..16])).expect("an ICV");
        self.cbc.cipher_update_inplace(&mut buffer[offset..], padded).expect("whole blocks");
        self.chaining = self.mac.mac([&self.chaining, &buffer[..offset + padded]]);
        buffer[offset + padded..][..8].copy_from_slice(&self.chaining[..8]);
        offset + padded + 8
    }
}
