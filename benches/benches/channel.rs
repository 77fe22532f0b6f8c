//! The secure channel: commands wrapped, answers unwrapped, sessions established.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gp_benches::measure::Subject;
use gp_benches::subject::{self, Unwrapping};
use gp_scp03::{ExpandedKeys, SecurityLevel};
use std::hint::black_box;
use std::time::Instant;

fn messages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("channel");
    for data_len in [16, 239, 1024, 8191] {
        group.throughput(Throughput::Bytes(data_len as u64));
        let mut channel = subject::channel(SecurityLevel::CMacCDecryption);
        let mut buffer = vec![0x5A; data_len + 64];
        group.bench_function(BenchmarkId::new("wrap", data_len), |bencher| {
            bencher.iter(|| subject::wrap(&mut channel, black_box(&mut buffer), data_len))
        });
        for (name, one_pass) in [("unwrap", false), ("unwrap in one pass", true)] {
            let mut unwrapping = Unwrapping::new(data_len, one_pass);
            group.bench_function(BenchmarkId::new(name, data_len), |bencher| {
                bencher.iter_custom(|iterations| {
                    let mut total = std::time::Duration::ZERO;
                    let mut left = iterations;
                    while left > 0 {
                        let now = left.min(8) as u32;
                        unwrapping.prepare(now);
                        let start = Instant::now();
                        unwrapping.run(now);
                        total += start.elapsed();
                        left -= u64::from(now);
                    }
                    total
                })
            });
        }
    }
    group.finish();
}

fn sessions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session");
    let keys = subject::static_keys(7);
    let expanded = ExpandedKeys::new(&keys);
    let answer = subject::card_answer(&mut &keys);
    group.bench_function("establish, raw keys", |bencher| {
        bencher.iter(|| subject::establish(&mut &keys, black_box(&answer)))
    });
    group.bench_function("establish, expanded keys", |bencher| {
        bencher.iter(|| subject::establish(&mut &expanded, black_box(&answer)))
    });
    let mut devices: [subject::Device; 8] = core::array::from_fn(|number| subject::Device::new(number as u16));
    group.throughput(Throughput::Elements(8));
    group.bench_function("scripts of eight devices, one by one", |bencher| {
        bencher.iter(|| subject::one_by_one(&mut devices))
    });
    group.bench_function("scripts of eight devices, side by side", |bencher| {
        bencher.iter(|| subject::side_by_side(&mut devices))
    });
    group.finish();
}

criterion_group!(benches, messages, sessions);
criterion_main!(benches);
