//! `manage-card` as a user runs it: options, output, exit codes, and what must never be in the output.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// Runs the program.
fn manage(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_manage-card")).args(arguments).env_remove("NO_COLOR").output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Runs the program, which has to succeed.
fn succeed(arguments: &[&str]) -> String {
    let output = manage(arguments);
    let problem = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {problem}");
    assert!(problem.is_empty(), "{arguments:?}: {problem}");
    text(&output)
}

/// Runs the program, which has to fail with this exit code, and yields what it says about it.
fn fail(arguments: &[&str], code: i32) -> String {
    let output = manage(arguments);
    let problem = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {problem}");
    assert!(problem.starts_with("manage-card: "), "{arguments:?}: {problem}");
    problem
}

/// The objects of a report in JSON.
fn events(report: &str) -> Vec<Value> {
    report.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn find<'e>(events: &'e [Value], name: &str) -> Option<&'e Value> {
    events.iter().find(|event| event["event"] == name)
}

fn exchanges(events: &[Value]) -> impl Iterator<Item = &Value> {
    events.iter().filter(|event| event["event"] == "exchange")
}

/// A folder of its own for a test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("gp-manage-card-{}-{name}", std::process::id()));
        std::fs::remove_dir_all(&path).ok();
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

const LEVELS: [&str; 6] = ["00", "01", "03", "11", "13", "33"];
const MODES: [&str; 2] = ["s8", "s16"];
const BITS: [&str; 3] = ["128", "192", "256"];

/// Every session that there is: its report, and what is in it only when keys are asked for.
#[test]
fn every_level_mode_key_size_and_channel() {
    let mut sessions = 0;
    for (level, mode, bits) in
        LEVELS.iter().flat_map(|level| MODES.map(|mode| (level, mode))).flat_map(|(l, m)| BITS.map(|b| (l, m, b)))
    {
        for channel in ["0", "1", "3", "4", "19"] {
            let common =
                ["--level", level, "--mode", mode, "--key-bits", bits, "--channel", channel, "--seed", "7", "--json"];
            let shown = events(&succeed(&[&common[..], &["--show-keys"]].concat()));
            let hidden = succeed(&common);
            let keys = find(&shown, "keys").unwrap()["keys"].as_object().unwrap();
            assert_eq!(keys.len(), 6);
            let digits = bits.parse::<usize>().unwrap() / 4;
            for (name, key) in keys {
                let key = key.as_str().unwrap();
                assert_eq!(key.len(), digits, "{name}");
                assert!(!hidden.to_uppercase().contains(key), "{common:?}: {name} is in the report");
            }
            // Everything else is the same.
            let rest: Vec<_> = shown.iter().filter(|event| event["event"] != "keys").cloned().collect();
            let hidden = events(&hidden);
            assert_eq!(rest, hidden);
            check_session(&hidden, level, mode, channel);
            sessions += 1;
        }
    }
    assert_eq!(sessions, 6 * 2 * 3 * 5);
}

/// What a session of this kind must look like.
fn check_session(events: &[Value], level: &str, mode: &str, channel: &str) {
    let session = find(events, "session").unwrap();
    assert_eq!(session["level"], level);
    assert_eq!(session["channel"].to_string(), channel);
    assert_eq!(session["i"], if mode == "s16" { "71" } else { "70" });
    assert_eq!(session["sequence_counter"], "000001");
    assert_eq!(find(events, "end").unwrap()["exit_code"], 0);
    let registry = find(events, "registry").unwrap();
    assert_eq!(registry["entries"].as_array().unwrap().len(), 6);
    let octet = u8::from_str_radix(level, 16).unwrap();
    assert_eq!(registry["authentic"], octet & 0x10 != 0);
    let mut inside = false;
    for exchange in exchanges(events) {
        let name = exchange["command"].as_str().unwrap();
        let sent = exchange["sent"][0].as_str().unwrap();
        let received = exchange["received"][0].as_str().unwrap();
        let class = u8::from_str_radix(&sent[..2], 16).unwrap();
        let on_channel = if class & 0x40 == 0 { class & 0x03 } else { (class & 0x0F) + 4 };
        let expected = if name.starts_with("MANAGE CHANNEL") { "0" } else { channel };
        assert_eq!(on_channel.to_string(), expected, "{name}: {sent}");
        if name.starts_with("MANAGE CHANNEL: close") {
            inside = false;
        }
        if inside {
            assert_eq!(exchange["plain"] != sent, octet != 0, "{name}");
            assert_eq!(exchange["level"], level);
            let authentic = exchange["answer"]["origin"] == "authentic";
            assert_eq!(authentic, octet & 0x10 != 0, "{name}: {received}");
            let data = exchange["answer"]["data"].as_str().unwrap();
            assert!(octet & 0x20 == 0 || data.is_empty() || !received.contains(data), "{name} is not encrypted");
        } else {
            assert_eq!(exchange["plain"], sent);
            assert_eq!(exchange["level"], Value::Null);
        }
        inside |= name.starts_with("EXTERNAL AUTHENTICATE");
    }
}

