"""What host and card cost on a microcontroller: measured in the programs of examples/bare-metal, compared with what is
committed, and shown as the table of the README.

sizes.py measure FOLDER   compares examples/bare-metal/sizes.txt with the programs built in FOLDER/all and FOLDER/aes-128;
                          fails when a figure is more than 2 % above the committed one, or a program can panic
sizes.py write FOLDER     writes what was measured to sizes.txt
sizes.py panics PROGRAM   fails when this linked program can panic
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
COMMITTED = ROOT / "examples/bare-metal/sizes.txt"
TOOLS = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "gp-cross/bin"
# Rust's panic machinery and what only it uses. The handler itself, `rust_begin_unwind`, is the program's own.
PANICS = ("core::panicking", "core::fmt", "len_mismatch_fail", "core::option::unwrap_failed", "core::option::expect_failed",
          "core::result::unwrap_failed", "core::slice::index", "core::cell::panic", "panic_fmt", "panic_bounds_check")
# Two loops of `aes` over its own key schedule keep a bounds check where more than one key length shares them. Their
# indices follow from the key length alone, no octet of a key or a message takes part, so one expansion of each length shows
# for all of them that the checks hold; the gate `bare-metal` expands each. Nothing else may reach a panic.
HARMLESS = ("aes::backends::soft::fixslice::utils::memshift32", "aes::backends::soft::fixslice::utils::xor_columns")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True)


def flash(program):
    """Octets that the program takes in flash: code, constants, and the values of variables."""
    text, data = run(TOOLS / "llvm-size", program).stdout.splitlines()[1].split()[:2]
    return int(text) + int(data)


def symbols(program):
    for line in run(TOOLS / "llvm-nm", "--print-size", "-C", program).stdout.splitlines():
        fields = line.split(None, 3)
        if len(fields) == 4 and fields[2] in "tTrRdD":
            yield int(fields[1], 16), fields[3]


def measure(folder):
    figures = {}
    for name in ("aes-128", "all"):
        programs = folder / name
        empty = flash(programs / "empty")
        for what in ("channel", "card"):
            if (programs / what).exists():
                figures[f"{name}.flash_{what}"] = flash(programs / what) - empty
        figures[f"{name}.flash_channel_aes"] = sum(size for size, symbol in symbols(programs / "channel") if "aes::" in symbol)
        emulated = subprocess.run([ROOT / ".ci/cross/emulate", programs / "measure", "-icount", "shift=0"],
                                  capture_output=True, text=True, env={**os.environ, "QEMU_MACHINE": "mps2-an386"},
                                  check=False)
        if emulated.returncode != 0:
            sys.exit(f"{name}: the measuring program failed: {emulated.stderr}")
        for line in emulated.stderr.splitlines():
            key, value = line.split()
            figures[f"{name}.{key}"] = int(value)
    return figures


def is_panic(symbol):
    return any(part in symbol for part in PANICS)


def panics(program):
    """The symbols of the panic machinery in a program, and who calls them other than that machinery and the harmless."""
    found = {symbol for _, symbol in symbols(program) if is_panic(symbol)}
    callers, harmless, where = set(), set(), ""
    for line in run(TOOLS / "llvm-objdump", "-d", "-C", "--no-show-raw-insn", program).stdout.splitlines() if found else ():
        head = re.match(r"[0-9a-f]+ <(.*)>:$", line)
        if head:
            where = head[1].removeprefix("<")
        elif not is_panic(where) and any(symbol in line for symbol in found):
            (harmless if where.startswith(HARMLESS) else callers).add(where)
    # Panic code that nobody is seen to call is called in a way that is not seen.
    return sorted(callers) if callers or harmless or not found else sorted(found)


def show_panics(name, program):
    callers = panics(program)
    print(f"{name}: {'can panic in' if callers else 'cannot panic'}", *callers, sep="\n    " if callers else "")
    return bool(callers)


def main():
    action, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    if action == "panics":
        sys.exit(show_panics(folder.name, folder))
    figures = measure(folder)
    if action == "write":
        COMMITTED.write_text("# Measured by .ci/run sizes; see README.md. Octets, but for the counts of instructions.\n"
                             + "".join(f"{key} {value}\n" for key, value in figures.items()))
        return
    committed = dict(line.split() for line in COMMITTED.read_text().splitlines() if not line.startswith("#"))
    worse = 0
    for key, value in figures.items():
        limit = int(committed.get(key, 0))
        mark = ""
        if value * 100 > limit * 102:
            mark, worse = f"  more than 2 % above {limit}", worse + 1
        print(f"{key:40} {value:8}{mark}")
    missing = set(committed) - set(figures)
    if missing:
        print("not measured:", ", ".join(sorted(missing)))
    bad = [show_panics(f"{name}.{what}", folder / name / what) for name in ("aes-128", "all") for what in ("channel", "card")]
    sys.exit(1 if worse or missing or any(bad) else 0)


if __name__ == "__main__":
    main()
