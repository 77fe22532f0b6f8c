//! One workload, many times, nothing else: for profilers and for counting instructions. See README.md.

use std::hint::black_box;

use gp_benches::subject;
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
        _ => panic!("no such workload"),
    }
}
