//! Every state, requested state and actor of the three life cycles, against tables written out from the figures of the
//! Card Specification (5-1 to 5-3) in octets, without use of the crate's own tables.

use gp_cardmanager_model::lifecycle::{
    Actors, ApplicationLifeCycle, CARD, CARD_UNLOCK_BY_APPLICATION, CardLifeCycle, Kind, LifeCycle, LoadFileLifeCycle,
    OP_READY_TO_SECURED, SecurityDomainLifeCycle,
};

const ACTORS: [Actors; 9] = [
    Actors::OPEN,
    Actors::CARD_STATE,
    Actors::CARD_LOCK_DOMAIN,
    Actors::CARD_LOCK_APPLICATION,
    Actors::CARD_TERMINATE,
    Actors::INSTALLER,
    Actors::ITSELF,
    Actors::DOMAIN_ABOVE,
    Actors::GLOBAL_LOCK,
];

/// Asks `may_become` for each actor alone, for nobody, and for all others together.
fn ask(allowed: &[Actors], what: &str, may_become: impl Fn(Actors) -> bool) {
    let mut others = Actors::NONE;
    for actor in ACTORS {
        let expected = allowed.contains(&actor);
        assert_eq!(may_become(actor), expected, "{what} by {actor}");
        if !expected {
            others = others | actor;
        }
        // A right more never takes one away.
        assert_eq!(may_become(actor | Actors::OPEN), expected || allowed.contains(&Actors::OPEN), "{what} by {actor}");
    }
    assert!(!may_become(others), "{what} by all others");
    assert!(!may_become(Actors::NONE), "{what} by nobody");
}

/// `pattern` as the tables of the specification print it: `x` is any bit.
fn fits(pattern: &str, octet: u8) -> bool {
    format!("{octet:08b}").chars().zip(pattern.chars()).all(|(bit, wanted)| wanted == 'x' || wanted == bit)
}

// ---- card: 5 states --------------------------------------------------------------------------------------------------

fn card_arrow(from: u8, to: u8) -> &'static [Actors] {
    const LOCK: &[Actors] = &[Actors::OPEN, Actors::CARD_LOCK_DOMAIN, Actors::CARD_LOCK_APPLICATION];
    const TERMINATE: &[Actors] = &[Actors::OPEN, Actors::CARD_TERMINATE];
    match (from, to) {
        (0x01, 0x07) | (0x07, 0x0F) => &[Actors::CARD_STATE],
        (0x0F, 0x7F) => LOCK,
        (0x7F, 0x0F) => &[Actors::CARD_LOCK_DOMAIN],
        (0x01 | 0x07 | 0x0F | 0x7F, 0xFF) => TERMINATE,
        _ => &[],
    }
}

#[test]
fn card() {
    let codes = [0x01, 0x07, 0x0F, 0x7F, 0xFF];
    for octet in 0..=0xFF {
        assert_eq!(CardLifeCycle::from_octet(octet).is_some(), codes.contains(&octet), "{octet:02X}");
    }
    let mut arrows = 0;
    for from in codes {
        for to in codes {
            let (a, b) = (CardLifeCycle::from_octet(from).unwrap(), CardLifeCycle::from_octet(to).unwrap());
            let allowed = card_arrow(from, to);
            arrows += usize::from(!allowed.is_empty());
            ask(allowed, &format!("{a} -> {b}"), |by| a.may_become(b, by));
        }
    }
    assert_eq!(arrows, CARD.len());
}

#[test]
fn lenient_arrows_are_apart() {
    use CardLifeCycle::{CardLocked, OpReady, Secured};
    for actor in ACTORS {
        assert!(!OpReady.may_become(Secured, actor));
        assert_eq!(OP_READY_TO_SECURED.allows(OpReady, Secured, actor), actor == Actors::CARD_STATE);
        assert_eq!(
            CARD_UNLOCK_BY_APPLICATION.allows(CardLocked, Secured, actor),
            actor == Actors::CARD_LOCK_APPLICATION
        );
        assert!(!CARD_UNLOCK_BY_APPLICATION.allows(Secured, CardLocked, actor));
    }
}

// ---- load file: one state, and one that old cards report -------------------------------------------------------------

#[test]
fn load_file() {
    for octet in 0..=0xFF {
        let expected = match octet {
            0x01 => Some(LoadFileLifeCycle::Loaded),
            0x00 => Some(LoadFileLifeCycle::LogicallyDeleted),
            _ => None,
        };
        assert_eq!(LoadFileLifeCycle::from_octet(octet), expected);
    }
}

// ---- application: every octet to every octet -------------------------------------------------------------------------

