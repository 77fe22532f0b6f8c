//! MANAGE CHANNEL: logical channels beside the basic one.

use gp_apdu::LogicalChannel;
use gp_cardmanager_model::host::{CloseChannel, OpenChannel};

use super::{gp_host, start};
use crate::abi::Outcome;
use crate::status::{GP_E_ARGUMENT, gp_status};

/// A channel with this number, 1 to 19.
fn supplementary(number: u8) -> Outcome<LogicalChannel> {
    LogicalChannel::new(number).filter(|channel| *channel != LogicalChannel::BASIC).ok_or(GP_E_ARGUMENT)
}

/// MANAGE CHANNEL, open: a logical channel, 1 to 19, or with 0 one that the card chooses. It is never protected, and the
/// session goes on. `gp_host_answer` tells the number in `channel`; the host goes on with its own channel until
/// `gp_host_set_channel`.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_open_channel(host: *mut gp_host, number: u8) -> gp_status {
    let operation = || match number {
        0 => Ok(OpenChannel::any().into()),
        _ => Ok(OpenChannel::numbered(supplementary(number)?).into()),
    };
    // SAFETY: the caller's promise.
    unsafe { start(host, operation()) }
}

/// MANAGE CHANNEL, close: a logical channel, 1 to 19. A session that was opened on it ends. A channel that was closed before
/// is no error: `gp_host_answer` has status word 0x6200 then, else 0x9000.
///
/// # Safety
/// See the rules of the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_close_channel(host: *mut gp_host, number: u8) -> gp_status {
    // SAFETY: the caller's promise.
    unsafe { start(host, supplementary(number).map(|channel| CloseChannel::new(channel).into())) }
}
