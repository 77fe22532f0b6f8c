//! Answers of real cards: read in full, then with every cut and every wrong octet.

use gp_tlv::tags::{capability, card_data, data, dgi, fci, keys, registry, resources};
use gp_tlv::{DgiReader, DgiWriter, Error, ErrorKind, Reader, Tag, Tlv, Writer, find_path};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

// The test data of GlobalPlatformPro 236a610 (TestParseTags.java, TestGPKeyInfo.java), of kaoh/globalplatform 8dd2f1b
// (statusTest.c, scp03Test.c, getDataTest.c, storeDataTest.c), of pySim 597f1e0 (test_globalplatform.py) and of
// GlobalPlatformPro issue 113; the facts of each are checked below. Status words are left off.

/// GET STATUS of the ISD; GlobalPlatformPro, TestParseTags.java.
const ISD: &str = "E3464F08A0000000030000009F700101C5039EFE80CF0140CF0141CF0142CF0143CF0180CF0181CF0182CF0183\
    C40BD276000005AAFFCAFE0001CE020001CC08A000000003000000";

/// GET STATUS of applications, SW 6310: the fifth entry is cut; kaoh/globalplatform, statusTest.c.
const APPLICATIONS_CUT: &str = "E33A4F10A0000005591010FFFFFFFF89000002009F70010FC50382FC80C40BD276000005AAFFCAFE0001\
    CC10A0000005591010FFFFFFFF8900000200E3304F08D276000005AA3F019F700107C50104C40BD276000005AAFFCAFE0002\
    CC10A0000005591010FFFFFFFF8900000200E3384F10A0000000871001F310FFFF89FFFFFF019F700107C50100\
    C40BD276000005AAFFCAFE0002CC10A0000005591010FFFFFFFF8900000200E3444F10A0000005591010FFFFFFFF8900000100\
    9F700107C50100C410D2760001180100FF49102589C0028000CC10A0000005591010FFFFFFFF8900000200EA05800301800\
    0E3304F09A00000015141434C009F700107";

/// GET STATUS of applications, life cycle states of two octets; kaoh/globalplatform, scp03Test.c.
const APPLICATIONS: &str = "E33E4F10A0000005591010FFFFFFFF89000010009F70013FC50380C000C407A0000001515350CE020100\
    CC10A0000005591010FFFFFFFF8900000100EA028000E3394F10A0000000871002FF01FF4189000001009F70020700C503000000\
    C40CA000000095000000004E0001CE020100CC05A000000151EA028000E3304F09A000000559101000019F70020700C503000000\
    C407A0000001515350CE020100CC08A000000151000000EA028000E3304F09A000000559101000029F70020700C503000000\
    C407A0000001515350CE020100CC08A000000151000000EA028000";

/// GET STATUS of load files; kaoh/globalplatform, scp03Test.c.
const LOAD_FILES: &str = "E3194F07A00000006200019F70020100CE020100CC05A000000151E3194F07A00000006201019F70020100\
    CE020105CC05A000000151E3194F07A00000006201029F70020100CE020105CC05A000000151E3194F07A00000006202019F70020100\
    CE020105CC05A000000151E3224F10A0000000090003FFFFFFFF89107100019F70020100CE020202CC05A000000151\
    E3224F10A0000000090003FFFFFFFF89107100029F70020100CE020206CC05A000000151E3194F07A00000006200029F70020100\
    CE020100CC05A000000151E3224F10A0000000090005FFFFFFFF89120000649F70020100CE020100CC05A000000151";

/// Answer to SELECT; GlobalPlatformPro issue 113.
const FCI: &str = "6F408407A0000001510000A535732F06072A864886FC6B01600C060A2A864886FC6B02020201630906072A864886FC6B03\
    640B06092A864886FC6B0403709F6501FF";

/// Card data; GlobalPlatformPro, TestParseTags.java.
const CARD_DATA: &str = "664C734A06072A864886FC6B01600C060A2A864886FC6B02020101630906072A864886FC6B03\
    640B06092A864886FC6B040215650B06092B8510864864020103660C060A2B060104012A026E0102";

