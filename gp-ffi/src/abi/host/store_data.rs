//! STORE DATA: in blocks that fit, or in those of the caller.

use gp_apdu::{StatusWord, ins};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::host::{Answer, Cover, Draft, Failure, Origin, Slot, Step, StoreData, Task, accepted};
use gp_cardmanager_model::install::Install;
use gp_cardmanager_model::store_data::{Encryption, StoreData as Header, StoreDataFormat, Structure};
use gp_scp03::Reply;

use super::slices::Slices;
use super::{gp_host, optional_aid, start};
use crate::abi::{Outcome, gp_slice, object, octets};
use crate::status::{GP_E_ARGUMENT, gp_status};

/// STORE DATA without encryption of its own, in as many blocks as it takes: to the security domain of the session, or to
/// an application of it. `structure` is 0 for none, 1 for DGI, 2 for BER-TLV.
///
/// # Safety
/// See the rules of the header: the data stays until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_store_data(
    host: *mut gp_host,
    structure: u8,
    data: gp_slice,
    application: gp_slice,
) -> gp_status {
    let operation = || {
        let format = StoreDataFormat { structure: structured(structure)?, ..StoreDataFormat::default() };
        // SAFETY: the caller's promise.
        let (data, application) = unsafe { (octets(data.ptr, data.len)?, optional_aid(application)?) };
        let task = StoreData::new(format, data);
        Ok(match application {
            Some(application) => task.to_application(application),
            None => task,
        }
        .into())
    };
    // SAFETY: the caller's promise.
    unsafe { start(host, operation()) }
}

/// Data to be stored, and how: STORE DATA.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct gp_store_data {
    /// The application of the security domain that it is for; empty for the security domain itself.
    pub application: gp_slice,
    /// 0 for none, 1 for DGI, 2 for BER-TLV.
    pub structure: u8,
    /// Whether the data is encrypted, by whoever made it: 0 for not, or nobody says; 1 for application dependent; 3 for
    /// values under the Key-DEK.
    pub encryption: u8,
    /// 1 when there may be an answer to each block: `gp_answer` has the data of the last one. Else 0.
    pub answer: u8,
    /// The most octets of data in a block; 0 for as many as fit.
    pub block_len: usize,
    /// The data, which is cut wherever a block is full; empty when there are `pieces`.
    pub data: gp_slice,
    /// The data in pieces, each of them a block, for receivers that want whole objects. Each has to fit a command, and
    /// `block_len` if there is one. May be null when there are none.
    pub pieces: *const gp_slice,
    /// How many pieces, 256 at most; 0 when there is `data`.
    pub pieces_len: usize,
}

/// STORE DATA in any of its forms, in as many blocks as it takes or as it was cut into.
///
/// # Safety
/// See the rules of the header: data and pieces stay until the operation is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gp_host_store_data_with(host: *mut gp_host, parameters: *const gp_store_data) -> gp_status {
    let operation = || {
        // SAFETY: the caller's promise.
        let given = unsafe { object(parameters)? };
        let encryption = match given.encryption {
            0 => Encryption::None,
            1 => Encryption::ApplicationDependent,
            3 => Encryption::Encrypted,
            _ => return Err(GP_E_ARGUMENT),
        };
        let structure = structured(given.structure)?;
        let answer = match given.answer {
            0 | 1 => given.answer == 1,
            _ => return Err(GP_E_ARGUMENT),
        };
        let format = StoreDataFormat { encryption, structure, answer };
        let block_len = if given.block_len == 0 { usize::MAX } else { given.block_len };
        // SAFETY: the caller's promise.
        let (application, data) =
            unsafe { (optional_aid(given.application)?, octets(given.data.ptr, given.data.len)?) };
        if given.pieces_len > 0 {
            if !data.is_empty() {
                return Err(GP_E_ARGUMENT);
            }
            // SAFETY: the caller's promise.
            let left = unsafe { Slices::new(given.pieces, given.pieces_len)? };
            return Ok(Pieces::new(format, application, left, block_len).into());
        }
        let task = StoreData::new(format, data).with_block_len(block_len);
        Ok(match application {
            Some(application) => task.to_application(application),
            None => task,
        }
        .into())
    };
    // SAFETY: the caller's promise.
    unsafe { start(host, operation()) }
}

fn structured(structure: u8) -> Outcome<Structure> {
    match structure {
        0 => Ok(Structure::None),
        1 => Ok(Structure::Dgi),
        2 => Ok(Structure::BerTlv),
        _ => Err(GP_E_ARGUMENT),
    }
}

/// STORE DATA in the blocks that the caller cut. The task of Rust wants slices of Rust.
#[derive(Debug)]
pub(super) struct Pieces {
    format: StoreDataFormat,
    application: Option<Aid>,
    left: Slices,
    block_len: usize,
    /// The number of the next block; none before the first command.
    number: Option<u8>,
    asked: u8,
    origin: Origin,
}

impl Pieces {
    const MAX: usize = 256;

    const fn new(format: StoreDataFormat, application: Option<Aid>, left: Slices, block_len: usize) -> Self {
        Self { format, application, left, block_len, number: None, asked: ins::STORE_DATA, origin: Origin::Authentic }
    }

    /// For a block that never comes no application is made ready.
    fn prepare(&mut self, max_data: usize) -> Result<(), Failure> {
        if self.left.len() > Self::MAX {
            return Err(Failure::TooManyBlocks);
        }
        let longest = max_data.min(self.block_len);
        if self.left.clone().any(|piece| piece.len() > longest) {
            return Err(Failure::Apdu(gp_apdu::Error::DataTooLong));
        }
        Ok(())
    }
}

impl Task for Pieces {
    type Output<'r> = Answer<'r>;

    fn command(&mut self, draft: &mut Draft<'_>) -> Result<Cover, Failure> {
        let number = match self.number {
            Some(number) => number,
            None => {
                self.prepare(draft.max_data())?;
                *self.number.insert(0)
            }
        };
        if let Some(application) = self.application.take() {
            self.asked = ins::INSTALL;
            let body = Install::Personalization(application);
            draft.begin_chainable(body.header()).push_with(|room| Ok(body.emit(room)?.len()))?.expect_any();
            return Ok(Cover::Session);
        }
        self.asked = ins::STORE_DATA;
        let piece = self.left.next().ok_or(Failure::State)?;
        let header = Header { format: self.format, last: self.left.len() == 0, number }.header();
        // The last block may be number 255, and nothing comes behind it.
        self.number = Some(number.wrapping_add(1));
        draft.begin(header).push(piece)?;
        if self.format.answer {
            draft.expect_any();
        }
        Ok(Cover::Session)
    }

    fn reply(&mut self, reply: Reply<'_>, _: &mut Slot) -> Result<Step, Failure> {
        self.origin = self.origin.min(Origin::of(&reply));
        accepted(self.asked, reply)?;
        Ok(if self.left.len() == 0 { Step::Done } else { Step::Again })
    }

    fn output(self, last: &[u8]) -> Result<Answer<'_>, Failure> {
        Ok(Answer { data: last, status: StatusWord::OK, origin: self.origin })
    }
}
