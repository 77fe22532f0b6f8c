extern crate std;

use super::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::vec::Vec;

/// Runs of a property: `count` at the scale of `GP_TEST_SCALE` percent.
pub(crate) fn cases(count: u32) -> ProptestConfig {
    let scale = std::env::var("GP_TEST_SCALE").ok().and_then(|s| s.parse().ok()).unwrap_or(100_u32);
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases((count * scale / 100).max(1)) }
}

pub(crate) fn any_aid() -> impl Strategy<Value = Aid> {
    vec(any::<u8>(), 5..=16).prop_map(|octets| Aid::new(&octets).unwrap())
}

fn aid(last: u8) -> Aid {
    Aid::new(&[0xA0, 0, 0, 0, last]).unwrap()
}

fn field(privileges: Vec<u8>) -> Vec<u8> {
    match privileges.len() {
        2 => privileges[..1].to_vec(),
        _ => privileges,
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn every_form_returns(
        function in proptest::sample::select(&Function::ALL),
        aids in (any_aid(), any_aid(), any_aid()),
        given in (any::<bool>(), any::<bool>()),
        privileges in vec(any::<u8>(), 1..=3),
        hash in vec(any::<u8>(), 0..=127),
        parameters in vec(any::<u8>(), 0..300),
        token in vec(any::<u8>(), 0..300),
    ) {
        let privileges = field(privileges);
        let (first, second, third) = aids;
        let (some, more) = (given.0.then_some(second), given.1.then_some(first));
        let (privileges, parameters, token) = (&privileges[..], &parameters[..], &token[..]);
        let load = ForLoad { load_file: first, security_domain: some, hash: &hash, parameters, token };
        let install =
            ForInstall { load_file: Some(first), module: some, application: third, privileges, parameters, token };
        let body = match function {
            Function::Load => Install::Load(load),
            Function::CombinedFirst => Install::CombinedFirst(load),
            Function::Install => Install::Install(install),
            Function::InstallAndMakeSelectable => Install::InstallAndMakeSelectable(install),
            Function::CombinedLast => Install::CombinedLast(ForInstall { load_file: more, ..install }),
            Function::MakeSelectable => {
                Install::MakeSelectable(ForMakeSelectable { application: third, privileges, parameters, token })
            }
            Function::Extradition => {
                Install::Extradition(ForExtradition { security_domain: first, object: third, parameters, token })
            }
            Function::RegistryUpdate => Install::RegistryUpdate(ForRegistryUpdate {
                security_domain: more,
                application: some,
                privileges: if given.0 { privileges } else { &[] },
                parameters,
                token,
            }),
            Function::Personalization => Install::Personalization(third),
        };
        prop_assert_eq!(body.function(), function);
        let mut buf = [0; 1024];
        let octets = body.emit(&mut buf).unwrap().to_vec();
        prop_assert_eq!(octets.len(), body.encoded_len());
        let (p1, p2) = (function.p1(), function.p2());
        prop_assert_eq!(Install::parse(p1, p2, &octets), Ok(body));

        // The signed fields are the body without the token and its length.
        let signed = Install::signed_fields(p1, p2, &octets).unwrap();
        let mut again = [0; 1024];
        prop_assert_eq!(&*body.with_token(&[1, 2]).emit_signed_fields(&mut again).unwrap(), signed);
        prop_assert!(octets.starts_with(signed));

        // One octet less, on either side, is refused.
        for len in 0..octets.len() {
            prop_assert!(Install::parse(p1, p2, &octets[..len]).is_err());
        }
        let mut short = std::vec![0; octets.len() - 1];
        prop_assert_eq!(body.emit(&mut short).unwrap_err().kind, ErrorKind::BufferFull);
        let mut longer = octets.clone();
        longer.push(0);
        let error = Install::parse(p1, p2, &longer).unwrap_err();
        prop_assert_eq!(error, Error::at(ErrorKind::TrailingData, octets.len()));
    }

    #[test]
    fn parameters_return(
        function in proptest::sample::select(&Function::ALL),
        application in vec(any::<u8>(), 0..200),
        sizes in (option::of(any::<u32>()), option::of(any::<u16>()), option::of(any::<u32>())),
        value in vec(any::<u8>(), 0..50),
        names in vec(any::<[u8; 2]>(), 0..4),
        selection in option::of(vec(0..20_u8, 0..4)),
        restriction in any::<u8>(),
        which in any::<[bool; 8]>(),
    ) {
        let control = ControlReference {
            provider: which[0].then_some(&value[..]),
            image_number: which[1].then_some(&application[..]),
            application_provider: which[2].then_some(&value[..]),
            token_number: which[3].then_some(&[0x42][..]),
        };
        let set = selection.map(|channels| {
            channels.iter().fold(ImplicitSlots::EMPTY, |set, channel| {
                let octet = channel | if which[4] { 0x80 } else { 0x40 };
                set.union(ImplicitSlots::from_octet(octet).unwrap())
            })
        });
        let all = Parameters {
            application: Some(&application),
            code: sizes.0,
            volatile: sizes.1.map(u32::from),
            non_volatile: sizes.2,
            volatile_reserve: sizes.1.map(u32::from),
            non_volatile_reserve: sizes.0,
            format: which[5].then_some(&value),
            format_data: which[6].then_some(&value),
            services: Services::new(&names),
            ts_102_226: which[7].then_some(&value),
            implicit_selection: set,
            restriction: Some(Restriction::from_octet(restriction)),
            uicc: which[4].then_some(&value),
            control: which[5].then_some(control),
        };
        let (install, loads) = (function.installs(), function.loads());
        let update = function == Function::RegistryUpdate;
        let selectable = function.makes_selectable() || update;
        let fitting = Parameters {
            application: all.application.filter(|_| install),
            code: all.code.filter(|_| loads),
            volatile: all.volatile.filter(|_| loads || install),
            non_volatile: all.non_volatile.filter(|_| loads || install),
            volatile_reserve: all.volatile_reserve.filter(|_| install),
            non_volatile_reserve: all.non_volatile_reserve.filter(|_| install),
            format: all.format.filter(|_| loads),
            format_data: all.format_data.filter(|_| loads),
            services: if install || update { all.services } else { Services::default() },
            ts_102_226: all.ts_102_226.filter(|_| install),
            implicit_selection: all.implicit_selection.filter(|_| selectable),
            restriction: all.restriction.filter(|_| update),
            uicc: all.uicc.filter(|_| install),
            control: all.control.filter(|_| function != Function::Personalization),
        };
        let mut buf = [0; 2048];
        let octets = fitting.emit(function, &mut buf).unwrap();
        prop_assert_eq!(Parameters::parse_for(function, octets), Ok(fitting));
        prop_assert_eq!(Parameters::parse(octets), Ok(fitting));
        // The whole collection fits no function: D9 and C9 never go together.
        prop_assert!(all.emit(function, &mut buf).is_err());
    }

    #[test]
    fn security_domain_parameters_return(
        protocols in vec(any::<[u8; 2]>(), 0..3),
        policy in vec(any::<u8>(), 1..=2),
        which in any::<[bool; 5]>(),
    ) {
        let list: Vec<Protocol> = protocols.iter().map(|[id, options]| Protocol { id: *id, options: *options }).collect();
        let parameters = SecurityDomainParameters {
            protocols: Protocols::new(&list),
            extradition_to: which[0].then_some(&policy),
            deletion: which[1].then_some(policy[0]),
            explicit_personalization: which[2],
            casd: which[3].then_some([1, 2]),
            extradition_from: which[4].then_some(&policy),
            old_extradition: false,
        };
        let mut buf = [0; 64];
        let octets = parameters.emit(&mut buf).unwrap();
        prop_assert_eq!(SecurityDomainParameters::parse(octets), Ok(parameters));
        // C1 around them.
        let mut wrapped = std::vec![0xC1, u8::try_from(octets.len()).unwrap()];
        wrapped.extend_from_slice(octets);
        prop_assert_eq!(SecurityDomainParameters::parse(&wrapped), Ok(parameters));
    }

    #[test]
    fn no_octets_panic(octets in vec(any::<u8>(), 0..80)) {
        for function in Function::ALL {
            let _ = Install::parse_lenient(function.p1(), function.p2(), &octets);
            let _ = Parameters::parse_for(function, &octets);
        }
        let _ = SecurityDomainParameters::parse(&octets);
        let _ = ControlReference::parse(&octets);
    }
}

#[test]
fn fields_that_are_missing_or_too_many() {
    let with = |p1, data: &[u8]| Install::parse(p1, 0, data).unwrap_err();
    // No load file, a load file of 4 octets.
    assert_eq!(with(0x02, &[0, 0, 0, 0, 0]), Error::at(ErrorKind::Missing, 0));
    assert_eq!(with(0x02, &[4, 1, 2, 3, 4, 0, 0, 0, 0]), Error::at(ErrorKind::BadLength, 0));
    // Personalization of nobody, and with a token.
    assert_eq!(with(0x20, &[0, 0, 0, 0, 0, 0]), Error::at(ErrorKind::Missing, 2));
    let data = [0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 1, 9];
    assert_eq!(with(0x20, &data), Error::at(ErrorKind::Unexpected, 10));
    // Make selectable with a load file, extradition with privileges.
    let data = [5, 1, 2, 3, 4, 5, 0, 5, 1, 2, 3, 4, 5, 1, 0, 0, 0];
    assert_eq!(with(0x08, &data), Error::at(ErrorKind::Unexpected, 0));
    assert_eq!(with(0x10, &data), Error::at(ErrorKind::Unexpected, 13));
    // A hash of 128 octets.
    let mut long = std::vec![5, 1, 2, 3, 4, 5, 0, 0x80];
    long.extend([0; 128 + 2]);
    assert_eq!(with(0x02, &long), Error::at(ErrorKind::BadLength, 7));
    // The load file may be left out in the last command of the combined process only.
    let data = [0, 0, 5, 1, 2, 3, 4, 5, 1, 0, 2, 0xC9, 0, 0];
    assert_eq!(with(0x04, &data), Error::at(ErrorKind::Missing, 0));
    assert!(Install::parse(0x0E, 0x03, &data).is_ok());
}

#[test]
fn privileges_of_two_octets_need_the_lenient_reader() {
    for len in 0..=5_u8 {
        let mut data = std::vec![5, 1, 2, 3, 4, 5, 0, 5, 1, 2, 3, 4, 5, len];
        data.extend(core::iter::repeat_n(0, usize::from(len)));
        data.extend([2, 0xC9, 0, 0]);
        assert_eq!(Install::parse(4, 0, &data).is_ok(), [1, 3].contains(&len));
        assert_eq!(Install::parse_lenient(4, 0, &data).is_ok(), [1, 2, 3].contains(&len));
        let Ok(install) = Install::parse_lenient(4, 0, &data) else { continue };
        // What is read leniently is never sent.
        assert_eq!(install.emit(&mut [0; 64]).is_ok(), len != 2);
        // Registry update: none as well.
        data[..7].copy_from_slice(&[5, 1, 2, 3, 4, 5, 0]);
        assert_eq!(Install::parse(0x40, 0, &data).is_ok(), [0, 1, 3].contains(&len));
    }
}

#[test]
fn lengths_of_128_in_both_forms() {
    let token = [0xEE; 128];
    let body = Install::Extradition(ForExtradition {
        security_domain: aid(1),
        object: aid(2),
        parameters: &[],
        token: &token,
    });
    let mut buf = [0; 256];
    let octets = body.emit(&mut buf).unwrap().to_vec();
    let at = octets.len() - 130;
    assert_eq!(octets[at..at + 2], [0x81, 0x80]);
    let mut single = octets.clone();
    single.remove(at);
    assert_eq!(Install::parse(0x10, 0, &single), Ok(body));
}

#[test]
fn parameters_that_are_tolerated() {
    // CF beside EF, and several of them; two names in one CB; an unknown object in both places.
    let octets = [
        0xC9, 0x01, 0xAA, 0xEF, 0x0E, 0xCF, 0x01, 0x40, 0xCB, 0x04, 0x81, 0x03, 0x82, 0x00, 0xDA, 0x03, 1, 2, 3, 0xCF,
        0x01, 0x81, 0xDB, 0x00,
    ];
    let read = Parameters::parse(&octets).unwrap();
    let set = read.implicit_selection.unwrap();
    assert!(set.contact(0) && set.contactless(1) && !set.contact(1));
    assert!(read.services.iter().eq([[0x81, 0x03], [0x82, 0x00]]));
    assert!(Parameters::parse_for(Function::InstallAndMakeSelectable, &octets).is_ok());
    // CF needs a command that makes selectable.
    let error = Parameters::parse_for(Function::Install, &octets).unwrap_err();
    assert_eq!(error, Error::at(ErrorKind::Unexpected, 5));
    // C9 must be there to install.
    let error = Parameters::parse_for(Function::Install, &octets[3..5]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Truncated);
    assert_eq!(Parameters::parse_for(Function::Install, &[]).unwrap_err().kind, ErrorKind::Missing);
    // Explicit selection only.
    let none = Parameters::parse(&[0xEF, 0x03, 0xCF, 0x01, 0x00]).unwrap();
    assert_eq!(none.implicit_selection, Some(ImplicitSlots::EMPTY));
    let mut buf = [0; 8];
    assert_eq!(none.emit(Function::MakeSelectable, &mut buf).unwrap(), [0xEF, 0x03, 0xCF, 0x01, 0x00]);
}

/// Which object goes with which function (GPCS tables 11-49 to 11-52), as hosts write them: `EF` around all but C9 and EA.
#[test]
fn every_object_with_every_function() {
    use Function::*;
    let loads: &[Function] = &[Load, CombinedFirst];
    let installs: &[Function] = &[Install, InstallAndMakeSelectable, CombinedLast];
    let selectable: &[Function] = &[InstallAndMakeSelectable, MakeSelectable, CombinedLast, RegistryUpdate];
    let memory: &[Function] = &[Load, CombinedFirst, Install, InstallAndMakeSelectable, CombinedLast];
    let services: &[Function] = &[Install, InstallAndMakeSelectable, CombinedLast, RegistryUpdate];
    let cases: [(&[u8], &[Function]); 14] = [
        (&[0xC9, 0x00], installs),
        (&[0xEA, 0x00], installs),
        (&[0xEF, 0x04, 0xC6, 0x02, 1, 0], loads),
        (&[0xEF, 0x04, 0xC7, 0x02, 1, 0], memory),
        (&[0xEF, 0x04, 0xC8, 0x02, 1, 0], memory),
        (&[0xEF, 0x03, 0xCA, 0x01, 9], installs),
        (&[0xEF, 0x04, 0xCB, 0x02, 0x81, 3], services),
        (&[0xEF, 0x03, 0xCD, 0x01, 2], loads),
        (&[0xEF, 0x03, 0xCF, 0x01, 0x40], selectable),
        (&[0xEF, 0x04, 0xD7, 0x02, 1, 0], installs),
        (&[0xEF, 0x04, 0xD8, 0x02, 1, 0], installs),
        (&[0xEF, 0x03, 0xD9, 0x01, 1], &[RegistryUpdate]),
        (&[0xEF, 0x03, 0xDD, 0x01, 3], loads),
        (&[0xEF, 0x02, 0xDA, 0x00], &[]),
    ];
    for (octets, functions) in cases {
        for function in Function::ALL {
            // An application's parameters have to be there to install; objects that nobody knows may be anywhere.
            let whole = match octets[0] {
                0xC9 => octets.to_vec(),
                _ if function.installs() => [&[0xC9, 0x00], octets].concat(),
                _ => octets.to_vec(),
            };
            let unknown = octets.get(2) == Some(&0xDA) && function != Personalization;
            let read = Parameters::parse_for(function, &whole);
            assert_eq!(read.is_ok(), functions.contains(&function) || unknown, "{function:?} {octets:02X?}");
            if let Some(read) = read.ok().filter(|_| !unknown) {
                let mut buffer = [0; 32];
                let again = Parameters::parse(read.emit(function, &mut buffer).unwrap()).unwrap();
                assert_eq!(again, read, "{octets:02X?}");
            }
        }
    }
    let read = Parameters::parse(&[0xEF, 0x06, 0xCD, 0x01, 2, 0xDD, 0x01, 3]).unwrap();
    assert_eq!((read.format, read.format_data), (Some(&[2][..]), Some(&[3][..])));
}

/// What the types allow and INSTALL does not is not sent.
#[test]
fn bodies_that_are_not_sent() {
    let mut buffer = [0; 256];
    let file = |hash| ForLoad { load_file: aid(1), security_domain: None, hash, parameters: &[], token: &[] };
    for (length, fits) in [(0, true), (64, true), (127, true), (128, false)] {
        let hash = &[0x5A; 128][..length];
        for body in [Install::Load(file(hash)), Install::CombinedFirst(file(hash))] {
            assert_eq!(body.emit(&mut buffer).is_ok(), fits, "{length}");
        }
        // Nor is it read.
        let mut data = std::vec![5, 0xA0, 0, 0, 0, 1, 0, length as u8];
        data.extend([0x5A; 128][..length].iter().chain(&[0, 0]));
        assert_eq!(Install::parse(0x02, 0, &data).is_ok(), fits, "{length}");
    }
    let install = |load_file, privileges| ForInstall {
        load_file,
        module: None,
        application: aid(2),
        privileges,
        parameters: &[0xC9, 0x00],
        token: &[],
    };
    for (load_file, fits) in [(Some(aid(1)), true), (None, false)] {
        assert_eq!(Install::Install(install(load_file, &[0])).emit(&mut buffer).is_ok(), fits);
        assert_eq!(Install::InstallAndMakeSelectable(install(load_file, &[0])).emit(&mut buffer).is_ok(), fits);
        assert!(Install::CombinedLast(install(load_file, &[0])).emit(&mut buffer).is_ok());
    }
    for length in 0..=4 {
        let privileges = &[0; 4][..length];
        let update = ForRegistryUpdate {
            security_domain: None,
            application: Some(aid(2)),
            privileges,
            parameters: &[],
            token: &[],
        };
        assert_eq!(Install::RegistryUpdate(update).emit(&mut buffer).is_ok(), [0, 1, 3].contains(&length));
        let made = Install::Install(install(Some(aid(1)), privileges)).emit(&mut buffer).is_ok();
        assert_eq!(made, [1, 3].contains(&length));
    }
}

#[test]
fn sets_and_lists() {
    let (some, other) = (Restriction::from_octet(0x83), Restriction::from_octet(0x06));
    assert_eq!((some.octet(), some.union(other).octet()), (0x03, 0x07));
    for (set, of, restricts) in [(some, other, true), (some, Restriction::INSTALL, false), (some, some, true)] {
        assert_eq!((set.restricts(of), of.restricts(set)), (restricts, restricts));
    }
    assert!(!some.restricts(Restriction::from_octet(0x80)));
    // Names of services are the same wherever they lie.
    let names = Services::new(&[[0x81, 0x03], [0x82, 0x00]]);
    let read = Parameters::parse(&[0xEF, 0x06, 0xCB, 0x04, 0x81, 0x03, 0x82, 0x00]).unwrap().services;
    assert_eq!(read, names);
    assert_ne!(read, Services::new(&[[0x81, 0x03]]));
    assert_ne!(read, Services::default());
    assert!(Services::default().is_empty() && !read.is_empty() && !names.is_empty());
    // The interfaces have 20 logical channels, as CLA has.
    let all = ImplicitSlots::from_octet(0x40 | 19).unwrap();
    for channel in 0..=u8::MAX {
        assert_eq!(all.contact(channel), channel == 19);
        assert!(!all.contactless(channel));
    }
}

#[test]
fn parameters_that_are_refused_at_their_position() {
    let cases: [(&[u8], ErrorKind, usize); 7] = [
        (&[0xC9, 0x00, 0xC9, 0x00], ErrorKind::Unexpected, 2),
        (&[0xEF, 0x04, 0xC7, 0x00, 0xC7, 0x00], ErrorKind::BadLength, 2),
        (&[0xEF, 0x08, 0xC7, 0x02, 0, 1, 0xC7, 0x02, 0, 1], ErrorKind::Unexpected, 6),
        (&[0xEF, 0x03, 0xCB, 0x01, 0x81], ErrorKind::BadLength, 2),
        (&[0xEF, 0x03, 0xCF, 0x01, 0x94], ErrorKind::BadValue, 4),
        (&[0xEF, 0x03, 0xC9, 0x02, 0x00], ErrorKind::Truncated, 3),
        (&[0xB6, 0x04, 0x42, 0x00, 0x42, 0x00], ErrorKind::Unexpected, 4),
    ];
    for (octets, kind, offset) in cases {
        let error = Parameters::parse(octets).unwrap_err();
        assert_eq!(error.kind, kind, "{octets:02X?}");
        if kind != ErrorKind::Truncated {
            assert_eq!(error, Error::at(kind, offset), "{octets:02X?}");
        }
    }
}

#[test]
fn raw_octets_of_a_caller_go_into_c9() {
    assert_eq!(Parameters::from_caller(&[1, 2]), Parameters::for_application(&[1, 2]));
    assert_eq!(Parameters::from_caller(&[0xC9, 1, 7]), Parameters::for_application(&[7]));
    assert_eq!(Parameters::from_caller(&[]), Parameters::for_application(&[]));
    // TLV, yet without C9: an application's own.
    assert_eq!(Parameters::from_caller(&[0x81, 1, 7]), Parameters::for_application(&[0x81, 1, 7]));
}

#[test]
fn lengths_of_security_domain_parameters() {
    let cases: [(u8, &[usize]); 7] = [
        (0x81, &[2]),
        (0x82, &[1, 2]),
        (0x83, &[1]),
        (0x84, &[0]),
        (0x86, &[2]),
        (0x87, &[1, 2]),
        (0x99, &[0, 1, 2, 3]),
    ];
    for (tag, lengths) in cases {
        for length in 0..=3_usize {
            let octets = [&[tag, length as u8], &[0x20; 3][..length]].concat();
            let read = SecurityDomainParameters::parse(&octets);
            assert_eq!(read.is_ok(), lengths.contains(&length), "{octets:02X?}");
        }
    }
    for length in 0..=3 {
        let policy = Some(&[0x20; 3][..length]);
        let fits = [1, 2].contains(&length);
        for parameters in [
            SecurityDomainParameters { extradition_to: policy, ..SecurityDomainParameters::default() },
            SecurityDomainParameters { extradition_from: policy, ..SecurityDomainParameters::default() },
        ] {
            assert_eq!(parameters.emit(&mut [0; 8]).is_ok(), fits, "{length}");
        }
    }
    let protocols = SecurityDomainParameters::parse(&[0x81, 2, 3, 0x70]).unwrap().protocols;
    assert_eq!(protocols, Protocols::new(&[Protocol { id: 3, options: 0x70 }]));
    assert_ne!(protocols, Protocols::new(&[Protocol { id: 3, options: 0x60 }]));
    assert_ne!(protocols, Protocols::default());
}

#[test]
fn the_extradition_octet_of_old_cards() {
    let read = SecurityDomainParameters::parse(&[0x45]).unwrap();
    assert!(read.old_extradition);
    assert_eq!(read.emit(&mut [0; 8]).unwrap_err().kind, ErrorKind::BadValue);
    assert_eq!(SecurityDomainParameters::parse(&[]), Ok(SecurityDomainParameters::default()));
    let error = SecurityDomainParameters::parse(&[0x81, 0x01, 0x03]).unwrap_err();
    assert_eq!(error, Error::at(ErrorKind::BadLength, 0));
}

#[test]
fn what_an_applet_gets() {
    let install = ForInstall {
        load_file: None,
        module: None,
        application: aid(7),
        privileges: &[0x80, 0, 0],
        parameters: &[0xEF, 0x00, 0xC9, 0x02, 0xBE, 0xEF],
        token: &[],
    };
    let mut buf = [0; 32];
    let data = install.emit_applet_data(&mut buf).unwrap();
    assert_eq!(data, [5, 0xA0, 0, 0, 0, 7, 3, 0x80, 0, 0, 2, 0xBE, 0xEF]);
    assert!(install.emit_applet_data(&mut [0; 12]).is_err());
    let error = ForInstall { parameters: &[], ..install }.emit_applet_data(&mut [0; 32]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Missing);
}

#[test]
fn errors_are_small_and_say_where() {
    assert_eq!(size_of::<Error>(), 8);
    let error = Error::at(ErrorKind::BadLength, 7);
    assert_eq!(std::format!("{error}"), "a length this field may not have (octet 7)");
}
