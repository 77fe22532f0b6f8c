//! What is said of errors: each reason reads as a sentence of its own, with its place where it has one, and names its cause.

use core::error::Error as _;
use std::collections::BTreeSet;

use gp_apdu::{StatusWord, ins};
use gp_cardmanager_model::cap::{CapError, CapErrorKind};
use gp_cardmanager_model::card::OpenError;
use gp_cardmanager_model::card::storage::RamError;
use gp_cardmanager_model::error::{Error, ErrorKind};
use gp_cardmanager_model::host::{self, Failure, Refusal};
use gp_cardmanager_model::put_key::DekError;
use gp_cardmanager_model::signature::SignatureError;

/// All different, none empty, none with a full stop.
fn assert_sentences(texts: &[String]) {
    let different: BTreeSet<_> = texts.iter().collect();
    assert_eq!(different.len(), texts.len(), "{texts:#?}");
    assert!(texts.iter().all(|text| text.contains(' ') && !text.ends_with('.')), "{texts:#?}");
}

#[test]
fn bodies() {
    let kinds = [
        ErrorKind::Truncated,
        ErrorKind::TrailingData,
        ErrorKind::BadLength,
        ErrorKind::BadTlv,
        ErrorKind::Missing,
        ErrorKind::Unexpected,
        ErrorKind::BadValue,
        ErrorKind::Parameters,
        ErrorKind::BlockNumber,
        ErrorKind::BufferFull,
        ErrorKind::CheckValue,
        ErrorKind::Dek,
    ];
    let texts = kinds.map(|kind| Error { kind, offset: 17 }.to_string());
    assert_sentences(&texts);
    assert!(texts.iter().all(|text| text.ends_with(" (octet 17)")), "{texts:#?}");
    assert!(DekError.to_string().contains("Key-DEK"));
}

#[test]
fn cap_files() {
    let kinds = [
        CapErrorKind::NotZip,
        CapErrorKind::Malformed,
        CapErrorKind::Limits,
        CapErrorKind::Compressed,
        CapErrorKind::Encrypted,
        CapErrorKind::Crc,
        CapErrorKind::Duplicate,
        CapErrorKind::Extended,
        CapErrorKind::Missing,
        CapErrorKind::BadComponent,
    ];
    let texts = kinds.map(|kind| CapError { kind, offset: 17 }.to_string());
    assert_sentences(&texts);
    assert!(texts.iter().all(|text| text.ends_with(" (at 17)")), "{texts:#?}");
}

#[test]
fn cards_and_their_storage() {
    let storage = [RamError::OutOfRange, RamError::Unaligned, RamError::NotErased];
    assert_sentences(&storage.map(|error| error.to_string()));
    let open = [OpenError::Storage(RamError::Unaligned), OpenError::Unreadable, OpenError::Memory];
    assert_sentences(&open.map(|error| error.to_string()));
    assert_eq!(OpenError::Storage(RamError::Unaligned).to_string(), RamError::Unaligned.to_string());
}

/// A failure that is another layer's error says what that says and names it as its source; the host's own have none.
#[test]
fn failures_of_the_host() {
    let refusal = Refusal::new(ins::DELETE, StatusWord::CONDITIONS_OF_USE);
    let own = [
        Failure::Refused(refusal),
        Failure::Warned(refusal),
        Failure::NoSession,
        Failure::State,
        Failure::TooManyPages,
        Failure::WrongAnswer,
        Failure::Stopped,
        Failure::KeyInUse(0x3A),
        Failure::OtherKeys,
        Failure::TooManyBlocks,
    ];
    assert!(own.iter().all(|failure| failure.source().is_none()));
    assert!(Failure::KeyInUse(0x3A).to_string().contains("3A"));

    let body = Error { kind: ErrorKind::BadValue, offset: 3 };
    let signatures = [SignatureError::Mismatch, SignatureError::BufferFull, SignatureError::Unavailable];
    let mut others = vec![
        (Failure::Channel(gp_scp03::Error::Security), gp_scp03::Error::Security.to_string()),
        (Failure::Apdu(gp_apdu::Error::Overrun), gp_apdu::Error::Overrun.to_string()),
        (Failure::Body(body), body.to_string()),
    ];
    others.extend(signatures.map(|error| (Failure::Signature(error), error.to_string())));
    for (failure, text) in &others {
        assert_eq!((failure.to_string(), failure.source().unwrap().to_string()), (text.clone(), text.clone()));
    }
    let texts: Vec<String> =
        own.iter().chain(others.iter().map(|(failure, _)| failure)).map(Failure::to_string).collect();
    assert_sentences(&texts);

    let link = host::Error::<RamError>::Transport(RamError::Unaligned);
    assert_eq!(link.to_string(), "the link to the card failed");
    assert_eq!(link.source().unwrap().to_string(), RamError::Unaligned.to_string());
    assert_eq!(host::Error::<RamError>::Failure(Failure::Body(body)).to_string(), body.to_string());

    let status = |failure: Failure| failure.status();
    assert_eq!(status(Failure::Warned(refusal)), Some(StatusWord::CONDITIONS_OF_USE));
    assert_eq!(status(Failure::Channel(gp_scp03::Error::Status(StatusWord(0x6A88)))), Some(StatusWord(0x6A88)));
    assert_eq!(status(Failure::Channel(gp_scp03::Error::Security)), None);
}
