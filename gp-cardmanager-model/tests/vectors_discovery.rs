//! Recorded data objects (`tests/data/*.txt`): what they say, written back, cut at every octet, and with every octet
//! changed to every other value.

use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::capability::{CardCapability, Ciphers, KeySizes, SignatureAlgorithms};
use gp_cardmanager_model::card_data::CardRecognitionData;
use gp_cardmanager_model::cplc::{CalendarDate, Cplc, Date};
use gp_cardmanager_model::entry::{Entry, LegacyListing, Listing, Wanted};
use gp_cardmanager_model::fci::Fci;
use gp_cardmanager_model::inventory::{
    Applications, ConfirmationCounter, CurrentSecurityLevel, Identification, KeyDiversificationData, Resources,
    SequenceCounter,
};
use gp_cardmanager_model::key_info::{KeyComponent, KeyEntry, KeyInformation};
use gp_cardmanager_model::privileges::Privileges;
use gp_tlv::{Error, ErrorKind, Writer};

// ---- tables ----------------------------------------------------------------------------------------------------------

const SELECT_FCI: &str = include_str!("data/select_fci.txt");
const KEY_INFO: &str = include_str!("data/key_info_E0.txt");
const CARD_DATA: &str = include_str!("data/card_data_66.txt");
const CAPABILITY: &str = include_str!("data/card_capability_67.txt");
const CPLC: &str = include_str!("data/cplc_9F7F.txt");
const CPLC_DATES: &str = include_str!("data/cplc_dates.txt");
const GET_STATUS: &str = include_str!("data/get_status.txt");
const LEGACY: &str = include_str!("data/get_status_legacy.txt");
const PRIVILEGES: &str = include_str!("data/privileges.txt");
const RESOURCES: &str = include_str!("data/resources_FF21.txt");

struct Record(Vec<(String, String)>);

impl Record {
    /// The records of a table; at least `least`, so that a broken table cannot pass for an empty one.
    fn all(table: &str, least: usize) -> Vec<Self> {
        let records: Vec<Self> = table
            .split("\n\n")
            .map(|paragraph| {
                let lines = paragraph.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
                let field = |line: &str| line.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()));
                Self(lines.map(|line| field(line).unwrap()).collect())
            })
            .filter(|record| !record.0.is_empty())
            .collect();
        assert!(records.len() >= least);
        records
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn value(&self, name: &str) -> &str {
        self.get(name).unwrap_or_else(|| panic!("{}: no {name}", self.id()))
    }

    fn id(&self) -> &str {
        &self.0[0].1
    }

    fn octets(&self, name: &str) -> Vec<u8> {
        hex(self.value(name))
    }

    /// The data of a response whose last two octets are the status word.
    fn response(&self, status: [u8; 2]) -> Vec<u8> {
        let mut response = self.octets("response");
        let data = response.len() - 2;
        assert_eq!(response.split_off(data), status, "{}", self.id());
        response
    }

    fn error(&self, name: &str) -> Option<Error> {
        let (kind, offset) = self.get(name)?.split_once(' ').unwrap();
        let kind = match kind {
            "TrailingData" => ErrorKind::TrailingData,
            "Unexpected" => ErrorKind::Unexpected,
            other => panic!("{other}"),
        };
        Some(Error::new(kind, offset.parse().unwrap()))
    }
}

fn hex(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2), "{digits}");
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn digits(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02X}")).collect()
}

