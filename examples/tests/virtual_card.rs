//! `virtual-card` as its reader sees it: power, commands, and what is left after the program has ended.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use gp_apdu::{Class, Command, Form, Header, Le, StatusWord, Transport, ins};
use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::host::{Authenticate, Host, Raw, Select, run};
use gp_examples::applets::{DATA_STORE, ECHO, LOAD_FILE, load_file};
use gp_examples::virtual_card::{self, Options};
use gp_scp03::{Challenge, SecurityLevel, StaticKeys};
use serde_json::Value;

/// A reader with a virtual card in it.
struct Reader {
    link: Option<TcpStream>,
    card: Option<JoinHandle<io::Result<()>>>,
}

impl Reader {
    fn with(words: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let words = format!("--port {port} {words}");
        let options = Options::parse(words.split_whitespace().map(str::to_owned)).unwrap();
        let card = thread::spawn(move || virtual_card::run(&options));
        let (link, _) = listener.accept().unwrap();
        link.set_nodelay(true).unwrap();
        let mut reader = Self { link: Some(link), card: Some(card) };
        reader.control(0x01);
        reader
    }

    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let length = u16::try_from(message.len()).unwrap().to_be_bytes();
        self.link.as_mut().unwrap().write_all(&[&length, message].concat())
    }

    fn receive(&mut self) -> io::Result<Vec<u8>> {
        let link = self.link.as_mut().unwrap();
        let mut length = [0; 2];
        link.read_exact(&mut length)?;
        let mut message = vec![0; u16::from_be_bytes(length).into()];
        link.read_exact(&mut message)?;
        Ok(message)
    }

    /// Power off, power on, reset: no answer.
    fn control(&mut self, octet: u8) {
        self.send(&[octet]).unwrap();
    }

    fn ask(&mut self, message: &[u8]) -> Vec<u8> {
        self.send(message).unwrap();
        self.receive().unwrap()
    }

    /// The reader goes away; the card's program ends.
    fn close(mut self) -> io::Result<()> {
        self.link = None;
        self.card.take().unwrap().join().unwrap()
    }
}

impl Transport for Reader {
    type Error = io::Error;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> io::Result<usize> {
        self.send(command)?;
        let answer = self.receive()?;
        response[..answer.len()].copy_from_slice(&answer);
        Ok(answer.len())
    }
}

/// A folder for one test, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("gp-virtual-card-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A host in one session with what it selected.
struct Session<'b> {
    host: Host<'b>,
    reader: Reader,
}

impl<'b> Session<'b> {
    fn open(reader: Reader, aid: &Aid, level: SecurityLevel, command: &'b mut [u8], response: &'b mut [u8]) -> Self {
        let mut session = Self { host: Host::new(command, response, ()), reader };
        session.select(aid, level);
        session
    }

    fn select(&mut self, aid: &Aid, level: SecurityLevel) {
        let keys = StaticKeys::same(&(0x40..0x50).collect::<Vec<_>>()).unwrap();
        run(&mut self.host, &mut self.reader, Select::aid(aid)).unwrap();
        let challenge = Challenge::new(b"8 octets").unwrap();
        run(&mut self.host, &mut self.reader, Authenticate::new(challenge, level, |_| Ok(&keys))).unwrap();
    }

    fn send(&mut self, ins: u8, p1: u8, p2: u8, data: &[u8]) -> (Vec<u8>, StatusWord) {
        let header = Header::new(Class::GP, ins, p1, p2);
        let command = Command { header, data, le: Some(Le::MAX_SHORT), form: Form::Short };
        let answer = run(&mut self.host, &mut self.reader, Raw::new(command)).unwrap();
        (answer.data.to_vec(), answer.status)
    }

    fn expect(&mut self, ins: u8, p1: u8, p2: u8, data: &[u8]) -> Vec<u8> {
        let (data, status) = self.send(ins, p1, p2, data);
        assert_eq!(status, StatusWord::OK, "{ins:02X} {p1:02X} {p2:02X}");
        data
    }

