//! Rules that two commands, two channels or two security domains have to keep together; each test begins with the rule (GPCS, Amendment D).

use crate::content::{
    self, APP, FILE, ISD, MODULE, OTHER, SSD, SSD2, extradite, install, load, personal_domain, session,
};
use crate::kit::{
    self, Bench, Event, Host, Opening, TestCard, add_key, cap_block, factory_keys, hex, install_fields, keys_from, lv,
    raw, tlv, toy_hash,
};
use gp_apdu::{LogicalChannel, Response, Transport};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::host;
use gp_scp03::{Challenge, ChallengePolicy, Initiator, Key, KeyId, SecurityLevel, StaticKeys};

const EMPTY: &[u8] = &[];
const PACKAGE: [u8; 6] = [0xD2, 0x76, 0, 0, 1, 0x55];

/// What a token of this key says about an INSTALL command.
fn signed(card: &mut TestCard<'_>, host: &mut Host, key: &Key, p1: u8, fields: &[&[u8]]) -> (Vec<u8>, u16) {
    let fields = install_fields(fields);
    let token = key.cmac(&[&[p1, 0, fields.len() as u8], &fields]);
    host.send(card, [0x80, 0xE6, p1, 0], &[fields, lv(&token)].concat())
}

/// A card that makes no receipts and has room.
fn roomy() -> Bench {
    let mut bench = Bench::new();
    bench.ram = kit::Ram::new(30, 60, 16, 4);
    bench.profile.receipts = false;
    bench
}

fn open_channel(card: &mut TestCard<'_>) {
    assert_eq!(raw(card, &hex("0070000001")), (vec![1], 0x9000));
}

/// A manager in a tree of its own, which vouches for tokens there, with the delegate SSD2: a session of that one, and the key of
/// its tokens.
fn other_tree(host: &mut Host, card: &mut TestCard<'_>) -> (Host, Key) {
    let root = hex("D2760000020A");
    let theirs = Key::new(&[0x0A; 16]).unwrap();
    personal_domain(host, card, &root, "806000", 0x33);
    personal_domain(host, card, &SSD2, "A0", 0x22);
    extradite(host, card, &SSD2, &root);
    extradite(host, card, &root, &root);
    let mut manager = content::session_of(card, &root, 0x33);
    add_key(card, &mut manager, keys_from(0x33, 16).dek(), 0x70, &theirs);
    (content::session_of(card, &SSD2, 0x22), theirs)
}

/// A second session of the ISD, on channel 1.
fn issuer_beside(card: &mut TestCard<'_>) -> Host {
    open_channel(card);
    assert_eq!(kit::select_on(card, 1, &[]).1, 0x9000);
    Host::open_on(card, 1, kit::KVN, SecurityLevel::CMac).unwrap()
}

/// "Sessions. ... ends on reset, SELECT, channel close" (GPCS 9.3, 9.4); "all commands adjacent, ... otherwise 6985 and the chain dies"
/// (GPCS 11.1): a chain does not outlive the channel that it came on.
#[test]
fn a_closed_channel_has_no_chain() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    open_channel(&mut card);
    assert_eq!(raw(&mut card, &hex("81E4800002 4F05")), (vec![], 0x9000));
    assert_eq!(raw(&mut card, &hex("00708001")), (vec![], 0x9000));
    open_channel(&mut card);
    // The first command of the new application session.
    assert_eq!(kit::select_on(&mut card, 1, &ISD).1, 0x9000);
}

/// "selecting the SD on another channel ends it too" (GPCS 11.11); "Opened from channel 0: the application implicitly selectable on
/// the new channel and interface is selected" (GPCS 11.7).
#[test]
fn a_channel_that_opens_with_the_domain_ends_its_personalisation() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let mut host = content::session_with_app(&mut card);
    assert_eq!(host.install(&mut card, 0x20, 0, &[EMPTY, EMPTY, &APP, EMPTY, EMPTY, EMPTY]), (vec![0], 0x9000));
    assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x00, 0x00], b"begun"), 0x9000);
    // The ISD is selected on channel 1.
    open_channel(&mut card);
    desk.take_events();
    let answer = host.status(&mut card, [0x80, 0xE2, 0x90, 0x00], &hex("420156"));
    let routed = desk.take_events().into_iter().any(|event| matches!(event, Event::Personalize { .. }));
    assert_eq!((answer, routed), (0x9000, false));
}

/// "C0 any AM in the hierarchy", as against "F0 every AM" (GPCS 11.5): one in another tree is not asked for.
#[test]
fn a_policy_of_the_hierarchy_ends_where_it_ends() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = session(&mut card);
    content::make_domain(&mut host, &mut card, &SSD, &hex("80"), "8201C0");
    content::give_keys(&mut host, &mut card, &SSD, kit::KVN, &keys_from(0x11, 16));
    personal_domain(&mut host, &mut card, &SSD2, "804000", 0x22);
    extradite(&mut host, &mut card, &SSD2, &SSD2);
    let mut stranger = content::session_of(&mut card, &SSD2, 0x22);
    assert_eq!(stranger.install(&mut card, 0x02, 0, &[&PACKAGE, &SSD, EMPTY, EMPTY, EMPTY]), (vec![], 0x6985));
}

/// "08 DM under ancestor AM" (GPCS 11.5): one that stands under no such manager is not asked for.
#[test]
fn a_policy_for_delegates_is_for_those_of_the_hierarchy() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let token = Key::new(&[0x70; 16]).unwrap();
    add_key(&mut card, &mut host, factory_keys().dek(), 0x70, &token);
    content::make_domain(&mut host, &mut card, &SSD, &hex("80"), "820108");
    content::give_keys(&mut host, &mut card, &SSD, kit::KVN, &keys_from(0x11, 16));
    // A manager of its own tree, its own authority for tokens, with a delegate.
    let (mut delegate, theirs) = other_tree(&mut host, &mut card);
    let hash = toy_hash(&cap_block(&PACKAGE, &[]), 32);
    let answer = signed(&mut card, &mut delegate, &theirs, 0x02, &[&PACKAGE, &SSD, &hash, EMPTY]);
    assert_eq!(answer, (vec![], 0x6985));
}

