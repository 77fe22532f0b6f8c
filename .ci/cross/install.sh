#!/usr/bin/env bash
# install.sh [TARGET...]: a Rust compiler that can build `core` and `std` from source, and the emulators, on Debian 12.
#
# Debian's rustc-web comes with the source of its own library, so that `-Zbuild-std` makes any target the compiler
# knows. It is unpacked into ${XDG_CACHE_HOME:-~/.cache}/gp-cross, not installed: the Rust of the machine stays as it
# is. TARGET is a Linux target whose linker and C library are wanted too: powerpc-unknown-linux-gnu, i686-unknown-linux-gnu;
# or `arm-none-eabi`: a C compiler for Arm microcontrollers, and the headers of a C library (not the library).
#
# A second run finds everything in its place and does nothing. Packages come by apt-get (as root, or through sudo); the
# cargo and rust-lld of the machine's Rust do the rest. See `cargo` and `emulate` beside this file for what uses it.
set -euo pipefail

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/gp-cross
export DEBIAN_FRONTEND=noninteractive

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

lists_fresh=no
refresh_lists() {
    [ "$lists_fresh" = yes ] || as_root apt-get -qq -o DPkg::Lock::Timeout=300 update
    lists_fresh=yes
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Debian packages, those that are missing.
want() {
    local package
    local -a missing=()
    for package in "$@"; do
        installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    refresh_lists
    as_root apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "${missing[@]}" >/dev/null
}

# The first package in the Depends of $1 whose name matches $2.
dependency() {
    apt-cache show --no-all-versions "$1" | sed -n 's/^Depends: //p' | tr ',|' '\n\n' | awk '{print $1}' | grep -E -m1 "$2"
}

want qemu-system-arm qemu-system-misc
for target in "$@"; do
    case $target in
    powerpc-*) want qemu-user gcc-powerpc-linux-gnu libc6-dev-powerpc-cross ;;
    i686-*) want qemu-user gcc-i686-linux-gnu libc6-dev-i386-cross ;;
    arm-none-eabi) want gcc-arm-none-eabi libnewlib-dev ;;
    *) echo "install.sh: no packages are known for $target" >&2 && exit 2 ;;
    esac
done

mkdir -p "$CACHE"
if [ ! -e "$CACHE/complete" ] || ! "$CACHE/bin/rustc" --version >/dev/null 2>&1; then
    # The compiler that can be downloaded is the one the lists name, so the lists must be of today.
    refresh_lists
    std=$(dependency libstd-rust-web-dev '^libstd-rust-web-[0-9]')
    llvm=$(dependency "$std" '^libllvm')
    # The library that the compiler is linked with; and llvm-size, llvm-nm and llvm-objdump of the same version.
    want "$llvm" "llvm-${llvm#libllvm}"

    fresh=$CACHE/fresh.$$
    trap 'rm -rf "$fresh"' EXIT
    mkdir -p "$fresh/packages" "$fresh/sysroot" "$fresh/bin"
    (cd "$fresh/packages" && apt-get -qq -o APT::Sandbox::User="$(id -un)" download \
        rustc-web "$std" libstd-rust-web-dev rust-web-src)
    for package in "$fresh"/packages/*.deb; do
        case $package in
        */rust-web-src_*) parts=(--wildcards './usr/src/rustc-*/library' './usr/lib/rustlib/src/*') ;;
        *) parts=(--exclude './usr/share/*') ;;
        esac
        dpkg-deb --fsys-tarfile "$package" | tar -x -C "$fresh/sysroot" "${parts[@]}"
    done
    libraries=$CACHE/sysroot/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo x86_64-linux-gnu)
    for program in rustc rustdoc; do
        cat >"$fresh/bin/$program" <<END
#!/bin/sh
LD_LIBRARY_PATH=$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH} exec $CACHE/sysroot/usr/bin/$program "\$@"
END
        chmod +x "$fresh/bin/$program"
    done
    for program in size nm objdump readelf; do
        ln -s "/usr/lib/llvm-${llvm#libllvm}/bin/llvm-$program" "$fresh/bin/llvm-$program"
    done

    # From here on the old one is gone; the mark comes last.
    rm -rf "$CACHE/complete" "$CACHE/sysroot" "$CACHE/bin"
    mv "$fresh/sysroot" "$fresh/bin" "$CACHE/"
    "$CACHE/bin/rustc" --version >"$CACHE/version"
    mv "$CACHE/version" "$CACHE/complete"
fi
echo "cross: $(cat "$CACHE/complete") in $CACHE"
