#!/usr/bin/env bash
# coverage.sh [REPORT]: which lines and regions of the library crates their own tests run, as the compiler counts them.
#
# The tests of gp-tlv, gp-apdu, gp-scp03, gp-cardmanager-model and gp-ffi run at GP_TEST_SCALE (2 unless told), those of
# gp-scp03 once more without `cached-keys`. The counts of all are merged: a line counts as run if any instance of it ran.
# Test code does not count. gp-ffi is called from C, too. Documentation tests and the programs in examples/ take no part.
# A table goes to standard output, what is not covered to REPORT (coverage/uncovered.txt in the target folder unless told).
#
# Needs a C compiler, and llvm-profdata and llvm-cov of the LLVM that rustc was built with (`rustc -vV`): Debian's llvm-22
# for Rust 1.95. LLVM_BIN names their folder where it is another one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TARGET=$(realpath -m "${CARGO_TARGET_DIR:-$PWD/target}")/coverage
LLVM_BIN=${LLVM_BIN:-/usr/lib/llvm-$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')/bin}
REPORT=${1:-$TARGET/uncovered.txt}
export CARGO_TARGET_DIR=$TARGET GP_TEST_SCALE=${GP_TEST_SCALE:-2}
# Without optimisation the workspace builds in half the time, and what is counted is the same.
export CARGO_PROFILE_DEV_OPT_LEVEL=0 CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0

for tool in llvm-profdata llvm-cov; do
    [ -x "$LLVM_BIN/$tool" ] || { echo "coverage: no $LLVM_BIN/$tool" >&2; exit 2; }
done
mkdir -p "$TARGET"
rm -rf "$TARGET/raw"

# Only the workspace is instrumented: AES with counters would be slow, and is not ours to measure.
cat >"$TARGET/rustc" <<'WRAPPER'
#!/bin/sh
exec "$@" -C instrument-coverage
WRAPPER
chmod +x "$TARGET/rustc"
export RUSTC_WORKSPACE_WRAPPER=$TARGET/rustc LLVM_PROFILE_FILE=$TARGET/raw/%p-%m.profraw

objects=()
for set in all without-cached-keys; do
    # Only gp-scp03 has code that differs without `cached-keys`; the others pass the feature on.
    case $set in
    all) selection=(-p gp-tlv -p gp-apdu -p gp-scp03 -p gp-cardmanager-model -p gp-ffi) ;;
    *) selection=(-p gp-scp03 --no-default-features --features aes-192,aes-256) ;;
    esac
    cargo test --locked -q "${selection[@]}" --lib --tests --no-run --message-format json >"$TARGET/$set.json"
    cargo test --locked -q "${selection[@]}" --lib --tests >"$TARGET/$set.log" || { cat "$TARGET/$set.log" >&2; exit 1; }
    # The second build may take the name of a program of the first: keep each.
    mkdir -p "$TARGET/programs-$set"
    while read -r program; do
        cp "$program" "$TARGET/programs-$set/"
        objects+=(-object "$TARGET/programs-$set/$(basename "$program")")
    done < <(python3 -c '
import json, sys
for line in sys.stdin:
    program = json.loads(line).get("executable")
    if program:
        print(program)' <"$TARGET/$set.json")
done

# The interface for C is called from C: the tests of .ci/c.sh, against an archive with counters. The archive is a workspace
# of its own, to which gp-ffi is a dependency like others, so here all is instrumented.
(
    unset RUSTC_WORKSPACE_WRAPPER
    export CARGO_TARGET_DIR=$TARGET/archive CARGO_PROFILE_DEV_OPT_LEVEL=1
    RUSTFLAGS='-C instrument-coverage' cargo build --locked -q --manifest-path gp-ffi/archive/Cargo.toml
)
grep -oE '\bgp_[a-z_]+\(' gp-ffi/include/gp.h | tr -d '(' | sort -u | sed 's/.*/"&",/' >"$TARGET/functions.h"
# `core` as it comes names a function for unwinding, which an archive that is not optimised as a whole still refers to;
# and what writes the counts at the end is in the program only if it is asked for.
gcc -std=c99 -O1 -Igp-ffi/include -Igp-ffi/tests/c -Iexamples/c-host -I"$TARGET" gp-ffi/tests/c/*.c examples/c-host/card.c \
    examples/c-host/module.c "$TARGET/archive/debug/libgp_ffi.a" -Wl,--defsym=rust_eh_personality=0,-u,__llvm_profile_runtime -o "$TARGET/c-tests"
LLVM_PROFILE_FILE=$TARGET/raw/c.profraw "$TARGET/c-tests" >"$TARGET/c-tests.log"

# What is exported to C has the same names in both builds and may not have the same counters: each has a profile of its own.
exports=()
export_counts() {
    local name=$1
    shift
    "$LLVM_BIN/llvm-cov" export -format=lcov -instr-profile "$TARGET/$name.profdata" "$@" >"$TARGET/$name.lcov"
    "$LLVM_BIN/llvm-cov" export -skip-expansions -instr-profile "$TARGET/$name.profdata" "$@" >"$TARGET/$name.regions"
    exports+=("$TARGET/$name.lcov" "$TARGET/$name.regions")
}
"$LLVM_BIN/llvm-profdata" merge -sparse -o "$TARGET/c.profdata" "$TARGET/raw/c.profraw"
rm "$TARGET/raw/c.profraw"
"$LLVM_BIN/llvm-profdata" merge -sparse -o "$TARGET/rust.profdata" "$TARGET"/raw/*.profraw
export_counts c -object "$TARGET/c-tests"
export_counts rust "${objects[@]}"
python3 .ci/coverage.py "$REPORT" "${exports[@]}"