fn written(emit: impl FnOnce(&mut Writer<'_>) -> Result<(), Error>) -> Vec<u8> {
    let mut buf = [0; 1024];
    let mut w = Writer::new(&mut buf);
    emit(&mut w).unwrap();
    w.finish().to_vec()
}

// ---- what the recorded objects say -------------------------------------------------------------------------------------

#[test]
fn select_fci() {
    for record in Record::all(SELECT_FCI, 3) {
        let data = record.response([0x90, 0x00]);
        let fci = match (Fci::parse(&data), record.error("error")) {
            (result, Some(error)) => {
                assert_eq!(result, Err(error), "{}", record.id());
                continue;
            }
            (result, None) => result.unwrap(),
        };
        assert_eq!(fci.aid().unwrap().to_string(), record.value("aid"));
        assert_eq!(fci.max_command_data, Some(record.value("max_data").parse().unwrap()));
        let recognition = fci.recognition_data().unwrap();
        assert_eq!(recognition.is_some(), record.get("version").is_some());
        assert_eq!(written(|w| fci.emit(w)), data, "{}", record.id());
        if let Some(recognition) = recognition {
            check_recognition_data(&record, &recognition);
            assert_eq!(written(|w| fci.emit_with(w, &recognition)), data, "{}", record.id());
        }
    }
}

fn check_recognition_data(record: &Record, data: &CardRecognitionData<'_>) {
    assert_eq!(data.version.unwrap().to_string(), record.value("version"), "{}", record.id());
    let expected: Vec<(u8, u16)> = record
        .values("scp")
        .map(|line| line.split_once(' ').unwrap())
        .map(|(protocol, i)| (u8::from_str_radix(protocol, 16).unwrap(), u16::from_str_radix(i, 16).unwrap()))
        .collect();
    let found: Vec<(u8, u16)> =
        data.secure_channels.iter().map(Result::unwrap).map(|scp| (scp.protocol, scp.i)).collect();
    assert_eq!(found, expected, "{}", record.id());
    assert!(data.identification_scheme);
}

#[test]
fn card_data() {
    for record in Record::all(CARD_DATA, 5) {
        let object = record.octets("data");
        let data = CardRecognitionData::parse(&object).unwrap();
        check_recognition_data(&record, &data);
        assert_eq!(data.configuration_oid().map(|oid| oid.to_string()).as_deref(), record.get("configuration"));
        assert_eq!(data.chip_oid().map(|oid| oid.to_string()).as_deref(), record.get("chip"));
        if let Some(error) = record.error("as_67") {
            assert_eq!(CardCapability::parse(&object), Err(error));
        } else {
            // Written as it was recorded. The other record has a protocol that is not in base 128, which we never write.
            assert_eq!(written(|w| data.emit(w)), object, "{}", record.id());
        }
        let again = written(|w| data.emit(w));
        check_recognition_data(&record, &CardRecognitionData::parse(&again).unwrap());
        assert!(CardRecognitionData::parse_value(&object[2..]).is_ok());
    }
}

#[test]
fn key_info() {
    for record in Record::all(KEY_INFO, 5) {
        let object = record.octets("data");
        let whole = object[0] == 0xE0;
        let keys = if whole { KeyInformation::parse(&object).unwrap() } else { KeyInformation::parse_value(&object) };
        let keys: Vec<KeyEntry> = keys.map(Result::unwrap).collect();
        assert_eq!(keys.len(), record.value("count").parse::<usize>().unwrap(), "{}", record.id());
        for line in record.values("key") {
            let mut words = line.split(' ');
            let key = keys[words.next().unwrap().parse::<usize>().unwrap()];
            assert_eq!(words.next(), Some("kid"));
            assert_eq!(key.key_identifier, words.next().unwrap().parse::<u8>().unwrap());
            assert_eq!(words.next(), Some("kvn"));
            assert_eq!(key.key_version, words.next().unwrap().parse::<u8>().unwrap());
            let components: Vec<KeyComponent> = words
                .map(|word| word.split_once(':').unwrap())
                .map(|(key_type, length)| KeyComponent {
                    key_type: u8::from_str_radix(key_type, 16).unwrap(),
                    length: length.parse().unwrap(),
                })
                .collect();
            assert_eq!(key.components.as_slice(), components);
        }
        for line in record.values("attributes") {
            let words: Vec<&str> = line.split(' ').collect();
            let attributes = keys[words[0].parse::<usize>().unwrap()].attributes.unwrap();
            assert_eq!(attributes.usage.unwrap().0.to_be_bytes(), [hex(words[1])[0], 0]);
            assert_eq!(attributes.access.unwrap().0, hex(words[2])[0]);
        }
        let initial: Vec<String> = (0..keys.len()).filter(|n| keys[*n].is_initial()).map(|n| n.to_string()).collect();
        assert_eq!(initial, record.values("initial").collect::<Vec<_>>());
        let again = if whole { written(|w| KeyInformation::emit(w, keys)) } else { written(|w| keys[0].emit(w)) };
        assert_eq!(again, object, "{}", record.id());
    }
}

#[test]
fn card_capability() {
    for record in Record::all(CAPABILITY, 2) {
        let object = record.octets("data");
        let found = CardCapability::parse(&object).unwrap();
        let scps: Vec<String> =
            found.secure_channels.iter().map(|scp| format!("{:02X} {}", scp.protocol, digits(scp.options))).collect();
        assert_eq!(scps, record.values("scp").collect::<Vec<_>>());
        for scp in found.secure_channels {
            let sizes = scp.key_sizes.map(|sizes| {
                [(KeySizes::AES_128, " AES128"), (KeySizes::AES_192, " AES192"), (KeySizes::AES_256, " AES256")]
                    .into_iter()
                    .filter(|(size, _)| sizes.contains(*size))
                    .fold(format!("{:02X}", scp.protocol), |line, (_, name)| line + name)
            });
            let expected = record.values("keys").find(|line| line.starts_with(&format!("{:02X}", scp.protocol)));
            assert_eq!(sizes.as_deref(), expected);
        }
        assert_eq!(digits(&found.domain_privileges.unwrap().octets()), record.value("domain_privileges"));
        assert_eq!(digits(&found.application_privileges.unwrap().octets()), record.value("application_privileges"));
        assert_eq!(digits(found.load_file_hashes), record.value("hashes"));
        assert_eq!(digits(found.load_file_ciphers.unwrap().0), record.value("ciphers"));
        for (name, algorithms) in [("token", found.tokens), ("receipt", found.receipts), ("dap", found.dap)] {
            assert_eq!(digits(algorithms.unwrap().0), record.value(name));
        }
        assert_eq!(written(|w| found.emit(w)), object, "{}", record.id());
        assert_eq!(CardRecognitionData::parse(&object).map(|_| ()), Err(Error::new(ErrorKind::Unexpected, 0)));
    }
}

#[test]
fn capability_bits() {
    let records = Record::all(CAPABILITY, 2);
    let [first, second] = [records[0].octets("data"), records[1].octets("data")];
    let [first, second] = [CardCapability::parse(&first).unwrap(), CardCapability::parse(&second).unwrap()];
    // 8F: everything. 02: AES-128 alone.
    assert!(first.load_file_ciphers.unwrap().contains(Ciphers::TRIPLE_DES | Ciphers::AES_256 | Ciphers::ICV));
    assert!(second.load_file_ciphers.unwrap().contains(Ciphers::AES_128));
    assert!(!second.load_file_ciphers.unwrap().contains(Ciphers::ICV));
    // FF02: the eight of the first octet, and ECDSA with 521 bits.
    assert!(first.tokens.unwrap().contains(0x00FF | SignatureAlgorithms::ECDSA_521_SHA_512));
    assert!(!first.tokens.unwrap().contains(SignatureAlgorithms::ECDSA_512_SHA_512));
    // 0C, one octet: DES and AES-128.
    let receipts = second.receipts.unwrap();
    assert!(receipts.contains(SignatureAlgorithms::DES_MAC | SignatureAlgorithms::CMAC_AES_128));
    assert!(!receipts.contains(SignatureAlgorithms::RSA_1024_SHA_1));
    assert!(!receipts.contains(SignatureAlgorithms::ECDSA_521_SHA_512));
}

#[test]
fn cplc() {
    for record in Record::all(CPLC, 3) {
        let object = record.octets("data");
        let cplc = Cplc::parse(&object).unwrap();
        let fields: [(&str, &[u8]); 18] = [
            ("IC_fabricator", &cplc.ic_fabricator),
            ("IC_type", &cplc.ic_type),
            ("OS_id", &cplc.os_id),
            ("OS_release_date", &cplc.os_release_date.0),
            ("OS_release_level", &cplc.os_release_level),
            ("IC_fabrication_date", &cplc.ic_fabrication_date.0),
            ("IC_serial", &cplc.ic_serial_number),
            ("IC_batch", &cplc.ic_batch),
            ("module_fabricator", &cplc.module_fabricator),
            ("module_packaging_date", &cplc.module_packaging_date.0),
            ("ICC_manufacturer", &cplc.icc_manufacturer),
            ("embedding_date", &cplc.embedding_date.0),
            ("pre_personalizer", &cplc.pre_personalizer),
            ("pre_perso_date", &cplc.pre_personalization_date.0),
            ("pre_perso_equipment", &cplc.pre_personalization_equipment),
            ("personalizer", &cplc.personalizer),
            ("perso_date", &cplc.personalization_date.0),
            ("perso_equipment", &cplc.personalization_equipment),
        ];
        for (name, octets) in fields {
            assert_eq!(digits(octets), record.value(name), "{} {name}", record.id());
        }
        assert_eq!(written(|w| cplc.emit(w)), object);
        assert_eq!(Cplc::parse_value(&object[3..]), Ok(cplc));
    }
}

#[test]
fn cplc_dates() {
    let calendar = |text: &str| {
        let [year, month, day] = text.split('-').map(|part| part.parse::<u16>().unwrap()).collect::<Vec<_>>()[..]
        else {
            panic!("{text}")
        };
        let [month, day] = [month, day].map(|part| u8::try_from(part).unwrap());
        CalendarDate { year, month, day }
    };
    let mut read = 0;
    for record in Record::all(CPLC_DATES, 2) {
        for octets in record.values("date") {
            let date = Date(hex(octets).try_into().unwrap());
            let expected: Vec<&str> = record.values("read").collect();
            assert_eq!(date.year_digit_and_day().is_some(), !expected.is_empty(), "{} {octets}", record.id());
            for line in expected {
                let (today, expected) = line.split_once(' ').unwrap();
                assert_eq!(date.before(calendar(today)), Some(calendar(expected)), "{} {line}", record.id());
                read += 1;
            }
        }
    }
    assert_eq!(read, 2);
}

/// Compares the fields a record states with an entry.
fn check_entry(record: &Record, entries: &[Entry<'_>]) {
    for line in record.values("entry") {
        let words: Vec<&str> = line.split(' ').collect();
        let entry = &entries[words[0].parse::<usize>().unwrap()];
        let aid = |aid: Option<Aid>| aid.unwrap().to_string();
        let channels = |mine: fn(u8) -> bool| {
            let selections = entry.implicit_selection.iter().filter(|selection| mine(selection.0));
            selections.map(|selection| selection.channel().to_string()).collect::<Vec<_>>().join(" ")
        };
        let found = match words[1] {
            "aid" => aid(entry.aid),
            "state" => digits(&[entry.life_cycle.unwrap()]),
            "contactless_activation" => digits(&[entry.contactless_activation.unwrap()]),
            "privileges" => digits(&entry.privileges.unwrap().octets()),
            "contact" => channels(|octet| octet & 0xC0 == 0x40),
            "contactless" => channels(|octet| octet & 0xC0 == 0x80),
            "load_file" => aid(entry.load_file),
            "version" => digits(entry.load_file_version.unwrap()),
            "domain" => aid(entry.security_domain),
            other => panic!("{other}"),
        };
        assert_eq!(found, words[2..].join(" "), "{} {line}", record.id());
    }
}

/// The data of every answer in the table, with its record.
fn listings() -> Vec<(Vec<u8>, Record)> {
    let data = |record: &Record| match (record.get("data"), record.get("tail")) {
        (Some(data), _) => hex(data),
        (None, Some(_)) => record.response([0x63, 0x10]),
        (None, None) => record.response([0x90, 0x00]),
    };
    Record::all(GET_STATUS, 5).into_iter().map(|record| (data(&record), record)).collect()
}

#[test]
fn get_status() {
    for (data, record) in listings() {
        let mut listing = Listing::new(&data);
        assert_eq!(digits(listing.tail()), record.get("tail").unwrap_or(""), "seen before the walk");
        let entries: Vec<Entry<'_>> = listing.by_ref().map(Result::unwrap).collect();
        assert_eq!(digits(listing.tail()), record.get("tail").unwrap_or(""));
        assert_eq!(entries.len(), record.value("count").parse::<usize>().unwrap());
        check_entry(&record, &entries);
        let again = written(|w| entries.iter().try_for_each(|entry| entry.emit(w, Wanted::All)));
        let read: Vec<Entry<'_>> = Listing::new(&again).map(Result::unwrap).collect();
        assert_eq!(
            format!("{:?}", read.iter().map(facts).collect::<Vec<_>>()),
            format!("{:?}", entries.iter().map(facts).collect::<Vec<_>>())
        );
    }
}

/// An entry without the octets it was read from.
fn facts<'a>(entry: &Entry<'a>) -> Entry<'a> {
    Entry { objects: &[], ..*entry }
}

