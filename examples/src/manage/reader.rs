//! Card readers, through PC/SC.

use std::ffi::CString;
use std::io;

use gp_apdu::Transport;
use pcsc::{Card, Context, Protocols, Scope, ShareMode, Transaction};

fn failed(error: pcsc::Error) -> io::Error {
    io::Error::other(format!("PC/SC: {error}"))
}

/// The names of all readers.
pub(super) fn names() -> io::Result<Vec<String>> {
    let context = Context::establish(Scope::User).map_err(failed)?;
    let names = match context.list_readers_owned() {
        Ok(names) => names,
        Err(pcsc::Error::NoReadersAvailable) => Vec::new(),
        Err(error) => return Err(failed(error)),
    };
    Ok(names.iter().map(|name| name.to_string_lossy().into_owned()).collect())
}

/// The card in the one reader whose name contains this.
pub(super) fn connect(wanted: &str) -> io::Result<Card> {
    let context = Context::establish(Scope::User).map_err(failed)?;
    let names = names()?;
    let matching: Vec<_> = names.iter().filter(|name| name.contains(wanted)).collect();
    let name = match matching[..] {
        [name] => name,
        [] => return Err(io::Error::other(format!("no reader is called '{wanted}'; there are: {}", names.join("; ")))),
        _ => return Err(io::Error::other(format!("'{wanted}' is a part of several names: {}", names.join("; ")))),
    };
    let name = CString::new(name.as_str()).map_err(io::Error::other)?;
    context.connect(&name, ShareMode::Shared, Protocols::T0 | Protocols::T1).map_err(failed)
}

/// A card that nobody else uses meanwhile.
pub(super) struct ReaderLink<'c>(Transaction<'c>);

impl<'c> ReaderLink<'c> {
    pub(super) fn new(card: &'c mut Card) -> io::Result<Self> {
        card.transaction().map(Self).map_err(failed)
    }
}

impl Transport for ReaderLink<'_> {
    type Error = io::Error;

    fn transmit(&mut self, command: &[u8], response: &mut [u8]) -> io::Result<usize> {
        self.0.transmit(command, response).map(<[u8]>::len).map_err(failed)
    }
}
