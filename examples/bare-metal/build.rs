//! Gives the linker the memory map of the machine that the emulator has for this target.

fn main() {
    let target = std::env::var("TARGET").unwrap_or_default();
    let map = match target.as_str() {
        "thumbv6m-none-eabi" => "microbit.ld",
        "thumbv7em-none-eabihf" => "mps2.ld",
        "riscv32imac-unknown-none-elf" => "virt.ld",
        _ => panic!("there is no memory map for {target}"),
    };
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rustc-link-arg-bins=-T{folder}/link/{map}");
    println!("cargo::rustc-link-arg-bins=-L{folder}/link");
    println!("cargo::rerun-if-changed=link");
}
