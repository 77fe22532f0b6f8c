//! Published and recorded vectors of the command bodies, each with its source in `tests/data`.

use gp_apdu::Command;
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::cap::{Cap, ComponentTag};
use gp_cardmanager_model::confirmation::{Confirmation, Details};
use gp_cardmanager_model::delete::{Delete, DeleteContent};
use gp_cardmanager_model::error::{Error, ErrorKind};
use gp_cardmanager_model::install::{ForLoad, Install, Parameters};
use gp_cardmanager_model::put_key::{BlockForm, KeyType, NewComponent, NewKey, PutKey, PutKeyWriter};
use gp_cardmanager_model::signature::{Operation, ReceiptInput, Signer, TokenInput, Verifier};
use gp_cardmanager_model::store_data::key_dgi::{self, KeyItem};
use gp_cardmanager_model::store_data::{Blocks, StoreData, Structure};
use gp_scp03::Key;

fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// The lines of a table, cut into fields; name and source come first.
fn table(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split('|').map(str::trim).collect())
}

fn body(name: &str) -> Vec<u8> {
    table(include_str!("data/commands_bodies.txt")).find(|row| row[0] == name).map(|row| hex(row[2])).unwrap()
}

fn aid(text: &str) -> Aid {
    Aid::new(&hex(text)).unwrap()
}

#[test]
fn install_for_load() {
    let octets = body("inst-load-nxm");
    // The peer sends no Le.
    let command = Command::parse(&octets).unwrap();
    let install = Install::parse(command.header.p1, command.header.p2, command.data).unwrap();
    let expected = Install::Load(ForLoad {
        load_file: aid("53746174757357616C6C6574"),
        security_domain: Some(aid("A000000151000000")),
        hash: &[],
        parameters: &[],
        token: &[],
    });
    assert_eq!(install, expected);
    let mut buf = [0; 64];
    assert_eq!(install.emit(&mut buf).unwrap(), command.data);
    assert_eq!(install.header(), command.header);
}

#[test]
fn install_parameters() {
    let octets = body("inst-params-pys-1");
    let parameters = Parameters::parse(&octets).unwrap();
    let ca = hex("010001001505000000000000000000000000");
    let expected = Parameters {
        application: Some(&[]),
        volatile: Some(256),
        non_volatile: Some(256),
        ts_102_226: Some(&ca),
        ..Parameters::default()
    };
    assert_eq!(parameters, expected);

    let empty = body("inst-params-pys-2");
    let parameters = Parameters::parse(&empty).unwrap();
    assert_eq!(parameters, Parameters::for_application(&[]));
    let mut buf = [0; 8];
    let function = gp_cardmanager_model::install::Function::Install;
    assert_eq!(parameters.emit(function, &mut buf).unwrap(), empty);

    // Values of EA and CA, which the body carries as they are.
    let ea = body("inst-ea-uicc-kao");
    let ca = body("inst-ca-sim-kao");
    let parameters = Parameters { uicc: Some(&ea), ts_102_226: Some(&ca), ..Parameters::for_application(&[1]) };
    let mut buf = [0; 128];
    let written = parameters.emit(function, &mut buf).unwrap();
    assert_eq!(Parameters::parse(written).unwrap(), parameters);
    let tags: Vec<u32> = gp_tlv::Reader::new(&ea).map(|tlv| tlv.unwrap().tag.to_u32()).collect();
    assert_eq!(tags, [0x80, 0x81]);
}

#[test]
fn delete() {
    let octets = body("del-nxm");
    let command = Command::parse(&octets).unwrap();
    let delete = Delete::parse(command.header.p1, command.header.p2, command.data).unwrap();
    assert_eq!(delete, Delete::content(aid("0102030405"), false));
    assert_eq!(delete.header(), command.header);
    let mut buf = [0; 16];
    assert_eq!(delete.emit(&mut buf).unwrap(), command.data);
}

/// GlobalPlatformPro, TestDMTokenizer.java: a token of 128 octets follows as `9E 81 80`, four octets more than before with
/// one octet of data.
#[test]
fn delete_token_layout() {
    let token = [0xAB; 128];
    let content = DeleteContent { aid: aid("0102030405"), related: true, control: None, token: &token };
    let mut buf = [0; 256];
    let octets = Delete::Content(content).emit(&mut buf).unwrap();
    let (fields, rest) = octets.split_at(7);
    assert_eq!(fields, hex("4F050102030405"));
    assert_eq!(rest[..3], hex("9E8180"));
    assert_eq!((rest.len() - 3, 1 + rest.len()), (128, 132));
    assert_eq!(Delete::signed_fields(0, 0x80, octets).unwrap(), fields);
}

