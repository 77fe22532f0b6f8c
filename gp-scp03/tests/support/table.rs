//! Tables of vectors as text: `key = value` lines, a blank line between records, `#` before a remark.

#![allow(dead_code)]

/// One record: its lines in their order. A session repeats the keys of its exchanges.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    lines: Vec<(String, String)>,
}

/// All records of a table. A line that is none, or a record without name and source, fails the test.
pub(crate) fn read(table: &str) -> Vec<Record> {
    let mut records = Vec::new();
    let mut lines = Vec::new();
    for line in table.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if let Some((key, value)) = line.split_once(" =") {
            lines.push((key.to_owned(), value.trim().to_owned()));
        } else {
            assert!(line.is_empty(), "no line of a table: {line}");
            if !lines.is_empty() {
                let record = Record { lines: core::mem::take(&mut lines) };
                assert!(record.get("name").is_some() && record.get("source").is_some(), "{record:?}");
                records.push(record);
            }
        }
    }
    records
}

impl Record {
    /// The first value of this key.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.lines.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    pub(crate) fn name(&self) -> &str {
        self.text("name")
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.get(key).unwrap_or_else(|| panic!("{key} is missing in {:?}", self.lines.first()))
    }

    pub(crate) fn octets(&self, key: &str) -> Vec<u8> {
        hex(self.text(key))
    }

    pub(crate) fn try_octets(&self, key: &str) -> Option<Vec<u8>> {
        self.get(key).map(hex)
    }

    /// One octet in hexadecimal.
    pub(crate) fn octet(&self, key: &str) -> u8 {
        self.octets(key).try_into().map(|[octet]: [u8; 1]| octet).unwrap()
    }

    /// A decimal number.
    pub(crate) fn number(&self, key: &str) -> u32 {
        self.text(key).parse().unwrap()
    }

    /// The exchanges of a session: each begins with its plain command.
    pub(crate) fn exchanges(&self) -> Vec<Record> {
        let mut exchanges: Vec<Record> = Vec::new();
        for line in self.lines.iter().skip_while(|(key, _)| key != "plain_command") {
            if line.0 == "plain_command" {
                exchanges.push(Record { lines: Vec::new() });
            }
            exchanges.last_mut().unwrap().lines.push(line.clone());
        }
        exchanges
    }
}

/// The octets that pairs of hexadecimal digits stand for.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2), "{digits}");
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}