#[test]
fn the_text_teaches_and_keeps_secrets() {
    for (level, mode, bits) in
        LEVELS.iter().flat_map(|level| MODES.map(|mode| (level, mode))).flat_map(|(l, m)| BITS.map(|b| (l, m, b)))
    {
        let common = ["--level", level, "--mode", mode, "--key-bits", bits, "--seed", "8"];
        let shown = succeed(&[&common[..], &["--show-keys"]].concat());
        let hidden = succeed(&common);
        assert_eq!(hidden, succeed(&common), "a seed makes it repeat itself");
        for line in [
            "1. Select the issuer security domain",
            "3. Open the secure channel",
            "   INITIALIZE UPDATE",
            "5. List the registry",
            "   issuer security domain  A000000151000000      SECURED",
            "     module                F047502D4543484F",
        ] {
            assert!(hidden.contains(line), "{common:?}: {line}");
        }
        assert_eq!(hidden.contains("C-MAC\n"), *level != "00");
        assert_eq!(hidden.contains("authentic: the R-MAC holds"), matches!(*level, "11" | "13" | "33"));
        assert!(!hidden.contains('\x1b'), "colours in a pipe");
        for name in ["Key-ENC", "Key-MAC", "Key-DEK", "S-ENC", "S-MAC", "S-RMAC"] {
            let start = format!("   {name:<8} ");
            let line = shown.lines().find(|line| line.starts_with(&start)).unwrap();
            let key = line.split_whitespace().last().unwrap();
            assert_eq!(key.len(), bits.parse::<usize>().unwrap() / 4);
            assert!(!hidden.contains(key), "{name} is in the report");
        }
    }
}

#[test]
fn without_a_seed_no_session_is_like_another() {
    let challenge = || {
        let events = events(&succeed(&["--json"]));
        let exchange = exchanges(&events).find(|exchange| exchange["command"] == "INITIALIZE UPDATE").unwrap();
        exchange["plain"].as_str().unwrap()[10..26].to_owned()
    };
    assert_ne!(challenge(), challenge());
}

#[test]
fn other_implementations_of_the_card() {
    // Random challenges: no sequence counter in the answer.
    let report = events(&succeed(&["--i", "60", "--json"]));
    assert_eq!(find(&report, "session").unwrap()["sequence_counter"], Value::Null);
    succeed(&["--i", "01", "--level", "03"]);
    let problem = fail(&["--i", "10", "--level", "33"], 3);
    assert!(problem.contains("level"), "{problem}");
    succeed(&["--i", "30", "--level", "13"]);
}

/// A security domain without keys of its own serves with those of the domain above, and lists what belongs to itself.
#[test]
fn another_security_domain() {
    let report = events(&succeed(&["list", "--domain", "F047502D444F4D41494E", "--json"]));
    let registry = find(&report, "registry").unwrap();
    let entries = registry["entries"].as_array().unwrap();
    assert!(entries.iter().all(|entry| entry["aid"] == "F047502D444F4D41494E"), "{entries:?}");
    assert!(registry["notes"][0].as_str().unwrap().contains("issuer security domain"), "{registry}");
}

