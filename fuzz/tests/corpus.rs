//! Every committed seed through its target, without a fuzzer.

use std::{fs, path::Path};

use arbitrary::{Arbitrary, Unstructured};

/// Runs a structured target on octets, as the fuzzer does.
fn structured<'a, T: Arbitrary<'a>>(octets: &'a [u8], run: fn(&T)) {
    if let Ok(value) = T::arbitrary_take_rest(Unstructured::new(octets)) {
        run(&value);
    }
}

/// Each seed of the target, and that many of its beginnings: seeds are whole messages, their beginnings the truncated ones.
fn replay(target: &str, beginnings: usize, run: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("the corpus folder") {
        let path = entry.expect("a folder entry").path();
        let octets = fs::read(&path).expect("a seed");
        println!("{}", path.display());
        run(&octets);
        for end in 0..octets.len().min(beginnings) {
            run(&octets[..end]);
        }
        count += 1;
    }
    assert!(count > 0, "no seed in {}", folder.display());
}

macro_rules! targets {
    ($($name:ident: $beginnings:literal, $run:expr;)+) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name), $beginnings, $run);
            }
        )+

        /// Each binary of the manifest has its replay here, and its own body.
        #[test]
        fn every_target_is_replayed() {
            let mut named: Vec<&str> = include_str!("../Cargo.toml")
                .lines()
                .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""))
                .collect();
            let mut replayed = vec![$(stringify!($name)),+];
            named.sort_unstable();
            replayed.sort_unstable();
            assert_eq!(named, replayed);
        }
    };
}

targets! {
    apdu: 512, gp_fuzz::apdu;
    bodies: 512, gp_fuzz::bodies;
    cap: 2000, gp_fuzz::cap;
    card: 0, gp_fuzz::card;
    commands: 0, |octets| structured(octets, gp_fuzz::commands);
    dgi: 512, gp_fuzz::dgi;
    ffi: 0, |octets| structured(octets, gp_fuzz::ffi);
    host_handshake: 512, gp_fuzz::host_handshake;
    host_unwrap: 8, |octets| structured(octets, gp_fuzz::host_unwrap);
    install: 512, gp_fuzz::install;
    listing: 256, gp_fuzz::listing;
    load_file: 512, gp_fuzz::load_file;
    middle: 8, |octets| structured(octets, gp_fuzz::middle);
    objects: 512, gp_fuzz::objects;
    put_key: 512, gp_fuzz::put_key;
    responder: 128, gp_fuzz::responder;
    storage: 0, |octets| structured(octets, gp_fuzz::storage);
    store_data: 256, gp_fuzz::store_data;
    tlv: 512, gp_fuzz::tlv;
    tlv_differential: 512, gp_fuzz::tlv_differential;
    wire: 0, |octets| structured(octets, gp_fuzz::wire);
}