/// Entries that carry nothing unknown are written as they were recorded.
#[test]
fn get_status_written_as_recorded() {
    for (data, record) in listings() {
        if ["gs-gpp-isd-partial", "gs-kao-elf-8", "gs-kao-elf-min"].contains(&record.id()) {
            let again = written(|w| Listing::new(&data).try_for_each(|entry| entry.unwrap().emit(w, Wanted::All)));
            assert_eq!(digits(&again), digits(&data), "{}", record.id());
        }
    }
}

#[test]
fn get_status_legacy() {
    for record in Record::all(LEGACY, 2) {
        let data = record.octets("response");
        let listing = LegacyListing::new(&data, false);
        assert!(listing.tail().is_empty());
        let entries: Vec<Entry<'_>> = listing.map(Result::unwrap).collect();
        assert_eq!(entries.len(), record.value("count").parse::<usize>().unwrap());
        check_entry(&record, &entries);
        let again = written(|w| entries.iter().try_for_each(|entry| entry.emit_legacy(w, false)));
        assert_eq!(digits(&again), digits(&data));
    }
}

#[test]
fn privileges() {
    for record in Record::all(PRIVILEGES, 2) {
        let octets = record.octets("data");
        let held = Privileges::from_report(&octets).unwrap();
        assert_eq!(held.to_string(), record.value("names"));
        assert_eq!(held.octets().as_slice(), octets);
    }
}

