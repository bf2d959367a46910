//! `RUSTC_BOOTSTRAP=1 cargo fuzz run session`: see `fuzz/README.md`.
#![no_main]

libfuzzer_sys::fuzz_target!(|script: &[u8]| mote_fuzz::harness::play(script));
