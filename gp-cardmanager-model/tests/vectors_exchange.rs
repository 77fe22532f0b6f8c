//! Recorded openings of sessions, and the memory that a card takes.

use gp_apdu::{LogicalChannel, Response, StatusWord};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::card::{Channel, KeySlot, ObjectSlot, RegistryEntry};
use gp_cardmanager_model::delete::{Delete, DeleteContent};
use gp_scp03::{Challenge, Error, Initiator};

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// Source: osmocom/pysim tests/unittests/test_globalplatform.py, vector scp02-pys: a card that speaks SCP02.
#[test]
fn an_answer_of_scp02_is_told_as_such() {
    let challenge = Challenge::new(&octets("40A62C37FA6304F8")).unwrap();
    let data = octets("00000000000000000000700200016B4524ABEE7CF32EA3838BC148F3");
    let initiator = Initiator::new(challenge, LogicalChannel::BASIC, 0x20);
    let response = Response { data: &data, status: StatusWord::OK };
    assert_eq!(initiator.challenged(response).err(), Some(Error::OtherProtocol(0x02)));
}

/// Sources: osmocom/pysim (scp03-pys-aes128-level11, scp03-pys-aes256-level33) and kaoh/globalplatform (scp03-kao-delete).
/// Their cryptograms and messages are verified with the sessions of `gp-scp03`.
#[test]
fn what_real_cards_say_of_their_keys_is_read() {
    for (challenge, version, data, sequence) in [
        ("B13E5F938FC108C4", 0x30, "000000000000000000003003703EB51047495B249F66C484C1D2EF1948000002", [0, 0, 2]),
        ("97B2055FE58599FD", 0x32, "00000000000000000000320370A8439A22CEDF045FA9F1903B2834F26E000002", [0, 0, 2]),
        ("B2BDE1A2DC66BD56", 0x30, "00000000000000000000300370C40932A6FEFEAEB2E127185170F45FCA000015", [0, 0, 0x15]),
    ] {
        let initiator = Initiator::new(Challenge::new(&octets(challenge)).unwrap(), LogicalChannel::BASIC, 0);
        let data = octets(data);
        let challenged = initiator.challenged(Response { data: &data, status: StatusWord::OK }).unwrap();
        let info = challenged.info();
        assert_eq!((info.key_version, info.implementation.octet(), info.diversification), (version, 0x70, [0; 10]));
        assert_eq!(info.sequence.map(|counter| counter.octets()), Some(sequence));
        assert_eq!(challenged.card_challenge().octets(), &data[13..21]);
    }
}

/// Source: martinpaljak/GlobalPlatformPro TestDMTokenizer.java, vector del-token-layout-gpp: behind the data `9E 81 80`
/// and the 128 octets of the token.
#[test]
fn a_long_token_of_delete_has_its_length_on_two_octets() {
    let token = [0x5A; 128];
    let aid = Aid::new(&[0xA0, 0, 0, 0, 3]).unwrap();
    let delete = Delete::Content(DeleteContent { aid, related: false, control: None, token: &token });
    let mut buffer = [0; 200];
    let body = delete.emit(&mut buffer).unwrap();
    let expected = [&[0x4F, 0x05, 0xA0, 0, 0, 0, 3, 0x9E, 0x81, 0x80][..], &token].concat();
    assert_eq!(body, expected);
}

/// What each element of the card's memory takes, in octets: the first three have no pointer and no schedule in them.
#[test]
fn every_element_of_the_memory_has_its_size() {
    assert_eq!(size_of::<RegistryEntry>(), 64);
    assert_eq!(size_of::<KeySlot>(), 52);
    assert_eq!(size_of::<ObjectSlot>(), 40);
    // A channel holds a session: three raw keys, or their schedules.
    let limit = if cfg!(feature = "cached-keys") { 1408 } else { 320 };
    assert!(size_of::<Channel>() <= limit, "{}", size_of::<Channel>());
}
