//! Parsing and emitting command APDUs of the usual sizes.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use gp_apdu::Command;
use std::hint::black_box;

fn apdu(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("apdu");
    for data_len in [8, 239] {
        let octets = gp_benches::case_4(data_len);
        let mut buffer = vec![0; octets.len()];
        let command = Command::parse(&octets).expect("a well-formed command");
        assert_eq!(command.emit(&mut buffer).expect("room"), octets);
        group.bench_function(BenchmarkId::new("parse case 4", data_len), |bencher| {
            bencher.iter(|| Command::parse(black_box(&octets)).map(|command| command.data.len()))
        });
        group.bench_function(BenchmarkId::new("emit case 4", data_len), |bencher| {
            bencher.iter(|| command.emit(black_box(&mut buffer)).map(|octets| octets.len()))
        });
    }
    group.finish();
}

criterion_group!(benches, apdu);
criterion_main!(benches);
