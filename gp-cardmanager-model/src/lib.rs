//! GlobalPlatform card content management, both ends.
#![no_std]

pub mod aid;
pub mod cap;
pub mod capability;
pub mod card;
pub mod card_data;
pub mod confirmation;
pub mod cplc;
pub mod delete;
pub mod diversify;
pub mod entry;
pub mod error;
pub mod fci;
pub mod get_status;
pub mod host;
pub mod install;
pub mod inventory;
pub mod key_info;
pub mod lifecycle;
pub mod load_file;
mod lv;
pub mod manage_channel;
pub mod privileges;
pub mod put_key;
pub mod set_status;
pub mod signature;
pub mod store_data;
