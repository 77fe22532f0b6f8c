"""Real PC/SC clients and the virtual card: pcscd and vpcd from Debian, our card behind them, other people's programs in front.

Usage: run.py FOLDER_OF_PROGRAMS PYTHON_WITH_YUBIKEY_MANAGER WORK_FOLDER

Each scenario starts a card of its own, runs a client against it, and checks what came out. pcscd is started with a
configuration that has the virtual reader alone, and ended afterwards.
"""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

PROGRAMS, PYTHON, WORK = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
HERE = pathlib.Path(__file__).parent
PORT = 35963
# vpcd has two slots; ours is the first.
READER = "Virtual PCD 00 00"
KEYS = {bits: bytes(range(0x10, 0x10 + bits // 8)).hex() for bits in (128, 192, 256)}
done = []


def wait_for(what, condition):
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    sys.exit(f"waited 10 seconds for {what}")


def listening(port):
    wanted = f":{port:04X}"
    return any(
        line.split()[1].endswith(wanted) and line.split()[3] == "0A"
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if os.path.exists(table)
        for line in open(table).readlines()[1:]
    )


@contextlib.contextmanager
def running(*command, log):
    """A program of ours for a while."""
    with open(log, "ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@contextlib.contextmanager
def smart_card_service():
    configuration = WORK / "reader.conf.d"
    configuration.mkdir(parents=True, exist_ok=True)
    text = pathlib.Path("/etc/reader.conf.d/vpcd").read_text()
    driver = re.search(r"^LIBPATH\s+(\S+)", text, re.M).group(1)
    (configuration / "vpcd").write_text(
        f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:0x{PORT:X}\nLIBPATH {driver}\nCHANNELID 0x{PORT:X}\n'
    )
    if listening(PORT):
        sys.exit(f"something listens on port {PORT} already: is pcscd running?")
    with running("pcscd", "--foreground", "--config", configuration, log=WORK / "pcscd.log") as service:
        wait_for("vpcd", lambda: listening(PORT) or service.poll() is not None)
        if service.poll() is not None:
            sys.exit("pcscd does not run:\n" + (WORK / "pcscd.log").read_text())
        yield


@contextlib.contextmanager
def card(*options, scenario, client):
    transcript = WORK / f"{client}.jsonl"
    recorded = ("--transcript", transcript, "--client", client, "--scenario", scenario)
    with running(f"{PROGRAMS}/virtual-card", "--port", str(PORT), *options, *recorded, log=WORK / "card.log") as process:
        present = re.compile(rf"Yes.*{READER}")
        wait_for("the card", lambda: process.poll() is None and present.search(output("opensc-tool", "--list-readers")))
        yield
        if process.poll() is not None:
            sys.exit("the card has stopped:\n" + (WORK / "card.log").read_text())
    line = transcript.read_text().splitlines()[-1]
    exchanges = [exchange for exchange in json.loads(line)["exchanges"] if "c" in exchange]
    assert exchanges, "nothing was recorded"
    done.append((client, scenario, len(exchanges)))
    # The reader has to notice that the card is gone before the next one comes.
    wait_for("an empty reader", lambda: not present.search(output("opensc-tool", "--list-readers")))


def output(*command, status=0):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=120)
    text = result.stdout.decode(errors="replace")
    if result.returncode != status:
        sys.exit(f"{' '.join(map(str, command))}: status {result.returncode}\n{text}")
    return text


def opensc(*commands):
    """Sends commands in one connection, yields the answers with status word, in hexadecimal."""
    arguments = [word for command in commands for word in ("--send-apdu", command)]
    answers = []
    for line in output("opensc-tool", "--reader", READER, *arguments).splitlines():
        if found := re.match(r"Received \(SW1=0x(..), SW2=0x(..)\)", line):
            answers.append(["", "".join(found.groups())])
        elif answers and (found := re.match(r"((?:[0-9A-F]{2} ){1,16})", line + " ")) and not line.startswith("Sending"):
            answers[-1][0] += found.group(1).replace(" ", "")
    assert len(answers) == len(commands), answers
    return [data + status for data, status in answers]


def raw_commands():
    with card("--preload", "2", scenario="raw", client="opensc"):
        expected = {
            "00A4040000": "6F.*8408A000000151000000.*9F6501FF9000",
            "00A4040008A00000015100000000": "6F.*9000",
            "80CA006600": "6631732F.*9000",
            "00CA006600": "732F.*9000",
            "80CA00E000": "E012(C004..308810){3}9000",
            "80CA9F7F00": "9F7F2A.*9000",
            "80CA00C100": "C1030000009000",
            "00CB2F00025C0000": "610A4F08A000000151000000.*9000",
            "80CA123400": "6A88",
            "80F28002024F0000": "6982",
            "80E40000074F05A000000151": "6982",
            "00A40400051122334455": "6A82",
            "8050310008000102030405060700": "6A88",
            "80FE000000": "6D00",
            # A logical channel, another selection on it, and its end.
            "0070000001": "019000",
            "01A4040008F000000001000001": "6F.*9000",
            "8102030403AABBCC00": "AABBCC9000",
            "80CA006600 ": "6631732F.*9000",
            "00708001": "9000",
            "81CA006600": "6881",
        }
        for (command, pattern), answer in zip(expected.items(), opensc(*map(str.strip, expected)), strict=True):
            assert re.fullmatch(pattern, answer), f"{command}: {answer}, not {pattern}"


def yubikit():
    # Its listings come in extended answers; with a limit, in pages.
    for i, preload, limit in (("70", 0, 255), ("60", 12, 65535), ("70", 12, 239)):
        options = ("--i", i, "--preload", str(preload), "--status-limit", str(limit), "--key", KEYS[128])
        with card(*options, scenario=f"i{i} limit {limit}", client="yubikit"):
            print(output(PYTHON, HERE / "yubikit_session.py", READER, *[KEYS[128]] * 3), end="")


def state_survives():
    """Power cycles (each opensc-tool connects anew) and a new start of the program."""
    store = WORK / "store"
    for file in (store, store.with_suffix(".applets")):
        file.unlink(missing_ok=True)
    update = "8050300008000102030405060700"
    counters = []
    for _ in range(2):
        with card("--store", store, scenario="store", client="opensc"):
            counters += [int(answer[58:64], 16) for _ in range(2) for answer in opensc("00A4040000", update)[1:]]
    assert counters == [1, 2, 3, 4], counters


def manage_card():
    """Our own host program, over PC/SC: every level, key size and mode, and everything that it does."""
    components = WORK / "components"
    package, module = bytes.fromhex("F047502D41505053"), bytes.fromhex("F047502D44415441")
    header = bytes.fromhex("DECAFFED01020400 01") + bytes([len(package)]) + package
    applets = bytes([1, len(module)]) + module + bytes(2)
    # A package without code: the other components that there have to be are empty.
    parts = ((1, header), (2, b""), (4, b""), (3, applets), *((tag, b"") for tag in (6, 7, 8, 5, 9)))
    components.write_bytes(b"".join(bytes([tag, 0, len(body)]) + body for tag, body in parts))
    for mode, i in (("s8", "70"), ("s8", "60"), ("s16", "71")):
        for bits, key in KEYS.items():
            options = ("--i", i, "--key", key, "--preload", "3", "--status-limit", "100")
            with card(*options, scenario=f"{mode} {bits} {i}", client="manage-card"):

                def manage(*words, key=key, level="33", status=0):
                    connection = ("--reader", READER, "--mode", mode, "--level", level, "--key", key)
                    return output(f"{PROGRAMS}/manage-card", *words, *connection, status=status)

                for level in ("00", "01", "03", "11", "13", "33"):
                    listed = manage("list", level=level)
                    assert len(set(re.findall("F0000000010000..01", listed))) == 3, listed
                # A life, each half of it at another level.
                for level in ("01", "33"):
                    manage("info", level=level)
                    manage("load", components, "--hash", "sha256", level=level)
                    manage("install", package.hex(), module.hex(), level=level)
                    assert module.hex().upper() in manage("list", level=level)
                    manage("store-data", "9F010155", "--to", module.hex(), level=level)
                    assert "55" in manage("apdu", "00A4040008" + module.hex(), "80CA9F0100", "--plain")
                    manage("lock", module.hex(), level=level)
                    assert "6A82" in manage("apdu", "00A4040008" + module.hex(), "--plain", status=1)
                    manage("unlock", module.hex(), level=level)
                    manage("delete", package.hex(), level=level, status=1)
                    manage("delete", package.hex(), "--related", level=level)
                    assert module.hex().upper() not in manage("list", level=level)
                other = "5A" * (bits // 8)
                manage("put-keys", "--new-key", other, "--new-version", "31")
                manage("list", "--kvn", "31", key=other)
                manage("delete", "--version", "31")
                manage("rotate-keys", "--new-key", other, "--new-version", "32", "--kvn", "30", "--delete-old")
                manage("list", status=3)
                manage("lock", "card", key=other)
                manage("unlock", "card", key=other)
                assert "SECURED" in manage("list", key=other)


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    for file in WORK.glob("*.jsonl"):
        file.unlink()
    with smart_card_service():
        for scenario in (raw_commands, yubikit, state_survives, manage_card):
            scenario()
    for client, scenario, exchanges in done:
        print(f"clients: {client:12} {scenario:15} {exchanges:5} exchanges")
    print(f"clients: {len(done)} cards, {sum(exchanges for *_, exchanges in done)} exchanges")


main()
