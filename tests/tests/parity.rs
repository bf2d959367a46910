//! The chip is the host: same program, same seed, same bits, on every machine.
//!
//! The lines of the host come from three builds of the engine: this very one, one that no optimiser has touched and
//! that checks for overflow, and a release build.

use mote_host::board::build;
use mote_host::board::machine::{self, Machine};
use mote_host::emulator::preset_run::{RunResult, RunSpec, run, run_built};
use mote_host::reference::compare::Comparison;
use mote_host::reference::preset_run::{host_lines, portable};
use mote_runtime::runs::presets::Preset;
use mote_tests::volume::pick;
use std::process::Command;
use std::time::Duration;

fn plan(machine: &'static Machine, preset: &str, fast_math: bool) -> RunSpec {
    let preset = Preset::by_name(preset).unwrap();
    RunSpec { machine, preset, fast_math, deadline: Duration::from_secs(300), install: false }
}

fn on(plan: &RunSpec) -> (RunResult, Vec<String>) {
    let mut lines = Vec::new();
    let session = run(plan, true, &mut lines, |_| Ok(())).unwrap();
    (session, lines)
}

/// What a build of the engine alone prints of a preset.
fn report(profile: &str, preset: &str, fast_math: bool) -> Vec<String> {
    let features = if fast_math { "fast-math" } else { "" };
    let output = Command::new("cargo")
        .args(["run", "--quiet", "--profile", profile, "--package", "mote-runtime", "--example", "report"])
        .args(["--features", features, "--", preset])
        .current_dir(build::workspace().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect()
}

/// Every machine with every preset of parity that fits it: the lines of `expected`, and all steps of them.
fn every_machine(fast_math: bool, expected: impl Fn(&str) -> Vec<String>) {
    let machines = pick(&["mps2-an386", "microbit"][..], &[], &[]);
    for preset in ["parity-tiny", "parity"] {
        let expected = expected(preset);
        for machine in machine::emulated() {
            let plan = plan(machine, preset, fast_math);
            let is_chosen = machines.is_empty() || machines.contains(&machine.name);
            if !is_chosen || machine.check_preset(&plan.preset).is_err() {
                continue;
            }
            let (_, lines) = on(&plan);
            let steps = lines.iter().filter(|line| line.starts_with("mote step ")).count();
            assert_eq!(steps, 400, "{}: steps of {preset}", machine.name);
            let comparison = Comparison::new(&expected, &lines).unwrap();
            assert!(comparison.is_equal(), "{}: {comparison}", machine.name);
            assert_eq!(comparison.found, comparison.expected);
            println!("{} {preset}: {comparison}", machine.name);
        }
    }
}

/// 2 runs of 200 steps: both data forms, both initialisations, label flips, trained output, digests of
/// the data stream and of the initial and final weights, the tracked quantities.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn every_machine_prints_the_lines_of_the_host() {
    every_machine(false, |preset| host_lines(&Preset::by_name(preset).unwrap()).unwrap());
}

/// The same with micromath in the place of libm.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn every_machine_prints_the_lines_of_the_host_with_fast_math() {
    every_machine(true, |preset| report("release", preset, true));
}

/// What `mote device` itself says of it: its comparison is the one of the tests above.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn a_run_compares_its_lines_with_this_machine() {
    let machine = machine::by_name("microbit").unwrap();
    let (session, lines) = on(&plan(machine, "parity-tiny", false));
    assert!(session.comparison.is_equal(), "{}", session.comparison);
    assert_eq!(session.comparison.found, portable(&lines).unwrap().len());
    let (other, _) = on(&plan(machine, "parity-tiny", true));
    assert!(!other.comparison.is_equal(), "micromath is not libm");
}

/// A run that the user sees fail has its lines all the same: they are handed over as they arrive. This firmware says
/// on which board it runs, for ever.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn lines_are_kept_when_the_deadline_passes() {
    let machine = machine::by_name("mps2-an386").unwrap();
    let firmware = build::build_with(machine, "tiny", &["test-flood"]).unwrap();
    let plan = RunSpec { deadline: Duration::from_secs(5), ..plan(machine, "tiny", false) };
    let mut lines = Vec::new();
    let error = run_built(&plan, &firmware, true, &mut lines, |_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("not done after 5 s"), "{error}");
    assert!(lines.len() > 5 && lines.iter().any(|line| line.starts_with("mote board ")), "{} lines", lines.len());
}

/// A release build of the engine prints what a build without any optimisation computes.
#[test]
#[ignore = "builds the engine four times; cargo verify runs it"]
fn debug_and_release_print_the_same_lines() {
    for fast_math in [false, true] {
        for preset in ["parity", "parity-tiny", "demo"] {
            let (debug, release) = (report("plain", preset, fast_math), report("release", preset, fast_math));
            let (debug, release) = (portable(&debug).unwrap(), portable(&release).unwrap());
            assert_eq!(debug, release, "{preset}");
            assert!(release.len() > 400, "{preset}: {} lines", release.len());
            if !fast_math {
                let own = host_lines(&Preset::by_name(preset).unwrap()).unwrap();
                assert_eq!(portable(&own).unwrap(), release, "{preset}");
            }
            println!("debug and release: {} lines of {preset} equal", release.len());
        }
    }
}

/// The instruction gate: at most 5 guest instructions per multiply-accumulate for a whole step, with libm.
#[test]
#[ignore = "needs the emulator; cargo verify runs it"]
fn a_step_takes_at_most_five_instructions_per_multiply_accumulate() {
    let (session, _) = on(&plan(machine::by_name("mps2-an386").unwrap(), "demo", false));
    let work = session.work.expect("the board counts");
    println!(
        "{:.0} instructions a step, {:.3} per multiply-accumulate",
        work.instructions_per_step, work.instructions_per_mac
    );
    assert!(work.instructions_per_mac <= 5.0, "{}", work.instructions_per_mac);
    assert!(work.instructions_per_mac > 1.0, "the count cannot be right: {}", work.instructions_per_mac);
}
