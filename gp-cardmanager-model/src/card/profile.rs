//! What a card is born with, and the choices that the specification leaves to its issuer.

use gp_scp03::{Implementation, Quirks, StaticKeys};

use crate::aid::Aid;
use crate::card::deviations::Deviations;
use crate::lifecycle::CardLifeCycle;

/// The customary load file of security domains, and the module in it.
const DOMAIN_FILE: Aid = match Aid::new(&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50]) {
    Some(aid) => aid,
    None => Aid::ISSUER_SECURITY_DOMAIN,
};
const DOMAIN_MODULE: Aid = match Aid::new(&[0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50, 0x41]) {
    Some(aid) => aid,
    None => Aid::ISSUER_SECURITY_DOMAIN,
};

/// A key set of the factory.
#[derive(Debug)]
pub struct FactoryKeys<'p> {
    /// Key version number; FF for initial keys that vanish when the first key is put (GPCS leaves that to the card).
    pub version: u8,
    /// The keys; a set that lacks one opens no session, but is shown.
    pub keys: FactoryKeySet<'p>,
    /// The sequence counter to begin with.
    pub sequence: [u8; 3],
}

/// The keys of a factory set, complete or not.
#[derive(Debug)]
pub enum FactoryKeySet<'p> {
    /// All three.
    Complete(&'p StaticKeys),
    /// Key-ENC and Key-MAC without Key-DEK: no session can be opened with it (Amendment D 4.1.3).
    WithoutDek(&'p StaticKeys),
}

/// The factory's settings and the issuer's choices. [`Profile::new`] is the specification with its recommended defaults;
/// a fresh storage is filled from it, and what is personalised later lives in the storage.
#[derive(Debug)]
pub struct Profile<'p> {
    /// The load file and module that security domains are made from, in ROM, if the card can make any.
    pub domain_module: Option<(Aid, Aid)>,
    /// The AID of the issuer security domain.
    pub isd: Aid,
    /// Further AIDs that select it, as some cards have them.
    pub aliases: &'p [Aid],
    /// The life cycle state of a fresh card.
    pub life_cycle: CardLifeCycle,
    /// The SCP03 implementation parameter `i` of every security domain.
    pub implementation: Implementation,
    /// Key sets of the issuer security domain, the first is the default one.
    pub key_sets: &'p [FactoryKeys<'p>],
    /// Key diversification data.
    pub diversification: [u8; 10],
    /// Issuer identification number (`42`), if any.
    pub iin: &'p [u8],
    /// Card image number (`45`), if any.
    pub cin: &'p [u8],
    /// The value of card data (`66`), or empty: then it is made from `implementation`.
    pub card_data: &'p [u8],
    /// The value of card capability information (`67`), or empty: then it is made from `implementation`.
    pub capability: &'p [u8],
    /// CPLC data (`9F7F`), 42 octets, if the card has it.
    pub cplc: Option<[u8; 42]>,
    /// Application production life cycle data that SELECT shows (`9F6E`), or empty.
    pub production_life_cycle: &'p [u8],
    /// The longest command data that the card takes (`9F65`).
    pub max_command_data: u16,
    /// The most octets of GET STATUS data in one answer; more comes after `6310`.
    pub status_limit: usize,
    /// Failed authentications in a row that lock a key set (`6983`); 0 for no limit.
    pub max_failures: u8,
    /// A security domain may extradite what belongs to another, if that one agrees; the specification says both (GPCS
    /// 9.4.1 and 11.5.2.3.4).
    pub extradition_by_others: bool,
    /// A security domain with Delegated Management may delete without a token. The specification leaves that to the domain
    /// with Token Verification, and elsewhere wants a token that verifies (GPCS 9.5, 9.5.1).
    pub delegated_delete_without_token: bool,
    /// Delegated operations get a receipt where a security domain has Receipt Generation; without one the answer is `00`.
    pub receipts: bool,
    /// Deviations of the secure channel's messages, for tests of hosts.
    pub quirks: Quirks,
    /// Deviations of commands and answers, for tests of hosts.
    pub deviations: Deviations,
}

impl<'p> Profile<'p> {
    /// A card with these key sets and the customary ISD, S8 with everything (`i` = 70), SECURED.
    #[must_use]
    pub const fn new(key_sets: &'p [FactoryKeys<'p>]) -> Self {
        Self {
            domain_module: Some((DOMAIN_FILE, DOMAIN_MODULE)),
            isd: Aid::ISSUER_SECURITY_DOMAIN,
            aliases: &[],
            life_cycle: CardLifeCycle::Secured,
            implementation: Implementation::new(0x70),
            key_sets,
            diversification: [0; 10],
            iin: &[],
            cin: &[],
            card_data: &[],
            capability: &[],
            cplc: None,
            production_life_cycle: &[],
            max_command_data: 255,
            status_limit: usize::MAX,
            max_failures: 0,
            extradition_by_others: false,
            delegated_delete_without_token: false,
            receipts: true,
            quirks: Quirks::NONE,
            deviations: Deviations::NONE,
        }
    }
}
