//! The application that keeps data objects.
//!
//! ```text
//!  80 CA P1 P2       the object P1 P2, tag and length included (under class 00 its value)      no session needed
//!  80 DA P1 P2 data  writes the object, or with no data removes it                             a session of its security domain
//!  STORE DATA        after INSTALL [for personalization]: objects as BER-TLV, or values as DGI
//! ```

use std::collections::BTreeMap;

use gp_apdu::{StatusWord, ins};
use gp_cardmanager_model::card::Apdu;
use gp_tlv::{DgiReader, Reader, Tag, Writer};

/// PUT DATA (ISO 7816-4 11.4.6).
const PUT_DATA: u8 = 0xDA;

/// STORE DATA P1: the data is in data groupings.
const DGI: u8 = 0x08;
const STRUCTURE: u8 = 0x18;

/// Data objects of one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataStore {
    objects: BTreeMap<u16, Vec<u8>>,
    writes: u64,
}

impl DataStore {
    /// The most objects of one instance.
    pub const MAX_OBJECTS: usize = 64;
    /// The longest object, in octets: with tag and length it fits a short response under every protection.
    pub const MAX_OCTETS: usize = 200;

    /// The objects, by tag.
    #[must_use]
    pub const fn objects(&self) -> &BTreeMap<u16, Vec<u8>> {
        &self.objects
    }

    pub(super) const fn writes(&self) -> u64 {
        self.writes
    }

    pub(super) fn restore(&mut self, tag: u16, value: Vec<u8>) {
        self.objects.insert(tag, value);
    }

    pub(super) fn process(&mut self, apdu: &mut Apdu<'_>) -> Result<usize, StatusWord> {
        let header = apdu.header();
        let which = u16::from_be_bytes([header.p1, header.p2]);
        match header.ins {
            ins::GET_DATA => {
                let value = self.objects.get(&which).ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
                if !header.cla.is_gp() {
                    return apdu.respond(value);
                }
                let tag = Tag::from_u32(which.into()).ok_or(StatusWord::REFERENCED_DATA_NOT_FOUND)?;
                let mut writer = Writer::new(apdu.answer());
                writer.tlv(tag, value).map_err(|_| StatusWord::UNKNOWN)?;
                Ok(writer.len())
            }
            PUT_DATA => {
                if apdu.level().is_none() {
                    return Err(StatusWord::SECURITY_STATUS);
                }
                self.put(&[(which, apdu.data())])?;
                Ok(0)
            }
            _ => Err(StatusWord::INS_NOT_SUPPORTED),
        }
    }

    /// One STORE DATA: whole objects only, and all of them or none.
    pub(super) fn personalize(&mut self, apdu: &Apdu<'_>) -> Result<usize, StatusWord> {
        let data = apdu.data();
        let mut objects = Vec::new();
        if apdu.header().p1 & STRUCTURE == DGI {
            for grouping in DgiReader::new(data) {
                let grouping = grouping.map_err(|_| StatusWord::WRONG_DATA)?;
                objects.push((grouping.tag, grouping.value));
            }
        } else {
            for object in Reader::new(data) {
                let object = object.map_err(|_| StatusWord::WRONG_DATA)?;
                let tag = u16::try_from(object.tag.to_u32()).map_err(|_| StatusWord::WRONG_DATA)?;
                objects.push((tag, object.value));
            }
        }
        self.put(&objects)?;
        Ok(0)
    }

    fn put(&mut self, objects: &[(u16, &[u8])]) -> Result<(), StatusWord> {
        // A tag that no GET DATA can ask for would be lost.
        if objects.iter().any(|(tag, _)| Tag::from_u32((*tag).into()).is_none()) {
            return Err(StatusWord::WRONG_DATA);
        }
        let mut after = self.objects.clone();
        for (tag, value) in objects {
            if value.is_empty() {
                after.remove(tag);
            } else {
                after.insert(*tag, value.to_vec());
            }
        }
        if after.len() > Self::MAX_OBJECTS || objects.iter().any(|(_, value)| value.len() > Self::MAX_OCTETS) {
            return Err(StatusWord::NOT_ENOUGH_MEMORY);
        }
        self.objects = after;
        self.writes += 1;
        Ok(())
    }
}