    /// Loads the load file of the applications and makes an instance of each module.
    fn install_applications(&mut self) {
        let lv = |aid: &Aid| [&[u8::try_from(aid.as_bytes().len()).unwrap()], aid.as_bytes()].concat();
        self.expect(ins::INSTALL, 0x02, 0, &[&lv(&LOAD_FILE)[..], &[0, 0, 0, 0]].concat());
        self.expect(ins::LOAD, 0x80, 0, &load_file());
        for module in [ECHO, DATA_STORE] {
            let body = [lv(&LOAD_FILE), lv(&module), lv(&module), vec![1, 0, 2, 0xC9, 0, 0]].concat();
            self.expect(ins::INSTALL, 0x0C, 0, &body);
        }
    }
}

const PUT_DATA: u8 = 0xDA;

#[test]
fn power_and_plain_commands() {
    let mut reader = Reader::with("--preload 1 --atr 3B8180018180");
    assert_eq!(reader.ask(&[0x04]), [0x3B, 0x81, 0x80, 0x01, 0x81, 0x80]);
    let fci = reader.ask(&[0x00, 0xA4, 0x04, 0x00, 0x00]);
    assert!(fci.starts_with(&[0x6F]) && fci.ends_with(&[0x90, 0x00]));

    // The preloaded application echoes, until the power goes: then the issuer security domain is selected.
    let selected = reader.ask(&[0x00, 0xA4, 0x04, 0x00, 0x06, 0xF0, 0, 0, 0, 1, 0, 0]);
    assert!(selected.ends_with(&[0x90, 0x00]) && selected.starts_with(&[0x6F]));
    assert_eq!(reader.ask(&[0x80, 0x01, 0, 0, 3, 7, 8, 9, 0]), [7, 8, 9, 0x90, 0x00]);
    for control in [0x00, 0x02] {
        reader.ask(&[0x00, 0xA4, 0x04, 0x00, 0x06, 0xF0, 0, 0, 0, 1, 0, 0]);
        reader.control(control);
        reader.control(0x01);
        assert_eq!(reader.ask(&[0x80, 0x01, 0, 0, 3, 7, 8, 9, 0]), [0x6D, 0x00], "{control}");
    }
    // Octets that are no command get an answer as well.
    assert_eq!(reader.ask(&[0x80, 0xCA]), [0x67, 0x00]);
    assert_eq!(reader.ask(&[0xFF; 300]).len(), 2);
    reader.close().unwrap();
}

#[test]
fn a_stored_card_is_the_same_card() {
    let folder = Folder::new("store");
    let [store, transcript] = ["card", "record"].map(|name| folder.0.join(name).display().to_string());
    let words = format!("--store {store} --transcript {transcript} --client us --scenario store --preload 2");
    let (mut command, mut response) = ([0; 261], [0; 258]);

    let isd = Aid::ISSUER_SECURITY_DOMAIN;
    let mut session = Session::open(Reader::with(&words), &isd, SecurityLevel::Full, &mut command, &mut response);
    assert_eq!(session.expect(ins::GET_DATA, 0x00, 0xC1, &[]), [0xC1, 3, 0, 0, 1], "the factory does not count");
    session.install_applications();
    // Personalisation by the security domain, writing in the application's own session.
    let personalize = [&[0, 0, 8][..], DATA_STORE.as_bytes(), &[0, 0, 0]].concat();
    session.expect(ins::INSTALL, 0x20, 0, &personalize);
    session.expect(ins::STORE_DATA, 0x90, 0, &[0x9F, 0x01, 2, 0xAA, 0xBB]);
    session.select(&DATA_STORE, SecurityLevel::CMac);
    session.expect(PUT_DATA, 0x9F, 0x02, &[0xCC; 200]);
    assert_eq!(session.send(PUT_DATA, 0x9F, 0x03, &[0xCC; 201]).1, StatusWord::NOT_ENOUGH_MEMORY);
    // While it is open, nobody else is this card.
    let options = Options::parse(words.split_whitespace().map(str::to_owned)).unwrap();
    assert!(virtual_card::serve(&options, io::Cursor::new(Vec::new())).is_err());
    session.reader.close().unwrap();

    let mut reader = Reader::with(&words);
    let select = [&[0x00, 0xA4, 0x04, 0x00, 8], DATA_STORE.as_bytes()].concat();
    assert!(reader.ask(&select).ends_with(&[0x90, 0x00]));
    assert_eq!(reader.ask(&[0x00, 0xCA, 0x9F, 0x01, 0]), [0xAA, 0xBB, 0x90, 0x00]);
    assert_eq!(reader.ask(&[0x80, 0xCA, 0x9F, 0x02, 0])[..4], [0x9F, 0x02, 0x81, 200]);
    assert_eq!(reader.ask(&[0x80, PUT_DATA, 0x9F, 0x02, 1, 1]), [0x69, 0x82], "not without a session");
    let mut session = Session::open(reader, &isd, SecurityLevel::CMac, &mut command, &mut response);
    // Two sessions before, and this one.
    assert_eq!(session.expect(ins::GET_DATA, 0x00, 0xC1, &[]), [0xC1, 3, 0, 0, 3]);
    let applications = session.expect(ins::GET_STATUS, 0x40, 0x00, &[0x4F, 0x00]);
    assert_eq!(applications.iter().filter(|octet| **octet == 0xF0).count(), 4);
    // Deleted for good.
    session.expect(ins::DELETE, 0x00, 0x00, &[&[0x4F, 8], DATA_STORE.as_bytes()].concat());
    session.reader.close().unwrap();
    let mut reader = Reader::with(&words);
    assert_eq!(reader.ask(&select), [0x6A, 0x82]);
    reader.close().unwrap();
    assert!(!std::fs::read_to_string(format!("{store}.applets")).unwrap().contains("9F02"));

    let text = std::fs::read_to_string(&transcript).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[2]["client"], "us");
    assert_eq!(lines[2]["card_keys"]["dek"], "404142434445464748494a4b4c4d4e4f");
    assert_eq!(lines[2]["exchanges"].as_array().unwrap().last().unwrap()["r"], "6a82");
}