#[test]
fn resources() {
    for record in Record::all(RESOURCES, 1) {
        let object = record.octets("data");
        let found = Resources::parse(&object).unwrap();
        let number = |name| record.value(name).parse::<u32>().unwrap();
        assert_eq!(found.applications, number("applications"));
        assert_eq!(found.free_non_volatile, number("free_non_volatile"));
        assert_eq!(found.free_volatile, number("free_volatile"));
        assert_eq!(written(|w| found.emit(w)), object);
        assert_eq!(Resources::parse_value(&object[3..]), Ok(found));
    }
}

// ---- pages: a listing cut anywhere -------------------------------------------------------------------------------------

/// Cut at every octet, the whole entries of the first page come out, and its tail in front of the second page gives the
/// others: none lost, none twice.
#[test]
fn pages_join_wherever_they_are_cut() {
    let mut cuts = 0;
    for (data, _) in listings() {
        let whole: Vec<String> = Listing::new(&data).map(|entry| format!("{:?}", entry.unwrap())).collect();
        for cut in 0..=data.len() {
            let (first, second) = data.split_at(cut);
            let page = Listing::new(first);
            let joined = [page.tail(), second].concat();
            let both: Vec<String> =
                page.chain(Listing::new(&joined)).map(|entry| format!("{:?}", entry.unwrap())).collect();
            assert_eq!(both, whole, "cut at {cut}");
            cuts += 1;
        }
    }
    assert!(cuts > 500);
    for record in Record::all(LEGACY, 2) {
        let data = record.octets("response");
        let whole: Vec<String> = LegacyListing::new(&data, false).map(|entry| format!("{entry:?}")).collect();
        for cut in 0..=data.len() {
            let (first, second) = data.split_at(cut);
            let page = LegacyListing::new(first, false);
            let joined = [page.tail(), second].concat();
            let both: Vec<String> =
                page.chain(LegacyListing::new(&joined, false)).map(|entry| format!("{entry:?}")).collect();
            assert_eq!(both, whole, "cut at {cut}");
        }
    }
}

