//! Published sessions at level `33`: the answers that a peer's tests hold, and the commands that belong to them.
//!
//! From Samsung/OpenSCP-Java (Apache-2.0; data only), `testdata/SmartCardScp03Aes*Emulation.java`.

/// A session up to its first command. The challenges and the cryptograms are in the messages.
#[derive(Debug)]
pub struct Published {
    /// What to call it.
    pub name: &'static str,
    /// Key-ENC, Key-MAC, Key-DEK: the first octets of these, as long as the keys are.
    pub key_length: usize,
    /// Host challenge, 8 or 16 octets.
    pub host_challenge: &'static [u8],
    /// The answer to INITIALIZE UPDATE, without `9000`.
    pub challenged: &'static [u8],
    /// EXTERNAL AUTHENTICATE as the host must make it.
    pub authenticate: &'static [u8],
    /// GET STATUS as the host must protect it.
    pub wrapped: &'static [u8],
    /// The protected answer to it.
    pub answer: &'static [u8],
}

/// The plain command of all of them.
pub const PLAIN: [u8; 7] = hex(b"80F22000024F00");

/// What the answers say, without `9000`.
pub const LISTING: [u8; 57] =
    hex(b"08A00000015141434C010010A0000002202003010101000000000006010010A0000002202003010101000000000011010005A0000002480100");

/// Key-ENC; shorter keys are its first octets.
pub const ENC: [u8; 32] = hex(b"1D72CD9283FD55162722C6BEAA4DC1877F4C0CD0ECC15E052AAC39A99AF9AD72");
/// Key-MAC.
pub const MAC: [u8; 32] = hex(b"F4932BA02FFC3098D172790099D2838236F2E61068D56F4401CC0374C25AF8CB");
/// Key-DEK.
pub const DEK: [u8; 32] = hex(b"B4BDC610C3F6793708FF1132E2C5BF60523AEAC06B32F204B851B6CC007C8D3C");

/// AES-128 and S8.
pub const AES_128_S8: Published = Published {
    name: "AES-128, S8",
    key_length: 16,
    host_challenge: &hex::<8>(b"06F85B77251BF794"),
    challenged: &hex::<32>(b"A1A012430585513120853003709CE033FA78E6B10DDC2DBE8974C8B0DE00082A"),
    #[cfg(not(feature = "wrong-vector"))]
    authenticate: &hex::<21>(b"8482330010B08D6CE26B6CB3CCB411CF0296EB7B1D"),
    #[cfg(feature = "wrong-vector")]
    authenticate: &hex::<21>(b"8482330010B08D6CE26B6CB3CCB411CF0296EB7B1C"),
    wrapped: &hex::<29>(b"84F22000185230BA64388B4A40E0B4DA5CC1DF51C285E4020D99D5AED1"),
    answer: &hex::<74>(
        b"BD3292BFB1A23C4478E37292BA1EDF438770CE472FB7611FBDBD1C981A27FA4780A81A95D93C05F9C4C94839DED0363CFEA57CE2ECFB572B26F3474DAEEBBABC202942381F9755F59000",
    ),
};

/// AES-192 and S8.
pub const AES_192_S8: Published = Published {
    name: "AES-192, S8",
    key_length: 24,
    host_challenge: &hex::<8>(b"06F85B77251BF794"),
    challenged: &hex::<32>(b"A1A012430585513120853003709CE033FA78E6B10D6E7C64F962A822A400082A"),
    authenticate: &hex::<21>(b"848233001063B6CEFAC0EC098333860788C65220BA"),
    wrapped: &hex::<29>(b"84F2200018D9EDCBCB7F69CB1EF0508E6EDE933A6D80091E7D99CB3E51"),
    answer: &hex::<74>(
        b"99077B167D43A4F313B59B63CC23EFD3B5158BDEF8F24D85E250570A4AAB81869A92307350267F0FBC2278FA3D34D2FD5D2B4E8C0362C01D082C76A17B80AEA4BA5FB9D7DA3BB3689000",
    ),
};

/// AES-256 and S16.
pub const AES_256_S16: Published = Published {
    name: "AES-256, S16",
    key_length: 32,
    host_challenge: &hex::<16>(b"06F85B77251BF79406F85B77251BF794"),
    challenged: &hex::<48>(
        b"A1A012430585513120853003710617A2C34D50B562F7DECFC3DBF58A6499D2966CF09C9201FDE8343E93FB18B400082A",
    ),
    authenticate: &hex::<37>(
        b"848233002071D1A091C5D24AF177B00E69B1A32B4E30A5168CF8C86B19730DF915EF82D8A7",
    ),
    wrapped: &hex::<37>(b"84F2200020DD3036DC4C636717702732ABBA185633873A933310002B25E386CF10A4E6B130"),
    answer: &hex::<82>(
        b"A5E7309DCA3EFFA13D1AA03FE0D3E2BA8D04DF15A6A26989150F512ED453F5DFFB2A7E4EE4E2FFACEFC0945435BCAF3A914A9F7BD66B4F82635B7757AE82B54262489B3B58224F99E846E2A8061B17329000",
    ),
};

/// Octets from hexadecimal digits, when the program is compiled.
const fn hex<const N: usize>(digits: &[u8]) -> [u8; N] {
    assert!(digits.len() == 2 * N, "not that many octets");
    let mut octets = [0; N];
    let mut at = 0;
    while at < N {
        octets[at] = digit(digits[2 * at]) << 4 | digit(digits[2 * at + 1]);
        at += 1;
    }
    octets
}

const fn digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'A'..=b'F' => digit - b'A' + 10,
        _ => panic!("not a hexadecimal digit"),
    }
}