const LOCK: &[Actors] = &[Actors::OPEN, Actors::ITSELF, Actors::DOMAIN_ABOVE, Actors::GLOBAL_LOCK];
const UNLOCK: &[Actors] = &[Actors::DOMAIN_ABOVE, Actors::GLOBAL_LOCK];

fn application_arrow(from: u8, to: u8) -> &'static [Actors] {
    let running = |octet| fits("0xxxx111", octet); // SELECTABLE and the application's own states
    if from == to {
        &[]
    } else if from == 0x03 && to == 0x07 {
        &[Actors::INSTALLER]
    } else if running(from) && running(to) {
        &[Actors::ITSELF]
    } else if (from == 0x03 || running(from)) && to == from + 0x80 {
        LOCK
    } else if (to == 0x03 || running(to)) && from == to + 0x80 {
        UNLOCK
    } else {
        &[]
    }
}

#[test]
fn application() {
    let coded = |octet| ["00000011", "0xxxx111", "1xxxxx11"].into_iter().any(|pattern| fits(pattern, octet));
    let mut states = 0;
    for from in 0..=0xFF {
        let state = ApplicationLifeCycle::from_octet(from);
        assert_eq!(state.is_some(), coded(from), "{from:02X}");
        let Some(state) = state else { continue };
        states += 1;
        for to in (0..=0xFF).filter(|to| coded(*to)) {
            let wanted = ApplicationLifeCycle::from_octet(to).unwrap();
            ask(application_arrow(from, to), &format!("{from:02X} -> {to:02X}"), |by| state.may_become(wanted, by));
        }
    }
    assert_eq!(states, 1 + 16 + 32);
}

#[test]
fn application_never_becomes_installed_again() {
    for from in (0..0x80).filter_map(ApplicationLifeCycle::from_octet) {
        assert!(ACTORS.iter().all(|by| !from.may_become(ApplicationLifeCycle::INSTALLED, *by)));
    }
}

#[test]
fn locking_is_one_bit() {
    for octet in 0..=0xFF {
        if let Some(state) = ApplicationLifeCycle::from_octet(octet) {
            assert_eq!(state.lock().map(ApplicationLifeCycle::octet), (octet < 0x80).then_some(octet | 0x80));
            let before = ApplicationLifeCycle::from_octet(octet & 0x7F).filter(|_| octet >= 0x80);
            assert_eq!(state.unlock(), before);
        }
        if let Some(state) = SecurityDomainLifeCycle::from_octet(octet) {
            assert_eq!(state.lock().map(SecurityDomainLifeCycle::octet), (octet < 0x80).then_some(octet | 0x80));
            let before = SecurityDomainLifeCycle::from_octet(octet & 0x7F).filter(|_| octet >= 0x80);
            assert_eq!(state.unlock(), before);
        }
    }
}

// ---- security domain: every octet to every octet -----------------------------------------------------------------------

fn security_domain_arrow(from: u8, to: u8) -> &'static [Actors] {
    match (from, to) {
        (0x03, 0x07) => &[Actors::INSTALLER],
        (0x07, 0x0F) => &[Actors::ITSELF],
        (0x03, 0x83) | (0x07, 0x87) | (0x0F, 0x8F) => LOCK,
        (0x83, 0x03) | (0x87, 0x07) | (0x8F, 0x0F) => UNLOCK,
        _ => &[],
    }
}

#[test]
fn security_domain() {
    let coded =
        |octet| ["00000011", "00000111", "00001111", "1000xx11"].into_iter().any(|pattern| fits(pattern, octet));
    for from in 0..=0xFF {
        let state = SecurityDomainLifeCycle::from_octet(from);
        assert_eq!(state.is_some(), coded(from), "{from:02X}");
        let Some(state) = state else { continue };
        for to in (0..=0xFF).filter(|to| coded(*to)) {
            let wanted = SecurityDomainLifeCycle::from_octet(to).unwrap();
            ask(security_domain_arrow(from, to), &format!("{from:02X} -> {to:02X}"), |by| state.may_become(wanted, by));
        }
    }
}

#[test]
fn the_kind_decides_the_coding() {
    // 0F: SECURED, PERSONALIZED, or a state of the application's own.
    assert_eq!(LifeCycle::of(Kind::IssuerSecurityDomain, 0x0F), LifeCycle::Card(CardLifeCycle::Secured));
    assert_eq!(
        LifeCycle::of(Kind::SecurityDomain, 0x0F),
        LifeCycle::SecurityDomain(SecurityDomainLifeCycle::PERSONALIZED)
    );
    assert_eq!(LifeCycle::of(Kind::Application, 0x0F).to_string(), "SPECIFIC (0F)");
    assert_eq!(LifeCycle::of(Kind::LoadFile, 0x0F), LifeCycle::Unknown(0x0F));
}
