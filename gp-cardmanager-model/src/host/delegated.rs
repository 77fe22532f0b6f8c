//! Delegated management: tokens that allow an operation, receipts that prove it (GPCS 9.1.3, C.4, C.5).

use super::Failure;
use crate::confirmation::Confirmation;
use crate::delete::Delete;
use crate::install::{ForInstall, ForLoad, Install};
use crate::signature::{Operation, ReceiptInput, Signer, TokenInput, Verifier};

/// Makes the token of an INSTALL command over its body without token, at the start of `token`; answers its length.
/// [`Install::with_token`] puts it in. `scratch` has to hold the body.
///
/// ```
/// use gp_cardmanager_model::{aid::Aid, host, install};
/// use gp_scp03::Key;
///
/// let key = Key::new(&[0x70; 16])?;
/// let aid = Aid::ISSUER_SECURITY_DOMAIN;
/// let body = install::ForExtradition { security_domain: aid, object: aid, parameters: &[], token: &[] };
/// let body = install::Install::Extradition(body);
/// let (mut scratch, mut token) = ([0; 255], [0; 16]);
/// let len = host::install_token(&body, &mut &key, &mut scratch, &mut token)?;
/// let task = host::Install::new(body.with_token(&token[..len]));
/// # let _ = task;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Failure::Body`] for a body that cannot be written, or a command without token; [`Failure::Signature`].
pub fn install_token(
    body: &Install<'_>,
    signer: &mut impl Signer,
    scratch: &mut [u8],
    token: &mut [u8],
) -> Result<usize, Failure> {
    let function = body.function();
    let fields = body.emit_signed_fields(scratch)?;
    let input = TokenInput::new(function.p1(), function.p2(), fields)?;
    Ok(signer.sign(&input.parts(), token)?)
}

/// Makes the token of a DELETE command, likewise.
///
/// # Errors
/// Those of [`install_token`].
pub fn delete_token(
    body: &Delete<'_>,
    signer: &mut impl Signer,
    scratch: &mut [u8],
    token: &mut [u8],
) -> Result<usize, Failure> {
    let header = body.header();
    let fields = body.emit_signed_fields(scratch)?;
    let input = TokenInput::new(header.p1, header.p2, fields)?;
    Ok(signer.sign(&input.parts(), token)?)
}

/// Makes the token of the combined load, install and make selectable, over both of its commands; it goes into the last
/// one. `scratch` has to hold both bodies.
///
/// # Errors
/// Those of [`install_token`].
pub fn combined_token(
    first: ForLoad<'_>,
    last: ForInstall<'_>,
    signer: &mut impl Signer,
    scratch: &mut [u8],
    token: &mut [u8],
) -> Result<usize, Failure> {
    let (first, last) = (Install::CombinedFirst(first), Install::CombinedLast(last));
    let first_len = first.emit_signed_fields(scratch)?.len();
    let (first_fields, rest) = scratch.split_at_mut_checked(first_len).ok_or(gp_apdu::Error::BufferFull)?;
    let last_fields = last.emit_signed_fields(rest)?;
    let part = |function: crate::install::Function, fields| TokenInput::new(function.p1(), function.p2(), fields);
    let input = TokenInput::combined(part(first.function(), first_fields)?, part(last.function(), last_fields)?);
    Ok(signer.sign(&input.parts(), token)?)
}

/// Verifies the receipt of an operation that was carried out.
///
/// # Errors
/// [`Failure::Signature`] when it does not fit, [`Failure::Body`] for an operation that cannot be written.
pub fn verify_receipt(
    confirmation: &Confirmation<'_>,
    operation: &Operation<'_>,
    verifier: &mut impl Verifier,
) -> Result<(), Failure> {
    let input = ReceiptInput::new(confirmation.details, operation)?;
    Ok(verifier.verify(&input.parts(), confirmation.receipt)?)
}
