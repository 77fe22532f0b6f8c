//! Whole commands: one exchange between host and card, and the card alone with registries of different sizes.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use gp_benches::managed::{self, Link};
use gp_scp03::SecurityLevel;
use std::hint::black_box;

fn exchange(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("exchange");
    let mut link = Link::new(4);
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = managed::open(&mut link, SecurityLevel::Full, &mut command, &mut response);
    group.throughput(Throughput::Elements(1));
    group.bench_function("GET STATUS at level 33", |bencher| bencher.iter(|| managed::status(&mut host, &mut link)));
    group.finish();
}

fn registry(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("registry");
    for entries in [16, 256, 4096] {
        let mut link = Link::with_plain_session(entries);
        for (name, command) in managed::commands(entries) {
            group.bench_function(BenchmarkId::new(name, entries), |bencher| {
                bencher.iter(|| link.say(black_box(&command)).len())
            });
        }
    }
    group.finish();
}

criterion_group!(benches, exchange, registry);
criterion_main!(benches);
