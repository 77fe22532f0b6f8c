//! The bodies of the other commands.

use gp_apdu::{Header, ins};
use gp_cardmanager_model::delete::Delete;
use gp_cardmanager_model::get_status::GetStatus;
use gp_cardmanager_model::load_file::LoadBlock;
use gp_cardmanager_model::manage_channel::ManageChannel;
use gp_cardmanager_model::set_status::SetStatus;
use gp_cardmanager_model::store_data::StoreData;

use crate::laws::filled;

/// INS, P1, P2, and the data of a command. Checks: what was read and is written again, header and data, reads the same, in
/// exactly as much room as it needs.
pub fn bodies(octets: &[u8]) {
    let [instruction, p1, p2, data @ ..] = octets else { return };
    let (p1, p2) = (*p1, *p2);
    match *instruction {
        ins::DELETE => {
            let Ok(command) = Delete::parse(p1, p2, data) else { return };
            let again = filled(|buf| command.emit(buf).map(|octets| octets.len())).expect("what was read is written");
            let Header { p1, p2, .. } = command.header();
            assert_eq!(Delete::parse(p1, p2, &again), Ok(command));
            if let Delete::Content(_) = command {
                let signed = filled(|buf| command.emit_signed_fields(buf).map(|octets| octets.len())).expect("as well");
                assert!(again.starts_with(&signed));
            }
            if let Ok(signed) = Delete::signed_fields(p1, p2, data) {
                assert!(data.starts_with(signed));
            }
        }
        ins::GET_STATUS => {
            let Ok(command) = GetStatus::parse(p1, p2, data) else { return };
            let again = filled(|buf| command.emit(buf).map(|octets| octets.len())).expect("what was read is written");
            let header = command.header();
            assert_eq!(GetStatus::parse(header.p1, header.p2, &again), Ok(command));
        }
        ins::SET_STATUS => {
            let Ok(command) = SetStatus::parse(p1, p2, data) else { return };
            let again = filled(|buf| command.emit(buf).map(|octets| octets.len())).expect("what was read is written");
            let header = command.header();
            assert_eq!(SetStatus::parse(header.p1, header.p2, &again), Ok(command));
        }
        ins::MANAGE_CHANNEL => {
            let Ok(command) = ManageChannel::parse(p1, p2) else { return };
            let header = command.header();
            assert_eq!(ManageChannel::parse(header.p1, header.p2), Ok(command));
            if let Ok(opened) = ManageChannel::opened(data) {
                assert_eq!(data, [opened.number()]);
            }
        }
        ins::STORE_DATA => {
            let Ok(block) = StoreData::parse(p1, p2) else { return };
            let header = block.header();
            assert_eq!(StoreData::parse(header.p1, header.p2), Ok(block));
        }
        ins::LOAD => {
            let Ok(block) = LoadBlock::parse(p1, p2) else { return };
            assert_eq!((block.header().p1, block.header().p2), (p1, p2));
        }
        _ => {}
    }
}