/// "A DM SD works only inside that tree (a load may name any SD that accepts)" (GPCS 9.1.3): the tree under the manager whose token
/// authority serves it. The issuer has signed nothing here.
#[test]
fn a_delegate_of_another_tree_does_nothing_to_the_issuers_content() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    install(&mut host, &mut card, &APP, &[0], "C900");
    let third = [&APP[..6], &[3]].concat();
    let installed: [&[u8]; 6] = [&FILE, &MODULE, &third, &[0], &hex("C900"), EMPTY];
    assert_eq!(host.install(&mut card, 0x04, 0, &installed).1, 0x9000);
    let (mut delegate, theirs) = other_tree(&mut host, &mut card);
    // DELETE keeps to the rule.
    let fields = tlv(0x4F, &APP);
    let token = tlv(0x9E, &theirs.cmac(&[&[0, 0, fields.len() as u8], &fields]));
    assert_eq!(delegate.status(&mut card, [0x80, 0xE4, 0, 0], &[fields, token].concat()), 0x6982);
    let update: &[&[u8]] = &[EMPTY, EMPTY, &APP, &[0x18], EMPTY];
    let make_selectable: &[&[u8]] = &[EMPTY, EMPTY, &third, &[0], EMPTY];
    let c9 = hex("C900");
    let from_file: &[&[u8]] = &[&FILE, &MODULE, &OTHER, &[0], &c9];
    let answers = [(0x40, update), (0x08, make_selectable), (0x0C, from_file)]
        .map(|(p1, fields)| signed(&mut card, &mut delegate, &theirs, p1, fields).1);
    let mut host = session(&mut card);
    assert_eq!(content::privileges_of(&mut host, &mut card, &APP).unwrap()[0], 0, "Card Lock and Card Terminate");
    assert!(answers.iter().all(|answer| *answer != 0x9000), "{answers:04X?}");
}

/// "Strength must be >= the hash of the DAP/token algorithm ... (AES-128 -> 256 up, AES-192 -> 384 up, AES-256 -> 512)" (GPCS 9.2, C.2).
#[test]
fn a_token_wants_a_hash_of_its_strength() {
    let block = cap_block(&PACKAGE, &[]);
    for (key, hash, good) in
        [(16, 20, false), (16, 32, true), (24, 32, false), (32, 32, false), (32, 48, false), (32, 64, true)]
    {
        let mut bench = roomy();
        let mut card = bench.card();
        let mut host = session(&mut card);
        let token = Key::new(&vec![0x70; key]).unwrap();
        add_key(&mut card, &mut host, factory_keys().dek(), 0x70, &token);
        personal_domain(&mut host, &mut card, &SSD, "A0", 0x11);
        let mut delegate = content::session_of(&mut card, &SSD, 0x11);
        let hash = toy_hash(&block, hash);
        let answer = signed(&mut card, &mut delegate, &token, 0x02, &[&PACKAGE, EMPTY, &hash, EMPTY]);
        assert_eq!(answer.1 == 0x9000, good, "AES-{} and {} octets of hash: {:04X}", 8 * key, hash.len(), answer.1);
    }
}

/// "Combined 0E: first command's (P1 P2 L fields) || last command's (P1 P2 L fields)" (GPCS C.4): a token over the last command alone
/// is none, whatever the domain was when the process began.
#[test]
fn a_combined_token_covers_both_commands_whatever_changed_between() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let token = Key::new(&[0x70; 16]).unwrap();
    add_key(&mut card, &mut host, factory_keys().dek(), 0x70, &token);
    personal_domain(&mut host, &mut card, &SSD, "804000", 0x11);
    let mut manager = content::session_of(&mut card, &SSD, 0x11);
    let mut issuer = issuer_beside(&mut card);
    // Without hash, without token: it is authorized.
    assert_eq!(manager.install(&mut card, 0x0E, 1, &[&PACKAGE, EMPTY, EMPTY, EMPTY, EMPTY]), (vec![0], 0x9000));
    let file = tlv(0xC4, &cap_block(&PACKAGE, &[&MODULE]));
    assert_eq!(manager.load(&mut card, &file, 100), (vec![0], 0x9000));
    // From now on it is a delegate.
    assert_eq!(issuer.install(&mut card, 0x40, 0, &[EMPTY, EMPTY, &SSD, &hex("A00000"), EMPTY, EMPTY]).1, 0x9000);
    let last = install_fields(&[&PACKAGE, &MODULE, &APP, &[0], &hex("C900")]);
    let half = token.cmac(&[&[0x0E, 3, last.len() as u8], &last]);
    let answer = manager.status(&mut card, [0x80, 0xE6, 0x0E, 3], &[last, lv(&half)].concat());
    assert_eq!(answer, 0x6982);
}

/// "By registry update (applications only) both rule sets add up" (GPCS 9.4), and extradition has "no D9" among its tests (GPCS 9.3, 9.4).
#[test]
fn a_registry_update_extradites_nothing_where_extradition_is_disabled() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = content::session_with_app(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "80", 0x11);
    content::restrict(&mut host, &mut card, 0x10);
    assert_eq!(host.install(&mut card, 0x10, 0, &[&SSD, EMPTY, &APP, EMPTY, EMPTY, EMPTY]).1, 0x6985);
    assert_eq!(host.install(&mut card, 0x40, 0, &[&SSD, EMPTY, &APP, EMPTY, EMPTY, EMPTY]), (vec![], 0x6985));
}

/// A field of PUT KEY with a key set of this access.
fn set_with_access(version: u8, seed: u8, access: u8, dek: &Key) -> Vec<u8> {
    let new = keys_from(seed, 16);
    let mut body = vec![version];
    for (id, usage) in [(KeyId::Enc, 0x38), (KeyId::Mac, 0x34), (KeyId::Dek, 0xC8)] {
        let key = new.key(id);
        let mut value = key.expose_secret().to_vec();
        dek.encrypt_sensitive(&mut value).unwrap();
        body.extend([&[0xFF, 0x88][..], &lv(&value), &lv(&key.kcv()), &[1, usage, 1, access]].concat());
    }
    body
}

