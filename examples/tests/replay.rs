//! The vectors of this repository, verified; and the proof that a wrong vector does not pass.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gp_examples::replay::{Counts, FileError, FileReport, Outcome, verify_document, verify_file, verify_text};
use serde_json::{Value, json};

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/scp03")
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(vectors()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

fn load(file: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(vectors().join(file)).unwrap()).unwrap()
}

/// A file with this one vector of `file`.
fn alone(file: &str, name: &str) -> Value {
    let mut document = load(file);
    let list = document["vectors"].as_array_mut().unwrap();
    list.retain(|vector| vector["name"] == name);
    list.truncate(1);
    assert_eq!(list.len(), 1, "{file} has no {name}");
    document
}

/// What becomes of a file with one vector.
fn judge(document: &Value) -> Outcome {
    verify_document(document).unwrap().pop().unwrap().outcome
}

#[test]
fn every_vector_of_the_repository() {
    let reports: Vec<FileReport> = files().iter().map(|path| verify_file(path)).collect();
    let mut kinds = BTreeMap::<String, [usize; 3]>::new();
    for report in &reports {
        for vector in report.result.as_ref().unwrap() {
            let column = match &vector.outcome {
                Outcome::Passed => 0,
                Outcome::Failed(fault) => panic!("{}: {}: {fault}", report.path, vector.name),
                Outcome::Skipped(_) => 2,
            };
            // A vector that passes without a comparison would pass whatever it says.
            assert!(column != 0 || vector.checks > 0, "{}: {}", report.path, vector.name);
            kinds.entry(vector.kind.clone()).or_default()[column] += 1;
        }
    }
    let found: Vec<_> = kinds.iter().map(|(kind, counts)| (kind.as_str(), *counts)).collect();
    assert_eq!(
        found,
        [
            ("aes-cbc", [0, 0, 57]),
            ("aes-ecb", [0, 0, 3]),
            ("card-challenge", [6, 0, 0]),
            ("card-script", [4, 0, 0]),
            ("cmac", [0, 0, 12]),
            ("command", [1, 0, 0]),
            ("cryptograms", [5, 0, 0]),
            ("dek", [1, 0, 0]),
            ("diversification-kdf3", [7, 0, 0]),
            ("kbkdf-ctr-cmac", [0, 0, 90]),
            ("kcv", [3, 0, 0]),
            ("kcv-of-derived", [2, 0, 0]),
            ("kdf", [54, 0, 0]),
            ("negative", [60, 0, 0]),
            ("put-key", [9, 0, 0]),
            ("response", [1, 0, 0]),
            // One documents a deviation and is skipped.
            ("session", [66, 0, 1]),
        ]
    );
    let counts = Counts::of(&reports);
    assert_eq!((reports.len(), counts.passed, counts.failed, counts.skipped, counts.unreadable), (26, 219, 0, 163, 0));
}

/// Texts that say something about a vector rather than of it.
const PROSE: [&str; 11] = [
    "name",
    "source",
    "provenance",
    "note",
    "application",
    "mutation",
    "why",
    "basis",
    "computed",
    "computed_fields",
    "format",
];

/// Everything that can be changed in a value: the path of each string and number under it, prose aside.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(name, _)| !PROSE.contains(&name.as_str()));
            fields.for_each(|(name, value)| leaves(value, &format!("{path}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().zip(0..).for_each(|(item, index)| leaves(item, &format!("{path}/{index}"), found));
        }
        Value::String(_) | Value::Number(_) => found.push(path.into()),
        Value::Null | Value::Bool(_) => {}
    }
}

