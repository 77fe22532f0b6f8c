//! GlobalPlatform card content management (Card Specification 2.3.1), both ends: the host that manages a card, and a card
//! that is managed.
//!
//! The layer above [`gp_scp03`]: what is said inside the secure channel. `no_std`, no allocation, no `unsafe`, no I/O.
//!
//! ```text
//!  host                                                            card
//!  Select, Authenticate, Install, PutKeys ...   a task             Applets        your applications
//!    |                                                               |
//!  Host   protects, cuts, joins, verifies                          Card           registry, keys, life cycles, sessions
//!    |    begin, io, digest, finish                                  |  process
//!  run, run_async, or a loop of yours                              Storage        two slots that survive power cuts
//!    |                                                             Platform       randomness, hashes, RSA and EC
//!    '---- octets ----> [ your link ] ---- octets --------------------'
//!
//!  shared   one module for each command: its body, read and written by the same code
//! ```
//!
//! | what | where |
//! |---|---|
//! | the host's operations, and how to write one | [`host`] |
//! | the card, its memory, settings and applications | [`card`] |
//! | what the card keeps its state on | [`card::storage`] |
//! | bodies of commands | [`delete`], [`get_status`], [`install`], [`load_file`], [`manage_channel`], [`put_key`], [`set_status`], [`store_data`] |
//! | tokens, receipts, DAP, hashes | [`signature`], [`confirmation`] |
//! | what a card tells of itself | [`card_data`], [`capability`], [`cplc`], [`entry`], [`fci`], [`inventory`], [`key_info`] |
//! | life cycles and privileges as tables | [`lifecycle`], [`privileges`] |
//! | CAP files, card keys from a master key | [`cap`], [`diversify`] |
//!
//! Host and card in one program: a session at level `33`, and a listing.
//!
//! ```
//! use core::convert::Infallible;
//! use gp_apdu::Transport;
//! use gp_cardmanager_model::aid::Aid;
//! use gp_cardmanager_model::card::storage::RamStorage;
//! use gp_cardmanager_model::card::{
//!     Card, Channel, FactoryKeySet, FactoryKeys, KeySlot, MIN_BUFFER, Memory, ObjectSlot, Profile, RegistryEntry,
//! };
//! use gp_cardmanager_model::get_status::Subset;
//! use gp_cardmanager_model::host::{Authenticate, GetStatus, Host, Select, run};
//! use gp_scp03::{Challenge, CtrDrbg128, Key, SecurityLevel, StaticKeys};
//!
//! /// The link: here the card itself, in a product a reader, a modem or a bus.
//! struct Link<'m>(Card<'m, RamStorage<'m>, CtrDrbg128, ()>);
//!
//! impl Transport for Link<'_> {
//!     type Error = Infallible;
//!     fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Infallible> {
//!         let mut buffer = [0; MIN_BUFFER];
//!         buffer[..command.len()].copy_from_slice(command);
//!         let answer = self.0.process(&mut buffer, command.len());
//!         response[..answer.len()].copy_from_slice(answer);
//!         Ok(answer.len())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let keys = StaticKeys::new(Key::new(&[0x11; 16])?, Key::new(&[0x22; 16])?, Key::new(&[0x33; 16])?)?;
//!
//! // The card. All memory is the caller's: the slices say how much it can hold.
//! let (mut registry, mut objects) = ([RegistryEntry::FREE; 8], [ObjectSlot::FREE; 4]);
//! let (mut slots, mut channels) = ([const { KeySlot::FREE }; 6], [const { Channel::new() }; 2]);
//! let (mut chain, mut a, mut b) = ([0; 512], [0xFF; 2048], [0xFF; 2048]);
//! let memory = Memory {
//!     registry: &mut registry,
//!     keys: &mut slots,
//!     objects: &mut objects,
//!     channels: &mut channels,
//!     chain: &mut chain,
//! };
//! let sets = [FactoryKeys { version: 0x30, keys: FactoryKeySet::Complete(&keys), sequence: [0; 3] }];
//! let profile = Profile::new(&sets);
//! let random = CtrDrbg128::new(&[0x5E; 32], &[])?; // a product takes the seed from its noise source
//! let mut link = Link(Card::open(memory, RamStorage::new(&mut a, &mut b), random, (), &profile)?);
//!
//! // The host: two buffers, and a task for each thing that it wants. Its challenge must be fresh and unpredictable.
//! let (mut command, mut response) = ([0; 261], [0; 258]);
//! let mut host = Host::new(&mut command, &mut response, ());
//! run(&mut host, &mut link, Select::issuer_security_domain())?;
//! let challenge = Challenge::new(&[1, 2, 3, 4, 5, 6, 7, 8])?;
//! let opened = run(&mut host, &mut link, Authenticate::new(challenge, SecurityLevel::Full, |_| Ok(&keys)))?;
//! assert_eq!(opened.level, SecurityLevel::Full);
//!
//! let mut listed = Vec::new();
//! let list = GetStatus::new(Subset::IssuerSecurityDomain, |entry| listed.extend(entry.ok().and_then(|entry| entry.aid)));
//! run(&mut host, &mut link, list)?;
//! assert_eq!(listed, [Aid::ISSUER_SECURITY_DOMAIN]);
//! # Ok(())
//! # }
//! ```
//!
//! Feature `cached-keys` (default) is passed on to [`gp_scp03`]: speed for size, never behaviour.
//! Feature `deviations` (default) lets a card be told to show what real cards do otherwise: [`card::Deviation`].
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
mod in_place;
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

/// The code of the README is tested like that of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
