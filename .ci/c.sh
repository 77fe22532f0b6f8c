#!/usr/bin/env bash
# c.sh: the C interface as a C program sees it. The header compiles as C99 and C++17, every function is called well and
# badly, with the sanitizers (that for addresses in the Rust code, too) and under valgrind; the example host runs. Needs a C
# and a C++ compiler, Python, and valgrind.
# c.sh TRIPLE: the same tests and the example on another Linux, under its emulator (.ci/cross/install.sh TRIPLE); as many
# calls and checks as on this machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=${CARGO_TARGET_DIR:-$PWD/target}
built=$target/c
mkdir -p "$built"
warnings=(-Wall -Wextra -Werror -pedantic)
export GP_TEST_SCALE=${GP_TEST_SCALE:-100}

CARGO_TARGET_DIR=$target/archive cargo build --locked --release -q --manifest-path gp-ffi/archive/Cargo.toml
library=$target/archive/release/libgp_ffi.a

# What the library's own object defines begins with `gp_`; the others are the compiler's.
strange=$(nm -A --defined-only -g "$library" 2>/dev/null | awk '$1 ~ /:gp_ffi/ && $NF !~ /^(gp_|_R|_ZN)/ {print $NF}')
[ -z "$strange" ] || { echo "symbols without the prefix: $strange" >&2; exit 1; }

grep -oE '\bgp_[a-z_]+\(' gp-ffi/include/gp.h | tr -d '(' | sort -u | sed 's/.*/"&",/' >"$built/functions.h"
tests=(gp-ffi/tests/c/*.c examples/c-host/card.c examples/c-host/module.c)
include=(-Igp-ffi/include -Igp-ffi/tests/c -Iexamples/c-host -I"$built")
gcc -std=c99 "${warnings[@]}" -g -O1 "${include[@]}" "${tests[@]}" "$library" -o "$built/tests"

if [ $# -gt 0 ]; then
    case $1 in
    powerpc-*) compiler=powerpc-linux-gnu-gcc emulator=qemu-ppc ;;
    i686-*) compiler=i686-linux-gnu-gcc emulator=qemu-i386 ;;
    *) echo "c.sh: no compiler is known for $1" >&2; exit 2 ;;
    esac
    BUILD_STD=core CARGO_TARGET_DIR=$target/archive .ci/cross/cargo build --locked --release -q --target "$1" \
        --manifest-path gp-ffi/archive/Cargo.toml
    library=$target/archive/$1/release/libgp_ffi.a
    other=$built/$1
    mkdir -p "$other"
    "$compiler" -std=c99 "${warnings[@]}" -static -g -O1 "${include[@]}" "${tests[@]}" "$library" -o "$other/tests"
    "$compiler" -std=c99 "${warnings[@]}" -static -O1 -Igp-ffi/include examples/c-host/*.c "$library" -o "$other/c-host"
    "$emulator" "$other/c-host"
    "$emulator" "$other/tests" | tee "$other/there"
    "$built/tests" | tail -1 | diff - <(tail -1 "$other/there")
    exit
fi

printf '#include "gp.h"\nint main(void) { return 0; }\n' >"$built/header.c"
gcc -std=c99 "${warnings[@]}" -Igp-ffi/include -fsyntax-only "$built/header.c"
g++ -std=c++17 -x c++ "${warnings[@]}" -Igp-ffi/include -fsyntax-only "$built/header.c"
"$built/tests"
# The same with an engine that computes with the session keys, which the default library has no place for, and with the Rust
# code instrumented, too: gcc's runtime takes the calls of rustc's instrumentation. The flag is an unstable one; with a target
# named, build scripts do not get it.
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=$target/archive/address \
    cargo build --locked --release -q --target "$host" --manifest-path gp-ffi/archive/Cargo.toml --features external-aes
gcc -std=c99 "${warnings[@]}" -DGP_TEST_EXTERNAL_AES -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all \
    "${include[@]}" "${tests[@]}" "$target/archive/address/$host/release/libgp_ffi.a" -o "$built/tests-engine"
export ASAN_OPTIONS=detect_stack_use_after_return=1
"$built/tests-engine" | tail -1
gcc -std=c99 "${warnings[@]}" -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all "${include[@]}" "${tests[@]}" \
    "$library" -o "$built/tests-sanitized"
"$built/tests-sanitized" | tail -1
GP_TEST_SCALE=$((GP_TEST_SCALE / 20 + 1)) valgrind -q --error-exitcode=1 --leak-check=full "$built/tests" | tail -1

gcc -std=c99 "${warnings[@]}" -O1 -Igp-ffi/include -Iexamples/c-host examples/c-host/*.c "$library" -o "$built/c-host"
"$built/c-host"
