"""coverage.py REPORT (LCOV JSON)...: a table per crate from pairs of exports of llvm-cov, and the lines that no test runs.

A generic function is there once per set of types, and once more where a crate does not use it. llvm-cov's own summary
takes the best of them; here a line or region counts as run if any of them ran it.
"""

import collections
import json
import pathlib
import re
import sys

CRATES = ["gp-tlv", "gp-apdu", "gp-scp03", "gp-cardmanager-model", "gp-ffi"]
ROOT = pathlib.Path.cwd()


def place(name):
    """The path inside the workspace of a source file of a crate, or None for tests and for what is not ours."""
    path = pathlib.Path(name)
    if path.is_absolute():
        if not path.is_relative_to(ROOT):
            return None
        path = path.relative_to(ROOT)
    parts = path.parts
    if len(parts) < 3 or parts[0] not in CRATES or parts[1] != "src":
        return None
    return None if {"tests", "tests.rs"} & set(parts) else path


def end_of_code(path):
    """The line of the inline test module, which is the last item of its file; behind the last line without one."""
    lines = (ROOT / path).read_text().splitlines()
    for number, line in enumerate(lines, 1):
        if line == "#[cfg(test)]" and re.match(r"mod \w+ \{", lines[number] if number < len(lines) else ""):
            return number
    return len(lines) + 1


ends = {}


def in_code(path, line):
    if path not in ends:
        ends[path] = end_of_code(path)
    return line < ends[path]


lines = collections.defaultdict(dict)
regions = collections.defaultdict(dict)


def add_lines(export):
    path = None
    for record in export.read_text().splitlines():
        if record.startswith("SF:"):
            path = place(record[3:])
        elif path and record.startswith("DA:"):
            number, count = map(int, record[3:].split(",")[:2])
            if in_code(path, number):
                lines[path][number] = max(count, lines[path].get(number, 0))


def add_regions(export):
    for function in (function for data in json.loads(export.read_text())["data"] for function in data["functions"]):
        places = [place(name) for name in function["filenames"]]
        for first, column, last, end, count, file, _, kind in function["regions"]:
            path = places[file]
            # Kind 0 is code; others are gaps and macros.
            if kind == 0 and path and in_code(path, first):
                span = (first, column, last, end)
                regions[path][span] = max(count, regions[path].get(span, 0))


for lcov, detail in zip(sys.argv[2::2], sys.argv[3::2], strict=True):
    add_lines(pathlib.Path(lcov))
    add_regions(pathlib.Path(detail))

print("| crate | lines | of | % | regions | of | % |")
print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
for crate in CRATES:
    row = [crate]
    for table in (lines, regions):
        counts = [count for path in table if path.parts[0] == crate for count in table[path].values()]
        run = sum(1 for count in counts if count)
        row += [str(run), str(len(counts)), f"{100 * run / len(counts):.2f}"]
    print(f"| {' | '.join(row)} |")

with open(sys.argv[1], "w") as report:
    for path in sorted(lines):
        text = (ROOT / path).read_text().splitlines()
        missed = sorted(number for number, count in lines[path].items() if not count)
        for number in missed:
            print(f"{path}:{number}: {text[number - 1].strip()}", file=report)
        for first, column, last, end in sorted(span for span, count in regions[path].items() if not count):
            if first not in missed:
                part = text[first - 1][column - 1 : end - 1 if first == last else None]
                print(f"{path}:{first}: only `{part.strip()}`", file=report)
