extern crate std;

use std::vec::Vec;

use super::*;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// Master key, key identifier, diversification data, key, check value. From the tests of GlobalPlatformPro (commit
/// 236a610), which give the check values, or for the last one the key.
const KDF3: [(&str, u8, &str, &str, &str); 7] = [
    ("404142434445464748494A4B4C4D4E4F", 1, "00010203040506070809", "808BC985A1069AD2A9AC94E0FE7B8843", "E79C05"),
    ("404142434445464748494A4B4C4D4E4F", 3, "00010203040506070809", "6A74F6F6040CCA10D8A3FDC7914FD7CC", "3FDE8C"),
    (
        "404142434445464748494A4B4C4D4E4F5051525354555657",
        2,
        "00010203040506070809",
        "DBCAADD8612534A5428BB2ECC61C734C7F214510E31F07E2",
        "47C00C",
    ),
    (
        "404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F",
        1,
        "00010203040506070809",
        "7E227C0F6D736A2492A356F83872F6814D3D38831E224DB731AAB0D1B51FAAF3",
        "2972D2",
    ),
    (
        "404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F",
        2,
        "00010203040506070809",
        "4653585CCC5697947F08B821014966E30E885A5422B665CE96EDC25651B1D8D9",
        "036F94",
    ),
    (
        "404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F",
        3,
        "00010203040506070809",
        "2E4446700FA96B1010D2E5DA69E6BE3AF2431D4E27EB4B77D9239509899A358C",
        "5D57B8",
    ),
    (
        "8C72C72CF908411653018807950D82FBAD947562F0828A0B10B8B9606ABF3BCD",
        1,
        "D9B1DE5D0362DEDCE4FB",
        "9AAC5D0B3601F89438A0D9D0B6B256CFB47E6462DFA5228D3420C4AC7C224781",
        "",
    ),
];

#[test]
fn kdf3_makes_the_published_keys() {
    for (master, id, data, expected, check_value) in KDF3 {
        let master = Key::new(&hex(master)).unwrap();
        let data = hex(data).try_into().unwrap();
        let keys = Kdf3::new(&master).keys(&data).unwrap();
        let id = [KeyId::Enc, KeyId::Mac, KeyId::Dek][usize::from(id) - 1];
        assert_eq!(keys.key(id).expose_secret(), hex(expected));
        if !check_value.is_empty() {
            assert_eq!(keys.key(id).kcv().as_slice(), hex(check_value));
        }
    }
}

#[test]
fn each_key_has_its_own_master() {
    let key = |octet| Key::new(&[octet; 24]).unwrap();
    let masters = StaticKeys::new(key(1), key(2), key(3)).unwrap();
    let data = [7; DATA_LEN];
    let keys = Kdf3::with_masters(&masters).keys(&data).unwrap();
    for (octet, id) in [(1, KeyId::Enc), (2, KeyId::Mac), (3, KeyId::Dek)] {
        let alone = Kdf3::new(&key(octet)).keys(&data).unwrap();
        assert_eq!(keys.key(id).expose_secret(), alone.key(id).expose_secret());
    }
}

#[test]
fn no_diversification_is_a_copy() {
    let key = |octet| Key::new(&[octet; 32]).unwrap();
    let keys = StaticKeys::new(key(1), key(2), key(3)).unwrap();
    let mut same = Same(&keys);
    // Through a reference, too.
    let same = Diversify::keys(&mut &mut same, &[9; DATA_LEN]).unwrap();
    for id in [KeyId::Enc, KeyId::Mac, KeyId::Dek] {
        assert_eq!(keys.key(id).expose_secret(), same.key(id).expose_secret());
    }
}
