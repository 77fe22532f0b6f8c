//! The body of INSTALL in all its functions, and what is in it.

use gp_cardmanager_model::install::{Install, Parameters, SecurityDomainParameters};

use crate::laws::{filled, parameters};

/// P1, P2, and the data of INSTALL. Checks:
///
/// - what was read and is written again reads the same, in exactly its announced length;
/// - the lenient reading agrees wherever the strict one reads, and what a token signs is the beginning of the data;
/// - the parameters field by itself, and the parameters of a security domain in it, read the same when written again.
pub fn install(octets: &[u8]) {
    let Some((p1, p2, data)) = parameters(octets) else { return };
    let lenient = Install::parse_lenient(p1, p2, data);
    match Install::parse(p1, p2, data) {
        Ok(install) => {
            assert_eq!(lenient, Ok(install));
            let header = install.header();
            assert_eq!(Install::parse(header.p1, header.p2, data), Ok(install));
            let again = filled(|buf| install.emit(buf).map(|octets| octets.len())).expect("what was read is written");
            assert_eq!(again.len(), install.encoded_len());
            // Lengths of 128 and more may have come in one octet, and go out in two.
            assert!(again.len() <= data.len() + 2);
            assert_eq!(Install::parse(p1, p2, &again), Ok(install));
            let signed = filled(|buf| install.emit_signed_fields(buf).map(|octets| octets.len())).expect("written too");
            assert!(again.starts_with(&signed));
            let taken = Install::signed_fields(p1, p2, data).expect("what was read");
            assert!(data.starts_with(taken));
            contents(&install);
        }
        Err(error) => assert!(error.offset as usize <= data.len()),
    }
    if let Ok(install) = lenient {
        contents(&install);
    }
}

fn contents(install: &Install<'_>) {
    let function = install.function();
    let field = install.parameters();
    if let Ok(found) = Parameters::parse_for(function, field) {
        assert_eq!(Parameters::parse(field), Ok(found));
        let again =
            filled(|buf| found.emit(function, buf).map(|octets| octets.len())).expect("what was read is written");
        assert_eq!(Parameters::parse_for(function, &again), Ok(found));
    }
    let Ok(found) = Parameters::parse(field) else { return };
    let Some(content) = found.application else { return };
    if let Ok(domain) = SecurityDomainParameters::parse(content)
        && let Ok(again) = filled(|buf| domain.emit(buf).map(|octets| octets.len()))
    {
        assert_eq!(SecurityDomainParameters::parse(&again), Ok(domain));
    }
    if let Install::Install(body) | Install::InstallAndMakeSelectable(body) | Install::CombinedLast(body) = install
        && let Ok(octets) = filled(|buf| body.emit_applet_data(buf).map(|octets| octets.len()))
    {
        assert!(octets.ends_with(content));
    }
}
