#!/usr/bin/env python3
"""Writes the named seeds of the targets whose input is octets, from the tables of the crates' tests and the recorded sessions:
`python3 fuzz/seeds.py`, from the top of the repository. Seeds that others put beside them (minimised inputs, crashes) stay.

The seeds of the structured targets are not made here: their octets mean something to `arbitrary` alone."""

import io
import pathlib
import re
import zipfile

TOP = pathlib.Path(__file__).resolve().parent.parent
DATA = TOP / "gp-cardmanager-model/tests/data"
CORPUS = TOP / "fuzz/corpus"
ISD = "A000000151000000"


def seed(target, name, octets):
    name = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(octets)


def octets(text):
    return bytes.fromhex(text.strip())


def records(file):
    """Paragraphs of `name value` lines."""
    for paragraph in (DATA / file).read_text().split("\n\n"):
        lines = [line for line in paragraph.splitlines() if line and not line.startswith("#")]
        found = dict(reversed([line.split(" ", 1) for line in lines if " " in line]))
        if "id" in found:
            yield found


def rows(file):
    """Lines of `a | b | c`."""
    for line in (DATA / file).read_text().splitlines():
        if line and not line.startswith("#"):
            yield [field.strip() for field in line.split("|")]


def plain_commands():
    """What real clients said below their protection: name of the session, number, octets."""
    session, number = "", 0
    for line in (DATA / "host_operations.txt").read_text().splitlines():
        if line.startswith("session "):
            session, number = line.split()[1], 0
        elif line.startswith("= "):
            number += 1
            yield session, number, octets(line[2:])


def framed(*parts):
    """Commands or answers in a row, each with its length in front."""
    out = b""
    for part in parts:
        while len(part) >= 255:
            out, part = out + b"\xff" + part[:255], part[255:]
        out += bytes([len(part)]) + part
    return out


def body(command):
    """INS, P1, P2 and data; the table has no lengths."""
    return command[1], command[2], command[3], command[4:]


def short(command):
    """The command with Lc and Le."""
    return command[:4] + (bytes([len(command) - 4]) if len(command) > 4 else b"") + command[4:] + b"\0"


def objects():
    for choice, file, field in [
        (1, "key_info_E0.txt", "data"),
        (2, "card_data_66.txt", "data"),
        (3, "card_capability_67.txt", "data"),
        (5, "cplc_9F7F.txt", "data"),
        (6, "resources_FF21.txt", "data"),
    ]:
        for record in records(file):
            seed("objects", record["id"], bytes([choice]) + octets(record[field]))
            if file == "cplc_9F7F.txt":
                seed("objects", record["id"] + "-value", bytes([choice]) + octets(record[field])[3:])
    for record in records("select_fci.txt"):
        seed("objects", record["id"], b"\x04" + octets(record["response"])[:-2])
    for row in rows("commands_receipts.txt"):
        seed("objects", row[0], b"\x09" + octets(row[-1]))
        answer = octets(row[-1])
        seed("objects", row[0] + "-details", b"\x0a" + answer[2 + answer[1] :])
    entries = [record for record in records("get_status.txt") if "data" in record]
    for record in entries[:4]:
        listing = octets(record["data"])
        seed("objects", record["id"] + "-entry", b"\x00" + listing[2 : 2 + listing[1]])
    seed("objects", "applications", b"\x07" + octets("61094F07A0000001515350" "61094F07D2760000010001"))
    seed("objects", "counter-of-three-octets", b"\x08" + octets("C10300002A"))
    seed("objects", "counter-of-two-octets", b"\x08" + octets("C2020007"))
    seed("objects", "security-level", b"\x08" + octets("D30133"))
    seed("objects", "initialize-update-32", b"\x0b" + octets("00010203040506070809" "300370" + "C7" * 8 + "5A" * 8 + "00002A"))
    seed("objects", "initialize-update-45", b"\x0b" + octets("00010203040506070809" "300361" + "C7" * 16 + "5A" * 16))


