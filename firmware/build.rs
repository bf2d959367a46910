//! Lays out the board's memory, and names the preset that the firmware trains.

use std::path::PathBuf;
use std::{env, fs};

/// Board feature, flash and RAM of its memory.x, and the preset it trains unless told otherwise.
const BOARDS: [(&str, &str, &str, &str); 5] = [
    ("mps2-an385", "ORIGIN = 0x00000000, LENGTH = 4M", "ORIGIN = 0x20000000, LENGTH = 4M", "demo"),
    ("mps2-an386", "ORIGIN = 0x00000000, LENGTH = 4M", "ORIGIN = 0x20000000, LENGTH = 4M", "demo"),
    ("mps2-an500", "ORIGIN = 0x00000000, LENGTH = 4M", "ORIGIN = 0x20000000, LENGTH = 4M", "demo"),
    ("mps2-an505", "ORIGIN = 0x10000000, LENGTH = 4M", "ORIGIN = 0x38000000, LENGTH = 4M", "demo"),
    ("microbit", "ORIGIN = 0x00000000, LENGTH = 256K", "ORIGIN = 0x20000000, LENGTH = 16K", "tiny"),
];

fn main() {
    let is_on =
        |board: &str| env::var_os(format!("CARGO_FEATURE_{}", board.to_uppercase().replace('-', "_"))).is_some();
    let chosen: Vec<_> = BOARDS.iter().filter(|board| is_on(board.0)).collect();
    // None or several boards: the sources stop with a sentence.
    let preset = env::var("MOTE_PRESET").unwrap_or_else(|_| chosen.first().map_or("demo", |board| board.3).into());
    println!("cargo:rustc-env=MOTE_PRESET={preset}");
    println!("cargo:rerun-if-env-changed=MOTE_PRESET");
    println!("cargo:rerun-if-changed=build.rs");
    if let [(_, flash, ram, _)] = chosen[..] {
        let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
        let memory = format!("MEMORY {{\n  FLASH : {flash}\n  RAM : {ram}\n}}\n");
        fs::write(out.join("memory.x"), memory).expect("OUT_DIR can be written");
        // No interrupt is named: all of `board::vectors` go to the default handler.
        fs::write(out.join("device.x"), "").expect("OUT_DIR can be written");
        println!("cargo:rustc-link-search={}", out.display());
        // From here, and not from RUSTFLAGS, which a user may overwrite.
        println!("cargo:rustc-link-arg-bins=-Tlink.x");
        println!("cargo:rustc-link-arg-bins=--nmagic");
        if env::var_os("CARGO_FEATURE_DEFMT").is_some() {
            println!("cargo:rustc-link-arg-bins=-Tdefmt.x");
        }
    }
}