// ---- damage ------------------------------------------------------------------------------------------------------------

/// Reads octets with every reader of the crate and looks at all they give. Returns how many items came out of walks, so
/// that the caller can see that none runs on for ever.
fn read_with_everything(octets: &[u8]) -> usize {
    // No walk can give more items than there are octets, plus one error at the end.
    let limit = octets.len() + 2;
    let mut items = 0;
    let mut count = |walk: &mut dyn Iterator<Item = String>| {
        let found = walk.take(limit).count();
        assert!(found < limit, "a walk without end");
        items += found;
    };
    if let Ok(fci) = Fci::parse(octets) {
        let _ = (fci.aid(), format!("{fci:?}"));
        if let Ok(Some(data)) = fci.recognition_data() {
            count(&mut data.secure_channels.iter().map(|scp| format!("{scp:?}")));
        }
    }
    let recognition = [
        CardRecognitionData::parse(octets),
        CardRecognitionData::parse_value(octets),
        CardRecognitionData::parse_objects(octets),
    ];
    for data in recognition.into_iter().flatten() {
        count(&mut data.secure_channels.iter().map(|scp| format!("{scp:?}")));
        let _ = (data.version.map(|version| version.to_string()), data.configuration_oid().map(|oid| oid.to_string()));
        let mut buf = [0; 64];
        let _ = data.emit(&mut Writer::new(&mut buf));
    }
    for found in [CardCapability::parse(octets), CardCapability::parse_value(octets)].into_iter().flatten() {
        count(&mut found.secure_channels.iter().map(|scp| format!("{scp:?}")));
        let _ = found.tokens.map(|algorithms| algorithms.contains(0xFFFF));
    }
    if let Ok(keys) = KeyInformation::parse(octets) {
        count(&mut keys.map(|key| format!("{:?}", key.map(|key| key.components))));
    }
    count(&mut KeyInformation::parse_value(octets).map(|key| format!("{key:?}")));
    let _ = KeyEntry::parse_value(octets);
    for entry in
        Listing::new(octets).chain(LegacyListing::new(octets, false)).chain(LegacyListing::new(octets, true)).flatten()
    {
        count(&mut entry.modules.iter().map(|aid| aid.to_string()));
        count(&mut entry.implicit_selection.iter().map(|selection| format!("{selection:?}")));
    }
    count(&mut Listing::new(octets).map(|entry| format!("{}", entry.is_ok())));
    count(&mut LegacyListing::new(octets, false).map(|entry| format!("{}", entry.is_ok())));
    count(&mut LegacyListing::new(octets, true).map(|entry| format!("{}", entry.is_ok())));
    let _ = (Listing::new(octets).tail(), LegacyListing::new(octets, true).tail());
    count(&mut Applications::new(octets).map(|aid| format!("{aid:?}")));
    for cplc in [Cplc::parse(octets), Cplc::parse_value(octets)].into_iter().flatten() {
        let _ = format!("{} {}", cplc.os_release_date, cplc.personalization_date);
    }
    let _ = (Resources::parse(octets), Resources::parse_value(octets), Entry::parse_value(octets).is_ok());
    let _ = (SequenceCounter::parse(octets), ConfirmationCounter::parse(octets), CurrentSecurityLevel::parse(octets));
    let _ = (KeyDiversificationData::parse(octets), Identification::parse(octets, octets));
    let _ = Privileges::from_report(octets).map(|held| (held.to_string(), held.check()));
    items
}

