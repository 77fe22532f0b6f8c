//! Raw octets as a command APDU and as a response.

use gp_apdu::{Command, Response};

/// Reads `octets` as a command and as a response, and checks:
///
/// - the four cases are unambiguous: what parses is emitted again octet for octet, in exactly its announced length;
/// - one octet of room less is an error, and leaves no partial success;
/// - a response is its data followed by its two status octets.
pub fn apdu(octets: &[u8]) {
    if let Ok(command) = Command::parse(octets) {
        assert_eq!(command.encoded_len(), octets.len());
        let mut buffer = vec![0; octets.len()];
        assert_eq!(command.emit(&mut buffer).expect("room for what was parsed"), octets);
        let short = octets.len() - 1;
        assert!(command.emit(&mut buffer[..short]).is_err());
    }
    if let Ok(response) = Response::parse(octets) {
        let mut again = response.data.to_vec();
        again.extend(response.status.0.to_be_bytes());
        assert_eq!(again, octets);
    } else {
        assert!(octets.len() < 2);
    }
}