/// Every wrong value to try in place of this one, with the octet that differs, or 0. Each octet is changed in its lowest
/// and its highest bit.
fn corruptions(value: &Value) -> Vec<(usize, Value)> {
    if let Some(number) = value.as_u64() {
        return vec![(0, json!(number + 1))];
    }
    let text = value.as_str().unwrap();
    let octets: Option<Vec<u8>> =
        (0..text.len() / 2).map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()).collect();
    match (text, octets) {
        ("S8", _) => vec![(0, json!("S16"))],
        ("S16", _) => vec![(0, json!("S8"))],
        ("accept", _) => vec![(0, json!("reject"))],
        ("command", _) => vec![(0, json!("response"))],
        ("response", _) => vec![(0, json!("command"))],
        (_, Some(octets)) if text.len().is_multiple_of(2) => {
            let flipped = |(at, octet): (usize, &u8)| [0x01, 0x80].map(|bit| (at, octet ^ bit));
            let with = |(at, octet): (usize, u8)| {
                (at, json!(format!("{}{octet:02X}{}", &text[..2 * at], &text[2 * at + 2..])))
            };
            octets.iter().enumerate().flat_map(flipped).map(with).collect()
        }
        _ => vec![(0, json!(format!("{text}?")))],
    }
}

/// Is this octet of the command in its Le, which no MAC covers?
fn is_le(command: &str, at: usize) -> bool {
    let octets: Vec<u8> =
        (0..command.len() / 2).map(|at| u8::from_str_radix(&command[2 * at..2 * at + 2], 16).unwrap()).collect();
    let command = gp_apdu::Command::parse(&octets).unwrap();
    command.le.is_some() && at >= octets.len() - command.form.le_len()
}

/// Tries every corruption of every field of one vector. `unreached` names the fields that say nothing which could be verified;
/// Le of a command is the octet that none of them protects.
fn corrupt(file: &str, name: &str, unreached: &[&str]) -> usize {
    let document = alone(file, name);
    assert!(matches!(judge(&document), Outcome::Passed), "{file}: {name}");
    let mut paths = Vec::new();
    leaves(&document["vectors"][0], "/vectors/0", &mut paths);
    let mut tried = 0;
    for path in paths {
        let original = document.pointer(&path).unwrap();
        let field = path.trim_start_matches("/vectors/0/");
        let last = field.rsplit('/').next().unwrap();
        let free = |at| last.ends_with("command") && is_le(original.as_str().unwrap(), at);
        for (at, wrong) in corruptions(original) {
            let mut corrupted = document.clone();
            *corrupted.pointer_mut(&path).unwrap() = wrong;
            let outcome = verify_document(&corrupted).map(|mut reports| reports.pop().unwrap().outcome);
            let passed = matches!(outcome, Ok(Outcome::Passed));
            let expected = unreached.contains(&field) || free(at);
            assert_eq!(passed, expected, "{name}: {field}, octet {at}: {outcome:?}");
            tried += 1;
        }
    }
    tried
}

/// A generated session on the basic channel with BEGIN and END R-MAC SESSION in it.
fn with_r_mac_session() -> String {
    let document = load("sessions-generated.json");
    let has = |vector: &&Value| {
        let exchanges = vector["exchanges"].as_array().unwrap();
        let begins = |exchange: &Value| exchange["plain_command"].as_str().unwrap().starts_with("807A");
        vector["logical_channel"] == 0 && exchanges.iter().any(begins)
    };
    document["vectors"].as_array().unwrap().iter().find(has).unwrap()["name"].as_str().unwrap().into()
}

#[test]
fn a_corrupted_octet_fails() {
    // Any Key-DEK will do in a session: nothing is encrypted with it.
    let dek = ["static/dek"];
    let sum: usize = [
        corrupt("sessions-securo.json", "securo-256-33", &dek),
        corrupt("sessions-gppro.json", "gppro-jcop4", &dek),
        corrupt("sessions-scll.json", "scll-s16-13", &dek),
        corrupt("sessions-pysim.json", "pysim-AES192-33", &dek),
        corrupt("sessions-generated.json", &with_r_mac_session(), &dek),
        corrupt("kdf-generated.json", load("kdf-generated.json")["vectors"][20]["name"].as_str().unwrap(), &[]),
        corrupt("cryptograms-peers.json", "securo-256", &[]),
        corrupt("card-challenge.json", "chal-123456-84270D5B", &[]),
        corrupt("kcv.json", "pysim", &[]),
        corrupt("kdf-gppro.json", "gppro-kcv-6", &[]),
        corrupt("put-key.json", "scll-put-key", &[]),
        corrupt("put-key-generated.json", "putkey-256-192", &[]),
        corrupt("diversification.json", "kdf3-192-2", &[]),
        // Without encryption the number of the command shows nowhere.
        corrupt("secure-messaging-single.json", "securo-level1", &["state/counter"]),
        corrupt("secure-messaging-single.json", "scp03_dart-response2", &[]),
    ]
    .into_iter()
    .sum();
    println!("{sum} corruptions, every one that can be noticed was noticed");
    assert!(sum > 3_000, "{sum}");
}

