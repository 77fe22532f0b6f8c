//! Raw octets as a command APDU and as a response.

use gp_apdu::{Class, Command, CommandBuf, LogicalChannel, Response};

/// Reads `octets` as a command and as a response, and checks:
///
/// - the four cases are unambiguous: what parses is emitted again octet for octet, in exactly its announced length;
/// - one octet of room less is an error, and leaves no partial success;
/// - the buffer that is edited in place reads the same, and gives the same octets back;
/// - the class keeps all else when it is protected, chained, or moved to another channel;
/// - a response is its data followed by its two status octets.
pub fn apdu(octets: &[u8]) {
    let mut copy = octets.to_vec();
    match Command::parse(octets) {
        Ok(command) => {
            assert_eq!(command.encoded_len(), octets.len());
            let mut buffer = vec![0; octets.len()];
            assert_eq!(command.emit(&mut buffer).expect("room for what was parsed"), octets);
            let short = octets.len() - 1;
            assert!(command.emit(&mut buffer[..short]).is_err());
            let edited = CommandBuf::parse(&mut copy, octets.len()).expect("what parses parses in place");
            assert_eq!((edited.as_command(), edited.data()), (command, command.data));
            assert_eq!(edited.finish().expect("its own room"), octets);
        }
        Err(error) => assert_eq!(CommandBuf::parse(&mut copy, octets.len()).err(), Some(error)),
    }
    if let Some(cla) = octets.first().and_then(|octet| Class::from_byte(*octet)) {
        class(cla);
    }
    if let Ok(response) = Response::parse(octets) {
        let mut again = response.data.to_vec();
        again.extend(response.status.0.to_be_bytes());
        assert_eq!(again, octets);
    } else {
        assert!(octets.len() < 2);
    }
}

/// A class says the same about everything but what is changed in it.
fn class(cla: Class) {
    assert_eq!(Class::from_byte(cla.byte()), Some(cla));
    for other in [cla.secured(), cla.unsecured(), cla.chained(true), cla.chained(false)] {
        assert_eq!((other.channel(), other.is_gp(), other.coding()), (cla.channel(), cla.is_gp(), cla.coding()));
    }
    assert!(!cla.unsecured().is_protected() && !cla.chained(false).is_chained());
    for number in 0..20 {
        let wanted = LogicalChannel::new(number).expect("0 to 19");
        let Some(moved) = cla.with_channel(wanted) else { continue };
        assert_eq!((moved.channel(), moved.is_gp(), moved.is_chained()), (wanted, cla.is_gp(), cla.is_chained()));
        assert_eq!(moved.is_protected(), cla.is_protected());
        // The C-MAC is over the class without its channel: the same on each.
        assert_eq!(moved.mac_byte(), cla.mac_byte());
    }
}
