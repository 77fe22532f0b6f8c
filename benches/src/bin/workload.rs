//! One workload, many times, nothing else: for profilers and for counting instructions. See README.md.

use std::hint::black_box;

use gp_benches::subject;
use gp_scp03::SecurityLevel;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().expect("the name of a workload");
    let times: u32 = arguments.next().and_then(|text| text.parse().ok()).expect("how many times");
    let mut channel = subject::channel(SecurityLevel::CMacCDecryption);
    let data_len = name.strip_prefix("wrap-").and_then(|text| text.parse().ok()).expect("wrap-LENGTH");
    let mut buffer = vec![0x5A; data_len + 64];
    for _ in 0..times {
        black_box(subject::wrap(&mut channel, black_box(&mut buffer), data_len));
    }
}
