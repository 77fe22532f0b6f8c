//! One workload, many times, nothing else: for profilers and for counting instructions. See README.md.

use std::hint::black_box;

use gp_benches::{managed, subject};
use gp_scp03::SecurityLevel;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().expect("the name of a workload");
    let times: u32 = arguments.next().and_then(|text| text.parse().ok()).expect("how many times");
    match name.split_once('-') {
        Some(("wrap", text)) => {
            let data_len = text.parse().expect("a length");
            let mut channel = subject::channel(SecurityLevel::CMacCDecryption);
            let mut buffer = vec![0x5A; data_len + 64];
            for _ in 0..times {
                black_box(subject::wrap(&mut channel, black_box(&mut buffer), data_len));
            }
        }
        Some(("batch", text)) => {
            let data_len = text.parse().expect("a length");
            let mut scripts = subject::scripts();
            let mut buffers: [Vec<u8>; 8] = core::array::from_fn(|_| vec![0x5A; data_len + 64]);
            for _ in 0..times {
                subject::wrap_each(&mut scripts, black_box(&mut buffers), data_len);
            }
        }
        Some(("fleet", "scripts")) => {
            let mut devices: [subject::Device; 8] = core::array::from_fn(|number| subject::Device::new(number as u16));
            for _ in 0..times {
                subject::one_by_one(black_box(&mut devices));
            }
        }
        Some(("establish", "script")) => {
            let mut device = subject::Device::new(7);
            for _ in 0..times {
                black_box(&mut device).establish();
            }
        }
        Some(("establish", "session")) => {
            let keys = subject::static_keys(7);
            let answer = subject::card_answer(&mut &keys);
            for _ in 0..times {
                black_box(subject::establish(&mut &keys, black_box(&answer)));
            }
        }
        Some(("tlv", "walk")) => {
            let octets = gp_benches::get_status_answer();
            for _ in 0..times {
                black_box(gp_benches::walk(black_box(&octets)));
            }
        }
        Some(("apdu", "parse")) => {
            let octets = gp_benches::case_4(239);
            for _ in 0..times {
                let _ = black_box(gp_apdu::Command::parse(black_box(&octets)));
            }
        }
        Some(("apdu", "emit")) => {
            let octets = gp_benches::case_4(239);
            let command = gp_apdu::Command::parse(&octets).expect("a command");
            let mut buffer = [0; 261];
            for _ in 0..times {
                let _ = black_box(command.emit(black_box(&mut buffer)));
            }
        }
        Some(("exchange", "status")) => {
            let mut link = managed::Link::new(4);
            let (mut command, mut response) = ([0; 261], [0; 258]);
            let mut host = managed::open(&mut link, SecurityLevel::Full, &mut command, &mut response);
            for _ in 0..times {
                black_box(managed::status(&mut host, &mut link));
            }
        }
        Some(("kdf", "key")) => {
            let key = gp_scp03::Key::new(&subject::K_MAC).expect("16 octets");
            let context: [&[u8]; 2] = [&subject::HOST, &subject::CARD];
            let mut out = [0; 16];
            for _ in 0..times {
                let prf = |parts: &[&[u8]]| Ok(key.cmac(parts));
                gp_scp03::hazmat::derive(prf, gp_scp03::hazmat::Constant::SMac, context, black_box(&mut out))
                    .expect("a key");
            }
        }
        Some(("unwrap", text)) => {
            let data_len = text.parse().expect("a length");
            let (mut script, key, answer) = subject::answered(data_len);
            let mut buffer = answer.clone();
            for _ in 0..times {
                buffer.copy_from_slice(&answer);
                let _ = black_box(script.unwrap(&key, black_box(&mut buffer)).expect("an authentic answer"));
            }
        }
        _ => panic!("no such workload"),
    }
}