fn everything_recorded() -> Vec<Vec<u8>> {
    let objects = [KEY_INFO, CARD_DATA, CAPABILITY, CPLC, PRIVILEGES, RESOURCES]
        .into_iter()
        .flat_map(|table| Record::all(table, 1))
        .map(|record| record.octets("data"));
    let answers = Record::all(SELECT_FCI, 3).into_iter().map(|record| record.response([0x90, 0x00]));
    let older = Record::all(LEGACY, 2).into_iter().map(|record| record.octets("response"));
    objects.chain(answers).chain(older).chain(listings().into_iter().map(|(data, _)| data)).collect()
}

#[test]
fn every_strict_prefix() {
    for data in everything_recorded() {
        for len in 0..data.len() {
            read_with_everything(&data[..len]);
        }
        assert!(data.len() < 40 || read_with_everything(&data) > 0);
    }
}

/// A prefix of an object with a length of its own is refused, never half read.
#[test]
fn prefixes_are_refused() {
    let tables = [(CARD_DATA, 0), (CAPABILITY, 1), (CPLC, 2), (RESOURCES, 3), (KEY_INFO, 4)];
    for (table, reader) in tables {
        for record in Record::all(table, 1) {
            let data = record.octets("data");
            for cut in (0..data.len()).map(|len| &data[..len]) {
                let refused = match reader {
                    0 => CardRecognitionData::parse(cut).is_err(),
                    1 => CardCapability::parse(cut).is_err(),
                    2 => Cplc::parse(cut).is_err(),
                    3 => Resources::parse(cut).is_err(),
                    _ => KeyInformation::parse(cut).is_err(),
                };
                assert!(refused, "{} cut to {}", record.id(), cut.len());
            }
        }
    }
}

