"""Text that may not be in the repository: unfinished marks, ignored tests, paths of one machine, registry hosts.
And what the documents name has to exist: files behind links, tests written as `path.rs::name`.

The patterns are written so that they do not match themselves.
"""

import pathlib
import re
import subprocess
import sys

EVERYWHERE = [
    ("unfinished code", r"\b(?:todo|unimplemented|dbg)!\s*[(\[{]"),
    ("unfinished mark", r"\b(?:T[O]DO|F[I]XME|X[X]X)\b"),
    ("path of one machine", r"(?<![\w.])/(?:work|root|home)/"),
    ("registry host", r"\b(?:(?:static|index)\.)?crates\.io\b(?!-index)|\bpypi\.org|\bnpmjs\.(?:com|org)|\bdeb\.debian\.org"),
]
IN_RUST = [
    ("ignored test", r"#\[\s*ignore\b|^\s*//[/!]\s*```.*\bignore\b"),
    # Of items, not in comments.
    ("name that says nothing", r"(?i)^(?!\s*//).*?\b(?:fn|mod|struct|enum|trait)\s+(?:\w*helper\w*|utils?|session_?manager)\b"),
]
SKIP = {"Cargo.lock"}
# Data: seeds, recordings and vectors are octets of somebody else.
DATA = {".json", ".jsonl", ".bin", ".cap"}

faults = 0
files = 0


def listed():
    """Tracked files and new ones that are not ignored; without git, whatever is outside target folders."""
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    if done.returncode == 0:
        return [pathlib.Path(line) for line in done.stdout.splitlines()]
    return [p for p in pathlib.Path(".").rglob("*") if not {"target", ".git"} & set(p.parts)]


# Bodies of tests that a macro makes, one for each table.
BODIES = {("gp-scp03/tests/vectors.rs", "check_sessions")}

# A function of this name with `#[test]` among the attributes above it.
A_TEST = r"^[ \t]*(?:#\[[^\n]*\]\n[ \t]*)*#\[test\]\n[ \t]*(?:#\[[^\n]*\]\n[ \t]*)*fn NAME\b"


def unknown_names(path, line):
    for target in re.findall(r"\]\(([^)#\s]+)", line):
        if not re.match(r"[a-z]+:", target) and not (path.parent / target).exists():
            yield f"no such file: {target}"
    for file, name in re.findall(r"`([\w./-]+\.rs)::(\w+)`", line):
        if (file, name) in BODIES:
            continue
        source = pathlib.Path(file)
        found = source.is_file() and re.search(A_TEST.replace("NAME", name), source.read_text(), re.M)
        if not found or re.search(r"ignore|any\(\)", found.group().rsplit("fn ", 1)[0]):
            yield f"no such test: {file}::{name}"


def unanswered(lines):
    """Rows of tables whose last column is "test" name what shows them, or say that nothing counters the threat."""
    asked = False
    for number, line in enumerate(lines, 1):
        last = line.strip().strip("|").split("|")[-1].strip()
        if not line.startswith("|"):
            asked = False
        elif last == "test":
            asked = True
        elif asked and set(last) != {"-"} and not re.search(r"\.rs::\w|\]\(|^not countered", last):
            yield number


for path in sorted(set(listed())):
    if path.name in SKIP or path.suffix in DATA or "corpus" in path.parts or not path.is_file():
        continue
    if path.suffix == ".rs" and path.name == "mod.rs":
        print(f"{path}: mod.rs", file=sys.stderr)
        faults += 1
    try:
        lines = path.read_text().splitlines()
    except UnicodeDecodeError:
        continue
    files += 1
    for number in unanswered(lines) if path.suffix == ".md" else []:
        print(f"{path}:{number}: a row without a test", file=sys.stderr)
        faults += 1
    for number, line in enumerate(lines, 1):
        for what in unknown_names(path, line) if path.suffix == ".md" else []:
            print(f"{path}:{number}: {what}", file=sys.stderr)
            faults += 1
        for what, pattern in EVERYWHERE + (IN_RUST if path.suffix == ".rs" else []):
            if found := re.search(pattern, line):
                print(f"{path}:{number}: {what}: {found.group().strip()}", file=sys.stderr)
                faults += 1

print(f"{files} files read, {faults} faults")
sys.exit(1 if faults or not files else 0)
