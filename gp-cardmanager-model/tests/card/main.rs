//! The card, command by command and as a whole; one program, since its code is generic and is compiled for each.

mod bits;
mod channels;
mod commands;
mod corners;
mod delegated;
mod delete;
mod deviations;
mod endings;
mod faults;
mod get_data;
mod get_status;
mod host;
mod install;
mod keys;
mod load;
mod manage_channel;
mod midway;
mod model;
mod open;
mod platform;
mod power_loss;
mod put_key;
mod rules;
mod select;
mod session;
mod set_status;
mod states;
mod store_data;
mod survival;

#[path = "../support/content.rs"]
mod content;
#[path = "../support/card.rs"]
mod kit;
