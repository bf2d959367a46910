//! The list of checks.

use crate::cargo::Cargo;
use mote_host::board::build::FIRMWARE;
use mote_host::board::machine;
use mote_tests::volume::Volume;

/// A check: a name, and what does it.
#[derive(Clone, Debug)]
pub struct Check {
    /// What it is called.
    pub name: String,
    /// What is done.
    pub work: Work,
    /// Whether it needs chip targets, or the emulator too.
    pub needs: Needs,
    /// What it may run beside.
    pub lane: Lane,
    /// The smallest tier that has it.
    tier: Volume,
}

/// What must be on the machine beyond Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// The chips' targets.
    Targets,
    /// The emulator as well.
    Emulator,
}

/// Checks of one lane run one after the other. The first two lanes run at the same time, the last alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// This machine's code, in `target`.
    Host,
    /// The chips' code, in `target/chip`.
    Chip,
    /// What needs both.
    Emulator,
}

/// What a check does.
#[derive(Clone, Debug)]
pub enum Work {
    /// Calls cargo.
    Cargo(Cargo),
    /// Builds the firmware that these checks read.
    Firmware(Vec<String>),
    /// Looks whether every mutant still finds its place.
    MutantTexts,
    /// Applies mutants: all, or those with one of these in their name.
    Mutants(Vec<String>),
    /// Compares the figures in the documents, or writes them.
    Figures {
        /// Writes.
        write: bool,
    },
}

/// The mutants alone.
pub fn mutants(filters: Vec<String>) -> Check {
    let (work, needs) = (Work::Mutants(filters), Needs::Emulator);
    Check { name: "mutants".into(), work, needs, lane: Lane::Host, tier: Volume::Nightly }
}

/// The checks of a tier, or of all tiers those with one of the filters in their name. What reads firmware has it built.
pub fn chosen(volume: Volume, filters: &[String], install: bool, write: bool) -> Vec<Check> {
    let is_chosen = |check: &Check| match filters {
        [] => check.tier <= volume,
        _ => filters.iter().any(|part| check.name.contains(part.as_str())),
    };
    let mut chosen: Vec<Check> = checks(install, write).into_iter().filter(is_chosen).collect();
    let is_firmware = |check: &Check| matches!(check.work, Work::Firmware(_));
    let all = filters.is_empty() || chosen.iter().any(is_firmware);
    chosen.retain(|check| !is_firmware(check));
    let readers: Vec<String> = if all {
        checks(install, write).into_iter().filter(|check| check.tier <= volume).map(|check| check.name).collect()
    } else {
        chosen.iter().map(|check| check.name.clone()).collect()
    };
    if all || chosen.iter().any(|check| check.needs == Needs::Emulator) {
        let place = chosen.iter().position(|check| check.lane == Lane::Chip).unwrap_or(0);
        chosen.insert(place, firmware(readers));
    }
    chosen
}

fn firmware(readers: Vec<String>) -> Check {
    let (work, needs) = (Work::Firmware(readers), Needs::Targets);
    Check { name: "elf files".into(), work, needs, lane: Lane::Chip, tier: Volume::Fast }
}

/// What is lint-free and documented on this machine.
const HOST: &str = "--workspace --exclude mote-firmware";
/// Packages whose tests run on this machine. Always the same ones, so that cargo compiles what they share once.
const TESTED: &str = "--package mote-core --package mote-protocol --package mote-runtime --package mote-lab --package mote-host --package mote-tests";

