//! Paired ratios: ours against the reference points, inside one process. See README.md.
//!
//! `ratios [ROW...]` prints the rows whose names begin so, or all. `ratios --gate` runs those that do not depend on the
//! machine's mode and fails when one is above its bound.

use std::hint::black_box;
use std::process::ExitCode;

use gp_benches::managed;
use gp_benches::measure::{Ratios, Series, Subject, paired};
use gp_benches::reference::crates::{self, Crates};
use gp_benches::reference::raw::{self, Raw};
use gp_benches::subject::{self, CHAINING, S_ENC, S_MAC, Unwrapping};
use gp_scp03::{ExpandedKeys, SecurityLevel};

/// What is asked of a ratio.
#[derive(Clone, Copy)]
enum Bound {
    /// At most this, in the middle.
    Most(f64),
    /// At least this, in the middle.
    Least(f64),
    /// At least this in the best quarter of the rounds.
    LeastAtBest(f64),
}

struct Rows {
    wanted: Vec<String>,
    gate: bool,
    failed: bool,
}

impl Rows {
    fn wants(&self, name: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|prefix| name.starts_with(prefix.as_str()))
    }

    /// One line of the table; `gate` is the bound that is enforced.
    fn ratio(&mut self, name: &str, ratios: &Ratios, goal: Bound, gate: Option<Bound>) {
        let holds = |bound| match bound {
            Bound::Most(most) => ratios.median() <= most,
            Bound::Least(least) => ratios.median() >= least,
            Bound::LeastAtBest(least) => ratios.upper_quartile() >= least,
        };
        let text = |bound| match bound {
            Bound::Most(most) => format!("<= {most:.2}"),
            Bound::Least(least) => format!(">= {least:.2}"),
            Bound::LeastAtBest(least) => format!(">= {least:.2} at best"),
        };
        let verdict = if holds(goal) { "reached" } else { "missed" };
        println!(
            "{name:<44} {:>7.3}  quartiles {:>7.3} {:>7.3}   goal {:<16} {verdict}",
            ratios.median(),
            ratios.lower_quartile(),
            ratios.upper_quartile(),
            text(goal),
        );
        if let Some(bound) = gate.filter(|bound| self.gate && !holds(*bound)) {
            println!("{name}: not {}", text(bound));
            self.failed = true;
        }
    }

    fn time(&self, name: &str, series: &Series) {
        println!("  {name:<42} {:>9.1} ns, best quarter {:>9.1}", series.median(), series.best_quartile());
    }
}

fn wraps(rows: &mut Rows) {
    for (data_len, goal, gate) in [(16, 1.30, 2.35), (239, 1.15, 1.60), (8192, 1.05, 1.40)] {
        let name = format!("wrap-{data_len}");
        if !rows.wants(&name) {
            continue;
        }
        let iterations = 150_000 / (data_len as u32 + 80);
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
        let series = paired(&mut [&mut f0, &mut f1, &mut f2, &mut f3], 301, iterations);
        rows.ratio(&format!("{name} / raw"), &series[1].ratios(&series[0]), Bound::Most(goal), Some(Bound::Most(gate)));
        let goal = if data_len == 239 { 2.8 } else { 1.0 };
        let gate = Some(Bound::Least(1.4));
        rows.ratio(&format!("cbc + cmac crates / {name}"), &series[2].ratios(&series[1]), Bound::Least(goal), gate);
        if cfg!(feature = "openssl") {
            let goal = match data_len {
                16 => 4.5,
                239 => 3.0,
                _ => 2.2,
            };
            rows.ratio(&format!("OpenSSL / {name}"), &series[3].ratios(&series[1]), Bound::LeastAtBest(goal), None);
        }
        let shown = if cfg!(feature = "openssl") { 4 } else { 3 };
        for (name, series) in ["raw", "ours", "crates", "OpenSSL"].into_iter().zip(&series).take(shown) {
            rows.time(name, series);
        }
    }
}