/// Card data with two protocols; kaoh/globalplatform, getDataTest.c.
const CARD_DATA_TWO: &str = "6658735606072A864886FC6B01600B06092A864886FC6B020202630906072A864886FC6B03\
    640B06092A864886FC6B048000640B06092A864886FC6B040370650B06092A864886FC6B020101660C060A2B060104012A026E0102";

/// Card capability information; GlobalPlatformPro, TestParseTags.java.
const CAPABILITY: &str = "6735A00E8001038106001020306070820107A007800102810215558103FF9E0082031E1600\
    83010284018F8502FF028602FF028702FF02";

/// Key information, length in the form 81 xx; GlobalPlatformPro, TestGPKeyInfo.java.
const KEY_INFORMATION: &str = "E081B0C00A0120FF80001001000100C00A0220FF80001001000100C00A0320FF80001001000100\
    C00A0101FF80001001000100C00A0201FF80001001000100C00A0301FF80001001000100C00A0102FF88001001000100\
    C00E0202FF880010FF10000101000100C00A0302FF88001001000100C00A0103FF88001001000100\
    C00E0203FF880010FF10000101000100C00A0303FF88001001000100C00A1403FF85001001000100C00A1503FF88001001000100";

/// CPLC; kaoh/globalplatform, getDataTest.c.
const CPLC: &str = "9F7F2A4790D6004700000000003244342952208448000000000000000015278234323935320000000000000000";

/// Extended card resources; kaoh/globalplatform, getDataTest.c.
const RESOURCES: &str = "FF211081020002820400016DB483040000086A";

/// GET DATA of an eUICC with the tags BF3E and 5A; pySim, test_globalplatform.py.
const EID: &str = "BF3E125A1089882119900000000000000000000005";

/// STORE DATA with three AES keys; kaoh/globalplatform, storeDataTest.c.
const KEYS: &str = "00B930B71080018881011083010196010197020003B9088201018403504A77B9088201028403F2A8DFB9088201038403D7D0E4\
    811310D533E59B45A153ED7E5E9C5DFCFD4AAA8113103EF0B1A5E3059DAB21FCE23A7B61C4CA\
    811310ADDE68F7AD497268D31A0DDD5C74B08F";

const LISTS: [&str; 12] = [
    ISD,
    APPLICATIONS_CUT,
    APPLICATIONS,
    LOAD_FILES,
    FCI,
    CARD_DATA,
    CARD_DATA_TWO,
    CAPABILITY,
    KEY_INFORMATION,
    CPLC,
    RESOURCES,
    EID,
];

/// The entries of a list, and the objects in each.
fn entries(list: &[u8]) -> Result<Vec<Vec<Tlv<'_>>>, Error> {
    let mut reader = Reader::new(list);
    let mut entries = Vec::new();
    while !reader.is_empty() {
        entries.push(reader.template(registry::ENTRY)?.collect::<Result<_, _>>()?);
    }
    Ok(entries)
}