/// All checks, cheap ones first in every lane.
fn checks(install: bool, write: bool) -> Vec<Check> {
    use Volume::{Fast, Full, Nightly};
    let mut checks = Vec::new();
    checks.extend(host());
    checks.push(firmware(Vec::new()));
    checks.extend(chips());
    let mut emulated = |tier, name: &str, test: &str| {
        // Two boards at a time: an emulator keeps one core busy, and what waits for the clock none.
        let args = format!("test --quiet {TESTED} --test {test} -- --ignored --nocapture --test-threads=2");
        let mut check = cargo(Lane::Emulator, Needs::Emulator, tier, name, &args);
        let Work::Cargo(call) = &mut check.work else { return };
        call.env.push((FIRMWARE, "built"));
        call.show = true;
        checks.push(check);
    };
    emulated(Full, "boards", "boards");
    emulated(Full, "serial", "serial");
    emulated(Full, "defmt log", "defmt");
    emulated(Full, "flash and resets", "flash_reset");
    emulated(Full, "session", "session_board");
    emulated(Full, "monitor", "monitor_board");
    emulated(Full, "device learns", "device_learn");
    emulated(Fast, "parity", "parity");
    let no_install = if install { "" } else { " --no-install" };
    let mut demo = cargo(Lane::Emulator, Needs::Emulator, Full, "demo", &format!("demo --quiet{no_install}"));
    if let Work::Cargo(call) = &mut demo.work {
        call.show = true;
    }
    checks.push(demo);
    for engine in ["hyperqueue", "slurm"] {
        let args = format!("test --quiet {TESTED} --test cluster {engine} -- --ignored --nocapture");
        let mut check = cargo(Lane::Host, Needs::Nothing, Nightly, &format!("parts under {engine}"), &args);
        if let Work::Cargo(call) = &mut check.work {
            call.show = true;
            call.env.extend((!install).then_some(("MOTE_NO_INSTALL", "1")));
        }
        checks.push(check);
    }
    let figures = |lane, needs, tier, name: &str, work| Check { name: name.into(), work, needs, lane, tier };
    checks.push(figures(Lane::Emulator, Needs::Emulator, Full, "figures", Work::Figures { write }));
    checks.push(figures(Lane::Emulator, Needs::Emulator, Nightly, "mutants", Work::Mutants(Vec::new())));
    checks
}

/// A check that calls cargo.
fn cargo(lane: Lane, needs: Needs, tier: Volume, name: &str, args: &str) -> Check {
    let words: Vec<String> = args.split(' ').map(String::from).collect();
    let (runs_tests, is_doc) = (words[0] == "test", words[0] == "doc");
    // Warnings count as errors wherever documentation is built.
    let env = if is_doc { vec![("RUSTDOCFLAGS", "-D warnings")] } else { Vec::new() };
    let work = Work::Cargo(Cargo { args: words, env, runs_tests, show: false });
    Check { name: name.into(), work, needs, lane, tier }
}

/// What needs nothing but Rust.
fn host() -> Vec<Check> {
    use Volume::{Fast, Full};
    let check = |tier, name, args: &str| cargo(Lane::Host, Needs::Nothing, tier, name, args);
    let texts = Check { work: Work::MutantTexts, ..check(Fast, "mutants find their places", "none") };
    let features = "--package mote-core --package mote-protocol --package mote-runtime --features mote-core/fast-math,mote-runtime/defmt";
    let mut tests = check(Fast, "tests", &format!("test {TESTED} --no-fail-fast"));
    if let Work::Cargo(call) = &mut tests.work {
        // Many of them wait for a line that stays silent: more threads than cores.
        call.env.push(("RUST_TEST_THREADS", "4"));
    }
    let doc = "doc --quiet --no-deps --document-private-items";
    vec![
        check(Fast, "format", "fmt --all --check"),
        texts,
        tests,
        check(Full, "tests with fast-math", "test --package mote-core --features fast-math"),
        check(Fast, "clippy host", &format!("clippy --quiet {HOST} --all-targets -- -D warnings")),
        check(
            Full,
            "clippy demo with fast-math",
            "clippy --quiet --package mote-host --no-default-features --features pictures,fast-math -- -D warnings",
        ),
        check(Full, "clippy core features", &format!("clippy --quiet {features} --all-targets -- -D warnings")),
        check(Full, "docs", &format!("{doc} {HOST}")),
    ]
}

