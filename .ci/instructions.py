"""Instruction counts of benches' workloads under callgrind, against the committed ones.

count WORKLOAD-BINARY [--write]

A count is that of one iteration: the difference between a run of few and a run of many. It is exact for one compiler, so
the file names the compiler: with another the counts are shown and nothing fails.
"""

import pathlib
import re
import subprocess
import sys

FILE = pathlib.Path("benches/instructions.txt")
# Workload, and how many iterations tell enough.
WORKLOADS = [("tlv-walk", 100), ("apdu-parse", 100), ("apdu-emit", 100), ("kdf-key", 20), ("wrap-16", 20), ("wrap-239", 20),
             ("unwrap-239", 20), ("establish-script", 20)]
TOLERANCE = 0.02


def executed(binary, name, times):
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", binary, name, str(times)],
                          capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"{name}: {done.stderr.strip()}")
    return int(found.group(1))


binary = sys.argv[1]
compiler = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()
counted = {name: (executed(binary, name, 2 * times) - executed(binary, name, times)) / times for name, times in WORKLOADS}
if "--write" in sys.argv:
    lines = [f"{name} {count:.0f}" for name, count in counted.items()]
    FILE.write_text("\n".join([f"# {compiler}, x86-64, software AES; one iteration each", *lines, ""]))
    sys.exit()
text = FILE.read_text()
committed = dict(re.findall(r"^([\w-]+) (\d+)$", text, re.M))
same = f"# {compiler}," in text
faults = 0
for name, count in counted.items():
    expected = int(committed.get(name, 0))
    change = count / expected - 1 if expected else 1.0
    bad = change > TOLERANCE
    faults += bad
    print(f"{name:<20} {count:>10.0f}  committed {expected:>10}  {change:+7.2%}{'  MORE' if bad else ''}")
if not same:
    print(f"counted with {compiler}, committed with another compiler: shown, not judged")
sys.exit(1 if faults and same else 0)
