//! The embedded card as this program makes it: something to look at on it, its applications' data kept beside its file.

use std::io;
use std::path::{Path, PathBuf};

use gp_apdu::Transport;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::{FactoryKeySet, FactoryKeys, Profile};
use gp_cardmanager_model::host::{Authenticate, CreateSecurityDomain, Error, Host, Install, Load, run};
use gp_cardmanager_model::install::{ForInstall, ForLoad, Install as Body};
use gp_scp03::{Challenge, Implementation, KeyLength, SecurityLevel, SequenceCounter, StaticKeys};

use super::keys;
use crate::applets::{CardApplets, DATA_STORE, ECHO, LOAD_FILE, load_file};
use crate::embedded_card::{CardMemory, EmbeddedCard, Randomness};
use crate::virtual_card::Platform;

/// The package that every card has for its security domains, and its module.
const DOMAIN_PACKAGE: &[u8] = &[0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50];
const DOMAIN_MODULE: &[u8] = &[0xA0, 0x00, 0x00, 0x01, 0x51, 0x53, 0x50, 0x41];
/// The supplementary security domain that the factory makes.
const DOMAIN: &[u8] = b"\xF0GP-DOMAIN";

/// Made up production data.
const CPLC: [u8; 42] = [
    0x47, 0x50, 0x00, 0x01, 0x47, 0x50, 0x60, 0x01, 0x00, 0x01, 0x60, 0x02, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x47,
    0x50, 0x60, 0x03, 0x47, 0x50, 0x60, 0x04, 0x47, 0x50, 0x60, 0x05, 0x00, 0x00, 0x00, 0x01, 0x47, 0x50, 0x60, 0x06,
    0x00, 0x00, 0x00, 0x01,
];

/// What the factory decides.
#[derive(Debug)]
pub(super) struct Factory {
    keys: StaticKeys,
    implementation: Implementation,
}

impl Factory {
    pub(super) fn new(length: KeyLength, implementation: Implementation) -> Result<Self, gp_scp03::Error> {
        Ok(Self { keys: keys::embedded(length)?, implementation })
    }

    pub(super) fn key_sets(&self) -> [FactoryKeys<'_>; 1] {
        [FactoryKeys {
            version: keys::EMBEDDED_VERSION,
            keys: FactoryKeySet::Complete(&self.keys),
            sequence: SequenceCounter::default().octets(),
        }]
    }

    pub(super) fn profile<'p>(&self, key_sets: &'p [FactoryKeys<'p>]) -> Profile<'p> {
        Profile {
            implementation: self.implementation,
            diversification: *b"EMBEDDED01",
            iin: &[0x99, 0x99, 0x99],
            cin: b"EMBEDDED01",
            cplc: Some(CPLC),
            ..Profile::new(key_sets)
        }
    }

    /// Makes the card in this memory, or in the store unless there is one: a load file, two applications, a security domain.
    /// They come the regular way, in a session of the factory's. It uses random challenges, so that the sequence counter of
    /// the keys is still untouched afterwards.
    pub(super) fn make(
        &self,
        memory: &mut CardMemory,
        store: Option<&Path>,
        randomness: &mut Randomness,
        card_randomness: Randomness,
    ) -> io::Result<CardApplets> {
        let key_sets = self.key_sets();
        let implementation = Implementation::new(self.implementation.octet() & !0x10);
        let profile = Profile { implementation, ..self.profile(&key_sets) };
        let platform = Platform::new(card_randomness);
        let mut card = EmbeddedCard::open_with(memory, store, platform, CardApplets::new(), &profile)?;
        if !card.is_fresh() {
            return read_applets(store);
        }
        let mut challenge = [0; 16];
        let challenge = challenge.get_mut(..implementation.mode().octets()).unwrap_or_default();
        randomness.fill(challenge)?;
        self.fill(&mut card, challenge).map_err(|error| io::Error::other(format!("the factory failed: {error}")))?;
        let applets = card.applets().to_json();
        keep_applets(store, card.applets())?;
        CardApplets::from_json(&applets).map_err(io::Error::other)
    }

    fn fill<T: Transport<Error = io::Error>>(&self, card: &mut T, challenge: &[u8]) -> Result<(), Error<io::Error>> {
        let (mut command, mut response) = ([0; Host::<()>::COMMAND_LEN], [0; Host::<()>::RESPONSE_LEN]);
        let mut host = Host::new(&mut command, &mut response, ());
        let aid = |octets| Aid::new(octets).unwrap_or(Aid::ISSUER_SECURITY_DOMAIN);
        let open = Authenticate::new(Challenge::new(challenge)?, SecurityLevel::CMac, |_| Ok(&self.keys));
        run(&mut host, card, open)?;
        let body = ForLoad { load_file: LOAD_FILE, security_domain: None, hash: &[], parameters: &[], token: &[] };
        let file = load_file();
        let _ = run(&mut host, card, Load::new(body, &file, std::iter::empty()))?;
        for (module, application) in [(ECHO, ECHO), (DATA_STORE, DATA_STORE)] {
            let body = ForInstall {
                load_file: Some(LOAD_FILE),
                module: Some(module),
                application,
                privileges: &[0x00],
                parameters: &[0xC9, 0x00],
                token: &[],
            };
            let _ = run(&mut host, card, Install::new(Body::InstallAndMakeSelectable(body)))?;
        }
        let domain = CreateSecurityDomain::new(aid(DOMAIN_PACKAGE), aid(DOMAIN_MODULE), aid(DOMAIN));
        let _ = run(&mut host, card, domain)?;
        Ok(())
    }
}

/// The card with its applications, which are written down again after each command that changed them.
pub(super) struct KeptCard<'m> {
    card: EmbeddedCard<'m, Platform, CardApplets>,
    store: Option<PathBuf>,
    changes: u64,
}

impl<'m> KeptCard<'m> {
    pub(super) fn open(
        memory: &'m mut CardMemory,
        store: Option<&Path>,
        randomness: Randomness,
        applets: CardApplets,
        profile: &'m Profile<'m>,
    ) -> io::Result<Self> {
        let changes = applets.changes();
        let card = EmbeddedCard::open_with(memory, store, Platform::new(randomness), applets, profile)?;
        Ok(Self { card, store: store.map(Path::to_path_buf), changes })
    }
}

impl Transport for KeptCard<'_> {
    type Error = io::Error;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> io::Result<usize> {
        let received = self.card.transmit(command, response)?;
        let changes = self.card.applets().changes();
        if changes != self.changes {
            self.changes = changes;
            keep_applets(self.store.as_deref(), self.card.applets())?;
        }
        Ok(received)
    }
}

/// Where the applications' data is.
fn applets_file(store: &Path) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(".applets");
    path.into()
}

/// Reads the applications' data. Without it they are there, and empty.
fn read_applets(store: Option<&Path>) -> io::Result<CardApplets> {
    let Some(store) = store else { return Ok(CardApplets::new()) };
    match std::fs::read_to_string(applets_file(store)) {
        Ok(text) => CardApplets::from_json(&text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(CardApplets::new()),
        Err(error) => Err(error),
    }
}

/// Writes the applications' data: the file is the old one or the new one, whatever happens.
fn keep_applets(store: Option<&Path>, applets: &CardApplets) -> io::Result<()> {
    let Some(store) = store else { return Ok(()) };
    let path = applets_file(store);
    let mut new = path.clone().into_os_string();
    new.push(".new");
    std::fs::write(&new, applets.to_json())?;
    std::fs::rename(new, path)
}
