"""What host and card cost on a microcontroller: measured in the programs of examples/bare-metal, compared with what is
committed, and shown as the table of the README.

sizes.py measure FOLDER   compares examples/bare-metal/sizes.txt with the programs built in FOLDER/all and FOLDER/aes-128;
                          fails when a figure is more than 2 % above the committed one
sizes.py write FOLDER     writes what was measured to sizes.txt
"""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
COMMITTED = ROOT / "examples/bare-metal/sizes.txt"
TOOLS = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "gp-cross/bin"
# Rust's panic machinery; `panic_const` and the like are parts of it.
PANICS = ("core::panicking", "core::fmt", "rust_begin_unwind", "len_mismatch_fail", "core::option::unwrap_failed",
          "core::result::unwrap_failed", "core::slice::index")


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


def panics(folder):
    found = {}
    for name in ("aes-128", "all"):
        for what in ("channel", "card"):
            if (folder / name / what).exists():
                hits = sorted({s for _, s in symbols(folder / name / what) if any(panic in s for panic in PANICS)})
                found[f"{name}.{what}"] = hits
    return found


def main():
    action, folder = sys.argv[1], pathlib.Path(sys.argv[2])
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
    for program, hits in panics(folder).items():
        print(f"panic symbols in {program}: {len(hits)}", *hits[:8], sep="\n    " if hits else "")
    sys.exit(1 if worse or missing else 0)


if __name__ == "__main__":
    main()
