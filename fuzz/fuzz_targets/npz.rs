//! `RUSTC_BOOTSTRAP=1 cargo fuzz run npz`: see `fuzz/README.md`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mote_fuzz::archive::read(bytes));