#[test]
fn a_corrupted_control_is_refused() {
    let document = load("negative-generated.json");
    let controls = document["vectors"].as_array().unwrap().iter().filter(|vector| vector["expect"] == "accept");
    let mut tried = 0;
    for control in controls {
        let of = |message: Value| {
            let mut vector = control.clone();
            vector["message"] = message;
            judge(&json!({ "format": "scp03-vectors-1", "kind": "negative", "vectors": [vector] }))
        };
        assert!(matches!(of(control["message"].clone()), Outcome::Passed));
        let message = control["message"].as_str().unwrap();
        let free = |at| control["direction"] == "command" && is_le(message, at);
        for (at, wrong) in corruptions(&control["message"]) {
            assert_eq!(matches!(of(wrong), Outcome::Passed), free(at), "{message}: octet {at}");
            tried += 1;
        }
        let mut expected = control.clone();
        expected["expect"] = json!("reject");
        let document = json!({ "format": "scp03-vectors-1", "kind": "negative", "vectors": [expected] });
        assert!(matches!(judge(&document), Outcome::Failed(_)));
    }
    assert!(tried > 100, "{tried}");
}

#[test]
fn a_corrupted_script_fails() {
    let document = alone("card-scripts-generated.json", "public-01");
    let judged = |path: &str, wrong: Value| {
        let mut corrupted = document.clone();
        *corrupted.pointer_mut(path).unwrap() = wrong;
        judge(&corrupted)
    };
    let mut tried = 0;
    let steps = document["vectors"][0]["steps"].as_array().unwrap();
    for (number, step) in steps.iter().enumerate() {
        // Every octet of every answer; of the protected commands that were carried out, every octet but Le.
        let command = step["command"].as_str().unwrap();
        let carried_out = command.starts_with("84") && step["response"].as_str().unwrap().ends_with("9000");
        let wrong_commands = if carried_out { corruptions(&step["command"]) } else { vec![] };
        for (at, wrong) in wrong_commands.into_iter().filter(|(at, _)| !is_le(command, *at)) {
            let outcome = judged(&format!("/vectors/0/steps/{number}/command"), wrong);
            assert!(matches!(outcome, Outcome::Failed(_)), "step {number}, command, octet {at}");
            tried += 1;
        }
        // The card of this script has random challenges: the one in the answer is where it comes from, and so the cryptogram is wrong.
        for (at, wrong) in corruptions(&step["response"]).into_iter().step_by(2) {
            let outcome = judged(&format!("/vectors/0/steps/{number}/response"), wrong);
            assert!(matches!(outcome, Outcome::Failed(_)), "step {number}, response, octet {at}");
            tried += 1;
        }
    }
    for field in ["i", "kdd", "aid", "keysets/30/enc", "keysets/30/mac", "keysets/30/seq", "keysets/32/seq"] {
        let path = format!("/vectors/0/card/{field}");
        for (at, wrong) in corruptions(document.pointer(&path).unwrap()) {
            assert!(matches!(judged(&path, wrong), Outcome::Failed(_)), "{field}, octet {at}");
            tried += 1;
        }
    }
    assert!(tried > 1_000, "{tried}");
}

