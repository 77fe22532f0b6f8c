#!/usr/bin/env bash
# big_endian.sh [TRIPLE...]: all tests of the published crates, those in C as well, on Linux of another kind under its
# emulator: powerpc, where octets are the other way round, and i686; pointers of 32 bits on both. As many tests have to
# pass as there are on this machine. What install.sh brings for the triples has to be there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
# Per cent of the random cases: everything is some thirty times slower here.
export GP_TEST_SCALE=${GP_TEST_SCALE:-2}
[ $# -gt 0 ] || set -- powerpc-unknown-linux-gnu i686-unknown-linux-gnu
packages=()
for package in $(python3 .ci/manifests.py published); do packages+=(-p "$package"); done

# How many tests there are on this machine, examples in the documentation included.
listed() {
    CARGO_TARGET_DIR=$target cargo test --locked -q "${packages[@]}" -- --list "$@" | awk '/: test$/ {n++} END {print n + 0}'
}
tests=$(listed)
# Those that are run by hand only.
tests=$((tests - $(listed --ignored)))
[ "$tests" -gt 0 ]

for triple in "$@"; do
    # Where a pointer has 32 bits the contexts of gp-ffi have room for cached keys only if it is told of them, and all
    # crates of one build share them.
    CARGO_TARGET_DIR=$target/cross "$here/cargo" test --locked --target "$triple" "${packages[@]}" \
        --features gp-ffi/cached-keys | tee "$target/cross-tests"
    passed=$(awk '/^test result: ok/ {n += $4} END {print n + 0}' "$target/cross-tests")
    echo "big-endian: $triple: $passed tests passed, $tests on this machine"
    [ "$passed" = "$tests" ] || { echo "big-endian: that is not the same number" >&2; exit 1; }
    CARGO_TARGET_DIR=$target .ci/c.sh "$triple"
done
