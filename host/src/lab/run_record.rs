//! `run.json`: what a run was, by which program and on what, beside what is its own.

use crate::lab::grid::Config;
use crate::lab::page;
use crate::lab::session::machine;
use mote_lab::product;
use serde_json::{Value, json};

/// The file.
pub const NAME: &str = "run.json";

/// The file's text: what every run has, and the keys of `own`.
///
/// # Errors
///
/// If a value is not one that JSON can hold.
pub fn text(config: &Config, threads: usize, seconds: f64, own: Value) -> anyhow::Result<String> {
    let mut run = json!({
        "command": page::command(),
        "version": env!("CARGO_PKG_VERSION"),
        "commit": env!("MOTE_COMMIT"),
        "engine": mote_core::VERSION,
        "math": mote_core::math::NAME,
        "seed": config.seed,
        "config": config,
        "threads": threads,
        "machine": machine(),
        "simd": product::simd(),
        "seconds_of_this_session": seconds,
    });
    if let (Value::Object(run), Value::Object(own)) = (&mut run, own) {
        run.extend(own);
    }
    Ok(format!("{}\n", serde_json::to_string_pretty(&run)?))
}
