//! Reading BER-TLV: a GET STATUS answer of eight entries, each entered and walked to its end.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gp_benches::walk;
use std::hint::black_box;

fn tlv(criterion: &mut Criterion) {
    let octets = gp_benches::get_status_answer();
    assert_eq!(walk(&octets), 8 * (8 + 1 + 3));
    let mut group = criterion.benchmark_group("tlv");
    group.throughput(Throughput::Bytes(octets.len() as u64));
    group.bench_function("walk GET STATUS, 8 entries", |bencher| bencher.iter(|| walk(black_box(&octets))));
    group.finish();
}

criterion_group!(benches, tlv);
criterion_main!(benches);
