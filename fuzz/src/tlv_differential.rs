//! Our reader of BER-TLV beside that of the crate `iso7816-tlv`.

use gp_tlv::{Reader, Writer};
use iso7816_tlv::ber;

/// An object and what is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Tree {
    Primitive(u32, Vec<u8>),
    Constructed(u32, Vec<Tree>),
}

/// Reads `octets` as one data object with everything in it, by both readers, and checks:
///
/// - what ours reads from octets as they would be written (all lengths minimal), theirs reads, with the same objects;
/// - what theirs reads and would write again in the same octets, ours reads, with the same objects.
///
/// They may differ where the encoding is not the shortest (theirs counts lengths of inner objects as if it were, writes 127 as
/// `817F`, and takes the length octet `80` for zero), in tags that begin with `80` after the first octet (ours refuses them), in the tag `00`
/// (theirs refuses it), and in the depth (ours has a limit).
pub fn tlv_differential(octets: &[u8]) {
    let ours = ours(octets);
    let theirs = match ber::Tlv::parse(octets) {
        (Ok(tlv), []) => Some(tlv),
        _ => None,
    };
    if let Ok(tree) = &ours
        && normal(tree) == octets
        && !has_tag_zero(tree)
    {
        let theirs = theirs.as_ref().expect("a minimal encoding that the other reader refuses");
        assert_eq!(&tree_of(theirs), tree);
    }
    if let Some(tlv) = theirs
        && tlv.to_vec() == octets
    {
        match ours {
            Ok(tree) => assert_eq!(tree_of(&tlv), tree),
            Err(Refusal::TooDeep) => {}
            Err(Refusal::Other) => assert!(odd_tag(&tlv) || has_127(&tlv), "refused: {tlv:?}"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Refusal {
    TooDeep,
    Other,
}

/// The object that `octets` are, to the last one.
fn ours(octets: &[u8]) -> Result<Tree, Refusal> {
    let mut trees = children(Reader::new(octets))?;
    if trees.len() == 1 { Ok(trees.remove(0)) } else { Err(Refusal::Other) }
}

fn children(mut reader: Reader<'_>) -> Result<Vec<Tree>, Refusal> {
    let refusal = |error: gp_tlv::Error| match error.kind {
        gp_tlv::ErrorKind::TooDeep => Refusal::TooDeep,
        _ => Refusal::Other,
    };
    let mut trees = Vec::new();
    while let Some(tlv) = reader.next_tlv().map_err(refusal)? {
        let tag = tlv.tag.to_u32();
        trees.push(if tlv.tag.is_constructed() {
            Tree::Constructed(tag, children(reader.inside(tlv.value).map_err(refusal)?)?)
        } else {
            Tree::Primitive(tag, tlv.value.to_vec())
        });
    }
    Ok(trees)
}

/// The octets of an object as our writer writes them.
fn normal(tree: &Tree) -> Vec<u8> {
    let mut buffer = vec![0; 0x2_0000];
    let mut writer = Writer::new(&mut buffer);
    write(tree, &mut writer).expect("room enough");
    writer.finish().to_vec()
}

fn write(tree: &Tree, writer: &mut Writer<'_>) -> Result<(), gp_tlv::Error> {
    let tag = |octets: &u32| gp_tlv::Tag::from_u32(*octets).expect("a tag that was read");
    match tree {
        Tree::Primitive(octets, value) => writer.tlv(tag(octets), value)?,
        Tree::Constructed(octets, trees) => {
            writer.nested(tag(octets), |writer| trees.iter().try_for_each(|tree| write(tree, writer)))?
        }
    };
    Ok(())
}

fn has_tag_zero(tree: &Tree) -> bool {
    match tree {
        Tree::Primitive(tag, _) => *tag == 0,
        Tree::Constructed(_, trees) => trees.iter().any(has_tag_zero),
    }
}

fn number(tag: &ber::Tag) -> u32 {
    tag.to_bytes().iter().fold(0, |number, octet| number << 8 | u32::from(*octet))
}

fn tree_of(tlv: &ber::Tlv) -> Tree {
    match tlv.value() {
        ber::Value::Primitive(value) => Tree::Primitive(number(tlv.tag()), value.clone()),
        ber::Value::Constructed(inner) => Tree::Constructed(number(tlv.tag()), inner.iter().map(tree_of).collect()),
    }
}

/// Whether a tag in it is one that ISO/IEC 7816-4 excludes and ours refuses.
fn odd_tag(tlv: &ber::Tlv) -> bool {
    let odd = gp_tlv::Tag::from_octets(tlv.tag().to_bytes()).is_err();
    odd || matches!(tlv.value(), ber::Value::Constructed(inner) if inner.iter().any(odd_tag))
}

/// Whether a value in it, but not the outermost, has the one length that theirs writes longer than it counts.
fn has_127(tlv: &ber::Tlv) -> bool {
    match tlv.value() {
        ber::Value::Primitive(_) => false,
        ber::Value::Constructed(inner) => inner.iter().any(|tlv| {
            let value = match tlv.value() {
                ber::Value::Primitive(value) => value.len(),
                ber::Value::Constructed(inner) => inner.iter().map(|tlv| tlv.to_vec().len()).sum(),
            };
            value == 0x7F || has_127(tlv)
        }),
    }
}