/// A peer encrypts the empty data of a command, and makes a GlobalPlatform class of an ISO one. The first is a quirk that we
/// can follow: once the second is undone, the vector verifies with it, and not without.
#[test]
fn the_nonconforming_session_is_that_of_the_quirk() {
    let mut document = alone("quirks-nonconforming.json", "yubico-empty-data-encrypted");
    assert!(matches!(judge(&document), Outcome::Skipped(_)));
    let vector = &mut document["vectors"][0];
    vector["exchanges"][0]["plain_command"] = json!("80FD0000");
    vector["expect_nonconforming"] = json!(false);
    vector["quirks"] = json!(["encrypt_empty"]);
    assert!(matches!(judge(&document), Outcome::Passed));
    document["vectors"][0]["expect_nonconforming"] = json!(true);
    assert!(matches!(judge(&document), Outcome::Failed(_)), "a deviation that conforms");
    document["vectors"][0]["quirks"] = json!([]);
    assert!(matches!(judge(&document), Outcome::Skipped(_)));
    document["vectors"][0]["quirks"] = json!(["no_such_quirk"]);
    assert!(matches!(judge(&document), Outcome::Failed(_)), "an unknown quirk proves nothing");
    document["vectors"][0]["exchanges"][0]["wrapped_command"] = Value::Null;
    assert!(matches!(judge(&document), Outcome::Failed(_)), "nor does an incomplete vector");
}

/// A session vector need not be complete: it may begin later, and leave open what its source did not publish.
#[test]
fn incomplete_sessions() {
    let document = load("sessions-generated.json");
    let mut tried = 0;
    for whole in document["vectors"].as_array().unwrap() {
        let passes = |change: &dyn Fn(&mut Value)| {
            let mut vector = whole.clone();
            change(&mut vector);
            let outcome = judge(&json!({ "format": "scp03-vectors-1", "kind": "session", "vectors": [vector] }));
            assert!(matches!(outcome, Outcome::Passed), "{}: {outcome:?}", whole["name"]);
        };
        let without = |fields: &'static [&'static str]| {
            move |vector: &mut Value| fields.iter().for_each(|field| vector[field] = Value::Null)
        };
        passes(&without(&["static"]));
        passes(&without(&["static", "host_challenge", "card_challenge", "initialize_update"]));
        passes(&without(&["initialize_update", "i", "kvn", "requested_kvn", "kdd", "sequence_counter", "session"]));
        passes(&without(&["card_cryptogram", "host_cryptogram", "aid", "key_bits"]));
        passes(&|vector| vector["initialize_update"]["response"] = Value::Null);
        for field in ["plain_command", "plain_response", "mac_chaining_value", "counter"] {
            passes(&|vector| {
                vector["exchanges"]
                    .as_array_mut()
                    .unwrap()
                    .iter_mut()
                    .for_each(|exchange| exchange[field] = Value::Null);
            });
        }
        tried += 9;
        let mut r_mac_session = 0;
        let exchanges = whole["exchanges"].as_array().unwrap();
        for (done, before) in (1..).zip(exchanges) {
            let command = before["plain_command"].as_str().unwrap();
            r_mac_session = match &command[2..4] {
                "7A" => u8::from_str_radix(&command[4..6], 16).unwrap(),
                "78" => 0,
                _ => r_mac_session,
            };
            let resume = |vector: &mut Value| {
                vector["external_authenticate"] = Value::Null;
                vector["initial_mac_chaining_value"] = before["mac_chaining_value"].clone();
                vector["initial_counter"] = before["counter"].clone();
                vector["initial_rmac_session"] = json!(r_mac_session);
                vector["exchanges"] = json!(exchanges[done..]);
            };
            passes(&resume);
            passes(&|vector| {
                resume(vector);
                vector["static"] = Value::Null;
            });
            tried += 2;
        }
    }
    assert!(tried > 500, "{tried}");
}

/// What a session states without static keys is verified as far as session keys reach.
#[test]
fn session_keys_alone_still_prove_something() {
    let mut document = alone("sessions-securo.json", "securo-256-33");
    document["vectors"][0]["static"] = Value::Null;
    assert!(matches!(judge(&document), Outcome::Passed));
    for path in [
        "card_cryptogram",
        "host_cryptogram",
        "host_challenge",
        "session/enc",
        "session/mac",
        "session/rmac",
        "initialize_update/response",
        "external_authenticate/command",
        "exchanges/1/wrapped_command",
        "exchanges/1/wrapped_response",
        "exchanges/1/plain_command",
        "exchanges/1/plain_response",
    ] {
        let path = format!("/vectors/0/{path}");
        let (_, wrong) = corruptions(document.pointer(&path).unwrap()).swap_remove(2);
        let mut corrupted = document.clone();
        *corrupted.pointer_mut(&path).unwrap() = wrong;
        assert!(matches!(judge(&corrupted), Outcome::Failed(_)), "{path}");
    }
}

