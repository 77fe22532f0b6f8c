//! CAP files, packed and joined.

use gp_cardmanager_model::cap::{Cap, CapError, ComponentTag};

/// The first octet says what the others are: a ZIP file, joined components, or components one after the other. Checks:
///
/// - every component lies in the file, with its tag and its size in front;
/// - the load file data block, read as joined components, is the same package.
pub fn cap(octets: &[u8]) {
    let Some((form, file)) = octets.split_first() else { return };
    let read = match form % 3 {
        0 => Cap::from_zip(file),
        1 => Cap::from_joined(file),
        _ => Cap::from_components(file.split(|octet| *octet == 0xA5)),
    };
    let Ok(cap) = read else { return };
    let span = file.as_ptr_range();
    let mut length = 0;
    for component in ComponentTag::LOAD_ORDER {
        let Some(octets) = cap.component(component) else {
            assert!(component.is_optional());
            continue;
        };
        assert!(span.start <= octets.as_ptr() && octets.as_ptr_range().end <= span.end);
        assert_eq!(octets[0], component.tag());
        assert_eq!(octets.len(), 3 + usize::from(u16::from_be_bytes([octets[1], octets[2]])));
        length += octets.len();
    }
    assert_eq!(cap.load_file_data_block_len(true), length);
    for with_descriptor in [true, false] {
        let joined: Vec<u8> = cap.load_file_data_block(with_descriptor).flatten().copied().collect();
        assert_eq!(joined.len(), cap.load_file_data_block_len(with_descriptor));
        same(&cap, Cap::from_joined(&joined), with_descriptor);
    }
}

fn same(cap: &Cap<'_>, again: Result<Cap<'_>, CapError>, with_descriptor: bool) {
    let again = match again {
        Ok(again) => again,
        // Nothing else may be missing.
        Err(error) => return assert!(!with_descriptor && !ComponentTag::Descriptor.is_optional(), "{error}"),
    };
    assert_eq!(again.header(), cap.header());
    assert!(again.applets().eq(cap.applets()));
}