/// "C1 SCP counter, default key version" (GPCS 11.3); "INITIALIZE UPDATE P1=00 = card's default set" (Amendment D 7.1); "GET DATA tag C1 must
/// return the counter of the default key set" (Amendment D 6.2.2.1).
#[test]
fn the_counter_shown_is_that_of_the_default_set() {
    let sets = [(0x30, 0x50), (0x31, 0x60)];
    let mut bench = Bench::with(kit::factory(
        sets.map(|(version, seed)| kit::key_set(version, keys_from(seed, 16), [0; 3])).into(),
    ));
    let mut card = bench.card();
    let mut host = Opening::new(&mut keys_from(0x60, 16), 0x31, SecurityLevel::CMac).open(&mut card).unwrap();
    assert_eq!(host.status(&mut card, [0x80, 0xE4, 0, 0], &hex("D20130")), 0x9000);
    // A set for applications alone takes the place.
    let body = set_with_access(0x32, 0x77, 0x02, keys_from(0x60, 16).dek());
    assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x81], &body), 0x9000);
    let host = Opening::new(&mut keys_from(0x60, 16), 0, SecurityLevel::Authenticated).open(&mut card).unwrap();
    assert_eq!(host.shown[10], 0x31, "the default set");
    let shown = host.shown[29..32].to_vec();
    assert_eq!(raw(&mut card, &hex("80CA00C100")), ([&[0xC1, 3][..], &shown].concat(), 0x9000));
}

/// A challenge for a domain without keys, made with those of the ISD above, on channel 1; and the command that answers it.
fn challenge_beside(card: &mut TestCard<'_>, domain: &[u8]) -> Vec<u8> {
    open_channel(card);
    assert_eq!(kit::select_on(card, 1, domain).1, 0x9000);
    let initiator = Initiator::new(Challenge::new(&[0x11; 8]).unwrap(), LogicalChannel::new(1).unwrap(), kit::KVN);
    let mut buffer = [0; 261];
    let (data, status) = raw(card, initiator.initialize_update(&mut buffer).unwrap());
    assert_eq!(status, 0x9000);
    let answer = [data, vec![0x90, 0x00]].concat();
    let challenged = initiator.challenged(Response::parse(&answer).unwrap()).unwrap();
    let keys: &mut StaticKeys = &mut factory_keys();
    challenged.authenticate(keys, SecurityLevel::CMac, ChallengePolicy::Off, &mut buffer).unwrap().1.to_vec()
}

/// "failed-authentication counter" of the key set that was tried: a guess at the ISD's keys does not lock the domain's own.
#[test]
fn a_failure_counts_for_the_set_that_was_tried() {
    let mut bench = Bench::new();
    bench.profile.max_failures = 1;
    let mut card = bench.card();
    let mut host = session(&mut card);
    content::make_domain(&mut host, &mut card, &SSD, &hex("80"), "");
    challenge_beside(&mut card, &SSD);
    content::give_keys(&mut host, &mut card, &SSD, kit::KVN, &keys_from(0x55, 16));
    let wrong = [&hex("8582010010")[..], &[0xAA; 16]].concat();
    assert_ne!(raw(&mut card, &wrong).1, 0x9000);
    // Nobody has tried the new keys yet.
    assert_eq!(kit::select(&mut card, &SSD).1, 0x9000);
    let opened = Opening::new(&mut keys_from(0x55, 16), kit::KVN, SecurityLevel::CMac).open(&mut card);
    assert_eq!(opened.err(), None);
}

/// "Off-card entity must be the SD's own provider" (GPCS 11.1): a challenge that the keys above made opens nothing once the domain
/// has keys of its own.
#[test]
fn inherited_keys_open_no_domain_that_has_its_own() {
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut host = session(&mut card);
    content::make_domain(&mut host, &mut card, &SSD, &hex("80"), "");
    let late = challenge_beside(&mut card, &SSD);
    content::give_keys(&mut host, &mut card, &SSD, kit::KVN, &keys_from(0x55, 16));
    assert_ne!(raw(&mut card, &late).1, 0x9000);
}

/// "SELECT of the locked card's SD answers 6283 with FCI" (GPCS 5.1), by each of its names.
#[test]
fn a_locked_card_knows_its_other_names() {
    let alias = Aid::new(&hex("A000000003000000")).unwrap();
    let mut bench = Bench::new();
    bench.profile.aliases = Box::leak(Box::new([alias]));
    let mut card = bench.card();
    assert_eq!(kit::select(&mut card, alias.as_bytes()).1, 0x9000);
    let mut host = session(&mut card);
    assert_eq!(host.status(&mut card, [0x80, 0xF0, 0x80, 0x7F], &[]), 0x9000);
    assert_eq!(kit::select(&mut card, &ISD).1, 0x6283);
    assert_eq!(kit::select(&mut card, alias.as_bytes()).1, 0x6283);
}

/// "No match at all: the selected application stays and receives the SELECT (first)" (GPCS 11.9), whatever the length of the name.
#[test]
fn a_long_name_goes_to_the_application() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    drop(content::session_with_app(&mut card));
    assert_eq!(kit::select(&mut card, &APP).1, 0x9000);
    for length in [16, 17, 40] {
        desk.take_events();
        assert_eq!(kit::select(&mut card, &vec![0xEE; length]).1, 0x6D00, "{length}");
        assert!(matches!(&desk.take_events()[..], [Event::Process { data, .. }] if data.len() == length), "{length}");
    }
}

/// "Without application AID it disables the function in OPEN ...; with an SD AID for that SD" (GPCS 11.5, D9): the application that
/// the update is about is the domain.
#[test]
fn a_restriction_names_its_domain_as_the_application() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = session(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "804000", 0x11);
    let parameters = hex("EF03D90102");
    assert_eq!(host.install(&mut card, 0x40, 0, &[EMPTY, EMPTY, &SSD, EMPTY, &parameters, EMPTY]), (vec![0], 0x9000));
    let mut manager = content::session_of(&mut card, &SSD, 0x11);
    assert_eq!(manager.install(&mut card, 0x02, 0, &[&PACKAGE, EMPTY, EMPTY, EMPTY, EMPTY]).1, 0x6985);
}