fn first(entry: &[Tlv<'_>], tag: Tag) -> Vec<u8> {
    entry.iter().find(|tlv| tlv.tag == tag).unwrap().value.to_vec()
}

#[test]
fn registry_of_a_card() {
    let list = hex(ISD);
    let isd = &entries(&list).unwrap()[0];
    assert_eq!(first(isd, registry::AID), hex("A000000003000000"));
    assert_eq!(first(isd, registry::LIFE_CYCLE), [0x01]);
    assert_eq!(first(isd, registry::PRIVILEGES), [0x9E, 0xFE, 0x80]);
    let implicit: Vec<u8> =
        isd.iter().filter(|tlv| tlv.tag == registry::IMPLICIT_SELECTION).map(|tlv| tlv.value[0]).collect();
    assert_eq!(implicit, [0x40, 0x41, 0x42, 0x43, 0x80, 0x81, 0x82, 0x83]);
    assert_eq!(first(isd, registry::LOAD_FILE_AID), hex("D276000005AAFFCAFE0001"));
    assert_eq!(first(isd, registry::SECURITY_DOMAIN_AID), hex("A000000003000000"));

    let list = hex(APPLICATIONS);
    let applications = entries(&list).unwrap();
    assert_eq!(applications.len(), 4);
    assert_eq!(first(&applications[0], registry::LIFE_CYCLE), [0x3F]);
    assert_eq!(first(&applications[1], registry::LIFE_CYCLE), [0x07, 0x00]);
    assert_eq!(first(&applications[1], registry::UICC_PARAMETERS), [0x80, 0x00]);

    let list = hex(LOAD_FILES);
    let files = entries(&list).unwrap();
    assert_eq!(files.len(), 8);
    assert_eq!(first(&files[1], registry::AID), hex("A0000000620101"));
    assert_eq!(first(&files[1], registry::LOAD_FILE_VERSION), [0x01, 0x05]);
}

#[test]
fn a_list_cut_between_two_answers() {
    let list = hex(APPLICATIONS_CUT);
    let mut reader = Reader::new(&list);
    let items: Vec<_> = reader.by_ref().collect();
    assert_eq!(items.len(), 5);
    assert!(items[..4].iter().all(|item| matches!(item, Ok(tlv) if tlv.tag == registry::ENTRY)));
    let tail = list.len() - reader.remaining().len();
    assert_eq!(reader.offset(), tail, "the reader stands at the entry that was cut");
    assert_eq!(items[4], Err(Error::new(ErrorKind::Truncated, tail + 2)));
    // The rest of the entry arrives with the next answer.
    let mut joined = reader.remaining().to_vec();
    joined.extend([0; 0x30]);
    joined.truncate(2 + 0x30);
    let entry = Reader::new(&joined).expect(registry::ENTRY).unwrap();
    assert_eq!(Reader::new(entry).expect(registry::AID), Ok(&hex("A00000015141434C00")[..]));
}

#[test]
fn answer_to_select() {
    let answer = hex(FCI);
    let (aid, max) = Reader::new(&answer)
        .nested(fci::TEMPLATE, |template| {
            let aid = template.expect(fci::AID)?;
            let max = template.nested(fci::PROPRIETARY_DATA, |proprietary| {
                proprietary.optional(fci::SECURITY_DOMAIN_DATA)?;
                assert_eq!(proprietary.optional(fci::PRODUCTION_LIFE_CYCLE), Ok(None));
                let max = proprietary.expect(fci::MAX_COMMAND_DATA)?;
                proprietary.finish()?;
                Ok(max)
            })?;
            template.finish()?;
            Ok((aid, max))
        })
        .unwrap();
    assert_eq!((aid, max), (&hex("A0000001510000")[..], &[0xFF][..]));

    // An answer whose 6F covers four octets less than follow (nxm-rs/apdu 0305263, select.rs).
    let short = hex("6F10840E315041592E5359532E4444463031A5020500");
    let mut reader = Reader::new(&short);
    assert_eq!(reader.nested(fci::TEMPLATE, |template| template.expect(fci::AID)).unwrap(), b"1PAY.SYS.DDF01");
    assert_eq!(reader.finish(), Err(Error::new(ErrorKind::TrailingData, 18)));
}

#[test]
fn data_objects_of_a_card() {
    let oid = |list: &str, tag| {
        let path = [card_data::CARD_DATA, card_data::RECOGNITION_DATA, tag, card_data::OID];
        find_path(&hex(list), &path).unwrap().map(<[u8]>::to_vec)
    };
    assert_eq!(oid(CARD_DATA, card_data::VERSION), Some(hex("2A864886FC6B02020101")));
    assert_eq!(oid(CARD_DATA, card_data::SECURE_CHANNEL), Some(hex("2A864886FC6B040215")));
    assert_eq!(oid(CARD_DATA, card_data::CHIP), Some(hex("2B060104012A026E0102")));
    assert_eq!(oid(CARD_DATA, card_data::ISSUER_CERTIFICATE), None);
    let two = hex(CARD_DATA_TWO);
    let recognition = find_path(&two, &[card_data::CARD_DATA, card_data::RECOGNITION_DATA]).unwrap().unwrap();
    let protocols = Reader::new(recognition).filter(|tlv| tlv.is_ok_and(|tlv| tlv.tag == card_data::SECURE_CHANNEL));
    assert_eq!(protocols.count(), 2);
    assert_eq!(find_path(&two, &[capability::TEMPLATE]), Ok(None));

    let list = hex(CAPABILITY);
    let scp03 = find_path(&list, &[capability::TEMPLATE, capability::SECURE_CHANNEL]).unwrap().unwrap();
    assert_eq!(Reader::new(scp03).find(capability::SCP_OPTIONS), Ok(Some(&[0x00, 0x10, 0x20, 0x30, 0x60, 0x70][..])));
    let hashes = find_path(&list, &[capability::TEMPLATE, capability::LOAD_FILE_HASHES]);
    assert_eq!(hashes, Ok(Some(&[0x02][..])));

    let list = hex(KEY_INFORMATION);
    let infos = Reader::new(&list).template(keys::INFORMATION_TEMPLATE).unwrap();
    assert_eq!(infos.filter(|tlv| tlv.is_ok_and(|tlv| tlv.tag == keys::INFORMATION)).count(), 14);

    assert_eq!(Reader::new(&hex(CPLC)).expect(data::CPLC).unwrap().len(), 42);
    let free =
        find_path(&hex(RESOURCES), &[data::CARD_RESOURCES, resources::FREE_NON_VOLATILE]).unwrap().map(<[u8]>::to_vec);
    assert_eq!(free.unwrap(), 93_620_u32.to_be_bytes());
    let eid = hex(EID);
    let number = find_path(&eid, &[Tag::new(0xBF3E), Tag::new(0x5A)]).unwrap().unwrap();
    assert_eq!(number, hex("89882119900000000000000000000005"));
}

/// Copies a list object by object, opening what says that it is constructed.
fn copy(mut from: Reader<'_>, to: &mut Writer<'_>) -> Result<(), Error> {
    while let Some(tlv) = from.next_tlv()? {
        if tlv.tag.is_constructed() {
            to.nested(tlv.tag, |to| copy(from.inside(tlv.value)?, to))?;
        } else {
            to.tlv(tlv.tag, tlv.value)?;
        }
    }
    Ok(())
}

#[test]
fn real_answers_are_written_as_the_card_wrote_them() {
    for list in LISTS.iter().filter(|list| **list != APPLICATIONS_CUT) {
        let list = hex(list);
        let mut buf = vec![0; list.len()];
        let mut writer = Writer::new(&mut buf);
        copy(Reader::new(&list), &mut writer).unwrap();
        assert_eq!(writer.finish(), list);
    }
}

/// Reads all there is on every level. Answers how many objects and errors came out.
fn exhaust(mut reader: Reader<'_>) -> (usize, usize) {
    let mut count = (0, 0);
    while let Some(item) = reader.next() {
        match item.and_then(|tlv| Ok((tlv, reader.inside(tlv.value)?))) {
            Ok((tlv, inner)) => {
                count.0 += 1;
                if tlv.tag.is_constructed() {
                    let inner = exhaust(inner);
                    count = (count.0 + inner.0, count.1 + inner.1);
                }
            }
            Err(_) => count.1 += 1,
        }
    }
    count
}

/// The objects of one level with the octet behind each.
fn level(list: &[u8]) -> Vec<(Tlv<'_>, usize)> {
    let mut reader = Reader::new(list);
    let mut objects = Vec::new();
    while let Some(Ok(tlv)) = reader.next() {
        objects.push((tlv, reader.offset()));
    }
    objects
}

/// The list itself, and what its first template holds: there the entries are many.
fn levels(list: &str) -> Vec<Vec<u8>> {
    let list = hex(list);
    let first = Reader::new(&list).next_tlv().unwrap().unwrap();
    let inner = first.tag.is_constructed().then(|| first.value.to_vec());
    [Some(list.clone()), inner].into_iter().flatten().collect()
}

#[test]
fn every_prefix_keeps_the_entries_before_the_cut() {
    let mut cuts = 0;
    for list in LISTS.iter().flat_map(|list| levels(list)) {
        let objects = level(&list);
        for cut in 0..list.len() {
            let prefix = &list[..cut];
            let whole: Vec<_> = objects.iter().filter(|(_, end)| *end <= cut).map(|(tlv, _)| Ok(*tlv)).collect();
            let mut items: Vec<_> = Reader::new(prefix).collect();
            let at_border = cut == 0 || objects.iter().any(|(_, end)| *end == cut);
            if !at_border {
                let error = items.pop().unwrap().unwrap_err();
                assert_eq!(error.kind, ErrorKind::Truncated);
                assert!(usize::try_from(error.offset).unwrap() <= cut);
            }
            assert_eq!(items, whole, "cut at {cut}");
            exhaust(Reader::new(prefix));
            cuts += 1;
        }
    }
    assert!(cuts > 1500, "only {cuts} cuts");
}

#[test]
fn every_wrong_octet_keeps_the_entries_before_it() {
    let mut mutants = 0;
    for list in LISTS.iter().flat_map(|list| levels(list)) {
        let objects = level(&list);
        for at in 0..list.len() {
            let before: Vec<_> = objects.iter().filter(|(_, end)| *end <= at).map(|(tlv, _)| Ok(*tlv)).collect();
            let mut mutant = list.clone();
            for octet in 0..=255 {
                mutant[at] = octet;
                let items: Vec<_> = Reader::new(&mutant).collect();
                assert!(items.starts_with(&before), "octet {at} set to {octet:02X}");
                assert!(items.len() <= mutant.len() / 2 + 1);
                assert!(items.iter().rev().skip(1).all(Result::is_ok), "an error is the last item");
                let (good, bad) = exhaust(Reader::new(&mutant));
                assert!(good + bad <= mutant.len());
                mutants += 1;
            }
        }
    }
    assert!(mutants > 400_000, "only {mutants} mutants");
}

#[test]
fn keys_in_groupings() {
    let message = hex(KEYS);
    let mut reader = DgiReader::new(&message);
    let templates = reader.next_dgi().unwrap().unwrap();
    assert_eq!(templates.tag, dgi::KEYS);
    let mut tags = Vec::new();
    let mut inner = reader.inside(templates.value);
    assert_eq!(inner.offset(), 3);
    let common = inner.expect(keys::COMMON_ATTRIBUTES).unwrap();
    assert_eq!(Reader::new(common).find(keys::TYPE), Ok(Some(&[0x88][..])));
    for template in inner {
        tags.push(template.unwrap().tag);
    }
    assert_eq!(tags, [keys::CONTROL_REFERENCE; 3]);
    let values: Vec<_> = reader.map(Result::unwrap).collect();
    assert!(values.iter().all(|key| key.tag == dgi::SYMMETRIC_KEY && key.value.len() == 16));
    assert_eq!(values.len(), 3);

    let mut buf = vec![0; message.len()];
    let mut writer = DgiWriter::new(&mut buf);
    writer.nested(dgi::KEYS, |out| copy(Reader::new(templates.value), out)).unwrap();
    for key in values {
        writer.dgi(key.tag, key.value).unwrap();
    }
    assert_eq!(writer.finish(), message);
}

#[test]
fn every_cut_and_wrong_octet_of_groupings() {
    let message = hex(KEYS);
    let mut ends = Vec::new();
    let mut reader = DgiReader::new(&message);
    while reader.next_dgi().unwrap().is_some() {
        ends.push(reader.offset());
    }
    assert_eq!(ends, [51, 70, 89, 108]);
    for at in 0..message.len() {
        let before = ends.iter().filter(|end| **end <= at).count();
        let cut: Vec<_> = DgiReader::new(&message[..at]).collect();
        assert_eq!(cut.iter().filter(|item| item.is_ok()).count(), before);
        assert_eq!(cut.len() - before, usize::from(at != 0 && !ends.contains(&at)));
        let whole: Vec<_> = DgiReader::new(&message).collect();
        let mut mutant = message.clone();
        for octet in 0..=255 {
            mutant[at] = octet;
            let items: Vec<_> = DgiReader::new(&mutant).collect();
            assert!(items.starts_with(&whole[..before]));
        }
    }
}