def listings():
    for record in records("get_status.txt"):
        data = octets(record["data"]) if "data" in record else octets(record["response"])[:-2]
        seed("listing", record["id"], b"\x00\x05" + data)
    for record in records("get_status_legacy.txt"):
        with_modules = record["command"][4:6] == "10"
        seed("listing", record["id"], bytes([3 if with_modules else 1, 5]) + octets(record["response"]))


def bodies():
    seen = set()
    for session, number, command in plain_commands():
        ins, p1, p2, data = body(command)
        key = (ins, p1, p2, len(data))
        if key in seen:
            continue
        seen.add(key)
        name = f"{session}-{number}"
        if ins == 0xE6:
            seed("install", name, bytes([p1 & 0x7F, p2]) + data)
        elif ins == 0xD8:
            seed("put_key", name, bytes([p1 & 0x7F, p2]) + data)
        elif ins == 0xE8:
            seed("bodies", name, bytes([ins, p1, p2]) + data[:40])
            if p2 == 0:
                seed("load_file", name, b"\x03" + data)
        elif ins in (0xE2, 0xE4, 0xF0, 0xF2, 0x70):
            seed("bodies", name, bytes([ins, p1, p2]) + data)
            if ins == 0xE2:
                seed("store_data", name, bytes([1 if p1 & 0x18 == 0x10 else 0, 7]) + data)
                seed("dgi", name, data)
    for row in rows("commands_bodies.txt"):
        if row[0].startswith("sd-keys"):
            seed("store_data", row[0], b"\x00\x09" + octets(row[-1]))
            seed("dgi", row[0], octets(row[-1]))
        elif row[0].startswith("tok-extradition"):
            data = octets(row[-1])
            seed("install", row[0], data[:2] + data[3:] + b"\x00")
    aid = octets("05D276000001")
    for name, p1, p2, fields in [
        ("for-load-with-hash", 2, 0, aid + aid + b"\x20" + b"\x5a" * 32 + octets("0AEF08C6020100C8020080") + b"\0"),
        ("for-install", 4, 0, aid + aid + aid + octets("0100 02C900 00")),
        ("selectable-with-everything", 0x0C, 0, aid + aid + aid + octets("0380C000 18 C9022211 EF12 C7020100C8020200CF0141CF0182D9010F 10") + b"\x77" * 16),
        ("make-selectable", 8, 0, octets("0000") + aid + octets("0104 05EF03CF0180 00")),
        ("extradition", 0x10, 0, aid + b"\0" + aid + octets("000000")),
        ("registry-update", 0x40, 0, aid + b"\0" + aid + octets("03120200 05EF03D90101 00")),
        ("personalization", 0x20, 0, octets("0000") + aid + octets("000000")),
        ("combined-first", 0x0E, 1, aid + aid + octets("000000")),
        ("combined-last", 0x0E, 3, b"\0" + aid + aid + octets("0100 02C900 00")),
        ("domain-parameters", 0x0C, 0, aid + aid + aid + octets("0380C000 11 C90F 8102 0370 820120 830180 870120 860130 00")),
    ]:
        seed("install", name, bytes([p1, p2]) + fields)
    for row in rows("commands_put_key.txt"):
        if row[0].endswith("-256-256") or row[0].endswith("-128-128") or row[0].endswith("-128-192"):
            seed("put_key", row[0], b"\x00\x01\x31" + octets(row[-1]))
    key = octets("8810") + b"\x77" * 16 + octets("03AABBCC")
    seed("put_key", "three-keys", b"\x30\x81\x31" + key * 3)
    seed("put_key", "extended-type", octets("0001 31 FF88 0010") + b"\x77" * 16 + octets("03AABBCC 0218 00 0101"))
    seed("put_key", "rsa-public", octets("0001 71 A180") + b"\x91" * 128 + octets("A003 010001 00"))
    for name, command in [
        ("delete-with-token", "E40000 4F05D276000001 B6084203112233 9301AA 9E10" + "5E" * 16),
        ("delete-keys", "E40000 D00101D20130"),
        ("get-status-tags", "F24002 4F00 5C074F9F70C5CFC4CC"),
        ("get-status-legacy", "F21000 4F00"),
        ("set-status-tree", "F06080 D276000001"),
        ("set-status-card", "F0807F"),
        ("manage-channel-open", "700000 01"),
        ("manage-channel-close", "708003"),
        ("store-data-last", "E29000 4203112233"),
    ]:
        seed("bodies", name, octets(command))
    for name, file in [
        ("plain", "C4820010" + "C4" * 16),
        ("with-dap", "E217 4F05D276000001 C30E" + "D5" * 14 + "C405" + "C4" * 5),
        ("ciphered", "D308" + "1C" * 8 + "D410" + "D4" * 16),
        ("length-84", "C48400000003112233"),
        ("behind-the-end", "C40111 00"),
    ]:
        seed("load_file", name, b"\x02" + octets(file))
    seed("store_data", "objects", b"\x01\x03" + octets("4205112233445545021122" "7F21 8180" + "21" * 128))
    seed("store_data", "groupings", b"\x00\x03" + octets("0070064504000102038113105A" + "5A" * 15))
    seed("dgi", "length-ff", octets("8113 FF0003 112233 0070 00"))
    seed("dgi", "truncated", octets("00B9 05 112233"))


