#!/usr/bin/env bash
# header.sh CBINDGEN: the C header of gp-ffi, as the sources describe it, on standard output. Rust's sections about
# `unsafe` are left out: the header has rules of its own, at its beginning.
set -euo pipefail
cbindgen=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../gp-ffi"
made=$(mktemp)
trap 'rm -f "$made"' EXIT
"$cbindgen" --quiet --config cbindgen.toml --crate gp-ffi --output "$made"
python3 - "$made" <<'END'
import re
import sys

text = open(sys.argv[1]).read()
text = re.sub(r"\n\n # Safety\n See the rules of the header(?:: ([^\n]*))?\.?\n",
              lambda m: "\n\n Rule: " + m[1] + "\n" if m[1] else "\n", text)
text = re.sub(r"/\*\n (\S[^\n]*)\n \*/", r"/* \1 */", text)
text = re.sub(r"/\*\n( +) (\S[^\n]*)\n +\*/", r"/* \2 */", text)
sys.stdout.write(re.sub(r"\n{3,}", "\n\n", text))
END
