//! Instruction bytes (INS) of the commands that card management uses.
//!
//! The specification is named after each: \[ISO\] is ISO/IEC 7816-4:2013, \[GPCS\] the GlobalPlatform Card Specification.

/// MANAGE CHANNEL: opens or closes a supplementary logical channel. \[GPCS\] 11.7
pub const MANAGE_CHANNEL: u8 = 0x70;
/// END R-MAC SESSION. Amendment D 7.1
pub const END_R_MAC_SESSION: u8 = 0x78;
/// BEGIN R-MAC SESSION. Amendment D 7.1
pub const BEGIN_R_MAC_SESSION: u8 = 0x7A;
/// INITIALIZE UPDATE: opens a secure channel. Amendment D 7.1
pub const INITIALIZE_UPDATE: u8 = 0x50;
/// EXTERNAL AUTHENTICATE: proves the host and sets the security level. Amendment D 7.1
pub const EXTERNAL_AUTHENTICATE: u8 = 0x82;
/// SELECT: an application by its name. \[GPCS\] 11.9
pub const SELECT: u8 = 0xA4;
/// GET RESPONSE: the next part of a response that `61xx` announced. \[ISO\]
pub const GET_RESPONSE: u8 = 0xC0;
/// GET DATA: one data object. \[GPCS\] 11.3
pub const GET_DATA: u8 = 0xCA;
/// GET DATA, odd instruction: the data object is named in the command data. \[GPCS\] 11.3
pub const GET_DATA_ODD: u8 = 0xCB;
/// PUT KEY: adds or replaces keys. \[GPCS\] 11.8
pub const PUT_KEY: u8 = 0xD8;
/// STORE DATA: personalisation data. \[GPCS\] 11.11
pub const STORE_DATA: u8 = 0xE2;
/// DELETE: an application, a load file or a key. \[GPCS\] 11.2
pub const DELETE: u8 = 0xE4;
/// INSTALL: every step of installing, extradition, registry update. \[GPCS\] 11.5
pub const INSTALL: u8 = 0xE6;
/// LOAD: one block of a load file. \[GPCS\] 11.6
pub const LOAD: u8 = 0xE8;
/// SET STATUS: a life cycle state. \[GPCS\] 11.10
pub const SET_STATUS: u8 = 0xF0;
/// GET STATUS: entries of the registry. \[GPCS\] 11.4
pub const GET_STATUS: u8 = 0xF2;