#[test]
fn what_is_no_vector_file() {
    let error = |text: &str| verify_text(text).unwrap_err();
    assert!(matches!(error("{"), FileError::Json(_)));
    assert!(matches!(error("[]"), FileError::Format(_)));
    assert!(matches!(error(r#"{"vectors":[]}"#), FileError::Format(_)));
    assert!(matches!(error(r#"{"format":"scp03-vectors-2","vectors":[]}"#), FileError::Format(_)));
    assert!(matches!(error(r#"{"format":"scp03-vectors-1","kind":"kcv"}"#), FileError::Format(_)));
    assert!(matches!(error(r#"{"format":"scp03-vectors-1","kind":"kvc","vectors":[]}"#), FileError::UnknownKind(_)));
    for vector in [json!({ "kind": "kvc" }), json!({}), json!(7), json!({ "kind": "kcv", "key": "00" })] {
        let outcome = judge(&json!({ "format": "scp03-vectors-1", "vectors": [vector] }));
        assert!(matches!(&outcome, Outcome::Failed(fault) if fault.is_ill_formed()), "{vector}: {outcome:?}");
    }
}

/// Runs the program in the folder of the vectors.
fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_replay")).args(arguments).current_dir(vectors()).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

/// A file with this text, for the program to read.
fn written(name: &str, text: &str) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().into()
}

#[test]
fn the_program_reports_success() {
    let output = run(&["kcv.json", "nist-cmac.json", "quirks-nonconforming.json"]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    assert!(text.contains("kcv.json: 3 passed, 0 failed, 0 skipped"), "{text}");
    assert!(text.contains("total: 3 files, 3 passed, 0 failed, 13 skipped"), "{text}");
    assert!(text.contains("skipped 12: cmac"), "{text}");
    assert!(!text.contains('\x1b'), "colours in a pipe");
    let text = run(&["-v", "kcv.json"]);
    assert_eq!(stdout(&text).matches("passed kcv pysim").count(), 3);
}

#[test]
fn the_program_reports_failure() {
    let mut document = load("kcv.json");
    document["vectors"][1]["kcv"] = json!("013809");
    let file = written("wrong-kcv.json", &document.to_string());
    let output = run(&[&file]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.contains("2 passed, 1 failed"), "{text}");
    assert!(text.contains("expected 013809") && text.contains("got      013808"), "{text}");
    let output = run(&["--json", &file, "kcv.json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["success"], &report["total"]["failed"]), (&json!(false), &json!(1)));
    let failed = &report["files"][0]["vectors"][1];
    assert_eq!((&failed["outcome"], &failed["expected"]), (&json!("failed"), &json!("013809")));
}

#[test]
fn the_program_refuses_what_is_no_vector_file() {
    let kind = r#"{"format":"scp03-vectors-1","kind":"kvc","vectors":[]}"#;
    let vector = r#"{"format":"scp03-vectors-1","vectors":[{"kind":"kvc"}]}"#;
    for (file, message) in [
        ("no-such-file.json".to_owned(), "cannot be read"),
        (written("not.json", "no JSON"), "is not JSON"),
        (written("format.json", "{}"), "is not of the format scp03-vectors-1"),
        (written("kind.json", kind), r#"is of an unknown kind: "kvc""#),
        (written("vector-kind.json", vector), r#""kvc" is unknown"#),
    ] {
        // A good file beside it does not help, and is verified all the same.
        let output = run(&[&file, "kcv.json"]);
        assert_eq!(output.status.code(), Some(1), "{file}");
        let text = stdout(&output);
        assert!(text.contains(message) && text.contains("3 passed"), "{text}");
    }
}

#[test]
fn the_program_explains_itself() {
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(stdout(&help).contains("Usage: replay"));
    for arguments in [&[][..], &["--jsno", "kcv.json"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}