#[test]
fn colours_are_a_choice() {
    assert!(succeed(&["list", "--color", "always"]).contains("\x1b["));
    assert!(!succeed(&["list", "--color", "never"]).contains('\x1b'));
    assert!(!succeed(&["list"]).contains('\x1b'));
    assert!(!succeed(&["list", "--json", "--color", "always"]).contains("\\u001b"));
}

#[test]
fn help_and_version() {
    for word in ["--help", "-h", "help"] {
        let help = succeed(&[word]);
        assert!(help.contains("Usage: manage-card") && help.contains("Exit status"));
    }
    assert!(succeed(&["list", "--help"]).contains("Usage"));
    assert_eq!(succeed(&["--version"]), format!("manage-card {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_is_told_and_changes_nothing() {
    let key = "404142434445464748494A4B4C4D4E4F";
    let cases: [(&[&str], &str); 36] = [
        (&["--level", "02"], "--level"),
        (&["--level", "333"], "--level"),
        (&["--level"], "level"),
        (&["--key-bits", "64"], "--key-bits"),
        (&["--mode", "s32"], "--mode"),
        (&["--i", "7"], "--i"),
        (&["--i", "70", "--mode", "s16"], "contradict"),
        (&["--i", "71", "--mode", "s8"], "contradict"),
        (&["--channel", "20"], "--channel"),
        (&["--channel", "-1"], "--channel"),
        (&["--seed", "x"], "--seed"),
        (&["--color", "red"], "--color"),
        (&["--kvn", "1"], "--kvn"),
        (&["--key", "00"], "--key"),
        (&["--key", &key[..30]], "--key"),
        (&["--key", "@/no/such/file"], "--key"),
        (&["--enc", key], "belong together"),
        (&["--key", key, "--mac", key], "excludes"),
        (&["--frobnicate"], "frobnicate"),
        (&["-x"], "-x"),
        (&["list", "--json", "--json"], "twice"),
        (&["list", "more"], "too much"),
        (&["list", "--related"], "does not belong to list"),
        (&["frobnicate"], "no command"),
        (&["load"], "missing"),
        (&["load", "/no/such/file"], "/no/such/file"),
        (&["install", "A0000001515350"], "missing"),
        (&["install", "A0", "A000000151535041"], "the load file"),
        (&["delete"], "missing"),
        (&["lock", "cards"], "'card'"),
        (&["put-keys", "--new-version", "31"], "--new-key"),
        (&["put-keys", "--new-key", key, "--new-version", "80"], "--new-version"),
        (&["apdu", "80CA"], "80CA"),
        (&["decode"], "missing"),
        (&["decode", "8"], "pairs"),
        (&["list", "--dry-run"], "--dry-run"),
    ];
    for (arguments, expected) in cases {
        let output = manage(arguments);
        let problem = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {problem}");
        assert!(problem.contains(expected), "{arguments:?}: {problem}");
        assert!(!problem.contains(key), "{problem}");
        assert!(!String::from_utf8_lossy(&output.stdout).contains("exit_code\":0"));
    }
    for option in [["--store", "card"], ["--seed", "1"], ["--key-bits", "128"]] {
        let problem = fail(&[&["list", "--reader", "x", "--key", key], &option[..]].concat(), 2);
        assert!(problem.contains("embedded card"), "{problem}");
    }
    assert!(fail(&["list", "--reader", "x"], 2).contains("--key"));
}

#[test]
fn a_card_with_other_keys_is_never_tried_again() {
    let report = manage(&["--key", "00112233445566778899AABBCCDDEEFF", "--json"]);
    assert_eq!(report.status.code(), Some(3));
    let events = events(&text(&report));
    let names: Vec<_> = exchanges(&events).map(|exchange| exchange["command"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names.iter().filter(|name| name.starts_with("INITIALIZE UPDATE")).count(), 1);
    assert!(!names.iter().any(|name| name.starts_with("EXTERNAL AUTHENTICATE")), "{names:?}");
    let error = find(&events, "error").unwrap();
    assert_eq!(error["exit_code"], 3);
    assert!(error["advice"].as_str().unwrap().contains("counted no failure"));

    // A logical channel is closed whatever happens.
    let failed = manage(&["list", "-v", "--json", "--channel", "5", "--key", "00112233445566778899AABBCCDDEEFF"]);
    assert_eq!(failed.status.code(), Some(3));
    assert!(text(&failed).contains("MANAGE CHANNEL: close 5"));

    fail(&["list", "--domain", "F0123456789A"], 1);

    // Key-ENC and Key-MAC in each other's place: the recorded answer tells.
    let swapped = [
        "--enc",
        "505152535455565758595A5B5C5D5E5F",
        "--mac",
        "101112131415161718191A1B1C1D1E1F",
        "--dek",
        "909192939495969798999A9B9C9D9E9F",
    ];
    assert!(fail(&swapped, 3).contains("exchanged"));
}

#[test]
fn the_card_lives_on_in_its_file() {
    let folder = Folder::new("store");
    let store = folder.file("card");
    let on = |arguments: &[&str]| succeed(&[arguments, &["--store", &store]].concat());
    let refused = |arguments: &[&str]| fail(&[arguments, &["--store", &store]].concat(), 1);
    let counter = || find(&events(&on(&["--json"])), "session").unwrap()["sequence_counter"].clone();
    assert_eq!(counter(), "000001");
    assert_eq!(counter(), "000002");

    const ECHO: &str = "F047502D4543484F";
    const FILE: &str = "F047502D41505053";
    assert!(on(&["lock", ECHO]).contains("locked"));
    assert_eq!(state(&on(&["list", "--json"]), ECHO).as_deref(), Some("LOCKED (was SELECTABLE)"));
    assert!(on(&["unlock", ECHO]).contains("unlocked"));
    assert_eq!(state(&on(&["list", "--json"]), ECHO).as_deref(), Some("SELECTABLE"));
    assert!(refused(&["unlock", ECHO]).contains("6985"));

    assert!(on(&["install", FILE, ECHO, "--aid", "F01122334455", "--installed"]).contains("installed"));
    assert_eq!(state(&on(&["list", "--json"]), "F01122334455").as_deref(), Some("INSTALLED"));
    assert!(on(&["delete", "F01122334455"]).contains("deleted"));
    assert!(refused(&["delete", "F01122334455"]).contains("6A88"));
    assert!(refused(&["delete", FILE]).contains("6985"));
    assert!(on(&["delete", FILE, "--related"]).contains("deleted"));
    assert_eq!(state(&on(&["list", "--json"]), ECHO), None);

    on(&["store-data", "4203112233"]);
    assert!(on(&["apdu", "80CA004200"]).contains("4203112233 9000"));
    assert!(refused(&["apdu", "80CA00AA00"]).contains("6A88"));
    assert!(on(&["apdu", "--plain", "00A4040000", "80CA004200"]).contains("4203112233 9000"));

    on(&["lock", "card"]);
    assert!(on(&["info"]).contains("the card is locked"));
    on(&["unlock", "card"]);
    assert_eq!(state(&on(&["list", "--json"]), "A000000151000000").as_deref(), Some("SECURED"));

    std::fs::write(folder.file("letter"), "Dear card,").unwrap();
    let problem = fail(&["list", "--store", &folder.file("letter")], 4);
    assert!(problem.contains("no card store"), "{problem}");
}

#[test]
fn applications_whose_data_was_lost_begin_anew_and_those_that_are_gone_do_not_come_back() {
    const STORE: &str = "F047502D44415441";
    const OTHER: &str = "F01122334455";
    let folder = Folder::new("lost");
    let store = folder.file("card");
    let data = folder.file("card.applets");
    let on = |arguments: &[&str]| succeed(&[arguments, &["--store", &store]].concat());
    let select = format!("00A4040008{STORE}");
    on(&["install", "F047502D41505053", "F047502D4543484F", "--aid", OTHER]);
    let before = std::fs::read_to_string(&data).unwrap();
    std::fs::remove_file(&data).unwrap();
    // It is selected, and knows its commands: there is no such object.
    let report = fail(&["apdu", "--plain", &select, "80CA9F0100", "--store", &store], 1);
    assert!(report.contains("6A88"), "{report}");
    assert!(std::fs::read_to_string(&data).unwrap().contains("data-store"));
    // What the card deleted, and an older file still has.
    on(&["delete", OTHER]);
    assert!(before.contains(OTHER));
    std::fs::write(&data, before).unwrap();
    on(&["apdu", "--plain", &select]);
    assert!(!std::fs::read_to_string(&data).unwrap().contains(OTHER));
}

/// The state of an entry of the registry.
fn state(report: &str, aid: &str) -> Option<String> {
    let events = events(report);
    let entries = find(&events, "registry")?["entries"].as_array()?.clone();
    let entry = entries.into_iter().find(|entry| entry["aid"] == aid)?;
    entry["state"].as_str().map(str::to_owned)
}

#[test]
fn keys_are_put_and_rotated() {
    let folder = Folder::new("keys");
    let (store, record, digits) = (folder.file("card"), folder.file("record"), folder.file("digits"));
    let [first, second, third] = ["11", "22", "33"].map(|octet| octet.repeat(16));
    let on = |arguments: &[&str]| succeed(&[arguments, &["--store", &store]].concat());
    on(&["put-keys", "--new-key", &first, "--new-version", "31"]);
    std::fs::write(&digits, format!("{first}\n")).unwrap();
    let with_first = ["--kvn", "31", "--key", &format!("@{digits}")];
    on(&[&["list"], &with_first[..]].concat());
    // The keys of the factory go on working, until they are deleted.
    on(&["list", "--kvn", "30"]);
    let problem = fail(&[&["delete", "--version", "31", "--store", &store], &with_first[..]].concat(), 1);
    assert!(problem.contains("31"), "{problem}");
    on(&[&["delete", "--version", "30"], &with_first[..]].concat());
    fail(&["list", "--store", &store, "--kvn", "30"], 3);

    // Rotation: another version, then in place.
    let rotate = ["rotate-keys", "--new-key", &second, "--new-version", "32", "--delete-old", "--record", &record];
    on(&[&rotate[..], &with_first[..]].concat());
    on(&["list", "--kvn", "32", "--key", &second]);
    fail(&["list", "--store", &store, "--kvn", "31", "--key", &first], 3);
    // Once more, as after a power cut when all was done: it is done.
    let again = on(&[&rotate[..], &with_first[..]].concat());
    assert!(again.contains("finished") && !again.contains("PUT KEY"), "{again}");
    // But one that keeps the old set is not one that deletes it, nor does it replace.
    for other in [&[][..], &["--replace", "31"]] {
        let plan = [&rotate[..5], &["--record", &record, "--store", &store][..], other, &with_first[..]].concat();
        assert!(fail(&plan, 2).contains("another rotation"));
    }
    std::fs::remove_file(&record).unwrap();
    on(&[
        "rotate-keys",
        "--new-key",
        &third,
        "--new-version",
        "32",
        "--replace",
        "32",
        "--kvn",
        "32",
        "--key",
        &second,
    ]);
    on(&["list", "--kvn", "32", "--key", &third]);
    // The record of another rotation is never gone on with.
    on(&[
        "rotate-keys",
        "--new-key",
        &first,
        "--new-version",
        "33",
        "--kvn",
        "32",
        "--key",
        &third,
        "--record",
        &record,
    ]);
    let other = ["rotate-keys", "--new-key", &second, "--new-version", "33", "--kvn", "32", "--key", &third];
    let problem = fail(&[&other[..], &["--record", &record, "--store", &store]].concat(), 2);
    assert!(problem.contains("another rotation"), "{problem}");
}

/// A rotation that cannot open the card stops before the card could lock, in whatever run that is.
#[test]
fn a_rotation_counts_failed_attempts_over_all_its_runs() {
    let folder = Folder::new("attempts");
    let (store, record) = (folder.file("card"), folder.file("record"));
    let [wrong, new] = ["11", "22"].map(|octet| octet.repeat(16));
    let rotate = [
        "rotate-keys",
        "--new-key",
        &new,
        "--new-version",
        "31",
        "--record",
        &record,
        "--store",
        &store,
        "--json",
        "-v",
    ];
    let wrong_keys = [&rotate[..], &["--key", &wrong]].concat();
    let initialize_updates = |arguments: &[&str], exit_code: i32| {
        let report = manage(arguments);
        assert_eq!(report.status.code(), Some(exit_code), "{}", text(&report));
        let events = events(&text(&report));
        let told = events.iter().any(|event| event["text"].as_str().is_some_and(|text| text.contains("--attempts")));
        let names = exchanges(&events).map(|exchange| exchange["command"].as_str().unwrap().to_owned());
        (names.filter(|name| name.starts_with("INITIALIZE UPDATE")).count(), told)
    };
    assert_eq!(initialize_updates(&wrong_keys, 1), (1, false));
    assert_eq!(initialize_updates(&wrong_keys, 1), (1, true));
    assert_eq!(initialize_updates(&wrong_keys, 1), (0, true));
    // Not with the right ones either, until somebody lets it.
    assert_eq!(initialize_updates(&rotate, 1), (0, true));
    assert_eq!(initialize_updates(&[&rotate[..], &["--attempts", "3"]].concat(), 0), (2, false));
    fail(&[&rotate[..], &["--attempts", "0"]].concat(), 2);
}

#[test]
fn a_dry_run_sends_nothing() {
    let folder = Folder::new("dry");
    let (store, cap) = (folder.file("card"), folder.file("test.cap"));
    std::fs::write(&cap, zip(Packing::Stored)).unwrap();
    succeed(&["list", "--store", &store]);
    let before = std::fs::read(&store).unwrap();
    let key = "44".repeat(16);
    let cases: [(&[&str], &str); 10] = [
        (&["load", &cap], "E80000"),
        (&["install", "F047502D41505053", "F047502D4543484F"], "80E60C00"),
        (&["delete", "F047502D41505053", "--related"], "80E40080"),
        (&["delete", "--version", "31"], "80E40000"),
        (&["lock", "F047502D4543484F"], "80F04080"),
        (&["unlock", "card"], "80F0800F"),
        (&["put-keys", "--new-key", &key, "--new-version", "31"], "80D80081"),
        (&["rotate-keys", "--new-key", &key, "--new-version", "31"], "80D80081"),
        (&["store-data", "4203112233"], "80E29000"),
        (&["apdu", "80CA004200"], "80CA0042"),
    ];
    for (arguments, expected) in cases {
        for level in LEVELS.iter().filter(|level| arguments[0] != "rotate-keys" || **level == "33") {
            let all = [arguments, &["-n", "--store", &store, "--level", level]].concat();
            let plain = succeed(&all);
            assert!(plain.contains("plain") && !plain.contains("received"), "{all:?}: {plain}");
            let events = events(&succeed(&[&all[..], &["--json"]].concat()));
            let commands: Vec<_> = events.iter().filter(|event| event["event"] == "would_send").collect();
            let found = commands.iter().any(|event| event["plain"].as_str().unwrap().contains(expected));
            assert!(found, "{all:?}: {commands:?}");
            assert!(find(&events, "exchange").is_none());
            assert!(!plain.contains(&key), "a new key is in the report");
        }
    }
    assert_eq!(before, std::fs::read(&store).unwrap());
    let absent = folder.file("absent");
    succeed(&["lock", "card", "-n", "--store", &absent]);
    assert!(!Path::new(&absent).exists());
}

/// A package of 7 octets of AID with one applet. The Method component has so many octets of code.
fn components(code: usize) -> Vec<(&'static str, Vec<u8>)> {
    let component = |tag: u8, body: &[u8]| {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[tag], &length[..], body].concat()
    };
    let package = [0xF0, 0x47, 0x50, 0x54, 0x45, 0x53, 0x54];
    let applet = [&package[..], &[0x01]].concat();
    let header = [&[0xDE, 0xCA, 0xFF, 0xED, 1, 2, 4, 3, 2, 7][..], &package].concat();
    let applets = [&[1, 8][..], &applet, &[0, 7]].concat();
    vec![
        ("Header", component(1, &header)),
        ("Directory", component(2, &[0; 31])),
        ("Applet", component(3, &applets)),
        ("Import", component(4, &[0])),
        ("ConstantPool", component(5, &[0, 0])),
        ("Class", component(6, &[0; 10])),
        ("Method", component(7, &(0..code).map(|i| (i % 251) as u8).collect::<Vec<_>>())),
        ("StaticField", component(8, &[0; 10])),
        ("RefLocation", component(9, &[0; 4])),
        ("Descriptor", component(11, &[0; 16])),
    ]
}

#[derive(Clone, Copy)]
enum Packing {
    Stored,
    Deflated,
}

/// A CAP file of 2000 octets of code.
fn zip(packing: Packing) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let method = match packing {
        Packing::Stored => zip::CompressionMethod::Stored,
        Packing::Deflated => zip::CompressionMethod::Deflated,
    };
    let options = zip::write::SimpleFileOptions::default().compression_method(method);
    archive.start_file("META-INF/MANIFEST.MF", options).unwrap();
    archive.write_all(b"Manifest-Version: 1.0\n").unwrap();
    for (name, octets) in components(2000) {
        archive.start_file(format!("com/example/javacard/{name}.cap"), options).unwrap();
        archive.write_all(&octets).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// The same at every level in both modes, packed in three ways: what the card has got is the same file.
#[test]
fn cap_files_are_loaded_at_every_level() {
    let folder = Folder::new("load");
    let joined: Vec<u8> = components(2000).into_iter().flat_map(|(_, octets)| octets).collect();
    let files =
        [("stored.cap", zip(Packing::Stored)), ("deflated.cap", zip(Packing::Deflated)), ("joined.ijc", joined)];
    for (name, octets) in &files {
        std::fs::write(folder.file(name), octets).unwrap();
    }
    let mut blocks = BTreeMap::new();
    for (number, (name, _)) in files.iter().enumerate() {
        for (level, mode) in LEVELS.iter().flat_map(|level| MODES.map(|mode| (level, mode))) {
            let (store, file) = (folder.file(&format!("{number}{level}{mode}")), folder.file(name));
            let on = |arguments: &[&str]| {
                let common = ["--store", &store, "--level", level, "--mode", mode, "--json"];
                events(&succeed(&[arguments, &common].concat()))
            };
            let loaded = on(&["load", &file, "--hash", "sha256", "-v"]);
            let result = find(&loaded, "load_file").unwrap();
            assert_eq!(result["aid"], "F0475054455354");
            assert_eq!(result["version"], "2.3");
            assert_eq!(result["modules"][0], "F047505445535401");
            let loads =
                exchanges(&loaded).filter(|event| event["command"].as_str().unwrap().starts_with("LOAD")).count();
            blocks.entry((mode, *level)).or_insert(loads);
            assert_eq!(blocks[&(mode, *level)], loads);
            let installed = on(&["install", "F0475054455354", "F047505445535401", "--params", "AABB"]);
            assert!(find(&installed, "done").is_some());
            assert!(on(&["list"]).iter().any(|event| event.to_string().contains("F047505445535401")));
        }
    }
    // 2112 octets and the head of the data block, 4 octets: by 255, 247, 239 and 223 of them.
    assert_eq!(blocks[&("s8", "00")], 9);
    assert_eq!((blocks[&("s8", "01")], blocks[&("s8", "33")]), (9, 9));
    assert_eq!((blocks[&("s16", "01")], blocks[&("s16", "33")]), (9, 10));

    let sized = succeed(&["load", &folder.file("stored.cap"), "--sizes", "--dry-run", "--level", "00"]);
    // 2114 octets of code.
    assert!(sized.contains("EF04C6020842"), "{sized}");

    let small = events(&succeed(&["load", &folder.file("stored.cap"), "--block", "100", "-v", "--json"]));
    let loads = exchanges(&small).filter(|event| event["command"].as_str().unwrap().starts_with("LOAD")).count();
    assert_eq!(loads, 22);
}

/// A damaged archive is refused, or what was damaged does not matter: a time stamp, the manifest.
#[test]
fn damaged_archives_are_never_loaded() {
    let folder = Folder::new("damaged");
    let file = folder.file("test.cap");
    let hash = || {
        let output = manage(&["load", &file, "--hash", "sha256", "-n", "--json"]);
        match output.status.code() {
            Some(0) => Some(find(&events(&text(&output)), "load_file").unwrap()["hash"].to_string()),
            code => {
                assert_eq!(code, Some(2), "{}", String::from_utf8_lossy(&output.stderr));
                None
            }
        }
    };
    for packing in [Packing::Stored, Packing::Deflated] {
        let whole = zip(packing);
        std::fs::write(&file, &whole).unwrap();
        let right = hash().unwrap();
        let mut refused = 0;
        for at in (0..whole.len()).step_by(whole.len() / 100) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            std::fs::write(&file, &damaged).unwrap();
            match hash() {
                Some(other) => assert_eq!(other, right, "octet {at}"),
                None => refused += 1,
            }
            std::fs::write(&file, &whole[..at]).unwrap();
            assert_eq!(hash(), None, "cut at {at}");
        }
        assert!(refused > 10, "{refused}");
    }
}

#[test]
fn messages_are_taken_apart() {
    let cases: [(&[&str], &[&str]); 12] = [
        (&["80F28002024F00"], &["command", "GET STATUS", "the issuer security domain", "AIDs that begin so: any"]),
        (&["00 A4 04 00 08 A0 00 00 01 51 00 00 00"], &["SELECT", "by name", "A000000151000000"]),
        (&["00", "A4", "04", "00"], &["SELECT"]),
        (&["8482330010B8918BCAC1F2960BA2E48D9F2B49138F"], &["EXTERNAL AUTHENTICATE", "host cryptogram", "C-MAC"]),
        (&["84F280020AB9F1DDFFE35BC33D6A0400"], &["protected", "GET STATUS"]),
        (&["6F108408A000000151000000A5049F6501FF"], &["data object", "A000000151000000", "255"]),
        (&["E012C00401308810C00402308810C00403308810"], &["version 30", "Key-MAC", "AES, 16 octets"]),
        (&["66319000"], &["response", "data: 6631", "9000  success"]),
        (&["6A88"], &["response", "6A88"]),
        (&["019000", "--after", "0070000001"], &["number of the new channel"]),
        (
            &["454D42454444454430313003709B1FCE535580192EFAB569AB1B53D8E5000001"],
            &["INITIALIZE UPDATE", "card cryptogram: FAB569AB1B53D8E5", "000001"],
        ),
        (&["80E40000094F07F0475054455354"], &["DELETE", "F0475054455354"]),
    ];
    for (arguments, expected) in cases {
        let report = succeed(&[&["decode"], arguments].concat());
        for words in expected {
            assert!(report.contains(words), "{arguments:?}: {words}: {report}");
        }
        let events = events(&succeed(&[&["decode", "--json"], arguments].concat()));
        assert_eq!(events[0]["event"], "decoded");
    }
}

/// Whatever the octets are, they are taken apart: no panic, exit code 0.
#[test]
fn anything_can_be_taken_apart() {
    let scale = std::env::var("GP_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(100_u64);
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let starts: [&[u8]; 10] = [
        &[],
        &[0x80, 0xE6],
        &[0x80, 0xE2],
        &[0x80, 0xD8],
        &[0x80, 0xF2],
        &[0x80, 0xE8],
        &[0x80, 0xE4],
        &[0x6F],
        &[0xE3],
        &[0x9F, 0x7F],
    ];
    for _ in 0..(20_000 * scale / 100).max(100) {
        let mut octets = starts[random() as usize % starts.len()].to_vec();
        let length = random() as usize % 40;
        octets.extend((0..length).map(|_| random() as u8));
        // A command with the right Lc reaches the readers of the body.
        if octets.len() > 5 && random() % 2 == 0 {
            octets[4] = (octets.len() - 5) as u8;
        }
        let header: Vec<u8> = (0..4).map(|_| random() as u8).collect();
        let _ = gp_examples::manage::decode::guess(&octets, None);
        let _ = gp_examples::manage::decode::guess(&octets, Some(&header));
        let _ = gp_examples::manage::decode::command(&octets);
    }
}