/// What is disabled for a domain and in the OPEN besides is disabled all the same.
#[test]
fn a_function_that_is_disabled_twice_is_disabled() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = session(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "804000", 0x11);
    let fields: [&[u8]; 5] = [&PACKAGE, EMPTY, EMPTY, EMPTY, EMPTY];
    let mut manager = content::session_of(&mut card, &SSD, 0x11);
    assert_eq!(manager.install(&mut card, 0x02, 0, &fields), (vec![0], 0x9000));
    let mut host = session(&mut card);
    let parameters = hex("EF03D90102");
    assert_eq!(host.install(&mut card, 0x40, 0, &[EMPTY, EMPTY, &SSD, EMPTY, &parameters, EMPTY]), (vec![0], 0x9000));
    content::restrict(&mut host, &mut card, 0x02);
    let mut manager = content::session_of(&mut card, &SSD, 0x11);
    assert_eq!(manager.install(&mut card, 0x02, 0, &fields), (vec![], 0x6985));
}

/// A domain with Mandated DAP under these names, with this DAP key.
fn dap_domain(host: &mut Host, card: &mut TestCard<'_>, name: &[u8], seed: u8) {
    content::make_domain(host, card, name, &hex("C1"), "");
    let dgis = content::key_dgis(kit::KVN, &keys_from(seed, 16), factory_keys().dek());
    assert_eq!(host.install(card, 0x20, 0, &[EMPTY, EMPTY, name, EMPTY, EMPTY, EMPTY]), (vec![0], 0x9000));
    assert_eq!(host.send(card, [0x80, 0xE2, 0x88, 0x00], &dgis), (vec![], 0x9000));
}

/// A load with the verified DAP of SSD, up to the data block; `meanwhile` the ISD does something on another channel. What the last
/// block is answered.
fn load_behind_a_dap(meanwhile: impl FnOnce(&mut Host, &mut TestCard<'_>)) -> u16 {
    let block = cap_block(&PACKAGE, &[&MODULE]);
    let (hash, key) = (toy_hash(&block, 32), Key::new(&[0xDA; 16]).unwrap());
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = session(&mut card);
    dap_domain(&mut host, &mut card, &SSD, 0x55);
    let mut owner = content::session_of(&mut card, &SSD, 0x55);
    add_key(&mut card, &mut owner, keys_from(0x55, 16).dek(), 0x73, &key);
    let mut host = session(&mut card);
    let mut issuer = issuer_beside(&mut card);
    let dap = tlv(0xE2, &[tlv(0x4F, &SSD), tlv(0xC3, &key.cmac(&[&hash]))].concat());
    assert_eq!(host.install(&mut card, 0x02, 0, &[&PACKAGE, EMPTY, &hash, EMPTY, EMPTY]), (vec![0], 0x9000));
    assert_eq!(host.status(&mut card, [0x80, 0xE8, 0, 0], &dap), 0x9000);
    meanwhile(&mut issuer, &mut card);
    let file = tlv(0xC4, &block);
    assert_eq!(host.status(&mut card, [0x80, 0xE8, 0, 1], &file[..200]), 0x9000);
    host.status(&mut card, [0x80, 0xE8, 0x80, 2], &file[200..])
}

/// "plus every PERSONALIZED SD with Mandated DAP wherever the file goes. Missing ... -> load fails, at the latest at the last
/// block" (GPCS 9.2, C.2): also for one that took the place of another in the middle of the load, and for one that is locked.
#[test]
fn a_mandated_dap_is_that_of_the_domain_and_not_of_its_place() {
    assert_eq!(load_behind_a_dap(|_, _| {}), 0x9000);
    let replaced = load_behind_a_dap(|issuer, card| {
        assert_eq!(issuer.status(card, [0x80, 0xE4, 0, 0], &tlv(0x4F, &SSD)), 0x9000);
        dap_domain(issuer, card, &SSD2, 0x66);
    });
    assert_eq!(replaced, 0x6982, "the second domain has signed nothing");
}

/// "every PERSONALIZED SD with Mandated DAP": each of two, in any order, and none for the other; in blocks that cut the signatures,
/// while something else is deleted on another channel.
#[test]
fn each_of_two_mandated_daps_counts() {
    let block = cap_block(&PACKAGE, &[&MODULE]);
    let (hash, file) = (toy_hash(&block, 32), tlv(0xC4, &block));
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let dap_of = |host: &mut Host, card: &mut TestCard<'_>, name: &[u8], seed: u8| {
        let key = Key::new(&[seed; 16]).unwrap();
        dap_domain(host, card, name, seed);
        let mut owner = content::session_of(card, name, seed);
        add_key(card, &mut owner, keys_from(seed, 16).dek(), 0x73, &key);
        *host = session(card);
        tlv(0xE2, &[tlv(0x4F, name), tlv(0xC3, &key.cmac(&[&hash]))].concat())
    };
    let first = dap_of(&mut host, &mut card, &SSD, 0x55);
    let second = dap_of(&mut host, &mut card, &SSD2, 0x66);
    let mut issuer = issuer_beside(&mut card);
    let both = [&first[..], &second].concat();
    for (daps, status) in [
        ([&second[..], &first].concat(), 0x9000),
        (both.clone(), 0x9000),
        ([&first[..], &both].concat(), 0x9000),
        ([&first[..], &first].concat(), 0x6982),
        (first, 0x6982),
        (second, 0x6982),
        (vec![], 0x6982),
    ] {
        let mut host = session(&mut card);
        assert_eq!(host.install(&mut card, 0x02, 0, &[&PACKAGE, EMPTY, &hash, EMPTY, EMPTY]), (vec![0], 0x9000));
        let file = [&daps[..], &file].concat();
        let blocks: Vec<&[u8]> = file.chunks(20).collect();
        let mut answer = 0;
        for (number, block) in blocks.iter().enumerate() {
            let last = if number + 1 == blocks.len() { 0x80 } else { 0 };
            answer = host.status(&mut card, [0x80, 0xE8, last, number as u8], block);
            if number == 0 && daps.len() > 40 {
                content::make_domain(&mut issuer, &mut card, &OTHER, &[0x80], "");
                assert_eq!(issuer.status(&mut card, [0x80, 0xE4, 0, 0], &tlv(0x4F, &OTHER)), 0x9000);
            }
        }
        assert_eq!(answer, status, "{daps:02X?}");
        if status == 0x9000 {
            assert_eq!(host.status(&mut card, [0x80, 0xE4, 0, 0], &tlv(0x4F, &PACKAGE)), 0x9000);
        }
    }
}