fn unwraps(rows: &mut Rows) {
    for data_len in [239, 8191] {
        let name = format!("unwrap-{data_len}");
        if !rows.wants(&name) {
            continue;
        }
        let mut verify = Unwrapping::new(data_len, false);
        let mut fused = Unwrapping::new(data_len, true);
        let answer = verify.answer().to_vec();
        let raw = Raw::new(&S_ENC, &subject::S_RMAC, verify.chaining()).expect("AES instructions");
        let mut buffers = vec![answer.clone(); 8];
        let body = answer.len() - 10;
        let tag = raw.r_mac(&answer[..body], [0x90, 0x00]);
        assert_eq!(tag[..8], answer[body..body + 8], "the same chain");
        let mut chain = |n: u32| {
            for buffer in buffers.iter_mut().take(n as usize) {
                black_box(raw.r_mac(&black_box(buffer)[..body], [0x90, 0x00]));
            }
        };
        let subjects: &mut [&mut dyn Subject] = &mut [&mut chain, &mut verify, &mut fused];
        let series = paired(subjects, 601, 8);
        let goals = if data_len == 8191 { (1.22, 1.05) } else { (2.0, 2.0) };
        let gate = |goal: f64| Some(Bound::Most(goal + 0.6)).filter(|_| data_len == 8191);
        rows.ratio(
            &format!("{name}, verify then decrypt / MAC chain"),
            &series[1].ratios(&series[0]),
            Bound::Most(goals.0),
            gate(goals.0),
        );
        rows.ratio(
            &format!("{name}, one pass / MAC chain"),
            &series[2].ratios(&series[0]),
            Bound::Most(goals.1),
            gate(goals.1),
        );
        // What a lost fusion takes away, whatever the processor: the two would do the same.
        let gate = Some(Bound::Least(1.06)).filter(|_| data_len == 8191);
        rows.ratio(
            &format!("{name}, verify then decrypt / one pass"),
            &series[1].ratios(&series[2]),
            Bound::Least(1.0),
            gate,
        );
        for (name, series) in ["raw MAC chain", "verify then decrypt", "one pass"].into_iter().zip(&series) {
            rows.time(name, series);
        }
    }
}

fn establishment(rows: &mut Rows) {
    if !rows.wants("establish") {
        return;
    }
    let keys = subject::static_keys(7);
    let expanded = ExpandedKeys::new(&keys);
    let answer = subject::card_answer(&mut &keys);
    let (mut enc, mut mac) = (subject::K_ENC, subject::K_MAC);
    enc[..2].copy_from_slice(&7_u16.to_be_bytes());
    mac[..2].copy_from_slice(&7_u16.to_be_bytes());
    let channel = subject::establish(&mut &keys, &answer);
    let (session_keys, _) = crates::establish(&enc, &mac, &subject::HOST, &subject::CARD);
    assert_eq!(channel.session_keys().expect("open").mac().expose_secret(), session_keys[1]);
    let mut plain = |n| {
        for _ in 0..n {
            black_box(crates::establish(black_box(&enc), black_box(&mac), &subject::HOST, &subject::CARD));
        }
    };
    let mut raw = |n| (0..n).for_each(|_| drop(black_box(subject::establish(&mut &keys, black_box(&answer)))));
    let mut ready = |n| (0..n).for_each(|_| drop(black_box(subject::establish(&mut &expanded, black_box(&answer)))));
    let mut device = [subject::Device::new(7)];
    let mut script = |n| (0..n).for_each(|_| black_box(&mut device)[0].establish());
    let series = paired(&mut [&mut plain, &mut raw, &mut ready, &mut script], 301, 200);
    // Before schedules were made late it was 0.9.
    let gate = Some(Bound::LeastAtBest(if is_x86_feature_detected!("vaes") { 1.0 } else { 0.8 }));
    rows.ratio("six CMACs / establish, raw keys", &series[0].ratios(&series[1]), Bound::Least(2.7), gate);
    rows.ratio("six CMACs / establish, expanded keys", &series[0].ratios(&series[2]), Bound::Least(3.0), gate);
    for (name, series) in ["six CMACs", "raw keys", "expanded keys", "a script, raw keys"].into_iter().zip(&series) {
        rows.time(name, series);
    }
}

