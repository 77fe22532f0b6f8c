#!/usr/bin/env bash
# bare_metal.sh test|sizes|write-sizes: the programs of examples/bare-metal, built and run under the emulator.
# bare_metal.sh c: the same in C, linked with the archive. bare_metal.sh archive: can the archive for C panic?
# bare_metal.sh residue: what is left on the stack.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=$(realpath -m "${CARGO_TARGET_DIR:-$here/../../target}")/bare-metal
cd "$here/../../examples/bare-metal"

build() {
    CARGO_TARGET_DIR=$target "$here/cargo" build --locked -q --release --target "$@"
}

# The archive for C, as a vendor gets it.
library=$target/archive/thumbv7em-none-eabihf/release/libgp_ffi.a
build_library() {
    CARGO_TARGET_DIR=$target/archive "$here/cargo" build --locked -q --release --target thumbv7em-none-eabihf \
        --manifest-path ../../gp-ffi/archive/Cargo.toml
}

# Linked as if a program called every function of the header.
archive() {
    local linker name
    local -a wanted=()
    build_library
    linker=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-lld
    for name in $(grep -oE '\bgp_[a-z_0-9]+\(' ../../gp-ffi/include/gp.h | tr -d '(' | sort -u); do wanted+=(-u "$name"); done
    [ ${#wanted[@]} -gt 0 ]
    "$linker" -flavor gnu --gc-sections -e gp_status_text "${wanted[@]}" "$library" -o "$target/archive/libgp_ffi.elf"
}

# The self-test in C: sources, archive, and no C library of which anything could be used.
build_c() {
    local program=$1
    shift
    mkdir -p "$(dirname "$program")"
    arm-none-eabi-gcc -std=c99 -Wall -Wextra -Werror -pedantic -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 \
        -Os -ffunction-sections -fdata-sections -I../../gp-ffi/include -I../c-host "$@" \
        c/*.c ../c-host/{host,card,module}.c "$library" \
        -nostdlib -Llink -Tmps2.ld -Wl,--gc-sections,-z,noexecstack,--fatal-warnings -o "$program"
}

# A verdict is worth what its opposite is: this program, with one wrong octet in a vector, must fail.
must_fail() {
    if "$here/emulate" "$1" 2>"$target/wrong"; then
        echo "bare-metal: a wrong vector went unnoticed" >&2
        exit 1
    fi
    grep -q '^FAILED  AES-128, S8' "$target/wrong"
    [ "$(grep -c '^FAILED' "$target/wrong")" = 1 ]
    echo "bare-metal: the wrong vector was found"
}

test_c() {
    local program=$target/c/thumbv7em/self-test
    build_library
    build_c "$program"
    echo "bare-metal: thumbv7em-none-eabihf, in C"
    "$here/emulate" "$program"
    # No heap: no function of one is there, and nothing that would get memory for it.
    if arm-none-eabi-nm "$program" | grep -E ' _*(malloc|calloc|realloc|memalign|free|sbrk)(_r)?$'; then
        echo "bare-metal: the program in C has a heap" >&2
        exit 1
    fi
    build_c "$program-wrong" -DWRONG_VECTOR
    must_fail "$program-wrong"
}

# What each operation leaves on the stack, where sessions have raw keys and where they have schedules. The program fails
# where it is more than SECURITY.md states, or where what it plants itself goes unseen.
residue() {
    local features
    for features in "" cached-keys; do
        build thumbv7em-none-eabihf --bin residue --features "$features"
        echo "bare-metal: left on the stack, ${features:-raw keys}"
        "$here/emulate" "$target/thumbv7em-none-eabihf/release/residue"
    done
}

case $1 in
test)
    for triple in thumbv7em-none-eabihf thumbv6m-none-eabi riscv32imac-unknown-none-elf; do
        build "$triple" --bin loopback
        echo "bare-metal: $triple"
        "$here/emulate" "$target/$triple/release/loopback"
    done
    build thumbv7em-none-eabihf --bin loopback --features wrong-vector
    must_fail "$target/thumbv7em-none-eabihf/release/loopback"
    residue
    test_c
    ;;
residue)
    residue
    ;;
c)
    test_c
    ;;
sizes | write-sizes)
    for set in all aes-128; do
        features=()
        [ "$set" = all ] || features=(--no-default-features)
        build thumbv7em-none-eabihf --bin empty --bin channel --bin card --bin measure "${features[@]}"
        mkdir -p "$target/weighed-thumbv7em/$set"
        cp "$target"/thumbv7em-none-eabihf/release/{empty,channel,card,measure} "$target/weighed-thumbv7em/$set"
    done
    action=measure
    [ "$1" = sizes ] || action=write
    python3 "$here/sizes.py" $action "$target/weighed-thumbv7em"
    archive
    python3 "$here/sizes.py" panics "$target/archive/libgp_ffi.elf"
    ;;
archive)
    archive
    python3 "$here/sizes.py" panics "$target/archive/libgp_ffi.elf"
    ;;
*)
    echo "bare_metal.sh test|c|residue|sizes|write-sizes|archive" >&2
    exit 2
    ;;
esac