/// What compiles for chips and is not run.
fn chips() -> Vec<Check> {
    use Volume::{Fast, Full};
    let chip = |target: &str| format!("--target {target} --target-dir target/chip");
    let check = |tier, name: &str, args: &str| cargo(Lane::Chip, Needs::Targets, tier, name, args);
    let m4f = chip("thumbv7em-none-eabihf");
    let mut checks = Vec::new();
    let bare = format!("build --quiet --package mote-runtime {}", chip("thumbv6m-none-eabi"));
    checks.push(check(Fast, "core crates without std or heap", &bare));
    for machine in machine::every() {
        let tier = if machine.name == "mps2-an386" { Fast } else { Full };
        let board = format!("--package mote-firmware {} --features {}", chip(machine.target), machine.name);
        // With the profile of the boards, whose tools are built anyway.
        let args = format!("clippy --quiet --profile chip {board} -- -D warnings");
        checks.push(check(tier, &format!("clippy firmware {}", machine.name), &args));
    }
    let defmt = "--package mote-firmware --profile chip --features nucleo-f446re,defmt";
    checks.push(check(Full, "firmware with defmt", &format!("build --quiet {defmt} {m4f}")));
    for (board, target) in [("mps2-an386", "thumbv7em-none-eabihf"), ("microbit", "thumbv6m-none-eabi")] {
        let features = format!("--features {board},session,panic-never");
        let build = format!("build --quiet --package mote-firmware --profile chip {features} {}", chip(target));
        let mut without = check(Full, &format!("firmware without panics, {board}"), &build);
        if let Work::Cargo(call) = &mut without.work {
            // Tuned as `mote` tunes it.
            call.env.push(("CARGO_TARGET_THUMBV7EM_NONE_EABIHF_RUSTFLAGS", "-C target-cpu=cortex-m4"));
            call.env.push(("CARGO_TARGET_THUMBV6M_NONE_EABI_RUSTFLAGS", "-C target-cpu=cortex-m0"));
        }
        checks.push(without);
    }
    let doc = "doc --quiet --no-deps --document-private-items --package mote-firmware --features mps2-an386";
    checks.push(check(Full, "docs firmware", &format!("{doc} {m4f}")));
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::catalogue;

    fn names(volume: Volume, filters: &[&str]) -> Vec<String> {
        let filters: Vec<String> = filters.iter().map(|filter| String::from(*filter)).collect();
        chosen(volume, &filters, true, false).into_iter().map(|check| check.name).collect()
    }

    #[test]
    fn a_larger_tier_has_all_of_a_smaller_one_and_more() {
        let [fast, full, nightly] = [Volume::Fast, Volume::Full, Volume::Nightly].map(|volume| names(volume, &[]));
        assert!(fast.iter().all(|name| full.contains(name)) && fast.len() < full.len());
        assert!(full.iter().all(|name| nightly.contains(name)) && full.len() < nightly.len());
        assert!(nightly.iter().enumerate().all(|(n, name)| !nightly[..n].contains(name)), "{nightly:?}");
    }

    #[test]
    fn what_reads_firmware_has_it_built_before_and_nothing_else() {
        assert_eq!(names(Volume::Full, &["serial"]), ["elf files", "serial"]);
        assert_eq!(names(Volume::Full, &["format"]), ["format"]);
        let one = chosen(Volume::Full, &["serial".into()], true, false);
        assert!(matches!(&one[0].work, Work::Firmware(readers) if *readers == ["serial"]));
        let all = chosen(Volume::Full, &[], true, false);
        let Some(Work::Firmware(readers)) =
            all.iter().map(|check| &check.work).find(|w| matches!(w, Work::Firmware(_)))
        else {
            panic!("no firmware is built")
        };
        for (reader, recipe) in catalogue(Volume::Full).unwrap() {
            assert!(readers.iter().any(|name| name == reader), "{recipe:?} is read by no check");
        }
        let reads = |check: &Check| matches!(&check.work, Work::Cargo(call) if call.env.contains(&(FIRMWARE, "built")));
        for check in all.iter().filter(|check| reads(check)) {
            assert!(catalogue(Volume::Full).unwrap().iter().any(|(reader, _)| *reader == check.name), "{}", check.name);
        }
    }
}