/// "Missing, bad, unknown SD, locked SD, no key -> load fails, at the latest at the last block" (GPCS 9.2, C.2).
#[test]
fn a_domain_locked_behind_its_dap_stops_the_load() {
    let locked = load_behind_a_dap(|issuer, card| {
        assert_eq!(issuer.status(card, [0x80, 0xF0, 0x40, 0x80], &SSD), 0x9000);
    });
    assert_eq!(locked, 0x6982);
}

/// The card as a link that counts.
struct Link<'c, 'm>(&'c mut TestCard<'m>, usize);

impl Transport for Link<'_, '_> {
    type Error = core::fmt::Error;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> Result<usize, core::fmt::Error> {
        let answer = kit::Wire::transmit(self.0, command);
        self.1 += 1;
        response[..answer.len()].copy_from_slice(&answer);
        Ok(answer.len())
    }
}

/// "optional deletion of the old set, never of the one in use": the host's own rule is that such a deletion "fails with
/// KeyInUse and sends nothing", also when PUT KEY gave the set of the session another version.
#[test]
fn the_host_knows_the_set_it_stands_on_after_a_replacement() {
    use host::{Authenticate, Delete, Failure, NewKeys, PutKeys, run};
    let mut bench = Bench::new();
    let mut card = bench.card();
    let mut link = Link(&mut card, 0);
    let (mut command, mut response) = ([0; 300], [0; 300]);
    let mut host = host::Host::new(&mut command, &mut response, ());
    let keys = factory_keys();
    let task = Authenticate::new(Challenge::new(&[0x11; 8]).unwrap(), SecurityLevel::CMac, |_| Ok(&keys));
    run(&mut host, &mut link, task.with_key_version(kit::KVN)).unwrap();
    let new = keys_from(0x77, 16);
    run(&mut host, &mut link, PutKeys::replace(kit::KVN, 0x31, NewKeys::Set(&new), keys.dek())).unwrap();
    let sent = link.1;
    let answer = run(&mut host, &mut link, Delete::key_version(0x31)).map(|_| ());
    assert!(matches!(answer, Err(host::Error::Failure(Failure::KeyInUse(0x31)))), "{answer:?}");
    assert_eq!(link.1, sent, "nothing is sent");
}

/// "One 3-byte counter per SCP03 key set; set to 000000 when the key set is created or completely replaced by one PUT KEY /
/// STORE DATA" (Amendment D 6.2.2.1): not when one key of it is replaced beside a whole set of another version.
#[test]
fn a_part_that_comes_with_another_set_keeps_its_counter() {
    let describe = |version: u8, id: u8, key: &Key| {
        let usage = [0x38, 0x34, 0xC8][usize::from(id - 1)];
        let objects = [
            tlv(0x95, &[usage]),
            tlv(0x80, &[0x88]),
            tlv(0x81, &[16]),
            tlv(0x82, &[id]),
            tlv(0x83, &[version]),
            tlv(0x84, &key.kcv()),
        ];
        tlv(0xB9, &objects.concat())
    };
    let value = |key: &Key| {
        let mut octets = key.expose_secret().to_vec();
        factory_keys().dek().encrypt_sensitive(&mut octets).unwrap();
        [&[0x81, 0x13, 16][..], &octets].concat()
    };
    let part = [(0x30, KeyId::Enc, 1)];
    let whole = [(0x31, KeyId::Enc, 1), (0x31, KeyId::Mac, 2), (0x31, KeyId::Dek, 3)];
    for order in [[&part[..], &whole], [&whole, &part]] {
        let mut bench = roomy();
        let mut card = bench.card();
        for _ in 0..5 {
            session(&mut card);
        }
        let mut host = session(&mut card);
        let new = keys_from(0x77, 16);
        let keys = order.concat();
        let descriptions: Vec<u8> =
            keys.iter().flat_map(|(version, name, id)| describe(*version, *id, new.key(*name))).collect();
        let values: Vec<u8> = keys.iter().flat_map(|(_, name, _)| value(new.key(*name))).collect();
        let data = [&[0x00, 0xB9, descriptions.len() as u8][..], &descriptions, &values].concat();
        assert_eq!(host.send(&mut card, [0x80, 0xE2, 0x88, 0x00], &data), (vec![], 0x9000));
        let (answer, status) = raw(&mut card, &hex("8050300008 1111111111111111 00"));
        assert_eq!((&answer[29..], status), (&[0, 0, 7][..], 0x9000), "{order:02X?}");
    }
}

/// The host sends no INSTALL [for personalization] for blocks that never come: "blocks go to that application until: last
/// block" (GPCS 11.11), so what comes next would go there.
#[test]
fn the_host_prepares_no_application_for_nothing() {
    use gp_cardmanager_model::store_data::{Encryption, StoreDataFormat, Structure};
    use host::{Authenticate, StoreData, run};
    let mut bench = Bench::new();
    let mut card = bench.card();
    drop(content::session_with_app(&mut card));
    assert_eq!(kit::select(&mut card, &[]).1, 0x9000);
    let mut link = Link(&mut card, 0);
    let (mut command, mut response) = ([0; 300], [0; 300]);
    let mut host = host::Host::new(&mut command, &mut response, ());
    let keys = factory_keys();
    let task = Authenticate::new(Challenge::new(&[0x11; 8]).unwrap(), SecurityLevel::CMac, |_| Ok(&keys));
    run(&mut host, &mut link, task.with_key_version(kit::KVN)).unwrap();
    let format = StoreDataFormat { encryption: Encryption::None, structure: Structure::None, answer: false };
    let sent = link.1;
    let task = StoreData::in_pieces(format, &[]).to_application(Aid::new(&APP).unwrap());
    let answer = run(&mut host, &mut link, task).map(|_| ());
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(link.1, sent);
}