fn batches(rows: &mut Rows) {
    for data_len in [30, 239] {
        let name = format!("batch-{data_len}");
        if !rows.wants(&name) {
            continue;
        }
        let buffers = || -> [Vec<u8>; 8] { core::array::from_fn(|_| vec![0x5A; data_len + 64]) };
        let (mut b0, mut b1, mut b2) = (buffers(), buffers(), buffers());
        let (mut s0, mut s1) = (subject::scripts(), subject::scripts());
        let mut raws: [[Raw; 4]; 2] = core::array::from_fn(|_| {
            core::array::from_fn(|_| Raw::new(&S_ENC, &S_MAC, CHAINING).expect("AES instructions"))
        });
        let mut turn = |n| (0..n).for_each(|_| subject::wrap_in_turn(&mut s0, black_box(&mut b0), data_len));
        let mut each = |n| (0..n).for_each(|_| subject::wrap_each(&mut s1, black_box(&mut b1), data_len));
        let mut four = |n| {
            for _ in 0..n {
                for (raws, buffers) in raws.iter_mut().zip(black_box(&mut b2).chunks_mut(4)) {
                    raw::wrap_four(raws, buffers, data_len);
                }
            }
        };
        let series = paired(&mut [&mut turn, &mut each, &mut four], 301, 100);
        let (least, most) = if data_len == 239 { (2.6, 1.35) } else { (1.0, 9.0) };
        // Lanes want AES in vectors of 512 bits, and long commands; without, messages are done in turn, with the commands
        // checked before.
        let vectors = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("vaes");
        let gate = if vectors && data_len == 239 { 1.25 } else { 0.65 };
        rows.ratio(
            &format!("in turn / {name}, 8 sessions"),
            &series[0].ratios(&series[1]),
            Bound::LeastAtBest(least),
            Some(Bound::LeastAtBest(gate)),
        );
        rows.ratio(&format!("{name} / raw 4-way"), &series[1].ratios(&series[2]), Bound::Most(most), None);
        for (name, series) in ["in turn", "side by side", "raw 4-way"].into_iter().zip(&series) {
            rows.time(name, series);
        }
    }
}

fn fleet(rows: &mut Rows) {
    if !rows.wants("fleet") {
        return;
    }
    let mut d0: [subject::Device; 8] = core::array::from_fn(|number| subject::Device::new(number as u16));
    let mut d1: [subject::Device; 8] = core::array::from_fn(|number| subject::Device::new(number as u16));
    subject::one_by_one(&mut d0);
    subject::side_by_side(&mut d1);
    assert!(d0.iter().zip(&d1).all(|(a, b)| a.wire == b.wire), "the same scripts");
    let mut one = |n| (0..n).for_each(|_| subject::one_by_one(black_box(&mut d0)));
    let mut side = |n| (0..n).for_each(|_| subject::side_by_side(black_box(&mut d1)));
    let series = paired(&mut [&mut one, &mut side], 301, 30);
    let ratios = series[0].ratios(&series[1]);
    rows.ratio("fleet, one by one / side by side", &ratios, Bound::LeastAtBest(1.5), Some(Bound::LeastAtBest(0.65)));
    for (name, goal, series) in [("one by one", 0.9, &series[0]), ("side by side", 1.4, &series[1])] {
        let millions = |nanoseconds: f64| 8e3 / nanoseconds;
        println!(
            "  fleet, {name:<35} {:>9.2} million devices/s and core, best quarter {:.2}; goal {goal}",
            millions(series.median()),
            millions(series.best_quartile())
        );
    }
}

/// A GET STATUS answer, each template entered and walked to its end.
fn tlv(rows: &mut Rows) {
    if !rows.wants("tlv") {
        return;
    }
    let octets = gp_benches::get_status_answer();
    let mut ours = |n| (0..n).for_each(|_| _ = black_box(gp_benches::walk(black_box(&octets))));
    let mut tree = |n| {
        for _ in 0..n {
            black_box(iso7816_tlv::ber::Tlv::parse_all(black_box(&octets)));
        }
    };
    let mut der = |n| (0..n).for_each(|_| _ = black_box(gp_benches::reference::der::walk(black_box(&octets))));
    assert_eq!(gp_benches::walk(&octets), gp_benches::reference::der::walk(&octets));
    let series = paired(&mut [&mut ours, &mut tree, &mut der], 301, 200);
    rows.ratio("iso7816-tlv / tlv walk", &series[1].ratios(&series[0]), Bound::Least(25.0), Some(Bound::Least(12.0)));
    rows.ratio("der / tlv walk", &series[2].ratios(&series[0]), Bound::Least(4.0), Some(Bound::Least(2.5)));
    for (name, series) in ["ours", "iso7816-tlv, a tree", "der headers"].into_iter().zip(&series) {
        rows.time(name, series);
    }
}

