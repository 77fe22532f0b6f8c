//! Whole commands: a card with a registry of any size, and a host that manages it.

use gp_apdu::Transport;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::storage::RamStorage;
use gp_cardmanager_model::card::{
    Card, Channel, FactoryKeySet, FactoryKeys, KeySlot, MIN_BUFFER, Memory, ObjectSlot, Profile, RegistryEntry,
};
use gp_cardmanager_model::get_status::Subset;
use gp_cardmanager_model::host::{Authenticate, CreateSecurityDomain, GetStatus, Host, Select, run};
use gp_scp03::{Challenge, CtrDrbg128, SecurityLevel};

use crate::subject::{HOST, static_keys};

/// Entries that every card is born with: the issuer security domain, the load file of security domains and its module.
const BORN: usize = 3;

/// A card, and the buffer that commands arrive in.
pub struct Link {
    card: Card<'static, RamStorage<'static>, CtrDrbg128, ()>,
    buffer: [u8; MIN_BUFFER],
}

impl Transport for Link {
    type Error = core::convert::Infallible;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, Self::Error> {
        let answer = self.say(command);
        response[..answer.len()].copy_from_slice(answer);
        Ok(answer.len())
    }
}

impl Link {
    /// A card whose registry has `entries` entries, at least 3: all but those it is born with are security domains. Its
    /// memory is never given back.
    pub fn new(entries: usize) -> Self {
        let keys = Box::leak(Box::new(static_keys(7)));
        let set = FactoryKeys { version: 0x30, keys: FactoryKeySet::Complete(keys), sequence: [0; 3] };
        let profile = Box::leak(Box::new(Profile::new(Box::leak(Box::new([set])))));
        let memory = Memory {
            registry: vec![RegistryEntry::FREE; entries].leak(),
            keys: (0..6).map(|_| KeySlot::FREE).collect::<Vec<_>>().leak(),
            objects: vec![ObjectSlot::FREE; 4].leak(),
            channels: vec![Channel::new()].leak(),
            chain: vec![0; 512].leak(),
        };
        let slot = || vec![0xFF; 4096 + 256 * entries].leak();
        let random = CtrDrbg128::new(&[0x5E; 32], &[]).expect("a seed");
        let storage = RamStorage::new(slot(), slot());
        let card = Card::open(memory, storage, random, (), profile).expect("a blank storage");
        let mut link = Self { card, buffer: [0; MIN_BUFFER] };
        let (mut command, mut response) = ([0; 261], [0; 258]);
        let mut host = open(&mut link, SecurityLevel::CMac, &mut command, &mut response);
        let (file, module) = profile.domain_module.expect("security domains");
        for number in BORN..entries {
            let domain = CreateSecurityDomain::new(file, module, aid(number));
            run(&mut host, &mut link, domain).expect("a free place in the registry");
        }
        link.card.reset();
        link
    }

    /// A plain session: it is open, and its commands are as they are, so that they can be said again.
    pub fn with_plain_session(entries: usize) -> Self {
        let mut link = Self::new(entries);
        let (mut command, mut response) = ([0; 261], [0; 258]);
        drop(open(&mut link, SecurityLevel::Authenticated, &mut command, &mut response));
        link
    }

    /// One command, one answer.
    pub fn say(&mut self, command: &[u8]) -> &[u8] {
        self.buffer[..command.len()].copy_from_slice(command);
        self.card.process(&mut self.buffer, command.len())
    }
}

/// The name of the entry with this number.
fn aid(number: usize) -> Aid {
    let [.., high, low] = number.to_be_bytes();
    Aid::new(&[0xD2, 0x76, 0x00, 0x01, 0x19, 0x00, high, low]).expect("8 octets")
}

/// A host with a session with the issuer security domain.
pub fn open<'b>(link: &mut Link, level: SecurityLevel, command: &'b mut [u8], response: &'b mut [u8]) -> Host<'b, ()> {
    let mut host = Host::new(command, response, ());
    let keys = static_keys(7);
    run(&mut host, link, Select::issuer_security_domain()).expect("the issuer security domain");
    let challenge = Challenge::new(&HOST).expect("8 octets");
    run(&mut host, link, Authenticate::new(challenge, level, |_| Ok(&keys))).expect("the right keys");
    host
}

/// GET STATUS of the issuer security domain, from the task to the entry it reads: both ends of one exchange.
pub fn status(host: &mut Host<'_, ()>, link: &mut Link) -> usize {
    let mut octets = 0;
    let task = GetStatus::new(Subset::IssuerSecurityDomain, |entry| {
        octets += entry.expect("an entry").aid.map_or(0, |aid| aid.as_bytes().len());
    });
    let listed = run(host, link, task).expect("an authentic answer");
    assert_eq!(listed.entries, 1);
    octets
}

/// Commands whose cost may grow with the registry of `entries` entries, at least 4, and the names of their rows.
pub fn commands(entries: usize) -> [(&'static str, Vec<u8>); 5] {
    let last = aid(entries - 1);
    let with = |head: [u8; 4], data: &[u8]| [&head, &[data.len() as u8][..], data, &[0x00]].concat();
    let named = |aid: &Aid| [&[0x4F, aid.as_bytes().len() as u8], aid.as_bytes()].concat();
    [
        ("GET STATUS, issuer security domain", with([0x80, 0xF2, 0x80, 0x02], &[0x4F, 0x00])),
        ("GET STATUS, applications, first page", with([0x80, 0xF2, 0x40, 0x02], &[0x4F, 0x00])),
        ("GET STATUS, applications, the last by name", with([0x80, 0xF2, 0x40, 0x02], &named(&last))),
        ("SELECT, issuer security domain", vec![0x00, 0xA4, 0x04, 0x00, 0x00]),
        ("SELECT, the last by name", with([0x00, 0xA4, 0x04, 0x00], last.as_bytes())),
    ]
}
