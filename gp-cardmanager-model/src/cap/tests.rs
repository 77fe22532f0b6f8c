extern crate std;

use super::*;
use crate::install::tests::cases;
use proptest::prelude::*;
use std::string::{String, ToString};
use std::vec::Vec;

/// One file of a ZIP that a test writes.
#[derive(Clone)]
struct File {
    name: String,
    data: Vec<u8>,
    method: u16,
    flags: u16,
}

fn file(name: &str, data: &[u8]) -> File {
    File { name: name.to_string(), data: data.to_vec(), method: 0, flags: 0 }
}

/// Writes a ZIP file: local headers with their data, the central directory, the end record.
fn zip(files: &[File], comment: &[u8]) -> Vec<u8> {
    let (mut local, mut directory) = (Vec::new(), Vec::new());
    for file in files {
        let at = u32::try_from(local.len()).unwrap();
        let len = u32::try_from(file.data.len()).unwrap();
        let name_len = u16::try_from(file.name.len()).unwrap();
        let mut common = Vec::new();
        common.extend(20_u16.to_le_bytes());
        common.extend(file.flags.to_le_bytes());
        common.extend(file.method.to_le_bytes());
        common.extend([0; 4]);
        common.extend(crc32(&file.data).to_le_bytes());
        common.extend(len.to_le_bytes());
        common.extend(len.to_le_bytes());
        common.extend(name_len.to_le_bytes());
        local.extend(b"PK\x03\x04");
        local.extend(&common);
        local.extend(3_u16.to_le_bytes());
        local.extend(file.name.as_bytes());
        local.extend([7; 3]);
        local.extend(&file.data);
        directory.extend(b"PK\x01\x02");
        directory.extend(20_u16.to_le_bytes());
        directory.extend(&common);
        directory.extend([0; 12]);
        directory.extend(at.to_le_bytes());
        directory.extend(file.name.as_bytes());
    }
    let count = u16::try_from(files.len()).unwrap().to_le_bytes();
    let start = u32::try_from(local.len()).unwrap();
    let size = u32::try_from(directory.len()).unwrap();
    let mut out = local;
    out.extend(directory);
    out.extend(b"PK\x05\x06");
    out.extend([0; 4]);
    out.extend(count);
    out.extend(count);
    out.extend(size.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
    out.extend(comment);
    out
}

fn component(tag: u8, info: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(info.len()).unwrap().to_be_bytes();
    [&[tag, high, low], info].concat()
}

/// A whole package: every component but Export and Debug; in the order of their tags, which is not the loading order.
fn package() -> Vec<File> {
    (1..=11)
        .filter_map(ComponentTag::from_tag)
        .filter(|component| *component != ComponentTag::Export)
        .map(|tag| {
            let data = match tag {
                ComponentTag::Header => {
                    component(1, &[0xDE, 0xCA, 0xFF, 0xED, 1, 2, 4, 5, 6, 5, 1, 2, 3, 4, 5, 2, b'a', b'b'])
                }
                ComponentTag::Applet => component(3, &[2, 5, 1, 2, 3, 4, 6, 0, 8, 6, 1, 2, 3, 4, 5, 6, 1, 2]),
                other => component(other.tag(), &std::vec![other.tag(); usize::from(other.tag())]),
            };
            file(&std::format!("com/example/javacard/{}.cap", tag.name()), &data)
        })
        .collect()
}

fn error(file: &[u8]) -> CapErrorKind {
    Cap::from_zip(file).unwrap_err().kind
}

fn replace(name: &str, change: impl Fn(&mut File)) -> Vec<u8> {
    let mut files = package();
    let wanted = std::format!("com/example/javacard/{name}.cap");
    change(files.iter_mut().find(|file| file.name == wanted).unwrap());
    zip(&files, &[])
}

#[test]
fn a_package_in_loading_order() {
    let mut files = package();
    files.insert(0, file("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0"));
    files.push(file("com/example/javacard/Debug.cap", &component(12, &[1, 2])));
    files.push(file("com/example/Header.cap", b"no component: not in javacard"));
    files.push(File { method: 8, ..file("notes.txt", b"deflated, and nobody cares") });
    for comment in [&b""[..], b"PK\x05\x06 in a comment"] {
        let zipped = zip(&files, comment);
        let cap = Cap::from_zip(&zipped).unwrap();
        let order = |descriptor| -> Vec<u8> { cap.load_file_data_block(descriptor).map(|part| part[0]).collect() };
        assert_eq!(order(false), [1, 2, 4, 3, 6, 7, 8, 5, 9]);
        assert_eq!(order(true), [1, 2, 4, 3, 6, 7, 8, 5, 9, 11]);
        let joined: Vec<u8> = cap.load_file_data_block(true).flatten().copied().collect();
        assert_eq!(joined.len(), cap.load_file_data_block_len(true));
        assert!(cap.component(ComponentTag::Debug).is_some() && cap.component(ComponentTag::Export).is_none());

        let header = cap.header();
        assert_eq!((header.format, header.flags, header.version), ((2, 1), 4, (6, 5)));
        assert_eq!((header.aid.as_bytes(), header.name), (&[1, 2, 3, 4, 5][..], &b"ab"[..]));
        let applets: Vec<(usize, u16)> = cap.applets().map(|(aid, at)| (aid.as_bytes().len(), at)).collect();
        assert_eq!(applets, [(5, 8), (6, 0x0102)]);

        // The same from the components, and from the joined ones.
        let parts = files.iter().filter(|file| file.name.starts_with("com/example/javacard"));
        let again = Cap::from_components(parts.map(|file| &file.data[..])).unwrap();
        assert!(again.load_file_data_block(true).eq(cap.load_file_data_block(true)));
        let again = Cap::from_joined(&joined).unwrap();
        assert!(again.load_file_data_block(true).eq(cap.load_file_data_block(true)));
    }
}

#[test]
fn a_library_has_no_applets() {
    let files: Vec<File> = package().into_iter().filter(|file| !file.name.contains("Applet")).collect();
    let zipped = zip(&files, &[]);
    assert_eq!(Cap::from_zip(&zipped).unwrap().applets().count(), 0);
}

#[test]
fn load_parameters_are_the_sizes() {
    let mut files = package();
    let sizes = |files: &[File], descriptor| {
        let zipped = zip(files, &[]);
        let cap = Cap::from_zip(&zipped).unwrap();
        let parameters = cap.load_parameters(descriptor);
        assert_eq!(parameters.code, u32::try_from(cap.load_file_data_block(descriptor).flatten().count()).ok());
        (parameters.code.unwrap(), parameters.non_volatile)
    };
    let (without, _) = sizes(&files, false);
    let (with, _) = sizes(&files, true);
    assert!(without < with);
    // image size, then counts of what is not looked at
    for (image, expected) in [([0x01, 0x2C], Some(300)), ([0xFF, 0xFF], Some(65_535)), ([0, 0], None)] {
        for file in &mut files {
            if file.name.ends_with("StaticField.cap") {
                file.data = component(8, &[image[0], image[1], 0, 0, 0, 0, 0, 0, 0, 0]);
            }
        }
        assert_eq!(sizes(&files, false).1, expected);
    }
}

#[test]
fn refused_packages() {
    assert_eq!(error(&[]), CapErrorKind::NotZip);
    assert_eq!(error(&[0x50; 100]), CapErrorKind::NotZip);
    assert_eq!(error(&zip(&[], &[])), CapErrorKind::Missing);
    assert_eq!(error(&replace("Method", |file| file.method = 8)), CapErrorKind::Compressed);
    assert_eq!(error(&replace("Method", |file| file.flags = 1)), CapErrorKind::Encrypted);
    assert_eq!(error(&replace("Method", |file| file.data[0] = 6)), CapErrorKind::BadComponent);
    assert_eq!(error(&replace("Method", |file| file.data.push(0))), CapErrorKind::BadComponent);
    assert_eq!(error(&replace("Header", |file| file.data[3] = 0)), CapErrorKind::BadComponent);
    assert_eq!(error(&replace("Header", |file| file.data[12] = 4)), CapErrorKind::BadComponent);
    assert_eq!(error(&replace("Applet", |file| file.data[3] = 3)), CapErrorKind::BadComponent);
    assert_eq!(error(&replace("Applet", |file| file.data[3] = 1)), CapErrorKind::BadComponent);
    assert_eq!(error(&replace("Import", |file| file.name.push('x'))), CapErrorKind::Extended);
    assert_eq!(error(&replace("Import", |file| file.name = "x".into())), CapErrorKind::Missing);

    // Twice the same component, also from two packages in one file.
    for name in ["com/example/javacard/Class.cap", "com/other/javacard/Class.cap"] {
        let mut files = package();
        files.push(file(name, &component(6, &[1])));
        assert_eq!(error(&zip(&files, &[])), CapErrorKind::Duplicate);
    }
    let many: Vec<File> = (0..=MAX_ENTRIES).map(|n| file(&n.to_string(), &[])).collect();
    assert_eq!(error(&zip(&many, &[])), CapErrorKind::Limits);

    let parts = package();
    let parts = || parts.iter().map(|file| &file.data[..]);
    let twice = Cap::from_components(parts().chain(parts())).unwrap_err();
    assert_eq!((twice.kind, twice.offset), (CapErrorKind::Duplicate, 10));
    let missing = Cap::from_components(parts().skip(1)).unwrap_err();
    assert_eq!((missing.kind, missing.offset), (CapErrorKind::Missing, 1));
    assert_eq!(Cap::from_components([&[][..]]).unwrap_err().kind, CapErrorKind::BadComponent);
    assert_eq!(Cap::from_joined(&[1, 0]).unwrap_err().kind, CapErrorKind::BadComponent);
    assert_eq!(size_of::<CapError>(), 8);
}

#[test]
fn every_prefix_and_every_changed_octet() {
    let zipped = zip(&package(), &[]);
    let whole = Cap::from_zip(&zipped).unwrap();
    for len in 0..zipped.len() {
        assert!(Cap::from_zip(&zipped[..len]).is_err());
    }
    for at in 0..zipped.len() {
        for bit in 0..8 {
            let mut changed = zipped.clone();
            changed[at] ^= 1 << bit;
            // Where it does not matter (times, attributes), the components are the same; they are never others.
            if let Ok(cap) = Cap::from_zip(&changed) {
                let same = |component| cap.component(component) == whole.component(component);
                assert!(ComponentTag::LOAD_ORDER.into_iter().all(same), "octet {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn a_component_has_the_same_name_in_directory_and_local_header() {
    let zipped = zip(&package(), &[]);
    let name = b"com/example/javacard/Applet.cap";
    let places: Vec<usize> = (0..zipped.len()).filter(|at| zipped[*at..].starts_with(name)).collect();
    assert_eq!(places.len(), 2);
    for place in places {
        for at in place..place + name.len() {
            for bit in 0..8 {
                let mut changed = zipped.clone();
                changed[at] ^= 1 << bit;
                // The name of the package's folder is the same for the card, but not here.
                assert_eq!(error(&changed), CapErrorKind::Malformed, "octet {at}, bit {bit}");
            }
        }
    }
    // Others may differ, and need no local header.
    let mut files = package();
    files.push(file("notes.txt", b""));
    let mut zipped = zip(&files, &[]);
    let at = zipped.len() - 22 - 1;
    zipped[at] ^= 1;
    assert!(Cap::from_zip(&zipped).is_ok());
}

#[test]
fn the_crc_of_the_standard_message() {
    assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    assert_eq!(crc32(&[]), 0);
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn no_octets_panic(octets in proptest::collection::vec(any::<u8>(), 0..120), tail in any::<[u8; 18]>()) {
        let _ = Cap::from_zip(&octets);
        let _ = Cap::from_joined(&octets);
        let _ = Cap::from_components([&octets[..]]);
        // With an end record of any content behind them.
        let file = [&octets[..], b"PK\x05\x06", &tail[..16], &[0, 0]].concat();
        if let Ok(zip) = Zip::new(&file) {
            for entry in zip.entries().flatten() {
                let _ = entry.stored();
            }
        }
    }
}
