//! Every committed seed through its target, without a fuzzer.

use std::{fs, path::Path};

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("the corpus folder") {
        let path = entry.expect("a folder entry").path();
        let octets = fs::read(&path).expect("a seed");
        println!("{}", path.display());
        run(&octets);
        // Seeds are whole messages: their beginnings are the truncated ones.
        for end in 0..octets.len().min(512) {
            run(&octets[..end]);
        }
        count += 1;
    }
    assert!(count > 0, "no seed in {}", folder.display());
}

#[test]
fn tlv() {
    replay("tlv", gp_fuzz::tlv);
}

#[test]
fn apdu() {
    replay("apdu", gp_fuzz::apdu);
}
