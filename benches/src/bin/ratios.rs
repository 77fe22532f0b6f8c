//! Paired ratios: ours against the reference points, inside one process. See README.md.

use std::hint::black_box;

use gp_benches::measure::paired;
use gp_benches::reference::crates::Crates;
use gp_benches::reference::raw::Raw;
use gp_benches::subject::{self, CHAINING, S_ENC, S_MAC};
use gp_scp03::SecurityLevel;

fn main() {
    let only: Option<usize> = std::env::args().nth(1).and_then(|t| t.parse().ok());
    for data_len in [16, 239, 8192].into_iter().filter(|n| only.is_none_or(|o| o == *n)) {
        let mut buffer = vec![0x5A; data_len + 64];
        let mut raw = Raw::new(&S_ENC, &S_MAC, CHAINING).expect("AES instructions");
        let mut crates = Crates::new(&S_ENC, &S_MAC, CHAINING);
        let mut channel = subject::channel(SecurityLevel::CMacCDecryption);
        let mut b2 = buffer.clone();
        let mut b3 = buffer.clone();
        for _ in 0..3 {
            let n = raw.wrap(&mut buffer, data_len);
            assert_eq!(n, crates.wrap(&mut b2, data_len));
            assert_eq!(buffer, b2);
            assert_eq!(n, subject::wrap(&mut channel, &mut b3, data_len));
            assert_eq!(buffer, b3);
        }
        let iterations = 150_000 / (data_len as u32 + 80);
        let mut f1 = |n: u32| for _ in 0..n { black_box(raw.wrap(black_box(&mut buffer), data_len)); };
        let mut f2 = |n: u32| for _ in 0..n { black_box(crates.wrap(black_box(&mut b2), data_len)); };
        let mut f3 = |n: u32| for _ in 0..n { black_box(subject::wrap(&mut channel, black_box(&mut b3), data_len)); };
        let s = paired(&mut [&mut f1, &mut f3, &mut f2], 301, iterations);
        println!("{data_len}: raw {:.1} ns, ours {:.1}, crates {:.1}; ours/raw {:.3} (q {:.3}), crates/ours {:.3}", s[0].median(), s[1].median(), s[2].median(),
            s[1].ratios(&s[0]).median(), s[1].ratios(&s[0]).lower_quartile(), s[2].ratios(&s[1]).median());
    }
}
