//! Sessions of real cards, recorded by others, made anew without the card; and the program's machinery around that.

use std::collections::HashSet;

use gp_apdu::{CommandBuf, LogicalChannel, Response};
use gp_examples::fleet::{Device, Plan, protect, protect_eight, run};
use gp_examples::fleet_input::{commands, simulated};
use gp_scp03::{Challenge, Implementation, Key, Reply, Script, SecurityLevel, SequenceCounter, StaticKeys, Target};
use serde_json::Value;

fn octets(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn sessions() -> Vec<Value> {
    let text = include_str!("../vectors/offline/sessions.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// 14 sessions of four cards: the answer to INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, every protected command, and the
/// answers that were recorded in the open as well.
#[test]
fn recorded_sessions_are_made_anew_without_the_card() {
    let sessions = sessions();
    assert_eq!(sessions.len(), 14);
    let (mut protected, mut answers) = (0, 0);
    for session in &sessions {
        let source = &session["source"];
        let key = |name: &str| Key::new(&octets(&session[name])).unwrap();
        let keys = StaticKeys::new(key("enc"), key("mac"), key("enc")).unwrap();
        let (update, answer) = (octets(&session["initialize_update"]), octets(&session["answer"]));
        let authenticate = octets(&session["external_authenticate"]);
        let target = Target {
            key_version: answer[10],
            implementation: Implementation::new(answer[12]),
            sequence: SequenceCounter::new(*answer.last_chunk().unwrap()),
            aid: &octets(&session["aid"]),
            channel: LogicalChannel::BASIC,
        };
        let host = Challenge::new(&update[5..update.len() - 1]).unwrap();
        let level = SecurityLevel::from_octet(authenticate[2]).unwrap();
        let mut buffer = [0; 261];
        let (mut script, made) = Script::new(&mut &keys, &target, &host, level, &mut buffer).unwrap();
        assert_eq!(made, authenticate, "{source}");
        assert!(script.foreseen().matches(&answer), "{source}");
        let mut other = answer.clone();
        for at in 10..answer.len() {
            other[at] ^= 1;
            assert!(!script.foreseen().matches(&other), "{source}: octet {at}");
            other[at] ^= 1;
        }
        let mut given = Vec::new();
        for exchange in session["commands"].as_array().unwrap() {
            let plain = octets(&exchange["plain"]);
            buffer[..plain.len()].copy_from_slice(&plain);
            let mut command = CommandBuf::parse(&mut buffer, plain.len()).unwrap();
            let key = script.wrap(&mut command).unwrap();
            assert_eq!(command.finish().unwrap(), octets(&exchange["protected"]), "{source}");
            protected += 1;
            if let Some(answer) = exchange.get("answer") {
                given.push((key, octets(answer), octets(&exchange["plain_answer"])));
            }
        }
        // The answers come later, and in another order.
        for (key, mut answer, plain) in given.into_iter().rev() {
            let mut forged = answer.clone();
            forged[3] ^= 1;
            assert_eq!(script.unwrap(&key, &mut forged), Err(gp_scp03::Error::Security));
            let Reply::Authentic(Response { data, status }) = script.unwrap(&key, &mut answer).unwrap() else {
                panic!("{source}: not authentic");
            };
            assert_eq!((data, status), (&plain[..], gp_apdu::StatusWord::OK), "{source}");
            answers += 1;
        }
    }
    assert_eq!((protected, answers), (52, 3));
}

fn plan(side_by_side: bool) -> Plan {
    let commands = commands("80F28002024F0000 # first\n\n80E2800003112233\n00A4040008A000000151000000").unwrap();
    Plan { level: SecurityLevel::Full, commands, side_by_side }
}

fn line(number: u8, extra: &str) -> String {
    format!(
        "{{\"id\":\"d{number}\",\"enc\":\"{number:032X}\",\"mac\":\"{number:032X}\",\"aid\":\"A000000151000000\",\
         \"sequence\":\"0000{number:02X}\",\"key_version\":\"30\",\"i\":\"70\"{extra}}}"
    )
}

const HOST: &str = ",\"host_challenge\":\"0102030405060708\"";

#[test]
fn side_by_side_equals_one_by_one() {
    let device = |number| Device::parse(&line(number, HOST)).unwrap();
    let (mut one, mut eight) = (Vec::new(), Vec::new());
    for number in 1..=8 {
        protect(&device(number), &plan(false), &mut one).unwrap();
    }
    protect_eight(&core::array::from_fn(|at| device(at as u8 + 1)), &plan(true), &mut eight).unwrap();
    assert_eq!(one, eight);
    let parsed: Value = serde_json::from_slice(one.split(|octet| *octet == b'\n').next().unwrap()).unwrap();
    assert_eq!(parsed["commands"].as_array().unwrap().len(), 4);
    assert_eq!(parsed["reply_keys"][2][1], 3);
}

#[test]
fn bad_devices_are_named_and_spoil_nobody_else() {
    // 20 devices; the sixth has an `i` without pseudo-random challenge, the eleventh line is no JSON.
    let mut lines: Vec<String> = (1..=20).map(|number| line(number, HOST)).collect();
    lines[5] = lines[5].replace("\"i\":\"70\"", "\"i\":\"60\"");
    lines[10] = "{".into();
    let input = lines.join("\n");
    let problems = std::sync::Mutex::new(Vec::new());
    let mut out = Vec::new();
    let totals = run(
        std::io::Cursor::new(input),
        &mut out,
        &plan(true),
        3,
        |_| {},
        |number, text| problems.lock().unwrap().push((number, text.to_string())),
    )
    .unwrap();
    assert_eq!((totals.done, totals.failed), (18, 2));
    let mut problems = problems.into_inner().unwrap();
    problems.sort();
    assert_eq!(problems.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [6, 11]);
    assert_eq!(out.iter().filter(|octet| **octet == b'\n').count(), 18);
}

#[test]
fn a_fleet_streams_through_and_every_challenge_is_its_own() {
    let mut out = Vec::new();
    let totals = run(simulated(500), &mut out, &plan(true), 2, |_| {}, |_, text| panic!("{text}")).unwrap();
    assert_eq!((totals.done, totals.failed), (500, 0));
    let lines: Vec<Value> =
        out.split(|o| *o == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect();
    let distinct = |name: &str| lines.iter().map(|line| line[name].as_str().unwrap()).collect::<HashSet<_>>().len();
    assert_eq!((distinct("id"), distinct("initialize_update"), distinct("foreseen")), (500, 500, 500));
}
