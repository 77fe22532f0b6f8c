//! The answers to GET STATUS, in both forms, in pages that are cut anywhere.

use gp_cardmanager_model::entry::{LegacyListing, Listing};

use crate::{laws::pieces, objects::fields};

/// The first octet is the form (b1: the older one, b2: with modules), the second where the pages are cut, the others are
/// the list. Checks:
///
/// - page by page, each with the tail of the one before in front, the entries are those of the whole list, damaged ones
///   included;
/// - a tail is the end of what was read, and reading goes no further than once around.
pub fn listing(octets: &[u8]) {
    let [form, plan, list @ ..] = octets else { return };
    let read = |data: &[u8]| match form & 1 {
        0 => {
            let mut listing = Listing::new(data);
            let tail = listing.tail().len();
            let entries: Vec<_> = listing.by_ref().map(|entry| shown(entry.map(|entry| fields(&entry)))).collect();
            assert_eq!(listing.tail().len(), tail);
            assert!(entries.len() <= data.len() / 2);
            (entries, data[data.len() - tail..].to_vec())
        }
        _ => {
            let mut listing = LegacyListing::new(data, form & 2 != 0);
            let tail = listing.tail().len();
            let entries: Vec<_> = listing.by_ref().map(|entry| shown(entry.map(|entry| fields(&entry)))).collect();
            assert_eq!(listing.tail().len(), tail);
            assert!(entries.len() <= data.len() / 2 + 1);
            (entries, data[data.len() - tail..].to_vec())
        }
    };
    let (whole, whole_tail) = read(list);
    let (mut entries, mut kept) = (Vec::new(), Vec::new());
    for page in pieces(list, *plan) {
        let data = [&kept, page].concat();
        let (mut more, tail) = read(&data);
        let lost = tail.is_empty() && whole.len() == entries.len() + more.len() && whole_tail.is_empty();
        entries.append(&mut more);
        kept = tail;
        if lost {
            // Where the framing is lost, what follows is of no use, here and there.
            break;
        }
    }
    assert_eq!(entries, whole);
    assert_eq!(kept, whole_tail);
}

/// Positions differ, for pages begin anew; kinds do not.
fn shown(entry: Result<String, gp_tlv::Error>) -> Result<String, gp_tlv::ErrorKind> {
    entry.map_err(|error| error.kind)
}
