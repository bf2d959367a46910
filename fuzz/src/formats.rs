//! The readers of `mote-host`, file by file: all of it would take minutes to build, and the fuzzer would look into it.

#[path = "../../host/src/formats/npz.rs"]
pub mod npz;
#[path = "../../host/src/formats/samples.rs"]
pub mod samples;