#[test]
fn token_of_an_extradition() {
    let signed = body("tok-extradition-kao");
    // The vector is the signed message: P1, P2, the length of the fields, and the fields.
    let (head, fields) = signed.split_at(3);
    assert_eq!(head, hex("100015"));
    assert_eq!(fields.len(), 0x15);
    let key = Key::new(&[0x40; 16]).unwrap();
    let input = TokenInput::new(head[0], head[1], fields).unwrap();
    assert_eq!(input.parts().concat(), signed);

    // As the card sees it: the fields with a token behind them.
    let mut token = [0; 16];
    assert_eq!((&key).sign(&input.parts(), &mut token), Ok(16));
    let mut data = fields.to_vec();
    data.push(16);
    data.extend(token);
    let received = TokenInput::of_install(0x10, 0, &data).unwrap();
    assert_eq!(received.parts().concat(), signed);
    let install = Install::parse(0x10, 0, &data).unwrap();
    assert_eq!((&key).verify(&received.parts(), install.token()), Ok(()));
    let Install::Extradition(extradition) = install else { panic!() };
    assert_eq!(extradition.security_domain, aid("D4D4D4D4D4010101"));
    assert_eq!(extradition.object, aid("D0D1D2D3D4D50101"));
}

#[test]
fn receipts() {
    let operation = |name: &str| match name {
        "rcpt-load" => Operation::Load { load_file: aid("A0000000620F01"), security_domain: aid("A000000151000000") },
        "rcpt-delete" => Operation::Delete { aid: aid("A0000000620F0101") },
        "rcpt-extradite" => Operation::Extradition {
            from: aid("A000000151000000"),
            object: aid("A0000000620F0101"),
            to: aid("D4D4D4D4D4010101"),
        },
        _ => panic!("{name}"),
    };
    let mut count = 0;
    for row in table(include_str!("data/commands_receipts.txt")) {
        let [name, _, key, signed, receipt, answer] = row[..] else { panic!("{row:?}") };
        let key = Key::new(&hex(key)).unwrap();
        let answer = hex(answer);
        let confirmation = Confirmation::parse(&answer).unwrap().unwrap();
        assert_eq!(confirmation.receipt, hex(receipt));
        let details = Details::parse(confirmation.details).unwrap();
        assert_eq!((details.counter, details.token_id), (1, None));
        assert_eq!(details.security_domain, hex("42103132333445010203"));

        let input = ReceiptInput::new(confirmation.details, &operation(name)).unwrap();
        assert_eq!(input.parts().concat(), hex(signed), "{name}");
        let mut made = [0; 16];
        (&key).sign(&input.parts(), &mut made).unwrap();
        assert_eq!(made[..], hex(receipt), "{name}");
        assert_eq!((&key).verify(&input.parts(), confirmation.receipt), Ok(()));

        let mut buf = [0; 64];
        assert_eq!(confirmation.emit(&mut buf).unwrap(), answer);
        count += 1;
    }
    assert_eq!(count, 3);
}

#[test]
fn key_check_values() {
    let mut count = 0;
    for row in table(include_str!("data/commands_kcv.txt")) {
        assert_eq!(Key::new(&hex(row[2])).unwrap().kcv()[..], hex(row[3]), "{}", row[0]);
        count += 1;
    }
    assert_eq!(count, 7);
}

#[test]
fn values_under_the_key_dek() {
    let mut count = 0;
    for row in table(include_str!("data/commands_dek.txt")) {
        let [_, _, dek, clear, encrypted] = row[..] else { panic!("{row:?}") };
        let mut dek = Key::new(&hex(dek)).unwrap();
        let key = Key::new(&hex(clear)).unwrap();
        let mut buf = [0; 64];
        let mut writer = PutKeyWriter::new(&mut buf, 1, BlockForm::Bare).unwrap();
        writer.aes(&key, &mut dek).unwrap();
        let data = writer.finish().unwrap();
        assert_eq!(data[3..19], hex(encrypted));
        count += 1;
    }
    assert_eq!(count, 1);
}