/// "registry update | AM or DM | must also accept: the application's SD, if another" (GPCS 9.1): also where the update disables
/// functions of a domain.
#[test]
fn a_restriction_asks_the_domain_above() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = session(&mut card);
    // It lets nobody else do anything to what belongs to it.
    content::make_domain(&mut host, &mut card, &SSD, &hex("804000"), "820100 830100 870100");
    content::give_keys(&mut host, &mut card, &SSD, kit::KVN, &keys_from(0x11, 16));
    let mut owner = content::session_of(&mut card, &SSD, 0x11);
    let fields: [&[u8]; 6] =
        [&content::DOMAIN_FILE, &content::DOMAIN_MODULE, &SSD2, &hex("804000"), &hex("C900"), EMPTY];
    assert_eq!(owner.install(&mut card, 0x0C, 0, &fields), (vec![0], 0x9000));
    let mut host = session(&mut card);
    let privileges: [&[u8]; 6] = [EMPTY, EMPTY, &SSD2, &[0x80], EMPTY, EMPTY];
    assert_eq!(host.install(&mut card, 0x40, 0, &privileges), (vec![], 0x6985), "its privileges");
    let restriction: [&[u8]; 6] = [&SSD2, EMPTY, EMPTY, EMPTY, &hex("EF03D90102"), EMPTY];
    assert_eq!(host.install(&mut card, 0x40, 0, &restriction), (vec![], 0x6985), "its functions");
}

/// "an SD needs at least one such set" (Amendment D 4.1.3): the session stands on initial keys that are gone, and what took
/// their place is all there is.
#[test]
fn the_last_key_set_is_not_deleted() {
    let mut bench = Bench::with(kit::factory(vec![kit::key_set(0xFF, factory_keys(), [0; 3])]));
    let mut card = bench.card();
    let mut host = Host::open(&mut card, 0, SecurityLevel::CMac).unwrap();
    let new = keys_from(0x77, 16);
    let body = kit::key_data(factory_keys().dek(), 0x30, &[KeyId::Enc, KeyId::Mac, KeyId::Dek].map(|id| new.key(id)));
    assert_eq!(host.status(&mut card, [0x80, 0xD8, 0x00, 0x81], &body), 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE4, 0, 0], &hex("D20130")), 0x6985);
    assert!(Opening::new(&mut keys_from(0x77, 16), 0, SecurityLevel::CMac).open(&mut card).is_ok());
}

/// "A DM SD works only inside that tree" (GPCS 9.1.3): it gives nothing away to another one.
#[test]
fn a_delegate_gives_nothing_to_another_tree() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    let root = hex("D2760000020A");
    let theirs = Key::new(&[0x0A; 16]).unwrap();
    personal_domain(&mut host, &mut card, &root, "806000", 0x33);
    personal_domain(&mut host, &mut card, &SSD2, "A0", 0x22);
    install(&mut host, &mut card, &APP, &[0], "C900");
    extradite(&mut host, &mut card, &APP, &SSD2);
    extradite(&mut host, &mut card, &SSD2, &root);
    extradite(&mut host, &mut card, &root, &root);
    let mut manager = content::session_of(&mut card, &root, 0x33);
    add_key(&mut card, &mut manager, keys_from(0x33, 16).dek(), 0x70, &theirs);
    let mut delegate = content::session_of(&mut card, &SSD2, 0x22);
    let answer = signed(&mut card, &mut delegate, &theirs, 0x10, &[&ISD, EMPTY, &APP, EMPTY, EMPTY]);
    assert_eq!(answer, (vec![], 0x6985));
}

/// The same after an extradition: the keys of the domain that had it open nothing any more.
#[test]
fn keys_of_the_domain_before_open_nothing_after_an_extradition() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = session(&mut card);
    personal_domain(&mut host, &mut card, &SSD2, "80", 0x22);
    // Without keys of its own, PERSONALIZED or not: those of the ISD serve it.
    content::make_domain(&mut host, &mut card, &SSD, &hex("80"), "");
    let late = challenge_beside(&mut card, &SSD);
    // From now on those of the other one, which have the same version.
    extradite(&mut host, &mut card, &SSD, &SSD2);
    assert_ne!(raw(&mut card, &late).1, 0x9000);
}

/// INSTALL [for load]: "(8) token needed/forbidden, hash present when needed, token verifies" (GPCS 9.3, 9.4): in this order.
#[test]
fn whether_there_is_a_token_goes_before_the_hash() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = session(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "A0", 0x11);
    let mut host = session(&mut card);
    // Forbidden, and no hash.
    let forbidden = host.install(&mut card, 0x02, 0, &[&PACKAGE, EMPTY, EMPTY, EMPTY, &[7; 16]]).1;
    let mut delegate = content::session_of(&mut card, &SSD, 0x11);
    // Needed and not there, and no hash.
    let needed = delegate.install(&mut card, 0x02, 0, &[&PACKAGE, EMPTY, EMPTY, EMPTY, EMPTY]).1;
    assert_eq!([forbidden, needed].map(|status| format!("{status:04X}")), ["6985", "6982"]);
}

/// Extradition: "sender SD = currently associated SD ...; target exists, is an SD" (GPCS 9.3, 9.4): in this order.
#[test]
fn who_extradites_goes_before_the_target() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = content::session_with_app(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "80", 0x11);
    extradite(&mut host, &mut card, &APP, &SSD);
    let answer = host.install(&mut card, 0x10, 0, &[&[0xEE; 5], EMPTY, &APP, EMPTY, EMPTY, EMPTY]).1;
    assert_eq!(format!("{answer:04X}"), "6985");
}

/// Registry update: "extradition rules for the SD part; privileges replaced as a whole under section 2; CF appended" (GPCS 9.3, 9.4): in this
/// order.
#[test]
fn a_registry_update_looks_at_the_target_before_the_privileges() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = content::session_with_app(&mut card);
    let answer = host.install(&mut card, 0x40, 0, &[&[0xEE; 5], EMPTY, &APP, &[0x01], EMPTY, EMPTY]).1;
    assert_eq!(format!("{answer:04X}"), "6A88");
}

