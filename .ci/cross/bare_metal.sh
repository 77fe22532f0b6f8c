#!/usr/bin/env bash
# bare_metal.sh test|sizes|write-sizes: the programs of examples/bare-metal, built and run under the emulator.
# bare_metal.sh archive: can the archive for C panic?
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=$(realpath -m "${CARGO_TARGET_DIR:-$here/../../target}")/bare-metal
cd "$here/../../examples/bare-metal"

build() {
    CARGO_TARGET_DIR=$target "$here/cargo" build --locked -q --release --target "$@"
}

# The archive for C, linked as if a program called every function of the header.
archive() {
    local triple=thumbv7em-none-eabihf linker name
    local -a wanted=()
    CARGO_TARGET_DIR=$target/archive "$here/cargo" build --locked -q --release --target $triple \
        --manifest-path ../../gp-ffi/archive/Cargo.toml
    linker=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-lld
    for name in $(grep -oE '\bgp_[a-z_0-9]+\(' ../../gp-ffi/include/gp.h | tr -d '(' | sort -u); do wanted+=(-u "$name"); done
    [ ${#wanted[@]} -gt 0 ]
    "$linker" -flavor gnu --gc-sections -e gp_status_text "${wanted[@]}" \
        "$target/archive/$triple/release/libgp_ffi.a" -o "$target/archive/libgp_ffi.elf"
}

case $1 in
test)
    for triple in thumbv7em-none-eabihf thumbv6m-none-eabi riscv32imac-unknown-none-elf; do
        build "$triple" --bin loopback
        echo "bare-metal: $triple"
        "$here/emulate" "$target/$triple/release/loopback"
    done
    # A verdict is worth what its opposite is: with one wrong octet in a vector the program must fail.
    build thumbv7em-none-eabihf --bin loopback --features wrong-vector
    if "$here/emulate" "$target/thumbv7em-none-eabihf/release/loopback" 2>"$target/wrong"; then
        echo "bare-metal: a wrong vector went unnoticed" >&2
        exit 1
    fi
    grep -q '^FAILED  AES-128, S8' "$target/wrong"
    echo "bare-metal: the wrong vector was found"
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
    echo "bare_metal.sh test|sizes|write-sizes|archive" >&2
    exit 2
    ;;
esac