#[test]
fn put_key_fields() {
    let mut count = 0;
    for row in table(include_str!("data/commands_put_key.txt")) {
        let [name, _, dek, new_key, filler, field] = row[..] else { panic!("{row:?}") };
        let mut dek = Key::new(&hex(dek)).unwrap();
        let (value, filler) = (hex(new_key), hex(filler));
        let key = Key::new(&value).unwrap();
        let component = NewComponent { key_type: KeyType::AES, value: &value, filler: &filler };
        let new = NewKey { components: &[component], check_value: &key.kcv(), extended: None };
        let mut buf = [0; 64];
        let mut writer = PutKeyWriter::new(&mut buf, 0x30, BlockForm::WithLength).unwrap();
        writer.key(&new, &mut dek).unwrap();
        let data = writer.finish().unwrap();
        assert_eq!(data[0], 0x30);
        assert_eq!(data[1..], hex(field), "{name}");

        let command = PutKey::parse(0, 1, data).unwrap();
        let read = command.keys().next().unwrap();
        let mut out = [0; 32];
        let component = read.components().next().unwrap();
        let clear = component.decrypt(&mut dek, &mut out).unwrap();
        assert_eq!(clear, value, "{name}");
        assert_eq!(read.aes_key(clear).unwrap().expose_secret(), value);
        let mut answer = [0; 4];
        let answer = command.emit_answer(&mut answer).unwrap();
        assert_eq!(answer[1..], key.kcv());
        assert!(command.is_answered_by(answer));
        count += 1;
    }
    assert_eq!(count, 9);
}

#[test]
fn store_data_keys() {
    let mut dek = Key::new(&hex("000102030405060708090A0B0C0D0E0F")).unwrap();
    let mut check = |name: &str, keys: &[&str]| {
        let octets = body(name);
        let mut read = 0;
        key_dgi::read_keys(&octets, |item| {
            let KeyItem::Value(description, dgi) = item else { panic!() };
            assert_eq!((description.version, description.access.unwrap().0), (1, name.ends_with("x3").into()));
            assert_eq!(usize::from(description.id), read + 1);
            let mut out = [0; 16];
            let clear = description.decrypt(dgi.value, &mut dek, &mut out)?;
            assert_eq!(clear, hex(keys[read]));
            description.aes_key(clear)?;
            read += 1;
            Ok::<(), Error>(())
        })
        .unwrap();
        assert_eq!(read, keys.len());
    };
    let three =
        ["404142434445464748494A4B4C4D4E4F", "505152535455565758595A5B5C5D5E5F", "606162636465666768696A6B6C6D6E6F"];
    check("sd-keys-aes128x3", &three);
    check("sd-keys-dap", &["AABBCCDDEEFF00112233445566778899"]);
}

/// P1 61 in three blocks goes out as 61, 61, E1 and P2 as 00, 01, 02; and is read back so.
#[test]
fn store_data_blocks() {
    let expected = body("sd-p1-three");
    let format = StoreData::parse(0x61, 0).unwrap().format;
    let blocks: Vec<StoreData> =
        Blocks::new(700, 255).unwrap().map(|block| StoreData::of_block(format, &block)).collect();
    let sent: Vec<u8> = blocks.iter().flat_map(|block| [block.header().p1, block.header().p2]).collect();
    assert_eq!(sent, expected);
    let read: Vec<StoreData> = expected.chunks(2).map(|pair| StoreData::parse(pair[0], pair[1]).unwrap()).collect();
    assert_eq!(read, blocks);
}

#[test]
fn store_data_with_an_answer() {
    let octets = body("sd-geteid-pys");
    let command = Command::parse(&octets).unwrap();
    let block = StoreData::parse(command.header.p1, command.header.p2).unwrap();
    assert!(block.last && block.format.answer && block.number == 0);
    assert_eq!(block.format.structure, Structure::BerTlv);
    assert_eq!(block.header(), command.header);
}

