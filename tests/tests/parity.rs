//! The chip is the host: same program, same seed, same bits, on every machine.
//!
//! Needs the emulator and the chip targets; `cargo verify` runs it. The lines of the host come from this
//! very build (debug) and from a release build of the engine.

use mote_host::board::machine::{self, Machine};
use mote_host::emulator::preset_run::{Plan, Session, run};
use mote_runtime::runs::presets::Preset;
use std::time::Duration;

const FAST: bool = cfg!(feature = "fast-math");

fn on(machine: &'static Machine, preset: &str) -> (Session, Vec<String>) {
    let preset = Preset::by_name(preset).unwrap();
    let plan = Plan { machine, preset, fast_math: FAST, deadline: Duration::from_secs(300), install: false };
    let mut lines = Vec::new();
    let session = run(&plan, true, &mut lines, |_| Ok(())).unwrap();
    (session, lines)
}

fn check(machine: &'static Machine, preset: &str, steps: usize) {
    let (session, lines) = on(machine, preset);
    let count = lines.iter().filter(|line| line.starts_with("mote step ")).count();
    assert_eq!(count, steps, "{}: steps of {preset}", machine.name);
    assert!(session.comparison.is_equal(), "{}: {}", machine.name, session.comparison);
    assert_eq!(session.comparison.found, session.comparison.expected);
    println!("{} {preset}: {}", machine.name, session.comparison);
}

/// 2 runs of 200 steps: both data forms, both initialisations, label flips, trained output, digests of
/// the data stream and of the initial and final weights, the tracked quantities.
#[test]
fn every_machine_prints_the_lines_of_the_host() {
    for machine in machine::emulated() {
        check(machine, "parity-tiny", 400);
        if machine.name != "microbit" {
            check(machine, "parity", 400);
        }
    }
}

/// A run that the user sees fail has its lines all the same: they are handed over as they arrive.
#[test]
fn lines_are_kept_when_the_deadline_passes() {
    let machine = machine::by_name("mps2-an385").unwrap();
    let preset = Preset::by_name("parity").unwrap();
    let plan = Plan { machine, preset, fast_math: FAST, deadline: Duration::from_secs(1), install: false };
    let mut lines = Vec::new();
    let error = run(&plan, true, &mut lines, |_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("not done after 1 s"), "{error}");
    assert!(lines.len() > 5 && lines[1].starts_with("mote hello "), "{} lines", lines.len());
}

/// A release build of the engine prints what this debug build computes.
#[cfg(debug_assertions)]
#[test]
fn debug_and_release_print_the_same_lines() {
    use mote_host::reference::preset_run::{host_lines, portable};
    use std::process::Command;

    let root = mote_host::board::build::workspace().unwrap();
    for preset in ["parity", "parity-tiny", "demo"] {
        let features = if FAST { "alloc,fast-math" } else { "alloc" };
        let output = Command::new("cargo")
            .args(["run", "--quiet", "--release", "--package", "mote-core", "--example", "report"])
            .args(["--features", features, "--", preset])
            .current_dir(&root)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let release: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect();
        let debug = host_lines(&Preset::by_name(preset).unwrap()).unwrap();
        let (debug, release) = (portable(&debug).unwrap(), portable(&release).unwrap());
        assert_eq!(debug, release, "{preset}");
        println!("debug and release: {} lines of {preset} equal", release.len());
    }
}

/// The instruction gate: at most 5 guest instructions per multiply-accumulate for a whole step, with libm.
#[cfg(not(feature = "fast-math"))]
#[test]
fn a_step_takes_at_most_five_instructions_per_multiply_accumulate() {
    let (session, _) = on(machine::by_name("mps2-an386").unwrap(), "demo");
    let work = session.work.expect("the board counts");
    println!(
        "{:.0} instructions a step, {:.3} per multiply-accumulate",
        work.instructions_per_step, work.instructions_per_mac
    );
    assert!(work.instructions_per_mac <= 5.0, "{}", work.instructions_per_mac);
    assert!(work.instructions_per_mac > 1.0, "the count cannot be right: {}", work.instructions_per_mac);
}
