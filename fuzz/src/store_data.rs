//! The data objects of STORE DATA blocks, and the keys in them.

use gp_cardmanager_model::error::{Error, ErrorKind};
use gp_cardmanager_model::store_data::key_dgi::{Descriptions, KeyItem, read_keys, value_dgi};
use gp_cardmanager_model::store_data::{Assembler, Item, Structure};
use gp_tlv::{DgiReader, Reader};

use crate::laws::pieces;

/// The first octet is the structure (b1: BER-TLV, else DGI), the second where the blocks are cut, the others are the data.
/// Checks:
///
/// - in blocks, the objects are those that the readers find in the whole, with the same error in the same place;
/// - a buffer of an octet less than the longest object needs is too small, and says so;
/// - what keys are read has the DGI of its type, in order.
pub fn store_data(octets: &[u8]) {
    let [form, plan, data @ ..] = octets else { return };
    let structure = if form & 1 == 0 { Structure::Dgi } else { Structure::BerTlv };
    let blocks = pieces(data, *plan);
    let (objects, end) = whole(structure, data);
    let longest = objects.iter().map(|object| object.1).max().unwrap_or(0);

    let mut buffer = vec![0; data.len()];
    assert_eq!(feed(structure, &blocks, &mut buffer), (objects.iter().map(|object| object.0.clone()).collect(), end));
    if end.is_none() && longest > 1 {
        let mut exact = vec![0; longest];
        assert_eq!(feed(structure, &blocks, &mut exact).1, None);
        let (_, end) = feed(structure, &blocks, &mut exact[..longest - 1]);
        assert_eq!(end.map(|error| error.kind), Some(ErrorKind::BufferFull));
    }
    keys(data);
}

/// What an assembler hands on, and the error that it ends with.
fn feed(structure: Structure, blocks: &[&[u8]], buffer: &mut [u8]) -> (Vec<String>, Option<Error>) {
    let mut items = Vec::new();
    let mut assembler = Assembler::new(buffer, structure);
    for block in blocks {
        let fed = assembler.feed(block, |item| {
            items.push(match item {
                Item::Tlv(tlv) => format!("{tlv:?}"),
                Item::Dgi(dgi) => format!("{dgi:?}"),
                Item::Octets(octets) => format!("{octets:?}"),
            });
            Ok::<(), Error>(())
        });
        if let Err(error) = fed {
            assert_eq!(assembler.finish(), Err(error));
            return (items, Some(error));
        }
    }
    (items, assembler.finish().err())
}

/// The objects of the whole data with their lengths, and the error at its end.
fn whole(structure: Structure, data: &[u8]) -> (Vec<(String, usize)>, Option<Error>) {
    let mut objects = Vec::new();
    let mut start = 0;
    let failure = if structure == Structure::Dgi {
        let mut reader = DgiReader::new(data);
        loop {
            match reader.next_dgi() {
                Ok(Some(dgi)) => objects.push((format!("{dgi:?}"), reader.offset() - start)),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
            start = reader.offset();
        }
    } else {
        let mut reader = Reader::new(data);
        loop {
            match reader.next_tlv() {
                Ok(Some(tlv)) => objects.push((format!("{tlv:?}"), reader.offset() - start)),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
            start = reader.offset();
        }
    };
    let end = failure.map(|error| match error.kind {
        // Of an object that is not whole the assembler names the beginning.
        gp_tlv::ErrorKind::Truncated => Error { kind: ErrorKind::Truncated, offset: start as u32 },
        _ => Error { kind: ErrorKind::BadTlv, offset: error.offset },
    });
    (objects, end)
}

fn keys(data: &[u8]) {
    let mut values = 0;
    let read = read_keys(data, |item| {
        if let KeyItem::Value(description, dgi) = item {
            assert_eq!(value_dgi(description.key_type), Some(dgi.tag));
            values += 1;
        }
        Ok::<(), Error>(())
    });
    match read {
        Ok(()) => assert!(values <= data.len() / 3),
        Err(error) => assert!(error.offset as usize <= data.len()),
    }
    if let Ok(descriptions) = Descriptions::parse(data) {
        assert!(descriptions.iter().count() > 0);
    }
}
