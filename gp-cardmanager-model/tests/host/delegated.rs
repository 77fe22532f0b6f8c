//! Delegated management from the host's end: tokens go out in the commands that they sign, receipts come back and are
//! verified against the operation that was meant.

use crate::support;
use gp_apdu::{Header, StatusWord, ins};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::delete::{Delete as DeleteBody, DeleteContent};
use gp_cardmanager_model::host::{
    Authenticate, CreateSecurityDomain, Delete, Failure, Host, Install, Load, combined_token, delete_token,
    install_token, run, verify_receipt,
};
use gp_cardmanager_model::install::{ForExtradition, ForInstall, ForLoad, Function, Install as Body};
use gp_cardmanager_model::signature::{Operation, SignatureError, Signer, TokenInput, Verifier};
use gp_scp03::{Challenge, Key, SecurityLevel};
use support::{Handled, TestCard, hex, keys};

fn aid(text: &str) -> Aid {
    Aid::new(&hex(text)).unwrap()
}

/// Shows what is signed, and makes signatures of a length of choice.
struct Shown {
    signed: Vec<u8>,
    len: usize,
}

impl Signer for Shown {
    fn sign(&mut self, parts: &[&[u8]], out: &mut [u8]) -> Result<usize, SignatureError> {
        self.signed = parts.concat();
        out.get_mut(..self.len).ok_or(SignatureError::BufferFull)?.fill(0xAB);
        Ok(self.len)
    }
}

/// Signed octets from a test of kaoh/globalplatform (commit 8dd2f1b).
#[test]
fn a_token_signs_the_command_without_itself() {
    let (moved, to) = (aid("D0D1D2D3D4D50101"), aid("D4D4D4D4D4010101"));
    let body = Body::Extradition(ForExtradition { security_domain: to, object: moved, parameters: &[], token: &[] });
    let mut signer = Shown { signed: Vec::new(), len: 16 };
    let (mut scratch, mut token) = ([0; 300], [0; 128]);
    assert_eq!(install_token(&body, &mut signer, &mut scratch, &mut token), Ok(16));
    assert_eq!(signer.signed, hex("10001508D4D4D4D4D40101010008D0D1D2D3D4D501010000"));

    let body = DeleteBody::Content(DeleteContent { aid: moved, related: true, control: None, token: &[] });
    assert_eq!(delete_token(&body, &mut signer, &mut scratch, &mut token), Ok(16));
    assert_eq!(signer.signed, hex("00800A4F08D0D1D2D3D4D50101"));

    let first = ForLoad { load_file: moved, security_domain: None, hash: &[1; 32], parameters: &[], token: &[] };
    let last = ForInstall {
        load_file: None,
        module: None,
        application: to,
        privileges: &[0],
        parameters: &[0xC9, 0x00],
        token: &[],
    };
    combined_token(first, last, &mut signer, &mut scratch, &mut token).unwrap();
    let expected = ["0E012C08D0D1D2D3D4D501010020", &"01".repeat(32), "00", "0E0310000008D4D4D4D4D4010101010002C900"];
    assert_eq!(signer.signed, hex(&expected.concat()));

    // Room that does not suffice, a key that cannot be used, a command that has no token.
    let failed = |len, scratch: usize, body: &Body<'_>| {
        let mut signer = Shown { signed: Vec::new(), len };
        install_token(body, &mut signer, &mut vec![0; scratch], &mut [0; 32]).unwrap_err()
    };
    let body = Body::Extradition(ForExtradition { security_domain: to, object: moved, parameters: &[], token: &[] });
    assert_eq!(failed(33, 300, &body), Failure::Signature(SignatureError::BufferFull));
    assert!(matches!(failed(16, 10, &body), Failure::Body(_)));
}

/// A card that verifies every token with a key of its own, and answers with a receipt.
fn answer(header: Header, data: &[u8], token_key: &Key, receipt_key: &Key) -> Handled {
    let signed = match header.ins {
        ins::INSTALL => TokenInput::of_install(header.p1, header.p2, data).unwrap(),
        _ => TokenInput::of_delete(header.p1, header.p2, data).unwrap(),
    };
    let token = match header.ins {
        ins::INSTALL => Body::parse(header.p1, header.p2, data).unwrap().token(),
        _ => match DeleteBody::parse(header.p1, header.p2, data).unwrap() {
            DeleteBody::Content(content) => content.token,
            DeleteBody::Keys(_) => &[],
        },
    };
    let mut token_key = token_key;
    if token_key.verify(&signed.parts(), token).is_err() {
        return (Vec::new(), StatusWord::CONDITIONS_OF_USE);
    }
    let details = [&[0x02, 0x00, 0x01, 0x0A][..], b"0123456789"].concat();
    let operation: &[u8] = match header.ins {
        ins::DELETE => &data[1..10],
        _ => &hex("08A00000015100000008D0D1D2D3D4D5010108D4D4D4D4D4010101"),
    };
    let receipt = receipt_key.cmac(&[&details, operation]);
    let inner = [&[0x10][..], &receipt, &details].concat();
    ([&[u8::try_from(inner.len()).unwrap()][..], &inner].concat(), StatusWord::OK)
}

