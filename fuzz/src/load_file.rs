//! Load files as they come in blocks.

use gp_cardmanager_model::aid::Aid;
use gp_cardmanager_model::error::Error;
use gp_cardmanager_model::load_file::{Content, Dap, Event, LoadFile, LoadFileParser};

use crate::laws::pieces;

/// What a load file says, with the parts joined.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Told {
    daps: Vec<(Aid, Vec<u8>)>,
    icv: Option<Vec<u8>>,
    start: Option<(bool, u32)>,
    block: Vec<u8>,
    end: Option<Error>,
}

/// The first octet is where the blocks are cut, the others are the load file. Checks:
///
/// - whole, and in pieces, it tells the same, up to the same error in the same place;
/// - lengths announced are lengths delivered, and `remaining` counts down to zero;
/// - a whole file that is written again, head by our writer, tells the same.
pub fn load_file(octets: &[u8]) {
    let Some((plan, file)) = octets.split_first() else { return };
    let whole = read(&[file]);
    assert_eq!(read(&pieces(file, *plan)), whole);
    let (None, Some((ciphered, len))) = (whole.end, whole.start) else { return };
    let len = len as usize;
    assert_eq!(whole.block.len(), len);
    let daps: Vec<Dap<'_>> =
        whole.daps.iter().map(|(aid, signature)| Dap { security_domain: *aid, signature }).collect();
    let content = match ciphered {
        true => Content::Ciphered { icv: whole.icv.as_deref(), len },
        false => Content::Plain { len },
    };
    let file = LoadFile { daps: &daps, content };
    let mut head = vec![0; file.head_len()];
    if file.emit_head(&mut head).is_ok() {
        assert_eq!(file.encoded_len(), head.len() + len);
        assert_eq!(read(&[&head, &whole.block]), whole);
        let less = head.len() - 1;
        assert!(file.emit_head(&mut head[..less]).is_err());
    }
}

fn read(blocks: &[&[u8]]) -> Told {
    let (mut parser, mut told) = (LoadFileParser::new(), Told::default());
    let mut left = None;
    for mut block in blocks.iter().copied() {
        loop {
            let before = block.len();
            match parser.next(&mut block) {
                Ok(Some(event)) => {
                    // An event takes octets, or follows the one that took the last of a length.
                    assert!(block.len() < before, "no progress");
                    match event {
                        Event::Dap(aid) => told.daps.push((aid, Vec::new())),
                        Event::Signature { octets, remaining } => {
                            assert!(left.is_none_or(|left| left == remaining + octets.len() as u32));
                            left = (remaining > 0).then_some(remaining);
                            told.daps.last_mut().expect("its AID came before").1.extend_from_slice(octets);
                        }
                        Event::Icv(icv) => told.icv = Some(icv.as_bytes().to_vec()),
                        Event::BlockStart { ciphered, len } => told.start = Some((ciphered, len)),
                        Event::Block { octets, remaining } => {
                            assert!(left.is_none_or(|left| left == remaining + octets.len() as u32));
                            left = (remaining > 0).then_some(remaining);
                            told.block.extend_from_slice(octets);
                        }
                        _ => {}
                    }
                }
                Ok(None) => {
                    assert!(block.is_empty());
                    break;
                }
                Err(error) => {
                    assert_eq!(parser.next(&mut &[0_u8][..]), Err(error), "an error that passes");
                    told.end = Some(error);
                    return told;
                }
            }
        }
    }
    told.end = parser.finish().err();
    told
}