#[test]
fn every_single_octet_changed() {
    let mut tried = 0_u32;
    for mut data in everything_recorded() {
        for at in 0..data.len() {
            let original = data[at];
            for value in (0..=0xFF).filter(|value| *value != original) {
                data[at] = value;
                read_with_everything(&data);
                tried += 1;
            }
            data[at] = original;
        }
    }
    assert!(tried > 400_000, "{tried}");
}

/// Whatever happens to a listing, the entries before the damage still come out, and damage inside one entry that leaves
/// its length alone costs no other entry.
#[test]
fn damage_does_not_reach_back() {
    for (mut data, _) in listings() {
        let whole: Vec<String> = Listing::new(&data).map(|entry| format!("{:?}", entry.unwrap())).collect();
        // Where each entry begins and ends: E3, one octet of length, value.
        let mut bounds = Vec::new();
        let mut at = 0;
        while bounds.len() < whole.len() {
            assert_eq!(data[at], 0xE3);
            let end = at + 2 + usize::from(data[at + 1]);
            bounds.push(at..end);
            at = end;
        }
        for at in 0..data.len() {
            let original = data[at];
            for value in (0..=0xFF).filter(|value| *value != original) {
                data[at] = value;
                let found: Vec<_> = Listing::new(&data).collect();
                for (n, bound) in bounds.iter().enumerate() {
                    let inside = bound.contains(&at) && at > bound.start + 1;
                    if bound.end <= at || (inside && n > 0) {
                        let last = if inside { n - 1 } else { n };
                        assert_eq!(format!("{:?}", found[last].as_ref().unwrap()), whole[last]);
                    }
                    if inside {
                        assert_eq!(found.len(), whole.len());
                        for (other, entry) in found.iter().enumerate().filter(|(other, _)| *other != n) {
                            assert_eq!(format!("{:?}", entry.as_ref().unwrap()), whole[other]);
                        }
                    }
                }
            }
            data[at] = original;
        }
    }
}

#[test]
fn buffers_that_are_too_small() {
    for (data, _) in listings() {
        for entry in Listing::new(&data).map(Result::unwrap) {
            let whole = written(|w| entry.emit(w, Wanted::All));
            for room in 0..whole.len() {
                let mut buf = vec![0; room];
                let mut w = Writer::new(&mut buf);
                assert_eq!(entry.emit(&mut w, Wanted::All).map_err(|error| error.kind), Err(ErrorKind::BufferFull));
                assert!(w.is_empty());
            }
        }
    }
    let capability = Record::all(CAPABILITY, 2)[0].octets("data");
    let card_data = Record::all(CARD_DATA, 5)[0].octets("data");
    let keys = Record::all(KEY_INFO, 5)[1].octets("data");
    for room in 0..capability.len() {
        let mut buf = vec![0; room];
        assert!(CardCapability::parse(&capability).unwrap().emit(&mut Writer::new(&mut buf)).is_err());
    }
    for room in 0..card_data.len() {
        let mut buf = vec![0; room];
        assert!(CardRecognitionData::parse(&card_data).unwrap().emit(&mut Writer::new(&mut buf)).is_err());
    }
    for room in 0..keys.len() {
        let mut buf = vec![0; room];
        let entries = KeyInformation::parse(&keys).unwrap().map(Result::unwrap);
        assert!(KeyInformation::emit(&mut Writer::new(&mut buf), entries).is_err());
    }
}