#[test]
fn cap_load_blocks() {
    let mut count = 0;
    for row in table(include_str!("data/commands_cap.txt")) {
        let [name, _, header, applet, sizes, without, with] = row[..] else { panic!("{row:?}") };
        // Header and Applet as they are, the others of the right size.
        let components: Vec<Vec<u8>> = sizes
            .split(' ')
            .map(|entry| {
                let (tag, size) = entry.split_once(':').unwrap();
                let (tag, size): (u8, usize) = (tag.parse().unwrap(), size.parse().unwrap());
                match tag {
                    1 => hex(header),
                    3 => hex(applet),
                    _ => {
                        let [high, low] = u16::try_from(size - 3).unwrap().to_be_bytes();
                        let mut component = vec![tag; size];
                        component[..3].copy_from_slice(&[tag, high, low]);
                        component
                    }
                }
            })
            .collect();
        let cap = Cap::from_components(components.iter().map(Vec::as_slice)).unwrap();
        assert_eq!(cap.load_file_data_block_len(false).to_string(), without, "{name}");
        assert_eq!(cap.load_file_data_block_len(true).to_string(), with, "{name}");
        let order: Vec<u8> = cap.load_file_data_block(true).map(|component| component[0]).collect();
        assert_eq!(order, [1, 2, 4, 3, 6, 7, 8, 5, 9, 11]);
        assert_eq!(cap.component(ComponentTag::Header).unwrap(), hex(header));
        let applets: Vec<Vec<u8>> = cap.applets().map(|(aid, _)| aid.as_bytes().to_vec()).collect();
        match name {
            "cap-gpp-empty" => {
                assert_eq!(cap.header().aid, aid("0102030405"));
                assert_eq!((cap.header().format, cap.header().version), ((2, 1), (0, 0)));
                assert_eq!(applets, [hex("0102030405060708")]);
            }
            "cap-pys-test" => {
                assert_eq!(cap.header().aid, aid("D07002CA44"));
                assert_eq!((cap.header().format, cap.header().version), ((2, 1), (1, 0)));
                assert_eq!(applets, [hex("D07002CA44900101")]);
            }
            _ => panic!("{name}"),
        }
        count += 1;
    }
    assert_eq!(count, 2);
}

/// Every vector: no strict prefix and no changed octet makes a reader panic, and prefixes are refused where a body needs all of it.
#[test]
fn damaged_vectors() {
    let mut octets: Vec<Vec<u8>> = table(include_str!("data/commands_bodies.txt")).map(|row| hex(row[2])).collect();
    octets.extend(table(include_str!("data/commands_put_key.txt")).map(|row| hex(row[5])));
    octets.extend(table(include_str!("data/commands_receipts.txt")).map(|row| hex(row[5])));
    for whole in octets {
        for len in 0..whole.len() {
            read_all(&whole[..len]);
        }
        for at in 0..whole.len() {
            for octet in 0..=255 {
                let mut changed = whole.clone();
                changed[at] = octet;
                read_all(&changed);
            }
        }
    }
    for row in table(include_str!("data/commands_receipts.txt")) {
        let answer = hex(row[5]);
        for len in 2..answer.len() {
            let error = Confirmation::parse(&answer[..len]).unwrap_err();
            assert!(matches!(error.kind, ErrorKind::Truncated | ErrorKind::BadLength), "{error:?}");
        }
    }
}

/// Gives octets to every reader, with and without a command header before them.
fn read_all(octets: &[u8]) {
    for data in [octets, octets.get(5..).unwrap_or_default()] {
        for (p1, p2) in [(2, 0), (4, 0), (0x0C, 0), (8, 0), (0x10, 0), (0x40, 0), (0x20, 0), (0x0E, 1), (0x0E, 3)] {
            if let Ok(install) = Install::parse_lenient(p1, p2, data) {
                let _ = Parameters::parse(install.parameters());
                let _ = TokenInput::of_install(p1, p2, data);
            }
        }
        let _ = Parameters::parse(data);
        let _ = Delete::parse(0, 0x80, data);
        let _ = Confirmation::parse(data);
        let _ = key_dgi::read_keys(data, |_| Ok::<(), Error>(()));
        let _ = gp_cardmanager_model::get_status::GetStatus::parse(0x40, 2, data);
        let _ = Cap::from_joined(data);
        if let Ok(command) = PutKey::parse(0, 0x81, data) {
            for component in command.keys().flat_map(|key| key.components()) {
                let _ = component.secret(16);
                let _ = component.secret(8);
            }
        }
    }
}
