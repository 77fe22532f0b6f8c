//! Random octets from a seed: CTR_DRBG of SP 800-90A, for devices with a seed of full entropy and no generator.

use gp_scp03::{CtrDrbg128, CtrDrbg256, DrbgError};

use super::sizes::GP_DRBG_WORDS;
use super::{Context, Span, apart, begin, code, done, end, enter, octets, octets_mut};
use crate::status::gp_status;

/// A generator. Zeroed memory, then `gp_drbg_init`; `gp_drbg_close` wipes it.
#[repr(C)]
#[derive(Debug)]
pub struct gp_drbg {
    opaque: [u64; GP_DRBG_WORDS],
}

impl Context for gp_drbg {
    type Value = Drbg;
    const MARK: usize = 0x4452_4247;
}

/// Which generator it is.
#[derive(Debug)]
pub(super) enum Drbg {
    /// Seeds of 32 octets.
    Aes128(CtrDrbg128),
    /// Seeds of 48 octets.
    Aes256(CtrDrbg256),
}

impl Drbg {
    pub(super) fn fill(&mut self, out: &mut [u8], additional: &[u8]) -> Result<(), DrbgError> {
        match self {
            Self::Aes128(drbg) => drbg.generate(out, additional),
            Self::Aes256(drbg) => drbg.generate(out, additional),
        }
    }
}

/// A generator from full-entropy octets: 32 for AES-128, 48 for AES-256. The personalization, at most as long, may be null
/// with length 0.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_drbg_init(
    drbg: *mut gp_drbg,
    entropy: *const u8,
    entropy_len: usize,
    personalization: *const u8,
    personalization_len: usize,
) -> gp_status {
    let outcome = || {
        // SAFETY: the caller's promise.
        let (seed, label) = unsafe { (octets(entropy, entropy_len)?, octets(personalization, personalization_len)?) };
        let made = if entropy_len == CtrDrbg128::SEED_LENGTH {
            Drbg::Aes128(CtrDrbg128::new(seed, label).map_err(code)?)
        } else {
            Drbg::Aes256(CtrDrbg256::new(seed, label).map_err(code)?)
        };
        // SAFETY: the caller's promise.
        unsafe { begin(drbg, made) }
    };
    done(outcome())
}

/// Mixes fresh entropy in, as much as at the beginning, and an additional input that may be null with length 0.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_drbg_reseed(
    drbg: *mut gp_drbg,
    entropy: *const u8,
    entropy_len: usize,
    additional: *const u8,
    additional_len: usize,
) -> gp_status {
    let outcome = || {
        apart(&[Span::of(drbg), Span::octets(entropy, entropy_len)])?;
        apart(&[Span::of(drbg), Span::octets(additional, additional_len)])?;
        // SAFETY: the caller's promise; apart.
        let (seed, input) = unsafe { (octets(entropy, entropy_len)?, octets(additional, additional_len)?) };
        // SAFETY: the caller's promise; apart.
        match unsafe { enter(drbg)? } {
            Drbg::Aes128(drbg) => drbg.reseed(seed, input),
            Drbg::Aes256(drbg) => drbg.reseed(seed, input),
        }
        .map_err(code)
    };
    done(outcome())
}

/// Fills `out` with at most 65536 random octets.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_drbg_generate(
    drbg: *mut gp_drbg,
    out: *mut u8,
    out_len: usize,
    additional: *const u8,
    additional_len: usize,
) -> gp_status {
    let outcome = || {
        apart(&[Span::of(drbg), Span::octets(out, out_len), Span::octets(additional, additional_len)])?;
        // SAFETY: the caller's promise; apart.
        let (out, input) = unsafe { (octets_mut(out, out_len)?, octets(additional, additional_len)?) };
        // SAFETY: the caller's promise; apart.
        unsafe { enter(drbg)? }.fill(out, input).map_err(code)
    };
    done(outcome())
}

/// Wipes the generator. Twice is fine, and so is null.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_drbg_close(drbg: *mut gp_drbg) {
    // SAFETY: the caller's promise.
    unsafe { end(drbg) };
}