#[test]
fn tokens_go_out_and_receipts_come_back() {
    let (token_key, receipt_key) = (Key::new(&[0x70; 32]).unwrap(), Key::new(&[0x71; 16]).unwrap());
    let mut card = TestCard::new(16, 0x70, |header, data: &[u8]| answer(header, data, &token_key, &receipt_key));
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let mut host = Host::new(&mut command, &mut response, ());
    let keys = keys(16);
    let challenge = Challenge::new(&[1; 8]).unwrap();
    run(&mut host, &mut card, Authenticate::new(challenge, SecurityLevel::Full, |_| Ok(&keys))).unwrap();

    let (from, moved, to) = (aid("A000000151000000"), aid("D0D1D2D3D4D50101"), aid("D4D4D4D4D4010101"));
    let (mut scratch, mut token) = ([0; 300], [0; 16]);
    let body = Body::Extradition(ForExtradition { security_domain: to, object: moved, parameters: &[], token: &[] });
    install_token(&body, &mut &token_key, &mut scratch, &mut token).unwrap();
    let done = run(&mut host, &mut card, Install::new(body.with_token(&token))).unwrap();
    let confirmation = done.confirmation().unwrap().unwrap();
    let operation = Operation::Extradition { from, object: moved, to };
    verify_receipt(&confirmation, &operation, &mut &receipt_key).unwrap();
    let other = Operation::Extradition { from, object: moved, to: from };
    let wrong = verify_receipt(&confirmation, &other, &mut &receipt_key).unwrap_err();
    assert_eq!(wrong, Failure::Signature(SignatureError::Mismatch));
    let wrong = verify_receipt(&confirmation, &operation, &mut &token_key).unwrap_err();
    assert_eq!(wrong, Failure::Signature(SignatureError::Mismatch));

    // The token of another command does not do.
    let body = DeleteBody::content(moved, false);
    fn with(aid: Aid, token: &[u8]) -> Delete<'_> {
        Delete::new(DeleteBody::Content(DeleteContent { aid, related: false, control: None, token }))
    }
    let refused = run(&mut host, &mut card, with(moved, &token)).unwrap_err();
    assert_eq!(refused.failure().unwrap().status(), Some(StatusWord::CONDITIONS_OF_USE));
    delete_token(&body, &mut &token_key, &mut scratch, &mut token).unwrap();
    let done = run(&mut host, &mut card, with(moved, &token)).unwrap();
    let confirmation = done.confirmation().unwrap().unwrap();
    verify_receipt(&confirmation, &Operation::Delete { aid: moved }, &mut &receipt_key).unwrap();

    // A security domain is created with a token over the body that the operation shows.
    let task = CreateSecurityDomain::new(from, moved, to);
    task.with_body(|body| install_token(&body, &mut &token_key, &mut scratch, &mut token)).unwrap();
    run(&mut host, &mut card, task.with_token(&token)).unwrap();
    assert!(run(&mut host, &mut card, task).is_err());
}

/// The receipt of a load comes with the last block, and that of the combined process with its last command.
#[test]
fn the_last_answer_of_a_load_is_its_confirmation() {
    let confirmation = hex("1F10E104E69C374EDEF014217F5F797F0F340200010A42103132333445010203");
    for combined in [false, true] {
        let last = |header: Header| match combined {
            true => header.ins == ins::INSTALL && header.p2 == Function::CombinedLast.p2(),
            false => header.ins == ins::LOAD && header.p1 == 0x80,
        };
        let mut card = TestCard::new(16, 0x70, |header, _: &[u8]| {
            (if last(header) { confirmation.clone() } else { vec![0] }, StatusWord::OK)
        });
        let (mut command, mut response) = ([0; 261], [0; 258]);
        let mut host = Host::new(&mut command, &mut response, ());
        let keys = keys(16);
        let challenge = Challenge::new(&[1; 8]).unwrap();
        run(&mut host, &mut card, Authenticate::new(challenge, SecurityLevel::CMac, |_| Ok(&keys))).unwrap();
        let (load_file, security_domain) = (aid("A0000000620F01"), aid("A000000151000000"));
        let body =
            ForLoad { load_file, security_domain: Some(security_domain), hash: &[], parameters: &[], token: &[1; 16] };
        let head = [0xC4, 0x82, 0x01, 0xF4];
        let block = core::iter::once(&[0x55; 500][..]);
        let load = match combined {
            false => Load::new(body, &head, block),
            true => {
                let last = ForInstall {
                    load_file: None,
                    module: None,
                    application: security_domain,
                    privileges: &[0],
                    parameters: &[0xC9, 0],
                    token: &[1; 16],
                };
                Load::combined(body, &head, block, last)
            }
        };
        let done = run(&mut host, &mut card, load).unwrap();
        let confirmation = done.confirmation().unwrap().unwrap();
        let operation = Operation::Load { load_file, security_domain };
        let key = Key::new(&hex("000102030405060708090A0B0C0D0E0F")).unwrap();
        verify_receipt(&confirmation, &operation, &mut &key).unwrap();
    }
}