/// The seven cases of a command.
fn apdu(rows: &mut Rows) {
    if !rows.wants("apdu") {
        return;
    }
    let commands = gp_benches::seven_cases();
    let mut ours = |n| {
        for _ in 0..n {
            for octets in black_box(&commands) {
                let command = gp_apdu::Command::parse(octets).expect("a command");
                black_box((command.header.cla.coding(), command.header.cla.channel(), command.form, command.data));
            }
        }
    };
    let mut view = |n| {
        for _ in 0..n {
            for octets in black_box(&commands) {
                black_box(iso7816::command::CommandView::try_from(&octets[..]).expect("a command"));
            }
        }
    };
    let series = paired(&mut [&mut ours, &mut view], 301, 300);
    let ratios = series[1].ratios(&series[0]);
    rows.ratio("iso7816 view / apdu parse, seven cases", &ratios, Bound::Least(3.0), Some(Bound::Least(1.5)));
    for (name, series) in ["ours", "iso7816"].into_iter().zip(&series) {
        rows.time(name, series);
    }
}

/// One GET STATUS at level 33 from the host's task through the card and back.
fn exchange(rows: &mut Rows) {
    if !rows.wants("exchange") {
        return;
    }
    let mut link = managed::Link::new(4);
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = managed::open(&mut link, SecurityLevel::Full, &mut command, &mut response);
    let mut both = |n| (0..n).for_each(|_| _ = black_box(managed::status(&mut host, &mut link)));
    let series = paired(&mut [&mut both], 301, 100);
    let millions = |nanoseconds: f64| 1e3 / nanoseconds;
    println!(
        "exchange, GET STATUS at level 33              {:>7.2} million/s and core, best quarter {:.2}; goal 1.5",
        millions(series[0].median()),
        millions(series[0].best_quartile())
    );
}

/// What commands cost the card with registries of different sizes, all in turns.
fn registry(rows: &mut Rows) {
    const SIZES: [usize; 3] = [16, 256, 4096];
    if !rows.wants("registry") {
        return;
    }
    let mut cards = SIZES.map(managed::Link::with_plain_session);
    println!("{:<52} {SIZES:?} entries, ns; of one more entry", "registry");
    for row in 0..managed::commands(4).len() {
        let [(name, c0), (_, c1), (_, c2)] = SIZES.map(|size| managed::commands(size)[row].clone());
        let [l0, l1, l2] = &mut cards;
        for (link, command) in [(&mut *l0, &c0), (&mut *l1, &c1), (&mut *l2, &c2)] {
            let answer = link.say(command);
            assert!(answer.ends_with(&[0x90, 0x00]) || answer.ends_with(&[0x63, 0x10]), "{name}: {answer:02X?}");
        }
        let mut f0 = |n| (0..n).for_each(|_| _ = black_box(l0.say(black_box(&c0))));
        let mut f1 = |n| (0..n).for_each(|_| _ = black_box(l1.say(black_box(&c1))));
        let mut f2 = |n| (0..n).for_each(|_| _ = black_box(l2.say(black_box(&c2))));
        let series = paired(&mut [&mut f0, &mut f1, &mut f2], 101, 20);
        let [small, middle, large] = [0, 1, 2].map(|at: usize| series[at].median());
        let more = (large - small) / (SIZES[2] - SIZES[0]) as f64;
        println!("  {name:<50} {small:>9.0} {middle:>9.0} {large:>9.0} {more:>9.2}");
    }
}

fn main() -> ExitCode {
    let mut rows = Rows { wanted: std::env::args().skip(1).collect(), gate: false, failed: false };
    rows.gate = rows.wanted.iter().any(|word| word == "--gate");
    rows.wanted.retain(|word| word != "--gate");
    println!("profile {}, AES instructions {}", if cfg!(debug_assertions) { "dev" } else { "optimised" }, raw_or_not());
    wraps(&mut rows);
    unwraps(&mut rows);
    establishment(&mut rows);
    batches(&mut rows);
    fleet(&mut rows);
    tlv(&mut rows);
    apdu(&mut rows);
    if !rows.gate {
        exchange(&mut rows);
        registry(&mut rows);
    }
    if rows.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn raw_or_not() -> &'static str {
    if Raw::new(&S_ENC, &S_MAC, CHAINING).is_some() { "yes" } else { "no" }
}
