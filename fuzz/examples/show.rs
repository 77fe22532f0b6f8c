//! Shows an input of a structured target as the value that it stands for, and then plays it:
//! `cargo run --no-default-features --example show TARGET FILE`.

use std::fmt::Debug;

use arbitrary::{Arbitrary, Unstructured};

fn show<'a, T: Arbitrary<'a> + Debug>(octets: &'a [u8], run: fn(&T)) {
    match T::arbitrary_take_rest(Unstructured::new(octets)) {
        Ok(value) => {
            println!("{value:#?}");
            run(&value);
        }
        Err(error) => println!("no value: {error}"),
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [_, target, file]: [String; 3] = std::env::args().collect::<Vec<_>>().try_into().map_err(|_| "TARGET FILE")?;
    let octets = std::fs::read(file)?;
    match &*target {
        "commands" => show(&octets, gp_fuzz::commands),
        "ffi" => show(&octets, gp_fuzz::ffi),
        "host_unwrap" => show(&octets, gp_fuzz::host_unwrap),
        "middle" => show(&octets, gp_fuzz::middle),
        "storage" => show(&octets, gp_fuzz::storage),
        "wire" => show(&octets, gp_fuzz::wire),
        _ => return Err("a target whose inputs are octets: look at them as they are".into()),
    }
    Ok(())
}
