//! Nothing that can be formatted shows a key, and what a session takes in memory is what the documentation says.

use core::fmt::Debug;
use gp_apdu::{Response, StatusWord};
use gp_scp03::{
    Authenticating, Challenged, CtrDrbg128, CtrDrbg256, DrbgError, Error, ExpandedKeys, Implementation, Key, Mode,
    Reply, Responder, Script, SecureChannel, SecurityLevel, SequenceCounter, SessionKeys, State, StaticKeys, Target,
};

#[path = "support/session.rs"]
mod session;

use session::{AID, Setup, copy, host_state, octets};

/// Every way that `format!` knows to show octets, without spaces and line breaks.
fn shown(value: &impl Debug) -> Vec<String> {
    let texts = [
        format!("{value:?}"),
        format!("{value:#?}"),
        format!("{value:x?}"),
        format!("{value:X?}"),
        format!("{value:#x?}"),
    ];
    texts.iter().map(|text| text.split_whitespace().collect::<String>()).collect()
}

/// Does the text hold three octets in a row of the secret, in decimal or hexadecimal?
fn leaks(text: &str, secret: &[u8]) -> bool {
    let text = text.to_lowercase();
    secret.windows(3).any(|window| {
        let list = |each: fn(&u8) -> String, between: &str| window.iter().map(each).collect::<Vec<_>>().join(between);
        [
            list(|octet| format!("{octet}"), ","),
            list(|octet| format!("{octet:x}"), ","),
            list(|octet| format!("{octet:#x}"), ","),
            list(|octet| format!("{octet:02x}"), ""),
            list(|octet| format!("{octet:02x}"), ":"),
        ]
        .iter()
        .any(|form| text.contains(form))
    })
}

#[test]
fn the_search_finds_what_is_there() {
    let secret = octets(60, 16);
    for text in shown(&secret) {
        assert!(leaks(&text, &secret));
    }
    assert!(leaks(&secret.iter().map(|octet| format!("{octet:02X}")).collect::<String>(), &secret));
    assert!(!leaks("Key(..)", &secret));
}

#[test]
fn no_key_is_ever_shown() {
    let mut looked_at = 0;
    for key_length in [16, 24, 32] {
        for mode in [Mode::S8, Mode::S16] {
            let setup = Setup::new(key_length, mode, SecurityLevel::Full, 0);
            let keys = setup.keys();
            let (challenged_card, answer) = setup.challenged_card();
            let challenged = setup.initiator().challenged(Response::parse(&answer).unwrap()).unwrap();
            let (authenticating, _) = setup.authenticate(&answer);
            let (mut host, open_card) = setup.open();
            let state = host_state(&mut host);
            let mut secrets: Vec<Vec<u8>> = (1..=3).map(|seed| octets(seed, key_length)).collect();
            for key in [state.keys.enc(), state.keys.mac(), state.keys.r_mac()] {
                secrets.push(key.expose_secret().to_vec());
            }
            secrets.push(state.chaining_value.to_vec());
            // The host cryptogram is as good as a key to the card until it has been shown.
            secrets.push(setup.authenticate(&answer).1[5..5 + mode.octets()].to_vec());
            let seed = octets(61, 48);
            secrets.push(seed.clone());

            let target = Target {
                key_version: setup.info().key_version,
                implementation: Implementation::new(setup.i | 0x30),
                sequence: SequenceCounter::new([0, 0, 5]),
                aid: &AID,
                channel: setup.channel,
            };
            let challenge = setup.host_challenge();
            let script = Script::new(&mut setup.keys(), &target, &challenge, setup.level, &mut [0; 64]).unwrap().0;
            for key in [script.session_keys().enc(), script.session_keys().mac(), script.session_keys().r_mac()] {
                secrets.push(key.expose_secret().to_vec());
            }

            let mut texts = Vec::new();
            texts.extend(shown(&script));
            texts.extend(shown(&Key::new(&secrets[0]).unwrap()));
            texts.extend(shown(&keys));
            texts.extend(shown(&ExpandedKeys::new(&keys)));
            texts.extend(shown(authenticating.session_keys()));
            texts.extend(shown(&setup.initiator()));
            texts.extend(shown(&challenged));
            texts.extend(shown(&authenticating));
            texts.extend(shown(&host));
            texts.extend(shown(&Responder::new()));
            texts.extend(shown(&challenged_card));
            texts.extend(shown(&open_card));
            texts.extend(shown(&state));
            texts.extend(shown(&CtrDrbg128::new(&seed[..32], &[]).unwrap()));
            texts.extend(shown(&CtrDrbg256::new(&seed, &[]).unwrap()));
            for text in &texts {
                for secret in &secrets {
                    assert!(!leaks(text, secret), "{text}");
                }
                looked_at += 1;
            }
        }
    }
    assert_eq!(looked_at, 6 * 15 * 5);
}