#[test]
fn a_store_that_is_something_else_is_left_alone() {
    let folder = Folder::new("other");
    let store = folder.0.join("letter");
    std::fs::write(&store, "a letter").unwrap();
    let words = ["--store".to_owned(), store.display().to_string()];
    let outcome = virtual_card::serve(&Options::parse(words).unwrap(), io::Cursor::new(Vec::new()));
    assert!(outcome.is_err());
    assert_eq!(std::fs::read(&store).unwrap(), b"a letter");
}

#[test]
fn a_young_card() {
    // OP_READY as the issuer security domain shows it.
    let (mut command, mut response) = ([0; 261], [0; 258]);
    let isd = Aid::ISSUER_SECURITY_DOMAIN;
    let reader = Reader::with("--op-ready --seq 65535 --i 60");
    let mut session = Session::open(reader, &isd, SecurityLevel::CMac, &mut command, &mut response);
    let status = session.expect(ins::GET_STATUS, 0x80, 0x00, &[0x4F, 0x00]);
    assert_eq!(status[1 + usize::from(status[0])], 0x01);
    assert_eq!(session.send(ins::GET_DATA, 0x00, 0xC1, &[]).1, StatusWord::REFERENCED_DATA_NOT_FOUND);
    session.reader.close().unwrap();
}

#[test]
fn a_card_that_deviates() {
    let (mut command, mut response) = ([0; 261], [0; 600]);
    let words = "--profile platform-channel --deviation get-response --deviation empty-select-6a82 --preload 2";
    let mut reader = Reader::with(words);
    assert_eq!(reader.ask(&[0x00, 0xA4, 0x04, 0x00, 0x00]), [0x6A, 0x82]);
    assert_eq!(reader.ask(&[0x80, 0xCA, 0x00, 0xE0, 0x00]), [0x61, 0x14]);
    assert_eq!(reader.ask(&[0x00, 0xC0, 0x00, 0x00, 0x14]).len(), 22);
    let isd = Aid::ISSUER_SECURITY_DOMAIN;
    let mut session = Session::open(reader, &isd, SecurityLevel::CMac, &mut command, &mut response);
    // The factory's work was done before the card began to deviate.
    let listed = session.expect(ins::GET_STATUS, 0x40, 0x02, &[0x4F, 0x00]);
    assert_eq!(listed.iter().filter(|octet| **octet == 0xE3).count(), 2);
    session.reader.close().unwrap();
}

#[test]
fn without_a_reader_there_is_no_card() {
    // A port that was free a moment ago.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let options = Options::parse(["--port".to_owned(), port.to_string()]).unwrap();
    let problem = virtual_card::run(&options).unwrap_err().to_string();
    assert!(problem.contains("pcscd"), "{problem}");
}