/// LOAD, last block: "every PERSONALIZED mandated-DAP SD and the target with DAP have a verified block; hash equals; imports
/// resolvable" (GPCS 9.3, 9.4): in this order. Nobody learns which packages a card has from a load file that nobody vouches for.
#[test]
fn imports_are_looked_for_last() {
    let missing = hex("D27600011877");
    let component = |tag: u8, body: &[u8]| [&[tag][..], &(body.len() as u16).to_be_bytes(), body].concat();
    let header = component(1, &[&hex("DECAFFED 0102 04 0001"), &lv(&PACKAGE)[..]].concat());
    let block = [header, component(4, &[&[1, 0, 1][..], &lv(&missing)].concat())].concat();
    let mut bench = roomy();
    bench.desk.0.borrow_mut().lacks.insert(missing);
    let mut card = bench.card();
    let mut host = session(&mut card);
    dap_domain(&mut host, &mut card, &SSD, 0x55);
    let hash = toy_hash(&block, 32);
    assert_eq!(host.install(&mut card, 0x02, 0, &[&PACKAGE, EMPTY, &hash, EMPTY, EMPTY]), (vec![0], 0x9000));
    let answer = host.load(&mut card, &tlv(0xC4, &block), 200).1;
    assert_eq!(format!("{answer:04X}"), "6982", "the DAP is missing");
}

/// Combined process, first command: "hash and 5F20 are noted"; at the end "5F20 for file and application" (GPCS 11.5).
#[test]
fn the_combined_process_keeps_the_provider_for_both() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let named = tlv(0xB6, &tlv(0x5F20, &[0xB5, 0xB6, 0xB7]));
    assert_eq!(host.install(&mut card, 0x0E, 1, &[&PACKAGE, EMPTY, EMPTY, &named, EMPTY]), (vec![0], 0x9000));
    let file = tlv(0xC4, &cap_block(&PACKAGE, &[&MODULE]));
    assert_eq!(host.load(&mut card, &file, 100), (vec![0], 0x9000));
    let last: [&[u8]; 6] = [&PACKAGE, &MODULE, &APP, &[0], &hex("C900"), EMPTY];
    assert_eq!(host.install(&mut card, 0x0E, 3, &last), (vec![0], 0x9000));
    drop(card);
    let kept = bench.ram.registry.iter().filter(|entry| format!("{entry:?}").contains("provider: [181, 182, 183, 0"));
    assert_eq!(kept.count(), 2, "the file and the application");
}

/// "failed-authentication counter": who proved both keys and asked for a level that is not there has tried no wrong key.
#[test]
fn a_level_that_is_not_there_locks_nobody_out() {
    let mut bench = Bench::new();
    bench.profile.implementation = gp_scp03::Implementation::new(0x10);
    bench.profile.max_failures = 1;
    let mut card = bench.card();
    // The host knows no better than to ask for R-MAC.
    let initiator = Initiator::new(Challenge::new(&[0x11; 8]).unwrap(), LogicalChannel::new(0).unwrap(), kit::KVN);
    let mut buffer = [0; 261];
    let (mut data, status) = raw(&mut card, initiator.initialize_update(&mut buffer).unwrap());
    assert_eq!(status, 0x9000);
    // "i" as if it had R-MAC.
    data[12] = 0x70;
    let answer = [data, vec![0x90, 0x00]].concat();
    let challenged = initiator.challenged(Response::parse(&answer).unwrap()).unwrap();
    let keys: &mut StaticKeys = &mut factory_keys();
    let command =
        challenged.authenticate(keys, SecurityLevel::CMacRMac, ChallengePolicy::Off, &mut buffer).unwrap().1.to_vec();
    assert_eq!(raw(&mut card, &command).1, 0x6A86);
    assert!(Host::open(&mut card, kit::KVN, SecurityLevel::CMac).is_ok());
}

/// "FCI: 6F {84 AID, A5 {73 SD management data (opt), ...}}", "Selecting ... ends the channel's application session" (GPCS 11.9); "ISD
/// must take 42, 45, 4F, 66, 67" (GPCS 11.11): data that the card took by STORE DATA does not make its selection fail, least of all
/// after it has taken place.
#[test]
fn card_data_that_was_stored_hinders_no_selection() {
    let oid = "06072A864886FC6B01";
    let long = [hex(oid), hex("600C060A2A864886FC6B02020301"), tlv(0x65, &[0x5A; 214])].concat();
    let mut answers = vec![];
    for objects in [hex(oid), long] {
        let mut bench = Bench::new();
        let mut card = bench.card();
        let mut host = session(&mut card);
        let data = tlv(0x66, &tlv(0x73, &objects));
        assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x90, 0x00], &data), 0x9000);
        assert_eq!(host.send(&mut card, [0x80, 0xCA, 0x00, 0x66], &[]), (data, 0x9000));
        answers.push(format!("{:04X}", kit::select(&mut card, &ISD).1));
    }
    assert_eq!(answers, ["9000", "9000"], "without version; long");
}

/// A refused command changes nothing: who is selected stays when SELECT says that there is nobody of this name.
#[test]
fn a_selection_that_is_refused_has_not_taken_place() {
    let mut bench = Bench::new();
    let desk = bench.desk.clone();
    let mut card = bench.card();
    let mut host = content::session_with_app(&mut card);
    let data = tlv(0x66, &tlv(0x73, &hex("06072A864886FC6B01")));
    assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x90, 0x00], &data), 0x9000);
    assert_eq!(kit::select(&mut card, &APP).1, 0x9000);
    desk.take_events();
    if kit::select(&mut card, &ISD).1 != 0x9000 {
        assert!(!desk.take_events().contains(&Event::Deselect(Aid::new(&APP).unwrap())), "the application is left");
    }
}

/// "every SD must" show 42; "CLA b8=0 -> value only" (GPCS 11.3): what the card has taken it shows, where it fits a response.
#[test]
fn the_longest_object_is_shown() {
    let mut bench = Bench::new();
    bench.ram = kit::Ram::new(24, 24, 32, 2);
    let mut card = bench.card();
    let mut host = session(&mut card);
    let data = tlv(0x42, &[0x5A; 255]);
    assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x10, 0x00], &data[..100]), 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x90, 0x01], &data[100..]), 0x9000);
    kit::select(&mut card, &[]);
    let answer = raw(&mut card, &hex("00CA004200"));
    assert_eq!((answer.0.len(), format!("{:04X}", answer.1)), (255, "9000".into()));
}