/// Errors say which they are and not a word about what was expected.
#[test]
fn errors_say_what_happened() {
    let errors = [
        Error::KeyLength,
        Error::ChallengeLength,
        Error::AidLength,
        Error::Apdu(gp_apdu::Error::BufferFull),
        Error::Class,
        Error::Malformed,
        Error::OtherProtocol(2),
        Error::OtherMode,
        Error::TryS16,
        Error::OtherKeyVersion(0x30),
        Error::Status(StatusWord::AUTHENTICATION_FAILED),
        Error::CardCryptogram,
        Error::CardChallenge,
        Error::Level,
        Error::Security,
        Error::Closed,
        Error::State,
        Error::MessageLimit,
        Error::CounterExhausted,
        Error::NotAuthentic,
        Error::KeySource,
    ];
    let mut texts: Vec<String> = errors.iter().map(Error::to_string).collect();
    let drbg = [DrbgError::SeedLength, DrbgError::RequestTooLong, DrbgError::ReseedRequired];
    texts.extend(drbg.iter().map(DrbgError::to_string));
    let count = texts.len();
    assert!(texts.iter().all(|text| text.len() > 10 && !text.ends_with('.')));
    texts.sort();
    texts.dedup();
    assert_eq!((texts.len(), count), (24, 24));
    assert_eq!(Error::OtherProtocol(2).to_string(), "the card speaks SCP02");
    assert!(Error::Status(StatusWord(0x6A88)).to_string().contains("6A88"));
    for error in errors {
        let source = core::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(source.is_some(), matches!(error, Error::Apdu(_)));
        assert!(error.status_word().is_error() || error == Error::Status(StatusWord::AUTHENTICATION_FAILED));
    }
    assert_eq!(Error::Security.status_word(), StatusWord::SECURITY_STATUS);
    assert_eq!(Error::CardCryptogram.status_word(), StatusWord::SECURITY_STATUS);
    assert_eq!((size_of::<Error>(), size_of::<Result<Reply<'_>, Error>>() <= 32), (4, true));
}

/// A key of 16 octets is not one of 24 that begins with it and ends in zeros, though both lie in 32 octets.
#[test]
fn keys_are_compared_in_constant_time_and_by_length() {
    use subtle::ConstantTimeEq;
    let long = [&[7; 16][..], &[0; 16]].concat();
    for a in [16, 24, 32] {
        for b in [16, 24, 32] {
            let equal = Key::new(&long[..a]).unwrap().ct_eq(&Key::new(&long[..b]).unwrap());
            assert_eq!(bool::from(equal), a == b);
        }
    }
    let other = Key::new(&[8; 16]).unwrap();
    assert!(!bool::from(Key::new(&[7; 16]).unwrap().ct_eq(&other)));
    assert!(bool::from(other.duplicate_secret().ct_eq(&other)));
}

#[test]
fn lengths_that_keys_have() {
    for length in 0..=40 {
        let made = Key::new(&[1; 40][..length]);
        assert_eq!(made.is_ok(), [16, 24, 32].contains(&length));
        if let Ok(key) = made {
            assert_eq!((key.length().octets(), key.expose_secret().len()), (length, length));
            assert_eq!(usize::from(key.length().bits()), length * 8);
        }
    }
    let key = |length: usize| Key::new(&[1; 32][..length]).unwrap();
    for (a, b, c) in [(16, 16, 24), (16, 32, 16), (24, 16, 16)] {
        assert_eq!(StaticKeys::new(key(a), key(b), key(c)).err(), Some(Error::KeyLength));
        assert_eq!(SessionKeys::new(key(a), key(b), key(c)).err(), Some(Error::KeyLength));
    }
    let mut data = [1; 17];
    assert_eq!(key(16).encrypt_sensitive(&mut data), Err(Error::Malformed));
    assert_eq!(key(16).decrypt_sensitive(&mut data), Err(Error::Malformed));
    assert_eq!(data, [1; 17]);
}

#[test]
fn the_published_keys_are_known() {
    let known: Vec<u8> = (0x40..0x60).collect();
    for length in [16, 24, 32] {
        assert!(StaticKeys::same(&known[..length]).unwrap().is_published_default());
        let key = |octets: &[u8]| Key::new(&octets[..length]).unwrap();
        let own = octets(62, 32);
        assert!(!StaticKeys::same(&own[..length]).unwrap().is_published_default());
        assert!(StaticKeys::new(key(&own), key(&own), key(&known)).unwrap().is_published_default());
    }
}

/// What a program has to reserve. Raw keys for small devices, expanded ones (feature `cached-keys`) for fast ones.
#[test]
fn sizes() {
    let sizes = [
        ("Key", size_of::<Key>()),
        ("StaticKeys", size_of::<StaticKeys>()),
        ("SessionKeys", size_of::<SessionKeys>()),
        ("State", size_of::<State>()),
        ("SecureChannel", size_of::<SecureChannel>()),
        ("Responder", size_of::<Responder>()),
        ("Option<SecureChannel>", size_of::<Option<SecureChannel>>()),
    ];
    println!("{sizes:?}");
    assert_eq!((size_of::<Key>(), size_of::<StaticKeys>()), (33, 99));
    // A context, two functions, and what they are aligned to.
    let engine = if cfg!(feature = "external-aes") { 4 * size_of::<usize>() + 4 } else { 0 };
    let most = |channel: usize, responder: usize| {
        let (channel, responder) = (channel + engine, responder + engine);
        assert!(size_of::<SecureChannel>() <= channel && size_of::<Responder>() <= responder, "{sizes:?}");
        assert!(size_of::<State>() <= channel + 4, "{sizes:?}");
    };
    match (cfg!(feature = "cached-keys"), cfg!(target_arch = "x86_64")) {
        (false, _) => most(128, 140),
        (true, true) => most(1312, 1344),
        // Three key schedules of AES-256, as large as a portable implementation makes them.
        (true, false) => most(3 * 960 + 136, 3 * 960 + 168),
    }
}

#[test]
fn a_copied_state_is_for_tests_alone() {
    let setup = Setup::new(16, Mode::S8, SecurityLevel::Full, 0);
    let (mut host, _) = setup.open();
    let state = host_state(&mut host);
    assert_eq!(session::picture(&copy(&state)), session::picture(&state));
}

/// Fails to compile where one of the types has one of the traits: then two implementations fit, and which is meant cannot be told.
macro_rules! lack {
    ($($type:ty),+ => $what:path) => {$({
        trait Has<Which> {
            fn it() {}
        }
        struct AsWell;
        impl<T: ?Sized> Has<()> for T {}
        impl<T: ?Sized + $what> Has<AsWell> for T {}
        <$type as Has<_>>::it();
    })+};
}

/// What holds secrets is neither copied nor compared nor printed by mistake. The proof is that this compiles.
#[test]
fn secrets_are_neither_cloned_nor_compared_nor_displayed() {
    macro_rules! secret {
        ($what:path) => {
            lack!(Key, StaticKeys, SessionKeys, ExpandedKeys, State, SecureChannel, Responder, Script => $what);
            lack!(Challenged, Authenticating, CtrDrbg128, CtrDrbg256 => $what);
        };
    }
    secret!(Clone);
    secret!(PartialEq);
    secret!(core::fmt::Display);
}
