//! `plot FILE`: time of a wrap against its length, ours and the reference points', as an SVG with both axes logarithmic.

use std::fmt::Write as _;
use std::hint::black_box;

use gp_benches::measure::{Subject, paired};
use gp_benches::reference::crates::Crates;
use gp_benches::reference::raw::Raw;
use gp_benches::subject::{self, CHAINING, S_ENC, S_MAC};
use gp_scp03::SecurityLevel;

const LENGTHS: [usize; 11] = [8, 16, 32, 64, 128, 239, 512, 1024, 2048, 4096, 8192];

fn main() {
    let file = std::env::args().nth(1).expect("the name of the SVG");
    let mut lines: Vec<(&str, &str, Vec<f64>)> = vec![
        ("limit: AES instructions by hand", "#888", vec![]),
        ("gp-scp03", "#c00", vec![]),
        ("cbc + cmac crates", "#06c", vec![]),
    ];
    if cfg!(feature = "openssl") {
        lines.push(("OpenSSL 3, contexts kept", "#080", vec![]));
    }
    for data_len in LENGTHS {
        let mut buffers: [Vec<u8>; 4] = core::array::from_fn(|_| vec![0x5A; data_len + 64]);
        let [b0, b1, b2, b3] = &mut buffers;
        let mut raw = Raw::new(&S_ENC, &S_MAC, CHAINING).expect("AES instructions");
        let mut crates = Crates::new(&S_ENC, &S_MAC, CHAINING);
        let mut channel = subject::channel(SecurityLevel::CMacCDecryption);
        let mut f0 = |n| (0..n).for_each(|_| _ = black_box(raw.wrap(black_box(b0), data_len)));
        let mut f1 = |n| (0..n).for_each(|_| _ = black_box(subject::wrap(&mut channel, black_box(b1), data_len)));
        let mut f2 = |n| (0..n).for_each(|_| _ = black_box(crates.wrap(black_box(b2), data_len)));
        #[cfg(feature = "openssl")]
        let mut openssl = gp_benches::reference::openssl::OpenSsl::new(&S_ENC, &S_MAC, CHAINING);
        #[cfg(feature = "openssl")]
        let mut f3 = |n| (0..n).for_each(|_| _ = black_box(openssl.wrap(black_box(b3), data_len)));
        #[cfg(not(feature = "openssl"))]
        let mut f3 = |_| _ = black_box(&b3);
        let subjects: &mut [&mut dyn Subject] = &mut [&mut f0, &mut f1, &mut f2, &mut f3];
        let series = paired(subjects, 101, 120_000 / (data_len as u32 + 80));
        for ((_, _, points), series) in lines.iter_mut().zip(series) {
            points.push(series.median());
        }
    }
    std::fs::write(file, svg(&lines)).expect("a file that can be written");
}

fn svg(lines: &[(&str, &str, Vec<f64>)]) -> String {
    let x = |octets: f64| 70.0 + (octets / 8.0).log2() * 56.0;
    let y = |nanoseconds: f64| 370.0 - (nanoseconds / 30.0).log10() * 110.0;
    let mut out = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 700 430\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"700\" height=\"430\" fill=\"#fff\"/>\n\
         <text x=\"70\" y=\"22\" font-size=\"14\">wrap, C-MAC and C-DECRYPTION, AES-128: nanoseconds against octets of data</text>\n",
    );
    // Writing to a string cannot fail.
    for at in [30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0, 30000.0] {
        let _ = writeln!(
            out,
            "<path d=\"M70 {0:.0}H640\" stroke=\"#ddd\"/><text x=\"64\" y=\"{1:.0}\" text-anchor=\"end\">{at}</text>",
            y(at),
            y(at) + 4.0
        );
    }
    for octets in LENGTHS {
        let at = x(octets as f64);
        let _ = writeln!(out, "<text x=\"{at:.0}\" y=\"392\" text-anchor=\"middle\">{octets}</text>");
    }
    for (at, (name, colour, points)) in lines.iter().enumerate() {
        let path: Vec<String> = LENGTHS
            .iter()
            .zip(points)
            .map(|(octets, nanoseconds)| format!("{:.1},{:.1}", x(*octets as f64), y(*nanoseconds)))
            .collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"84\" y=\"{}\" fill=\"{colour}\">{name}</text>",
            path.join(" "),
            48 + 17 * at
        );
    }
    out + "</svg>\n"
}
