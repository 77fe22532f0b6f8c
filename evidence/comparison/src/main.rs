//! The comparison that the crates rely on, `subtle`'s, under memcheck: equal, different at each octet, of two lengths.

use subtle::ConstantTimeEq;

fn secret(octet: u8) -> [u8; 16] {
    let octets = std::hint::black_box([octet; 16]);
    memcheck::make_undefined(&octets);
    octets
}

fn main() {
    let mut verdicts = [0_u8; 18];
    let before = memcheck::errors();
    for (at, verdict) in verdicts.iter_mut().enumerate() {
        let (one, mut two) = (secret(7), secret(7));
        if let Some(octet) = two.get_mut(at) {
            *octet ^= 1;
        }
        let (one, two) = if at == 17 { (&one[..], &two[..15]) } else { (&one[..], &two[..]) };
        *verdict = one.ct_eq(two).unwrap_u8();
    }
    let reports = memcheck::errors() - before;
    memcheck::make_defined(&verdicts);
    let mut expected = [0; 18];
    expected[16] = 1;
    println!("subtle: comparison {reports:6} reports");
    std::process::exit(i32::from(verdicts != expected || reports > 0));
}
