"""Standard input is JSON: one document, or one object per line. At least one value."""

import json
import sys

text = sys.stdin.read().strip()
if not text:
    sys.exit("no output")
try:
    json.loads(text)
except ValueError:
    for line in text.splitlines():
        json.loads(line)