def cap():
    def component(tag, info):
        return bytes([tag]) + len(info).to_bytes(2) + info

    package, applet = octets("07D276000001000A"), octets("08D276000001000A01")
    parts = {
        "Header": component(1, octets("DECAFFED0102040001") + package),
        "Directory": component(2, b"\x22" * 31),
        "Applet": component(3, b"\x01" + applet + b"\x00\x10"),
        "Import": component(4, b"\0"),
        "ConstantPool": component(5, b"\0\0"),
        "Class": component(6, b""),
        "Method": component(7, b"\x77" * 20),
        "StaticField": component(8, b"\0" * 10),
        "RefLocation": component(9, b"\0\0\0\0"),
        "Export": component(10, b"\0"),
        "Descriptor": component(11, b"\0"),
    }
    joined = b"".join(parts.values())
    seed("cap", "joined", b"\x01" + joined)
    seed("cap", "joined-without-options", b"\x01" + b"".join(v for k, v in parts.items() if k not in ("Applet", "Export")))
    seed("cap", "components", b"\x02" + b"\xa5".join(parts.values()))
    for name, compression in [("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)]:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", compression) as archive:
            for part, data in parts.items():
                info = zipfile.ZipInfo(f"a/javacard/{part}.cap", (2026, 1, 1, 0, 0, 0))
                info.compress_type = compression
                archive.writestr(info, data)
        seed("cap", f"zip-{name}", b"\x00" + file.getvalue())


def conversations():
    sessions = {}
    for session, _, command in plain_commands():
        sessions.setdefault(session, []).append(command)
    for session, commands in sessions.items():
        said = framed(*[short(command) for command in commands[:24] if len(command) < 260])
        if len(said) < 2500:
            seed("card", session, b"\x04" + said)
            seed("card", session + "-with-content", b"\x05" + said)
    select = octets("00A4040000")
    for name, choice, commands in [
        ("selections", 1, ["00A4040007D2760000010001", "00A4040007D2760000020AA0", "00A4040207D276000001AA01", "00A4040000"]),
        ("channels", 5, ["0070000001", "01A4040007D276000001AA01", "0110000003112233", "0070800100", "8070000001"]),
        ("session-of-a-stranger", 0, ["8050000008111111111111111100", "8482010010" + "33" * 16, "80F28002024F0000"]),
        ("initialize-update-s16", 2, ["8050300010" + "22" * 16 + "00", "8482330020" + "44" * 32]),
        ("two-channels", 13, ["80F24002024F0000", "81F24002024F0000", "81E400000B4F07D276000001AA0100AA00"]),
        ("life-cycle", 4, ["80F0807F00", "80F28002024F0000", "80F0800F00", "80CA00C100"]),
        ("extended-length", 5, ["80F240020000024F000000", "80CA00E000"]),
        ("chained", 4, ["90CA006601AA", "80E68400" + "05AABBCCDDEE", "80E60400" + "0100"]),
        ("delete-all", 5, ["80E40000094F07D276000001AA01", "80E40080084F06D27600000100", "80E40000094F07D276000002AA01"]),
    ]:
        seed("card", name, bytes([choice]) + framed(*[octets(command) for command in commands]))
    seed("card", "reset", b"\x05" + framed(select, b"", octets("80F28002024F0000")))
    challenge = octets("8050000008111111111111111100")
    for i in (0x00, 0x10, 0x60, 0x70):
        seed("responder", f"session-of-a-stranger-{i:02x}", bytes([i]) + framed(challenge, octets("8482010010" + "33" * 16), octets("80F28002024F0000")))
    seed("responder", "s16", b"\x71" + framed(octets("8050300010" + "22" * 16 + "00"), octets("8482330020" + "44" * 32)))
    seed("responder", "r-mac-without-a-session", b"\x70" + framed(octets("807A100103020102"), octets("8078000300"), challenge, challenge))
    info = "000102030405060708093003707900B3B86440FEA539607FF97472668B000000"
    fci = next(records("select_fci.txt"))["response"]
    listing = next(record for record in records("get_status.txt") if "data" in record)["data"]
    for name, first, plan, answers in [
        ("wrong-cryptogram", 0x05, 2, [info + "9000"]),
        ("s16-card", 0x05, 2, ["6700"]),
        ("locked", 0x05, 2, ["6983"]),
        ("discovery", 0x00, 1, [fci, "9F7F2A" + "47" * 42 + "9000", "6A88", "6A88", "6A88", "6A88", "6A88"]),
        ("listing", 0x00, 4, [listing + "6310", listing + "9000"]),
        ("parts", 0x00, 6, ["E012C00401308810C0040230881061" + "08", "C004033088109000"]),
        ("false-answers-in-a-session", 0x84, 6, ["9000", "6A88", "112233445566778899AABB9000", "6310"]),
        ("wrong-le", 0x00, 0, ["6C10", fci]),
        ("silence", 0x80, 9, []),
    ]:
        data = bytes([first, plan]) + framed(*[octets(answer) for answer in answers])
        seed("host_handshake", name, data)


def differential():
    for record in records("get_status.txt"):
        if "data" in record:
            listing = octets(record["data"])
            seed("tlv_differential", record["id"], listing[: 2 + listing[1]] if listing[1] < 0x80 else listing)
    for file in ("card_data_66.txt", "key_info_E0.txt", "card_capability_67.txt"):
        for record in list(records(file))[:3]:
            seed("tlv_differential", record["id"], octets(record["data"]))
    seed("tlv_differential", "length-82", b"\x30\x82\x01\x04\x04\x82\x01\x00" + b"\x55" * 256)
    seed("tlv_differential", "length-127-miscounted", octets("E08181 01817F") + b"\x7f" * 127)
    seed("tlv_differential", "length-not-minimal", octets("3005 0481021122"))
    seed("tlv_differential", "tag-second-octet-80", octets("9F800101AA"))


for write in (objects, listings, bodies, cap, conversations, differential):
    write()
sizes = {folder.name: sum(file.stat().st_size for file in folder.iterdir()) for folder in CORPUS.iterdir()}
print(", ".join(f"{name} {size}" for name, size in sorted(sizes.items())), "total", sum(sizes.values()))
