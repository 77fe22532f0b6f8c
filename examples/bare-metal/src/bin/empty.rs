//! Nothing: what the start-up code takes, to be subtracted.
#![no_std]
#![no_main]

use bare_metal::board::port;
use bare_metal::entry;

entry!(weighed main);

fn main() {
    let mut room = [0; 16];
    loop {
        port::receive(&mut room);
        port::send(&room);
    }
}