/// "Module to install": without a name the one that is called as the application, else the only one (GPCS 11.5).
#[test]
fn a_module_without_a_name_is_the_only_one() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = session(&mut card);
    let second = [&MODULE[..6], &[2]].concat();
    host.load_package(&mut card, &FILE, &[&MODULE]);
    host.load_package(&mut card, &PACKAGE, &[&OTHER, &second]);
    let c9 = hex("C900");
    let mut install =
        |file: &[u8], aid: &[u8]| host.install(&mut card, 0x0C, 0, &[file, EMPTY, aid, &[0], &c9, EMPTY]).1;
    assert_eq!([install(&FILE, &APP), install(&PACKAGE, &OTHER), install(&PACKAGE, &SSD)], [0x9000, 0x9000, 0x6A88]);
}

/// A stranger who makes the counters of a full card count does not wear its flash out: an erase serves many.
#[test]
fn a_full_card_still_counts_many_times_between_two_erases() {
    let mut bench = Bench::new();
    bench.ram = kit::Ram::new(200, 60, 60, 1);
    bench.flash = kit::Shared::new(256);
    let mut card = bench.card();
    let mut host = session(&mut card);
    let mut name = 0_u32;
    loop {
        name += 1;
        let package = [&PACKAGE[..], &name.to_be_bytes()].concat();
        if host.install(&mut card, 0x02, 0, &[&package, EMPTY, EMPTY, EMPTY, EMPTY]).1 != 0x9000
            || host.load(&mut card, &tlv(0xC4, &cap_block(&package, &[&package])), 200).1 != 0x9000
        {
            break;
        }
    }
    assert!(name > 20, "{name} files");
    let before = card.wear().erases;
    let rounds = 1000;
    for _ in 0..rounds {
        kit::select(&mut card, &[]);
        assert_eq!(raw(&mut card, &hex("8050300008 1111111111111111 00")).1, 0x9000);
    }
    let erases = card.wear().erases - before;
    println!("{erases} erases for {rounds} INITIALIZE UPDATEs on a full card of {name} load files");
    assert!(erases <= rounds / 12, "{erases}");
}

/// "LOCKED: rejects all commands" (GPCS 5.3.2.4): its load does not hinder others.
#[test]
fn the_load_of_a_domain_that_was_locked_makes_room_for_others() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = session(&mut card);
    personal_domain(&mut host, &mut card, &SSD, "804000", 0x11);
    let mut manager = content::session_of(&mut card, &SSD, 0x11);
    let mut issuer = issuer_beside(&mut card);
    assert_eq!(manager.install(&mut card, 0x02, 0, &[&PACKAGE, EMPTY, EMPTY, EMPTY, EMPTY]).1, 0x9000);
    assert_eq!(issuer.install(&mut card, 0x02, 0, &[&FILE, EMPTY, EMPTY, EMPTY, EMPTY]).1, 0x6985);
    assert_eq!(issuer.status(&mut card, [0x80, 0xF0, 0x40, 0x80], &SSD), 0x9000);
    assert_eq!(issuer.install(&mut card, 0x02, 0, &[&FILE, EMPTY, EMPTY, EMPTY, EMPTY]).1, 0x9000);
}

/// A stranger who selects the domain on another channel ends no STORE DATA that is for the domain itself.
#[test]
fn data_for_the_domain_itself_go_on_whoever_selects_it_elsewhere() {
    let mut bench = roomy();
    let mut card = bench.card();
    let mut host = session(&mut card);
    open_channel(&mut card);
    assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x10, 0x00], &hex("42035A")), 0x9000);
    assert_eq!(kit::select_on(&mut card, 1, &[]).1, 0x9000);
    assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x90, 0x01], &hex("5A5A")), 0x9000);
    assert_eq!(host.send(&mut card, [0x80, 0xCA, 0x00, 0x42], &[]), (hex("42035A5A5A"), 0x9000));
}

/// Restrictions (`D9`) add up and stay: those of a security domain, and those of all, which are kept in one place.
#[test]
fn restrictions_add_up() {
    let mut bench = roomy();
    bench.ram = kit::Ram::new(30, 60, 2, 4);
    let mut card = bench.card();
    let mut host = session(&mut card);
    load(&mut host, &mut card);
    personal_domain(&mut host, &mut card, &SSD, "804000", 0x11);
    let load: [&[u8]; 5] = [&PACKAGE, EMPTY, EMPTY, EMPTY, EMPTY];
    let make: [&[u8]; 6] = [&FILE, &MODULE, &APP, &[0x00], &[0xC9, 0x00], EMPTY];
    let restrict = |host: &mut Host, card: &mut TestCard<'_>, functions: &str| {
        let parameters = hex(functions);
        assert_eq!(host.install(card, 0x40, 0, &[EMPTY, EMPTY, &SSD, EMPTY, &parameters, EMPTY]), (vec![0], 0x9000));
    };
    // INSTALL [for load], the same again, INSTALL [for install].
    restrict(&mut host, &mut card, "EF03D90102");
    restrict(&mut host, &mut card, "EF03D90102");
    let mut manager = content::session_of(&mut card, &SSD, 0x11);
    assert_eq!(manager.install(&mut card, 0x02, 0, &load), (vec![], 0x6985));
    assert_eq!(manager.install(&mut card, 0x0C, 0, &make), (vec![0], 0x9000));
    let mut host = session(&mut card);
    assert_eq!(host.send(&mut card, [0x80, 0xE4, 0, 0], &tlv(0x4F, &APP)), (vec![0], 0x9000));
    restrict(&mut host, &mut card, "EF03D90104");
    let mut manager = content::session_of(&mut card, &SSD, 0x11);
    assert_eq!(manager.install(&mut card, 0x02, 0, &load), (vec![], 0x6985));
    assert_eq!(manager.install(&mut card, 0x0C, 0, &make), (vec![], 0x6985));
    // The same of all, beside data of others; there is room for one of each.
    let mut host = session(&mut card);
    assert_eq!(host.status(&mut card, [0x80, 0xE2, 0x80, 0x00], &hex("4201AA")), 0x9000);
    for functions in [0x02, 0x02, 0x04] {
        content::restrict(&mut host, &mut card, functions);
    }
    assert_eq!(host.install(&mut card, 0x02, 0, &load), (vec![], 0x6985));
    assert_eq!(host.install(&mut card, 0x0C, 0, &make), (vec![], 0x6985));
}
